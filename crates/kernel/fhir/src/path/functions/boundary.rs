//! What the precision of a value leaves open: `lowBoundary`, `highBoundary`, `precision`; and the parts of a moment.

use super::super::Result;
use super::super::ast::Call;
use super::super::eval::{Evaluation, Frame, execution};
use super::super::item::{Item, Items};
use super::super::moment::{Moment, MomentKind, Precision, days_in_month};
use super::super::quantity::Quantity;
use super::Function as F;
use crate::decimal::{Decimal, MAX_SCALE, Rounding};

/// Digits after the point where none are asked for.
const DECIMAL_DIGITS: i64 = 8;

pub(super) fn call<'t>(
    eval: &Evaluation<'_, 't>,
    call: &Call,
    input: &[Item<'t>],
    frame: Frame<'_, 't>,
) -> Result<Items<'t>> {
    let Some(item) = eval.value(call, input)? else { return Ok(Vec::new()) };
    let digits = eval.integer(&eval.arg(call, 0, frame)?, "a precision")?;
    let made = match call.function {
        F::LowBoundary | F::HighBoundary => {
            let high = call.function == F::HighBoundary;
            match &item {
                Item::Integer(n) => of_decimal(Decimal::whole(*n), high, digits).map(Item::Decimal),
                Item::Decimal(d) => of_decimal(*d, high, digits).map(Item::Decimal),
                Item::Quantity(q) => of_decimal(q.value, high, digits)
                    .map(|value| Item::Quantity(Box::new(Quantity { value, unit: q.unit.clone() }))),
                Item::Moment(m) => of_moment(*m, high, digits).map(Item::Moment),
                _ => {
                    return execution(format!(
                        "`{}` takes a number, a quantity, a date or a time",
                        call.function.name()
                    ));
                }
            }
        }
        F::Precision => match &item {
            Item::Integer(_) => Some(Item::Integer(0)),
            Item::Decimal(d) => Some(Item::Integer(d.scale().into())),
            Item::Quantity(q) => Some(Item::Integer(q.value.scale().into())),
            Item::Moment(m) => Some(Item::Integer(precision(m))),
            _ => return execution("`precision` takes a number, a date or a time"),
        },
        part => match &item {
            Item::Moment(m) => part_of(part, m),
            _ => return execution(format!("`{}` takes a date or a time", part.name())),
        },
    };
    Ok(made.into_iter().collect())
}

/// The least or greatest number that is written as `value` at its precision, to `digits` after the point. Cut to fewer
/// digits than it has, the low one goes down and the high one to the nearest, both by magnitude, as the official cases do.
fn of_decimal(value: Decimal, high: bool, digits: Option<i64>) -> Option<Decimal> {
    let digits = u32::try_from(digits.unwrap_or(DECIMAL_DIGITS)).ok().filter(|d| *d <= MAX_SCALE)?;
    let half = value.half_step()?;
    let outward = high != value.is_negative() || value.is_zero();
    let edge = if high { value.checked_add(half)? } else { value.checked_sub(half)? };
    edge.with_scale(digits, if outward { Rounding::Nearest } else { Rounding::Cut })
}

/// Digits of a date or time as FHIRPath counts them: year 4, month 6, day 8, minute 12, second 14, millisecond 17; of a
/// time 2, 4, 6, 9.
fn precision(m: &Moment) -> i64 {
    let full = match m.precision {
        Precision::Year => 4,
        Precision::Month => 6,
        Precision::Day => 8,
        Precision::Hour => 10,
        Precision::Minute => 12,
        Precision::Second => 14,
        Precision::Fraction => 14 + i64::from(m.digits),
    };
    if m.kind == MomentKind::Time { full - 8 } else { full }
}

/// The zones at the edges of the day.
const EARLIEST_ZONE: i16 = 14 * 60;
const LATEST_ZONE: i16 = -12 * 60;

fn of_moment(m: Moment, high: bool, digits: Option<i64>) -> Option<Moment> {
    let most = match m.kind {
        MomentKind::Date => 8,
        MomentKind::DateTime => 17,
        MomentKind::Time => 9,
    };
    let digits = digits.unwrap_or(most);
    let (wanted, fraction) = match if m.kind == MomentKind::Time { digits + 8 } else { digits } {
        4 => (Precision::Year, 0),
        6 => (Precision::Month, 0),
        8 => (Precision::Day, 0),
        10 => (Precision::Hour, 0),
        12 => (Precision::Minute, 0),
        14 => (Precision::Second, 0),
        17 => (Precision::Fraction, 3),
        _ => return None,
    };
    let mut edge = m;
    let missing = |p: Precision| m.precision < p;
    if missing(Precision::Month) {
        edge.month = if high { 12 } else { 1 };
    }
    if missing(Precision::Day) {
        edge.day = if high { days_in_month(edge.year, edge.month) } else { 1 };
    }
    if missing(Precision::Hour) {
        edge.hour = if high { 23 } else { 0 };
    }
    // A time told to the hour has its minutes at zero in FHIR (`@2014-01-01T08` is 08:00): the specification's own example
    // gives `08:00:59.999` as its high boundary.
    if missing(Precision::Minute) {
        edge.minute = if high && m.precision != Precision::Hour { 59 } else { 0 };
    }
    if missing(Precision::Second) {
        edge.second = if high { 59 } else { 0 };
    }
    if missing(Precision::Fraction) {
        edge.nanos = if high { 999_999_999 } else { 0 };
    } else if m.digits < 9 && high {
        edge.nanos += 10_u32.pow(9 - u32::from(m.digits)) - 1;
    }
    edge.precision = wanted;
    edge.digits = fraction;
    if m.kind == MomentKind::DateTime && edge.offset.is_none() {
        edge.offset = Some(if high { LATEST_ZONE } else { EARLIEST_ZONE });
    }
    if m.kind == MomentKind::Date && wanted > Precision::Day {
        edge.kind = MomentKind::DateTime;
        edge.offset = Some(if high { LATEST_ZONE } else { EARLIEST_ZONE });
    }
    Some(edge)
}

fn part_of<'t>(part: F, m: &Moment) -> Option<Item<'t>> {
    let at_least = |precision: Precision, value: i64| (m.precision >= precision).then_some(Item::Integer(value));
    let dated = m.kind != MomentKind::Time;
    match part {
        F::YearOf if dated => at_least(Precision::Year, m.year.into()),
        F::MonthOf if dated => at_least(Precision::Month, m.month.into()),
        F::DayOf if dated => at_least(Precision::Day, m.day.into()),
        F::HourOf => at_least(Precision::Hour, m.hour.into()),
        F::MinuteOf => at_least(Precision::Minute, m.minute.into()),
        F::SecondOf => at_least(Precision::Second, m.second.into()),
        F::MillisecondOf => at_least(Precision::Fraction, i64::from(m.nanos / 1_000_000)),
        F::TimezoneOffsetOf => {
            let hours = Decimal::whole(m.offset?.into()).checked_div(Decimal::whole(60))?;
            Some(Item::Decimal(hours.with_scale(hours.scale().max(1), Rounding::Nearest)?))
        }
        F::DateOf if dated => Some(Item::Moment(m.date())),
        F::TimeOf if m.precision >= Precision::Hour => Some(Item::Moment(m.time())),
        _ => None,
    }
}
