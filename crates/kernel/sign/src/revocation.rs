//! Revocation: lists (RFC 5280) and answers (RFC 6960). Whoever holds them fetched them; here they are read and checked.

use crate::certificate::{Certificate, extension, usage};
use crate::der::{self, tag};
use crate::key::{Hash, Scheme};
use crate::name::Name;
use crate::time::Moment;
use crate::{Error, Result, malformed, oid};

/// When a certificate was revoked, and why (RFC 5280 §5.3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Revoked {
    /// Since when.
    pub at: Moment,
    /// The code of the reason, where one is given.
    pub reason: Option<u64>,
}

/// What an issuer says of one certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// From when it speaks.
    pub from: Moment,
    /// Until when it can be relied on, where it says.
    pub until: Option<Moment>,
    /// Revoked, and since when.
    pub revoked: Option<Revoked>,
}

/// A list of revoked certificates.
#[derive(Clone, Debug)]
pub struct Crl {
    raw: Vec<u8>,
    signed: Vec<u8>,
    scheme: Scheme,
    signature: Vec<u8>,
    /// Who issued it.
    pub issuer: Name,
    /// Made when.
    pub this_update: Moment,
    /// The next one comes by then.
    pub next_update: Option<Moment>,
    revoked: Vec<(Vec<u8>, Revoked)>,
    partial: bool,
}

impl Crl {
    /// Reads a list in DER.
    ///
    /// # Errors
    /// `Malformed`, `Unsupported`.
    pub fn parse(raw: &[u8]) -> Result<Self> {
        let mut outer = der::single(raw)?.reader();
        let signed = outer.expect(tag::SEQUENCE)?;
        let algorithm = outer.expect(tag::SEQUENCE)?.raw;
        let signature = outer.expect(tag::BIT_STRING)?.bits()?.to_vec();
        outer.end()?;
        let mut reader = signed.reader();
        reader.optional(tag::INTEGER)?;
        if reader.expect(tag::SEQUENCE)?.raw != algorithm {
            return Err(malformed("revocation list", "two signature algorithms"));
        }
        let issuer = Name::parse(reader.expect(tag::SEQUENCE)?.raw)?;
        let this_update = reader.any()?.time()?;
        let is_time = |t: Option<u8>| matches!(t, Some(tag::UTC_TIME | tag::GENERALIZED_TIME));
        let next_update = if is_time(reader.peek()) { Some(reader.any()?.time()?) } else { None };
        let mut revoked = Vec::new();
        if let Some(list) = reader.optional(tag::SEQUENCE)? {
            let mut list = list.reader();
            while !list.is_empty() {
                let mut entry = list.sequence()?;
                let serial = entry.expect(tag::INTEGER)?.content.to_vec();
                let at = entry.any()?.time()?;
                let mut reason = None;
                if let Some(extensions) = entry.optional(tag::SEQUENCE)? {
                    let mut extensions = extensions.reader();
                    while !extensions.is_empty() {
                        let (id, critical, value) = extension(&mut extensions)?;
                        match id {
                            oid::CRL_REASON => reason = Some(der::single(value)?.number()?),
                            _ if critical => {
                                return Err(Error::Unsupported(format!("in a revocation list: {}", oid::dotted(id))));
                            }
                            _ => {}
                        }
                    }
                }
                revoked.push((serial, Revoked { at, reason }));
            }
        }
        let mut partial = false;
        if let Some(extensions) = reader.optional(tag::context(0))? {
            let mut extensions = extensions.reader().sequence()?;
            while !extensions.is_empty() {
                // A critical extension narrows what the list speaks of: it then proves nothing here.
                partial |= extension(&mut extensions)?.1;
            }
        }
        let scheme = Scheme::parse(algorithm, None)?;
        let signed = signed.raw.to_vec();
        Ok(Self { raw: raw.to_vec(), signed, scheme, signature, issuer, this_update, next_update, revoked, partial })
    }

    /// Its exact bytes.
    pub fn raw(&self) -> &[u8] {
        &self.raw
    }

