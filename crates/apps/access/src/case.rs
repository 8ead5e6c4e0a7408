//! One request of the access desk: what it says and who looked by it; somebody else of the same house approves or refuses it;
//! what was approved is open by a code, or given out as certified copies, until its end. Each step can be taken back: a
//! request that waits is withdrawn, one that was refused put back to wait, what was approved ended.

use crate::Keys;
use crate::desk::{extent_label, purpose_label, staff, state_chip, too_long};
use crate::form::{Errors, moment, stack};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum::{Extension, Form};
use mach_access::policy::Relation;
use mach_access::{Act, Decision, Role, decide as may, secret};
use mach_base::limits;
use mach_base::time::now_seconds;
use mach_house::proof::{new_code, plain_code};
use mach_house::{Failure, House, Session, facility_name};
use mach_signing::seal::own_seal;
use mach_signing::words;
use mach_store::accounts::NewAccount;
use mach_store::desk::{self, Request, Words};
use mach_store::grants::{NewGrant, Review};
use mach_store::{Reader, audit, people, schema};
use mach_ui::components::{
    Button, Card, Cell, Column, Definitions, Empty, Field, FieldKind, Icon, Notice, PageHead, PostForm, Row, Table,
    Tone, chip,
};
use mach_ui::http::Problem;
use mach_ui::shell::Crumb;
use mach_ui::{Html, Lang, msg, shell};
use serde::Deserialize;

/// Looks of one request on its page.
const SHOWN: usize = 50;

/// A request with what belongs to it.
pub(crate) struct Whole {
    pub(crate) request: Request,
    /// Whose records, each with their name.
    pub(crate) people: Vec<(i64, String)>,
    copies: Vec<desk::Made>,
    pub(crate) papers: Vec<desk::Paper>,
    looks: Vec<audit::Entry>,
    pub(crate) facility: String,
    /// Why copies carry no digital seal, where they would not: a word of `mach_signing::words`.
    pub(crate) unsealed: Option<String>,
}

fn whole(r: &mut Reader, id: i64, lang: Lang, keys: &Keys) -> Result<Option<Whole>, Failure> {
    // The department's own desk is the department's: who sees everything sees no facility's desk for it.
    let own = r.scope().facility().unwrap_or(0);
    let Some(request) = desk::by_id(r, id)?.filter(|found| found.facility == own) else { return Ok(None) };
    let mut whose = Vec::new();
    for person in desk::people_of(r, id)? {
        whose.push((person, people::person(r, person)?.map(|p| p.name).unwrap_or_default()));
    }
    let looks = match request.account {
        0 => Vec::new(),
        account => audit::of_visitor(r, account, SHOWN)?,
    };
    let facility = match schema::facility_code(r, request.facility)? {
        Some(code) => facility_name(&code),
        None => lang.t(msg::DEPARTMENT_OF_HEALTH).to_owned(),
    };
    let unsealed = match request.is_open() && crate::copy::may_be_given(&request) {
        true => own_seal(r, keys.as_ref(), request.facility, now_seconds()).err(),
        false => None,
    };
    let (copies, papers) = (desk::copies_of(r, id)?, desk::papers_of(r, id)?);
    Ok(Some(Whole { request, people: whose, copies, papers, looks, facility, unsealed }))
}

pub(crate) async fn look_up(
    house: &House,
    session: &Session,
    (id, keys): (&str, &Keys),
) -> Result<(Decision, Whole), Problem> {
    let decision = staff(house, session).await?;
    let (id, lang): (i64, Lang) = (id.parse().map_err(|_| Problem::NotFound)?, session.lang);
    let keys = Keys::clone(keys);
    let found = house.read(decision.clone(), move |r| whole(r, id, lang, &keys)).await?;
    Ok((decision, found.ok_or(Problem::NotFound)?))
}

pub(crate) async fn detail(
    State(house): State<House>,
    session: Session,
    Extension(keys): Extension<Keys>,
    Path(id): Path<String>,
) -> Result<Html, Problem> {
    let (decision, found) = look_up(&house, &session, (&id, &keys)).await?;
    let target = format!("desk request {}", found.request.id);
    house.write(decision, move |tx| tx.audit(None, &target, "granted")).await?;
    Ok(shown(&session, &found, None, Wrong::Nothing))
}

