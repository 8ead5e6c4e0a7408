//! Lines that lead somewhere: what was found, what waits, what happened.

use askama::Template;

use crate::Html;
use crate::components::Icon;
use crate::html::component;

/// Lines under a heading, each a link as wide as the list: fingers and arrow keys walk it.
#[derive(Clone, Debug, Default, Template)]
#[template(path = "components/links.html")]
pub struct Links {
    /// The heading.
    pub title: String,
    /// The lines.
    pub items: Vec<LinkItem>,
    /// What the last line says, and where it leads: to all of them.
    pub all: Option<(String, String)>,
}
component!(Links);

/// A line.
#[derive(Clone, Debug)]
pub struct LinkItem {
    /// Its drawing.
    pub icon: Icon,
    /// What it is.
    pub title: String,
    /// What tells it from others alike.
    pub detail: String,
    /// Where it leads.
    pub href: String,
    /// A chip or a number at its end.
    pub note: Html,
    /// Whether it was not seen yet.
    pub is_new: bool,
}

impl LinkItem {
    /// A line.
    pub fn new(icon: Icon, title: impl Into<String>, href: impl Into<String>) -> Self {
        let (title, href) = (title.into(), href.into());
        Self { icon, title, detail: String::new(), href, note: Html::EMPTY, is_new: false }
    }

    /// The same with a second line.
    pub fn detail(self, detail: impl Into<String>) -> Self {
        Self { detail: detail.into(), ..self }
    }

    /// The same with something at its end.
    pub fn note(self, note: impl Into<Html>) -> Self {
        Self { note: note.into(), ..self }
    }
}
