//! JSON Web Tokens (RFC 7519) under keys of JWK Sets (RFC 7517): those that sign apps on, and those that an app proves itself with.
//!
//! The algorithm is chosen by the key that is looked for, never by the token alone: `none`, and a secret that is somebody's
//! public key, have no way in, for a key of the right kind must have made the signature.

use crate::der;
use crate::jws::ALGORITHMS;
use crate::key::{PublicKey, Scheme, Signer, ecdsa_der, ecdsa_fixed};
use crate::{Error, Result, malformed, oid};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

fn bad(why: &str) -> Error {
    malformed("JWT", why)
}

fn decoded(text: &str) -> Result<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).map_err(|_| bad("not base64url"))
}

/// A public key of a JWK Set.
#[derive(Clone, Debug)]
pub struct Jwk {
    /// What tokens call it; empty where it has no name.
    pub name: String,
    /// The one algorithm it is for, where it says so.
    pub algorithm: Option<String>,
    /// The key.
    pub key: PublicKey,
}

impl Jwk {
    /// Reads one key: P-256, P-384, or RSA of 2048 bits and more.
    ///
    /// # Errors
    /// `Malformed`, `Unsupported`: also secret keys, and keys that are not for signatures.
    pub fn read(value: &Value) -> Result<Self> {
        let text = |name: &str| value.get(name).and_then(Value::as_str);
        let part = |name: &str| decoded(text(name).ok_or_else(|| bad("a key that lacks a part"))?);
        if value.get("d").is_some() || value.get("k").is_some() {
            return Err(Error::Unsupported(
                "a secret key in a set of public ones: publish only its public part".to_owned(),
            ));
        }
        if text("use").is_some_and(|u| u != "sig") {
            return Err(Error::Unsupported("a key that is not for signatures".to_owned()));
        }
        let info = match text("kty") {
            Some("EC") => {
                let (curve, width) = match text("crv") {
                    Some("P-256") => (oid::P256, 32),
                    Some("P-384") => (oid::P384, 48),
                    other => return Err(Error::Unsupported(format!("curve `{}`", other.unwrap_or_default()))),
                };
                let (x, y) = (part("x")?, part("y")?);
                if x.len() != width || y.len() != width {
                    return Err(bad("a point of another width than its curve's"));
                }
                let point = [&[4], x.as_slice(), y.as_slice()].concat();
                der::sequence(&[&der::sequence(&[&der::oid(oid::EC_KEY), &der::oid(curve)]), &der::bits(&point)])
            }
            Some("RSA") => {
                let key = der::sequence(&[&der::unsigned(&part("n")?), &der::unsigned(&part("e")?)]);
                der::sequence(&[&der::sequence(&[&der::oid(oid::RSA), &der::null()]), &der::bits(&key)])
            }
            other => return Err(Error::Unsupported(format!("key of type `{}`", other.unwrap_or_default()))),
        };
        Ok(Self {
            name: text("kid").unwrap_or_default().to_owned(),
            algorithm: text("alg").map(str::to_owned),
            key: PublicKey::parse(&info)?,
        })
    }

    /// The keys of a JWK Set of at most `most` that can be used here; others are passed over, as RFC 7517 §5 asks.
    ///
    /// # Errors
    /// `Malformed` where it is no set, or has more keys; `Unsupported` where no key of it can be used, with why the first cannot.
    pub fn read_set(text: &str, most: usize) -> Result<Vec<Self>> {
        let set: Value = serde_json::from_str(text).map_err(|_| malformed("JWK Set", "no JSON"))?;
        let keys = set.get("keys").and_then(Value::as_array).ok_or_else(|| malformed("JWK Set", "no `keys`"))?;
        if keys.len() > most {
            return Err(malformed("JWK Set", "too many keys"));
        }
        let mut first = None;
        let mut found = Vec::new();
        for key in keys {
            match Self::read(key) {
                Ok(key) => found.push(key),
                Err(e) => first = first.or(Some(e)),
            }
        }
        match (found.is_empty(), first) {
            (true, Some(why)) => Err(why),
            (true, None) => Err(malformed("JWK Set", "no key in it")),
            (false, _) => Ok(found),
        }
    }
}

/// A key on P-256 as a member of a JWK Set.
///
/// # Errors
/// `Unsupported` where it is another.
pub fn public_jwk(key: &PublicKey, name: &str) -> Result<Value> {
    let [4, point @ ..] = key.bytes() else { return Err(Error::Unsupported("a key that is no point".to_owned())) };
    if key.schemes() != [Scheme::EcdsaP256Sha256] || point.len() != 64 {
        return Err(Error::Unsupported("a key that is not on P-256".to_owned()));
    }
    let (x, y) = point.split_at(32);
    let text = |bytes| URL_SAFE_NO_PAD.encode(bytes);
    Ok(json!({ "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": name, "x": text(x), "y": text(y) }))
}

