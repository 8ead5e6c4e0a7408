//! Somebody in doubt is made certain: by the number on their card, mended or merged with whom it names.

use crate::bodies;
use crate::import::{patient, people_error};
use crate::row::{Identity, identity};
use mach_base::Minute;
use mach_base::time::now_seconds;
use mach_fhir::ResourceType;
use mach_people::{Agreement, Birth, By, Evidence, compare_births, compare_names};
use mach_store::resources::Put;
use mach_store::{Error, Result, Tx, people, schema, vaccines};
use std::collections::HashMap;

/// What the card says.
#[derive(Clone, Debug)]
pub struct Card {
    /// National number.
    pub number: String,
    /// Full name.
    pub name: String,
    /// Birth.
    pub birth: Birth,
    /// 1 male, 2 female, 3 other.
    pub sex: i64,
}

/// Why nobody was mended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum No {
    /// There is no such doubt here, or it is settled.
    Unknown,
    /// The number cannot be one, or says another year or sex.
    Number,
    /// The number is of somebody with other particulars.
    Anothers,
}

/// What takes the transaction back where a number is another's.
pub const ANOTHERS: &str = "the number is of somebody with other particulars";

/// Settles a doubt: the person gets the number, or is merged with whom it names. Gives who they are now.
///
/// # Errors
/// Of the store; `Refused` with [`ANOTHERS`] where the number is of somebody else: nothing is kept.
pub fn mend(tx: &mut Tx<'_>, doubt: i64, card: &Card) -> Result<std::result::Result<i64, No>> {
    let now = now_seconds();
    let Some(row) = vaccines::doubt(tx, doubt)?.filter(|d| d.closed.is_none()) else { return Ok(Err(No::Unknown)) };
    let Identity::Number(number) = identity(&card.number, card.birth, card.sex) else { return Ok(Err(No::Number)) };
    // A clerk's slip must not merge: here the number alone is not believed against name or birth.
    if let Some(owner) = mach_people::by_exact_number(tx, &number).map_err(people_error)? {
        let owner = people::person(tx, owner)?.ok_or(Error::Missing("a person"))?;
        let day = owner.birth_day.map(bodies::day);
        let born = Birth { year: i32::try_from(owner.birth_year).unwrap_or_default(), day };
        let births = compare_births(born, card.birth);
        if compare_names(&owner.name, &card.name) != Agreement::Same || births == Agreement::Different {
            return Ok(Err(No::Anothers));
        }
    }
    let old = people::person(tx, row.person)?.ok_or(Error::Missing("a person"))?;
    let evidence = Evidence {
        facility: row.facility,
        national_id: Some(&number),
        name: &card.name,
        birth: card.birth,
        sex: card.sex,
        phone: old.phone.as_deref(),
        address: &old.address,
        province: &old.province,
        district: &old.district,
        commune: &old.commune,
        nationality: &old.nationality,
        seen: Minute::of_seconds(now),
        ..Evidence::default()
    };
    let resolved = mach_people::resolve(tx, &evidence).map_err(people_error)?;
    if !resolved.reviews.is_empty() {
        return Err(Error::Refused(ANOTHERS.to_owned()));
    }
    let person = resolved.person;
    let from = mach_people::root(tx, row.person).map_err(people_error)?;
    if from != person {
        let by = By { account: tx.decision().actor().account, at: Minute::of_seconds(now) };
        mach_people::merge(tx, person, from, by, "identity mended for vaccination").map_err(people_error)?;
        same_doses_go(tx, from, person)?;
        tx.move_doses(from, person)?;
    }
    tx.settle_doubt(row.id, row.facility, now)?;
    let codes: HashMap<i64, String> = schema::facilities(tx)?.into_iter().collect();
    let code = |id: i64| codes.get(&id).cloned().unwrap_or_default();
    let mut puts = vec![patient(tx, person, &code)?];
    if from != person {
        puts.push(patient(tx, from, &code)?);
    }
    let facility = code(row.facility);
    puts.push(Put {
        kind: ResourceType::TASK,
        id: bodies::task_id(row.person),
        body: bodies::task(row.person, ("", "mended"), ("completed", &facility), now),
        patient: Some(person),
        date: Some(Minute::of_seconds(now).0),
        facility: Some(row.facility),
        index: Vec::new(),
    });
    tx.put(&puts)?;
    tx.audit(Some(person), &format!("vaccination identity {doubt} mended"), "granted")?;
    Ok(Ok(person))
}

/// A dose that was sent twice, once without the right number, is one dose.
fn same_doses_go(tx: &mut Tx<'_>, from: i64, to: i64) -> Result<()> {
    let there = vaccines::of_person(tx, to)?;
    for dose in vaccines::of_person(tx, from)? {
        let same = |d: &&vaccines::Dose| (d.day, d.number, &d.product) == (dose.day, dose.number, &dose.product);
        if there.iter().any(|d| same(&d) && d.facility == dose.facility) {
            tx.drop_dose(&dose)?;
            tx.delete(ResourceType::IMMUNIZATION, &bodies::dose_id(dose.digest))?;
        }
    }
    Ok(())
}
