//! Who may see what, for those who look after it, and for the people it is about.
//!
//! | route | act | shows |
//! |---|---|---|
//! | `GET /admin/access` | administer | the policy, row by row; who may do what, tried out |
//! | `GET /access/reviews` | review access | emergencies that wait for review, and those reviewed |
//! | `POST /access/reviews/{id}` | review access | in order, or misuse; never one's own |
//! | `GET`, `POST /me/sign-in`, `POST /me/sign-in/code` | open | a citizen signs in by a number and a code sent to them |
//! | `GET /me` | read own | the records open to a citizen, who may read theirs |
//! | `GET /me/looks/{person}` | read own | who looked at a record, when, what for |
//! | `POST /me/share`, `POST /me/share/{id}/end` | read own | lets a relative read, until a day; stops it |
//! | `POST /me/refusal` | read own | keeps other facilities out, or lets them in again |

mod enter;
mod form;
mod me;
mod policy;
mod review;
pub mod sms;

use axum::routing::{get, post};
use axum::{Extension, Router};
use mach_house::House;
use std::sync::Arc;

/// The routes of this crate; see the table above. Codes are sent by `gateway`.
pub fn router(gateway: Arc<dyn sms::Gateway>) -> Router<House> {
    Router::new()
        .route("/admin/access", get(policy::page))
        .route("/access/reviews", get(review::page))
        .route("/access/reviews/{id}", post(review::settle))
        .route("/me/sign-in", get(enter::form).post(enter::send))
        .route("/me/sign-in/code", get(enter::again).post(enter::enter))
        .route("/me", get(me::page))
        .route("/me/looks/{person}", get(me::looks))
        .route("/me/share", post(me::share))
        .route("/me/share/{id}/end", post(me::end_share))
        .route("/me/refusal", post(me::refuse))
        .layer(Extension(gateway))
}
