//! A claim as it stands in its file: tables, rows and texts by tag, nothing interpreted yet.
//!
//! Memory: the decoded inner XML of all tables is kept once, as evidence, and every cell points into it (8 bytes a cell);
//! only texts with references, CDATA mixtures or carriage returns are copied. A claim of 18 lines is about 60 KB.

use std::fmt;
use std::ops::Range;

use mach_base::Day;

use crate::layout::{Family, Field, Layout, TableLayout};

/// Texts outside the layout that are kept per claim. The sources keep all of them.
const EXTRA_KEPT: usize = 1_000;

/// Something that is wrong with the shape of a file or claim. What `rule` says, in which severity and what to do, stands
/// in `content/claims/rules.csv`; `args` fill its placeholders in order:
///
/// | rule | args |
/// |---|---|
/// | `XML-ENCODING` | what was found: an encoding's name, or a byte and its place |
/// | `XML-NOT-XML` | what it seems to be: `ZIP`, `PDF`, `0 byte`, its first characters |
/// | `XML-DTD` | `<!DOCTYPE` |
/// | `XML-ENTITY` | the reference's name |
/// | `XML-SYNTAX` | what is wrong (`EOF`: cut off), byte offset |
/// | `XML-DEPTH` | the limit |
/// | `XML-ROOT` | root found, roots expected |
/// | `XML-LIMIT` | of what, the limit |
/// | `XML-BASE64` | what the decoder says |
/// | `XML-COUNT` | `SOLUONGHOSO` as written, claims counted |
/// | `XML-NO-XML1`, `XML-TABLE-TWICE`, `XML-TABLE-UNKNOWN` | name of the table |
/// | `XML-LINK-DIFFERS` | `MA_LK` of XML1, the other |
/// | `XML-LINK-MISSING`, `XML-FACILITY-MISSING`, `XML-TAG-UNKNOWN`, `XML-TAG-TWICE` | the tag |
/// | `XML-LAYOUT` | day, decision legal that day, decision it is written in |
/// | `XML-DATE` | `NGAY_RA`, `NGAY_VAO` as written |
/// | `XML-INNER` | elements expected, element found (or the decision whose structure is required) |
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problem {
    /// Stable id: `XML-…`.
    pub rule: &'static str,
    /// Table, 0–15.
    pub table: Option<u8>,
    /// Row of the table, from 1.
    pub line: Option<u32>,
    /// Tag, or empty.
    pub tag: String,
    /// What was found and expected.
    pub args: Vec<String>,
}

impl Problem {
    /// A problem of `rule` with what fills its message.
    pub fn new<A: Into<String>>(rule: &'static str, args: impl IntoIterator<Item = A>) -> Self {
        Self { rule, args: args.into_iter().map(Into::into).collect(), ..Self::default() }
    }

    /// The same, of a table.
    pub fn in_table(self, table: u8) -> Self {
        Self { table: Some(table), ..self }
    }

    /// The same, of a field in row `line` (from 1).
    pub fn at(self, line: u32, tag: &str) -> Self {
        Self { line: Some(line), tag: tag.to_owned(), ..self }
    }
}

/// `XML-SYNTAX XML3:2 MA_LK [..]`: for logs; people read the messages of `rules.csv`.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.rule)?;
        if let Some(table) = self.table {
            write!(f, " XML{table}")?;
        }
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        if !self.tag.is_empty() {
            write!(f, " {}", self.tag)?;
        }
        if self.args.is_empty() { Ok(()) } else { write!(f, " [{}]", self.args.join("; ")) }
    }
}

/// Where a text stands: in the decoded sources, or among the copied texts (top bit of `start`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    start: u32,
    len: u32,
}

const COPIED: u32 = 1 << 31;

impl Span {
    /// No such tag in the row.
    pub(crate) const ABSENT: Self = Self { start: u32::MAX, len: u32::MAX };

    fn new(range: Range<usize>, copied: bool) -> Self {
        // A claim holds at most `CLAIM_DECODED_BYTES`, far below 2 GiB; past it a cell would be lost, not wrong.
        match (u32::try_from(range.start), u32::try_from(range.len())) {
            (Ok(start), Ok(len)) if start < COPIED => Self { start: if copied { start | COPIED } else { start }, len },
            _ => Self::ABSENT,
        }
    }
}

