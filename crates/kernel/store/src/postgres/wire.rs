//! The wire: PostgreSQL's frontend/backend protocol 3.0 over a socket, blocking, without copies of the rows.
//!
//! Own, because the work is many small statements: they are written one after another and answered together (pipelined),
//! which the ready-made blocking client does not offer, and a row is handed on as it lies in the read buffer.
//! Source: PostgreSQL 15 manual, chapter 55 "Frontend/Backend Protocol".

use super::target::{Host, Target, Tls};
use crate::{Error, Result};
use mach_tls::rustls::pki_types::ServerName;
use mach_tls::rustls::{ClientConnection, StreamOwned};
use postgres_protocol::authentication::{md5_hash, sasl};
use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::ops::Range;
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// Protocol 3.0.
const PROTOCOL: i32 = 196_608;
/// What asks for TLS, in place of a protocol's number.
const SSL_REQUEST: i32 = 80_877_103;
/// Bytes read at once.
const READ_BYTES: usize = 64 << 10;
/// Bytes one message may have: a pack with everything around it has less.
const MESSAGE_BYTES: usize = 1 << 30;

/// What the server said against a statement.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message} ({code})")]
pub struct Failure {
    /// SQLSTATE, five characters.
    pub code: String,
    /// In the server's words.
    pub message: String,
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        match failure.code.as_str() {
            // disk_full
            "53100" => Self::Full,
            // admin_shutdown, crash_shutdown, cannot_connect_now, too_many_connections
            "57P01" | "57P02" | "57P03" | "53300" => Self::Lost(failure.message),
            _ => Self::Postgres(failure),
        }
    }
}

enum Socket {
    Unix(UnixStream),
    Tcp(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl Socket {
    fn open(target: &Target) -> Result<Self> {
        let unreached = |e: std::io::Error| Error::Lost(format!("{} cannot be reached: {e}", target.shown()));
        match &target.host {
            Host::Folder(folder) => {
                let path = folder.join(format!(".s.PGSQL.{}", target.port));
                let stream = UnixStream::connect(path).map_err(unreached)?;
                let socket = Self::Unix(stream);
                socket.be_patient(target.patience).map_err(unreached)?;
                Ok(socket)
            }
            Host::Name(name) => {
                let stream = reached(name, target).map_err(unreached)?;
                stream.set_nodelay(true).map_err(unreached)?;
                stream.set_read_timeout(Some(target.patience)).map_err(unreached)?;
                stream.set_write_timeout(Some(target.patience)).map_err(unreached)?;
                match &target.tls {
                    None => Ok(Self::Tcp(stream)),
                    Some(tls) => encrypted(stream, name, tls)
                        .map_err(|e| Error::Lost(format!("TLS with {} failed: {e}", target.shown()))),
                }
            }
        }
    }

    /// From now on the server may be silent for so long, and take as long to read what it is sent.
    fn be_patient(&self, most: Duration) -> std::io::Result<()> {
        let most = Some(most);
        match self {
            Self::Unix(s) => s.set_read_timeout(most).and_then(|()| s.set_write_timeout(most)),
            Self::Tcp(s) => s.set_read_timeout(most).and_then(|()| s.set_write_timeout(most)),
            Self::Tls(s) => s.sock.set_read_timeout(most).and_then(|()| s.sock.set_write_timeout(most)),
        }
    }

    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        match self {
            Self::Unix(s) => s.read(into),
            Self::Tcp(s) => s.read(into),
            Self::Tls(s) => s.read(into),
        }
    }

    fn write_all(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        match self {
            Self::Unix(s) => s.write_all(bytes),
            Self::Tcp(s) => s.write_all(bytes),
            Self::Tls(s) => s.write_all(bytes).and_then(|()| s.flush()),
        }
    }
}

/// A connection to the first of a name's addresses that takes one in time.
fn reached(name: &str, target: &Target) -> std::io::Result<TcpStream> {
    let mut last = std::io::Error::from(std::io::ErrorKind::NotFound);
    for address in (name, target.port).to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, target.patience) {
            Ok(stream) => return Ok(stream),
            Err(e) => last = e,
        }
    }
    Err(last)
}

