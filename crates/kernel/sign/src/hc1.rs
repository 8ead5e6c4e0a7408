//! Certificates that fit into a QR code, as the EU's DCC and the vaccine passport of decision 5772/QĐ-BYT write them:
//! claims in CBOR (RFC 8392), signed as COSE_Sign1 (RFC 9052), packed with zlib, written in base45 (RFC 9285) after `HC1:`.
//! The code carries no certificate, only the id of its key: who checks must have the signers' certificates.
//!
//! Papers of a house (driver certificates, prescriptions) carry the same behind an address, so that any telephone opens it and
//! who has no network reads it all the same: `https://…#hc1=` and the packed bytes in base64url.

mod base45;
mod cbor;

pub use base45::{decode as from_base45, encode as to_base45};
pub use cbor::Value;

use crate::certificate::Certificate;
use crate::key::{Hash, Scheme, Signer, ecdsa_der, ecdsa_fixed};
use crate::revocation::Evidence;
use crate::time::{self, Moment};
use crate::trust::{Purpose, Standing, Trust};
use crate::{Error, Result, limits, malformed};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::io::{Read, Write};

/// What the text begins with.
pub const PREFIX: &str = "HC1:";
/// The claim of health certificates, as the EU registered it; key 1 of its map is a DCC.
pub const HEALTH: i64 = -260;
/// The claim of papers of a house, of the numbers for private use (RFC 8392 §9.1): a record with their `id`.
pub const PAPER: i64 = -70_001;
/// What stands between an address and the code of a paper.
pub const FRAGMENT: &str = "#hc1=";

const ISSUER: i64 = 1;
const EXPIRES: i64 = 4;
const ISSUED: i64 = 6;
const SIGN1: u64 = 18;
const ES256: i64 = -7;
const PS256: i64 = -37;

/// What a code says.
#[derive(Clone, Debug, PartialEq)]
pub struct Claims {
    /// Who issued it: a country, or a facility's code.
    pub issuer: String,
    /// When.
    pub issued: Moment,
    /// Until when it counts.
    pub expires: Moment,
    /// The claim's number with its content.
    pub content: (i64, Value),
}

fn bad(why: &str) -> Error {
    malformed("QR code", why)
}

/// The id of a certificate's key: the first eight bytes of its SHA-256.
pub fn key_id(certificate: &Certificate) -> Vec<u8> {
    certificate.fingerprint()[..8].to_vec()
}

/// The unique certificate identifiers (`ci`) of a DCC: of vaccinations, tests and recoveries.
pub fn identifiers(claims: &Claims) -> Vec<&str> {
    let Some(record) = claims.content.1.get(1).filter(|_| claims.content.0 == HEALTH) else { return Vec::new() };
    let lists = ["v", "t", "r"].into_iter().filter_map(|name| record.named(name));
    let entries = lists.filter_map(|list| if let Value::Array(entries) = list { Some(entries) } else { None });
    entries.flatten().filter_map(|entry| entry.named("ci")?.as_text()).collect()
}

/// What a list of certificates taken back says of one: the first half of the SHA-256 of its identifier, in hexadecimal.
pub fn mark(identifier: &str) -> String {
    crate::hex(&crate::sha256(identifier.as_bytes())[..16])
}

/// The mark of a paper's code: of who gave it out and which paper it is. Whoever writes the same code anew does not change it.
pub fn paper_mark(issuer: &str, id: &str) -> [u8; 32] {
    crate::sha256(format!("mach paper\n{issuer}\n{id}").as_bytes())
}

/// The same of claims; `None` where they are of no paper.
pub fn mark_of(claims: &Claims) -> Option<[u8; 32]> {
    let id = claims.content.1.named("id").filter(|_| claims.content.0 == PAPER)?.as_text()?;
    Some(paper_mark(&claims.issuer, id))
}

/// Whether a text is an address with a code behind it.
pub fn is_address(text: &str) -> bool {
    (text.starts_with("https://") || text.starts_with("http://")) && text.contains(FRAGMENT)
}

/// What was copied, as it was printed: a line that was broken on the way is one again, and a blank that must not break is a blank.
fn as_printed(text: &str) -> String {
    let kept = text.chars().filter(|c| !matches!(c, '\r' | '\n' | '\t' | '\u{feff}' | '\u{200b}'));
    kept.map(|c| if c == '\u{a0}' { ' ' } else { c }).collect()
}

fn structure(protected: &[u8], payload: &[u8]) -> Vec<u8> {
    let parts = vec![
        Value::Text("Signature1".to_owned()),
        Value::Bytes(protected.to_vec()),
        Value::Bytes(Vec::new()),
        Value::Bytes(payload.to_vec()),
    ];
    Value::Array(parts).encode()
}

