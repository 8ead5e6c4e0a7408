//! Working days, public holidays, and Tết: when it falls and which days of last year a period compares with.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use mach_base::{Day, Grain, content};

use crate::table::each_row;
use crate::{Error, usable};

const HOLIDAYS_FILE: &str = "holidays.csv";
const TET_FILE: &str = "tet.csv";

/// How far around the first day of the lunar year Tết moves what people do, in days.
pub const TET_REACH_DAYS: i32 = 30;
/// The longest period that is compared by Tết; a longer one (a quarter, a year) holds Tết in both years anyway.
pub const TET_PERIOD_MAX_DAYS: i32 = 62;

/// Public holidays and Tết by year.
#[derive(Debug, Default)]
pub struct Calendar {
    holidays: BTreeMap<Day, String>,
    tet: BTreeMap<i32, Day>,
    /// From `first`: whether each day is off. Days outside are judged by weekday alone.
    off: Vec<bool>,
    first: Day,
}

impl Calendar {
    /// The calendar in use.
    pub fn shared() -> &'static Self {
        static CALENDAR: OnceLock<Calendar> = OnceLock::new();
        CALENDAR.get_or_init(|| {
            let holidays = content::text(HOLIDAYS_FILE, include_str!("../../../../content/holidays.csv"));
            let tet = content::text(TET_FILE, include_str!("../../../../content/tet.csv"));
            usable(Self::read(&holidays, &tet))
        })
    }

    /// Reads `date,name_vi` of holidays and `year,date` of Tết.
    ///
    /// # Errors
    /// A wrong header or day, or a Tết that is not in January or February of its year.
    pub fn read(holidays: &str, tet: &str) -> Result<Self, Error> {
        let mut calendar = Self::default();
        each_row(HOLIDAYS_FILE, holidays, "date,name_vi", |row| {
            calendar.holidays.insert(row.day(0)?, row.required(1, "name_vi")?.to_owned());
            Ok(())
        })?;
        each_row(TET_FILE, tet, "year,date", |row| {
            let year: i32 = row.read(0, "a year", |t| t.parse().ok())?;
            let day = row.day(1)?;
            if day.ymd().0 != year || day.ymd().1 > 2 {
                return Err(row.error(format!("`{day}` is not the Tết of {year}")));
            }
            calendar.tet.insert(year, day);
            Ok(())
        })?;
        if let (Some((&first, _)), Some((&last, _))) =
            (calendar.holidays.first_key_value(), calendar.holidays.last_key_value())
        {
            calendar.first = first;
            calendar.off =
                (first.0..=last.0).map(|d| Day(d).weekday() > 4 || calendar.holidays.contains_key(&Day(d))).collect();
        }
        Ok(calendar)
    }

    /// The Vietnamese name of the public holiday on `day`.
    pub fn holiday(&self, day: Day) -> Option<&str> {
        self.holidays.get(&day).map(String::as_str)
    }

    /// Monday to Friday and no public holiday. Before and after the years of the list, only the weekday counts.
    pub fn is_working_day(&self, day: Day) -> bool {
        let i = i64::from(day.0) - i64::from(self.first.0);
        match usize::try_from(i).ok().and_then(|i| self.off.get(i)) {
            Some(off) => !off,
            None => day.weekday() < 5,
        }
    }

    /// The `n`-th working day after `day`, which itself does not count; before it where `n` is negative; `day` where 0.
    pub fn add_working_days(&self, day: Day, n: i32) -> Day {
        let (mut day, mut left) = (day, n.abs());
        while left > 0 {
            day = Day(day.0 + n.signum());
            left -= i32::from(self.is_working_day(day));
        }
        day
    }

    /// The first day of the lunar year that begins in `year`.
    pub fn tet(&self, year: i32) -> Option<Day> {
        self.tet.get(&year).copied()
    }

    /// Whether any day of `from..=to` is within [`TET_REACH_DAYS`] of a Tết; that Tết.
    pub fn tet_touched(&self, from: Day, to: Day) -> Option<Day> {
        let reach = TET_REACH_DAYS;
        self.tet.values().copied().find(|t| from.0 <= t.0 + reach && t.0 - reach <= to.0)
    }

    /// The period of last year that `from..=to` compares with.
    ///
    /// A period of at most [`TET_PERIOD_MAX_DAYS`] days that touches the [`TET_REACH_DAYS`] days before or after a Tết is
    /// moved back by the distance between that Tết and the one before, and keeps its length: the week before Tết meets
    /// the week before Tết. Any other period is the same calendar days of the year before (29 February becomes the 28th,
    /// the last day of a month stays the last).
    pub fn tet_aligned_last_year(&self, from: Day, to: Day) -> (Day, Day) {
        if to.0 - from.0 < TET_PERIOD_MAX_DAYS
            && let Some(tet) = self.tet_touched(from, to)
            && let Some(before) = self.tet(tet.ymd().0 - 1)
        {
            let shift = tet.0 - before.0;
            return (Day(from.0 - shift), Day(to.0 - shift));
        }
        calendar_last_year(from, to)
    }
}

