//! CMS SignedData (RFC 5652) over content that is kept elsewhere or inside, as PDF signatures and timestamps use it.

use crate::certificate::Certificate;
use crate::der::{self, Reader, tag};
use crate::key::{Hash, Scheme};
use crate::time::Moment;
use crate::{Error, Result, limits, malformed, oid};

/// What a signer signs: attributes, among them the digest of the content. Kept as bytes so that it can wait for a phone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attributes {
    /// A `SET OF Attribute` with its own tag: exactly the bytes to sign.
    bytes: Vec<u8>,
}

fn attribute(id: &[u8], value: Vec<u8>) -> Vec<u8> {
    der::sequence(&[&der::oid(id), &der::set(vec![value])])
}

impl Attributes {
    /// Of content with this digest (SHA-256), by this certificate. No signing time: PAdES keeps it in the PDF.
    pub fn new(content_type: &[u8], digest: &[u8; 32], signer: &Certificate) -> Self {
        // The digest of ESSCertIDv2 is SHA-256 where none is named.
        let issuer = der::sequence(&[&der::context(4, signer.issuer.raw())]);
        let number = der::value(tag::INTEGER, &signer.serial);
        let id = der::sequence(&[&der::octets(&signer.fingerprint()), &der::sequence(&[&issuer, &number])]);
        let certificate = der::sequence(&[&der::sequence(&[&id])]);
        let bytes = der::set(vec![
            attribute(oid::CONTENT_TYPE, der::oid(content_type)),
            attribute(oid::MESSAGE_DIGEST, der::octets(digest)),
            attribute(oid::SIGNING_CERTIFICATE_V2, certificate),
        ]);
        Self { bytes }
    }

    /// Those that were kept.
    ///
    /// # Errors
    /// `Malformed`.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        if der::single(bytes)?.tag == tag::SET {
            Ok(Self { bytes: bytes.to_vec() })
        } else {
            Err(malformed("CMS", "attributes are a set"))
        }
    }

    /// Exactly the bytes to sign.
    pub fn to_be_signed(&self) -> &[u8] {
        &self.bytes
    }
}

/// A container: attributes, the signature over them, certificates, and a timestamp of the signature where there is one.
pub fn encode(
    content: Option<(&[u8], &[u8])>,
    attributes: &Attributes,
    scheme: Scheme,
    signature: &[u8],
    chain: &[Certificate],
    timestamp: Option<&[u8]>,
) -> Result<Vec<u8>> {
    let signer = chain.first().ok_or_else(|| Error::Refused("no certificate to sign with".to_owned()))?;
    let digest = der::sequence(&[&der::oid(scheme.hash().id())]);
    let id = der::sequence(&[signer.issuer.raw(), &der::value(tag::INTEGER, &signer.serial)]);
    let mut signed_attributes = attributes.bytes.clone();
    signed_attributes[0] = tag::context(0);
    let unsigned =
        timestamp.map_or_else(Vec::new, |token| der::context(1, &attribute(oid::TIMESTAMP_TOKEN, token.to_vec())));
    let info = der::sequence(&[
        &der::number(1),
        &id,
        &digest,
        &signed_attributes,
        &scheme.to_der(),
        &der::octets(signature),
        &unsigned,
    ]);
    let (kind, version, inner) = match content {
        None => (oid::DATA, 1, Vec::new()),
        Some((kind, bytes)) => (kind, 3, der::context(0, &der::octets(bytes))),
    };
    let mut certificates: Vec<&[u8]> = chain.iter().map(Certificate::raw).collect();
    certificates.sort();
    let data = der::sequence(&[
        &der::number(version),
        &der::set(vec![digest.clone()]),
        &der::sequence(&[&der::oid(kind), &inner]),
        &der::context(0, &certificates.concat()),
        &der::set(vec![info]),
    ]);
    Ok(der::sequence(&[&der::oid(oid::SIGNED_DATA), &der::context(0, &data)]))
}

