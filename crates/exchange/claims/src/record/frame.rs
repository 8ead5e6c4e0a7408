//! What every resource of a claim has: id, source, patient, encounter; and the small shapes they share.

use super::{Context, NewResource, organization_id};
use crate::Dossier;
use mach_base::{Decimal, Minute};
use mach_fhir::index::Param;
use mach_fhir::json::Writer;
use mach_fhir::{IndexValue, ResourceType};
use std::fmt::Write;

/// ICD-10.
pub(super) const ICD10: &str = "http://hl7.org/fhir/sid/icd-10";
/// LOINC.
pub(super) const LOINC: &str = "http://loinc.org";
/// UCUM.
pub(super) const UCUM: &str = "http://unitsofmeasure.org";
/// Insurance cards and numbers.
pub(super) const BHYT: &str = "http://fhir.hl7.org.vn/core/sid/bhyt";
/// Categories of observations.
pub(super) const CATEGORY: &str = "http://terminology.hl7.org/CodeSystem/observation-category";
const TRANSLATION: &str = "http://hl7.org/fhir/StructureDefinition/translation";

/// The claim being written, and what is written of it.
pub(super) struct Frame<'a> {
    pub(super) dossier: &'a Dossier,
    pub(super) context: &'a Context<'a>,
    pub(super) done: Vec<NewResource>,
    patient: String,
    encounter: String,
    organization: String,
    source: String,
}

/// Where a resource comes from.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    /// XML table number.
    pub(super) table: u8,
    /// Line in it, from 1.
    pub(super) line: u32,
    /// What of the line, where it makes several resources; else empty.
    pub(super) part: &'a str,
}

impl Place<'_> {
    pub(super) fn line(table: u8, line: u32) -> Self {
        Self { table, line, part: "" }
    }
}

/// The start of a resource.
pub(super) struct Head<'a> {
    pub(super) kind: ResourceType,
    pub(super) place: Place<'a>,
    pub(super) date: Minute,
    pub(super) index: Vec<IndexValue>,
}

impl<'a> Frame<'a> {
    pub(super) fn new(dossier: &'a Dossier, context: &'a Context<'a>) -> Self {
        let mut source = String::from("urn:mach:claim:");
        percent(&mut source, &dossier.facility);
        source.push(':');
        percent(&mut source, &dossier.link);
        let _ = write!(source, ":{}#XML", context.version);
        let lines = dossier.lines.len() + dossier.results.len() + 2 * dossier.notes.len() + 8;
        Self {
            dossier,
            context,
            done: Vec::with_capacity(lines),
            patient: format!("Patient/{}", context.patient),
            encounter: format!("Encounter/c{}-1-1", context.claim),
            organization: format!("Organization/{}", organization_id(&dossier.facility)),
            source,
        }
    }

    /// The id of what stands at `place`.
    pub(super) fn id(&self, place: Place<'_>) -> String {
        let mut id = format!("c{}-{}-{}", self.context.claim, place.table, place.line);
        if !place.part.is_empty() {
            id.push('-');
            id.push_str(place.part);
        }
        id
    }

    /// Writes one resource: type, id, source, then what `body` writes.
    pub(super) fn put(&mut self, head: Head<'_>, body: impl FnOnce(&Self, &mut Writer<'_>)) {
        let id = self.id(head.place);
        let mut out = String::with_capacity(1024);
        Writer::object(&mut out, |w| {
            w.text("resourceType", head.kind.name()).text("id", &id);
            w.nested("meta", |w| {
                w.text("source", &format!("{}{}/{}", self.source, head.place.table, head.place.line));
            });
            body(self, w);
        });
        self.done.push(NewResource { kind: head.kind, id, body: out, date: head.date, index: head.index });
    }

    /// `"key":{"reference":"Patient/…"}`.
    pub(super) fn patient(&self, w: &mut Writer<'_>, key: &'static str) {
        reference(w, key, &self.patient);
    }

    /// `"encounter":{"reference":"Encounter/…"}`.
    pub(super) fn encounter(&self, w: &mut Writer<'_>) {
        reference(w, "encounter", &self.encounter);
    }

    /// The same in a list item.
    pub(super) fn encounter_item(&self, list: &mut Writer<'_>) {
        list.item(|w| {
            w.text("reference", &self.encounter);
        });
    }

    /// The facility.
    pub(super) fn organization(&self, w: &mut Writer<'_>, key: &'static str) {
        w.nested(key, |w| {
            w.text("reference", &self.organization).text_if("display", self.context.facility_name);
        });
    }

    /// `"coding":[…]` of a diagnosis, with its Vietnamese name and the English one as its translation.
    pub(super) fn icd10(&self, w: &mut Writer<'_>, code: &str) {
        let name = self.context.names.name(code);
        w.list("coding", |list| {
            list.item(|w| {
                w.text("system", ICD10).text("code", code);
                let Some((vi, en)) = name else { return };
                w.text_if("display", vi);
                if !en.is_empty() {
                    w.nested("_display", |w| translation(w, en));
                }
            });
        });
    }

    /// `"reasonCode":[…]` of the diagnoses in `codes` (parted by `;`), where there are any.
    pub(super) fn reasons(&self, w: &mut Writer<'_>, codes: &str) {
        if codes.bytes().all(|b| b == b';' || b == b' ') {
            return;
        }
        w.list("reasonCode", |list| {
            for code in codes.split(';').map(str::trim).filter(|c| !c.is_empty()) {
                list.item(|w| {
                    w.list("coding", |list| {
                        list.item(|w| {
                            w.text("system", ICD10).text("code", code);
                            if let Some((vi, _)) = self.context.names.name(code) {
                                w.text_if("display", vi);
                            }
                        });
                    });
                });
            }
        });
    }
}

