//! A person as others see them: their FHIR id, what is known of them, their Patient resource.

use crate::resolve::birth_of;
use crate::{Error, Number, NumberKind, Result};
use mach_fhir::json::Writer;
use mach_fhir::{IndexValue, index::Param};
use mach_store::people::{self as rows, PersonRow};
use mach_store::sql::Query;

/// Merges that may follow one upon another; past it the rows are damaged.
const MERGES_DEEP: usize = 64;

/// Everything known of a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PersonView {
    /// Particulars.
    pub person: PersonRow,
    /// Every number, also of people merged into this one, by kind.
    pub numbers: Vec<Number>,
    /// People merged directly into this one.
    pub merged: Vec<i64>,
}

/// The FHIR id of the Patient of person `number`: `p` and the number.
pub fn fhir_id(number: i64) -> String {
    format!("p{number}")
}

/// The person number of a Patient id, as [`fhir_id`] wrote it.
pub fn person_of(fhir_id: &str) -> Option<i64> {
    let digits = fhir_id.strip_prefix('p').filter(|d| !d.starts_with('0') && d.bytes().all(|b| b.is_ascii_digit()))?;
    digits.parse().ok()
}

/// The person that `person` is today, merges followed.
///
/// # Errors
/// [`Error::Unknown`] where there is no such person.
pub fn root(on: &mut dyn Query, person: i64) -> Result<i64> {
    root_row(on, person).map(|row| row.id)
}

pub(crate) fn root_row(on: &mut dyn Query, person: i64) -> Result<PersonRow> {
    let mut row = rows::person(on, person)?.ok_or(Error::Unknown("person"))?;
    for _ in 0..MERGES_DEEP {
        let Some(next) = row.merged_into else { return Ok(row) };
        row = rows::person(on, next)?.ok_or(Error::Unknown("person"))?;
    }
    Err(Error::Unknown("person"))
}

/// What is known of `person` itself; a merged one is not followed. `None` where there is no such person.
pub fn view(on: &mut dyn Query, person: i64) -> Result<Option<PersonView>> {
    let Some(row) = rows::person(on, person)? else { return Ok(None) };
    let merged = rows::merged_into(on, person)?;
    let (mut numbers, mut open, mut at) = (Vec::new(), vec![person], 0);
    while let Some(one) = open.get(at).copied() {
        numbers.extend(rows::numbers_of(on, one)?.iter().filter_map(Number::from_row));
        open.extend(rows::merged_into(on, one)?);
        at += 1;
    }
    numbers.sort_unstable();
    numbers.dedup();
    Ok(Some(PersonView { person: row, numbers, merged }))
}

fn number_system(number: &Number, facility_code: &dyn Fn(i64) -> String) -> String {
    match (number.kind, number.value.len()) {
        (NumberKind::National, 12) => "http://fhir.hl7.org.vn/core/sid/cccd".to_owned(),
        (NumberKind::National, 9) => "urn:mach:codes:CMND".to_owned(),
        (NumberKind::National, _) => "http://fhir.hl7.org.vn/core/sid/passport".to_owned(),
        (NumberKind::Insurance, _) => "http://fhir.hl7.org.vn/core/sid/bhyt".to_owned(),
        _ => format!("urn:mach:facility:{}:MA_BN", facility_code(number.facility)),
    }
}

/// The FHIR R4 Patient of a person. `facility_code` gives the five characters of a facility's number.
///
/// Numbers are identifiers (telephones are telecom); the family name is the first word of the name. A person merged into
/// another is not active and points to them (`replaced-by`); the other points back (`replaces`).
pub fn patient_json(view: &PersonView, facility_code: &dyn Fn(i64) -> String) -> String {
    let p = &view.person;
    let mut out = String::with_capacity(1024);
    Writer::object(&mut out, |w| {
        w.text("resourceType", "Patient").text("id", &fhir_id(p.id));
        let carried = || view.numbers.iter().filter(|n| n.kind != NumberKind::Phone);
        if carried().next().is_some() {
            w.list("identifier", |list| {
                for number in carried() {
                    let system = number_system(number, facility_code);
                    list.item(|w| {
                        w.text("system", &system).text("value", &number.value);
                    });
                }
            });
        }
        w.raw("active", p.merged_into.is_none());
        write_name(w, &p.name);
        if let Some(phone) = p.phone.as_deref().filter(|t| !t.is_empty()) {
            w.list("telecom", |list| {
                list.item(|w| {
                    w.text("system", "phone").text("value", phone);
                });
            });
        }
        w.text("gender", gender(p.sex));
        write_birth(w, p);
        write_address(w, p);
        write_links(w, view);
    });
    out
}

