//! Who asks, how they want to be answered, and by which name they call this server.

use crate::query::{self, Pair};
use crate::refusal::{FHIR_JSON, Refusal};
use crate::render;
use crate::search::{Handling, Place};
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use mach_access::{Act, Decision, Scope};
use mach_fhir::{ResourceType, Tree, definitions, xml};
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

impl Caller {
    /// Counts a search of a person who looks for people.
    ///
    /// # Errors
    /// 429 where they do so too often.
    pub fn looks(&self, place: &Place, pairs: &[Pair]) -> Result<(), Refusal> {
        if place.finds_people(pairs) {
            self.session.looks_for_people()?;
        }
        Ok(())
    }

    /// The same of a write that has a condition: in the query, or in `If-None-Exist`.
    ///
    /// # Errors
    /// As [`Caller::looks`].
    pub fn looks_by_condition(&self, kind: ResourceType, query: &str) -> Result<(), Refusal> {
        // What cannot be read is refused where it is used.
        let pairs = query::pairs(self.header("if-none-exist").unwrap_or(query)).unwrap_or_default();
        if pairs.is_empty() { Ok(()) } else { self.looks(&Place::Type(kind), &pairs) }
    }
}

impl FromRequestParts<House> for Caller {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, house: &House) -> Result<Self, Refusal> {
        let format = match format(parts.uri.query(), &parts.headers) {
            // Tables have formats of their own; what is wrong with them is said as JSON.
            Err(_) if crate::views::is_run(parts.uri.path()) || crate::binary::is_address(parts.uri.path()) => {
                Format::Json
            }
            format => format?,
        };
        let session = Session::from_request_parts(parts, house).await?;
        let base = base(house, &parts.headers, session.actor.app.is_some());
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

/// The URL of this interface: by the address that was configured, or else by which the sender knows this server; for an app the one
/// that it got its token for.
pub fn base(house: &House, headers: &HeaderMap, for_app: bool) -> String {
    if for_app || house.public().is_some() {
        return format!("{}/fhir", house.address(headers));
    }
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
    if let Some(asked) = asked {
        // A `+` that was not written as `%2B` came as a blank.
        let asked = crate::query::decode(asked)?.replace(' ', "+");
        let kind = MediaType::read(&asked);
        return match kind.name.as_str() {
            "" | "json" | "text/json" | "application/json" | "application/fhir+json" if kind.is_r4 => Ok(Format::Json),
            "xml" | "text/xml" | "application/xml" | "application/fhir+xml" if kind.is_r4 => Ok(Format::Xml),
            _ => refused(&asked),
        };
    }
    let accepts: Vec<&str> = headers.get_all(header::ACCEPT).iter().filter_map(|v| v.to_str().ok()).collect();
    if accepts.is_empty() {
        return Ok(Format::Json);
    }
    let accept = accepts.join(",");
    let kinds: Vec<MediaType> = accept.split(',').map(MediaType::read).filter(|k| k.quality > 0).collect();
    // A browser names pages before XML: it gets what a person can read.
    if kinds.iter().any(|k| k.name == "text/html") {
        return Ok(Format::Json);
    }
    let known = kinds.iter().filter(|k| k.is_r4).filter_map(|k| Some((k.quality, k.format()?)));
    // The first of those that are wanted most.
    let best = known.reduce(|best, next| if next.0 > best.0 { next } else { best });
    best.map_or_else(|| refused(&accept), |(_, format)| Ok(format))
}

/// A media type with what is told beside it.
struct MediaType {
    /// In small letters, without parameters.
    name: String,
    /// `q`, in thousandths.
    quality: u32,
    /// Whether `fhirVersion` is that of R4, or not told.
    is_r4: bool,
}

impl MediaType {
    fn read(text: &str) -> Self {
        let mut parts = text.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default().to_ascii_lowercase();
        let mut read = Self { name, quality: 1_000, is_r4: true };
        for (key, value) in parts.filter_map(|p| p.split_once('=')) {
            let value = value.trim().trim_matches('"');
            match key.trim().to_ascii_lowercase().as_str() {
                "q" => read.quality = thousandths(value),
                "fhirversion" => read.is_r4 = is_r4(value),
                _ => {}
            }
        }
        read
    }

