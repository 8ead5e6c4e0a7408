//! The audit trail and the memory of requests already answered.

use crate::distribution::every;
use crate::log::Fact;
use crate::sealed::{self, row};
use crate::sql::{self, Arg, Execute, Query};
use crate::{Result, Tx};
use mach_access::Role;
use mach_seal::Purpose;
use mach_tlog::fact::Kind;

/// Tables of the audit trail and of idempotency keys.
pub const DDL: &[&str] = &[
    "CREATE TABLE audit(id INTEGER PRIMARY KEY, at INTEGER NOT NULL, account INTEGER NOT NULL, name TEXT NOT NULL,
        role TEXT NOT NULL, act TEXT NOT NULL, facility INT NOT NULL, person INTEGER, target TEXT NOT NULL,
        outcome TEXT NOT NULL {key id})",
    "CREATE INDEX audit_person ON audit(person, id) WHERE person IS NOT NULL",
    "CREATE TABLE idempotency(facility INT NOT NULL, account INTEGER NOT NULL, key TEXT NOT NULL, request BLOB NOT NULL,
        answer TEXT NOT NULL, at INTEGER NOT NULL, PRIMARY KEY(facility, account, key)) {clustered}",
];

/// One audited act.
#[derive(Clone, Debug)]
pub struct Entry {
    /// When, seconds since 1970 UTC.
    pub at: i64,
    /// Who.
    pub name: String,
    /// In which role.
    pub role: String,
    /// What.
    pub act: String,
    /// From which facility.
    pub facility: Option<i64>,
    /// On what: `claim 46001/…`, `person 12`, a search text's length. Never a secret, never free text of a record.
    pub target: String,
    /// `granted`, `denied`, `failed`.
    pub outcome: String,
    /// The account; negative for keys and tokens, 0 for the console.
    pub account: i64,
    /// What for, where that is the account's alone: who was let in by the access desk.
    pub purpose: Option<mach_access::policy::Purpose>,
}

/// A look at resources, to be written with others of its time.
#[derive(Clone, Debug)]
pub struct Look {
    /// When, seconds since 1970 UTC.
    pub at: i64,
    /// Who.
    pub actor: mach_access::Actor,
    /// What.
    pub act: mach_access::Act,
    /// Whose, where it is one person's.
    pub person: Option<i64>,
    /// On what.
    pub target: String,
    /// `granted`, `denied`, `failed`.
    pub outcome: &'static str,
}

/// An entry as it is written and logged.
pub(crate) struct Row<'a> {
    pub(crate) at: i64,
    pub(crate) account: i64,
    pub(crate) name: &'a str,
    pub(crate) role: &'a str,
    pub(crate) act: &'a str,
    pub(crate) facility: i64,
    pub(crate) person: Option<i64>,
    pub(crate) target: &'a str,
    pub(crate) outcome: &'a str,
}

