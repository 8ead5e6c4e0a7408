//! What the access desk is asked: a court, an investigation, an insurer, a student or a researcher wants to see records. A
//! request is written down, approved or refused by somebody else, and open for as long as approved.
//!
//! What was approved stands as grants of the relation *desk* to an account of its own, which nothing else is opened to; each
//! opens what the approving facility wrote, and everything only where the department approved.

mod papers;

pub(crate) use papers::PAPERS;
pub use papers::{NewPaper, Paper, paper_of, papers_of};

use crate::sealed::{self, row};
use crate::sql::{self, Execute, Query, Row};
use crate::{Error, Result, Tx};
use mach_access::policy::Purpose;
use mach_base::time::now_seconds;
use mach_fhir::ResourceType;
use mach_seal::Purpose as Sealed;
use std::collections::HashMap;

/// Tables of requests. `facility` 0: the department's desk. `code` is the hash of what its visitor signs in by.
pub const DDL: &[&str] = &[
    "CREATE TABLE access_request(id INTEGER PRIMARY KEY, facility INTEGER NOT NULL, purpose INTEGER NOT NULL,
        days INTEGER NOT NULL, state INTEGER NOT NULL DEFAULT 0, made INTEGER NOT NULL, made_by INTEGER NOT NULL,
        made_name TEXT NOT NULL, decided INTEGER, decided_by INTEGER, decided_name TEXT, until INTEGER NOT NULL DEFAULT 0,
        account INTEGER NOT NULL DEFAULT 0, code BLOB, tries INTEGER NOT NULL DEFAULT 0, parts INTEGER NOT NULL DEFAULT 0,
        first INTEGER, last INTEGER, body TEXT NOT NULL, remark TEXT NOT NULL DEFAULT '')",
    "CREATE INDEX access_request_facility ON access_request(facility, id)",
    "CREATE INDEX access_request_account ON access_request(account) WHERE account <> 0",
    "CREATE TABLE access_request_person(request INTEGER NOT NULL, n INTEGER NOT NULL, person INTEGER NOT NULL,
        PRIMARY KEY(request, n)) {clustered}",
    // Certified copies as they were given out.
    "CREATE TABLE access_copy(id INTEGER PRIMARY KEY, request INTEGER NOT NULL, person INTEGER NOT NULL, made INTEGER NOT NULL,
        made_by INTEGER NOT NULL, made_name TEXT NOT NULL, hash TEXT NOT NULL, file TEXT NOT NULL)",
    "CREATE INDEX access_copy_request ON access_copy(request, id)",
    // What of a record a grant of the desk opens: parts (0: all), from a day to a day.
    "ALTER TABLE access_grant ADD COLUMN parts INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE access_grant ADD COLUMN first INTEGER",
    "ALTER TABLE access_grant ADD COLUMN last INTEGER",
];

/// What waits is asked with many pages, and what a visitor did with that of their request.
pub(crate) const SOUGHT: &[&str] = &[
    "CREATE INDEX access_request_waits ON access_request(facility, id) WHERE state = 0",
    "CREATE INDEX audit_visitor ON audit(account, id) WHERE role = 'visitor'",
];

/// Parts of a record that may be asked for by themselves: bits of `parts`, with their types. Who a person is goes with each, as
/// far as the purpose tells it.
pub const PARTS: [(i64, &[ResourceType]); 6] = [
    (1, &[ResourceType::ENCOUNTER]),
    (2, &[ResourceType::CONDITION, ResourceType::ALLERGY_INTOLERANCE]),
    (
        4,
        &[
            ResourceType::MEDICATION_REQUEST,
            ResourceType::MEDICATION_DISPENSE,
            ResourceType::MEDICATION_ADMINISTRATION,
            ResourceType::MEDICATION_STATEMENT,
            ResourceType::IMMUNIZATION,
        ],
    ),
    (
        8,
        &[
            ResourceType::OBSERVATION,
            ResourceType::DIAGNOSTIC_REPORT,
            ResourceType::SPECIMEN,
            ResourceType::IMAGING_STUDY,
        ],
    ),
    (16, &[ResourceType::PROCEDURE, ResourceType::SERVICE_REQUEST]),
    (32, &[ResourceType::CLAIM, ResourceType::COVERAGE, ResourceType::EXPLANATION_OF_BENEFIT]),
];

