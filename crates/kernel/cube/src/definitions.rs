//! Measures and indicators: the definitions of `measures.json` and `indicators.json`, checked as a whole.

use crate::CubeError;
use crate::rule::{RawRule, Rule, optional_day};
use crate::subject::{Subject, Text};
use mach_base::{Day, Grain, content};
use mach_store::cells::{Fact, Part};
use serde::Deserialize;
use std::collections::{HashMap, HashSet};
use std::sync::OnceLock;

const MEASURES: &str = include_str!("../../../../content/measures.json");
const INDICATORS: &str = include_str!("../../../../content/indicators.json");

/// What the numbers of a measure are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Things counted.
    Count,
    /// Hundredths of a đồng.
    Money,
    /// Minutes.
    Minutes,
}

/// Which claims a measure counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Over {
    /// Accepted ones.
    #[default]
    Accepted,
    /// Accepted ones, and refused ones never accepted.
    Received,
}

/// Something that claims count for.
#[derive(Clone, Debug)]
pub struct Measure {
    /// Name in definitions.
    pub id: String,
    /// Number in the store; never given to another meaning.
    pub number: i64,
    /// Vietnamese name.
    pub name_vi: String,
    /// English name.
    pub name_en: String,
    /// What its numbers are.
    pub unit: Unit,
    /// Whether it is split into items.
    pub has_items: bool,
    over: Over,
    rules: Vec<Rule>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawMeasures {
    #[serde(rename = "about")]
    _about: Option<String>,
    measures: Vec<RawMeasure>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawMeasure {
    id: String,
    number: i64,
    name_vi: String,
    name_en: String,
    unit: Unit,
    #[serde(default)]
    over: Over,
    rules: Vec<RawRule>,
}

/// Whether more is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// More is better.
    UpGood,
    /// Less is better.
    DownGood,
    /// Neither.
    Neutral,
}

/// What an indicator is divided by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Denominator {
    /// Nothing: it is a count or a sum.
    None,
    /// Sums of measures.
    Parts(Vec<Part>),
    /// Calendar days of the period.
    Days,
    /// Actual beds × calendar days of the period, of facilities that have beds.
    BedDaysCapacity,
}

/// How the value is made of the two sums.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// numerator × scale ÷ denominator.
    #[default]
    Value,
    /// (numerator − the same of the same period last year) × scale ÷ that.
    Change,
}

/// An indicator (chỉ tiêu) of the operations centre, in one version.
#[derive(Clone, Debug)]
pub struct Indicator {
    /// Id of the list of indicators: `CD01`.
    pub id: String,
    /// Version, from 1.
    pub version: u32,
    /// First day this version holds for.
    pub valid_from: Day,
    /// Last day, where it ended.
    pub valid_to: Option<Day>,
    /// Id of its group.
    pub group: String,
    /// Vietnamese name.
    pub name_vi: String,
    /// English name.
    pub name_en: String,
    /// Formula in Vietnamese.
    pub formula_vi: String,
    /// Formula in English.
    pub formula_en: String,
    /// Tables of the claim files it comes from.
    pub source: String,
    /// Department that answers for it.
    pub owner: String,
    /// Periods it is reported by; every period can be asked.
    pub period: Vec<Grain>,
    /// `lượt`, `đồng`, `%` …
    pub unit: String,
    /// Whether more is better.
    pub direction: Direction,
    /// Digits after the point on pages; the API gives four.
    pub decimals: u32,
    /// What is counted.
    pub numerator: Vec<Part>,
    /// What it is divided by.
    pub denominator: Denominator,
    /// Factor of the numerator.
    pub scale: i64,
    /// How the value is made.
    pub form: Form,
    /// What it cannot be split by.
    pub not_by: Vec<String>,
    /// Regulation or request it comes from.
    pub basis: String,
    /// Whether the numerator is in hundredths of a đồng.
    pub(crate) numerator_money: bool,
    /// Whether the denominator is.
    pub(crate) denominator_money: bool,
}

