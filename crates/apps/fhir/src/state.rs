//! What the interface keeps beside the house: the queue of looks to be audited, and what indexes the rest.

use crate::bulk::Bulk;
use crate::custom::{self, Used};
use crate::extract::extract;
use crate::looks::Looks;
use crate::refusal::Refusal;
use crate::subscription::Hub;
use crate::terms::Shelves;
use axum::http::StatusCode;
use mach_access::{Act, Actor, Decision, decide};
use mach_base::time::now_seconds;
use mach_fhir::{ResourceType, Tree};
use mach_store::audit::Look;
use mach_store::resources::{self, Value};
use mach_store::{Reader, Store};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

/// Resources indexed in one transaction.
const INDEXED: usize = 500;
/// How long a search helps to index what is waiting before it says that it cannot answer.
const PATIENCE: Duration = Duration::from_secs(3);

/// Shared by all requests.
#[derive(Clone)]
pub struct State {
    inner: Arc<Inner>,
}

struct Inner {
    looks: Looks,
    /// Held by who indexes: one at a time is enough.
    indexing: Mutex<()>,
    shelves: Shelves,
    hub: Hub,
    /// Held by who brings a stored view up to date.
    following: Mutex<()>,
    /// What does bulk jobs, where there is a folder for their files.
    bulk: OnceLock<Bulk>,
}

/// The decision by which the interface itself writes audit and index.
///
/// # Errors
/// Where the policy does not let the console: a broken policy.
pub fn own_decision() -> Result<Decision, Refusal> {
    decide(&Actor::console(), Act::Administer).map_err(Refusal::internal)
}

