//! The shell's pages against a real store, on both engines.

#![expect(clippy::unwrap_used, reason = "a test panics on a broken expectation")]

mod mine;
mod search;
mod world;
