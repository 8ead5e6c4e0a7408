//! Rows of doubt: pairs of people to look at, merges, what each merge moved.

use crate::Result;
use crate::distribution::every;
use crate::log::{self, Fact};
use crate::sql::{self, Arg, Execute, Query, Row};
use crate::vaccines;
use mach_tlog::fact::Kind;

/// A row of `person_review`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReviewRow {
    /// Number of the item.
    pub id: i64,
    /// The lower person number.
    pub one: i64,
    /// The higher person number.
    pub other: i64,
    /// Why in doubt, as `mach-people` counts reasons.
    pub reason: i64,
    /// The facility whose claim raised it.
    pub facility: i64,
    /// Minute of the visit that raised it.
    pub seen: i64,
    /// 0 open, 1 merged, 2 kept apart.
    pub state: i64,
    /// The merge that settled it.
    pub merge: Option<i64>,
}

/// A row of `person_merge`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MergeRow {
    /// Number of the merge.
    pub id: i64,
    /// Who stays.
    pub keep: i64,
    /// Who was merged into `keep`.
    pub lose: i64,
    /// Account that did it.
    pub account: i64,
    /// Reason given.
    pub why: String,
    /// Minute it was done.
    pub at: i64,
    /// Which empty columns of `keep` were filled from `lose`: 1 national, 2 insurance.
    pub took: i64,
    /// Minute it was undone.
    pub undone_at: Option<i64>,
}

/// What a merge moved, as `person_merge_moved.kind`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moved {
    /// A row of `claim`, by its id.
    Claim = 1,
    /// A row of `resource`, by its rid.
    Resource = 2,
    /// A facility that came to know `keep`.
    Facility = 3,
    /// A row of `access_grant`, by its id.
    Grant = 4,
    /// A row of `access_refusal`, by its id.
    Refusal = 5,
    /// A row of `dose`, by its id.
    Dose = 6,
    /// A row of `vaccine_pass`, by its id.
    Pass = 7,
    /// A row of `vaccine_doubt` that was open, by its id.
    Doubt = 8,
    /// A row of `vaccine_doubt` that was settled, by its id.
    Settled = 9,
    /// A row of `prescription`, by its id.
    Prescription = 10,
    /// A row of `person_mark`, by its id.
    Mark = 11,
}

const REVIEW: &str = "SELECT id, one, other, reason, facility, seen, state, merge FROM person_review";

fn review_row(r: &dyn Row) -> Result<ReviewRow> {
    Ok(ReviewRow {
        id: r.int(0)?,
        one: r.int(1)?,
        other: r.int(2)?,
        reason: r.int(3)?,
        facility: r.int(4)?,
        seen: r.int(5)?,
        state: r.int(6)?,
        merge: r.opt_int(7)?,
    })
}

/// Queues a pair (`one` < `other`) unless it was ever queued; gives the new item's number.
pub fn insert_review(tx: &mut dyn Execute, row: &ReviewRow) -> Result<Option<i64>> {
    let find = "SELECT id FROM person_review WHERE one = ?1 AND other = ?2";
    if sql::first(tx, find, &[row.one.into(), row.other.into()], |r| r.int(0))?.is_some() {
        return Ok(None);
    }
    tx.insert(
        "INSERT INTO person_review(one, other, reason, facility, seen, state) VALUES (?1, ?2, ?3, ?4, ?5, 0)",
        &[row.one.into(), row.other.into(), row.reason.into(), row.facility.into(), row.seen.into()],
    )
    .map(Some)
}

/// The item with number `id`.
pub fn review(on: &mut dyn Query, id: i64) -> Result<Option<ReviewRow>> {
    sql::first(on, &format!("{REVIEW} WHERE id = ?1"), &[id.into()], review_row)
}

/// Open items past `after`, oldest first.
pub fn open_reviews(on: &mut dyn Query, after: i64, limit: i64) -> Result<Vec<ReviewRow>> {
    let sql = format!("{REVIEW} WHERE state = 0 AND id > ?1 ORDER BY id LIMIT ?2");
    sql::list(on, &sql, &[after.into(), limit.into()], review_row)
}

