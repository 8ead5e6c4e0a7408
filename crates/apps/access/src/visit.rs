//! `/desk`: who was let in by the access desk comes by the number of the request and a code, and sees what was approved: whole
//! records, or the facts that were asked for, and certified copies that were made.

use crate::desk::{extent_label, purpose_label};
use crate::facts::{self, Fact, Facts, names};
use crate::form::{moment, stack};
use axum::Form;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use mach_access::policy::Relation;
use mach_access::{Act, Actor, Decision, decide, secret};
use mach_base::limits;
use mach_house::proof::plain_code;
use mach_house::{Failure, House, NewSession, Session};
use mach_store::grants::{self, Grant};
use mach_store::sessions::State as Stands;
use mach_store::{desk, people, resources};
use mach_ui::components::{
    Button, Card, Cell, Column, Empty, Field, FieldKind, Icon, Notice, PageHead, Row, Table, Tone,
};
use mach_ui::http::{Here, Problem};
use mach_ui::shell::Crumb;
use mach_ui::{Html, Lang, msg, pages, shell};
use serde::Deserialize;

fn own_decision() -> Result<Decision, Problem> {
    decide(&Actor::console(), Act::UseAccount).map_err(Problem::internal)
}

fn door(lang: Lang, here: Here, number: &str, error: Option<String>) -> Html {
    let code = Field::new("code", lang.t(msg::DESK_CODE_FIELD), FieldKind::Text).required();
    pages::door(&pages::Door {
        lang,
        here: here.0,
        title: lang.t(msg::DESK_SIGN_IN).to_owned(),
        lead: lang.t(msg::DESK_SIGN_IN_LEAD).to_owned(),
        action: "/desk".to_owned(),
        next: "/desk/view".to_owned(),
        fields: vec![
            Field::new("number", lang.t(msg::DESK_NUMBER), FieldKind::Digits).required().value(number),
            Field { autocomplete: "off", ..code },
        ],
        button: lang.t(msg::SIGN_IN).to_owned(),
        error,
        ..pages::Door::default()
    })
}

pub(crate) async fn form(lang: Lang, here: Here) -> Html {
    door(lang, here, "", None)
}

#[derive(Deserialize)]
pub(crate) struct Typed {
    number: String,
    #[serde(default)]
    code: String,
}

pub(crate) async fn enter(
    State(house): State<House>,
    lang: Lang,
    here: Here,
    headers: HeaderMap,
    Form(typed): Form<Typed>,
) -> Result<Response, Problem> {
    let number = typed.number.trim().parse::<i64>().unwrap_or(0);
    let code: String = typed.code.chars().take(limits::NAME_CHARS).collect();
    let hash = secret::token_hash(&plain_code(&code));
    let new = NewSession::of(&headers)?;
    let (stored, agent) = (new.hash, new.agent.clone());
    // A number that is no request's, a wrong code, one that is over: the same answer, and the same work.
    let entered = house
        .write(own_decision()?, move |tx| {
            let account = tx.take_request_code(number, &hash)?;
            if let Some(account) = account {
                tx.begin_session(&stored, account, Stands::Open, &agent)?;
            }
            let outcome = if account.is_some() { "granted" } else { "denied" };
            tx.audit(None, &format!("desk sign-in {number}"), outcome)?;
            Ok(account.is_some())
        })
        .await?;
    if !entered {
        let page = door(lang, here, &typed.number, Some(lang.t(msg::DESK_WRONG).to_owned()));
        return Ok((StatusCode::UNAUTHORIZED, page).into_response());
    }
    Ok(([(header::SET_COOKIE, new.cookie(&house))], Redirect::to("/desk/view")).into_response())
}

struct Open {
    request: Option<desk::Request>,
    /// What was let in to, each with its person's name where that is told, and whether the policy opens anything of it.
    grants: Vec<(Grant, Option<String>, bool)>,
    /// Certified copies that were made of it.
    copies: Vec<desk::Made>,
}

