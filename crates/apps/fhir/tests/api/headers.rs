//! What stands around a body: formats, versions, preferences, conditions, origins.

use crate::support::{PROVINCE, Place};
use axum::http::StatusCode;
use mach_access::{Act, Actor, Role, decide, secret};
use mach_base::limits::PEOPLE_SEARCH_BURST;
use mach_fhir_api::cors;
use mach_house::{House, SESSION_COOKIE, Settings};
use mach_store::accounts::NewAccount;
use mach_store::schema;
use mach_store::sessions::State;

const PATIENT: &str = r#"{"resourceType":"Patient","id":"p","identifier":[{"system":"http://s","value":"1"}]}"#;

#[tokio::test]
async fn media_types_are_read_whatever_their_letters_and_other_versions_refused() {
    let place = Place::new();
    let body = r#"{"resourceType":"Patient"}"#;
    for (kind, status) in [
        ("APPLICATION/FHIR+JSON", 201),
        ("application/fhir+json; charset=UTF-8; fhirVersion=4.0", 201),
        ("application/fhir+json; fhirVersion=3.0", 415),
        ("application/fhir+json; FHIRVERSION=\"5.0\"", 415),
        ("text/plain", 415),
    ] {
        let answer = place.send(PROVINCE, "POST", "/fhir/Patient", &[("content-type", kind)], body).await;
        assert_eq!(answer.status, status, "{kind}: {}", answer.text);
    }
    let xml = r#"<Patient xmlns="http://hl7.org/fhir"/>"#;
    for (kind, status) in [("Application/FHIR+XML", 201), ("application/fhir+xml; fhirVersion=5.0", 415)] {
        let answer = place.send(PROVINCE, "POST", "/fhir/Patient", &[("content-type", kind)], xml).await;
        assert_eq!(answer.status, status, "{kind}: {}", answer.text);
    }
    let form = [("content-type", "Application/X-WWW-Form-Urlencoded; charset=UTF-8")];
    assert_eq!(place.send(PROVINCE, "POST", "/fhir/Patient/_search", &form, "_count=1").await.status, 200);
    place.given(PROVINCE, PATIENT).await;
    for (accept, kind) in [
        ("application/json;q=0.5, application/fhir+xml", "application/fhir+xml"),
        ("application/fhir+xml;q=0, application/fhir+json", "application/fhir+json"),
    ] {
        let answer = place.send(PROVINCE, "GET", "/fhir/Patient/p", &[("accept", accept)], "").await;
        assert!(answer.header("content-type").starts_with(kind), "{accept}: {answer:?}");
    }
    let other = [("accept", "application/fhir+json; fhirVersion=5.0")];
    place.send(PROVINCE, "GET", "/fhir/Patient/p", &other, "").await.refused(406);
}

