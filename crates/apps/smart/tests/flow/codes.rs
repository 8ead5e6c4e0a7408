//! From the request for a code to the last refresh, and everything that goes wrong on the way.

use crate::world::{CALLBACK, ISSUER, SECRET, VERIFIER, World, challenge, form};
use axum::http::StatusCode;
use mach_sign::jwt::{Jwk, Read};

const LAUNCH: &str = "openid fhirUser profile launch/patient patient/Patient.r patient/Observation.rs";

#[tokio::test]
async fn a_standalone_launch_gives_what_was_shown_and_no_more() {
    let world = World::new().await;
    let config = world.send("GET", "/fhir/.well-known/smart-configuration", &[], "").await.json();
    assert_eq!(config["authorization_endpoint"], format!("{ISSUER}/oauth/authorize"));
    assert_eq!(config["code_challenge_methods_supported"], serde_json::json!(["S256"]));
    let statement = world.send("GET", "/fhir/metadata", &[], "").await;
    for name in ["authorize", "token", "introspect", "revoke"] {
        let url = config[match name {
            "authorize" => "authorization_endpoint",
            "token" => "token_endpoint",
            "introspect" => "introspection_endpoint",
            _ => "revocation_endpoint",
        }]
        .as_str()
        .unwrap();
        assert!(statement.text.contains(url), "the CapabilityStatement says it too: {url}");
    }
    let request = World::request("public", LAUNCH, &[]);
    let shown = world.page("doctor-a", "GET", &format!("/oauth/authorize?{request}"), "").await;
    assert_eq!(shown.status, StatusCode::OK, "{shown:?}");
    assert!(shown.text.contains("Ứng dụng thử") && shown.text.contains("app.example.vn"), "says which app, and where");
    assert!(shown.policy.contains("form-action 'self' https://app.example.vn;"), "{}", shown.policy);
    let stranger = world.send("GET", &format!("/oauth/authorize?{request}"), &[], "").await;
    assert!(stranger.location.starts_with("/sign-in?next="), "{stranger:?}");

    let none = world.decided("doctor-a", &request, &[]).await;
    assert_eq!(none.status, StatusCode::BAD_REQUEST, "a patient must be chosen");
    let anothers = world.decided("doctor-a", &request, &[("patient", "p3")]).await;
    assert_eq!(anothers.status, StatusCode::BAD_REQUEST, "one that the doctor sees");
    let answer = world.decided("doctor-a", &request, &[("patient", "p1")]).await;
    assert!(answer.location.starts_with(&format!("{CALLBACK}?")), "{answer:?}");
    assert_eq!((answer.sent("state").as_deref(), answer.sent("iss").as_deref()), (Some("st&te"), Some(ISSUER)));
    let code = answer.sent("code").unwrap();
    let tokens = world.form("/oauth/token", &World::exchange("public", &code)).await.json();
    assert_eq!((tokens["patient"].as_str(), tokens["token_type"].as_str()), (Some("p1"), Some("Bearer")));
    assert!(tokens["refresh_token"].is_null(), "nobody asked for one");
    let token = tokens["access_token"].as_str().unwrap();

    let set = world.send("GET", "/oauth/jwks", &[], "").await;
    let keys = Jwk::read_set(&set.text, 8).unwrap();
    let id = Read::parse(tokens["id_token"].as_str().unwrap(), 8_192).unwrap();
    let claims = id.verified(&keys).unwrap();
    assert_eq!((&claims["iss"], &claims["aud"], &claims["nonce"]), (&ISSUER.into(), &"public".into(), &"n0".into()));
    assert_eq!(id.algorithm(), "ES256");
    let bearer = format!("Bearer {token}");
    let who = world.send("GET", "/oauth/userinfo", &[("authorization", &bearer)], "").await.json();
    assert_eq!((&who["sub"], &who["name"]), (&claims["sub"], &"Bác sĩ doctor-a".into()));

    assert_eq!(world.get(token, "Patient/p1").await.status, StatusCode::OK);
    assert_eq!(world.get(token, "Patient/p2").await.status, StatusCode::NOT_FOUND);
    assert_eq!(world.get(token, "Observation").await.ids(), ["lab-p1", "vital-p1"]);
    // The token is good for records, and for nothing else.
    for path in ["/account", "/account/apps", "/admin/apps", "/oauth/authorize", "/"] {
        let page = world.send("GET", path, &[("authorization", &bearer)], "").await;
        assert_ne!(page.status, StatusCode::OK, "{path} {page:?}");
    }
    let told = world.basic("/oauth/introspect", &[("token", token)]).await.json();
    assert_eq!((&told["active"], &told["patient"], &told["client_id"]), (&true.into(), &"p1".into(), &"public".into()));
    assert_eq!(
        world.form("/oauth/introspect", &[("token", token), ("client_id", "public")]).await.status,
        StatusCode::UNAUTHORIZED
    );
    let other = world.basic("/oauth/revoke", &[("token", token)]).await;
    assert_eq!((other.status, world.is_good(token).await), (StatusCode::BAD_REQUEST, true), "not another app's to end");
    assert_eq!(world.form("/oauth/revoke", &[("token", token), ("client_id", "public")]).await.status, StatusCode::OK);
    assert_eq!(world.get(token, "Patient/p1").await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(world.basic("/oauth/introspect", &[("token", token)]).await.json()["active"], false);
    assert_eq!(world.basic("/oauth/revoke", &[("token", "nothing")]).await.status, StatusCode::OK, "RFC 7009 §2.2");
}

#[tokio::test]
async fn a_wrong_request_leads_nowhere_or_back_with_a_reason() {
    let world = World::new().await;
    // Before the address is known to be the app's, nothing is sent anywhere.
    for with in [
        ("client_id", "nobody"),
        ("client_id", ""),
        ("redirect_uri", "https://evil.vn/cb"),
        ("redirect_uri", "https://app.example.vn/cb/"),
        ("redirect_uri", "https://app.example.vn/cb?x=1"),
        ("redirect_uri", "https://app.example.vn"),
        ("redirect_uri", "https://app.example.vn/cb#x"),
        ("redirect_uri", "//app.example.vn/cb"),
        ("redirect_uri", ""),
    ] {
        for method in ["GET", "POST"] {
            let request = World::request("public", LAUNCH, &[with]);
            let answer = match method {
                "GET" => world.page("doctor-a", "GET", &format!("/oauth/authorize?{request}"), "").await,
                _ => world.decided("doctor-a", &request, &[("patient", "p1")]).await,
            };
            assert_eq!((answer.status, answer.location.as_str()), (StatusCode::BAD_REQUEST, ""), "{method} {with:?}");
        }
    }
    let twice = format!("{}&client_id=secret", World::request("public", LAUNCH, &[]));
    let answer = world.page("doctor-a", "GET", &format!("/oauth/authorize?{twice}"), "").await;
    assert_eq!((answer.status, answer.location.as_str()), (StatusCode::BAD_REQUEST, ""));
    let long = "x".repeat(mach_base::limits::SMART_STATE_BYTES + 1);
    for (with, error) in [
        (vec![("response_type", "token")], "unsupported_response_type"),
        (vec![("response_type", "")], "unsupported_response_type"),
        (vec![("response_mode", "fragment")], "invalid_request"),
        (vec![("code_challenge", "")], "invalid_request"),
        (vec![("code_challenge_method", "plain")], "invalid_request"),
        (vec![("code_challenge_method", "")], "invalid_request"),
        (vec![("code_challenge", "short")], "invalid_request"),
        (vec![("aud", "https://evil.vn/fhir")], "invalid_request"),
        (vec![("aud", "")], "invalid_request"),
        (vec![("request_uri", "https://evil.vn")], "request_uri_not_supported"),
        (vec![("scope", "")], "invalid_scope"),
        (vec![("scope", "system/*.cruds")], "invalid_scope"),
        (vec![("scope", "patient/Nothing.rs admin")], "invalid_scope"),
        (vec![("launch", "guessed"), ("scope", "launch patient/*.rs")], "invalid_request"),
        (vec![("launch", "guessed")], "invalid_request"),
        (vec![("prompt", "none")], "consent_required"),
        (vec![("nonce", long.as_str())], "invalid_request"),
    ] {
        let request = World::request("public", LAUNCH, &with);
        let answer = world.page("doctor-a", "GET", &format!("/oauth/authorize?{request}"), "").await;
        assert_eq!(answer.sent("error").as_deref(), Some(error), "{with:?} {answer:?}");
        assert!(answer.location.starts_with(&format!("{CALLBACK}?")) && answer.sent("code").is_none());
        assert_eq!((answer.sent("state").as_deref(), answer.sent("iss").as_deref()), (Some("st&te"), Some(ISSUER)));
    }
    let request = World::request("public", LAUNCH, &[("state", long.as_str())]);
    let answer = world.page("doctor-a", "GET", &format!("/oauth/authorize?{request}"), "").await;
    assert_eq!(answer.sent("error").as_deref(), Some("invalid_request"), "a state past its limit");
    // Who it is that decides.
    let denied = world.decided("doctor-a", &World::request("public", LAUNCH, &[]), &[("decision", "deny")]).await;
    assert_eq!(denied.sent("error").as_deref(), Some("access_denied"));
    let silent = World::request("public", LAUNCH, &[("prompt", "none")]);
    let nobody = world.send("GET", &format!("/oauth/authorize?{silent}"), &[], "").await;
    assert_eq!(nobody.sent("error").as_deref(), Some("login_required"));
    let other =
        world.page("doctor-a", "GET", &format!("/oauth/authorize?{}", World::request("of-b", LAUNCH, &[])), "").await;
    assert_eq!(other.sent("error").as_deref(), Some("access_denied"), "an app of another facility");
    let blind = World::request("public", "patient/*.rs launch/patient", &[]);
    let blind = world.page("operator", "GET", &format!("/oauth/authorize?{blind}"), "").await;
    assert_eq!(blind.sent("error").as_deref(), Some("access_denied"), "who sees no patients lets nobody see them");
    // A page of others cannot say yes.
    let body =
        form(&[("request_shown", &World::request("public", LAUNCH, &[])), ("decision", "allow"), ("patient", "p1")]);
    let headers = [
        ("cookie", "mach_session=doctor-a"),
        ("content-type", "application/x-www-form-urlencoded"),
        ("sec-fetch-site", "cross-site"),
    ];
    assert_eq!(world.send("POST", "/oauth/authorize", &headers, &body).await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_code_is_good_once_for_whom_it_was_made() {
    let world = World::new().await;
    let code = world.code("doctor-a", "public", LAUNCH).await;
    // Another app has it: unknown to it, and still good for its own.
    let mixed: Vec<_> = World::exchange("secret", &code).into_iter().filter(|(n, _)| *n != "client_id").collect();
    assert_eq!(world.basic("/oauth/token", &mixed).await.json()["error"], "invalid_grant");
    let tokens = world.form("/oauth/token", &World::exchange("public", &code)).await;
    assert_eq!(tokens.status, StatusCode::OK);
    let token = tokens.json()["access_token"].as_str().unwrap().to_owned();
    assert!(world.is_good(&token).await);
    let again = world.form("/oauth/token", &World::exchange("public", &code)).await;
    assert_eq!((again.status, again.json()["error"].as_str()), (StatusCode::BAD_REQUEST, Some("invalid_grant")));
    assert!(!world.is_good(&token).await, "what was given for a code that came twice ends");

    for (with, error) in [
        (("code_verifier", "another-verifier-of-forty-three-letters-or-more"), "invalid_grant"),
        (("redirect_uri", "https://app.example.vn/other"), "invalid_grant"),
        (("code_verifier", "short"), "invalid_request"),
        (("code_verifier", ""), "invalid_request"),
        (("code", "guessed"), "invalid_grant"),
        (("grant_type", "password"), "unsupported_grant_type"),
        (("client_id", "nobody"), "invalid_client"),
        (("client_secret", "guessed"), "invalid_client"),
    ] {
        let code = world.code("doctor-a", "public", LAUNCH).await;
        let mut pairs = World::exchange("public", &code);
        pairs.retain(|(name, _)| *name != with.0);
        pairs.push(with);
        let answer = world.form("/oauth/token", &pairs).await;
        assert_eq!(answer.json()["error"], error, "{with:?} {answer:?}");
        if error == "invalid_grant" && with.0 != "code" {
            let right = world.form("/oauth/token", &World::exchange("public", &code)).await;
            assert_eq!(right.json()["error"], "invalid_grant", "who has the code and not the rest spoils it: {with:?}");
        }
    }
    // The challenge itself is no verifier.
    let code = world.code("doctor-a", "public", LAUNCH).await;
    let mut pairs = World::exchange("public", &code);
    let shown = challenge(VERIFIER);
    pairs.retain(|(name, _)| *name != "code_verifier");
    pairs.push(("code_verifier", &shown));
    assert_eq!(world.form("/oauth/token", &pairs).await.json()["error"], "invalid_grant");
    // A parameter comes once, as a form.
    let code = world.code("doctor-a", "public", LAUNCH).await;
    let mut pairs = World::exchange("public", &code);
    pairs.push(("code", &code));
    assert_eq!(world.form("/oauth/token", &pairs).await.json()["error"], "invalid_request");
    let json = world.send("POST", "/oauth/token", &[("content-type", "application/json")], "{}").await;
    assert_eq!(json.json()["error"], "invalid_request");
    // An app that has a secret shows it; one that has none shows none.
    let code = world.code("doctor-a", "secret", LAUNCH).await;
    assert_eq!(world.form("/oauth/token", &World::exchange("secret", &code)).await.json()["error"], "invalid_client");
    let mut both = World::exchange("secret", &code);
    both.push(("client_secret", SECRET));
    assert_eq!(world.form("/oauth/token", &both).await.status, StatusCode::OK, "client_secret_post");
}

#[tokio::test]
async fn a_code_ends_by_itself() {
    let world = World::new().await;
    let code = world.code("doctor-a", "public", LAUNCH).await;
    let hash = mach_access::secret::token_hash(&code);
    world
        .store
        .write(&crate::world::console(), move |tx| {
            use mach_store::sql::Execute;
            // As if it were made a minute and a second ago.
            let sql = "UPDATE smart_code SET until = until - ?2 WHERE hash = ?1";
            tx.run(sql, &[hash.as_slice().into(), (mach_base::limits::SMART_CODE_SECONDS + 1).into()]).map(drop)
        })
        .unwrap();
    assert_eq!(world.form("/oauth/token", &World::exchange("public", &code)).await.json()["error"], "invalid_grant");
}

#[tokio::test]
async fn refresh_tokens_turn_and_never_widen() {
    let world = World::new().await;
    let first =
        world.tokens("doctor-a", "offline_access launch/patient patient/Observation.rs patient/Patient.r").await;
    let refresh = |token: &str, scope: &str| {
        let pairs =
            [("grant_type", "refresh_token"), ("client_id", "public"), ("refresh_token", token), ("scope", scope)];
        let body: Vec<(String, String)> = pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        let world = &world;
        async move {
            let pairs: Vec<(&str, &str)> = body.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
            world.form("/oauth/token", &pairs).await
        }
    };
    let one = first["refresh_token"].as_str().unwrap();
    for wider in ["patient/*.rs", "patient/Observation.cruds", "user/Observation.rs", "patient/Observation.rs nonsense"]
    {
        assert_eq!(refresh(one, wider).await.json()["error"], "invalid_scope", "{wider}");
    }
    let stranger = [("grant_type", "refresh_token"), ("refresh_token", one)];
    assert_eq!(world.basic("/oauth/token", &stranger).await.json()["error"], "invalid_grant", "another app's");
    let narrower = refresh(one, "patient/Observation.s").await.json();
    let token = narrower["access_token"].as_str().unwrap();
    assert_eq!(world.get(token, "Patient/p1").await.status, StatusCode::FORBIDDEN, "{narrower}");
    assert_eq!(world.get(token, "Observation").await.ids().len(), 2);
    assert_eq!(narrower["patient"], "p1");
    let two = narrower["refresh_token"].as_str().unwrap();
    assert_ne!(one, two);
    let whole = refresh(two, "").await.json();
    let token = whole["access_token"].as_str().unwrap();
    assert_eq!(world.get(token, "Patient/p1").await.status, StatusCode::OK, "the refresh token keeps what was granted");
    // Somebody has the one that was used: nobody has anything any more.
    assert_eq!(refresh(two, "").await.json()["error"], "invalid_grant");
    assert!(!world.is_good(token).await);
    assert_eq!(refresh(whole["refresh_token"].as_str().unwrap(), "").await.json()["error"], "invalid_grant");
    let given = world.page("doctor-a", "GET", "/account/apps", "").await;
    assert!(!given.text.contains("/account/apps/1/end"), "it is no grant that holds");
    // An access token refreshes nothing, a refresh token opens nothing.
    let next = world.tokens("doctor-a", "offline_access launch/patient patient/Observation.rs").await;
    assert_eq!(refresh(next["access_token"].as_str().unwrap(), "").await.json()["error"], "invalid_grant");
    assert!(!world.is_good(next["refresh_token"].as_str().unwrap()).await);
}