/// What is wrong with what was sent.
enum Wrong<'a> {
    Nothing,
    /// With what was typed of a decision.
    Verdict(&'a Verdict, Errors),
    /// With papers.
    Papers(String),
}

/// The page of a request whose papers were not taken.
pub(crate) fn with_paper_error(session: &Session, found: &Whole, error: String) -> Html {
    shown(session, found, None, Wrong::Papers(error))
}

/// The page of a request; with a code that was given out just now; with what is wrong with what was sent.
fn shown(session: &Session, found: &Whole, code: Option<&str>, wrong: Wrong<'_>) -> Html {
    let (lang, request) = (session.lang, &found.request);
    let title = lang.fmt(msg::DESK_ONE, &[("number", &request.id.to_string())]);
    let mut meta = session.meta(title.clone(), "/access/desk");
    meta.crumbs = vec![Crumb::link(lang.t(msg::DESK), "/access/desk"), Crumb::here(title.clone())];
    let mut parts = vec![Html::from(PageHead::new(title))];
    if let Some(code) = code {
        let mut notice = Notice::new(lang, Tone::Good, lang.fmt(msg::DESK_CODE_IS, &[("code", code)]));
        notice.more = Html::text(&lang.fmt(msg::DESK_CODE_HOW, &[("number", &request.id.to_string())]));
        parts.push(notice.into());
    }
    let mut facts = Definitions::default();
    for (label, word) in [
        (msg::DESK_NAME, request.words.name.clone()),
        (msg::DESK_BODY, request.words.body.clone()),
        (msg::DESK_PAPER, request.words.paper.clone()),
        (msg::DESK_PURPOSE, purpose_label(lang, request.purpose).to_owned()),
        (msg::DESK_GROUND, request.words.ground.clone()),
        (msg::DESK_WHY, request.words.why.clone()),
        (msg::DESK_PEOPLE, found.people.iter().map(|(_, name)| name.as_str()).collect::<Vec<_>>().join(", ")),
        (msg::DESK_EXTENT, extent_label(lang, request.extent)),
        (msg::DESK_DAYS, request.days.to_string()),
        (msg::DESK_MADE, format!("{} · {} · {}", moment(request.made), request.made_name, found.facility)),
    ] {
        facts = facts.row(lang.t(label), Html::text(&word));
    }
    facts = facts.row(lang.t(msg::DESK_STATE), state_chip(lang, request));
    if let Some((at, by)) = &request.decided {
        facts = facts.row(lang.t(msg::DESK_DECIDED), Html::text(&format!("{} · {by} {}", moment(*at), request.remark)));
    }
    if request.until > 0 {
        facts = facts.row(lang.t(msg::DESK_UNTIL), Html::text(&moment(request.until)));
    }
    parts.push(Card::new("", Html::from(facts)).into());
    let (verdict, papers) = match wrong {
        Wrong::Nothing => (None, None),
        Wrong::Verdict(typed, errors) => (Some((typed, errors)), None),
        Wrong::Papers(error) => (None, Some(error)),
    };
    // Before the decision: who decides has seen what it is for.
    parts.extend(crate::papers::card(session, found, papers));
    parts.extend(decision_form(session, request, verdict));
    let address = |what: &str| format!("/access/desk/{}/{what}", request.id);
    let back = |label, sure, what| {
        let form = PostForm::new(lang, address(what), Button::submit(lang.t(label))).sure(lang.t(sure));
        Html::from(Card::new("", Html::from(form)))
    };
    match request.state {
        desk::State::Waits => parts.push(back(msg::DESK_WITHDRAW, msg::DESK_WITHDRAW_SURE, "withdraw")),
        desk::State::Refused if decides(session, request) => {
            parts.push(back(msg::DESK_REOPEN, msg::DESK_REOPEN_SURE, "reopen"));
        }
        _ => {}
    }
    if request.is_open() {
        let given = if request.has_code { msg::DESK_CODE_AGAIN } else { msg::DESK_CODE_NONE };
        let mut steps = vec![Html::text(lang.t(given))];
        if registers(session) {
            steps.push(PostForm::new(lang, address("code"), Button::submit(lang.t(msg::DESK_CODE))).into());
        }
        let end = PostForm::new(lang, address("end"), Button::submit(lang.t(msg::DESK_END)));
        let end = end.sure(lang.t(msg::DESK_END_SURE));
        steps.push(end.into());
        parts.push(Card::new(lang.t(msg::DESK_CODE), stack(steps)).into());
    }
    parts.extend(copies(session, found));
    if request.account != 0 {
        parts.push(Card::new(lang.t(msg::DESK_LOOKS), looks(lang, &found.looks)).into());
    }
    shell::page(&meta, stack(parts))
}

