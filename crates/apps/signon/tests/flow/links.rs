//! Accounts of who works here: linked by their owners, found by a name where that is allowed, and nobody else's.

use crate::world::{World, form, hidden};
use axum::http::StatusCode;
use mach_access::secret::token_hash;
use mach_store::sign_on::{self, NewLink};
use mach_store::sql::Execute;
use mach_store::{accounts, notices};
use serde_json::json;

#[tokio::test]
async fn where_no_provider_is_set_up_nothing_is_shown() {
    let world = World::new().await;
    let shown = world.browser().get("/sign-in").await;
    assert!(shown.text.contains("href=\"/sign-in/with/bv?next=/\""), "{}", shown.text);
    mach_signon::provider::forget(world.folder.path(), "bv").unwrap();
    let shown = world.browser().get("/sign-in").await;
    assert!(!shown.text.contains("/sign-in/with/"), "{}", shown.text);
    for path in ["/sign-in/with/bv", "/sign-in/back/bv?code=x&state=y", "/sign-in/out/bv"] {
        assert_eq!(world.browser().get(path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test]
async fn who_links_an_account_signs_in_by_it_until_it_is_unlinked() {
    let world = World::new().await;
    let mut owner = world.signed_in(1, "owner");
    assert!(owner.get("/account/sign-on").await.text.contains("/account/sign-on/with/bv"));
    let asked = owner.signs_on("/account/sign-on/with/bv").await;
    assert_eq!(asked.status, StatusCode::OK, "{asked:?}");
    assert!(asked.text.contains("lan@bv.vn"), "whom the provider said: {}", asked.text);
    // Nothing is linked before its owner says so.
    assert_eq!(world.browser().signs_on("/sign-in/with/bv").await.status, StatusCode::FORBIDDEN);
    let linked = owner.ask("POST", "/account/sign-on", &form(&[("wish", &hidden(&asked.text, "wish"))])).await;
    assert_eq!(linked.location, "/account/sign-on?done=linked", "{linked:?}");
    let shown = owner.get("/account/sign-on").await.text;
    assert!(shown.contains("lan@bv.vn") && !shown.contains("/account/sign-on/with/bv"), "{shown}");
    let told = world.write(|tx| notices::of_account(tx, 1, None, 10));
    assert_eq!(told.first().and_then(|n| n.kind), Some(notices::Kind::SignOnLinked));

    let mut browser = world.browser();
    let came = browser.signs_on("/sign-in/with/bv?next=/account/sign-on").await;
    assert_eq!((came.status, came.location.as_str()), (StatusCode::SEE_OTHER, "/account/sign-on"), "{came:?}");
    assert!(browser.is_in().await);
    assert_eq!(world.trail()[0], ("account 1 sign-on bv".to_owned(), "granted".to_owned()));
    // Where the provider does not say when they proved who they are, they have not just done so.
    let unproven = browser.get("/account/sign-on/with/bv").await;
    assert!(unproven.location.starts_with("/prove"), "{unproven:?}");

    let page = owner.get("/account/sign-on").await.text;
    let (_, rest) = page.split_once("action=\"/account/sign-on/").unwrap();
    let end = format!("/account/sign-on/{}/end", rest.split('/').next().unwrap());
    let other = world.signed_in(2, "another").ask("POST", &end, "").await;
    assert_eq!(other.status, StatusCode::NOT_FOUND, "not another's to end");
    assert_eq!(owner.ask("POST", &end, "").await.location, "/account/sign-on?done=ended");
    assert!(!browser.is_in().await, "a session that came by it ends");
    assert!(owner.is_in().await, "and no other");
    assert_eq!(world.browser().signs_on("/sign-in/with/bv").await.status, StatusCode::FORBIDDEN);
    assert_eq!(world.trail()[0], ("sign-on bv: no account".to_owned(), "denied".to_owned()));
}

#[tokio::test]
async fn a_link_wants_a_fresh_proof_the_session_that_asked_and_its_owners_word() {
    let world = World::new().await;
    let mut owner = world.signed_in(1, "owner");
    let away = owner.get("/account/sign-on/with/bv").await.sent();
    assert_eq!(away["prompt"], "login", "whoever sits there is asked who they are");
    let asked = owner.signs_on("/account/sign-on/with/bv").await;
    let wish = form(&[("wish", &hidden(&asked.text, "wish"))]);
    // Another's account, and a wish that nobody sealed.
    let another = world.signed_in(2, "another").ask("POST", "/account/sign-on", &wish).await;
    assert_eq!(another.status, StatusCode::BAD_REQUEST, "{another:?}");
    let made_up = owner.ask("POST", "/account/sign-on", "wish=AAAA").await;
    assert_eq!(made_up.status, StatusCode::BAD_REQUEST);
    // A browser that signed in as somebody else meanwhile.
    let mut browser = world.signed_in(1, "first");
    let back = browser.away("/account/sign-on/with/bv").await;
    world.signed_in(2, "second");
    browser.cookies.insert("mach_session".to_owned(), "second".to_owned());
    let refused = browser.get(&back).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{refused:?}");
    // A proof that has grown old.
    world.write(|tx| tx.run("UPDATE session SET proven = 0", &[]).map(drop));
    for (method, path) in
        [("GET", "/account/sign-on/with/bv"), ("POST", "/account/sign-on"), ("POST", "/account/sign-on/1/end")]
    {
        let answer = owner.ask(method, path, &wish).await;
        assert!(
            answer.location.starts_with("/prove") || answer.status == StatusCode::UNAUTHORIZED,
            "{path} {answer:?}"
        );
    }
    assert!(world.write(|tx| sign_on::of_account(tx, 1)).is_empty());
    // One subject is one account's.
    world.links(2, "s-1");
    let mut owner = world.signed_in(1, "fresh");
    let asked = owner.signs_on("/account/sign-on/with/bv").await;
    let done = owner.ask("POST", "/account/sign-on", &form(&[("wish", &hidden(&asked.text, "wish"))])).await;
    assert_eq!(done.location, "/account/sign-on?done=another");
}

#[tokio::test]
async fn an_account_has_so_many_links_and_no_more() {
    let world = World::new().await;
    for n in 0..mach_base::limits::SIGN_ON_LINKS {
        world.links(1, &format!("s {n}"));
    }
    let at_the_limit = world.write(|tx| sign_on::of_account(tx, 1)).len();
    assert_eq!(at_the_limit, mach_base::limits::SIGN_ON_LINKS);
    let mut owner = world.signed_in(1, "owner");
    let asked = owner.signs_on("/account/sign-on/with/bv").await;
    let done = owner.ask("POST", "/account/sign-on", &form(&[("wish", &hidden(&asked.text, "wish"))])).await;
    assert_eq!(done.location, "/account/sign-on?done=many");
}

#[tokio::test]
async fn a_second_factor_follows_unless_the_provider_showed_one_that_counts() {
    let guard = |tx: &mut mach_store::Tx<'_>| {
        tx.propose_factor(1, b"secret")?;
        tx.confirm_factor(1, 0, &[])
    };
    let world = World::new().await;
    world.links(1, "s-1");
    world.write(guard);
    world.provider.tell(|told| told.claims = json!({ "amr": ["pwd", "otp"] }));
    let mut browser = world.browser();
    let half = browser.signs_on("/sign-in/with/bv?next=/claims").await;
    assert_eq!(half.location, "/sign-in/code?next=/claims", "{half:?}");
    assert!(!browser.is_in().await, "half in is not in");
    assert_eq!(browser.get("/sign-in/code").await.status, StatusCode::OK);

    let world = World::with(&[("second", "amr:otp")]).await;
    world.links(1, "s-1");
    world.write(guard);
    for (claims, to) in [
        (json!({ "amr": ["pwd", "otp"] }), "/claims"),
        (json!({ "amr": ["pwd"] }), "/sign-in/code?next=/claims"),
        (json!({ "acr": "otp" }), "/sign-in/code?next=/claims"),
    ] {
        world.provider.tell(|told| told.claims = claims.clone());
        assert_eq!(world.browser().signs_on("/sign-in/with/bv?next=/claims").await.location, to, "{claims}");
    }
    // What userinfo says is not signed, and is no factor.
    world.provider.tell(|told| {
        told.claims = json!({});
        told.userinfo = json!({ "sub": "s-1", "amr": ["otp"] });
    });
    let half = world.browser().signs_on("/sign-in/with/bv").await;
    assert!(half.location.starts_with("/sign-in/code"), "{half:?}");
}

#[tokio::test]
async fn who_is_shut_out_here_stays_out() {
    let world = World::new().await;
    world.links(1, "s-1");
    world.write(|tx| tx.run("UPDATE account SET closed = 1 WHERE id = 1", &[]).map(drop));
    let closed = world.browser().signs_on("/sign-in/with/bv").await;
    assert_eq!(closed.status, StatusCode::FORBIDDEN);
    world.write(|tx| tx.run("UPDATE account SET closed = 0, rests_until = 9999999999 WHERE id = 1", &[]).map(drop));
    let rests = world.browser().signs_on("/sign-in/with/bv").await;
    assert_eq!((rests.status, world.sessions()), (StatusCode::FORBIDDEN, 0));
    world.write(|tx| tx.run("UPDATE account SET rests_until = 0, role = 'citizen' WHERE id = 1", &[]).map(drop));
    let citizen = world.browser().signs_on("/sign-in/with/bv").await;
    assert_eq!((citizen.status, world.sessions()), (StatusCode::FORBIDDEN, 0), "a link is of who works here");
    // Who let themselves back in by two administrators is linked with nobody.
    world.write(|tx| {
        tx.run("UPDATE account SET role = 'clinician' WHERE id = 1", &[])?;
        tx.invite(1, 0, &token_hash("code"))?;
        tx.recover(1, &token_hash("code"), "another").map(drop)
    });
    assert!(world.write(|tx| sign_on::of_account(tx, 1)).is_empty());
    assert_eq!(world.browser().signs_on("/sign-in/with/bv").await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn sessions_end_with_another_password_and_the_link_stays() {
    let world = World::new().await;
    world.links(1, "s-1");
    let mut browser = world.browser();
    browser.signs_on("/sign-in/with/bv").await;
    assert!(browser.is_in().await);
    world.write(|tx| tx.set_password(1, "another"));
    assert!(!browser.is_in().await);
    browser.signs_on("/sign-in/with/bv").await;
    assert!(browser.is_in().await);
    let out = browser.ask("POST", "/sign-out", "").await;
    assert_eq!(out.location, "/sign-in?out=1&at=bv");
    assert!(!browser.is_in().await);
}

#[tokio::test]
async fn a_name_links_an_account_only_where_the_configuration_says_so_and_once() {
    let says = |world: &World, sub: &str, login: &str| {
        let (claims, userinfo) = (json!({ "sub": sub }), json!({ "sub": sub, "login": login }));
        world.provider.tell(|told| (told.claims, told.userinfo) = (claims, userinfo));
    };
    let world = World::new().await;
    says(&world, "s-1", "doctor");
    assert_eq!(world.browser().signs_on("/sign-in/with/bv").await.status, StatusCode::FORBIDDEN, "a name is no proof");

    let world = World::with(&[("username", "login")]).await;
    says(&world, "s-1", "Doctor");
    assert_eq!(world.browser().signs_on("/sign-in/with/bv").await.status, StatusCode::SEE_OTHER);
    let told = world.write(|tx| notices::of_account(tx, 1, None, 10));
    assert_eq!(told.len(), 1, "its owner is told");
    says(&world, "s-1", "operator");
    world.browser().signs_on("/sign-in/with/bv").await;
    assert_eq!(world.trail()[0].0, "account 1 sign-on bv", "from then on the subject counts");
    for (sub, login, why) in [
        ("s-2", "doctor", "the name was given to somebody else there"),
        ("s-3", "admin", "administrators link themselves"),
        ("s-4", "nobody", "no such account"),
        ("s-5", "citizen-1", "a name of the program's own"),
        ("s-6", "", "no name"),
    ] {
        says(&world, sub, login);
        let refused = world.browser().signs_on("/sign-in/with/bv").await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN, "{why}: {refused:?}");
    }
}

#[tokio::test]
async fn a_link_holds_for_the_provider_that_it_was_made_with() {
    let world = World::new().await;
    world.links(1, "s-1");
    let other = NewLink {
        issuer: "https://other.vn".to_owned(),
        subject: "s-9".to_owned(),
        called: "x".to_owned(),
        account: 2,
    };
    world.write(move |tx| tx.link_sign_on(&other).map(drop));
    world.provider.tell(|told| {
        told.claims = json!({ "sub": "s-9" });
        told.userinfo = json!({ "sub": "s-9" });
    });
    assert_eq!(world.browser().signs_on("/sign-in/with/bv").await.status, StatusCode::FORBIDDEN);
    let account = world.write(|tx| accounts::by_name(tx, "operator")).unwrap();
    assert_eq!(account.actor.account, 2);
}
