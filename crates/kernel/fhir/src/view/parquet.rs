//! Rows as a Parquet file: PLAIN values, not compressed, one data page for each column of a row group.
//!
//! What of the format is written, and nothing more (parquet.thrift of apache/parquet-format, Thrift's compact protocol):
//! every column is optional, `BOOLEAN`, `INT64` or UTF-8 `BYTE_ARRAY`. Decimals, dates and lists are their text, so that no
//! digit is lost; whoever reads the file casts.

use super::{Cell, Column};

/// Rows of one row group: what is held in memory before it is written.
const GROUP_ROWS: usize = 50_000;
/// Bytes of one row group, about.
const GROUP_BYTES: usize = 16 << 20;

const MAGIC: &[u8; 4] = b"PAR1";
const PLAIN: i64 = 0;
const RLE: i64 = 3;
const UNCOMPRESSED: i64 = 0;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Type {
    Boolean,
    Int64,
    Text,
}

impl Type {
    fn of(column: &Column) -> Self {
        let kind = column.kind.as_deref().unwrap_or_default();
        let name = kind.rsplit(['/', '.']).next().unwrap_or_default();
        match name {
            _ if column.is_collection => Self::Text,
            "boolean" | "Boolean" => Self::Boolean,
            "integer" | "positiveInt" | "unsignedInt" | "integer64" | "Integer" => Self::Int64,
            _ => Self::Text,
        }
    }

    fn code(self) -> i64 {
        match self {
            Self::Boolean => 0,
            Self::Int64 => 2,
            Self::Text => 6,
        }
    }
}

/// Values of one column of the row group being filled.
#[derive(Debug)]
struct Values {
    name: String,
    kind: Type,
    /// Runs of levels: (there or not, how many).
    levels: Vec<(bool, u32)>,
    plain: Vec<u8>,
    /// Booleans, to be packed eight to a byte.
    bits: Vec<bool>,
}

impl Values {
    fn level(&mut self, there: bool) {
        match self.levels.last_mut() {
            Some((value, count)) if *value == there => *count += 1,
            _ => self.levels.push((there, 1)),
        }
    }

    fn push(&mut self, cell: &Cell) -> Result<(), String> {
        self.level(*cell != Cell::Null);
        match (self.kind, cell) {
            (_, Cell::Null) => {}
            (Type::Boolean, Cell::Bool(value)) => self.bits.push(*value),
            (Type::Int64, Cell::Integer(number)) => self.plain.extend(number.to_le_bytes()),
            (Type::Text, Cell::Text(text)) => self.text(text),
            (Type::Text, other) => {
                let mut text = String::new();
                super::output::json_cell(&mut text, other);
                self.text(&text);
            }
            (kind, other) => {
                let mut text = String::new();
                super::output::json_cell(&mut text, other);
                return Err(format!("column `{}` is declared {kind:?} and holds {text}", self.name));
            }
        }
        Ok(())
    }

    fn text(&mut self, text: &str) {
        self.plain.extend(u32::try_from(text.len()).unwrap_or(u32::MAX).to_le_bytes());
        self.plain.extend(text.as_bytes());
    }

    fn bytes(&self) -> usize {
        self.plain.len() + self.bits.len() / 8 + self.levels.len() * 4
    }

    /// The page: levels behind their length, then the values that are there.
    fn page(&mut self) -> Vec<u8> {
        let mut levels = Vec::new();
        for (there, count) in self.levels.drain(..) {
            varint(&mut levels, u64::from(count) << 1);
            levels.push(u8::from(there));
        }
        let mut out = u32::try_from(levels.len()).unwrap_or(u32::MAX).to_le_bytes().to_vec();
        out.append(&mut levels);
        for eight in self.bits.chunks(8) {
            out.push(eight.iter().enumerate().fold(0, |byte, (n, bit)| byte | u8::from(*bit) << n));
        }
        self.bits.clear();
        out.append(&mut self.plain);
        out
    }
}

/// A column chunk that is written.
#[derive(Debug)]
struct Chunk {
    offset: u64,
    bytes: u64,
    values: u64,
}

/// A Parquet file being written; `take` gives the bytes so far.
#[derive(Debug)]
pub struct Parquet {
    columns: Vec<Values>,
    out: Vec<u8>,
    /// Bytes given away and in `out`.
    written: u64,
    rows: usize,
    groups: Vec<(usize, Vec<Chunk>)>,
}

impl Parquet {
    /// A file with these columns.
    pub fn new(columns: &[Column]) -> Self {
        let values = |c: &Column| Values {
            name: c.name.clone(),
            kind: Type::of(c),
            levels: Vec::new(),
            plain: Vec::new(),
            bits: Vec::new(),
        };
        let columns = columns.iter().map(values).collect();
        Self { columns, out: MAGIC.to_vec(), written: MAGIC.len() as u64, rows: 0, groups: Vec::new() }
    }

