//! Numbers that name a person, as the store keeps them: backwards, so that the last digits find them.

use crate::Result;
use mach_store::people::{self as rows, NumberRow};
use mach_store::sql::Query;

/// What kind of number. Stored as its number: never renumbered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NumberKind {
    /// CCCD, CMND or passport.
    National = 1,
    /// Social-insurance number, ten digits.
    Insurance = 2,
    /// A facility's own number (`MA_BN`), unique within it.
    Local = 3,
    /// A telephone, which many people may share.
    Phone = 4,
    /// Not a number anyone carries: an earlier conflict, by number and particulars, given its own person.
    Alone = 5,
}

/// A number of a person.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Number {
    /// Its kind.
    pub kind: NumberKind,
    /// The facility that gave it, for [`NumberKind::Local`]; else 0.
    pub facility: i64,
    /// As written.
    pub value: String,
}

/// The key of a number: its characters from last to first.
pub(crate) fn key(value: &str) -> String {
    value.chars().rev().collect()
}

/// A telephone's digits.
pub(crate) fn phone_digits(phone: &str) -> String {
    phone.chars().filter(char::is_ascii_digit).collect()
}

impl NumberKind {
    /// Kinds a search looks at.
    pub(crate) fn searchable(number: i64) -> bool {
        (Self::National as i64..=Self::Phone as i64).contains(&number)
    }
}

impl Number {
    /// From its row; `None` for rows that are nobody's number.
    pub(crate) fn from_row(row: &NumberRow) -> Option<Self> {
        let kind = match row.kind {
            1 => NumberKind::National,
            2 => NumberKind::Insurance,
            3 => NumberKind::Local,
            4 => NumberKind::Phone,
            _ => return None,
        };
        let facility = if kind == NumberKind::Local { row.scope } else { 0 };
        Some(Self { kind, facility, value: key(&row.key) })
    }
}

/// People whom one telephone names, that are looked at: more share a number of a shop than of a family.
const SHARERS: i64 = 20;

/// The person, merges followed, whom a whole number names: CCCD, insurance number or card, or a telephone that is nobody
/// else's. `None` where it names nobody, or several.
///
/// # Errors
/// Of the store.
pub fn by_exact_number(on: &mut dyn Query, value: &str) -> Result<Option<i64>> {
    let plain: String = value.chars().filter(char::is_ascii_alphanumeric).flat_map(char::to_uppercase).collect();
    let digits = phone_digits(&plain);
    // A card ends with the ten digits of the insurance number.
    let insurance = digits.get(digits.len().saturating_sub(10)..).filter(|d| d.len() == 10).map(str::to_owned);
    for (number, kind) in [(Some(plain.clone()), NumberKind::National), (insurance, NumberKind::Insurance)] {
        let Some(number) = number.filter(|n| n.len() >= 9) else { continue };
        // Nine digits and a letter in front are a telephone or a passport; only what the table holds counts.
        if let Some(person) = rows::number(on, &key(&number), kind as i64, 0)? {
            return crate::root(on, person).map(Some);
        }
    }
    if digits.len() < 9 {
        return Ok(None);
    }
    let exact = key(&digits);
    let mut people = Vec::new();
    for row in rows::numbers_with(on, &exact, SHARERS)? {
        if row.kind == NumberKind::Phone as i64 {
            let person = crate::root(on, row.person)?;
            if !people.contains(&person) {
                people.push(person);
            }
        }
    }
    Ok(match people.as_slice() {
        [one] => Some(*one),
        _ => None,
    })
}

/// The person, merges followed, whom a national number (CCCD, CMND, passport) names, of whatever length.
///
/// # Errors
/// Of the store.
pub fn by_national(on: &mut dyn Query, value: &str) -> Result<Option<i64>> {
    let found = rows::number(on, &key(value), NumberKind::National as i64, 0)?;
    found.map(|person| crate::root(on, person)).transpose()
}

/// The telephone of a person, where exactly one is known: among several, one that a claim brought could be anybody's.
///
/// # Errors
/// Of the store.
pub fn phone_of(on: &mut dyn Query, person: i64) -> Result<Option<String>> {
    let numbers = rows::numbers_of(on, person)?;
    let mut phones: Vec<String> =
        numbers.iter().filter(|row| row.kind == NumberKind::Phone as i64).map(|row| key(&row.key)).collect();
    phones.sort_unstable();
    phones.dedup();
    Ok(phones.pop().filter(|_| phones.is_empty()))
}
