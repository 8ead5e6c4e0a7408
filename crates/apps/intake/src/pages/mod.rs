//! `/claims`: what was received, what was refused and why, and the claim itself.

mod detail;
mod list;
mod send;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};
use mach_base::limits;
use mach_house::{House, Session};
use mach_ui::{Html, shell};

/// Routes of the claims inbox and of the API that feeds it.
pub fn router() -> Router<House> {
    let large = DefaultBodyLimit::max(limits::CLAIM_BODY_BYTES);
    Router::new()
        .route("/claims", get(list::claims))
        .route("/claims/files", get(list::files))
        .route("/claims/send", get(send::form).post(send::receive).layer(large))
        .route("/claims/{id}", get(detail::claim))
        .route("/claims/{id}/recheck", post(detail::recheck))
        .route("/claims/{id}/versions/{version}", get(detail::download))
        .route("/api/claims", post(crate::api::receive).layer(large))
}

#[derive(askama::Template)]
#[template(path = "stack.html")]
struct Stack {
    parts: Vec<Html>,
}

/// A page of this app: parts one under another.
fn page(session: &Session, title: &str, active: &'static str, parts: Vec<Html>) -> Html {
    let meta = session.meta(title, active);
    shell::page(&meta, Html::template(&Stack { parts }))
}
