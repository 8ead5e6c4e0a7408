//! `/apps/launch/{person}`: an app is opened from a patient's page, and knows which patient (EHR launch).

use crate::Smart;
use axum::Extension;
use axum::Form;
use axum::extract::Path;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use mach_access::secret::{self, token_hash};
use mach_access::{Act, Decision};
use mach_house::{Failure, House, Session};
use mach_store::smart::{self, App, Launch};
use mach_store::{people, resources};
use mach_ui::components::{Button, Card, Empty, Icon, PageHead, PostForm, line, stack};
use mach_ui::http::Problem;
use mach_ui::shell::Crumb;
use mach_ui::{Html, msg, shell};
use serde::Deserialize;

/// The Patient's id and the person's name; 404 where they are not shown to who asks.
async fn patient(house: &House, decision: &Decision, person: i64) -> Result<(String, String), Problem> {
    let scope = decision.scope();
    let found = house.read(decision.clone(), move |r| -> Result<_, Failure> {
        let Some(id) = resources::patient_of(r, person)? else { return Ok(None) };
        if resources::person_of(r, scope, &id)? != Some(person) {
            return Ok(None);
        }
        Ok(people::person(r, person)?.map(|p| (id, p.name)))
    });
    found.await?.ok_or(Problem::NotFound)
}

async fn apps(house: &House, session: &Session, decision: &Decision) -> Result<Vec<App>, Problem> {
    let facility = session.actor.facility;
    house.read(decision.clone(), move |r| smart::launched(r, facility).map_err(Failure::from)).await
}

pub(crate) async fn page(
    Extension(smart): Extension<Smart>,
    session: Session,
    Path(person): Path<i64>,
) -> Result<Html, Problem> {
    let (house, lang) = (&smart.inner.house, session.lang);
    let decision = house.decide(&session, Act::ReadFhir).await?;
    let (_, name) = patient(house, &decision, person).await?;
    let apps = apps(house, &session, &decision).await?;
    let title = lang.t(msg::SMART_OPEN);
    let mut parts = vec![Html::from(PageHead::new(title).lead(lang.fmt(msg::SMART_OPEN_LEAD, &[("name", &name)])))];
    if apps.is_empty() {
        parts.push(Empty::new(Icon::Search, lang.t(msg::SMART_OPEN_NONE), lang.t(msg::SMART_OPEN_NONE_DO)).into());
    }
    for app in apps {
        let button = Button::primary(lang.t(msg::SMART_OPEN));
        let open = PostForm::new(lang, format!("/apps/launch/{person}"), button).with("app", app.id.to_string());
        parts.push(Card::new(&app.what.name, stack([line(&crate::words::site(&app.what.launch)), open.into()])).into());
    }
    let mut meta = session.meta(title, "/people");
    meta.crumbs = vec![Crumb::link(name, format!("/people/{person}")), Crumb::here(title)];
    Ok(shell::page(&meta, stack(parts)))
}

#[derive(Deserialize)]
pub(crate) struct Opened {
    app: i64,
}

pub(crate) async fn open(
    Extension(smart): Extension<Smart>,
    session: Session,
    headers: HeaderMap,
    Path(person): Path<i64>,
    Form(opened): Form<Opened>,
) -> Result<Response, Problem> {
    let house = &smart.inner.house;
    let decision = house.decide(&session, Act::ReadFhir).await?;
    let (id, _) = patient(house, &decision, person).await?;
    let apps = apps(house, &session, &decision).await?;
    let app = apps.into_iter().find(|a| a.id == opened.app).ok_or(Problem::NotFound)?;
    let name = secret::new_token("").map_err(Problem::internal)?;
    let launch = Launch { app: app.id, account: session.actor.account, patient: id, encounter: String::new() };
    let hash = token_hash(&name);
    house
        .write(decision, move |tx| {
            tx.launch(&hash, &launch)?;
            tx.audit(Some(person), &format!("app {} opened", launch.app), "granted")
        })
        .await?;
    let mut pairs = form_urlencoded::Serializer::new(String::new());
    pairs.append_pair("iss", &smart.fhir(&headers)).append_pair("launch", &name);
    let join = if app.what.launch.contains('?') { '&' } else { '?' };
    // The page says where the app is and leads there by a link: a form's way on is held to this site.
    let to = format!("{}{join}{}", app.what.launch, pairs.finish());
    let lang = session.lang;
    let title = lang.fmt(msg::SMART_OPENED, &[("app", &app.what.name)]);
    let go = Button::link(lang.t(msg::SMART_OPENED_GO), to).as_primary();
    let parts = [Html::from(PageHead::new(&title)), line(lang.t(msg::SMART_OPENED_LEAD)), go.into()];
    Ok(shell::page(&session.meta(title, "/people"), stack(parts)).into_response())
}
