//! The file of a spreadsheet of doses: what it may be, and which of its sheets is meant.

use crate::row::Header;
use mach_sheets::{Limits, Table};
use std::fs::File;
use std::path::Path;

/// Bytes of an XLSX file. CSV has no limit.
pub const XLSX_BYTES: u64 = 64 << 20;
/// What an XLSX file may be: a million rows of all columns unpack to some hundred MB.
pub const LIMITS: Limits = Limits { parts: 1_000, unpacked: 1 << 30, strings: 128 << 20 };

/// Opens a file; its first row is the header.
///
/// # Errors
/// What is wrong with the file as a whole.
pub fn open(path: &Path) -> Result<Table<File>, String> {
    let file = File::open(path).map_err(|e| e.to_string())?;
    let bytes = file.metadata().map_err(|e| e.to_string())?.len();
    if bytes > XLSX_BYTES && mach_sheets::is_book(&mut &file).map_err(|e| e.to_string())? {
        return Err(format!("an .xlsx file may have {} MB: save larger ones as CSV", XLSX_BYTES >> 20));
    }
    let is_head = |cells: &[String]| Header::read(cells.iter().map(String::as_str)).is_ok();
    Table::open(file, &LIMITS, &is_head).map_err(|e| e.to_string())
}
