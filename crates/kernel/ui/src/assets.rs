//! Style, script, fonts and icons, embedded, under names that change with their content.

use axum::Router;
use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

/// One bundled file of `web/dist`.
#[derive(Debug)]
pub struct Asset {
    /// Its name without the hash: `app.css`.
    pub name: &'static str,
    /// Its name with the hash, under `/assets/`.
    pub path: &'static str,
    /// What it is.
    pub content_type: &'static str,
    /// As it is.
    pub bytes: &'static [u8],
    /// As `gzip` sends it; fonts are compressed already.
    pub gzip: Option<&'static [u8]>,
}

/// Everything that `/assets/` serves.
pub static ALL: &[Asset] = include!(concat!(env!("OUT_DIR"), "/assets.rs"));

/// The address of the icon sprite.
pub const ICONS: &str = include!(concat!(env!("OUT_DIR"), "/icons_url.rs"));

/// The address of `name` (`app.css`); empty where there is no such file.
pub fn url(name: &str) -> String {
    ALL.iter().find(|a| a.name == name).map(|a| format!("/assets/{}", a.path)).unwrap_or_default()
}

/// `GET /assets/{file}`: kept for a year, because another content has another name.
pub fn router<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new().route("/assets/{file}", get(serve))
}

async fn serve(Path(file): Path<String>, headers: HeaderMap) -> Response {
    let Some(asset) = ALL.iter().find(|a| a.path == file) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let takes_gzip = headers.get(header::ACCEPT_ENCODING).is_some_and(|v| v.to_str().is_ok_and(|v| v.contains("gzip")));
    let fixed = [
        (header::CONTENT_TYPE, asset.content_type),
        (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
        (header::VARY, "Accept-Encoding"),
    ];
    match asset.gzip.filter(|_| takes_gzip) {
        Some(packed) => (fixed, [(header::CONTENT_ENCODING, "gzip")], packed).into_response(),
        None => (fixed, asset.bytes).into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_first_page_loads_is_small() {
        // Forms of questions and `/verify` bring their scripts along, and no first page has them; the worker is no part of any.
        let first = ALL.iter().filter(|a| {
            !matches!(
                a.name,
                "forms.js"
                    | "worker.js"
                    | "verify.js"
                    | "decode.js"
                    | "passkey.js"
                    | "desktop.js"
                    | "reader.js"
                    | "waits.js"
            )
        });
        let sent: usize = first.map(|a| a.gzip.map_or(a.bytes.len(), <[u8]>::len)).sum();
        assert!(sent > 60_000, "fonts are there");
        // 100 KB is for the page, too; a page of ours is under 8 KB.
        assert!(sent <= 86 * 1024, "{sent} bytes");
        for name in ["app.css", "app.js", "forms.js", "icons.svg", "brand.svg"] {
            assert!(!url(name).is_empty(), "{name}");
        }
        assert_eq!(url("icons.svg"), ICONS);
    }
}
