//! Which clause leads.

use super::Clause;
use super::sql::Builder;
use crate::Result;
use crate::sql::{self, Query};
use mach_access::Scope;
use mach_fhir::ResourceType;

/// Rows counted of each clause that could lead. A clause with more is "many".
const PROBED: i64 = 1_000;
/// A clause with so few rows leads without looking further.
const FEW: i64 = 32;

/// The clause that leads a search.
pub(super) struct Lead {
    /// Which.
    pub at: usize,
    /// Whether it lists at least `PROBED` rows.
    pub many: bool,
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
    let mut best: Option<(Lead, i64, bool)> = None;
    for (at, clause) in clauses.iter().enumerate() {
        let count = rows_of(on, clause, kind, (scope, seq))?;
        let Some(count) = count else { continue };
        let in_order = Builder::new(scope, seq).rows(clause, kind).is_some_and(|r| r.in_order);
        // Among those with many, one in the order of versions can stop after a page.
        let better = best.as_ref().is_none_or(|(_, n, ordered)| count < *n || (count == *n && in_order && !ordered));
        if better {
            best = Some((Lead { at, many: count >= PROBED }, count, in_order));
        }
        if count <= FEW {
            break;
        }
    }
    Ok(best.map(|(lead, ..)| lead))
}

/// How many rows a clause lists, counted to `PROBED`; `None` where it does not list.
fn rows_of(on: &mut dyn Query, clause: &Clause, kind: ResourceType, asked: (Scope, i64)) -> Result<Option<i64>> {
    match clause {
        // Hardly a resource refers to several by one parameter: whoever refers is counted, and no link followed for that.
        Clause::Referred { source, clause, .. } => return rows_of(on, clause, *source, asked),
        Clause::Chain { target, clause, .. } => {
            if let Some(PROBED..) = rows_of(on, clause, *target, asked)? {
                return Ok(Some(PROBED));
            }
        }
        _ => {}
    }
    let mut builder = Builder::new(asked.0, asked.1);
    let Some(listing) = builder.listing(clause, kind) else { return Ok(None) };
    let spread = builder.spread();
    let sql = format!("SELECT count(*) FROM (SELECT 1 AS one FROM ({listing}) q LIMIT {PROBED}) p{spread}");
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