#[tokio::test]
async fn preferences_are_read_whatever_their_letters() {
    let place = Place::new();
    for (prefer, expect) in [
        ("return=minimal", ""),
        ("Return=Minimal", ""),
        ("return=\"minimal\"", ""),
        ("handling=strict; return = minimal", ""),
        ("return=OperationOutcome", "OperationOutcome"),
        ("return=nonsense", "Patient"),
    ] {
        let headers = [("prefer", prefer), ("content-type", "application/fhir+json")];
        let answer = place.send(PROVINCE, "POST", "/fhir/Patient", &headers, r#"{"resourceType":"Patient"}"#).await;
        assert_eq!(answer.status, StatusCode::CREATED);
        match expect {
            "" => assert_eq!(answer.text, "", "{prefer}"),
            kind => assert_eq!(answer.json()["resourceType"], kind, "{prefer}"),
        }
    }
}

#[tokio::test]
async fn if_match_is_a_tag_any_or_none_of_ours() {
    let place = Place::new();
    place.given(PROVINCE, PATIENT).await;
    let json = ("content-type", "application/fhir+json");
    for (tag, status) in [
        ("W/\"1\"", 200),
        ("\"2\"", 200),
        ("3", 200),
        ("*", 200),
        ("W/\"1\"", 412),
        ("W/\"abc\"", 412),
        ("\"0\"", 412),
        ("abc", 400),
        ("W/\"5\", W/\"6\"", 400),
    ] {
        let answer = place.send(PROVINCE, "PUT", "/fhir/Patient/p", &[json, ("if-match", tag)], PATIENT).await;
        assert_eq!(answer.status, status, "{tag}: {}", answer.text);
    }
    let other = PATIENT.replace("\"id\":\"p\"", "\"id\":\"q\"");
    place.send(PROVINCE, "PUT", "/fhir/Patient/q", &[json, ("if-match", "*")], &other).await.refused(412);
    for version in ["+1", "01", "0", "-1", "x"] {
        place.get(PROVINCE, &format!("/fhir/Patient/p/_history/{version}")).await.refused(404);
    }
    for condition in ["identifier=http://s|1", "?identifier=http://s|1", "Patient?identifier=http://s|1"] {
        let headers = [json, ("if-none-exist", condition)];
        let answer = place.send(PROVINCE, "POST", "/fhir/Patient", &headers, r#"{"resourceType":"Patient"}"#).await;
        assert_eq!(answer.status, StatusCode::OK, "{condition}: {}", answer.text);
    }
    let other = [json, ("if-none-exist", "Observation?identifier=1")];
    place.send(PROVINCE, "POST", "/fhir/Patient", &other, r#"{"resourceType":"Patient"}"#).await.refused(400);
}

#[tokio::test]
async fn pages_of_named_origins_are_let_in_and_no_others() {
    let mut place = Place::new();
    let ask = [("origin", "https://app.example.vn"), ("access-control-request-method", "PUT")];
    let closed = place.send("", "OPTIONS", "/fhir/Patient/p", &ask, "").await;
    assert_eq!((closed.status, closed.header("access-control-allow-origin")), (StatusCode::NO_CONTENT, ""));
    assert!(closed.header("allow").contains("PUT"));

    let named = vec![cors::origin("https://APP.example.vn/").unwrap()];
    let house = House::new(place.store.clone(), Settings::default());
    place.app = mach_ui::http::serve(place.interface.clone().open_to(named).router().with_state(house));
    let open = place.send("", "OPTIONS", "/fhir/Patient/p", &ask, "").await;
    assert_eq!(open.status, StatusCode::NO_CONTENT);
    assert_eq!(open.header("access-control-allow-origin"), "https://app.example.vn");
    assert!(open.header("access-control-allow-headers").contains("If-Match"));
    assert_eq!(open.header("access-control-allow-credentials"), "", "no cookies");
    let other = [("origin", "https://evil.example"), ("access-control-request-method", "PUT")];
    let refused = place.send("", "OPTIONS", "/fhir/Patient/p", &other, "").await;
    assert_eq!((refused.header("access-control-allow-origin"), refused.header("vary")), ("", "Origin"));

    // A page writes with its token; without one it is nobody, and a cookie of others is not used.
    let (from, site) = (("origin", "https://app.example.vn"), ("sec-fetch-site", "cross-site"));
    let json = ("content-type", "application/fhir+json");
    let written = place.send(PROVINCE, "PUT", "/fhir/Patient/p", &[from, site, json], PATIENT).await;
    assert_eq!(written.status, StatusCode::CREATED, "{}", written.text);
    assert!(written.header("access-control-expose-headers").contains("ETag"));
    assert_eq!(written.header("access-control-allow-origin"), "https://app.example.vn");
    let nobody = place.send("", "PUT", "/fhir/Patient/p", &[from, site, json, ("cookie", "session=x")], PATIENT).await;
    assert_eq!(nobody.status, StatusCode::FORBIDDEN);
    let failed = place.send(PROVINCE, "GET", "/fhir/Patient/none", &[from], "").await;
    assert_eq!((failed.status.as_u16(), failed.header("access-control-allow-origin")), (404, "https://app.example.vn"));
}

#[tokio::test]
async fn a_person_who_looks_for_people_is_counted_whatever_the_way() {
    let place = Place::new();
    let begun = |name: &'static str| {
        place
            .store
            .write(&decide(&Actor::console(), Act::Administer).unwrap(), move |tx| {
                let facility = Some(schema::facility_id(tx, "46001")?);
                let (name, display, password) = (name.to_owned(), name.to_owned(), String::new());
                let token = secret::token_hash(&name);
                let new = NewAccount { name, display, role: Role::Clinician, facility, password };
                let id = tx.set_account(&new)?;
                tx.begin_session(&token, id, State::Open, "")
            })
            .unwrap();
    };
    let json = ("content-type", "application/fhir+json");
    let batch = r#"{"resourceType":"Bundle","type":"batch","entry":[
        {"request":{"method":"GET","url":"Patient?name=lan"}},{"request":{"method":"GET","url":"Observation?subject:Patient.name=lan"}}]}"#;
    for (who, method, path, body, each) in [
        ("plain", "GET", "/fhir/Patient?name=lan", "", 1),
        ("chain", "GET", "/fhir/Observation?subject:Patient.name=lan", "", 1),
        ("has", "GET", "/fhir/Patient?_has:Observation:subject:code=x", "", 1),
        ("posted", "POST", "/fhir/Patient/_search", "", 1),
        ("batch", "POST", "/fhir", batch, 2),
    ] {
        begun(who);
        let cookie = format!("{SESSION_COOKIE}={who}");
        let kind = if path.ends_with("_search") { ("content-type", "application/x-www-form-urlencoded") } else { json };
        let own = [("cookie", cookie.as_str()), kind];
        let ask = || place.send("", method, path, &own, body);
        for n in 0..PEOPLE_SEARCH_BURST / each {
            let answer = ask().await;
            assert_eq!(answer.status, StatusCode::OK, "{who} {n}: {}", answer.text);
        }
        let last = ask().await;
        match who {
            // A batch answers for each of its entries.
            "batch" => assert_eq!(
                last.text.matches(r#""status":"429"#).count(),
                usize::try_from(each).unwrap(),
                "{}",
                last.text
            ),
            _ => assert_eq!(last.status, StatusCode::TOO_MANY_REQUESTS, "{who}"),
        }
        let other = place.send("", "GET", "/fhir/Organization", &[("cookie", cookie.as_str())], "").await;
        assert_eq!(other.status, StatusCode::OK, "{who}: what is not of people goes on");
    }
}
