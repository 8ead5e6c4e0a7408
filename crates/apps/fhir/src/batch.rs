//! Batches: every entry for itself. R4 §3.1.0.11.
//!
//! Writes in a row are written together, in one transaction; a refusal of one takes back no other. Everything else, operations
//! too, is asked in its turn as the same request alone would be: by who may, looked at for the same things, audited by itself.

use crate::body::update;
use crate::bundle::{Answer, respond};
use crate::caller::Format;
use crate::entry::{Entries, Entry, Verb};
use crate::moment;
use crate::refusal::{FHIR_JSON, Refusal};
use crate::serve::{Asked, blocking, transact};
use crate::write::{self, Action, Deciding, Op};
use axum::body::{Bytes, to_bytes};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use mach_access::{Act, Decision};
use mach_base::limits;
use mach_fhir::Tree;
use mach_fhir::json::{Writer, quote};

/// What the same request alone would be answered.
#[derive(Debug, Default)]
pub struct Told {
    status: StatusCode,
    body: String,
    etag: Option<String>,
    modified: Option<i64>,
    location: Option<String>,
    full_url: Option<String>,
}

/// Answers a batch, entry after entry.
///
/// # Errors
/// 403 where something is to be written and may not be.
pub async fn answer(asked: Asked, entries: Entries) -> Result<Response, Refusal> {
    let writes = entries.iter().any(|e| matches!(e, Ok(entry) if !is_asked(entry)));
    let decision = if writes { Some(asked.caller.decide(&asked.house, Act::WriteFhir).await?) } else { None };
    let mut answers = Vec::with_capacity(entries.len());
    // Writes in a row, which are written together.
    let mut waiting = Vec::new();
    let mut left = limits::FHIR_BATCH_BYTES;
    for entry in entries {
        // What is asked as a request for itself is counted as one; a write may look for people by its condition.
        let entry = entry.and_then(|e| if is_asked(&e) { Ok(e) } else { e.looks(&asked.caller).map(|()| e) });
        match entry {
            Ok(entry) if !is_asked(&entry) => waiting.push(entry),
            other => {
                answers.extend(written(&asked, decision.as_ref(), std::mem::take(&mut waiting)).await?);
                let told = match other {
                    Err(refusal) => Err(refusal),
                    Ok(_) if left == 0 => Err(too_long()),
                    Ok(entry) => one(&asked, &entry).await,
                };
                left = left.saturating_sub(told.as_ref().map_or(0, |told| told.body.len()));
                answers.push(told.map_or_else(Answer::Refused, Answer::Told));
            }
        }
    }
    answers.extend(written(&asked, decision.as_ref(), waiting).await?);
    blocking(move || respond(&asked, "batch", &answers)).await
}

fn too_long() -> Refusal {
    let text = format!("the answer holds more than {} bytes already: ask in several batches", limits::FHIR_BATCH_BYTES);
    Refusal::too_costly(text)
}

/// Whether an entry is a request for itself, and no write of a resource.
fn is_asked(entry: &Entry) -> bool {
    let last = entry.path.last().map_or("", String::as_str);
    entry.verb == Verb::Get || entry.verb == Verb::Post && (last.starts_with('$') || last == "_search")
}

async fn written(asked: &Asked, decision: Option<&Decision>, writes: Vec<Entry>) -> Result<Vec<Answer>, Refusal> {
    let Some(decision) = decision.filter(|_| !writes.is_empty()).cloned() else { return Ok(Vec::new()) };
    let (store, state, base) = (asked.store.clone(), asked.state.clone(), asked.caller.base.clone());
    blocking(move || {
        let write = |writes: Vec<Entry>, again: bool| {
            let audited = format!("batch of {} writes", writes.len());
            transact(&store, &decision, base.clone(), move |deciding| {
                let mut answers = Vec::with_capacity(writes.len());
                for entry in writes {
                    match one_written(deciding, entry) {
                        // It was only that something waits to be indexed: all of it once more, after that.
                        Err(refusal) if refusal.unindexed && !again => return Err(refusal),
                        answer => answers.push(answer.unwrap_or_else(Answer::Refused)),
                    }
                }
                deciding.tx.audit(None, &audited, "granted")?;
                Ok(answers)
            })
        };
        match write(writes.clone(), false) {
            Err(refusal) if refusal.unindexed => {
                state.index_waiting(&store)?;
                write(writes, true)
            }
            answers => answers,
        }
    })
    .await
}

