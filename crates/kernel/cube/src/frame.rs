//! Where an answer looks: which facts, split how, in whose hierarchy. The caller's scope is applied here and nowhere else.

use crate::CubeError;
use crate::definitions::{Denominator, Indicator};
use crate::question::{By, Question};
use mach_base::{Day, Grain, limits};
use mach_places::{AsOf, Level, PlaceKey};
use mach_store::cells::{self, Ask, Filter, Kind, Part, Sum};
use mach_store::{Error, Reader};
use mach_terms::Facilities;
use std::collections::HashMap;
use std::sync::Arc;

/// A stretch of days that one row of an answer is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    /// Which row.
    pub(crate) row: usize,
    /// First day.
    pub(crate) from: Day,
    /// Last day.
    pub(crate) to: Day,
}

/// Sums by row and group. A group is a facility's number, a department's unit number, or the key of a place; 0 is the
/// whole, and places that cannot be told.
pub(crate) type Sums = HashMap<(usize, i64), i64>;

/// A question with all that its answer needs to be read.
#[derive(Clone)]
pub(crate) struct Frame {
    pub(crate) question: Question,
    filter: Filter,
    kind: Kind,
    hierarchy: Option<Arc<AsOf>>,
    numbers: Vec<(i64, String)>,
}

impl Frame {
    /// Checks `question` and applies the scope of `on`.
    pub(crate) fn new(on: &mut Reader, question: &Question) -> Result<Self, CubeError> {
        let mut question = question.clone();
        question.facility = match (on.scope().facility(), question.facility) {
            (None, asked) => asked,
            (Some(own), None) => Some(own),
            (Some(own), Some(asked)) if own == asked => Some(own),
            (Some(_), Some(_)) => return Err(CubeError::OtherFacility),
        };
        question.check()?;
        let kind = match (question.by, &question.place) {
            (By::None, None) => Kind::Total,
            (By::Facility, _) => Kind::Facility,
            (By::Department, _) => Kind::Department,
            (By::None, Some(_)) | (By::Province | By::District | By::Commune, _) => Kind::Commune,
        };
        let hierarchy = (kind == Kind::Commune || question.place.is_some()).then(|| AsOf::at(question.hierarchy_day()));
        let numbers = if question.by == By::Facility { mach_store::schema::facilities(on)? } else { Vec::new() };
        let filter = Filter { facility: question.facility, department: question.department, ..Filter::default() };
        Ok(Self { question, filter, kind, hierarchy, numbers })
    }

    /// Makes ready for `indicator` on `days`: refuses splits it does not have, finds the beds and communes it needs.
    pub(crate) fn prepare(
        &mut self,
        on: &mut Reader,
        (indicator, facilities): (&Indicator, &Facilities),
        parts: &[Part],
        days: (Day, Day),
    ) -> Result<(), CubeError> {
        let place = self.question.place.as_ref().map(|(level, _)| level.code());
        let department = self.question.department.map(|_| By::Department.code());
        for by in [Some(self.question.by.code()), place, department].into_iter().flatten() {
            if indicator.not_by.iter().any(|n| n == by) {
                let by = By::parse(by).map_or("none", By::code);
                return Err(CubeError::NotBy { indicator: indicator.id.clone(), by });
            }
        }
        self.resolve_communes(on, parts, days)?;
        if indicator.denominator == Denominator::BedDaysCapacity {
            self.take_beds(on, facilities)?;
        }
        Ok(())
    }

    /// Where facts are to be filtered by a place and are not split by places: finds the communes that are meant.
    pub(crate) fn resolve_communes(
        &mut self,
        on: &mut Reader,
        parts: &[Part],
        days: (Day, Day),
    ) -> Result<(), CubeError> {
        if self.question.place.is_some() && self.kind != Kind::Commune {
            let all = cells::communes(on, parts, days)?;
            self.filter.communes = Some(all.into_iter().filter(|c| self.in_place(*c)).collect());
        }
        Ok(())
    }

    /// Finds the facilities with beds: only their facts are looked at.
    fn take_beds(&mut self, on: &mut Reader, facilities: &Facilities) -> Result<(), CubeError> {
        if self.numbers.is_empty() {
            self.numbers = mach_store::schema::facilities(on)?;
        }
        let has_beds = |code: &str| facilities.all().iter().any(|f| f.code == code && f.beds > 0);
        let with_beds: Vec<i64> = self.numbers.iter().filter(|(_, code)| has_beds(code)).map(|(n, _)| *n).collect();
        match self.question.facility {
            // A facility without beds has no occupancy: no facts are its facts here.
            Some(own) if !with_beds.contains(&own) => self.filter.communes = Some(Vec::new()),
            Some(_) => {}
            None => self.filter.facilities = Some(with_beds),
        }
        Ok(())
    }

    /// Actual beds × days of `span`, of the facilities of `group`: each version of a facility for the days it held.
    pub(crate) fn capacity(&self, facilities: &Facilities, group: i64, (from, to): (Day, Day)) -> i64 {
        let only = match self.question.by {
            By::Facility => Some(group),
            _ => self.question.facility,
        };
        let code = only.map(|n| self.code_of(n));
        let days = |f: &&mach_terms::Facility| {
            let (first, last) = (f.valid_from.max(from), f.valid_to.unwrap_or(to).min(to));
            i64::from(f.beds) * i64::from((last.0 - first.0 + 1).max(0))
        };
        facilities.all().iter().filter(|f| code.as_ref().is_none_or(|c| *c == f.code)).map(|f| days(&f)).sum()
    }

