//! Values of a FHIRPath Patch: as a Parameters gives them, and as the members of JSON they become.

use super::super::{PatchError, Result, unfit, unreadable};
use crate::definitions::{Definitions, Element, TypeId, TypeKind};
use crate::limits;
use crate::tree::{Kind, Tree, Value};
use std::fmt::Write;

/// A value as a Parameters gives it.
#[derive(Clone, Debug)]
pub(super) enum Given {
    /// `value[x]`: what stands for `[x]`, the JSON, and that of its `_value[x]`.
    Typed(String, Option<String>, Option<String>),
    /// A resource.
    Resource(String),
    /// An element that has no type of its own: its elements by name.
    Parts(Vec<(String, Given)>),
}

/// Reads a value: its own, or those of its parts.
pub(super) fn given(part: Value<'_>, depth: usize) -> std::result::Result<Given, String> {
    if depth > limits::TREE_DEPTH {
        return Err("its value is nested too deep".to_owned());
    }
    if let Some(resource) = part.get("resource") {
        return Ok(Given::Resource(resource.raw().to_owned()));
    }
    let member = |start: &str| part.members().find_map(|(name, v)| Some((name.strip_prefix(start)?.to_owned(), v)));
    let (value, extra) = (member("value"), member("_value"));
    if let Some(kind) = value.as_ref().or(extra.as_ref()).map(|(kind, _)| kind.clone()) {
        return Ok(Given::Typed(kind, value.map(|v| v.1.raw().to_owned()), extra.map(|v| v.1.raw().to_owned())));
    }
    let mut parts = Vec::new();
    for part in part.get("part").into_iter().flat_map(Value::items) {
        parts.push((part.get_text("name").unwrap_or_default().into_owned(), given(part, depth + 1)?));
    }
    if parts.is_empty() { Err("its `value` has none".to_owned()) } else { Ok(Given::Parts(parts)) }
}

/// A value made for an element.
pub(super) struct Made {
    /// The member it becomes: `deceasedBoolean`.
    pub(super) name: String,
    pub(super) value: Option<String>,
    pub(super) extra: Option<String>,
}

fn lower_first(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |c| c.to_lowercase().chain(chars).collect())
}

/// `given` as `element`, whose member was named `asked`.
pub(super) fn make(r4: &Definitions, element: &Element, asked: &str, given: &Given) -> Result<Made> {
    let wrong = |what: &str| unfit(format!("`{}` is not {what}", element.name));
    match given {
        Given::Resource(raw) => {
            let takes = element.types.iter().any(|t| r4.get(t.id).kind == TypeKind::Resource);
            if !takes {
                wrong("a resource")
            } else {
                Ok(Made { name: element.name.into(), value: Some(raw.clone()), extra: None })
            }
        }
        Given::Typed(kind, value, extra) => {
            let Some(of) = r4.find(kind).or_else(|| r4.find(&lower_first(kind))) else {
                return unreadable(format!("`value{kind}` is of no type"));
            };
            let id = match element.types.iter().find(|t| t.id == of) {
                Some(exact) => exact.id,
                None if element.is_choice => return wrong(&format!("a `{kind}`")),
                None => match element.types.first().filter(|t| goes_as(r4, of, t.id)) {
                    Some(other) => other.id,
                    None => return wrong(&format!("a `{kind}`")),
                },
            };
            let name = r4.json_name(element, id);
            if element.is_choice && asked != element.name && asked != name {
                return wrong(&format!("a `{kind}` where `{asked}` is"));
            }
            if let Some(raw) = value
                && fits(r4, id, raw).is_err()
            {
                return wrong(&format!("{raw}: a `{}` is wanted", r4.get(id).name));
            }
            Ok(Made { name, value: value.clone(), extra: extra.clone() })
        }
        Given::Parts(parts) => {
            let Some(id) = element.types.first().map(|t| t.id).filter(|_| !element.is_choice) else {
                return wrong("told by parts: give a `value[x]`");
            };
            if matches!(r4.get(id).kind, TypeKind::Primitive | TypeKind::Resource) {
                return wrong("told by parts: give a `value[x]`");
            }
            Ok(Made { name: element.name.into(), value: Some(object(r4, id, parts)?), extra: None })
        }
    }
}

