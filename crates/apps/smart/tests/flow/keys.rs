//! Keys that an app publishes at an address: fetched now and then, from where they may be, and nothing told of what answers there.

use crate::world::{Answer, ISSUER, World, console, form, new_app};
use axum::http::StatusCode;
use mach_access::Role;
use mach_base::limits;
use mach_base::time::now_seconds;
use mach_sign::jwt;
use mach_sign::key::{Signer, SoftKey};
use mach_store::smart::{NewApp, Proof};
use serde_json::json;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

const SCOPE: &str = "system/Observation.rs";

/// A server that answers everything alike.
struct Place {
    url: String,
    asked: Arc<AtomicUsize>,
}

impl Place {
    fn new(status: &'static str, head: &str, body: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/jwks", listener.local_addr().unwrap());
        let answer =
            format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n{head}Connection: close\r\n\r\n{body}", body.len());
        let asked = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&asked);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                counted.fetch_add(1, Ordering::SeqCst);
                let mut head = Vec::new();
                let mut byte = [0];
                while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|n| n == 1) {
                    head.push(byte[0]);
                }
                // Who asked may have heard enough.
                let _ = stream.write_all(answer.as_bytes());
            }
        });
        Self { url, asked }
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

fn register(world: &World, client: &'static str, keys_url: &str, private: bool) {
    let new = new_app(Proof::Key, SCOPE, None);
    let new = NewApp { keys_url: keys_url.to_owned(), private, redirects: Vec::new(), launch: String::new(), ..new };
    world.store.write(&console(), move |tx| tx.add_app(client, &new, None).map(drop)).unwrap();
}

async fn asks(world: &World, client: &str, key: &SoftKey) -> Answer {
    let (exp, jti) = (now_seconds() + 200, mach_access::secret::new_token("").unwrap());
    let claims =
        json!({ "iss": client, "sub": client, "aud": format!("{ISSUER}/oauth/token"), "exp": exp, "jti": jti });
    let assertion = jwt::sign(&claims, key, "k1").unwrap();
    let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
    let pairs = [("grant_type", "client_credentials"), ("scope", SCOPE), ("client_assertion_type", kind)];
    world.form("/oauth/token", &[pairs.as_slice(), &[("client_assertion", &assertion)]].concat()).await
}

#[tokio::test]
async fn published_keys_are_fetched_once_for_a_while() {
    let world = World::new().await;
    let key = SoftKey::generate().unwrap();
    let set = json!({ "keys": [jwt::public_jwk(key.public(), "k1").unwrap()] }).to_string();
    let padded = |bytes: usize| format!("{{{}{}", " ".repeat(bytes - set.len()), &set[1..]);
    let longest = Place::new("200 OK", "", &padded(limits::SMART_KEYS_BYTES));
    let longer = Place::new("200 OK", "", &padded(limits::SMART_KEYS_BYTES + 1));
    register(&world, "longest", &longest.url, false);
    register(&world, "longer", &longer.url, false);
    for _ in 0..3 {
        assert_eq!(asks(&world, "longest", &key).await.status, StatusCode::OK);
    }
    // Somebody else's signature makes nobody ask again at once.
    let other = SoftKey::generate().unwrap();
    for _ in 0..3 {
        assert_eq!(asks(&world, "longest", &other).await.json()["error"], "invalid_client");
    }
    assert_eq!(longest.asked(), 1);
    assert_eq!(asks(&world, "longer", &key).await.json()["error"], "invalid_client");
}

#[tokio::test]
async fn what_answers_in_place_of_keys_is_not_told_and_not_asked_again_at_once() {
    let world = World::new().await;
    let key = SoftKey::generate().unwrap();
    let set = json!({ "keys": [jwt::public_jwk(key.public(), "k1").unwrap()] }).to_string();
    let good = Place::new("200 OK", "", &set);
    let broken = Place::new("500 Internal Server Error", "", "secret");
    let page = Place::new("200 OK", "", "<title>secret</title>");
    let led = Place::new("302 Found", &format!("Location: {}\r\n", good.url), "");
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let all = [
        ("broken", broken.url.clone()),
        ("page", page.url.clone()),
        ("led", led.url.clone()),
        ("closed", format!("http://{closed}/")),
        ("metadata", "http://169.254.169.254/latest/meta-data/".to_owned()),
        ("nowhere", "https://nobody.invalid/jwks".to_owned()),
    ];
    let mut told = Vec::new();
    for (client, url) in &all {
        // Whatever an administrator allowed.
        register(&world, client, url, true);
        // Who asks at the same time waits for one answer.
        let together = tokio::join!(asks(&world, client, &key), asks(&world, client, &key));
        for answer in [together.0, together.1, asks(&world, client, &key).await] {
            assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{client} {answer:?}");
            told.push(answer.text);
        }
    }
    told.dedup();
    assert_eq!(told, [r#"{"error":"invalid_client","error_description":"the app's keys cannot be read"}"#]);
    assert_eq!([&broken, &page, &led, &good].map(Place::asked), [1, 1, 1, 0]);
}

#[tokio::test]
async fn into_the_network_leads_who_looks_after_the_province() {
    let world = World::new().await;
    world.comes("of-province", Role::Administrator, None);
    world.comes("of-facility", Role::Administrator, Some(1));
    for (url, private, province, facility) in [
        ("https://app.vn/jwks", "", StatusCode::OK, StatusCode::OK),
        ("https://app.vn/jwks", "yes", StatusCode::OK, StatusCode::BAD_REQUEST),
        ("http://127.0.0.1:9/jwks", "", StatusCode::OK, StatusCode::BAD_REQUEST),
        ("http://169.254.169.254/", "yes", StatusCode::BAD_REQUEST, StatusCode::BAD_REQUEST),
    ] {
        let typed =
            form(&[("name", "Một"), ("proof", "key"), ("scopes", SCOPE), ("keys_url", url), ("private", private)]);
        for (who, status) in [("of-province", province), ("of-facility", facility)] {
            let answer = world.page(who, "POST", "/admin/apps/new", &typed).await;
            assert_eq!(answer.status, status, "{who} {url} {answer:?}");
        }
    }
}
