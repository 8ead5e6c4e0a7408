//! What expressions give: values at the start, computed answers, conditions, rules.
//!
//! Expressions see the response as it would be stored: what is not asked is not there. `%resource` is the response,
//! `%context` the item they stand at, `%questionnaire` the form; `%patient`, `%encounter`, `%user` and other names are what
//! the caller hands in, then the variables of the form and of the items around.

use crate::answers::{About, Answers, Node, Slot, Step};
use crate::enable::{self, node_mut};
use crate::form::{Constraint, Control, Form, Item, Kind};
use crate::limits;
use crate::value::{Coding, Value, coding};
use mach_fhir::decimal::Rounding;
use mach_fhir::definitions::{self, Definitions, TypeId};
use mach_fhir::path::{self, Environment, Expression, Host, Items};
use mach_fhir::terminology::{Membership, Terminology};
use mach_fhir::{Tree, tree};

/// What expressions may ask beside the response: resources by name, `patient`, `encounter`, `user`.
#[derive(Debug, Default)]
pub struct Context {
    resources: Vec<(String, Tree<'static>)>,
}

impl Context {
    /// The same with one more resource, JSON; one that cannot be read is left out.
    #[must_use]
    pub fn with(mut self, name: &str, resource: &str) -> Self {
        if let Ok(tree) = Tree::parse(resource.to_owned()) {
            self.resources.push((name.to_owned(), tree));
        }
        self
    }
}

/// Where values at the start come from beside the form: the newest Observation of one of these codes that is at most so many
/// days old.
pub type Recall<'r> = &'r dyn Fn(&[Coding], i64) -> Option<Value>;

/// An expression that could not be computed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed {
    /// `linkId` of its item.
    pub link: String,
    /// Why. English.
    pub why: String,
}

impl Form {
    /// The answers a form begins with.
    pub fn start(&self, context: &Context, recall: Recall<'_>) -> (Answers, Vec<Failed>) {
        let mut answers = Answers::open(self);
        fill(&self.items, &mut answers.nodes, recall);
        enable::settle(self, &mut answers);
        let mut failed = Vec::new();
        let found = pass(self, &answers, context, Task::Initial, &mut failed);
        for (path, values) in found.values {
            put(self, &mut answers, &path, values);
        }
        failed.extend(self.settle(&mut answers, context));
        (answers, failed)
    }

    /// Computes what is computed and asks what is asked, until nothing changes any more. Gives what could not be computed.
    pub fn settle(&self, answers: &mut Answers, context: &Context) -> Vec<Failed> {
        let mut failed = Vec::new();
        for _ in 0..limits::ROUNDS {
            enable::settle(self, answers);
            failed.clear();
            let found = pass(self, answers, context, Task::Settle, &mut failed);
            let mut changed = false;
            for (path, allowed) in found.allowed {
                if let Some(node) = node_mut(answers, &path).filter(|n| n.allowed != allowed) {
                    (node.allowed, changed) = (allowed, true);
                }
            }
            for (path, values) in found.values {
                changed |= put(self, answers, &path, values);
            }
            if !changed {
                return failed;
            }
        }
        enable::settle(self, answers);
        failed.push(Failed { link: String::new(), why: format!("no rest after {} rounds", limits::ROUNDS) });
        failed
    }

    /// The rules that do not hold: where, and which.
    pub(crate) fn broken(&self, answers: &Answers, context: &Context) -> (Vec<(Vec<Step>, &Constraint)>, Vec<Failed>) {
        let mut failed = Vec::new();
        let found = pass(self, answers, context, Task::Rules, &mut failed);
        (found.broken, failed)
    }
}

/// Values at the start that need no expression.
fn fill(items: &[Item], nodes: &mut [Node], recall: Recall<'_>) {
    for (item, node) in items.iter().zip(nodes) {
        let chosen = item.choices.iter().filter(|c| c.is_initial).map(|c| c.value.clone());
        let mut values: Vec<Value> = item.initial.iter().cloned().chain(chosen).collect();
        if values.is_empty()
            && item.kind.is_question()
            && let Some(days) = item.link_days
        {
            values.extend(recall(&item.codes, days).and_then(|v| fitted(item, v)));
        }
        set(item, node, values);
        for slot in &mut node.slots {
            fill(&item.items, &mut slot.items, recall);
        }
    }
}

/// Puts values in the place of a node's answers.
fn set(item: &Item, node: &mut Node, mut values: Vec<Value>) {
    values.truncate(item.max_occurs.max(1));
    if values.is_empty() || !item.kind.is_question() {
        return;
    }
    let mut old = std::mem::take(&mut node.slots).into_iter();
    let below = |slot: Option<Slot>| slot.map_or_else(|| Slot::open(item).items, |s| s.items);
    node.slots = values.into_iter().map(|v| Slot { value: Some(v), typed: None, items: below(old.next()) }).collect();
}

