//! MySign as a demonstration and tests need it, with an owner who confirms, and faults.

use super::Transport;
use super::simulator::{Fault, down, faulty, faulty_signature};
use crate::certificate::Certificate;
use crate::key::SoftKey;
use crate::{Result, base64, from_base64, malformed};
use serde_json::{Value, json};
use std::cell::RefCell;
use std::collections::BTreeMap;

/// A provider with one subscriber and one credential.
#[derive(Debug)]
pub struct MySignSimulator {
    key: SoftKey,
    other: SoftKey,
    chain: Vec<Certificate>,
    /// What goes wrong from now on.
    pub fault: RefCell<Fault>,
    /// Whether the owner has confirmed.
    pub confirmed: RefCell<bool>,
    /// Documents that the owner's phone showed, with their hash.
    asked: RefCell<BTreeMap<String, String>>,
}

/// The one sign-in, credential and authorisation there is.
const BEARER: &str = "ticket";
const CREDENTIAL: &str = "credential-1";
const SAD: &str = "sad-1";

impl MySignSimulator {
    /// A provider that keeps this key.
    ///
    /// # Errors
    /// Where the system gives no random bytes.
    pub fn new(key: SoftKey, chain: Vec<Certificate>) -> Result<Self> {
        let other = SoftKey::generate()?;
        let (fault, confirmed) = (RefCell::new(Fault::None), RefCell::new(false));
        Ok(Self { key, other, chain, fault, confirmed, asked: RefCell::default() })
    }

    /// How many questions its owner's phone showed.
    pub fn count(&self) -> usize {
        self.asked.borrow().len()
    }

    fn handle(&self, address: &str, bearer: Option<&str>, body: &Value) -> Result<(u16, Value)> {
        let word = |path: &str| body.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned();
        let error = |status, code: &str| Ok((status, json!({ "error": code })));
        if address.ends_with("/v1/login") {
            let known = word("/client_secret") == "secret" && !word("/user_id").is_empty();
            return match known && body.get("password").is_none() {
                true => Ok((200, json!({ "access_token": BEARER, "expires_in": 3600 }))),
                false => error(401, "invalid_client"),
            };
        }
        if bearer != Some(BEARER) {
            return error(401, "invalid_token");
        }
        if address.ends_with("/credentials/list") {
            return Ok((200, json!({ "credentialIDs": [CREDENTIAL] })));
        }
        if word("/credentialID") != CREDENTIAL {
            return error(400, "invalid_request");
        }
        if address.ends_with("/credentials/info") {
            let chain: Vec<String> = self.chain.iter().map(|c| base64(c.raw())).collect();
            return Ok((200, json!({ "cert": { "status": "valid", "certificates": chain } })));
        }
        let (document, hash, fault) = (word("/documents/0/document_id"), word("/hash/0"), *self.fault.borrow());
        if address.ends_with("/credentials/authorize") {
            // The same document again is the same question; with another hash it is none.
            let known = self.asked.borrow_mut().entry(document).or_insert_with(|| hash.clone()).clone();
            return match (known == hash, fault, *self.confirmed.borrow()) {
                (false, ..) => error(400, "invalid_request"),
                (_, Fault::Refuses, _) => error(400, "access_denied"),
                (.., false) => error(400, "authorization_pending"),
                (.., true) => Ok((200, json!({ "SAD": SAD, "expiresIn": 300 }))),
            };
        }
        if word("/SAD") != SAD || self.asked.borrow().get(&document) != Some(&hash) {
            return error(400, "invalid_request");
        }
        let digest = from_base64(&hash)?.try_into().map_err(|_| malformed("digest", "not 32 bytes"))?;
        let signature = faulty_signature(fault, (&self.key, &self.other), &digest)?;
        Ok((200, json!({ "signatures": [base64(&signature)] })))
    }
}

impl Transport for &MySignSimulator {
    fn post(&self, address: &str, bearer: Option<&str>, body: &Value) -> Result<(u16, Vec<u8>)> {
        let fault = *self.fault.borrow();
        if let Some(answer) = faulty(fault) {
            return answer;
        }
        let (status, answer) = self.handle(address, bearer, body)?;
        // Answers to what was asked of the owner are lost, those before it are not.
        match fault == Fault::LostAnswer && address.ends_with("/credentials/authorize") {
            true => Err(down()),
            false => Ok((status, answer.to_string().into_bytes())),
        }
    }
}
