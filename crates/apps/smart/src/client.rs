//! Which app asks, and that it is the one: by nothing, by a secret, or by a signed assertion (RFC 7523, `private_key_jwt`).

use crate::Smart;
use crate::oauth::{Params, Refused};
use axum::http::{HeaderMap, Method, header};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use mach_access::secret::token_hash;
use mach_base::limits;
use mach_base::time::now_seconds;
use mach_house::call::endpoint::{Allowed, Endpoint};
use mach_house::call::kept::{Believed, Kept};
use mach_house::call::{Call, fetch};
use mach_house::{Failure, house_decision};
use mach_sign::jwt::{Jwk, Read, numeric_date};
use mach_store::smart::{self, App, Proof};
use serde_json::Value;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// For how long fetched keys are believed.
const BELIEVED: Believed =
    Believed { seconds: limits::SMART_KEYS_SECONDS, again_after: limits::SMART_KEYS_AGAIN_SECONDS };

const ASSERTION: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// The keys of one app.
type OfApp = Arc<tokio::sync::Mutex<Kept<Vec<Jwk>>>>;

/// Keys that were fetched, by app. Who asks while they are fetched waits for the same answer.
#[derive(Default)]
pub(crate) struct Keys(Mutex<HashMap<i64, OfApp>>);

/// What an app shows of itself.
enum Shown<'a> {
    Nothing,
    Secret(String),
    Assertion(&'a str),
}

/// The app of a request to a machine's address, proven.
///
/// # Errors
/// `invalid_client`: the same whether there is no such app or its proof is wrong.
pub(crate) async fn authenticated(smart: &Smart, headers: &HeaderMap, params: &Params) -> Result<App, Refused> {
    let wrong = || Refused::client("the app is not known, or did not prove that it is the one");
    let basic = basic(headers)?;
    let body_secret = params.get("client_secret").map(str::to_owned);
    let assertion = params.get("client_assertion");
    if usize::from(basic.is_some()) + usize::from(body_secret.is_some()) + usize::from(assertion.is_some()) > 1 {
        return Err(Refused::request("prove who the app is in one way only"));
    }
    let named = params.get("client_id").map(str::to_owned);
    let (client, shown) = match (basic, body_secret, assertion) {
        (Some((client, secret)), ..) => (client, Shown::Secret(secret)),
        (_, Some(secret), _) => (named.clone().ok_or_else(wrong)?, Shown::Secret(secret)),
        (_, _, Some(text)) => {
            if params.get("client_assertion_type") != Some(ASSERTION) {
                return Err(Refused::request(format!("`client_assertion_type` is `{ASSERTION}`")));
            }
            let read = Read::parse(text, limits::SMART_ASSERTION_BYTES).map_err(|e| Refused::client(e.to_string()))?;
            let client = read.unproven("iss").ok_or_else(wrong)?.to_owned();
            (client, Shown::Assertion(text))
        }
        _ => (named.clone().ok_or_else(wrong)?, Shown::Nothing),
    };
    if named.is_some_and(|named| named != client) {
        return Err(Refused::client("`client_id` names another app than the one that proves itself"));
    }
    let house = &smart.inner.house;
    let found = house.read(house_decision()?, move |r| smart::by_client(r, &client).map_err(Failure::from)).await?;
    let app = found.filter(|a| !a.ended).ok_or_else(wrong)?;
    match (app.what.proof, shown) {
        (Proof::Public, Shown::Nothing) => Ok(app),
        // Hashes are compared: how far two of them agree tells nothing of a secret of 256 bits.
        (Proof::Secret, Shown::Secret(secret)) if app.secret == Some(token_hash(&secret)) => Ok(app),
        (Proof::Key, Shown::Assertion(text)) => assertion_of(smart, headers, app, text).await,
        _ => Err(wrong()),
    }
}

