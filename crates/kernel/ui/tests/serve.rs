//! What a client of the pages sees: headers, problems, languages, assets; and that the gallery is sound HTML.
#![expect(clippy::unwrap_used, reason = "a broken expectation stops the test")]

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use axum::routing::{get, post};
use mach_base::limits;
use mach_ui::http::{Here, Problem, serve};
use mach_ui::{Html, Lang, assets, gallery, pages};
use tower::ServiceExt;

fn app() -> Router {
    let inner: Router = Router::new()
        .route("/here", get(|lang: Lang, Here(here): Here| async move { format!("{} {here}", lang.code()) }))
        .route("/private", get(|| async { Problem::Unauthenticated }))
        .route("/broken", get(|| async { Problem::Internal("secret path".into()) }))
        .route(
            "/panics",
            get(|| async {
                if true {
                    panic!("secret of a panic")
                }
            }),
        )
        .route(
            "/fhir/panics",
            get(|| async {
                if true {
                    panic!("secret of a panic")
                }
            }),
        )
        .route("/fhir/own", get(|| async { broken_in("application/fhir+json", "{\"secret\":1}") }))
        .route("/fhir/xml", get(|| async { broken_in("application/fhir+xml; charset=utf-8", "<secret/>") }))
        .route(
            "/oauth/token",
            post(|| async { ([("retry-after", "7")], Problem::TooMany) }).put(|| async {
                if true {
                    panic!("secret of a panic")
                }
            }),
        )
        .route("/oauth/revoke", post(|_: axum::Json<String>| async {}))
        .route("/read", post(|body: String| async move { body.len().to_string() }))
        .route("/change", post(|| async { "changed" }))
        .route("/api/broken", get(|| async { Problem::BadRequest("tháng <13>".into()) }))
        .route("/api/own", get(|| async { (StatusCode::BAD_REQUEST, axum::Json("mine")) }));
    serve(Router::new().nest("/deep", inner.clone()).merge(inner).merge(gallery::gallery_router()))
}

/// A handler's own words about an inner error.
fn broken_in(kind: &'static str, body: &'static str) -> impl axum::response::IntoResponse {
    (StatusCode::INTERNAL_SERVER_ERROR, [("content-type", kind)], body)
}

async fn ask(method: &str, uri: &str, headers: &[(&str, &str)]) -> (StatusCode, HeaderMap, String) {
    let mut request = Request::builder().method(method).uri(uri);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = app().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    let (parts, body) = response.into_parts();
    let bytes = to_bytes(body, 1 << 20).await.unwrap();
    (parts.status, parts.headers, String::from_utf8_lossy(&bytes).into_owned())
}

#[tokio::test]
async fn answers_are_guarded_and_not_kept() {
    for uri in ["/here", "/ui", "/nowhere", "/api/broken"] {
        let (_, headers, _) = ask("GET", uri, &[]).await;
        assert!(headers["content-security-policy"].to_str().unwrap().starts_with("default-src 'self'"), "{uri}");
        assert!(!headers["content-security-policy"].to_str().unwrap().contains("unsafe"), "{uri}");
        assert_eq!(headers["x-content-type-options"], "nosniff");
        assert_eq!(headers["referrer-policy"], "no-referrer");
        assert_eq!(headers["cache-control"], "no-store");
    }
}

#[tokio::test]
async fn problems_have_one_shape() {
    for (method, uri, status, says) in [
        ("GET", "/nowhere", 404, "Không có trang này"),
        ("GET", "/broken", 500, "Máy chủ gặp lỗi"),
        ("GET", "/change", 405, "không nhận thao tác"),
        ("GET", "/api/nowhere", 404, "\"code\":\"not-found\""),
        ("GET", "/api/broken", 400, "tháng <13>"),
        ("GET", "/api/own", 400, "\"mine\""),
    ] {
        let (got, headers, body) = ask(method, uri, &[]).await;
        assert_eq!(got.as_u16(), status, "{uri}");
        assert!(body.contains(says), "{uri}: {body}");
        assert!(!body.contains("secret"), "{uri}");
        let kind = headers["content-type"].to_str().unwrap();
        assert_eq!(kind.contains("json"), uri.starts_with("/api/"), "{uri} {kind}");
        assert_eq!(headers.contains_key("allow"), status == 405, "{uri}");
    }
}

