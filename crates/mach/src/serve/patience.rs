//! How long a slow client is waited for, and what all bodies together may take.

use super::crowd::{Guest, Stage};
use super::limits::Limits;
use axum::body::Body;
use hyper::body::{Body as HttpBody, Bytes, Frame, Incoming, SizeHint};
use std::pin::Pin;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};
use tokio::time::{Sleep, sleep_until};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Counts the time spent waiting for the other side: some at once, and a second more for each so many bytes moved.
pub struct Patience {
    stall: Duration,
    bytes_per_second: u64,
    moved: u64,
    waited: Duration,
    waiting: Option<(Instant, Pin<Box<Sleep>>)>,
}

impl Patience {
    /// The patience of these limits.
    pub fn new(limits: &Limits) -> Self {
        let (stall, bytes_per_second) = (limits.stall, limits.bytes_per_second.max(1));
        Self { stall, bytes_per_second, moved: 0, waited: Duration::ZERO, waiting: None }
    }

    /// Begins anew.
    pub fn reset(&mut self) {
        (self.moved, self.waited, self.waiting) = (0, Duration::ZERO, None);
    }

    /// The other side moved `bytes`.
    pub fn moved(&mut self, bytes: usize) {
        if let Some((since, _)) = self.waiting.take() {
            self.waited += since.elapsed();
        }
        self.moved += bytes as u64;
    }

    /// Nothing moves now: ready where that has been too long.
    pub fn waits(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let granted = self.stall + Duration::from_millis(self.moved.saturating_mul(1000) / self.bytes_per_second);
        let left = granted.saturating_sub(self.waited);
        let (_, sleep) = self.waiting.get_or_insert_with(|| {
            let now = Instant::now();
            (now, Box::pin(sleep_until((now + left).into())))
        });
        sleep.as_mut().poll(context)
    }
}

/// What of a request's body went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It came too slowly.
    Slow,
    /// All bodies together are as large as they may be.
    NoRoom,
}

/// The room that all bodies share.
pub struct Room {
    left: AtomicUsize,
}

impl Room {
    /// Room for `bytes`.
    pub fn new(bytes: usize) -> Arc<Self> {
        Arc::new(Self { left: AtomicUsize::new(bytes) })
    }

    /// Bytes left.
    #[cfg(test)]
    pub fn left(&self) -> usize {
        self.left.load(Ordering::SeqCst)
    }
}

/// What one request took of the room, and what went wrong with its body. Gives the room back when it is dropped.
pub struct Share {
    room: Arc<Room>,
    taken: AtomicUsize,
    fault: AtomicU8,
}

impl Share {
    /// A share of `room`, nothing yet.
    pub fn of(room: &Arc<Room>) -> Arc<Self> {
        Arc::new(Self { room: Arc::clone(room), taken: AtomicUsize::new(0), fault: AtomicU8::new(0) })
    }

    fn take(&self, bytes: usize) -> bool {
        let fits = |left: usize| left.checked_sub(bytes);
        if self.room.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, fits).is_err() {
            return false;
        }
        self.taken.fetch_add(bytes, Ordering::SeqCst);
        true
    }

    fn fail(&self, fault: Fault) -> BoxError {
        self.fault.store(if fault == Fault::Slow { 1 } else { 2 }, Ordering::SeqCst);
        "the body could not be received".into()
    }

    /// What went wrong, if something did.
    pub fn fault(&self) -> Option<Fault> {
        match self.fault.load(Ordering::SeqCst) {
            0 => None,
            1 => Some(Fault::Slow),
            _ => Some(Fault::NoRoom),
        }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.room.left.fetch_add(self.taken.load(Ordering::SeqCst), Ordering::SeqCst);
    }
}

/// The body of a request, as it comes.
pub struct Arriving {
    inner: Incoming,
    patience: Patience,
    share: Arc<Share>,
    guest: Arc<Guest>,
}

impl Arriving {
    /// `inner`, watched.
    pub fn new(inner: Incoming, limits: &Limits, share: Arc<Share>, guest: Arc<Guest>) -> Self {
        Self { inner, patience: Patience::new(limits), share, guest }
    }
}

impl HttpBody for Arriving {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = &mut *self;
        match Pin::new(&mut this.inner).poll_frame(context) {
            Poll::Pending => {
                ready!(this.patience.waits(context));
                Poll::Ready(Some(Err(this.share.fail(Fault::Slow))))
            }
            Poll::Ready(None) => {
                this.guest.pass(Stage::Receiving, Stage::Working);
                Poll::Ready(None)
            }
            Poll::Ready(Some(Err(e))) => Poll::Ready(Some(Err(e.into()))),
            Poll::Ready(Some(Ok(frame))) => {
                let bytes = frame.data_ref().map_or(0, Bytes::len);
                this.patience.moved(bytes);
                if !this.share.take(bytes) {
                    return Poll::Ready(Some(Err(this.share.fail(Fault::NoRoom))));
                }
                if this.inner.is_end_stream() {
                    this.guest.pass(Stage::Receiving, Stage::Working);
                }
                Poll::Ready(Some(Ok(frame)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// The body of an answer: when it is made, its connection is nearly free.
pub struct Leaving {
    inner: Mutex<Body>,
    guest: Arc<Guest>,
}

impl Leaving {
    /// `inner`, watched.
    pub fn new(inner: Body, guest: Arc<Guest>) -> Self {
        Self { inner: Mutex::new(inner), guest }
    }
}

impl HttpBody for Leaving {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let inner = self.inner.get_mut().unwrap_or_else(PoisonError::into_inner);
        Pin::new(inner).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).size_hint()
    }
}

impl Drop for Leaving {
    fn drop(&mut self) {
        self.guest.pass(Stage::Sending, Stage::Flushing);
    }
}
