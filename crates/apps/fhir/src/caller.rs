//! Who asks, how they want to be answered, and by which name they call this server.

use crate::refusal::{FHIR_JSON, Refusal};
use crate::render;
use crate::search::Handling;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use mach_access::{Act, Decision, Scope};
use mach_fhir::{Tree, definitions, xml};
use mach_house::{House, Session};
use mach_store::resources::Resource;

/// What a write answers with. `Prefer: return=…`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Return {
    /// The resource.
    #[default]
    Representation,
    /// Nothing but headers.
    Minimal,
    /// An OperationOutcome.
    Outcome,
}

/// A request's asker and wishes.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The signed-in person or system.
    pub session: Session,
    /// `https://host/fhir`, without a last `/`.
    pub base: String,
    /// Headers as sent.
    pub headers: HeaderMap,
    /// `Prefer: handling`.
    pub handling: Handling,
    /// `Prefer: return`; `None` where it was not said.
    pub returned: Option<Return>,
    /// `Prefer: respond-async`.
    pub asynchronous: bool,
    /// Indented.
    pub pretty: bool,
    /// In which of the two formats.
    pub format: Format,
}

/// A format of FHIR.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// `application/fhir+json`.
    #[default]
    Json,
    /// `application/fhir+xml`.
    Xml,
}

/// The media type of JSON that is no R4 resource.
pub const FHIR_JSON_PLAIN: &str = "application/fhir+json; charset=utf-8";

/// The media type of XML.
pub const FHIR_XML: &str = "application/fhir+xml; charset=utf-8";

/// A JSON body in XML.
///
/// # Errors
/// 406 where a stored resource holds what XML cannot say: members that R4 does not define.
pub fn as_xml(body: &str) -> Result<String, Refusal> {
    let tree = Tree::parse(body).map_err(Refusal::internal)?;
    xml::from_tree(&tree, definitions::r4()).map_err(|e| {
        let text = format!("the answer cannot be written as XML ({e}); ask for `application/fhir+json`");
        Refusal::new(StatusCode::NOT_ACCEPTABLE, "not-supported", text)
    })
}

impl FromRequestParts<House> for Caller {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, house: &House) -> Result<Self, Refusal> {
        let format = match format(parts.uri.query(), &parts.headers) {
            // Tables have formats of their own; what is wrong with them is said as JSON.
            Err(_) if crate::views::is_run(parts.uri.path()) => Format::Json,
            format => format?,
        };
        let base = base(&parts.headers);
        let session = Session::from_request_parts(parts, house).await?;
        let mut caller = Self {
            session,
            base,
            headers: parts.headers.clone(),
            handling: Handling::Lenient,
            returned: None,
            asynchronous: false,
            pretty: parts.uri.query().is_some_and(|q| q.split('&').any(|p| p == "_pretty=true")),
            format,
        };
        for value in parts.headers.get_all("prefer").iter().filter_map(|v| v.to_str().ok()) {
            caller.prefer(value);
        }
        Ok(caller)
    }
}

/// The URL by which the sender knows this server.
pub fn base(headers: &HeaderMap) -> String {
    let text = |name: &str| headers.get(name).and_then(|v| v.to_str().ok());
    let host = text("host").filter(|h| h.len() < 256 && !h.contains(['/', '"', '<', '\\'])).unwrap_or("localhost");
    let scheme = if text("x-forwarded-proto") == Some("https") { "https" } else { "http" };
    format!("{scheme}://{host}/fhir")
}