/// Texts of a claim: decoded sources, and texts that stand in no source as they are.
#[derive(Clone, Default)]
pub(crate) struct Texts {
    pub(crate) source: String,
    copied: String,
}

impl Texts {
    pub(crate) fn get(&self, span: Span) -> Option<&str> {
        if span == Span::ABSENT {
            return None;
        }
        let text = if span.start & COPIED == 0 { &self.source } else { &self.copied };
        let start = (span.start & !COPIED) as usize;
        text.get(start..start + span.len as usize)
    }

    /// The span of a part of `source`.
    pub(crate) fn point(range: Range<usize>) -> Span {
        Span::new(range, false)
    }

    /// Keeps a copy of `text`.
    pub(crate) fn copy(&mut self, text: &str) -> Span {
        Self::copy_to(&mut self.copied, text)
    }

    /// As `copy`, while the sources are being read.
    pub(crate) fn copy_to(copied: &mut String, text: &str) -> Span {
        let start = copied.len();
        copied.push_str(text);
        Span::new(start..copied.len(), true)
    }

    /// The sources, and where copies go.
    pub(crate) fn split(&mut self) -> (&str, &mut String) {
        (&self.source, &mut self.copied)
    }
}

/// Rows of one table, row after row, as many cells each as the table has fields.
#[derive(Clone)]
pub(crate) struct Cells {
    pub(crate) layout: &'static TableLayout,
    pub(crate) rows: usize,
    pub(crate) cells: Vec<Span>,
}

impl Cells {
    pub(crate) fn new(layout: &'static TableLayout) -> Self {
        Self { layout, rows: 0, cells: Vec::new() }
    }

    /// Adds rows without any tag.
    pub(crate) fn add_rows(&mut self, rows: usize) {
        self.rows += rows;
        self.cells.resize(self.rows * self.layout.fields.len(), Span::ABSENT);
    }
}

/// A text whose tag the layout does not have.
#[derive(Clone)]
pub(crate) struct Extra {
    pub(crate) table: u8,
    pub(crate) line: u32,
    pub(crate) tag: String,
    pub(crate) text: Span,
}

/// One claim (`HOSO`) as read, or one check-in message (table 0 only).
#[derive(Clone)]
pub struct RawClaim {
    /// `MACSKCB` of the envelope, trimmed. Of a check-in, and where the envelope names none (then there is a problem
    /// `XML-FACILITY-MISSING`), `MA_CSKCB`.
    pub facility: String,
    /// `NGAYLAP` of the envelope, trimmed.
    pub written_on: String,
    /// The layout that is legal on the claim's day. Where no day can be read, `read_as`.
    pub layout: &'static Layout,
    /// The layout whose tags the rows below are kept by: `layout`, unless the claim has the wrong shape for its day (then
    /// there is a problem `XML-LAYOUT` and this is the nearest layout of the shape seen).
    pub read_as: &'static Layout,
    /// The shape the file has.
    pub family: Family,
    /// Place in the file, from 1.
    pub index: u64,
    /// What is wrong with its shape.
    pub problems: Vec<Problem>,
    pub(crate) texts: Texts,
    pub(crate) sources: Vec<(String, Range<usize>)>,
    pub(crate) tables: Vec<Cells>,
    pub(crate) extra: Vec<Extra>,
}

impl RawClaim {
    /// A claim without rows, to be filled by `add_row`.
    pub fn new(layout: &'static Layout, facility: &str, written_on: &str) -> Self {
        Self {
            facility: facility.to_owned(),
            written_on: written_on.to_owned(),
            layout,
            read_as: layout,
            family: layout.family,
            index: 1,
            problems: Vec::new(),
            texts: Texts::default(),
            sources: Vec::new(),
            tables: Vec::new(),
            extra: Vec::new(),
        }
    }

