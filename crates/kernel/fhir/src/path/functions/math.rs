//! Numbers (N1 §5.7) and their sums.

use super::super::Result;
use super::super::ast::{Call, Op};
use super::super::equality::as_decimal;
use super::super::eval::{Evaluation, Frame, execution};
use super::super::item::{Item, Items};
use super::super::operators;
use super::super::quantity::Quantity;
use super::Function as F;
use crate::decimal::{Decimal, Rounding};
use std::cmp::Ordering;

pub(super) fn call<'t>(
    eval: &Evaluation<'_, 't>,
    call: &Call,
    input: &[Item<'t>],
    frame: Frame<'_, 't>,
) -> Result<Items<'t>> {
    if matches!(call.function, F::Sum | F::Avg | F::Min | F::Max) {
        return fold(eval, call, input);
    }
    let Some(item) = eval.value(call, input)? else { return Ok(Vec::new()) };
    if let Item::Quantity(quantity) = &item {
        return on_quantity(call, quantity);
    }
    let Some(number) = as_decimal(&item) else {
        return execution(format!("`{}` takes a number", call.function.name()));
    };
    let whole = |d: Option<Decimal>| Ok(d.and_then(Decimal::as_integer).map(Item::Integer).into_iter().collect());
    let decimal = |d: Option<Decimal>| Ok(d.map(Item::Decimal).into_iter().collect());
    match call.function {
        F::Abs => match item {
            Item::Integer(n) => Ok(n.checked_abs().map(Item::Integer).into_iter().collect()),
            _ => decimal(Some(number.abs())),
        },
        F::Ceiling => whole(number.with_scale(0, Rounding::Ceiling)),
        F::Floor => whole(number.with_scale(0, Rounding::Floor)),
        F::Truncate => whole(number.with_scale(0, Rounding::Cut)),
        F::Exp => decimal(number.exp()),
        F::Ln => decimal(number.ln()),
        F::Sqrt => decimal(number.sqrt()),
        F::Round => {
            let digits = eval.integer(&eval.arg(call, 0, frame)?, "the digits of `round`")?.unwrap_or(0);
            let Ok(digits) = u32::try_from(digits) else { return execution("`round` takes no negative digits") };
            decimal(number.with_scale(digits.min(number.scale()), Rounding::Nearest))
        }
        _ => {
            let arg = eval.single(&eval.arg(call, 0, frame)?, "an argument")?;
            let Some(arg) = arg else { return Ok(Vec::new()) };
            let Some(other) = as_decimal(&arg) else { return execution("an argument is a number") };
            if call.function == F::Log {
                return decimal(number.log(other));
            }
            let power = number.power_of(other);
            let integers = matches!((&item, &arg), (Item::Integer(_), Item::Integer(_)));
            if integers && power.is_some_and(|p| p.as_integer().is_some()) { whole(power) } else { decimal(power) }
        }
    }
}

fn on_quantity<'t>(call: &Call, quantity: &Quantity) -> Result<Items<'t>> {
    let value = match call.function {
        F::Abs => Some(quantity.value.abs()),
        F::Ceiling => quantity.value.with_scale(0, Rounding::Ceiling),
        F::Floor => quantity.value.with_scale(0, Rounding::Floor),
        F::Truncate => quantity.value.with_scale(0, Rounding::Cut),
        F::Round => quantity.value.with_scale(0, Rounding::Nearest),
        _ => return execution(format!("`{}` takes a number", call.function.name())),
    };
    let made = value.map(|value| Quantity { value, unit: quantity.unit.clone() });
    Ok(made.map(|q| Item::Quantity(Box::new(q))).into_iter().collect())
}

fn fold<'t>(eval: &Evaluation<'_, 't>, call: &Call, input: &[Item<'t>]) -> Result<Items<'t>> {
    let mut items = Vec::with_capacity(input.len());
    for item in input {
        items.extend(eval.single(std::slice::from_ref(item), "an item")?);
    }
    let mut items = items.into_iter();
    let Some(mut total) = items.next() else { return Ok(Vec::new()) };
    let count = input.len() as i64;
    for item in items {
        total = match call.function {
            F::Sum | F::Avg => match operators::binary(eval, Op::Add, vec![total], vec![item])?.pop() {
                Some(sum) => sum,
                None => return Ok(Vec::new()),
            },
            function => {
                let wanted = if function == F::Min { Ordering::Less } else { Ordering::Greater };
                match operators::order_of(eval, &item, &total)? {
                    Some(order) if order == wanted => item,
                    Some(_) => total,
                    None => return Ok(Vec::new()),
                }
            }
        };
    }
    if call.function == F::Avg {
        return operators::binary(eval, Op::Divide, vec![total], vec![Item::Integer(count)]);
    }
    Ok(vec![total])
}
