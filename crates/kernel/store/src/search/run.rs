//! Answering: pages, counts, what is included.

use super::compartment::Compartment;
use super::plan::{self, Lead, lists_exactly};
use super::sort::{self, Key, Order, Sort};
use super::sql::{Builder, FENCE};
use super::steps::{self, Ended, OF_ANY, Rows, Stream};
use super::value::{CANONICAL, Value, folded};
use super::{Ask, Clause, codec, walk};
use crate::distribution::{every, unless_one};
use crate::pack::{self, Place};
use crate::resources::{id_key, within};
use crate::sql::{self, Query, Row};
use crate::{Error, Result};
use mach_access::Scope;
use mach_base::limits;
use mach_fhir::ResourceType;
use mach_fhir::index::Param;
use std::time::Instant;

/// Versions looked at in one statement where all matches are.
const STREAMED: usize = 1_000;

/// A found resource version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hit {
    /// Its number.
    pub rid: i64,
    /// Its keys in the asked order: with the number, where the next page begins.
    pub keys: Vec<Key>,
}

const SNAPSHOT: &str = "SELECT coalesce(max(seq), 0) FROM commit_log";

/// The number of the last change: the state that is read now.
pub fn snapshot(on: &mut dyn Query) -> Result<i64> {
    sql::int(on, SNAPSHOT, &[])
}

/// Tells that the snapshot will be asked.
pub fn snapshot_ahead(on: &mut dyn Query) {
    on.ahead(SNAPSHOT, &[]);
}

/// At most `limit` hits in order, after `after` if given.
///
/// # Errors
/// [`Error::Refused`] where a sort by codes or references takes longer than `FHIR_PATIENCE`.
pub fn page(on: &mut dyn Query, ask: &Ask, sorts: &[Sort], after: Option<&Hit>, limit: usize) -> Result<Vec<Hit>> {
    Ok(answer(on, ask, sorts, Wanted { after, limit, counted: None })?.0)
}

/// The first hits, at most `limit`, and how many there are in all where that is known by looking at few rows: where the clause
/// that leads lists few, or nothing leads and at most `counted` of the type match.
///
/// # Errors
/// Those of [`page`].
pub fn first_page(
    on: &mut dyn Query,
    ask: &Ask,
    sorts: &[Sort],
    limit: usize,
    counted: usize,
) -> Result<(Vec<Hit>, Option<i64>)> {
    answer(on, ask, sorts, Wanted { after: None, limit, counted: Some(counted) })
}

/// Which hits are wanted.
#[derive(Clone, Copy)]
pub(super) struct Wanted<'a> {
    /// Those after this one.
    pub(super) after: Option<&'a Hit>,
    /// At most so many.
    pub(super) limit: usize,
    /// And how many there are in all, where few rows tell it and it is not more than this.
    pub(super) counted: Option<usize>,
}

/// Hits, and how many there are in all where that was wanted and is known.
type Found = (Vec<Hit>, Option<i64>);

fn answer(on: &mut dyn Query, ask: &Ask, sorts: &[Sort], wanted: Wanted<'_>) -> Result<Found> {
    let in_memory = sorts.iter().any(|s| s.in_memory());
    let types = present(on, ask)?;
    if let (Some(compartment), true) = (Compartment::of(&types), sorts.is_empty() && types.len() > 1) {
        return compartment.page(on, ask, wanted);
    }
    let (mut hits, mut total) = (Vec::new(), Some(0));
    for one in types {
        let (found, matched) = match in_memory {
            true => keyed_in_memory(on, ask, one, sorts, wanted)?,
            false => of_type(on, ask, one, sorts, wanted)?,
        };
        hits.extend(found);
        total = total.zip(matched).map(|(total, matched)| total + matched);
    }
    if ask.asked.len() > 1 {
        hits.sort_by(|a, b| sort::compare(sorts, (&a.keys, a.rid), (&b.keys, b.rid)));
    }
    hits.truncate(wanted.limit);
    let told = |n: &i64| usize::try_from(*n).is_ok_and(|n| wanted.counted.is_some_and(|most| n <= most));
    Ok((hits, total.filter(told)))
}

/// One type and what must hold of it.
pub(super) type One<'a> = (ResourceType, &'a Clause);

