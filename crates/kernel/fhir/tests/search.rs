//! Search values of resources.

use mach_fhir::definitions;
use mach_fhir::search::{Extractor, SearchValue, Target, extract};
use mach_fhir::{Decimal, ResourceType, Tree};
use std::path::Path;

/// The values of one parameter, each as a short text.
fn shown(value: &SearchValue<'_>) -> String {
    let or = |t: &Option<std::borrow::Cow<'_, str>>| t.as_deref().unwrap_or("-").to_owned();
    let edge = |d: &Option<Decimal>| d.map_or("…".to_owned(), |d| d.to_string());
    match value {
        SearchValue::Token { system, code, text } => format!("{}|{} {}", or(system), or(code), or(text)),
        SearchValue::TypedIdentifier { system, code, value } => format!("{}|{code}|{value}", or(system)),
        SearchValue::Text { text, is_joined } => format!("{text}{}", if *is_joined { " (joined)" } else { "" }),
        SearchValue::Reference { base, target, id, version } => {
            format!("{base} {}/{id} {}", target.name(), or(version))
        }
        SearchValue::Identifier { system, value } => format!("{}|{value}", or(system)),
        SearchValue::Date { low, high } => format!("{}..{}", second(*low), second(*high)),
        SearchValue::Number { low, high } => format!("{}..{}", edge(low), edge(high)),
        SearchValue::Quantity { low, high, system, code, unit } => {
            format!("{}..{} {}|{} {}", edge(low), edge(high), or(system), or(code), or(unit))
        }
        SearchValue::Uri(uri) => uri.to_string(),
        SearchValue::Position { latitude, longitude } => format!("{latitude} {longitude}"),
        SearchValue::Composite(parts) => {
            let part = |p: &Vec<SearchValue<'_>>| p.iter().map(shown).collect::<Vec<_>>().join(", ");
            parts.iter().map(part).collect::<Vec<_>>().join(" $ ")
        }
    }
}

fn second(micros: i64) -> String {
    match micros {
        i64::MIN => "open".into(),
        i64::MAX => "open".into(),
        m => (m / 1_000_000).to_string(),
    }
}

fn check(resource: &str, code: &str, expect: &[&str]) {
    let tree = Tree::parse(resource).expect("JSON");
    let kind = tree.root().get_text("resourceType").and_then(|k| ResourceType::parse(&k)).expect("a type");
    let found = extract(kind, &tree).expect("valid");
    let got: Vec<_> = found.iter().filter(|f| f.code == code).map(|f| shown(&f.value)).collect();
    assert_eq!(got, expect, "{code} of {resource}");
}

#[test]
fn parameters_of_every_type_compile() {
    for kind in ResourceType::all() {
        Extractor::compile(definitions::r4(), kind).unwrap_or_else(|e| panic!("{}: {e}", kind.name()));
    }
}

#[test]
fn tokens() {
    let patient = r#"{"resourceType":"Patient","active":true,"gender":"female","telecom":[{"system":"phone","value":"0912"},
        {"system":"email","value":"a@b.vn"}],"identifier":[{"system":"urn:cccd","value":"046","type":{"text":"CCCD","coding":
        [{"system":"urn:t","code":"NI"}]}},{"value":"x"}],"maritalStatus":{"coding":[{"system":"urn:m","code":"M","display":
        "Married"}],"text":"Đã kết hôn"}}"#;
    check(patient, "gender", &["http://hl7.org/fhir/administrative-gender|female -"]);
    check(patient, "active", &["http://terminology.hl7.org/CodeSystem/special-values|true -"]);
    check(patient, "identifier", &["urn:t|NI|046", "urn:cccd|046 CCCD", "-|x -"]);
    check(patient, "phone", &["-|0912 -"]);
    check(patient, "telecom", &["-|0912 -", "-|a@b.vn -"]);
    check(patient, "deceased", &["http://terminology.hl7.org/CodeSystem/special-values|false -"]);
    let dead = r#"{"resourceType":"Patient","deceasedDateTime":"2020"}"#;
    check(dead, "deceased", &["http://terminology.hl7.org/CodeSystem/special-values|true -"]);
    let condition =
        r#"{"resourceType":"Condition","code":{"coding":[{"system":"urn:icd","code":"I10"}],"text":"THA"}}"#;
    check(condition, "code", &["urn:icd|I10 -", "-|- THA"]);
}

#[test]
fn strings_and_uris() {
    let patient = r#"{"resourceType":"Patient","name":[{"family":"Nguyễn","given":["Văn","Đức"]},{"text":"Bé Na"}],
        "address":[{"line":["1 Lê Lợi"],"city":"Huế"}],"meta":{"profile":["http://a/p|1"]}}"#;
    check(patient, "name", &["Nguyễn", "Văn", "Đức", "Nguyễn Văn Đức (joined)", "Bé Na"]);
    check(patient, "family", &["Nguyễn"]);
    check(patient, "address", &["1 Lê Lợi", "Huế"]);
    check(patient, "_profile", &["http://a/p|1"]);
    check(r#"{"resourceType":"ValueSet","url":"http://v"}"#, "url", &["http://v"]);
}

