//! The transparency log, without a disk and without a network: what is signed, hashed and proved.
//!
//! Formats are those of C2SP (<https://c2sp.org>), so that others' tools read ours: tlog-tiles (the tree of RFC 6962 in
//! pieces of 256 hashes), tlog-checkpoint on signed notes with Ed25519, tlog-cosignature, the witness protocol and
//! tlog-proof. Ours alone is what a leaf says ([`fact`]): a salted commitment, which tells nothing to whom the record is
//! not shown, and nothing to anybody once salt and record are destroyed.
//!
//! Everything that is read here may come from an enemy: parsers give an error, never a panic, and have limits.

pub mod checkpoint;
pub mod cosign;
pub mod fact;
pub mod note;
pub mod proof;
pub mod receipt;
pub mod tile;
pub mod tree;
pub mod witness;

/// A SHA-256.
pub type Hash = [u8; 32];

/// What is refused past it.
pub mod limits {
    /// Bytes of a signed note. Sixteen signatures of the longest kind known (ML-DSA) take 75 KB.
    pub const NOTE_BYTES: usize = 128 << 10;
    /// Signatures of one note; the specification asks for at least 16.
    pub const SIGNATURES: usize = 64;
    /// Hashes of a proof: a tree of 2^63 leaves is that high.
    pub const PROOF_HASHES: usize = 63;
    /// Bytes of a request to a witness: its proof's lines and a note.
    pub const WITNESS_BYTES: usize = NOTE_BYTES + (8 << 10);
    /// Bytes of a proof file without the record it carries.
    pub const PROOF_BYTES: usize = 1 << 20;
    /// Bytes of a receipt: a proof and the record's own bytes, as JSON.
    pub const RECEIPT_BYTES: usize = 64 << 20;
    /// Bytes of one entry of the log; its length is written in two bytes.
    pub const ENTRY_BYTES: usize = 65_535;
    /// Bytes of a key's name.
    pub const NAME_BYTES: usize = 255;
}

/// Why something that was read is not what it should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Not in its format.
    #[error("{what}: {why}")]
    Malformed {
        /// Which format.
        what: &'static str,
        /// What is wrong.
        why: &'static str,
    },
    /// Larger than its limit.
    #[error("{what} is larger than {limit}")]
    TooLarge {
        /// What.
        what: &'static str,
        /// Bytes, or how many.
        limit: usize,
    },
    /// No signature by a key that is trusted.
    #[error("no signature by the trusted key `{0}`")]
    Unsigned(String),
    /// A signature that names a trusted key and is not by it.
    #[error("the signature of `{0}` is false")]
    BadSignature(String),
    /// Fewer witnesses have signed than are asked for.
    #[error("{found} of the trusted witnesses have signed; {wanted} must")]
    TooFewWitnesses {
        /// Who did.
        found: usize,
        /// Who must.
        wanted: usize,
    },
    /// A proof whose hashes do not lead to the root.
    #[error("the proof does not lead to the root of the checkpoint")]
    BadProof,
    /// The bytes are not those that were written into the log.
    #[error("{0}")]
    Differs(&'static str),
}

/// The result of reading and checking.
pub type Result<T> = std::result::Result<T, Error>;

pub(crate) fn malformed(what: &'static str, why: &'static str) -> Error {
    Error::Malformed { what, why }
}

/// Standard base64, padded.
pub fn base64(bytes: &[u8]) -> String {
    use ::base64::Engine;
    ::base64::engine::general_purpose::STANDARD.encode(bytes)
}

/// Reads standard base64; `None` where it is not, or not in the one way of writing it.
pub fn from_base64(text: &str) -> Option<Vec<u8>> {
    use ::base64::Engine;
    ::base64::engine::general_purpose::STANDARD.decode(text).ok()
}

pub(crate) fn hash_from_base64(text: &str) -> Option<Hash> {
    from_base64(text)?.try_into().ok()
}

/// A number in decimal digits without leading zeros, as all of these formats write them.
pub(crate) fn decimal(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.len() <= 20 && text.bytes().all(|b| b.is_ascii_digit());
    if !digits || (text.len() > 1 && text.starts_with('0')) {
        return None;
    }
    text.parse().ok()
}

/// Lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    let mut out = Vec::with_capacity(2 * bytes.len());
    push_hex(&mut out, bytes);
    String::from_utf8(out).unwrap_or_default()
}

pub(crate) fn push_hex(out: &mut Vec<u8>, bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for b in bytes {
        out.push(DIGITS[usize::from(b >> 4)]);
        out.push(DIGITS[usize::from(b & 15)]);
    }
}

/// Reads hexadecimal digits.
pub fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |b: u8| (b as char).to_digit(16).map(|d| d as u8);
    let bytes = text.as_bytes();
    if !bytes.len().is_multiple_of(2) {
        return None;
    }
    bytes.chunks_exact(2).map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?)).collect()
}
