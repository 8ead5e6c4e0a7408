//! What a pharmacy's program asks, by its facility's key: a prescription by its code, and a sale.

use crate::bodies::Receiver;
use crate::case::Case;
use crate::dispense::{self, Handing};
use crate::gateway::INVOICE_CHARS;
use crate::pharmacy::{found, hand_out};
use crate::receipt::{self, Receipt};
use crate::view::refusal;
use crate::words::hundredths;
use crate::work::TEXT_CHARS;
use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use mach_access::Decision;
use mach_base::Minute;
use mach_base::time::now_seconds;
use mach_house::{House, Session};
use mach_signing::patient::Way;
use mach_store::people::PersonRow;
use mach_store::prescriptions::SaleLine;
use mach_ui::http::Problem;
use serde::Deserialize;
use serde_json::{Value, json};

fn quantity(hundredths: i64) -> Value {
    if hundredths % 100 == 0 {
        json!(hundredths / 100)
    } else {
        json!(format!("{}.{:02}", hundredths / 100, hundredths % 100))
    }
}

fn shown(case: &Case, person: &PersonRow) -> Value {
    let lines: Vec<Value> = case
        .content
        .items
        .iter()
        .zip(&case.lines)
        .map(|(item, line)| {
            json!({
                "line": line.line, "drug": item.drug, "name": item.name, "unit": item.unit, "usage": item.usage, "days": item.days,
                "prescribed": quantity(line.prescribed), "left": quantity(line.left()),
            })
        })
        .collect();
    json!({
        "code": case.row.code,
        "kind": case.row.kind,
        "part": case.content.part,
        "parts": case.content.parts,
        "state": case.row.state.code(),
        "open": case.is_open(now_seconds()),
        "validFrom": case.row.opens.map(crate::bodies::instant),
        "validUntil": case.row.expires.map(crate::bodies::instant),
        "name": person.name,
        "birthYear": person.birth_year,
        "diagnosis": if case.row.sensitive { "" } else { case.content.icd() },
        "facility": case.facility,
        "doctor": case.content.doctor,
        "lines": lines,
    })
}

/// `GET /api/prescriptions/{code}`.
pub(crate) async fn one(
    State(house): State<House>,
    session: Session,
    Path(code): Path<String>,
) -> Result<Json<Value>, Problem> {
    let (_, case, person) = found(&house, &session, &code).await?.ok_or(Problem::NotFound)?;
    Ok(Json(shown(&case, &person)))
}

/// A sale.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sold {
    invoice: String,
    lines: Vec<SoldLine>,
    /// Asked of narcotics and psychotropics.
    #[serde(default)]
    receiver: String,
    #[serde(default, rename = "receiverNumber")]
    receiver_number: String,
    /// Their signature for it.
    #[serde(default)]
    receipt: Option<SoldReceipt>,
}

/// The signature of who takes controlled medicines, of what `POST …/receipt` gave.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SoldReceipt {
    /// SHA-256 of that text, hexadecimal.
    sha256: String,
    /// `pad` or `paper`.
    way: String,
    /// The drawing, a PNG file in base64.
    #[serde(default)]
    drawn: String,
    /// Who handed it out.
    witness: String,
}

impl SoldReceipt {
    fn read(&self, name: &str) -> Result<Receipt, Problem> {
        let bad = |text: &str| Problem::BadRequest(format!("receipt: {text}"));
        let shown = mach_sign::digest_from_hex(&self.sha256).map_err(|_| bad("sha256: 64 digits"))?;
        let witness = self.witness.split_whitespace().collect::<Vec<_>>().join(" ");
        if witness.is_empty() || witness.chars().count() > TEXT_CHARS {
            return Err(bad("witness: a name is wanted"));
        }
        let (way, given) = match Way::parse(&self.way) {
            Some(Way::Pad) => {
                (Way::Pad, receipt::drawn(&self.drawn).ok_or_else(|| bad("drawn: a PNG file is wanted"))?)
            }
            Some(Way::Paper) => (Way::Paper, format!("paper, {name}, witness {witness}").into_bytes()),
            _ => return Err(bad("way: pad or paper")),
        };
        Ok(Receipt { shown, way, given, witness: (0, witness) })
    }
}

/// How much of a line.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SoldLine {
    line: i64,
    quantity: Value,
}

