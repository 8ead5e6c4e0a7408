//! Code lists of claim files, dated: `content/claims/codes.csv`.

use std::collections::HashMap;
use std::sync::OnceLock;

use mach_base::{Day, content};

use super::rules::{Rows, RulesError};

const CODES: (&str, &str) = ("claims/codes.csv", include_str!("../../../../../content/claims/codes.csv"));

/// Lists that say the same with other codes in another time: a code of either is known.
const ALSO: [(&str, &str); 1] = [("MA_DOITUONG_KCB", "MA_DOITUONG_KCB_QD824")];
/// Lists known to be incomplete, or seen only in programs: an unknown code warns instead of refusing.
const UNSURE: [&str; 2] = ["MA_PTTT_4210", "PHACDO_DTRI_LAO_XML6"];

/// One code of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Code {
    /// What it means, in Vietnamese.
    pub meaning_vi: String,
    /// What it means, in English.
    pub meaning_en: String,
    /// First day it may be used; `None` is open.
    pub valid_from: Option<Day>,
    /// Last day; `None` is open.
    pub valid_to: Option<Day>,
}

impl Code {
    fn valid_on(&self, day: Day) -> bool {
        self.valid_from.is_none_or(|from| from <= day) && self.valid_to.is_none_or(|to| day <= to)
    }
}

/// What a list says of a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// It may be used on that day.
    Yes,
    /// It is in the list, for other days.
    OtherDay,
    /// It is not in the list.
    No,
}

/// All code lists.
#[derive(Debug, Default)]
pub struct Codes {
    lists: HashMap<String, HashMap<String, Code>>,
}

impl Codes {
    /// Reads the lists, the administrator's where there are any.
    ///
    /// # Errors
    /// A list that is no CSV, lacks a column, or holds a value without meaning.
    pub fn load() -> Result<Self, RulesError> {
        let mut codes = Self::default();
        for row in Rows::read(CODES.0, &content::text(CODES.0, CODES.1))? {
            let code = Code {
                meaning_vi: row.get("meaning_vi").to_owned(),
                meaning_en: row.get("meaning_en").to_owned(),
                valid_from: row.day("valid_from")?,
                valid_to: row.day("valid_to")?,
            };
            if row.get("list").is_empty() || row.get("code").is_empty() {
                return Err(row.wrong("code"));
            }
            codes.lists.entry(row.get("list").to_owned()).or_default().insert(row.get("code").to_owned(), code);
        }
        Ok(codes)
    }

    /// The lists of this process.
    ///
    /// # Panics
    /// Where the content cannot be read: call [`Codes::load`] at start to report that in words.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Codes> = OnceLock::new();
        SHARED.get_or_init(|| Self::load().unwrap_or_else(|e| panic!("claim codes: {e}")))
    }

    /// Code `code` of `list`.
    pub fn get(&self, list: &str, code: &str) -> Option<&Code> {
        self.lists.get(list)?.get(code)
    }

    /// Whether `code` is one of `list` on `day`.
    pub fn known(&self, list: &str, code: &str, day: Day) -> Known {
        let also = ALSO.iter().filter(|(of, _)| *of == list).map(|(_, other)| *other);
        let found = std::iter::once(list).chain(also).filter_map(|l| self.get(l, code));
        found.map(|c| if c.valid_on(day) { Known::Yes } else { Known::OtherDay }).fold(
            Known::No,
            |best, now| match best {
                Known::Yes => best,
                _ => now,
            },
        )
    }

    /// Whether there is such a list here; others (`EXT:…`) are kept elsewhere.
    pub fn has_list(&self, list: &str) -> bool {
        self.lists.contains_key(list)
    }

    /// Whether a code outside `list` only warns.
    pub(super) fn unsure(list: &str) -> bool {
        UNSURE.contains(&list)
    }

    /// The benefit level a card group usually has.
    pub(super) fn usual_level(&self, letters: &str) -> Option<&str> {
        let (_, rest) = self.get("THE_DOI_TUONG", letters)?.meaning_en.split_once("usual benefit level ")?;
        rest.get(..1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_dated() {
        let codes = Codes::load().unwrap();
        for (list, code, day, known) in [
            ("GIOI_TINH", "1", "2020-01-01", Known::Yes),
            ("GIOI_TINH", "4", "2020-01-01", Known::No),
            ("MA_LOAI_KCB", "11", "2026-07-31", Known::OtherDay),
            ("MA_LOAI_KCB", "11", "2026-08-01", Known::Yes),
            ("MA_DOITUONG_KCB", "1.8", "2024-08-01", Known::Yes),
            ("MA_DOITUONG_KCB", "1.8", "2026-01-01", Known::OtherDay),
            ("MA_DOITUONG_KCB", "1.15", "2024-08-01", Known::OtherDay),
            ("MA_DOITUONG_KCB", "1.15", "2025-08-01", Known::Yes),
            ("MA_DOITUONG_KCB", "1.1", "2024-08-01", Known::Yes),
            ("MA_DOITUONG_KCB", "1.1", "2026-08-01", Known::Yes),
            ("MA_DOITUONG_KCB", "4", "2026-08-01", Known::No),
        ] {
            assert_eq!(codes.known(list, code, Day::parse_iso(day).unwrap()), known, "{list} {code} {day}");
        }
        assert_eq!(
            (codes.usual_level("TE"), codes.usual_level("DN"), codes.usual_level("??")),
            (Some("1"), Some("4"), None)
        );
        assert!(codes.has_list("MA_NHOM") && !codes.has_list("EXT:ICD-10"));
    }
}