/// What of the records is asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extent {
    /// Bits of [`PARTS`]; 0: the whole record.
    pub parts: i64,
    /// The first day of what is asked, days since 1970; none: from the beginning. What has no date is no part of a period.
    pub first: Option<i64>,
    /// The last day.
    pub last: Option<i64>,
}

impl Extent {
    /// Whether it is everything.
    pub fn is_whole(self) -> bool {
        self == Self::default()
    }
}

/// What a request says, as typed: sealed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Words {
    /// Who asks.
    pub name: String,
    /// For whom they work.
    pub body: String,
    /// The written request: its number and day.
    pub paper: String,
    /// The legal ground.
    pub ground: String,
    /// What for.
    pub why: String,
}

/// Stands between the words of a request; none of them has it.
const BETWEEN: char = '\u{1f}';

impl Words {
    fn written(&self) -> String {
        let plain = |text: &String| text.replace(char::is_control, " ");
        [&self.name, &self.body, &self.paper, &self.ground, &self.why].map(plain).join(&BETWEEN.to_string())
    }

    fn read(text: &str) -> Option<Self> {
        let mut words = text.split(BETWEEN).map(str::to_owned);
        let mut next = || words.next();
        Some(Self { name: next()?, body: next()?, paper: next()?, ground: next()?, why: next()? })
    }
}

/// Where a request stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Nobody has decided yet.
    Waits = 0,
    /// What was approved is open, until its end.
    Approved = 1,
    /// It was refused.
    Refused = 2,
    /// It was ended before its time.
    Ended = 3,
    /// The desk took it back before it was decided.
    Withdrawn = 4,
}

impl State {
    fn of(number: i64) -> Option<Self> {
        [Self::Waits, Self::Approved, Self::Refused, Self::Ended, Self::Withdrawn]
            .into_iter()
            .find(|s| *s as i64 == number)
    }
}

/// A request.
#[derive(Clone, Debug)]
pub struct Request {
    /// Its number.
    pub id: i64,
    /// The facility whose desk was asked; 0: the department's.
    pub facility: i64,
    /// What for.
    pub purpose: Purpose,
    /// For how many days.
    pub days: i64,
    /// What of the records.
    pub extent: Extent,
    /// Where it stands.
    pub state: State,
    /// When it was written down, seconds since 1970 UTC.
    pub made: i64,
    /// By which account.
    pub made_by: i64,
    /// By whom.
    pub made_name: String,
    /// When it was decided, and by whom.
    pub decided: Option<(i64, String)>,
    /// Until when it is open, seconds since 1970 UTC; 0 before it was approved.
    pub until: i64,
    /// The account that was made for it; 0 before.
    pub account: i64,
    /// Whether a code to sign in by was given out and still works.
    pub has_code: bool,
    /// What it says.
    pub words: Words,
    /// What who decided wrote.
    pub remark: String,
}

impl Request {
    /// Whether what was approved is open now.
    pub fn is_open(&self) -> bool {
        self.state == State::Approved && self.until > now_seconds()
    }
}

/// A request to be written down.
#[derive(Clone, Debug)]
pub struct NewRequest {
    /// What for.
    pub purpose: Purpose,
    /// For how many days.
    pub days: i64,
    /// What of the records.
    pub extent: Extent,
    /// What it says.
    pub words: Words,
    /// Whose records.
    pub people: Vec<i64>,
}

const COLUMNS: &str =
    "id, facility, purpose, days, state, made, made_by, made_name, decided, decided_name, until, account,
    CASE WHEN code IS NULL THEN 0 ELSE 1 END, body, remark, parts, first, last, tries";

