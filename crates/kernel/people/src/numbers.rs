//! Numbers that name a person, as the store keeps them: backwards, so that the last digits find them.

use mach_store::people::NumberRow;

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
