//! Bulk data: `$export` and `$import`, asked once, done behind the request, fetched later. Bulk Data Access IG 2.0.
//!
//! A job is a row in the store and a folder below `exports/` of the data folder. One thread does jobs one after the other;
//! after every piece it makes the file durable and then notes in the store how far it is, so that a program that ended goes
//! on from there. What a job gives belongs to who asked for it: the same account, role and facility.

mod asked;
mod export;
mod import;
mod worker;

use crate::caller::with_header;
use crate::moment;
use crate::refusal::{FHIR_JSON, Refusal};
use crate::serve::{Asked, blocking, short};
use crate::stream;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use mach_access::{Act, Decision};
use mach_base::{limits, time::now_seconds};
use mach_fhir::json::Writer;
use mach_store::bulk::{self, File, Job, State};
use std::io::Read;

pub use asked::parameters;
pub use export::kick_off as export;
pub use import::kick_off as import;
pub use worker::{Bulk, expire};

/// The media type of files of resources.
pub const NDJSON: &str = "application/fhir+ndjson";
/// Bytes read from a file at once.
const PIECE_BYTES: usize = 256 << 10;

/// Answers what is asked of a job: `/fhir/bulk/{token}` and `/fhir/bulk/{token}/{file}`.
///
/// # Errors
/// 404 where there is none of the asker's; that of the job where it failed.
pub async fn answer(asked: Asked, rest: &[&str]) -> Result<Response, Refusal> {
    let decision = asked.caller.decide(&asked.house, Act::ReadFhir).await?;
    match (rest, &asked.method) {
        ([token], &Method::GET | &Method::HEAD) => status(asked, decision, (*token).to_owned()).await,
        ([token], &Method::DELETE) => cancel(asked, decision, (*token).to_owned()).await,
        ([token, file], &Method::GET | &Method::HEAD) => {
            download(asked, decision, (*token).to_owned(), (*file).to_owned()).await
        }
        _ => Err(asked.not_allowed()),
    }
}

fn unknown() -> Refusal {
    Refusal::new(StatusCode::NOT_FOUND, "not-found", "there is no such job or file; it may have expired")
}

/// The asker's job that is not yet expired.
fn own(asked: &Asked, decision: &Decision, token: &str) -> Result<Job, Refusal> {
    let job = bulk::of_token(&mut asked.store.read(decision)?, decision, token)?.ok_or_else(unknown)?;
    let scopes = crate::app::scopes_of(&asked.caller.session);
    // What was made under one token is not for another that opens something else.
    if !scopes.is_empty() && (job.kind != "export" || asked::Export::stored(&job.asked)?.scopes != scopes) {
        return Err(unknown());
    }
    if job.ended != 0 && job.ended + limits::BULK_KEEP_SECONDS < now_seconds() {
        return Err(unknown());
    }
    Ok(job)
}

async fn status(asked: Asked, decision: Decision, token: String) -> Result<Response, Refusal> {
    blocking(move || {
        let job = own(&asked, &decision, &token)?;
        match job.state {
            State::Running => {
                let mut response = StatusCode::ACCEPTED.into_response();
                with_header(&mut response, header::HeaderName::from_static("x-progress"), &job.progress);
                response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(1));
                Ok(response)
            }
            State::Failed => Err(Refusal::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "exception",
                format!("the job failed: {}", job.progress),
            )),
            State::Done => {
                let files = bulk::files(&mut asked.store.read(&decision)?, job.jid)?;
                let body = manifest(&asked.caller.base, &job, &files);
                let mut response = (StatusCode::OK, [(header::CONTENT_TYPE, "application/json")], body).into_response();
                with_header(&mut response, header::EXPIRES, &moment::http_date(job.ended + limits::BULK_KEEP_SECONDS));
                Ok(response)
            }
        }
    })
    .await
}

fn manifest(base: &str, job: &Job, files: &[File]) -> String {
    let mut out = String::new();
    Writer::object(&mut out, |w| {
        w.text("transactionTime", &moment::instant(job.at)).text("request", &job.request);
        w.raw("requiresAccessToken", true);
        for list in ["output", "deleted", "error"] {
            w.list(list, |l| {
                for file in files.iter().filter(|f| f.list == list && (list == "output" || f.count > 0)) {
                    l.item(|w| {
                        w.text("type", &file.kind);
                        if job.kind == "import" && list == "output" {
                            w.text("inputUrl", &file.name);
                        } else {
                            w.text("url", &format!("{base}/bulk/{}/{}", job.token, file.name));
                        }
                        w.raw("count", file.count);
                    });
                }
            });
        }
    });
    out
}