/// The same at a path; says whether that changed anything.
fn put(form: &Form, answers: &mut Answers, path: &[Step], values: Vec<Value>) -> bool {
    let indices: Vec<usize> = path.iter().map(|(n, _)| *n).collect();
    let (Some(item), Some(node)) = (form.at(&indices), node_mut(answers, path)) else { return false };
    let old: Vec<Value> = node.values().cloned().collect();
    if old == values {
        return false;
    }
    if values.is_empty() {
        node.slots = vec![Slot::open(item)];
    } else {
        set(item, node, values);
    }
    true
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Task {
    Initial,
    Settle,
    Rules,
}

#[derive(Default)]
struct Found<'f> {
    values: Vec<(Vec<Step>, Vec<Value>)>,
    allowed: Vec<(Vec<Step>, bool)>,
    broken: Vec<(Vec<Step>, &'f Constraint)>,
}

/// Looks once at all items that are asked.
fn pass<'f>(form: &'f Form, answers: &Answers, context: &Context, task: Task, failed: &mut Vec<Failed>) -> Found<'f> {
    let about = About { status: "completed".to_owned(), ..About::default() };
    let mut found = Found::default();
    let json = answers.json(form, &about);
    let (tree, questionnaire) = match (Tree::parse(json.as_str()), Tree::parse(form.body.as_str())) {
        (Ok(tree), Ok(questionnaire)) => (tree, questionnaire),
        (Err(e), _) | (_, Err(e)) => {
            failed.push(Failed { link: String::new(), why: e.to_string() });
            return found;
        }
    };
    let definitions = definitions::r4();
    let named = |name: &str, tree| (name.to_owned(), vec![path::Item::Node(path::Node::root(tree, definitions))]);
    let mut scope: Vec<(String, Items<'_>)> = context.resources.iter().map(|(name, tree)| named(name, tree)).collect();
    scope.push(named("questionnaire", &questionnaire));
    let resource = path::Item::Node(path::Node::root(&tree, definitions));
    let item_type = definitions.find("QuestionnaireResponse.item").unwrap_or(TypeId::UNKNOWN);
    let mut work = Work { form, definitions, resource, item_type, scope, task, failed, found: &mut found };
    let root = tree.root();
    work.variables(&form.variables, "", root, true);
    work.constraints(&form.constraints, "", &[], root, true);
    work.items(&form.items, &answers.nodes, Some(root), root, &mut Vec::new());
    found
}

struct Work<'w, 'f, 't> {
    form: &'f Form,
    definitions: &'t Definitions,
    resource: path::Item<'t>,
    item_type: TypeId,
    scope: Vec<(String, Items<'t>)>,
    task: Task,
    failed: &'w mut Vec<Failed>,
    found: &'w mut Found<'f>,
}

/// What expressions ask: codes of the form's terminology, and names.
struct Names<'n, 't> {
    terms: &'n dyn Terminology,
    scope: &'n [(String, Items<'t>)],
}

impl<'t> Host<'t> for Names<'_, 't> {
    fn member_of(&self, value_set: &str, system: Option<&str>, code: &str) -> Option<bool> {
        match self.terms.in_value_set(value_set, system, code) {
            Membership::In => Some(true),
            Membership::Out => Some(false),
            Membership::Unknown => None,
        }
    }

    fn variable(&self, name: &str) -> Option<Items<'t>> {
        self.scope.iter().rev().find(|(n, _)| n == name).map(|(_, items)| items.clone())
    }
}

