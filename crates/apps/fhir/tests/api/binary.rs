//! Binary in its own format: what is sent comes back, nothing of it runs in a browser, its security context is kept.

use crate::support::{A, Answer, B, PROVINCE, Place};
use axum::http::StatusCode;

const PAGE: &str = "<html><script>alert(1)</script></html>";

async fn raw(place: &Place, who: &str, path: &str, accept: &str) -> Answer {
    let headers: &[(&str, &str)] = if accept.is_empty() { &[] } else { &[("accept", accept)] };
    place.send(who, "GET", path, headers, "").await
}

#[tokio::test]
async fn content_comes_back_as_it_was_sent() {
    let place = Place::new();
    let kind = "text/html; charset=utf-8";
    let made = place.send(PROVINCE, "POST", "/fhir/Binary", &[("content-type", kind)], PAGE).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    let json = made.json();
    assert_eq!((json["contentType"].as_str(), json["resourceType"].as_str()), (Some(kind), Some("Binary")));
    let path = format!("/fhir/Binary/{}", json["id"].as_str().unwrap());
    for accept in [
        "",
        "*/*",
        "text/html",
        "text/*;q=0.5, image/png",
        "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    ] {
        let read = raw(&place, PROVINCE, &path, accept).await;
        assert_eq!((read.status, read.text.as_str()), (StatusCode::OK, PAGE), "{accept}");
        assert_eq!(read.header("content-type"), kind);
        assert_eq!(read.header("etag"), "W/\"1\"");
        // Whatever it is, it does not run.
        assert_eq!(read.header("x-content-type-options"), "nosniff");
        assert!(read.header("content-security-policy").contains("sandbox"));
        assert!(!read.header("content-security-policy").contains("'self'"));
        assert_eq!(read.header("content-disposition"), "attachment");
    }
    for (accept, holds) in [
        ("application/fhir+json", "\"data\":\"PGh0bWw+"),
        ("application/json", "\"data\":\"PGh0bWw+"),
        ("*/*, application/fhir+json", "\"data\":\"PGh0bWw+"),
        ("application/fhir+xml", "<data value=\"PGh0bWw+"),
    ] {
        let read = raw(&place, PROVINCE, &path, accept).await;
        assert!(read.status == StatusCode::OK && read.text.contains(holds), "{accept}: {}", read.text);
    }
    assert!(raw(&place, PROVINCE, &format!("{path}?_format=json"), "").await.text.contains("\"data\""));
    raw(&place, PROVINCE, &path, "image/png").await.refused(406);
    let again = place.send(PROVINCE, "GET", &path, &[("if-none-match", "W/\"1\"")], "").await;
    assert_eq!((again.status, again.text.as_str()), (StatusCode::NOT_MODIFIED, ""));
    // Another version, and the first by its number.
    let put = place.send(PROVINCE, "PUT", &path, &[("content-type", "text/plain")], "xin chào").await;
    assert_eq!(put.status, StatusCode::OK, "{}", put.text);
    let read = raw(&place, PROVINCE, &path, "").await;
    assert_eq!((read.text.as_str(), read.header("content-disposition")), ("xin chào", "inline"));
    assert_eq!(raw(&place, PROVINCE, &format!("{path}/_history/1"), "").await.text, PAGE);
    assert_eq!(place.all(PROVINCE, "/fhir/Binary").await.len(), 1);
}

#[tokio::test]
async fn what_is_a_resource_is_taken_as_one() {
    let place = Place::new();
    let resource = r#"{"resourceType":"Binary","contentType":"text/plain","data":"aGE="}"#;
    for kind in ["application/fhir+json", "application/json"] {
        let made = place.send(PROVINCE, "POST", "/fhir/Binary", &[("content-type", kind)], resource).await;
        let path = format!("/fhir/Binary/{}", made.json()["id"].as_str().unwrap());
        assert_eq!(raw(&place, PROVINCE, &path, "").await.text, "ha", "{kind}");
    }
    let xml = r#"<Binary xmlns="http://hl7.org/fhir"><contentType value="text/plain"/><data value="aGE="/></Binary>"#;
    let made = place.send(PROVINCE, "POST", "/fhir/Binary", &[("content-type", "application/xml")], xml).await;
    assert_eq!(made.json()["data"], "aGE=", "{}", made.text);
    // JSON that is none is content.
    let other = r#"{"a":1}"#;
    let made = place.send(PROVINCE, "POST", "/fhir/Binary", &[("content-type", "application/json")], other).await;
    assert_eq!(made.json()["contentType"], "application/json", "{}", made.text);
    place
        .send(PROVINCE, "POST", "/fhir/Binary", &[("content-type", "application/fhir+json")], other)
        .await
        .refused(400);
    place.send(PROVINCE, "POST", "/fhir/Binary", &[("content-type", "a page")], PAGE).await.refused(400);
    place.send(PROVINCE, "PUT", "/fhir/Binary/a_b", &[("content-type", "text/plain")], PAGE).await.refused(400);
    // Elsewhere nothing is content.
    place.send(PROVINCE, "POST", "/fhir/Basic", &[("content-type", "text/plain")], PAGE).await.refused(415);
}

