//! Profiles and terminology of packages, behind one another, over those of R4.

use super::{Library, Validator};
use crate::package::Package;
use crate::terminology;
use std::sync::{Arc, OnceLock};

/// What a validator knows beside R4: made once from packages, kept as long as validations go on.
#[derive(Default)]
pub struct Knowledge {
    profiles: Library,
    shelves: Vec<Arc<terminology::Shelf>>,
    terms: OnceLock<terminology::Library>,
}

impl Knowledge {
    /// The knowledge of packages; of one URL and version the later package's definition counts.
    pub fn new(packages: &[Package]) -> Self {
        let with_terms =
            packages.iter().rev().filter(|p| p.definitions.iter().any(|d| d.kind != "StructureDefinition"));
        let shelves = with_terms.map(|p| Arc::new(p.shelf())).collect();
        Self { profiles: Library::new(packages), shelves, terms: OnceLock::new() }
    }

    /// A validator that knows it.
    pub fn validator(&self) -> Validator<'_> {
        if self.shelves.is_empty() {
            return Validator::new(&self.profiles, terminology::r4());
        }
        let terms = self.terms.get_or_init(|| {
            let r4 = std::iter::once(terminology::r4_shelf());
            terminology::Library::new(self.shelves.iter().cloned().chain(r4).collect())
        });
        Validator::new(&self.profiles, terms)
    }
}
