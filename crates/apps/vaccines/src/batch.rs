//! Passes in batch: all who may have one, in the order of their numbers. How far it is is kept with the passes themselves, in
//! one transaction each few hundred: after a kill it goes on where it was, and nobody gets two.

use crate::keys::{self, Signer};
use crate::pass::{self, Signed};
use mach_access::{Act, Actor, Decision, decide};
use mach_base::time::now_seconds;
use mach_store::people::{self, PersonRow};
use mach_store::vaccines::{self, Batch, Dose};
use mach_store::{Error, Result, Store};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;

/// People of one transaction.
pub const TOGETHER: usize = 500;
/// The longest the worker rests without being looked at.
const REST: Duration = Duration::from_secs(60);

fn console() -> Result<Decision> {
    decide(&Actor::console(), Act::IssuePasses).map_err(|e| Error::Refused(e.to_string()))
}

/// Begins a batch; gives its number, or nothing where one is under way.
///
/// # Errors
/// Of the store.
pub fn begin(store: &Store, decision: &Decision, account: i64) -> Result<Option<i64>> {
    let now = now_seconds();
    // Counting walks all doses: not where the writer waits.
    let total = vaccines::waiting(&mut store.read(&console()?)?, now)?;
    store.write(decision, move |tx| {
        let begun = tx.begin_batch(account, total, now)?;
        tx.audit(None, "a batch of vaccine passes begun", if begun.is_some() { "granted" } else { "failed" })?;
        Ok(begun)
    })
}

/// Stops the batch that is under way.
///
/// # Errors
/// Of the store.
pub fn stop(store: &Store, decision: &Decision) -> Result<bool> {
    store.write(decision, |tx| {
        let Some(batch) = vaccines::running(tx)? else { return Ok(false) };
        let stopped = Batch { ended: Some(now_seconds()), stopped: true, ..batch };
        let done = tx.move_batch(&batch, &stopped)?;
        tx.audit(None, "a batch of vaccine passes stopped", "granted")?;
        Ok(done)
    })
}

/// Signs on all cores: in the order of the people, `None` where too little is known of somebody.
fn sign_all(signer: &Signer, people: &[(PersonRow, Vec<Dose>)], batch: i64, now: i64) -> Result<Vec<Option<Signed>>> {
    let workers = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let size = people.len().div_ceil(workers).max(1);
    std::thread::scope(|scope| {
        let sign = |part: &[(PersonRow, Vec<Dose>)]| {
            part.iter().map(|(row, doses)| pass::sign(signer, row, doses, batch, now)).collect::<Result<Vec<_>>>()
        };
        let threads: Vec<_> = people.chunks(size).map(|part| scope.spawn(move || sign(part))).collect();
        let mut out = Vec::with_capacity(people.len());
        for thread in threads {
            out.extend(thread.join().map_err(|_| Error::Refused("a thread of the batch fell".to_owned()))??);
        }
        Ok(out)
    })
}

/// People after `last` with their doses.
fn next(store: &Store, last: i64, now: i64) -> Result<Found> {
    let mut reader = store.read(&console()?)?;
    let ids = vaccines::to_get_a_pass(&mut reader, last, now, TOGETHER)?;
    let mut out = Found { last: ids.last().copied(), ..Found::default() };
    for id in &ids {
        let row = people::person(&mut reader, *id)?.ok_or(Error::Missing("a person"))?;
        let doses = vaccines::of_person(&mut reader, *id)?;
        out.people.push((row, doses));
    }
    Ok(out)
}

#[derive(Default)]
struct Found {
    people: Vec<(PersonRow, Vec<Dose>)>,
    last: Option<i64>,
}

/// Moves the batch that is under way to its end or until it is stopped; `each` is told how far it is. Gives it as it is then;
/// `None` where none was under way.
///
/// # Errors
/// Of the store and of the key: what was kept is kept.
pub fn run(store: &Store, signer: &Signer, each: &mut dyn FnMut(&Batch)) -> Result<Option<Batch>> {
    let decision = console()?;
    let Some(mut batch) = vaccines::running(&mut store.read(&decision)?)? else { return Ok(None) };
    each(&batch);
    let mut flight: Option<mach_store::Pending<Option<Batch>>> = None;
    loop {
        let now = now_seconds();
        let Found { people, last } = next(store, batch.last, now)?;
        let signed = sign_all(signer, &people, batch.id, now)?;
        let passed_over = signed.iter().filter(|s| s.is_none()).count();
        let passes: Vec<Signed> = signed.into_iter().flatten().collect();
        // Those before are durable before these are handed in: what is read next must not overtake what was refused.
        if let Some(pending) = flight.take() {
            match pending.wait()? {
                Some(kept) => each(&kept),
                None => return vaccines::running(&mut store.read(&decision)?),
            }
        }
        let (was, to) = (batch, last);
        let pending = store.begin_write(&decision, move |tx| {
            let there = vaccines::running(tx)?.filter(|b| (b.id, b.last) == (was.id, was.last));
            let Some(there) = there else { return Ok(None) };
            // Meanwhile somebody may have got one by hand, come in doubt, or be merged.
            let may = vaccines::still_to_get_a_pass(tx, (was.last, to.unwrap_or(was.last)), now)?;
            let passes: Vec<Signed> = passes.into_iter().filter(|p| may.binary_search(&p.row.person).is_ok()).collect();
            let count = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
            let moved = Batch {
                last: to.unwrap_or(was.last),
                made: there.made + count(passes.len()),
                passed_over: there.passed_over + count(passed_over),
                ended: to.is_none().then_some(now),
                ..there
            };
            if !tx.move_batch(&there, &moved)? {
                return Ok(None);
            }
            pass::keep(tx, &passes)?;
            Ok(Some(moved))
        })?;
        batch.last = last.unwrap_or(batch.last);
        match last {
            Some(_) => flight = Some(pending),
            None => {
                let kept = pending.wait()?;
                if let Some(kept) = &kept {
                    each(kept);
                }
                return Ok(kept);
            }
        }
    }
}

/// The worker of a serving program: told when there may be a batch to move on.
#[derive(Clone, Debug, Default)]
pub struct Worker {
    wake: Arc<Notify>,
}

impl Worker {
    /// Tells it to look.
    pub fn wake(&self) {
        self.wake.notify_one();
    }

    /// Moves batches on, and publishes the list of passes taken back where that could not be done at once, for as long as the program runs; one that was under way when it ended goes on.
    pub fn start(&self, store: &Store, data: &Path) -> tokio::task::JoinHandle<()> {
        let (wake, store, data) = (Arc::clone(&self.wake), store.clone(), data.to_path_buf());
        tokio::spawn(async move {
            loop {
                let (store, data) = (store.clone(), data.clone());
                let done = tokio::task::spawn_blocking(move || {
                    let Some(signer) = keys::open(&data)? else { return Ok(()) };
                    // The list first: a pass that was taken back must not wait for a batch.
                    let healed = pass::heal(&store, &signer, &data);
                    run(&store, &signer, &mut |_| {}).map_err(|e| e.to_string())?;
                    healed.map(drop)
                });
                match done.await {
                    Ok(Ok(())) => {}
                    Ok(Err(e)) => tracing::error!("vaccine passes: {e}"),
                    Err(e) => tracing::error!("the batch of vaccine passes: {e}"),
                }
                tokio::select! { () = wake.notified() => {}, () = tokio::time::sleep(REST) => {} }
            }
        })
    }
}
