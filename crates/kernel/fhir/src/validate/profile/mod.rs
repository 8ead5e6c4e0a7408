//! Profiles: what a StructureDefinition asks beyond the definition of its base type.
//!
//! Sketch: a tree of `Rules`, one per element that is narrowed, whatever the base type says already left out. A profile
//! over another profile starts as a copy of that one's tree and lays its differential over it: this is the snapshot, without
//! the thousand elements it only repeats. A resource is first walked by its base type, then by the trees of its profiles.

mod constraint;
mod read;
mod types;

pub use read::{ProfileError, compile};

use crate::definitions::{Strength, TypeId};
use crate::path::Expression;
use crate::tree::Tree;
use std::sync::Arc;

/// A compiled profile or extension.
#[derive(Clone, Debug)]
pub struct Profile {
    /// Canonical URL.
    pub url: String,
    /// Business version; may be empty.
    pub version: String,
    /// The type it narrows.
    pub kind: TypeId,
    /// The tree.
    pub root: Rules,
    /// Of an extension: where it may stand. Empty for anywhere.
    pub contexts: Vec<Context>,
    /// Of an extension: what must hold where it stands.
    pub context_invariants: Vec<Arc<Expression>>,
    /// Whether it is an extension that changes the meaning of what it stands on.
    pub is_modifier: bool,
    /// What of the definition could not be followed: said once per use.
    pub unread: Vec<String>,
    /// What is wrong with the definition itself and keeps nobody from following it.
    pub flaws: Vec<String>,
}

/// Where an extension may stand.
#[derive(Clone, Debug)]
pub enum Context {
    /// A type or path: `Patient`, `Patient.contact`, `Element`.
    Element(String),
    /// Within the extension of this URL.
    Extension(String),
    /// Where this expression, on the resource, finds it.
    Path(Arc<Expression>),
    /// What is not understood: anywhere.
    Open,
}

/// What is asked of one element.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// Its name, a choice without `[x]`; the type's name at the root.
    pub name: String,
    /// Fewest occurrences.
    pub min: Option<u32>,
    /// Most occurrences.
    pub max: Option<u32>,
    /// Types it may have; empty where the base's are not narrowed.
    pub types: Vec<TypeRule>,
    /// The value it has, exactly.
    pub fixed: Option<Arc<Tree<'static>>>,
    /// The value it holds at least.
    pub pattern: Option<Arc<Tree<'static>>>,
    /// Its value set.
    pub binding: Option<BindingRule>,
    /// What must hold.
    pub invariants: Vec<Arc<Invariant>>,
    /// Most characters.
    pub max_length: Option<usize>,
    /// Least value.
    pub least: Option<Arc<Tree<'static>>>,
    /// Greatest value.
    pub most: Option<Arc<Tree<'static>>>,
    /// How its slices are told apart.
    pub slicing: Option<Slicing>,
    /// Its slices, in their order.
    pub slices: Vec<Slice>,
    /// Its elements.
    pub children: Vec<Rules>,
    /// While it is read: the types by whose short names (`valueQuantity`) it is spoken of.
    pub named: Vec<TypeId>,
}

impl Rules {
    /// The rules of an element by name.
    pub fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|c| c.name == name)
    }

    /// Whether it asks nothing.
    pub fn is_empty(&self) -> bool {
        self.min.is_none()
            && self.max.is_none()
            && self.types.is_empty()
            && self.fixed.is_none()
            && self.pattern.is_none()
            && self.binding.is_none()
            && self.invariants.is_empty()
            && self.max_length.is_none()
            && self.least.is_none()
            && self.most.is_none()
            && self.slicing.is_none()
            && self.slices.is_empty()
            && self.children.is_empty()
    }
}

/// A type an element may have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TypeRule {
    /// The type.
    pub kind: TypeId,
    /// Profiles of which it meets one.
    pub profiles: Vec<String>,
    /// Profiles of which the target of a reference or canonical meets one.
    pub targets: Vec<String>,
    /// Where the target of a reference may be (R4 `resource-aggregation-mode`); empty for anywhere.
    pub ways: Vec<String>,
}

impl TypeRule {
    /// A type of which nothing more is asked.
    pub fn of(kind: TypeId) -> Self {
        Self { kind, profiles: Vec::new(), targets: Vec::new(), ways: Vec::new() }
    }
}

/// A value set, by URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BindingRule {
    /// How strictly.
    pub strength: Strength,
    /// Canonical URL, maybe with a version.
    pub set: String,
    /// A wider one that no code may leave.
    pub max: Option<String>,
}

/// An invariant of a profile.
#[derive(Debug)]
pub struct Invariant {
    /// `us-core-1`.
    pub key: String,
    /// Whether breaking it is an error.
    pub is_error: bool,
    /// Whether it is marked as best practice: a warning, whatever else it says.
    pub is_practice: bool,
    /// In words.
    pub human: String,
    /// FHIRPath; `None` where it does not compile, and then why.
    pub expression: Result<Expression, String>,
}

/// How slices are told apart.
#[derive(Clone, Debug)]
pub struct Slicing {
    /// By what.
    pub by: Vec<Discriminator>,
    /// Whether they stand in their order.
    pub is_ordered: bool,
    /// What else may stand there.
    pub rest: Rest,
}

/// What may stand beside slices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rest {
    /// Anything.
    Open,
    /// Nothing.
    Closed,
    /// Anything, after them.
    OpenAtEnd,
}

/// One way to tell slices apart.
#[derive(Clone, Debug)]
pub struct Discriminator {
    /// What is compared.
    pub by: By,
    /// Of which element.
    pub steps: Vec<Step>,
}

/// What a discriminator compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    Value,
    Pattern,
    Exists,
    Type,
    Profile,
}

/// A step of a discriminator's path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// An element.
    Name(String),
    /// `extension('url')`.
    Extension(String),
    /// `resolve()`.
    Resolve,
    /// `ofType(X)`.
    OfType(TypeId),
}

/// A slice.
#[derive(Clone, Debug)]
pub struct Slice {
    /// Its name, without those of the slices around it.
    pub name: String,
    /// What is asked of its items; slices within are in it.
    pub rules: Rules,
}
