//! Passkeys: what a browser sends when one is made and when one is used (Web Authentication Level 2, §7.1 and §7.2). No attestation
//! is asked for and none is believed; user verification is always required.

use crate::hc1::Value;
use crate::{Error, Result, malformed};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{self as algorithms, RsaPublicKeyComponents, UnparsedPublicKey};

/// Bytes of one part of what a browser sends: a key of RSA with its attestation stays far below.
pub const PART_BYTES: usize = 16 << 10;
/// Bytes of a credential's id, at most (§4).
pub const ID_BYTES: usize = 1023;
/// The algorithms that are asked for, the preferred one first, as COSE names them: ES256, EdDSA, RS256.
pub const ALGORITHMS: [i64; 3] = [-7, -8, -257];

const PRESENT: u8 = 0x01;
const VERIFIED: u8 = 0x04;
const BACKED_UP: u8 = 0x10;
const HAS_KEY: u8 = 0x40;
const HAS_EXTENSIONS: u8 = 0x80;

/// What an answer must be of.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// The challenge that was sent.
    pub challenge: &'a [u8],
    /// Scheme, host and port of the page: `https://mach.example.vn`.
    pub origin: &'a str,
    /// The host alone.
    pub rp_id: &'a str,
}

/// A key that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    /// Its id.
    pub id: Vec<u8>,
    /// The public key, as COSE writes it.
    pub key: Vec<u8>,
    /// How often it was used, as it counts; 0 where it does not count.
    pub counter: u32,
    /// Whether its owner's other devices have it, too.
    pub backed_up: bool,
}

fn bad(why: &str) -> Error {
    malformed("passkey", why)
}

fn refused(why: &str) -> Error {
    Error::Refused(format!("passkey: {why}"))
}

fn fits(parts: &[&[u8]]) -> Result<()> {
    match parts.iter().all(|p| p.len() <= PART_BYTES) {
        true => Ok(()),
        false => Err(Error::TooLarge { what: "a part of a passkey's answer", limit: PART_BYTES }),
    }
}

/// Steps 5 to 11 of §7.1 and §7.2: what the browser says of its own.
fn client(json: &[u8], kind: &str, expected: &Expected<'_>) -> Result<()> {
    let said: serde_json::Value = serde_json::from_slice(json).map_err(|_| bad("what the browser says is no JSON"))?;
    let text =
        |name: &str| said.get(name).and_then(serde_json::Value::as_str).ok_or_else(|| bad("a member is not there"));
    if text("type")? != kind {
        return Err(refused("an answer to another question"));
    }
    if text("challenge")? != URL_SAFE_NO_PAD.encode(expected.challenge) {
        return Err(refused("an answer to another challenge"));
    }
    if text("origin")? != expected.origin {
        return Err(refused("from another origin"));
    }
    match said.get("crossOrigin") {
        None | Some(serde_json::Value::Null | serde_json::Value::Bool(false)) => Ok(()),
        Some(_) => Err(refused("from a page inside of another's")),
    }
}

/// The authenticator's own part, cut up.
struct Data<'a> {
    flags: u8,
    counter: u32,
    rest: &'a [u8],
}

fn data<'a>(bytes: &'a [u8], expected: &Expected<'_>) -> Result<Data<'a>> {
    let Some((head, rest)) = bytes.split_at_checked(37) else { return Err(bad("the authenticator's data is short")) };
    if head[..32] != crate::sha256(expected.rp_id.as_bytes()) {
        return Err(refused("of another site"));
    }
    let flags = head[32];
    if flags & PRESENT == 0 {
        return Err(refused("nobody touched it"));
    }
    if flags & VERIFIED == 0 {
        return Err(refused("it did not ask who uses it"));
    }
    let counter = head[33..37].iter().fold(0_u32, |n, b| n << 8 | u32::from(*b));
    Ok(Data { flags, counter, rest })
}

/// Extensions stand last, and nothing behind them.
fn ends(flags: u8, rest: &[u8]) -> Result<()> {
    match (flags & HAS_EXTENSIONS != 0, rest.is_empty()) {
        (false, true) => Ok(()),
        (true, false) if matches!(Value::decode(rest)?, Value::Map(_)) => Ok(()),
        _ => Err(bad("something stands behind the authenticator's data")),
    }
}

