//! Tiles: one number, its unit, how it changed, its shape over time.

use askama::Template;
use mach_base::Decimal;

use crate::chart;
use crate::html::component;
use crate::{Html, Lang, msg};

/// One number of an overview.
#[derive(Clone, Debug, Template)]
#[template(path = "components/tile.html")]
pub struct Tile {
    /// The reader's language.
    pub lang: Lang,
    /// What it counts.
    pub label: String,
    /// The number as read: `218.460`; empty: no data.
    pub value: String,
    /// Its unit, after the number.
    pub unit: String,
    /// Where it leads: what it counts.
    pub href: Option<String>,
    /// Against other periods.
    pub changes: Vec<Change>,
    /// The last periods, oldest first, equal steps of time.
    pub spark: Vec<Option<Decimal>>,
    /// A caveat: Tết, incomplete data.
    pub note: String,
}
component!(Tile);

/// Which way a number moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// More.
    Up,
    /// Less.
    Down,
    /// The same.
    Flat,
}

/// A number against another period.
#[derive(Clone, Debug)]
pub struct Change {
    /// Which way.
    pub direction: Direction,
    /// By how much, without sign: `4,2 %`, `0,6 điểm`.
    pub by: String,
    /// Against what: *so cùng kỳ*.
    pub against: String,
    /// Whether that is good; none: neither.
    pub good: Option<bool>,
}

impl Tile {
    /// A number with nothing around it.
    pub fn new(lang: Lang, label: impl Into<String>, value: impl Into<String>) -> Self {
        Self {
            lang,
            label: label.into(),
            value: value.into(),
            unit: String::new(),
            href: None,
            changes: Vec::new(),
            spark: Vec::new(),
            note: String::new(),
        }
    }

    fn spoken(&self, change: &Change) -> &'static str {
        change.spoken(self.lang)
    }

    fn judged(&self, change: &Change) -> &'static str {
        change.judged(self.lang)
    }

    fn spark_html(&self) -> Html {
        chart::spark(&self.spark)
    }
}

impl Change {
    /// `▲`, `▼` or `=`.
    pub fn mark(&self) -> &'static str {
        match self.direction {
            Direction::Up => "▲",
            Direction::Down => "▼",
            Direction::Flat => "=",
        }
    }

    /// What a screen reader says instead of the mark.
    pub fn spoken(&self, lang: Lang) -> &'static str {
        lang.t(match self.direction {
            Direction::Up => msg::CHANGE_UP,
            Direction::Down => msg::CHANGE_DOWN,
            Direction::Flat => msg::CHANGE_FLAT,
        })
    }

    /// Whether that is better or worse, for those who do not see the colour.
    pub fn judged(&self, lang: Lang) -> &'static str {
        match self.good {
            Some(true) => lang.t(msg::CHANGE_BETTER),
            Some(false) => lang.t(msg::CHANGE_WORSE),
            None => "",
        }
    }

    fn class(&self) -> &'static str {
        match self.good {
            Some(true) => "good",
            Some(false) => "bad",
            None => "flat",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_told_without_colour() {
        let change =
            Change { direction: Direction::Up, by: "4,2 %".into(), against: "so cùng kỳ".into(), good: Some(false) };
        let mut tile = Tile::new(Lang::Vi, "Tử vong <24h>", "12");
        tile.changes.push(change);
        tile.href = Some("/hoc/CD15".into());
        let html = Html::from(tile);
        for part in
            ["Tử vong &#60;24h&#62;", "▲", "tăng", "4,2 %", "so cùng kỳ", "xấu hơn", "href=\"/hoc/CD15\"", "bad"]
        {
            assert!(html.as_str().contains(part), "{part} in {html}");
        }
    }

    #[test]
    fn no_value_is_a_text() {
        assert!(Html::from(Tile::new(Lang::En, "Visits", "")).as_str().contains("No data"));
    }
}
