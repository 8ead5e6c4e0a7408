//! What the Ministry's annexes say beside a code: not a main diagnosis, one sex only, an age range, dagger–asterisk pairs.

use std::collections::HashMap;

use mach_base::content;

use crate::table::each_row;
use crate::{Error, IcdKey};

const FILE: &str = "icd10-vn-rules.csv";
const PAIRS_FILE: &str = "icd10-vn-pairs.csv";

/// Sex, as the rules name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sex {
    /// Nam.
    Male,
    /// Nữ.
    Female,
}

/// An age bound of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Age {
    /// In days since birth.
    Days(i32),
    /// In completed years.
    Years(i32),
}

/// One rule of a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// May not be the main diagnosis.
    NotMain,
    /// Only for this sex.
    Only(Sex),
    /// Only from `from` to `to`, both included; open where `None`.
    Aged {
        /// Youngest.
        from: Option<Age>,
        /// Oldest.
        to: Option<Age>,
    },
}

/// What speaks against a code for a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conflict {
    /// The code is for the other sex only.
    Sex {
        /// The sex that the code is for.
        only: Sex,
    },
    /// The person is younger than this.
    TooYoung(Age),
    /// The person is older than this.
    TooOld(Age),
}

impl Rule {
    /// The conflict with a person of `sex` and `age` (days since birth, completed years); unknown facts never conflict.
    pub(crate) fn conflict(self, sex: Option<Sex>, age: Option<(i32, i32)>) -> Option<Conflict> {
        let beside = |bound: Age| {
            age.map(|(days, years)| match bound {
                Age::Days(d) => days.cmp(&d),
                Age::Years(y) => years.cmp(&y),
            })
        };
        match self {
            Self::NotMain => None,
            Self::Only(only) => sex.filter(|&s| s != only).map(|_| Conflict::Sex { only }),
            Self::Aged { from, to } => from
                .filter(|&a| beside(a).is_some_and(|o| o.is_lt()))
                .map(Conflict::TooYoung)
                .or_else(|| to.filter(|&a| beside(a).is_some_and(|o| o.is_gt())).map(Conflict::TooOld)),
        }
    }
}

/// A disease (dagger) and its manifestation (asterisk), coded together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pair {
    /// The disease.
    pub dagger: IcdKey,
    /// The manifestation; the decision takes this side as main when grouping.
    pub asterisk: IcdKey,
}

/// The rules and pairs of the list.
#[derive(Debug, Default)]
pub(crate) struct Rules {
    by_code: HashMap<IcdKey, Vec<Rule>>,
    pub(crate) pairs: Vec<Pair>,
}

impl Rules {
    pub(crate) fn embedded() -> Result<Self, Error> {
        let rules = content::text(FILE, include_str!("../../../../content/icd10-vn-rules.csv"));
        let pairs = content::text(PAIRS_FILE, include_str!("../../../../content/icd10-vn-pairs.csv"));
        Self::read(&rules, &pairs)
    }

    pub(crate) fn read(rules: &str, pairs: &str) -> Result<Self, Error> {
        let mut all = Self::default();
        each_row(FILE, rules, "code,rule,age_from,age_to,sex", |row| {
            let key = row.read(0, "an ICD-10 code", IcdKey::parse)?;
            let (from, to) = (row.read_opt(2, "an age", age)?, row.read_opt(3, "an age", age)?);
            let only = row.read_opt(4, "F or M", |t| match t {
                "F" => Some(Sex::Female),
                "M" => Some(Sex::Male),
                _ => None,
            })?;
            let aged = (from.is_some() || to.is_some()).then_some(Rule::Aged { from, to });
            let not_main = (row.text(1) == "not_main").then_some(Rule::NotMain);
            if not_main.is_none() && only.is_none() && aged.is_none() {
                return Err(row.error(format!("`{}` names neither `not_main` nor sex nor age", row.text(1))));
            }
            let of_code = all.by_code.entry(key).or_default();
            // Two rows of one code may say the same of the sex: it conflicts once.
            for rule in [not_main, only.map(Rule::Only), aged].into_iter().flatten() {
                if !of_code.contains(&rule) {
                    of_code.push(rule);
                }
            }
            Ok(())
        })?;
        each_row(PAIRS_FILE, pairs, "dagger_code,asterisk_code,main_side", |row| {
            let pair = Pair {
                dagger: row.read(0, "an ICD-10 code", IcdKey::parse)?,
                asterisk: row.read(1, "an ICD-10 code", IcdKey::parse)?,
            };
            row.read(2, "`asterisk`", |t| (t == "asterisk").then_some(()))?;
            all.pairs.push(pair);
            Ok(())
        })?;
        Ok(all)
    }

