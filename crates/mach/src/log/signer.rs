//! Signing: every few seconds what the log has become, and asking the witnesses to sign too.
//!
//! Before it signs, the node compares the log with the last checkpoint it signed, which lies beside the store: a log that is
//! shorter, or another one, is not signed, and the program says so until somebody looks.

use super::{at, folder, now, own_key, peer, write_durably};
use crate::console;
use mach_access::Act;
use mach_store::{Reader, Store, log};
use mach_tlog::checkpoint::Checkpoint;
use mach_tlog::cosign;
use mach_tlog::note::{Algorithm, Key, Note, Signature, Verifier};
use mach_tlog::witness::AddCheckpoint;
use std::collections::HashMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// Between two checkpoints.
pub const EVERY: Duration = Duration::from_secs(5);

/// A witness that is asked.
#[derive(Clone, Debug)]
pub struct Peer {
    url: String,
    key: Verifier,
}

/// What signs the log of one data folder.
pub struct Signer {
    key: Key,
    folder: PathBuf,
    peers: Vec<Peer>,
    /// The size that each witness signed last, as far as is known.
    signed: HashMap<String, u64>,
}

/// What a round did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Round {
    /// The size signed; none where nothing was new.
    pub size: Option<u64>,
    /// Witnesses that signed in this round.
    pub cosigned: usize,
    /// What went wrong with witnesses: the checkpoint stands without them.
    pub troubles: Vec<String>,
}

impl Signer {
    /// The signer of a data folder; makes its key where there is none.
    pub fn open(data: &Path) -> Result<Self, String> {
        let folder = folder(data);
        let key = own_key(data)?;
        let peers = peers(&folder.join("witnesses"))?;
        Ok(Self { key, folder, peers, signed: HashMap::new() })
    }

    fn file(&self) -> PathBuf {
        self.folder.join("checkpoint")
    }

    /// The last checkpoint that this node signed.
    fn last(&self) -> Result<Option<(Checkpoint, Note)>, String> {
        last_signed(&self.folder, self.key.verifier())
    }

    /// Signs what the log has become, if it grew, and asks the witnesses that have not signed it.
    ///
    /// # Errors
    /// Where the log is not the continuation of the last checkpoint, or store or files cannot be used.
    pub fn round(&mut self, store: &Store) -> Result<Round, String> {
        let said = |e: mach_store::Error| e.to_string();
        let decision = console(Act::Administer)?;
        let mut reader = store.read(&decision).map_err(said)?;
        let size = log::size(&mut reader).map_err(said)?;
        let last = self.last()?;
        let mut round = Round::default();
        let (checkpoint, mut note) = match last {
            Some((last, _)) if last.size > size => {
                return Err(format!(
                    "the transparency log was rolled back: it has {size} leaves, and {} were signed; it is not signed",
                    last.size
                ));
            }
            Some((last, note)) => {
                if log::root(&mut reader, last.size).map_err(said)? != last.root {
                    let size = last.size;
                    return Err(format!("the transparency log was rewritten before leaf {size}; it is not signed"));
                }
                if last.size == size { (last, note) } else { self.sign(&mut reader, size, &mut round)? }
            }
            None if size == 0 => return Ok(round),
            None => self.sign(&mut reader, size, &mut round)?,
        };
        let mut changed = round.size.is_some();
        if changed {
            // The node's own memory first: what was published once is never denied.
            write_durably(&self.file(), &note.to_string(), false)?;
        }
        for peer in self.peers.clone() {
            if cosign::time(&note, &peer.key).is_ok_and(|time| time.is_some()) {
                continue;
            }
            match self.ask(&mut reader, &peer, &checkpoint, &note) {
                Ok(signature) => {
                    note.add(signature);
                    (round.cosigned, changed) = (round.cosigned + 1, true);
                }
                Err(why) => round.troubles.push(format!("witness `{}`: {why}", peer.key.name())),
            }
        }
        drop(reader);
        let stored = store.read(&decision).and_then(|mut r| log::checkpoint(&mut r)).map_err(said)?;
        if changed || stored.is_none_or(|c| c.size != checkpoint.size) {
            let kept = log::Checkpointed {
                size: checkpoint.size,
                at: now(),
                note: note.to_string(),
                key: self.key.verifier().to_string(),
            };
            write_durably(&self.file(), &kept.note, false)?;
            store.write(&decision, move |tx| log::keep_checkpoint(tx, &kept)).map_err(said)?;
        }
        Ok(round)
    }

    fn sign(&self, reader: &mut Reader, size: u64, round: &mut Round) -> Result<(Checkpoint, Note), String> {
        let root = log::root(reader, size).map_err(|e| e.to_string())?;
        let origin = self.key.verifier().name().to_owned();
        let checkpoint = Checkpoint { origin, size, root, extensions: Vec::new() };
        let note = checkpoint.sign(&self.key);
        round.size = Some(size);
        Ok((checkpoint, note))
    }

