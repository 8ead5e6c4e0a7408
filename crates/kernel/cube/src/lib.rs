//! The cube: what claims count for, and every number of the operations centre.
//!
//! Measures say what one claim counts for, on which day (`content/measures.json`); indicators are made of sums of
//! measures (`content/indicators.json`); both are data, explained in `docs/measures.md`. [`facts`] turns a claim into
//! facts, `mach_store::cells` keeps their sums in the claim's own transaction, and [`Cube`] answers questions from the
//! sums: exact integers, divided once at the end. Every number opens to the claims it counts ([`Cube::drill`]), and equals
//! their sum, because both are the same facts.
//!
//! Negative invariants: nothing here knows a claim format; nothing here writes SQL; no float anywhere; no figure is read
//! but through a [`mach_store::Reader`], whose scope is applied in one place (`frame`).

mod answer;
mod definitions;
pub mod derive;
mod error;
mod frame;
mod lists;
mod question;
mod rule;
pub mod subject;

pub use answer::{Answer, AnswerRow, Cube, Drill, Side, Value};
pub use definitions::{Definitions, Denominator, Direction, Form, Group, Indicator, Measure, Unit, facts};
pub use error::CubeError;
pub use lists::{Tile, Top, TopRow, change_percent};
pub use mach_store::cells::{CellChanges, ClaimFacts, Cursor, Fact, FactRow};
pub use question::{By, Question, last_year, previous};
pub use rule::{code_item, item_text};
pub use subject::Subject;
