//! Terminology: operations on code systems, value sets and concept maps, and what searches ask of them.
//!
//! A question is answered from shelves: the asker's facility's own definitions, the province's, the lists of this product,
//! R4's. The asker's scope decides which are there; what another facility defined answers as what does not exist.

mod capability;
mod expand;
mod given;
mod lookup;
mod ours;
pub mod search;
mod stored;
mod translate;
mod validate;

pub use capability::{OPERATIONS, statement};
pub use stored::Shelves;

use crate::read;
use crate::refusal::Refusal;
use crate::serve::{Asked, blocking, short, type_of};
use axum::http::{Method, StatusCode};
use axum::response::Response;
use given::Given;
use mach_access::Act;
use mach_fhir::terminology::{Library, Problem};
use mach_fhir::{ResourceType, Tree};
use mach_store::Reader;
use mach_store::resources::Resource;

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        match problem {
            Problem::Unknown(text) => Self::new(StatusCode::NOT_FOUND, "not-found", text),
            Problem::Invalid(text) => Self::unprocessable("invalid", text),
            Problem::TooCostly(text) => Self::too_costly(text),
        }
    }
}

/// A request to an operation: what was sent, and what can be asked.
pub(crate) struct Task {
    given: Given,
    library: Library,
    shelves: Shelves,
    /// The resource the operation was asked of.
    instance: Option<Resource>,
    /// `Accept-Language`, where the operation names no language.
    language: Option<String>,
}

impl Task {
    /// The language of displays.
    fn language(&self) -> Result<Option<String>, Refusal> {
        Ok(self.given.text("displayLanguage")?.or_else(|| self.language.clone()))
    }

    /// The day on which codes must be in use: as asked, or today.
    fn day(&self) -> Result<mach_base::Day, Refusal> {
        let Some(date) = self.given.text("date")? else { return Ok(mach_base::Day::today()) };
        let full = match date.len() {
            4 => format!("{date}-01-01"),
            7 => format!("{date}-01"),
            _ => date.get(..10).unwrap_or_default().to_owned(),
        };
        mach_base::Day::parse_iso(&full)
            .ok_or_else(|| Refusal::invalid(format!("`date` cannot be `{date}`; write `2026-03-18`")).at("date"))
    }
}

/// Whether `name` is an operation of terminology there.
pub fn is_operation(name: &str, on: &[&str]) -> bool {
    let kind = on.first().copied().unwrap_or_default();
    OPERATIONS
        .iter()
        .any(|o| o.kind.name() == kind && name.strip_prefix('$') == Some(o.name) && on.len() <= 1 + o.instance)
}

/// Runs a terminology operation.
///
/// # Errors
/// 404 where what it asks about is not known here, 400 where parameters are missing or wrong.
pub async fn run(asked: Asked, name: &str, on: &[&str]) -> Result<Response, Refusal> {
    if !matches!(asked.method, Method::GET | Method::HEAD | Method::POST) {
        let text = format!("`{name}` is asked by GET or POST");
        return Err(Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "not-supported", text));
    }
    let decision = asked.caller.decide(&asked.house, Act::ReadFhir).await?;
    let (name, kind) = (name.to_owned(), type_of(on.first().copied().unwrap_or_default())?);
    let id = on.get(1).map(|id| (*id).to_owned());
    blocking(move || {
        let given = Given::read(&asked)?;
        if asked.caller.handling == crate::search::Handling::Strict {
            given.only(OPERATIONS.iter().find(|o| o.kind == kind && name.strip_prefix('$') == Some(o.name)))?;
        }
        let mut reader = asked.store.read(&decision)?;
        let library = asked.state.shelves().library(&mut reader, decision.scope())?;
        let instance = id.as_deref().map(|id| instance(&mut reader, kind, id)).transpose()?;
        drop(reader);
        let language = asked.caller.header("accept-language").and_then(first_language);
        let shelves = asked.state.shelves().clone();
        let task = Task { given, library, shelves, instance, language };
        let target = format!("{}{}/{name}", kind.name(), id.map(|id| format!("/{id}")).unwrap_or_default());
        asked.state.look(&decision, None, short(target), "granted")?;
        let body = match (kind, name.as_str()) {
            (ResourceType::VALUE_SET, "$expand") => expand::run(&task)?,
            (ResourceType::VALUE_SET, "$validate-code") => validate::in_value_set(&task)?,
            (ResourceType::CODE_SYSTEM, "$validate-code") => validate::in_code_system(&task)?,
            (ResourceType::CODE_SYSTEM, "$lookup") => lookup::lookup(&task)?,
            (ResourceType::CODE_SYSTEM, "$subsumes") => lookup::subsumes(&task)?,
            _ => translate::run(&task)?,
        };
        asked.caller.answer(StatusCode::OK, body, false)
    })
    .await
}

fn instance(reader: &mut Reader, kind: ResourceType, id: &str) -> Result<Resource, Refusal> {
    let scope = reader.scope();
    read::current(reader, scope, kind, id)
}

/// The language that `Accept-Language` names first; `*` is none.
fn first_language(header: &str) -> Option<String> {
    let first = header.split([',', ';']).next()?.trim();
    (!first.is_empty() && first != "*").then(|| first.to_owned())
}

fn parsed(body: &str) -> Result<Tree<'_>, Refusal> {
    Tree::parse(body).map_err(Refusal::internal)
}

/// What is missing.
fn wanted(text: &str) -> Refusal {
    Refusal::new(StatusCode::BAD_REQUEST, "required", text)
}
