//! Days and minutes of Viet Nam (UTC+7 all year), as claim files and pages write them.

use std::fmt;

/// Minutes that Viet Nam's clock is ahead of UTC. No daylight saving since 1975.
const OFFSET_MINUTES: i64 = 7 * 60;

/// A calendar day, as days since 1970-01-01.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(pub i32);

/// A minute on Viet Nam's clock, as minutes since 1970-01-01T00:00 local time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Minute(pub i64);

/// How long a period is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Grain {
    /// One day.
    Day,
    /// One calendar month.
    Month,
    /// Three calendar months, from January.
    Quarter,
    /// One calendar year.
    Year,
}

impl Day {
    /// The day of `year`-`month`-`day`, if the calendar has it.
    pub fn from_ymd(year: i32, month: u32, day: u32) -> Option<Self> {
        let date = jiff::civil::Date::new(year.try_into().ok()?, month.try_into().ok()?, day.try_into().ok()?).ok()?;
        Some(Self(date.since(EPOCH).ok()?.get_days()))
    }

    /// Reads `yyyyMMdd`: exactly eight digits, a real day.
    pub fn parse_compact(text: &str) -> Option<Self> {
        let d = digits(text, 8)?;
        Self::from_ymd((d / 10_000) as i32, (d / 100 % 100) as u32, (d % 100) as u32)
    }

    /// Reads `yyyy-MM-dd`.
    pub fn parse_iso(text: &str) -> Option<Self> {
        let b = text.as_bytes();
        if b.len() != 10 || b[4] != b'-' || b[7] != b'-' || !text.is_ascii() {
            return None;
        }
        Self::from_ymd(digits(&text[..4], 4)? as i32, digits(&text[5..7], 2)? as u32, digits(&text[8..], 2)? as u32)
    }

    /// Year, month (1–12), day (1–31).
    pub fn ymd(self) -> (i32, u32, u32) {
        // Howard Hinnant's civil_from_days: exact for every day an i32 can name.
        let z = i64::from(self.0) + 719_468;
        let era = z.div_euclid(146_097);
        let doe = z.rem_euclid(146_097);
        let yoe = (doe - doe / 1_460 + doe / 36_524 - doe / 146_096) / 365;
        let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
        let mp = (5 * doy + 2) / 153;
        let month = if mp < 10 { mp + 3 } else { mp - 9 };
        let year = yoe + era * 400 + i64::from(month <= 2);
        (year as i32, month as u32, (doy - (153 * mp + 2) / 5 + 1) as u32)
    }

    /// Monday is 0, Sunday is 6.
    pub fn weekday(self) -> u32 {
        (self.0 + 3).rem_euclid(7) as u32
    }

    /// Today in Viet Nam.
    pub fn today() -> Self {
        Minute::now().day()
    }

    /// The first day of the period of length `grain` that holds this day.
    pub fn start_of(self, grain: Grain) -> Self {
        let (y, m, _) = self.ymd();
        let month = match grain {
            Grain::Day => return self,
            Grain::Month => m,
            Grain::Quarter => (m - 1) / 3 * 3 + 1,
            Grain::Year => 1,
        };
        Self::from_ymd(y, month, 1).unwrap_or(self)
    }

    /// The first day of the period `steps` periods after the one that holds this day (before it, where negative).
    pub fn step(self, grain: Grain, steps: i32) -> Self {
        let months = match grain {
            Grain::Day => return Self(self.0 + steps),
            Grain::Month => steps,
            Grain::Quarter => 3 * steps,
            Grain::Year => 12 * steps,
        };
        let (y, m, _) = self.start_of(grain).ymd();
        let index = y * 12 + m as i32 - 1 + months;
        Self::from_ymd(index.div_euclid(12), index.rem_euclid(12) as u32 + 1, 1).unwrap_or(self)
    }

    /// The last day of the period of length `grain` that holds this day.
    pub fn end_of(self, grain: Grain) -> Self {
        Self(self.step(grain, 1).0 - 1)
    }

    /// The period that holds this day, as the API writes it: `2025-03-09`, `2025-03`, `2025-Q1`, `2025`.
    pub fn label(self, grain: Grain) -> String {
        let (y, m, d) = self.ymd();
        match grain {
            Grain::Day => format!("{y:04}-{m:02}-{d:02}"),
            Grain::Month => format!("{y:04}-{m:02}"),
            Grain::Quarter => format!("{y:04}-Q{}", (m - 1) / 3 + 1),
            Grain::Year => format!("{y:04}"),
        }
    }

    /// As pages write it: `dd/MM/yyyy`.
    pub fn vi(self) -> String {
        let (y, m, d) = self.ymd();
        format!("{d:02}/{m:02}/{y:04}")
    }
}

/// `yyyy-MM-dd`.
impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.label(Grain::Day))
    }
}

const EPOCH: jiff::civil::Date = jiff::civil::Date::constant(1970, 1, 1);

impl Minute {
    /// Reads `yyyyMMddHHmm`: exactly twelve digits, a real day, 00–23 and 00–59.
    pub fn parse_compact(text: &str) -> Option<Self> {
        digits(text, 12)?;
        let time = digits(&text[8..], 4)? as i64;
        let (hour, minute) = (time / 100, time % 100);
        if hour > 23 || minute > 59 {
            return None;
        }
        Some(Self(i64::from(Day::parse_compact(&text[..8])?.0) * 1440 + hour * 60 + minute))
    }