/// A container that was read: of one signer, as PDF signatures and timestamps must be.
#[derive(Clone, Debug)]
pub struct SignedData {
    /// What kind of content it is about.
    pub content_type: Vec<u8>,
    /// The content, where it is inside.
    pub content: Option<Vec<u8>>,
    /// The certificates that came along.
    pub certificates: Vec<Certificate>,
    /// The signer's own.
    pub signer: Certificate,
    /// How it was signed.
    pub scheme: Scheme,
    /// The signature.
    pub signature: Vec<u8>,
    /// The time the signer says.
    pub signing_time: Option<Moment>,
    /// A timestamp of the signature.
    pub timestamp: Option<Vec<u8>>,
    attributes: Vec<u8>,
    digest: Vec<u8>,
}

/// The one value of an attribute of a list; an error where it stands there twice.
fn find<'a>(list: &'a [u8], id: &[u8]) -> Result<Option<der::Value<'a>>> {
    let mut found = None;
    let mut reader = Reader::new(list);
    while !reader.is_empty() {
        let mut one = reader.sequence()?;
        if one.expect(tag::OID)?.content == id {
            let mut values = one.expect(tag::SET)?.reader();
            let value = values.any()?;
            if found.replace(value).is_some() || !values.is_empty() {
                return Err(malformed("CMS", format!("attribute {} more than once", oid::dotted(id))));
            }
        }
    }
    Ok(found)
}

/// A version that is one of these.
fn version(reader: &mut Reader<'_>, known: &[u8]) -> Result<()> {
    match reader.expect(tag::INTEGER)?.content {
        [one] if known.contains(one) => Ok(()),
        _ => Err(malformed("CMS", "no version of it")),
    }
}

/// A digest's name; its parameters are none, or NULL (RFC 5754).
fn algorithm(mut one: Reader<'_>) -> Result<Hash> {
    let hash = Hash::of(one.expect(tag::OID)?.content)?;
    let plain = one.is_empty() || one.rest() == [5, 0];
    if plain { Ok(hash) } else { Err(malformed("CMS", "a digest with parameters")) }
}

