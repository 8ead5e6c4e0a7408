//! What of terminology is mounted: operations for the CapabilityStatement, and the TerminologyCapabilities.

use super::ours;
use mach_fhir::ResourceType;
use mach_fhir::json::Writer;
use mach_fhir::terminology::{grammar::Grammar, r4_shelf};
use std::collections::BTreeMap;

/// One operation.
#[derive(Debug)]
pub struct Operation {
    /// Of which type.
    pub kind: ResourceType,
    /// Its name without `$`.
    pub name: &'static str,
    /// Its definition.
    pub definition: &'static str,
    /// 1 where it is also asked of an instance, else 0.
    pub instance: usize,
    /// Its parameters.
    pub parameters: &'static [&'static str],
}

const CODES: [&str; 6] = ["code", "system", "systemVersion", "display", "coding", "codeableConcept"];

/// All operations of terminology.
pub const OPERATIONS: [Operation; 6] = [
    Operation {
        kind: ResourceType::VALUE_SET,
        name: "expand",
        definition: "http://hl7.org/fhir/OperationDefinition/ValueSet-expand",
        instance: 1,
        parameters: &[
            "url",
            "valueSet",
            "valueSetVersion",
            "filter",
            "date",
            "offset",
            "count",
            "includeDesignations",
            "activeOnly",
            "excludeNested",
            "excludeNotForUI",
            "displayLanguage",
        ],
    },
    Operation {
        kind: ResourceType::VALUE_SET,
        name: "validate-code",
        definition: "http://hl7.org/fhir/OperationDefinition/ValueSet-validate-code",
        instance: 1,
        parameters: &[
            "url",
            "valueSet",
            "valueSetVersion",
            CODES[0],
            CODES[1],
            CODES[2],
            CODES[3],
            CODES[4],
            CODES[5],
            "date",
            "abstract",
            "displayLanguage",
        ],
    },
    Operation {
        kind: ResourceType::CODE_SYSTEM,
        name: "validate-code",
        definition: "http://hl7.org/fhir/OperationDefinition/CodeSystem-validate-code",
        instance: 1,
        parameters: &[
            "url",
            "codeSystem",
            "version",
            CODES[0],
            CODES[3],
            CODES[4],
            CODES[5],
            "date",
            "abstract",
            "displayLanguage",
        ],
    },
    Operation {
        kind: ResourceType::CODE_SYSTEM,
        name: "lookup",
        definition: "http://hl7.org/fhir/OperationDefinition/CodeSystem-lookup",
        instance: 0,
        parameters: &["code", "system", "version", "coding", "date", "displayLanguage", "property"],
    },
    Operation {
        kind: ResourceType::CODE_SYSTEM,
        name: "subsumes",
        definition: "http://hl7.org/fhir/OperationDefinition/CodeSystem-subsumes",
        instance: 1,
        parameters: &["codeA", "codeB", "system", "version", "codingA", "codingB"],
    },
    Operation {
        kind: ResourceType::CONCEPT_MAP,
        name: "translate",
        definition: "http://hl7.org/fhir/OperationDefinition/ConceptMap-translate",
        instance: 1,
        parameters: &[
            "url",
            "conceptMap",
            "conceptMapVersion",
            "code",
            "system",
            "coding",
            "codeableConcept",
            "source",
            "target",
            "targetsystem",
            "dependency",
            "reverse",
        ],
    },
];

/// The TerminologyCapabilities: what the product ships; what is stored besides is nobody's business who does not ask.
pub fn statement(base: &str, date: &str) -> String {
    let mut systems: BTreeMap<Box<str>, Vec<Box<str>>> = BTreeMap::new();
    for shelf in [ours::shelf(), r4_shelf()] {
        for entry in shelf.systems() {
            systems.entry(entry.url.clone()).or_default().push(entry.version.clone());
        }
    }
    for system in Grammar::SYSTEMS {
        systems.entry(system.into()).or_default();
    }
    let mut out = String::new();
    Writer::object(&mut out, |w| {
        w.text("resourceType", "TerminologyCapabilities").text("status", "active").text("date", date);
        w.text("kind", "instance");
        w.nested("software", |w| {
            w.text("name", "Mạch").text("version", env!("CARGO_PKG_VERSION"));
        });
        w.nested("implementation", |w| {
            w.text("description", "Dịch vụ thuật ngữ của tỉnh (the province's terminology)").text("url", base);
        });
        w.list("codeSystem", |l| {
            for (url, versions) in &systems {
                l.item(|w| {
                    w.text("uri", url);
                    let told: Vec<_> = versions.iter().filter(|v| !v.is_empty()).collect();
                    if !told.is_empty() {
                        w.list("version", |l| {
                            for version in told {
                                l.item(|w| {
                                    w.text("code", version);
                                });
                            }
                        });
                    }
                    w.raw("subsumption", Grammar::of(url).is_none());
                });
            }
        });
        w.nested("expansion", |w| {
            w.raw("hierarchical", true).raw("paging", true).raw("incomplete", true);
            w.list("parameter", |l| {
                for name in OPERATIONS[0].parameters {
                    l.item(|w| {
                        w.text("name", name);
                    });
                }
            });
            w.text(
                "textFilter",
                "words that begin words of a code's texts, accents and case aside; or how a code begins",
            );
        });
        w.text("codeSearch", "explicit");
        w.nested("validateCode", |w| {
            w.raw("translations", true);
        });
        w.nested("translation", |w| {
            w.raw("needsMap", false);
        });
        w.nested("closure", |w| {
            w.raw("translation", false);
        });
    });
    out
}
