//! What a handler learns from a request: the language, and where the reader is.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::header::ACCEPT_LANGUAGE;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Uri};

use crate::Lang;
use crate::http::cookie;

/// The path and query the reader asked for, for the language switch, `next` links and the active item.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Here(pub String);

impl<S: Send + Sync> FromRequestParts<S> for Here {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        // `serve` notes it before nested routers cut the path.
        Ok(parts.extensions.get::<Self>().cloned().unwrap_or_else(|| Self::of(&parts.uri)))
    }
}

impl Here {
    pub(crate) fn of(uri: &Uri) -> Self {
        Self(uri.path_and_query().map_or("/", |p| p.as_str()).to_owned())
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Lang {
    type Rejection = Infallible;

    /// `?lang=`, else the cookie `lang`, else `Accept-Language`, else Vietnamese.
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get::<Self>().copied().unwrap_or_else(|| Self::of(&parts.uri, &parts.headers)))
    }
}

impl Lang {
    pub(crate) fn of(uri: &Uri, headers: &HeaderMap) -> Self {
        let cookie = || cookie::get(headers, "lang").and_then(Self::parse);
        Self::asked(uri).or_else(cookie).or_else(|| Self::preferred(headers)).unwrap_or_default()
    }

    /// The language that the query names.
    pub(crate) fn asked(uri: &Uri) -> Option<Self> {
        uri.query()?.split('&').filter_map(|p| p.strip_prefix("lang=")).find_map(Self::parse)
    }

    fn preferred(headers: &HeaderMap) -> Option<Self> {
        let tags = headers.get(ACCEPT_LANGUAGE)?.to_str().ok()?.split(',');
        let weighed = tags.filter_map(|tag| {
            let (name, q) = tag.split_once(";q=").unwrap_or((tag, "1"));
            let lang = Self::parse(name.trim().split('-').next()?)?;
            Some((q.trim().parse::<f32>().ok()?, lang))
        });
        // The first of the heaviest: `max_by` would take the last.
        weighed.reduce(|best, next| if next.0 > best.0 { next } else { best }).map(|(_, lang)| lang)
    }
}

/// Where to go after signing in: `next` if it is a path of this site, else `/`.
pub fn safe_next(next: &str) -> &str {
    // `//host` and `/\host` name other sites; control characters may hide that.
    let local = next.starts_with('/') && !next.starts_with("//") && !next.contains(['\\', '\r', '\n', '\t']);
    if local && !next.chars().any(char::is_control) { next } else { "/" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn language_is_found() {
        for (uri, cookie, accept, lang) in [
            ("/", "", "", Lang::Vi),
            ("/?lang=en", "lang=vi", "vi", Lang::En),
            ("/?lang=xx", "lang=en", "vi", Lang::En),
            ("/?slang=en", "", "", Lang::Vi),
            ("/", "lang=en", "vi", Lang::En),
            ("/", "", "fr, en-GB;q=0.8, vi;q=0.5", Lang::En),
            ("/", "", "en;q=0.5,vi-VN", Lang::Vi),
            ("/", "", "en,vi", Lang::En),
            ("/", "", ";;;", Lang::Vi),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert("cookie", cookie.parse().unwrap());
            headers.insert(ACCEPT_LANGUAGE, accept.parse().unwrap());
            assert_eq!(Lang::of(&uri.parse().unwrap(), &headers), lang, "{uri} {cookie} {accept}");
        }
    }

    #[test]
    fn next_stays_here() {
        for (next, to) in [
            ("/hoc?period=month", "/hoc?period=month"),
            ("//evil.test", "/"),
            ("/\\evil.test", "/"),
            ("https://evil.test", "/"),
            ("/a\r\nSet-Cookie: x", "/"),
            ("", "/"),
        ] {
            assert_eq!(safe_next(next), to, "{next:?}");
        }
    }
}
