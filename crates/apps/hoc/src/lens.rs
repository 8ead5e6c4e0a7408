//! How the reader looks at the figures: which days, whose, in whose hierarchy of places, against what. An address says it
//! all, so that every view can be linked to, printed and exported as it is.

use crate::asked::{Params, Unit, unit};
use crate::bases::Bases;
use crate::error::HocError;
use mach_base::{Day, Grain};
use mach_cube::Question;
use mach_places::{Level, Places};
use mach_store::{Reader, claims, schema};
use mach_ui::format;
use std::fmt;

/// The province of the installation, by its code.
pub const PROVINCE: &str = "46";
/// In an address: the place of those who lie in none.
pub const NO_PLACE: &str = "none";

/// What changes are shown against.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compare {
    /// The same period last year.
    #[default]
    Year,
    /// The period before.
    Last,
}

impl Compare {
    /// As an address says it.
    pub fn code(self) -> &'static str {
        match self {
            Self::Year => "year",
            Self::Last => "last",
        }
    }
}

/// A department of a facility.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Department {
    /// Its number in the store; 0 for claims that name none.
    pub number: i64,
    /// Its code; empty where none is named.
    pub code: String,
}

/// How the reader looks.
#[derive(Clone, Debug)]
pub struct Lens {
    /// Length of the periods.
    pub period: Grain,
    /// First and last day looked at.
    pub days: (Day, Day),
    /// Whether the days were named by `from` and `to` and need not be one period.
    pub ranged: bool,
    /// The last day that any claim within scope speaks of; none where nothing has come yet.
    pub newest: Option<Day>,
    /// Only this facility.
    pub unit: Option<Unit>,
    /// Whether the account sees no other facility.
    pub own: bool,
    /// Only this department of the facility.
    pub department: Option<Department>,
    /// Only patients of this place; an empty code means those who lie in none.
    pub place: Option<(Level, String)>,
    /// Whose hierarchy, where the reader chose one.
    pub as_of: Option<Day>,
    /// What changes are shown against.
    pub compare: Compare,
}

impl Lens {
    /// Reads what `params` ask for, within the scope of `on`.
    pub fn read(on: &mut Reader, params: &Params) -> Result<Self, HocError> {
        let unit = unit(on, params.get("facility"))?;
        let newest = newest(on)?;
        let mut period = params.period()?;
        let ranged = (params.span("from")?, params.span("to")?);
        let days = match ranged {
            (Some((from, _)), Some((_, to))) => (from, to),
            (Some((from, _)), None) => (from, newest.unwrap_or(from).max(from)),
            (None, Some((_, to))) => (to.start_of(period), to),
            (None, None) => {
                let at = params.span("at")?.map(|(from, _)| from);
                let at = at.or(newest).unwrap_or_else(Day::today);
                (at.start_of(period), at.end_of(period))
            }
        };
        let ranged = ranged.0.is_some() || ranged.1.is_some();
        // A range that is one period is that period, whatever it was called.
        if let Some(grain) = whole_period(days).filter(|_| ranged) {
            period = if period > grain { grain } else { period };
        }
        let compare = match params.get("compare") {
            None | Some("year") => Compare::Year,
            Some("last") => Compare::Last,
            Some(other) => return Err(HocError::parameter("compare", other, "last, year")),
        };
        Ok(Self {
            period,
            days,
            ranged: ranged && (days.0.start_of(period), days.0.end_of(period)) != days,
            newest,
            own: on.scope().facility().is_some(),
            department: department(on, unit.as_ref(), params.get("department"))?,
            unit,
            place: place(params)?,
            as_of: params.day("as_of")?,
            compare,
        })
    }

    /// The question of `indicator` through this lens, split by nothing.
    pub fn question(&self, indicator: &str) -> Question {
        Question {
            period: self.period,
            as_of: self.as_of,
            facility: self.unit.as_ref().map(|u| u.number),
            department: self.department.as_ref().map(|d| d.number),
            place: self.place.clone(),
            ..Question::new(indicator, self.days.0, self.days.1)
        }
    }

