//! VNPT SmartCA as a demonstration and tests need it: the same calls, an owner who confirms, and faults.

use super::{Transport, prehashed};
use crate::certificate::Certificate;
use crate::key::SoftKey;
use crate::{Error, Result, base64, digest_from_hex};
use serde_json::{Value, json};
use std::cell::RefCell;
use std::collections::BTreeMap;

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    None,
    /// It does not answer.
    Down,
    /// It takes the request, and its answer is lost.
    LostAnswer,
    /// It says 500.
    Broken,
    /// It answers something that is no JSON.
    Garbage,
    /// It gives the signature of other bytes.
    OtherBytes,
    /// It gives a signature by another key.
    OtherKey,
    /// The owner says no.
    Refuses,
}

/// What its owner's phone says of a signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// Nothing yet.
    Nothing,
    /// No.
    Refused,
    /// Yes: the signature.
    Signed(Vec<u8>),
}

/// Who keeps the keys and asks their owners.
pub trait Provider {
    /// The certificates of a subscriber, the own one first; empty: there is no such subscriber.
    ///
    /// # Errors
    /// Of what keeps them.
    fn chain(&self, subscriber: &str) -> Result<Vec<Certificate>>;

    /// A signature of a digest (64 hexadecimal digits) is asked for; `shown` is for the phone. The same again asks for nothing
    /// new. False where it is none that can be.
    ///
    /// # Errors
    /// Of what keeps it.
    fn asked(&self, transaction: &str, asked: &Asked<'_>) -> Result<bool>;

    /// What became of it; `None` where it was never asked for.
    ///
    /// # Errors
    /// Of the key.
    fn said(&self, transaction: &str) -> Result<Option<Said>>;
}

/// A signature that is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// Whose.
    pub subscriber: &'a str,
    /// SHA-256 of what is to be signed, hexadecimal.
    pub digest: &'a str,
    /// What the phone shows.
    pub shown: &'a str,
}

/// The account of the house with simulated providers.
pub const ACCOUNT: (&str, &str) = ("mach", "secret");

/// What VNPT SmartCA answers, version 1.
///
/// # Errors
/// Of the provider.
pub fn smartca(provider: &dyn Provider, address: &str, body: &Value) -> Result<Value> {
    let word = |key: &str| body.pointer(key).and_then(Value::as_str).unwrap_or_default();
    if word("/sp_password") != ACCOUNT.1 {
        return Ok(json!({ "status_code": 401, "message": "SP_CREDENTIAL_INVALID" }));
    }
    let subscriber = word("/user_id");
    if address.ends_with("/get_certificate") {
        let chain = provider.chain(subscriber)?;
        let Some(own) = chain.first() else {
            return Ok(json!({ "status_code": 404, "message": "CREDENTIAL_NOT_FOUND" }));
        };
        let above = chain.get(1).map(|c| base64(c.raw())).unwrap_or_default();
        let one = json!({
            "service_type": "SMARTCA", "cert_data": base64(own.raw()), "chain_data": { "ca_cert": above },
        });
        return Ok(json!({ "status_code": 200, "data": { "user_certificates": [one] } }));
    }
    if address.ends_with("/signatures/sign") {
        let transaction = word("/transaction_id");
        let asked =
            Asked { subscriber, digest: word("/sign_files/0/data_to_be_signed"), shown: word("/transaction_desc") };
        if !provider.asked(transaction, &asked)? {
            return Ok(json!({ "status_code": 400, "message": "REQUEST_INVALID" }));
        }
        let data = json!({ "transaction_id": transaction, "tran_code": "1" });
        return Ok(json!({ "status_code": 200, "message": "sig_wait_for_user_confirm", "data": data }));
    }
    let transaction = address.trim_end_matches("/status").rsplit('/').next().unwrap_or_default();
    Ok(match provider.said(transaction)? {
        None => json!({ "status_code": 400, "message": "TRANSACTION_NOT_FOUND" }),
        Some(Said::Nothing) => json!({ "status_code": 200, "message": "sig_wait_for_user_confirm", "data": {} }),
        Some(Said::Refused) => json!({ "status_code": 200, "message": "user_rejected", "data": {} }),
        Some(Said::Signed(signature)) => {
            let one = json!({ "doc_id": "1", "signature_value": base64(&signature), "timestamp_signature": "" });
            json!({ "status_code": 200, "message": "success", "data": { "signatures": [one] } })
        }
    })
}

