//! The open part of the official patch suites for R4.

use mach_fhir::patch::Patch;
use mach_fhir::{Tree, definitions, xml};
use roxmltree::{Document, Node};
use std::path::{Path, PathBuf};

/// The suites' folder; `None`, loudly, where this checkout stands alone.
fn suite(name: &str) -> Option<String> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let found: Option<PathBuf> =
        here.ancestors().map(|p| p.join("shared/testdata/patch").join(name)).find(|p| p.exists());
    match found {
        Some(path) => Some(std::fs::read_to_string(path).expect("the suite")),
        None => {
            eprintln!("SKIPPED: the official patch suite `{name}` is not here");
            None
        }
    }
}

fn child<'a, 'i>(node: Node<'a, 'i>, name: &str) -> Option<Node<'a, 'i>> {
    node.children().find(|c| c.has_tag_name(name))
}

/// The element inside, as it stands in the source.
fn inside<'i>(source: &'i str, node: Node<'_, 'i>) -> &'i str {
    node.first_element_child().map_or("", |e| &source[e.range()])
}

/// An XML document in one form: names with namespaces, attributes sorted, blank texts left out.
fn form(node: Node<'_, '_>) -> String {
    if node.is_text() {
        return node.text().unwrap_or_default().trim().to_owned();
    }
    if node.is_comment() {
        return format!("<!--{}-->", node.text().unwrap_or_default());
    }
    let mut attributes: Vec<String> = node.attributes().map(|a| format!("{}={}", a.name(), a.value())).collect();
    attributes.sort();
    let children: Vec<String> = node.children().map(form).filter(|c| !c.is_empty()).collect();
    format!("{:?}[{}]({})", node.tag_name(), attributes.join(" "), children.join(","))
}

fn xml_form(text: &str) -> String {
    let document = Document::parse(text).unwrap_or_else(|e| panic!("{e}: {text}"));
    form(document.root_element())
}

/// Runs the cases of an XML suite; `judge` gives what is patched.
fn cases(name: &str, parts: [&str; 3], judge: fn(&str, &str) -> Result<String, String>, fhir: bool) {
    let Some(source) = suite(name) else { return };
    let document = Document::parse(&source).expect("the suite is XML");
    let (mut count, mut wrong) = (0, Vec::new());
    for case in document.root_element().children().filter(|c| c.has_tag_name("case")) {
        count += 1;
        let title = case.attribute("name").unwrap_or_default();
        let part = |n: usize| case.children().find(|c| c.tag_name().name() == parts[n]);
        let (Some(target), Some(patch)) = (part(0), part(1)) else { panic!("{title}: no target or patch") };
        // FHIR's diff is inside; an XML Patch is the element itself.
        let patch = if fhir { inside(&source, patch) } else { &source[patch.range()] };
        let got = judge(inside(&source, target), patch);
        let form_of = |text: &str| match fhir {
            true => xml_form(
                &xml::from_tree(&xml::parse(text, definitions::r4()).expect("FHIR"), definitions::r4()).expect("FHIR"),
            ),
            false => xml_form(text),
        };
        match (got, part(2), child(case, "error")) {
            (Ok(got), Some(expect), _) if form_of(&got) == form_of(inside(&source, expect)) => {}
            (Err(_), None, Some(_)) => {}
            (got, ..) => wrong.push(format!("{title}: {got:?}")),
        }
    }
    assert!(count > 20, "{count} cases");
    assert!(wrong.is_empty(), "{} of {count} are wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn fhirpath_patch_passes_the_open_suite() {
    let judge = |target: &str, patch: &str| {
        Patch::any(patch).and_then(|p| p.apply_to_document(target)).map_err(|e| e.to_string())
    };
    cases("fhir-patch-tests.xml", ["input", "diff", "output"], judge, true);
}

#[test]
fn xml_patch_passes_the_open_suite() {
    let judge = |target: &str, patch: &str| {
        Patch::xml(patch).and_then(|p| p.apply_to_document(target)).map_err(|e| e.to_string())
    };
    cases("xml-patch-tests.xml", ["target", "patch", "patched"], judge, false);
}

#[test]
fn json_patch_passes_the_open_suite() {
    let Some(source) = suite("json-patch-tests.json") else { return };
    let cases: Vec<serde_json::Value> = serde_json::from_str(&source).expect("the suite is JSON");
    assert!(cases.len() > 10);
    for case in cases {
        let got = Patch::json(&case["patch"].to_string()).and_then(|p| p.apply(&case["doc"].to_string()));
        match (got, case.get("expected")) {
            (Ok(got), Some(expect)) => {
                let got: serde_json::Value = serde_json::from_str(&got).expect("JSON");
                assert_eq!(got, *expect, "{}", case["comment"]);
            }
            (Err(_), None) => {}
            (got, _) => panic!("{}: {got:?}", case["comment"]),
        }
    }
}

#[test]
fn limits_are_kept() {
    let body = r#"{"resourceType":"Patient"}"#;
    let many = |count: usize| {
        let one = r#"{"op":"test","path":"/resourceType","value":"Patient"}"#;
        format!("[{}]", vec![one; count].join(","))
    };
    let limit = mach_fhir::limits::PATCH_OPERATIONS;
    assert_eq!(Patch::json(&many(limit)).and_then(|p| p.apply(body)).as_deref(), Ok(body));
    assert!(Patch::json(&many(limit + 1)).is_err());
    let large = format!("{{\"a\":\"{}\"}}", "x".repeat(8 << 20));
    assert!(Patch::json(&many(limit)).and_then(|p| p.apply(&large)).is_err());
    let parameters = r#"{"resourceType":"Parameters","parameter":[{"name":"operation","part":[{"name":"type","valueCode":"delete"},{"name":"path","valueString":"Patient.descendants().where(%resource.descendants().count() = 1)"}]}]}"#;
    assert!(Tree::parse(parameters).is_ok());
    let wide = format!("{{\"resourceType\":\"Patient\",\"name\":[{}{{}}]}}", r#"{"given":["a"]},"#.repeat(5_000));
    assert!(Patch::any(parameters).and_then(|p| p.apply(&wide)).is_err(), "a path of a patch is not a computation");
}
