//! Records that were opened to single askers, and refusals: by consent, referral, emergency, proxy, access desk.
//!
//! A grant opens one person's record to an account or to a facility, by a relation and for a purpose; what of the record,
//! the policy says anew with each request. It holds for whole minutes and ends a little early rather than late. Rows are
//! never taken away: they are what reviews and the person see. Each change has its entry in the audit trail, a leaf of the log.

mod follow;
mod guardian;

use crate::distribution::every;
use crate::notices::Kind;
use crate::sealed::{self, row};
use crate::sql::{self, Execute, Query, Row};
use crate::{Error, Result, Tx};
pub(crate) use follow::follow;
pub(crate) use guardian::GUARDIANS;
pub use guardian::{Guardian, guardian_of, guardian_scan};
use mach_access::policy::{Purpose, Relation};
use mach_base::time::now_seconds;
use mach_seal::Purpose as Sealed;

/// Tables of grants and refusals. `since` and `until` are minutes since 1970 UTC.
pub const DDL: &[&str] = &[
    "CREATE TABLE access_grant(id INTEGER PRIMARY KEY, person INTEGER NOT NULL, account INTEGER NOT NULL,
        facility INTEGER NOT NULL, relation INTEGER NOT NULL, purpose INTEGER NOT NULL, since INTEGER NOT NULL,
        until INTEGER NOT NULL, ended INTEGER NOT NULL DEFAULT 0, made INTEGER NOT NULL, made_by INTEGER NOT NULL,
        made_name TEXT NOT NULL, at_facility INTEGER NOT NULL, reason TEXT NOT NULL, source TEXT NOT NULL,
        review INTEGER NOT NULL DEFAULT 0, reviewed INTEGER, reviewed_name TEXT, remark TEXT)",
    "CREATE INDEX access_grant_person ON access_grant(person, id)",
    "CREATE INDEX access_grant_account ON access_grant(account) WHERE ended = 0 AND account <> 0",
    "CREATE INDEX access_grant_facility ON access_grant(facility) WHERE ended = 0 AND facility <> 0",
    "CREATE INDEX access_grant_source ON access_grant(source)",
    "CREATE INDEX access_grant_review ON access_grant(id) WHERE review = 1",
    // Facility 0: every facility but the one whose fact it is.
    "CREATE TABLE access_refusal(id INTEGER PRIMARY KEY, person INTEGER NOT NULL, facility INTEGER NOT NULL,
        made INTEGER NOT NULL, ended INTEGER NOT NULL DEFAULT 0, source TEXT NOT NULL)",
    "CREATE INDEX access_refusal_person ON access_refusal(person, facility) WHERE ended = 0",
    "CREATE INDEX access_refusal_source ON access_refusal(source)",
];

/// What ends is looked for with each grant that is made.
pub(crate) const ENDS: &[&str] = &["CREATE INDEX access_grant_until ON access_grant(until) WHERE ended = 0"];

/// `ended` of a grant or refusal that holds.
pub(crate) const LIVE: i64 = 0;
/// `ended` of one that does not any more.
pub(crate) const ENDED: i64 = 1;

/// Where the review of a grant stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Review {
    /// Nobody has to look at it.
    NotNeeded = 0,
    /// It waits.
    Waits = 1,
    /// It was in order.
    InOrder = 2,
    /// It was not.
    Misuse = 3,
}

impl Review {
    fn of(number: i64) -> Option<Self> {
        [Self::NotNeeded, Self::Waits, Self::InOrder, Self::Misuse].into_iter().find(|r| *r as i64 == number)
    }
}

/// A grant to be made.
#[derive(Clone, Debug)]
pub struct NewGrant {
    /// Whose record.
    pub person: i64,
    /// To which account; 0 where it is a facility's.
    pub account: i64,
    /// To which facility; 0 where it is an account's.
    pub facility: i64,
    /// By which relation.
    pub relation: Relation,
    /// For which purpose.
    pub purpose: Purpose,
    /// From when, seconds since 1970 UTC; at once where that is past.
    pub from: i64,
    /// Until when, seconds since 1970 UTC.
    pub until: i64,
    /// Why, as typed.
    pub reason: String,
    /// The resource or request it comes from; empty where it is none.
    pub source: String,
    /// Whether somebody has to look at it afterwards.
    pub review: Review,
}

