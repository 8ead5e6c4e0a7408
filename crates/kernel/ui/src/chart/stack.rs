//! One bar in parts: who pays.

use askama::Template;
use mach_base::Decimal;

use crate::chart::{place, px};
use crate::html::component;
use crate::{Html, Lang, escape, format, msg};

/// A whole and its parts: one bar, and a table with amount and share. Parts differ by pattern as well as by colour.
#[derive(Clone, Debug, Template)]
#[template(path = "components/stack.html")]
pub struct Stack {
    /// The reader's language.
    pub lang: Lang,
    /// What is divided.
    pub title: String,
    /// At most five parts, in a fixed order; negative parts draw nothing.
    pub parts: Vec<StackPart>,
}
component!(Stack);

/// One part.
#[derive(Clone, Debug)]
pub struct StackPart {
    /// What it is.
    pub label: String,
    /// How much, for the length.
    pub value: Decimal,
    /// How much, as read.
    pub text: String,
    /// Where it leads.
    pub href: Option<String>,
}

impl Stack {
    fn sum(&self) -> f64 {
        self.parts.iter().map(|p| place(p.value).max(0.0)).sum()
    }

    fn svg(&self) -> Html {
        let sum = self.sum();
        if sum <= 0.0 {
            return Html::EMPTY;
        }
        let title = escape(&self.title);
        let mut out = format!(
            "<svg class=\"stacked\" width=\"100%\" height=\"22\" role=\"img\" aria-label=\"{title}\"><title>{title}</title>"
        );
        let mut from = 0.0;
        for (i, part) in self.parts.iter().enumerate() {
            let share = place(part.value).max(0.0) / sum * 100.0;
            out.push_str(&format!(
                "<rect x=\"{}%\" width=\"{}%\" height=\"22\" fill=\"url(#s{})\"><title>{}: {}</title></rect>",
                px(from),
                px(share),
                i % 5 + 1,
                escape(&part.label),
                escape(&part.text)
            ));
            from += share;
        }
        out.push_str("</svg>");
        Html::trusted(out)
    }

    fn swatch(&self, index: &usize) -> Html {
        Html::trusted(format!(
            "<svg class=\"swatch\" width=\"14\" height=\"14\" aria-hidden=\"true\"><rect width=\"14\" height=\"14\" rx=\"3\" fill=\"url(#s{})\"/></svg>",
            index % 5 + 1
        ))
    }

    fn share(&self, part: &StackPart) -> String {
        let whole: i128 = self.parts.iter().map(|p| i128::from(p.value.units.max(0)) * scale_up(p.value)).sum();
        if whole == 0 {
            return "—".into();
        }
        let units =
            mach_base::decimal::round_div(i128::from(part.value.units.max(0)) * scale_up(part.value) * 1_000, whole);
        format::percent(self.lang, Decimal { units: units as i64, scale: 1 }, 1)
    }
}

/// Brings parts of different scale to one: six digits after the point.
fn scale_up(value: Decimal) -> i128 {
    10_i128.pow(6_u32.saturating_sub(value.scale))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_fill_the_whole() {
        let part = |label: &str, units| StackPart {
            label: label.into(),
            value: Decimal { units, scale: 2 },
            text: format!("{units} đ"),
            href: None,
        };
        let stack =
            Stack {
                lang: Lang::Vi, title: "Chi phí".into(), parts: vec![part("BHYT", 750), part("<Tự trả>", 250)]
            };
        let html = Html::from(stack.clone()).to_string();
        for part in ["x=\"0%\" width=\"75%\"", "x=\"75%\" width=\"25%\"", "75,0\u{a0}%", "&lt;Tự trả&gt;", "url(#s2)"]
        {
            assert!(html.contains(part), "{part} in {html}");
        }
        let nothing = Stack { parts: vec![part("BHYT", 0)], ..stack };
        assert!(!Html::from(nothing).as_str().contains("role=\"img\""));
    }
}
