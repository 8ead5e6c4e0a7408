//! The official R4 examples (npm `hl7.fhir.r4.examples`) and the Synthea bundles: of right shape, and valid but for those
//! that HL7 published with an error. A sample by default; all with `MACH_TEST_FULL`.

use mach_fhir::Tree;
use mach_fhir::validate::{Issue, Validator, fits, shape};
use std::path::{Path, PathBuf};

/// Published errors: what the message holds, and the files.
const WRONG: &[(&str, &[&str])] = &[
    ("bdl-7", &["Bundle-dataelements.json"]),
    ("has a fullUrl", &["Bundle-bundle-search-warning.json"]),
    (
        "has no code",
        &[
            "Bundle-ussg-fht.json",
            "Bundle-valuesets.json",
            "ValueSet-nhin-purposeofuse.json",
            "ValueSet-ucum-common.json",
        ],
    ),
    ("has no element `definition[x]`", &["Bundle-profiles-others.json", "StructureDefinition-picoelement.json"]),
    (
        "is missing",
        &[
            "ImplementationGuide-fhir.json",
            "Questionnaire-qs1.json",
            "SearchParameter-codesystem-extensions-CodeSystem-author.json",
            "SearchParameter-codesystem-extensions-CodeSystem-effective.json",
            "SearchParameter-codesystem-extensions-CodeSystem-end.json",
            "SearchParameter-codesystem-extensions-CodeSystem-keyword.json",
            "SearchParameter-codesystem-extensions-CodeSystem-workflow.json",
            "SearchParameter-valueset-extensions-ValueSet-author.json",
            "SearchParameter-valueset-extensions-ValueSet-effective.json",
            "SearchParameter-valueset-extensions-ValueSet-end.json",
            "SearchParameter-valueset-extensions-ValueSet-keyword.json",
            "SearchParameter-valueset-extensions-ValueSet-workflow.json",
            "ig-r4.json",
        ],
    ),
    ("is no FHIRPath", &["SearchParameter-questionnaireresponse-extensions-QuestionnaireResponse-item-subject.json"]),
    ("no absolute URL, which a canonical is", &["Library-library-fhir-helpers.json"]),
    ("there is no contained resource", &["PlanDefinition-example-cardiology-os.json"]),
    ("is no id", &["SearchParameter-questionnaireresponse-extensions-QuestionnaireResponse-item-subject.json"]),
    ("is no reference", &["ImplementationGuide-fhir.json", "ig-r4.json"]),
    (
        "is the URL of another resource",
        &[
            "Bundle-10bb101f-a121-4264-a920-67be9cb82c74.json",
            "Bundle-3a0707d3-549e-4467-b8b8-5a2ab3800efe.json",
            "Bundle-lri-example.json",
        ],
    ),
    ("R4 has no extension", &["Bundle-valueset-expansions.json", "Questionnaire-qs1.json"]),
    ("no OID", &["Library-zika-virus-intervention-logic.json"]),
    (
        "no content",
        &[
            "ActivityDefinition-blood-tubes-supply.json",
            "ActivityDefinition-heart-valve-replacement.json",
            "EventDefinition-example.json",
            "Questionnaire-zika-virus-exposure-assessment.json",
        ],
    ),
    (
        "no unit of UCUM",
        &[
            "Bundle-father.json",
            "Claim-760151.json",
            "Claim-760152.json",
            "MedicationDispense-meddisp0309.json",
            "MedicationDispense-meddisp0313.json",
            "MedicationDispense-meddisp0318.json",
            "MedicationDispense-meddisp0324.json",
            "MedicationDispense-meddisp0327.json",
            "MedicationDispense-meddisp0328.json",
            "MedicationDispense-meddisp0329.json",
            "MedicationRequest-medrx0304.json",
            "MedicationRequest-medrx0314.json",
            "MedicationRequest-medrx0319.json",
            "MedicationRequest-medrx0322.json",
            "MedicationRequest-medrx0325.json",
            "MedicationRequest-medrx0326.json",
            "MedicationRequest-medrx0328.json",
            "MedicationRequest-medrx0329.json",
            "MedicationRequest-medrx0334.json",
            "MedicationRequest-medrx0335.json",
            "VisionPrescription-33124.json",
        ],
    ),
    (
        "not allowed here, only",
        &[
            "DeviceMetric-example.json",
            "DeviceUseStatement-example.json",
            "MedicationRequest-medrx0301.json",
            "Observation-clinical-gender.json",
        ],
    ),
    (
        "not of the value set",
        &[
            "Bundle-b0a5e4277-83c4-4adb-87e2-e3efe3369b6f.json",
            "Bundle-resources.json",
            "CapabilityStatement-base.json",
            "CapabilityStatement-base2.json",
            "CapabilityStatement-example.json",
            "CapabilityStatement-knowledge-repository.json",
            "CapabilityStatement-measure-processor.json",
            "CapabilityStatement-messagedefinition.json",
            "CapabilityStatement-phr.json",
            "CapabilityStatement-terminology-server.json",
            "TestScript-testscript-example-history.json",
            "TestScript-testscript-example-multisystem.json",
            "TestScript-testscript-example-readtest.json",
            "TestScript-testscript-example-search.json",
            "TestScript-testscript-example-update.json",
            "TestScript-testscript-example.json",
        ],
    ),
    (
        "rfc:3986",
        &[
            "Bundle-dataelements.json",
            "Bundle-resources.json",
            "Organization-2.16.840.1.113883.19.5.json",
            "StructureDefinition-Consent.json",
        ],
    ),
    (
        "sdf-4",
        &[
            "StructureDefinition-Definition.json",
            "StructureDefinition-Event.json",
            "StructureDefinition-FiveWs.json",
            "StructureDefinition-Request.json",
        ],
    ),
    // An extension of value sets, on the concepts of a code system.
    ("stands on `ValueSet.compose.include.concept`", &["Bundle-valuesets.json", "CodeSystem-dicom-dcim.json"]),
    ("wanted by the profile", &["Observation-f202.json"]),
];

