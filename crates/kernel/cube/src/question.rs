//! What can be asked, and the periods of a question.

use crate::CubeError;
use mach_base::{Day, Grain};
use mach_places::Level;

/// What an answer is split by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum By {
    /// Nothing.
    None,
    /// Province of the patient, as of a day's hierarchy.
    Province,
    /// Facility.
    Facility,
    /// Department of one facility.
    Department,
    /// Commune of the patient.
    Commune,
    /// District of the patient.
    District,
}

impl By {
    const ALL: [Self; 6] =
        [Self::None, Self::Province, Self::Facility, Self::Department, Self::Commune, Self::District];

    /// The name in the API.
    pub fn code(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Province => "province",
            Self::Facility => "facility",
            Self::Department => "department",
            Self::Commune => "commune",
            Self::District => "district",
        }
    }

    /// From its name in the API.
    pub fn parse(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|b| b.code() == code)
    }

    /// The level of places it splits by, where it does.
    pub(crate) fn level(self) -> Option<Level> {
        match self {
            Self::Province => Some(Level::Province),
            Self::District => Some(Level::District),
            Self::Commune => Some(Level::Commune),
            Self::None | Self::Facility | Self::Department => None,
        }
    }
}

/// A question to the cube.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// Id of the indicator.
    pub indicator: String,
    /// First day.
    pub from: Day,
    /// Last day.
    pub to: Day,
    /// Length of the periods; the first and the last are clipped to `from` and `to`.
    pub period: Grain,
    /// What to split by.
    pub by: By,
    /// Whose hierarchy of places; `None` takes the default of [`Question::hierarchy_day`].
    pub as_of: Option<Day>,
    /// Only this facility, by its number in the store.
    pub facility: Option<i64>,
    /// Only this department number of that facility.
    pub department: Option<i64>,
    /// Only patients of this place, as of the hierarchy day; an empty code means those who lie in none.
    pub place: Option<(Level, String)>,
}

/// First and last day that can be asked for: no claim is outside, and the arithmetic of days holds.
const FIRST: &str = "1900-01-01";
const LAST: &str = "2199-12-31";

impl Question {
    /// Indicator `indicator` for the days `from` to `to`, by months, split by nothing.
    pub fn new(indicator: &str, from: Day, to: Day) -> Self {
        Self {
            indicator: indicator.to_owned(),
            from,
            to,
            period: Grain::Month,
            by: By::None,
            as_of: None,
            facility: None,
            department: None,
            place: None,
        }
    }

    /// A question in the words of the API: days as `yyyy-MM-dd`; `period` and `by` may be empty (month, none).
    pub fn parse(
        indicator: &str,
        (from, to): (&str, &str),
        period: &str,
        by: &str,
        as_of: &str,
    ) -> Result<Self, CubeError> {
        let wrong = |parameter, value: &str, takes| CubeError::Parameter { parameter, value: value.to_owned(), takes };
        let day = |parameter, text: &str| {
            Day::parse_iso(text).ok_or_else(|| wrong(parameter, text, "yyyy-MM-dd, for example 2025-03-31"))
        };
        let mut question = Self::new(indicator, day("from", from)?, day("to", to)?);
        if !period.is_empty() {
            question.period =
                Grain::parse(period).ok_or_else(|| wrong("period", period, "day, month, quarter, year"))?;
        }
        if !by.is_empty() {
            let takes = "none, facility, department, commune, district, province";
            question.by = By::parse(by).ok_or_else(|| wrong("by", by, takes))?;
        }
        if !as_of.is_empty() {
            question.as_of = Some(day("as_of", as_of)?);
        }
        Ok(question)
    }

    /// The day whose hierarchy the places are shown in: `as_of`, else the last day asked or today if that is earlier, and
    /// for districts 2025-06-30 at the latest.
    pub fn hierarchy_day(&self) -> Day {
        let last = self.to.min(Day::today());
        match self.as_of {
            Some(day) => day,
            None if self.names_districts() => last.min(DISTRICTS_LAST),
            None => last,
        }
    }

    pub(crate) fn check(&self) -> Result<(), CubeError> {
        for (parameter, day) in [("from", self.from), ("to", self.to)] {
            if Day::parse_iso(FIRST).is_some_and(|d| day < d) || Day::parse_iso(LAST).is_some_and(|d| day > d) {
                let takes = "days from 1900-01-01 to 2199-12-31";
                return Err(CubeError::Parameter { parameter, value: day.to_string(), takes });
            }
        }
        if self.to < self.from {
            return Err(CubeError::Backwards { from: self.from.to_string(), to: self.to.to_string() });
        }
        if self.names_districts() && self.as_of.is_some_and(|day| day > DISTRICTS_LAST) {
            return Err(CubeError::DistrictsEnded);
        }
        if (self.by == By::Department || self.department.is_some()) && self.facility.is_none() {
            return Err(CubeError::DepartmentsOfWhom);
        }
        Ok(())
    }

    fn names_districts(&self) -> bool {
        self.by == By::District || self.place.as_ref().is_some_and(|(level, _)| *level == Level::District)
    }

    /// The periods asked for, clipped to the first and last day.
    pub(crate) fn periods(&self) -> Vec<(Day, Day)> {
        let mut out = Vec::new();
        let mut start = self.from.start_of(self.period);
        while start <= self.to {
            let next = start.step(self.period, 1);
            out.push((start.max(self.from), Day(next.0 - 1).min(self.to)));
            start = next;
        }
        out
    }
}

