//! What makes a fact sensitive: labels, and the dated rules that give them.

use crate::policy::{PolicyError, rows};
use mach_base::{Day, content};
use std::collections::HashMap;
use std::sync::OnceLock;

const FILE: &str = "access/sensitive.csv";
/// What the list calls every system of ICD-10.
const ICD10: &str = "icd-10";
/// Systems of ICD-10 and of what was made of it, by their beginnings.
const ICD10_SYSTEMS: [&str; 3] =
    ["http://hl7.org/fhir/sid/icd-10", "urn:oid:2.16.840.1.113883.6.3", "urn:oid:2.16.840.1.113883.6.90"];

/// A kind of sensitivity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Label {
    /// HIV.
    Hiv = 1,
    /// Mental health.
    Mental = 2,
    /// Genetics.
    Genetic = 4,
    /// A person of public interest: all of their record.
    Vip = 8,
}

impl Label {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Hiv, Self::Mental, Self::Genetic, Self::Vip];

    /// As the lists name it.
    pub fn code(self) -> &'static str {
        match self {
            Self::Hiv => "hiv",
            Self::Mental => "mental",
            Self::Genetic => "genetic",
            Self::Vip => "vip",
        }
    }

    /// From its name.
    pub fn parse(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|l| l.code() == code)
    }
}

/// A set of labels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Labels(u8);

impl Labels {
    /// An ordinary fact.
    pub const NONE: Self = Self(0);
    /// Every label.
    pub const ALL: Self = Self(15);

    /// As stored: one bit for each.
    pub fn bits(self) -> i64 {
        i64::from(self.0)
    }

    /// From its stored form; bits that mean nothing are left out.
    pub fn of_bits(bits: i64) -> Self {
        Self((bits & 15) as u8)
    }

    /// With one more.
    #[must_use]
    pub fn with(self, label: Label) -> Self {
        Self(self.0 | label as u8)
    }

    /// Those of both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Those that are not in here.
    #[must_use]
    pub fn others(self) -> Self {
        Self(15 & !self.0)
    }

    /// Whether it is in here.
    pub fn has(self, label: Label) -> bool {
        self.0 & label as u8 != 0
    }

    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
}

struct Rule {
    label: Label,
    from: Day,
    until: Option<Day>,
}

/// The rules that give labels.
#[derive(Default)]
pub struct Sensitive {
    /// System → code → rules.
    exact: HashMap<String, HashMap<String, Vec<Rule>>>,
    /// System → beginnings of codes and their rules.
    beginnings: HashMap<String, Vec<(String, Rule)>>,
    /// First letters of codes, a bit for each: most codes of a record are told apart by them.
    firsts: u128,
    /// The file's own text, for whoever must know whether it changed.
    text: String,
}

impl Sensitive {
    /// The rules in use.
    ///
    /// # Panics
    /// Where the list does not have its shape: half the rules are worse than none.
    pub fn shared() -> &'static Self {
        static LIST: OnceLock<Sensitive> = OnceLock::new();
        LIST.get_or_init(|| {
            let text = content::text(FILE, include_str!("../../../../content/access/sensitive.csv"));
            Self::read(&text).unwrap_or_else(|e| panic!("{e}"))
        })
    }

    /// Reads `label,system,code,from,until,source`.
    ///
    /// # Errors
    /// What is wrong, and in which line.
    pub fn read(text: &str) -> Result<Self, PolicyError> {
        let mut rules = Self { text: text.to_owned(), ..Self::default() };
        rows(FILE, text, "label,system,code,from,until,source", |row| {
            let label = row.read(0, "a label", Label::parse)?;
            let (system, code) = (row.filled(1)?.to_owned(), plain(row.filled(2)?));
            let from = row.read(3, "a day", Day::parse_iso)?;
            let until = match row.text(4) {
                "" => None,
                _ => Some(row.read(4, "a day", Day::parse_iso)?),
            };
            row.filled(5)?;
            let rule = Rule { label, from, until };
            rules.firsts |= 1 << (code.bytes().next().unwrap_or(0) & 127);
            match code.strip_suffix('*') {
                Some(beginning) => rules.beginnings.entry(system).or_default().push((beginning.to_owned(), rule)),
                None => rules.exact.entry(system).or_default().entry(code).or_default().push(rule),
            }
            Ok(())
        })?;
        Ok(rules)
    }

    /// The rules as text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether a JSON body may hold a coding that a rule names: quick, and never no where the answer is yes. Every code
    /// stands in a member `code`; where letters are written as escapes, anything may be.
    pub fn may_concern(&self, body: &str) -> bool {
        let mut rest = body;
        while let Some(at) = rest.find("\"code\"") {
            rest = &rest[at + 6..];
            let value = rest.trim_start().strip_prefix(':').map(str::trim_start).and_then(|v| v.strip_prefix('"'));
            let code = value.and_then(|v| v.split('"').next());
            if code.is_some_and(|code| self.may_be(code)) {
                return true;
            }
        }
        body.contains("\\u")
    }

    fn may_be(&self, code: &str) -> bool {
        let first = code.bytes().find(|b| !b.is_ascii_whitespace()).map_or(0, |b| b.to_ascii_uppercase());
        if first.is_ascii() && self.firsts & (1 << (first & 127)) == 0 {
            return false;
        }
        let code = plain(code);
        self.beginnings.values().flatten().any(|(beginning, _)| code.starts_with(beginning.as_str()))
            || self.exact.values().any(|codes| codes.contains_key(&code))
    }

    /// The labels of a coding on a day.
    pub fn of(&self, system: &str, code: &str, day: Day) -> Labels {
        let system = if ICD10_SYSTEMS.iter().any(|s| system.starts_with(s)) { ICD10 } else { system };
        let holds = |rule: &Rule| rule.from <= day && rule.until.is_none_or(|until| day < until);
        let mut labels = Labels::NONE;
        let code = plain(code);
        if let Some(rules) = self.exact.get(system).and_then(|codes| codes.get(&code)) {
            labels = rules.iter().filter(|r| holds(r)).fold(labels, |l, r| l.with(r.label));
        }
        for (beginning, rule) in self.beginnings.get(system).into_iter().flatten() {
            if code.starts_with(beginning.as_str()) && holds(rule) {
                labels = labels.with(rule.label);
            }
        }
        labels
    }

    /// The labels of an ICD-10 code on a day.
    pub fn of_icd10(&self, code: &str, day: Day) -> Labels {
        self.of(ICD10_SYSTEMS[0], code, day)
    }
}

