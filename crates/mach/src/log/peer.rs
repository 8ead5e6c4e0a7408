//! Asking a witness: one request over plain HTTP/1.1. A witness behind TLS is reached through a proxy on this machine.

use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

/// How long a witness may take to be reached, and between two pieces of its answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// Bytes of an answer.
const ANSWER_BYTES: u64 = 64 << 10;

/// What was answered.
#[derive(Debug, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Body.
    pub body: String,
}

/// Host with port, and path, of an `http://` address.
pub fn parts(url: &str) -> Result<(String, String), String> {
    let rest = url.strip_prefix("http://").ok_or_else(|| format!("`{url}` does not begin with http://"))?;
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    if host.is_empty() || host.contains(|c: char| c.is_whitespace() || c == '@') {
        return Err(format!("`{url}` names no host"));
    }
    let port = if host.rsplit(':').next().is_some_and(|p| p.parse::<u16>().is_ok()) { "" } else { ":80" };
    let path = path.trim_end_matches('/');
    Ok((format!("{host}{port}"), if path.is_empty() { String::new() } else { format!("/{path}") }))
}

/// Posts `body` to `url` and `path`.
pub fn post(url: &str, path: &str, body: &str) -> Result<Answer, String> {
    let (host, prefix) = parts(url)?;
    let failed = |e: std::io::Error| format!("`{url}`: {e}");
    let address = host.to_socket_addrs().map_err(failed)?.next().ok_or_else(|| format!("`{url}` has no address"))?;
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE).map_err(failed)?;
    stream.set_read_timeout(Some(PATIENCE)).and_then(|()| stream.set_write_timeout(Some(PATIENCE))).map_err(failed)?;
    let head = format!(
        "POST {prefix}{path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: text/plain; charset=utf-8\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body.as_bytes())).map_err(failed)?;
    let mut answer = Vec::new();
    stream.take(ANSWER_BYTES).read_to_end(&mut answer).map_err(failed)?;
    parse(&answer).ok_or_else(|| format!("`{url}` did not answer in HTTP"))
}

/// An answer that ends with its connection, or has a length.
fn parse(bytes: &[u8]) -> Option<Answer> {
    let text = std::str::from_utf8(bytes).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    let mut lines = head.split("\r\n");
    let status = lines.next()?.strip_prefix("HTTP/1.")?.get(2..5)?.parse().ok()?;
    let header = |name: &str| {
        let mut of = lines.clone().filter_map(|l| l.split_once(':')).filter(|(n, _)| n.eq_ignore_ascii_case(name));
        of.next().map(|(_, value)| value.trim())
    };
    if header("transfer-encoding").is_some() {
        return Some(Answer { status, body: unchunk(body)? });
    }
    let body = match header("content-length") {
        Some(length) => body.get(..length.parse().ok()?)?,
        None => body,
    };
    Some(Answer { status, body: body.to_owned() })
}

fn unchunk(mut rest: &str) -> Option<String> {
    let mut out = String::new();
    loop {
        let (length, after) = rest.split_once("\r\n")?;
        let length = usize::from_str_radix(length.split(';').next()?.trim(), 16).ok()?;
        if length == 0 {
            return Some(out);
        }
        out.push_str(after.get(..length)?);
        rest = after.get(length..)?.strip_prefix("\r\n")?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_whichever_way_they_end() {
        let answer = |status, body: &str| Some(Answer { status, body: body.to_owned() });
        let cases = [
            ("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcd", answer(200, "abc")),
            ("HTTP/1.0 409 Conflict\r\n\r\n12\n", answer(409, "12\n")),
            (
                "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n",
                answer(200, "abcde"),
            ),
            ("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", None),
            ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nffffffffffffffff\r\nabc", None),
            ("HTTP/1.1 \r\n\r\n", None),
            ("", None),
            ("SSH-2.0-x\r\n\r\n", None),
        ];
        for (text, expected) in cases {
            assert_eq!(parse(text.as_bytes()), expected, "{text}");
        }
    }

    #[test]
    fn addresses_are_taken_apart() {
        let parts = |url: &str| super::parts(url).ok();
        let pair = |a: &str, b: &str| Some((a.to_owned(), b.to_owned()));
        assert_eq!(parts("http://w.example"), pair("w.example:80", ""));
        assert_eq!(parts("http://127.0.0.1:9/witness/"), pair("127.0.0.1:9", "/witness"));
        assert_eq!(
            (parts("https://w"), parts("http:///x"), parts("http://a b/"), parts("http://u@w/")),
            (None, None, None, None)
        );
    }
}
