//! One indicator over time: the last periods against the same ones a year before.

use crate::error::HocError;
use crate::figures;
use crate::lens::Lens;
use crate::tiles::PERIODS;
use mach_base::{Day, Grain};
use mach_cube::{Cube, Indicator, Question, Value, last_year};
use mach_places::Era;
use mach_store::Reader;
use mach_ui::chart::{Trend, TrendNote, TrendPoint};
use mach_ui::components::{Card, Tone, chip};
use mach_ui::{Lang, format, msg};
use std::collections::BTreeMap;

/// An indicator over the last periods.
#[derive(Clone, Debug)]
pub struct TrendData {
    /// Of what.
    pub indicator: Indicator,
    /// Length of the periods.
    pub grain: Grain,
    /// First day, this value, that of a year before; oldest first.
    pub points: Vec<(Day, Option<Value>, Option<Value>)>,
}

/// Reads the periods that end with the last one of `question`: all of a range, else the last thirteen.
pub fn trend_data(cube: &Cube<'_>, on: &mut Reader, question: &Question) -> Result<TrendData, HocError> {
    let grain = question.period;
    let last = question.to.start_of(grain);
    let first = question.from.start_of(grain).min(last.step(grain, 1 - PERIODS));
    let year_before = |day: Day| match grain {
        Grain::Day => last_year((day, day), grain).map(|(from, _)| from),
        _ => Some(day.step(Grain::Month, -12)),
    };
    let mut values = |from: Day, to: Day| -> Result<BTreeMap<Day, Value>, HocError> {
        let answer = cube.answer(on, &Question { from, to, ..question.clone() })?;
        Ok(answer.rows.into_iter().map(|r| (r.start, r.value)).collect())
    };
    let end = last.end_of(grain);
    let now = values(first, end)?;
    let then = match (year_before(first), year_before(last)) {
        (Some(from), Some(to)) => values(from, to.end_of(grain))?,
        (Some(from), None) => values(from, Day(from.0 + (last.0 - first.0)))?,
        _ => BTreeMap::new(),
    };
    let starts = std::iter::successors(Some(first), |d| Some(d.step(grain, 1))).take_while(|d| *d <= last);
    let point = |d: Day| (d, now.get(&d).copied(), year_before(d).and_then(|b| then.get(&b).copied()));
    let indicator = cube.definitions().indicator(&question.indicator, question.to)?.clone();
    Ok(TrendData { indicator, grain, points: starts.map(point).collect() })
}

/// The trend as a card; every point leads to its period.
pub fn trend_card(lang: Lang, lens: &Lens, data: &TrendData) -> Card {
    let period = format::grain(lang, data.grain).to_lowercase();
    let title = lang.fmt(msg::TREND_OF, &[("name", figures::name(lang, &data.indicator)), ("period", &period)]);
    let unit = figures::unit(lang, &data.indicator);
    let path = format!("/hoc/indicators/{}", data.indicator.id);
    let here = lens.to(&path).without("from").without("to");
    let points = data.points.iter().map(|(day, now, before)| TrendPoint {
        day: *day,
        label: format::period(lang, *day, data.grain),
        short: format::period_short(lang, *day, data.grain),
        now: now.map(figures::decimal),
        before: before.map(figures::decimal),
        href: Some(here.clone().with("at", day.label(data.grain)).into()),
    });
    let points: Vec<TrendPoint> = points.collect();
    let first = points.first().map_or(Era::CHANGE, |p| p.day);
    let last = points.last().map_or(Era::CHANGE, |p| p.day);
    let notes = (first < Era::CHANGE && Era::CHANGE <= last)
        .then(|| TrendNote { day: Era::CHANGE, text: lang.t(msg::AS_OF_NOTE_SHORT).to_owned() });
    let trend = Trend {
        lang,
        title: title.clone(),
        unit: unit.clone(),
        points,
        notes: notes.into_iter().collect(),
        places: data.indicator.decimals,
    };
    let card = Card::new(title, trend);
    if unit.is_empty() { card } else { card.note(chip(Tone::Plain, &unit)) }
}