impl SignedData {
    /// Reads a container. `padded`: zeros may follow, as in a PDF.
    ///
    /// # Errors
    /// `Malformed`, `Unsupported`.
    pub fn parse(bytes: &[u8], padded: bool) -> Result<Self> {
        let mut outer = Reader::new(bytes);
        let value = outer.expect(tag::SEQUENCE)?;
        if outer.rest().iter().any(|b| *b != 0) || !(padded || outer.is_empty()) {
            return Err(malformed("CMS", "something stands after the container"));
        }
        let mut info = value.reader();
        if info.expect(tag::OID)?.content != oid::SIGNED_DATA {
            return Err(malformed("CMS", "no signed data"));
        }
        let mut data = info.expect(tag::context(0))?.reader().sequence()?;
        version(&mut data, &[1, 3, 4, 5])?;
        let announced = data.expect(tag::SET)?;
        let mut inner = data.sequence()?;
        let content_type = inner.expect(tag::OID)?.content.to_vec();
        let content = inner.optional(tag::context(0))?;
        let content = content.map(|c| c.reader().expect(tag::OCTET_STRING).map(|v| v.content.to_vec())).transpose()?;
        let mut certificates = Vec::new();
        if let Some(list) = data.optional(tag::context(0))? {
            let mut list = list.reader();
            while !list.is_empty() {
                if certificates.len() == limits::CERTIFICATES {
                    return Err(Error::TooLarge { what: "certificates of a signature", limit: limits::CERTIFICATES });
                }
                let one = list.any()?;
                // Attribute certificates and keys of kinds not known here do not matter unless they are the signer's.
                if one.tag == tag::SEQUENCE
                    && let Ok(certificate) = Certificate::parse(one.raw)
                {
                    certificates.push(certificate);
                }
            }
        }
        data.optional(tag::context(1))?;
        let mut infos = data.expect(tag::SET)?.reader();
        let mut signer = infos.sequence()?;
        if !infos.is_empty() {
            return Err(Error::Unsupported("a container of several signers".to_owned()));
        }
        version(&mut signer, &[1, 3])?;
        let id = signer.any()?;
        let is = |c: &&Certificate| -> bool {
            if id.tag == tag::context_primitive(0) {
                return c.key_id.as_deref() == Some(id.content);
            }
            let wanted = [c.issuer.raw(), &der::value(tag::INTEGER, &c.serial)].concat();
            id.tag == tag::SEQUENCE && id.content == wanted
        };
        let own = certificates.iter().find(is).cloned();
        let own =
            own.ok_or_else(|| malformed("CMS", "the signer's certificate is not there, or its key is too weak"))?;
        let hash = algorithm(signer.sequence()?)?;
        // Nothing signs the list at the head: one that does not name what is used was made by somebody else.
        let mut list = announced.reader();
        let mut named = false;
        while !list.is_empty() {
            // Others may be of kinds not known here.
            named |= algorithm(list.sequence()?).is_ok_and(|h| h == hash);
        }
        if !named {
            return Err(malformed("CMS", "the digest that was used is not announced"));
        }
        let attributes = signer.optional(tag::context(0))?;
        let attributes = attributes.ok_or_else(|| malformed("CMS", "no signed attributes"))?;
        let scheme = Scheme::parse(signer.expect(tag::SEQUENCE)?.raw, Some(hash))?;
        let signature = signer.expect(tag::OCTET_STRING)?.content.to_vec();
        let unsigned = signer.optional(tag::context(1))?;
        let timestamp = unsigned.map(|u| find(u.content, oid::TIMESTAMP_TOKEN)).transpose()?.flatten();
        let list = attributes.content;
        let kind = find(list, oid::CONTENT_TYPE)?.ok_or_else(|| malformed("CMS", "no content type"))?;
        if kind.content != content_type {
            return Err(malformed("CMS", "two content types"));
        }
        let digest = find(list, oid::MESSAGE_DIGEST)?.ok_or_else(|| malformed("CMS", "no digest of the content"))?;
        let names = names_certificate(list, &own)?;
        if names == Some(false) {
            return Err(Error::False("another certificate was signed with".to_owned()));
        }
        let signing_time = find(list, oid::SIGNING_TIME)?.map(|t| t.time()).transpose()?;
        let mut signed = attributes.raw.to_vec();
        signed[0] = tag::SET;
        Ok(Self {
            content_type,
            content,
            digest: digest.content.to_vec(),
            signing_time,
            timestamp: timestamp.map(|t| t.raw.to_vec()),
            attributes: signed,
            signer: own,
            certificates,
            scheme,
            signature,
        })
    }

    /// Whether its signer signed content given in parts.
    ///
    /// # Errors
    /// `False` where not.
    pub fn verify(&self, content: &[&[u8]]) -> Result<()> {
        if self.scheme.hash().digest(content) != self.digest {
            return Err(Error::False("the content is not the one that was signed".to_owned()));
        }
        self.signer.key.verify(self.scheme, &self.attributes, &self.signature)
    }
}

/// Whether the signed attributes name this certificate; `None` where they name none.
fn names_certificate(attributes: &[u8], certificate: &Certificate) -> Result<Option<bool>> {
    if let Some(value) = find(attributes, oid::SIGNING_CERTIFICATE_V2)? {
        let mut id = value.reader().sequence()?.sequence()?;
        let hash = match id.optional(tag::SEQUENCE)? {
            Some(algorithm) => Hash::of(algorithm.reader().expect(tag::OID)?.content)?,
            None => Hash::Sha256,
        };
        return Ok(Some(id.expect(tag::OCTET_STRING)?.content == hash.digest(&[certificate.raw()])));
    }
    if let Some(value) = find(attributes, oid::SIGNING_CERTIFICATE)? {
        let named = value.reader().sequence()?.sequence()?.expect(tag::OCTET_STRING)?.content;
        let digest = ring::digest::digest(&ring::digest::SHA1_FOR_LEGACY_USE_ONLY, certificate.raw());
        return Ok(Some(named == digest.as_ref()));
    }
    Ok(None)
}
