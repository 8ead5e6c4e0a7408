//! `GET /hoc/indicators`: every indicator with its definition and its number now.

use crate::bases::Bases;
use crate::export::{Export, Field, Format, Sheet};
use crate::figures;
use crate::lens::Lens;
use crate::parts::{self, Pairs};
use crate::tiles::value;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use mach_cube::{Cube, Definitions, Direction, Indicator, Value};
use mach_house::{House, Session};
use mach_ui::components::{Card, Cell, Column, PageHead, Row, Table};
use mach_ui::http::Problem;
use mach_ui::shell::Crumb;
use mach_ui::{Html, Lang, Msg, format, msg};

/// An indicator with its number now and in the base.
type Listed = (&'static Indicator, Option<Value>, Option<Value>);

/// `GET /hoc/indicators?period=&at=&facility=&as_of=&compare=&format=`.
pub async fn page(State(house): State<House>, session: Session, pairs: Pairs) -> Result<Response, Problem> {
    let lang = session.lang;
    let (_, (lens, format, all)) = parts::read(&house, &session, pairs, |on, params| {
        let lens = Lens::read(on, params)?;
        let cube = Cube::shared();
        let bases: Bases = lens.bases();
        let mut all: Vec<Listed> = Vec::new();
        for indicator in current() {
            let question = lens.question(&indicator.id);
            let now = value(&cube, on, &question, lens.days)?;
            let compared = if bases.unfinished { value(&cube, on, &question, bases.this)? } else { now };
            let base = lens.base().map(|days| value(&cube, on, &question, days)).transpose()?.flatten();
            // The change is from the base to as much of this period as there is.
            all.push((indicator, now, base.filter(|_| compared == now)));
        }
        Ok((lens, Format::asked(params)?, all))
    })
    .await?;
    let here = lens.to("/hoc/indicators");
    if let Some(format) = format {
        return export(lang, &lens, &all).respond(format).map_err(|e| e.problem(lang));
    }
    let title = lang.t(msg::NAV_INDICATORS);
    let lead = format!("{} · {}", lens.subject(), parts::days(lang, &lens));
    let mut actions = vec![parts::periods(lang, &lens, &here).into()];
    actions.extend(parts::steps(lang, &lens, &here));
    actions.extend(parts::exports(lang, &here));
    let mut page =
        vec![PageHead::new(title).lead(lead).actions(actions).into(), parts::filters(lang, &lens, &here, Vec::new())];
    for group in Definitions::shared().groups() {
        let rows: Vec<Row> = all.iter().filter(|(i, ..)| i.group == group.id).map(|l| row(lang, &lens, l)).collect();
        if !rows.is_empty() {
            let name = lang.pick(&group.name_vi, &group.name_en);
            let table = Table::new(lang, name.clone(), columns(lang)).rows(rows).walk().stack();
            page.push(Card::new(name.clone(), table).into());
        }
    }
    let crumbs = vec![Crumb::link(lang.t(msg::NAV_OVERVIEW), lens.to("/hoc")), Crumb::here(title)];
    Ok(parts::page(&session, title, "/hoc/indicators", crumbs, page).into_response())
}

/// The version in force of each indicator, in the order of the definitions.
pub fn current() -> impl Iterator<Item = &'static Indicator> {
    Definitions::shared().indicators().iter().filter(|i| i.valid_to.is_none())
}

fn columns(lang: Lang) -> Vec<Column> {
    vec![
        Column::text(lang.t(msg::INDICATOR)),
        Column::number(lang.t(msg::VALUE)),
        Column::number(lang.t(msg::HOC_CHANGE)),
        Column::text(lang.t(msg::INDICATOR_FORMULA)),
        Column::text(lang.t(msg::INDICATOR_SOURCE)),
        Column::text(lang.t(msg::INDICATOR_OWNER)),
        Column::text(lang.t(msg::INDICATOR_DIRECTION)),
        Column::text(lang.t(msg::HOC_BASIS)),
    ]
}

fn row(lang: Lang, lens: &Lens, (i, now, base): &Listed) -> Row {
    let value = now.map_or_else(|| "—".to_owned(), |v| figures::full(lang, i, v));
    let change = figures::change_text(figures::change(lang, i, (*now, *base), "").as_ref());
    let href = lens.to(&format!("/hoc/indicators/{}", i.id)).to_string();
    let name = Html::concat([Cell::link(figures::name(lang, i), &href).0, Cell::two("", &i.id).0]);
    let basis = lang.fmt(msg::HOC_VALID_FROM, &[("date", &i.valid_from.vi())]);
    Row::new([
        Cell(name),
        value.into(),
        change.into(),
        lang.pick(&*i.formula_vi, &*i.formula_en).into(),
        i.source.as_str().into(),
        Cell::two(&i.owner, &reported(lang, i)),
        lang.t(direction(i)).into(),
        Cell::two(&i.basis, &basis),
    ])
}

/// The periods it is reported by: `Ngày, Tháng`.
pub fn reported(lang: Lang, i: &Indicator) -> String {
    i.period.iter().map(|g| format::grain(lang, *g)).collect::<Vec<_>>().join(", ")
}

/// Which way is better, in words.
pub fn direction(i: &Indicator) -> Msg {
    match i.direction {
        Direction::UpGood => msg::DIRECTION_UP,
        Direction::DownGood => msg::DIRECTION_DOWN,
        Direction::Neutral => msg::DIRECTION_NONE,
    }
}

fn export(lang: Lang, lens: &Lens, all: &[Listed]) -> Export {
    let columns = [
        msg::CODE,
        msg::INDICATOR,
        msg::VALUE,
        msg::UNIT,
        msg::HOC_BASE,
        msg::INDICATOR_FORMULA,
        msg::INDICATOR_SOURCE,
        msg::INDICATOR_OWNER,
        msg::INDICATOR_DIRECTION,
        msg::PERIOD,
        msg::HOC_BASIS,
    ];
    let rows = all.iter().map(|(i, now, base)| {
        vec![
            Field::from(i.id.as_str()),
            figures::name(lang, i).into(),
            now.map(figures::decimal).into(),
            i.unit.as_str().into(),
            base.map(figures::decimal).into(),
            lang.pick(&*i.formula_vi, &*i.formula_en).into(),
            i.source.as_str().into(),
            i.owner.as_str().into(),
            lang.t(direction(i)).into(),
            reported(lang, i).into(),
            i.basis.as_str().into(),
        ]
    });
    let rows = rows.collect();
    let title = lang.t(msg::NAV_INDICATORS).to_owned();
    let sheet = Sheet { title, columns: columns.map(|c| lang.t(c).to_owned()).into(), rows };
    Export { name: format!("indicators-{}", lens.days.0.label(lens.period)), sheets: vec![sheet] }
}
