//! Answers: the rows of a question, each an exact number.

use crate::CubeError;
use crate::definitions::{Definitions, Denominator, Form, Indicator};
use crate::frame::{Frame, Span};
use crate::question::{Question, last_year};
use mach_base::decimal::{Fixed, round_div};
use mach_base::{Day, Grain, limits};
use mach_store::Reader;
use mach_store::cells::{self, Cursor, FactRow, Filter, Part};
use mach_terms::Facilities;
use std::collections::BTreeMap;

/// A value with four decimals, exact as the definition says; prints as a JSON number (`12.5`, `-3`, `0.0333`).
pub type Value = Fixed<4>;

/// The answer to a question.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// Id of the indicator.
    pub indicator: String,
    /// Version of its definition.
    pub version: u32,
    /// Its unit.
    pub unit: String,
    /// The hierarchy that places are shown in, where they are.
    pub as_of: Day,
    /// Rows by period, then place.
    pub rows: Vec<AnswerRow>,
}

/// One number of an answer.
#[derive(Clone, Debug, PartialEq)]
pub struct AnswerRow {
    /// The period as the API writes it: `2025-03`.
    pub period: String,
    /// First day, clipped to what was asked.
    pub start: Day,
    /// Last day, clipped.
    pub end: Day,
    /// Code of the facility, department or place; empty where the place cannot be told; `None` where nothing is split.
    pub place: Option<String>,
    /// Its number in the store: facility, department unit, place key; 0 where nothing is split or it cannot be told.
    pub unit: i64,
    /// Sum of the numerator: a count, or hundredths of a đồng. Of a change: this period's.
    pub numerator: i64,
    /// What it was divided by: a sum, days, bed-days; of a change, last year's sum.
    pub denominator: Option<i64>,
    /// The value.
    pub value: Value,
}

/// The cube: definitions and facilities; figures come from the reader each call is given, within that reader's scope.
#[derive(Clone, Copy, Debug)]
pub struct Cube<'a> {
    pub(crate) definitions: &'a Definitions,
    pub(crate) facilities: &'a Facilities,
}

impl Cube<'static> {
    /// The cube of the definitions and the register in force.
    pub fn shared() -> Self {
        Self { definitions: Definitions::shared(), facilities: Facilities::shared() }
    }
}

impl<'a> Cube<'a> {
    /// A cube of other definitions.
    pub fn new(definitions: &'a Definitions, facilities: &'a Facilities) -> Self {
        Self { definitions, facilities }
    }

