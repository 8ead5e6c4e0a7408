//! `/ui`: every component in every state, for those who build pages and for the tests that look at them.
//!
//! The people and numbers are invented. Sample texts stand here, not in the catalogues: they are data, not our words.

mod charts;
mod more;
mod parts;

use axum::Router;
use axum::extract::Query;
use axum::routing::get;
use mach_base::Day;
use serde_json::Value;

use crate::components::{Button, Icon, PageHead, Tone, chip, print_button};
use crate::http::{Here, Problem};
use crate::pages::{DemoAccount, SignIn, sign_in};
use crate::shell::{self, Crumb, NavGroup, NavItem, PageMeta, UserView};
use crate::{Html, Lang, msg};

/// `GET /ui` (all components), `/ui/sign-in`, `/ui/problem/{status}`. Wrap it in [`crate::http::serve`].
pub fn gallery_router() -> Router<()> {
    Router::new().route("/ui", get(gallery)).route("/ui/sign-in", get(sign_in_page)).route("/ui/problem", get(problem))
}

/// The day of the samples.
pub(crate) fn today() -> Day {
    Day::from_ymd(2026, 3, 18).unwrap_or_default()
}

async fn gallery(lang: Lang, Here(here): Here) -> Html {
    let title = lang.t(msg::NAV_COMPONENTS);
    let head = PageHead::new(title).lead(lang.t(msg::GALLERY_LEAD)).actions([
        print_button(lang),
        Button::link(lang.t(msg::EXPORT_CSV), "?format=csv").icon(Icon::Download).into(),
        Button::link(lang.t(msg::EXPORT_XLSX), "?format=xlsx").icon(Icon::Download).into(),
    ]);
    let body = Html::concat([head.into(), parts::tiles(lang), charts::all(lang), parts::all(lang), more::all(lang)]);
    let meta = PageMeta {
        lang,
        title: title.into(),
        here,
        active: "/ui".into(),
        crumbs: vec![Crumb::link("Huế", "/ui"), Crumb::link("Phường Vỹ Dạ", "/ui"), Crumb::here(title)],
        banner: parts::patient(lang).into(),
        status: chip(Tone::Good, "187/187"),
        demo: true,
        ..frame(lang)
    };
    shell::page(&meta, body)
}

/// A shell with every kind of entry.
fn frame(lang: Lang) -> PageMeta {
    let item = |label, href, icon, badge| NavItem { label, href, icon, badge };
    let nav = vec![
        NavGroup {
            label: Some(msg::NAV_OPERATIONS),
            items: vec![
                item(msg::NAV_OVERVIEW, "/hoc", Icon::Overview, None),
                item(msg::NAV_CLAIMS, "/claims", Icon::Claims, Some(12)),
                item(msg::NAV_FRESHNESS, "/freshness", Icon::Freshness, None),
                item(msg::NAV_INDICATORS, "/indicators", Icon::Indicators, None),
            ],
        },
        NavGroup {
            label: Some(msg::NAV_CARE),
            items: vec![
                item(msg::NAV_PEOPLE, "/people", Icon::People, None),
                item(msg::NAV_REVIEW, "/review", Icon::Review, Some(7)),
            ],
        },
        NavGroup { label: Some(msg::NAV_SYSTEM), items: vec![item(msg::NAV_COMPONENTS, "/ui", Icon::Settings, None)] },
    ];
    let user = UserView {
        name: "Lê Thị Đào".into(),
        role_label: lang.t(msg::ROLE_LEADER).into(),
        facility_name: "Sở Y tế Huế".into(),
        initials: shell::initials("Lê Thị Đào"),
    };
    PageMeta { lang, user: Some(user), nav, unread: Some(3), ..PageMeta::default() }
}

