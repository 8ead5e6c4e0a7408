//! Ways in beside a password: providers that sign people on. The app that knows them says which there are; the doors show them.

use crate::House;
use mach_ui::{Html, Lang, format, pages};

/// Whose door it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// People who work here.
    Staff,
    /// Citizens.
    Citizens,
}

/// A provider that signs people on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Way {
    /// What it is called in addresses.
    pub name: String,
    /// What people know it as.
    pub label: String,
    /// Whether it can be told that somebody signs out.
    pub is_told: bool,
    /// Whether it says when somebody proved there who they are: then it can be asked to have them do so anew.
    pub proves: bool,
}

/// Says which ways there are; asked for each page, so it answers from memory.
pub type Ways = Box<dyn Fn(Whose) -> Vec<Way> + Send + Sync>;

impl Way {
    /// The buttons of a door, to go on to `next` afterwards; nothing where there are none.
    pub fn part(lang: Lang, ways: &[Self], whose: Whose, next: &str) -> Html {
        let of = if whose == Whose::Citizens { "&of=citizens" } else { "" };
        let next = format::query_value(next);
        let links = ways.iter().map(|way| (way.label.clone(), format!("/sign-in/with/{}?next={next}{of}", way.name)));
        pages::ways_part(lang, &links.collect::<Vec<_>>())
    }
}

impl House {
    /// Says where the doors ask which ways there are; it is said once.
    pub fn asks_ways(&self, ways: Ways) {
        self.inner.ways.get_or_init(|| ways);
    }

    /// The ways in at a door, beside its own.
    pub fn ways(&self, whose: Whose) -> Vec<Way> {
        self.inner.ways.get().map(|ways| ways(whose)).unwrap_or_default()
    }
}
