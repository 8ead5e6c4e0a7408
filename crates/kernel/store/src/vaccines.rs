//! Doses of vaccine, people whose identity is in doubt, passes (signed QR certificates), batches of them, files received.
//!
//! What was given, to whom, is in resources (Immunization, DocumentReference, Task); a row here repeats of them what lists, the
//! queue, the batch and the import ask for, and is written in the same transaction. No row holds an identifier of a person.

mod files;
mod merges;

pub(crate) use merges::{move_rows, return_rows, twins};

pub use files::{Fault, File, faults, file_of, files};

use crate::distribution::{every, unless_one, within};
use crate::sql::{self, Arg, Execute, Query, Row};
use crate::{Result, Tx};

/// The tables of this module.
pub const DDL: &[&str] = &[
    "CREATE TABLE dose(id INTEGER PRIMARY KEY, digest INTEGER NOT NULL, person INTEGER NOT NULL, facility INT NOT NULL,
        day INT NOT NULL, number SMALLINT NOT NULL, pass SMALLINT NOT NULL, product TEXT NOT NULL, lot TEXT NOT NULL {key id})",
    "CREATE UNIQUE INDEX dose_digest ON dose(digest, facility)",
    "CREATE INDEX dose_person ON dose(person, facility)",
    "CREATE INDEX dose_facility ON dose(facility, id)",
    "CREATE TABLE vaccine_doubt(id INTEGER PRIMARY KEY, person INTEGER NOT NULL, opened INTEGER NOT NULL, closed INTEGER,
        facility INT NOT NULL, reason SMALLINT NOT NULL, commune TEXT NOT NULL {key id})",
    "CREATE UNIQUE INDEX vaccine_doubt_person ON vaccine_doubt(person, facility)",
    "CREATE INDEX vaccine_doubt_open ON vaccine_doubt(facility, commune, id) WHERE closed IS NULL",
    "CREATE TABLE vaccine_pass(id INTEGER PRIMARY KEY, person INTEGER NOT NULL, issued INTEGER NOT NULL,
        expires INTEGER NOT NULL, revoked INTEGER, batch INTEGER NOT NULL, facility INT NOT NULL, code TEXT NOT NULL {key id})",
    "CREATE UNIQUE INDEX vaccine_pass_code ON vaccine_pass(code, facility)",
    "CREATE INDEX vaccine_pass_person ON vaccine_pass(person, facility)",
    "CREATE INDEX vaccine_pass_revoked ON vaccine_pass(revoked) WHERE revoked IS NOT NULL",
    "CREATE TABLE vaccine_batch(id INTEGER PRIMARY KEY, begun INTEGER NOT NULL, ended INTEGER, last INTEGER NOT NULL,
        made INTEGER NOT NULL, passed_over INTEGER NOT NULL, total INTEGER NOT NULL, account INTEGER NOT NULL,
        state SMALLINT NOT NULL)",
    "CREATE TABLE vaccine_file(id INTEGER PRIMARY KEY, begun INTEGER NOT NULL, ended INTEGER, read INTEGER NOT NULL,
        good INTEGER NOT NULL, same INTEGER NOT NULL, bad INTEGER NOT NULL, doubts INTEGER NOT NULL, account INTEGER NOT NULL,
        facility INT NOT NULL, name TEXT NOT NULL, digest TEXT NOT NULL {key id})",
    "CREATE INDEX vaccine_file_digest ON vaccine_file(digest, facility)",
    "CREATE TABLE vaccine_fault(file INTEGER NOT NULL, line INTEGER NOT NULL, facility INT NOT NULL, field TEXT NOT NULL,
        why TEXT NOT NULL, PRIMARY KEY(facility, file, line, field)) {clustered}",
];

/// A dose is itself by person, product, day and number, and named by its row: an id made of a person's number would give the
/// number away.
pub const ONCE: &[&str] = &[
    "DROP INDEX IF EXISTS dose_digest",
    "DROP INDEX IF EXISTS dose_person",
    "CREATE INDEX dose_once ON dose(person, facility, product, day, number)",
    "CREATE INDEX dose_to_pass ON dose(person) WHERE pass = 1",
    "CREATE INDEX person_merge_lose ON person_merge(lose)",
];

