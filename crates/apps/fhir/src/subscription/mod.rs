//! Subscriptions: who wants to know of what, found in the log of versions and told by rest-hook or websocket.
//!
//! ```text
//! commit ─ hook ─► matcher (one, blocking)          reads the log from each subscription's cursor, asks the search of each
//!                     │                             version in the state of its own change; events + cursor in one transaction
//!                     ▼
//!            subscription_event  1, 2, 3 …          what is owed, kept by number
//!                     │
//!        ┌────────────┴───────────┐
//!   one task a receiver      one task a websocket   nothing here is waited for by the writer
//! ```
//!
//! Nothing is kept in memory that is not found again in the store: after a kill the cursor and the events say where to go on.
//! A receiver may get an event twice (killed between its answer and our note of it), never in another order, never not at all;
//! the number tells it. R4 §2.46; "Subscriptions R5 Backport" 1.1 for R4.

mod definition;
mod matcher;
mod notify;
pub mod operations;
mod registry;
mod socket;
mod status;
pub mod topic;
mod worker;

pub use definition::{admit, keep, shown_to};
pub use mach_house::call::endpoint::{Endpoint, check_prefix};
pub use socket::connect;
pub use status::retry;
pub use worker::Delivery;

use std::collections::HashMap;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;
use tokio::sync::{Notify, watch};

/// How subscriptions are carried out.
#[derive(Clone, Debug)]
pub struct Settings {
    /// This server's URL as receivers know it, `https://host/fhir`.
    pub base: String,
    /// How long after the first failure a receiver is tried again; each further wait is twice as long, to five minutes.
    pub first_retry: Duration,
    /// Failures after which a subscription is given up.
    pub tries: i64,
    /// How often the log is looked at where nothing says that something was written: other processes write too.
    pub tick: Duration,
    /// Receivers on this machine may be called without being listed: a demonstration.
    pub loopback: bool,
}

impl Settings {
    /// The usual: twelve tries over half an hour, a look every two seconds.
    pub fn new(base: impl Into<String>) -> Self {
        Self {
            base: base.into(),
            first_retry: Duration::from_secs(1),
            tries: 12,
            tick: Duration::from_secs(2),
            loopback: false,
        }
    }
}

/// What requests, websockets and the delivery share.
#[derive(Debug)]
pub struct Hub {
    /// Wakes the matcher.
    pub wake: Arc<Notify>,
    /// Moves when events were found or a subscription's state changed.
    pub changed: watch::Sender<u64>,
    /// Permissions to bind a websocket, by the hash of their token.
    pub bindings: Mutex<HashMap<[u8; 32], operations::Binding>>,
    /// Open websockets.
    pub sockets: AtomicUsize,
    /// This server's URL, once it delivers.
    pub base: OnceLock<String>,
}

impl Default for Hub {
    fn default() -> Self {
        Self {
            wake: Arc::default(),
            changed: watch::Sender::new(0),
            bindings: Mutex::default(),
            sockets: AtomicUsize::new(0),
            base: OnceLock::new(),
        }
    }
}

impl Hub {
    /// Tells the websockets to look.
    pub fn tell(&self) {
        self.changed.send_modify(|n| *n = n.wrapping_add(1));
    }
}

/// Milliseconds since 1970 UTC.
pub(crate) fn now_millis() -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.map_or(0, |d| i64::try_from(d.as_millis()).unwrap_or(i64::MAX))
}
