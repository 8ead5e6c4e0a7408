//! Prescriptions, their lines with what was handed out, and each handing out. What was prescribed, to whom and why is in
//! resources (MedicationRequest, List, Binary, Provenance, MedicationDispense, Task); a row here repeats of them what lists, the
//! queue of sending and the pharmacy ask for, and is written in the same transaction. No row holds an identifier of a person.

use crate::distribution::{every, unless_one};
use crate::sql::{self, Arg, Execute, Query, Row};
use crate::{Result, Tx};
use mach_access::Scope;

/// The tables of this module.
pub const DDL: &[&str] = &[
    "CREATE TABLE prescription(id INTEGER PRIMARY KEY, person INTEGER NOT NULL, account INTEGER NOT NULL,
        written INTEGER NOT NULL, signed INTEGER, expires INTEGER, tried INTEGER NOT NULL DEFAULT 0, next INTEGER,
        facility INT NOT NULL, state SMALLINT NOT NULL, sending SMALLINT NOT NULL DEFAULT 0, kind TEXT NOT NULL,
        code TEXT NOT NULL, replaces TEXT NOT NULL, receipt TEXT NOT NULL, said TEXT NOT NULL {key id})",
    "CREATE UNIQUE INDEX prescription_code ON prescription(code, facility)",
    "CREATE INDEX prescription_state ON prescription(facility, state, id)",
    "CREATE INDEX prescription_person ON prescription(person, facility)",
    "CREATE INDEX prescription_next ON prescription(next, facility) WHERE next IS NOT NULL",
    "CREATE TABLE prescription_line(prescription INTEGER NOT NULL, line INTEGER NOT NULL, prescribed INTEGER NOT NULL,
        dispensed INTEGER NOT NULL, until_day INTEGER NOT NULL, facility INT NOT NULL, ingredient TEXT NOT NULL,
        PRIMARY KEY(facility, prescription, line)) {clustered}",
    "CREATE TABLE dispensing(id INTEGER PRIMARY KEY, prescription INTEGER NOT NULL, at INTEGER NOT NULL,
        quantity INTEGER NOT NULL, pharmacy INTEGER NOT NULL, facility INT NOT NULL, line INT NOT NULL,
        invoice TEXT NOT NULL {key id})",
    "CREATE INDEX dispensing_prescription ON dispensing(prescription, facility)",
    "CREATE UNIQUE INDEX dispensing_invoice ON dispensing(pharmacy, invoice, prescription, line, facility)",
];

/// Where a prescription stands. Stored as its number: never renumbered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Being written: *BẢN NHÁP*.
    Draft = 1,
    /// Signed: it counts.
    Signed = 2,
    /// Some of it was handed out.
    Partly = 3,
    /// All of it was handed out.
    Done = 4,
    /// Another takes its place.
    Replaced = 5,
    /// Taken back, or the draft given up.
    Cancelled = 6,
}

impl State {
    /// All, in their order.
    pub const ALL: [Self; 6] = [Self::Draft, Self::Signed, Self::Partly, Self::Done, Self::Replaced, Self::Cancelled];

    /// As addresses and interfaces name it.
    pub fn code(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Signed => "signed",
            Self::Partly => "partly",
            Self::Done => "done",
            Self::Replaced => "replaced",
            Self::Cancelled => "cancelled",
        }
    }

    /// From that name.
    pub fn parse(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.code() == code)
    }
}

/// How far it is on its way to the national system. Stored as its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sending {
    /// Nothing is to be sent.
    None = 0,
    /// It is to be sent.
    Due = 1,
    /// It is there.
    Sent = 2,
    /// It was refused: somebody must look.
    Refused = 3,
}

impl Sending {
    /// As interfaces name it.
    pub fn code(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Due => "due",
            Self::Sent => "sent",
            Self::Refused => "refused",
        }
    }
}

/// A prescription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prescription {
    /// Number of the row; 0: not yet written.
    pub id: i64,
    /// For whom.
    pub person: i64,
    /// Whose account wrote it.
    pub account: i64,
    /// When, seconds.
    pub written: i64,
    /// When it was signed.
    pub signed: Option<i64>,
    /// Until when it may be dispensed.
    pub expires: Option<i64>,
    /// How often sending was tried.
    pub tried: i64,
    /// When sending is tried next.
    pub next: Option<i64>,
    /// The facility.
    pub facility: i64,
    /// Where it stands.
    pub state: State,
    /// How far it is on its way.
    pub sending: Sending,
    /// `c`, `n`, `h` or `t`.
    pub kind: String,
    /// Its code, 14 characters, lower case.
    pub code: String,
    /// The code of the one that it takes the place of; or empty.
    pub replaces: String,
    /// The national system's receipt.
    pub receipt: String,
    /// What the national system said last.
    pub said: String,
}

/// A line of a prescription as the pharmacy counts it. Quantities are in hundredths of a unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Its place, from 1.
    pub line: i64,
    /// How much was prescribed.
    pub prescribed: i64,
    /// How much was handed out.
    pub dispensed: i64,
    /// The last day of its use, days since 1970-01-01.
    pub until: i64,
    /// Active ingredient, folded: what duplicates are found by.
    pub ingredient: String,
}

