//! Signed notes (c2sp.org/signed-note): text, an empty line, signatures. And the keys that make and check them.

use crate::{Error, Result, base64, from_base64, limits, malformed};
use ed25519_dalek::{Signer, VerifyingKey};
use sha2::{Digest, Sha256};
use std::fmt;

/// What a key signs, by the byte that goes into its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// Ed25519 over the text: a log's own signature.
    Ed25519 = 1,
    /// Ed25519 over a time and the text: a witness's cosignature.
    Cosignature = 4,
}

impl Algorithm {
    fn from_byte(byte: u8) -> Option<Self> {
        [Self::Ed25519, Self::Cosignature].into_iter().find(|a| *a as u8 == byte)
    }
}

/// Whether `name` can name a key.
pub fn is_name(name: &str) -> bool {
    let bad = |c: char| c.is_whitespace() || c.is_control() || c == '+';
    !name.is_empty() && name.len() <= limits::NAME_BYTES && !name.chars().any(bad)
}

fn key_id(name: &str, algorithm: Algorithm, public: &VerifyingKey) -> u32 {
    let hash = Sha256::new()
        .chain_update(name)
        .chain_update([b'\n', algorithm as u8])
        .chain_update(public.as_bytes())
        .finalize();
    u32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]])
}

/// A key that checks: `name+id+base64`, as `vkey` of signed-note.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verifier {
    name: String,
    algorithm: Algorithm,
    public: VerifyingKey,
    id: u32,
}

impl Verifier {
    fn new(name: &str, algorithm: Algorithm, public: VerifyingKey) -> Result<Self> {
        if !is_name(name) {
            return Err(malformed("key", "the name is empty, too long, or has a space or a plus"));
        }
        Ok(Self { name: name.to_owned(), algorithm, public, id: key_id(name, algorithm, &public) })
    }

    /// Reads `name+id+base64`.
    ///
    /// # Errors
    /// `Malformed`, also where the id is not that of name and key.
    pub fn parse(text: &str) -> Result<Self> {
        let bad = |why| malformed("key", why);
        let mut parts = text.splitn(3, '+');
        let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(bad("not name+id+base64"));
        };
        let bytes = from_base64(key).ok_or_else(|| bad("not base64"))?;
        let (algorithm, public) = bytes.split_first().ok_or_else(|| bad("empty"))?;
        let algorithm = Algorithm::from_byte(*algorithm).ok_or_else(|| bad("neither Ed25519 nor a cosigner's"))?;
        let public = public.try_into().map_err(|_| bad("not 32 bytes"))?;
        let public = VerifyingKey::from_bytes(public).map_err(|_| bad("no point of the curve"))?;
        if public.is_weak() {
            return Err(bad("a weak key"));
        }
        let key = Self::new(name, algorithm, public)?;
        if format!("{:08x}", key.id) == id { Ok(key) } else { Err(bad("the id is not that of name and key")) }
    }

    /// Its name: the origin of a log, the name of a witness.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it signs.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    pub(crate) fn made(&self, signature: &Signature) -> bool {
        signature.id == self.id && signature.name == self.name
    }

    pub(crate) fn accepts(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        self.public.verify_strict(message, &ed25519_dalek::Signature::from_bytes(signature)).is_ok()
    }
}

impl fmt::Display for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut key = vec![self.algorithm as u8];
        key.extend(self.public.as_bytes());
        write!(f, "{}+{:08x}+{}", self.name, self.id, base64(&key))
    }
}

/// A key that signs. Printing it for debugging does not tell the secret.
#[derive(Clone)]
pub struct Key {
    secret: ed25519_dalek::SigningKey,
    verifier: Verifier,
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.verifier)
    }
}

/// The beginning of a secret key's text, as Go's `sumdb/note` writes it.
const PRIVATE: &str = "PRIVATE+KEY+";

impl Key {
    /// The key of 32 random bytes.
    ///
    /// # Errors
    /// `Malformed` for a name that cannot be one.
    pub fn new(name: &str, algorithm: Algorithm, seed: &[u8; 32]) -> Result<Self> {
        let secret = ed25519_dalek::SigningKey::from_bytes(seed);
        let verifier = Verifier::new(name, algorithm, secret.verifying_key())?;
        Ok(Self { secret, verifier })
    }

