//! Forms for those who look after them.
//!
//! | route | act | does |
//! |---|---|---|
//! | `GET /admin/forms` | administer | every form and version, who keeps it |
//! | `POST /admin/forms` | administer, proven | adds a form from a file; says what is wrong with it, by place |
//! | `GET /admin/forms/preview?form=url\|version` | administer | the form as its users see it; nothing is stored |
//! | `POST /admin/forms/preview` | administer | the same with what was typed: computed, checked, read |
//! | `GET /admin/forms/paper` | administer | the empty form, to print |
//! | `GET /admin/forms/file` | administer | its Questionnaire |
//! | `POST /admin/forms/status` | administer, proven | retires a version, or takes it into use again |
//!
//! An administrator of the province keeps forms for everybody; one of a facility keeps its own, which stand before those.

mod list;
mod preview;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};
use mach_house::House;

/// The routes of this crate; see the table above.
pub fn router() -> Router<House> {
    Router::new()
        .route("/admin/forms", get(list::page).post(list::add))
        .route("/admin/forms/preview", get(preview::page).post(preview::tried))
        .route("/admin/forms/paper", get(preview::paper))
        .route("/admin/forms/file", get(list::file))
        .route("/admin/forms/status", post(list::set_status))
        .layer(DefaultBodyLimit::max(mach_forms::http::POSTED_BYTES))
}
