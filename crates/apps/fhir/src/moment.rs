//! Dates and numbers of a query as ranges.

use crate::refusal::Refusal;
use mach_base::time::{Day, now_seconds};
use mach_fhir::Decimal;
use mach_store::search::{Compare, Range, number::sortable};

/// Seconds by which times without a zone are ahead of UTC (Asia/Ho_Chi_Minh).
const LOCAL: i64 = 7 * 3600;

/// A date, dateTime or instant of any precision as its first and last second, UTC: `2026-03` is a month, without a zone
/// it is Vietnam's. `None` where it is none.
pub fn seconds(text: &str) -> Option<(i64, i64)> {
    let (date, time) = match text.split_once('T') {
        Some((date, time)) => (date, Some(time)),
        None => (text, None),
    };
    let digits =
        |t: &str, n: usize| (t.len() == n && t.bytes().all(|b| b.is_ascii_digit())).then(|| t.parse::<u32>().ok())?;
    let mut parts = date.split('-');
    let year = digits(parts.next()?, 4)?;
    let month = parts.next().map(|m| digits(m, 2).filter(|m| (1..=12).contains(m)).ok_or(())).transpose().ok()?;
    let day = parts.next().map(|d| digits(d, 2).ok_or(())).transpose().ok()?;
    if parts.next().is_some() || (time.is_some() && day.is_none()) {
        return None;
    }
    let at = |y: u32, m: u32, d: u32| Day::from_ymd(i32::try_from(y).ok()?, m, d).map(|d| i64::from(d.0) * 86_400);
    let (first, last) = match (month, day) {
        (None, _) => (at(year, 1, 1)?, at(year + 1, 1, 1)? - 1),
        (Some(12), None) => (at(year, 12, 1)?, at(year + 1, 1, 1)? - 1),
        (Some(m), None) => (at(year, m, 1)?, at(year, m + 1, 1)? - 1),
        (Some(m), Some(d)) => (at(year, m, d)?, at(year, m, d)? + 86_399),
    };
    match time {
        None => Some((first - LOCAL, last - LOCAL)),
        Some(time) => {
            let (low, high) = clock(time)?;
            Some((first + low, first + high))
        }
    }
}

/// Seconds from midnight UTC of a time with its zone, first and last.
fn clock(text: &str) -> Option<(i64, i64)> {
    let (time, offset) = match text.find(['Z', '+', '-', ' ']) {
        None => (text, LOCAL),
        Some(at) => (&text[..at], zone(&text[at..])?),
    };
    let mut parts = time.split(':');
    let two = |t: &str, most: i64| -> Option<i64> {
        let number = t.parse::<i64>().ok()?;
        (t.len() == 2 && t.bytes().all(|b| b.is_ascii_digit()) && number <= most).then_some(number)
    };
    let hour = two(parts.next()?, 23)?;
    let minute = parts.next().map(|m| two(m, 59).ok_or(())).transpose().ok()?;
    let second = match parts.next() {
        None => None,
        Some(s) => {
            let (whole, fraction) = s.split_once('.').unwrap_or((s, "0"));
            if fraction.is_empty() || !fraction.bytes().all(|b| b.is_ascii_digit()) {
                return None;
            }
            Some(two(whole, 60)?)
        }
    };
    if parts.next().is_some() {
        return None;
    }
    let low = hour * 3600 + minute.unwrap_or(0) * 60 + second.unwrap_or(0) - offset;
    let span = match (minute, second) {
        (None, _) => 3599,
        (_, None) => 59,
        _ => 0,
    };
    Some((low, low + span))
}

/// `Z`, `+07:00`, and ` 07:00`: a plus that was not written as `%2B`.
fn zone(text: &str) -> Option<i64> {
    if text == "Z" {
        return Some(0);
    }
    let sign = match text.as_bytes().first()? {
        b'-' => -1,
        _ => 1,
    };
    let (hours, minutes) = text.get(1..)?.split_once(':')?;
    if hours.len() != 2 || minutes.len() != 2 {
        return None;
    }
    let (hours, minutes) = (hours.parse::<i64>().ok()?, minutes.parse::<i64>().ok()?);
    (hours <= 14 && minutes <= 59).then_some(sign * (hours * 3600 + minutes * 60))
}