impl<'f, 't> Work<'_, 'f, 't> {
    fn evaluate(
        &mut self,
        expression: &Expression,
        link: &str,
        at: tree::Value<'t>,
        is_root: bool,
    ) -> Option<Items<'t>> {
        let node = path::Node { value: Some(at), extra: None, id: self.item_type };
        let focus = if is_root { self.resource.clone() } else { path::Item::Node(node) };
        let mut environment = Environment::of(self.definitions, self.resource.clone());
        (environment.context, environment.steps) = (vec![focus], limits::STEPS);
        let names = Names { terms: &self.form.terms, scope: &self.scope };
        match expression.evaluate_in(&environment, &names) {
            Ok(items) => Some(items),
            Err(e) => {
                self.failed.push(Failed { link: link.to_owned(), why: format!("`{}`: {e}", expression.text()) });
                None
            }
        }
    }

    fn variables(&mut self, variables: &[(String, Expression)], link: &str, at: tree::Value<'t>, is_root: bool) {
        for (name, expression) in variables {
            let items = self.evaluate(expression, link, at, is_root).unwrap_or_default();
            self.scope.push((name.clone(), items));
        }
    }

    fn constraints(&mut self, rules: &'f [Constraint], link: &str, path: &[Step], at: tree::Value<'t>, is_root: bool) {
        if self.task != Task::Rules {
            return;
        }
        for rule in rules {
            let Some(items) = self.evaluate(&rule.expression, link, at, is_root) else { continue };
            let plain: Vec<_> = items.iter().filter_map(|i| i.plain(self.definitions)).collect();
            // Nothing to say about is no breach: the rule waits for its answers.
            if matches!(plain.as_slice(), [path::Item::Boolean(false)]) {
                self.found.broken.push((path.to_vec(), rule));
            }
        }
    }

    /// `of` is the stored element around, where there is one; `near` the nearest one that there is.
    fn items(
        &mut self,
        items: &'f [Item],
        nodes: &[Node],
        of: Option<tree::Value<'t>>,
        near: tree::Value<'t>,
        path: &mut Vec<Step>,
    ) {
        let mut stored = of.and_then(|v| v.get("item")).into_iter().flat_map(tree::Value::items);
        let is_root = path.is_empty();
        for (n, (item, node)) in items.iter().zip(nodes).enumerate() {
            path.push((n, 0));
            let before = self.scope.len();
            if item.kind == Kind::Group {
                self.condition(item, path, near, is_root);
                if node.enabled {
                    for (at, slot) in node.slots.iter().enumerate() {
                        if let Some(last) = path.last_mut() {
                            last.1 = at;
                        }
                        let own = if slot.is_open() { None } else { stored.next() };
                        let here = own.unwrap_or(near);
                        self.variables(&item.variables, &item.link, here, own.is_none() && is_root);
                        if let Some(own) = own {
                            self.constraints(&item.constraints, &item.link, path, own, false);
                        }
                        self.items(&item.items, &slot.items, own, here, path);
                        self.scope.truncate(before);
                    }
                }
            } else {
                let own = if node.enabled && !node.is_open() { stored.next() } else { None };
                self.question(item, node, own, (near, is_root), path);
            }
            self.scope.truncate(before);
            path.pop();
        }
    }

    fn condition(&mut self, item: &'f Item, path: &[Step], near: tree::Value<'t>, is_root: bool) {
        if self.task != Task::Settle {
            return;
        }
        if let Some(expression) = &item.when_expression
            && let Some(items) = self.evaluate(expression, &item.link, near, is_root)
        {
            let first = items.first().and_then(|i| i.plain(self.definitions));
            self.found.allowed.push((path.to_vec(), matches!(first, Some(path::Item::Boolean(true)))));
        }
    }

    fn question(
        &mut self,
        item: &'f Item,
        node: &Node,
        own: Option<tree::Value<'t>>,
        (near, is_root): (tree::Value<'t>, bool),
        path: &mut Vec<Step>,
    ) {
        self.condition(item, path, near, is_root);
        if !node.enabled {
            return;
        }
        let at_root = own.is_none() && is_root;
        let here = own.unwrap_or(near);
        self.variables(&item.variables, &item.link, here, at_root);
        let wanted = match self.task {
            Task::Initial => item.initial_expression.as_ref(),
            Task::Settle => item.calculated.as_ref(),
            Task::Rules => None,
        };
        if let Some(expression) = wanted
            && let Some(items) = self.evaluate(expression, &item.link, here, at_root)
        {
            let values = items.iter().filter_map(|i| self.value(item, i)).collect::<Vec<_>>();
            if self.task == Task::Settle || !values.is_empty() {
                self.found.values.push((path.clone(), values));
            }
        }
        let Some(own) = own else { return };
        self.constraints(&item.constraints, &item.link, path, own, false);
        let mut answers = own.get("answer").into_iter().flat_map(tree::Value::items);
        for (at, slot) in node.slots.iter().enumerate() {
            if let Some(last) = path.last_mut() {
                last.1 = at;
            }
            let answer = if slot.is_open() { None } else { answers.next() };
            self.items(&item.items, &slot.items, answer, own, path);
        }
    }

    /// What an expression gave, as an answer of the item; `None` where it cannot be one.
    fn value(&mut self, item: &Item, given: &path::Item<'t>) -> Option<Value> {
        let plain = given.plain(self.definitions)?;
        let value = match &plain {
            path::Item::Boolean(b) => Value::Boolean(*b),
            path::Item::Integer(n) => Value::Integer(*n),
            path::Item::Decimal(d) => Value::Decimal(d.to_string()),
            path::Item::Quantity(q) => Value::Quantity {
                value: q.value.to_string(),
                unit: Coding {
                    system: "http://unitsofmeasure.org".to_owned(),
                    code: q.unit.code().to_owned(),
                    display: q.unit.code().to_owned(),
                },
            },
            path::Item::Moment(m) => match m.kind {
                path::moment::MomentKind::Date => Value::Date(m.to_string()),
                path::moment::MomentKind::DateTime => Value::DateTime(m.to_string()),
                path::moment::MomentKind::Time => Value::Time(m.to_string()),
            },
            path::Item::Text(text) => Value::Text(text.clone().into_owned()),
            path::Item::Node(node) => of_element(node.value?)?,
            path::Item::Type { .. } => return None,
        };
        let fitted = fitted(item, value);
        if fitted.is_none() {
            let why = format!("a value of another type than the question's: {}", given.to_json());
            self.failed.push(Failed { link: item.link.clone(), why });
        }
        fitted
    }
}

