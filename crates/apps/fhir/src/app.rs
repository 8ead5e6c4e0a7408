//! Requests with the token of an app (SMART App Launch): what each needs of the scopes, and what apps are never let do.
//!
//! The rows that scopes leave are the decision's to choose, in every statement; here is only said which right a request takes,
//! and it is refused plainly where no scope gives it. What would outlive the token, or ask without it, is not for apps.

use crate::refusal::Refusal;
use crate::serve::Asked;
use axum::http::{Method, StatusCode};
use mach_access::Scope;
use mach_access::app::{Need, Right};
use mach_fhir::ResourceType;
use mach_house::Session;
use mach_store::resources::Resource;

fn refused(text: String) -> Refusal {
    Refusal::new(StatusCode::FORBIDDEN, "forbidden", text)
}

/// That it is no app that asks.
///
/// # Errors
/// 403.
pub fn not_for_apps(session: &Session, what: &str) -> Result<(), Refusal> {
    match session.actor.app {
        Some(_) => Err(refused(format!("{what} is not for apps: it goes on when their token has ended"))),
        None => Ok(()),
    }
}

/// Says what a request needs of the scopes of its token.
///
/// # Errors
/// 403 where no scope gives it, or it is not for apps.
pub fn prepare(asked: &mut Asked) -> Result<(), Refusal> {
    let Some(app) = asked.caller.session.actor.app.clone() else { return Ok(()) };
    let names: Vec<&str> = asked.segments.iter().map(String::as_str).collect();
    let reads = matches!(asked.method, Method::GET | Method::HEAD);
    let last = names.last().copied().unwrap_or_default();
    let posted_search = asked.method == Method::POST && last == "_search";
    let kind = names.first().and_then(|name| ResourceType::parse(name));
    let system = !app.narrow.for_person;
    match (names.first().copied().unwrap_or_default(), last) {
        ("bulk", _) | (_, "$export") if !system => return Err(refused("bulk data is for `system/` scopes".to_owned())),
        ("bulk", _) => {}
        ("Subscription", _) if !reads || last.starts_with('$') => {
            return not_for_apps(&asked.caller.session, "`Subscription`");
        }
        ("ViewDefinition", _) if !reads && !last.starts_with('$') => {
            return not_for_apps(&asked.caller.session, "`ViewDefinition`");
        }
        _ => {}
    }
    let need = match (kind, &names[..]) {
        _ if last.starts_with('$') => Need::Operation,
        (Some(_), [_, id]) if reads && !id.starts_with('_') => Need::One(Right::Read),
        (Some(_), [_, _, "_history", ..]) if reads => Need::One(Right::Read),
        (Some(_), _) if reads || posted_search => Need::One(Right::Search),
        _ => Need::Operation,
    };
    // Of a compartment the type asked for counts; of one that asks for all, each row.
    let of = match (kind, &names[..]) {
        (Some(_), [_, _, of] | [_, _, of, "_search"]) if !of.starts_with(['_', '$']) => ResourceType::parse(of),
        (kind, _) => kind,
    };
    let asks = (reads || posted_search) && !last.starts_with('$') || TERMS.contains(&last);
    if let Some(of) = of.filter(|of| asks && !app.narrow.opens(Some(of.number()), need)) {
        return Err(lacking(of, need));
    }
    if let Some(app) = &mut asked.caller.session.actor.app {
        app.need = need;
    }
    Ok(())
}

/// Operations on what terms mean, which read no rows that a decision could leave out.
const TERMS: [&str; 5] = ["$expand", "$lookup", "$validate-code", "$translate", "$subsumes"];

/// That no scope of the token gives what a type is asked for.
fn lacking(kind: ResourceType, need: Need) -> Refusal {
    let letters: String = need.rights().iter().map(|r| r.letter()).collect();
    let name = kind.name();
    refused(format!(
        "insufficient_scope: no scope of this token gives `{letters}` on `{name}`; ask for `…/{name}.{letters}`"
    ))
}

/// That an app may search for what a condition of a write names: without it the condition would be skipped.
///
/// # Errors
/// 403.
pub fn may_ask(scope: Scope, kind: ResourceType) -> Result<(), Refusal> {
    let (Some(app), need) = (scope.app(), Need::One(Right::Search)) else { return Ok(()) };
    match app.narrow().is_some_and(|n| n.opens(Some(kind.number()), need)) {
        true => Ok(()),
        false => Err(lacking(kind, need)),
    }
}

/// The scope for one write of an app.
///
/// # Errors
/// 403 where no scope of its token lets it write this type so.
pub fn of_write(scope: Scope, kind: ResourceType, right: Right) -> Result<Scope, Refusal> {
    let Some(app) = scope.app() else { return Ok(scope) };
    let need = Need::One(right);
    if !app.narrow().is_some_and(|n| n.opens(Some(kind.number()), need)) {
        return Err(lacking(kind, need));
    }
    if kind == ResourceType::SUBSCRIPTION {
        return Err(refused("`Subscription` is not for apps: it goes on when their token has ended".to_owned()));
    }
    Ok(scope.needing(need))
}

/// That an app may write a resource of `person`, as it was or as it would be, in the scope of [`of_write`].
///
/// # Errors
/// 403.
pub fn may_keep(scope: Scope, kind: ResourceType, person: Option<i64>) -> Result<(), Refusal> {
    let Some(app) = scope.app() else { return Ok(()) };
    let lets = |right| app.narrow().is_some_and(|n| n.lets(kind.number(), right, person));
    match app.need {
        Need::One(right) if lets(right) => Ok(()),
        _ => {
            let name = kind.name();
            Err(refused(format!("insufficient_scope: the scopes of this token do not let it write this `{name}`")))
        }
    }
}

/// The same of a resource that is there.
///
/// # Errors
/// 403.
pub fn may_change(scope: Scope, now: &Resource) -> Result<(), Refusal> {
    may_keep(scope, now.kind, now.patient)
}

/// Whether what was written, of `person`, may be shown to who wrote it. A scope with a test shows it to nobody here: the index that
/// answers tests is behind what was just written.
pub fn is_shown(session: &Session, kind: ResourceType, person: Option<i64>) -> bool {
    session.actor.app.as_ref().is_none_or(|app| app.narrow.lets(kind.number(), Right::Read, person))
}

/// The narrowing of a token that a job is done under: its scopes; empty where no app asks.
pub fn scopes_of(session: &Session) -> String {
    session.actor.app.as_ref().map_or_else(String::new, |app| app.narrow.text.clone())
}
