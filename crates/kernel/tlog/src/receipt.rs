//! A receipt: one record, what the log's leaf says of it, and the proof. A single JSON file, checked without a network.
//!
//! ```json
//! {"format":"mach-receipt/v1","description":"mach-fact/v1\n…","salt":"32 hexadecimal digits","content":"the exact bytes",
//!  "log":"the log's key","proof":"c2sp.org/tlog-proof@v1\n…"}
//! ```
//!
//! `content` is absent where the record has no bytes (a deletion). `log` only says which key to ask for: who checks must
//! have the key from elsewhere.

use crate::cosign::Trust;
use crate::fact::{self, Kind, Salt};
use crate::proof::{Proof, Shown};
use crate::tree::leaf_hash;
use crate::{Error, Result, from_hex, hex, limits, malformed};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

const FORMAT: &str = "mach-receipt/v1";
/// The field of a description that holds the digest of the content.
pub const CONTENT: &str = "sha256";

/// A record's receipt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// What the leaf commits to.
    pub description: String,
    /// What hides it there.
    pub salt: Salt,
    /// The record's exact bytes.
    pub content: Option<String>,
    /// The log's key, as the log gives it.
    pub log: String,
    /// The proof.
    pub proof: Proof,
}

impl Receipt {
    /// As JSON.
    pub fn encode(&self) -> String {
        let mut map = Map::new();
        let mut put = |name: &str, value: String| map.insert(name.to_owned(), Value::String(value));
        put("format", FORMAT.to_owned());
        put("description", self.description.clone());
        put("salt", hex(&self.salt));
        if let Some(content) = &self.content {
            put("content", content.clone());
        }
        put("log", self.log.clone());
        put("proof", self.proof.encode());
        Value::Object(map).to_string()
    }

    /// Reads a receipt.
    ///
    /// # Errors
    /// `Malformed`, `TooLarge`.
    pub fn parse(text: &str) -> Result<Self> {
        let bad = |why| malformed("receipt", why);
        if text.len() > limits::RECEIPT_BYTES {
            return Err(Error::TooLarge { what: "a receipt", limit: limits::RECEIPT_BYTES });
        }
        let Ok(Value::Object(mut map)) = serde_json::from_str(text) else { return Err(bad("no JSON object")) };
        let mut take = |name: &str| match map.remove(name) {
            Some(Value::String(text)) => Ok(Some(text)),
            None => Ok(None),
            Some(_) => Err(bad("a member is no text")),
        };
        if take("format")?.as_deref() != Some(FORMAT) {
            return Err(bad("not of the format mach-receipt/v1"));
        }
        let description = take("description")?.ok_or_else(|| bad("no description"))?;
        let salt = take("salt")?.and_then(|s| from_hex(&s)).and_then(|s| s.try_into().ok());
        let salt = salt.ok_or_else(|| bad("the salt is not 16 bytes"))?;
        let content = take("content")?;
        let log = take("log")?.ok_or_else(|| bad("no log"))?;
        let proof = Proof::parse(&take("proof")?.ok_or_else(|| bad("no proof"))?)?;
        if map.is_empty() {
            Ok(Self { description, salt, content, log, proof })
        } else {
            Err(bad("a member nobody knows"))
        }
    }

    /// Checks everything: content against description, description against leaf, leaf against checkpoint, its signatures.
    ///
    /// # Errors
    /// What does not hold.
    pub fn verify(&self, trust: &Trust) -> Result<Shown> {
        let kind = fact::field(&self.description, "kind");
        let kind = Kind::ALL.into_iter().find(|k| Some(k.name()) == kind);
        let kind = kind.ok_or_else(|| malformed("receipt", "the description is of no known kind"))?;
        let said = fact::field(&self.description, CONTENT);
        let is = self.content.as_ref().map(|c| hex(&Sha256::digest(c.as_bytes())));
        if said != is.as_deref() {
            return Err(Error::Differs("the content is not the one that was described"));
        }
        self.proof.verify(&leaf_hash(&fact::entry(kind, &self.salt, self.description.as_bytes())), trust)
    }
}
