//! `/access/protected`: whose record is of public interest: marked by who answers for the facility, or by the department, with a reason,
//! and ended again; and who of those who treat was named to open it, until a day.

use crate::desk::too_long;
use crate::form::{Errors, form, moment, stack};
use axum::Form;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use mach_access::policy::{Purpose, Relation};
use mach_access::{Act, Decision, Role};
use mach_base::{Day, limits};
use mach_house::{Failure, House, Session, facility_name, role_label};
use mach_store::accounts::{self, Account};
use mach_store::grants::{self, Grant, NewGrant, Review};
use mach_store::marks::{self, Mark};
use mach_store::sql::Query as Rows;
use mach_store::{people, schema};
use mach_ui::components::{
    Button, Card, Cell, Column, Definitions, Empty, Field, FieldKind, Icon, Notice, PageHead, PostForm, Row, Table,
    Tone, chip,
};
use mach_ui::http::Problem;
use mach_ui::shell::Crumb;
use mach_ui::{Html, Lang, msg, shell};
use serde::Deserialize;
use std::collections::HashMap;

/// Marks on one page.
const SHOWN: usize = 50;
/// Accounts of a facility that are offered to be named.
const OFFERED: usize = 500;
/// A reason is at least so long: a word says nothing.
const REASON_CHARS: usize = 10;
const DAY: i64 = 86_400;

#[derive(Deserialize, Default)]
pub(crate) struct Asked {
    before: Option<i64>,
    #[serde(default)]
    done: String,
}

/// What is typed of a mark.
#[derive(Deserialize, Default)]
pub(crate) struct Typed {
    #[serde(default)]
    number: String,
    #[serde(default)]
    reason: String,
}

/// What is typed of somebody who is named.
#[derive(Deserialize, Default)]
pub(crate) struct Naming {
    #[serde(default)]
    account: String,
    #[serde(default)]
    until: String,
    #[serde(default)]
    reason: String,
}

struct Listed {
    marks: Vec<Mark>,
    names: HashMap<i64, String>,
    codes: HashMap<i64, String>,
}

fn place(lang: Lang, codes: &HashMap<i64, String>, facility: i64) -> String {
    codes.get(&facility).map_or_else(|| lang.t(msg::DEPARTMENT_OF_HEALTH).to_owned(), |code| facility_name(code))
}

async fn listed(house: &House, decision: &Decision, before: Option<i64>) -> Result<Listed, Problem> {
    house
        .read(decision.clone(), move |r| -> Result<Listed, Failure> {
            let marks = marks::all(r, (before, SHOWN + 1))?;
            let mut names = HashMap::new();
            for mark in &marks {
                let name = people::person(r, mark.person)?.map(|p| p.name).unwrap_or_default();
                names.insert(mark.person, name);
            }
            Ok(Listed { marks, names, codes: schema::facilities(r)?.into_iter().collect() })
        })
        .await
}

pub(crate) async fn list(
    State(house): State<House>,
    session: Session,
    Query(asked): Query<Asked>,
) -> Result<Html, Problem> {
    let decision = house.decide(&session, Act::ProtectPeople).await?;
    let found = listed(&house, &decision, asked.before).await?;
    house.write(decision, |tx| tx.audit(None, "protected", "granted")).await?;
    Ok(list_page(&session, &found, &asked, (&Typed::default(), &Errors::new())))
}

fn state_chip(lang: Lang, mark: &Mark) -> Html {
    match mark.ended {
        None => chip(Tone::Warning, lang.t(msg::PROTECT_HOLDS)),
        Some(_) => chip(Tone::Plain, lang.t(msg::PROTECT_ENDED)),
    }
}