    /// What it says of a certificate of this issuer.
    ///
    /// # Errors
    /// `False` or `Refused` where it is not the issuer's, or does not speak of all certificates.
    pub fn status(&self, certificate: &Certificate, issuer: &Certificate) -> Result<Status> {
        if self.issuer != issuer.subject || certificate.issuer != self.issuer {
            return Err(Error::Refused("the revocation list is another issuer's".to_owned()));
        }
        if self.partial || !issuer.may(usage::CRL_SIGN) {
            return Err(Error::Refused("the revocation list does not speak of all certificates".to_owned()));
        }
        issuer.key.verify(self.scheme, &self.signed, &self.signature)?;
        let found = self.revoked.iter().find(|(serial, _)| *serial == certificate.serial);
        Ok(Status { from: self.this_update, until: self.next_update, revoked: found.map(|(_, r)| *r) })
    }
}

/// The answer of an OCSP responder.
#[derive(Clone, Debug)]
pub struct Ocsp {
    raw: Vec<u8>,
    signed: Vec<u8>,
    scheme: Scheme,
    signature: Vec<u8>,
    responder: Responder,
    answers: Vec<Answer>,
    certificates: Vec<Certificate>,
}

#[derive(Clone, Debug)]
enum Responder {
    Name(Name),
    Key(Vec<u8>),
}

#[derive(Clone, Debug)]
struct Answer {
    hash: Vec<u8>,
    issuer_name: Vec<u8>,
    issuer_key: Vec<u8>,
    serial: Vec<u8>,
    status: Status,
}

/// The digest that a certificate id was made with. SHA-1 only names something here; nothing is signed over it.
fn id_digest(hash: &[u8], bytes: &[u8]) -> Option<Vec<u8>> {
    if hash == oid::SHA1 {
        let digest = ring::digest::digest(&ring::digest::SHA1_FOR_LEGACY_USE_ONLY, bytes);
        return Some(digest.as_ref().to_vec());
    }
    Hash::of(hash).ok().map(|h| h.digest(&[bytes]))
}

impl Ocsp {
    /// Reads an answer in DER.
    ///
    /// # Errors
    /// `Malformed`; `Refused` where the responder declined.
    pub fn parse(raw: &[u8]) -> Result<Self> {
        let mut outer = der::single(raw)?.reader();
        let status = outer.expect(tag::ENUMERATED)?.number()?;
        if status != 0 {
            return Err(Error::Refused(format!("the OCSP responder declined (status {status})")));
        }
        let mut bytes = outer.expect(tag::context(0))?.reader().sequence()?;
        if bytes.expect(tag::OID)?.content != oid::OCSP_BASIC {
            return Err(Error::Unsupported("an OCSP answer of another kind".to_owned()));
        }
        let mut basic = der::single(bytes.expect(tag::OCTET_STRING)?.content)?.reader();
        let signed = basic.expect(tag::SEQUENCE)?;
        let scheme = Scheme::parse(basic.expect(tag::SEQUENCE)?.raw, None)?;
        let signature = basic.expect(tag::BIT_STRING)?.bits()?.to_vec();
        let mut certificates = Vec::new();
        if let Some(list) = basic.optional(tag::context(0))? {
            let mut list = list.reader().sequence()?;
            while !list.is_empty() {
                certificates.push(Certificate::parse(list.any()?.raw)?);
            }
        }
        let mut reader = signed.reader();
        reader.optional(tag::context(0))?;
        let by = reader.any()?;
        let responder = match by.tag {
            t if t == tag::context(1) => Responder::Name(Name::parse(by.content)?),
            t if t == tag::context(2) => Responder::Key(by.reader().expect(tag::OCTET_STRING)?.content.to_vec()),
            _ => return Err(malformed("OCSP answer", "nobody is named as its responder")),
        };
        reader.any()?.time()?;
        let mut list = reader.sequence()?;
        let mut answers = Vec::new();
        while !list.is_empty() {
            answers.push(answer(&mut list)?);
        }
        let signed = signed.raw.to_vec();
        Ok(Self { raw: raw.to_vec(), signed, scheme, signature, responder, answers, certificates })
    }

