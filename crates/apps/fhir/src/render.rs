//! Stored bytes as they go out: `meta.versionId` and `meta.lastUpdated` are set into the exact bytes, everything else stays
//! as its sender wrote it, `1.00` included.

use crate::moment::instant;
use crate::query::Pair;
use crate::refusal::Refusal;
use mach_fhir::definitions::{self, TypeId};
use mach_fhir::json::quote;
use mach_fhir::tree::{Kind, Value};
use mach_fhir::{ResourceType, Tree};
use mach_store::resources::Resource;
use std::borrow::Cow;

/// How resources are shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shape {
    /// Indented.
    pub pretty: bool,
    /// `_summary`.
    pub summary: Summary,
    /// `_elements`: names at the root; all where empty. `Type.name` counts for that type.
    pub elements: Vec<String>,
}

/// `_summary`, but for `count`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Summary {
    /// Everything.
    #[default]
    False,
    /// Elements marked as summary.
    True,
    /// Narrative, id, meta and what is mandatory.
    Text,
    /// Everything but the narrative.
    Data,
}

impl Shape {
    /// What `_summary` and `_elements` ask of a read.
    ///
    /// # Errors
    /// 400.
    pub fn asked(pairs: &[Pair]) -> Result<Self, Refusal> {
        let mut shape = Self::default();
        for pair in pairs {
            match pair.name.as_str() {
                "_summary" => shape.summary(&pair.value).ok_or_else(|| {
                    Refusal::invalid(format!("`_summary` cannot be `{}` here", pair.value)).at("_summary")
                })?,
                "_elements" => shape.elements.extend(pair.value.split(',').map(str::to_owned)),
                _ => {}
            }
        }
        Ok(shape)
    }

    /// Takes a `_summary`; `None` where it is none.
    pub fn summary(&mut self, value: &str) -> Option<()> {
        self.summary = match value {
            "false" => Summary::False,
            "true" => Summary::True,
            "text" => Summary::Text,
            "data" => Summary::Data,
            _ => return None,
        };
        Some(())
    }

    fn is_whole(&self) -> bool {
        self.summary == Summary::False && self.elements.is_empty()
    }
}

/// A resource as it goes out in a bundle: not yet indented.
///
/// # Errors
/// 500 where the stored bytes are no JSON.
pub fn resource(resource: &Resource, shape: &Shape) -> Result<String, Refusal> {
    let whole = with_meta(&resource.body, resource.version, resource.at)?;
    if shape.is_whole() {
        return Ok(whole);
    }
    let tree = Tree::parse(whole.as_str()).map_err(Refusal::internal)?;
    Ok(subset(tree.root(), resource.kind, shape))
}

/// Sets version and time into the bytes of a resource.
///
/// # Errors
/// 500 where they are no JSON object.
pub fn with_meta(body: &str, version: i64, at: i64) -> Result<String, Refusal> {
    let tree = Tree::parse(body).map_err(Refusal::internal)?;
    let own = format!("\"versionId\":\"{version}\",\"lastUpdated\":\"{}\"", instant(at));
    let root = tree.root();
    let Some(meta) = root.get("meta").filter(|m| m.is_object()) else {
        let after = root.get("id").or_else(|| root.get("resourceType"));
        let at = after.map_or(1, |v| v.range().end);
        let comma = if after.is_some() { "," } else { "" };
        let tail = if after.is_none() && root.members().next().is_some() { "," } else { "" };
        return Ok(format!("{}{comma}\"meta\":{{{own}}}{tail}{}", &body[..at], &body[at..]));
    };
    let mut new = format!("{{{own}");
    for (name, value) in meta.members().filter(|(n, _)| !matches!(*n, "versionId" | "lastUpdated")) {
        new.push(',');
        quote(&mut new, name);
        new.push(':');
        new.push_str(value.raw());
    }
    new.push('}');
    let range = meta.range();
    Ok(format!("{}{new}{}", &body[..range.start], &body[range.end..]))
}