    /// Adds a row to `table` with these texts; tags the layout lacks are kept as extras.
    ///
    /// Returns false, and does nothing, where the layout has no such table.
    pub fn add_row(&mut self, table: u8, texts: &[(&str, &str)]) -> bool {
        let Some(layout) = self.read_as.table(table) else { return false };
        let at = self.tables.iter().position(|t| t.layout.table >= table).unwrap_or(self.tables.len());
        if self.tables.get(at).is_none_or(|t| t.layout.table != table) {
            self.tables.insert(at, Cells::new(layout));
        }
        self.tables[at].add_rows(1);
        let line = self.tables[at].rows as u32;
        for (tag, text) in texts {
            self.set(table, line, tag, Some(text));
        }
        true
    }

    /// Writes `text` into a cell, or takes its tag away; a tag the layout lacks becomes an extra.
    ///
    /// Returns false, and does nothing, where there is no such row. The sources stay what was received.
    pub fn set(&mut self, table: u8, line: u32, tag: &str, text: Option<&str>) -> bool {
        let Some(cells) = self.tables.iter_mut().find(|t| t.layout.table == table) else { return false };
        let Some(row) = (line as usize).checked_sub(1).filter(|r| *r < cells.rows) else { return false };
        let span = text.map_or(Span::ABSENT, |t| self.texts.copy(t));
        match cells.layout.index(tag) {
            Some(field) => cells.cells[row * cells.layout.fields.len() + field] = span,
            None => self.keep_extra(Extra { table, line, tag: tag.to_owned(), text: span }),
        }
        true
    }

    /// Tables that were sent, by number.
    pub fn tables(&self) -> impl Iterator<Item = RawTable<'_>> {
        self.tables.iter().map(move |cells| RawTable { claim: self, cells })
    }

    /// Table `number`, if it was sent.
    pub fn table(&self, number: u8) -> Option<RawTable<'_>> {
        self.tables().find(|t| t.number() == number)
    }

    /// Rows of table `number`; none where it was not sent.
    pub fn rows(&self, number: u8) -> impl Iterator<Item = RawRow<'_>> {
        self.table(number).into_iter().flat_map(RawTable::rows)
    }

    /// A text of the head: XML1, or XML0 of a check-in. Empty where absent.
    pub fn head(&self, tag: &str) -> &str {
        self.table(1).or_else(|| self.table(0)).and_then(|t| t.row(1)).map_or("", |row| row.get(tag))
    }

    /// `MA_LK`: the visit's key within the facility.
    pub fn link(&self) -> &str {
        self.head("MA_LK")
    }

    /// Whether it is a check-in message.
    pub fn is_check_in(&self) -> bool {
        self.tables.first().is_some_and(|t| t.layout.table == 0)
    }

    /// The day that chooses the layout: of `NGAY_RA`, else of `NGAY_VAO`.
    pub fn day(&self) -> Option<Day> {
        layout_day(self.head("NGAY_RA"), self.head("NGAY_VAO"))
    }

    /// The decoded inner XML of table `number` exactly as received; `None` for a claim that was not read from a file.
    pub fn inner_xml(&self, number: u8) -> Option<&str> {
        self.sources().find(|(name, _)| crate::layout::table_number(name) == Some(number)).map(|(_, xml)| xml)
    }

    /// Every table as received, in the file's order: its name (`LOAIHOSO`) and its decoded inner XML.
    pub fn sources(&self) -> impl Iterator<Item = (&str, &str)> {
        self.sources.iter().map(|(name, at)| (name.as_str(), &self.texts.source[at.clone()]))
    }

    /// Whether both say the same, field by field. An absent tag and an empty one are the same.
    pub fn same_fields(&self, other: &Self) -> bool {
        let same_row = |(a, b): (RawRow, RawRow)| {
            (0..a.cells.layout.fields.len()).all(|i| a.cell(i).unwrap_or("") == b.cell(i).unwrap_or(""))
        };
        let same_table = |(a, b): (RawTable, RawTable)| {
            a.number() == b.number() && a.len() == b.len() && a.rows().zip(b.rows()).all(same_row)
        };
        self.facility == other.facility
            && self.written_on == other.written_on
            && self.read_as.decision == other.read_as.decision
            && self.tables.len() == other.tables.len()
            && self.tables().zip(other.tables()).all(same_table)
    }

    pub(crate) fn keep_extra(&mut self, extra: Extra) {
        if self.extra.len() < EXTRA_KEPT {
            self.extra.push(extra);
        }
    }
}

