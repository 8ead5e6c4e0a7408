//! Rows in one of the formats, as bytes that can be taken away while more come.

use super::parquet::Parquet;
use super::{Cell, Column, csv_header, csv_row, json_row};
use crate::Tree;
use crate::tree::{Kind, Value};

/// How rows are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// RFC 4180, with a line of names.
    Csv,
    /// One JSON object a line.
    Ndjson,
    /// One JSON array of objects.
    Json,
    /// Parquet.
    Parquet,
}

impl Format {
    /// By its code or its media type, parameters aside.
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name.split(';').next().unwrap_or_default().trim() {
            "csv" | "text/csv" => Self::Csv,
            "ndjson" | "application/ndjson" | "application/x-ndjson" | "application/fhir+ndjson" => Self::Ndjson,
            "json" | "application/json" | "application/fhir+json" => Self::Json,
            "parquet" | "application/parquet" | "application/vnd.apache.parquet" | "application/x-parquet" => {
                Self::Parquet
            }
            _ => return None,
        })
    }

    /// Its media type.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8",
            Self::Ndjson => "application/x-ndjson",
            Self::Json => "application/json",
            Self::Parquet => "application/vnd.apache.parquet",
        }
    }
}

/// A table being written.
#[derive(Debug)]
pub struct Table {
    columns: Vec<Column>,
    format: Format,
    text: String,
    parquet: Option<Parquet>,
    rows: u64,
}

impl Table {
    /// A table with these columns; `header` tells whether CSV names them in its first line.
    pub fn new(columns: &[Column], format: Format, header: bool) -> Self {
        let mut text = String::new();
        match format {
            Format::Csv if header => csv_header(&mut text, columns),
            Format::Json => text.push('['),
            _ => {}
        }
        let parquet = (format == Format::Parquet).then(|| Parquet::new(columns));
        Self { columns: columns.to_vec(), format, text, parquet, rows: 0 }
    }

    /// Adds a row.
    ///
    /// # Errors
    /// For Parquet, where a cell is not of the type its column declares.
    pub fn row(&mut self, row: &[Cell]) -> Result<(), String> {
        match (&mut self.parquet, self.format) {
            (Some(parquet), _) => parquet.row(row)?,
            (None, Format::Csv) => csv_row(&mut self.text, row),
            (None, format) => {
                if format == Format::Json && self.rows > 0 {
                    self.text.push_str(",\n");
                }
                json_row(&mut self.text, &self.columns, row);
                if format == Format::Ndjson {
                    self.text.push('\n');
                }
            }
        }
        self.rows += 1;
        Ok(())
    }

    /// Rows so far.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// The bytes written since the last call.
    pub fn take(&mut self) -> Vec<u8> {
        self.parquet.as_mut().map_or_else(|| std::mem::take(&mut self.text).into_bytes(), Parquet::take)
    }

    /// Ends the table; gives the bytes that are left.
    pub fn finish(mut self) -> Vec<u8> {
        if self.format == Format::Json {
            self.text.push_str("]\n");
        }
        self.parquet.map_or(self.text.into_bytes(), Parquet::finish)
    }
}

/// Rows as one text, to be kept: a JSON array of arrays.
pub fn pack(rows: &[Vec<Cell>]) -> String {
    let mut out = String::from("[");
    for (n, row) in rows.iter().enumerate() {
        out.push_str(if n > 0 { ",[" } else { "[" });
        for (n, cell) in row.iter().enumerate() {
            out.push_str(if n > 0 { "," } else { "" });
            super::output::json_cell(&mut out, cell);
        }
        out.push(']');
    }
    out.push(']');
    out
}

/// Rows that were kept; `None` where the text is none of `pack`'s.
pub fn unpack(text: &str, columns: &[Column]) -> Option<Vec<Vec<Cell>>> {
    let tree = Tree::parse(text).ok()?;
    let row = |row: Value<'_>| -> Vec<Cell> {
        row.items().zip(columns).map(|(value, column)| cell(value, column.is_collection)).collect()
    };
    let rows: Vec<Vec<Cell>> = tree.root().items().map(row).collect();
    rows.iter().all(|r| r.len() == columns.len()).then_some(rows)
}

