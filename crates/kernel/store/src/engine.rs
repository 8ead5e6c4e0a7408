//! The two engines behind one face: what the writer, the readers and the schema need of each.

use crate::check::Damage;
use crate::postgres::{Pg, Target};
use crate::sees::Sees;
use crate::sql::{self, Arg, Execute, Query, Row};
use crate::sqlite::Sqlite;
use crate::{Error, Result};
use std::path::PathBuf;
use std::sync::Arc;

/// Where a store is kept.
#[derive(Clone)]
pub(crate) enum Place {
    /// A database file.
    File(PathBuf),
    /// A PostgreSQL database.
    Server(Arc<Target>),
}

impl Place {
    pub(crate) fn writer(&self) -> Result<Engine> {
        match self {
            Self::File(path) => Sqlite::writer(path).map(Engine::Sqlite),
            Self::Server(target) => Pg::writer(Arc::clone(target)).map(Engine::Postgres),
        }
    }

    pub(crate) fn reader(&self) -> Result<Engine> {
        match self {
            Self::File(path) => Sqlite::reader(path).map(Engine::Sqlite),
            Self::Server(target) => Pg::reader(Arc::clone(target)).map(Engine::Postgres),
        }
    }

    /// As messages name it, without secrets.
    pub(crate) fn shown(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::Server(target) => target.shown(),
        }
    }
}

/// A connection to either engine.
pub(crate) enum Engine {
    Sqlite(Sqlite),
    Postgres(Pg),
}

/// A table as it is: its columns, and those of its primary key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Table {
    pub(crate) name: String,
    pub(crate) columns: Vec<(String, Kind)>,
    pub(crate) key: Vec<String>,
}

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// 64 bits.
    Int,
    /// 32 bits, where the engine tells them apart.
    Middle,
    /// 16 bits, where the engine tells them apart.
    Small,
    Text,
    Blob,
}

impl Table {
    /// Whether `column` holds integers.
    pub(crate) fn is_int(&self, column: &str) -> bool {
        self.columns.iter().any(|(name, kind)| name == column && *kind == Kind::Int)
    }
}

impl Engine {
    /// Begins a writing transaction; waits until no other process writes.
    pub(crate) fn begin(&mut self) -> Result<()> {
        match self {
            Self::Sqlite(c) => c.begin(),
            Self::Postgres(c) => c.begin(),
        }
    }

    /// Makes the transaction durable.
    pub(crate) fn commit(&mut self) -> Result<()> {
        match self {
            Self::Sqlite(c) => c.commit(),
            Self::Postgres(c) => c.commit(),
        }
    }

    /// Takes the transaction back.
    pub(crate) fn rollback(&mut self) -> Result<()> {
        match self {
            Self::Sqlite(c) => c.rollback(),
            Self::Postgres(c) => c.rollback(),
        }
    }

    /// Begins a piece within the transaction.
    pub(crate) fn savepoint(&mut self) -> Result<()> {
        match self {
            Self::Sqlite(c) => c.often("SAVEPOINT work"),
            Self::Postgres(c) => c.savepoint(),
        }
    }

    /// Ends a piece: it stays, or it goes back.
    pub(crate) fn end_piece(&mut self, keep: bool) -> Result<()> {
        match (self, keep) {
            (Self::Sqlite(c), true) => c.often("RELEASE work"),
            (Self::Sqlite(c), false) => c.batch("ROLLBACK TO work; RELEASE work"),
            (Self::Postgres(c), true) => c.release(),
            (Self::Postgres(c), false) => c.undo(),
        }
    }

    /// Waits until every statement that was handed in without waiting has been run.
    pub(crate) fn settle(&mut self) -> Result<()> {
        match self {
            Self::Sqlite(_) => Ok(()),
            Self::Postgres(c) => c.settle(),
        }
    }

    /// Opens a reader's state. PostgreSQL does so with the first statement; where it is `alone`, for that statement. It holds
    /// what the reader `sees` besides.
    pub(crate) fn begin_reading(&mut self, alone: bool, sees: Sees) -> Result<()> {
        match self {
            Self::Sqlite(c) => c.often("BEGIN"),
            Self::Postgres(c) => {
                c.by_itself(alone, sees);
                Ok(())
            }
        }
    }

    /// Whether the last reader on it saw the same.
    pub(crate) fn saw(&self, sees: Sees) -> bool {
        match self {
            Self::Sqlite(_) => true,
            Self::Postgres(c) => c.saw(sees),
        }
    }

    /// Finds rows of the search index by less than all they say, where the engine keeps what finds them beside them.
    pub(crate) fn narrow(&mut self) -> Result<()> {
        match self {
            Self::Sqlite(_) => Ok(()),
            Self::Postgres(c) => crate::postgres::narrow(c),
        }
    }

