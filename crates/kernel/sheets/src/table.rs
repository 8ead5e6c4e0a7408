//! A table with its headings, of an XLSX or a CSV file alike.

use crate::{Book, Limits, Row, Separated, Wrong, letters};
use std::io::{Read, Seek};

/// A row: its number, its cells as texts; or why it cannot be read.
pub type Line = (u64, Result<Vec<String>, String>);

/// The rows of a table.
pub type Lines<'a> = Box<dyn Iterator<Item = Line> + 'a>;

/// A file with one table.
pub enum Table<R: Read + Seek> {
    /// CSV.
    Separated(R),
    /// XLSX, and the number of its sheet.
    Book(Box<Book<R>>, usize),
}

impl<R: Read + Seek> Table<R> {
    /// Opens a file: an archive (by its first bytes) is XLSX, everything else CSV. Of several sheets the table is the one whose
    /// first row `is_head` knows; where it knows none, the first.
    ///
    /// # Errors
    /// What is wrong with the file as a whole; where several sheets have such a first row.
    pub fn open(mut input: R, limits: &Limits, is_head: &dyn Fn(&[String]) -> bool) -> Result<Self, Wrong> {
        match head(&mut input)? {
            BOOK => {}
            // What older programs write, and files with a password.
            [0xd0, 0xcf, 0x11, 0xe0] => return Err(Wrong::unreadable("an .xls file, or one with a password")),
            _ => return Ok(Self::Separated(input)),
        }
        let mut book = Book::open(input, limits)?;
        let mut fitting = Vec::new();
        let sheets = book.sheets().len();
        for n in 0..sheets {
            if let Some(row) = book.rows(n)?.next()
                && is_head(&cells(&row?))
            {
                fitting.push(n);
            }
        }
        match fitting.as_slice() {
            [] => Ok(Self::Book(Box::new(book), 0)),
            [one] => Ok(Self::Book(Box::new(book), *one)),
            [one, other, ..] => {
                let name = |n: &usize| book.sheets().nth(*n).unwrap_or_default().to_owned();
                let why = format!("the sheet `{}` has such rows too: send one sheet in a file", name(one));
                Err(Wrong::Place { sheet: name(other), place: "1".to_owned(), why })
            }
        }
    }

    /// The rows, the headings first.
    ///
    /// # Errors
    /// What is wrong with the file as a whole.
    pub fn lines(&mut self) -> Result<Lines<'_>, Wrong> {
        match self {
            Self::Separated(input) => Ok(Box::new(Separated::open(input)?)),
            Self::Book(book, sheet) => {
                let mut last = 0;
                Ok(Box::new(book.rows(*sheet)?.map(move |row| match row {
                    Ok(row) => {
                        last = row.number.into();
                        (last, Ok(cells(&row)))
                    }
                    Err(e) => (last + 1, Err(format!("{e}: the rows after it were not read"))),
                })))
            }
        }
    }
}

/// What archives begin with.
const BOOK: [u8; 4] = *b"PK\x03\x04";

fn head(input: &mut (impl Read + Seek)) -> Result<[u8; 4], Wrong> {
    let mut first = Vec::new();
    input.by_ref().take(4).read_to_end(&mut first).map_err(Wrong::unreadable)?;
    input.rewind().map_err(Wrong::unreadable)?;
    Ok(first.try_into().unwrap_or_default())
}

/// Whether a file is an XLSX file rather than CSV; it stands at its beginning before and after.
///
/// # Errors
/// Where it cannot be read.
pub fn is_book(input: &mut (impl Read + Seek)) -> Result<bool, Wrong> {
    Ok(head(input)? == BOOK)
}

/// The cells of a row as texts, with those that are empty up to its last.
fn cells(row: &Row<'_>) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    for (column, cell) in &row.cells {
        out.resize(usize::try_from(*column).unwrap_or(0), String::new());
        out.push(cell.text.clone().into_owned());
    }
    out
}

/// What stands beyond the headings, by its column's letters: a row whose cells slid.
pub fn beyond(head: usize, cells: &[String]) -> Option<String> {
    let at = cells.iter().skip(head).position(|c| !c.trim().is_empty())?;
    u32::try_from(head + at).ok().map(letters)
}
