//! Hostile clients, over real sockets, with limits small enough to meet.

use super::limits::Limits;
use super::listen::{Shared, serve};
use axum::Router;
use axum::body::Bytes;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;

/// Bytes of `/big`: more than sockets hold.
const BIG: usize = 64 << 20;
/// A body that the router takes.
const TAKEN: usize = 100_000;

fn small() -> Limits {
    Limits {
        connections: 40,
        per_address: 40,
        head_bytes: 8_192,
        headers: 20,
        head: Duration::from_millis(400),
        handshake: Duration::from_millis(400),
        stall: Duration::from_millis(400),
        bytes_per_second: 1_000_000,
        bodies_bytes: 150_000,
        finish: Duration::from_secs(20),
    }
}

/// A server of its own.
struct Place {
    at: SocketAddr,
    shared: Arc<Shared>,
    /// `/waits` answers when told.
    go: Arc<Notify>,
    /// Told when `/waits` was asked.
    asked: Arc<Notify>,
    stop: Option<oneshot::Sender<()>>,
    server: JoinHandle<()>,
}

impl Place {
    async fn new(limits: Limits) -> Self {
        let (go, asked) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (until, tell) = (Arc::clone(&go), Arc::clone(&asked));
        let router = Router::new()
            .route("/ok", get(|| async { "ok" }))
            .route("/big", get(|| async { vec![b'x'; BIG] }))
            .route("/body", post(|body: Bytes| async move { body.len().to_string() }))
            .route(
                "/waits",
                get(move || async move {
                    tell.notify_one();
                    until.notified().await;
                    "done"
                }),
            )
            .layer(DefaultBodyLimit::max(TAKEN));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        let shared = Shared::new(router, limits, None);
        let (stop, stopped) = oneshot::channel::<()>();
        let server = tokio::spawn(serve(listener, Arc::clone(&shared), async move {
            let _ = stopped.await;
        }));
        Self { at, shared, go, asked, stop: Some(stop), server }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.at).await.unwrap()
    }

    /// What comes back for `request`, to the end of the connection.
    async fn ask(&self, request: &[u8]) -> String {
        let stream = self.connect().await;
        assert!(send(&stream, request).await);
        to_the_end(&stream).await
    }

    async fn serves(&self) {
        let answer = self.ask(b"GET /ok HTTP/1.1\r\nhost: m\r\nconnection: close\r\n\r\n").await;
        assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("ok"), "{answer}");
    }
}

/// Writes all; false where the other side is gone.
async fn send(stream: &TcpStream, mut bytes: &[u8]) -> bool {
    while !bytes.is_empty() {
        if stream.writable().await.is_err() {
            return false;
        }
        match stream.try_write(bytes) {
            Ok(written) => bytes = &bytes[written..],
            Err(e) if e.kind() == ErrorKind::WouldBlock => {}
            Err(_) => return false,
        }
    }
    true
}

