//! The evaluator: walks the compiled form over the tree, counting steps.

use super::ast::{Expr, Literal, Op};
use super::equality::Comparing;
use super::item::{Item, Items, Node, TypeRef};
use super::moment::Moment;
use super::{PathError, Result, operators};
use crate::definitions::{Definitions, TypeId, TypeKind};
use crate::limits;
use crate::terminology::{Membership, Subsumption, Terminology};
use crate::tree::Value;
use std::cell::{Cell, RefCell};

/// What an expression asks of the world outside its resource.
pub trait Host<'t> {
    /// The target of a reference that is neither contained nor in the bundle around.
    fn resolve(&self, _reference: &str) -> Option<Node<'t>> {
        None
    }
    /// The target of a reference without a URL: what its `type` and `identifier` tell.
    fn resolve_logical(&self, _reference: Value<'t>) -> Option<Node<'t>> {
        None
    }
    /// Whether a value set holds a code; `None` where nobody knows. Asked before the value sets of the definitions.
    fn member_of(&self, _value_set: &str, _system: Option<&str>, _code: &str) -> Option<bool> {
        None
    }
    /// Whether a code of a system is another or stands above it; `None` where nobody knows.
    fn subsumes(&self, _system: &str, _above: &str, _below: &str) -> Option<bool> {
        None
    }
    /// Whether an element conforms to a profile; `None` where the profile is not known. Asked for what is no base type.
    fn conforms_to(&self, _node: &Node<'t>, _profile: &str) -> Option<bool> {
        None
    }
    /// The value of `%name`; asked after the variables of FHIR.
    fn variable(&self, _name: &str) -> Option<Items<'t>> {
        None
    }
    /// `trace(name, …)`.
    fn trace(&self, _name: &str, _items: &[Item<'t>]) {}
}

/// A host that knows nothing.
pub struct NoHost;
impl Host<'_> for NoHost {}

/// A host that knows codes and nothing else.
pub struct Codes<'a>(pub &'a dyn Terminology);
impl Host<'_> for Codes<'_> {
    fn member_of(&self, value_set: &str, system: Option<&str>, code: &str) -> Option<bool> {
        match self.0.in_value_set(value_set, system, code) {
            Membership::In => Some(true),
            Membership::Out => Some(false),
            Membership::Unknown => None,
        }
    }
    fn subsumes(&self, system: &str, above: &str, below: &str) -> Option<bool> {
        let found = self.0.subsumes(system, above, below)?;
        Some(matches!(found, Subsumption::Equivalent | Subsumption::Subsumes))
    }
}

/// What an evaluation starts from.
#[derive(Clone)]
pub struct Environment<'t> {
    /// The definitions types are read by.
    pub definitions: &'t Definitions,
    /// Where paths start, `%context`: one item, or none.
    pub context: Items<'t>,
    /// `%resource`: the resource around `context`.
    pub resource: Option<Item<'t>>,
    /// `%rootResource`: the resource around that one, where it is contained.
    pub root_resource: Option<Item<'t>>,
    /// `now()`; also the zone of moments that tell none.
    pub now: Moment,
    /// Steps allowed.
    pub steps: u64,
}

/// The zone of the house: Asia/Ho_Chi_Minh, seven hours east of UTC since 1975.
const HOUSE_OFFSET: i16 = 7 * 60;

impl<'t> Environment<'t> {
    /// A resource, evaluated now.
    pub fn of(definitions: &'t Definitions, resource: Item<'t>) -> Self {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Self {
            definitions,
            context: vec![resource.clone()],
            resource: Some(resource.clone()),
            root_resource: Some(resource),
            now: Moment::from_unix(since.as_secs() as i64, since.subsec_nanos(), HOUSE_OFFSET),
            steps: limits::EVALUATION_STEPS,
        }
    }
}