fn list_page(session: &Session, found: &Listed, asked: &Asked, (typed, errors): (&Typed, &Errors)) -> Html {
    let lang = session.lang;
    let title = lang.t(msg::PROTECT);
    let mut parts = vec![Html::from(PageHead::new(title).lead(lang.t(msg::PROTECT_LEAD)))];
    if asked.done == "marked" {
        parts.push(Notice::new(lang, Tone::Good, lang.t(msg::PROTECT_MARKED)).into());
    }
    let shown = &found.marks[..found.marks.len().min(SHOWN)];
    let row = |mark: &Mark| {
        let name = found.names.get(&mark.person).map_or("", String::as_str);
        Row::new([
            Cell::link(name, &format!("/access/protected/{}", mark.id)),
            Cell::two(&mark.made_name, &place(lang, &found.codes, mark.facility)),
            Cell(Html::text(&moment(mark.made))),
            Cell(state_chip(lang, mark)),
        ])
    };
    let columns = [msg::PROTECT_WHOM, msg::PROTECT_BY, msg::PROTECT_SINCE, msg::DESK_STATE];
    let table = Table::new(lang, title, columns.map(|c| Column::text(lang.t(c))).to_vec())
        .rows(shown.iter().map(row).collect())
        .empty(Empty::new(Icon::Shield, lang.t(msg::PROTECT_NONE), ""))
        .stack();
    let mut all = vec![Html::from(Table { caption_hidden: true, ..table })];
    if let Some(last) = shown.last().filter(|_| found.marks.len() > SHOWN) {
        all.push(Button::link(lang.t(msg::NEXT_PAGE), format!("/access/protected?before={}", last.id)).into());
    }
    parts.push(Card::new(lang.t(msg::PROTECT_ALL), stack(all)).into());
    let fields = [
        Field::new("number", lang.t(msg::PROTECT_NUMBER), FieldKind::Text).value(&*typed.number).required(),
        reason_field(lang, &typed.reason).hint(lang.t(msg::PROTECT_REASON_HINT)),
    ];
    let fields = fields.map(|field| field.told(errors));
    let write = form(lang, "/access/protected", &fields, Button::primary(lang.t(msg::PROTECT_DO)));
    parts.push(Card::new(lang.t(msg::PROTECT_NEW), write).into());
    shell::page(&session.meta(title, "/access/protected"), stack(parts))
}

fn reason_field(lang: Lang, value: &str) -> Field {
    let mut reason = Field::new("reason", lang.t(msg::ACCESS_REVIEW_REASON), FieldKind::Lines).value(value).required();
    reason.max_chars = limits::DESK_TEXT_CHARS;
    reason
}

/// What is wrong with a reason.
fn reason_error(lang: Lang, reason: &str) -> Option<String> {
    if reason.chars().count() < REASON_CHARS {
        return Some(lang.t(msg::EMERGENCY_REASON_SHORT).to_owned());
    }
    too_long(lang, reason, limits::DESK_TEXT_CHARS)
}

/// Marks somebody whom the facility knows; the department, anybody.
pub(crate) async fn mark(
    State(house): State<House>,
    session: Session,
    Form(typed): Form<Typed>,
) -> Result<Response, Problem> {
    let decision = house.decide(&session, Act::ProtectPeople).await?;
    let (lang, reason) = (session.lang, typed.reason.trim().to_owned());
    let mut errors: Errors = reason_error(lang, &reason).map(|error| ("reason", error)).into_iter().collect();
    let number: String = typed.number.trim().chars().take(limits::NAME_CHARS).collect();
    if errors.is_empty() {
        session.looks_for_people()?;
        let own = decision.scope().facility();
        let done = house
            .write(decision.clone(), move |tx| {
                let person = mach_people::by_exact_number(tx, &number);
                let person = person.map_err(|e| mach_store::Error::Refused(e.to_string()))?;
                let is_known = match (person, own) {
                    (Some(person), Some(own)) => people::knows(tx, own, person)?,
                    (person, _) => person.is_some(),
                };
                match person.filter(|_| is_known) {
                    Some(person) => tx.mark_person(person, &reason).map(|made| Ok(made.is_some())),
                    // Who tries numbers is seen.
                    None => tx.audit(None, "mark", "failed").map(|()| Err(())),
                }
            })
            .await?;
        match done {
            Ok(true) => return Ok(Redirect::to("/access/protected?done=marked").into_response()),
            Ok(false) => errors.push(("number", lang.t(msg::PROTECT_TWICE).to_owned())),
            Err(()) => errors.push(("number", lang.t(msg::PROTECT_NOBODY).to_owned())),
        }
    }
    let found = listed(&house, &decision, None).await?;
    let page = list_page(&session, &found, &Asked::default(), (&typed, &errors));
    Ok((StatusCode::BAD_REQUEST, page).into_response())
}

