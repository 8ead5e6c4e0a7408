//! Subscriptions from the log: whatever way a Subscription resource was written, its versions say what is to be done, and the
//! change that brought a version says whose it is.

use super::definition::Definition;
use super::worker::Shared;
use crate::refusal::Refusal;
use crate::state::own_decision;
use mach_store::resources;
use mach_store::subscriptions::{self, Register, State, Written};
use std::collections::HashMap;

/// Takes the versions of Subscription resources after `seen`; gives the number of the last.
///
/// # Errors
/// Of the store.
pub fn take(shared: &Shared, seen: i64) -> Result<i64, Refusal> {
    let decision = own_decision()?;
    let mut reader = shared.store.read(&decision)?;
    let written = subscriptions::written(&mut reader, seen)?;
    let Some(last) = written.last().map(|w| w.rid) else { return Ok(seen) };
    let known: HashMap<(i64, String), i64> =
        subscriptions::all(&mut reader)?.into_iter().map(|s| ((s.facility, s.fhir), s.rid)).collect();
    let mut new: HashMap<(i64, String), (Option<i64>, Option<Written>)> = HashMap::new();
    for version in written {
        let key = (version.facility, version.fhir.clone());
        if known.get(&key).is_some_and(|rid| *rid >= version.rid) {
            continue;
        }
        let slot = new.entry(key).or_default();
        // What this server writes itself (a status) makes it nobody else's.
        slot.0 = Some(version.account).filter(|a| *a != 0).or(slot.0);
        if version.current {
            slot.1 = Some(version);
        }
    }
    let mut registers = Vec::new();
    for (account, version) in new.into_values() {
        let Some(written) = version else { continue };
        let (state, said) = if written.deleted {
            (State::Gone, String::new())
        } else {
            let body = resources::of_rids(&mut reader, &[written.rid])?.pop().map(|r| r.body).unwrap_or_default();
            match Definition::read(&body, &shared.settings.base) {
                // Another way of writing than the interface may have left `active`: it is asked for, no more.
                Ok(read) if read.status == State::Active => (State::Requested, String::new()),
                Ok(read) => (read.status, String::new()),
                Err(refusal) => (State::Error, refusal.text),
            }
        };
        registers.push(Register { written, account, state, said });
    }
    drop(reader);
    if !registers.is_empty() {
        registers.sort_by_key(|r| r.written.rid);
        shared.store.write(&decision, move |tx| registers.iter().try_for_each(|r| tx.register(r)))?;
        shared.state.hub().tell();
    }
    Ok(last)
}
