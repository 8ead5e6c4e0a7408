//! People in a real store: found, matched, merged, taken apart again.
#![expect(clippy::unwrap_used, reason = "tests may panic on a broken expectation, also outside their own functions")]

mod merge;
mod resolve;
mod search;
mod support;