/// A grant.
#[derive(Clone, Debug)]
pub struct Grant {
    /// Its number.
    pub id: i64,
    /// Whose record.
    pub person: i64,
    /// To which account; 0 where it is a facility's.
    pub account: i64,
    /// To which facility; 0 where it is an account's.
    pub facility: i64,
    /// By which relation.
    pub relation: Relation,
    /// For which purpose.
    pub purpose: Purpose,
    /// From when, seconds since 1970 UTC.
    pub from: i64,
    /// Until when, seconds since 1970 UTC.
    pub until: i64,
    /// Whether it was ended before.
    pub ended: bool,
    /// When it was made, seconds.
    pub made: i64,
    /// Who made it.
    pub made_name: String,
    /// For which facility they work; 0 where it is none.
    pub at_facility: i64,
    /// Why.
    pub reason: String,
    /// Where its review stands.
    pub review: Review,
    /// Who reviewed it.
    pub reviewed_name: Option<String>,
    /// What they wrote.
    pub remark: Option<String>,
}

const COLUMNS: &str =
    "id, person, account, facility, relation, purpose, until, ended, made, made_name, at_facility, reason,
    review, reviewed_name, remark, since";

fn grant(r: &dyn Row) -> Result<Grant> {
    Ok(Grant {
        id: r.int(0)?,
        person: r.int(1)?,
        account: r.int(2)?,
        facility: r.int(3)?,
        relation: Relation::of_number(r.int(4)?).ok_or(Error::Column(4))?,
        purpose: Purpose::of_number(r.int(5)?).ok_or(Error::Column(5))?,
        from: r.int(15)? * 60,
        until: r.int(6)? * 60,
        ended: r.int(7)? != LIVE,
        made: r.int(8)?,
        made_name: r.text(9)?.to_owned(),
        at_facility: r.int(10)?,
        reason: sealed::opened(&row!("access_grant reason", r.int(0)?), r.text(11)?)?,
        review: Review::of(r.int(12)?).ok_or(Error::Column(12))?,
        reviewed_name: r.opt_text(13)?.map(str::to_owned),
        remark: r
            .opt_text(14)?
            .map(|t| sealed::opened(&row!("access_grant remark", r.int(0).unwrap_or(0)), t))
            .transpose()?,
    })
}

impl Grant {
    /// Whether it opens anything now.
    pub fn holds(&self) -> bool {
        !self.ended && self.from <= now_seconds() && self.until > now_seconds()
    }
}

/// The first whole minute of a grant: at once where its time has come, else not before it.
fn minute_from(from: i64, now: i64) -> i64 {
    if from <= now { now.div_euclid(60) } else { from.div_euclid(60) + i64::from(from.rem_euclid(60) > 0) }
}