/// Whether a value of one type may be written where another is: texts as codes, a Quantity as an Age.
fn goes_as(r4: &Definitions, from: TypeId, to: TypeId) -> bool {
    let primitive = |id: TypeId| r4.get(id).kind == TypeKind::Primitive;
    match (primitive(from), primitive(to)) {
        (true, true) => true,
        (false, false) => r4.is_a(from, to) || r4.is_a(to, from),
        _ => false,
    }
}

/// Whether JSON is a value of a type: its kind, and for a primitive its pattern.
fn fits(r4: &Definitions, id: TypeId, raw: &str) -> std::result::Result<(), ()> {
    let tree = Tree::parse(raw.to_owned()).map_err(drop)?;
    let (root, of) = (tree.root(), r4.get(id));
    let wanted = match of.name {
        _ if of.kind != TypeKind::Primitive => Kind::Object,
        "boolean" => Kind::Boolean,
        "integer" | "unsignedInt" | "positiveInt" | "decimal" => Kind::Number,
        _ => Kind::String,
    };
    if root.kind() != wanted {
        return Err(());
    }
    let text = root.text().or_else(|| root.number().map(Into::into));
    match (text, of.kind == TypeKind::Primitive && !of.regex.is_empty()) {
        (Some(text), true) => {
            // A pattern that the engine cannot read refuses nothing.
            let pattern =
                regex::RegexBuilder::new(&format!("^(?:{})$", of.regex)).size_limit(limits::REGEX_BYTES).build();
            if pattern.is_ok_and(|p| !p.is_match(&text)) { Err(()) } else { Ok(()) }
        }
        _ => Ok(()),
    }
}

/// The element that a member or an element's name means, in a type.
pub(super) fn element_of<'d>(r4: &'d Definitions, id: TypeId, name: &str) -> Result<&'d Element> {
    let found = r4.element(id, name).or_else(|| r4.json_member(id, name).map(|(element, _)| element));
    found.ok_or_else(|| PatchError::Unfit(format!("`{}` has no element `{name}`", r4.get(id).name)))
}

fn object(r4: &Definitions, id: TypeId, parts: &[(String, Given)]) -> Result<String> {
    let mut members: Vec<(bool, Made, Vec<Made>)> = Vec::new();
    for (name, given) in parts {
        let element = element_of(r4, id, name)?;
        let made = make(r4, element, name, given)?;
        match members.iter_mut().find(|(_, first, _)| first.name == made.name) {
            Some((true, _, more)) => more.push(made),
            Some(_) => return unfit(format!("`{name}` stands once")),
            None => members.push((element.is_list(), made, Vec::new())),
        }
    }
    let mut out = String::from("{");
    let mut put = |name: &str, raw: &str| {
        let comma = if out.len() > 1 { "," } else { "" };
        // Writing to a String cannot fail.
        let _ = write!(out, "{comma}\"{name}\":{raw}");
    };
    for (is_list, first, more) in &members {
        let all: Vec<&Made> = std::iter::once(first).chain(more).collect();
        for (name, of) in [
            (first.name.clone(), (|m: &Made| m.value.clone()) as fn(&Made) -> Option<String>),
            (format!("_{}", first.name), |m: &Made| m.extra.clone()),
        ] {
            let values: Vec<Option<String>> = all.iter().map(|m| of(m)).collect();
            match (values.iter().any(Option::is_some), is_list, values.first().cloned().flatten()) {
                (true, true, _) => {
                    let items: Vec<String> = values.into_iter().map(|v| v.unwrap_or("null".to_owned())).collect();
                    put(&name, &format!("[{}]", items.join(",")));
                }
                (true, false, Some(one)) => put(&name, &one),
                _ => {}
            }
        }
    }
    out.push('}');
    Ok(out)
}
