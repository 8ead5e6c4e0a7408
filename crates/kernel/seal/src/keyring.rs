//! The keys in use, and what is done with them.

use crate::{Error, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hmac;
use ring::rand::{SecureRandom, SystemRandom};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// What a key is for: whoever learns one of them cannot open what the others closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Purpose {
    /// Bodies of resources and claims, rows of views, files of exports.
    Body = 1,
    /// Numbers that name people.
    Identity = 2,
    /// Second factors, passwords to other systems.
    Secret = 3,
    /// The blind index.
    Index = 4,
}

impl Purpose {
    const ALL: [Self; 4] = [Self::Body, Self::Identity, Self::Secret, Self::Index];

    /// As the keyring names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Body => "body",
            Self::Identity => "identity",
            Self::Secret => "secret",
            Self::Index => "index",
        }
    }

    fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|p| p.name() == name)
    }
}

/// The last byte of a sealed value's head; with it no length of four bytes is one, nor any text.
const MARK: u8 = 0xe5;
/// Number of the key, its purpose, the mark.
const HEAD: usize = 4;
/// How much longer a sealed value is than what it closes.
pub const SEALED_BYTES: usize = HEAD + NONCE_LEN + 16;
/// What a sealed text begins with; base64 follows.
const TEXT_MARK: char = '§';
const KEY_BYTES: usize = 32;

struct DataKey {
    bytes: [u8; KEY_BYTES],
    aead: LessSafeKey,
    /// Makes nonces of what is sealed, where equal must stay equal.
    same: hmac::Key,
}

impl DataKey {
    fn new(bytes: [u8; KEY_BYTES]) -> Option<Self> {
        let aead = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &bytes).ok()?);
        let same = hmac::Key::new(hmac::HMAC_SHA256, hmac::sign(&hmac_key(&bytes), b"mach nonces").as_ref());
        Some(Self { bytes, aead, same })
    }
}

fn hmac_key(bytes: &[u8]) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, bytes)
}

/// The data keys, opened.
pub struct Keyring {
    keys: BTreeMap<(Purpose, u16), DataKey>,
    index: hmac::Key,
    mark: i64,
}

impl std::fmt::Debug for Keyring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Keyring({:016x})", self.mark)
    }
}

pub(crate) fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).map_err(|_| Error::NoChance)?;
    Ok(bytes)
}

impl Keyring {
    fn of(keys: BTreeMap<(Purpose, u16), DataKey>) -> Option<Self> {
        if Purpose::ALL.into_iter().any(|p| !keys.keys().any(|(of, _)| *of == p)) {
            return None;
        }
        let index = hmac_key(&keys.get(&(Purpose::Index, 1))?.bytes);
        let mark = first(hmac::sign(&index, b"mach keyring").as_ref());
        Some(Self { keys, index, mark })
    }

    /// New keys.
    ///
    /// # Errors
    /// `NoChance`.
    pub fn new() -> Result<Self> {
        let mut keys = BTreeMap::new();
        for purpose in Purpose::ALL {
            keys.insert((purpose, 1), DataKey::new(random()?).ok_or(Error::NoChance)?);
        }
        Self::of(keys).ok_or(Error::NoChance)
    }

    /// These keys and a new one for each purpose but the index, used from now on.
    ///
    /// # Errors
    /// `NoChance`.
    pub fn rotated(&self) -> Result<Self> {
        let mut keys = BTreeMap::new();
        for (at, key) in &self.keys {
            keys.insert(*at, DataKey::new(key.bytes).ok_or(Error::NoChance)?);
        }
        for purpose in [Purpose::Body, Purpose::Identity, Purpose::Secret] {
            let number = self.current(purpose).0.checked_add(1).ok_or(Error::NoChance)?;
            keys.insert((purpose, number), DataKey::new(random()?).ok_or(Error::NoChance)?);
        }
        Self::of(keys).ok_or(Error::NoChance)
    }

    /// What a store says it is sealed with.
    pub fn mark(&self) -> i64 {
        self.mark
    }

    /// The number and the key that `purpose` is sealed with now.
    fn current(&self, purpose: Purpose) -> (u16, &DataKey) {
        let newest = self.keys.range((purpose, 0)..=(purpose, u16::MAX)).next_back();
        // Every keyring has a key for each purpose: `of` saw to it.
        newest.map_or_else(|| unreachable!("a purpose without a key"), |((_, number), key)| (*number, key))
    }

