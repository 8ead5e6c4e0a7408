//! What a leaf says: that a fact was stored, without telling which.
//!
//! A fact is described in plain lines ([`Describe`]), with the SHA-256 of its exact bytes where it has some. The leaf holds
//! `SHA-256(salt ‖ description)` and the kind of the fact, nothing else: 16 random bytes of salt, kept beside the record,
//! make it impossible to find the description by trying, and when they are destroyed with the record the leaf says nothing
//! any more while the log stays whole.

use crate::{Hash, malformed, push_hex};
use sha2::{Digest, Sha256};

/// Bytes of a salt.
pub const SALT_BYTES: usize = 16;
/// Random bytes that hide a description.
pub type Salt = [u8; SALT_BYTES];

/// Bytes of an entry: format, kind, commitment.
pub const ENTRY_BYTES: usize = 34;
/// An entry of the log.
pub type Entry = [u8; ENTRY_BYTES];

/// The format of an entry: its first byte.
const FORMAT: u8 = 1;
/// The first line of a description.
const MAGIC: &[u8] = b"mach-fact/v1\n";

/// What kind of fact; numbers are never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A version of a resource.
    Resource = 1,
    /// An entry of the audit trail.
    Audit = 2,
    /// An account: its role, facility and password.
    Account = 3,
    /// A facility's API key.
    ApiKey = 4,
    /// Another system's token.
    SystemToken = 5,
    /// A version of a claim, as it was received.
    ClaimVersion = 6,
    /// Where a claim stands.
    Claim = 7,
    /// A check-in message.
    CheckIn = 8,
    /// The number of a facility or a department.
    Number = 9,
    /// What was done to the node itself: content replaced, backup, restore, erasure.
    Event = 10,
    /// A registered app: what it may be granted at most.
    App = 11,
    /// What somebody let an app do.
    AppGrant = 12,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 12] = [
        Self::Resource,
        Self::Audit,
        Self::Account,
        Self::ApiKey,
        Self::SystemToken,
        Self::ClaimVersion,
        Self::Claim,
        Self::CheckIn,
        Self::Number,
        Self::Event,
        Self::App,
        Self::AppGrant,
    ];

    /// As descriptions and reports name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Resource => "resource",
            Self::Audit => "audit",
            Self::Account => "account",
            Self::ApiKey => "api-key",
            Self::SystemToken => "system-token",
            Self::ClaimVersion => "claim-version",
            Self::Claim => "claim",
            Self::CheckIn => "check-in",
            Self::Number => "number",
            Self::Event => "event",
            Self::App => "app",
            Self::AppGrant => "app-grant",
        }
    }

    /// From its number.
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|k| *k as u8 == number)
    }
}

/// A description being written: a line for each field, in the order given.
#[derive(Clone, Debug)]
pub struct Describe {
    kind: Kind,
    text: Vec<u8>,
}

impl Describe {
    /// A description of a fact of `kind`.
    pub fn new(kind: Kind) -> Self {
        let mut text = Vec::with_capacity(320);
        text.extend(MAGIC);
        let mut new = Self { kind, text };
        new.field("kind");
        new.text.extend(kind.name().as_bytes());
        new.text.push(b'\n');
        new
    }

    fn field(&mut self, name: &str) {
        self.text.extend(name.as_bytes());
        self.text.push(b' ');
    }

    /// A text; backslashes and control characters are escaped, so that a field is one line.
    #[must_use]
    pub fn text(mut self, name: &str, value: &str) -> Self {
        self.field(name);
        for b in value.bytes() {
            match b {
                b'\\' => self.text.extend(b"\\\\"),
                b'\n' => self.text.extend(b"\\n"),
                0..0x20 | 0x7f => {
                    self.text.extend(b"\\x");
                    push_hex(&mut self.text, &[b]);
                }
                _ => self.text.push(b),
            }
        }
        self.text.push(b'\n');
        self
    }

    /// A number.
    #[must_use]
    pub fn int(mut self, name: &str, value: i64) -> Self {
        self.field(name);
        if value < 0 {
            self.text.push(b'-');
        }
        let (mut digits, mut at, mut rest) = ([0_u8; 20], 20, value.unsigned_abs());
        loop {
            at -= 1;
            digits[at] = b'0' + (rest % 10) as u8;
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        self.text.extend(&digits[at..]);
        self.text.push(b'\n');
        self
    }

    /// A number; no line where there is none.
    #[must_use]
    pub fn opt_int(self, name: &str, value: Option<i64>) -> Self {
        match value {
            Some(value) => self.int(name, value),
            None => self,
        }
    }

    /// Bytes, in hexadecimal.
    #[must_use]
    pub fn bytes(mut self, name: &str, value: &[u8]) -> Self {
        self.field(name);
        push_hex(&mut self.text, value);
        self.text.push(b'\n');
        self
    }

    /// The SHA-256 of the fact's exact bytes.
    #[must_use]
    pub fn digest_of(self, name: &str, value: &[u8]) -> Self {
        self.bytes(name, &Sha256::digest(value))
    }

    /// Which kind.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The description.
    pub fn as_bytes(&self) -> &[u8] {
        &self.text
    }

    /// The entry of the log for this description.
    pub fn entry(&self, salt: &Salt) -> Entry {
        entry(self.kind, salt, &self.text)
    }
}

/// The entry for a description.
pub fn entry(kind: Kind, salt: &Salt, description: &[u8]) -> Entry {
    let commitment: Hash = Sha256::new().chain_update(salt).chain_update(description).finalize().into();
    let mut entry = [0; ENTRY_BYTES];
    entry[0] = FORMAT;
    entry[1] = kind as u8;
    entry[2..].copy_from_slice(&commitment);
    entry
}

/// The kind of a fact, from its entry.
///
/// # Errors
/// `Malformed` where it is none of ours.
pub fn kind_of(entry: &[u8]) -> crate::Result<Kind> {
    match entry {
        [FORMAT, kind, commitment @ ..] if commitment.len() == 32 => {
            Kind::from_number(*kind).ok_or_else(|| malformed("entry of the log", "a kind that is not known"))
        }
        _ => Err(malformed("entry of the log", "not 34 bytes that begin with 1")),
    }
}

/// The value of field `name` of a description, as it is written there.
pub fn field<'a>(description: &'a str, name: &str) -> Option<&'a str> {
    let lines = description.as_bytes().starts_with(MAGIC).then(|| description.lines().skip(1))?;
    lines.filter_map(|line| line.split_once(' ')).find(|(n, _)| *n == name).map(|(_, value)| value)
}
