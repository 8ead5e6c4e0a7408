//! The SQLite engine: connections, their settings, the traits of `sql` upon them.

use crate::archive::{self, Archive, Position};
use crate::check::Damage;
use crate::sql::{Arg, Execute, KEPT_BYTES, Query, Row, first, may_have};
use crate::{Error, Result};
use rusqlite::config::DbConfig;
use rusqlite::types::{ToSql, ToSqlOutput, ValueRef};
use rusqlite::{Connection, OpenFlags};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long a writer waits for another process's transaction before it says so.
const BUSY: Duration = Duration::from_secs(120);
/// How long the log waits to be emptied until nobody reads it.
const SCRUB_BUSY: Duration = Duration::from_secs(2);
/// Bytes of one database page: rows here are small, 8 KB keeps trees shallow.
pub(crate) const PAGE_BYTES: u32 = 8192;
/// Page cache of the writer, KiB.
const WRITER_CACHE_KIB: u32 = 64 * 1024;
/// Page cache of one reader, KiB.
const READER_CACHE_KIB: u32 = 8 * 1024;
/// Statements kept prepared per connection.
const STATEMENTS: usize = 256;

/// A connection as readers and the writer use it.
pub(crate) struct Sqlite {
    pub(crate) connection: Connection,
    /// Of a writer: the database's file, and its archive where it has one.
    file: Option<PathBuf>,
    archive: Option<Archive>,
}

impl Sqlite {
    /// Opens the writer's connection, creating the file.
    pub(crate) fn writer(path: &Path) -> Result<Self> {
        // Two processes that meet at a new file would both turn it to a write-ahead log, and one would be sent away at once:
        // the engine does not wait there. They take turns by a lock on the folder.
        let folder = path.parent().and_then(|folder| std::fs::File::open(folder).ok());
        if let Some(folder) = &folder {
            folder.lock().map_err(|e| Error::Files(format!("{}: {e}", path.display())))?;
        }
        let connection = Connection::open(path)?;
        connection.busy_timeout(BUSY)?;
        connection.execute_batch(&format!(
            "PRAGMA page_size={PAGE_BYTES}; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=OFF;
             PRAGMA temp_store=MEMORY; PRAGMA cache_size=-{WRITER_CACHE_KIB}; PRAGMA wal_autocheckpoint=4000;
             PRAGMA journal_size_limit=67108864;"
        ))?;
        Self::keeps_plans(&connection)?;
        Ok(Self { connection, file: Some(path.to_owned()), archive: None })
    }

    /// Opens a connection that cannot write.
    pub(crate) fn reader(path: &Path) -> Result<Self> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(BUSY)?;
        // A reader that is the last to go leaves the log to the writers, who know what of it is archived.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        connection.execute_batch(&format!(
            "PRAGMA query_only=ON; PRAGMA temp_store=MEMORY; PRAGMA cache_size=-{READER_CACHE_KIB};"
        ))?;
        Self::keeps_plans(&connection)?;
        Ok(Self { connection, file: None, archive: None })
    }

    /// Statements stay prepared, and as they were planned: otherwise one whose argument might be measured against a partial
    /// index is planned anew at every call.
    fn keeps_plans(connection: &Connection) -> Result<()> {
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        Ok(())
    }

    /// Runs one statement that is run often and gives nothing.
    pub(crate) fn often(&self, sql: &str) -> Result<()> {
        self.connection.prepare_cached(sql)?.raw_execute()?;
        Ok(())
    }

    pub(crate) fn batch(&self, sql: &str) -> Result<()> {
        Ok(self.connection.execute_batch(sql)?)
    }
}

/// Transactions of the writer, and their way into the archive.
impl Sqlite {
    /// Begins a writing transaction; waits until no other process writes.
    pub(crate) fn begin(&mut self) -> Result<()> {
        loop {
            self.find_archive()?;
            if let Some(archive) = &mut self.archive {
                archive.take_turn()?;
            }
            if let Err(e) = self.often("BEGIN IMMEDIATE") {
                self.end_turn();
                return Err(e);
            }
            // An archive that began while this waited: its first turn is waited for like every other.
            if self.archive.is_some() || !self.has_archive() {
                return Ok(());
            }
            self.batch("ROLLBACK")?;
        }
    }

    /// Makes the transaction durable. Its copy in the archive may come later; then that is said, and the log keeps it.
    pub(crate) fn commit(&mut self) -> Result<()> {
        self.often("COMMIT")?;
        if self.archive.as_mut().is_some_and(Archive::copy) {
            self.fold();
        }
        self.end_turn();
        Ok(())
    }

    /// Takes the transaction back.
    pub(crate) fn rollback(&mut self) -> Result<()> {
        let undone = self.batch("ROLLBACK");
        self.end_turn();
        undone
    }

