//! The seam to the engine: portable SQL in, rows out. Table modules are written once against these traits.
//!
//! Statements use `?1`, `?2` … and nothing that only one engine has; `INSERT … ON CONFLICT` is both engines'. Of an argument
//! that is asked whether it is `NULL` (`?1 IS NULL OR x = ?1`) PostgreSQL must know the type: it is taken to be a number where
//! its first value is `NULL`. After a statement failed, the transaction only goes back: PostgreSQL runs nothing more in it.

use crate::{Error, Result};
use mach_access::Scope;
use std::collections::HashMap;

/// A statement argument.
#[derive(Clone, Copy, Debug)]
pub enum Arg<'a> {
    /// SQL `NULL`.
    Null,
    /// A 64-bit integer.
    Int(i64),
    /// UTF-8 text.
    Text(&'a str),
    /// Bytes.
    Blob(&'a [u8]),
}

impl From<i64> for Arg<'_> {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}
impl From<Option<i64>> for Arg<'_> {
    fn from(value: Option<i64>) -> Self {
        value.map_or(Self::Null, Self::Int)
    }
}
impl<'a> From<&'a str> for Arg<'a> {
    fn from(value: &'a str) -> Self {
        Self::Text(value)
    }
}
impl<'a> From<&'a String> for Arg<'a> {
    fn from(value: &'a String) -> Self {
        Self::Text(value)
    }
}
impl<'a> From<&'a [u8]> for Arg<'a> {
    fn from(value: &'a [u8]) -> Self {
        Self::Blob(value)
    }
}

/// An argument that outlives the stack of who gave it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kept {
    Null,
    Int(i64),
    Text(String),
    Blob(Vec<u8>),
}

impl Kept {
    pub(crate) fn of(arg: &Arg<'_>) -> Self {
        match arg {
            Arg::Null => Self::Null,
            Arg::Int(n) => Self::Int(*n),
            Arg::Text(text) => Self::Text((*text).to_owned()),
            Arg::Blob(bytes) => Self::Blob(bytes.to_vec()),
        }
    }

    pub(crate) fn arg(&self) -> Arg<'_> {
        match self {
            Self::Null => Arg::Null,
            Self::Int(n) => Arg::Int(*n),
            Self::Text(text) => Arg::Text(text),
            Self::Blob(bytes) => Arg::Blob(bytes),
        }
    }

    /// Whether it is this argument.
    pub(crate) fn is(&self, arg: &Arg<'_>) -> bool {
        match (self, arg) {
            (Self::Null, Arg::Null) => true,
            (Self::Int(a), Arg::Int(b)) => a == b,
            (Self::Text(a), Arg::Text(b)) => a == b,
            (Self::Blob(a), Arg::Blob(b)) => a == b,
            _ => false,
        }
    }
}

/// How wide a column is, where the engine tells widths apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Width {
    /// 16 bits.
    Small,
    /// 32 bits.
    Middle,
    /// 64 bits.
    Whole,
    /// A text.
    Text,
}

/// A table that many rows are added to at once.
#[derive(Debug)]
pub struct Into {
    /// Its name.
    pub table: &'static str,
    /// Columns in the order of the rows' values.
    pub columns: &'static [(&'static str, Width)],
    /// The statement that adds one row.
    pub insert: &'static str,
}

/// One row of an answer; columns count from 0. A value of another type than asked is an error, never a guess.
pub trait Row {
    /// A 64-bit integer.
    fn int(&self, column: usize) -> Result<i64>;
    /// A 64-bit integer or `NULL`.
    fn opt_int(&self, column: usize) -> Result<Option<i64>>;
    /// Text.
    fn text(&self, column: usize) -> Result<&str>;
    /// Text or `NULL`.
    fn opt_text(&self, column: usize) -> Result<Option<&str>>;
    /// Bytes.
    fn blob(&self, column: usize) -> Result<&[u8]> {
        self.opt_blob(column)?.ok_or(Error::Column(column))
    }
    /// Bytes or `NULL`.
    fn opt_blob(&self, column: usize) -> Result<Option<&[u8]>>;
    /// An integer or a text as text, bytes in hexadecimal, `NULL` as an empty text; `None` past the last column.
    fn shown(&self, column: usize) -> Result<Option<String>>;
}

/// Bytes in hexadecimal, upper case, as SQLite's `hex` gives them.
pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut out, b| {
        // Writing to a string does not fail.
        let _ = write!(out, "{b:02X}");
        out
    })
}

