//! Facility A must get nothing of facility B: by read, search, count, include, chain, history, operation, bundle, or words.

use crate::support::{A, Answer, B, PROVINCE, Place};
use axum::http::StatusCode;

/// Both facilities have a patient `same`; B also has one of its own, and what hangs on it.
async fn two() -> Place {
    let place = Place::new();
    let patient = |id: &str, family: &str| {
        format!(
            r#"{{"resourceType":"Patient","id":"{id}","name":[{{"family":"{family}"}}],"identifier":[{{"value":"1"}}]}}"#
        )
    };
    place.given(PROVINCE, r#"{"resourceType":"Organization","id":"o","name":"Sở Y tế"}"#).await;
    place.given(PROVINCE, r#"{"resourceType":"Observation","id":"nobody","status":"final","code":{"text":"x"}}"#).await;
    place.given(A, &patient("same", "Lê")).await;
    place.given(B, &patient("same", "Trần")).await;
    place.given(B, &patient("b", "Phạm")).await;
    place.given(B, r#"{"resourceType":"Observation","id":"bo","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/b"},"performer":[{"reference":"Organization/o"}]}"#).await;
    place.given(A, r#"{"resourceType":"Observation","id":"ao","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/b"},"performer":[{"reference":"Organization/o"}]}"#).await;
    place.given(A, r#"{"resourceType":"Observation","id":"as","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/same"}}"#).await;
    place
}

#[tokio::test]
async fn one_facility_finds_nothing_of_the_other() {
    let place = two().await;
    let check = |query: &'static str, expect: &'static str| {
        let place = &place;
        async move {
            assert_eq!(place.all(A, &format!("/fhir/{query}")).await.join(" "), expect, "{query}");
        }
    };
    check("Patient", "same").await;
    assert_eq!(place.get(A, "/fhir/Patient?_summary=count").await.json()["total"], 1);
    check("Patient?family=tran", "").await;
    check("Patient?_id=b,same", "same").await;
    check("Observation", "ao as").await;
    check("Observation?subject=Patient/b", "ao").await;
    check("Observation?patient.family=pham", "").await;
    check("Observation?patient.family=tran", "").await;
    check("Observation?patient.family=le", "as").await;
    check("Patient?_has:Observation:patient:_id=bo", "").await;
    check("Patient?_content=pham", "").await;
    check("Patient?_sort=family", "same").await;
    check("Organization", "o").await;
    check("Organization?_has:Observation:performer:_id=bo", "").await;
    check("?_type=Patient,Observation", "same ao as").await;
    check("Patient/same/*", "same as").await;
    let included = place.get(A, "/fhir/Observation?_include=Observation:subject&_include=Observation:performer").await;
    let mut along = included.ids("include");
    along.sort();
    assert_eq!(along, ["o", "same"]);
    assert!(included.text.contains("Lê") && !included.text.contains("Trần"));
    let back = place.get(A, "/fhir/Organization?_revinclude=Observation:performer").await;
    assert_eq!(back.ids("include"), ["ao"]);
    let history = place.get(A, "/fhir/_history").await;
    for secret in ["Trần", "Phạm", "\"bo\"", "nobody"] {
        assert!(!history.text.contains(secret), "{secret} in the history");
    }
    assert_eq!(place.get(A, "/fhir/Patient/_history").await.json()["total"], 1);
    let everything = place.get(A, "/fhir/Patient/same/$everything").await;
    assert!(everything.text.contains("Lê") && !everything.text.contains("Trần"));
    // The province sees all, each with its own.
    assert_eq!(place.all(PROVINCE, "/fhir/Patient?identifier=1").await.len(), 3);
    let chained = place.all(PROVINCE, "/fhir/Observation?patient.family=tran").await;
    assert!(chained.is_empty(), "an id is a facility's own: A's `same` is not B's: {chained:?}");
}

#[tokio::test]
async fn what_is_hidden_answers_as_what_is_not_there() {
    let place = two().await;
    let same = |method: &'static str, hidden: &'static str, none: &'static str, body: &'static str| {
        let place = &place;
        async move {
            let ask = |path: &'static str, body: String| async move {
                let kind = if method == "PATCH" { "application/json-patch+json" } else { "application/fhir+json" };
                place.send(A, method, path, &[("content-type", kind)], &body).await
            };
            let last = |path: &str| path.split('/').nth(3).unwrap_or_default().to_owned();
            let (x, y) = (
                ask(hidden, body.replace("ID", &last(hidden))).await,
                ask(none, body.replace("ID", &last(none))).await,
            );
            let words =
                |a: &Answer, id: &str| a.text.replace(&format!("/{id}"), "/ID").replace(&format!("\"{id}\""), "\"ID\"");
            assert_eq!(x.status, y.status, "{method} {hidden}: {}", x.text);
            let cut = |t: String| t.split("lastUpdated").next().unwrap_or_default().to_owned();
            assert_eq!(cut(words(&x, &last(hidden))), cut(words(&y, &last(none))), "{method} {hidden}");
        }
    };
    same("GET", "/fhir/Patient/b", "/fhir/Patient/z", "").await;
    same("GET", "/fhir/Patient/b/_history", "/fhir/Patient/z/_history", "").await;
    same("GET", "/fhir/Patient/b/_history/1", "/fhir/Patient/z/_history/1", "").await;
    same("GET", "/fhir/Patient/b/$everything", "/fhir/Patient/z/$everything", "").await;
    same("GET", "/fhir/Patient/b/$meta", "/fhir/Patient/z/$meta", "").await;
    same("GET", "/fhir/Patient/b/Observation", "/fhir/Patient/z/Observation", "").await;
    same("PATCH", "/fhir/Patient/b", "/fhir/Patient/z", r#"[{"op":"add","path":"/active","value":true}]"#).await;
    same("DELETE", "/fhir/Patient/b", "/fhir/Patient/z", "").await;
    assert_eq!(place.get(B, "/fhir/Patient/b").await.status, StatusCode::OK, "nothing was deleted");
    // Even an id that is taken elsewhere is free here.
    same("PUT", "/fhir/Patient/b", "/fhir/Patient/z", r#"{"resourceType":"Patient","id":"ID","active":true}"#).await;
    assert!(place.get(B, "/fhir/Patient/b").await.text.contains("Phạm"), "B's own is as it was");
    assert!(!place.get(A, "/fhir/Patient/b").await.text.contains("Phạm"));
    // A condition sees no more than a search.
    let body = r#"{"resourceType":"Patient","identifier":[{"value":"1"}]}"#;
    let headers = [("content-type", "application/fhir+json"), ("if-none-exist", "family=tran")];
    assert_eq!(place.send(A, "POST", "/fhir/Patient", &headers, body).await.status, StatusCode::CREATED);
}

#[tokio::test]
async fn the_province_keeps_its_own() {
    let place = two().await;
    let organization = r#"{"resourceType":"Organization","id":"o","name":"Khác"}"#;
    place.put(A, "/fhir/Organization/o", organization).await.refused(403);
    place.send(A, "DELETE", "/fhir/Organization/o", &[], "").await.refused(403);
    assert!(place.get(B, "/fhir/Organization/o").await.text.contains("Sở Y tế"));
    place.get(A, "/fhir/Observation/nobody").await.refused(404);
    // A page of B means nothing to A.
    let next = place.get(B, "/fhir/Patient?_count=1").await.link("next").unwrap();
    assert!(place.get(A, &next).await.matches().is_empty());
    // A transaction of A's cannot touch what is B's.
    let body = r#"{"resourceType":"Bundle","type":"transaction","entry":[{"request":{"method":"DELETE","url":"Patient/b"}},{"request":{"method":"GET","url":"Patient?_id=b"}}]}"#;
    let answer = place.post(A, "/fhir", body).await;
    assert_eq!(answer.json()["entry"][1]["resource"]["total"], 0);
    assert_eq!(place.get(B, "/fhir/Patient/b").await.status, StatusCode::OK);
}
