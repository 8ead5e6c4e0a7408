//! Checkpoints (c2sp.org/tlog-checkpoint): how large a log is and what its root is, signed by it.

use crate::note::{Key, Note, Verifier};
use crate::{Error, Hash, Result, base64, decimal, hash_from_base64, malformed};

/// What a checkpoint says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which log.
    pub origin: String,
    /// How many leaves.
    pub size: u64,
    /// The root of the tree of that many.
    pub root: Hash,
    /// Further lines; ours have none.
    pub extensions: Vec<String>,
}

impl Checkpoint {
    /// The text that is signed.
    pub fn text(&self) -> String {
        let mut text = format!("{}\n{}\n{}\n", self.origin, self.size, base64(&self.root));
        for line in &self.extensions {
            text.push_str(line);
            text.push('\n');
        }
        text
    }

    /// Reads the text of a checkpoint.
    ///
    /// # Errors
    /// `Malformed`.
    pub fn parse(text: &str) -> Result<Self> {
        let bad = |why| malformed("checkpoint", why);
        let body = text.strip_suffix('\n').ok_or_else(|| bad("does not end with a line end"))?;
        let mut lines = body.split('\n');
        let mut next = || lines.next().filter(|l| !l.is_empty());
        let origin = next().ok_or_else(|| bad("no origin"))?.to_owned();
        let size = next().and_then(decimal).ok_or_else(|| bad("no size"))?;
        let root = next().and_then(hash_from_base64).ok_or_else(|| bad("no root"))?;
        let extensions: Vec<String> = lines.map(str::to_owned).collect();
        if extensions.iter().any(String::is_empty) {
            return Err(bad("an empty line"));
        }
        Ok(Self { origin, size, root, extensions })
    }

    /// Signs it with the log's key, whose name is the origin.
    pub fn sign(&self, key: &Key) -> Note {
        Note::sign(self.text(), key)
    }

    /// Reads a note and checks that the log with `key` signed it as its own checkpoint.
    ///
    /// # Errors
    /// `Malformed`, `TooLarge`, `Unsigned`, `BadSignature`; `Differs` where it is another log's.
    pub fn open(note: &str, key: &Verifier) -> Result<(Self, Note)> {
        let note = Note::parse(note)?;
        note.verify(key)?;
        let checkpoint = Self::parse(note.text())?;
        if checkpoint.origin != key.name() {
            return Err(Error::Differs("the checkpoint is of another log than its key"));
        }
        Ok((checkpoint, note))
    }
}
