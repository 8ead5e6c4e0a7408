//! E-prescriptions: written, checked by the rules of their day, signed, sent to the national system, dispensed.
//!
//! | route | act | does |
//! |---|---|---|
//! | `GET /prescriptions` | read prescriptions | lists by state |
//! | `GET`, `POST /prescriptions/new` | prescribe | writes a draft for `person`; `replaces` names the one it takes the place of |
//! | `GET /prescriptions/case/{code}` | read prescriptions | one: lines, what the rules say, sending, handing out |
//! | `POST /prescriptions/case/{code}/{act}` | prescribe | `sign`, `resume`, `back`, `cancel`, `send` |
//! | `GET /prescriptions/case/{code}/prescription.pdf` | read prescriptions | the signed paper, A5; *BẢN NHÁP* until then |
//! | `GET /prescriptions/dispense` | dispense | a pharmacy looks one up by its code or QR code |
//! | `POST /prescriptions/dispense/{code}` | dispense | hands out, never more than is left; who takes controlled medicines signs first |
//! | `POST /prescriptions/dispense/{code}/question` | dispense | what a reader of fingerprints is asked |
//! | `GET /prescriptions/dispense/{code}/receipt/{mark}` | dispense | what was signed, to be printed |
//! | `GET /api/prescriptions/openapi.json` | anybody | the interface |
//! | `GET /api/prescriptions/{code}` | dispense | the same for a pharmacy's program |
//! | `POST /api/prescriptions/{code}/receipt` | dispense | what who takes controlled medicines is to sign |
//! | `POST /api/prescriptions/{code}/dispense` | dispense | the same |

mod api;
pub mod bodies;
pub mod case;
pub mod check;
pub mod code;
pub mod deliver;
pub mod demo;
mod detail;
pub mod dispense;
pub mod gateway;
mod list;
mod paper;
mod pharmacy;
pub mod receipt;
mod receive;
pub mod rules;
mod signed_code;
pub mod signing;
pub mod simulator;
mod view;
pub mod words;
pub mod work;
mod write;

use axum::Router;
use axum::routing::{get, post};
use mach_access::Act;
use mach_house::House;
use mach_house::waiting::Queue;
use mach_signing::desk::Desk;
use mach_store::waiting;
use mach_ui::components::Icon;
use mach_ui::msg;
use std::sync::Arc;

/// What waits of prescriptions, for who wrote them.
pub const WORK: &[Queue] = &[
    Queue {
        act: Act::Prescribe,
        label: msg::WORK_PRESCRIPTIONS_SIGN,
        icon: Icon::Medicine,
        href: "/prescriptions?state=draft",
        page: "/prescriptions",
        ask: |r, who| waiting::drafts_of(r, who.account),
    },
    Queue {
        act: Act::Prescribe,
        label: msg::WORK_PRESCRIPTIONS_REFUSED,
        icon: Icon::Warning,
        href: "/prescriptions?sending=refused",
        page: "/prescriptions",
        ask: |r, who| waiting::prescriptions_refused(r, who.account),
    },
];

/// The routes of this crate; see the table above. `desk` has the keys that are at hand.
pub fn router(desk: Arc<Desk>) -> Router<House> {
    Router::new()
        .route("/prescriptions", get(list::page))
        .route("/prescriptions/new", get(write::page).post(write::take))
        .route("/prescriptions/case/{code}", get(detail::page))
        .route("/prescriptions/case/{code}/prescription.pdf", get(paper::page))
        .route("/prescriptions/case/{code}/{act}", post(detail::act))
        .route("/prescriptions/dispense", get(pharmacy::page))
        .route("/prescriptions/dispense/{code}", post(pharmacy::take))
        .route("/prescriptions/dispense/{code}/question", post(receive::question))
        .route("/prescriptions/dispense/{code}/receipt/{mark}", get(receive::printed))
        .route("/api/prescriptions/openapi.json", get(api::openapi))
        .route("/api/prescriptions/{code}", get(api::one))
        .route("/api/prescriptions/{code}/receipt", post(api::receipt))
        .route("/api/prescriptions/{code}/dispense", post(api::dispense))
        .layer(axum::Extension(desk))
}
