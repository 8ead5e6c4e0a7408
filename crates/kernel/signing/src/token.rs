//! Keys in tokens (PKCS#11): a USB token or a security module of this machine. The key never leaves it: the message goes in, the
//! signature comes out and is checked against the certificate like any other.
//!
//! Where a signer's key is, is told by a URI (RFC 7512): `pkcs11:token=HUE-01;object=ky-so;id=%01?module-name=vnpt`. Which library
//! speaks to a token is not for a page to say: `signing/modules.tsv` of the data folder names them, `name`, tab, path.
//!
//! A token locks itself after a few wrong PINs. So a PIN that was wrong is not tried again, and the last try is left to its owner.

use crate::words::{
    FAULT, Halt, TOKEN_ABSENT, TOKEN_KEY_ABSENT, TOKEN_LAST_TRY, TOKEN_LOCKED, TOKEN_LOST, TOKEN_PIN_MISSING,
    TOKEN_PIN_WRONG, TOKEN_SCHEME,
};
use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error, RvError};
use cryptoki::mechanism::rsa::{PkcsMgfType, PkcsPssParams};
use cryptoki::mechanism::{Mechanism, MechanismType};
use cryptoki::object::{Attribute, ObjectClass};
use cryptoki::session::{Session, UserType};
use cryptoki::slot::Slot;
use cryptoki::types::AuthPin;
use mach_sign::key::{PublicKey, Scheme, ecdsa_der};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// Where a key is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Address {
    /// Name of the library in `signing/modules.tsv`; empty: the first.
    pub module: String,
    /// Label of the token; empty: any.
    pub token: String,
    /// Serial number of the token; empty: any.
    pub serial: String,
    /// Label of the key; empty: any.
    pub object: String,
    /// Identifier of the key; empty: any.
    pub id: Vec<u8>,
}

fn percent(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(b) = bytes.next() {
        match b {
            b'%' => {
                let two = [bytes.next()?, bytes.next()?];
                out.push(u8::from_str_radix(std::str::from_utf8(&two).ok()?, 16).ok()?);
            }
            b => out.push(b),
        }
    }
    Some(out)
}

impl Address {
    /// Reads a PKCS#11 URI. One that would fit every key, or holds a PIN, is refused.
    pub fn parse(uri: &str) -> Option<Self> {
        let rest = uri.trim().strip_prefix("pkcs11:")?;
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let mut found = Self::default();
        let text = |value: &str| String::from_utf8(percent(value)?).ok();
        for part in path.split(';').chain(query.split('&')).filter(|p| !p.is_empty()) {
            let (name, value) = part.split_once('=')?;
            match name {
                "token" => found.token = text(value)?,
                "serial" => found.serial = text(value)?,
                "object" => found.object = text(value)?,
                "id" => found.id = percent(value)?,
                "module-name" => found.module = text(value)?,
                "type" if value == "private" => {}
                // A PIN lies in no address, and what is not known here may mean another key.
                _ => return None,
            }
        }
        let names_a_token = !found.token.is_empty() || !found.serial.is_empty();
        (names_a_token && (!found.object.is_empty() || !found.id.is_empty())).then_some(found)
    }
}

/// The library of this name in a folder's `modules.tsv`.
///
/// # Errors
/// That there is none, in words for the log.
pub fn module(folder: &Path, name: &str) -> Result<PathBuf, String> {
    let path = folder.join("modules.tsv");
    let text = std::fs::read_to_string(&path).map_err(|e| format!("`{}`: {e}", path.display()))?;
    let mut lines = text.lines().filter_map(|line| line.split_once('\t'));
    let found = lines.find(|(n, _)| name.is_empty() || *n == name);
    found.map(|(_, p)| PathBuf::from(p.trim())).ok_or_else(|| format!("`{}` has no line `{name}`", path.display()))
}

/// What the library and the token do one after another: a login is the whole program's, and a token has one thread.
static LIBRARIES: Mutex<BTreeMap<PathBuf, Pkcs11>> = Mutex::new(BTreeMap::new());

/// PINs that were wrong, by the token's serial number (whatever address led there) and hash: never tried again by this program.
static WRONG: Mutex<BTreeSet<(String, [u8; 32])>> = Mutex::new(BTreeSet::new());