    fn format(&self) -> Option<Format> {
        match self.name.as_str() {
            "application/fhir+xml" | "application/xml" | "text/xml" => Some(Format::Xml),
            "" | "*/*" | "application/*" | "application/octet-stream" | "application/fhir+ndjson" => Some(Format::Json),
            name if name.contains("json") => Some(Format::Json),
            _ => None,
        }
    }
}

/// `0.5` as 500; what is no weight weighs full.
fn thousandths(text: &str) -> u32 {
    match text.split_once('.').unwrap_or((text, "")) {
        ("0", part) => format!("{part:0<3}").get(..3).and_then(|p| p.parse().ok()).unwrap_or(1_000),
        _ => 1_000,
    }
}

fn is_r4(version: &str) -> bool {
    version == "4.0" || version.starts_with("4.0.")
}

/// Whether a body is of another FHIR version by its `Content-Type`.
pub fn other_version(content_type: &str) -> bool {
    !MediaType::read(content_type).is_r4
}

impl Caller {
    fn prefer(&mut self, value: &str) {
        for part in value.split([';', ',']) {
            let part: String = part.chars().filter(|c| !c.is_whitespace() && *c != '"').collect();
            match part.to_ascii_lowercase().as_str() {
                "handling=strict" => self.handling = Handling::Strict,
                "handling=lenient" => self.handling = Handling::Lenient,
                "return=minimal" => self.returned = Some(Return::Minimal),
                "return=representation" => self.returned = Some(Return::Representation),
                "return=operationoutcome" => self.returned = Some(Return::Outcome),
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
    if let Some(now) = now {
        crate::app::may_change(scope, now)?;
    }
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

/// `If-Match: *`: whatever is there. Versions begin at 1.
pub const ANY_VERSION: i64 = 0;
/// A tag that is none of this server's, and so of no version.
pub const NO_VERSION: i64 = -1;

/// `W/"3"` or `"3"` as 3, `*` as any; a tag of another kind is no version of anything here.
///
/// # Errors
/// 400 where it is no tag.
pub fn version_of(tag: &str) -> Result<i64, Refusal> {
    let tag = tag.trim();
    if tag == "*" {
        return Ok(ANY_VERSION);
    }
    let plain = tag.strip_prefix("W/").or_else(|| tag.strip_prefix("w/")).unwrap_or(tag);
    let quoted = plain.strip_prefix('"').and_then(|p| p.strip_suffix('"')).filter(|p| !p.contains('"'));
    let number = quoted.unwrap_or(plain).parse::<i64>().ok().filter(|n| *n > 0);
    match (number, quoted) {
        (Some(number), _) => Ok(number),
        (None, Some(_)) => Ok(NO_VERSION),
        (None, None) => Err(Refusal::invalid(format!("`{tag}` is no version; write `W/\"3\"`")).at("If-Match")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(query: Option<&str>, accept: &str) -> Option<Format> {
        let mut headers = HeaderMap::new();
        if !accept.is_empty() {
            headers.insert(header::ACCEPT, HeaderValue::from_str(accept).unwrap());
        }
        format(query, &headers).ok()
    }

    #[test]
    fn the_format_wanted_most_is_written() {
        let (json, xml) = (Some(Format::Json), Some(Format::Xml));
        for (accept, expect) in [
            ("", json),
            ("*/*", json),
            ("application/fhir+xml", xml),
            ("APPLICATION/FHIR+XML", xml),
            ("application/json;q=0.5, application/fhir+xml", xml),
            ("application/fhir+xml;q=0.2, application/fhir+json;q=0.8", json),
            ("application/fhir+xml;q=0, application/fhir+json", json),
            ("application/fhir+xml, application/fhir+json", xml),
            ("application/fhir+json; fhirVersion=4.0", json),
            ("application/fhir+json; fhirVersion=5.0", None),
            ("application/fhir+json; fhirVersion=5.0, application/fhir+xml; fhirVersion=\"4.0\"", xml),
            ("text/turtle", None),
            ("*/*;q=0", None),
            ("image/png, */*;q=0.1", json),
            ("text/html,application/xhtml+xml,application/xml;q=0.9", json),
        ] {
            assert_eq!(of(None, accept), expect, "{accept}");
        }
        for (query, expect) in [
            ("_format=xml", xml),
            ("_format=XML", xml),
            ("a=b&_format=application/fhir+xml", xml),
            ("_format=application/fhir%2Bjson", json),
            ("_format=ttl", None),
            ("_format=application/fhir%2Bjson;fhirVersion=3.0", None),
        ] {
            assert_eq!(of(Some(query), "application/fhir+json"), expect, "{query}");
        }
    }

    #[test]
    fn tags_are_versions() {
        for (tag, expect) in [
            ("W/\"3\"", Some(3)),
            ("\"3\"", Some(3)),
            ("3", Some(3)),
            ("*", Some(ANY_VERSION)),
            ("W/\"abc\"", Some(NO_VERSION)),
            ("\"-1\"", Some(NO_VERSION)),
            ("\"0\"", Some(NO_VERSION)),
            ("abc", None),
            ("", None),
            ("W/\"3", None),
            ("\"1\", \"2\"", None),
        ] {
            assert_eq!(version_of(tag).ok(), expect, "{tag}");
        }
    }
}
