//! Pages in the order of a date, straight from its index.

use super::plan::{self, is_told_by_indexes, lists_exactly};
use super::run::{Hit, One, Wanted, of_type, rest};
use super::sort::{self, Key, Sort};
use super::sql::{Builder, FENCE};
use super::steps::{OF_ANY, Rows, Stream};
use super::value::code_hash;
use super::{Ask, Clause, Table};
use crate::Result;
use crate::resources::system_hash;
use crate::sql::{self, Query};
use mach_fhir::ResourceType;
use mach_fhir::index::Param;
use std::collections::HashSet;

/// Hits in the order of a date, straight from an index: of a resource's several values only the one that orders it. What the
/// walked row must be is asked first, then whether it is that one, then the version's own row. Where a code is asked for, and
/// codes stand in the order of this date, the walk is along that code, the second of what is given.
pub(super) fn by_date(
    builder: &mut Builder,
    clauses: &[&Clause],
    kind: ResourceType,
    by: (Param, bool),
) -> (Stream, Option<usize>) {
    let code =
        |clause: &&Clause| matches!(clause, Clause::Token { param: Param::CODE, code: Some(_), second: false, .. });
    let along = clauses.iter().position(code).filter(|_| by.0 == Param::DATE);
    let rest = rest(builder, clauses, along, kind, "x");
    let (within, there) = (builder.within("x"), builder.there("r"));
    let (param, of, past) = (by.0.0, kind.number(), if by.1 { ">" } else { "<" });
    let (table, rows, or, repeats) = match along.map(|at| clauses[at]) {
        Some(Clause::Token { system, code: Some(code), .. }) => {
            let hash = builder.args.int(code_hash(code));
            let mut rows = format!("x.param = {} AND x.type = {of} AND x.hash = {hash}", Param::CODE.0);
            if let Some(system) = system {
                rows.push_str(&format!(" AND x.system = {}", builder.args.int(system_hash(system))));
            }
            ("index_dated x", rows, "", system.is_none())
        }
        _ => {
            let rows = format!("x.param = {param} AND x.type = {of}");
            ("index_date x", rows, " OR (o.low = x.low AND o.high < x.high)", false)
        }
    };
    let stream = Stream {
        from: format!("{table} CROSS JOIN resource r"),
        condition: format!(
            "{rows}{within}{rest}
                AND NOT EXISTS (SELECT 1 FROM index_date o WHERE o.param = {param} AND o.type = {of} AND o.rid = x.rid
                AND o.facility = x.facility AND (o.low {past} x.low{or}){FENCE})
                AND r.rid = x.rid AND r.facility = x.facility AND r.type = {of} AND {there}"
        ),
        rows: Rows { from: table.to_owned(), condition: rows, spread: OF_ANY },
        rid: "x.rid",
        low: Some("x.low"),
        repeats,
        descending: by.1,
    };
    (stream, along)
}

/// A page in the order of a date of what a clause lists: index rows alone tell the order, and only what stands first is looked
/// up. `None` where they cannot, or where that does not fill the page.
pub(super) fn listed_by_date(
    on: &mut dyn Query,
    ask: &Ask,
    (kind, clause): One<'_>,
    (by, lead): (Sort, usize),
    (after, limit): (Option<&Hit>, usize),
) -> Result<Option<Vec<Hit>>> {
    let mut clauses = Vec::new();
    plan::flat(clause, &mut clauses);
    let is_told = clauses.iter().all(|c| is_told_by_indexes(c)) && after.is_none_or(|a| a.keys != [Key::None]);
    let mut builder = Builder::new(ask.scope, ask.seq);
    let Some(listing) = builder.listing(clauses[lead], kind).filter(|_| is_told) else { return Ok(None) };
    let rest = rest(&mut builder, &clauses, lists_exactly(clauses[lead]).then_some(lead), kind, "x");
    let key = by.expression(kind, "x");
    let word = if by.descending { "DESC" } else { "ASC" };
    let begin = match after {
        Some(Hit { rid, keys }) => {
            format!(" WHERE {}", sort::after(&mut builder.args, std::slice::from_ref(&by), keys, *rid))
        }
        None => String::new(),
    };
    // Some stand there twice, and some are no longer, or not yet, what the search asks for.
    let taken = limit * 2 + 32;
    // The limit inside keeps PostgreSQL from asking for the key wherever it is named.
    let sql = format!(
        "SELECT rid, k0 FROM (SELECT x.rid AS rid, {key} AS k0 FROM ({listing}) x WHERE 1 = 1{rest}
            LIMIT {} OFFSET 0) h{begin} ORDER BY k0 {word} NULLS LAST, rid {word} LIMIT {taken}{}",
        i64::MAX,
        builder.spread()
    );
    let mut listed = sql::list(on, &sql, &builder.given(&sql), |r| Ok((r.int(0)?, r.opt_int(1)?)))?;
    listed.dedup();
    let dated = listed.into_iter().filter_map(|(rid, low)| Some(Hit { rid, keys: vec![Key::Int(low?)] }));
    let mut hits: Vec<Hit> = dated.collect();
    let mut builder = Builder::new(ask.scope, ask.seq);
    let padding = hits.last().map(|h| h.rid).into_iter().cycle();
    let marks: Vec<String> =
        hits.iter().map(|h| h.rid).chain(padding).take(taken).map(|rid| builder.args.int(rid)).collect();
    if marks.is_empty() {
        return Ok(None);
    }
    let sql = format!(
        "SELECT r.rid FROM resource r WHERE r.rid IN ({}) AND {}{}",
        marks.join(", "),
        builder.there("r"),
        builder.spread()
    );
    let there: HashSet<i64> = sql::list(on, &sql, &builder.given(&sql), |r| r.int(0))?.into_iter().collect();
    hits.retain(|hit| there.contains(&hit.rid));
    hits.truncate(limit);
    // Where they do not fill the page, others follow: those further back, those without a date.
    Ok(Some(hits).filter(|hits| hits.len() == limit))
}

/// The page of a walk along a date index: what the walk found, then what has no such date.
pub(super) fn with_undated(
    on: &mut dyn Query,
    ask: &Ask,
    (kind, clause): One<'_>,
    param: Param,
    mut hits: Vec<Hit>,
    (after, limit): (Option<&Hit>, usize),
) -> Result<Vec<Hit>> {
    if hits.len() < limit {
        let without = Clause::Not(Box::new(Clause::Has { param, tables: &[Table::Date] }));
        let clause = Clause::All(vec![clause.clone(), without]);
        let after = after.filter(|a| a.keys == [Key::None]).map(|a| Hit { rid: a.rid, keys: Vec::new() });
        let wanted = Wanted { after: after.as_ref(), limit: limit - hits.len(), counted: None };
        let more = of_type(on, ask, (kind, &clause), &[], wanted)?.0;
        hits.extend(more.into_iter().map(|h| Hit { rid: h.rid, keys: vec![Key::None] }));
    }
    Ok(hits)
}
