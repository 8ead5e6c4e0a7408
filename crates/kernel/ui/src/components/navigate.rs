//! Ways through data: segments, keyset pages, the drill path.

use askama::Template;

use crate::components::Icon;
use crate::html::component;
use crate::shell::Crumb;
use crate::{Lang, msg};

/// A row of links of which one is on: period, tab, filter.
#[derive(Clone, Debug, Default, Template)]
#[template(path = "components/segment.html")]
pub struct Segment {
    /// What is chosen, for those who do not see it.
    pub label: String,
    /// The links.
    pub items: Vec<SegmentItem>,
}
component!(Segment);

/// One link of a [`Segment`].
#[derive(Clone, Debug)]
pub struct SegmentItem {
    /// What it says.
    pub label: String,
    /// Where it goes.
    pub href: String,
    /// Whether it is on.
    pub on: bool,
}

impl Segment {
    /// No link yet.
    pub fn new(label: impl Into<String>) -> Self {
        Self { label: label.into(), items: Vec::new() }
    }

    /// One more link.
    pub fn item(mut self, label: impl Into<String>, href: impl Into<String>, on: bool) -> Self {
        self.items.push(SegmentItem { label: label.into(), href: href.into(), on });
        self
    }
}

/// Links to the page before and after, by key: a list of a million rows opens like one of ten.
#[derive(Clone, Debug, Default, Template)]
#[template(path = "components/pager.html")]
pub struct Pager {
    /// The reader's language.
    pub lang: Lang,
    /// The address of the page before.
    pub previous: Option<String>,
    /// The address of the page after.
    pub next: Option<String>,
    /// What is shown: *Hiện 100 dòng*.
    pub shown: String,
}
component!(Pager);

/// The path that was drilled: each step a way back. [`crate::shell::PageMeta::crumbs`] shows the same above the title.
#[derive(Clone, Debug, Default, Template)]
#[template(path = "components/crumbs.html")]
pub struct Crumbs {
    /// What the path is of.
    pub label: String,
    /// The steps; the last is here.
    pub steps: Vec<Crumb>,
}
component!(Crumbs);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Html;

    #[test]
    fn the_chosen_one_is_told() {
        let html = Html::from(Segment::new("Kỳ").item("Ngày", "?p=day", false).item("Tháng", "?p=month", true));
        assert!(html.as_str().contains("aria-label=\"Kỳ\""));
        assert!(html.as_str().contains("href=\"?p=month\" aria-current=\"true\""), "{html}");
    }

    #[test]
    fn pages_lead_on() {
        let html =
            Html::from(Pager {
                next: Some("?after=1&x=2".into()), shown: "Hiện 100 dòng".into(), ..Pager::default()
            });
        assert!(
            html.as_str().contains("rel=\"next\" href=\"?after=1&#38;x=2\"") && !html.as_str().contains("rel=\"prev\"")
        );
    }
}
