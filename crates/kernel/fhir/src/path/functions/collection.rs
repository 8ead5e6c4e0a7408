//! Existence, filtering, projection, subsetting, combining (N1 §5.1–§5.4), `iif`, `aggregate`, `sort`.

use super::super::ast::{Call, Expr};
use super::super::eval::{Evaluation, Frame, execution};
use super::super::item::{Item, Items};
use super::super::{Result, operators};
use super::{Function as F, yes};
use crate::limits;
use std::cmp::Ordering;

pub(super) fn call<'t>(
    eval: &Evaluation<'_, 't>,
    call: &Call,
    input: Items<'t>,
    frame: Frame<'_, 't>,
) -> Result<Items<'t>> {
    match call.function {
        F::Empty => yes(input.is_empty()),
        F::Exists => match call.args.first() {
            None => yes(!input.is_empty()),
            Some(arg) => yes(any(eval, arg, &input, frame)?),
        },
        F::All => {
            for (n, item) in input.iter().enumerate() {
                if !eval.test(&call.args[0], item, n, frame)? {
                    return yes(false);
                }
            }
            yes(true)
        }
        F::AllTrue | F::AnyTrue | F::AllFalse | F::AnyFalse => booleans(eval, call.function, &input),
        F::Count => Ok(vec![Item::Integer(input.len() as i64)]),
        F::Distinct => operators::union(eval, input, Vec::new()),
        F::IsDistinct => {
            let all = input.len();
            yes(operators::union(eval, input, Vec::new())?.len() == all)
        }
        F::Where => filter(eval, &call.args[0], input, frame),
        F::Select => {
            let mut out = Vec::new();
            for (n, item) in input.iter().enumerate() {
                out.extend(eval.each(&call.args[0], item, n, frame)?);
                eval.fits(&out)?;
            }
            Ok(out)
        }
        F::Repeat | F::RepeatAll => repeat(eval, call, input, frame),
        F::Single if input.len() > 1 => execution(format!("`single` on {} items", input.len())),
        F::Single => Ok(input),
        F::First => Ok(input.into_iter().take(1).collect()),
        F::Last => Ok(input.into_iter().last().into_iter().collect()),
        F::Tail => Ok(input.into_iter().skip(1).collect()),
        F::Skip | F::Take => {
            let count = eval.integer(&eval.arg(call, 0, frame)?, "a number of items")?;
            let Some(count) = count else { return Ok(Vec::new()) };
            let count = usize::try_from(count.max(0)).unwrap_or(usize::MAX);
            let (skip, take) = if call.function == F::Skip { (count, usize::MAX) } else { (0, count) };
            Ok(input.into_iter().skip(skip).take(take).collect())
        }
        F::Not => match eval.boolean(&input)? {
            Some(value) => yes(!value),
            None => Ok(Vec::new()),
        },
        F::Iif => iif(eval, call, input, frame),
        F::Aggregate => aggregate(eval, call, input, frame),
        F::Sort => sort(eval, call, input, frame),
        _ => combine(eval, call, input, frame),
    }
}

fn any<'t>(eval: &Evaluation<'_, 't>, arg: &Expr, input: &[Item<'t>], frame: Frame<'_, 't>) -> Result<bool> {
    for (n, item) in input.iter().enumerate() {
        if eval.test(arg, item, n, frame)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn filter<'t>(eval: &Evaluation<'_, 't>, arg: &Expr, input: Items<'t>, frame: Frame<'_, 't>) -> Result<Items<'t>> {
    let mut out = Vec::new();
    for (n, item) in input.into_iter().enumerate() {
        if eval.test(arg, &item, n, frame)? {
            out.push(item);
        }
    }
    Ok(out)
}

/// Items that are no boolean are neither true nor false.
fn booleans<'t>(eval: &Evaluation<'_, 't>, function: F, input: &[Item<'t>]) -> Result<Items<'t>> {
    let is = |wanted: bool| move |item: &Item<'t>| matches!(item.plain(eval.definitions()), Some(Item::Boolean(b)) if b == wanted);
    yes(match function {
        F::AllTrue => input.iter().all(is(true)),
        F::AnyTrue => input.iter().any(is(true)),
        F::AllFalse => input.iter().all(is(false)),
        _ => input.iter().any(is(false)),
    })
}

fn repeat<'t>(eval: &Evaluation<'_, 't>, call: &Call, input: Items<'t>, frame: Frame<'_, 't>) -> Result<Items<'t>> {
    let unique = call.function == F::Repeat;
    let comparing = eval.comparing();
    let mut out: Items<'t> = Vec::new();
    let mut round = input;
    for _ in 0..limits::EVALUATION_DEPTH {
        let mut next = Vec::new();
        for (n, item) in round.iter().enumerate() {
            for found in eval.each(&call.args[0], item, n, frame)? {
                eval.spend(1 + if unique { out.len() } else { 0 })?;
                if !unique || !(comparing.contains(&out, &found) || comparing.contains(&next, &found)) {
                    next.push(found);
                }
            }
        }
        if next.is_empty() {
            return Ok(out);
        }
        out.extend(next.iter().cloned());
        eval.fits(&out)?;
        round = next;
    }
    Err(super::PathError::Limit("rounds of `repeat`"))
}

