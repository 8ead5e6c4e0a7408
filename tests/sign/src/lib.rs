//! A family of certificates for tests, and the verifiers that others wrote, asked about what we made.
//!
//! `./dev test` installs them and sets `MACH_NEED_VERIFIERS`: a missing one then fails the test. Without it the test says
//! loudly that it skips. Python's packages are in `target/sign-venv` (or `MACH_SIGN_PYTHON` names the interpreter).

pub mod paper;

use mach_sign::authority::{Authority, Profile, Request};
use mach_sign::certificate::Certificate;
use mach_sign::key::{Signer, SoftKey};
use mach_sign::name::Name;
use mach_sign::oid;
use mach_sign::revocation::{Crl, Evidence, Revoked};
use mach_sign::time::{DAY, Moment, now};
use mach_sign::trust::Trust;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Somebody with a key and the certificates for it.
#[derive(Debug)]
pub struct Person {
    /// Key.
    pub key: SoftKey,
    /// The own certificate, then those that issued it; the root is not among them.
    pub chain: Vec<Certificate>,
}

impl Person {
    /// The own certificate.
    pub fn certificate(&self) -> &Certificate {
        &self.chain[0]
    }
}

/// Root, issuing authority, and those it issued to. Moments are around now, because other verifiers go by the clock.
#[derive(Debug)]
pub struct Family {
    /// The root.
    pub root: Authority,
    /// The authority below it.
    pub issuing: Authority,
    /// A timestamping service.
    pub tsa: Authority,
    /// An OCSP responder.
    pub ocsp: Authority,
    /// Made at.
    pub now: Moment,
}

fn key() -> SoftKey {
    SoftKey::generate().expect("a key")
}

fn named(common: &str) -> Name {
    let parts = [
        (oid::COUNTRY, "VN"),
        (oid::ORGANIZATION, "Bệnh viện Thử nghiệm"),
        (oid::COMMON_NAME, common),
        (oid::USER_ID, "CCCD:046090000001"),
    ];
    Name::of(&parts)
}

impl Family {
    /// A new family.
    pub fn new() -> Self {
        let now = now();
        let authority = |common: &str, below| Request {
            subject: Name::of(&[(oid::COUNTRY, "VN"), (oid::ORGANIZATION, "Mach test"), (oid::COMMON_NAME, common)]),
            profile: Profile::Authority(below),
            not_before: now - 3000 * DAY,
            not_after: now + 3000 * DAY,
            ocsp: None,
            crl: None,
        };
        let root = Authority::root(key(), &authority("Gốc thử nghiệm", 1)).expect("a root");
        let below = key();
        let certificate = root.issue(&authority("CA thử nghiệm", 0), below.public()).expect("an authority");
        let issuing = Authority::of(below, certificate).expect("an authority");
        let service = |common: &str, profile| {
            let key = key();
            let request = Request { subject: named(common), profile, ..authority("", 0) };
            let certificate = issuing.issue(&request, key.public()).expect("a certificate");
            Authority::of(key, certificate).expect("a service")
        };
        let (tsa, ocsp) = (service("TSA", Profile::Timestamp), service("OCSP", Profile::Ocsp));
        Self { root, issuing, tsa, ocsp, now }
    }

    /// A person with this key, this use, from so many days before now to so many after.
    pub fn person(&self, common: &str, key: SoftKey, profile: Profile, (from, to): (i64, i64)) -> Person {
        let request = Request {
            subject: named(common),
            profile,
            not_before: self.now + from * DAY,
            not_after: self.now + to * DAY,
            ocsp: None,
            crl: None,
        };
        let certificate = self.issuing.issue(&request, key.public()).expect("a certificate");
        Person { key, chain: vec![certificate, self.issuing.certificate().clone()] }
    }

    /// A doctor with a key on P-256, valid now.
    pub fn doctor(&self, common: &str) -> Person {
        self.person(common, key(), Profile::Document, (-100, 700))
    }