/// The same calendar days one year before; a `to` that ends its month ends that month last year too.
pub(crate) fn calendar_last_year(from: Day, to: Day) -> (Day, Day) {
    let back = |day: Day| {
        let (y, m, d) = day.ymd();
        Day::from_ymd(y - 1, m, d).unwrap_or_else(|| day.step(Grain::Month, -12).end_of(Grain::Month))
    };
    let end = if to == to.end_of(Grain::Month) { to.step(Grain::Month, -12).end_of(Grain::Month) } else { back(to) };
    (back(from), end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Day {
        Day::parse_iso(text).unwrap()
    }

    #[test]
    fn working_days() {
        let c = Calendar::shared();
        for (text, working) in [
            ("2025-01-01", false),
            ("2025-01-02", true),
            ("2025-01-04", false),
            ("2025-01-29", false),
            ("2025-02-03", true),
            ("2025-04-07", false),
            ("2025-09-01", false),
            ("2025-09-02", false),
            ("2025-09-03", true),
            ("2024-02-14", false),
            ("2024-02-15", true),
            ("2010-01-01", true),
            ("2010-01-02", false),
            ("2099-12-31", true),
        ] {
            assert_eq!(c.is_working_day(day(text)), working, "{text}");
        }
        for (from, n, to) in [
            ("2025-01-02", 7, "2025-01-13"),
            ("2025-01-24", 1, "2025-02-03"),
            ("2025-01-25", 7, "2025-02-11"),
            ("2025-03-08", 0, "2025-03-08"),
            ("2025-02-03", -1, "2025-01-24"),
            ("2025-06-06", 1, "2025-06-09"),
        ] {
            assert_eq!(c.add_working_days(day(from), n), day(to), "{from} + {n}");
        }
    }

    #[test]
    fn last_year_follows_tet() {
        let c = Calendar::shared();
        for (from, to, last_from, last_to, why) in [
            ("2025-01-29", "2025-01-29", "2024-02-10", "2024-02-10", "Tết meets Tết"),
            ("2025-01-01", "2025-01-31", "2024-01-13", "2024-02-12", "a month around Tết moves as a whole"),
            ("2024-02-01", "2024-02-29", "2023-01-13", "2023-02-10", "back over a later Tết"),
            ("2025-02-28", "2025-02-28", "2024-03-11", "2024-03-11", "30 days after Tết is inside"),
            ("2025-03-01", "2025-03-01", "2024-03-01", "2024-03-01", "31 days after is outside"),
            ("2024-12-29", "2024-12-29", "2023-12-29", "2023-12-29", "31 days before is outside"),
            ("2024-12-30", "2024-12-30", "2024-01-11", "2024-01-11", "30 days before is inside"),
            ("2025-06-01", "2025-06-30", "2024-06-01", "2024-06-30", "far from Tết"),
            ("2025-01-01", "2025-03-31", "2024-01-01", "2024-03-31", "a quarter holds Tết in both years"),
            ("2025-01-01", "2025-12-31", "2024-01-01", "2024-12-31", "and so does a year"),
            ("2024-02-29", "2024-06-30", "2023-02-28", "2023-06-30", "leap day"),
            ("2025-01-01", "2025-05-31", "2024-01-01", "2024-05-31", "month end"),
            ("2018-02-16", "2018-02-16", "2017-02-16", "2017-02-16", "no Tết known before 2018"),
        ] {
            let got = c.tet_aligned_last_year(day(from), day(to));
            assert_eq!(got, (day(last_from), day(last_to)), "{from}..{to}: {why}");
        }
        assert_eq!(calendar_last_year(day("2025-02-01"), day("2025-02-28")), (day("2024-02-01"), day("2024-02-29")));
    }

    #[test]
    fn the_lists_are_whole() {
        let c = Calendar::shared();
        assert_eq!(c.tet.len(), 18);
        for (y, tet) in &c.tet {
            // New moon of late January to mid-February.
            assert!((day(&format!("{y}-01-20"))..=day(&format!("{y}-02-21"))).contains(tet), "{tet}");
            if let Some(before) = c.tet(y - 1) {
                assert!(
                    [354, 355, 383, 384, 385].contains(&(tet.0 - before.0)),
                    "{tet} is not whole moons after {before}"
                );
            }
        }
        for y in 2018..=2028 {
            let off = |m, d| c.holiday(Day::from_ymd(y, m, d).unwrap()).is_some();
            assert!(off(1, 1) && off(4, 30) && off(5, 1) && off(9, 2), "{y}");
            assert!((0..4).all(|i| !c.is_working_day(Day(c.tet(y).unwrap().0 + i))), "Tết {y}");
            let kings = c.holidays.iter().find(|(d, name)| d.ymd().0 == y && *name == "Giỗ Tổ Hùng Vương");
            // The tenth day of the third lunar month: 68 or 69 days after Tết, a month later with a leap month before it.
            let after = kings.unwrap().0.0 - c.tet(y).unwrap().0;
            assert!((67..=69).contains(&after) || (96..=99).contains(&after), "{y}: {after}");
            let days = c.holidays.keys().filter(|d| d.ymd().0 == y && d.weekday() < 5).count();
            assert!((9..=13).contains(&days), "{y}: {days} days off");
        }
    }
}
