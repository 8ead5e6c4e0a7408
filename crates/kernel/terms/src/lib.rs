//! Terms: the dated lists every other crate asks by day: ICD-10, working days and Tết, notifiable diseases, antibiotics,
//! facilities, identifier systems with their other spellings, and small code lists.
//!
//! All of it is content an administrator can replace (see [`mach_base::content`]); every list is read once, at its first
//! use or by [`load`] at start. Lookups take no lock and do no allocation. Memory, all lists together: under 8 MB.

mod antibiotics;
mod calendar;
mod code_list;
mod facilities;
mod icd10;
mod identifiers;
mod lists;
mod notifiable;
mod rules;
mod table;

pub use antibiotics::Antibiotics;
pub use calendar::{Calendar, TET_PERIOD_MAX_DAYS, TET_REACH_DAYS};
pub use code_list::{CodeEntry, CodeList};
pub use facilities::{Facilities, Facility, FacilityKind, Tier};
pub use icd10::{Block, Chapter, Diagnosis, Icd10, IcdKey, Mark, Status};
pub use identifiers::{IdentifierSystem, IdentifierSystems};
pub use lists::{CodeLists, LabCatalogue, LabTest};
pub use notifiable::{Class, Notifiable, NotifiableDisease};
pub use rules::{Age, Conflict, Pair, Rule, Sex};

/// Why a list cannot be used. The program does not start with one.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum Error {
    /// The header row does not name the columns that the list needs, in order.
    #[error("`{file}`: the first line must be `{expected}`")]
    Header {
        /// Name of the content file.
        file: String,
        /// The columns it must have, comma-separated.
        expected: String,
    },
    /// A row that does not have the list's shape.
    #[error("`{file}` line {line}: {what}")]
    Row {
        /// Name of the content file.
        file: String,
        /// Line, from 1, the header being line 1.
        line: u64,
        /// What is wrong with it.
        what: String,
    },
}

/// Reads every list now, so that a broken one is met at start and not at the first claim.
///
/// # Panics
/// Where a list (an administrator's, usually) does not have its shape; the message names file and line.
pub fn load() {
    Icd10::shared();
    Calendar::shared();
    Notifiable::shared();
    Antibiotics::shared();
    Facilities::shared();
    IdentifierSystems::shared();
}

/// Stops the program on a list that cannot be used: half a rule book is worse than none.
fn usable<T>(list: Result<T, Error>) -> T {
    match list {
        Ok(list) => list,
        Err(e) => panic!("{e}"),
    }
}
