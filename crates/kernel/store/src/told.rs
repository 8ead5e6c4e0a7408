//! One answer on its way from a thread to a task that waits for it, whichever runtime the task has.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

enum State<T> {
    /// Nobody has answered; whom to wake.
    Waits(Option<Waker>),
    /// The answer.
    Is(T),
    /// Whoever was to answer is gone.
    Gone,
}

type Shared<T> = Arc<Mutex<State<T>>>;

fn lock<T>(state: &Mutex<State<T>>) -> MutexGuard<'_, State<T>> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Who tells.
pub(crate) struct Teller<T>(Shared<T>);

/// Who hears: the answer, or nothing where whoever was to tell it is gone.
pub(crate) struct Hearer<T>(Shared<T>);

/// A way for one answer.
pub(crate) fn way<T>() -> (Teller<T>, Hearer<T>) {
    let state = Arc::new(Mutex::new(State::Waits(None)));
    (Teller(Arc::clone(&state)), Hearer(state))
}

impl<T> Teller<T> {
    /// Tells the answer. Who left before it came does not need it.
    pub(crate) fn tell(self, answer: T) {
        self.end(State::Is(answer));
    }

    fn end(&self, with: State<T>) {
        let mut state = lock(&self.0);
        if let State::Waits(waker) = &mut *state {
            let waker = waker.take();
            *state = with;
            drop(state);
            if let Some(waker) = waker {
                waker.wake();
            }
        }
    }
}

impl<T> Drop for Teller<T> {
    fn drop(&mut self) {
        self.end(State::Gone);
    }
}

impl<T> Future for Hearer<T> {
    type Output = Option<T>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<T>> {
        let mut state = lock(&self.0);
        match std::mem::replace(&mut *state, State::Gone) {
            State::Is(answer) => Poll::Ready(Some(answer)),
            State::Gone => Poll::Ready(None),
            State::Waits(_) => {
                *state = State::Waits(Some(context.waker().clone()));
                Poll::Pending
            }
        }
    }
}