/// A provider with one subscriber, who signs whatever they are asked to.
#[derive(Debug)]
pub struct Simulator {
    key: SoftKey,
    other: SoftKey,
    chain: Vec<Certificate>,
    /// What goes wrong from now on.
    pub fault: RefCell<Fault>,
    /// Whether the owner has confirmed.
    pub confirmed: RefCell<bool>,
    transactions: RefCell<BTreeMap<String, String>>,
}

impl Simulator {
    /// A provider that keeps this key.
    ///
    /// # Errors
    /// Where the system gives no random bytes.
    pub fn new(key: SoftKey, chain: Vec<Certificate>) -> Result<Self> {
        Ok(Self {
            key,
            other: SoftKey::generate()?,
            chain,
            fault: RefCell::new(Fault::None),
            confirmed: RefCell::new(false),
            transactions: RefCell::default(),
        })
    }

    /// How many transactions it was asked for.
    pub fn count(&self) -> usize {
        self.transactions.borrow().len()
    }
}

impl Provider for Simulator {
    fn chain(&self, _subscriber: &str) -> Result<Vec<Certificate>> {
        Ok(self.chain.clone())
    }

    fn asked(&self, transaction: &str, asked: &Asked<'_>) -> Result<bool> {
        let digest = asked.digest.to_owned();
        self.transactions.borrow_mut().entry(transaction.to_owned()).or_insert(digest);
        Ok(true)
    }

    fn said(&self, transaction: &str) -> Result<Option<Said>> {
        let wanted = self.transactions.borrow().get(transaction).cloned();
        let Some(wanted) = wanted else { return Ok(None) };
        let fault = *self.fault.borrow();
        if fault == Fault::Refuses {
            return Ok(Some(Said::Refused));
        }
        if !*self.confirmed.borrow() {
            return Ok(Some(Said::Nothing));
        }
        faulty_signature(fault, (&self.key, &self.other), &digest_from_hex(&wanted)?).map(|s| Some(Said::Signed(s)))
    }
}

/// The signature of a digest, or what comes instead of it.
pub(super) fn faulty_signature(fault: Fault, (key, other): (&SoftKey, &SoftKey), digest: &[u8; 32]) -> Result<Vec<u8>> {
    match fault {
        Fault::OtherBytes => prehashed::sign(key, &crate::sha256(b"other bytes")),
        Fault::OtherKey => prehashed::sign(other, digest),
        _ => prehashed::sign(key, digest),
    }
}

pub(super) fn down() -> Error {
    Error::Refused("the provider does not answer".to_owned())
}

/// What a provider answers that does not even look at what it is asked.
pub(super) fn faulty(fault: Fault) -> Option<Result<(u16, Vec<u8>)>> {
    match fault {
        Fault::Down => Some(Err(down())),
        Fault::Broken => Some(Ok((500, b"{\"message\":\"INTERNAL\"}".to_vec()))),
        Fault::Garbage => Some(Ok((200, b"<html>".to_vec()))),
        _ => None,
    }
}

impl Transport for &Simulator {
    fn post(&self, address: &str, _bearer: Option<&str>, body: &Value) -> Result<(u16, Vec<u8>)> {
        let fault = *self.fault.borrow();
        if let Some(answer) = faulty(fault) {
            return answer;
        }
        let answer = smartca(*self, address, body)?;
        if fault == Fault::LostAnswer { Err(down()) } else { Ok((200, answer.to_string().into_bytes())) }
    }
}
