//! The lists of this product as code systems, value sets and concept maps: ICD-10 in Vietnamese, the code lists of claim
//! files, facilities, laboratory tests. Their URLs are those that the records carry, and stay.

use mach_fhir::Tree;
use mach_fhir::json::Writer;
use mach_fhir::terminology::system::{Builder, Content, Head};
use mach_fhir::terminology::{CodeSystem, ConceptMap, Entry, Problem, Shelf, ValueSet};
use mach_terms::{CodeEntry, CodeLists, Facilities, Icd10, IcdKey, LabCatalogue, Mark, Notifiable, Status};
use std::sync::{Arc, LazyLock};

/// ICD-10, as records name it.
const ICD10: &str = "http://hl7.org/fhir/sid/icd-10";
/// The Vietnamese edition: decision 4469/QĐ-BYT with the list of that day.
const ICD10_VERSION: &str = "VN-2025-08-22";
/// Lists of claim files: with the name of the list behind it.
const CODES: &str = "urn:mach:codes:";
/// Value sets of this product.
const SETS: &str = "urn:mach:value-set:";
/// Facilities by their code.
const FACILITIES: &str = "MA_CSKCB";
/// Laboratory tests.
const LAB: &str = "lab-catalogue";
/// LOINC codes of laboratory tests.
const LOINC: &str = "http://loinc.org";

/// The shelf of this product's lists.
pub fn shelf() -> Arc<Shelf> {
    static SHELF: LazyLock<Arc<Shelf>> = LazyLock::new(|| Arc::new(made()));
    Arc::clone(&SHELF)
}

fn made() -> Shelf {
    let mut shelf = Shelf::default();
    shelf.add_system(Entry::new(ICD10, ICD10_VERSION, icd10), &format!("{ICD10}/vs"));
    for (name, _) in CodeLists::shared().all().filter(|(name, _)| *name != FACILITIES) {
        let entry = Entry::new(&format!("{CODES}{name}"), "", move || code_list(name));
        shelf.add_system(entry, &format!("{SETS}{name}"));
    }
    let facilities = Entry::new(&format!("{CODES}{FACILITIES}"), "", facilities);
    shelf.add_system(facilities, &format!("{SETS}{FACILITIES}"));
    shelf.add_system(Entry::new(&format!("{CODES}{LAB}"), "", laboratory), &format!("{SETS}{LAB}"));
    shelf.add_set(Entry::new(&format!("{SETS}notifiable"), "", notifiable));
    shelf.add_set(Entry::new(&format!("{SETS}lab-loinc"), "", lab_loinc));
    shelf.add_map(Entry::new("urn:mach:map:lab-loinc", "", lab_map));
    shelf
}

fn head(url: String, title: &str, declared: &[(&str, &str)]) -> Head {
    Head {
        url: url.into(),
        title: title.into(),
        language: "vi".into(),
        content: Content::Complete,
        case_sensitive: true,
        declared: declared.iter().map(|(n, t)| ((*n).into(), (*t).into())).collect(),
        ..Head::default()
    }
}

fn icd10() -> Result<CodeSystem, Problem> {
    let list = Icd10::shared();
    let declared = [("status", "code"), ("mark", "string"), ("kind", "code")];
    let mut head = head(ICD10.to_owned(), "ICD-10, bản tiếng Việt", &declared);
    (head.version, head.name, head.case_sensitive) = (ICD10_VERSION.into(), "ICD10".into(), false);
    head.value_set = format!("{ICD10}/vs").into();
    let mut b = Builder::new(head);
    let english = |b: &mut Builder, words: &str| {
        if !words.is_empty() {
            b.designation("en", ("", ""), words);
        }
    };
    for chapter in list.chapters() {
        b.concept(None, roman(chapter.number), &chapter.name_vi, "")?;
        b.set_abstract();
        b.property("kind", "code", "chapter", "");
        english(&mut b, &chapter.name_en);
    }
    for block in list.blocks() {
        b.concept(None, &block.range, &block.name_vi, "")?;
        b.set_abstract();
        b.property("kind", "code", "block", "");
        english(&mut b, &block.name_en);
        let wider = list.blocks().iter().any(|o| o.range == block.parent && o.range != block.range);
        b.parent(if wider { &block.parent } else { roman(block.chapter) });
    }
    for one in list.all() {
        b.concept(None, &one.code, &one.name_vi, "")?;
        english(&mut b, &one.name_en);
        if one.status != Status::Current {
            b.set_inactive();
            b.property("status", "code", if one.status == Status::Retired { "retired" } else { "reserved" }, "");
        }
        match one.dagger {
            Mark::None => {}
            Mark::Dagger => b.property("mark", "string", "†", ""),
            Mark::Asterisk => b.property("mark", "string", "*", ""),
        }
        let above = |key: IcdKey| (3..key.characters()).rev().find_map(|n| list.by_key(key.first(n)));
        b.parent(above(one.key()).map_or(&*one.block, |p| &*p.code));
    }
    b.finish()
}

