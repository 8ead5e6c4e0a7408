//! X.509 certificates (RFC 5280): what is read of them.

use crate::der::{self, Reader, Value, tag};
use crate::key::{PublicKey, Scheme};
use crate::name::Name;
use crate::time::Moment;
use crate::{Result, limits, malformed, oid};

/// What a key may be used for: bits of `KeyUsage`, the first one lowest.
pub mod usage {
    #![expect(missing_docs, reason = "each is the usage of its name")]
    pub const DIGITAL_SIGNATURE: u16 = 1;
    pub const NON_REPUDIATION: u16 = 2;
    pub const KEY_CERT_SIGN: u16 = 1 << 5;
    pub const CRL_SIGN: u16 = 1 << 6;
}

/// A certificate.
#[derive(Clone, PartialEq, Eq)]
pub struct Certificate {
    raw: Vec<u8>,
    signed: Vec<u8>,
    algorithm: Vec<u8>,
    signature: Vec<u8>,
    /// Its number with the issuer.
    pub serial: Vec<u8>,
    /// Who issued it.
    pub issuer: Name,
    /// Whom it is of.
    pub subject: Name,
    /// Valid from.
    pub not_before: Moment,
    /// Valid to, this second included.
    pub not_after: Moment,
    /// The key it is about.
    pub key: PublicKey,
    /// May it issue: and how many authorities may stand below it.
    pub authority: Option<Option<u64>>,
    /// What the key may be used for; all where it does not say.
    pub usage: Option<u16>,
    /// For which purposes; all where it does not say.
    pub purposes: Option<Vec<Vec<u8>>>,
    /// Id of its key.
    pub key_id: Option<Vec<u8>>,
    /// Id of the issuer's key.
    pub issuer_key_id: Option<Vec<u8>>,
    /// Where to ask whether it is revoked.
    pub ocsp: Vec<String>,
    /// Where its issuer's list of revoked certificates is.
    pub crl: Vec<String>,
    /// An OCSP responder's certificate that need not be asked about.
    pub no_check: bool,
    /// A critical extension that is not known here: such a certificate must not be used.
    pub unknown_critical: Option<String>,
}

impl std::fmt::Debug for Certificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Certificate({}, by {})", self.subject, self.issuer.common())
    }
}

fn bad(why: &str) -> crate::Error {
    malformed("certificate", why)
}

impl Certificate {
    /// Reads one certificate in DER.
    ///
    /// # Errors
    /// `Malformed`, `Unsupported` for keys that are too weak or of another kind.
    pub fn parse(raw: &[u8]) -> Result<Self> {
        let mut outer = der::single(raw)?.reader();
        let signed = outer.expect(tag::SEQUENCE)?;
        let algorithm = outer.expect(tag::SEQUENCE)?.raw.to_vec();
        let signature = outer.expect(tag::BIT_STRING)?.bits()?.to_vec();
        outer.end()?;
        let mut reader = signed.reader();
        if let Some(version) = reader.optional(tag::context(0))?
            && version.reader().expect(tag::INTEGER)?.number()? > 2
        {
            return Err(bad("a version past 3"));
        }
        let serial = reader.expect(tag::INTEGER)?.content.to_vec();
        if reader.expect(tag::SEQUENCE)?.raw != algorithm {
            return Err(bad("two signature algorithms"));
        }
        let issuer = Name::parse(reader.expect(tag::SEQUENCE)?.raw)?;
        let mut validity = reader.sequence()?;
        let (not_before, not_after) = (validity.any()?.time()?, validity.any()?.time()?);
        let subject = Name::parse(reader.expect(tag::SEQUENCE)?.raw)?;
        let key = PublicKey::parse(reader.expect(tag::SEQUENCE)?.raw)?;
        reader.optional(tag::context_primitive(1))?;
        reader.optional(tag::context_primitive(2))?;
        let mut certificate = Self {
            raw: raw.to_vec(),
            signed: signed.raw.to_vec(),
            algorithm,
            signature,
            serial,
            issuer,
            subject,
            not_before,
            not_after,
            key,
            authority: None,
            usage: None,
            purposes: None,
            key_id: None,
            issuer_key_id: None,
            ocsp: Vec::new(),
            crl: Vec::new(),
            no_check: false,
            unknown_critical: None,
        };
        if let Some(extensions) = reader.optional(tag::context(3))? {
            let mut list = extensions.reader().sequence()?;
            let mut seen: Vec<&[u8]> = Vec::new();
            while !list.is_empty() {
                let (id, critical, value) = extension(&mut list)?;
                if seen.len() == limits::EXTENSIONS {
                    return Err(bad("too many extensions"));
                }
                if seen.contains(&id) {
                    return Err(bad("an extension twice"));
                }
                seen.push(id);
                certificate.take(id, critical, value)?;
            }
        }
        reader.end()?;
        Ok(certificate)
    }

    /// Reads all certificates of a PEM text.
    ///
    /// # Errors
    /// `Malformed`, also where there is none.
    pub fn from_pem(text: &str) -> Result<Vec<Self>> {
        let blocks = crate::key::pem(text)?;
        let found: Vec<_> = blocks.iter().filter(|(label, _)| label == "CERTIFICATE").collect();
        if found.is_empty() {
            return Err(bad("none in PEM form"));
        }
        found.into_iter().map(|(_, bytes)| Self::parse(bytes)).collect()
    }

