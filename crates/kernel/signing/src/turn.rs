//! One step of a signature at a time: the page that asked for it and the queue may come at once. Different signatures do not
//! wait for each other.

use std::collections::BTreeSet;
use std::sync::{Condvar, Mutex, PoisonError};

/// Those that somebody takes a step with just now, by number.
static TAKEN: Mutex<BTreeSet<i64>> = Mutex::new(BTreeSet::new());
static GIVEN_BACK: Condvar = Condvar::new();

/// The turn at one signature, until it is dropped.
#[derive(Debug)]
pub struct Turn(i64);

impl Turn {
    /// Waits for the turn: whoever comes second sees what the first has done.
    pub fn at(id: i64) -> Self {
        let taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
        let free = GIVEN_BACK.wait_while(taken, |taken| taken.contains(&id));
        free.unwrap_or_else(PoisonError::into_inner).insert(id);
        Self(id)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        TAKEN.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.0);
        GIVEN_BACK.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::Turn;
    use std::sync::mpsc;
    use std::thread;

    #[test]
    fn one_at_a_time_for_each_and_all_at_once_for_many() {
        let first = Turn::at(1);
        drop(Turn::at(2));
        let (tell, told) = mpsc::channel();
        let second = thread::spawn(move || {
            let turn = Turn::at(1);
            tell.send(()).expect("told");
            drop(turn);
        });
        assert!(told.try_recv().is_err(), "the first has it");
        drop(first);
        told.recv().expect("its turn");
        second.join().expect("done");
    }
}
