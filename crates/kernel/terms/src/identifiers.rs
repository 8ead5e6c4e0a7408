//! Identifier systems and their other spellings: one number, written under several URIs by several guides.

use crate::table::each_row;
use crate::{Error, usable};
use mach_base::content;
use std::collections::HashMap;
use std::sync::OnceLock;

const FILE: &str = "fhir/identifier-systems.csv";

/// One kind of number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentifierSystem {
    /// Short name: `cccd`.
    pub name: String,
    /// All URIs it is written under, the product's own first.
    pub uris: Vec<String>,
    /// What it is, in Vietnamese.
    pub meaning_vi: String,
    /// What it is, in English.
    pub meaning_en: String,
}

/// All kinds of numbers.
#[derive(Debug, Default)]
pub struct IdentifierSystems {
    systems: Vec<IdentifierSystem>,
    /// By short name, lower case, and by URI.
    by_spelling: HashMap<String, usize>,
}

impl IdentifierSystems {
    /// The list in use.
    pub fn shared() -> &'static Self {
        static LIST: OnceLock<IdentifierSystems> = OnceLock::new();
        LIST.get_or_init(|| {
            let text = content::text(FILE, include_str!("../../../../content/fhir/identifier-systems.csv"));
            usable(Self::read(&text))
        })
    }

    /// Reads the list. Columns: `name,system,aliases,meaning_vi,meaning_en,source`; `aliases` are URIs and short names with
    /// blanks between them. A word with a `:` is a URI.
    pub(crate) fn read(text: &str) -> Result<Self, Error> {
        let mut list = Self::default();
        each_row(FILE, text, "name,system,aliases,meaning_vi,meaning_en,source", |row| {
            let (name, system) = (row.required(0, "name")?, row.required(1, "system")?);
            if name.contains([':', ' ']) || !system.contains(':') || system.contains(' ') {
                return Err(row.error(format!("`{name}` must be a short name and `{system}` a URI")));
            }
            row.required(5, "source")?;
            let at = list.systems.len();
            let mut uris = vec![system.to_owned()];
            for spelling in [name, system].into_iter().chain(row.text(2).split_ascii_whitespace()) {
                let is_uri = spelling.contains(':');
                let key = if is_uri { spelling.to_owned() } else { spelling.to_ascii_lowercase() };
                if list.by_spelling.insert(key, at).is_some() {
                    return Err(row.error(format!("`{spelling}` stands twice")));
                }
                if is_uri && spelling != system {
                    uris.push(spelling.to_owned());
                }
            }
            let (meaning_vi, meaning_en) = (row.required(3, "meaning_vi")?.to_owned(), row.text(4).to_owned());
            list.systems.push(IdentifierSystem { name: name.to_owned(), uris, meaning_vi, meaning_en });
            Ok(())
        })?;
        Ok(list)
    }

    /// The kind of number that `spelling` means: a short name in any case, or one of its URIs.
    pub fn get(&self, spelling: &str) -> Option<&IdentifierSystem> {
        let found = self.by_spelling.get(spelling).or_else(|| self.by_spelling.get(&spelling.to_ascii_lowercase()));
        found.map(|at| &self.systems[*at])
    }

    /// All kinds, in the order of the list.
    pub fn all(&self) -> &[IdentifierSystem] {
        &self.systems
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "name,system,aliases,meaning_vi,meaning_en,source\n";

    #[test]
    fn spellings_of_one_number_are_one() {
        let list = IdentifierSystems::shared();
        let uris = &list.get("CCCD").unwrap().uris;
        assert_eq!(uris, &["http://fhir.hl7.org.vn/core/sid/cccd", "http://fhir.ehealth.gov.vn/core/sid/national_id"]);
        assert_eq!(list.get("http://fhir.ehealth.gov.vn/core/sid/national_id").map(|s| s.name.as_str()), Some("cccd"));
        assert!(list.get("urn:other").is_none() && list.all().len() > 10);
    }

    #[test]
    fn lists_that_say_two_things_are_refused() {
        for (rows, good) in [
            ("a,urn:a,b urn:b,A,,x\n", true),
            ("a,urn:a,a,A,,x\n", false),
            ("a,urn:a,,A,,x\nb,urn:a,,B,,x\n", false),
            ("a,a,,A,,x\n", false),
            ("a:b,urn:a,,A,,x\n", false),
            ("a,urn:a,,,,x\n", false),
            ("a,urn:a,,A,,\n", false),
        ] {
            assert_eq!(IdentifierSystems::read(&format!("{HEAD}{rows}")).is_ok(), good, "{rows}");
        }
    }
}