/// A code as it is compared: without its dot (`F024` is `F02.4`) and in capitals.
fn plain(code: &str) -> String {
    code.chars().filter(|c| *c != '.' && !c.is_whitespace()).flat_map(char::to_uppercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_have_their_labels() {
        let rules = Sensitive::shared();
        let icd = "http://hl7.org/fhir/sid/icd-10";
        let day = Day::parse_iso("2026-11-26").unwrap();
        for (system, code, want) in [
            (icd, "B20", vec![Label::Hiv]),
            (icd, "b24", vec![Label::Hiv]),
            (icd, "F02.4", vec![Label::Hiv, Label::Mental]),
            (icd, "F024", vec![Label::Hiv, Label::Mental]),
            ("http://hl7.org/fhir/sid/icd-10-cm", "F32.1", vec![Label::Mental]),
            (icd, "Q90.9", vec![Label::Genetic]),
            (icd, "I10", vec![]),
            (icd, "B2", vec![]),
            ("http://example.org", "B20", vec![]),
            ("http://loinc.org", "20447-9", vec![Label::Hiv]),
            ("http://terminology.hl7.org/CodeSystem/v3-ActCode", "CEL", vec![Label::Vip]),
            ("http://terminology.hl7.org/CodeSystem/v3-ActCode", "CELX", vec![]),
        ] {
            let labels = rules.of(system, code, day);
            let got: Vec<Label> = Label::ALL.into_iter().filter(|l| labels.has(*l)).collect();
            assert_eq!(got, want, "{system} {code}");
        }
    }

    #[test]
    fn rules_have_their_days() {
        let list = "label,system,code,from,until,source\nhiv,http://x,A*,2020-01-01,2021-01-01,s\n";
        let rules = Sensitive::read(list).unwrap();
        for (day, want) in [("2019-12-31", false), ("2020-01-01", true), ("2020-12-31", true), ("2021-01-01", false)] {
            assert_eq!(rules.of("http://x", "A1", Day::parse_iso(day).unwrap()).has(Label::Hiv), want, "{day}");
        }
        for (body, want) in [
            (r#"{"code" : "A1"}"#, true),
            (r#"{"code":{"coding":[{"code":"a.1"}]}}"#, true),
            (r#"{"c\u006fde":"A1"}"#, true),
            (r#"{"code":"\u0041"}"#, true),
            (r#"{"code":"B1","display":"A"}"#, false),
            (r#"{"code":["A"]}"#, false),
        ] {
            assert_eq!(rules.may_concern(body), want, "{body}");
        }
    }

    #[test]
    fn a_broken_list_says_where() {
        let head = "label,system,code,from,until,source\n";
        for row in
            ["lues,http://x,A,2020-01-01,,s", "hiv,,A,2020-01-01,,s", "hiv,x,A,2020-13-01,,s", "hiv,x,A,2020-01-01,,"]
        {
            let failed = Sensitive::read(&format!("{head}{row}\n")).err().unwrap().to_string();
            assert!(failed.contains("line 2"), "{failed}");
        }
        assert!(Sensitive::read("label,system\n").is_err());
    }
}
