//! Rows on their way: gathered over the pieces of a commit, sent together.
//!
//! A write of one resource has a dozen rows in as many tables; each as a statement of its own costs the server several times
//! what the row costs. Rows of these tables are read by nobody until they are committed, but by later pieces of the same
//! commit: a statement that names a table has its rows sent before. Nothing here can be refused for what it says (keys are
//! counted, rows of an index follow from them), so that no piece's rows fail another's.

use super::text::{Rows, names};
use super::{COPIED, cell};
use crate::sql::{Arg, Width};
use crate::{Error, Result};

/// Tables whose rows are gathered.
const TABLES: [&str; 10] = [
    "commit_log",
    "pack",
    "resource",
    "audit",
    "index_token",
    "index_date",
    "index_quantity",
    "index_reference",
    "index_text",
    "index_pair",
];
/// Rows added by one statement, at most.
const TOGETHER: usize = 16;
/// Values gathered before they are sent in any case.
const MOST: usize = 1 << 16;

/// A value that was handed in.
#[derive(Debug, Clone)]
enum Value {
    Null,
    Int(i64),
    Text(String),
    Blob(Vec<u8>),
}

impl Value {
    fn arg(&self) -> Arg<'_> {
        match self {
            Self::Null => Arg::Null,
            Self::Int(n) => Arg::Int(*n),
            Self::Text(text) => Arg::Text(text),
            Self::Blob(bytes) => Arg::Blob(bytes),
        }
    }
}

/// Rows of one table.
#[derive(Debug)]
struct Table {
    /// The statement that adds one, as the caller says it.
    sql: String,
    rows: Rows,
    /// How wide its columns are, where that is known: what `COPY` needs.
    widths: Option<&'static [(&'static str, Width)]>,
    values: Vec<Value>,
    /// Values before this were sent since the piece began.
    sent: usize,
    /// Values of the pieces before.
    before: usize,
}

/// What is to be sent.
#[derive(Debug, Default)]
pub(super) struct Sending {
    /// `COPY` statements, with their rows.
    pub(super) copies: Vec<(String, Vec<u8>)>,
}

/// Rows handed in and not yet sent, and those sent in the piece under way, which may go back.
#[derive(Debug, Default)]
pub(super) struct Held {
    tables: Vec<Table>,
    waiting: usize,
}

impl Held {
    /// Takes rows of the table that `sql` adds one to; false where they are not gathered. `key` is a column more, whose value
    /// stands first in each row.
    pub(super) fn take<'a>(
        &mut self,
        sql: &str,
        key: Option<&str>,
        widths: Option<&'static [(&'static str, Width)]>,
        values: impl Iterator<Item = Arg<'a>>,
    ) -> Result<bool> {
        let at = match self.tables.iter().position(|t| t.sql == sql) {
            Some(at) => at,
            None => {
                let Some(rows) = Rows::of(sql, key).filter(|r| TABLES.contains(&r.table.as_str())) else {
                    return Ok(false);
                };
                let new = Table { sql: sql.to_owned(), rows, widths, values: Vec::new(), sent: 0, before: 0 };
                self.tables.push(new);
                self.tables.len() - 1
            }
        };
        let table = &mut self.tables[at];
        let begin = table.values.len();
        for value in values {
            table.values.push(match value {
                Arg::Null => Value::Null,
                Arg::Int(n) => Value::Int(n),
                // The server has no text with it; said here, it is this piece's own fault.
                Arg::Text(text) if text.contains('\0') => {
                    table.values.truncate(begin);
                    return Err(Error::Refused("a text holds the character U+0000".to_owned()));
                }
                Arg::Text(text) => Value::Text(text.to_owned()),
                Arg::Blob(bytes) => Value::Blob(bytes.to_vec()),
            });
        }
        self.waiting += table.values.len() - begin;
        Ok(true)
    }

    /// Whether so much waits that it should be sent.
    pub(super) fn is_much(&self) -> bool {
        self.waiting > MOST
    }

    /// Sends the rows of tables that `sql` names, of all where it is `None`: `insert` queues a statement; what goes by `COPY`
    /// is given back.
    pub(super) fn send(
        &mut self,
        sql: Option<&str>,
        mut insert: impl FnMut(&str, &[Arg<'_>]) -> Result<()>,
    ) -> Result<Sending> {
        let mut sending = Sending::default();
        if self.waiting == 0 {
            return Ok(sending);
        }
        for table in &mut self.tables {
            let values = &table.values[table.sent..];
            if values.is_empty() || sql.is_some_and(|sql| !names(sql, &table.rows.table)) {
                continue;
            }
            let width = table.rows.width();
            match table.widths.filter(|_| values.len() >= COPIED * width) {
                Some(widths) => {
                    let mut bytes = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0".to_vec();
                    for row in values.chunks(width) {
                        bytes.extend((row.len() as i16).to_be_bytes());
                        row.iter()
                            .zip(widths)
                            .try_for_each(|(value, (_, width))| cell(&mut bytes, &value.arg(), *width))?;
                    }
                    bytes.extend((-1_i16).to_be_bytes());
                    let columns: Vec<&str> = widths.iter().map(|(name, _)| *name).collect();
                    let copy = format!("COPY {}({}) FROM STDIN (FORMAT binary)", table.rows.table, columns.join(", "));
                    sending.copies.push((copy, bytes));
                }
                None => {
                    let mut rest = values;
                    while !rest.is_empty() {
                        // In lists of few lengths, so that statements stay few and are planned once.
                        let rows = (rest.len() / width).min(TOGETHER);
                        let rows = if rows.is_power_of_two() { rows } else { rows.next_power_of_two() / 2 };
                        let (some, more) = rest.split_at(rows.max(1) * width);
                        let args: Vec<Arg<'_>> = some.iter().map(Value::arg).collect();
                        insert(&table.rows.insert(rows.max(1)), &args)?;
                        rest = more;
                    }
                }
            }
            self.waiting -= values.len();
            table.sent = table.values.len();
        }
        Ok(sending)
    }

    /// A piece begins: what was sent before is not its own.
    pub(super) fn begin_piece(&mut self) {
        for table in &mut self.tables {
            table.values.drain(..table.sent);
            (table.sent, table.before) = (0, table.values.len());
        }
    }

    /// The piece goes back: its rows are forgotten, and those before it that went with it are to be sent again.
    pub(super) fn undo_piece(&mut self) {
        self.waiting = 0;
        for table in &mut self.tables {
            table.values.truncate(table.before);
            table.sent = 0;
            self.waiting += table.values.len();
        }
    }

    /// The transaction has ended, one way or the other.
    pub(super) fn clear(&mut self) {
        self.waiting = 0;
        for table in &mut self.tables {
            table.values.clear();
            (table.sent, table.before) = (0, 0);
        }
    }
}