/// Whether a session may decide a request: who answers for access, and never of what they wrote down.
fn decides(session: &Session, request: &Request) -> bool {
    may(&session.actor, Act::ReviewAccess).is_ok() && request.made_by != session.actor.account
}

/// Whether a session may hand records out: a code, a copy. Who only answers for access decides, and reads nothing of care by it.
fn registers(session: &Session) -> bool {
    may(&session.actor, Act::RegisterAccess).is_ok()
}

/// Whether a session may read the copies that were given out: the desk while the request is open, who answers for it afterwards too.
pub(crate) fn reads_copies(session: &Session, request: &Request) -> bool {
    registers(session) && (request.is_open() || may(&session.actor, Act::ReviewAccess).is_ok())
}

/// Certified copies that were given out, and a button for each person of whom one may be.
fn copies(session: &Session, found: &Whole) -> Option<Html> {
    let (lang, request) = (session.lang, &found.request);
    let mut parts = Vec::new();
    if registers(session) && request.is_open() && crate::copy::may_be_given(request) {
        parts.push(match &found.unsealed {
            None => Notice::new(lang, Tone::Info, lang.t(msg::DESK_COPY_SEALED)).into(),
            Some(why) => {
                let mut notice = Notice::new(lang, Tone::Warning, lang.t(msg::DESK_COPY_UNSEALED));
                notice.more = Html::text(&format!("{} {}", words::word(lang, why), lang.t(msg::DESK_COPY_UNSEALED_DO)));
                notice.into()
            }
        });
        for (person, name) in &found.people {
            let label = lang.fmt(msg::DESK_COPY_MAKE, &[("name", name)]);
            let action = format!("/access/desk/{}/copies/{person}", request.id);
            parts.push(Html::from(PostForm::new(lang, action, Button::submit(label))));
        }
    }
    if parts.is_empty() && found.copies.is_empty() {
        return None;
    }
    let row = |made: &desk::Made| {
        let name = found.people.iter().find(|(person, _)| *person == made.person).map_or("", |(_, name)| name.as_str());
        let number = made.id.to_string();
        let number = match reads_copies(session, request) {
            true => Cell::link(&number, &format!("/access/desk/{}/copies/{number}", request.id)),
            false => Cell(Html::text(&number)),
        };
        Row::new([
            number,
            Cell(Html::text(name)),
            Cell::two(&moment(made.made), &made.made_name),
            Cell(match made.signed {
                true => chip(Tone::Good, lang.t(msg::DESK_COPY_IS_SEALED)),
                false => chip(Tone::Warning, lang.t(msg::DESK_COPY_IS_NOT)),
            }),
            Cell(Html::text(&made.hash)),
        ])
    };
    let columns = [msg::DESK_COPY_NUMBER, msg::DESK_PEOPLE, msg::DESK_MADE, msg::DESK_COPY_SEAL, msg::DESK_COPY_HASH];
    let table = Table::new(lang, lang.t(msg::DESK_COPIES), columns.map(|c| Column::text(lang.t(c))).to_vec())
        .rows(found.copies.iter().map(row).collect())
        .empty(Empty::new(Icon::Review, lang.t(msg::DESK_COPIES_NONE), ""))
        .stack();
    parts.push(Table { caption_hidden: true, ..table }.into());
    Some(Card::new(lang.t(msg::DESK_COPIES), stack(parts)).into())
}

