//! Every way to a record honours the scopes of a token, and none does more than its person.

use crate::world::{World, console, observation};
use axum::http::StatusCode;
use mach_access::Role;
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
    // Nor more than its person: a leader reads, and writes nothing.
    let leader = world.tokens("leader", "user/*.cruds").await;
    assert_eq!(leader["scope"], "user/*.rs");
    let wrote = world.fhir(leader["access_token"].as_str().unwrap(), "PUT", "Observation/lab-p1", "{}").await;
    assert_eq!(wrote.status, StatusCode::FORBIDDEN);
    let none = world.token("doctor-b", "user/*.cruds").await;
    assert_eq!(world.get(&none, "Observation").await.ids(), ["lab-p3", "vital-p3"], "another facility's doctor");
    assert_eq!(world.get(&none, "Observation/lab-p1").await.status, StatusCode::NOT_FOUND);
}

/// `what` with a number in it that no other has.
fn numbered(number: &str, patient: &str) -> serde_json::Value {
    let mut body: serde_json::Value = serde_json::from_str(&observation("x", patient, "survey")).unwrap();
    body["identifier"] = json!([{ "system": "urn:mach:test", "value": number }]);
    body
}

#[tokio::test]
async fn a_condition_is_asked_by_searching_or_refused() {
    let world = World::new().await;
    let blind = world.token("doctor-a", "launch/patient patient/Observation.cud").await;
    let seeing = world.token("doctor-a", "launch/patient patient/Observation.cuds").await;
    let condition = "identifier=urn:mach:test|7";
    let conditional = async |token: &str, method: &str, url: &str| {
        let bearer = format!("Bearer {token}");
        let mut headers = vec![("authorization", bearer.as_str()), ("content-type", "application/fhir+json")];
        if method == "POST" {
            headers.push(("if-none-exist", condition));
        }
        world.send(method, &format!("/fhir/{url}"), &headers, &numbered("7", "p1").to_string()).await.status
    };
    let in_bundle = async |token: &str, kind: &str, entry: serde_json::Value| {
        let bundle = json!({ "resourceType": "Bundle", "type": kind, "entry": [entry] }).to_string();
        let answer = world.fhir(token, "POST", "", &bundle).await;
        match answer.status {
            StatusCode::OK => answer.json()["entry"][0]["response"]["status"].as_str().unwrap_or_default().to_owned(),
            status => status.as_str().to_owned(),
        }
    };
    let by_url = format!("Observation?{condition}");
    let post = json!({ "method": "POST", "url": "Observation", "ifNoneExist": condition });
    let post = json!({ "resource": numbered("7", "p1"), "request": post });
    let put = json!({ "resource": numbered("7", "p1"), "request": { "method": "PUT", "url": by_url } });
    let mut linked = numbered("8", "p1");
    linked["derivedFrom"] = json!([{ "reference": by_url }]);
    let linked = json!({ "resource": linked, "request": { "method": "POST", "url": "Observation" } });
    for _ in 0..2 {
        assert_eq!(conditional(&blind, "POST", "Observation").await, StatusCode::FORBIDDEN);
    }
    assert_eq!(conditional(&blind, "PUT", &by_url).await, StatusCode::FORBIDDEN);
    assert_eq!(conditional(&blind, "DELETE", &by_url).await, StatusCode::FORBIDDEN);
    for entry in [&post, &put] {
        for kind in ["batch", "transaction"] {
            let status = in_bundle(&blind, kind, entry.clone()).await;
            assert!(status.starts_with("403"), "{kind} {status} {entry}");
        }
    }
    assert!(in_bundle(&blind, "transaction", linked.clone()).await.starts_with("403"));
    assert!(world.get("A", &by_url).await.ids().is_empty(), "and nothing was made");
    assert_eq!(conditional(&seeing, "POST", "Observation").await, StatusCode::CREATED);
    assert_eq!(conditional(&seeing, "POST", "Observation").await, StatusCode::OK);
    for kind in ["batch", "transaction"] {
        assert!(in_bundle(&seeing, kind, post.clone()).await.starts_with("200"), "{kind}");
    }
    assert!(in_bundle(&seeing, "transaction", linked).await.starts_with("201"));
    assert_eq!(world.get("A", &by_url).await.ids().len(), 1);
    assert_eq!(conditional(&seeing, "DELETE", &by_url).await, StatusCode::NO_CONTENT);
    assert!(world.get("A", &by_url).await.ids().is_empty());
}

