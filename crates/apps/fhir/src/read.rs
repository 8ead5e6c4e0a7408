//! Reading: one resource, one version, histories.

use crate::binary;
use crate::caller::{Caller, version_of, with_header};
use crate::found::{Entries, open_bundle};
use crate::moment;
use crate::query::{Pair, join};
use crate::refusal::Refusal;
use crate::render::{self, Shape};
use crate::search::Handling;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use mach_access::Scope;
use mach_base::limits;
use mach_fhir::ResourceType;
use mach_fhir::json::quote;
use mach_store::Reader;
use mach_store::resources::{self, Of, Page, Resource};
use mach_store::sql::Query;

/// The current version as the asker may see it.
///
/// # Errors
/// 404, 410.
pub fn current(on: &mut dyn Query, scope: Scope, kind: ResourceType, id: &str) -> Result<Resource, Refusal> {
    live(resources::current(on, scope, kind, id)?, kind, id)
}

/// What was found, where it is there and was not deleted.
///
/// # Errors
/// 404, 410.
pub fn live(found: Option<Resource>, kind: ResourceType, id: &str) -> Result<Resource, Refusal> {
    let found = found.ok_or_else(|| Refusal::not_found(kind.name(), id))?;
    if found.deleted { Err(Refusal::gone(kind.name(), id)) } else { Ok(found) }
}

/// One version.
///
/// # Errors
/// 404; 410 where that version is the deletion.
pub fn version(
    on: &mut dyn Query,
    scope: Scope,
    kind: ResourceType,
    id: &str,
    number: &str,
) -> Result<Resource, Refusal> {
    let unknown = || Refusal::not_found(kind.name(), &format!("{id}/_history/{number}"));
    let digits = number.bytes().all(|b| b.is_ascii_digit()) && !number.starts_with('0');
    let number: i64 = number.parse().ok().filter(|_| digits).ok_or_else(unknown)?;
    let found = resources::version(on, scope, kind, id, number)?.ok_or_else(unknown)?;
    if found.deleted { Err(Refusal::gone(kind.name(), id)) } else { Ok(found) }
}

/// The answer that carries one resource, or 304 where the asker has it already.
///
/// # Errors
/// 500 where its body is damaged.
pub fn answer(caller: &Caller, found: &Resource, shape: &Shape) -> Result<Response, Refusal> {
    let tag = format!("W/\"{}\"", found.version);
    let mut response = if unchanged(caller, found)? {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        caller.answer(StatusCode::OK, render::resource(found, shape)?, shape.pretty)?
    };
    with_header(&mut response, header::ETAG, &tag);
    with_header(&mut response, header::LAST_MODIFIED, &moment::http_date(found.at));
    Ok(response)
}

/// Whether the asker has this version already.
///
/// # Errors
/// 400 where a tag is none.
pub fn unchanged(caller: &Caller, found: &Resource) -> Result<bool, Refusal> {
    if let Some(tags) = caller.header("if-none-match") {
        for tag in tags.split(',') {
            if tag.trim() == "*" || version_of(tag)? == found.version {
                return Ok(true);
            }
        }
        return Ok(false);
    }
    let since = caller.header("if-modified-since").and_then(moment::parse_http_date);
    Ok(since.is_some_and(|since| found.at <= since))
}

/// What a history is asked for.
#[derive(Clone, Debug)]
pub struct Asked {
    page: Page,
    own: Vec<Pair>,
    /// How resources are shown.
    pub shape: Shape,
}

