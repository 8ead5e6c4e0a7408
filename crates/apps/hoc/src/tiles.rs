//! Tiles: the most telling numbers, each with what it is compared with and its shape over the last periods.

use crate::bases::Bases;
use crate::error::HocError;
use crate::figures;
use crate::lens::{Compare, Lens};
use mach_base::{Day, Grain};
use mach_cube::{Cube, Denominator, Form, Indicator, Question, Value};
use mach_store::Reader;
use mach_ui::components::Tile;
use mach_ui::{Lang, msg};

/// The four numbers that lead the page.
pub const LEADING: [&str; 4] = ["CD01", "CD05", "CD08", "FI01"];
/// The numbers beside them.
pub const OTHERS: [&str; 10] = ["CD10", "CD03", "CD09", "CD11", "CD15", "BH02", "BH06", "BH07", "PC02", "SV01"];
/// Periods of the line of a tile, the last among them.
pub const PERIODS: i32 = 13;

/// A number with what it is compared with.
#[derive(Clone, Debug)]
pub struct Figure {
    /// Of what.
    pub indicator: Indicator,
    /// The number of the whole period; none where nothing was counted.
    pub value: Option<Value>,
    /// The days compared, where they are not the whole period.
    pub so_far: Option<Value>,
    /// The period before, as far into it.
    pub previous: Option<Value>,
    /// The same days last year, by Tết where it moved them.
    pub year: Option<Value>,
    /// Whether `year` is by Tết.
    pub by_tet: bool,
    /// Whether the period before is the same days of last year: a year.
    pub same: bool,
    /// The last periods, oldest first.
    pub line: Vec<Option<Value>>,
}

impl Figure {
    /// What the changes start from.
    fn compared(&self) -> Option<Value> {
        self.so_far.or(self.value)
    }
}

/// Reads the figure of `question` (its days are one period, or a range of their own) and its bases.
pub fn figure(cube: &Cube<'_>, on: &mut Reader, question: &Question, bases: &Bases) -> Result<Figure, HocError> {
    let indicator = cube.definitions().indicator(&question.indicator, question.to)?.clone();
    let days = (question.from, question.to);
    let grain = question.period;
    let whole = (days.0.start_of(grain), days.0.end_of(grain)) == days;
    let line = if whole { Line::read(cube, on, question)? } else { Line::default() };
    // A change over the year is compared with nothing: it is a comparison.
    let change = indicator.form == Form::Change;
    let mut at = |days: Option<(Day, Day)>| -> Result<Option<Value>, HocError> {
        match days.filter(|_| !change) {
            None => Ok(None),
            Some(days) => match line.of(days, grain) {
                Some(known) => Ok(known),
                None => value(cube, on, question, days),
            },
        }
    };
    let (so_far, previous) = (at(bases.unfinished.then_some(bases.this))?, at(Some(bases.previous))?);
    let year = at(bases.year())?;
    let value = match line.of(days, grain) {
        Some(known) => known,
        None => value(cube, on, question, days)?,
    };
    // A count of nothing is a zero where anything came in those days; it is unknown where nothing came.
    let counts = indicator.denominator == Denominator::None && !change;
    let value = match value {
        None if counts && cube.top(on, "received", question, 0)?.total != 0 => Some(Value::ZERO),
        value => value,
    };
    let line = line.values(days.0, grain);
    let same = bases.year() == Some(bases.previous);
    Ok(Figure { indicator, value, so_far, previous, year, by_tet: bases.tet.is_some(), same, line })
}

/// The one number of `question` on `days`.
pub fn value(
    cube: &Cube<'_>,
    on: &mut Reader,
    question: &Question,
    days: (Day, Day),
) -> Result<Option<Value>, HocError> {
    let question = Question { from: days.0, to: days.1, ..question.clone() };
    Ok(cube.whole(on, &question)?.rows.pop().map(|row| row.value))
}

/// The values of the last periods, by their first day.
#[derive(Default)]
struct Line {
    from: Option<Day>,
    values: Vec<(Day, Value)>,
}

impl Line {
    fn read(cube: &Cube<'_>, on: &mut Reader, question: &Question) -> Result<Self, HocError> {
        let from = question.from.step(question.period, 1 - PERIODS);
        let rows = cube.answer(on, &Question { from, ..question.clone() })?.rows;
        Ok(Self { from: Some(from), values: rows.into_iter().map(|r| (r.start, r.value)).collect() })
    }

    /// The value of `days` where they are one of the periods: `None` where they are not, `Some(None)` where nothing was
    /// counted in it.
    fn of(&self, days: (Day, Day), grain: Grain) -> Option<Option<Value>> {
        let whole = (days.0.start_of(grain), days.0.end_of(grain)) == days;
        let inside = self.from.is_some_and(|from| from <= days.0);
        (whole && inside).then(|| self.values.iter().find(|(start, _)| *start == days.0).map(|(_, v)| *v))
    }

    fn values(&self, last: Day, grain: Grain) -> Vec<Option<Value>> {
        if self.from.is_none() {
            return Vec::new();
        }
        let starts = (1 - PERIODS..=0).map(|i| last.step(grain, i));
        starts.map(|start| self.of((start, start.end_of(grain)), grain).flatten()).collect()
    }
}

/// The figures of the overview: the leading ones, then the others.
pub fn overview(cube: &Cube<'_>, on: &mut Reader, lens: &Lens) -> Result<Vec<Figure>, HocError> {
    let bases = lens.bases();
    LEADING.iter().chain(&OTHERS).map(|id| figure(cube, on, &lens.question(id), &bases)).collect()
}

/// A figure as a tile that leads to its indicator.
pub fn tile(lang: Lang, lens: &Lens, figure: &Figure) -> Tile {
    let indicator = &figure.indicator;
    let (number, unit) = figure.value.map_or_else(Default::default, |v| figures::short(lang, indicator, v));
    let mut tile = Tile::new(lang, figures::name(lang, indicator), number);
    tile.unit = unit;
    tile.href = Some(lens.to(&format!("/hoc/indicators/{}", indicator.id)).into());
    tile.changes = changes(lang, lens, figure);
    tile.spark = figure.line.iter().map(|v| v.map(figures::decimal)).collect();
    tile
}

/// The changes of a figure, that which the reader compares with first.
pub fn changes(lang: Lang, lens: &Lens, figure: &Figure) -> Vec<mach_ui::components::Change> {
    let year = if figure.by_tet { msg::HOC_VS_TET } else { msg::VS_LAST_YEAR };
    let mut bases = [(figure.year, year), (figure.previous, msg::VS_LAST_PERIOD)];
    if lens.compare == Compare::Last {
        bases.reverse();
    }
    let change = |(base, against): (Option<Value>, mach_ui::Msg)| {
        figures::change(lang, &figure.indicator, (figure.compared(), base), lang.t(against))
    };
    bases.into_iter().take(if figure.same { 1 } else { 2 }).filter_map(change).collect()
}
