//! ID tokens and userinfo that are not what they should be: each by itself, beside one that is.

use crate::simulator::{Signs, Simulator};
use crate::world::World;
use axum::http::StatusCode;
use mach_base::time::now_seconds;
use serde_json::{Value, json};

#[tokio::test]
async fn tokens_of_the_three_algorithms_are_believed() {
    let world = World::upon(Simulator::start(true).await, &[]).await;
    world.links(1, "s-1");
    let mut all = vec![Signs::Es256];
    if world.provider.has_rsa() {
        all.extend([Signs::Rs256, Signs::Ps256]);
    }
    for signs in all {
        world.provider.tell(|told| told.signs = signs);
        let mut browser = world.browser();
        let came = browser.signs_on("/sign-in/with/bv").await;
        assert_eq!(came.status, StatusCode::SEE_OTHER, "{signs:?} {came:?}");
        assert!(browser.is_in().await, "{signs:?}");
    }
}

#[tokio::test]
async fn tokens_that_no_key_of_the_provider_made_are_not_believed() {
    let world = World::new().await;
    world.links(1, "s-1");
    world.links(1, "s-2");
    for signs in [
        Signs::None,
        Signs::SecretHs256,
        Signs::PublicHs256,
        Signs::Swapped,
        Signs::Unknown,
        Signs::Altered,
        Signs::Mislabelled,
    ] {
        world.provider.tell(|told| told.signs = signs);
        let refused = world.browser().signs_on("/sign-in/with/bv").await;
        assert_eq!((refused.status, world.sessions()), (StatusCode::FORBIDDEN, 0), "{signs:?} {refused:?}");
        assert!(world.trail()[0].0.starts_with("sign-on bv: not proven"), "{signs:?} {:?}", world.trail()[0]);
        assert!(refused.text.contains("Không kiểm chứng được"), "{}", refused.text);
    }
    // Whoever sends tokens of keys that are not there does not make us ask for keys again and again.
    assert_eq!(world.provider.asked("keys"), 1);
    world.provider.tell(|told| told.signs = Signs::Es256);
    assert_eq!(world.browser().signs_on("/sign-in/with/bv").await.status, StatusCode::SEE_OTHER, "as before");
}

#[tokio::test]
async fn tokens_with_a_wrong_claim_are_not_believed() {
    let world = World::with(&[("max-age", "300")]).await;
    world.links(1, "s-1");
    let now = now_seconds();
    let good = json!({ "auth_time": now });
    let with = |name: &str, value: Value| {
        let mut claims = good.clone();
        claims[name] = value;
        world.provider.tell(|told| told.claims = claims);
    };
    for (name, value) in [
        ("nonce", json!("another")),
        ("nonce", Value::Null),
        ("iss", json!("https://evil.vn")),
        ("aud", json!("another")),
        ("aud", json!(["mach", "another"])),
        ("azp", json!("another")),
        ("exp", json!(now - 3_600)),
        ("iat", json!(now - 3_600)),
        ("iat", json!(now + 3_600)),
        ("sub", Value::Null),
        ("at_hash", json!("AAAAAAAAAAAAAAAAAAAAAA")),
        ("auth_time", Value::Null),
        ("auth_time", json!(now - 3_600)),
    ] {
        with(name, value.clone());
        let refused = world.browser().signs_on("/sign-in/with/bv").await;
        assert_eq!((refused.status, world.sessions()), (StatusCode::FORBIDDEN, 0), "{name} {value} {refused:?}");
        assert_eq!(world.trail()[0].0, format!("sign-on bv: not proven: the ID token's {name}"), "{value}");
    }
    with("at_hash", Value::Null);
    let mut browser = world.browser();
    assert_eq!(browser.signs_on("/sign-in/with/bv").await.status, StatusCode::SEE_OTHER, "what need not be there");
    // The provider says that they have just proven who they are: so they have here.
    let linking = browser.get("/account/sign-on/with/bv").await;
    assert!(linking.location.starts_with(&world.provider.url), "{linking:?}");
    world.provider.tell(|told| told.gives_id_token = false);
    assert_eq!(world.browser().signs_on("/sign-in/with/bv").await.status, StatusCode::FORBIDDEN, "no ID token at all");
}

#[tokio::test]
async fn userinfo_is_of_the_tokens_subject_or_of_nobody() {
    let world = World::new().await;
    world.links(1, "s-1");
    for userinfo in [json!({ "sub": "s-2" }), json!({ "name": "no sub" }), json!({ "sub": ["s-1"] })] {
        world.provider.tell(|told| told.userinfo = userinfo.clone());
        let refused = world.browser().signs_on("/sign-in/with/bv").await;
        assert_eq!((refused.status, world.sessions()), (StatusCode::FORBIDDEN, 0), "{userinfo}");
        assert_eq!(world.trail()[0].0, "sign-on bv: not proven: userinfo is of another subject");
    }
}

#[tokio::test]
async fn too_low_a_level_of_assurance_opens_nothing() {
    let world = World::with(&[("levels", "LoA2,LoA3")]).await;
    world.links(1, "s-1");
    for (claims, status) in [
        (json!({ "acr": "LoA2" }), StatusCode::SEE_OTHER),
        (json!({ "acr": "LoA3" }), StatusCode::SEE_OTHER),
        (json!({ "acr": "LoA1" }), StatusCode::FORBIDDEN),
        (json!({}), StatusCode::FORBIDDEN),
    ] {
        world.provider.tell(|told| told.claims = claims.clone());
        let answer = world.browser().signs_on("/sign-in/with/bv").await;
        assert_eq!(answer.status, status, "{claims} {answer:?}");
    }
    assert_eq!(world.trail()[0].0, "sign-on bv: level");
    let kept = world.trail().iter().any(|(target, _)| target == "account 1 sign-on bv level LoA3");
    assert!(kept, "at which level somebody came stays known: {:?}", world.trail());
}