pub(super) struct Evaluation<'e, 't> {
    pub env: &'e Environment<'t>,
    pub host: &'e dyn Host<'t>,
    steps: Cell<u64>,
    depth: Cell<usize>,
    /// What `defineVariable` has defined and is still in scope, oldest first.
    defined: RefCell<Vec<(String, Items<'t>)>>,
}

/// What `$this`, `$index` and `$total` are.
#[derive(Clone, Copy)]
pub(super) struct Frame<'f, 't> {
    pub this: &'f [Item<'t>],
    pub index: Option<usize>,
    pub total: Option<&'f [Item<'t>]>,
}

pub(super) fn evaluate<'t>(root: &Expr, env: &Environment<'t>, host: &dyn Host<'t>) -> Result<Items<'t>> {
    evaluate_counted(root, env, host).0
}

pub(super) fn evaluate_counted<'t>(
    root: &Expr,
    env: &Environment<'t>,
    host: &dyn Host<'t>,
) -> (Result<Items<'t>>, u64) {
    let (steps, depth, defined) = (Cell::new(env.steps), Cell::new(0), RefCell::default());
    let evaluation = Evaluation { env, host, steps, depth, defined };
    let items = evaluation.eval(root, Frame { this: &env.context, index: None, total: None });
    (items, env.steps - evaluation.steps.get())
}

pub(super) fn execution<T>(message: impl Into<String>) -> Result<T> {
    Err(PathError::Execution(message.into()))
}

