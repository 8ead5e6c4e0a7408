//! What a resource is found by, as rows: one small row per value, integers wherever a text is not searched by its beginning.
//!
//! Sketch: a Synthea resource has ten values. A token is 20 bytes of integers, a reference the same once by resource and
//! once by target; codes, ids and URLs are 64-bit hashes, systems 32-bit ones. The values themselves are kept beside the
//! body, in its pack, where zstd folds them into the body's own text: they are what takes the rows away again.

use crate::sql::{Arg, Execute};
use crate::{Error, Result};
use mach_base::text::fold;
use mach_fhir::index::Param;
use mach_fhir::{IndexValue, ResourceType};
use sha2::{Digest, Sha256};

/// Characters of a text by whose beginning, end or middle it is found; `:exact` looks at all of it.
const TEXT_CHARS: usize = 512;
/// Rows of shown texts (`:text`) stand under the parameter's number plus this.
pub(super) const SHOWN: i64 = 1 << 13;
/// Rows of identifiers with their type (`:of-type`), and of references' identifiers (`:identifier`).
pub(super) const SECOND: i64 = 2 << 13;
/// Stands for the unit's printed text, where a quantity has one beside its code.
pub const UNIT_TEXT: &str = "\u{1}unit";
/// Stands for values brought to base units.
pub const CANONICAL: &str = "\u{1}canonical";

/// One value of one parameter, as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// `system|code`.
    Token {
        /// Parameter.
        param: Param,
        /// URI, or empty.
        system: String,
        /// Code, as written.
        code: String,
    },
    /// The printed text of a token: `:text`.
    Shown {
        /// Parameter.
        param: Param,
        /// As written.
        text: String,
    },
    /// An identifier with its type, for `:of-type`; a reference's identifier, for `:identifier`.
    Second {
        /// Parameter.
        param: Param,
        /// System: of the type, or of the identifier.
        system: String,
        /// `typecode|value`, or the identifier's value.
        code: String,
    },
    /// A string.
    Text {
        /// Parameter.
        param: Param,
        /// As written, NFC.
        text: String,
    },
    /// Parts of a name said together: found by its beginning, no text of the resource for `:exact`.
    Joined {
        /// Parameter.
        param: Param,
        /// The parts with blanks between them.
        text: String,
    },
    /// A URI, compared as it is.
    Uri {
        /// Parameter.
        param: Param,
        /// As written.
        uri: String,
    },
    /// Seconds since 1970 UTC, both ends inside.
    Date {
        /// Parameter.
        param: Param,
        /// First second; `i64::MIN` where open.
        low: i64,
        /// Last second; `i64::MAX` where open.
        high: i64,
    },
    /// A number or a quantity, by [`super::number::sortable`].
    Quantity {
        /// Parameter.
        param: Param,
        /// Least.
        low: i64,
        /// Greatest.
        high: i64,
        /// Unit system; empty for a number.
        system: String,
        /// Unit code.
        unit: String,
    },
    /// A reference to a resource here.
    Reference {
        /// Parameter.
        param: Param,
        /// Target type.
        target: ResourceType,
        /// Target id.
        id: String,
    },
    /// A reference by absolute URL or canonical.
    Url {
        /// Parameter.
        param: Param,
        /// As written.
        url: String,
    },
    /// Two values of one element: the first by equality, the second by what it is.
    Pair {
        /// Parameter.
        param: Param,
        /// First: a token, or a reference as `("Type", id)`.
        first: (String, String),
        /// Second.
        second: Box<Value>,
    },
    /// A code with up to three numbers of one element: a composite of three parts, a place on earth.
    Triple {
        /// Parameter.
        param: Param,
        /// System and code; empty for a place.
        first: (String, String),
        /// The numbers. The last is within 32 bits.
        numbers: [i64; 3],
    },
}

/// The number under which the printed texts of a parameter's tokens stand.
pub fn shown_param(param: Param) -> Param {
    Param(param.0 + SHOWN as u16)
}

/// The number under which the identifiers of a parameter's references stand.
pub fn second_param(param: Param) -> Param {
    Param(param.0 + SECOND as u16)
}

/// The 64-bit hash of a token's code, a resource's id, a URL.
pub fn token_hash(code: &str) -> i64 {
    i64::from_le_bytes(first_bytes(code))
}

/// The 32-bit hash of a token's system, with its sign: systems are few, and a short number keeps the row short.
pub fn system_hash(system: &str) -> i64 {
    if system.is_empty() { 0 } else { i64::from(i32::from_le_bytes(first_bytes(system))) }
}