/// A mark with what belongs to it.
struct Whole {
    mark: Mark,
    name: String,
    place: String,
    /// Who was named and may open the record now, each with the name of the account.
    named: Vec<(Grant, String)>,
    /// Whom a facility may name; none for the department, which types a name.
    offered: Option<Vec<(String, String)>>,
    /// Whether the asker's own house made it, or the asker is the department's.
    is_ours: bool,
}

/// Whether an account may be named by who asks: somebody else who treats people, or answers for a facility.
fn may_be_named(account: &Account, me: i64) -> bool {
    let role = account.actor.role;
    !account.closed && account.actor.account != me && matches!(role, Role::Clinician | Role::Head)
}

fn whole(on: &mut dyn Rows, id: i64, lang: Lang, me: i64) -> mach_store::Result<Option<Whole>> {
    let Some(mark) = marks::by_id(on, id)? else { return Ok(None) };
    let scope = on.scope();
    let own = scope.facility();
    let name = people::person(on, mark.person)?.map(|p| p.name).unwrap_or_default();
    let codes: HashMap<i64, String> = schema::facilities(on)?.into_iter().collect();
    let mut named = Vec::new();
    for grant in grants::held(on, mark.person, &[Relation::Named])? {
        // A facility learns whom it named, not whom others did.
        if let Some(account) = accounts::by_id(on, scope, grant.account)? {
            named.push((grant, account.display));
        }
    }
    let offered = match own {
        None => None,
        Some(_) => {
            let all = accounts::page(on, scope, "", OFFERED)?.into_iter().filter(|a| may_be_named(a, me));
            let label = |a: &Account| format!("{} · {}", a.display, lang.t(role_label(a.actor.role)));
            Some(all.map(|a| (a.name.clone(), label(&a))).collect())
        }
    };
    let is_ours = own.is_none_or(|own| own == mark.facility);
    let place = place(lang, &codes, mark.facility);
    Ok(Some(Whole { mark, name, place, named, offered, is_ours }))
}

async fn look_up(house: &House, session: &Session, id: &str) -> Result<(Decision, Whole), Problem> {
    let decision = house.decide(session, Act::ProtectPeople).await?;
    let (id, lang, me): (i64, Lang, i64) =
        (id.parse().map_err(|_| Problem::NotFound)?, session.lang, session.actor.account);
    let found = house.read(decision.clone(), move |r| -> Result<_, Failure> { Ok(whole(r, id, lang, me)?) }).await?;
    Ok((decision, found.ok_or(Problem::NotFound)?))
}

pub(crate) async fn detail(
    State(house): State<House>,
    session: Session,
    Path(id): Path<String>,
) -> Result<Html, Problem> {
    let (decision, found) = look_up(&house, &session, &id).await?;
    let (person, target) = (found.mark.person, format!("mark {}", found.mark.id));
    house.write(decision, move |tx| tx.audit(Some(person), &target, "granted")).await?;
    Ok(shown(&session, &found, (&Naming::default(), &Errors::new())))
}

