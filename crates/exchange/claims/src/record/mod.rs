//! A claim as FHIR R4 resources of one record. Every one says where it comes from: claim, table, line, version.
//!
//! | from | resources |
//! |---|---|
//! | XML1 | one `Encounter`, a `Coverage` per card, a `Condition` per diagnosis, one `Claim` with every cost line |
//! | XML2 | a `MedicationRequest` per line; a `MedicationDispense` where the time of dispensing is known and it is asked for |
//! | XML3 | a `Procedure` per service line; examinations, beds, supplies and transport stand in the `Claim` only |
//! | XML4 | an `Observation` per result |
//! | XML5 | an `Observation` per note, and one per vital sign written in it |
//! | XML7–XML14 | a `DocumentReference` per paper, all its fields attached |
//!
//! XML6 (HIV) and XML15 (tuberculosis) are kept with the claim and make no resource: the record has no way yet to show
//! them only to those who may see them.
//!
//! Ids are `c{claim}-{table}-{line}`: the next version of a claim writes the same ids again, and ids it no longer gives are
//! to be deleted. A resource refers to its patient, its facility's `Organization` (`f` and the code), and to resources of
//! the same claim; nothing else.
//!
//! Sketch: 18 lines make about 30 resources, 36 KB with the Claim; JSON is written straight to text, so the cost is that of
//! copying them and looking up a few names: 63 µs even without full optimisation.

mod bill;
mod drugs;
mod frame;
mod notes;
mod papers;
mod results;
mod services;
#[cfg(test)]
mod tests;
mod visit;
mod vitals;

pub use papers::fields as paper_fields;
pub use vitals::{Vitals, vitals};

use crate::Dossier;
use mach_base::Minute;
use mach_fhir::{IndexValue, ResourceType};

/// Names of diagnoses.
pub trait DiagnosisNames {
    /// Vietnamese and English name of an ICD-10 code as claims write it (`E11.9`); `None` where the list has none.
    fn name(&self, code: &str) -> Option<(&str, &str)>;
}

impl DiagnosisNames for mach_terms::Icd10 {
    fn name(&self, code: &str) -> Option<(&str, &str)> {
        self.get(code).or_else(|| self.category(code)).map(|d| (&*d.name_vi, &*d.name_en))
    }
}

/// What a claim itself does not say.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// The claim's number: the same for all its versions.
    pub claim: i64,
    /// Which version of the claim this is, from 1.
    pub version: u32,
    /// FHIR id of the Patient.
    pub patient: &'a str,
    /// Name of the facility, empty where not known.
    pub facility_name: &'a str,
    /// Names of diagnoses.
    pub names: &'a dyn DiagnosisNames,
    /// Whether lines with a time of dispensing make a `MedicationDispense` beside the `MedicationRequest`.
    pub dispenses: bool,
}

/// A resource to be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewResource {
    /// Its type.
    pub kind: ResourceType,
    /// Its id.
    pub id: String,
    /// JSON.
    pub body: String,
    /// Its own time; where the claim gives none, when the visit began.
    pub date: Minute,
    /// What a search finds it by.
    pub index: Vec<IndexValue>,
}

/// FHIR id of a facility's Organization.
pub fn organization_id(facility: &str) -> String {
    format!("f{facility}")
}

/// The resources of a claim, Encounter first. A claim that withdraws an earlier one has none.
pub fn resources(dossier: &Dossier, context: &Context<'_>) -> Vec<NewResource> {
    if dossier.withdrawn() {
        return Vec::new();
    }
    let mut frame = frame::Frame::new(dossier, context);
    visit::write(&mut frame);
    drugs::write(&mut frame);
    services::write(&mut frame);
    results::write(&mut frame);
    notes::write(&mut frame);
    papers::write(&mut frame);
    bill::write(&mut frame);
    frame.done
}
