//! ID tokens (OpenID Connect Core §3.1.3.7) and logout tokens (Back-Channel Logout 1.0 §2.6): believed wholly or not at all.

use crate::SignOn;
use crate::provider::Provider;
use crate::published::Metadata;
use crate::refused::Refused;
use crate::tokens::is_subject;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mach_base::limits;
use mach_sign::jwt::{Read, numeric_date};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// Algorithms that are believed. All of them hash by SHA-256, as `at_hash` is then made.
const ALGORITHMS: [&str; 3] = ["RS256", "PS256", "ES256"];
/// What makes a token one of logout.
const LOGOUT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// What an ID token is looked at for.
pub(crate) struct Expected<'a> {
    pub(crate) issuer: &'a str,
    pub(crate) client: &'a str,
    pub(crate) nonce: &'a str,
    pub(crate) access: &'a str,
    pub(crate) max_age: Option<i64>,
    pub(crate) now: i64,
}

/// The claims of a token that a key of the provider made.
///
/// # Errors
/// `Untrusted` where none did; `Silent` where its keys cannot be had.
pub(crate) async fn proven(
    on: &SignOn,
    provider: &Provider,
    metadata: &Metadata,
    text: &str,
) -> Result<Value, Refused> {
    let untrusted = |why: String| Refused::Untrusted(why);
    let read = Read::parse(text, limits::SIGN_ON_TOKEN_BYTES).map_err(|e| untrusted(e.to_string()))?;
    if !ALGORITHMS.contains(&read.algorithm()) {
        return Err(untrusted(format!("the token is signed by {}", read.algorithm())));
    }
    if metadata.at.jwks.is_empty() {
        return Err(Refused::Silent("the provider does not say where its keys are".to_owned()));
    }
    // Keys that were fetched a while ago may lack the one it names: they are fetched once more, and not again at once.
    for again in [false, true] {
        let keys = on.inner.published.keys(provider, &metadata.at.jwks, again).await;
        match keys {
            Ok(keys) => {
                if let Ok(claims) = read.verified(&keys) {
                    return Ok(claims.clone());
                }
            }
            Err(why) if !again => return Err(Refused::Silent(why)),
            Err(_) => {}
        }
    }
    Err(untrusted("no key of the provider made this token".to_owned()))
}

/// What ID tokens and logout tokens have in common: who made it, for whom, when.
fn made(claims: &Value, issuer: &str, client: &str, now: i64) -> Result<(), &'static str> {
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    let number = |name: &str| claims.get(name).and_then(numeric_date);
    if text("iss") != Some(issuer) {
        return Err("iss");
    }
    // One that is for others too could be shown here by any of them.
    let is_us = |aud: &Value| aud.as_str() == Some(client);
    let for_us = match claims.get("aud") {
        Some(Value::Array(all)) => !all.is_empty() && all.iter().all(is_us),
        Some(one) => is_us(one),
        None => false,
    };
    if !for_us {
        return Err("aud");
    }
    if claims.get("azp").is_some_and(|azp| !is_us(azp)) {
        return Err("azp");
    }
    let (skew, longest) = (limits::SMART_SKEW_SECONDS, limits::SIGN_ON_TOKEN_SECONDS);
    let iat = number("iat").ok_or("iat")?;
    if iat > now + skew || iat < now - longest - skew {
        return Err("iat");
    }
    if number("nbf").is_some_and(|nbf| nbf > now + skew) {
        return Err("nbf");
    }
    match claims.get("exp") {
        Some(exp) if numeric_date(exp).is_some_and(|exp| exp > now - skew) => Ok(()),
        _ => Err("exp"),
    }
}

/// That the claims of a proven token are those of an ID token for this very sign-in.
///
/// # Errors
/// The claim that is wrong.
pub(crate) fn checked(claims: &Value, expected: &Expected<'_>) -> Result<(), &'static str> {
    made(claims, expected.issuer, expected.client, expected.now)?;
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    if text("nonce") != Some(expected.nonce) {
        return Err("nonce");
    }
    if !text("sub").is_some_and(is_subject) {
        return Err("sub");
    }
    if let Some(at_hash) = claims.get("at_hash") {
        let half = &Sha256::digest(expected.access.as_bytes())[..16];
        if at_hash.as_str() != Some(&URL_SAFE_NO_PAD.encode(half)) {
            return Err("at_hash");
        }
    }
    if let Some(max_age) = expected.max_age {
        let proven = claims.get("auth_time").and_then(numeric_date).ok_or("auth_time")?;
        let skew = limits::SMART_SKEW_SECONDS;
        if proven > expected.now + skew || proven < expected.now - max_age - skew {
            return Err("auth_time");
        }
    }
    Ok(())
}

/// What a logout token ends.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Ends {
    pub(crate) subject: Option<String>,
    pub(crate) there: Option<String>,
    /// Names the token, to be taken once.
    pub(crate) jti: String,
}