impl Tx<'_> {
    /// Opens a record. The audit trail gets an entry of the person.
    pub fn grant(&mut self, new: &NewGrant) -> Result<i64> {
        let now = now_seconds();
        // Ended grants are told apart once, not by every request.
        self.run("UPDATE access_grant SET ended = 1 WHERE ended = 0 AND until <= ?1", &[now.div_euclid(60).into()])?;
        let (by, name, at) = {
            let actor = self.decision.actor();
            (actor.account, actor.name.clone(), actor.facility.unwrap_or(0))
        };
        let next = self.next_key("access_grant")?;
        let reason = sealed::text(Sealed::Body, &row!("access_grant reason", next), &new.reason)?;
        let id = self.insert(
            "INSERT INTO access_grant(person, account, facility, relation, purpose, since, until, made, made_by, made_name,
                at_facility, reason, source, review) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
            &[
                new.person.into(),
                new.account.into(),
                new.facility.into(),
                new.relation.number().into(),
                new.purpose.number().into(),
                minute_from(new.from, now).into(),
                new.until.div_euclid(60).into(),
                now.into(),
                by.into(),
                (&name).into(),
                at.into(),
                (&reason).into(),
                (&new.source).into(),
                (new.review as i64).into(),
            ],
        )?;
        if id != next {
            return Err(Error::Missing("the grant's own number"));
        }
        self.audit(Some(new.person), &format!("grant {id} {}", new.relation.code()), "granted")?;
        if new.relation == Relation::BreakGlass {
            self.notify_person(new.person, Kind::RecordOpened, "/me")?;
        }
        Ok(id)
    }

    /// Ends a grant; false where there is none such that holds.
    pub fn end_grant(&mut self, id: i64) -> Result<bool> {
        let sql = "SELECT person FROM access_grant WHERE id = ?1 AND ended = 0";
        let Some(person) = sql::first(self, sql, &[id.into()], |r| r.int(0))? else { return Ok(false) };
        self.run("UPDATE access_grant SET ended = 1 WHERE id = ?1", &[id.into()])?;
        self.audit(Some(person), &format!("grant {id} ended"), "granted")?;
        Ok(true)
    }

    /// Says what came of looking at a grant; false where none such waits. One that was not in order ends.
    pub fn review_grant(&mut self, id: i64, outcome: Review, remark: &str) -> Result<bool> {
        let sql = "SELECT person FROM access_grant WHERE id = ?1 AND review = 1";
        let Some(person) = sql::first(self, sql, &[id.into()], |r| r.int(0))? else { return Ok(false) };
        let name = self.decision.actor().name.clone();
        let ends = i64::from(outcome == Review::Misuse);
        let remark = sealed::text(Sealed::Body, &row!("access_grant remark", id), remark)?;
        self.run(
            "UPDATE access_grant SET review = ?2, reviewed = ?3, reviewed_name = ?4, remark = ?5,
                ended = CASE WHEN ?6 = 1 THEN 1 ELSE ended END WHERE id = ?1",
            &[id.into(), (outcome as i64).into(), now_seconds().into(), (&name).into(), (&remark).into(), ends.into()],
        )?;
        let word = if outcome == Review::Misuse { "misuse" } else { "in order" };
        self.audit(Some(person), &format!("grant {id} reviewed: {word}"), "granted")?;
        Ok(true)
    }

    /// Writes down that a person refused that a facility (0: any) learns what others know of them.
    pub fn refuse(&mut self, person: i64, facility: i64, source: &str) -> Result<()> {
        let args = [person.into(), facility.into(), now_seconds().into(), source.into()];
        self.run("INSERT INTO access_refusal(person, facility, made, source) VALUES (?1, ?2, ?3, ?4)", &args)?;
        self.audit(Some(person), &format!("refusal {facility}"), "granted")
    }

    /// Ends what a person refused themselves, also as who they were before they were merged with another.
    pub fn end_own_refusals(&mut self, person: i64) -> Result<()> {
        let sql =
            format!("UPDATE access_refusal SET ended = 1 WHERE person = ?1 AND source LIKE '{BY_SELF}%' AND ended = 0");
        self.run(&sql, &[person.into()])?;
        self.audit(Some(person), "refusal ended", "granted")
    }

    /// Ends what came from a source: a consent, a referral, a request.
    pub fn end_source(&mut self, source: &str) -> Result<()> {
        self.run("UPDATE access_grant SET ended = 1 WHERE source = ?1 AND ended = 0", &[source.into()])?;
        self.run("UPDATE access_refusal SET ended = 1 WHERE source = ?1 AND ended = 0", &[source.into()]).map(drop)
    }
}

/// A grant by its number.
pub fn by_id(on: &mut dyn Query, id: i64) -> Result<Option<Grant>> {
    sql::first(on, &format!("SELECT {COLUMNS} FROM access_grant WHERE id = ?1"), &[id.into()], grant)
}

/// The grants on a person's record, newest first, at most `limit`.
pub fn of_person(on: &mut dyn Query, person: i64, limit: usize) -> Result<Vec<Grant>> {
    let sql = format!("SELECT {COLUMNS} FROM access_grant WHERE person = ?1 ORDER BY id DESC LIMIT {limit}");
    sql::list(on, &sql, &[person.into()], grant)
}

/// The grants on a person's record by any of `relations` that hold, newest first: all of them, whatever else was granted since.
pub fn held(on: &mut dyn Query, person: i64, relations: &[Relation]) -> Result<Vec<Grant>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM access_grant WHERE person = ?1 AND ended = 0 AND until > ?2 AND since <= ?2
            AND relation IN ({}) ORDER BY id DESC",
        numbers_of(relations)
    );
    sql::list(on, &sql, &[person.into(), now_seconds().div_euclid(60).into()], grant)
}

/// The grants on a person's record by `relation`, whether they hold or not, before grant `before`; newest first, at most `limit`.
pub fn by_relation(
    on: &mut dyn Query,
    person: i64,
    relation: Relation,
    (before, limit): (Option<i64>, usize),
) -> Result<Vec<Grant>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM access_grant WHERE person = ?1 AND relation = {} AND id < ?2 ORDER BY id DESC LIMIT {limit}",
        relation.number()
    );
    sql::list(on, &sql, &[person.into(), before.unwrap_or(i64::MAX).into()], grant)
}

