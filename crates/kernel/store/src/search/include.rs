//! What a page brings along: what its resources refer to, and what refers to them.

use super::Ask;
use super::sql::Builder;
use crate::Result;
use crate::resources::id_key;
use crate::sql::{self, Query};
use mach_fhir::ResourceType;
use mach_fhir::index::Param;
use std::collections::BTreeMap;

/// What a page brings along.
#[derive(Clone, Copy, Debug)]
pub struct Includes<'a> {
    /// The type that refers.
    pub source: ResourceType,
    /// By which of its parameters.
    pub params: &'a [Param],
    /// Only targets (sources, for `revincluded`) of this type.
    pub target: Option<ResourceType>,
}

/// A resource that is referred to: the facility (0: the province) of whoever refers, type, id.
pub type Target<'a> = (i64, ResourceType, &'a str);

/// Targets asked about in one statement.
const TARGETS: usize = 128;

/// The versions that these references mean, in order.
pub fn included(on: &mut dyn Query, ask: &Ask, targets: &[Target<'_>]) -> Result<Vec<i64>> {
    let mut from: BTreeMap<(i64, i64), Vec<i64>> = BTreeMap::new();
    for (facility, kind, id) in targets {
        from.entry((kind.number().into(), id_key(id))).or_default().push(*facility);
    }
    let asked: Vec<(i64, i64)> = from.keys().copied().collect();
    let mut rids = Vec::new();
    for some in asked.chunks(TARGETS) {
        let mut builder = Builder::new(ask.scope, ask.seq);
        // In lists of few lengths, so that statements stay few and are planned once.
        let padded = some.iter().chain(some.last().into_iter().cycle()).take(some.len().next_power_of_two());
        let pairs: Vec<String> =
            padded.map(|(kind, key)| format!("({}, {})", builder.args.int(*kind), builder.args.int(*key))).collect();
        let sql = format!(
            "SELECT t.rid, t.type, t.key, t.facility FROM (VALUES {}) v CROSS JOIN resource t WHERE t.type = v.column1
                AND t.key = v.column2 AND {}{}",
            pairs.join(", "),
            builder.there("t"),
            builder.spread()
        );
        on.each(&sql, &builder.given(&sql), &mut |r| {
            let (rid, to) = (r.int(0)?, r.int(3)?);
            // Ids are a facility's own: see `Builder::reachable`.
            let means = |from: &i64| to == *from || to == 0 || *from == 0;
            if from.get(&(r.int(1)?, r.int(2)?)).is_some_and(|from| from.iter().any(means)) {
                rids.push(rid);
            }
            Ok(())
        })?;
    }
    rids.sort_unstable();
    rids.dedup();
    Ok(rids)
}

impl Includes<'_> {
    /// Whether one of the parameters is not R4's own: its references do not lie beside the body.
    pub fn is_custom(&self) -> bool {
        self.params.iter().any(|p| p.0 >= crate::params::FIRST)
    }
}

/// The versions that resources `rids` of `what.source` refer to, by the rows of the index; at most `limit`.
pub fn included_by_rows(
    on: &mut dyn Query,
    ask: &Ask,
    rids: &[i64],
    what: Includes<'_>,
    limit: usize,
) -> Result<Vec<i64>> {
    let mut builder = Builder::new(ask.scope, ask.seq);
    let list = list(&mut builder, rids);
    let target = what.target.map_or(String::new(), |t| format!(" AND x.target = {}", t.number()));
    let sql = format!(
        "SELECT DISTINCT t.rid FROM index_reference x CROSS JOIN resource m CROSS JOIN resource t WHERE x.param IN ({})
            AND x.type = {} AND x.rid IN ({list}){} AND m.rid = x.rid AND m.facility = x.facility AND t.type = x.target
            AND t.key = x.key{target} AND {} AND {} LIMIT {limit}{}",
        numbers(&what.params.iter().map(|p| i64::from(p.0)).collect::<Vec<_>>()),
        what.source.number(),
        builder.within("x"),
        builder.reachable("m", "t"),
        builder.there("t"),
        builder.spread()
    );
    in_order(on, &sql, &builder)
}

/// Versions of `what.source` that refer to resources `rids`; at most `limit`.
pub fn revincluded(on: &mut dyn Query, ask: &Ask, rids: &[i64], what: Includes<'_>, limit: usize) -> Result<Vec<i64>> {
    let mut builder = Builder::new(ask.scope, ask.seq);
    let list = list(&mut builder, rids);
    let sql = format!(
        "SELECT DISTINCT s.rid FROM resource m CROSS JOIN index_reference x CROSS JOIN resource s WHERE m.rid IN ({}){}
            AND x.param IN ({}) AND x.type = {} AND x.target = m.type AND x.key = m.key AND s.rid = x.rid
            AND s.facility = x.facility AND {} AND {} LIMIT {limit}{}",
        list,
        builder.within("m"),
        numbers(&what.params.iter().map(|p| i64::from(p.0)).collect::<Vec<_>>()),
        what.source.number(),
        builder.reachable("s", "m"),
        builder.there("s"),
        builder.spread()
    );
    in_order(on, &sql, &builder)
}

/// Versions that a statement tells, in order. It is put here and not there: an engine asked for an order may read a table in
/// it rather than seek the few rows.
fn in_order(on: &mut dyn Query, sql: &str, builder: &Builder) -> Result<Vec<i64>> {
    let mut rids = sql::list(on, sql, &builder.given(sql), |r| r.int(0))?;
    rids.sort_unstable();
    Ok(rids)
}

/// Versions as arguments, in lists of few lengths.
fn list(builder: &mut Builder, rids: &[i64]) -> String {
    let padded = rids.iter().chain(rids.last().into_iter().cycle()).take(rids.len().next_power_of_two());
    padded.map(|rid| builder.args.int(*rid)).collect::<Vec<_>>().join(", ")
}

fn numbers(rids: &[i64]) -> String {
    rids.iter().map(i64::to_string).collect::<Vec<_>>().join(", ")
}
