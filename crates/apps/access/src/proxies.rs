//! `/access/proxies`: who speaks for a child (for a grown person who cannot: `guardians`), written down at the desk of a facility that knows the child, with the proof that was seen: a
//! parent, a guardian or a carer reads the child's record until a day, at the latest until the child is of age.
//!
//! Whom a number names the desk does not learn: it types the name on the paper too, and only both together are taken. The child
//! and who speaks for them are told, and each of them, and the desk, can stop it.

use crate::desk::too_long;
use crate::form::{Errors, form, moment, stack};
use crate::guardians;
use axum::Form;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use mach_access::ages::{Ages, Stage};
use mach_access::policy::{Purpose, Relation};
use mach_access::{Act, Decision};
use mach_base::text::fold;
use mach_base::{Day, limits};
use mach_house::{Failure, House, Session};
use mach_store::grants::{self, Grant, NewGrant, Review};
use mach_store::notices::Kind;
use mach_store::people::{self, PersonRow};
use mach_store::{Tx, accounts};
use mach_ui::components::{
    Button, Card, Cell, Column, Empty, Field, FieldKind, Icon, Notice, PageHead, PostForm, Row, Table, Tone, chip,
};
use mach_ui::http::Problem;
use mach_ui::{Html, Lang, Msg, msg, shell};
use serde::Deserialize;

/// Rows of one page.
const SHOWN: usize = 50;
const DAY: i64 = 86_400;

/// What somebody is to the child.
const KINDS: [(&str, Msg); 4] = [
    ("mother", msg::PROXY_MOTHER),
    ("father", msg::PROXY_FATHER),
    ("guardian", msg::PROXY_GUARDIAN),
    ("carer", msg::PROXY_CARER),
];
/// What was seen of it.
const PROOFS: [(&str, Msg); 4] = [
    ("birth", msg::PROXY_PROOF_BIRTH),
    ("household", msg::PROXY_PROOF_HOUSEHOLD),
    ("decision", msg::PROXY_PROOF_DECISION),
    ("other", msg::PROXY_PROOF_OTHER),
];

#[derive(Deserialize, Default)]
pub(crate) struct Asked {
    before: Option<i64>,
    #[serde(default)]
    done: String,
}

/// What is typed.
#[derive(Clone, Deserialize, Default)]
pub(crate) struct Typed {
    #[serde(default)]
    child: String,
    #[serde(default)]
    child_name: String,
    #[serde(default)]
    reader: String,
    #[serde(default)]
    reader_name: String,
    #[serde(default)]
    kind: String,
    #[serde(default)]
    proof: String,
    #[serde(default)]
    paper: String,
    #[serde(default)]
    until: String,
    #[serde(default)]
    agrees: String,
}

/// The source of the grants that a facility's desk wrote down.
pub(crate) fn source_of(facility: i64) -> String {
    format!("registrar/{facility}")
}

/// A proxy with the names of the child and of who speaks for them.
struct Line {
    grant: Grant,
    child: String,
    reader: String,
    /// Whether it is a guardian's of a grown person, whose paper was kept.
    is_guardian: bool,
}

/// The forms of the page, each with what was typed and what is wrong with it.
#[derive(Default)]
pub(crate) struct Forms {
    pub(crate) child: (Typed, Errors),
    pub(crate) adult: (guardians::Typed, Errors),
}

/// The page with what was typed.
pub(crate) async fn shown(
    house: &House,
    session: &Session,
    decision: &Decision,
    forms: &Forms,
) -> Result<Html, Problem> {
    let found = lines(house, decision, None).await?;
    Ok(page(session, &found, &Asked::default(), forms))
}

async fn lines(house: &House, decision: &Decision, before: Option<i64>) -> Result<Vec<Line>, Problem> {
    let own = decision.scope().facility().unwrap_or(0);
    house
        .read(decision.clone(), move |r| -> Result<Vec<Line>, Failure> {
            let mut found = Vec::new();
            for grant in grants::of_source(r, &source_of(own), (before, SHOWN + 1))? {
                let child = people::person(r, grant.person)?.map(|p| p.name).unwrap_or_default();
                let reader = accounts::by_id(r, mach_access::Scope::All, grant.account)?;
                let is_guardian = grants::guardian_of(r, grant.id)?.is_some();
                let reader = reader.map(|a| a.display).unwrap_or_default();
                found.push(Line { grant, child, reader, is_guardian });
            }
            Ok(found)
        })
        .await
}

