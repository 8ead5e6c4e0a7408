//! The operations centre over HTTP: a small province of random claims, recounted by hand.
#![expect(clippy::unwrap_used, reason = "a broken expectation ends the test")]

mod answers;
mod pages;
mod scope;
mod world;
