//! CSV content with a fixed header, read row by row with the line in every error.

use mach_base::Day;

use crate::Error;

/// One row of a list, with its place for messages.
pub struct Row<'a> {
    file: &'a str,
    record: &'a csv::StringRecord,
}

impl<'a> Row<'a> {
    /// The text of column `i`; the header check proved that it exists.
    pub fn text(&self, i: usize) -> &'a str {
        self.record.get(i).unwrap_or_default()
    }

    /// The text of column `i` as `T`, by `parse`; `None` from `parse` is an error that names `what`.
    pub fn read<T>(&self, i: usize, what: &str, parse: impl FnOnce(&'a str) -> Option<T>) -> Result<T, Error> {
        let text = self.text(i);
        parse(text).ok_or_else(|| self.error(format!("`{text}` is not {what}")))
    }

    /// As [`Row::read`], with an empty cell as `None`.
    pub fn read_opt<T>(
        &self,
        i: usize,
        what: &str,
        parse: impl FnOnce(&'a str) -> Option<T>,
    ) -> Result<Option<T>, Error> {
        if self.text(i).is_empty() { Ok(None) } else { self.read(i, what, parse).map(Some) }
    }

    /// A day written `yyyy-MM-dd`.
    pub fn day(&self, i: usize) -> Result<Day, Error> {
        self.read(i, "a day (yyyy-MM-dd)", Day::parse_iso)
    }

    /// A day, or an empty cell.
    pub fn day_opt(&self, i: usize) -> Result<Option<Day>, Error> {
        self.read_opt(i, "a day (yyyy-MM-dd)", Day::parse_iso)
    }

    /// A cell that must not be empty.
    pub fn required(&self, i: usize, column: &str) -> Result<&'a str, Error> {
        match self.text(i) {
            "" => Err(self.error(format!("`{column}` is empty"))),
            text => Ok(text),
        }
    }

    /// An error at this row.
    pub fn error(&self, what: String) -> Error {
        let line = self.record.position().map_or(0, csv::Position::line);
        Error::Row { file: self.file.to_owned(), line, what }
    }
}

/// Calls `each` for every row of `text`, whose first line must be `header` (comma-separated column names).
pub fn each_row(
    file: &str,
    text: &str,
    header: &str,
    mut each: impl FnMut(Row<'_>) -> Result<(), Error>,
) -> Result<(), Error> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(text.as_bytes());
    let mut record = csv::StringRecord::new();
    let mut first = true;
    loop {
        match reader.read_record(&mut record) {
            Ok(false) if first => return Err(Error::Header { file: file.to_owned(), expected: header.to_owned() }),
            Ok(false) => return Ok(()),
            Ok(true) if first => {
                first = false;
                if !record.iter().eq(header.split(',')) {
                    return Err(Error::Header { file: file.to_owned(), expected: header.to_owned() });
                }
            }
            Ok(true) => each(Row { file, record: &record })?,
            Err(e) => {
                let line = e.position().map_or(0, csv::Position::line);
                return Err(Error::Row { file: file.to_owned(), line, what: e.to_string() });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn days(text: &str) -> Result<Vec<Day>, Error> {
        let mut out = Vec::new();
        each_row("t.csv", text, "date,name", |row| {
            out.push(row.day(0)?);
            row.required(1, "name")?;
            Ok(())
        })?;
        Ok(out)
    }

    #[test]
    fn bad_lists_name_file_and_line() {
        let row = |line, what: &str| Error::Row { file: "t.csv".into(), line, what: what.into() };
        let header = Error::Header { file: "t.csv".into(), expected: "date,name".into() };
        for (text, expect) in [
            ("", Err(header.clone())),
            ("date\n2025-01-01\n", Err(header.clone())),
            ("name,date\n", Err(header)),
            ("date,name\n2025-02-30,a\n", Err(row(2, "`2025-02-30` is not a day (yyyy-MM-dd)"))),
            ("date,name\n2025-02-28,a\n2025-03-01,\n", Err(row(3, "`name` is empty"))),
            ("\u{feff}date,name\n1970-01-02,\"a, b\"\n", Ok(vec![Day(1)])),
        ] {
            assert_eq!(days(text), expect, "{text}");
        }
        assert!(matches!(days("date,name\n1970-01-02\n"), Err(Error::Row { line: 2, .. })));
    }
}