/// The asked types that have any resource.
fn present<'a>(on: &mut dyn Query, ask: &'a Ask) -> Result<Vec<One<'a>>> {
    if let [(kind, clause)] = ask.asked.as_slice() {
        return Ok(vec![(*kind, clause)]);
    }
    if ask.asked.is_empty() {
        return Ok(Vec::new());
    }
    let numbers: Vec<String> = ask.asked.iter().map(|(kind, _)| format!("({})", kind.number())).collect();
    let sql = format!(
        "SELECT v.column1 FROM (VALUES {}) v WHERE EXISTS (SELECT 1 FROM resource r WHERE r.type = v.column1{FENCE}){}",
        numbers.join(", "),
        every!("any of a type")
    );
    let there = sql::list(on, &sql, &[], |r| r.int(0))?;
    let asked = ask.asked.iter().filter(|(kind, _)| there.contains(&i64::from(kind.number())));
    let types = asked.map(|(kind, clause)| (*kind, clause)).collect();
    Ok(types)
}

/// The statement's middle: where hits come from and what they must be.
struct From {
    from: String,
    condition: String,
    /// Column that numbers the hits.
    rid: &'static str,
}

/// What a clause lists, the others tested; without one, all resources of the type.
fn from(builder: &mut Builder, (kind, clauses): (ResourceType, &[&Clause]), lead: Option<&Lead>) -> Result<From> {
    let there = format!("r.type = {} AND {}", kind.number(), builder.there("r"));
    let Some(Lead { at, many, .. }) = lead else {
        let rest = rest(builder, clauses, None, kind, "r");
        return Ok(From { from: "resource r".to_owned(), condition: format!("{there}{rest}"), rid: "r.rid" });
    };
    let (at, many) = (*at, *many);
    if let Some(rows) = builder.rows(clauses[at], kind).filter(|rows| rows.in_order) {
        let rest = rest(builder, clauses, Some(at), kind, "x");
        let from = format!("{} x CROSS JOIN resource r", rows.table.name());
        let condition = format!("{}{rest} AND r.rid = x.rid AND r.facility = x.facility AND {there}", rows.condition);
        return Ok(From { from, condition, rid: "x.rid" });
    }
    let listing = builder.listing(clauses[at], kind).ok_or(Error::Missing("a leading clause"))?;
    // A list may hold more than the clause means (a part of an `All` leads for the whole): then the clause is tested too.
    let rest = rest(builder, clauses, lists_exactly(clauses[at]).then_some(at), kind, "x");
    let order = if many { " ORDER BY q.rid" } else { "" };
    let from = format!("(SELECT DISTINCT q.rid, q.facility FROM ({listing}) q{order}) x CROSS JOIN resource r");
    let condition = format!("r.rid = x.rid AND r.facility = x.facility{rest} AND {there}");
    Ok(From { from, condition, rid: "x.rid" })
}

/// The rows that come in the order of versions: those of the clause that leads, or else of the type.
fn in_versions(builder: &mut Builder, (kind, clauses): (ResourceType, &[&Clause]), lead: &Lead) -> Result<Stream> {
    let ordered = builder.rows(clauses[lead.at], kind).filter(|rows| rows.in_order);
    let rows = match ordered {
        Some(rows) => {
            Rows { from: format!("{} x", rows.table.name()), condition: rows.condition, spread: builder.spread() }
        }
        None => {
            Rows { from: "resource r".to_owned(), condition: format!("r.type = {}", kind.number()), spread: OF_ANY }
        }
    };
    let led = rows.spread != OF_ANY;
    let From { from, condition, rid } = from(builder, (kind, clauses), led.then_some(lead))?;
    Ok(Stream { from, condition, rows, rid, low: None, repeats: led, descending: false })
}

/// The other clauses, each asked of the leading row `x` where that can tell.
pub(super) fn rest(
    builder: &mut Builder,
    clauses: &[&Clause],
    but: Option<usize>,
    kind: ResourceType,
    x: &str,
) -> String {
    let others = clauses.iter().enumerate().filter(|(i, _)| Some(*i) != but);
    others.map(|(_, c)| format!(" AND {}", builder.narrowed(c, kind, x, "r"))).collect()
}

