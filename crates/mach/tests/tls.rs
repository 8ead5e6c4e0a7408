//! TLS wherever the program listens or calls: asked by curl, calling what openssl and PostgreSQL serve.

#![expect(clippy::unwrap_used, reason = "a broken expectation ends the test")]
#![expect(dead_code, reason = "each test uses some of what they share")]

#[path = "support/pki.rs"]
mod pki;
#[path = "support/server.rs"]
mod server;
mod support;

use mach_test_engines::Server;
use mach_tls::rustls::{ServerConnection, StreamOwned};
use pki::{authority, certificate, curl, tools};
use server::{Serving, store_of, token};
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use support::{folder, mach, run};

const LOCAL: &str = "DNS:localhost,IP:127.0.0.1";
const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until it is so.
fn until(what: &str, mut done: impl FnMut() -> bool) {
    let began = Instant::now();
    while !done() {
        assert!(began.elapsed() < PATIENCE, "{what}");
        std::thread::yield_now();
    }
}

/// A folder with authority `ca`, certificate `own` by it, and a store with an account.
struct Place {
    root: PathBuf,
    store: Vec<String>,
}

impl Place {
    fn new(name: &str) -> Self {
        let root = folder(name);
        authority(&root, "ca");
        certificate(&root, "own", "ca", LOCAL, "2");
        let store = store_of(&root.join("data"), None);
        Self { root, store }
    }

    fn account(&self) {
        let mut account = mach();
        account.args(&self.store).args(["account", "set", "lan", "--role", "leader"]);
        let mut child = account.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(b"mot mat khau dai\n").unwrap();
        assert!(child.wait().unwrap().success());
    }

    fn file(&self, name: &str) -> String {
        self.root.join(name).display().to_string()
    }

    /// `serve --listen … --tls-cert … --tls-key …` and more.
    fn options(&self, listen: &str, more: &[&str]) -> Vec<String> {
        let mut options = self.store.clone();
        options.extend(["serve", "--listen", listen, "--tls-cert"].map(str::to_owned));
        options.extend([self.file("own.pem"), "--tls-key".to_owned(), self.file("own.key")]);
        options.extend(more.iter().map(|s| (*s).to_owned()));
        options
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.root);
    }
}

fn refused(options: &[String]) -> String {
    let out = run(mach().args(options));
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert_eq!(out.status.code(), Some(1), "{said}");
    said
}

#[test]
fn an_open_address_needs_tls_and_an_account() {
    if !tools("TLS on the listener") {
        return;
    }
    let place = Place::new("tls-open");
    let plain = |more: &[&str]| {
        let listen = ["serve", "--listen", "0.0.0.0:0"];
        let options = place.store.iter().map(String::as_str).chain(listen).chain(more.iter().copied());
        options.map(str::to_owned).collect::<Vec<_>>()
    };
    let said = refused(&plain(&[]));
    assert!(
        said.contains("in clear") && said.contains("--tls-cert") && said.contains("--insecure-plain-http"),
        "{said}"
    );
    for options in [place.options("0.0.0.0:0", &[]), plain(&["--insecure-plain-http"])] {
        assert!(refused(&options).contains("mach account set"));
    }
    place.account();
    // Said, and done: the flag is for networks that nobody else is on.
    let serving = Serving::start_with(&plain(&["--insecure-plain-http"]));
    let url = format!("http://127.0.0.1:{}/healthz", serving.at.port());
    assert_eq!(curl(&place.root, &url, &[]), (true, "ok".to_owned()));
    until("it is said", || serving.log.lock().unwrap().contains("in clear"));
}

