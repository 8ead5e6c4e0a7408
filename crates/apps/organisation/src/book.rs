//! A facility as a spreadsheet (XLSX, ECMA-376): the template, what a facility is as a file, and such a file read.
//!
//! Read with `zip` and `roxmltree`, which are here already: only texts and numbers of cells are looked at; no formula is
//! computed, no macro, link or picture is opened. What unpacks to more than `limits::BOOK_UNPACKED_BYTES` is refused
//! while it is unpacked, whatever its own directory says.

use crate::kinds::Kinds;
use crate::limits;
use crate::sheet::{Col, Draft, Holds, ROLES, SHEETS, tidy};
use mach_base::Day;
use mach_base::text::fold;
use mach_house::role_label;
use mach_ui::{Lang, msg};
use roxmltree::{Document, Node, ParsingOptions};
use rust_xlsxwriter::{DataValidation, Format, Workbook, XlsxError};
use std::collections::HashMap;
use std::io::{Cursor, Read};

/// Media type of the file.
pub const MEDIA: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
/// Rows that are prepared for typing.
const PREPARED: u32 = 500;
/// Days from 1899-12-30, where a spreadsheet counts from, to 1970-01-01.
const EPOCH: i32 = 25_569;
/// Days by which files of the older Macintosh count later.
const EPOCH_1904: i32 = 1_462;

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

