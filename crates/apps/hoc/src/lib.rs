//! The operations centre: the province on one page, every number of it down to the claims it counts, and the same numbers
//! as an API.
//!
//! A page is read in three steps: the address becomes a [`lens::Lens`] (which days, whose figures, whose hierarchy), one
//! reader gathers the answers of the cube into plain structs, and pure functions make them a page, a table to take along
//! or JSON. Nothing here adds numbers up: what is shown is what the cube answered, so pages and API cannot differ.
//!
//! Sketch of the overview with a million claims over five years: fourteen tiles read 13 month sums each (two measures at
//! most), the ranking and the map some 170 sums, the top list one month of about a thousand items: some 4,000 rows of
//! one table by key, in one reader.

pub mod api;
pub mod asked;
pub mod bases;
pub mod claims;
pub mod diseases;
pub mod error;
pub mod export;
pub mod figures;
pub mod freshness;
pub mod indicators;
pub mod lens;
pub mod overview;
mod parts;
pub mod tiles;

use axum::Router;
use axum::routing::get;
use mach_house::House;

/// Routes of the operations centre and of its API. Every one asks for `Act::ReadFigures`.
pub fn router() -> Router<House> {
    Router::new()
        .route("/hoc", get(overview::page))
        .route("/hoc/indicators", get(indicators::list::page))
        .route("/hoc/indicators/{id}", get(indicators::one::page))
        .route("/hoc/claims", get(claims::page))
        .route("/hoc/diseases", get(diseases::page))
        .route("/hoc/freshness", get(freshness::page))
        .route("/api/indicators", get(api::list))
        .route("/api/indicators/{id}", get(api::one))
}
