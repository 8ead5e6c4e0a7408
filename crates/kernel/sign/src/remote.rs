//! Signing services: the key is with a provider, its owner confirms on a phone. Clients of documented protocols, without a
//! network of their own: whoever calls gives a [`Transport`]. And simulators of the same protocols, with faults: like the
//! providers they get digests, and never a paper.
//!
//! A signature under way is a [`Flight`], bytes that are kept at every step ([`Flight::to_bytes`]): after a restart it is
//! taken up where it was. Sending again is safe: the transaction's id is ours and stays. What comes back is checked against
//! the certificate before it is used. The subscriber's password is never asked for, so it cannot be stored.

mod flight;
mod mysign;
mod mysign_simulator;
mod prehashed;
pub mod simulator;
mod smartca;
pub mod vgca;

pub use flight::{Flight, Stage};
pub use mysign::{MySign, Settings};
pub use mysign_simulator::MySignSimulator;
pub use prehashed::sign as sign_digest;
pub use simulator::{Fault, Simulator};
pub use smartca::SmartCa;

use crate::certificate::Certificate;
use crate::{Error, Result};

/// Carries requests to a provider.
pub trait Transport {
    /// Sends JSON by POST, under a ticket where the provider wants one; the status and the body of the answer.
    ///
    /// # Errors
    /// Where there is no answer: the provider is down, or too slow.
    fn post(&self, address: &str, bearer: Option<&str>, body: &serde_json::Value) -> Result<(u16, Vec<u8>)>;
}

/// What a provider says of a signature that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The owner of the key has not confirmed yet.
    Waiting,
    /// The signature's bytes, unchecked.
    Signed(Vec<u8>),
    /// The owner, or the provider, will not.
    Refused(String),
}

/// A provider that signs digests.
pub trait Service {
    /// The certificates of a subscriber, each with those that issued it.
    ///
    /// # Errors
    /// What the provider says, or that it does not answer.
    fn certificates(&self, subscriber: &str) -> Result<Vec<Vec<Certificate>>>;

    /// Asks for the signature of a SHA-256 digest; gives what later asks for it. `transaction` is ours: the same again asks
    /// for nothing new. `shown` is what the owner sees on the phone and on our screen.
    ///
    /// # Errors
    /// What the provider says, or that it does not answer.
    fn ask(&self, subscriber: &str, transaction: &str, digest: &[u8; 32], shown: &str) -> Result<String>;

    /// What became of it.
    ///
    /// # Errors
    /// That the provider does not answer, or answers something that is none.
    fn answer(&self, handle: &str) -> Result<Answer>;
}

impl<S: Service + ?Sized> Service for &S {
    fn certificates(&self, subscriber: &str) -> Result<Vec<Vec<Certificate>>> {
        (**self).certificates(subscriber)
    }

    fn ask(&self, subscriber: &str, transaction: &str, digest: &[u8; 32], shown: &str) -> Result<String> {
        (**self).ask(subscriber, transaction, digest, shown)
    }

    fn answer(&self, handle: &str) -> Result<Answer> {
        (**self).answer(handle)
    }
}

fn read(what: &'static str, status: u16, body: &[u8]) -> Result<serde_json::Value> {
    let parsed: std::result::Result<serde_json::Value, _> = serde_json::from_slice(body);
    match parsed {
        Ok(value) if status == 200 => Ok(value),
        Ok(value) => {
            let said = ["message", "error_description", "error"].into_iter().find_map(|k| value.get(k)?.as_str());
            Err(Error::Refused(format!("{what}: {} ({status})", said.unwrap_or("no reason given"))))
        }
        Err(_) => Err(crate::malformed(what, format!("the answer is no JSON ({status})"))),
    }
}

fn text<'a>(what: &'static str, value: &'a serde_json::Value, path: &str) -> Result<&'a str> {
    let found = value.pointer(path).and_then(serde_json::Value::as_str);
    found.ok_or_else(|| crate::malformed(what, format!("the answer has no {path}")))
}
