//! Connections: taken, limited, served, ended.
//!
//! `axum::serve` has no limits and no timeouts, so hyper is driven here. What a hostile client can do: open thousands of
//! connections (`crowd`), send a head byte by byte (hyper's timer), a body byte by byte or never take the answer
//! (`patience`), send heads or bodies without end (limits of hyper, of the router, of all bodies together).

use super::crowd::{Crowd, Guest, Seat, Stage};
use super::limits::Limits;
use super::patience::{Arriving, Fault, Leaving, Patience, Room, Share};
use axum::Router;
use axum::body::Body;
use axum::http::{HeaderValue, Request, Response, StatusCode, header};
use hyper::body::{Body as _, Incoming};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use mach_house::Peer;
use mach_house::pace::Network;
use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;

/// How long the listener rests where the system has no socket left to give.
const REST: Duration = Duration::from_millis(50);

/// Told where there is no room for a connection and nobody can go for it.
const FULL: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 5\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

/// A browser that came by TLS once comes by TLS only, for a year.
const A_YEAR: &str = "max-age=31536000";

/// What all connections share.
pub struct Shared {
    router: Router,
    limits: Limits,
    room: Arc<Room>,
    crowd: Arc<Crowd>,
    tls: Option<Arc<mach_tls::Server>>,
}

impl Shared {
    /// Serves `router` within `limits`, over TLS where there is some.
    pub fn new(router: Router, limits: Limits, tls: Option<Arc<mach_tls::Server>>) -> Arc<Self> {
        Self::behind(Vec::new(), router, limits, tls)
    }

    /// The same behind proxies, each of which comes for many.
    pub fn behind(
        proxies: Vec<Network>,
        router: Router,
        limits: Limits,
        tls: Option<Arc<mach_tls::Server>>,
    ) -> Arc<Self> {
        let crowd = Crowd::behind(proxies, limits.connections, limits.per_address);
        Arc::new(Self { router, limits, room: Room::new(limits.bodies_bytes), crowd, tls })
    }

    #[cfg(test)]
    pub fn crowd(&self) -> &Arc<Crowd> {
        &self.crowd
    }

    #[cfg(test)]
    pub fn room(&self) -> &Room {
        &self.room
    }
}

/// Takes connections until `stop` is done; then lets running requests finish.
pub async fn serve(listener: TcpListener, shared: Arc<Shared>, stop: impl Future<Output = ()>) {
    let (tell, ending) = watch::channel(false);
    let mut stop = std::pin::pin!(stop);
    loop {
        let next = async {
            shared.crowd.settled().await;
            listener.accept().await
        };
        let taken = tokio::select! { taken = next => taken, () = &mut stop => break };
        match taken {
            Ok((stream, peer)) => match shared.crowd.enter(peer.ip().to_canonical()) {
                Some(seat) => {
                    tokio::spawn(attend(stream, seat, Arc::clone(&shared), ending.clone()));
                }
                None => {
                    // As much of it as goes without waiting.
                    let _ = stream.try_write(FULL);
                }
            },
            Err(e) if is_of_one_connection(&e) => {}
            Err(e) => {
                tracing::error!("no connection can be taken: {e}");
                tokio::time::sleep(REST).await;
            }
        }
    }
    drop(listener);
    // Nobody hears it where nobody is connected.
    let _ = tell.send(true);
    shared.crowd.dismiss_idle();
    if tokio::time::timeout(shared.limits.finish, shared.crowd.finished()).await.is_err() {
        tracing::warn!("stopped with {} connections unfinished", shared.crowd.len());
    }
}

/// The connection ended before it was taken; the next one may be well.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

async fn attend(stream: TcpStream, seat: Seat, shared: Arc<Shared>, ending: watch::Receiver<bool>) {
    // Small answers go out at once. Where the system cannot, they go out a little later.
    let _ = stream.set_nodelay(true);
    let guest = Arc::clone(&seat.guest);
    let mut peer = Peer { address: guest.address(), certificate: None };
    let io = Watched { stream, patience: Patience::new(&shared.limits), seat };
    let Some(tls) = shared.tls.as_ref().map(|tls| TlsAcceptor::from(tls.config())) else {
        return converse(io, (guest, peer), shared, ending).await;
    };
    let shaken = tokio::select! {
        shaken = tokio::time::timeout(shared.limits.handshake, tls.accept(io)) => shaken,
        () = guest.told_to_leave() => return,
    };
    // A handshake that fails, or does not come, ends the connection; there is nobody left to tell.
    let Ok(Ok(io)) = shaken else { return };
    let shown = io.get_ref().1.peer_certificates().and_then(|chain| chain.first());
    peer.certificate = shown.map(|certificate| mach_tls::fingerprint(certificate));
    converse(io, (guest, peer), shared, ending).await;
}

