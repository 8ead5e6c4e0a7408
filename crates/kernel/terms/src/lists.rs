//! The code lists of claim files and the catalogue of laboratory tests, as lists to be looked up by anyone.

use crate::table::each_row;
use crate::{CodeEntry, Error, usable};
use mach_base::content;
use std::collections::BTreeMap;
use std::sync::OnceLock;

const CODES: &str = "claims/codes.csv";
const LAB: &str = "lab-catalogue.csv";

/// All code lists of claim files, by name.
#[derive(Debug, Default)]
pub struct CodeLists(BTreeMap<String, Vec<CodeEntry>>);

impl CodeLists {
    /// The lists in use.
    pub fn shared() -> &'static Self {
        static LISTS: OnceLock<CodeLists> = OnceLock::new();
        LISTS.get_or_init(|| {
            usable(Self::read(&content::text(CODES, include_str!("../../../../content/claims/codes.csv"))))
        })
    }

    fn read(text: &str) -> Result<Self, Error> {
        let mut lists = Self::default();
        each_row(CODES, text, "list,code,meaning_vi,meaning_en,valid_from,valid_to", |row| {
            let entry = CodeEntry {
                code: row.required(1, "code")?.to_owned(),
                name_vi: row.required(2, "meaning_vi")?.to_owned(),
                name_en: row.text(3).to_owned(),
                valid_from: row.day_opt(4)?,
                valid_to: row.day_opt(5)?,
            };
            lists.0.entry(row.required(0, "list")?.to_owned()).or_default().push(entry);
            Ok(())
        })?;
        Ok(lists)
    }

    /// Names and entries, by name.
    pub fn all(&self) -> impl Iterator<Item = (&str, &[CodeEntry])> {
        self.0.iter().map(|(name, entries)| (name.as_str(), entries.as_slice()))
    }

    /// The entries of one list.
    pub fn get(&self, name: &str) -> Option<&[CodeEntry]> {
        self.0.get(name).map(Vec::as_slice)
    }
}

/// One laboratory test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabTest {
    /// Our code: `WBC`.
    pub code: String,
    /// LOINC code; empty where none is given.
    pub loinc: String,
    /// Vietnamese name.
    pub name_vi: String,
    /// English name.
    pub name_en: String,
    /// Specimen.
    pub specimen: String,
    /// UCUM unit; may be empty.
    pub unit: String,
    /// Section of the laboratory.
    pub section: String,
}

/// The catalogue of laboratory tests.
#[derive(Debug, Default)]
pub struct LabCatalogue(Vec<LabTest>);

impl LabCatalogue {
    /// The catalogue in use.
    pub fn shared() -> &'static Self {
        static LIST: OnceLock<LabCatalogue> = OnceLock::new();
        LIST.get_or_init(|| {
            usable(Self::read(&content::text(LAB, include_str!("../../../../content/lab-catalogue.csv"))))
        })
    }

    fn read(text: &str) -> Result<Self, Error> {
        let mut list = Self::default();
        let header = "code,loinc,name_vi,name_en,specimen,unit,ref_low,ref_high,ref_detail,critical_low,critical_high,section,\
                      loinc_check,basis";
        each_row(LAB, text, header, |row| {
            list.0.push(LabTest {
                code: row.required(0, "code")?.to_owned(),
                loinc: row.text(1).to_owned(),
                name_vi: row.required(2, "name_vi")?.to_owned(),
                name_en: row.text(3).to_owned(),
                specimen: row.text(4).to_owned(),
                unit: row.text(5).to_owned(),
                section: row.text(11).to_owned(),
            });
            Ok(())
        })?;
        Ok(list)
    }

    /// All tests, in the order of the list.
    pub fn all(&self) -> &[LabTest] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shipped_lists_are_read() {
        let lists = CodeLists::shared();
        assert!(lists.all().count() > 50);
        assert_eq!(lists.get("GIOI_TINH").and_then(|l| l.first()).map(|e| e.name_vi.as_str()), Some("Nam"));
        assert!(LabCatalogue::shared().all().iter().any(|t| t.code == "WBC" && t.loinc == "6690-2"));
    }
}
