//! Passkeys: what is taken, and each thing that is refused. Keys are made here; the authenticator is played by hand.

use mach_sign::hc1::Value;
use mach_sign::webauthn::{self, Expected, PART_BYTES, is_copied};
use mach_sign::{Error, sha256};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair};

const EXPECTED: Expected<'_> = Expected { challenge: b"a challenge", origin: "https://mach.test", rp_id: "mach.test" };

fn client(kind: &str, challenge: &str, origin: &str, more: &str) -> Vec<u8> {
    format!(r#"{{"type":"{kind}","challenge":"{challenge}","origin":"{origin}"{more}}}"#).into_bytes()
}

/// `a challenge` in base64url.
const CHALLENGE: &str = "YSBjaGFsbGVuZ2U";

fn data(site: &str, flags: u8, counter: u32, rest: &[u8]) -> Vec<u8> {
    [&sha256(site.as_bytes())[..], &[flags], &counter.to_be_bytes(), rest].concat()
}

struct P256(EcdsaKeyPair);

impl P256 {
    fn new() -> Self {
        let random = SystemRandom::new();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random).expect("a key");
        Self(EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, pkcs8.as_ref(), &random).expect("a key"))
    }

    fn cose(&self) -> Value {
        let point = self.0.public_key().as_ref();
        let of = |n: i64, v: Value| (Value::Int(n), v);
        Value::Map(vec![
            of(1, Value::Int(2)),
            of(3, Value::Int(-7)),
            of(-1, Value::Int(1)),
            of(-2, Value::Bytes(point[1..33].to_vec())),
            of(-3, Value::Bytes(point[33..].to_vec())),
        ])
    }

    fn sign(&self, client: &[u8], data: &[u8]) -> Vec<u8> {
        let message = [data, &sha256(client)].concat();
        self.0.sign(&SystemRandom::new(), &message).expect("signed").as_ref().to_vec()
    }
}

fn attestation(fmt: &str, data: &[u8]) -> Vec<u8> {
    Value::record(vec![
        ("fmt", Value::text(fmt)),
        ("attStmt", Value::Map(Vec::new())),
        ("authData", Value::Bytes(data.to_vec())),
    ])
    .encode()
}

fn with_key(id: &[u8], key: &Value) -> Vec<u8> {
    [&[0; 16][..], &(id.len() as u16).to_be_bytes(), id, &key.encode()].concat()
}

#[test]
fn a_key_is_made_and_used() {
    let key = P256::new();
    let made = client("webauthn.create", CHALLENGE, "https://mach.test", r#","crossOrigin":false"#);
    let rest = with_key(b"an id", &key.cose());
    let got = webauthn::made(&made, &attestation("none", &data("mach.test", 0x45, 7, &rest)), &EXPECTED).expect("made");
    assert_eq!((got.id.as_slice(), got.counter, got.backed_up), (&b"an id"[..], 7, false));
    assert_eq!(Value::decode(&got.key), Ok(key.cose()));
    // With extensions, as some authenticators send them.
    let more = [rest.as_slice(), &Value::record(vec![("credProtect", Value::Int(2))]).encode()].concat();
    let object = attestation("none", &data("mach.test", 0xd5, 0, &more));
    assert!(webauthn::made(&made, &object, &EXPECTED).expect("made").backed_up);

    let used = client("webauthn.get", CHALLENGE, "https://mach.test", "");
    let bytes = data("mach.test", 0x05, 8, &[]);
    let signature = key.sign(&used, &bytes);
    assert_eq!(webauthn::used(&used, &bytes, &signature, &got.key, &EXPECTED), Ok(8));
}

#[test]
fn other_algorithms() {
    let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).expect("a key");
    let key = Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).expect("a key");
    let of = |n: i64, v: Value| (Value::Int(n), v);
    let cose = |alg: i64| {
        let public = Value::Bytes(key.public_key().as_ref().to_vec());
        Value::Map(vec![of(1, Value::Int(1)), of(3, Value::Int(alg)), of(-1, Value::Int(6)), of(-2, public)])
    };
    let used = client("webauthn.get", CHALLENGE, "https://mach.test", "");
    let bytes = data("mach.test", 0x05, 0, &[]);
    let signature = key.sign(&[bytes.as_slice(), &sha256(&used)].concat());
    let with = |key: &Value| webauthn::used(&used, &bytes, signature.as_ref(), &key.encode(), &EXPECTED);
    assert_eq!(with(&cose(-8)), Ok(0));
    assert!(matches!(with(&cose(-7)), Err(Error::Unsupported(_))), "an algorithm of another kind of key");
    assert!(matches!(with(&cose(-35)), Err(Error::Unsupported(_))), "one that was not asked for");
    // RS256: made by OpenSSL, where it is here.
    let Some(rsa) = mach_test_sign::rsa_key(2048) else { return };
    let rsa = rsa.with_scheme(mach_sign::key::Scheme::RsaPkcs1(mach_sign::key::Hash::Sha256)).expect("the scheme");
    use mach_sign::key::Signer as _;
    let der = rsa.public().bytes().to_vec();
    let mut reader = mach_sign::der::single(&der).expect("DER").reader();
    let mut number = || Value::Bytes(reader.expect(mach_sign::der::tag::INTEGER).expect("a number").content.to_vec());
    let cose = Value::Map(vec![of(1, Value::Int(3)), of(3, Value::Int(-257)), of(-1, number()), of(-2, number())]);
    let message = [bytes.as_slice(), &sha256(&used)].concat();
    let signature = rsa.sign(&message).expect("signed");
    assert_eq!(webauthn::used(&used, &bytes, &signature, &cose.encode(), &EXPECTED), Ok(0));
    let other = rsa.sign(b"another message").expect("signed");
    let found = webauthn::used(&used, &bytes, &other, &cose.encode(), &EXPECTED);
    assert!(matches!(found, Err(Error::False(_))));
}

