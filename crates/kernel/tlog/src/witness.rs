//! A witness (c2sp.org/tlog-witness): signs a log's checkpoint only where it extends the last one it signed.
//!
//! It remembers one size and one root of each log, durably before it answers; so a log that shows two histories must show
//! them to two witnesses that never meet.

use crate::checkpoint::Checkpoint;
use crate::note::{Key, Note, Verifier};
use crate::tree::{empty_root, verify_consistency};
use crate::{Error, Hash, Result, base64, cosign, decimal, hash_from_base64, limits, malformed};

/// A request to sign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddCheckpoint {
    /// The size the witness is believed to remember.
    pub old: u64,
    /// Proof that the checkpoint's tree begins with that one.
    pub proof: Vec<Hash>,
    /// The checkpoint.
    pub note: Note,
}

impl AddCheckpoint {
    /// The body of the request.
    pub fn encode(&self) -> String {
        let mut out = format!("old {}\n", self.old);
        for hash in &self.proof {
            out.push_str(&base64(hash));
            out.push('\n');
        }
        format!("{out}\n{}", self.note)
    }

    /// Reads the body of a request.
    ///
    /// # Errors
    /// `Malformed`, `TooLarge`.
    pub fn parse(body: &[u8]) -> Result<Self> {
        let bad = |why| malformed("request to a witness", why);
        if body.len() > limits::WITNESS_BYTES {
            return Err(Error::TooLarge { what: "a request to a witness", limit: limits::WITNESS_BYTES });
        }
        let body = std::str::from_utf8(body).map_err(|_| bad("not UTF-8"))?;
        let (head, note) = body.split_once("\n\n").ok_or_else(|| bad("no empty line after the proof"))?;
        let mut lines = head.split('\n');
        let old = lines.next().and_then(|l| l.strip_prefix("old ")).and_then(decimal);
        let old = old.ok_or_else(|| bad("does not begin with the old size"))?;
        let proof = hashes(lines).ok_or_else(|| bad("a line of the proof is no hash"))?;
        if proof.len() > limits::PROOF_HASHES {
            return Err(Error::TooLarge { what: "a consistency proof", limit: limits::PROOF_HASHES });
        }
        Ok(Self { old, proof, note: Note::parse(note)? })
    }
}

pub(crate) fn hashes<'a>(lines: impl Iterator<Item = &'a str>) -> Option<Vec<Hash>> {
    lines.map(hash_from_base64).collect()
}

/// The last checkpoint of a log that a witness signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Its size.
    pub size: u64,
    /// Its root.
    pub root: Hash,
}

/// What a witness remembers. Between `seen` and `keep` nobody else may change it.
pub trait Memory {
    /// What can go wrong there.
    type Error;
    /// What it last signed of the log `origin`.
    fn seen(&mut self, origin: &str) -> std::result::Result<Option<Seen>, Self::Error>;
    /// Remembers what it is about to sign; durable when this returns.
    fn keep(&mut self, origin: &str, seen: Seen) -> std::result::Result<(), Self::Error>;
}

/// What a witness answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Signed: the signature line.
    Signed(String),
    /// No such request.
    BadRequest(String),
    /// Not signed by the log's key.
    Forbidden,
    /// A log it does not know.
    UnknownLog,
    /// It remembers another size, or another root of the same size: a fork, a rollback, or a log that lost count.
    Conflict(u64),
    /// The proof does not show that the log only grew.
    BadProof,
}

impl Answer {
    /// The HTTP status.
    pub fn status(&self) -> u16 {
        match self {
            Self::Signed(_) => 200,
            Self::BadRequest(_) => 400,
            Self::Forbidden => 403,
            Self::UnknownLog => 404,
            Self::Conflict(_) => 409,
            Self::BadProof => 422,
        }
    }

    /// The HTTP body and its type.
    pub fn body(&self) -> (String, &'static str) {
        let text = match self {
            Self::Signed(line) => line.clone(),
            Self::Conflict(size) => return (format!("{size}\n"), "text/x.tlog.size"),
            Self::BadRequest(why) => format!("{why}\n"),
            Self::Forbidden => "no signature by the log's key\n".to_owned(),
            Self::UnknownLog => "this witness does not know the log\n".to_owned(),
            Self::BadProof => "the proof does not show that the log only grew\n".to_owned(),
        };
        (text, "text/plain; charset=utf-8")
    }
}

/// A witness: its key, and the logs it signs for.
#[derive(Clone, Debug)]
pub struct Witness {
    /// Its own key, of the kind for cosignatures.
    pub key: Key,
    /// The logs it knows; the name of each key is the log's origin.
    pub logs: Vec<Verifier>,
}

impl Witness {
    /// Answers a request at `now`, seconds since 1970 UTC.
    ///
    /// # Errors
    /// What `memory` says: nothing was signed then.
    pub fn add_checkpoint<M: Memory>(
        &self,
        memory: &mut M,
        body: &[u8],
        now: u64,
    ) -> std::result::Result<Answer, M::Error> {
        let request = match AddCheckpoint::parse(body) {
            Ok(request) => request,
            Err(e) => return Ok(Answer::BadRequest(e.to_string())),
        };
        let checkpoint = match Checkpoint::parse(request.note.text()) {
            Ok(checkpoint) => checkpoint,
            Err(e) => return Ok(Answer::BadRequest(e.to_string())),
        };
        let mut keys = self.logs.iter().filter(|k| k.name() == checkpoint.origin).peekable();
        if keys.peek().is_none() {
            return Ok(Answer::UnknownLog);
        }
        if !keys.any(|key| request.note.verify(key).is_ok()) {
            return Ok(Answer::Forbidden);
        }
        if request.old > checkpoint.size {
            return Ok(Answer::BadRequest("the old size is larger than the checkpoint".to_owned()));
        }
        let seen = memory.seen(&checkpoint.origin)?.unwrap_or(Seen { size: 0, root: empty_root() });
        if seen.size != request.old {
            return Ok(Answer::Conflict(seen.size));
        }
        if seen.size == checkpoint.size && seen.root != checkpoint.root {
            return Ok(Answer::Conflict(seen.size));
        }
        if verify_consistency(seen.size, &seen.root, checkpoint.size, &checkpoint.root, &request.proof).is_err() {
            return Ok(Answer::BadProof);
        }
        memory.keep(&checkpoint.origin, Seen { size: checkpoint.size, root: checkpoint.root })?;
        Ok(Answer::Signed(cosign::cosign(request.note.text(), &self.key, now).to_string()))
    }
}
