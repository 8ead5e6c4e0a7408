//! Proofs that can be checked without a network (c2sp.org/tlog-proof): an entry is in a log, and witnesses saw that log.

use crate::checkpoint::Checkpoint;
use crate::cosign::Trust;
use crate::note::Note;
use crate::tree::verify_inclusion;
use crate::witness::hashes;
use crate::{Error, Hash, Result, base64, decimal, from_base64, limits, malformed};

/// The first line.
const MAGIC: &str = "c2sp.org/tlog-proof@v1";

/// A proof that an entry is in a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// What the application adds; not vouched for by anything in here.
    pub extra: Option<Vec<u8>>,
    /// The entry's number in the log, from 0.
    pub index: u64,
    /// From the entry's sibling up.
    pub path: Vec<Hash>,
    /// The log's checkpoint with its cosignatures.
    pub checkpoint: Note,
}

/// What a proof shows, when it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// The log at the time of the proof.
    pub checkpoint: Checkpoint,
    /// The trusted witnesses that saw it, and when, seconds since 1970 UTC.
    pub witnesses: Vec<(String, u64)>,
}

impl Proof {
    /// The text of a `.tlog-proof`.
    pub fn encode(&self) -> String {
        let mut out = format!("{MAGIC}\n");
        if let Some(extra) = &self.extra {
            out.push_str(&format!("extra {}\n", base64(extra)));
        }
        out.push_str(&format!("index {}\n", self.index));
        for hash in &self.path {
            out.push_str(&base64(hash));
            out.push('\n');
        }
        format!("{out}\n{}", self.checkpoint)
    }

    /// Reads a `.tlog-proof`.
    ///
    /// # Errors
    /// `Malformed`, `TooLarge`.
    pub fn parse(text: &str) -> Result<Self> {
        let bad = |why| malformed("proof", why);
        if text.len() > limits::PROOF_BYTES {
            return Err(Error::TooLarge { what: "a proof", limit: limits::PROOF_BYTES });
        }
        let (head, note) = text.split_once("\n\n").ok_or_else(|| bad("no empty line before the checkpoint"))?;
        let mut lines = head.split('\n').peekable();
        if lines.next() != Some(MAGIC) {
            return Err(bad("does not begin with c2sp.org/tlog-proof@v1"));
        }
        let extra = match lines.peek().and_then(|l| l.strip_prefix("extra ")) {
            Some(extra) => {
                lines.next();
                Some(from_base64(extra).ok_or_else(|| bad("the extra data is not base64"))?)
            }
            None => None,
        };
        let index = lines.next().and_then(|l| l.strip_prefix("index ")).and_then(decimal);
        let index = index.ok_or_else(|| bad("no index"))?;
        let path = hashes(lines).ok_or_else(|| bad("a line of the path is no hash"))?;
        if path.len() > limits::PROOF_HASHES {
            return Err(Error::TooLarge { what: "an inclusion proof", limit: limits::PROOF_HASHES });
        }
        Ok(Self { extra, index, path, checkpoint: Note::parse(note)? })
    }

    /// Checks that the entry with `leaf` as its hash is in the log of `trust`, seen by enough of its witnesses.
    ///
    /// # Errors
    /// What does not hold.
    pub fn verify(&self, leaf: &Hash, trust: &Trust) -> Result<Shown> {
        self.checkpoint.verify(&trust.log)?;
        let checkpoint = Checkpoint::parse(self.checkpoint.text())?;
        if checkpoint.origin != trust.log.name() {
            return Err(Error::Differs("the checkpoint is of another log than its key"));
        }
        let witnesses = trust.witnessed(&self.checkpoint)?;
        verify_inclusion(leaf, self.index, checkpoint.size, &self.path, &checkpoint.root)?;
        Ok(Shown { checkpoint, witnesses })
    }
}