#[test]
fn references() {
    let of = |reference: &str| format!(r#"{{"resourceType":"Observation","subject":{{"reference":"{reference}"}}}}"#);
    for (reference, subject, patient) in [
        ("Patient/1", vec![" Patient/1 -"], vec![" Patient/1 -"]),
        ("Patient/1/_history/2", vec![" Patient/1 2"], vec![" Patient/1 2"]),
        ("http://x.vn/fhir/Patient/1", vec!["http://x.vn/fhir Patient/1 -"], vec!["http://x.vn/fhir Patient/1 -"]),
        ("Group/7", vec![" Group/7 -"], vec![]),
        ("urn:uuid:9", vec!["urn:uuid:9"], vec![]),
        ("#p", vec![], vec![]),
    ] {
        check(&of(reference), "subject", &subject);
        check(&of(reference), "patient", &patient);
    }
    let logical =
        r#"{"resourceType":"Observation","subject":{"type":"Patient","identifier":{"system":"s","value":"9"}}}"#;
    check(logical, "subject", &["s|9"]);
    check(logical, "patient", &["s|9"]);
    assert_eq!(Target::read("Nobody/1"), None);
    assert_eq!(Target::read("Patient/a b"), None);
    let bundle = r#"{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"Composition","id":"c"}}]}"#;
    check(bundle, "composition", &[" Composition/c -"]);
}

#[test]
fn dates_are_ranges_by_precision_and_zone() {
    let on = |date: &str| format!(r#"{{"resourceType":"Observation",{date}}}"#);
    for (date, expect) in [
        (r#""effectiveDateTime":"1970-01-01T00:00:00Z""#, "0..1"),
        (r#""effectiveDateTime":"1970-01-01T07:00:00+07:00""#, "0..1"),
        (r#""effectiveDateTime":"1970-01-01""#, "-25200..61200"),
        (r#""effectiveDateTime":"1970-01""#, "-25200..2653200"),
        (r#""effectiveDateTime":"1970""#, "-25200..31510800"),
        (r#""effectivePeriod":{"start":"1970-01-02T00:00:00Z"}"#, "86400..open"),
        (r#""effectivePeriod":{"end":"1970-01-01T00:00:00Z"}"#, "open..1"),
        (r#""effectiveTiming":{"event":["1970-01-01T00:00:00Z","1970-01-01T00:00:09Z"]}"#, "0..10"),
    ] {
        check(&on(date), "date", &[expect]);
    }
    let tree = Tree::parse(on(r#""effectiveInstant":"1970-01-01T00:00:00.250Z""#)).unwrap();
    let found = extract(ResourceType::OBSERVATION, &tree).unwrap();
    assert_eq!(found[0].value, SearchValue::Date { low: 250_000, high: 251_000 });
}

#[test]
fn numbers_quantities_and_composites() {
    let with = |value: &str| {
        format!(
            r#"{{"resourceType":"Observation","status":"final","code":{{"coding":[{{"system":"l","code":"c"}}]}},{value}}}"#
        )
    };
    let mass = r#""valueQuantity":{"value":1.50,"unit":"gram","system":"u","code":"g"}"#;
    check(&with(mass), "value-quantity", &["1.495..1.505 u|g gram"]);
    check(&with(r#""valueQuantity":{"value":5,"comparator":"<"}"#), "value-quantity", &["…..5 -|- -"]);
    check(&with(mass), "code-value-quantity", &["l|c - $ 1.495..1.505 u|g gram"]);
    check(&with(r#""valueString":"x""#), "code-value-quantity", &[]);
    let component = r#""component":[{"code":{"coding":[{"code":"s"}]},"valueQuantity":{"value":120}},
        {"code":{"coding":[{"code":"d"}]},"valueQuantity":{"value":80}}]"#;
    check(&with(component), "component-code-value-quantity", &["-|s - $ 120..120 -|- -", "-|d - $ 80..80 -|- -"]);
    check(&with(component), "combo-code", &["l|c -", "-|s -", "-|d -"]);
    check(&with(component), "code", &["l|c -"]);
    let risk = r#"{"resourceType":"RiskAssessment","prediction":[{"probabilityDecimal":0.25},
        {"probabilityRange":{"low":{"value":1},"high":{"value":2}}}]}"#;
    check(risk, "probability", &["0.245..0.255", "1..2"]);
    let place = r#"{"resourceType":"Location","position":{"latitude":16.46,"longitude":107.59}}"#;
    check(place, "near", &["16.46 107.59"]);
}

#[test]
fn every_synthea_resource_is_read() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../../shared/testdata/synthea");
    let Ok(text) = std::fs::read_to_string(folder.join("bundle-00.json")) else {
        eprintln!("SKIPPED: no Synthea bundles at {}", folder.display());
        return;
    };
    let bundle = Tree::parse(text).unwrap();
    let (mut resources, mut values) = (0, 0);
    for entry in bundle.root().get("entry").unwrap().items() {
        let tree = Tree::parse(entry.get("resource").unwrap().raw()).unwrap();
        let kind = ResourceType::parse(&tree.root().get_text("resourceType").unwrap()).unwrap();
        values += extract(kind, &tree).unwrap().len();
        resources += 1;
    }
    assert!(resources > 20 && values > resources * 8, "{values} values of {resources} resources");
}