/// Checks what a browser sent when a key was made.
///
/// # Errors
/// `Malformed`, `TooLarge`, `Unsupported` for a key of another algorithm; `Refused` where it is of another challenge, origin or site,
/// or its user was not verified.
pub fn made(client_data: &[u8], attestation: &[u8], expected: &Expected<'_>) -> Result<Made> {
    fits(&[client_data, attestation])?;
    client(client_data, "webauthn.create", expected)?;
    let object = Value::decode(attestation)?;
    let named = |name: &str| object.named(name).ok_or_else(|| bad("no attestation object"));
    // Nothing was asked for: what says more than that would have to be believed or checked.
    if named("fmt")?.as_text() != Some("none") || !matches!(named("attStmt")?, Value::Map(m) if m.is_empty()) {
        return Err(refused("an attestation that nobody asked for"));
    }
    let Value::Bytes(bytes) = named("authData")? else { return Err(bad("no authenticator data")) };
    let data = data(bytes, expected)?;
    if data.flags & HAS_KEY == 0 {
        return Err(bad("no key"));
    }
    let Some((head, rest)) = data.rest.split_at_checked(18) else { return Err(bad("no key")) };
    let length = usize::from(head[16]) << 8 | usize::from(head[17]);
    if length == 0 || length > ID_BYTES {
        return Err(bad("an id that is empty or too long"));
    }
    let Some((id, rest)) = rest.split_at_checked(length) else { return Err(bad("an id that is cut off")) };
    let (key, after) = Value::decode_first(rest)?;
    let key_bytes = &rest[..rest.len() - after.len()];
    Key::read(&key)?;
    ends(data.flags, after)?;
    Ok(Made { id: id.to_vec(), key: key_bytes.to_vec(), counter: data.counter, backed_up: data.flags & BACKED_UP != 0 })
}

/// Checks what a browser sent when a key was used; gives the key's counter.
///
/// # Errors
/// As [`made`]; `False` where this key did not sign it.
pub fn used(
    client_data: &[u8],
    authenticator: &[u8],
    signature: &[u8],
    key: &[u8],
    expected: &Expected<'_>,
) -> Result<u32> {
    fits(&[client_data, authenticator, signature, key])?;
    client(client_data, "webauthn.get", expected)?;
    let data = data(authenticator, expected)?;
    if data.flags & HAS_KEY != 0 {
        return Err(bad("a key where none is asked for"));
    }
    ends(data.flags, data.rest)?;
    let signed = [authenticator, &crate::sha256(client_data)].concat();
    Key::read(&Value::decode(key)?)?.verify(&signed, signature)?;
    Ok(data.counter)
}

/// Whether a counter says that the key was copied (§7.2, step 21): it counts, and not past what it counted before.
pub fn is_copied(before: u32, now: u32) -> bool {
    (before != 0 || now != 0) && now <= before
}

enum Key {
    P256([u8; 65]),
    Ed25519(Vec<u8>),
    Rsa { n: Vec<u8>, e: Vec<u8> },
}

impl Key {
    /// A COSE key (RFC 9052 §7, RFC 9053, RFC 8230) of one of [`ALGORITHMS`].
    fn read(value: &Value) -> Result<Self> {
        let int = |label: i64| match value.get(label) {
            Some(Value::Int(n)) => Some(*n),
            _ => None,
        };
        let bytes = |label: i64| match value.get(label) {
            Some(Value::Bytes(b)) => Ok(b.as_slice()),
            _ => Err(bad("a part of the key is not there")),
        };
        let of = |label: i64, length: usize| {
            bytes(label)
                .and_then(|b| if b.len() == length { Ok(b) } else { Err(bad("a part of the key has another length")) })
        };
        match (int(3), int(1), int(-1)) {
            (Some(-7), Some(2), Some(1)) => {
                let mut point = [4_u8; 65];
                point[1..33].copy_from_slice(of(-2, 32)?);
                point[33..].copy_from_slice(of(-3, 32)?);
                Ok(Self::P256(point))
            }
            (Some(-8), Some(1), Some(6)) => Ok(Self::Ed25519(of(-2, 32)?.to_vec())),
            (Some(-257), Some(3), _) => {
                let (n, e) = (bytes(-1)?, bytes(-2)?);
                let plain = |b: &[u8]| b.iter().position(|d| *d != 0).map(|at| b[at..].to_vec());
                let (Some(n), Some(e)) = (plain(n), plain(e)) else { return Err(bad("an RSA key of nothing")) };
                if !(256..=512).contains(&n.len()) {
                    return Err(Error::Unsupported("an RSA key of less than 2048 or more than 4096 bits".to_owned()));
                }
                Ok(Self::Rsa { n, e })
            }
            _ => Err(Error::Unsupported("a passkey that signs otherwise than with ES256, EdDSA or RS256".to_owned())),
        }
    }

    fn verify(&self, message: &[u8], signature: &[u8]) -> Result<()> {
        let right = match self {
            Self::P256(point) => {
                UnparsedPublicKey::new(&algorithms::ECDSA_P256_SHA256_ASN1, point).verify(message, signature)
            }
            Self::Ed25519(key) => UnparsedPublicKey::new(&algorithms::ED25519, key).verify(message, signature),
            Self::Rsa { n, e } => {
                RsaPublicKeyComponents { n, e }.verify(&algorithms::RSA_PKCS1_2048_8192_SHA256, message, signature)
            }
        };
        right.map_err(|_| Error::False("not by this passkey".to_owned()))
    }
}
