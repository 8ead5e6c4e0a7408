//! Every shipped list parses, has one shape from its first row to its last, and says where it comes from.

use mach_house_tests::{File, files, paths, root};
use std::collections::BTreeSet;

/// Kinds that something here reads.
const TEXT: [&str; 6] = [".csv", ".json", ".geojson", ".ftl", ".md", ".txt"];

fn content() -> Vec<File> {
    let files = files("content", &TEXT);
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
            _ => {}
        }
    }
}

#[test]
fn every_file_is_of_a_kind_that_is_checked() {
    // Packed definitions are compiled from text and checked against it by the crate that owns them; fonts by its tests.
    let kinds = [TEXT.as_slice(), &[".txt.zst", ".ttf"]].concat();
    let others: Vec<_> = paths("content").into_iter().filter(|p| !kinds.iter().any(|k| p.ends_with(k))).collect();
    assert!(others.is_empty(), "nothing here reads {others:?}");
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
    for path in paths("content") {
        let name = path.strip_prefix("content/").expect("under content/");
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
