//! The walk by base types: what elements there are, how often, as which JSON.

use super::primitive;
use super::run::{Part, Run};
use crate::definitions::{Element, TypeId, TypeKind};
use crate::path::Node;
use crate::tree::{Kind, Value};

/// An element with its value and its `_name` companion.
pub(super) struct Member<'t> {
    pub name: &'t str,
    /// The type that has the element.
    pub of: TypeId,
    pub element: &'static Element,
    pub kind: TypeId,
    pub value: Option<Value<'t>>,
    pub extra: Option<Value<'t>>,
}

impl<'t> Run<'_, 't> {
    /// A resource: of its own type, which is to be one of `expected`.
    pub fn resource(&mut self, value: Value<'t>, expected: TypeId, entry: Option<Value<'t>>) {
        if !value.is_object() {
            return self.error("structure", "a resource is an object");
        }
        let Some(named) = value.get("resourceType") else {
            return self.error("structure", "`resourceType` is missing");
        };
        let name = named.text().unwrap_or_default();
        let known = self.r4.find(&name).filter(|id| {
            let kind = self.r4.get(*id);
            kind.kind == TypeKind::Resource && !kind.is_abstract
        });
        let Some(id) = known else {
            let shown = primitive::shortened(&name);
            return self.error("structure", format!("`{shown}` is no resource type of FHIR R4"));
        };
        if !self.r4.is_a(id, expected) {
            let wanted = self.r4.get(expected).name;
            self.error("structure", format!("a `{wanted}` is expected here, this is a `{name}`"));
        }
        let node = Node { value: Some(value), extra: None, id };
        self.path.push(Part::Type(self.r4.get(id).name));
        if self.is_full {
            self.enter(node, entry);
        }
        self.object(value, id);
        if self.is_full {
            self.leave(node);
        }
        self.path.pop();
    }

    /// The members of an object of type `of`.
    pub fn object(&mut self, value: Value<'t>, of: TypeId) {
        let kind = self.r4.get(of);
        let mut seen = 0_u128;
        let mut is_empty = true;
        let companions = value.members().any(|(name, _)| name.starts_with('_'));
        for (name, member) in value.members() {
            is_empty = false;
            let plain = name.strip_prefix('_').unwrap_or(name);
            let Some((at, element, id)) = self.r4.json_member_at(of, plain) else {
                self.unknown(name, member, of);
                continue;
            };
            let beside = plain.len() != name.len();
            let is_primitive = self.primitives[usize::from(id.0)].is_some();
            if beside && !is_primitive {
                let text = format!("`{name}`: only primitives have such a companion");
                self.within(Part::Name(name), |run| run.error("structure", text));
                continue;
            }
            // A companion is looked at together with its value.
            let twin = match (companions, beside) {
                (true, false) if is_primitive => value.get(&format!("_{name}")),
                (true, true) if value.get(plain).is_some() => continue,
                _ => None,
            };
            let bit = 1_u128.checked_shl(at as u32).unwrap_or(0);
            if seen & bit != 0 {
                let text = format!("`{}[x]` has one value of one type, here are several", element.name);
                self.within(Part::Name(name), |run| run.error("structure", text));
            }
            seen |= bit;
            let (plain_value, extra) = if beside { (None, Some(member)) } else { (Some(member), twin) };
            self.member(&Member { name, of, element, kind: id, value: plain_value, extra });
        }
        if is_empty {
            self.error("structure", "an object must not be empty");
        }
        for (at, element) in kind.elements.iter().enumerate() {
            if element.min > 0 && seen & 1_u128.checked_shl(at as u32).unwrap_or(0) == 0 {
                let choice = if element.is_choice { "[x]" } else { "" };
                self.error("required", format!("`{}.{}{choice}` is missing", kind.name, element.name));
            }
        }
    }

    fn unknown(&mut self, name: &'t str, member: Value<'t>, of: TypeId) {
        let kind = self.r4.get(of);
        match name {
            "resourceType" if kind.kind == TypeKind::Resource => {}
            // Comments of DSTU2, which readers of R4 pass over.
            "fhir_comments" if member.items().all(|c| c.kind() == Kind::String) && member.is_array() => {}
            _ => {
                let shown = primitive::shortened(name);
                let text = format!("`{shown}` is no element of `{}`", kind.name);
                self.within(Part::Name(name), |run| run.error("structure", text));
            }
        }
    }

    fn member(&mut self, member: &Member<'t>) {
        self.path.push(Part::Name(member.name));
        self.holders.push((member.of, member.element));
        if member.element.is_list() {
            self.list(member)
        } else {
            self.single(member)
        }
        self.holders.pop();
        self.path.pop();
    }

    fn single(&mut self, member: &Member<'t>) {
        for value in member.value.iter().chain(&member.extra) {
            if value.is_array() {
                return self.error("structure", "one value is expected, here is an array");
            }
            if value.is_null() {
                return self.error("structure", "`null` is no value");
            }
        }
        self.item(member, member.value, member.extra);
    }

    fn list(&mut self, member: &Member<'t>) {
        for value in member.value.iter().chain(&member.extra) {
            if !value.is_array() {
                return self.error("structure", "an array is expected, also for one value");
            }
            if value.items().next().is_none() {
                self.error("structure", "an array must not be empty");
            }
        }
        let mut values = member.value.into_iter().flat_map(Value::items);
        let mut extras = member.extra.into_iter().flat_map(Value::items);
        let mut count = 0;
        loop {
            let (value, extra) = (values.next(), extras.next());
            if value.is_none() && extra.is_none() {
                break;
            }
            let present = |v: Option<Value<'t>>| v.filter(|v| !v.is_null());
            self.path.push(Part::Item(count));
            match (present(value), present(extra)) {
                (None, None) => self.error("structure", "`null` stands only where the companion array has an item"),
                (value, extra) => self.item(member, value, extra),
            }
            self.path.pop();
            count += 1;
        }
        if u32::try_from(count).is_ok_and(|n| n > member.element.max) {
            self.error("structure", format!("at most {} are allowed, here are {count}", member.element.max));
        }
    }

    fn item(&mut self, member: &Member<'t>, value: Option<Value<'t>>, extra: Option<Value<'t>>) {
        let mut node = Node { value, extra, id: member.kind };
        match (self.primitives[usize::from(member.kind.0)], value) {
            (Some(primitive), _) => {
                if let Some(value) = value {
                    if let Some(problem) = primitive::check(primitive, value) {
                        return self.error("value", problem);
                    }
                } else if extra.is_none_or(|e| e.is_object() && e.get("extension").is_none()) {
                    self.error("structure", "neither a value nor extensions");
                }
                match extra {
                    Some(extra) if !extra.is_object() => {
                        return self.error("structure", "the companion of a primitive is an object");
                    }
                    Some(extra) => self.object(extra, member.kind),
                    None => {}
                }
            }
            (None, Some(value)) => {
                let kind = self.r4.get(member.kind);
                if kind.kind == TypeKind::Resource {
                    let is_entry = member.of == self.entry_type;
                    if is_entry && self.leaves_entries && member.name == "resource" && value.is_object() {
                        return;
                    }
                    let entry = if is_entry { self.entries.last().copied() } else { None };
                    self.resource(value, member.kind, entry);
                    node = Node::resource(value, self.r4);
                } else if value.is_object() {
                    let is_entry = member.kind == self.entry_type;
                    self.entries.extend(is_entry.then_some(value));
                    self.object(value, member.kind);
                    self.entries.truncate(self.entries.len() - usize::from(is_entry));
                } else {
                    return self.error("structure", "an object is expected");
                }
            }
            (None, None) => {}
        }
        if self.is_full {
            self.meaning(&node, member);
        }
    }
}
