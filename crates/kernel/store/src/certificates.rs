//! Certificates that a facility makes after an examination: where each stands. What was examined, concluded, signed and sent
//! is in resources (Encounter, QuestionnaireResponse, Composition, Provenance, Task); a row here repeats of them what lists,
//! duplicates, the queue of sending and the statistics ask for, and is written in the same transaction.

pub use crate::sending::Sending;

use crate::distribution::{every, unless_one, within};
use crate::sealed::{self, row as sealed_row};
use crate::sql::{self, Arg, Execute, Query, Row};
use crate::{Result, Tx};
use mach_seal::Purpose;

/// The table of certificates.
pub const DDL: &[&str] = &[
    "CREATE TABLE certificate(id INTEGER PRIMARY KEY, person INTEGER NOT NULL, opened INTEGER NOT NULL, concluded INTEGER,
        due INTEGER, tried INTEGER NOT NULL DEFAULT 0, next INTEGER, facility INT NOT NULL, state INT NOT NULL,
        year INT NOT NULL DEFAULT 0, serial INT NOT NULL DEFAULT 0, sending INT NOT NULL DEFAULT 0, code TEXT NOT NULL,
        class TEXT NOT NULL, result TEXT NOT NULL, form TEXT NOT NULL, name TEXT NOT NULL, national TEXT NOT NULL,
        doctor TEXT NOT NULL, head TEXT NOT NULL, drug INT NOT NULL DEFAULT 0, alcohol INT NOT NULL DEFAULT 0 {key id})",
    "CREATE UNIQUE INDEX certificate_code ON certificate(code, facility)",
    "CREATE INDEX certificate_state ON certificate(facility, state, id)",
    "CREATE INDEX certificate_person ON certificate(person, facility)",
    "CREATE INDEX certificate_national ON certificate(national, facility)",
    "CREATE INDEX certificate_serial ON certificate(facility, year, serial)",
    "CREATE INDEX certificate_concluded ON certificate(concluded, facility)",
    "CREATE INDEX certificate_next ON certificate(next, facility) WHERE next IS NOT NULL",
];

/// Where a certificate stands. Stored as its number: never renumbered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Being examined.
    Examining = 1,
    /// Concluded by a doctor, not yet signed by the head.
    Concluded = 2,
    /// Signed twice: issued.
    Issued = 3,
    /// Taken back.
    Revoked = 4,
    /// The examination was given up.
    Cancelled = 5,
}

impl State {
    /// All, in their order.
    pub const ALL: [Self; 5] = [Self::Examining, Self::Concluded, Self::Issued, Self::Revoked, Self::Cancelled];

    /// As addresses and interfaces name it.
    pub fn code(self) -> &'static str {
        match self {
            Self::Examining => "examining",
            Self::Concluded => "concluded",
            Self::Issued => "issued",
            Self::Revoked => "revoked",
            Self::Cancelled => "cancelled",
        }
    }

    /// From that name.
    pub fn parse(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.code() == code)
    }

    /// Whether others than the facility may know of it: it was issued, also where it was taken back since.
    pub fn is_public(self) -> bool {
        matches!(self, Self::Issued | Self::Revoked)
    }

    fn of(number: i64) -> Result<Self> {
        Self::ALL.into_iter().find(|s| *s as i64 == number).ok_or(crate::Error::Column(8))
    }
}

/// A row.
#[derive(Clone, Debug)]
pub struct Certificate {
    /// Number of the row; 0: not yet written.
    pub id: i64,
    /// Whose it is, by number.
    pub person: i64,
    /// When the person was received, seconds since 1970 UTC.
    pub opened: i64,
    /// When it was concluded, seconds.
    pub concluded: Option<i64>,
    /// By when it must have been sent, seconds.
    pub due: Option<i64>,
    /// How often sending was tried since it was last to be sent.
    pub tried: i64,
    /// When sending is tried next, seconds.
    pub next: Option<i64>,
    /// The facility.
    pub facility: i64,
    /// Where it stands.
    pub state: State,
    /// Year of its number; 0: none yet.
    pub year: i64,
    /// Its number within facility and year.
    pub serial: i64,
    /// How far it is on its way to the gateway.
    pub sending: Sending,
    /// Its look-up code: 12 letters and digits.
    pub code: String,
    /// Licence class.
    pub class: String,
    /// `A0-1`, `A0-2`, `A0-3`; empty: not concluded.
    pub result: String,
    /// `url|version` of its form.
    pub form: String,
    /// The person's name, for lists.
    pub name: String,
    /// National number; may be empty.
    pub national: String,
    /// Who concluded.
    pub doctor: String,
    /// Who signed for the facility.
    pub head: String,
    /// Whether a drug test was positive.
    pub drug: bool,
    /// Whether there was alcohol.
    pub alcohol: bool,
}