    /// Asks a witness; where it remembers another size than we thought, once more from there.
    fn ask(
        &mut self,
        reader: &mut Reader,
        peer: &Peer,
        checkpoint: &Checkpoint,
        note: &Note,
    ) -> Result<Signature, String> {
        let mut old = self.signed.get(peer.key.name()).copied().unwrap_or(0).min(checkpoint.size);
        for first in [true, false] {
            let proof = log::consistency(reader, old, checkpoint.size).map_err(|e| e.to_string())?;
            let request = AddCheckpoint { old, proof, note: note.clone() };
            let answer = peer::post(&peer.url, "/add-checkpoint", &request.encode())?;
            match answer.status {
                200 => {
                    let mut signed = note.clone();
                    for line in answer.body.lines() {
                        let signature = Signature::parse(line).map_err(|e| e.to_string())?;
                        signed.add(signature.clone());
                        if cosign::time(&signed, &peer.key).map_err(|e| e.to_string())?.is_some() {
                            self.signed.insert(peer.key.name().to_owned(), checkpoint.size);
                            return Ok(signature);
                        }
                    }
                    return Err("it answered without its signature".to_owned());
                }
                409 if first => {
                    let size: u64 =
                        answer.body.trim().parse().map_err(|_| "it answered 409 without a size".to_owned())?;
                    if size > checkpoint.size {
                        return Err(format!(
                            "it has signed {size} leaves and this log has {}: THE LOG WAS ROLLED BACK",
                            checkpoint.size
                        ));
                    }
                    if size == old {
                        return Err(format!("it has signed another log of {size} leaves: THE LOG WAS REWRITTEN"));
                    }
                    old = size;
                }
                422 => {
                    return Err(format!("what it signed up to leaf {old} is not in this log: THE LOG WAS REWRITTEN"));
                }
                status => return Err(format!("it answered {status}: {}", answer.body.trim())),
            }
        }
        Err("it remembers another size each time".to_owned())
    }
}

/// The last checkpoint that the node of a log folder signed.
pub fn last_signed(folder: &Path, key: &Verifier) -> Result<Option<(Checkpoint, Note)>, String> {
    let file = folder.join("checkpoint");
    match std::fs::read_to_string(&file) {
        Ok(text) => Checkpoint::open(&text, key).map(Some).map_err(|e| format!("`{}`: {e}", file.display())),
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
        Err(e) => Err(at(&file, &e)),
    }
}

/// The witnesses of a file: one a line, its address and its key; lines that begin with `#` say nothing.
fn peers(file: &Path) -> Result<Vec<Peer>, String> {
    let text = match std::fs::read_to_string(file) {
        Ok(text) => text,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(at(file, &e)),
    };
    let lines = text.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with('#'));
    let peer = |line: &str| {
        let bad = |why: &str| format!("`{}`: `{line}`: {why}", file.display());
        let (url, key) = line.split_once(char::is_whitespace).ok_or_else(|| bad("not an address and a key"))?;
        let key = Verifier::parse(key.trim()).map_err(|e| bad(&e.to_string()))?;
        if key.algorithm() != Algorithm::Cosignature {
            return Err(bad("not the key of a witness"));
        }
        peer::parts(url).map_err(|e| bad(&e))?;
        Ok(Peer { url: url.to_owned(), key })
    };
    lines.map(peer).collect()
}

/// The thread that signs while the program serves; ends when it is dropped.
pub struct Signing {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Signing {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has said so.
            let _ = thread.join();
        }
    }
}

/// Begins to sign the log of `store` every few seconds; the last round is when the program ends.
pub fn start(data: &Path, store: &Store) -> Result<Signing, String> {
    let mut signer = Signer::open(data)?;
    let store = store.clone();
    note_content(data, &store)?;
    let (stop, stopped) = channel();
    let sign = move || serve(&mut signer, &store, &stopped);
    let thread = std::thread::Builder::new().name("log-signer".to_owned()).spawn(sign).map_err(|e| e.to_string())?;
    Ok(Signing { stop: Some(stop), thread: Some(thread) })
}

fn serve(signer: &mut Signer, store: &Store, stopped: &Receiver<()>) {
    let mut told = String::new();
    loop {
        let said = match signer.round(store) {
            Ok(round) => round.troubles.join("\n"),
            Err(e) => e,
        };
        // A trouble that lasts is told once.
        if said != told && !said.is_empty() {
            eprintln!("mach: {said}");
        }
        told = said;
        match stopped.recv_timeout(EVERY) {
            Err(RecvTimeoutError::Timeout) => {}
            _ => {
                if let Err(e) = signer.round(store) {
                    eprintln!("mach: {e}");
                }
                return;
            }
        }
    }
}

/// Notes in the log which rules and lists are in force: this program's, and the administrator's files before them.
pub fn note_content(data: &Path, store: &Store) -> Result<(), String> {
    use sha2::{Digest, Sha256};
    let mut files: Vec<PathBuf> = std::fs::read_dir(data.join("content"))
        .map(|dir| dir.filter_map(|e| e.ok()).map(|e| e.path()).filter(|p| p.is_file()).collect())
        .unwrap_or_default();
    files.sort();
    let mut digest = Sha256::new_with_prefix(format!("mach {}\n", env!("CARGO_PKG_VERSION")));
    for file in &files {
        let bytes = std::fs::read(file).map_err(|e| at(file, &e))?;
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        digest.update(format!("{name} {}\n", mach_tlog::hex(&Sha256::digest(bytes))));
    }
    let said = format!(
        "version {} files {} sha256 {}",
        env!("CARGO_PKG_VERSION"),
        files.len(),
        mach_tlog::hex(&digest.finalize())
    );
    store.write(&console(Act::Administer)?, move |tx| tx.log_content(&said)).map(drop).map_err(|e| e.to_string())
}