#[tokio::test]
async fn what_breaks_says_only_its_id() {
    for (uri, kind) in [
        ("/broken", "text/html"),
        ("/panics", "text/html"),
        ("/fhir/panics", "application/fhir+json"),
        ("/fhir/own", "application/fhir+json"),
        ("/fhir/xml", "application/fhir+xml"),
    ] {
        let (status, headers, body) = ask("GET", uri, &[]).await;
        assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR, "{uri}");
        assert!(headers["content-type"].to_str().unwrap().starts_with(kind), "{uri}: {headers:?}");
        let id = headers["x-request-id"].to_str().unwrap();
        assert!(body.contains(&format!("Mã sự cố: {id}")) && !body.contains("secret"), "{uri}: {body}");
        let (_, headers, body) = ask("GET", uri, &[("x-request-id", "their-own.1")]).await;
        assert_eq!(headers["x-request-id"], "their-own.1");
        assert!(body.contains("their-own.1"), "{uri}: {body}");
    }
    let (_, headers, body) = ask("GET", "/here", &[("x-request-id", "<b>")]).await;
    assert!(headers["x-request-id"] != "<b>" && !body.contains("Mã sự cố"), "{headers:?} {body}");
}

#[tokio::test]
async fn who_is_not_signed_in_is_sent_there_and_back() {
    let (status, headers, _) = ask("GET", "/private?a=1&b=2", &[]).await;
    assert_eq!(
        (status, headers["location"].to_str().unwrap()),
        (StatusCode::SEE_OTHER, "/sign-in?next=/private%3Fa%3D1%26b%3D2")
    );
}

#[tokio::test]
async fn other_sites_change_nothing() {
    for (site, status) in [("same-origin", 200), ("none", 200), ("cross-site", 403), ("same-site", 403)] {
        let (got, _, _) = ask("POST", "/change", &[("sec-fetch-site", site)]).await;
        assert_eq!(got.as_u16(), status, "{site}");
    }
}

#[tokio::test]
async fn the_language_is_chosen_and_kept() {
    let (_, headers, body) = ask("GET", "/deep/here?x=1&lang=en", &[]).await;
    assert_eq!(body, "en /deep/here?x=1&lang=en");
    assert!(headers["set-cookie"].to_str().unwrap().starts_with("lang=en; Path=/; HttpOnly; SameSite=Lax; Max-Age="));
    let (_, headers, body) = ask("GET", "/here", &[("cookie", "lang=en")]).await;
    assert_eq!(body, "en /here");
    assert!(!headers.contains_key("set-cookie"));
    let (_, _, page) = ask("GET", "/nowhere", &[("accept-language", "en-GB")]).await;
    assert!(page.contains("There is no such page") && page.contains("<html lang=\"en\""));
}

#[tokio::test]
async fn pages_are_packed_and_bodies_limited() {
    let (_, headers, _) = ask("GET", "/ui", &[("accept-encoding", "gzip")]).await;
    assert_eq!(headers["content-encoding"], "gzip");
    for (bytes, status) in [(limits::BODY_BYTES, 200), (limits::BODY_BYTES + 1, 413)] {
        let request = Request::post("/read").body(Body::from(vec![b'a'; bytes])).unwrap();
        assert_eq!(app().oneshot(request).await.unwrap().status().as_u16(), status, "{bytes}");
    }
}

#[tokio::test]
async fn assets_are_kept_for_a_year_and_packed() {
    let css = assets::url("app.css");
    let (status, headers, _) = ask("GET", &css, &[("accept-encoding", "gzip, br")]).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(headers["content-encoding"], "gzip");
    assert_eq!(headers["cache-control"], "public, max-age=31536000, immutable");
    let (_, headers, body) = ask("GET", &css, &[]).await;
    assert!(!headers.contains_key("content-encoding") && body.contains("--jade-900"));
    assert_eq!(ask("GET", "/assets/app.css", &[]).await.0, StatusCode::NOT_FOUND);
}

