//! The person of XML1 and XML0: birth against the visit.

use mach_base::{Day, Minute};

use super::context::{Context, args};
use crate::raw::RawRow;

/// What is known of a birth: its year, and its day where that is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Birth {
    pub(super) year: i32,
    pub(super) day: Option<Day>,
}

impl Birth {
    /// Reads `NGAY_SINH` of any layout.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let year = text.get(..4)?.parse().ok()?;
        let day = text.get(..8).and_then(Day::parse_compact);
        (day.is_some() || text.get(4..).is_some_and(|rest| rest.bytes().all(|b| b == b'0')))
            .then_some(Self { year, day })
    }

    /// Age on `on` in days and completed years, where the day is known.
    pub(super) fn age(self, on: Day) -> Option<(i32, i32)> {
        let day = self.day.filter(|d| *d <= on)?;
        let ((y0, m0, d0), (y1, m1, d1)) = (day.ymd(), on.ymd());
        Some((on.0 - day.0, y1 - y0 - i32::from((m1, d1) < (m0, d0))))
    }
}

/// Past this age a birth year is more often a typing error than a birthday.
const OLDEST_YEARS: i32 = 120;
/// Up to this age the time of birth is needed (portal sheet).
const NEWBORN_DAYS: i32 = 28;

pub(super) fn check(cx: &mut Context<'_>, row: RawRow<'_>) {
    let text = row.get("NGAY_SINH");
    let (Some(birth), Some(arrived)) = (Birth::parse(text), cx.arrived) else { return };
    // A child born during the mother's visit is written with its own; only a birth after the end is impossible.
    let (end, tag) = cx.left.map_or((arrived, "NGAY_VAO"), |left| (left, "NGAY_RA"));
    let (end_year, ..) = end.day().ymd();
    let written = match birth.day {
        Some(day) => day.vi(),
        None => birth.year.to_string(),
    };
    if birth.day.is_some_and(|d| d > end.day()) || birth.year > end_year {
        return cx.at(row, "NGAY_SINH", "ID-BIRTH", args![written, tag, end.day().vi()]);
    }
    if end_year - birth.year > OLDEST_YEARS {
        cx.at(row, "NGAY_SINH", "ID-AGE", args![end_year - birth.year]);
    }
    let days = birth.day.map(|d| arrived.day().0 - d.0);
    if let Some(days) = days.filter(|d| *d <= NEWBORN_DAYS) {
        let known = Minute::parse_compact(text).is_some_and(|m| m.clock() != (0, 0));
        if row.table() == 1 && !known {
            cx.at(row, "NGAY_SINH", "ID-BIRTH-TIME", args![days.max(0)]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn births_and_ages() {
        let on = Day::parse_iso("2025-03-10").unwrap();
        for (text, year, age) in [
            ("199003110000", 1990, Some((12_783, 34))),
            ("199003100000", 1990, Some((12_784, 35))),
            ("19900310", 1990, Some((12_784, 35))),
            ("199000000000", 1990, None),
            ("1990", 1990, None),
            ("202503100815", 2025, Some((0, 0))),
            ("202503110815", 2025, None),
        ] {
            let birth = Birth::parse(text).unwrap();
            assert_eq!((birth.year, birth.age(on)), (year, age), "{text}");
        }
        for bad in ["", "199", "19901301", "abcd", "199001"] {
            assert_eq!(Birth::parse(bad), None, "{bad}");
        }
    }
}
