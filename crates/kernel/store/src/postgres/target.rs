//! Where a PostgreSQL database is: `postgres://user:password@host:port/database`.

use crate::{Error, Result};
use std::path::PathBuf;

/// Where to connect to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    pub(super) host: Host,
    pub(super) port: u16,
    pub(super) user: String,
    pub(super) password: Option<String>,
    pub(super) database: String,
}

/// A host on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Host {
    /// The folder of a Unix socket.
    Folder(PathBuf),
    /// A loopback name or address.
    Name(String),
}

/// Where Debian and Fedora keep the socket.
const SOCKETS: &str = "/var/run/postgresql";

impl Target {
    /// Reads a URL. The host may be empty (the usual socket folder), a loopback name, or a folder (`?host=/folder`, or
    /// percent-encoded in its place).
    ///
    /// # Errors
    /// `Error::Address` where it is no such URL, names another machine (this version does not speak TLS to the server: the
    /// passwords and records would travel in clear), or has an unknown option.
    pub(crate) fn parse(url: &str) -> Result<Self> {
        let refuse = |why: &str| Error::Address(why.to_owned());
        let rest = ["postgres://", "postgresql://"].iter().find_map(|scheme| url.strip_prefix(scheme));
        let rest = rest.ok_or_else(|| refuse("it must begin with postgres://"))?;
        let (rest, options) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, database) = rest.split_once('/').unwrap_or((rest, ""));
        let (account, place) = authority.rsplit_once('@').unwrap_or(("", authority));
        let (user, password) = match account.split_once(':') {
            Some((user, password)) => (decoded(user)?, Some(decoded(password)?)),
            None => (decoded(account)?, None),
        };
        let (mut host, mut port) = split_port(place)?;
        for option in options.split('&').filter(|o| !o.is_empty()) {
            match option.split_once('=') {
                Some(("host", value)) => host = decoded(value)?,
                Some(("port", value)) => port = value.parse().map_err(|_| refuse("the port is no number"))?,
                Some(("sslmode", "disable" | "prefer" | "allow")) => {}
                _ => return Err(Error::Address(format!("the option `{option}` is not known"))),
            }
        }
        let user = if user.is_empty() { std::env::var("USER").unwrap_or_else(|_| "postgres".to_owned()) } else { user };
        let database = if database.is_empty() { user.clone() } else { decoded(database)? };
        Ok(Self { host: local(host)?, port, user, password, database })
    }

    /// As messages name it: without the password.
    pub(crate) fn shown(&self) -> String {
        let Self { host, port, user, database, .. } = self;
        match host {
            Host::Folder(folder) => format!("postgres://{user}@/{database}?host={}&port={port}", folder.display()),
            Host::Name(name) => format!("postgres://{user}@{name}:{port}/{database}"),
        }
    }
}

/// `host`, `host:port`, `[::1]:port`.
fn split_port(place: &str) -> Result<(String, u16)> {
    let bracket = place.rfind(']').unwrap_or(0);
    let (host, port) = match place[bracket..].rfind(':') {
        Some(at) => (&place[..bracket + at], Some(&place[bracket + at + 1..])),
        None => (place, None),
    };
    let port = match port {
        None | Some("") => 5432,
        Some(port) => port.parse().map_err(|_| Error::Address("the port is no number".to_owned()))?,
    };
    Ok((decoded(host.trim_start_matches('[').trim_end_matches(']'))?, port))
}

fn local(host: String) -> Result<Host> {
    if host.is_empty() {
        return Ok(Host::Folder(SOCKETS.into()));
    }
    if host.starts_with('/') {
        return Ok(Host::Folder(host.into()));
    }
    let loopback = host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
    if !loopback {
        return Err(Error::Address(format!(
            "`{host}` is another machine, and this version does not speak TLS to the database; use a server on this \
             machine, or a tunnel that ends on it"
        )));
    }
    Ok(Host::Name(host))
}

fn decoded(text: &str) -> Result<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != b'%' {
            out.push(byte);
            continue;
        }
        let digits = rest.get(..2).and_then(|d| std::str::from_utf8(d).ok());
        let value = digits.and_then(|d| u8::from_str_radix(d, 16).ok());
        out.push(value.ok_or_else(|| Error::Address("a `%` is not followed by two hexadecimal digits".to_owned()))?);
        rest = &rest[2..];
    }
    String::from_utf8(out).map_err(|_| Error::Address("it is not UTF-8".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::Target;

    #[test]
    fn urls_are_read() {
        // What is shown names everything but the password.
        let good = [
            ("postgres://mach@localhost/mach", "postgres://mach@localhost:5432/mach"),
            ("postgresql://m:p%40ss@127.0.0.1:5433/a", "postgres://m@127.0.0.1:5433/a"),
            ("postgres://m@[::1]:6000/a", "postgres://m@::1:6000/a"),
            ("postgres://m@/a", "postgres://m@/a?host=/var/run/postgresql&port=5432"),
            ("postgres://m@/a?host=/tmp/x&port=7", "postgres://m@/a?host=/tmp/x&port=7"),
            ("postgres://m@%2Ftmp%2Fx:7/a", "postgres://m@/a?host=/tmp/x&port=7"),
            ("postgres://m@localhost", "postgres://m@localhost:5432/m"),
        ];
        for (url, shown) in good {
            assert_eq!(Target::parse(url).unwrap().shown(), shown, "{url}");
        }
        assert_eq!(Target::parse("postgres://m:p%40ss@localhost/a").unwrap().password.as_deref(), Some("p@ss"));
    }

    #[test]
    fn what_is_no_url_of_this_machine_is_refused() {
        for (url, why) in [
            ("mysql://a", "must begin"),
            ("postgres://m@db.example/a", "does not speak TLS"),
            ("postgres://m@10.0.0.7/a", "does not speak TLS"),
            ("postgres://m@localhost:x/a", "port"),
            ("postgres://m@localhost/a?sslmode=require", "sslmode=require"),
            ("postgres://m%4@localhost/a", "hexadecimal"),
        ] {
            let said = Target::parse(url).unwrap_err().to_string();
            assert!(said.contains(why), "{url}: {said}");
        }
    }
}