impl State {
    /// Starts the thread that writes looks. It ends when the last clone is gone.
    pub fn start(store: Store) -> Self {
        let looks = Looks::start(store);
        let inner = Inner {
            looks,
            indexing: Mutex::new(()),
            shelves: Shelves::default(),
            hub: Hub::default(),
            following: Mutex::new(()),
            bulk: OnceLock::new(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Definitions of codes that were stored.
    pub fn shelves(&self) -> &Shelves {
        &self.inner.shelves
    }

    /// What requests, websockets and the delivery of subscriptions share.
    pub fn hub(&self) -> &Hub {
        &self.inner.hub
    }

    /// Takes bulk jobs on from now on; their files lie below `folder`.
    pub fn take_jobs(&self, store: Store, folder: &Path) {
        self.inner.bulk.get_or_init(|| Bulk::start(store, folder));
    }

    /// What does bulk jobs.
    pub fn bulk(&self) -> Option<&Bulk> {
        self.inner.bulk.get()
    }

    /// Holds others off from bringing views up to date: what one has done, the next need not.
    pub fn following(&self) -> MutexGuard<'_, ()> {
        self.inner.following.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a look can be noted now without waiting for those before it to be written.
    pub fn has_room(&self) -> bool {
        self.inner.looks.has_room()
    }

    /// Notes a look at resources; it is written with others of its time.
    ///
    /// # Errors
    /// 503 where nobody writes looks any more: what cannot be audited is not shown.
    pub fn look(
        &self,
        decision: &Decision,
        person: Option<i64>,
        target: String,
        outcome: &'static str,
    ) -> Result<(), Refusal> {
        // What is not there is what was typed, and people type numbers of people.
        let target = if outcome == "failed" { without_numbers(&target) } else { target };
        let look =
            Look { at: now_seconds(), actor: decision.actor().clone(), act: decision.act(), person, target, outcome };
        if self.inner.looks.add(look) {
            return Ok(());
        }
        Err(Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "transient", "the audit trail cannot be written"))
    }

    /// Sees to it that a search finds every resource of `kinds`: what waits is indexed now, as far as patience goes. Then
    /// `reader` reads the state of afterwards.
    ///
    /// # Errors
    /// 503 where some still wait: a count of what is indexed so far would be a lie.
    pub fn trust(&self, store: &Store, reader: &mut Reader, kinds: &[ResourceType]) -> Result<(), Refusal> {
        if resources::pending_types(reader, kinds)?.is_empty() {
            return Ok(());
        }
        reader.aside(|| self.index_waiting(store))??;
        let Some(kind) = resources::pending_types(reader, kinds)?.first().copied() else { return Ok(()) };
        let text = format!(
            "resources of type `{}` came by import and are not indexed for search yet; ask again, or run `mach fhir reindex`",
            kind.name()
        );
        let mut refusal = Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "incomplete", text);
        refusal.retry_after = Some(10);
        Err(refusal)
    }

    /// Sees to it that resources were read for the parameters of others that a search asks by, as far as patience goes.
    ///
    /// # Errors
    /// 503 where some still wait.
    pub fn settle(&self, store: &Store, reader: &mut Reader, used: &[Used]) -> Result<(), Refusal> {
        let began = Instant::now();
        while let Some(next) = custom::behind(reader, used)? {
            if began.elapsed() > PATIENCE {
                return Err(custom::not_yet(next));
            }
            reader.aside(|| -> Result<(), Refusal> {
                let _one = self.inner.indexing.lock().unwrap_or_else(PoisonError::into_inner);
                custom::read_some(store, next).map(drop)
            })??;
        }
        Ok(())
    }

    /// Indexes what waits, as far as patience goes.
    ///
    /// # Errors
    /// Of the store.
    pub fn index_waiting(&self, store: &Store) -> Result<(), Refusal> {
        let began = Instant::now();
        while began.elapsed() < PATIENCE && self.index_some(store)? > 0 {}
        Ok(())
    }

    /// Indexes the next resources that wait; gives how many.
    ///
    /// # Errors
    /// Of the store.
    pub fn index_some(&self, store: &Store) -> Result<usize, Refusal> {
        let _one = self.inner.indexing.lock().unwrap_or_else(PoisonError::into_inner);
        let decision = own_decision()?;
        let waiting = resources::pending_rows(&mut store.read(&decision)?, INDEXED)?;
        let count = waiting.len();
        if count == 0 {
            return match custom::next_behind(&mut store.read(&decision)?)? {
                Some(next) => custom::read_some(store, next),
                None => Ok(0),
            };
        }
        let made: Vec<(resources::Resource, Vec<Value>)> = waiting
            .into_iter()
            .map(|resource| {
                let values = indexed(&resource);
                (resource, values)
            })
            .collect();
        store.write(&decision, move |tx| tx.reindex(&made))?;
        Ok(count)
    }
}

/// What a stored resource is found by; one that cannot be read is found by its id alone, and the log says so.
fn indexed(resource: &resources::Resource) -> Vec<Value> {
    let tree = Tree::parse(resource.body.as_str()).map_err(|e| e.to_string());
    let read = tree.and_then(|tree| extract(resource.kind, &tree, "").map_err(|e| e.to_string()));
    read.map(|e| e.values).unwrap_or_else(|e| {
        tracing::error!("{}/{} cannot be indexed: {e}", resource.kind.name(), resource.id);
        Vec::new()
    })
}

/// Digits in a row that name a person: a telephone, a CCCD, an insurance number or card.
const NUMBER_DIGITS: usize = 9;

/// A text without the words that have a person's number in them.
pub(crate) fn without_numbers(text: &str) -> String {
    let names = |word: &str| word.split(|c: char| !c.is_ascii_digit()).any(|digits| digits.len() >= NUMBER_DIGITS);
    text.split_inclusive(|c: char| !c.is_alphanumeric())
        .map(|word| {
            if names(word) { format!("…{}", word.trim_start_matches(char::is_alphanumeric)) } else { word.to_owned() }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::without_numbers;

    #[test]
    fn numbers_of_people_are_not_in_what_was_not_found() {
        for (said, kept) in [
            ("Patient/079085012345", "Patient/…"),
            ("history Patient/DN4620000001/_history/1", "history Patient/…/_history/1"),
            ("Patient/p1 0905123456", "Patient/p1 …"),
            ("Observation/c12-3-1", "Observation/c12-3-1"),
            ("Patient/12345678", "Patient/12345678"),
            ("", ""),
        ] {
            assert_eq!(without_numbers(said), kept);
        }
    }
}