/// The grants that come from `source`, whether they hold or not, before grant `before`; newest first, at most `limit`.
pub fn of_source(on: &mut dyn Query, source: &str, (before, limit): (Option<i64>, usize)) -> Result<Vec<Grant>> {
    let sql =
        format!("SELECT {COLUMNS} FROM access_grant WHERE source = ?1 AND id < ?2 ORDER BY id DESC LIMIT {limit}");
    sql::list(on, &sql, &[source.into(), before.unwrap_or(i64::MAX).into()], grant)
}

/// A grant by its number, where it comes from `source`.
pub fn of_this_source(on: &mut dyn Query, id: i64, source: &str) -> Result<Option<Grant>> {
    let sql = format!("SELECT {COLUMNS} FROM access_grant WHERE id = ?1 AND source = ?2");
    sql::first(on, &sql, &[id.into(), source.into()], grant)
}

fn numbers_of(relations: &[Relation]) -> String {
    relations.iter().map(|r| r.number().to_string()).collect::<Vec<_>>().join(", ")
}

/// The grants of an account that hold, newest first.
pub fn of_account(on: &mut dyn Query, account: i64) -> Result<Vec<Grant>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM access_grant WHERE account = ?1 AND account <> 0 AND ended = 0 AND until > ?2 AND since <= ?2
            ORDER BY id DESC"
    );
    sql::list(on, &sql, &[account.into(), now_seconds().div_euclid(60).into()], grant)
}

/// Grants that wait for review, oldest first; those that were made at the asker's facility, where they belong to one.
pub fn waiting(on: &mut dyn Query, limit: usize) -> Result<Vec<Grant>> {
    reviews(on, "review = 1", "id", limit)
}

/// Grants that were reviewed, the last first.
pub fn reviewed(on: &mut dyn Query, limit: usize) -> Result<Vec<Grant>> {
    reviews(on, "review > 1", "reviewed DESC, id DESC", limit)
}

fn reviews(on: &mut dyn Query, which: &str, order: &str, limit: usize) -> Result<Vec<Grant>> {
    let within = on.scope().facility().map_or(String::new(), |f| format!(" AND at_facility = {f}"));
    let sql = format!("SELECT {COLUMNS} FROM access_grant WHERE {which}{within} ORDER BY {order} LIMIT {limit}");
    sql::list(on, &sql, &[], grant)
}

/// How the source begins of what a person refused themselves.
pub const BY_SELF: &str = "me/";

/// Whether a person refuses everybody: by themselves, and by a consent that somebody wrote down for them.
pub fn refuses_all(on: &mut dyn Query, person: i64) -> Result<(bool, bool)> {
    let sql = format!(
        "SELECT coalesce(sum(CASE WHEN source LIKE '{BY_SELF}%' THEN 1 ELSE 0 END), 0), count(*)
            FROM access_refusal WHERE person = ?1 AND facility = 0 AND ended = 0"
    );
    let found = sql::first(on, &sql, &[person.into()], |r| Ok((r.int(0)?, r.int(1)?)))?;
    Ok(found.map_or((false, false), |(own, all)| (own > 0, all > own)))
}

/// The facilities (0: all) to which a person refused what others know of them.
pub fn refusals(on: &mut dyn Query, person: i64) -> Result<Vec<i64>> {
    let sql = "SELECT DISTINCT facility FROM access_refusal WHERE person = ?1 AND ended = 0 ORDER BY facility";
    sql::list(on, sql, &[person.into()], |r| r.int(0))
}

/// The person that a Patient of `facility`, or the province's of this id, stands for.
fn person_of_patient(on: &mut dyn Query, facility: i64, id: &str) -> Result<Option<i64>> {
    let sql = format!(
        "SELECT patient FROM resource WHERE type = {} AND key = ?1 AND id = ?2 AND facility IN (?3, 0) AND until = 0
            ORDER BY facility DESC{}",
        mach_fhir::ResourceType::PATIENT.number(),
        every!("province")
    );
    let args = [crate::resources::id_key(id).into(), id.into(), facility.into()];
    Ok(sql::first(on, &sql, &args, |r| r.opt_int(0))?.flatten())
}