    /// Adds a row, its cells in the order of the columns.
    ///
    /// # Errors
    /// Where a cell is not of the type its column declares.
    pub fn row(&mut self, row: &[Cell]) -> Result<(), String> {
        for (values, cell) in self.columns.iter_mut().zip(row) {
            values.push(cell)?;
        }
        self.rows += 1;
        if self.rows >= GROUP_ROWS || self.columns.iter().map(Values::bytes).sum::<usize>() >= GROUP_BYTES {
            self.end_group();
        }
        Ok(())
    }

    /// The bytes written since the last call.
    pub fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.out)
    }

    fn end_group(&mut self) {
        let rows = std::mem::take(&mut self.rows);
        if rows == 0 {
            return;
        }
        let mut chunks = Vec::with_capacity(self.columns.len());
        for values in &mut self.columns {
            let page = values.page();
            let mut header = Thrift::default();
            header.int(1, 5, 0);
            header.int(2, 5, page.len() as i64);
            header.int(3, 5, page.len() as i64);
            header.open(5);
            header.int(1, 5, rows as i64);
            header.int(2, 5, PLAIN);
            header.int(3, 5, RLE);
            header.int(4, 5, RLE);
            header.close();
            header.close();
            let bytes = (header.out.len() + page.len()) as u64;
            chunks.push(Chunk { offset: self.written, bytes, values: rows as u64 });
            self.out.extend(&header.out);
            self.out.extend(&page);
            self.written += bytes;
        }
        self.groups.push((rows, chunks));
    }

    /// Ends the file: what is left, and the footer.
    pub fn finish(mut self) -> Vec<u8> {
        self.end_group();
        let mut footer = Thrift::default();
        footer.int(1, 5, 1);
        footer.list(2, 12, self.columns.len() + 1);
        footer.begin();
        footer.text(4, "schema");
        footer.int(5, 5, self.columns.len() as i64);
        footer.close();
        for column in &self.columns {
            footer.begin();
            footer.int(1, 5, column.kind.code());
            footer.int(3, 5, 1);
            footer.text(4, &column.name);
            if column.kind == Type::Text {
                footer.int(6, 5, 0);
                footer.open(10);
                footer.open(1);
                footer.close();
                footer.close();
            }
            footer.close();
        }
        footer.int(3, 6, self.groups.iter().map(|(rows, _)| *rows as i64).sum());
        footer.list(4, 12, self.groups.len());
        for (rows, chunks) in &self.groups {
            footer.begin();
            footer.list(1, 12, chunks.len());
            for (chunk, column) in chunks.iter().zip(&self.columns) {
                footer.begin();
                footer.int(2, 6, chunk.offset as i64);
                footer.open(3);
                footer.int(1, 5, column.kind.code());
                footer.list(2, 5, 2);
                footer.item(PLAIN);
                footer.item(RLE);
                footer.list(3, 8, 1);
                footer.bytes(&column.name);
                footer.int(4, 5, UNCOMPRESSED);
                footer.int(5, 6, chunk.values as i64);
                footer.int(6, 6, chunk.bytes as i64);
                footer.int(7, 6, chunk.bytes as i64);
                footer.int(9, 6, chunk.offset as i64);
                footer.close();
                footer.close();
            }
            footer.int(2, 6, chunks.iter().map(|c| c.bytes as i64).sum());
            footer.int(3, 6, *rows as i64);
            footer.close();
        }
        footer.text(6, "mach");
        footer.close();
        self.out.extend(&footer.out);
        self.out.extend(u32::try_from(footer.out.len()).unwrap_or(u32::MAX).to_le_bytes());
        self.out.extend(MAGIC);
        self.out
    }
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Thrift's compact protocol, as far as it is needed. It begins within a struct; `close` ends one.
#[derive(Debug, Default)]
struct Thrift {
    out: Vec<u8>,
    /// Number of the last field of this struct, and of those around it.
    last: i64,
    around: Vec<i64>,
}

impl Thrift {
    fn field(&mut self, id: i64, kind: u8) {
        // Ids rise by less than 16 everywhere here: the short form does.
        self.out.push(((id - self.last) as u8) << 4 | kind);
        self.last = id;
    }

    fn item(&mut self, value: i64) {
        varint(&mut self.out, ((value << 1) ^ (value >> 63)) as u64);
    }

    fn int(&mut self, id: i64, kind: u8, value: i64) {
        self.field(id, kind);
        self.item(value);
    }

    fn bytes(&mut self, text: &str) {
        varint(&mut self.out, text.len() as u64);
        self.out.extend(text.as_bytes());
    }

    fn text(&mut self, id: i64, text: &str) {
        self.field(id, 8);
        self.bytes(text);
    }

    fn list(&mut self, id: i64, kind: u8, len: usize) {
        self.field(id, 9);
        if len < 15 {
            self.out.push((len as u8) << 4 | kind);
        } else {
            self.out.push(0xf0 | kind);
            varint(&mut self.out, len as u64);
        }
    }

    /// Begins a struct that is an item of a list.
    fn begin(&mut self) {
        self.around.push(std::mem::take(&mut self.last));
    }

    /// Begins a struct that is a field.
    fn open(&mut self, id: i64) {
        self.field(id, 12);
        self.begin();
    }

    fn close(&mut self) {
        self.out.push(0);
        self.last = self.around.pop().unwrap_or_default();
    }
}
