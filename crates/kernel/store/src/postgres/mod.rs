//! The PostgreSQL engine: one connection as the writer or a reader uses it.
//!
//! One writer works at a time, as in SQLite: every writing transaction begins by taking one advisory lock. Statements that
//! nobody waits for are pipelined, so that a claim's hundred rows cost a handful of round trips; a row's integer key is the
//! highest one and one more, counted here while no other process has written. Readers see one state from their first
//! statement to their last (REPEATABLE READ).

mod held;
mod link;
mod lock;
mod narrow;
mod reader;
mod relay;
mod row;
mod target;
mod text;
mod wire;

use crate::sees::Sees;
use crate::sql::{Arg, Execute, Into, Query, Row, Width};
use crate::{Error, Result};
use link::Link;
pub(crate) use lock::lock;
pub(crate) use narrow::{key_of, narrow};
pub(crate) use relay::{Asked, Question, Relay, Rows};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
pub(crate) use target::Target;
pub use wire::Failure;

/// The advisory lock of the one writer: "mach" in bytes.
const LOCK: i64 = 0x6d61_6368;
/// Settings of every connection. Statements are short; compiling them costs more than it saves. They are written in the order
/// in which they are to be answered, seek by key after key, and end after a page: plans must not depend on figures that a
/// table just begun has not got yet, or a page of a search reads whole tables again and again.
const PLANS: [(&str, &str); 11] = [
    ("application_name", "mach"),
    ("jit", "off"),
    ("random_page_cost", "1.1"),
    ("enable_seqscan", "off"),
    ("enable_hashjoin", "off"),
    ("enable_mergejoin", "off"),
    ("join_collapse_limit", "1"),
    // A page in the order of an index ends early; putting everything in order first does not.
    ("enable_sort", "off"),
    ("max_parallel_workers_per_gather", "0"),
    // Who gave up waiting is nobody's to answer: the server ends what they asked.
    ("client_connection_check_interval", "10s"),
    // What is prepared is planned once.
    ("plan_cache_mode", "force_generic_plan"),
];
const READER: &[(&str, &str)] = &PLANS;
/// Settings of the writer besides: it waits for another process as long as SQLite does.
const WRITER: &[(&str, &str)] = &{
    let mut all = [("", ""); PLANS.len() + 2];
    let mut n = 0;
    while n < PLANS.len() {
        all[n] = PLANS[n];
        n += 1;
    }
    all[PLANS.len()] = ("lock_timeout", "120s");
    all[PLANS.len() + 1] = ("synchronous_commit", "on");
    all
};
/// From so many rows on they go as one block: a round trip of its own, but less for each row.
const COPIED: usize = 256;
const COMMIT_LOG: &str = "commit_log";

/// A connection, or what is needed to make it again.
pub(crate) struct Pg {
    target: Arc<Target>,
    writer: bool,
    link: Option<Link>,
    /// In a transaction, as we know it.
    open: bool,
    keys: text::Keys,
    counted: HashMap<String, text::Counted>,
    /// Highest key per table, while nobody else writes.
    highest: HashMap<String, i64>,
    /// Rows written since this connection's begin, about; the tables are looked at when they reach `weighed`.
    written: usize,
    weighed: usize,
    /// Rows of the commit under way that were not sent yet.
    held: held::Held,
    /// Of a reader: every statement sees a state of its own.
    by_itself: bool,
    /// Of a reader: what will be asked next, and the answer where it came along with another.
    ahead: Vec<(Question, Option<Rows>)>,
    /// What a reader may see.
    sees: Sees,
    /// When the last change was made, as the last transaction here found it.
    pub(crate) latest: i64,
}

/// Rows after which the planner is told how large the tables are; again after each fourfold. The server's own look comes a
/// minute late, and what is planned meanwhile takes tables just filled for empty ones.
const WEIGHED: usize = 5_000;

impl Pg {
    /// The writer's connection.
    pub(crate) fn writer(target: Arc<Target>) -> Result<Self> {
        Self::connect(target, true)
    }

    /// A connection that cannot write.
    pub(crate) fn reader(target: Arc<Target>) -> Result<Self> {
        Self::connect(target, false)
    }

    fn connect(target: Arc<Target>, writer: bool) -> Result<Self> {
        let link = Some(Link::connect(&target, if writer { WRITER } else { READER }, target.silence)?);
        let (keys, counted, highest, held, ahead) = Default::default();
        let (open, by_itself, written, latest) = (false, false, 0, 0);
        Ok(Self {
            target,
            writer,
            link,
            open,
            keys,
            counted,
            highest,
            written,
            weighed: WEIGHED,
            held,
            by_itself,
            ahead,
            sees: Sees::Everything,
            latest,
        })
    }