    /// What the days are compared with.
    pub fn bases(&self) -> Bases {
        // Whether a period that is past is complete a province tells by its newest day; one facility's claims may well end
        // before the month does.
        let past = self.own && Day::today() > self.days.1;
        Bases::new(self.days, self.period, self.newest.filter(|_| !past).unwrap_or(self.days.1))
    }

    /// The days of the base that changes are shown against, and of this side of the change.
    pub fn base(&self) -> Option<(Day, Day)> {
        let bases = self.bases();
        match self.compare {
            Compare::Year => bases.year(),
            Compare::Last => Some(bases.previous),
        }
    }

    /// The base of lists of items (diagnoses, chapters): that of changes, but for one facility only whole months, because
    /// its items by day are kept nowhere as sums and would be counted claim by claim.
    pub fn items_base(&self) -> Option<(Day, Day)> {
        let months = |d: &(Day, Day)| d.0 == d.0.start_of(Grain::Month) && d.1 == d.1.end_of(Grain::Month);
        self.base().filter(|days| self.unit.is_none() || months(days))
    }

    /// The day whose hierarchy places are shown in.
    pub fn hierarchy_day(&self) -> Day {
        self.question("").hierarchy_day()
    }

    /// `path` looked at through this lens.
    pub fn to(&self, path: &str) -> Address {
        let mut address = Address::new(path);
        if self.period != Grain::Month {
            address = address.with("period", self.period.code());
        }
        if self.ranged {
            address = address.with("from", self.days.0).with("to", self.days.1);
        } else {
            address = address.with("at", self.days.0.label(self.period));
        }
        if let Some(unit) = self.unit.as_ref().filter(|_| !self.own) {
            address = address.with("facility", &unit.code);
        }
        if let Some(department) = &self.department {
            address = address.with("department", department.number);
        }
        if let Some((level, code)) = &self.place {
            address = address.with(level.code(), if code.is_empty() { NO_PLACE } else { code });
        }
        if let Some(as_of) = self.as_of {
            address = address.with("as_of", as_of);
        }
        if self.compare == Compare::Last {
            address = address.with("compare", self.compare.code());
        }
        address
    }

    /// The claims that `indicator` counts through this lens on `days`: says the hierarchy, because the list outlives the
    /// question.
    pub fn claims(&self, indicator: &str, days: (Day, Day)) -> Address {
        let mut address = Address::new("/hoc/claims").with("indicator", indicator);
        address = address.with("from", days.0).with("to", days.1);
        for (name, value) in self.to("").pairs {
            if matches!(name.as_str(), "facility" | "department" | "commune" | "district" | "province") {
                address = address.with(&name, value);
            }
        }
        if self.period != Grain::Month {
            address = address.with("period", self.period.code());
        }
        if self.place.is_some() { address.with("as_of", self.hierarchy_day()) } else { address }
    }

    /// The claims of one item of a list (`cases`, `chapter`, `death_causes`, `money`) through this lens.
    pub fn items(&self, measure: &str, item: &str) -> Address {
        self.claims("", self.days).without("indicator").with("measure", measure).with("item", item)
    }

    /// What is looked at, in words: a place's name, a facility's, the province's.
    pub fn subject(&self) -> String {
        let place = self.place.as_ref().map(|(_, code)| place_name(code, self.hierarchy_day()));
        let unit = self.unit.as_ref().map(|u| u.name.clone());
        let department = self.department.as_ref().filter(|d| !d.code.is_empty()).map(|d| d.code.clone());
        let parts: Vec<String> = [department, unit, place].into_iter().flatten().collect();
        if parts.is_empty() { province_name(self.days.1) } else { parts.join(" · ") }
    }
}

/// The grain of the one period that `days` are.
fn whole_period(days: (Day, Day)) -> Option<Grain> {
    let grains = [Grain::Day, Grain::Month, Grain::Quarter, Grain::Year];
    grains.into_iter().find(|g| (days.0.start_of(*g), days.0.end_of(*g)) == days)
}

/// The last day that any claim within the scope of `on` speaks of.
pub fn newest(on: &mut Reader) -> Result<Option<Day>, HocError> {
    let own = on.scope().facility();
    let all = claims::freshness(on)?.into_iter().filter(|f| own.is_none_or(|o| o == f.facility));
    Ok(all.filter_map(|f| i32::try_from(f.last_day).ok()).filter(|d| *d > 0).max().map(Day))
}