fn translation(w: &mut Writer<'_>, english: &str) {
    w.list("extension", |list| {
        list.item(|w| {
            w.list("extension", |list| {
                list.item(|w| {
                    w.text("url", "lang").text("valueCode", "en");
                });
                list.item(|w| {
                    w.text("url", "content").text("valueString", english);
                });
            });
            w.text("url", TRANSLATION);
        });
    });
}

/// Characters a URI takes as they are; all others as `%XX`.
fn percent(out: &mut String, text: &str) {
    for b in text.bytes() {
        if b.is_ascii_alphanumeric() || b"-._~".contains(&b) {
            out.push(char::from(b));
        } else {
            let _ = write!(out, "%{b:02X}");
        }
    }
}

/// `"key":{"reference":"…"}`.
pub(super) fn reference(w: &mut Writer<'_>, key: &'static str, to: &str) {
    w.nested(key, |w| {
        w.text("reference", to);
    });
}

/// `"key":{"coding":[{system, code, display}]}`.
pub(super) fn coded(w: &mut Writer<'_>, key: &'static str, system: &str, code: &str, display: &str) {
    w.nested(key, |w| coding(w, system, code, display));
}

/// `"coding":[{system, code, display}]`.
pub(super) fn coding(w: &mut Writer<'_>, system: &str, code: &str, display: &str) {
    w.list("coding", |list| {
        list.item(|w| {
            w.text("system", system).text("code", code).text_if("display", display);
        });
    });
}

/// `"category":[{"coding":[…]}]`.
pub(super) fn category(w: &mut Writer<'_>, system: &str, code: &str, display: &str) {
    w.list("category", |list| {
        list.item(|w| coding(w, system, code, display));
    });
}

/// Code and name of a drug, service or index: coded where there is a code, its name as text.
pub(super) fn named(w: &mut Writer<'_>, key: &'static str, (system, code): (&str, &str), name: &str) {
    w.nested(key, |w| {
        if !code.is_empty() {
            coding(w, system, code, name);
        }
        // One of the two must be there; a line without both is refused before it comes here.
        w.text("text", if name.is_empty() { if code.is_empty() { "?" } else { code } } else { name });
    });
}

/// `"key":{"identifier":{system, value}}`: someone known only by a number.
pub(super) fn numbered(w: &mut Writer<'_>, key: &'static str, system: &str, value: &str) {
    w.nested(key, |w| identified(w, system, value));
}

/// `"identifier":{system, value}` of a reference.
pub(super) fn identified(w: &mut Writer<'_>, system: &str, value: &str) {
    w.nested("identifier", |w| {
        w.text("system", system).text("value", value);
    });
}

/// `"key":{"value":…,"currency":"VND"}`.
pub(super) fn money(w: &mut Writer<'_>, key: &'static str, amount: impl std::fmt::Display) {
    w.nested(key, |w| {
        w.raw("value", amount).text("currency", "VND");
    });
}

/// A decimal as JSON, with the digits it was written with but leading zeros (`07.10` is `7.10`).
pub(super) struct Exact(pub(super) Decimal);

impl std::fmt::Display for Exact {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Decimal { units, scale } = self.0;
        let (abs, unit) = (units.unsigned_abs(), 10_u64.checked_pow(scale));
        let Some(unit) = unit.filter(|_| scale > 0) else { return write!(f, "{units}") };
        let sign = if units < 0 { "-" } else { "" };
        write!(f, "{sign}{}.{:0width$}", abs / unit, abs % unit, width = scale as usize)
    }
}

/// A code to be found by.
pub(super) fn token(system: &str, code: &str) -> Vec<IndexValue> {
    if code.is_empty() {
        return Vec::new();
    }
    vec![IndexValue::Token { param: Param::CODE, system: system.to_owned(), code: code.to_owned() }]
}