fn shown(session: &Session, found: &Whole, (typed, errors): (&Naming, &Errors)) -> Html {
    let (lang, mark) = (session.lang, &found.mark);
    let mut meta = session.meta(found.name.clone(), "/access/protected");
    meta.crumbs = vec![Crumb::link(lang.t(msg::PROTECT), "/access/protected"), Crumb::here(found.name.clone())];
    let mut facts = Definitions::default()
        .row(lang.t(msg::PROTECT_BY), Html::text(&format!("{} · {}", mark.made_name, found.place)))
        .row(lang.t(msg::PROTECT_SINCE), Html::text(&moment(mark.made)));
    // Why stays with who answers for it.
    if found.is_ours {
        facts = facts.row(lang.t(msg::ACCESS_REVIEW_REASON), Html::text(&mark.reason));
    }
    facts = facts.row(lang.t(msg::DESK_STATE), state_chip(lang, mark));
    if let Some((at, by)) = &mark.ended {
        facts = facts.row(lang.t(msg::PROTECT_ENDED), Html::text(&format!("{} · {by}", moment(*at))));
    }
    let address = |what: &str| format!("/access/protected/{}/{what}", mark.id);
    let mut parts = vec![Html::from(PageHead::new(&found.name)), Card::new("", Html::from(facts)).into()];
    if mark.ended.is_none() {
        parts.push(Card::new(lang.t(msg::PROTECT_NAMED), naming(session, found, (typed, errors))).into());
        if found.is_ours {
            let end = PostForm::new(lang, address("end"), Button::submit(lang.t(msg::PROTECT_END)));
            parts.push(Card::new("", Html::from(end.sure(lang.t(msg::PROTECT_END_SURE)))).into());
        } else {
            let text = lang.fmt(msg::PROTECT_OTHERS, &[("place", &found.place)]);
            parts.push(Notice::new(lang, Tone::Info, text).into());
        }
    }
    shell::page(&meta, stack(parts))
}

/// Who may open the record, and the form that names another.
fn naming(session: &Session, found: &Whole, (typed, errors): (&Naming, &Errors)) -> Html {
    let (lang, mark) = (session.lang, &found.mark);
    let mut parts = vec![Html::text(lang.t(msg::PROTECT_NAMED_LEAD))];
    for (grant, name) in &found.named {
        let until = lang.fmt(msg::ME_UNTIL, &[("until", &moment(grant.until))]);
        let action = format!("/access/protected/{}/names/{}/end", mark.id, grant.id);
        let stop =
            PostForm::new(lang, action, Button::submit(lang.t(msg::ME_STOP))).sure(lang.t(msg::PROTECT_STOP_SURE));
        parts.push(stack([Html::text(&format!("{name} · {until} · {}", grant.reason)), stop.into()]));
    }
    if found.named.is_empty() {
        parts.push(Html::text(lang.t(msg::PROTECT_NAMED_NONE)));
    }
    let account = match &found.offered {
        // Nobody is named by the first of a list.
        Some(all) => {
            Field::new("account", lang.t(msg::PROTECT_ACCOUNT), FieldKind::Choice(all.clone())).to_choose(lang)
        }
        None => {
            Field::new("account", lang.t(msg::PROTECT_ACCOUNT), FieldKind::Text).hint(lang.t(msg::PROTECT_ACCOUNT_HINT))
        }
    };
    let most = limits::NAMED_DAYS.to_string();
    let fields = [
        account.value(&*typed.account).required(),
        Field::new("until", lang.t(msg::ME_SHARE_UNTIL), FieldKind::Date)
            .value(&*typed.until)
            .hint(lang.fmt(msg::PROTECT_UNTIL_HINT, &[("most", &most)]))
            .required(),
        reason_field(lang, &typed.reason),
    ];
    let fields = fields.map(|field| field.told(errors));
    let action = format!("/access/protected/{}/names", mark.id);
    parts.push(form(lang, &action, &fields, Button::primary(lang.t(msg::PROTECT_NAME))));
    stack(parts)
}