pub(crate) async fn list(
    State(house): State<House>,
    session: Session,
    Query(asked): Query<Asked>,
) -> Result<Html, Problem> {
    let decision = house.decide(&session, Act::RegisterProxies).await?;
    let found = lines(&house, &decision, asked.before).await?;
    house.write(decision, |tx| tx.audit(None, "proxies", "granted")).await?;
    Ok(page(&session, &found, &asked, &Forms::default()))
}

fn page(session: &Session, found: &[Line], asked: &Asked, forms: &Forms) -> Html {
    let lang = session.lang;
    let title = lang.t(msg::PROXIES);
    let mut parts = vec![Html::from(PageHead::new(title).lead(lang.t(msg::PROXIES_LEAD)))];
    if asked.done == "made" {
        parts.push(Notice::new(lang, Tone::Good, lang.t(msg::PROXY_MADE)).into());
    }
    let (typed, errors) = &forms.child;
    let write = form(lang, "/access/proxies", &fields(lang, typed, errors), Button::primary(lang.t(msg::PROXY_DO)));
    parts.push(Card::new(lang.t(msg::PROXY_NEW), write).into());
    parts.push(guardians::card(lang, &forms.adult.0, &forms.adult.1));
    let shown = &found[..found.len().min(SHOWN)];
    let row = |line: &Line| {
        let state = match line.grant.holds() {
            true => {
                let action = format!("/access/proxies/{}/end", line.grant.id);
                let stop = PostForm::new(lang, action, Button::submit(lang.t(msg::ME_STOP)));
                Html::from(stop.sure(lang.t(msg::PROXY_STOP_SURE)))
            }
            false => chip(Tone::Plain, lang.t(msg::PROTECT_ENDED)),
        };
        let whose = match line.is_guardian {
            true => stack([
                Html::text(&line.child),
                Button::link(lang.t(msg::GUARDIAN_SCAN), format!("/access/proxies/{}/scan", line.grant.id)).into(),
            ]),
            false => Html::text(&line.child),
        };
        Row::new([
            Cell(whose),
            Cell::two(&line.reader, &line.grant.reason),
            Cell::two(&moment(line.grant.made), &line.grant.made_name),
            Cell(Html::text(&moment(line.grant.until))),
            Cell(state),
        ])
    };
    let columns = [msg::PROXY_CHILD, msg::PROXY_READER, msg::DESK_MADE, msg::DESK_UNTIL, msg::DESK_STATE];
    let table = Table::new(lang, lang.t(msg::PROXY_ALL), columns.map(|c| Column::text(lang.t(c))).to_vec())
        .rows(shown.iter().map(row).collect())
        .empty(Empty::new(Icon::People, lang.t(msg::PROXY_NONE), ""))
        .stack();
    let mut all = vec![Html::from(Table { caption_hidden: true, ..table })];
    if let Some(last) = shown.last().filter(|_| found.len() > SHOWN) {
        all.push(Button::link(lang.t(msg::NEXT_PAGE), format!("/access/proxies?before={}", last.grant.id)).into());
    }
    parts.push(Card::new(lang.t(msg::PROXY_ALL), stack(all)).into());
    shell::page(&session.meta(title, "/access/proxies"), stack(parts))
}

fn fields(lang: Lang, typed: &Typed, errors: &Errors) -> Vec<Field> {
    let choice = |name: &str, label, of: &[(&str, Msg)], value: &str| {
        let all = of.iter().map(|(code, label)| ((*code).to_owned(), lang.t(*label).to_owned())).collect();
        Field::new(name, lang.t(label), FieldKind::Choice(all)).value(value).to_choose(lang)
    };
    let text =
        |name: &str, label, value: &str| Field::new(name, lang.t(label), FieldKind::Text).value(value).required();
    let mut fields = vec![
        text("child", msg::PROXY_CHILD_NUMBER, &typed.child),
        text("child_name", msg::PROXY_CHILD_NAME, &typed.child_name).hint(lang.t(msg::PROXY_NAME_HINT)),
        text("reader", msg::PROXY_READER_NUMBER, &typed.reader).hint(lang.t(msg::PROXY_READER_HINT)),
        text("reader_name", msg::PROXY_READER_NAME, &typed.reader_name).hint(lang.t(msg::PROXY_NAME_HINT)),
        choice("kind", msg::PROXY_KIND, &KINDS, &typed.kind),
        choice("proof", msg::PROXY_PROOF, &PROOFS, &typed.proof),
        text("paper", msg::PROXY_PAPER, &typed.paper).hint(lang.t(msg::PROXY_PAPER_HINT)),
        Field::new("until", lang.t(msg::ME_SHARE_UNTIL), FieldKind::Date)
            .value(&*typed.until)
            .hint(lang.t(msg::PROXY_UNTIL_HINT)),
    ];
    // Asked only of who is old enough: most are not, and one more question is one more to answer wrong.
    if !typed.agrees.is_empty() || errors.iter().any(|(name, _)| *name == "agrees") {
        let said = [("no", msg::PROXY_AGREES_NO), ("yes", msg::PROXY_AGREES_YES)];
        fields.push(choice("agrees", msg::PROXY_AGREES, &said, &typed.agrees));
    }
    fields.into_iter().map(|field| field.told(errors)).collect()
}

