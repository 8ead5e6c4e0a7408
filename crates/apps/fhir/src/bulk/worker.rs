//! The thread that does the jobs, one after the other, and takes away what has expired.

use super::{export, import};
use crate::refusal::Refusal;
use crate::state::own_decision;
use axum::http::StatusCode;
use mach_base::{limits, time::now_seconds};
use mach_store::Store;
use mach_store::bulk::{self, Job, State};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

/// How often it is looked for what has expired.
const LOOK: Duration = Duration::from_secs(60);

/// What the thread and the requests share.
pub struct Shared {
    /// The store.
    pub store: Store,
    folder: PathBuf,
    rung: Mutex<bool>,
    bell: Condvar,
    stop: AtomicBool,
}

impl Shared {
    /// The folder of a job's files.
    pub fn folder_of(&self, token: &str) -> PathBuf {
        self.folder.join("exports").join(token)
    }

    /// The folder that files to be imported are laid in.
    pub fn imports(&self) -> PathBuf {
        self.folder.join("imports")
    }

    /// Whether the program is ending.
    pub fn is_stopping(&self) -> bool {
        self.stop.load(Ordering::SeqCst)
    }

    fn ring(&self) {
        *self.rung.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.bell.notify_one();
    }

    fn wait(&self) {
        let rung = self.rung.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.bell.wait_timeout_while(rung, LOOK, |rung| !*rung && !self.is_stopping());
        *waited.unwrap_or_else(PoisonError::into_inner).0 = false;
    }
}

/// Ends the thread with the last clone.
struct Guard {
    shared: Arc<Shared>,
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        self.shared.ring();
    }
}

/// What does jobs.
#[derive(Clone)]
pub struct Bulk {
    guard: Arc<Guard>,
}

impl Bulk {
    /// Starts the thread; jobs that the program before left are gone on with.
    pub fn start(store: Store, folder: &Path) -> Self {
        let shared = Arc::new(Shared {
            store,
            folder: folder.to_owned(),
            rung: Mutex::new(false),
            bell: Condvar::new(),
            stop: AtomicBool::new(false),
        });
        let own = Arc::clone(&shared);
        std::thread::Builder::new()
            .name("fhir-bulk".to_owned())
            .spawn(move || serve(&own))
            .map(drop)
            .unwrap_or_else(|e| tracing::error!("no thread for bulk jobs: {e}"));
        Self { guard: Arc::new(Guard { shared }) }
    }

    /// Tells the thread that there is a job.
    pub fn ring(&self) {
        self.guard.shared.ring();
    }

    /// The folder of a job's files.
    pub fn folder_of(&self, token: &str) -> PathBuf {
        self.guard.shared.folder_of(token)
    }

    /// The folder that files to be imported are laid in.
    pub fn imports(&self) -> PathBuf {
        self.guard.shared.imports()
    }

    /// Takes the files of a job away.
    pub fn remove(&self, token: &str) {
        remove(&self.folder_of(token));
    }
}

fn remove(folder: &Path) {
    match std::fs::remove_dir_all(folder) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
            tracing::warn!("{} could not be removed: {e}", folder.display());
        }
        _ => {}
    }
}

fn serve(shared: &Shared) {
    while !shared.is_stopping() {
        let now = now_seconds();
        let next = own_decision().and_then(|own| {
            expire(&shared.store, &shared.folder, now).map_err(Refusal::internal)?;
            Ok(bulk::next(&mut shared.store.read(&own)?)?)
        });
        match next {
            Ok(Some(job)) => work(shared, &job),
            Ok(None) => shared.wait(),
            Err(e) => {
                tracing::error!("bulk jobs cannot be looked for: {e}");
                shared.wait();
            }
        }
    }
}

fn work(shared: &Shared, job: &Job) {
    let done = match job.kind.as_str() {
        "import" => import::work(shared, job),
        _ => export::work(shared, job),
    };
    if shared.is_stopping() {
        return;
    }
    let (state, text) = match done {
        Ok(true) => (State::Done, "done".to_owned()),
        // Cancelled: whatever was written since goes with it.
        Ok(false) => return remove(&shared.folder_of(&job.token)),
        // The store will be back: the job goes on then.
        Err(refusal) if refusal.status == StatusCode::SERVICE_UNAVAILABLE => return shared.wait(),
        Err(refusal) => (State::Failed, refusal.text),
    };
    let jid = job.jid;
    let ended = own_decision()
        .map_err(|e| e.to_string())
        .and_then(|own| shared.store.write(&own, move |tx| tx.end_job(jid, state, &text)).map_err(|e| e.to_string()));
    match ended {
        Ok(true) => {}
        Ok(false) => remove(&shared.folder_of(&job.token)),
        Err(e) => {
            tracing::error!("the end of bulk job {jid} could not be noted: {e}");
            shared.wait();
        }
    }
}

/// Takes away jobs, and their files below `folder`, that had ended `BULK_KEEP_SECONDS` before `now` (seconds since 1970 UTC).
///
/// # Errors
/// Of the store.
pub fn expire(store: &Store, folder: &Path, now: i64) -> Result<usize, mach_store::Error> {
    let own = own_decision().map_err(|e| mach_store::Error::Refused(e.to_string()))?;
    let gone = bulk::ended_before(&mut store.read(&own)?, now - limits::BULK_KEEP_SECONDS)?;
    for job in &gone {
        remove(&folder.join("exports").join(&job.token));
        let jid = job.jid;
        store.write(&own, move |tx| tx.drop_job(jid))?;
    }
    Ok(gone.len())
}
