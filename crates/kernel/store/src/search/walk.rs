//! Pages in the order of a date, straight from its index.

use super::run::{From, Hit, One, Wanted, of_type};
use super::sort::{Key, Order, Sort};
use super::sql::{Builder, FENCE};
use super::{Ask, Clause, Table};
use crate::Result;
use crate::distribution::every;
use crate::sql::{self, Query};
use mach_fhir::ResourceType;
use mach_fhir::index::Param;

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
        led: true,
    }
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