/// A dose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dose {
    /// Number of the row; 0: not yet written.
    pub id: i64,
    /// What the FHIR id of a dose was made of that an earlier version took; 0 where it is made of `id`.
    pub digest: i64,
    /// To whom.
    pub person: i64,
    /// By which facility.
    pub facility: i64,
    /// When, days since 1970-01-01.
    pub day: i64,
    /// The how manieth.
    pub number: i64,
    /// Whether a pass may be issued for it.
    pub pass: bool,
    /// Code of the product.
    pub product: String,
    /// Lot.
    pub lot: String,
}

/// Why an identity is in doubt. Stored as its number: never renumbered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// No number.
    Missing = 1,
    /// A number that cannot be one.
    Malformed = 2,
    /// A number that says another year of birth or sex.
    Contradicts = 3,
    /// A number of somebody with other particulars.
    Anothers = 4,
}

impl Reason {
    /// All, in their order.
    pub const ALL: [Self; 4] = [Self::Missing, Self::Malformed, Self::Contradicts, Self::Anothers];
}

/// Somebody whose identity is in doubt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Doubtful {
    /// Number of the row.
    pub id: i64,
    /// Who.
    pub person: i64,
    /// Since when, seconds.
    pub opened: i64,
    /// When it was settled.
    pub closed: Option<i64>,
    /// Whose dose raised it.
    pub facility: i64,
    /// Why.
    pub reason: Reason,
    /// Commune of residence: five digits, or empty.
    pub commune: String,
}

/// A pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pass {
    /// Number of the row; 0: not yet written.
    pub id: i64,
    /// Whose.
    pub person: i64,
    /// When it was issued, seconds.
    pub issued: i64,
    /// Until when it counts, seconds.
    pub expires: i64,
    /// When it was taken back.
    pub revoked: Option<i64>,
    /// The batch it came from; 0: issued by itself.
    pub batch: i64,
    /// Who issued it.
    pub facility: i64,
    /// Its code: the end of its certificate identifier.
    pub code: String,
}

/// A batch of passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batch {
    /// Number.
    pub id: i64,
    /// When it began, seconds.
    pub begun: i64,
    /// When it ended.
    pub ended: Option<i64>,
    /// The last person that was looked at.
    pub last: i64,
    /// Passes issued.
    pub made: i64,
    /// People passed over: no full date of birth.
    pub passed_over: i64,
    /// People who were to get one when it began.
    pub total: i64,
    /// Who began it; 0 is the console.
    pub account: i64,
    /// Whether it was stopped by hand.
    pub stopped: bool,
}

/// The FHIR id of a dose's Immunization.
pub fn resource_id(d: &Dose) -> String {
    match d.digest {
        0 => format!("dose-{}", d.id),
        digest => format!("dose-{:016x}", digest.cast_unsigned()),
    }
}

const DOSE: &str = "id, digest, person, facility, day, number, pass, product, lot";

fn dose(r: &dyn Row) -> Result<Dose> {
    Ok(Dose {
        id: r.int(0)?,
        digest: r.int(1)?,
        person: r.int(2)?,
        facility: r.int(3)?,
        day: r.int(4)?,
        number: r.int(5)?,
        pass: r.int(6)? != 0,
        product: r.text(7)?.to_owned(),
        lot: r.text(8)?.to_owned(),
    })
}

/// The newest doses, before row `before` if given, as the reader may see them.
pub fn doses(on: &mut dyn Query, before: Option<i64>, limit: usize) -> Result<Vec<Dose>> {
    let scope = on.scope();
    let sql = format!(
        "SELECT {DOSE} FROM dose WHERE id < ?1 AND {} ORDER BY id DESC LIMIT {limit}{}",
        within(scope),
        unless_one(scope)
    );
    sql::list(on, &sql, &[before.unwrap_or(i64::MAX).into()], dose)
}

/// The doses of a person by day, as the reader may see them.
pub fn of_person(on: &mut dyn Query, person: i64) -> Result<Vec<Dose>> {
    let scope = on.scope();
    let sql = format!(
        "SELECT {DOSE} FROM dose WHERE person = ?1 AND {} ORDER BY day, number, id LIMIT 200{}",
        within(scope),
        unless_one(scope)
    );
    sql::list(on, &sql, &[person.into()], dose)
}

/// Doses, open doubts and valid passes, as the reader may see them.
pub fn counts(on: &mut dyn Query, now: i64) -> Result<[i64; 3]> {
    let scope = on.scope();
    let (within, every) = (within(scope), unless_one(scope));
    let doses = sql::int(on, &format!("SELECT count(*) FROM dose WHERE {within}{every}"), &[])?;
    let doubts =
        sql::int(on, &format!("SELECT count(*) FROM vaccine_doubt WHERE closed IS NULL AND {within}{every}"), &[])?;
    let passes =
        format!("SELECT count(*) FROM vaccine_pass WHERE revoked IS NULL AND expires > ?1 AND {within}{every}");
    Ok([doses, doubts, sql::int(on, &passes, &[now.into()])?])
}