    /// The number of the key that `purpose` is sealed with now.
    pub fn number(&self, purpose: Purpose) -> u16 {
        self.current(purpose).0
    }

    /// The number of the key that a value was sealed with; `None` where it is not sealed.
    pub fn number_of(sealed: &[u8]) -> Option<u16> {
        let [low, high, purpose, MARK, ..] = sealed else { return None };
        let known = Purpose::ALL.into_iter().any(|p| p as u8 == *purpose);
        (known && sealed.len() >= SEALED_BYTES).then_some(u16::from_le_bytes([*low, *high]))
    }

    fn close(&self, purpose: Purpose, (row, plain): (&str, &[u8]), nonce: Option<[u8; NONCE_LEN]>) -> Result<Vec<u8>> {
        let (number, key) = self.current(purpose);
        let nonce = match nonce {
            Some(nonce) => nonce,
            None => random()?,
        };
        let mut out = Vec::with_capacity(plain.len() + SEALED_BYTES);
        out.extend(number.to_le_bytes());
        out.extend([purpose as u8, MARK]);
        out.extend(nonce);
        out.extend(plain);
        let (head, body) = out.split_at_mut(HEAD + NONCE_LEN);
        let bound = [&head[..HEAD], row.as_bytes()].concat();
        let sealing = Nonce::assume_unique_for_key(nonce);
        let tag = key.aead.seal_in_place_separate_tag(sealing, Aad::from(bound), body).map_err(|_| Error::Closed)?;
        out.extend(tag.as_ref());
        Ok(out)
    }

    /// Seals bytes for `row`, which names table, column and key.
    ///
    /// # Errors
    /// `NoChance`.
    pub fn seal(&self, purpose: Purpose, row: &str, plain: &[u8]) -> Result<Vec<u8>> {
        self.close(purpose, (row, plain), None)
    }

    /// Seals a text for `row`. The same text for the same row and key is sealed alike: a row that is written again as it was
    /// is the same row, and nobody learns more from it than that.
    ///
    /// # Errors
    /// `Closed` where it cannot be; no text is known for which.
    pub fn seal_text(&self, purpose: Purpose, row: &str, plain: &str) -> Result<String> {
        let key = self.current(purpose).1;
        let mut mac = hmac::Context::with_key(&key.same);
        mac.update(&(row.len() as u64).to_le_bytes());
        mac.update(row.as_bytes());
        mac.update(plain.as_bytes());
        let mut nonce = [0; NONCE_LEN];
        nonce.copy_from_slice(&mac.sign().as_ref()[..NONCE_LEN]);
        let sealed = self.close(purpose, (row, plain.as_bytes()), Some(nonce))?;
        let mut out = String::with_capacity(2 + sealed.len().div_ceil(3) * 4);
        out.push(TEXT_MARK);
        STANDARD_NO_PAD.encode_string(sealed, &mut out);
        Ok(out)
    }

    /// Opens what was sealed for `row`.
    ///
    /// # Errors
    /// `Closed` where it was changed or moved; `NoKey`.
    pub fn open(&self, row: &str, sealed: &[u8]) -> Result<Vec<u8>> {
        let number = Self::number_of(sealed).ok_or(Error::Closed)?;
        let purpose = Purpose::ALL.into_iter().find(|p| *p as u8 == sealed[2]).ok_or(Error::Closed)?;
        let key = self.keys.get(&(purpose, number)).ok_or(Error::NoKey { purpose: purpose.name(), number })?;
        let (head, rest) = sealed.split_at(HEAD);
        let (nonce, body) = rest.split_first_chunk::<NONCE_LEN>().ok_or(Error::Closed)?;
        let bound = [head, row.as_bytes()].concat();
        let mut out = body.to_vec();
        let opening = Nonce::assume_unique_for_key(*nonce);
        let length = key.aead.open_in_place(opening, Aad::from(bound), &mut out).map_err(|_| Error::Closed)?.len();
        out.truncate(length);
        Ok(out)
    }

