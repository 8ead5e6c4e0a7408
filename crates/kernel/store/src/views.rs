//! Stored views: their definitions, and the rows they make, kept by the version of the resource they come from.
//!
//! A view follows the versions of its type by their numbers, which rise with the commit log. An update therefore brings the
//! rows of one resource and ends those of its version before; ended rows stay for as long as a reader may be on its way
//! through them. Rows are read with the row of their resource: what a reader may see of a view is what it may see of its
//! resources, now.

use crate::distribution::{every, unless_one};
use crate::resources::{as_of, visible, within};
use crate::sealed::{self, row};
use crate::sql::{self, Arg, Execute, Query, Row};
use crate::{Error, Result, Tx};
use mach_access::Scope;
use mach_base::{limits, time::now_seconds};
use mach_fhir::ResourceType;
use mach_seal::Purpose;

/// Tables of stored views.
pub const DDL: &[&str] = &[
    "CREATE TABLE view_stored(vid INTEGER PRIMARY KEY, facility INT NOT NULL, id TEXT NOT NULL, version INTEGER NOT NULL,
        at INTEGER NOT NULL, type INTEGER NOT NULL, body TEXT NOT NULL, last INTEGER NOT NULL DEFAULT 0,
        seq INTEGER NOT NULL DEFAULT 0)",
    "CREATE UNIQUE INDEX view_stored_id ON view_stored(id, facility)",
    "CREATE TABLE view_row(vid INTEGER NOT NULL, rid INTEGER NOT NULL, ended INTEGER NOT NULL DEFAULT 0,
        facility INT NOT NULL, failed INTEGER NOT NULL, body TEXT NOT NULL, PRIMARY KEY(vid, rid, facility)) {clustered}",
    "CREATE INDEX view_row_ended ON view_row(vid, ended) WHERE ended <> 0",
];

/// A stored view.
#[derive(Clone, Debug)]
pub struct Stored {
    /// Number.
    pub vid: i64,
    /// Whose it is; `None` is the province.
    pub facility: Option<i64>,
    /// Id.
    pub id: String,
    /// Version, from 1.
    pub version: i64,
    /// When this version was written, seconds since 1970 UTC.
    pub at: i64,
    /// The type it reads.
    pub kind: ResourceType,
    /// The exact ViewDefinition.
    pub body: String,
    /// The last version of a resource that it has rows of.
    pub last: i64,
    /// The change after which its rows are the view of the state.
    pub seq: i64,
}

/// A version that a view has to follow.
#[derive(Clone, Copy, Debug)]
pub struct Changed {
    /// Its number.
    pub rid: i64,
    /// Its facility; 0 is the province.
    pub facility: i64,
    /// Whether it is there and current after the change asked for.
    pub live: bool,
}

/// What a view makes of a version.
#[derive(Clone, Debug)]
pub struct Made {
    /// The version.
    pub rid: i64,
    /// Its facility; 0 is the province.
    pub facility: i64,
    /// Whether the view has no answer on it; then `body` says why.
    pub failed: bool,
    /// Its rows, packed.
    pub body: String,
}

const DELETE_ROWS: &str = concat!("DELETE FROM view_row WHERE vid = ?1", every!("stored views"));

const COLUMNS: &str = "vid, facility, id, version, at, type, body, last, seq";

fn stored(r: &dyn Row) -> Result<Stored> {
    Ok(Stored {
        vid: r.int(0)?,
        facility: Some(r.int(1)?).filter(|f| *f != 0),
        id: r.text(2)?.to_owned(),
        version: r.int(3)?,
        at: r.int(4)?,
        kind: u16::try_from(r.int(5)?).ok().and_then(ResourceType::from_number).ok_or(Error::Column(5))?,
        body: r.text(6)?.to_owned(),
        last: r.int(7)?,
        seq: r.int(8)?,
    })
}

/// The province's views, and the facility's own; for the province all, for who stands for neither the province's alone.
fn own_or_shared(scope: Scope) -> String {
    match scope {
        Scope::Part(part) if part.facility.is_none() && part.standing.is_none() => "facility = 0".to_owned(),
        scope => scope.facility().map_or("1 = 1".to_owned(), |f| format!("facility IN (0, {f})")),
    }
}

/// The view with this id as `scope` may see it; a facility's own comes before the province's, for the province its own.
pub fn get(on: &mut dyn Query, scope: Scope, id: &str) -> Result<Option<Stored>> {
    let order = if scope == Scope::All { "facility" } else { "facility DESC" };
    let sql = format!(
        "SELECT {COLUMNS} FROM view_stored WHERE id = ?1 AND {} ORDER BY {order} LIMIT 1",
        own_or_shared(scope)
    );
    sql::first(on, &sql, &[id.into()], stored)
}

/// All views that `scope` may see, by id.
pub fn all(on: &mut dyn Query, scope: Scope) -> Result<Vec<Stored>> {
    let sql = format!("SELECT {COLUMNS} FROM view_stored WHERE {} ORDER BY id, facility", own_or_shared(scope));
    sql::list(on, &sql, &[], stored)
}

/// Versions of the view's type that it has not followed yet, up to change `seq`, in order.
pub fn changed(on: &mut dyn Query, view: &Stored, seq: i64, limit: usize) -> Result<Vec<Changed>> {
    let sql = format!(
        "SELECT rid, CASE WHEN deleted = 0 AND (until = 0 OR until > ?3) THEN 1 ELSE 0 END, facility FROM resource
            WHERE type = ?1 AND rid > ?2 AND seq <= ?3 ORDER BY rid LIMIT {limit}{}",
        every!("stored views")
    );
    let args = [i64::from(view.kind.number()).into(), view.last.into(), seq.into()];
    sql::list(on, &sql, &args, |r| Ok(Changed { rid: r.int(0)?, live: r.int(1)? != 0, facility: r.int(2)? }))
}

