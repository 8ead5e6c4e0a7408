//! Signing out there, told by the provider's signature; and here, with the way to there.

use crate::simulator::Signs;
use crate::world::{Answer, World, form};
use axum::http::StatusCode;
use mach_base::time::now_seconds;
use serde_json::{Value, json};

const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

async fn tells(world: &World, with: &[(&str, Value)], signs: Signs) -> Answer {
    let now = now_seconds();
    let jti = format!("{:?}", with);
    let mut claims = json!({
        "iss": world.provider.url, "aud": "mach", "iat": now, "exp": now + 120, "jti": jti, "events": { EVENT: {} },
    });
    for (name, value) in with {
        claims[*name] = value.clone();
    }
    let token = world.provider.signed(&claims, signs);
    world.browser().ask("POST", "/sign-in/ended/bv", &form(&[("logout_token", &token)])).await
}

#[tokio::test]
async fn who_signs_out_there_is_out_here() {
    let world = World::new().await;
    world.links(1, "s-1");
    let mut browsers = Vec::new();
    for sid in ["there-1", "there-2", "there-3"] {
        world.provider.tell(|told| told.claims = json!({ "sid": sid }));
        let mut browser = world.browser();
        browser.signs_on("/sign-in/with/bv").await;
        browsers.push(browser);
    }
    let mut by_password = world.signed_in(1, "by password");
    let mut wrong = Vec::new();
    for (with, signs) in [
        (vec![("sub", json!("s-1"))], Signs::Swapped),
        (vec![("sub", json!("s-1"))], Signs::None),
        (vec![("sub", json!("s-1"))], Signs::SecretHs256),
        (vec![("sub", json!("s-1")), ("nonce", json!("n"))], Signs::Es256),
        (vec![("sub", json!("s-1")), ("aud", json!("another"))], Signs::Es256),
        (vec![("sub", json!("s-1")), ("events", json!({}))], Signs::Es256),
        (vec![("sub", json!("s-1")), ("exp", json!(5))], Signs::Es256),
        (vec![], Signs::Es256),
    ] {
        wrong.push(tells(&world, &with, signs).await.status);
    }
    assert!(wrong.iter().all(|status| *status == StatusCode::BAD_REQUEST), "{wrong:?}");
    assert_eq!(world.browser().ask("POST", "/sign-in/ended/bv", "").await.status, StatusCode::BAD_REQUEST);
    assert_eq!(world.sessions(), 4, "nothing ended by what is not proven");

    // Somebody else's, and a session that is not there.
    for with in [
        vec![("sub", json!("s-2"))],
        vec![("sid", json!("there-9"))],
        vec![("sub", json!("s-2")), ("sid", json!("there-1"))],
    ] {
        assert_eq!(tells(&world, &with, Signs::Es256).await.status, StatusCode::OK, "{with:?}");
    }
    assert_eq!(world.sessions(), 4);
    assert_eq!(
        tells(&world, &[("sid", json!("there-1")), ("sub", json!("s-1"))], Signs::Es256).await.status,
        StatusCode::OK
    );
    assert!(!browsers[0].is_in().await && browsers[1].is_in().await && browsers[2].is_in().await);
    assert_eq!(world.trail()[0].0, "sign-on bv: logout ended 1 sessions");
    // Twice is once.
    let before = world.trail().len();
    assert_eq!(
        tells(&world, &[("sid", json!("there-1")), ("sub", json!("s-1"))], Signs::Es256).await.status,
        StatusCode::OK
    );
    assert_eq!(world.trail().len(), before);
    assert_eq!(tells(&world, &[("sub", json!("s-1"))], Signs::Es256).await.status, StatusCode::OK);
    assert!(!browsers[1].is_in().await && !browsers[2].is_in().await);
    assert!(by_password.is_in().await, "what the provider did not open it does not end");
}

#[tokio::test]
async fn who_signs_out_here_is_shown_the_way_to_there() {
    let world = World::with(&[("logout", "yes")]).await;
    world.links(1, "s-1");
    let mut browser = world.browser();
    browser.signs_on("/sign-in/with/bv").await;
    let out = browser.ask("POST", "/sign-out", "").await;
    assert_eq!(out.location, "/sign-in?out=1&at=bv");
    let door = browser.get(&out.location).await;
    assert!(door.text.contains("href=\"/sign-in/out/bv\""), "{}", door.text);
    let there = browser.get("/sign-in/out/bv").await;
    assert!(there.location.starts_with(&format!("{}/end?x=1&", world.provider.url)), "{there:?}");
    let sent = there.sent();
    assert_eq!(
        (sent["client_id"].as_str(), sent["post_logout_redirect_uri"].as_str()),
        ("mach", "https://mach.test/sign-in?out=1")
    );
    // Where nobody asked for that, there is no such way.
    world.sets("bv", &[("logout", "no")]);
    assert_eq!(browser.get("/sign-in/out/bv").await.status, StatusCode::NOT_FOUND);
    assert!(!browser.get("/sign-in?out=1&at=bv").await.text.contains("/sign-in/out/"));
    assert!(!browser.get("/sign-in?out=1&at=//evil.vn").await.text.contains("evil.vn/"));
}