/// The file of a draft; of an empty one it is the template. Every cell is text: nothing in it is ever computed.
///
/// # Errors
/// Of the writer, where a draft holds more than a file may.
pub fn write(draft: &Draft) -> Result<Vec<u8>, XlsxError> {
    let mut book = Workbook::new();
    let head = Format::new().set_bold().set_text_wrap();
    let plain = Format::new().set_num_format("@");
    for (n, sheet) in SHEETS.iter().enumerate() {
        let page = book.add_worksheet();
        page.set_name(Lang::Vi.t(sheet.label))?;
        page.set_freeze_panes(1, 0)?;
        for (at, col) in (0_u16..).zip(sheet.cols) {
            page.set_column_width(at, 22)?;
            page.set_column_format(at, &plain)?;
            page.write_string_with_format(0, at, heading(col), &head)?;
            let listed = choices(col.holds);
            if !listed.is_empty() {
                let rule = DataValidation::new().allow_list_strings(&listed)?;
                page.add_data_validation(1, at, PREPARED, at, &rule)?;
            }
            for (row, cells) in (1_u32..).zip(&draft.sheets[n]) {
                let text = cells.get(usize::from(at)).map(String::as_str).unwrap_or_default();
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
        for col in sheet.cols {
            let hint = col.hint.map(|h| Lang::Vi.t(h).to_owned());
            let list = choices(col.holds).join("; ");
            guide.write_string(row, 0, Lang::Vi.t(sheet.label))?;
            guide.write_string(row, 1, heading(col))?;
            guide.write_string(row, 2, hint.unwrap_or(list))?;
            row += 1;
        }
    }
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

/// `0` is A.
fn letters(mut column: u32) -> String {
    let mut out = Vec::new();
    loop {
        out.push(char::from(b'A' + u8::try_from(column % 26).unwrap_or(0)));
        if column < 26 {
            break;
        }
        column = column / 26 - 1;
    }
    out.into_iter().rev().collect()
}

/// `BC12` as column 54, row 12.
fn cell_place(reference: &str) -> Option<(u32, u32)> {
    let split = reference.find(|c: char| c.is_ascii_digit())?;
    let (name, row) = reference.split_at(split);
    if name.is_empty() || name.len() > 3 || !name.bytes().all(|b| b.is_ascii_uppercase()) {
        return None;
    }
    let column = name.bytes().fold(0, |n, b| n * 26 + u32::from(b - b'A') + 1);
    Some((column - 1, row.parse().ok().filter(|r| *r > 0)?))
}

struct Parts(HashMap<String, String>);

fn unpack(lang: Lang, bytes: &[u8]) -> Result<Parts, String> {
    let unreadable = || lang.t(msg::ORG_BOOK_UNREADABLE).to_owned();
    let too_large = || lang.t(msg::ORG_BOOK_LARGE).to_owned();
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).map_err(|_| unreadable())?;
    if archive.len() > limits::BOOK_PARTS {
        return Err(too_large());
    }
    let (mut parts, mut left) = (HashMap::new(), limits::BOOK_UNPACKED_BYTES);
    for n in 0..archive.len() {
        let file = archive.by_index(n).map_err(|_| unreadable())?;
        let name = file.name().map_err(|_| unreadable())?.trim_start_matches('/').to_owned();
        let is_sheet = name.starts_with("xl/worksheets/") && name.ends_with(".xml");
        let frame = ["xl/workbook.xml", "xl/_rels/workbook.xml.rels", "xl/sharedStrings.xml"];
        if !is_sheet && !frame.contains(&name.as_str()) {
            continue;
        }
        let mut text = String::new();
        let read = file.take(left + 1).read_to_string(&mut text).map_err(|_| unreadable())?;
        left = left.checked_sub(u64::try_from(read).unwrap_or(u64::MAX)).ok_or_else(too_large)?;
        parts.insert(name, text);
    }
    Ok(Parts(parts))
}

impl Parts {
    fn parse(&self, lang: Lang, name: &str) -> Result<Option<Document<'_>>, String> {
        let Some(text) = self.0.get(name) else { return Ok(None) };
        // No document types, so no entities either.
        let options = ParsingOptions { allow_dtd: false, nodes_limit: limits::BOOK_NODES, ..ParsingOptions::default() };
        match Document::parse_with_options(text, options) {
            Ok(document) => Ok(Some(document)),
            Err(roxmltree::Error::NodesLimitReached) => Err(lang.t(msg::ORG_BOOK_LARGE).to_owned()),
            Err(_) => Err(lang.t(msg::ORG_BOOK_UNREADABLE).to_owned()),
        }
    }
}

fn named<'a, 'd>(node: Node<'a, 'd>, name: &'static str) -> impl Iterator<Item = Node<'a, 'd>> {
    node.descendants().filter(move |n| n.is_element() && n.tag_name().name() == name)
}

/// The text of a string item: its runs, without the readings of East Asian names.
fn string(item: Node<'_, '_>) -> String {
    let runs = named(item, "t").filter(|t| !t.ancestors().any(|a| a.tag_name().name() == "rPh"));
    runs.filter_map(|t| t.text()).collect()
}

/// The sheets of a file: name and cells by row and column.
type Cells = HashMap<u32, HashMap<u32, (String, bool)>>;

fn cells(document: &Document<'_>, strings: &[String]) -> Cells {
    let mut out = Cells::new();
    for cell in named(document.root_element(), "c") {
        let Some((column, row)) = cell.attribute("r").and_then(cell_place) else { continue };
        let value = || named(cell, "v").next().and_then(|v| v.text()).unwrap_or_default();
        let (text, is_number) = match cell.attribute("t") {
            Some("s") => (value().parse().ok().and_then(|n: usize| strings.get(n)).cloned().unwrap_or_default(), false),
            Some("inlineStr") => (string(cell), false),
            Some(_) => (value().to_owned(), false),
            None => (value().to_owned(), true),
        };
        if !text.trim().is_empty() {
            out.entry(row).or_default().insert(column, (text, is_number));
        }
    }
    out
}

/// A cell's text as it would have been typed: days and times of a spreadsheet are numbers.
fn typed(holds: Holds, (text, is_number): &(String, bool), is_1904: bool) -> String {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let number = if *is_number { whole.parse::<i32>().ok() } else { None };
    match (holds, number) {
        // The time of day goes.
        (Holds::Day, Some(serial)) if (1..100_000).contains(&serial) => {
            Day(serial - EPOCH + if is_1904 { EPOCH_1904 } else { 0 }).to_string()
        }
        (Holds::Clock, Some(0)) => {
            // Nine digits of a day are well under a second.
            let digits: String = part.chars().chain("000000000".chars()).take(9).collect();
            let Ok(part) = digits.parse::<u64>() else { return text.clone() };
            let minutes = (part * 1_440 + 500_000_000) / 1_000_000_000;
            format!("{:02}:{:02}", minutes / 60 % 24, minutes % 60)
        }
        _ => text.clone(),
    }
}

/// Reads a file.
///
/// # Errors
/// What is wrong with it before its rows can be looked at.
pub fn read(lang: Lang, bytes: &[u8]) -> Result<Book, Vec<Fault>> {
    let whole = |text: String| vec![Fault { sheet: String::new(), place: String::new(), text }];
    if bytes.len() > limits::BOOK_BYTES {
        return Err(whole(lang.t(msg::ORG_BOOK_LARGE).to_owned()));
    }
    let parts = unpack(lang, bytes).map_err(whole)?;
    let missing = || whole(lang.t(msg::ORG_BOOK_UNREADABLE).to_owned());
    let workbook = parts.parse(lang, "xl/workbook.xml").map_err(whole)?.ok_or_else(missing)?;
    let links = parts.parse(lang, "xl/_rels/workbook.xml.rels").map_err(whole)?.ok_or_else(missing)?;
    let strings = parts.parse(lang, "xl/sharedStrings.xml").map_err(whole)?;
    let strings: Vec<String> = strings.iter().flat_map(|d| named(d.root_element(), "si").map(string)).collect();
    let is_1904 =
        named(workbook.root_element(), "workbookPr").any(|p| matches!(p.attribute("date1904"), Some("1" | "true")));
    let (mut book, mut faults) = (Book::default(), Vec::new());
    for page in named(workbook.root_element(), "sheet") {
        let name = page.attribute("name").unwrap_or_default();
        let means = |s: &crate::sheet::Sheet| [Lang::Vi, Lang::En].iter().any(|l| fold(l.t(s.label)) == fold(name));
        let Some(n) = SHEETS.iter().position(means) else { continue };
        let id = page.attributes().find(|a| a.name() == "id").map(|a| a.value()).unwrap_or_default();
        let link = named(links.root_element(), "Relationship").find(|r| r.attribute("Id") == Some(id));
        let target = link.and_then(|l| l.attribute("Target")).unwrap_or_default();
        let path = match target.strip_prefix('/') {
            Some(whole) => whole.to_owned(),
            None => format!("xl/{target}"),
        };
        let Some(document) = parts.parse(lang, &path).map_err(whole)? else { return Err(missing()) };
        sheet(lang, (n, name), &cells(&document, &strings), is_1904, (&mut book, &mut faults));
    }
    if faults.is_empty() { Ok(book) } else { Err(faults) }
}

fn sheet(
    lang: Lang,
    (n, name): (usize, &str),
    cells: &Cells,
    is_1904: bool,
    (book, faults): (&mut Book, &mut Vec<Fault>),
) {
    let cols = SHEETS[n].cols;
    let mut fault = |place: String, text: String| faults.push(Fault { sheet: name.to_owned(), place, text });
    for (column, (text, _)) in cells.get(&1).into_iter().flatten() {
        let folded = fold(text.trim_end_matches([' ', '*']));
        let found = cols.iter().find(|c| [Lang::Vi, Lang::En].iter().any(|l| fold(l.t(c.label)) == folded));
        match found {
            Some(col) => drop(book.cols[n].insert(col.key, *column)),
            None => fault(format!("{}1", letters(*column)), lang.fmt(msg::ORG_BOOK_COLUMN, &[("name", text.trim())])),
        }
    }
    let mut rows: Vec<&u32> = cells.keys().filter(|r| **r > 1).collect();
    rows.sort_unstable();
    if !rows.is_empty() {
        for col in cols.iter().filter(|c| c.required && !book.cols[n].contains_key(c.key)) {
            fault("1".to_owned(), lang.fmt(msg::ORG_BOOK_MISSING, &[("name", lang.t(col.label))]));
        }
    }
    // One row more than may be, so that the check tells.
    for row in rows.into_iter().take(limits::ROWS + 1) {
        let get = |col: &Col| {
            let cell = book.cols[n].get(col.key).and_then(|c| cells.get(row)?.get(c));
            cell.map(|c| tidy(col.holds, &typed(col.holds, c, is_1904))).unwrap_or_default()
        };
        let texts: Vec<String> = cols.iter().map(get).collect();
        if texts.iter().any(|t| !t.is_empty()) {
            book.draft.sheets[n].push(texts);
            book.rows[n].push(*row);
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
            assert_eq!(typed(holds, &(text.to_owned(), true), is_1904), typed_as, "{text}");
        }
        assert_eq!(typed(Holds::Day, &("46023".to_owned(), false), false), "46023", "a text is no number");
    }

    #[test]
    fn places_are_named_as_spreadsheets_do() {
        for (column, name) in [(0, "A"), (25, "Z"), (26, "AA"), (54, "BC")] {
            assert_eq!(letters(column), name);
            assert_eq!(cell_place(&format!("{name}12")), Some((column, 12)));
        }
        for wrong in ["", "12", "A", "A0", "AAAA1", "a1"] {
            assert_eq!(cell_place(wrong), None, "{wrong}");
        }
    }
}
