//! Every way to a record honours the scopes of a token, and none does more than its person.

use crate::world::{World, observation};
use axum::http::StatusCode;
use serde_json::json;

const LAB: &str =
    "patient/Observation.rs?category=http://terminology.hl7.org/CodeSystem/observation-category|laboratory";

#[tokio::test]
async fn every_way_of_reading_stays_with_the_patient_and_the_type() {
    let world = World::new().await;
    let token = world.token("doctor-a", "launch/patient patient/Observation.rs").await;
    for (path, ids) in [
        ("Observation", vec!["lab-p1", "vital-p1"]),
        ("Observation?_id=lab-p1,lab-p2", vec!["lab-p1"]),
        ("Observation?subject=Patient/p2", vec![]),
        ("Observation?subject:Patient._id=p2", vec![]),
        ("Observation?_include=Observation:subject", vec!["lab-p1", "vital-p1"]),
        ("Observation?_sort=-_lastUpdated", vec!["vital-p1", "lab-p1"]),
        // A compartment is its Patient's, whom this token does not open.
        ("Patient/p1/Observation", vec![]),
        ("Patient/p2/Observation", vec![]),
        ("Observation/_history", vec!["lab-p1", "vital-p1"]),
        ("_history", vec!["lab-p1", "vital-p1"]),
    ] {
        let answer = world.get(&token, path).await;
        if answer.status == StatusCode::NOT_FOUND {
            assert!(ids.is_empty(), "{path} {answer:?}");
            continue;
        }
        let mut expect = ids.clone();
        expect.sort_unstable();
        assert_eq!(answer.ids(), expect, "{path}");
    }
    assert_eq!(world.get(&token, "Observation?_summary=count").await.json()["total"], 2);
    for (path, status) in [
        ("Observation/lab-p1", StatusCode::OK),
        ("Observation/lab-p1/_history", StatusCode::OK),
        ("Observation/lab-p1/_history/1", StatusCode::OK),
        ("Observation/lab-p2", StatusCode::NOT_FOUND),
        ("Observation/lab-p2/_history", StatusCode::NOT_FOUND),
        ("Observation/lab-p2/_history/1", StatusCode::NOT_FOUND),
        ("Patient/p1", StatusCode::FORBIDDEN),
        ("Patient", StatusCode::FORBIDDEN),
        ("Patient?_revinclude=Observation:subject", StatusCode::FORBIDDEN),
        ("Patient?_has:Observation:subject:_id=lab-p2", StatusCode::FORBIDDEN),
        ("Patient/p1/$everything", StatusCode::NOT_FOUND),
        ("Patient/p2/$everything", StatusCode::NOT_FOUND),
        ("Observation/lab-p2/$meta", StatusCode::NOT_FOUND),
        ("AuditEvent", StatusCode::FORBIDDEN),
    ] {
        let answer = world.get(&token, path).await;
        assert_eq!(answer.status, status, "{path} {answer:?}");
        assert!(!answer.text.contains("lab-p2\","), "{path}");
    }
    let posted = world
        .send(
            "POST",
            "/fhir/Observation/_search",
            &[("authorization", &format!("Bearer {token}")), ("content-type", "application/x-www-form-urlencoded")],
            "_id=lab-p2",
        )
        .await;
    assert!(posted.ids().is_empty());
    for kind in ["batch", "transaction"] {
        let urls = ["Observation/lab-p1", "Observation?_id=lab-p2", "Observation"];
        let entry: Vec<_> = urls.iter().map(|url| json!({ "request": { "method": "GET", "url": url } })).collect();
        let bundle = json!({ "resourceType": "Bundle", "type": kind, "entry": entry }).to_string();
        let answer = world.fhir(&token, "POST", "", &bundle).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        assert!(answer.text.contains("lab-p1") && !answer.text.contains("\"lab-p2\""), "{kind} {}", answer.text);
    }
}

#[tokio::test]
async fn reading_and_searching_are_two_rights() {
    let world = World::new().await;
    let reads = world.token("doctor-a", "user/Observation.r user/Patient.s").await;
    assert_eq!(world.get(&reads, "Observation/lab-p2").await.status, StatusCode::OK);
    assert_eq!(world.get(&reads, "Observation").await.status, StatusCode::FORBIDDEN);
    assert_eq!(world.get(&reads, "Patient/p1").await.status, StatusCode::FORBIDDEN);
    assert_eq!(world.get(&reads, "Patient").await.ids(), ["p1", "p2"]);
    assert_eq!(world.get(&reads, "Patient?_has:Observation:subject:_id=lab-p1").await.ids(), Vec::<String>::new());
    assert_eq!(world.get(&reads, "Patient?_id=p1&_revinclude=Observation:subject").await.ids(), ["p1"]);
    // Version 1 means both.
    let old = world.tokens("doctor-a", "user/Observation.read").await;
    assert_eq!(old["scope"], "user/Observation.read");
    assert_eq!(world.get(old["access_token"].as_str().unwrap(), "Observation").await.ids().len(), 4);
}

