use super::super::Patch;
use crate::Tree;

/// One operation as a Parameters: type, path, and parts as JSON.
fn parameters(kind: &str, path: &str, rest: &str) -> String {
    let comma = if rest.is_empty() { "" } else { "," };
    format!(
        r#"{{"resourceType":"Parameters","parameter":[{{"name":"operation","part":[{{"name":"type","valueCode":"{kind}"}},{{"name":"path","valueString":"{path}"}}{comma}{rest}]}}]}}"#
    )
}

fn patched(body: &str, patch: &str) -> Result<String, String> {
    let tree = Tree::parse(patch.to_owned()).unwrap();
    Patch::parameters(tree.root()).and_then(|p| p.apply(body)).map_err(|e| e.to_string())
}

const BODY: &str = r#"{"resourceType":"Patient","id":"p", "name":[{"given":["A","B"],"_given":[null,{"id":"x"}],"family":"F"}],
 "deceasedBoolean":false,"multipleBirthInteger" : 2}"#;

#[test]
fn primitives_and_their_twins_move_together() {
    let check = |kind: &str, path: &str, rest: &str, expect: &str| {
        let got = patched(BODY, &parameters(kind, path, rest));
        let whole = format!(
            "{{\"resourceType\":\"Patient\",\"id\":\"p\", \"name\":[{expect}],\n \"deceasedBoolean\":false,\"multipleBirthInteger\" : 2}}"
        );
        assert_eq!(got.as_deref(), Ok(whole.as_str()), "{kind} {path}");
    };
    check("delete", "Patient.name.given[1]", "", r#"{"given":["A"],"family":"F"}"#);
    check("delete", "Patient.name.given[0]", "", r#"{"given":["B"],"_given":[{"id":"x"}],"family":"F"}"#);
    let (from, to) = (r#"{"name":"source","valueInteger":1}"#, r#"{"name":"destination","valueInteger":0}"#);
    let moved = r#"{"given":["B","A"],"_given":[{"id":"x"},null],"family":"F"}"#;
    check("move", "Patient.name.given", &format!("{from},{to}"), moved);
    let value = r#"{"name":"value","valueString":"C"}"#;
    let inserted = r#"{"given":["A","C","B"],"_given":[null,null,{"id":"x"}],"family":"F"}"#;
    check("insert", "Patient.name.given", &format!(r#"{value},{{"name":"index","valueInteger":1}}"#), inserted);
    check("replace", "Patient.name.given[1]", value, r#"{"given":["A","C"],"family":"F"}"#);
    let added = r#"{"given":["A","B","C"],"_given":[null,{"id":"x"}],"family":"F"}"#;
    check("add", "Patient.name", &format!(r#"{value},{{"name":"name","valueString":"given"}}"#), added);
    let first = r#"{"given":["A","B"],"_given":[null,{"id":"x"}],"family":"F","prefix":["C"]}"#;
    check("insert", "Patient.name.prefix", &format!(r#"{value},{{"name":"index","valueInteger":0}}"#), first);
    let extension =
        r#"{"name":"name","valueString":"extension"},{"name":"value","valueExtension":{"url":"u","valueCode":"c"}}"#;
    let extended = r#"{"given":["A","B"],"_given":[null,{"id":"x"}],"family":"F","_family":{"extension":[{"url":"u","valueCode":"c"}]}}"#;
    check("add", "Patient.name.family", extension, extended);
    let extended =
        r#"{"given":["A","B"],"_given":[{"extension":[{"url":"u","valueCode":"c"}]},{"id":"x"}],"family":"F"}"#;
    check("add", "Patient.name.given[0]", extension, extended);
}

#[test]
fn choices_and_parts_become_members() {
    let ends = |kind: &str, path: &str, rest: &str, expect: &str| {
        let got = patched(BODY, &parameters(kind, path, rest)).unwrap();
        assert!(got.contains(expect), "{kind} {path}: {got}");
        got
    };
    let date = r#"{"name":"value","valueDateTime":"2026-01-02"}"#;
    let got = ends("replace", "Patient.deceased", date, r#","deceasedDateTime":"2026-01-02"}"#);
    assert!(!got.contains("deceasedBoolean"));
    ends("replace", "Patient.deceased", r#"{"name":"value","valueBoolean":true}"#, r#""deceasedBoolean":true,"mult"#);
    let contact = r#"{"name":"name","valueString":"contact"},{"name":"value","part":[
        {"name":"relationship","valueCodeableConcept":{"text":"r"}},{"name":"relationship","valueCodeableConcept":{"text":"s"}},
        {"name":"gender","_valueCode":{"id":"g"}}]}"#;
    ends(
        "add",
        "Patient",
        contact,
        r#","contact":[{"relationship":[{"text":"r"},{"text":"s"}],"_gender":{"id":"g"}}]}"#,
    );
    let contained = r#"{"name":"name","valueString":"contained"},{"name":"value","resource":{"resourceType":"Basic"}}"#;
    ends("add", "Patient", contained, r#","contained":[{"resourceType":"Basic"}]}"#);
    assert_eq!(patched(BODY, &parameters("delete", "Patient.photo", "")).as_deref(), Ok(BODY));
    assert_eq!(patched(BODY, r#"{"resourceType":"Parameters"}"#).as_deref(), Ok(BODY));
}

#[test]
fn what_does_not_fit_is_refused() {
    let name = r#"{"name":"name","valueString":"birthDate"}"#;
    for (kind, path, rest) in [
        (
            "add",
            "Patient",
            r#"{"name":"name","valueString":"deceased"},{"name":"value","valueBoolean":true}"#.to_owned(),
        ),
        ("add", "Patient", format!(r#"{name},{{"name":"value","valueString":"yesterday"}}"#)),
        ("add", "Patient", format!(r#"{name},{{"name":"value","valueBoolean":true}}"#)),
        ("add", "Patient", r#"{"name":"name","valueString":"nothing"},{"name":"value","valueString":"x"}"#.to_owned()),
        ("add", "Patient", name.to_owned()),
        ("add", "Patient.photo", r#"{"name":"name","valueString":"url"},{"name":"value","valueUrl":"x"}"#.to_owned()),
        ("replace", "Patient.birthDate", r#"{"name":"value","valueDate":"2026"}"#.to_owned()),
        ("replace", "Patient.deceased", r#"{"name":"value","valueString":"x"}"#.to_owned()),
        ("replace", "Patient.name.given", r#"{"name":"value","valueString":"x"}"#.to_owned()),
        ("replace", "Patient", r#"{"name":"value","resource":{"resourceType":"Patient"}}"#.to_owned()),
        ("delete", "Patient", String::new()),
        ("delete", "Patient.name.given", String::new()),
        ("delete", "Patient.name.count()", String::new()),
        ("delete", "Patient.nothing", String::new()),
        ("delete", "Patient.name[", String::new()),
        ("delete", "", String::new()),
        ("insert", "Patient.name.given", r#"{"name":"value","valueString":"x"}"#.to_owned()),
        (
            "insert",
            "Patient.name.given",
            r#"{"name":"value","valueString":"x"},{"name":"index","valueInteger":3}"#.to_owned(),
        ),
        (
            "insert",
            "Patient.photo",
            r#"{"name":"value","valueAttachment":{}},{"name":"index","valueInteger":1}"#.to_owned(),
        ),
        (
            "insert",
            "Patient.birthDate",
            r#"{"name":"value","valueDate":"2026"},{"name":"index","valueInteger":0}"#.to_owned(),
        ),
        (
            "move",
            "Patient.name.given",
            r#"{"name":"source","valueInteger":0},{"name":"destination","valueInteger":2}"#.to_owned(),
        ),
        (
            "move",
            "Patient.name.given",
            r#"{"name":"source","valueInteger":0},{"name":"destination","valueInteger":-1}"#.to_owned(),
        ),
        (
            "move",
            "Patient.name.given.first()",
            r#"{"name":"source","valueInteger":0},{"name":"destination","valueInteger":0}"#.to_owned(),
        ),
        ("fly", "Patient", String::new()),
        ("delete", "Patient.id", r#"{"name":"speed","valueInteger":1}"#.to_owned()),
    ] {
        let got = patched(BODY, &parameters(kind, path, &rest));
        assert!(got.is_err(), "{kind} {path} {rest}: {got:?}");
    }
    assert!(patched(BODY, r#"{"resourceType":"Patient"}"#).is_err());
    assert!(patched(BODY, r#"{"resourceType":"Parameters","parameter":[{"name":"x"}]}"#).is_err());
}