/// `Authorization: Basic`, name and secret as a form writes them (RFC 6749 §2.3.1).
fn basic(headers: &HeaderMap) -> Result<Option<(String, String)>, Refused> {
    let Some(value) = headers.get(header::AUTHORIZATION).and_then(|v| v.to_str().ok()) else { return Ok(None) };
    let Some((scheme, rest)) = value.split_once(' ') else { return Ok(None) };
    if !scheme.eq_ignore_ascii_case("basic") {
        return Ok(None);
    }
    let wrong = || Refused::client("`Authorization: Basic` cannot be read");
    let bytes = STANDARD.decode(rest.trim()).map_err(|_| wrong())?;
    let text = String::from_utf8(bytes).map_err(|_| wrong())?;
    let (client, secret) = text.split_once(':').ok_or_else(wrong)?;
    let plain = |text: &str| {
        let pair = format!("v={}", text.replace('&', "%26"));
        form_urlencoded::parse(pair.as_bytes()).next().map(|(_, v)| v.into_owned()).unwrap_or_default()
    };
    Ok(Some((plain(client), plain(secret))))
}

async fn assertion_of(smart: &Smart, headers: &HeaderMap, app: App, text: &str) -> Result<App, Refused> {
    let read = Read::parse(text, limits::SMART_ASSERTION_BYTES).map_err(|e| Refused::client(e.to_string()))?;
    let mut claims = None;
    // Keys that were fetched a while ago may lack the one it names: they are fetched once more.
    for again in [false, true] {
        let keys = keys_of(smart, &app, again).await?;
        if let Ok(proven) = read.verified(&keys) {
            claims = Some(proven.clone());
            break;
        }
    }
    let claims = claims.ok_or_else(|| Refused::client("no key of the app made this assertion"))?;
    let issuer = smart.issuer(headers);
    let (jti, until) = checked(&claims, &app.client, &issuer, now_seconds()).map_err(Refused::client)?;
    let (id, hash) = (app.id, token_hash(&jti));
    let fresh = smart.inner.house.write(house_decision()?, move |tx| tx.said_once(id, &hash, until)).await?;
    if fresh { Ok(app) } else { Err(Refused::client("this assertion came before (`jti`)")) }
}

/// That an assertion is about this app, for this server, and good now. Gives its `jti`, and until when that must be remembered.
fn checked(claims: &Value, client: &str, issuer: &str, now: i64) -> Result<(String, i64), String> {
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    // They may be any number: nothing is added to them.
    let number = |name: &str| claims.get(name).and_then(numeric_date);
    if text("iss") != Some(client) || text("sub") != Some(client) {
        return Err("`iss` and `sub` are both the app's `client_id`".to_owned());
    }
    let token = format!("{issuer}/oauth/token");
    let is_us = |aud: &Value| aud.as_str().is_some_and(|a| a == token || a == issuer);
    let fits = match claims.get("aud") {
        Some(Value::Array(all)) => !all.is_empty() && all.iter().all(is_us),
        Some(one) => is_us(one),
        None => false,
    };
    if !fits {
        return Err(format!("`aud` is `{token}`"));
    }
    let (skew, longest) = (limits::SMART_SKEW_SECONDS, limits::SMART_ASSERTION_SECONDS);
    let exp = number("exp").ok_or("`exp` is missing")?;
    if exp <= now - skew {
        return Err("the assertion has expired (`exp`)".to_owned());
    }
    if exp > now + longest + skew {
        return Err(format!("`exp` lies more than {longest} seconds ahead"));
    }
    if ["nbf", "iat"].iter().any(|name| number(name).is_some_and(|at| at > now + skew)) {
        return Err("the assertion is not good yet (`nbf`, `iat`)".to_owned());
    }
    let jti = text("jti").filter(|j| !j.is_empty()).ok_or("`jti` is missing")?;
    // Whatever its `exp`, it is not good for longer.
    Ok((jti.to_owned(), now + longest + 2 * skew + 1))
}

