//! JSON Web Signatures (RFC 7515): those of FHIR's `Signature.data`, over bytes that are kept beside them. Nothing is made
//! canonical: JSON's canonical form makes doubles of decimals, and `1.50` must stay `1.50`. The exact bytes are signed.

use crate::certificate::Certificate;
use crate::key::{Hash, Scheme, Signer, ecdsa_der, ecdsa_fixed};
use crate::revocation::Evidence;
use crate::time::{self, Moment};
use crate::trust::{Purpose, Standing, Trust};
use crate::{Error, Result, limits, malformed};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

pub(crate) const ALGORITHMS: [(Scheme, &str); 8] = [
    (Scheme::EcdsaP256Sha256, "ES256"),
    (Scheme::EcdsaP384Sha384, "ES384"),
    (Scheme::RsaPss(Hash::Sha256), "PS256"),
    (Scheme::RsaPss(Hash::Sha384), "PS384"),
    (Scheme::RsaPss(Hash::Sha512), "PS512"),
    (Scheme::RsaPkcs1(Hash::Sha256), "RS256"),
    (Scheme::RsaPkcs1(Hash::Sha384), "RS384"),
    (Scheme::RsaPkcs1(Hash::Sha512), "RS512"),
];

/// A signature of bytes: `header..signature`, the middle left out.
///
/// # Errors
/// What the key says.
pub fn sign_detached(payload: &[u8], key: &dyn Signer, chain: &[Certificate], at: Moment) -> Result<String> {
    let scheme = key.scheme();
    let name = ALGORITHMS.iter().find(|(s, _)| *s == scheme).map_or("", |(_, name)| *name);
    let certificates: Vec<_> = chain.iter().map(|c| crate::base64(c.raw())).collect();
    let header = json!({ "alg": name, "iat": at, "x5c": certificates }).to_string();
    let header = URL_SAFE_NO_PAD.encode(header);
    let signed = format!("{header}.{}", URL_SAFE_NO_PAD.encode(payload));
    let signature = key.sign(signed.as_bytes())?;
    chain.first().map_or(Ok(()), |c| c.key.verify(scheme, signed.as_bytes(), &signature))?;
    let signature = match scheme {
        Scheme::EcdsaP256Sha256 => ecdsa_fixed(&signature, 32)?,
        Scheme::EcdsaP384Sha384 => ecdsa_fixed(&signature, 48)?,
        _ => signature,
    };
    Ok(format!("{header}..{}", URL_SAFE_NO_PAD.encode(signature)))
}

/// A signature with its bytes: `header.payload.signature`.
///
/// # Errors
/// What the key says.
pub fn sign(payload: &[u8], key: &dyn Signer, chain: &[Certificate], at: Moment) -> Result<String> {
    Ok(sign_detached(payload, key, chain, at)?.replacen("..", &format!(".{}.", URL_SAFE_NO_PAD.encode(payload)), 1))
}

/// A signature that was read.
#[derive(Clone, Debug)]
pub struct Signature {
    /// Whose.
    pub certificate: Certificate,
    /// How it was signed.
    pub scheme: Scheme,
    /// The time the signer says.
    pub said: Option<Moment>,
    /// What was signed.
    pub payload: Vec<u8>,
    /// That the signer signed exactly this; why not.
    pub integrity: Result<()>,
    /// Where the certificate stood at the time said.
    pub then: Standing,
    /// Where it stands now.
    pub now: Standing,
}

impl Signature {
    /// Whether it counts. The time is only the signer's word, so the certificate must stand now too.
    pub fn is_good(&self) -> bool {
        self.integrity.is_ok() && self.then.is_good() && self.now.is_good()
    }
}

/// Checks a signature. `payload` are the bytes it is of, where they are not in it.
///
/// # Errors
/// `Malformed`, `False`, `Unsupported`.
pub fn verify(text: &str, payload: Option<&[u8]>, trust: &Trust, now: Moment) -> Result<Signature> {
    let read = examine(text, payload, trust, now)?;
    read.integrity.clone().map(|()| read)
}

/// Reads a signature that may be false, and says so in [`Signature::integrity`].
///
/// # Errors
/// `Malformed`, `Unsupported`: it cannot be read at all.
pub fn examine(text: &str, payload: Option<&[u8]>, trust: &Trust, now: Moment) -> Result<Signature> {
    let bad = |why: &str| malformed("JWS", why);
    if text.len() > limits::XML_BYTES {
        return Err(Error::TooLarge { what: "a JWS", limit: limits::XML_BYTES });
    }
    let parts: Vec<_> = text.trim().split('.').collect();
    let [header, middle, signature] = parts.as_slice() else { return Err(bad("not three parts")) };
    let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| bad("not base64url"));
    let fields: Value = serde_json::from_slice(&decode(header)?).map_err(|_| bad("a header that is no JSON"))?;
    if fields.get("crit").is_some() || fields.get("b64").is_some() {
        return Err(Error::Unsupported("a JWS with critical extensions".to_owned()));
    }
    let middle = match (payload, middle.is_empty()) {
        (Some(bytes), true) => URL_SAFE_NO_PAD.encode(bytes),
        (None, false) => (*middle).to_owned(),
        (Some(bytes), false) if URL_SAFE_NO_PAD.encode(bytes) == *middle => (*middle).to_owned(),
        (Some(_), false) => return Err(Error::False("it is of other bytes".to_owned())),
        (None, true) => return Err(bad("the signed bytes are not there")),
    };
    let name = fields.get("alg").and_then(Value::as_str).unwrap_or_default();
    let scheme = ALGORITHMS.iter().find(|(_, a)| *a == name).map(|(s, _)| *s);
    let scheme = scheme.ok_or_else(|| Error::Unsupported(format!("algorithm `{name}`")))?;
    let chain = fields.get("x5c").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let read = |c: &Value| Certificate::parse(&crate::from_base64(c.as_str().unwrap_or_default())?);
    let chain = chain.iter().take(limits::CHAIN).map(read).collect::<Result<Vec<_>>>()?;
    let signer = chain.first().ok_or_else(|| Error::Unsupported("a JWS without a certificate".to_owned()))?;
    let bytes = decode(signature)?;
    let bytes = match scheme {
        Scheme::EcdsaP256Sha256 | Scheme::EcdsaP384Sha384 => ecdsa_der(&bytes)?,
        _ => bytes,
    };
    let mut integrity = signer.key.verify(scheme, format!("{header}.{middle}").as_bytes(), &bytes);
    let said = fields.get("iat").and_then(Value::as_i64);
    if integrity.is_ok() && said.is_some_and(|said| said > now + time::CLOCK_SKEW) {
        integrity = Err(Error::False("it says a time that is still to come".to_owned()));
    }
    let standing = |at| trust.standing(signer, &chain, &Evidence::default(), at, Purpose::Document);
    let (then, now) = (standing(said.unwrap_or(now)), standing(now));
    Ok(Signature { certificate: signer.clone(), scheme, said, payload: decode(&middle)?, integrity, then, now })
}
