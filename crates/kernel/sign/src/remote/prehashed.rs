//! ECDSA on P-256 over a digest that somebody else made (FIPS 186-5, with the nonce of RFC 6979), as a provider signs: it never
//! gets the paper. `ring` signs messages only.
//!
//! For simulators alone: this arithmetic takes its time by the secret, so it is nothing for a key that matters. What it signs is
//! verified by `ring` like any provider's answer.

use crate::der::{self, tag};
use crate::key::{Scheme, Signer as _, SoftKey};
use crate::{Error, Result};
use ring::hmac;

/// 256 bits, the lowest first.
type Number = [u64; 4];

const ZERO: Number = [0; 4];
const ONE: Number = [1, 0, 0, 0];
/// The field's prime.
const P: Number = [0xffff_ffff_ffff_ffff, 0x0000_0000_ffff_ffff, 0, 0xffff_ffff_0000_0001];
/// How many points there are.
const N: Number = [0xf3b9_cac2_fc63_2551, 0xbce6_faad_a717_9e84, 0xffff_ffff_ffff_ffff, 0xffff_ffff_0000_0000];
/// The point that all are multiples of.
const BASE: (Number, Number) = (
    [0xf4a1_3945_d898_c296, 0x7703_7d81_2deb_33a0, 0xf8bc_e6e5_63a4_40f2, 0x6b17_d1f2_e12c_4247],
    [0xcbb6_4068_37bf_51f5, 0x2bce_3357_6b31_5ece, 0x8ee7_eb4a_7c0f_9e16, 0x4fe3_42e2_fe1a_7f9b],
);

fn read(bytes: &[u8; 32]) -> Number {
    let mut out = ZERO;
    for (n, chunk) in bytes.chunks_exact(8).enumerate() {
        out[3 - n] = chunk.iter().fold(0, |sum, b| (sum << 8) | u64::from(*b));
    }
    out
}

fn written(n: &Number) -> [u8; 32] {
    let mut out = [0; 32];
    for (chunk, limb) in out.chunks_exact_mut(8).zip(n.iter().rev()) {
        chunk.copy_from_slice(&limb.to_be_bytes());
    }
    out
}

fn is_less(a: &Number, b: &Number) -> bool {
    a.iter().rev().lt(b.iter().rev())
}

/// The sum, and what is carried out of it.
fn plus(a: &Number, b: &Number) -> (Number, bool) {
    let (mut out, mut carry) = (ZERO, false);
    for n in 0..4 {
        let (sum, first) = a[n].overflowing_add(b[n]);
        let (sum, second) = sum.overflowing_add(u64::from(carry));
        (out[n], carry) = (sum, first || second);
    }
    (out, carry)
}

/// The difference, past zero modulo 2^256.
fn minus(a: &Number, b: &Number) -> Number {
    let (mut out, mut borrow) = (ZERO, false);
    for n in 0..4 {
        let (rest, first) = a[n].overflowing_sub(b[n]);
        let (rest, second) = rest.overflowing_sub(u64::from(borrow));
        (out[n], borrow) = (rest, first || second);
    }
    out
}

/// Numbers modulo a prime that has 256 bits.
struct Modulo(Number);

impl Modulo {
    fn reduced(&self, a: &Number) -> Number {
        if is_less(a, &self.0) { *a } else { minus(a, &self.0) }
    }

    fn add(&self, a: &Number, b: &Number) -> Number {
        let (sum, carry) = plus(a, b);
        if carry { minus(&sum, &self.0) } else { self.reduced(&sum) }
    }

    fn sub(&self, a: &Number, b: &Number) -> Number {
        if is_less(a, b) { minus(&plus(a, &self.0).0, b) } else { minus(a, b) }
    }

    fn mul(&self, a: &Number, b: &Number) -> Number {
        bits(b).fold(ZERO, |sum, bit| {
            let twice = self.add(&sum, &sum);
            if bit { self.add(&twice, a) } else { twice }
        })
    }

    /// Fermat: a to the power of the prime less two.
    fn inverse(&self, a: &Number) -> Number {
        let exponent = minus(&self.0, &[2, 0, 0, 0]);
        bits(&exponent).fold(ONE, |product, bit| {
            let square = self.mul(&product, &product);
            if bit { self.mul(&square, a) } else { square }
        })
    }
}

/// The highest bit first.
fn bits(n: &Number) -> impl Iterator<Item = bool> {
    let n = *n;
    (0..256).rev().map(move |bit| (n[bit / 64] >> (bit % 64)) & 1 == 1)
}

/// A point by three numbers (x/z², y/z³), as one division at the end is cheaper than one a step; z = 0: none.
#[derive(Clone, Copy)]
struct Point(Number, Number, Number);

