//! Driver health certificates (giấy khám sức khỏe của người lái xe): received, examined, concluded, signed, sent, checked.
//!
//! | route | act | does |
//! |---|---|---|
//! | `GET /certificates` | read certificates | who is being examined, who waits, what was issued |
//! | `GET`, `POST /certificates/new` | certify | reception: the card's QR code, the class |
//! | `GET /certificates/case/{code}` | read certificates | one case: parts, the standard, signatures, sending |
//! | `GET`, `POST /certificates/case/{code}/part/{part}` | certify | a part of the examination; drafts keep themselves |
//! | `GET`, `POST /certificates/case/{code}/declare` | certify | who is examined confirms by a code or a finger what they declared |
//! | `POST /certificates/case/{code}/declare/question` | certify | what a reader of fingerprints is asked |
//! | `POST /certificates/case/{code}/{act}` | certify | `sign`, `resume`, `revoke`, `correct`, `cancel`, `send` |
//! | `GET`, `POST /certificates/sign` | certify | what waits for the head, signed together |
//! | `POST /certificates/delegate`, `…/end` | countersign | who signs in the head's place |
//! | `GET /admin/signatures`, `POST …/policy`, `…/signer`, `…/end`, `…/pin` | administer, proven | the rules of signing, who signs with what |
//! | `GET /certificates/case/{code}/paper` | read certificates | the paper |
//! | `GET /certificates/case/{code}/certificate.pdf` | read certificates | the same as PDF/A in the form of the circular |
//! | `GET /certificates/files/{id}` | read certificates | a picture of an examination |
//! | `GET`, `POST /certificates/import` | certify | finished examinations of a spreadsheet (CSV); errors by row |
//! | `GET /certificates/statistics` | read certificates | counts by facility, class, result, doctor; `.csv` |
//! | `GET /certificates/check` | anybody | is this paper genuine and valid |
//! | `POST /api/certificates` | certify | another program's finished examination |
//! | `GET /api/certificates/{code}` | read certificates | how one stands |
//! | `GET /api/certificates/openapi.json` | anybody | the interface |
//! | `GET /api/certificates/look-up` | look up certificates | an agency asks, with its purpose |

mod admin;
pub mod api;
mod batch;
pub mod bodies;
pub mod card;
pub mod case;
mod check;
mod code;
mod declare;
pub mod declared;
pub mod deliver;
pub mod demo;
pub mod demo_keys;
mod detail;
pub mod gateway;
mod import;
mod keeping;
mod list;
mod paper;
mod part;
mod pdf;
mod pin;
mod reception;
pub mod rules;
mod sending;
mod signed;
mod signer;
pub mod signing;
mod statistics;
mod take;
mod view;
pub mod work;

pub use mach_signing::desk;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};
use desk::Desk;
use mach_access::{Act, Role};
use mach_base::time::now_seconds;
use mach_house::House;
use mach_house::waiting::Queue;
use mach_store::certificates::State;
use mach_store::signing as signers;
use mach_store::waiting;
use mach_ui::components::Icon;
use mach_ui::msg;
use std::sync::Arc;

/// What waits of certificates.
pub const WORK: &[Queue] = &[
    Queue {
        act: Act::Certify,
        label: msg::WORK_CERTIFICATES_EXAMINE,
        icon: Icon::Person,
        href: "/certificates?state=examining",
        page: "/certificates",
        ask: |r, _| waiting::certificates(r, State::Examining),
    },
    Queue {
        act: Act::Certify,
        label: msg::WORK_CERTIFICATES_SIGN,
        icon: Icon::Check,
        href: "/certificates/sign",
        page: "/certificates",
        // The head signs, and who signs in their place.
        ask: |r, who| match who.facility {
            Some(facility)
                if who.role == Role::Head || signers::is_deputy(r, facility, who.account, now_seconds())? =>
            {
                waiting::certificates(r, State::Concluded)
            }
            _ => Ok(waiting::Waiting::default()),
        },
    },
    Queue {
        act: Act::Certify,
        label: msg::WORK_CERTIFICATES_REFUSED,
        icon: Icon::Warning,
        href: "/certificates?state=unsent",
        page: "/certificates",
        ask: |r, _| waiting::certificates_refused(r),
    },
];

/// The routes of this crate; see the table above. `desk` has the keys that are at hand.
pub fn router(desk: Arc<Desk>) -> Router<House> {
    Router::new()
        .route("/certificates", get(list::page))
        .route("/certificates/new", get(reception::page).post(reception::receive))
        .route("/certificates/case/{code}", get(detail::page))
        .route("/certificates/case/{code}/part/{part}", get(part::page).post(part::keep))
        .route("/certificates/case/{code}/paper", get(paper::page))
        .route("/certificates/case/{code}/certificate.pdf", get(pdf::page))
        .route("/certificates/case/{code}/declare", get(declare::page).post(declare::confirm))
        .route("/certificates/case/{code}/declare/question", post(declare::question))
        .route("/certificates/case/{code}/{act}", post(detail::act))
        .route("/certificates/files/{id}", get(detail::file))
        .route("/certificates/sign", get(batch::page).post(batch::sign))
        .route("/certificates/delegate", post(batch::delegate))
        .route("/certificates/delegate/end", post(batch::end))
        .route("/admin/signatures", get(admin::page))
        .route("/admin/signatures/policy", post(admin::policy))
        .route("/admin/signatures/signer", get(signer::ask).post(signer::add))
        .route("/admin/signatures/end", post(admin::end))
        .route("/admin/signatures/pin", get(pin::page).post(pin::keep))
        .route("/certificates/import", get(import::page).post(import::take))
        .route("/certificates/statistics", get(statistics::page))
        .route("/certificates/statistics.csv", get(statistics::export))
        .route("/certificates/check", get(check::page))
        .route("/api/certificates", post(api::take))
        .route("/api/certificates/look-up", get(api::look_up))
        .route("/api/certificates/openapi.json", get(api::openapi))
        .route("/api/certificates/{code}", get(api::one))
        .layer(axum::Extension(desk))
        .layer(DefaultBodyLimit::max(mach_forms::http::POSTED_BYTES))
}