/// What a proven logout token ends.
///
/// # Errors
/// The claim that is wrong.
pub(crate) fn logout(claims: &Value, issuer: &str, client: &str, now: i64) -> Result<Ends, &'static str> {
    made(claims, issuer, client, now)?;
    // An ID token is no logout token.
    if claims.get("nonce").is_some() {
        return Err("nonce");
    }
    if !claims.get("events").and_then(|e| e.get(LOGOUT)).is_some_and(Value::is_object) {
        return Err("events");
    }
    let text = |name: &'static str| match claims.get(name) {
        None => Ok(None),
        Some(value) => value.as_str().filter(|t| is_subject(t)).map(|t| Some(t.to_owned())).ok_or(name),
    };
    let (subject, there, jti) = (text("sub")?, text("sid")?, text("jti")?.ok_or("jti")?);
    if subject.is_none() && there.is_none() {
        return Err("sub");
    }
    Ok(Ends { subject, there, jti })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const NOW: i64 = 1_000_000;

    fn expected() -> Expected<'static> {
        Expected { issuer: "https://sso.vn", client: "mach", nonce: "n", access: "token", max_age: None, now: NOW }
    }

    fn with(base: &Value, name: &str, value: Value) -> Value {
        let mut claims = base.clone();
        match value {
            Value::Null => drop(claims.as_object_mut().map(|all| all.shift_remove(name))),
            value => claims[name] = value,
        }
        claims
    }

    #[test]
    fn an_id_token_is_for_this_program_this_sign_in_and_now() {
        let good =
            json!({ "iss": "https://sso.vn", "aud": "mach", "sub": "s", "iat": NOW, "exp": NOW + 60, "nonce": "n" });
        let at_hash = URL_SAFE_NO_PAD.encode(&Sha256::digest(b"token")[..16]);
        for (name, value) in [
            ("aud", json!(["mach"])),
            ("azp", json!("mach")),
            ("exp", json!(NOW - 59)),
            ("iat", json!(NOW + 60)),
            ("iat", json!(NOW - 660)),
            ("nbf", json!(NOW + 60)),
            ("at_hash", json!(at_hash)),
            ("auth_time", json!(5)),
        ] {
            assert_eq!(checked(&with(&good, name, value.clone()), &expected()), Ok(()), "{name} {value}");
        }
        for (name, value) in [
            ("iss", json!("https://sso.vn/")),
            ("iss", json!("https://evil.vn")),
            ("iss", Value::Null),
            ("aud", json!("other")),
            ("aud", json!(["mach", "other"])),
            ("aud", json!([])),
            ("aud", json!({ "mach": true })),
            ("aud", Value::Null),
            ("azp", json!("other")),
            ("azp", json!(["mach"])),
            ("sub", json!("")),
            ("sub", json!(7)),
            ("sub", Value::Null),
            ("exp", json!(NOW - 60)),
            ("exp", json!("soon")),
            ("exp", json!(-1e300)),
            ("exp", Value::Null),
            ("iat", json!(NOW + 61)),
            ("iat", json!(NOW - 661)),
            ("iat", json!(1e300)),
            ("iat", Value::Null),
            ("nbf", json!(NOW + 61)),
            ("nonce", json!("m")),
            ("nonce", json!(["n"])),
            ("nonce", Value::Null),
            ("at_hash", json!(at_hash.to_lowercase())),
            ("at_hash", json!(7)),
        ] {
            assert_eq!(checked(&with(&good, name, value.clone()), &expected()), Err(name), "{name} {value}");
        }
        let limited = Expected { max_age: Some(300), ..expected() };
        for (value, fits) in [(NOW, true), (NOW - 360, true), (NOW - 361, false), (NOW + 60, true), (NOW + 61, false)] {
            assert_eq!(checked(&with(&good, "auth_time", json!(value)), &limited).is_ok(), fits, "{value}");
        }
        assert_eq!(checked(&good, &limited), Err("auth_time"), "where an age is asked for it must be told");
    }

    #[test]
    fn a_logout_token_says_what_ends_and_is_no_id_token() {
        let good = json!({
            "iss": "https://sso.vn", "aud": "mach", "sub": "s", "sid": "t", "iat": NOW, "exp": NOW + 60, "jti": "j",
            "events": { LOGOUT: {} },
        });
        let ends = |claims: &Value| logout(claims, "https://sso.vn", "mach", NOW);
        let (s, t) = (Some("s".to_owned()), Some("t".to_owned()));
        assert_eq!(ends(&good), Ok(Ends { subject: s.clone(), there: t.clone(), jti: "j".to_owned() }));
        assert_eq!(ends(&with(&good, "sid", Value::Null)).map(|e| (e.subject, e.there)), Ok((s, None)));
        assert_eq!(ends(&with(&good, "sub", Value::Null)).map(|e| (e.subject, e.there)), Ok((None, t)));
        assert!(ends(&with(&with(&good, "sub", Value::Null), "sid", Value::Null)).is_err());
        for (name, value) in [
            ("nonce", json!("n")),
            ("events", Value::Null),
            ("events", json!({ "other": {} })),
            ("events", json!({ LOGOUT: true })),
            ("events", json!([LOGOUT])),
            ("jti", Value::Null),
            ("sub", json!(7)),
            ("aud", json!("other")),
            ("iss", json!("https://evil.vn")),
            ("iat", json!(NOW - 661)),
            ("exp", Value::Null),
        ] {
            assert_eq!(ends(&with(&good, name, value.clone())), Err(name), "{name} {value}");
        }
    }
}
