//! `/verify`: anybody checks a paper in their hand: a PDF or XML file, or the text of a QR code.
//!
//! | route | act | does |
//! |---|---|---|
//! | `GET /verify` | none, open to anybody | the form |
//! | `GET /verify/list` | none, open to anybody | the signed list by which the page checks QR codes without a network |
//! | `POST /verify` | none, open to anybody | who signed, when, whole or altered, valid or revoked then and now |
//!
//! Nothing that is sent is kept, and nothing of the record is shown: what stands in the answer was in the paper, and whether this
//! paper was issued here and taken back since, by the marks of its signatures. Who is trusted stands in files of the data folder
//! ([`Shelf`]); `GET /verify/papers.tsv` is the list of papers that were taken back, for verifiers without the house.

mod list;
mod offline;
mod page;
mod words;

pub use mach_house::trust::Shelf;
pub use words::{Line, claims, lines, paper, patients, payload, reason, sentence};

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::get;
use mach_base::limits;
use mach_house::House;
use std::path::Path;

/// The fingerprint of the key that signs lists for browsers, as their page shows it; makes the key where there is none.
///
/// # Errors
/// Of files.
pub fn list_fingerprint(data: &Path) -> Result<String, String> {
    list::fingerprint(&list::key(data)?)
}

/// The routes of this crate; `data` is the folder of all data.
pub fn router(data: &Path) -> Router<House> {
    Router::new()
        .route("/verify", get(page::form).post(page::verify))
        .route("/verify/list", get(page::list))
        .route("/verify/papers.tsv", get(page::papers))
        // A form's own words around the file.
        .layer(DefaultBodyLimit::max(limits::VERIFY_BYTES + 4096))
        .layer(axum::Extension(page::Data::new(data)))
}
