//! FHIR R4 over HTTP, at `/fhir`: the record store for other systems and for everything built on it.
//!
//! | address | act | does |
//! |---|---|---|
//! | `GET /fhir/metadata` | open | what this server can |
//! | `GET`, `HEAD`, `POST …/_search` below `/fhir` | read FHIR | read, vread, history, search, `$everything`, `$meta`, `$validate`, terminology |
//! | `GET /fhir/$ws` | read FHIR, or a binding token | websocket of subscriptions |
//! | `POST`, `PUT`, `PATCH`, `DELETE` below `/fhir` | write FHIR | create, update, patch, delete, batch, transaction, `$meta-add`, `$meta-delete` |
//!
//! What is supported and what is not stands in `docs/fhir.md`. Every answer is an access decision's: a facility's asker sees
//! its own resources, the province's registers, and the province's rows of people it knows. Every look and every write is
//! audited, looks in batches. Sketch of a read by id: session and key 20 µs, a row by its key 10 µs, a pack of one bundle
//! unpacked 30 µs, version and time set into the bytes 5 µs.

mod app;
mod batch;
mod binary;
mod body;
mod bulk;
mod bundle;
mod caller;
mod capability;
mod clauses;
pub mod cors;
mod cost;
mod custom;
mod entry;
mod extract;
mod filter;
mod found;
mod id;
mod includes;
mod indexing;
mod labels;
mod links;
pub mod load;
mod looks;
mod members;
mod missing;
mod moment;
mod near;
mod operations;
mod patch;
mod query;
mod read;
mod receipt;
mod refusal;
mod render;
mod search;
mod serve;
mod state;
mod stream;
pub mod subscription;
mod terms;
mod token;
mod tokens;
mod trail;
mod unions;
mod units;
mod validation;
mod views;
mod write;

pub use validation::{packages_in, read_packages};

use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use axum::routing::{any, get, post};
use axum::{Extension, Router};
use mach_access::Decision;
use mach_base::limits;
use mach_fhir::view::Format;
use mach_house::House;
use mach_store::Store;
use std::path::Path;
use std::sync::Arc;

/// The interface upon a store. Looks are audited by a thread that ends with the last clone of it and its routes.
#[derive(Clone)]
pub struct Interface {
    store: Store,
    state: state::State,
    origins: cors::Origins,
}

impl Interface {
    /// An interface upon `store`.
    pub fn new(store: &Store) -> Self {
        Self { store: store.clone(), state: state::State::start(store.clone()), origins: cors::Origins::default() }
    }

    /// The same, with bulk jobs, whose files lie below `folder`: `exports/`, `imports/`. Without a folder they are refused.
    pub fn upon(store: &Store, folder: &Path) -> Self {
        let interface = Self::new(store);
        interface.state.take_jobs(store.clone(), folder);
        interface
    }

    /// The same, open to pages of these origins, as [`cors::origin`] reads them.
    #[must_use]
    pub fn open_to(mut self, origins: Vec<String>) -> Self {
        self.origins = origins.into();
        self
    }

    /// The routes of this crate; see the table above.
    pub fn router(&self) -> Router<House> {
        let doors = cors::Doors { origins: Arc::clone(&self.origins), store: self.store.clone() };
        routes(self.state.clone()).layer(from_fn_with_state(doors, cors::answer))
    }

    /// Starts to carry out subscriptions, until what it gives is dropped. Call it on the runtime it is to run on.
    ///
    /// # Errors
    /// Where the machine gives no random numbers.
    pub fn deliver(&self, settings: subscription::Settings) -> Result<subscription::Delivery, String> {
        subscription::Delivery::start(self.state.clone(), self.store.clone(), settings).map_err(|e| e.text)
    }

    /// Starts to index what imports write as it comes, until what it gives is aborted. Call it on the runtime it is to run on.
    pub fn index(&self) -> tokio::task::JoinHandle<()> {
        indexing::start(self.state.clone(), self.store.clone())
    }
}

/// The routes of this crate alone: nothing carries out subscriptions.
pub fn router(store: &Store) -> Router<House> {
    Interface::new(store).router()
}

/// Takes away bulk jobs, and their files below `folder`, that ended too long before `now` (seconds since 1970 UTC). The
/// router does it by itself; gives how many.
///
/// # Errors
/// Of the store.
pub fn expire(store: &Store, folder: &Path, now: i64) -> Result<usize, mach_store::Error> {
    bulk::expire(store, folder, now)
}

/// Writes the rows of a stored view to `to`, as of now, until that says false.
///
/// # Errors
/// Why there are none: no such view, one that has no answer on a resource, the store.
pub fn stored_view(
    store: &Store,
    decision: &Decision,
    id: &str,
    format: Format,
    to: &mut dyn FnMut(Vec<u8>) -> bool,
) -> Result<(), String> {
    let state = state::State::start(store.clone());
    views::write_stored((&state, store), decision, id, format, to).map_err(|r| r.text)
}

fn routes(state: state::State) -> Router<House> {
    Router::new()
        .route("/fhir/metadata", get(capability::metadata))
        .route("/fhir/$ws", get(subscription::connect))
        .route("/fhir", any(serve::any))
        .route("/fhir/", any(serve::any))
        .route("/fhir/{*path}", any(serve::any))
        .layer(DefaultBodyLimit::max(limits::FHIR_BODY_BYTES))
        // A body of its own: taken piece by piece, to the limit of imports.
        .route("/fhir/$import", post(bulk::import).layer(DefaultBodyLimit::disable()))
        .layer(Extension(state))
}

/// Indexes for search what imports wrote; `done` is told how many so far. Gives how many in all.
///
/// # Errors
/// Why it could not go on; what was indexed stays.
pub fn reindex(store: &Store, all: bool, done: &mut dyn FnMut(usize)) -> Result<usize, String> {
    let state = state::State::start(store.clone());
    let text = |refusal: refusal::Refusal| refusal.text;
    if all {
        let decision = state::own_decision().map_err(text)?;
        store.write(&decision, |tx| tx.forget_index()).map_err(|e| e.to_string())?;
    }
    let mut total = 0;
    loop {
        match state.index_some(store).map_err(text)? {
            0 => return Ok(total),
            count => {
                total += count;
                done(total);
            }
        }
    }
}
