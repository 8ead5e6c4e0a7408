//! The official R4 examples (npm `hl7.fhir.r4.examples`): all are read, give search values, and meet the invariants of
//! their type. A sample by default; all with `MACH_TEST_FULL`.

use mach_fhir::definitions::{self, Definitions};
use mach_fhir::path::{Expression, Item, Mode, Node};
use mach_fhir::search::extract;
use mach_fhir::{ResourceType, Tree};
use std::path::{Path, PathBuf};

/// Examples that HL7 published though they break an invariant, with the invariant.
const WRONG: &[(&str, &str)] = &[
    // The same `fullUrl` twice.
    ("Bundle-dataelements.json", "bdl-7"),
    // Logical models without a base.
    ("StructureDefinition-Definition.json", "sdf-4"),
    ("StructureDefinition-Event.json", "sdf-4"),
    ("StructureDefinition-FiveWs.json", "sdf-4"),
    ("StructureDefinition-Request.json", "sdf-4"),
];

fn each_example(mut with: impl FnMut(&str, &Tree<'_>)) -> usize {
    let named = std::env::var_os("MACH_FHIR_EXAMPLES").map(PathBuf::from);
    let folder = named.unwrap_or_else(|| Path::new("/tmp/npm/node_modules/hl7.fhir.r4.examples").to_owned());
    let Ok(files) = std::fs::read_dir(&folder) else {
        eprintln!("SKIPPED: npm hl7.fhir.r4.examples is not at {} (set MACH_FHIR_EXAMPLES)", folder.display());
        return 0;
    };
    let mut paths: Vec<_> = files.filter_map(|f| f.ok().map(|f| f.path())).collect();
    paths.retain(|p| p.extension().is_some_and(|e| e == "json"));
    paths.sort();
    let step = if std::env::var_os("MACH_TEST_FULL").is_some() { 1 } else { 7 };
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

#[test]
fn search_values() {
    let mut values = 0;
    let all = each_example(|name, tree| {
        let kind = tree.root().get_text("resourceType").and_then(|k| ResourceType::parse(&k));
        let kind = kind.unwrap_or_else(|| panic!("{name} is of no type"));
        values += extract(kind, tree).unwrap_or_else(|e| panic!("{name}: {e}")).len();
    });
    assert!(all == 0 || (all > 500 && values > all * 4), "{values} values of {all} examples");
}

/// What is broken of the invariants of a resource's type.
fn broken(tree: &Tree<'_>, r4: &Definitions) -> Vec<String> {
    let root = Node::root(tree, r4);
    let errors = r4.get(root.id).constraints.iter().map(|n| &r4.constraints[usize::from(*n)]).filter(|c| c.is_error);
    let mut problems = Vec::new();
    for constraint in errors {
        let expression = Expression::compile(constraint.expression, r4, root.id, Mode::Lenient).expect("compiles");
        match expression.evaluate(tree, r4).as_deref() {
            Ok([] | [Item::Boolean(true)]) => {}
            other => problems.push(format!("{} gives {other:?}: {}", constraint.key, constraint.expression)),
        }
    }
    problems
}

#[test]
fn invariants_of_their_type() {
    let r4 = definitions::r4();
    let mut problems = Vec::new();
    let all = each_example(|name, tree| {
        for problem in broken(tree, r4) {
            if !WRONG.iter().any(|(n, key)| name == *n && problem.starts_with(key)) {
                problems.push(format!("{name}: {problem}"));
            }
        }
    });
    assert!(problems.is_empty(), "{} of {all}:\n{}", problems.len(), problems.join("\n"));
}
