//! What signing needs beside the store: keys, whom to trust, proof of time, the address that papers name.
//!
//! | file of the data folder | |
//! |---|---|
//! | `trust/` | who is trusted, and what they revoked: [`mach_house::trust`] |
//! | `signing/keys/N.pem` | the secret key of signer N (PKCS#8), for its owner's eyes |
//! | `signing/modules.tsv` | libraries that speak to tokens (PKCS#11): name, tab, path |
//! | `signing/pins/N` | what opens the token of signer N, sealed with the keys of the house |
//! | `signing/time.pem` | a timestamping service of the demonstration: key and certificates |
//! | `simulated/` | the signing service of the demonstration: [`crate::phone`] |

use crate::codes;
use crate::confirm::Confirmations;
use crate::handings::Handings;
use crate::phone::Phone;
use crate::services;
use crate::token::{self, Address, Pins};
use crate::words::{FAULT, Halt, TOKEN_KEY_ABSENT, UNTRUSTED};
use mach_access::{Act, Actor, decide};
use mach_house::sms::{Gateway, Unset};
use mach_house::trust;
use mach_sign::authority::Authority;
use mach_sign::certificate::Certificate;
use mach_sign::key::{Hash, Scheme, Signer as _, SoftKey};
use mach_sign::remote::Service;
use mach_sign::time::now;
use mach_sign::timestamp;
use mach_sign::trust::Trust;
use mach_store::Store;
use mach_store::signing::{self, Provider, Signer};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Gives keys and trust to whoever signs.
pub trait Keys {
    /// Who is trusted, with the revocation data at hand.
    ///
    /// # Errors
    /// What cannot be read: then nothing is signed.
    fn trust(&self) -> Result<Arc<Trust>, String>;

    /// The secret key of a signer that is kept here.
    ///
    /// # Errors
    /// That it is not here, or cannot be read.
    fn soft(&self, signer: &Signer) -> Result<SoftKey, String>;

    /// The signature of a message by a key in a token, unchecked.
    ///
    /// # Errors
    /// Why not, for good or for now.
    fn token(&self, signer: &Signer, message: &[u8]) -> std::result::Result<Vec<u8>, Halt> {
        let _ = (signer, message);
        Err(Halt::Later(FAULT.to_owned()))
    }

    /// The service of a provider with which keys are, where it is set up here.
    ///
    /// # Errors
    /// What is set up and cannot be used.
    fn service(&self, provider: Provider) -> Result<Option<Box<dyn Service + '_>>, String>;

    /// Whether there is proof of time here.
    fn has_time(&self) -> bool;

    /// A timestamp of a signature's bytes.
    ///
    /// # Errors
    /// What the service says.
    fn time(&self, signature: &[u8]) -> mach_sign::Result<Vec<u8>>;

    /// The key that signs the codes of papers; `None` where there is none, or none that can be used.
    fn codes(&self) -> Option<codes::Signer> {
        None
    }

    /// The address of this program as others reach it, without a slash at its end.
    fn base(&self) -> &str;

    /// Notes that papers were taken back: the list for verifiers without the house is to be written.
    fn papers_changed(&self) {}
}

/// Keys and trust in files of the data folder.
#[derive(Debug)]
pub struct Desk {
    data: PathBuf,
    base: String,
    /// Whether the list of papers taken back may say less than the store.
    stale: AtomicBool,
    /// What opens tokens.
    pins: Pins,
    /// Files that are with the signers' own machines.
    handings: Handings,
    /// Papers that somebody without a key is to confirm.
    confirmations: Confirmations,
    /// What carries codes to telephones.
    messages: Arc<dyn Gateway>,
    /// The demonstration's signing service.
    phone: Option<Phone>,
}

impl Desk {
    /// Upon a data folder; `base` is the address by which others reach this program.
    pub fn upon(data: &Path, base: impl Into<String>) -> Self {
        Self {
            data: data.to_path_buf(),
            base: base.into(),
            stale: AtomicBool::new(true),
            pins: Pins::default(),
            handings: Handings::default(),
            confirmations: Confirmations::default(),
            messages: Arc::new(Unset),
            phone: None,
        }
    }

    /// The same, with a simulated signing service where none is set up: for a demonstration alone.
    pub fn simulating(self) -> Self {
        Self { phone: Some(Phone::upon(&self.data)), ..self }
    }

    /// The simulated signing service.
    pub fn phone(&self) -> Option<&Phone> {
        self.phone.as_ref()
    }

    /// Whether keys of a provider are with the simulated service.
    pub fn simulates(&self, provider: Provider) -> bool {
        let set_up = || matches!(services::of(&self.data, provider), Ok(Some(_)));
        provider == Provider::SmartCa && self.phone.is_some() && !set_up()
    }

    /// The same, with what carries codes to telephones.
    pub fn sending(self, messages: Arc<dyn Gateway>) -> Self {
        Self { messages, ..self }
    }

    /// What carries codes to telephones.
    pub fn messages(&self) -> &dyn Gateway {
        self.messages.as_ref()
    }

    /// Papers that somebody without a key is to confirm.
    pub fn confirmations(&self) -> &Confirmations {
        &self.confirmations
    }

    /// The data folder.
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// Files that are with the signers' own machines.
    pub(crate) fn handings(&self) -> &Handings {
        &self.handings
    }

    /// The folder of keys.
    fn folder(&self) -> PathBuf {
        self.data.join("signing")
    }

    /// Where the secret key of a signer is expected.
    pub fn key_file(&self, signer: i64) -> PathBuf {
        self.folder().join("keys").join(format!("{signer}.pem"))
    }

