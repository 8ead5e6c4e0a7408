//! The writer: one thread, one connection, group commit.
//!
//! Callers hand in work and wait. The thread runs what is waiting, each piece in its own savepoint, and commits all of
//! it with one fsync. Sketch: an fsync costs 0.1–5 ms on the disks we meet, a claim's rows 0.5 ms; eight callers at once
//! share one fsync, and one caller alone waits for nobody.
//!
//! Pieces of one thread keep their order even where the engine fails (disk full, server gone): once one of them was lost,
//! those the thread had handed in before it heard of that are refused too. What is stored is then always a beginning of
//! what was handed in, and sending all of it again gives what it would have given at once.

use crate::engine::Engine;
use crate::log::{Group, Ledger};
use crate::sql::{self, Execute};
use crate::{Error, Result, Tx};
use mach_access::Decision;
use mach_base::limits;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long nothing must come before what waits is put on the disk.
const REST: Duration = Duration::from_secs(1);
/// How long work is gathered into one commit while more is waiting.
const GATHER: Duration = Duration::from_millis(25);
/// How long a commit waits for those who were in the one before and have not come again yet: who writes one thing after
/// another sends the next as soon as the last is durable, and shares an fsync with the others where it is waited for.
const AGAIN: Duration = Duration::from_micros(300);

/// What is called after each commit.
#[derive(Default)]
pub(crate) struct Hooks(pub(crate) Mutex<Vec<Hook>>);

type Hook = Box<dyn Fn() -> bool + Send>;

pub(crate) struct Writer {
    jobs: Option<SyncSender<Box<dyn Job>>>,
    thread: Option<JoinHandle<()>>,
}

/// Work handed to the writer and not yet durable.
#[must_use = "work is durable only once it was waited for"]
pub struct Pending<T> {
    answer: Receiver<Result<T>>,
    place: Place,
}

/// The pieces of one thread. Each carries the number that stood here when it was handed in.
#[derive(Default)]
struct Line {
    /// What the next piece carries.
    now: AtomicU64,
    /// Pieces below this are lost or refused.
    lost_below: AtomicU64,
}

thread_local! {
    static LINE: Arc<Line> = Arc::default();
}

/// A piece's place in its thread's line.
#[derive(Clone)]
struct Place {
    line: Arc<Line>,
    number: u64,
}

impl Place {
    fn new() -> Self {
        let line = LINE.with(Arc::clone);
        let number = line.now.load(Ordering::SeqCst);
        Self { line, number }
    }

    /// An earlier piece was lost, and this one was handed in before that was known.
    fn is_refused(&self) -> bool {
        self.number < self.line.lost_below.load(Ordering::SeqCst)
    }

    fn lose(&self) {
        self.line.lost_below.fetch_max(self.number + 1, Ordering::SeqCst);
    }

    /// The thread has heard what became of this piece: where it was lost, the next ones begin anew.
    fn heard(&self) {
        if self.is_refused() {
            self.line.now.fetch_max(self.number + 1, Ordering::SeqCst);
        }
    }
}

impl<T> Pending<T> {
    /// Waits until the work is durable, or was refused.
    pub fn wait(self) -> Result<T> {
        self.answer.recv().map_err(|_| Error::Stopped)?
    }
}

impl<T> Drop for Pending<T> {
    fn drop(&mut self) {
        self.place.heard();
    }
}

/// A piece of work on its way through the writer.
trait Job: Send {
    /// Runs inside the open transaction; true where its rows are to be kept.
    fn run(&mut self, connection: &mut Engine, log: &mut Group) -> bool;
    /// Tells the caller, after the commit that held it.
    fn finish(self: Box<Self>, committed: &Result<()>);
    /// Whether it must run alone, outside a transaction.
    fn alone(&self) -> bool {
        false
    }
}

