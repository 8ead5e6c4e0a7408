//! The audit trail told to a monitoring centre: each entry is a message of RFC 5424 with a DICOM audit message (PS3.15 A.5) in it, as
//! IHE ATNA (ITI-20) has it, sent over TLS as RFC 5425 frames it.
//!
//! The trail itself is the queue: a number in the store says up to where the centre has it, so that nothing is lost while either
//! side is away or started anew. Syslog has no receipt; a batch goes over a connection of its own, and counts as told when the
//! receiver has answered our end of it with its own (`close_notify`). What was not is sent again: a centre may hear an entry twice.

mod message;

use mach_access::{Act, Actor, Decision, decide};
use mach_house::follow::{Again, follow};
use mach_store::{Store, audit};
use mach_tls::Check;
use mach_tls::rustls::pki_types::ServerName;
use mach_tls::rustls::{ClientConfig, ClientConnection, StreamOwned};
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;

/// Entries of one connection.
const BATCH: usize = 1_000;
/// How long to wait for more before a connection is made.
const QUIET: Duration = Duration::from_secs(1);
/// How long until it is looked again where nothing was committed.
const IDLE: Duration = Duration::from_secs(60);
/// How long one step of a connection may take.
const PATIENCE: Duration = Duration::from_secs(15);
/// The port of syslog over TLS (RFC 5425).
const PORT: u16 = 6514;

/// Where the centre is, and how it is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// `host` or `host:port`; the port is 6514 where none is given.
    pub address: String,
    /// Authorities that vouch for it, PEM; the machine's where none is given.
    pub authorities: Option<PathBuf>,
    /// Certificate and key by which we say who we are, PEM.
    pub own: Option<(PathBuf, PathBuf)>,
}

/// What a batch is sent with.
struct Centre {
    name: String,
    port: u16,
    tls: Arc<ClientConfig>,
    /// How we are called in the messages.
    host: String,
}

impl Centre {
    fn of(settings: &Settings) -> Result<Self, String> {
        let (name, port) = match settings.address.rsplit_once(':') {
            Some((name, port)) if !name.ends_with(':') => {
                (name, port.parse().map_err(|_| format!("`{port}` is no port: --syslog host:port"))?)
            }
            _ => (settings.address.as_str(), PORT),
        };
        let name = name.trim_start_matches('[').trim_end_matches(']').to_owned();
        ServerName::try_from(name.clone())
            .map_err(|_| format!("`{name}` is no name of a machine: --syslog host:port"))?;
        let own = settings.own.as_ref().map(|(cert, key)| (cert.as_path(), key.as_path()));
        let tls = mach_tls::to_database(Check::Name, settings.authorities.as_deref(), own)?;
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        Ok(Self { name, port, tls, host: host.trim().to_owned() })
    }

    /// Sends messages and waits until the receiver has read them to their end.
    fn send(&self, frames: &[u8]) -> Result<(), String> {
        let failed = |e: std::io::Error| format!("{}:{}: {e}", self.name, self.port);
        let addresses: Vec<_> = (self.name.as_str(), self.port).to_socket_addrs().map_err(failed)?.collect();
        let mut last = std::io::Error::from(ErrorKind::NotFound);
        let mut reached = None;
        for address in addresses {
            match TcpStream::connect_timeout(&address, PATIENCE) {
                Ok(stream) => {
                    reached = Some(stream);
                    break;
                }
                Err(e) => last = e,
            }
        }
        let stream = reached.ok_or(last).map_err(failed)?;
        stream
            .set_read_timeout(Some(PATIENCE))
            .and_then(|()| stream.set_write_timeout(Some(PATIENCE)))
            .map_err(failed)?;
        let name = ServerName::try_from(self.name.clone()).map_err(|e| e.to_string())?;
        let session = ClientConnection::new(Arc::clone(&self.tls), name).map_err(|e| e.to_string())?;
        let mut tls = StreamOwned::new(session, stream);
        tls.write_all(frames).map_err(failed)?;
        tls.conn.send_close_notify();
        tls.flush().map_err(failed)?;
        // A receiver has nothing to say: its end of the connection is all that is waited for.
        let mut rest = [0_u8; 256];
        loop {
            match tls.read(&mut rest) {
                Ok(0) => return Ok(()),
                Ok(_) => {}
                // An end without a word of TLS (RFC 5425 §4.4 wants one) may be that of a receiver that died with what it had.
                Err(e) if e.kind() == ErrorKind::UnexpectedEof => {
                    return Err(failed(std::io::Error::other("it went away without saying that it heard everything")));
                }
                Err(e) => return Err(failed(e)),
            }
        }
    }
}

fn console() -> Result<Decision, String> {
    decide(&Actor::console(), Act::ReadAudit).map_err(|e| e.to_string())
}

/// Tells what the centre has not got yet; gives when to look again.
fn tell(store: &Store, centre: &Centre) -> Result<Again, String> {
    let said = |e: mach_store::Error| e.to_string();
    let decision = console()?;
    let (events, places) = {
        let mut reader = store.read(&decision).map_err(said)?;
        let from = audit::told(&mut reader).map_err(said)?;
        let events = audit::after(&mut reader, from, BATCH).map_err(said)?;
        (events, mach_store::schema::facilities(&mut reader).map_err(said)?)
    };
    let Some(last) = events.last().map(|event| event.id) else { return Ok(Again::Commit(IDLE)) };
    let mut frames = Vec::new();
    for event in &events {
        let place = places.iter().find(|(id, _)| *id == event.facility).map(|(_, code)| code.as_str());
        message::frame(&mut frames, &message::of(event, place, &centre.host));
    }
    centre.send(&frames)?;
    store.write(&decision, move |tx| tx.set_told(last)).map_err(said)?;
    Ok(if events.len() == BATCH { Again::After(Duration::ZERO) } else { Again::Commit(IDLE) })
}

/// Tells the centre the trail from now on, and where it was told before, what it has not got yet; until what this gives is aborted.
///
/// # Errors
/// What of the settings cannot be used.
pub fn start(store: &Store, settings: &Settings) -> Result<JoinHandle<()>, String> {
    let centre = Centre::of(settings)?;
    store.write(&console()?, |tx| tx.begin_telling()).map_err(|e| e.to_string())?;
    let its = store.clone();
    Ok(follow(store, "the monitoring centre", QUIET, move || tell(&its, &centre)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_name_and_a_port() {
        let of = |address: &str| {
            let settings = Settings { address: address.to_owned(), authorities: None, own: None };
            Centre::of(&settings).map(|centre| (centre.name, centre.port))
        };
        for (address, name, port) in [
            ("soc.hue.gov.vn", "soc.hue.gov.vn", 6514),
            ("soc.hue.gov.vn:10514", "soc.hue.gov.vn", 10_514),
            ("10.0.0.7:1", "10.0.0.7", 1),
            ("[::1]:6514", "::1", 6514),
        ] {
            assert_eq!(of(address), Ok((name.to_owned(), port)), "{address}");
        }
        for wrong in ["", "soc:x", "soc:70000", "a b:1"] {
            assert!(of(wrong).is_err(), "{wrong}");
        }
    }
}