fn first_bytes<const N: usize>(text: &str) -> [u8; N] {
    let digest: [u8; 32] = Sha256::digest(text.as_bytes()).into();
    std::array::from_fn(|i| digest[i])
}

/// A text as it is searched by: folded, cut.
pub(super) fn folded(text: &str) -> String {
    let folded = fold(text);
    match folded.char_indices().nth(TEXT_CHARS) {
        Some((at, _)) => folded[..at].to_owned(),
        None => folded,
    }
}

/// What an import gives: the few values its own pages need.
impl From<&IndexValue> for Value {
    fn from(value: &IndexValue) -> Self {
        super::given::value(value)
    }
}

/// Whether rows are added or taken away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Add,
    Remove,
}

/// Writes or takes away the rows of one value of a resource version, by its facility and number.
pub(crate) fn change(
    tx: &mut dyn Execute,
    what: Change,
    kind: ResourceType,
    (facility, rid): (i64, i64),
    value: &Value,
) -> Result<()> {
    let number = i64::from(kind.number());
    let facility = Arg::Int(facility);
    match value {
        Value::Token { param, system, code } => {
            let (hash, system) = (token_hash(code), system_hash(system));
            row(tx, what, TOKEN, &[p(param), number.into(), hash.into(), rid.into(), system.into(), facility])
        }
        Value::Second { param, system, code } => {
            let (hash, system) = (token_hash(code), system_hash(system));
            let param = i64::from(param.0) + SECOND;
            row(tx, what, TOKEN, &[param.into(), number.into(), hash.into(), rid.into(), system.into(), facility])
        }
        Value::Shown { param, text } => {
            let (param, folded) = (i64::from(param.0) + SHOWN, folded(text));
            row(tx, what, TEXT, &[param.into(), number.into(), rid.into(), (&folded).into(), 0.into(), facility])
        }
        Value::Text { param, text } => {
            let (folded, exact) = (folded(text), token_hash(text));
            row(tx, what, TEXT, &[p(param), number.into(), rid.into(), (&folded).into(), exact.into(), facility])
        }
        Value::Joined { param, text } => {
            let folded = folded(text);
            row(tx, what, TEXT, &[p(param), number.into(), rid.into(), (&folded).into(), 0.into(), facility])
        }
        Value::Uri { param, uri } => {
            row(tx, what, TEXT, &[p(param), number.into(), rid.into(), uri.into(), 0.into(), facility])
        }
        Value::Date { param, low, high } => {
            row(tx, what, DATE, &[p(param), number.into(), rid.into(), (*low).into(), (*high).into(), facility])
        }
        Value::Quantity { param, low, high, system, unit } => {
            let (system, unit) = (system_hash(system), system_hash(unit));
            let (low, high) = ((*low).into(), (*high).into());
            row(
                tx,
                what,
                QUANTITY,
                &[p(param), number.into(), rid.into(), low, high, system.into(), unit.into(), facility],
            )
        }
        Value::Reference { param, target, id } => {
            let (target, key) = (i64::from(target.number()), token_hash(id));
            row(tx, what, REFERENCE, &[p(param), number.into(), rid.into(), target.into(), key.into(), facility])
        }
        Value::Url { param, url } => {
            let key = token_hash(url);
            row(tx, what, REFERENCE, &[p(param), number.into(), rid.into(), 0.into(), key.into(), facility])
        }
        Value::Pair { param, first, second } => pair(tx, what, (p(param), number, rid, facility), first, second),
        Value::Triple { param, first, .. } => pair(tx, what, (p(param), number, rid, facility), first, value),
    }
}

fn p(param: &Param) -> Arg<'static> {
    i64::from(param.0).into()
}

/// A table of the index: how a row of it is written and taken away.
struct Table {
    add: &'static str,
    remove: &'static str,
}

