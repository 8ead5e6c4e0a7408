//! Lists of claims and files: keyset-paged, newest first.

use crate::claims::State;
use crate::distribution::every;
use crate::sealed::{self, row};
use crate::sql::{self, Arg, Query, Row};
use crate::{Error, Result};

/// A claim as lists show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimRow {
    /// Its number.
    pub id: i64,
    /// The facility's code.
    pub facility: String,
    /// The facility's number.
    pub facility_id: i64,
    /// `MA_LK`.
    pub link: String,
    /// Whether `link` is a real `MA_LK`.
    pub keyed: bool,
    /// Latest version.
    pub version: i64,
    /// Where it stands.
    pub state: State,
    /// The version that counts.
    pub accepted: Option<i64>,
    /// The person.
    pub person: Option<i64>,
    /// When its latest version came, seconds since 1970 UTC.
    pub at: i64,
    /// Layout.
    pub layout: String,
    /// `MA_LOAI_KCB`.
    pub kind: String,
    /// Minute of arrival.
    pub arrived: Option<i64>,
    /// Day of leaving.
    pub left_day: Option<i64>,
    /// Main diagnosis.
    pub main_dx: String,
    /// Total cost, 1/100 đồng.
    pub cost: i64,
    /// Asked of the insurer, 1/100 đồng.
    pub insurer: i64,
    /// Lines of all tables.
    pub lines: i64,
    /// Findings that refuse the latest version.
    pub refusals: i64,
    /// Findings that warn.
    pub warnings: i64,
}

const COLUMNS: &str = "c.id, f.code, c.link, c.keyed, c.version, c.state, c.accepted, c.person, c.at, c.layout, c.kind,
    c.arrived, c.left_day, c.main_dx, c.cost, c.insurer, c.lines, c.refusals, c.warnings, c.facility";

fn claim_row(r: &dyn Row) -> Result<ClaimRow> {
    Ok(ClaimRow {
        id: r.int(0)?,
        facility: r.text(1)?.to_owned(),
        link: r.text(2)?.to_owned(),
        keyed: r.int(3)? != 0,
        version: r.int(4)?,
        state: State::from_number(r.int(5)?).ok_or(Error::Column(5))?,
        accepted: r.opt_int(6)?,
        person: r.opt_int(7)?,
        at: r.int(8)?,
        layout: r.text(9)?.to_owned(),
        kind: r.text(10)?.to_owned(),
        arrived: r.opt_int(11)?,
        left_day: r.opt_int(12)?,
        main_dx: sealed::opened(&row!("claim", r.int(19)?, r.text(2)?), r.text(13)?)?,
        cost: r.int(14)?,
        insurer: r.int(15)?,
        lines: r.int(16)?,
        refusals: r.int(17)?,
        warnings: r.int(18)?,
        facility_id: r.int(19)?,
    })
}

/// One page of claims, newest number first: of one state or all, of one facility or all, below number `before`.
pub fn page(
    on: &mut dyn Query,
    facility: Option<i64>,
    state: Option<State>,
    before: Option<i64>,
    limit: usize,
) -> Result<Vec<ClaimRow>> {
    let mut filter = String::from("c.id < ?1");
    let mut args: Vec<Arg<'_>> = vec![before.unwrap_or(i64::MAX).into(), (limit as i64).into()];
    if let Some(facility) = facility {
        args.push(facility.into());
        filter.push_str(&format!(" AND c.facility = ?{}", args.len()));
    }
    if let Some(state) = state {
        args.push((state as i64).into());
        filter.push_str(&format!(" AND c.state = ?{}", args.len()));
    }
    let sql = format!(
        "SELECT {COLUMNS} FROM claim c JOIN facility f ON f.id = c.facility WHERE {filter} ORDER BY c.id DESC LIMIT ?2{}",
        spread(facility)
    );
    sql::list(on, &sql, &args, claim_row)
}

/// How many claims stand in each state, of one facility or all.
pub fn counts(on: &mut dyn Query, facility: Option<i64>) -> Result<Vec<(State, i64)>> {
    let of = if facility.is_some() { "WHERE facility = ?1 " } else { "" };
    let sql = format!(
        "SELECT state, CAST(sum(n) AS BIGINT) FROM claim_count {of}GROUP BY state ORDER BY state{}",
        spread(facility)
    );
    let args: Vec<Arg<'_>> = facility.map(Arg::Int).into_iter().collect();
    sql::list(on, &sql, &args, |r| Ok((State::from_number(r.int(0)?).ok_or(Error::Column(0))?, r.int(1)?)))
}

/// A claim by its number; `None` also where it is another facility's than `facility`.
pub fn by_id(on: &mut dyn Query, facility: Option<i64>, id: i64) -> Result<Option<ClaimRow>> {
    let (of, spread) = of_facility(facility);
    let sql = format!("SELECT {COLUMNS} FROM claim c JOIN facility f ON f.id = c.facility WHERE c.id = ?1{of}{spread}");
    sql::first(on, &sql, &[id.into()], claim_row)
}

/// Claims of some facilities with this `MA_LK`, at most `limit`: one row by its key for each facility.
pub fn by_link(on: &mut dyn Query, facilities: &[i64], link: &str, limit: usize) -> Result<Vec<ClaimRow>> {
    if facilities.is_empty() {
        return Ok(Vec::new());
    }
    let (marks, of) = sql::padded(facilities, 2);
    let sql = format!(
        "SELECT {COLUMNS} FROM claim c JOIN facility f ON f.id = c.facility WHERE c.facility IN ({marks}) AND c.link = ?1
            ORDER BY c.facility LIMIT {limit}"
    );
    sql::list(on, &sql, &[&[link.into()], of.as_slice()].concat(), claim_row)
}

