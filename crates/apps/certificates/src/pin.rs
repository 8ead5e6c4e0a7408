//! `/admin/signatures/pin`: what opens a signer's token. It is kept in memory until the program ends, or in a file that is sealed
//! with the keys of the house; it is shown to nobody, and stands in no log.

use crate::batch::facility_of;
use crate::desk::Desk;
use crate::view::told;
use axum::Extension;
use axum::extract::{Form, Query};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use mach_house::admin::{Closed, Proven};
use mach_house::{Failure, House, Session};
use mach_store::signing::{self, Provider, Signer};
use mach_ui::components::{Button, Card, Field, FieldKind, PageHead, field_form, muted, stack};
use mach_ui::http::Problem;
use mach_ui::shell::{Crumb, PageMeta};
use mach_ui::{Html, msg, shell};
use serde::Deserialize;
use std::sync::Arc;

/// Characters of a PIN, at least and at most: what tokens take.
const PIN_CHARS: std::ops::RangeInclusive<usize> = 4..=64;

/// Whose token.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Whose {
    id: i64,
    facility: String,
}

/// What was typed. It has no debug form: a PIN must not come into a log.
#[derive(Deserialize)]
pub(crate) struct Typed {
    id: i64,
    facility: String,
    #[serde(default)]
    pin: String,
    #[serde(default)]
    keep: String,
}

/// The signer, where their key is in a token of this machine.
async fn signer(house: &House, proven: &Proven, whose: &Whose) -> Result<Signer, Problem> {
    let Whose { id, facility } = whose.clone();
    let found = house.read(proven.decision.clone(), move |r| {
        let Some(facility) = facility_of(r, &facility)? else { return Ok::<_, Failure>(None) };
        Ok(signing::signer_of(r, facility, id)?)
    });
    found.await?.filter(|s| s.provider == Provider::Token && s.ended.is_none()).ok_or(Problem::NotFound)
}

fn asking(session: &Session, whose: &Whose, wrong: Option<&str>) -> Html {
    let lang = session.lang;
    let title = lang.t(msg::TOKEN_PIN);
    let keep = [("memory", msg::TOKEN_PIN_MEMORY), ("sealed", msg::TOKEN_PIN_SEALED)];
    let keep = keep.map(|(code, word)| (code.to_owned(), lang.t(word).to_owned())).into();
    let mut fields = [
        Field::new("pin", lang.t(msg::TOKEN_PIN_LABEL), FieldKind::Password).required(),
        Field::new("keep", lang.t(msg::TOKEN_PIN_KEEP), FieldKind::Choice(keep)).value("memory").required(),
    ];
    told(&mut fields, &wrong.map(|text| vec![("pin", text.to_owned())]).unwrap_or_default());
    let hidden = vec![("id", whose.id.to_string()), ("facility", whose.facility.clone())];
    let button = Button::primary(lang.t(msg::TOKEN_PIN_SAVE)).into();
    let body = field_form(lang, "/admin/signatures/pin", (lang.t(msg::TOKEN_PIN_LEAD), hidden), &fields, [button]);
    let parts = [PageHead::new(title).into(), Card::new(title, body).into(), muted(lang.t(msg::TOKEN_PIN_NOTE))];
    let crumbs = vec![Crumb::link(lang.t(msg::SIGNATURES), "/admin/signatures"), Crumb::here(title)];
    shell::page(&PageMeta { crumbs, ..session.meta(title, "/admin/signatures") }, stack(parts))
}

/// `GET /admin/signatures/pin?id=…&facility=…`.
pub(crate) async fn page(
    axum::extract::State(house): axum::extract::State<House>,
    proven: Proven,
    Query(whose): Query<Whose>,
) -> Result<Html, Closed> {
    signer(&house, &proven, &whose).await?;
    Ok(asking(&proven.session, &whose, None))
}

/// `POST /admin/signatures/pin`.
pub(crate) async fn keep(
    axum::extract::State(house): axum::extract::State<House>,
    Extension(desk): Extension<Arc<Desk>>,
    proven: Proven,
    Form(typed): Form<Typed>,
) -> Result<Response, Closed> {
    let Typed { id, facility, pin, keep } = typed;
    let whose = Whose { id, facility };
    let signer = signer(&house, &proven, &whose).await?;
    if !PIN_CHARS.contains(&pin.chars().count()) {
        let wrong = asking(&proven.session, &whose, Some(proven.session.lang.t(msg::TOKEN_PIN_WANTED)));
        return Ok((StatusCode::BAD_REQUEST, wrong).into_response());
    }
    let sealed = keep == "sealed";
    let kept = tokio::task::spawn_blocking(move || desk.keep_pin(signer.id, &pin, sealed));
    kept.await.map_err(Problem::internal)?.map_err(Problem::Internal)?;
    let how = if sealed { "sealed" } else { "held until the program ends" };
    let target = format!("token of signer {} opened: {how}", signer.id);
    house.write(proven.decision, move |tx| tx.audit(None, &target, "granted")).await?;
    Ok(Redirect::to("/admin/signatures?done=pin").into_response())
}
