//! Loading files of resources: Bundles, single resources, NDJSON, plain or gzipped, JSON or XML.
//!
//! One thread reads pieces, all others read the JSON in them and what they are found by, this one hands them to the writer
//! in their order, a few ahead of what is durable. A load can be cut off at any moment and run again: how far a file is
//! stored stands in the store with what was stored (`bulk_done`), so does every transaction and batch. The note of a file
//! stops at its first refused line: run again, everything from there on is looked at again, and what is stored is found
//! unchanged.

mod source;
mod unit;

use crate::refusal::Refusal;
use mach_access::Decision;
use mach_store::{Error, Pending, Store, bulk};
use source::{Chunk, Source};
use std::cell::Cell;
use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use unit::{Became, Prepared, Step};

pub use source::{below, key_of};

/// Pieces handed to the writer and not yet durable.
const AHEAD: usize = 4;

/// How to load.
#[derive(Clone, Debug)]
pub struct Options {
    /// Threads that read resources.
    pub workers: usize,
    /// Whether files and bundles that were loaded before are loaded again.
    pub again: bool,
    /// This server's URL, so that references to it are references to resources here; empty where there is none.
    pub base: String,
}

/// Where in a file something stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct At {
    /// Line, from 1; 0 where the file is one document.
    pub line: u64,
    /// Entry of a Bundle, from 0.
    pub entry: Option<usize>,
}

/// Something that was not stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Where it stands in its file.
    pub at: At,
    /// Why.
    pub refusal: Refusal,
}

/// What a load tells while it runs.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// Bytes of a file, as they lie on the disk, are done with.
    Bytes(u64),
    /// A file cannot be read to its end; what came before is stored.
    Unreadable {
        /// The file.
        file: &'a Path,
        /// Why.
        problem: &'a str,
    },
    /// Something was refused; the rest goes on.
    Refused {
        /// The file.
        file: &'a Path,
        /// What and why.
        refused: &'a Refused,
    },
    /// A piece is durable.
    Stored(&'a Summary),
}

/// What became of everything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Files looked at.
    pub files: u64,
    /// Files that could not be read to their end.
    pub unreadable: u64,
    /// New resources.
    pub created: u64,
    /// New versions.
    pub updated: u64,
    /// Resources taken away.
    pub deleted: u64,
    /// Stored with the same bytes already.
    pub unchanged: u64,
    /// Lines and Bundles that an earlier load has stored.
    pub known: u64,
    /// Resources, or whole transactions, that were refused.
    pub refused: u64,
}

impl Summary {
    fn add(&mut self, became: &Became) {
        self.created += became.created;
        self.updated += became.updated;
        self.deleted += became.deleted;
        self.unchanged += became.unchanged;
        self.known += became.known;
        self.refused += became.refused.len() as u64;
    }

    /// Whether everything was stored.
    pub fn is_whole(&self) -> bool {
        self.refused == 0 && self.unreadable == 0
    }
}

/// A file being loaded.
#[derive(Debug)]
struct Loading {
    path: PathBuf,
    /// By its content.
    key: String,
    /// Whether nothing of it was refused so far: only then its note moves on.
    spotless: AtomicBool,
}

/// A piece to be made ready, and where that goes.
type Reading = (Chunk, Arc<Loading>, SyncSender<Prepared>);

/// What the reading thread hands over, in the order of the files.
enum Queued {
    Begin,
    Known(u64),
    Piece(Receiver<Prepared>, u64),
    Unreadable(Arc<Loading>, String),
}

/// Loads files in their order.
///
/// # Errors
/// Why it could not go on, of the store; what was told as stored is stored.
pub fn load(
    store: &Store,
    decision: &Decision,
    files: &[PathBuf],
    options: &Options,
    told: &mut dyn FnMut(Event<'_>),
) -> Result<Summary, Error> {
    let done = load_while(store, decision, files, options, &mut |event| {
        told(event);
        true
    })?;
    done.ok_or(Error::Stopped)
}

/// Loads files in their order for as long as `told` says so; `None` where it ended the load.
///
/// # Errors
/// As `load`.
pub fn load_while(
    store: &Store,
    decision: &Decision,
    files: &[PathBuf],
    options: &Options,
    told: &mut dyn FnMut(Event<'_>) -> bool,
) -> Result<Option<Summary>, Error> {
    let workers = options.workers.max(1);
    let (work, taken) = sync_channel::<Reading>(workers);
    let taken = Mutex::new(taken);
    let (queue, queued) = sync_channel::<Queued>(2 * workers);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let next = taken.lock().unwrap_or_else(PoisonError::into_inner).recv();
                    let Ok((chunk, file, reply)) = next else { return };
                    // Nobody waits where the load ended early.
                    let _ = reply.send(unit::prepare(chunk, &file, &options.base));
                }
            });
        }
        scope.spawn(move || files.iter().try_for_each(|file| read(store, decision, file, options, (&work, &queue))));
        store_all(store, decision, options, queued, told)
    })
}

