//! What is on screen as CSV or Excel.
//!
//! Texts that a spreadsheet would take for a formula (they begin with `=`, `+`, `-`, `@`, a tab or a line end) get an
//! apostrophe before them; codes are texts, so that leading zeros stay.

use crate::asked::Params;
use crate::error::HocError;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use mach_base::Decimal;
use rust_xlsxwriter::{Format as Style, Workbook};
use std::borrow::Cow;

/// The kind of file asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Comma-separated, UTF-8 with a byte order mark so that spreadsheets read Vietnamese.
    Csv,
    /// Excel.
    Xlsx,
}

impl Format {
    /// The format that `params` ask for; none: the page.
    pub fn asked(params: &Params) -> Result<Option<Self>, HocError> {
        match params.get("format") {
            None => Ok(None),
            Some("csv") => Ok(Some(Self::Csv)),
            Some("xlsx") => Ok(Some(Self::Xlsx)),
            Some(other) => Err(HocError::parameter("format", other, "csv, xlsx")),
        }
    }
}

/// One field of a table.
#[derive(Clone, Debug, PartialEq)]
pub enum Field {
    /// A text or a code.
    Text(String),
    /// A number with the digits it has.
    Number(Decimal),
    /// Nothing.
    Empty,
}

impl From<&str> for Field {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}
impl From<String> for Field {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}
impl From<Decimal> for Field {
    fn from(number: Decimal) -> Self {
        Self::Number(number)
    }
}
impl From<i64> for Field {
    fn from(units: i64) -> Self {
        Self::Number(Decimal { units, scale: 0 })
    }
}
impl<T: Into<Field>> From<Option<T>> for Field {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Empty, Into::into)
    }
}

/// One table.
#[derive(Clone, Debug, PartialEq)]
pub struct Sheet {
    /// Its name.
    pub title: String,
    /// Its headings.
    pub columns: Vec<String>,
    /// Its rows.
    pub rows: Vec<Vec<Field>>,
}

/// Tables to take along.
#[derive(Clone, Debug, PartialEq)]
pub struct Export {
    /// Name of the file without ending: ASCII letters, digits, `-`.
    pub name: String,
    /// The tables, at least one.
    pub sheets: Vec<Sheet>,
}

/// `text` so that no spreadsheet runs it.
pub fn harmless(text: &str) -> Cow<'_, str> {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']) {
        Cow::Owned(format!("'{text}"))
    } else {
        Cow::Borrowed(text)
    }
}

/// A decimal as plain digits: `1234.5`.
pub fn digits(n: Decimal) -> String {
    let n = n.trimmed();
    let unit = 10_u64.saturating_pow(n.scale);
    let (sign, abs) = (if n.units < 0 { "-" } else { "" }, n.units.unsigned_abs());
    match n.scale {
        0 => format!("{sign}{abs}"),
        scale => format!("{sign}{}.{:0width$}", abs / unit, abs % unit, width = scale as usize),
    }
}