const COLUMNS: &str =
    "id, person, opened, concluded, due, tried, next, facility, state, year, serial, sending, code, class,
    result, form, name, national, doctor, head, drug, alcohol";

/// Characters of the keyed hash that the column `national` begins with; the sealed number follows.
pub(crate) const BLIND_CHARS: usize = 22;

fn blind(national: &str) -> Result<String> {
    Ok(sealed::ring()?.blind_text(format!("national {national}").as_bytes()))
}

/// Where cells of this number lie: from the first, up to the second.
fn cells_of(national: &str) -> Result<(String, String)> {
    let from = blind(national)?;
    let to = format!("{from}\u{10ffff}");
    Ok((from, to))
}

/// What the column `national` holds: found by its beginning, opened from the rest.
pub(crate) fn sealed_national((facility, code): (i64, &str), national: &str) -> Result<String> {
    if national.is_empty() {
        return Ok(String::new());
    }
    let sealed = sealed::text(Purpose::Identity, &sealed_row!("certificate", facility, code), national)?;
    Ok(format!("{}{sealed}", blind(national)?))
}

/// The number that the column `national` holds.
pub(crate) fn opened_national((facility, code): (i64, &str), cell: &str) -> Result<String> {
    sealed::opened(&sealed_row!("certificate", facility, code), cell.get(BLIND_CHARS..).unwrap_or_default())
}

fn row(r: &dyn Row) -> Result<Certificate> {
    let text = |i| r.text(i).map(str::to_owned);
    let national = opened_national((r.int(7)?, r.text(12)?), r.text(17)?)?;
    Ok(Certificate {
        id: r.int(0)?,
        person: r.int(1)?,
        opened: r.int(2)?,
        concluded: r.opt_int(3)?,
        due: r.opt_int(4)?,
        tried: r.int(5)?,
        next: r.opt_int(6)?,
        facility: r.int(7)?,
        state: State::of(r.int(8)?)?,
        year: r.int(9)?,
        serial: r.int(10)?,
        sending: Sending::of(r.int(11)?).unwrap_or(Sending::None),
        code: text(12)?,
        class: text(13)?,
        result: text(14)?,
        form: text(15)?,
        name: text(16)?,
        national,
        doctor: text(18)?,
        head: text(19)?,
        drug: r.int(20)? != 0,
        alcohol: r.int(21)? != 0,
    })
}

/// The condition that a row lies where `scope` may look.
/// The certificate with this look-up code, as the reader may see it.
pub fn by_code(on: &mut dyn Query, code: &str) -> Result<Option<Certificate>> {
    let scope = on.scope();
    let sql = format!("SELECT {COLUMNS} FROM certificate WHERE code = ?1 AND {}{}", within(scope), unless_one(scope));
    sql::first(on, &sql, &[code.into()], row)
}

/// The certificate with number `serial` of a facility in a year, as the reader may see it.
pub fn by_number(on: &mut dyn Query, facility: i64, year: i64, serial: i64) -> Result<Option<Certificate>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM certificate WHERE facility = ?1 AND year = ?2 AND serial = ?3 AND {}",
        within(on.scope())
    );
    sql::first(on, &sql, &[facility.into(), year.into(), serial.into()], row)
}

/// What a list shows.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Only these.
    pub state: Option<State>,
    /// Only those that wait for the gateway or were refused by it.
    pub unsent: bool,
    /// Only of this national number.
    pub national: String,
}

