//! Rows on their way: gathered over the pieces of a commit, sent together.
//!
//! A write of one resource has a dozen rows in as many tables; each as a statement of its own costs the server several times
//! what the row costs. Rows of these tables are read by nobody until they are committed, but by later pieces of the same
//! commit: a statement that names a table has its rows sent before. Nothing here can be refused for what it says (keys are
//! counted, rows of an index follow from them), so that no piece's rows fail another's.

use super::row::oid;
use super::text::{Rows, names};
use super::{COPIED, cell};
use crate::Result;
use crate::sql::{Arg, Kept, Width};

/// Tables whose rows are gathered.
const TABLES: [&str; 11] = [
    "commit_log",
    "pack",
    "resource",
    "audit",
    "index_token",
    "index_date",
    "index_dated",
    "index_quantity",
    "index_reference",
    "index_text",
    "index_pair",
];
/// Values gathered before they are sent in any case.
const MOST: usize = 1 << 16;

/// A column of rows, as an array in the binary format: its type, its bytes.
fn column<'a>(values: impl Iterator<Item = &'a Kept> + Clone) -> (&'static str, Vec<u8>) {
    let first = values.clone().find(|value| !matches!(value, Kept::Null));
    let (name, of) = match first {
        Some(Kept::Text(_)) => ("text", oid::TEXT),
        Some(Kept::Blob(_)) => ("bytea", oid::BYTEA),
        // What may be absent are numbers in all of these tables.
        _ => ("int8", oid::INT8),
    };
    // One dimension, perhaps with absent ones, its length, counted from 1.
    let mut out = 1_i32.to_be_bytes().to_vec();
    out.extend(i32::from(values.clone().any(|value| matches!(value, Kept::Null))).to_be_bytes());
    out.extend(of.to_be_bytes());
    out.extend((values.clone().count() as i32).to_be_bytes());
    out.extend(1_i32.to_be_bytes());
    for value in values {
        let mut put = |bytes: &[u8]| {
            out.extend((bytes.len() as i32).to_be_bytes());
            out.extend(bytes);
        };
        match value {
            Kept::Int(n) => put(&n.to_be_bytes()),
            Kept::Text(text) => put(text.as_bytes()),
            Kept::Blob(bytes) => put(bytes),
            Kept::Null => out.extend((-1_i32).to_be_bytes()),
        }
    }
    (name, out)
}

impl Rows {
    /// Whether a statement may look at one of these rows.
    fn is_asked(&self, sql: &str, args: &[Arg<'_>], values: &[Kept]) -> bool {
        if !names(sql, &self.table) {
            return false;
        }
        // A resource is looked up by its type: what others of the same commit wrote is mostly of another.
        let by_type = format!("FROM {} r WHERE type = ?1 ", self.table);
        let alone = sql.contains(&by_type) && !names(&sql.replacen(&by_type, "", 1), &self.table);
        match (args.first(), self.place_of("type")) {
            (Some(Arg::Int(wanted)), Some(at)) if alone => {
                values.iter().skip(at).step_by(self.width()).any(|of| matches!(of, Kept::Int(of) if of == wanted))
            }
            _ => true,
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
    values: Vec<Kept>,
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
            table.values.push(Kept::of(&value));
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
        sql: Option<(&str, &[Arg<'_>])>,
        mut insert: impl FnMut(&str, &[Vec<u8>]) -> Result<()>,
    ) -> Result<Sending> {
        let mut sending = Sending::default();
        if self.waiting == 0 {
            return Ok(sending);
        }
        for table in &mut self.tables {
            let values = &table.values[table.sent..];
            let width = table.rows.width();
            if values.is_empty() || sql.is_some_and(|(sql, args)| !table.rows.is_asked(sql, args, values)) {
                continue;
            }
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
                    let columns = (0..width).map(|n| column(values.iter().skip(n).step_by(width)));
                    let (types, args): (Vec<&str>, Vec<Vec<u8>>) = columns.unzip();
                    insert(&table.rows.insert(types.into_iter()), &args)?;
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

#[cfg(test)]
mod tests {
    use super::*;

    fn take(held: &mut Held, of: i64) {
        let sql = "INSERT INTO resource(type, id) VALUES (?1, ?2)";
        let row = [Arg::Int(1), Arg::Int(of), Arg::Text("a")];
        assert!(held.take(sql, Some("rid"), None, row.into_iter()).unwrap());
    }

    /// The statements by which rows are sent before `sql`.
    fn sent(held: &mut Held, sql: Option<(&str, &[Arg<'_>])>) -> Vec<String> {
        let mut said = Vec::new();
        held.send(sql, |sql, args| {
            said.push(format!("{} ({})", sql.split('(').next().unwrap_or_default(), args.len()));
            Ok(())
        })
        .unwrap();
        said
    }

    #[test]
    fn rows_are_sent_before_what_may_look_at_them() {
        let mut held = Held::default();
        take(&mut held, 8);
        let one = [Arg::Int(1)];
        let by_type = "SELECT patient FROM resource r WHERE type = ?1 AND key = ?2";
        assert!(sent(&mut held, Some((by_type, &one))).is_empty());
        assert!(sent(&mut held, Some(("SELECT body FROM pack", &[]))).is_empty());
        let twice = "SELECT 1 FROM resource r WHERE type = ?1 AND EXISTS (SELECT 1 FROM resource v)";
        assert_eq!(sent(&mut held, Some((twice, &one))), ["INSERT INTO resource (3)"]);
        assert!(sent(&mut held, None).is_empty());
        take(&mut held, 1);
        assert_eq!(sent(&mut held, Some((by_type, &one))), ["INSERT INTO resource (3)"]);
    }

    #[test]
    fn a_piece_that_goes_back_takes_its_own_rows_only() {
        let mut held = Held::default();
        take(&mut held, 8);
        held.begin_piece();
        take(&mut held, 9);
        // Both go within the second piece, and both go back with it: the first one's is to be sent again.
        assert_eq!(sent(&mut held, None).len(), 1);
        held.undo_piece();
        assert_eq!(held.tables[0].values.len(), 3);
        assert_eq!(sent(&mut held, None).len(), 1);
        held.begin_piece();
        assert!(held.tables[0].values.is_empty());
        held.undo_piece();
        assert!(sent(&mut held, None).is_empty());
    }

    #[test]
    fn columns_are_arrays_in_the_binary_format() {
        let (name, bytes) = column([Kept::Null, Kept::Int(7)].iter());
        let words: Vec<i32> = bytes[..24].as_chunks().0.iter().map(|w| i32::from_be_bytes(*w)).collect();
        // Dimensions, whether some are absent, the type, length, first number, then an absent one.
        assert_eq!((name, words.as_slice()), ("int8", [1, 1, 20, 2, 1, -1].as_slice()));
        assert_eq!(bytes[24..], [0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 7]);
        assert_eq!(column([Kept::Text("a".into())].iter()).0, "text");
    }
}
