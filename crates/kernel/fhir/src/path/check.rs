//! Strict checks before an evaluation: paths name elements that exist, order is asked only of what has one.
//!
//! Every part of an expression gets the types its items may have, or `Open` where nobody can tell; only what is sure is
//! refused.

use super::ast::{Call, Expr, Literal, Op};
use super::functions::Function as F;
use super::item::{System, TypeRef};
use super::{PathError, Result};
use crate::definitions::{Definitions, TypeId, TypeKind};
use std::cell::RefCell;

/// Refuses what cannot be meant.
pub(super) fn check(root: &Expr, definitions: &Definitions, context: TypeId) -> Result<()> {
    let mut defined = Vec::new();
    names_defined(root, &mut defined);
    let (context, variables) = (Shape::of(context), RefCell::default());
    let checker = Checker { definitions, context, defined, variables };
    checker.shape(root, &checker.context).map(|_| ())
}

/// What the items of a collection may be.
#[derive(Clone, Debug)]
struct Shape {
    /// `None`: anything.
    types: Option<Vec<Known>>,
    /// Whether the order of the items means something.
    is_ordered: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Known {
    Fhir(TypeId),
    System(System),
}

impl Shape {
    fn of(id: TypeId) -> Self {
        if id == TypeId::UNKNOWN { Self::open() } else { Self::known(vec![Known::Fhir(id)]) }
    }

    fn known(types: Vec<Known>) -> Self {
        Self { types: Some(types), is_ordered: true }
    }

    fn system(kind: System) -> Self {
        Self::known(vec![Known::System(kind)])
    }

    fn open() -> Self {
        Self { types: None, is_ordered: true }
    }

    fn joined(self, other: Self) -> Self {
        let types = match (self.types, other.types) {
            (Some(mut a), Some(b)) => {
                a.extend(b);
                a.dedup();
                Some(a)
            }
            _ => None,
        };
        Self { types, is_ordered: self.is_ordered && other.is_ordered }
    }
}

struct Checker<'d> {
    definitions: &'d Definitions,
    context: Shape,
    /// Names that the expression defines by `defineVariable` somewhere.
    defined: Vec<Box<str>>,
    /// Those in scope, with what they are.
    variables: RefCell<Vec<(Box<str>, Shape)>>,
}

/// The names that `defineVariable` is given as literals anywhere in an expression.
fn names_defined(expr: &Expr, into: &mut Vec<Box<str>>) {
    let mut parts: Vec<&Expr> = Vec::new();
    match expr {
        Expr::Empty | Expr::Literal(_) | Expr::This | Expr::Index | Expr::Total | Expr::Variable(_) => {}
        Expr::Member { of, .. } => parts.extend(of.as_deref()),
        Expr::Call(call) => {
            into.extend(defined_by(call).map(Into::into));
            parts.extend(call.of.iter().chain(&call.args));
        }
        Expr::At { of, index } => parts.extend([&**of, &**index]),
        Expr::Negate(of) | Expr::Plus(of) | Expr::Is { of, .. } | Expr::As { of, .. } => parts.push(of),
        Expr::Binary { left, right, .. } => parts.extend([&**left, &**right]),
    }
    parts.into_iter().for_each(|part| names_defined(part, into));
}

/// The name a call of `defineVariable` defines, where it is written out.
fn defined_by(call: &Call) -> Option<&str> {
    match (call.function, call.args.first()) {
        (F::DefineVariable, Some(Expr::Literal(Literal::Text(name)))) => Some(name),
        _ => None,
    }
}

fn semantic<T>(message: String) -> Result<T> {
    Err(PathError::Semantic(message))
}

