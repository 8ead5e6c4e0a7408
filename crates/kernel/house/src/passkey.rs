//! Passkeys at the doors: signing in by one without a name, and proving who one is by one: after the password, over a locked screen,
//! before something dangerous. Keys are made and taken away at `/account/passkeys`.
//!
//! A challenge is random, kept in memory, good once and for a few minutes, and only for who asked for it: their session, or, before
//! there is one, a cookie.

use crate::proof::{self, Verdict};
use crate::session::{NewSession, house_decision};
use crate::{Failure, House};
use axum::Json;
use axum::extract::{Form, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mach_access::secret;
use mach_base::limits;
use mach_sign::webauthn::{self, Expected};
use mach_store::accounts::{self, Account};
use mach_store::passkeys::{self, Passkey};
use mach_store::sessions::State as Open;
use mach_ui::http::{Here, Problem, cookie, safe_next};
use mach_ui::{Html, Lang, Msg, msg, pages};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The cookie of who has no session yet.
const COOKIE: &str = "mach_passkey";
/// How long a challenge waits: as long as the browser is told to.
const WAITS: Duration = Duration::from_secs(120);

/// What a challenge is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// Signing in.
    SignIn,
    /// Proving who one is.
    Prove,
    /// A new key.
    Add,
}

/// Challenges that wait for an answer, by the hash of what their asker holds.
#[derive(Debug, Default)]
pub struct Challenges(Mutex<HashMap<[u8; 32], Waiting>>);

/// A challenge, what it is for, and until when.
type Waiting = ([u8; 32], What, Instant);

impl Challenges {
    /// A new challenge for who holds this, in place of one before. Where nobody knows who asks and too many wait, those of
    /// strangers that end soonest go: who has a session is never turned away for them.
    ///
    /// # Errors
    /// Where the machine gives no random numbers.
    pub fn give(&self, holder: [u8; 32], what: What) -> Result<[u8; 32], Problem> {
        self.give_at(holder, what, Instant::now())
    }

    fn give_at(&self, holder: [u8; 32], what: What, now: Instant) -> Result<[u8; 32], Problem> {
        let challenge = secret::token_hash(&secret::new_token("").map_err(Problem::internal)?);
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() >= limits::PASSKEY_CHALLENGES {
            waiting.retain(|_, (_, _, until)| *until > now);
        }
        if what == What::SignIn && waiting.len() >= limits::PASSKEY_CHALLENGES {
            let mut ends: Vec<Instant> = waiting.values().filter(|w| w.1 == What::SignIn).map(|w| w.2).collect();
            ends.sort_unstable();
            if let Some(middle) = ends.get(ends.len() / 2).copied() {
                waiting.retain(|_, (_, what, until)| *what != What::SignIn || *until > middle);
            }
        }
        waiting.insert(holder, (challenge, what, now + WAITS));
        Ok(challenge)
    }

    /// The challenge of who holds this: whatever comes of it, it is not good again.
    pub fn take(&self, holder: &[u8; 32], what: What) -> Option<[u8; 32]> {
        self.take_at(holder, what, Instant::now())
    }

    fn take_at(&self, holder: &[u8; 32], what: What, now: Instant) -> Option<[u8; 32]> {
        let found = self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(holder);
        found.filter(|(_, is, until)| *is == what && *until > now).map(|(challenge, _, _)| challenge)
    }
}

/// This site, as browsers name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    /// Scheme, host and port.
    pub origin: String,
    /// The host.
    pub rp_id: String,
}

impl Site {
    /// The configured public address; without one the address that the browser asked. A key is bound to the host it was made at, and
    /// answers at no other, whatever a request says.
    ///
    /// # Errors
    /// Without a host.
    pub fn of(house: &House, headers: &HeaderMap) -> Result<Self, Problem> {
        let asked = || {
            let host = headers.get(header::HOST).and_then(|v| v.to_str().ok());
            let scheme = if house.secure() { "https" } else { "http" };
            host.map(|host| format!("{scheme}://{host}"))
        };
        let address = house.public().map(str::to_owned).or_else(asked);
        address.as_deref().and_then(Self::read).ok_or_else(|| Problem::BadRequest(String::new()))
    }