/// Number of open items.
pub fn open_review_count(on: &mut dyn Query) -> Result<i64> {
    sql::int(on, "SELECT count(*) FROM person_review WHERE state = 0", &[])
}

/// Settles an item: `state` 1 with its merge, or 2.
pub fn settle_review(
    tx: &mut dyn Execute,
    id: i64,
    (state, merge): (i64, Option<i64>),
    (account, at): (i64, i64),
) -> Result<()> {
    tx.run(
        "UPDATE person_review SET state = ?2, merge = ?3, account = ?4, at = ?5 WHERE id = ?1",
        &[id.into(), state.into(), merge.into(), account.into(), at.into()],
    )?;
    Ok(())
}

/// Opens the items again that were settled by `merge`.
pub fn reopen_reviews(tx: &mut dyn Execute, merge: i64) -> Result<()> {
    tx.run(
        "UPDATE person_review SET state = 0, merge = NULL, account = NULL, at = NULL WHERE merge = ?1",
        &[merge.into()],
    )?;
    Ok(())
}

/// Writes a merge to the log; gives its number.
pub fn insert_merge(tx: &mut dyn Execute, row: &MergeRow) -> Result<i64> {
    tx.insert(
        "INSERT INTO person_merge(keep, lose, account, why, at, took) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        &[row.keep.into(), row.lose.into(), row.account.into(), (&row.why).into(), row.at.into(), row.took.into()],
    )
}

const MERGE: &str = "SELECT id, keep, lose, account, why, at, took, undone_at FROM person_merge";

fn merge_row(r: &dyn Row) -> Result<MergeRow> {
    Ok(MergeRow {
        id: r.int(0)?,
        keep: r.int(1)?,
        lose: r.int(2)?,
        account: r.int(3)?,
        why: r.text(4)?.to_owned(),
        at: r.int(5)?,
        took: r.int(6)?,
        undone_at: r.opt_int(7)?,
    })
}

/// The merge with number `id`.
pub fn merge(on: &mut dyn Query, id: i64) -> Result<Option<MergeRow>> {
    sql::first(on, &format!("{MERGE} WHERE id = ?1"), &[id.into()], merge_row)
}

/// Merges into `keep`, newest first, undone ones too.
pub fn merges_of(on: &mut dyn Query, keep: i64) -> Result<Vec<MergeRow>> {
    sql::list(on, &format!("{MERGE} WHERE keep = ?1 ORDER BY id DESC"), &[keep.into()], merge_row)
}

/// Marks a merge as undone.
pub fn end_merge(tx: &mut dyn Execute, id: i64, account: i64, at: i64) -> Result<()> {
    let sql = "UPDATE person_merge SET undone_account = ?2, undone_at = ?3 WHERE id = ?1";
    tx.run(sql, &[id.into(), account.into(), at.into()])?;
    Ok(())
}

/// Notes one thing that a merge moved.
pub fn insert_moved(tx: &mut dyn Execute, merge: i64, kind: Moved, moved: i64) -> Result<()> {
    let sql = "INSERT INTO person_merge_moved(merge, kind, moved) VALUES (?1, ?2, ?3)";
    tx.run(sql, &[merge.into(), (kind as i64).into(), moved.into()])?;
    Ok(())
}

/// What a merge moved, by kind.
pub fn moved(on: &mut dyn Query, merge: i64, kind: Moved) -> Result<Vec<i64>> {
    let sql = "SELECT moved FROM person_merge_moved WHERE merge = ?1 AND kind = ?2 ORDER BY moved";
    sql::list(on, sql, &[merge.into(), (kind as i64).into()], |r| r.int(0))
}

/// The number of the resource that a version belongs to: that of its first version.
const ENTITY: &str = "CASE WHEN eid = 0 THEN rid ELSE eid END";

/// What opens or closes a record, and prescriptions: they go with their person.
const ALONG: [(&str, Moved); 4] = [
    ("access_grant", Moved::Grant),
    ("access_refusal", Moved::Refusal),
    ("prescription", Moved::Prescription),
    ("person_mark", Moved::Mark),
];