#[test]
fn what_is_of_something_else_is_refused() {
    let key = P256::new();
    let cose = key.cose().encode();
    let good = client("webauthn.get", CHALLENGE, "https://mach.test", "");
    let bytes = data("mach.test", 0x05, 1, &[]);
    let ask = |client: &[u8], bytes: &[u8]| webauthn::used(client, bytes, &key.sign(client, bytes), &cose, &EXPECTED);
    assert_eq!(ask(&good, &bytes), Ok(1));
    for (what, client) in [
        ("making", client("webauthn.create", CHALLENGE, "https://mach.test", "")),
        ("another challenge", client("webauthn.get", "YW5vdGhlcg", "https://mach.test", "")),
        ("a padded challenge", client("webauthn.get", "YSBjaGFsbGVuZ2U=", "https://mach.test", "")),
        ("another origin", client("webauthn.get", CHALLENGE, "https://evil.test", "")),
        ("a longer origin", client("webauthn.get", CHALLENGE, "https://mach.test.evil.test", "")),
        ("another port", client("webauthn.get", CHALLENGE, "https://mach.test:8443", "")),
        ("another scheme", client("webauthn.get", CHALLENGE, "http://mach.test", "")),
        ("a part of the site", client("webauthn.get", CHALLENGE, "https://a.mach.test", "")),
        ("inside of another's page", client("webauthn.get", CHALLENGE, "https://mach.test", r#","crossOrigin":true"#)),
    ] {
        assert!(matches!(ask(&client, &bytes), Err(Error::Refused(_))), "{what}");
    }
    for (what, bytes) in [
        ("another site", data("evil.test", 0x05, 1, &[])),
        ("nobody there", data("mach.test", 0x04, 1, &[])),
        ("nobody verified", data("mach.test", 0x01, 1, &[])),
    ] {
        assert!(matches!(ask(&good, &bytes), Err(Error::Refused(_))), "{what}");
    }
    for (what, client, bytes) in [
        ("no JSON", b"{".to_vec(), bytes.clone()),
        ("no members", b"{}".to_vec(), bytes.clone()),
        ("cut off", good.clone(), bytes[..36].to_vec()),
        ("something behind it", good.clone(), data("mach.test", 0x05, 1, b"x")),
        ("extensions that are none", good.clone(), data("mach.test", 0x85, 1, &[])),
        ("a key", good.clone(), data("mach.test", 0x45, 1, &with_key(b"id", &key.cose()))),
    ] {
        assert!(matches!(ask(&client, &bytes), Err(Error::Malformed { .. })), "{what}");
    }
    let mut signature = key.sign(&good, &bytes);
    assert!(webauthn::used(&good, &bytes, &signature, &P256::new().cose().encode(), &EXPECTED).is_err(), "another key");
    if let Some(last) = signature.last_mut() {
        *last ^= 1;
    }
    assert!(matches!(webauthn::used(&good, &bytes, &signature, &cose, &EXPECTED), Err(Error::False(_))));
    let long = vec![b' '; PART_BYTES + 1];
    assert!(matches!(webauthn::used(&long, &bytes, &[], &cose, &EXPECTED), Err(Error::TooLarge { .. })));
    assert!(matches!(webauthn::used(&long[1..], &bytes, &[], &cose, &EXPECTED), Err(Error::Malformed { .. })));
}

#[test]
fn making_is_checked_as_strictly() {
    let key = P256::new();
    let good = client("webauthn.create", CHALLENGE, "https://mach.test", "");
    let ask = |object: &[u8]| webauthn::made(&good, object, &EXPECTED);
    let rest = with_key(b"id", &key.cose());
    let whole = data("mach.test", 0x45, 0, &rest);
    assert!(ask(&attestation("none", &whole)).is_ok());
    assert!(matches!(ask(&attestation("packed", &whole)), Err(Error::Refused(_))), "an attestation");
    assert!(matches!(ask(&attestation("none", &data("evil.test", 0x45, 0, &rest))), Err(Error::Refused(_))));
    assert!(
        matches!(ask(&attestation("none", &data("mach.test", 0x41, 0, &rest))), Err(Error::Refused(_))),
        "not verified"
    );
    let Value::Map(pairs) = key.cose() else { panic!("a map") };
    let short = Value::Map(pairs.iter().take(4).cloned().collect());
    for (what, object) in [
        ("nothing", Vec::new()),
        ("no map", Value::Null.encode()),
        ("no key", attestation("none", &data("mach.test", 0x05, 0, &rest))),
        ("cut off", attestation("none", &whole[..60])),
        ("an empty id", attestation("none", &data("mach.test", 0x45, 0, &with_key(b"", &key.cose())))),
        ("a long id", attestation("none", &data("mach.test", 0x45, 0, &with_key(&[1; 1024], &key.cose())))),
        ("half a key", attestation("none", &data("mach.test", 0x45, 0, &with_key(b"id", &short)))),
        ("something behind it", attestation("none", &[whole.as_slice(), &[0]].concat())),
    ] {
        assert!(matches!(ask(&object), Err(Error::Malformed { .. })), "{what}");
    }
    let longest = attestation("none", &data("mach.test", 0x45, 0, &with_key(&[1; 1023], &key.cose())));
    assert!(ask(&longest).is_ok(), "at the limit");
}

#[test]
fn a_counter_that_does_not_go_on_is_told() {
    for (before, now, copied) in [(0, 0, false), (0, 1, false), (1, 2, false), (2, 2, true), (2, 1, true), (2, 0, true)]
    {
        assert_eq!(is_copied(before, now), copied, "{before} {now}");
    }
}
