//! Subscriptions: how far each has looked through the log, its events by number, and what its receiver still has to get.
//!
//! The log is `resource` in the order of `rid`: one transaction writes at a time, so a version is never seen after a version
//! of a higher number was. A subscription keeps the number it has looked up to (`cursor`). What it found and the new cursor
//! are written together, so that an event is neither lost nor found twice, whenever the program ends.

use crate::distribution::{every, unless_one};
use crate::resources::{Resource, Value, visible};
use crate::sealed::{self, row};
use crate::search::rows::Rows;
use crate::sql::{self, Execute, Query, Row};
use crate::{Error, Result, Tx};
use mach_access::Scope;
use mach_base::{limits, time::now_seconds};
use mach_fhir::ResourceType;
use mach_seal::Purpose;
use std::collections::HashSet;

/// Tables of subscriptions.
pub const DDL: &[&str] = &[
    "CREATE TABLE subscription(id INTEGER PRIMARY KEY, facility INTEGER NOT NULL, fhir TEXT NOT NULL, rid INTEGER NOT NULL,
        account INTEGER NOT NULL, state TEXT NOT NULL, cursor INTEGER NOT NULL, events INTEGER NOT NULL DEFAULT 0,
        delivered INTEGER NOT NULL DEFAULT 0, failures INTEGER NOT NULL DEFAULT 0, attempts INTEGER NOT NULL DEFAULT 0,
        next_at INTEGER NOT NULL DEFAULT 0, said TEXT NOT NULL DEFAULT '', done_at INTEGER NOT NULL DEFAULT 0,
        holder TEXT NOT NULL DEFAULT '', held INTEGER NOT NULL DEFAULT 0)",
    "CREATE UNIQUE INDEX subscription_of ON subscription(facility, fhir)",
    "CREATE TABLE subscription_event(subscription INTEGER NOT NULL, n INTEGER NOT NULL, rid INTEGER NOT NULL,
        at INTEGER NOT NULL, PRIMARY KEY(subscription, n)) {clustered}",
    // What a subscription's body must not show: the headers its receiver is called with.
    "CREATE TABLE subscription_header(facility INTEGER NOT NULL, fhir TEXT NOT NULL, account INTEGER NOT NULL,
        headers TEXT NOT NULL, PRIMARY KEY(facility, fhir)) {clustered}",
    "CREATE TABLE subscription_prefix(prefix TEXT PRIMARY KEY, private INTEGER NOT NULL) {clustered}",
];

/// Where a subscription stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Asked for; not yet answered for by its receiver, or not yet allowed.
    Requested,
    /// Delivering.
    Active,
    /// Given up; looks no further until it is asked for again.
    Error,
    /// Ended.
    Off,
    /// Its resource was deleted.
    Gone,
}

impl State {
    /// As stored, and as `Subscription.status` says it.
    pub fn code(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::Active => "active",
            Self::Error => "error",
            Self::Off => "off",
            Self::Gone => "gone",
        }
    }

    /// From its stored form.
    pub fn parse(code: &str) -> Option<Self> {
        [Self::Requested, Self::Active, Self::Error, Self::Off, Self::Gone].into_iter().find(|s| s.code() == code)
    }
}

/// A subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    /// Its number.
    pub id: i64,
    /// The facility whose it is; 0 is the province.
    pub facility: i64,
    /// Id of the Subscription resource.
    pub fhir: String,
    /// The version of that resource that is carried out.
    pub rid: i64,
    /// Account of who wrote it: what they may see, it may tell. 0 where nobody of the interface did.
    pub account: i64,
    /// Where it stands.
    pub state: State,
    /// The last version it has looked at.
    pub cursor: i64,
    /// Number of its last event.
    pub events: i64,
    /// Number of the last event its receiver has taken.
    pub delivered: i64,
    /// Attempts that failed since the last that did not.
    pub failures: i64,
    /// Attempts in all.
    pub attempts: i64,
    /// Not tried again before, milliseconds since 1970 UTC.
    pub next_at: i64,
    /// What went wrong last; empty where nothing is wrong.
    pub said: String,
    /// When its receiver last took something, seconds; 0 for never.
    pub done_at: i64,
}

const COLUMNS: &str =
    "id, facility, fhir, rid, account, state, cursor, events, delivered, failures, attempts, next_at, said, done_at";

