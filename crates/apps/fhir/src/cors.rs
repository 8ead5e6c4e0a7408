//! Pages of other origins: which browsers may let them use this interface. Those of registered apps, and those that the
//! administrator names.
//!
//! They come with a token in `Authorization`; cookies are not let through, so that nobody's session is used by a page of others.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use mach_store::Store;
use std::sync::Arc;

/// Methods of the interface.
const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
/// Headers that a page may send.
const SENT: HeaderValue = HeaderValue::from_static(
    "Authorization, Content-Type, Accept, Prefer, If-Match, If-None-Match, If-None-Exist, If-Modified-Since, X-Requested-With",
);
/// Headers that a page may read.
const SHOWN: HeaderValue = HeaderValue::from_static(
    "ETag, Location, Content-Location, Last-Modified, Retry-After, X-Progress, X-Request-Id, WWW-Authenticate",
);
/// How long a browser may keep the answer to a preflight.
const SECONDS: HeaderValue = HeaderValue::from_static("600");

/// The origins that are let in: `https://app.example.vn`.
pub type Origins = Arc<[String]>;

/// What decides it.
#[derive(Clone)]
pub struct Doors {
    /// Those that the administrator names.
    pub origins: Origins,
    /// Where apps are registered.
    pub store: Store,
}

/// Reads an origin as an administrator writes it.
///
/// # Errors
/// Why it is none.
pub fn origin(text: &str) -> Result<String, String> {
    let text = text.trim().trim_end_matches('/').to_ascii_lowercase();
    if text == "*" {
        return Err("`*`: name each origin; records are not for every page of the world".to_owned());
    }
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b':' | b'[' | b']');
    match host {
        Some(host) if !host.is_empty() && host.bytes().all(plain) => Ok(text),
        _ => Err(format!("`{text}` is no origin; write `https://app.example.vn`, with a port where there is one")),
    }
}

/// Answers `OPTIONS`, and tells browsers whether a page of another origin may read an answer.
pub async fn answer(State(doors): State<Doors>, request: Request, next: Next) -> Response {
    let origin = allowed(&doors, request.headers()).await;
    let asks = request.headers().contains_key(header::ORIGIN);
    let mut response = if request.method() == Method::OPTIONS {
        let mut response = StatusCode::NO_CONTENT.into_response();
        response.headers_mut().insert(header::ALLOW, METHODS);
        if origin.is_some() && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD) {
            let headers = response.headers_mut();
            headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
            headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, SENT);
            headers.insert(header::ACCESS_CONTROL_MAX_AGE, SECONDS);
        }
        response
    } else {
        next.run(request).await
    };
    if response.status() == StatusCode::METHOD_NOT_ALLOWED {
        response.headers_mut().entry(header::ALLOW).or_insert(METHODS);
    }
    if asks || !doors.origins.is_empty() {
        response.headers_mut().append(header::VARY, HeaderValue::from_static("Origin"));
    }
    if let Some(origin) = origin {
        let headers = response.headers_mut();
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, SHOWN);
    }
    response
}

/// The asker's origin, where it is one of those that are let in.
async fn allowed(doors: &Doors, headers: &HeaderMap) -> Option<HeaderValue> {
    let origin = headers.get(header::ORIGIN)?;
    let text = origin.to_str().ok()?.to_owned();
    if doors.origins.iter().any(|o| o.eq_ignore_ascii_case(&text)) {
        return Some(origin.clone());
    }
    let store = doors.store.clone();
    let registered = crate::serve::blocking(move || {
        let mut reader = store.read_one(&crate::state::own_decision()?)?;
        Ok(mach_store::smart::is_origin(&mut reader, &text)?)
    });
    registered.await.unwrap_or(false).then(|| origin.clone())
}

#[cfg(test)]
mod tests {
    use super::origin;

    #[test]
    fn origins_are_named() {
        for (text, expect) in [
            ("https://app.example.vn", Some("https://app.example.vn")),
            ("HTTPS://App.example.vn/", Some("https://app.example.vn")),
            ("http://localhost:3000", Some("http://localhost:3000")),
            ("http://[::1]:3000", Some("http://[::1]:3000")),
            ("*", None),
            ("app.example.vn", None),
            ("https://", None),
            ("https://a.vn/path", None),
            ("ftp://a.vn", None),
            ("null", None),
            ("https://a.vn\r\nx", None),
        ] {
            assert_eq!(origin(text).ok().as_deref(), expect, "{text}");
        }
    }
}
