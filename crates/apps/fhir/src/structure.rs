//! The shape of a resource against the base definitions: elements that exist, how often, as which kind of JSON. No profiles,
//! no value sets, no invariants.

use mach_fhir::definitions::{self, Definitions, TypeId, TypeKind};
use mach_fhir::tree::{Kind, Value};
use mach_fhir::{ResourceType, Tree};

/// Findings of one resource; the rest is not worth more words.
const FINDINGS: usize = 100;

/// What is wrong with a resource, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Path: `Patient.name[0].family`.
    pub path: String,
    /// What.
    pub text: String,
}

/// Everything wrong with the shape of a resource of type `kind`.
pub fn check(kind: ResourceType, tree: &Tree<'_>) -> Vec<Finding> {
    let r4 = definitions::r4();
    let mut walk = Walk { r4, found: Vec::new() };
    match r4.find(kind.name()) {
        Some(of) => walk.object(tree.root(), of, kind.name()),
        None => walk.say(kind.name(), "the type is not defined"),
    }
    walk.found
}

struct Walk {
    r4: &'static Definitions,
    found: Vec<Finding>,
}

impl Walk {
    fn say(&mut self, path: &str, text: impl Into<String>) {
        if self.found.len() < FINDINGS {
            self.found.push(Finding { path: path.to_owned(), text: text.into() });
        }
    }

    fn object(&mut self, value: Value<'_>, of: TypeId, path: &str) {
        if !value.is_object() {
            return self.say(path, "an object is expected");
        }
        let mut of = of;
        if self.r4.get(of).is_abstract
            && let Some(own) = value.get_text("resourceType").and_then(|t| self.r4.find(&t))
        {
            of = own;
        }
        if value.members().next().is_none() {
            self.say(path, "an object must not be empty");
        }
        for (name, member) in value.members() {
            let plain = name.strip_prefix('_').unwrap_or(name);
            if matches!(plain, "resourceType" | "fhir_comments") {
                continue;
            }
            let here = format!("{path}.{plain}");
            let Some((element, kind)) = self.r4.json_member(of, plain) else {
                self.say(&here, format!("`{plain}` is no element of {}", self.r4.get(of).name));
                continue;
            };
            if element.is_list() != member.is_array() {
                self.say(&here, if element.is_list() { "an array is expected" } else { "only one value is allowed" });
                continue;
            }
            if member.is_array() && member.items().next().is_none() {
                self.say(&here, "an array must not be empty");
            }
            for (n, item) in member.each().enumerate() {
                let here = if member.is_array() { format!("{here}[{n}]") } else { here.clone() };
                self.one(item, kind, &here, name.starts_with('_'));
            }
        }
        for element in self.r4.get(of).elements.iter().filter(|e| e.min > 0) {
            let there = value.members().any(|(name, _)| {
                let plain = name.strip_prefix('_').unwrap_or(name);
                plain == element.name || (element.is_choice && plain.starts_with(element.name))
            });
            if !there {
                self.say(&format!("{path}.{}", element.name), "it is mandatory and missing");
            }
        }
    }

    fn one(&mut self, value: Value<'_>, of: TypeId, path: &str, beside: bool) {
        let shape = self.r4.get(of);
        match (shape.kind, value.kind()) {
            (_, Kind::Null) => {}
            (TypeKind::Primitive, Kind::Object) if beside => {}
            (TypeKind::Primitive, kind) => {
                let wanted = match shape.name {
                    "boolean" => Kind::Boolean,
                    "integer" | "decimal" | "positiveInt" | "unsignedInt" => Kind::Number,
                    _ => Kind::String,
                };
                if kind != wanted {
                    self.say(path, format!("a {} is expected", shape.name));
                } else if value.text().is_some_and(|t| t.is_empty()) {
                    self.say(path, "a text must not be empty");
                }
            }
            _ => self.object(value, of, path),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_are_checked() {
        let check = |body: &str, expect: &[&str]| {
            let tree = Tree::parse(body).unwrap();
            let found: Vec<String> = super::check(ResourceType::PATIENT, &tree).into_iter().map(|f| f.path).collect();
            assert_eq!(found, expect, "{body}");
        };
        check(
            r#"{"resourceType":"Patient","name":[{"family":"A","_given":[{"id":"x"}]}],"deceasedBoolean":true}"#,
            &[],
        );
        check(
            r#"{"resourceType":"Patient","nam":1,"active":"x","name":{"a":1},"gender":["m"]}"#,
            &["Patient.nam", "Patient.active", "Patient.name", "Patient.gender"],
        );
        check(
            r#"{"resourceType":"Patient","contained":[{"resourceType":"Observation","status":"final"}]}"#,
            &["Patient.contained[0].code"],
        );
        check(
            r#"{"resourceType":"Patient","name":[],"text":{}}"#,
            &["Patient.name", "Patient.text", "Patient.text.status", "Patient.text.div"],
        );
    }
}
