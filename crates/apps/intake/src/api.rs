//! `POST /api/claims`: claim files from facilities' programs.

use crate::files::Input;
use crate::import::{self, Progress, Summary};
use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use mach_access::{Act, Decision};
use mach_base::limits;
use mach_claims::check::Finding;
use mach_house::{House, Session};
use mach_ui::http::Problem;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// Findings answered for one request; the rest is on the pages.
const ANSWER_FINDINGS: usize = 1_000;

/// Takes one claim file as the body. Answers 200 where nothing was refused, 422 where something was, with the same shape:
/// `{summary, claims: [{position, facility, ma_lk, outcome, claim}], findings: […]}`.
///
/// With `Idempotency-Key`, the same request gets the same answer again; another request under that key is refused (409).
pub async fn receive(
    State(house): State<House>,
    session: Session,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    let decision = house.decide(&session, Act::SendClaims).await?;
    let key = match headers.get("idempotency-key").map(|v| v.to_str()) {
        None => None,
        Some(Ok(key)) if !key.is_empty() && key.len() <= limits::NAME_CHARS => Some(key.to_owned()),
        Some(_) => return Err(Problem::BadRequest("Idempotency-Key".to_owned())),
    };
    if body.is_empty() {
        return Err(Problem::BadRequest(session.lang.pick("Nội dung trống.", "The body is empty.").to_owned()));
    }
    let request = Sha256::digest(&body).to_vec();
    if let Some(key) = key.clone() {
        let asked = request.clone();
        let seen = house.write(decision.clone(), move |tx| tx.answered(&key, &asked)).await?;
        match seen {
            Some(Ok(answer)) => return stored(&answer),
            Some(Err(())) => return Err(Problem::Conflict("Idempotency-Key".to_owned())),
            None => {}
        }
    }
    let name = headers.get("x-file-name").and_then(|v| v.to_str().ok()).unwrap_or("POST /api/claims");
    let name = name.chars().take(limits::NAME_CHARS).collect();
    let received = take(&house, &decision, vec![Input::Body { name, bytes: body.into() }]).await?;
    let answer = received.json();
    if let Some(key) = key {
        let text = answer.to_string();
        house.write(decision, move |tx| tx.remember(&key, &request, &text)).await?;
    }
    Ok(respond(answer))
}

fn stored(answer: &str) -> Result<Response, Problem> {
    serde_json::from_str(answer).map(respond).map_err(Problem::internal)
}

fn respond(answer: Value) -> Response {
    let refused =
        answer["summary"]["refused"].as_i64().unwrap_or(0) + answer["summary"]["broken_files"].as_i64().unwrap_or(0);
    let status = if refused == 0 { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    (status, Json(answer)).into_response()
}

/// What became of a request's files.
pub struct Received {
    /// Totals.
    pub summary: Summary,
    /// Claims as JSON.
    pub claims: Vec<Value>,
    /// File name and finding.
    pub findings: Vec<(String, Finding)>,
}

impl Received {
    fn json(&self) -> Value {
        let s = &self.summary;
        let findings: Vec<Value> =
            self.findings.iter().map(|(file, f)| serde_json::to_value(f.in_file(file)).unwrap_or_default()).collect();
        json!({
            "summary": {
                "files": s.files, "broken_files": s.broken_files, "accepted": s.claims.accepted,
                "refused": s.claims.refused, "duplicate": s.claims.duplicate, "replaced": s.claims.replaced,
                "check_ins": s.claims.check_ins, "findings": { "refuse": s.refusals, "warn": s.warnings },
            },
            "claims": self.claims,
            "findings": findings,
        })
    }
}

/// Imports `inputs`, off the async threads.
pub async fn take(house: &House, decision: &Decision, inputs: Vec<Input>) -> Result<Received, Problem> {
    let (store, decision) = (house.store().clone(), decision.clone());
    let work = move || {
        let mut claims = Vec::new();
        let mut findings: Vec<(String, Finding)> = Vec::new();
        let mut current = String::new();
        let summary = import::import(&store, &decision, inputs, 1, &mut |progress| match progress {
            Progress::File { name, .. } => current = name.to_owned(),
            Progress::Finding { file, finding } => findings.push((file.to_owned(), finding.clone())),
            Progress::Claim(c) => {
                claims.push(json!({
                    "position": c.position, "facility": c.facility, "ma_lk": c.link,
                    "outcome": c.outcome.code(), "claim": c.claim,
                }));
                let room = ANSWER_FINDINGS.saturating_sub(findings.len());
                findings.extend(c.findings.iter().take(room).map(|f| (current.clone(), f.clone())));
            }
        })?;
        Ok::<_, mach_store::Error>(Received { summary, claims, findings })
    };
    let outcome = tokio::task::spawn_blocking(work).await.map_err(Problem::internal)?;
    outcome.map_err(|e| mach_house::Failure::from(e).0)
}
