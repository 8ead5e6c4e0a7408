//! Days and minutes of the synthetic province: whole numbers counted from 1970-01-01 in local time.

use std::str::FromStr;

use crate::SynthError;

/// Days since 1970-01-01.
pub type Day = i32;
/// Minutes since 1970-01-01 00:00, local time.
pub type Minute = i64;

/// Minutes in a day.
pub const DAY_MINUTES: i64 = 24 * 60;

/// A calendar date, read from `YYYY-MM-DD`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Date {
    /// Year, 1900–2100.
    pub year: i32,
    /// Month, 1–12.
    pub month: u32,
    /// Day of the month, from 1.
    pub day: u32,
}

impl Date {
    /// The date as a count of days.
    pub fn number(self) -> Day {
        day_number(self.year, self.month, self.day)
    }
}

impl FromStr for Date {
    type Err = SynthError;

    fn from_str(text: &str) -> Result<Self, SynthError> {
        let bad = || SynthError::Date(text.to_owned());
        let mut parts = text.split('-');
        let mut next = || parts.next().and_then(|p| p.parse::<u32>().ok());
        let (Some(year), Some(month), Some(day)) = (next(), next(), next()) else { return Err(bad()) };
        let date = Date { year: year as i32, month, day };
        let real = (1900..=2100).contains(&year) && (1..=12).contains(&month) && (1..=31).contains(&day);
        if parts.next().is_some() || !real || civil(date.number()) != (date.year, month, day) {
            return Err(bad());
        }
        Ok(date)
    }
}

impl std::fmt::Display for Date {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

/// Days from 1970-01-01 to a date of the proleptic Gregorian calendar (years counted from March, 400-year eras).
pub fn day_number(year: i32, month: u32, day: u32) -> Day {
    let y = if month <= 2 { year - 1 } else { year };
    let era = y.div_euclid(400);
    let of_era = y.rem_euclid(400);
    let of_year = (153 * ((month as i32 + 9) % 12) + 2) / 5 + day as i32 - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// Year, month and day of a day number.
pub fn civil(day: Day) -> (i32, u32, u32) {
    let z = day + 719_468;
    let era = z.div_euclid(146_097);
    let of_era = z.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day_of_month = (of_year - (153 * shifted + 2) / 5 + 1) as u32;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 } as u32;
    (era * 400 + year_of_era + i32::from(month <= 2), month, day_of_month)
}

/// The day of a minute.
pub fn day_of(minute: Minute) -> Day {
    minute.div_euclid(DAY_MINUTES) as Day
}

/// A minute from a day and a minute of that day.
pub fn at(day: Day, minute: i64) -> Minute {
    i64::from(day) * DAY_MINUTES + minute
}

/// Monday 0 … Sunday 6.
pub fn weekday(day: Day) -> u32 {
    (day + 3).rem_euclid(7) as u32
}

/// Months since year 0, to count and order months.
pub fn month_number(day: Day) -> i32 {
    let (year, month, _) = civil(day);
    year * 12 + month as i32 - 1
}

/// First day of a month number.
pub fn month_start(month: i32) -> Day {
    day_number(month.div_euclid(12), month.rem_euclid(12) as u32 + 1, 1)
}

/// Days of a month number, 28–31.
pub fn month_days(month: i32) -> i32 {
    month_start(month + 1) - month_start(month)
}

/// `2025-03`.
pub fn month_name(month: i32) -> String {
    format!("{:04}-{:02}", month.div_euclid(12), month.rem_euclid(12) + 1)
}

/// Full years lived on `day`.
pub fn age(birth: Day, day: Day) -> i32 {
    let (by, bm, bd) = civil(birth);
    let (y, m, d) = civil(day);
    y - by - i32::from((m, d) < (bm, bd))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_dates_agree() {
        assert_eq!(day_number(1970, 1, 1), 0);
        assert_eq!(day_number(2000, 3, 1), 11_017);
        for day in -40_000..60_000 {
            let (y, m, d) = civil(day);
            assert_eq!(day_number(y, m, d), day);
        }
        assert_eq!(weekday(day_number(2025, 7, 1)), 1, "2025-07-01 was a Tuesday");
        assert_eq!(month_days(month_number(day_number(2024, 2, 10))), 29);
        assert_eq!(age(day_number(2000, 2, 29), day_number(2025, 2, 28)), 24);
    }

    #[test]
    fn reads_only_real_dates() {
        for (text, good) in [
            ("2025-02-28", true),
            ("2024-02-29", true),
            ("2025-02-30", false),
            ("2025-13-01", false),
            ("2025-1-1-1", false),
            ("hôm nay", false),
            ("1600-01-01", false),
        ] {
            assert_eq!(text.parse::<Date>().is_ok(), good, "{text}");
        }
    }
}
