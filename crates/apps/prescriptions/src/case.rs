//! A prescription with all that is known of it, and what the rules need of its person.

use crate::bodies;
use crate::check::{Content, Subject};
use crate::dispense::names_receiver;
use crate::receipt;
use mach_access::Scope;
use mach_access::sensitive::Sensitive;
use mach_base::Day;
use mach_fhir::{ResourceType, Tree};
use mach_signing::patient::{self, Signed};
use mach_store::prescriptions::{self, Line, Prescription, Sale, State};
use mach_store::signing::{self, Act, Flight};
use mach_store::sql::Query;
use mach_store::{Error, Result, people, resources, schema};

/// Allergies that are looked at.
const ALLERGIES: usize = 100;

/// A prescription with all that is known of it.
#[derive(Clone, Debug)]
pub struct Case {
    /// The row.
    pub row: Prescription,
    /// What was written.
    pub content: Content,
    /// Its lines as the pharmacy counts them.
    pub lines: Vec<Line>,
    /// What was handed out.
    pub sales: Vec<Sale>,
    /// Its signature, under way or done.
    pub flight: Option<Flight>,
    /// What those signed who took of it, by the mark of the sale.
    pub receipts: Vec<(String, Signed)>,
    /// The facility's code.
    pub facility: String,
    /// Whether what is kept is no longer what was written: somebody changed it by another way. Nothing is done with it then.
    pub altered: bool,
}

impl Case {
    /// Whether it may be dispensed at a moment.
    pub fn is_open(&self, now: i64) -> bool {
        matches!(self.row.state, State::Signed | State::Partly)
            && self.row.opens.is_some_and(|o| o <= now)
            && self.row.expires.is_some_and(|e| now <= e)
            && !self.altered
    }

    /// Whether an account may see all of it.
    pub fn is_open_to(&self, account: i64) -> bool {
        !self.row.sensitive || self.is_by(account)
    }

    /// Whether an account wrote it.
    pub fn is_by(&self, account: i64) -> bool {
        account != 0 && self.row.account == account
    }
}

/// Whether a diagnosis is of those that stay between the person and who treats.
pub(crate) fn is_sensitive(content: &Content) -> bool {
    let day = Day::parse_iso(&content.day).unwrap_or(Day::today());
    let rules = Sensitive::shared();
    content.diagnoses.iter().any(|d| !rules.of(bodies::ICD10, &d.code, day).is_empty())
}

/// The bytes of a file of a prescription.
fn file(on: &mut dyn Query, p: &Prescription, name: &str) -> Result<Option<Vec<u8>>> {
    let id = format!("{}-{name}", bodies::id(&p.code));
    let found = resources::current(on, Scope::Facility(p.facility), ResourceType::BINARY, &id)?;
    let Some(found) = found.filter(|r| !r.deleted) else { return Ok(None) };
    let tree = Tree::parse(found.body.as_str()).map_err(|e| Error::Files(e.to_string()))?;
    let data = tree.root().get_text("data").unwrap_or_default();
    Ok(mach_sign::from_base64(&data).ok())
}

/// SHA-256, hexadecimal.
pub(crate) fn digest(bytes: &[u8]) -> String {
    mach_sign::hex(&mach_sign::sha256(bytes))
}

/// The signed paper as it is kept; `None` where nobody signed it, or where what is kept is another file.
///
/// # Errors
/// Of the store.
pub fn signed_paper(on: &mut dyn Query, p: &Prescription) -> Result<Option<Vec<u8>>> {
    Ok(file(on, p, "paper")?.filter(|bytes| !p.paper.is_empty() && digest(bytes) == p.paper))
}

/// The prescription with this code.
///
/// # Errors
/// Of the store.
pub fn load(on: &mut dyn Query, code: &str) -> Result<Option<Case>> {
    let Some(row) = prescriptions::by_code(on, code)? else { return Ok(None) };
    of(on, row).map(Some)
}

