//! Days and times of a spreadsheet: numbers of days since the end of 1899, or since 1904.

use mach_base::Day;

/// Days from 1899-12-30 to 1970-01-01.
const EPOCH: i32 = 25_569;
/// Days by which files of the older Macintosh count later.
const EPOCH_1904: i32 = 1_462;
/// 9999-12-31.
const LAST: i32 = 2_958_465;
/// 29 February 1900, which never was but which spreadsheets count.
const LEAP_1900: i32 = 60;

/// The day that a number is; the time of day goes. `is_1904`: the file counts from 1904.
pub fn day(number: &str, is_1904: bool) -> Option<Day> {
    let serial: i32 = number.split('.').next()?.parse().ok()?;
    let since_1899 = match is_1904 {
        true if serial >= 0 => serial.checked_add(EPOCH_1904)?,
        true => return None,
        false if serial < 1 || serial == LEAP_1900 => return None,
        false if serial < LEAP_1900 => serial + 1,
        false => serial,
    };
    (since_1899 <= LAST).then(|| Day(since_1899 - EPOCH))
}

/// The time of day that a part of a day is, `16:30`.
pub fn clock(number: &str) -> Option<String> {
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    if whole != "0" {
        return None;
    }
    // Nine digits of a day are well under a second.
    let digits: String = part.chars().chain("000000000".chars()).take(9).collect();
    let minutes = (digits.parse::<u64>().ok()? * 1_440 + 500_000_000) / 1_000_000_000;
    Some(format!("{:02}:{:02}", minutes / 60 % 24, minutes % 60))
}

/// A number as it would be typed: no exponent, no zeros behind the point, its digits as they are. `None`: it is none.
pub(crate) fn plain(number: &str) -> Option<String> {
    let number = number.trim();
    let (sign, rest) = number.strip_prefix('-').map_or(("", number.strip_prefix('+').unwrap_or(number)), |r| ("-", r));
    let (mantissa, exponent) = rest.split_once(['e', 'E']).unwrap_or((rest, "0"));
    let (whole, part) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{part}");
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    // Numbers of a spreadsheet have no more: doubles.
    let exponent: i32 = exponent.parse().ok().filter(|e| (-400..=400).contains(e))?;
    let point = i32::try_from(whole.len()).ok()?.checked_add(exponent)?;
    let padded = match usize::try_from(point) {
        Ok(point) => format!("{digits:0<point$}"),
        Err(_) => format!("{}{digits}", "0".repeat(usize::try_from(-point).ok()?)),
    };
    let (whole, part) = padded.split_at(usize::try_from(point.max(0)).ok()?);
    // Zeros in front are kept where somebody wrote them: `046`.
    let whole = if exponent == 0 { whole } else { whole.trim_start_matches('0') };
    let (whole, part) = (if whole.is_empty() { "0" } else { whole }, part.trim_end_matches('0'));
    Some(if part.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{part}") })
}

/// Whether a number with this format is shown as a day.
pub(crate) fn is_day(format: &str) -> bool {
    let (mut quoted, mut bracket, mut escaped) = (false, false, false);
    let mut found = false;
    for c in format.chars() {
        match c {
            _ if escaped => escaped = false,
            '"' => quoted = !quoted,
            _ if quoted => {}
            '\\' | '_' | '*' => escaped = true,
            '[' => bracket = true,
            ']' => bracket = false,
            _ if bracket => {}
            // What negative numbers and texts look like.
            ';' => break,
            'd' | 'D' | 'y' | 'Y' => found = true,
            _ => {}
        }
    }
    found
}

/// Whether the format with this number, which every program knows, is one of days.
pub(crate) fn is_known_day(number: u32) -> bool {
    matches!(number, 14..=17 | 22 | 27..=31 | 36 | 50..=54 | 57 | 58)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_days_of_either_calendar() {
        for (number, is_1904, wanted) in [
            ("46023", false, Some("2026-01-01")),
            ("46023.75", false, Some("2026-01-01")),
            ("44561", true, Some("2026-01-01")),
            ("1", false, Some("1900-01-01")),
            ("59", false, Some("1900-02-28")),
            ("60", false, None),
            ("61", false, Some("1900-03-01")),
            ("0", true, Some("1904-01-01")),
            ("0", false, None),
            ("-1", true, None),
            ("2958465", false, Some("9999-12-31")),
            ("2958466", false, None),
            ("x", false, None),
        ] {
            assert_eq!(day(number, is_1904).map(|d| d.to_string()).as_deref(), wanted, "{number}");
        }
        for (number, wanted) in [("0.29166666666666669", Some("07:00")), ("0.6875", Some("16:30")), ("1.5", None)] {
            assert_eq!(clock(number).as_deref(), wanted, "{number}");
        }
    }

    #[test]
    fn numbers_are_written_as_typed() {
        for (number, wanted) in [
            ("4.6085000001E+10", Some("46085000001")),
            ("2.0", Some("2")),
            ("046", Some("046")),
            ("0.50", Some("0.5")),
            ("36500", Some("36500")),
            ("1E-2", Some("0.01")),
            ("-1.25e3", Some("-1250")),
            ("1.5E-3", Some("0.0015")),
            ("0.30000000000000004", Some("0.30000000000000004")),
            ("0E0", Some("0")),
            (".5", Some("0.5")),
            ("1E999", None),
            ("1E", None),
            ("1.2.3", None),
            ("inf", None),
            ("abc", None),
            ("", None),
        ] {
            assert_eq!(plain(number).as_deref(), wanted, "{number}");
        }
    }

    #[test]
    fn formats_of_days_are_known() {
        for (format, wanted) in [
            ("dd/mm/yyyy", true),
            ("[$-42A]dd\\-mm", true),
            ("General", false),
            ("0.00\"day\"", false),
            ("[Red]0.0", false),
            ("hh:mm", false),
            ("0;yyyy", false),
            ("_d0", false),
        ] {
            assert_eq!(is_day(format), wanted, "{format}");
        }
        assert!(is_known_day(14) && is_known_day(22) && !is_known_day(2) && !is_known_day(49));
    }
}
