//! Batches and transactions: all or nothing, references set, conditions asked, the true status of what failed.

use crate::support::{Answer, PROVINCE, Place, READER};
use axum::http::StatusCode;
use serde_json::{Value, json};

fn entry(method: &str, url: &str, resource: Value, full_url: &str) -> Value {
    let mut entry = json!({"request": {"method": method, "url": url}});
    if !resource.is_null() {
        entry["resource"] = resource;
    }
    if !full_url.is_empty() {
        entry["fullUrl"] = json!(full_url);
    }
    entry
}

fn bundle(kind: &str, entries: &[Value]) -> String {
    json!({"resourceType": "Bundle", "type": kind, "entry": entries}).to_string()
}

fn patient(value: &str) -> Value {
    json!({"resourceType": "Patient", "identifier": [{"system": "s", "value": value}]})
}

fn statuses(answer: &Answer) -> Vec<String> {
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    let json = answer.json();
    let entries = json["entry"].as_array().unwrap();
    entries.iter().map(|e| e["response"]["status"].as_str().unwrap()[..3].to_owned()).collect()
}

#[tokio::test]
async fn references_become_ids_circles_included() {
    let place = Place::new();
    let subject = json!({"reference": "urn:uuid:1"});
    let a = json!({"resourceType": "Observation", "status": "final", "code": {"text": "x"}, "subject": subject,
        "hasMember": [{"reference": "urn:uuid:3"}]});
    let b = json!({"resourceType": "Observation", "status": "final", "code": {"text": "y"}, "subject": subject,
        "hasMember": [{"reference": "urn:uuid:2"}], "encounter": {"reference": "Encounter?identifier=e|1"}});
    place.given(PROVINCE, r#"{"resourceType":"Encounter","id":"e","status":"planned","class":{"code":"AMB"},"identifier":[{"system":"e","value":"1"}]}"#).await;
    let body = bundle(
        "transaction",
        &[
            entry("POST", "Observation", a, "urn:uuid:2"),
            entry("POST", "Observation", b, "urn:uuid:3"),
            entry("POST", "Patient", patient("1"), "urn:uuid:1"),
            entry("GET", "Observation?patient.identifier=s|1&_summary=count", Value::Null, ""),
        ],
    );
    let answer = place.post(PROVINCE, "/fhir", &body).await;
    assert_eq!(statuses(&answer), ["201", "201", "201", "200"]);
    assert_eq!(answer.json()["entry"][3]["resource"]["total"], 2, "reads see the writes before them");
    let found = place.get(PROVINCE, "/fhir/Observation?subject.identifier=s|1&_include=Observation:has-member").await;
    assert_eq!(found.matches().len(), 2);
    assert!(!found.text.contains("urn:uuid"));
    assert_eq!(place.all(PROVINCE, "/fhir/Observation?encounter=e").await.len(), 1);
    let location = answer.json()["entry"][0]["response"]["location"].as_str().unwrap().to_owned();
    assert!(location.starts_with("http://mach.test/fhir/Observation/") && location.ends_with("/_history/1"));
}

#[tokio::test]
async fn nothing_of_a_failed_transaction_stays() {
    let place = Place::new();
    let check = |what: &'static str, bad: Value, status: u16| {
        let place = &place;
        async move {
            let body = bundle(
                "transaction",
                &[
                    entry("POST", "Patient", patient("1"), "urn:uuid:1"),
                    entry("PUT", "Patient/fixed", json!({"resourceType": "Patient", "id": "fixed"}), ""),
                    bad,
                ],
            );
            let answer = place.post(PROVINCE, "/fhir", &body).await;
            answer.refused(status);
            let place_of = answer.json()["issue"][0]["expression"][0].as_str().unwrap_or_default().to_owned();
            assert!(place_of.starts_with("Bundle.entry[2]"), "{what}: {}", answer.text);
            assert!(place.all(PROVINCE, "/fhir/Patient").await.is_empty(), "{what}");
            assert_eq!(place.get(PROVINCE, "/fhir/_history").await.json()["total"], 0, "{what}");
        }
    };
    check("no resource", entry("POST", "Patient", Value::Null, ""), 400).await;
    check("another type", entry("POST", "Patient", json!({"resourceType": "Group"}), ""), 400).await;
    check("no such type", entry("POST", "Nothing", json!({"resourceType": "Nothing"}), ""), 404).await;
    check("twice", entry("PUT", "Patient/fixed", json!({"resourceType": "Patient", "id": "fixed"}), ""), 400).await;
    check("written and deleted", entry("DELETE", "Patient/fixed", Value::Null, ""), 400).await;
    check("read of nothing", entry("GET", "Patient/none", Value::Null, ""), 404).await;
    check("bad search", entry("GET", "Patient?birthdate=x", Value::Null, ""), 400).await;
    check("no method", entry("FLY", "Patient", patient("2"), ""), 400).await;
    check("another server", entry("GET", "http://elsewhere/fhir/Patient/1", Value::Null, ""), 400).await;
    check("an operation", entry("GET", "Patient/$everything", Value::Null, ""), 400).await;
    let mut stale = entry("PUT", "Patient/other", json!({"resourceType": "Patient", "id": "other"}), "");
    stale["request"]["ifMatch"] = json!("W/\"3\"");
    check("a stale version", stale, 412).await;
    let mut reference = json!({"resourceType": "Observation", "status": "final", "code": {"text": "x"}});
    reference["subject"] = json!({"reference": "Patient?identifier=s|none"});
    check("a reference to nobody", entry("POST", "Observation", reference, ""), 412).await;
    // The connection is as good as before.
    let good = bundle("transaction", &[entry("POST", "Patient", patient("1"), "")]);
    assert_eq!(statuses(&place.post(PROVINCE, "/fhir", &good).await), ["201"]);
}

