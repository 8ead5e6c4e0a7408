//! Laboratory results, vital signs, findings, notes.

use super::{empty, muted};
use crate::catalogue::ADULT_YEARS;
use crate::fact::Fact;
use crate::record::OBSERVATIONS;
use crate::results::{ObservationBody, Results, Series, Subject};
use crate::view::{Line, Reading, range_text};
use askama::Template;
use mach_base::Day;
use mach_ui::components::{Card, Cell, Column, Icon, Row, Table, flag_chip};
use mach_ui::{Html, format, msg};

/// Values behind one index, and on the line.
const VALUES: usize = 12;
/// Findings and notes shown.
const TEXTS: usize = 20;
/// Of those, how many stand open.
const TEXTS_OPEN: usize = 3;

/// The cards of observations; only the first stands where there is nothing.
pub(crate) fn results(reading: Reading, all: &Results, subject: Subject, cut: bool) -> Vec<Html> {
    let lang = reading.lang;
    let mut parts = vec![table(reading, lang.t(msg::RESULTS), &all.laboratory)];
    if !all.laboratory.is_empty() {
        let years = ADULT_YEARS.to_string();
        parts.push(muted(&match subject.adult(Day::today()) {
            true => lang.t(msg::RECORD_RANGES_NOTE).to_owned(),
            false => lang.fmt(msg::RECORD_ADULT_RANGES, &[("years", &years)]),
        }));
    }
    if cut {
        parts.push(muted(&lang.fmt(msg::RECORD_NEWEST_ONLY, &[("count", &OBSERVATIONS.to_string())])));
    }
    let mut cards =
        vec![Html::from(Card { id: "results".into(), ..Card::new(lang.t(msg::RESULTS), Html::concat(parts)) })];
    if !all.vital.is_empty() {
        cards.push(Card::new(lang.t(msg::RECORD_VITAL), table(reading, lang.t(msg::RECORD_VITAL), &all.vital)).into());
    }
    if !all.findings.is_empty() {
        cards.push(Card::new(lang.t(msg::RECORD_FINDINGS), texts(reading, &all.findings)).into());
    }
    cards
}

/// The card of progress notes, where there are any.
pub(crate) fn notes(reading: Reading, all: &Results) -> Option<Html> {
    let card = || Card::new(reading.lang.t(msg::RECORD_NOTES), texts(reading, &all.notes));
    (!all.notes.is_empty()).then(|| Html::from(card()))
}

#[derive(Template)]
#[template(path = "index.html")]
struct IndexCell {
    name: String,
    when: String,
    count: String,
    values: Vec<ValueLine>,
}

struct ValueLine {
    when: String,
    value: String,
    notes: String,
    source: Html,
}

fn with_unit(reading: Reading, body: &ObservationBody) -> String {
    let text = format!("{}{}{}", body.value(reading.lang), format::NBSP, body.unit());
    text.trim_end_matches(format::NBSP).to_owned()
}

fn table(reading: Reading, caption: &str, list: &[Series]) -> Html {
    let lang = reading.lang;
    let ranged = list.iter().any(|s| s.range.is_some());
    let mut columns = vec![Column::text(lang.t(msg::RECORD_INDEX)), Column::number(lang.t(msg::VALUE))];
    if ranged {
        columns.push(Column::text(lang.t(msg::RESULT_RANGE)));
    }
    columns.push(Column::text(lang.t(msg::RESULT_TREND)));
    let rows = list.iter().map(|series| row(reading, series, ranged)).collect();
    let table = Table::new(lang, caption, columns).rows(rows).empty(empty(Icon::Lab, lang.t(msg::RESULTS_EMPTY)));
    Html::from(table.stack())
}

#[derive(Template)]
#[template(path = "value.html")]
struct ValueCell {
    value: String,
    flag: Html,
}

#[derive(Template)]
#[template(path = "trend-cell.html")]
struct TrendCell {
    line: Html,
    change: String,
}

fn row(reading: Reading, series: &Series, ranged: bool) -> Row {
    let lang = reading.lang;
    let newest = series.newest();
    let values = series.values.iter().take(VALUES);
    let line = |fact: &Fact<ObservationBody>| ValueLine {
        when: format::date_time(fact.at),
        value: with_unit(reading, &fact.body),
        notes: fact.body.notes().collect::<Vec<_>>().join(" "),
        source: reading.source_line(fact),
    };
    let index = Html::template(&IndexCell {
        name: series.name(lang).to_owned(),
        when: format::date_time(newest.at),
        count: lang.fmt(msg::RECORD_VALUES, &[("count", &series.values.len().to_string())]),
        values: values.clone().map(line).collect(),
    });
    let value = Html::template(&ValueCell {
        value: with_unit(reading, &newest.body),
        flag: series.flag.map_or(Html::EMPTY, |flag| flag_chip(lang, flag)),
    });
    let points: Vec<_> = values.filter_map(|fact| Some((fact.at.0, fact.body.number()?))).collect();
    let trend = Html::template(&TrendCell {
        line: Line::of(&points, series.range).map_or(Html::EMPTY, |line| Html::template(&line)),
        change: change(reading, series),
    });
    let mut cells = vec![Cell(index), Cell(value)];
    if ranged {
        cells.push(series.range.map_or(String::new(), |range| range_text(lang, range)).into());
    }
    cells.push(Cell(trend));
    Row::new(cells)
}

/// The change since the value before, and how long ago that was: `−0,45 trong 30 ngày`.
fn change(reading: Reading, series: &Series) -> String {
    let lang = reading.lang;
    let (Some(change), Some(before)) = (series.change, series.values.get(1)) else { return String::new() };
    let days = series.newest().at.day().0 - before.at.day().0;
    let days = lang.fmt(msg::RECORD_IN_DAYS, &[("days", &format::integer(lang, days.into()))]);
    format!("{} {days}", format::signed(lang, change, change.scale))
}

#[derive(Template)]
#[template(path = "texts.html")]
struct Texts {
    first: Vec<TextLine>,
    rest: Vec<TextLine>,
    more: String,
    note: String,
}

#[derive(Template)]
#[template(path = "text-line.html")]
struct TextLine {
    when: String,
    title: String,
    text: String,
    notes: Vec<String>,
    source: Html,
}

fn texts(reading: Reading, list: &[Fact<ObservationBody>]) -> Html {
    let lang = reading.lang;
    let line = |fact: &Fact<ObservationBody>| TextLine {
        when: format::date_time(fact.at),
        title: fact.body.code.words().to_owned(),
        text: with_unit(reading, &fact.body),
        notes: fact.body.notes().map(str::to_owned).collect(),
        source: reading.source(fact),
    };
    let mut first: Vec<TextLine> = list.iter().take(TEXTS).map(line).collect();
    let rest = first.split_off(first.len().min(TEXTS_OPEN));
    Html::template(&Texts {
        more: lang.fmt(msg::RECORD_MORE, &[("count", &rest.len().to_string())]),
        first,
        rest,
        note: match list.len() > TEXTS {
            true => lang.fmt(msg::RECORD_NEWEST_ONLY, &[("count", &TEXTS.to_string())]),
            false => String::new(),
        },
    })
}