/// All of a row.
///
/// # Errors
/// Of the store.
pub fn of(on: &mut dyn Query, row: Prescription) -> Result<Case> {
    let bytes = file(on, &row, "doc")?.filter(|bytes| digest(bytes) == row.digest);
    let read = bytes.and_then(|bytes| serde_json::from_slice::<Content>(&bytes).ok());
    let altered = read.is_none();
    let lines = prescriptions::lines(on, &row)?;
    let sales = prescriptions::sales(on, &row)?;
    let flight = signing::flight_of(on, row.facility, &row.code, Act::Prescribe)?;
    let facility = schema::facility_code(on, row.facility)?.unwrap_or_default();
    let receipts = if names_receiver(&row) { receipts(on, &row, &sales)? } else { Vec::new() };
    Ok(Case { row, content: read.unwrap_or_default(), lines, sales, flight, receipts, facility, altered })
}

/// The signatures of those who took of it here.
fn receipts(on: &mut dyn Query, row: &Prescription, sales: &[Sale]) -> Result<Vec<(String, Signed)>> {
    let mut out = Vec::new();
    for sale in sales.iter().filter(|s| s.place.is_empty()) {
        let pharmacy = schema::facility_code(on, sale.pharmacy)?.unwrap_or_default();
        let mark = receipt::mark(&pharmacy, &sale.invoice);
        let signed = patient::of(on, row.facility, &receipt::name(&row.code, &mark), Act::Receive)?;
        out.extend(signed.map(|signed| (mark, signed)));
    }
    Ok(out)
}

/// Whole months from a birth to a day.
pub(crate) fn months_between(born: Day, today: Day) -> i32 {
    let ((y, m, d), (by, bm, bd)) = (today.ymd(), born.ymd());
    let months = i32::try_from(m).unwrap_or(0) - i32::try_from(bm).unwrap_or(0);
    12 * (y - by) + months - i32::from(d < bd)
}

/// What the rules need of a person, as the reader may see it; `None` where the reader's facility does not know them. What is in
/// use of `series` (the code of its first) is left out: it is one treatment.
///
/// # Errors
/// Of the store.
pub fn subject(on: &mut dyn Query, person: i64, today: Day, series: &str) -> Result<Option<Subject>> {
    let scope = on.scope();
    let Some(row) = people::person(on, person)?.filter(|p| p.merged_into.is_none()) else { return Ok(None) };
    if let Some(facility) = scope.facility()
        && !people::knows(on, facility, person)?
    {
        return Ok(None);
    }
    let born = row.birth_day.and_then(|d| i32::try_from(d).ok()).map(Day);
    let months = match born {
        Some(born) => Some(months_between(born, today)),
        None if row.birth_year > 0 => Some(12 * (today.ymd().0 - i32::try_from(row.birth_year).unwrap_or(0))),
        None => None,
    };
    let mut allergies = Vec::new();
    let mut known = resources::of_patient(on, person, ResourceType::ALLERGY_INTOLERANCE, None, ALLERGIES)?;
    // Whoever wrote down an allergy need not have said when.
    known.extend(resources::undated_of_patient(on, person, ResourceType::ALLERGY_INTOLERANCE, ALLERGIES)?);
    for found in known {
        let Ok(tree) = Tree::parse(found.body.as_str()) else { continue };
        let Some(code) = tree.root().get("code") else { continue };
        let coding = code.get("coding").and_then(|c| c.items().next());
        let display = coding.and_then(|c| Some(c.get_text("display")?.into_owned()));
        allergies.extend(code.get_text("text").map(|t| t.into_owned()).or(display));
    }
    let in_use = prescriptions::in_use(on, person, i64::from(today.0))?;
    let others = in_use.into_iter().filter(|(_, of, _)| of.is_empty() || of != series);
    let in_use = others.map(|(code, _, line)| (code, line.ingredient)).collect();
    Ok(Some(Subject { months, has_number: row.national.is_some(), allergies, in_use }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_are_whole_ones() {
        let day = |y, m, d| Day::from_ymd(y, m, d).expect("a day");
        for (born, today, months) in [
            (day(2020, 11, 27), day(2026, 11, 26), 71),
            (day(2020, 11, 26), day(2026, 11, 26), 72),
            (day(2026, 1, 31), day(2026, 2, 28), 0),
            (day(2026, 11, 26), day(2026, 11, 26), 0),
        ] {
            assert_eq!(months_between(born, today), months, "{born} {today}");
        }
    }
}
