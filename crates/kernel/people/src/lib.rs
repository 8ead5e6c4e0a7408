//! One record per person: whose claim it is, how people are found, and how a mistake is undone.
//!
//! - [`decide`] is the rule, pure: which number is believed, what is put in doubt. Conflicting evidence never merges.
//! - [`resolve`] applies it to one claim in the claim's own transaction.
//! - [`search`] finds people without accents, by any part of a name, year or day of birth, any number.
//! - [`merge()`], [`undo_merge`], [`settle`]: what people decide afterwards; every merge can be undone.
//! - [`patient_json`] is the FHIR Patient of a person.
//!
//! Person numbers are given in order of arrival: the same claims in the same order give the same numbers, whatever the
//! size of the transactions between them. Calls that write run in the store's one writer.

mod decide;
mod error;
mod merge;
mod names;
mod numbers;
mod patient;
mod resolve;
mod search;
mod sets;
mod tokens;

pub use decide::{Candidate, Candidates, Decision, Doubt, Evidence, Reason, Whose, decide};
pub use error::{Error, Result};
pub use mach_store::people::{MergeRow, PersonRow};
pub use merge::{By, Review, Verdict, merge, merges, open_review_count, open_reviews, review, settle, undo_merge};
pub use names::{Agreement, Birth, compare_births, compare_names, compare_sexes};
pub use numbers::{Number, NumberKind, by_exact_number, by_national, phone_of};
pub use patient::{PersonView, fhir_id, patient_index, patient_json, person_of, root, view};
pub use resolve::{Resolved, resolve};
pub use search::{Found, Page, PersonHit, Question, search, search_open};