/// For test failures: what it says, not where it is kept.
impl fmt::Debug for RawClaim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "claim {} of {} ({}), layout {}",
            self.link(),
            self.facility,
            self.written_on,
            self.read_as.decision
        )?;
        for row in self.tables().flat_map(RawTable::rows) {
            write!(f, "XML{}:{}", row.table(), row.line())?;
            for (field, text) in row.fields() {
                if let Some(text) = text {
                    write!(f, " {}={text:?}", field.tag)?;
                }
            }
            writeln!(f)?;
        }
        self.problems.iter().try_for_each(|p| writeln!(f, "{p}"))
    }
}

/// The day by which a claim's layout is chosen; only its first eight digits are looked at.
pub(crate) fn layout_day(left: &str, arrived: &str) -> Option<Day> {
    [left, arrived].iter().find_map(|t| t.get(..8).and_then(Day::parse_compact))
}

/// XML's white space; what is cut off at both ends of a text.
pub(crate) fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t', '\r', '\n'])
}

/// One table of a claim.
#[derive(Clone, Copy)]
pub struct RawTable<'a> {
    claim: &'a RawClaim,
    cells: &'a Cells,
}

impl<'a> RawTable<'a> {
    /// Its number: 0–15.
    pub fn number(self) -> u8 {
        self.cells.layout.table
    }

    /// The layout its cells are in.
    pub fn layout(self) -> &'static TableLayout {
        self.cells.layout
    }

    /// How many rows it has.
    #[expect(clippy::len_without_is_empty, reason = "a table is asked for its rows, not whether it is a container")]
    pub fn len(self) -> usize {
        self.cells.rows
    }

    /// Row `line`, from 1.
    pub fn row(self, line: u32) -> Option<RawRow<'a>> {
        (1..=self.cells.rows as u32).contains(&line).then_some(RawRow { claim: self.claim, cells: self.cells, line })
    }

    /// All rows in the file's order.
    pub fn rows(self) -> impl Iterator<Item = RawRow<'a>> {
        (1..=self.cells.rows as u32).map(move |line| RawRow { claim: self.claim, cells: self.cells, line })
    }
}

/// One row of a table.
#[derive(Clone, Copy)]
pub struct RawRow<'a> {
    claim: &'a RawClaim,
    cells: &'a Cells,
    line: u32,
}

impl<'a> RawRow<'a> {
    /// Number of its table.
    pub fn table(self) -> u8 {
        self.cells.layout.table
    }

    /// Its place in the table, from 1.
    pub fn line(self) -> u32 {
        self.line
    }

    /// The text of `tag` without white space at its ends; empty where the tag is absent, empty or unknown.
    pub fn get(self, tag: &str) -> &'a str {
        self.cells.layout.index(tag).map_or("", |field| self.at(field))
    }

    /// As `get`, by the field's index in its table's layout.
    pub fn at(self, field: usize) -> &'a str {
        trim(self.cell(field).unwrap_or(""))
    }

    /// The text of field `field` exactly as written; `None` where the tag is absent.
    pub fn cell(self, field: usize) -> Option<&'a str> {
        let fields = self.cells.layout.fields.len();
        let at = (self.line as usize - 1) * fields + field;
        self.cells.cells.get(at).filter(|_| field < fields).and_then(|span| self.claim.texts.get(*span))
    }

    /// Every field of the layout with its text, in official order.
    pub fn fields(self) -> impl Iterator<Item = (&'static Field, Option<&'a str>)> {
        self.cells.layout.fields.iter().enumerate().map(move |(i, field)| (field, self.cell(i)))
    }

    /// Texts whose tag the layout lacks.
    pub fn extra(self) -> impl Iterator<Item = (&'a str, &'a str)> {
        let claim = self.claim;
        let mine = claim.extra.iter().filter(move |e| e.table == self.table() && e.line == self.line);
        mine.map(move |e| (e.tag.as_str(), claim.texts.get(e.text).unwrap_or("")))
    }
}