/// Certificates, the newest first, before row `before` if given.
pub fn list(on: &mut dyn Query, filter: &Filter, before: Option<i64>, limit: usize) -> Result<Vec<Certificate>> {
    let scope = on.scope();
    let mut sql = format!("SELECT {COLUMNS} FROM certificate WHERE id < ?1 AND {}", within(scope));
    if let Some(state) = filter.state {
        sql.push_str(&format!(" AND state = {}", state as i64));
    }
    if filter.unsent {
        sql.push_str(&format!(" AND sending IN ({}, {})", Sending::Due as i64, Sending::Refused as i64));
    }
    let mut args: Vec<Arg<'_>> = vec![before.unwrap_or(i64::MAX).into()];
    let (from, to) = cells_of(&filter.national)?;
    if !filter.national.is_empty() {
        sql.push_str(" AND national >= ?2 AND national < ?3");
        args.extend([Arg::from(&from), Arg::from(&to)]);
    }
    sql.push_str(&format!(" ORDER BY id DESC LIMIT {limit}{}", unless_one(scope)));
    sql::list(on, &sql, &args, row)
}

/// Issued and revoked certificates of a national number, the newest first: what others than the facility may know.
pub fn issued(on: &mut dyn Query, national: &str, limit: usize) -> Result<Vec<Certificate>> {
    let scope = on.scope();
    let sql = format!(
        "SELECT {COLUMNS} FROM certificate WHERE national >= ?1 AND national < ?2 AND state IN ({}, {}) AND {} ORDER BY id DESC LIMIT {limit}{}",
        State::Issued as i64,
        State::Revoked as i64,
        within(scope),
        unless_one(scope)
    );
    let (from, to) = cells_of(national)?;
    sql::list(on, &sql, &[(&from).into(), (&to).into()], row)
}

/// The code of a certificate of this number and class that was opened at a facility from second `from` up to, not with,
/// `to`, and was neither given up nor taken back.
pub fn twin(
    on: &mut dyn Query,
    facility: i64,
    national: &str,
    class: &str,
    (from, to): (i64, i64),
) -> Result<Option<String>> {
    let sql = format!(
        "SELECT code FROM certificate WHERE national >= ?1 AND national < ?6 AND facility = ?2 AND class = ?3 AND opened >= ?4
            AND opened < ?5
            AND state NOT IN ({}, {}) ORDER BY id DESC",
        State::Revoked as i64,
        State::Cancelled as i64
    );
    let (first, last) = cells_of(national)?;
    let args = [(&first).into(), facility.into(), class.into(), from.into(), to.into(), (&last).into()];
    sql::first(on, &sql, &args, |r| Ok(r.text(0)?.to_owned()))
}

/// How many there are in each state, as the reader may see them.
pub fn states(on: &mut dyn Query) -> Result<Vec<(State, i64)>> {
    let scope = on.scope();
    let sql = format!(
        "SELECT state, count(*) FROM certificate WHERE {} GROUP BY state ORDER BY state{}",
        within(scope),
        unless_one(scope)
    );
    sql::list(on, &sql, &[], |r| Ok((State::of(r.int(0)?)?, r.int(1)?)))
}

/// Other certificates of a person that were opened at or after `since`, as the reader may see them, the newest first.
pub fn others(on: &mut dyn Query, person: i64, code: &str, since: i64) -> Result<Vec<Certificate>> {
    let scope = on.scope();
    let sql = format!(
        "SELECT {COLUMNS} FROM certificate WHERE person = ?1 AND code <> ?2 AND opened >= ?3 AND state <> {} AND {}
            ORDER BY id DESC LIMIT 20{}",
        State::Cancelled as i64,
        within(scope),
        unless_one(scope)
    );
    sql::list(on, &sql, &[person.into(), code.into(), since.into()], row)
}

/// Certificates whose sending is due, the longest waiting first.
pub fn due(on: &mut dyn Query, now: i64, limit: usize) -> Result<Vec<Certificate>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM certificate WHERE next IS NOT NULL AND next <= ?1 ORDER BY next, id LIMIT {limit}{}",
        every!("province")
    );
    sql::list(on, &sql, &[now.into()], row)
}