/// A Coding, the first of a CodeableConcept, an Attachment, a Reference; told apart by what they hold.
fn of_element(value: tree::Value<'_>) -> Option<Value> {
    if let Some(first) = value.get("coding").and_then(|c| c.items().next()) {
        return Some(Value::Coding(coding(first)));
    }
    let kind = match () {
        () if value.get("reference").is_some() => "Reference",
        () if value.get("contentType").is_some() => "Attachment",
        () if value.get("code").is_some() => "Coding",
        () => return None,
    };
    Value::read(kind, value)
}

/// The value as the item takes it: a code by its choice, a number with the item's digits and unit.
pub(crate) fn fitted(item: &Item, value: Value) -> Option<Value> {
    let rounded = |digits: &str| match (item.max_decimals, mach_fhir::Decimal::parse(digits)) {
        (Some(most), Some(d)) if d.scale() > most => {
            d.with_scale(most, Rounding::Nearest).map_or_else(|| digits.to_owned(), |d| d.to_string())
        }
        _ => digits.to_owned(),
    };
    let chosen = |v: &Value| item.choices.iter().find(|c| c.value.is_same(v)).map(|c| c.value.clone());
    Some(match (item.kind, value) {
        (Kind::Choice | Kind::OpenChoice, v) => match chosen(&v) {
            Some(v) => v,
            None if item.kind == Kind::OpenChoice || item.value_set.is_some() => v,
            None => return None,
        },
        (Kind::Decimal, Value::Decimal(d)) => Value::Decimal(rounded(&d)),
        (Kind::Decimal, Value::Integer(n)) => Value::Decimal(n.to_string()),
        (Kind::Decimal, Value::Quantity { value, .. }) => Value::Decimal(rounded(&value)),
        (Kind::Integer, Value::Integer(n)) => Value::Integer(n),
        (Kind::Integer, Value::Decimal(d)) => Value::Integer(mach_fhir::Decimal::parse(&d)?.as_integer()?),
        (Kind::Integer, Value::Quantity { value, .. }) => {
            Value::Integer(mach_fhir::Decimal::parse(&value)?.as_integer()?)
        }
        (Kind::Quantity, Value::Quantity { value, unit }) => {
            let known = item.units.iter().find(|u| u.code == unit.code).cloned();
            Value::Quantity { value: rounded(&value), unit: known.unwrap_or(unit) }
        }
        (Kind::Quantity, Value::Decimal(d)) => {
            Value::Quantity { value: rounded(&d), unit: item.units.first().cloned().unwrap_or_default() }
        }
        (Kind::Quantity, Value::Integer(n)) => {
            Value::Quantity { value: n.to_string(), unit: item.units.first().cloned().unwrap_or_default() }
        }
        (Kind::Date, Value::DateTime(t)) => Value::Date(t.get(..10).unwrap_or(&t).to_owned()),
        (Kind::Date, Value::Text(t)) if mach_base::Day::parse_iso(&t).is_some() => Value::Date(t),
        (Kind::DateTime, Value::Date(t)) => Value::DateTime(t),
        (Kind::String | Kind::Text, Value::Text(t)) => Value::Text(t),
        (Kind::String | Kind::Text, Value::Coding(c)) => {
            Value::Text(if c.display.is_empty() { c.code } else { c.display })
        }
        (
            Kind::String | Kind::Text,
            v @ (Value::Integer(_) | Value::Decimal(_) | Value::Date(_) | Value::DateTime(_)),
        ) => Value::Text(crate::show::plain(&v)),
        (Kind::Url, Value::Text(t) | Value::Uri(t)) => Value::Uri(t),
        (Kind::Boolean, v @ Value::Boolean(_))
        | (Kind::Date, v @ Value::Date(_))
        | (Kind::DateTime, v @ Value::DateTime(_))
        | (Kind::Time, v @ Value::Time(_))
        | (Kind::Attachment, v @ Value::Attachment(_))
        | (Kind::Reference, v @ Value::Reference { .. }) => v,
        _ => return None,
    })
}

/// Whether a control takes a picture.
pub(crate) fn is_picture(control: Control) -> bool {
    matches!(control, Control::Photo | Control::Drawing | Control::Signature)
}