pub(crate) async fn page(State(house): State<House>, session: Session) -> Result<Html, Problem> {
    let decision = house.decide(&session, Act::ViewDesk).await?;
    let account = session.actor.account;
    let found = house
        .read(decision.clone(), move |r| -> Result<Open, Failure> {
            let mut open = Vec::new();
            for grant in grants::of_account(r, account)?.into_iter().filter(|g| g.relation == Relation::Desk) {
                let name = match names(&grant) {
                    true => Some(people::person(r, grant.person)?.map(|p| p.name).unwrap_or_default()),
                    false => None,
                };
                let opens = resources::may_open(r, grant.person)?;
                open.push((grant, name, opens));
            }
            open.sort_by_key(|(grant, ..)| grant.id);
            let request = desk::of_account(r, account)?;
            let copies = match request.as_ref().filter(|request| request.is_open()) {
                Some(request) => desk::copies_of(r, request.id)?,
                None => Vec::new(),
            };
            Ok(Open { request, grants: open, copies })
        })
        .await?;
    house.write(decision, |tx| tx.audit(None, "desk view", "granted")).await?;
    let lang = session.lang;
    let title = lang.t(msg::DESK_VIEW);
    let mut parts = vec![Html::from(PageHead::new(title))];
    if let Some(request) = &found.request {
        let text = lang.fmt(
            msg::DESK_VIEW_LEAD,
            &[
                ("number", &request.id.to_string()),
                ("purpose", purpose_label(lang, request.purpose)),
                ("extent", &extent_label(lang, request.extent)),
                ("until", &moment(request.until)),
            ],
        );
        parts.push(Notice::new(lang, Tone::Warning, text).into());
    }
    let is_whole = found.request.as_ref().is_some_and(|request| request.extent.is_whole());
    let row = |(n, (grant, name, opens)): (usize, &(Grant, Option<String>, bool))| {
        let number = (n + 1).to_string();
        let label = name.clone().unwrap_or_else(|| lang.fmt(msg::DESK_RECORD, &[("number", &number)]));
        Row::new([match (opens, name) {
            (false, _) => Cell::two(&label, lang.t(msg::DESK_FACTS_NONE)),
            (true, Some(_)) if is_whole => Cell::link(&label, &format!("/people/{}", grant.person)),
            (true, _) => Cell::link(&label, &format!("/desk/facts/{}", grant.id)),
        }])
    };
    let table = Table::new(lang, title, vec![Column::text(lang.t(msg::DESK_PEOPLE))])
        .rows(found.grants.iter().enumerate().map(row).collect())
        .empty(Empty::new(Icon::Review, lang.t(msg::DESK_VIEW_NONE), ""));
    parts.push(Table { caption_hidden: true, ..table }.into());
    if !found.copies.is_empty() {
        let row = |made: &desk::Made| {
            let number = made.id.to_string();
            Row::new([Cell::link(&number, &format!("/desk/copies/{number}")), Cell(Html::text(&made.hash))])
        };
        let columns = [msg::DESK_COPY_NUMBER, msg::DESK_COPY_HASH].map(|c| Column::text(lang.t(c))).to_vec();
        let copies = Table::new(lang, lang.t(msg::DESK_COPIES), columns).rows(found.copies.iter().map(row).collect());
        parts.push(
            Card::new(lang.t(msg::DESK_COPIES), Html::from(Table { caption_hidden: true, ..copies.stack() })).into(),
        );
    }
    Ok(shell::page(&session.meta(title, "/desk/view"), stack(parts)))
}

pub(crate) async fn facts(
    State(house): State<House>,
    session: Session,
    Path(id): Path<String>,
) -> Result<Html, Problem> {
    let decision = house.decide(&session, Act::ViewDesk).await?;
    let (id, account): (i64, i64) = (id.parse().map_err(|_| Problem::NotFound)?, session.actor.account);
    let found = house
        .read(decision.clone(), move |r| -> Result<Option<Facts>, Failure> {
            match grants::by_id(r, id)?.filter(|grant| grant.account == account) {
                Some(grant) => {
                    let extent = desk::of_account(r, account)?.map_or_else(desk::Extent::default, |of| of.extent);
                    facts::gather(r, &grant, extent)
                }
                None => Ok(None),
            }
        })
        .await?;
    let (person, outcome) = found.as_ref().map_or((None, "denied"), |f| (Some(f.person), "granted"));
    house.write(decision, move |tx| tx.audit(person, &format!("desk facts {id}"), outcome)).await?;
    let found = found.ok_or(Problem::NotFound)?;
    Ok(shown(&session, &found))
}

fn shown(session: &Session, found: &Facts) -> Html {
    let lang = session.lang;
    let title = lang.t(msg::DESK_FACTS);
    let mut meta = session.meta(title, "/desk/view");
    meta.crumbs = vec![Crumb::link(lang.t(msg::DESK_VIEW), "/desk/view"), Crumb::here(title)];
    let who = match &found.who {
        Some(row) => vec![row.name.clone(), facts::sex_label(lang, row.sex).to_owned(), facts::born(row)],
        None => vec![
            facts::sex_label(lang, found.sex).to_owned(),
            found.ages.clone().unwrap_or_default(),
            lang.t(msg::DESK_FACTS_LEAD).to_owned(),
        ],
    };
    let who = who.into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join(" · ");
    let row = |fact: &Fact| {
        Row::new(
            [lang.t(fact.kind), &fact.when, &fact.code, &fact.said, &fact.value].map(|text| Cell(Html::text(text))),
        )
    };
    let columns = [msg::DESK_KIND, msg::DESK_YEAR, msg::DESK_CODED, msg::DESK_SAID, msg::DESK_VALUE];
    let table = Table::new(lang, title, columns.map(|c| Column::text(lang.t(c))).to_vec())
        .rows(found.facts.iter().map(row).collect())
        .empty(Empty::new(Icon::Review, lang.t(msg::DESK_FACTS_NONE), ""))
        .stack();
    let mut parts = vec![Html::from(PageHead::new(title).lead(who))];
    parts.push(Notice::new(lang, Tone::Warning, lang.t(msg::DESK_WATCHED)).into());
    parts.push(Card::new("", Html::from(Table { caption_hidden: true, ..table })).into());
    let left = found.left_out(lang);
    if !left.is_empty() {
        let mut notice = Notice::new(lang, Tone::Info, lang.t(msg::DESK_LEFT));
        notice.more = stack(left.iter().map(|rule| Html::text(rule)));
        parts.push(notice.into());
    }
    parts.push(Button::link(lang.t(msg::DESK_VIEW), "/desk/view").into());
    shell::page(&meta, stack(parts))
}
