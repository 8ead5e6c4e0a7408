//! Apps that ask for themselves, and prove themselves by a signature.

use crate::world::{Answer, ISSUER, World, console, new_app};
use axum::http::StatusCode;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mach_base::time::now_seconds;
use mach_sign::jwt;
use mach_sign::key::{Signer, SoftKey};
use mach_store::schema;
use mach_store::smart::Proof;
use serde_json::{Value, json};

const JWT: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// A backend of facility A that may read, with its key.
async fn backend(scopes: &str) -> (World, SoftKey) {
    let world = World::new().await;
    let key = SoftKey::generate().unwrap();
    let set = json!({ "keys": [jwt::public_jwk(key.public(), "k1").unwrap()] }).to_string();
    let scopes = scopes.to_owned();
    world
        .store
        .write(&console(), move |tx| {
            let a = schema::facility_id(tx, "46001")?;
            let new = new_app(Proof::Key, &scopes, Some(a));
            let (redirects, launch) = (Vec::new(), String::new());
            tx.add_app("backend", &mach_store::smart::NewApp { keys: set, redirects, launch, ..new }, None).map(drop)
        })
        .unwrap();
    (world, key)
}

fn claims(jti: &str) -> Value {
    let exp = now_seconds() + 200;
    json!({ "iss": "backend", "sub": "backend", "aud": format!("{ISSUER}/oauth/token"), "exp": exp, "jti": jti })
}

async fn asked(world: &World, assertion: &str, scope: &str) -> Answer {
    let pairs = [
        ("grant_type", "client_credentials"),
        ("scope", scope),
        ("client_assertion_type", JWT),
        ("client_assertion", assertion),
    ];
    world.form("/oauth/token", &pairs).await
}

async fn token(world: &World, key: &SoftKey, scope: &str) -> Answer {
    let jti = mach_access::secret::new_token("").unwrap();
    asked(world, &jwt::sign(&claims(&jti), key, "k1").unwrap(), scope).await
}

#[tokio::test]
async fn a_backend_sees_its_facility_and_what_its_scopes_leave() {
    let (world, key) = backend("system/Patient.r system/Observation.rs").await;
    let answer = token(&world, &key, "system/*.cruds user/*.rs openid offline_access").await.json();
    assert_eq!(answer["scope"], "system/Patient.r system/Observation.rs", "{answer}");
    assert!(answer["refresh_token"].is_null() && answer["id_token"].is_null() && answer["patient"].is_null());
    assert_eq!(answer["expires_in"], mach_base::limits::SMART_SYSTEM_SECONDS);
    let good = answer["access_token"].as_str().unwrap();
    assert_eq!(world.get(good, "Observation").await.ids(), ["lab-p1", "lab-p2", "vital-p1", "vital-p2"]);
    for (path, status) in [
        ("Observation/lab-p3", StatusCode::NOT_FOUND),
        ("Patient/p1", StatusCode::OK),
        ("Patient/p3", StatusCode::NOT_FOUND),
        ("Patient?_id=p1", StatusCode::FORBIDDEN),
        ("Condition", StatusCode::FORBIDDEN),
    ] {
        assert_eq!(world.get(good, path).await.status, status, "{path}");
    }
    let body = crate::world::observation("new", "p1", "laboratory");
    assert_eq!(world.fhir(good, "PUT", "Observation/lab-p1", &body).await.status, StatusCode::FORBIDDEN);
    for scope in ["user/*.rs", "system/Condition.rs", "nonsense", "openid"] {
        assert_eq!(token(&world, &key, scope).await.json()["error"], "invalid_scope", "{scope}");
    }
}

