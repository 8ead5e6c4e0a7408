//! By what somebody speaks for a grown person who cannot: dated lists of `content/access/guardians.csv`.

use crate::policy::{PolicyError, rows};
use mach_base::{Day, content};
use std::sync::OnceLock;

const FILE: &str = "access/guardians.csv";
const HEADER: &str = "what,code,vi,en,review,from,until,verified,source";

/// A ground, or a paper.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Names it in the store.
    pub code: String,
    /// In Vietnamese.
    pub vi: String,
    /// In English.
    pub en: String,
    /// Months after which it is looked at anew at the latest, where the paper names no end; 0 of a paper.
    pub review: i32,
    from: Day,
    until: Option<Day>,
}

impl Entry {
    fn holds(&self, on: Day) -> bool {
        self.from <= on && self.until.is_none_or(|until| on < until)
    }
}

/// The lists.
pub struct Guardians {
    grounds: Vec<Entry>,
    papers: Vec<Entry>,
}

impl Guardians {
    /// The lists in use.
    ///
    /// # Panics
    /// Where the file does not have its shape: the program does not start with half a list.
    pub fn shared() -> &'static Self {
        static GUARDIANS: OnceLock<Guardians> = OnceLock::new();
        GUARDIANS.get_or_init(|| {
            let text = content::text(FILE, include_str!("../../../../content/access/guardians.csv"));
            Self::read(&text).unwrap_or_else(|e| panic!("{e}"))
        })
    }

    /// Reads lists.
    ///
    /// # Errors
    /// What is wrong, and in which line.
    pub fn read(text: &str) -> Result<Self, PolicyError> {
        let (mut grounds, mut papers) = (Vec::new(), Vec::new());
        rows(FILE, text, HEADER, |row| {
            let is_ground = row.read(0, "ground or paper", |text| match text {
                "ground" => Some(true),
                "paper" => Some(false),
                _ => None,
            })?;
            let is_code = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_lowercase());
            let code = row.read(1, "a code of small letters", |text| is_code(text).then(|| text.to_owned()))?;
            row.filled(2)?;
            row.filled(3)?;
            let review = match is_ground {
                true => row.read(4, "a number of months", |t| t.parse().ok().filter(|m| (1..=120).contains(m)))?,
                false => row.read(4, "nothing", |text| text.is_empty().then_some(0))?,
            };
            let from = row.read(5, "a day", Day::parse_iso)?;
            let until = match row.text(6) {
                "" => None,
                _ => Some(row.read(6, "a day", Day::parse_iso)?),
            };
            row.read(7, "yes or no", |text| matches!(text, "yes" | "no").then_some(()))?;
            row.filled(8)?;
            let entry = Entry { code, vi: row.text(2).to_owned(), en: row.text(3).to_owned(), review, from, until };
            if is_ground {
                grounds.push(entry)
            } else {
                papers.push(entry)
            }
            Ok(())
        })?;
        Ok(Self { grounds, papers })
    }

    /// Why somebody may speak for a grown person, by the list of day `on`.
    pub fn grounds(&self, on: Day) -> impl Iterator<Item = &Entry> {
        self.grounds.iter().filter(move |entry| entry.holds(on))
    }

    /// What may be seen of it, by the list of day `on`.
    pub fn papers(&self, on: Day) -> impl Iterator<Item = &Entry> {
        self.papers.iter().filter(move |entry| entry.holds(on))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lists_are_read_and_hold_from_their_day() {
        let all = Guardians::shared();
        let codes = |on: &str| all.grounds(Day::parse_iso(on).unwrap()).map(|e| e.code.as_str()).collect::<Vec<_>>();
        assert_eq!(codes("2026-11-27"), ["lost", "difficult", "limited"]);
        assert!(codes("2016-12-31").is_empty(), "before the law");
        assert!(all.papers(Day::parse_iso("2026-11-27").unwrap()).any(|p| p.code == "court" && p.review == 0));
    }

    #[test]
    fn a_broken_list_says_where() {
        for row in [
            "reason,x,a,b,12,2017-01-01,,no,s",
            "ground,X,a,b,12,2017-01-01,,no,s",
            "ground,x,,b,12,2017-01-01,,no,s",
            "ground,x,a,b,,2017-01-01,,no,s",
            "paper,x,a,b,12,2017-01-01,,no,s",
            "paper,x,a,b,,2017,,no,s",
            "paper,x,a,b,,2017-01-01,,maybe,s",
            "paper,x,a,b,,2017-01-01,,no,",
        ] {
            let failed = Guardians::read(&format!("{HEADER}\n{row}\n")).err().unwrap().to_string();
            assert!(failed.contains("line 2"), "{row}: {failed}");
        }
    }
}