/// What readers and transactions can do.
pub trait Query {
    /// Runs `sql` and hands each row to `row`, in order; an error of `row` ends it.
    fn each(&mut self, sql: &str, args: &[Arg<'_>], row: &mut dyn FnMut(&dyn Row) -> Result<()>) -> Result<()>;
    /// Tells that this will be asked next, whatever the answer to what is asked before it. True where it will come along with that
    /// answer, in one round trip; an engine in this process has nothing to gain, and does nothing.
    fn ahead(&mut self, _sql: &str, _args: &[Arg<'_>]) -> bool {
        false
    }
    /// Whose rows may be given out.
    fn scope(&self) -> Scope {
        Scope::All
    }
    /// What was found hidden within this state, and is not looked for again; none where the state changes.
    fn hidden(&mut self) -> Option<&mut Hidden> {
        None
    }
}

/// Claims of people of which something is hidden from the asker: by person, and whether they are closed as visits or hide what came
/// with them.
pub type Hidden = HashMap<(i64, bool), Vec<i64>>;

/// What only transactions can do.
pub trait Execute: Query {
    /// Runs `sql`; gives the number of rows it changed.
    fn run(&mut self, sql: &str, args: &[Arg<'_>]) -> Result<usize>;
    /// Runs `sql` where nobody asks how many rows it changed. An engine at the other end of a wire holds it back and sends it
    /// with what follows: its error may come with a later statement of the same piece, at the latest when the piece ends.
    fn push(&mut self, sql: &str, args: &[Arg<'_>]) -> Result<()> {
        self.run(sql, args).map(drop)
    }
    /// Adds a leaf to the transparency log, by the commit that stores the fact. `again`: the fact has leaves already, and this
    /// is what it is from now on. Whoever writes a fact hands it in here; what has no leaf is found by `mach audit-log verify`.
    fn log(&mut self, fact: crate::log::Fact, describe: &mach_tlog::fact::Describe, again: bool) -> Result<()>;
    /// Adds rows whose keys are new, given value after value. An engine at the other end of a wire takes them as one block.
    fn add(&mut self, into: &Into, values: &[Arg<'_>]) -> Result<()> {
        values.chunks(into.columns.len()).try_for_each(|row| self.push(into.insert, row))
    }
    /// The key that the next row inserted into `table` gets: a table with an integer primary key.
    fn next_key(&mut self, table: &'static str) -> Result<i64>;
    /// Runs an `INSERT` of one row into a table with an integer primary key; gives that key.
    fn insert(&mut self, sql: &str, args: &[Arg<'_>]) -> Result<i64>;
}

/// Arguments that a statement can have, whichever the engine.
pub(crate) const ARGS: usize = 32_766;
/// Bytes of a statement that is kept prepared: a longer one is hardly asked again.
pub(crate) const KEPT_BYTES: usize = 32 << 10;

/// That no text of a statement holds what no engine keeps.
pub(crate) fn are_kept(args: &[Arg<'_>]) -> Result<()> {
    match args.iter().any(|arg| matches!(arg, Arg::Text(text) if text.contains('\0'))) {
        true => Err(Error::Nul),
        false => Ok(()),
    }
}

/// That an engine takes a question's arguments: no more of them than it can have, and each such as it keeps.
pub(crate) fn may_have(args: &[Arg<'_>]) -> Result<()> {
    are_kept(args)?;
    if args.len() <= ARGS {
        return Ok(());
    }
    Err(Error::Refused(format!("more than {ARGS} values are asked for at once: ask for fewer of them")))
}

/// Numbers for an `IN (…)`, and their marks from `?first` on: in lists of few lengths, so that statements stay few and are
/// planned once. The last number stands there more than once.
pub(crate) fn padded(numbers: &[i64], first: usize) -> (String, Vec<Arg<'static>>) {
    let length = numbers.len().next_power_of_two();
    let marks: Vec<String> = (first..first + length).map(|n| format!("?{n}")).collect();
    let args = numbers.iter().chain(numbers.last().into_iter().cycle()).take(length).map(|n| Arg::Int(*n)).collect();
    (marks.join(", "), args)
}

/// The rows of `sql` as a list.
pub fn list<T>(
    on: &mut dyn Query,
    sql: &str,
    args: &[Arg<'_>],
    mut map: impl FnMut(&dyn Row) -> Result<T>,
) -> Result<Vec<T>> {
    let mut out = Vec::new();
    on.each(sql, args, &mut |row| {
        out.push(map(row)?);
        Ok(())
    })?;
    Ok(out)
}

/// The first row of `sql`, if there is one.
pub fn first<T>(
    on: &mut dyn Query,
    sql: &str,
    args: &[Arg<'_>],
    mut map: impl FnMut(&dyn Row) -> Result<T>,
) -> Result<Option<T>> {
    let mut out = None;
    on.each(sql, args, &mut |row| {
        if out.is_none() {
            out = Some(map(row)?);
        }
        Ok(())
    })?;
    Ok(out)
}

/// The one integer that `sql` answers.
pub fn int(on: &mut dyn Query, sql: &str, args: &[Arg<'_>]) -> Result<i64> {
    first(on, sql, args, |row| row.int(0))?.ok_or(Error::Missing("a row"))
}