    /// Its definitions.
    pub fn definitions(&self) -> &'a Definitions {
        self.definitions
    }

    /// Answers `question` period by period.
    pub fn answer(&self, on: &mut Reader, question: &Question) -> Result<Answer, CubeError> {
        let frame = Frame::new(on, question)?;
        let periods = frame.question.periods();
        let label = |(from, _): (Day, Day)| from.label(question.period);
        self.rows(on, frame, &periods, &label)
    }

    /// Answers `question` for all its days as one period: rankings and tiles.
    pub fn whole(&self, on: &mut Reader, question: &Question) -> Result<Answer, CubeError> {
        let frame = Frame::new(on, question)?;
        let days = [(frame.question.from, frame.question.to)];
        self.rows(on, frame, &days, &|days| label(days, question.period))
    }

    fn rows(
        &self,
        on: &mut Reader,
        mut frame: Frame,
        periods: &[(Day, Day)],
        label: &dyn Fn((Day, Day)) -> String,
    ) -> Result<Answer, CubeError> {
        let indicator = self.definitions.indicator(&frame.question.indicator, frame.question.to)?;
        let plan = Plan::new(indicator, &frame.question, periods);
        frame.prepare(on, (indicator, self.facilities), &plan.all_parts(), plan.reach())?;
        let mut pairs: BTreeMap<(usize, i64), (i64, i64)> = BTreeMap::new();
        for (key, sum) in frame.sums(on, &indicator.numerator, &plan.spans)? {
            pairs.entry(key).or_default().0 = sum;
        }
        if let Some((parts, spans)) = &plan.denominator {
            for (key, sum) in frame.sums(on, parts, spans)? {
                pairs.entry(key).or_default().1 = sum;
            }
        }
        let mut codes: BTreeMap<i64, Option<String>> = BTreeMap::new();
        let mut rows = Vec::with_capacity(pairs.len());
        for ((row, unit), (numerator, counted)) in pairs {
            let days = periods[row];
            let denominator = match &indicator.denominator {
                Denominator::None if indicator.form == Form::Value => None,
                Denominator::None | Denominator::Parts(_) => Some(counted),
                Denominator::Days => Some(i64::from(days.1.0 - days.0.0 + 1)),
                Denominator::BedDaysCapacity => Some(frame.capacity(self.facilities, unit, days)),
            };
            // Days and beds are there whether or not anything happened: only what was counted makes a row.
            if plan.denominator.is_none() && numerator == 0 {
                continue;
            }
            let Some(value) = value(indicator, numerator, denominator) else { continue };
            if let std::collections::btree_map::Entry::Vacant(entry) = codes.entry(unit) {
                entry.insert(frame.group_code(on, unit)?);
            }
            let place = codes[&unit].clone();
            let (start, end) = days;
            rows.push(AnswerRow { period: label(days), start, end, place, unit, numerator, denominator, value });
        }
        if rows.len() > limits::INDICATOR_ROWS {
            return Err(CubeError::TooManyRows);
        }
        rows.sort_by(|a, b| (a.start, &a.place).cmp(&(b.start, &b.place)));
        let as_of = frame.question.hierarchy_day();
        let Indicator { id, version, unit, .. } = indicator.clone();
        Ok(Answer { indicator: id, version, unit, as_of, rows })
    }

    /// What one number of the answer to `question` is made of: the row of `days` (its first and last) and `place`.
    ///
    /// `None` where there is no such row: nothing was counted. Links to a drill that outlive the question must carry the
    /// answer's `as_of`, because its default depends on the days asked for.
    pub fn drill(
        &self,
        on: &mut Reader,
        question: &Question,
        days: (Day, Day),
        place: Option<&str>,
    ) -> Result<Option<Drill>, CubeError> {
        let mut frame = Frame::new(on, question)?;
        let answer = self.rows(on, frame.clone(), &[days], &|_| String::new())?;
        let Some(row) = answer.rows.into_iter().find(|r| r.place.as_deref() == place) else { return Ok(None) };
        let row = AnswerRow { period: label(days, question.period), ..row };
        let indicator = self.definitions.indicator(&question.indicator, question.to)?;
        let plan = Plan::new(indicator, &frame.question, &[days]);
        frame.prepare(on, (indicator, self.facilities), &plan.all_parts(), plan.reach())?;
        let filter = frame.filter_of(on, row.unit, &plan.all_parts(), plan.reach())?;
        let numerator = Side { parts: indicator.numerator.clone(), days, filter: filter.clone() };
        let denominator = plan
            .denominator
            .and_then(|(parts, spans)| spans.first().map(|span| Side { parts, days: (span.from, span.to), filter }));
        Ok(Some(Drill { row, numerator, denominator }))
    }
}

/// The label of days asked for as one: of the period they fill, else `first/last`.
fn label((from, to): (Day, Day), grain: Grain) -> String {
    if (from.start_of(grain), from.end_of(grain)) == (from, to) { from.label(grain) } else { format!("{from}/{to}") }
}

/// What is read for an indicator: which parts, on which days.
struct Plan {
    numerator: Vec<Part>,
    spans: Vec<Span>,
    denominator: Option<(Vec<Part>, Vec<Span>)>,
}