impl Tx<'_> {
    /// Writes audit entries of several askers.
    pub fn audit_looks(&mut self, looks: &[Look]) -> Result<()> {
        looks.iter().try_for_each(|look| {
            self.write_audit(&Row {
                at: look.at,
                account: look.actor.account,
                name: &look.actor.name,
                role: look.actor.role.code(),
                act: look.act.code(),
                facility: look.actor.facility.unwrap_or(0),
                person: look.person,
                target: &look.target,
                outcome: look.outcome,
            })
        })
    }

    /// Writes an audit entry for the decision of this transaction.
    pub fn audit(&mut self, person: Option<i64>, target: &str, outcome: &str) -> Result<()> {
        let decision = self.decision;
        let actor = decision.actor();
        self.write_audit(&Row {
            at: mach_base::time::now_seconds(),
            account: actor.account,
            name: &actor.name,
            role: actor.role.code(),
            act: decision.act().code(),
            facility: actor.facility.unwrap_or(0),
            person,
            target,
            outcome,
        })
    }

    /// Writes an entry and its leaf of the transparency log.
    fn write_audit(&mut self, row: &Row<'_>) -> Result<()> {
        let id = self.insert(
            "INSERT INTO audit(at, account, name, role, act, facility, person, target, outcome)
                VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            &[
                row.at.into(),
                row.account.into(),
                row.name.into(),
                row.role.into(),
                row.act.into(),
                row.facility.into(),
                row.person.into(),
                row.target.into(),
                row.outcome.into(),
            ],
        )?;
        let fact = Fact { facility: row.facility, ..Fact::numbered(Kind::Audit, id) };
        self.log(fact, &crate::log::audit(id, row), false)
    }

    /// The answer already given to this account's request with `key`: `Some(Ok(answer))` where the request was the same,
    /// `Some(Err(()))` where the key was used for another one.
    pub fn answered(&mut self, key: &str, request: &[u8]) -> Result<Option<std::result::Result<String, ()>>> {
        let (account, facility) = self.sender();
        let row = self.answer_row(key);
        let sql = "SELECT request, answer FROM idempotency WHERE facility = ?1 AND account = ?2 AND key = ?3";
        sql::first(self, sql, &[facility, account, key.into()], |r| {
            let same = r.blob(0)? == request;
            Ok(if same { Ok(sealed::opened(&row, r.text(1)?)?) } else { Err(()) })
        })
    }

    /// Keeps the answer to this account's request with `key`.
    pub fn remember(&mut self, key: &str, request: &[u8], answer: &str) -> Result<()> {
        let ((account, facility), now) = (self.sender(), mach_base::time::now_seconds());
        let sealed = sealed::text(Purpose::Body, &self.answer_row(key), answer)?;
        self.push(
            "INSERT INTO idempotency(facility, account, key, request, answer, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                ON CONFLICT DO NOTHING",
            &[facility, account, key.into(), request.into(), (&sealed).into(), now.into()],
        )?;
        Ok(())
    }

    fn answer_row(&self, key: &str) -> String {
        let actor = self.decision().actor();
        row!("idempotency", actor.facility.unwrap_or(0), actor.account, key)
    }

    /// Account and facility (0: the province) of who sends.
    fn sender(&self) -> (Arg<'static>, Arg<'static>) {
        let actor = self.decision().actor();
        (actor.account.into(), actor.facility.unwrap_or(0).into())
    }
}

/// An entry of the trail, whole.
#[derive(Clone, Debug)]
pub struct Event {
    /// Its number.
    pub id: i64,
    /// When, seconds since 1970 UTC.
    pub at: i64,
    /// The account; negative for keys and tokens, 0 for the console.
    pub account: i64,
    /// Whose it is.
    pub name: String,
    /// In which role.
    pub role: String,
    /// What was done.
    pub act: String,
    /// From which facility; 0: the province.
    pub facility: i64,
    /// Whose record.
    pub person: Option<i64>,
    /// On what.
    pub target: String,
    /// `granted`, `denied`, `failed`.
    pub outcome: String,
    /// What for, where that is the account's alone: who was let in by the access desk.
    pub purpose: Option<mach_access::policy::Purpose>,
}

/// What a search of the trail asks; everything where nothing is given.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// Only this entry.
    pub id: Option<i64>,
    /// First second.
    pub from: Option<i64>,
    /// Last second.
    pub until: Option<i64>,
    /// Account.
    pub account: Option<i64>,
    /// Name of the account.
    pub name: Option<String>,
    /// Whose record.
    pub person: Option<i64>,
    /// On exactly this.
    pub target: Option<String>,
    /// One of these outcomes.
    pub outcomes: Vec<&'static str>,
    /// C, R, U, D or E, as AuditEvent means them; any of these.
    pub actions: Vec<char>,
    /// One of these acts.
    pub acts: Vec<&'static str>,
    /// Only entries before this one.
    pub before: Option<i64>,
}

/// What an entry did, as AuditEvent says it: C, R, U, D, or E for what only asks or steers.
pub fn action(act: &str, target: &str) -> char {
    match act {
        "write-fhir" if target.starts_with("create ") => 'C',
        "write-fhir" if target.starts_with("delete ") => 'D',
        "write-fhir" | "review-people" => 'U',
        "read-fhir" | "read-record" | "read-own" | "view-desk" | "read-claims" if !target.starts_with("search ") => 'R',
        _ => 'E',
    }
}

