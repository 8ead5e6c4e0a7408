//! Conversions (N1 §5.5).

use super::super::Result;
use super::super::ast::Call;
use super::super::eval::{Evaluation, Frame};
use super::super::item::{Item, Items};
use super::super::moment::{Moment, MomentKind};
use super::super::quantity::{Quantity, Unit};
use super::{Function as F, yes};
use crate::decimal::Decimal;

pub(super) fn call<'t>(
    eval: &Evaluation<'_, 't>,
    call: &Call,
    input: &[Item<'t>],
    frame: Frame<'_, 't>,
) -> Result<Items<'t>> {
    let Some(item) = eval.value(call, input)? else { return Ok(Vec::new()) };
    let unit = eval.text(&eval.arg(call, 0, frame)?, "a unit")?;
    let (made, asked) = match call.function {
        F::ToBoolean => (to_boolean(&item), false),
        F::ConvertsToBoolean => (to_boolean(&item), true),
        F::ToInteger => (to_integer(&item), false),
        F::ConvertsToInteger => (to_integer(&item), true),
        F::ToDecimal => (to_decimal(&item), false),
        F::ConvertsToDecimal => (to_decimal(&item), true),
        F::ToDate => (to_moment(&item, MomentKind::Date), false),
        F::ConvertsToDate => (to_moment(&item, MomentKind::Date), true),
        F::ToDateTime => (to_moment(&item, MomentKind::DateTime), false),
        F::ConvertsToDateTime => (to_moment(&item, MomentKind::DateTime), true),
        F::ToTime => (to_moment(&item, MomentKind::Time), false),
        F::ConvertsToTime => (to_moment(&item, MomentKind::Time), true),
        F::ToQuantity => (to_quantity(&item, unit.as_deref()), false),
        F::ConvertsToQuantity => (to_quantity(&item, unit.as_deref()), true),
        F::ToText => (item.to_text().map(Item::Text), false),
        _ => (item.to_text().map(Item::Text), true),
    };
    if asked { yes(made.is_some()) } else { Ok(made.into_iter().collect()) }
}

fn to_boolean<'t>(item: &Item<'t>) -> Option<Item<'t>> {
    let value = match item {
        Item::Boolean(b) => *b,
        Item::Integer(1) => true,
        Item::Integer(0) => false,
        Item::Decimal(d) if *d == Decimal::ONE => true,
        Item::Decimal(d) if d.is_zero() => false,
        Item::Text(text) => match text.to_lowercase().as_str() {
            "true" | "t" | "yes" | "y" | "1" | "1.0" => true,
            "false" | "f" | "no" | "n" | "0" | "0.0" => false,
            _ => return None,
        },
        _ => return None,
    };
    Some(Item::Boolean(value))
}

fn to_integer<'t>(item: &Item<'t>) -> Option<Item<'t>> {
    match item {
        Item::Integer(_) => Some(item.clone()),
        Item::Boolean(b) => Some(Item::Integer((*b).into())),
        Item::Text(text) => text.parse().ok().map(Item::Integer),
        _ => None,
    }
}

fn to_decimal<'t>(item: &Item<'t>) -> Option<Item<'t>> {
    match item {
        Item::Decimal(_) => Some(item.clone()),
        Item::Integer(n) => Some(Item::Decimal(Decimal::whole(*n))),
        Item::Boolean(b) => Some(Item::Decimal(Decimal::new(if *b { 10 } else { 0 }, 1)?)),
        Item::Text(text) if !text.contains(['e', 'E']) => Decimal::parse(text).map(Item::Decimal),
        _ => None,
    }
}

fn to_moment<'t>(item: &Item<'t>, kind: MomentKind) -> Option<Item<'t>> {
    let moment = match item {
        Item::Text(text) => match kind {
            // A date and time is taken as its date.
            MomentKind::Date => {
                Moment::parse(text, kind).or_else(|| Moment::parse(text, MomentKind::DateTime).map(Moment::date))
            }
            MomentKind::DateTime => Moment::parse(text.strip_suffix('T').unwrap_or(text), kind),
            MomentKind::Time => Moment::parse(text.strip_prefix('T').unwrap_or(text), kind),
        },
        Item::Moment(m) if m.kind == kind => Some(*m),
        Item::Moment(m) => match (m.kind, kind) {
            (MomentKind::DateTime, MomentKind::Date) => Some(m.date()),
            (MomentKind::Date, MomentKind::DateTime) => Some(Moment { kind, ..*m }),
            _ => None,
        },
        _ => None,
    };
    moment.map(Item::Moment)
}

fn to_quantity<'t>(item: &Item<'t>, unit: Option<&str>) -> Option<Item<'t>> {
    let quantity = match item {
        Item::Quantity(q) => (**q).clone(),
        Item::Integer(n) => Quantity::plain(Decimal::whole(*n)),
        Item::Decimal(d) => Quantity::plain(*d),
        Item::Boolean(b) => Quantity::plain(Decimal::new(if *b { 10 } else { 0 }, 1)?),
        Item::Text(text) => quantity_of(text)?,
        _ => return None,
    };
    let quantity = match unit {
        None => quantity,
        Some(unit) => {
            let unit = Unit::calendar(unit).unwrap_or_else(|| Unit::ucum(unit));
            // Zero of the wanted unit: adding it converts, and fails where the units do not go together.
            let same = quantity.compare(&Quantity { value: Decimal::ZERO, unit: unit.clone() }).is_some();
            if !same {
                return None;
            }
            quantity.in_unit(&unit)?
        }
    };
    Some(Item::Quantity(Box::new(quantity)))
}

/// `1`, `1.5 'mg'`, `3 days`.
fn quantity_of(text: &str) -> Option<Quantity> {
    let text = text.trim();
    let end = text.find(|c: char| !(c.is_ascii_digit() || matches!(c, '+' | '-' | '.'))).unwrap_or(text.len());
    let value = Decimal::parse(&text[..end])?;
    let unit = text[end..].trim();
    let unit = match unit.strip_prefix('\'') {
        _ if unit.is_empty() => Unit::ucum("1"),
        Some(code) => Unit::ucum(code.strip_suffix('\'').filter(|c| !c.is_empty() && !c.contains('\''))?),
        None if end == text.len() || !text[end..].starts_with(char::is_whitespace) => return None,
        None => Unit::calendar(unit)?,
    };
    Some(Quantity { value, unit })
}
