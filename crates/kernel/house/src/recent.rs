//! The pages that a session opened last: names of people may stand in their titles, so they are kept in memory only, beside
//! nothing that is written, and for as long as the session is used.

use mach_base::limits;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A page that was opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    /// Its title.
    pub title: String,
    /// Its path and query.
    pub href: String,
}

/// Whose pages: an account, and the second its session began. The token of a session changes with each proof; this does not.
type Whose = (i64, i64);

/// Pages of sessions, the last opened first.
#[derive(Debug, Default)]
pub(crate) struct Recent {
    kept: Mutex<HashMap<Whose, (Instant, Vec<Opened>)>>,
}

impl Recent {
    /// Notes that a session opened a page.
    pub(crate) fn note(&self, whose: Whose, page: Opened, now: Instant) {
        let path = |href: &str| href.split('?').next().unwrap_or_default().to_owned();
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= limits::RECENT_SESSIONS && !kept.contains_key(&whose) {
            kept.retain(|_, (used, _)| !is_over(*used, now));
            // All of them are in use: who used theirs longest ago loses it.
            if kept.len() >= limits::RECENT_SESSIONS
                && let Some(oldest) = kept.iter().min_by_key(|(_, (used, _))| *used).map(|(whose, _)| *whose)
            {
                kept.remove(&oldest);
            }
        }
        let (used, pages) = kept.entry(whose).or_insert_with(|| (now, Vec::new()));
        *used = now;
        pages.retain(|p| path(&p.href) != path(&page.href));
        pages.insert(0, page);
        pages.truncate(limits::RECENT_PAGES);
    }

    /// The pages of a session.
    pub(crate) fn of(&self, whose: Whose, now: Instant) -> Vec<Opened> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.get(&whose).filter(|(used, _)| !is_over(*used, now)).map(|(_, pages)| pages.clone()).unwrap_or_default()
    }
}

/// Whether the session must have ended by itself since.
fn is_over(used: Instant, now: Instant) -> bool {
    let idle = Duration::from_secs(limits::SESSION_IDLE_MINUTES.unsigned_abs() * 60);
    now.saturating_duration_since(used) > idle
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(n: usize) -> Opened {
        Opened { title: format!("Trang {n}"), href: format!("/people/{n}?tab=1") }
    }

    #[test]
    fn the_last_pages_of_one_session() {
        let (recent, now) = (Recent::default(), Instant::now());
        for n in 0..=limits::RECENT_PAGES {
            recent.note((1, 5), page(n), now);
        }
        let again = Opened { href: "/people/3".to_owned(), ..page(3) };
        recent.note((1, 5), again.clone(), now);
        let pages = recent.of((1, 5), now);
        assert_eq!((pages.len(), &pages[0], &pages[1]), (limits::RECENT_PAGES, &again, &page(limits::RECENT_PAGES)));
        assert_eq!(pages.iter().filter(|p| p.href.starts_with("/people/3")).count(), 1, "a page once");
        assert_eq!(recent.of((1, 6), now), [], "another session of the same account");
        let later = now + Duration::from_secs(limits::SESSION_IDLE_MINUTES.unsigned_abs() * 60 + 1);
        assert_eq!(recent.of((1, 5), later), [], "a session that was left alone");
    }

    #[test]
    fn there_are_never_more_sessions_than_there_is_room() {
        let (recent, now) = (Recent::default(), Instant::now());
        for n in 0..=limits::RECENT_SESSIONS as i64 {
            recent.note((n, 1), page(1), now + Duration::from_millis(n.unsigned_abs()));
        }
        let kept = recent.kept.lock().unwrap();
        assert_eq!(
            (kept.len(), kept.contains_key(&(0, 1)), kept.contains_key(&(1, 1))),
            (limits::RECENT_SESSIONS, false, true)
        );
    }
}
