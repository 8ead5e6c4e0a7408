//! TLS on a listener: from which files, when they are read again, who is sent over from the plain address.

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use clap::Args;
use mach_base::limits;
use mach_tls::Server;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Certificate and key of a listener.
#[derive(Args, Clone)]
pub struct Files {
    /// Serve TLS with this certificate and its chain, PEM; read again when it changes, and at SIGHUP
    #[arg(long, env = "MACH_TLS_CERT", requires = "tls_key", value_name = "FILE")]
    pub tls_cert: Option<PathBuf>,
    /// The certificate's key, PEM
    #[arg(long, env = "MACH_TLS_KEY", requires = "tls_cert", value_name = "FILE")]
    pub tls_key: Option<PathBuf>,
    /// Authorities whose client certificates are believed, PEM: a machine proves by one who it is
    #[arg(long, env = "MACH_TLS_CLIENT_CA", requires = "tls_cert", value_name = "FILE")]
    pub tls_client_ca: Option<PathBuf>,
}

impl Files {
    /// Reads them, where they were given.
    ///
    /// # Errors
    /// Which file cannot be used, and why.
    pub fn load(&self) -> Result<Option<Arc<Server>>, String> {
        let (Some(cert), Some(key)) = (self.tls_cert.clone(), self.tls_key.clone()) else { return Ok(None) };
        let files = mach_tls::Files { cert, key, client_ca: self.tls_client_ca.clone() };
        Server::load(files).map(|server| Some(Arc::new(server)))
    }
}

/// Reads the certificate again when a file changes, and at each SIGHUP. Connections that are open keep the one they have.
pub async fn follow(tls: Arc<Server>) {
    let mut clock = tokio::time::interval(Duration::from_secs(limits::TLS_RELOAD_SECONDS));
    clock.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    #[cfg(unix)]
    let mut hangups = match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::hangup()) {
        Ok(hangups) => hangups,
        Err(e) => return tracing::error!("the certificate is not read again: {e}"),
    };
    loop {
        #[cfg(unix)]
        let told = tokio::select! { _ = clock.tick() => false, _ = hangups.recv() => true };
        #[cfg(not(unix))]
        let told = {
            clock.tick().await;
            false
        };
        if (told || tls.is_changed())
            && let Err(e) = tls.reload()
        {
            tracing::error!("{e}; the certificate before stays");
        }
    }
}

/// The plain address beside a TLS one: it says nothing but where the other is. `public` is its address if one was given, else
/// it is the host that was asked for, with the port of `listen`.
pub fn over_there(public: Option<String>, listen: SocketAddr) -> Router {
    Router::new().fallback(move |request: Request| {
        let base = public.clone().or_else(|| host(request.headers()).map(|host| with_port(&host, listen.port())));
        async move { redirect(base, request.uri().path_and_query().map_or("/", |p| p.as_str())) }
    })
}

fn redirect(base: Option<String>, path: &str) -> Response {
    match base {
        // 308: what was to be sent is sent again there, not lost.
        Some(base) => ([(header::CONNECTION, "close")], Redirect::permanent(&format!("{base}{path}"))).into_response(),
        None => (StatusCode::BAD_REQUEST, "no host was asked for\n").into_response(),
    }
}

/// The host of a request, without its port; none where it is no name or number of one.
fn host(headers: &HeaderMap) -> Option<String> {
    let host = headers.get(header::HOST)?.to_str().ok()?;
    let end = host.rfind(']').map_or(0, |at| at + 1);
    let name = host[end..].find(':').map_or(host, |at| &host[..end + at]);
    let fits = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b".-[]:".contains(&b));
    fits.then(|| name.to_owned())
}

fn with_port(host: &str, port: u16) -> String {
    if port == 443 { format!("https://{host}") } else { format!("https://{host}:{port}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_names_without_ports() {
        for (given, read) in [
            ("mach.vn", Some("mach.vn")),
            ("mach.vn:80", Some("mach.vn")),
            ("[::1]:80", Some("[::1]")),
            ("[::1]", Some("[::1]")),
            ("evil.vn/@mach.vn", None),
            ("a b", None),
            ("", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, given.parse().unwrap());
            assert_eq!(host(&headers).as_deref(), read, "{given}");
        }
        assert_eq!((with_port("a", 443), with_port("a", 8443)), ("https://a".to_owned(), "https://a:8443".to_owned()));
    }
}
