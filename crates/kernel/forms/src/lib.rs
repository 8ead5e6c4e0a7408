//! Forms: FHIR Questionnaire and QuestionnaireResponse, with what SDC adds, rendered by the server.
//!
//! - [`Form::compile`] reads a Questionnaire once: everything that is wrong with it is told, with its place.
//! - [`Form::start`] gives the answers it begins with; [`fields`] reads what a browser posts; [`Form::settle`] computes what
//!   is computed and asks what is asked; [`Form::check`] says what is wrong with the answers.
//! - [`render`] is the page: it works without script, and a small script keeps the draft while one types.
//! - [`extract`] makes Observations of the answers; [`library`] finds forms: a facility's own, the province's, the shipped.
//!
//! A response names the exact version of its form and is read by that version for ever.

mod answers;
mod check;
mod compile;
mod compute;
mod enable;
pub mod extract;
pub mod fields;
mod form;
pub mod http;
mod judge;
pub mod library;
pub mod limits;
pub mod render;
pub mod show;
mod value;

pub use answers::{About, Answers, Node, Slot, Step};
pub use check::{Problem, What};
pub use compile::Flaw;
pub use compute::{Context, Failed, Recall};
pub use form::{Choice, Constraint, Control, Form, Item, Kind, Operator, When, Words};
pub use judge::Rule;
pub use value::{Attachment, Coding, Value};
