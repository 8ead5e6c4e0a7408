//! By which address others know this program. Where it was not told, the sender of a request does not decide it: what is proven, led
//! back to or published here would otherwise be good for whatever server the sender names (RFC 7523 §3, `aud`).

use crate::House;
use axum::http::{HeaderMap, header};
use std::net::IpAddr;

/// What a program listens at that was not told where.
const UNTOLD: &str = "http://localhost";

impl House {
    /// Says where it listens: `http://127.0.0.1:8080`. It is told once.
    pub fn listens_at(&self, address: &str) {
        self.inner.listening.get_or_init(|| address.trim_end_matches('/').to_owned());
    }

    /// The address by which others know this program, without a last `/`: the configured one; without it the one that was asked,
    /// where that is a name of this very machine, or else where it listens.
    pub fn address(&self, headers: &HeaderMap) -> String {
        if let Some(public) = self.public() {
            return public.trim_end_matches('/').to_owned();
        }
        let text = |name: header::HeaderName| headers.get(name).and_then(|v| v.to_str().ok());
        match text(header::HOST).filter(|host| is_loopback(host)) {
            Some(host) => {
                let forwarded = headers.get("x-forwarded-proto").is_some_and(|v| v == "https");
                let scheme = if self.secure() || forwarded { "https" } else { "http" };
                format!("{scheme}://{}", host.to_ascii_lowercase())
            }
            None => self.inner.listening.get().map_or(UNTOLD, String::as_str).to_owned(),
        }
    }
}

/// Whether a `Host` header names this very machine: `localhost`, `127.0.0.1` or `[::1]`, at any port.
fn is_loopback(host: &str) -> bool {
    let (name, port) = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((name, rest)) => match (name.parse::<IpAddr>(), rest.strip_prefix(':')) {
            (Ok(IpAddr::V6(ip)), port) if ip.is_loopback() && (port.is_some() || rest.is_empty()) => ("::1", port),
            _ => return false,
        },
        None => host.split_once(':').map_or((host, None), |(name, port)| (name, Some(port))),
    };
    let numbered = port.is_none_or(|port| port.parse::<u16>().is_ok() && port.bytes().all(|b| b.is_ascii_digit()));
    numbered && (name.eq_ignore_ascii_case("localhost") || matches!(name, "127.0.0.1" | "::1"))
}

#[cfg(test)]
mod tests {
    use super::is_loopback;

    #[test]
    fn only_names_of_this_machine_are_followed() {
        for host in ["localhost", "LocalHost:8080", "127.0.0.1", "127.0.0.1:1", "[::1]", "[::1]:65535"] {
            assert!(is_loopback(host), "{host}");
        }
        for host in [
            "",
            "evil.vn",
            "localhost.evil.vn",
            "localhost:",
            "localhost:+80",
            "localhost:65536",
            "localhost:80@evil.vn",
            "localhost/x",
            "127.0.0.1.evil.vn",
            "127.0.0.2",
            "::1",
            "[::1",
            "[::1]x",
            "[::1]:",
            "[::2]",
            "[127.0.0.1]",
            "evil.vn:80",
        ] {
            assert!(!is_loopback(host), "{host}");
        }
    }
}
