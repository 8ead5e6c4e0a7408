//! Results with their trend: laboratory values, vital signs, findings of imaging, notes.

use crate::catalogue::{Catalogue, Index, Range};
use crate::fact::{Concept, Fact, Quantity};
use mach_base::text::fold;
use mach_base::{Day, Decimal};
use mach_ui::Lang;
use mach_ui::components::Flag;
use serde::Deserialize;

/// What is read of an `Observation`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct ObservationBody {
    category: Vec<Concept>,
    pub(crate) code: Concept,
    value_quantity: Option<Quantity>,
    value_string: String,
    component: Vec<Component>,
    note: Vec<Note>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Component {
    value_quantity: Quantity,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Note {
    text: String,
}

impl ObservationBody {
    fn category(&self) -> &str {
        self.category.first().map_or("", Concept::code)
    }

    /// The number a trend is drawn from: the value, of blood pressures the systolic.
    pub(crate) fn number(&self) -> Option<Decimal> {
        match (&self.value_quantity, self.component.first()) {
            (Some(q), _) => q.decimal(),
            (None, Some(first)) => first.value_quantity.decimal(),
            (None, None) => None,
        }
    }

    fn comparator(&self) -> &str {
        self.value_quantity.as_ref().map_or("", |q| &q.comparator)
    }

    /// The unit as written.
    pub(crate) fn unit(&self) -> &str {
        let quantity = self.value_quantity.as_ref().or(self.component.first().map(|c| &c.value_quantity));
        quantity.map_or("", |q| &q.unit)
    }

    /// The unit in UCUM where it is known, else as written.
    fn comparable_unit(&self) -> &str {
        match self.value_quantity.as_ref().or(self.component.first().map(|c| &c.value_quantity)) {
            Some(q) if !q.code.is_empty() => &q.code,
            Some(q) => &q.unit,
            None => "",
        }
    }

    /// The value as read, without unit: `8,9`, `< 0,5`, `120/70`, `âm tính`.
    pub(crate) fn value(&self, lang: Lang) -> String {
        let number = |q: &Quantity| q.decimal().map_or(String::new(), |d| mach_ui::format::number(lang, d));
        match &self.value_quantity {
            Some(q) if q.comparator.is_empty() => number(q),
            Some(q) => format!("{}{}{}", q.comparator, mach_ui::format::NBSP, number(q)),
            None if !self.component.is_empty() => {
                self.component.iter().map(|c| number(&c.value_quantity)).collect::<Vec<_>>().join("/")
            }
            None => self.value_string.clone(),
        }
    }

    /// Conclusions and descriptions beside the value.
    pub(crate) fn notes(&self) -> impl Iterator<Item = &str> {
        self.note.iter().map(|n| n.text.as_str()).filter(|t| !t.is_empty())
    }
}

/// What kind of observation stands where on the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Section {
    Laboratory,
    Vital,
    Finding,
    Note,
}

/// All values of one index in one unit, newest first; never empty.
#[derive(Clone, Debug)]
pub(crate) struct Series {
    /// Name by the catalogue in the reader's language, else as written.
    name_vi: String,
    name_en: String,
    /// The values.
    pub(crate) values: Vec<Fact<ObservationBody>>,
    /// The reference range that holds for this person in this unit.
    pub(crate) range: Option<Range>,
    /// Where the newest value lies against it.
    pub(crate) flag: Option<Flag>,
    /// The newest value less the one before; where both are plain numbers.
    pub(crate) change: Option<Decimal>,
}

impl Series {
    /// The newest value.
    pub(crate) fn newest(&self) -> &Fact<ObservationBody> {
        // A series begins with its first value.
        &self.values[0]
    }

    /// Its name.
    pub(crate) fn name(&self, lang: Lang) -> &str {
        lang.pick(&self.name_vi, &self.name_en)
    }
}