/// A `NumericDate` (RFC 7519 §2) in seconds, a part of one left out; the farthest there is where it lies beyond.
pub fn numeric_date(value: &Value) -> Option<i64> {
    let number = value.as_number()?;
    if let Some(whole) = number.as_i64() {
        return Some(whole);
    }
    let text = number.to_string();
    let far = if text.starts_with('-') { i64::MIN } else { i64::MAX };
    Some(match text.split_once(['e', 'E']) {
        Some((_, power)) if power.starts_with('-') => 0,
        Some(_) => far,
        None => text.split('.').next().and_then(|whole| whole.parse().ok()).unwrap_or(far),
    })
}

/// A token of these claims: ES256, ES384 or an algorithm of RSA, by the key.
///
/// # Errors
/// What the key says.
pub fn sign(claims: &Value, key: &dyn Signer, name: &str) -> Result<String> {
    let scheme = key.scheme();
    let algorithm = ALGORITHMS.iter().find(|(s, _)| *s == scheme).map_or("", |(_, name)| *name);
    let header = json!({ "alg": algorithm, "typ": "JWT", "kid": name }).to_string();
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims.to_string()));
    let signature = key.sign(signed.as_bytes())?;
    let signature = match scheme {
        Scheme::EcdsaP256Sha256 => ecdsa_fixed(&signature, 32)?,
        Scheme::EcdsaP384Sha384 => ecdsa_fixed(&signature, 48)?,
        _ => signature,
    };
    Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
}

/// A token that was read; nothing of it is believed before [`Read::verified`].
#[derive(Clone, Debug)]
pub struct Read {
    /// What it calls its key; empty where it names none.
    pub name: String,
    scheme: Scheme,
    algorithm: &'static str,
    signed: String,
    signature: Vec<u8>,
    claims: Value,
}

impl Read {
    /// Reads a token of at most `limit` bytes, signed by an algorithm that is known.
    ///
    /// # Errors
    /// `Malformed`, `TooLarge`, `Unsupported`: also `alg=none` and algorithms with a shared secret.
    pub fn parse(text: &str, limit: usize) -> Result<Self> {
        if text.len() > limit {
            return Err(Error::TooLarge { what: "a JWT", limit });
        }
        let parts: Vec<&str> = text.split('.').collect();
        let [head, middle, signature] = parts.as_slice() else { return Err(bad("not three parts")) };
        let object = |part: &str| -> Result<Value> {
            let value: Value = serde_json::from_slice(&decoded(part)?).map_err(|_| bad("a part that is no JSON"))?;
            if value.is_object() { Ok(value) } else { Err(bad("a part that is no object")) }
        };
        let header = object(head)?;
        if header.get("crit").is_some() || header.get("b64").is_some() {
            return Err(Error::Unsupported("a JWT with critical extensions".to_owned()));
        }
        let name = header.get("alg").and_then(Value::as_str).unwrap_or_default();
        let known = ALGORITHMS.iter().find(|(_, a)| *a == name);
        let (scheme, algorithm) = *known.ok_or_else(|| Error::Unsupported(format!("algorithm `{name}`")))?;
        let bytes = decoded(signature)?;
        let width = match scheme {
            Scheme::EcdsaP256Sha256 => Some(64),
            Scheme::EcdsaP384Sha384 => Some(96),
            _ => None,
        };
        let signature = match width {
            Some(width) if bytes.len() != width => return Err(bad("a signature of another width than its curve's")),
            Some(_) => ecdsa_der(&bytes)?,
            None => bytes,
        };
        Ok(Self {
            name: header.get("kid").and_then(Value::as_str).unwrap_or_default().to_owned(),
            scheme,
            algorithm,
            signed: format!("{head}.{middle}"),
            signature,
            claims: object(middle)?,
        })
    }

