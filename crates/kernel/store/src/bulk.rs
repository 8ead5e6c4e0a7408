//! Bulk data: what of a load is done, jobs that run behind a request (`$export`, `$import`) with the files they made.

use crate::distribution::unless_one;
use crate::resources::{as_of, visible, within};
use crate::sealed::{self, row};
use crate::sql::{self, Arg, Execute, Query, Row};
use crate::{Error, Result, Tx};
use mach_access::{Actor, Decision, Role, Scope};
use mach_base::time::now_seconds;
use mach_fhir::ResourceType;
use mach_seal::Purpose;

/// Tables of loads and jobs.
pub const DDL: &[&str] = &[
    // What a load need not do again: a file's lines, or a bundle (one line).
    "CREATE TABLE bulk_done(facility INT NOT NULL, key TEXT NOT NULL, lines INTEGER NOT NULL, at INTEGER NOT NULL,
        PRIMARY KEY(facility, key)) {clustered}",
    "CREATE TABLE bulk_job(jid INTEGER PRIMARY KEY, token TEXT NOT NULL, kind TEXT NOT NULL, account INTEGER NOT NULL,
        name TEXT NOT NULL, role TEXT NOT NULL, facility INTEGER, request TEXT NOT NULL, asked TEXT NOT NULL,
        seq INTEGER NOT NULL, at INTEGER NOT NULL, state TEXT NOT NULL, place TEXT NOT NULL, progress TEXT NOT NULL,
        ended INTEGER NOT NULL DEFAULT 0)",
    "CREATE UNIQUE INDEX bulk_job_token ON bulk_job(token)",
    "CREATE TABLE bulk_file(jid INTEGER NOT NULL, n INTEGER NOT NULL, list TEXT NOT NULL, type TEXT NOT NULL,
        name TEXT NOT NULL, count INTEGER NOT NULL, bytes INTEGER NOT NULL, PRIMARY KEY(jid, n)) {clustered}",
];

/// How far a job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Waiting, or at work; after a restart it goes on.
    Running,
    /// Its files are whole.
    Done,
    /// It could not be done; `progress` says why.
    Failed,
}

impl State {
    fn code(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
        }
    }

    fn parse(code: &str) -> Option<Self> {
        [Self::Running, Self::Done, Self::Failed].into_iter().find(|s| s.code() == code)
    }
}

/// A job.
#[derive(Clone, Debug)]
pub struct Job {
    /// Number.
    pub jid: i64,
    /// What its address ends with: not to be guessed.
    pub token: String,
    /// `export` or `import`.
    pub kind: String,
    /// Who asked.
    pub actor: Actor,
    /// The address it was asked by.
    pub request: String,
    /// What was asked, as its kind writes it.
    pub asked: String,
    /// The change after which the state is meant.
    pub seq: i64,
    /// When it was asked, seconds since 1970 UTC.
    pub at: i64,
    /// How far.
    pub state: State,
    /// Where it goes on after a restart, as its kind writes it.
    pub place: String,
    /// For people: how far it is, or why it failed.
    pub progress: String,
    /// When it ended; 0 before.
    pub ended: i64,
}

/// A file of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Its number within the job, from 0.
    pub n: i64,
    /// In which list of the manifest: `output`, `error`, `deleted`.
    pub list: String,
    /// Type of the resources in it.
    pub kind: String,
    /// Its name in the job's folder.
    pub name: String,
    /// Resources in it.
    pub count: i64,
    /// Bytes of it that count; what lies beyond was being written when the program ended.
    pub bytes: i64,
}

const COLUMNS: &str =
    "jid, token, kind, account, name, role, facility, request, asked, seq, at, state, place, progress, ended";