    /// Learns which tables have one integer as their key; to be called when the tables are there.
    pub(crate) fn learn_keys(&mut self) -> Result<()> {
        let sql = "SELECT c.relname, a.attname FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
            JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = i.indkey[0]
            LEFT JOIN pg_attribute b ON b.attrelid = c.oid AND b.attnum = i.indkey[1] AND i.indnatts = 2
            WHERE i.indisprimary AND (i.indnatts = 1 OR b.attname = 'facility') AND a.atttypid = 20
            AND c.relnamespace = current_schema()::regnamespace";
        let mut keys = text::Keys::new();
        self.each(sql, &[], &mut |r| {
            keys.insert(r.text(0)?.to_owned(), r.text(1)?.to_owned());
            Ok(())
        })?;
        self.keys = keys;
        Ok(())
    }

    /// Works on the connection; one that was lost is forgotten, and only a new transaction makes another.
    fn on<T>(&mut self, work: impl FnOnce(&mut Link, &text::Keys) -> Result<T>) -> Result<T> {
        let link = self.link.as_mut().filter(|l| !l.is_torn());
        let link = link.ok_or_else(|| Error::Lost("in the middle of a transaction".to_owned()))?;
        let outcome = work(link, &self.keys);
        if outcome.is_err() {
            link.forget_worn();
        }
        if matches!(outcome, Err(Error::Lost(_))) || link.is_torn() {
            self.link = None;
        }
        outcome
    }

    /// The connection again, where it was lost and no transaction is open.
    fn connected(&mut self) -> Result<()> {
        if self.link.as_ref().is_none_or(Link::is_torn) {
            let settings = if self.writer { WRITER } else { READER };
            self.link = Some(Link::connect(&self.target, settings, self.target.silence)?);
        }
        Ok(())
    }

    /// Runs `work` as the first of a transaction: where the connection was gone, once more on a new one.
    fn first(&mut self, mut work: impl FnMut(&mut Self) -> Result<()>) -> Result<()> {
        let fresh = self.link.as_ref().is_none_or(Link::is_torn);
        self.connected()?;
        match work(self) {
            Err(Error::Lost(_)) if !fresh && self.link.is_none() => {
                self.connected()?;
                work(self)
            }
            outcome => outcome,
        }
    }

    /// Begins a writing transaction: waits until no other process writes.
    pub(crate) fn begin(&mut self) -> Result<()> {
        let begun = self.first(|pg| {
            let (mut seq, mut latest) = (0, 0);
            pg.on(|link, keys| {
                link.queue("BEGIN", &[], keys)?;
                link.queue("SELECT pg_advisory_xact_lock(?1)", &[LOCK.into()], keys)?;
                if keys.contains_key(COMMIT_LOG) {
                    link.queue("SELECT seq, at FROM commit_log ORDER BY seq DESC LIMIT 1", &[], keys)?;
                }
                link.answer(Some(&mut |r| {
                    // Of the lock there is one column, and nothing in it.
                    if let (Ok(Some(last)), Ok(Some(at))) = (r.opt_int(0), r.opt_int(1)) {
                        (seq, latest) = (last, at);
                    }
                    Ok(())
                }))
            })?;
            pg.latest = latest;
            // Another process has written since: its rows took keys.
            if pg.highest.get(COMMIT_LOG) != Some(&seq) {
                pg.highest.clear();
            }
            Ok(())
        });
        if begun.is_err() {
            // Where the lock did not come in time the transaction is open and useless.
            let _ = self.rollback();
        }
        self.open = begun.is_ok();
        begun
    }

    /// Waits until everything handed in was run.
    pub(crate) fn settle(&mut self) -> Result<()> {
        if self.link.as_ref().is_some_and(|l| !l.is_waiting()) {
            return Ok(());
        }
        self.on(|link, _| link.answer(None)).map(drop)
    }

    /// Makes the transaction durable.
    pub(crate) fn commit(&mut self) -> Result<()> {
        self.send_held(None)?;
        let done = self.on(|link, keys| {
            link.queue("COMMIT", &[], keys)?;
            link.answer(None)
        })?;
        self.held.clear();
        self.open = false;
        // A transaction that had failed answers `ROLLBACK` and no error.
        if !done.committed {
            return Err(Error::Stopped);
        }
        if self.written >= self.weighed {
            self.weighed = self.written * 4;
            if let Err(e) = self.weigh() {
                tracing::error!("the planner could not be told how large the tables are: {e}");
            }
        }
        Ok(())
    }