    /// Opens a text that was sealed for `row`.
    ///
    /// # Errors
    /// `Closed`, also where it is not sealed.
    pub fn open_text(&self, row: &str, sealed: &str) -> Result<String> {
        let bytes = Self::text_bytes(sealed).ok_or(Error::Closed)?;
        String::from_utf8(self.open(row, &bytes)?).map_err(|_| Error::Closed)
    }

    /// The bytes of a sealed text; `None` where it is not sealed.
    pub fn text_bytes(sealed: &str) -> Option<Vec<u8>> {
        STANDARD_NO_PAD.decode(sealed.strip_prefix(TEXT_MARK)?).ok()
    }

    /// A keyed hash of 64 bits, for looking for equal values.
    pub fn blind(&self, what: &[u8]) -> i64 {
        blind_by(&self.index, what)
    }

    /// The key of the blind index: never changed.
    pub(crate) fn index(&self) -> &hmac::Key {
        &self.index
    }

    /// A keyed hash of 128 bits in base64, where two values must not meet.
    pub fn blind_text(&self, what: &[u8]) -> String {
        STANDARD_NO_PAD.encode(&hmac::sign(&self.index, what).as_ref()[..16])
    }

    /// The keyring as its file keeps it, each key sealed by the master key.
    pub(crate) fn written(&self, master: &LessSafeKey) -> Result<String> {
        let mut out = String::from("mach keyring 1\n");
        for ((purpose, number), key) in &self.keys {
            let nonce = random()?;
            let mut sealed = key.bytes.to_vec();
            let bound = format!("{} {number}", purpose.name());
            let sealing = Nonce::assume_unique_for_key(nonce);
            master
                .seal_in_place_append_tag(sealing, Aad::from(bound.as_bytes()), &mut sealed)
                .map_err(|_| Error::Closed)?;
            // Writing to a string does not fail.
            let _ = writeln!(out, "{bound} {}", STANDARD_NO_PAD.encode([nonce.as_slice(), &sealed].concat()));
        }
        Ok(out)
    }

    /// Reads what [`Self::written`] wrote; in words what is wrong with it.
    pub(crate) fn read(text: &str, master: &LessSafeKey) -> std::result::Result<Self, &'static str> {
        let mut lines = text.lines();
        if lines.next() != Some("mach keyring 1") {
            return Err("the keyring is of another kind");
        }
        let mut keys = BTreeMap::new();
        for line in lines {
            let one = || -> Option<((Purpose, u16), Vec<u8>)> {
                let (bound, sealed) = line.rsplit_once(' ')?;
                let (purpose, number) = bound.split_once(' ')?;
                let sealed = STANDARD_NO_PAD.decode(sealed).ok()?;
                let (nonce, sealed) = sealed.split_first_chunk::<NONCE_LEN>()?;
                let mut sealed = sealed.to_vec();
                let opening = Nonce::assume_unique_for_key(*nonce);
                let plain = master.open_in_place(opening, Aad::from(bound.as_bytes()), &mut sealed).ok()?;
                Some(((Purpose::of(purpose)?, number.parse().ok()?), plain.to_vec()))
            };
            let (at, bytes) = one().ok_or("the keyring is damaged, or sealed by another master key")?;
            let key = <[u8; KEY_BYTES]>::try_from(bytes).ok().and_then(DataKey::new);
            keys.insert(at, key.ok_or("the keyring has a key of another length")?);
        }
        Self::of(keys).ok_or("the keyring lacks a key")
    }
}

/// What [`Keyring::blind`] gives.
pub(crate) fn blind_by(key: &hmac::Key, what: &[u8]) -> i64 {
    first(hmac::sign(key, what).as_ref())
}

/// A key that seals keys.
pub(crate) fn master(bytes: &[u8]) -> Option<LessSafeKey> {
    Some(LessSafeKey::new(UnboundKey::new(&AES_256_GCM, bytes).ok()?))
}

