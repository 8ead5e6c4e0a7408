//! A facility as a spreadsheet (XLSX, ECMA-376): the template, what a facility is as a file, and such a file read.
//!
//! Read by `mach-sheets`: no formula is computed, nothing is laid out whole in memory. What has no place in the template, a
//! sheet, a column, a cell beside the columns, is told: nothing that somebody wrote is left out in silence.

use crate::kinds::Kinds;
use crate::limits;
use crate::sheet::{Col, Draft, Holds, ROLES, SHEETS, tidy};
use mach_base::text::fold;
use mach_house::role_label;
use mach_sheets::{Cell, Kind, Limits, Row, Wrong, letters};
use mach_ui::{Lang, msg};
use rust_xlsxwriter::{DataValidation, Format, Formula, Workbook, Worksheet, XlsxError};
use std::collections::HashMap;
use std::io::Cursor;

/// Media type of the file.
pub const MEDIA: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
/// Rows that are prepared for typing.
const PREPARED: u32 = 500;
/// What a file may be.
const LIMITS: Limits = Limits {
    parts: limits::BOOK_PARTS,
    unpacked: limits::BOOK_UNPACKED_BYTES,
    // Each shared text is shown by one cell at least.
    strings: limits::BOOK_BYTES,
};

/// The choices of a column, as they are written.
fn choices(holds: Holds) -> Vec<String> {
    let kinds = Kinds::shared();
    match holds {
        Holds::Kind => kinds.kinds.iter().map(|k| k.name(Lang::Vi).to_owned()).collect(),
        Holds::Position => kinds.positions.iter().map(|p| p.name(Lang::Vi).to_owned()).collect(),
        Holds::Role => ROLES.iter().map(|r| Lang::Vi.t(role_label(*r)).to_owned()).collect(),
        _ => Vec::new(),
    }
}

fn heading(col: &Col) -> String {
    format!("{}{}", Lang::Vi.t(col.label), if col.required { " *" } else { "" })
}

/// The lists that columns offer, as cells of a sheet of their own: a list written into the rule itself is parted by commas, and
/// *Trạm y tế xã, phường* is one choice.
struct Lists(Vec<(Holds, Vec<String>)>);

impl Lists {
    fn of_sheets() -> Self {
        let mut all: Vec<(Holds, Vec<String>)> = Vec::new();
        for col in SHEETS.iter().flat_map(|s| s.shown(true)) {
            let listed = choices(col.holds);
            if !listed.is_empty() && all.iter().all(|(holds, _)| *holds != col.holds) {
                all.push((col.holds, listed));
            }
        }
        Self(all)
    }

    /// The cells of a list, as a rule names them.
    fn range(&self, holds: Holds) -> Option<String> {
        let at = self.0.iter().position(|(of, _)| *of == holds)?;
        let column = letters(u32::try_from(at).ok()?);
        Some(format!("='{}'!${column}$1:${column}${}", Lang::Vi.t(msg::ORG_LISTS), self.0[at].1.len()))
    }

    fn write(&self, page: &mut Worksheet) -> Result<(), XlsxError> {
        page.set_name(Lang::Vi.t(msg::ORG_LISTS))?;
        for (at, (_, words)) in (0_u16..).zip(&self.0) {
            page.set_column_width(at, 40)?;
            for (row, word) in (0_u32..).zip(words) {
                page.write_string(row, at, word)?;
            }
        }
        Ok(())
    }
}

/// The file of a draft; of an empty one it is the template. Every cell is text: nothing in it is ever computed.
///
/// # Errors
/// Of the writer, where a draft holds more than a file may.
pub fn write(draft: &Draft) -> Result<Vec<u8>, XlsxError> {
    let mut book = Workbook::new();
    let lists = Lists::of_sheets();
    let head = Format::new().set_bold().set_text_wrap();
    let plain = Format::new().set_num_format("@");
    for (n, sheet) in SHEETS.iter().enumerate() {
        let page = book.add_worksheet();
        page.set_name(Lang::Vi.t(sheet.label))?;
        page.set_freeze_panes(1, 0)?;
        for (at, col) in (0_u16..).zip(sheet.shown(true)) {
            page.set_column_width(at, 22)?;
            page.set_column_format(at, &plain)?;
            page.write_string_with_format(0, at, heading(col), &head)?;
            if let Some(range) = lists.range(col.holds) {
                let rule = DataValidation::new().allow_list_formula(Formula::new(range));
                page.add_data_validation(1, at, PREPARED, at, &rule)?;
            }
            for row in 0..draft.sheets[n].len() {
                let text = draft.get(n, row, col.key);
                let row = u32::try_from(row + 1).unwrap_or(u32::MAX);
                if !text.is_empty() {
                    page.write_string_with_format(row, at, crate::sheet::written(col.holds, text), &plain)?;
                }
            }
        }
    }
    let guide = book.add_worksheet();
    guide.set_name(Lang::Vi.t(msg::ORG_GUIDE))?;
    guide.set_column_width(0, 28)?;
    guide.set_column_width(1, 32)?;
    guide.set_column_width(2, 80)?;
    let mut row = 0;
    for sheet in &SHEETS {
        for col in sheet.shown(true) {
            let hint = col.hint.map(|h| Lang::Vi.t(h).to_owned());
            let list = choices(col.holds).join("; ");
            guide.write_string(row, 0, Lang::Vi.t(sheet.label))?;
            guide.write_string(row, 1, heading(col))?;
            guide.write_string(row, 2, hint.unwrap_or(list))?;
            row += 1;
        }
    }
    lists.write(book.add_worksheet())?;
    book.save_to_buffer()
}