#[tokio::test]
async fn conditions_of_entries_are_asked_once_for_all() {
    let place = Place::new();
    let mut create = entry("POST", "Patient", patient("1"), "urn:uuid:1");
    create["request"]["ifNoneExist"] = json!("identifier=s|1");
    let observation = json!({"resourceType": "Observation", "status": "final", "code": {"text": "x"},
        "subject": {"reference": "urn:uuid:1"}});
    let body = bundle(
        "transaction",
        &[
            entry("POST", "Observation", observation, ""),
            create.clone(),
            entry("PUT", "Patient?identifier=s|2", patient("2"), ""),
        ],
    );
    assert_eq!(statuses(&place.post(PROVINCE, "/fhir", &body).await), ["201", "201", "201"]);
    assert_eq!(statuses(&place.post(PROVINCE, "/fhir", &body).await), ["201", "200", "200"]);
    assert_eq!(place.all(PROVINCE, "/fhir/Patient").await.len(), 2);
    assert_eq!(place.all(PROVINCE, "/fhir/Observation?subject.identifier=s|1").await.len(), 2);
    // Two entries with one identity, known only when asked.
    let twice = bundle(
        "transaction",
        &[
            entry("PUT", "Patient?identifier=s|1", patient("1"), ""),
            entry("PUT", "Patient?identifier=s|1", patient("1"), ""),
        ],
    );
    place.post(PROVINCE, "/fhir", &twice).await.refused(400);
}

#[tokio::test]
async fn a_batch_answers_each_for_itself() {
    let place = Place::new();
    place.given(PROVINCE, r#"{"resourceType":"Patient","id":"p"}"#).await;
    use base64::Engine;
    let patch = base64::engine::general_purpose::STANDARD.encode(r#"[{"op":"add","path":"/active","value":true}]"#);
    let binary = json!({"resourceType": "Binary", "contentType": "application/json-patch+json", "data": patch});
    let body = bundle(
        "batch",
        &[
            entry("GET", "Patient/p", Value::Null, ""),
            entry("GET", "Patient/none", Value::Null, ""),
            entry("POST", "Patient", patient("1"), ""),
            entry("POST", "Patient", json!({"resourceType": "Group"}), ""),
            entry("PATCH", "Patient/p", binary, ""),
            entry("GET", "Patient?active=true", Value::Null, ""),
            entry("DELETE", "Patient/p", Value::Null, ""),
            json!({"resource": patient("9")}),
        ],
    );
    let answer = place.post(PROVINCE, "/fhir", &body).await;
    assert_eq!(statuses(&answer), ["200", "404", "201", "400", "200", "200", "204", "400"]);
    assert_eq!(answer.json()["entry"][5]["resource"]["total"], 1);
    assert_eq!(answer.json()["type"], "batch-response");
    let read =
        bundle("batch", &[entry("GET", "Patient", Value::Null, ""), entry("GET", "metadata/x/y/z", Value::Null, "")]);
    assert_eq!(statuses(&place.post(READER, "/fhir", &read).await), ["200", "404"]);
    place.post(READER, "/fhir", &body).await.refused(403);
    let kind = place.post(PROVINCE, "/fhir", &bundle("collection", &[])).await;
    kind.refused(400);
}

#[tokio::test]
async fn patients_of_synthea_are_taken_whole() {
    let folder = std::path::Path::new("/work/shared/testdata/synthea");
    let Ok(text) = std::fs::read_to_string(folder.join("bundle-00.json")) else {
        eprintln!("SKIPPED: {} is not here", folder.display());
        return;
    };
    let place = Place::new();
    let count = serde_json::from_str::<Value>(&text).unwrap()["entry"].as_array().unwrap().len();
    let answer = place.post(PROVINCE, "/fhir", &text).await;
    let statuses = statuses(&answer);
    assert_eq!((statuses.len(), statuses.iter().filter(|s| *s == "201").count()), (count, count));
    let patients = place.all(PROVINCE, "/fhir/Patient").await;
    assert_eq!(patients.len(), 1);
    let everything = place.get(PROVINCE, &format!("/fhir/Patient/{}/$everything", patients[0])).await;
    let found = everything.matches().len() + everything.ids("include").len();
    assert_eq!(found, count, "all of it hangs on its patient: {}", everything.status);
    let observations =
        place.all(PROVINCE, &format!("/fhir/Observation?patient={}&_sort=-date&_count=7", patients[0])).await;
    assert_eq!(observations.len(), text.matches(r#""resourceType":"Observation""#).count());
}

#[tokio::test]
async fn too_many_entries_are_too_many() {
    let place = Place::new();
    let limit = mach_base::limits::FHIR_BUNDLE;
    let entries = |n: usize| {
        let one = r#"{"request":{"method":"GET","url":"Patient/none"}}"#;
        format!(r#"{{"resourceType":"Bundle","type":"batch","entry":[{}]}}"#, vec![one; n].join(","))
    };
    assert_eq!(place.post(PROVINCE, "/fhir", &entries(limit)).await.status, StatusCode::OK);
    place.post(PROVINCE, "/fhir", &entries(limit + 1)).await.refused(400);
}
