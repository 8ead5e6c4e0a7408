//! Patches of resources: JSON Patch (RFC 6902), FHIRPath Patch (R4 fhirpatch.html), XML Patch (RFC 5261).
//!
//! A JSON text is changed where a patch says so and nowhere else: blanks, digits and the order of members stay as they
//! came. Each operation reads the text anew, which a few microseconds buy.

mod edit;
mod json;
mod path;
mod xml;
mod xpath;

use crate::definitions;
use crate::limits;
use crate::tree::{Tree, Value};

/// Why a patch is refused. Nothing is changed then.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatchError {
    /// It cannot be read as a patch.
    #[error("{0}")]
    Unreadable(String),
    /// It can be read, and does not fit this resource.
    #[error("{0}")]
    Unfit(String),
    /// It passes a limit.
    #[error("{0}")]
    TooCostly(String),
}

type Result<T> = std::result::Result<T, PatchError>;

fn unreadable<T>(text: impl Into<String>) -> Result<T> {
    Err(PatchError::Unreadable(text.into()))
}

fn unfit<T>(text: impl Into<String>) -> Result<T> {
    Err(PatchError::Unfit(text.into()))
}

/// A patch, read.
#[derive(Clone, Debug)]
pub struct Patch(Kind);

#[derive(Clone, Debug)]
enum Kind {
    Json(json::Operations),
    Path(path::Operations),
    Xml(xml::Operations),
}

impl Patch {
    /// Reads a JSON Patch: an array of operations.
    ///
    /// # Errors
    /// `Unreadable`, `TooCostly`.
    pub fn json(text: &str) -> Result<Self> {
        json::Operations::read(text).map(|p| Self(Kind::Json(p)))
    }

    /// Reads a FHIRPath Patch: Parameters in JSON.
    ///
    /// # Errors
    /// `Unreadable`, `TooCostly`.
    pub fn parameters(root: Value<'_>) -> Result<Self> {
        path::Operations::read(root).map(|p| Self(Kind::Path(p)))
    }

    /// Reads an XML Patch: `diff` or `patch` with `add`, `replace` and `remove`.
    ///
    /// # Errors
    /// `Unreadable`, `TooCostly`.
    pub fn xml(text: &str) -> Result<Self> {
        xml::Operations::read(text).map(|p| Self(Kind::Xml(p)))
    }

    /// Reads whichever of the three a text is.
    ///
    /// # Errors
    /// `Unreadable`, `TooCostly`.
    pub fn any(text: &str) -> Result<Self> {
        let start = text.trim_start_matches('\u{feff}').trim_start();
        if start.starts_with('[') {
            return Self::json(text);
        }
        if !start.starts_with('<') {
            let tree = Tree::parse(text).map_err(|e| PatchError::Unreadable(format!("the patch is no JSON: {e}")))?;
            return Self::parameters(tree.root());
        }
        match xml::Operations::read(text) {
            Ok(patch) => Ok(Self(Kind::Xml(patch))),
            Err(wrong) => match crate::xml::parse(text, definitions::r4()) {
                Ok(tree) => Self::parameters(tree.root()),
                Err(_) => Err(wrong),
            },
        }
    }

    /// The resource after the patch, JSON as `body` is.
    ///
    /// # Errors
    /// `Unfit` where an operation does not fit; `TooCostly`.
    pub fn apply(&self, body: &str) -> Result<String> {
        match &self.0 {
            Kind::Json(patch) => patch.apply(body),
            Kind::Path(patch) => patch.apply(body),
            Kind::Xml(patch) => {
                let r4 = definitions::r4();
                let tree = Tree::parse(body).map_err(|e| PatchError::Unfit(e.to_string()))?;
                let text = crate::xml::from_tree(&tree, r4)
                    .map_err(|e| PatchError::Unfit(format!("the resource cannot be written as XML: {e}")))?;
                let patched = patch.apply(&text)?;
                crate::xml::to_json(&patched, r4)
                    .map_err(|e| PatchError::Unfit(format!("the patch leaves no FHIR XML: {e}")))
            }
        }
    }

    /// The document after the patch, in the format it is in: an XML Patch changes any XML, the others FHIR XML.
    ///
    /// # Errors
    /// As `apply`.
    pub fn apply_to_document(&self, document: &str) -> Result<String> {
        if !document.trim_start_matches('\u{feff}').trim_start().starts_with('<') {
            return self.apply(document);
        }
        if let Kind::Xml(patch) = &self.0 {
            return patch.apply(document);
        }
        let r4 = definitions::r4();
        let unfit = |e: crate::xml::XmlError| PatchError::Unfit(format!("the document is no FHIR XML: {e}"));
        let patched = self.apply(&crate::xml::to_json(document, r4).map_err(unfit)?)?;
        let tree = Tree::parse(patched).map_err(|e| PatchError::Unfit(e.to_string()))?;
        crate::xml::from_tree(&tree, r4).map_err(unfit)
    }
}

/// A text under change, and how much of it was read so far.
struct Document {
    text: String,
    read: usize,
}

impl Document {
    fn new(text: &str) -> Self {
        Self { text: text.to_owned(), read: 0 }
    }

    /// Counts one more reading.
    fn note(&mut self) -> Result<()> {
        self.read += self.text.len();
        if self.read > limits::PATCH_READ_BYTES {
            return Err(PatchError::TooCostly("too many operations on so large a resource".to_owned()));
        }
        Ok(())
    }

    fn tree(&mut self) -> Result<Tree<'static>> {
        self.note()?;
        Tree::parse(self.text.clone()).map_err(|e| PatchError::Unfit(format!("the resource is no JSON: {e}")))
    }
}

fn bounded(count: usize) -> Result<()> {
    if count > limits::PATCH_OPERATIONS {
        let text = format!("more than {} operations in one patch", limits::PATCH_OPERATIONS);
        return Err(PatchError::TooCostly(text));
    }
    Ok(())
}
