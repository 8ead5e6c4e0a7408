//! Reading resources: by id, by person, by number, by time.

use super::bodies::{of_rids_in, with_bodies};
use super::{
    COLUMNS, Resource, WIDTH, claim_of, code_hash, header, hidden_claims, id_key, in_record, system_hash, visible,
    within,
};
use crate::distribution::{every, unless_one};
use crate::pack;
use crate::sql::{self, Arg, Query};
use crate::{Error, Result};
use mach_access::Scope;
use mach_fhir::ResourceType;
use mach_fhir::index::Param;

fn number(kind: ResourceType) -> Arg<'static> {
    Arg::Int(i64::from(kind.number()))
}

/// The current version of a resource, whoever it belongs to; `None` where it never was or was deleted. The province's own
/// comes before a facility's of the same id.
pub fn get(on: &mut dyn Query, kind: ResourceType, id: &str) -> Result<Option<Resource>> {
    Ok(current(on, Scope::All, kind, id)?.filter(|r| !r.deleted))
}

/// The current version as `scope` may see it, also where it is a deletion.
pub fn current(on: &mut dyn Query, scope: Scope, kind: ResourceType, id: &str) -> Result<Option<Resource>> {
    // With its body at once: one question where the engine is another process. They are one or two, put in order here.
    let sql = format!(
        "SELECT {COLUMNS}, p.body FROM resource r LEFT JOIN pack p ON p.id = r.pack AND p.facility = r.facility
            WHERE r.type = ?1 AND r.key = ?2 AND r.id = ?3 AND r.until = 0 AND {}{}",
        visible("r", scope),
        unless_one(scope)
    );
    let mut best: Option<((i64, i64), Resource)> = None;
    on.each(&sql, &[number(kind), id_key(id).into(), id.into()], &mut |r| {
        let (mut resource, parts) = header(r)?;
        // A facility's own comes before the province's of the same id.
        let own = if scope == Scope::All { parts.body.facility } else { -parts.body.facility };
        let rank = (own, resource.rid);
        if best.as_ref().is_none_or(|(least, _)| rank < *least) {
            if !resource.deleted {
                let block = r.opt_blob(WIDTH)?.ok_or(Error::Damaged(parts.body.pack))?;
                resource.body = pack::body_in(block, parts.body)?;
            }
            best = Some((rank, resource));
        }
        Ok(())
    })?;
    Ok(best.map(|(_, resource)| resource))
}

/// The person that the Patient with this id stands for, as `scope` may see it.
pub fn person_of(on: &mut dyn Query, scope: Scope, id: &str) -> Result<Option<i64>> {
    let sql = format!(
        "SELECT facility, patient FROM resource r WHERE type = ?1 AND key = ?2 AND id = ?3 AND until = 0 AND {}{}",
        visible("r", scope),
        unless_one(scope)
    );
    let args = [number(ResourceType::PATIENT), id_key(id).into(), id.into()];
    let found = sql::list(on, &sql, &args, |r| Ok((r.int(0)?, r.opt_int(1)?)))?;
    // The province's own before a facility's.
    Ok(found.into_iter().min_by_key(|(facility, _)| *facility).and_then(|(_, person)| person))
}

/// The id of a person's Patient; the province's own before those of facilities.
pub fn patient_of(on: &mut dyn Query, person: i64) -> Result<Option<String>> {
    let sql = format!(
        "SELECT id FROM resource WHERE patient = ?1 AND type = ?2 AND until = 0 AND deleted = 0 ORDER BY facility, rid LIMIT 1{}",
        every!("person record")
    );
    sql::first(on, &sql, &[person.into(), number(ResourceType::PATIENT)], |r| Ok(r.text(0)?.to_owned()))
}

/// Numbers of all versions of the resource that version `rid` of `facility` (0: the province) belongs to, newest first.
pub fn entity_versions(on: &mut dyn Query, facility: i64, rid: i64) -> Result<Vec<i64>> {
    let entity = entity(on, facility, rid)?;
    let sql = "SELECT rid FROM resource r WHERE r.rid = ?1 AND r.facility = ?2
        UNION ALL SELECT rid FROM resource v WHERE v.eid = ?1 AND v.eid <> 0 AND v.facility = ?2 ORDER BY 1 DESC";
    sql::list(on, sql, &[entity.into(), facility.into()], |r| r.int(0))
}