impl Plan {
    fn new(indicator: &Indicator, question: &Question, periods: &[(Day, Day)]) -> Self {
        let spans: Vec<Span> = periods.iter().enumerate().map(|(row, &(from, to))| Span { row, from, to }).collect();
        let denominator = match (&indicator.denominator, indicator.form) {
            (Denominator::Parts(parts), _) => Some((parts.clone(), spans.clone())),
            (_, Form::Change) => {
                let before = spans.iter().filter_map(|s| {
                    let (from, to) = last_year((s.from, s.to), question.period)?;
                    Some(Span { row: s.row, from, to })
                });
                Some((indicator.numerator.clone(), before.collect()))
            }
            _ => None,
        };
        Self { numerator: indicator.numerator.clone(), spans, denominator }
    }

    fn all_parts(&self) -> Vec<Part> {
        let other = self.denominator.iter().flat_map(|(parts, _)| parts);
        self.numerator.iter().chain(other).copied().collect()
    }

    /// First and last day of all that is read.
    fn reach(&self) -> (Day, Day) {
        let spans = || self.spans.iter().chain(self.denominator.iter().flat_map(|(_, spans)| spans));
        let first = spans().map(|s| s.from).min().unwrap_or_default();
        (first, spans().map(|s| s.to).max().unwrap_or_default())
    }
}

/// numerator × scale ÷ denominator in the indicator's unit, rounded half away from zero to four decimals; `None` where the
/// denominator is 0.
fn value(indicator: &Indicator, numerator: i64, denominator: Option<i64>) -> Option<Value> {
    let (mut above, below) = (i128::from(numerator), i128::from(denominator.unwrap_or(1)));
    let (above_money, mut below_money) = (indicator.numerator_money, indicator.denominator_money);
    if indicator.form == Form::Change {
        above -= below;
        below_money = above_money;
    }
    let hundred = |money: bool| if money { 100 } else { 1 };
    above *= i128::from(indicator.scale) * 10_000 * hundred(below_money);
    let below = below * hundred(above_money);
    let rounded = match below {
        0 => return None,
        b if b < 0 => round_div(-above, -b),
        b => round_div(above, b),
    };
    // Past what 64 bits hold no province has money; the nearest number is still no panic.
    Some(Fixed(i64::try_from(rounded).unwrap_or(if rounded < 0 { i64::MIN } else { i64::MAX })))
}

/// What a number is made of.
#[derive(Clone, Debug)]
pub struct Drill {
    /// The number.
    pub row: AnswerRow,
    /// The claims of its numerator: their values sum to `row.numerator`.
    pub numerator: Side,
    /// The claims of its denominator: their values sum to `row.denominator`. `None` where that is no sum of claims.
    pub denominator: Option<Side>,
}

/// A list of claims, each with what it counts for. Made by the cube, within the scope of the reader it was made with.
#[derive(Clone, Debug)]
pub struct Side {
    pub(crate) parts: Vec<Part>,
    pub(crate) days: (Day, Day),
    pub(crate) filter: Filter,
}

impl Side {
    /// At most `limit` (and at most `limits::PAGE_ROWS`) rows after `after`, by day, facility and claim.
    pub fn page(&self, on: &mut Reader, after: Option<Cursor>, limit: usize) -> Result<Vec<FactRow>, CubeError> {
        let filter = self.within(on)?;
        Ok(cells::page(on, &self.parts, self.days, &filter, (after, limit.min(limits::PAGE_ROWS)))?)
    }

    /// How many rows there are, and the sum of their values.
    pub fn totals(&self, on: &mut Reader) -> Result<(i64, i64), CubeError> {
        let filter = self.within(on)?;
        Ok(cells::totals(on, &self.parts, self.days, &filter)?)
    }

    /// First and last day of the list.
    pub fn days(&self) -> (Day, Day) {
        self.days
    }

    /// A list outlives the reader it was made with; another reader may see less.
    fn within(&self, on: &Reader) -> Result<Filter, CubeError> {
        match on.scope().facility() {
            Some(own) if self.filter.facility != Some(own) => Err(CubeError::OtherFacility),
            _ => Ok(self.filter.clone()),
        }
    }
}
