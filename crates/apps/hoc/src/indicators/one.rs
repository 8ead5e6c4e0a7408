//! `GET /hoc/indicators/{id}`: one number, what it means, how it moved, and what it is made of.

use super::breakdown::{self, Breakdown, denominator_money};
use super::list::{direction, reported};
use crate::error::HocError;
use crate::export::{Export, Format};
use crate::figures;
use crate::lens::{Address, Lens, province_name};
use crate::overview::{Ranked, TrendData, notes, rank, ranking, trend_card, trend_data};
use crate::parts::{self, Pairs, grid};
use crate::tiles::{self, Figure, figure};
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use mach_cube::{AnswerRow, By, Cube, Denominator, Form, Indicator};
use mach_house::{House, Session};
use mach_places::Level;
use mach_store::Reader;
use mach_ui::components::{Card, Cell, Change, Definitions, PageHead, Segment};
use mach_ui::http::Problem;
use mach_ui::shell::Crumb;
use mach_ui::{Html, Lang, msg};

/// Everything the page shows.
#[derive(Clone, Debug)]
pub struct Detail {
    /// Its number and what that is compared with.
    pub figure: Figure,
    /// The number as a row: numerator and denominator.
    pub row: Option<AnswerRow>,
    /// How it moved.
    pub trend: TrendData,
    /// What it can be split by.
    pub choices: Vec<By>,
    /// Its split.
    pub breakdown: Option<Breakdown>,
    /// The class of the one facility looked at.
    pub peers: Option<Ranked>,
}

/// Reads indicator `id` through `lens`; `by` is the split asked for.
pub fn gather(on: &mut Reader, lens: &Lens, id: &str, by: Option<By>) -> Result<Detail, HocError> {
    let cube = Cube::shared();
    let question = lens.question(id);
    let figure = figure(&cube, on, &question, &lens.bases())?;
    let row = cube.whole(on, &question)?.rows.pop();
    let trend = trend_data(&cube, on, &question)?;
    let choices = breakdown::choices(lens, &figure.indicator);
    let by = by.or_else(|| choices.first().copied()).filter(|by| *by != By::None);
    let breakdown = by.map(|by| breakdown::read(&cube, on, lens, &figure.indicator, by)).transpose()?;
    let peers = if lens.unit.is_some() && !lens.own && lens.department.is_none() {
        Some(rank(&cube, on, lens, id)?)
    } else {
        None
    };
    Ok(Detail { figure, row, trend, choices, breakdown, peers })
}

/// `GET /hoc/indicators/{id}?period=&at=&from=&to=&by=&facility=&department=&commune=&district=&province=&as_of=&compare=&format=`.
pub async fn page(
    State(house): State<House>,
    session: Session,
    Path(id): Path<String>,
    pairs: Pairs,
) -> Result<Response, Problem> {
    let lang = session.lang;
    let asked = id.clone();
    let (_, (lens, by, format, detail)) = parts::read(&house, &session, pairs, move |on, params| {
        Cube::shared().definitions().indicator(&asked, mach_base::Day::today())?;
        let lens = Lens::read(on, params)?;
        let takes = "none, facility, department, commune, district, province";
        let by = params.get("by");
        let by = by.map(|b| By::parse(b).ok_or_else(|| HocError::parameter("by", b, takes))).transpose()?;
        let detail = gather(on, &lens, &asked, by)?;
        Ok((lens, by, Format::asked(params)?, detail))
    })
    .await?;
    if let Some(format) = format {
        return export(lang, &lens, &detail).respond(format).map_err(|e| e.problem(lang));
    }
    let indicator = &detail.figure.indicator;
    let mut here = lens.to(&format!("/hoc/indicators/{id}"));
    if let Some(by) = by {
        here = here.with("by", by.code());
    }
    let name = figures::name(lang, indicator);
    let title = format!("{name} · {}", lens.subject());
    let body = if lens.newest.is_none() {
        vec![PageHead::new(name).into(), parts::nothing_yet(&session), definition(lang, indicator)]
    } else {
        body(lang, &lens, &here, &detail)
    };
    Ok(parts::page(&session, &title, "/hoc/indicators", crumbs(lang, &lens, indicator), body).into_response())
}

