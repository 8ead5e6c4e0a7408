//! What the token of an app leaves of the rows its person may see, as a condition on a row of `resource`: integers only.

use mach_access::app::{Narrowed, Only, Opened};

/// The condition that a row `alias` is opened by each right that is needed. Where nobody holds the narrowing any more, by none.
pub(super) fn narrowed(alias: &str, app: Narrowed) -> String {
    let Some(narrow) = app.narrow() else { return "1 = 0".to_owned() };
    let registers = narrow.registers.iter().map(u16::to_string).collect::<Vec<_>>().join(", ");
    let patient = narrow.person.map_or("1 = 0".to_owned(), |person| format!("{alias}.patient = {person}"));
    let of = |opened: &Opened| {
        let mut all = Vec::new();
        match (opened.of_patient, opened.kind) {
            (_, Some(kind)) => all.push(format!("{alias}.type = {kind}")),
            (true, None) => all.push(format!("({patient} OR {alias}.type IN ({registers}))")),
            (false, None) => {}
        }
        if opened.of_patient && opened.kind.is_some_and(|kind| !narrow.registers.contains(&kind)) {
            all.push(patient.clone());
        }
        all.extend(opened.only.iter().map(|only| found(alias, opened.kind.unwrap_or(0), only)));
        if all.is_empty() { "1 = 1".to_owned() } else { all.join(" AND ") }
    };
    let rights = app.need.rights().iter().map(|right| {
        let ways: Vec<String> = narrow
            .opened
            .iter()
            .filter(|o| o.rights.has(*right))
            // What belongs to nobody is not one patient's to change.
            .filter(|o| !(right.writes() && o.of_patient && o.kind.is_some_and(|k| narrow.registers.contains(&k))))
            .map(of)
            .collect();
        if ways.is_empty() { "1 = 0".to_owned() } else { format!("({})", ways.join(" OR ")) }
    });
    rights.collect::<Vec<_>>().join(" AND ")
}

/// That the current version of a row's resource is found by a token. An earlier version may have been another: it is not shown.
fn found(alias: &str, kind: u16, only: &Only) -> String {
    let value = |(code, system): &(i64, Option<i64>)| {
        let system = system.map_or(String::new(), |s| format!(" AND nt.system = {s}"));
        format!("(nt.hash = {code}{system})")
    };
    let values = only.any.iter().map(value).collect::<Vec<_>>().join(" OR ");
    format!(
        "{alias}.until = 0 AND EXISTS (SELECT 1 FROM index_token nt WHERE nt.param = {} AND nt.type = {kind} AND nt.rid = {alias}.rid
            AND nt.facility = {alias}.facility AND ({values}) LIMIT 1 OFFSET 0)",
        only.param
    )
}
