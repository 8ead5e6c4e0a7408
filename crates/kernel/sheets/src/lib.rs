//! Spreadsheets as others write them, read row by row: XLSX (ECMA-376) and CSV.
//!
//! Only texts and numbers of cells are looked at; no formula is computed, no macro, link or picture is opened. Whatever a file
//! says of its own size, what is held in memory is its shared texts (at most [`Limits::strings`]) and one row; what unpacks to
//! more than [`Limits::unpacked`] is refused while it is unpacked. A cell that cannot be read is told with its place: none is
//! passed over in silence.

mod book;
mod days;
mod frame;
mod parts;
mod rows;
mod separated;
mod table;
mod xml;

pub use book::Book;
pub use days::{clock, day};
pub use rows::{Cell, Kind, Row, Rows};
pub use separated::Separated;
pub use table::{Line, Lines, Table, beyond, is_book};

/// What a file may be. Each is tested at it and one past it.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Files of the archive.
    pub parts: usize,
    /// Bytes that are unpacked, all parts together.
    pub unpacked: u64,
    /// Bytes that the texts shared by cells take in memory.
    pub strings: usize,
}

/// Sheets of a book, number formats, number formats of cells (Excel's own bounds are below).
const KINDS: usize = 100_000;
/// Bytes of one text or markup of a part: 32,767 characters, the most a cell may have, fit.
const RUN_BYTES: usize = 256 << 10;
/// Characters of one cell: Excel's bound.
pub const CELL_CHARS: usize = 32_767;
/// Bytes of a row's own texts.
pub const ROW_BYTES: usize = 1 << 20;
/// Rows and columns of a sheet: Excel's bounds.
pub const ROWS: u32 = 1_048_576;
/// Columns of a sheet.
pub const COLUMNS: u32 = 16_384;
/// Elements within elements of a part.
const DEPTH: usize = 64;

/// Why a file, or a cell of it, cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Wrong {
    /// It is no spreadsheet, is damaged, or has a password.
    #[error("the file cannot be read: an .xlsx file without a password or a CSV file in UTF-8 is wanted ({0})")]
    Unreadable(String),
    /// It passes a limit.
    #[error("the file is too large: more {0} than may be")]
    Large(&'static str),
    /// One cell or row.
    #[error("sheet `{sheet}`, {place}: {why}")]
    Place {
        /// The sheet as the file calls it; empty in a CSV file.
        sheet: String,
        /// `BC12`, or a row's number.
        place: String,
        /// What is wrong with it.
        why: String,
    },
}

impl Wrong {
    fn unreadable(why: impl ToString) -> Self {
        Self::Unreadable(why.to_string())
    }
}

/// Whether a cell shows one of the errors of a spreadsheet (`#N/A`, `#REF!`) in the place of a value.
pub fn is_error(text: &str) -> bool {
    let rest = text.trim().strip_prefix('#');
    rest.is_some_and(|r| {
        let shouts = r.ends_with(['!', '?']) || r == "N/A" || r == "GETTING_DATA";
        shouts && r.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b"/!?_".contains(&b))
    })
}

/// The name of a column; `0` is A.
pub fn letters(mut column: u32) -> String {
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
fn place(reference: &str) -> Option<(u32, u32)> {
    let split = reference.find(|c: char| c.is_ascii_digit())?;
    let (name, row) = reference.split_at(split);
    if name.is_empty() || name.len() > 3 || !name.bytes().all(|b| b.is_ascii_uppercase()) {
        return None;
    }
    let column = name.bytes().fold(0, |n, b| n * 26 + u32::from(b - b'A') + 1);
    let row = row.parse().ok().filter(|r| (1..=ROWS).contains(r) && !row.starts_with('+'))?;
    (column <= COLUMNS).then_some((column - 1, row))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_named_as_spreadsheets_do() {
        for (column, name) in [(0, "A"), (25, "Z"), (26, "AA"), (54, "BC"), (16_383, "XFD")] {
            assert_eq!(letters(column), name);
            assert_eq!(place(&format!("{name}12")), Some((column, 12)));
        }
        assert_eq!(place("A1048576"), Some((0, ROWS)));
        for wrong in ["", "12", "A", "A0", "AAAA1", "a1", "XFE1", "A1048577", "A+1", "A1B"] {
            assert_eq!(place(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn errors_of_spreadsheets_are_known() {
        for text in ["#N/A", "#REF!", " #NAME? ", "#DIV/0!", "#SPILL!"] {
            assert!(is_error(text), "{text}");
        }
        for text in ["", "#", "#1", "# 12 đường A", "Nguyễn", "#ok!"] {
            assert!(!is_error(text), "{text}");
        }
    }
}