pub(super) fn of_type(
    on: &mut dyn Query,
    ask: &Ask,
    one: One<'_>,
    sorts: &[Sort],
    wanted: Wanted<'_>,
) -> Result<Found> {
    let Wanted { after, limit, .. } = wanted;
    let (kind, clause) = one;
    let mut clauses = Vec::new();
    plan::flat(clause, &mut clauses);
    let mut lead = plan::lead(on, &clauses, kind, ask.scope, ask.seq)?;
    let by_date = match sorts {
        [Sort { order: Order::Date(param), descending, .. }] => Some((*param, *descending)),
        _ => None,
    };
    if let Some((param, descending)) = by_date.filter(|_| lead.as_ref().is_none_or(|l| l.many)) {
        let mut hits = Vec::new();
        let mut ended = None;
        if after.is_none_or(|a| a.keys != [Key::None]) {
            let mut builder = Builder::new(ask.scope, ask.seq);
            let (stream, along) = walk::by_date(&mut builder, &clauses, kind, (param, descending));
            let mut rivals = lead.as_ref().map_or(Vec::new(), |lead| lead.rivals.clone());
            rivals.retain(|at| Some(*at) != along);
            match steps::race(on, ask, one, (&clauses, &rivals), (&builder, &stream), (after, limit))? {
                Ended::Page(found) => hits = found,
                Ended::Lists(at) => ended = Some(at),
            }
        }
        match ended {
            None => {
                let hits = walk::with_undated(on, ask, one, param, hits, (after, limit))?;
                let total = if lead.is_some() { None } else { counted_to(on, ask, one, &hits, wanted)? };
                return Ok((hits, total));
            }
            Some(at) => {
                if let Some(hits) = walk::listed_by_date(on, ask, one, (sorts[0], at), (after, limit))? {
                    return Ok((hits, None));
                }
                lead = Some(Lead { at, many: true, rivals: Vec::new() });
            }
        }
    }
    if let Some(found) = lead.as_mut().filter(|l| l.many && sorts.is_empty()) {
        let mut builder = Builder::new(ask.scope, ask.seq);
        let stream = in_versions(&mut builder, (kind, &clauses), found)?;
        let streams = stream.rows.spread != OF_ANY;
        found.rivals.retain(|at| !streams || *at != found.at);
        match steps::race(on, ask, one, (&clauses, &found.rivals), (&builder, &stream), (after, limit))? {
            Ended::Page(hits) => return Ok((hits, None)),
            Ended::Lists(at) => found.at = at,
        }
    }
    let mut builder = Builder::new(ask.scope, ask.seq);
    let from = from(&mut builder, (kind, &clauses), lead.as_ref())?;
    let keys: String =
        sorts.iter().enumerate().map(|(i, s)| format!(", {} AS k{i}", s.expression(one.0, "r"))).collect();
    if lead.as_ref().is_some_and(|l| !l.many) {
        return listed(on, &builder, from, &keys, sorts, wanted);
    }
    let sql = if sorts.is_empty() {
        let from_key = after.map_or(String::new(), |a| format!(" AND {} > {}", from.rid, builder.args.int(a.rid)));
        format!(
            "SELECT DISTINCT {rid} AS rid FROM {} WHERE {}{from_key} ORDER BY {rid} LIMIT {limit}{}",
            from.from,
            from.condition,
            builder.spread(),
            rid = from.rid,
        )
    } else {
        let mut condition = String::new();
        if let Some(after) = after {
            condition = format!("WHERE {} ", sort::after(&mut builder.args, sorts, &after.keys, after.rid));
        }
        format!(
            "SELECT * FROM (SELECT DISTINCT {} AS rid{keys} FROM {} WHERE {}) h {condition}ORDER BY {} LIMIT {limit}{}",
            from.rid,
            from.from,
            from.condition,
            sort::order_by(sorts),
            builder.spread()
        )
    };
    let hits = sql::list(on, &sql, &builder.given(&sql), |r| hit(r, sorts))?;
    let total = if lead.is_some() { None } else { counted_to(on, ask, one, &hits, wanted)? };
    Ok((hits, total))
}

/// Hits where few rows tell all of them: one question for the page and the total. They are put in order here: an engine asked
/// for an order may read a whole table in it.
fn listed(
    on: &mut dyn Query,
    builder: &Builder,
    from: From,
    keys: &str,
    sorts: &[Sort],
    Wanted { after, limit, .. }: Wanted<'_>,
) -> Result<Found> {
    let sql =
        format!("SELECT {} AS rid{keys} FROM {} WHERE {}{}", from.rid, from.from, from.condition, builder.spread());
    let mut hits = sql::list(on, &sql, &builder.given(&sql), |r| hit(r, sorts))?;
    let order = |a: &Hit, b: &Hit| sort::compare(sorts, (&a.keys, a.rid), (&b.keys, b.rid));
    hits.sort_unstable_by(order);
    hits.dedup_by_key(|hit| hit.rid);
    let total = i64::try_from(hits.len()).ok();
    if let Some(after) = after {
        hits.retain(|hit| order(hit, after).is_gt());
    }
    hits.truncate(limit);
    Ok((hits, total))
}

