//! Keys: the public ones of certificates, and soft keys kept in files. Only this crate sees a secret key.

use crate::der::{self, Reader, tag};
use crate::{Error, Result, malformed, oid};
use ring::rand::SystemRandom;
use ring::signature::{self as algorithms, VerificationAlgorithm};

/// How bytes are signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// ECDSA on P-256 with SHA-256; the signature is DER.
    EcdsaP256Sha256,
    /// ECDSA on P-384 with SHA-384; the signature is DER.
    EcdsaP384Sha384,
    /// RSASSA-PSS, the salt as long as the digest: what the circular 15/2025/TT-BKHCN asks of RSA.
    RsaPss(Hash),
    /// RSASSA-PKCS1-v1_5: what most services in use here return.
    RsaPkcs1(Hash),
}

/// A digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Hash {
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

impl Hash {
    /// Its identifier.
    pub fn id(self) -> &'static [u8] {
        match self {
            Self::Sha256 => oid::SHA256,
            Self::Sha384 => oid::SHA384,
            Self::Sha512 => oid::SHA512,
        }
    }

    /// The digest that an identifier names.
    ///
    /// # Errors
    /// `Unsupported`: SHA-1 and what is not known.
    pub fn of(id: &[u8]) -> Result<Self> {
        if id == oid::SHA1 {
            return Err(Error::Unsupported("SHA-1, which can be forged".to_owned()));
        }
        let known = [Self::Sha256, Self::Sha384, Self::Sha512].into_iter().find(|h| h.id() == id);
        known.ok_or_else(|| Error::Unsupported(format!("digest {}", oid::dotted(id))))
    }

    /// The digest of bytes.
    pub fn digest(self, parts: &[&[u8]]) -> Vec<u8> {
        let algorithm = match self {
            Self::Sha256 => &ring::digest::SHA256,
            Self::Sha384 => &ring::digest::SHA384,
            Self::Sha512 => &ring::digest::SHA512,
        };
        let mut context = ring::digest::Context::new(algorithm);
        parts.iter().for_each(|part| context.update(part));
        context.finish().as_ref().to_vec()
    }

    fn length(self) -> u64 {
        match self {
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }

    fn algorithm(self) -> Vec<u8> {
        der::sequence(&[&der::oid(self.id()), &der::null()])
    }
}

impl Scheme {
    /// Its digest.
    pub fn hash(self) -> Hash {
        match self {
            Self::EcdsaP256Sha256 => Hash::Sha256,
            Self::EcdsaP384Sha384 => Hash::Sha384,
            Self::RsaPss(hash) | Self::RsaPkcs1(hash) => hash,
        }
    }

