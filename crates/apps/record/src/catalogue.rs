//! The laboratory catalogue: which results lie outside their reference range.
//!
//! Ranges are for adults, some by sex, in one unit each. Where a result's unit is another one, the person is a child or
//! the range is only told in words, nothing is flagged: a missing flag is seen, a wrong one is believed.

use mach_base::{Decimal, content};
use mach_ui::components::Flag;
use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::OnceLock;

const FILE: &str = "lab-catalogue.csv";
/// Years from which the ranges hold.
pub(crate) const ADULT_YEARS: i32 = 16;
const HEADER: [&str; 14] = [
    "code",
    "loinc",
    "name_vi",
    "name_en",
    "specimen",
    "unit",
    "ref_low",
    "ref_high",
    "ref_detail",
    "critical_low",
    "critical_high",
    "section",
    "loinc_check",
    "basis",
];

/// Bounds of results that are words: for people to read, not to compare with.
const WORDS: [&str; 3] = ["3+", "positive", "detected"];

/// Why the catalogue cannot be used.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`lab-catalogue.csv` line {line}: {what}")]
pub(crate) struct CatalogueError {
    line: u64,
    what: String,
}

/// The bounds of a range; open where `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Range {
    pub(crate) low: Option<Decimal>,
    pub(crate) high: Option<Decimal>,
}

/// A laboratory index.
#[derive(Clone, Debug)]
pub(crate) struct Index {
    pub(crate) name_vi: String,
    pub(crate) name_en: String,
    /// UCUM.
    unit: String,
    all: Range,
    male: Option<Range>,
    female: Option<Range>,
    critical: Range,
}

/// The whole catalogue, by code (`MA_CHI_SO`, upper case).
#[derive(Debug)]
pub(crate) struct Catalogue {
    by_code: HashMap<String, Index>,
}

impl Catalogue {
    /// The catalogue in use.
    ///
    /// # Panics
    /// Where it does not have its shape: half a catalogue would leave results unflagged unseen.
    pub(crate) fn shared() -> &'static Self {
        static LIST: OnceLock<Catalogue> = OnceLock::new();
        LIST.get_or_init(|| {
            let text = content::text(FILE, include_str!("../../../../content/lab-catalogue.csv"));
            Self::read(&text).unwrap_or_else(|e| panic!("{e}"))
        })
    }

    pub(crate) fn read(text: &str) -> Result<Self, CatalogueError> {
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let wrong = |line: u64, what: String| CatalogueError { line, what };
        let header = reader.headers().map_err(|e| wrong(1, e.to_string()))?;
        if header.iter().ne(HEADER) {
            return Err(wrong(1, format!("the first line must be `{}`", HEADER.join(","))));
        }
        let mut by_code = HashMap::new();
        for row in reader.records() {
            let row = row.map_err(|e| wrong(e.position().map_or(0, csv::Position::line), e.to_string()))?;
            let line = row.position().map_or(0, csv::Position::line);
            let (code, index) = index(&row).map_err(|what| wrong(line, what))?;
            if by_code.insert(code.clone(), index).is_some() {
                return Err(wrong(line, format!("`{code}` stands twice")));
            }
        }
        Ok(Self { by_code })
    }

    /// The index with this code, in any case.
    pub(crate) fn get(&self, code: &str) -> Option<&Index> {
        self.by_code.get(&code.trim().to_uppercase())
    }
}

fn index(row: &csv::StringRecord) -> Result<(String, Index), String> {
    let text = |i: usize| row.get(i).unwrap_or_default().trim();
    let bound = |i: usize| match text(i) {
        "" => Ok(None),
        word if WORDS.contains(&word) => Ok(None),
        number => number.parse().map(Some).map_err(|_| format!("`{number}` is no number")),
    };
    if text(0).is_empty() || text(2).is_empty() {
        return Err("a code and a Vietnamese name are needed".to_owned());
    }
    let of_sex = |sign: &str| text(8).split(';').find_map(|part| sex_range(part.trim().strip_prefix(sign)?));
    let index = Index {
        name_vi: text(2).to_owned(),
        name_en: text(3).to_owned(),
        unit: text(5).to_owned(),
        all: Range { low: bound(6)?, high: bound(7)? },
        male: of_sex("M "),
        female: of_sex("F "),
        critical: Range { low: bound(9)?, high: bound(10)? },
    };
    Ok((text(0).to_uppercase(), index))
}

/// `130-175`, `>1.3` or `<33`.
fn sex_range(text: &str) -> Option<Range> {
    let number = |t: &str| t.trim().parse().ok();
    if let Some(low) = text.strip_prefix('>') {
        return Some(Range { low: Some(number(low)?), high: None });
    }
    if let Some(high) = text.strip_prefix('<') {
        return Some(Range { low: None, high: Some(number(high)?) });
    }
    let (low, high) = text.split_once('-')?;
    Some(Range { low: Some(number(low)?), high: Some(number(high)?) })
}

impl Index {
    /// The range for someone of `sex` (1 male, 2 female) in `unit` (UCUM where known, else as written); `None` where the
    /// catalogue has none in this unit.
    pub(crate) fn range(&self, sex: i64, unit: &str) -> Option<Range> {
        // Units in braces are annotations (UCUM §12): a bare number has them silently.
        let same = self.unit == unit || (unit.is_empty() && self.unit.starts_with('{'));
        let own = match sex {
            1 => self.male,
            2 => self.female,
            _ => None,
        };
        let range = own.unwrap_or(self.all);
        (same && range != Range::default()).then_some(range)
    }