fn fault(e: &Error) -> Halt {
    tracing::warn!("a token: {e}");
    let Error::Pkcs11(said, _) = e else { return Halt::Later(FAULT.to_owned()) };
    match said {
        RvError::TokenNotPresent | RvError::TokenNotRecognized | RvError::DeviceRemoved | RvError::SlotIdInvalid => {
            Halt::Later(TOKEN_ABSENT.to_owned())
        }
        RvError::PinIncorrect | RvError::PinInvalid | RvError::PinLenRange => Halt::stopped(TOKEN_PIN_WRONG),
        RvError::PinLocked | RvError::PinExpired => Halt::stopped(TOKEN_LOCKED),
        RvError::SessionClosed
        | RvError::SessionHandleInvalid
        | RvError::UserNotLoggedIn
        | RvError::DeviceError
        | RvError::CryptokiNotInitialized => Halt::Later(TOKEN_LOST.to_owned()),
        RvError::KeyHandleInvalid | RvError::ObjectHandleInvalid => Halt::stopped(TOKEN_KEY_ABSENT),
        RvError::MechanismInvalid | RvError::MechanismParamInvalid => Halt::stopped(TOKEN_SCHEME),
        _ => Halt::Later(FAULT.to_owned()),
    }
}

fn opened(libraries: &mut BTreeMap<PathBuf, Pkcs11>, path: &Path) -> Result<Pkcs11, Halt> {
    if let Some(known) = libraries.get(path) {
        return Ok(known.clone());
    }
    let library = Pkcs11::new(path).map_err(|e| fault(&e))?;
    match library.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)) {
        Ok(()) | Err(Error::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => {}
        Err(e) => return Err(fault(&e)),
    }
    libraries.insert(path.to_owned(), library.clone());
    Ok(library)
}

/// The slot of the one token that an address fits, and the token's serial number.
fn slot(library: &Pkcs11, at: &Address) -> Result<(Slot, String), Halt> {
    let is = |wanted: &str, has: &str| wanted.is_empty() || wanted == has.trim();
    let mut found = Vec::new();
    for slot in library.get_slots_with_token().map_err(|e| fault(&e))? {
        // One that is pulled out just now is not the one.
        let Ok(token) = library.get_token_info(slot) else { continue };
        if is(&at.token, token.label()) && is(&at.serial, token.serial_number()) {
            found.push((slot, token));
        }
    }
    // Two tokens that one address fits: a PIN is not tried at another's.
    let [(slot, token)] = found.as_slice() else {
        return Err(if found.is_empty() {
            Halt::Later(TOKEN_ABSENT.to_owned())
        } else {
            Halt::stopped(TOKEN_KEY_ABSENT)
        });
    };
    if token.user_pin_locked() {
        return Err(Halt::stopped(TOKEN_LOCKED));
    }
    if token.user_pin_final_try() {
        return Err(Halt::stopped(TOKEN_LAST_TRY));
    }
    Ok((*slot, token.serial_number().trim().to_owned()))
}

fn log_in(session: &Session, serial: String, pin: &str) -> Result<(), Halt> {
    let tried = (serial, mach_sign::sha256(pin.as_bytes()));
    let wrong = || WRONG.lock().unwrap_or_else(PoisonError::into_inner);
    if wrong().contains(&tried) {
        return Err(Halt::stopped(TOKEN_PIN_WRONG));
    }
    match session.login(UserType::User, Some(&AuthPin::new(pin.into()))) {
        Ok(()) | Err(Error::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => Ok(()),
        Err(e) => {
            let halt = fault(&e);
            if halt == Halt::stopped(TOKEN_PIN_WRONG) {
                wrong().insert(tried);
            }
            Err(halt)
        }
    }
}

fn mechanism(scheme: Scheme) -> Option<Mechanism<'static>> {
    let pss = PkcsPssParams { hash_alg: MechanismType::SHA256, mgf: PkcsMgfType::MGF1_SHA256, s_len: 32.into() };
    match scheme {
        // Tokens hash little themselves: the digest goes in.
        Scheme::EcdsaP256Sha256 => Some(Mechanism::Ecdsa),
        Scheme::RsaPss(mach_sign::key::Hash::Sha256) => Some(Mechanism::Sha256RsaPkcsPss(pss)),
        _ => None,
    }
}

