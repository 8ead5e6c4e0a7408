//! An authority of one's own: issues certificates, revocation lists, OCSP answers. The demonstration signs with its
//! certificates, and tests make whole families of them: nothing here is trusted by anybody who was not told to.

use crate::certificate::{Certificate, usage};
use crate::der::{self, tag};
use crate::key::{Hash, PublicKey, Signer, SoftKey};
use crate::name::Name;
use crate::revocation::{Crl, Ocsp, Revoked};
use crate::time::{self, Moment};
use crate::{Error, Result, oid};

/// What a certificate is issued for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// An authority; so many may stand below it.
    Authority(u64),
    /// A person or a seal that signs documents.
    Document,
    /// A timestamping service.
    Timestamp,
    /// An OCSP responder.
    Ocsp,
    /// A web server: not for documents.
    Server,
}

/// What to put into a certificate.
#[derive(Clone, Debug)]
pub struct Request {
    /// Whom it is of.
    pub subject: Name,
    /// For what.
    pub profile: Profile,
    /// Valid from.
    pub not_before: Moment,
    /// Valid to.
    pub not_after: Moment,
    /// Where revocation can be asked.
    pub ocsp: Option<String>,
    /// Where the revocation list is.
    pub crl: Option<String>,
}

/// A key with its certificate, that issues others.
#[derive(Debug)]
pub struct Authority {
    key: SoftKey,
    certificate: Certificate,
}

fn extension(id: &[u8], critical: bool, value: &[u8]) -> Vec<u8> {
    let critical = if critical { der::yes() } else { Vec::new() };
    der::sequence(&[&der::oid(id), &critical, &der::octets(value)])
}

fn key_id(key: &PublicKey) -> Vec<u8> {
    crate::sha256(key.bytes())[..20].to_vec()
}

/// Sixteen random bytes, the first neither zero nor negative: a serial number.
fn serial() -> Result<Vec<u8>> {
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes).map_err(|_| Error::Refused("no random bytes".to_owned()))?;
    bytes[0] = bytes[0] & 0x7f | 0x40;
    Ok(bytes.to_vec())
}

fn key_usage(bits: u16) -> Vec<u8> {
    let byte = (bits as u8).reverse_bits();
    der::value(tag::BIT_STRING, &[byte.trailing_zeros() as u8, byte])
}

fn extensions(request: &Request, key: &PublicKey, issuer: &PublicKey) -> Vec<u8> {
    let purposes = |ids: &[&[u8]]| der::sequence(&[&ids.iter().map(|id| der::oid(id)).collect::<Vec<_>>().concat()]);
    let sign = usage::DIGITAL_SIGNATURE | usage::NON_REPUDIATION;
    let mut list = vec![
        extension(oid::SUBJECT_KEY_ID, false, &der::octets(&key_id(key))),
        extension(
            oid::AUTHORITY_KEY_ID,
            false,
            &der::sequence(&[&der::value(tag::context_primitive(0), &key_id(issuer))]),
        ),
    ];
    let use_ = |bits| extension(oid::KEY_USAGE, true, &key_usage(bits));
    match request.profile {
        Profile::Authority(below) => {
            let basic = der::sequence(&[&der::yes(), &der::number(below)]);
            list.push(extension(oid::BASIC_CONSTRAINTS, true, &basic));
            list.push(use_(usage::KEY_CERT_SIGN | usage::CRL_SIGN));
        }
        Profile::Document => {
            list.push(use_(sign));
            list.push(extension(oid::EXTENDED_KEY_USAGE, false, &purposes(&[oid::EKU_DOCUMENT, oid::EKU_EMAIL])));
        }
        Profile::Timestamp => {
            list.push(use_(sign));
            list.push(extension(oid::EXTENDED_KEY_USAGE, true, &purposes(&[oid::EKU_TIMESTAMPING])));
        }
        Profile::Ocsp => {
            list.push(use_(usage::DIGITAL_SIGNATURE));
            list.push(extension(oid::EXTENDED_KEY_USAGE, false, &purposes(&[oid::EKU_OCSP])));
            list.push(extension(oid::OCSP_NO_CHECK, false, &der::null()));
        }
        Profile::Server => {
            list.push(use_(usage::DIGITAL_SIGNATURE));
            list.push(extension(oid::EXTENDED_KEY_USAGE, false, &purposes(&[oid::EKU_SERVER])));
        }
    }
    let place = |address: &str| der::value(tag::context_primitive(6), address.as_bytes());
    if let Some(ocsp) = &request.ocsp {
        let access = der::sequence(&[&der::oid(oid::ACCESS_OCSP), &place(ocsp)]);
        list.push(extension(oid::AUTHORITY_INFO, false, &der::sequence(&[&access])));
    }
    if let Some(crl) = &request.crl {
        let point = der::sequence(&[&der::context(0, &der::context(0, &place(crl)))]);
        list.push(extension(oid::CRL_POINTS, false, &der::sequence(&[&point])));
    }
    der::context(3, &der::sequence(&[&list.concat()]))
}

