//! Looks on their way into the audit trail: gathered for a moment, written together.
//!
//! A look is not durable when it is answered, it is a moment later; where none can be written any more, nothing is shown.
//! Sketch: one look alone is a transaction with its fsync, some hundred microseconds; fifteen thousand a second are forty of
//! them with 25 ms of looks each.

use crate::state::own_decision;
use mach_store::Store;
use mach_store::audit::Look;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Looks waiting to be written; past it a reader waits, so that no look goes unwritten.
const MOST: usize = 4_096;
/// Room that is left for those who asked whether there is some, all at once.
const RESERVE: usize = 256;
/// How long until looks that could not be written are tried again.
const AGAIN: Duration = Duration::from_secs(1);
/// How long looks are gathered.
const GATHER: Duration = Duration::from_millis(25);

/// The queue and the thread that writes it.
pub struct Looks {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    queue: Mutex<Queue>,
    /// The first of some looks has come, they are many, or it ends.
    came: Condvar,
    /// There is room again.
    taken: Condvar,
}

#[derive(Default)]
struct Queue {
    waiting: Vec<Look>,
    /// The last ones could not be written yet: until they are, nothing more is shown.
    failing: bool,
    /// Tries to write, the one under way among them; the last that somebody waits for.
    begun: u64,
    wanted: u64,
    done: u64,
    ended: bool,
}

impl Looks {
    /// Starts the thread.
    pub fn start(store: Store) -> Self {
        let shared: Arc<Shared> = Arc::default();
        let its = Arc::clone(&shared);
        let started = std::thread::Builder::new().name("fhir-audit".to_owned()).spawn(move || {
            while let Some(looks) = its.next() {
                its.written(&store, &Arc::new(looks));
            }
        });
        let thread = started.map_err(|e| tracing::error!("no thread for the audit of looks: {e}")).ok();
        if thread.is_none() {
            shared.queue().ended = true;
        }
        Self { shared, thread }
    }

    /// Whether a look can be handed in now without waiting.
    pub fn has_room(&self) -> bool {
        let queue = self.shared.queue();
        queue.waiting.len() < MOST - RESERVE && !queue.failing
    }

    /// Hands a look in; waits where too many wait. False where looks cannot be written, or nobody does any more.
    pub fn add(&self, look: Look) -> bool {
        let mut queue = self.shared.queue();
        while queue.waiting.len() >= MOST && !queue.ended && !queue.failing {
            queue = self.shared.taken.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
        // The store may be back: it is tried now and not at its time, by a try that begins after this.
        let next = queue.begun + 1;
        while queue.failing && queue.done < next && !queue.ended {
            queue.wanted = next;
            self.shared.came.notify_one();
            queue = self.shared.taken.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
        if queue.ended || queue.failing {
            return false;
        }
        queue.waiting.push(look);
        if queue.waiting.len() == 1 || queue.waiting.len() == MOST {
            self.shared.came.notify_one();
        }
        true
    }
}

impl Drop for Looks {
    fn drop(&mut self) {
        self.shared.queue().ended = true;
        self.shared.came.notify_one();
        if let Some(thread) = self.thread.take() {
            // One that panicked has written what it could.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes looks; tries again where they cannot be written, until they are or the program ends.
    fn written(&self, store: &Store, looks: &Arc<Vec<Look>>) {
        loop {
            let these = Arc::clone(looks);
            self.queue().begun += 1;
            let written = own_decision()
                .map_err(|e| e.to_string())
                .and_then(|d| store.write(&d, move |tx| tx.audit_looks(&these)).map_err(|e| e.to_string()));
            let mut queue = self.queue();
            queue.failing = written.is_err();
            queue.done = queue.begun;
            self.taken.notify_all();
            let Err(e) = written else { return };
            tracing::error!("looks at resources could not be audited: {e}");
            if queue.ended {
                return;
            }
            if queue.wanted > queue.begun {
                continue;
            }
            // Whoever ends it, or wants it now, wakes this.
            let waited = self.came.wait_timeout(queue, AGAIN);
            drop(waited.unwrap_or_else(PoisonError::into_inner));
        }
    }

    /// The looks of the next moment; `None` where none will come any more.
    fn next(&self) -> Option<Vec<Look>> {
        let mut queue = self.queue();
        while queue.waiting.is_empty() {
            if queue.ended {
                return None;
            }
            queue = self.came.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
        let until = Instant::now() + GATHER;
        while queue.waiting.len() < MOST && !queue.ended {
            let Some(left) = until.checked_duration_since(Instant::now()).filter(|d| !d.is_zero()) else { break };
            queue = self.came.wait_timeout(queue, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        self.taken.notify_all();
        Some(std::mem::take(&mut queue.waiting))
    }
}
