//! Limits at the limit and one past it, what machines are told, and by which address this server is known.

use crate::world::{Answer, CALLBACK, ISSUER, World, console, new_app};
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode, header};
use mach_access::Role;
use mach_base::limits;
use mach_house::Peer;
use mach_house::pace::{Rate, Who};
use mach_store::smart::{self, Proof};
use mach_store::sql::{self, Execute};
use std::time::{Duration, Instant};
use tower::ServiceExt;

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

#[tokio::test]
async fn machines_are_always_told_in_json() {
    let world = World::new().await;
    let told = |answer: &Answer, status: StatusCode, error: &str| {
        assert_eq!((answer.status, answer.json()["error"].as_str()), (status, Some(error)), "{answer:?}");
        assert!(answer.json()["error_description"].as_str().is_some_and(|text| text.is_ascii()), "{answer:?}");
    };
    for path in ["/oauth/token", "/oauth/introspect", "/oauth/revoke"] {
        for method in ["GET", "HEAD", "PUT", "DELETE", "PATCH"] {
            let answer = world.send(method, path, &[], "").await;
            match method {
                "HEAD" => assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED),
                _ => told(&answer, StatusCode::METHOD_NOT_ALLOWED, "invalid_request"),
            }
        }
        for headers in
            [vec![], vec![("content-type", "application/json")], vec![("content-type", "multipart/form-data")]]
        {
            told(&world.send("POST", path, &headers, "{}").await, StatusCode::BAD_REQUEST, "invalid_request");
        }
        told(&world.send("POST", path, &[FORM], "").await, StatusCode::BAD_REQUEST, "invalid_request");
        // A quarter of a megabyte.
        let longest = format!("grant_type=none&client_id=public&token={}", "x".repeat((256 << 10) - 39));
        assert_eq!(longest.len(), 256 << 10);
        assert_ne!(world.send("POST", path, &[FORM], &longest).await.status, StatusCode::PAYLOAD_TOO_LARGE);
        let answer = world.send("POST", path, &[FORM], &format!("{longest}x")).await;
        told(&answer, StatusCode::PAYLOAD_TOO_LARGE, "invalid_request");
    }
}

#[tokio::test]
async fn what_an_app_asks_with_has_its_limits() {
    let world = World::new().await;
    let scope = "launch/patient patient/Observation.rs";
    for past in [0, 1] {
        let word = "x".repeat(limits::SMART_STATE_BYTES + past);
        let scopes = format!("{scope:0$}", limits::SMART_SCOPE_BYTES + past);
        for with in [("state", &word), ("nonce", &word), ("scope", &scopes)] {
            let request = World::request("public", scope, &[(with.0, with.1)]);
            let answer = world.page("doctor-a", "GET", &format!("/oauth/authorize?{request}"), "").await;
            match past {
                0 => assert_eq!(answer.status, StatusCode::OK, "{} {answer:?}", with.0),
                _ => assert_eq!(answer.sent("error").as_deref(), Some("invalid_request"), "{}", with.0),
            }
        }
    }
    let code = async |verifier: &str| {
        let request = World::request("public", scope, &[("code_challenge", &crate::world::challenge(verifier))]);
        let code = world.decided("doctor-a", &request, &[("patient", "p1")]).await.sent("code").unwrap();
        let mut pairs = World::exchange("public", &code);
        pairs.retain(|(name, _)| *name != "code_verifier");
        pairs.push(("code_verifier", verifier));
        world.form("/oauth/token", &pairs).await.status
    };
    for (bytes, status) in [(42, 400), (43, 200), (128, 200), (129, 400)] {
        assert_eq!(code(&"v".repeat(bytes)).await.as_u16(), status, "{bytes}");
    }
}

#[tokio::test]
async fn what_is_given_lasts_as_long_as_is_said() {
    let world = World::new().await;
    let scope = "launch/patient patient/Observation.rs";
    let tokens = world.tokens("doctor-a", &format!("offline_access {scope}")).await;
    assert_eq!(tokens["expires_in"], limits::SMART_ACCESS_SECONDS);
    world.tokens("doctor-a", scope).await;
    world.code("doctor-a", "public", scope).await;
    let mut reader = world.store.read(&console()).unwrap();
    let mut lasting = |sql: &str| {
        let mut found = sql::list(&mut reader, sql, &[], |r| r.int(0)).unwrap();
        found.sort_unstable();
        found.dedup();
        found
    };
    let grants = [limits::SMART_ONLINE_SECONDS, limits::SMART_GRANT_SECONDS];
    assert_eq!(lasting("SELECT until - made FROM smart_grant"), grants);
    assert_eq!(lasting("SELECT until - made FROM smart_token WHERE use = 1"), [limits::SMART_ACCESS_SECONDS]);
    assert_eq!(lasting("SELECT until - made FROM smart_token WHERE use = 2"), [limits::SMART_REFRESH_SECONDS]);
    let codes = "SELECT c.until - g.made FROM smart_code c JOIN smart_grant g ON g.id = c.of";
    assert_eq!(lasting(codes), [limits::SMART_CODE_SECONDS]);
    drop(reader);
    // No token outlives its grant.
    world
        .store
        .write(&console(), |tx| {
            let sql = "UPDATE smart_grant SET until = ?1 WHERE until - made = ?2";
            let until = mach_base::time::now_seconds() + 100;
            tx.run(sql, &[until.into(), limits::SMART_GRANT_SECONDS.into()]).map(drop)
        })
        .unwrap();
    let refresh = tokens["refresh_token"].as_str().unwrap();
    let pairs = [("grant_type", "refresh_token"), ("client_id", "public"), ("refresh_token", refresh)];
    assert_eq!(world.form("/oauth/token", &pairs).await.status, StatusCode::OK);
    let mut reader = world.store.read(&console()).unwrap();
    let longer =
        "SELECT t.until - g.until FROM smart_token t JOIN smart_grant g ON g.id = t.of WHERE t.use = 2 AND t.used = 0";
    assert_eq!(sql::list(&mut reader, longer, &[], |r| r.int(0)).unwrap(), [0]);
}

