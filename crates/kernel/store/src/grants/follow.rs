//! What a written Consent or referral opens or refuses.
//!
//! A Consent that is active and whose provision permits names by `provision.actor` the facilities that may read the person's
//! record; one that denies names those that may not, or everybody. A ServiceRequest that is active and whose performer is
//! another facility refers the person there. What a facility writes opens nothing to itself: it takes another facility, the
//! province or the person. A permission for a part of the record opens nothing: what it leaves out is not told apart here.

use super::{NewGrant, Review, person_of_patient};
use crate::{Result, Tx, people, schema};
use mach_access::policy::{Purpose, Relation};
use mach_base::time::{now_seconds, parse_instant};
use mach_base::{Day, limits};
use mach_fhir::tree::Value;
use mach_fhir::{ResourceType, Tree};

/// What makes a permission one for a part of a record: as this is not followed, such a permission opens nothing.
const NARROWER: [&str; 6] = ["securityLabel", "class", "code", "dataPeriod", "data", "provision"];
/// Seconds of a day.
const DAY: i64 = 86_400;

/// Does what a version of a resource of `facility` (0: the province) says; `body` is none for a deletion.
pub(crate) fn follow(
    tx: &mut Tx<'_>,
    (kind, id, facility): (ResourceType, &str, i64),
    patient: Option<i64>,
    body: Option<&str>,
) -> Result<()> {
    if kind != ResourceType::CONSENT && kind != ResourceType::SERVICE_REQUEST {
        return Ok(());
    }
    let source = format!("{}/{facility}/{id}", kind.name());
    let before = "SELECT (SELECT count(*) FROM access_grant WHERE source = ?1)
        + (SELECT count(*) FROM access_refusal WHERE source = ?1)";
    // Most requests of a hospital refer nobody anywhere: their text tells.
    let concerns = body.is_some_and(|b| kind == ResourceType::CONSENT || b.contains("Organization"));
    if !concerns && crate::sql::int(tx, before, &[source.as_str().into()])? == 0 {
        return Ok(());
    }
    tx.end_source(&source)?;
    let Some(tree) = body.and_then(|b| Tree::parse(b).ok()) else { return Ok(()) };
    let root = tree.root();
    if root.get_text("status").as_deref() != Some("active") {
        return Ok(());
    }
    let subject = root.get("patient").or_else(|| root.get("subject")).and_then(|r| r.get_text("reference"));
    let named = match subject.as_deref().and_then(|r| r.strip_prefix("Patient/")) {
        Some(id) => person_of_patient(tx, facility, id)?,
        None => None,
    };
    let Some(mut person) = patient.or(named) else { return Ok(()) };
    // What is said of somebody who was merged is said of whom they are.
    while let Some(into) = people::person(tx, person)?.and_then(|p| p.merged_into) {
        person = into;
    }
    match kind {
        ResourceType::CONSENT => consent(tx, root, (person, facility), &source),
        _ => referral(tx, root, (person, facility), &source),
    }
}

