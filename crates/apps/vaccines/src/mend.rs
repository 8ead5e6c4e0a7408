//! Somebody in doubt is made certain: by the number on their card, mended or merged with whom it names.

use crate::bodies;
use crate::import::{patient, people_error};
use crate::row::{Identity, identity};
use mach_base::Minute;
use mach_base::time::now_seconds;
use mach_fhir::ResourceType;
use mach_people::{Agreement, Birth, By, Evidence, compare_births, compare_names};
use mach_store::people::PersonRow;
use mach_store::resources::Put;
use mach_store::vaccines::Reason;
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
    /// The card says another name or birth than is known of the person in doubt.
    NotTheirs,
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
    if let Some(owner) = mach_people::by_national(tx, &number).map_err(people_error)? {
        let owner = people::person(tx, owner)?.ok_or(Error::Missing("a person"))?;
        let births = compare_births(birth_of(&owner), card.birth);
        if compare_names(&owner.name, &card.name) != Agreement::Same || births == Agreement::Different {
            return Ok(Err(No::Anothers));
        }
    }
    let from = mach_people::root(tx, row.person).map_err(people_error)?;
    let old = people::person(tx, from)?.ok_or(Error::Missing("a person"))?;
    if !is_theirs(&old, card, row.reason) {
        return Ok(Err(No::NotTheirs));
    }
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
    if from != person {
        let by = By { account: tx.decision().actor().account, at: Minute::of_seconds(now) };
        mach_people::merge(tx, person, from, by, "identity mended for vaccination").map_err(people_error)?;
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
        id: bodies::task_id(row.id),
        body: bodies::task((row.id, row.person), ("", "mended"), ("completed", &facility), now),
        patient: Some(person),
        date: Some(Minute::of_seconds(now).0),
        facility: Some(row.facility),
        index: Vec::new(),
    });
    tx.put(&puts)?;
    tx.audit(Some(person), &format!("vaccination identity {doubt} mended"), "granted")?;
    Ok(Ok(person))
}

fn birth_of(person: &PersonRow) -> Birth {
    Birth { year: i32::try_from(person.birth_year).unwrap_or_default(), day: person.birth_day.map(bodies::day) }
}

/// Whether a card can be of the person in doubt: the same name and birth, as far as known. Where the number spoke against the
/// file's year of birth, the file may have had that year wrong, or the day of it.
fn is_theirs(person: &PersonRow, card: &Card, reason: Reason) -> bool {
    let born = birth_of(person);
    let births = compare_births(born, card.birth);
    let day_and_month = |b: Birth| b.day.map(|d| (d.ymd().1, d.ymd().2));
    let slip = born.year == card.birth.year || born.day.is_none() || day_and_month(born) == day_and_month(card.birth);
    compare_names(&person.name, &card.name) != Agreement::Different
        && (births != Agreement::Different || reason == Reason::Contradicts && slip)
}

#[cfg(test)]
mod tests {
    use super::*;
    use mach_base::Day;

    #[test]
    fn a_card_is_of_whom_it_names() {
        let day = |text: &str| Day::parse_iso(text).expect("a day");
        let birth = |text: &str| Birth { year: day(text).ymd().0, day: Some(day(text)) };
        let born = Some(i64::from(day("1985-03-09").0));
        let person =
            PersonRow { name: "Nguyễn Văn An".into(), birth_year: 1985, birth_day: born, ..PersonRow::default() };
        let card =
            |name: &str, born: &str| Card { number: String::new(), name: name.into(), birth: birth(born), sex: 1 };
        for (name, born, missing, contradicts) in [
            ("NGUYỄN VĂN AN", "1985-03-09", true, true),
            ("Trần Thị Bình", "1985-03-09", false, false),
            ("Nguyễn Văn An", "1985-04-09", false, true),
            ("Nguyễn Văn An", "1986-03-09", false, true),
            ("Nguyễn Văn An", "1990-12-12", false, false),
        ] {
            let card = card(name, born);
            assert_eq!(is_theirs(&person, &card, Reason::Missing), missing, "{name} {born}");
            assert_eq!(is_theirs(&person, &card, Reason::Contradicts), contradicts, "{name} {born}");
        }
    }
}