#[tokio::test]
async fn a_test_in_a_scope_holds_by_every_way() {
    let world = World::new().await;
    let token = world.token("doctor-a", &format!("launch/patient {LAB}")).await;
    for path in
        ["Observation", "Observation?category=vital-signs,laboratory", "Observation/_history", "Patient/p1/Observation"]
    {
        let answer = world.get(&token, path).await;
        if answer.status == StatusCode::OK {
            assert_eq!(answer.ids(), ["lab-p1"], "{path}");
        }
    }
    assert_eq!(world.get(&token, "Observation").await.ids(), ["lab-p1"]);
    assert_eq!(world.get(&token, "Observation/vital-p1").await.status, StatusCode::NOT_FOUND);
    // What it is now is shown, not what it was.
    world.fhir("A", "PUT", "Observation/vital-p1", &observation("vital-p1", "p1", "laboratory")).await;
    assert_eq!(world.get(&token, "Observation/vital-p1").await.status, StatusCode::OK);
    assert_eq!(world.get(&token, "Observation/vital-p1/_history/1").await.status, StatusCode::NOT_FOUND);
    world.fhir("A", "PUT", "Observation/vital-p1", &observation("vital-p1", "p1", "survey")).await;
    assert_eq!(world.get(&token, "Observation/vital-p1").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn writing_stays_with_the_patient_the_type_and_the_right() {
    let world = World::new().await;
    let token = world.token("doctor-a", "launch/patient patient/Observation.cu").await;
    let made = world.fhir(&token, "POST", "Observation", &observation("x", "p1", "survey")).await;
    assert_eq!((made.status, made.text.as_str()), (StatusCode::CREATED, ""), "made, and not shown to who may not read");
    for (method, path, body) in [
        ("POST", "Observation", observation("x", "p2", "survey")),
        ("POST", "Observation", observation("x", "p3", "survey")),
        ("PUT", "Observation/lab-p1", observation("lab-p1", "p2", "survey")),
        ("DELETE", "Observation/lab-p1", String::new()),
        ("DELETE", "Observation?_id=lab-p1", String::new()),
        ("POST", "Patient", json!({ "resourceType": "Patient" }).to_string()),
        ("PUT", "Patient/p1", json!({ "resourceType": "Patient", "id": "p1" }).to_string()),
        (
            "POST",
            "Subscription",
            json!({ "resourceType": "Subscription", "status": "requested", "reason": "x",
            "criteria": "Observation?", "channel": { "type": "websocket" } })
            .to_string(),
        ),
        ("POST", "$import", String::new()),
    ] {
        let answer = world.fhir(&token, method, path, &body).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{method} {path} {answer:?}");
    }
    let hidden = world.fhir(&token, "PUT", "Observation/lab-p2", &observation("lab-p2", "p1", "survey")).await;
    assert_eq!(hidden.status, StatusCode::NOT_FOUND, "what is another's is not taken over");
    let changed = world.fhir(&token, "PUT", "Observation/lab-p1", &observation("lab-p1", "p1", "survey")).await;
    assert_eq!((changed.status, changed.text.as_str()), (StatusCode::OK, ""));
    for kind in ["batch", "transaction"] {
        let entry = json!([{ "resource": serde_json::from_str::<serde_json::Value>(&observation("x", "p2", "survey")).unwrap(),
            "request": { "method": "POST", "url": "Observation" } }]);
        let bundle = json!({ "resourceType": "Bundle", "type": kind, "entry": entry }).to_string();
        let answer = world.fhir(&token, "POST", "", &bundle).await;
        assert!(answer.status == StatusCode::FORBIDDEN || answer.text.contains("403"), "{kind} {answer:?}");
    }
    // A condition asks by searching, which this token may not.
    let condition = [
        ("authorization", format!("Bearer {token}")),
        ("if-none-exist", "_id=lab-p1".to_owned()),
        ("content-type", "application/fhir+json".to_owned()),
    ];
    let headers: Vec<(&str, &str)> = condition.iter().map(|(n, v)| (*n, v.as_str())).collect();
    let blind = world.send("POST", "/fhir/Observation", &headers, &observation("x", "p1", "survey")).await;
    assert_eq!(blind.status, StatusCode::CREATED, "it finds nothing: {blind:?}");
    // Nor more than its person: a leader reads, and writes nothing.
    let leader = world.tokens("leader", "user/*.cruds").await;
    assert_eq!(leader["scope"], "user/*.rs");
    let wrote = world.fhir(leader["access_token"].as_str().unwrap(), "PUT", "Observation/lab-p1", "{}").await;
    assert_eq!(wrote.status, StatusCode::FORBIDDEN);
    let none = world.token("doctor-b", "user/*.cruds").await;
    assert_eq!(world.get(&none, "Observation").await.ids(), ["lab-p3", "vital-p3"], "another facility's doctor");
    assert_eq!(world.get(&none, "Observation/lab-p1").await.status, StatusCode::NOT_FOUND);
}
