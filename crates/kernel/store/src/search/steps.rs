//! Pages of searches whose every clause lists many: whichever way ends first.
//!
//! Two ways lead to a page. The rows of a stream, which come in the order of the page, can be tested one after another until it
//! is full: quick where much matches. Or what a clause lists can be looked at whole and put in order: quick where it is little.
//! Which is quicker shows only on the way, so they race: the stream is tested in steps, each four times as long as all before,
//! and before each step the clauses are asked whether one lists less than the step looks at. What is spent on the way that
//! loses is then a part of what the other takes.

use super::run::{Hit, One};
use super::sort::Key;
use super::sql::Builder;
use super::{Ask, Clause, plan};
use crate::Result;
use crate::distribution::every;
use crate::sql::{self, Query};

/// Each step looks at so many times as many rows as the one before.
const FURTHER: i64 = 4;
/// Testing a resource against listing one, where what refers to it is looked through.
const LOOKED_THROUGH: i64 = 4;

/// Rows in the order of a page.
pub(super) struct Stream {
    /// The rows and what each must be to be a hit.
    pub(super) from: String,
    /// See `from`.
    pub(super) condition: String,
    /// Which rows they are, whatever else they must be: an index tells it alone.
    pub(super) rows: Rows,
    /// The column that numbers the hits.
    pub(super) rid: &'static str,
    /// The column that orders them, where it is not that one.
    pub(super) low: Option<&'static str>,
    /// Whether a version may stand there more than once.
    pub(super) repeats: bool,
    /// Greatest first.
    pub(super) descending: bool,
}

/// The rows of a stream.
pub(super) struct Rows {
    /// Table and alias.
    pub(super) from: String,
    /// What says that a row is one of them.
    pub(super) condition: String,
    /// The mark of a statement about them.
    pub(super) spread: &'static str,
}

/// The mark where rows of every facility are counted. How far a step goes must not depend on how few of them are the asker's.
pub(super) const OF_ANY: &str = every!("walk");

/// How a race ended.
pub(super) enum Ended {
    /// The stream filled the page, or came to its end.
    Page(Vec<Hit>),
    /// This clause lists less than the stream would have to look at.
    Lists(usize),
}

/// A race for the first `limit` hits after `after` between a stream and the clauses `rivals`; without those the stream just
/// runs.
pub(super) fn race(
    on: &mut dyn Query,
    ask: &Ask,
    (kind, clause): One<'_>,
    (clauses, rivals): (&[&Clause], &[usize]),
    (builder, stream): (&Builder, &Stream),
    (after, limit): (Option<&Hit>, usize),
) -> Result<Ended> {
    if rivals.is_empty() {
        return Ok(Ended::Page(stream.tested(on, builder, (after, None), None, limit)?));
    }
    let cost = if plan::looks_through(clause) { LOOKED_THROUGH } else { 1 };
    let mut rows = i64::try_from(limit).unwrap_or(i64::MAX).saturating_mul(2).saturating_add(64);
    let mut hits: Vec<Hit> = Vec::new();
    let mut past = None;
    loop {
        let worth = rows.saturating_mul(cost);
        for &at in rivals {
            let listed = plan::rows_of(on, clauses[at], kind, (ask.scope, ask.seq), worth)?;
            if listed.is_some_and(|n| n < worth) {
                return Ok(Ended::Lists(at));
            }
        }
        let end = stream.reaches(on, builder, (after, past), rows)?;
        hits.extend(stream.tested(on, builder, (after, past), end, limit - hits.len())?);
        if end.is_none() || hits.len() >= limit {
            return Ok(Ended::Page(hits));
        }
        past = end;
        rows = rows.saturating_mul(FURTHER);
    }
}

impl Stream {
    /// The column that tells how far a step goes.
    fn along(&self) -> &'static str {
        self.low.unwrap_or(self.rid)
    }

    fn word(&self) -> &'static str {
        if self.descending { "DESC" } else { "ASC" }
    }

    fn order(&self) -> String {
        let word = self.word();
        match self.low {
            Some(low) => format!("{low} {word}, {} {word}", self.rid),
            None => format!("{} {word}", self.rid),
        }
    }

    /// That a row comes after where the page begins and after the last step.
    fn begin(&self, builder: &mut Builder, (after, past): (Option<&Hit>, Option<i64>)) -> String {
        let beyond = if self.descending { "<" } else { ">" };
        if let Some(past) = past {
            return format!(" AND {} {beyond} {}", self.along(), builder.args.int(past));
        }
        let Some(Hit { rid, keys }) = after else { return String::new() };
        let number = builder.args.int(*rid);
        match (self.low, keys.as_slice()) {
            (Some(low), [Key::Int(key)]) => {
                let key = builder.args.int(*key);
                let column = self.rid;
                format!(" AND {low} {beyond}= {key} AND ({low} {beyond} {key} OR {column} {beyond} {number})")
            }
            _ => format!(" AND {} {beyond} {number}", self.rid),
        }
    }

    /// Where a step of so many rows ends; `None` where the stream ends before.
    fn reaches(
        &self,
        on: &mut dyn Query,
        builder: &Builder,
        at: (Option<&Hit>, Option<i64>),
        rows: i64,
    ) -> Result<Option<i64>> {
        let mut builder = builder.clone();
        let begin = self.begin(&mut builder, at);
        let sql = format!(
            "SELECT {} FROM {} WHERE {}{begin} ORDER BY {} LIMIT 1 OFFSET {rows}{}",
            self.along(),
            self.rows.from,
            self.rows.condition,
            self.order(),
            self.rows.spread
        );
        sql::first(on, &sql, &builder.given(&sql), |r| r.int(0))
    }

    /// The first hits of a step, at most `limit`.
    fn tested(
        &self,
        on: &mut dyn Query,
        builder: &Builder,
        at: (Option<&Hit>, Option<i64>),
        end: Option<i64>,
        limit: usize,
    ) -> Result<Vec<Hit>> {
        let mut builder = builder.clone();
        let mut within = self.begin(&mut builder, at);
        if let Some(end) = end {
            let before = if self.descending { ">=" } else { "<=" };
            within.push_str(&format!(" AND {} {before} {}", self.along(), builder.args.int(end)));
        }
        let low = self.low.map_or(String::new(), |low| format!(", {low}"));
        let columns = format!("{}{}{low}", if self.repeats { "DISTINCT " } else { "" }, self.rid);
        let sql = format!(
            "SELECT {columns} FROM {} WHERE {}{within} ORDER BY {} LIMIT {limit}{}",
            self.from,
            self.condition,
            self.order(),
            builder.spread()
        );
        let dated = self.low.is_some();
        sql::list(on, &sql, &builder.given(&sql), |r| {
            let keys = if dated { vec![Key::Int(r.int(1)?)] } else { Vec::new() };
            Ok(Hit { rid: r.int(0)?, keys })
        })
    }
}