    /// Locks rows a second time, where the engine can.
    pub(crate) fn lock_rows(&mut self) -> Result<()> {
        if matches!(self, Self::Sqlite(_)) {
            return Ok(());
        }
        let locked = crate::postgres::lock(self)?;
        if let Self::Postgres(c) = self {
            c.lock_readers(locked);
        }
        Ok(())
    }

    /// Closes a reader's state; false where the connection is not to be used again.
    pub(crate) fn end_reading(&mut self) -> bool {
        match self {
            Self::Sqlite(c) => c.often("COMMIT").is_ok(),
            Self::Postgres(c) => c.finish(),
        }
    }

    /// Runs a statement that creates something; it is written with SQLite's types.
    pub(crate) fn define(&mut self, sql: &str) -> Result<()> {
        match self {
            Self::Sqlite(c) => {
                let sql = sql.replace("{clustered}", "WITHOUT ROWID");
                // The key that the engine counts is unique by itself.
                match sql.split_once("{key ") {
                    Some((head, rest)) => {
                        c.batch(&format!("{head}{}", rest.split_once('}').map_or("", |(_, end)| end)))
                    }
                    None => c.batch(&sql),
                }
            }
            Self::Postgres(c) => c.define(sql),
        }
    }

    /// To be called when tables were made or changed, and on every new connection of a writer.
    pub(crate) fn tables_are_there(&mut self, made: bool) -> Result<()> {
        match self {
            Self::Sqlite(_) => Ok(()),
            Self::Postgres(c) => {
                if made {
                    c.set_storage()?;
                }
                c.learn_keys()
            }
        }
    }

    /// Folds what the engine keeps beside its tables into them, as far as readers let it.
    pub(crate) fn checkpoint(&mut self) -> Result<()> {
        match self {
            Self::Sqlite(c) => c.checkpoint(),
            Self::Postgres(_) => Ok(()),
        }
    }

    /// Writes the database anew, so that nothing is left of what its rows were before; false where something still is.
    pub(crate) fn scrub(&mut self) -> Result<bool> {
        match self {
            Self::Sqlite(c) => c.scrub(),
            Self::Postgres(c) => c.batch("VACUUM FULL").map(|()| true),
        }
    }

    /// Tells the planner how large the tables are, after many rows came at once.
    pub(crate) fn learn_sizes(&mut self) -> Result<()> {
        match self {
            Self::Sqlite(_) => Ok(()),
            Self::Postgres(c) => c.batch("ANALYZE"),
        }
    }

    /// What the engine's own whole check says. PostgreSQL has none but reading everything.
    pub(crate) fn own_check(&mut self, lines: u32) -> Result<Vec<Damage>> {
        match self {
            Self::Sqlite(c) => c.check("integrity_check", lines),
            Self::Postgres(_) => Ok(Vec::new()),
        }
    }

    /// The same, without comparing indexes with their tables.
    pub(crate) fn quick_check(&mut self, lines: u32) -> Result<Vec<Damage>> {
        match self {
            Self::Sqlite(c) => c.check("quick_check", lines),
            Self::Postgres(_) => Ok(Vec::new()),
        }
    }

    /// Writes everything, as it is now, to a new file.
    pub(crate) fn write_to(&mut self, path: &str) -> Result<()> {
        match self {
            Self::Sqlite(c) => {
                // The connection cannot write to this file in any case; to the new one it must.
                c.batch("PRAGMA query_only=OFF")?;
                c.run("VACUUM INTO ?1", &[path.into()]).map(drop)
            }
            Self::Postgres(_) => Err(Error::Stopped),
        }
    }

    /// Copies everything, as this connection sees it, page by page to a new file.
    pub(crate) fn copy_pages(&mut self, path: &std::path::Path) -> Result<()> {
        match self {
            Self::Sqlite(c) => c.copy_pages(path),
            Self::Postgres(_) => Err(Error::Stopped),
        }
    }

    /// Whether something waits that a moment of rest should put on the disk.
    pub(crate) fn is_unsettled(&self) -> bool {
        matches!(self, Self::Sqlite(c) if c.is_unsynced())
    }

    /// Puts it there.
    pub(crate) fn rest(&mut self) {
        if let Self::Sqlite(c) = self {
            c.rest();
        }
    }

    /// Bytes of the database.
    pub(crate) fn size_bytes(&mut self) -> Result<i64> {
        let sql = match self {
            Self::Sqlite(_) => "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()",
            Self::Postgres(_) => "SELECT pg_database_size(current_database())",
        };
        sql::int(self, sql, &[])
    }

    /// Whether a table is there.
    pub(crate) fn has_table(&mut self, name: &str) -> Result<bool> {
        let sql = match self {
            Self::Sqlite(_) => "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = ?1",
            Self::Postgres(_) => {
                "SELECT count(*) FROM pg_tables WHERE schemaname = current_schema() AND tablename = ?1"
            }
        };
        Ok(sql::int(self, sql, &[name.into()])? > 0)
    }

