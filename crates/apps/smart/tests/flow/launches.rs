//! An app opened from a patient's page, and one sign-on without asking again.

use crate::world::{ISSUER, World};
use axum::http::StatusCode;
use mach_access::secret::token_hash;
use mach_store::smart::{self, Launch};

const SCOPE: &str = "openid launch patient/Observation.rs";

impl World {
    /// A launch of an app by `who` about p1.
    fn launch(&self, name: &'static str, who: &'static str, client: &'static str) {
        self.store
            .write(&crate::world::console(), move |tx| {
                let app = smart::by_client(tx, client)?.expect("registered").id;
                let account = mach_store::accounts::by_name(tx, who)?.expect("there").actor.account;
                let (patient, encounter) = ("p1".to_owned(), String::new());
                tx.launch(&token_hash(name), &Launch { app, account, patient, encounter })
            })
            .unwrap();
    }
}

#[tokio::test]
async fn a_launch_is_its_openers_its_apps_and_good_once() {
    let world = World::new().await;
    world.launch("l1", "doctor-a", "public");
    let request = |client, name| World::request(client, SCOPE, &[("launch", name)]);
    for (who, client) in [("leader", "public"), ("doctor-a", "secret")] {
        let answer = world.decided(who, &request(client, "l1"), &[]).await;
        assert_eq!(answer.sent("error").as_deref(), Some("invalid_request"), "{who} {client}");
    }
    let answer = world.decided("doctor-a", &request("public", "l1"), &[("patient", "p2")]).await;
    let code = answer.sent("code").unwrap();
    let tokens = world.form("/oauth/token", &World::exchange("public", &code)).await.json();
    assert_eq!(tokens["patient"], "p1", "the patient of the page, whatever a form says");
    assert_eq!(world.get(tokens["access_token"].as_str().unwrap(), "Observation").await.ids(), ["lab-p1", "vital-p1"]);
    let again = world.decided("doctor-a", &request("public", "l1"), &[]).await;
    assert_eq!(again.sent("error").as_deref(), Some("invalid_request"));
}

#[tokio::test]
async fn the_page_of_apps_leads_to_them_with_what_they_need() {
    let world = World::new().await;
    // A person without a name in the store is nobody's page.
    assert_eq!(world.page("doctor-a", "GET", "/apps/launch/999", "").await.status, StatusCode::NOT_FOUND);
    assert_eq!(world.page("doctor-b", "GET", "/apps/launch/1", "").await.status, StatusCode::NOT_FOUND);
    assert_eq!(world.page("operator", "GET", "/apps/launch/1", "").await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn one_sign_on_asks_once() {
    let world = World::new().await;
    let request = World::request("secret", "openid profile", &[("aud", "")]);
    let first = world.page("operator", "GET", &format!("/oauth/authorize?{request}"), "").await;
    assert_eq!(first.status, StatusCode::OK, "{first:?}");
    assert!(world.decided("operator", &request, &[]).await.sent("code").is_some());
    let silent = World::request("secret", "openid", &[("aud", ""), ("prompt", "none")]);
    let again = world.page("operator", "GET", &format!("/oauth/authorize?{silent}"), "").await;
    let code = again.sent("code").unwrap_or_else(|| panic!("{again:?}"));
    let exchange: Vec<_> = World::exchange("secret", &code).into_iter().filter(|(n, _)| *n != "client_id").collect();
    let tokens = world.basic("/oauth/token", &exchange).await.json();
    let claims = tokens["id_token"].as_str().unwrap().split('.').nth(1).unwrap().to_owned();
    assert!(claims.len() > 20 && again.sent("iss").as_deref() == Some(ISSUER));
    // More than was let, or an app that proves nothing: asked.
    for (client, scope) in [("secret", "openid profile user/*.rs fhirUser"), ("public", "openid")] {
        let request = World::request(client, scope, &[("aud", &format!("{ISSUER}/fhir")), ("prompt", "none")]);
        let answer = world.page("operator", "GET", &format!("/oauth/authorize?{request}"), "").await;
        assert_eq!(answer.sent("error").as_deref(), Some("consent_required"), "{client}");
    }
}
