//! What waits for somebody. Each app tells its queues as data; the house asks those whose act the person may do, and keeps the
//! counts of an account for some seconds: every page shows them.

use crate::House;
use mach_access::{Act, Actor, decide};
use mach_base::limits;
use mach_store::Reader;
pub use mach_store::waiting::Waiting;
use mach_ui::Msg;
use mach_ui::components::Icon;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long counts are shown before they are asked again; what somebody does themselves is counted at once.
const KEPT: Duration = Duration::from_secs(20);

/// One kind of work, and how to ask how much of it waits. An app gives its own as `pub const WORK: &[Queue]`, and the program
/// lists them.
#[derive(Clone, Copy, Debug)]
pub struct Queue {
    /// What one must be allowed: nobody else is asked, told or counted.
    pub act: Act,
    /// What is to be done.
    pub label: Msg,
    /// Its drawing.
    pub icon: Icon,
    /// Where it is done.
    pub href: &'static str,
    /// The page of the rail that bears its number.
    pub page: &'static str,
    /// Asks how much waits for this person, by a reader of `act`. Cheap: it runs when pages are opened.
    pub ask: fn(&mut Reader, &Actor) -> mach_store::Result<Waiting>,
}

/// The queues of a person that are not empty.
pub type Work = Vec<(Queue, Waiting)>;

/// What a person is told on every page.
#[derive(Debug, Default)]
pub struct Counts {
    /// What waits.
    pub work: Work,
    /// Notices that were not read.
    pub unread: i64,
}

/// Counts of accounts.
#[derive(Debug, Default)]
pub(crate) struct Counted {
    kept: Mutex<HashMap<i64, (Instant, Arc<Counts>)>>,
}

impl Counted {
    fn of(&self, account: i64, now: Instant) -> Option<Arc<Counts>> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.get(&account)
            .filter(|(at, _)| now.saturating_duration_since(*at) < KEPT)
            .map(|(_, counts)| Arc::clone(counts))
    }

    fn keep(&self, account: i64, counts: &Arc<Counts>, now: Instant) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= limits::RECENT_SESSIONS {
            kept.retain(|_, (at, _)| now.saturating_duration_since(*at) < KEPT);
        }
        if kept.len() < limits::RECENT_SESSIONS {
            kept.insert(account, (now, Arc::clone(counts)));
        }
    }

    /// Somebody did something: what waits for them is asked again.
    pub(crate) fn forget(&self, account: i64) {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).remove(&account);
    }
}

impl House {
    /// Lists the queues of the apps; the first list counts.
    pub fn list_work(&self, queues: Vec<Queue>) {
        self.inner.work.get_or_init(|| queues);
    }

    /// Whether there is work that a person may do.
    pub(crate) fn has_work(&self, actor: &Actor) -> bool {
        self.inner.work.get().is_some_and(|work| work.iter().any(|q| decide(actor, q.act).is_ok()))
    }

    /// What waits for a person, asked now.
    ///
    /// # Errors
    /// Of the store.
    pub async fn counts(&self, actor: &Actor) -> Result<Arc<Counts>, mach_ui::http::Problem> {
        let (house, who) = (self.clone(), actor.clone());
        let counts = Arc::new(crate::blocking(move || house.ask_counts(&who)).await?);
        self.inner.counted.keep(actor.account, &counts, Instant::now());
        Ok(counts)
    }

    /// The same, as it was some seconds ago; nothing where the store does not answer: the page is shown all the same.
    pub(crate) async fn counts_lately(&self, actor: &Actor) -> Arc<Counts> {
        if let Some(counts) = self.inner.counted.of(actor.account, Instant::now()) {
            return counts;
        }
        self.counts(actor).await.unwrap_or_else(|problem| {
            tracing::warn!("what waits for account {} could not be asked: {problem:?}", actor.account);
            Arc::default()
        })
    }

    pub(crate) fn counted(&self) -> &Counted {
        &self.inner.counted
    }

    fn ask_counts(&self, actor: &Actor) -> mach_store::Result<Counts> {
        let mut counts = Counts::default();
        for queue in self.inner.work.get().map(Vec::as_slice).unwrap_or_default() {
            let Ok(decision) = decide(actor, queue.act) else { continue };
            let waiting = (queue.ask)(&mut self.inner.store.read_one(&decision)?, actor)?;
            if waiting.count > 0 {
                counts.work.push((*queue, waiting));
            }
        }
        // What is due first, then what waits longest.
        counts.work.sort_by_key(|(_, w)| (w.due.unwrap_or(i64::MAX), w.oldest.unwrap_or(i64::MAX)));
        if let Ok(decision) = decide(actor, Act::UseAccount) {
            counts.unread = mach_store::notices::unread(&mut self.inner.store.read_one(&decision)?, actor.account)?;
        }
        Ok(counts)
    }
}