#[tokio::test]
async fn a_proof_is_its_apps_own_for_this_server_and_good_once() {
    let (world, key) = backend("system/Observation.rs").await;
    let scope = "system/Observation.rs";
    let good = jwt::sign(&claims("once"), &key, "k1").unwrap();
    assert_eq!(asked(&world, &good, scope).await.status, StatusCode::OK);
    let again = asked(&world, &good, scope).await;
    assert_eq!(
        (again.status, again.json()["error"].as_str()),
        (StatusCode::UNAUTHORIZED, Some("invalid_client")),
        "jti"
    );
    let now = now_seconds();
    for (name, value) in [
        ("aud", json!("https://other.vn/oauth/token")),
        ("aud", json!(format!("{ISSUER}/fhir"))),
        ("iss", json!("public")),
        ("sub", json!("public")),
        ("exp", json!(now - 120)),
        ("exp", json!(now + 3_600)),
        ("exp", Value::Null),
        ("jti", Value::Null),
        ("nbf", json!(now + 600)),
    ] {
        let mut claims = claims(&format!("with {name} {value}"));
        claims[name] = value.clone();
        let answer = asked(&world, &jwt::sign(&claims, &key, "k1").unwrap(), scope).await;
        assert_eq!(answer.json()["error"], "invalid_client", "{name} {value}");
    }
    let other = SoftKey::generate().unwrap();
    for (by, name) in [(&other, "k1"), (&other, ""), (&key, "k2")] {
        let forged = jwt::sign(&claims("forged"), by, name).unwrap();
        assert_eq!(asked(&world, &forged, scope).await.json()["error"], "invalid_client");
    }
    let middle = good.split('.').nth(1).unwrap().to_owned();
    for head in [r#"{"alg":"none"}"#, r#"{"alg":"HS256","kid":"k1"}"#, r#"{"alg":"ES384","kid":"k1"}"#] {
        for signature in ["", good.rsplit('.').next().unwrap()] {
            let forged = format!("{}.{middle}.{signature}", URL_SAFE_NO_PAD.encode(head));
            assert_eq!(asked(&world, &forged, scope).await.json()["error"], "invalid_client", "{head}");
        }
    }
    // Nobody who proves itself otherwise asks for itself, and this one in no other way.
    for pairs in [
        vec![("grant_type", "client_credentials"), ("scope", scope), ("client_id", "public")],
        vec![("grant_type", "client_credentials"), ("scope", scope), ("client_id", "backend")],
        vec![("grant_type", "client_credentials"), ("scope", scope), ("client_id", "backend"), ("client_secret", "x")],
    ] {
        assert_ne!(world.form("/oauth/token", &pairs).await.status, StatusCode::OK, "{pairs:?}");
    }
    let secret = [("grant_type", "client_credentials"), ("scope", scope)];
    assert_eq!(world.basic("/oauth/token", &secret).await.json()["error"], "unauthorized_client");
}

#[tokio::test]
async fn bulk_data_is_for_the_token_that_asked() {
    let (world, key) = backend("system/*.rs").await;
    let wide = token(&world, &key, "system/*.rs").await.json()["access_token"].as_str().unwrap().to_owned();
    let narrow = token(&world, &key, "system/Patient.rs").await.json()["access_token"].as_str().unwrap().to_owned();
    let bearer = |token: &str| format!("Bearer {token}");
    let kick_off = async |token: &str| {
        let headers = [("authorization", bearer(token)), ("prefer", "respond-async".to_owned())];
        let headers: Vec<(&str, &str)> = headers.iter().map(|(n, v)| (*n, v.as_str())).collect();
        world.send("GET", "/fhir/$export", &headers, "").await
    };
    let started = kick_off(&wide).await;
    assert_eq!(started.status, StatusCode::ACCEPTED, "{started:?}");
    let mut reader = world.store.read(&console()).unwrap();
    let job = mach_store::bulk::next(&mut reader).unwrap();
    drop(reader);
    // It may be done already; its address is in the row either way.
    let tokens = match job {
        Some(job) => job.token,
        None => {
            let mut reader = world.store.read(&console()).unwrap();
            mach_store::bulk::ended_before(&mut reader, i64::MAX).unwrap().pop().unwrap().token
        }
    };
    assert_eq!(world.get(&narrow, &format!("bulk/{tokens}")).await.status, StatusCode::NOT_FOUND);
    assert_ne!(world.get(&wide, &format!("bulk/{tokens}")).await.status, StatusCode::NOT_FOUND);
    let user = world.token("doctor-a", "user/*.rs").await;
    assert_eq!(kick_off(&user).await.status, StatusCode::FORBIDDEN);
    assert_eq!(world.get(&user, &format!("bulk/{tokens}")).await.status, StatusCode::FORBIDDEN);
}