/// What is wrong with a file, where: sheet, cell, words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The sheet as the file calls it; empty: the file itself.
    pub sheet: String,
    /// Cell or row.
    pub place: String,
    /// What is wrong.
    pub text: String,
}

/// A file that was read.
#[derive(Clone, Debug, Default)]
pub struct Book {
    /// What stands in it.
    pub draft: Draft,
    /// Rows of the file, by sheet and row of the draft.
    rows: [Vec<u32>; 6],
    /// Columns of the file, by sheet and column.
    cols: [HashMap<&'static str, u32>; 6],
}

impl Book {
    /// A flaw of the draft, as a place of the file.
    pub fn fault(&self, lang: Lang, flaw: &crate::check::Flaw) -> Fault {
        let label = SHEETS[flaw.sheet].cols.iter().find(|c| c.key == flaw.col).map_or("", |c| lang.t(c.label));
        let row = self.rows[flaw.sheet].get(flaw.row).copied();
        let col = self.cols[flaw.sheet].get(flaw.col).map(|c| letters(*c)).unwrap_or_default();
        let place = row.map(|r| format!("{col}{r} · ")).unwrap_or_default();
        Fault {
            sheet: Lang::Vi.t(SHEETS[flaw.sheet].label).to_owned(),
            place: format!("{place}{label}"),
            text: flaw.text.clone(),
        }
    }
}

/// A file that cannot be read, where.
fn unread(lang: Lang, wrong: Wrong) -> Vec<Fault> {
    let (sheet, place, text) = match wrong {
        Wrong::Unreadable(_) => (String::new(), String::new(), lang.t(msg::ORG_BOOK_UNREADABLE).to_owned()),
        Wrong::Large(_) => (String::new(), String::new(), lang.t(msg::ORG_BOOK_LARGE).to_owned()),
        Wrong::Place { sheet, place, .. } => (sheet, place, lang.t(msg::ORG_BOOK_CELL).to_owned()),
    };
    vec![Fault { sheet, place, text }]
}

/// A cell's text as it would have been typed: days and times of a spreadsheet are numbers. A longer text than may be is cut one
/// past it, so that the check tells.
fn typed(holds: Holds, cell: &Cell<'_>, is_1904: bool) -> String {
    let text: &str = &cell.text;
    let found = match (cell.kind, holds) {
        (Kind::Number, Holds::Day) => mach_sheets::day(text, is_1904).map(|d| d.to_string()),
        (Kind::Number, Holds::Clock) => mach_sheets::clock(text),
        _ => None,
    };
    found.unwrap_or_else(|| text.chars().take(limits::CELL_CHARS + 1).collect())
}

fn names(lang: Lang) -> [Lang; 2] {
    // Files are written in Vietnamese; what the reader's language calls things is understood as well.
    if lang == Lang::Vi { [Lang::Vi, Lang::En] } else { [Lang::En, Lang::Vi] }
}

/// Reads a file.
///
/// # Errors
/// What is wrong with it before its rows can be looked at.
pub fn read(lang: Lang, bytes: &[u8]) -> Result<Book, Vec<Fault>> {
    if bytes.len() > limits::BOOK_BYTES {
        return Err(unread(lang, Wrong::Large("bytes")));
    }
    let mut file = mach_sheets::Book::open(Cursor::new(bytes), &LIMITS).map_err(|e| unread(lang, e))?;
    let is_1904 = file.is_1904();
    let sheets: Vec<String> = file.sheets().map(str::to_owned).collect();
    let (mut found, mut taken) =
        (Found { book: Book::default(), faults: Vec::new(), lang, is_1904 }, [false; SHEETS.len()]);
    for (at, name) in sheets.iter().enumerate() {
        let is = |label| names(lang).iter().any(|l| fold(l.t(label)) == fold(name));
        if is(msg::ORG_GUIDE) || is(msg::ORG_LISTS) {
            continue;
        }
        let mut rows = file.rows(at).map_err(|e| unread(lang, e))?;
        match SHEETS.iter().position(|s| is(s.label)) {
            Some(n) if !std::mem::replace(&mut taken[n], true) => {
                for row in rows {
                    found.row(n, name, &row.map_err(|e| unread(lang, e))?);
                }
                found.ended(n, name);
            }
            twice => {
                // An empty one, as programs make them, says nothing.
                if let Some(row) = rows.next().transpose().map_err(|e| unread(lang, e))? {
                    let why = if twice.is_some() { msg::ORG_BOOK_TWICE } else { msg::ORG_BOOK_SHEET };
                    found.fault(name, row.number.to_string(), lang.t(why).to_owned());
                }
            }
        }
    }
    if found.faults.is_empty() { Ok(found.book) } else { Err(found.faults) }
}

/// What was read so far.
struct Found {
    book: Book,
    faults: Vec<Fault>,
    lang: Lang,
    is_1904: bool,
}

impl Found {
    /// One more than are told is enough to know that there are more.
    fn fault(&mut self, sheet: &str, place: String, text: String) {
        if self.faults.len() <= limits::FLAWS {
            self.faults.push(Fault { sheet: sheet.to_owned(), place, text });
        }
    }