impl Writer {
    pub(crate) fn start(connection: Engine, hooks: Arc<Hooks>) -> Result<Self> {
        let (jobs, queue) = sync_channel(limits::WRITE_QUEUE);
        let thread = std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || serve(connection, &queue, &hooks))
            .map_err(|e| Error::Files(e.to_string()))?;
        Ok(Self { jobs: Some(jobs), thread: Some(thread) })
    }

    pub(crate) fn submit<T: Send + 'static>(
        &self,
        decision: Decision,
        work: impl FnOnce(&mut Tx<'_>) -> Result<T> + Send + 'static,
    ) -> Result<Pending<T>> {
        let (reply, answer) = channel();
        let place = Place::new();
        self.send(Box::new(Work { decision, work: Some(work), result: None, reply, place: place.clone() }))?;
        Ok(Pending { answer, place })
    }

    pub(crate) fn between_commits(
        &self,
        decision: Decision,
        work: impl FnOnce(&mut Engine) -> Result<()> + Send + 'static,
    ) -> Result<()> {
        let (reply, answer) = channel();
        self.send(Box::new(Alone { _decision: decision, work: Some(work), result: Ok(()), reply }))?;
        answer.recv().map_err(|_| Error::Stopped)?
    }

    fn send(&self, job: Box<dyn Job>) -> Result<()> {
        self.jobs.as_ref().ok_or(Error::Stopped)?.send(job).map_err(|_| Error::Stopped)
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            // A writer that panicked has nothing left to say here; its callers were told `Stopped`.
            let _ = thread.join();
        }
    }
}

fn serve(mut connection: Engine, queue: &Receiver<Box<dyn Job>>, hooks: &Hooks) {
    let mut ledger = Ledger::default();
    let mut waiting: Option<Box<dyn Job>> = None;
    // Pieces of the last commit.
    let mut together = 1;
    loop {
        let Some(mut first) = waiting.take().or_else(|| next(&mut connection, queue)) else { return };
        if first.alone() {
            first.run(&mut connection, &mut Group::default());
            ledger.committed(false);
            first.finish(&Ok(()));
            continue;
        }
        let started = Instant::now();
        if let Err(e) = connection.begin().and_then(|()| learn_latest(&mut connection)) {
            // Where it had begun.
            let _ = connection.rollback();
            first.finish(&Err(e));
            continue;
        }
        let mut log = Group::default();
        if !first.run(&mut connection, &mut log) {
            // Nothing else is in this transaction yet: the whole of it goes back.
            let undone = connection.rollback();
            first.finish(&undone);
            continue;
        }
        let mut done = vec![first];
        let mut patience = AGAIN;
        while let Some(mut next) = next_of_group(queue, done.len() < together, &mut patience) {
            if next.alone() || started.elapsed() >= GATHER {
                waiting = Some(next);
                break;
            }
            run_in_savepoint(&mut connection, next.as_mut(), &mut log);
            done.push(next);
        }
        let committed =
            ledger.append(&mut connection, log).and_then(|()| connection.settle()).and_then(|()| connection.commit());
        ledger.committed(committed.is_ok());
        if committed.is_err() {
            // The engine may have rolled back already; then this has nothing to do.
            let _ = connection.rollback();
        }
        together = done.len();
        for job in done {
            job.finish(&committed);
        }
        if committed.is_ok() {
            crate::lock(&hooks.0).retain(|hook| hook());
        }
    }
}

/// A further job for the open transaction: one that waits, or one that comes while there is patience for it.
fn next_of_group(queue: &Receiver<Box<dyn Job>>, expected: bool, patience: &mut Duration) -> Option<Box<dyn Job>> {
    if let Ok(job) = queue.try_recv() {
        return Some(job);
    }
    if !expected || patience.is_zero() {
        return None;
    }
    let began = Instant::now();
    let came = queue.recv_timeout(*patience).ok();
    *patience = patience.saturating_sub(began.elapsed());
    came
}

/// The next job; rests where none comes. `None` where none will come any more.
fn next(connection: &mut Engine, queue: &Receiver<Box<dyn Job>>) -> Option<Box<dyn Job>> {
    if connection.is_unsettled() {
        match queue.recv_timeout(REST) {
            Ok(job) => return Some(job),
            Err(RecvTimeoutError::Disconnected) => return None,
            Err(RecvTimeoutError::Timeout) => connection.rest(),
        }
    }
    queue.recv().ok()
}

/// Runs a further piece of a transaction. The first piece needs no savepoint, and large pieces (imports) come first: inside
/// a savepoint SQLite keeps every page it changes in a second journal, which costs a large piece half its time.
fn run_in_savepoint(connection: &mut Engine, job: &mut dyn Job, log: &mut Group) {
    // Where the savepoint itself fails, the disk is gone: the job's own first statement will say so.
    let _ = connection.savepoint();
    let keep = job.run(connection, log);
    let _ = connection.end_piece(keep);
}