impl Checker<'_> {
    fn shape(&self, expr: &Expr, this: &Shape) -> Result<Shape> {
        match expr {
            Expr::Empty => Ok(Shape::known(Vec::new())),
            Expr::Literal(literal) => Ok(Shape::system(kind_of(literal))),
            Expr::This => Ok(this.clone()),
            Expr::Index => Ok(Shape::system(System::Integer)),
            Expr::Total => Ok(Shape::open()),
            Expr::Variable(name) => Ok(match &**name {
                "context" | "resource" | "rootResource" => self.context.clone(),
                "ucum" | "sct" | "loinc" => Shape::system(System::String),
                _ => match self.variables.borrow().iter().find(|(n, _)| n == name) {
                    Some((_, shape)) => shape.clone(),
                    None if self.defined.contains(name) => {
                        return semantic(format!("the variable `%{name}` is not defined here"));
                    }
                    None => Shape::open(),
                },
            }),
            Expr::Member { of: None, name, head } => self.start(name, *head, this),
            Expr::Member { of: Some(of), name, .. } => {
                let of = self.shape(of, this)?;
                self.member(&of, name)
            }
            Expr::Call(call) => self.call(call, this),
            Expr::At { of, index } => {
                let of = self.shape(of, this)?;
                self.scoped(index, this)?;
                self.needs_order(&of, "an index")?;
                Ok(of)
            }
            Expr::Negate(of) | Expr::Plus(of) => self.shape(of, this),
            Expr::Binary { op, left, right } => self.binary(*op, left, right, this),
            Expr::Is { of, .. } => {
                self.shape(of, this)?;
                Ok(Shape::system(System::Boolean))
            }
            Expr::As { of, kind } => {
                let of = self.shape(of, this)?;
                self.narrowed(&of, *kind)
            }
        }
    }

    /// The shape of a part whose variables end with it.
    fn scoped(&self, expr: &Expr, this: &Shape) -> Result<Shape> {
        let before = self.variables.borrow().len();
        let shape = self.shape(expr, this);
        self.variables.borrow_mut().truncate(before);
        shape
    }

    fn binary(&self, op: Op, left: &Expr, right: &Expr, this: &Shape) -> Result<Shape> {
        let (left, right) = (self.scoped(left, this)?, self.scoped(right, this)?);
        Ok(match op {
            // `(1 | 2).take(1)` is asked for by the official suite: a union keeps the order of its operands.
            Op::Union => left.joined(right),
            Op::Add | Op::Subtract | Op::Multiply | Op::Divide | Op::Div | Op::Mod => Shape::open(),
            Op::Concatenate => Shape::system(System::String),
            _ => Shape::system(System::Boolean),
        })
    }

    fn start(&self, name: &str, head: Option<TypeId>, this: &Shape) -> Result<Shape> {
        if let (Some(head), Some(types)) = (head, &this.types) {
            let fits = |t: &Known| matches!(t, Known::Fhir(id) if self.definitions.is_a(*id, head));
            if types.iter().any(fits) {
                return Ok(this.clone());
            }
        } else if head.is_some() {
            return Ok(Shape::open());
        }
        self.member(this, name)
    }

    fn member(&self, of: &Shape, name: &str) -> Result<Shape> {
        let Some(types) = &of.types else { return Ok(Shape { types: None, is_ordered: of.is_ordered }) };
        let mut found: Option<Vec<Known>> = Some(Vec::new());
        let mut any = types.is_empty();
        for known in types {
            match known {
                Known::System(System::Quantity) => {
                    any |= matches!(name, "value" | "unit" | "code");
                    found = None;
                }
                Known::System(_) => {}
                Known::Fhir(id) => {
                    let of = self.definitions.get(*id);
                    if of.is_abstract || (of.kind == TypeKind::Primitive && name == "value") {
                        any = true;
                        found = None;
                        continue;
                    }
                    let Some(element) = self.definitions.element(*id, name) else { continue };
                    any = true;
                    if let Some(found) = &mut found {
                        found.extend(element.types.iter().map(|t| Known::Fhir(t.id)));
                    }
                }
            }
        }
        if !any {
            let names: Vec<_> = types.iter().map(|t| self.name(*t)).collect();
            return semantic(format!("`{}` has no element `{name}`", names.join("`, `")));
        }
        // A resource inside a resource may be of any type.
        let open = |t: &Known| matches!(t, Known::Fhir(id) if self.definitions.get(*id).is_abstract);
        let found = found.filter(|f| !f.iter().any(open));
        Ok(Shape { types: found, is_ordered: of.is_ordered })
    }

    fn name(&self, known: Known) -> &'static str {
        match known {
            Known::Fhir(id) => self.definitions.get(id).name,
            Known::System(kind) => kind.name(),
        }
    }

    fn needs_order(&self, of: &Shape, what: &str) -> Result<()> {
        if of.is_ordered { Ok(()) } else { semantic(format!("{what} of a collection without an order")) }
    }

    /// `as` and `ofType`: the type asked for.
    fn narrowed(&self, of: &Shape, kind: TypeRef) -> Result<Shape> {
        let wanted = match kind {
            TypeRef::System(System::Any) => return Ok(of.clone()),
            TypeRef::System(kind) => Shape::system(kind),
            TypeRef::Fhir(id) if self.definitions.get(id).is_abstract => Shape::open(),
            TypeRef::Fhir(id) => Shape::of(id),
            TypeRef::Nothing => Shape::open(),
            TypeRef::Quantity(id) => Shape::known(vec![Known::Fhir(id), Known::System(System::Quantity)]),
        };
        Ok(Shape { is_ordered: of.is_ordered, ..wanted })
    }

    fn call(&self, call: &Call, this: &Shape) -> Result<Shape> {
        let of = match &call.of {
            Some(of) => self.shape(of, this)?,
            None => this.clone(),
        };
        if matches!(call.function, F::First | F::Last | F::Tail | F::Skip | F::Take) {
            self.needs_order(&of, &format!("`{}`", call.function.name()))?;
        }
        // Criteria and projections see one item; other arguments see what stands around the call.
        let inner = match call.function {
            F::Where | F::Select | F::All | F::Exists | F::Repeat | F::RepeatAll | F::Sort | F::Trace | F::Iif => &of,
            F::DefineVariable => &of,
            F::Aggregate => &of,
            _ => this,
        };
        let mut args = Vec::with_capacity(call.args.len());
        for arg in &call.args {
            // What `repeat` finds is looked at again, and may be of another type than its start.
            let open = Shape::open();
            let repeats = matches!(call.function, F::Repeat | F::RepeatAll);
            let named = call.function == F::GetReferenceKey;
            let seen = if named { &open } else { inner };
            let shape = self.scoped(arg, seen)?;
            if repeats {
                self.scoped(arg, &shape.clone().joined(of.clone()))?;
            }
            args.push(shape);
        }
        if let Some(name) = defined_by(call) {
            if self.variables.borrow().iter().any(|(n, _)| **n == *name) {
                return semantic(format!("the variable `%{name}` is already defined"));
            }
            let shape = args.get(1).unwrap_or(&of).clone();
            self.variables.borrow_mut().push((name.into(), shape));
        }
        self.criterion(call, &args)?;
        self.text_input(call, &of)?;
        self.result(call, of, args)
    }

    /// `iif` wants a boolean.
    fn criterion(&self, call: &Call, args: &[Shape]) -> Result<()> {
        let never_boolean = |shape: &Shape| {
            let boolean = |t: &Known| match t {
                Known::System(kind) => *kind == System::Boolean,
                Known::Fhir(id) => *id == self.definitions.known().boolean,
            };
            shape.types.as_ref().is_some_and(|types| !types.is_empty() && !types.iter().any(boolean))
        };
        if call.function == F::Iif && args.first().is_some_and(never_boolean) {
            return semantic("the criterion of `iif` is a boolean".into());
        }
        Ok(())
    }

    /// Functions of strings want a string.
    fn text_input(&self, call: &Call, of: &Shape) -> Result<()> {
        let wants = matches!(
            call.function,
            F::StartsWith | F::EndsWith | F::Contains | F::Matches | F::MatchesFull | F::ReplaceMatches | F::Replace
        );
        let complex = |t: &Known| matches!(t, Known::Fhir(id) if self.definitions.get(*id).kind != TypeKind::Primitive);
        match &of.types {
            Some(types) if wants && !types.is_empty() && types.iter().all(complex) => {
                semantic(format!("`{}` takes a string, not `{}`", call.function.name(), self.name(types[0])))
            }
            _ => Ok(()),
        }
    }

    fn result(&self, call: &Call, of: Shape, mut args: Vec<Shape>) -> Result<Shape> {
        Ok(match call.function {
            F::OfType | F::As => return call.kind.map_or(Ok(Shape::open()), |kind| self.narrowed(&of, kind)),
            F::Where
            | F::Single
            | F::First
            | F::Last
            | F::Tail
            | F::Skip
            | F::Take
            | F::Trace
            | F::DefineVariable
            | F::Intersect
            | F::Exclude
            | F::Distinct
            | F::Sort => of,
            F::Select => args.swap_remove(0),
            F::Union | F::Combine => of.joined(args.swap_remove(0)),
            F::Repeat | F::RepeatAll | F::Aggregate | F::Resolve | F::GetValue | F::Coalesce => Shape::open(),
            F::Children | F::Descendants => Shape { types: None, is_ordered: false },
            F::Iif => {
                let last = args.pop().unwrap_or_else(Shape::open);
                if args.len() > 1 { args.swap_remove(1).joined(last) } else { last }
            }
            F::Extension => Shape::of(self.definitions.known().extension),
            F::Count | F::Length | F::IndexOf | F::LastIndexOf | F::Precision => Shape::system(System::Integer),
            F::Upper | F::Lower | F::Substring | F::Replace | F::ReplaceMatches | F::ToText | F::Trim | F::Join => {
                Shape::system(System::String)
            }
            F::Empty | F::Exists | F::All | F::Not | F::Is | F::StartsWith | F::EndsWith | F::Contains | F::Matches => {
                Shape::system(System::Boolean)
            }
            _ => Shape::open(),
        })
    }
}

fn kind_of(literal: &Literal) -> System {
    use super::moment::MomentKind as M;
    match literal {
        Literal::Boolean(_) => System::Boolean,
        Literal::Integer(_) => System::Integer,
        Literal::Decimal(_) => System::Decimal,
        Literal::Text(_) => System::String,
        Literal::Quantity(_) => System::Quantity,
        Literal::Moment(m) => match m.kind {
            M::Date => System::Date,
            M::DateTime => System::DateTime,
            M::Time => System::Time,
        },
    }
}