#[test]
fn tls_is_spoken_and_the_certificate_is_read_again() {
    if !tools("TLS on the listener") {
        return;
    }
    let place = Place::new("tls-spoken");
    let root = &place.root;
    place.account();
    let serving = Serving::start_with(&place.options("0.0.0.0:0", &["--redirect-listen", "127.0.0.1:0"]));
    let base = format!("https://localhost:{}", serving.at.port());
    let healthz = format!("{base}/healthz");
    let ask = |more: &[&str]| curl(root, &healthz, &[&["--cacert", "ca.pem"], more].concat());
    let fine = (true, "ok".to_owned());
    assert_eq!(ask(&[]), fine);
    assert_eq!(ask(&["--tlsv1.3"]), fine);
    assert_eq!(ask(&["--tls-max", "1.2"]), fine);
    assert!(!ask(&["--tls-max", "1.1", "--ciphers", "DEFAULT@SECLEVEL=0"]).0, "too old");
    assert!(!curl(root, &healthz, &[]).0, "an authority this machine does not know");

    // Cookies of TLS only, and told to come by TLS only.
    let form = ["-i", "--cacert", "ca.pem", "--data", "username=lan&password=mot+mat+khau+dai"];
    let answer = curl(root, &format!("{base}/sign-in"), &form).1.to_lowercase();
    let cookie = answer.lines().find(|l| l.starts_with("set-cookie: mach_session=")).unwrap();
    assert!(cookie.contains("; secure") && cookie.contains("; httponly"), "{cookie}");
    assert!(answer.contains("strict-transport-security: max-age=31536000"), "{answer}");
    // Links in answers name what was asked, not what a client claims.
    let forged = ["--cacert", "ca.pem", "-H", "x-forwarded-proto: http"];
    let metadata = curl(root, &format!("{base}/fhir/metadata"), &forged).1;
    assert!(metadata.contains(&format!("\"url\":\"{base}/fhir\"")), "{}", &metadata[..400]);

    // In clear nothing is said.
    let mut clear = TcpStream::connect(("127.0.0.1", serving.at.port())).unwrap();
    clear.set_read_timeout(Some(PATIENCE)).unwrap();
    clear.write_all(b"GET /healthz HTTP/1.1\r\nhost: m\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    // It may be reset instead of ended.
    let _ = clear.read_to_end(&mut answer);
    assert!(!answer.starts_with(b"HTTP"), "{answer:?}");

    // The plain address sends over and does nothing else.
    let plain = serving.before.iter().find_map(|l| l.strip_suffix(" sends everybody over")).unwrap();
    let over = curl(root, &format!("{plain}/people?q=a"), &["-i", "-X", "POST", "-H", "host: localhost:80"]).1;
    assert!(over.starts_with("HTTP/1.1 308") && over.contains(&format!("location: {base}/people?q=a\r\n")), "{over}");
    let evil = curl(root, &format!("{plain}/"), &["-i", "-H", "host: a/@b"]).1;
    assert!(evil.starts_with("HTTP/1.1 400"), "{evil}");

    // A connection that is open stays as it is while the certificate becomes another, by another authority.
    let mut session = Command::new("openssl");
    session.args(["s_client", "-quiet", "-CAfile", "ca.pem", "-connect", &format!("localhost:{}", serving.at.port())]);
    let mut session =
        session.current_dir(root).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let once = |session: &mut std::process::Child| {
        session.stdin.as_mut().unwrap().write_all(b"GET /healthz HTTP/1.1\r\nhost: m\r\n\r\n").unwrap();
        let (mut answer, mut byte) = (Vec::new(), [0]);
        while !answer.ends_with(b"\r\n\r\nok") {
            session.stdout.as_mut().unwrap().read_exact(&mut byte).unwrap();
            answer.extend(byte);
        }
    };
    once(&mut session);
    authority(root, "other");
    certificate(root, "own", "other", LOCAL, "2");
    let other = |more: &[&str]| curl(root, &healthz, &[&["--cacert", "other.pem"], more].concat());
    until("the new certificate is shown", || other(&[]) == fine);
    assert!(!ask(&[]).0, "the old authority does not vouch for it");
    once(&mut session);
    session.kill().unwrap();
    session.wait().unwrap();

    // Files that cannot be used change nothing, and are told.
    std::fs::write(root.join("own.pem"), "no certificate").unwrap();
    until("it is told", || serving.log.lock().unwrap().contains("own.pem` cannot be used for TLS"));
    assert_eq!(other(&[]), fine, "the one before stays");
    drop(serving);
    let said = refused(&place.options("127.0.0.1:0", &[]));
    assert!(said.contains("own.pem` cannot be used for TLS"), "{said}");
}

#[test]
fn a_hangup_reads_the_certificate_again() {
    if !tools("TLS on the listener") {
        return;
    }
    let place = Place::new("tls-hangup");
    let serving = Serving::start_with(&place.options("127.0.0.1:0", &[]));
    let url = format!("https://localhost:{}/healthz", serving.at.port());
    authority(&place.root, "other");
    certificate(&place.root, "own", "other", LOCAL, "2");
    let hangup = run(Command::new("kill").args(["-HUP", &serving.child.id().to_string()]));
    assert!(hangup.status.success());
    until("it is another", || curl(&place.root, &url, &["--cacert", "other.pem"]).0);
}

#[test]
fn client_certificates_are_believed_by_their_authority_only() {
    if !tools("client certificates") {
        return;
    }
    let place = Place::new("tls-client");
    let root = &place.root;
    authority(root, "machines");
    certificate(root, "analyser", "machines", "DNS:analyser", "2");
    certificate(root, "stranger", "ca", "DNS:stranger", "2");
    let ca = place.file("machines.pem");
    let serving = Serving::start_with(&place.options("127.0.0.1:0", &["--tls-client-ca", &ca]));
    let url = format!("https://localhost:{}/healthz", serving.at.port());
    let by = |name: &str| {
        let (cert, key) = (format!("{name}.pem"), format!("{name}.key"));
        curl(root, &url, &["--cacert", "ca.pem", "--cert", &cert, "--key", &key])
    };
    assert_eq!(by("analyser"), (true, "ok".to_owned()));
    assert!(!by("stranger").0);
    assert_eq!(curl(root, &url, &["--cacert", "ca.pem"]), (true, "ok".to_owned()), "people have none");
}

/// A receiver behind TLS, which takes everything and counts it.
struct Receiver {
    port: u16,
    taken: Arc<AtomicUsize>,
}

impl Receiver {
    fn start(root: &Path, name: &str) -> Self {
        let file = |end: &str| root.join(format!("{name}.{end}"));
        let files = mach_tls::Files { cert: file("pem"), key: file("key"), client_ca: None };
        let tls = mach_tls::Server::load(files).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (port, taken) = (listener.local_addr().unwrap().port(), Arc::new(AtomicUsize::new(0)));
        let count = Arc::clone(&taken);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let session = ServerConnection::new(tls.config()).unwrap();
                if answer(&mut BufReader::new(StreamOwned::new(session, stream))).is_ok() {
                    count.fetch_add(1, Ordering::SeqCst);
                }
            }
        });
        Self { port, taken }
    }
}

