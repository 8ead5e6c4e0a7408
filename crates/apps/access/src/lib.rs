//! Who may see what, for those who look after it, and for the people it is about.
//!
//! | route | act | shows |
//! |---|---|---|
//! | `GET /admin/access` | administer | the policy, row by row; who may do what, tried out |
//! | `GET /admin/care`, `GET`, `POST /admin/care/{account}` | administer | which Practitioner an account is, and which Location its ward |
//! | `GET /access/reviews` | review access | emergencies that wait for review, and those reviewed |
//! | `POST /access/reviews/{id}` | review access | in order, or misuse; never one's own |
//! | `GET`, `POST /access/desk` | register or review access; register | what the access desk was asked; writes a request down |
//! | `GET /access/desk/{id}` | register or review access | one request, who looked by it |
//! | `POST /access/desk/{id}` | review access | approves or refuses it; never one's own |
//! | `POST /access/desk/{id}/code` | register access, proved lately | a code for who was let in |
//! | `POST /access/desk/{id}/end` | register or review access | ends it |
//! | `POST /access/desk/{id}/withdraw`, `…/reopen` | register; review access | takes one back that waits; puts one that was refused back to wait |
//! | `POST /access/desk/{id}/papers`, `GET …/{paper}` | register access; register or review access | lays papers to a request that waits; one of them |
//! | `GET`, `POST /access/desk/{id}/copies/{copy}` | register access | a certified copy (when the request is over: review access too); makes one of a person's record |
//! | `GET /desk/copies/{copy}` | view desk | a certified copy, for who was let in |
//! | `GET`, `POST /access/protected` | protect people | who is marked as of public interest; marks somebody |
//! | `GET /access/protected/{id}`, `POST …/end` | protect people | a mark, and who was named; ends it |
//! | `POST /access/protected/{id}/names`, `…/{grant}/end` | protect people, proved lately; protect people | names who may open the record; stops it |
//! | `GET`, `POST /access/proxies`, `POST …/{id}/end` | register proxies | who speaks for a child; writes one down; stops it |
//! | `POST /access/proxies/guardians`, `GET /access/proxies/{id}/scan` | register proxies | who speaks for a grown person who cannot, by which paper; its scan |
//! | `GET`, `POST /desk` | open | who was let in comes by the number of the request and a code |
//! | `GET /desk/view`, `GET /desk/facts/{grant}` | view desk | what is open to them; coded facts without who it was |
//! | `GET`, `POST /me/sign-in`, `POST /me/sign-in/code` | open | a citizen signs in by a number and a code sent to them |
//! | `GET /me` | read own | the records open to a citizen, who may read theirs |
//! | `GET /me/looks/{person}` | read own | who looked at a record, when, what for |
//! | `POST /me/share`, `POST /me/share/{id}/end` | read own | lets a relative read, until a day; stops it |
//! | `POST /me/refusal` | read own | keeps other facilities out, or lets them in again |

mod care;
mod case;
mod copy;
mod desk;
mod enter;
mod facts;
mod form;
mod guardians;
mod me;
mod papers;
mod policy;
mod protect;
mod proxies;
mod review;
pub mod syslog;
mod visit;

pub use mach_house::sms;

use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};
use axum::{Extension, Router};
use mach_access::Act;
use mach_house::House;
use mach_house::waiting::Queue;
use mach_store::waiting;
use mach_ui::components::Icon;
use mach_ui::msg;
use std::sync::Arc;

/// What waits of access.
pub const WORK: &[Queue] = &[
    Queue {
        act: Act::ReviewAccess,
        label: msg::WORK_EMERGENCIES,
        icon: Icon::Shield,
        href: "/access/reviews",
        page: "/access/reviews",
        ask: |r, _| waiting::emergencies(r),
    },
    Queue {
        act: Act::ReviewAccess,
        label: msg::WORK_DESK,
        icon: Icon::Review,
        href: "/access/desk",
        page: "/access/desk",
        ask: |r, who| waiting::desk_requests(r, who.account),
    },
];

/// What seals certified copies.
pub type Keys = Arc<dyn mach_signing::desk::Keys + Send + Sync>;

/// The routes of this crate; see the table above. Codes are sent by `gateway`, copies sealed by `keys`.
pub fn router(gateway: Arc<dyn sms::Gateway>, keys: Keys) -> Router<House> {
    Router::new()
        .route("/admin/access", get(policy::page))
        .route("/admin/care", get(care::list))
        .route("/admin/care/{account}", get(care::edit).post(care::save))
        .route("/access/reviews", get(review::page))
        .route("/access/reviews/{id}", post(review::settle))
        .route("/access/desk", get(desk::list).post(desk::write))
        .route("/access/desk/{id}", get(case::detail).post(case::decide))
        .route("/access/desk/{id}/code", post(case::code))
        .route("/access/desk/{id}/end", post(case::end))
        .route("/access/desk/{id}/withdraw", post(case::withdraw))
        .route("/access/desk/{id}/reopen", post(case::reopen))
        .route(
            "/access/desk/{id}/papers",
            post(papers::add).layer(DefaultBodyLimit::max(mach_base::limits::DESK_PAPERS_BYTES)),
        )
        .route("/access/desk/{id}/papers/{paper}", get(papers::give))
        .route("/access/desk/{id}/copies/{copy}", get(copy::of_desk).post(copy::make))
        .route("/access/protected", get(protect::list).post(protect::mark))
        .route("/access/protected/{id}", get(protect::detail))
        .route("/access/protected/{id}/end", post(protect::end))
        .route("/access/protected/{id}/names", post(protect::name))
        .route("/access/protected/{id}/names/{grant}/end", post(protect::unname))
        .route("/access/proxies", get(proxies::list).post(proxies::write))
        .route("/access/proxies/{id}/end", post(proxies::end))
        .route("/access/proxies/{id}/scan", get(guardians::scan))
        .route(
            "/access/proxies/guardians",
            post(guardians::write).layer(DefaultBodyLimit::max(mach_base::limits::GUARDIAN_BYTES)),
        )
        .route("/desk", get(visit::form).post(visit::enter))
        .route("/desk/view", get(visit::page))
        .route("/desk/facts/{grant}", get(visit::facts))
        .route("/desk/copies/{copy}", get(copy::of_visitor))
        .route("/me/sign-in", get(enter::form).post(enter::send))
        .route("/me/sign-in/code", get(enter::again).post(enter::enter))
        .route("/me", get(me::page))
        .route("/me/looks/{person}", get(me::looks))
        .route("/me/share", post(me::share))
        .route("/me/share/{id}/end", post(me::end_share))
        .route("/me/refusal", post(me::refuse))
        .layer(Extension(gateway))
        .layer(Extension(keys))
}
