//! Antibiotics for systemic use (ATC J01) by the names that drug lines carry.

use std::collections::HashMap;
use std::sync::OnceLock;

use mach_base::{content, text::fold};

use crate::table::each_row;
use crate::{Error, usable};

const FILE: &str = "antibiotics.csv";

/// The names of antibiotics, asked once for every drug line of an import: one hash look-up per word of the line.
#[derive(Debug, Default)]
pub struct Antibiotics {
    /// First word → the names that start with it.
    by_first_word: HashMap<Box<str>, Vec<Name>>,
}

/// A name behind its first word.
#[derive(Debug)]
struct Name {
    rest: Vec<Box<str>>,
    atc: Box<str>,
}

impl Antibiotics {
    /// The list in use.
    pub fn shared() -> &'static Self {
        static LIST: OnceLock<Antibiotics> = OnceLock::new();
        LIST.get_or_init(|| {
            usable(Self::read(&content::text(FILE, include_str!("../../../../content/antibiotics.csv"))))
        })
    }

    /// Reads `name,atc`; names must be folded (lower case, no accents, single spaces).
    ///
    /// # Errors
    /// A wrong header, a name that is empty or not folded.
    pub fn read(text: &str) -> Result<Self, Error> {
        let mut list = Self::default();
        each_row(FILE, text, "name,atc", |row| {
            let name = row.read(0, "a folded name", |t| (!t.is_empty() && fold(t) == t).then_some(t))?;
            let mut words = name.split(' ').map(Box::from);
            let first = words.next().unwrap_or_default();
            list.by_first_word.entry(first).or_default().push(Name { rest: words.collect(), atc: row.text(1).into() });
            Ok(())
        })?;
        Ok(list)
    }

    /// Whether `folded_name` (from [`mach_base::text::fold`]) holds a name of the list as whole words.
    pub fn contains_antibiotic(&self, folded_name: &str) -> bool {
        self.find(folded_name).is_some()
    }

    /// The ATC code of the first antibiotic that `folded_name` holds as whole words.
    pub fn find(&self, folded_name: &str) -> Option<&str> {
        let mut words = folded_name.split(' ');
        while let Some(word) = words.next() {
            for name in self.by_first_word.get(word).into_iter().flatten() {
                let mut next = words.clone();
                if name.rest.iter().all(|w| next.next() == Some(w)) {
                    return Some(&name.atc);
                }
            }
        }
        None
    }

    /// How many names the list holds.
    pub fn len(&self) -> usize {
        self.by_first_word.values().map(Vec::len).sum()
    }

    /// Whether the list holds no name.
    pub fn is_empty(&self) -> bool {
        self.by_first_word.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_as_whole_words() {
        let list = Antibiotics::shared();
        for (name, expect) in [
            ("Amoxicilin 500mg", Some("J01CA04")),
            ("AMOXICILIN + ACID CLAVULANIC 875/125", Some("J01CA04")),
            ("Cefuroxim", Some("J01DC02")),
            ("Cefuroxime axetil 500 mg", Some("J01DC02")),
            ("Ciprofloxacin", Some("J01MA02")),
            ("Viên Acid Nalidixic", Some("J01MB02")),
            ("Co-trimoxazol 480", Some("J01EE01")),
            ("Sulfamethoxazol + trimethoprim", Some("J01EC01")),
            ("Vancomycin", Some("J01XA01")),
            ("Acid folic", None),
            ("Cefuroximax", None),
            ("Paracetamol 500mg", None),
            ("Amlodipin", None),
            ("Metformin", None),
            ("Acid", None),
            ("", None),
        ] {
            assert_eq!(list.find(&fold(name)), expect, "{name}");
            assert_eq!(list.contains_antibiotic(&fold(name)), expect.is_some(), "{name}");
        }
    }

    #[test]
    fn every_row_is_whole() {
        let mut seen = std::collections::HashSet::new();
        each_row(FILE, include_str!("../../../../content/antibiotics.csv"), "name,atc", |row| {
            assert!(seen.insert(row.text(0).to_owned()), "{} twice", row.text(0));
            assert!(row.text(1).starts_with("J01") && row.text(1).len() >= 5, "{}", row.text(1));
            Ok(())
        })
        .unwrap();
        assert_eq!(Antibiotics::shared().len(), seen.len());
        assert!(seen.len() > 150);
        assert!(Antibiotics::read("name,atc\nCefuroxim,J01DC02\n").is_err(), "not folded");
    }
}