/// The next rows of a view, of resources after version `after` as `scope` may see them, as of the change it has followed;
/// only of versions written at or after `since`.
pub fn rows(
    on: &mut dyn Query,
    scope: Scope,
    view: &Stored,
    since: Option<i64>,
    after: i64,
    limit: usize,
) -> Result<Vec<Made>> {
    let sql = format!(
        "SELECT v.rid, v.failed, v.body, v.facility FROM view_row v JOIN resource r ON r.rid = v.rid AND r.facility = v.facility
            WHERE v.vid = ?1 AND v.rid > ?2 AND r.at >= ?3{} AND {} AND {} ORDER BY v.rid LIMIT {limit}{}",
        within("v", scope),
        as_of("r", &view.seq.to_string()),
        visible("r", scope),
        unless_one(scope)
    );
    let args = [view.vid.into(), after.into(), since.unwrap_or(i64::MIN).into()];
    sql::list(on, &sql, &args, |r| {
        let rid = r.int(0)?;
        let body = sealed::opened(&row!("view_row", view.vid, rid, r.int(3)?), r.text(2)?)?;
        Ok(Made { rid, failed: r.int(1)? != 0, body, facility: r.int(3)? })
    })
}

impl Tx<'_> {
    /// Stores a view of this decision's facility; its rows are made anew where it is another one than before. `None` where
    /// the facility has `STORED_VIEWS` already.
    pub fn put_view(&mut self, id: &str, kind: ResourceType, body: &str) -> Result<Option<Stored>> {
        let (scope, facility) = (self.scope(), self.scope().facility().unwrap_or(0));
        let own = format!("SELECT {COLUMNS} FROM view_stored WHERE id = ?1 AND facility = ?2");
        let now = now_seconds();
        match sql::first(self, &own, &[id.into(), facility.into()], stored)? {
            Some(old) if old.body == body => {}
            Some(old) => {
                self.run(DELETE_ROWS, &[old.vid.into()])?;
                let sql =
                    "UPDATE view_stored SET version = version + 1, at = ?2, type = ?3, body = ?4, last = 0, seq = 0
                    WHERE vid = ?1";
                self.run(sql, &[old.vid.into(), now.into(), i64::from(kind.number()).into(), body.into()])?;
            }
            None => {
                let count = "SELECT count(*) FROM view_stored WHERE facility = ?1";
                if sql::int(self, count, &[facility.into()])? >= limits::STORED_VIEWS {
                    return Ok(None);
                }
                let sql =
                    "INSERT INTO view_stored(facility, id, version, at, type, body) VALUES (?1, ?2, 1, ?3, ?4, ?5)";
                let args: [Arg<'_>; 5] =
                    [facility.into(), id.into(), now.into(), i64::from(kind.number()).into(), body.into()];
                self.insert(sql, &args)?;
            }
        }
        get(self, scope, id)
    }

    /// Takes a view of this decision's facility away; false where there is none.
    pub fn delete_view(&mut self, id: &str) -> Result<bool> {
        let facility = self.scope().facility().unwrap_or(0);
        let sql = "SELECT vid FROM view_stored WHERE id = ?1 AND facility = ?2";
        let Some(vid) = sql::first(self, sql, &[id.into(), facility.into()], |r| r.int(0))? else { return Ok(false) };
        self.run(DELETE_ROWS, &[vid.into()])?;
        Ok(self.run("DELETE FROM view_stored WHERE vid = ?1", &[vid.into()])? > 0)
    }

    /// Moves a view on from `view.last` to version `last`, as of change `seq`: ends the rows of versions that `followed`
    /// replace, and keeps what was `made` of them. False where somebody else moved it meanwhile.
    pub fn follow(
        &mut self,
        view: &Stored,
        (last, seq): (i64, i64),
        followed: &[Changed],
        made: &[Made],
    ) -> Result<bool> {
        let moved = "UPDATE view_stored SET last = ?2, seq = ?3 WHERE vid = ?1 AND last = ?4 AND version = ?5";
        let args = [view.vid.into(), last.into(), seq.into(), view.last.into(), view.version.into()];
        if self.run(moved, &args)? == 0 {
            return Ok(false);
        }
        let now = now_seconds();
        let end = "UPDATE view_row SET ended = ?3 WHERE vid = ?1 AND facility = ?4 AND ended = 0 AND rid IN (
            SELECT n.eid FROM resource n WHERE n.rid = ?2 AND n.facility = ?4 AND n.eid <> 0
            UNION ALL SELECT o.rid FROM resource n JOIN resource o ON o.eid = n.eid AND o.facility = ?4
                WHERE n.rid = ?2 AND n.facility = ?4 AND n.eid <> 0 AND o.eid <> 0 AND o.rid < ?2)";
        for one in followed {
            self.push(end, &[view.vid.into(), one.rid.into(), now.into(), one.facility.into()])?;
        }
        let add = "INSERT INTO view_row(vid, rid, failed, body, facility) VALUES (?1, ?2, ?3, ?4, ?5)";
        for one in made {
            let sealed = sealed::text(Purpose::Body, &row!("view_row", view.vid, one.rid, one.facility), &one.body)?;
            let args: [Arg<'_>; 5] =
                [view.vid.into(), one.rid.into(), i64::from(one.failed).into(), (&sealed).into(), one.facility.into()];
            self.push(add, &args)?;
        }
        let old = now - limits::SEARCH_SNAPSHOT_SECONDS;
        let sweep =
            concat!("DELETE FROM view_row WHERE vid = ?1 AND ended <> 0 AND ended < ?2", every!("stored views"));
        self.push(sweep, &[view.vid.into(), old.into()])?;
        Ok(true)
    }
}
