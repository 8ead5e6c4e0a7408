//! Slices: which occurrence is of which, and what is asked of each.

use super::apply::{Found, holds, is_same};
use super::profile::{By, Discriminator, Rest, Rules, Slice, Slicing, Step};
use super::run::Run;
use crate::definitions::Strength;
use crate::limits;
use crate::path::Node;
use crate::terminology::Membership;
use crate::tree::{Tree, Value};
use std::sync::Arc;

/// Rules at the end of a discriminator's path.
enum End<'r> {
    /// Of an element.
    Rules(&'r Rules),
    /// Of a resource a reference points to: profiles it may meet.
    Targets(Vec<&'r str>),
    /// The URL of an extension.
    Url(&'r str),
    /// Of an element in a profile that the rules name.
    Profile(Arc<super::Profile>, Vec<Step>),
}

impl<'t> Run<'_, 't> {
    /// The occurrences of a sliced element against its slices.
    pub fn slices(&mut self, rules: &Rules, found: &[Found<'t>]) {
        let guessed = match (&rules.slicing, rules.name.as_str()) {
            (Some(slicing), _) => slicing.clone(),
            (None, "extension" | "modifierExtension") => by(By::Value, vec![Step::Name("url".into())]),
            (None, _) => by(By::Type, Vec::new()),
        };
        if guessed.by.is_empty() && !rules.slices.is_empty() {
            let text = format!("the slices of `{}` have no discriminator: they were not checked", rules.name);
            return self.warn_once("not-supported", text);
        }
        // For each slice its occurrences, and whether there may be more that cannot be told.
        let mut of: Vec<(Vec<Found<'t>>, bool)> = rules.slices.iter().map(|_| (Vec::new(), false)).collect();
        let (mut last, mut rest_seen) = (0, false);
        for one in found {
            let mut at = None;
            let mut doubt = false;
            for (n, slice) in rules.slices.iter().enumerate().filter(|(_, s)| s.name != "@default") {
                match self.is_of_slice(slice, &guessed, &one.node) {
                    Some(true) => {
                        at = Some(n);
                        break;
                    }
                    Some(false) => {}
                    None => {
                        doubt = true;
                        of[n].1 = true;
                    }
                }
            }
            let at = at.or_else(|| rules.slices.iter().position(|s| s.name == "@default"));
            match at {
                Some(n) => {
                    if guessed.is_ordered && n < last {
                        let text = format!("the slice `{}` stands before its place", rules.slices[n].name);
                        self.at(one, |run| run.error("structure", text));
                    }
                    if rest_seen && guessed.rest == Rest::OpenAtEnd {
                        self.at(one, |run| run.error("structure", "what is of no slice stands after the slices"));
                    }
                    last = last.max(n);
                    of[n].0.push(*one);
                }
                None if doubt => {}
                None => {
                    rest_seen = true;
                    if guessed.rest == Rest::Closed {
                        self.at(one, |run| {
                            run.error("structure", "it is of none of the slices, and others are not allowed")
                        });
                    }
                }
            }
        }
        for (slice, (found, doubt)) in rules.slices.iter().zip(of) {
            self.slice(slice, &found, doubt);
        }
    }

    fn slice(&mut self, slice: &Slice, found: &[Found<'t>], doubt: bool) {
        let count = u32::try_from(found.len()).unwrap_or(u32::MAX);
        let rules = &slice.rules;
        if let Some(min) = rules.min.filter(|min| count < *min && !doubt) {
            let text = format!("slice `{}` of `{}`: at least {min} wanted, here are {count}", slice.name, rules.name);
            self.error("required", text);
        }
        if let Some(max) = rules.max.filter(|max| count > *max) {
            let text = format!("slice `{}` of `{}`: at most {max} allowed, here are {count}", slice.name, rules.name);
            self.error("structure", text);
        }
        for one in found {
            self.at(one, |run| run.rules(rules, &one.node));
        }
        if !rules.slices.is_empty() {
            self.slices(rules, found);
        }
    }

    /// Whether an occurrence is of a slice; `None` where that cannot be told here.
    fn is_of_slice(&mut self, slice: &Slice, slicing: &Slicing, node: &Node<'t>) -> Option<bool> {
        let mut sure = true;
        for discriminator in &slicing.by {
            match self.discriminates(&slice.rules, discriminator, node) {
                Some(true) => {}
                Some(false) => return Some(false),
                None => sure = false,
            }
        }
        sure.then_some(true)
    }

    fn discriminates(&mut self, rules: &Rules, by: &Discriminator, node: &Node<'t>) -> Option<bool> {
        let nodes = self.reached(vec![*node], &by.steps);
        let end = self.end(rules, &by.steps);
        match by.by {
            By::Exists => match end? {
                End::Rules(rules) if rules.max == Some(0) => Some(nodes.is_empty()),
                End::Rules(rules) if rules.min.is_some_and(|m| m > 0) => Some(!nodes.is_empty()),
                _ => None,
            },
            By::Value | By::Pattern => match end? {
                End::Url(url) => Some(nodes.iter().any(|n| n.value.and_then(Value::text).as_deref() == Some(url))),
                End::Rules(rules) => self.any_fits(rules, &nodes),
                End::Profile(profile, steps) => {
                    let rules = descend(&profile.root, &steps)?;
                    self.any_fits(rules, &nodes)
                }
                End::Targets(_) => None,
            },
            By::Type => {
                let kinds: Vec<_> = match end? {
                    End::Rules(rules) => rules.types.iter().map(|t| t.kind).collect(),
                    End::Targets(urls) => urls.iter().filter_map(|u| self.type_of_profile(u)).collect(),
                    _ => return None,
                };
                if kinds.is_empty() {
                    return None;
                }
                if nodes.is_empty() && by.steps.contains(&Step::Resolve) {
                    return self.by_name(node, &by.steps).map(|kind| kinds.iter().any(|k| self.r4.is_a(kind, *k)));
                }
                Some(nodes.iter().any(|n| kinds.iter().any(|k| self.r4.is_a(n.id, *k))))
            }
            By::Profile => {
                let urls: Vec<String> = match end? {
                    End::Rules(rules) => rules.types.iter().flat_map(|t| t.profiles.clone()).collect(),
                    End::Targets(urls) => urls.iter().map(|u| (*u).to_owned()).collect(),
                    _ => return None,
                };
                if urls.is_empty() || nodes.is_empty() {
                    return None;
                }
                let mut unknown = false;
                for node in &nodes {
                    for url in &urls {
                        match self.meets(url, node) {
                            Some(true) => return Some(true),
                            Some(false) => {}
                            None => unknown = true,
                        }
                    }
                }
                if unknown { None } else { Some(false) }
            }
        }
    }

    /// The type that the reference before `resolve()` names, where its target is not here.
    fn by_name(&self, node: &Node<'t>, steps: &[Step]) -> Option<crate::definitions::TypeId> {
        let before = steps.iter().position(|s| *s == Step::Resolve)?;
        let references = self.reached(vec![*node], &steps[..before]);
        let text = references.first()?.value?.get_text("reference")?;
        self.target_type(&text)
    }

    /// What a discriminator's path leads to.
    fn reached(&self, mut nodes: Vec<Node<'t>>, steps: &[Step]) -> Vec<Node<'t>> {
        for step in steps {
            let mut next = Vec::new();
            for node in &nodes {
                match step {
                    Step::Name(name) => next.extend(self.occurrences(node, name).iter().map(|f| f.node)),
                    Step::Extension(url) => {
                        let all = self.occurrences(node, "extension");
                        let of =
                            all.iter().filter(|f| f.node.value.and_then(|v| v.get_text("url")).as_deref() == Some(url));
                        next.extend(of.map(|f| f.node));
                    }
                    Step::Resolve => {
                        let text = node.value.and_then(|v| v.get_text("reference").or_else(|| v.text()));
                        let found = text.and_then(|t| self.resolved(&t));
                        next.extend(found.map(|v| Node::resource(v, self.r4)));
                    }
                    Step::OfType(kind) => next.extend(self.r4.is_a(node.id, *kind).then_some(*node)),
                }
            }
            nodes = next;
        }
        nodes
    }

    /// The rules at the end of a path.
    fn end<'r>(&self, rules: &'r Rules, steps: &[Step]) -> Option<End<'r>> {
        let mut here = rules;
        for (n, step) in steps.iter().enumerate() {
            let rest = &steps[n + 1..];
            let next = match step {
                // What a slice of the element on the way fixes, the element is told apart by.
                Step::Name(name) => here.child(name).or_else(|| here.slices.iter().find_map(|s| s.rules.child(name))),
                Step::OfType(kind) => {
                    let of = here.slices.iter().find(|s| s.rules.types.iter().any(|t| t.kind == *kind));
                    Some(of.map_or(here, |s| &s.rules))
                }
                Step::Extension(url) => here.child("extension").and_then(|e| extension_slice(e, url)),
                Step::Resolve => {
                    let urls: Vec<&str> = here.types.iter().flat_map(|t| &t.targets).map(String::as_str).collect();
                    if rest.is_empty() {
                        return Some(End::Targets(urls));
                    }
                    let [url] = urls.as_slice() else { return None };
                    return Some(End::Profile(self.library().profile(url)?.ok()?, rest.to_vec()));
                }
            };
            if let Some(next) = next {
                here = next;
                continue;
            }
            // What the slice does not say, the profile of its type does.
            let url = here.types.iter().flat_map(|t| &t.profiles).next()?;
            if matches!(step, Step::Name(name) if name == "url") && rest.is_empty() {
                return Some(End::Url(url.split('|').next().unwrap_or(url)));
            }
            return Some(End::Profile(self.library().profile(url)?.ok()?, steps[n..].to_vec()));
        }
        Some(End::Rules(here))
    }

    fn any_fits(&mut self, rules: &Rules, nodes: &[Node<'t>]) -> Option<bool> {
        let mut told = Some(false);
        for node in nodes {
            match self.fits(rules, node, 0) {
                Some(true) => return Some(true),
                Some(false) => {}
                None => told = None,
            }
        }
        if nodes.is_empty() && !says(rules) { None } else { told }
    }

    /// Whether an element has the values that rules fix; `None` where they fix none, or it cannot be told.
    fn fits(&mut self, rules: &Rules, node: &Node<'t>, depth: usize) -> Option<bool> {
        if depth > limits::PROFILE_DEPTH {
            return None;
        }
        let mut told = None;
        if let Some(fixed) = &rules.fixed {
            if !is_same(fixed.root(), node.value) {
                return Some(false);
            }
            told = Some(true);
        }
        if let Some(pattern) = &rules.pattern {
            if !holds(pattern.root(), node.value) {
                return Some(false);
            }
            told = Some(true);
        }
        if let Some(binding) = rules.binding.as_ref().filter(|b| b.strength == Strength::Required) {
            match self.membership(&binding.set, node) {
                Membership::Out => return Some(false),
                Membership::In => told = Some(true),
                Membership::Unknown => {}
            }
        }
        if let Some(url) = rules.types.iter().flat_map(|t| &t.profiles).next()
            && told.is_none()
            && node.id == self.r4.known().extension
        {
            let own = node.value.and_then(|v| v.get_text("url"));
            return Some(own.as_deref() == url.split('|').next());
        }
        for child in rules.children.iter().filter(|c| says(c)) {
            let nodes: Vec<_> = self.occurrences(node, &child.name).iter().map(|f| f.node).collect();
            if nodes.is_empty() {
                // What is fixed and may be missing tells nothing.
                if child.min.is_some_and(|m| m > 0) || child.slices.iter().any(|s| s.rules.min.is_some_and(|m| m > 0)) {
                    return Some(false);
                }
                continue;
            }
            let mut any = if has_value(child) { Some(false) } else { None };
            for node in &nodes {
                if has_value(child) && self.fits(child, node, depth + 1) == Some(true) {
                    any = Some(true);
                }
            }
            for slice in child.slices.iter().filter(|s| says(&s.rules) && s.rules.min.is_some_and(|m| m > 0)) {
                let fits = nodes.iter().any(|n| self.fits(&slice.rules, n, depth + 1) == Some(true));
                any = Some(fits && any != Some(false));
            }
            match any {
                Some(false) => return Some(false),
                Some(true) => told = Some(true),
                None => {}
            }
        }
        told
    }

    fn membership(&self, set: &str, node: &Node<'t>) -> Membership {
        let Some(value) = node.value else { return Membership::Out };
        let terminology = self.terminology();
        if let Some(code) = value.text() {
            return terminology.in_value_set(set, None, &code);
        }
        let codings: Vec<_> = match value.get("coding") {
            Some(all) => all.items().collect(),
            None => vec![value],
        };
        let asked = codings.iter().filter_map(|c| {
            let code = c.get_text("code")?;
            Some(terminology.in_value_set(set, c.get_text("system").as_deref(), &code))
        });
        let asked: Vec<_> = asked.collect();
        match asked.iter().find(|m| **m == Membership::In).or_else(|| asked.iter().find(|m| **m == Membership::Unknown))
        {
            Some(found) => *found,
            None => Membership::Out,
        }
    }
}

fn by(by: By, steps: Vec<Step>) -> Slicing {
    Slicing { by: vec![Discriminator { by, steps }], is_ordered: false, rest: Rest::Open }
}

fn extension_slice<'r>(rules: &'r Rules, url: &str) -> Option<&'r Rules> {
    let is = |s: &&Slice| {
        let fixed = s.rules.child("url").and_then(|u| u.fixed.as_deref()).map(Tree::root).and_then(Value::text);
        fixed.as_deref() == Some(url) || s.rules.types.iter().flat_map(|t| &t.profiles).any(|p| p == url)
    };
    rules.slices.iter().find(is).map(|s| &s.rules)
}

fn descend<'r>(rules: &'r Rules, steps: &[Step]) -> Option<&'r Rules> {
    steps.iter().try_fold(rules, |here, step| match step {
        Step::Name(name) => here.child(name),
        Step::Extension(url) => here.child("extension").and_then(|e| extension_slice(e, url)),
        Step::OfType(_) => Some(here),
        Step::Resolve => None,
    })
}

/// Whether rules fix a value of the element itself.
fn has_value(rules: &Rules) -> bool {
    rules.fixed.is_some()
        || rules.pattern.is_some()
        || rules.binding.as_ref().is_some_and(|b| b.strength == Strength::Required)
        || rules.children.iter().any(says)
}

/// Whether rules fix any value, their own or a slice's.
fn says(rules: &Rules) -> bool {
    has_value(rules) || rules.slices.iter().any(|s| says(&s.rules))
}