fn request(r: &dyn Row) -> Result<Request> {
    let id = r.int(0)?;
    let words = sealed::opened(&row!("access_request", id), r.text(13)?)?;
    Ok(Request {
        id,
        facility: r.int(1)?,
        purpose: Purpose::of_number(r.int(2)?).ok_or(Error::Column(2))?,
        days: r.int(3)?,
        extent: Extent { parts: r.int(15)?, first: r.opt_int(16)?, last: r.opt_int(17)? },
        state: State::of(r.int(4)?).ok_or(Error::Column(4))?,
        made: r.int(5)?,
        made_by: r.int(6)?,
        made_name: r.text(7)?.to_owned(),
        decided: r.opt_int(8)?.zip(r.opt_text(9)?.map(str::to_owned)),
        until: r.int(10)?,
        account: r.int(11)?,
        has_code: r.int(12)? != 0 && r.int(18)? < CODE_TRIES,
        words: Words::read(&words).ok_or(Error::Column(13))?,
        remark: sealed::opened(&row!("access_request remark", id), r.text(14)?)?,
    })
}

/// Wrong codes after which the one that was given out is worth nothing.
pub const CODE_TRIES: i64 = 5;

impl Tx<'_> {
    /// Writes a request down, at the desk of the asker's facility. The trail gets an entry of each person.
    pub fn add_request(&mut self, new: &NewRequest) -> Result<i64> {
        let (by, name, facility) = {
            let actor = self.decision().actor();
            (actor.account, actor.name.clone(), actor.facility.unwrap_or(0))
        };
        let next = self.next_key("access_request")?;
        let words = sealed::text(Sealed::Body, &row!("access_request", next), &new.words.written())?;
        let id = self.insert(
            "INSERT INTO access_request(facility, purpose, days, made, made_by, made_name, body, parts, first, last)
                VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            &[
                facility.into(),
                new.purpose.number().into(),
                new.days.into(),
                now_seconds().into(),
                by.into(),
                (&name).into(),
                (&words).into(),
                new.extent.parts.into(),
                new.extent.first.into(),
                new.extent.last.into(),
            ],
        )?;
        if id != next {
            return Err(Error::Missing("the request's own number"));
        }
        for (n, person) in (0_i64..).zip(&new.people) {
            let sql = "INSERT INTO access_request_person(request, n, person) VALUES (?1, ?2, ?3)";
            self.push(sql, &[id.into(), n.into(), (*person).into()])?;
            self.audit(Some(*person), &format!("desk request {id}"), "granted")?;
        }
        Ok(id)
    }

    /// Decides a request that waits; false where it does not any more. `until` and `account` are of what was approved.
    pub fn decide_request(&mut self, id: i64, to: State, (until, account): (i64, i64), remark: &str) -> Result<bool> {
        let (by, name) = {
            let actor = self.decision().actor();
            (actor.account, actor.name.clone())
        };
        let remark = sealed::text(Sealed::Body, &row!("access_request remark", id), remark)?;
        let changed = self.run(
            "UPDATE access_request SET state = ?2, decided = ?3, decided_by = ?4, decided_name = ?5, until = ?6, account = ?7,
                remark = ?8 WHERE id = ?1 AND state = 0",
            &[
                id.into(),
                (to as i64).into(),
                now_seconds().into(),
                by.into(),
                (&name).into(),
                until.into(),
                account.into(),
                (&remark).into(),
            ],
        )?;
        if changed == 0 {
            return Ok(false);
        }
        let word = if to == State::Approved { "approved" } else { "refused" };
        for person in people_of(self, id)? {
            self.audit(Some(person), &format!("desk request {id} {word}"), "granted")?;
        }
        Ok(true)
    }

    /// Takes a request back that waits (`to` withdrawn), or puts one that was refused back to wait; false where it does not stand so.
    pub fn move_request(&mut self, id: i64, to: State) -> Result<bool> {
        let (from, word) = match to {
            State::Withdrawn => (State::Waits, "withdrawn"),
            State::Waits => (State::Refused, "reopened"),
            _ => return Ok(false),
        };
        let sql = "UPDATE access_request SET state = ?2 WHERE id = ?1 AND state = ?3";
        if self.run(sql, &[id.into(), (to as i64).into(), (from as i64).into()])? == 0 {
            return Ok(false);
        }
        for person in people_of(self, id)? {
            self.audit(Some(person), &format!("desk request {id} {word}"), "granted")?;
        }
        Ok(true)
    }

    /// Narrows a grant to what was asked.
    pub fn limit_grant(&mut self, id: i64, extent: Extent) -> Result<()> {
        let sql = "UPDATE access_grant SET parts = ?2, first = ?3, last = ?4 WHERE id = ?1";
        self.run(sql, &[id.into(), extent.parts.into(), extent.first.into(), extent.last.into()]).map(drop)
    }

    /// Keeps a certified copy as it is given out, by the number that stands on it; false where another one has that number by now.
    /// Its hash stands in the trail, and so in the log; `signed`: with a digital seal.
    pub fn add_copy(
        &mut self,
        number: i64,
        (request, person): (i64, i64),
        (hash, file): (&str, &[u8]),
        signed: bool,
    ) -> Result<bool> {
        if next_copy(self)? != number {
            return Ok(false);
        }
        let (by, name) = {
            let actor = self.decision().actor();
            (actor.account, actor.name.clone())
        };
        let sealed = sealed::text(Sealed::Body, &row!("access_copy", number), &mach_tlog::base64(file))?;
        let id = self.insert(
            "INSERT INTO access_copy(request, person, made, made_by, made_name, hash, file, signed)
                VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            &[
                request.into(),
                person.into(),
                now_seconds().into(),
                by.into(),
                (&name).into(),
                hash.into(),
                (&sealed).into(),
                i64::from(signed).into(),
            ],
        )?;
        if id != number {
            return Err(Error::Missing("the copy's own number"));
        }
        self.audit(Some(person), &format!("desk copy {id} of request {request} sha256 {hash}"), "granted")?;
        Ok(true)
    }

    /// Ends what was approved before its time: its grants, its sessions, its code; false where nothing is open.
    pub fn end_request(&mut self, id: i64) -> Result<bool> {
        let Some(found) = by_id(self, id)?.filter(|r| r.state == State::Approved) else { return Ok(false) };
        self.run("UPDATE access_request SET state = 3, code = NULL WHERE id = ?1", &[id.into()])?;
        self.end_source(&source_of(id))?;
        self.end_sessions(found.account)?;
        for person in people_of(self, id)? {
            self.audit(Some(person), &format!("desk request {id} ended"), "granted")?;
        }
        Ok(true)
    }

    /// Keeps the hash of the code by which who was let in signs in, in place of an earlier one, whose sessions end; false where
    /// nothing is open any more.
    pub fn set_request_code(&mut self, id: i64, hash: &[u8; 32]) -> Result<bool> {
        let Some(found) = by_id(self, id)?.filter(Request::is_open) else { return Ok(false) };
        let sql = "UPDATE access_request SET code = ?2, tries = 0 WHERE id = ?1";
        self.run(sql, &[id.into(), hash.as_slice().into()])?;
        self.end_sessions(found.account)?;
        self.audit(None, &format!("desk request {id} code"), "granted")?;
        Ok(true)
    }

    /// The account that a code opens; `None` where it is wrong, too many wrong ones were tried, or nothing is open.
    pub fn take_request_code(&mut self, id: i64, hash: &[u8; 32]) -> Result<Option<i64>> {
        let sql = "SELECT code, tries FROM access_request WHERE id = ?1 AND code IS NOT NULL";
        let kept = sql::first(self, sql, &[id.into()], |r| Ok((r.blob(0)?.to_vec(), r.int(1)?)))?;
        let Some((kept, tries)) = kept else { return Ok(None) };
        let Some(found) = by_id(self, id)?.filter(Request::is_open) else { return Ok(None) };
        if tries >= CODE_TRIES {
            return Ok(None);
        }
        if kept.as_slice() == hash.as_slice() {
            return Ok(Some(found.account));
        }
        self.run("UPDATE access_request SET tries = tries + 1 WHERE id = ?1", &[id.into()])?;
        Ok(None)
    }
}