fn job(r: &dyn Row) -> Result<Job> {
    let role = Role::parse(r.text(5)?).ok_or(Error::Column(5))?;
    Ok(Job {
        jid: r.int(0)?,
        token: r.text(1)?.to_owned(),
        kind: r.text(2)?.to_owned(),
        actor: Actor {
            account: r.int(3)?,
            name: r.text(4)?.to_owned(),
            role,
            facility: r.opt_int(6)?,
            ..Actor::console()
        },
        request: sealed::opened(&row!("bulk_job", r.text(1)?), r.text(7)?)?,
        asked: sealed::opened(&row!("bulk_job asked", r.text(1)?), r.text(8)?)?,
        seq: r.int(9)?,
        at: r.int(10)?,
        state: State::parse(r.text(11)?).ok_or(Error::Column(11))?,
        place: r.text(12)?.to_owned(),
        progress: r.text(13)?.to_owned(),
        ended: r.int(14)?,
    })
}

/// Lines of the file, or the bundle, with this key that are stored for the facility of `scope` already.
pub fn done(on: &mut dyn Query, scope: Scope, key: &str) -> Result<i64> {
    let sql = "SELECT lines FROM bulk_done WHERE facility = ?1 AND key = ?2";
    Ok(sql::first(on, sql, &[scope.facility().unwrap_or(0).into(), key.into()], |r| r.int(0))?.unwrap_or(0))
}

/// The job at `token`, where the asker of `decision` asked for it: the same account, role and facility.
pub fn of_token(on: &mut dyn Query, decision: &Decision, token: &str) -> Result<Option<Job>> {
    let found = sql::first(on, &format!("SELECT {COLUMNS} FROM bulk_job WHERE token = ?1"), &[token.into()], job)?;
    let (asker, facility) = (decision.actor(), decision.scope().facility());
    let same = |a: &Actor| a.account == asker.account && a.role == asker.role && a.facility == facility;
    Ok(found.filter(|job| same(&job.actor)))
}

/// The first job that waits or was at work when the program ended.
pub fn next(on: &mut dyn Query) -> Result<Option<Job>> {
    let sql = format!("SELECT {COLUMNS} FROM bulk_job WHERE state = 'running' ORDER BY jid LIMIT 1");
    sql::first(on, &sql, &[], job)
}

/// Jobs of all askers that ended before `before`.
pub fn ended_before(on: &mut dyn Query, before: i64) -> Result<Vec<Job>> {
    let sql = format!("SELECT {COLUMNS} FROM bulk_job WHERE ended <> 0 AND ended < ?1 ORDER BY jid");
    sql::list(on, &sql, &[before.into()], job)
}

/// How many jobs of the asker of `decision` wait or are at work.
pub fn running(on: &mut dyn Query, decision: &Decision) -> Result<i64> {
    let sql = "SELECT count(*) FROM bulk_job WHERE state = 'running' AND account = ?1 AND role = ?2";
    let actor = decision.actor();
    sql::int(on, sql, &[actor.account.into(), actor.role.code().into()])
}

/// Whether the job is still there and to be worked at.
pub fn is_running(on: &mut dyn Query, jid: i64) -> Result<bool> {
    Ok(sql::int(on, "SELECT count(*) FROM bulk_job WHERE jid = ?1 AND state = 'running'", &[jid.into()])? > 0)
}

/// The files of a job, in order.
pub fn files(on: &mut dyn Query, jid: i64) -> Result<Vec<File>> {
    let sql = "SELECT n, list, type, name, count, bytes FROM bulk_file WHERE jid = ?1 ORDER BY n";
    sql::list(on, sql, &[jid.into()], |r| {
        Ok(File {
            n: r.int(0)?,
            list: r.text(1)?.to_owned(),
            kind: r.text(2)?.to_owned(),
            name: r.text(3)?.to_owned(),
            count: r.int(4)?,
            bytes: r.int(5)?,
        })
    })
}