/// 2025-06-30: the last day of districts (Law 72/2025/QH15).
pub(crate) const DISTRICTS_LAST: Day = Day(mach_places::Era::CHANGE.0 - 1);

/// The same days of the year before. The last day of a month stays the last where `grain` is longer than a day;
/// `None` for 29 February as a day of its own: the year before has none.
pub fn last_year((from, to): (Day, Day), grain: Grain) -> Option<(Day, Day)> {
    let back = |day: Day| {
        let (y, m, d) = day.ymd();
        Day::from_ymd(y - 1, m, d)
    };
    let clamped = |day: Day| back(day).or_else(|| back(Day(day.0 - 1)));
    if grain == Grain::Day && from == to {
        return back(from).map(|day| (day, day));
    }
    let start = clamped(from)?;
    let end = clamped(to)?;
    Some((start, if to == to.end_of(Grain::Month) { end.end_of(Grain::Month) } else { end }))
}

/// The period before: the whole one before a whole one, and before a part of one the same part of the one before.
pub fn previous((from, to): (Day, Day), grain: Grain) -> (Day, Day) {
    let (start, end) = (from.start_of(grain), from.end_of(grain));
    if to > end {
        // More than one period: as many days just before.
        let days = to.0 - from.0 + 1;
        return (Day(from.0 - days), Day(to.0 - days));
    }
    let before = start.step(grain, -1);
    let last = Day(start.0 - 1);
    let first = Day(before.0 + (from.0 - start.0)).min(last);
    (first, if to == end { last } else { Day(before.0 + (to.0 - start.0)).min(last) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn days(text: &str) -> (Day, Day) {
        let (from, to) = text.split_once(' ').unwrap();
        (Day::parse_iso(from).unwrap(), Day::parse_iso(to).unwrap())
    }

    #[test]
    fn the_same_days_last_year() {
        for (asked, grain, want) in [
            ("2025-03-01 2025-03-31", Grain::Month, Some("2024-03-01 2024-03-31")),
            ("2024-02-01 2024-02-29", Grain::Month, Some("2023-02-01 2023-02-28")),
            ("2025-02-01 2025-02-28", Grain::Month, Some("2024-02-01 2024-02-29")),
            ("2025-02-01 2025-02-20", Grain::Month, Some("2024-02-01 2024-02-20")),
            ("2025-02-28 2025-02-28", Grain::Day, Some("2024-02-28 2024-02-28")),
            ("2024-02-29 2024-02-29", Grain::Day, None),
            ("2025-01-01 2025-12-31", Grain::Year, Some("2024-01-01 2024-12-31")),
        ] {
            assert_eq!(last_year(days(asked), grain), want.map(days), "{asked}");
        }
    }

    #[test]
    fn the_period_before() {
        for (asked, grain, want) in [
            ("2025-03-01 2025-03-31", Grain::Month, "2025-02-01 2025-02-28"),
            ("2025-03-01 2025-03-10", Grain::Month, "2025-02-01 2025-02-10"),
            ("2025-03-01 2025-03-30", Grain::Month, "2025-02-01 2025-02-28"),
            ("2025-04-01 2025-06-30", Grain::Quarter, "2025-01-01 2025-03-31"),
            ("2025-03-10 2025-03-10", Grain::Day, "2025-03-09 2025-03-09"),
            ("2025-01-01 2025-12-31", Grain::Year, "2024-01-01 2024-12-31"),
            ("2025-03-15 2025-04-14", Grain::Month, "2025-02-12 2025-03-14"),
        ] {
            assert_eq!(previous(days(asked), grain), days(want), "{asked}");
        }
    }

    #[test]
    fn refuses_what_cannot_be_asked() {
        let parse = |from, to, period, by, as_of| {
            Question::parse("CD01", (from, to), period, by, as_of).and_then(|q| q.check())
        };
        for (asked, want) in [
            (("2025-02-30", "2025-03-01", "", "", ""), "`from` does not take `2025-02-30`"),
            (("2025-03-02", "2025-03-01", "", "", ""), "`to` (2025-03-01) is before"),
            (("2025-03-02", "2025-03-02", "week", "", ""), "`period` does not take `week`"),
            (("2025-03-02", "2025-03-02", "day", "ward", ""), "`by` does not take `ward`"),
            (("2025-03-02", "2025-03-02", "day", "district", "2025-07-01"), "districts ended"),
            (("2025-03-02", "2025-03-02", "day", "department", ""), "departments are shown for one facility"),
            (("0999-03-02", "2025-03-02", "day", "none", ""), "`from` does not take `0999-03-02`"),
            (("2025-03-02", "2200-01-01", "day", "none", ""), "`to` does not take `2200-01-01`"),
        ] {
            let error = parse(asked.0, asked.1, asked.2, asked.3, asked.4).unwrap_err();
            assert!(error.to_string().starts_with(want), "{asked:?}: {error}");
            assert!(error.is_asker_s() && !error.vi().is_empty());
        }
        assert!(parse("2025-03-02", "2025-08-02", "", "district", "2025-06-30").is_ok());
    }

    #[test]
    fn districts_are_shown_as_of_their_last_day() {
        let mut question = Question::new("CD01", Day(20_000), Day(20_300));
        question.as_of = None;
        assert_eq!(question.hierarchy_day(), Day(20_300));
        question.by = By::District;
        assert_eq!(question.hierarchy_day(), DISTRICTS_LAST);
        question.to = Day(20_100);
        assert_eq!(question.hierarchy_day(), Day(20_100));
    }
}
