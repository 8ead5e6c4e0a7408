//! `GET /access/reviews`: emergencies that wait for somebody to look at them; `POST` says what came of it.

use crate::form::{Errors, moment, stack};
use axum::Form;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use mach_access::{Act, Decision};
use mach_base::limits;
use mach_house::{Failure, House, Session, facility_name};
use mach_store::grants::{self, Grant, Review};
use mach_store::{people, schema};
use mach_ui::components::{
    Button, Card, Cell, Column, Empty, Field, FieldKind, Icon, Notice, PageHead, Row, Table, Tone, chip,
};
use mach_ui::http::Problem;
use mach_ui::{Html, Lang, msg, shell};
use serde::Deserialize;
use std::collections::HashMap;

/// Emergencies on one page.
const SHOWN: usize = 50;

#[derive(Default, Deserialize)]
pub(crate) struct Asked {
    #[serde(default)]
    done: String,
}

struct Found {
    waiting: Vec<Grant>,
    reviewed: Vec<Grant>,
    names: HashMap<i64, String>,
    codes: HashMap<i64, String>,
}

pub(crate) async fn page(
    State(house): State<House>,
    session: Session,
    Query(asked): Query<Asked>,
) -> Result<Html, Problem> {
    let decision = house.decide(&session, Act::ReviewAccess).await?;
    let found = found(&house, &decision).await?;
    house.write(decision, |tx| tx.audit(None, "emergencies", "granted")).await?;
    Ok(render(&session, &found, &asked, None))
}

async fn found(house: &House, decision: &Decision) -> Result<Found, Problem> {
    house
        .read(decision.clone(), move |r| -> Result<Found, Failure> {
            let (waiting, reviewed) = (grants::waiting(r, SHOWN)?, grants::reviewed(r, SHOWN)?);
            let mut names = HashMap::new();
            for grant in waiting.iter().chain(&reviewed) {
                let name = people::person(r, grant.person)?.map(|p| p.name).unwrap_or_default();
                names.insert(grant.person, name);
            }
            Ok(Found { waiting, reviewed, names, codes: schema::facilities(r)?.into_iter().collect() })
        })
        .await
}

#[derive(Deserialize)]
pub(crate) struct Typed {
    #[serde(default)]
    verdict: String,
    #[serde(default)]
    remark: String,
}

pub(crate) async fn settle(
    State(house): State<House>,
    session: Session,
    Path(id): Path<String>,
    Form(typed): Form<Typed>,
) -> Result<Response, Problem> {
    let decision = house.decide(&session, Act::ReviewAccess).await?;
    let (id, lang): (i64, Lang) = (id.parse().map_err(|_| Problem::NotFound)?, session.lang);
    let outcome = match typed.verdict.as_str() {
        "order" => Some(Review::InOrder),
        "misuse" => Some(Review::Misuse),
        _ => None,
    };
    let remark = typed.remark.trim().to_owned();
    let long = crate::desk::too_long(lang, &remark, limits::NAME_CHARS);
    let mut errors: Errors = long.map(|error| ("remark", error)).into_iter().collect();
    let Some(outcome) = outcome.filter(|_| errors.is_empty()) else {
        if outcome.is_none() {
            errors.push(("verdict", lang.t(msg::FIELD_CHOOSE).to_owned()));
        }
        let found = found(&house, &decision).await?;
        let page = render(&session, &found, &Asked::default(), Some((id, &typed, &errors)));
        return Ok((StatusCode::BAD_REQUEST, page).into_response());
    };
    let (own, me) = (decision.scope().facility(), session.actor.account);
    let settled = house
        .write(decision, move |tx| match grants::by_id(tx, id)? {
            // Of another facility, or one's own: there is none such.
            Some(grant) if own.is_none_or(|f| f == grant.at_facility) && grant.account != me => {
                tx.review_grant(id, outcome, &remark)
            }
            _ => Ok(false),
        })
        .await?;
    if settled { Ok(Redirect::to("/access/reviews?done=1").into_response()) } else { Err(Problem::NotFound) }
}

/// What was typed of one emergency, by its number, and what is wrong with it.
type Refused<'a> = (i64, &'a Typed, &'a Errors);