fn gender(sex: i64) -> &'static str {
    match sex {
        1 => "male",
        2 => "female",
        3 => "other",
        _ => "unknown",
    }
}

fn write_name(w: &mut Writer<'_>, name: &str) {
    if name.is_empty() {
        return;
    }
    let mut words = name.split_whitespace();
    let family = words.next().unwrap_or_default();
    let given: Vec<&str> = words.collect();
    w.list("name", |list| {
        list.item(|w| {
            w.text("use", "official").text("text", name).text_if("family", family);
            if !given.is_empty() {
                w.list("given", |list| {
                    for word in &given {
                        list.item_text(word);
                    }
                });
            }
        });
    });
}

fn write_birth(w: &mut Writer<'_>, p: &PersonRow) {
    let birth = birth_of(p);
    match (birth.day, birth.year) {
        (Some(day), _) => w.text("birthDate", &day.to_string()),
        (None, 0) => w,
        (None, year) => w.text("birthDate", &format!("{year:04}")),
    };
}

fn write_address(w: &mut Writer<'_>, p: &PersonRow) {
    let codes = [("MATINH_CU_TRU", &p.province), ("MAHUYEN_CU_TRU", &p.district), ("MAXA_CU_TRU", &p.commune)];
    let known = || codes.iter().filter(|(_, code)| !code.is_empty());
    if p.address.is_empty() && known().next().is_none() {
        return;
    }
    w.list("address", |list| {
        list.item(|w| {
            if known().next().is_some() {
                w.list("extension", |list| {
                    for (tag, code) in known() {
                        list.item(|w| {
                            w.text("url", &format!("urn:mach:places:{tag}")).text("valueCode", code);
                        });
                    }
                });
            }
            w.text("use", "home").text_if("text", &p.address).text("country", "VN");
        });
    });
}

fn write_links(w: &mut Writer<'_>, view: &PersonView) {
    let replaced_by = view.person.merged_into.map(|other| (other, "replaced-by"));
    let links: Vec<_> = replaced_by.into_iter().chain(view.merged.iter().map(|other| (*other, "replaces"))).collect();
    if links.is_empty() {
        return;
    }
    w.list("link", |list| {
        for (other, kind) in links {
            list.item(|w| {
                w.nested("other", |w| {
                    w.text("reference", &format!("Patient/{}", fhir_id(other)));
                });
                w.text("type", kind);
            });
        }
    });
}

/// What FHIR search finds a Patient by: identifiers, name, birth date.
pub fn patient_index(view: &PersonView, facility_code: &dyn Fn(i64) -> String) -> Vec<IndexValue> {
    let carried = view.numbers.iter().filter(|n| n.kind != NumberKind::Phone);
    let mut index: Vec<IndexValue> = carried
        .map(|number| IndexValue::Token {
            param: Param::IDENTIFIER,
            system: number_system(number, facility_code),
            code: number.value.clone(),
        })
        .collect();
    if !view.person.name.is_empty() {
        index.push(IndexValue::Text { param: Param::NAME, text: view.person.name.clone() });
    }
    let birth = birth_of(&view.person);
    let first = birth.day.or_else(|| mach_base::Day::from_ymd(birth.year, 1, 1)).filter(|_| birth.year != 0);
    let last = birth.day.or_else(|| mach_base::Day::from_ymd(birth.year, 12, 31));
    if let (Some(first), Some(last)) = (first, last) {
        let (low, high) = (i64::from(first.0) * 1440, i64::from(last.0) * 1440 + 1439);
        index.push(IndexValue::Date { param: Param::BIRTHDATE, low, high });
    }
    index
}
