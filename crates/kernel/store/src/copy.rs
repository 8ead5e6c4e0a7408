//! Copying a whole store into an empty one, between engines or not: every row of every table, in key order.
//!
//! One thread reads one state of the source, the target's writer writes; batches go between them in the binary format of
//! PostgreSQL's `COPY`, which is a length and the bytes of every column. Until it is whole the target says of itself that
//! it is not, and cannot be opened: a copy that was cut off is never taken for a store.

use crate::engine::{Engine, Kind, Table};
use crate::schema::COPYING;
use crate::sealed::{KEYRING, NEWEST, REVISION_NAME, SCRUB};
use crate::sql::{self, Arg, Execute, Query, Row};
use crate::{Error, Result, Store};
use mach_access::Decision;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// Bytes of rows handed over at once.
const BATCH_BYTES: usize = 1 << 20;
/// Batches of one transaction of the target.
const BATCHES: usize = 32;
/// Batches read and not yet written.
const AHEAD: usize = 4;

/// How far a copy is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copied {
    /// The table being read.
    pub table: String,
    /// Rows read so far, of all tables.
    pub rows: u64,
    /// Rows there are.
    pub of: u64,
}

/// What the reading thread hands over.
enum Batch {
    /// Rows of one of the tables.
    Rows { table: usize, bytes: Vec<u8> },
    /// Everything was read.
    Whole,
}

impl Store {
    /// Copies everything into `to`, which must be empty: opened once, and nothing written since. `told` hears how far it is.
    /// Gives the number of rows.
    ///
    /// # Errors
    /// `Refused` where `to` is not empty or has other tables. After any later error `to` refuses to be opened
    /// (`Unfinished`): remove it and copy again.
    pub fn copy_to(&self, to: &Self, decision: &Decision, told: &mut dyn FnMut(Copied)) -> Result<u64> {
        let mut reader = self.read(decision)?;
        let source = reader.connection.as_mut().ok_or(Error::Stopped)?;
        let tables = source.tables()?;
        let (batches, taken) = sync_channel(AHEAD);
        std::thread::scope(|scope| {
            let (for_writer, decision) = (tables.clone(), decision.clone());
            let writing = scope.spawn(move || {
                to.inner.writer.between_commits(decision, move |engine| write(engine, &for_writer, &taken))
            });
            let read = read(source, &tables, &batches, told)
                .and_then(|rows| batches.send(Batch::Whole).map(|()| rows).map_err(|_| Error::Stopped));
            drop(batches);
            let written = writing.join().unwrap_or(Err(Error::Stopped));
            // Where one of the two ended early the other only heard that nobody is there.
            match (read, written) {
                (Err(Error::Stopped), Err(e)) | (Ok(_), Err(e)) => Err(e),
                (read, _) => read,
            }
        })
    }
}

pub(crate) fn columns(table: &Table) -> String {
    table.columns.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ")
}

/// What of a table is not content of the store.
pub(crate) fn except(table: &Table) -> String {
    if table.name == "meta" {
        let own = [KEYRING, NEWEST, REVISION_NAME, SCRUB, COPYING].map(|name| format!(", '{name}'")).concat();
        format!(" WHERE name NOT IN ('schema', 'labels'{own})")
    } else {
        String::new()
    }
}

fn read(
    source: &mut Engine,
    tables: &[Table],
    batches: &SyncSender<Batch>,
    told: &mut dyn FnMut(Copied),
) -> Result<u64> {
    let mut of = 0;
    for table in tables {
        let sql = format!("SELECT count(*) FROM {}{}", table.name, except(table));
        of += sql::int(source, &sql, &[])?.unsigned_abs();
    }
    let mut rows = 0;
    for (number, table) in tables.iter().enumerate() {
        let sql =
            format!("SELECT {} FROM {}{} ORDER BY {}", columns(table), table.name, except(table), table.key.join(", "));
        let mut bytes = Vec::with_capacity(BATCH_BYTES + 4096);
        let mut send = |bytes: &mut Vec<u8>, rows: u64| {
            told(Copied { table: table.name.clone(), rows, of });
            let full = std::mem::replace(bytes, Vec::with_capacity(BATCH_BYTES + 4096));
            batches.send(Batch::Rows { table: number, bytes: full }).map_err(|_| Error::Stopped)
        };
        source
            .each(&sql, &[], &mut |row| {
                encode(table, row, &mut bytes)?;
                rows += 1;
                if bytes.len() >= BATCH_BYTES { send(&mut bytes, rows) } else { Ok(()) }
            })
            .map_err(|e| within(table, e))?;
        if !bytes.is_empty() {
            send(&mut bytes, rows)?;
        }
    }
    Ok(rows)
}

fn within(table: &Table, error: Error) -> Error {
    match error {
        Error::Column(column) => Error::Files(format!(
            "table {}: column {} has a value of another type",
            table.name,
            table.columns.get(column).map_or("?", |(name, _)| name)
        )),
        other => other,
    }
}

/// A row as `COPY` takes it: the number of columns, then each with its length; -1 is `NULL`.
pub(crate) fn encode(table: &Table, row: &dyn Row, out: &mut Vec<u8>) -> Result<()> {
    out.extend((table.columns.len() as i16).to_be_bytes());
    for (i, (_, kind)) in table.columns.iter().enumerate() {
        let integer;
        let value: Option<&[u8]> = match kind {
            Kind::Int | Kind::Middle | Kind::Small => match row.opt_int(i)? {
                Some(n) => {
                    integer = n.to_be_bytes();
                    Some(narrow(&integer, *kind).ok_or(Error::Column(i))?)
                }
                None => None,
            },
            Kind::Text => row.opt_text(i)?.map(str::as_bytes),
            Kind::Blob => match row.blob(i) {
                Ok(bytes) => Some(bytes),
                // Bytes that are not there read as no integer.
                Err(e) => row.opt_int(i).ok().filter(Option::is_none).map(|_| None).ok_or(e)?,
            },
        };
        match value {
            Some(bytes) => {
                out.extend((bytes.len() as i32).to_be_bytes());
                out.extend(bytes);
            }
            None => out.extend((-1_i32).to_be_bytes()),
        }
    }
    Ok(())
}