/// When sending is due next, seconds; `None` where nothing waits.
pub fn next_due(on: &mut dyn Query) -> Result<Option<i64>> {
    let sql = concat!("SELECT min(next) FROM certificate WHERE next IS NOT NULL", every!("province"));
    Ok(sql::first(on, sql, &[], |r| r.opt_int(0))?.flatten())
}

/// How many certificates of one kind were concluded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Count {
    /// Facility, by number.
    pub facility: i64,
    /// Licence class.
    pub class: String,
    /// Result.
    pub result: String,
    /// Who concluded.
    pub doctor: String,
    /// Where they stand.
    pub state: State,
    /// How many.
    pub count: i64,
    /// Of them with a positive drug test.
    pub drug: i64,
    /// Of them with alcohol.
    pub alcohol: i64,
    /// Of them at the gateway.
    pub sent: i64,
}

/// Certificates concluded from second `from` up to, not with, `to`, counted by facility, class, result, doctor and state.
pub fn counts(on: &mut dyn Query, from: i64, to: i64) -> Result<Vec<Count>> {
    let scope = on.scope();
    let sql = format!(
        "SELECT facility, class, result, doctor, state, count(*), sum(drug), sum(alcohol),
            sum(CASE WHEN sending = {} THEN 1 ELSE 0 END) FROM certificate
            WHERE concluded >= ?1 AND concluded < ?2 AND {} GROUP BY facility, class, result, doctor, state
            ORDER BY facility, class, result, doctor, state{}",
        Sending::Sent as i64,
        within(scope),
        unless_one(scope)
    );
    sql::list(on, &sql, &[from.into(), to.into()], |r| {
        Ok(Count {
            facility: r.int(0)?,
            class: r.text(1)?.to_owned(),
            result: r.text(2)?.to_owned(),
            doctor: r.text(3)?.to_owned(),
            state: State::of(r.int(4)?)?,
            count: r.int(5)?,
            drug: r.int(6)?,
            alcohol: r.int(7)?,
            sent: r.int(8)?,
        })
    })
}

impl Tx<'_> {
    /// Writes a new certificate, or the new state of one.
    ///
    /// # Errors
    /// Of the store.
    pub fn keep_certificate(&mut self, c: &Certificate) -> Result<()> {
        let national = sealed_national((c.facility, &c.code), &c.national)?;
        let values: [Arg<'_>; 21] = [
            c.person.into(),
            c.opened.into(),
            c.concluded.into(),
            c.due.into(),
            c.tried.into(),
            c.next.into(),
            c.facility.into(),
            (c.state as i64).into(),
            c.year.into(),
            c.serial.into(),
            (c.sending as i64).into(),
            (&c.code).into(),
            (&c.class).into(),
            (&c.result).into(),
            (&c.form).into(),
            (&c.name).into(),
            (&national).into(),
            (&c.doctor).into(),
            (&c.head).into(),
            i64::from(c.drug).into(),
            i64::from(c.alcohol).into(),
        ];
        if c.id == 0 {
            self.insert(
                "INSERT INTO certificate(person, opened, concluded, due, tried, next, facility, state, year, serial, sending,
                    code, class, result, form, name, national, doctor, head, drug, alcohol)
                    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21)",
                &values,
            )?;
            return Ok(());
        }
        let mut args = values.to_vec();
        args.push(c.id.into());
        self.run(
            "UPDATE certificate SET person = ?1, opened = ?2, concluded = ?3, due = ?4, tried = ?5, next = ?6, state = ?8,
                year = ?9, serial = ?10, sending = ?11, code = ?12, class = ?13, result = ?14, form = ?15, name = ?16,
                national = ?17, doctor = ?18, head = ?19, drug = ?20, alcohol = ?21 WHERE id = ?22 AND facility = ?7",
            &args,
        )?;
        Ok(())
    }

    /// The next number of a facility in a year.
    ///
    /// # Errors
    /// Of the store.
    pub fn next_certificate(&mut self, facility: i64, year: i64) -> Result<i64> {
        let sql = "SELECT coalesce(max(serial), 0) FROM certificate WHERE facility = ?1 AND year = ?2";
        Ok(sql::int(self, sql, &[facility.into(), year.into()])? + 1)
    }
}
