//! Extensions: known ones by their definition and where they stand; unknown ones are noted, unless they change meaning.

use super::issue::Severity;
use super::meaning::is_absolute;
use super::primitive::shortened;
use super::profile::{Context, Profile};
use super::run::{Part, Run};
use super::walk::Member;
use crate::definitions::TypeId;
use crate::path::{Item, Node};
use crate::tree::Value;

/// Extensions of R4 that HL7's own definitions put elsewhere than their context says.
const ELSEWHERE: [&str; 4] =
    ["structuredefinition-fhir-type", "structuredefinition-normative-version", "regex", "translation"];

/// Hosts that examples name: their definitions are nowhere.
const EXAMPLES: [&str; 4] = ["example.org", "example.com", "acme.com", "nema.org"];

fn is_example(url: &str) -> bool {
    let host = url.split_once("://").map(|(_, rest)| rest.split(['/', '#', '?']).next().unwrap_or(rest));
    host.is_some_and(|h| EXAMPLES.iter().any(|e| h.strip_suffix(e).is_some_and(|r| r.is_empty() || r.ends_with('.'))))
}

impl<'t> Run<'_, 't> {
    /// An extension where it stands.
    pub fn extension(&mut self, value: Value<'t>, member: &Member<'t>) {
        let Some(url) = value.get_text("url") else { return };
        let is_nested = member.of == self.r4.known().extension;
        if !is_absolute(&url) {
            if !is_nested {
                let text = format!("`{}` is no absolute URL, which an extension's is", shortened(&url));
                self.within(Part::Name("url"), |run| run.error("value", text));
            }
            return;
        }
        let slot = member.element.name == "modifierExtension";
        match self.library().profile(&url) {
            Some(Ok(profile)) if profile.kind == self.r4.known().extension => {
                if profile.is_modifier != slot {
                    let (is, right) = if slot { ("no", "extension") } else { ("a", "modifierExtension") };
                    self.error("structure", format!("`{url}` is {is} modifier: it stands in `{right}`"));
                }
                self.context(&profile, member);
                let node = Node { value: Some(value), extra: None, id: self.r4.known().extension };
                self.profile(&profile, &node);
            }
            Some(Ok(_)) => self.error("structure", format!("`{url}` defines no extension")),
            Some(Err(e)) => self.warn("not-supported", format!("the extension `{url}` cannot be checked: {e}")),
            None if slot => {
                let text = format!("the modifier extension `{}` is not known", shortened(&url));
                let severity = if is_example(&url) { Severity::Warning } else { Severity::Error };
                self.say(severity, "extension", text);
            }
            // HL7's own are all known: this is another version's, or none.
            None if url.starts_with(super::library::CORE) => {
                let text = format!("R4 has no extension `{}`: load the package that defines it", shortened(&url));
                self.error("extension", text);
            }
            None => {
                let text = format!("the extension `{}` is not known: it was not checked", shortened(&url));
                if self.said.len() < crate::limits::ISSUES && self.said.insert(text.clone()) {
                    self.note(text);
                }
            }
        }
    }

    /// Whether an extension may stand on the element that holds it.
    fn context(&mut self, profile: &Profile, member: &Member<'t>) {
        let names = self.names_of_holder(member.of);
        let around = self.url_around();
        let own = profile.url.strip_prefix(super::library::CORE).unwrap_or_default();
        let mut allowed = profile.contexts.is_empty() || ELSEWHERE.contains(&own);
        for context in &profile.contexts {
            allowed |= match context {
                Context::Open => true,
                Context::Element(wanted) => {
                    let (url, path) = wanted.split_once('#').unwrap_or(("", wanted));
                    let path = path.strip_prefix(super::library::CORE).unwrap_or(path).replace("[x]", "");
                    // A path within a profile: whether the element is of it is not asked.
                    path == "Element" || names.contains(&path) || (!url.is_empty() && path.is_empty())
                }
                Context::Extension(url) => around.as_deref().is_some_and(|a| a == url.split('#').next().unwrap_or(url)),
                Context::Path(expression) => {
                    let scope = self.scopes.last().map(|s| s.node);
                    let found = scope.map(|node| self.evaluated(&node, expression)).unwrap_or_default();
                    let holder = self.holder_position();
                    found.iter().any(|item| match item {
                        Item::Boolean(b) => *b,
                        Item::Node(n) => holder.is_some() && n.value.or(n.extra).map(Value::position) == holder,
                        _ => false,
                    })
                }
            };
        }
        if !allowed {
            let wanted: Vec<_> = profile.contexts.iter().map(shown).collect();
            let is = names.first().map_or("", String::as_str);
            let text = format!("`{}` stands on {}, this is `{is}`", profile.url, wanted.join(", "));
            self.error("extension", text);
        }
        for expression in &profile.context_invariants {
            let node = self.scopes.last().map(|s| s.node);
            let found = node.map(|n| self.evaluated(&n, expression)).unwrap_or_default();
            if matches!(found.as_slice(), [Item::Boolean(false)]) {
                self.error("extension", format!("`{}`: `{}` does not hold here", profile.url, expression.text()));
            }
        }
    }

    /// What the holder of the extension may be called: its path in the resource, its path in its type, its types.
    fn names_of_holder(&self, holder: TypeId) -> Vec<String> {
        let mut names = Vec::new();
        let from = self.path.iter().rposition(|p| matches!(p, Part::Type(_))).unwrap_or(0);
        let mut path = Vec::new();
        for part in &self.path[from..] {
            match part {
                Part::Type(name) => path.push((*name).to_owned()),
                Part::Name(name) => path.push(name.trim_start_matches('_').to_owned()),
                Part::Item(_) => {}
            }
        }
        path.pop();
        names.push(path.join("."));
        // The element the holder is, in the type that has it and in that one's bases.
        if let Some((of, element)) = self.holders.len().checked_sub(2).and_then(|n| self.holders.get(n)) {
            let mut here = Some(*of);
            while let Some(id) = here {
                names.push(format!("{}.{}", self.r4.get(id).name, element.name));
                here = self.r4.get(id).base;
            }
            // `Observation.valueQuantity` is `Observation.value`.
            if element.is_choice {
                path.pop();
                path.push(element.name.to_owned());
                names.push(path.join("."));
            }
        }
        let mut here = Some(holder);
        while let Some(id) = here {
            names.push(self.r4.get(id).name.to_owned());
            here = self.r4.get(id).base;
        }
        names
    }

    /// The value that holds the extension.
    fn holder(&self) -> Option<Value<'t>> {
        let scope = self.scopes.last()?;
        let mut here = scope.node.value?;
        let from = self.path.iter().rposition(|p| matches!(p, Part::Type(_)))? + 1;
        let end = self.path.iter().rposition(|p| matches!(p, Part::Name(_)))?;
        for part in &self.path[from..end] {
            here = match part {
                Part::Name(name) => match here.get(name) {
                    Some(value) if value.is_object() || value.is_array() => value,
                    // A primitive: what holds extensions is its companion.
                    _ => here.get(&format!("_{name}"))?,
                },
                Part::Item(n) => here.items().nth(*n)?,
                Part::Type(_) => return None,
            };
        }
        Some(here)
    }

    fn url_around(&self) -> Option<String> {
        self.holder()?.get_text("url").map(|u| u.into_owned())
    }

    fn holder_position(&self) -> Option<u32> {
        self.holder().map(Value::position)
    }
}

fn shown(context: &Context) -> String {
    match context {
        Context::Element(path) => format!("`{path}`"),
        Context::Extension(url) => format!("the extension `{url}`"),
        Context::Path(expression) => format!("`{}`", expression.text()),
        Context::Open => "anything".into(),
    }
}