    fn read(address: &str) -> Option<Self> {
        let (scheme, rest) = address.split_once("://")?;
        let (scheme, host) = (scheme.to_ascii_lowercase(), rest.split('/').next()?.to_ascii_lowercase());
        let usual = if scheme == "https" { ":443" } else { ":80" };
        let host = host.strip_suffix(usual).unwrap_or(&host);
        let name = host.rsplit_once(':').filter(|(_, port)| port.bytes().all(|b| b.is_ascii_digit()));
        let rp_id = name.map_or(host, |(name, _)| name);
        (!rp_id.is_empty()).then(|| Self { origin: format!("{scheme}://{host}"), rp_id: rp_id.to_owned() })
    }

    /// What an answer to this challenge must be of.
    pub fn expects<'a>(&'a self, challenge: &'a [u8]) -> Expected<'a> {
        Expected { challenge, origin: &self.origin, rp_id: &self.rp_id }
    }
}

/// Bytes of a field.
///
/// # Errors
/// Where it is no base64url.
pub fn bytes(text: &str) -> Result<Vec<u8>, Problem> {
    URL_SAFE_NO_PAD.decode(text).map_err(|_| Problem::BadRequest(String::new()))
}

/// A field of bytes.
pub fn text(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

#[derive(Deserialize)]
pub(crate) struct Asked {
    #[serde(default, rename = "for")]
    what: String,
}

fn says(lang: Lang, why: Msg) -> Response {
    (StatusCode::FORBIDDEN, Json(json!({ "error": lang.t(why) }))).into_response()
}

fn options(site: &Site, challenge: &[u8], allowed: &[Passkey]) -> Value {
    let allowed: Vec<Value> =
        allowed.iter().map(|k| json!({ "type": "public-key", "id": text(&k.credential) })).collect();
    json!({
        "challenge": text(challenge),
        "rpId": site.rp_id,
        "timeout": WAITS.as_millis() as u64,
        "userVerification": "required",
        "allowCredentials": allowed,
    })
}

/// `POST /passkey/options`: a challenge.
pub(crate) async fn ask(
    State(house): State<House>,
    lang: Lang,
    headers: HeaderMap,
    Form(asked): Form<Asked>,
) -> Result<Response, Problem> {
    let site = Site::of(&house, &headers)?;
    if asked.what == "prove" {
        let (found, token) = proof::live(&house, &headers).await?;
        let id = found.account.actor.account;
        let keys = house.read(house_decision()?, move |r| passkeys::of_account(r, id).map_err(Failure::from)).await?;
        let keys: Vec<Passkey> = keys.into_iter().filter(|k| k.copied.is_none()).collect();
        if keys.is_empty() {
            return Ok(says(lang, msg::PASSKEY_NONE));
        }
        let challenge = house.challenges().give(token, What::Prove)?;
        return Ok(Json(options(&site, &challenge, &keys)).into_response());
    }
    let holder = secret::new_token("").map_err(Problem::internal)?;
    let challenge = house.challenges().give(secret::token_hash(&holder), What::SignIn)?;
    let seconds = i64::try_from(WAITS.as_secs()).unwrap_or(0);
    let cookie = cookie::Options { max_age_seconds: Some(seconds), secure: house.secure() };
    // Whose key it is, the key says: nobody learns here which names there are.
    Ok(([(header::SET_COOKIE, cookie::set(COOKIE, &holder, cookie))], Json(options(&site, &challenge, &[])))
        .into_response())
}

#[derive(Deserialize)]
pub(crate) struct Answer {
    #[serde(default, rename = "for")]
    what: String,
    #[serde(default)]
    next: String,
    #[serde(default)]
    id: String,
    #[serde(default)]
    client: String,
    #[serde(default)]
    data: String,
    #[serde(default)]
    signature: String,
    #[serde(default)]
    user: String,
}

/// Whose key answered, and whether it did, as every try at an account is counted.
async fn checked(
    house: &House,
    (account, answer): (i64, &Answer),
    challenge: [u8; 32],
    site: Site,
) -> Result<(Verdict, Msg), Problem> {
    let id = bytes(&answer.id)?;
    let parts = (bytes(&answer.client)?, bytes(&answer.data)?, bytes(&answer.signature)?);
    let wanted = id.clone();
    let verdict = proof::tried(house, account, "passkey", move |tx| {
        let Some(key) = passkeys::by_credential(tx, &wanted)?.filter(|k| k.account == account && k.copied.is_none())
        else {
            return Ok(false);
        };
        let (client, data, signature) = parts;
        match webauthn::used(&client, &data, &signature, &key.public, &site.expects(&challenge)) {
            Err(why) => {
                tracing::info!("passkey {}: {why}", key.id);
                Ok(false)
            }
            Ok(counter) if webauthn::is_copied(key.counter, counter) => {
                tracing::warn!("passkey {} of account {account}: its counter went back", key.id);
                tx.copied_passkey(key.id)?;
                tx.audit(None, &format!("account {account} passkey {} copied", key.id), "denied")?;
                Ok(false)
            }
            Ok(counter) => {
                tx.used_passkey(key.id, counter)?;
                Ok(true)
            }
        }
    })
    .await?;
    let key = house.read(house_decision()?, move |r| passkeys::by_credential(r, &id).map_err(Failure::from)).await?;
    let copied = key.is_some_and(|k| k.account == account && k.copied.is_some());
    Ok((verdict, if copied { msg::PASSKEY_COPIED } else { msg::PASSKEY_WRONG }))
}

/// `POST /passkey`: signs in, or proves.
pub(crate) async fn answer(
    State(house): State<House>,
    lang: Lang,
    headers: HeaderMap,
    Form(answer): Form<Answer>,
) -> Result<Response, Problem> {
    let site = Site::of(&house, &headers)?;
    if answer.what == "prove" {
        let (found, token) = proof::live(&house, &headers).await?;
        let Some(challenge) = house.challenges().take(&token, What::Prove) else {
            return Ok(says(lang, msg::PASSKEY_LATE));
        };
        let (verdict, wrong) = checked(&house, (found.account.actor.account, &answer), challenge, site).await?;
        if let Some(error) = verdict.said(lang, wrong) {
            return Ok((StatusCode::FORBIDDEN, Json(json!({ "error": error }))).into_response());
        }
        let cookie = proof::renew(&house, &found.account, token, "passkey").await?;
        return Ok(([(header::SET_COOKIE, cookie)], Json(json!({ "to": safe_next(&answer.next) }))).into_response());
    }
    let holder = cookie::get(&headers, COOKIE).map(secret::token_hash);
    let Some(challenge) = holder.and_then(|h| house.challenges().take(&h, What::SignIn)) else {
        return Ok(says(lang, msg::PASSKEY_LATE));
    };
    let Some(account) = owner(&house, &answer).await? else {
        proof::nobody(&house, &answer.id.chars().take(limits::NAME_CHARS).collect::<String>()).await?;
        return Ok(says(lang, msg::PASSKEY_WRONG));
    };
    let (verdict, wrong) = checked(&house, (account.actor.account, &answer), challenge, site).await?;
    if let Some(error) = verdict.said(lang, wrong) {
        return Ok((StatusCode::FORBIDDEN, Json(json!({ "error": error }))).into_response());
    }
    // What asks who uses it is two factors at once: something one has, and who one is or what one knows.
    let cookie = begin(&house, &headers, &account).await?;
    Ok(([(header::SET_COOKIE, cookie)], Json(json!({ "to": safe_next(&answer.next) }))).into_response())
}

/// The open account whose key this is, as the key says itself.
async fn owner(house: &House, answer: &Answer) -> Result<Option<Account>, Problem> {
    let (id, user) = (bytes(&answer.id)?, bytes(&answer.user)?);
    let decision = house_decision()?;
    let scope = decision.scope();
    let found = house
        .read(decision, move |r| {
            let Some(key) = passkeys::by_credential(r, &id)? else { return Ok::<_, Failure>(None) };
            Ok(accounts::by_id(r, scope, key.account)?)
        })
        .await?;
    Ok(found.filter(|a| !a.closed && handle(a.actor.account).as_slice() == user))
}

/// What a key calls its owner: nothing that names anybody.
pub fn handle(account: i64) -> [u8; 8] {
    account.to_be_bytes()
}

async fn begin(house: &House, headers: &HeaderMap, account: &Account) -> Result<HeaderValue, Problem> {
    let (new, id) = (NewSession::of(headers)?, account.actor.account);
    let (hash, agent) = (new.hash, new.agent.clone());
    house
        .write(house_decision()?, move |tx| {
            tx.begin_session(&hash, id, Open::Open, &agent)?;
            tx.signed_in(id)?;
            tx.audit(None, &format!("account {id} passkey"), "granted")
        })
        .await?;
    Ok(new.cookie(house))
}

/// `GET /sign-in/passkey`: the door without a name.
pub(crate) async fn door(lang: Lang, here: Here, Query(query): Query<proof::Next>) -> Html {
    pages::passkey_door(lang, &here.0, safe_next(&query.next))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_challenge_is_good_once_for_a_while_and_for_who_asked() {
        let (all, now) = (Challenges::default(), Instant::now());
        let given = all.give_at([1; 32], What::SignIn, now).expect("a challenge");
        assert_eq!(all.take_at(&[2; 32], What::SignIn, now), None, "another's");
        assert_eq!(all.take_at(&[1; 32], What::SignIn, now), Some(given));
        assert_eq!(all.take_at(&[1; 32], What::SignIn, now), None, "once");
        all.give_at([1; 32], What::SignIn, now).expect("a challenge");
        assert_eq!(all.take_at(&[1; 32], What::Add, now), None, "for something else");
        assert_eq!(all.take_at(&[1; 32], What::SignIn, now), None, "and then not at all");
        all.give_at([1; 32], What::Prove, now).expect("a challenge");
        assert_eq!(all.take_at(&[1; 32], What::Prove, now + WAITS), None, "too late");
        let first = all.give_at([1; 32], What::Prove, now).expect("a challenge");
        let second = all.give_at([1; 32], What::Prove, now).expect("a challenge");
        assert!(first != second && all.take_at(&[1; 32], What::Prove, now) == Some(second), "the last alone");
    }

    #[test]
    fn so_many_wait_and_no_more() {
        let (all, now) = (Challenges::default(), Instant::now());
        let holder = |n: usize| {
            let mut out = [0; 32];
            out[..8].copy_from_slice(&(n as u64).to_be_bytes());
            out
        };
        let later = |n: usize| now + std::time::Duration::from_micros(n as u64);
        for n in 0..limits::PASSKEY_CHALLENGES {
            all.give_at(holder(n), What::SignIn, later(n)).expect("at the limit");
        }
        let count = || all.0.lock().expect("a lock").len();
        assert_eq!(count(), limits::PASSKEY_CHALLENGES);
        // Who has a session is not turned away for strangers.
        let own = all.give_at([9; 32], What::Prove, now).expect("past the limit");
        all.give_at([8; 32], What::SignIn, later(limits::PASSKEY_CHALLENGES)).expect("past the limit");
        assert!(count() <= limits::PASSKEY_CHALLENGES);
        let last = holder(limits::PASSKEY_CHALLENGES - 1);
        assert!(all.take_at(&holder(0), What::SignIn, now).is_none(), "those that end soonest went");
        assert!(all.take_at(&last, What::SignIn, now).is_some() && all.take_at(&[8; 32], What::SignIn, now).is_some());
        assert_eq!(all.take_at(&[9; 32], What::Prove, now), Some(own), "and none of who has a session");
    }

    #[test]
    fn a_site_is_scheme_host_and_port() {
        for (address, origin, rp_id) in [
            ("https://Mach.example.VN/", "https://mach.example.vn", "mach.example.vn"),
            ("https://mach.test:443", "https://mach.test", "mach.test"),
            ("https://mach.test:8443/x", "https://mach.test:8443", "mach.test"),
            ("http://localhost:8080", "http://localhost:8080", "localhost"),
        ] {
            let site = Site::read(address).expect("a site");
            assert_eq!((site.origin.as_str(), site.rp_id.as_str()), (origin, rp_id));
        }
        assert!(Site::read("mach.test").is_none() && Site::read("https://").is_none());
    }
}