fn subscription(r: &dyn Row) -> Result<Subscription> {
    Ok(Subscription {
        id: r.int(0)?,
        facility: r.int(1)?,
        fhir: r.text(2)?.to_owned(),
        rid: r.int(3)?,
        account: r.int(4)?,
        state: State::parse(r.text(5)?).ok_or(Error::Column(5))?,
        cursor: r.int(6)?,
        events: r.int(7)?,
        delivered: r.int(8)?,
        failures: r.int(9)?,
        attempts: r.int(10)?,
        next_at: r.int(11)?,
        said: r.text(12)?.to_owned(),
        done_at: r.int(13)?,
    })
}

/// All subscriptions whose resource is there.
pub fn all(on: &mut dyn Query) -> Result<Vec<Subscription>> {
    let sql = format!("SELECT {COLUMNS} FROM subscription WHERE state <> 'gone' ORDER BY id");
    sql::list(on, &sql, &[], subscription)
}

/// The subscription with this number.
pub fn one(on: &mut dyn Query, id: i64) -> Result<Option<Subscription>> {
    sql::first(on, &format!("SELECT {COLUMNS} FROM subscription WHERE id = ?1"), &[id.into()], subscription)
}

/// The subscription of a resource.
pub fn of(on: &mut dyn Query, facility: i64, fhir: &str) -> Result<Option<Subscription>> {
    let sql = format!("SELECT {COLUMNS} FROM subscription WHERE facility = ?1 AND fhir = ?2");
    sql::first(on, &sql, &[facility.into(), fhir.into()], subscription)
}

/// How many live subscriptions an account has.
pub fn count_of(on: &mut dyn Query, account: i64) -> Result<i64> {
    let sql = "SELECT count(*) FROM subscription WHERE account = ?1 AND state IN ('requested', 'active')";
    sql::int(on, sql, &[account.into()])
}

/// An event: a version that a subscription tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// Its number, from 1, without a gap.
    pub n: i64,
    /// The version.
    pub rid: i64,
    /// When that was written, seconds.
    pub at: i64,
}

/// Events from one number to another, both inside, at most `limit`.
pub fn events(on: &mut dyn Query, id: i64, from: i64, to: i64, limit: usize) -> Result<Vec<Event>> {
    let sql = format!(
        "SELECT n, rid, at FROM subscription_event WHERE subscription = ?1 AND n >= ?2 AND n <= ?3 ORDER BY n LIMIT {limit}"
    );
    sql::list(on, &sql, &[id.into(), from.into(), to.into()], |r| {
        Ok(Event { n: r.int(0)?, rid: r.int(1)?, at: r.int(2)? })
    })
}

/// A version as the log tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logged {
    /// Its number.
    pub rid: i64,
    /// Its type.
    pub kind: ResourceType,
    /// Its id.
    pub id: String,
    /// The change that brought it.
    pub seq: i64,
    /// The change that ended it; 0 for none yet, negative where it was the same change.
    pub until: i64,
    /// When it was ended, seconds; `None` where it was not.
    pub ended: Option<i64>,
    /// Whether it took the resource away.
    pub deleted: bool,
    /// Whether a search finds it by all its parameters.
    pub indexed: bool,
}

const LOGGED: &str = "r.rid, r.type, r.id, r.seq, r.until, c.at, r.deleted, r.indexed";

fn logged(r: &dyn Row) -> Result<Logged> {
    let kind = u16::try_from(r.int(1)?).ok().and_then(ResourceType::from_number).ok_or(Error::Column(1))?;
    Ok(Logged {
        rid: r.int(0)?,
        kind,
        id: r.text(2)?.to_owned(),
        seq: r.int(3)?,
        until: r.int(4)?,
        ended: r.opt_int(5)?,
        deleted: r.int(6)? != 0,
        indexed: r.int(7)? != 0,
    })
}

/// The number of the last version.
pub fn head(on: &mut dyn Query) -> Result<i64> {
    sql::int(on, concat!("SELECT coalesce(max(rid), 0) FROM resource", every!("log")), &[])
}

/// The next versions of the log.
pub fn log(on: &mut dyn Query, after: i64, limit: usize) -> Result<Vec<Logged>> {
    let sql = format!(
        "SELECT {LOGGED} FROM resource r LEFT JOIN commit_log c ON c.seq = r.until WHERE r.rid > ?1 ORDER BY r.rid LIMIT {limit}{}",
        every!("log")
    );
    sql::list(on, &sql, &[after.into()], logged)
}

