//! Being called: the listener's certificate and key, and whose client certificates are believed.

use crate::client::provider;
use crate::files;
use rustls::ServerConfig;
use rustls::server::WebPkiClientVerifier;
use sha2::{Digest, Sha256};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::SystemTime;

/// Where the listener's certificate lies, PEM.
#[derive(Clone, Debug)]
pub struct Files {
    /// Certificate, then those that vouch for it.
    pub cert: PathBuf,
    /// Its private key.
    pub key: PathBuf,
    /// Authorities whose client certificates are believed. Who shows none is served all the same; who shows another is not.
    pub client_ca: Option<PathBuf>,
}

/// Size and time of each file: another means another content.
type Stamp = Vec<Option<(u64, SystemTime)>>;

/// The listener's certificate, as read last.
pub struct Server {
    files: Files,
    now: RwLock<Arc<ServerConfig>>,
    seen: Mutex<Stamp>,
}

impl Server {
    /// Reads the files.
    ///
    /// # Errors
    /// Which file cannot be used, and why.
    pub fn load(files: Files) -> Result<Self, String> {
        let seen = Mutex::new(stamp(&files));
        let now = RwLock::new(read(&files)?);
        Ok(Self { files, now, seen })
    }

    /// Reads the files again, for connections from now on; where they cannot be used the certificate before stays.
    ///
    /// # Errors
    /// Why they cannot be used.
    pub fn reload(&self) -> Result<(), String> {
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = stamp(&self.files);
        let new = read(&self.files)?;
        *self.now.write().unwrap_or_else(PoisonError::into_inner) = new;
        Ok(())
    }

    /// Whether a file is another than when it was last read, well or not.
    pub fn is_changed(&self) -> bool {
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) != stamp(&self.files)
    }

    /// What a new connection is taken with.
    pub fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.now.read().unwrap_or_else(PoisonError::into_inner))
    }
}

fn stamp(files: &Files) -> Stamp {
    let all = [Some(&files.cert), Some(&files.key), files.client_ca.as_ref()];
    let one = |path: &PathBuf| {
        let file = std::fs::metadata(path).ok()?;
        Some((file.len(), file.modified().ok()?))
    };
    all.into_iter().flatten().map(one).collect()
}

fn read(files: &Files) -> Result<Arc<ServerConfig>, String> {
    let versions = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|e| e.to_string())?;
    let asked = match &files.client_ca {
        None => versions.with_no_client_auth(),
        Some(file) => {
            let roots = Arc::new(files::roots(file, true)?);
            let verifier =
                WebPkiClientVerifier::builder_with_provider(roots, provider()).allow_unauthenticated().build();
            versions.with_client_cert_verifier(verifier.map_err(|e| files::unusable(file, e))?)
        }
    };
    let mut config = asked
        .with_single_cert(files::chain(&files.cert)?, files::key(&files.key)?)
        .map_err(|e| files::unusable(&files.cert, e))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// The SHA-256 of a certificate as it was shown (DER): `x5t#S256` of RFC 8705.
pub fn fingerprint(certificate: &[u8]) -> [u8; 32] {
    Sha256::digest(certificate).into()
}
