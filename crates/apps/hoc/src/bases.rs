//! What a period is compared with: the period before, the same days last year, and last year's days around Tết.

use mach_base::{Day, Grain};
use mach_cube::{last_year, previous};
use mach_terms::Calendar;

/// The days that a number is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bases {
    /// The days compared: those asked for, as far as there is data.
    pub this: (Day, Day),
    /// Whether the period has days without data yet.
    pub unfinished: bool,
    /// The period before, as far into it.
    pub previous: (Day, Day),
    /// The same calendar days of the year before; none for 29 February.
    pub last_year: Option<(Day, Day)>,
    /// Last year's days that lie the same way to Tết, where Tết moved them.
    pub tet: Option<Tet>,
}

/// A period that Tết moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tet {
    /// The Tết that the period touches.
    pub day: Day,
    /// The days of the year before that lie the same way to Tết.
    pub days: (Day, Day),
}

impl Bases {
    /// The bases of `days`, a period of `grain` or a part of one; `newest` is the last day with data.
    pub fn new(days: (Day, Day), grain: Grain, newest: Day) -> Self {
        let unfinished = days.0 <= newest && newest < days.1;
        let this = if unfinished { (days.0, newest) } else { days };
        let last_year = last_year(this, grain);
        let calendar = Calendar::shared();
        let aligned = calendar.tet_aligned_last_year(this.0, this.1);
        // A month of 29 February is no Tết: the calendar moves only what Tết touches, and by another length than a year.
        let tet = calendar
            .tet_touched(this.0, this.1)
            .filter(|_| aligned.1.0 - aligned.0.0 == this.1.0 - this.0.0 && Some(aligned) != last_year)
            .map(|day| Tet { day, days: aligned });
        Self { this, unfinished, previous: previous(this, grain), last_year, tet }
    }

    /// The days of the year before to compare with: by Tết where it moved them, else by the calendar.
    pub fn year(&self) -> Option<(Day, Day)> {
        self.tet.map(|t| t.days).or(self.last_year)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::asked::span;

    /// The bases of `text`: period before, last year, last year by Tết, as `from..to`.
    fn check(text: &str, grain: Grain, newest: &str, expect: [&str; 3]) {
        let show = |d: Option<(Day, Day)>| d.map_or_else(|| "-".to_owned(), |(a, b)| format!("{a}..{b}"));
        let bases = Bases::new(span(text).unwrap(), grain, Day::parse_iso(newest).unwrap());
        let got = [show(Some(bases.previous)), show(bases.last_year), show(bases.tet.map(|t| t.days))];
        assert_eq!(got, expect, "{text}");
    }

    #[test]
    fn periods_meet_their_like() {
        // Tết: 2025-01-29, 2026-02-17; 384 days apart.
        for (text, grain, newest, expect) in [
            ("2025-10", Grain::Month, "2026-06-30", ["2025-09-01..2025-09-30", "2024-10-01..2024-10-31", "-"]),
            (
                "2026-02",
                Grain::Month,
                "2026-06-30",
                ["2026-01-01..2026-01-31", "2025-02-01..2025-02-28", "2025-01-13..2025-02-09"],
            ),
            (
                "2026-02-17",
                Grain::Day,
                "2026-06-30",
                ["2026-02-16..2026-02-16", "2025-02-17..2025-02-17", "2025-01-29..2025-01-29"],
            ),
            ("2026-Q1", Grain::Quarter, "2026-06-30", ["2025-10-01..2025-12-31", "2025-01-01..2025-03-31", "-"]),
            ("2026", Grain::Year, "2026-12-31", ["2025-01-01..2025-12-31", "2025-01-01..2025-12-31", "-"]),
            // Data ends on the tenth: ten days meet ten days.
            ("2026-06", Grain::Month, "2026-06-10", ["2026-05-01..2026-05-10", "2025-06-01..2025-06-10", "-"]),
            // Nothing of it has come yet: the whole is compared.
            ("2026-06", Grain::Month, "2026-05-10", ["2026-05-01..2026-05-31", "2025-06-01..2025-06-30", "-"]),
        ] {
            check(text, grain, newest, expect);
        }
    }
}
