//! Apps as they are, and as enemies would have them: the real routers upon a real store.
#![expect(clippy::unwrap_used, reason = "a broken expectation ends the test")]

mod backend;
mod chooser;
mod codes;
mod ends;
mod keys;
mod launches;
mod limits;
mod proofs;
mod scopes;
mod world;
