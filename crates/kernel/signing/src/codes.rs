//! The key that signs QR codes (passes, and the codes of papers), and who is told to trust it. Both are files of the data folder:
//! `keys/hc1.pem` (the key, PKCS#8, and its certificate, one after the other), `trust/signers/own.pem`, `trust/roots/own.pem`.

use crate::desk::Keys;
use mach_house::files::keep;
use mach_sign::authority::{Authority, Profile, Request};
use mach_sign::certificate::Certificate;
use mach_sign::hc1::{self, Claims, Value};
use mach_sign::key::SoftKey;
use mach_sign::name::Name;
use mach_sign::oid;
use mach_sign::time::{DAY, Moment, now};
use std::path::{Path, PathBuf};

/// A key with its certificate.
#[derive(Debug)]
pub struct Signer {
    /// The key.
    pub key: SoftKey,
    /// Its certificate.
    pub certificate: Certificate,
}

fn place(data: &Path) -> PathBuf {
    data.join("keys").join("hc1.pem")
}

/// The key of this data folder; `None` where there is none.
///
/// # Errors
/// Where the file cannot be read or used, or the key is not the certificate's.
pub fn open(data: &Path) -> Result<Option<Signer>, String> {
    let path = place(data);
    let at = |e: String| format!("`{}`: {e}", path.display());
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(at(e.to_string())),
    };
    let key = SoftKey::from_pem(&text).map_err(|e| at(e.to_string()))?;
    let certificates = text.split("-----BEGIN CERTIFICATE-----").nth(1);
    let text = certificates.map(|rest| format!("-----BEGIN CERTIFICATE-----{rest}")).unwrap_or_default();
    let found = Certificate::from_pem(&text).map_err(|e| at(e.to_string()))?;
    let certificate = found.into_iter().next().ok_or_else(|| at("it holds no certificate after the key".to_owned()))?;
    if certificate.key.info() != mach_sign::key::Signer::public(&key).info() {
        return Err(at("the certificate is of another key".to_owned()));
    }
    if certificate.not_after < now() {
        return Err(at("the certificate has expired".to_owned()));
    }
    Ok(Some(Signer { key, certificate }))
}

/// Makes a key with an authority of one's own, trusted by this data folder alone; nothing where there is a key already.
///
/// # Errors
/// Of files.
pub fn make(data: &Path, organisation: &str) -> Result<Signer, String> {
    if let Some(signer) = open(data)? {
        return Ok(signer);
    }
    let text = |e: mach_sign::Error| e.to_string();
    let request = |name: &str, profile, years: i64| Request {
        subject: Name::of(&[(oid::COUNTRY, "VN"), (oid::ORGANIZATION, organisation), (oid::COMMON_NAME, name)]),
        profile,
        not_before: now() - DAY,
        not_after: now() + years * 365 * DAY,
        ocsp: None,
        crl: None,
    };
    let root = SoftKey::generate().map_err(text)?;
    let root =
        Authority::root(root, &request("Gốc ký chứng nhận tiêm chủng", Profile::Authority(0), 10)).map_err(text)?;
    let key = SoftKey::generate().map_err(text)?;
    let named = request("Ký chứng nhận tiêm chủng", Profile::Document, 5);
    let certificate = root.issue(&named, mach_sign::key::Signer::public(&key)).map_err(text)?;
    keep(&data.join("trust/roots/own.pem"), &root.certificate().to_pem(), false)?;
    keep(&data.join("trust/signers/own.pem"), &certificate.to_pem(), false)?;
    keep(&place(data), &format!("{}{}", key.to_pem(), certificate.to_pem()), true)?;
    Ok(Signer { key, certificate })
}

/// What the code of a paper says: no more than what stands on the paper.
#[derive(Clone, Debug)]
pub struct Said<'a> {
    /// The facility that gives the paper out, by its code.
    pub facility: &'a str,
    /// Which paper it is, of all this facility gives out; another version of it has another.
    pub id: String,
    /// When it was made.
    pub issued: Moment,
    /// Until when it counts.
    pub expires: Moment,
    /// What stands on it, name by name.
    pub lines: Vec<(&'a str, String)>,
}

/// The text of a paper's QR code: the address where it is checked, and behind it what the paper says, signed, for who has no
/// network. The address alone where there is no key; without an address the code alone.
pub fn of_paper(keys: &dyn Keys, address: &str, said: Said<'_>) -> String {
    let Some(signer) = keys.codes() else { return address.to_owned() };
    let id = ("id", Value::Text(said.id));
    let lines = said.lines.into_iter().filter(|(_, v)| !v.is_empty()).map(|(name, v)| (name, Value::Text(v)));
    let claims = Claims {
        issuer: said.facility.to_owned(),
        issued: said.issued,
        expires: said.expires,
        content: (hc1::PAPER, Value::record([id].into_iter().chain(lines).collect())),
    };
    let signed = match address {
        "" => hc1::sign(&claims, &signer.key, &signer.certificate),
        address => hc1::sign_behind(address, &claims, &signer.key, &signer.certificate),
    };
    signed.unwrap_or_else(|e| {
        tracing::warn!("a paper gets a code without a signature: {e}");
        address.to_owned()
    })
}
