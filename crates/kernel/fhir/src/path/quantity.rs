//! Quantities: exact numbers with calendar or UCUM units.

use super::moment::CalendarUnit;
use crate::decimal::{Decimal, Rounding};
use std::cmp::Ordering;
use std::fmt;

/// A number and its unit.
#[derive(Clone, Debug)]
pub struct Quantity {
    /// The number, digits as written.
    pub value: Decimal,
    /// The unit.
    pub unit: Unit,
}

/// A unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unit {
    /// A calendar duration (`year`, `days`), and the word it was written with.
    Calendar(CalendarUnit, &'static str),
    /// A UCUM code; `1` for none.
    Ucum(Box<str>),
}

const WORDS: [(&str, CalendarUnit, &str); 16] = [
    ("year", CalendarUnit::Year, "a"),
    ("years", CalendarUnit::Year, "a"),
    ("month", CalendarUnit::Month, "mo"),
    ("months", CalendarUnit::Month, "mo"),
    ("week", CalendarUnit::Week, "wk"),
    ("weeks", CalendarUnit::Week, "wk"),
    ("day", CalendarUnit::Day, "d"),
    ("days", CalendarUnit::Day, "d"),
    ("hour", CalendarUnit::Hour, "h"),
    ("hours", CalendarUnit::Hour, "h"),
    ("minute", CalendarUnit::Minute, "min"),
    ("minutes", CalendarUnit::Minute, "min"),
    ("second", CalendarUnit::Second, "s"),
    ("seconds", CalendarUnit::Second, "s"),
    ("millisecond", CalendarUnit::Millisecond, "ms"),
    ("milliseconds", CalendarUnit::Millisecond, "ms"),
];

impl Unit {
    /// A UCUM code, as written between quotes.
    pub fn ucum(code: &str) -> Self {
        Self::Ucum(code.into())
    }

    /// `year`, `days` …
    pub fn calendar(word: &str) -> Option<Self> {
        WORDS.iter().find(|(w, _, _)| *w == word).map(|(w, unit, _)| Self::Calendar(*unit, w))
    }

    /// The UCUM code of a FHIR Quantity; time units are calendar durations.
    pub fn from_fhir(code: &str) -> Self {
        WORDS.iter().find(|(_, _, c)| *c == code).map_or_else(|| Self::ucum(code), |(w, u, _)| Self::Calendar(*u, w))
    }

    /// The UCUM code it is converted by.
    pub fn code(&self) -> &str {
        match self {
            Self::Ucum(code) if code.is_empty() => "1",
            Self::Ucum(code) => code,
            Self::Calendar(unit, _) => WORDS.iter().find(|(_, u, _)| u == unit).map_or("1", |(_, _, c)| c),
        }
    }

    /// The calendar unit to add to a date: that of a calendar duration, also written in quotes, or of a UCUM unit from weeks
    /// down. `a` and `mo` are 365.25 and 30.4375 days, which no calendar has (N1 §6.7).
    pub fn of_calendar(&self) -> Option<CalendarUnit> {
        match self {
            Self::Calendar(unit, _) => Some(*unit),
            Self::Ucum(code) => {
                let (word, unit, _) = WORDS.iter().find(|(word, _, c)| [*word, *c].contains(&&**code))?;
                let is_word = *word == &**code;
                (is_word || !matches!(unit, CalendarUnit::Year | CalendarUnit::Month)).then_some(*unit)
            }
        }
    }

    /// Whether it is a year or a month of the calendar: not a fixed length of time.
    fn is_variable(&self) -> bool {
        matches!(self, Self::Calendar(CalendarUnit::Year | CalendarUnit::Month, _))
    }
}

/// A unit in base units: `value × factor + offset` of `unit`.
#[derive(Clone, Debug)]
pub struct Canonical {
    /// The base units, as UCUM writes them.
    pub unit: String,
    factor: Decimal,
    offset: Decimal,
}

impl Canonical {
    /// A value of the unit in base units; `None` where it has more digits than we count with.
    pub fn of(&self, value: Decimal) -> Option<Decimal> {
        value.checked_mul(self.factor)?.checked_add(self.offset)
    }