/// The public keys of an app: pasted, or fetched from where it publishes them. Why there are none stands in the log: who asks is not
/// known yet, and must not learn by it what answers in here.
async fn keys_of(smart: &Smart, app: &App, again: bool) -> Result<Arc<Vec<Jwk>>, Refused> {
    let read = |text: &str| Jwk::read_set(text, limits::SMART_KEYS).map(Arc::new).map_err(|e| e.to_string());
    let unread = |why: &str| {
        tracing::warn!(app = app.id, "the keys of an app cannot be read: {why}");
        Refused::client("the app's keys cannot be read")
    };
    if app.what.keys_url.is_empty() {
        return read(&app.what.keys).map_err(|why| unread(&why));
    }
    let kept = {
        let mut all = smart.inner.keys.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(all.entry(app.id).or_default())
    };
    let url = &app.what.keys_url;
    let fetch = async {
        published(url, app.what.private)
            .await
            .and_then(|text| Jwk::read_set(&text, limits::SMART_KEYS).map_err(|e| e.to_string()))
    };
    let keys = kept.lock().await.get(url, BELIEVED, again, fetch).await;
    keys.map_err(|why| unread(&why))
}

/// What an address answers that an administrator has entered; into a private network only where they said so, or wrote a number.
async fn published(url: &str, private: bool) -> Result<String, String> {
    let endpoint = Endpoint::parse(url)?;
    let call = Call {
        allowed: if private || endpoint.is_number() { Allowed::Anywhere } else { Allowed::Public },
        endpoint,
        method: Method::GET,
        headers: vec![("Accept".to_owned(), "application/json".to_owned())],
        body: None,
        within: Duration::from_secs(limits::SMART_FETCH_SECONDS),
    };
    let bytes = fetch(call, limits::SMART_KEYS_BYTES).await?;
    String::from_utf8(bytes.to_vec()).map_err(|_| "they are no text".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_assertion_is_for_this_server_and_for_now() {
        let now = 1_000_000;
        let good = json!({ "iss": "app", "sub": "app", "aud": "https://h/oauth/token", "exp": now + 300, "jti": "x" });
        let with = |name: &str, value: Value| {
            let mut claims = good.clone();
            claims[name] = value;
            checked(&claims, "app", "https://h", now)
        };
        let (jti, until) = with("iat", json!(now)).unwrap();
        assert_eq!((jti.as_str(), until > now + 300), ("x", true));
        for (name, value) in [
            ("aud", json!("https://h")),
            ("aud", json!(["https://h/oauth/token"])),
            ("exp", json!(now - 59)),
            ("exp", json!(now + 360)),
            ("iat", json!(now + 60)),
            ("exp", json!(1_000_299.5)),
            ("exp", json!(1_000_360.5)),
            ("exp", json!(999_941.5)),
            ("nbf", json!(1_000_060.5)),
            ("nbf", json!(1e-300)),
            ("nbf", json!(-1e300)),
            ("nbf", json!(i64::MIN)),
        ] {
            assert!(with(name, value.clone()).is_ok(), "{name} {value}");
        }
        for (name, value) in [
            ("iss", json!("other")),
            ("sub", json!("other")),
            ("aud", json!("https://other/oauth/token")),
            ("aud", json!(["https://h/oauth/token", "https://other"])),
            ("aud", json!([])),
            ("aud", Value::Null),
            ("exp", json!(now - 60)),
            ("exp", json!(now + 361)),
            ("exp", Value::Null),
            ("exp", json!("soon")),
            ("exp", json!(i64::MAX)),
            ("exp", json!(i64::MIN)),
            ("exp", json!(u64::MAX)),
            ("exp", json!(1e300)),
            ("exp", json!(-1e300)),
            ("exp", json!(1_000_361.5)),
            ("exp", json!(999_940.5)),
            ("nbf", json!(1_000_061.5)),
            ("nbf", json!(1e300)),
            ("iat", json!(i64::MAX)),
            ("nbf", json!(now + 61)),
            ("iat", json!(now + 61)),
            ("jti", Value::Null),
            ("jti", json!("")),
        ] {
            assert!(with(name, value.clone()).is_err(), "{name} {value}");
        }
    }
}