/// Answers what one connection asks, until it ends or has to go.
async fn converse(
    io: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    (guest, peer): (Arc<Guest>, Peer),
    shared: Arc<Shared>,
    mut ending: watch::Receiver<bool>,
) {
    let limits = shared.limits;
    let to_answer = Arc::clone(&guest);
    let service = hyper::service::service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(peer.clone());
        answer(request, Arc::clone(&to_answer), Arc::clone(&shared))
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head)
        .max_headers(limits.headers)
        .max_header_size(limits.head_bytes)
        .serve_connection(TokioIo::new(io), service)
        .with_upgrades();
    let mut connection = std::pin::pin!(connection);
    let mut told = false;
    loop {
        tokio::select! {
            // A connection that fails ends; there is nobody left to tell.
            _ = &mut connection => return,
            () = guest.told_to_leave() => return,
            changed = ending.changed(), if !told => {
                told = true;
                if changed.is_ok() {
                    connection.as_mut().graceful_shutdown();
                }
            }
        }
    }
}

async fn answer(
    mut request: Request<Incoming>,
    guest: Arc<Guest>,
    shared: Arc<Shared>,
) -> Result<Response<Leaving>, Infallible> {
    guest.set(if request.body().is_end_stream() { Stage::Working } else { Stage::Receiving });
    let fhir = request.uri().path().starts_with("/fhir");
    let share = Share::of(&shared.room);
    if shared.tls.is_some() {
        // Links in answers are made from it, whatever the client said.
        request.headers_mut().insert("x-forwarded-proto", HeaderValue::from_static("https"));
    }
    let request =
        request.map(|body| Body::new(Arriving::new(body, &shared.limits, Arc::clone(&share), Arc::clone(&guest))));
    let answered = match shared.router.clone().oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    };
    let mut answered = match share.fault() {
        Some(fault) => refused(fault, fhir),
        None => answered,
    };
    if shared.tls.is_some() {
        answered.headers_mut().insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static(A_YEAR));
    }
    let upgraded = answered.status() == StatusCode::SWITCHING_PROTOCOLS;
    guest.set(if upgraded { Stage::Upgraded } else { Stage::Sending });
    Ok(answered.map(|body| Leaving::new(body, guest)))
}

/// Said of a body that did not come, or for which there is no room.
fn refused(fault: Fault, fhir: bool) -> Response<Body> {
    let (status, code, text) = match fault {
        Fault::Slow => {
            (StatusCode::REQUEST_TIMEOUT, "timeout", "the body came too slowly; nothing was stored; send it again")
        }
        Fault::NoRoom => (
            StatusCode::SERVICE_UNAVAILABLE,
            "throttled",
            "too many bodies are being received at once; nothing was stored; send it again in some seconds",
        ),
    };
    let body = format!(
        "{{\"resourceType\":\"OperationOutcome\",\"issue\":[{{\"severity\":\"error\",\"code\":\"{code}\",\
         \"diagnostics\":\"{text}\"}}]}}"
    );
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let kind = if fhir { "application/fhir+json; charset=utf-8" } else { "application/json" };
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if fault == Fault::NoRoom {
        headers.insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
    }
    response
}

/// A socket whose other side must take what is written to it. It keeps the connection's seat.
struct Watched {
    stream: TcpStream,
    patience: Patience,
    seat: Seat,
}

impl Watched {
    fn wrote(&mut self, context: &mut Context<'_>, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match written {
            Poll::Pending => {
                std::task::ready!(self.patience.waits(context));
                Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client does not take its answer")))
            }
            Poll::Ready(Ok(bytes)) => {
                self.patience.moved(bytes);
                Poll::Ready(Ok(bytes))
            }
            Poll::Ready(Err(e)) => Poll::Ready(Err(e)),
        }
    }
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Watched {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.wrote(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, parts);
        self.wrote(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        std::task::ready!(Pin::new(&mut self.stream).poll_flush(context))?;
        if self.seat.guest.stage() == Stage::Flushing {
            self.seat.guest.set(Stage::Idle);
            self.patience.reset();
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
