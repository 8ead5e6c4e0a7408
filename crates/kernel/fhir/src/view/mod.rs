//! SQL on FHIR v2: a ViewDefinition, compiled once, makes rows of cells from resources, one resource at a time.
//!
//! A view names a resource type, columns by FHIRPath, and how nested lists unroll (`forEach`, `forEachOrNull`, `repeat`,
//! `unionAll`). Paths are compiled leniently: an element that this version of FHIR does not have gives nothing, so that
//! views written for other versions run; names of constants are checked before anything runs.

mod compile;
mod output;
mod parquet;
mod run;
mod scan;
mod table;
#[cfg(test)]
mod tests;

use crate::definitions::Definitions;
use crate::path::{Expression, Item, PathError};
use crate::tree::{Tree, Value};
use std::collections::BTreeMap;

pub use output::{csv_header, csv_row, json_row};
pub use table::{Format, Table, pack, unpack};

/// Rows one resource may give; `forEach` beside `forEach` multiplies.
pub const ROWS_PER_RESOURCE: usize = 1_000_000;
/// Levels `repeat` goes down: more than a document nests, so that only a path that finds itself again gets there.
pub const REPEAT_DEPTH: usize = crate::limits::TREE_DEPTH;
/// Columns of one view.
pub const COLUMNS: usize = 1_000;

/// Why a view is refused, or gives no rows of a resource.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ViewError {
    /// The ViewDefinition is not as the specification wants it.
    #[error("`{at}`: {problem}")]
    Definition {
        /// Path in the ViewDefinition: `select[1].column[0].path`.
        at: String,
        /// What is wrong there.
        problem: String,
    },
    /// An expression cannot be compiled, or has no answer on a resource.
    #[error("`{at}`, expression `{expression}`: {error}")]
    Path {
        /// Path in the ViewDefinition.
        at: String,
        /// The expression.
        expression: String,
        /// Why.
        error: PathError,
    },
    /// A condition that gives something else than one boolean or nothing.
    #[error("`{at}`, expression `{expression}`: a condition gives a boolean, here it gives {found}")]
    Condition {
        /// Path in the ViewDefinition.
        at: String,
        /// The expression.
        expression: String,
        /// What it gives.
        found: String,
    },
    /// Several values for a column that is no `collection`.
    #[error("column `{column}` has {count} values and is no collection")]
    Several {
        /// Name of the column.
        column: String,
        /// How many values.
        count: usize,
    },
    /// An element with parts, for a column declared with a primitive type.
    #[error("column `{column}` is declared `{declared}` and finds an element with parts (`{found}`)")]
    Complex {
        /// Name of the column.
        column: String,
        /// Its type in the view.
        declared: String,
        /// The type found.
        found: String,
    },
    /// More than the limits of this module allow.
    #[error("the view passes the limit of {0}")]
    Limit(&'static str),
}

/// A column of the result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name: letters, digits and `_`, a letter first.
    pub name: String,
    /// Its FHIR type, where the view declares one: `dateTime`.
    pub kind: Option<String>,
    /// Whether its cells are lists.
    pub is_collection: bool,
}

/// One value of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cell {
    /// No value.
    Null,
    /// `boolean`.
    Bool(bool),
    /// Whole numbers.
    Integer(i64),
    /// Digits as the resource writes them: `1.00`.
    Decimal(String),
    /// Everything that is text in JSON: strings, codes, dates.
    Text(String),
    /// Exact JSON of an element with parts, in a column that declares no primitive type.
    Json(String),
    /// Values of a column that is a collection.
    List(Vec<Cell>),
}

/// A compiled ViewDefinition; shared between threads.
#[derive(Debug)]
pub struct View {
    name: Option<String>,
    resource: String,
    constants: BTreeMap<String, Item<'static>>,
    conditions: Vec<Path>,
    root: Select,
    columns: Vec<Column>,
    definitions: &'static Definitions,
}

/// An expression and where the view has it.
#[derive(Debug)]
struct Path {
    at: String,
    expression: Expression,
    /// As the view has it.
    text: Box<str>,
}

impl Path {
    fn failed(&self, error: PathError) -> ViewError {
        ViewError::Path { at: self.at.clone(), expression: self.text.to_string(), error }
    }
}

/// What rows are made around.
#[derive(Debug)]
enum Each {
    /// The element the select stands at.
    Here,
    /// Every element of the path; with `or_null` once without one where there is none.
    Of { path: Path, or_null: bool },
    /// Every element the paths reach, at any depth.
    Repeat(Vec<Path>),
}

#[derive(Debug)]
struct Select {
    each: Each,
    columns: Vec<(Column, Path)>,
    selects: Vec<Select>,
    unions: Vec<Select>,
}

impl View {
    /// Reads and checks a ViewDefinition of R4 resources.
    ///
    /// # Errors
    /// `Definition` for what is missing, of the wrong type, named twice, or different between the parts of a `unionAll`;
    /// `Path` for expressions that are none or name a constant that is not there; `Limit`.
    pub fn compile(json: &Tree<'_>) -> Result<Self, ViewError> {
        compile::view(json.root(), crate::definitions::r4())
    }

    /// Its `name`, where it has one.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// The type of resource it reads: `Patient`.
    pub fn resource(&self) -> &str {
        &self.resource
    }

    /// The columns of its rows, in order.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// The rows of one resource, cells in the order of `columns`; none for a resource of another type or one that the
    /// conditions leave out.
    ///
    /// # Errors
    /// `Path`, `Condition`, `Several`, `Complex`, `Limit`.
    pub fn rows<'t>(&self, tree: &'t Tree<'t>) -> Result<Vec<Vec<Cell>>, ViewError> {
        self.rows_of(tree.root())
    }

    /// The rows of a resource within a document: an entry of a bundle.
    ///
    /// # Errors
    /// As `rows`.
    pub fn rows_of(&self, resource: Value<'_>) -> Result<Vec<Vec<Cell>>, ViewError> {
        run::rows(self, resource)
    }
}
