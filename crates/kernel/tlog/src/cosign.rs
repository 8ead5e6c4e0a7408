//! Cosignatures (c2sp.org/tlog-cosignature): a witness's word that a log only grew up to this checkpoint, with the time.

use crate::note::{Algorithm, Key, Note, Signature, Verifier};
use crate::{Error, Result};

fn message(text: &str, time: u64) -> String {
    format!("cosignature/v1\ntime {time}\n{text}")
}

/// Signs the text of a checkpoint at `time` (seconds since 1970 UTC). `key` is a witness's.
pub fn cosign(text: &str, key: &Key, time: u64) -> Signature {
    let mut bytes = time.to_be_bytes().to_vec();
    bytes.extend(key.sign_bytes(message(text, time).as_bytes()));
    key.signature(bytes)
}

/// When the witness with `key` signed `note`; `None` where it did not.
///
/// # Errors
/// `BadSignature` where a signature names it and is false.
pub fn time(note: &Note, key: &Verifier) -> Result<Option<u64>> {
    let Some(signature) = note.signatures().iter().find(|s| key.made(s)) else { return Ok(None) };
    let bad = || Error::BadSignature(key.name().to_owned());
    if key.algorithm() != Algorithm::Cosignature {
        return Err(bad());
    }
    let (time, signature) = signature.bytes.split_first_chunk::<8>().ok_or_else(bad)?;
    let time = u64::from_be_bytes(*time);
    let signature = <&[u8; 64]>::try_from(signature).map_err(|_| bad())?;
    if key.accepts(message(note.text(), time).as_bytes(), signature) { Ok(Some(time)) } else { Err(bad()) }
}

/// Whom to believe: the log's key, witnesses' keys, and how many of them must have signed.
#[derive(Clone, Debug)]
pub struct Trust {
    /// The log.
    pub log: Verifier,
    /// The witnesses.
    pub witnesses: Vec<Verifier>,
    /// How many of the witnesses must have signed.
    pub quorum: usize,
}

impl Trust {
    /// The witnesses that signed `note`, with the time of each.
    ///
    /// # Errors
    /// `TooFewWitnesses`, `BadSignature`.
    pub fn witnessed(&self, note: &Note) -> Result<Vec<(String, u64)>> {
        let mut found = Vec::new();
        for witness in &self.witnesses {
            if let Some(time) = time(note, witness)? {
                found.push((witness.name().to_owned(), time));
            }
        }
        if found.len() < self.quorum {
            return Err(Error::TooFewWitnesses { found: found.len(), wanted: self.quorum });
        }
        Ok(found)
    }
}
