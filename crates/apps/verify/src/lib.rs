//! `/verify`: anybody checks a paper in their hand: a PDF or XML file, or the text of a QR code.
//!
//! | route | act | does |
//! |---|---|---|
//! | `GET /verify` | none, open to anybody | the form |
//! | `POST /verify` | none, open to anybody | who signed, when, whole or altered, valid or revoked then and now |
//!
//! Nothing that is sent is kept, and nothing of the record is shown: what stands in the answer was in the paper, and whether this
//! paper was issued here and taken back since, by the marks of its signatures. Who is trusted stands in files of the data folder
//! ([`Shelf`]); `GET /verify/papers.tsv` is the list of papers that were taken back, for verifiers without the house.

mod page;
mod words;

pub use mach_house::trust::Shelf;
pub use words::{Line, claims, lines, paper, payload, reason};

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::get;
use mach_base::limits;
use mach_house::House;
use std::path::Path;
use std::sync::Arc;

/// The routes of this crate; `data` is the folder of all data.
pub fn router(data: &Path) -> Router<House> {
    let folder: Arc<Path> = Arc::from(data.join(mach_house::trust::FOLDER));
    Router::new()
        .route("/verify", get(page::form).post(page::verify))
        .route("/verify/papers.tsv", get(page::papers))
        // A form's own words around the file.
        .layer(DefaultBodyLimit::max(limits::VERIFY_BYTES + 4096))
        .layer(axum::Extension(page::Folder(folder)))
}
