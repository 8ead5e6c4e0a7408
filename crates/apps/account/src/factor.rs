//! `/account/second-factor`: one-time codes from an app.

use crate::form::{Failure, codes, form, new_code};
use askama::Template;
use axum::extract::{Form, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use mach_access::{Act, secret, totp};
use mach_base::limits;
use mach_base::time::now_seconds;
use mach_house::{House, Session, proof};
use mach_store::factors::{self, Factor};
use mach_ui::components::{Button, Card, Notice, PageHead, Tone, line, stack};
use mach_ui::http::Problem;
use mach_ui::shell::Crumb;
use mach_ui::{Html, Lang, msg, shell};
use qrcode::render::svg;
use qrcode::{EcLevel, QrCode};
use serde::Deserialize;

/// `POST /account/second-factor/new`.
pub(crate) async fn propose(State(house): State<House>, session: Session) -> Result<Redirect, Problem> {
    let decision = house.decide(&session, Act::UseAccount).await?;
    session.is_proven()?;
    let (id, secret) = (session.actor.account, totp::new_secret().map_err(Problem::internal)?);
    house
        .write(decision, move |tx| {
            let proposed = tx.propose_factor(id, &secret)?;
            tx.audit(None, &format!("account {id} factor proposed"), if proposed { "granted" } else { "failed" })
        })
        .await?;
    Ok(Redirect::to("/account/second-factor"))
}

/// The unconfirmed factor of who asks; without one there is nothing to show.
async fn proposed(house: &House, session: &Session) -> Result<Factor, Problem> {
    let decision = house.decide(session, Act::UseAccount).await?;
    session.is_proven()?;
    let id = session.actor.account;
    let factor = house.read(decision, move |r| factors::factor(r, id).map_err(Failure::from)).await?;
    factor.filter(|f| !f.confirmed).ok_or(Problem::NotFound)
}

/// `GET /account/second-factor`.
pub(crate) async fn page(State(house): State<House>, session: Session) -> Result<Html, Problem> {
    let factor = proposed(&house, &session).await?;
    Ok(render(&session, &factor, None))
}

#[derive(Template)]
#[template(path = "secret.html")]
struct SecretBody<'a> {
    lang: Lang,
    qr: &'a Html,
    text: String,
}

fn render(session: &Session, factor: &Factor, error: Option<&str>) -> Html {
    let lang = session.lang;
    let mut meta = session.meta(lang.t(msg::FACTOR_ADD), "/account");
    meta.crumbs = vec![Crumb::link(lang.t(msg::ACCOUNT_MINE), "/account"), Crumb::here(lang.t(msg::FACTOR_ADD))];
    let qr = qr(&totp::uri(lang.t(msg::PRODUCT), &session.actor.name, &factor.secret));
    let text = totp::base32(&factor.secret);
    let grouped: Vec<&str> = (0..text.len()).step_by(4).map(|i| &text[i..(i + 4).min(text.len())]).collect();
    let secret = Html::template(&SecretBody { lang, qr: &qr, text: grouped.join(" ") });
    let mut field = proof::code_field(lang);
    field.hint = lang.t(msg::FACTOR_CODE_HINT).to_owned();
    if let Some(text) = error {
        field = field.error(text);
    }
    let confirm = form(lang, "/account/second-factor", &[field], Button::primary(lang.t(msg::FACTOR_CONFIRM)));
    let parts = [
        Html::from(PageHead::new(lang.t(msg::FACTOR_ADD)).lead(lang.t(msg::FACTOR_ADD_LEAD))),
        Card::new(lang.t(msg::FACTOR_STEP_1), secret).into(),
        Card::new(lang.t(msg::FACTOR_STEP_2), confirm).into(),
    ];
    shell::page(&meta, stack(parts))
}

/// A QR code as an image; empty where the text is too long for one, which these never are.
fn qr(text: &str) -> Html {
    let Ok(code) = QrCode::with_error_correction_level(text, EcLevel::M) else { return Html::EMPTY };
    let drawn = code.render::<svg::Color<'_>>().min_dimensions(200, 200).build();
    let at = drawn.find("<svg").unwrap_or(0);
    Html::template(&Drawn { svg: &drawn[at..] })
}

#[derive(Template)]
#[template(path = "drawn.html")]
struct Drawn<'a> {
    svg: &'a str,
}

#[derive(Deserialize)]
pub(crate) struct Typed {
    code: String,
}

/// `POST /account/second-factor`: confirms it; the answer is the only time the codes for paper are shown.
pub(crate) async fn confirm(
    State(house): State<House>,
    session: Session,
    Form(typed): Form<Typed>,
) -> Result<Response, Problem> {
    let factor = proposed(&house, &session).await?;
    let lang = session.lang;
    let Some(step) = totp::accepted(&factor.secret, &typed.code, now_seconds(), factor.last_step) else {
        let page = render(&session, &factor, Some(lang.t(msg::CODE_WRONG)));
        return Ok((StatusCode::BAD_REQUEST, page).into_response());
    };
    let decision = house.decide(&session, Act::UseAccount).await?;
    let paper = (0..limits::PAPER_CODES).map(|_| new_code()).collect::<Result<Vec<_>, _>>()?;
    let hashes: Vec<_> = paper.iter().map(|code| secret::token_hash(&proof::plain_code(code))).collect();
    let id = session.actor.account;
    house
        .write(decision, move |tx| {
            tx.confirm_factor(id, step, &hashes)?;
            tx.audit(None, &format!("account {id} factor"), "granted")
        })
        .await?;
    let mut meta = session.meta(lang.t(msg::FACTOR_PAPER), "/account");
    meta.crumbs = vec![Crumb::link(lang.t(msg::ACCOUNT_MINE), "/account"), Crumb::here(lang.t(msg::FACTOR_PAPER))];
    let parts = [
        Html::from(PageHead::new(lang.t(msg::FACTOR_PAPER)).actions([mach_ui::components::print_button(lang)])),
        Notice::new(lang, Tone::Good, lang.t(msg::FACTOR_CONFIRMED)).into(),
        Card::new("", Html::concat([line(lang.t(msg::FACTOR_PAPER_LEAD)), codes(&paper)])).into(),
        Button::link(lang.t(msg::FACTOR_PAPER_KEPT), "/account").as_primary().into(),
    ];
    Ok(shell::page(&meta, stack(parts)).into_response())
}

/// `POST /account/second-factor/remove`.
pub(crate) async fn remove(State(house): State<House>, session: Session) -> Result<Redirect, Problem> {
    let decision = house.decide(&session, Act::UseAccount).await?;
    session.is_proven()?;
    let id = session.actor.account;
    house
        .write(decision, move |tx| {
            tx.drop_factor(id)?;
            tx.audit(None, &format!("account {id} factor removed"), "granted")
        })
        .await?;
    Ok(Redirect::to("/account?done=factor"))
}