/// `POST /api/prescriptions/{code}/dispense`: `{"invoice":"HD1","lines":[{"line":1,"quantity":10}]}`; the same again is the same.
pub(crate) async fn dispense(
    State(house): State<House>,
    session: Session,
    Path(code): Path<String>,
    body: axum::body::Bytes,
) -> Result<Json<Value>, Problem> {
    let (decision, case, _) = found(&house, &session, &code).await?.ok_or(Problem::NotFound)?;
    let (handing, _) = handing(&session, &decision, &case, &body)?;
    match hand_out(&house, decision, &case, handing).await? {
        Ok(()) => {
            let (_, case, person) = found(&house, &session, &code).await?.ok_or(Problem::NotFound)?;
            Ok(Json(shown(&case, &person)))
        }
        Err(no) => Err(refusal(session.lang, &no)),
    }
}

/// `POST /api/prescriptions/{code}/receipt`, with the sale: the text that who takes it signs, its hash, and the ways that count.
/// Nothing is handed out.
pub(crate) async fn receipt(
    State(house): State<House>,
    session: Session,
    Path(code): Path<String>,
    body: axum::body::Bytes,
) -> Result<Json<Value>, Problem> {
    let (decision, case, person) = found(&house, &session, &code).await?.ok_or(Problem::NotFound)?;
    let (handing, pharmacy) = handing(&session, &decision, &case, &body)?;
    let today = Minute::of_seconds(now_seconds()).day();
    let Some(rule) = receipt::asked(&case.row.kind, today) else {
        return Ok(Json(json!({ "text": "", "sha256": "", "ways": [] })));
    };
    let no = dispense::hindrance(&case, &handing, false, now_seconds()).or_else(|| dispense::past(&case, &handing));
    if let Some(no) = no {
        return Err(refusal(session.lang, &no));
    }
    let text = receipt::text(&case, &person.name, &pharmacy, &handing, today);
    let sha256 = mach_sign::hex(&mach_sign::sha256(text.as_bytes()));
    let ways: Vec<&str> = rule.ways.iter().filter(|w| matches!(w, Way::Pad | Way::Paper)).map(|w| w.code()).collect();
    Ok(Json(json!({ "text": text, "sha256": sha256, "ways": ways })))
}

/// The sale of a body, and the pharmacy's code.
fn handing(session: &Session, decision: &Decision, case: &Case, body: &[u8]) -> Result<(Handing, String), Problem> {
    let pharmacy = decision.scope().facility().ok_or(Problem::Forbidden)?;
    let sold: Sold = serde_json::from_slice(body).map_err(|e| Problem::BadRequest(e.to_string()))?;
    let wanted = || Problem::BadRequest(format!("invoice: 1 to {INVOICE_CHARS} characters on one line"));
    let invoice = dispense::invoice(&sold.invoice).ok_or_else(wanted)?;
    let mut lines: Vec<SaleLine> = Vec::new();
    for line in &sold.lines {
        let text = match &line.quantity {
            Value::Number(n) => n.to_string(),
            Value::String(text) => text.clone(),
            _ => String::new(),
        };
        let quantity = hundredths(&text).filter(|q| *q > 0);
        let quantity =
            quantity.ok_or_else(|| Problem::BadRequest(format!("line {}: a quantity is wanted", line.line)))?;
        let known = case.lines.iter().any(|l| l.line == line.line);
        if !known || lines.iter().any(|l| l.line == line.line) {
            return Err(Problem::BadRequest(format!("line {}: it is not there, or stands twice", line.line)));
        }
        lines.push(SaleLine { line: line.line, quantity });
    }
    if [&sold.receiver, &sold.receiver_number].iter().any(|t| t.chars().count() > TEXT_CHARS) {
        return Err(Problem::BadRequest(format!("receiver: at most {TEXT_CHARS} characters")));
    }
    let one = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let receiver = Receiver { name: one(&sold.receiver), number: one(&sold.receiver_number) };
    let account = session.actor.account;
    let code = session.facility_code.clone().unwrap_or_default();
    let name = receipt::name(&case.row.code, &receipt::mark(&code, &invoice));
    let receipt = sold.receipt.as_ref().map(|r| r.read(&name)).transpose()?;
    Ok((Handing { pharmacy, account, invoice, lines, receiver, receipt, ..Handing::default() }, code))
}

/// `GET /api/prescriptions/openapi.json`: open, it holds nothing of anybody.
pub(crate) async fn openapi() -> Response {
    ([(axum::http::header::CONTENT_TYPE, "application/json")], include_str!("../openapi.json")).into_response()
}