    /// A value of the base units in this unit, to enough digits for a comparison.
    pub fn from(&self, value: Decimal) -> Option<Decimal> {
        value.checked_sub(self.offset)?.checked_div(self.factor)
    }

    /// Whether values are in base units already.
    pub fn is_itself(&self) -> bool {
        self.factor.compare(Decimal::whole(1)).is_eq() && self.offset.compare(Decimal::whole(0)).is_eq()
    }
}

/// Units kept by `base_units`; past it they are worked out anew.
const KEPT: usize = 4_096;

/// The base units of a UCUM code, worked out once; `None` where it is none.
pub fn base_units(code: &str) -> Option<std::sync::Arc<Canonical>> {
    use std::collections::HashMap;
    use std::sync::{Arc, LazyLock, PoisonError, RwLock};
    type Known = HashMap<Box<str>, Option<Arc<Canonical>>>;
    static UNITS: LazyLock<RwLock<Known>> = LazyLock::new(RwLock::default);
    if let Some(known) = UNITS.read().unwrap_or_else(PoisonError::into_inner).get(code) {
        return known.clone();
    }
    let made = canonical(&Unit::ucum(code)).map(Arc::new);
    let mut units = UNITS.write().unwrap_or_else(PoisonError::into_inner);
    if units.len() < KEPT {
        units.insert(code.into(), made.clone());
    }
    made
}

fn number(n: octofhir_ucum::Number) -> Option<Decimal> {
    let (units, exponent) = n.to_integer_and_exponent();
    if exponent < 0 {
        return Decimal::new(units, exponent.unsigned_abs());
    }
    Decimal::new(units.checked_mul(10_i128.checked_pow(exponent.unsigned_abs())?)?, 0)
}

fn canonical(unit: &Unit) -> Option<Canonical> {
    let found = octofhir_ucum::get_canonical_units(unit.code()).ok()?;
    Some(Canonical { unit: found.unit, factor: number(found.factor)?, offset: number(found.offset)? })
}

/// Two values in one unit.
struct Common {
    /// In the coarser of the two units.
    left: Decimal,
    right: Decimal,
    /// The finer of the two, and both values in it.
    fine: (Unit, Decimal, Decimal),
}

impl Quantity {
    /// A number without a unit.
    pub fn plain(value: Decimal) -> Self {
        Self { value, unit: Unit::ucum("1") }
    }

    /// Both values in the coarser and in the finer unit; `None` where the units do not go together.
    fn common(&self, other: &Self) -> Option<Common> {
        if self.unit.code() == other.unit.code() {
            let fine = (self.unit.clone(), self.value, other.value);
            return Some(Common { left: self.value, right: other.value, fine });
        }
        if let (Some(a), Some(b)) = (months(self), months(other)) {
            let fine = (Unit::calendar("months")?, a, b);
            return Some(Common { left: a, right: b, fine });
        }
        let (a, b) = (canonical(&self.unit)?, canonical(&other.unit)?);
        if a.unit != b.unit {
            return None;
        }
        let into = |value: Decimal, from: &Canonical, to: &Canonical| {
            let base = value.checked_mul(from.factor)?.checked_add(from.offset)?.checked_sub(to.offset)?;
            base.checked_div(to.factor)
                .map(|d| d.with_scale(d.scale().max(value.scale()), Rounding::Nearest).unwrap_or(d))
        };
        let in_left = (self.value, into(other.value, &b, &a)?);
        let in_right = (into(self.value, &a, &b)?, other.value);
        let left_is_coarse = a.factor >= b.factor;
        let (coarse, fine) = if left_is_coarse { (in_left, in_right) } else { (in_right, in_left) };
        let finer = if left_is_coarse { &other.unit } else { &self.unit };
        let fine = (finer.clone(), fine.0, fine.1);
        Some(Common { left: coarse.0, right: coarse.1, fine })
    }