async fn sign_in_page(lang: Lang, Here(here): Here) -> Html {
    let wrong = here.contains("wrong");
    let account = |role, username: &str| DemoAccount {
        role: lang.t(role).into(),
        username: username.into(),
        password: "********".into(),
    };
    sign_in(&SignIn {
        lang,
        here,
        next: "/ui".into(),
        username: if wrong { "lanhdao".into() } else { String::new() },
        error: wrong.then(|| lang.t(msg::SIGN_IN_WRONG).into()),
        notice: (!wrong).then(|| lang.t(msg::SIGNED_OUT).into()),
        more: crate::Html::EMPTY,
        demo: vec![
            account(msg::ROLE_LEADER, "lanhdao"),
            account(msg::ROLE_OPERATOR, "donvi"),
            account(msg::ROLE_CLINICIAN, "bacsi"),
        ],
    })
}

/// `/ui/problem?status=413`: any problem, as its page.
async fn problem(Query(query): Query<Value>) -> Problem {
    match query["status"].as_str() {
        Some("400") => Problem::BadRequest("“2025-02-30”".into()),
        Some("403") => Problem::Forbidden,
        Some("409") => Problem::Conflict(String::new()),
        Some("413") => Problem::TooLarge,
        Some("429") => Problem::TooMany,
        Some("500") => Problem::Internal("the gallery was asked for a failure".into()),
        Some("503") => Problem::Unavailable,
        _ => Problem::NotFound,
    }
}

#[cfg(test)]
mod tests {
    /// Names of components, by what makes them: they cannot stand in the gallery by themselves.
    const MADE: [(&str, &str); 3] = [("Confirm", ".sure("), ("SegmentItem", ".item("), ("Sort", ".sort(")];
    const SHOWN: [&str; 4] =
        [include_str!("mod.rs"), include_str!("charts.rs"), include_str!("more.rs"), include_str!("parts.rs")];

    /// The names that a module gives on: `pub use x::{A, B};`.
    fn given(module: &str) -> Vec<&str> {
        let uses = module.split("pub use ").skip(1).filter_map(|rest| rest.split(';').next()?.split_once("::"));
        uses.flat_map(|(_, names)| names.trim_matches(['{', '}']).split(','))
            .map(str::trim)
            .filter(|n| !n.is_empty())
            .collect()
    }

    fn is_shown(name: &str) -> bool {
        let whole = |text: &str| {
            text.match_indices(name).any(|(at, _)| {
                let edge = |c: Option<char>| c.is_none_or(|c| !c.is_alphanumeric() && c != '_');
                edge(text[..at].chars().next_back()) && edge(text[at + name.len()..].chars().next())
            })
        };
        SHOWN.iter().map(|t| t.split("mod tests").next().unwrap_or_default()).any(whole)
    }

    #[test]
    fn every_component_is_in_the_gallery() {
        let all = [given(include_str!("../components/mod.rs")), given(include_str!("../chart/mod.rs"))].concat();
        assert!(all.len() > 50, "{all:?}");
        for name in all {
            let by = MADE.iter().find(|(made, _)| *made == name).map(|(_, by)| *by);
            let shown = by.map_or_else(|| is_shown(name), |by| SHOWN.iter().any(|t| t.contains(by)));
            assert!(shown, "`{name}` is not shown at /ui");
        }
    }

    #[test]
    fn every_state_of_a_component_is_in_the_gallery() {
        let files = [
            include_str!("../components/chip.rs"),
            include_str!("../components/form.rs"),
            include_str!("../components/layout.rs"),
            include_str!("../components/patient.rs"),
            include_str!("../components/tile.rs"),
        ];
        let mut seen = 0;
        for block in files.iter().flat_map(|f| f.split("pub enum ").skip(1)) {
            let (name, rest) = block.split_once(" {\n").unwrap_or_default();
            for line in rest.split("\n}").next().unwrap_or_default().lines() {
                let variant = line.trim().trim_end_matches(',').split('(').next().unwrap_or_default();
                if variant.starts_with(char::is_uppercase) {
                    seen += 1;
                    assert!(is_shown(&format!("{name}::{variant}")), "{name}::{variant} is not shown at /ui");
                }
            }
        }
        assert!(seen > 40, "{seen}");
    }
}
