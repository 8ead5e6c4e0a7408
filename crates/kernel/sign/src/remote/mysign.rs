//! Viettel MySign (a remote signing service of the shape CSC v1): the subscriber confirms in the provider's app, and the key signs
//! under the authorisation that this gives.
//!
//! What of the interface no public document settles is in [`Settings`], dated data of the house: see `content/signing/mysign.csv`.

use super::{Answer, Service, Transport, read, text};
use crate::certificate::Certificate;
use crate::{Error, Result, base64, malformed};
use serde_json::{Value, json};

const WHAT: &str = "MySign";

/// What may be otherwise than the documents at hand say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Where the sign-in is, below the base.
    pub login: String,
    /// Where the calls of CSC are, below the base.
    pub csc: String,
    /// `profile_id` of the sign-in.
    pub profile: String,
    /// `hashAlgo`: SHA-256.
    pub hash: String,
    /// `signAlgo` that is asked for; what comes back is tried under each scheme of the key all the same.
    pub scheme: String,
    /// Words of an answer that say that the owner has not confirmed yet, in lower case.
    pub pending: Vec<String>,
    /// Words that say that the owner, or the provider, will not.
    pub refused: Vec<String>,
}

impl Settings {
    /// Of a list `from,key,value,source` whose rows hold from their day on (`2026-01-01`): those of `today`.
    ///
    /// # Errors
    /// Which key is missing.
    pub fn of(list: &str, today: &str) -> Result<Self> {
        let rows = list.lines().skip(1).filter_map(|line| {
            let mut parts = line.splitn(4, ',');
            Some((parts.next()?, parts.next()?, parts.next()?))
        });
        let mut rows: Vec<_> = rows.filter(|(from, ..)| *from <= today).collect();
        rows.sort_by_key(|(from, ..)| *from);
        let one = |key: &str| {
            let found = rows.iter().rev().find(|(_, k, _)| *k == key).map(|(.., value)| (*value).to_owned());
            found.ok_or_else(|| malformed("settings of MySign", format!("no `{key}` holds on {today}")))
        };
        let words = |key| Ok(one(key)?.split(' ').map(str::to_lowercase).collect());
        Ok(Self {
            login: one("login")?,
            csc: one("csc")?,
            profile: one("profile")?,
            hash: one("hash")?,
            scheme: one("scheme")?,
            pending: words("pending")?,
            refused: words("refused")?,
        })
    }
}

/// A client.
#[derive(Debug)]
pub struct MySign<T> {
    /// `https://remotesigning.viettel.vn`.
    pub base: String,
    /// Our account with the provider: not the subscriber's, whose password is never asked for.
    pub client_id: String,
    /// Its secret.
    pub client_secret: String,
    /// What is not settled.
    pub settings: Settings,
    /// Carries the requests.
    pub transport: T,
}

/// What came of an authorisation.
enum Authorised {
    Yes(String),
    Waiting,
    Refused(String),
}

impl<T: Transport> MySign<T> {
    /// A ticket of one sign-in. It is not kept: the next step signs in again.
    fn bearer(&self, subscriber: &str) -> Result<String> {
        let body = json!({
            "client_id": self.client_id, "client_secret": self.client_secret, "user_id": subscriber,
            "profile_id": self.settings.profile,
        });
        let (status, bytes) = self.transport.post(&format!("{}{}", self.base, self.settings.login), None, &body)?;
        Ok(text(WHAT, &read(WHAT, status, &bytes)?, "/access_token")?.to_owned())
    }

    fn call(&self, bearer: &str, path: &str, body: &Value) -> Result<(u16, Vec<u8>)> {
        self.transport.post(&format!("{}{}{path}", self.base, self.settings.csc), Some(bearer), body)
    }

    fn credentials(&self, bearer: &str, subscriber: &str) -> Result<Vec<String>> {
        let (status, bytes) = self.call(bearer, "/credentials/list", &json!({ "userID": subscriber }))?;
        let value = read(WHAT, status, &bytes)?;
        let list = value.pointer("/credentialIDs").and_then(Value::as_array);
        let list = list.ok_or_else(|| malformed(WHAT, "the answer has no credentials"))?;
        list.iter().map(|c| c.as_str().map(str::to_owned).ok_or_else(|| malformed(WHAT, "a credential"))).collect()
    }

    /// `number`, or `number/credential` where a subscriber has several.
    fn credential(&self, bearer: &str, subscriber: &str) -> Result<(String, String)> {
        if let Some((number, credential)) = subscriber.split_once('/') {
            return Ok((number.to_owned(), credential.to_owned()));
        }
        match self.credentials(bearer, subscriber)?.as_slice() {
            [one] => Ok((subscriber.to_owned(), one.clone())),
            found => Err(Error::Refused(format!(
                "MySign: the subscriber has {} credentials, one must be named",
                found.len()
            ))),
        }
    }

