//! The pharmacy: a prescription is looked up by the code in the patient's hand, whichever facility wrote it, and handed out.

use crate::bodies::Receiver;
use crate::case::{self, Case};
use crate::code;
use crate::detail::{facts, lines};
use crate::dispense::{self, Handing, names_receiver, too_much};
use crate::gateway::INVOICE_CHARS;
use crate::view::refusal;
use crate::words::{hundredths, written};
use crate::work::{Done, No, TEXT_CHARS};
use askama::Template;
use axum::extract::{Form, Path, Query, State};
use axum::response::Redirect;
use mach_access::{Act, Actor, Decision, decide};
use mach_base::time::now_seconds;
use mach_house::{Failure, House, Session};
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

/// The program's own decision: for one prescription whose code somebody has in hand.
fn own() -> Result<Decision, Problem> {
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
                parts.push(match case.is_open(now_seconds()) {
                    true => sale(lang, &case),
                    false => Notice::new(lang, Tone::Warning, lang.t(closed(&case))).into(),
                });
                parts.push(facts(lang, &case, !case.row.sensitive));
            }
        }
    }
    let title = lang.t(msg::RX_PHARMACY);
    let crumbs = vec![Crumb::link(lang.t(msg::RX), "/prescriptions"), Crumb::here(title)];
    let meta = PageMeta { crumbs, ..session.meta(title, "/prescriptions/dispense") };
    let ask = Card::new("", Html::template(&Ask { lang, code: &typed }));
    let head: Html = PageHead::new(title).lead(lang.t(msg::RX_PHARMACY_LEAD)).into();
    Ok(shell::page(&meta, stack([head, ask.into()].into_iter().chain(parts))))
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
    let action = format!("/prescriptions/dispense/{}", case.row.code);
    let button = Button::primary(lang.t(msg::RX_HAND_OUT)).icon(Icon::Check).into();
    Card::new(lang.t(msg::RX_HAND_OUT), field_form(lang, action, ("", Vec::new()), &fields, [button])).into()
}

/// `POST /prescriptions/dispense/{code}`.
pub(crate) async fn take(
    State(house): State<House>,
    session: Session,
    Path(code): Path<String>,
    Form(typed): Form<HashMap<String, String>>,
) -> Result<Redirect, Problem> {
    let lang = session.lang;
    let (decision, case, _) = found(&house, &session, &code).await?.ok_or(Problem::NotFound)?;
    let pharmacy = decision.scope().facility().ok_or(Problem::Forbidden)?;
    let get = |name: &str| typed.get(name).map(|t| t.trim().to_owned()).unwrap_or_default();
    let invoice = get("invoice");
    if invoice.is_empty() || invoice.chars().count() > INVOICE_CHARS {
        return Err(Problem::BadRequest(lang.fmt(msg::RX_INVOICE_WANTED, &[("n", &INVOICE_CHARS.to_string())])));
    }
    if typed.values().any(|t| t.chars().count() > TEXT_CHARS) {
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
    let receiver = Receiver { name: get("receiver"), number: get("receiver-number") };
    let account = session.actor.account;
    let handing = Handing { pharmacy, account, invoice, lines, receiver, ..Handing::default() };
    match hand_out(&house, decision, &case, handing).await? {
        Ok(()) => Ok(Redirect::to(&format!("/prescriptions/dispense?code={}&done=dispense", case.row.code))),
        Err(no) => Err(refusal(lang, &no)),
    }
}
