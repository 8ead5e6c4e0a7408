//! The state of one validation.

use super::issue::{Issue, Severity};
use super::primitive::{self, Primitive};
use super::profile::Profile;
use super::{Library, Validator};
use crate::definitions::{self, Definitions, Element, TypeId};
use crate::limits;
use crate::path::{Environment, Item, Node};
use crate::terminology::Terminology;
use crate::tree::{Tree, Value};
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;
use std::sync::{Arc, LazyLock};

/// A part of the path to where the walk is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Part<'t> {
    /// A resource begins: its type.
    Type(&'static str),
    /// A member.
    Name(&'t str),
    /// An item.
    Item(usize),
}

/// A resource the walk is in.
#[derive(Clone)]
pub(super) struct Scope<'t> {
    /// The resource.
    pub node: Node<'t>,
    /// Its contained resources by id; of a contained one, those of its container.
    pub contained: Rc<HashMap<Cow<'t, str>, Value<'t>>>,
    /// Whether it is contained in the resource before it.
    pub is_contained: bool,
    /// The URL it is known by, in a bundle.
    pub full_url: Option<Cow<'t, str>>,
    /// Ids that local references name; the empty one names the container.
    pub locals: HashSet<Cow<'t, str>>,
}

/// The entries of a bundle by how they are referred to.
#[derive(Default)]
pub(super) struct Entries<'t> {
    /// By fullUrl.
    pub by_url: HashMap<Cow<'t, str>, Value<'t>>,
    /// By `Type/id`, as the resource itself tells.
    pub by_id: HashMap<String, Value<'t>>,
}

/// One validation.
pub(super) struct Run<'v, 't> {
    pub validator: Validator<'v>,
    pub r4: &'static Definitions,
    pub primitives: &'static [Option<Primitive>],
    /// Whether meaning is looked at, or only shape.
    pub is_full: bool,
    /// Whether the resources of a bundle's entries are passed over.
    pub leaves_entries: bool,
    pub issues: Vec<Issue>,
    more: bool,
    pub path: Vec<Part<'t>>,
    /// The elements on the way: the type that has each, and it.
    pub holders: Vec<(TypeId, &'static Element)>,
    pub scopes: Vec<Scope<'t>>,
    pub bundles: Vec<Rc<Entries<'t>>>,
    /// The entries of bundles that the walk is in.
    pub entries: Vec<Value<'t>>,
    /// `Bundle.entry`.
    pub entry_type: TypeId,
    pub environment: Option<Environment<'t>>,
    /// Steps of invariants left.
    pub steps: u64,
    /// Elements that profiles may still look at.
    pub looks: u64,
    /// Profiles within profiles.
    pub depth: usize,
    /// What is known of elements and profiles: whether they meet; `true` while it is being found out.
    pub met: HashMap<(usize, u32, TypeId), bool>,
    /// Profiles the outermost resource is to meet.
    pub asked: Vec<Arc<Profile>>,
    /// What was said once and need not be said again.
    pub said: HashSet<String>,
}

impl<'v, 't> Run<'v, 't> {
    pub fn new(validator: Validator<'v>, is_full: bool) -> Self {
        static PRIMITIVES: LazyLock<Vec<Option<Primitive>>> = LazyLock::new(|| primitive::by_type(definitions::r4()));
        Self {
            validator,
            r4: validator.definitions,
            primitives: &PRIMITIVES,
            is_full,
            leaves_entries: false,
            issues: Vec::new(),
            more: false,
            path: Vec::new(),
            holders: Vec::new(),
            scopes: Vec::new(),
            bundles: Vec::new(),
            entries: Vec::new(),
            entry_type: validator.definitions.find("Bundle.entry").unwrap_or(TypeId::UNKNOWN),
            environment: None,
            steps: limits::VALIDATION_STEPS,
            looks: limits::PROFILE_STEPS,
            depth: 0,
            met: HashMap::new(),
            asked: Vec::new(),
            said: HashSet::new(),
        }
    }

    /// A run that starts where this one is, for a question that an invariant asks.
    pub fn branch(&self) -> Self {
        Self {
            path: self.path.clone(),
            holders: self.holders.clone(),
            scopes: self.scopes.clone(),
            bundles: self.bundles.clone(),
            environment: self.environment.clone(),
            steps: self.steps / 16,
            looks: self.looks / 16,
            depth: self.depth + 1,
            ..Self::new(self.validator, true)
        }
    }

