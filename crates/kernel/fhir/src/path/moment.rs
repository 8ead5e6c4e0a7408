//! Dates, dates with times, and times, each known to some precision.

use crate::decimal::Decimal;
use std::cmp::Ordering;
use std::fmt;

/// Which of the three it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of FHIRPath N1 §10")]
pub enum MomentKind {
    Date,
    DateTime,
    Time,
}

/// How far it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Precision {
    Year,
    Month,
    Day,
    Hour,
    Minute,
    Second,
    Fraction,
}

/// A point of the calendar or the clock, as far as it was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// Date, date and time, or time.
    pub kind: MomentKind,
    /// Fields past it are their lowest value and mean nothing.
    pub precision: Precision,
    /// Year, 1 to 9999.
    pub year: i32,
    /// Month, 1 to 12.
    pub month: u8,
    /// Day of the month.
    pub day: u8,
    /// Hour, 0 to 23 (24:00 is no time of FHIR).
    pub hour: u8,
    /// Minute.
    pub minute: u8,
    /// Second; 60 where a leap second was told.
    pub second: u8,
    /// Nanoseconds.
    pub nanos: u32,
    /// Digits of the fraction, as written.
    pub digits: u8,
    /// Minutes east of UTC, where told.
    pub offset: Option<i16>,
}

/// Units of calendar arithmetic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names say it")]
pub enum CalendarUnit {
    Year,
    Month,
    Week,
    Day,
    Hour,
    Minute,
    Second,
    Millisecond,
}

const NANOS_PER_SECOND: i128 = 1_000_000_000;
const NANOS_PER_DAY: i128 = 86_400 * NANOS_PER_SECOND;