/// Reads one request whole and answers 200.
fn answer(stream: &mut BufReader<StreamOwned<ServerConnection, TcpStream>>) -> std::io::Result<()> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if stream.read_line(&mut head)? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
    }
    let length = head.lines().find_map(|l| l.to_lowercase().strip_prefix("content-length: ").map(str::to_owned));
    let mut body = vec![0; length.map_or(0, |l| l.parse().unwrap())];
    stream.read_exact(&mut body)?;
    stream.get_mut().write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")?;
    stream.get_mut().flush()
}

/// A port for a program that cannot say which it took.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[test]
fn receivers_are_called_by_tls_and_must_be_who_they_say() {
    if !tools("TLS to receivers of subscriptions") {
        return;
    }
    let place = Place::new("tls-receiver");
    let root = &place.root;
    authority(root, "unknown");
    certificate(root, "good", "ca", LOCAL, "2");
    certificate(root, "stranger", "unknown", LOCAL, "2");
    certificate(root, "misnamed", "ca", "DNS:elsewhere.example", "2");
    certificate(root, "expired", "ca", LOCAL, "-1");
    let names = ["good", "stranger", "misnamed", "expired"];
    let receivers = names.map(|name| Receiver::start(root, name));
    for receiver in &receivers {
        let prefix = format!("https://localhost:{}", receiver.port);
        let allowed = run(mach().args(&place.store).args(["subscription", "allow", "--private", &prefix]));
        assert!(allowed.status.success(), "{}", String::from_utf8_lossy(&allowed.stderr));
    }
    let token = token(&place.store);
    let mut command = mach();
    command.args(&place.store).args(["serve", "--listen", "127.0.0.1:0"]).env("SSL_CERT_FILE", root.join("ca.pem"));
    let serving = Serving::started(command);
    let mut client = serving.client(&token);
    for (name, receiver) in names.iter().zip(&receivers) {
        let body = format!(
            "{{\"resourceType\":\"Subscription\",\"id\":\"{name}\",\"status\":\"requested\",\"reason\":\"t\",\"criteria\":\
             \"Patient?active=true\",\"channel\":{{\"type\":\"rest-hook\",\"endpoint\":\"https://localhost:{}/in\"}}}}",
            receiver.port
        );
        let answer = client.send("PUT", &format!("/fhir/Subscription/{name}"), &[], &body).unwrap();
        assert_eq!(answer.status, 201, "{answer:?}");
    }
    let patient = r#"{"resourceType":"Patient","id":"p","active":true}"#;
    assert_eq!(client.send("PUT", "/fhir/Patient/p", &[], patient).unwrap().status, 201);
    let listed = || {
        let out = run(mach().args(&place.store).args(["subscription", "list", "--json"]));
        let rows: Vec<serde_json::Value> = serde_json::from_slice(&out.stdout).unwrap();
        let one =
            |name: &str| rows.iter().find(|r| r["subscription"].as_str().unwrap().ends_with(name)).unwrap().clone();
        names.map(one)
    };
    until("every receiver was called", || {
        let [_, others @ ..] = listed();
        receivers[0].taken.load(Ordering::SeqCst) > 0
            && others.iter().all(|o| o["error"].as_str().unwrap().contains("TLS"))
    });
    assert!(receivers[1..].iter().all(|r| r.taken.load(Ordering::SeqCst) == 0));
    let [_, others @ ..] = listed();
    for (other, why) in others.iter().zip(["UnknownIssuer", "not valid for name", "Expired"]) {
        assert_eq!(other["delivered"], 0, "{other}");
        assert!(other["error"].as_str().unwrap().contains(why), "{why}: {other}");
    }
}

