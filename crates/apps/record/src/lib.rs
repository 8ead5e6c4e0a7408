//! The pages of people: search, the record of a person, its FHIR data, the queue of people in doubt.
//!
//! | route | act | shows |
//! |---|---|---|
//! | `GET /people` | search people | who a text finds; within the facility for those who belong to one |
//! | `GET /people/{id}` | read record | everything known of a person, each fact with its source |
//! | `GET /people/{id}/resources/{type}/{rid}` | read record | one FHIR resource with its versions; `?raw=1` the bytes |
//! | `GET`, `POST /people/emergency` | break glass | opens a record in an emergency, for an hour, with a reason; reviewed later |
//! | `GET /people/review` | review people | pairs in doubt, side by side |
//! | `POST /people/review/{n}` | review people | settles a pair: merge or apart |
//! | `POST /people/merges/{n}/undo` | review people | takes a merge back |
//!
//! Every look is written to the audit trail before it is shown. Sketch of the record page at a million claims: a person
//! has 10–60 visits; at most 200 observations, 200 orders, 400 diagnoses and 200 bills are read, all by the index
//! (patient, type, date). Their bodies lie in one or two packs a visit, 30 µs each to unpack: under 20 ms in all.

mod cards;
mod catalogue;
mod chronic;
mod conditions;
mod costs;
mod documents;
mod emergency;
mod error;
mod fact;
mod medicines;
mod opening;
mod people_view;
mod record;
mod resource;
mod results;
mod review;
mod search;
mod verdict;
mod view;
mod visits;

use axum::Router;
use axum::routing::{get, post};
use mach_access::Act;
use mach_house::House;
use mach_house::waiting::Queue;
use mach_store::waiting;
use mach_ui::components::Icon;
use mach_ui::msg;

/// What waits of people.
pub const WORK: &[Queue] = &[Queue {
    act: Act::ReviewPeople,
    label: msg::WORK_PEOPLE_DOUBT,
    icon: Icon::Merge,
    href: "/people/review",
    page: "/people/review",
    ask: |r, _| waiting::people_in_doubt(r),
}];

/// The routes of this crate; see the table above.
pub fn router() -> Router<House> {
    Router::new()
        .route("/people", get(search::page))
        .route("/people/emergency", get(emergency::page).post(emergency::open))
        .route("/people/review", get(review::page))
        .route("/people/review/{item}", post(verdict::settle))
        .route("/people/merges/{merge}/undo", post(verdict::undo))
        .route("/people/{person}", get(record::page))
        .route("/people/{person}/resources/{kind}/{id}", get(resource::page))
}

/// Reads the lists of this crate now, so that a broken one is met at start and not at the first record.
///
/// # Panics
/// Where a list does not have its shape; the message names file and line.
pub fn load() {
    catalogue::Catalogue::shared();
    chronic::Chronic::shared();
}
