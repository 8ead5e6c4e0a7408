//! Whether a resource is valid FHIR R4: by its base type, and by the profiles it claims or is asked to meet.
//!
//! Sketch: `shape` walks a tree once against the compiled definitions: which elements there are, how often, as which JSON, in
//! which format. It allocates nothing where nothing is wrong. `Validator::validate` is
//! the same walk with the meaning of each element beside its shape: value sets, invariants, references, extensions,
//! narratives; after each resource come the rules of its kind (bundles, questionnaires) and the trees of its profiles.

mod apply;
mod bundle;
mod catalog;
mod coded;
mod definition;
mod document;
mod enabled;
mod extension;
mod fits;
mod invariant;
mod issue;
mod knowledge;
mod library;
mod linked;
mod meaning;
mod primitive;
mod profile;
mod questionnaire;
mod reference;
mod run;
mod slicing;
mod walk;
mod xhtml;

pub use document::{Read, read};
pub use fits::{envelope_fits, fits};
pub use issue::{Issue, Severity, is_valid, outcome};
pub use knowledge::Knowledge;
pub use library::{Library, r4_profile_urls, r4_profiles_text};
pub use profile::{Profile, ProfileError, Rules, compile};

use crate::definitions::{self, Definitions};
use crate::terminology::{self, Terminology};
use crate::tree::Tree;
use run::Run;

/// What a validation knows. Shared between threads.
#[derive(Clone, Copy)]
pub struct Validator<'v> {
    definitions: &'static Definitions,
    library: &'v Library,
    terminology: &'v dyn Terminology,
}

/// A profile that was asked for and cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// Nobody knows it.
    #[error("the profile `{0}` is not known: load the package that holds it")]
    Unknown(String),
    /// It cannot be followed.
    #[error("the profile `{0}` cannot be used: {1}")]
    Broken(String, ProfileError),
}

impl<'v> Validator<'v> {
    /// By the definitions of R4, the profiles of `library` and the codes of `terminology`.
    pub fn new(library: &'v Library, terminology: &'v dyn Terminology) -> Self {
        Self { definitions: definitions::r4(), library, terminology }
    }

    /// By R4 alone.
    pub fn r4() -> Validator<'static> {
        Validator { definitions: definitions::r4(), library: Library::r4(), terminology: terminology::r4() }
    }

    /// Everything found in a resource, which is to meet `profiles` too (canonical URLs).
    ///
    /// # Errors
    /// Where one of these profiles is not known or cannot be used. Profiles the resource itself claims are not errors then,
    /// but issues.
    pub fn validate(&self, tree: &Tree<'_>, profiles: &[String]) -> Result<Vec<Issue>, Unusable> {
        let mut asked = Vec::new();
        for url in profiles {
            match self.library.profile(url) {
                Some(Ok(profile)) => asked.push(profile),
                Some(Err(e)) => return Err(Unusable::Broken(url.clone(), e)),
                // A base type by its URL: what it says is looked at in any case.
                None if self.base_type(url).is_some() => {}
                None => return Err(Unusable::Unknown(url.clone())),
            }
        }
        let mut run = Run::new(*self, true);
        run.document(tree, asked);
        for kind in profiles.iter().filter_map(|url| self.base_type(url)) {
            run.is_of(tree, kind);
        }
        Ok(run.finish())
    }

    fn base_type(&self, url: &str) -> Option<definitions::TypeId> {
        let name = url.strip_prefix(library::CORE)?;
        self.definitions.find(name.split('|').next().unwrap_or(name))
    }
}

/// What is wrong with the shape of a resource: elements that do not exist, are missing, are there too often, are of another
/// kind of JSON or of a wrong format. All issues are errors.
pub fn shape(tree: &Tree<'_>) -> Vec<Issue> {
    let mut run = Run::new(Validator::r4(), false);
    run.document(tree, Vec::new());
    run.finish()
}

/// What is missing or written so in examples that HL7 published with R4, and so has to be taken.
const TOLERATED: [&str; 4] =
    ["ImplementationGuide.name", "ImplementationGuide.status", "Questionnaire.item.linkId", "SearchParameter.base"];

/// What of its shape keeps a resource from being stored: `shape`, but for what HL7's own examples leave out (elements of
/// definitions) or have as a placeholder (`urn:oid:X.Y.Z`). Costs nothing but a look where all is well.
pub fn unfit(tree: &Tree<'_>) -> Vec<Issue> {
    if fits(tree) { Vec::new() } else { untolerated(shape(tree)) }
}

/// As `unfit`, of a Bundle without the resources of its entries. A fullUrl `urn:uuid:p` and an empty list of entries are
/// taken: they are not stored, and many write them so.
pub fn unfit_envelope(tree: &Tree<'_>) -> Vec<Issue> {
    if envelope_fits(tree) {
        return Vec::new();
    }
    let mut run = Run::new(Validator::r4(), false);
    run.leaves_entries = true;
    run.document(tree, Vec::new());
    let mut issues = untolerated(run.finish());
    issues.retain(|i| !(i.path == "Bundle.entry" && i.text == "an array must not be empty"));
    issues.retain(|i| !(i.path.ends_with(".fullUrl") && i.text.starts_with("`urn:") && i.text.contains("` is no ")));
    issues
}

fn untolerated(mut issues: Vec<Issue>) -> Vec<Issue> {
    issues.retain(|issue| {
        let quoted = issue.text.strip_prefix('`').and_then(|t| t.split_once('`'));
        let Some((what, said)) = quoted else { return true };
        let placeholder = what.strip_prefix("urn:oid:").is_some_and(|rest| {
            !rest.is_empty() && rest.split('.').all(|p| p.len() == 1 && p.as_bytes()[0].is_ascii_uppercase())
        });
        match said {
            " is missing" => !TOLERATED.contains(&what),
            " is no OID" => !placeholder,
            _ => true,
        }
    });
    issues
}