/// Reads until the other side closes, or cuts.
async fn to_the_end(stream: &TcpStream) -> String {
    let (mut bytes, mut buffer) = (Vec::new(), vec![0; 1 << 16]);
    while stream.readable().await.is_ok() {
        match stream.try_read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => bytes.extend(&buffer[..read]),
            Err(e) if e.kind() == ErrorKind::WouldBlock => {}
            Err(_) => break,
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Sends `bytes` one at a time, at a crawl, until the other side is gone; gives how many went out.
async fn crawl(stream: &TcpStream, bytes: &[u8]) -> usize {
    let mut pace = tokio::time::interval(Duration::from_millis(20));
    for (sent, byte) in bytes.iter().enumerate() {
        pace.tick().await;
        if !send(stream, &[*byte]).await {
            return sent;
        }
    }
    bytes.len()
}

#[tokio::test]
async fn a_head_byte_by_byte_is_cut() {
    let place = Place::new(small()).await;
    let began = Instant::now();
    let stream = place.connect().await;
    let head = format!("GET /ok HTTP/1.1\r\nx: {}\r\n\r\n", "a".repeat(5_000));
    let sent = crawl(&stream, head.as_bytes()).await;
    assert!(sent < 2_000 && began.elapsed() < Duration::from_secs(20), "{sent}");
    // One that says nothing at all, and one that asked once.
    let silent = place.connect().await;
    assert_eq!(to_the_end(&silent).await, "");
    let answer = place.ask(b"GET /ok HTTP/1.1\r\nhost: m\r\n\r\n").await;
    assert!(answer.ends_with("ok"));
    place.serves().await;
}

#[tokio::test]
async fn a_body_byte_by_byte_is_cut_and_said() {
    let place = Place::new(small()).await;
    for framing in ["content-length: 5000", "transfer-encoding: chunked"] {
        let stream = place.connect().await;
        assert!(send(&stream, format!("POST /body HTTP/1.1\r\nhost: m\r\n{framing}\r\n\r\n").as_bytes()).await);
        let bytes = if framing.ends_with("chunked") { "1\r\na\r\n".repeat(2_000) } else { "a".repeat(4_999) };
        let answer = tokio::select! {
            _ = crawl(&stream, bytes.as_bytes()) => panic!("everything was taken"),
            answer = to_the_end(&stream) => answer,
        };
        assert!(answer.starts_with("HTTP/1.1 408") && answer.contains("OperationOutcome"), "{framing}: {answer}");
    }
    place.serves().await;
}

#[tokio::test]
async fn who_never_takes_the_answer_is_cut() {
    let place = Place::new(small()).await;
    let stream = place.connect().await;
    // Many requests behind one another, nothing read.
    assert!(send(&stream, "GET /big HTTP/1.1\r\nhost: m\r\n\r\n".repeat(50).as_bytes()).await);
    stream.readable().await.unwrap();
    place.shared.crowd().until(|n| n == 0).await;
    let taken = to_the_end(&stream).await.len();
    assert!(taken < BIG, "{taken}");
    place.serves().await;
}

#[tokio::test]
async fn heads_have_a_size_and_a_number_of_headers() {
    let place = Place::new(small()).await;
    let head = |bytes: usize, count: usize| {
        let headers: String = (0..count).map(|n| format!("h{n}: a\r\n")).collect();
        let rest = format!("GET /ok HTTP/1.1\r\nconnection: close\r\n{headers}x: \r\n\r\n");
        format!("GET /ok HTTP/1.1\r\nconnection: close\r\n{headers}x: {}\r\n\r\n", "a".repeat(bytes - rest.len()))
    };
    let limits = small();
    for (bytes, count, status) in [
        (limits.head_bytes - 200, 0, "200"),
        (limits.head_bytes + 1, 0, "431"),
        (limits.head_bytes * 100, 0, "431"),
        (1_000, limits.headers - 2, "200"),
        (1_000, limits.headers - 1, "431"),
    ] {
        let answer = place.ask(head(bytes, count).as_bytes()).await;
        // A head far too long is cut before it is read; the answer may be lost with it.
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")) || answer.is_empty() && status == "431", "{answer}");
    }
    place.serves().await;
}

#[tokio::test]
async fn chunks_without_end_are_cut() {
    let place = Place::new(small()).await;
    let stream = place.connect().await;
    assert!(send(&stream, b"POST /body HTTP/1.1\r\nhost: m\r\ntransfer-encoding: chunked\r\n\r\n").await);
    let chunk = format!("3e8\r\n{}\r\n", "a".repeat(1_000));
    let endless = async {
        let mut sent = 0_usize;
        while send(&stream, chunk.as_bytes()).await {
            sent += 1_000;
        }
        sent
    };
    let (sent, _) = tokio::join!(endless, to_the_end(&stream));
    assert!(sent < BIG, "{sent}");
    place.serves().await;
}

#[tokio::test]
async fn requests_behind_one_another_are_answered_in_order() {
    let place = Place::new(small()).await;
    let mut all = String::new();
    for n in 0..100 {
        all += &format!("POST /body HTTP/1.1\r\nhost: m\r\ncontent-length: {n}\r\n\r\n{}", "a".repeat(n));
    }
    all += "GET /ok HTTP/1.1\r\nhost: m\r\nconnection: close\r\n\r\n";
    let answers = place.ask(all.as_bytes()).await;
    let bodies: Vec<&str> = answers.split("\r\n\r\n").skip(1).map(|b| b.split("HTTP/").next().unwrap()).collect();
    let expected: Vec<String> = (0..100).map(|n: usize| n.to_string()).chain(["ok".to_owned()]).collect();
    assert_eq!(bodies, expected);
}

#[tokio::test]
async fn all_bodies_together_have_a_size() {
    let limits = Limits { stall: Duration::from_secs(20), ..small() };
    let place = Place::new(limits).await;
    let half = |bytes: usize| {
        let mut request =
            format!("POST /body HTTP/1.1\r\nhost: m\r\nconnection: close\r\ncontent-length: {TAKEN}\r\n\r\n");
        request += &"a".repeat(bytes);
        request.into_bytes()
    };
    let first = place.connect().await;
    assert!(send(&first, &half(TAKEN - 1)).await);
    let mut room = place.shared.room().left();
    while room > limits.bodies_bytes - (TAKEN - 1) {
        tokio::task::yield_now().await;
        room = place.shared.room().left();
    }
    let second = place.ask(&half(TAKEN)).await;
    assert!(second.starts_with("HTTP/1.1 503") && second.contains("retry-after: 5"), "{second}");
    assert!(send(&first, b"a").await);
    assert!(to_the_end(&first).await.ends_with(&TAKEN.to_string()));
    place.shared.crowd().until(|n| n == 0).await;
    assert_eq!(place.shared.room().left(), limits.bodies_bytes, "the room was given back");
    assert!(place.ask(&half(TAKEN)).await.ends_with(&TAKEN.to_string()));
}

#[tokio::test]
async fn many_connections_push_out_each_other_and_nobody_else() {
    let limits = Limits { head: Duration::from_secs(60), ..small() };
    let place = Place::new(limits).await;
    let working = place.connect().await;
    assert!(send(&working, b"GET /waits HTTP/1.1\r\nhost: m\r\nconnection: close\r\n\r\n").await);
    place.asked.notified().await;
    let mut held = Vec::new();
    for n in 0..limits.connections * 5 {
        let stream = place.connect().await;
        if n % 2 == 0 {
            assert!(send(&stream, b"GET /ok HT").await);
        }
        held.push(stream);
        if n % 20 == 0 {
            place.serves().await;
        }
        assert!(place.shared.crowd().len() <= limits.connections);
    }
    assert_eq!(place.shared.crowd().len(), limits.connections);
    place.go.notify_one();
    assert!(to_the_end(&working).await.ends_with("done"), "a request at work stays");
    assert_eq!(to_the_end(&held[0]).await, "", "the oldest of no use went");
}

#[tokio::test]
async fn no_room_is_said_where_all_work() {
    let place = Place::new(Limits { connections: 2, ..small() }).await;
    let mut working = Vec::new();
    for _ in 0..2 {
        let stream = place.connect().await;
        assert!(send(&stream, b"GET /waits HTTP/1.1\r\nhost: m\r\nconnection: close\r\n\r\n").await);
        place.asked.notified().await;
        working.push(stream);
    }
    let third = place.connect().await;
    let answer = to_the_end(&third).await;
    assert!(answer.starts_with("HTTP/1.1 503") && answer.contains("retry-after"), "{answer}");
    for stream in &working {
        place.go.notify_one();
        let _ = to_the_end(stream).await;
    }
    place.serves().await;
}

#[tokio::test]
async fn what_was_asked_is_answered_before_the_end() {
    let mut place = Place::new(Limits { head: Duration::from_secs(60), ..small() }).await;
    let working = place.connect().await;
    assert!(send(&working, b"GET /waits HTTP/1.1\r\nhost: m\r\n\r\n").await);
    place.asked.notified().await;
    let idle = place.connect().await;
    let half = place.connect().await;
    assert!(send(&half, b"GET /ok HT").await);
    place.stop.take().unwrap().send(()).unwrap();
    assert_eq!(to_the_end(&idle).await, "");
    assert_eq!(to_the_end(&half).await, "");
    assert!(TcpStream::connect(place.at).await.is_err(), "nobody new is taken");
    assert!(!place.server.is_finished());
    place.go.notify_one();
    assert!(to_the_end(&working).await.ends_with("done"));
    place.server.await.unwrap();
}