    /// Its name for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::EcdsaP256Sha256 => "ECDSA P-256, SHA-256",
            Self::EcdsaP384Sha384 => "ECDSA P-384, SHA-384",
            Self::RsaPss(Hash::Sha256) => "RSASSA-PSS, SHA-256",
            Self::RsaPss(Hash::Sha384) => "RSASSA-PSS, SHA-384",
            Self::RsaPss(Hash::Sha512) => "RSASSA-PSS, SHA-512",
            Self::RsaPkcs1(Hash::Sha256) => "RSA PKCS#1 v1.5, SHA-256",
            Self::RsaPkcs1(Hash::Sha384) => "RSA PKCS#1 v1.5, SHA-384",
            Self::RsaPkcs1(Hash::Sha512) => "RSA PKCS#1 v1.5, SHA-512",
        }
    }

    /// Whether the circular's table of algorithms to sign with has it; PKCS#1 v1.5 is not in it.
    pub fn is_in_policy(self) -> bool {
        !matches!(self, Self::RsaPkcs1(_))
    }

    /// As an `AlgorithmIdentifier`.
    pub fn to_der(self) -> Vec<u8> {
        match self {
            Self::EcdsaP256Sha256 => der::algorithm(oid::ECDSA_SHA256),
            Self::EcdsaP384Sha384 => der::algorithm(oid::ECDSA_SHA384),
            Self::RsaPkcs1(hash) => {
                let id = match hash {
                    Hash::Sha256 => oid::RSA_SHA256,
                    Hash::Sha384 => oid::RSA_SHA384,
                    Hash::Sha512 => oid::RSA_SHA512,
                };
                der::sequence(&[&der::oid(id), &der::null()])
            }
            Self::RsaPss(hash) => {
                let mask = der::sequence(&[&der::oid(oid::RSA_MGF1), &hash.algorithm()]);
                let salt = der::number(hash.length());
                let parameters = der::sequence(&[
                    &der::context(0, &hash.algorithm()),
                    &der::context(1, &mask),
                    &der::context(2, &salt),
                ]);
                der::sequence(&[&der::oid(oid::RSA_PSS), &parameters])
            }
        }
    }

    /// Reads an `AlgorithmIdentifier`; `digest` is what a CMS signer names beside it.
    ///
    /// # Errors
    /// `Malformed`, `Unsupported`.
    pub fn parse(algorithm: &[u8], digest: Option<Hash>) -> Result<Self> {
        let mut reader = der::single(algorithm)?.reader();
        let id = reader.expect(tag::OID)?.content;
        let scheme = match id {
            oid::ECDSA_SHA256 => Self::EcdsaP256Sha256,
            oid::ECDSA_SHA384 => Self::EcdsaP384Sha384,
            oid::RSA_SHA256 => Self::RsaPkcs1(Hash::Sha256),
            oid::RSA_SHA384 => Self::RsaPkcs1(Hash::Sha384),
            oid::RSA_SHA512 => Self::RsaPkcs1(Hash::Sha512),
            oid::RSA_PSS => Self::RsaPss(pss_hash(reader)?),
            oid::RSA => Self::RsaPkcs1(digest.ok_or_else(|| malformed("signature algorithm", "no digest is named"))?),
            oid::RSA_SHA1 => return Err(Error::Unsupported("SHA-1, which can be forged".to_owned())),
            _ => return Err(Error::Unsupported(format!("signature algorithm {}", oid::dotted(id)))),
        };
        match digest {
            Some(digest) if digest != scheme.hash() => {
                Err(malformed("signature algorithm", "its digest is not the one named beside it"))
            }
            _ => Ok(scheme),
        }
    }
}

/// The digest of PSS parameters, where mask and salt go with it: no other is in use, and none other is `ring`'s.
fn pss_hash(mut outer: Reader<'_>) -> Result<Hash> {
    let unusual = || Error::Unsupported("RSASSA-PSS with mask or salt that do not go with its digest".to_owned());
    let mut reader = outer.sequence()?;
    let id = |value: der::Value<'_>| -> Result<Hash> { Hash::of(value.reader().sequence()?.expect(tag::OID)?.content) };
    let hash = id(reader.optional(tag::context(0))?.ok_or_else(unusual)?)?;
    let mut mask = reader.optional(tag::context(1))?.ok_or_else(unusual)?.reader().sequence()?;
    if mask.expect(tag::OID)?.content != oid::RSA_MGF1 || Hash::of(mask.sequence()?.expect(tag::OID)?.content)? != hash
    {
        return Err(unusual());
    }
    let salt = reader.optional(tag::context(2))?.ok_or_else(unusual)?.reader().expect(tag::INTEGER)?.number()?;
    if salt == hash.length() { Ok(hash) } else { Err(unusual()) }
}

/// What kind of key it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    P256,
    P384,
    Rsa,
    RsaPssOnly,
}

/// A public key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    kind: Kind,
    /// What `ring` takes: a point, or modulus and exponent.
    key: Vec<u8>,
    info: Vec<u8>,
}

impl PublicKey {
    /// Reads a `SubjectPublicKeyInfo`.
    ///
    /// # Errors
    /// `Malformed`; `Unsupported` for keys that are too short or of another kind.
    pub fn parse(info: &[u8]) -> Result<Self> {
        let mut reader = der::single(info)?.reader();
        let mut algorithm = reader.sequence()?;
        let id = algorithm.expect(tag::OID)?.content;
        let key = reader.expect(tag::BIT_STRING)?.bits()?.to_vec();
        reader.end()?;
        let kind = match id {
            oid::EC_KEY => match algorithm.expect(tag::OID)?.content {
                oid::P256 => Kind::P256,
                oid::P384 => Kind::P384,
                other => return Err(Error::Unsupported(format!("curve {}", oid::dotted(other)))),
            },
            oid::RSA => Kind::Rsa,
            oid::RSA_PSS => Kind::RsaPssOnly,
            other => return Err(Error::Unsupported(format!("key {}", oid::dotted(other)))),
        };
        if matches!(kind, Kind::Rsa | Kind::RsaPssOnly) {
            let modulus = der::single(&key)?.reader().expect(tag::INTEGER)?.content.len();
            if modulus < 256 {
                return Err(Error::Unsupported("an RSA key of less than 2048 bits".to_owned()));
            }
        }
        Ok(Self { kind, key, info: info.to_vec() })
    }