fn body(lang: Lang, lens: &Lens, here: &Address, detail: &Detail) -> Vec<Html> {
    let indicator = &detail.figure.indicator;
    let mut actions = vec![parts::periods(lang, lens, here).into()];
    actions.extend(parts::steps(lang, lens, here));
    actions.extend(parts::exports(lang, here));
    let lead = format!("{} · {} · {}", indicator.id, lens.subject(), parts::days(lang, lens));
    let head = PageHead::new(figures::name(lang, indicator)).lead(lead).actions(actions);
    let on = detail.breakdown.as_ref().map_or(By::None, |b| b.by);
    let segment = breakdown::segment(lang, lens, here, &detail.choices, on);
    let split = match &detail.breakdown {
        Some(split) => split.card(lang, lens, indicator, detail.row.as_ref(), segment),
        None if detail.choices.is_empty() => Html::EMPTY,
        None => Segment::into(segment),
    };
    let top = vec![hero(lang, lens, detail), trend_card(lang, lens, &detail.trend).into()];
    let peers = detail.peers.as_ref().filter(|p| !p.rows.is_empty()).map(|p| ranking::card(lang, lens, p).into());
    let columns = if peers.is_some() { "grid-2" } else { "grid-main tops" };
    let side: Vec<Html> = peers.into_iter().chain([definition(lang, indicator)]).collect();
    vec![
        head.into(),
        parts::filters(lang, lens, here, Vec::new()),
        grid("grid-hero", top),
        notes(lang, lens),
        grid(columns, vec![split, grid("stack", side)]),
    ]
}

#[derive(askama::Template)]
#[template(
    source = "<p class=\"big\">{% match href %}{% when Some with (to) %}<a href=\"{{ to }}\">{{ value }}</a>{% when None %}{{ value }}{% endmatch %}</p>
<ul class=\"changes\">{% for c in changes %}<li><b class=\"{{ Self::class(c) }}\"><i aria-hidden=\"true\">{{ c.mark() }}</i><span class=\"visually-hidden\">{{ c.spoken(*lang) }} </span>{{ c.by }}</b> <span class=\"muted\">{{ c.against }}</span>{% if c.good.is_some() %}<span class=\"visually-hidden\">, {{ c.judged(*lang) }}</span>{% endif %}</li>{% endfor %}</ul>{{ sides }}",
    ext = "html"
)]
struct Hero {
    lang: Lang,
    value: String,
    href: Option<String>,
    changes: Vec<Change>,
    sides: Html,
}

impl Hero {
    fn class(change: &Change) -> &'static str {
        match change.good {
            Some(true) => "good",
            Some(false) => "bad",
            None => "flat",
        }
    }
}

/// The number itself: it leads to what it counts; a ratio to both of its sides.
fn hero(lang: Lang, lens: &Lens, detail: &Detail) -> Html {
    let indicator = &detail.figure.indicator;
    let claims = lens.claims(&indicator.id, lens.days);
    let changes = tiles::changes(lang, lens, &detail.figure);
    let Some(row) = &detail.row else {
        let zero = detail.figure.value.map(|v| figures::full(lang, indicator, v));
        let value = zero.unwrap_or_else(|| lang.t(msg::NOT_COUNTED).to_owned());
        let hero = Hero { lang, value, href: None, changes, sides: Html::EMPTY };
        return Card::new(parts::days(lang, lens), Html::template(&hero)).into();
    };
    let ratio = breakdown::is_ratio(indicator);
    let above = figures::is_money(Cube::shared().definitions(), &indicator.numerator);
    let below = denominator_money(indicator);
    let mut sides = Definitions::default();
    let link = |side: &str, value: i64, money: bool| {
        let text = figures::sum(lang, value, money);
        if value == 0 { Html::text(&text) } else { Cell::link(&text, &claims.clone().with("side", side).to_string()).0 }
    };
    match (indicator.form, &indicator.denominator, row.denominator) {
        (Form::Change, _, Some(d)) => {
            sides = sides.row(lang.t(msg::THIS_PERIOD), link("num", row.numerator, above));
            sides = sides.row(lang.t(msg::SAME_PERIOD_LAST_YEAR), link("den", d, below));
        }
        (_, Denominator::Parts(_), Some(d)) => {
            sides = sides.row(lang.t(msg::HOC_NUMERATOR), link("num", row.numerator, above));
            sides = sides.row(lang.t(msg::HOC_DENOMINATOR), link("den", d, below));
        }
        (_, Denominator::Days | Denominator::BedDaysCapacity, Some(d)) => {
            let name = if indicator.denominator == Denominator::Days { msg::HOC_DAYS } else { msg::HOC_BED_DAYS };
            sides = sides.row(lang.t(msg::HOC_NUMERATOR), link("num", row.numerator, above));
            sides = sides.row(lang.t(name), figures::sum(lang, d, false));
        }
        _ => {}
    }
    let hero = Hero {
        lang,
        value: figures::full(lang, indicator, row.value),
        href: (!ratio).then(|| claims.to_string()),
        changes,
        sides: if sides.rows.is_empty() { Html::EMPTY } else { sides.into() },
    };
    Card::new(parts::days(lang, lens), Html::template(&hero)).into()
}

