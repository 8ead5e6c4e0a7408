//! `=` and `~` (N1 §6.1).

use super::item::{Item, Node};
use super::moment::MomentKind;
use super::quantity::{Quantity, equal_to_least_precision};
use crate::decimal::Decimal;
use crate::definitions::Definitions;
use crate::tree::{Kind, Value};
use std::cmp::Ordering;

/// What comparing needs to know.
#[derive(Clone, Copy)]
pub(super) struct Comparing<'t> {
    pub definitions: &'t Definitions,
    /// Minutes east of UTC of a moment that tells no zone.
    pub offset: i16,
}

impl<'t> Comparing<'t> {
    /// `a = b` of two collections: empty where either is.
    pub(super) fn equal_all(&self, a: &[Item<'t>], b: &[Item<'t>]) -> Option<bool> {
        if a.is_empty() || b.is_empty() {
            return None;
        }
        if a.len() != b.len() {
            return Some(false);
        }
        let mut open = false;
        for (a, b) in a.iter().zip(b) {
            match self.equal(a, b) {
                Some(false) => return Some(false),
                Some(true) => {}
                None => open = true,
            }
        }
        (!open).then_some(true)
    }

    /// `a = b` of two items.
    pub(super) fn equal(&self, a: &Item<'t>, b: &Item<'t>) -> Option<bool> {
        if let (Item::Node(a), Item::Node(b)) = (a, b)
            && (a.is_complex() || b.is_complex() || a.value.is_none() || b.value.is_none())
        {
            return Some(nodes_equal(a, b));
        }
        let (Some(a), Some(b)) = (a.plain(self.definitions), b.plain(self.definitions)) else { return Some(false) };
        match (&a, &b) {
            (Item::Boolean(a), Item::Boolean(b)) => Some(a == b),
            (Item::Integer(a), Item::Integer(b)) => Some(a == b),
            (Item::Text(a), Item::Text(b)) => Some(a == b),
            (Item::Moment(a), Item::Moment(b)) => {
                if (a.kind == MomentKind::Time) != (b.kind == MomentKind::Time) {
                    return Some(false);
                }
                a.compare(b, self.offset).map(|o| o == Ordering::Equal)
            }
            (Item::Type { namespace: a, name: c }, Item::Type { namespace: b, name: d }) => Some(a == b && c == d),
            _ => match (as_decimal(&a), as_decimal(&b)) {
                (Some(a), Some(b)) => Some(a == b),
                _ => match (as_quantity(&a), as_quantity(&b)) {
                    (Some(a), Some(b)) => a.compare(&b).map(|o| o == Ordering::Equal),
                    _ => Some(false),
                },
            },
        }
    }

    /// `a ~ b` of two collections: the order does not count, and nothing is equivalent to nothing.
    pub(super) fn equivalent_all(&self, a: &[Item<'t>], b: &[Item<'t>]) -> bool {
        if a.len() != b.len() {
            return false;
        }
        let mut left: Vec<&Item<'t>> = b.iter().collect();
        a.iter().all(|one| match left.iter().position(|other| self.equivalent(one, other)) {
            Some(at) => {
                left.swap_remove(at);
                true
            }
            None => false,
        })
    }

    /// `a ~ b` of two items.
    pub(super) fn equivalent(&self, a: &Item<'t>, b: &Item<'t>) -> bool {
        if let (Item::Node(a), Item::Node(b)) = (a, b)
            && (a.is_complex() || b.is_complex() || a.value.is_none() || b.value.is_none())
        {
            return match (a.value, b.value) {
                (Some(a), Some(b)) => values_equivalent(a, b),
                (None, None) => nodes_equal(a, b),
                _ => false,
            };
        }
        let (Some(a), Some(b)) = (a.plain(self.definitions), b.plain(self.definitions)) else { return false };
        match (&a, &b) {
            (Item::Text(a), Item::Text(b)) => words(a) == words(b),
            (Item::Moment(_), Item::Moment(_)) => self.equal(&a, &b) == Some(true),
            _ => match (as_decimal(&a), as_decimal(&b)) {
                (Some(a), Some(b)) => equal_to_least_precision(a, b),
                _ => match (as_quantity(&a), as_quantity(&b)) {
                    (Some(a), Some(b)) => a.is_equivalent(&b),
                    _ => self.equal(&a, &b) == Some(true),
                },
            },
        }
    }