/// What a record shows of observations.
#[derive(Clone, Debug, Default)]
pub(crate) struct Results {
    /// Laboratory, what lies outside its range first, then by time.
    pub(crate) laboratory: Vec<Series>,
    /// Vital signs.
    pub(crate) vital: Vec<Series>,
    /// Imaging and functional tests, newest first.
    pub(crate) findings: Vec<Fact<ObservationBody>>,
    /// Progress notes, newest first.
    pub(crate) notes: Vec<Fact<ObservationBody>>,
}

/// For whom values are judged.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Subject {
    /// 1 male, 2 female.
    pub(crate) sex: i64,
    /// The first day on which reference ranges of adults hold; from the beginning where the birth is not known.
    pub(crate) adult_from: Option<Day>,
}

impl Subject {
    /// Whether reference ranges of adults hold on `day`.
    pub(crate) fn adult(self, day: Day) -> bool {
        self.adult_from.is_none_or(|from| day >= from)
    }
}

/// Groups observations (newest first).
pub(crate) fn group(facts: Vec<Fact<ObservationBody>>, subject: Subject) -> Results {
    let mut results = Results::default();
    for fact in facts {
        match section(&fact.body) {
            Section::Note => results.notes.push(fact),
            Section::Finding => results.findings.push(fact),
            Section::Vital => add(&mut results.vital, fact),
            Section::Laboratory => add(&mut results.laboratory, fact),
        }
    }
    for series in results.laboratory.iter_mut().chain(&mut results.vital) {
        judge(series, subject);
    }
    results.laboratory.sort_by_key(|s| (urgency(s.flag), std::cmp::Reverse(s.newest().at), fold(&s.name_vi)));
    results
}

fn section(body: &ObservationBody) -> Section {
    match body.category() {
        "vital-signs" => Section::Vital,
        "exam" => Section::Note,
        "imaging" | "procedure" => Section::Finding,
        _ => Section::Laboratory,
    }
}

fn urgency(flag: Option<Flag>) -> u8 {
    match flag {
        Some(Flag::CriticalHigh | Flag::CriticalLow) => 0,
        Some(Flag::High | Flag::Low) => 1,
        Some(Flag::Normal) | None => 2,
    }
}

fn add(to: &mut Vec<Series>, fact: Fact<ObservationBody>) {
    let same = |s: &Series| {
        let (new, old) = (&fact.body, &s.newest().body);
        key(new) == key(old) && new.comparable_unit() == old.comparable_unit()
    };
    match to.iter_mut().find(|s| same(s)) {
        Some(series) => series.values.push(fact),
        None => {
            let written = fact.body.code.words().to_owned();
            to.push(Series {
                name_vi: written.clone(),
                name_en: written,
                values: vec![fact],
                range: None,
                flag: None,
                change: None,
            });
        }
    }
}

/// What makes two observations the same index: the code, else the name.
fn key(body: &ObservationBody) -> String {
    let code = body.code.code();
    if code.is_empty() { fold(body.code.words()) } else { code.to_uppercase() }
}

fn judge(series: &mut Series, subject: Subject) {
    let body = &series.values[0].body;
    let index: Option<&Index> = Catalogue::shared().get(body.code.code());
    if let Some(index) = index {
        series.name_vi.clone_from(&index.name_vi);
        series.name_en.clone_from(&index.name_en);
    }
    let adult = subject.adult(series.values[0].at.day());
    let range = index.filter(|_| adult).and_then(|i| i.range(subject.sex, body.comparable_unit()));
    series.flag = index.and_then(|i| i.flag(range?, body.number()?, body.comparator()));
    series.change = change(series);
    series.range = range;
}

fn change(series: &Series) -> Option<Decimal> {
    let [newest, before, ..] = series.values.as_slice() else { return None };
    let plain = |fact: &Fact<ObservationBody>| fact.body.number().filter(|_| fact.body.comparator().is_empty());
    let (new, old) = (plain(newest)?, plain(before)?);
    let scale = new.scale.max(old.scale);
    let units = |d: Decimal| d.units.checked_mul(10_i64.checked_pow(scale - d.scale)?);
    Some(Decimal { units: units(new)?.checked_sub(units(old)?)?, scale })
}

#[cfg(test)]
mod tests;
