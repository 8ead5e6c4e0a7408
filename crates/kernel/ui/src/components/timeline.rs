//! What happened, newest first.

use askama::Template;

use crate::html::component;
use crate::{Html, Lang, msg};

/// Events of one person, newest first.
#[derive(Clone, Debug, Default, Template)]
#[template(path = "components/timeline.html")]
pub struct Timeline {
    /// The reader's language.
    pub lang: Lang,
    /// The events.
    pub items: Vec<TimelineItem>,
}
component!(Timeline);

/// One event.
#[derive(Clone, Debug, Default)]
pub struct TimelineItem {
    /// `yyyy-MM-dd`, for machines.
    pub day: String,
    /// As read: `18/03/2026`, `11/12 – 15/12/2025`.
    pub when: String,
    /// What it was.
    pub title: String,
    /// Where it leads.
    pub href: Option<String>,
    /// Where it was: chips.
    pub place: Html,
    /// More: diagnosis, medicines.
    pub text: Html,
}