fn roman(number: u8) -> &'static str {
    const NUMBERS: [&str; 22] = [
        "I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII", "XIII", "XIV", "XV", "XVI", "XVII",
        "XVIII", "XIX", "XX", "XXI", "XXII",
    ];
    NUMBERS.get(usize::from(number).wrapping_sub(1)).copied().unwrap_or_default()
}

fn code_list(name: &str) -> Result<CodeSystem, Problem> {
    let mut b = Builder::new(head(format!("{CODES}{name}"), name, &[]));
    for CodeEntry { code, name_vi, name_en, valid_from, valid_to } in CodeLists::shared().get(name).unwrap_or_default()
    {
        b.concept(None, code, name_vi, "")?;
        b.set_valid(*valid_from, *valid_to);
        if !name_en.is_empty() {
            b.designation("en", ("", ""), name_en);
        }
    }
    b.finish()
}

fn facilities() -> Result<CodeSystem, Problem> {
    let mut b = Builder::new(head(format!("{CODES}{FACILITIES}"), "Cơ sở khám bệnh, chữa bệnh", &[("kind", "code")]));
    // A facility that changed has a row for each time: the last one names it, the first and the last tell its days.
    let mut rows: Vec<_> = Facilities::shared().all().iter().collect();
    rows.sort_by(|a, b| (&a.code, a.valid_from).cmp(&(&b.code, b.valid_from)));
    for same in rows.chunk_by(|a, b| a.code == b.code) {
        let (Some(first), Some(last)) = (same.first(), same.last()) else { continue };
        b.concept(None, &last.code, &last.name, "")?;
        b.set_valid(Some(first.valid_from), last.valid_to);
        b.property("kind", "code", last.kind.code(), "");
    }
    b.finish()
}

fn laboratory() -> Result<CodeSystem, Problem> {
    let declared = [("loinc", "Coding"), ("unit", "code"), ("specimen", "string"), ("section", "code")];
    let mut b = Builder::new(head(format!("{CODES}{LAB}"), "Danh mục xét nghiệm", &declared));
    for test in LabCatalogue::shared().all() {
        b.concept(None, &test.code, &test.name_vi, "")?;
        for (name, kind, value, system) in [
            ("loinc", "Coding", &test.loinc, LOINC),
            ("unit", "code", &test.unit, ""),
            ("specimen", "string", &test.specimen, ""),
            ("section", "code", &test.section, ""),
        ] {
            if !value.is_empty() {
                b.property(name, kind, value, system);
            }
        }
        if !test.name_en.is_empty() {
            b.designation("en", ("", ""), &test.name_en);
        }
    }
    b.finish()
}