/// Asks the server for TLS and shakes hands. Nothing of ours was said before.
fn encrypted(mut stream: TcpStream, name: &str, tls: &Tls) -> std::result::Result<Socket, String> {
    let own = tls.own.as_ref().map(|(cert, key)| (cert.as_path(), key.as_path()));
    let config = mach_tls::to_database(tls.check, tls.root.as_deref(), own)?;
    let name = ServerName::try_from(name.to_owned()).map_err(|_| format!("`{name}` is no name for TLS"))?;
    let mut asked = 8_i32.to_be_bytes().to_vec();
    asked.extend(SSL_REQUEST.to_be_bytes());
    stream.write_all(&asked).map_err(|e| e.to_string())?;
    let mut answer = [0];
    // One byte and no more: whatever somebody on the way appends is not taken for the server's words.
    stream.read_exact(&mut answer).map_err(|e| e.to_string())?;
    if answer != *b"S" {
        return Err("the server does not speak it (`ssl = on` in postgresql.conf)".to_owned());
    }
    let mut session = ClientConnection::new(config, name).map_err(|e| e.to_string())?;
    while session.is_handshaking() {
        session.complete_io(&mut stream).map_err(|e| e.to_string())?;
    }
    Ok(Socket::Tls(Box::new(StreamOwned::new(session, stream))))
}

/// A connection: bytes going out are gathered, messages coming in are read one by one.
pub(super) struct Wire {
    socket: Socket,
    /// Messages written and not yet sent.
    pub(super) out: Vec<u8>,
    input: Vec<u8>,
    at: usize,
    end: usize,
    /// It broke, or answered too late: nothing is sent on it any more.
    gone: bool,
}

impl Wire {
    /// Connects and signs in, which may not take long; ready for statements afterwards, to each of which the server may be silent
    /// for `patience`. `settings` are session settings.
    pub(super) fn connect(target: &Target, settings: &[(&str, &str)], patience: Duration) -> Result<Self> {
        let socket = Socket::open(target)?;
        let mut wire = Self { socket, out: Vec::new(), input: vec![0; READ_BYTES], at: 0, end: 0, gone: false };
        wire.frame(None, |out| {
            out.extend(PROTOCOL.to_be_bytes());
            let fixed = [("user", target.user.as_str()), ("database", &target.database), ("client_encoding", "UTF8")];
            for (name, value) in fixed.iter().chain(settings) {
                text(out, name);
                text(out, value);
            }
            out.push(0);
        });
        wire.send()?;
        wire.sign_in(target)?;
        wire.settle_start()?;
        wire.be_patient(patience)?;
        Ok(wire)
    }

    /// From now on the server may be silent for so long.
    pub(super) fn be_patient(&self, most: Duration) -> Result<()> {
        self.socket.be_patient(most).map_err(lost)
    }

    fn sign_in(&mut self, target: &Target) -> Result<()> {
        let password = target.password.as_deref().unwrap_or_default();
        let mut scram: Option<sasl::ScramSha256> = None;
        loop {
            let (tag, body) = self.message()?;
            let bytes = self.bytes(body);
            match tag {
                b'R' => {}
                b'E' => return Err(failure(bytes).into()),
                _ => return Err(unexpected(tag)),
            }
            let (kind, rest) = bytes.split_first_chunk::<4>().ok_or_else(|| unexpected(tag))?;
            let answer = match (i32::from_be_bytes(*kind), &mut scram) {
                (0, _) => return Ok(()),
                (3, _) => zero_ended(password.as_bytes()),
                (5, _) => {
                    let salt = rest.first_chunk::<4>().ok_or_else(|| unexpected(tag))?;
                    zero_ended(md5_hash(target.user.as_bytes(), password.as_bytes(), *salt).as_bytes())
                }
                (10, None) => {
                    let client = sasl::ScramSha256::new(password.as_bytes(), sasl::ChannelBinding::unsupported());
                    let mut answer = zero_ended(b"SCRAM-SHA-256");
                    answer.extend((client.message().len() as i32).to_be_bytes());
                    answer.extend(client.message());
                    scram = Some(client);
                    answer
                }
                (11, Some(client)) => {
                    client.update(rest).map_err(lost)?;
                    client.message().to_vec()
                }
                (12, Some(client)) => {
                    client.finish(rest).map_err(lost)?;
                    continue;
                }
                (n, _) => return Err(Error::Lost(format!("the server asks for sign-in method {n}, not supported"))),
            };
            self.frame(Some(b'p'), |out| out.extend(answer));
            self.send()?;
        }
    }