/// The source of the grants that a request brought.
pub fn source_of(id: i64) -> String {
    format!("desk/{id}")
}

/// A request by its number; of another facility's desk there is none, for who belongs to one.
pub fn by_id(on: &mut dyn Query, id: i64) -> Result<Option<Request>> {
    let within = on.scope().facility().map_or(String::new(), |own| format!(" AND facility = {own}"));
    let sql = format!("SELECT {COLUMNS} FROM access_request WHERE id = ?1{within}");
    sql::first(on, &sql, &[id.into()], request)
}

/// What for each of these accounts may look that were made for requests: asked once for all of them.
pub fn purposes_of(on: &mut dyn Query, accounts: &[i64]) -> Result<HashMap<i64, Purpose>> {
    if accounts.is_empty() {
        return Ok(HashMap::new());
    }
    let list = accounts.iter().map(i64::to_string).collect::<Vec<_>>().join(", ");
    let sql = format!("SELECT account, purpose FROM access_request WHERE account IN ({list}) AND account <> 0");
    let found = sql::list(on, &sql, &[], |r| Ok((r.int(0)?, r.int(1)?)))?;
    Ok(found.into_iter().filter_map(|(account, of)| Some((account, Purpose::of_number(of)?))).collect())
}

/// The request that an account was made for.
pub fn of_account(on: &mut dyn Query, account: i64) -> Result<Option<Request>> {
    let sql =
        format!("SELECT {COLUMNS} FROM access_request WHERE account = ?1 AND account <> 0 ORDER BY id DESC LIMIT 1");
    sql::first(on, &sql, &[account.into()], request)
}

