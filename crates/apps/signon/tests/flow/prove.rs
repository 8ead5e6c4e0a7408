//! Who came in by a provider proves there anew who they are; what comes back must be of them, and of now.

use crate::world::{CCCD, World};
use axum::http::StatusCode;
use mach_base::time::now_seconds;
use mach_store::sign_on;
use mach_store::sql::Execute;
use serde_json::json;

/// Everybody's proof is a day old.
fn grows_old(world: &World) {
    world.write(|tx| tx.run("UPDATE session SET proven = proven - 86400", &[]));
}

fn levels(world: &World) -> Vec<String> {
    world.write(|tx| {
        mach_store::sql::list(tx, "SELECT level FROM session ORDER BY level", &[], |r| Ok(r.text(0)?.to_owned()))
    })
}

#[tokio::test]
async fn a_provider_s_fresh_proof_opens_what_wants_one() {
    let world = World::new().await;
    world.links(1, "s-1");
    world.provider.tell(|told| told.claims = json!({ "acr": "loa2", "auth_time": now_seconds() }));
    let mut browser = world.browser();
    browser.signs_on("/sign-in/with/bv").await;
    assert_eq!(levels(&world), ["loa2"], "how sure the provider was stands on the session");
    grows_old(&world);
    assert!(browser.get("/account/sign-on/with/bv").await.location.starts_with("/prove?"), "a fresh proof is wanted");
    let door = browser.get("/prove?next=%2Faccount%2Fsign-on").await;
    assert!(door.text.contains("href=\"/prove/with/bv?next=/account/sign-on\""), "{}", door.text);
    // They are asked there, whoever they are signed in as there.
    let sent = browser.get("/prove/with/bv?next=%2Faccount%2Fsign-on").await;
    let asked = sent.sent();
    assert_eq!((asked["prompt"].as_str(), asked["max_age"].as_str()), ("login", "0"));
    let before = browser.session().cloned();
    world.provider.tell(|told| told.claims = json!({ "acr": "loa3", "auth_time": now_seconds() }));
    let back = browser.signs_on("/prove/with/bv?next=%2Faccount%2Fsign-on").await;
    assert_eq!((back.status, back.location.as_str()), (StatusCode::SEE_OTHER, "/account/sign-on"), "{back:?}");
    assert_ne!(browser.session().cloned(), before, "under a new token");
    assert_eq!(levels(&world), ["loa3"]);
    assert_eq!(world.trail()[0].0, "account 1 prove by sign-on bv level loa3");
    assert!(!browser.get("/account/sign-on/with/bv").await.location.starts_with("/prove"), "it counts");
}