/// What a browser with an empty cache fetches for one page.
fn first_load_bytes(page: &Html) -> usize {
    // What `/verify` and the doors of passkeys alone bring along is no part of a first page.
    let first = assets::ALL.iter().filter(|a| !matches!(a.name, "verify.js" | "decode.js" | "passkey.js"));
    page.as_str().len() + first.map(|a| a.gzip.map_or(a.bytes.len(), <[u8]>::len)).sum::<usize>()
}

#[test]
fn the_first_page_is_at_most_100_kb() {
    // The page itself is counted unpacked, so the truth is smaller still.
    let page = pages::sign_in(&pages::SignIn::default());
    let bytes = first_load_bytes(&page);
    assert!(bytes <= 100 * 1024, "{bytes}");
}

const VOID: [&str; 7] = ["meta", "link", "input", "img", "br", "hr", "col"];

/// Every element that opens closes, in order, and no id stands twice.
fn check_markup(html: &str) {
    let mut open: Vec<&str> = Vec::new();
    let mut ids: Vec<&str> = Vec::new();
    for piece in html.split('<').skip(1) {
        let tag = piece.split('>').next().unwrap();
        if tag.starts_with('!') {
            continue;
        }
        let name = tag.trim_start_matches('/').split([' ', '\n', '/']).next().unwrap();
        if tag.starts_with('/') {
            assert_eq!(open.pop(), Some(name), "after {open:?}");
        } else if !tag.ends_with('/') && !VOID.contains(&name) {
            open.push(name);
        }
        ids.extend(tag.split(" id=\"").skip(1).filter_map(|v| v.split('"').next()));
    }
    assert_eq!(open, Vec::<&str>::new());
    let all = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), all, "{ids:?}");
}

#[tokio::test]
async fn apps_are_told_in_their_protocols_words() {
    for (method, uri, status, error) in [
        ("POST", "/oauth/token", 429, "temporarily_unavailable"),
        ("POST", "/oauth/token?lang=vi", 429, "temporarily_unavailable"),
        ("GET", "/oauth/token", 405, "invalid_request"),
        ("PUT", "/oauth/token", 500, "server_error"),
        ("POST", "/oauth/revoke", 415, "invalid_request"),
        ("POST", "/oauth/introspect", 404, "invalid_request"),
    ] {
        let (got, headers, text) = ask(method, uri, &[("accept", "text/html"), ("sec-fetch-site", "cross-site")]).await;
        assert_eq!(got.as_u16(), status, "{method} {uri} {text}");
        assert!(headers["content-type"].to_str().unwrap().starts_with("application/json"), "{headers:?}");
        assert_eq!(
            (&headers["access-control-allow-origin"], &headers["cache-control"]),
            (&"*".parse().unwrap(), &"no-store".parse().unwrap())
        );
        assert!(text.starts_with(&format!("{{\"error\":\"{error}\",\"error_description\":\"")), "{text}");
        // RFC 6749 §5.2: ASCII without `"` and `\`.
        assert!(text.is_ascii() && !text.contains(['\\', '<']) && !text.contains("secret"), "{text}");
        assert_eq!(headers.get("retry-after").is_some(), status == 429);
        assert_eq!(headers.get("allow").is_some(), status == 405);
    }
}

#[tokio::test]
async fn the_gallery_is_sound() {
    for uri in ["/ui", "/ui?lang=en", "/ui/sign-in", "/ui/sign-in?wrong", "/ui/problem?status=400"] {
        let (_, _, html) = ask("GET", uri, &[]).await;
        check_markup(&html);
        for inline in [" style=", "<style", "<script>", " onclick", "javascript:"] {
            assert!(!html.contains(inline), "{inline} in {uri}");
        }
        assert_eq!(html.matches("<h1").count(), 1, "{uri}");
        assert!(html.matches("class=\"btn primary\"").count() <= 2, "few primary buttons on {uri}");
    }
}