fn is_known(file: &str, issue: &Issue) -> bool {
    WRONG.iter().any(|(text, files)| issue.text.contains(text) && files.contains(&file))
}

fn full() -> bool {
    std::env::var_os("MACH_TEST_FULL").is_some()
}

fn each_example(mut with: impl FnMut(&str, &Tree<'_>)) -> usize {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let named = std::env::var_os("MACH_FHIR_EXAMPLES").map(PathBuf::from);
    let folder = named.unwrap_or_else(|| here.join("../../../tests/foreign/node_modules/hl7.fhir.r4.examples"));
    let folder = if folder.join("package").exists() { folder.join("package") } else { folder };
    let Ok(files) = std::fs::read_dir(&folder) else {
        eprintln!("SKIPPED: {} is not there; run `npm ci` in tests/foreign", folder.display());
        return 0;
    };
    let mut paths: Vec<_> = files.filter_map(|f| f.ok().map(|f| f.path())).collect();
    paths.retain(|p| p.extension().is_some_and(|e| e == "json"));
    paths.sort();
    let step = if full() { 1 } else { 7 };
    let mut all = 0;
    for path in paths.iter().step_by(step) {
        let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        let text = std::fs::read_to_string(path).expect("an example can be read");
        let tree = Tree::parse(text).unwrap_or_else(|e| panic!("{name}: {e}"));
        if tree.root().get("resourceType").is_some() {
            with(&name, &tree);
            all += 1;
        }
    }
    all
}

fn errors(issues: &[Issue]) -> impl Iterator<Item = &Issue> {
    issues.iter().filter(|i| i.severity.is_error())
}

#[test]
fn examples_have_the_right_shape() {
    let mut problems = Vec::new();
    each_example(|name, tree| {
        let issues = shape(tree);
        // What is only asked and what is said agree; companions and escapes are not looked at by the quick way.
        let plain = !tree.source().contains("\"_") && !tree.source().contains("\\u");
        let quick = fits(tree);
        if quick && !issues.is_empty() || !quick && issues.is_empty() && plain {
            problems.push(format!("{name}: quick {quick}, {issues:?}"));
        }
        problems
            .extend(issues.iter().filter(|i| !is_known(name, i)).map(|i| format!("{name}: {}: {}", i.path, i.text)));
    });
    assert!(problems.is_empty(), "{}:\n{}", problems.len(), problems.join("\n"));
}

#[test]
fn examples_are_valid_but_for_those_that_are_not() {
    let mut problems = Vec::new();
    let all = each_example(|name, tree| {
        let issues = Validator::r4().validate(tree, &[]).expect("no profile is asked for");
        for issue in errors(&issues) {
            if !is_known(name, issue) {
                problems.push(format!("{name}: {}: {}", issue.path, issue.text));
            }
        }
    });
    assert!(problems.is_empty(), "{} in {all}:\n{}", problems.len(), problems.join("\n"));
}

/// Bundles of `../shared/testdata/synthea`, found from the root of the checkout upwards.
fn synthea() -> Vec<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = here.ancestors().map(|a| a.join("shared/testdata/synthea")).find(|f| f.exists());
    let Some(folder) = folder else {
        eprintln!("SKIPPED: shared/testdata/synthea is not beside the checkout");
        return Vec::new();
    };
    let mut waiting = vec![folder];
    let mut files = Vec::new();
    while let Some(folder) = waiting.pop() {
        for path in std::fs::read_dir(folder).expect("a folder").filter_map(|f| f.ok().map(|f| f.path())) {
            if path.is_dir() {
                waiting.push(path);
            } else if path.extension().is_some_and(|e| e == "json") {
                files.push(path);
            }
        }
    }
    files.sort();
    let step = if full() { 1 } else { 9 };
    files.into_iter().step_by(step).collect()
}

/// Words by which Synthea calls codes of HL7, and HL7 does not.
const OTHER_WORDS: [&str; 5] = [
    "`vital-signs` is called `Vital Signs`, not `vital-signs`",
    "`primary` is called `Primary provider`, not `Primary Care Practitioner`",
    "`DL` is called `Driver's license number`, not `Driver's License`",
    "`M` is called `Married`, not `M`",
    "`S` is called `Never Married`, not `S`",
];

#[test]
fn synthea_bundles_are_valid_but_for_words() {
    let mut problems = Vec::new();
    for path in synthea() {
        let tree = Tree::parse(std::fs::read_to_string(&path).expect("it can be read")).expect("it is JSON");
        assert_eq!(shape(&tree), [], "{}", path.display());
        let issues = Validator::r4().validate(&tree, &[]).expect("no profile is asked for");
        let unknown = errors(&issues).filter(|i| !OTHER_WORDS.contains(&i.text.as_str()));
        problems.extend(unknown.map(|i| format!("{}: {}: {}", path.display(), i.path, i.text)));
    }
    assert!(problems.is_empty(), "{}:\n{}", problems.len(), problems.join("\n"));
}