/// The number of a resource's first version.
fn entity(on: &mut dyn Query, facility: i64, rid: i64) -> Result<i64> {
    let of = "SELECT CASE WHEN eid = 0 THEN rid ELSE eid END FROM resource WHERE rid = ?1 AND facility = ?2";
    sql::int(on, of, &[rid.into(), facility.into()])
}

/// One version of a resource as `scope` may see it.
pub fn version(
    on: &mut dyn Query,
    scope: Scope,
    kind: ResourceType,
    id: &str,
    version: i64,
) -> Result<Option<Resource>> {
    let Some(now) = current(on, scope, kind, id)? else { return Ok(None) };
    let rids = entity_versions(on, now.facility.unwrap_or(0), now.rid)?;
    // Versions are numbered from 1 without a gap, newest first here.
    let nth =
        usize::try_from(version).ok().and_then(|v| rids.len().checked_sub(v)).and_then(|at| rids.get(at)).copied();
    let Some(rid) = nth else { return Ok(None) };
    // What the resource is now may be shown; an earlier version may have been sensitive.
    let sql =
        format!("SELECT {COLUMNS} FROM resource r WHERE r.rid = ?1 AND {}{}", visible("r", scope), unless_one(scope));
    let rows = sql::list(on, &sql, &[rid.into()], header)?;
    let found = with_bodies(on, rows)?.pop();
    Ok(found.filter(|r| r.version == version))
}

/// The person a resource belongs to, deleted or not, as far as the asker may see it in a record; `None` where there is none
/// such, or it is nobody's.
pub fn owner(on: &mut dyn Query, kind: ResourceType, id: &str) -> Result<Option<i64>> {
    let Some(found) = current(on, Scope::All, kind, id)? else { return Ok(None) };
    let hidden = is_of_hidden_visit(on, &found)?;
    let scope = on.scope();
    let sql = format!(
        "SELECT r.rid FROM resource r WHERE r.rid = ?1 AND {}{}",
        in_record("r", scope),
        every!("person record")
    );
    let seen = sql::first(on, &sql, &[found.rid.into()], |r| r.int(0))?;
    Ok(found.patient.filter(|_| seen.is_some()).filter(|_| !hidden))
}

/// Whether a resource came with a visit of which something is hidden from the asker.
fn is_of_hidden_visit(on: &mut dyn Query, resource: &Resource) -> Result<bool> {
    let (Some(person), Some(claim)) = (resource.patient, claim_of(&resource.id)) else { return Ok(false) };
    Ok(hidden_claims(on, person)?.contains(&claim))
}

/// Resources of one type of one person, newest first by their own time, at most `limit`, older than `before` if given.
pub fn of_patient(
    on: &mut dyn Query,
    patient: i64,
    kind: ResourceType,
    before: Option<i64>,
    limit: usize,
) -> Result<Vec<Resource>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM resource r WHERE patient = ?1 AND type = ?2 AND date < ?3 AND until = 0 AND deleted = 0
            AND {} ORDER BY date DESC, rid LIMIT ?4{}",
        in_record("r", on.scope()),
        every!("person record")
    );
    let args = [patient.into(), number(kind), before.unwrap_or(i64::MAX).into(), (limit as i64).into()];
    let mut rows = sql::list(on, &sql, &args, header)?;
    // What else came with a visit that is hidden would tell of it: a drug by its name, its day.
    let hidden = hidden_claims(on, patient)?;
    rows.retain(|(resource, _)| claim_of(&resource.id).is_none_or(|claim| !hidden.contains(&claim)));
    with_bodies(on, rows)
}

