//! What other programs ask: an examination made elsewhere comes in, its state is read, an agency looks one up.

use crate::bodies;
use crate::case::Case;
use crate::take::{Refusal, Sent, take_one};
use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use mach_access::Act;
use mach_house::{Failure, House, Session};
use mach_store::{certificates, schema};
use mach_ui::http::Problem;
use mach_ui::msg;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Certificates shown of one look-up, the newest first.
const LOOKED_UP: usize = 20;

/// What is wrong with a request, place by place.
fn refused(refusal: &Refusal) -> Response {
    let (status, issues): (_, Vec<Value>) = match refusal {
        Refusal::Wrong(issues) => {
            let issue = |(at, text): &(String, String)| json!({"severity": "error", "code": "invalid", "diagnostics": text, "expression": [at]});
            (StatusCode::UNPROCESSABLE_ENTITY, issues.iter().map(issue).collect())
        }
        Refusal::Twin(code) => {
            let text = format!("this person's examination of this class and day is here already: {code}");
            let at = format!("/api/certificates/{code}");
            (
                StatusCode::CONFLICT,
                vec![json!({"severity": "error", "code": "duplicate", "diagnostics": text, "expression": [at]})],
            )
        }
    };
    (status, Json(json!({"resourceType": "OperationOutcome", "issue": issues}))).into_response()
}

/// `POST /api/certificates`.
pub(crate) async fn take(
    State(house): State<House>,
    session: Session,
    body: axum::body::Bytes,
) -> Result<Response, Problem> {
    let decision = house.decide(&session, Act::Certify).await?;
    let sent: Sent = match serde_json::from_slice(&body) {
        Ok(sent) => sent,
        Err(e) => {
            let text = format!("line {}, column {}: {e}", e.line(), e.column());
            return Ok(refused(&Refusal::Wrong(vec![(String::new(), text)])));
        }
    };
    let code = match take_one(&house, decision, sent).await? {
        Ok(code) => code,
        Err(refusal) => return Ok(refused(&refusal)),
    };
    let case = read(&house, &session, &code, Act::Certify).await?;
    Ok((StatusCode::CREATED, Json(shown(&case))).into_response())
}

async fn read(house: &House, session: &Session, code: &str, act: Act) -> Result<Case, Problem> {
    crate::view::seen(house, session, code, act).await.map(|(_, case)| case)
}

/// A certificate as other programs see it.
fn shown(case: &Case) -> Value {
    let c = &case.row;
    json!({
        "code": c.code,
        "number": case.number(),
        "state": c.state.code(),
        "class": c.class,
        "result": c.result,
        "name": c.name,
        "nationalId": c.national,
        "facility": case.facility,
        "concluded": c.concluded.map(bodies::instant),
        "validUntil": case.valid_until().map(|d| d.to_string()),
        "doctor": c.doctor,
        "head": c.head,
        "standardMet": case.fitness().is_fit(),
        "sending": {"state": c.sending.code(), "receipt": case.sent.receipt, "said": case.sent.said, "tries": c.tried},
    })
}

/// `GET /api/certificates/{code}`.
pub(crate) async fn one(
    State(house): State<House>,
    session: Session,
    Path(code): Path<String>,
) -> Result<Json<Value>, Problem> {
    Ok(Json(shown(&read(&house, &session, &code, Act::ReadCertificates).await?)))
}

/// What an agency asks.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Wanted {
    #[serde(default)]
    national: String,
    #[serde(default)]
    code: String,
    #[serde(default)]
    purpose: String,
}

/// `GET /api/certificates/look-up?national=…&purpose=…`, or `code=`: issued and revoked certificates, not what was found.
/// Every look-up is logged with its purpose, also one that finds nothing.
pub(crate) async fn look_up(
    State(house): State<House>,
    session: Session,
    Query(wanted): Query<Wanted>,
) -> Result<Json<Value>, Problem> {
    let decision = house.decide(&session, Act::LookUpCertificates).await?;
    let purpose: String = wanted.purpose.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(200).collect();
    if purpose.chars().count() < 5 {
        return Err(Problem::BadRequest(session.lang.t(msg::GKSK_API_WANTED).to_owned()));
    }
    if wanted.national.is_empty() == wanted.code.is_empty() {
        return Err(Problem::BadRequest("national or code".to_owned()));
    }
    let (national, code) = (wanted.national.trim().to_uppercase(), wanted.code.trim().to_uppercase());
    let found = house
        .read(decision.clone(), move |r| {
            let rows = match code.is_empty() {
                true => certificates::issued(r, &national, LOOKED_UP)?,
                false => certificates::by_code(r, &code)?.into_iter().filter(|c| c.state.is_public()).collect(),
            };
            let mut out = Vec::new();
            for row in rows {
                let facility = schema::facility_code(r, row.facility)?.unwrap_or_default();
                out.push((row, facility));
            }
            Ok::<_, Failure>(out)
        })
        .await?;
    // Numbers may be a passport's and several people's: everybody who is shown finds the look in their own trail.
    let people: BTreeSet<i64> = found.iter().map(|(c, _)| c.person).collect();
    let target = format!("driver certificate looked up for: {purpose}");
    house
        .write(decision, move |tx| match people.is_empty() {
            true => tx.audit(None, &target, "failed"),
            false => people.iter().try_for_each(|person| tx.audit(Some(*person), &target, "granted")),
        })
        .await?;
    let list: Vec<Value> = found
        .iter()
        .map(|(c, facility)| {
            json!({
                "code": c.code,
                "number": bodies::number(c, facility),
                "state": c.state.code(),
                "class": c.class,
                "result": c.result,
                "name": c.name,
                "concluded": c.concluded.map(bodies::instant),
                "facility": facility,
            })
        })
        .collect();
    Ok(Json(json!({"certificates": list})))
}

/// `GET /api/certificates/openapi.json`: open, it holds nothing of anybody.
pub(crate) async fn openapi() -> Response {
    ([(axum::http::header::CONTENT_TYPE, "application/json")], include_str!("../openapi.json")).into_response()
}