struct Work<F, T> {
    decision: Decision,
    work: Option<F>,
    result: Option<Result<T>>,
    reply: Sender<Result<T>>,
    place: Place,
}

impl<F, T> Job for Work<F, T>
where
    F: FnOnce(&mut Tx<'_>) -> Result<T> + Send,
    T: Send,
{
    fn run(&mut self, connection: &mut Engine, log: &mut Group) -> bool {
        let Some(work) = self.work.take() else { return false };
        if self.place.is_refused() {
            self.result = Some(Err(Error::Refused("an earlier piece of the same sender was lost".to_owned())));
            return false;
        }
        let decision = &self.decision;
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            let (seq, at) = log_commit(connection, decision)?;
            let mut tx = Tx { connection, decision, seq, at, logged: Vec::new() };
            let given = work(&mut tx)?;
            let logged = std::mem::take(&mut tx.logged);
            connection.settle()?;
            Ok((given, seq, logged))
        }));
        let result = outcome.unwrap_or(Err(Error::Stopped)).map(|(given, seq, logged)| {
            log.take(seq, logged);
            given
        });
        let keep = result.is_ok();
        self.lose_by(result.as_ref().err());
        self.result = Some(result);
        keep
    }

    fn finish(mut self: Box<Self>, committed: &Result<()>) {
        let result = match (committed, self.result.take()) {
            (Ok(()), Some(result)) => result,
            (Err(e), _) => {
                self.lose_by(Some(e));
                Err(e.clone())
            }
            (Ok(()), None) => Err(Error::Stopped),
        };
        // A caller that went away does not change what was committed.
        let _ = self.reply.send(result);
    }
}

impl<F, T> Work<F, T> {
    /// Notes that the engine lost this piece, where it was the engine and not the caller who ended it.
    fn lose_by(&self, error: Option<&Error>) {
        if matches!(error, Some(Error::Engine(_) | Error::Postgres(_) | Error::Lost(_) | Error::Full)) {
            self.place.lose();
        }
    }
}

thread_local! {
    /// Of a writer's thread: the latest time that any change of its store was given. A clock that steps back does not
    /// step behind it.
    static LATEST: Cell<i64> = const { Cell::new(0) };
}

/// Takes over the time of the last change, which another process may have made.
fn learn_latest(connection: &mut Engine) -> Result<()> {
    let found = match connection {
        // It was asked with the beginning: a round trip of its own would cost as much again.
        Engine::Postgres(pg) => pg.latest,
        Engine::Sqlite(_) => {
            let sql = "SELECT at FROM commit_log ORDER BY seq DESC LIMIT 1";
            sql::first(connection, sql, &[], |r| r.int(0))?.unwrap_or(0)
        }
    };
    LATEST.set(LATEST.get().max(found));
    Ok(())
}

/// Gives this change its number in the commit log, and its time: the clock's, but never before the change before.
fn log_commit(connection: &mut Engine, decision: &Decision) -> Result<(i64, i64)> {
    let actor = decision.actor();
    let at = mach_base::time::now_seconds().max(LATEST.get());
    LATEST.set(at);
    let seq = connection.insert(
        "INSERT INTO commit_log(at, account, role, act, facility) VALUES (?1, ?2, ?3, ?4, ?5)",
        &[
            at.into(),
            actor.account.into(),
            actor.role.code().into(),
            decision.act().code().into(),
            decision.scope().facility().into(),
        ],
    )?;
    Ok((seq, at))
}

struct Alone<F> {
    _decision: Decision,
    work: Option<F>,
    result: Result<()>,
    reply: Sender<Result<()>>,
}

impl<F: FnOnce(&mut Engine) -> Result<()> + Send> Job for Alone<F> {
    fn run(&mut self, connection: &mut Engine, _: &mut Group) -> bool {
        if let Some(work) = self.work.take() {
            self.result = work(connection);
        }
        true
    }

    fn finish(self: Box<Self>, _committed: &Result<()>) {
        let _ = self.reply.send(self.result);
    }

    fn alone(&self) -> bool {
        true
    }
}
