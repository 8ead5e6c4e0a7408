//! FHIRPath (N1, normative) with the R4 profile: synchronous, compiled once, bounded.
//!
//! `Expression::compile` reads the text, resolves names of types and functions and, where asked, checks paths against the
//! definitions; `evaluate` walks the tree of one resource. Nothing is fetched: what lies outside the resource comes from a
//! `Host`.

mod ast;
mod check;
mod equality;
mod eval;
mod functions;
mod item;
mod lexer;
pub mod moment;
mod operators;
mod parser;
pub mod quantity;

use crate::definitions::{Definitions, TypeId};
use crate::tree::Tree;

pub use eval::{Codes, Environment, Host, NoHost};
pub use item::{Item, Items, Node, System, TypeRef};
pub use moment::Moment;
pub use quantity::Quantity;

/// Why an expression has no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// The text is no FHIRPath.
    #[error("syntax error at character {at}: {problem}")]
    Syntax {
        /// Character from 0.
        at: usize,
        /// What is wrong there.
        problem: String,
    },
    /// It names what does not exist: an element, a function, a type.
    #[error("{0}")]
    Semantic(String),
    /// It cannot be computed on this input: several items where one is wanted, operands that do not go together.
    #[error("{0}")]
    Execution(String),
    /// It took more steps than `limits::EVALUATION_STEPS`, or made more than the other limits allow.
    #[error("the expression passes the limit of {0}")]
    Limit(&'static str),
}

pub(crate) type Result<T> = std::result::Result<T, PathError>;

/// How names are looked at when an expression is compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// An element that a type does not have gives nothing when met.
    Lenient,
    /// It is an error before anything is evaluated; so is taking the first of what has no order.
    Strict,
}

/// A compiled expression; shared between threads.
#[derive(Debug)]
pub struct Expression {
    root: ast::Expr,
    text: Box<str>,
}

impl Expression {
    /// Compiles `text`, whose paths start at `context` (`TypeId::UNKNOWN` where that is open).
    ///
    /// # Errors
    /// `Syntax`, `Semantic`, `Limit`.
    pub fn compile(text: &str, definitions: &Definitions, context: TypeId, mode: Mode) -> Result<Self> {
        let root = parser::parse(text, definitions)?;
        if mode == Mode::Strict {
            check::check(&root, definitions, context)?;
        }
        Ok(Self { root, text: text.into() })
    }

    /// The source.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Evaluates on a whole resource: `%resource`, `%rootResource` and `%context` are that resource.
    ///
    /// # Errors
    /// `Execution`, `Limit`.
    pub fn evaluate<'t>(&self, tree: &'t Tree<'t>, definitions: &'t Definitions) -> Result<Items<'t>> {
        let root = Item::Node(Node::root(tree, definitions));
        self.evaluate_in(&Environment::of(definitions, root), &NoHost)
    }

    /// Evaluates in an environment, asking `host` for what lies outside.
    ///
    /// # Errors
    /// `Execution`, `Limit`.
    pub fn evaluate_in<'t>(&self, environment: &Environment<'t>, host: &dyn Host<'t>) -> Result<Items<'t>> {
        eval::evaluate(&self.root, environment, host)
    }

    /// As `evaluate_in`, and how many of the environment's steps it took.
    pub(crate) fn evaluate_counted<'t>(
        &self,
        environment: &Environment<'t>,
        host: &dyn Host<'t>,
    ) -> (Result<Items<'t>>, u64) {
        eval::evaluate_counted(&self.root, environment, host)
    }

    /// Without the operands of outer unions that start at another resource type; `None` where none is left.
    pub(crate) fn for_type(self, definitions: &Definitions, id: TypeId) -> Option<Self> {
        let text = self.text;
        self.root.for_type(definitions, id).map(|root| Self { root, text })
    }

    /// The operands of the outer unions, each an expression.
    pub(crate) fn operands(self) -> Vec<Self> {
        let text = self.text;
        let mut roots = Vec::new();
        self.root.operands(&mut roots);
        roots.into_iter().map(|root| Self { root, text: text.clone() }).collect()
    }

    /// The one code system of the value set bound to the element this path ends at.
    pub(crate) fn code_system(&self, definitions: &Definitions, id: TypeId) -> Option<&'static str> {
        let binding = self.root.element(definitions, id)?.0.binding?;
        match definitions.value_sets[usize::from(binding.value_set)].systems.as_slice() {
            [(system, _)] if *system != "*" => Some(system),
            _ => None,
        }
    }
}

/// Evaluates an expression given as text on a resource, strictly checked against its type; codes are asked of R4's terminology.
///
/// # Errors
/// As `Expression::compile` and `evaluate`.
pub fn evaluate<'t>(text: &str, tree: &'t Tree<'t>, definitions: &'t Definitions) -> Result<Items<'t>> {
    let context = Node::root(tree, definitions).id;
    let root = Item::Node(Node::root(tree, definitions));
    let host = Codes(crate::terminology::r4());
    Expression::compile(text, definitions, context, Mode::Strict)?
        .evaluate_in(&Environment::of(definitions, root), &host)
}
