//! One signature under way, as bytes that outlive a restart.

use super::{Answer, Service};
use crate::key::Signer;
use crate::pades::{AskTime, Prepared};
use crate::revocation::Evidence;
use crate::time::Moment;
use crate::trust::{Purpose, Standing, Trust};
use crate::{Error, Result, malformed};
use serde_json::{Value, json};

/// How far it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Nothing was sent, or nobody knows whether it was: asking again is safe.
    Ready,
    /// The provider has it; what later asks for it.
    Asked(String),
    /// Its owner signed; the bytes, which are by the key over exactly these. What is still wanted is proof of time.
    Signed(Vec<u8>),
    /// Refused; why. It ends here.
    Refused(String),
}

/// A signature under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flight {
    /// Whose key.
    pub subscriber: String,
    /// Our id of it, the same however often it is sent.
    pub transaction: String,
    /// What its owner sees on the phone and on our screen.
    pub shown: String,
    /// Of what it is, by a name that is another where that was changed; empty: nobody asks.
    pub revision: String,
    /// How far it is.
    pub stage: Stage,
    prepared: Prepared,
}

const MARK: &[u8] = b"mach-flight/v1\n";

impl Flight {
    /// Of a file that waits for its signature.
    ///
    /// # Errors
    /// Where the system gives no random bytes.
    pub fn new(prepared: Prepared, subscriber: &str, shown: &str) -> Result<Self> {
        let mut id = [0; 16];
        getrandom::fill(&mut id).map_err(|_| Error::Refused("no random bytes".to_owned()))?;
        let (subscriber, shown, transaction) = (subscriber.to_owned(), shown.to_owned(), crate::hex(&id));
        Ok(Self { subscriber, transaction, shown, revision: String::new(), stage: Stage::Ready, prepared })
    }

    /// One step: asks, or asks what became of it. `Some` is the signed file. Keep [`Flight::to_bytes`] after each step, also
    /// after one that failed: it may be taken again, and its owner is not asked twice for what they signed.
    ///
    /// # Errors
    /// `Refused` where the certificate does not stand now, what the provider says, `False` for a signature that is not by
    /// the certificate's key over exactly these bytes.
    pub fn step(&mut self, service: &dyn Service, trust: &Trust, now: Moment) -> Result<Option<Vec<u8>>> {
        self.step_timed(service, trust, now, None)
    }

    /// The same; `time` gets the signature's bytes and gives a timestamp of them (B-T).
    ///
    /// # Errors
    /// As [`Flight::step`]; what `time` says.
    pub fn step_timed(
        &mut self,
        service: &dyn Service,
        trust: &Trust,
        now: Moment,
        time: Option<&AskTime<'_>>,
    ) -> Result<Option<Vec<u8>>> {
        match self.stage.clone() {
            Stage::Ready => {
                let standing = self.standing(trust, now)?;
                if standing != Standing::Valid {
                    return Err(Error::Refused(format!("the certificate does not stand now: {standing:?}")));
                }
                let digest = self.prepared.digest();
                let handle = service.ask(&self.subscriber, &self.transaction, &digest, &self.shown)?;
                self.stage = Stage::Asked(handle);
                Ok(None)
            }
            Stage::Asked(handle) => match service.answer(&handle)? {
                Answer::Waiting => Ok(None),
                Answer::Signed(signature) => {
                    self.prepared.recognise(&signature)?;
                    self.stage = Stage::Signed(signature.clone());
                    self.finished(&signature, time).map(Some)
                }
                Answer::Refused(why) => {
                    self.stage = Stage::Refused(why);
                    Ok(None)
                }
            },
            Stage::Signed(signature) => self.finished(&signature, time).map(Some),
            Stage::Refused(why) => Err(Error::Refused(why)),
        }
    }

    /// Signs at once, with a key that is at hand: checked like one that comes back from elsewhere.
    ///
    /// # Errors
    /// `Refused` where the certificate does not stand now, what the key and `time` say, `False` where the key is another.
    pub fn sign(&self, key: &dyn Signer, trust: &Trust, now: Moment, time: Option<&AskTime<'_>>) -> Result<Vec<u8>> {
        self.signed(&key.sign(self.prepared.to_be_signed())?, trust, now, time)
    }

    /// Takes a signature that came from a key elsewhere, by a way of its own: a token.
    ///
    /// # Errors
    /// As [`Flight::sign`].
    pub fn signed(&self, signature: &[u8], trust: &Trust, now: Moment, time: Option<&AskTime<'_>>) -> Result<Vec<u8>> {
        let standing = self.standing(trust, now)?;
        if standing != Standing::Valid {
            return Err(Error::Refused(format!("the certificate does not stand now: {standing:?}")));
        }
        self.finished(signature, time)
    }

    fn finished(&self, signature: &[u8], time: Option<&AskTime<'_>>) -> Result<Vec<u8>> {
        // Nothing is asked of others for a signature that is none.
        self.prepared.recognise(signature)?;
        let token = time.map(|ask| ask(signature)).transpose()?;
        self.prepared.clone().finish(signature, token.as_deref())
    }

    /// What is signed.
    pub fn prepared(&self) -> &Prepared {
        &self.prepared
    }

    /// Where the certificate that is to sign stands now.
    ///
    /// # Errors
    /// `Malformed` where there is none.
    pub fn standing(&self, trust: &Trust, now: Moment) -> Result<Standing> {
        let signer = self.prepared.signer().ok_or_else(|| malformed("signature under way", "no certificate"))?;
        Ok(trust.standing(signer, self.prepared.chain(), &Evidence::default(), now, Purpose::Document))
    }

    /// As bytes to keep.
    pub fn to_bytes(&self) -> Vec<u8> {
        let (stage, word) = match &self.stage {
            Stage::Ready => ("ready", String::new()),
            Stage::Asked(handle) => ("asked", handle.clone()),
            Stage::Signed(signature) => ("signed", crate::base64(signature)),
            Stage::Refused(why) => ("refused", why.clone()),
        };
        let head = json!({
            "subscriber": self.subscriber, "transaction": self.transaction, "shown": self.shown, "revision": self.revision,
            "stage": stage, "word": word,
        });
        [MARK, head.to_string().as_bytes(), b"\n", &self.prepared.to_bytes()].concat()
    }

    /// What was kept.
    ///
    /// # Errors
    /// `Malformed`.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let bad = || malformed("signature under way", "not what was kept");
        let rest = bytes.strip_prefix(MARK).ok_or_else(bad)?;
        let end = rest.iter().position(|b| *b == b'\n').ok_or_else(bad)?;
        let head: Value = serde_json::from_slice(&rest[..end]).map_err(|_| bad())?;
        let get = |key: &str| head.get(key).and_then(Value::as_str).map(str::to_owned).ok_or_else(bad);
        let word = get("word")?;
        let stage = match get("stage")?.as_str() {
            "ready" => Stage::Ready,
            "asked" => Stage::Asked(word),
            "signed" => Stage::Signed(crate::from_base64(&word)?),
            "refused" => Stage::Refused(word),
            _ => return Err(bad()),
        };
        let prepared = Prepared::from_bytes(&rest[end + 1..])?;
        let (subscriber, transaction, shown) = (get("subscriber")?, get("transaction")?, get("shown")?);
        let revision = get("revision").unwrap_or_default();
        Ok(Self { subscriber, transaction, shown, revision, stage, prepared })
    }
}