/// Resources of one type of one person that say no time of their own, at most `limit`.
pub fn undated_of_patient(on: &mut dyn Query, patient: i64, kind: ResourceType, limit: usize) -> Result<Vec<Resource>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM resource r WHERE patient = ?1 AND type = ?2 AND date IS NULL AND until = 0 AND deleted = 0
            AND {} ORDER BY rid LIMIT ?3{}",
        in_record("r", on.scope()),
        every!("person record")
    );
    let mut rows = sql::list(on, &sql, &[patient.into(), number(kind), (limit as i64).into()], header)?;
    let hidden = hidden_claims(on, patient)?;
    rows.retain(|(resource, _)| claim_of(&resource.id).is_none_or(|claim| !hidden.contains(&claim)));
    with_bodies(on, rows)
}

/// The types of a person's resources that the asker may see in a record.
pub fn kinds_of_patient(on: &mut dyn Query, patient: i64) -> Result<Vec<ResourceType>> {
    let sql = format!(
        "SELECT r.type, r.id FROM resource r WHERE patient = ?1 AND until = 0 AND deleted = 0 AND {}{}",
        in_record("r", on.scope()),
        every!("person record")
    );
    let rows = sql::list(on, &sql, &[patient.into()], |r| Ok((r.int(0)?, claim_of(r.text(1)?))))?;
    let hidden = hidden_claims(on, patient)?;
    let open = rows.into_iter().filter(|(_, claim)| claim.is_none_or(|claim| !hidden.contains(&claim)));
    let mut numbers: Vec<i64> = open.map(|(number, _)| number).collect();
    numbers.sort_unstable();
    numbers.dedup();
    Ok(numbers.into_iter().filter_map(|n| ResourceType::from_number(u16::try_from(n).ok()?)).collect())
}

/// Every version of a resource that the asker may see in a record, newest first: (version, written at, deleted, body).
pub fn history(on: &mut dyn Query, kind: ResourceType, id: &str) -> Result<Vec<(i64, i64, bool, String)>> {
    let Some(now) = current(on, Scope::All, kind, id)? else { return Ok(Vec::new()) };
    if is_of_hidden_visit(on, &now)? {
        return Ok(Vec::new());
    }
    let mut rids = entity_versions(on, now.facility.unwrap_or(0), now.rid)?;
    let list = rids.iter().map(i64::to_string).collect::<Vec<_>>().join(", ");
    let sql = format!(
        "SELECT r.rid FROM resource r WHERE r.rid IN ({list}) AND {}{}",
        in_record("r", on.scope()),
        every!("person record")
    );
    let seen = sql::list(on, &sql, &[], |r| r.int(0))?;
    rids.retain(|rid| seen.contains(rid));
    Ok(of_rids_in(on, Scope::All, &rids)?.into_iter().map(|r| (r.version, r.at, r.deleted, r.body)).collect())
}

/// Whose history is asked.
#[derive(Clone, Debug)]
pub enum Of {
    /// One resource, by its facility (0: the province) and the number of one of its versions.
    Resource(i64, i64),
    /// A type.
    Type(ResourceType),
    /// Everything.
    System,
}

/// Which part of a history is asked.
#[derive(Clone, Copy, Debug, Default)]
pub struct Page {
    /// Versions written at or after this second.
    pub since: Option<i64>,
    /// Versions that were current at some second of this period.
    pub at: Option<(i64, i64)>,
    /// Versions older than this number: where the page before ended.
    pub before: Option<i64>,
    /// At most so many.
    pub limit: usize,
}

fn history_where(on: &mut dyn Query, scope: Scope, of: &Of, page: &Page) -> Result<(String, Vec<i64>)> {
    let mut args = Vec::new();
    let mut push = |value: i64| {
        args.push(value);
        args.len()
    };
    let mut sql = visible("r", scope);
    match of {
        Of::Resource(facility, rid) => {
            let entity = push(entity(on, *facility, *rid)?);
            let facility = push(*facility);
            sql.push_str(&format!(
                " AND r.facility = ?{facility} AND r.rid IN (SELECT v.rid FROM resource v WHERE v.rid = ?{entity}
                    AND v.facility = ?{facility} UNION ALL SELECT w.rid FROM resource w WHERE w.eid = ?{entity}
                    AND w.eid <> 0 AND w.facility = ?{facility})"
            ));
        }
        Of::Type(kind) => sql.push_str(&format!(" AND r.type = ?{}", push(i64::from(kind.number())))),
        Of::System => {}
    }
    if let Some(since) = page.since {
        sql.push_str(&format!(" AND r.at >= ?{}", push(since)));
    }
    if let Some((low, high)) = page.at {
        let (low, high) = (push(low), push(high));
        sql.push_str(&format!(
            " AND r.at <= ?{high} AND (r.until = 0 OR (SELECT c.at FROM commit_log c WHERE c.seq = r.until) >= ?{low})"
        ));
    }
    if let Some(before) = page.before {
        sql.push_str(&format!(" AND r.rid < ?{}", push(before)));
    }
    Ok((sql, args))
}

