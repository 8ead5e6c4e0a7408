//! PDF files (ISO 32000) as far as signatures need them: objects, revisions, and updates appended to what is there.
//!
//! Reading is strict: a file that two readers can understand differently is refused rather than repaired.

mod file;
mod object;
mod reader;
mod unpack;
mod update;

pub use file::{Pdf, Place, Revision, View};
pub use object::{Dictionary, Object, name, text};
pub use update::Update;

pub(crate) use unpack::unpack;

pub(crate) fn bad(why: impl Into<String>) -> crate::Error {
    crate::malformed("PDF", why)
}
