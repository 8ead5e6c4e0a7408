//! FHIR R4 resources: their types, their JSON, and what a search may look for in them. No I/O, nothing async.

pub mod index;
pub mod json;
pub mod types;

pub use index::IndexValue;
pub use types::ResourceType;