    /// Reads what `to_secret` wrote.
    ///
    /// # Errors
    /// `Malformed`.
    pub fn parse(text: &str) -> Result<Self> {
        let bad = |why| malformed("secret key", why);
        let rest = text.trim_end().strip_prefix(PRIVATE).ok_or_else(|| bad("does not begin with PRIVATE+KEY+"))?;
        let mut parts = rest.splitn(3, '+');
        let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(bad("not PRIVATE+KEY+name+id+base64"));
        };
        let bytes = from_base64(key).ok_or_else(|| bad("not base64"))?;
        let (algorithm, seed) = bytes.split_first().ok_or_else(|| bad("empty"))?;
        let algorithm = Algorithm::from_byte(*algorithm).ok_or_else(|| bad("neither Ed25519 nor a cosigner's"))?;
        let key = Self::new(name, algorithm, seed.try_into().map_err(|_| bad("not 32 bytes"))?)?;
        if format!("{:08x}", key.verifier.id) == id { Ok(key) } else { Err(bad("the id is not that of name and key")) }
    }

    /// The secret as text: for a file that nobody else can read.
    pub fn to_secret(&self) -> String {
        let mut key = vec![self.verifier.algorithm as u8];
        key.extend(self.secret.to_bytes());
        format!("{PRIVATE}{}+{:08x}+{}", self.verifier.name, self.verifier.id, base64(&key))
    }

    /// What others check by.
    pub fn verifier(&self) -> &Verifier {
        &self.verifier
    }

    pub(crate) fn sign_bytes(&self, message: &[u8]) -> [u8; 64] {
        self.secret.sign(message).to_bytes()
    }

    pub(crate) fn signature(&self, bytes: Vec<u8>) -> Signature {
        Signature { name: self.verifier.name.clone(), id: self.verifier.id, bytes }
    }
}

/// A line below a note.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// The key's name.
    pub name: String,
    /// The key's id.
    pub id: u32,
    /// What the algorithm makes of it.
    pub bytes: Vec<u8>,
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut all = self.id.to_be_bytes().to_vec();
        all.extend(&self.bytes);
        writeln!(f, "— {} {}", self.name, base64(&all))
    }
}

impl Signature {
    /// Reads one line, with or without its line end.
    ///
    /// # Errors
    /// `Malformed`.
    pub fn parse(line: &str) -> Result<Self> {
        let bad = |why| malformed("signature line", why);
        let line = line.strip_suffix('\n').unwrap_or(line);
        let rest = line.strip_prefix("— ").ok_or_else(|| bad("does not begin with a dash and a space"))?;
        let (name, signature) = rest.split_once(' ').ok_or_else(|| bad("no signature"))?;
        if !is_name(name) {
            return Err(bad("the name is empty, too long, or has a space or a plus"));
        }
        let bytes = from_base64(signature).ok_or_else(|| bad("not base64"))?;
        let (id, bytes) = bytes.split_first_chunk::<4>().ok_or_else(|| bad("too short"))?;
        if bytes.is_empty() {
            return Err(bad("too short"));
        }
        Ok(Self { name: name.to_owned(), id: u32::from_be_bytes(*id), bytes: bytes.to_vec() })
    }
}

/// Text with signatures. The text is worth nothing before a trusted key's signature was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    text: String,
    signatures: Vec<Signature>,
}

impl Note {
    /// A note with `text`, which ends with a line end, signed by `key`.
    pub fn sign(text: String, key: &Key) -> Self {
        let signature = key.signature(key.sign_bytes(text.as_bytes()).to_vec());
        Self { text, signatures: vec![signature] }
    }

    /// Reads a note.
    ///
    /// # Errors
    /// `Malformed`, `TooLarge`.
    pub fn parse(note: &str) -> Result<Self> {
        let bad = |why| malformed("signed note", why);
        if note.len() > limits::NOTE_BYTES {
            return Err(Error::TooLarge { what: "a signed note", limit: limits::NOTE_BYTES });
        }
        if note.bytes().any(|b| b < 0x20 && b != b'\n') {
            return Err(bad("has a control character"));
        }
        let end = note.rfind("\n\n").ok_or_else(|| bad("no empty line before the signatures"))?;
        let (text, signatures) = (&note[..=end], &note[end + 2..]);
        let lines = signatures.strip_suffix('\n').ok_or_else(|| bad("no signature"))?;
        if lines.split('\n').count() > limits::SIGNATURES {
            return Err(Error::TooLarge { what: "the signatures of a note", limit: limits::SIGNATURES });
        }
        let signatures: Vec<Signature> = lines.split('\n').map(Signature::parse).collect::<Result<_>>()?;
        if text == "\n" {
            return Err(bad("no text"));
        }
        Ok(Self { text: text.to_owned(), signatures })
    }

    /// The text, not yet to be believed.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// All signatures, checked or not.
    pub fn signatures(&self) -> &[Signature] {
        &self.signatures
    }

    /// Adds a signature, in place of an earlier one by the same key.
    pub fn add(&mut self, signature: Signature) {
        self.signatures.retain(|s| s.name != signature.name || s.id != signature.id);
        self.signatures.push(signature);
    }

    /// Checks that the log's `key` signed the text.
    ///
    /// # Errors
    /// `Unsigned`, `BadSignature`.
    pub fn verify(&self, key: &Verifier) -> Result<()> {
        let Some(signature) = self.signatures.iter().find(|s| key.made(s)) else {
            return Err(Error::Unsigned(key.name().to_owned()));
        };
        let is_good = key.algorithm() == Algorithm::Ed25519
            && <&[u8; 64]>::try_from(signature.bytes.as_slice()).is_ok_and(|s| key.accepts(self.text.as_bytes(), s));
        if is_good { Ok(()) } else { Err(Error::BadSignature(key.name().to_owned())) }
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        self.signatures.iter().try_for_each(|s| write!(f, "{s}"))
    }
}
