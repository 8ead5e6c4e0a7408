//! Horizontal bars: a ranking that is a table.

use askama::Template;
use mach_base::Decimal;

use crate::chart::{place, px};
use crate::components::Tone;
use crate::html::component;
use crate::{Html, Lang, msg};

/// A ranking: label, bar, value. It is its own table twin.
#[derive(Clone, Debug, Template)]
#[template(path = "components/bars.html")]
pub struct Bars {
    /// The reader's language.
    pub lang: Lang,
    /// What is ranked.
    pub caption: String,
    /// What the labels are: *Đơn vị*.
    pub label: String,
    /// What the values are, with unit: *Lượt khám*.
    pub value: String,
    /// What the notes are; empty: no such column.
    pub note: String,
    /// Whether rows are numbered.
    pub ranked: bool,
    /// The rows, in order.
    pub rows: Vec<BarRow>,
}
component!(Bars);

/// One bar.
#[derive(Clone, Debug)]
pub struct BarRow {
    /// What it stands for.
    pub label: String,
    /// Where the label leads.
    pub href: Option<String>,
    /// How long the bar is. Negative values have none.
    pub value: Decimal,
    /// The value as read, with unit where the heading has none.
    pub text: String,
    /// Where the value leads: the claims it counts.
    pub value_href: Option<String>,
    /// A chip behind it.
    pub note: Html,
    /// What its length means.
    pub tone: Tone,
}

impl Bars {
    /// The bar of `row` as an SVG whose width is a share of the column.
    fn bar(&self, row: &BarRow) -> Html {
        let greatest = self.rows.iter().map(|r| place(r.value)).fold(0.0, f64::max);
        let share = if greatest > 0.0 { (place(row.value) / greatest * 100.0).max(0.0) } else { 0.0 };
        Html::trusted(format!(
            "<svg class=\"bar {}\" width=\"100%\" height=\"10\" aria-hidden=\"true\"><rect class=\"back\" width=\"100%\" height=\"10\" rx=\"2\"/><rect class=\"fill\" width=\"{}%\" height=\"10\" rx=\"2\"/></svg>",
            row.tone.class(),
            px(share)
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(label: &str, units: i64) -> BarRow {
        let value = Decimal { units, scale: 0 };
        let href = Some(format!("/u/{units}"));
        BarRow {
            label: label.into(),
            href,
            value,
            text: units.to_string(),
            value_href: None,
            note: Html::EMPTY,
            tone: Tone::Plain,
        }
    }

    #[test]
    fn the_longest_fills_the_column() {
        let rows = vec![row("<A>", 200), row("B", 50), row("C", 0), row("D", -5)];
        let bars = Bars {
            lang: Lang::Vi,
            caption: "Xếp hạng".into(),
            label: "Đơn vị".into(),
            value: "Lượt".into(),
            note: String::new(),
            ranked: true,
            rows,
        };
        let html = Html::from(bars).to_string();
        for part in [
            "&#60;A&#62;",
            "class=\"fill\" width=\"100%\"",
            "class=\"fill\" width=\"25%\"",
            "class=\"fill\" width=\"0%\"",
            "href=\"/u/200\"",
            "<th scope=\"row\"",
        ] {
            assert!(html.contains(part), "{part} in {html}");
        }
    }
}
