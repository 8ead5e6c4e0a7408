//! Enemies between a browser and here: answers of others, answers twice, addresses elsewhere, sessions given beforehand.

use crate::simulator::Simulator;
use crate::world::{HERE, World, form};
use axum::http::StatusCode;
use serde_json::json;

#[tokio::test]
async fn a_request_carries_what_protects_it() {
    let world = World::with(&[("acr", "LoA2"), ("max-age", "300"), ("scope", "openid profile")]).await;
    let mut browser = world.browser();
    let sent = browser.get("/sign-in/with/bv").await.sent();
    for (name, value) in [
        ("response_type", "code"),
        ("client_id", "mach"),
        ("scope", "openid profile"),
        ("code_challenge_method", "S256"),
        ("redirect_uri", &format!("{HERE}/sign-in/back/bv")),
        ("acr_values", "LoA2"),
        ("max_age", "300"),
    ] {
        assert_eq!(sent[name], value, "{name}");
    }
    let again = world.browser().get("/sign-in/with/bv").await.sent();
    for name in ["state", "nonce", "code_challenge"] {
        assert!(sent[name].len() >= 43 && sent[name] != again[name], "{name}: {} {}", sent[name], again[name]);
    }
    assert!(!sent.contains_key("prompt"));
    let cookie = browser.cookies.keys().next().unwrap();
    assert_eq!(cookie, "__Host-mach_sign_on", "no other host of the domain sets it");
    let carried = &browser.cookies[cookie];
    assert!(
        !carried.contains(&sent["state"]) && carried.len() < 3_000,
        "sealed, and small enough for a cookie: {carried}"
    );
}

#[tokio::test]
async fn an_answer_is_good_once_and_for_the_browser_that_asked() {
    let world = World::new().await;
    world.links(1, "s-1");
    let mut attacker = world.browser();
    let theirs = attacker.away("/sign-in/with/bv").await;
    // Somebody is led to the attacker's answer: with no cookie, and on a way of their own.
    let mut victim = world.browser();
    for _ in 0..2 {
        let refused = victim.get(&theirs).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{refused:?}");
        assert!(refused.text.contains("không bắt đầu từ trình duyệt này") && victim.session().is_none());
        victim.away("/sign-in/with/bv").await;
    }
    let asked = world.provider.asked("token");
    assert_eq!(asked, 0, "nothing of a stranger's answer is shown to the provider");
    // Their own is good once, and their cookie with it.
    let kept = attacker.cookies.clone();
    assert_eq!(attacker.get(&theirs).await.status, StatusCode::SEE_OTHER);
    assert!(!attacker.cookies.contains_key("__Host-mach_sign_on"));
    attacker.cookies = kept;
    let again = attacker.get(&theirs).await;
    assert_eq!((again.status, world.provider.asked("token")), (StatusCode::BAD_REQUEST, 1), "{again:?}");
    assert_eq!(world.trail()[0].0, "sign-on bv: not on the way: used before");
    // A code that was used, on a way of one's own.
    let mut browser = world.browser();
    let back = browser.away("/sign-in/with/bv").await;
    let (path, _) = back.split_once('?').unwrap();
    let state =
        form_urlencoded::parse(back.split_once('?').unwrap().1.as_bytes()).find(|(n, _)| n == "state").unwrap().1;
    let replayed = browser.get(&format!("{path}?{}", form(&[("code", "code 0"), ("state", &state)]))).await;
    assert_eq!((replayed.status, world.sessions()), (StatusCode::FORBIDDEN, 1), "{replayed:?}");
    for query in [
        form(&[("code", "x")]),
        form(&[("state", "x"), ("code", "x")]),
        form(&[("state", ""), ("code", "x")]),
        "state=a&state=b&code=x".to_owned(),
        String::new(),
    ] {
        let mut browser = world.browser();
        browser.away("/sign-in/with/bv").await;
        assert_eq!(browser.get(&format!("{path}?{query}")).await.status, StatusCode::BAD_REQUEST, "{query}");
    }
}

#[tokio::test]
async fn a_code_of_another_request_is_refused_by_its_challenge() {
    let world = World::new().await;
    world.links(1, "s-1");
    // The attacker's code, put into the victim's own way.
    let stolen = world.browser().away("/sign-in/with/bv").await;
    let code = form_urlencoded::parse(stolen.split_once('?').unwrap().1.as_bytes())
        .find(|(n, _)| n == "code")
        .unwrap()
        .1
        .into_owned();
    let mut victim = world.browser();
    let own = victim.away("/sign-in/with/bv").await;
    let state = form_urlencoded::parse(own.split_once('?').unwrap().1.as_bytes())
        .find(|(n, _)| n == "state")
        .unwrap()
        .1
        .into_owned();
    let injected = victim.get(&format!("/sign-in/back/bv?{}", form(&[("code", &code), ("state", &state)]))).await;
    assert_eq!((injected.status, world.sessions()), (StatusCode::FORBIDDEN, 0), "{injected:?}");
}