/// Names somebody who treats, other than oneself, until a day. It opens a record: who does it proved who they are.
pub(crate) async fn name(
    State(house): State<House>,
    session: Session,
    Path(id): Path<String>,
    Form(typed): Form<Naming>,
) -> Result<Response, Problem> {
    let (decision, found) = look_up(&house, &session, &id).await?;
    session.is_proven()?;
    let (lang, mut errors) = (session.lang, Errors::new());
    let (today, reason) = (Day::today(), typed.reason.trim().to_owned());
    errors.extend(reason_error(lang, &reason).map(|error| ("reason", error)));
    let in_time = |day: &Day| (today.0..=today.0 + limits::NAMED_DAYS).contains(&day.0);
    let day = Day::parse_iso(typed.until.trim()).filter(in_time);
    if day.is_none() {
        let most = limits::NAMED_DAYS.to_string();
        errors.push(("until", lang.fmt(msg::PROTECT_UNTIL_HINT, &[("most", &most)])));
    }
    if typed.account.trim().is_empty() {
        errors.push(("account", lang.t(msg::FIELD_CHOOSE).to_owned()));
    }
    if found.mark.ended.is_some() {
        return Err(crate::case::moved(lang));
    }
    if let (Some(day), true) = (day, errors.is_empty()) {
        let (mark, person, me) = (found.mark.id, found.mark.person, session.actor.account);
        let (login, scope) = (typed.account.trim().to_owned(), decision.scope());
        // The day ends when it does in Viet Nam.
        let until = (i64::from(day.0) + 1) * DAY - 7 * 3_600;
        let done = house
            .write(decision, move |tx| {
                let account = accounts::by_name(tx, &login)?.filter(|a| may_be_named(a, me));
                let account = account.filter(|a| scope.facility().is_none_or(|own| a.actor.facility == Some(own)));
                let Some((account, facility)) = account.and_then(|a| Some((a.actor.account, a.actor.facility?))) else {
                    return Ok(Err(msg::PROTECT_ACCOUNT_WRONG));
                };
                if !people::knows(tx, facility, person)? {
                    return Ok(Err(msg::PROTECT_UNKNOWN_THERE));
                }
                if marks::by_id(tx, mark)?.is_none_or(|mark| mark.ended.is_some()) {
                    return Ok(Err(msg::DESK_MOVED));
                }
                // Named anew: until the day said now.
                for before in grants::held(tx, person, &[Relation::Named])? {
                    if before.account == account {
                        tx.end_grant(before.id)?;
                    }
                }
                tx.grant(&NewGrant {
                    person,
                    account,
                    facility: 0,
                    relation: Relation::Named,
                    purpose: Purpose::Treatment,
                    from: 0,
                    until,
                    reason,
                    source: marks::source_of(mark),
                    review: Review::NotNeeded,
                })?;
                Ok(Ok(()))
            })
            .await?;
        match done {
            Ok(()) => return Ok(Redirect::to(&format!("/access/protected/{}", found.mark.id)).into_response()),
            Err(error) => errors.push(("account", lang.t(error).to_owned())),
        }
    }
    Ok((StatusCode::BAD_REQUEST, shown(&session, &found, (&typed, &errors))).into_response())
}

/// Ends what was opened to somebody who was named.
pub(crate) async fn unname(
    State(house): State<House>,
    session: Session,
    Path((id, grant)): Path<(String, String)>,
) -> Result<Redirect, Problem> {
    let (decision, found) = look_up(&house, &session, &id).await?;
    let grant: i64 = grant.parse().map_err(|_| Problem::NotFound)?;
    if !found.named.iter().any(|(held, _)| held.id == grant) {
        return Err(Problem::NotFound);
    }
    if house.write(decision, move |tx| tx.end_grant(grant)).await? {
        Ok(Redirect::to(&format!("/access/protected/{}", found.mark.id)))
    } else {
        Err(Problem::NotFound)
    }
}

/// Ends a mark: by the house that made it, or the department.
pub(crate) async fn end(
    State(house): State<House>,
    session: Session,
    Path(id): Path<String>,
) -> Result<Redirect, Problem> {
    let (decision, found) = look_up(&house, &session, &id).await?;
    if !found.is_ours {
        return Err(Problem::NotFound);
    }
    let id = found.mark.id;
    match house.write(decision, move |tx| tx.end_mark(id)).await? {
        true => Ok(Redirect::to(&format!("/access/protected/{id}"))),
        false => Err(crate::case::moved(session.lang)),
    }
}