fn first(bytes: &[u8]) -> i64 {
    let mut out = [0; 8];
    out.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
    i64::from_le_bytes(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_opens_in_its_own_row_only() {
        let ring = Keyring::new().unwrap();
        for plain in [&b""[..], b"079085001234", &[7; 40_000]] {
            let sealed = ring.seal(Purpose::Identity, "person.national 7", plain).unwrap();
            assert_eq!(sealed.len(), plain.len() + SEALED_BYTES);
            assert_eq!(ring.open("person.national 7", &sealed).unwrap(), plain);
            assert_eq!(ring.open("person.national 8", &sealed), Err(Error::Closed));
            assert_ne!(sealed, ring.seal(Purpose::Identity, "person.national 7", plain).unwrap(), "another nonce");
            for at in (0..sealed.len()).step_by(1 + sealed.len() / 97) {
                let mut changed = sealed.clone();
                changed[at] ^= 1;
                // The first two bytes are the number of the key.
                let refused = ring.open("person.national 7", &changed);
                assert!(
                    matches!(refused, Err(Error::Closed | Error::NoKey { .. }))
                        && (at < 2 || refused == Err(Error::Closed))
                );
                assert_eq!(ring.open("person.national 7", &sealed[..at]), Err(Error::Closed));
            }
            assert_eq!(Keyring::new().unwrap().open("person.national 7", &sealed), Err(Error::Closed));
        }
    }

    #[test]
    fn texts_are_sealed_alike_in_one_row_and_differently_in_another() {
        let ring = Keyring::new().unwrap();
        let seal = |row: &str, text: &str| ring.seal_text(Purpose::Identity, row, text).unwrap();
        assert_eq!(seal("a 1", "x"), seal("a 1", "x"));
        assert!(seal("a 1", "x") != seal("a 2", "x") && seal("a 1", "x") != seal("a 1", "y"));
        // Row and text do not run into each other.
        assert_ne!(seal("a 1", "1x")[..20], seal("a 11", "x")[..20]);
        assert_eq!(ring.open_text("a 1", &seal("a 1", "Nguyễn")).unwrap(), "Nguyễn");
        assert_eq!(ring.open_text("a 1", "079085001234"), Err(Error::Closed), "what is not sealed is not believed");
        assert_eq!(ring.open_text("a 1", ""), Err(Error::Closed));
    }

    #[test]
    fn new_keys_close_and_old_ones_still_open() {
        let old = Keyring::new().unwrap();
        let sealed = old.seal(Purpose::Body, "pack 0 1", b"body").unwrap();
        let new = old.rotated().unwrap();
        assert_eq!(new.open("pack 0 1", &sealed).unwrap(), b"body");
        let again = new.seal(Purpose::Body, "pack 0 1", b"body").unwrap();
        assert_eq!((Keyring::number_of(&sealed), Keyring::number_of(&again)), (Some(1), Some(2)));
        let lacks = Error::NoKey { purpose: "body", number: 2 };
        assert_eq!(old.open("pack 0 1", &again), Err(lacks), "an older copy of the keyring is told from damage");
        assert_eq!((old.blind(b"x"), old.mark()), (new.blind(b"x"), new.mark()), "the index stays");
        assert_ne!(old.blind(b"x"), Keyring::new().unwrap().blind(b"x"));
    }

    #[test]
    fn a_keyring_is_read_by_its_master_key_only() {
        let (ring, key) = (Keyring::new().unwrap().rotated().unwrap(), master(&[1; 32]).unwrap());
        let text = ring.written(&key).unwrap();
        let read = Keyring::read(&text, &key).unwrap();
        let sealed = ring.seal(Purpose::Secret, "r", b"s").unwrap();
        assert_eq!((read.mark(), read.open("r", &sealed).unwrap()), (ring.mark(), b"s".to_vec()));
        assert!(Keyring::read(&text, &master(&[2; 32]).unwrap()).is_err());
        // A key cannot be put in the place of another.
        let swapped = text.replace("body 1 ", "body 9 ");
        assert!(Keyring::read(&swapped, &key).is_err());
        let short: String = text.lines().filter(|l| !l.starts_with("secret")).map(|l| format!("{l}\n")).collect();
        assert!(Keyring::read(&short, &key).is_err());
    }

    #[test]
    fn what_is_not_sealed_is_not_taken_for_it() {
        // A pack of earlier versions begins with its length, less than 64 MB.
        let mut old = 30_000_u32.to_le_bytes().to_vec();
        old.extend([9; 100]);
        assert_eq!(Keyring::number_of(&old), None);
        assert_eq!((Keyring::number_of(&[]), Keyring::number_of(&[1, 0, 1, MARK])), (None, None));
    }
}
