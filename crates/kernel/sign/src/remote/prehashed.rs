//! ECDSA on P-256 over a digest that somebody else made (FIPS 186-5, with the nonce of RFC 6979), as a provider signs: it never
//! gets the paper. `ring` signs messages only. For simulators alone; what it signs is verified by `ring` like any provider's answer.

use crate::der::{self, tag};
use crate::key::{Scheme, Signer as _, SoftKey};
use crate::{Error, Result};
use p256::ecdsa::signature::hazmat::PrehashSigner;
use p256::ecdsa::{Signature, SigningKey};

fn no() -> Error {
    Error::Unsupported("a digest with a key that is not on P-256".to_owned())
}

/// The secret number of a key on P-256.
fn secret(key: &SoftKey) -> Result<[u8; 32]> {
    if key.scheme() != Scheme::EcdsaP256Sha256 {
        return Err(no());
    }
    let mut outer = der::single(key.pkcs8())?.reader();
    outer.expect(tag::INTEGER)?;
    outer.sequence()?;
    let inner = outer.expect(tag::OCTET_STRING)?.content;
    let mut inner = der::single(inner)?.reader();
    inner.expect(tag::INTEGER)?;
    inner.expect(tag::OCTET_STRING)?.content.try_into().map_err(|_| no())
}

/// A P-256 signature in DER of a SHA-256 digest.
///
/// # Errors
/// `Unsupported` for a key of another kind.
pub fn sign(key: &SoftKey, digest: &[u8; 32]) -> Result<Vec<u8>> {
    let (r, s) = pair(&secret(key)?, digest)?;
    Ok(der::sequence(&[&der::unsigned(&r), &der::unsigned(&s)]))
}

/// The two numbers of a signature.
fn pair(secret: &[u8; 32], digest: &[u8; 32]) -> Result<([u8; 32], [u8; 32])> {
    let key = SigningKey::from_slice(secret).map_err(|_| no())?;
    let signed: Signature = key.sign_prehash(digest).map_err(|_| no())?;
    let (r, s) = signed.split_bytes();
    Ok((r.into(), s.into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{hex, sha256};

    #[test]
    fn the_nonce_of_rfc_6979_gives_its_signature() {
        // A.2.5: P-256 with SHA-256 of "sample".
        let secret = [0xc9af_a9d8_45ba_7516, 0x6b5c_2157_67b1_d693, 0x4e50_c3db_36e8_9b12, 0x7b8a_622b_120f_6721_u64];
        let secret: Vec<u8> = secret.iter().flat_map(|n| n.to_be_bytes()).collect();
        let (r, s) = pair(&secret.try_into().expect("32 bytes"), &sha256(b"sample")).expect("signed");
        assert_eq!(hex(&r), "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716");
        assert_eq!(hex(&s), "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8");
    }

    #[test]
    fn what_is_signed_by_its_digest_is_signed_by_its_message() {
        for n in 0..8_u8 {
            let key = SoftKey::generate().expect("a key");
            let message = vec![n; 100 * usize::from(n)];
            let signed = sign(&key, &sha256(&message)).expect("signed");
            assert_eq!(signed, sign(&key, &sha256(&message)).expect("signed"), "the same again");
            assert_eq!(key.public().verify(Scheme::EcdsaP256Sha256, &message, &signed), Ok(()), "{n}");
            assert!(key.public().verify(Scheme::EcdsaP256Sha256, b"other", &signed).is_err());
        }
        // Digests past the order, and none at all.
        let key = SoftKey::generate().expect("a key");
        for digest in [[0xff; 32], [0; 32]] {
            assert!(sign(&key, &digest).is_ok());
        }
    }
}