/// A handing out of one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dispensed {
    /// When, seconds.
    pub at: i64,
    /// How much, hundredths of a unit.
    pub quantity: i64,
    /// By which facility.
    pub pharmacy: i64,
    /// Which line.
    pub line: i64,
    /// The pharmacy's own number of the sale.
    pub invoice: String,
}

const COLUMNS: &str =
    "id, person, account, written, signed, expires, tried, next, facility, state, sending, kind, code,
    replaces, receipt, said";

fn row(r: &dyn Row) -> Result<Prescription> {
    let text = |i| r.text(i).map(str::to_owned);
    let (state, sending) = (r.int(9)?, r.int(10)?);
    let sent = [Sending::None, Sending::Due, Sending::Sent, Sending::Refused];
    Ok(Prescription {
        id: r.int(0)?,
        person: r.int(1)?,
        account: r.int(2)?,
        written: r.int(3)?,
        signed: r.opt_int(4)?,
        expires: r.opt_int(5)?,
        tried: r.int(6)?,
        next: r.opt_int(7)?,
        facility: r.int(8)?,
        state: State::ALL.into_iter().find(|s| *s as i64 == state).ok_or(crate::Error::Column(9))?,
        sending: sent.into_iter().find(|s| *s as i64 == sending).ok_or(crate::Error::Column(10))?,
        kind: text(11)?,
        code: text(12)?,
        replaces: text(13)?,
        receipt: text(14)?,
        said: text(15)?,
    })
}

fn within(scope: Scope) -> String {
    scope.facility().map_or("1 = 1".to_owned(), |f| format!("facility = {f}"))
}

/// The prescription with this code, as the reader may see it.
pub fn by_code(on: &mut dyn Query, code: &str) -> Result<Option<Prescription>> {
    let scope = on.scope();
    let sql = format!("SELECT {COLUMNS} FROM prescription WHERE code = ?1 AND {}{}", within(scope), unless_one(scope));
    sql::first(on, &sql, &[code.into()], row)
}

/// Prescriptions, the newest first, before row `before` if given, in a state if given.
pub fn list(on: &mut dyn Query, state: Option<State>, before: Option<i64>, limit: usize) -> Result<Vec<Prescription>> {
    let scope = on.scope();
    let mut sql = format!("SELECT {COLUMNS} FROM prescription WHERE id < ?1 AND {}", within(scope));
    if let Some(state) = state {
        sql.push_str(&format!(" AND state = {}", state as i64));
    }
    sql.push_str(&format!(" ORDER BY id DESC LIMIT {limit}{}", unless_one(scope)));
    sql::list(on, &sql, &[before.unwrap_or(i64::MAX).into()], row)
}

/// How many there are in each state, as the reader may see them.
pub fn states(on: &mut dyn Query) -> Result<Vec<(State, i64)>> {
    let scope = on.scope();
    let sql = format!(
        "SELECT state, count(*) FROM prescription WHERE {} GROUP BY state ORDER BY state{}",
        within(scope),
        unless_one(scope)
    );
    let rows = sql::list(on, &sql, &[], |r| Ok((r.int(0)?, r.int(1)?)))?;
    Ok(rows.into_iter().filter_map(|(s, n)| Some((State::ALL.into_iter().find(|x| *x as i64 == s)?, n))).collect())
}

/// Lines of a person's prescriptions that count and are still in use on `day`, with their code: as the reader may see them.
pub fn in_use(on: &mut dyn Query, person: i64, day: i64) -> Result<Vec<(String, Line)>> {
    let scope = on.scope();
    let within = scope.facility().map_or("1 = 1".to_owned(), |f| format!("p.facility = {f}"));
    let sql = format!(
        "SELECT p.code, l.line, l.prescribed, l.dispensed, l.until_day, l.ingredient FROM prescription p
            JOIN prescription_line l ON l.facility = p.facility AND l.prescription = p.id
            WHERE p.person = ?1 AND l.until_day >= ?2 AND p.state IN (2, 3, 4) AND {within} ORDER BY p.id, l.line LIMIT 200{}",
        unless_one(scope)
    );
    sql::list(on, &sql, &[person.into(), day.into()], |r| {
        Ok((
            r.text(0)?.to_owned(),
            Line {
                line: r.int(1)?,
                prescribed: r.int(2)?,
                dispensed: r.int(3)?,
                until: r.int(4)?,
                ingredient: r.text(5)?.to_owned(),
            },
        ))
    })
}

/// The lines of a prescription.
pub fn lines(on: &mut dyn Query, p: &Prescription) -> Result<Vec<Line>> {
    let sql = "SELECT line, prescribed, dispensed, until_day, ingredient FROM prescription_line
        WHERE facility = ?1 AND prescription = ?2 ORDER BY line";
    sql::list(on, sql, &[p.facility.into(), p.id.into()], |r| {
        Ok(Line {
            line: r.int(0)?,
            prescribed: r.int(1)?,
            dispensed: r.int(2)?,
            until: r.int(3)?,
            ingredient: r.text(4)?.to_owned(),
        })
    })
}