/// The version that the change of version `rid` ended; `None` where the resource was not there before.
pub fn before(on: &mut dyn Query, rid: i64) -> Result<Option<Logged>> {
    let sql = format!(
        "SELECT {LOGGED} FROM resource v JOIN resource r ON r.type = v.type AND r.key = v.key AND r.facility = v.facility
            AND r.until = v.seq LEFT JOIN commit_log c ON c.seq = r.until WHERE v.rid = ?1{}",
        every!("log")
    );
    Ok(sql::first(on, &sql, &[rid.into()], logged)?.filter(|r| !r.deleted))
}

/// A version of a Subscription resource, and who wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// Number of the version.
    pub rid: i64,
    /// Facility; 0 is the province.
    pub facility: i64,
    /// Its id.
    pub fhir: String,
    /// Whether it is the current one.
    pub current: bool,
    /// Whether it took the resource away.
    pub deleted: bool,
    /// Whose change it was.
    pub account: i64,
}

/// Versions of Subscription resources after one, in their order.
pub fn written(on: &mut dyn Query, after: i64) -> Result<Vec<Written>> {
    let sql = format!(
        "SELECT r.rid, r.facility, r.id, r.until, r.deleted, c.account FROM resource r JOIN commit_log c ON c.seq = r.seq
            WHERE r.type = {} AND r.rid > ?1 ORDER BY r.rid{}",
        ResourceType::SUBSCRIPTION.number(),
        every!("log")
    );
    sql::list(on, &sql, &[after.into()], |r| {
        Ok(Written {
            rid: r.int(0)?,
            facility: r.int(1)?,
            fhir: r.text(2)?.to_owned(),
            current: r.int(3)? == 0,
            deleted: r.int(4)? != 0,
            account: r.int(5)?,
        })
    })
}

/// Those of the versions that `scope` may see, deletions too.
pub fn seen(on: &mut dyn Query, scope: Scope, rids: &[i64]) -> Result<HashSet<i64>> {
    let mut out = HashSet::new();
    let sql = format!("SELECT r.rid FROM resource r WHERE r.rid = ?1 AND {}{}", visible("r", scope), unless_one(scope));
    for rid in rids {
        out.extend(sql::first(on, &sql, &[(*rid).into()], |r| r.int(0))?);
    }
    Ok(out)
}

/// Begins of addresses that may be called: (begin, also where the name leads into a private network).
pub fn prefixes(on: &mut dyn Query) -> Result<Vec<(String, bool)>> {
    let sql = "SELECT prefix, private FROM subscription_prefix ORDER BY prefix";
    sql::list(on, sql, &[], |r| Ok((r.text(0)?.to_owned(), r.int(1)? != 0)))
}

/// The headers a receiver is called with, one a line, and the account that gave them.
pub fn headers(on: &mut dyn Query, facility: i64, fhir: &str) -> Result<Option<(i64, String)>> {
    let sql = "SELECT account, headers FROM subscription_header WHERE facility = ?1 AND fhir = ?2";
    let row = row!("subscription_header", facility, fhir);
    sql::first(on, sql, &[facility.into(), fhir.into()], |r| Ok((r.int(0)?, sealed::opened(&row, r.text(1)?)?)))
}

/// What a version of a Subscription resource makes of its subscription.
#[derive(Clone, Debug)]
pub struct Register {
    /// The version.
    pub written: Written,
    /// Who wrote it last through the interface; `None` leaves it as it is.
    pub account: Option<i64>,
    /// Where it stands now.
    pub state: State,
    /// What is wrong; empty where nothing is.
    pub said: String,
}

/// How an attempt ended.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// The receiver took everything up to this event; nothing new where it is the one before.
    Taken(i64),
    /// It did not: what it said, and when to try again (milliseconds since 1970 UTC).
    Failed(String, i64),
}

