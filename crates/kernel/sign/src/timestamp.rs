//! Timestamps (RFC 3161): proof that bytes were there at a moment.

use crate::authority::Authority;
use crate::certificate::Certificate;
use crate::cms::{self, Attributes, SignedData};
use crate::der::{self, tag};
use crate::key::{Hash, Signer};
use crate::time::{self, Moment};
use crate::{Error, Result, malformed, oid};

/// What is asked of a service: send [`Query::to_der`] as `application/timestamp-query`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    digest: [u8; 32],
    nonce: [u8; 8],
}

fn imprint(digest: &[u8; 32]) -> Vec<u8> {
    der::sequence(&[&der::sequence(&[&der::oid(oid::SHA256), &der::null()]), &der::octets(digest)])
}

impl Query {
    /// Asks about bytes.
    ///
    /// # Errors
    /// Where the system gives no random bytes.
    pub fn new(bytes: &[u8]) -> Result<Self> {
        let mut nonce = [0; 8];
        getrandom::fill(&mut nonce).map_err(|_| Error::Refused("no random bytes".to_owned()))?;
        nonce[0] |= 1;
        Ok(Self { digest: crate::sha256(bytes), nonce })
    }

    /// As sent.
    pub fn to_der(&self) -> Vec<u8> {
        der::sequence(&[&der::number(1), &imprint(&self.digest), &der::unsigned(&self.nonce), &der::yes()])
    }

    /// Takes the token out of a service's answer (`application/timestamp-reply`), checked against what was asked.
    ///
    /// # Errors
    /// `Refused` where the service declined, `False` where it answered something else.
    pub fn token(&self, answer: &[u8]) -> Result<Vec<u8>> {
        let mut reader = der::single(answer)?.reader();
        let mut status = reader.sequence()?;
        let code = status.expect(tag::INTEGER)?.number()?;
        if code > 1 {
            return Err(Error::Refused(format!("the timestamping service declined (status {code})")));
        }
        let token = reader.expect(tag::SEQUENCE)?.raw;
        reader.end()?;
        let read = Token::parse(token)?;
        if read.digest != self.digest || read.hash != Hash::Sha256 {
            return Err(Error::False("the timestamp is of other bytes".to_owned()));
        }
        if read.nonce.as_deref() != Some(der::single(&der::unsigned(&self.nonce))?.content) {
            return Err(Error::False("the timestamp answers another question".to_owned()));
        }
        Ok(token.to_vec())
    }
}

/// A token that was read, its signature checked.
#[derive(Clone, Debug)]
pub struct Token {
    /// The moment it says.
    pub at: Moment,
    hash: Hash,
    digest: Vec<u8>,
    nonce: Option<Vec<u8>>,
    data: SignedData,
}

impl Token {
    /// Reads a token and checks that its signer signed it; whether the signer is trusted is asked of [`crate::trust::Trust`].
    ///
    /// # Errors
    /// `Malformed`, `False`.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let data = SignedData::parse(bytes, false)?;
        let content = match &data.content {
            Some(content) if data.content_type == oid::TIMESTAMP_INFO => content.clone(),
            _ => return Err(malformed("timestamp", "no timestamp inside")),
        };
        data.verify(&[&content])?;
        let mut reader = der::single(&content)?.reader();
        reader.expect(tag::INTEGER)?;
        reader.expect(tag::OID)?;
        let mut imprint = reader.sequence()?;
        let hash = Hash::of(imprint.sequence()?.expect(tag::OID)?.content)?;
        let digest = imprint.expect(tag::OCTET_STRING)?.content.to_vec();
        reader.expect(tag::INTEGER)?;
        let at = reader.expect(tag::GENERALIZED_TIME)?.time()?;
        reader.optional(tag::SEQUENCE)?;
        reader.optional(tag::BOOLEAN)?;
        let nonce = reader.optional(tag::INTEGER)?.map(|n| n.content.to_vec());
        Ok(Self { at, hash, digest, nonce, data })
    }

    /// Whether it is of these bytes.
    pub fn is_of(&self, bytes: &[&[u8]]) -> bool {
        self.hash.digest(bytes) == self.digest
    }

    /// Whose it is.
    pub fn signer(&self) -> &Certificate {
        &self.data.signer
    }

    /// The certificates that came along.
    pub fn certificates(&self) -> &[Certificate] {
        &self.data.certificates
    }
}

/// A service of one's own: for tests, and for a demonstration without a network.
///
/// # Errors
/// `Malformed` where the query is.
pub fn answer(query: &[u8], service: &Authority, chain: &[Certificate], at: Moment) -> Result<Vec<u8>> {
    let mut reader = der::single(query)?.reader();
    reader.expect(tag::INTEGER)?;
    let imprint = reader.expect(tag::SEQUENCE)?.raw;
    reader.optional(tag::OID)?;
    let nonce = reader.optional(tag::INTEGER)?.map_or_else(Vec::new, |n| n.raw.to_vec());
    let mut number = [0; 8];
    getrandom::fill(&mut number).map_err(|_| Error::Refused("no random bytes".to_owned()))?;
    // A policy of nobody's: 1.3.6.1.4.1.99999.1 is for examples.
    let policy = der::oid(&[0x2b, 6, 1, 4, 1, 0x86, 0x8d, 0x1f, 1]);
    let info =
        der::sequence(&[&der::number(1), &policy, imprint, &der::unsigned(&number), &time::to_generalized(at), &nonce]);
    let attributes = Attributes::new(oid::TIMESTAMP_INFO, &crate::sha256(&info), service.certificate());
    let signature = service.key().sign(attributes.to_be_signed())?;
    let chain: Vec<_> = [service.certificate().clone()].into_iter().chain(chain.iter().cloned()).collect();
    let scheme = service.key().scheme();
    let token = cms::encode(Some((oid::TIMESTAMP_INFO, &info)), &attributes, scheme, &signature, &chain, None)?;
    Ok(der::sequence(&[&der::sequence(&[&der::number(0)]), &token]))
}
