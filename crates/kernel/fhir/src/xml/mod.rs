//! FHIR XML (R4 §2.6.1): read into the same tree as JSON, written from it. No DTD, no entities but the five of XML.

pub mod narrative;
mod read;
mod write;

pub use read::{to_json, to_json_noting};
pub use write::from_tree;

use crate::definitions::Definitions;
use crate::tree::{Tree, TreeError};

/// Namespace of FHIR.
pub const FHIR: &str = "http://hl7.org/fhir";
/// Namespace of narratives.
pub const XHTML: &str = "http://www.w3.org/1999/xhtml";

/// Why a text is no FHIR XML, or a tree cannot be written as such.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}{problem}{}", Place(*.line), Within(.path))]
pub struct XmlError {
    /// What is wrong.
    pub problem: String,
    /// Byte offset in the text; 0 when writing.
    pub offset: usize,
    /// Line, from 1; 0 when writing.
    pub line: usize,
    /// Path of the element: `Patient.name`.
    pub path: String,
}

struct Place(usize);
impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.0 == 0 { Ok(()) } else { write!(f, "line {}: ", self.0) }
    }
}

struct Within<'a>(&'a str);
impl std::fmt::Display for Within<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, ", in `{}`", self.0) }
    }
}

impl From<TreeError> for XmlError {
    fn from(e: TreeError) -> Self {
        Self { problem: e.problem.to_string(), offset: e.offset, line: 0, path: e.path }
    }
}

/// Reads FHIR XML into a tree.
///
/// # Errors
/// Where the text is no XML, passes a limit, or holds elements or attributes that the definitions do not have.
pub fn parse(text: &str, definitions: &Definitions) -> Result<Tree<'static>, XmlError> {
    Ok(Tree::parse(to_json(text, definitions)?)?)
}