/// Reads one file; `None` where nobody takes what is read any more.
fn read(
    store: &Store,
    decision: &Decision,
    path: &Path,
    options: &Options,
    (work, queue): (&SyncSender<Reading>, &SyncSender<Queued>),
) -> Option<()> {
    queue.send(Queued::Begin).ok()?;
    let mut file = Loading { path: path.to_owned(), key: String::new(), spotless: AtomicBool::new(true) };
    let opened = key_of(path).and_then(|key| {
        let known = match options.again {
            true => 0,
            false => {
                let scope = decision.scope();
                let done = store.read(decision).and_then(|mut reader| bulk::done(&mut reader, scope, &key));
                done.map_err(|e| e.to_string())?
            }
        };
        file.key = key;
        Ok((known.unsigned_abs(), Source::open(path)?))
    });
    let file = Arc::new(file);
    let unreadable = |problem: String| queue.send(Queued::Unreadable(Arc::clone(&file), problem)).ok();
    let (known, mut source) = match opened {
        Ok(opened) => opened,
        Err(problem) => return unreadable(problem),
    };
    match source.skip(known) {
        Ok(0) => {}
        Ok(skipped) => queue.send(Queued::Known(skipped)).ok()?,
        Err(problem) => return unreadable(problem),
    }
    let mut bytes = 0;
    loop {
        match source.next() {
            Ok(None) => return Some(()),
            Ok(Some(chunk)) => {
                let now = source.bytes();
                let (reply, prepared) = sync_channel(1);
                work.send((chunk, Arc::clone(&file), reply)).ok()?;
                queue.send(Queued::Piece(prepared, now - std::mem::replace(&mut bytes, now))).ok()?;
            }
            Err(problem) => return unreadable(problem),
        }
    }
}

/// Hands prepared pieces to the writer, in order.
fn store_all(
    store: &Store,
    decision: &Decision,
    options: &Options,
    queued: Receiver<Queued>,
    told: &mut dyn FnMut(Event<'_>) -> bool,
) -> Result<Option<Summary>, Error> {
    let mut summary = Summary::default();
    let wanted = Cell::new(true);
    let told = &mut |event: Event<'_>| wanted.set(told(event) && wanted.get());
    let mut ahead: VecDeque<Ahead> = VecDeque::new();
    for next in queued {
        if !wanted.get() {
            return Ok(None);
        }
        match next {
            Queued::Begin => summary.files += 1,
            Queued::Known(lines) => summary.known += lines,
            Queued::Unreadable(file, problem) => {
                summary.unreadable += 1;
                told(Event::Unreadable { file: &file.path, problem: &problem });
            }
            Queued::Piece(prepared, bytes) => {
                let prepared = prepared.recv().map_err(|_| Error::Refused("a reading thread ended".to_owned()))?;
                let last = prepared.steps.len();
                for (n, step) in prepared.steps.into_iter().enumerate() {
                    let upto = (n + 1 == last).then_some(prepared.upto);
                    ahead.push_back(hand_in(store, decision, options, (&prepared.file, step), upto)?);
                    if ahead.len() > AHEAD {
                        settle((store, decision), &mut ahead, &mut summary, told)?;
                    }
                }
                told(Event::Bytes(bytes));
            }
        }
    }
    while !ahead.is_empty() {
        settle((store, decision), &mut ahead, &mut summary, told)?;
    }
    Ok(Some(summary))
}

/// A piece at the writer.
struct Ahead {
    file: Arc<Loading>,
    pending: Pending<Became>,
    /// Why the piece took itself back, where it did.
    refused: Arc<Mutex<Option<Refused>>>,
}

fn hand_in(
    store: &Store,
    decision: &Decision,
    options: &Options,
    (file, step): (&Arc<Loading>, Step),
    upto: Option<u64>,
) -> Result<Ahead, Error> {
    let refused: Arc<Mutex<Option<Refused>>> = Arc::default();
    let (slot, of, base, again) = (Arc::clone(&refused), Arc::clone(file), options.base.clone(), options.again);
    let pending = store.begin_write(decision, move |tx| {
        let done = unit::carry_out(tx, &base, step, again).and_then(|became| {
            if !became.refused.is_empty() {
                of.spotless.store(false, Ordering::SeqCst);
            }
            match upto {
                Some(upto) if of.spotless.load(Ordering::SeqCst) => {
                    tx.note_done(&of.key, i64::try_from(upto).unwrap_or(i64::MAX))?;
                }
                _ => {}
            }
            Ok(became)
        });
        done.map_err(|failed| match failed {
            unit::Failed::Store(e) => e,
            unit::Failed::Refused(refused) => {
                of.spotless.store(false, Ordering::SeqCst);
                let text = refused.refusal.text.clone();
                *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(*refused);
                Error::Refused(text)
            }
        })
    })?;
    Ok(Ahead { file: Arc::clone(file), pending, refused })
}

/// Waits for the oldest piece.
fn settle(
    (store, decision): (&Store, &Decision),
    ahead: &mut VecDeque<Ahead>,
    summary: &mut Summary,
    told: &mut dyn FnMut(Event<'_>),
) -> Result<(), Error> {
    let Some(one) = ahead.pop_front() else { return Ok(()) };
    let became = match one.pending.wait() {
        Ok(became) => became,
        Err(e) => match one.refused.lock().unwrap_or_else(PoisonError::into_inner).take() {
            Some(refused) => {
                let target = unit::label(&one.file);
                store.write(decision, move |tx| tx.audit(None, &target, "failed"))?;
                Became { refused: vec![refused], ..Became::default() }
            }
            None => return Err(e),
        },
    };
    summary.add(&became);
    for refused in &became.refused {
        told(Event::Refused { file: &one.file.path, refused });
    }
    told(Event::Stored(summary));
    Ok(())
}
