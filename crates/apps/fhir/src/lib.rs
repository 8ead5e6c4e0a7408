//! FHIR R4 over HTTP, at `/fhir`.

mod clauses;
mod filter;
mod moment;
mod query;
mod refusal;
mod render;
mod search;
mod token;