/// Deletions of a type that were current after change `seq` and were written at or after `since`, as `scope` may see them,
/// after version `after`: (version, id, facility or 0), in order.
pub fn deletions(
    on: &mut dyn Query,
    scope: Scope,
    kind: ResourceType,
    (seq, since): (i64, i64),
    after: i64,
    limit: usize,
) -> Result<Vec<(i64, String, i64)>> {
    let sql = format!(
        "SELECT r.rid, r.id, r.facility FROM resource r WHERE r.type = ?1 AND r.rid > ?2 AND r.deleted = 1 AND r.at >= ?3{}
            AND {} AND {} ORDER BY r.rid LIMIT {limit}{}",
        within("r", scope),
        as_of("r", &seq.to_string()),
        visible("r", scope),
        unless_one(scope)
    );
    let args = [i64::from(kind.number()).into(), after.into(), since.into()];
    sql::list(on, &sql, &args, |r| Ok((r.int(0)?, r.text(1)?.to_owned(), r.int(2)?)))
}

impl Tx<'_> {
    /// Notes that `lines` lines of the file, or the bundle, with this key are stored for this decision's facility.
    pub fn note_done(&mut self, key: &str, lines: i64) -> Result<()> {
        let facility = self.scope().facility().unwrap_or(0);
        let sql = "INSERT INTO bulk_done(facility, key, lines, at) VALUES (?1, ?2, ?3, ?4)
            ON CONFLICT(facility, key) DO UPDATE SET lines = excluded.lines, at = excluded.at";
        self.push(sql, &[facility.into(), key.into(), lines.into(), now_seconds().into()])
    }

    /// Adds a job of this decision's asker; it is running from now on. Gives its number.
    pub fn add_job(&mut self, token: &str, kind: &str, request: &str, asked: &str, seq: i64) -> Result<i64> {
        let actor = self.decision().actor().clone();
        let facility = self.scope().facility();
        // What is asked for may name people: an export of those with a number.
        let request = sealed::text(Purpose::Body, &row!("bulk_job", token), request)?;
        let asked = sealed::text(Purpose::Body, &row!("bulk_job asked", token), asked)?;
        let sql = "INSERT INTO bulk_job(token, kind, account, name, role, facility, request, asked, seq, at, state, place, progress)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, 'running', '', 'waiting')";
        let args: [Arg<'_>; 10] = [
            token.into(),
            kind.into(),
            actor.account.into(),
            (&actor.name).into(),
            actor.role.code().into(),
            facility.into(),
            (&request).into(),
            (&asked).into(),
            seq.into(),
            now_seconds().into(),
        ];
        self.insert(sql, &args)
    }

    /// Notes where a running job is; false where it is no longer there: it was cancelled.
    pub fn move_job(&mut self, jid: i64, place: &str, progress: &str, files: &[File]) -> Result<bool> {
        let sql = "UPDATE bulk_job SET place = ?2, progress = ?3 WHERE jid = ?1 AND state = 'running'";
        if self.run(sql, &[jid.into(), place.into(), progress.into()])? == 0 {
            return Ok(false);
        }
        let sql = "INSERT INTO bulk_file(jid, n, list, type, name, count, bytes) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
            ON CONFLICT(jid, n) DO UPDATE SET count = excluded.count, bytes = excluded.bytes";
        for file in files {
            let args: [Arg<'_>; 7] = [
                jid.into(),
                file.n.into(),
                (&file.list).into(),
                (&file.kind).into(),
                (&file.name).into(),
                file.count.into(),
                file.bytes.into(),
            ];
            self.push(sql, &args)?;
        }
        Ok(true)
    }

    /// Ends a running job; false where it is no longer there.
    pub fn end_job(&mut self, jid: i64, state: State, progress: &str) -> Result<bool> {
        let sql = "UPDATE bulk_job SET state = ?2, progress = ?3, ended = ?4 WHERE jid = ?1 AND state = 'running'";
        Ok(self.run(sql, &[jid.into(), state.code().into(), progress.into(), now_seconds().into()])? > 0)
    }

    /// Takes a job and the memory of its files away.
    pub fn drop_job(&mut self, jid: i64) -> Result<()> {
        self.run("DELETE FROM bulk_file WHERE jid = ?1", &[jid.into()])?;
        self.run("DELETE FROM bulk_job WHERE jid = ?1", &[jid.into()])?;
        Ok(())
    }
}
