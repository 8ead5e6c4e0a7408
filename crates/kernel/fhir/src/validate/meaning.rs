//! What an element means beside its shape: by its type, and at the ends of resources.

use super::issue::Severity;
use super::primitive::{self, Primitive};
use super::profile::BindingRule;
use super::run::{Part, Run, Scope};
use super::walk::Member;
use super::{library, xhtml};
use crate::definitions::{Strength, TypeId, TypeKind};
use crate::path::Node;
use crate::tree::Value;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

/// Vital signs by LOINC code: R4 asks every Observation of them to meet the profile (R4 Observation, vital signs).
const VITAL_SIGNS: [(&str, &str); 10] = [
    ("85353-1", "vitalspanel"),
    ("9279-1", "resprate"),
    ("8867-4", "heartrate"),
    ("2708-6", "oxygensat"),
    ("8310-5", "bodytemp"),
    ("8302-2", "bodyheight"),
    ("9843-4", "headcircum"),
    ("29463-7", "bodyweight"),
    ("39156-5", "bmi"),
    ("85354-9", "bp"),
];

impl<'t> Run<'_, 't> {
    /// Enters a resource.
    pub fn enter(&mut self, node: Node<'t>, entry: Option<Value<'t>>) {
        let value = node.value;
        let is_contained = self.holders.last().is_some_and(|(_, e)| e.name == "contained") && !self.scopes.is_empty();
        let contained = if is_contained {
            self.scopes.last().map(|s| Rc::clone(&s.contained)).unwrap_or_default()
        } else {
            let all = value.and_then(|v| v.get("contained")).into_iter().flat_map(Value::items);
            let mut by_id = HashMap::new();
            for (n, one) in all.enumerate() {
                self.path.extend([Part::Name("contained"), Part::Item(n)]);
                match one.get_text("id") {
                    Some(id) => {
                        if by_id.insert(id.clone(), one).is_some() {
                            self.error("structure", format!("the id `{id}` stands on two contained resources"));
                        }
                    }
                    None => self.error("required", "a contained resource has an id, by which it is referred to"),
                }
                self.path.truncate(self.path.len() - 2);
            }
            Rc::new(by_id)
        };
        let full_url = entry.and_then(|e| e.get_text("fullUrl"));
        self.scopes.push(Scope { node, contained, is_contained, full_url, locals: HashSet::new() });
        if self.r4.get(node.id).name == "Bundle" {
            let entries = super::bundle::entries(value);
            self.bundles.push(Rc::new(entries));
        }
        self.set_environment();
        if let Some(entry) = entry {
            self.entry_id(entry, node);
        }
    }

    /// Leaves a resource: what is asked of it as a whole.
    pub fn leave(&mut self, node: Node<'t>) {
        let Some(value) = node.value else { return };
        let constraints = &self.r4.get(node.id).constraints;
        self.invariants(&node, constraints);
        self.contained_rules(value);
        match self.r4.get(node.id).name {
            "Bundle" => self.bundle(value),
            "Questionnaire" => self.questionnaire(value),
            "QuestionnaireResponse" => self.questionnaire_response(value),
            "SearchParameter" => self.search_parameter(value),
            "ValueSet" => self.listed_codes(value),
            "CodeSystem" => self.code_system(value),
            "ConceptMap" => self.concept_map(value),
            "StructureDefinition" => self.structure_definition(value),
            "Observation" => self.vital_signs(&node, value),
            _ => {}
        }
        self.own_url(&node, value);
        self.element_ids(value);
        self.claimed(&node, value);
        if self.scopes.len() == 1 {
            for profile in std::mem::take(&mut self.asked) {
                self.profile(&profile, &node);
            }
        }
        if self.r4.get(node.id).name == "Bundle" {
            self.bundles.pop();
        }
        self.scopes.pop();
        self.set_environment();
    }

    /// The URL by which a definition is referred to.
    fn own_url(&mut self, node: &Node<'t>, value: Value<'t>) {
        let is_definition = ["url", "publisher"].iter().all(|name| self.r4.element(node.id, name).is_some());
        if let Some(url) = value.get_text("url").filter(|url| is_definition && !is_absolute(url)) {
            let text = format!("`{}` is no absolute URL, which that of a definition is", primitive::shortened(&url));
            self.within(Part::Name("url"), |run| run.error("value", text));
        }
    }

    /// `meta.profile`.
    fn claimed(&mut self, node: &Node<'t>, value: Value<'t>) {
        let claimed = value.get("meta").and_then(|m| m.get("profile")).into_iter().flat_map(Value::items);
        for (n, url) in claimed.enumerate().filter_map(|(n, v)| Some((n, v.text()?))) {
            match self.library().profile(&url) {
                Some(Ok(profile)) => self.profile(&profile, node),
                Some(Err(e)) => self.at_profile(n, |run| {
                    run.warn("not-supported", format!("the profile `{url}` cannot be used: {e}"));
                }),
                None => {
                    let name = url.strip_prefix(library::CORE).unwrap_or_default();
                    let known = self.r4.find(name).filter(|k| self.r4.get(*k).kind == TypeKind::Resource);
                    self.at_profile(n, |run| match known {
                        Some(kind) if run.r4.is_a(node.id, kind) => {}
                        Some(_) => run.error("invalid", format!("the resource is no `{name}`, as it claims to be")),
                        None => run.warn("not-found", format!("the profile `{url}` is not known: it was not checked")),
                    });
                }
            }
        }
    }

    fn at_profile(&mut self, n: usize, with: impl FnOnce(&mut Self)) {
        self.path.extend([Part::Name("meta"), Part::Name("profile"), Part::Item(n)]);
        with(self);
        self.path.truncate(self.path.len() - 3);
    }

    fn vital_signs(&mut self, node: &Node<'t>, value: Value<'t>) {
        let codings = value.get("code").and_then(|c| c.get("coding")).into_iter().flat_map(Value::items);
        let loinc = codings.filter(|c| c.get_text("system").as_deref() == Some("http://loinc.org"));
        for code in loinc.filter_map(|c| c.get_text("code")) {
            let Some((_, name)) = VITAL_SIGNS.iter().find(|(c, _)| *c == code) else { continue };
            if let Some(Ok(profile)) = self.library().profile(&format!("{}{name}", library::CORE)) {
                self.profile(&profile, node);
            }
        }
    }

    /// Ids of elements are one of a kind within a resource, contained ones aside.
    fn element_ids(&mut self, value: Value<'t>) {
        let mut seen = HashSet::new();
        let mut twice = Vec::new();
        let mut waiting: Vec<Value<'t>> = value.members().filter(|(n, _)| *n != "contained").map(|(_, v)| v).collect();
        while let Some(here) = waiting.pop() {
            if here.get("resourceType").is_some() {
                continue;
            }
            if here.is_object()
                && let Some(id) = here.get_text("id")
                && !seen.insert(id.clone())
            {
                twice.push(id);
            }
            waiting.extend(here.members().map(|(_, v)| v).chain(here.items()));
        }
        for id in twice {
            self.warn("structure", format!("the id `{}` stands on two elements", primitive::shortened(&id)));
        }
    }

    /// What an element means.
    pub fn meaning(&mut self, node: &Node<'t>, member: &Member<'t>) {
        let kind = self.r4.get(node.id);
        if kind.kind != TypeKind::Resource {
            self.invariants(node, &kind.constraints);
        }
        self.invariants(node, &member.element.constraints);
        if let Some(binding) = member.element.binding {
            let url = |n: u16| self.r4.value_sets[usize::from(n)].url.to_owned();
            let (set, max) = (url(binding.value_set), binding.max.map(url));
            if binding.strength != Strength::Example {
                self.bound(node, &BindingRule { strength: binding.strength, set, max });
            }
        }
        match self.primitives[usize::from(node.id.0)] {
            Some(primitive) => self.primitive(node, primitive),
            None => self.complex(node, member),
        }
    }

    fn primitive(&mut self, node: &Node<'t>, primitive: Primitive) {
        let Some(value) = node.value else { return };
        if let Some(odd) = primitive::odd(primitive, value) {
            self.warn("value", odd);
        }
        let Some(text) = value.text() else { return };
        match primitive {
            Primitive::Xhtml => {
                if let Some(problem) = xhtml::check(&text) {
                    self.error("structure", problem);
                }
            }
            Primitive::Uri | Primitive::Url | Primitive::Canonical => {
                if let Some(id) = text.strip_prefix('#') {
                    self.local(id.to_owned().into());
                    let is_there = self.scopes.last().is_none_or(|s| s.contained.contains_key(id));
                    if primitive == Primitive::Canonical && !id.is_empty() && !is_there {
                        let text = format!("there is no contained resource `{}`", primitive::shortened(id));
                        self.error("not-found", text);
                    }
                } else if primitive == Primitive::Canonical && !is_absolute(&text) {
                    // Published examples have `PlanDefinition/x`: a place on the same server.
                    let is_place = crate::search::Target::read(&text).is_some();
                    let severity = if is_place { Severity::Warning } else { Severity::Error };
                    let shown = primitive::shortened(&text);
                    self.say(severity, "value", format!("`{shown}` is no absolute URL, which a canonical is"));
                }
            }
            _ => {}
        }
    }

    fn complex(&mut self, node: &Node<'t>, member: &Member<'t>) {
        let Some(value) = node.value else { return };
        let known = self.r4.known();
        let kind = self.r4.get(node.id).kind;
        if kind != TypeKind::Resource && value.is_object() && value.members().all(|(name, _)| name == "id") {
            self.error("invariant", "ele-1: an element has a value or elements, not only an id");
        }
        match node.id {
            id if id == known.extension => self.extension(value, member),
            id if id == known.reference => self.reference(value, member),
            id if id == known.coding => self.coding(value),
            id if id == known.identifier => self.identifier(value),
            id if self.r4.is_a(id, known.quantity) => self.quantity(value, member),
            id if self.r4.get(id).name == "Attachment" => self.attachment(value),
            _ => {}
        }
    }

    fn identifier(&mut self, value: Value<'t>) {
        let Some(system) = value.get_text("system") else { return };
        if !is_absolute(&system) {
            let text =
                format!("`{}` is no absolute URI, which an identifier's system is", primitive::shortened(&system));
            self.within(Part::Name("system"), |run| run.error("value", text));
        }
        if system == "urn:ietf:rfc:3986"
            && let Some(given) = value.get_text("value")
            && !is_absolute(&given)
        {
            let text = "with the system `urn:ietf:rfc:3986` the value is an absolute URI";
            self.within(Part::Name("value"), |run| run.error("value", text));
        }
    }

    fn quantity(&mut self, value: Value<'t>, member: &Member<'t>) {
        let system = value.get_text("system");
        if system.as_deref() == Some("http://unitsofmeasure.org")
            && let Some(code) = value.get_text("code")
            && octofhir_ucum::validate(&code).is_err()
        {
            let text = format!("`{}` is no unit of UCUM", primitive::shortened(&code));
            self.within(Part::Name("code"), |run| run.error("code-invalid", text));
        }
        if value.get("comparator").is_some() {
            let choice = if member.element.is_choice { "[x]" } else { "" };
            let path = format!("{}.{}{choice}", self.r4.get(member.of).name, member.element.name);
            if library::is_simple_quantity(&path) {
                self.within(Part::Name("comparator"), |run| {
                    run.error("invariant", "sqty-1: a comparator is not used on a SimpleQuantity");
                });
            }
        }
    }

    fn attachment(&mut self, value: Value<'t>) {
        let (data, size) = (value.get_text("data"), value.get("size").and_then(|s| s.number()?.parse::<usize>().ok()));
        if let (Some(data), Some(size)) = (data, size)
            && let Some(real) = primitive::base64_length(&data)
            && real != size
        {
            let text = format!("the size is said to be {size}, the data have {real} bytes");
            self.within(Part::Name("size"), |run| run.error("value", text));
        }
        if !["data", "url", "contentType", "language", "title"].iter().any(|n| value.get(n).is_some()) {
            self.warn("value", "an attachment has data or a URL");
        }
    }

    /// A reference to a contained resource, or (empty) to the container.
    pub fn local(&mut self, id: std::borrow::Cow<'t, str>) {
        // Ids belong to the container; that a contained one points to it, to itself.
        let last = self.scopes.len().saturating_sub(1);
        let at = match self.scopes.last() {
            Some(scope) if scope.is_contained && !id.is_empty() => last.saturating_sub(1),
            _ => last,
        };
        if let Some(scope) = self.scopes.get_mut(at) {
            scope.locals.insert(id.clone());
        }
        if let Some(scope) = self.scopes.last_mut() {
            scope.locals.insert(id);
        }
    }

    /// dom-2 to dom-6, said in Rust: as expressions they look at the whole resource for each contained one.
    fn contained_rules(&mut self, value: Value<'t>) {
        let (is_contained, locals) = match self.scopes.last() {
            Some(scope) => (scope.is_contained, scope.locals.clone()),
            None => return,
        };
        if is_contained {
            // That it points to its container makes it known there.
            if locals.contains("")
                && let Some(id) = value.get_text("id")
                && let Some(n) = self.scopes.len().checked_sub(2)
            {
                self.scopes[n].locals.insert(id);
            }
            if value.get("contained").is_some() {
                self.error("invariant", "dom-2: a contained resource holds no contained resources");
            }
            let meta = value.get("meta");
            let has = |name: &str| meta.and_then(|m| m.get(name)).is_some();
            if has("versionId") || has("lastUpdated") {
                self.error("invariant", "dom-4: a contained resource has no version and no time of its own");
            }
            if has("security") {
                self.error("invariant", "dom-5: a contained resource has no security labels of its own");
            }
            return;
        }
        for (n, one) in value.get("contained").into_iter().flat_map(Value::items).enumerate() {
            let Some(id) = one.get_text("id") else { continue };
            if !locals.contains(&id) {
                self.path.extend([Part::Name("contained"), Part::Item(n)]);
                let text = format!("dom-3: nothing refers to the contained resource `{}`", primitive::shortened(&id));
                self.error("invariant", text);
                self.path.truncate(self.path.len() - 2);
            }
        }
    }

    /// The type of a resource by its name.
    pub fn resource_type(&self, name: &str) -> Option<TypeId> {
        self.r4.find(name).filter(|id| self.r4.get(*id).kind == TypeKind::Resource)
    }
}

/// Whether a URI names a scheme.
pub(super) fn is_absolute(uri: &str) -> bool {
    uri.split_once(':').is_some_and(|(scheme, rest)| {
        let letters = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.');
        !rest.is_empty() && scheme.starts_with(|c: char| c.is_ascii_alphabetic()) && scheme.bytes().all(letters)
    })
}