    fn says(&self, words: &[String], said: &str) -> bool {
        let said = said.to_lowercase();
        words.iter().any(|w| said.contains(w.as_str()))
    }

    fn authorise(&self, bearer: &str, handle: &Value) -> Result<Authorised> {
        let get = |path| text(WHAT, handle, path);
        let (hash, shown, transaction) = (get("/hash")?, get("/shown")?, get("/transaction")?);
        let body = json!({
            "credentialID": get("/credential")?, "numSignatures": 1, "description": shown, "hash": [hash],
            // The same document asked for again is the same question on the phone.
            "documents": [{ "document_id": transaction, "document_name": shown }],
        });
        let (status, bytes) = self.call(bearer, "/credentials/authorize", &body)?;
        let value: Value = serde_json::from_slice(&bytes).map_err(|_| malformed(WHAT, "the answer is no JSON"))?;
        if let Some(sad) = value.pointer("/SAD").and_then(Value::as_str).filter(|s| status == 200 && !s.is_empty()) {
            return Ok(Authorised::Yes(sad.to_owned()));
        }
        let said = ["error", "error_description", "message", "status"];
        let said = said.into_iter().filter_map(|k| value.get(k)?.as_str()).collect::<Vec<_>>().join(" ");
        if self.says(&self.settings.refused, &said) {
            return Ok(Authorised::Refused(said));
        }
        if self.says(&self.settings.pending, &said) {
            return Ok(Authorised::Waiting);
        }
        read(WHAT, if status == 200 { 502 } else { status }, &bytes).map(|_| Authorised::Waiting)
    }
}

impl<T: Transport> Service for MySign<T> {
    fn certificates(&self, subscriber: &str) -> Result<Vec<Vec<Certificate>>> {
        let number = subscriber.split_once('/').map_or(subscriber, |(number, _)| number);
        let bearer = self.bearer(number)?;
        let mut out = Vec::new();
        for credential in self.credentials(&bearer, number)? {
            let body =
                json!({ "credentialID": credential, "certificates": "chain", "certInfo": true, "authInfo": true });
            let (status, bytes) = self.call(&bearer, "/credentials/info", &body)?;
            let value = read(WHAT, status, &bytes)?;
            let chain = value.pointer("/cert/certificates").and_then(Value::as_array);
            let chain = chain.ok_or_else(|| malformed(WHAT, "the answer has no certificates"))?;
            let one = |c: &Value| Certificate::parse(&crate::from_base64(c.as_str().unwrap_or_default())?);
            out.push(chain.iter().map(one).collect::<Result<Vec<_>>>()?);
        }
        Ok(out)
    }

    fn ask(&self, subscriber: &str, transaction: &str, digest: &[u8; 32], shown: &str) -> Result<String> {
        let number = subscriber.split_once('/').map_or(subscriber, |(number, _)| number);
        let bearer = self.bearer(number)?;
        let (number, credential) = self.credential(&bearer, subscriber)?;
        let mut handle = json!({
            "subscriber": number, "credential": credential, "hash": base64(digest), "shown": shown,
            "transaction": transaction,
        });
        // An authorisation that comes at once is asked for again when it is used: none is kept.
        match self.authorise(&bearer, &handle)? {
            // What was refused is not asked again: that is told when it is looked for.
            Authorised::Refused(why) => handle["refused"] = why.into(),
            Authorised::Yes(_) | Authorised::Waiting => {}
        }
        Ok(handle.to_string())
    }

    fn answer(&self, handle: &str) -> Result<Answer> {
        let handle: Value = serde_json::from_str(handle).map_err(|_| malformed(WHAT, "not what was kept"))?;
        if let Some(why) = handle.get("refused").and_then(Value::as_str) {
            return Ok(Answer::Refused(why.to_owned()));
        }
        let get = |path| text(WHAT, &handle, path);
        let bearer = self.bearer(get("/subscriber")?)?;
        let sad = match self.authorise(&bearer, &handle)? {
            Authorised::Waiting => return Ok(Answer::Waiting),
            Authorised::Refused(why) => return Ok(Answer::Refused(why)),
            Authorised::Yes(sad) => sad,
        };
        let body = json!({
            "credentialID": get("/credential")?, "SAD": sad, "hash": [get("/hash")?], "hashAlgo": self.settings.hash,
            "signAlgo": self.settings.scheme,
            "documents": [{ "document_id": get("/transaction")?, "document_name": get("/shown")? }],
        });
        let (status, bytes) = self.call(&bearer, "/signatures/signHash", &body)?;
        let value = read(WHAT, status, &bytes)?;
        crate::from_base64(text(WHAT, &value, "/signatures/0")?).map(Answer::Signed)
    }
}
