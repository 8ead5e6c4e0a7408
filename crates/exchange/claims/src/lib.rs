//! Claim files of Viet Nam's health insurance: reading, checking, writing, and what they say in the words of care.
//!
//! One claim takes this way: bytes → [`read`] → [`raw::RawClaim`] → [`check`] → [`convert`] → [`dossier::Dossier`] →
//! [`record`]. Which tables and fields there are is data ([`layout`], `content/claims/`), dated by decision: 4210, 130,
//! 4750, 3176.

pub mod check;
pub mod convert;
pub mod dossier;
pub mod layout;
pub mod raw;
pub mod read;
pub mod record;
pub mod write;

#[cfg(test)]
mod sample;

pub use dossier::Dossier;
pub use layout::{Family, Field, Layout, Layouts};
pub use raw::{Problem, RawClaim, RawRow, RawTable};
pub use read::{Broken, Item, Limits, ReadError, Reader};
