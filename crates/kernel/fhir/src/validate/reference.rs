//! References: in a form that means something, to what is there, to a type that is allowed.

use super::primitive::shortened;
use super::run::{Part, Run};
use super::walk::Member;
use crate::definitions::TypeId;
use crate::search::Target;
use crate::tree::Value;

impl<'t> Run<'_, 't> {
    /// A Reference against the element it stands on.
    pub fn reference(&mut self, value: Value<'t>, member: &Member<'t>) {
        let known = self.r4.known();
        let kinds = member.element.types.iter().filter(|t| t.id == known.reference);
        let targets: Vec<TypeId> = kinds.flat_map(|t| t.targets.iter().copied()).collect();
        let named = value.get_text("type");
        let given =
            named.as_deref().and_then(|n| self.resource_type(n.strip_prefix(super::library::CORE).unwrap_or(n)));
        if let Some(name) = &named
            && given.is_none()
        {
            let text = format!("`{}` is no resource type of FHIR R4", shortened(name));
            self.within(Part::Name("type"), |run| run.error("value", text));
        }
        let Some(text) = value.get_text("reference") else {
            self.of_targets(given, &targets);
            return;
        };
        if let Some(id) = text.strip_prefix('#') {
            self.local(id.to_owned().into());
            if !id.is_empty() && self.resolved(&text).is_none() {
                let shown = shortened(id);
                return self.error("invariant", format!("ref-1: there is no contained resource `{shown}`"));
            }
        } else {
            self.well_formed(&text);
        }
        let found = self.target_type(&text);
        if let (Some(given), Some(found)) = (given, found)
            && !self.r4.is_a(found, given)
        {
            let (a, b) = (self.r4.get(found).name, self.r4.get(given).name);
            self.error("value", format!("the reference is to a `{a}`, its `type` says `{b}`"));
        }
        self.of_targets(found.or(given), &targets);
        self.in_bundle(&text);
    }

    /// The type of what a reference points to, as far as can be told.
    pub fn target_type(&self, text: &str) -> Option<TypeId> {
        if let Some(found) = self.resolved(text) {
            return self.resource_type(&found.get_text("resourceType")?);
        }
        if let Some(target) = Target::read(text) {
            return self.resource_type(target.kind?);
        }
        // A conditional reference: `Patient?identifier=x`.
        let (kind, _) = text.split_once('?')?;
        self.resource_type(kind)
    }

    fn of_targets(&mut self, found: Option<TypeId>, targets: &[TypeId]) {
        let Some(found) = found else { return };
        if !targets.is_empty() && !targets.iter().any(|t| self.r4.is_a(found, *t)) {
            let names: Vec<_> = targets.iter().map(|t| self.r4.get(*t).name).collect();
            let name = self.r4.get(found).name;
            self.error(
                "structure",
                format!("a reference to a `{name}` is not allowed here, only to {}", names.join(", ")),
            );
        }
    }

    /// A relative reference is `Type/id` or `Type?criteria`.
    fn well_formed(&mut self, text: &str) {
        if super::meaning::is_absolute(text) || Target::read(text).is_some() {
            return;
        }
        let kind = text.split(['/', '?']).next().unwrap_or_default();
        if self.resource_type(kind).is_none() {
            let shown = shortened(text);
            let text = format!("`{shown}` is no reference: a relative one is `Type/id` of a resource type");
            return self.error("value", text);
        }
        if !text.contains('?') {
            self.error("value", format!("`{}` is no reference: a relative one is `Type/id`", shortened(text)));
        }
    }

    /// Where a bundle tells it all, what it does not hold is worth a word.
    fn in_bundle(&mut self, text: &str) {
        let Some(entries) = self.bundles.last() else { return };
        if text.starts_with('#') || self.resolved(text).is_some() {
            return;
        }
        let target = Target::read(text).filter(|t| t.base.is_empty());
        let apart = target.and_then(|t| entries.by_id.get(&format!("{}/{}", t.kind.unwrap_or_default(), t.id)));
        if apart.is_some() {
            let text =
                format!("`{}` is in the bundle, but its fullUrl is not what this reference means", shortened(text));
            self.warn("not-found", text);
        } else if text.starts_with("urn:uuid:") || text.starts_with("urn:oid:") {
            self.warn("not-found", format!("`{}` is not in the bundle", shortened(text)));
        }
    }

    /// The resource a reference means: contained, or in the bundle around.
    pub fn resolved(&self, text: &str) -> Option<Value<'t>> {
        let scope = self.scopes.last()?;
        if let Some(id) = text.strip_prefix('#') {
            if id.is_empty() {
                let at = self.scopes.len().checked_sub(1 + usize::from(scope.is_contained))?;
                return self.scopes[at].node.value;
            }
            return scope.contained.get(id).copied();
        }
        let entries = self.bundles.last()?;
        let url = text.split('|').next().unwrap_or(text);
        if let Some(found) = entries.by_url.get(url) {
            return Some(*found);
        }
        let target = Target::read(url)?;
        let plain = format!("{}/{}", target.kind?, target.id);
        if !target.base.is_empty() {
            // A version is asked of the same resource.
            return entries.by_url.get(format!("{}/{plain}", target.base).as_str()).copied();
        }
        // Relative to the server of the entry the reference stands in (R4 §2.36.4.1).
        let around = self.scopes.iter().rev().find_map(|s| s.full_url.as_deref());
        match around.and_then(Target::read).filter(|t| !t.base.is_empty()) {
            Some(own) => entries.by_url.get(format!("{}/{plain}", own.base).as_str()).copied(),
            None => entries.by_id.get(&plain).copied(),
        }
    }
}
