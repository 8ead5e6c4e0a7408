//! Spreadsheets of doses that were received: how far each is, and what is wrong in it.

use super::within;
use crate::distribution::unless_one;
use crate::sql::{self, Arg, Execute, Query, Row};
use crate::{Result, Tx};

/// A file that was received.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct File {
    /// Number; 0: not yet written.
    pub id: i64,
    /// When it began, seconds.
    pub begun: i64,
    /// When its last row was read.
    pub ended: Option<i64>,
    /// Rows that were dealt with: reading goes on after them.
    pub read: i64,
    /// Doses taken.
    pub good: i64,
    /// Doses that were there.
    pub same: i64,
    /// Rows refused.
    pub bad: i64,
    /// Doses whose person is in doubt.
    pub doubts: i64,
    /// Who sent it.
    pub account: i64,
    /// Of which facility; 0: of several.
    pub facility: i64,
    /// Its name.
    pub name: String,
    /// Its SHA-256.
    pub digest: String,
}

/// What is wrong in a row of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The row's line.
    pub line: i64,
    /// The column.
    pub field: String,
    /// What is wrong and what is wanted.
    pub why: String,
}

const FILE: &str = "id, begun, ended, read, good, same, bad, doubts, account, facility, name, digest";

fn file(r: &dyn Row) -> Result<File> {
    Ok(File {
        id: r.int(0)?,
        begun: r.int(1)?,
        ended: r.opt_int(2)?,
        read: r.int(3)?,
        good: r.int(4)?,
        same: r.int(5)?,
        bad: r.int(6)?,
        doubts: r.int(7)?,
        account: r.int(8)?,
        facility: r.int(9)?,
        name: r.text(10)?.to_owned(),
        digest: r.text(11)?.to_owned(),
    })
}

/// Files received, the newest first, as the reader may see them.
pub fn files(on: &mut dyn Query, limit: usize) -> Result<Vec<File>> {
    let scope = on.scope();
    let sql = format!(
        "SELECT {FILE} FROM vaccine_file WHERE {} ORDER BY id DESC LIMIT {limit}{}",
        within(scope),
        unless_one(scope)
    );
    sql::list(on, &sql, &[], file)
}

/// A file received, by number.
pub fn file_of(on: &mut dyn Query, id: i64) -> Result<Option<File>> {
    let scope = on.scope();
    let sql = format!("SELECT {FILE} FROM vaccine_file WHERE id = ?1 AND {}{}", within(scope), unless_one(scope));
    sql::first(on, &sql, &[id.into()], file)
}

/// What is wrong in a file, by line, after line and column `after`.
pub fn faults(on: &mut dyn Query, file: &File, after: (i64, &str), limit: usize) -> Result<Vec<Fault>> {
    let sql = format!(
        "SELECT line, field, why FROM vaccine_fault WHERE facility = ?1 AND file = ?2
            AND (line > ?3 OR line = ?3 AND field > ?4) ORDER BY line, field LIMIT {limit}"
    );
    sql::list(on, &sql, &[file.facility.into(), file.id.into(), after.0.into(), after.1.into()], |r| {
        Ok(Fault { line: r.int(0)?, field: r.text(1)?.to_owned(), why: r.text(2)?.to_owned() })
    })
}

impl Tx<'_> {
    /// The file with these bytes that was begun by this facility, or a new one: also where rows of it were refused, for what
    /// refused them (a list, a register) may be mended by now.
    ///
    /// # Errors
    /// Of the store.
    pub fn begin_file(&mut self, new: &File) -> Result<File> {
        let known = format!("SELECT {FILE} FROM vaccine_file WHERE digest = ?1 AND facility = ?2 ORDER BY id DESC");
        let known = sql::first(self, &known, &[(&new.digest).into(), new.facility.into()], file)?;
        if let Some(known) = known.filter(|f| f.ended.is_none() || f.bad == 0) {
            return Ok(known);
        }
        let sql = "INSERT INTO vaccine_file(begun, read, good, same, bad, doubts, account, facility, name, digest)
            VALUES (?1, 0, 0, 0, 0, 0, ?2, ?3, ?4, ?5)";
        let args: [Arg<'_>; 5] =
            [new.begun.into(), new.account.into(), new.facility.into(), (&new.name).into(), (&new.digest).into()];
        let id = self.insert(sql, &args)?;
        Ok(File { id, ..new.clone() })
    }

    /// Writes how far a file is; `from` are the rows it was at: false where another hand went on with it.
    ///
    /// # Errors
    /// Of the store.
    pub fn keep_file(&mut self, f: &File, from: i64, faults: &[Fault]) -> Result<bool> {
        let sql = "UPDATE vaccine_file SET read = ?4, good = ?5, same = ?6, bad = ?7, doubts = ?8, ended = ?9
            WHERE id = ?1 AND facility = ?2 AND read = ?3";
        let args: [Arg<'_>; 9] = [
            f.id.into(),
            f.facility.into(),
            from.into(),
            f.read.into(),
            f.good.into(),
            f.same.into(),
            f.bad.into(),
            f.doubts.into(),
            f.ended.into(),
        ];
        if self.run(sql, &args)? == 0 {
            return Ok(false);
        }
        for fault in faults {
            let sql = "INSERT INTO vaccine_fault(file, line, facility, field, why) VALUES (?1, ?2, ?3, ?4, ?5)
                ON CONFLICT(facility, file, line, field) DO NOTHING";
            let args: [Arg<'_>; 5] =
                [f.id.into(), fault.line.into(), f.facility.into(), (&fault.field).into(), (&fault.why).into()];
            self.push(sql, &args)?;
        }
        Ok(true)
    }
}
