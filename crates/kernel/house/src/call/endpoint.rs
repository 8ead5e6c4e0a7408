//! Addresses of receivers: which may be called. A subscription makes this server call an address that somebody else chose
//! (server-side request forgery), so none is called that an administrator has not listed, and a name that leads into a
//! private network is not followed unless the listing says so.

use axum::http::Uri;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Longest address.
const LENGTH: usize = 2_048;

/// An address, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// With TLS.
    pub tls: bool,
    /// Name or number, in lower case, without brackets.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Path and query; begins with `/`.
    pub path: String,
}

impl Endpoint {
    /// Reads an address.
    ///
    /// # Errors
    /// Why it cannot be called, for its author.
    pub fn parse(url: &str) -> Result<Self, String> {
        let wrong = |why: &str| Err(format!("`{url}` cannot be called: {why}"));
        if url.len() > LENGTH
            || !url.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'\\' | b'"' | b'<' | b'>' | b'#'))
        {
            return wrong("it has signs that must be written as %XX, or is too long");
        }
        let Ok(uri) = url.parse::<Uri>() else { return wrong("it is no URL") };
        let tls = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return wrong("write https://…"),
        };
        let Some(authority) = uri.authority() else { return wrong("it names no host") };
        if authority.as_str().contains('@') {
            return wrong("a user or password does not belong into it; use `channel.header`");
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
        if host.is_empty() || authority.as_str().ends_with(':') {
            return wrong("it names no host");
        }
        let path = uri.path();
        let stepping = |s: &str| matches!(s.to_ascii_lowercase().replace("%2e", ".").as_str(), "." | "..");
        if path.split('/').any(stepping) || path.to_ascii_lowercase().contains("%2f") {
            return wrong("its path has `.`, `..` or an encoded `/`");
        }
        let query = uri.query().map_or(String::new(), |q| format!("?{q}"));
        let path = if path.is_empty() { "/" } else { path };
        let port = authority.port_u16().unwrap_or(if tls { 443 } else { 80 });
        Ok(Self { tls, host, port, path: format!("{path}{query}") })
    }

    /// The address of something below this one.
    pub fn below(&self, rest: &str) -> Self {
        let (path, query) = self.path.split_once('?').map_or((self.path.as_str(), None), |(p, q)| (p, Some(q)));
        let mut path = format!("{}/{rest}", path.trim_end_matches('/'));
        if let Some(query) = query {
            path.push_str(&format!("?{query}"));
        }
        Self { path, ..self.clone() }
    }

    /// `host:port` as the `Host` header says it.
    pub fn authority(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        let usual = if self.tls { 443 } else { 80 };
        if self.port == usual { host } else { format!("{host}:{}", self.port) }
    }

    /// Whether it begins as `prefix` does, at the end of a part of the path.
    fn is_below(&self, prefix: &Self) -> bool {
        let same = self.tls == prefix.tls && self.host == prefix.host && self.port == prefix.port;
        same && self.path.strip_prefix(&prefix.path).is_some_and(|rest| {
            rest.is_empty() || prefix.path.ends_with('/') || rest.starts_with('/') || rest.starts_with('?')
        })
    }

    /// Whether it is written as a number, or as this very machine: who writes it knows where it leads.
    pub fn is_number(&self) -> bool {
        self.host.parse::<IpAddr>().is_ok() || self.host == "localhost"
    }
}

/// Reads a begin of addresses that an administrator allows; gives it in its one form.
///
/// # Errors
/// Why it is none.
pub fn check_prefix(prefix: &str) -> Result<String, String> {
    let read = Endpoint::parse(prefix)?;
    if read.path.contains('?') {
        return Err(format!("`{prefix}`: a begin of addresses has no `?`"));
    }
    Ok(format!("{}://{}{}", if read.tls { "https" } else { "http" }, read.authority(), read.path))
}

/// How an address may be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Allowed {
    /// Not.
    No,
    /// Where its name leads to public addresses.
    Public,
    /// Wherever it leads.
    Anywhere,
}

/// Whether the listed begins (prefix, also private networks) let `endpoint` be called.
pub fn allowed(endpoint: &Endpoint, prefixes: &[(String, bool)], loopback: bool) -> Allowed {
    let here = endpoint.host == "localhost" || endpoint.host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
    if loopback && here {
        return Allowed::Anywhere;
    }
    let mut found = Allowed::No;
    for (prefix, private) in prefixes {
        let Ok(read) = Endpoint::parse(prefix) else { continue };
        if endpoint.is_below(&read) {
            // An administrator who writes a number knows where it leads.
            if *private || read.is_number() {
                return Allowed::Anywhere;
            }
            found = Allowed::Public;
        }
    }
    found
}

