//! VNPT SmartCA as a demonstration and tests need it: the same calls, an owner who confirms, and faults.

use super::Transport;
use crate::certificate::Certificate;
use crate::key::{Signer, SoftKey};
use crate::{Error, Result, base64};
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

/// A provider with one subscriber. It signs what it is asked to sign: the message behind a digest must be told to it, as
/// keys here sign messages.
#[derive(Debug)]
pub struct Simulator {
    key: SoftKey,
    other: SoftKey,
    chain: Vec<Certificate>,
    /// What goes wrong from now on.
    pub fault: RefCell<Fault>,
    /// Whether the owner has confirmed.
    pub confirmed: RefCell<bool>,
    /// Messages by their digest.
    pub messages: RefCell<BTreeMap<String, Vec<u8>>>,
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
            messages: RefCell::default(),
            transactions: RefCell::default(),
        })
    }

    /// How many transactions it was asked for.
    pub fn count(&self) -> usize {
        self.transactions.borrow().len()
    }

    fn handle(&self, address: &str, body: &Value) -> Result<Value> {
        let word = |key: &str| body.pointer(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        if word("/sp_password") != "secret" {
            return Ok(json!({ "status_code": 401, "message": "SP_CREDENTIAL_INVALID" }));
        }
        if address.ends_with("/get_certificate") {
            let pem = |i: usize| self.chain.get(i).map(|c| base64(c.raw())).unwrap_or_default();
            let one = json!({ "service_type": "SMARTCA", "cert_data": pem(0), "chain_data": { "ca_cert": pem(1) } });
            return Ok(json!({ "status_code": 200, "data": { "user_certificates": [one] } }));
        }
        if address.ends_with("/signatures/sign") {
            let transaction = word("/transaction_id");
            let digest = word("/sign_files/0/data_to_be_signed");
            // The same again asks for nothing new.
            self.transactions.borrow_mut().entry(transaction.clone()).or_insert(digest);
            let data = json!({ "transaction_id": transaction, "tran_code": "1" });
            return Ok(json!({ "status_code": 200, "message": "sig_wait_for_user_confirm", "data": data }));
        }
        let transaction = address.trim_end_matches("/status").rsplit('/').next().unwrap_or_default();
        let digest = self.transactions.borrow().get(transaction).cloned();
        let Some(digest) = digest else { return Ok(json!({ "status_code": 400, "message": "TRANSACTION_NOT_FOUND" })) };
        let fault = *self.fault.borrow();
        if fault == Fault::Refuses {
            return Ok(json!({ "status_code": 200, "message": "user_rejected", "data": {} }));
        }
        if !*self.confirmed.borrow() {
            return Ok(json!({ "status_code": 200, "message": "sig_wait_for_user_confirm", "data": {} }));
        }
        let message = self.messages.borrow().get(&digest).cloned().unwrap_or_default();
        let signature = match fault {
            Fault::OtherBytes => self.key.sign(b"other bytes")?,
            Fault::OtherKey => self.other.sign(&message)?,
            _ => self.key.sign(&message)?,
        };
        let one = json!({ "doc_id": "1", "signature_value": base64(&signature), "timestamp_signature": "" });
        Ok(json!({ "status_code": 200, "message": "success", "data": { "signatures": [one] } }))
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
        let answer = self.handle(address, body)?;
        if fault == Fault::LostAnswer { Err(down()) } else { Ok((200, answer.to_string().into_bytes())) }
    }
}