/// Gives the claims and resources, grants and refusals of `from` to `to`, and notes each under `merge`. `from`'s own Patient stays theirs
/// (`patient_type`: the stored number of that type).
pub fn move_record(tx: &mut dyn Execute, merge: i64, from: i64, to: i64, patient_type: i64) -> Result<()> {
    let log = "INSERT INTO person_merge_moved(merge, kind, moved)";
    // A dose that both have is one: neither it nor its resource moves, so that undoing finds it.
    let twins = vaccines::twins(tx, from, to)?;
    vaccines::move_rows(tx, merge, from, to)?;
    let (merge, from, to, patient) = (Arg::Int(merge), Arg::Int(from), Arg::Int(to), Arg::Int(patient_type));
    let every = every!("person merge");
    let ids: Vec<String> = twins.iter().map(|d| format!("'{}'", vaccines::resource_id(d))).collect();
    let immunization = mach_fhir::ResourceType::IMMUNIZATION.number();
    let but = match ids.is_empty() {
        true => String::new(),
        false => format!(" AND NOT (type = {immunization} AND id IN ({}))", ids.join(", ")),
    };
    tx.run(&format!("{log} SELECT ?1, 1, id FROM claim WHERE person = ?2{every}"), &[merge, from])?;
    let claims = format!("SELECT id FROM claim WHERE person = ?1{every}");
    let claims = sql::list(tx, &claims, &[from], |r| Ok(Fact::numbered(Kind::Claim, r.int(0)?)))?;
    tx.run(&format!("UPDATE claim SET person = ?2 WHERE person = ?1{every}"), &[from, to])?;
    tx.run(
        // A resource is named by its first version, so that those written after the merge go back with it.
        &format!("{log} SELECT DISTINCT ?1, 2, {ENTITY} FROM resource WHERE patient = ?2 AND type <> ?3{but}{every}"),
        &[merge, from, patient],
    )?;
    let versions = format!("SELECT rid FROM resource WHERE patient = ?1 AND type <> ?2{but}{every}");
    let versions = sql::list(tx, &versions, &[from, patient], |r| Ok(Fact::numbered(Kind::Resource, r.int(0)?)))?;
    let update = format!("UPDATE resource SET patient = ?2 WHERE patient = ?1 AND type <> ?3{but}{every}");
    tx.run(&update, &[from, to, patient])?;
    for (table, kind) in ALONG {
        let kind = kind as i64;
        tx.run(&format!("{log} SELECT ?1, {kind}, id FROM {table} WHERE person = ?2{every}"), &[merge, from])?;
        tx.run(&format!("UPDATE {table} SET person = ?2 WHERE person = ?1{every}"), &[from, to])?;
    }
    log::again(tx, &claims)?;
    log::again(tx, &versions)
}

/// Gives back to `lose` what `merge` moved and `keep` still has.
pub fn return_record(tx: &mut dyn Execute, merge: i64, keep: i64, lose: i64) -> Result<()> {
    for (table, key, id, kind, logged) in
        [("claim", "id", "id", 1, Kind::Claim), ("resource", "rid", ENTITY, 2, Kind::Resource)]
    {
        let column = if kind == 1 { "person" } else { "patient" };
        let every = every!("person merge");
        let moved = format!("{id} IN (SELECT moved FROM person_merge_moved WHERE merge = ?1 AND kind = {kind})");
        let back = format!("SELECT {key} FROM {table} WHERE {column} = ?2 AND {moved}{every}");
        let back = sql::list(tx, &back, &[merge.into(), keep.into()], |r| Ok(Fact::numbered(logged, r.int(0)?)))?;
        let update = format!("UPDATE {table} SET {column} = ?3 WHERE {column} = ?2 AND {moved}{every}");
        tx.run(&update, &[merge.into(), keep.into(), lose.into()])?;
        log::again(tx, &back)?;
    }
    for (table, kind) in ALONG {
        let update = format!(
            "UPDATE {table} SET person = ?3 WHERE person = ?2 AND id IN (
                SELECT moved FROM person_merge_moved WHERE merge = ?1 AND kind = {}){}",
            kind as i64,
            every!("person merge")
        );
        tx.run(&update, &[merge.into(), keep.into(), lose.into()])?;
    }
    vaccines::return_rows(tx, merge, keep, lose)
}
