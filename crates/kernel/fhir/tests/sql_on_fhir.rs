//! The open part of the official SQL on FHIR v2 suite.

use mach_fhir::tree::Value;
use mach_fhir::view::{View, json_row};
use mach_fhir::{Decimal, Tree};
use std::collections::BTreeMap;
use std::path::Path;

const SUITE: &str = "../../../../shared/testdata/sql-on-fhir";

/// Cases of the open suite that are not met, with the reason.
const KNOWN: [(&str, &str); 0] = [];

/// A value in a form that is equal where JSON means the same: no null members, numbers by value.
fn plain(value: Value<'_>) -> String {
    if let Some(number) = value.number().and_then(Decimal::parse) {
        return number.trimmed().to_string();
    }
    if value.is_array() {
        return format!("{:?}", value.items().map(plain).collect::<Vec<_>>());
    }
    let members: BTreeMap<_, _> = value.members().filter(|(_, v)| !v.is_null()).map(|(k, v)| (k, plain(v))).collect();
    if value.is_object() { format!("{members:?}") } else { value.raw().to_owned() }
}

/// Rows of the view over all resources as JSON, and the names of its columns.
fn run(view: Value<'_>, resources: &[Value<'_>]) -> Result<(Vec<String>, Vec<String>), String> {
    let tree = Tree::parse(view.raw()).map_err(|e| e.to_string())?;
    let view = View::compile(&tree).map_err(|e| e.to_string())?;
    let mut rows = Vec::new();
    for resource in resources {
        for row in view.rows_of(*resource).map_err(|e| e.to_string())? {
            assert_eq!(row.len(), view.columns().len(), "a cell for every column");
            let mut out = String::new();
            json_row(&mut out, view.columns(), &row);
            rows.push(out);
        }
    }
    Ok((rows, view.columns().iter().map(|c| c.name.clone()).collect()))
}

/// Runs one case of the suite; what differs. Rows have no order across resources, so they are compared sorted.
fn judge(test: Value<'_>, resources: &[Value<'_>]) -> Result<(), String> {
    let view = test.get("view").ok_or("no view")?;
    let got = run(view, resources);
    if test.get("expectError").and_then(Value::boolean) == Some(true) {
        return got.map_or(Ok(()), |(rows, _)| Err(format!("gives {rows:?} and must fail")));
    }
    let (rows, columns) = got.map_err(|e| format!("fails: {e}"))?;
    if let Some(wanted) = test.get("expectColumns") {
        let wanted: Vec<_> = wanted.items().filter_map(Value::text).collect();
        if wanted != columns {
            return Err(format!("columns {columns:?}, wants {wanted:?}"));
        }
    }
    let wanted = test.get("expect").ok_or("no expectation")?;
    let mut wanted: Vec<_> = wanted.items().map(plain).collect();
    let mut got: Vec<_> = rows.iter().map(|r| plain(Tree::parse(r.as_str()).expect("JSON").root())).collect();
    wanted.sort();
    got.sort();
    if wanted == got { Ok(()) } else { Err(format!("gives\n    {got:?}, wants\n    {wanted:?}")) }
}

#[test]
fn official_suite() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(SUITE);
    let Ok(files) = std::fs::read_dir(&folder) else {
        eprintln!("SKIPPED: the official suite is not at {}", folder.display());
        return;
    };
    let mut files: Vec<_> = files.map(|f| f.unwrap().path()).collect();
    files.sort();
    let (mut all, mut problems) = (0, Vec::new());
    for file in files {
        let suite = Tree::parse(std::fs::read_to_string(&file).unwrap()).unwrap();
        let resources: Vec<_> = suite.root().get("resources").unwrap().items().collect();
        for test in suite.root().get("tests").unwrap().items() {
            let title = test.get_text("title").unwrap_or_default();
            let case = format!("{}: {title}", file.file_stem().unwrap().display());
            let known = KNOWN.iter().any(|(n, _)| *n == case);
            all += 1;
            match judge(test, &resources) {
                Ok(()) if known => problems.push(format!("{case} is met now: take it off the list")),
                Err(problem) if !known => problems.push(format!("{case} {problem}")),
                _ => {}
            }
        }
    }
    println!("{} of {all} cases", all - problems.len());
    assert!(all >= 100, "the suite has {all} cases only");
    assert!(problems.is_empty(), "{} of {all} cases:\n{}", problems.len(), problems.join("\n"));
}
