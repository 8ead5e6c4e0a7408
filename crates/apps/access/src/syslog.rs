//! The audit trail told to a monitoring centre: each entry is a message of RFC 5424 with a DICOM audit message (PS3.15 A.5) in it, as
//! IHE ATNA (ITI-20) has it, sent over TLS as RFC 5425 frames it.
//!
//! The trail itself is the queue: a number in the store says up to where the centre has it, so that nothing is lost while either
//! side is away or started anew. Syslog has no receipt; a batch goes over a connection of its own, and counts as told when the
//! receiver has answered our end of it with its own (`close_notify`). What was not is sent again: a centre may hear an entry twice.
//!
//! Some receivers never answer so: they read to the end and close the connection (rsyslog 8 with its driver `gtls` does). One
//! that does so with the same batch twice, seconds apart, is taken for one of those, for as long as the program runs or until it
//! answers after all.

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
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::task::JoinHandle;

/// Entries of one connection.
const BATCH: usize = 1_000;
/// How long to wait for more before a connection is made.
const QUIET: Duration = Duration::from_secs(1);
/// How long until it is looked again where nothing was committed.
const IDLE: Duration = Duration::from_secs(60);
/// How long until it is sent again what could not be sent, whatever is committed meanwhile.
const RETRY: Duration = Duration::from_secs(60);
/// The same where the receiver closed the connection without a word.
const AGAIN: Duration = Duration::from_secs(10);
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
    manner: Mutex<Manner>,
}

/// How a receiver ends a connection, as far as it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Manner {
    /// It has answered, or was not asked yet.
    Answers,
    /// It was silent once, after the entries up to this one.
    Silent(i64),
    /// It never answers.
    NeverAnswers,
}

/// How the receiver ended the connection, having taken everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// With its own `close_notify`.
    Said,
    /// Without a word.
    Silent,
}

impl Manner {
    /// Whether the entries up to `last` count as told, and what is known of the receiver from now on.
    fn after(self, end: End, last: i64) -> (bool, Self) {
        match (end, self) {
            (End::Said, _) => (true, Self::Answers),
            (End::Silent, Self::NeverAnswers) => (true, Self::NeverAnswers),
            (End::Silent, Self::Silent(before)) if before == last => (true, Self::NeverAnswers),
            (End::Silent, _) => (false, Self::Silent(last)),
        }
    }
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
        Ok(Self { name, port, tls, host: host.trim().to_owned(), manner: Mutex::new(Manner::Answers) })
    }

    /// Sends messages and waits until the receiver has read them to their end; gives how it ended the connection.
    fn send(&self, frames: &[u8]) -> Result<End, String> {
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
                Ok(0) => return Ok(End::Said),
                Ok(_) => {}
                // An end without a word of TLS (RFC 5425 §4.4 wants one) may be that of a receiver that died with what it had. Had
                // it left bytes unread, its machine would have said so by a reset.
                Err(e) if e.kind() == ErrorKind::UnexpectedEof => return Ok(End::Silent),
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
    let manner = *centre.manner.lock().unwrap_or_else(PoisonError::into_inner);
    // What was sent once to a receiver that was silent is sent again as it was: by its end it is known.
    let sent = |id: i64| matches!(manner, Manner::Silent(last) if events.iter().any(|e| e.id == last) && id > last);
    let events: Vec<_> = events.iter().filter(|event| !sent(event.id)).collect();
    let Some(last) = events.last().map(|event| event.id) else { return Ok(Again::Commit(IDLE)) };
    let mut frames = Vec::new();
    for event in &events {
        let place = places.iter().find(|(id, _)| *id == event.facility).map(|(_, code)| code.as_str());
        message::frame(&mut frames, &message::of(event, place, &centre.host));
    }
    let end = match centre.send(&frames) {
        Ok(end) => end,
        Err(e) => {
            tracing::error!("the monitoring centre: {e}");
            return Ok(Again::After(RETRY));
        }
    };
    let (is_told, now) = manner.after(end, last);
    *centre.manner.lock().unwrap_or_else(PoisonError::into_inner) = now;
    if !is_told {
        tracing::warn!(
            "the monitoring centre: {}:{} closed the connection without saying that it heard everything; it is told once more",
            centre.name,
            centre.port
        );
        return Ok(Again::After(AGAIN));
    }
    store.write(&decision, move |tx| tx.set_told(last)).map_err(said)?;
    // There may be more: of a full batch, and of what came while this one was told twice.
    Ok(if events.len() == BATCH || manner != now { Again::After(Duration::ZERO) } else { Again::Commit(IDLE) })
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
    fn a_receiver_that_is_silent_twice_about_the_same_is_taken_as_it_is() {
        use End::{Said, Silent};
        let mut manner = Manner::Answers;
        // How the connection ended, after which entry; whether that counts as told.
        for (end, last, told) in [
            (Said, 5, true),
            (Silent, 7, false),
            // Another batch proves nothing about the first.
            (Silent, 9, false),
            (Silent, 9, true),
            (Silent, 12, true),
            (Said, 13, true),
            (Silent, 14, false),
            (Said, 14, true),
            (Silent, 14, false),
        ] {
            let (is_told, now) = manner.after(end, last);
            assert_eq!(is_told, told, "{end:?} after {last}, {manner:?}");
            manner = now;
        }
    }

    #[test]
    fn what_could_not_be_sent_is_not_sent_again_with_each_commit() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        // Nobody listens where nobody is bound.
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let settings = Settings { address: format!("127.0.0.1:{port}"), authorities: None, own: None };
        let centre = Centre::of(&settings).unwrap();
        assert_eq!(tell(&store, &centre), Ok(Again::Commit(IDLE)));
        store.write(&console().unwrap(), |tx| tx.audit(None, "x", "granted")).unwrap();
        assert_eq!(tell(&store, &centre), Ok(Again::After(RETRY)));
    }

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