    /// As a `SubjectPublicKeyInfo`.
    pub fn info(&self) -> &[u8] {
        &self.info
    }

    /// The key itself: a point of the curve, or `RSAPublicKey`.
    pub fn bytes(&self) -> &[u8] {
        &self.key
    }

    /// The schemes it can be used with, the preferred one first.
    pub fn schemes(&self) -> &'static [Scheme] {
        use Hash::{Sha256, Sha384, Sha512};
        use Scheme::{EcdsaP256Sha256, EcdsaP384Sha384, RsaPkcs1, RsaPss};
        match self.kind {
            Kind::P256 => &[EcdsaP256Sha256],
            Kind::P384 => &[EcdsaP384Sha384],
            Kind::RsaPssOnly => &[RsaPss(Sha256), RsaPss(Sha384), RsaPss(Sha512)],
            Kind::Rsa => {
                &[RsaPss(Sha256), RsaPkcs1(Sha256), RsaPss(Sha384), RsaPss(Sha512), RsaPkcs1(Sha384), RsaPkcs1(Sha512)]
            }
        }
    }

    /// Whether it made this signature of this message.
    ///
    /// # Errors
    /// `False` where it did not, `Unsupported` where it is no key for the scheme.
    pub fn verify(&self, scheme: Scheme, message: &[u8], signature: &[u8]) -> Result<()> {
        if !self.schemes().contains(&scheme) {
            return Err(Error::Unsupported(format!("{} with a key of another kind", scheme.name())));
        }
        let algorithm: &'static dyn VerificationAlgorithm = match scheme {
            Scheme::EcdsaP256Sha256 => &algorithms::ECDSA_P256_SHA256_ASN1,
            Scheme::EcdsaP384Sha384 => &algorithms::ECDSA_P384_SHA384_ASN1,
            Scheme::RsaPss(Hash::Sha256) => &algorithms::RSA_PSS_2048_8192_SHA256,
            Scheme::RsaPss(Hash::Sha384) => &algorithms::RSA_PSS_2048_8192_SHA384,
            Scheme::RsaPss(Hash::Sha512) => &algorithms::RSA_PSS_2048_8192_SHA512,
            Scheme::RsaPkcs1(Hash::Sha256) => &algorithms::RSA_PKCS1_2048_8192_SHA256,
            Scheme::RsaPkcs1(Hash::Sha384) => &algorithms::RSA_PKCS1_2048_8192_SHA384,
            Scheme::RsaPkcs1(Hash::Sha512) => &algorithms::RSA_PKCS1_2048_8192_SHA512,
        };
        algorithms::UnparsedPublicKey::new(algorithm, &self.key)
            .verify(message, signature)
            .map_err(|_| Error::False(format!("not by this key ({})", scheme.name())))
    }

    /// Which scheme a signature of this message is of: a service that takes a digest does not say.
    ///
    /// # Errors
    /// `False` where none fits.
    pub fn recognise(&self, message: &[u8], signature: &[u8]) -> Result<Scheme> {
        let found = self.schemes().iter().find(|s| self.verify(**s, message, signature).is_ok());
        found.copied().ok_or_else(|| Error::False("not by this key, under any scheme".to_owned()))
    }
}

/// What signs: a soft key here, or a key elsewhere.
pub trait Signer {
    /// Its public key.
    fn public(&self) -> &PublicKey;

    /// How it signs.
    fn scheme(&self) -> Scheme;

    /// The signature of a message.
    ///
    /// # Errors
    /// Where the key cannot be reached or will not.
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>>;
}

enum Secret {
    Ec(Box<algorithms::EcdsaKeyPair>),
    Rsa(Box<algorithms::RsaKeyPair>),
}

/// A secret key in memory. Printing it for debugging does not tell the secret.
pub struct SoftKey {
    secret: Secret,
    public: PublicKey,
    scheme: Scheme,
    pkcs8: Vec<u8>,
    random: SystemRandom,
}

impl std::fmt::Debug for SoftKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SoftKey({})", self.scheme.name())
    }
}

impl Drop for SoftKey {
    fn drop(&mut self) {
        self.pkcs8.fill(0);
    }
}