/// The database that an address names.
fn name_of(url: &str) -> String {
    url.split_once("@/").unwrap().1.split_once('?').unwrap().0.to_owned()
}

#[test]
fn postgresql_is_reached_by_tls() {
    if !tools("TLS to PostgreSQL") {
        return;
    }
    let place = Place::new("tls-postgres");
    let root = &place.root;
    authority(root, "unknown");
    authority(root, "people");
    certificate(root, "named", "ca", "DNS:db.example", "2");
    certificate(root, "mach", "people", "DNS:mach", "2");
    let owner = |name: &str| run(Command::new("chown").arg("postgres").arg(root.join(name))).status.success();
    // Not root: the server runs as ourselves and reads what is ours.
    let _ = ["own.key", "named.key"].map(owner);
    let port = free_port();
    std::fs::write(
        root.join("hba"),
        "local all all trust\nhostssl certs all 127.0.0.1/32 cert\nhostssl all all 127.0.0.1/32 scram-sha-256\n",
    )
    .unwrap();
    let settings = |cert: &str| {
        let text = format!(
            "listen_addresses = '127.0.0.1'\nport = {port}\nssl = on\nssl_cert_file = '{}'\nssl_key_file = '{}'\n\
             ssl_ca_file = '{}'\nhba_file = '{}'\n",
            place.file(&format!("{cert}.pem")),
            place.file(&format!("{cert}.key")),
            place.file("people.pem"),
            place.file("hba")
        );
        std::fs::write(root.join("settings"), text).unwrap();
        root.join("settings")
    };
    let digest = |database: &str, host: &str, options: &str| {
        let url = format!("postgres://secretive:a%20word@{host}:{port}/{database}?{options}");
        let out = run(mach().args(["store", "digest", "--store", &url]));
        (out.status.success(), String::from_utf8_lossy(&[out.stdout, out.stderr].concat()).into_owned())
    };
    let ca = format!("sslrootcert={}", place.file("ca.pem"));
    let unknown = format!("sslrootcert={}", place.file("unknown.pem"));
    {
        let Some(server) = Server::start_on(port, &settings("own")) else { return };
        let database = server.database();
        server.sql("CREATE ROLE secretive LOGIN SUPERUSER PASSWORD 'a word'");
        let name = name_of(&database);
        for options in
            ["sslmode=require".to_owned(), format!("sslmode=verify-ca&{ca}"), format!("sslmode=verify-full&{ca}")]
        {
            let (done, said) = digest(&name, "localhost", &options);
            assert!(done, "{options}: {said}");
        }
        // The server takes nobody without TLS.
        let (done, said) = digest(&name, "localhost", "sslmode=disable");
        assert!(!done && said.contains("pg_hba.conf"), "{said}");
        for mode in ["require", "verify-ca", "verify-full"] {
            let (done, said) = digest(&name, "localhost", &format!("sslmode={mode}&{unknown}"));
            assert!(!done && said.contains("UnknownIssuer") && !said.contains("a word"), "{mode}: {said}");
        }
        // Who must show a certificate.
        server.sql("CREATE DATABASE certs OWNER secretive");
        let url = |more: &str| format!("postgres://mach@localhost:{port}/certs?sslmode=verify-full&{ca}{more}");
        let shown = format!("&sslcert={}&sslkey={}", place.file("mach.pem"), place.file("mach.key"));
        let asked = |url: &str| run(mach().args(["store", "digest", "--store", url]));
        let out = asked(&url(""));
        assert!(!out.status.success(), "{out:?}");
        let out = asked(&url(&shown));
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        // Work over it: import, read back.
        support::province(&root.join("files"), 60, 3);
        let mut importing = support::import(&root.join("work"), &[&root.join("files")]);
        importing.args(["--store", &url(&shown)]);
        assert_eq!(run(&mut importing).status.code(), Some(2), "some are defective");
        let out = run(mach().args(["store", "check", "--store", &url(&shown)]));
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stdout));
    }
    // A certificate of another name: `verify-ca` takes it, `verify-full` does not.
    let Some(server) = Server::start_on(port, &settings("named")) else { return };
    let database = server.database();
    server.sql("CREATE ROLE secretive LOGIN SUPERUSER PASSWORD 'a word'");
    let name = name_of(&database);
    let (done, said) = digest(&name, "localhost", &format!("sslmode=verify-ca&{ca}"));
    assert!(done, "{said}");
    let (done, said) = digest(&name, "localhost", &format!("sslmode=verify-full&{ca}"));
    assert!(!done && said.contains("not valid for name"), "{said}");
}