/// Claims by their facilities' and their own numbers, in the order given; numbers without a claim are left out.
pub fn by_ids(on: &mut dyn Query, ids: &[(i64, i64)]) -> Result<Vec<ClaimRow>> {
    ids.iter().filter_map(|(facility, id)| by_id(on, Some(*facility), *id).transpose()).collect()
}

/// The condition that a claim `c` is a facility's, and the mark of the statement where it is anybody's.
fn of_facility(facility: Option<i64>) -> (String, &'static str) {
    (facility.map_or(String::new(), |f| format!(" AND c.facility = {f}")), spread(facility))
}

fn spread(facility: Option<i64>) -> &'static str {
    if facility.is_some() { "" } else { every!("province") }
}

/// Claims of a person that count, newest arrival first.
pub fn of_person(on: &mut dyn Query, person: i64, limit: usize) -> Result<Vec<ClaimRow>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM claim c JOIN facility f ON f.id = c.facility
            WHERE c.person = ?1 AND c.accepted IS NOT NULL ORDER BY c.arrived DESC, c.id DESC LIMIT ?2{}",
        every!("person record")
    );
    sql::list(on, &sql, &[person.into(), (limit as i64).into()], claim_row)
}

/// Visits of a person, newest arrival first: claims that count and are not withdrawn, past `before` (arrival, number) if
/// given, at most `limit`.
pub fn visits_of_person(
    on: &mut dyn Query,
    person: i64,
    before: Option<(i64, i64)>,
    limit: usize,
) -> Result<Vec<ClaimRow>> {
    let (arrived, id) = before.unwrap_or((i64::MAX, i64::MAX));
    let shown = shown(on, person)?;
    let sql = format!(
        "SELECT {COLUMNS} FROM claim c JOIN facility f ON f.id = c.facility
            WHERE c.person = ?1 AND (c.arrived, c.id) < (?2, ?3) AND c.accepted IS NOT NULL AND c.state <> {}{shown}
            ORDER BY c.arrived DESC, c.id DESC LIMIT ?4{}",
        State::Withdrawn as i64,
        every!("person record")
    );
    sql::list(on, &sql, &[person.into(), arrived.into(), id.into(), (limit as i64).into()], claim_row)
}

/// The condition that nothing of a visit is closed to the asker.
fn shown(on: &mut dyn Query, person: i64) -> Result<String> {
    let hidden = crate::resources::closed_claims(on, person)?;
    let list = hidden.iter().map(i64::to_string).collect::<Vec<_>>().join(", ");
    Ok(if hidden.is_empty() { String::new() } else { format!(" AND c.id NOT IN ({list})") })
}

/// Number of a person's visits: claims that count and are not withdrawn.
pub fn visit_count(on: &mut dyn Query, person: i64) -> Result<i64> {
    let shown = shown(on, person)?;
    let sql = format!(
        "SELECT count(*) FROM claim c WHERE c.person = ?1 AND c.accepted IS NOT NULL AND c.state <> {}{shown}{}",
        State::Withdrawn as i64,
        every!("person record")
    );
    sql::int(on, &sql, &[person.into()])
}

/// Numbers of accepted claims above `after`, ascending: what an export walks through.
pub fn accepted_after(on: &mut dyn Query, facility: Option<i64>, after: i64, limit: usize) -> Result<Vec<ClaimRow>> {
    let (of, spread) = of_facility(facility);
    let sql = format!(
        "SELECT {COLUMNS} FROM claim c JOIN facility f ON f.id = c.facility
            WHERE c.id > ?1 AND c.accepted IS NOT NULL{of} ORDER BY c.id LIMIT ?2{spread}"
    );
    sql::list(on, &sql, &[after.into(), (limit as i64).into()], claim_row)
}

/// A received file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileRow {
    /// Its number.
    pub id: i64,
    /// When it came, seconds since 1970 UTC.
    pub at: i64,
    /// Its name.
    pub name: String,
    /// Sender's facility code, where one was signed in.
    pub facility: Option<String>,
    /// Claims accepted, refused, duplicate, replaced; check-ins.
    pub totals: crate::claims::FileTotals,
    /// Findings of the file itself, JSON objects one after another; empty where there are none.
    pub findings: String,
    /// Whether it was read to its end.
    pub done: bool,
}

/// One page of received files, newest first.
pub fn files(on: &mut dyn Query, facility: Option<i64>, before: Option<i64>, limit: usize) -> Result<Vec<FileRow>> {
    let sql = "SELECT r.id, r.at, r.name, f.code, r.accepted, r.refused, r.duplicate, r.replaced, r.check_ins, r.findings, r.done
        FROM received_file r LEFT JOIN facility f ON f.id = r.facility
        WHERE r.id < ?1 AND (?2 IS NULL OR r.facility = ?2) ORDER BY r.id DESC LIMIT ?3";
    let args = [before.unwrap_or(i64::MAX).into(), facility.into(), (limit as i64).into()];
    sql::list(on, sql, &args, |r| {
        Ok(FileRow {
            id: r.int(0)?,
            at: r.int(1)?,
            name: r.text(2)?.to_owned(),
            facility: r.opt_text(3)?.map(str::to_owned),
            totals: crate::claims::FileTotals {
                accepted: r.int(4)?,
                refused: r.int(5)?,
                duplicate: r.int(6)?,
                replaced: r.int(7)?,
                check_ins: r.int(8)?,
            },
            findings: r.text(9)?.to_owned(),
            done: r.int(10)? != 0,
        })
    })
}
