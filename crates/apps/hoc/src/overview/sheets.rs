//! The overview to take along.

use super::diagnoses::{chapter_name, diagnosis_name};
use super::money::{PAYERS, paid};
use super::{Overview, ranking};
use crate::export::{Export, Field, Sheet};
use crate::figures;
use crate::lens::{Lens, place_name};
use mach_base::Decimal;
use mach_cube::{Definitions, Top};
use mach_ui::{Lang, Msg, msg};

/// Every table of the page.
pub(crate) fn export(lang: Lang, lens: &Lens, o: &Overview) -> Export {
    let top = |title: Msg, name: &dyn Fn(&str, i64) -> String, (now, then): &(Top, Option<Top>)| {
        let rows = now.rows.iter().map(|r| {
            let base = then.as_ref().and_then(|t| t.rows.iter().find(|b| b.item == r.item)).map(|b| b.value);
            vec![r.code.clone().into(), name(&r.code, r.item).into(), r.value.into(), base.into()]
        });
        sheet(lang, title, [msg::CODE, msg::NAME, msg::CASES, msg::HOC_BASE], rows.collect())
    };
    let sheets = vec![
        tiles(lang, o),
        trend(lang, o),
        units(lang, o),
        top(msg::DISEASE_CHAPTERS, &|_, item| chapter_name(lang, item), &o.chapters),
        top(msg::TOP_DIAGNOSES, &|code, _| diagnosis_name(lang, code), &o.diagnoses),
        money(lang, o),
        map(lang, lens, o),
        o.freshness.sheet(lang),
    ];
    Export { name: format!("hoc-{}", lens.days.0.label(lens.period)), sheets }
}

fn sheet<const N: usize>(lang: Lang, title: Msg, columns: [Msg; N], rows: Vec<Vec<Field>>) -> Sheet {
    let columns = columns.map(|c| lang.t(c).to_owned()).into();
    Sheet { title: lang.t(title).to_owned(), columns, rows }
}

fn tiles(lang: Lang, o: &Overview) -> Sheet {
    let rows = o.figures.iter().map(|f| {
        let number = |v: Option<mach_cube::Value>| Field::from(v.map(figures::decimal));
        let name = figures::name(lang, &f.indicator);
        let unit = figures::unit(lang, &f.indicator);
        vec![
            f.indicator.id.clone().into(),
            name.into(),
            number(f.value),
            unit.into(),
            number(f.previous),
            number(f.year),
        ]
    });
    let columns = [msg::CODE, msg::INDICATOR, msg::VALUE, msg::UNIT, msg::PERIOD_PREVIOUS, msg::SAME_PERIOD_LAST_YEAR];
    sheet(lang, msg::NAV_INDICATORS, columns, rows.collect())
}

fn trend(lang: Lang, o: &Overview) -> Sheet {
    let rows = o.trend.points.iter().map(|(day, now, before)| {
        let number = |v: &Option<mach_cube::Value>| Field::from(v.map(figures::decimal));
        vec![day.label(o.trend.grain).into(), number(now), number(before)]
    });
    let mut sheet = sheet(lang, msg::TREND, [msg::PERIOD, msg::VALUE, msg::SAME_PERIOD_LAST_YEAR], rows.collect());
    sheet.title = figures::name(lang, &o.trend.indicator).to_owned();
    sheet
}

fn units(lang: Lang, o: &Overview) -> Sheet {
    let rows = o.ranking.rows.iter().map(|r| {
        let median = Field::from(r.median.map(figures::decimal));
        let code = r.row.place.clone().unwrap_or_default();
        vec![code.into(), r.name.clone().into(), figures::decimal(r.row.value).into(), median]
    });
    let mut sheet = sheet(lang, msg::RANKING, [msg::CODE, msg::NAME, msg::VALUE, msg::HOC_MEDIAN], rows.collect());
    sheet.columns[2] = ranking::heading(lang, &o.ranking.indicator);
    sheet
}

fn money(lang: Lang, o: &Overview) -> Sheet {
    let rows = PAYERS
        .iter()
        .map(|(item, label)| vec![lang.t(*label).into(), Decimal { units: paid(&o.money, *item), scale: 2 }.into()]);
    sheet(lang, msg::PAYERS, [msg::PAYERS, msg::DONG], rows.collect())
}

fn map(lang: Lang, lens: &Lens, o: &Overview) -> Sheet {
    let rows = o.map.rows.iter().map(|r| {
        let code = r.place.clone().unwrap_or_default();
        let name = place_name(&code, o.map.as_of);
        vec![code.into(), name.into(), figures::decimal(r.value).into()]
    });
    let mut sheet = sheet(lang, msg::COMMUNE, [msg::CODE, msg::COMMUNE, msg::VALUE], rows.collect());
    if let Ok(indicator) = Definitions::shared().indicator(&o.map.indicator, lens.days.1) {
        sheet.columns[2] = figures::name(lang, indicator).to_owned();
    }
    sheet
}
