//! What every app is mounted with: the store, who is asking, and the one way to a decision.
//!
//! A handler extracts a [`Session`], asks [`House::decide`] for a decision, and gives it to [`House::read`] or
//! [`House::write`]; there is no other way to a row. Database work runs on blocking threads, never on the async ones.

mod address;
pub mod admin;
pub mod call;
pub mod carry;
pub mod elsewhere;
pub mod files;
pub mod follow;
pub mod gateway;
pub mod pace;
pub mod pages;
pub mod passkey;
pub mod person;
pub mod proof;
mod recent;
mod recover;
mod session;
pub mod sign_in;
pub mod sms;
pub mod trust;
pub mod waiting;
pub mod ways;

pub use recent::Opened;
pub use recover::is_weak;
pub use session::{NewSession, PART, SESSION_COOKIE, Session, bearer, facility_name, house_decision, role_label};

use mach_access::{Act, Decision, decide};
use mach_store::sql::Query;
use mach_store::{Reader, Store, Tx};
use mach_ui::http::Problem;
use std::sync::Arc;

/// The state of every router.
#[derive(Clone)]
pub struct House {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    pace: Arc<pace::Pace>,
    recent: Arc<recent::Recent>,
    work: std::sync::OnceLock<Vec<waiting::Queue>>,
    counted: waiting::Counted,
    proxies: Vec<pace::Network>,
    secure: bool,
    demo: bool,
    public: Option<String>,
    listening: std::sync::OnceLock<String>,
    challenges: passkey::Challenges,
    ways: std::sync::OnceLock<ways::Ways>,
}

/// Who is at the other end of a request's connection; the listener lays it beside each request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Where the connection comes from: a proxy, where one stands in front.
    pub address: std::net::IpAddr,
    /// SHA-256 of the client certificate (DER) that the connection proved to hold, believed by `--tls-client-ca`.
    pub certificate: Option<[u8; 32]>,
}

/// How the house answers, as configured.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Cookies travel over TLS only.
    pub secure: bool,
    /// Synthetic data: pages say so.
    pub demo: bool,
    /// Who is believed where they say for whom they ask.
    pub proxies: Vec<pace::Network>,
    /// The address by which others reach this program: `https://mach.example.vn`. Passkeys answer there alone.
    pub public: Option<String>,
}

impl House {
    /// A house upon `store`.
    pub fn new(store: Store, settings: Settings) -> Self {
        Self {
            inner: Arc::new(Inner {
                store,
                pace: Arc::new(pace::Pace::new(mach_base::limits::PACE_BUCKETS)),
                recent: Arc::default(),
                work: std::sync::OnceLock::new(),
                counted: waiting::Counted::default(),
                proxies: settings.proxies,
                secure: settings.secure,
                demo: settings.demo,
                public: settings.public,
                listening: std::sync::OnceLock::new(),
                challenges: passkey::Challenges::default(),
                ways: std::sync::OnceLock::new(),
            }),
        }
    }

    /// The store, for work outside a request (imports of the command line, timers).
    pub fn store(&self) -> &Store {
        &self.inner.store
    }

    /// How often who has asked.
    pub fn pace(&self) -> &Arc<pace::Pace> {
        &self.inner.pace
    }

    /// Who is believed where they say for whom they ask.
    pub fn proxies(&self) -> &[pace::Network] {
        &self.inner.proxies
    }

    /// The address by which others reach this program, where it was told.
    pub fn public(&self) -> Option<&str> {
        self.inner.public.as_deref()
    }

    /// Challenges of passkeys that wait for an answer.
    pub fn challenges(&self) -> &passkey::Challenges {
        &self.inner.challenges
    }

    /// The pages that sessions opened last.
    pub(crate) fn recent(&self) -> &Arc<recent::Recent> {
        &self.inner.recent
    }

    /// Whether the data is synthetic.
    pub fn demo(&self) -> bool {
        self.inner.demo
    }

    /// Whether cookies travel over TLS only.
    pub fn secure(&self) -> bool {
        self.inner.secure
    }