/// How many resources match where nothing leads, counted a little past the number that is told.
fn counted_to(
    on: &mut dyn Query,
    ask: &Ask,
    one: One<'_>,
    hits: &[Hit],
    Wanted { limit, counted, .. }: Wanted<'_>,
) -> Result<Option<i64>> {
    let Some(most) = counted else { return Ok(None) };
    if hits.len() < limit {
        return Ok(i64::try_from(hits.len()).ok());
    }
    let (kind, clause) = one;
    let mut builder = Builder::new(ask.scope, ask.seq);
    let holds = builder.condition(clause, kind, "r");
    let sql = format!(
        "SELECT count(*) FROM (SELECT r.rid FROM resource r WHERE r.type = {} AND {} AND {holds} LIMIT {}) n{}",
        kind.number(),
        builder.there("r"),
        most + 1,
        builder.spread()
    );
    sql::int(on, &sql, &builder.given(&sql)).map(Some)
}

fn hit(r: &dyn Row, sorts: &[Sort]) -> Result<Hit> {
    let mut keys = Vec::with_capacity(sorts.len());
    for (i, sort) in sorts.iter().enumerate() {
        keys.push(match sort.is_text() {
            true => r.opt_text(i + 1)?.map_or(Key::None, |t| Key::Text(t.to_owned())),
            false => r.opt_int(i + 1)?.map_or(Key::None, Key::Int),
        });
    }
    Ok(Hit { rid: r.int(0)?, keys })
}

/// The first `limit` hits after `after`, their keys read from the values beside the bodies: every match is looked at, a
/// page of them is kept.
fn keyed_in_memory(
    on: &mut dyn Query,
    ask: &Ask,
    one: One<'_>,
    sorts: &[Sort],
    Wanted { after, limit, counted }: Wanted<'_>,
) -> Result<Found> {
    let mut total = 0;
    let began = Instant::now();
    let order = |a: &Hit, b: &Hit| sort::compare(sorts, (&a.keys, a.rid), (&b.keys, b.rid));
    let mut best: Vec<Hit> = Vec::new();
    let mut last: Option<Hit> = None;
    let mut open = None;
    let of_others = sorts.iter().any(|s| s.order.is_of_others());
    loop {
        let hits = of_type(on, ask, one, &[], Wanted { after: last.as_ref(), limit: STREAMED, counted: None })?.0;
        total += hits.len();
        for hit in &hits {
            let (id, mut values) = values_of(on, ask.scope, hit.rid, &mut open)?;
            if of_others {
                values.extend(crate::params::values_of(on, ask.scope, hit.rid)?);
            }
            let keys = sorts.iter().map(|s| key_of(&values, (hit.rid, &id), *s)).collect();
            let hit = Hit { rid: hit.rid, keys };
            if after.is_none_or(|a| order(&hit, a).is_gt()) {
                best.push(hit);
            }
        }
        if best.len() > limit * 2 {
            best.sort_by(order);
            best.truncate(limit);
        }
        if hits.len() < STREAMED {
            break;
        }
        if began.elapsed() > limits::FHIR_PATIENCE {
            return Err(Error::Refused(format!(
                "so many resources match that ordering them by codes or references takes more than {} s: narrow the search",
                limits::FHIR_PATIENCE.as_secs()
            )));
        }
        last = hits.into_iter().next_back();
    }
    best.sort_by(order);
    best.truncate(limit);
    Ok((best, counted.and_then(|_| i64::try_from(total).ok())))
}