/// The addresses of a receiver that may be connected to.
///
/// # Errors
/// Why there are none.
pub fn reachable(found: impl Iterator<Item = SocketAddr>, allowed: Allowed) -> Result<Vec<SocketAddr>, String> {
    let all: Vec<SocketAddr> = found.collect();
    if all.is_empty() {
        return Err("the receiver's name leads nowhere".to_owned());
    }
    let all: Vec<SocketAddr> = all.into_iter().filter(|a| !is_never(a.ip())).collect();
    if all.is_empty() {
        return Err("the receiver's name leads to an address of the line itself, which is never called".to_owned());
    }
    let usable: Vec<SocketAddr> =
        all.into_iter().filter(|a| allowed == Allowed::Anywhere || is_public(a.ip())).take(4).collect();
    if usable.is_empty() {
        return Err("the receiver's name leads into a private network, which is not allowed for it".to_owned());
    }
    Ok(usable)
}

/// Where clouds tell a machine its own secrets, beside the link-local address that most of them use.
const METADATA: [Ipv4Addr; 3] =
    [Ipv4Addr::new(100, 100, 100, 200), Ipv4Addr::new(168, 63, 129, 16), Ipv4Addr::new(192, 0, 0, 192)];
const METADATA_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);

/// Whether an address is called for nobody, whoever allowed it: it is link-local, or tells a machine in a cloud its own secrets.
pub fn is_never(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_link_local() || METADATA.contains(&ip),
        IpAddr::V6(ip) => match (inner(ip), ip.segments()) {
            (Some(v4), _) => is_never(IpAddr::V4(v4)),
            (None, [first, ..]) => first & 0xffc0 == 0xfe80 || ip == METADATA_V6,
        },
    }
}

/// The address of version 4 that one of version 6 leads to: mapped, NAT64, 6to4.
fn inner(ip: Ipv6Addr) -> Option<Ipv4Addr> {
    let joined = |high: u16, low: u16| Ipv4Addr::from(u32::from(high) << 16 | u32::from(low));
    match ip.segments() {
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => Some(joined(high, low)),
        _ => ip.to_ipv4_mapped(),
    }
}

/// Whether an address belongs to the public Internet (IANA special-purpose registries).
pub fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => public_v4(ip),
        IpAddr::V6(ip) => public_v6(ip),
    }
}

fn public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    let special = ip.is_loopback()
        || ip.is_private()
        || ip.is_link_local()
        || ip.is_multicast()
        || ip.is_broadcast()
        || ip.is_documentation()
        || a == 0
        || a >= 240
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 192 && b == 88 && c == 99)
        || (a == 198 && (18..20).contains(&b));
    !special
}

fn public_v6(ip: Ipv6Addr) -> bool {
    if let Some(v4) = inner(ip) {
        return public_v4(v4);
    }
    match ip.segments() {
        [0x2001, 0xdb8, ..] | [0x2001, 0, ..] => false,
        // Global unicast is 2000::/3; all else is local, mapped, multicast or not given out.
        [first, ..] => (0x2000..0x4000).contains(&first),
    }
}