fn decision_form(session: &Session, request: &Request, wrong: Option<(&Verdict, Errors)>) -> Option<Html> {
    let lang = session.lang;
    may(&session.actor, Act::ReviewAccess).ok()?;
    if request.state != desk::State::Waits {
        return None;
    }
    if request.made_by == session.actor.account {
        return Some(Notice::new(lang, Tone::Info, lang.t(msg::DESK_OWN)).into());
    }
    let choices = [("approve", msg::DESK_APPROVE), ("refuse", msg::DESK_REFUSE)];
    let choices = choices.map(|(value, label)| (value.to_owned(), lang.t(label).to_owned())).to_vec();
    let mut fields = [
        Field::new("verdict", lang.t(msg::ACCESS_REVIEW_VERDICT), FieldKind::Choice(choices)).to_choose(lang),
        Field::new("remark", lang.t(msg::ACCESS_REVIEW_REMARK), FieldKind::Lines),
    ];
    if let Some((typed, errors)) = wrong {
        let [verdict, remark] = fields;
        fields = [verdict.value(&typed.verdict).told(&errors), remark.value(&typed.remark).told(&errors)];
    }
    let action = format!("/access/desk/{}", request.id);
    let form = crate::form::form(lang, &action, &fields, Button::primary(lang.t(msg::SAVE)));
    Some(Card { tone: Tone::Warning, ..Card::new(lang.t(msg::DESK_DECIDE), form) }.into())
}

fn looks(lang: Lang, entries: &[audit::Entry]) -> Html {
    let row = |entry: &audit::Entry| {
        let outcome = match entry.outcome.as_str() {
            "granted" => Html::default(),
            _ => chip(Tone::Bad, lang.t(msg::RECORD_OUTCOME_DENIED)),
        };
        Row::new([Cell(Html::text(&moment(entry.at))), Cell(Html::text(&entry.target)), Cell(outcome)])
    };
    let columns = [msg::ME_WHEN, msg::DESK_TARGET, msg::DESK_STATE].map(|c| Column::text(lang.t(c))).to_vec();
    let table = Table::new(lang, lang.t(msg::DESK_LOOKS), columns)
        .rows(entries.iter().map(row).collect())
        .empty(Empty::new(Icon::Review, lang.t(msg::ME_LOOKS_NONE), ""))
        .stack();
    Table { caption_hidden: true, ..table }.into()
}

#[derive(Deserialize)]
pub(crate) struct Verdict {
    #[serde(default)]
    verdict: String,
    #[serde(default)]
    remark: String,
}

/// What is said where a request does not stand where a step is taken from: it was taken before, or another one was.
pub(crate) fn moved(lang: Lang) -> Problem {
    Problem::Conflict(lang.t(msg::DESK_MOVED).to_owned())
}

/// Back to the request, where something was done with it.
fn told(lang: Lang, id: i64, done: bool) -> Result<Redirect, Problem> {
    if done { Ok(Redirect::to(&format!("/access/desk/{id}"))) } else { Err(moved(lang)) }
}