    /// Tells the planner how large the tables are, where it takes them for smaller than what was written here alone.
    fn weigh(&mut self) -> Result<()> {
        let sql = "SELECT CAST(reltuples AS BIGINT) FROM pg_class WHERE oid = to_regclass('resource')";
        let mut known = 0;
        self.ask(sql, &[], &mut |r| {
            known = r.int(0)?;
            Ok(())
        })?;
        // A version has some fifteen rows.
        if usize::try_from(known).unwrap_or(0) < self.written / 15 { self.batch("ANALYZE") } else { Ok(()) }
    }

    /// Takes the transaction back. A connection that was lost has done so.
    pub(crate) fn rollback(&mut self) -> Result<()> {
        self.open = false;
        self.highest.clear();
        self.held.clear();
        if self.link.as_ref().is_none_or(Link::is_torn) {
            return Ok(());
        }
        self.on(|link, keys| {
            // What was handed in and not run may fail: it goes back in any case.
            let _ = link.answer(None);
            link.queue("ROLLBACK", &[], keys)?;
            link.answer(None)
        })
        .map(drop)
    }

    /// A piece within the transaction begins.
    pub(crate) fn savepoint(&mut self) -> Result<()> {
        self.held.begin_piece();
        self.on(|link, keys| link.queue("SAVEPOINT work", &[], keys).map(drop))
    }

    /// The piece stays.
    pub(crate) fn release(&mut self) -> Result<()> {
        self.on(|link, keys| link.queue("RELEASE SAVEPOINT work", &[], keys).map(drop))
    }

    /// The piece goes back, the transaction stays.
    pub(crate) fn undo(&mut self) -> Result<()> {
        self.highest.clear();
        self.held.undo_piece();
        self.on(|link, keys| {
            // What the piece handed in and was not run yet may fail: it goes back in any case.
            let _ = link.answer(None);
            link.queue("ROLLBACK TO SAVEPOINT work", &[], keys)?;
            link.queue("RELEASE SAVEPOINT work", &[], keys)?;
            link.answer(None)
        })
        .map(drop)
    }

    /// Runs a statement that has neither arguments nor rows, as it is.
    pub(crate) fn batch(&mut self, sql: &str) -> Result<()> {
        self.on(|link, _| link.simple(sql))
    }

    /// Runs a statement that creates something, and gives it the server's types.
    pub(crate) fn define(&mut self, sql: &str) -> Result<()> {
        self.batch(&text::definition(sql))
    }

    /// Settings of the tables that only this engine has.
    pub(crate) fn set_storage(&mut self) -> Result<()> {
        text::STORAGE.iter().try_for_each(|sql| self.batch(sql))
    }

    /// Adds rows in the binary format of `COPY`, without its head and end.
    pub(crate) fn copy_in(&mut self, table: &str, columns: &str, rows: &[u8]) -> Result<()> {
        let sql = format!("COPY {table}({columns}) FROM STDIN (FORMAT binary)");
        // Signature, flags, no extension; the rows; their end.
        let mut all = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0".to_vec();
        all.extend(rows);
        all.extend((-1_i16).to_be_bytes());
        self.settle()?;
        self.on(|link, _| link.copy_in(&[(sql, all)]))
    }

