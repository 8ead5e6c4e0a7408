//! Views run over the store, sent along or stored; stored ones follow what changes.

use crate::support::{A, B, PROVINCE, Place, READER};
use serde_json::json;

const VIEW: &str = r#"{"resourceType":"ViewDefinition","id":"values","name":"values","status":"active","resource":"Observation",
    "select":[{"column":[{"name":"id","path":"getResourceKey()"},{"name":"patient","path":"subject.getReferenceKey(Patient)"},
    {"name":"value","path":"value.ofType(Quantity).value","type":"decimal"},{"name":"final","path":"status = 'final'","type":"boolean"}]}]}"#;

fn observation(id: &str, patient: &str, value: &str) -> String {
    format!(
        r#"{{"resourceType":"Observation","id":"{id}","status":"final","code":{{"text":"x"}},"subject":{{"reference":"Patient/{patient}"}},"valueQuantity":{{"value":{value}}}}}"#
    )
}

async fn place() -> Place {
    let place = Place::new();
    for patient in ["p", "q"] {
        place.given(A, &format!(r#"{{"resourceType":"Patient","id":"{patient}"}}"#)).await;
    }
    place.given(A, &observation("a1", "p", "1.00")).await;
    place.given(A, &observation("a2", "q", "2.50")).await;
    place.given(B, &observation("b1", "z", "9")).await;
    place
}

async fn csv(place: &Place, who: &str, path: &str) -> Vec<String> {
    let answer = place.get(who, path).await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.text);
    assert!(answer.header("content-type").starts_with("text/csv"), "{answer:?}");
    let mut lines: Vec<String> = answer.text.lines().map(str::to_owned).collect();
    assert_eq!(lines.remove(0), "id,patient,value,final");
    lines.sort();
    lines
}

#[tokio::test]
async fn a_view_sent_along_runs_over_what_the_asker_may_see() {
    let place = place().await;
    let body = json!({"resourceType": "Parameters", "parameter": [
        {"name": "viewResource", "resource": serde_json::from_str::<serde_json::Value>(VIEW).unwrap()},
        {"name": "_format", "valueCode": "ndjson"},
    ]});
    for path in ["/fhir/$viewdefinition-run", "/fhir/ViewDefinition/$viewdefinition-run", "/fhir/ViewDefinition/$run"] {
        let answer = place.post(A, path, &body.to_string()).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert_eq!(
            answer.text,
            "{\"id\":\"a1\",\"patient\":\"p\",\"value\":1.00,\"final\":true}\n{\"id\":\"a2\",\"patient\":\"q\",\"value\":2.50,\"final\":true}\n"
        );
    }
    let run = |who: &'static str, more: serde_json::Value| {
        let mut body = body.clone();
        body["parameter"].as_array_mut().unwrap().push(more);
        let place = &place;
        async move { place.post(who, "/fhir/$viewdefinition-run", &body.to_string()).await }
    };
    assert_eq!(run(B, json!({"name": "_limit", "valueInteger": 9})).await.text.lines().count(), 1);
    assert_eq!(run(PROVINCE, json!({"name": "_limit", "valueInteger": 2})).await.text.lines().count(), 2);
    assert_eq!(run(PROVINCE, json!({"name": "_limit", "valueInteger": 0})).await.text, "");
    let of_q = run(A, json!({"name": "patient", "valueReference": {"reference": "Patient/q"}})).await;
    assert!(of_q.text.contains("a2") && !of_q.text.contains("a1"), "{}", of_q.text);
    run(B, json!({"name": "patient", "valueReference": {"reference": "Patient/q"}})).await.refused(404);
    place.given(A, r#"{"resourceType":"Group","id":"g","type":"person","actual":true,"member":[{"entity":{"reference":"Patient/p"}},{"entity":{"reference":"Patient/q"},"inactive":true}]}"#).await;
    let of_group = run(A, json!({"name": "group", "valueReference": {"reference": "Group/g"}})).await;
    assert!(of_group.text.contains("a1") && !of_group.text.contains("a2"), "{}", of_group.text);
    assert_eq!(run(A, json!({"name": "_since", "valueInstant": "2999-01-01T00:00:00Z"})).await.text, "");
    let sent = json!({"name": "resource", "resource": serde_json::from_str::<serde_json::Value>(&observation("own", "p", "3")).unwrap()});
    assert!(run(B, sent).await.text.contains("\"own\""), "resources sent along stand for those here");
    run(A, json!({"name": "source", "valueString": "s3://x"})).await.refused(400);
    run(A, json!({"name": "nonsense", "valueString": "x"})).await.refused(400);
    run(A, json!({"name": "_format", "valueCode": "xlsx"})).await.refused(400);
    place.post(A, "/fhir/$viewdefinition-run", "{\"resourceType\":\"Parameters\"}").await.refused(400);
    let broken = VIEW.replace("getResourceKey()", "((");
    place.post(A, "/fhir/$viewdefinition-run", &broken).await.refused(422);
    let other = VIEW.replace("Observation", "Nonsense");
    place.post(A, "/fhir/$viewdefinition-run", &other).await.refused(422);
    let parquet = place
        .send(
            A,
            "POST",
            "/fhir/$viewdefinition-run",
            &[("content-type", "application/json"), ("accept", "text/csv;q=1")],
            VIEW,
        )
        .await;
    assert!(parquet.text.starts_with("id,patient"), "Accept is heard");
}

#[tokio::test]
async fn a_stored_view_follows_what_changes() {
    let place = place().await;
    assert_eq!(place.put(A, "/fhir/ViewDefinition/values", VIEW).await.status, 201);
    assert_eq!(place.put(PROVINCE, "/fhir/ViewDefinition/values", VIEW).await.status, 201);
    let path = "/fhir/ViewDefinition/values/$viewdefinition-run?_format=csv";
    assert_eq!(csv(&place, A, path).await, ["a1,p,1.00,true", "a2,q,2.50,true"]);
    assert_eq!(csv(&place, B, path).await, ["b1,z,9,true"], "the province's view, B's rows");
    assert_eq!(csv(&place, PROVINCE, path).await.len(), 3);
    // New, changed, deleted, twice changed, back again.
    place.given(A, &observation("a3", "p", "3")).await;
    place.given(A, &observation("a1", "p", "1.5")).await;
    place.send(A, "DELETE", "/fhir/Observation/a2", &[], "").await;
    assert_eq!(csv(&place, A, path).await, ["a1,p,1.5,true", "a3,p,3,true"]);
    for value in ["4", "5", "6"] {
        place.given(A, &observation("a1", "p", value)).await;
    }
    place.given(A, &observation("a2", "q", "7")).await;
    assert_eq!(csv(&place, A, path).await, ["a1,p,6,true", "a2,q,7,true", "a3,p,3,true"]);
    assert_eq!(csv(&place, PROVINCE, path).await.len(), 4);
    assert_eq!(csv(&place, A, &format!("{path}&patient=Patient/q")).await, ["a2,q,7,true"]);
    assert_eq!(csv(&place, A, &format!("{path}&_since=2999-01-01T00:00:00Z")).await.len(), 0);
    // Another definition: all rows anew.
    let changed = VIEW.replace("status = 'final'", "status = 'preliminary'");
    assert_eq!(place.put(A, "/fhir/ViewDefinition/values", &changed).await.status, 200);
    assert_eq!(csv(&place, A, path).await[0], "a1,p,6,false");
    assert_eq!(csv(&place, B, path).await[0], "b1,z,9,true", "A's view is A's");
    // Reading, listing, deleting.
    assert_eq!(place.get(A, "/fhir/ViewDefinition/values").await.json()["meta"]["versionId"], "2");
    assert_eq!(place.get(B, "/fhir/ViewDefinition").await.json()["total"], 1);
    place.put(READER, "/fhir/ViewDefinition/values", VIEW).await.refused(403);
    place.put(A, "/fhir/ViewDefinition/other", VIEW).await.refused(400);
    place
        .put(A, "/fhir/ViewDefinition/values", "{\"resourceType\":\"ViewDefinition\",\"id\":\"values\"}")
        .await
        .refused(422);
    assert_eq!(place.send(PROVINCE, "DELETE", "/fhir/ViewDefinition/values", &[], "").await.status, 204);
    place.get(B, "/fhir/ViewDefinition/values").await.refused(404);
    place.get(B, path).await.refused(404);
    assert_eq!(csv(&place, A, path).await.len(), 3);
}

#[tokio::test]
async fn what_a_view_cannot_answer_is_said_to_who_may_see_it_only() {
    let place = place().await;
    place.given(PROVINCE, r#"{"resourceType":"Organization","id":"o","name":"x"}"#).await;
    let view = VIEW.replace("value.ofType(Quantity).value", "category.text").replace("decimal", "string");
    assert_eq!(place.put(PROVINCE, "/fhir/ViewDefinition/values", &view).await.status, 201);
    place.given(B, r#"{"resourceType":"Observation","id":"bad","status":"final","code":{"text":"x"},"category":[{"text":"1"},{"text":"2"}]}"#).await;
    let path = "/fhir/ViewDefinition/values/$run?_format=csv";
    assert_eq!(csv(&place, A, path).await.len(), 2);
    assert!(place.get(B, path).await.refused(422).contains("Observation/bad"));
    place.given(B, r#"{"resourceType":"Observation","id":"bad","status":"final","code":{"text":"x"},"category":[{"text":"1"}]}"#).await;
    assert_eq!(csv(&place, B, path).await.len(), 2);
}

#[tokio::test]
async fn stored_views_have_a_limit() {
    let place = Place::new();
    for n in 0..mach_base::limits::STORED_VIEWS {
        let view = VIEW.replace("\"id\":\"values\"", &format!("\"id\":\"v{n}\""));
        assert_eq!(place.put(A, &format!("/fhir/ViewDefinition/v{n}"), &view).await.status, 201);
    }
    place.put(A, "/fhir/ViewDefinition/values", VIEW).await.refused(422);
    assert_eq!(place.put(B, "/fhir/ViewDefinition/values", VIEW).await.status, 201);
}
