//! People of public interest, marked as such: their records are kept from who does not treat them and was not named for them.
//!
//! A mark is a facility's own, or the department's, and holds everywhere until it is ended. Rows are never taken away. Who was named
//! stands in `access_grant` by the relation *named*, with the mark as its source, so that it ends with the mark. Each change
//! has its entry of the person in the audit trail, a leaf of the log.

use crate::sealed::{self, row};
use crate::sql::{self, Execute, Query, Row};
use crate::{Error, Result, Tx};
use mach_base::time::now_seconds;
use mach_seal::Purpose as Sealed;

/// The table of marks. `facility` 0: the department's. `ended`: second since 1970 UTC, 0 while it holds.
pub const DDL: &[&str] = &[
    "CREATE TABLE person_mark(id INTEGER PRIMARY KEY, person INTEGER NOT NULL, facility INTEGER NOT NULL, made INTEGER NOT NULL,
        made_by INTEGER NOT NULL, made_name TEXT NOT NULL, reason TEXT NOT NULL, ended INTEGER NOT NULL DEFAULT 0,
        ended_name TEXT NOT NULL DEFAULT '')",
    "CREATE INDEX person_mark_person ON person_mark(person) WHERE ended = 0",
    "CREATE INDEX person_mark_all ON person_mark(person, id)",
];

/// A mark.
#[derive(Clone, Debug)]
pub struct Mark {
    /// Its number.
    pub id: i64,
    /// Whom it marks.
    pub person: i64,
    /// The facility that marked them; 0: the department.
    pub facility: i64,
    /// When, seconds since 1970 UTC.
    pub made: i64,
    /// By whom.
    pub made_name: String,
    /// Why, as typed.
    pub reason: String,
    /// When it was ended, and by whom.
    pub ended: Option<(i64, String)>,
}

const COLUMNS: &str = "m.id, m.person, m.facility, m.made, m.made_name, m.reason, m.ended, m.ended_name";

fn mark(r: &dyn Row) -> Result<Mark> {
    let id = r.int(0)?;
    Ok(Mark {
        id,
        person: r.int(1)?,
        facility: r.int(2)?,
        made: r.int(3)?,
        made_name: r.text(4)?.to_owned(),
        reason: sealed::opened(&row!("person_mark", id), r.text(5)?)?,
        ended: Some((r.int(6)?, r.text(7)?.to_owned())).filter(|(at, _)| *at != 0),
    })
}

/// The source of the grants to those who were named for a mark.
pub fn source_of(id: i64) -> String {
    format!("mark/{id}")
}

impl Tx<'_> {
    /// Marks a person for the asker's facility, or for the department; `None` where its mark holds already.
    pub fn mark_person(&mut self, person: i64, reason: &str) -> Result<Option<i64>> {
        let (by, name, facility) = {
            let actor = self.decision().actor();
            (actor.account, actor.name.clone(), actor.facility.unwrap_or(0))
        };
        let holds = "SELECT 1 FROM person_mark WHERE person = ?1 AND facility = ?2 AND ended = 0";
        if sql::first(self, holds, &[person.into(), facility.into()], |r| r.int(0))?.is_some() {
            return Ok(None);
        }
        let next = self.next_key("person_mark")?;
        let reason = sealed::text(Sealed::Body, &row!("person_mark", next), reason)?;
        let id = self.insert(
            "INSERT INTO person_mark(person, facility, made, made_by, made_name, reason) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            &[person.into(), facility.into(), now_seconds().into(), by.into(), (&name).into(), (&reason).into()],
        )?;
        if id != next {
            return Err(Error::Missing("the mark's own number"));
        }
        self.audit(Some(person), &format!("mark {id}"), "granted")?;
        Ok(Some(id))
    }

    /// Ends a mark, and with it what was opened to those named for it; false where none such holds.
    pub fn end_mark(&mut self, id: i64) -> Result<bool> {
        let Some(found) = by_id(self, id)?.filter(|mark| mark.ended.is_none()) else { return Ok(false) };
        let name = self.decision().actor().name.clone();
        let sql = "UPDATE person_mark SET ended = ?2, ended_name = ?3 WHERE id = ?1";
        self.run(sql, &[id.into(), now_seconds().into(), (&name).into()])?;
        self.end_source(&source_of(id))?;
        self.audit(Some(found.person), &format!("mark {id} ended"), "granted")?;
        Ok(true)
    }
}

/// Which marks the asker answers for, or learns of: those of people whom their facility knows; all, for the department.
fn seen(on: &dyn Query) -> String {
    on.scope().facility().map_or("1 = 1".to_owned(), |own| {
        format!(
            "(m.facility = {own} OR EXISTS (SELECT 1 FROM person_facility pf WHERE pf.person = m.person AND pf.facility = {own}))"
        )
    })
}

/// A mark by its number, as far as the asker may know of it.
pub fn by_id(on: &mut dyn Query, id: i64) -> Result<Option<Mark>> {
    let sql = format!("SELECT {COLUMNS} FROM person_mark m WHERE m.id = ?1 AND {}", seen(on));
    sql::first(on, &sql, &[id.into()], mark)
}

/// Marks that the asker may know of, those that ended too, before mark `before`; newest first, at most `limit`.
pub fn all(on: &mut dyn Query, (before, limit): (Option<i64>, usize)) -> Result<Vec<Mark>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM person_mark m WHERE m.id < ?1 AND {} ORDER BY m.id DESC LIMIT {limit}",
        seen(on)
    );
    sql::list(on, &sql, &[before.unwrap_or(i64::MAX).into()], mark)
}
