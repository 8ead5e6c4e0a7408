//! `/certificates/sign`: what waits for the head's signature, signed together; and who signs in the head's place.

use crate::desk::Desk;
use crate::signing::Certificates;
use crate::view::{by, link, refusal, result_word, told};
use crate::{bodies, case, work};
use askama::Template;
use axum::Extension;
use axum::extract::{Form, Query, RawForm, State};
use axum::response::Redirect;
use mach_access::{Act, Role, decide};
use mach_base::Day;
use mach_base::limits::NAME_CHARS;
use mach_base::time::now_seconds;
use mach_house::{Failure, House, Session};
use mach_signing::{choice, flights};
use mach_store::certificates::{self, Filter, State as Stands};
use mach_store::signing::{self, Delegation, Provider};
use mach_store::{accounts, schema};
use mach_ui::components::{
    Button, Card, Cell, Column, Empty, Field, FieldKind, Icon, Notice, PageHead, PostForm, Row, Table, Tone,
    field_form, line, muted, stack,
};
use mach_ui::http::Problem;
use mach_ui::shell::{Crumb, PageMeta};
use mach_ui::{Html, Lang, msg, shell};
use serde::Deserialize;
use std::sync::Arc;

/// Certificates signed with one press.
const TOGETHER: usize = 50;
/// The longest a delegation may last, days.
const DELEGATION_DAYS: i32 = 366;

#[derive(Debug, Default, Deserialize)]
pub(crate) struct Asked {
    #[serde(default)]
    done: String,
    #[serde(default)]
    signed: usize,
    #[serde(default)]
    waiting: usize,
    #[serde(default)]
    refused: usize,
    /// The row before which the list begins.
    #[serde(default)]
    before: Option<i64>,
}

#[derive(Template)]
#[template(path = "batch.html")]
struct Batch {
    lang: Lang,
    table: Html,
    /// With which certificate; nothing where there is nothing to choose.
    choice: Html,
    any: bool,
}

#[derive(Template)]
#[template(path = "tick.html")]
struct Tick<'a> {
    code: &'a str,
    /// When the conclusion was made that stands in the row.
    seen: i64,
    label: &'a str,
}

struct Waiting {
    row: certificates::Certificate,
    /// Why it cannot be signed yet; empty: it can.
    hindrance: String,
}

fn waiting(
    r: &mut mach_store::Reader,
    (lang, account, facility): (Lang, i64, i64),
    before: Option<i64>,
) -> mach_store::Result<Vec<Waiting>> {
    let filter = Filter { state: Some(Stands::Concluded), ..Filter::default() };
    let rows = certificates::list(r, &filter, before, TOGETHER + 1)?;
    let codes: Vec<&str> = rows.iter().map(|c| c.code.as_str()).collect();
    let flights = signing::in_brief(r, facility, &codes)?;
    let hindrance = |c: &certificates::Certificate| {
        // Those of an earlier conclusion are history.
        let flight = |act: signing::Act| {
            flights.get(&(c.code.clone(), act as i64)).filter(|f| c.concluded.is_some_and(|at| f.began >= at))
        };
        let doctor = flight(signing::Act::Conclude);
        if doctor.is_some_and(|f| f.account == account) {
            lang.t(msg::GKSK_SIGN_SAME).to_owned()
        } else if let Some(head) = flight(signing::Act::Countersign).filter(|f| f.is_under_way) {
            lang.fmt(msg::GKSK_SIGNING_OF, &[("name", &head.name)])
        } else if doctor.is_some_and(|f| !f.is_done) {
            lang.t(msg::GKSK_UNSIGNED).to_owned()
        } else {
            String::new()
        }
    };
    let hindrances: Vec<String> = rows.iter().map(hindrance).collect();
    Ok(rows.into_iter().zip(hindrances).map(|(row, hindrance)| Waiting { row, hindrance }).collect())
}

fn list(lang: Lang, rows: &[Waiting], choice: Html) -> Html {
    let columns = [
        Column::text(lang.t(msg::GKSK_SIGN)),
        Column::text(lang.t(msg::GKSK_PERSON)),
        Column::text(lang.t(msg::GKSK_CLASS)),
        Column::text(lang.t(msg::GKSK_RESULT)),
        Column::text(lang.t(msg::GKSK_DOCTOR)),
        Column::text(lang.t(msg::GKSK_DAY)),
    ];
    let table = rows.iter().map(|w| {
        let c = &w.row;
        let tick = match w.hindrance.is_empty() {
            true => {
                Cell(Html::template(&Tick { code: &c.code, seen: c.concluded.unwrap_or_default(), label: &c.name }))
            }
            false => Cell::from(w.hindrance.clone()),
        };
        Row::new([
            tick,
            Cell::link(&c.name, &format!("/certificates/case/{}", c.code)),
            Cell::from(c.class.clone()),
            Cell::from(result_word(lang, &c.result)),
            Cell::from(c.doctor.clone()),
            Cell::from(c.concluded.map(bodies::shown).unwrap_or_default()),
        ])
    });
    let table = Table::new(lang, lang.t(msg::GKSK_BATCH), columns.into())
        .rows(table.collect())
        .empty(Empty::new(Icon::Check, lang.t(msg::GKSK_BATCH_NONE), ""))
        .stack();
    let any = rows.iter().any(|w| w.hindrance.is_empty());
    Html::template(&Batch { lang, table: table.into(), choice, any })
}