    /// Where `value` lies against `range`, critical bounds first. `comparator` is FHIR's: a value that is only known to be
    /// below or above something is flagged only where that settles it.
    pub(crate) fn flag(&self, range: Range, value: Decimal, comparator: &str) -> Option<Flag> {
        let above = |bound: Option<Decimal>| bound.is_some_and(|b| compare(value, b) == Ordering::Greater);
        let below = |bound: Option<Decimal>| bound.is_some_and(|b| compare(value, b) == Ordering::Less);
        let reaches = |bound: Option<Decimal>, wanted: Ordering| {
            bound.is_some_and(|b| [wanted, Ordering::Equal].contains(&compare(value, b)))
        };
        match comparator {
            "" if reaches(self.critical.high, Ordering::Greater) => Some(Flag::CriticalHigh),
            "" if reaches(self.critical.low, Ordering::Less) => Some(Flag::CriticalLow),
            "" if above(range.high) => Some(Flag::High),
            "" if below(range.low) => Some(Flag::Low),
            "" => Some(Flag::Normal),
            ">" | ">=" if reaches(self.critical.high, Ordering::Greater) => Some(Flag::CriticalHigh),
            "<" | "<=" if reaches(self.critical.low, Ordering::Less) => Some(Flag::CriticalLow),
            ">" if reaches(range.high, Ordering::Greater) => Some(Flag::High),
            ">=" if above(range.high) => Some(Flag::High),
            "<" if range.low.is_some_and(|b| b.units != 0) && reaches(range.low, Ordering::Less) => Some(Flag::Low),
            "<=" if below(range.low) => Some(Flag::Low),
            "<" | "<=" if range.low.is_none_or(|b| b.units == 0) && !above(range.high) => Some(Flag::Normal),
            _ => None,
        }
    }
}

/// Compares decimals of any scale exactly.
pub(crate) fn compare(one: Decimal, other: Decimal) -> Ordering {
    let scale = one.scale.max(other.scale);
    let units = |d: Decimal| i128::from(d.units) * 10_i128.pow(scale - d.scale);
    units(one).cmp(&units(other))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn d(text: &str) -> Decimal {
        text.parse().unwrap()
    }

    #[test]
    fn flags() {
        for (code, sex, unit, value, comparator, expect) in [
            ("GLUF", 1, "mmol/L", "8.9", "", Some(Flag::High)),
            ("gluf", 1, "mmol/L", "5.50", "", Some(Flag::Normal)),
            ("GLUF", 1, "mmol/L", "5.51", "", Some(Flag::High)),
            ("GLUF", 1, "mmol/L", "25", "", Some(Flag::CriticalHigh)),
            ("GLUF", 1, "mmol/L", "2.4", "", Some(Flag::CriticalLow)),
            ("GLUF", 1, "mg/dL", "126", "", None),
            ("K", 2, "mmol/L", "3.3", "", Some(Flag::Low)),
            ("HGB", 1, "g/L", "125", "", Some(Flag::Low)),
            ("HGB", 2, "g/L", "125", "", Some(Flag::Normal)),
            ("HGB", 0, "g/L", "125", "", Some(Flag::Normal)),
            ("HDL", 2, "mmol/L", "1.2", "", Some(Flag::Low)),
            ("INR", 1, "", "2.5", "", Some(Flag::High)),
            ("AST", 1, "U/L", "5", "<", Some(Flag::Normal)),
            ("AST", 1, "U/L", "40", ">", Some(Flag::High)),
            ("AST", 1, "U/L", "40", ">=", None),
            ("AST", 1, "U/L", "1000", ">", Some(Flag::CriticalHigh)),
            ("K", 1, "mmol/L", "3.5", "<", Some(Flag::Low)),
            ("K", 1, "mmol/L", "4.0", "<", None),
            ("NOBODY", 1, "U/L", "40", "", None),
            ("SMEAR", 1, "", "1", "", None),
        ] {
            let index = Catalogue::shared().get(code);
            let flag = index.and_then(|i| i.flag(i.range(sex, unit)?, d(value), comparator));
            assert_eq!(flag, expect, "{code} {comparator}{value} {unit}");
        }
    }

    #[test]
    fn a_broken_catalogue_is_refused() {
        let header = HEADER.join(",");
        for (text, line) in [
            ("code,name\n".to_owned(), 1),
            (format!("{header}\nA,,x,,,,high,,,,,,,\n"), 2),
            (format!("{header}\nA,,x,,,,,,,,,,,\nA,,y,,,,,,,,,,,\n"), 3),
            (format!("{header}\nA,,,,,,,,,,,,,\n"), 2),
        ] {
            assert_eq!(Catalogue::read(&text).unwrap_err().line, line, "{text}");
        }
    }

    #[test]
    fn every_row_is_read() {
        let shared = Catalogue::shared();
        assert!(shared.by_code.len() > 150);
        assert_eq!(shared.by_code.values().filter(|i| i.male.is_some() != i.female.is_some()).count(), 0);
    }
}
