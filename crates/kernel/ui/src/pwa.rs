//! What makes the pages an app on a phone: its manifest, its service worker, and the page that is shown without a network.
//!
//! The worker keeps style, script, icons and that one page: never anything of anybody.

use axum::Router;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::components::{Button, Empty, Icon};
use crate::shell::{self, PageMeta};
use crate::{Html, Lang, assets, msg};

/// What the worker keeps, by the names of the bundle.
const KEPT: [&str; 4] = ["app.css", "app.js", "icons.svg", "brand.svg"];

/// `/manifest.webmanifest`, `/sw.js`, `/offline`.
pub fn router<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new()
        .route("/manifest.webmanifest", get(manifest))
        .route("/sw.js", get(worker))
        .route("/offline", get(offline))
}

async fn manifest() -> Response {
    let body = serde_json::json!({
        "name": Lang::Vi.t(msg::PRODUCT),
        "short_name": Lang::Vi.t(msg::PRODUCT),
        "lang": "vi",
        "start_url": "/",
        "scope": "/",
        "display": "standalone",
        "background_color": "#f3f7f6",
        "theme_color": "#06362f",
        "icons": [{ "src": assets::url("brand.svg"), "sizes": "any", "type": "image/svg+xml", "purpose": "any" }],
    });
    ([(header::CONTENT_TYPE, "application/manifest+json")], body.to_string()).into_response()
}

/// The worker with the list of what it keeps; its name changes where the list does.
fn worker_text() -> String {
    let files: Vec<String> = KEPT.iter().map(|n| assets::url(n)).chain(["/offline".to_owned()]).collect();
    let name = format!("mach {}", files.join(" "));
    let code = assets::ALL.iter().find(|a| a.name == "worker.js").map(|a| String::from_utf8_lossy(a.bytes));
    let (files, name) = (serde_json::json!(files), serde_json::json!(name));
    format!("const FILES={files},NAME={name};\n{}", code.unwrap_or_default())
}

async fn worker() -> Response {
    let headers = [(header::CONTENT_TYPE, "text/javascript; charset=utf-8"), (header::CACHE_CONTROL, "no-cache")];
    (headers, worker_text()).into_response()
}

/// Always in Vietnamese: the worker that keeps it asks without the reader's choice.
async fn offline() -> Html {
    let lang = Lang::Vi;
    let mut body = Empty::new(Icon::Warning, lang.t(msg::OFFLINE), lang.t(msg::OFFLINE_DO));
    body.action = Button::link(lang.t(msg::OFFLINE_AGAIN), "/").as_primary().into();
    let title = lang.t(msg::OFFLINE);
    let head = crate::components::PageHead::new(title);
    let meta = PageMeta { lang, title: title.into(), here: "/offline".into(), ..PageMeta::default() };
    shell::bare(&meta, Html::concat([head.into(), body.into()]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worker_keeps_files_that_are_there_and_one_page() {
        let text = worker_text();
        for name in KEPT {
            assert!(!assets::url(name).is_empty() && text.contains(&assets::url(name)), "{name}");
        }
        assert!(text.contains("\"/offline\"") && text.contains("addEventListener"), "{text}");
    }
}
