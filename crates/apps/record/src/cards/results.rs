//! Laboratory results, vital signs, findings, notes.

use super::facts::small;
use super::{empty, muted};
use crate::catalogue::ADULT_YEARS;
use crate::fact::Fact;
use crate::record::OBSERVATIONS;
use crate::results::{ObservationBody, Results, Series, Subject};
use crate::view::{Line, Reading, range_text};
use askama::Template;
use mach_ui::components::{Card, Cell, Column, Icon, Row, Table, flag_chip};
use mach_ui::{Html, format, msg};

/// Values behind one index, and on the line.
const VALUES: usize = 12;
/// Findings and notes shown.
const TEXTS: usize = 20;

/// The cards of observations; only the first stands where there is nothing.
pub(crate) fn results(reading: Reading, all: &Results, subject: Subject, cut: bool) -> Vec<Html> {
    let lang = reading.lang;
    let mut parts = vec![table(reading, lang.t(msg::RESULTS), &all.laboratory)];
    if !all.laboratory.is_empty() {
        let years = ADULT_YEARS.to_string();
        parts.push(muted(&match subject.adult {
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
    for (title, list) in [(msg::RECORD_FINDINGS, &all.findings), (msg::RECORD_NOTES, &all.notes)] {
        if !list.is_empty() {
            cards.push(Card::new(lang.t(title), texts(reading, list)).into());
        }
    }
    cards
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
    let columns = vec![
        Column::text(lang.t(msg::RECORD_INDEX)),
        Column::number(lang.t(msg::VALUE)),
        Column::text(lang.t(msg::RESULT_RANGE)),
        Column::text(lang.t(msg::RESULT_FLAG)),
        Column::number(lang.t(msg::RESULT_CHANGE)),
        Column::text(lang.t(msg::RESULT_TREND)),
    ];
    let rows = list.iter().map(|series| row(reading, series)).collect();
    let table = Table::new(lang, caption, columns).rows(rows).empty(empty(Icon::Lab, lang.t(msg::RESULTS_EMPTY)));
    Html::from(table.stack())
}

fn row(reading: Reading, series: &Series) -> Row {
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
    let points: Vec<_> = values.filter_map(|fact| Some((fact.at.0, fact.body.number()?))).collect();
    let trend = Line::of(&points, series.range).map_or(Html::EMPTY, |line| Html::template(&line));
    Row::new([
        Cell(index),
        with_unit(reading, &newest.body).into(),
        series.range.map_or(String::new(), |range| range_text(lang, range)).into(),
        Cell(series.flag.map_or(Html::EMPTY, |flag| flag_chip(lang, flag))),
        change(reading, series),
        Cell(trend),
    ])
}

/// The change since the value before, and how long ago that was.
fn change(reading: Reading, series: &Series) -> Cell {
    let lang = reading.lang;
    let (Some(change), Some(before)) = (series.change, series.values.get(1)) else { return Cell::default() };
    let days = series.newest().at.day().0 - before.at.day().0;
    let by = format::signed(lang, change, change.scale);
    Cell::two(&by, &lang.fmt(msg::RECORD_IN_DAYS, &[("days", &format::integer(lang, days.into()))]))
}

#[derive(Template)]
#[template(path = "texts.html")]
struct Texts {
    lines: Vec<TextLine>,
    note: String,
}

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
        source: small(lang, reading.source_line(fact)),
    };
    let cut = list.len() > TEXTS;
    Html::template(&Texts {
        lines: list.iter().take(TEXTS).map(line).collect(),
        note: if cut { lang.fmt(msg::RECORD_NEWEST_ONLY, &[("count", &TEXTS.to_string())]) } else { String::new() },
    })
}
