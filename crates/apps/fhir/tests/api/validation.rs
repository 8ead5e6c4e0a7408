//! `$validate`.

use crate::support::{PROVINCE, Place};
use axum::http::StatusCode;

const PATIENT: &str = r#"{"resourceType":"Patient","id":"p","gender":"male"}"#;

fn errors(outcome: &serde_json::Value) -> Vec<String> {
    let issues = outcome["issue"].as_array().unwrap().iter();
    let bad = issues.filter(|i| i["severity"] == "error" || i["severity"] == "fatal");
    bad.map(|i| i["expression"][0].as_str().unwrap_or_default().to_owned()).collect()
}

#[tokio::test]
async fn a_verdict_is_an_outcome() {
    let place = Place::new();
    let ask = async |path: &str, body: &str| {
        let answer = place.post(PROVINCE, path, body).await;
        assert_eq!(answer.status, StatusCode::OK, "{path} {body}: {answer:?}");
        errors(&answer.json())
    };
    let none: [&str; 0] = [];
    assert_eq!(ask("/fhir/Patient/$validate", PATIENT).await, none);
    assert_eq!(ask("/fhir/Patient/$validate", r#"{"resourceType":"Patient","nam":1}"#).await, ["Patient.nam"]);
    assert_eq!(ask("/fhir/Patient/$validate", r#"{"resourceType":"Patient","gender":"m"}"#).await, ["Patient.gender"]);
    assert_eq!(ask("/fhir/Observation/$validate", PATIENT).await.len(), 1);
    let wrapped = |mode: &str, rest: &str| {
        format!(
            r#"{{"resourceType":"Parameters","parameter":[{{"name":"mode","valueCode":"{mode}"}},{{"name":"resource","resource":{PATIENT}}}{rest}]}}"#
        )
    };
    assert_eq!(ask("/fhir/Patient/$validate", &wrapped("create", "")).await, none);
    assert_eq!(ask("/fhir/Patient/p/$validate", &wrapped("update", "")).await, none);
    assert_eq!(ask("/fhir/Patient/q/$validate", &wrapped("update", "")).await.len(), 1);
    let without_id = wrapped("update", "").replace("\"id\":\"p\",", "");
    assert_eq!(ask("/fhir/Patient/$validate", &without_id).await.len(), 1);
    let core = "http://hl7.org/fhir/StructureDefinition";
    let profile = format!(r#",{{"name":"profile","valueUri":"{core}/actualgroup"}}"#);
    assert_eq!(ask("/fhir/Patient/$validate", &wrapped("profile", &profile)).await.len(), 1);
    assert_eq!(ask("/fhir/Patient/$validate?profile=http://x/unknown", PATIENT).await.len(), 1);
    assert_eq!(ask(&format!("/fhir/Patient/$validate?profile={core}/Patient"), PATIENT).await, none);
    // Parameters are a resource too.
    assert_eq!(ask("/fhir/Parameters/$validate", r#"{"resourceType":"Parameters"}"#).await, none);
    // What is stored, and what may be deleted.
    place.given(PROVINCE, PATIENT).await;
    assert_eq!(ask("/fhir/Patient/p/$validate", "").await, none);
    assert_eq!(ask("/fhir/Patient/p/$validate?mode=delete", "").await, none);
    for (path, body, status) in [
        ("/fhir/Patient/z/$validate?mode=delete", "", 404),
        ("/fhir/Patient/$validate?mode=delete", "", 400),
        ("/fhir/Patient/$validate?mode=look", PATIENT, 400),
        ("/fhir/Patient/$validate", "", 400),
        ("/fhir/Patient/$validate", "{", 400),
        (
            "/fhir/Patient/$validate",
            r#"{"resourceType":"Parameters","parameter":[{"name":"mode","valueCode":"create"}]}"#,
            400,
        ),
    ] {
        place.post(PROVINCE, path, body).await.refused(status);
    }
}
