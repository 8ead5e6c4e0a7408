//! What a search may find a resource by.

mod target;
pub use target::Target;