impl Tx<'_> {
    /// Takes a version of a Subscription resource as what is to be done now. Versions that were taken already are left alone.
    pub fn register(&mut self, new: &Register) -> Result<()> {
        let (facility, fhir) = (new.written.facility, new.written.fhir.clone());
        let fhir = fhir.as_str();
        let rid = new.written.rid;
        let old = of(self, facility, fhir)?;
        let mut new = new.clone();
        let is_more = old.as_ref().is_none_or(|o| !matches!(o.state, State::Requested | State::Active));
        if let (State::Requested, Some(account), true) = (new.state, new.account, is_more)
            && count_of(self, account)? >= limits::SUBSCRIPTIONS
        {
            new.state = State::Error;
            new.said = format!("its author has {} live subscriptions already", limits::SUBSCRIPTIONS);
        }
        let Some(old) = old else {
            self.run(
                "INSERT INTO subscription(facility, fhir, rid, account, state, cursor, said) VALUES (?1, ?2, ?3, ?4, ?5, ?3, ?6)",
                &[
                    facility.into(),
                    fhir.into(),
                    rid.into(),
                    new.account.unwrap_or(0).into(),
                    new.state.code().into(),
                    (&new.said).into(),
                ],
            )?;
            return Ok(());
        };
        if old.rid >= rid {
            return Ok(());
        }
        // What was off begins anew; anything else goes on where it was, so that nothing is missed.
        let again = matches!(old.state, State::Off | State::Gone);
        self.run(
            "UPDATE subscription SET rid = ?2, account = ?3, state = ?4, cursor = ?5, said = ?6, failures = 0, next_at = 0
                WHERE id = ?1",
            &[
                old.id.into(),
                rid.into(),
                new.account.unwrap_or(old.account).into(),
                new.state.code().into(),
                (if again { rid } else { old.cursor }).into(),
                (&new.said).into(),
            ],
        )?;
        if again {
            self.run("UPDATE subscription SET delivered = events WHERE id = ?1", &[old.id.into()])?;
        }
        if new.state == State::Gone {
            self.run("DELETE FROM subscription_event WHERE subscription = ?1", &[old.id.into()])?;
            self.run("UPDATE subscription SET events = 0, delivered = 0 WHERE id = ?1", &[old.id.into()])?;
            let sql = "DELETE FROM subscription_header WHERE facility = ?1 AND fhir = ?2";
            self.run(sql, &[facility.into(), fhir.into()])?;
        }
        Ok(())
    }

    /// Notes that a subscription has looked from version `from` to version `to`, and found these versions (number, time
    /// written). False where another process did it meanwhile: then nothing is written. `kept` is told where nobody has to
    /// take the events: then so many are kept for those who ask.
    pub fn looked(&mut self, id: i64, from: i64, to: i64, found: &[(i64, i64)], kept: Option<i64>) -> Result<bool> {
        let count = i64::try_from(found.len()).unwrap_or(i64::MAX);
        let sql = "UPDATE subscription SET cursor = ?3, events = events + ?4 WHERE id = ?1 AND cursor = ?2 AND state = 'active'";
        if self.run(sql, &[id.into(), from.into(), to.into(), count.into()])? == 0 {
            return Ok(false);
        }
        let Some(now) = one(self, id)? else { return Ok(false) };
        for (i, (rid, at)) in found.iter().enumerate() {
            let n = now.events - count + 1 + i64::try_from(i).unwrap_or(0);
            self.push(
                "INSERT INTO subscription_event(subscription, n, rid, at) VALUES (?1, ?2, ?3, ?4)",
                &[id.into(), n.into(), (*rid).into(), (*at).into()],
            )?;
        }
        if let Some(kept) = kept {
            self.run("UPDATE subscription SET delivered = events WHERE id = ?1", &[id.into()])?;
            self.forget_events(id, now.events - kept)?;
        }
        Ok(true)
    }

    fn forget_events(&mut self, id: i64, to: i64) -> Result<()> {
        let sql = "DELETE FROM subscription_event WHERE subscription = ?1 AND n <= ?2";
        self.run(sql, &[id.into(), to.into()]).map(drop)
    }

    /// Takes a subscription for one attempt, until `until` (milliseconds): one process calls a receiver at a time. False
    /// where another holds it.
    pub fn hold(&mut self, id: i64, holder: &str, now: i64, until: i64) -> Result<bool> {
        let sql = "UPDATE subscription SET holder = ?2, held = ?4, attempts = attempts + 1
            WHERE id = ?1 AND (held < ?3 OR holder = ?2)";
        Ok(self.run(sql, &[id.into(), holder.into(), now.into(), until.into()])? > 0)
    }

    /// Notes how an attempt ended, and lets go of the subscription. Events older than the last `kept` that were taken are
    /// forgotten.
    pub fn attempted(&mut self, id: i64, outcome: &Outcome, kept: i64) -> Result<()> {
        match outcome {
            Outcome::Taken(n) => {
                self.run(
                    "UPDATE subscription SET delivered = CASE WHEN delivered < ?2 THEN ?2 ELSE delivered END, failures = 0,
                        next_at = 0, said = '', done_at = ?3, held = 0 WHERE id = ?1",
                    &[id.into(), (*n).into(), now_seconds().into()],
                )?;
                self.forget_events(id, *n - kept)?;
            }
            Outcome::Failed(said, next_at) => {
                self.run(
                    "UPDATE subscription SET failures = failures + 1, next_at = ?2, said = ?3, held = 0 WHERE id = ?1",
                    &[id.into(), (*next_at).into(), said.into()],
                )?;
            }
        }
        Ok(())
    }

    /// Sets where a subscription stands, as the version `rid` of its resource says; `was` is the version that was carried
    /// out. False where its resource was written meanwhile.
    pub fn set_subscription(&mut self, id: i64, was: i64, rid: i64, state: State, said: &str) -> Result<bool> {
        let sql = "UPDATE subscription SET rid = ?3, state = ?4, said = ?5, failures = 0, next_at = 0
            WHERE id = ?1 AND rid = ?2";
        Ok(self.run(sql, &[id.into(), was.into(), rid.into(), state.code().into(), said.into()])? > 0)
    }

    /// Notes why a subscription waits.
    pub fn say_of_subscription(&mut self, id: i64, said: &str) -> Result<()> {
        let sql = "UPDATE subscription SET said = ?2 WHERE id = ?1 AND said <> ?2";
        self.run(sql, &[id.into(), said.into()]).map(drop)
    }

    /// Keeps the headers of a subscription's receiver, in place of those before; none where `headers` is empty.
    pub fn keep_headers(&mut self, facility: i64, fhir: &str, account: i64, headers: &str) -> Result<()> {
        let sql = "DELETE FROM subscription_header WHERE facility = ?1 AND fhir = ?2";
        self.run(sql, &[facility.into(), fhir.into()])?;
        if headers.is_empty() {
            return Ok(());
        }
        let sql = "INSERT INTO subscription_header(facility, fhir, account, headers) VALUES (?1, ?2, ?3, ?4)";
        let sealed = sealed::text(Purpose::Secret, &row!("subscription_header", facility, fhir), headers)?;
        self.run(sql, &[facility.into(), fhir.into(), account.into(), (&sealed).into()]).map(drop)
    }

    /// Lets addresses that begin so be called.
    pub fn allow_prefix(&mut self, prefix: &str, private: bool) -> Result<()> {
        let sql = "INSERT INTO subscription_prefix(prefix, private) VALUES (?1, ?2)
            ON CONFLICT(prefix) DO UPDATE SET private = excluded.private";
        self.run(sql, &[prefix.into(), i64::from(private).into()]).map(drop)
    }

    /// Takes such a permission back; false where there was none.
    pub fn disallow_prefix(&mut self, prefix: &str) -> Result<bool> {
        Ok(self.run("DELETE FROM subscription_prefix WHERE prefix = ?1", &[prefix.into()])? > 0)
    }

    /// Runs `work` while these ended versions have the index rows of their values: for those that were never given them, or
    /// had them taken away by age. Afterwards they have none.
    pub fn with_index<T>(
        &mut self,
        lent: &[(Resource, Vec<Value>)],
        work: impl FnOnce(&mut Self) -> Result<T>,
    ) -> Result<T> {
        let rows = || {
            let mut rows = Rows::default();
            for (resource, values) in lent {
                values.iter().for_each(|value| rows.push(resource.kind, place(resource), value));
            }
            rows
        };
        rows().add(self)?;
        let done = work(self)?;
        rows().remove(self)?;
        Ok(done)
    }
}

/// Facility and number of a version.
fn place(of: &Resource) -> (i64, i64) {
    (of.facility.unwrap_or(0), of.rid)
}

/// Whether a version is the current one of its resource.
pub fn is_current(on: &mut dyn Query, rid: i64) -> Result<bool> {
    let sql = concat!("SELECT count(*) FROM resource WHERE rid = ?1 AND until = 0 AND deleted = 0", every!("log"));
    Ok(sql::int(on, sql, &[rid.into()])? > 0)
}

/// When versions were written, seconds, in their order.
pub fn times(on: &mut dyn Query, rids: &[i64]) -> Result<Vec<i64>> {
    let sql = concat!("SELECT at FROM resource WHERE rid = ?1", every!("log"));
    rids.iter().map(|rid| sql::int(on, sql, &[(*rid).into()])).collect()
}