impl Export {
    /// The answer with the file.
    pub fn respond(&self, format: Format) -> Result<Response, HocError> {
        let (bytes, kind, ending) = match format {
            Format::Csv => (self.csv()?, "text/csv; charset=utf-8", "csv"),
            Format::Xlsx => (self.xlsx()?, "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "xlsx"),
        };
        let name: String = self.name.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
        let disposition = format!("attachment; filename=\"mach-{name}.{ending}\"");
        let disposition = HeaderValue::try_from(disposition).map_err(|e| HocError::Export(e.to_string()))?;
        let headers =
            [(header::CONTENT_TYPE, HeaderValue::from_static(kind)), (header::CONTENT_DISPOSITION, disposition)];
        Ok((headers, bytes).into_response())
    }

    /// All tables, one under another, each under its name where there are several.
    pub fn csv(&self) -> Result<Vec<u8>, HocError> {
        let mut out = csv::WriterBuilder::new().flexible(true).from_writer(b"\xef\xbb\xbf".to_vec());
        for (i, sheet) in self.sheets.iter().enumerate() {
            if self.sheets.len() > 1 {
                if i > 0 {
                    out.write_record([""])?;
                }
                out.write_record([harmless(&sheet.title).as_ref()])?;
            }
            out.write_record(sheet.columns.iter().map(|c| harmless(c).into_owned()))?;
            for row in &sheet.rows {
                out.write_record(row.iter().map(|field| match field {
                    Field::Text(text) => harmless(text).into_owned(),
                    Field::Number(n) => digits(*n),
                    Field::Empty => String::new(),
                }))?;
            }
        }
        out.into_inner().map_err(|e| HocError::Export(e.to_string()))
    }

    fn xlsx(&self) -> Result<Vec<u8>, HocError> {
        let mut book = Workbook::new();
        let (bold, number) = (Style::new().set_bold(), Style::new().set_num_format("#,##0.####"));
        for (i, sheet) in self.sheets.iter().enumerate() {
            let page = book.add_worksheet();
            // Excel takes 31 characters and none of these.
            let title: String = sheet.title.chars().filter(|c| !"[]:*?/\\'".contains(*c)).take(28).collect();
            page.set_name(format!("{} {title}", i + 1).trim_end())?;
            for (column, text) in (0_u16..).zip(&sheet.columns) {
                page.write_string_with_format(0, column, harmless(text), &bold)?;
            }
            for (row, fields) in (1_u32..).zip(&sheet.rows) {
                for (column, field) in (0_u16..).zip(fields) {
                    match field {
                        Field::Text(text) => {
                            page.write_string(row, column, harmless(text))?;
                        }
                        Field::Number(n) => {
                            // A spreadsheet's numbers are doubles; exact ones are in the CSV.
                            let value = n.units as f64 / 10_f64.powi(n.scale as i32);
                            page.write_number_with_format(row, column, value, &number)?;
                        }
                        Field::Empty => {}
                    }
                }
            }
            page.set_freeze_panes(1, 0)?;
            page.autofit();
        }
        Ok(book.save_to_buffer()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn export(sheets: usize) -> Export {
        let sheet = Sheet {
            title: "Bảng/một".into(),
            columns: vec!["Mã".into(), "Tên".into(), "Giá trị".into()],
            rows: vec![
                vec!["01".into(), "=cmd|' /C calc'!A0".into(), Decimal { units: -12_340, scale: 3 }.into()],
                vec!["46001".into(), "A, \"B\"".into(), Field::Empty],
                vec!["+1".into(), "@x".into(), 5_i64.into()],
                vec!["-1".into(), "\tx".into(), 0_i64.into()],
            ],
        };
        Export { name: "thử-46/..".into(), sheets: vec![sheet; sheets] }
    }

    #[test]
    fn csv_is_harmless_and_exact() {
        let text = String::from_utf8(export(1).csv().unwrap()).unwrap();
        let expect =
            "\u{feff}Mã,Tên,Giá trị\n01,'=cmd|' /C calc'!A0,-12.34\n46001,\"A, \"\"B\"\"\",\n'+1,'@x,5\n'-1,'\tx,0\n";
        assert_eq!(text, expect);
        let two = String::from_utf8(export(2).csv().unwrap()).unwrap();
        assert_eq!(two.matches("Bảng/một").count(), 2);
    }

    #[test]
    fn excel_opens_what_is_written() {
        let bytes = export(2).xlsx().unwrap();
        assert_eq!(&bytes[..2], b"PK");
        let answer = export(1).respond(Format::Xlsx).unwrap();
        assert_eq!(answer.headers()[header::CONTENT_DISPOSITION], "attachment; filename=\"mach-th-46.xlsx\"");
    }

    #[test]
    fn plain_digits() {
        for (units, scale, text) in
            [(0, 0, "0"), (-5, 2, "-0.05"), (1_500, 2, "15"), (i64::MIN, 4, "-922337203685477.5808")]
        {
            assert_eq!(digits(Decimal { units, scale }), text);
        }
    }
}
