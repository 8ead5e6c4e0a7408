//! ICD-10 as used in Viet Nam (decision 4469/QĐ-BYT and the list of 2025): 13,086 codes with Vietnamese names.
//!
//! Codes are kept sorted by their five characters, with one slot per three-character category: a look-up is one index
//! and a binary search among at most a hundred neighbours.

use std::sync::{Arc, OnceLock};

use mach_base::{content, text::fold};

use crate::rules::{Conflict, Pair, Rule, Rules, Sex};
use crate::table::each_row;
use crate::{Error, usable};

const FILE: &str = "icd10-vn.csv";
const GROUPS_FILE: &str = "icd10-vn-groups.csv";
const CATEGORIES: usize = 26 * 100;

/// An ICD-10 code without dot and mark: a letter and two to four digits, zero bytes behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IcdKey([u8; 5]);

impl IcdKey {
    /// Reads `I10`, `E11.9`, `e119`, `M01.00`, with dagger or asterisk marks (`+`, `*`, `†`) or spaces behind.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim().trim_end_matches(['+', '*', '†', ' ']);
        let b = text.as_bytes();
        if b.len() < 3 || !b[0].is_ascii_alphabetic() {
            return None;
        }
        let tail = match b.get(3) {
            Some(b'.') if b.len() > 4 => &b[4..],
            _ => &b[3..],
        };
        if tail.len() > 2 || !b[1..3].iter().chain(tail).all(u8::is_ascii_digit) {
            return None;
        }
        let at = |i: usize| tail.get(i).copied().unwrap_or(0);
        Some(Self([b[0].to_ascii_uppercase(), b[1], b[2], at(0), at(1)]))
    }

    /// How many characters it has: 3, 4 or 5.
    pub fn characters(self) -> usize {
        5 - self.0.iter().filter(|&&b| b == 0).count()
    }

    /// Its first `n` characters; itself where it is shorter.
    pub fn first(self, n: usize) -> Self {
        let mut key = self;
        key.0.iter_mut().skip(n.max(3)).for_each(|b| *b = 0);
        key
    }

    /// The three-character category as text, as the cube keeps it: `E11`.
    pub fn category(&self) -> &str {
        // The first three bytes are an ASCII letter and digits.
        std::str::from_utf8(&self.0[..3]).unwrap_or_default()
    }

    fn slot(self) -> usize {
        let digit = |i: usize| usize::from(self.0[i] - b'0');
        usize::from(self.0[0] - b'A') * 100 + digit(1) * 10 + digit(2)
    }
}

/// Whether a code names a cause (†) or a manifestation (*).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// Neither.
    None,
    /// Dagger: the underlying disease.
    Dagger,
    /// Asterisk: the manifestation; stands beside a dagger code.
    Asterisk,
}

/// Whether a code is in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// In use.
    Current,
    /// Of the older decision only; earlier claims carry it.
    Retired,
    /// Kept free for emergencies (U06, U07.3–U07.9).
    Reserved,
}

/// One code of the list.
#[derive(Debug)]
pub struct Diagnosis {
    /// As printed: `E11.9`.
    pub code: Box<str>,
    /// Vietnamese name.
    pub name_vi: Box<str>,
    /// English name.
    pub name_en: Box<str>,
    /// Chapter, 1–22.
    pub chapter: u8,
    /// Block, as a range: `E10-E14`.
    pub block: Arc<str>,
    /// 3, 4 or 5 characters.
    pub kind: u8,
    /// Dagger or asterisk.
    pub dagger: Mark,
    /// Current, retired or reserved.
    pub status: Status,
    key: IcdKey,
}

impl Diagnosis {
    /// Its key.
    pub fn key(&self) -> IcdKey {
        self.key
    }
}

/// A chapter.
#[derive(Debug)]
pub struct Chapter {
    /// 1–22.
    pub number: u8,
    /// `A00-B99`.
    pub range: Box<str>,
    /// Vietnamese name.
    pub name_vi: Box<str>,
    /// English name.
    pub name_en: Box<str>,
}

/// A block of a chapter; some stand inside another block.
#[derive(Debug)]
pub struct Block {
    /// `A00-A09`.
    pub range: Box<str>,
    /// Chapter, 1–22.
    pub chapter: u8,
    /// The range it stands in: its chapter's, or a wider block's.
    pub parent: Box<str>,
    /// Vietnamese name.
    pub name_vi: Box<str>,
    /// English name.
    pub name_en: Box<str>,
}