    /// Trust in the root, with lists that revoke these.
    pub fn trust(&self, revoked: &[(&Person, Moment)]) -> Trust {
        let mut trust = Trust::in_anchors(vec![self.root.certificate().clone()]);
        trust.evidence = self.evidence(revoked);
        trust
    }

    /// The lists of both authorities.
    pub fn evidence(&self, revoked: &[(&Person, Moment)]) -> Evidence {
        let (from, until) = (self.now - 3600, self.now + 7 * DAY);
        let entries: Vec<(&Certificate, Revoked)> =
            revoked.iter().map(|(p, at)| (p.certificate(), Revoked { at: *at, reason: Some(1) })).collect();
        let own: Crl = self.root.crl(&[], from, until).expect("a list");
        let below = self.issuing.crl(&entries, from, until).expect("a list");
        Evidence { lists: vec![own, below], answers: Vec::new() }
    }

    /// A timestamp of bytes.
    pub fn timestamp(&self, bytes: &[u8], at: Moment) -> Vec<u8> {
        let query = mach_sign::timestamp::Query::new(bytes).expect("a query");
        let chain = [self.issuing.certificate().clone()];
        let answer = mach_sign::timestamp::answer(&query.to_der(), &self.tsa, &chain, at).expect("an answer");
        query.token(&answer).expect("a token")
    }
}

impl Default for Family {
    fn default() -> Self {
        Self::new()
    }
}

/// An RSA key of so many bits, made by OpenSSL: `ring` makes none.
pub fn rsa_key(bits: u32) -> Option<SoftKey> {
    let option = format!("rsa_keygen_bits:{bits}");
    let made = run("openssl", &["genpkey", "-quiet", "-algorithm", "RSA", "-pkeyopt", &option])?;
    assert!(made.status.success(), "openssl: {}", String::from_utf8_lossy(&made.stderr));
    Some(SoftKey::from_pem(&String::from_utf8_lossy(&made.stdout)).expect("a key of OpenSSL's"))
}

fn missing(what: &str) {
    assert!(std::env::var_os("MACH_NEED_VERIFIERS").is_none(), "{what} is not here; ./dev test installs it");
    eprintln!("SKIPPED: {what} is not here, nobody but ourselves has looked at this; ./dev test installs it");
}

/// Runs a program of others; `None` where it is not here.
pub fn run(program: &str, arguments: &[&str]) -> Option<Output> {
    match Command::new(program).args(arguments).env("LC_ALL", "C.UTF-8").output() {
        Ok(output) => Some(output),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            missing(program);
            None
        }
        Err(e) => panic!("{program}: {e}"),
    }
}

/// What a program of others says, standard output and error; whether it was content.
pub fn said(program: &str, arguments: &[&str]) -> Option<(bool, String)> {
    let output = run(program, arguments)?;
    let text = [output.stdout, output.stderr].concat();
    Some((output.status.success(), String::from_utf8_lossy(&text).into_owned()))
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Asks `tests/sign/verify.py`.
pub fn python(arguments: &[&str]) -> Option<(bool, String)> {
    let own = root().join("target/sign-venv/bin/python");
    let program = std::env::var_os("MACH_SIGN_PYTHON").map_or(own, PathBuf::from);
    if !program.exists() {
        missing("Python with the packages of tests/sign/requirements.txt");
        return None;
    }
    let script = root().join("tests/sign/verify.py");
    let all: Vec<&str> = [script.to_str().expect("a path")].into_iter().chain(arguments.iter().copied()).collect();
    said(program.to_str().expect("a path"), &all)
}

/// A folder for what is shown to others.
#[derive(Debug)]
pub struct Folder(tempfile::TempDir);

impl Folder {
    /// A new one.
    pub fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    /// Writes a file; its path.
    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> String {
        let path = self.0.path().join(name);
        std::fs::write(&path, bytes).expect("a file");
        path.to_str().expect("a path").to_owned()
    }

    /// Path of a file in it.
    pub fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().expect("a path").to_owned()
    }
}

impl Default for Folder {
    fn default() -> Self {
        Self::new()
    }
}