/// The key of a version as `Sort::expression` says it in SQL.
fn key_of(values: &[Value], (rid, id): (i64, &str), sort: Sort) -> Key {
    let text = |texts: &mut dyn Iterator<Item = String>| {
        let end = if sort.descending { texts.max() } else { texts.min() };
        end.map_or(Key::None, Key::Text)
    };
    let number = |numbers: &mut dyn Iterator<Item = i64>| {
        let end = if sort.descending { numbers.max() } else { numbers.min() };
        end.map_or(Key::None, Key::Int)
    };
    let is = |param: Param, by: Param| param == by || Some(param) == sort.or;
    match sort.order {
        Order::LastUpdated => Key::Int(rid),
        Order::Id => Key::Text(id.to_owned()),
        Order::Date(by) => number(&mut values.iter().filter_map(|v| match v {
            Value::Date { param, low, .. } if *param == by => Some(*low),
            _ => None,
        })),
        Order::Quantity(by) => number(&mut values.iter().filter_map(|v| match v {
            Value::Quantity { param, low, system, .. } if is(*param, by) && system != CANONICAL => Some(*low),
            _ => None,
        })),
        Order::Text(by) => text(&mut values.iter().filter_map(|v| match v {
            Value::Text { param, text } | Value::Joined { param, text } if *param == by => Some(folded(text)),
            Value::Uri { param, uri } if *param == by => Some(uri.clone()),
            _ => None,
        })),
        Order::Token(by) => text(&mut values.iter().filter_map(|v| match v {
            Value::Token { param, code, .. } if is(*param, by) => Some(code.clone()),
            _ => None,
        })),
        Order::Reference(by) => text(&mut values.iter().filter_map(|v| match v {
            Value::Reference { param, target, id } if *param == by => Some(format!("{}/{id}", target.name())),
            Value::Url { param, url } if *param == by => Some(url.clone()),
            _ => None,
        })),
    }
}

/// The pack read last, and its parts.
type OpenPack = Option<((i64, i64), pack::Bodies)>;

/// The id of a version and the values it is found by.
fn values_of(on: &mut dyn Query, scope: Scope, rid: i64, open: &mut OpenPack) -> Result<(String, Vec<Value>)> {
    let sql = format!(
        "SELECT r.facility, CASE WHEN r.vpack = 0 THEN r.pack ELSE r.vpack END,
        CASE WHEN r.vpack = 0 THEN r.slot + 1 ELSE r.vslot END, r.id FROM resource r WHERE r.rid = ?1{}{}",
        within("r", scope),
        unless_one(scope)
    );
    let found = sql::first(on, &sql, &[rid.into()], |r| {
        Ok((Place { facility: r.int(0)?, pack: r.int(1)?, slot: r.int(2)? }, r.text(3)?.to_owned()))
    })?;
    let (place, id) = found.ok_or(Error::Missing("a resource version"))?;
    let damaged = || Error::Damaged(place.pack);
    let parts = match open.take() {
        Some((of, parts)) if of == (place.facility, place.pack) => parts,
        _ => pack::read(on, place.facility, place.pack)?,
    };
    let part = usize::try_from(place.slot).ok().and_then(|n| parts.get(n));
    let encoded = part.and_then(|p| std::str::from_utf8(p).ok()).ok_or_else(damaged)?;
    let values = codec::decode(encoded).ok_or_else(damaged)?;
    *open = Some(((place.facility, place.pack), parts));
    Ok((id, values))
}

/// How many resources match, counted to at most `limit`.
pub fn count(on: &mut dyn Query, ask: &Ask, limit: usize) -> Result<i64> {
    let mut total = 0;
    for one in present(on, ask)? {
        let mut builder = Builder::new(ask.scope, ask.seq);
        let mut clauses = Vec::new();
        plan::flat(one.1, &mut clauses);
        let lead = plan::lead(on, &clauses, one.0, ask.scope, ask.seq)?;
        let from = from(&mut builder, (one.0, &clauses), lead.as_ref())?;
        let sql = format!(
            "SELECT count(*) FROM (SELECT DISTINCT {} AS rid FROM {} WHERE {} LIMIT {limit}) n{}",
            from.rid,
            from.from,
            from.condition,
            builder.spread()
        );
        total += sql::int(on, &sql, &builder.given(&sql))?;
    }
    Ok(total.min(i64::try_from(limit).unwrap_or(i64::MAX)))
}

/// Numbers of the versions of `kind` with these ids in the asked state.
pub fn rids_of(on: &mut dyn Query, ask: &Ask, kind: ResourceType, id: &str) -> Result<Vec<i64>> {
    let mut builder = Builder::new(ask.scope, ask.seq);
    let (key, text) = (builder.args.int(id_key(id)), builder.args.text(id.to_owned()));
    let sql = format!(
        "SELECT r.rid FROM resource r WHERE r.type = {} AND r.key = {key} AND r.id = {text} AND {}
            ORDER BY r.facility DESC{}",
        kind.number(),
        builder.there("r"),
        builder.spread()
    );
    sql::list(on, &sql, &builder.given(&sql), |r| r.int(0))
}