/// The whole list.
#[derive(Debug)]
pub struct Icd10 {
    rows: Vec<Diagnosis>,
    /// For each category A00–Z99: its first row; the next slot's is its end.
    starts: Vec<u16>,
    chapters: Vec<Chapter>,
    blocks: Vec<Block>,
    rules: Rules,
    /// Folded names, one per row; made at the first search.
    folded: OnceLock<Vec<Box<str>>>,
}

impl Icd10 {
    /// The list in use.
    pub fn shared() -> &'static Self {
        static LIST: OnceLock<Icd10> = OnceLock::new();
        LIST.get_or_init(|| {
            let codes = content::text(FILE, include_str!("../../../../content/icd10-vn.csv"));
            let groups = content::text(GROUPS_FILE, include_str!("../../../../content/icd10-vn-groups.csv"));
            usable(Rules::embedded().and_then(|rules| Self::read(&codes, &groups, rules)))
        })
    }

    pub(crate) fn read(codes: &str, groups: &str, rules: Rules) -> Result<Self, Error> {
        let (chapters, blocks) = read_groups(groups)?;
        let mut rows = read_codes(codes, &blocks)?;
        rows.sort_unstable_by_key(|d| d.key);
        if let Some(twice) = rows.windows(2).find(|w| w[0].key == w[1].key) {
            let what = format!("`{}` stands twice", twice[0].code);
            return Err(Error::Row { file: FILE.to_owned(), line: 0, what });
        }
        let mut starts = vec![0; CATEGORIES + 1];
        rows.iter().for_each(|d| starts[d.key.slot() + 1] += 1);
        for i in 0..CATEGORIES {
            starts[i + 1] += starts[i];
        }
        Ok(Self { rows, starts, chapters, blocks, rules, folded: OnceLock::new() })
    }

    /// The diagnosis of `code`, written with or without dot or marks: see [`IcdKey::parse`].
    pub fn get(&self, code: &str) -> Option<&Diagnosis> {
        self.by_key(IcdKey::parse(code)?)
    }

    /// The diagnosis of `key`.
    pub fn by_key(&self, key: IcdKey) -> Option<&Diagnosis> {
        let rows = self.category_rows(key);
        rows.binary_search_by_key(&key, |d| d.key).ok().map(|i| &rows[i])
    }

    /// The three-character entry that `code` belongs to, also where `code` itself is unknown.
    pub fn category(&self, code: &str) -> Option<&Diagnosis> {
        self.by_key(IcdKey::parse(code)?.first(3))
    }

    /// The chapter (1–22) of `code`, by its category where `code` itself is unknown.
    pub fn chapter_of(&self, code: &str) -> Option<u8> {
        let key = IcdKey::parse(code)?;
        self.by_key(key).or_else(|| self.by_key(key.first(3))).map(|d| d.chapter)
    }

    /// Whether finer codes exist below `code`, so that `code` alone is too coarse for a claim.
    pub fn is_parent(&self, code: &str) -> bool {
        let Some(key) = IcdKey::parse(code) else { return false };
        self.category_rows(key).iter().any(|d| d.key != key && d.key.first(key.characters()) == key)
    }

    /// All codes, sorted.
    pub fn all(&self) -> &[Diagnosis] {
        &self.rows
    }

    /// The 22 chapters in order.
    pub fn chapters(&self) -> &[Chapter] {
        &self.chapters
    }

    /// Chapter `number` (1–22).
    pub fn chapter(&self, number: u8) -> Option<&Chapter> {
        self.chapters.get(usize::from(number).checked_sub(1)?)
    }

    /// All blocks, in the order of the list.
    pub fn blocks(&self) -> &[Block] {
        &self.blocks
    }

    /// The rules that stand for `code`: not a main diagnosis, sex, age.
    pub fn rules(&self, code: &str) -> &[Rule] {
        IcdKey::parse(code).map_or(&[], |key| self.rules.of(key))
    }

    /// What speaks against `code` for a person of `sex` aged `age_days` days and `age_years` completed years.
    pub fn conflicts(&self, code: &str, sex: Option<Sex>, age: Option<(i32, i32)>) -> Vec<Conflict> {
        self.rules(code).iter().filter_map(|rule| rule.conflict(sex, age)).collect()
    }

    /// Whether the annexes let `code` stand as main diagnosis; they are silent on external causes (chapter XX).
    pub fn may_be_main(&self, code: &str) -> bool {
        !self.rules(code).contains(&Rule::NotMain)
    }

    /// The dagger–asterisk pairs that `code` stands in, on either side.
    pub fn pairs(&self, code: &str) -> impl Iterator<Item = &Pair> {
        let key = IcdKey::parse(code);
        self.rules.pairs.iter().filter(move |p| Some(p.dagger) == key || Some(p.asterisk) == key)
    }

    /// Up to `limit` codes in use whose code starts with `text`, or whose Vietnamese or English name has, for every word
    /// of `text`, a word starting with it; accents and case do not matter. Codes first, then coarser before finer.
    pub fn search(&self, text: &str, limit: usize) -> Vec<&Diagnosis> {
        let query = fold(text);
        let code: String = text.trim().chars().filter(|c| *c != '.').collect::<String>().to_ascii_uppercase();
        if query.is_empty() {
            return Vec::new();
        }
        let folded = self.folded.get_or_init(|| {
            self.rows.iter().map(|d| format!(" {} {}", fold(&d.name_vi), fold(&d.name_en)).into()).collect()
        });
        let words: Vec<String> = query.split(' ').map(|w| format!(" {w}")).collect();
        let mut hits: Vec<(bool, u8, &Diagnosis)> = self
            .rows
            .iter()
            .zip(folded)
            .filter(|(d, _)| d.status == Status::Current)
            .filter_map(|(d, name)| {
                let by_code = d.key.0.starts_with(code.as_bytes());
                (by_code || words.iter().all(|w| name.contains(w))).then_some((!by_code, d.kind, d))
            })
            .collect();
        hits.sort_by_key(|(named, kind, d)| (*named, *kind, d.key));
        hits.into_iter().take(limit).map(|(_, _, d)| d).collect()
    }

    fn category_rows(&self, key: IcdKey) -> &[Diagnosis] {
        let slot = key.slot();
        &self.rows[usize::from(self.starts[slot])..usize::from(self.starts[slot + 1])]
    }
}

