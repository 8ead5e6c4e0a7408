//! Moments as seconds since 1970-01-01T00:00:00Z, and how ASN.1, PDF and people write them.

use crate::{Error, Result, malformed};
use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone};
use jiff::{Timestamp, Zoned};

/// Seconds since 1970, UTC.
pub type Moment = i64;

/// Seconds of a day.
pub const DAY: i64 = 86_400;

/// Now, by this machine's clock.
pub fn now() -> Moment {
    Timestamp::now().as_second()
}

fn bad() -> Error {
    malformed("time", "not a moment of the calendar, written in UTC")
}

fn two(digits: &[u8]) -> Result<i8> {
    match digits {
        [a @ b'0'..=b'9', b @ b'0'..=b'9'] => Ok(((a - b'0') * 10 + (b - b'0')) as i8),
        _ => Err(bad()),
    }
}

fn moment(year: i16, rest: &[u8]) -> Result<Moment> {
    let [fields @ .., b'Z'] = rest else { return Err(bad()) };
    if fields.len() != 10 {
        return Err(bad());
    }
    let n = |at: usize| two(&fields[at..at + 2]);
    let civil = DateTime::new(year, n(0)?, n(2)?, n(4)?, n(6)?, n(8)?, 0).map_err(|_| bad())?;
    Offset::UTC.to_timestamp(civil).map(|t| t.as_second()).map_err(|_| bad())
}

/// `YYMMDDHHMMSSZ`; years from 1950.
pub(crate) fn parse_utc_time(text: &[u8]) -> Result<Moment> {
    let year = i16::from(two(text.get(..2).ok_or_else(bad)?)?);
    moment(if year < 50 { 2000 + year } else { 1900 + year }, &text[2..])
}

/// `YYYYMMDDHHMMSS[.f]Z`; a fraction is left out.
pub(crate) fn parse_generalized(text: &[u8]) -> Result<Moment> {
    let century = i16::from(two(text.get(..2).ok_or_else(bad)?)?);
    let year = i16::from(two(text.get(2..4).ok_or_else(bad)?)?);
    let rest = &text[4..];
    match rest.iter().position(|b| *b == b'.') {
        Some(dot) if rest.ends_with(b"Z") && rest[dot + 1..rest.len() - 1].iter().all(u8::is_ascii_digit) => {
            moment(century * 100 + year, &[&rest[..dot], b"Z"].concat())
        }
        Some(_) => Err(bad()),
        None => moment(century * 100 + year, rest),
    }
}

fn civil(at: Moment) -> DateTime {
    Timestamp::from_second(at).map_or(DateTime::MIN, |t| Offset::UTC.to_datetime(t))
}

/// As DER writes it in certificates: `UTCTime` up to 2049, then `GeneralizedTime`.
pub fn to_der(at: Moment) -> Vec<u8> {
    let t = civil(at);
    if (1950..2050).contains(&t.year()) {
        crate::der::value(crate::der::tag::UTC_TIME, &digits(at).as_bytes()[2..])
    } else {
        to_generalized(at)
    }
}

/// As a `GeneralizedTime`.
pub fn to_generalized(at: Moment) -> Vec<u8> {
    crate::der::value(crate::der::tag::GENERALIZED_TIME, digits(at).as_bytes())
}

fn digits(at: Moment) -> String {
    let t = civil(at);
    let (y, mo, d, h, mi, s) = (t.year(), t.month(), t.day(), t.hour(), t.minute(), t.second());
    format!("{y:04}{mo:02}{d:02}{h:02}{mi:02}{s:02}Z")
}

fn in_vietnam(at: Moment) -> Zoned {
    let zone = TimeZone::fixed(Offset::constant(7));
    Timestamp::from_second(at).unwrap_or(Timestamp::UNIX_EPOCH).to_zoned(zone)
}

/// As PDF writes it, with Vietnam's offset: `D:20261126191040+07'00'`.
pub fn to_pdf(at: Moment) -> String {
    let t = in_vietnam(at);
    let (y, mo, d, h, mi, s) = (t.year(), t.month(), t.day(), t.hour(), t.minute(), t.second());
    format!("D:{y:04}{mo:02}{d:02}{h:02}{mi:02}{s:02}+07'00'")
}

/// A time of a PDF file; `None` where it is none or has no offset.
pub fn from_pdf(text: &str) -> Option<Moment> {
    let t = text.strip_prefix("D:")?.as_bytes();
    let n = |at: usize| two(t.get(at..at + 2)?).ok();
    let year = i16::from(n(0)?) * 100 + i16::from(n(2)?);
    let civil = DateTime::new(year, n(4)?, n(6)?, n(8)?, n(10)?, n(12)?, 0).ok()?;
    let sign = match t.get(14)? {
        b'Z' => 0,
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let (hours, minutes) = if sign == 0 { (0, 0) } else { (n(15)?, n(18).unwrap_or(0)) };
    let offset = Offset::from_seconds(sign * (i32::from(hours) * 3600 + i32::from(minutes) * 60)).ok()?;
    offset.to_timestamp(civil).map(|t| t.as_second()).ok()
}

/// As people here write it: `19:10:40 ngày 26/11/2026`, Vietnam's time.
pub fn to_vietnamese(at: Moment) -> String {
    let t = in_vietnam(at);
    let (y, mo, d, h, mi, s) = (t.year(), t.month(), t.day(), t.hour(), t.minute(), t.second());
    format!("{h:02}:{mi:02}:{s:02} ngày {d:02}/{mo:02}/{y:04}")
}

/// ISO 8601 with Vietnam's offset: `2026-11-26T19:10:40+07:00`.
pub fn to_iso(at: Moment) -> String {
    let t = in_vietnam(at);
    let (y, mo, d, h, mi, s) = (t.year(), t.month(), t.day(), t.hour(), t.minute(), t.second());
    format!("{y:04}-{mo:02}-{d:02}T{h:02}:{mi:02}:{s:02}+07:00")
}

/// How far two clocks may differ before a moment counts as still to come: ten minutes.
pub const CLOCK_SKEW: i64 = 600;