/// The same as a condition.
fn is_action(action: char) -> &'static str {
    match action {
        'C' => "(act = 'write-fhir' AND target LIKE 'create %')",
        'D' => "(act = 'write-fhir' AND target LIKE 'delete %')",
        'U' => "((act = 'write-fhir' AND target NOT LIKE 'create %' AND target NOT LIKE 'delete %') OR act = 'review-people')",
        'R' => {
            "(act IN ('read-fhir', 'read-record', 'read-own', 'view-desk', 'read-claims') AND target NOT LIKE 'search %')"
        }
        'E' => {
            "(act NOT IN ('write-fhir', 'review-people', 'read-fhir', 'read-record', 'read-own', 'view-desk', 'read-claims')
                OR (act IN ('read-fhir', 'read-record', 'read-own', 'view-desk', 'read-claims') AND target LIKE 'search %'))"
        }
        _ => "1 = 0",
    }
}

/// The name in `meta` of the last entry that a monitoring centre was told.
const TOLD: &str = "told";

impl Tx<'_> {
    /// Begins to tell a monitoring centre the trail: from the next entry on, unless it was begun before.
    pub fn begin_telling(&mut self) -> Result<()> {
        let sql = format!("SELECT coalesce(max(id), 0) FROM audit{}", every!("person looks"));
        let last = sql::int(self, &sql, &[])?;
        self.run(
            "INSERT INTO meta(name, value) VALUES (?1, ?2) ON CONFLICT(name) DO NOTHING",
            &[TOLD.into(), last.into()],
        )
        .map(drop)
    }

    /// Notes that the centre has everything up to this entry.
    pub fn set_told(&mut self, last: i64) -> Result<()> {
        self.run("UPDATE meta SET value = ?2 WHERE name = ?1", &[TOLD.into(), last.into()]).map(drop)
    }
}

/// The last entry that the monitoring centre was told; 0 where it was told nothing.
pub fn told(on: &mut dyn Query) -> Result<i64> {
    Ok(sql::first(on, "SELECT value FROM meta WHERE name = ?1", &[TOLD.into()], |r| r.int(0))?.unwrap_or(0))
}

/// The entries after one, in their order, at most `limit`, whoever's they are.
pub fn after(on: &mut dyn Query, last: i64, limit: usize) -> Result<Vec<Event>> {
    let sql = format!(
        "SELECT id, at, account, name, role, act, facility, person, target, outcome FROM audit WHERE id > ?1
            ORDER BY id LIMIT {limit}{}",
        every!("person looks")
    );
    sql::list(on, &sql, &[last.into()], event)
}

