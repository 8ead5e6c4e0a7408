//! What an address asks for: its parameters, its days, and the facility it may name.

use crate::error::HocError;
use mach_base::{Day, Grain, limits};
use mach_store::{Reader, schema};
use mach_terms::Facilities;

/// The parameters of a query, as they came.
#[derive(Clone, Debug, Default)]
pub struct Params(Vec<(String, String)>);

impl Params {
    /// Takes the pairs of a query; one that stands twice is refused.
    pub fn new(pairs: Vec<(String, String)>) -> Result<Self, HocError> {
        for (i, (name, _)) in pairs.iter().enumerate() {
            if pairs[..i].iter().any(|(n, _)| n == name) {
                return Err(HocError::Repeated(name.chars().take(limits::NAME_CHARS).collect()));
            }
        }
        Ok(Self(pairs))
    }

    /// Refuses parameters that are not in `known`, naming the first.
    pub fn only(&self, known: &[&str]) -> Result<(), HocError> {
        match self.0.iter().find(|(name, _)| !known.contains(&name.as_str())) {
            Some((name, _)) => Err(HocError::UnknownParameter(name.chars().take(limits::NAME_CHARS).collect())),
            None => Ok(()),
        }
    }

    /// The value of `name`; an empty one is none.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(n, _)| n == name).map(|(_, v)| v.trim()).filter(|v| !v.is_empty())
    }

    /// The day of `name`, written `yyyy-MM-dd`.
    pub fn day(&self, name: &'static str) -> Result<Option<Day>, HocError> {
        let takes = "yyyy-MM-dd, for example 2025-03-31";
        self.get(name).map(|v| plain_day(v).ok_or_else(|| HocError::parameter(name, v, takes))).transpose()
    }

    /// First and last day of the period that `name` names: a day, month, quarter or year.
    pub fn span(&self, name: &'static str) -> Result<Option<(Day, Day)>, HocError> {
        let takes = "2025-03-31, 2025-03, 2025-Q1, 2025";
        self.get(name).map(|v| span(v).ok_or_else(|| HocError::parameter(name, v, takes))).transpose()
    }

    /// The length of period of `period`; a month where there is none.
    pub fn period(&self) -> Result<Grain, HocError> {
        let takes = "day, month, quarter, year";
        self.get("period")
            .map_or(Ok(Grain::Month), |v| Grain::parse(v).ok_or_else(|| HocError::parameter("period", v, takes)))
    }
}

/// A day that any claim can be of.
fn plain_day(text: &str) -> Option<Day> {
    Day::parse_iso(text).filter(|d| (1900..2200).contains(&d.ymd().0))
}

/// First and last day of `2025-03-09`, `2025-03`, `2025-Q1` or `2025`.
pub fn span(text: &str) -> Option<(Day, Day)> {
    if let Some(day) = plain_day(text) {
        return Some((day, day));
    }
    let (start, grain) = match text.split_once('-') {
        None if text.len() == 4 => (format!("{text}-01-01"), Grain::Year),
        Some((year, quarter)) if quarter.len() == 2 && quarter.starts_with('Q') => {
            let month = 3 * quarter[1..].parse::<u32>().ok().filter(|q| (1..=4).contains(q))? - 2;
            (format!("{year}-{month:02}-01"), Grain::Quarter)
        }
        Some(_) => (format!("{text}-01"), Grain::Month),
        None => return None,
    };
    let start = plain_day(&start)?;
    Some((start, start.end_of(grain)))
}

/// A facility whose figures are looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unit {
    /// Its number in the store; -1 where it never sent anything.
    pub number: i64,
    /// Its code.
    pub code: String,
    /// Its name.
    pub name: String,
}

/// The facility that `code` names, within the scope of `on`: an account of a facility looks at its own, and to it every
/// other code is not found, known or not.
pub fn unit(on: &mut Reader, code: Option<&str>) -> Result<Option<Unit>, HocError> {
    let named = |number, code: &str| Unit { number, name: mach_house::facility_name(code), code: code.to_owned() };
    match (on.scope().facility(), code) {
        (Some(own), asked) => {
            let own_code = schema::facility_code(on, own)?.ok_or(HocError::NotFound)?;
            if asked.is_some_and(|a| a != own_code) {
                return Err(HocError::NotFound);
            }
            Ok(Some(named(own, &own_code)))
        }
        (None, None) => Ok(None),
        (None, Some(code)) => match schema::facility_of_code(on, code)? {
            Some(number) => Ok(Some(named(number, code))),
            None if Facilities::shared().get(code).is_some() => Ok(Some(named(-1, code))),
            None => Err(HocError::NotFound),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans() {
        for (text, expect) in [
            ("2025-03-09", "2025-03-09 2025-03-09"),
            ("2024-02", "2024-02-01 2024-02-29"),
            ("2025-Q4", "2025-10-01 2025-12-31"),
            ("2025", "2025-01-01 2025-12-31"),
        ] {
            let (from, to) = span(text).unwrap();
            assert_eq!(format!("{from} {to}"), expect);
        }
        for bad in
            ["", "2025-02-30", "2025-13", "2025-Q5", "2025-Q", "25", "0025-01", "2025-é", "20255", "9999", "2025-3"]
        {
            assert_eq!(span(bad), None, "{bad}");
        }
    }

    #[test]
    fn parameters_stand_once_and_are_known() {
        let pair = |n: &str, v: &str| (n.to_owned(), v.to_owned());
        assert!(matches!(Params::new(vec![pair("a", "1"), pair("a", "2")]), Err(HocError::Repeated(n)) if n == "a"));
        let params = Params::new(vec![pair("from", " "), pair("by", "none")]).unwrap();
        assert_eq!((params.get("from"), params.get("by"), params.get("to")), (None, Some("none"), None));
        assert!(matches!(params.only(&["from"]), Err(HocError::UnknownParameter(n)) if n == "by"));
        assert!(params.only(&["from", "by"]).is_ok());
    }
}