fn cell(value: Value<'_>, is_list: bool) -> Cell {
    match value.kind() {
        Kind::Null => Cell::Null,
        Kind::Boolean => Cell::Bool(value.boolean().unwrap_or_default()),
        Kind::String => Cell::Text(value.text().unwrap_or_default().into_owned()),
        Kind::Number => value.raw().parse().map_or_else(|_| Cell::Decimal(value.raw().to_owned()), Cell::Integer),
        Kind::Array if is_list => Cell::List(value.items().map(|v| cell(v, false)).collect()),
        Kind::Array | Kind::Object => Cell::Json(value.raw().to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns() -> Vec<Column> {
        let column = |name: &str, kind: Option<&str>, is_collection| Column {
            name: name.to_owned(),
            kind: kind.map(str::to_owned),
            is_collection,
        };
        vec![
            column("id", Some("id"), false),
            column("active", Some("boolean"), false),
            column("n", Some("integer"), false),
            column("value", Some("decimal"), false),
            column("names", Some("string"), true),
            column("any", None, false),
        ]
    }

    fn rows() -> Vec<Vec<Cell>> {
        let text = |t: &str| Cell::Text(t.to_owned());
        vec![
            vec![
                text("ờ, \"q\""),
                Cell::Bool(true),
                Cell::Integer(-5),
                Cell::Decimal("1.00".to_owned()),
                Cell::List(vec![text("a"), text("b")]),
                Cell::Json("{\"x\":1}".to_owned()),
            ],
            vec![text(""), Cell::Null, Cell::Null, Cell::Null, Cell::List(vec![]), Cell::Null],
        ]
    }

    #[test]
    fn kept_rows_come_back() {
        assert_eq!(unpack(&pack(&rows()), &columns()), Some(rows()));
        assert_eq!(unpack(&pack(&[]), &columns()), Some(vec![]));
        assert_eq!(unpack("[[1]]", &columns()), None);
    }

    #[test]
    fn a_cell_of_another_type_is_refused_in_parquet() {
        let mut table = Table::new(&columns(), Format::Parquet, true);
        let mut row = rows().remove(0);
        row[2] = Cell::Text("five".to_owned());
        assert!(table.row(&row).unwrap_err().contains("`n`"));
    }

    /// Read back by a reader that is not ours.
    #[test]
    fn parquet_is_read_by_pyarrow() {
        let Some(python) = crate::view::tests::pyarrow() else { return };
        let mut table = Table::new(&columns(), Format::Parquet, true);
        let mut bytes = Vec::new();
        // Several row groups, and runs of nothing.
        for n in 0..120_000_i64 {
            let mut row = rows().remove(usize::from(n % 3 == 0));
            row[2] = if n % 7 == 0 { Cell::Null } else { Cell::Integer(n) };
            table.row(&row).unwrap();
            bytes.append(&mut table.take());
        }
        bytes.append(&mut table.finish());
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("x.parquet");
        std::fs::write(&file, bytes).unwrap();
        let script = "import sys, pyarrow.parquet as p\n\
            t = p.read_table(sys.argv[1])\n\
            m = p.ParquetFile(sys.argv[1]).metadata\n\
            print(t.num_rows, m.num_row_groups, [str(f.type) for f in t.schema], t.slice(1, 1).to_pylist(), t.slice(3, 1).to_pylist(),\n\
                  t['active'].null_count, sum(v for v in t['n'].to_pylist() if v is not None))\n";
        let out = std::process::Command::new(python).arg("-c").arg(script).arg(&file).output().unwrap();
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        let sum: i64 = (0..120_000).filter(|n| n % 7 != 0).sum();
        let expect = format!(
            "120000 3 ['string', 'bool', 'int64', 'string', 'string', 'string'] \
             [{{'id': 'ờ, \"q\"', 'active': True, 'n': 1, 'value': '1.00', 'names': '[\"a\",\"b\"]', 'any': '{{\"x\":1}}'}}] \
             [{{'id': '', 'active': None, 'n': 3, 'value': None, 'names': '[]', 'any': None}}] 40000 {sum}\n"
        );
        assert_eq!(String::from_utf8(out.stdout).unwrap(), expect);
    }
}