    /// Writes the file anew and empties the log; false where that could not be done to its end. With an archive it would be a
    /// gap in it: then it is left to a new backup.
    pub(crate) fn scrub(&mut self) -> Result<bool> {
        if self.has_archive() {
            tracing::warn!(
                "the archive still holds what lay in clear before: end it, make a new backup, begin a new one"
            );
            return Ok(false);
        }
        // The whole database is written once more beside itself: not in memory.
        self.batch("PRAGMA temp_store=FILE")?;
        let written = self.batch("VACUUM");
        self.batch("PRAGMA temp_store=MEMORY")?;
        written?;
        self.connection.busy_timeout(SCRUB_BUSY)?;
        let busy = crate::sql::int(self, "PRAGMA wal_checkpoint(TRUNCATE)", &[]);
        self.connection.busy_timeout(BUSY)?;
        let is_done = busy? == 0;
        if !is_done {
            tracing::warn!("somebody reads the store: its log still holds what lay in clear, until the next start");
        }
        Ok(is_done)
    }

    /// Folds the log into the database, as far as readers let it; nothing that is not archived.
    pub(crate) fn checkpoint(&mut self) -> Result<()> {
        self.find_archive()?;
        let Some(archive) = &mut self.archive else { return self.batch("PRAGMA wal_checkpoint(PASSIVE)") };
        archive.take_turn()?;
        if archive.sync() {
            self.fold();
        }
        self.end_turn();
        Ok(())
    }

    /// Begins an archive.
    pub(crate) fn begin_archive(&mut self) -> Result<()> {
        let Some(file) = self.file.clone() else { return Err(Error::Stopped) };
        self.begin()?;
        let begun = Archive::begin(&file);
        self.rollback()?;
        begun?;
        self.begin()?;
        self.commit()
    }

    /// How far the archive is, everything that was committed being in it and on the disk; runs `then` before anybody else
    /// can write. `None` where there is no archive.
    pub(crate) fn at_rest<T>(&mut self, then: impl FnOnce() -> Result<T>) -> Result<Option<(Position, T)>> {
        self.find_archive()?;
        let Some(archive) = &mut self.archive else { return Ok(None) };
        archive.take_turn()?;
        let whole = archive.sync() && archive.is_well();
        let position = archive.position();
        let done = if whole { then() } else { Err(Error::Files("the archive cannot be written".to_owned())) };
        self.end_turn();
        done.map(|done| Some((position, done)))
    }

    /// Whether the archive holds what is not yet on its disk.
    pub(crate) fn is_unsynced(&self) -> bool {
        self.archive.as_ref().is_some_and(Archive::is_unsynced)
    }

    /// Puts it there.
    pub(crate) fn rest(&mut self) {
        self.archive.as_mut().map(Archive::sync);
    }

    /// Copies this connection's state, page by page, to a new database at `path`.
    pub(crate) fn copy_pages(&mut self, path: &Path) -> Result<()> {
        let mut to = Connection::open(path)?;
        let backup = rusqlite::backup::Backup::new(&self.connection, &mut to)?;
        match backup.step(-1)? {
            rusqlite::backup::StepResult::Done => Ok(()),
            _ => Err(Error::Files("the database could not be copied in one piece".to_owned())),
        }
    }

    fn has_archive(&self) -> bool {
        self.file.as_ref().is_some_and(|file| archive::folder_of(file).join("id").exists())
    }

    fn find_archive(&mut self) -> Result<()> {
        if self.archive.is_none()
            && let Some(file) = &self.file
        {
            self.archive = Archive::open(file)?;
            if self.archive.is_some() {
                self.keep_the_log()?;
            }
        }
        Ok(())
    }

    /// The log is folded by `fold` only, not by SQLite itself.
    fn keep_the_log(&self) -> Result<()> {
        self.connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        self.batch("PRAGMA wal_autocheckpoint=0")
    }

    fn fold(&self) {
        if let Err(e) = self.batch("PRAGMA wal_checkpoint(PASSIVE)") {
            tracing::error!("the log could not be folded into the database: {e}");
        }
    }

    fn end_turn(&mut self) {
        if let Some(archive) = &mut self.archive {
            archive.end_turn();
        }
    }
}

impl Drop for Sqlite {
    fn drop(&mut self) {
        if self.has_archive() {
            // One that never wrote since the archive began must not fold at its end either. If it cannot be told, the
            // archive says that it has a gap.
            let _ = self.keep_the_log();
        }
    }
}

impl Sqlite {
    /// Runs `integrity_check` or `quick_check`; gives at most `lines` of what is wrong, with the table or index it is in.
    pub(crate) fn check(&mut self, pragma: &str, lines: u32) -> Result<Vec<Damage>> {
        let mut said = Vec::new();
        let read = self.each(&format!("PRAGMA {pragma}({lines})"), &[], &mut |r| {
            said.push(r.text(0)?.to_owned());
            Ok(())
        });
        if let Err(e) = read {
            said.push(e.to_string());
        }
        said.retain(|line| line != "ok");
        // The first line may be a heading with several below it.
        let lines = said.iter().flat_map(|s| s.lines()).filter(|l| !l.starts_with("***"));
        lines.map(|line| self.damage(line)).collect()
    }