#[tokio::test]
async fn an_old_proof_another_s_and_none_open_nothing() {
    let world = World::new().await;
    world.links(1, "s-1");
    world.links(2, "s-2");
    let mut browser = world.browser();
    browser.signs_on("/sign-in/with/bv").await;
    grows_old(&world);
    let now = now_seconds();
    for (claims, why) in [
        (json!({}), "it does not say when"),
        (json!({ "auth_time": now - 3_600 }), "from before they were sent"),
        (json!({ "auth_time": now + 3_600 }), "in time to come"),
        (json!({ "auth_time": "now" }), "no time"),
        (json!({ "auth_time": now, "sub": "s-2" }), "another of ours"),
        (json!({ "auth_time": now, "sub": "s-9" }), "somebody else there"),
    ] {
        let sub = claims.get("sub").cloned().unwrap_or(json!("s-1"));
        world.provider.tell(|told| {
            told.claims = claims;
            told.userinfo = json!({ "sub": sub });
        });
        let refused = browser.signs_on("/prove/with/bv").await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN, "{why}");
        assert!(browser.is_in().await, "{why}: the session is as it was");
        assert!(browser.get("/account/sign-on/with/bv").await.location.starts_with("/prove"), "{why}");
    }
    // A session that began by a password, and nobody's.
    let mut by_password = world.signed_in(2, "by password");
    assert!(!by_password.get("/prove").await.text.contains("/prove/with/"));
    assert_eq!(by_password.get("/prove/with/bv").await.status, StatusCode::NOT_FOUND);
    assert!(world.browser().get("/prove/with/bv").await.location.starts_with("/sign-in"));
    // An answer that was meant for one session is none for another.
    world.provider.tell(|told| {
        told.claims = json!({ "auth_time": now_seconds() });
        told.userinfo = json!({ "sub": "s-1" });
    });
    let back = browser.away("/prove/with/bv").await;
    let mut other = world.browser();
    other.cookies = browser.cookies.clone();
    other.cookies.insert(mach_house::SESSION_COOKIE.to_owned(), "by password".to_owned());
    assert_eq!(other.get(&back).await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_locked_session_opens_and_a_resting_account_does_not() {
    let world = World::new().await;
    world.links(1, "s-1");
    let mut browser = world.browser();
    browser.signs_on("/sign-in/with/bv").await;
    browser.ask("POST", "/lock", "").await;
    assert!(!browser.is_in().await);
    world.provider.tell(|told| told.claims = json!({ "auth_time": now_seconds() }));
    let far = now_seconds() + 600;
    world.write(move |tx| tx.run("UPDATE account SET rests_until = ?1 WHERE id = 1", &[far.into()]));
    assert_eq!(browser.signs_on("/prove/with/bv").await.status, StatusCode::FORBIDDEN);
    assert!(!browser.is_in().await);
    world.write(|tx| tx.run("UPDATE account SET rests_until = 0 WHERE id = 1", &[]));
    assert_eq!(browser.signs_on("/prove/with/bv?next=%2Faccount%2Fsign-on").await.location, "/account/sign-on");
    assert!(browser.is_in().await);
}

#[tokio::test]
async fn a_citizen_who_has_no_password_is_asked_for_none() {
    let fields = [("for", "both"), ("claim.number", "number"), ("claim.name", "name"), ("claim.birth", "birthdate")];
    let world = World::with(&fields).await;
    let says = json!({ "sub": "c-1", "number": CCCD, "name": "Nguyễn Thị Lan", "birthdate": "1984-03-09" });
    world.provider.tell(|told| {
        told.claims = json!({ "sub": "c-1", "auth_time": now_seconds() });
        told.userinfo = says;
    });
    let mut citizen = world.browser();
    assert_eq!(citizen.signs_on("/sign-in/with/bv?of=citizens").await.location, "/me");
    let door = citizen.get("/prove").await.text;
    assert!(door.contains("/prove/with/bv") && !door.contains("type=\"password\""), "{door}");
    grows_old(&world);
    assert_eq!(citizen.signs_on("/prove/with/bv?next=%2Fme").await.location, "/me");
    let proven = world.write(|tx| mach_store::sql::int(tx, "SELECT max(proven) FROM session", &[]));
    assert!(now_seconds() - proven < 60);
    // Who came in by a code sent to their telephone comes in anew.
    let account = world.write(|tx| tx.citizen_account(1)).unwrap();
    let mut by_code = world.signed_in(account, "by code");
    let door = by_code.get("/prove").await.text;
    assert!(door.contains("href=\"/me/sign-in\"") && !door.contains("type=\"password\""), "{door}");
}

#[tokio::test]
async fn a_form_that_waited_is_given_back() {
    let world = World::new().await;
    world.links(1, "s-1");
    let mut browser = world.browser();
    browser.signs_on("/sign-in/with/bv").await;
    grows_old(&world);
    let carries = "next=%2Faccount%2Fsign-on%2F1%2Fend&carried=1&c.why=vi+sao&by=elsewhere";
    let early = browser.ask("POST", "/prove", carries).await;
    assert_eq!(early.status, StatusCode::UNAUTHORIZED, "nothing was proved yet");
    assert!(early.text.contains("vi sao") && early.text.contains("target=\"_blank\""), "{}", early.text);
    world.provider.tell(|told| told.claims = json!({ "auth_time": now_seconds() }));
    assert_eq!(browser.signs_on("/prove/with/bv?next=%2Fprove%3Fdone%3D1").await.location, "/prove?done=1");
    assert!(browser.get("/prove?done=1").await.text.contains("Bạn đã xác nhận"));
    let back = browser.ask("POST", "/prove", carries).await;
    assert!(back.text.contains("action=\"/account/sign-on/1/end\"") && back.text.contains("vi sao"), "{}", back.text);
}

#[tokio::test]
async fn a_provider_without_id_tokens_proves_nothing() {
    let world = World::with(&[("identity", "userinfo"), ("claim.subject", "sub")]).await;
    world.links(1, "s-1");
    let mut browser = world.browser();
    browser.signs_on("/sign-in/with/bv").await;
    assert_eq!(world.write(|tx| sign_on::of_account(tx, 1)).len(), 1);
    assert!(!browser.get("/prove").await.text.contains("/prove/with/"));
    assert_eq!(browser.get("/prove/with/bv").await.status, StatusCode::NOT_FOUND);
}