async fn cancel(asked: Asked, decision: Decision, token: String) -> Result<Response, Refusal> {
    blocking(move || {
        let job = own(&asked, &decision, &token)?;
        let target = short(format!("{} {} cancelled", job.kind, job.jid));
        asked.store.write(&decision, move |tx| {
            tx.audit(None, &target, "granted")?;
            tx.drop_job(job.jid)
        })?;
        // A job at work sees that it is gone at its next piece, and takes its folder away itself.
        bulk_of(&asked)?.remove(&token);
        Ok(StatusCode::ACCEPTED.into_response())
    })
    .await
}

async fn download(asked: Asked, decision: Decision, token: String, name: String) -> Result<Response, Refusal> {
    let (path, bytes) = blocking(move || {
        let job = own(&asked, &decision, &token)?;
        let files = bulk::files(&mut asked.store.read(&decision)?, job.jid)?;
        // A name that the store does not know is never looked for on the disk.
        let file = files.into_iter().find(|f| f.name == name && !(job.kind == "import" && f.list == "output"));
        let file = file.filter(|_| job.state == State::Done).ok_or_else(unknown)?;
        asked.state.look(&decision, None, short(format!("{} {} {}", job.kind, job.jid, file.name)), "granted")?;
        Ok((bulk_of(&asked)?.folder_of(&job.token).join(&file.name), file.bytes.unsigned_abs()))
    })
    .await?;
    let body = stream::body(move |pieces| {
        let opened = std::fs::File::open(&path).map_err(|e| match e.kind() {
            std::io::ErrorKind::NotFound => unknown(),
            _ => Refusal::internal(e),
        })?;
        let mut rest = mach_seal::Reader::new(opened.take(bytes), &mach_seal::name_of(&path));
        loop {
            let mut piece = Vec::with_capacity(PIECE_BYTES);
            let read = rest.by_ref().take(PIECE_BYTES as u64).read_to_end(&mut piece).map_err(Refusal::internal)?;
            if read == 0 || !pieces.send(piece) {
                return Ok(());
            }
        }
    })
    .await?;
    Ok((StatusCode::OK, [(header::CONTENT_TYPE, NDJSON)], body).into_response())
}

/// What does the jobs here.
///
/// # Errors
/// 501 where this server has no data folder.
fn bulk_of(asked: &Asked) -> Result<&Bulk, Refusal> {
    asked.state.bulk().ok_or_else(|| {
        Refusal::new(StatusCode::NOT_IMPLEMENTED, "not-supported", "this server was started without a folder for files")
    })
}

/// That the asker wants an answer later, and has not too many jobs already.
///
/// # Errors
/// 400, 429.
fn may_ask(asked: &Asked, decision: &Decision) -> Result<(), Refusal> {
    if !asked.caller.asynchronous {
        let text = "a bulk operation is answered later: send `Prefer: respond-async`";
        return Err(Refusal::invalid(text).at("Prefer"));
    }
    if bulk::running(&mut asked.store.read(decision)?, decision)? >= limits::BULK_JOBS {
        let text = format!("{} jobs of yours are at work or waiting; wait for one, or cancel it", limits::BULK_JOBS);
        let mut refusal = Refusal::new(StatusCode::TOO_MANY_REQUESTS, "throttled", text);
        refusal.retry_after = Some(10);
        return Err(refusal);
    }
    Ok(())
}

/// 202, with where to ask.
fn accepted(base: &str, token: &str) -> Response {
    let location = format!("{base}/bulk/{token}");
    let text = format!("the job is at work; ask at {location}");
    let body = crate::refusal::note("information", "informational", &text);
    let mut response = (StatusCode::ACCEPTED, [(header::CONTENT_TYPE, FHIR_JSON)], body).into_response();
    with_header(&mut response, header::CONTENT_LOCATION, &location);
    response
}
