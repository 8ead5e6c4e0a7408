//! FHIR R4 resources: their types, their JSON, and what a search may look for in them. No I/O, nothing async.

pub mod decimal;
pub mod definitions;
pub mod index;
pub mod json;
pub mod limits;
pub mod package;
pub mod patch;
pub mod path;
pub mod search;
pub mod terminology;
pub mod tree;
pub mod types;
pub mod validate;
pub mod view;
pub mod xml;

pub use decimal::Decimal;
pub use definitions::Definitions;
pub use index::IndexValue;
pub use tree::Tree;
pub use types::ResourceType;