fn read_codes(text: &str, blocks: &[Block]) -> Result<Vec<Diagnosis>, Error> {
    let shared: std::collections::HashMap<&str, Arc<str>> =
        blocks.iter().map(|b| (&*b.range, Arc::from(&*b.range))).collect();
    let mut rows = Vec::with_capacity(14_000);
    each_row(FILE, text, "code,name_vi,name_en,chapter,block,kind,dagger,status,source", |row| {
        if rows.len() >= usize::from(u16::MAX) {
            return Err(row.error(format!("more than {} codes", u16::MAX)));
        }
        let key = row.read(0, "an ICD-10 code", IcdKey::parse)?;
        rows.push(Diagnosis {
            code: row.text(0).into(),
            name_vi: row.required(1, "name_vi")?.into(),
            name_en: row.text(2).into(),
            chapter: row.read(3, "a chapter I–XXII", roman)?,
            block: row.read(4, "a block of icd10-vn-groups.csv", |t| shared.get(t).cloned())?,
            kind: row.read(5, "the number of the code's characters", |t| {
                t.parse().ok().filter(|&n: &u8| usize::from(n) == key.characters())
            })?,
            dagger: row.read(6, "empty, + or *", |t| match t {
                "" => Some(Mark::None),
                "+" => Some(Mark::Dagger),
                "*" => Some(Mark::Asterisk),
                _ => None,
            })?,
            status: row.read(7, "current, retired or reserved", |t| match t {
                "current" => Some(Status::Current),
                "retired" => Some(Status::Retired),
                "reserved" => Some(Status::Reserved),
                _ => None,
            })?,
            key,
        });
        Ok(())
    })?;
    Ok(rows)
}

fn read_groups(text: &str) -> Result<(Vec<Chapter>, Vec<Block>), Error> {
    let (mut chapters, mut blocks) = (Vec::new(), Vec::new());
    each_row(GROUPS_FILE, text, "level,range,chapter,parent_range,name_vi,name_en", |row| {
        let number = row.read(2, "a chapter I–XXII", roman)?;
        let (range, name_vi, name_en) = (row.text(1).into(), row.required(4, "name_vi")?.into(), row.text(5).into());
        match row.text(0) {
            "chapter" if usize::from(number) == chapters.len() + 1 => {
                chapters.push(Chapter { number, range, name_vi, name_en });
            }
            "block" => blocks.push(Block { range, chapter: number, parent: row.text(3).into(), name_vi, name_en }),
            other => return Err(row.error(format!("`{other}` {number}: want `block`, or the next `chapter`"))),
        }
        Ok(())
    })?;
    Ok((chapters, blocks))
}

