//! What signing needs beside the store: keys, whom to trust, proof of time, the address that papers name.
//!
//! | file of the data folder | |
//! |---|---|
//! | `trust/` | who is trusted, and what they revoked: [`mach_house::trust`] |
//! | `signing/keys/N.pem` | the secret key of signer N (PKCS#8), for its owner's eyes |
//! | `signing/time.pem` | a timestamping service of the demonstration: key and certificates |

use mach_house::trust;
use mach_sign::authority::Authority;
use mach_sign::certificate::Certificate;
use mach_sign::key::{Hash, Scheme, Signer as _, SoftKey};
use mach_sign::remote::Service;
use mach_sign::time::now;
use mach_sign::timestamp;
use mach_sign::trust::Trust;
use mach_store::signing::{Provider, Signer};
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

    /// The service of a provider with which keys are, where it is set up here.
    fn service(&self, provider: Provider) -> Option<&dyn Service>;

    /// Whether there is proof of time here.
    fn has_time(&self) -> bool;

    /// A timestamp of a signature's bytes.
    ///
    /// # Errors
    /// What the service says.
    fn time(&self, signature: &[u8]) -> mach_sign::Result<Vec<u8>>;

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
}

impl Desk {
    /// Upon a data folder; `base` is the address by which others reach this program.
    pub fn upon(data: &Path, base: impl Into<String>) -> Self {
        Self { data: data.to_path_buf(), base: base.into(), stale: AtomicBool::new(true) }
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

    /// The folder of whom to trust.
    pub fn trust_folder(&self) -> PathBuf {
        self.data.join(trust::FOLDER)
    }
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

    fn service(&self, _provider: Provider) -> Option<&dyn Service> {
        None
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
