//! The compiled form.

use super::functions::Function;
use super::item::TypeRef;
use super::moment::Moment;
use super::quantity::Quantity;
use crate::decimal::Decimal;
use crate::definitions::{Definitions, Element, TypeId};
use std::sync::OnceLock;

#[derive(Debug)]
pub(crate) enum Expr {
    Empty,
    Literal(Literal),
    This,
    Index,
    Total,
    /// `%name`.
    Variable(Box<str>),
    /// `of.name`, or `name` at the start of a path.
    Member {
        of: Option<Box<Expr>>,
        name: Box<str>,
        /// At the start of a path: the type of that name, which stands for the context itself.
        head: Option<TypeId>,
    },
    Call(Box<Call>),
    /// `of[index]`.
    At {
        of: Box<Expr>,
        index: Box<Expr>,
    },
    Negate(Box<Expr>),
    Plus(Box<Expr>),
    Binary {
        op: Op,
        left: Box<Expr>,
        right: Box<Expr>,
    },
    Is {
        of: Box<Expr>,
        kind: TypeRef,
    },
    As {
        of: Box<Expr>,
        kind: TypeRef,
    },
}

#[derive(Debug)]
pub(crate) struct Call {
    pub of: Option<Expr>,
    pub function: Function,
    pub args: Vec<Expr>,
    /// Of `is`, `as`, `ofType`.
    pub kind: Option<TypeRef>,
    /// The pattern of `matches` and its like, where it is written out.
    pub pattern: OnceLock<regex::Regex>,
}

#[derive(Clone, Debug)]
pub(crate) enum Literal {
    Boolean(bool),
    Integer(i64),
    Decimal(Decimal),
    Text(Box<str>),
    Moment(Moment),
    Quantity(Box<Quantity>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Op {
    Implies,
    Or,
    Xor,
    And,
    In,
    Contains,
    Equal,
    NotEqual,
    Equivalent,
    NotEquivalent,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Union,
    Add,
    Subtract,
    Concatenate,
    Multiply,
    Divide,
    Div,
    Mod,
}

impl Expr {
    /// The type name a path starts with: `Patient` of `Patient.name.given`, also through calls and indexes.
    fn head(&self) -> Option<&Expr> {
        match self {
            Self::Member { of: Some(of), .. } | Self::At { of, .. } | Self::Is { of, .. } | Self::As { of, .. } => {
                of.head()
            }
            Self::Call(call) => call.of.as_ref().and_then(Self::head),
            Self::Member { of: None, .. } => Some(self),
            Self::Binary { op, left, .. } if *op != Op::Union => left.head(),
            _ => None,
        }
    }

    /// Without the operands of outer unions whose path starts at another resource type than `id`.
    pub(crate) fn for_type(self, definitions: &Definitions, id: TypeId) -> Option<Self> {
        if let Self::Binary { op: Op::Union, left, right } = self {
            let (left, right) = (left.for_type(definitions, id), right.for_type(definitions, id));
            return match (left, right) {
                (Some(left), Some(right)) => {
                    Some(Self::Binary { op: Op::Union, left: Box::new(left), right: Box::new(right) })
                }
                (one, None) | (None, one) => one,
            };
        }
        match self.head() {
            Some(Self::Member { head: Some(head), .. }) if !definitions.is_a(id, *head) => None,
            _ => Some(self),
        }
    }

    /// Parts outer unions.
    pub(crate) fn operands(self, out: &mut Vec<Self>) {
        match self {
            Self::Binary { op: Op::Union, left, right } => {
                left.operands(out);
                right.operands(out);
            }
            other => out.push(other),
        }
    }

    /// The element that a plain path from a type ends at, and its first type.
    pub(crate) fn element<'d>(&self, definitions: &'d Definitions, id: TypeId) -> Option<(&'d Element, TypeId)> {
        let (of, name) = match self {
            Self::Member { of: Some(of), name, .. } => (of, name),
            Self::Call(call) => return call.of.as_ref()?.element(definitions, id),
            _ => return None,
        };
        let holder = match &**of {
            Self::Member { of: None, head: Some(_), .. } => id,
            other => other.element(definitions, id)?.1,
        };
        let element = definitions.element(holder, name)?;
        Some((element, element.types.first()?.id))
    }
}