    fn code_of(&self, number: i64) -> String {
        self.numbers.iter().find(|(n, _)| *n == number).map_or_else(String::new, |(_, code)| code.clone())
    }

    /// The code of a group, as answers show it: of a facility, department or place; `None` where nothing is split.
    pub(crate) fn group_code(&self, on: &mut Reader, group: i64) -> Result<Option<String>, CubeError> {
        Ok(match self.question.by {
            By::None => None,
            By::Facility => Some(self.code_of(group)),
            By::Department => Some(mach_store::schema::department_code(on, group & 0xffff)?.unwrap_or_default()),
            By::Province | By::District | By::Commune if group == 0 => Some(String::new()),
            By::Province | By::District | By::Commune => Some(PlaceKey(group).code()),
        })
    }

    fn in_place(&self, commune: i64) -> bool {
        let (Some((level, code)), Some(hierarchy)) = (&self.question.place, &self.hierarchy) else { return true };
        match locate(hierarchy, *level, commune) {
            0 => code.is_empty(),
            key => PlaceKey(key).code() == *code,
        }
    }

    /// The group of a unit; `None` where the question leaves it out.
    fn group(&self, unit: i64) -> Option<i64> {
        match (self.question.by.level(), &self.hierarchy) {
            (Some(level), Some(hierarchy)) => self.in_place(unit).then(|| locate(hierarchy, level, unit)),
            (None, Some(_)) if self.kind == Kind::Commune => self.in_place(unit).then_some(0),
            _ => Some(unit),
        }
    }

    /// The facts behind `group`: what a drill lists.
    pub(crate) fn filter_of(
        &self,
        on: &mut Reader,
        group: i64,
        parts: &[Part],
        days: (Day, Day),
    ) -> Result<Filter, CubeError> {
        let mut filter = self.filter.clone();
        match self.question.by {
            By::Facility => (filter.facility, filter.facilities) = (Some(group), None),
            By::Department => filter.department = Some(group & 0xffff),
            _ if self.kind == Kind::Commune => {
                let all = cells::communes(on, parts, days)?;
                filter.communes = Some(all.into_iter().filter(|c| self.group(*c) == Some(group)).collect());
            }
            _ => {}
        }
        Ok(filter)
    }

    /// The sums of `parts` in each of `spans` (in order, none overlapping), by group.
    pub(crate) fn sums(&self, on: &mut Reader, parts: &[Part], spans: &[Span]) -> Result<Sums, CubeError> {
        let mut out = Sums::new();
        self.each(on, parts, spans, &mut |row, group, sum| {
            *out.entry((row, group)).or_insert(0) += sum.value;
            // A refusal from inside the read ends it: rows past the limit are never gathered.
            if out.len() > limits::INDICATOR_ROWS { Err(Error::Refused(TOO_MANY.to_owned())) } else { Ok(()) }
        })?;
        Ok(out)
    }

    /// Hands over every sum of `parts` in `spans`: its row, its group, itself.
    pub(crate) fn each(
        &self,
        on: &mut Reader,
        parts: &[Part],
        spans: &[Span],
        take: &mut dyn FnMut(usize, i64, Sum) -> Result<(), Error>,
    ) -> Result<(), CubeError> {
        for part in parts {
            for (grain, from, to) in runs(spans) {
                let ask = Ask { part: *part, days: (from, to), grain, kind: self.kind, filter: &self.filter };
                let read = cells::sums(on, ask, &mut |sum| {
                    let at = spans.partition_point(|s| s.from <= sum.start);
                    match (at.checked_sub(1).map(|i| spans[i]), self.group(sum.unit)) {
                        (Some(span), Some(group)) if sum.start <= span.to => take(span.row, group, sum),
                        _ => Ok(()),
                    }
                });
                read.map_err(|e| match e {
                    Error::Refused(why) if why == TOO_MANY => CubeError::TooManyRows,
                    e => e.into(),
                })?;
            }
        }
        Ok(())
    }
}

const TOO_MANY: &str = "too many rows";

/// The key of the unit of `level` that `commune` lies in; 0 where it cannot be told.
fn locate(hierarchy: &AsOf, level: Level, commune: i64) -> i64 {
    let key = PlaceKey(commune);
    let found = match level {
        Level::Commune => hierarchy.commune(key).key,
        Level::District => hierarchy.district_unit(key).map(|u| u.key),
        Level::Province => hierarchy.province_unit(key).map(|u| u.key),
    };
    found.map_or(0, |k| k.0)
}

/// The reads that cover `spans`: whole months as months, the rest as days, neighbours together.
fn runs(spans: &[Span]) -> Vec<(Grain, Day, Day)> {
    let mut out: Vec<(Grain, Day, Day)> = Vec::new();
    for span in spans {
        let mut at = span.from;
        while at <= span.to {
            let end = at.end_of(Grain::Month);
            let whole = at == at.start_of(Grain::Month) && end <= span.to;
            let run = if whole { (Grain::Month, at, end) } else { (Grain::Day, at, end.min(span.to)) };
            match out.last_mut() {
                Some(last) if last.0 == run.0 && last.2.0 + 1 == run.1.0 => last.2 = run.2,
                _ => out.push(run),
            }
            at = Day(end.0 + 1);
        }
    }
    out
}