const TOKEN: &Table = &Table {
    add: "INSERT INTO index_token(param, type, hash, rid, system, facility) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
        ON CONFLICT DO NOTHING",
    remove: "DELETE FROM index_token WHERE param = ?1 AND type = ?2 AND hash = ?3 AND rid = ?4 AND system = ?5
        AND facility = ?6",
};
const TEXT: &Table = &Table {
    add: "INSERT INTO index_text(param, type, rid, folded, exact, facility) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
        ON CONFLICT DO NOTHING",
    remove: "DELETE FROM index_text WHERE param = ?1 AND type = ?2 AND rid = ?3 AND folded = ?4 AND exact = ?5
        AND facility = ?6",
};
const DATE: &Table = &Table {
    add: "INSERT INTO index_date(param, type, rid, low, high, facility) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
        ON CONFLICT DO NOTHING",
    remove: "DELETE FROM index_date WHERE param = ?1 AND type = ?2 AND rid = ?3 AND low = ?4 AND high = ?5
        AND facility = ?6",
};
const QUANTITY: &Table = &Table {
    add: "INSERT INTO index_quantity(param, type, rid, low, high, system, unit, facility)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT DO NOTHING",
    remove: "DELETE FROM index_quantity WHERE param = ?1 AND type = ?2 AND rid = ?3 AND low = ?4 AND high = ?5
        AND system = ?6 AND unit = ?7 AND facility = ?8",
};
const REFERENCE: &Table = &Table {
    add: "INSERT INTO index_reference(param, type, rid, target, key, facility) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
        ON CONFLICT DO NOTHING",
    remove: "DELETE FROM index_reference WHERE param = ?1 AND type = ?2 AND rid = ?3 AND target = ?4 AND key = ?5
        AND facility = ?6",
};

fn row(tx: &mut dyn Execute, what: Change, table: &Table, args: &[Arg<'_>]) -> Result<()> {
    tx.push(if what == Change::Add { table.add } else { table.remove }, args)
}

/// The columns of a pair's second value.
#[derive(Default)]
pub(super) struct SecondColumns {
    pub low: i64,
    pub high: i64,
    pub second: i64,
    pub unit: i64,
    pub folded: String,
}

impl SecondColumns {
    pub(super) fn of(value: &Value) -> Self {
        match value {
            Value::Token { system, code, .. } => {
                Self { low: token_hash(code), high: system_hash(system), ..Self::default() }
            }
            Value::Date { low, high, .. } => Self { low: *low, high: *high, ..Self::default() },
            Value::Quantity { low, high, system, unit, .. } => Self {
                low: *low,
                high: *high,
                second: system_hash(system),
                unit: system_hash(unit),
                folded: String::new(),
            },
            Value::Text { text, .. } => Self { low: token_hash(text), folded: folded(text), ..Self::default() },
            Value::Uri { uri, .. } | Value::Url { url: uri, .. } => Self { low: token_hash(uri), ..Self::default() },
            Value::Reference { target, id, .. } => {
                Self { low: token_hash(id), high: i64::from(target.number()), ..Self::default() }
            }
            Value::Triple { numbers: [low, high, second], .. } => {
                Self { low: *low, high: *high, second: *second, ..Self::default() }
            }
            Value::Shown { .. } | Value::Second { .. } | Value::Joined { .. } | Value::Pair { .. } => Self::default(),
        }
    }
}

fn pair(
    tx: &mut dyn Execute,
    what: Change,
    (param, number, rid, facility): (Arg<'_>, i64, i64, Arg<'_>),
    first: &(String, String),
    second: &Value,
) -> Result<()> {
    let (hash, system) = (token_hash(&first.1), system_hash(&first.0));
    let c = SecondColumns::of(second);
    // The number of a pair is what it says, so that the same pair is one row and its removal finds it.
    let mut said = String::new();
    super::codec::encode_one(&mut said, second);
    let n = token_hash(&format!("{}\u{1f}{said}", first.0));
    if what == Change::Remove {
        let remove = "DELETE FROM index_pair WHERE param = ?1 AND type = ?2 AND hash = ?3 AND rid = ?4 AND n = ?5
            AND facility = ?6";
        return tx.push(remove, &[param, number.into(), hash.into(), rid.into(), n.into(), facility]);
    }
    tx.push(
        "INSERT INTO index_pair(param, type, hash, rid, n, system, low, high, second, unit, folded, facility)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12) ON CONFLICT DO NOTHING",
        &[
            param,
            number.into(),
            hash.into(),
            rid.into(),
            n.into(),
            system.into(),
            c.low.into(),
            c.high.into(),
            c.second.into(),
            c.unit.into(),
            (&c.folded).into(),
            facility,
        ],
    )
}

/// Writes or takes away the rows of all values.
pub(crate) fn change_all(
    tx: &mut dyn Execute,
    what: Change,
    kind: ResourceType,
    at: (i64, i64),
    encoded: &str,
    place: i64,
) -> Result<()> {
    for value in super::codec::decode(encoded).ok_or(Error::Damaged(place))? {
        change(tx, what, kind, at, &value)?;
    }
    Ok(())
}