const DOUBT: &str = "id, person, opened, closed, facility, reason, commune";

fn doubtful(r: &dyn Row) -> Result<Doubtful> {
    let reason = r.int(5)?;
    Ok(Doubtful {
        id: r.int(0)?,
        person: r.int(1)?,
        opened: r.int(2)?,
        closed: r.opt_int(3)?,
        facility: r.int(4)?,
        reason: Reason::ALL.into_iter().find(|x| *x as i64 == reason).ok_or(crate::Error::Column(5))?,
        commune: r.text(6)?.to_owned(),
    })
}

/// People in doubt, of a commune if given, after row `after`, the longest waiting first.
pub fn doubts(on: &mut dyn Query, commune: Option<&str>, after: i64, limit: usize) -> Result<Vec<Doubtful>> {
    let scope = on.scope();
    let mut sql = format!("SELECT {DOUBT} FROM vaccine_doubt WHERE closed IS NULL AND id > ?1 AND {}", within(scope));
    let mut args: Vec<Arg<'_>> = vec![after.into()];
    if let Some(commune) = commune {
        sql.push_str(" AND commune = ?2");
        args.push(commune.into());
    }
    sql.push_str(&format!(" ORDER BY id LIMIT {limit}{}", unless_one(scope)));
    sql::list(on, &sql, &args, doubtful)
}

/// How many wait in each commune.
pub fn communes(on: &mut dyn Query) -> Result<Vec<(String, i64)>> {
    let scope = on.scope();
    let sql = format!(
        "SELECT commune, count(*) FROM vaccine_doubt WHERE closed IS NULL AND {} GROUP BY commune ORDER BY 2 DESC, 1{}",
        within(scope),
        unless_one(scope)
    );
    sql::list(on, &sql, &[], |r| Ok((r.text(0)?.to_owned(), r.int(1)?)))
}

/// One of the queue.
pub fn doubt(on: &mut dyn Query, id: i64) -> Result<Option<Doubtful>> {
    let scope = on.scope();
    let sql = format!("SELECT {DOUBT} FROM vaccine_doubt WHERE id = ?1 AND {}{}", within(scope), unless_one(scope));
    sql::first(on, &sql, &[id.into()], doubtful)
}

/// Whether a person is in doubt anywhere.
pub fn is_doubtful(on: &mut dyn Query, person: i64) -> Result<bool> {
    let sql =
        concat!("SELECT count(*) FROM vaccine_doubt WHERE person = ?1 AND closed IS NULL", every!("person record"));
    Ok(sql::int(on, sql, &[person.into()])? > 0)
}

/// Whether a person has a valid pass, whoever issued it.
pub fn has_valid_pass(on: &mut dyn Query, person: i64, now: i64) -> Result<bool> {
    let sql = concat!(
        "SELECT count(*) FROM vaccine_pass WHERE person = ?1 AND revoked IS NULL AND expires > ?2",
        every!("person record")
    );
    Ok(sql::int(on, sql, &[person.into(), now.into()])? > 0)
}

const PASS: &str = "id, person, issued, expires, revoked, batch, facility, code";

fn pass(r: &dyn Row) -> Result<Pass> {
    Ok(Pass {
        id: r.int(0)?,
        person: r.int(1)?,
        issued: r.int(2)?,
        expires: r.int(3)?,
        revoked: r.opt_int(4)?,
        batch: r.int(5)?,
        facility: r.int(6)?,
        code: r.text(7)?.to_owned(),
    })
}

/// The passes of a person, the newest first, as the reader may see them.
pub fn passes(on: &mut dyn Query, person: i64) -> Result<Vec<Pass>> {
    let scope = on.scope();
    let sql = format!(
        "SELECT {PASS} FROM vaccine_pass WHERE person = ?1 AND {} ORDER BY id DESC LIMIT 50{}",
        within(scope),
        unless_one(scope)
    );
    sql::list(on, &sql, &[person.into()], pass)
}

/// The pass with this code, as the reader may see it.
pub fn pass_of_code(on: &mut dyn Query, code: &str) -> Result<Option<Pass>> {
    let scope = on.scope();
    let sql = format!("SELECT {PASS} FROM vaccine_pass WHERE code = ?1 AND {}{}", within(scope), unless_one(scope));
    sql::first(on, &sql, &[code.into()], pass)
}

