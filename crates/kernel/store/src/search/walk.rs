//! Pages in the order of a date, straight from its index.

use super::plan::{self, is_told_by_indexes, lists_exactly};
use super::run::{From, Hit, One, Wanted, of_type, rest};
use super::sort::{self, Key, Order, Sort};
use super::sql::{Builder, FENCE};
use super::{Ask, Clause, Table};
use crate::Result;
use crate::distribution::every;
use crate::sql::{self, Query};
use mach_fhir::ResourceType;
use mach_fhir::index::Param;
use std::collections::HashSet;

/// Hits in the order of a date, straight from its index: of a resource's several values only the one that orders it.
/// What the walked row must be is asked first, then whether it is that one, then the version's own row.
pub(super) fn walk_by_date(by: (Param, bool), kind: ResourceType, within: &str, (rest, there): (&str, &str)) -> From {
    let (param, of, past) = (by.0.0, kind.number(), if by.1 { ">" } else { "<" });
    From {
        from: "index_date x CROSS JOIN resource r".to_owned(),
        condition: format!(
            "x.param = {param} AND x.type = {of}{within}{rest}
                AND NOT EXISTS (SELECT 1 FROM index_date o WHERE o.param = {param} AND o.type = {of} AND o.rid = x.rid
                AND o.facility = x.facility AND (o.low {past} x.low OR (o.low = x.low AND o.high < x.high)){FENCE})
                AND r.rid = x.rid AND r.facility = x.facility AND {there}"
        ),
        rid: "x.rid",
        many: true,
        in_order: false,
        walks: true,
        lead: None,
    }
}

/// Matches that are listed and put in order by their dates, rather than found among the dates of all others.
const LISTED: i64 = 4_000;

/// A page in the order of a date where the clause that leads lists fewer than `LISTED`: index rows alone tell the order, and
/// only what stands first is looked up. `None` where that does not fill the page.
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
    let sql = format!("SELECT count(*) FROM (SELECT 1 AS one FROM ({listing}) q LIMIT {LISTED}) p{}", builder.spread());
    if sql::int(on, &sql, &builder.given(&sql))? >= LISTED {
        return Ok(None);
    }
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

/// Dates walked for a page before all that matches is listed instead, where a clause can list it.
const WALKED: i64 = 1_500;

/// A page in the order of a date index, then of what has no such date; `None` where the next `WALKED` dates did not fill it
/// and a clause lists what matches: it may be anywhere.
pub(super) fn walked(
    on: &mut dyn Query,
    ask: &Ask,
    (kind, clause): One<'_>,
    by: Sort,
    (mut builder, from): (Builder, From),
    (after, limit): (Option<&Hit>, usize),
) -> Result<Option<Vec<Hit>>> {
    let Order::Date(param) = by.order else { return Ok(None) };
    let mut hits = Vec::new();
    if after.is_none_or(|a| a.keys != [Key::None]) {
        let (word, past) = if by.descending { ("DESC", "<") } else { ("ASC", ">") };
        let mut begin = String::new();
        if let Some(Hit { rid, keys }) = after
            && let [Key::Int(low)] = keys.as_slice()
        {
            let (low, rid) = (builder.args.int(*low), builder.args.int(*rid));
            let newer = if by.descending { "<" } else { ">" };
            begin = format!(" AND x.low {past}= {low} AND (x.low {past} {low} OR x.rid {newer} {rid})");
        }
        let mut end = None;
        if from.many {
            // Of whichever facility: how far the walk goes must not depend on how few of the dates are the asker's.
            let sql = format!(
                "SELECT x.low FROM index_date x WHERE x.param = {} AND x.type = {}{begin} ORDER BY x.low {word}, x.rid {word}
                    LIMIT 1 OFFSET {WALKED}{}",
                param.0,
                kind.number(),
                every!("date walk")
            );
            end = sql::first(on, &sql, &builder.given(&sql), |r| r.int(0))?;
        }
        if let Some(end) = end {
            let inside = if by.descending { ">=" } else { "<=" };
            begin.push_str(&format!(" AND x.low {inside} {}", builder.args.int(end)));
        }
        let sql = format!(
            "SELECT x.rid, x.low FROM {} WHERE {}{begin} ORDER BY x.low {word}, x.rid {word} LIMIT {limit}{}",
            from.from,
            from.condition,
            builder.spread()
        );
        hits =
            sql::list(on, &sql, &builder.given(&sql), |r| Ok(Hit { rid: r.int(0)?, keys: vec![Key::Int(r.int(1)?)] }))?;
        if end.is_some() && hits.len() < limit {
            return Ok(None);
        }
    }
    if hits.len() < limit {
        let without = Clause::Not(Box::new(Clause::Has { param, tables: &[Table::Date] }));
        let clause = Clause::All(vec![clause.clone(), without]);
        let after = after.filter(|a| a.keys == [Key::None]).map(|a| Hit { rid: a.rid, keys: Vec::new() });
        let more = of_type(
            on,
            ask,
            (kind, &clause),
            &[],
            Wanted { after: after.as_ref(), limit: limit - hits.len(), counted: None },
        )?
        .0;
        hits.extend(more.into_iter().map(|h| Hit { rid: h.rid, keys: vec![Key::None] }));
    }
    Ok(Some(hits))
}