    /// The day it lies in.
    pub fn day(self) -> Day {
        Day(self.0.div_euclid(1440) as i32)
    }

    /// Hour and minute of the day.
    pub fn clock(self) -> (u32, u32) {
        let m = self.0.rem_euclid(1440) as u32;
        (m / 60, m % 60)
    }

    /// This minute in Viet Nam.
    pub fn now() -> Self {
        Self::of_seconds(now_seconds())
    }

    /// The minute in Viet Nam of an instant, given as seconds since 1970 UTC.
    pub fn of_seconds(seconds: i64) -> Self {
        Self(seconds.div_euclid(60) + OFFSET_MINUTES)
    }

    /// As pages write it: `dd/MM/yyyy HH:mm`.
    pub fn vi(self) -> String {
        let (h, m) = self.clock();
        format!("{} {h:02}:{m:02}", self.day().vi())
    }

    /// As claim files write it: `yyyyMMddHHmm`.
    pub fn compact(self) -> String {
        let ((y, mo, d), (h, m)) = (self.day().ymd(), self.clock());
        format!("{y:04}{mo:02}{d:02}{h:02}{m:02}")
    }
}

/// FHIR `dateTime` with offset: `2025-03-09T08:40:00+07:00`.
impl fmt::Display for Minute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (h, m) = self.clock();
        write!(f, "{}T{h:02}:{m:02}:00+07:00", self.day())
    }
}

impl Grain {
    /// `day`, `month`, `quarter`, `year`, as the API and the pages name them.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Day, Self::Month, Self::Quarter, Self::Year].into_iter().find(|g| g.code() == text)
    }

    /// The name of this grain in the API.
    pub fn code(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Month => "month",
            Self::Quarter => "quarter",
            Self::Year => "year",
        }
    }
}

/// Seconds since 1970 UTC; zero where the clock stands before it.
pub fn now_seconds() -> i64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |d| d.as_secs() as i64)
}

/// Milliseconds since 1970 UTC; zero where the clock stands before it.
pub fn now_millis() -> i64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |d| d.as_millis() as i64)
}

/// Milliseconds since 1970 UTC of an instant with its offset: `2025-03-09T08:40:00+07:00`, `2025-03-09T01:40:00.250Z`.
pub fn parse_instant(text: &str) -> Option<i64> {
    text.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_millisecond)
}

/// The same the other way, on Viet Nam's clock: `2025-03-09T08:40:00.250+07:00`.
pub fn instant_text(millis: i64) -> String {
    let local = Minute(millis.div_euclid(60_000) + OFFSET_MINUTES);
    let ((h, m), rest) = (local.clock(), millis.rem_euclid(60_000));
    format!("{}T{h:02}:{m:02}:{:02}.{:03}+07:00", local.day(), rest / 1000, rest % 1000)
}

fn digits(text: &str, len: usize) -> Option<u64> {
    if text.len() != len || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_real() {
        for bad in ["20250230", "20251301", "2025123", "202512311", "20250a01", "00000000", "+2025012"] {
            assert_eq!(Day::parse_compact(bad), None, "{bad}");
        }
        assert_eq!(Day::parse_compact("19700101"), Some(Day(0)));
        for n in [-200_000, -1, 0, 19_999, 20_000, 200_000] {
            let (y, m, d) = Day(n).ymd();
            assert_eq!(Day::from_ymd(y, m, d), Some(Day(n)));
        }
    }

    #[test]
    fn minutes_are_real() {
        for bad in ["202501012460", "202501012400", "20250101006", "2025010100600"] {
            assert_eq!(Minute::parse_compact(bad), None, "{bad}");
        }
        let m = Minute::parse_compact("202503090840").unwrap();
        assert_eq!((m.to_string().as_str(), m.vi().as_str()), ("2025-03-09T08:40:00+07:00", "09/03/2025 08:40"));
        assert_eq!(m.compact(), "202503090840");
    }

    #[test]
    fn instants_are_read_and_written() {
        for (text, millis) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2025-03-09T08:40:00+07:00", 1_741_484_400_000),
            ("2025-03-09T01:40:00.250Z", 1_741_484_400_250),
        ] {
            assert_eq!(parse_instant(text), Some(millis), "{text}");
            assert_eq!(parse_instant(&instant_text(millis)), Some(millis));
        }
        assert_eq!(instant_text(1_741_484_400_250), "2025-03-09T08:40:00.250+07:00");
        for bad in ["", "2025-03-09", "2025-03-09T08:40:00", "yesterday", "2025-02-30T00:00:00Z"] {
            assert_eq!(parse_instant(bad), None, "{bad}");
        }
    }

    #[test]
    fn periods_step() {
        let d = Day::parse_iso("2024-12-31").unwrap();
        assert_eq!(d.weekday(), 1);
        for (grain, start, next) in [
            (Grain::Day, "2024-12-31", "2025-01-01"),
            (Grain::Month, "2024-12", "2025-01"),
            (Grain::Quarter, "2024-Q4", "2025-Q1"),
            (Grain::Year, "2024", "2025"),
        ] {
            assert_eq!(d.label(grain), start);
            assert_eq!(d.step(grain, 1).label(grain), next);
            assert_eq!(d.step(grain, 1).step(grain, -1), d.start_of(grain));
        }
        assert_eq!(Day::parse_iso("2024-02-11").unwrap().end_of(Grain::Month).to_string(), "2024-02-29");
    }
}