/// The same resource under another id: the id is set, replaced, or left as it is, in the exact bytes.
pub fn with_id<'b>(tree: &Tree<'b>, body: &'b str, id: &str) -> Cow<'b, str> {
    let root = tree.root();
    match root.get("id") {
        Some(old) if old.text().as_deref() == Some(id) => Cow::Borrowed(body),
        Some(old) => {
            let range = old.range();
            Cow::Owned(format!("{}\"{id}\"{}", &body[..range.start], &body[range.end..]))
        }
        None => {
            let at = root.get("resourceType").map_or(1, |v| v.range().end);
            Cow::Owned(format!("{},\"id\":\"{id}\"{}", &body[..at], &body[at..]))
        }
    }
}

fn subset(root: Value<'_>, kind: ResourceType, shape: &Shape) -> String {
    let r4 = definitions::r4();
    let of = r4.find(kind.name());
    let asked: Vec<&str> = shape
        .elements
        .iter()
        .filter_map(|e| match e.split_once('.') {
            Some((name, rest)) if name == kind.name() => Some(rest),
            Some((first, _)) if ResourceType::parse(first).is_some() => None,
            _ => Some(e.as_str()),
        })
        .map(|e| e.split('.').next().unwrap_or(e))
        .collect();
    let mut out = String::from("{");
    for (name, value) in root.members() {
        let plain = name.trim_start_matches('_');
        let element = of.and_then(|of| r4.json_member(of, plain));
        let mandatory = element.as_ref().is_some_and(|(e, _)| e.min > 0 || e.is_modifier);
        let always = matches!(plain, "resourceType" | "id" | "meta");
        let keep = always
            || match (shape.elements.is_empty(), shape.summary) {
                (false, _) => {
                    mandatory || asked.iter().any(|a| *a == plain || is_choice_of(a, plain, element.map(|e| e.0)))
                }
                (true, Summary::True) => element.as_ref().is_none_or(|(e, _)| e.is_summary),
                (true, Summary::Text) => plain == "text" || mandatory,
                (true, Summary::Data) => plain != "text",
                (true, Summary::False) => true,
            };
        if !keep {
            continue;
        }
        if out.len() > 1 {
            out.push(',');
        }
        quote(&mut out, name);
        out.push(':');
        if plain == "meta" {
            out.push_str(&subsetted(value));
        } else if shape.elements.is_empty()
            && shape.summary == Summary::True
            && let Some((_, of)) = element
        {
            summary(&mut out, value, of);
        } else {
            out.push_str(value.raw());
        }
    }
    out.push('}');
    out
}

fn is_choice_of(asked: &str, member: &str, element: Option<&definitions::Element>) -> bool {
    element.is_some_and(|e| e.is_choice && e.name == asked && member.starts_with(asked))
}

/// Writes only what is marked as summary, inside too.
fn summary(out: &mut String, value: Value<'_>, of: TypeId) {
    let r4 = definitions::r4();
    match value.kind() {
        Kind::Array => {
            out.push('[');
            for (n, item) in value.items().enumerate() {
                if n > 0 {
                    out.push(',');
                }
                summary(out, item, of);
            }
            out.push(']');
        }
        Kind::Object if r4.get(of).kind == definitions::TypeKind::Backbone => {
            out.push('{');
            let mut first = true;
            for (name, member) in value.members() {
                let element = r4.json_member(of, name.trim_start_matches('_'));
                if element.as_ref().is_some_and(|(e, _)| !e.is_summary) {
                    continue;
                }
                if !std::mem::take(&mut first) {
                    out.push(',');
                }
                quote(out, name);
                out.push(':');
                match element {
                    Some((_, of)) => summary(out, member, of),
                    None => out.push_str(member.raw()),
                }
            }
            out.push('}');
        }
        _ => out.push_str(value.raw()),
    }
}

const SUBSETTED: &str = r#"{"system":"http://terminology.hl7.org/CodeSystem/v3-ObservationValue","code":"SUBSETTED"}"#;

/// The meta of a resource that is not shown whole.
fn subsetted(meta: Value<'_>) -> String {
    match meta.get("tag").filter(|t| t.is_array()) {
        Some(tags) => {
            let (at, start) = (tags.range().end - 1 - meta.range().start, meta.raw());
            let comma = if tags.items().next().is_some() { "," } else { "" };
            format!("{}{comma}{SUBSETTED}{}", &start[..at], &start[at..])
        }
        None => {
            let raw = meta.raw();
            format!("{},\"tag\":[{SUBSETTED}]}}", &raw[..raw.len() - 1])
        }
    }
}