/// A group of indicators.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// Id: the letters its indicators begin with.
    pub id: String,
    /// Vietnamese name.
    pub name_vi: String,
    /// English name.
    pub name_en: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawIndicators {
    #[serde(rename = "about")]
    _about: Option<String>,
    groups: Vec<Group>,
    indicators: Vec<RawIndicator>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawIndicator {
    id: String,
    version: u32,
    valid_from: String,
    valid_to: Option<String>,
    group: String,
    name_vi: String,
    name_en: String,
    formula_vi: String,
    formula_en: String,
    source: String,
    owner: String,
    period: Vec<String>,
    unit: String,
    direction: Direction,
    decimals: u32,
    numerator: Vec<String>,
    denominator: Option<RawDenominator>,
    scale: i64,
    #[serde(default)]
    kind: Form,
    #[serde(default)]
    not_by: Vec<String>,
    basis: String,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum RawDenominator {
    Named(String),
    Parts(Vec<String>),
}

/// All measures and indicators.
#[derive(Debug)]
pub struct Definitions {
    measures: Vec<Measure>,
    by_id: HashMap<String, usize>,
    groups: Vec<Group>,
    indicators: Vec<Indicator>,
}

impl Definitions {
    /// The definitions in force: the administrator's files, else the embedded ones.
    ///
    /// # Panics
    /// Where a file does not hold together: a centre that counts by half its definitions is worse than none.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Definitions> = OnceLock::new();
        SHARED.get_or_init(|| {
            let measures = content::text("measures.json", MEASURES);
            let indicators = content::text("indicators.json", INDICATORS);
            Self::load(&measures, &indicators).unwrap_or_else(|e| panic!("{e}"))
        })
    }

    /// Reads and checks both files: ids and numbers are unique, every reference resolves, every rule compiles.
    pub fn load(measures: &str, indicators: &str) -> Result<Self, CubeError> {
        let at = |file: &'static str, e: &dyn std::fmt::Display| CubeError::Definition(format!("{file}: {e}"));
        let raw: RawMeasures = serde_json::from_str(measures).map_err(|e| at("measures.json", &e))?;
        let measures: Result<Vec<Measure>, String> = raw.measures.into_iter().map(RawMeasure::compile).collect();
        let measures = measures.map_err(|e| at("measures.json", &e))?;
        let mut by_id = HashMap::new();
        let mut numbers = HashSet::new();
        for (i, m) in measures.iter().enumerate() {
            if by_id.insert(m.id.clone(), i).is_some() || !numbers.insert(m.number) || m.number < 1 {
                return Err(at("measures.json", &format!("`{}`: id and number must be unique, from 1", m.id)));
            }
        }
        let mut out = Self { measures, by_id, groups: Vec::new(), indicators: Vec::new() };
        let raw: RawIndicators = serde_json::from_str(indicators).map_err(|e| at("indicators.json", &e))?;
        out.groups = raw.groups;
        for indicator in raw.indicators {
            let id = indicator.id.clone();
            let compiled = out.compile(indicator).map_err(|e| at("indicators.json", &format!("`{id}`: {e}")))?;
            out.indicators.push(compiled);
        }
        Ok(out)
    }

    /// All measures, in the order of the file.
    pub fn measures(&self) -> &[Measure] {
        &self.measures
    }

    /// The measure with `id`.
    pub fn measure(&self, id: &str) -> Option<&Measure> {
        self.by_id.get(id).map(|i| &self.measures[*i])
    }

    /// All versions of all indicators, in the order of the file.
    pub fn indicators(&self) -> &[Indicator] {
        &self.indicators
    }

    /// The groups of indicators, in the order pages show them.
    pub fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// Indicator `id` as it is defined on `on`; before its first version, the first; after its last, the last.
    pub fn indicator(&self, id: &str, on: Day) -> Result<&Indicator, CubeError> {
        let versions = || self.indicators.iter().filter(|i| i.id == id);
        versions()
            .filter(|i| i.valid_from <= on)
            .max_by_key(|i| i.valid_from)
            .or_else(|| versions().min_by_key(|i| i.valid_from))
            .ok_or_else(|| CubeError::UnknownIndicator(id.to_owned()))
    }

    fn compile(&self, raw: RawIndicator) -> Result<Indicator, String> {
        let valid_from = optional_day(Some(&raw.valid_from))?.ok_or("needs a first day")?;
        let valid_to = optional_day(raw.valid_to.as_deref())?;
        let overlaps = |i: &&Indicator| {
            i.id == raw.id && (i.version == raw.version || i.valid_to.is_none_or(|to| to >= valid_from))
        };
        if let Some(other) = self.indicators.iter().find(overlaps) {
            return Err(format!("versions {} and {} overlap", other.version, raw.version));
        }
        if !self.groups.iter().any(|g| g.id == raw.group) {
            return Err(format!("unknown group `{}`", raw.group));
        }
        let (numerator, numerator_money) = self.parts(&raw.numerator)?;
        let (denominator, denominator_money) = match raw.denominator {
            None => (Denominator::None, false),
            Some(RawDenominator::Named(name)) if name == "days" => (Denominator::Days, false),
            Some(RawDenominator::Named(name)) if name == "bed_days_capacity" => (Denominator::BedDaysCapacity, false),
            Some(RawDenominator::Named(name)) => return Err(format!("unknown denominator `{name}`")),
            Some(RawDenominator::Parts(names)) => {
                let (parts, money) = self.parts(&names)?;
                (Denominator::Parts(parts), money)
            }
        };
        if raw.kind == Form::Change && denominator != Denominator::None {
            return Err("a change has no denominator of its own".to_owned());
        }
        if raw.scale < 1 || raw.decimals > 4 {
            return Err("`scale` is at least 1, `decimals` at most 4".to_owned());
        }
        if let Some(by) = raw.not_by.iter().find(|by| crate::By::parse(by).is_none()) {
            return Err(format!("unknown split `{by}`"));
        }
        let grain = |p: &String| Grain::parse(p).ok_or_else(|| format!("unknown period `{p}`"));
        let period: Result<Vec<Grain>, String> = raw.period.iter().map(grain).collect();
        Ok(Indicator {
            period: period?,
            id: raw.id,
            version: raw.version,
            valid_from,
            valid_to,
            group: raw.group,
            name_vi: raw.name_vi,
            name_en: raw.name_en,
            formula_vi: raw.formula_vi,
            formula_en: raw.formula_en,
            source: raw.source,
            owner: raw.owner,
            unit: raw.unit,
            direction: raw.direction,
            decimals: raw.decimals,
            numerator,
            denominator,
            scale: raw.scale,
            form: raw.kind,
            not_by: raw.not_by,
            basis: raw.basis,
            numerator_money,
            denominator_money,
        })
    }

    /// The parts of `op_visits` or `money:1`, and whether they are money; all of one unit.
    fn parts(&self, names: &[String]) -> Result<(Vec<Part>, bool), String> {
        let mut parts = Vec::new();
        let mut money = HashSet::new();
        for name in names {
            let (id, item) = match name.split_once(':') {
                Some((id, item)) => (id, Some(item.parse().map_err(|_| format!("`{name}`: item is a number"))?)),
                None => (name.as_str(), None),
            };
            let measure = self.measure(id).ok_or_else(|| format!("unknown measure `{id}`"))?;
            if item.is_some() && !measure.has_items {
                return Err(format!("`{id}` has no items"));
            }
            money.insert(measure.unit == Unit::Money);
            parts.push(Part { measure: measure.number, item: if measure.has_items { item } else { Some(0) } });
        }
        match money.len() {
            1 => Ok((parts, money.contains(&true))),
            0 => Err("needs a measure".to_owned()),
            _ => Err("money and counts cannot be added".to_owned()),
        }
    }
}

impl Measure {
    /// The whole of this measure, or one item of it.
    pub fn part(&self, item: Option<i64>) -> Part {
        Part { measure: self.number, item: if self.has_items { item } else { Some(0) } }
    }
}

impl RawMeasure {
    fn compile(self) -> Result<Measure, String> {
        let has_items = self.rules.iter().any(RawRule::has_item);
        let rules: Result<Vec<Rule>, String> = self.rules.into_iter().map(RawRule::compile).collect();
        let rules = rules.map_err(|e| format!("`{}`: {e}", self.id))?;
        let Self { id, number, name_vi, name_en, unit, over, .. } = self;
        Ok(Measure { id, number, name_vi, name_en, unit, has_items, over, rules })
    }
}

/// What `subject` counts for; nothing where it is withdrawn. In no order; equal (measure, item, day) may repeat.
pub fn facts(definitions: &Definitions, subject: &dyn Subject) -> Vec<Fact> {
    let mut out = Vec::new();
    if subject.text(Text::Entry) == "8" {
        return out;
    }
    let accepted = subject.text(Text::Status) == "accepted";
    for m in definitions.measures.iter().filter(|m| accepted || m.over == Over::Received) {
        for rule in &m.rules {
            rule.facts(subject, &mut |item, day, value| out.push(Fact { measure: m.number, item, day, value }));
        }
    }
    out
}
