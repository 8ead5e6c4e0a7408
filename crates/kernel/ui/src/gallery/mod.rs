//! `/ui`: every component in every state, for those who build pages and for the tests that look at them.
//!
//! The people and numbers are invented. Sample texts stand here, not in the catalogues: they are data, not our words.

mod charts;
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
        Button::link(lang.t(msg::EXPORT_XLSX), "?format=xlsx").icon(Icon::Download).as_primary().into(),
    ]);
    let body = Html::concat([head.into(), parts::tiles(lang), charts::all(lang), parts::all(lang)]);
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
    PageMeta { lang, user: Some(user), nav, ..PageMeta::default() }
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
