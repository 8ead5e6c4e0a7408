//! FHIR XML: what is read, what is refused, and that JSON → XML → JSON loses nothing.

use mach_fhir::tree::{Kind, Value};
use mach_fhir::{Tree, definitions, limits, xml};
use std::path::Path;

/// A value without regard to the order of members.
fn sorted(value: Value<'_>) -> String {
    match value.kind() {
        Kind::Object => {
            let mut members: Vec<_> = value.members().map(|(k, v)| format!("{k:?}:{}", sorted(v))).collect();
            members.sort();
            format!("{{{}}}", members.join(","))
        }
        Kind::Array => format!("[{}]", value.items().map(sorted).collect::<Vec<_>>().join(",")),
        // A narrative's line ends are those of XML.
        Kind::String => format!("{:?}", value.text().unwrap_or_default().replace("\r\n", "\n")),
        _ => value.raw().to_owned(),
    }
}

#[test]
fn reads_and_writes() {
    let check = |xml_text: &str, json: &str| {
        let r4 = definitions::r4();
        let full = xml_text.replacen('>', " xmlns=\"http://hl7.org/fhir\">", 1);
        assert_eq!(xml::to_json(&full, r4).unwrap(), json);
        let tree = Tree::parse(json).unwrap();
        let written = xml::from_tree(&tree, r4).unwrap();
        assert_eq!(written, format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>{full}"));
    };
    check(
        r#"<Patient><id value="p"/><active value="true"/><name><given value="A &amp; &quot;b&quot;"/><given value="c"/></name></Patient>"#,
        r#"{"resourceType":"Patient","id":"p","active":true,"name":[{"given":["A & \"b\"","c"]}]}"#,
    );
    check(
        r#"<Patient><text><status value="empty"/><div xmlns="http://www.w3.org/1999/xhtml"><p>x &lt; y</p></div></text></Patient>"#,
        r#"{"resourceType":"Patient","text":{"status":"empty","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\"><p>x &lt; y</p></div>"}}"#,
    );
    check(
        r#"<Patient><name id="n"><given><extension url="u"><valueDecimal value="1.00"/></extension></given><given value="x"/></name></Patient>"#,
        r#"{"resourceType":"Patient","name":[{"id":"n","given":[null,"x"],"_given":[{"extension":[{"url":"u","valueDecimal":1.00}]},null]}]}"#,
    );
    check(
        r#"<Bundle><type value="collection"/><entry><resource><Patient><id value="a"/></Patient></resource></entry></Bundle>"#,
        r#"{"resourceType":"Bundle","type":"collection","entry":[{"resource":{"resourceType":"Patient","id":"a"}}]}"#,
    );
}

#[test]
fn refuses_with_the_place() {
    let check = |inner: &str, problem: &str, line: usize| {
        let text = format!("<Patient xmlns=\"http://hl7.org/fhir\">\n{inner}</Patient>");
        let error = xml::parse(&text, definitions::r4()).expect_err(inner);
        assert!(error.problem.contains(problem) && error.line == line, "{inner}: {error}");
    };
    check("<nom/>", "no element `nom`", 2);
    check("\n<active value=\"yes\"/>", "no boolean", 3);
    check("<active value=\"true\"/><active value=\"true\"/>", "more than once", 2);
    check("<multipleBirthInteger value=\"1.5\"/>", "no number", 2);
    check("<active value=\"true\" odd=\"a\"/>", "no attribute `odd`", 2);
    check("<extension><url value=\"http://x\"/><valueCode value=\"a\"/></extension>", "is an attribute", 2);
    check("<name><id value=\"a\"/><family value=\"b\"/></name>", "is an attribute", 2);
    check("<gender/>", "neither a value", 2);
    check("<gender code=\"x\"/>", "", 2);
    check("words", "text between", 1);
    check("<gender value=\"&xxe;\"/>", "", 2);
    check("<x:gender xmlns:x=\"urn:o\" value=\"male\"/>", "namespace", 2);
    check("<contained><Nothing/></contained>", "no resource", 2);
    for text in [
        "<!DOCTYPE Patient [<!ENTITY a \"b\">]><Patient xmlns=\"http://hl7.org/fhir\"/>",
        "<Patient/>",
        "<Patient xmlns=\"http://hl7.org/fhir\">",
        "<Patient xmlns=\"http://hl7.org/fhir\"/><x/>",
        "",
        "{}",
    ] {
        assert!(xml::parse(text, definitions::r4()).is_err(), "{text}");
    }
    let nested = |n: usize| {
        let (open, close) = ("<extension url=\"u\">".repeat(n), "</extension>".repeat(n));
        format!("<Patient xmlns=\"http://hl7.org/fhir\">{open}{close}</Patient>")
    };
    let deep = |n| xml::parse(&nested(n), definitions::r4()).err().map(|e| e.problem);
    assert!(!deep(limits::XML_DEPTH - 1).unwrap_or_default().contains("nested deeper"));
    assert!(deep(limits::XML_DEPTH).unwrap().contains("nested deeper"));
}

#[test]
fn official_examples_survive_the_round_trip() {
    let named = std::env::var_os("MACH_FHIR_EXAMPLES").map(std::path::PathBuf::from);
    let folder = named.unwrap_or_else(|| Path::new("/tmp/npm/node_modules/hl7.fhir.r4.examples").to_owned());
    let Ok(files) = std::fs::read_dir(&folder) else {
        eprintln!("SKIPPED: npm hl7.fhir.r4.examples is not at {} (set MACH_FHIR_EXAMPLES)", folder.display());
        return;
    };
    let r4 = definitions::r4();
    let mut paths: Vec<_> = files.filter_map(|f| f.ok().map(|f| f.path())).collect();
    paths.sort();
    let step = if std::env::var_os("MACH_TEST_FULL").is_some() { 1 } else { 7 };
    let (mut all, mut problems) = (0, Vec::new());
    for path in paths.iter().filter(|p| p.extension().is_some_and(|e| e == "json")).step_by(step) {
        let text = std::fs::read_to_string(path).unwrap();
        let Ok(tree) = Tree::parse(text.as_str()) else {
            problems.push(format!("{}: {}", path.display(), Tree::parse(text.as_str()).unwrap_err()));
            continue;
        };
        if tree.root().get("resourceType").is_none() {
            continue;
        }
        all += 1;
        let again = xml::from_tree(&tree, r4).and_then(|x| xml::parse(&x, r4));
        match again {
            Ok(again) if sorted(again.root()) == sorted(tree.root()) => {}
            Ok(_) => problems.push(format!("{}: differs", path.display())),
            Err(e) => problems.push(format!("{}: {e}", path.display())),
        }
    }
    println!("{all} examples, {} problems", problems.len());
    assert!(problems.is_empty(), "{} of {all}:\n{}", problems.len(), problems.join("\n"));
    assert!(all > 500);
}
