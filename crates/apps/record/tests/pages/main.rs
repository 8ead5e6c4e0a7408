//! The pages of people over a real store, asked as a browser asks.
#![expect(clippy::unwrap_used, reason = "tests may panic on a broken expectation, also outside their own functions")]

mod emergency;
mod record;
mod review;
mod search;
mod support;
