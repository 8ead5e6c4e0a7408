//! The list by which a browser checks QR codes without a network: who may sign them, which were taken back, which papers ended.
//! Signed by a key of this program's own, which the browser keeps at its first visit: a later list of another key is not taken.

use crate::Shelf;
use mach_base::limits::VERIFY_LIST_DAYS;
use mach_sign::certificate::Certificate;
use mach_sign::key::{Scheme, Signer as _, SoftKey, ecdsa_fixed};
use mach_sign::revocation::Evidence;
use mach_sign::time::{DAY, Moment, now};
use mach_sign::trust::{Purpose, Standing};
use mach_sign::{hc1, oid};
use mach_store::signing::Paper;
use serde_json::{Value, json};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// The file of the key, in the folder of all data.
const KEY: &str = "keys/list.pem";

fn url_safe(bytes: &[u8]) -> String {
    mach_sign::base64(bytes).trim_end_matches('=').replace('+', "-").replace('/', "_")
}

/// The key of lists; made where there is none.
///
/// # Errors
/// Of files.
pub fn key(data: &Path) -> Result<SoftKey, String> {
    // Two that ask first at once make one key.
    static TURN: Mutex<()> = Mutex::new(());
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let path = data.join(KEY);
    let at = |e: &dyn std::fmt::Display| format!("`{}`: {e}", path.display());
    match std::fs::read_to_string(&path) {
        Ok(text) => SoftKey::from_pem(&text).map_err(|e| at(&e)),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            let key = SoftKey::generate().map_err(|e| at(&e))?;
            mach_house::files::keep(&path, &key.to_pem(), true)?;
            Ok(key)
        }
        Err(e) => Err(at(&e)),
    }
}

/// A public key on P-256 as a JWK, its members in the order of RFC 7638.
fn jwk(key: &SoftKey) -> Result<String, String> {
    let point = key.public().bytes();
    let (Some(x), Some(y)) = (point.get(1..33), point.get(33..65)) else {
        return Err(format!("`{KEY}`: the key of lists is one on P-256"));
    };
    Ok(format!(r#"{{"crv":"P-256","kty":"EC","x":"{}","y":"{}"}}"#, url_safe(x), url_safe(y)))
}

/// How people compare keys: the thumbprint (RFC 7638) in groups of four hexadecimal digits.
///
/// # Errors
/// Where the key is none of P-256.
pub fn fingerprint(key: &SoftKey) -> Result<String, String> {
    let hex = mach_sign::hex(&mach_sign::sha256(jwk(key)?.as_bytes()));
    let groups: Vec<&str> = (0..hex.len()).step_by(4).filter_map(|i| hex.get(i..i + 4)).collect();
    Ok(groups.join(" "))
}

/// The key of a signer as browsers take it: they know RSA keys under the name of RSA alone, whatever the certificate calls them.
fn public(certificate: &Certificate) -> Vec<u8> {
    let key = &certificate.key;
    if !key.schemes().iter().any(|s| matches!(s, Scheme::RsaPss(_))) {
        return key.info().to_vec();
    }
    /// `SEQUENCE { rsaEncryption, NULL }`.
    const ALGORITHM: [u8; 15] = [0x30, 13, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1, 5, 0];
    let length = |n: usize| [0x82, (n >> 8) as u8, n as u8];
    let bits = key.bytes().len() + 1;
    let mut out = vec![0x30];
    out.extend(length(ALGORITHM.len() + 4 + bits));
    out.extend(ALGORITHM);
    out.push(3);
    out.extend(length(bits));
    out.push(0);
    out.extend(key.bytes());
    out
}

/// One who may sign, with what a browser needs in order to say where the certificate stood at any moment.
fn signer(shelf: &Shelf, certificate: &Certificate, at: Moment) -> Value {
    let path = shelf.trust.path(certificate, &shelf.signers).unwrap_or_else(|_| vec![certificate]);
    let from = path.iter().map(|c| c.not_before).max().unwrap_or(certificate.not_before);
    let until = path.iter().map(|c| c.not_after).min().unwrap_or(certificate.not_after);
    let standing = |at| shelf.trust.standing(certificate, &shelf.signers, &Evidence::default(), at, Purpose::Document);
    // Whatever the dates say: inside of them it is trusted, or not at all. Revoked from the first moment that was revoked on.
    let (stands, revoked) = match standing(at.clamp(from, until)) {
        Standing::Valid => ("valid", None),
        Standing::ValidUnchecked | Standing::NotYet | Standing::Expired => ("unchecked", None),
        Standing::Revoked(r) => ("valid", Some(r.at)),
        Standing::Untrusted(_) => ("untrusted", None),
        Standing::WrongUse(_) => ("use", None),
    };
    let rsa = certificate.key.schemes().iter().any(|s| matches!(s, Scheme::RsaPss(_)));
    json!({
        "kid": url_safe(&hc1::key_id(certificate)),
        "alg": if rsa { "PS256" } else { "ES256" },
        "spki": mach_sign::base64(&public(certificate)),
        "name": certificate.subject.get(oid::COMMON_NAME),
        "organisation": certificate.subject.get(oid::ORGANIZATION),
        "issuer": certificate.issuer.common(),
        "from": from, "until": until, "stands": stands, "revoked": revoked,
    })
}

/// The list as a JWS with the key that signed it.
///
/// # Errors
/// Where it cannot be signed.
pub fn text(key: &SoftKey, shelf: &Shelf, ended: &[Paper]) -> Result<String, String> {
    let made = now();
    let signers: Vec<Value> = shelf.signers.iter().map(|c| signer(shelf, c, made)).collect();
    let mut papers: serde_json::Map<String, Value> =
        shelf.ended.iter().map(|(mark, (at, why))| (mark.clone(), json!([at, why]))).collect();
    papers.extend(ended.iter().map(|p| (p.mark.clone(), json!([p.ended.unwrap_or(0), p.why]))));
    let mut withdrawn: Vec<&String> = shelf.revoked.iter().flatten().collect();
    withdrawn.sort();
    let list = json!({
        "made": made, "until": made + VERIFY_LIST_DAYS * DAY, "signers": signers,
        // One list that cannot be read: no code of a pass counts, as at the server.
        "withdrawn": if shelf.revoked.is_ok() { json!(withdrawn) } else { Value::Null },
        "papers": papers,
    });
    let header = format!(r#"{{"alg":"ES256","typ":"mach-verify-list","jwk":{}}}"#, jwk(key)?);
    let signed = format!("{}.{}", url_safe(header.as_bytes()), url_safe(list.to_string().as_bytes()));
    let signature = key.sign(signed.as_bytes()).and_then(|s| ecdsa_fixed(&s, 32)).map_err(|e| e.to_string())?;
    Ok(format!("{signed}.{}", url_safe(&signature)))
}
