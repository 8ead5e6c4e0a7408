//! Requests that change something come from our own pages, or from a program that is no browser.

use axum::http::{HeaderMap, Method, header};

/// Whether the request may change something: it reads only, or the browser says it comes from this origin.
///
/// Browsers send `Sec-Fetch-Site` (Fetch Metadata) or at least `Origin` with every form and script request; programs that
/// send neither carry a key of their own and no cookie. A cookie alone therefore never authorises another site's request.
pub fn is_same_origin(method: &Method, headers: &HeaderMap) -> bool {
    if method.is_safe() {
        return true;
    }
    let text = |name: header::HeaderName| headers.get(name).and_then(|v| v.to_str().ok());
    if let Some(site) = headers.get("sec-fetch-site") {
        return site == "same-origin" || site == "none";
    }
    match text(header::ORIGIN) {
        None => true,
        Some(origin) => origin.split_once("://").is_some_and(|(_, from)| text(header::HOST) == Some(from)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(method: Method, pairs: &[(&'static str, &'static str)], allowed: bool) {
        let headers: HeaderMap =
            pairs.iter().map(|(n, v)| (n.parse::<header::HeaderName>().unwrap(), v.parse().unwrap())).collect();
        assert_eq!(is_same_origin(&method, &headers), allowed, "{method} {pairs:?}");
    }

    #[test]
    fn other_sites_change_nothing() {
        check(Method::GET, &[("sec-fetch-site", "cross-site")], true);
        check(Method::POST, &[("sec-fetch-site", "cross-site")], false);
        check(Method::POST, &[("sec-fetch-site", "same-site")], false);
        check(Method::POST, &[("sec-fetch-site", "same-origin")], true);
        check(Method::POST, &[("sec-fetch-site", "none")], true);
        check(Method::DELETE, &[("origin", "http://evil.test"), ("host", "mach.test")], false);
        check(Method::POST, &[("origin", "null"), ("host", "mach.test")], false);
        check(Method::POST, &[("origin", "http://mach.test:8080"), ("host", "mach.test:8080")], true);
        check(Method::POST, &[("host", "mach.test")], true);
    }
}
