//! `/ui`: every component in every state, for those who build pages and for the tests that look at them.

use axum::Router;

/// `GET /ui`.
pub fn gallery_router() -> Router<()> {
    Router::new()
}
