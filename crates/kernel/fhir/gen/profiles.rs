//! The generator of `content/fhir/r4-profiles.txt.zst`: the profiles and extensions of R4, as their differentials, without
//! words. The first line names the elements of the base types whose Quantity is a SimpleQuantity.

use super::{PACKAGE, entries, list, read, text};
use mach_fhir::json::quote;
use mach_fhir::tree::{Kind, Value};
use std::path::Path;

/// Members of a StructureDefinition that are kept.
const KEPT: [&str; 12] = [
    "resourceType",
    "url",
    "version",
    "name",
    "kind",
    "abstract",
    "context",
    "contextInvariant",
    "type",
    "baseDefinition",
    "derivation",
    "differential",
];

/// Members of an ElementDefinition (and of what is in it) that say nothing to a validator.
const WORDS: [&str; 16] = [
    "short",
    "definition",
    "comment",
    "requirements",
    "alias",
    "mapping",
    "example",
    "isSummary",
    "mustSupport",
    "code",
    "meaningWhenMissing",
    "orderMeaning",
    "label",
    "xpath",
    "source",
    "base",
];

/// The profiles of the package in `folder`, compiled.
pub fn compile(folder: &Path) -> Result<String, String> {
    let mut simple = Vec::new();
    let mut lines = String::new();
    for name in ["profiles-types.json", "profiles-resources.json", "extension-definitions.json", "profiles-others.json"]
    {
        let bundle = read(folder, name)?;
        for profile in entries(&bundle).filter(|r| text(*r, "resourceType") == "StructureDefinition") {
            if text(profile, "derivation") == "constraint" {
                write(profile, &KEPT, &mut lines);
                lines.push('\n');
            } else if let Some(snapshot) = profile.get("snapshot") {
                for element in list(snapshot, "element") {
                    let mut kinds = list(element, "type");
                    if kinds.any(|t| list(t, "profile").filter_map(Value::text).any(|p| p.ends_with("/SimpleQuantity")))
                    {
                        simple.push(text(element, "path"));
                    }
                }
            }
        }
    }
    Ok(format!("{PACKAGE}\tSimpleQuantity\t{}\n{lines}", simple.join(",")))
}

/// An object with only some of its members, on one line.
fn write(value: Value<'_>, kept: &[&str], out: &mut String) {
    let members = value.members().filter(|(name, _)| kept.contains(name));
    object(members, out);
}

fn object<'t>(members: impl Iterator<Item = (&'t str, Value<'t>)>, out: &mut String) {
    out.push('{');
    for (n, (name, member)) in members.enumerate() {
        out.push_str(if n > 0 { "," } else { "" });
        quote(out, name);
        out.push(':');
        if name == "differential" {
            elements(member, out);
        } else {
            plain(member, out);
        }
    }
    out.push('}');
}

fn elements(differential: Value<'_>, out: &mut String) {
    out.push_str("{\"element\":[");
    for (n, element) in list(differential, "element").enumerate() {
        out.push_str(if n > 0 { "," } else { "" });
        out.push('{');
        let mut first = true;
        for (name, member) in element.members().filter(|(name, _)| !WORDS.contains(name)) {
            out.push_str(if first { "" } else { "," });
            first = false;
            quote(out, name);
            out.push(':');
            if matches!(name, "binding" | "slicing") {
                object(member.members().filter(|(n, _)| *n != "description"), out);
            } else if name == "constraint" {
                constraints(member, out);
            } else {
                plain(member, out);
            }
        }
        out.push('}');
    }
    out.push_str("]}");
}

fn constraints(all: Value<'_>, out: &mut String) {
    out.push('[');
    for (n, constraint) in all.items().enumerate() {
        out.push_str(if n > 0 { "," } else { "" });
        object(constraint.members().filter(|(n, _)| !WORDS.contains(n)), out);
    }
    out.push(']');
}

/// The value without blanks between its parts.
fn plain(value: Value<'_>, out: &mut String) {
    match value.kind() {
        Kind::Object => {
            out.push('{');
            for (n, (name, member)) in value.members().enumerate() {
                out.push_str(if n > 0 { "," } else { "" });
                quote(out, name);
                out.push(':');
                plain(member, out);
            }
            out.push('}');
        }
        Kind::Array => {
            out.push('[');
            for (n, item) in value.items().enumerate() {
                out.push_str(if n > 0 { "," } else { "" });
                plain(item, out);
            }
            out.push(']');
        }
        _ => out.push_str(value.raw()),
    }
}
