//! `content/messages/{vi,en}.ftl` to `pub const SIGN_IN: Msg = …`: a key that one language lacks fails the build.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use super::{read, write};

/// Reads both catalogues, compares them and writes the constants.
pub fn generate(folder: &Path, out: &Path) -> Result<(), String> {
    let mut texts = Vec::new();
    for lang in ["vi", "en"] {
        let path = folder.join(format!("{lang}.ftl"));
        println!("cargo::rerun-if-changed={}", path.display());
        texts.push(parse(&read(&path)?).map_err(|e| format!("{}: {e}", path.display()))?);
    }
    let (vi, en) = (&texts[0], &texts[1]);
    let mut code = String::new();
    for (key, text) in vi {
        let other = en.get(key).ok_or(format!("content/messages: `{key}` is missing in en.ftl"))?;
        if names(text) != names(other) {
            return Err(format!("content/messages: `{key}` has other placeables in vi.ftl than in en.ftl"));
        }
        let constant = key.to_uppercase().replace('-', "_");
        writeln!(
            code,
            "/// {text:?}\npub const {constant}: Msg = Msg {{ key: {key:?}, vi: {text:?}, en: {other:?} }};"
        )
        .map_err(|e| e.to_string())?;
    }
    if let Some(key) = en.keys().find(|k| !vi.contains_key(*k)) {
        return Err(format!("content/messages: `{key}` is missing in vi.ftl"));
    }
    let all: Vec<_> = vi.keys().map(|k| k.to_uppercase().replace('-', "_")).collect();
    writeln!(code, "/// Every message, by key.\npub const EVERY: &[Msg] = &[{}];", all.join(", "))
        .map_err(|e| e.to_string())?;
    write(out, &code)
}

/// The subset of Fluent we use: comments, blank lines and `key = text with { $name }` on one line.
fn parse(text: &str) -> Result<BTreeMap<String, String>, String> {
    let mut found = BTreeMap::new();
    for (index, line) in text.lines().enumerate() {
        let at = index + 1;
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        let (key, value) = line.split_once('=').ok_or(format!("line {at}: neither a comment nor `key = text`"))?;
        let (key, value) = (key.trim(), value.trim());
        let good = key.starts_with(|c: char| c.is_ascii_lowercase())
            && key.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if !good || value.is_empty() {
            return Err(format!("line {at}: a key is a-z, 0-9 and `-`, and its text is not empty"));
        }
        check_braces(value).map_err(|e| format!("line {at}: {e}"))?;
        if found.insert(key.to_owned(), value.to_owned()).is_some() {
            return Err(format!("line {at}: `{key}` stands twice"));
        }
    }
    Ok(found)
}

fn check_braces(text: &str) -> Result<(), String> {
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        let inner = rest[at..].strip_prefix("{ $").and_then(|r| r.split_once(" }"));
        let Some((name, after)) = inner.filter(|(n, _)| n.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')) else {
            return Err("a placeable is written `{ $name }`".into());
        };
        if name.is_empty() {
            return Err("a placeable has a name".into());
        }
        rest = after;
    }
    Ok(())
}

fn names(text: &str) -> Vec<&str> {
    let mut names: Vec<_> = text.split("{ $").skip(1).filter_map(|r| r.split_once(" }").map(|(n, _)| n)).collect();
    names.sort_unstable();
    names.dedup();
    names
}