    /// Order; `None` where the units do not go together, or one is a year or month of the calendar and the other a fixed
    /// length of time.
    pub fn compare(&self, other: &Self) -> Option<Ordering> {
        let fixed_time = |q: &Self| matches!(q.unit, Unit::Ucum(_));
        if (self.unit.is_variable() && fixed_time(other)) || (other.unit.is_variable() && fixed_time(self)) {
            return None;
        }
        let common = self.common(other)?;
        Some(common.fine.1.compare(common.fine.2))
    }

    /// Whether both mean the same to the precision of the less precise, in the coarser unit (`4 'g' ~ 4040 'mg'`).
    pub fn is_equivalent(&self, other: &Self) -> bool {
        self.common(other).is_some_and(|c| equal_to_least_precision(c.left, c.right))
    }

    /// Sum in the finer unit.
    pub fn plus(&self, other: &Self) -> Option<Self> {
        let (unit, a, b) = self.common(other)?.fine;
        Some(Self { value: a.checked_add(b)?, unit })
    }

    /// The same in another unit; `None` where the units do not go together.
    pub fn in_unit(&self, unit: &Unit) -> Option<Self> {
        if self.unit.code() == unit.code() {
            return Some(Self { value: self.value, unit: unit.clone() });
        }
        let (from, to) = (canonical(&self.unit)?, canonical(unit)?);
        if from.unit != to.unit {
            return None;
        }
        let base = self.value.checked_mul(from.factor)?.checked_add(from.offset)?.checked_sub(to.offset)?;
        Some(Self { value: base.checked_div(to.factor)?, unit: unit.clone() })
    }

    /// The other sign.
    pub fn negated(&self) -> Self {
        Self { value: self.value.negated(), unit: self.unit.clone() }
    }

    /// Product, its unit the product of the units.
    pub fn times(&self, other: &Self) -> Option<Self> {
        let value = self.value.checked_mul(other.value)?;
        match (self.unit.code(), other.unit.code()) {
            (_, "1") => Some(Self { value, unit: self.unit.clone() }),
            ("1", _) => Some(Self { value, unit: other.unit.clone() }),
            (a, b) => Self::in_product(value, octofhir_ucum::unit_multiply(a, b).ok()?),
        }
    }

    /// Quotient, its unit the quotient of the units; `None` by zero.
    pub fn over(&self, other: &Self) -> Option<Self> {
        let value = self.value.checked_div(other.value)?;
        match (self.unit.code(), other.unit.code()) {
            (_, "1") => Some(Self { value, unit: self.unit.clone() }),
            (a, b) => Self::in_product(value, octofhir_ucum::unit_divide(a, b).ok()?),
        }
    }

    fn in_product(value: Decimal, unit: octofhir_ucum::UnitArithmeticResult) -> Option<Self> {
        if unit.is_dimensionless {
            return Some(Self::plain(value.checked_mul(number(unit.factor)?)?.trimmed()));
        }
        Some(Self { value, unit: Unit::ucum(&unit.expression) })
    }
}

/// Calendar years and months in months.
fn months(quantity: &Quantity) -> Option<Decimal> {
    match quantity.unit {
        Unit::Calendar(CalendarUnit::Year, _) => quantity.value.checked_mul(Decimal::whole(12)),
        Unit::Calendar(CalendarUnit::Month, _) => Some(quantity.value),
        _ => None,
    }
}

/// `1.2 / 1.8 ~ 0.67`: equal to the digits of the less precise operand; zeros at the end do not count (N1 §6.1.3).
pub(super) fn equal_to_least_precision(a: Decimal, b: Decimal) -> bool {
    let (a, b) = (a.trimmed(), b.trimmed());
    let scale = a.scale().min(b.scale());
    a.with_scale(scale, Rounding::Nearest) == b.with_scale(scale, Rounding::Nearest)
}

impl fmt::Display for Quantity {
    /// As a literal: `1 'mg'`, `3 days`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.unit {
            Unit::Ucum(code) => write!(f, "{} '{code}'", self.value),
            Unit::Calendar(_, word) => write!(f, "{} {word}", self.value),
        }
    }
}
