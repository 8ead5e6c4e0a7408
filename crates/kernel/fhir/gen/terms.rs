//! The generator of `content/fhir/terms.txt.zst`: the code systems, value sets and concept maps of the package, without
//! what only people read, one resource a line: `kind TAB id TAB url TAB version TAB json`.

use super::{PACKAGE, entries, read, text};
use mach_fhir::json::quote;
use mach_fhir::tree::{Kind, Value};
use std::path::Path;

/// Members that no terminology operation answers with.
const DROPPED: [&str; 19] = [
    "text",
    "meta",
    "extension",
    "modifierExtension",
    "contact",
    "description",
    "identifier",
    "publisher",
    "experimental",
    "copyright",
    "useContext",
    "jurisdiction",
    "purpose",
    "immutable",
    "date",
    "comment",
    "implicitRules",
    "count",
    "requirements",
];

/// The terminology of the package in `folder`.
pub fn compile(folder: &Path) -> Result<String, String> {
    let mut out = format!("mach-fhir-terms\t1\nsource\t{PACKAGE}, FHIR R4 4.0.1\n");
    for name in ["valuesets.json", "v3-codesystems.json", "v2-tables.json", "conceptmaps.json"] {
        let bundle = read(folder, name)?;
        for resource in entries(&bundle) {
            let kind = text(resource, "resourceType");
            if !matches!(kind.as_str(), "CodeSystem" | "ValueSet" | "ConceptMap") {
                continue;
            }
            let (id, url, version) = (text(resource, "id"), text(resource, "url"), text(resource, "version"));
            if [&id, &url, &version].iter().any(|f| f.contains(['\t', '\n'])) {
                return Err(format!("{kind}/{id} has a tab in its names"));
            }
            out.push_str(&format!("{kind}\t{id}\t{url}\t{version}\t"));
            write(&mut out, resource);
            out.push('\n');
        }
    }
    Ok(out)
}

/// A value without the dropped members and without blanks between its parts.
fn write(out: &mut String, value: Value<'_>) {
    match value.kind() {
        Kind::Object => {
            out.push('{');
            let mut first = true;
            for (name, member) in value.members().filter(|(n, v)| kept(n, *v)) {
                if !std::mem::take(&mut first) {
                    out.push(',');
                }
                quote(out, name);
                out.push(':');
                write(out, member);
            }
            out.push('}');
        }
        Kind::Array => {
            out.push('[');
            for (n, item) in value.items().enumerate() {
                if n > 0 {
                    out.push(',');
                }
                write(out, item);
            }
            out.push(']');
        }
        Kind::String => quote(out, &value.text().unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ")),
        _ => out.push_str(value.raw()),
    }
}

fn kept(name: &str, value: Value<'_>) -> bool {
    let usual_use = name == "use" && value.get_text("code").as_deref() == Some("display");
    !name.starts_with('_') && !DROPPED.contains(&name) && !usual_use
}
