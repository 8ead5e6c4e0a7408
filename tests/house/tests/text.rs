//! What may stand where: read from the files, because the compiler cannot say it.

use mach_house_tests::{File, files};

/// The longest a source file may be.
const LINES: usize = 520;
/// Files over it, each with its reason.
const LONG: [(&str, &str); 0] = [];

/// Words of SQL as they stand in a statement.
const SQL: [&str; 6] = ["SELECT ", "INSERT INTO", "DELETE FROM", "CREATE TABLE", "PRAGMA ", "ON CONFLICT"];

fn sources() -> Vec<File> {
    let mut files = files("crates", &[".rs"]);
    files.extend(self::files("tests/house", &[".rs"]));
    assert!(files.len() > 40, "only {} source files were found", files.len());
    files
}

fn is_test(path: &str) -> bool {
    path.starts_with("tests/")
        || ["/tests/", "/examples/"].iter().any(|f| path.contains(f))
        || path.ends_with("/tests.rs")
}

/// Fails with every place found.
fn forbid(rule: &str, found: &[String]) {
    assert!(found.is_empty(), "{rule}:\n{}", found.join("\n"));
}

/// Every product line of `files` for which `bad` holds, as `path:line: text`.
fn lines_where<'a>(files: impl IntoIterator<Item = &'a File>, bad: impl Fn(&str) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    for file in files {
        let lines = file.product_lines().filter(|(_, line)| bad(line));
        found.extend(lines.map(|(number, line)| format!("{}:{number}: {}", file.path, line.trim())));
    }
    found
}

fn is_comment(line: &str) -> bool {
    line.trim_start().starts_with("//")
}

fn is_sql(line: &str) -> bool {
    let update = line.find("UPDATE ").is_some_and(|at| line[at..].contains(" SET "));
    !is_comment(line) && (update || SQL.iter().any(|word| line.contains(word)))
}

#[test]
fn sql_is_recognised() {
    for line in
        ["let q = \"SELECT id FROM claim\";", "tx.run(\"UPDATE claim SET state = ?1\", &[])", "\"DELETE FROM cell\""]
    {
        assert!(is_sql(line), "{line}");
    }
    for line in ["// SELECT id FROM claim", "select the claims", "UPDATE_SCREENSHOTS=1"] {
        assert!(!is_sql(line), "{line}");
    }
}

#[test]
fn sql_stands_only_in_the_store() {
    let sources = sources();
    let others = sources.iter().filter(|f| !f.path.starts_with("crates/kernel/store/") && !is_test(&f.path));
    forbid("SQL outside crates/kernel/store", &lines_where(others, is_sql));
    let store = sources.iter().filter(|f| f.path.starts_with("crates/kernel/store/src"));
    assert!(lines_where(store, is_sql).len() > 20, "the test no longer recognises the store's own SQL");
}

#[test]
fn lints_are_expected_with_a_reason_never_allowed() {
    // Spelled in two parts, so that this file is not its own finding.
    let (allow, inner) = (concat!("#[", "allow"), concat!("#![", "allow"));
    let sources = sources();
    let mut found = Vec::new();
    for file in &sources {
        let lines = file.text.lines().enumerate().filter(|(_, l)| l.contains(allow) || l.contains(inner));
        found.extend(lines.map(|(n, _)| format!("{}:{}", file.path, n + 1)));
    }
    forbid("use #[expect(…, reason = …)]", &found);
}

#[test]
fn source_files_stay_short() {
    for file in sources() {
        let (lines, known) = (file.text.lines().count(), LONG.iter().any(|(path, _)| *path == file.path));
        assert!(lines <= LINES || known, "{} has {lines} lines; at most {LINES}", file.path);
        assert!(lines > LINES || !known, "{} is short again: take it out of LONG", file.path);
    }
}

#[test]
fn tests_wait_for_the_thing_itself() {
    let sleep = concat!("thread::", "sleep");
    let found: Vec<_> = sources().iter().filter(|f| f.text.contains(sleep)).map(|f| f.path.clone()).collect();
    forbid("sleeping", &found);
}

