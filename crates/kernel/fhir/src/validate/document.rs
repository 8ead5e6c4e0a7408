//! From bytes to a tree that can be validated; what cannot be read is a verdict too.

use super::issue::{Issue, Severity};
use crate::tree::{Problem, Tree};
use crate::{definitions, xml};

/// A document that could be read.
#[derive(Debug)]
pub struct Read {
    /// Its content.
    pub tree: Tree<'static>,
    /// What was wrong with its writing: elements of XML out of order.
    pub issues: Vec<Issue>,
}

/// Reads a resource in JSON or XML, whichever it is.
///
/// # Errors
/// The issue that says why it is neither.
pub fn read(bytes: &[u8]) -> Result<Read, Issue> {
    let fatal = |code, text: String, path: String| Issue { severity: Severity::Fatal, code, text, path };
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text.strip_prefix('\u{feff}').unwrap_or(text),
        Err(e) => {
            let text = format!("the text is not UTF-8: byte {}", e.valid_up_to());
            return Err(fatal("structure", text, String::new()));
        }
    };
    if !text.trim_start().starts_with('<') {
        let tree = Tree::parse(text).map_err(|e| {
            let code =
                if matches!(e.problem, Problem::TooLong(_) | Problem::TooDeep(_)) { "too-long" } else { "structure" };
            let path = e.path.clone();
            fatal(code, format!("the text is no JSON: {e}"), path)
        })?;
        return Ok(Read { tree: tree.into_owned(), issues: Vec::new() });
    }
    let no_xml = |e: xml::XmlError| {
        let path = e.path.clone();
        fatal("structure", format!("the text is no FHIR XML: {e}"), path)
    };
    let (json, disorder) = xml::to_json_noting(text, definitions::r4()).map_err(no_xml)?;
    let tree = Tree::parse(json).map_err(|e| no_xml(e.into()))?;
    let issue = |e: xml::XmlError| Issue {
        severity: Severity::Error,
        code: "structure",
        path: e.path.clone(),
        text: format!("line {}: {}", e.line, e.problem),
    };
    Ok(Read { tree, issues: disorder.into_iter().map(issue).collect() })
}
