//! The interface as other systems see it: the real router upon a real store.
#![expect(clippy::unwrap_used, reason = "a broken expectation ends the test")]

mod batches;
mod binary;
mod bulk;
mod bundles;
mod concurrent;
mod consents;
mod custom;
mod examples;
mod fuzz;
mod headers;
mod hostile;
mod instances;
mod loads;
mod oracle;
mod patches;
mod probes;
mod receipts;
mod receiver;
mod scope;
mod searches;
mod sensitive;
mod shapes;
mod sockets;
mod subscribed;
mod subscriptions;
mod support;
mod terminology;
mod trail;
mod validation;
mod views;