/// Versions as `scope` may see them, newest first.
pub fn history_page(on: &mut dyn Query, scope: Scope, of: &Of, page: &Page) -> Result<Vec<Resource>> {
    let (condition, args) = history_where(on, scope, of, page)?;
    let sql = format!(
        "SELECT {COLUMNS} FROM resource r WHERE {condition} ORDER BY r.rid DESC LIMIT {}{}",
        page.limit,
        unless_one(scope)
    );
    let args: Vec<Arg<'_>> = args.iter().map(|a| Arg::Int(*a)).collect();
    let rows = sql::list(on, &sql, &args, header)?;
    with_bodies(on, rows)
}

/// How many versions there are in all, counted to at most `limit`.
pub fn history_count(on: &mut dyn Query, scope: Scope, of: &Of, page: &Page, limit: usize) -> Result<i64> {
    let (condition, args) = history_where(on, scope, of, &Page { before: None, ..*page })?;
    let sql = format!(
        "SELECT count(*) FROM (SELECT r.rid FROM resource r WHERE {condition} LIMIT {limit}) n{}",
        unless_one(scope)
    );
    let args: Vec<Arg<'_>> = args.iter().map(|a| Arg::Int(*a)).collect();
    sql::int(on, &sql, &args)
}

/// Ids of a facility's current resources of `kind` whose id, of at most 20 characters and none that this server gave, begins
/// with `prefix`.
pub fn with_prefix(on: &mut dyn Query, facility: i64, kind: ResourceType, prefix: &str) -> Result<Vec<String>> {
    let sql = "SELECT id FROM resource WHERE type = ?1 AND id >= ?2 AND id < ?3 AND length(id) <= 20
        AND key < 0 AND facility = ?4 AND until = 0 AND deleted = 0";
    let end = format!("{prefix}\u{7f}");
    let args = [number(kind), prefix.into(), (&end).into(), facility.into()];
    sql::list(on, sql, &args, |r| Ok(r.text(0)?.to_owned()))
}

/// A facility's current resources of `kind` whose id begins as [`with_prefix`] says, as `scope` may see them.
pub fn of_prefix(
    on: &mut dyn Query,
    (scope, facility): (Scope, i64),
    kind: ResourceType,
    prefix: &str,
) -> Result<Vec<Resource>> {
    let sql = "SELECT rid FROM resource WHERE type = ?1 AND id >= ?2 AND id < ?3 AND length(id) <= 20
        AND key < 0 AND facility = ?4 AND until = 0 AND deleted = 0";
    let end = format!("{prefix}\u{7f}");
    let args = [number(kind), prefix.into(), (&end).into(), facility.into()];
    let mut rids = sql::list(on, sql, &args, |r| r.int(0))?;
    rids.sort_unstable();
    let mut found = super::bodies::of_rids_in(on, scope, &rids)?;
    found.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(found)
}

