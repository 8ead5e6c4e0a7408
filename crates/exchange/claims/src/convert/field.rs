//! One row's texts as what they mean.

use mach_base::decimal::{Decimal, Money, Quantity};
use mach_base::{Day, Minute, text};

use super::ConvertError;
use crate::layout::Family;
use crate::raw::{RawRow, trim};

/// A row and the shape its tags are in.
#[derive(Clone, Copy)]
pub(super) struct Fields<'a> {
    row: RawRow<'a>,
    pub(super) family: Family,
}

impl<'a> Fields<'a> {
    pub(super) fn new(row: RawRow<'a>, family: Family) -> Self {
        Self { row, family }
    }

    pub(super) fn row(self) -> RawRow<'a> {
        self.row
    }

    /// Its place in the table, from 1.
    pub(super) fn number(self) -> u32 {
        self.row.line()
    }

    /// The trimmed text of `tag`; empty where the layout has no such tag.
    pub(super) fn get(self, tag: &str) -> &'a str {
        self.row.get(tag)
    }

    /// A code, as written.
    pub(super) fn code(self, tag: &str) -> String {
        self.get(tag).to_owned()
    }

    /// A text for people, in canonical form.
    pub(super) fn text(self, tag: &str) -> String {
        canonical(self.get(tag))
    }

    /// The first of `tags` that has a text, in canonical form.
    pub(super) fn first_text(self, tags: [&str; 2]) -> String {
        let first = self.get(tags[0]);
        canonical(if first.is_empty() { self.get(tags[1]) } else { first })
    }

    /// A code of another list, by what means the same in ours; empty where empty.
    pub(super) fn carried(self, tag: &str, list: &[(&str, &str)]) -> Result<String, ConvertError> {
        let code = self.get(tag);
        if code.is_empty() {
            return Ok(String::new());
        }
        let found = list.iter().find(|(from, _)| *from == code.trim_start_matches('0'));
        found.map(|(_, to)| (*to).to_owned()).ok_or_else(|| self.wrong(tag, "a code of its list"))
    }

    pub(super) fn minute(self, tag: &str) -> Result<Minute, ConvertError> {
        Minute::parse_compact(self.get(tag)).ok_or_else(|| self.wrong(tag, "a time yyyyMMddHHmm"))
    }

    pub(super) fn minute_or_none(self, tag: &str) -> Result<Option<Minute>, ConvertError> {
        if self.get(tag).is_empty() { Ok(None) } else { self.minute(tag).map(Some) }
    }

    pub(super) fn day_or_none(self, tag: &str) -> Result<Option<Day>, ConvertError> {
        match self.get(tag) {
            "" => Ok(None),
            d => Day::parse_compact(d).map(Some).ok_or_else(|| self.wrong(tag, "a day yyyyMMdd")),
        }
    }

    /// Empty is zero: optional totals are left empty where there is nothing to pay.
    pub(super) fn money(self, tag: &str) -> Result<Money, ConvertError> {
        match self.get(tag) {
            "" => Ok(Money::ZERO),
            m => Money::parse(m).map_err(|_| self.wrong(tag, "money with at most two decimals")),
        }
    }

    pub(super) fn quantity(self, tag: &str) -> Result<Option<Quantity>, ConvertError> {
        match self.get(tag) {
            "" => Ok(None),
            q => Quantity::parse(q).map(Some).map_err(|_| self.wrong(tag, "a number with at most three decimals")),
        }
    }

    /// A whole number; `3200.0` is one.
    pub(super) fn integer(self, tag: &str) -> Result<Option<i64>, ConvertError> {
        let text = self.get(tag);
        if text.is_empty() {
            return Ok(None);
        }
        let whole = text.parse::<Decimal>().ok().map(Decimal::trimmed).filter(|d| d.scale == 0);
        whole.map(|d| Some(d.units)).ok_or_else(|| self.wrong(tag, "a whole number"))
    }

    pub(super) fn wrong(self, tag: &str, expected: &'static str) -> ConvertError {
        ConvertError {
            table: self.row.table(),
            line: self.row.line(),
            tag: tag.to_owned(),
            text: self.get(tag).chars().take(100).collect(),
            expected,
        }
    }
}

/// NFC; plain ASCII, as most codes and units are, is its own canonical form.
fn canonical(written: &str) -> String {
    if written.is_ascii() { written.to_owned() } else { text::nfc(written) }
}

/// Parts of a list `a;b;c`, without empty ones.
pub(super) fn list(text: &str) -> Vec<String> {
    text.split(';').map(trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
}
