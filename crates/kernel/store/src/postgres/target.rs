//! Where a PostgreSQL database is: `postgres://user:password@host:port/database`.

use crate::{Error, Result};
use mach_base::limits;
use mach_tls::Check;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Where to connect to.
#[derive(Debug)]
pub(crate) struct Target {
    pub(super) host: Host,
    pub(super) port: u16,
    pub(super) user: String,
    pub(super) password: Option<String>,
    pub(super) database: String,
    /// TLS; none on this machine, unless it was asked for.
    pub(super) tls: Option<Tls>,
    /// Whether its rows are locked a second time.
    pub(super) locked: AtomicBool,
    /// How long it may take to be reached and to let us in, and to answer a small question.
    pub(super) patience: Duration,
    /// How long it may be silent to a statement of a reader or the writer.
    pub(super) silence: Duration,
    /// The same where tables are made or written anew.
    pub(super) labour: Duration,
}

/// How a connection is encrypted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tls {
    /// How far the server's certificate is looked at.
    pub(super) check: Check,
    /// Authorities; this machine's where none is given.
    pub(super) root: Option<PathBuf>,
    /// Certificate and key that we show.
    pub(super) own: Option<(PathBuf, PathBuf)>,
}

/// A host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Host {
    /// The folder of a Unix socket.
    Folder(PathBuf),
    /// A name or address.
    Name(String),
}

/// How long a server that answers at all takes at most for what is done in a moment.
const PATIENCE: Duration = Duration::from_secs(10);
/// Where Debian and Fedora keep the socket.
const SOCKETS: &str = "/var/run/postgresql";

impl Target {
    /// Whether its rows are locked a second time.
    pub(super) fn is_locked(&self) -> bool {
        self.locked.load(Ordering::Relaxed)
    }

    /// Reads a URL. The host may be empty (the usual socket folder), a name, or a folder (`?host=/folder`, or
    /// percent-encoded in its place). `sslmode`, `sslrootcert`, `sslcert` and `sslkey` are libpq's, but for what they are
    /// where they are not given: another machine is reached by `verify-full` only, this one without TLS.
    ///
    /// # Errors
    /// `Error::Address` where it is no such URL, would send passwords and records to another machine in clear, or has an
    /// unknown option.
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
        let (mut mode, mut root, mut cert, mut key) = (None, None, None, None);
        for option in options.split('&').filter(|o| !o.is_empty()) {
            match option.split_once('=') {
                Some(("host", value)) => host = decoded(value)?,
                Some(("port", value)) => port = value.parse().map_err(|_| refuse("the port is no number"))?,
                Some(("sslmode", value)) => mode = Some(decoded(value)?),
                Some(("sslrootcert", value)) => {
                    root = Some(decoded(value)?).filter(|v| v != "system").map(PathBuf::from)
                }
                Some(("sslcert", value)) => cert = Some(PathBuf::from(decoded(value)?)),
                Some(("sslkey", value)) => key = Some(PathBuf::from(decoded(value)?)),
                _ => return Err(Error::Address(format!("the option `{option}` is not known"))),
            }
        }
        let user = if user.is_empty() { std::env::var("USER").unwrap_or_else(|_| "postgres".to_owned()) } else { user };
        let database = if database.is_empty() { user.clone() } else { decoded(database)? };
        let own = match (cert, key) {
            (None, None) => None,
            (Some(cert), Some(key)) => Some((cert, key)),
            _ => return Err(refuse("`sslcert` and `sslkey` belong together")),
        };
        let host = place_of(host);
        let tls = check(mode.as_deref(), root.is_some(), &host)?.map(|check| Tls { check, root, own });
        let [silence, labour] =
            [limits::POSTGRES_SILENCE_SECONDS, limits::POSTGRES_LABOUR_SECONDS].map(Duration::from_secs);
        let (locked, patience) = (AtomicBool::new(false), PATIENCE);
        Ok(Self { host, port, user, password, database, tls, locked, patience, silence, labour })
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

fn place_of(host: String) -> Host {
    match host.as_str() {
        "" => Host::Folder(SOCKETS.into()),
        folder if folder.starts_with('/') => Host::Folder(folder.into()),
        _ => Host::Name(host),
    }
}

/// What `sslmode` asks for; `rooted`: authorities are named.
fn check(mode: Option<&str>, rooted: bool, host: &Host) -> Result<Option<Check>> {
    let here = match host {
        Host::Folder(_) => true,
        Host::Name(name) => name == "localhost" || name.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback()),
    };
    let asked = match mode {
        None if here => None,
        None | Some("verify-full") => Some(Check::Name),
        Some("verify-ca") => Some(Check::Authority),
        Some("require") => Some(if rooted { Check::Authority } else { Check::Nothing }),
        Some("disable" | "prefer" | "allow") => None,
        Some(other) => return Err(Error::Address(format!("sslmode `{other}` is not known"))),
    };
    match (asked, host) {
        (Some(_), Host::Folder(_)) => {
            Err(Error::Address("a Unix socket has no TLS: nothing leaves this machine; leave `sslmode` out".to_owned()))
        }
        (None, Host::Name(name)) if !here => Err(Error::Address(format!(
            "`{name}` is another machine: passwords and records would travel in clear; leave `sslmode` out, or write \
             verify-full"
        ))),
        _ => Ok(asked),
    }
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
    use mach_tls::Check;

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
    fn another_machine_is_reached_by_tls_only() {
        let check = |url: &str| Target::parse(url).unwrap().tls.map(|tls| tls.check);
        for (url, asked) in [
            ("postgres://m@localhost/a", None),
            ("postgres://m@localhost/a?sslmode=prefer", None),
            ("postgres://m@localhost/a?sslmode=require", Some(Check::Nothing)),
            ("postgres://m@db.example/a", Some(Check::Name)),
            ("postgres://m@db.example/a?sslmode=verify-full", Some(Check::Name)),
            ("postgres://m@db.example/a?sslmode=verify-ca", Some(Check::Authority)),
            ("postgres://m@db.example/a?sslmode=require", Some(Check::Nothing)),
            ("postgres://m@db.example/a?sslmode=require&sslrootcert=/r.pem", Some(Check::Authority)),
            ("postgres://m@10.0.0.7/a?sslrootcert=system", Some(Check::Name)),
        ] {
            assert_eq!(check(url), asked, "{url}");
        }
        let tls = Target::parse("postgres://m@h/a?sslrootcert=%2Fr&sslcert=/c&sslkey=/k").unwrap().tls.unwrap();
        assert_eq!((tls.root, tls.own), (Some("/r".into()), Some(("/c".into(), "/k".into()))));
    }

    #[test]
    fn what_is_no_url_is_refused() {
        for (url, why) in [
            ("mysql://a", "must begin"),
            ("postgres://m@db.example/a?sslmode=disable", "in clear"),
            ("postgres://m@10.0.0.7/a?sslmode=prefer", "in clear"),
            ("postgres://m@db.example/a?sslmode=perhaps", "not known"),
            ("postgres://m@/a?sslmode=require", "a Unix socket has no TLS"),
            ("postgres://m@db.example/a?sslcert=/c", "belong together"),
            ("postgres://m@db.example/a?ssl=1", "`ssl=1`"),
            ("postgres://m@localhost:x/a", "port"),
            ("postgres://m%4@localhost/a", "hexadecimal"),
        ] {
            let said = Target::parse(url).unwrap_err().to_string();
            assert!(said.contains(why), "{url}: {said}");
        }
    }
}
