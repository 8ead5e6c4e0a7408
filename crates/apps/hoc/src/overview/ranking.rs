//! Facilities by one indicator, each beside its peers: same kind, tier and grade. One facility: its departments.

use super::TOP;
use crate::error::HocError;
use crate::figures;
use crate::lens::Lens;
use crate::parts::{class_name, department_name, line};
use mach_cube::{AnswerRow, By, Cube, Direction, Indicator, Question, Value};
use mach_store::Reader;
use mach_terms::{Facilities, Facility};
use mach_ui::chart::{BarRow, Bars};
use mach_ui::components::{Card, Cell, Tone, chip};
use mach_ui::{Html, Lang, msg};

/// Fewest facilities of a class that have a middle worth naming.
const PEERS_MIN: usize = 3;

/// Units in falling order of one indicator.
#[derive(Clone, Debug)]
pub struct Ranked {
    /// Of what.
    pub indicator: Indicator,
    /// What the units are.
    pub by: By,
    /// The units.
    pub rows: Vec<RankedRow>,
    /// The class that is shown, where only one is: its facility.
    pub class: Option<&'static Facility>,
}

/// One unit.
#[derive(Clone, Debug)]
pub struct RankedRow {
    /// Its row of the answer.
    pub row: AnswerRow,
    /// Its name; of a department its code.
    pub name: String,
    /// Its class, where the register knows it.
    pub facility: Option<&'static Facility>,
    /// The middle of its class, where that has enough members with a value.
    pub median: Option<Value>,
}

/// Ranks the units within `lens`: all facilities; of one facility its class, or its departments where the account sees no
/// other facility.
pub fn rank(cube: &Cube<'_>, on: &mut Reader, lens: &Lens, indicator: &str) -> Result<Ranked, HocError> {
    let definition = cube.definitions().indicator(indicator, lens.days.1)?.clone();
    let by = if lens.own { By::Department } else { By::Facility };
    let mut ranked = Ranked { indicator: definition, by, rows: Vec::new(), class: None };
    if ranked.indicator.not_by.iter().any(|n| n == by.code()) {
        return Ok(ranked);
    }
    let mut question = Question { by, ..lens.question(indicator) };
    if by == By::Facility {
        (question.facility, question.department) = (None, None);
    }
    let register = Facilities::shared();
    let mut rows: Vec<RankedRow> = cube
        .whole(on, &question)?
        .rows
        .into_iter()
        .map(|row| {
            let code = row.place.clone().unwrap_or_default();
            let (name, facility) = match by {
                By::Facility => (mach_house::facility_name(&code), register.by_code(&code, row.end)),
                _ => (code, None),
            };
            RankedRow { row, name, facility, median: None }
        })
        .collect();
    let medians: Vec<Option<Value>> = rows.iter().map(|r| median(r.facility?, &rows)).collect();
    rows.iter_mut().zip(medians).for_each(|(row, median)| row.median = median);
    if by == By::Facility
        && let Some(unit) = &lens.unit
    {
        ranked.class = register.by_code(&unit.code, lens.days.1).or_else(|| register.get(&unit.code));
        rows.retain(|r| match (ranked.class, r.facility) {
            (Some(class), Some(f)) => class_of(class) == class_of(f),
            _ => r.row.unit == unit.number,
        });
    }
    rows.sort_by(|a, b| b.row.value.cmp(&a.row.value).then_with(|| a.row.place.cmp(&b.row.place)));
    ranked.rows = rows;
    Ok(ranked)
}

/// Kind, tier and grade: what makes facilities comparable.
fn class_of(f: &Facility) -> (mach_terms::FacilityKind, mach_terms::Tier, Option<u8>) {
    (f.kind, f.tier, f.grade)
}

fn median(of: &Facility, rows: &[RankedRow]) -> Option<Value> {
    let peers = rows.iter().filter(|r| r.facility.is_some_and(|f| class_of(f) == class_of(of)));
    let values: Vec<Value> = peers.map(|r| r.row.value).collect();
    (values.len() >= PEERS_MIN).then(|| figures::median(values)).flatten()
}