impl SoftKey {
    /// A new key on P-256.
    ///
    /// # Errors
    /// Where the system gives no random bytes.
    pub fn generate() -> Result<Self> {
        let algorithm = &algorithms::ECDSA_P256_SHA256_ASN1_SIGNING;
        let pkcs8 = algorithms::EcdsaKeyPair::generate_pkcs8(algorithm, &SystemRandom::new())
            .map_err(|_| Error::Refused("no random bytes".to_owned()))?;
        Self::from_pkcs8(pkcs8.as_ref())
    }

    /// Reads a PKCS#8 key: P-256, or RSA of 2048 to 4096 bits.
    ///
    /// # Errors
    /// `Malformed`, `Unsupported`.
    pub fn from_pkcs8(pkcs8: &[u8]) -> Result<Self> {
        let random = SystemRandom::new();
        let mut reader = der::single(pkcs8)?.reader();
        reader.expect(tag::INTEGER)?;
        let mut algorithm = reader.sequence()?;
        let id = algorithm.expect(tag::OID)?.content;
        let inner = reader.expect(tag::OCTET_STRING)?.content;
        let rejected = |e: ring::error::KeyRejected| malformed("secret key", e.to_string());
        match id {
            oid::EC_KEY => {
                let signing = &algorithms::ECDSA_P256_SHA256_ASN1_SIGNING;
                let pair = match algorithms::EcdsaKeyPair::from_pkcs8(signing, pkcs8, &random) {
                    Ok(pair) => pair,
                    // OpenSSL leaves the public key where `ring` looks for it only by its own rules.
                    Err(e) => ec_from_parts(inner, &random).map_err(|_| rejected(e))?,
                };
                let point = algorithms::KeyPair::public_key(&pair).as_ref().to_vec();
                let public = PublicKey::parse(&ec_info(&point))?;
                let scheme = Scheme::EcdsaP256Sha256;
                Ok(Self { secret: Secret::Ec(Box::new(pair)), public, scheme, pkcs8: pkcs8.to_vec(), random })
            }
            oid::RSA => {
                let pair = algorithms::RsaKeyPair::from_pkcs8(pkcs8).map_err(rejected)?;
                let key = algorithms::KeyPair::public_key(&pair).as_ref().to_vec();
                let algorithm = der::sequence(&[&der::oid(oid::RSA), &der::null()]);
                let public = PublicKey::parse(&der::sequence(&[&algorithm, &der::bits(&key)]))?;
                let scheme = Scheme::RsaPss(Hash::Sha256);
                Ok(Self { secret: Secret::Rsa(Box::new(pair)), public, scheme, pkcs8: pkcs8.to_vec(), random })
            }
            other => Err(Error::Unsupported(format!("secret key {}", oid::dotted(other)))),
        }
    }

    /// Reads `-----BEGIN PRIVATE KEY-----`.
    ///
    /// # Errors
    /// `Malformed`, `Unsupported`: also older forms and keys under a password.
    pub fn from_pem(text: &str) -> Result<Self> {
        let mut found = pem(text)?;
        let at = found.iter().position(|(label, _)| label.ends_with("PRIVATE KEY"));
        let (label, mut bytes) =
            at.map(|at| found.swap_remove(at)).ok_or_else(|| malformed("secret key", "no key in PEM form"))?;
        if label != "PRIVATE KEY" {
            return Err(Error::Unsupported(format!("`{label}`: convert it with openssl pkcs8 -topk8 -nocrypt")));
        }
        let key = Self::from_pkcs8(&bytes);
        bytes.fill(0);
        key
    }

    /// As PEM, for a file that only its owner reads.
    pub fn to_pem(&self) -> String {
        to_pem("PRIVATE KEY", &self.pkcs8)
    }

    /// As PKCS#8.
    pub(crate) fn pkcs8(&self) -> &[u8] {
        &self.pkcs8
    }

    /// The same key, signing by another scheme of its kind.
    ///
    /// # Errors
    /// `Unsupported` where it is of another kind.
    pub fn with_scheme(mut self, scheme: Scheme) -> Result<Self> {
        if !self.public.schemes().contains(&scheme) {
            return Err(Error::Unsupported(format!("{} with a key of another kind", scheme.name())));
        }
        self.scheme = scheme;
        Ok(self)
    }
}

impl Signer for SoftKey {
    fn public(&self) -> &PublicKey {
        &self.public
    }

