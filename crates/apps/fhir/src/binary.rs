//! Binary in its own format (R4 §2.17): content sent as it is, and given back as it came. Who may read what its
//! `securityContext` names may read it, nobody else.
//!
//! What is stored may be anything, also a page with a script. It is answered so that no browser runs it here: nothing of it
//! may load or act (`sandbox`), its type is not guessed, and what browsers show by other means is a download.

use crate::caller::{Caller, with_header};
use crate::moment;
use crate::read;
use crate::refusal::Refusal;
use axum::body::Bytes;
use axum::http::{HeaderName, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use mach_access::Scope;
use mach_base::limits;
use mach_fhir::json::Writer;
use mach_fhir::search::Target;
use mach_fhir::terminology::grammar::Grammar;
use mach_fhir::{ResourceType, Tree};
use mach_store::resources::{self, Resource};
use mach_store::sql::Query;

const CONTEXT: &str = "x-security-context";
/// What browsers show by themselves and cannot be made to run.
const SHOWN: [&str; 6] = ["application/pdf", "image/gif", "image/jpeg", "image/png", "image/webp", "text/plain"];

/// Whether an address is one of Binary's, of which any format may be asked.
pub fn is_address(path: &str) -> bool {
    path.strip_prefix("/fhir/Binary").is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn plain_type(text: &str) -> String {
    text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

fn is_fhir(kind: &str) -> bool {
    matches!(kind, "application/fhir+json" | "application/fhir+xml")
}

/// Formats that resources are also written in by those who do not say FHIR.
fn is_like_fhir(kind: &str) -> bool {
    matches!(kind, "application/json" | "text/json" | "application/xml" | "text/xml")
}

/// The resource that content sent as it is makes; `None` where a resource was sent, or nothing of Binary.
///
/// # Errors
/// 400 where the content's type or its security context cannot be read, 413 where it is too large.
pub fn taken(method: &Method, segments: &[String], caller: &Caller, body: &Bytes) -> Result<Option<String>, Refusal> {
    let id = match (method, segments) {
        (&Method::POST, [kind]) if kind == "Binary" => None,
        (&Method::PUT, [kind, id]) if kind == "Binary" => Some(id.as_str()),
        _ => return Ok(None),
    };
    let Some(sent) = caller.header("content-type") else { return Ok(None) };
    let kind = plain_type(sent);
    if kind.is_empty() || is_fhir(&kind) || is_like_fhir(&kind) && is_resource(body) {
        return Ok(None);
    }
    if !Grammar::Mime.holds(sent) {
        return Err(Refusal::invalid(format!("`{sent}` is no media type")).at("Content-Type"));
    }
    if body.len() > limits::FHIR_BINARY_BYTES {
        let text = format!("content of {} bytes: at most {} are kept", body.len(), limits::FHIR_BINARY_BYTES);
        return Err(Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "too-long", text));
    }
    let context = caller.header(CONTEXT).map(|text| {
        let here = text.strip_prefix(&caller.base).map_or(text, |rest| rest.trim_start_matches('/'));
        let found = Target::read(here).map(|_| here.to_owned());
        found
            .ok_or_else(|| Refusal::invalid(format!("`{text}` is no reference to a resource")).at("X-Security-Context"))
    });
    let context = context.transpose()?;
    let mut out = String::new();
    Writer::object(&mut out, |w| {
        w.text("resourceType", "Binary");
        if let Some(id) = id {
            w.text("id", id);
        }
        w.text("contentType", sent);
        if let Some(context) = &context {
            w.nested("securityContext", |w| {
                w.text("reference", context);
            });
        }
        if !body.is_empty() {
            w.text("data", &STANDARD.encode(body));
        }
    });
    Ok(Some(out))
}

/// Whether JSON or XML is a Binary resource, and not what one holds.
fn is_resource(body: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(body) else { return false };
    let text = text.trim_start_matches('\u{feff}').trim_start();
    if text.starts_with('<') {
        return text.contains("<Binary") && text.contains("http://hl7.org/fhir");
    }
    Tree::parse(text).is_ok_and(|tree| tree.root().get_text("resourceType").as_deref() == Some("Binary"))
}

/// Whether the content itself is asked for: no format of FHIR is named.
pub fn is_asked_raw(caller: &Caller, query: &str) -> bool {
    if query.split('&').any(|p| p.starts_with("_format=")) {
        return false;
    }
    let kinds = accepted(caller);
    let is_page = kinds.iter().any(|k| k == "text/html");
    !kinds.iter().any(|k| is_fhir(k) || is_like_fhir(k) && !is_page)
}

fn accepted(caller: &Caller) -> Vec<String> {
    let all = caller.headers.get_all(header::ACCEPT).iter().filter_map(|v| v.to_str().ok());
    let all = all.flat_map(|v| v.split(',')).filter(|k| !k.replace(' ', "").ends_with(";q=0"));
    all.map(plain_type).filter(|k| !k.is_empty()).collect()
}

/// The resource by whose rights a Binary is read, where it names one here.
pub fn context_of(body: &str, base: &str) -> Option<(ResourceType, String)> {
    let tree = Tree::parse(body).ok()?;
    let text = tree.root().get("securityContext")?.get_text("reference")?;
    let here = text.strip_prefix(base).filter(|_| !base.is_empty()).map_or(&*text, |rest| rest.trim_start_matches('/'));
    let target = Target::read(here).filter(|t| t.base.is_empty())?;
    Some((ResourceType::parse(target.kind?)?, target.id.to_owned()))
}

/// That the asker may read what a Binary's `securityContext` names.
///
/// # Errors
/// 404 as for what is not there.
pub fn allowed(on: &mut dyn Query, scope: Scope, found: &Resource, base: &str) -> Result<(), Refusal> {
    let Some((kind, id)) = context_of(&found.body, base) else { return Ok(()) };
    match resources::current(on, scope, kind, &id)? {
        Some(context) if !context.deleted => Ok(()),
        _ => Err(Refusal::not_found(found.kind.name(), &found.id)),
    }
}

/// A resource among others that were found: a Binary that the asker may not read is shown without what it holds, and says so.
///
/// # Errors
/// Of the store; 500 where what is stored is damaged.
pub fn shown(on: &mut dyn Query, scope: Scope, base: &str, found: &mut Resource) -> Result<(), Refusal> {
    if found.kind != ResourceType::BINARY || found.deleted {
        return Ok(());
    }
    match allowed(on, scope, found, base) {
        Err(refusal) if refusal.status == StatusCode::NOT_FOUND => {
            let tree = Tree::parse(found.body.as_str()).map_err(Refusal::internal)?;
            let mut out = String::new();
            Writer::object(&mut out, |w| {
                w.text("resourceType", "Binary").text("id", &found.id);
                w.nested("meta", |w| {
                    w.list("security", |l| {
                        l.item(|w| {
                            w.text("system", "http://terminology.hl7.org/CodeSystem/v3-ObservationValue");
                            w.text("code", "REDACTED");
                        });
                    });
                });
                w.text("contentType", &tree.root().get_text("contentType").unwrap_or_default());
            });
            drop(tree);
            found.body = out;
            Ok(())
        }
        allowed => allowed,
    }
}

/// The content as it is.
///
/// # Errors
/// 406 where the asker wants other types only; 500 where what is stored is damaged.
pub fn answer(caller: &Caller, found: &Resource) -> Result<Response, Refusal> {
    let tree = Tree::parse(found.body.as_str()).map_err(Refusal::internal)?;
    let get = |name: &str| tree.root().get_text(name).unwrap_or_default();
    let kind = get("contentType");
    let plain = plain_type(&kind);
    let wanted = accepted(caller);
    let serves = |wanted: &String| {
        wanted == "*/*"
            || *wanted == plain
            || wanted.strip_suffix("/*").is_some_and(|w| plain.split('/').next() == Some(w))
    };
    if !wanted.is_empty() && !wanted.iter().any(serves) {
        let text = format!("`{}/{}` is of type `{plain}`", found.kind.name(), found.id);
        return Err(Refusal::new(StatusCode::NOT_ACCEPTABLE, "not-supported", text));
    }
    let mut response = if read::unchanged(caller, found)? {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let data: String = get("data").chars().filter(|c| !c.is_ascii_whitespace()).collect();
        STANDARD.decode(data).map_err(Refusal::internal)?.into_response()
    };
    let known = if Grammar::Mime.holds(&kind) { &*kind } else { "application/octet-stream" };
    with_header(&mut response, header::CONTENT_TYPE, known);
    with_header(&mut response, header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'; sandbox");
    with_header(&mut response, header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    let disposition = if SHOWN.contains(&plain.as_str()) { "inline" } else { "attachment" };
    with_header(&mut response, header::CONTENT_DISPOSITION, disposition);
    with_header(&mut response, header::ETAG, &format!("W/\"{}\"", found.version));
    with_header(&mut response, header::LAST_MODIFIED, &moment::http_date(found.at));
    if let Some(context) = tree.root().get("securityContext").and_then(|c| c.get_text("reference")) {
        with_header(&mut response, HeaderName::from_static(CONTEXT), &context);
    }
    Ok(response)
}
