//! How much waits for somebody, since when and until when: one small statement for each kind, over an index, counted to a bound.

use crate::distribution::{unless_one, within};
use crate::prescriptions::{self, COUNTS};
use crate::sql::{self, Arg, Query};
use crate::{Result, certificates};
use mach_base::limits::WAITING_ROWS;

/// What waits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Waiting {
    /// How much: never more than [`WAITING_ROWS`], which means that many or more.
    pub count: i64,
    /// Since when the longest waits, seconds.
    pub oldest: Option<i64>,
    /// When the first is due, seconds.
    pub due: Option<i64>,
}

/// Where there is no such second.
const NONE: &str = "CAST(NULL AS BIGINT)";

/// Counts the rows of `from` (table and condition), the longest waiting first by `id`; `since` and `due` are columns, or [`NONE`].
fn counted(on: &mut dyn Query, (since, due): (&str, &str), from: &str, args: &[Arg<'_>]) -> Result<Waiting> {
    let every = unless_one(on.scope());
    counted_over(on, (since, due), from, args, every)
}

fn counted_over(
    on: &mut dyn Query,
    (since, due): (&str, &str),
    from: &str,
    args: &[Arg<'_>],
    every: &str,
) -> Result<Waiting> {
    let sql = format!(
        "SELECT count(*), min(w.since), min(w.due) FROM (SELECT {since} AS since, {due} AS due FROM {from}
            ORDER BY id LIMIT {WAITING_ROWS}) w{every}"
    );
    let read = |r: &dyn sql::Row| Ok(Waiting { count: r.int(0)?, oldest: r.opt_int(1)?, due: r.opt_int(2)? });
    Ok(sql::first(on, &sql, args, read)?.unwrap_or_default())
}

/// Certificates in a state.
pub fn certificates(on: &mut dyn Query, state: certificates::State) -> Result<Waiting> {
    let from = format!("certificate WHERE {} AND state = {}", within(on.scope()), state as i64);
    counted(on, ("coalesce(concluded, opened)", "due"), &from, &[])
}

/// Certificates that the gateway gave back.
pub fn certificates_refused(on: &mut dyn Query) -> Result<Waiting> {
    let from =
        format!("certificate WHERE {} AND sending = {}", within(on.scope()), certificates::Sending::Refused as i64);
    counted(on, ("concluded", "due"), &from, &[])
}

/// Prescriptions that an account wrote and did not sign.
pub fn drafts_of(on: &mut dyn Query, account: i64) -> Result<Waiting> {
    let from = format!(
        "prescription WHERE {} AND state = {} AND account = ?1",
        within(on.scope()),
        prescriptions::State::Draft as i64
    );
    counted(on, ("written", NONE), &from, &[account.into()])
}

/// Prescriptions of an account that the national system gave back.
pub fn prescriptions_refused(on: &mut dyn Query, account: i64) -> Result<Waiting> {
    let refused = prescriptions::Sending::Refused as i64;
    let from =
        format!("prescription WHERE {} AND sending = {refused} AND account = ?1 AND {COUNTS}", within(on.scope()));
    counted(on, ("signed", NONE), &from, &[account.into()])
}

/// Claims that were refused and not sent anew.
pub fn claims_refused(on: &mut dyn Query) -> Result<Waiting> {
    let from = format!("claim WHERE {} AND state = {}", within(on.scope()), crate::claims::State::Refused as i64);
    counted(on, ("at", NONE), &from, &[])
}

/// People whose identity at vaccination is in doubt.
pub fn vaccine_doubts(on: &mut dyn Query) -> Result<Waiting> {
    let from = format!("vaccine_doubt WHERE {} AND closed IS NULL", within(on.scope()));
    counted(on, ("opened", NONE), &from, &[])
}

/// Pairs of people who may be one.
pub fn people_in_doubt(on: &mut dyn Query) -> Result<Waiting> {
    counted_over(on, (NONE, NONE), "person_review WHERE state = 0", &[], "")
}

/// Emergencies that nobody has reviewed; those of the reader's facility, where they belong to one.
pub fn emergencies(on: &mut dyn Query) -> Result<Waiting> {
    let at = on.scope().facility().map_or(String::new(), |f| format!(" AND at_facility = {f}"));
    counted_over(on, ("made", NONE), &format!("access_grant WHERE review = 1{at}"), &[], "")
}

/// Requests to the access desk of the reader's facility (0: the department's) that wait for a decision of somebody else than who
/// wrote them down.
pub fn desk_requests(on: &mut dyn Query, account: i64) -> Result<Waiting> {
    let own = on.scope().facility().unwrap_or(0);
    let from = format!("access_request WHERE facility = {own} AND state = 0 AND made_by <> ?1");
    counted_over(on, ("made", NONE), &from, &[account.into()], "")
}

/// Claim files that an account sent since second `from` and that were not read to their end, or could not be read.
pub fn broken_files(on: &mut dyn Query, account: i64, from: i64) -> Result<Waiting> {
    let rows = "received_file WHERE account = ?1 AND at >= ?2 AND (done = 0 OR findings <> '')";
    counted_over(on, ("at", NONE), rows, &[account.into(), from.into()], "")
}

/// Spreadsheets of doses that an account sent since second `from`, with rows that were refused or not read.
pub fn broken_sheets(on: &mut dyn Query, account: i64, from: i64) -> Result<Waiting> {
    let rows = format!(
        "vaccine_file WHERE {} AND account = ?1 AND begun >= ?2 AND (bad > 0 OR ended IS NULL)",
        within(on.scope())
    );
    counted(on, ("begun", NONE), &rows, &[account.into(), from.into()])
}
