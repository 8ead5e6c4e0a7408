//! Files in, prepared claims out, in order: workers read and check in parallel, one consumer takes them file by file.
//!
//! Memory: at most `AHEAD` files are open, each holds at most two chunks of `CHUNK_CLAIMS` claims or `CHUNK_BYTES` bytes.

use crate::files::Input;
use crate::prepare::{Bench, Prepared};
use mach_claims::check::Finding;
use mach_claims::read::{ReadError, Reader};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

/// Files read ahead of the one being taken.
const AHEAD: usize = 8;
/// Claims handed over at once.
const CHUNK_CLAIMS: usize = 32;
/// Bytes of evidence handed over at once.
const CHUNK_BYTES: usize = 2 << 20;

/// What happens as files are read, in the order of the files.
#[derive(Debug)]
pub enum Event {
    /// A file begins.
    Begin {
        /// Its name.
        name: String,
        /// Its size in bytes.
        bytes: u64,
    },
    /// A claim of the file.
    Claim(Box<Prepared>),
    /// Something is wrong with the file itself; claims before it stand.
    File(Finding),
    /// The file ends.
    End,
}

struct Job {
    input: Input,
    out: SyncSender<Vec<Event>>,
}

/// Reads `inputs` and gives every event to `take`, in order, until `take` says stop by an error.
pub fn run<E>(
    inputs: Vec<Input>,
    bench: Bench,
    workers: usize,
    mut take: impl FnMut(Event) -> Result<(), E>,
) -> Result<(), E> {
    let (jobs, queue) = sync_channel::<Job>(1);
    let queue = Arc::new(Mutex::new(queue));
    let (files, order) = sync_channel::<Receiver<Vec<Event>>>(AHEAD);
    std::thread::scope(|scope| {
        for _ in 0..workers.max(1) {
            let queue = Arc::clone(&queue);
            scope.spawn(move || {
                loop {
                    // One worker waits for the next file while holding the lock; the others read.
                    let job = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
                    let Ok(job) = job else { return };
                    read_file(job, bench);
                }
            });
        }
        scope.spawn(move || {
            for input in inputs {
                let (out, events) = sync_channel(2);
                // Either end is gone only when the consumer has stopped.
                if files.send(events).is_err() || jobs.send(Job { input, out }).is_err() {
                    return;
                }
            }
        });
        let outcome = (|| {
            for events in order.iter() {
                for event in events.iter().flatten() {
                    take(event)?;
                }
            }
            Ok(())
        })();
        // Lets the threads end where the consumer stopped early.
        drop(order);
        outcome
    })
}

fn read_file(job: Job, bench: Bench) {
    let Job { input, out } = job;
    let mut chunk = vec![Event::Begin { name: input.name(), bytes: input.bytes() }];
    let mut bytes = 0;
    let reader = match input.open() {
        Ok(reader) => reader,
        Err(e) => {
            chunk.push(Event::File(bench.rules.finding("FILE-READ", "", [e.to_string()])));
            chunk.push(Event::End);
            // A consumer that is gone needs no events.
            let _ = out.send(chunk);
            return;
        }
    };
    for item in Reader::new(reader) {
        match item {
            Ok(item) => match bench.prepare(item) {
                Ok(prepared) => {
                    bytes += prepared.source.len();
                    chunk.push(Event::Claim(Box::new(prepared)));
                }
                Err(finding) => chunk.push(Event::File(finding)),
            },
            Err(error) => chunk.push(Event::File(file_finding(bench, &error))),
        }
        if chunk.len() >= CHUNK_CLAIMS || bytes >= CHUNK_BYTES {
            bytes = 0;
            if out.send(std::mem::take(&mut chunk)).is_err() {
                return;
            }
        }
    }
    chunk.push(Event::End);
    let _ = out.send(chunk);
}

fn file_finding(bench: Bench, error: &ReadError) -> Finding {
    match error {
        ReadError::Refused { problem, line, .. } => {
            let mut finding = bench.rules.of_problem(problem, "");
            finding.line = finding.line.or(u32::try_from(*line).ok());
            finding
        }
        ReadError::Io(e) => bench.rules.finding("FILE-READ", "", [e.to_string()]),
    }
}
