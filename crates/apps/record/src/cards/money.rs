//! What care cost, and who paid.

use super::{empty, muted};
use crate::costs::{Costs, Payers};
use crate::people_view::amount;
use crate::view::Reading;
use mach_ui::chart::{BarRow, Bars, Stack, StackPart};
use mach_ui::components::{Card, Icon, Tone};
use mach_ui::{Html, Lang, format, msg};

/// Costs by payer and by year; `cut` where older claims were not read.
pub(crate) fn costs(reading: Reading, costs: &Costs, cut: bool) -> Html {
    let lang = reading.lang;
    let body = if costs.claims == 0 {
        empty(Icon::Money, lang.t(msg::RECORD_COST_NONE))
    } else {
        let of = if cut { msg::RECORD_COST_NEWEST } else { msg::RECORD_COST_OF };
        let total = format!("{}: {}", lang.t(msg::TOTAL), format::money(lang, costs.sum.total));
        let lead = format!("{total}. {}", lang.fmt(of, &[("count", &costs.claims.to_string())]));
        Html::concat([muted(&lead), Html::from(payers(lang, &costs.sum)), Html::from(years(lang, costs))])
    };
    Html::from(Card { id: "costs".into(), ..Card::new(lang.t(msg::COSTS_BY_PAYER), body) })
}

fn payers(lang: Lang, sum: &Payers) -> Stack {
    let part = |label, money| StackPart {
        label: lang.t(label).to_owned(),
        value: amount(money),
        text: format::money(lang, money),
        href: None,
    };
    Stack {
        lang,
        title: lang.t(msg::COSTS_BY_PAYER).to_owned(),
        parts: vec![
            part(msg::PAYER_INSURER, sum.insurer),
            part(msg::PAYER_COPAYMENT, sum.copay),
            part(msg::PAYER_PATIENT, sum.patient),
            part(msg::PAYER_OTHER, sum.other),
        ],
    }
}

fn years(lang: Lang, costs: &Costs) -> Bars {
    let row = |(year, payers): &(i32, Payers)| BarRow {
        label: year.to_string(),
        href: None,
        value: amount(payers.total),
        text: format::money(lang, payers.total),
        value_href: None,
        note: Html::text(&format::money(lang, payers.insurer)),
        tone: Tone::Plain,
    };
    Bars {
        lang,
        caption: lang.t(msg::RECORD_COST_YEARS).to_owned(),
        label: lang.t(msg::PERIOD_YEAR).to_owned(),
        value: lang.t(msg::COSTS).to_owned(),
        note: lang.t(msg::PAYER_INSURER).to_owned(),
        ranked: false,
        rows: costs.years.iter().map(row).collect(),
    }
}
