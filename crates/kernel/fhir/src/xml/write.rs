//! JSON to XML: elements in the order of the definitions.

use super::{FHIR, XmlError};
use crate::definitions::{Definitions, Element, TypeId, TypeKind};
use crate::path::Node;
use crate::tree::{Kind, Tree, Value};

/// A resource as FHIR XML, without blanks between elements.
///
/// # Errors
/// Where it holds members that the definitions do not have, or its root is no resource.
pub fn from_tree(tree: &Tree<'_>, definitions: &Definitions) -> Result<String, XmlError> {
    let mut out = String::with_capacity(tree.source().len() * 3 / 2);
    out.push_str("<?xml version=\"1.0\" encoding=\"UTF-8\"?>");
    Writer { out: &mut out, definitions }.resource(tree.root(), true)?;
    Ok(out)
}

struct Writer<'a> {
    out: &'a mut String,
    definitions: &'a Definitions,
}

fn fail<T>(value: Value<'_>, problem: impl Into<String>) -> Result<T, XmlError> {
    Err(XmlError { problem: problem.into(), offset: 0, line: 0, path: value.path() })
}

impl Writer<'_> {
    fn resource(&mut self, value: Value<'_>, is_root: bool) -> Result<(), XmlError> {
        let id = Node::resource(value, self.definitions).id;
        let of = self.definitions.get(id);
        if of.kind != TypeKind::Resource {
            return fail(value, "`resourceType` names no resource");
        }
        self.out.push('<');
        self.out.push_str(of.name);
        if is_root {
            self.out.extend([" xmlns=\"", FHIR, "\""]);
        }
        self.out.push('>');
        self.members(value, id)?;
        self.out.extend(["</", of.name, ">"]);
        Ok(())
    }

    /// Whether `name` is written as an attribute.
    fn is_attribute(&self, id: TypeId, name: &str) -> bool {
        let resource = self.definitions.get(id).kind == TypeKind::Resource;
        (name == "id" && !resource) || (name == "url" && id == self.definitions.known().extension)
    }

    fn members(&mut self, value: Value<'_>, id: TypeId) -> Result<(), XmlError> {
        let definitions = self.definitions;
        let bare = |key: &str| key.strip_prefix('_').unwrap_or(key).to_owned();
        for (key, member) in value.members().filter(|(key, _)| *key != "resourceType") {
            if definitions.json_member(id, &bare(key)).is_none() {
                return fail(member, format!("`{}` has no element `{key}`", definitions.get(id).name));
            }
        }
        for element in &definitions.get(id).elements {
            if self.is_attribute(id, element.name) {
                continue;
            }
            // A choice stands under one of its names, with or without its twin.
            let key = value.members().map(|(key, _)| bare(key)).find(|key| {
                let found = definitions.json_member(id, key);
                found.is_some_and(|(found, _)| std::ptr::eq(found, element))
            });
            let Some(key) = key else { continue };
            let Some((_, kind)) = definitions.json_member(id, &key) else { continue };
            self.element(value, element, &key, kind)?;
        }
        Ok(())
    }

    fn element(&mut self, holder: Value<'_>, element: &Element, key: &str, kind: TypeId) -> Result<(), XmlError> {
        let (value, twin) = (holder.get(key), holder.get(&format!("_{key}")));
        for one in value.into_iter().chain(twin) {
            if one.is_array() != element.is_list() {
                return fail(
                    one,
                    if element.is_list() { "a list is wanted" } else { "one value is wanted, not a list" },
                );
            }
        }
        let mut values = value.into_iter().flat_map(Value::each);
        let mut twins = twin.into_iter().flat_map(Value::each);
        loop {
            let (value, twin) = (values.next(), twins.next());
            if value.is_none() && twin.is_none() {
                return Ok(());
            }
            let (value, twin) = (value.filter(|v| !v.is_null()), twin.filter(|v| !v.is_null()));
            let of = self.definitions.get(kind);
            match (value, of.kind) {
                (value, TypeKind::Primitive) => self.primitive(key, value, twin, kind)?,
                (Some(value), TypeKind::Resource) if value.is_object() => {
                    self.out.extend(["<", key, ">"]);
                    self.resource(value, false)?;
                    self.out.extend(["</", key, ">"]);
                }
                (Some(value), _) if value.is_object() => self.complex(key, value, kind)?,
                (Some(value), _) => return fail(value, "an object is wanted"),
                (None, _) => {}
            }
        }
    }

    fn attributes(&mut self, value: Value<'_>, kind: TypeId) {
        for (name, member) in value.members() {
            if let Some(text) = member.text().filter(|_| self.is_attribute(kind, name)) {
                self.out.extend([" ", name, "=\""]);
                escape(self.out, &text);
                self.out.push('"');
            }
        }
    }

    fn complex(&mut self, key: &str, value: Value<'_>, kind: TypeId) -> Result<(), XmlError> {
        self.out.extend(["<", key]);
        self.attributes(value, kind);
        self.out.push('>');
        self.members(value, kind)?;
        self.out.extend(["</", key, ">"]);
        Ok(())
    }

    fn primitive(
        &mut self,
        key: &str,
        value: Option<Value<'_>>,
        twin: Option<Value<'_>>,
        kind: TypeId,
    ) -> Result<(), XmlError> {
        if kind == self.definitions.known().xhtml {
            super::narrative::append(self.out, &value.and_then(Value::text).unwrap_or_default());
            return Ok(());
        }
        self.out.extend(["<", key]);
        if let Some(twin) = twin {
            self.attributes(twin, kind);
        }
        if let Some(value) = value {
            let text = match value.kind() {
                Kind::String => value.text().unwrap_or_default(),
                Kind::Number | Kind::Boolean => value.raw().into(),
                _ => return fail(value, "a single value is wanted"),
            };
            self.out.push_str(" value=\"");
            escape(self.out, &text);
            self.out.push('"');
        }
        match twin.filter(|t| t.get("extension").is_some()) {
            None => self.out.push_str("/>"),
            Some(twin) => {
                self.out.push('>');
                self.members(twin, self.definitions.known().element)?;
                self.out.extend(["</", key, ">"]);
            }
        }
        Ok(())
    }
}

/// Appends an attribute's text.
pub(super) fn escape(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' => out.push_str("&#10;"),
            '\r' => out.push_str("&#13;"),
            '\t' => out.push_str("&#9;"),
            c => out.push(c),
        }
    }
}
