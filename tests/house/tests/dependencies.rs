//! Every direct dependency is written down in `docs/DEPENDENCIES.md`, and nothing else is.

use mach_house_tests::{crates, locked, root};
use std::collections::BTreeSet;

/// Names in the first column of the tables: "| `axum` | …".
fn documented() -> BTreeSet<String> {
    let text = std::fs::read_to_string(root().join("docs/DEPENDENCIES.md")).expect("docs/DEPENDENCIES.md");
    let names =
        text.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`')).map(|(name, _)| name.to_owned());
    names.collect()
}

fn from_npm(manifest: &str) -> Vec<String> {
    let text = std::fs::read_to_string(root().join(manifest)).unwrap_or_else(|e| panic!("{manifest}: {e}"));
    let parsed: serde_json::Value = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{manifest}: {e}"));
    let lists = ["dependencies", "devDependencies"].map(|key| parsed[key].as_object().cloned().unwrap_or_default());
    lists.into_iter().flat_map(|list| list.into_iter().map(|(name, _)| name)).collect()
}

/// Names in a list of pip's: `name==version`.
fn from_pip(list: &str) -> Vec<String> {
    let text = std::fs::read_to_string(root().join(list)).unwrap_or_else(|e| panic!("{list}: {e}"));
    text.lines().map(|line| line.split_once("==").unwrap_or_else(|| panic!("{list}: `{line}`")).0.to_owned()).collect()
}

#[test]
fn every_direct_dependency_has_a_line_and_every_line_a_dependency() {
    let mut used: BTreeSet<String> =
        crates().iter().flat_map(|c| &c.dependencies).filter(|d| !d.ours).map(|d| d.name.clone()).collect();
    let npm = ["web/package.json", "tests/browser/package.json", "tests/foreign/package.json"];
    used.extend(npm.into_iter().flat_map(from_npm));
    used.extend(["tests/foreign/requirements.txt", "tests/sign/requirements.txt"].into_iter().flat_map(from_pip));
    let documented = documented();
    let missing: Vec<_> = used.difference(&documented).collect();
    let gone: Vec<_> = documented.difference(&used).collect();
    assert!(missing.is_empty() && gone.is_empty(), "docs/DEPENDENCIES.md lacks {missing:?} and has too much: {gone:?}");
}

#[test]
fn versions_are_named_once_in_the_workspace() {
    for c in crates() {
        let path = root().join(&c.folder).join("Cargo.toml");
        let manifest = std::fs::read_to_string(path).expect("a manifest");
        for line in manifest.lines().filter(|line| line.contains(" = ") && !line.starts_with('#')) {
            assert!(!line.contains("version = \""), "{}: `{line}` belongs into [workspace.dependencies]", c.folder);
        }
    }
}

/// The licences `deny.toml` allows.
fn allowed() -> BTreeSet<String> {
    let text = std::fs::read_to_string(root().join("deny.toml")).expect("deny.toml");
    let (_, list) = text.split_once("\nallow = [").expect("deny.toml allows licences");
    let (list, _) = list.split_once(']').expect("the list ends");
    list.split('"').skip(1).step_by(2).map(str::to_owned).collect()
}

/// Whether a licence expression (`A OR (B AND C)`; `/` is an old spelling of `OR`) can be met from `allowed`.
fn met(expression: &str, allowed: &BTreeSet<String>) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ").replace(" WITH ", "~");
    let words: Vec<_> = spaced.split_whitespace().collect();
    let (value, rest) = any_of(&words, allowed);
    assert!(rest.is_empty(), "`{expression}` is not understood at {rest:?}");
    value
}

fn any_of<'a>(words: &'a [&'a str], allowed: &BTreeSet<String>) -> (bool, &'a [&'a str]) {
    let (mut value, mut rest) = all_of(words, allowed);
    while let ["OR", more @ ..] = rest {
        let (next, after) = all_of(more, allowed);
        (value, rest) = (value | next, after);
    }
    (value, rest)
}

fn all_of<'a>(words: &'a [&'a str], allowed: &BTreeSet<String>) -> (bool, &'a [&'a str]) {
    let (mut value, mut rest) = one(words, allowed);
    while let ["AND", more @ ..] = rest {
        let (next, after) = one(more, allowed);
        (value, rest) = (value & next, after);
    }
    (value, rest)
}

fn one<'a>(words: &'a [&'a str], allowed: &BTreeSet<String>) -> (bool, &'a [&'a str]) {
    match words {
        ["(", inner @ ..] => {
            let (value, rest) = any_of(inner, allowed);
            (value, rest.split_first().filter(|(end, _)| **end == ")").expect("a closing bracket").1)
        }
        [name, rest @ ..] => (allowed.contains(&name.replace('~', " WITH ")), rest),
        [] => panic!("a licence is missing at the end"),
    }
}

#[test]
fn licence_expressions_are_understood() {
    let allowed = BTreeSet::from(["MIT", "Zlib", "Apache-2.0 WITH LLVM-exception"].map(str::to_owned));
    let check = |expression: &str, expect: bool| assert_eq!(met(expression, &allowed), expect, "{expression}");
    check("MIT", true);
    check("GPL-3.0-only", false);
    check("MIT OR AGPL-3.0", true);
    check("MIT/Apache-2.0", true);
    check("MIT AND AGPL-3.0", false);
    check("(GPL-2.0 OR MIT) AND Zlib", true);
    check("(GPL-2.0 OR LGPL-3.0) AND Zlib", false);
    check("GPL-2.0 OR MIT AND Zlib", true);
    check("Apache-2.0 WITH LLVM-exception", true);
}

#[test]
fn every_crate_in_the_lock_file_has_a_licence_that_may_enter() {
    let allowed = allowed();
    assert!(allowed.contains("MIT") && allowed.len() > 5, "deny.toml was not read: {allowed:?}");
    let packages = locked();
    assert!(packages.len() > 80, "only {} packages are in the lock file", packages.len());
    let refused = packages.iter().filter(|(_, licence)| !met(licence, &allowed)).collect::<Vec<_>>();
    assert!(refused.is_empty(), "not allowed by deny.toml: {refused:?}");
}
