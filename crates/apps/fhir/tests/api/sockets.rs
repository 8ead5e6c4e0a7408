//! Websockets, by a client that is not ours.

use crate::receiver::{events, observation, of_topic, parameter, plain};
use crate::support::{A, B, Place, READER};
use futures_util::{SinkExt, StreamExt};
use mach_base::limits;
use serde_json::Value;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// The application on a real socket: an upgrade needs one.
async fn served(place: &Place) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let app = place.app.clone();
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    address
}

async fn open(address: SocketAddr, headers: &[(&'static str, &str)]) -> Result<Socket, Error> {
    let mut request = format!("ws://{address}/fhir/$ws").into_client_request().unwrap();
    for (name, value) in headers {
        request.headers_mut().insert(*name, value.parse().unwrap());
    }
    connect_async(request).await.map(|(socket, _)| socket)
}

async fn say(socket: &mut Socket, text: &str) {
    socket.send(Message::Text(text.into())).await.unwrap();
}

/// The next text.
async fn heard(socket: &mut Socket) -> String {
    let next = async {
        loop {
            match socket.next().await {
                Some(Ok(Message::Text(text))) => return text.to_string(),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                other => panic!("no text but {other:?}"),
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(60), next).await.expect("a message")
}

#[tokio::test(flavor = "multi_thread")]
async fn plain_subscriptions_are_bound_and_pinged() {
    let place = Place::new();
    let _delivery = place.deliver();
    let address = served(&place).await;
    place.given(A, &plain("s", "Observation?code=s|c", r#""type":"websocket""#)).await;
    place.status_is(A, "s", "active").await;
    let token = format!("Bearer {A}");
    let mut socket = open(address, &[("authorization", &token)]).await.unwrap();
    say(&mut socket, "bind s").await;
    assert_eq!(heard(&mut socket).await, "bound s");
    place.given(A, &observation("no", "p", "x")).await;
    place.given(B, &observation("theirs", "p", "c")).await;
    place.given(A, &observation("one", "p", "c")).await;
    place.given(A, &observation("two", "p", "c")).await;
    assert_eq!(heard(&mut socket).await, "ping s");
    assert_eq!(heard(&mut socket).await, "ping s");
    say(&mut socket, "bind none").await;
    assert!(heard(&mut socket).await.starts_with("error: `Subscription/none` is not known"));
    say(&mut socket, "hello").await;
    assert!(heard(&mut socket).await.starts_with("error: send"));
    // Nobody binds without saying who they are, and nobody binds what is another's.
    let mut nobody = open(address, &[]).await.unwrap();
    say(&mut nobody, "bind s").await;
    assert!(heard(&mut nobody).await.contains("Authorization"));
    let token = format!("Bearer {B}");
    let mut other = open(address, &[("authorization", &token)]).await.unwrap();
    say(&mut other, "bind s").await;
    assert!(heard(&mut other).await.contains("is not known"));
    // Who sees everything may.
    let token = format!("Bearer {READER}");
    let mut reader = open(address, &[("authorization", &token)]).await.unwrap();
    say(&mut reader, "bind s").await;
    assert_eq!(heard(&mut reader).await, "bound s");
    // A page of another site is not let in.
    assert!(open(address, &[("origin", "http://evil.test")]).await.is_err());
    assert!(place.get(A, "/fhir/$ws").await.status.is_client_error());
    // A message one byte too long ends the connection; one at the limit does not.
    let text = |length: usize| format!("bind {}", "x".repeat(length - 5));
    say(&mut socket, &text(limits::WEBSOCKET_MESSAGE_BYTES)).await;
    assert!(heard(&mut socket).await.starts_with("error:"));
    say(&mut socket, &text(limits::WEBSOCKET_MESSAGE_BYTES + 1)).await;
    assert!(!matches!(socket.next().await, Some(Ok(Message::Text(_)))));
}

#[tokio::test(flavor = "multi_thread")]
async fn topics_are_bound_by_token_and_told_as_bundles() {
    let place = Place::new();
    let _delivery = place.deliver();
    let address = served(&place).await;
    place.given(A, &of_topic("s", "observation-of-patient", "", r#""type":"websocket""#, "full-resource")).await;
    place.status_is(A, "s", "active").await;
    place.get(B, "/fhir/Subscription/s/$get-ws-binding-token").await.refused(404);
    place.get(A, "/fhir/Subscription/$get-ws-binding-token").await.refused(400);
    let answer = place.get(A, "/fhir/Subscription/s/$get-ws-binding-token").await.json();
    let token = parameter(&answer, "token").as_str().unwrap().to_owned();
    assert_eq!(parameter(&answer, "websocket-url"), "ws://mach.test/fhir/$ws");
    assert_eq!(parameter(&answer, "subscription"), "s");
    let mut socket = open(address, &[]).await.unwrap();
    say(&mut socket, &format!("bind-with-token {token}")).await;
    let shake: Value = serde_json::from_str(&heard(&mut socket).await).unwrap();
    assert_eq!(parameter(&shake["entry"][0]["resource"], "type"), "handshake");
    place.given(A, &observation("one", "p", "c")).await;
    let note: Value = serde_json::from_str(&heard(&mut socket).await).unwrap();
    assert_eq!(events(&note), [(1, "one".to_owned())]);
    assert_eq!(note["entry"][1]["resource"]["id"], "one");
    // A token is good once.
    let mut second = open(address, &[]).await.unwrap();
    say(&mut second, &format!("bind-with-token {token}")).await;
    assert!(heard(&mut second).await.starts_with("error: the token"));
    // A hundred more, in order.
    for n in 0..100 {
        place.given(A, &observation(&format!("n{n}"), "p", "c")).await;
    }
    let mut got = Vec::new();
    while got.len() < 100 {
        got.extend(events(&serde_json::from_str(&heard(&mut socket).await).unwrap()));
    }
    let expect: Vec<(i64, String)> = (0..100).map(|n| (n + 2, format!("n{n}"))).collect();
    assert_eq!(got, expect);
    // What ends says so, and is told no more.
    let off = of_topic("s", "observation-of-patient", "", r#""type":"websocket""#, "full-resource")
        .replace("requested", "off");
    place.given(A, &off).await;
    let end: Value = serde_json::from_str(&heard(&mut socket).await).unwrap();
    assert_eq!(parameter(&end["entry"][0]["resource"], "status"), "off");
}

#[tokio::test(flavor = "multi_thread")]
async fn so_many_websockets_and_no_more() {
    let place = Place::new();
    let address = served(&place).await;
    let mut all = Vec::new();
    for _ in 0..limits::WEBSOCKETS {
        all.push(open(address, &[]).await.unwrap());
    }
    assert!(matches!(open(address, &[]).await, Err(Error::Http(answer)) if answer.status() == 503));
    // A closed one makes room: its place is free when the server has seen the end of it.
    let mut first = all.remove(0);
    first.close(None).await.unwrap();
    while let Some(Ok(_)) = first.next().await {}
    // The server's side may end a moment after this one heard of it: until then there is no room, and nothing else.
    loop {
        match open(address, &[]).await {
            Ok(_) => break,
            Err(Error::Http(answer)) => assert_eq!(answer.status(), 503),
            Err(e) => panic!("{e}"),
        }
    }
}
