//! What a batch asks for beside writes: as the same request alone would be answered.

use crate::support::{A, B, PROVINCE, Place, READER};
use axum::http::StatusCode;
use serde_json::{Value, json};

async fn asked(place: &Place, who: &str, entries: Value) -> Vec<Value> {
    let bundle = json!({"resourceType": "Bundle", "type": "batch", "entry": entries});
    let answer = place.post(who, "/fhir", &bundle.to_string()).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    assert_eq!(answer.json()["type"], "batch-response");
    answer.json()["entry"].as_array().unwrap().clone()
}

fn get(url: &str) -> Value {
    json!({"request": {"method": "GET", "url": url}})
}

fn post(url: &str, resource: Value) -> Value {
    json!({"request": {"method": "POST", "url": url}, "resource": resource})
}

fn status(entry: &Value) -> u64 {
    entry["response"]["status"].as_str().unwrap()[..3].parse().unwrap()
}

async fn given() -> Place {
    let place = Place::new();
    place.given(PROVINCE, r#"{"resourceType":"Patient","id":"p","active":true}"#).await;
    place.given(PROVINCE, r#"{"resourceType":"Observation","id":"o","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/p"}}"#).await;
    place
}

#[tokio::test]
async fn operations_histories_and_the_statement_are_answered() {
    let place = given().await;
    let read = |url: &str, kind: &str| (get(url), kind.to_owned());
    let cases = [
        read("metadata", "CapabilityStatement"),
        read("metadata?mode=terminology", "TerminologyCapabilities"),
        read("Patient/p/$everything", "Bundle"),
        read("Patient/p/$meta", "Parameters"),
        read("Patient/p/_history", "Bundle"),
        read("Patient/_history", "Bundle"),
        read("_history?_count=1", "Bundle"),
        read("Patient/p/_history/1", "Patient"),
        read("?_type=Patient", "Bundle"),
        read("Patient/p/Observation", "Bundle"),
        read("ValueSet/$expand?url=http://hl7.org/fhir/ValueSet/administrative-gender", "ValueSet"),
        read("CodeSystem/$lookup?system=http://hl7.org/fhir/administrative-gender&code=male", "Parameters"),
        read("http://mach.test/fhir/Patient?_summary=count", "Bundle"),
        (json!({"request": {"method": "POST", "url": "Patient/_search?active=true"}}), "Bundle".to_owned()),
        (post("Patient/$validate", json!({"resourceType": "Patient"})), "OperationOutcome".to_owned()),
        (
            post(
                "ValueSet/$validate-code",
                json!({"resourceType": "Parameters", "parameter": [
                    {"name": "url", "valueUri": "http://hl7.org/fhir/ValueSet/administrative-gender"},
                    {"name": "code", "valueCode": "male"}]}),
            ),
            "Parameters".to_owned(),
        ),
    ];
    let entries: Vec<Value> = cases.iter().map(|(entry, _)| entry.clone()).collect();
    for who in [PROVINCE, READER] {
        let answers = asked(&place, who, json!(entries)).await;
        for ((entry, kind), answer) in cases.iter().zip(&answers) {
            assert_eq!(status(answer), 200, "{entry}: {answer}");
            assert_eq!(answer["resource"]["resourceType"], *kind, "{entry}: {answer}");
        }
        assert_eq!(answers[2]["resource"]["total"], 2);
        assert_eq!(answers[7]["response"]["etag"], "W/\"1\"");
        assert_eq!(answers[7]["fullUrl"], "http://mach.test/fhir/Patient/p");
        assert_eq!(answers[12]["resource"]["total"], 1);
        assert_eq!(answers[13]["resource"]["total"], 1);
    }
    // Each of them as alone; what is wrong with one is said of that one.
    let wrong = [
        "Patient/none",
        "Patient?birthdate=x",
        "Patient/p/$nope",
        "Nope/$meta",
        "$export",
        "metadata?mode=x",
        "bulk/x",
    ];
    let answers = asked(&place, PROVINCE, json!(wrong.map(get))).await;
    assert_eq!(answers.iter().map(status).collect::<Vec<_>>(), [404, 400, 404, 404, 400, 400, 404]);
    assert!(answers.iter().all(|a| a["response"]["outcome"]["resourceType"] == "OperationOutcome"), "{answers:?}");
    // A transaction that cannot be done whole is not begun.
    for url in ["Patient/p/$everything", "Patient/_history", "metadata"] {
        let bundle = json!({"resourceType": "Bundle", "type": "transaction", "entry": [get(url),
            post("Patient", json!({"resourceType": "Patient"}))]});
        let refused = place.post(PROVINCE, "/fhir", &bundle.to_string()).await;
        assert!(refused.status.is_client_error(), "{url}: {}", refused.text);
    }
    assert_eq!(place.all(PROVINCE, "/fhir/Patient").await, ["p"]);
}

#[tokio::test]
async fn conditions_of_reads_are_kept() {
    let place = given().await;
    let with = |name: &str, value: &str| json!({"request": {"method": "GET", "url": "Patient/p", name: value}});
    let answers = asked(
        &place,
        PROVINCE,
        json!([
            with("ifNoneMatch", "W/\"1\""),
            with("ifNoneMatch", "W/\"2\""),
            with("ifModifiedSince", "2200-01-01T00:00:00Z"),
            with("ifModifiedSince", "2001-01-01T00:00:00Z"),
            with("ifModifiedSince", "sometime"),
        ]),
    )
    .await;
    assert_eq!(answers.iter().map(status).collect::<Vec<_>>(), [304, 200, 304, 200, 422]);
    assert!(answers[0]["resource"].is_null() && answers[0]["response"]["outcome"].is_null(), "{}", answers[0]);
}

#[tokio::test]
async fn each_entry_sees_what_those_before_it_wrote() {
    let place = given().await;
    let patient = json!({"resourceType": "Patient", "id": "q", "active": false});
    let answers = asked(
        &place,
        PROVINCE,
        json!([
            get("Patient?active=false"),
            json!({"request": {"method": "PUT", "url": "Patient/q"}, "resource": patient}),
            post(
                "Patient/q/$meta-add",
                json!({"resourceType": "Parameters", "parameter": [
                {"name": "meta", "valueMeta": {"tag": [{"system": "s", "code": "t"}]}}]})
            ),
            post("Patient/q", patient.clone()),
            get("Patient?_tag=t"),
            json!({"request": {"method": "DELETE", "url": "Patient/q"}}),
            get("Patient/q"),
        ]),
    )
    .await;
    assert_eq!(answers.iter().map(status).collect::<Vec<_>>(), [200, 201, 200, 400, 200, 204, 410]);
    assert_eq!(answers[0]["resource"]["total"], 0);
    assert_eq!(answers[4]["resource"]["total"], 1);
    // Who only reads writes nothing this way either.
    let bundle = json!({"resourceType": "Bundle", "type": "batch", "entry": [post("Patient/q/$meta-add", json!({}))]});
    let answer = place.post(READER, "/fhir", &bundle.to_string()).await;
    assert_eq!(status(&answer.json()["entry"][0]), 403, "{}", answer.text);
}

#[tokio::test]
async fn nothing_is_read_within_a_bundle_that_is_not_read_alone() {
    let place = Place::new();
    place.given(B, r#"{"resourceType":"Patient","id":"q"}"#).await;
    let headers = [("content-type", "text/plain"), ("x-security-context", "Patient/q")];
    let made = place.send(A, "POST", "/fhir/Binary", &headers, "kín").await;
    let path = format!("Binary/{}", made.json()["id"].as_str().unwrap());
    assert_eq!(status(&asked(&place, A, json!([get(&path)])).await[0]), 404);
    for path in [&path, &format!("{path}/_history/1")] {
        let bundle = json!({"resourceType": "Bundle", "type": "transaction", "entry": [get(path)]});
        place.post(A, "/fhir", &bundle.to_string()).await.refused(404);
    }
    assert_eq!(status(&asked(&place, B, json!([get("Patient/q")])).await[0]), 200);
    assert_eq!(status(&asked(&place, A, json!([get("Patient/q")])).await[0]), 404);
}