#[tokio::test]
async fn providers_are_not_mixed_up() {
    let world = World::new().await;
    world.links(1, "s-1");
    let other = Simulator::start(false).await;
    world.sets("kh", &[("issuer", &other.url)]);
    // Sent to one, back at the other.
    let mut browser = world.browser();
    let back = browser.away("/sign-in/with/bv").await.replace("/back/bv", "/back/kh");
    assert_eq!(browser.get(&back).await.status, StatusCode::BAD_REQUEST);
    assert_eq!(other.asked("token"), 0, "no code is shown to another");
    // RFC 9207: the answer says whose it is.
    for (iss, status) in [
        (world.provider.url.clone(), StatusCode::SEE_OTHER),
        (other.url.clone(), StatusCode::FORBIDDEN),
        (format!("{}/", world.provider.url), StatusCode::FORBIDDEN),
        (String::new(), StatusCode::FORBIDDEN),
    ] {
        let mut browser = world.browser();
        let back = browser.away("/sign-in/with/bv").await;
        let answer = browser.get(&format!("{back}&{}", form(&[("iss", &iss)]))).await;
        assert_eq!(answer.status, status, "{iss}: {answer:?}");
    }
    // Where it always says so, an answer that does not is another's.
    let world = World::new().await;
    world.links(1, "s-1");
    world.provider.tell(|told| told.metadata = json!({ "authorization_response_iss_parameter_supported": true }));
    let mut browser = world.browser();
    let back = browser.away("/sign-in/with/bv").await;
    assert_eq!(browser.get(&back).await.status, StatusCode::FORBIDDEN);
    assert_eq!(world.provider.asked("token"), 0);
}

#[tokio::test]
async fn nobody_is_led_to_another_site_and_no_session_is_given_beforehand() {
    let world = World::new().await;
    world.links(1, "s-1");
    for next in [
        "//evil.vn",
        "https://evil.vn",
        "/\\evil.vn",
        "\\\\evil.vn",
        "javascript:alert(1)",
        "/\t/evil.vn",
        &"/x".repeat(600),
    ] {
        let mut browser = world.browser();
        let came = browser.signs_on(&format!("/sign-in/with/bv?{}", form(&[("next", next)]))).await;
        assert_eq!((came.status, came.location.as_str()), (StatusCode::SEE_OTHER, "/"), "{next}");
    }
    // A session that somebody planted, and one of one's own, are not the one that begins.
    world.signed_in(2, "planted");
    let mut browser = world.browser();
    browser.cookies.insert("mach_session".to_owned(), "planted".to_owned());
    browser.signs_on("/sign-in/with/bv").await;
    let own = browser.session().unwrap().clone();
    assert!(own != "planted" && own.len() == 64);
    let mut again = world.browser();
    again.signs_on("/sign-in/with/bv").await;
    assert_ne!(again.session(), Some(&own));
}

#[tokio::test]
async fn nothing_of_a_providers_text_is_shown() {
    let world = World::new().await;
    for (error, code) in
        [("access_denied", "access_denied"), ("<script>alert(1)</script>", "an error"), ("x y", "an error")]
    {
        let mut browser = world.browser();
        let back = browser.away("/sign-in/with/bv").await;
        let state = form_urlencoded::parse(back.split_once('?').unwrap().1.as_bytes())
            .find(|(n, _)| n == "state")
            .unwrap()
            .1
            .into_owned();
        let query = form(&[("error", error), ("error_description", "<img src=x>Gọi số 0977"), ("state", &state)]);
        let shown = browser.get(&format!("/sign-in/back/bv?{query}")).await;
        assert_eq!(shown.status, StatusCode::FORBIDDEN);
        assert!(
            shown.text.contains("không xác nhận") && shown.text.contains("href=\"/sign-in/with/bv?next=/\""),
            "{}",
            shown.text
        );
        assert!(!shown.text.contains("0977") && !shown.text.contains("alert(1)") && !shown.text.contains("src=x"));
        assert_eq!(world.trail()[0], (format!("sign-on bv: declined: {code}"), "denied".to_owned()));
    }
    // Nor of what it calls somebody.
    world.provider.tell(|told| told.userinfo = json!({ "sub": "s-1", "preferred_username": "<b>lan</b>" }));
    let asked = world.signed_in(1, "owner").signs_on("/account/sign-on/with/bv").await;
    assert!(asked.text.contains("&#60;b&#62;lan") && !asked.text.contains("<b>lan"), "{}", asked.text);
}