#[tokio::test]
async fn what_was_written_is_shown_where_a_scope_reads_that_row() {
    let world = World::new().await;
    let token = world.token("doctor-a", "launch/patient patient/Observation.r user/Observation.u").await;
    let patch = json!([{ "op": "replace", "path": "/status", "value": "amended" }]).to_string();
    let bearer = format!("Bearer {token}");
    for (id, shown) in [("lab-p1", true), ("lab-p2", false)] {
        let path = format!("/fhir/Observation/{id}");
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/json-patch+json")];
        let patched = world.send("PATCH", &path, &headers, &patch).await;
        assert_eq!((patched.status, patched.text.contains("subject")), (StatusCode::OK, shown), "{id} {patched:?}");
        let body: serde_json::Value = serde_json::from_str(&observation(id, &id[4..], "survey")).unwrap();
        for kind in ["batch", "transaction"] {
            let request = json!({ "method": "PUT", "url": format!("Observation/{id}") });
            let entry = json!([{ "resource": body, "request": request }]);
            let bundle = json!({ "resourceType": "Bundle", "type": kind, "entry": entry }).to_string();
            let headers = [
                ("authorization", bearer.as_str()),
                ("content-type", "application/fhir+json"),
                ("prefer", "return=representation"),
            ];
            let answer = world.send("POST", "/fhir", &headers, &bundle).await;
            assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
            let entry = &answer.json()["entry"][0];
            assert!(entry["response"]["status"].as_str().is_some_and(|s| s.starts_with("200")), "{kind} {entry}");
            assert_eq!(entry["resource"]["subject"].is_object(), shown, "{kind} {entry}");
        }
    }
    // A test in a scope is asked of what the index holds, which is behind what was just written.
    let tested = world.token("doctor-a", &format!("launch/patient {LAB} patient/Observation.u")).await;
    let kept = world.fhir(&tested, "PUT", "Observation/lab-p1", &observation("lab-p1", "p1", "laboratory")).await;
    assert_eq!((kept.status, kept.text.as_str()), (StatusCode::OK, ""));
}

#[tokio::test]
async fn terms_are_asked_by_a_scope_of_their_type() {
    let world = World::new().await;
    let without = world.token("doctor-a", "user/Observation.rs").await;
    let with = world.token("doctor-a", "user/ValueSet.rs user/CodeSystem.rs user/ConceptMap.rs").await;
    let half = world.token("doctor-a", "user/ValueSet.s user/CodeSystem.r user/ConceptMap.cud").await;
    for path in [
        "ValueSet/$expand?url=http://hl7.org/fhir/ValueSet/administrative-gender",
        "ValueSet/$validate-code?url=http://hl7.org/fhir/ValueSet/administrative-gender&code=male",
        "CodeSystem/$lookup?system=http://hl7.org/fhir/administrative-gender&code=male",
        "CodeSystem/$validate-code?url=http://hl7.org/fhir/administrative-gender&code=male",
        "CodeSystem/$subsumes?system=http://hl7.org/fhir/administrative-gender&codeA=male&codeB=male",
        "ConceptMap/$translate?url=urn:none&system=urn:x&code=x",
        "ValueSet/none/$expand",
    ] {
        assert_eq!(world.get(&without, path).await.status, StatusCode::FORBIDDEN, "{path}");
        assert_eq!(world.get(&half, path).await.status, StatusCode::FORBIDDEN, "{path}");
        let open = world.get(&with, path).await;
        assert_ne!(open.status, StatusCode::FORBIDDEN, "{path} {open:?}");
        let (name, query) = path.split_once('?').unwrap_or((path, ""));
        let value =
            query.split('&').filter_map(|p| p.split_once('=')).map(|(n, v)| json!({ "name": n, "valueUri": v }));
        let posted = json!({ "resourceType": "Parameters", "parameter": value.collect::<Vec<_>>() }).to_string();
        assert_eq!(world.fhir(&without, "POST", name, &posted).await.status, StatusCode::FORBIDDEN, "{path}");
    }
}

