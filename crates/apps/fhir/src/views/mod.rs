//! SQL on FHIR v2: views stored and run. `ViewDefinition` is no resource of R4, so views are kept in a list of their own
//! (`store::views`), by id, one set for the province and one for each facility; the newest version only.
//!
//! | address | does |
//! |---|---|
//! | `GET /fhir/ViewDefinition` | the views, as a Bundle |
//! | `GET`, `PUT`, `DELETE /fhir/ViewDefinition/{id}` | one view |
//! | `POST …/$viewdefinition-run`, `…/$run` on `/fhir` and `/fhir/ViewDefinition` | rows of a view sent along, or named |
//! | `GET`, `POST …/ViewDefinition/{id}/$viewdefinition-run`, `$run` | rows of a stored view |

mod asked;
mod follow;
mod rows;

use crate::caller::{FHIR_JSON_PLAIN, with_header};
use crate::refusal::Refusal;
use crate::serve::{Asked, blocking, short};
use crate::write::is_id;
use crate::{found, moment, render, stream};
use asked::Run;
use axum::http::{Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use mach_access::Act;
use mach_base::limits;
use mach_fhir::json::quote;
use mach_fhir::view::View;
use mach_fhir::{ResourceType, Tree};
use mach_store::views::{self, Stored};

pub use rows::stored as write_stored;

/// Whether an address, or its last part, is that of a run.
pub fn is_run(path: &str) -> bool {
    path.ends_with("$viewdefinition-run") || path.ends_with("$run")
}

/// Answers what is asked of the stored views.
///
/// # Errors
/// 400, 403, 404, 405, 422.
pub async fn answer(asked: Asked, rest: &[&str]) -> Result<Response, Refusal> {
    let reads = matches!(asked.method, Method::GET | Method::HEAD);
    match rest {
        [] if reads => list(asked).await,
        [id] if reads => one(asked, (*id).to_owned()).await,
        [id] if asked.method == Method::PUT => put(asked, (*id).to_owned()).await,
        [id] if asked.method == Method::DELETE => delete(asked, (*id).to_owned()).await,
        _ => Err(asked.not_allowed()),
    }
}

async fn list(asked: Asked) -> Result<Response, Refusal> {
    let decision = asked.caller.decide(&asked.house, Act::ReadFhir).await?;
    blocking(move || {
        let all = views::all(&mut asked.store.read(&decision)?, decision.scope())?;
        asked.state.look(&decision, None, "search ViewDefinition".to_owned(), "granted")?;
        let base = &asked.caller.base;
        let total = i64::try_from(all.len()).unwrap_or(i64::MAX);
        let mut out = found::open_bundle("searchset", Some(total), &[("self", format!("{base}/ViewDefinition"))]);
        let mut entries = found::Entries::default();
        for view in &all {
            entries.next(&mut out);
            out.push_str("\"fullUrl\":");
            quote(&mut out, &format!("{base}/ViewDefinition/{}", view.id));
            out.push_str(",\"resource\":");
            out.push_str(&render::with_meta(&view.body, view.version, view.at)?);
            out.push_str(",\"search\":{\"mode\":\"match\"}}");
        }
        entries.close(&mut out);
        asked.caller.answer(StatusCode::OK, out, false)
    })
    .await
}

async fn one(asked: Asked, id: String) -> Result<Response, Refusal> {
    let decision = asked.caller.decide(&asked.house, Act::ReadFhir).await?;
    blocking(move || {
        let view = views::get(&mut asked.store.read(&decision)?, decision.scope(), &id)?;
        let outcome = if view.is_some() { "granted" } else { "failed" };
        asked.state.look(&decision, None, short(format!("ViewDefinition/{id}")), outcome)?;
        shown(&asked, &view.ok_or_else(|| Refusal::not_found("ViewDefinition", &id))?, StatusCode::OK)
    })
    .await
}

fn shown(asked: &Asked, view: &Stored, status: StatusCode) -> Result<Response, Refusal> {
    let body = render::with_meta(&view.body, view.version, view.at)?;
    // No element of it is R4's: it is never XML.
    let mut response = (status, [(header::CONTENT_TYPE, FHIR_JSON_PLAIN)], body).into_response();
    with_header(&mut response, header::ETAG, &format!("W/\"{}\"", view.version));
    with_header(&mut response, header::LAST_MODIFIED, &moment::http_date(view.at));
    with_header(&mut response, header::LOCATION, &format!("{}/ViewDefinition/{}", asked.caller.base, view.id));
    Ok(response)
}

async fn put(asked: Asked, id: String) -> Result<Response, Refusal> {
    let decision = asked.caller.decide(&asked.house, Act::WriteFhir).await?;
    blocking(move || {
        if !is_id(&id) {
            return Err(Refusal::invalid(format!("`{id}` is no id: 1 to 64 letters, digits, `-` and `.`")));
        }
        let text = asked.json()?.to_owned();
        let (tree, view) = compiled(&text)?;
        if tree.root().get_text("id").as_deref() != Some(id.as_str()) {
            let text = format!("the address says id `{id}`, the view says another or none");
            return Err(Refusal::invalid(text).at("ViewDefinition.id"));
        }
        let kind = kind_of(&view)?;
        let facility = decision.scope().facility();
        let (name, body) = (id.clone(), text.clone());
        let stored = asked.store.write(&decision, move |tx| {
            tx.audit(None, &short(format!("ViewDefinition/{name}")), "granted")?;
            tx.put_view(&name, kind, &body)
        })?;
        let Some(stored) = stored.filter(|s| s.facility == facility) else {
            let text = format!("at most {} stored views; delete one first", limits::STORED_VIEWS);
            return Err(Refusal::unprocessable("too-costly", text));
        };
        let status = if stored.version == 1 { StatusCode::CREATED } else { StatusCode::OK };
        shown(&asked, &stored, status)
    })
    .await
}

async fn delete(asked: Asked, id: String) -> Result<Response, Refusal> {
    let decision = asked.caller.decide(&asked.house, Act::WriteFhir).await?;
    blocking(move || {
        let target = short(format!("ViewDefinition/{id}"));
        asked.store.write(&decision, move |tx| {
            tx.audit(None, &target, "granted")?;
            tx.delete_view(&id)
        })?;
        Ok(StatusCode::NO_CONTENT.into_response())
    })
    .await
}

/// Reads and compiles a ViewDefinition.
///
/// # Errors
/// 400 where it is no JSON, 422 where it is no view.
pub fn compiled(text: &str) -> Result<(Tree<'_>, View), Refusal> {
    let tree = Tree::parse(text).map_err(|e| Refusal::invalid(format!("the ViewDefinition is no JSON: {e}")))?;
    if tree.root().get_text("resourceType").is_some_and(|t| t != "ViewDefinition") {
        return Err(Refusal::invalid("it is no ViewDefinition").at("resourceType"));
    }
    let view = View::compile(&tree)
        .map_err(|e| Refusal::unprocessable("invalid", format!("the view is not valid: {e}")).at("ViewDefinition"))?;
    Ok((tree, view))
}

/// The type a view reads.
///
/// # Errors
/// 422 where R4 has none such.
pub fn kind_of(view: &View) -> Result<ResourceType, Refusal> {
    ResourceType::parse(view.resource()).ok_or_else(|| {
        let text = format!("`{}` is no resource type of FHIR R4", view.resource());
        Refusal::unprocessable("invalid", text).at("ViewDefinition.resource")
    })
}

/// Runs a view.
///
/// # Errors
/// 400, 403, 404, 422; 503 where a `patient` is asked for and not everything is indexed.
pub async fn run(asked: Asked, on: Vec<String>) -> Result<Response, Refusal> {
    let decision = asked.caller.decide(&asked.house, Act::ReadFhir).await?;
    let on: Vec<&str> = on.iter().map(String::as_str).collect();
    let id = match on.as_slice() {
        [] | ["ViewDefinition"] => None,
        ["ViewDefinition", id] => Some((*id).to_owned()),
        _ => return Err(asked.not_allowed()),
    };
    if !matches!(asked.method, Method::GET | Method::HEAD | Method::POST) {
        return Err(asked.not_allowed());
    }
    let run = Run::read(&asked, id)?;
    let format = run.format;
    let body = stream::body(move |pieces| rows::write(&asked, &decision, run, pieces)).await?;
    Ok((StatusCode::OK, [(header::CONTENT_TYPE, format.media_type())], body).into_response())
}
