//! The audit trail as AuditEvent: read and searched by who may, written by nobody.

use crate::support::{A, B, PROVINCE, Place};
use axum::http::StatusCode;
use mach_access::{Act, Actor, Role, decide, secret};
use mach_store::schema;

const AUDITOR: &str = "auditor";
const AUDITOR_A: &str = "auditor-a";

#[tokio::test]
async fn what_is_done_is_an_audit_event() {
    let place = Place::new();
    let console = decide(&Actor::console(), Act::Administer).unwrap();
    place
        .store
        .write(&console, |tx| {
            let a = schema::facility_of_code(tx, "46001")?;
            tx.add_system_token(&secret::token_hash(AUDITOR), None, Role::SystemAuditor, AUDITOR)?;
            tx.add_system_token(&secret::token_hash(AUDITOR_A), a, Role::SystemAuditor, AUDITOR_A).map(drop)
        })
        .unwrap();
    let condition = r#"{"resourceType":"Condition","id":"c","subject":{"reference":"Patient/p"}}"#;
    place.given(A, r#"{"resourceType":"Patient","id":"p"}"#).await;
    place.given(A, condition).await;
    place.given(A, &condition.replace("}}", "},\"recordedDate\":\"2026-01-01\"}")).await;
    place.send(A, "DELETE", "/fhir/Condition/c", &[], "").await;
    place.get(B, "/fhir/Condition?code=x").await;
    // Looks are written with others of their time: the trail is asked until it has the last.
    while place.all(AUDITOR, "/fhir/AuditEvent?action=E&agent-name=facility-b").await.is_empty() {
        tokio::task::yield_now().await;
    }
    let of = |query: &'static str| {
        let place = &place;
        async move { place.get(AUDITOR, &format!("/fhir/AuditEvent?{query}")).await.json() }
    };
    for (action, code) in [("C", "create"), ("U", "update"), ("D", "delete")] {
        let path = format!("/fhir/AuditEvent?action={action}&entity=Condition/c");
        let found = place.get(AUDITOR, &path).await.json();
        assert_eq!(found["entry"].as_array().unwrap().len(), 1, "{action}");
        let event = &found["entry"][0]["resource"];
        assert_eq!(event["subtype"][0]["code"], code);
        assert_eq!(event["action"], action);
        assert_eq!(event["entity"][0]["what"]["reference"], "Condition/c");
        assert_eq!((&event["agent"][0]["who"]["display"], &event["source"]["site"]), (&A.into(), &"46001".into()));
    }
    let event = of("agent-name=facility-b").await["entry"][0]["resource"].clone();
    assert_eq!(event["subtype"][0]["code"], "search");
    assert_eq!(event["outcome"], "0");
    let id = event["id"].as_str().unwrap().to_owned();
    assert_eq!(place.get(AUDITOR, &format!("/fhir/AuditEvent/{id}")).await.json()["id"], id.as_str());
    assert_eq!(of("date=lt2020-01-01").await["entry"], serde_json::Value::Null);
    assert_eq!(of("patient=Patient/nobody").await["entry"], serde_json::Value::Null);
    assert!(of("outcome=0&type=rest&date=ge2020-01-01").await["entry"].as_array().unwrap().len() > 3);
    // Pages hold every entry once.
    let (mut ids, mut next) = (Vec::new(), Some("/fhir/AuditEvent?_count=2&action=C,U,D".to_owned()));
    while let Some(path) = next {
        let page = place.get(AUDITOR, &path).await;
        ids.extend(page.matches());
        next = page.link("next");
    }
    let mut once = ids.clone();
    once.dedup();
    assert!(ids.len() >= 4 && once == ids, "{ids:?}");
    // As lines, and what cannot be asked.
    let lines = place.get(AUDITOR, "/fhir/AuditEvent/$export?action=D").await;
    assert_eq!((lines.header("content-type"), lines.text.lines().count()), ("application/fhir+ndjson", 1));
    place.get(AUDITOR, "/fhir/AuditEvent?altid=x").await.refused(400);
    place.get(AUDITOR, "/fhir/AuditEvent?date=x").await.refused(400);
    for (method, path) in [
        ("PUT", format!("/fhir/AuditEvent/{id}")),
        ("DELETE", format!("/fhir/AuditEvent/{id}")),
        ("POST", "/fhir/AuditEvent".to_owned()),
    ] {
        place.send(AUDITOR, method, &path, &[("content-type", "application/fhir+json")], "{}").await.refused(405);
    }
    // A facility's auditor sees that facility's; an auditor sees nothing of care; others see no trail.
    let own = place.all(AUDITOR_A, "/fhir/AuditEvent?_count=100").await;
    let whole = place.all(AUDITOR, "/fhir/AuditEvent?_count=100").await;
    assert!(!own.is_empty() && own.len() < whole.len());
    assert!(place.get(AUDITOR_A, "/fhir/AuditEvent?agent-name=facility-b").await.matches().is_empty());
    assert_eq!(place.get(AUDITOR_A, &format!("/fhir/AuditEvent/{id}")).await.status, StatusCode::NOT_FOUND);
    place.get(AUDITOR, "/fhir/Patient/p").await.refused(403);
    assert!(place.all(PROVINCE, "/fhir/AuditEvent").await.is_empty());
}
