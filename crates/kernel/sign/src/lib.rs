//! Signatures without a network: keys, certificates, and what is signed with them.
//!
//! - [`key`], [`certificate`], [`trust`], [`revocation`]: who signed, and could they then and now.
//! - [`cms`] and [`timestamp`]: the container that PDF signatures are made of (RFC 5652), and proof of time (RFC 3161).
//! - [`pades`] over [`pdf`]: signatures of PDF files, several to a file, each in its own revision.
//! - [`xml`]: XML signatures. [`jws`]: those of FHIR. [`jwt`]: tokens of sign-on. [`hc1`]: certificates that fit into a QR code.
//! - [`remote`]: keys with a provider, confirmed on a phone.
//! - [`authority`]: issues certificates, revocation lists and timestamps: the demonstration's keys and the tests'.
//!
//! Cryptography itself is `ring`'s. What is here is formats: everything read may come from an enemy, so parsers give an
//! error, never a panic, and have limits. Signatures with SHA-1 or RSA keys under 2048 bits are refused.

pub mod authority;
pub mod certificate;
pub mod cms;
pub mod der;
pub mod hc1;
pub mod jws;
pub mod jwt;
pub mod key;
pub mod name;
pub mod oid;
pub mod pades;
pub mod pdf;
pub mod remote;
pub mod revocation;
pub mod time;
pub mod timestamp;
pub mod trust;
pub mod verdict;
pub mod webauthn;
pub mod xml;

/// What is refused past it.
pub mod limits {
    /// Bytes of a PDF file that is signed or verified.
    pub const PDF_BYTES: usize = 64 << 20;
    /// Objects of a PDF file.
    pub const PDF_OBJECTS: usize = 500_000;
    /// Keys of one dictionary of a PDF file.
    pub const PDF_KEYS: usize = 4_096;
    /// Signatures of one PDF file.
    pub const PDF_SIGNATURES: usize = 64;
    /// Bytes of all streams of a PDF file together that are unpacked and kept.
    pub const PDF_UNPACKED_BYTES: usize = 128 << 20;
    /// Certificates, lists or answers that a PDF file brings along.
    pub const PDF_EVIDENCE: usize = 256;
    /// How deep an object may be found by way of others: a stream's length, its pack, that pack's length.
    pub const PDF_DETOURS: u8 = 4;
    /// Depth of arrays and dictionaries of a PDF file.
    pub const PDF_DEPTH: usize = 64;
    /// Revisions of a PDF file.
    pub const PDF_REVISIONS: usize = 256;
    /// Bytes of one unpacked stream that has to be understood (cross references, objects).
    pub const PDF_STREAM_BYTES: usize = 32 << 20;
    /// Bytes of an XML file that is signed or verified.
    pub const XML_BYTES: usize = 64 << 20;
    /// Bytes of one tag of an XML file: a parser compares its attributes with each other.
    pub const XML_TAG_BYTES: usize = 64 << 10;
    /// Namespaces in scope at one element.
    pub const XML_NAMESPACES: usize = 64;
    /// Depth of elements of an XML file.
    pub const XML_DEPTH: usize = 256;
    /// References of one XML signature.
    pub const XML_REFERENCES: usize = 16;
    /// Signatures of one XML file.
    pub const XML_SIGNATURES: usize = 64;
    /// Bytes of one certificate, revocation list or other ASN.1 value.
    pub const DER_BYTES: usize = 16 << 20;
    /// Certificates of one chain, root included.
    pub const CHAIN: usize = 8;
    /// Signatures checked on the way from one certificate to an authority: certificates of one name can sign each other.
    pub const PATHS: u32 = 256;
    /// Extensions of one certificate.
    pub const EXTENSIONS: usize = 64;
    /// Certificates that come with one signature.
    pub const CERTIFICATES: usize = 64;
    /// Characters of the text of a QR code: what version 40 with the lowest correction holds.
    pub const QR_CHARACTERS: usize = 4_296;
    /// Bytes of the unpacked content of a QR code.
    pub const HC1_BYTES: usize = 16 << 10;
    /// Depth of a CBOR value.
    pub const CBOR_DEPTH: usize = 32;
    /// Bytes reserved for one PDF signature: certificates, timestamp and all.
    pub const CONTAINER_BYTES: usize = 24 << 10;
}

/// Why something could not be read, signed or trusted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Not in its format.
    #[error("{what}: {why}")]
    Malformed {
        /// Which format.
        what: &'static str,
        /// What is wrong.
        why: String,
    },
    /// Larger than its limit.
    #[error("{what} is larger than {limit}")]
    TooLarge {
        /// What.
        what: &'static str,
        /// Bytes, or how many.
        limit: usize,
    },
    /// Well-formed, and nothing we can check: an algorithm or feature that is too weak or not known here.
    #[error("not supported: {0}")]
    Unsupported(String),
    /// The signature is not by this key over these bytes.
    #[error("the signature is false: {0}")]
    False(String),
    /// The key or certificate may not be used for this, or not now.
    #[error("refused: {0}")]
    Refused(String),
}

/// The result of reading, signing and checking.
pub type Result<T> = std::result::Result<T, Error>;

pub(crate) fn malformed(what: &'static str, why: impl Into<String>) -> Error {
    Error::Malformed { what, why: why.into() }
}

/// SHA-256.
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    let digest = ring::digest::digest(&ring::digest::SHA256, bytes);
    let mut out = [0; 32];
    out.copy_from_slice(digest.as_ref());
    out
}

/// Lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut out, b| {
        let _ = write!(out, "{b:02x}");
        out
    })
}

/// The 32 bytes of a SHA-256 from its 64 hexadecimal digits.
///
/// # Errors
/// `Malformed`.
pub fn digest_from_hex(text: &str) -> Result<[u8; 32]> {
    let bad = || malformed("digest", "not 64 hexadecimal digits");
    if text.len() != 64 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err(bad());
    }
    let mut out = [0; 32];
    for (n, byte) in out.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * n..2 * n + 2], 16).map_err(|_| bad())?;
    }
    Ok(out)
}

/// Standard base64, padded.
pub fn base64(bytes: &[u8]) -> String {
    use ::base64::Engine;
    ::base64::engine::general_purpose::STANDARD.encode(bytes)
}

/// Reads standard base64, whitespace left out.
///
/// # Errors
/// `Malformed`.
pub fn from_base64(text: &str) -> Result<Vec<u8>> {
    use ::base64::Engine;
    let packed: String = text.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    ::base64::engine::general_purpose::STANDARD.decode(packed).map_err(|e| malformed("base64", e.to_string()))
}