/// The format that an answer is wanted in: `_format` before `Accept`.
///
/// # Errors
/// 406 where it is neither of the two.
pub fn format(query: Option<&str>, headers: &HeaderMap) -> Result<Format, Refusal> {
    let refused = |what: &str| {
        let text = format!("`{what}` is not written here; ask for `application/fhir+json` or `application/fhir+xml`");
        Err(Refusal::new(StatusCode::NOT_ACCEPTABLE, "not-supported", text))
    };
    let asked = query.into_iter().flat_map(|q| q.split('&')).find_map(|p| p.strip_prefix("_format="));
    if let Some(format) = asked {
        let format = crate::query::decode(format)?;
        let plain = format.split(';').next().unwrap_or_default().trim().replace(' ', "+");
        return match plain.as_str() {
            "" | "json" | "text/json" | "application/json" | "application/fhir+json" => Ok(Format::Json),
            "xml" | "text/xml" | "application/xml" | "application/fhir+xml" => Ok(Format::Xml),
            other => refused(other),
        };
    }
    let Some(accept) = headers.get(header::ACCEPT).and_then(|v| v.to_str().ok()) else { return Ok(Format::Json) };
    let kinds: Vec<&str> = accept.split(',').map(|k| k.split(';').next().unwrap_or_default().trim()).collect();
    let first = kinds.iter().find_map(|kind| match *kind {
        "application/fhir+xml" | "application/xml" | "text/xml" => Some(Format::Xml),
        "" | "*/*" | "application/*" | "text/html" | "application/octet-stream" | "application/fhir+ndjson" => {
            Some(Format::Json)
        }
        kind if kind.contains("json") => Some(Format::Json),
        _ => None,
    });
    // A browser names pages before XML: it gets what a person can read.
    if kinds.contains(&"text/html") {
        return Ok(Format::Json);
    }
    first.map_or_else(|| refused(accept), Ok)
}

impl Caller {
    fn prefer(&mut self, value: &str) {
        for part in value.split([';', ',']).map(str::trim) {
            match part {
                "handling=strict" => self.handling = Handling::Strict,
                "handling=lenient" => self.handling = Handling::Lenient,
                "return=minimal" => self.returned = Some(Return::Minimal),
                "return=representation" => self.returned = Some(Return::Representation),
                "return=OperationOutcome" => self.returned = Some(Return::Outcome),
                "respond-async" => self.asynchronous = true,
                _ => {}
            }
        }
    }

    /// Asks whether the caller may do `act`.
    ///
    /// # Errors
    /// 403, audited.
    pub async fn decide(&self, house: &House, act: Act) -> Result<Decision, Refusal> {
        Ok(house.decide(&self.session, act).await?)
    }

    /// A header's text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|v| v.to_str().ok())
    }

    /// An answer with a JSON body.
    ///
    /// # Errors
    /// 500 where the body is no JSON and must be indented.
    pub fn answer(&self, status: StatusCode, body: String, pretty: bool) -> Result<Response, Refusal> {
        if self.format == Format::Xml {
            return Ok((status, [(header::CONTENT_TYPE, FHIR_XML)], as_xml(&body)?).into_response());
        }
        let body = if pretty || self.pretty { render::pretty(&body)? } else { body };
        Ok((status, [(header::CONTENT_TYPE, FHIR_JSON)], body).into_response())
    }
}

/// The facility that a scope writes for; 0 is the province.
pub fn facility_of(scope: Scope) -> i64 {
    scope.facility().unwrap_or(0)
}

/// A facility changes what is its own; what the province keeps, it reads; what was opened to it of others, too.
///
/// # Errors
/// 403, 404.
pub fn may_change(scope: Scope, now: Option<&Resource>) -> Result<(), Refusal> {
    match (scope.facility(), now) {
        (Some(own), Some(Resource { facility: Some(of), kind, id, .. })) if own != *of => {
            Err(Refusal::not_found(kind.name(), id))
        }
        (Some(_), Some(Resource { facility: None, kind, id, .. })) => {
            let text = format!("`{}/{id}` is kept by the province; a facility may read it", kind.name());
            Err(Refusal::new(StatusCode::FORBIDDEN, "forbidden", text))
        }
        _ => Ok(()),
    }
}

/// Adds a header whose value we made ourselves.
pub fn with_header(response: &mut Response, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

/// `W/"3"` or `"3"` as 3.
///
/// # Errors
/// 400 where it is no version of ours.
pub fn version_of(tag: &str) -> Result<i64, Refusal> {
    let plain = tag.trim().trim_start_matches("W/").trim_matches('"');
    plain.parse().map_err(|_| Refusal::invalid(format!("`{tag}` is no version; write `W/\"3\"`")).at("If-Match"))
}
