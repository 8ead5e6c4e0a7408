//! Facilities, their departments, rooms, beds, staff, services and hours; how a new one is set up.
//!
//! | route | act | does |
//! |---|---|---|
//! | `GET /admin/facilities` | administer | the facilities one looks after, searched without accents |
//! | `GET`, `POST /admin/facilities/new` | administer, province | begins one by hand; what is being set up |
//! | `GET`, `POST /admin/facilities/new/{draft}/{step}` | administer, province | a step; the last, `review`, makes it (proven) |
//! | `POST /admin/facilities/new/{draft}/drop` | administer, province | throws a draft away |
//! | `GET /admin/facilities/template.xlsx` | administer | the spreadsheet to fill in |
//! | `POST /admin/facilities/import` | administer, province, proven | a filled spreadsheet: all of it or nothing |
//! | `GET /admin/facilities/{code}` | administer | a facility |
//! | `GET /admin/facilities/{code}/facility.xlsx` | administer | the same as a spreadsheet |
//! | `GET`, `POST /admin/facilities/{code}/edit/{sheet}` | administer, proven | its departments, rooms … changed |
//! | `POST /admin/facilities/{code}/{act}` | administer, proven | `close`, `recode`, `undo` |
//!
//! An administrator of one facility sees and changes that one; only one of the province makes new ones.

pub mod acts;
pub mod bodies;
pub mod book;
pub mod check;
pub mod drafts;
mod edit;
mod facility;
pub mod hours;
pub mod keep;
pub mod kinds;
pub mod limits;
mod list;
pub mod over;
pub mod read;
pub mod register;
pub mod sheet;
mod upload;
mod view;
mod wizard;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};
use mach_house::House;

/// The routes of this crate; see the table above.
pub fn router() -> Router<House> {
    Router::new()
        .route("/admin/facilities", get(list::page))
        .route("/admin/facilities/new", get(wizard::begin_page).post(wizard::begin))
        .route("/admin/facilities/new/{draft}/drop", post(wizard::drop_draft))
        .route("/admin/facilities/new/{draft}/{step}", get(wizard::page).post(wizard::keep))
        .route("/admin/facilities/template.xlsx", get(upload::template))
        .route("/admin/facilities/import", post(upload::take))
        .route("/admin/facilities/{code}", get(facility::page))
        .route("/admin/facilities/{code}/facility.xlsx", get(upload::export))
        .route("/admin/facilities/{code}/edit/{sheet}", get(edit::page).post(edit::change))
        .route("/admin/facilities/{code}/{act}", post(facility::act))
        .layer(DefaultBodyLimit::max(mach_forms::http::POSTED_BYTES))
}

/// Reads the content of this crate, so that a mistake in it stops the start and not a page.
pub fn load() {
    kinds::Kinds::shared();
}
