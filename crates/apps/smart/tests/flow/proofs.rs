//! What must be proven before an app is let in, and the way back from there to what it asked.

use crate::world::{CALLBACK, World};
use axum::http::StatusCode;
use mach_access::Role;
use mach_base::limits;
use mach_ui::{Lang, msg};

const SCOPE: &str = "launch/patient patient/Observation.rs";

/// Where a door leads on to.
fn next(location: &str, door: &str) -> Option<String> {
    let query = location.strip_prefix(door)?.strip_prefix('?')?;
    form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "next").map(|(_, value)| value.into_owned())
}

#[tokio::test]
async fn a_proof_leads_back_to_what_was_asked() {
    let world = World::new().await;
    // Clocks and forms take their time: a few seconds to each side of what is asked.
    let (skew, reading, offline, some) =
        (limits::SMART_SKEW_SECONDS, limits::SMART_READING_SECONDS, limits::PROVEN_MINUTES * 60, 5);
    let with_offline = format!("offline_access {SCOPE}");
    for (scope, with, shown, let_in) in [
        (SCOPE, ("max_age", "0"), skew, skew + reading),
        (SCOPE, ("max_age", "300"), 300, 300 + reading),
        (SCOPE, ("prompt", "login"), skew, skew + reading),
        (with_offline.as_str(), ("max_age", ""), offline, offline),
    ] {
        let request = World::request("public", scope, &[with]);
        let page = format!("/oauth/authorize?{request}");
        let here = Some(page.clone());
        world.proven("doctor-a", shown - some);
        let asked = world.page("doctor-a", "GET", &page, "").await;
        assert_eq!(asked.status, StatusCode::OK, "it can be satisfied: {with:?} {asked:?}");
        world.proven("doctor-a", shown + some);
        let asked = world.page("doctor-a", "GET", &page, "").await;
        assert_eq!(next(&asked.location, "/prove"), here, "{with:?} {asked:?}");
        // Whoever takes too long over the page comes back to it, and the app still gets its answer.
        world.proven("doctor-a", let_in + some);
        let late = world.decided("doctor-a", &request, &[("patient", "p1")]).await;
        assert_eq!((late.status, next(&late.location, "/prove")), (StatusCode::SEE_OTHER, here.clone()), "{with:?}");
        world.proven("doctor-a", let_in - some);
        let given = world.decided("doctor-a", &request, &[("patient", "p1")]).await;
        assert!(given.sent("code").is_some(), "{with:?} {given:?}");
        // Who went away in between.
        let gone = world.decided("nobody", &request, &[("patient", "p1")]).await;
        assert_eq!((gone.status, next(&gone.location, "/sign-in")), (StatusCode::SEE_OTHER, here), "{with:?}");
        // A no needs no proof of anybody.
        world.proven("doctor-a", 100_000);
        for who in ["doctor-a", "operator", "nobody"] {
            let denied = world.decided(who, &request, &[("decision", "deny")]).await;
            assert!(denied.location.starts_with(CALLBACK), "{denied:?}");
            let told = ["error", "state"].map(|name| denied.sent(name).unwrap_or_default());
            assert_eq!(told, ["access_denied", "st&te"], "{who} {with:?}");
        }
    }
    let silent = World::request("public", SCOPE, &[("prompt", "none"), ("max_age", "0")]);
    let told = world.page("doctor-a", "GET", &format!("/oauth/authorize?{silent}"), "").await;
    assert_eq!(told.sent("error").as_deref(), Some("login_required"));
}

#[tokio::test]
async fn a_citizen_without_a_record_is_told_what_to_do_and_led_back() {
    let world = World::new().await;
    world.comes("citizen", Role::Citizen, None);
    let request = World::request("public", SCOPE, &[]);
    let page = world.page("citizen", "GET", &format!("/oauth/authorize?{request}"), "").await;
    assert_eq!(page.status, StatusCode::OK, "{page:?}");
    for text in [msg::SMART_OWN_NONE, msg::SMART_BACK] {
        assert!(page.text.contains(Lang::Vi.t(text)), "{}", page.text);
    }
    assert!(!page.text.contains("value=\"allow\""), "there is nothing to allow: {}", page.text);
    for with in [("patient", "p1"), ("patient", "")] {
        assert_eq!(world.decided("citizen", &request, &[with]).await.status, StatusCode::BAD_REQUEST);
    }
    let told = world.decided("citizen", &request, &[("decision", "deny")]).await;
    assert_eq!(told.sent("error").as_deref(), Some("access_denied"));
}
