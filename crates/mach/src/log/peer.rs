//! Asking a witness: one request over HTTP/1.1, with TLS where its address says so.

use mach_tls::rustls::pki_types::ServerName;
use mach_tls::rustls::{ClientConnection, StreamOwned};
use std::io::{ErrorKind, Read, Write};
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

/// The parts of an address.
#[derive(Debug, PartialEq, Eq)]
pub struct Parts {
    /// It begins with `https://`.
    tls: bool,
    /// Name, without its port.
    name: String,
    /// Name and port.
    host: String,
    /// Path, without the slash at its end.
    path: String,
}

/// Takes an `http://` or `https://` address apart.
pub fn parts(url: &str) -> Result<Parts, String> {
    let secure = url.strip_prefix("https://");
    let rest = secure.or_else(|| url.strip_prefix("http://"));
    let rest = rest.ok_or_else(|| format!("`{url}` does not begin with https:// or http://"))?;
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    if host.is_empty() || host.contains(|c: char| c.is_whitespace() || c == '@') {
        return Err(format!("`{url}` names no host"));
    }
    let (name, port) = match host.rsplit_once(':').filter(|(_, port)| port.parse::<u16>().is_ok()) {
        Some((name, port)) => (name, port),
        None => (host, if secure.is_some() { "443" } else { "80" }),
    };
    let path = path.trim_end_matches('/');
    let path = if path.is_empty() { String::new() } else { format!("/{path}") };
    let plain = name.trim_start_matches('[').trim_end_matches(']').to_owned();
    Ok(Parts { tls: secure.is_some(), name: plain, host: format!("{name}:{port}"), path })
}

/// Posts `body` to `url` and `path`.
pub fn post(url: &str, path: &str, body: &str) -> Result<Answer, String> {
    let Parts { tls, name, host, path: prefix } = parts(url)?;
    let failed = |e: std::io::Error| format!("`{url}`: {e}");
    let address = host.to_socket_addrs().map_err(failed)?.next().ok_or_else(|| format!("`{url}` has no address"))?;
    let stream = TcpStream::connect_timeout(&address, PATIENCE).map_err(failed)?;
    stream.set_read_timeout(Some(PATIENCE)).and_then(|()| stream.set_write_timeout(Some(PATIENCE))).map_err(failed)?;
    let head = format!(
        "POST {prefix}{path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: text/plain; charset=utf-8\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    let asked = [head.as_bytes(), body.as_bytes()].concat();
    let answer = if tls {
        let name = ServerName::try_from(name).map_err(|_| format!("`{url}`: its name is none for TLS"))?;
        let session = ClientConnection::new(mach_tls::machine()?, name).map_err(|e| format!("`{url}`: {e}"))?;
        exchange(StreamOwned::new(session, stream), &asked)
    } else {
        exchange(stream, &asked)
    };
    parse(&answer.map_err(failed)?).ok_or_else(|| format!("`{url}` did not answer in HTTP"))
}

fn exchange(mut stream: impl Read + Write, asked: &[u8]) -> std::io::Result<Vec<u8>> {
    stream.write_all(asked)?;
    stream.flush()?;
    let mut answer = Vec::new();
    match stream.take(ANSWER_BYTES).read_to_end(&mut answer) {
        // Some end a TLS connection without saying so; whether the answer is whole is seen by its length.
        Err(e) if e.kind() != ErrorKind::UnexpectedEof || answer.is_empty() => Err(e),
        _ => Ok(answer),
    }
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
        let parts = |url: &str| super::parts(url).ok().map(|p| (p.tls, p.name, p.host, p.path));
        let four = |tls, a: &str, b: &str, c: &str| Some((tls, a.to_owned(), b.to_owned(), c.to_owned()));
        assert_eq!(parts("http://w.example"), four(false, "w.example", "w.example:80", ""));
        assert_eq!(parts("http://127.0.0.1:9/witness/"), four(false, "127.0.0.1", "127.0.0.1:9", "/witness"));
        assert_eq!(parts("https://w.example/a/b"), four(true, "w.example", "w.example:443", "/a/b"));
        assert_eq!(parts("https://[::1]:9"), four(true, "::1", "[::1]:9", ""));
        for none in ["ftp://w", "http:///x", "http://a b/", "http://u@w/"] {
            assert_eq!(parts(none), None, "{none}");
        }
    }
}