/// Approves or refuses; never one's own request, never another house's.
pub(crate) async fn decide(
    State(house): State<House>,
    session: Session,
    Extension(keys): Extension<Keys>,
    Path(id): Path<String>,
    Form(typed): Form<Verdict>,
) -> Result<Response, Problem> {
    let decision = house.decide(&session, Act::ReviewAccess).await?;
    let approves = match typed.verdict.as_str() {
        "approve" => Some(true),
        "refuse" => Some(false),
        _ => None,
    };
    let remark = typed.remark.trim().to_owned();
    let long = too_long(session.lang, &remark, limits::DESK_TEXT_CHARS);
    let mut errors: Errors = long.map(|error| ("remark", error)).into_iter().collect();
    let Some(approves) = approves.filter(|_| errors.is_empty()) else {
        if approves.is_none() {
            errors.push(("verdict", session.lang.t(msg::FIELD_CHOOSE).to_owned()));
        }
        let (_, found) = look_up(&house, &session, (&id, &keys)).await?;
        let page = shown(&session, &found, None, Wrong::Verdict(&typed, errors));
        return Ok((StatusCode::BAD_REQUEST, page).into_response());
    };
    let id: i64 = id.parse().map_err(|_| Problem::NotFound)?;
    let (own, me) = (decision.scope().facility().unwrap_or(0), session.actor.account);
    let done = house
        .write(decision, move |tx| {
            let found = desk::by_id(tx, id)?.filter(|r| r.facility == own && r.made_by != me);
            let Some(request) = found else { return Ok(None) };
            if request.state != desk::State::Waits {
                return Ok(Some(false));
            }
            if !approves {
                return tx.decide_request(id, desk::State::Refused, (0, 0), &remark).map(Some);
            }
            let until = now_seconds() + request.days * 86_400;
            let Words { name, body, paper, .. } = request.words;
            // No password: nothing that is typed hashes to an empty text.
            let account = tx.set_account(&NewAccount {
                name: format!("visitor-{id}"),
                display: format!("{name} · {body}"),
                role: Role::Visitor,
                facility: None,
                password: String::new(),
            })?;
            // Whoever had the name before: nothing of theirs opens it.
            tx.drop_factors(account)?;
            for person in desk::people_of(tx, id)? {
                let grant = tx.grant(&NewGrant {
                    person,
                    account,
                    facility: 0,
                    relation: Relation::Desk,
                    purpose: request.purpose,
                    from: 0,
                    until,
                    reason: format!("{body} · {paper}"),
                    source: desk::source_of(id),
                    review: Review::NotNeeded,
                })?;
                tx.limit_grant(grant, request.extent)?;
            }
            tx.decide_request(id, desk::State::Approved, (until, account), &remark).map(Some)
        })
        .await?
        .ok_or(Problem::NotFound)?;
    told(session.lang, id, done).map(IntoResponse::into_response)
}

/// Gives a code out: shown this once; an earlier one, and who came in by it, is out. It opens records: only the desk gives it out,
/// by somebody who proved who they are.
pub(crate) async fn code(
    State(house): State<House>,
    session: Session,
    Extension(keys): Extension<Keys>,
    Path(id): Path<String>,
) -> Result<Html, Problem> {
    let decision = house.decide(&session, Act::RegisterAccess).await?;
    session.is_proven()?;
    let (_, mut found) = look_up(&house, &session, (&id, &keys)).await?;
    let code = new_code()?;
    let (hash, id) = (secret::token_hash(&plain_code(&code)), found.request.id);
    if !house.write(decision, move |tx| tx.set_request_code(id, &hash)).await? {
        return Err(moved(session.lang));
    }
    found.request.has_code = true;
    Ok(shown(&session, &found, Some(&code), Wrong::Nothing))
}

/// Ends what was approved.
pub(crate) async fn end(
    State(house): State<House>,
    session: Session,
    Extension(keys): Extension<Keys>,
    Path(id): Path<String>,
) -> Result<Redirect, Problem> {
    let (decision, found) = look_up(&house, &session, (&id, &keys)).await?;
    let id = found.request.id;
    let ended = house.write(decision, move |tx| tx.end_request(id)).await?;
    told(session.lang, id, ended)
}

/// Takes back a request that waits.
pub(crate) async fn withdraw(
    State(house): State<House>,
    session: Session,
    Extension(keys): Extension<Keys>,
    Path(id): Path<String>,
) -> Result<Redirect, Problem> {
    let (decision, found) = look_up(&house, &session, (&id, &keys)).await?;
    let id = found.request.id;
    let done = house.write(decision, move |tx| tx.move_request(id, desk::State::Withdrawn)).await?;
    told(session.lang, id, done)
}

/// Puts a request that was refused back to wait.
pub(crate) async fn reopen(
    State(house): State<House>,
    session: Session,
    Extension(keys): Extension<Keys>,
    Path(id): Path<String>,
) -> Result<Redirect, Problem> {
    let decision = house.decide(&session, Act::ReviewAccess).await?;
    let (_, found) = look_up(&house, &session, (&id, &keys)).await?;
    if !decides(&session, &found.request) {
        return Err(Problem::NotFound);
    }
    let id = found.request.id;
    let done = house.write(decision, move |tx| tx.move_request(id, desk::State::Waits)).await?;
    told(session.lang, id, done)
}