    fn damage(&mut self, line: &str) -> Result<Damage> {
        let mut words = line.split_whitespace();
        let tree = words.find(|w| w.eq_ignore_ascii_case("tree")).and_then(|_| {
            let mut rest = words.filter(|w| *w != "page");
            rest.next()?.trim_end_matches(':').parse::<i64>().ok()
        });
        let index = line.rsplit_once(" index ").map(|(_, name)| name);
        let found = match (tree, index) {
            (Some(root), _) => {
                let sql = "SELECT name, type FROM sqlite_master WHERE rootpage = ?1";
                first(self, sql, &[root.into()], |r| Ok((r.text(0)?.to_owned(), r.text(1)? == "index")))?
            }
            (None, Some(name)) => Some((name.to_owned(), true)),
            (None, None) => None,
        };
        let (name, index) = found.unwrap_or_default();
        Ok(Damage::Tree { name, index, said: line.to_owned() })
    }
}

impl ToSql for Arg<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Arg::Null => ValueRef::Null,
            Arg::Int(i) => ValueRef::Integer(*i),
            Arg::Text(t) => ValueRef::Text(t.as_bytes()),
            Arg::Blob(b) => ValueRef::Blob(b),
        }))
    }
}

impl Query for Sqlite {
    fn each(&mut self, sql: &str, args: &[Arg<'_>], row: &mut dyn FnMut(&dyn Row) -> Result<()>) -> Result<()> {
        may_have(args)?;
        let mut statement = self.connection.prepare_cached(sql)?;
        for (i, arg) in args.iter().enumerate() {
            statement.raw_bind_parameter(i + 1, arg)?;
        }
        let mut rows = statement.raw_query();
        while let Some(r) = rows.next()? {
            row(&SqliteRow(r))?;
        }
        drop(rows);
        if sql.len() > KEPT_BYTES {
            statement.discard();
        }
        Ok(())
    }
}

impl Execute for Sqlite {
    fn log(&mut self, _: crate::log::Fact, _: &mach_tlog::fact::Describe, _: bool) -> Result<()> {
        Err(Error::Missing("a transaction"))
    }

    fn run(&mut self, sql: &str, args: &[Arg<'_>]) -> Result<usize> {
        let mut statement = self.connection.prepare_cached(sql)?;
        for (i, arg) in args.iter().enumerate() {
            statement.raw_bind_parameter(i + 1, arg)?;
        }
        Ok(statement.raw_execute()?)
    }

    fn add(&mut self, into: &crate::sql::Into, values: &[Arg<'_>]) -> Result<()> {
        // The statement is looked up once for all rows.
        let mut statement = self.connection.prepare_cached(into.insert)?;
        for row in values.chunks(into.columns.len()) {
            for (i, arg) in row.iter().enumerate() {
                statement.raw_bind_parameter(i + 1, arg)?;
            }
            statement.raw_execute()?;
        }
        Ok(())
    }

    fn next_key(&mut self, table: &'static str) -> Result<i64> {
        crate::sql::int(self, &format!("SELECT coalesce(max(rowid), 0) + 1 FROM {table}"), &[])
    }

    fn insert(&mut self, sql: &str, args: &[Arg<'_>]) -> Result<i64> {
        self.run(sql, args)?;
        Ok(self.connection.last_insert_rowid())
    }
}

struct SqliteRow<'a>(&'a rusqlite::Row<'a>);

impl SqliteRow<'_> {
    fn value(&self, column: usize) -> Result<ValueRef<'_>> {
        Ok(self.0.get_ref(column)?)
    }
}

impl Row for SqliteRow<'_> {
    fn int(&self, column: usize) -> Result<i64> {
        self.opt_int(column)?.ok_or(Error::Column(column))
    }

    fn opt_int(&self, column: usize) -> Result<Option<i64>> {
        match self.value(column)? {
            ValueRef::Integer(i) => Ok(Some(i)),
            ValueRef::Null => Ok(None),
            _ => Err(Error::Column(column)),
        }
    }

    fn text(&self, column: usize) -> Result<&str> {
        self.opt_text(column)?.ok_or(Error::Column(column))
    }

    fn opt_text(&self, column: usize) -> Result<Option<&str>> {
        match self.value(column)? {
            ValueRef::Text(t) => std::str::from_utf8(t).map(Some).map_err(|_| Error::Column(column)),
            ValueRef::Null => Ok(None),
            _ => Err(Error::Column(column)),
        }
    }

    fn opt_blob(&self, column: usize) -> Result<Option<&[u8]>> {
        match self.value(column)? {
            ValueRef::Blob(b) => Ok(Some(b)),
            ValueRef::Null => Ok(None),
            _ => Err(Error::Column(column)),
        }
    }

    fn shown(&self, column: usize) -> Result<Option<String>> {
        if column >= self.0.as_ref().column_count() {
            return Ok(None);
        }
        Ok(Some(match self.value(column)? {
            ValueRef::Integer(i) => i.to_string(),
            ValueRef::Null => String::new(),
            ValueRef::Blob(b) => crate::sql::hexadecimal(b),
            _ => self.text(column)?.to_owned(),
        }))
    }
}