/// A signed code's text.
///
/// # Errors
/// `Unsupported` for keys other than P-256 and RSA-PSS, `TooLarge` where it does not fit into a QR code; what the key says.
pub fn sign(claims: &Claims, key: &dyn Signer, certificate: &Certificate) -> Result<String> {
    fitting(format!("{PREFIX}{}", to_base45(&packed(claims, key, certificate)?)))
}

/// A signed code behind an address, which holds no fragment of its own.
///
/// # Errors
/// As [`sign`].
pub fn sign_behind(address: &str, claims: &Claims, key: &dyn Signer, certificate: &Certificate) -> Result<String> {
    fitting(format!("{address}{FRAGMENT}{}", URL_SAFE_NO_PAD.encode(packed(claims, key, certificate)?)))
}

fn fitting(text: String) -> Result<String> {
    if text.len() > limits::QR_CHARACTERS {
        return Err(Error::TooLarge { what: "a QR code", limit: limits::QR_CHARACTERS });
    }
    Ok(text)
}

/// The signed message, packed.
fn packed(claims: &Claims, key: &dyn Signer, certificate: &Certificate) -> Result<Vec<u8>> {
    let algorithm = match key.scheme() {
        Scheme::EcdsaP256Sha256 => ES256,
        Scheme::RsaPss(Hash::Sha256) => PS256,
        other => return Err(Error::Unsupported(format!("{} in a QR code", other.name()))),
    };
    let payload = Value::Map(vec![
        (Value::Int(ISSUER), Value::Text(claims.issuer.clone())),
        (Value::Int(EXPIRES), Value::Int(claims.expires)),
        (Value::Int(ISSUED), Value::Int(claims.issued)),
        (Value::Int(claims.content.0), claims.content.1.clone()),
    ])
    .encode();
    let header = vec![(Value::Int(1), Value::Int(algorithm)), (Value::Int(4), Value::Bytes(key_id(certificate)))];
    let protected = Value::Map(header).encode();
    let mut signature = key.sign(&structure(&protected, &payload))?;
    if algorithm == ES256 {
        signature = ecdsa_fixed(&signature, 32)?;
    }
    let parts = vec![Value::Bytes(protected), Value::Map(Vec::new()), Value::Bytes(payload), Value::Bytes(signature)];
    let message = Value::Tag(SIGN1, Box::new(Value::Array(parts))).encode();
    let mut packer = flate2::write::ZlibEncoder::new(Vec::with_capacity(message.len()), flate2::Compression::best());
    packer.write_all(&message).and_then(|()| packer.finish()).map_err(|e| bad(&e.to_string()))
}

/// A code that was read, not yet checked.
#[derive(Clone, Debug)]
pub struct Code {
    /// What it says.
    pub claims: Claims,
    /// The id of its signer's key.
    pub key_id: Vec<u8>,
    scheme: Scheme,
    signed: Vec<u8>,
    signature: Vec<u8>,
}

fn integer(map: &Value, key: i64) -> Option<i64> {
    match map.get(key)? {
        Value::Int(n) => Some(*n),
        // Some issuers write times with a fraction.
        Value::Float(n) if n.is_finite() => Some(*n as i64),
        _ => None,
    }
}

