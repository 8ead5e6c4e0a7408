//! The interface as other systems see it: the real router upon a real store.

mod bundles;
mod concurrent;
mod instances;
mod scope;
mod searches;
mod support;