#[tokio::test]
async fn what_an_app_is_allowed_no_more_its_tokens_lose() {
    let world = World::new().await;
    let allow = |scopes: &'static str| {
        let change = move |tx: &mut mach_store::Tx<'_>| {
            let app = mach_store::smart::by_client(tx, "public")?.expect("registered");
            tx.change_app(app.id, &mach_store::smart::NewApp { scopes: scopes.to_owned(), ..app.what })
        };
        world.store.write(&console(), change).unwrap();
    };
    let refresh = async |tokens: &serde_json::Value| {
        let token = tokens["refresh_token"].as_str().unwrap();
        let pairs = [("grant_type", "refresh_token"), ("client_id", "public"), ("refresh_token", token)];
        world.form("/oauth/token", &pairs).await.json()
    };
    let all = "offline_access launch/patient patient/Observation.rs patient/Patient.r";
    let tokens = world.tokens("doctor-a", all).await;
    let token = tokens["access_token"].as_str().unwrap();
    let code = world.code("doctor-a", "public", "launch/patient patient/Observation.rs").await;
    assert_eq!(world.get(token, "Patient/p1").await.status, StatusCode::OK);
    allow("offline_access launch/patient patient/Observation.rs");
    assert_eq!(world.get(token, "Patient/p1").await.status, StatusCode::FORBIDDEN);
    assert_eq!(world.get(token, "Observation").await.ids(), ["lab-p1", "vital-p1"]);
    let told = world.basic("/oauth/introspect", &[("token", token)]).await.json();
    assert_eq!(told["scope"], "patient/Observation.rs launch/patient offline_access", "{told}");
    let tokens = refresh(&tokens).await;
    assert_eq!(tokens["scope"], told["scope"], "{tokens}");
    // Nothing goes on when nobody is there once that is not allowed.
    allow("launch/patient patient/Observation.rs");
    assert_eq!(refresh(&tokens).await["error"], "invalid_grant");
    assert!(world.is_good(tokens["access_token"].as_str().unwrap()).await, "what is left of it");
    // Of a code nothing is left.
    allow("patient/Patient.r");
    let answer = world.form("/oauth/token", &World::exchange("public", &code)).await;
    assert_eq!((answer.status, &answer.json()["error"]), (StatusCode::BAD_REQUEST, &json!("invalid_scope")));
    assert!(!world.is_good(tokens["access_token"].as_str().unwrap()).await);
}

#[tokio::test]
async fn views_of_facilities_are_no_citizens() {
    let world = World::new().await;
    world.comes("citizen", Role::Citizen, None);
    let view = |id: &str| {
        let column = json!([{ "column": [{ "name": "id", "path": "getResourceKey()" }] }]);
        json!({ "resourceType": "ViewDefinition", "id": id, "name": id, "status": "active", "resource": "Observation",
            "select": column })
        .to_string()
    };
    let put = world.fhir("A", "PUT", "ViewDefinition/of-a", &view("of-a")).await;
    assert_eq!(put.status, StatusCode::CREATED, "{put:?}");
    assert_eq!(world.page("doctor-a", "GET", "/fhir/ViewDefinition", "").await.ids(), ["of-a"]);
    assert_eq!(world.page("leader", "GET", "/fhir/ViewDefinition", "").await.ids(), ["of-a"]);
    assert!(world.page("citizen", "GET", "/fhir/ViewDefinition", "").await.ids().is_empty());
    let one = world.page("citizen", "GET", "/fhir/ViewDefinition/of-a", "").await;
    assert_eq!(one.status, StatusCode::NOT_FOUND);
}