fn read<T>(json: String, read: impl Fn(mach_fhir::tree::Value<'_>) -> Result<T, Problem>) -> Result<T, Problem> {
    let tree = Tree::parse(json).map_err(|e| Problem::Invalid(e.to_string()))?;
    read(tree.root())
}

/// Diseases that must be notified: everything under each listed code.
fn notifiable() -> Result<ValueSet, Problem> {
    let list = Icd10::shared();
    let mut json = String::new();
    Writer::object(&mut json, |w| {
        w.text("url", &format!("{SETS}notifiable"))
            .text("title", "Bệnh truyền nhiễm phải báo cáo")
            .text("status", "active");
        w.nested("compose", |w| {
            w.list("include", |l| {
                for disease in Notifiable::shared().all() {
                    // A prefix that is no code of the list (`A0`) has nothing to stand under.
                    let Some(code) = list.get(&disease.prefix).map(|d| &*d.code) else { continue };
                    l.item(|w| {
                        w.text("system", ICD10);
                        w.list("filter", |l| {
                            l.item(|w| {
                                w.text("property", "concept").text("op", "is-a").text("value", code);
                            });
                        });
                    });
                }
            });
        });
    });
    read(json, ValueSet::read)
}

/// The LOINC codes of the laboratory's tests.
fn lab_loinc() -> Result<ValueSet, Problem> {
    let mut json = String::new();
    Writer::object(&mut json, |w| {
        w.text("url", &format!("{SETS}lab-loinc"))
            .text("title", "Mã LOINC của danh mục xét nghiệm")
            .text("status", "active");
        w.nested("compose", |w| {
            w.list("include", |l| {
                l.item(|w| {
                    w.text("system", LOINC);
                    w.list("concept", |l| {
                        let mut seen = std::collections::HashSet::new();
                        let tests = LabCatalogue::shared().all().iter();
                        for test in tests.filter(|t| !t.loinc.is_empty() && seen.insert(&t.loinc)) {
                            l.item(|w| {
                                w.text("code", &test.loinc).text("display", &test.name_en);
                                w.list("designation", |l| {
                                    l.item(|w| {
                                        w.text("language", "vi").text("value", &test.name_vi);
                                    });
                                });
                            });
                        }
                    });
                });
            });
        });
    });
    read(json, ValueSet::read)
}

fn lab_map() -> Result<ConceptMap, Problem> {
    let mut json = String::new();
    Writer::object(&mut json, |w| {
        w.text("url", "urn:mach:map:lab-loinc").text("status", "active");
        w.text("sourceUri", &format!("{SETS}{LAB}")).text("targetUri", &format!("{SETS}lab-loinc"));
        w.list("group", |l| {
            l.item(|w| {
                w.text("source", &format!("{CODES}{LAB}")).text("target", LOINC);
                w.list("element", |l| {
                    for test in LabCatalogue::shared().all().iter().filter(|t| !t.loinc.is_empty()) {
                        l.item(|w| {
                            w.text("code", &test.code).text("display", &test.name_vi);
                            w.list("target", |l| {
                                l.item(|w| {
                                    w.text("code", &test.loinc).text("display", &test.name_en);
                                    w.text("equivalence", "equivalent");
                                });
                            });
                        });
                    }
                });
            });
        });
    });
    read(json, ConceptMap::read)
}

#[cfg(test)]
mod tests {
    use super::*;
    use mach_fhir::terminology::{Library, Membership, Subsumption, Terminology, r4_shelf};

    #[test]
    fn our_lists_are_code_systems() {
        let shelf = shelf();
        let mut bytes = 0;
        for entry in shelf.systems() {
            bytes += entry.get().unwrap_or_else(|e| panic!("{entry:?}: {e}")).size();
        }
        shelf.sets().for_each(|e| drop(e.get().unwrap_or_else(|p| panic!("{e:?}: {p}"))));
        assert!(bytes < 6 << 20, "{bytes} bytes");
        let library = Library::new(vec![shelf, r4_shelf()]);
        for (above, below) in [("I", "A00.0"), ("A00-A09", "A00.0"), ("A00", "A00.0"), ("IV", "E11.9")] {
            assert_eq!(library.subsumes(ICD10, above, below), Some(Subsumption::Subsumes), "{above} {below}");
        }
        let sets = [
            ("urn:mach:value-set:notifiable", "A00.1"),
            ("urn:mach:value-set:GIOI_TINH", "1"),
            ("http://hl7.org/fhir/sid/icd-10/vs", "I10"),
        ];
        for (set, code) in sets {
            assert_eq!(library.in_value_set(set, None, code), Membership::In, "{set} {code}");
        }
        assert_eq!(library.in_value_set("urn:mach:value-set:notifiable", Some(ICD10), "I10"), Membership::Out);
        assert_eq!(library.display(ICD10, "A00").as_deref(), Some("Bệnh tả"));
    }
}
