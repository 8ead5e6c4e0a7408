//! From which birthday on a person speaks for themselves: dated rules of `content/access/ages.csv`.

use crate::policy::{PolicyError, rows};
use mach_base::{Day, content};
use std::sync::OnceLock;

const FILE: &str = "access/ages.csv";
const HEADER: &str = "what,years,from,until,verified,source";

/// What begins at a birthday.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Nobody speaks for them by being their parent.
    Majority,
    /// They are asked before somebody speaks for them.
    Voice,
}

struct Rule {
    stage: Stage,
    years: i32,
    from: Day,
    until: Option<Day>,
}

/// The rules.
pub struct Ages {
    rules: Vec<Rule>,
}

impl Ages {
    /// The rules in use.
    ///
    /// # Panics
    /// Where the file does not have its shape: the program does not start with half a rule.
    pub fn shared() -> &'static Self {
        static AGES: OnceLock<Ages> = OnceLock::new();
        AGES.get_or_init(|| {
            let text = content::text(FILE, include_str!("../../../../content/access/ages.csv"));
            Self::read(&text).unwrap_or_else(|e| panic!("{e}"))
        })
    }

    /// Reads rules.
    ///
    /// # Errors
    /// What is wrong, and in which line.
    pub fn read(text: &str) -> Result<Self, PolicyError> {
        let mut rules = Vec::new();
        rows(FILE, text, HEADER, |row| {
            let stage = row.read(0, "a stage", |text| match text {
                "majority" => Some(Stage::Majority),
                "voice" => Some(Stage::Voice),
                _ => None,
            })?;
            let years = row.read(1, "a number of years", |text| text.parse().ok().filter(|y| (0..=120).contains(y)))?;
            let from = row.read(2, "a day", Day::parse_iso)?;
            let until = match row.text(3) {
                "" => None,
                _ => Some(row.read(3, "a day", Day::parse_iso)?),
            };
            row.read(4, "yes or no", |text| matches!(text, "yes" | "no").then_some(()))?;
            row.filled(5)?;
            rules.push(Rule { stage, years, from, until });
            Ok(())
        })?;
        Ok(Self { rules })
    }

    /// The day on which somebody born on `born` comes to a stage, by the rule of day `on`; `None` where no rule holds then.
    pub fn day_of(&self, stage: Stage, born: Day, on: Day) -> Option<Day> {
        let holds = |rule: &&Rule| rule.stage == stage && rule.from <= on && rule.until.is_none_or(|until| on < until);
        self.rules.iter().find(holds).and_then(|rule| birthday(born, rule.years))
    }
}

/// The day on which somebody born on `born` is so many years old. Who is born on 29 February has their birthday on 1 March.
pub fn birthday(born: Day, years: i32) -> Option<Day> {
    let (year, month, day) = born.ymd();
    Day::from_ymd(year + years, month, day).or_else(|| Day::from_ymd(year + years, 3, 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Day {
        Day::parse_iso(text).unwrap()
    }

    #[test]
    fn who_is_a_child_is_one_until_their_birthday() {
        let ages = Ages::shared();
        let today = day("2026-11-27");
        for (born, majority, voice) in
            [("2010-03-18", "2028-03-18", "2025-03-18"), ("2012-02-29", "2030-03-01", "2027-03-01")]
        {
            assert_eq!(ages.day_of(Stage::Majority, day(born), today), Some(day(majority)));
            assert_eq!(ages.day_of(Stage::Voice, day(born), today), Some(day(voice)));
        }
        assert_eq!(ages.day_of(Stage::Majority, day("2010-03-18"), day("2016-12-31")), None, "before the rule");
    }

    #[test]
    fn another_law_holds_from_its_day() {
        let list = format!("{HEADER}\nmajority,18,2017-01-01,2030-01-01,no,s\nmajority,17,2030-01-01,,no,s\n");
        let ages = Ages::read(&list).unwrap();
        for (on, comes) in [("2029-12-31", "2030-05-01"), ("2030-01-01", "2029-05-01")] {
            assert_eq!(ages.day_of(Stage::Majority, day("2012-05-01"), day(on)), Some(day(comes)), "{on}");
        }
    }

    #[test]
    fn a_broken_list_says_where() {
        for row in [
            "grown,18,2017-01-01,,no,s",
            "voice,x,2017-01-01,,no,s",
            "voice,15,2017,,no,s",
            "voice,15,2017-01-01,,maybe,s",
        ] {
            let failed = Ages::read(&format!("{HEADER}\n{row}\n")).err().unwrap().to_string();
            assert!(failed.contains("line 2"), "{failed}");
        }
    }
}
