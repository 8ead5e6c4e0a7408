//! Prescriptions, their lines with what was handed out, and sales. What was prescribed, to whom and why is in resources
//! (MedicationRequest, List, Binary, Provenance, MedicationDispense); a row here repeats of them what lists, the queues and the
//! pharmacy ask for, and is written in the same transaction. No row holds an identifier of a person.

mod sales;

pub use crate::sending::Sending;
pub use sales::{Sale, SaleLine, sales, sales_due};

use crate::distribution::{every, unless_one, within};
use crate::sql::{self, Arg, Execute, Query, Row};
use crate::{Result, Tx};

/// The tables of this module.
pub const DDL: &[&str] = &[
    "CREATE TABLE prescription(id INTEGER PRIMARY KEY, person INTEGER NOT NULL, account INTEGER NOT NULL,
        written INTEGER NOT NULL, signed INTEGER, opens INTEGER, expires INTEGER, tried INTEGER NOT NULL, next INTEGER,
        look INTEGER, facility INT NOT NULL, state SMALLINT NOT NULL, sending SMALLINT NOT NULL, part SMALLINT NOT NULL,
        sensitive SMALLINT NOT NULL, kind TEXT NOT NULL, code TEXT NOT NULL, series TEXT NOT NULL, replaces TEXT NOT NULL, digest TEXT NOT NULL,
        paper TEXT NOT NULL, receipt TEXT NOT NULL, said TEXT NOT NULL {key id})",
    "CREATE UNIQUE INDEX prescription_code ON prescription(code, facility)",
    "CREATE INDEX prescription_state ON prescription(facility, state, id)",
    "CREATE INDEX prescription_person ON prescription(person, facility)",
    "CREATE INDEX prescription_series ON prescription(series, facility) WHERE series <> ''",
    "CREATE INDEX prescription_next ON prescription(next, facility) WHERE next IS NOT NULL",
    "CREATE INDEX prescription_look ON prescription(look, facility) WHERE look IS NOT NULL",
    "CREATE TABLE prescription_line(prescription INTEGER NOT NULL, line INTEGER NOT NULL, prescribed INTEGER NOT NULL,
        dispensed INTEGER NOT NULL, until_day INTEGER NOT NULL, facility INT NOT NULL, ingredient TEXT NOT NULL,
        PRIMARY KEY(facility, prescription, line)) {clustered}",
    "CREATE TABLE sale(id INTEGER PRIMARY KEY, prescription INTEGER NOT NULL, at INTEGER NOT NULL, tried INTEGER NOT NULL,
        next INTEGER, pharmacy INTEGER NOT NULL, account INTEGER NOT NULL, facility INT NOT NULL, sending SMALLINT NOT NULL,
        place TEXT NOT NULL, invoice TEXT NOT NULL, said TEXT NOT NULL {key id})",
    "CREATE UNIQUE INDEX sale_invoice ON sale(prescription, pharmacy, place, invoice, facility)",
    "CREATE INDEX sale_next ON sale(next, facility) WHERE next IS NOT NULL",
    "CREATE TABLE sale_line(sale INTEGER NOT NULL, line INTEGER NOT NULL, quantity INTEGER NOT NULL, facility INT NOT NULL,
        PRIMARY KEY(facility, sale, line)) {clustered}",
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
    /// Its signature is under way: nothing of it changes.
    Signing = 7,
}

impl State {
    /// All, in the order of their way.
    pub const ALL: [Self; 7] =
        [Self::Draft, Self::Signing, Self::Signed, Self::Partly, Self::Done, Self::Replaced, Self::Cancelled];

    /// As addresses and interfaces name it.
    pub fn code(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Signing => "signing",
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

    fn of(number: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|s| *s as i64 == number)
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
    /// From when it may be dispensed.
    pub opens: Option<i64>,
    /// Until when it may be dispensed.
    pub expires: Option<i64>,
    /// How often sending was tried.
    pub tried: i64,
    /// When sending is tried next.
    pub next: Option<i64>,
    /// When the national system is asked next what was sold of it elsewhere.
    pub look: Option<i64>,
    /// The facility.
    pub facility: i64,
    /// Where it stands.
    pub state: State,
    /// How far it is on its way.
    pub sending: Sending,
    /// Which part of a series it is, from 1; 0: it stands alone.
    pub part: i64,
    /// Whether only who wrote it may see it: its diagnosis is of those that stay with who treats.
    pub sensitive: bool,
    /// `c`, `n`, `h` or `t`.
    pub kind: String,
    /// Its code, 14 characters, lower case.
    pub code: String,
    /// The code of the first of its series; empty: it stands alone.
    pub series: String,
    /// The code of the one that it takes the place of; or empty.
    pub replaces: String,
    /// SHA-256 of what was written, hexadecimal: what the resource must say.
    pub digest: String,
    /// SHA-256 of the signed paper, hexadecimal; empty: not signed.
    pub paper: String,
    /// The national system's receipt.
    pub receipt: String,
    /// What the national system said last.
    pub said: String,
}

/// Prescriptions that were signed and that nobody took back: what is sent and what waits is of these.
pub(crate) const COUNTS: &str = "state IN (2, 3, 4)";

impl Prescription {
    /// Whether it still goes to the national system: signed, not taken back, not taken there.
    pub fn may_be_sent(&self) -> bool {
        matches!(self.state, State::Signed | State::Partly | State::Done)
            && matches!(self.sending, Sending::Due | Sending::Refused)
    }
}

/// A line of a prescription as the pharmacy counts it. Quantities are in hundredths of a unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Its place, from 1.
    pub line: i64,
    /// How much was prescribed.
    pub prescribed: i64,
    /// How much was handed out; more than was prescribed only where pharmacies elsewhere told so.
    pub dispensed: i64,
    /// The last day of its use, days since 1970-01-01.
    pub until: i64,
    /// Active ingredient, folded: what duplicates are found by.
    pub ingredient: String,
}

