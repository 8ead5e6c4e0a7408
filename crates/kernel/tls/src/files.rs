//! Certificates and keys from PEM files, with words for what is wrong with them.

use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::fmt::Display;
use std::path::Path;

/// What is said of a file that cannot be used.
pub fn unusable(path: &Path, why: impl Display) -> String {
    format!("`{}` cannot be used for TLS: {why}", path.display())
}

/// The certificates of a file, in its order; at least one.
pub fn chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let read = CertificateDer::pem_file_iter(path).map_err(|e| unusable(path, e))?;
    let chain: Vec<_> = read.collect::<Result<_, _>>().map_err(|e| unusable(path, e))?;
    if chain.is_empty() {
        return Err(unusable(path, "it holds no certificate"));
    }
    Ok(chain)
}

/// The private key of a file: PKCS#8, PKCS#1 or SEC1.
pub fn key(path: &Path) -> Result<PrivateKeyDer<'static>, String> {
    PrivateKeyDer::from_pem_file(path).map_err(|e| unusable(path, e))
}

/// The authorities of a file. `strict`: each must be readable; a machine's own list may hold some that are not.
pub fn roots(path: &Path, strict: bool) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    let certificates = chain(path)?;
    if strict {
        for certificate in certificates {
            roots.add(certificate).map_err(|e| unusable(path, e))?;
        }
    } else {
        roots.add_parsable_certificates(certificates);
    }
    if roots.is_empty() {
        return Err(unusable(path, "it names no authority to trust"));
    }
    Ok(roots)
}
