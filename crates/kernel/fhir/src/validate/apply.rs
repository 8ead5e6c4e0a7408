//! A profile's tree against an element.

use super::profile::{Profile, Rules, TypeRule};
use super::run::{Part, Run};
use super::{library, primitive};
use crate::decimal::Decimal;
use crate::definitions::{TypeId, TypeKind};
use crate::limits;
use crate::path::{Moment, Node, moment::MomentKind};
use crate::tree::{Kind, Value};
use std::cmp::Ordering;

/// An occurrence of an element, and how the path names it.
#[derive(Clone, Copy)]
pub(super) struct Found<'t> {
    pub node: Node<'t>,
    pub name: &'t str,
    /// Its place, where it is an item of an array.
    pub item: Option<usize>,
}

impl<'t> Run<'_, 't> {
    /// An element against a profile; its issues are told once.
    pub fn profile(&mut self, profile: &Profile, node: &Node<'t>) {
        if !self.r4.is_a(node.id, profile.kind) {
            let (is, wanted) = (self.r4.get(node.id).name, self.r4.get(profile.kind).name);
            return self.error("structure", format!("the profile `{}` is of `{wanted}`, this is `{is}`", profile.url));
        }
        if self.depth >= limits::PROFILE_DEPTH {
            return self.warn_once("too-costly", "profiles within profiles are too deep to follow".into());
        }
        let key = self.key(profile, node);
        if self.met.get(&key).is_some_and(|met| *met) {
            return;
        }
        self.met.insert(key, true);
        for problem in &profile.unread {
            self.warn_once("not-supported", format!("the profile `{}`: {problem}", profile.url));
        }
        self.depth += 1;
        let before = self.issues.len();
        self.rules(&profile.root, node);
        self.depth -= 1;
        let met = super::is_valid(&self.issues[before.min(self.issues.len())..]);
        self.met.insert(key, met);
    }

    /// Whether an element meets a profile, known by URL; `None` where the profile is not.
    pub fn meets(&mut self, url: &str, node: &Node<'t>) -> Option<bool> {
        if let Some(name) = url.strip_prefix(library::CORE)
            && let Some(kind) = self.r4.find(name)
        {
            return Some(self.r4.is_a(node.id, kind));
        }
        let profile = self.library().profile(url)?.ok()?;
        let key = self.key(&profile, node);
        if let Some(met) = self.met.get(&key) {
            return Some(*met);
        }
        Some(self.quietly(|run| run.profile(&profile, node)))
    }

    fn key(&self, profile: &Profile, node: &Node<'t>) -> (usize, u32, TypeId) {
        let at = node.value.or(node.extra).map_or(u32::MAX, Value::position);
        (std::ptr::from_ref(profile) as usize, at, node.id)
    }

    /// An element against the rules of its element.
    pub fn rules(&mut self, rules: &Rules, node: &Node<'t>) {
        match self.looks.checked_sub(1) {
            Some(left) => self.looks = left,
            None => return self.warn_once("too-costly", "the profiles take too long to check: not all was".into()),
        }
        if !rules.types.is_empty() && !self.types(&rules.types, node) {
            return;
        }
        if let Some(fixed) = &rules.fixed
            && !is_same(fixed.root(), node.value)
        {
            self.error("value", format!("the value is fixed: {}", primitive::shortened(fixed.source())));
        }
        if let Some(pattern) = &rules.pattern
            && !holds(pattern.root(), node.value)
        {
            self.error("value", format!("the value does not hold {}", primitive::shortened(pattern.source())));
        }
        if let Some(binding) = &rules.binding {
            self.bound(node, binding);
        }
        if let (Some(max), Some(text)) = (rules.max_length, node.value.and_then(Value::text))
            && text.chars().count() > max
        {
            self.error("value", format!("more than {max} characters"));
        }
        self.bounds(rules, node);
        for invariant in &rules.invariants {
            self.invariant(node, invariant);
        }
        for child in &rules.children {
            self.child(child, node);
        }
    }

    fn bounds(&mut self, rules: &Rules, node: &Node<'t>) {
        let Some(value) = node.value else { return };
        let compared = |run: &Self, bound: Value<'_>| run.compare(value, bound, node.id);
        if let Some(least) = &rules.least
            && compared(self, least.root()) == Some(Ordering::Less)
        {
            self.error("value", format!("less than {}", primitive::shortened(least.source())));
        }
        if let Some(most) = &rules.most
            && compared(self, most.root()) == Some(Ordering::Greater)
        {
            self.error("value", format!("more than {}", primitive::shortened(most.source())));
        }
    }

    fn compare(&self, a: Value<'_>, b: Value<'_>, kind: TypeId) -> Option<Ordering> {
        let number = |v: Value<'_>| Decimal::parse(v.number()?);
        if let (Some(a), Some(b)) = (number(a), number(b)) {
            return a.partial_cmp(&b);
        }
        let known = self.r4.known();
        if kind == known.quantity {
            let same = a.get_text("code") == b.get_text("code") && a.get_text("system") == b.get_text("system");
            return if same { number(a.get("value")?)?.partial_cmp(&number(b.get("value")?)?) } else { None };
        }
        let kind = match kind {
            id if id == known.date => MomentKind::Date,
            id if id == known.time => MomentKind::Time,
            _ => MomentKind::DateTime,
        };
        let moment = |v: Value<'_>| Moment::parse(&v.text()?, kind);
        let (a, b) = (moment(a)?, moment(b)?);
        // Only what is told in both is compared: the text of the same length sorts as the moments do.
        let (a, b) = (a.to_string(), b.to_string());
        let length = a.len().min(b.len()).min(10);
        Some(a.get(..length)?.cmp(b.get(..length)?))
    }

    /// Whether the element's type is one of these, and what is asked of that type.
    fn types(&mut self, types: &[TypeRule], node: &Node<'t>) -> bool {
        let of: Vec<&TypeRule> =
            types.iter().filter(|t| self.r4.is_a(node.id, t.kind) || self.is_base(t, node)).collect();
        if of.is_empty() {
            let names: Vec<_> = types.iter().map(|t| self.r4.get(t.kind).name).collect();
            let is = self.r4.get(node.id).name;
            self.error("structure", format!("the type is `{is}`, the profile allows only {}", names.join(", ")));
            return false;
        }
        let known = self.r4.known();
        if node.id == known.reference && of.iter().all(|t| !t.targets.is_empty()) {
            let targets: Vec<&str> = of.iter().flat_map(|t| &t.targets).map(String::as_str).collect();
            self.targets(&targets, node);
        }
        if node.id == known.reference && of.iter().all(|t| !t.ways.is_empty()) {
            let ways: Vec<&str> = of.iter().flat_map(|t| &t.ways).map(String::as_str).collect();
            self.way(&ways, node);
        }
        // Extensions are checked by the definition their URL names.
        if node.id == known.extension || of.iter().any(|t| t.profiles.is_empty()) {
            return true;
        }
        let urls: Vec<&str> = of.iter().flat_map(|t| &t.profiles).map(String::as_str).collect();
        self.one_of(&urls, node);
        true
    }

    /// Backbones are written as BackboneElement or Element, ids as strings.
    fn is_base(&self, rule: &TypeRule, node: &Node<'t>) -> bool {
        let (is, wanted) = (self.r4.get(node.id).kind, self.r4.get(rule.kind));
        is == TypeKind::Primitive
            && wanted.kind == TypeKind::Primitive
            && self.is_text(node.id)
            && wanted.name == "string"
    }

    fn is_text(&self, id: TypeId) -> bool {
        matches!(self.r4.get(id).name, "id" | "uri" | "code" | "string")
    }

    /// That an element meets one of some profiles.
    fn one_of(&mut self, urls: &[&str], node: &Node<'t>) {
        if let [url] = urls {
            match self.library().profile(url) {
                Some(Ok(profile)) => return self.profile(&profile, node),
                Some(Err(e)) => return self.warn_once("not-supported", format!("`{url}` cannot be used: {e}")),
                None => {}
            }
        }
        let met: Vec<_> = urls.iter().map(|url| self.meets(url, node)).collect();
        if met.contains(&Some(true)) {
            return;
        }
        if met.contains(&None) {
            return self.warn_once("not-found", format!("of the profiles {} not all are known", urls.join(", ")));
        }
        self.error("structure", format!("it meets none of the profiles {}", urls.join(", ")));
    }

    /// That the target of a reference is where it may be.
    fn way(&mut self, ways: &[&str], node: &Node<'t>) {
        let Some(text) = node.value.and_then(|v| v.get_text("reference")) else { return };
        let (is, fits) = if text.starts_with('#') {
            ("contained", ways.contains(&"contained"))
        } else if self.resolved(&text).is_some() {
            ("bundled", ways.contains(&"bundled") || ways.contains(&"referenced"))
        } else {
            ("referenced", ways.contains(&"referenced"))
        };
        if !fits {
            let wanted = ways.join(", ");
            self.error("structure", format!("the target of the reference is {is}, the profile allows only {wanted}"));
        }
    }

    /// That the target of a reference meets one of some profiles, as far as it is here.
    fn targets(&mut self, urls: &[&str], node: &Node<'t>) {
        let text = node.value.and_then(|v| v.get_text("reference"));
        let found = text.as_deref().and_then(|t| self.resolved(t));
        let named = node.value.and_then(|v| v.get_text("type")).and_then(|n| self.resource_type(&n));
        let Some(kind) = text.as_deref().and_then(|t| self.target_type(t)).or(named) else { return };
        let mut open = false;
        let mut of_type = Vec::new();
        for url in urls {
            match self.type_of_profile(url) {
                Some(wanted) if self.r4.is_a(kind, wanted) => of_type.push(*url),
                Some(_) => {}
                None => open = true,
            }
        }
        if of_type.is_empty() {
            if !open {
                let name = self.r4.get(kind).name;
                let text = format!("a reference to a `{name}` is not allowed here, only to {}", urls.join(", "));
                self.error("structure", text);
            }
            return;
        }
        let Some(found) = found else { return };
        let target = Node::resource(found, self.r4);
        let met: Vec<_> = of_type.iter().map(|url| self.meets(url, &target)).collect();
        if !open && met.iter().all(|m| *m == Some(false)) {
            self.error("structure", format!("what is referred to meets none of {}", of_type.join(", ")));
        }
    }

    /// The type that a profile is of.
    pub fn type_of_profile(&self, url: &str) -> Option<TypeId> {
        let core = url.strip_prefix(library::CORE).and_then(|name| self.r4.find(name));
        core.or_else(|| Some(self.library().profile(url)?.ok()?.kind))
    }

    /// The occurrences of one element of `node`.
    fn child(&mut self, rules: &Rules, node: &Node<'t>) {
        let found = self.occurrences(node, &rules.name);
        let count = u32::try_from(found.len()).unwrap_or(u32::MAX);
        let shown = |run: &Self| format!("{}.{}", run.r4.get(node.id).name, rules.name);
        if let Some(min) = rules.min.filter(|min| count < *min) {
            let text = format!("`{}`: at least {min} wanted by the profile, here are {count}", shown(self));
            self.error("required", text);
        }
        if let Some(max) = rules.max.filter(|max| count > *max) {
            let text = format!("`{}`: at most {max} allowed by the profile, here are {count}", shown(self));
            self.error("structure", text);
        }
        for one in &found {
            self.at(one, |run| run.rules(rules, &one.node));
        }
        if !rules.slices.is_empty() || rules.slicing.is_some() {
            self.slices(rules, &found);
        }
    }

    /// Does something at an occurrence.
    pub fn at(&mut self, one: &Found<'t>, with: impl FnOnce(&mut Self)) {
        let length = self.path.len();
        self.path.push(Part::Name(one.name));
        self.path.extend(one.item.map(Part::Item));
        with(self);
        self.path.truncate(length);
    }

    /// The occurrences of an element by its name, those of all types of a choice.
    pub fn occurrences(&self, node: &Node<'t>, name: &str) -> Vec<Found<'t>> {
        let mut out = Vec::new();
        let is_primitive = self.primitives[usize::from(node.id.0)].is_some();
        let Some(value) = (if is_primitive { node.extra } else { node.value }).filter(|v| v.is_object()) else {
            return out;
        };
        let Some(element) = self.r4.element(node.id, name) else { return out };
        for (key, member) in value.members() {
            let plain = key.strip_prefix('_').unwrap_or(key);
            if !plain.starts_with(name) {
                continue;
            }
            let Some((of, id)) = self.r4.json_member(node.id, plain).filter(|(of, _)| std::ptr::eq(*of, element))
            else {
                continue;
            };
            let beside = plain.len() != key.len();
            if beside && value.get(plain).is_some() {
                continue;
            }
            let twin = if beside || self.primitives[usize::from(id.0)].is_none() {
                None
            } else {
                value.members().find(|(k, _)| k.strip_prefix('_') == Some(plain)).map(|(_, v)| v)
            };
            let (main, extra) = if beside { (None, Some(member)) } else { (Some(member), twin) };
            self.each((main, extra), id, of.is_list(), plain, &mut out);
        }
        out
    }

    fn each(
        &self,
        (value, extra): (Option<Value<'t>>, Option<Value<'t>>),
        id: TypeId,
        is_list: bool,
        name: &'t str,
        out: &mut Vec<Found<'t>>,
    ) {
        let node = |value: Option<Value<'t>>, extra: Option<Value<'t>>| {
            let (value, extra) = (value.filter(|v| !v.is_null()), extra.filter(|v| !v.is_null()));
            let is_resource = self.r4.get(id).kind == TypeKind::Resource;
            let id = value.filter(|_| is_resource).map_or(id, |v| Node::resource(v, self.r4).id);
            (value.is_some() || extra.is_some()).then_some(Node { value, extra, id })
        };
        if !is_list {
            out.extend(node(value, extra).map(|node| Found { node, name, item: None }));
            return;
        }
        let mut values = value.into_iter().flat_map(Value::each);
        let mut extras = extra.into_iter().flat_map(Value::each);
        for item in 0.. {
            let (value, extra) = (values.next(), extras.next());
            if value.is_none() && extra.is_none() {
                return;
            }
            out.extend(node(value, extra).map(|node| Found { node, name, item: Some(item) }));
        }
    }
}

