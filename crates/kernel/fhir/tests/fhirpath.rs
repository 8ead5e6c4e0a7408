//! The open part of the official FHIRPath suite for R4, and our own cases beside it.

use mach_fhir::definitions;
use mach_fhir::path::{self, Item};
use mach_fhir::{Tree, xml};
use std::collections::BTreeMap;
use std::path::Path;

const SUITE: &str = "../../../../shared/testdata/fhirpath";

/// Cases of the open suite that are not met, with the reason.
const KNOWN: [(&str, &str); 0] = [];

/// What an expression gives: types and values as the suite writes them, or nothing where it fails.
fn outcome(expression: &str, tree: &Tree<'_>) -> Result<Vec<(String, String)>, String> {
    let items = path::evaluate(expression, tree, definitions::r4()).map_err(|e| e.to_string())?;
    Ok(items.iter().map(|item| (item.type_name(definitions::r4()), shown(item))).collect())
}

fn shown(item: &Item<'_>) -> String {
    let plain = item.plain(definitions::r4()).and_then(|p| p.to_text());
    plain.map_or_else(|| item.to_json(), |t| t.into_owned())
}

fn input(folder: &Path, name: Option<&str>) -> Tree<'static> {
    let Some(name) = name else { return Tree::parse("{}").unwrap() };
    let text = std::fs::read_to_string(folder.join("input").join(name)).unwrap_or_else(|e| panic!("{name}: {e}"));
    if name.ends_with(".xml") {
        xml::parse(&text, definitions::r4()).unwrap_or_else(|e| panic!("{name}: {e}"))
    } else {
        Tree::parse(text).unwrap_or_else(|e| panic!("{name}: {e}"))
    }
}

/// Runs one case of the suite; what differs.
fn judge(test: roxmltree::Node<'_, '_>, tree: &Tree<'_>) -> Result<(), String> {
    let expression = test.children().find(|c| c.has_tag_name("expression")).ok_or("no expression")?;
    let text = expression.text().unwrap_or_default();
    let got = outcome(text, tree);
    if expression.has_attribute("invalid") {
        return match got {
            Err(_) => Ok(()),
            Ok(got) => Err(format!("{text}\n    gives {got:?} and must fail")),
        };
    }
    let got = got.map_err(|e| format!("{text}\n    fails: {e}"))?;
    let expect: Vec<_> = test.children().filter(|c| c.has_tag_name("output")).collect();
    if test.attribute("predicate") == Some("true") {
        let holds = !got.is_empty() && got != [("boolean".to_owned(), "false".to_owned())];
        let wanted = expect.first().and_then(|o| o.text()) == Some("true");
        return if holds == wanted { Ok(()) } else { Err(format!("{text}\n    gives {got:?}")) };
    }
    let same = got.len() == expect.len()
        && got.iter().zip(&expect).all(|((kind, value), output)| {
            let wanted = output.text().unwrap_or_default().trim();
            let plain = wanted.strip_prefix("@T").or(wanted.strip_prefix('@')).unwrap_or(wanted);
            output.attribute("type").is_none_or(|t| t == kind) && (value == wanted || value == plain)
        });
    let expect: Vec<_> = expect.iter().map(|o| (o.attribute("type"), o.text())).collect();
    if same { Ok(()) } else { Err(format!("{text}\n    gives {got:?}\n    wants {expect:?}")) }
}

#[test]
fn official_suite() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(SUITE);
    let Ok(text) = std::fs::read_to_string(folder.join("tests-open.xml")) else {
        eprintln!("SKIPPED: the official suite is not at {}", folder.display());
        return;
    };
    let suite = roxmltree::Document::parse(&text).unwrap();
    let mut inputs = BTreeMap::new();
    let (mut all, mut problems) = (0, Vec::new());
    for test in suite.descendants().filter(|n| n.has_tag_name("test")) {
        let name = test.attribute("inputfile");
        let tree = inputs.entry(name).or_insert_with(|| input(&folder, name));
        all += 1;
        let case = test.attribute("name").unwrap_or_default();
        let known = KNOWN.iter().any(|(n, _)| *n == case);
        match judge(test, tree) {
            Ok(()) if known => problems.push(format!("{case} is met now: take it off the list")),
            Ok(()) => {}
            Err(_) if known => {}
            Err(problem) => problems.push(format!("{case}: {problem}")),
        }
    }
    println!("{} of {all} cases met", all - problems.len() - KNOWN.len());
    assert!(problems.is_empty(), "{} of {all} cases:\n{}", problems.len(), problems.join("\n"));
    assert!(KNOWN.len() * 100 <= all && all >= 300);
}