    /// Whether `item` equals one of `items`.
    pub(super) fn contains(&self, items: &[Item<'t>], item: &Item<'t>) -> bool {
        items.iter().any(|other| self.equal(other, item) == Some(true))
    }
}

/// A text as `~` sees it: without case, blanks as one.
fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}

pub(super) fn as_decimal(item: &Item<'_>) -> Option<Decimal> {
    match item {
        Item::Integer(n) => Some(Decimal::whole(*n)),
        Item::Decimal(d) => Some(*d),
        _ => None,
    }
}

/// A quantity, or a number as one without a unit.
pub(super) fn as_quantity(item: &Item<'_>) -> Option<Quantity> {
    match item {
        Item::Quantity(q) => Some((**q).clone()),
        other => as_decimal(other).map(Quantity::plain),
    }
}

fn nodes_equal(a: &Node<'_>, b: &Node<'_>) -> bool {
    let same = |a: Option<Value<'_>>, b: Option<Value<'_>>| match (a, b) {
        (Some(a), Some(b)) => values_equal(a, b),
        (None, None) => true,
        _ => false,
    };
    // Ids and extensions of a primitive count only where there is no value to compare.
    same(a.value, b.value) && (a.value.is_some() || same(a.extra, b.extra))
}

/// Equal JSON: numbers by value, members in any order, items in order.
fn values_equal(a: Value<'_>, b: Value<'_>) -> bool {
    if a == b {
        return true;
    }
    match (a.kind(), b.kind()) {
        (Kind::Object, Kind::Object) => {
            a.members().count() == b.members().count()
                && a.members().all(|(name, a)| b.get(name).is_some_and(|b| values_equal(a, b)))
        }
        (Kind::Array, Kind::Array) => {
            a.items().count() == b.items().count() && a.items().zip(b.items()).all(|(a, b)| values_equal(a, b))
        }
        (Kind::Number, Kind::Number) => numbers(a, b).is_some_and(|(a, b)| a == b),
        (a_kind, b_kind) => a_kind == b_kind && a.text() == b.text() && a.boolean() == b.boolean(),
    }
}

fn numbers(a: Value<'_>, b: Value<'_>) -> Option<(Decimal, Decimal)> {
    Some((Decimal::parse(a.number()?)?, Decimal::parse(b.number()?)?))
}

/// Equivalent JSON: texts without case, numbers to the least precision, items in any order.
fn values_equivalent(a: Value<'_>, b: Value<'_>) -> bool {
    match (a.kind(), b.kind()) {
        (Kind::Object, Kind::Object) => {
            a.members().count() == b.members().count()
                && a.members().all(|(name, a)| b.get(name).is_some_and(|b| values_equivalent(a, b)))
        }
        (Kind::Array, Kind::Array) => {
            let mut left: Vec<_> = b.items().collect();
            a.items().count() == left.len()
                && a.items().all(|one| match left.iter().position(|other| values_equivalent(one, *other)) {
                    Some(at) => {
                        left.swap_remove(at);
                        true
                    }
                    None => false,
                })
        }
        (Kind::String, Kind::String) => match (a.text(), b.text()) {
            (Some(a), Some(b)) => words(&a) == words(&b),
            _ => false,
        },
        (Kind::Number, Kind::Number) => numbers(a, b).is_some_and(|(a, b)| equal_to_least_precision(a, b)),
        _ => values_equal(a, b),
    }
}
