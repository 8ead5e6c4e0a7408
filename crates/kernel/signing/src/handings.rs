//! Files that are with the state's desktop signer. That program has no session here, so each file has an address to be fetched
//! from and one to be brought to: for this file alone, for one use, for minutes. They are kept in memory; after a restart the
//! signature still waits, and its owner presses again.

use mach_access::secret;
use mach_store::signing::Due;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Seconds within which a file is fetched.
pub const FETCH_SECONDS: i64 = 120;
/// Seconds within which it is brought back: its owner finds the token, types the PIN, looks at the paper.
pub const BRING_SECONDS: i64 = 900;
/// Files that are away at once, of all signers.
pub const MOST: usize = 2_000;

/// What became of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is not back.
    Away,
    /// It was taken.
    Taken,
    /// It was not; a word of [`crate::words`] says why.
    Refused(String),
}

/// Of secrets their hash alone is kept.
type Hash = [u8; 32];

#[derive(Debug)]
struct Handing {
    session: Hash,
    fetch: Option<Hash>,
    bring: Option<Hash>,
    account: i64,
    due: Due,
    began: i64,
    outcome: Outcome,
}

/// The secrets of one handing.
#[derive(Clone, Debug)]
pub struct Opened {
    /// What the page asks by.
    pub session: String,
    /// What the file is fetched by.
    pub fetch: String,
    /// What it is brought by.
    pub bring: String,
}

/// All that are away.
#[derive(Debug, Default)]
pub struct Handings(Mutex<Vec<Handing>>);

impl Handings {
    fn all(&self, now: i64) -> MutexGuard<'_, Vec<Handing>> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|h| now < h.began + 2 * BRING_SECONDS);
        all
    }

    /// Opens the addresses of a file; those that it had end. `None` where too many are away, or the system gives no random bytes.
    pub fn open(&self, due: Due, account: i64, now: i64) -> Option<Opened> {
        let opened = Opened {
            session: secret::new_token("").ok()?,
            fetch: secret::new_token("").ok()?,
            bring: secret::new_token("").ok()?,
        };
        let hash = secret::token_hash;
        let mut all = self.all(now);
        all.retain(|h| h.due.id != due.id);
        if all.len() >= MOST {
            return None;
        }
        let (fetch, bring) = (Some(hash(&opened.fetch)), Some(hash(&opened.bring)));
        let session = hash(&opened.session);
        all.push(Handing { session, fetch, bring, account, due, began: now, outcome: Outcome::Away });
        Some(opened)
    }

    /// Which file is fetched by this secret: once, and in time.
    pub fn fetch(&self, secret: &str, now: i64) -> Option<Due> {
        let hash = Some(secret::token_hash(secret));
        let mut all = self.all(now);
        let found = all.iter_mut().find(|h| h.fetch == hash && now <= h.began + FETCH_SECONDS)?;
        found.fetch = None;
        Some(found.due.clone())
    }

    /// Which file is brought by this secret: once, in time, and after it was fetched.
    pub fn bring(&self, secret: &str, now: i64) -> Option<Due> {
        let hash = Some(secret::token_hash(secret));
        let mut all = self.all(now);
        let fits = |h: &&mut Handing| h.bring == hash && h.fetch.is_none() && now <= h.began + BRING_SECONDS;
        let found = all.iter_mut().find(fits)?;
        found.bring = None;
        Some(found.due.clone())
    }

    /// Notes what became of a file that was brought.
    pub fn ended(&self, due: &Due, outcome: Outcome, now: i64) {
        // Asked for anew meanwhile, it has addresses again, and this is told of none.
        if let Some(h) = self.all(now).iter_mut().find(|h| h.due.id == due.id && h.bring.is_none()) {
            h.outcome = outcome;
        }
    }

    /// What became of the file that a page asks for; `None` where it is not known any more.
    pub fn outcome(&self, session: &str, account: i64, now: i64) -> Option<Outcome> {
        let hash = secret::token_hash(session);
        let all = self.all(now);
        let found = all.iter().find(|h| h.session == hash && h.account == account)?;
        match found.outcome == Outcome::Away && now > found.began + BRING_SECONDS {
            true => None,
            false => Some(found.outcome.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mach_store::signing::Act;

    fn due(id: i64) -> Due {
        Due { id, facility: 1, code: format!("C{id}"), act: Act::Conclude, tried: 0 }
    }

    #[test]
    fn an_address_is_for_one_file_one_use_and_minutes() {
        let all = Handings::default();
        let (one, two) = (all.open(due(1), 7, 0).expect("open"), all.open(due(2), 7, 0).expect("open"));
        assert_eq!(all.bring(&one.bring, 1), None, "not before it was fetched");
        assert_eq!(all.fetch(&one.bring, 1), None, "the one is not the other");
        assert_eq!(all.fetch(&one.fetch, 1), Some(due(1)));
        assert_eq!(all.fetch(&one.fetch, 1), None, "once");
        assert_eq!(all.bring(&one.bring, 2), Some(due(1)));
        assert_eq!(all.bring(&one.bring, 2), None, "once");
        assert_eq!(all.fetch(&two.fetch, FETCH_SECONDS + 1), None, "late");
        assert_eq!(all.fetch(&two.fetch, FETCH_SECONDS), Some(due(2)));
        assert_eq!(all.bring(&two.bring, BRING_SECONDS + 1), None, "late");
        assert_eq!(all.bring(&two.bring, BRING_SECONDS), Some(due(2)));
        assert_eq!(all.bring("", 1), None);
    }

    #[test]
    fn pressing_again_ends_what_was_open() {
        let all = Handings::default();
        let old = all.open(due(1), 7, 0).expect("open");
        assert_eq!(all.fetch(&old.fetch, 0), Some(due(1)));
        let new = all.open(due(1), 7, 1).expect("open");
        assert_eq!(all.bring(&old.bring, 1), None);
        assert_eq!(all.outcome(&old.session, 7, 1), None);
        all.ended(&due(1), Outcome::Taken, 1);
        assert_eq!(all.outcome(&new.session, 7, 1), Some(Outcome::Away), "what was brought before says nothing of it");
        assert_eq!(all.outcome(&new.session, 8, 1), None, "another's");
        assert_eq!(all.outcome(&new.session, 7, BRING_SECONDS + 2), None, "nothing comes any more");
    }

    #[test]
    fn no_more_than_the_limit_are_away() {
        let all = Handings::default();
        for id in 0..MOST {
            assert!(all.open(due(i64::try_from(id).expect("small")), 7, 0).is_some(), "{id}");
        }
        assert!(all.open(due(-1), 7, 0).is_none());
        assert!(all.open(due(5), 7, 0).is_some(), "in its own place");
        assert!(all.open(due(-1), 7, 2 * BRING_SECONDS).is_some(), "those that are over give way");
    }
}
