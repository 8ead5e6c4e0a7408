//! Cookies: read one, set one, end one.

use axum::http::{HeaderMap, HeaderValue, header};

/// The value of the cookie `name`.
pub fn get<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|v| v.to_str().ok());
    lines.flat_map(|l| l.split(';')).filter_map(|c| c.trim().split_once('=')).find(|(n, _)| *n == name).map(|(_, v)| v)
}

/// How long a cookie lives and where it travels.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Seconds it lives; until the browser closes where absent; `Some(0)` ends it.
    pub max_age_seconds: Option<i64>,
    /// Whether it travels over TLS only. False on a loopback address without TLS.
    pub secure: bool,
}

/// A `Set-Cookie` value: out of reach of script, not sent from other sites' forms, for the whole site.
///
/// # Panics
/// Where `name` or `value` holds a character that no cookie may: both are ours (letters, digits, `-`, `_`, `.`).
pub fn set(name: &str, value: &str, options: Options) -> HeaderValue {
    let age = options.max_age_seconds.map(|s| format!("; Max-Age={s}")).unwrap_or_default();
    let secure = if options.secure { "; Secure" } else { "" };
    HeaderValue::try_from(format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax{age}{secure}"))
        .expect("cookie names and values are made of letters, digits and a few signs")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_sets() {
        let mut headers = HeaderMap::new();
        headers.append(header::COOKIE, HeaderValue::from_static("a=1; session=x=y;lang=en"));
        headers.append(header::COOKIE, HeaderValue::from_static("b=2"));
        for (name, value) in
            [("a", Some("1")), ("session", Some("x=y")), ("lang", Some("en")), ("b", Some("2")), ("c", None)]
        {
            assert_eq!(get(&headers, name), value, "{name}");
        }
        let ended = set("s", "", Options { max_age_seconds: Some(0), secure: true });
        assert_eq!(ended, "s=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0; Secure");
    }
}