/// Entries of the trail, newest first, at most `limit`: of the asker's facility, where they belong to one.
pub fn events(on: &mut dyn Query, asked: &Asked, limit: usize) -> Result<Vec<Event>> {
    let mut args: Vec<Arg<'_>> = Vec::new();
    let mut conditions = vec!["1 = 1".to_owned()];
    let numbers = [
        ("id =", asked.id),
        ("at >=", asked.from),
        ("at <=", asked.until),
        ("account =", asked.account),
        ("person =", asked.person),
        ("id <", asked.before),
    ];
    for (column, value) in numbers {
        if let Some(value) = value {
            args.push(value.into());
            conditions.push(format!("{column} ?{}", args.len()));
        }
    }
    if let Some(name) = &asked.name {
        args.push(name.into());
        conditions.push(format!("name = ?{}", args.len()));
    }
    if let Some(target) = &asked.target {
        args.push(target.into());
        let at = args.len();
        conditions.push(format!("target IN (?{at}, 'create ' || ?{at}, 'delete ' || ?{at})"));
    }
    let quoted = |words: &[&'static str]| words.iter().map(|w| format!("'{w}'")).collect::<Vec<_>>().join(", ");
    if !asked.outcomes.is_empty() {
        conditions.push(format!("outcome IN ({})", quoted(&asked.outcomes)));
    }
    if !asked.acts.is_empty() {
        conditions.push(format!("act IN ({})", quoted(&asked.acts)));
    }
    if !asked.actions.is_empty() {
        let any = asked.actions.iter().map(|a| is_action(*a)).collect::<Vec<_>>().join(" OR ");
        conditions.push(format!("({any})"));
    }
    let spread = match on.scope().facility() {
        Some(facility) => {
            conditions.push(format!("facility = {facility}"));
            ""
        }
        None => every!("person looks"),
    };
    let sql = format!(
        "SELECT id, at, account, name, role, act, facility, person, target, outcome FROM audit WHERE {}
            ORDER BY id DESC LIMIT {limit}{spread}",
        conditions.join(" AND ")
    );
    let mut found = sql::list(on, &sql, &args, event)?;
    let of_visitors = found.iter_mut().filter(|event| event.role == Role::Visitor.code());
    tell_purposes(on, of_visitors.map(|event| (event.account, &mut event.purpose)))?;
    Ok(found)
}

/// Who looked at a person's record, newest first.
pub fn of_person(on: &mut dyn Query, person: i64, limit: usize) -> Result<Vec<Entry>> {
    let sql = format!(
        "SELECT at, name, role, act, facility, target, outcome, account FROM audit WHERE person = ?1 ORDER BY id DESC LIMIT ?2{}",
        every!("person looks")
    );
    sql::list(on, &sql, &[person.into(), (limit as i64).into()], entry)
}

/// The same before entry `before`; each with its number.
pub fn looks_at(on: &mut dyn Query, person: i64, (before, limit): (Option<i64>, usize)) -> Result<Vec<(i64, Entry)>> {
    let sql = format!(
        "SELECT at, name, role, act, facility, target, outcome, account, id FROM audit WHERE person = ?1 AND id < ?2
            ORDER BY id DESC LIMIT ?3{}",
        every!("person looks")
    );
    let args = [person.into(), before.unwrap_or(i64::MAX).into(), (limit as i64).into()];
    let mut found = sql::list(on, &sql, &args, |r| Ok((r.int(8)?, entry(r)?)))?;
    let of_visitors = found.iter_mut().filter(|(_, entry)| entry.role == Role::Visitor.code());
    tell_purposes(on, of_visitors.map(|(_, entry)| (entry.account, &mut entry.purpose)))?;
    Ok(found)
}

/// Says what for each of these accounts looked: one question, however many they are.
fn tell_purposes<'a>(
    on: &mut dyn Query,
    entries: impl Iterator<Item = (i64, &'a mut Option<mach_access::policy::Purpose>)>,
) -> Result<()> {
    let entries: Vec<_> = entries.collect();
    let mut accounts: Vec<i64> = entries.iter().map(|(account, _)| *account).collect();
    accounts.sort_unstable();
    accounts.dedup();
    let known = crate::desk::purposes_of(on, &accounts)?;
    for (account, purpose) in entries {
        *purpose = known.get(&account).copied();
    }
    Ok(())
}

/// What a visitor of the access desk did by their account, newest first, at most `limit`; whoever asks.
pub fn of_visitor(on: &mut dyn Query, account: i64, limit: usize) -> Result<Vec<Entry>> {
    let sql = format!(
        "SELECT at, name, role, act, facility, target, outcome, account FROM audit WHERE account = ?1 AND role = 'visitor'
            ORDER BY id DESC LIMIT ?2{}",
        every!("person looks")
    );
    sql::list(on, &sql, &[account.into(), (limit as i64).into()], entry)
}

/// Entries of a target, oldest first.
pub fn of_target(on: &mut dyn Query, target: &str) -> Result<Vec<Entry>> {
    let sql = format!(
        "SELECT at, name, role, act, facility, target, outcome, account FROM audit WHERE target = ?1 ORDER BY id{}",
        every!("person looks")
    );
    sql::list(on, &sql, &[target.into()], entry)
}

fn event(r: &dyn sql::Row) -> Result<Event> {
    Ok(Event {
        id: r.int(0)?,
        at: r.int(1)?,
        account: r.int(2)?,
        name: r.text(3)?.to_owned(),
        role: r.text(4)?.to_owned(),
        act: r.text(5)?.to_owned(),
        facility: r.int(6)?,
        person: r.opt_int(7)?,
        target: r.text(8)?.to_owned(),
        outcome: r.text(9)?.to_owned(),
        purpose: None,
    })
}

fn entry(r: &dyn sql::Row) -> Result<Entry> {
    Ok(Entry {
        at: r.int(0)?,
        name: r.text(1)?.to_owned(),
        role: r.text(2)?.to_owned(),
        act: r.text(3)?.to_owned(),
        facility: Some(r.int(4)?).filter(|f| *f != 0),
        target: r.text(5)?.to_owned(),
        outcome: r.text(6)?.to_owned(),
        account: r.int(7)?,
        purpose: None,
    })
}