/// What the content security policy forbids in a page: it would be silently ignored by the browser.
fn breaks_policy(line: &str) -> bool {
    let handler = line.split_whitespace().any(|word| {
        let name = word.split('=').next().unwrap_or_default();
        word.contains("=\"") && name.len() > 3 && name.starts_with("on") && name.bytes().all(|b| b.is_ascii_lowercase())
    });
    let inline_script =
        line.contains("<script") && !line.contains("src=") && !line.contains("type=\"application/json\"");
    line.contains("style=\"") || line.contains("style=\\\"") || line.contains("<style") || inline_script || handler
}

#[test]
fn inline_style_and_script_are_recognised() {
    for line in [
        "<p style=\"color: red\">",
        "<script>run()</script>",
        "<a onclick=\"run()\">",
        "format!(\"<i style=\\\"width\")",
    ] {
        assert!(breaks_policy(line), "{line}");
    }
    for line in
        ["<script src=\"{{ app_js }}\" defer></script>", "<p class=\"onward\">", "<svg><g stroke=\"red\">", "one=\"1\""]
    {
        assert!(!breaks_policy(line), "{line}");
    }
}

#[test]
fn pages_carry_no_inline_style_or_script() {
    let pages = files("crates", &[".html"]);
    assert!(pages.len() > 10, "only {} templates were found", pages.len());
    forbid("the policy forbids it: use a class of web/css", &lines_where(&pages, breaks_policy));
    let sources = sources();
    let makers = sources.iter().filter(|f| !is_test(&f.path) && !f.path.starts_with("crates/kernel/ui/build"));
    forbid(
        "the policy forbids it: use a class of web/css",
        &lines_where(makers, |l| !is_comment(l) && breaks_policy(l)),
    );
}

#[test]
fn templates_hold_no_text_of_their_own() {
    let vietnamese = |line: &str| line.chars().any(|c| ('\u{c0}'..='\u{1ef9}').contains(&c) && c != '×' && c != '÷');
    let comment = |line: &str| line.trim_start().starts_with("{#");
    let found = lines_where(&files("crates", &[".html"]), |line| vietnamese(line) && !comment(line));
    forbid("text belongs into content/messages/vi.ftl and en.ftl", &found);
}

/// Where floating point may be: drawing, geometry, and what a spreadsheet's cells are.
const FLOATS: [(&str, &str); 15] = [
    ("crates/kernel/documents/src/", "points on paper"),
    ("crates/kernel/sign/src/hc1/cbor.rs", "CBOR has such numbers; read, never written"),
    ("crates/kernel/sign/src/pades/changes.rs", "points on paper"),
    ("crates/kernel/sign/src/pades/prepare.rs", "points on paper"),
    ("crates/kernel/sign/src/pdf/object.rs", "points on paper"),
    ("crates/kernel/ui/src/chart/", "pixels"),
    ("crates/kernel/ui/src/gallery/charts.rs", "pixels"),
    ("crates/exchange/synth/src/work.rs", "the share of defects asked for on the command line"),
    ("crates/kernel/ui/src/http/request.rs", "weights of Accept and Accept-Language"),
    ("crates/kernel/places/src/shapes.rs", "longitudes and latitudes"),
    ("crates/apps/fhir/src/near.rs", "latitudes and longitudes"),
    ("crates/apps/hoc/src/overview/map.rs", "pixels"),
    ("crates/apps/hoc/src/export.rs", "cells of a spreadsheet are doubles; the exact number is in the CSV"),
    ("crates/apps/record/src/view.rs", "pixels"),
    ("crates/mach/src/", "seconds, and claims per second, as printed"),
];

#[test]
fn money_and_figures_are_never_floats() {
    let is_float = |line: &str| {
        let words = line.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        !is_comment(line)
            && words.into_iter().any(|w| w == "f64" || w == "f32" || w.ends_with("_f64") || w.ends_with("_f32"))
    };
    let sources = sources();
    let strict =
        sources.iter().filter(|f| !is_test(&f.path) && !FLOATS.iter().any(|(path, _)| f.path.starts_with(path)));
    forbid("floating point where money or figures may pass: use Decimal or integers", &lines_where(strict, is_float));
}