#[tokio::test]
async fn apps_are_registered_in_bounded_number() {
    let world = World::new().await;
    world.comes("admin", Role::Administrator, None);
    world
        .store
        .write(&console(), |tx| {
            let scope = tx.scope();
            for n in smart::apps(tx, scope)?.len() + 1..limits::SMART_APPS {
                tx.add_app(&format!("app {n}"), &new_app(Proof::Public, "openid", None), None)?;
            }
            Ok(())
        })
        .unwrap();
    let new =
        crate::world::form(&[("name", "Một"), ("proof", "public"), ("redirects", CALLBACK), ("scopes", "openid")]);
    for status in [StatusCode::OK, StatusCode::CONFLICT] {
        let answer = world.page("admin", "POST", "/admin/apps/new", &new).await;
        assert_eq!(answer.status, status, "{answer:?}");
    }
}

#[tokio::test]
async fn who_asks_does_not_say_by_which_address_this_server_is_known() {
    let world = World::new().await;
    let issuer = async |headers: &[(&str, &str)]| {
        let config = world.send("GET", "/fhir/.well-known/smart-configuration", headers, "").await.json();
        let statement = world.send("GET", "/fhir/metadata", headers, "").await.text;
        let issuer = config["issuer"].as_str().unwrap().to_owned();
        assert!(statement.contains(&format!("\"{issuer}/oauth/authorize\"")), "{issuer} {statement}");
        issuer
    };
    for host in ["evil.vn", "mach.test:1", "localhost.evil.vn", "localhost@evil.vn", "10.0.0.1", "", "[::1"] {
        assert_eq!(issuer(&[("host", host)]).await, ISSUER, "{host}");
    }
    assert_eq!(issuer(&[("host", "evil.vn"), ("x-forwarded-host", "evil.vn")]).await, ISSUER);
    assert_eq!(issuer(&[("host", "localhost:8080")]).await, "http://localhost:8080");
    assert_eq!(issuer(&[("host", "127.0.0.1:8080"), ("x-forwarded-proto", "https")]).await, "https://127.0.0.1:8080");
    // An app's links are by the address that its token is for.
    let token = world.token("doctor-a", "user/Observation.rs").await;
    let bearer = format!("Bearer {token}");
    let headers = [("host", "evil.vn"), ("authorization", bearer.as_str())];
    let found = world.send("GET", "/fhir/Observation?_count=1", &headers, "").await.text;
    assert!(found.contains(&format!("{ISSUER}/fhir/Observation")) && !found.contains("evil.vn"), "{found}");
}

#[tokio::test]
async fn who_asks_too_often_is_told_when_to_come_back() {
    let world = World::new().await;
    let ask = async |last: u8, method: &str, path: &str| {
        let address = [203, 0, 113, last].into();
        let request = Request::builder().method(method).uri(path).header(FORM.0, FORM.1);
        let request = request.header(header::HOST, "mach.test").extension(Peer { address, certificate: None });
        let body = Body::from("grant_type=none&client_id=public");
        let answer = world.app.clone().oneshot(request.body(body).unwrap()).await.unwrap();
        let after = answer.headers().get(header::RETRY_AFTER).map(|v| v.to_str().unwrap().parse::<u64>().unwrap());
        let (status, bytes) = (answer.status(), to_bytes(answer.into_body(), 1 << 20).await.unwrap());
        (status, after, String::from_utf8(bytes.to_vec()).unwrap())
    };
    for (method, path) in [("POST", "/oauth/token"), ("GET", "/oauth/authorize?client_id=public")] {
        let (status, after, _) = ask(7, method, path).await;
        assert!(status != StatusCode::TOO_MANY_REQUESTS && after.is_none(), "{path}: {status}");
    }
    // As if it had asked for so long that nothing is left for a minute.
    let later = Instant::now() + Duration::from_secs(60);
    world.house.pace().take(Who::Address([203, 0, 113, 7].into()), Rate::ADDRESS, later).unwrap();
    for (method, path) in [("POST", "/oauth/token"), ("GET", "/oauth/authorize?client_id=public")] {
        let (status, after, body) = ask(7, method, path).await;
        assert_eq!(status, StatusCode::TOO_MANY_REQUESTS, "{path}: {body}");
        assert!(after.is_some_and(|seconds| (1..=60).contains(&seconds)), "{path}: {after:?}");
        if method == "POST" {
            let told: serde_json::Value = serde_json::from_str(&body).unwrap();
            assert_eq!(told["error"], "temporarily_unavailable", "a machine is told in its own words");
        }
        assert_ne!(ask(8, method, path).await.0, StatusCode::TOO_MANY_REQUESTS, "another address goes on: {path}");
    }
}