    /// Decides whether the session's account may do `act`. A denial is audited and answers 403.
    pub async fn decide(&self, session: &Session, act: Act) -> Result<Decision, Problem> {
        match decide(&session.actor, act) {
            Ok(decision) => Ok(decision),
            Err(_) => {
                self.audit_denial(session, act).await;
                Err(Problem::Forbidden)
            }
        }
    }

    async fn audit_denial(&self, session: &Session, act: Act) {
        let Ok(decision) = decide(&mach_access::Actor::console(), Act::UseAccount) else { return };
        let target = format!("{} {}: {}", session.actor.role.code(), session.actor.name, act.code());
        let written = self.write(decision, move |tx| tx.audit(None, &target, "denied")).await;
        if let Err(e) = written {
            tracing::error!("a denial could not be audited: {e}");
        }
    }

    /// Runs `work` with a reader of `decision`, off the async threads.
    pub async fn read<T, E>(
        &self,
        decision: Decision,
        work: impl FnOnce(&mut Reader) -> Result<T, E> + Send + 'static,
    ) -> Result<T, Problem>
    where
        T: Send + 'static,
        E: Into<Failure> + From<mach_store::Error> + Send + 'static,
    {
        let store = self.inner.store.clone();
        blocking(move || store.read(&decision).map_err(E::from).and_then(|mut reader| work(&mut reader))).await
    }

    /// Runs `look`, which asks for a few rows by their keys that need not be of one state, and does nothing else: it may be run
    /// several times ([`Store::glance`]). Only where a reader of its own must be waited for it leaves the async threads.
    pub async fn glance<T: Send + 'static>(
        &self,
        decision: Decision,
        look: impl Fn(&mut dyn Query) -> mach_store::Result<T> + Send + 'static,
    ) -> Result<T, Problem> {
        match self.inner.store.glance(&decision, &look).await {
            Some(found) => found.map_err(|e| Failure::from(e).0),
            None => {
                let store = self.inner.store.clone();
                blocking(move || store.read_one(&decision).and_then(|mut reader| look(&mut reader))).await
            }
        }
    }

    /// Runs `work` in a transaction of `decision`, off the async threads; answers once it is durable.
    pub async fn write<T: Send + 'static>(
        &self,
        decision: Decision,
        work: impl FnOnce(&mut Tx<'_>) -> mach_store::Result<T> + Send + 'static,
    ) -> Result<T, Problem> {
        let store = self.inner.store.clone();
        blocking(move || store.write(&decision, work)).await
    }
}

async fn blocking<T: Send + 'static, E: Into<Failure> + Send + 'static>(
    work: impl FnOnce() -> Result<T, E> + Send + 'static,
) -> Result<T, Problem> {
    // What the work logs, and a panic of it, carry the request's id.
    let span = tracing::Span::current();
    match tokio::task::spawn_blocking(move || span.in_scope(work)).await {
        Ok(outcome) => outcome.map_err(|e| e.into().0),
        Err(e) => Err(Problem::internal(e)),
    }
}

/// Why a piece of database work gave no answer, as the reader is told.
#[derive(Debug)]
pub struct Failure(pub Problem);

impl From<mach_store::Error> for Failure {
    fn from(error: mach_store::Error) -> Self {
        Self(match error {
            mach_store::Error::Full | mach_store::Error::Stopped | mach_store::Error::Lost(_) => Problem::Unavailable,
            // Who sent it is told what to leave out.
            nul @ mach_store::Error::Nul => Problem::BadRequest(nul.to_string()),
            other => Problem::internal(other),
        })
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self(problem)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_store_refuses_is_told_apart() {
        for (error, status) in [
            (mach_store::Error::Nul, 400),
            (mach_store::Error::Full, 503),
            (mach_store::Error::Lost(String::new()), 503),
            (mach_store::Error::Missing("a row"), 500),
        ] {
            assert_eq!(Failure::from(error.clone()).0.status().as_u16(), status, "{error}");
        }
    }
}
