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
pub(super) fn flatten(clause: &Clause, into: &mut Vec<Clause>) {
    match clause {
        Clause::All(of) => of.iter().for_each(|c| flatten(c, into)),
        other => into.push(other.clone()),
    }
}

/// The clause that lists fewest; `None` where none lists.
pub(super) fn lead(
    on: &mut dyn Query,
    clauses: &[Clause],
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

/// The clause that a link must lead to, and the type it is about.
fn within(clause: &Clause) -> Option<(&Clause, ResourceType)> {
    match clause {
        Clause::Chain { target, clause, .. } => Some((clause, *target)),
        Clause::Referred { source, clause, .. } => Some((clause, *source)),
        _ => None,
    }
}

/// How many rows a clause lists, counted to `PROBED`; `None` where it does not list.
fn rows_of(on: &mut dyn Query, clause: &Clause, kind: ResourceType, asked: (Scope, i64)) -> Result<Option<i64>> {
    if let Some((inner, of)) = within(clause)
        && let Some(PROBED..) = rows_of(on, inner, of, asked)?
    {
        return Ok(Some(PROBED));
    }
    let mut builder = Builder::new(asked.0, asked.1);
    let Some(listing) = builder.listing(clause, kind) else { return Ok(None) };
    let spread = builder.spread();
    let sql = format!("SELECT count(*) FROM (SELECT 1 AS one FROM ({listing}) q LIMIT {PROBED}) p{spread}");
    sql::int(on, &sql, &builder.given(&sql)).map(Some)
}
