//! What a resource is found by, as rows: one small row per value, integers wherever a text is not searched by its beginning.
//!
//! Sketch: a Synthea resource has ten values. A token is 20 bytes of integers, a reference the same once by resource and
//! once by target; codes, ids and URLs are 64-bit hashes, systems 32-bit ones. The values themselves are kept beside the
//! body, in its pack, where zstd folds them into the body's own text: they are what takes the rows away again.

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

/// The 64-bit hash of a text, a resource's id, a URL.
pub fn token_hash(code: &str) -> i64 {
    i64::from_le_bytes(first_bytes(code))
}

/// The keyed 64-bit hash by which a code is found: codes are identifiers and telephone numbers too, few enough to be tried
/// one after another, and this is a hash that nobody makes without the key.
pub fn code_hash(code: &str) -> i64 {
    crate::sealed::keyed(token_hash(code))
}

/// Digits of the ids that this server gives: 13 of them, the first below 8, are a number of 63 bits.
pub const ID_DIGITS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
/// Characters of such an id.
pub const ID_LENGTH: usize = 13;

/// The number by which a resource's id is found. An id that this server gave is that number itself, so that what is made
/// together lies together in every index; any other is hashed and negative: no id of one kind meets one of the other.
pub fn id_key(id: &str) -> i64 {
    let digit = |b: u8| ID_DIGITS.iter().position(|d| *d == b).and_then(|d| i64::try_from(d).ok());
    if id.len() == ID_LENGTH && id.as_bytes()[0] < b'8' {
        let number = id.bytes().try_fold(0_i64, |n, b| Some(n << 5 | digit(b)?));
        if let Some(number) = number {
            return number;
        }
    }
    token_hash(id) | i64::MIN
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
                Self { low: code_hash(code), high: system_hash(system), ..Self::default() }
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
                Self { low: id_key(id), high: i64::from(target.number()), ..Self::default() }
            }
            Value::Triple { numbers: [low, high, second], .. } => {
                Self { low: *low, high: *high, second: *second, ..Self::default() }
            }
            Value::Shown { .. } | Value::Second { .. } | Value::Joined { .. } | Value::Pair { .. } => Self::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_this_server_are_their_own_numbers() {
        assert_eq!(id_key("0000000000000"), 0);
        assert_eq!(id_key("7zzzzzzzzzzzz"), i64::MAX);
        assert_eq!(id_key("0000000000010"), 32);
        for other in ["8000000000000", "000000000000", "00000000000000", "000000000000i", "000000000000é", "", "p1"] {
            assert!(id_key(other) < 0, "{other}");
        }
    }
}