/// The signature of a message by the key at an address, as the circular 15/2025/TT-BKHCN wants it: RSASSA-PSS with SHA-256, or
/// ECDSA on P-256. `library` is the file of [`module`]; `public` is the certificate's key.
///
/// # Errors
/// Why not, in a word of [`crate::words`]: for good, so that no try of a PIN is wasted, or for now.
pub fn sign(
    library: &Path,
    at: &Address,
    pin: Option<&str>,
    public: &PublicKey,
    message: &[u8],
) -> Result<Vec<u8>, Halt> {
    let scheme = public.schemes().first().copied().ok_or_else(|| Halt::stopped(TOKEN_SCHEME))?;
    let mechanism = mechanism(scheme).ok_or_else(|| Halt::stopped(TOKEN_SCHEME))?;
    let pin = pin.ok_or_else(|| Halt::Later(TOKEN_PIN_MISSING.to_owned()))?;
    let mut libraries = LIBRARIES.lock().unwrap_or_else(PoisonError::into_inner);
    let library = opened(&mut libraries, library)?;
    let (slot, serial) = slot(&library, at)?;
    let session = library.open_ro_session(slot).map_err(|e| fault(&e))?;
    log_in(&session, serial, pin)?;
    let mut wanted = vec![Attribute::Class(ObjectClass::PRIVATE_KEY), Attribute::Sign(true)];
    if !at.object.is_empty() {
        wanted.push(Attribute::Label(at.object.clone().into_bytes()));
    }
    if !at.id.is_empty() {
        wanted.push(Attribute::Id(at.id.clone()));
    }
    let found = session.find_objects(&wanted).map_err(|e| fault(&e))?;
    // Two keys that one address fits: neither is guessed.
    let [key] = found.as_slice() else { return Err(Halt::stopped(TOKEN_KEY_ABSENT)) };
    match scheme {
        Scheme::EcdsaP256Sha256 => {
            let fixed = session.sign(&mechanism, *key, &mach_sign::sha256(message)).map_err(|e| fault(&e))?;
            ecdsa_der(&fixed).map_err(|_| Halt::stopped(TOKEN_KEY_ABSENT))
        }
        _ => session.sign(&mechanism, *key, message).map_err(|e| fault(&e)),
    }
}

/// PINs of tokens, by number of the signer: typed into a page and kept until the program ends, or in a file that is sealed with
/// the keys of the house (`signing/pins/N`). None lies anywhere in clear.
#[derive(Default)]
pub struct Pins {
    typed: Mutex<BTreeMap<i64, String>>,
}

impl std::fmt::Debug for Pins {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Pins")
    }
}

fn row(signer: i64) -> String {
    format!("token pin {signer}")
}

impl Pins {
    /// Keeps one in memory, in place of what was there, a sealed one too.
    ///
    /// # Errors
    /// Of the file.
    pub fn hold(&self, folder: &Path, signer: i64, pin: &str) -> Result<(), String> {
        self.forget(folder, signer)?;
        self.typed.lock().unwrap_or_else(PoisonError::into_inner).insert(signer, pin.to_owned());
        Ok(())
    }

    /// Keeps one in a sealed file too, for its owner's eyes.
    ///
    /// # Errors
    /// Of the keys and of the file.
    pub fn seal(&self, folder: &Path, signer: i64, pin: &str) -> Result<(), String> {
        let ring = mach_seal::ring().map_err(|e| e.to_string())?;
        let sealed = ring.seal_text(mach_seal::Purpose::Secret, &row(signer), pin).map_err(|e| e.to_string())?;
        let path = folder.join("pins").join(signer.to_string());
        mach_house::files::keep(&path, &sealed, true)?;
        self.typed.lock().unwrap_or_else(PoisonError::into_inner).insert(signer, pin.to_owned());
        Ok(())
    }

    /// Forgets the PIN of a signer's token, in memory and in its file.
    ///
    /// # Errors
    /// Of the file.
    pub fn forget(&self, folder: &Path, signer: i64) -> Result<(), String> {
        self.typed.lock().unwrap_or_else(PoisonError::into_inner).remove(&signer);
        let path = folder.join("pins").join(signer.to_string());
        match std::fs::remove_file(&path) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(format!("`{}`: {e}", path.display())),
            _ => Ok(()),
        }
    }

    /// The PIN of a signer's token; `None` where nobody typed it since the program began and none is sealed.
    ///
    /// # Errors
    /// What cannot be opened, also where it lies in clear.
    pub fn of(&self, folder: &Path, signer: i64) -> Result<Option<String>, String> {
        if let Some(pin) = self.typed.lock().unwrap_or_else(PoisonError::into_inner).get(&signer) {
            return Ok(Some(pin.clone()));
        }
        let path = folder.join("pins").join(signer.to_string());
        let at = |e: &dyn std::fmt::Display| format!("`{}`: {e}", path.display());
        match std::fs::read_to_string(&path) {
            Ok(sealed) => mach_seal::open_text(&row(signer), sealed.trim()).map(Some).map_err(|e| at(&e)),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(at(&e)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_name_one_key() {
        let one = Address::parse("pkcs11:token=HUE%2001;object=ky-so;id=%01%aB?module-name=vnpt").expect("an address");
        assert_eq!((one.token.as_str(), one.object.as_str(), one.module.as_str()), ("HUE 01", "ky-so", "vnpt"));
        assert_eq!(one.id, [1, 0xab]);
        for bad in [
            "",
            "pkcs11:",
            "pkcs11:object=a",
            "pkcs11:token=a",
            "pkcs11:token=a;object=b?pin-value=1234",
            "pkcs11:token=a;object=b?module-path=/tmp/evil.so",
            "pkcs11:token=a;object=%4",
            "file:token=a;object=b",
        ] {
            assert_eq!(Address::parse(bad), None, "{bad}");
        }
    }
}