    /// Its exact bytes.
    pub fn raw(&self) -> &[u8] {
        &self.raw
    }

    /// The certificates that came with it.
    pub fn certificates(&self) -> &[Certificate] {
        &self.certificates
    }

    /// What it says of a certificate of this issuer.
    ///
    /// # Errors
    /// `False` or `Refused` where it is not the issuer's or its delegate's, or does not speak of this certificate.
    pub fn status(&self, certificate: &Certificate, issuer: &Certificate) -> Result<Status> {
        let is = |c: &Certificate| match &self.responder {
            Responder::Name(name) => c.subject == *name,
            Responder::Key(hash) => id_digest(oid::SHA1, c.key.bytes()).is_some_and(|h| h == *hash),
        };
        let delegate = |c: &&Certificate| {
            is(c)
                && c.purposes.as_ref().is_some_and(|p| p.iter().any(|p| p == oid::EKU_OCSP))
                && c.unknown_critical.is_none()
                && c.signed_by(issuer).is_ok()
        };
        let signer = if is(issuer) { Some(issuer) } else { self.certificates.iter().find(delegate) };
        let signer = signer.ok_or_else(|| Error::Refused("the OCSP answer is not the issuer's".to_owned()))?;
        signer.key.verify(self.scheme, &self.signed, &self.signature)?;
        let speaks_of = |a: &&Answer| {
            a.serial == certificate.serial
                && id_digest(&a.hash, issuer.subject.raw()).is_some_and(|h| h == a.issuer_name)
                && id_digest(&a.hash, issuer.key.bytes()).is_some_and(|h| h == a.issuer_key)
        };
        let found = self.answers.iter().find(speaks_of);
        let status =
            found.ok_or_else(|| Error::Refused("the OCSP answer is about another certificate".to_owned()))?.status;
        if (signer.not_before..=signer.not_after).contains(&status.from) {
            Ok(status)
        } else {
            Err(Error::Refused("the OCSP responder's certificate was not valid then".to_owned()))
        }
    }
}

fn answer(list: &mut der::Reader<'_>) -> Result<Answer> {
    let mut reader = list.sequence()?;
    let mut id = reader.sequence()?;
    let hash = id.sequence()?.expect(tag::OID)?.content.to_vec();
    let issuer_name = id.expect(tag::OCTET_STRING)?.content.to_vec();
    let issuer_key = id.expect(tag::OCTET_STRING)?.content.to_vec();
    let serial = id.expect(tag::INTEGER)?.content.to_vec();
    let said = reader.any()?;
    let revoked = if said.tag == tag::context_primitive(0) {
        None
    } else if said.tag == tag::context(1) {
        let mut reader = said.reader();
        let at = reader.any()?.time()?;
        let reason = reader.optional(tag::context(0))?;
        let reason = reason.map(|r| r.reader().expect(tag::ENUMERATED)?.number()).transpose()?;
        Some(Revoked { at, reason })
    } else {
        return Err(Error::Refused("the OCSP responder does not know the certificate".to_owned()));
    };
    let from = reader.any()?.time()?;
    let until = reader.optional(tag::context(0))?.map(|v| v.reader().any()?.time()).transpose()?;
    Ok(Answer { hash, issuer_name, issuer_key, serial, status: Status { from, until, revoked } })
}

/// Revocation data that is at hand.
#[derive(Clone, Debug, Default)]
pub struct Evidence {
    /// Lists.
    pub lists: Vec<Crl>,
    /// Answers.
    pub answers: Vec<Ocsp>,
}

impl Evidence {
    /// The latest that is said of a certificate; `None` where nothing valid is.
    pub fn status(&self, certificate: &Certificate, issuer: &Certificate) -> Option<Status> {
        let lists = self.lists.iter().filter_map(|l| l.status(certificate, issuer).ok());
        let answers = self.answers.iter().filter_map(|a| a.status(certificate, issuer).ok());
        lists.chain(answers).max_by_key(|s| s.from)
    }
}