    /// The name of its algorithm.
    pub fn algorithm(&self) -> &'static str {
        self.algorithm
    }

    /// What it says of who made it, unproven: only to find the key to prove it with.
    pub fn unproven(&self, claim: &str) -> Option<&str> {
        self.claims.get(claim).and_then(Value::as_str)
    }

    /// Its claims, where one of `keys` made it: that which it names, or any where it names none.
    ///
    /// # Errors
    /// `False` where none of them did.
    pub fn verified(&self, keys: &[Jwk]) -> Result<&Value> {
        let fits = |key: &&Jwk| {
            (self.name.is_empty() || key.name == self.name)
                && key.algorithm.as_deref().is_none_or(|a| a == self.algorithm)
        };
        let made = |key: &Jwk| key.key.verify(self.scheme, self.signed.as_bytes(), &self.signature).is_ok();
        if keys.iter().filter(fits).any(made) {
            return Ok(&self.claims);
        }
        Err(Error::False("none of the keys made this token".to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::SoftKey;

    const LIMIT: usize = 8_192;

    fn set(keys: &[Value]) -> Vec<Jwk> {
        Jwk::read_set(&json!({ "keys": keys }).to_string(), 8).unwrap()
    }

    #[test]
    fn a_token_is_its_keys() {
        let (key, other) = (SoftKey::generate().unwrap(), SoftKey::generate().unwrap());
        let jwk = |key: &SoftKey, name| public_jwk(key.public(), name).unwrap();
        let token = sign(&json!({ "iss": "a" }), &key, "k1").unwrap();
        assert!(Read::parse(&token, token.len()).is_ok() && Read::parse(&token, token.len() - 1).is_err());
        let read = Read::parse(&token, LIMIT).unwrap();
        assert_eq!((read.name.as_str(), read.algorithm(), read.unproven("iss")), ("k1", "ES256", Some("a")));
        assert_eq!(read.verified(&set(&[jwk(&other, "k0"), jwk(&key, "k1")])).unwrap()["iss"], "a");
        for keys in [vec![jwk(&other, "k1")], vec![jwk(&key, "k2")]] {
            assert!(read.verified(&set(&keys)).is_err());
        }
        assert!(Read::parse(&token, token.len()).is_ok() && Read::parse(&token, token.len() - 1).is_err());
        let mut of_another = jwk(&key, "k1");
        of_another["alg"] = json!("ES384");
        assert!(read.verified(&set(&[of_another])).is_err(), "a key for another algorithm");
    }

    #[test]
    fn a_token_that_is_not_signed_is_none() {
        let key = SoftKey::generate().unwrap();
        let token = sign(&json!({ "iss": "a" }), &key, "k").unwrap();
        let parts: Vec<&str> = token.split('.').collect();
        let header = |text: &str| URL_SAFE_NO_PAD.encode(text);
        for (head, signature) in [
            (header(r#"{"alg":"none"}"#), ""),
            (header(r#"{"alg":"none","kid":"k"}"#), parts[2]),
            (header(r#"{"alg":"HS256","kid":"k"}"#), parts[2]),
            (header(r#"{"alg":"ES256","crit":["x"],"kid":"k"}"#), parts[2]),
            (header(r#"{"kid":"k"}"#), parts[2]),
            (header("[]"), parts[2]),
            (parts[0].to_owned(), ""),
            (parts[0].to_owned(), &parts[2][2..]),
        ] {
            assert!(Read::parse(&format!("{head}.{}.{signature}", parts[1]), LIMIT).is_err(), "{head} {signature}");
        }
        let altered = format!("{}.{}.{}", parts[0], header(r#"{"iss":"b"}"#), parts[2]);
        let jwk = public_jwk(key.public(), "k").unwrap();
        assert!(Read::parse(&altered, LIMIT).unwrap().verified(&set(&[jwk])).is_err());
    }

    #[test]
    fn the_example_of_the_standard_is_verified() {
        // RFC 7515, A.3: ES256.
        let key = json!({ "kty": "EC", "crv": "P-256",
            "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0" });
        let token = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.\
            DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
        let read = Read::parse(token, LIMIT).unwrap();
        assert_eq!(read.verified(&set(&[key])).unwrap()["iss"], "joe");
    }

    #[test]
    fn only_public_keys_that_sign_are_keys() {
        for (key, usable) in [
            (json!({ "kty": "oct", "k": "AAAA" }), false),
            (json!({ "kty": "EC", "crv": "P-521", "x": "AA", "y": "AA" }), false),
            (json!({ "kty": "EC", "crv": "P-256", "x": "AA", "y": "AA" }), false),
            (json!({ "kty": "RSA", "n": "AAAA", "e": "AQAB" }), false),
            (json!({ "kty": "RSA", "n": URL_SAFE_NO_PAD.encode([0xc5_u8; 256]), "e": "AQAB" }), true),
            (json!({ "kty": "RSA", "use": "enc", "n": URL_SAFE_NO_PAD.encode([0xc5_u8; 256]), "e": "AQAB" }), false),
            (json!({ "kty": "RSA", "n": URL_SAFE_NO_PAD.encode([0xc5_u8; 256]), "e": "AQAB", "d": "AA" }), false),
        ] {
            assert_eq!(Jwk::read(&key).is_ok(), usable, "{key}");
        }
        assert!(Jwk::read_set("{}", 8).is_err() && Jwk::read_set(r#"{"keys":[]}"#, 8).is_err());
        let good = json!({ "kty": "RSA", "n": URL_SAFE_NO_PAD.encode([0xc5_u8; 256]), "e": "AQAB" });
        let of = |count: usize| json!({ "keys": vec![good.clone(); count] }).to_string();
        assert!(Jwk::read_set(&of(8), 8).is_ok_and(|keys| keys.len() == 8) && Jwk::read_set(&of(9), 8).is_err());
    }
}
