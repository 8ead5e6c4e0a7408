//! Searches that ask too much, the same thing twice, or what has no meaning: told, never done by half, never a 500.

use crate::support::{PROVINCE, Place};
use axum::http::StatusCode;
use mach_base::limits;

async fn given() -> Place {
    let place = Place::new();
    for (id, day) in [("a", "1950-01-01"), ("b", "1951-01-01"), ("c", "1950-01-01")] {
        let body =
            format!(r#"{{"resourceType":"Patient","id":"{id}","birthDate":"{day}","name":[{{"family":"Lê"}}]}}"#);
        place.given(PROVINCE, &body).await;
    }
    place.given(PROVINCE, r#"{"resourceType":"Observation","id":"o","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/b"},"valueQuantity":{"value":5,"system":"http://unitsofmeasure.org","code":"g"}}"#).await;
    place
}

fn list(n: usize, each: impl Fn(usize) -> String) -> String {
    (0..n).map(each).collect::<Vec<_>>().join(",")
}

impl Place {
    async fn posted(&self, kind: &str, form: &str) -> crate::support::Answer {
        let headers = [("content-type", "application/x-www-form-urlencoded")];
        self.send(PROVINCE, "POST", &format!("/fhir/{kind}/_search"), &headers, form).await
    }
}

#[tokio::test]
async fn types_named_twice_or_elsewhere_are_one_or_none() {
    let place = given().await;
    assert_eq!(place.all(PROVINCE, "/fhir?_type=Patient,Patient&_type=Patient").await, ["a", "b", "c"]);
    assert!(place.all(PROVINCE, "/fhir/Patient?_type=Observation").await.is_empty());
    assert!(place.all(PROVINCE, "/fhir/Patient/b/Observation?_type=Condition").await.is_empty());
    assert_eq!(place.all(PROVINCE, "/fhir/Patient?_type=Observation,Patient").await.len(), 3);
    for bad in ["?_type=", "?_type=Nope", "?_type=Patient,", "/Patient?_type=Nope"] {
        place.get(PROVINCE, &format!("/fhir{bad}")).await.refused(400);
    }
}

#[tokio::test]
async fn a_value_with_the_character_that_no_text_holds_is_the_askers_fault() {
    let place = given().await;
    for bad in ["Patient?identifier=a%00", "Patient?_id=%00", "Observation?code=%00", "Observation?code:text=a%00b"] {
        let answer = place.get(PROVINCE, &format!("/fhir/{bad}")).await;
        assert!(answer.status.is_client_error() || answer.matches().is_empty(), "{bad}: {}", answer.text);
    }
    place.get(PROVINCE, "/fhir/Patient?_tag=a%00").await.refused(400);
}

#[tokio::test]
async fn parameters_of_the_answer_have_no_modifiers() {
    let place = given().await;
    for name in [
        "_count:exact=1",
        "_sort:desc=birthdate",
        "_summary:x=true",
        "_type:not=Patient",
        "_content:contains=x",
        "_list:x=1",
    ] {
        for handling in ["handling=lenient", "handling=strict"] {
            let path = format!("/fhir/Patient?{name}");
            place.send(PROVINCE, "GET", &path, &[("prefer", handling)], "").await.refused(400);
        }
    }
    // A list that a server is to make up, a time that no day has, a filter of which a part is not known.
    for bad in ["_list=$current-allergies", "birthdate=2024-01-01T24:00:00Z", "_filter=name eq Le and nope eq 1"] {
        place.get(PROVINCE, &format!("/fhir/Patient?{bad}")).await.refused(400);
    }
}

#[tokio::test]
async fn sorts_add_up_to_the_limit() {
    let place = given().await;
    let found = place.get(PROVINCE, "/fhir/Patient?_sort=birthdate&_sort=-_id").await;
    assert_eq!(found.matches(), ["c", "a", "b"]);
    let by = |n: usize| format!("/fhir/Patient?_sort={}", list(n, |_| "birthdate".to_owned()));
    assert_eq!(place.all(PROVINCE, &by(limits::FHIR_SORTS)).await, ["a", "c", "b"]);
    place.get(PROVINCE, &by(limits::FHIR_SORTS + 1)).await.refused(400);
    // Of several types they are sorted by one kind of value, not by references and texts of the same name.
    assert_eq!(place.all(PROVINCE, "/fhir?_type=Observation,Encounter&_sort=-date").await, ["o"]);
    place.get(PROVINCE, "/fhir?_type=List,MessageHeader&_sort=source").await.refused(400);
}

#[tokio::test]
async fn many_values_are_many_values() {
    let place = given().await;
    let (ids, most) = (|n: usize| if n == 7 { "b".to_owned() } else { format!("x{n}") }, limits::FHIR_CLAUSES);
    for form in [
        // Each may be one of four types, or a URL.
        format!("subject={}", list(most, ids)),
        format!("subject={}&_sort=-date", list(most, ids)),
        format!("subject={}&code:missing=false", list(most, ids)),
        // In grams, or in what converts to them.
        format!("value-quantity={}", list(most, |n| format!("{n}|http://unitsofmeasure.org|g"))),
        format!("subject:Patient._id={}", list(most, ids)),
    ] {
        let found = place.posted("Observation", &form).await;
        assert_eq!(found.status, StatusCode::OK, "{}", found.text);
        assert_eq!(found.matches(), ["o"], "{form}");
    }
    let found = place.posted("Observation", &format!("code:not={}", list(most, ids))).await;
    assert_eq!(found.matches(), ["o"]);
    let more = vec![format!("code={}", list(most, ids)); limits::FHIR_TYPE_TESTS / most + 1].join("&");
    place.posted("Observation", &more).await.refused(400);
    // A few characters that mean a test for each of a hundred types, squared, and again.
    for chain in
        ["List?item.subject.subject.subject.subject.subject.name=x", "Basic?subject.subject.subject.subject.name=x"]
    {
        let refused = place.get(PROVINCE, &format!("/fhir/{chain}")).await.refused(400);
        assert!(refused.contains("tests"), "{refused}");
    }
}

#[tokio::test]
async fn a_uri_is_above_as_far_as_the_limit() {
    let place = given().await;
    let above = |n: usize| format!("url:above=http://x{}", "/a".repeat(n));
    assert_eq!(place.posted("ValueSet", &above(limits::FHIR_CLAUSES)).await.status, StatusCode::OK);
    for parts in [limits::FHIR_CLAUSES + 1, 100_000] {
        place.posted("ValueSet", &above(parts)).await.refused(400);
    }
}

#[tokio::test]
async fn pages_that_nobody_gave_are_none() {
    use base64::Engine;
    let place = given().await;
    let now = mach_base::time::now_seconds();
    for (token, status) in [
        (format!("9\u{1f}{now}\u{1f}\u{1f}7\u{1f}ta\0b"), 400),
        (format!("9\u{1f}{}\u{1f}\u{1f}7\u{1f}ta", i64::MIN), 410),
        (format!("9\u{1f}{now}\u{1f}\u{1f}7\u{1f}i1"), 400),
        (format!("{}\u{1f}{now}\u{1f}\u{1f}{}\u{1f}t\u{10ffff}", i64::MAX, i64::MIN), 200),
    ] {
        let page = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(token);
        let answer = place.get(PROVINCE, &format!("/fhir/Patient?_sort=family&_page={page}")).await;
        assert_eq!(answer.status.as_u16(), status, "{}", answer.text);
    }
    for since in ["Sun, 06 Nov 1994 9223372036854775807:49:37 GMT", "Sun, 06 Nov 2147483647 08:49:37 GMT"] {
        let read = place.send(PROVINCE, "GET", "/fhir/Patient/a", &[("if-modified-since", since)], "").await;
        assert_eq!(read.status, StatusCode::OK);
    }
}