/// Whether a value is exactly another: members in any order, items in theirs.
pub(super) fn is_same(wanted: Value<'_>, value: Option<Value<'_>>) -> bool {
    let Some(value) = value.filter(|v| v.kind() == wanted.kind()) else { return false };
    match wanted.kind() {
        Kind::Object => {
            wanted.members().count() == value.members().count()
                && wanted.members().all(|(name, w)| is_same(w, value.get(name)))
        }
        Kind::Array => {
            wanted.items().count() == value.items().count()
                && wanted.items().zip(value.items()).all(|(w, v)| is_same(w, Some(v)))
        }
        _ => is_same_primitive(wanted, value),
    }
}

fn is_same_primitive(a: Value<'_>, b: Value<'_>) -> bool {
    match (a.number(), b.number()) {
        (Some(a), Some(b)) => a == b || Decimal::parse(a).is_some_and(|a| Decimal::parse(b) == Some(a)),
        _ => a.text().map_or(a.raw() == b.raw(), |text| b.text() == Some(text)),
    }
}

/// Whether a value holds what a pattern has: its members, and of its items each one somewhere (R4 ElementDefinition.pattern).
pub(super) fn holds(pattern: Value<'_>, value: Option<Value<'_>>) -> bool {
    let Some(value) = value else { return false };
    match pattern.kind() {
        Kind::Array => pattern.items().all(|p| value.each().any(|v| holds(p, Some(v)))),
        kind if kind != value.kind() => false,
        Kind::Object => pattern.members().all(|(name, p)| holds(p, value.get(name))),
        _ => is_same_primitive(pattern, value),
    }
}