    /// Reads what follows a sign-in, up to the first readiness; refuses servers that cannot hold our text.
    fn settle_start(&mut self) -> Result<()> {
        loop {
            let (tag, body) = self.message()?;
            let bytes = self.bytes(body);
            match tag {
                b'Z' => return Ok(()),
                b'E' => return Err(failure(bytes).into()),
                b'S' => {
                    let mut parts = bytes.split(|b| *b == 0).map(String::from_utf8_lossy);
                    let (name, value) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
                    let major = value.split(['.', 'b', 'r', 'd']).next().and_then(|v| v.parse::<u32>().ok());
                    match &*name {
                        "server_encoding" if value != "UTF8" => {
                            return Err(Error::Lost(format!("the database is encoded in {value}; UTF8 is needed")));
                        }
                        "server_version" if major.is_some_and(|m| m < 15) => {
                            return Err(Error::Lost(format!(
                                "the server is PostgreSQL {value}; 15 or newer is needed"
                            )));
                        }
                        _ => {}
                    }
                }
                // Key data, notices.
                _ => {}
            }
        }
    }

    /// Adds a message: `tag` (none for the start), what `body` writes.
    pub(super) fn frame(&mut self, tag: Option<u8>, body: impl FnOnce(&mut Vec<u8>)) {
        self.out.extend(tag);
        let start = self.out.len();
        self.out.extend([0; 4]);
        body(&mut self.out);
        let length = (self.out.len() - start) as i32;
        self.out[start..start + 4].copy_from_slice(&length.to_be_bytes());
    }

    /// Sends what was gathered.
    pub(super) fn send(&mut self) -> Result<()> {
        let sent = self.socket.write_all(&self.out);
        self.out.clear();
        self.gone |= sent.is_err();
        sent.map_err(lost)
    }

    /// The next message: its tag and where its body lies; valid until the next call.
    pub(super) fn message(&mut self) -> Result<(u8, Range<usize>)> {
        self.fill(5)?;
        let tag = self.input[self.at];
        let head: [u8; 4] = std::array::from_fn(|i| self.input[self.at + 1 + i]);
        let length = usize::try_from(i32::from_be_bytes(head)).unwrap_or(0);
        if !(4..=MESSAGE_BYTES).contains(&length) {
            return Err(unexpected(tag));
        }
        self.fill(1 + length)?;
        let body = self.at + 5..self.at + 1 + length;
        self.at = body.end;
        Ok((tag, body))
    }

    /// The bytes of a message's body.
    pub(super) fn bytes(&self, body: Range<usize>) -> &[u8] {
        &self.input[body]
    }

    /// Reads until `wanted` bytes lie at `at`.
    fn fill(&mut self, wanted: usize) -> Result<()> {
        if self.end - self.at >= wanted {
            return Ok(());
        }
        if self.at > 0 {
            self.input.copy_within(self.at..self.end, 0);
            (self.at, self.end) = (0, self.end - self.at);
        }
        if self.input.len() < wanted {
            self.input.resize(wanted.next_power_of_two(), 0);
        }
        while self.end < wanted {
            match self.socket.read(&mut self.input[self.end..]) {
                Ok(0) => return Err(Error::Lost("the server closed the connection".to_owned())),
                Ok(n) => self.end += n,
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
                Err(e) => {
                    self.gone = true;
                    return Err(lost(e));
                }
            }
        }
        Ok(())
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        // Terminate; a server that is gone needs none, and one that does not read would be waited for.
        self.out.clear();
        if self.gone {
            return;
        }
        self.frame(Some(b'X'), |_| {});
        let _ = self.send();
    }
}

fn lost(error: std::io::Error) -> Error {
    use std::io::ErrorKind::{TimedOut, WouldBlock};
    match error.kind() {
        TimedOut | WouldBlock => Error::Lost("the server did not answer in time".to_owned()),
        _ => Error::Lost(error.to_string()),
    }
}

pub(super) fn unexpected(tag: u8) -> Error {
    Error::Lost(format!("the server sent an unexpected message `{}`", char::from(tag)))
}

/// A zero-ended string.
pub(super) fn text(out: &mut Vec<u8>, value: &str) {
    out.extend(value.as_bytes());
    out.push(0);
}

fn zero_ended(bytes: &[u8]) -> Vec<u8> {
    let mut out = bytes.to_vec();
    out.push(0);
    out
}

/// The code and the words of an ErrorResponse.
pub(super) fn failure(body: &[u8]) -> Failure {
    let mut failure = Failure { code: String::new(), message: String::new() };
    for field in body.split(|b| *b == 0) {
        match field.split_first() {
            Some((b'C', code)) => failure.code = String::from_utf8_lossy(code).into_owned(),
            Some((b'M', words)) => failure.message = String::from_utf8_lossy(words).into_owned(),
            _ => {}
        }
    }
    failure
}
