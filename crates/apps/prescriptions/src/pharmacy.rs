//! The pharmacy: a prescription is looked up by the code in the patient's hand, whichever facility wrote it, and handed out.

use crate::bodies::Receiver;
use crate::case::{self, Case};
use crate::code;
use crate::detail::{facts, lines};
use crate::dispense::{self, Handing, names_receiver, too_much};
use crate::gateway::INVOICE_CHARS;
use crate::receipt;
use crate::receive::{self, Asked as Receive};
use crate::view::refusal;
use crate::words::{hundredths, written};
use crate::work::{Done, No, TEXT_CHARS};
use askama::Template;
use axum::Extension;
use axum::extract::{Form, Path, Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use mach_access::{Act, Actor, Decision, decide};
use mach_base::Day;
use mach_base::time::now_seconds;
use mach_house::{Failure, House, Session};
use mach_signing::desk::Desk;
use mach_signing::patient::Way;
use mach_store::people::{self, PersonRow};
use mach_store::prescriptions::SaleLine;
use mach_ui::components::{
    Button, Card, Definitions, Field, FieldKind, Icon, Notice, PageHead, Tone, field_form, stack,
};
use mach_ui::http::Problem;
use mach_ui::shell::{Crumb, PageMeta};
use mach_ui::{Html, Lang, msg, shell};
use serde::Deserialize;
use std::collections::HashMap;
use std::sync::Arc;

#[derive(Template)]
#[template(path = "ask.html")]
struct Ask<'a> {
    lang: Lang,
    code: &'a str,
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct Asked {
    #[serde(default)]
    code: String,
    #[serde(default)]
    done: String,
}

/// What was typed, by the names of the fields.
pub(crate) type Typed = HashMap<String, String>;

/// The program's own decision: for one prescription whose code somebody has in hand.
pub(crate) fn own() -> Result<Decision, Problem> {
    decide(&Actor::console(), Act::Dispense).map_err(Problem::internal)
}

/// The prescription with this code, for whoever may dispense. That is audited under their name, also where there is none.
pub(crate) async fn found(
    house: &House,
    session: &Session,
    typed: &str,
) -> Result<Option<(Decision, Case, PersonRow)>, Problem> {
    let decision = house.decide(session, Act::Dispense).await?;
    let Some(code) = code::parse(typed) else { return Ok(None) };
    let wanted = code.clone();
    let found = house
        .read(own()?, move |r| {
            let Some(case) = case::load(r, &wanted)? else { return Ok::<_, Failure>(None) };
            // A draft is nobody's business but its writer's.
            if case.row.signed.is_none() {
                return Ok(None);
            }
            let person = people::person(r, case.row.person)?.ok_or(mach_store::Error::Missing("a person"))?;
            Ok(Some((case, person)))
        })
        .await?;
    let id = found.as_ref().map(|(case, _)| case.row.person);
    let outcome = if found.is_some() { "granted" } else { "failed" };
    let target = format!("prescription looked up by code {code}");
    house.write(decision.clone(), move |tx| tx.audit(id, &target, outcome)).await?;
    Ok(found.map(|(case, person)| (decision, case, person)))
}

/// Hands out by the program's own decision, audited under the asker's.
pub(crate) async fn hand_out(
    house: &House,
    decision: Decision,
    case: &Case,
    handing: Handing,
) -> Result<Done<()>, Problem> {
    let (code, person) = (case.row.code.clone(), case.row.person);
    let target = format!("prescription {code} handed out by invoice {}", handing.invoice);
    let done = house.write(own()?, move |tx| dispense::dispense(tx, &code, &handing)).await;
    let done = match done {
        // The refusal of our own closure.
        Err(Problem::Internal(text)) => match too_much(&text) {
            Some(line) => Err(No::TooMuch(line)),
            None => return Err(Problem::Internal(text)),
        },
        other => other?,
    };
    let outcome = if done.is_ok() { "granted" } else { "failed" };
    house.write(decision, move |tx| tx.audit(Some(person), &target, outcome)).await?;
    Ok(done)
}

/// `GET /prescriptions/dispense?code=…`.
pub(crate) async fn page(
    State(house): State<House>,
    session: Session,
    Query(asked): Query<Asked>,
) -> Result<Html, Problem> {
    house.decide(&session, Act::Dispense).await?;
    let lang = session.lang;
    let typed: String = asked.code.trim().chars().take(200).collect();
    let mut parts: Vec<Html> = Vec::new();
    if asked.done == "dispense" {
        parts.push(Notice::new(lang, Tone::Good, lang.t(msg::RX_HANDED_OUT)).into());
    }
    if !typed.is_empty() {
        match found(&house, &session, &typed).await? {
            None => parts.push(Notice::new(lang, Tone::Bad, lang.t(msg::RX_NOT_FOUND)).into()),
            Some((_, case, person)) => {
                let year = if person.birth_year > 0 { person.birth_year.to_string() } else { String::new() };
                let who = Definitions::default().row(lang.t(msg::RX_BIRTH_YEAR), year);
                parts.push(Card::new(person.name.clone(), who).into());
                parts.push(lines(lang, &case));
                parts.extend(receipts(lang, &case));
                parts.push(match case.is_open(now_seconds()) {
                    true => sale(lang, &case),
                    false => Notice::new(lang, Tone::Warning, lang.t(closed(&case))).into(),
                });
                parts.push(facts(lang, &case, !case.row.sensitive));
            }
        }
    }
    let title = lang.t(msg::RX_PHARMACY);
    let meta = meta(&session, title);
    let ask = Card::new("", Html::template(&Ask { lang, code: &typed }));
    let head: Html = PageHead::new(title).lead(lang.t(msg::RX_PHARMACY_LEAD)).into();
    Ok(shell::page(&meta, stack([head, ask.into()].into_iter().chain(parts))))
}

/// What every page of the pharmacy stands in.
pub(crate) fn meta(session: &Session, title: &str) -> PageMeta {
    let crumbs = vec![Crumb::link(session.lang.t(msg::RX), "/prescriptions"), Crumb::here(title)];
    PageMeta { crumbs, ..session.meta(title, "/prescriptions/dispense") }
}

/// Who signed for what was taken.
pub(crate) fn receipts(lang: Lang, case: &Case) -> Option<Html> {
    let rows = case.receipts.iter().map(|(mark, signed)| receive::row(lang, case, mark, signed));
    (!case.receipts.is_empty()).then(|| Card::new(lang.t(msg::RX_RECEIPTS), Html::concat(rows)).into())
}

/// Why it is not handed out now.
fn closed(case: &Case) -> mach_ui::Msg {
    let waits = case.row.opens.is_some_and(|o| now_seconds() < o);
    match () {
        () if case.altered => msg::RX_ALTERED,
        () if waits => msg::RX_EARLY,
        () => msg::RX_NOT_OPEN,
    }
}

fn sale(lang: Lang, case: &Case) -> Html {
    let mut invoice = Field::new("invoice", lang.t(msg::RX_INVOICE), FieldKind::Text).required();
    invoice.max_chars = INVOICE_CHARS;
    let mut fields = vec![invoice];
    for (item, line) in case.content.items.iter().zip(&case.lines).filter(|(_, l)| l.left() > 0) {
        let left = written(line.left());
        let label = format!("{} ({})", item.name, item.unit);
        let hint = lang.fmt(msg::RX_LEFT_HINT, &[("n", &left)]);
        let name = format!("quantity-{}", line.line);
        fields.push(Field::new(name, label, FieldKind::Text).value(left).hint(hint));
    }
    if names_receiver(&case.row) {
        fields.push(Field::new("receiver", lang.t(msg::RX_RECEIVER), FieldKind::Text).required());
        fields.push(Field::new("receiver-number", lang.t(msg::RX_RECEIVER_NUMBER), FieldKind::Text).required());
    }
    let signs = receipt::asked(&case.row.kind, Day::today());
    if signs.is_some_and(|rule| rule.ways.contains(&Way::Code)) {
        let phone = Field::new("receiver-phone", lang.t(msg::RX_RECEIVER_PHONE), FieldKind::Digits);
        fields.push(phone.hint(lang.t(msg::RX_RECEIVER_PHONE_HINT)));
    }
    let action = format!("/prescriptions/dispense/{}", case.row.code);
    let label = if signs.is_some() { msg::RX_TO_RECEIPT } else { msg::RX_HAND_OUT };
    let button = Button::primary(lang.t(label)).icon(Icon::Check).into();
    Card::new(lang.t(msg::RX_HAND_OUT), field_form(lang, action, ("", Vec::new()), &fields, [button])).into()
}

/// The sale that was typed.
pub(crate) fn handing(session: &Session, decision: &Decision, case: &Case, typed: &Typed) -> Result<Handing, Problem> {
    let lang = session.lang;
    let pharmacy = decision.scope().facility().ok_or(Problem::Forbidden)?;
    let get = |name: &str| typed.get(name).map(|t| t.trim().to_owned()).unwrap_or_default();
    let wanted = || Problem::BadRequest(lang.fmt(msg::RX_INVOICE_WANTED, &[("n", &INVOICE_CHARS.to_string())]));
    let invoice = dispense::invoice(&get("invoice")).ok_or_else(wanted)?;
    // A drawing and a reader's statement have limits of their own.
    let texts = typed.iter().filter(|(name, _)| !matches!(name.as_str(), "drawn" | "statement"));
    if texts.map(|(_, text)| text).any(|t| t.chars().count() > TEXT_CHARS) {
        return Err(Problem::BadRequest(lang.fmt(msg::RX_LONG_TEXT, &[("n", &TEXT_CHARS.to_string())])));
    }
    let mut lines = Vec::new();
    for line in &case.lines {
        let text = get(&format!("quantity-{}", line.line));
        if text.is_empty() {
            continue;
        }
        let quantity =
            hundredths(&text).ok_or_else(|| Problem::BadRequest(lang.t(msg::RX_QUANTITY_WRONG).to_owned()))?;
        lines.push(SaleLine { line: line.line, quantity });
    }
    // One line of what is signed is one line: a name brings no others along.
    let one = |name: &str| get(name).split_whitespace().collect::<Vec<_>>().join(" ");
    let receiver = Receiver { name: one("receiver"), number: one("receiver-number") };
    let account = session.actor.account;
    Ok(Handing { pharmacy, account, invoice, lines, receiver, ..Handing::default() })
}

/// `POST /prescriptions/dispense/{code}`: hands out; where who takes it signs, shows what they sign first.
pub(crate) async fn take(
    State(house): State<House>,
    Extension(desk): Extension<Arc<Desk>>,
    session: Session,
    Path(code): Path<String>,
    Form(typed): Form<Typed>,
) -> Result<Response, Problem> {
    let (decision, case, person) = found(&house, &session, &code).await?.ok_or(Problem::NotFound)?;
    let handing = handing(&session, &decision, &case, &typed)?;
    let pharmacy = session.facility_code.clone().unwrap_or_default();
    let asked = Receive::of((&house, &session, &desk), (&case, &person), (&typed, handing.clone()), &pharmacy);
    if let Some(asked) = asked {
        return asked.answer(decision).await;
    }
    match hand_out(&house, decision, &case, handing).await? {
        Ok(()) => {
            let to = format!("/prescriptions/dispense?code={}&done=dispense", case.row.code);
            Ok(Redirect::to(&to).into_response())
        }
        Err(no) => Err(refusal(session.lang, &no)),
    }
}