    /// All tables, by name.
    pub(crate) fn tables(&mut self) -> Result<Vec<Table>> {
        let names = match self {
            Self::Sqlite(_) => {
                "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%' ORDER BY name"
            }
            Self::Postgres(_) => {
                "SELECT CAST(tablename AS TEXT) FROM pg_tables WHERE schemaname = current_schema() ORDER BY 1"
            }
        };
        let names = sql::list(self, names, &[], |r| Ok(r.text(0)?.to_owned()))?;
        names.into_iter().map(|name| self.table(name)).collect()
    }

    fn table(&mut self, name: String) -> Result<Table> {
        let sql = match self {
            Self::Sqlite(_) => "SELECT name, type, pk FROM pragma_table_info(?1) ORDER BY cid",
            Self::Postgres(_) => {
                "SELECT a.attname, CAST(format_type(a.atttypid, NULL) AS TEXT),
                    coalesce(array_position(i.indkey::int2[], a.attnum), -1) + 1
                FROM pg_attribute a LEFT JOIN pg_index i ON i.indrelid = a.attrelid AND i.indisprimary
                WHERE a.attrelid = to_regclass(?1) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum"
            }
        };
        let one_word = matches!(self, Self::Sqlite(_));
        let mut columns = Vec::new();
        let mut key = Vec::new();
        self.each(sql, &[(&name).into()], &mut |r| {
            let column = r.text(0)?.to_owned();
            if r.int(2)? > 0 {
                key.push((r.int(2)?, column.clone()));
            }
            let kind = match r.text(1)?.to_ascii_uppercase().as_str() {
                "BIGINT" => Kind::Int,
                // PostgreSQL's own word for 32 bits; SQLite's word here for all.
                "INTEGER" if one_word => Kind::Int,
                "INT" | "INTEGER" => Kind::Middle,
                "SMALLINT" => Kind::Small,
                "BLOB" | "BYTEA" => Kind::Blob,
                "TEXT" => Kind::Text,
                _ => return Err(Error::Column(1)),
            };
            columns.push((column, kind));
            Ok(())
        })?;
        key.sort();
        let mut key: Vec<String> = key.into_iter().map(|(_, column)| column).collect();
        if key.is_empty()
            && let Some(columns) = crate::postgres::key_of(&name)
        {
            key = columns.iter().map(|column| (*column).to_owned()).collect();
        }
        // A counted key is unique by itself, whatever column stands behind it to tell the shard.
        if matches!(key.as_slice(), [counted, by] if by == "facility" && matches!(counted.as_str(), "id" | "rid" | "claim"))
        {
            key.truncate(1);
        }
        Ok(Table { name, columns, key })
    }
}

impl Query for Engine {
    fn each(&mut self, sql: &str, args: &[Arg<'_>], row: &mut dyn FnMut(&dyn Row) -> Result<()>) -> Result<()> {
        match self {
            Self::Sqlite(c) => c.each(sql, args, row),
            Self::Postgres(c) => c.each(sql, args, row),
        }
    }

    fn ahead(&mut self, sql: &str, args: &[Arg<'_>]) -> bool {
        match self {
            Self::Sqlite(_) => false,
            Self::Postgres(c) => c.ahead(sql, args),
        }
    }
}

impl Execute for Engine {
    fn log(&mut self, _: crate::log::Fact, _: &mach_tlog::fact::Describe, _: bool) -> Result<()> {
        Err(Error::Missing("a transaction"))
    }

    fn run(&mut self, sql: &str, args: &[Arg<'_>]) -> Result<usize> {
        sql::are_kept(args)?;
        match self {
            Self::Sqlite(c) => c.run(sql, args),
            Self::Postgres(c) => c.run(sql, args),
        }
    }

    fn push(&mut self, sql: &str, args: &[Arg<'_>]) -> Result<()> {
        sql::are_kept(args)?;
        match self {
            Self::Sqlite(c) => c.run(sql, args).map(drop),
            Self::Postgres(c) => c.push(sql, args),
        }
    }

    fn add(&mut self, into: &sql::Into, values: &[Arg<'_>]) -> Result<()> {
        sql::are_kept(values)?;
        match self {
            Self::Sqlite(c) => c.add(into, values),
            Self::Postgres(c) => c.add(into, values),
        }
    }

    fn next_key(&mut self, table: &'static str) -> Result<i64> {
        match self {
            Self::Sqlite(c) => c.next_key(table),
            Self::Postgres(c) => c.next_key(table),
        }
    }

    fn insert(&mut self, sql: &str, args: &[Arg<'_>]) -> Result<i64> {
        sql::are_kept(args)?;
        match self {
            Self::Sqlite(c) => c.insert(sql, args),
            Self::Postgres(c) => c.insert(sql, args),
        }
    }
}
