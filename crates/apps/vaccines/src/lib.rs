//! Vaccination: doses received from spreadsheets, people whose identity is in doubt, passes with a signed QR code.
//!
//! | route | act | does |
//! |---|---|---|
//! | `GET /vaccines` | read vaccines | counts, the newest doses |
//! | `GET /vaccines/people/{person}` | read vaccines | doses and passes of one person |
//! | `POST /vaccines/people/{person}/issue` | issue passes | signs a pass |
//! | `GET /vaccines/passes/{code}/pass.pdf` | read vaccines | the pass as PDF/A with its QR code |
//! | `GET /vaccines/passes/{code}/qr.txt` | read vaccines | the text of its QR code |
//! | `POST /vaccines/passes/{code}/revoke` | issue passes | takes it back, with a reason, and publishes the list |
//! | `GET`, `POST /vaccines/import` | vaccinate | a spreadsheet (CSV, XLSX); how far files are |
//! | `GET /vaccines/import/{file}` | vaccinate | what is wrong in a file, row by row |
//! | `GET /vaccines/queue` | read vaccines | people in doubt, by commune |
//! | `GET`, `POST /vaccines/queue/{id}` | vaccinate | one of them, mended by the card or merged |
//! | `GET`, `POST /vaccines/batches` | run batches | passes in batch: begin, stop, how far it is |
//! | `GET /vaccines/revoked` | anybody | the signed list of passes taken back |

pub mod batch;
mod batches;
pub mod bodies;
pub mod demo;
pub mod import;
pub use mach_signing::codes as keys;
mod list;
pub mod mend;
pub mod pass;
mod pdf;
mod person;
pub mod products;
mod queue;
pub mod row;
pub mod sheet;
mod upload;
mod view;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};
use mach_access::Act;
use mach_base::limits::BROKEN_FILE_DAYS;
use mach_base::time::now_seconds;
use mach_house::House;
use mach_house::waiting::Queue;
use mach_store::waiting;
use mach_ui::components::Icon;
use mach_ui::msg;
use std::path::Path;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Where keys and lists lie, and who moves batches on.
#[derive(Clone, Debug)]
pub(crate) struct Shop {
    data: Arc<Path>,
    worker: batch::Worker,
    /// Uploads that may be read at the same time.
    reading: Arc<Semaphore>,
}

/// Uploaded files that are read at the same time.
const READING: usize = 2;

/// A form's own words around the file.
fn upload_limit() -> DefaultBodyLimit {
    DefaultBodyLimit::max(upload::UPLOAD_BYTES + 4_096)
}

/// What waits of vaccination.
pub const WORK: &[Queue] = &[
    Queue {
        act: Act::Vaccinate,
        label: msg::WORK_VACCINES_DOUBT,
        icon: Icon::Review,
        href: "/vaccines/queue",
        page: "/vaccines",
        ask: |r, _| waiting::vaccine_doubts(r),
    },
    Queue {
        act: Act::Vaccinate,
        label: msg::WORK_VACCINES_FILES,
        icon: Icon::Upload,
        href: "/vaccines/import",
        page: "/vaccines",
        ask: |r, who| waiting::broken_sheets(r, who.account, now_seconds() - BROKEN_FILE_DAYS * 86_400),
    },
];

/// The routes of this crate; see the table above. `data` is the folder of all data.
pub fn router(data: &Path, worker: batch::Worker) -> Router<House> {
    Router::new()
        .route("/vaccines", get(list::page))
        .route("/vaccines/people/{person}", get(person::page))
        .route("/vaccines/people/{person}/issue", post(person::issue))
        .route("/vaccines/passes/{code}/pass.pdf", get(pdf::page))
        .route("/vaccines/passes/{code}/qr.txt", get(pdf::text))
        .route("/vaccines/passes/{code}/revoke", post(person::revoke))
        .route("/vaccines/import", get(upload::page).post(upload::take).layer(upload_limit()))
        .route("/vaccines/import/{file}", get(upload::one))
        .route("/vaccines/queue", get(queue::page))
        .route("/vaccines/queue/{id}", get(queue::one).post(queue::mend))
        .route("/vaccines/batches", get(batches::page).post(batches::act))
        .route("/vaccines/revoked", get(person::revoked))
        .layer(axum::Extension(Shop { data: Arc::from(data), worker, reading: Arc::new(Semaphore::new(READING)) }))
}