/// Requests of a facility's desk (0: the department's) before request `before`, newest first, at most `limit`.
pub fn of_facility(on: &mut dyn Query, facility: i64, (before, limit): (Option<i64>, usize)) -> Result<Vec<Request>> {
    let sql =
        format!("SELECT {COLUMNS} FROM access_request WHERE facility = ?1 AND id < ?2 ORDER BY id DESC LIMIT {limit}");
    sql::list(on, &sql, &[facility.into(), before.unwrap_or(i64::MAX).into()], request)
}

/// A certified copy.
#[derive(Clone, Debug)]
pub struct Made {
    /// Its number.
    pub id: i64,
    /// Of which request.
    pub request: i64,
    /// Whose record.
    pub person: i64,
    /// When, seconds since 1970 UTC.
    pub made: i64,
    /// By whom.
    pub made_name: String,
    /// SHA-256 of the file, in hexadecimal digits.
    pub hash: String,
    /// Whether it carries the facility's digital seal.
    pub signed: bool,
}

const MADE: &str = "id, request, person, made, made_name, hash, signed";

fn made(r: &dyn Row) -> Result<Made> {
    Ok(Made {
        id: r.int(0)?,
        request: r.int(1)?,
        person: r.int(2)?,
        made: r.int(3)?,
        made_name: r.text(4)?.to_owned(),
        hash: r.text(5)?.to_owned(),
        signed: r.int(6)? != 0,
    })
}

/// Certified copies of a request, newest first.
pub fn copies_of(on: &mut dyn Query, request: i64) -> Result<Vec<Made>> {
    let sql = format!("SELECT {MADE} FROM access_copy WHERE request = ?1 ORDER BY id DESC");
    sql::list(on, &sql, &[request.into()], made)
}

/// A certified copy and its file, byte for byte.
pub fn copy(on: &mut dyn Query, id: i64) -> Result<Option<(Made, Vec<u8>)>> {
    let sql = format!("SELECT {MADE}, file FROM access_copy WHERE id = ?1");
    sql::first(on, &sql, &[id.into()], |r| {
        let text = sealed::opened(&row!("access_copy", id), r.text(7)?)?;
        Ok((made(r)?, mach_tlog::from_base64(&text).ok_or(Error::Column(7))?))
    })
}

/// The number of the next copy.
pub fn next_copy(on: &mut dyn Query) -> Result<i64> {
    sql::int(on, "SELECT coalesce(max(id), 0) + 1 FROM access_copy", &[])
}

/// Whose records a request is about, in the order in which they were written down, merges followed.
pub fn people_of(on: &mut dyn Query, id: i64) -> Result<Vec<i64>> {
    let sql = "SELECT person FROM access_request_person WHERE request = ?1 ORDER BY n";
    let mut people = sql::list(on, sql, &[id.into()], |r| r.int(0))?;
    for person in &mut people {
        while let Some(into) = crate::people::person(on, *person)?.and_then(|p| p.merged_into) {
            *person = into;
        }
    }
    Ok(people)
}
