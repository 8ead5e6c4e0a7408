//! Which clause leads.

use super::Clause;
use super::sql::Builder;
use crate::Result;
use crate::sql::{self, Query};
use mach_access::Scope;
use mach_fhir::ResourceType;

/// Rows counted of each clause that could lead. A clause with more is "many". Tests, whose stores are small, count fewer, so
/// that they go every way.
const PROBED: i64 = if cfg!(debug_assertions) { 100 } else { 1_000 };
/// A clause with so few rows leads without looking further.
const FEW: i64 = if cfg!(debug_assertions) { 4 } else { 32 };

/// The clause that leads a search.
pub(super) struct Lead {
    /// Which.
    pub at: usize,
    /// Whether it lists at least `PROBED` rows; then every other that lists does.
    pub many: bool,
    /// All that list, where it does.
    pub rivals: Vec<usize>,
}

/// The clauses that must all hold, one list.
pub(super) fn flat<'a>(clause: &'a Clause, into: &mut Vec<&'a Clause>) {
    match clause {
        Clause::All(of) => of.iter().for_each(|c| flat(c, into)),
        other => into.push(other),
    }
}

/// The clause that lists fewest; `None` where none lists.
pub(super) fn lead(
    on: &mut dyn Query,
    clauses: &[&Clause],
    kind: ResourceType,
    scope: Scope,
    seq: i64,
) -> Result<Option<Lead>> {
    let mut best: Option<(usize, i64, bool)> = None;
    let mut rivals = Vec::new();
    for (at, clause) in clauses.iter().enumerate() {
        let Some(count) = rows_of(on, clause, kind, (scope, seq), PROBED)? else { continue };
        rivals.push(at);
        let in_order = Builder::new(scope, seq).rows(clause, kind).is_some_and(|r| r.in_order);
        // Among those with many, one in the order of versions can stop after a page.
        let better = best.as_ref().is_none_or(|(_, n, ordered)| count < *n || (count == *n && in_order && !ordered));
        if better {
            best = Some((at, count, in_order));
        }
        if count <= FEW {
            break;
        }
    }
    Ok(best.map(|(at, count, _)| Lead { at, many: count >= PROBED, rivals }))
}

/// How many rows a clause lists, counted to `most`; `None` where it does not list.
pub(super) fn rows_of(
    on: &mut dyn Query,
    clause: &Clause,
    kind: ResourceType,
    asked: (Scope, i64),
    most: i64,
) -> Result<Option<i64>> {
    match clause {
        // Hardly a resource refers to several by one parameter: whoever refers is counted, and no link followed for that.
        Clause::Referred { source, clause, .. } => return rows_of(on, clause, *source, asked, most),
        Clause::Chain { target, clause, .. }
            if rows_of(on, clause, *target, asked, most)?.is_some_and(|n| n >= most) =>
        {
            return Ok(Some(most));
        }
        _ => {}
    }
    let mut builder = Builder::new(asked.0, asked.1);
    let Some(listing) = builder.listing(clause, kind) else { return Ok(None) };
    let spread = builder.spread();
    let sql = format!("SELECT count(*) FROM (SELECT 1 AS one FROM ({listing}) q LIMIT {most}) p{spread}");
    sql::int(on, &sql, &builder.given(&sql)).map(Some)
}

/// Whether index rows of a version and its facility answer a clause, without the version's own row.
pub(super) fn is_told_by_indexes(clause: &Clause) -> bool {
    match clause {
        Clause::All(of) | Clause::Any(of) => of.iter().all(is_told_by_indexes),
        Clause::Not(of) => is_told_by_indexes(of),
        Clause::Id(_) | Clause::LastUpdated(_) | Clause::Type(_) | Clause::Chain { .. } | Clause::Referred { .. } => {
            false
        }
        _ => true,
    }
}

/// Whether testing a resource looks through what refers to it.
pub(super) fn looks_through(clause: &Clause) -> bool {
    match clause {
        Clause::All(of) | Clause::Any(of) => of.iter().any(looks_through),
        Clause::Not(of) => looks_through(of),
        Clause::Chain { clause, .. } => looks_through(clause),
        Clause::Referred { .. } => true,
        _ => false,
    }
}

/// Whether what `Builder::listing` lists of a clause is all that it means, so that it need not be tested again.
pub(super) fn lists_exactly(clause: &Clause) -> bool {
    match clause {
        Clause::All(of) => matches!(of.as_slice(), [one] if lists_exactly(one)),
        Clause::Any(of) => of.iter().all(lists_exactly),
        Clause::Chain { clause, .. } | Clause::Referred { clause, .. } => lists_exactly(clause),
        Clause::Id(_) => false,
        _ => true,
    }
}
