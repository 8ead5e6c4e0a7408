//! One request: its id, which stands in the answer and in the log, and a handler's panic caught.

use axum::http::{HeaderMap, HeaderName};
use std::any::Any;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

/// The header that carries the id, in both directions.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Characters of an id that a client may give.
const ID_CHARS: usize = 64;

/// The id of a request: the client's own where it is short and plain, else one that no other request of this process has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId(String);

impl RequestId {
    /// The id of the request with these headers.
    pub fn of(headers: &HeaderMap) -> Self {
        let plain = |id: &str| {
            (1..=ID_CHARS).contains(&id.len())
                && id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
        };
        let given = headers.get(REQUEST_ID).and_then(|v| v.to_str().ok()).filter(|id| plain(id));
        given.map_or_else(Self::new, |id| Self(id.to_owned()))
    }

    fn new() -> Self {
        static PROCESS: OnceLock<u64> = OnceLock::new();
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let process = PROCESS.get_or_init(|| RandomState::new().hash_one(std::process::id())) & 0xffff_ffff;
        Self(format!("{process:08x}-{:x}", NEXT.fetch_add(1, Ordering::Relaxed)))
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A future whose panic is its result: one broken handler ends one request, not its connection.
pub(crate) struct Caught<F>(Pin<Box<F>>);

impl<F: Future> Caught<F> {
    pub(crate) fn new(future: F) -> Self {
        Self(Box::pin(future))
    }
}

impl<F: Future> Future for Caught<F> {
    type Output = Result<F::Output, String>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        // After a panic the future is dropped with its request; nothing looks into it again.
        match catch_unwind(AssertUnwindSafe(|| self.0.as_mut().poll(context))) {
            Ok(poll) => poll.map(Ok),
            Err(panic) => Poll::Ready(Err(said(panic.as_ref()))),
        }
    }
}

fn said(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|t| (*t).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "without a text".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_clients_are_kept_where_they_are_plain() {
        let of = |id: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(REQUEST_ID, axum::http::HeaderValue::from_bytes(id.as_bytes()).unwrap());
            RequestId::of(&headers).0
        };
        let longest = "a".repeat(ID_CHARS);
        for kept in ["a", "7f3e-0_1.b", &longest] {
            assert_eq!(of(kept), kept);
        }
        for replaced in ["", "a b", "<script>", "é", &"a".repeat(ID_CHARS + 1)] {
            assert_ne!(of(replaced), *replaced);
            assert!(of(replaced).len() > 8);
        }
        assert_ne!(of(""), of(""), "no id twice");
    }
}