/// What was typed into the delegation's form, and what is wrong with it.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Typed {
    #[serde(default)]
    deputy: String,
    #[serde(default)]
    from: String,
    #[serde(default)]
    to: String,
    #[serde(default)]
    document: String,
}

type Errors = Vec<(&'static str, String)>;

fn delegating(lang: Lang, held: &[(Delegation, String)], typed: &Typed, errors: &Errors) -> Html {
    let today = Day::today().to_string();
    let from = if typed.from.is_empty() { today } else { typed.from.clone() };
    let mut fields = [
        Field::new("deputy", lang.t(msg::GKSK_DEPUTY), FieldKind::Text).value(&typed.deputy).required(),
        Field::new("from", lang.t(msg::FROM), FieldKind::Date).value(from).required(),
        Field::new("to", lang.t(msg::TO), FieldKind::Date).value(&typed.to).required(),
        Field::new("document", lang.t(msg::GKSK_DOCUMENT), FieldKind::Text).value(&typed.document).required(),
    ];
    told(&mut fields, errors);
    let lead = lang.t(msg::GKSK_DELEGATE_LEAD);
    let button = Button::submit(lang.t(msg::GKSK_DELEGATE)).into();
    let ask = field_form(lang, "/certificates/delegate", (lead, Vec::new()), &fields, [button]);
    let held = held.iter().map(|(d, name)| {
        let (from, to) = (bodies::shown(d.from), bodies::shown(d.to - 1));
        let said =
            lang.fmt(msg::GKSK_DELEGATED, &[("name", name), ("from", &from), ("to", &to), ("document", &d.document)]);
        let end = PostForm::new(lang, "/certificates/delegate/end", Button::submit(lang.t(msg::GKSK_DELEGATE_END)));
        Html::concat([line(&said), end.with("id", d.id.to_string()).into()])
    });
    let all: Vec<Html> = held.chain([ask]).collect();
    Card::new(lang.t(msg::GKSK_DELEGATION), stack(all)).into()
}

async fn shown(
    (house, desk): (&House, &Desk),
    session: &Session,
    (notice, before): (Option<Html>, Option<i64>),
    typed: &Typed,
    errors: &Errors,
) -> Result<Html, Problem> {
    let decision = house.decide(session, Act::Certify).await?;
    let lang = session.lang;
    let (account, facility) = (session.actor.account, decision.scope().facility().ok_or(Problem::Forbidden)?);
    let now = now_seconds();
    let (mut rows, deputy, held, desktop, signers) = house
        .read(decision.clone(), move |r| {
            let held = signing::delegations(r, facility, now)?;
            let deputy = held.iter().any(|d| d.deputy == account && d.from <= now);
            let scope = r.scope();
            let mut named = Vec::new();
            for d in held {
                let name = accounts::by_id(r, scope, d.deputy)?.map(|a| a.display).unwrap_or_default();
                named.push((d, name));
            }
            let desktop = !signing::owed(r, (facility, account), Provider::Vgca, 1)?.is_empty();
            let signers = choice::of(r, (facility, account), signing::Act::Countersign)?;
            Ok::<_, Failure>((waiting(r, (lang, account, facility), before)?, deputy, named, desktop, signers))
        })
        .await?;
    house.write(decision, |tx| tx.audit(None, "driver certificates to be signed", "granted")).await?;
    let more = rows.len() > TOGETHER;
    rows.truncate(TOGETHER);
    let next = rows
        .last()
        .filter(|_| more)
        .map(|last| link(lang.t(msg::NEXT_PAGE), format!("/certificates/sign?before={}", last.row.id), Icon::Next));
    let is_head = decide(&session.actor, Act::Countersign).is_ok();
    let title = lang.t(msg::GKSK_BATCH);
    let choice = choice::field(lang, desk, &signers, 0).map(|field| field.html(lang)).unwrap_or_default();
    let body = match is_head || deputy {
        true => Html::concat([muted(lang.t(msg::GKSK_BATCH_LEAD)), list(lang, &rows, choice)]),
        false => line(lang.t(msg::GKSK_NOT_HEAD)),
    };
    let own = desktop.then(|| mach_signing::desktop::link(lang));
    let back = link(lang.t(msg::BACK), "/certificates", Icon::Previous);
    let parts = [
        Some(PageHead::new(title).actions(own.into_iter().chain([back])).into()),
        notice,
        Some(Card::new("", body).into()),
        next.filter(|_| is_head || deputy),
        is_head.then(|| delegating(lang, &held, typed, errors)),
    ];
    let crumbs = vec![Crumb::link(lang.t(msg::GKSK), "/certificates"), Crumb::here(title)];
    let meta = PageMeta { crumbs, ..session.meta(title, "/certificates") };
    Ok(shell::page(&meta, stack(parts.into_iter().flatten())))
}

/// `GET /certificates/sign`.
pub(crate) async fn page(
    State(house): State<House>,
    Extension(desk): Extension<Arc<Desk>>,
    session: Session,
    Query(asked): Query<Asked>,
) -> Result<Html, Problem> {
    let lang = session.lang;
    let notice = match asked.done.as_str() {
        "sign" => {
            let [good, wait, bad] = [asked.signed, asked.waiting, asked.refused].map(|n| n.to_string());
            let text = lang.fmt(msg::GKSK_BATCH_DONE, &[("good", &good), ("wait", &wait), ("bad", &bad)]);
            let all = asked.waiting + asked.refused == 0;
            Some(Notice::new(lang, if all { Tone::Good } else { Tone::Warning }, text).into())
        }
        "delegate" => Some(Notice::new(lang, Tone::Good, lang.t(msg::GKSK_DELEGATED_DONE)).into()),
        _ => None,
    };
    shown((&house, &desk), &session, (notice, asked.before), &Typed::default(), &Errors::new()).await
}

/// The decision under which somebody signs for the facility: the head's, else that of who may stand in.
pub(crate) async fn may_sign(house: &House, session: &Session) -> Result<mach_access::Decision, Problem> {
    let head = decide(&session.actor, Act::Countersign).is_ok();
    house.decide(session, if head { Act::Countersign } else { Act::Certify }).await
}

/// `POST /certificates/sign`: `code`, several times, each `CODE~SECONDS`.
pub(crate) async fn sign(
    State(house): State<House>,
    Extension(desk): Extension<Arc<Desk>>,
    session: Session,
    RawForm(form): RawForm,
) -> Result<Redirect, Problem> {
    let decision = may_sign(&house, &session).await?;
    session.is_proven()?;
    let text = String::from_utf8_lossy(&form).into_owned();
    let with = choice::read(text.split('&').find_map(|f| f.strip_prefix("with=")).unwrap_or_default());
    let codes: Vec<(String, i64)> = text.split('&').filter_map(|f| chosen(f.strip_prefix("code=")?)).collect();
    if codes.is_empty() || codes.len() > TOGETHER {
        return Err(Problem::BadRequest(session.lang.t(msg::GKSK_BATCH_CHOOSE).to_owned()));
    }
    let (mut signed, mut under_way, mut refused) = (0, 0, 0);
    for (code, seen) in codes {
        let (at, who) = (code.clone(), by(&session));
        match house.write(decision.clone(), move |tx| work::sign(tx, &at, &who, Some(seen), with)).await? {
            Ok(()) => {}
            // Without rules or a certificate of one's own none of them can be signed: that is told once.
            Err(no @ (work::No::NoPolicy | work::No::NoSigner | work::No::NotHead)) => {
                return Err(refusal(session.lang, no));
            }
            Err(_) => {
                refused += 1;
                continue;
            }
        }
        now_of(&house, &desk, code.clone(), signing::Act::Countersign).await?;
        // Asked for is not signed: what came of it is looked up.
        let row = house.read(decision.clone(), move |r| Ok::<_, Failure>(certificates::by_code(r, &code)?)).await?;
        match row.is_some_and(|c| c.state == Stands::Issued) {
            true => signed += 1,
            false => under_way += 1,
        }
    }
    let query = format!("signed={signed}&waiting={under_way}&refused={refused}");
    Ok(Redirect::to(&format!("/certificates/sign?done=sign&{query}")))
}

/// What was ticked: a code, and when the conclusion was made that the page showed: another than that is not signed.
fn chosen(value: &str) -> Option<(String, i64)> {
    let (code, seen) = value.replace("%7E", "~").split_once('~').map(|(c, s)| (c.to_uppercase(), s.to_owned()))?;
    let is_code = code.len() == 12 && code.bytes().all(|b| b.is_ascii_alphanumeric());
    Some((code, seen.parse().ok()?)).filter(|_| is_code)
}

/// Takes a signature that was just asked for as far as it goes without its owner's phone. It is asked for all the same where
/// that fails now: the queue goes on with it.
pub(crate) async fn now_of(house: &House, desk: &Arc<Desk>, code: String, act: signing::Act) -> Result<(), Problem> {
    let decision = decide(&mach_access::Actor::console(), Act::Certify).map_err(Problem::internal)?;
    let wanted = code.clone();
    let row = house.read(decision, move |r| Ok::<_, Failure>(certificates::by_code(r, &wanted)?)).await?;
    let wanted = row.map(|row| (row.facility, code, act)).into_iter().collect();
    flights::at_once(house, desk, &Certificates, wanted).await
}

/// `POST /certificates/delegate`: the head lets somebody sign for a time.
pub(crate) async fn delegate(
    State(house): State<House>,
    Extension(desk): Extension<Arc<Desk>>,
    session: Session,
    Form(typed): Form<Typed>,
) -> Result<Result<Redirect, (axum::http::StatusCode, Html)>, Problem> {
    let decision = house.decide(&session, Act::Countersign).await?;
    session.is_proven()?;
    let lang = session.lang;
    let facility = decision.scope().facility().ok_or(Problem::Forbidden)?;
    let mut errors = Errors::new();
    let document = typed.document.split_whitespace().collect::<Vec<_>>().join(" ");
    if document.is_empty() || document.chars().count() > NAME_CHARS {
        errors.push(("document", lang.t(msg::GKSK_DOCUMENT_WANTED).to_owned()));
    }
    let (from, to) = (Day::parse_iso(&typed.from), Day::parse_iso(&typed.to));
    let fits = |f: Day, t: Day| f <= t && Day::today() <= t && t.0 - f.0 < DELEGATION_DAYS;
    let period = from.zip(to).filter(|(f, t)| fits(*f, *t));
    if period.is_none() {
        errors.push(("to", lang.t(msg::GKSK_PERIOD_WRONG).to_owned()));
    }
    let name = typed.deputy.trim().to_owned();
    let found = house
        .read(decision.clone(), move |r| {
            let scope = r.scope();
            let found = accounts::by_name(r, &name)?.filter(|a| a.actor.facility == scope.facility() && !a.closed);
            Ok::<_, Failure>(found.filter(|a| matches!(a.actor.role, Role::Clinician | Role::Head)))
        })
        .await?;
    let deputy = found.map(|a| a.actor.account).filter(|a| *a != session.actor.account);
    if deputy.is_none() {
        errors.push(("deputy", lang.t(msg::GKSK_DEPUTY_WRONG).to_owned()));
    }
    let (Some(deputy), Some((from, to)), true) = (deputy, period, errors.is_empty()) else {
        let page = shown((&house, &desk), &session, (None, None), &typed, &errors).await?;
        return Ok(Err((axum::http::StatusCode::BAD_REQUEST, page)));
    };
    let head = session.actor.account;
    let (from, to) = (case::midnight(from), case::midnight(Day(to.0 + 1)));
    let delegation = Delegation { id: 0, facility, head, deputy, from, to, document, ended: None };
    house
        .write(decision, move |tx| {
            let id = tx.delegate(&delegation)?;
            tx.audit(None, &format!("delegation {id} to account {deputy}"), "granted")
        })
        .await?;
    Ok(Ok(Redirect::to("/certificates/sign?done=delegate")))
}

/// A row by its number.
#[derive(Debug, Deserialize)]
pub(crate) struct Numbered {
    pub(crate) id: i64,
}

/// `POST /certificates/delegate/end`.
pub(crate) async fn end(
    State(house): State<House>,
    session: Session,
    Form(which): Form<Numbered>,
) -> Result<Redirect, Problem> {
    let decision = house.decide(&session, Act::Countersign).await?;
    let facility = decision.scope().facility().ok_or(Problem::Forbidden)?;
    let ended = house.write(decision, move |tx| {
        let done = tx.end_delegation(facility, which.id)?;
        tx.audit(None, &format!("delegation {} ended", which.id), if done { "granted" } else { "failed" })?;
        Ok(done)
    });
    match ended.await? {
        true => Ok(Redirect::to("/certificates/sign?done=delegate")),
        false => Err(Problem::NotFound),
    }
}

/// What the department of health is named where a facility's code is typed: it signs nothing of care, and seals what its own desk gives out.
pub(crate) const DEPARTMENT: &str = "0";

/// The facility of a code, as an administrator may name it; [`DEPARTMENT`]: 0.
pub(crate) fn facility_of(on: &mut mach_store::Reader, code: &str) -> mach_store::Result<Option<i64>> {
    let scope = on.scope();
    if code == DEPARTMENT {
        return Ok(scope.facility().is_none().then_some(0));
    }
    let known = schema::facilities(on)?.into_iter().find(|(_, c)| c == code).map(|(id, _)| id);
    Ok(known.filter(|id| scope.facility().is_none_or(|own| own == *id)))
}