fn consent(tx: &mut Tx<'_>, root: Value<'_>, (person, writer): (i64, i64), source: &str) -> Result<()> {
    let Some(provision) = root.get("provision") else { return Ok(()) };
    let actors = match provision.get("actor") {
        Some(actors) => actors.items().filter_map(|actor| actor.get("reference")).collect(),
        None => Vec::new(),
    };
    let bound = |name: &str| provision.get("period").and_then(|p| p.get_text(name));
    let from = bound("start").map_or(Some(0), |start| begin_of(&start));
    let until = bound("end").map_or_else(|| Some(now_seconds() + limits::CONSENT_DAYS * DAY), |end| end_of(&end));
    match provision.get_text("type").as_deref() {
        Some("deny") if actors.is_empty() => tx.refuse(person, 0, source),
        Some("deny") => {
            for actor in actors {
                if let Some(facility) = facility_of(tx, actor)? {
                    tx.refuse(person, facility, source)?;
                }
            }
            Ok(())
        }
        Some("permit") => {
            // A time that is written and not understood opens nothing; nor does a permission that is narrower than a record.
            let Some((from, until)) = from.zip(until).filter(|_| !NARROWER.iter().any(|n| provision.get(n).is_some()))
            else {
                return Ok(());
            };
            for actor in actors {
                if let Some(facility) = facility_of(tx, actor)?.filter(|f| *f != writer) {
                    open(tx, (person, facility), Relation::Consented, (from, until), source)?;
                }
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

fn referral(tx: &mut Tx<'_>, root: Value<'_>, (person, writer): (i64, i64), source: &str) -> Result<()> {
    let Some(performers) = root.get("performer") else { return Ok(()) };
    for performer in performers.items() {
        if let Some(facility) = facility_of(tx, performer)?.filter(|f| *f != writer) {
            let until = now_seconds() + limits::REFERRAL_DAYS * DAY;
            open(tx, (person, facility), Relation::Referred, (0, until), source)?;
        }
    }
    Ok(())
}

fn open(
    tx: &mut Tx<'_>,
    (person, facility): (i64, i64),
    relation: Relation,
    (from, until): (i64, i64),
    source: &str,
) -> Result<()> {
    let new = NewGrant {
        person,
        account: 0,
        facility,
        relation,
        purpose: Purpose::Treatment,
        until,
        reason: String::new(),
        source: source.to_owned(),
        from,
        review: Review::NotNeeded,
    };
    tx.grant(&new).map(drop)
}

/// The facility that a reference means: by its code as identifier, or as the Organization that claims make of it.
fn facility_of(tx: &mut Tx<'_>, reference: Value<'_>) -> Result<Option<i64>> {
    let by_code = reference.get("identifier").and_then(|i| i.get_text("value"));
    let by_id = reference.get_text("reference").and_then(|r| r.strip_prefix("Organization/f").map(str::to_owned));
    match by_code.map(std::borrow::Cow::into_owned).or(by_id) {
        Some(code) => schema::facility_of_code(tx, &code),
        None => Ok(None),
    }
}

/// The day a date begins with, and the one after its last: `2026`, `2026-03`, `2026-03-05`.
fn days_of(text: &str) -> Option<(Day, Day)> {
    if let Some(day) = Day::parse_iso(text) {
        return Some((day, Day(day.0 + 1)));
    }
    let is_number = |t: &str, length| t.len() == length && t.bytes().all(|b| b.is_ascii_digit());
    let (year, month) = match text.split_once('-') {
        Some((year, month)) => (year, Some(month).filter(|m| is_number(m, 2))?),
        None => (text, ""),
    };
    let year: i32 = Some(year).filter(|y| is_number(y, 4))?.parse().ok()?;
    match month.parse::<u32>() {
        Ok(12) => Some((Day::from_ymd(year, 12, 1)?, Day::from_ymd(year + 1, 1, 1)?)),
        Ok(month) => Some((Day::from_ymd(year, month, 1)?, Day::from_ymd(year, month + 1, 1)?)),
        Err(_) => Some((Day::from_ymd(year, 1, 1)?, Day::from_ymd(year + 1, 1, 1)?)),
    }
}

/// The second in which a day begins in Viet Nam.
fn midnight(day: Day) -> i64 {
    i64::from(day.0) * DAY - 7 * 3_600
}

/// The first second of a date, or a moment.
fn begin_of(text: &str) -> Option<i64> {
    match days_of(text) {
        Some((first, _)) => Some(midnight(first)),
        None => parse_instant(text).map(|millis| millis.div_euclid(1_000)),
    }
}

/// The second after a date, or a moment.
fn end_of(text: &str) -> Option<i64> {
    match days_of(text) {
        Some((_, after)) => Some(midnight(after)),
        None => parse_instant(text).map(|millis| millis.div_euclid(1_000)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_as_long_as_it_is_written() {
        let seconds = |text: &str| parse_instant(text).unwrap() / 1_000;
        for (text, begin, end) in [
            ("2026", "2026-01-01T00:00:00+07:00", "2027-01-01T00:00:00+07:00"),
            ("2026-03", "2026-03-01T00:00:00+07:00", "2026-04-01T00:00:00+07:00"),
            ("2026-12", "2026-12-01T00:00:00+07:00", "2027-01-01T00:00:00+07:00"),
            ("2028-02-29", "2028-02-29T00:00:00+07:00", "2028-03-01T00:00:00+07:00"),
            ("2026-03-05T08:00:00Z", "2026-03-05T08:00:00Z", "2026-03-05T08:00:00Z"),
        ] {
            assert_eq!((begin_of(text), end_of(text)), (Some(seconds(begin)), Some(seconds(end))), "{text}");
        }
        for text in ["", "26", "2026-", "2026-13", "2026-00", "2026-3", "+026", "2026-02-30", "soon"] {
            assert_eq!((begin_of(text), end_of(text)), (None, None), "{text}");
        }
    }
}
