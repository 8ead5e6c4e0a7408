//! Patches as they are sent: which of the three a media type means, and what a refused one answers.

use crate::refusal::Refusal;
use axum::http::StatusCode;
pub use mach_fhir::patch::Patch;
use mach_fhir::patch::PatchError;
use mach_fhir::{Tree, validate};

/// Media types of patches, as the CapabilityStatement names them.
pub const FORMATS: [&str; 4] =
    ["application/json-patch+json", "application/fhir+json", "application/fhir+xml", "application/xml-patch+xml"];

/// Reads the patch that a text of this media type is.
///
/// # Errors
/// 415 for another media type, 400 where it is no patch.
pub fn read(kind: &str, text: &str) -> Result<Patch, Refusal> {
    let kind = kind.split(';').next().unwrap_or_default().trim();
    Ok(match kind {
        "application/json-patch+json" => Patch::json(text)?,
        "application/xml-patch+xml" => Patch::xml(text)?,
        "application/json"
        | "application/fhir+json"
        | "text/json"
        | "application/xml"
        | "application/fhir+xml"
        | "text/xml" => Patch::any(text)?,
        _ => {
            let text = format!("`{kind}`: a patch is one of `{}`", FORMATS.join("`, `"));
            return Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "not-supported", text));
        }
    })
}

/// The resource after the patch. A patch must not leave a shape that is worse than what it found (R4 fhirpatch.html: "an
/// error if the outcome is not a valid resource").
///
/// # Errors
/// 422 where it does not fit, or what it leaves is no resource; nothing is changed then.
pub fn apply(patch: &Patch, body: &str) -> Result<String, Refusal> {
    let patched = patch.apply(body)?;
    let findings = |text: &str| Tree::parse(text.to_owned()).map(|tree| validate::unfit(&tree));
    let after = findings(&patched)
        .map_err(|e| Refusal::unprocessable("structure", format!("the patch leaves no JSON: {e}")))?;
    if after.is_empty() {
        return Ok(patched);
    }
    let before = findings(body).map_err(Refusal::internal)?;
    if let Some(worse) = after.iter().find(|f| !before.contains(f)) {
        let text = format!("the patch leaves no valid resource: `{}`: {}", worse.path, worse.text);
        return Err(Refusal::unprocessable("structure", text).at(worse.path.clone()));
    }
    Ok(patched)
}

impl From<PatchError> for Refusal {
    fn from(error: PatchError) -> Self {
        match error {
            PatchError::Unreadable(text) => Self::invalid(text),
            PatchError::Unfit(text) => Self::unprocessable("processing", text),
            PatchError::TooCostly(text) => Self::too_costly(text),
        }
    }
}