    /// Where the demonstration's timestamping service is.
    pub fn time_file(&self) -> PathBuf {
        self.folder().join("time.pem")
    }

    /// Notes that the list says what the store says.
    pub fn papers_written(&self) {
        self.stale.store(false, Ordering::SeqCst);
    }

    /// Whether the list is still to be written.
    pub fn are_papers_stale(&self) -> bool {
        self.stale.load(Ordering::SeqCst)
    }

    /// Keeps what opens a signer's token: until the program ends, and `sealed` in a file that a restart finds.
    ///
    /// # Errors
    /// Of the keys of the house and of the file.
    pub fn keep_pin(&self, signer: i64, pin: &str, sealed: bool) -> Result<(), String> {
        if sealed {
            return self.pins.seal(&self.folder(), signer, pin);
        }
        self.pins.hold(&self.folder(), signer, pin)
    }

    /// Forgets the PIN of a signer's token.
    ///
    /// # Errors
    /// Of the file.
    pub fn forget_pin(&self, signer: i64) -> Result<(), String> {
        self.pins.forget(&self.folder(), signer)
    }

    /// Whether this machine speaks to tokens.
    pub fn has_tokens(&self) -> bool {
        token::module(&self.folder(), "").is_ok()
    }

    /// The folder of whom to trust.
    pub fn trust_folder(&self) -> PathBuf {
        self.data.join(trust::FOLDER)
    }
}

/// Removes secret keys that once were kept beside certificates by mistake; gives how many signers had one. Whoever could read the
/// database could read them: they are told as lost.
///
/// # Errors
/// Of the store.
pub fn clean(store: &Store) -> mach_store::Result<usize> {
    let decision = decide(&Actor::console(), Act::Administer).map_err(|e| mach_store::Error::Refused(e.to_string()))?;
    let found = signing::chains_with_secrets(&mut store.read(&decision)?)?;
    let count = found.len();
    for (facility, id, text) in found {
        tracing::error!(
            "a secret key lay with the certificates of signer {id} and was removed: take it for known to others"
        );
        let chain = Certificate::from_pem(&text).unwrap_or_default();
        let chain: String = chain.iter().map(Certificate::to_pem).collect();
        store.write(&decision, move |tx| {
            tx.clean_chain(facility, id, &chain)?;
            tx.audit(None, &format!("signer {id} of facility {facility}: secret key removed"), "granted")
        })?;
    }
    Ok(count)
}

fn read(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|e| format!("`{}`: {e}", path.display()))
}

impl Keys for Desk {
    fn trust(&self) -> Result<Arc<Trust>, String> {
        trust::kept(&self.trust_folder())
    }

    fn soft(&self, signer: &Signer) -> Result<SoftKey, String> {
        let path = self.key_file(signer.id);
        SoftKey::from_pem(&read(&path)?).map_err(|e| format!("`{}`: {e}", path.display()))
    }

    fn token(&self, signer: &Signer, message: &[u8]) -> std::result::Result<Vec<u8>, Halt> {
        let fault = |e: String| {
            tracing::warn!("the token of signer {}: {e}", signer.id);
            Halt::Later(FAULT.to_owned())
        };
        let Some(at) = Address::parse(&signer.subscriber) else { return Err(Halt::stopped(TOKEN_KEY_ABSENT)) };
        let chain = Certificate::from_pem(&signer.chain).map_err(|_| Halt::stopped(UNTRUSTED))?;
        let own = chain.first().ok_or_else(|| Halt::stopped(UNTRUSTED))?;
        let library = token::module(&self.folder(), &at.module).map_err(fault)?;
        let pin = self.pins.of(&self.folder(), signer.id).map_err(fault)?;
        token::sign(&library, &at, pin.as_deref(), &own.key, message)
    }

    fn service(&self, provider: Provider) -> Result<Option<Box<dyn Service + '_>>, String> {
        if let Some(service) = services::of(&self.data, provider)? {
            return Ok(Some(service));
        }
        let phone = self.phone.as_ref().filter(|_| provider == Provider::SmartCa);
        Ok(phone.map(|phone| Box::new(phone.service()) as Box<dyn Service>))
    }

    fn has_time(&self) -> bool {
        self.time_file().exists()
    }

    fn time(&self, signature: &[u8]) -> mach_sign::Result<Vec<u8>> {
        let path = self.time_file();
        let text = read(&path).map_err(mach_sign::Error::Refused)?;
        let mut chain = Certificate::from_pem(&text)?;
        let own = chain.remove(0);
        let service = Authority::of(SoftKey::from_pem(&text)?, own)?;
        let query = timestamp::Query::new(signature)?;
        query.token(&timestamp::answer(&query.to_der(), &service, &chain, now())?)
    }

    fn codes(&self) -> Option<codes::Signer> {
        codes::open(&self.data).unwrap_or_else(|e| {
            tracing::warn!("papers get a code without a signature: {e}");
            None
        })
    }

    fn base(&self) -> &str {
        &self.base
    }

    fn papers_changed(&self) {
        self.stale.store(true, Ordering::SeqCst);
    }
}

/// The scheme a key signs XML with: RSA as the gateway's documentation asks it, by SHA-256 (QĐ 1551/QĐ-BYT).
///
/// # Errors
/// `Unsupported` where the key has no such scheme.
pub fn for_gateway(key: SoftKey) -> mach_sign::Result<SoftKey> {
    match key.scheme() {
        Scheme::RsaPss(_) | Scheme::RsaPkcs1(_) => key.with_scheme(Scheme::RsaPkcs1(Hash::Sha256)),
        _ => Ok(key),
    }
}