fn render(session: &Session, found: &Found, asked: &Asked, wrong: Option<Refused<'_>>) -> Html {
    let lang = session.lang;
    let title = lang.t(msg::NAV_ACCESS_REVIEW);
    let mut parts = vec![Html::from(PageHead::new(title).lead(lang.t(msg::ACCESS_REVIEW_LEAD)))];
    if !asked.done.is_empty() {
        parts.push(Notice::new(lang, Tone::Good, lang.t(msg::ACCESS_REVIEW_SAVED)).into());
    }
    let mut waiting: Vec<Html> = found.waiting.iter().map(|grant| one(session, found, grant, wrong)).collect();
    if waiting.is_empty() {
        waiting.push(Empty::new(Icon::Review, lang.t(msg::ACCESS_REVIEW_NONE), "").into());
    }
    parts.push(Card::new(lang.t(msg::ACCESS_REVIEW_WAITING), stack(waiting)).into());
    if !found.reviewed.is_empty() {
        parts.push(Card::new(lang.t(msg::ACCESS_REVIEW_DONE), reviewed(lang, found)).into());
    }
    shell::page(&session.meta(title, "/access/reviews"), stack(parts))
}

/// Who opened whose record, when and why.
fn words(lang: Lang, found: &Found, grant: &Grant) -> [String; 4] {
    let facility = found.codes.get(&grant.at_facility);
    let facility = facility.map_or_else(|| lang.t(msg::DEPARTMENT_OF_HEALTH).to_owned(), |code| facility_name(code));
    let whose = found.names.get(&grant.person).cloned().unwrap_or_default();
    [format!("{} · {facility}", grant.made_name), whose, moment(grant.made), grant.reason.clone()]
}

fn one(session: &Session, found: &Found, grant: &Grant, wrong: Option<Refused<'_>>) -> Html {
    let lang = session.lang;
    let labels = [msg::ACCESS_REVIEW_WHO, msg::ACCESS_REVIEW_WHOSE, msg::ACCESS_REVIEW_WHEN, msg::ACCESS_REVIEW_REASON];
    let mut facts = mach_ui::components::Definitions::default();
    for (label, word) in labels.into_iter().zip(words(lang, found, grant)) {
        facts = facts.row(lang.t(label), Html::text(&word));
    }
    if grant.account == session.actor.account {
        // One's own is another's to look at.
        let own = Notice::new(lang, Tone::Info, lang.t(msg::ACCESS_REVIEW_OWN));
        return Card { tone: Tone::Warning, ..Card::new("", stack([facts.into(), own.into()])) }.into();
    }
    let choices = [("order", msg::ACCESS_REVIEW_FINE), ("misuse", msg::ACCESS_REVIEW_MISUSE)];
    let choices = choices.map(|(value, label)| (value.to_owned(), lang.t(label).to_owned())).to_vec();
    let mut fields = [
        Field::new("verdict", lang.t(msg::ACCESS_REVIEW_VERDICT), FieldKind::Choice(choices)).to_choose(lang),
        Field::new("remark", lang.t(msg::ACCESS_REVIEW_REMARK), FieldKind::Text),
    ]
    .map(|field| field.nth(grant.id));
    if let Some((_, typed, errors)) = wrong.filter(|(id, ..)| *id == grant.id) {
        let [verdict, remark] = fields;
        fields = [verdict.value(&*typed.verdict).told(errors), remark.value(&*typed.remark).told(errors)];
    }
    let action = format!("/access/reviews/{}", grant.id);
    let form = crate::form::form(lang, &action, &fields, Button::submit(lang.t(msg::SAVE)));
    Card { tone: Tone::Warning, ..Card::new("", stack([facts.into(), form])) }.into()
}

fn reviewed(lang: Lang, found: &Found) -> Table {
    let row = |grant: &Grant| {
        let verdict = match grant.review {
            Review::Misuse => chip(Tone::Bad, lang.t(msg::ACCESS_REVIEW_MISUSE)),
            _ => chip(Tone::Good, lang.t(msg::ACCESS_REVIEW_FINE)),
        };
        let by = [grant.reviewed_name.as_deref(), grant.remark.as_deref()];
        let by = by.into_iter().flatten().filter(|t| !t.is_empty()).collect::<Vec<_>>().join(": ");
        let [who, whose, when, reason] = words(lang, found, grant);
        let plain = |text: &str| Cell(Html::text(text));
        Row::new([plain(&who), plain(&whose), plain(&when), plain(&reason), Cell(verdict), plain(&by)])
    };
    let columns = [
        msg::ACCESS_REVIEW_WHO,
        msg::ACCESS_REVIEW_WHOSE,
        msg::ACCESS_REVIEW_WHEN,
        msg::ACCESS_REVIEW_REASON,
        msg::ACCESS_REVIEW_VERDICT,
        msg::ACCESS_REVIEW_REMARK,
    ];
    let table = Table::new(lang, lang.t(msg::ACCESS_REVIEW_DONE), columns.map(|c| Column::text(lang.t(c))).to_vec());
    Table { caption_hidden: true, ..table.rows(found.reviewed.iter().map(row).collect()).stack() }
}
