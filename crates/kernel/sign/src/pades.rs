//! Signatures of PDF files: PAdES baseline (ETSI EN 319 142-1), levels B-B, B-T and B-LT.
//!
//! Signing has two halves, because the key may be elsewhere and its owner may have to pick up a phone: [`prepare`] writes
//! the file with room for the signature and says what is to be signed; [`Prepared::finish`] checks what came back and puts
//! it in. Between them the state is bytes that can be kept ([`Prepared::to_bytes`]). [`sign`] does both with a soft key.
//! Each signature is one revision; one that is already there is never touched.

mod changes;
mod ltv;
mod patients;
mod prepare;
mod verify;

pub use changes::edits_since;
pub use ltv::{add_validation_data, validation_data};
pub use patients::{patient, patients};
pub use prepare::{Appearance, AskTime, Prepared, Request, prepare, sign};
pub use verify::{Coverage, Report, Signature, last_mark, marks, verify};
