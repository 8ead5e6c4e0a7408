//! One case: how far it is, what the standard says, who signed, where it was sent, and what can be done now.

use crate::batch;
use crate::bodies;
use crate::case::{CLASH_DAYS, CONCLUSION, Case};
use crate::declared;
use crate::desk::Desk;
use crate::part::standard;
use crate::signing::{known, word};
use crate::view::{by, link, meta, points, refusal, result_word, seen, sending_chip, state_chip};
use crate::work;
use axum::Extension;
use axum::extract::{Form, Path, Query, State};
use axum::http::header;
use axum::response::{IntoResponse, Redirect, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use mach_access::{Act, decide};
use mach_base::time::now_seconds;
use mach_fhir::{ResourceType, Tree};
use mach_house::{Failure, House, Session};
use mach_signing::{choice, desktop, waits};
use mach_store::certificates::{Sending, State as Stands};
use mach_store::resources;
use mach_store::signing::{Act as Signs, Flight, Signer};
use mach_ui::components::{
    Button, Card, Cell, Column, Definitions, Field, FieldKind, Icon, Layout, Notice, PageHead, PostForm, Row, Table,
    Tone, chip, field_form, laid_out, line, muted, stack,
};
use mach_ui::http::Problem;
use mach_ui::{Html, Lang, msg, shell};
use serde::Deserialize;
use std::sync::Arc;

#[derive(Debug, Default, Deserialize)]
pub(crate) struct Asked {
    #[serde(default)]
    done: String,
}

fn parts(lang: Lang, case: &Case, may: bool) -> Html {
    let columns = [msg::GKSK_PART, msg::GKSK_STATE, msg::GKSK_PART_DOCTOR].map(|m| Column::text(lang.t(m)));
    let rows = case.parts.iter().map(|part| {
        let item = case.form.item(&part.link);
        let text = item.map(|i| format!("{} {}", i.prefix, i.text.in_lang(lang)).trim().to_owned()).unwrap_or_default();
        let (tone, word) = match (part.done, part.begun) {
            (true, _) => (Tone::Good, msg::GKSK_PART_DONE),
            (false, true) => (Tone::Info, msg::GKSK_PART_DRAFT),
            (false, false) => (Tone::Plain, msg::GKSK_PART_OPEN),
        };
        let href = format!("/certificates/case/{}/part/{}", case.row.code, part.link);
        let name = if may { Cell::link(&text, &href) } else { Cell::from(text) };
        Row::new([name, Cell(chip(tone, lang.t(word))), Cell::from(part.author.1.clone())])
    });
    let table = Table::new(lang, lang.t(msg::GKSK_PARTS), columns.into()).rows(rows.collect()).walk();
    Card::new(lang.t(msg::GKSK_PARTS), table).into()
}

fn others(lang: Lang, case: &Case) -> Option<Html> {
    if case.others.is_empty() {
        return None;
    }
    let list = case.others.iter().map(|(other, facility)| {
        let facility = mach_house::facility_name(facility);
        let (when, result) = (bodies::shown(other.opened), result_word(lang, &other.result));
        lang.fmt(msg::GKSK_OTHER, &[("when", &when), ("facility", &facility), ("result", &result)])
    });
    let tone = if case.clashes() { Tone::Bad } else { Tone::Warning };
    let text = match case.clashes() {
        true => lang.fmt(msg::GKSK_OTHER_CLASH, &[("days", &CLASH_DAYS.to_string())]),
        false => lang.t(msg::GKSK_OTHERS).to_owned(),
    };
    let notice = Notice { more: points(list.collect()), ..Notice::new(lang, tone, text) };
    Some(notice.into())
}

fn facts(lang: Lang, case: &Case) -> Html {
    let now = now_seconds();
    let mut list = Definitions::default()
        .row(lang.t(msg::GKSK_CODE), case.row.code.as_str())
        .row(lang.t(msg::GKSK_NUMBER), case.number())
        .row(lang.t(msg::GKSK_CLASS), case.row.class.as_str())
        .row(lang.t(msg::GKSK_RESULT), result_word(lang, &case.row.result))
        .row(lang.t(msg::GKSK_OPENED), bodies::shown(case.row.opened))
        .row(lang.t(msg::GKSK_FACILITY), mach_house::facility_name(&case.facility))
        .row(
            lang.t(msg::GKSK_DECLARATION),
            declared::said(lang, case).unwrap_or_else(|| lang.t(msg::GKSK_DECLARED_NOT).to_owned()),
        )
        .row(lang.t(msg::GKSK_SENDING), sending_chip(lang, &case.row, now));
    if let Some(day) = case.valid_until().filter(|_| case.row.state == Stands::Issued) {
        list = list.row("", lang.fmt(msg::GKSK_VALID, &[("day", &day.vi())]));
    }
    let said = match case.row.sending {
        Sending::Sent => lang.fmt(msg::GKSK_SEND_SENT, &[("receipt", &case.sent.receipt)]),
        Sending::Refused => lang.fmt(msg::GKSK_SEND_REFUSED, &[("why", &case.sent.said)]),
        Sending::Due if case.row.tried > 0 => lang.fmt(
            msg::GKSK_SEND_TRIES,
            &[("n", &case.row.tried.to_string()), ("why", known(lang, &case.sent.said).unwrap_or(&case.sent.said))],
        ),
        _ => String::new(),
    };
    let said = if said.is_empty() { Html::EMPTY } else { muted(&said) };
    Card::new(lang.t(msg::GKSK_STATE), Html::concat([list.into(), said])).note(state_chip(lang, case.row.state)).into()
}

/// The certificates with which who looks may sign.
struct Own {
    desk: Arc<Desk>,
    conclude: Vec<Signer>,
    countersign: Vec<Signer>,
}

impl Own {
    async fn of(house: &House, session: &Session, desk: Arc<Desk>, case: &Case) -> Result<Self, Problem> {
        let decision = house.decide(session, Act::ReadCertificates).await?;
        let who = (case.row.facility, session.actor.account);
        let found = house.read(decision, move |r| {
            Ok::<_, Failure>((choice::of(r, who, Signs::Conclude)?, choice::of(r, who, Signs::Countersign)?))
        });
        let (conclude, countersign) = found.await?;
        Ok(Self { desk, conclude, countersign })
    }

    /// The choice among several; `before`: what was signed with last time.
    fn choice(&self, lang: Lang, act: Signs, before: i64) -> Vec<Field> {
        let signers = if act == Signs::Conclude { &self.conclude } else { &self.countersign };
        choice::field(lang, &self.desk, signers, before).into_iter().collect()
    }
}

/// The digital signatures: done, under way, stopped.
fn digital(session: &Session, case: &Case, own: &Own) -> Vec<Html> {
    let lang = session.lang;
    let one = |f: &Flight| {
        let role = if f.act == Signs::Conclude { msg::GKSK_DOCTOR } else { msg::GKSK_HEAD };
        let name = format!("{}: {}", lang.t(role), f.name);
        let (text, stopped) = match (f.ended, f.next) {
            (Some(at), _) => {
                (lang.fmt(msg::GKSK_SIGNED_DIGITALLY, &[("name", &name), ("when", &bodies::shown(at))]), false)
            }
            (None, Some(_)) => (lang.fmt(msg::GKSK_SIGNING, &[("name", &name), ("why", word(lang, &f.said))]), false),
            (None, None) => {
                (lang.fmt(msg::GKSK_SIGNING_STOPPED, &[("name", &name), ("why", word(lang, &f.said))]), true)
            }
        };
        let action = format!("/certificates/case/{}/resume", case.row.code);
        let again = (stopped && f.account == session.actor.account).then(|| {
            let button = Button::submit(lang.t(msg::GKSK_SIGN_AGAIN)).into();
            field_form(lang, action, ("", Vec::new()), &own.choice(lang, f.act, f.signer), [button])
        });
        Html::concat([Some(line(&text)), again].into_iter().flatten())
    };
    let desktop = desktop::waits(&case.flights, session.actor.account).then(|| desktop::link(lang));
    let account = session.actor.account;
    let phone = waits::notice(lang, &case.flights, account, waits::simulates(&own.desk));
    case.flights.iter().map(one).chain(desktop).chain(phone).collect()
}

fn signatures(session: &Session, case: &Case, own: &Own) -> Option<Html> {
    let lang = session.lang;
    if case.attesters.is_empty() {
        return None;
    }
    let lines = case.attesters.iter().map(|(mode, when, by)| {
        let role = if *mode == "official" { msg::GKSK_HEAD } else { msg::GKSK_DOCTOR };
        let who = lang.fmt(msg::GKSK_SIGNATURE_LINE, &[("name", &by.name), ("when", &bodies::shown(*when))]);
        format!("{}: {who}", lang.t(role))
    });
    let note = if case.flights.is_empty() { msg::GKSK_SIGNATURE_NOTE } else { msg::GKSK_SIGNATURE_BOTH };
    let digital = digital(session, case, own);
    let body = Html::concat([points(lines.collect())].into_iter().chain(digital).chain([muted(lang.t(note))]));
    Some(Card::new(lang.t(msg::GKSK_SIGNATURES), body).into())
}

/// A form that asks for a reason.
fn with_reason(
    lang: Lang,
    case: &Case,
    (act, title, lead): (&str, mach_ui::Msg, mach_ui::Msg),
    error: Option<&str>,
) -> Html {
    let mut field = Field::new("why", lang.t(msg::GKSK_REVOKE_WHY), FieldKind::Text).required();
    field.name = format!("why-{act}");
    field.error = error.map(str::to_owned);
    let action = format!("/certificates/case/{}/{act}", case.row.code);
    let body = field_form(lang, action, (lang.t(lead), Vec::new()), &[field], [Button::submit(lang.t(title)).into()]);
    Card::new(lang.t(title), body).into()
}

fn acts(session: &Session, case: &Case, may: bool, own: &Own) -> Vec<Html> {
    let lang = session.lang;
    let address = |act: &str| format!("/certificates/case/{}/{act}", case.row.code);
    let mut out = Vec::new();
    if !may {
        return out;
    }
    let declared = case.parts.iter().any(|part| part.link == declared::HISTORY && part.done);
    if declared && case.row.state == Stands::Examining {
        out.push(link(lang.t(msg::DECLARE), address("declare"), Icon::Person));
    }
    let head = decide(&session.actor, Act::Countersign).is_ok();
    let signing = case.flight(Signs::Countersign).is_some_and(Flight::is_under_way);
    if case.row.state == Stands::Concluded && !signing {
        let same = case.is_by(session.actor.account);
        let waits = case.flight(Signs::Conclude).is_some_and(|f| f.done().is_none());
        let body = if waits {
            line(lang.t(msg::GKSK_UNSIGNED))
        } else if !head {
            line(lang.t(msg::GKSK_CONCLUDED))
        } else if same {
            line(lang.t(msg::GKSK_SIGN_SAME))
        } else {
            let sign = Button::primary(lang.t(msg::GKSK_SIGN)).icon(Icon::Check).into();
            let lead = (lang.t(msg::GKSK_SIGN_LEAD), vec![("seen", seen_mark(case))]);
            field_form(lang, address("sign"), lead, &own.choice(lang, Signs::Countersign, 0), [sign])
        };
        out.push(Card::new(lang.t(msg::GKSK_SIGN), body).into());
    }
    if matches!(case.row.sending, Sending::Due | Sending::Refused) {
        out.push(PostForm::new(lang, address("send"), Button::submit(lang.t(msg::GKSK_SEND_AGAIN))).into());
    }
    if case.row.state == Stands::Concluded || (case.row.state == Stands::Issued && head) {
        out.push(with_reason(lang, case, ("correct", msg::GKSK_CORRECT, msg::GKSK_CORRECT_LEAD), None));
    }
    if case.row.state == Stands::Issued && head {
        out.push(with_reason(lang, case, ("revoke", msg::GKSK_REVOKE, msg::GKSK_REVOKE_LEAD), None));
    }
    if case.row.state == Stands::Examining && !case.was_issued() {
        let cancel = PostForm::new(lang, address("cancel"), Button::submit(lang.t(msg::GKSK_CANCEL)));
        out.push(cancel.sure(lang.t(msg::ARE_YOU_SURE)).into());
    }
    out
}

/// `GET /certificates/case/{code}`.
pub(crate) async fn page(
    State(house): State<House>,
    Extension(desk): Extension<Arc<Desk>>,
    session: Session,
    Path(code): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Html, Problem> {
    let (_, case) = seen(&house, &session, &code, Act::ReadCertificates).await?;
    let own = Own::of(&house, &session, desk, &case).await?;
    let lang = session.lang;
    let done = match asked.done.as_str() {
        "part" => Some(msg::GKSK_PART_FINISHED),
        "declared" => Some(msg::DECLARE_DONE),
        "draft" => Some(msg::FORM_KEPT),
        "concluded" => Some(msg::GKSK_CONCLUDED),
        "sign" if case.row.state == Stands::Issued => Some(msg::GKSK_SIGNED),
        "sign" | "resume" => Some(msg::GKSK_SIGNING_BEGUN),
        "revoke" => Some(msg::GKSK_REVOKED),
        "correct" => Some(msg::GKSK_CORRECTED),
        "cancel" => Some(msg::GKSK_CANCELLED),
        "send" => Some(msg::GKSK_SENT_AGAIN),
        _ => None,
    };
    let may = decide(&session.actor, Act::Certify).is_ok();
    let mut actions = Vec::new();
    if case.row.state == Stands::Examining && may {
        let next = case.open_parts().next().map_or(CONCLUSION, |p| p.link.as_str());
        let title = case.form.item(next).map(|i| i.text.in_lang(lang).to_owned()).unwrap_or_default();
        let href = format!("/certificates/case/{}/part/{next}", case.row.code);
        actions.push(Button::link(title, href).icon(Icon::Next).as_primary().into());
    }
    if case.row.concluded.is_some() {
        let href = format!("/certificates/case/{}/paper", case.row.code);
        actions.push(link(lang.t(msg::GKSK_PAPER), href, Icon::Print));
        let href = format!("/certificates/case/{}/certificate.pdf", case.row.code);
        actions.push(link("PDF", href, Icon::Download));
    }
    let head = PageHead::new(case.form.title.in_lang(lang)).lead(case.form.source.clone()).actions(actions);
    let left = [Some(parts(lang, &case, may)), Some(standard(lang, &case, &case.answers))];
    let right = [Some(facts(lang, &case)), signatures(&session, &case, &own)];
    let right = right.into_iter().flatten().chain(acts(&session, &case, may, &own));
    let columns = laid_out(Layout::Main, [stack(left.into_iter().flatten()), stack(right)]);
    let notice = done.map(|text| Notice::new(lang, Tone::Good, lang.t(text)).into());
    let all = [Some(head.into()), notice, others(lang, &case), Some(columns)];
    Ok(shell::page(&meta(&session, &case, ""), stack(all.into_iter().flatten())))
}

/// Why something is done.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Reasons {
    #[serde(default, rename = "why-revoke")]
    revoke: String,
    #[serde(default, rename = "why-correct")]
    correct: String,
    /// What the page showed, of which conclusion.
    #[serde(default)]
    seen: String,
    /// With which certificate.
    #[serde(default)]
    with: String,
}

/// What a page showed, of which conclusion: only that is signed from it.
fn seen_mark(case: &Case) -> String {
    case.row.concluded.unwrap_or_default().to_string()
}

/// `POST /certificates/case/{code}/{act}`.
pub(crate) async fn act(
    State(house): State<House>,
    Extension(desk): Extension<Arc<Desk>>,
    session: Session,
    Path((code, act)): Path<(String, String)>,
    Form(reasons): Form<Reasons>,
) -> Result<Redirect, Problem> {
    // Whether a correction is the head's depends on where the case stands, which the transaction sees.
    let is_head = decide(&session.actor, Act::Countersign).is_ok();
    let needs = match act.as_str() {
        "revoke" => Act::Countersign,
        "sign" | "correct" if is_head => Act::Countersign,
        _ => Act::Certify,
    };
    let decision = house.decide(&session, needs).await?;
    if matches!(act.as_str(), "sign" | "resume" | "revoke") {
        session.is_proven()?;
    }
    let (lang, by, code) = (session.lang, by(&session), code.to_uppercase());
    let (shown, chosen) = (reasons.seen.parse().unwrap_or(0), choice::read(&reasons.with));
    let why = match act.as_str() {
        "revoke" => reasons.revoke,
        "correct" => reasons.correct,
        "sign" | "resume" | "cancel" | "send" => String::new(),
        _ => return Err(Problem::NotFound),
    };
    let why: String = why.trim().chars().take(1_000).collect();
    if why.is_empty() && matches!(act.as_str(), "revoke" | "correct") {
        return Err(Problem::BadRequest(lang.t(msg::GKSK_WHY_WANTED).to_owned()));
    }
    let (at, doing) = (code.clone(), act.clone());
    let done = house.write(decision, move |tx| match doing.as_str() {
        "sign" => work::sign(tx, &at, &by, Some(shown), chosen),
        "resume" => work::resume(tx, &at, &by, chosen),
        "revoke" => work::revoke(tx, &at, &by, &why),
        "correct" => work::correct(tx, &at, &by, &why),
        "cancel" => work::cancel(tx, &at),
        _ => work::send_again(tx, &at),
    });
    match done.await? {
        Ok(()) => {
            after(&house, &desk, &code, &act).await?;
            Ok(Redirect::to(&format!("/certificates/case/{code}?done={act}")))
        }
        Err(no) => Err(refusal(lang, no)),
    }
}

/// What follows an act at once, beside the transaction.
async fn after(house: &House, desk: &Arc<Desk>, code: &str, act: &str) -> Result<(), Problem> {
    match act {
        "sign" => batch::now_of(house, desk, code.to_owned(), Signs::Countersign).await,
        "resume" => {
            batch::now_of(house, desk, code.to_owned(), Signs::Conclude).await?;
            batch::now_of(house, desk, code.to_owned(), Signs::Countersign).await
        }
        // Whoever verifies without asking the house is told by the list.
        "revoke" | "correct" => {
            let (store, desk) = (house.store().clone(), Arc::clone(desk));
            let published = tokio::task::spawn_blocking(move || mach_signing::papers::publish(&store, &desk)).await;
            // It is done all the same, and the queue tries again.
            if let Err(e) = published.map_err(Problem::internal)? {
                tracing::error!("the list of papers taken back could not be written: {e}");
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

/// `GET /certificates/files/{id}`: a picture or file of an examination, to those who may see the examination.
pub(crate) async fn file(
    State(house): State<House>,
    session: Session,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let decision = house.decide(&session, Act::ReadCertificates).await?;
    // The signed paper is given out by its own address, once it is issued, and as it was signed.
    if id.ends_with(crate::signing::PAPER) {
        return Err(Problem::NotFound);
    }
    let wanted = id.clone();
    let found = house.read(decision.clone(), move |r| {
        let scope = r.scope();
        Ok::<_, Failure>(resources::current(r, scope, ResourceType::BINARY, &wanted)?)
    });
    let found = found.await?.filter(|r| !r.deleted && r.id.starts_with("gksk-")).ok_or(Problem::NotFound)?;
    house.write(decision, move |tx| tx.audit(found.patient, &format!("Binary {id}"), "granted")).await?;
    let tree = Tree::parse(found.body.as_str()).map_err(Problem::internal)?;
    let text = |name: &str| tree.root().get_text(name).unwrap_or_default().into_owned();
    let bytes = STANDARD.decode(text("data")).map_err(Problem::internal)?;
    // What the bytes are was looked at when they came; nothing else is ever served from here.
    let kind = mach_forms::fields::sniffed(&bytes).unwrap_or("application/octet-stream");
    let shown = if kind == "application/octet-stream" { "attachment" } else { "inline" };
    let headers = [(header::CONTENT_TYPE, kind), (header::CONTENT_DISPOSITION, shown)];
    Ok((headers, bytes).into_response())
}
