//! The interface as other systems see it: the real router upon a real store.
#![expect(clippy::unwrap_used, reason = "a broken expectation ends the test")]

mod bundles;
mod concurrent;
mod fuzz;
mod instances;
mod loads;
mod oracle;
mod patches;
mod probes;
mod receipts;
mod scope;
mod searches;
mod support;
mod terminology;