impl Point {
    fn twice(self, f: &Modulo) -> Self {
        let Self(x, y, z) = self;
        let (zz, yy) = (f.mul(&z, &z), f.mul(&y, &y));
        let xyy = f.mul(&x, &yy);
        let four = |n: &Number| {
            let two = f.add(n, n);
            f.add(&two, &two)
        };
        let s = four(&xyy);
        // The curve's a is -3: 3x² + a·z⁴ = 3(x - z²)(x + z²).
        let m = f.mul(&f.sub(&x, &zz), &f.add(&x, &zz));
        let m = f.add(&m, &f.add(&m, &m));
        let x3 = f.sub(&f.mul(&m, &m), &f.add(&s, &s));
        let y4 = four(&f.mul(&yy, &yy));
        let y3 = f.sub(&f.mul(&m, &f.sub(&s, &x3)), &f.add(&y4, &y4));
        let yz = f.mul(&y, &z);
        Self(x3, y3, f.add(&yz, &yz))
    }

    /// The sum with the base point. This is neither that nor its opposite: of what is less than N, no first bits are, once doubled.
    fn plus_base(self, f: &Modulo) -> Self {
        let Self(x, y, z) = self;
        if z == ZERO {
            return Self(BASE.0, BASE.1, ONE);
        }
        let zz = f.mul(&z, &z);
        let h = f.sub(&f.mul(&BASE.0, &zz), &x);
        let r = f.sub(&f.mul(&BASE.1, &f.mul(&zz, &z)), &y);
        let hh = f.mul(&h, &h);
        let (hhh, v) = (f.mul(&hh, &h), f.mul(&x, &hh));
        let x3 = f.sub(&f.sub(&f.mul(&r, &r), &hhh), &f.add(&v, &v));
        let y3 = f.sub(&f.mul(&r, &f.sub(&v, &x3)), &f.mul(&y, &hhh));
        Self(x3, y3, f.mul(&z, &h))
    }
}

/// The x of a multiple of the base point, by a number from 1 to N - 1.
fn multiple(k: &Number) -> Number {
    let f = Modulo(P);
    let none = Point(ONE, ONE, ZERO);
    let found = bits(k).fold(none, |sum, bit| {
        let twice = sum.twice(&f);
        if bit { twice.plus_base(&f) } else { twice }
    });
    let inverse = f.inverse(&found.2);
    f.mul(&found.0, &f.mul(&inverse, &inverse))
}

/// The secret number of a key on P-256.
fn secret(key: &SoftKey) -> Result<[u8; 32]> {
    let no = || Error::Unsupported("a digest with a key that is not on P-256".to_owned());
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

fn keyed(key: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), &parts.concat());
    let mut out = [0; 32];
    out.copy_from_slice(tag.as_ref());
    out
}

/// A P-256 signature in DER of a SHA-256 digest.
///
/// # Errors
/// `Unsupported` for a key of another kind.
pub fn sign(key: &SoftKey, digest: &[u8; 32]) -> Result<Vec<u8>> {
    let (r, s) = pair(&secret(key)?, digest);
    Ok(der::sequence(&[&der::unsigned(&r), &der::unsigned(&s)]))
}

/// The two numbers of a signature.
fn pair(secret: &[u8; 32], digest: &[u8; 32]) -> ([u8; 32], [u8; 32]) {
    let order = Modulo(N);
    let (d, z) = (read(secret), order.reduced(&read(digest)));
    // RFC 6979, 3.2: the nonce is of the key and the digest alone.
    let hashed = written(&z);
    let mut k = keyed(&[0; 32], &[&[1; 32], &[0], secret, &hashed]);
    let mut v = keyed(&k, &[&[1; 32]]);
    k = keyed(&k, &[&v, &[1], secret, &hashed]);
    v = keyed(&k, &[&v]);
    loop {
        v = keyed(&k, &[&v]);
        let nonce = read(&v);
        if nonce != ZERO && is_less(&nonce, &N) {
            let r = order.reduced(&multiple(&nonce));
            let s = order.mul(&order.inverse(&nonce), &order.add(&z, &order.mul(&r, &d)));
            if r != ZERO && s != ZERO {
                return (written(&r), written(&s));
            }
        }
        k = keyed(&k, &[&v, &[0]]);
        v = keyed(&k, &[&v]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{hex, sha256};

    #[test]
    fn the_nonce_of_rfc_6979_gives_its_signature() {
        // A.2.5: P-256 with SHA-256 of "sample".
        let secret = [0x7b8a_622b_120f_6721, 0x4e50_c3db_36e8_9b12, 0x6b5c_2157_67b1_d693, 0xc9af_a9d8_45ba_7516];
        let (r, s) = pair(&written(&secret), &sha256(b"sample"));
        assert_eq!(hex(&r), "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716");
        assert_eq!(hex(&s), "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8");
        assert_eq!((multiple(&ONE), multiple(&minus(&N, &ONE))), (BASE.0, BASE.0));
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