/// What is in the way, at which field.
type Wrong = (&'static str, Msg);

/// Whether two names are one, but for accents, case and spaces. A slip of the pen that joins two claims opens no record: Đạt is not Đức.
fn is_same(one: &str, other: &str) -> bool {
    let one = fold(one);
    !one.is_empty() && one == fold(other)
}

/// The person of a number, where they are called so.
pub(crate) fn named(tx: &mut Tx<'_>, number: &str, name: &str) -> mach_store::Result<Option<PersonRow>> {
    let person = mach_people::by_exact_number(tx, number).map_err(|e| mach_store::Error::Refused(e.to_string()))?;
    let Some(person) = person else { return Ok(None) };
    Ok(people::person(tx, person)?.filter(|row| is_same(&row.name, name)))
}

/// The first day on which a person may have been born.
pub(crate) fn born(row: &PersonRow) -> Option<Day> {
    let day = row.birth_day.and_then(|day| i32::try_from(day).ok()).map(Day);
    let year = i32::try_from(row.birth_year).ok().filter(|year| *year > 0);
    day.or_else(|| year.and_then(|year| Day::from_ymd(year, 1, 1)))
}

/// Writes it down, where nothing is in the way.
fn make(tx: &mut Tx<'_>, typed: &Typed, reason: &str, until: Option<Day>) -> mach_store::Result<Result<(), Wrong>> {
    let own = tx.decision().actor().facility.unwrap_or(0);
    let child = match named(tx, &typed.child, &typed.child_name)? {
        Some(child) if people::knows(tx, own, child.id)? => child,
        _ => return Ok(Err(("child", msg::PROXY_CHILD_NOBODY))),
    };
    let Some(reader) = named(tx, &typed.reader, &typed.reader_name)?.filter(|reader| reader.id != child.id) else {
        return Ok(Err(("reader", msg::PROXY_READER_NOBODY)));
    };
    let Some(born) = born(&child) else { return Ok(Err(("child", msg::PROXY_NOT_BORN))) };
    let today = Day::today();
    let (ages, last) = (Ages::shared(), until.unwrap_or(Day(i32::MAX - 1)));
    let Some(grown) = ages.day_of(Stage::Majority, born, today).filter(|grown| today < *grown) else {
        return Ok(Err(("child", msg::PROXY_GROWN)));
    };
    if ages.day_of(Stage::Voice, born, today).is_some_and(|voice| voice <= today) && typed.agrees != "yes" {
        return Ok(Err(("agrees", msg::PROXY_AGREES_FIRST)));
    }
    // Until the day typed has ended in Viet Nam, and never into the day on which the child is of age.
    let end = Day(last.0 + 1).min(grown);
    let Some(account) = tx.citizen_account(reader.id)? else {
        return Ok(Err(("reader", msg::PROXY_READER_NOBODY)));
    };
    let relations = [Relation::Proxy];
    for before in grants::held(tx, child.id, &relations)?.into_iter().filter(|g| g.account == account) {
        // Written down anew: until the day said now.
        tx.end_grant(before.id)?;
    }
    if grants::held(tx, child.id, &relations)?.len() >= limits::SHARES {
        return Ok(Err(("child", msg::PROXY_MANY)));
    }
    tx.grant(&NewGrant {
        person: child.id,
        account,
        facility: 0,
        relation: Relation::Proxy,
        purpose: Purpose::Family,
        until: i64::from(end.0) * DAY - 7 * 3_600,
        reason: reason.to_owned(),
        source: source_of(own),
        from: 0,
        review: Review::NotNeeded,
    })?;
    // Who has no account yet finds the notice in the one they get.
    tx.citizen_account(child.id)?;
    tell(tx, (child.id, account), Kind::ProxyMade)?;
    Ok(Ok(()))
}

/// Tells the child and who speaks for them.
pub(crate) fn tell(tx: &mut Tx<'_>, (child, account): (i64, i64), kind: Kind) -> mach_store::Result<()> {
    tx.notify_person(child, kind, "/me")?;
    if account > 0 { tx.notify(account, kind, mach_base::time::now_seconds(), "/me") } else { Ok(()) }
}

pub(crate) async fn write(
    State(house): State<House>,
    session: Session,
    Form(typed): Form<Typed>,
) -> Result<Response, Problem> {
    let decision = house.decide(&session, Act::RegisterProxies).await?;
    let (lang, today) = (session.lang, Day::today());
    let mut errors = Errors::new();
    let plain = Typed {
        child: typed.child.trim().to_owned(),
        child_name: typed.child_name.trim().to_owned(),
        reader: typed.reader.trim().to_owned(),
        reader_name: typed.reader_name.trim().to_owned(),
        paper: typed.paper.trim().to_owned(),
        ..typed.clone()
    };
    for (name, text) in [
        ("child", &plain.child),
        ("child_name", &plain.child_name),
        ("reader", &plain.reader),
        ("reader_name", &plain.reader_name),
        ("paper", &plain.paper),
    ] {
        if text.is_empty() {
            errors.push((name, lang.t(msg::DESK_EMPTY).to_owned()));
        }
        errors.extend(too_long(lang, text, limits::NAME_CHARS).map(|error| (name, error)));
    }
    // In Vietnamese, whoever wrote it down: the child and who speaks for them read it.
    let word =
        |of: &[(&str, Msg)], code: &str| of.iter().find(|(c, _)| *c == code).map(|(_, label)| Lang::Vi.t(*label));
    let (kind, proof) = (word(&KINDS, &plain.kind), word(&PROOFS, &plain.proof));
    for (name, chosen) in [("kind", kind), ("proof", proof)] {
        if chosen.is_none() {
            errors.push((name, lang.t(msg::FIELD_CHOOSE).to_owned()));
        }
    }
    let until = match plain.until.trim() {
        "" => Some(None),
        text => Day::parse_iso(text).filter(|day| *day >= today && day.0 < i32::MAX - 1).map(Some),
    };
    if until.is_none() {
        errors.push(("until", lang.t(msg::PROXY_UNTIL_WRONG).to_owned()));
    }
    if let (true, Some(kind), Some(proof), Some(until)) = (errors.is_empty(), kind, proof, until) {
        session.looks_for_people()?;
        let (reason, typed) = (format!("{kind} · {proof}: {}", plain.paper), plain.clone());
        let done = house
            .write(decision.clone(), move |tx| {
                let made = make(tx, &typed, &reason, until)?;
                if made.is_err() {
                    // Who tries numbers is seen.
                    tx.audit(None, "proxy", "failed")?;
                }
                Ok(made)
            })
            .await?;
        match done {
            Ok(()) => return Ok(Redirect::to("/access/proxies?done=made").into_response()),
            Err((name, error)) => errors.push((name, lang.t(error).to_owned())),
        }
    }
    let forms = Forms { child: (plain, errors), ..Forms::default() };
    Ok((StatusCode::BAD_REQUEST, shown(&house, &session, &decision, &forms).await?).into_response())
}

/// Ends what this facility's desk wrote down.
pub(crate) async fn end(
    State(house): State<House>,
    session: Session,
    Path(id): Path<String>,
) -> Result<Redirect, Problem> {
    let decision = house.decide(&session, Act::RegisterProxies).await?;
    let id: i64 = id.parse().map_err(|_| Problem::NotFound)?;
    let own = decision.scope().facility().unwrap_or(0);
    let ended = house
        .write(decision, move |tx| {
            let Some(grant) = grants::of_this_source(tx, id, &source_of(own))? else { return Ok(false) };
            let ended = guardians::end(tx, &grant)?;
            if ended {
                tell(tx, (grant.person, grant.account), Kind::ProxyEnded)?;
            }
            Ok(ended)
        })
        .await?;
    if ended { Ok(Redirect::to("/access/proxies")) } else { Err(Problem::NotFound) }
}