fn definition(lang: Lang, i: &Indicator) -> Html {
    let valid = lang.fmt(msg::HOC_VALID_FROM, &[("date", &i.valid_from.vi())]);
    let rows = Definitions::default()
        .row(lang.t(msg::INDICATOR_FORMULA), lang.pick(&*i.formula_vi, &*i.formula_en))
        .row(lang.t(msg::UNIT), i.unit.as_str())
        .row(lang.t(msg::INDICATOR_SOURCE), i.source.as_str())
        .row(lang.t(msg::INDICATOR_OWNER), i.owner.as_str())
        .row(lang.t(msg::PERIOD), reported(lang, i))
        .row(lang.t(msg::INDICATOR_DIRECTION), lang.t(direction(i)))
        .row(lang.t(msg::HOC_BASIS), i.basis.as_str())
        .row(lang.t(msg::HOC_VERSION), format!("{} · {valid}", i.version));
    Card::new(lang.t(msg::HOC_DEFINITION), rows).into()
}

/// The drill as a path: the province, the place, the facility, the department.
fn crumbs(lang: Lang, lens: &Lens, indicator: &Indicator) -> Vec<Crumb> {
    let path = format!("/hoc/indicators/{}", indicator.id);
    let bare = Lens { unit: lens.unit.clone().filter(|_| lens.own), department: None, place: None, ..lens.clone() };
    let mut steps = vec![(figures::name(lang, indicator).to_owned(), bare.to(&path))];
    if !lens.own && (lens.place.is_some() || lens.unit.is_some()) {
        steps[0] = (format!("{} · {}", steps[0].0, province_name(lens.days.1)), bare.to(&path));
    }
    if let Some((level, code)) = &lens.place {
        let name = match code.as_str() {
            "" => lang.t(msg::HOC_NO_PLACE).to_owned(),
            code => crate::lens::place_name(code, lens.hierarchy_day()),
        };
        let here = Lens { place: lens.place.clone(), ..bare.clone() };
        let by = if *level == Level::Commune { By::Facility } else { By::Commune };
        steps.push((name, here.to(&path).with("by", by.code())));
    }
    if let Some(unit) = lens.unit.as_ref().filter(|_| !lens.own) {
        let here = Lens { department: None, ..lens.clone() };
        steps.push((unit.name.clone(), here.to(&path)));
    }
    if let Some(department) = &lens.department {
        steps.push((parts::department_name(lang, &department.code), lens.to(&path)));
    }
    let last = steps.len() - 1;
    let drill = steps.into_iter().enumerate().map(|(i, (name, to))| match i == last {
        true => Crumb::here(name),
        false => Crumb::link(name, to),
    });
    let list = bare.to("/hoc/indicators");
    let start =
        [Crumb::link(lang.t(msg::NAV_OVERVIEW), bare.to("/hoc")), Crumb::link(lang.t(msg::NAV_INDICATORS), list)];
    start.into_iter().chain(drill).collect()
}

fn export(lang: Lang, lens: &Lens, detail: &Detail) -> Export {
    let indicator = &detail.figure.indicator;
    let columns = [msg::PERIOD, msg::VALUE, msg::SAME_PERIOD_LAST_YEAR].map(|m| lang.t(m).to_owned());
    let rows = detail.trend.points.iter().map(|(day, now, before)| {
        let number = |v: &Option<mach_cube::Value>| v.map(figures::decimal).into();
        vec![day.label(detail.trend.grain).into(), number(now), number(before)]
    });
    let trend =
        crate::export::Sheet { title: lang.t(msg::TREND).to_owned(), columns: columns.into(), rows: rows.collect() };
    let split = detail.breakdown.as_ref().map(|b| b.sheet(lang, indicator));
    let name = format!("{}-{}", indicator.id, lens.days.0.label(lens.period));
    Export { name, sheets: split.into_iter().chain([trend]).collect() }
}