/// `I` to `XXII` as 1 to 22.
fn roman(text: &str) -> Option<u8> {
    let (tens, ones) = match text.strip_prefix("XX") {
        Some(rest) => (20, rest),
        None => match text.strip_prefix('X') {
            Some(rest) => (10, rest),
            None => (0, text),
        },
    };
    let ones = ["", "I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX"].iter().position(|&r| r == ones)?;
    Some(tens + ones as u8).filter(|n| (1..=22).contains(n))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_found_however_written() {
        let icd = Icd10::shared();
        for (text, expect) in [
            ("I10", Some("I10")),
            ("i10", Some("I10")),
            ("E119", Some("E11.9")),
            ("E11.9", Some("E11.9")),
            (" E11.9 ", Some("E11.9")),
            ("A17.0+", Some("A17.0")),
            ("A17.0†", Some("A17.0")),
            ("G01*", Some("G01")),
            ("M01.00", Some("M01.00")),
            ("M0100", Some("M01.00")),
            ("E11.", None),
            ("E1", None),
            ("", None),
            ("I100", None),
            ("I1O", None),
            ("E11.999", None),
            ("É11", None),
            ("E11,9", None),
            ("ZZZ", None),
        ] {
            assert_eq!(icd.get(text).map(|d| &*d.code), expect, "{text}");
        }
        assert_eq!(&*icd.get("I10").unwrap().name_en, "Essential (primary) hypertension");
        assert_eq!(icd.category("E11.9").map(|d| &*d.code), Some("E11"));
        assert_eq!((icd.chapter_of("E11.9"), icd.chapter_of("U07.1"), icd.chapter_of("x")), (Some(4), Some(22), None));
        for (code, parent) in [("E11", true), ("E11.9", false), ("I10", false), ("B18.1", true), ("x", false)] {
            assert_eq!(icd.is_parent(code), parent, "{code}");
        }
    }

    #[test]
    fn the_list_is_whole() {
        let icd = Icd10::shared();
        assert_eq!(icd.all().len(), 13_086);
        let count = |f: &dyn Fn(&Diagnosis) -> bool| icd.all().iter().filter(|d| f(d)).count();
        assert_eq!([3, 4, 5].map(|k| count(&|d| d.kind == k)), [2_056, 10_150, 880]);
        assert_eq!((count(&|d| d.dagger == Mark::Dagger), count(&|d| d.dagger == Mark::Asterisk)), (85, 777));
        assert_eq!((count(&|d| d.status == Status::Retired), count(&|d| d.status == Status::Reserved)), (31, 18));
        assert_eq!((icd.chapters().len(), icd.blocks().len()), (22, 274));
        for d in icd.all() {
            assert!(icd.category(&d.code).is_some(), "{} has no category", d.code);
            assert!(icd.get(&d.code).is_some_and(|found| found.code == d.code), "{}", d.code);
            let block = icd.blocks().iter().find(|b| b.range == (*d.block).into()).unwrap();
            assert_eq!(block.chapter, d.chapter, "{}", d.code);
            assert!(*d.block <= d.key.category()[..] || d.block.starts_with(d.key.category()), "{}", d.code);
        }
        assert_eq!(&*icd.chapter(9).unwrap().range, "I00-I99");
        assert!(icd.chapter(0).is_none() && icd.chapter(23).is_none());
    }

    #[test]
    fn names_are_searched_without_accents() {
        let icd = Icd10::shared();
        for (text, first) in [
            ("tang huyet ap vo can", Some("I10")),
            ("Tăng huyết áp vô căn", Some("I10")),
            ("e11", Some("E11")),
            ("E11.9", Some("E11.9")),
            ("dengue nang", Some("A97.2")),
            ("cholera", Some("A00")),
            ("khong co benh nao ten the nay", None),
            ("", None),
        ] {
            assert_eq!(icd.search(text, 5).first().map(|d| &*d.code), first, "{text}");
        }
        assert_eq!(icd.search("benh", 7).len(), 7);
    }

    #[test]
    fn roman_numbers() {
        let cases =
            [("I", Some(1)), ("IX", Some(9)), ("XIV", Some(14)), ("XXII", Some(22)), ("XXIII", None), ("", None)];
        for (text, expect) in cases {
            assert_eq!(roman(text), expect, "{text}");
        }
    }
}
