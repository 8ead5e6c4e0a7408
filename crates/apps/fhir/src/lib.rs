//! FHIR R4 over HTTP, at `/fhir`: the record store for other systems and for everything built on it.
//!
//! | address | act | does |
//! |---|---|---|
//! | `GET /fhir/metadata` | open | what this server can |
//! | `GET`, `HEAD`, `POST …/_search` below `/fhir` | read FHIR | read, vread, history, search, `$everything`, `$meta`, `$validate`, terminology |
//! | `POST`, `PUT`, `PATCH`, `DELETE` below `/fhir` | write FHIR | create, update, patch, delete, batch, transaction, `$meta-add`, `$meta-delete` |
//!
//! What is supported and what is not stands in `docs/fhir.md`. Every answer is an access decision's: a facility's asker sees
//! its own resources, the province's registers, and the province's rows of people it knows. Every look and every write is
//! audited, looks in batches. Sketch of a read by id: session and key 20 µs, a row by its key 10 µs, a pack of one bundle
//! unpacked 30 µs, version and time set into the bytes 5 µs.

mod bundle;
mod caller;
mod capability;
mod clauses;
mod entry;
mod extract;
mod filter;
mod found;
mod id;
mod links;
pub mod load;
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
mod structure;
mod terms;
mod token;
mod units;
mod write;

use axum::extract::DefaultBodyLimit;
use axum::routing::{any, get};
use axum::{Extension, Router};
use mach_base::limits;
use mach_house::House;
use mach_store::Store;

/// The routes of this crate; see the table above. Looks are audited by a thread that ends with the last route.
pub fn router(store: &Store) -> Router<House> {
    Router::new()
        .route("/fhir/metadata", get(capability::metadata))
        .route("/fhir", any(serve::any))
        .route("/fhir/", any(serve::any))
        .route("/fhir/{*path}", any(serve::any))
        .layer(DefaultBodyLimit::max(limits::FHIR_BODY_BYTES))
        .layer(Extension(state::State::start(store.clone())))
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
