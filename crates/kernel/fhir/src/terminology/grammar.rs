//! Code systems that are a grammar: units, languages, media types. Their codes are never listed, and always known.

use std::sync::OnceLock;

/// A system whose codes are told by a grammar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grammar {
    /// Units of UCUM.
    Ucum,
    /// Languages of BCP 47.
    Language,
    /// Media types of RFC 6838.
    Mime,
}

impl Grammar {
    /// The grammar of a system.
    pub fn of(system: &str) -> Option<Self> {
        Some(match system {
            "http://unitsofmeasure.org" => Self::Ucum,
            "urn:ietf:bcp:47" => Self::Language,
            "urn:ietf:bcp:13" => Self::Mime,
            _ => return None,
        })
    }

    /// All systems that are a grammar.
    pub const SYSTEMS: [&'static str; 3] = ["http://unitsofmeasure.org", "urn:ietf:bcp:47", "urn:ietf:bcp:13"];

    /// Whether a code is of the grammar.
    pub fn holds(self, code: &str) -> bool {
        match self {
            Self::Ucum => !code.is_empty() && code.len() <= 200 && octofhir_ucum::validate(code).is_ok(),
            Self::Language => matches(&LANGUAGE, LANGUAGE_PATTERN, code),
            Self::Mime => matches(&MIME, MIME_PATTERN, code),
        }
    }

    /// The base units of a unit: the property `canonical` of UCUM.
    pub fn canonical(self, code: &str) -> Option<String> {
        match self {
            Self::Ucum => octofhir_ucum::get_canonical_units(code).ok().map(|c| c.unit),
            _ => None,
        }
    }
}

static LANGUAGE: OnceLock<Option<regex::Regex>> = OnceLock::new();
static MIME: OnceLock<Option<regex::Regex>> = OnceLock::new();

/// RFC 5646 §2.1, without the irregular tags of before 1996 and without languages of four letters and more, of which none
/// is registered.
const LANGUAGE_PATTERN: &str = "^(?i:[a-z]{2,3}(?:-[a-z]{3}){0,3}(?:-[a-z]{4})?(?:-(?:[a-z]{2}|[0-9]{3}))?\
    (?:-(?:[a-z0-9]{5,8}|[0-9][a-z0-9]{3}))*(?:-[0-9a-wy-z](?:-[a-z0-9]{2,8})+)*(?:-x(?:-[a-z0-9]{1,8})+)?|x(?:-[a-z0-9]{1,8})+)$";
/// RFC 6838 §4.2 with the parameters of RFC 2045.
const MIME_PATTERN: &str = "^[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}/[A-Za-z0-9*][A-Za-z0-9!#$&^_.+*-]{0,126}\
    (?: *; *[A-Za-z0-9!#$&^_.+-]+=(?:[A-Za-z0-9!#$&^_.+-]+|\"[^\"]*\"))*$";

fn matches(slot: &OnceLock<Option<regex::Regex>>, pattern: &str, code: &str) -> bool {
    slot.get_or_init(|| regex::Regex::new(pattern).ok()).as_ref().is_some_and(|r| r.is_match(code))
}

/// Whether words of the language `have` serve who asked for `want`: `vi` and `vi-VN` serve each other.
pub fn same_language(have: &str, want: &str) -> bool {
    let first = |t: &str| t.split(['-', ',', ';']).next().unwrap_or_default().trim().to_ascii_lowercase();
    !have.is_empty() && first(have) == first(want)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grammars_tell_codes() {
        for (grammar, good, bad) in [
            (Grammar::Ucum, vec!["mg", "mm[Hg]", "10*9/L", "kg/m2", "{score}", "%"], vec!["", "milligram!", "mmHgg"]),
            (
                Grammar::Language,
                vec!["vi", "en-US", "zh-Hant-TW", "x-mach", "es-419", "de-1996"],
                vec!["", "v", "en_US", "-", "male"],
            ),
            (
                Grammar::Mime,
                vec!["text/html", "application/fhir+json; charset=utf-8", "image/*"],
                vec!["", "text", "a/b/c"],
            ),
        ] {
            good.iter().for_each(|c| assert!(grammar.holds(c), "{grammar:?} {c}"));
            bad.iter().for_each(|c| assert!(!grammar.holds(c), "{grammar:?} {c}"));
        }
        assert!(same_language("vi", "vi-VN") && !same_language("", "vi") && !same_language("en", "vi"));
    }
}
