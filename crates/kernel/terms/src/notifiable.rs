//! Notifiable infectious diseases by ICD-10 prefix and class.

use std::collections::HashMap;
use std::sync::OnceLock;

use mach_base::content;

use crate::table::each_row;
use crate::{Error, IcdKey, usable};

const FILE: &str = "notifiable.csv";

/// The class of a notifiable disease: Law 03/2007/QH12 on the prevention and control of infectious diseases, Article 3.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// Class A (nhóm A): especially dangerous.
    A,
    /// Class B (nhóm B): dangerous.
    B,
    /// Class C (nhóm C): less dangerous.
    C,
}

/// One row of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotifiableDisease {
    /// The ICD-10 code whose own and sub-codes are meant, as written in the list.
    pub prefix: String,
    /// Vietnamese name.
    pub name_vi: String,
    /// Class.
    pub class: Class,
    /// The law or decision that says so.
    pub basis: String,
}

/// The list of notifiable diseases.
#[derive(Debug, Default)]
pub struct Notifiable {
    rows: Vec<NotifiableDisease>,
    by_prefix: HashMap<IcdKey, u32>,
}

impl Notifiable {
    /// The list in use.
    pub fn shared() -> &'static Self {
        static LIST: OnceLock<Notifiable> = OnceLock::new();
        LIST.get_or_init(|| {
            usable(Self::read(&content::text(FILE, include_str!("../../../../content/notifiable.csv"))))
        })
    }

    /// Reads `icd10_prefix,name_vi,class,basis`.
    ///
    /// # Errors
    /// A wrong header, a prefix that is no ICD-10 code or stands twice, a class other than A, B or C.
    pub fn read(text: &str) -> Result<Self, Error> {
        let mut list = Self::default();
        each_row(FILE, text, "icd10_prefix,name_vi,class,basis", |row| {
            let key = row.read(0, "an ICD-10 code", IcdKey::parse)?;
            let class = row.read(2, "A, B or C", |t| match t {
                "A" => Some(Class::A),
                "B" => Some(Class::B),
                "C" => Some(Class::C),
                _ => None,
            })?;
            let disease = NotifiableDisease {
                prefix: row.text(0).to_owned(),
                name_vi: row.required(1, "name_vi")?.to_owned(),
                class,
                basis: row.required(3, "basis")?.to_owned(),
            };
            if list.by_prefix.insert(key, list.rows.len() as u32).is_some() {
                return Err(row.error(format!("`{}` stands twice", disease.prefix)));
            }
            list.rows.push(disease);
            Ok(())
        })?;
        Ok(list)
    }

    /// The disease that the diagnosis `code` (`A91`, `A98.4`, `A984`) belongs to; the longest prefix where several fit.
    pub fn get(&self, code: &str) -> Option<&NotifiableDisease> {
        let key = IcdKey::parse(code)?;
        (3..=key.characters()).rev().find_map(|n| self.by_prefix.get(&key.first(n))).map(|&i| &self.rows[i as usize])
    }

    /// Whether `code` is notifiable.
    pub fn contains(&self, code: &str) -> bool {
        self.get(code).is_some()
    }

    /// Every row, by prefix.
    pub fn all(&self) -> &[NotifiableDisease] {
        &self.rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Icd10;

    #[test]
    fn codes_are_found_by_prefix() {
        for (code, expect) in [
            ("A91", Some(("A91", Class::B))),
            ("A97.1", Some(("A97", Class::B))),
            ("A00.1", Some(("A00", Class::A))),
            ("A001", Some(("A00", Class::A))),
            ("A98.4", Some(("A98.4", Class::A))),
            ("a984", Some(("A98.4", Class::A))),
            ("A98", None),
            ("A98.0", None),
            ("B08.4", Some(("B08.4", Class::B))),
            ("A17.0+", Some(("A17", Class::B))),
            ("I10", None),
            ("", None),
            ("A9", None),
        ] {
            assert_eq!(Notifiable::shared().get(code).map(|d| (d.prefix.as_str(), d.class)), expect, "{code}");
        }
    }

    #[test]
    fn every_prefix_is_a_known_code() {
        let all = Notifiable::shared().all();
        assert!(all.is_sorted_by(|a, b| a.prefix < b.prefix));
        for class in [Class::A, Class::B, Class::C] {
            assert!(all.iter().filter(|d| d.class == class).count() > 10, "{class:?}");
        }
        for d in all {
            // A91 left the list with the 2019 edition (now A97); earlier claims still carry it.
            assert!(d.prefix == "A91" || Icd10::shared().get(&d.prefix).is_some(), "{}", d.prefix);
        }
    }
}
