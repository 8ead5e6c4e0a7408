//! Providers that are slow, huge, broken, that lead elsewhere or into the house; and the ways to prove ourselves to one that is well.

use crate::simulator::{Simulator, Wire};
use crate::world::World;
use axum::http::StatusCode;
use mach_signon::provider;
use serde_json::json;

#[tokio::test]
async fn a_provider_that_does_not_answer_as_it_should_signs_nobody_on() {
    let world = World::new().await;
    world.links(1, "s-1");
    for wire in [Wire::Huge, Wire::Redirects, Wire::Broken, Wire::NoJson, Wire::Refuses] {
        for of_users in [false, true] {
            world.provider.tell(|told| {
                (told.token, told.users) = if of_users { (Wire::Well, wire) } else { (wire, Wire::Well) };
            });
            let shown = world.browser().signs_on("/sign-in/with/bv").await;
            assert_eq!((shown.status, world.sessions()), (StatusCode::BAD_GATEWAY, 0), "{wire:?} {of_users} {shown:?}");
            assert!(!shown.text.contains("<b>") && shown.text.contains("không trả lời"), "{}", shown.text);
            assert_eq!(world.trail()[0], ("sign-on bv: no answer".to_owned(), "denied".to_owned()));
        }
    }
    assert_eq!(world.provider.asked("elsewhere"), 0, "no redirect is followed");
}

#[tokio::test]
async fn a_provider_that_hangs_is_not_waited_for_for_ever() {
    let world = World::new().await;
    world.provider.tell(|told| told.token = Wire::Hangs);
    let began = std::time::Instant::now();
    let shown = world.browser().signs_on("/sign-in/with/bv").await;
    assert_eq!(shown.status, StatusCode::BAD_GATEWAY, "{shown:?}");
    let waited = began.elapsed().as_secs();
    assert!((8..60).contains(&waited), "{waited} s");
}

#[tokio::test]
async fn a_provider_that_says_it_is_another_or_cannot_be_reached_is_not_gone_to() {
    let world = World::new().await;
    world.provider.tell(|told| told.metadata = json!({ "issuer": "https://evil.vn" }));
    let shown = world.browser().get("/sign-in/with/bv").await;
    assert_eq!(shown.status, StatusCode::BAD_GATEWAY, "{shown:?}");
    assert!(!shown.text.contains("evil.vn"), "{}", shown.text);
    world.browser().get("/sign-in/with/bv").await;
    assert_eq!(world.provider.asked("metadata"), 1, "and is left alone for a while");
    // Its name leads into a private network, which nobody allowed: it is not connected to.
    let inside = world.provider.url.replace("http://", "https://");
    world.sets("inside", &[("issuer", &inside), ("private", "no")]);
    assert_eq!(world.browser().get("/sign-in/with/inside").await.status, StatusCode::BAD_GATEWAY);
    let refused = mach_signon::tried(
        &provider::Provider::read("inside", &provider::fields(world.folder.path(), "inside").unwrap().unwrap())
            .unwrap(),
    )
    .await;
    assert!(refused.as_ref().is_err_and(|why| why.contains("private network")), "{refused:?}");
    let plain = [("issuer", world.provider.url.as_str()), ("client-id", "mach")];
    let plain = plain.map(|(n, v)| (n.to_owned(), v.to_owned())).into();
    let refused = provider::keep(world.folder.path(), "plain", plain);
    assert!(refused.is_err_and(|why| why.contains("without TLS")));
}

#[tokio::test]
async fn this_program_proves_itself_as_it_was_told_to() {
    // `basic` is what all other tests do, with a secret of many signs.
    let world = World::with(&[("proof", "post")]).await;
    world.links(1, "s-1");
    assert_eq!(world.browser().signs_on("/sign-in/with/bv").await.status, StatusCode::SEE_OTHER);
    world.sets("bv", &[("proof", "none"), ("secret", "")]);
    assert_eq!(world.browser().signs_on("/sign-in/with/bv").await.status, StatusCode::BAD_GATEWAY, "no proof at all");
    world.sets("bv", &[("proof", "key"), ("key", "new"), ("secret", "")]);
    let kept = provider::fields(world.folder.path(), "bv").unwrap().unwrap();
    let keys = provider::Provider::read("bv", &kept).unwrap().public_keys().unwrap();
    assert!(!keys.contains("\"d\""), "{keys}");
    world.provider.tell(|told| told.keys_of_client = Some(keys));
    assert_eq!(world.browser().signs_on("/sign-in/with/bv").await.status, StatusCode::SEE_OTHER);
    let file = std::fs::read_to_string(world.folder.path().join("sign-on/bv")).unwrap();
    assert!(!file.contains("PRIVATE") && !file.contains("127.0.0.1"), "sealed: {file}");
}

#[tokio::test]
async fn addresses_given_singly_need_no_discovery() {
    let simulator = Simulator::start(false).await;
    let at = |path: &str| format!("{}{path}", simulator.url);
    let (authorize, token, userinfo, keys) = (at("/authorize"), at("/token"), at("/userinfo"), at("/keys"));
    let fields = [("authorize", authorize.as_str()), ("token", &token), ("userinfo", &userinfo), ("jwks", &keys)];
    let world = World::upon(simulator, &fields).await;
    world.links(1, "s-1");
    assert_eq!(world.browser().signs_on("/sign-in/with/bv").await.status, StatusCode::SEE_OTHER);
    assert_eq!(world.provider.asked("metadata"), 0);
}