/// The text indented by two blanks a level.
///
/// # Errors
/// 500 where it is no JSON.
pub fn pretty(text: &str) -> Result<String, Refusal> {
    let tree = Tree::parse(text).map_err(Refusal::internal)?;
    let mut out = String::with_capacity(text.len() * 2);
    indented(&mut out, tree.root(), 0);
    Ok(out)
}

fn indented(out: &mut String, value: Value<'_>, depth: usize) {
    let line = |out: &mut String, depth: usize| {
        out.push('\n');
        out.extend(std::iter::repeat_n("  ", depth));
    };
    let (open, close) = match value.kind() {
        Kind::Object => ('{', '}'),
        Kind::Array => ('[', ']'),
        _ => return out.push_str(value.raw()),
    };
    out.push(open);
    let mut count = 0;
    for (name, member) in value.members() {
        if count > 0 {
            out.push(',');
        }
        line(out, depth + 1);
        quote(out, name);
        out.push_str(": ");
        indented(out, member, depth + 1);
        count += 1;
    }
    for item in value.items() {
        if count > 0 {
            out.push(',');
        }
        line(out, depth + 1);
        indented(out, item, depth + 1);
        count += 1;
    }
    if count > 0 {
        line(out, depth);
    }
    out.push(close);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn meta_is_set_and_nothing_else_changes() {
        let own = r#""versionId":"3","lastUpdated":"1970-01-01T07:00:00+07:00""#;
        let check = |body: &str, expect: &str| {
            assert_eq!(with_meta(body, 3, 0).unwrap(), expect.replace("OWN", own), "{body}");
        };
        check(
            r#"{"resourceType":"Patient","id":"a" , "x":1.00}"#,
            r#"{"resourceType":"Patient","id":"a","meta":{OWN} , "x":1.00}"#,
        );
        check(r#"{"id":"a","resourceType":"Patient"}"#, r#"{"id":"a","meta":{OWN},"resourceType":"Patient"}"#);
        check(
            r#"{"meta":{"versionId":"9","tag":[{"code":"x"}],"lastUpdated":"y"},"id":"a"}"#,
            r#"{"meta":{OWN,"tag":[{"code":"x"}]},"id":"a"}"#,
        );
    }

    #[test]
    fn ids_are_set() {
        let check = |body: &str, expect: &str| {
            let tree = Tree::parse(body).unwrap();
            assert_eq!(with_id(&tree, body, "n"), expect);
        };
        check(r#"{"resourceType":"Patient","a":1.0}"#, r#"{"resourceType":"Patient","id":"n","a":1.0}"#);
        check(r#"{"a":1,"id":"old","resourceType":"Patient"}"#, r#"{"a":1,"id":"n","resourceType":"Patient"}"#);
        check(r#"{"id":"n"}"#, r#"{"id":"n"}"#);
    }

    #[test]
    fn parts_are_marked() {
        let body = r#"{"resourceType":"Patient","id":"a","meta":{"versionId":"1"},"name":[{"text":"N"}],"gender":"male","text":{"status":"x"},"photo":[{"url":"u"}]}"#;
        let tree = Tree::parse(body).unwrap();
        let shown = |shape: Shape| subset(tree.root(), ResourceType::PATIENT, &shape);
        let some = shown(Shape {
            elements: vec!["gender".into(), "Patient.name".into(), "Observation.x".into()],
            ..Shape::default()
        });
        assert!(
            some.contains("gender") && some.contains("name") && !some.contains("photo") && some.contains("SUBSETTED"),
            "{some}"
        );
        let data = shown(Shape { summary: Summary::Data, ..Shape::default() });
        assert!(!data.contains("status") && data.contains("photo"), "{data}");
        let summary = shown(Shape { summary: Summary::True, ..Shape::default() });
        assert!(summary.contains("name") && !summary.contains("photo") && !summary.contains("\"text\":{"), "{summary}");
        let text = shown(Shape { summary: Summary::Text, ..Shape::default() });
        assert!(text.contains("\"text\":{") && !text.contains("gender"), "{text}");
        assert_eq!(
            pretty(r#"{"a":[1.00,{}],"b":[]}"#).unwrap(),
            "{\n  \"a\": [\n    1.00,\n    {}\n  ],\n  \"b\": []\n}"
        );
    }
}