fn combine<'t>(eval: &Evaluation<'_, 't>, call: &Call, input: Items<'t>, frame: Frame<'_, 't>) -> Result<Items<'t>> {
    let comparing = eval.comparing();
    if call.function == F::Coalesce {
        for n in 0..call.args.len() {
            let found = eval.arg(call, n, frame)?;
            if !found.is_empty() {
                return Ok(found);
            }
        }
        return Ok(Vec::new());
    }
    let other = eval.arg(call, 0, frame)?;
    eval.spend(input.len().saturating_mul(other.len()))?;
    match call.function {
        F::SubsetOf => yes(input.iter().all(|i| comparing.contains(&other, i))),
        F::SupersetOf => yes(other.iter().all(|i| comparing.contains(&input, i))),
        F::Intersect => {
            let both = input.into_iter().filter(|i| comparing.contains(&other, i)).collect();
            operators::union(eval, both, Vec::new())
        }
        F::Exclude => Ok(input.into_iter().filter(|i| !comparing.contains(&other, i)).collect()),
        F::Union => operators::union(eval, input, other),
        _ => {
            let out: Items<'t> = input.into_iter().chain(other).collect();
            eval.fits(&out)?;
            Ok(out)
        }
    }
}

fn iif<'t>(eval: &Evaluation<'_, 't>, call: &Call, input: Items<'t>, frame: Frame<'_, 't>) -> Result<Items<'t>> {
    if input.len() > 1 {
        return execution("`iif` takes at most one item, several are given");
    }
    let inner = Frame { this: &input, index: frame.index, total: frame.total };
    let criterion = eval.scoped(&call.args[0], inner)?;
    let holds = match criterion.as_slice() {
        [] => false,
        [one] => match one.plain(eval.definitions()) {
            Some(Item::Boolean(b)) => b,
            _ => return execution("the criterion of `iif` is a boolean"),
        },
        _ => return execution("the criterion of `iif` is one boolean, several items are given"),
    };
    match call.args.get(if holds { 1 } else { 2 }) {
        Some(arg) => eval.scoped(arg, inner),
        None => Ok(Vec::new()),
    }
}

fn aggregate<'t>(eval: &Evaluation<'_, 't>, call: &Call, input: Items<'t>, frame: Frame<'_, 't>) -> Result<Items<'t>> {
    let mut total = eval.arg(call, 1, frame)?;
    for (n, item) in input.iter().enumerate() {
        let this = std::slice::from_ref(item);
        total = eval.scoped(&call.args[0], Frame { this, index: Some(n), total: Some(&total) })?;
    }
    Ok(total)
}

/// `sort(a, -b)`: by each key in turn, a key with a sign in front falling; nothing sorts before everything.
fn sort<'t>(eval: &Evaluation<'_, 't>, call: &Call, input: Items<'t>, frame: Frame<'_, 't>) -> Result<Items<'t>> {
    let this = [Expr::This];
    let keys: &[Expr] = if call.args.is_empty() { &this } else { &call.args };
    let mut rows = Vec::with_capacity(input.len());
    for (n, item) in input.into_iter().enumerate() {
        let mut row = Vec::with_capacity(keys.len());
        for key in keys {
            let key = if let Expr::Negate(inner) = key { inner } else { key };
            row.push(eval.single(&eval.each(key, &item, n, frame)?, "a key of `sort`")?);
        }
        rows.push((row, item));
    }
    eval.spend(rows.len() * 8)?;
    let mut problem = None;
    rows.sort_by(|(a, _), (b, _)| {
        for (n, (a, b)) in a.iter().zip(b).enumerate() {
            let order = match (a, b) {
                (None, None) => Ordering::Equal,
                (None, Some(_)) => Ordering::Less,
                (Some(_), None) => Ordering::Greater,
                (Some(a), Some(b)) => match operators::order_of(eval, a, b) {
                    Ok(order) => order.unwrap_or(Ordering::Equal),
                    Err(e) => {
                        problem = Some(e);
                        Ordering::Equal
                    }
                },
            };
            let order = if matches!(keys[n], Expr::Negate(_)) { order.reverse() } else { order };
            if order != Ordering::Equal {
                return order;
            }
        }
        Ordering::Equal
    });
    match problem {
        Some(problem) => Err(problem),
        None => Ok(rows.into_iter().map(|(_, item)| item).collect()),
    }
}