/// The ranking as a card: the first ten, or the whole class of one facility.
pub(crate) fn card(lang: Lang, lens: &Lens, ranked: &Ranked) -> Card {
    let path = format!("/hoc/indicators/{}", ranked.indicator.id);
    let name = figures::name(lang, &ranked.indicator);
    let own = lens.unit.as_ref().map(|u| u.number);
    let rows: Vec<BarRow> = ranked.rows.iter().take(TOP).map(|r| bar(lang, lens, ranked, r, own)).collect();
    let title = match (ranked.by, ranked.class) {
        (By::Department, _) => lang.fmt(msg::HOC_RANKING_DEPARTMENTS, &[("name", name)]),
        (_, Some(class)) => lang.fmt(msg::HOC_RANKING_CLASS, &[("name", name), ("class", &class_name(lang, class))]),
        _ => lang.fmt(msg::HOC_RANKING_OF, &[("name", name)]),
    };
    if rows.is_empty() {
        return Card::new(title, line("muted", lang.t(msg::NOT_COUNTED)));
    }
    let more = lens.to(&path).with("by", ranked.by.code());
    let more =
        Cell::link(&lang.fmt(msg::HOC_SHOW_ALL, &[("count", &ranked.rows.len().to_string())]), &more.to_string()).0;
    let bars = Bars {
        lang,
        caption: title.clone(),
        label: lang.t(if ranked.by == By::Department { msg::DEPARTMENT } else { msg::FACILITY }).to_owned(),
        value: heading(lang, &ranked.indicator),
        note: if ranked.by == By::Facility { lang.t(msg::HOC_VS_PEERS).to_owned() } else { String::new() },
        ranked: true,
        rows,
    };
    Card::new(title, bars).actions([more])
}

/// Name and unit of the values of a column.
pub(crate) fn heading(lang: Lang, indicator: &Indicator) -> String {
    let unit = figures::unit(lang, indicator);
    if unit.is_empty() { lang.t(msg::VALUE).to_owned() } else { unit }
}

fn bar(lang: Lang, lens: &Lens, ranked: &Ranked, r: &RankedRow, own: Option<i64>) -> BarRow {
    let indicator = &ranked.indicator;
    let path = format!("/hoc/indicators/{}", indicator.id);
    let (href, claims) = match ranked.by {
        By::Facility => {
            let code = r.row.place.clone().unwrap_or_default();
            let claims =
                lens.claims(&indicator.id, (r.row.start, r.row.end)).with("facility", &code).without("department");
            (lens.to(&path).with("facility", &code), claims)
        }
        _ => {
            let department = r.row.unit & 0xffff;
            let claims = lens.claims(&indicator.id, (r.row.start, r.row.end)).with("department", department);
            (lens.to(&path).with("department", department), claims)
        }
    };
    let name = if ranked.by == By::Department { department_name(lang, &r.name) } else { r.name.clone() };
    let mine = ranked.by == By::Facility && own == Some(r.row.unit);
    BarRow {
        label: name,
        href: Some(href.into()),
        value: figures::decimal(r.row.value),
        text: figures::number(lang, indicator, r.row.value),
        value_href: (!crate::indicators::breakdown::is_ratio(indicator)).then(|| claims.into()),
        note: peers_chip(lang, indicator, r),
        tone: if mine { Tone::Info } else { Tone::Plain },
    }
}

/// How a facility stands to the middle of its class.
fn peers_chip(lang: Lang, indicator: &Indicator, r: &RankedRow) -> Html {
    let Some(median) = r.median else { return Html::EMPTY };
    let change = figures::change(lang, indicator, (Some(r.row.value), Some(median)), "");
    let Some(change) = change else { return Html::EMPTY };
    let tone = match (indicator.direction, change.good) {
        (Direction::Neutral, _) | (_, None) => Tone::Plain,
        (_, Some(true)) => Tone::Good,
        (_, Some(false)) => Tone::Warning,
    };
    let text = figures::change_text(Some(&change));
    chip(tone, &text)
}