/// Days from 1970-01-01 (proleptic Gregorian).
pub fn days_from_civil(year: i32, month: u8, day: u8) -> i64 {
    let y = i64::from(year) - i64::from(month <= 2);
    let era = y.div_euclid(400);
    let year_of_era = y.rem_euclid(400);
    let shifted = (i64::from(month) + 9) % 12;
    let day_of_year = (153 * shifted + 2) / 5 + i64::from(day) - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// The date of a day number.
pub fn civil_from_days(days: i64) -> (i32, u8, u8) {
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let day_of_era = z.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    ((year_of_era + era * 400 + i64::from(month <= 2)) as i32, month as u8, day as u8)
}

/// Days of a month.
pub fn days_in_month(year: i32, month: u8) -> u8 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

fn digits<T: std::str::FromStr>(text: &str, length: usize) -> Option<T> {
    (text.len() == length && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok()).flatten()
}

impl Moment {
    const EMPTY: Self = Self {
        kind: MomentKind::Date,
        precision: Precision::Year,
        year: 1970,
        month: 1,
        day: 1,
        hour: 0,
        minute: 0,
        second: 0,
        nanos: 0,
        digits: 0,
        offset: None,
    };

    /// Reads `YYYY(-MM(-DD))`, `…Thh(:mm(:ss(.f)))(Z|±hh:mm)` or `hh(:mm(:ss(.f)))`; `None` for what is no date or time.
    pub fn parse(text: &str, kind: MomentKind) -> Option<Self> {
        let mut moment = Self { kind, ..Self::EMPTY };
        match kind {
            MomentKind::Time => moment.read_time(text)?,
            MomentKind::Date => moment.read_date(text)?,
            MomentKind::DateTime => {
                let (date, time) = text.split_once('T').map_or((text, None), |(d, t)| (d, Some(t)));
                moment.read_date(date)?;
                if let Some(time) = time {
                    if moment.precision != Precision::Day {
                        return None;
                    }
                    moment.read_time(moment.read_zone(time)?)?;
                    moment.offset = zone_of(time)?;
                }
            }
        }
        Some(moment)
    }

    fn read_zone<'a>(&self, time: &'a str) -> Option<&'a str> {
        Some(&time[..time.find(['Z', '+', '-']).unwrap_or(time.len())])
    }

    fn read_date(&mut self, text: &str) -> Option<()> {
        let mut parts = text.split('-');
        self.year = digits(parts.next()?, 4).filter(|y| *y > 0)?;
        self.precision = Precision::Year;
        if let Some(month) = parts.next() {
            self.month = digits(month, 2).filter(|m| (1..=12).contains(m))?;
            self.precision = Precision::Month;
        }
        if let Some(day) = parts.next() {
            self.day = digits(day, 2).filter(|d| (1..=days_in_month(self.year, self.month)).contains(d))?;
            self.precision = Precision::Day;
        }
        parts.next().is_none().then_some(())
    }

    fn read_time(&mut self, text: &str) -> Option<()> {
        let mut parts = text.split(':');
        self.hour = digits(parts.next()?, 2).filter(|h| *h < 24)?;
        self.precision = Precision::Hour;
        if let Some(minute) = parts.next() {
            self.minute = digits(minute, 2).filter(|m| *m < 60)?;
            self.precision = Precision::Minute;
        }
        if let Some(second) = parts.next() {
            let (whole, fraction) = second.split_once('.').map_or((second, None), |(w, f)| (w, Some(f)));
            self.second = digits(whole, 2).filter(|s| *s <= 60)?;
            self.precision = Precision::Second;
            if let Some(fraction) = fraction {
                let kept = &fraction[..fraction.len().min(9)];
                let value: u32 = digits(kept, kept.len()).filter(|_| !kept.is_empty())?;
                if !fraction.bytes().all(|b| b.is_ascii_digit()) {
                    return None;
                }
                self.digits = kept.len() as u8;
                self.nanos = value * 10_u32.pow(9 - kept.len() as u32);
                self.precision = Precision::Fraction;
            }
        }
        parts.next().is_none().then_some(())
    }

    /// The moment of a clock: seconds and nanoseconds since 1970 in UTC, shown `offset` minutes east, to the millisecond.
    pub fn from_unix(seconds: i64, nanos: u32, offset: i16) -> Self {
        let start = Self {
            kind: MomentKind::DateTime,
            precision: Precision::Fraction,
            digits: 3,
            nanos: nanos / 1_000_000 * 1_000_000,
            offset: Some(offset),
            ..Self::EMPTY
        };
        start.with_local((i128::from(seconds) + i128::from(offset) * 60) * NANOS_PER_SECOND + i128::from(start.nanos))
    }

    /// Nanoseconds of its own clock since 1970-01-01T00:00, the zone not counted.
    fn local(&self) -> i128 {
        let day = if self.kind == MomentKind::Time { 0 } else { days_from_civil(self.year, self.month, self.day) };
        let seconds = i128::from(self.hour) * 3600 + i128::from(self.minute) * 60 + i128::from(self.second);
        i128::from(day) * NANOS_PER_DAY + seconds * NANOS_PER_SECOND + i128::from(self.nanos)
    }

    fn with_local(mut self, nanos: i128) -> Self {
        let (days, rest) = (nanos.div_euclid(NANOS_PER_DAY), nanos.rem_euclid(NANOS_PER_DAY));
        if self.kind != MomentKind::Time {
            (self.year, self.month, self.day) = civil_from_days(days as i64);
        }
        let seconds = rest / NANOS_PER_SECOND;
        self.nanos = (rest % NANOS_PER_SECOND) as u32;
        self.hour = (seconds / 3600) as u8;
        self.minute = (seconds / 60 % 60) as u8;
        self.second = (seconds % 60) as u8;
        self
    }

    /// First and one past the last microsecond since 1970 UTC that it may mean; `default_offset` minutes east where no
    /// zone is told.
    pub fn range_micros(&self, default_offset: i16) -> (i64, i64) {
        let zone = i128::from(self.offset.unwrap_or(default_offset)) * 60 * NANOS_PER_SECOND;
        let low = self.local() - zone;
        let next = match self.precision {
            Precision::Year => Self { year: self.year + 1, ..*self }.local() - zone,
            Precision::Month if self.month == 12 => Self { year: self.year + 1, month: 1, ..*self }.local() - zone,
            Precision::Month => Self { month: self.month + 1, ..*self }.local() - zone,
            Precision::Day => low + NANOS_PER_DAY,
            Precision::Hour => low + 3600 * NANOS_PER_SECOND,
            Precision::Minute => low + 60 * NANOS_PER_SECOND,
            Precision::Second => low + NANOS_PER_SECOND,
            Precision::Fraction => low + i128::from(10_u32.pow(9 - u32::from(self.digits.min(9)))).max(1000),
        };
        ((low.div_euclid(1000)) as i64, (next.div_euclid(1000)) as i64)
    }

    /// As a date.
    pub fn date(self) -> Self {
        Self {
            kind: MomentKind::Date,
            precision: self.precision.min(Precision::Day),
            hour: 0,
            minute: 0,
            second: 0,
            nanos: 0,
            digits: 0,
            offset: None,
            ..self
        }
    }

    /// As the time of its clock.
    pub fn time(self) -> Self {
        Self { kind: MomentKind::Time, year: 1970, month: 1, day: 1, offset: None, ..self }
    }

    /// Order; `None` where the precision of one leaves it open. A moment without a zone is read `default_offset` minutes
    /// east of UTC where the other tells its zone (N1 §6.2).
    pub fn compare(&self, other: &Self, default_offset: i16) -> Option<Ordering> {
        let (mut a, mut b) = (*self, *other);
        let timed = |m: &Self| m.kind == MomentKind::DateTime && m.precision >= Precision::Hour;
        if timed(&a) && timed(&b) && (a.offset.is_some() || b.offset.is_some()) {
            let zoned = |m: Self| {
                let zone = i128::from(m.offset.unwrap_or(default_offset)) * 60 * NANOS_PER_SECOND;
                m.with_local(m.local() - zone)
            };
            if a.offset.unwrap_or(default_offset) != b.offset.unwrap_or(default_offset) {
                (a, b) = (zoned(a), zoned(b));
            }
        }
        let common = a.precision.min(b.precision);
        let first = if a.kind == MomentKind::Time { Precision::Hour } else { Precision::Year };
        for precision in
            [Precision::Year, Precision::Month, Precision::Day, Precision::Hour, Precision::Minute, Precision::Second]
        {
            if precision < first {
                continue;
            }
            if precision > common {
                break;
            }
            let order = a.field(precision).cmp(&b.field(precision));
            if order != Ordering::Equal {
                return Some(order);
            }
        }
        // Seconds and their fraction are one precision (N1 §6.1.1).
        let rank = |m: &Self| m.precision.min(Precision::Second);
        (rank(&a) == rank(&b)).then_some(Ordering::Equal)
    }

    fn field(&self, precision: Precision) -> u64 {
        match precision {
            Precision::Year => self.year as u64,
            Precision::Month => self.month.into(),
            Precision::Day => self.day.into(),
            Precision::Hour => self.hour.into(),
            Precision::Minute => self.minute.into(),
            _ => u64::from(self.second) * NANOS_PER_SECOND as u64 + u64::from(self.nanos),
        }
    }

    /// Later (or, with a negative amount, earlier) by calendar units (N1 §6.7). What is finer than its precision is
    /// counted in its own unit: `@2014 + 24 months` is `@2016`. Only seconds may have a fraction.
    pub fn plus(self, amount: Decimal, unit: CalendarUnit) -> Option<Self> {
        let whole = amount.truncated();
        let (amount, unit) = match unit {
            CalendarUnit::Week => (whole.checked_mul(7)?, CalendarUnit::Day),
            CalendarUnit::Second if self.precision >= Precision::Second => {
                let millis = amount.checked_mul(Decimal::whole(1000))?.truncated();
                (millis, CalendarUnit::Millisecond)
            }
            unit => (whole, unit),
        };
        let (amount, unit) = self.in_own_unit(amount, unit);
        match unit {
            CalendarUnit::Year => self.plus_months(amount.checked_mul(12)?),
            CalendarUnit::Month => self.plus_months(amount),
            CalendarUnit::Week | CalendarUnit::Day => self.moved(amount.checked_mul(NANOS_PER_DAY)?),
            CalendarUnit::Hour => self.moved(amount.checked_mul(3600 * NANOS_PER_SECOND)?),
            CalendarUnit::Minute => self.moved(amount.checked_mul(60 * NANOS_PER_SECOND)?),
            CalendarUnit::Second => self.moved(amount.checked_mul(NANOS_PER_SECOND)?),
            CalendarUnit::Millisecond => {
                let mut moved = self.moved(amount.checked_mul(1_000_000)?)?;
                if moved.nanos != 0 && moved.digits < 3 {
                    moved.precision = Precision::Fraction;
                    moved.digits = 3;
                }
                Some(moved)
            }
        }
    }

    fn in_own_unit(&self, mut amount: i128, mut unit: CalendarUnit) -> (i128, CalendarUnit) {
        loop {
            let (parts, coarser, needs) = match unit {
                CalendarUnit::Millisecond => (1000, CalendarUnit::Second, Precision::Second),
                CalendarUnit::Second => (60, CalendarUnit::Minute, Precision::Second),
                CalendarUnit::Minute => (60, CalendarUnit::Hour, Precision::Minute),
                CalendarUnit::Hour => (24, CalendarUnit::Day, Precision::Hour),
                CalendarUnit::Day | CalendarUnit::Week if self.precision == Precision::Year => {
                    (365, CalendarUnit::Year, Precision::Day)
                }
                CalendarUnit::Day | CalendarUnit::Week => (30, CalendarUnit::Month, Precision::Day),
                CalendarUnit::Month => (12, CalendarUnit::Year, Precision::Month),
                CalendarUnit::Year => return (amount, unit),
            };
            if self.precision >= needs {
                return (amount, unit);
            }
            amount /= parts;
            unit = coarser;
        }
    }

    fn plus_months(mut self, months: i128) -> Option<Self> {
        if self.kind == MomentKind::Time {
            return None;
        }
        let all =
            i128::from(self.year).checked_mul(12)?.checked_add(i128::from(self.month) - 1)?.checked_add(months)?;
        let year = i32::try_from(all.div_euclid(12)).ok().filter(|y| (1..=9999).contains(y))?;
        self.year = year;
        self.month = all.rem_euclid(12) as u8 + 1;
        self.day = self.day.min(days_in_month(self.year, self.month));
        Some(self)
    }

    fn moved(self, nanos: i128) -> Option<Self> {
        let to = self.local().checked_add(nanos)?;
        let inside = to.div_euclid(NANOS_PER_DAY);
        let bounds = i128::from(days_from_civil(1, 1, 1))..=i128::from(days_from_civil(9999, 12, 31));
        if self.kind != MomentKind::Time && !bounds.contains(&inside) {
            return None;
        }
        Some(self.with_local(to))
    }
}

