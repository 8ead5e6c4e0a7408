//! A CodeSystem resource as a code system.

use super::Problem;
use super::system::{Builder, CodeSystem, Content, Head};
use crate::tree::Value;
use mach_base::Day;

pub(super) fn text(value: Value<'_>, name: &str) -> Box<str> {
    value.get_text(name).map(|t| t.into_owned().into()).unwrap_or_default()
}

pub(super) fn list<'t>(value: Value<'t>, name: &str) -> impl Iterator<Item = Value<'t>> + use<'t> {
    value.get(name).into_iter().flat_map(Value::items)
}

impl CodeSystem {
    /// Reads a CodeSystem resource. A hierarchy is told by concepts in concepts and by the properties `parent`,
    /// `subsumedBy` and `child`; `inactive`, `status` (`retired`, `inactive`), `notSelectable` and `abstract` are read as
    /// R4 §4.8.7 says, `valid-from` and `valid-to` as the days of use.
    ///
    /// # Errors
    /// What R4 forbids (a code twice, a circle, no URL), or too many concepts.
    pub fn read(resource: Value<'_>) -> Result<Self, Problem> {
        let url = text(resource, "url");
        if url.is_empty() {
            return Err(Problem::invalid("a code system without `url` cannot be asked".to_owned()));
        }
        let content = text(resource, "content");
        let content = Content::parse(&content)
            .ok_or_else(|| Problem::invalid(format!("code system `{url}`: `content` cannot be `{content}`")))?;
        let declared = list(resource, "property").map(|p| (text(p, "code"), text(p, "type"))).collect();
        let mut builder = Builder::new(Head {
            url,
            version: text(resource, "version"),
            name: text(resource, "name"),
            title: text(resource, "title"),
            language: text(resource, "language"),
            content,
            case_sensitive: resource.get("caseSensitive").and_then(Value::boolean).unwrap_or(true),
            value_set: text(resource, "valueSet"),
            declared,
        });
        concepts(&mut builder, resource, None)?;
        builder.finish()
    }
}

fn concepts(builder: &mut Builder, holder: Value<'_>, parent: Option<u32>) -> Result<(), Problem> {
    for concept in list(holder, "concept") {
        let at =
            builder.concept(parent, &text(concept, "code"), &text(concept, "display"), &text(concept, "definition"))?;
        let (mut from, mut to) = (None, None);
        for property in list(concept, "property") {
            let name = text(property, "code");
            let Some((kind, value, system)) = value_of(property) else { continue };
            match &*name {
                "parent" | "subsumedBy" => {
                    builder.parent(&value);
                    continue;
                }
                "child" => {
                    builder.child(&value);
                    continue;
                }
                "inactive" if &*value == "true" => builder.set_inactive(),
                "status" if matches!(&*value, "retired" | "inactive") => builder.set_inactive(),
                "notSelectable" | "abstract" if &*value == "true" => builder.set_abstract(),
                "valid-from" => from = value.get(..10).and_then(Day::parse_iso),
                "valid-to" => to = value.get(..10).and_then(Day::parse_iso),
                _ => {}
            }
            builder.property(&name, kind, &value, &system);
        }
        if from.is_some() || to.is_some() {
            builder.set_valid(from, to);
        }
        for words in list(concept, "designation") {
            let used = words.get("use").map(|u| (text(u, "system"), text(u, "code"))).unwrap_or_default();
            builder.designation(&text(words, "language"), (&used.0, &used.1), &text(words, "value"));
        }
        concepts(builder, concept, Some(at))?;
    }
    Ok(())
}

/// Kind, value and system of a property's `value[x]`.
fn value_of(property: Value<'_>) -> Option<(&'static str, Box<str>, Box<str>)> {
    const KINDS: [(&str, &str); 7] = [
        ("valueCode", "code"),
        ("valueString", "string"),
        ("valueInteger", "integer"),
        ("valueBoolean", "boolean"),
        ("valueDateTime", "dateTime"),
        ("valueDecimal", "decimal"),
        ("valueCoding", "Coding"),
    ];
    KINDS.iter().find_map(|(member, kind)| {
        let value = property.get(member)?;
        if *kind == "Coding" {
            return Some((*kind, text(value, "code"), text(value, "system")));
        }
        let shown = value.text().map_or_else(|| value.raw().into(), |t| t.into_owned().into());
        Some((*kind, shown, Box::default()))
    })
}