#[tokio::test]
async fn content_has_a_limit() {
    let place = Place::new();
    let most = mach_base::limits::FHIR_BINARY_BYTES;
    let send = |bytes: usize| {
        let place = &place;
        async move {
            let body = "x".repeat(bytes);
            place.send(PROVINCE, "POST", "/fhir/Binary", &[("content-type", "text/plain")], &body).await
        }
    };
    assert_eq!(send(most).await.status, StatusCode::CREATED);
    send(most + 1).await.refused(413);
}

#[tokio::test]
async fn the_security_context_decides_who_reads() {
    let place = Place::new();
    place.given(A, r#"{"resourceType":"Patient","id":"p","name":[{"family":"Lê"}]}"#).await;
    place.given(PROVINCE, r#"{"resourceType":"Organization","id":"o","name":"Sở"}"#).await;
    let send = |who: &'static str, context: &'static str| {
        let place = &place;
        async move {
            let headers = [("content-type", "text/plain"), ("x-security-context", context)];
            place.send(who, "POST", "/fhir/Binary", &headers, "kín").await
        }
    };
    let path = |answer: &Answer| format!("/fhir/Binary/{}", answer.json()["id"].as_str().unwrap());
    // Of the province, about somebody of whom B knows nothing.
    let made = send(PROVINCE, "Patient/p").await;
    assert_eq!(made.json()["securityContext"]["reference"], "Patient/p");
    let read = raw(&place, PROVINCE, &path(&made), "").await;
    assert_eq!((read.text.as_str(), read.header("x-security-context")), ("kín", "Patient/p"));
    for accept in ["", "application/fhir+json"] {
        raw(&place, B, &path(&made), accept).await.refused(404);
        raw(&place, B, &format!("{}/_history/1", path(&made)), accept).await.refused(404);
    }
    assert!(place.all(B, "/fhir/Binary").await.is_empty());
    // Whoever sent it: what they may not read themselves they do not read back.
    place.given(B, r#"{"resourceType":"Patient","id":"q"}"#).await;
    for (context, status) in [("Patient/p", 200), ("Patient/q", 404)] {
        let made = send(A, context).await;
        for accept in ["", "application/fhir+json"] {
            assert_eq!(raw(&place, A, &path(&made), accept).await.status.as_u16(), status, "{context}");
        }
    }
    // Found among others it tells its type, and nothing of what it holds.
    let hidden = path(&send(A, "Patient/q").await);
    let id = hidden.rsplit('/').next().unwrap();
    for path in [format!("/fhir/Binary?_id={id}"), format!("{hidden}/_history"), "/fhir/_history?_count=1".to_owned()] {
        let found = place.get(A, &path).await;
        let body = &found.json()["entry"][0]["resource"];
        assert_eq!((body["id"].as_str(), body["contentType"].as_str()), (Some(id), Some("text/plain")), "{path}");
        assert_eq!(body["meta"]["security"][0]["code"], "REDACTED");
        assert!(body["data"].is_null() && body["securityContext"].is_null(), "{body}");
    }
    // A context that is not there, or gone, is nobody's right.
    let gone = send(PROVINCE, "Patient/nobody").await;
    raw(&place, PROVINCE, &path(&gone), "").await.refused(404);
    assert_eq!(raw(&place, A, &path(&send(A, "http://mach.test/fhir/Organization/o").await), "").await.text, "kín");
    send(A, "nonsense").await.refused(400);
}
