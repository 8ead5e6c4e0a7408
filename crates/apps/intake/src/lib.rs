//! Claims in: files are read, checked, kept, and become one record per person and facts of the operations centre.

mod api;
pub mod commit;
pub mod export;
pub mod files;
pub mod import;
mod pages;
pub mod pipeline;
pub mod prepare;
pub mod source;
pub mod subject;

pub use pages::router;
