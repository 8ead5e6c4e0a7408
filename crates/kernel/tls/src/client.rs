//! Calling others: receivers of subscriptions, witnesses, the database, the monitoring centre.

use crate::files;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

/// Where Debian and its relatives keep the authorities a machine trusts; `SSL_CERT_FILE` names another file.
const AUTHORITIES: &str = "/etc/ssl/certs/ca-certificates.crt";

/// The authorities of `file`; of this machine where none is given.
///
/// # Errors
/// Which file cannot be used, and why.
pub fn authorities(file: Option<&Path>) -> Result<RootCertStore, String> {
    match file {
        Some(file) => files::roots(file, true),
        None => {
            let file = std::env::var_os("SSL_CERT_FILE").map_or_else(|| PathBuf::from(AUTHORITIES), PathBuf::from);
            files::roots(&file, false).map_err(|e| format!("{e}; install ca-certificates"))
        }
    }
}

/// For calls to whomever this machine's authorities vouch for; they are read once.
///
/// # Errors
/// Why the authorities cannot be read.
pub fn machine() -> Result<Arc<ClientConfig>, String> {
    static TRUST: OnceLock<Result<Arc<ClientConfig>, String>> = OnceLock::new();
    let read = || {
        let config = builder()?.with_root_certificates(authorities(None)?).with_no_client_auth();
        Ok(Arc::new(config))
    };
    TRUST.get_or_init(read).clone()
}

/// How far a database's certificate is looked at, in PostgreSQL's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    /// `require` without authorities: encrypted, to whomever answers.
    Nothing,
    /// `verify-ca`, and `require` with authorities: an authority vouches for it, whatever its name.
    Authority,
    /// `verify-full`: the name must be the one that was called.
    Name,
}

/// For a connection to a database: how its certificate is looked at, by which authorities (the machine's if none is given),
/// which certificate and key we show if it asks.
///
/// # Errors
/// Which file cannot be used, and why.
pub fn to_database(
    check: Check,
    root: Option<&Path>,
    own: Option<(&Path, &Path)>,
) -> Result<Arc<ClientConfig>, String> {
    let builder = builder()?;
    let asked = match check {
        Check::Name => builder.with_root_certificates(authorities(root)?),
        Check::Authority | Check::Nothing => {
            let inner = if check == Check::Nothing { None } else { Some(verifier(authorities(root)?)?) };
            let verifier = Arc::new(AnyName { inner, provider: provider() });
            builder.dangerous().with_custom_certificate_verifier(verifier)
        }
    };
    let config = match own {
        None => asked.with_no_client_auth(),
        Some((cert, key)) => {
            asked.with_client_auth_cert(files::chain(cert)?, files::key(key)?).map_err(|e| files::unusable(cert, e))?
        }
    };
    Ok(Arc::new(config))
}

pub fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: OnceLock<Arc<CryptoProvider>> = OnceLock::new();
    Arc::clone(PROVIDER.get_or_init(|| Arc::new(ring::default_provider())))
}

fn builder() -> Result<rustls::ConfigBuilder<ClientConfig, rustls::WantsVerifier>, String> {
    ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions().map_err(|e| e.to_string())
}

fn verifier(roots: RootCertStore) -> Result<Arc<WebPkiServerVerifier>, String> {
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider()).build().map_err(|e| e.to_string())
}

/// Asks an authority, or nobody, and not for the name. That whoever answers holds the certificate's key is always proven.
#[derive(Debug)]
struct AnyName {
    inner: Option<Arc<WebPkiServerVerifier>>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for AnyName {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(inner) = &self.inner else { return Ok(ServerCertVerified::assertion()) };
        // The name is looked at last, when everything else was found right.
        match inner.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now) {
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            other => other,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
