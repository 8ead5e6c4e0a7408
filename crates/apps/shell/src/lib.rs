//! What everybody works in, whatever their work is: the search of the house, what waits, what happened, how pages look.
//!
//! | route | act | shows |
//! |---|---|---|
//! | `GET /search` | use account; each kind of line by its own act | people, numbers, pages, forms, facilities that a text finds |
//! | `GET /work` | use account; each queue by its own act | what waits for me, what is due first on top |
//! | `GET /notices`, `GET /notices/{id}`, `POST /notices/read` | use account | what happened that concerns me; follows one; reads all |
//! | `GET`, `POST /look` | none, open to anybody | colours and size of the pages |
//!
//! It knows no app: pages are known to the house by name, rows to the store.

mod found;
mod look;
mod notices;
mod numbers;
mod search;
mod work;

use axum::Router;
use axum::routing::{get, post};
use mach_house::House;

/// The routes of this crate; see the table above.
pub fn router() -> Router<House> {
    Router::new()
        .route("/search", get(search::page))
        .route("/work", get(work::page))
        .route("/notices", get(notices::page))
        .route("/notices/read", post(notices::read))
        .route("/notices/{id}", get(notices::follow))
        .route("/look", get(look::form).post(look::choose))
}