/// The zone at the end of a time: `Some(None)` where there is none, `None` where it is no zone.
fn zone_of(time: &str) -> Option<Option<i16>> {
    let Some(at) = time.find(['Z', '+', '-']) else { return Some(None) };
    let zone = &time[at..];
    if zone == "Z" {
        return Some(Some(0));
    }
    let (hours, minutes) = zone[1..].split_once(':')?;
    let total = digits::<i16>(hours, 2).filter(|h| *h <= 14)? * 60 + digits::<i16>(minutes, 2).filter(|m| *m < 60)?;
    Some(Some(if zone.starts_with('-') { -total } else { total }))
}

impl fmt::Display for Moment {
    /// As a literal without `@` and `T` before a time.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.kind != MomentKind::Time {
            write!(f, "{:04}", self.year)?;
            if self.precision >= Precision::Month {
                write!(f, "-{:02}", self.month)?;
            }
            if self.precision >= Precision::Day {
                write!(f, "-{:02}", self.day)?;
            }
            if self.precision >= Precision::Hour {
                f.write_str("T")?;
            }
        }
        if self.precision >= Precision::Hour {
            write!(f, "{:02}", self.hour)?;
        }
        if self.precision >= Precision::Minute {
            write!(f, ":{:02}", self.minute)?;
        }
        if self.precision >= Precision::Second {
            write!(f, ":{:02}", self.second)?;
        }
        if self.precision == Precision::Fraction {
            let all = format!("{:09}", self.nanos);
            write!(f, ".{}", &all[..usize::from(self.digits)])?;
        }
        match self.offset {
            Some(0) if self.precision >= Precision::Hour => f.write_str("Z"),
            Some(offset) if self.precision >= Precision::Hour => {
                let sign = if offset < 0 { '-' } else { '+' };
                write!(f, "{sign}{:02}:{:02}", offset.abs() / 60, offset.abs() % 60)
            }
            _ => Ok(()),
        }
    }
}