/// Ids of resources of `kind` that have the token, in the order of their versions.
pub fn with_token(
    on: &mut dyn Query,
    kind: ResourceType,
    param: Param,
    system: Option<&str>,
    code: &str,
    limit: usize,
) -> Result<Vec<String>> {
    let mut sql = "SELECT DISTINCT r.rid, r.id FROM index_token t JOIN resource r ON r.rid = t.rid
        AND r.facility = t.facility WHERE t.param = ?1 AND t.type = ?2 AND t.hash = ?3 AND r.until = 0 AND r.deleted = 0"
        .to_owned();
    let mut args: Vec<Arg<'_>> = vec![i64::from(param.0).into(), number(kind), code_hash(code).into()];
    if let Some(system) = system {
        args.push(system_hash(system).into());
        sql.push_str(" AND t.system = ?4");
    }
    let scope = on.scope();
    sql.push_str(&format!("{} ORDER BY r.rid LIMIT {limit}{}", within("t", scope), unless_one(scope)));
    sql::list(on, &sql, &args, |r| Ok(r.text(1)?.to_owned()))
}

/// How many current resources of `kind` (all types where `None`) a search cannot find yet, counted to at most 1,000.
pub fn pending(on: &mut dyn Query, kind: Option<ResourceType>) -> Result<i64> {
    let of_type = kind.map_or(String::new(), |k| format!(" AND type = {}", k.number()));
    let sql = format!(
        "SELECT count(*) FROM (SELECT rid FROM resource WHERE indexed = 0 AND until = 0 AND deleted = 0{of_type}
            LIMIT 1000) n{}",
        every!("not indexed")
    );
    sql::int(on, &sql, &[])
}

/// Which of these types have resources that a search cannot find yet.
pub fn pending_types(on: &mut dyn Query, kinds: &[ResourceType]) -> Result<Vec<ResourceType>> {
    if kinds.is_empty() {
        return Ok(Vec::new());
    }
    let numbers: Vec<String> = kinds.iter().map(|kind| format!("({})", kind.number())).collect();
    let sql = format!(
        "SELECT v.column1 FROM (VALUES {}) v WHERE EXISTS (SELECT 1 FROM resource r WHERE r.type = v.column1
            AND r.indexed = 0 AND r.until = 0 AND r.deleted = 0 LIMIT 1 OFFSET 0){}",
        numbers.join(", "),
        every!("not indexed")
    );
    let types = sql::list(on, &sql, &[], |r| r.int(0))?;
    Ok(types.into_iter().filter_map(|n| u16::try_from(n).ok().and_then(ResourceType::from_number)).collect())
}

/// The next resources that a search cannot find yet, at most `limit`.
pub fn pending_rows(on: &mut dyn Query, limit: usize) -> Result<Vec<Resource>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM resource r WHERE indexed = 0 AND until = 0 AND deleted = 0 ORDER BY type, rid LIMIT {limit}{}",
        every!("not indexed")
    );
    let rows = sql::list(on, &sql, &[], header)?;
    with_bodies(on, rows)
}

/// Current resources of `kind` whose versions are newer than `rid`, at most `limit`, in order.
pub(crate) fn after(on: &mut dyn Query, kind: ResourceType, rid: i64, limit: usize) -> Result<Vec<Resource>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM resource r WHERE type = ?1 AND rid > ?2 AND until = 0 AND deleted = 0
            ORDER BY rid LIMIT {limit}{}",
        every!("not indexed")
    );
    let rows = sql::list(on, &sql, &[number(kind), rid.into()], header)?;
    with_bodies(on, rows)
}

/// The number of the last version that a facility (0: the province) wrote of each of these types: what was read of them
/// before holds while it stays.
pub fn last_written(on: &mut dyn Query, facility: i64, kinds: &[ResourceType]) -> Result<Vec<i64>> {
    let sql = "SELECT coalesce(max(rid), 0) FROM resource WHERE type = ?1 AND facility = ?2";
    kinds.iter().map(|kind| sql::int(on, sql, &[number(*kind), facility.into()])).collect()
}

/// The numbers of a facility's (0: the province's) current resources of these types.
pub fn definitions(on: &mut dyn Query, facility: i64, kinds: &[ResourceType]) -> Result<Vec<i64>> {
    let kinds: Vec<String> = kinds.iter().map(|k| k.number().to_string()).collect();
    let sql = format!(
        "SELECT rid FROM resource WHERE facility = ?1 AND type IN ({}) AND until = 0 AND deleted = 0 ORDER BY rid",
        kinds.join(", ")
    );
    sql::list(on, &sql, &[facility.into()], |r| r.int(0))
}