/// A signed structure: what is signed, by which algorithm, the signature.
fn signed(content: &[u8], key: &SoftKey) -> Result<Vec<u8>> {
    Ok(der::sequence(&[content, &key.scheme().to_der(), &der::bits(&key.sign(content)?)]))
}

fn make(request: &Request, key: &PublicKey, issuer: &Name, signer: &SoftKey) -> Result<Certificate> {
    let validity = der::sequence(&[&time::to_der(request.not_before), &time::to_der(request.not_after)]);
    let content = der::sequence(&[
        &der::context(0, &der::number(2)),
        &der::unsigned(&serial()?),
        &signer.scheme().to_der(),
        issuer.raw(),
        &validity,
        request.subject.raw(),
        key.info(),
        &extensions(request, key, signer.public()),
    ]);
    Certificate::parse(&signed(&content, signer)?)
}

impl Authority {
    /// A root: its certificate is signed by its own key.
    ///
    /// # Errors
    /// Where the key cannot sign.
    pub fn root(key: SoftKey, request: &Request) -> Result<Self> {
        let certificate = make(request, key.public(), &request.subject, &key)?;
        Ok(Self { key, certificate })
    }

    /// A key and the certificate that was issued to it.
    ///
    /// # Errors
    /// `Refused` where they do not go together.
    pub fn of(key: SoftKey, certificate: Certificate) -> Result<Self> {
        if key.public() == &certificate.key {
            Ok(Self { key, certificate })
        } else {
            Err(Error::Refused("the key is not the certificate's".to_owned()))
        }
    }

    /// Its certificate.
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// Its key.
    pub fn key(&self) -> &SoftKey {
        &self.key
    }

    /// A certificate for a key.
    ///
    /// # Errors
    /// Where the key cannot sign.
    pub fn issue(&self, request: &Request, key: &PublicKey) -> Result<Certificate> {
        make(request, key, &self.certificate.subject, &self.key)
    }

    /// A list of what is revoked.
    ///
    /// # Errors
    /// Where the key cannot sign.
    pub fn crl(&self, revoked: &[(&Certificate, Revoked)], from: Moment, until: Moment) -> Result<Crl> {
        let entry = |(c, r): &(&Certificate, Revoked)| {
            let reason = r.reason.map_or_else(Vec::new, |code| {
                let code = der::value(tag::ENUMERATED, &[code as u8]);
                der::sequence(&[&extension(oid::CRL_REASON, false, &code)])
            });
            der::sequence(&[&der::value(tag::INTEGER, &c.serial), &time::to_der(r.at), &reason])
        };
        let entries: Vec<_> = revoked.iter().map(entry).collect();
        let entries = if entries.is_empty() { Vec::new() } else { der::sequence(&[&entries.concat()]) };
        let id = der::sequence(&[&der::value(tag::context_primitive(0), &key_id(self.key.public()))]);
        let list = [
            extension(oid::AUTHORITY_KEY_ID, false, &id),
            extension(oid::CRL_NUMBER, false, &der::number(from.max(0) as u64)),
        ]
        .concat();
        let content = der::sequence(&[
            &der::number(1),
            &self.key.scheme().to_der(),
            self.certificate.subject.raw(),
            &time::to_der(from),
            &time::to_der(until),
            &entries,
            &der::context(0, &der::sequence(&[&list])),
        ]);
        Crl::parse(&signed(&content, &self.key)?)
    }

    /// An OCSP answer about a certificate of `issuer`, which may be this authority or the one that delegates to it.
    ///
    /// # Errors
    /// Where the key cannot sign.
    pub fn ocsp(
        &self,
        certificate: &Certificate,
        issuer: &Certificate,
        revoked: Option<Revoked>,
        (from, until): (Moment, Moment),
    ) -> Result<Ocsp> {
        let id = der::sequence(&[
            &der::sequence(&[&der::oid(oid::SHA256), &der::null()]),
            &der::octets(&Hash::Sha256.digest(&[issuer.subject.raw()])),
            &der::octets(&Hash::Sha256.digest(&[issuer.key.bytes()])),
            &der::value(tag::INTEGER, &certificate.serial),
        ]);
        let status = match revoked {
            None => der::value(tag::context_primitive(0), &[]),
            Some(r) => {
                let reason =
                    r.reason.map_or_else(Vec::new, |code| der::context(0, &der::value(tag::ENUMERATED, &[code as u8])));
                der::context(1, &[time::to_generalized(r.at), reason].concat())
            }
        };
        let until = der::context(0, &time::to_generalized(until));
        let one = der::sequence(&[&id, &status, &time::to_generalized(from), &until]);
        let content = der::sequence(&[
            &der::context(1, self.certificate.subject.raw()),
            &time::to_generalized(from),
            &der::sequence(&[&one]),
        ]);
        let mine = der::context(0, &der::sequence(&[self.certificate.raw()]));
        let signature = der::bits(&self.key.sign(&content)?);
        let basic = der::sequence(&[&content, &self.key.scheme().to_der(), &signature, &mine]);
        let bytes = der::sequence(&[&der::oid(oid::OCSP_BASIC), &der::octets(&basic)]);
        Ocsp::parse(&der::sequence(&[&der::value(tag::ENUMERATED, &[0]), &der::context(0, &bytes)]))
    }
}
