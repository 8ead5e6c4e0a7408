//! What a validation found, and its OperationOutcome.

use crate::json::Writer;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// It could not be read; nothing more was looked at.
    Fatal,
    /// It is not valid.
    Error,
    /// It is valid and should be otherwise, or something could not be checked.
    Warning,
    /// Worth knowing.
    Information,
}

impl Severity {
    /// The code of R4 `issue-severity`.
    pub fn code(self) -> &'static str {
        match self {
            Self::Fatal => "fatal",
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Information => "information",
        }
    }

    /// Whether the resource is not valid for it.
    pub fn is_error(self) -> bool {
        self <= Self::Error
    }
}

/// One thing found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issue {
    /// How bad.
    pub severity: Severity,
    /// The code of R4 `issue-type`.
    pub code: &'static str,
    /// What, and what was expected. English.
    pub text: String,
    /// Where, as FHIRPath: `Patient.name[0].family`; empty where it has no place.
    pub path: String,
}

/// Whether nothing found makes the resource invalid.
pub fn is_valid(issues: &[Issue]) -> bool {
    issues.iter().all(|i| !i.severity.is_error())
}

/// The OperationOutcome, as JSON. Without issues it says that all is well.
pub fn outcome(issues: &[Issue]) -> String {
    let mut out = String::new();
    Writer::object(&mut out, |w| {
        w.text("resourceType", "OperationOutcome");
        w.list("issue", |list| {
            if issues.is_empty() {
                list.item(|w| {
                    w.text("severity", "information").text("code", "informational");
                    w.text("diagnostics", "valid: nothing was found");
                });
            }
            for issue in issues {
                list.item(|w| {
                    w.text("severity", issue.severity.code()).text("code", issue.code);
                    w.text("diagnostics", &issue.text);
                    if !issue.path.is_empty() {
                        w.list("expression", |l| {
                            l.item_text(&issue.path);
                        });
                    }
                });
            }
        });
    });
    out
}
