//! The frame of every page: dark rail, top bar with search, crumbs, the portal's footer.

use askama::Template;

use crate::components::Icon;
use crate::look::{Look, Size, Theme};
use crate::{Html, Lang, Msg, assets, format, msg};

/// Who is signed in, as the top bar shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserView {
    /// Full name.
    pub name: String,
    /// The role in the reader's language.
    pub role_label: String,
    /// The facility the account belongs to.
    pub facility_name: String,
    /// At most two letters for the round mark; [`initials`] makes them.
    pub initials: String,
}

/// One group of the rail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NavGroup {
    /// Its heading; none for the first links.
    pub label: Option<Msg>,
    /// Its links.
    pub items: Vec<NavItem>,
}

/// One link of the rail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NavItem {
    /// What it says.
    pub label: Msg,
    /// Where it goes; also its name for [`PageMeta::active`].
    pub href: &'static str,
    /// Its drawing.
    pub icon: Icon,
    /// How much waits there.
    pub badge: Option<u32>,
}

/// One step of the path above the title. The last has no address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Crumb {
    /// What it says.
    pub label: String,
    /// Where it goes.
    pub href: Option<String>,
}

impl Crumb {
    /// A step with an address.
    pub fn link(label: impl Into<String>, href: impl Into<String>) -> Self {
        Self { label: label.into(), href: Some(href.into()) }
    }

    /// The last step: where the reader is.
    pub fn here(label: impl Into<String>) -> Self {
        Self { label: label.into(), href: None }
    }
}

/// Everything the shell needs beside the body. Fill what you have, the rest by `..PageMeta::default()`.
#[derive(Clone, Debug, Default)]
pub struct PageMeta {
    /// The reader's language.
    pub lang: Lang,
    /// The title of the window; the page's own `h1` is in its body ([`crate::components::PageHead`]).
    pub title: String,
    /// Path and query of this page ([`crate::http::Here`]); the language switch keeps it.
    pub here: String,
    /// Who is signed in. None: no search, no account, a link to sign in.
    pub user: Option<UserView>,
    /// The rail. Empty: none.
    pub nav: Vec<NavGroup>,
    /// The address of the active item of the rail.
    pub active: String,
    /// The path above the title.
    pub crumbs: Vec<Crumb>,
    /// The patient banner, fixed under the top bar on every page of one person.
    pub banner: Html,
    /// What the search box holds.
    pub query: String,
    /// Whether the search box is left away: the reader may not search people.
    pub no_search: bool,
    /// How many notices were not read; none: no bell.
    pub unread: Option<i64>,
    /// A chip beside the account: data freshness.
    pub status: Html,
    /// Whether the footer says that no real person is shown.
    pub demo: bool,
}

/// The whole document: `meta` around `body`.
pub fn page(meta: &PageMeta, body: impl Into<Html>) -> Html {
    document(meta, body.into(), false)
}

/// A document without rail and search, its body in the middle: sign-in, problems.
pub fn bare(meta: &PageMeta, body: impl Into<Html>) -> Html {
    document(meta, body.into(), true)
}

fn document(meta: &PageMeta, body: Html, bare: bool) -> Html {
    let lang = meta.lang;
    let languages = Lang::ALL.map(|l| Language {
        code: l.code(),
        name: l.t(match l {
            Lang::Vi => msg::LANGUAGE_VI,
            Lang::En => msg::LANGUAGE_EN,
        }),
        href: format::with_query(&meta.here, "lang", l.code()),
        on: l == lang,
    });
    Html::template(&Document {
        lang,
        meta,
        bare,
        look: Look::now(),
        is_look: meta.here.split('?').next() == Some("/look"),
        // The script puts the number in.
        found: lang.fmt(msg::FIND_COUNT, &[("count", "#")]),
        look_href: format!("/look?next={}", format::query_value(&meta.here)),
        title: lang.fmt(msg::PAGE_TITLE, &[("title", &meta.title)]),
        css: assets::url("app.css"),
        js: assets::url("app.js"),
        brand: assets::url("brand.svg"),
        languages,
        short: meta.nav.iter().flat_map(|g| &g.items).take(SHORT_ITEMS).collect(),
        body,
    })
}

/// Links of the bottom bar on a phone, beside its menu.
const SHORT_ITEMS: usize = 3;

struct Language {
    code: &'static str,
    name: &'static str,
    href: String,
    on: bool,
}

#[derive(Template)]
#[template(path = "document.html")]
struct Document<'a> {
    lang: Lang,
    meta: &'a PageMeta,
    bare: bool,
    look: Look,
    /// The page on which that is chosen leads to itself no more.
    is_look: bool,
    look_href: String,
    found: String,
    title: String,
    css: String,
    js: String,
    brand: String,
    languages: [Language; 2],
    short: Vec<&'a NavItem>,
    body: Html,
}

/// The letters of the round mark: the first of the family name and of the given name, as Vietnamese names are written.
pub fn initials(name: &str) -> String {
    let words: Vec<&str> = name.split_whitespace().collect();
    let picked = match words.as_slice() {
        [] => vec![],
        [one] => vec![*one],
        [first, .., last] => vec![*first, *last],
    };
    picked.iter().filter_map(|w| w.chars().next()).flat_map(char::to_uppercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn initials_of_names() {
        for (name, letters) in [("Lê Thị Đào", "LĐ"), ("  đỗ an ", "ĐA"), ("Ánh", "Á"), ("", "")] {
            assert_eq!(initials(name), letters);
        }
    }

    #[test]
    fn a_page_has_its_landmarks_and_nothing_inline() {
        let meta = PageMeta {
            title: "<b>".into(),
            here: "/claims?status=refused".into(),
            user: Some(UserView { name: "Lê <i>An".into(), ..UserView::default() }),
            nav: vec![NavGroup {
                label: Some(msg::NAV_OPERATIONS),
                items: vec![NavItem { label: msg::NAV_CLAIMS, href: "/claims", icon: Icon::Claims, badge: Some(12) }],
            }],
            active: "/claims".into(),
            query: "\"><script>".into(),
            ..PageMeta::default()
        };
        let page = page(&meta, Html::text("thân"));
        let html = page.as_str();
        for part in [
            "<html lang=\"vi\"",
            "<title>&#60;b&#62; · Mạch</title>",
            "href=\"#main\"",
            "<main id=\"main\"",
            "aria-current=\"page\"",
            "action=\"/search\"",
            "action=\"/sign-out\"",
            "href=\"/claims?status=refused&#38;lang=en\"",
            "thân",
        ] {
            assert!(html.contains(part), "{part} in {html}");
        }
        assert!(!html.contains("{ $"), "no placeable is shown");
        for inline in ["<style", " style=", "<script>", " onclick"] {
            assert!(!html.contains(inline), "{inline}");
        }
    }
}
