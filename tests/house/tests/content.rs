//! Every shipped list parses, has one shape from its first row to its last, and says where it comes from.

use mach_house_tests::{File, files, root};
use std::collections::BTreeSet;

fn content() -> Vec<File> {
    let files = files("content", &[""]);
    assert!(files.len() > 15, "only {} files under content/", files.len());
    files
}

#[test]
fn every_list_parses() {
    for file in content() {
        match file.path.rsplit('.').next() {
            Some("csv") => check_csv(&file),
            Some("json" | "geojson") => {
                let parsed: Result<serde_json::Value, _> = serde_json::from_str(&file.text);
                assert!(parsed.is_ok(), "{}: {:?}", file.path, parsed.err());
            }
            Some("ftl" | "md" | "txt") => {}
            other => panic!("{}: nothing here reads a file of kind {other:?}", file.path),
        }
    }
}

fn check_csv(file: &File) {
    assert!(!file.text.starts_with('\u{feff}'), "{}: a byte order mark", file.path);
    let mut reader = csv::ReaderBuilder::new().comment(Some(b'#')).from_reader(file.text.as_bytes());
    let header = reader.headers().unwrap_or_else(|e| panic!("{}: {e}", file.path)).clone();
    let names: BTreeSet<_> = header.iter().collect();
    assert_eq!(names.len(), header.len(), "{}: a column name stands twice in {header:?}", file.path);
    assert!(!names.contains(""), "{}: a column without a name", file.path);
    // The reader refuses a row of another length than the header's.
    let mut rows = 0;
    for row in reader.records() {
        row.unwrap_or_else(|e| panic!("{}: {e}", file.path));
        rows += 1;
    }
    assert!(rows > 0, "{} has no rows", file.path);
}

#[test]
fn every_list_says_where_it_comes_from() {
    let notice = std::fs::read_to_string(root().join("content/NOTICE.md")).expect("content/NOTICE.md");
    for file in content() {
        let name = file.path.strip_prefix("content/").expect("under content/");
        // Messages are the product's own text.
        if name == "NOTICE.md" || name.starts_with("messages/") {
            continue;
        }
        let short = name.rsplit('/').next().unwrap_or(name);
        let known = notice.contains(name) || notice.contains(short) || named_by_pattern(&notice, short);
        assert!(known, "content/NOTICE.md does not say where {name} comes from");
    }
}

/// A row of the notice may stand for several files: `claims/*.csv`, `boundaries-*.geojson`.
fn named_by_pattern(notice: &str, name: &str) -> bool {
    let patterns = notice.split(|c: char| c.is_whitespace() || "`|,;()".contains(c)).filter(|w| w.contains('*'));
    patterns
        .filter_map(|p| p.rsplit('/').next()?.split_once('*'))
        .any(|(start, end)| end.len() > 3 && name.starts_with(start) && name.ends_with(end))
}

#[test]
fn text_is_composed_unicode() {
    // A decomposed accent looks the same and is never found: U+0300–U+036F after a letter must not occur.
    let mut all = content();
    all.extend(["crates", "web/ts", "docs"].into_iter().flat_map(|folder| files(folder, &[".html", ".ts", ".md"])));
    for file in all {
        let at = file.text.lines().position(|line| line.chars().any(|c| ('\u{300}'..='\u{36f}').contains(&c)));
        assert!(at.is_none(), "{}:{}: a combining accent; write the text in NFC", file.path, at.unwrap_or(0) + 1);
    }
}
