//! The three kinds of patches, by id, by condition, within bundles; deletions of several.

use crate::support::{A, Answer, PROVINCE, Place};
use axum::http::StatusCode;
use base64::Engine;

const PATIENT: &str = r#"{"resourceType":"Patient","id":"p",  "name":[{"family":"Nguyễn","given":["Đức"]}],"extension":[{"url":"urn:x","valueDecimal":1.00}],"deceasedBoolean":false}"#;
const FHIRPATH: &str = r#"{"resourceType":"Parameters","parameter":[{"name":"operation","part":[
    {"name":"type","valueCode":"replace"},{"name":"path","valueString":"Patient.name[0].given[0]"},{"name":"value","valueString":"Bình"}]}]}"#;

async fn patch(place: &Place, kind: &str, path: &str, body: &str) -> Answer {
    place.send(PROVINCE, "PATCH", path, &[("content-type", kind)], body).await
}

#[tokio::test]
async fn a_fhirpath_patch_changes_what_it_names_and_no_other_byte() {
    let place = Place::new();
    place.given(PROVINCE, PATIENT).await;
    let done = patch(&place, "application/fhir+json", "/fhir/Patient/p", FHIRPATH).await;
    assert_eq!(done.status, StatusCode::OK, "{}", done.text);
    assert_eq!((done.header("etag"), done.json()["meta"]["versionId"].as_str()), ("W/\"2\"", Some("2")));
    let (_, rest) = PATIENT.split_once(",  ").unwrap();
    assert!(done.text.ends_with(&format!(",  {}", rest.replace("Đức", "Bình"))), "{}", done.text);
    assert_eq!(place.all(PROVINCE, "/fhir/Patient?given=binh").await, ["p"]);
    assert!(place.all(PROVINCE, "/fhir/Patient?given=duc").await.is_empty());

    let xml = r#"<Parameters xmlns="http://hl7.org/fhir"><parameter><name value="operation"/><part><name value="type"/><valueCode value="replace"/></part><part><name value="path"/><valueString value="Patient.deceased"/></part><part><name value="value"/><valueDateTime value="2026-01-02"/></part></parameter></Parameters>"#;
    let done = patch(&place, "application/fhir+xml", "/fhir/Patient/p", xml).await;
    assert_eq!(done.status, StatusCode::OK, "{}", done.text);
    assert!(done.text.contains("\"deceasedDateTime\":\"2026-01-02\"") && !done.text.contains("deceasedBoolean"));

    let one = |kind: &str, path: &str, rest: &str| {
        format!(
            r#"{{"resourceType":"Parameters","parameter":[{{"name":"operation","part":[{{"name":"type","valueCode":"{kind}"}},{{"name":"path","valueString":"{path}"}}{rest}]}}]}}"#
        )
    };
    for (body, status) in [
        (one("delete", "Patient.name", ""), 200),
        (one("delete", "Patient.name", ""), 200),
        (one("delete", "Patient.id", ""), 422),
        (one("replace", "Patient.name", r#",{"name":"value","valueHumanName":{"text":"x"}}"#), 422),
        (
            one(
                "add",
                "Patient",
                r#",{"name":"name","valueString":"birthDate"},{"name":"value","valueString":"no date"}"#,
            ),
            422,
        ),
        (one("delete", "Patient.nothing", ""), 400),
        (one("delete", "Patient[", ""), 400),
        (one("fly", "Patient", ""), 400),
        (r#"{"resourceType":"Patient"}"#.to_owned(), 400),
    ] {
        let answer = patch(&place, "application/fhir+json", "/fhir/Patient/p", &body).await;
        assert_eq!(answer.status.as_u16(), status, "{body}: {}", answer.text);
    }
    assert_eq!(
        place.get(PROVINCE, "/fhir/Patient/p").await.json()["meta"]["versionId"],
        "5",
        "refused ones store nothing"
    );
    // What is left must be a resource of the definitions.
    place.given(PROVINCE, r#"{"resourceType":"Observation","id":"o","status":"final","code":{"text":"x"}}"#).await;
    let text =
        patch(&place, "application/fhir+json", "/fhir/Observation/o", &one("delete", "Observation.status", "")).await;
    assert!(text.refused(422).contains("status"), "{}", text.text);
}

#[tokio::test]
async fn xml_and_json_patches_do_as_their_rfcs_say() {
    let place = Place::new();
    place.given(PROVINCE, PATIENT).await;
    let xml = r#"<diff xmlns="http://hl7.org/fhir"><replace sel="f:Patient/f:name[1]/f:given/@value">Bình</replace><add sel="Patient/name" pos="after"><gender value="male"/></add></diff>"#;
    let done = patch(&place, "application/xml-patch+xml", "/fhir/Patient/p", xml).await;
    assert_eq!(done.status, StatusCode::OK, "{}", done.text);
    let json = done.json();
    assert_eq!((json["name"][0]["given"][0].as_str(), json["gender"].as_str()), (Some("Bình"), Some("male")));
    assert!(done.text.contains("1.00"), "digits stay: {}", done.text);
    let kind = "application/xml-patch+xml";
    patch(
        &place,
        kind,
        "/fhir/Patient/p",
        "<diff xmlns=\"http://hl7.org/fhir\"><remove sel=\"f:Patient/f:photo\"/></diff>",
    )
    .await
    .refused(422);
    patch(&place, kind, "/fhir/Patient/p", "<diff xmlns=\"http://hl7.org/fhir\"/>").await.refused(400);
    patch(&place, kind, "/fhir/Patient/p", "<diff").await.refused(400);
    let nonsense = "<diff xmlns=\"http://hl7.org/fhir\"><add sel=\"f:Patient\"><nothing value=\"1\"/></add></diff>";
    patch(&place, kind, "/fhir/Patient/p", nonsense).await.refused(422);
    let json = "application/json-patch+json";
    let shape = r#"[{"op":"add","path":"/nothing","value":1}]"#;
    patch(&place, json, "/fhir/Patient/p", shape).await.refused(422);
    let test = r#"[{"op":"test","path":"/gender","value":"male"},{"op":"remove","path":"/gender"}]"#;
    assert_eq!(patch(&place, json, "/fhir/Patient/p?_pretty=true", test).await.status, StatusCode::OK);
    patch(&place, json, "/fhir/Patient/p", test).await.refused(422);
    assert_eq!(place.get(PROVINCE, "/fhir/Patient/p").await.json()["meta"]["versionId"], "3");
    patch(&place, "application/merge-patch+json", "/fhir/Patient/p", "{}").await.refused(415);
    patch(&place, json, "/fhir/Patient/nobody", test).await.refused(404);
    let stale = [("content-type", json), ("if-match", "W/\"1\"")];
    place.send(PROVINCE, "PATCH", "/fhir/Patient/p", &stale, "[]").await.refused(412);
    place.given(A, r#"{"resourceType":"Patient","id":"a"}"#).await;
    place.send(A, "PATCH", "/fhir/Patient/p", &[("content-type", json)], "[]").await.refused(404);
}

#[tokio::test]
async fn bundles_carry_patches() {
    let place = Place::new();
    place.given(PROVINCE, PATIENT).await;
    let binary = |kind: &str, text: &str| {
        let data = base64::engine::general_purpose::STANDARD.encode(text);
        format!(r#"{{"resourceType":"Binary","contentType":"{kind}","data":"{data}"}}"#)
    };
    let bundle = |kind: &str, resource: &str| {
        format!(
            r#"{{"resourceType":"Bundle","type":"{kind}","entry":[{{"resource":{resource},"request":{{"method":"PATCH","url":"Patient/p"}}}}]}}"#
        )
    };
    let json = binary("application/json-patch+json", r#"[{"op":"add","path":"/gender","value":"male"}]"#);
    let xml = binary(
        "application/xml-patch+xml",
        r#"<diff xmlns="http://hl7.org/fhir"><add sel="f:Patient"><birthDate value="1990"/></add></diff>"#,
    );
    for (kind, resource, holds) in [
        ("transaction", FHIRPATH, "Bình"),
        ("batch", &json, "\"male\""),
        ("transaction", &xml, "1990"),
        ("batch", FHIRPATH, "Bình"),
    ] {
        let answer = place.post(PROVINCE, "/fhir", &bundle(kind, resource)).await;
        assert_eq!(answer.json()["entry"][0]["response"]["status"], "200 OK", "{}", answer.text);
        assert!(place.get(PROVINCE, "/fhir/Patient/p").await.text.contains(holds), "{holds}");
    }
    // A patch may refer to what the same transaction creates.
    let links = r#"{"resourceType":"Bundle","type":"transaction","entry":[
        {"fullUrl":"urn:uuid:1","resource":{"resourceType":"Organization","name":"o"},"request":{"method":"POST","url":"Organization"}},
        {"resource":{"resourceType":"Parameters","parameter":[{"name":"operation","part":[{"name":"type","valueCode":"add"},{"name":"path","valueString":"Patient"},{"name":"name","valueString":"managingOrganization"},{"name":"value","valueReference":{"reference":"urn:uuid:1"}}]}]},"request":{"method":"PATCH","url":"Patient/p"}}]}"#;
    let answer = place.post(PROVINCE, "/fhir", links).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    assert_eq!(place.all(PROVINCE, "/fhir/Patient?organization.name=o").await, ["p"]);
    let wrong = place.post(PROVINCE, "/fhir", &bundle("transaction", &binary("text/plain", "x"))).await;
    wrong.refused(415);
    place.post(PROVINCE, "/fhir", &bundle("transaction", r#"{"resourceType":"Basic"}"#)).await.refused(400);
}

#[tokio::test]
async fn a_condition_deletes_up_to_a_limit() {
    let place = Place::new();
    let limit = mach_base::limits::FHIR_DELETED;
    let make = |count: usize| {
        let one = r#"{"resource":{"resourceType":"Basic","code":{"text":"x"},"identifier":[{"value":"1"}]},"request":{"method":"POST","url":"Basic"}}"#;
        format!(r#"{{"resourceType":"Bundle","type":"transaction","entry":[{}]}}"#, vec![one; count].join(","))
    };
    let delete = "/fhir/Basic?identifier=1";
    assert_eq!(place.post(PROVINCE, "/fhir", &make(limit + 1)).await.status, StatusCode::OK);
    assert!(place.send(PROVINCE, "DELETE", delete, &[], "").await.refused(412).contains(&limit.to_string()));
    assert_eq!(place.all(PROVINCE, delete).await.len(), limit + 1, "nothing is deleted then");
    let first = place.get(PROVINCE, delete).await.matches().swap_remove(0);
    assert_eq!(
        place.send(PROVINCE, "DELETE", &format!("/fhir/Basic/{first}"), &[], "").await.status,
        StatusCode::NO_CONTENT
    );
    assert_eq!(place.send(PROVINCE, "DELETE", delete, &[], "").await.status, StatusCode::NO_CONTENT);
    assert!(place.all(PROVINCE, delete).await.is_empty());
    // Within a transaction too, and not together with another write of one of them.
    assert_eq!(place.post(PROVINCE, "/fhir", &make(3)).await.status, StatusCode::OK);
    let id = place.get(PROVINCE, delete).await.matches().swap_remove(1);
    let bundle = |more: &str| {
        format!(
            r#"{{"resourceType":"Bundle","type":"transaction","entry":[{{"request":{{"method":"DELETE","url":"Basic?identifier=1"}}}}{more}]}}"#
        )
    };
    let put = format!(
        r#",{{"resource":{{"resourceType":"Basic","id":"{id}","code":{{"text":"y"}}}},"request":{{"method":"PUT","url":"Basic/{id}"}}}}"#
    );
    place.post(PROVINCE, "/fhir", &bundle(&put)).await.refused(400);
    assert_eq!(place.all(PROVINCE, delete).await.len(), 3);
    assert_eq!(place.post(PROVINCE, "/fhir", &bundle("")).await.status, StatusCode::OK);
    assert!(place.all(PROVINCE, delete).await.is_empty());
}
