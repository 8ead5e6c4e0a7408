//! Bodies of resource versions, fetched together: a page of a search is two questions, one for its rows and one for its packs.

use super::{COLUMNS, Parts, Resource, header, within};
use crate::distribution::unless_one;
use crate::pack::{self, Place};
use crate::search::codec;
use crate::search::value::Value;
use crate::sql::{self, Query};
use crate::{Error, Result};
use mach_access::Scope;
use mach_fhir::ResourceType;
use mach_fhir::index::Param;
use std::collections::HashMap;

/// Versions asked about in one statement.
const TOGETHER: usize = 256;

/// What a version refers to: by which parameter, of which type and id.
pub type Reference = (Param, ResourceType, String);

/// A part of a pack that row `row` waits for.
struct Wanted {
    place: Place,
    row: usize,
    is_body: bool,
}

/// Fetches what is wanted, pack by pack.
fn fetch(on: &mut dyn Query, mut wanted: Vec<Wanted>, take: &mut dyn FnMut(&Wanted, &str) -> Result<()>) -> Result<()> {
    wanted.sort_by_key(|w| (w.place.facility, w.place.pack, w.place.slot));
    for of_one in wanted.chunk_by(|a, b| a.place.facility == b.place.facility) {
        let facility = of_one[0].place.facility;
        let mut packs: Vec<i64> = of_one.iter().map(|w| w.place.pack).collect();
        packs.dedup();
        pack::read_each(on, facility, &packs, &mut |pack, bodies| {
            let from = of_one.partition_point(|w| w.place.pack < pack);
            of_one[from..].iter().take_while(|w| w.place.pack == pack).try_for_each(|w| {
                let slot = usize::try_from(w.place.slot).ok();
                take(w, slot.and_then(|slot| bodies.text(slot)).ok_or(Error::Damaged(pack))?)
            })
        })?;
    }
    Ok(())
}

/// These versions with their bodies, in their order; deletions have none.
pub(super) fn with_bodies(on: &mut dyn Query, mut rows: Vec<(Resource, Parts)>) -> Result<Vec<Resource>> {
    let live = rows.iter().enumerate().filter(|(_, (resource, _))| !resource.deleted);
    let wanted = live.map(|(row, (_, parts))| Wanted { place: parts.body, row, is_body: true }).collect();
    fetch(on, wanted, &mut |of, text| {
        rows[of.row].0.body = text.to_owned();
        Ok(())
    })?;
    Ok(rows.into_iter().map(|(resource, _)| resource).collect())
}

/// The rows of versions with these numbers, in their order.
fn headers(on: &mut dyn Query, scope: Scope, rids: &[i64]) -> Result<Vec<(Resource, Parts)>> {
    let mut found = HashMap::with_capacity(rids.len());
    for some in rids.chunks(TOGETHER) {
        let (marks, args) = sql::padded(some, 1);
        let sql = format!(
            "SELECT {COLUMNS} FROM resource r WHERE r.rid IN ({marks}){}{}",
            within("r", scope),
            unless_one(scope)
        );
        on.each(&sql, &args, &mut |r| {
            let row = header(r)?;
            found.insert(row.0.rid, row);
            Ok(())
        })?;
    }
    rids.iter().map(|rid| found.get(rid).cloned().ok_or(Error::Missing("a resource version"))).collect()
}

/// The resource versions with these numbers, in their order: those that a search or a list of versions told the asker.
pub fn of_rids(on: &mut dyn Query, rids: &[i64]) -> Result<Vec<Resource>> {
    let scope = on.scope();
    of_rids_in(on, scope, rids)
}

pub(super) fn of_rids_in(on: &mut dyn Query, scope: Scope, rids: &[i64]) -> Result<Vec<Resource>> {
    if rids.is_empty() || rids.len() > TOGETHER {
        let rows = headers(on, scope, rids)?;
        return with_bodies(on, rows);
    }
    // Which packs they lie in their rows tell; where that is another round trip, the packs are asked by the same numbers.
    let (marks, args) = sql::padded(rids, 1);
    let sql = format!(
        "SELECT p.facility, p.id, p.body FROM pack p WHERE (p.facility, p.id) IN (SELECT r.facility, r.pack FROM resource r
            WHERE r.rid IN ({marks}){}){}{}",
        within("r", scope),
        within("p", scope),
        unless_one(scope)
    );
    let comes_along = on.ahead(&sql, &args);
    let rows = headers(on, scope, rids)?;
    if !comes_along {
        return with_bodies(on, rows);
    }
    let mut bodies = HashMap::new();
    on.each(&sql, &args, &mut |r| {
        let of = (r.int(0)?, r.int(1)?);
        bodies.insert(of, pack::opened(of, r.blob(2)?)?);
        Ok(())
    })?;
    let mut out = Vec::with_capacity(rows.len());
    for (mut resource, parts) in rows {
        if !resource.deleted {
            let Place { facility, pack, slot } = parts.body;
            let found = bodies.get(&(facility, pack)).zip(usize::try_from(slot).ok());
            resource.body = found.and_then(|(bodies, slot)| bodies.text(slot)).ok_or(Error::Damaged(pack))?.to_owned();
        }
        out.push(resource);
    }
    Ok(out)
}

/// The same, each with the resources here that it refers to.
pub fn with_references(on: &mut dyn Query, rids: &[i64]) -> Result<Vec<(Resource, Vec<Reference>)>> {
    let scope = on.scope();
    let rows = headers(on, scope, rids)?;
    let parts = rows.iter().enumerate().filter(|(_, (resource, _))| !resource.deleted).flat_map(|(row, (_, parts))| {
        [(parts.body, true), (parts.values, false)].map(|(place, is_body)| Wanted { place, row, is_body })
    });
    let wanted = parts.collect();
    let mut out: Vec<(Resource, Vec<Reference>)> =
        rows.into_iter().map(|(resource, _)| (resource, Vec::new())).collect();
    fetch(on, wanted, &mut |of, text| {
        let (resource, references) = &mut out[of.row];
        if of.is_body {
            resource.body = text.to_owned();
            return Ok(());
        }
        let values = codec::decode(text).ok_or(Error::Damaged(of.place.pack))?;
        references.extend(values.into_iter().filter_map(|value| match value {
            Value::Reference { param, target, id } => Some((param, target, id)),
            _ => None,
        }));
        Ok(())
    })?;
    Ok(out)
}