/// Codes of passes that were taken back and would still count by their own dates, in the order of their codes.
pub fn revoked(on: &mut dyn Query, now: i64) -> Result<Vec<String>> {
    let sql = concat!(
        "SELECT code FROM vaccine_pass WHERE revoked IS NOT NULL AND expires > ?1 ORDER BY code",
        every!("province")
    );
    sql::list(on, sql, &[now.into()], |r| Ok(r.text(0)?.to_owned()))
}

const TO_GET_ONE: &str = "pass = 1 AND NOT EXISTS (SELECT 1 FROM vaccine_pass p WHERE p.person = dose.person
    AND p.revoked IS NULL AND p.expires > ?1) AND NOT EXISTS (SELECT 1 FROM vaccine_doubt d WHERE d.person = dose.person
    AND d.closed IS NULL) AND NOT EXISTS (SELECT 1 FROM person_merge m WHERE m.lose = dose.person AND m.undone_at IS NULL)";

/// People after `after` who have a dose that counts, no valid pass and no doubt about who they are; in order.
pub fn to_get_a_pass(on: &mut dyn Query, after: i64, now: i64, limit: usize) -> Result<Vec<i64>> {
    let sql = format!(
        "SELECT DISTINCT person FROM dose WHERE {TO_GET_ONE} AND person > ?2 ORDER BY person LIMIT {limit}{}",
        every!("province")
    );
    sql::list(on, &sql, &[now.into(), after.into()], |r| r.int(0))
}

/// Those of them up to `last`.
pub fn still_to_get_a_pass(on: &mut dyn Query, (after, last): (i64, i64), now: i64) -> Result<Vec<i64>> {
    let sql = format!(
        "SELECT DISTINCT person FROM dose WHERE {TO_GET_ONE} AND person > ?2 AND person <= ?3 ORDER BY person{}",
        every!("province")
    );
    sql::list(on, &sql, &[now.into(), after.into(), last.into()], |r| r.int(0))
}

/// How many people are to get a pass.
pub fn waiting(on: &mut dyn Query, now: i64) -> Result<i64> {
    let sql = format!("SELECT count(DISTINCT person) FROM dose WHERE {TO_GET_ONE}{}", every!("province"));
    sql::int(on, &sql, &[now.into()])
}

const BATCH: &str = "id, begun, ended, last, made, passed_over, total, account, state";

fn batch(r: &dyn Row) -> Result<Batch> {
    Ok(Batch {
        id: r.int(0)?,
        begun: r.int(1)?,
        ended: r.opt_int(2)?,
        last: r.int(3)?,
        made: r.int(4)?,
        passed_over: r.int(5)?,
        total: r.int(6)?,
        account: r.int(7)?,
        stopped: r.int(8)? != 0,
    })
}

/// Batches, the newest first.
pub fn batches(on: &mut dyn Query, limit: usize) -> Result<Vec<Batch>> {
    sql::list(on, &format!("SELECT {BATCH} FROM vaccine_batch ORDER BY id DESC LIMIT {limit}"), &[], batch)
}

/// The batch that is under way, if any.
pub fn running(on: &mut dyn Query) -> Result<Option<Batch>> {
    sql::first(on, &format!("SELECT {BATCH} FROM vaccine_batch WHERE ended IS NULL ORDER BY id"), &[], batch)
}

