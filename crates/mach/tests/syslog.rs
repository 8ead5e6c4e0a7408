//! The audit trail reaches a monitoring centre by syslog over TLS: whole, in order, whatever dies meanwhile.

#![expect(clippy::unwrap_used, reason = "a broken expectation ends the test")]
#![expect(dead_code, reason = "each test uses some of what they share")]

#[path = "support/pki.rs"]
mod pki;
#[path = "support/server.rs"]
mod server;
mod support;

use mach_tls::rustls::{ServerConnection, StreamOwned};
use pki::{authority, certificate, tools};
use server::{Serving, store_of, token};
use std::io::Read;
use std::net::TcpListener;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use support::{folder, mach, run};

const PATIENCE: Duration = Duration::from_secs(120);

fn until(what: &str, mut done: impl FnMut() -> bool) {
    let began = Instant::now();
    while !done() {
        assert!(began.elapsed() < PATIENCE, "{what}");
        std::thread::yield_now();
    }
}

/// A centre: keeps the messages of each connection that ended well; while it is deaf it tears connections off before their end.
struct Centre {
    port: u16,
    heard: Arc<Mutex<Vec<String>>>,
    torn: Arc<Mutex<usize>>,
    deaf: Arc<AtomicBool>,
    /// It reads everything and closes the connection without a word.
    silent: Arc<AtomicBool>,
}

impl Centre {
    fn start(root: &Path, name: &str) -> Self {
        let at = |end: &str| root.join(format!("{name}.{end}"));
        let files = mach_tls::Files { cert: at("pem"), key: at("key"), client_ca: None };
        let tls = mach_tls::Server::load(files).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let centre = Self {
            port: listener.local_addr().unwrap().port(),
            heard: Arc::default(),
            torn: Arc::default(),
            deaf: Arc::default(),
            silent: Arc::default(),
        };
        let (heard, torn, deaf) = (Arc::clone(&centre.heard), Arc::clone(&centre.torn), Arc::clone(&centre.deaf));
        let silent = Arc::clone(&centre.silent);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let session = ServerConnection::new(tls.config()).unwrap();
                let mut stream = StreamOwned::new(session, stream);
                let mut bytes = Vec::new();
                if deaf.load(Ordering::SeqCst) {
                    // It hears something and dies with what it heard.
                    let _ = stream.read(&mut [0; 1]);
                    *torn.lock().unwrap() += 1;
                    continue;
                }
                if stream.read_to_end(&mut bytes).is_ok() {
                    heard.lock().unwrap().extend(messages(&bytes));
                    if silent.load(Ordering::SeqCst) {
                        continue;
                    }
                    stream.conn.send_close_notify();
                    let _ = std::io::Write::flush(&mut stream);
                } else {
                    *torn.lock().unwrap() += 1;
                }
            }
        });
        centre
    }

    /// The numbers of the entries heard, in their order.
    fn numbers(&self) -> Vec<u64> {
        let heard = self.heard.lock().unwrap();
        heard
            .iter()
            .map(|m| m.split("[mach@32473 id=\"").nth(1).unwrap().split('"').next().unwrap().parse().unwrap())
            .collect()
    }

    fn heard(&self, words: &str) -> usize {
        self.heard.lock().unwrap().iter().filter(|m| m.contains(words)).count()
    }
}

/// Messages with the count of their bytes before each (RFC 5425 §4.3); every byte belongs to one.
fn messages(mut bytes: &[u8]) -> Vec<String> {
    let mut all = Vec::new();
    while !bytes.is_empty() {
        let space = bytes.iter().position(|b| *b == b' ').expect("a count");
        let count: usize = std::str::from_utf8(&bytes[..space]).unwrap().parse().unwrap();
        let (message, rest) = bytes[space + 1..].split_at(count);
        all.push(String::from_utf8(message.to_vec()).unwrap());
        bytes = rest;
    }
    all
}

#[test]
fn a_centre_hears_every_entry_whatever_dies_meanwhile() {
    if !tools("syslog over TLS") {
        return;
    }
    let root = folder("syslog");
    for name in ["ca", "unknown"] {
        authority(&root, name);
    }
    certificate(&root, "good", "ca", "DNS:localhost,IP:127.0.0.1", "2");
    certificate(&root, "stranger", "unknown", "DNS:localhost,IP:127.0.0.1", "2");
    let store = store_of(&root.join("data"), None);
    let token = token(&store);
    let serve = |centre: &Centre| {
        let mut command = mach();
        command.args(&store).args(["serve", "--listen", "127.0.0.1:0", "--syslog"]);
        command.arg(format!("localhost:{}", centre.port)).arg("--syslog-ca").arg(root.join("ca.pem"));
        Serving::started(command)
    };
    let write = |serving: &Serving, id: &str| {
        let body = format!("{{\"resourceType\":\"Patient\",\"id\":\"{id}\"}}");
        let answer = serving.client(&token).send("PUT", &format!("/fhir/Patient/{id}"), &[], &body).unwrap();
        assert_eq!(answer.status, 201);
    };
    // A centre for which nobody whom we trust vouches hears nothing.
    let stranger = Centre::start(&root, "stranger");
    let serving = serve(&stranger);
    write(&serving, "first");
    until("it is called", || *stranger.torn.lock().unwrap() > 0);
    assert!(stranger.numbers().is_empty());
    drop(serving);
    // One that dies with what it heard is told again when it is back, also by a program that was started anew; what was
    // written while nobody listened comes first.
    let centre = Centre::start(&root, "good");
    centre.deaf.store(true, Ordering::SeqCst);
    let serving = serve(&centre);
    write(&serving, "second");
    until("it is called", || *centre.torn.lock().unwrap() > 0);
    drop(serving);
    centre.deaf.store(false, Ordering::SeqCst);
    let serving = serve(&centre);
    write(&serving, "third");
    for id in ["first", "second", "third"] {
        until(id, || centre.heard(&format!("Patient/{id}")) > 0);
    }
    let mut numbers = centre.numbers();
    assert!(numbers.is_sorted(), "{numbers:?}");
    numbers.dedup();
    let first = numbers[0];
    assert!(numbers.iter().copied().eq(first..first + numbers.len() as u64), "no entry is left out: {numbers:?}");
    let said = centre.heard.lock().unwrap().iter().find(|m| m.contains("Patient/first")).cloned().unwrap();
    for part in ["<85>1 ", " mach ", " DICOM+RFC3881 ", "act=\"write-fhir\"", "outcome=\"granted\"", "<AuditMessage>"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    // One that never answers the end hears a batch twice, and is believed from then on; nothing is left out.
    centre.silent.store(true, Ordering::SeqCst);
    write(&serving, "fourth");
    until("it is told twice", || centre.heard("Patient/fourth") == 2);
    for id in ["fifth", "sixth"] {
        write(&serving, id);
        until(id, || centre.heard(&format!("Patient/{id}")) > 0);
    }
    let before = centre.numbers().len();
    write(&serving, "seventh");
    until("seventh", || centre.heard("Patient/seventh") > 0);
    let numbers = centre.numbers();
    assert!(numbers[before..].iter().all(|n| !numbers[..before].contains(n)), "nothing is told twice any more");
    drop(serving);
    let _ = std::fs::remove_dir_all(&root);
}
