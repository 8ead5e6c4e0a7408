//! The cards of the record page: view models in, markup out.

mod facts;
mod money;
mod person;
mod results;

pub(crate) use facts::{conditions, documents, medicines, timeline};
pub(crate) use money::costs;
pub(crate) use person::{looks, merges, numbers, undo_form};
pub(crate) use results::{notes, results};

use askama::Template;
use mach_ui::Html;
use mach_ui::components::Icon;

#[derive(Template)]
#[template(path = "link.html")]
struct Link<'a> {
    text: &'a str,
    href: &'a str,
}

/// A plain link.
pub(crate) fn link(text: &str, href: &str) -> Html {
    Html::template(&Link { text, href })
}

#[derive(Template)]
#[template(path = "muted.html")]
struct Muted<'a> {
    text: &'a str,
}

/// A quiet line.
fn muted(text: &str) -> Html {
    Html::template(&Muted { text })
}

/// One line of a list of facts.
struct Item {
    title: String,
    detail: String,
    source: Html,
}

/// A list under a heading, or folded behind it.
struct Group {
    heading: String,
    folded: bool,
    note: String,
    items: Vec<Item>,
}

/// Groups of facts; `empty` stands where no group has any.
#[derive(Template)]
#[template(path = "groups.html")]
struct Groups {
    empty: String,
    groups: Vec<Group>,
    note: String,
}

impl Groups {
    fn is_empty(&self) -> bool {
        self.groups.iter().all(|g| g.items.is_empty())
    }
}

/// A drawing beside a card's title would only repeat it: cards have none but where they are empty.
fn empty(icon: Icon, title: &str) -> Html {
    Html::from(mach_ui::components::Empty::new(icon, title, ""))
}