impl Tx<'_> {
    /// Adds a dose; gives its number.
    ///
    /// # Errors
    /// Of the store.
    pub fn add_dose(&mut self, d: &Dose) -> Result<i64> {
        let sql = "INSERT INTO dose(digest, person, facility, day, number, pass, product, lot)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
        let args: [Arg<'_>; 8] = [
            d.digest.into(),
            d.person.into(),
            d.facility.into(),
            d.day.into(),
            d.number.into(),
            i64::from(d.pass).into(),
            (&d.product).into(),
            (&d.lot).into(),
        ];
        self.insert(sql, &args)
    }

    /// The dose of this person, facility, product, day and number, if it is there.
    ///
    /// # Errors
    /// Of the store.
    pub fn same_dose(&mut self, d: &Dose) -> Result<Option<Dose>> {
        let sql = format!(
            "SELECT {DOSE} FROM dose WHERE person = ?1 AND facility = ?2 AND product = ?3 AND day = ?4 AND number = ?5
                ORDER BY id LIMIT 1"
        );
        let args: [Arg<'_>; 5] =
            [d.person.into(), d.facility.into(), (&d.product).into(), d.day.into(), d.number.into()];
        sql::first(self, &sql, &args, dose)
    }

    /// Corrects the lot of a dose.
    ///
    /// # Errors
    /// Of the store.
    pub fn correct_lot(&mut self, d: &Dose, lot: &str) -> Result<()> {
        let sql = "UPDATE dose SET lot = ?3 WHERE id = ?1 AND facility = ?2";
        self.run(sql, &[d.id.into(), d.facility.into(), lot.into()]).map(drop)
    }

    /// Puts a person in doubt, again where they were out of it; gives the number of the doubt, or nothing where they are in
    /// doubt already.
    ///
    /// # Errors
    /// Of the store.
    pub fn doubt_person(
        &mut self,
        (person, facility): (i64, i64),
        reason: Reason,
        commune: &str,
        now: i64,
    ) -> Result<Option<i64>> {
        let find = format!("SELECT {DOUBT} FROM vaccine_doubt WHERE person = ?1 AND facility = ?2");
        let known = sql::first(self, &find, &[person.into(), facility.into()], doubtful)?;
        let args = [person.into(), now.into(), facility.into(), (reason as i64).into(), commune.into()];
        match known {
            None => {
                let sql = "INSERT INTO vaccine_doubt(person, opened, facility, reason, commune)
                    VALUES (?1, ?2, ?3, ?4, ?5)";
                self.insert(sql, &args).map(Some)
            }
            Some(known) if known.closed.is_some() => {
                let sql = "UPDATE vaccine_doubt SET opened = ?2, closed = NULL, reason = ?4, commune = ?5
                    WHERE person = ?1 AND facility = ?3";
                self.run(sql, &args)?;
                Ok(Some(known.id))
            }
            Some(_) => Ok(None),
        }
    }

    /// Takes a person out of doubt.
    ///
    /// # Errors
    /// Of the store.
    pub fn settle_doubt(&mut self, id: i64, facility: i64, now: i64) -> Result<bool> {
        let sql = "UPDATE vaccine_doubt SET closed = ?3 WHERE id = ?1 AND facility = ?2 AND closed IS NULL";
        Ok(self.run(sql, &[id.into(), facility.into(), now.into()])? > 0)
    }

    /// Writes a new pass.
    ///
    /// # Errors
    /// Of the store.
    pub fn add_pass(&mut self, p: &Pass) -> Result<()> {
        let sql =
            "INSERT INTO vaccine_pass(person, issued, expires, batch, facility, code) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
        let args: [Arg<'_>; 6] =
            [p.person.into(), p.issued.into(), p.expires.into(), p.batch.into(), p.facility.into(), (&p.code).into()];
        self.push(sql, &args)
    }

    /// Takes a pass back; false where it was.
    ///
    /// # Errors
    /// Of the store.
    pub fn revoke_pass(&mut self, pass: &Pass, now: i64) -> Result<bool> {
        let sql = "UPDATE vaccine_pass SET revoked = ?3 WHERE id = ?1 AND facility = ?2 AND revoked IS NULL";
        Ok(self.run(sql, &[pass.id.into(), pass.facility.into(), now.into()])? > 0)
    }

    /// Begins a batch, unless one is under way: gives its number.
    ///
    /// # Errors
    /// Of the store.
    pub fn begin_batch(&mut self, account: i64, total: i64, now: i64) -> Result<Option<i64>> {
        if running(self)?.is_some() {
            return Ok(None);
        }
        let sql = "INSERT INTO vaccine_batch(begun, last, made, passed_over, total, account, state)
            VALUES (?1, 0, 0, 0, ?2, ?3, 0)";
        self.insert(sql, &[now.into(), total.into(), account.into()]).map(Some)
    }

    /// Moves a batch on from `was.last`; false where it is no longer there: another hand moved or stopped it.
    ///
    /// # Errors
    /// Of the store.
    pub fn move_batch(&mut self, was: &Batch, to: &Batch) -> Result<bool> {
        let sql = "UPDATE vaccine_batch SET last = ?3, made = ?4, passed_over = ?5, ended = ?6, state = ?7
            WHERE id = ?1 AND last = ?2 AND ended IS NULL";
        let args: [Arg<'_>; 7] = [
            was.id.into(),
            was.last.into(),
            to.last.into(),
            to.made.into(),
            to.passed_over.into(),
            to.ended.into(),
            i64::from(to.stopped).into(),
        ];
        Ok(self.run(sql, &args)? > 0)
    }
}
