//! `GET`, `POST /people/emergency`: a record is opened in an emergency. The reason is written down, the record stays open for
//! an hour to this one account, whoever answers for the facility looks at it afterwards, and the person sees it.

use crate::opening::number;
use axum::Form;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use mach_access::policy::{Purpose, Relation};
use mach_access::{Act, Decision, decide};
use mach_base::limits;
use mach_base::time::now_seconds;
use mach_house::{House, Session};
use mach_store::grants::{NewGrant, Review};
use mach_ui::components::{Button, Card, Field, FieldKind, Layout, Notice, PageHead, Tone, field_form, laid_out};
use mach_ui::http::Problem;
use mach_ui::shell::{self, Crumb};
use mach_ui::{Html, Lang, msg};
use serde::Deserialize;

/// A reason is at least so long: a word says nothing to who reviews it.
const REASON_CHARS: usize = 10;

#[derive(Deserialize, Default)]
pub(crate) struct Asked {
    /// The person whose record was on the screen.
    #[serde(default)]
    person: String,
}

#[derive(Deserialize)]
pub(crate) struct Typed {
    #[serde(default)]
    person: String,
    #[serde(default)]
    number: String,
    #[serde(default)]
    reason: String,
}

/// The button that leads here, for who may.
pub(crate) fn button(session: &Session, person: Option<i64>) -> Option<Html> {
    decide(&session.actor, Act::BreakGlass).ok()?;
    let address = person.map_or("/people/emergency".to_owned(), |p| format!("/people/emergency?person={p}"));
    Some(Button::link(session.lang.t(msg::EMERGENCY), address).into())
}

pub(crate) async fn page(
    State(house): State<House>,
    session: Session,
    Query(asked): Query<Asked>,
) -> Result<Html, Problem> {
    house.decide(&session, Act::BreakGlass).await?;
    let typed = Typed { person: asked.person, number: String::new(), reason: String::new() };
    Ok(render(&session, &typed, &[]))
}

pub(crate) async fn open(
    State(house): State<House>,
    session: Session,
    Form(typed): Form<Typed>,
) -> Result<Response, Problem> {
    let decision = house.decide(&session, Act::BreakGlass).await?;
    let lang = session.lang;
    let mut errors = Vec::new();
    let reason = typed.reason.trim().to_owned();
    let chars = reason.chars().count();
    if chars < REASON_CHARS {
        errors.push(("reason", lang.t(msg::EMERGENCY_REASON_SHORT).to_owned()));
    } else if chars > limits::NAME_CHARS {
        errors.push(("reason", lang.fmt(msg::FIELD_TOO_LONG, &[("max", &limits::NAME_CHARS.to_string())])));
    }
    session.looks_for_people()?;
    let person = if errors.is_empty() { find(&house, &decision, &typed).await? } else { None };
    let Some(person) = person else {
        if errors.is_empty() {
            // A number that names nobody is written down too: who tries numbers is seen.
            house.write(decision, |tx| tx.audit(None, "emergency", "failed")).await?;
            errors.push(("number", lang.t(msg::EMERGENCY_NOBODY).to_owned()));
        }
        return Ok((StatusCode::BAD_REQUEST, render(&session, &typed, &errors)).into_response());
    };
    let new = NewGrant {
        person,
        account: session.actor.account,
        facility: 0,
        relation: Relation::BreakGlass,
        purpose: Purpose::Emergency,
        until: now_seconds() + limits::BREAK_GLASS_MINUTES * 60,
        reason,
        source: String::new(),
        from: 0,
        review: Review::Waits,
    };
    house.write(decision, move |tx| tx.grant(&new)).await?;
    Ok(Redirect::to(&format!("/people/{person}")).into_response())
}

/// Whom the number names, or whose record was on the screen.
async fn find(house: &House, decision: &Decision, typed: &Typed) -> Result<Option<i64>, Problem> {
    let (shown, value) = (number(&typed.person).ok(), typed.number.trim().to_owned());
    house
        .read(decision.clone(), move |reader| -> crate::error::Result<Option<i64>> {
            if !value.is_empty() {
                return Ok(mach_people::by_exact_number(reader, &value)?);
            }
            match shown.map(|person| mach_people::root(reader, person)).transpose() {
                Ok(root) => Ok(root),
                Err(mach_people::Error::Unknown(_)) => Ok(None),
                Err(e) => Err(e.into()),
            }
        })
        .await
}

fn render(session: &Session, typed: &Typed, errors: &[(&str, String)]) -> Html {
    let lang = session.lang;
    let title = lang.t(msg::EMERGENCY);
    let mut meta = session.meta(title, "/people");
    meta.crumbs = vec![Crumb::link(lang.t(msg::PEOPLE), "/people"), Crumb::here(title)];
    let fields = fields(lang, typed, errors);
    let known = number(&typed.person).is_ok();
    let address =
        if known { format!("/people/emergency?person={}", typed.person) } else { "/people/emergency".to_owned() };
    // The person whose record was on the screen.
    let hidden = known.then(|| ("person", typed.person.clone()));
    let button = Button { danger: true, ..Button::primary(lang.t(msg::EMERGENCY_DO)) };
    let body = field_form(lang, address, ("", hidden.into_iter().collect()), &fields, [button.into()]);
    let minutes = limits::BREAK_GLASS_MINUTES.to_string();
    let parts = [
        Html::from(PageHead::new(title)),
        Notice::new(lang, Tone::Warning, lang.fmt(msg::EMERGENCY_LEAD, &[("minutes", &minutes)])).into(),
        Card::new("", body).into(),
    ];
    shell::page(&meta, laid_out(Layout::Stack, parts))
}

fn fields(lang: Lang, typed: &Typed, errors: &[(&str, String)]) -> Vec<Field> {
    let mut reason = Field::new("reason", lang.t(msg::EMERGENCY_REASON), FieldKind::Lines)
        .value(&*typed.reason)
        .hint(lang.t(msg::EMERGENCY_REASON_HINT))
        .required();
    reason.max_chars = limits::NAME_CHARS;
    let mut fields = Vec::new();
    // Where the record on the screen is not found, a number is asked for.
    if number(&typed.person).is_err() || errors.iter().any(|(name, _)| *name == "number") {
        let number = Field::new("number", lang.t(msg::EMERGENCY_NUMBER), FieldKind::Text)
            .value(&*typed.number)
            .hint(lang.t(msg::EMERGENCY_NUMBER_HINT))
            .required();
        fields.push(number.told(errors));
    }
    fields.push(reason.told(errors));
    fields
}
