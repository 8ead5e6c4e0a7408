//! The order of a search: keys of a hit, how they follow each other, what comes after a key.

use super::sql::Args;
use mach_fhir::ResourceType;
use mach_fhir::index::Param;
use std::cmp::Ordering;

/// What a sort looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// When the version was written: the order of the commit log.
    LastUpdated,
    /// The id.
    Id,
    /// The earliest begin; descending, the latest begin.
    Date(Param),
    /// The first text; descending, the last.
    Text(Param),
    /// The least value; descending, the greatest.
    Quantity(Param),
    /// The first code. Ordered in memory.
    Token(Param),
    /// The first target, by type and id. Ordered in memory.
    Reference(Param),
}

impl Order {
    /// Whether it is by a parameter that others defined: its values do not lie beside the body.
    pub(super) fn is_of_others(self) -> bool {
        match self {
            Self::LastUpdated | Self::Id => false,
            Self::Date(by) | Self::Text(by) | Self::Quantity(by) | Self::Token(by) | Self::Reference(by) => {
                by.0 >= crate::params::FIRST
            }
        }
    }
}

/// One part of an order. Resources without a value come last either way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sort {
    /// By what.
    pub order: Order,
    /// Greatest first.
    pub descending: bool,
    /// Values of this parameter count too.
    pub or: Option<Param>,
}

impl Sort {
    pub(super) fn in_memory(self) -> bool {
        matches!(self.order, Order::Token(_) | Order::Reference(_))
    }

    /// The key of row `r` of `resource` as SQL.
    pub(super) fn expression(self, kind: ResourceType, r: &str) -> String {
        let of = |table: &str, column: &str, param: Param| {
            let end = if self.descending { "max" } else { "min" };
            let param = match self.or {
                None => format!("= {}", param.0),
                Some(or) => format!("IN ({}, {})", param.0, or.0),
            };
            format!(
                "(SELECT {end}(k.{column}) FROM {table} k WHERE k.param {param} AND k.type = {} AND k.rid = {r}.rid
                    AND k.facility = {r}.facility)",
                kind.number()
            )
        };
        match self.order {
            Order::LastUpdated => format!("{r}.rid"),
            Order::Id => format!("{r}.id"),
            Order::Date(param) => of("index_date", "low", param),
            Order::Text(param) => of("index_text", "folded", param),
            // Values brought to base units stand beside those as written, for comparing only.
            Order::Quantity(param) => {
                let base = crate::resources::system_hash(super::value::CANONICAL);
                of("index_quantity", "low", param).replace(" AND k.rid", &format!(" AND k.system <> {base} AND k.rid"))
            }
            Order::Token(_) | Order::Reference(_) => "NULL".to_owned(),
        }
    }

    pub(super) fn is_text(self) -> bool {
        matches!(self.order, Order::Id | Order::Text(_))
    }
}

/// A key of a hit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Key {
    /// No value: after all others.
    None,
    /// A number.
    Int(i64),
    /// A text.
    Text(String),
}

/// Whether equal hits follow each other from the newest: where an index is walked from its end, they lie so.
fn newest_first(sorts: &[Sort]) -> bool {
    matches!(sorts, [Sort { order: Order::Date(_), descending: true, .. }])
}

/// How two hits follow each other.
pub(super) fn compare(sorts: &[Sort], a: (&[Key], i64), b: (&[Key], i64)) -> Ordering {
    for (sort, (x, y)) in sorts.iter().zip(a.0.iter().zip(b.0)) {
        let order = match (x, y) {
            (Key::None, Key::None) => Ordering::Equal,
            (Key::None, _) => Ordering::Greater,
            (_, Key::None) => Ordering::Less,
            (Key::Int(x), Key::Int(y)) => x.cmp(y),
            (Key::Text(x), Key::Text(y)) => x.cmp(y),
            (Key::Int(_), Key::Text(_)) => Ordering::Less,
            (Key::Text(_), Key::Int(_)) => Ordering::Greater,
        };
        let with_values = *x != Key::None && *y != Key::None;
        let order = if sort.descending && with_values { order.reverse() } else { order };
        if order != Ordering::Equal {
            return order;
        }
    }
    // Hits without a value stand in the order of their versions either way.
    if newest_first(sorts) && a.0 != [Key::None] { b.1.cmp(&a.1) } else { a.1.cmp(&b.1) }
}

/// `ORDER BY` over the columns `k0`, `k1` … and `rid`.
pub(super) fn order_by(sorts: &[Sort]) -> String {
    let mut out = String::new();
    for (i, sort) in sorts.iter().enumerate() {
        let word = if sort.descending { "DESC" } else { "ASC" };
        out.push_str(&format!("CASE WHEN k{i} IS NULL THEN 1 ELSE 0 END, k{i} {word}, "));
    }
    out.push_str(if newest_first(sorts) { "CASE WHEN k0 IS NULL THEN rid ELSE -rid END" } else { "rid" });
    out
}

/// The condition that a row with columns `k0` … and `rid` comes after the hit with these keys.
pub(super) fn after(args: &mut Args, sorts: &[Sort], keys: &[Key], rid: i64) -> String {
    let word = if newest_first(sorts) && keys != [Key::None] { "<" } else { ">" };
    let mut condition = format!("rid {word} {}", args.int(rid));
    for (i, (sort, key)) in sorts.iter().zip(keys).enumerate().rev() {
        let argument = match key {
            Key::None => {
                condition = format!("(k{i} IS NULL AND {condition})");
                continue;
            }
            Key::Int(n) => args.int(*n),
            Key::Text(t) => args.text(t.clone()),
        };
        let past = if sort.descending { "<" } else { ">" };
        condition = format!("(k{i} {past} {argument} OR k{i} IS NULL OR (k{i} = {argument} AND {condition}))");
    }
    condition
}