/// Reads the parameters of a history.
///
/// # Errors
/// 400 where one cannot be read, or is unknown and `handling` is strict.
pub fn asked(pairs: &[Pair], handling: Handling) -> Result<Asked, Refusal> {
    let mut asked = Asked {
        page: Page { limit: limits::FHIR_PAGE_DEFAULT, ..Page::default() },
        own: Vec::new(),
        shape: Shape::default(),
    };
    for pair in pairs {
        let wrong = || Refusal::invalid(format!("`{}` cannot be `{}`", pair.name, pair.value)).at(pair.name.clone());
        match pair.name.as_str() {
            "_count" => asked.page.limit = pair.value.parse::<usize>().map_err(|_| wrong())?.min(limits::FHIR_PAGE),
            "_since" => asked.page.since = Some(moment::seconds(&pair.value).ok_or_else(wrong)?.0),
            "_at" => {
                let range = moment::date_range(&pair.value).map_err(|_| wrong())?;
                asked.page.at = Some((range.low, range.high));
            }
            "_summary" if pair.value == "count" => asked.page.limit = 0,
            "_summary" => asked.shape.summary(&pair.value).ok_or_else(wrong)?,
            "_elements" => asked.shape.elements.extend(pair.value.split(',').map(str::to_owned)),
            "_pretty" => asked.shape.pretty = pair.value == "true",
            "_format" => {}
            "_sort" if pair.value == "-_lastUpdated" => {}
            "_before" => {
                asked.page.before = Some(pair.value.parse().map_err(|_| wrong())?);
                continue;
            }
            _ if handling == Handling::Strict => {
                return Err(Refusal::invalid(format!("a history has no parameter `{}`", pair.name)));
            }
            _ => continue,
        }
        asked.own.push(pair.clone());
    }
    Ok(asked)
}

/// A history as a Bundle. New versions come before the first page and so change no later one.
///
/// # Errors
/// Of the store.
pub fn history(on: &mut Reader, caller: &Caller, path: &str, of: &Of, asked: &Asked) -> Result<String, Refusal> {
    let scope = on.scope();
    let wanted = Page { limit: asked.page.limit + 1, ..asked.page };
    let mut versions =
        if asked.page.limit == 0 { Vec::new() } else { resources::history_page(on, scope, of, &wanted)? };
    let more = versions.len() > asked.page.limit;
    versions.truncate(asked.page.limit);
    versions.iter_mut().try_for_each(|found| binary::shown(on, scope, &caller.base, found))?;
    let counted = resources::history_count(on, scope, of, &asked.page, limits::FHIR_COUNTED + 1)?;
    let total = Some(counted).filter(|c| usize::try_from(*c).is_ok_and(|c| c <= limits::FHIR_COUNTED));
    let own = join(&asked.own);
    let address = |query: &str| {
        let mark = if query.is_empty() { "" } else { "?" };
        format!("{}{path}{mark}{query}", caller.base)
    };
    let mut links = vec![("self", address(&own))];
    if let Some(last) = versions.last().filter(|_| more) {
        let rest = if own.is_empty() { String::new() } else { format!("{own}&") };
        links.push(("next", address(&format!("{rest}_before={}", last.rid))));
    }
    let mut out = open_bundle("history", total, &links);
    let mut entries = Entries::default();
    for one in &versions {
        entries.next(&mut out);
        entry(&mut out, caller, one, &asked.shape)?;
    }
    entries.close(&mut out);
    Ok(out)
}

fn entry(out: &mut String, caller: &Caller, one: &Resource, shape: &Shape) -> Result<(), Refusal> {
    let address = format!("{}/{}", one.kind.name(), one.id);
    out.push_str("\"fullUrl\":");
    quote(out, &format!("{}/{address}", caller.base));
    if !one.deleted {
        out.push_str(",\"resource\":");
        out.push_str(&render::resource(one, shape)?);
    }
    let (method, url, status) = match (one.deleted, one.version) {
        (true, _) => ("DELETE", address.as_str(), "204"),
        (false, 1) => ("POST", one.kind.name(), "201"),
        (false, _) => ("PUT", address.as_str(), "200"),
    };
    out.push_str(&format!(",\"request\":{{\"method\":\"{method}\",\"url\":"));
    quote(out, url);
    out.push_str(&format!(
        "}},\"response\":{{\"status\":\"{status}\",\"etag\":\"W/\\\"{}\\\"\",\"lastModified\":",
        one.version
    ));
    quote(out, &moment::instant(one.at));
    out.push_str("}}");
    Ok(())
}