    /// Sends the held rows that `sql` may look at or change; all where it is `None`.
    fn send_held(&mut self, sql: Option<(&str, &[Arg<'_>])>) -> Result<()> {
        let Self { held, link, .. } = self;
        let link = link.as_mut().filter(|l| !l.is_torn());
        let link = link.ok_or_else(|| Error::Lost("in the middle of a transaction".to_owned()))?;
        let sent = held.send(sql, |sql, args| link.queue_own(sql, args)).and_then(|sending| {
            if sending.copies.is_empty() {
                return Ok(());
            }
            if link.is_waiting() {
                link.answer(None)?;
            }
            link.copy_in(&sending.copies)
        });
        if matches!(sent, Err(Error::Lost(_))) || link.is_torn() {
            self.link = None;
        }
        sent
    }

    /// Readers of this database are held by the second lock, or are not.
    pub(crate) fn lock_readers(&self, locked: bool) {
        self.target.locked.store(locked, Ordering::Relaxed);
    }

    /// The role that is on.
    #[cfg(test)]
    pub(crate) fn role(&self) -> Option<Sees> {
        self.link.as_ref().and_then(link::Link::worn)
    }

    /// What a statement of this connection is to see; nothing is held of a writer, nor where the rows are not locked.
    fn worn(&self, sql: &str) -> Option<Sees> {
        (!self.writer && self.target.is_locked()).then(|| self.sees.by(sql))
    }

    fn ask(&mut self, sql: &str, args: &[Arg<'_>], row: &mut dyn FnMut(&dyn Row) -> Result<()>) -> Result<()> {
        let mut moved = None;
        self.send_held(Some((sql, args)))?;
        let worn = self.worn(sql);
        self.on(|link, keys| {
            link.wear(worn, sql, keys)?;
            moved = link.queue(sql, args, keys)?.map(str::to_owned);
            link.answer(Some(row)).map(drop)
        })?;
        self.forget(moved);
        Ok(())
    }

    fn forget(&mut self, moved: Option<String>) {
        if let Some(table) = moved {
            self.highest.remove(&table);
        }
    }
}

impl Execute for Pg {
    fn log(&mut self, _: crate::log::Fact, _: &mach_tlog::fact::Describe, _: bool) -> Result<()> {
        Err(Error::Missing("a transaction"))
    }

    fn run(&mut self, sql: &str, args: &[Arg<'_>]) -> Result<usize> {
        let mut moved = None;
        self.send_held(Some((sql, args)))?;
        let done = self.on(|link, keys| {
            moved = link.queue(sql, args, keys)?.map(str::to_owned);
            link.answer(None)
        })?;
        self.forget(moved);
        Ok(done.changed)
    }

    fn push(&mut self, sql: &str, args: &[Arg<'_>]) -> Result<()> {
        self.written += 1;
        let mut moved = None;
        self.send_held(Some((sql, args)))?;
        self.on(|link, keys| {
            moved = link.queue(sql, args, keys)?.map(str::to_owned);
            Ok(())
        })?;
        self.forget(moved);
        Ok(())
    }

    fn add(&mut self, into: &Into, values: &[Arg<'_>]) -> Result<()> {
        let rows = values.chunks(into.columns.len());
        self.written += rows.len();
        if !self.held.take(into.insert, None, Some(into.columns), values.iter().copied())? {
            return rows.into_iter().try_for_each(|row| self.push(into.insert, row));
        }
        if self.held.is_much() { self.send_held(None) } else { Ok(()) }
    }

    fn next_key(&mut self, table: &'static str) -> Result<i64> {
        if let Some(key) = self.highest.get(table) {
            return Ok(key + 1);
        }
        let column = self.keys.get(table).ok_or(Error::Missing("an integer key"))?;
        let sql = format!("SELECT coalesce(max({column}), 0) FROM {table}");
        let key = crate::sql::int(self, &sql, &[])?;
        self.highest.insert(table.to_owned(), key);
        Ok(key + 1)
    }

    fn insert(&mut self, sql: &str, args: &[Arg<'_>]) -> Result<i64> {
        if !self.counted.contains_key(sql) {
            let counted = text::counted(sql, &self.keys, args.len()).ok_or(Error::Missing("an integer key"))?;
            self.counted.insert(sql.to_owned(), counted);
        }
        let counted = self.counted[sql].clone();
        let key = match self.highest.get(&counted.table) {
            Some(key) => key + 1,
            None => crate::sql::int(self, &counted.highest, &[])? + 1,
        };
        self.written += 1;
        let key_column = self.keys.get(&counted.table).map(String::as_str);
        let row = std::iter::once(Arg::Int(key)).chain(args.iter().copied());
        if !self.held.take(sql, key_column, None, row)? {
            let mut args = args.to_vec();
            args.push(key.into());
            self.on(|link, keys| link.queue(&counted.text, &args, keys).map(drop))?;
        }
        self.highest.insert(counted.table, key);
        Ok(key)
    }
}

/// A value in the binary format of `COPY`.
fn cell(out: &mut Vec<u8>, value: &Arg<'_>, width: Width) -> Result<()> {
    let wide = |_| Error::Missing("room for a number in its column");
    let mut put = |bytes: &[u8]| {
        out.extend((bytes.len() as i32).to_be_bytes());
        out.extend(bytes);
    };
    match (value, width) {
        (Arg::Int(n), Width::Small) => put(&i16::try_from(*n).map_err(wide)?.to_be_bytes()),
        (Arg::Int(n), Width::Middle) => put(&i32::try_from(*n).map_err(wide)?.to_be_bytes()),
        (Arg::Int(n), _) => put(&n.to_be_bytes()),
        (Arg::Text(text), _) => put(text.as_bytes()),
        (Arg::Blob(bytes), _) => put(bytes),
        (Arg::Null, _) => out.extend((-1_i32).to_be_bytes()),
    }
    Ok(())
}