#[test]
fn a_handshake_that_does_not_come_is_cut() {
    if !tools("slow TLS handshakes") {
        return;
    }
    let place = Place::new("tls-slow");
    let serving = Serving::start_with(&place.options("127.0.0.1:0", &[]));
    let openings: [&[u8]; 3] = [b"", b"\x16", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"];
    let began = Instant::now();
    let held: Vec<TcpStream> = (0..60)
        .map(|n| {
            let mut stream = TcpStream::connect(serving.at).unwrap();
            stream.write_all(openings[n % 3]).unwrap();
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            stream
        })
        .collect();
    let url = format!("https://localhost:{}/healthz", serving.at.port());
    assert_eq!(
        curl(&place.root, &url, &["--cacert", "ca.pem"]),
        (true, "ok".to_owned()),
        "others are served meanwhile"
    );
    for mut stream in held {
        // Ended or reset; not waited for without end.
        let ended = stream.read(&mut [0; 64]);
        assert!(
            !matches!(&ended, Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)),
            "{ended:?}"
        );
    }
    assert!(
        began.elapsed() >= Duration::from_secs(mach_base::limits::TLS_HANDSHAKE_SECONDS) / 2,
        "an honest one has time"
    );
}

#[test]
fn a_witness_is_asked_by_tls() {
    if !tools("TLS to a witness") {
        return;
    }
    let place = Place::new("tls-witness");
    let root = &place.root;
    let said = |out: std::process::Output| {
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8(out.stdout).unwrap()
    };
    token(&place.store);
    let log = said(run(mach().args(&place.store).args(["audit-log", "key"])));
    let mut options = store_of(&root.join("witness-data"), None);
    options.extend(["witness", "--listen", "127.0.0.1:0", "--log", log.trim()].map(str::to_owned));
    options.extend(["--tls-cert".to_owned(), place.file("own.pem"), "--tls-key".to_owned(), place.file("own.key")]);
    let witness = Serving::start_with(&options);
    let key = witness.before.iter().find_map(|l| l.strip_prefix("witness ")).unwrap();
    let line = format!("https://localhost:{} {key}\n", witness.at.port());
    std::fs::write(root.join("data/log/witnesses"), line).unwrap();
    let sign = |ca: &str| {
        let mut command = mach();
        command.args(&place.store).args(["audit-log", "sign"]).env("SSL_CERT_FILE", root.join(ca));
        let out = run(&mut command);
        String::from_utf8_lossy(&[out.stdout, out.stderr].concat()).into_owned()
    };
    authority(root, "unknown");
    let refused = sign("unknown.pem");
    assert!(refused.contains("UnknownIssuer") && !refused.contains("1 witnesses"), "{refused}");
    let signed = sign("ca.pem");
    assert!(signed.contains("1 witnesses"), "{signed}");
}