impl Line {
    /// How much may still be handed out.
    pub fn left(&self) -> i64 {
        (self.prescribed - self.dispensed).max(0)
    }
}

/// Which prescriptions a list shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Who looks: sensitive ones are seen by who wrote them alone.
    pub account: i64,
    /// Only of this state.
    pub state: Option<State>,
    /// Only those that the national system gave back and that count.
    pub is_refused: bool,
    /// Only of this person.
    pub person: Option<i64>,
    /// Only those before this row.
    pub before: Option<i64>,
}

const COLUMNS: &str =
    "id, person, account, written, signed, opens, expires, tried, next, look, facility, state, sending, part, sensitive,
    kind, code, series, replaces, digest, paper, receipt, said";

fn row(r: &dyn Row) -> Result<Prescription> {
    let text = |i| r.text(i).map(str::to_owned);
    Ok(Prescription {
        id: r.int(0)?,
        person: r.int(1)?,
        account: r.int(2)?,
        written: r.int(3)?,
        signed: r.opt_int(4)?,
        opens: r.opt_int(5)?,
        expires: r.opt_int(6)?,
        tried: r.int(7)?,
        next: r.opt_int(8)?,
        look: r.opt_int(9)?,
        facility: r.int(10)?,
        state: State::of(r.int(11)?).ok_or(crate::Error::Column(11))?,
        sending: Sending::of(r.int(12)?).ok_or(crate::Error::Column(12))?,
        part: r.int(13)?,
        sensitive: r.int(14)? != 0,
        kind: text(15)?,
        code: text(16)?,
        series: text(17)?,
        replaces: text(18)?,
        digest: text(19)?,
        paper: text(20)?,
        receipt: text(21)?,
        said: text(22)?,
    })
}

/// The prescription with this code, as the reader may see it.
pub fn by_code(on: &mut dyn Query, code: &str) -> Result<Option<Prescription>> {
    let scope = on.scope();
    let sql = format!("SELECT {COLUMNS} FROM prescription WHERE code = ?1 AND {}{}", within(scope), unless_one(scope));
    sql::first(on, &sql, &[code.into()], row)
}

/// The prescriptions of a series, in their order.
pub fn series(on: &mut dyn Query, facility: i64, series: &str) -> Result<Vec<Prescription>> {
    if series.is_empty() {
        return Ok(Vec::new());
    }
    let sql = format!("SELECT {COLUMNS} FROM prescription WHERE series = ?1 AND facility = ?2 ORDER BY part");
    sql::list(on, &sql, &[series.into(), facility.into()], row)
}

fn seen_by(account: i64) -> String {
    format!("(sensitive = 0 OR account = {account})")
}

/// Prescriptions, the newest first.
pub fn list(on: &mut dyn Query, filter: Filter, limit: usize) -> Result<Vec<Prescription>> {
    let scope = on.scope();
    let (within, seen) = (within(scope), seen_by(filter.account));
    let mut sql = format!("SELECT {COLUMNS} FROM prescription WHERE id < ?1 AND {within} AND {seen}");
    if let Some(state) = filter.state {
        sql.push_str(&format!(" AND state = {}", state as i64));
    }
    if filter.is_refused {
        sql.push_str(&format!(" AND sending = {} AND {COUNTS}", Sending::Refused as i64));
    }
    if let Some(person) = filter.person {
        sql.push_str(&format!(" AND person = {person}"));
    }
    sql.push_str(&format!(" ORDER BY id DESC LIMIT {limit}{}", unless_one(scope)));
    sql::list(on, &sql, &[filter.before.unwrap_or(i64::MAX).into()], row)
}

/// How many there are in each state, as an account may see them.
pub fn states(on: &mut dyn Query, account: i64) -> Result<Vec<(State, i64)>> {
    let scope = on.scope();
    let (within, seen, every) = (within(scope), seen_by(account), unless_one(scope));
    let sql = format!("SELECT state, count(*) FROM prescription WHERE {within} AND {seen} GROUP BY state{every}");
    let counts = sql::list(on, &sql, &[], |r| Ok((r.int(0)?, r.int(1)?)))?;
    let of = |state: State| counts.iter().find(|(s, _)| *s == state as i64).map(|(_, n)| (state, *n));
    Ok(State::ALL.into_iter().filter_map(of).collect())
}