    /// Walks a whole document, which is to meet `profiles`.
    pub fn document(&mut self, tree: &'t Tree<'t>, profiles: Vec<Arc<Profile>>) {
        self.asked = profiles;
        self.resource(tree.root(), self.r4.known().resource, None);
    }

    /// That the document is of a type.
    pub fn is_of(&mut self, tree: &'t Tree<'t>, kind: TypeId) {
        let node = Node::root(tree, self.r4);
        if !self.r4.is_a(node.id, kind) {
            let (is, wanted) = (self.r4.get(node.id).name, self.r4.get(kind).name);
            self.error("invalid", format!("the resource is of type `{is}`, `{wanted}` is asked for"));
        }
    }

    /// What was found, the worst first.
    pub fn finish(mut self) -> Vec<Issue> {
        self.issues.sort_by_key(|issue| issue.severity);
        if self.more {
            self.path.clear();
            let text = format!("more than {} issues: the rest is not told", limits::ISSUES);
            let issue = Issue { severity: Severity::Warning, code: "too-long", text, path: String::new() };
            self.issues.push(issue);
        }
        self.issues
    }

    pub fn library(&self) -> &'v Library {
        self.validator.library
    }

    pub fn terminology(&self) -> &'v dyn Terminology {
        self.validator.terminology
    }

    pub fn say(&mut self, severity: Severity, code: &'static str, text: impl Into<String>) {
        if self.issues.len() >= limits::ISSUES {
            self.more = true;
            // Warnings make room for an error, so that the verdict is right.
            let at = self.issues.iter().rposition(|i| !i.severity.is_error());
            match at {
                Some(at) if severity.is_error() => self.issues.remove(at),
                _ => return,
            };
        }
        let path = self.shown();
        let issue = Issue { severity, code, text: text.into(), path };
        if self.depth == 0 || !self.issues.contains(&issue) {
            self.issues.push(issue);
        }
    }

    pub fn error(&mut self, code: &'static str, text: impl Into<String>) {
        self.say(Severity::Error, code, text);
    }

    pub fn warn(&mut self, code: &'static str, text: impl Into<String>) {
        self.say(Severity::Warning, code, text);
    }

    pub fn note(&mut self, text: impl Into<String>) {
        self.say(Severity::Information, "informational", text);
    }

    /// A warning that is worth saying once in a document.
    pub fn warn_once(&mut self, code: &'static str, text: String) {
        if self.said.len() < limits::ISSUES && self.said.insert(text.clone()) {
            self.warn(code, text);
        }
    }

    /// Where the walk is, as FHIRPath.
    pub fn shown(&self) -> String {
        let mut out = String::new();
        for part in &self.path {
            match part {
                Part::Type(name) if out.is_empty() => out.push_str(name),
                Part::Type(_) => {}
                Part::Name(name) if out.is_empty() => out.push_str(name),
                Part::Name(name) => out.extend([".", name.strip_prefix('_').unwrap_or(name)]),
                Part::Item(n) => out.push_str(&format!("[{n}]")),
            }
        }
        out
    }

    /// Does something one part deeper.
    pub fn within<T>(&mut self, part: Part<'t>, with: impl FnOnce(&mut Self) -> T) -> T {
        self.path.push(part);
        let done = with(self);
        self.path.pop();
        done
    }

    /// Whether something finds no error; what it finds is not told.
    pub fn quietly(&mut self, with: impl FnOnce(&mut Self)) -> bool {
        let (issues, more) = (std::mem::take(&mut self.issues), self.more);
        self.depth += 1;
        with(self);
        self.depth -= 1;
        let fine = super::is_valid(&self.issues);
        (self.issues, self.more) = (issues, more);
        fine
    }

    /// The environment in which invariants of the innermost resource are evaluated.
    pub fn set_environment(&mut self) {
        let Some(scope) = self.scopes.last() else { return };
        let resource = Item::Node(scope.node);
        let container = match self.scopes.len().checked_sub(2) {
            Some(n) if scope.is_contained => Item::Node(self.scopes[n].node),
            _ => resource.clone(),
        };
        let environment = self.environment.get_or_insert_with(|| Environment::of(self.r4, resource.clone()));
        environment.resource = Some(resource);
        environment.root_resource = Some(container);
    }
}
