//! Calling other machines, at addresses that somebody chose: receivers of subscriptions, the keys of apps, providers of sign-on.
//!
//! One request on a connection of its own, to an address that was looked at before, with an end in time.
//! Redirects are not followed: they would lead past what was allowed. Of an answer no more is read than was asked for.

pub mod endpoint;
pub mod kept;

use axum::body::Bytes;
use axum::http::{Method, Request, StatusCode, header};
use endpoint::{Allowed, Endpoint, reachable};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use mach_base::limits;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;

/// A request to a receiver.
#[derive(Clone)]
pub struct Call {
    /// To where.
    pub endpoint: Endpoint,
    /// Where it may lead.
    pub allowed: Allowed,
    /// GET, POST or PUT.
    pub method: Method,
    /// Headers that its author gave, read.
    pub headers: Vec<(String, String)>,
    /// Media type and body; nothing for an empty one.
    pub body: Option<(&'static str, String)>,
    /// In what time it must be answered.
    pub within: Duration,
}

/// Calls a receiver.
///
/// # Errors
/// Why it did not take the request, without anything its author keeps secret.
pub async fn send(call: Call) -> Result<(), String> {
    fetch(call, 0).await.map(drop)
}

/// Calls an address; gives what it answered with success, at most `limit` bytes.
///
/// # Errors
/// Why there is no answer.
pub async fn fetch(call: Call, limit: usize) -> Result<Bytes, String> {
    let (status, body) = timed(call, limit).await?;
    match status.as_u16() {
        200..=299 => Ok(body),
        300..=399 => Err(format!("the receiver answered {status}: redirects are not followed")),
        _ => Err(format!("the receiver answered {status}")),
    }
}

/// Calls an address; gives the status and the body of whatever it answers, at most `limit` bytes.
///
/// # Errors
/// Why there is no answer.
pub async fn ask(call: Call, limit: usize) -> Result<(u16, Bytes), String> {
    timed(call, limit).await.map(|(status, body)| (status.as_u16(), body))
}

async fn timed(call: Call, limit: usize) -> Result<(StatusCode, Bytes), String> {
    let seconds = call.within.as_secs();
    match tokio::time::timeout(call.within, sent(call, limit)).await {
        Ok(done) => done,
        Err(_) => Err(format!("the receiver did not answer within {seconds} s")),
    }
}

async fn sent(call: Call, limit: usize) -> Result<(StatusCode, Bytes), String> {
    let endpoint = &call.endpoint;
    let found = lookup_host((endpoint.host.as_str(), endpoint.port))
        .await
        .map_err(|_| "the receiver's name leads nowhere".to_owned())?;
    let mut last = String::new();
    let mut stream = None;
    for address in reachable(found, call.allowed)? {
        match TcpStream::connect(address).await {
            Ok(open) => {
                stream = Some(open);
                break;
            }
            Err(e) => last = format!("the receiver cannot be reached: {}", e.kind()),
        }
    }
    let Some(stream) = stream else { return Err(last) };
    // A body and its head go out at once; nothing waits for more to be written.
    stream.set_nodelay(true).map_err(|e| e.to_string())?;
    if !endpoint.tls {
        return exchange(stream, &call, limit).await;
    }
    let name =
        ServerName::try_from(endpoint.host.clone()).map_err(|_| "the receiver's name is none for TLS".to_owned())?;
    let connector = TlsConnector::from(mach_tls::machine()?);
    let stream = connector.connect(name, stream).await.map_err(|e| format!("TLS with the receiver failed: {e}"))?;
    exchange(stream, &call, limit).await
}

async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    call: &Call,
    limit: usize,
) -> Result<(StatusCode, Bytes), String> {
    let failed = |e: hyper::Error| format!("the receiver ended the connection: {e}");
    let (mut sender, connection) = http1::Builder::new()
        .max_buf_size(limits::SUBSCRIPTION_ANSWER_BYTES)
        .handshake::<_, Full<Bytes>>(TokioIo::new(stream))
        .await
        .map_err(failed)?;
    // The connection ends with the request: it is dropped with this future, also where time is up.
    let mut running = tokio::task::JoinSet::new();
    running.spawn(async move {
        // What goes wrong on the connection is told to the request.
        let _ = connection.await;
    });
    let mut request = Request::builder()
        .method(call.method.clone())
        .uri(call.endpoint.path.as_str())
        .header(header::HOST, call.endpoint.authority())
        .header(header::USER_AGENT, concat!("mach/", env!("CARGO_PKG_VERSION")))
        .header(header::CONNECTION, "close");
    for (name, value) in &call.headers {
        request = request.header(name, value);
    }
    let mut body = String::new();
    if let Some((kind, text)) = &call.body {
        request = request.header(header::CONTENT_TYPE, *kind);
        body.clone_from(text);
    }
    let request = request.body(Full::new(Bytes::from(body))).map_err(|_| "the request cannot be written".to_owned())?;
    let answer = sender.send_request(request).await.map_err(failed)?;
    let status = answer.status();
    if limit == 0 {
        return Ok((status, Bytes::new()));
    }
    let body = Limited::new(answer.into_body(), limit).collect().await;
    body.map(|b| (status, b.to_bytes())).map_err(|e| format!("the answer cannot be read: {e}"))
}