/// The prefix of a value and the rest.
pub fn prefix(text: &str) -> (Compare, &str) {
    let known = [
        ("eq", Compare::Eq),
        ("ne", Compare::Ne),
        ("gt", Compare::Gt),
        ("lt", Compare::Lt),
        ("ge", Compare::Ge),
        ("le", Compare::Le),
        ("sa", Compare::Sa),
        ("eb", Compare::Eb),
        ("ap", Compare::Ap),
    ];
    let found = known.into_iter().find_map(|(word, compare)| text.strip_prefix(word).map(|rest| (compare, rest)));
    found.unwrap_or((Compare::Eq, text))
}

/// `ge2026-01` as a range.
///
/// # Errors
/// 400 where it is no date.
pub fn date_range(text: &str) -> Result<Range, Refusal> {
    let (compare, rest) = prefix(text);
    let (mut low, mut high) =
        seconds(rest).ok_or_else(|| Refusal::invalid(format!("`{text}` is no date; write `ge2026-01-31` or so")))?;
    if compare == Compare::Ap {
        // A tenth of the distance from now (R4 §3.1.1.4.5), at least the precision itself.
        let slack = (now_seconds() - low).abs() / 10;
        (low, high) = (low.saturating_sub(slack), high.saturating_add(slack));
    }
    Ok(Range { compare, low, high })
}

/// `gt5.4` as a range of sortable numbers. Without a comparing prefix, a number means its precision: `5.4` is 5.35 to 5.45.
///
/// # Errors
/// 400 where it is no number.
pub fn number_range(text: &str) -> Result<(Range, Decimal), Refusal> {
    let (compare, rest) = prefix(text);
    let (value, step) =
        decimal(rest).ok_or_else(|| Refusal::invalid(format!("`{text}` is no number; write `gt5.4` or so")))?;
    Ok((range_of(compare, value, step), value))
}

/// Half of the last digit of a number as it is written, prefix aside; `None` where it has none.
pub fn half_digit(text: &str) -> Option<Decimal> {
    decimal(prefix(text).1)?.1
}

/// The range that a prefix, a value and half of its last digit mean.
pub fn range_of(compare: Compare, value: Decimal, step: Option<Decimal>) -> Range {
    let exact = sortable(value.units(), value.scale());
    range_in(compare, value, step, &Some).unwrap_or(Range { compare, low: exact, high: exact })
}

/// The same in another unit, `into` which numbers are brought; `None` where they have too many digits for that.
pub fn range_in(
    compare: Compare,
    value: Decimal,
    step: Option<Decimal>,
    into: &dyn Fn(Decimal) -> Option<Decimal>,
) -> Option<Range> {
    let code = |d: Decimal| into(d).map(|d| sortable(d.units(), d.scale()));
    let exact = code(value)?;
    let (low, high) = match (compare, step) {
        (Compare::Eq | Compare::Ne, Some(step)) => {
            let low = code(value.checked_sub(step)?)?;
            // The upper end itself belongs to the next number.
            let high = code(value.checked_add(step)?)? - 1;
            // A number of more digits than are kept is at least itself.
            (low.min(exact), high.max(exact))
        }
        (Compare::Ap, _) => {
            let tenth = value.abs().checked_mul(Decimal::new(1, 1)?)?;
            (code(value.checked_sub(tenth)?)?, code(value.checked_add(tenth)?)?)
        }
        _ => (exact, exact),
    };
    Some(Range { compare, low, high })
}

/// A number and half of its last digit. `1e2` is 95 to 105 (R4 §3.1.1.4.6).
fn decimal(text: &str) -> Option<(Decimal, Option<Decimal>)> {
    let Some((digits, exponent)) = text.split_once(['e', 'E']) else {
        let value = Decimal::parse(text)?;
        return Some((value, value.half_step()));
    };
    let (value, exponent) = (Decimal::parse(digits)?, exponent.parse::<i32>().ok()?);
    let moved = |d: Decimal| match exponent {
        e if (0..=30).contains(&e) => d.checked_mul(Decimal::new(10_i128.pow(e.unsigned_abs()), 0)?),
        e if (-30..0).contains(&e) => Decimal::new(d.units(), d.scale() + e.unsigned_abs()),
        _ => None,
    };
    Some((moved(value)?, Decimal::new(5, value.scale() + 2).and_then(moved)))
}

/// An instant in Vietnam's time: `2026-11-20T20:05:40+07:00`.
pub fn instant(at: i64) -> String {
    let local = at + LOCAL;
    let day = Day(i32::try_from(local.div_euclid(86_400)).unwrap_or(0));
    let (y, m, d) = day.ymd();
    let s = local.rem_euclid(86_400);
    format!("{y:04}-{m:02}-{d:02}T{:02}:{:02}:{:02}+07:00", s / 3600, s / 60 % 60, s % 60)
}

