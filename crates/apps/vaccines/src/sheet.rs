//! The rows of a spreadsheet, one at a time: CSV as a stream of any length, XLSX as one sheet in memory.

use calamine::{Data, Reader};
use mach_base::Day;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

/// Bytes of an XLSX file: it is unpacked in memory. CSV has no limit.
pub const XLSX_BYTES: u64 = 64 << 20;
/// Columns of a file.
pub const COLUMNS: usize = 100;
/// Bytes of a CSV file's first line.
const FIRST_LINE: u64 = 64 << 10;

/// A row: its line, its cells; or why it cannot be read.
pub type Line = (u64, Result<Vec<String>, String>);

/// Opens a file by its ending; its first row is the header.
///
/// # Errors
/// What is wrong with the file as a whole.
pub fn open(path: &Path) -> Result<Box<dyn Iterator<Item = Line>>, String> {
    let ending = path.extension().map(|e| e.to_string_lossy().to_lowercase()).unwrap_or_default();
    match ending.as_str() {
        "xlsx" => xlsx(path),
        "csv" | "txt" => csv(path),
        _ => Err("a .csv or .xlsx file is wanted".to_owned()),
    }
}

fn csv(path: &Path) -> Result<Box<dyn Iterator<Item = Line>>, String> {
    let file = File::open(path).map_err(|e| e.to_string())?;
    let mut first = String::new();
    std::io::Read::take(BufReader::new(&file), FIRST_LINE)
        .read_line(&mut first)
        .map_err(|_| "the file is not in UTF-8: save it as CSV UTF-8".to_owned())?;
    std::io::Seek::rewind(&mut &file).map_err(|e| e.to_string())?;
    let count = |c: char| first.matches(c).count();
    let delimiter = [b';', b'\t', b','].into_iter().max_by_key(|d| count(char::from(*d))).unwrap_or(b',');
    let mut file = BufReader::with_capacity(1 << 20, file);
    if file.fill_buf().map_err(|e| e.to_string())?.starts_with(b"\xef\xbb\xbf") {
        file.consume(3);
    }
    let reader = csv::ReaderBuilder::new().delimiter(delimiter).has_headers(false).flexible(true).from_reader(file);
    let rows = reader.into_byte_records().map(|record| match record {
        Ok(record) => {
            // The reader counts lines as it leaves them; empty ones before a record are not its own.
            let line = record.position().map_or(0, csv::Position::line);
            let cells = record.iter().map(|c| std::str::from_utf8(c).map(str::to_owned)).collect::<Result<Vec<_>, _>>();
            (line, cells.map_err(|_| "the row is not in UTF-8".to_owned()))
        }
        Err(e) => (e.position().map_or(0, csv::Position::line), Err(e.to_string())),
    });
    Ok(Box::new(rows))
}

fn xlsx(path: &Path) -> Result<Box<dyn Iterator<Item = Line>>, String> {
    let bytes = std::fs::metadata(path).map_err(|e| e.to_string())?.len();
    if bytes > XLSX_BYTES {
        return Err(format!("an .xlsx file may have {} MB: save larger ones as CSV", XLSX_BYTES >> 20));
    }
    let mut book: calamine::Xlsx<_> = calamine::open_workbook(path).map_err(|e: calamine::XlsxError| e.to_string())?;
    let range = book.worksheet_range_at(0).ok_or("the file has no sheet")?.map_err(|e| e.to_string())?;
    if range.width() > COLUMNS {
        return Err(format!("the sheet has more than {COLUMNS} columns"));
    }
    let begin = range.start().map_or(0, |(row, _)| u64::from(row));
    let rows: Vec<Line> = range
        .rows()
        .zip(begin + 1..)
        .filter(|(cells, _)| cells.iter().any(|c| !matches!(c, Data::Empty)))
        .map(|(cells, line)| (line, Ok(cells.iter().map(text).collect())))
        .collect();
    Ok(Box::new(rows.into_iter()))
}

/// What a cell shows: whole numbers without a point, days as days.
fn text(cell: &Data) -> String {
    match cell {
        Data::Empty | Data::Error(_) => String::new(),
        Data::String(text) | Data::DateTimeIso(text) | Data::DurationIso(text) => text.clone(),
        Data::Int(n) => n.to_string(),
        Data::Float(n) => n.to_string(),
        Data::Bool(yes) => yes.to_string(),
        // Days since 30 December 1899.
        Data::DateTime(at) => {
            let shown = at.to_string();
            let days = shown.split('.').next().and_then(|d| d.parse::<i32>().ok());
            days.filter(|d| (1..2_958_466).contains(d)).map(|d| Day(d - 25_569).to_string()).unwrap_or_default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comma_semicolon_and_tab_with_empty_lines_and_broken_rows() {
        let folder = tempfile::tempdir().expect("a folder");
        for delimiter in [",", ";", "\t"] {
            let path = folder.path().join("a.csv");
            let mut bytes = "\u{feff}a|b\n1|\"x\ny\"\n\n2|z\n".replace('|', delimiter).into_bytes();
            bytes.extend(b"\xff\xfe\n");
            std::fs::write(&path, bytes).expect("written");
            let rows: Vec<Line> = open(&path).expect("opened").collect();
            assert_eq!(rows[0].1, Ok(vec!["a".to_owned(), "b".to_owned()]));
            assert_eq!(rows[1], (2, Ok(vec!["1".to_owned(), "x\ny".to_owned()])));
            assert_eq!(rows[2].1, Ok(vec!["2".to_owned(), "z".to_owned()]));
            assert!(rows[3].1.is_err() && rows.len() == 4);
        }
        assert!(open(Path::new("a.pdf")).is_err());
        let fake = folder.path().join("fake.xlsx");
        std::fs::write(&fake, b"PK no zip").expect("written");
        assert!(open(&fake).is_err());
    }

    #[test]
    fn cells_of_xlsx_are_what_is_seen() {
        let day = calamine::ExcelDateTime::new(44_409.4, calamine::ExcelDateTimeType::DateTime, false);
        assert_eq!(text(&Data::DateTime(day)), "2021-08-01");
        assert_eq!((text(&Data::Float(2.0)), text(&Data::Float(46_085_000_001.0))), ("2".into(), "46085000001".into()));
    }
}