/// What was handed out of a prescription, in order.
pub fn dispensed(on: &mut dyn Query, p: &Prescription) -> Result<Vec<Dispensed>> {
    let sql = "SELECT at, quantity, pharmacy, line, invoice FROM dispensing
        WHERE facility = ?1 AND prescription = ?2 ORDER BY id LIMIT 500";
    sql::list(on, sql, &[p.facility.into(), p.id.into()], |r| {
        Ok(Dispensed {
            at: r.int(0)?,
            quantity: r.int(1)?,
            pharmacy: r.int(2)?,
            line: r.int(3)?,
            invoice: r.text(4)?.to_owned(),
        })
    })
}

/// Prescriptions whose sending is due, the longest waiting first.
pub fn due(on: &mut dyn Query, now: i64, limit: usize) -> Result<Vec<Prescription>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM prescription WHERE next IS NOT NULL AND next <= ?1 ORDER BY next, id LIMIT {limit}{}",
        every!("province")
    );
    sql::list(on, &sql, &[now.into()], row)
}

impl Tx<'_> {
    /// Writes a new prescription, or the new state of one; gives its number.
    ///
    /// # Errors
    /// Of the store.
    pub fn keep_prescription(&mut self, p: &Prescription) -> Result<i64> {
        let values: [Arg<'_>; 15] = [
            p.person.into(),
            p.account.into(),
            p.written.into(),
            p.signed.into(),
            p.expires.into(),
            p.tried.into(),
            p.next.into(),
            p.facility.into(),
            (p.state as i64).into(),
            (p.sending as i64).into(),
            (&p.kind).into(),
            (&p.code).into(),
            (&p.replaces).into(),
            (&p.receipt).into(),
            (&p.said).into(),
        ];
        if p.id == 0 {
            return self.insert(
                "INSERT INTO prescription(person, account, written, signed, expires, tried, next, facility, state, sending,
                    kind, code, replaces, receipt, said)
                    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)",
                &values,
            );
        }
        let mut args = values.to_vec();
        args.push(p.id.into());
        self.run(
            "UPDATE prescription SET person = ?1, account = ?2, written = ?3, signed = ?4, expires = ?5, tried = ?6,
                next = ?7, state = ?9, sending = ?10, kind = ?11, code = ?12, replaces = ?13, receipt = ?14, said = ?15
                WHERE id = ?16 AND facility = ?8",
            &args,
        )?;
        Ok(p.id)
    }

    /// Writes the lines of a draft anew.
    ///
    /// # Errors
    /// Of the store.
    pub fn keep_lines(&mut self, p: &Prescription, lines: &[Line]) -> Result<()> {
        let sql = "DELETE FROM prescription_line WHERE facility = ?1 AND prescription = ?2";
        self.run(sql, &[p.facility.into(), p.id.into()])?;
        for l in lines {
            let sql = "INSERT INTO prescription_line(prescription, line, prescribed, dispensed, until_day, facility, ingredient)
                VALUES (?1, ?2, ?3, 0, ?4, ?5, ?6)";
            let args: [Arg<'_>; 6] = [
                p.id.into(),
                l.line.into(),
                l.prescribed.into(),
                l.until.into(),
                p.facility.into(),
                (&l.ingredient).into(),
            ];
            self.push(sql, &args)?;
        }
        Ok(())
    }

    /// Whether a sale of this number was written down for a line: the same sale told again is the same.
    ///
    /// # Errors
    /// Of the store.
    pub fn has_sale(&mut self, p: &Prescription, d: &Dispensed) -> Result<Option<i64>> {
        let sql = "SELECT quantity FROM dispensing
            WHERE pharmacy = ?1 AND invoice = ?2 AND prescription = ?3 AND line = ?4 AND facility = ?5";
        let args: [Arg<'_>; 5] =
            [d.pharmacy.into(), (&d.invoice).into(), p.id.into(), d.line.into(), p.facility.into()];
        sql::first(self, sql, &args, |r| r.int(0))
    }

    /// Hands out of a line, where that much is left: false where it is not, and nothing is written.
    ///
    /// # Errors
    /// Of the store.
    pub fn hand_out(&mut self, p: &Prescription, d: &Dispensed) -> Result<bool> {
        let sql = "UPDATE prescription_line SET dispensed = dispensed + ?4 WHERE facility = ?1 AND prescription = ?2
            AND line = ?3 AND dispensed + ?4 <= prescribed";
        if self.run(sql, &[p.facility.into(), p.id.into(), d.line.into(), d.quantity.into()])? == 0 {
            return Ok(false);
        }
        let sql = "INSERT INTO dispensing(prescription, at, quantity, pharmacy, facility, line, invoice)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
        let args: [Arg<'_>; 7] = [
            p.id.into(),
            d.at.into(),
            d.quantity.into(),
            d.pharmacy.into(),
            p.facility.into(),
            d.line.into(),
            (&d.invoice).into(),
        ];
        self.insert(sql, &args)?;
        Ok(true)
    }
}
