//! The communes of the province, shaded by where the patients live.

use crate::error::HocError;
use crate::figures;
use crate::lens::{Lens, PROVINCE};
use crate::parts::line;
use mach_base::Day;
use mach_base::decimal::Fixed;
use mach_cube::{Answer, By, Cube, Definitions, Denominator, Form, Indicator, Question};
use mach_places::{Era, province_map};
use mach_store::Reader;
use mach_ui::chart::{Map, MapValue, Shape};
use mach_ui::components::Card;
use mach_ui::{Html, Lang, msg};
use std::collections::{BTreeMap, BTreeSet};

/// The day whose communes the map draws: boundaries ship for those since 2025-07-01.
fn day(lens: &Lens) -> Day {
    lens.hierarchy_day().max(Era::CHANGE)
}

/// The chosen indicator by commune; visits where it cannot be told by commune.
pub(crate) fn read(cube: &Cube<'_>, on: &mut Reader, lens: &Lens, headline: &str) -> Result<Answer, HocError> {
    let chosen = cube.definitions().indicator(headline, lens.days.1)?;
    let by = By::Commune;
    let id = if chosen.not_by.iter().any(|n| n == by.code()) { super::HEADLINE } else { headline };
    Ok(cube.whole(on, &Question { by, as_of: Some(day(lens)), ..lens.question(id) })?)
}

/// The map as a card; every commune leads to its own figures.
pub(crate) fn card(lang: Lang, lens: &Lens, answer: &Answer) -> Html {
    let Some(map) = province_map(PROVINCE) else { return Html::EMPTY };
    let Ok(indicator) = Definitions::shared().indicator(&answer.indicator, lens.days.1) else { return Html::EMPTY };
    let path = format!("/hoc/indicators/{}", indicator.id);
    let here =
        lens.to(&path).with("as_of", day(lens)).with("by", By::Facility.code()).without("district").without("province");
    let values = answer.rows.iter().filter_map(|row| {
        let code = row.place.clone().filter(|c| !c.is_empty())?;
        let value = MapValue {
            value: figures::decimal(row.value),
            text: figures::full(lang, indicator, row.value),
            href: Some(here.clone().with("commune", &code).into()),
        };
        Some((code, value))
    });
    let values: BTreeMap<String, MapValue> = values.collect();
    let shapes = map.shapes.iter();
    let shape = |s: &mach_places::Shape| Shape { code: s.code.clone(), path: s.path.clone(), label: s.name.clone() };
    let title = lang.fmt(msg::MAP_OF, &[("name", figures::name(lang, indicator))]);
    let drawing = Map {
        lang,
        title: title.clone(),
        view_box: [-4.0, -4.0, f64::from(map.width) + 8.0, f64::from(map.height) + 8.0],
        shapes: shapes.clone().map(shape).collect(),
        values: values.into_iter().filter(|(code, _)| map.shapes.iter().any(|s| s.code == *code)).collect(),
        place: lang.t(msg::COMMUNE).to_owned(),
        value: super::ranking::heading(lang, indicator),
        places: indicator.decimals,
    };
    let drawn: BTreeSet<&str> = shapes.map(|s| s.code.as_str()).collect();
    let under = [line("hint", lang.t(msg::HOC_MAP_BY_RESIDENCE)), elsewhere(lang, indicator, answer, &drawn)];
    Card::new(title, Html::concat([drawing.into()].into_iter().chain(under))).into()
}

/// What the map does not draw: patients of elsewhere, and of no known place. The map and this line make the total.
fn elsewhere(lang: Lang, indicator: &Indicator, answer: &Answer, drawn: &BTreeSet<&str>) -> Html {
    if indicator.denominator != Denominator::None || indicator.form == Form::Change {
        return Html::EMPTY;
    }
    let sum = |inside: bool| {
        let rows = answer.rows.iter().filter(|r| drawn.contains(r.place.as_deref().unwrap_or_default()) == inside);
        Fixed(rows.map(|r| r.value.0).sum())
    };
    let (inside, outside) = (figures::full(lang, indicator, sum(true)), figures::full(lang, indicator, sum(false)));
    line("hint", lang.fmt(msg::HOC_MAP_ELSEWHERE, &[("inside", &inside), ("outside", &outside)]))
}