impl Code {
    /// Reads a code's text, or an address with a code behind it. Breaks of lines inside, as copying makes them, do not count.
    ///
    /// # Errors
    /// `Malformed`, `TooLarge`.
    pub fn parse(text: &str) -> Result<Self> {
        let text = as_printed(text);
        let text = text.trim_ascii();
        if text.len() > limits::QR_CHARACTERS {
            return Err(Error::TooLarge { what: "a QR code", limit: limits::QR_CHARACTERS });
        }
        let packed = match text.split_once(FRAGMENT).filter(|_| is_address(text)) {
            Some((_, rest)) => URL_SAFE_NO_PAD.decode(rest).map_err(|_| bad("its letters are not base64url"))?,
            None => from_base45(text.strip_prefix(PREFIX).ok_or_else(|| bad("it does not begin with HC1:"))?)?,
        };
        let mut message = Vec::new();
        let most = limits::HC1_BYTES as u64 + 1;
        let mut unpacker = flate2::bufread::ZlibDecoder::new(packed.as_slice()).take(most);
        unpacker.read_to_end(&mut message).map_err(|_| bad("its content cannot be unpacked"))?;
        if message.len() > limits::HC1_BYTES {
            return Err(Error::TooLarge { what: "the content of a QR code", limit: limits::HC1_BYTES });
        }
        if !unpacker.into_inner().into_inner().is_empty() {
            return Err(bad("something stands behind its content"));
        }
        let parts = match Value::decode(&message)? {
            Value::Tag(SIGN1, inner) => *inner,
            other => other,
        };
        let Value::Array(parts) = parts else { return Err(bad("no COSE_Sign1")) };
        let [Value::Bytes(protected), open, Value::Bytes(payload), Value::Bytes(signature)] = parts.as_slice() else {
            return Err(bad("no COSE_Sign1"));
        };
        let header = if protected.is_empty() { Value::Map(Vec::new()) } else { Value::decode(protected)? };
        // What must be understood (RFC 9052 §3.1) and is not: nothing here is.
        if header.get(2).is_some() {
            return Err(Error::Unsupported("a QR code with a critical header".to_owned()));
        }
        let scheme = match integer(&header, 1) {
            Some(ES256) => Scheme::EcdsaP256Sha256,
            Some(PS256) => Scheme::RsaPss(Hash::Sha256),
            _ => return Err(Error::Unsupported("a QR code signed otherwise than with ES256 or PS256".to_owned())),
        };
        let id = match header.get(4).or_else(|| open.get(4)) {
            Some(Value::Bytes(id)) => id.clone(),
            _ => return Err(bad("no id of a key")),
        };
        let signature = if scheme == Scheme::EcdsaP256Sha256 { ecdsa_der(signature)? } else { signature.clone() };
        let map = Value::decode(payload)?;
        let Value::Map(pairs) = &map else { return Err(bad("no claims")) };
        let Some(Value::Text(issuer)) = map.get(ISSUER) else { return Err(bad("no issuer")) };
        let (Some(issued), Some(expires)) = (integer(&map, ISSUED), integer(&map, EXPIRES)) else {
            return Err(bad("no time of issue or expiry"));
        };
        let is_content =
            |(key, _): &&(Value, Value)| matches!(key, Value::Int(n) if ![ISSUER, EXPIRES, ISSUED].contains(n));
        let content = pairs.iter().rev().find(is_content).ok_or_else(|| bad("no content"))?;
        let Value::Int(claim) = content.0 else { return Err(bad("no content")) };
        let claims = Claims { issuer: issuer.clone(), issued, expires, content: (claim, content.1.clone()) };
        Ok(Self { claims, key_id: id, scheme, signed: structure(protected, payload), signature })
    }

    /// Checks it against the certificates of those who may sign such codes.
    pub fn verify(self, signers: &[Certificate], trust: &Trust, now: Moment) -> Report {
        let by_key = |c: &&Certificate| c.key.verify(self.scheme, &self.signed, &self.signature).is_ok();
        let named: Vec<_> = signers.iter().filter(|c| key_id(c) == self.key_id).collect();
        let signer = named.iter().copied().find(by_key).cloned();
        let unread = || Standing::Untrusted("nobody who may sign such codes has this key".to_owned());
        let standing = |at| {
            let of = |c| trust.standing(c, signers, &Evidence::default(), at, Purpose::Document);
            signer.as_ref().map_or_else(unread, of)
        };
        let integrity = if signer.is_some() {
            Ok(())
        } else if named.is_empty() {
            Err(Error::Refused("nobody who may sign such codes has this key".to_owned()))
        } else {
            Err(Error::False("its content is not what was signed".to_owned()))
        };
        let (then, at) = (standing(self.claims.issued), standing(now));
        let age = if self.claims.expires < now {
            Age::Over
        } else if self.claims.issued > now + time::CLOCK_SKEW {
            Age::ToCome
        } else {
            Age::Current
        };
        Report { claims: self.claims, scheme: self.scheme, certificate: signer, integrity, then, now: at, age }
    }
}

/// Whether a code counts by its own dates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Age {
    /// Yes.
    Current,
    /// Its last moment is over.
    Over,
    /// It was issued at a time that is still to come.
    ToCome,
}

/// What a code says, and whether it is true.
#[derive(Clone, Debug)]
pub struct Report {
    /// What it says.
    pub claims: Claims,
    /// How it was signed.
    pub scheme: Scheme,
    /// Whose key signed it.
    pub certificate: Option<Certificate>,
    /// That this key signed it; why not.
    pub integrity: Result<()>,
    /// Where the certificate stood when it was issued, as it says itself.
    pub then: Standing,
    /// Where it stands now.
    pub now: Standing,
    /// Whether it counts by its own dates.
    pub age: Age,
}

impl Report {
    /// Whether it counts.
    pub fn is_good(&self) -> bool {
        self.integrity.is_ok() && self.age == Age::Current && self.then.is_good() && self.now.is_good()
    }
}