/// Reads one `channel.header`: its name and its value.
///
/// # Errors
/// Why it cannot be sent.
pub fn header(line: &str) -> Result<(&str, &str), String> {
    let Some((name, value)) = line.split_once(':') else {
        return Err("a header is `Name: value`".to_owned());
    };
    let value = value.trim_matches([' ', '\t']);
    let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    if name.is_empty() || !name.bytes().all(token) {
        return Err("the name of a header has signs that may not stand in it".to_owned());
    }
    if value.is_empty() || !value.bytes().all(|b| (0x20..0x7f).contains(&b) || b == b'\t') {
        return Err(format!("the value of the header `{name}` is empty or has signs that may not stand in it"));
    }
    if line.len() > mach_base::limits::SUBSCRIPTION_HEADER_BYTES {
        return Err(format!(
            "the header `{name}` is longer than {} bytes",
            mach_base::limits::SUBSCRIPTION_HEADER_BYTES
        ));
    }
    let lower = name.to_ascii_lowercase();
    let ours =
        ["host", "content-length", "content-type", "transfer-encoding", "connection", "upgrade", "te", "trailer"];
    if ours.contains(&lower.as_str())
        || ["expect", "keep-alive"].contains(&lower.as_str())
        || lower.starts_with("proxy-")
    {
        return Err(format!("the header `{name}` is this server's own to set"));
    }
    Ok((name, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_only_look_allowed_are_not() {
        let list = [
            ("https://his.example.vn/fhir".to_owned(), false),
            ("http://10.0.0.5:8080/".to_owned(), false),
            ("https://lan.example.vn/".to_owned(), true),
        ];
        let check = |url: &str, expect: Allowed| {
            let got = Endpoint::parse(url).map_or(Allowed::No, |e| allowed(&e, &list, false));
            assert_eq!(got, expect, "{url}");
        };
        check("https://his.example.vn/fhir", Allowed::Public);
        check("https://HIS.example.vn:443/fhir/hook?x=1", Allowed::Public);
        check("https://his.example.vn/fhir?x", Allowed::Public);
        check("http://10.0.0.5:8080/x", Allowed::Anywhere);
        check("https://lan.example.vn/x", Allowed::Anywhere);
        for url in [
            "https://his.example.vn/fhirx",
            "https://his.example.vn/",
            "http://his.example.vn/fhir",
            "https://his.example.vn:8443/fhir",
            "https://his.example.vn.evil.vn/fhir",
            "https://his.example.vn@evil.vn/fhir",
            "https://user:pw@his.example.vn/fhir",
            "https://his.example.vn/fhir/../admin",
            "https://his.example.vn/fhir/%2e%2E/admin",
            "https://his.example.vn/fhir/..%2fadmin",
            "https://his.example.vn\\@evil.vn/fhir",
            "https://his.example.vn/fhir#x",
            "https://his.example.vn/fhir\r\nX: y",
            "file:///etc/passwd",
            "gopher://his.example.vn/fhir",
            "http://127.0.0.1/",
            "http://localhost/",
            "//his.example.vn/fhir",
            "",
        ] {
            check(url, Allowed::No);
        }
        let here = Endpoint::parse("http://[::1]:9/x").unwrap();
        assert_eq!((allowed(&here, &[], true), allowed(&here, &[], false)), (Allowed::Anywhere, Allowed::No));
    }

    #[test]
    fn private_networks_are_not_public() {
        for ip in
            "127.0.0.1 10.1.2.3 172.16.0.1 172.31.255.255 192.168.1.1 169.254.169.254 100.64.0.1 0.0.0.0 224.0.0.1 \
                   255.255.255.255 198.18.0.1 ::1 :: fe80::1 fc00::1 fd12::1 ff02::1 ::ffff:127.0.0.1 ::ffff:10.0.0.1 \
                   64:ff9b::a00:1 2002:7f00:1:: 2001:db8::1 ::127.0.0.1"
                .split_whitespace()
        {
            assert!(!is_public(ip.parse().unwrap()), "{ip}");
        }
        for ip in "8.8.8.8 172.32.0.1 100.128.0.1 2606:4700::1111 64:ff9b::808:808".split_whitespace() {
            assert!(is_public(ip.parse().unwrap()), "{ip}");
        }
    }

    #[test]
    fn what_tells_a_machine_its_secrets_is_called_for_nobody() {
        let found = |ips: &[&str]| {
            let found: Vec<SocketAddr> = ips.iter().map(|ip| SocketAddr::new(ip.parse().unwrap(), 80)).collect();
            [Allowed::Public, Allowed::Anywhere].map(|allowed| {
                let usable = reachable(found.clone().into_iter(), allowed).unwrap_or_default();
                usable.iter().map(|a| a.ip().to_string()).collect::<Vec<_>>().join(" ")
            })
        };
        for ip in "169.254.0.0 169.254.169.254 169.254.255.255 100.100.100.200 168.63.129.16 192.0.0.192 fe80::1 \
                   febf::1 fd00:ec2::254 ::ffff:169.254.169.254 64:ff9b::a9fe:a9fe 2002:a9fe:a9fe::"
            .split_whitespace()
        {
            assert!(is_never(ip.parse().unwrap()), "{ip}");
            assert_eq!(found(&[ip]), ["", ""], "{ip}");
        }
        for ip in
            "169.253.255.255 169.255.0.0 100.100.100.201 fec0::1 fd00:ec2::253 127.0.0.1 10.0.0.1".split_whitespace()
        {
            assert!(!is_never(ip.parse().unwrap()), "{ip}");
        }
        assert_eq!(found(&["169.254.169.254", "10.0.0.1", "8.8.8.8"]), ["8.8.8.8", "10.0.0.1 8.8.8.8"]);
    }

    #[test]
    fn headers_carry_no_second_header() {
        assert_eq!(header("Authorization:  Bearer x y").unwrap(), ("Authorization", "Bearer x y"));
        let long = format!("X: {}", "a".repeat(mach_base::limits::SUBSCRIPTION_HEADER_BYTES - 3));
        assert!(header(&long).is_ok() && header(&format!("{long}a")).is_err());
        for bad in [
            "no colon",
            ": x",
            "X:",
            "X: ",
            "X y: z",
            "X: a\r\nHost: b",
            "X: a\nb",
            "X\n: a",
            "X: đ",
            "X: \u{1}",
            "Host: x",
            "content-length: 0",
            "Transfer-Encoding: chunked",
            "Proxy-Authorization: x",
            "Content-Type: text/html",
        ] {
            assert!(header(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn what_lies_below_keeps_the_query() {
        let base = Endpoint::parse("https://h/a?k=1").unwrap();
        assert_eq!(base.below("Patient/1").path, "/a/Patient/1?k=1");
        assert!(check_prefix("https://h.vn/?x").is_err());
        assert_eq!(check_prefix("https://H.vn:443").unwrap(), "https://h.vn/");
    }
}