fn one_written(deciding: &mut Deciding<'_, '_>, entry: Entry) -> Result<Answer, Refusal> {
    let kind = entry.kind()?;
    let base = deciding.base;
    let action = match entry.verb {
        Verb::Post => {
            if entry.path.len() != 1 {
                return Err(Refusal::invalid("a POST entry goes to a type"));
            }
            let body = write::body(kind, entry.body()?)?;
            let ready = write::ready(kind, &body.text, &write::new_id()?, base)?;
            Action::Create { ready, if_none_exist: entry.if_none_exist.clone() }
        }
        Verb::Put => {
            let if_none_match = entry.none_match.as_deref() == Some("*");
            update(kind, entry.target()?, entry.body()?, entry.if_match, if_none_match, base)?
        }
        Verb::Patch => {
            let patch = Entry::patch(entry.body()?)?;
            Action::Patch { target: entry.target()?, patch, if_match: entry.if_match }
        }
        Verb::Delete | Verb::Get => Action::Delete { target: entry.target()?, if_match: entry.if_match },
    };
    let planned = deciding.plan(Op { kind, action })?;
    let done = deciding.carry_out(vec![planned])?.pop();
    Ok(Answer::Written(done.ok_or_else(|| Refusal::internal("a write gave nothing"))?))
}

/// Asks one entry as a request for itself.
async fn one(asked: &Asked, entry: &Entry) -> Result<Told, Refusal> {
    if matches!(entry.path.last().map(String::as_str), Some("$export" | "$import")) {
        return Err(Refusal::unsupported("what is done in the background is asked for by itself"));
    }
    let mut caller = asked.caller.clone();
    for own in [header::IF_MATCH, header::IF_NONE_MATCH, header::IF_MODIFIED_SINCE, header::CONTENT_LENGTH] {
        caller.headers.remove(own);
    }
    let json = HeaderValue::from_static("application/fhir+json");
    caller.headers.insert(header::ACCEPT, json.clone());
    caller.headers.insert(header::CONTENT_TYPE, json);
    let since = entry.modified_since.map(moment::http_date);
    for (name, value) in [(header::IF_NONE_MATCH, &entry.none_match), (header::IF_MODIFIED_SINCE, &since)] {
        if let Some(value) = value {
            let value = HeaderValue::from_str(value);
            let value = value.map_err(|_| Refusal::invalid(format!("`{name}` is no tag")))?;
            caller.headers.insert(name, value);
        }
    }
    (caller.format, caller.pretty, caller.asynchronous) = (Format::Json, false, false);
    let posted = entry.verb == Verb::Post;
    let body = entry.resource.as_ref().filter(|_| posted).map_or_else(Bytes::new, |text| Bytes::from(text.clone()));
    let alone = Asked {
        caller,
        method: if posted { Method::POST } else { Method::GET },
        segments: entry.path.clone(),
        query: entry.query.clone(),
        body,
        ..asked.clone()
    };
    let response = alone.answer_entry().await?;
    Told::read(response, &asked.caller.base).await
}

impl Told {
    async fn read(response: Response, base: &str) -> Result<Self, Refusal> {
        let status = response.status();
        let (head, body) = response.into_parts();
        let bytes = to_bytes(body, limits::FHIR_BATCH_BYTES).await.map_err(|_| too_long())?;
        let text = |name: header::HeaderName| head.headers.get(name).and_then(|v| v.to_str().ok()).map(str::to_owned);
        let (kind, etag) = (text(header::CONTENT_TYPE).unwrap_or_default(), text(header::ETAG));
        let (location, modified) = (text(header::LOCATION), text(header::LAST_MODIFIED));
        let body = match () {
            () if bytes.is_empty() => String::new(),
            () if kind == FHIR_JSON => String::from_utf8(bytes.to_vec()).map_err(Refusal::internal)?,
            // What is no resource lies in one.
            () => {
                let mut out = String::new();
                Writer::object(&mut out, |w| {
                    w.text("resourceType", "Binary").text("contentType", &kind).text("data", &STANDARD.encode(&bytes));
                });
                out
            }
        };
        let full_url = etag.as_ref().and_then(|_| {
            let tree = Tree::parse(body.as_str()).ok()?;
            let part = |name: &str| tree.root().get_text(name).map(|t| t.into_owned());
            Some(format!("{base}/{}/{}", part("resourceType")?, part("id")?))
        });
        let modified = modified.as_deref().and_then(moment::parse_http_date);
        Ok(Self { status, body, etag, modified, location, full_url })
    }

    /// Writes the rest of an entry, whose object is open.
    pub fn write(&self, out: &mut String) {
        let failed = self.status.is_client_error() || self.status.is_server_error();
        if let Some(url) = &self.full_url {
            out.push_str("\"fullUrl\":");
            quote(out, url);
            out.push(',');
        }
        if !self.body.is_empty() && !failed {
            out.push_str("\"resource\":");
            out.push_str(&self.body);
            out.push(',');
        }
        out.push_str("\"response\":{\"status\":");
        quote(out, &self.status.to_string());
        for (name, text) in [("location", &self.location), ("etag", &self.etag)] {
            if let Some(text) = text {
                quote_member(out, name, text);
            }
        }
        if let Some(at) = self.modified {
            quote_member(out, "lastModified", &moment::instant(at));
        }
        if failed && !self.body.is_empty() {
            out.push_str(",\"outcome\":");
            out.push_str(&self.body);
        }
        out.push_str("}}");
    }
}

fn quote_member(out: &mut String, name: &str, text: &str) {
    out.push(',');
    quote(out, name);
    out.push(':');
    quote(out, text);
}