impl<'e, 't> Evaluation<'e, 't> {
    pub(super) fn definitions(&self) -> &'t Definitions {
        self.env.definitions
    }

    pub(super) fn comparing(&self) -> Comparing<'t> {
        Comparing { definitions: self.env.definitions, offset: self.env.now.offset.unwrap_or(0) }
    }

    /// Counts `n` steps.
    pub(super) fn spend(&self, n: usize) -> Result<()> {
        match self.steps.get().checked_sub(n as u64) {
            Some(left) => {
                self.steps.set(left);
                Ok(())
            }
            None => Err(PathError::Limit("steps of an evaluation")),
        }
    }

    /// Fails where a collection has grown too long.
    pub(super) fn fits(&self, items: &Items<'t>) -> Result<()> {
        if items.len() > limits::COLLECTION_ITEMS { Err(PathError::Limit("items of a collection")) } else { Ok(()) }
    }

    pub(super) fn eval(&self, expr: &Expr, frame: Frame<'_, 't>) -> Result<Items<'t>> {
        self.spend(1)?;
        let depth = self.depth.get();
        if depth > limits::EVALUATION_DEPTH {
            return Err(PathError::Limit("levels of an evaluation"));
        }
        self.depth.set(depth + 1);
        let items = self.eval_inner(expr, frame);
        self.depth.set(depth);
        items
    }

    /// Evaluates a part whose variables end with it: an argument, an operand.
    pub(super) fn scoped(&self, expr: &Expr, frame: Frame<'_, 't>) -> Result<Items<'t>> {
        let before = self.defined.borrow().len();
        let items = self.eval(expr, frame);
        self.defined.borrow_mut().truncate(before);
        items
    }

    /// `defineVariable`: `%name` is `items` for the rest of the path and what stands inside it.
    pub(super) fn define(&self, name: &str, items: Items<'t>) -> Result<()> {
        if self.known(name).is_some() {
            return execution(format!("the variable `%{name}` is already defined"));
        }
        self.spend(items.len())?;
        self.defined.borrow_mut().push((name.to_owned(), items));
        Ok(())
    }

    fn eval_inner(&self, expr: &Expr, frame: Frame<'_, 't>) -> Result<Items<'t>> {
        match expr {
            Expr::Empty => Ok(Vec::new()),
            Expr::Literal(literal) => Ok(vec![item_of(literal)]),
            Expr::This => Ok(frame.this.to_vec()),
            Expr::Index => Ok(frame.index.map(|n| Item::Integer(n as i64)).into_iter().collect()),
            Expr::Total => Ok(frame.total.map(<[_]>::to_vec).unwrap_or_default()),
            Expr::Variable(name) => self.variable(name),
            Expr::Member { of: None, name, head } => self.start(name, *head, frame),
            Expr::Member { of: Some(of), name, .. } => self.member(of, name, frame),
            Expr::Call(call) => self.call(call, frame),
            Expr::At { of, index } => {
                let items = self.eval(of, frame)?;
                let index = self.scoped(index, frame)?;
                let Some(index) = self.integer(&index, "an index")? else { return Ok(Vec::new()) };
                Ok(usize::try_from(index).ok().and_then(|n| items.into_iter().nth(n)).into_iter().collect())
            }
            Expr::Negate(of) => operators::negate(self, &self.eval(of, frame)?),
            Expr::Plus(of) => operators::positive(self, self.eval(of, frame)?),
            Expr::Binary { op, left, right } => self.binary(*op, left, right, frame),
            Expr::Is { of, kind } => self.is(&self.eval(of, frame)?, *kind),
            Expr::As { of, kind } => {
                let items = self.eval(of, frame)?;
                if items.len() > 1 {
                    return execution("`as` takes one item, more are given");
                }
                Ok(self.of_type(items, *kind))
            }
        }
    }

    pub(super) fn is(&self, items: &[Item<'t>], kind: TypeRef) -> Result<Items<'t>> {
        match items {
            [] => Ok(Vec::new()),
            [item] => Ok(vec![Item::Boolean(item.is_of(kind, false, self.definitions()))]),
            _ => execution("`is` takes one item, more are given"),
        }
    }

    pub(super) fn of_type(&self, items: Items<'t>, kind: TypeRef) -> Items<'t> {
        items.into_iter().filter(|item| item.is_of(kind, true, self.definitions())).collect()
    }

    fn binary(&self, op: Op, left: &Expr, right: &Expr, frame: Frame<'_, 't>) -> Result<Items<'t>> {
        let a = self.scoped(left, frame)?;
        // What is already decided is not evaluated (N1 §6.5 leaves the order open).
        if matches!(op, Op::And | Op::Or | Op::Implies) {
            let a = self.boolean(&a)?;
            if let (Op::And, Some(false)) | (Op::Or, Some(true)) | (Op::Implies, Some(false)) = (op, a) {
                return Ok(vec![Item::Boolean(op != Op::And)]);
            }
            let b = self.boolean(&self.scoped(right, frame)?)?;
            return Ok(operators::logic(op, a, b).map(Item::Boolean).into_iter().collect());
        }
        let b = self.scoped(right, frame)?;
        self.spend(a.len() + b.len())?;
        operators::binary(self, op, a, b)
    }

    fn variable(&self, name: &str) -> Result<Items<'t>> {
        self.known(name).ok_or_else(|| PathError::Execution(format!("the variable `%{name}` is not defined")))
    }

    fn known(&self, name: &str) -> Option<Items<'t>> {
        let text = |t: &str| Some(vec![Item::text(t)]);
        match name {
            "context" => Some(self.env.context.clone()),
            "resource" => Some(self.env.resource.clone().into_iter().collect()),
            "rootResource" => Some(self.env.root_resource.clone().into_iter().collect()),
            "ucum" => text("http://unitsofmeasure.org"),
            "sct" => text("http://snomed.info/sct"),
            "loinc" => text("http://loinc.org"),
            _ => {
                let defined = self.defined.borrow().iter().find(|(n, _)| n == name).map(|(_, items)| items.clone());
                defined.or_else(|| self.host.variable(name)).or_else(|| {
                    let (kind, rest) = name.split_once('-')?;
                    match kind {
                        "vs" => text(&format!("http://hl7.org/fhir/ValueSet/{rest}")),
                        "ext" => text(&format!("http://hl7.org/fhir/StructureDefinition/{rest}")),
                        _ => None,
                    }
                })
            }
        }
    }

    /// The first name of a path: the type of the context, or an element of it.
    fn start(&self, name: &str, head: Option<TypeId>, frame: Frame<'_, 't>) -> Result<Items<'t>> {
        let mut out = Vec::new();
        for item in frame.this {
            match (head, item) {
                (Some(head), Item::Node(node)) if self.definitions().is_a(node.id, head) => out.push(item.clone()),
                _ => self.step(item, name, &mut out),
            }
        }
        self.spend(out.len())?;
        Ok(out)
    }

    fn member(&self, of: &Expr, name: &str, frame: Frame<'_, 't>) -> Result<Items<'t>> {
        // A path of members over one buffer each: no recursion to speak of, since paths are short.
        let items = self.eval(of, frame)?;
        let mut out = Vec::with_capacity(items.len());
        for item in &items {
            self.step(item, name, &mut out);
        }
        self.spend(items.len() + out.len())?;
        self.fits(&out)?;
        Ok(out)
    }

    /// Adds the children of `item` named `name`.
    pub(super) fn step(&self, item: &Item<'t>, name: &str, out: &mut Items<'t>) {
        match item {
            Item::Node(node) => self.step_node(node, name, out),
            Item::Quantity(quantity) => match name {
                "value" => out.push(Item::Decimal(quantity.value)),
                "unit" | "code" => out.push(Item::text(quantity.unit.code())),
                _ => {}
            },
            Item::Type { namespace, name: kind } => match name {
                "namespace" => out.push(Item::text(*namespace)),
                "name" => out.push(Item::Text(kind.clone())),
                _ => {}
            },
            _ => {}
        }
    }

    fn step_node(&self, node: &Node<'t>, name: &str, out: &mut Items<'t>) {
        let definitions = self.definitions();
        let of = definitions.get(node.id);
        if of.kind == TypeKind::Primitive {
            if name == "value" {
                out.extend(Item::Node(*node).plain(definitions));
            } else if let (Some(extra), Some(element)) = (node.extra, definitions.element(node.id, name)) {
                let id = element.types.first().map_or(TypeId::UNKNOWN, |t| t.id);
                self.push(extra.get(name), None, id, out);
            }
            return;
        }
        let Some(value) = node.value.filter(|v| v.is_object()) else { return };
        if node.id == TypeId::UNKNOWN {
            return self.push(value.get(name), value.get(&format!("_{name}")), TypeId::UNKNOWN, out);
        }
        let Some(element) = definitions.element(node.id, name) else { return };
        if !element.is_choice {
            let Some(kind) = element.types.first() else { return };
            let primitive = definitions.get(kind.id).kind == TypeKind::Primitive;
            let extra = if primitive { twin(value, name) } else { None };
            return self.push(value.get(name), extra, kind.id, out);
        }
        for (key, member) in value.members() {
            let bare = key.strip_prefix('_').unwrap_or(key);
            if !bare.starts_with(name) || bare.len() == name.len() {
                continue;
            }
            let Some((found, id)) = definitions.json_member(node.id, bare) else { continue };
            if !std::ptr::eq(found, element) {
                continue;
            }
            if bare.len() == key.len() {
                self.push(Some(member), twin(value, key), id, out);
            } else if value.get(bare).is_none() {
                self.push(None, Some(member), id, out);
            }
        }
    }

    /// Adds a member's value, or each of its items, with their twins.
    pub(super) fn push(&self, value: Option<Value<'t>>, extra: Option<Value<'t>>, id: TypeId, out: &mut Items<'t>) {
        let definitions = self.definitions();
        let node = |value: Option<Value<'t>>, extra: Option<Value<'t>>| {
            let value = value.filter(|v| !v.is_null());
            let extra = extra.filter(|v| !v.is_null());
            if value.is_none() && extra.is_none() {
                return None;
            }
            let of = definitions.get(id);
            let id = match value {
                Some(v) if of.kind == TypeKind::Resource => Node::resource(v, definitions).id,
                _ => id,
            };
            Some(Item::Node(Node { value, extra, id }))
        };
        let is_list = |v: Option<Value<'t>>| v.is_some_and(Value::is_array);
        if !is_list(value) && !is_list(extra) {
            out.extend(node(value, extra));
            return;
        }
        let mut values = value.into_iter().flat_map(Value::items);
        let mut extras = extra.into_iter().flat_map(Value::items);
        loop {
            let (value, extra) = (values.next(), extras.next());
            if value.is_none() && extra.is_none() {
                return;
            }
            out.extend(node(value, extra));
        }
    }

    /// All children of an item, in document order.
    pub(super) fn children(&self, item: &Item<'t>, out: &mut Items<'t>) {
        let Item::Node(node) = item else { return };
        let definitions = self.definitions();
        if definitions.get(node.id).kind == TypeKind::Primitive {
            self.step_node(node, "id", out);
            self.step_node(node, "extension", out);
            return;
        }
        let Some(value) = node.value.filter(|v| v.is_object()) else { return };
        for (key, member) in value.members().filter(|(key, _)| *key != "resourceType") {
            let bare = key.strip_prefix('_').unwrap_or(key);
            let id = definitions.json_member(node.id, bare).map_or(TypeId::UNKNOWN, |(_, id)| id);
            if bare.len() == key.len() {
                self.push(Some(member), twin(value, key), id, out);
            } else if value.get(bare).is_none() {
                self.push(None, Some(member), id, out);
            }
        }
    }

    /// One item as a boolean: an item of another type counts as true (singleton evaluation, N1 §4.5).
    pub(super) fn boolean(&self, items: &[Item<'t>]) -> Result<Option<bool>> {
        match items {
            [] => Ok(None),
            [item] => match item.plain(self.definitions()) {
                Some(Item::Boolean(b)) => Ok(Some(b)),
                _ => Ok(Some(true)),
            },
            _ => execution("one boolean is wanted, several items are given"),
        }
    }

    /// One item as an integer; empty stays empty.
    pub(super) fn integer(&self, items: &[Item<'t>], what: &str) -> Result<Option<i64>> {
        match self.single(items, what)? {
            None => Ok(None),
            Some(Item::Integer(n)) => Ok(Some(n)),
            Some(Item::Decimal(d)) if d.as_integer().is_some() => Ok(d.as_integer()),
            Some(_) => execution(format!("{what} is an integer")),
        }
    }

    /// One item as a text; empty stays empty.
    pub(super) fn text(&self, items: &[Item<'t>], what: &str) -> Result<Option<std::borrow::Cow<'t, str>>> {
        match self.single(items, what)? {
            None => Ok(None),
            Some(Item::Text(text)) => Ok(Some(text)),
            // Dates read as texts where texts are asked for: `birthDate.startsWith('1974')`.
            Some(item @ Item::Moment(_)) => Ok(item.to_text()),
            Some(_) => execution(format!("{what} is a string")),
        }
    }

    /// At most one item, as a value of FHIRPath.
    pub(super) fn single(&self, items: &[Item<'t>], what: &str) -> Result<Option<Item<'t>>> {
        match items {
            [] => Ok(None),
            [item] => Ok(item.plain(self.definitions())),
            _ => execution(format!("{what} is one item, {} are given", items.len())),
        }
    }
}

/// The `_name` member beside `name`.
fn twin<'t>(value: Value<'t>, name: &str) -> Option<Value<'t>> {
    value.members().find(|(key, _)| key.strip_prefix('_') == Some(name)).map(|(_, v)| v)
}

fn item_of<'t>(literal: &Literal) -> Item<'t> {
    match literal {
        Literal::Boolean(b) => Item::Boolean(*b),
        Literal::Integer(n) => Item::Integer(*n),
        Literal::Decimal(d) => Item::Decimal(*d),
        Literal::Text(t) => Item::text(&**t),
        Literal::Moment(m) => Item::Moment(*m),
        Literal::Quantity(q) => Item::Quantity(q.clone()),
    }
}