    fn scheme(&self) -> Scheme {
        self.scheme
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>> {
        let failed = |_| Error::Refused("the key could not sign".to_owned());
        match &self.secret {
            Secret::Ec(pair) => pair.sign(&self.random, message).map(|s| s.as_ref().to_vec()).map_err(failed),
            Secret::Rsa(pair) => {
                let padding: &'static dyn algorithms::RsaEncoding = match self.scheme {
                    Scheme::RsaPss(Hash::Sha256) => &algorithms::RSA_PSS_SHA256,
                    Scheme::RsaPss(Hash::Sha384) => &algorithms::RSA_PSS_SHA384,
                    Scheme::RsaPss(Hash::Sha512) => &algorithms::RSA_PSS_SHA512,
                    Scheme::RsaPkcs1(Hash::Sha384) => &algorithms::RSA_PKCS1_SHA384,
                    Scheme::RsaPkcs1(Hash::Sha512) => &algorithms::RSA_PKCS1_SHA512,
                    _ => &algorithms::RSA_PKCS1_SHA256,
                };
                let mut out = vec![0; pair.public().modulus_len()];
                pair.sign(padding, &self.random, message, &mut out).map_err(failed)?;
                Ok(out)
            }
        }
    }
}

fn ec_info(point: &[u8]) -> Vec<u8> {
    let algorithm = der::sequence(&[&der::oid(oid::EC_KEY), &der::oid(oid::P256)]);
    der::sequence(&[&algorithm, &der::bits(point)])
}

/// From `ECPrivateKey` (RFC 5915) with its public key.
fn ec_from_parts(inner: &[u8], random: &SystemRandom) -> Result<algorithms::EcdsaKeyPair> {
    let mut reader = der::single(inner)?.reader();
    reader.expect(tag::INTEGER)?;
    let secret = reader.expect(tag::OCTET_STRING)?.content;
    reader.optional(tag::context(0))?;
    let public = reader.expect(tag::context(1))?.reader().expect(tag::BIT_STRING)?.bits()?;
    let signing = &algorithms::ECDSA_P256_SHA256_ASN1_SIGNING;
    algorithms::EcdsaKeyPair::from_private_key_and_public_key(signing, secret, public, random)
        .map_err(|e| malformed("secret key", e.to_string()))
}

/// An ECDSA signature in DER as two numbers of `width` bytes after each other, as COSE, JWS and XML write it.
///
/// # Errors
/// `Malformed` where it is no such signature.
pub fn ecdsa_fixed(signature: &[u8], width: usize) -> Result<Vec<u8>> {
    let mut reader = der::single(signature)?.reader();
    let mut out = Vec::with_capacity(2 * width);
    for _ in 0..2 {
        let n = reader.expect(tag::INTEGER)?.content;
        let n = &n[n.iter().take_while(|b| **b == 0).count()..];
        let pad = width.checked_sub(n.len()).ok_or_else(|| malformed("ECDSA signature", "a number is too long"))?;
        out.resize(out.len() + pad, 0);
        out.extend(n);
    }
    reader.end()?;
    Ok(out)
}

/// The other way round.
///
/// # Errors
/// `Malformed` where the bytes are not two numbers of the same width.
pub fn ecdsa_der(fixed: &[u8]) -> Result<Vec<u8>> {
    if fixed.is_empty() || !fixed.len().is_multiple_of(2) {
        return Err(malformed("ECDSA signature", "not two numbers of one width"));
    }
    let (r, s) = fixed.split_at(fixed.len() / 2);
    Ok(der::sequence(&[&der::unsigned(r), &der::unsigned(s)]))
}

/// The blocks of a PEM text: label and bytes.
///
/// # Errors
/// `Malformed`.
pub fn pem(text: &str) -> Result<Vec<(String, Vec<u8>)>> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find("-----BEGIN ") {
        let after = &rest[at + 11..];
        let bad = || malformed("PEM", "a block without its end");
        let (label, after) = after.split_once("-----").ok_or_else(bad)?;
        let (body, after) = after.split_once(&format!("-----END {label}-----")).ok_or_else(bad)?;
        out.push((label.to_owned(), crate::from_base64(body)?));
        rest = after;
    }
    Ok(out)
}

/// One block of PEM.
pub fn to_pem(label: &str, bytes: &[u8]) -> String {
    let mut out = format!("-----BEGIN {label}-----\n");
    let text = crate::base64(bytes);
    for line in text.as_bytes().chunks(64) {
        out.push_str(&String::from_utf8_lossy(line));
        out.push('\n');
    }
    out.push_str(&format!("-----END {label}-----\n"));
    out
}