    /// As PEM.
    pub fn to_pem(&self) -> String {
        crate::key::to_pem("CERTIFICATE", &self.raw)
    }

    /// Its exact bytes.
    pub fn raw(&self) -> &[u8] {
        &self.raw
    }

    /// SHA-256 of its bytes.
    pub fn fingerprint(&self) -> [u8; 32] {
        crate::sha256(&self.raw)
    }

    /// Whether `issuer` can have issued it, by names and key ids.
    pub fn names_issuer(&self, issuer: &Self) -> bool {
        let ids = match (&self.issuer_key_id, &issuer.key_id) {
            (Some(a), Some(b)) => a == b,
            _ => true,
        };
        self.issuer == issuer.subject && ids
    }

    /// Whether `issuer` signed it.
    ///
    /// # Errors
    /// `False` where it did not.
    pub fn signed_by(&self, issuer: &Self) -> Result<()> {
        issuer.key.verify(Scheme::parse(&self.algorithm, None)?, &self.signed, &self.signature)
    }

    /// Whether its key may be used for one of `bits`.
    pub fn may(&self, bits: u16) -> bool {
        self.usage.is_none_or(|usage| usage & bits != 0)
    }

    /// Whether it is for one of these purposes.
    pub fn is_for(&self, purposes: &[&[u8]]) -> bool {
        self.purposes.as_ref().is_none_or(|has| has.iter().any(|p| purposes.contains(&p.as_slice())))
    }

    fn take(&mut self, id: &[u8], critical: bool, value: &[u8]) -> Result<()> {
        match id {
            oid::BASIC_CONSTRAINTS => {
                let mut reader = der::single(value)?.reader();
                let is = reader.optional(tag::BOOLEAN)?.is_some_and(|b| b.content == [0xff]);
                let below = reader.optional(tag::INTEGER)?.map(|n| n.number()).transpose()?;
                self.authority = is.then_some(below);
            }
            oid::KEY_USAGE => {
                let bits = der::single(value)?;
                let [_, bytes @ ..] = bits.content else { return Err(bad("an empty key usage")) };
                let mut usage = 0;
                for (i, b) in bytes.iter().take(2).enumerate() {
                    usage |= u16::from(b.reverse_bits()) << (8 * i);
                }
                self.usage = Some(usage);
            }
            oid::EXTENDED_KEY_USAGE => {
                let mut reader = der::single(value)?.reader();
                let mut purposes = Vec::new();
                while !reader.is_empty() {
                    purposes.push(reader.expect(tag::OID)?.content.to_vec());
                }
                self.purposes = Some(purposes);
            }
            oid::SUBJECT_KEY_ID => self.key_id = Some(der::single(value)?.content.to_vec()),
            oid::AUTHORITY_KEY_ID => {
                let mut reader = der::single(value)?.reader();
                self.issuer_key_id = reader.optional(tag::context_primitive(0))?.map(|v| v.content.to_vec());
            }
            oid::AUTHORITY_INFO => {
                let mut reader = der::single(value)?.reader();
                while !reader.is_empty() {
                    let mut access = reader.sequence()?;
                    let method = access.expect(tag::OID)?.content;
                    let place = access.any()?;
                    if method == oid::ACCESS_OCSP && place.tag == tag::context_primitive(6) {
                        self.ocsp.push(place.text());
                    }
                }
            }
            oid::CRL_POINTS => self.crl = crl_points(value)?,
            oid::OCSP_NO_CHECK => self.no_check = true,
            // They say something of whom or under which policy, and restrict nothing that is checked here.
            oid::SUBJECT_ALT_NAME | oid::POLICIES | oid::QC_STATEMENTS => {}
            other if critical => self.unknown_critical = Some(oid::dotted(other)),
            _ => {}
        }
        Ok(())
    }
}

/// Identifier, whether it is critical, value.
pub(crate) fn extension<'a>(list: &mut Reader<'a>) -> Result<(&'a [u8], bool, &'a [u8])> {
    let mut reader = list.sequence()?;
    let id = reader.expect(tag::OID)?.content;
    let critical = reader.optional(tag::BOOLEAN)?.is_some_and(|b| b.content == [0xff]);
    let value = reader.expect(tag::OCTET_STRING)?.content;
    reader.end()?;
    Ok((id, critical, value))
}

fn crl_points(value: &[u8]) -> Result<Vec<String>> {
    let mut out = Vec::new();
    let mut points = der::single(value)?.reader();
    while !points.is_empty() {
        let mut point = points.sequence()?;
        let Some(name) = point.optional(tag::context(0))? else { continue };
        let Some(full) = name.reader().optional(tag::context(0))? else { continue };
        let mut names = full.reader();
        while !names.is_empty() {
            let name: Value<'_> = names.any()?;
            if name.tag == tag::context_primitive(6) {
                out.push(name.text());
            }
        }
    }
    Ok(out)
}