    /// The headings.
    fn head(&mut self, n: usize, name: &str, row: &Row<'_>) {
        for (column, cell) in &row.cells {
            let shown: String = cell.text.trim().chars().take(limits::CELL_CHARS).collect();
            let folded = fold(shown.trim_end_matches([' ', '*']));
            let place = || format!("{}{}", letters(*column), row.number);
            match SHEETS[n].cols.iter().find(|c| names(self.lang).iter().any(|l| fold(l.t(c.label)) == folded)) {
                None => self.fault(name, place(), self.lang.fmt(msg::ORG_BOOK_COLUMN, &[("name", &shown)])),
                Some(col) if self.book.cols[n].insert(col.key, *column).is_some() => {
                    self.fault(name, place(), self.lang.t(msg::ORG_BOOK_TWICE).to_owned());
                }
                Some(_) => {}
            }
        }
    }

    fn row(&mut self, n: usize, name: &str, row: &Row<'_>) {
        if row.number == 1 {
            return self.head(n, name, row);
        }
        // One row more than may be, so that the check tells.
        if self.book.draft.sheets[n].len() > limits::ROWS {
            return;
        }
        let cols = SHEETS[n].cols;
        let mut texts = vec![String::new(); cols.len()];
        for (column, cell) in &row.cells {
            let place = || format!("{}{}", letters(*column), row.number);
            let col = cols.iter().position(|c| self.book.cols[n].get(c.key) == Some(column));
            match col {
                _ if cell.kind == Kind::Error => self.fault(name, place(), self.lang.t(msg::ORG_BOOK_CELL).to_owned()),
                Some(at) => texts[at] = tidy(cols[at].holds, &typed(cols[at].holds, cell, self.is_1904)),
                None => self.fault(name, place(), self.lang.t(msg::ORG_BOOK_BESIDE).to_owned()),
            }
        }
        if texts.iter().any(|t| !t.is_empty()) {
            self.book.draft.sheets[n].push(texts);
            self.book.rows[n].push(row.number);
        }
    }

    /// Which columns lack, where there are rows.
    fn ended(&mut self, n: usize, name: &str) {
        if self.book.draft.sheets[n].is_empty() {
            return;
        }
        for col in SHEETS[n].cols.iter().filter(|c| c.required) {
            if !self.book.cols[n].contains_key(col.key) {
                let text = self.lang.fmt(msg::ORG_BOOK_MISSING, &[("name", self.lang.t(col.label))]);
                self.fault(name, "1".to_owned(), text);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_a_spreadsheet_are_days_and_times() {
        for (holds, text, is_1904, typed_as) in [
            (Holds::Day, "46023", false, "2026-01-01"),
            (Holds::Day, "46023.75", false, "2026-01-01"),
            (Holds::Day, "44561", true, "2026-01-01"),
            (Holds::Clock, "0.29166666666666669", false, "07:00"),
            (Holds::Clock, "0.6875", false, "16:30"),
            (Holds::Price, "36500", false, "36500"),
        ] {
            let cell = Cell { text: text.into(), kind: Kind::Number };
            assert_eq!(typed(holds, &cell, is_1904), typed_as, "{text}");
        }
        let text = Cell { text: "46023".into(), kind: Kind::Text };
        assert_eq!(typed(Holds::Day, &text, false), "46023", "a text is no number");
        let long = Cell { text: "x".repeat(30_000).into(), kind: Kind::Text };
        assert_eq!(typed(Holds::Text, &long, false).len(), limits::CELL_CHARS + 1);
    }
}