fn department(on: &mut Reader, unit: Option<&Unit>, asked: Option<&str>) -> Result<Option<Department>, HocError> {
    let Some(text) = asked else { return Ok(None) };
    let takes = "the number of a department, with `facility`";
    let number = text.parse().ok().filter(|n| (0..=0xffff).contains(n) && unit.is_some());
    let number = number.ok_or_else(|| HocError::parameter("department", text, takes))?;
    let code = schema::department_code(on, number)?.unwrap_or_default();
    Ok(Some(Department { number, code }))
}

fn place(params: &Params) -> Result<Option<(Level, String)>, HocError> {
    let mut found = None;
    for (name, level, digits) in
        [("province", Level::Province, 2), ("district", Level::District, 3), ("commune", Level::Commune, 5)]
    {
        let Some(code) = params.get(name) else { continue };
        let known = code.len() == digits && code.bytes().all(|b| b.is_ascii_digit());
        if !known && code != NO_PLACE {
            return Err(HocError::parameter(name, code, "the official code of a place, or none"));
        }
        found = Some((level, if known { code.to_owned() } else { String::new() }));
    }
    Ok(found)
}

/// The name of the place with `code` on `on`; the code itself where no list has it, nothing for nowhere.
pub fn place_name(code: &str, on: Day) -> String {
    Places::shared().get(code, on).map_or_else(|| code.to_owned(), |u| u.full_name())
}

/// The name of the installation's province on `on`.
pub fn province_name(on: Day) -> String {
    place_name(PROVINCE, on)
}

/// An address under construction: a path and its query, each name once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    path: String,
    pairs: Vec<(String, String)>,
}

impl Address {
    /// A path without query.
    pub fn new(path: &str) -> Self {
        Self { path: path.to_owned(), pairs: Vec::new() }
    }

    /// The same with `name` set to `value`.
    pub fn with(mut self, name: &str, value: impl fmt::Display) -> Self {
        let value = value.to_string();
        match self.pairs.iter_mut().find(|(n, _)| n == name) {
            Some(pair) => pair.1 = value,
            None => self.pairs.push((name.to_owned(), value)),
        }
        self
    }

    /// The same without `name`.
    pub fn without(mut self, name: &str) -> Self {
        self.pairs.retain(|(n, _)| n != name);
        self
    }

    /// Names and values, for the hidden fields of a form.
    pub fn pairs(&self) -> &[(String, String)] {
        &self.pairs
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path)?;
        for (i, (name, value)) in self.pairs.iter().enumerate() {
            write!(f, "{}{name}={}", if i == 0 { '?' } else { '&' }, format::query_value(value))?;
        }
        Ok(())
    }
}

impl From<Address> for String {
    fn from(address: Address) -> Self {
        address.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_name_each_thing_once() {
        let a = Address::new("/hoc").with("at", "2025-03").with("q", "a b&c").with("at", "2025-04");
        assert_eq!(a.to_string(), "/hoc?at=2025-04&q=a%20b%26c");
        assert_eq!(a.without("at").without("q").to_string(), "/hoc");
    }

    #[test]
    fn one_period_is_known_by_its_days() {
        for (text, grain) in [
            ("2025-03-09", Some(Grain::Day)),
            ("2025-02", Some(Grain::Month)),
            ("2025-Q2", Some(Grain::Quarter)),
            ("2024", Some(Grain::Year)),
        ] {
            assert_eq!(whole_period(crate::asked::span(text).unwrap()), grain, "{text}");
        }
        assert_eq!(whole_period((Day(20_000), Day(20_001))), None);
    }

    #[test]
    fn places_have_names_of_their_day() {
        let day = |t| Day::parse_iso(t).unwrap();
        assert_eq!(province_name(day("2024-12-31")), "Tỉnh Thừa Thiên Huế");
        assert_eq!(province_name(day("2025-12-31")), "Thành phố Huế");
        assert_eq!(place_name("99999", day("2025-12-31")), "99999");
    }
}