    pub(crate) fn of(&self, key: IcdKey) -> &[Rule] {
        self.by_code.get(&key).map_or(&[], Vec::as_slice)
    }
}

/// `28d` or `9y`.
fn age(text: &str) -> Option<Age> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let number = number.parse().ok().filter(|n| *n >= 0)?;
    match unit {
        "d" => Some(Age::Days(number)),
        "y" => Some(Age::Years(number)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Icd10;

    #[test]
    fn sex_and_age_are_held_against_the_code() {
        let icd = Icd10::shared();
        let (m, f) = (Some(Sex::Male), Some(Sex::Female));
        for (code, sex, age, expect) in [
            ("O80.0", f, Some((9_500, 26)), vec![]),
            ("O80.0", m, Some((9_500, 26)), vec![Conflict::Sex { only: Sex::Female }]),
            ("O80.0", f, Some((3_000, 8)), vec![Conflict::TooYoung(Age::Years(9))]),
            ("O80.0", f, Some((22_000, 60)), vec![]),
            ("O80.0", f, Some((22_600, 61)), vec![Conflict::TooOld(Age::Years(60))]),
            ("O80.0", None, None, vec![]),
            ("A33", m, Some((365, 1)), vec![]),
            ("A33", m, Some((366, 1)), vec![Conflict::TooOld(Age::Days(365))]),
            ("N40", f, Some((20_000, 54)), vec![Conflict::Sex { only: Sex::Male }]),
            ("I10", m, Some((20_000, 54)), vec![]),
            ("nothing", m, Some((20_000, 54)), vec![]),
        ] {
            assert_eq!(icd.conflicts(code, sex, age), expect, "{code} {sex:?} {age:?}");
        }
        assert!(!icd.may_be_main("B95.0"), "a germ is no disease");
        assert!(icd.may_be_main("I10"));
    }

    #[test]
    fn every_rule_and_pair_is_of_the_list() {
        let icd = Icd10::shared();
        let rules = Rules::embedded().unwrap();
        // 3,181 rows; of 505 rows of obstetrics and gynaecology, 499 repeat the sex of a `female only` row.
        let of = |f: fn(&Rule) -> bool| rules.by_code.values().flatten().filter(|r| f(r)).count();
        assert_eq!(of(|r| *r == Rule::NotMain), 915);
        assert_eq!(of(|r| *r == Rule::Only(Sex::Male)), 112);
        assert_eq!(of(|r| *r == Rule::Only(Sex::Female)), 783);
        assert_eq!(of(|r| matches!(r, Rule::Aged { .. })), 1_377);
        assert_eq!(rules.pairs.len(), 1_676);
        for key in rules.by_code.keys() {
            assert!(icd.by_key(*key).is_some(), "{key:?}");
        }
        for p in &rules.pairs {
            assert!(icd.by_key(p.dagger).is_some() && icd.by_key(p.asterisk).is_some(), "{p:?}");
        }
        assert!(icd.pairs("A01.0").any(|p| p.asterisk.category() == "G01"));
    }

    #[test]
    fn ages_have_a_unit() {
        for (text, expect) in
            [("28d", Some(Age::Days(28))), ("9y", Some(Age::Years(9))), ("9", None), ("", None), ("-1y", None)]
        {
            assert_eq!(age(text), expect, "{text}");
        }
    }
}