/// An HTTP date: `Fri, 20 Nov 2026 13:05:40 GMT`.
pub fn http_date(at: i64) -> String {
    const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let day = Day(i32::try_from(at.div_euclid(86_400)).unwrap_or(0));
    let (y, m, d) = day.ymd();
    let s = at.rem_euclid(86_400);
    let name = DAYS[day.weekday() as usize % 7];
    let month = MONTHS[(m as usize).clamp(1, 12) - 1];
    format!("{name}, {d:02} {month} {y:04} {:02}:{:02}:{:02} GMT", s / 3600, s / 60 % 60, s % 60)
}

/// Reads an HTTP date.
pub fn parse_http_date(text: &str) -> Option<i64> {
    let rest = text.split_once(", ").map_or(text, |(_, rest)| rest);
    let words: Vec<&str> = rest.split_whitespace().collect();
    let [day, month, year, time, "GMT"] = words.as_slice() else { return None };
    let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let month = months.iter().position(|m| m == month)? as u32 + 1;
    let day = Day::from_ymd(year.parse().ok()?, month, day.parse().ok()?)?;
    let mut clock = time.split(':').map(|t| t.parse::<u32>().ok());
    let mut next = |most: u32| clock.next()?.filter(|n| *n <= most).map(i64::from);
    let (h, m, s) = (next(23)?, next(59)?, next(60)?);
    Some(i64::from(day.0) * 86_400 + h * 3600 + m * 60 + s)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_ranges_of_seconds() {
        let day = |y, m, d| i64::from(Day::from_ymd(y, m, d).unwrap().0) * 86_400;
        let check = |text: &str, expect: Option<(i64, i64)>| assert_eq!(seconds(text), expect, "{text}");
        check("2026", Some((day(2026, 1, 1) - LOCAL, day(2027, 1, 1) - LOCAL - 1)));
        check("2026-12", Some((day(2026, 12, 1) - LOCAL, day(2027, 1, 1) - LOCAL - 1)));
        check("2024-02-29", Some((day(2024, 2, 29) - LOCAL, day(2024, 3, 1) - LOCAL - 1)));
        check("2026-03-18T08:40Z", Some((day(2026, 3, 18) + 31_200, day(2026, 3, 18) + 31_259)));
        check("2026-03-18T08:40:05+07:00", Some((day(2026, 3, 18) + 6005, day(2026, 3, 18) + 6005)));
        check("2026-03-18T08:40:05 07:00", Some((day(2026, 3, 18) + 6005, day(2026, 3, 18) + 6005)));
        check("2026-03-18T08:40:05.123-02:30", Some((day(2026, 3, 18) + 40_205, day(2026, 3, 18) + 40_205)));
        check("2026-03-18T08:40:05", Some((day(2026, 3, 18) + 6005, day(2026, 3, 18) + 6005)));
        for bad in [
            "",
            "26",
            "2026-13",
            "2025-02-29",
            "2026-1-1",
            "2026T10:00Z",
            "2026-01-01T",
            "2026-01-01T10:00:00.Z",
            "abc",
        ] {
            check(bad, None);
        }
    }

    #[test]
    fn numbers_mean_their_precision() {
        let code = |t: &str| {
            let d = Decimal::parse(t).unwrap();
            sortable(d.units(), d.scale())
        };
        let inside = |text: &str, value: &str| {
            let (range, _) = number_range(text).unwrap();
            range.low <= code(value) && code(value) <= range.high
        };
        assert!(inside("5.4", "5.35") && inside("5.4", "5.449") && !inside("5.4", "5.45") && !inside("5.4", "5.3"));
        assert!(
            inside("100", "99.5")
                && !inside("100", "100.5")
                && inside("1e2", "104")
                && !inside("1e2", "105")
                && inside("1e2", "95")
                && inside("ap10", "11")
        );
        assert!(
            inside("66.899999999999991", "66.899999999999991") && !inside("66.899999999999991", "66.8999999999998")
        );
        assert!(number_range("").is_err() && number_range("gt").is_err() && number_range("1,2").is_err());
    }

    #[test]
    fn http_dates_come_back() {
        assert_eq!(http_date(784_111_777), "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT"), Some(784_111_777));
        assert_eq!(parse_http_date("yesterday"), None);
        assert_eq!(parse_http_date("Sun, 06 Nov 1994 9223372036854775807:49:37 GMT"), None);
        assert_eq!(instant(0), "1970-01-01T07:00:00+07:00");
    }
}
