//! Setting the status of a Subscription: another version of its resource, and where it stands, in one transaction.

use super::worker::Shared;
use crate::extract::extract;
use crate::patch::Patch;
use crate::refusal::Refusal;
use crate::state::own_decision;
use mach_fhir::json::quote;
use mach_fhir::{ResourceType, Tree};
use mach_store::Store;
use mach_store::resources::{self, Index, Save};
use mach_store::subscriptions::{self, State, Subscription};

/// Makes a subscription `state`; `said` is why, for its author. Nothing happens where its resource was written meanwhile.
///
/// # Errors
/// Of the store.
pub fn set(shared: &Shared, of: &Subscription, state: State, said: &str) -> Result<(), Refusal> {
    let outcome = write(&shared.store, of, state, said, &shared.settings.base);
    shared.state.hub().tell();
    outcome
}

/// Asks again for a subscription that was given up, on behalf of its author.
///
/// # Errors
/// Why it cannot be.
pub fn retry(store: &Store, id: i64) -> Result<(), String> {
    let decision = own_decision().map_err(|e| e.text)?;
    let of = store.read(&decision).and_then(|mut r| subscriptions::one(&mut r, id)).map_err(|e| e.to_string())?;
    let of = of.filter(|s| s.state == State::Error);
    let of = of.ok_or_else(|| format!("subscription {id} was not given up\nhint: mach subscription list"))?;
    write(store, &of, State::Requested, "", "").map_err(|e| e.text)
}

fn write(store: &Store, of: &Subscription, state: State, said: &str, base: &str) -> Result<(), Refusal> {
    let (id, was, text, base) = (of.id, of.rid, said.to_owned(), base.to_owned());
    store.write(&own_decision()?, move |tx| {
        let refused = |r: Refusal| mach_store::Error::Refused(r.text);
        let now = resources::of_rids(tx, &[was])?.pop().ok_or(mach_store::Error::Missing("a subscription"))?;
        let body = with_status(&now.body, state, &text).map_err(refused)?;
        let tree = Tree::parse(body.as_str()).map_err(|e| mach_store::Error::Refused(e.to_string()))?;
        let found = extract(ResourceType::SUBSCRIPTION, &tree, &base).map_err(refused)?;
        drop(tree);
        let save = Save {
            kind: ResourceType::SUBSCRIPTION,
            id: now.id.clone(),
            body: Some(body),
            patient: now.patient,
            date: found.date,
            facility: now.facility.unwrap_or(0),
            fresh: false,
            index: Index::of(ResourceType::SUBSCRIPTION, &found.values),
        };
        let current = subscriptions::one(tx, id)?.is_some_and(|s| s.rid == was);
        let live = subscriptions::is_current(tx, was)?;
        if !current || !live {
            return Ok(());
        }
        let saved = tx.save(&mut [save])?.pop().ok_or(mach_store::Error::Missing("a subscription"))?;
        tx.set_subscription(id, was, saved.rid, state, &text)?;
        tx.audit(None, &format!("Subscription/{} is {}", now.id, state.code()), "granted")
    })?;
    Ok(())
}

fn with_status(body: &str, state: State, said: &str) -> Result<String, Refusal> {
    let tree = Tree::parse(body).map_err(Refusal::internal)?;
    let mut patch = format!(r#"[{{"op":"replace","path":"/status","value":"{}"}}"#, state.code());
    if !said.is_empty() {
        patch.push_str(r#",{"op":"add","path":"/error","value":"#);
        quote(&mut patch, said);
        patch.push('}');
    } else if tree.root().get("error").is_some() {
        patch.push_str(r#",{"op":"remove","path":"/error"}"#);
    }
    patch.push(']');
    Ok(Patch::json(&patch)?.apply(body)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_changes_status_and_error_alone() {
        let body = r#"{"resourceType":"Subscription","status":"requested","x":1.00}"#;
        let failed = with_status(body, State::Error, "no \"one\"").unwrap();
        assert_eq!(failed, r#"{"resourceType":"Subscription","status":"error","x":1.00,"error":"no \"one\""}"#);
        let active = with_status(&failed, State::Active, "").unwrap();
        assert_eq!(active, body.replace("requested", "active"));
    }
}