/// The last bytes of a number, as many as its column has; `None` where it is larger.
fn narrow(bytes: &[u8; 8], kind: Kind) -> Option<&[u8]> {
    let number = i64::from_be_bytes(*bytes);
    match kind {
        Kind::Middle => i32::try_from(number).ok().map(|_| &bytes[4..]),
        Kind::Small => i16::try_from(number).ok().map(|_| &bytes[6..]),
        _ => Some(bytes),
    }
}

/// The arguments of the next row of a batch; `None` at its end.
pub(crate) fn decode<'a>(table: &Table, rest: &mut &'a [u8], into: &mut Vec<Arg<'a>>) -> Option<()> {
    into.clear();
    *rest = rest.get(2..)?;
    for (_, kind) in &table.columns {
        let length = i32::from_be_bytes(*rest.first_chunk()?);
        *rest = &rest[4..];
        let Ok(length) = usize::try_from(length) else {
            into.push(Arg::Null);
            continue;
        };
        let (bytes, after) = rest.split_at_checked(length)?;
        *rest = after;
        into.push(match kind {
            Kind::Int => Arg::Int(i64::from_be_bytes(bytes.try_into().ok()?)),
            Kind::Middle => Arg::Int(i32::from_be_bytes(bytes.try_into().ok()?).into()),
            Kind::Small => Arg::Int(i16::from_be_bytes(bytes.try_into().ok()?).into()),
            Kind::Text => Arg::Text(std::str::from_utf8(bytes).ok()?),
            Kind::Blob => Arg::Blob(bytes),
        });
    }
    Some(())
}

fn write(engine: &mut Engine, tables: &[Table], batches: &Receiver<Batch>) -> Result<()> {
    in_transaction(engine, |engine| {
        refuse_other(engine, tables)?;
        let sql = format!("INSERT INTO meta(name, value) VALUES ('{COPYING}', 1)");
        engine.run(&sql, &[]).map(drop)
    })?;
    let mut whole = false;
    while !whole {
        in_transaction(engine, |engine| {
            for _ in 0..BATCHES {
                match batches.recv().map_err(|_| Error::Unfinished)? {
                    Batch::Rows { table, bytes } => add(engine, &tables[table], &bytes)?,
                    Batch::Whole => {
                        whole = true;
                        break;
                    }
                }
            }
            Ok(())
        })?;
    }
    in_transaction(engine, |engine| engine.run(&format!("DELETE FROM meta WHERE name = '{COPYING}'"), &[]).map(drop))?;
    engine.learn_sizes()
}

/// Does something in a transaction of its own.
pub(crate) fn in_transaction(engine: &mut Engine, work: impl FnOnce(&mut Engine) -> Result<()>) -> Result<()> {
    engine.begin()?;
    let done = work(engine).and_then(|()| engine.settle()).and_then(|()| engine.commit());
    if done.is_err() {
        // The engine may have rolled back already.
        let _ = engine.rollback();
    }
    done
}

/// That a target is empty and has tables of the same shape.
pub(crate) fn refuse_other(engine: &mut Engine, tables: &[Table]) -> Result<()> {
    let own = engine.tables()?;
    for table in tables {
        // A column that an older store was given later stands last there; rows name their columns.
        let shape = |table: &Table| {
            let mut columns: Vec<String> = table.columns.iter().map(|column| format!("{column:?}")).collect();
            columns.sort();
            (columns, table.key.clone())
        };
        if own.iter().find(|t| t.name == table.name).map(shape) != Some(shape(table)) {
            return Err(Error::Refused(format!("the target has no table `{}` of the same shape", table.name)));
        }
    }
    for table in &own {
        let any = format!("SELECT 1 FROM {}{} LIMIT 1", table.name, except(table));
        if sql::first(engine, &any, &[], |r| r.int(0))?.is_some() {
            return Err(Error::Refused(format!("the target is not empty: table `{}` has rows", table.name)));
        }
    }
    Ok(())
}

/// Adds a row; false where its key is there already.
pub(crate) fn add_row(engine: &mut Engine, table: &Table, args: &[Arg<'_>]) -> Result<bool> {
    let marks: Vec<String> = (1..=table.columns.len()).map(|n| format!("?{n}")).collect();
    let sql =
        format!("INSERT INTO {}({}) VALUES ({}) ON CONFLICT DO NOTHING", table.name, columns(table), marks.join(", "));
    Ok(engine.run(&sql, args)? > 0)
}

fn add(engine: &mut Engine, table: &Table, bytes: &[u8]) -> Result<()> {
    if let Engine::Postgres(server) = engine {
        return server.copy_in(&table.name, &columns(table), bytes);
    }
    let marks: Vec<String> = (1..=table.columns.len()).map(|n| format!("?{n}")).collect();
    let sql = format!("INSERT INTO {}({}) VALUES ({})", table.name, columns(table), marks.join(", "));
    let mut rest = bytes;
    let mut args = Vec::with_capacity(table.columns.len());
    while !rest.is_empty() {
        decode(table, &mut rest, &mut args).ok_or(Error::Missing("a whole row"))?;
        engine.push(&sql, &args)?;
    }
    Ok(())
}
