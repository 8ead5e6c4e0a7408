//! Which items are asked: `enableWhen` and `enableBehavior`.

use crate::answers::{Answers, Node, Slot, Step};
use crate::form::{Form, Item, Operator, When};
use crate::value::Value;
use std::cmp::Ordering;

/// Looks at every condition until none changes any more; conditions that wait for themselves were refused with the form.
/// Says whether anything changed.
pub(crate) fn settle(form: &Form, answers: &mut Answers) -> bool {
    let mut any = false;
    // Each round settles at least one more level of conditions upon conditions.
    for _ in 0..=crate::limits::ITEMS {
        let mut changes = Vec::new();
        look(answers, &form.items, &answers.nodes, &mut Vec::new(), &mut changes);
        if changes.is_empty() {
            break;
        }
        any = true;
        for (path, enabled) in changes {
            if let Some(node) = node_mut(answers, &path) {
                node.enabled = enabled;
            }
        }
    }
    any
}

/// The node at a path of steps; the last step's slot is not looked at.
pub(crate) fn node_mut<'a>(answers: &'a mut Answers, path: &[Step]) -> Option<&'a mut Node> {
    let ((last, _), above) = path.split_last()?;
    let mut nodes = &mut answers.nodes;
    for (item, slot) in above {
        nodes = &mut nodes.get_mut(*item)?.slots.get_mut(*slot)?.items;
    }
    nodes.get_mut(*last)
}

type Changes = Vec<(Vec<Step>, bool)>;

fn look(all: &Answers, items: &[Item], nodes: &[Node], path: &mut Vec<Step>, out: &mut Changes) {
    for (n, (item, node)) in items.iter().zip(nodes).enumerate() {
        path.push((n, 0));
        let hold = |when: &When| holds(all, when, path);
        let enabled = node.allowed
            && (item.when.is_empty()
                || if item.when_all { item.when.iter().all(hold) } else { item.when.iter().any(hold) });
        if enabled != node.enabled {
            out.push((path.clone(), enabled));
        }
        for (at, slot) in node.slots.iter().enumerate() {
            if let Some(last) = path.last_mut() {
                last.1 = at;
            }
            look(all, &item.items, &slot.items, path, out);
        }
        path.pop();
    }
}

/// Whether a condition of the item at `at` holds: on the answers nearest to it, and only on what is asked itself.
fn holds(answers: &Answers, when: &When, at: &[Step]) -> bool {
    let mut nodes: Vec<&Node> = when.question.first().and_then(|n| answers.nodes.get(*n)).into_iter().collect();
    let mut together = true;
    for (depth, step) in when.question.iter().enumerate().skip(1) {
        // As long as both stand in the same items, the same turn of a repeating group is meant.
        let here = at.get(depth - 1).filter(|(item, _)| together && *item == when.question[depth - 1]);
        together = here.is_some();
        let turns = |node: &&'_ Node| node.enabled;
        let slots: Vec<&Slot> = nodes
            .iter()
            .filter(|n| turns(n))
            .flat_map(|n| match here {
                Some((_, slot)) => n.slots.get(*slot..=*slot).unwrap_or_default(),
                None => &n.slots,
            })
            .collect();
        nodes = slots.into_iter().filter_map(|s| s.items.get(*step)).collect();
    }
    let mut values = nodes.into_iter().filter(|n| n.enabled).flat_map(Node::values);
    match when.operator {
        Operator::Exists => values.next().is_some() == (when.answer == Value::Boolean(true)),
        operator => values.any(|value| compares(value, operator, &when.answer)),
    }
}

fn compares(value: &Value, operator: Operator, answer: &Value) -> bool {
    let order = || value.compare(answer);
    match operator {
        Operator::Exists => true,
        Operator::Equal => value.is_same(answer),
        Operator::NotEqual => !value.is_same(answer),
        Operator::Greater => order() == Some(Ordering::Greater),
        Operator::Less => order() == Some(Ordering::Less),
        Operator::GreaterOrEqual => matches!(order(), Some(Ordering::Greater | Ordering::Equal)),
        Operator::LessOrEqual => matches!(order(), Some(Ordering::Less | Ordering::Equal)),
    }
}