/// Lines of a person's prescriptions that count and are still in use on `day`, with their code and series: as the reader may
/// see them.
pub fn in_use(on: &mut dyn Query, person: i64, day: i64) -> Result<Vec<(String, String, Line)>> {
    let scope = on.scope();
    let within = scope.facility().map_or("1 = 1".to_owned(), |f| format!("p.facility = {f}"));
    let sql = format!(
        "SELECT p.code, p.series, l.line, l.prescribed, l.dispensed, l.until_day, l.ingredient FROM prescription p
            JOIN prescription_line l ON l.facility = p.facility AND l.prescription = p.id
            WHERE p.person = ?1 AND l.until_day >= ?2 AND p.state IN (2, 3, 4, 7) AND {within} ORDER BY p.id, l.line
            LIMIT 200{}",
        unless_one(scope)
    );
    sql::list(on, &sql, &[person.into(), day.into()], |r| {
        Ok((
            r.text(0)?.to_owned(),
            r.text(1)?.to_owned(),
            Line {
                line: r.int(2)?,
                prescribed: r.int(3)?,
                dispensed: r.int(4)?,
                until: r.int(5)?,
                ingredient: r.text(6)?.to_owned(),
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

/// Prescriptions whose sending is due, the longest waiting first.
pub fn due(on: &mut dyn Query, now: i64, limit: usize) -> Result<Vec<Prescription>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM prescription WHERE next IS NOT NULL AND next <= ?1 AND {COUNTS}
            ORDER BY next, id LIMIT {limit}{}",
        every!("province")
    );
    sql::list(on, &sql, &[now.into()], row)
}

/// Prescriptions of which the national system is to be asked what was sold elsewhere, the longest waiting first.
pub fn looks_due(on: &mut dyn Query, now: i64, limit: usize) -> Result<Vec<Prescription>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM prescription WHERE look IS NOT NULL AND look <= ?1 ORDER BY look, id LIMIT {limit}{}",
        every!("province")
    );
    sql::list(on, &sql, &[now.into()], row)
}

/// When something is to be sent or asked next, seconds; `None` where nothing is.
pub fn next_due(on: &mut dyn Query) -> Result<Option<i64>> {
    let mut next = None;
    let due = format!("SELECT min(next) FROM prescription WHERE next IS NOT NULL AND {COUNTS}{}", every!("province"));
    for sql in [
        due.as_str(),
        concat!("SELECT min(look) FROM prescription WHERE look IS NOT NULL", every!("province")),
        concat!("SELECT min(next) FROM sale WHERE next IS NOT NULL", every!("province")),
    ] {
        let found = sql::first(on, sql, &[], |r| r.opt_int(0))?.flatten();
        next = [next, found].into_iter().flatten().min();
    }
    Ok(next)
}

impl Tx<'_> {
    /// Writes a new prescription, or the new state of one; gives its number.
    ///
    /// # Errors
    /// Of the store.
    pub fn keep_prescription(&mut self, p: &Prescription) -> Result<i64> {
        let mut values: Vec<Arg<'_>> = vec![
            p.person.into(),
            p.account.into(),
            p.written.into(),
            p.signed.into(),
            p.opens.into(),
            p.expires.into(),
            p.tried.into(),
            p.next.into(),
            p.look.into(),
            p.facility.into(),
            (p.state as i64).into(),
            (p.sending as i64).into(),
            p.part.into(),
            i64::from(p.sensitive).into(),
            (&p.kind).into(),
            (&p.code).into(),
            (&p.series).into(),
            (&p.replaces).into(),
            (&p.digest).into(),
            (&p.paper).into(),
            (&p.receipt).into(),
            (&p.said).into(),
        ];
        if p.id == 0 {
            return self.insert(
                "INSERT INTO prescription(person, account, written, signed, opens, expires, tried, next, look, facility, state,
                    sending, part, sensitive, kind, code, series, replaces, digest, paper, receipt, said)
                    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21,
                    ?22)",
                &values,
            );
        }
        values.push(p.id.into());
        self.run(
            "UPDATE prescription SET person = ?1, account = ?2, written = ?3, signed = ?4, opens = ?5, expires = ?6,
                tried = ?7, next = ?8, look = ?9, state = ?11, sending = ?12, part = ?13, sensitive = ?14, kind = ?15,
                code = ?16, series = ?17, replaces = ?18, digest = ?19, paper = ?20, receipt = ?21, said = ?22
                WHERE id = ?23 AND facility = ?10",
            &values,
        )?;
        Ok(p.id)
    }

    /// Writes the lines of a draft anew; nothing was handed out of it.
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

    /// Puts off what could not be sent or asked for a reason of our own, so that those behind it go on.
    ///
    /// # Errors
    /// Of the store.
    pub fn put_off_prescription(&mut self, p: &Prescription, next: i64) -> Result<()> {
        for column in ["next", "look"] {
            let sql = format!(
                "UPDATE prescription SET {column} = ?3 WHERE id = ?1 AND facility = ?2 AND {column} IS NOT NULL
                    AND {column} < ?3"
            );
            self.run(&sql, &[p.id.into(), p.facility.into(), next.into()])?;
        }
        Ok(())
    }
}
