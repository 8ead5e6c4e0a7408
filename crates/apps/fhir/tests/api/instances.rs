//! One resource: its versions, conditions, patches, histories.

use crate::support::{A, B, PROVINCE, Place, READER};
use axum::http::StatusCode;

const PATIENT: &str = r#"{"resourceType":"Patient","id":"p","name":[{"family":"Nguyễn","given":["Đức"]}],"extension":[{"url":"urn:x","valueDecimal":1.00}]}"#;

#[tokio::test]
async fn a_resource_goes_through_its_life() {
    let place = Place::new();
    let made = place.post(PROVINCE, "/fhir/Patient", &PATIENT.replace(r#""id":"p","#, "")).await;
    assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
    let id = made.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(made.header("location"), format!("http://mach.test/fhir/Patient/{id}/_history/1"));
    assert_eq!(made.header("etag"), "W/\"1\"");
    let read = place.get(PROVINCE, &format!("/fhir/Patient/{id}")).await;
    assert!(read.text.contains("1.00"), "digits stay: {}", read.text);
    assert_eq!((read.json()["meta"]["versionId"].as_str(), read.header("etag")), (Some("1"), "W/\"1\""));
    assert!(!read.header("last-modified").is_empty());

    let created = place.put(PROVINCE, "/fhir/Patient/p", PATIENT).await;
    assert_eq!(created.status, StatusCode::CREATED, "update as create");
    let path = "/fhir/Patient/p";
    let changed = PATIENT.replace("Đức", "An");
    assert_eq!(place.put(PROVINCE, path, &changed).await.status, StatusCode::OK);
    assert_eq!(place.get(PROVINCE, path).await.json()["meta"]["versionId"], "2");
    assert!(place.get(PROVINCE, "/fhir/Patient/p/_history/1").await.text.contains("Đức"));
    place.get(PROVINCE, "/fhir/Patient/p/_history/3").await.refused(404);

    let json_patch = [("content-type", "application/json-patch+json")];
    let patch = r#"[{"op":"replace","path":"/name/0/given/0","value":"Bình"}]"#;
    let patched = place.send(PROVINCE, "PATCH", path, &json_patch, patch).await;
    assert_eq!(patched.status, StatusCode::OK, "{patched:?}");
    assert!(patched.text.contains("Bình") && patched.text.contains("1.00"));
    place.send(PROVINCE, "PATCH", path, &json_patch, r#"[{"op":"remove","path":"/x"}]"#).await.refused(422);
    place
        .send(PROVINCE, "PATCH", path, &json_patch, r#"[{"op":"replace","path":"/id","value":"q"}]"#)
        .await
        .refused(422);
    place.send(PROVINCE, "PATCH", path, &[("content-type", "text/plain")], patch).await.refused(415);

    assert_eq!(place.send(PROVINCE, "DELETE", path, &[], "").await.status, StatusCode::NO_CONTENT);
    place.get(PROVINCE, path).await.refused(410);
    assert!(place.all(PROVINCE, "/fhir/Patient?_id=p").await.is_empty());
    assert_eq!(place.send(PROVINCE, "DELETE", path, &[], "").await.status, StatusCode::NO_CONTENT, "twice is once");
    assert_eq!(place.put(PROVINCE, path, PATIENT).await.status, StatusCode::CREATED, "it comes back");

    let history = place.get(PROVINCE, "/fhir/Patient/p/_history").await.json();
    let seen: Vec<(&str, &str)> = history["entry"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| (e["request"]["method"].as_str().unwrap(), e["response"]["etag"].as_str().unwrap()))
        .collect();
    let expect =
        [("PUT", "W/\"5\""), ("DELETE", "W/\"4\""), ("PUT", "W/\"3\""), ("PUT", "W/\"2\""), ("POST", "W/\"1\"")];
    assert_eq!(seen, expect);
    assert_eq!(history["total"], 5);
}

#[tokio::test]
async fn conditions_are_asked() {
    let place = Place::new();
    place.given(PROVINCE, PATIENT).await;
    let path = "/fhir/Patient/p";
    let json = ("content-type", "application/fhir+json");
    place.send(PROVINCE, "PUT", path, &[json, ("if-match", "W/\"7\"")], PATIENT).await.refused(412);
    place.send(PROVINCE, "PUT", path, &[json, ("if-match", "nonsense")], PATIENT).await.refused(400);
    place.send(PROVINCE, "PUT", path, &[json, ("if-none-match", "*")], PATIENT).await.refused(412);
    place.send(PROVINCE, "DELETE", path, &[("if-match", "W/\"2\"")], "").await.refused(412);
    let ok = place.send(PROVINCE, "PUT", path, &[json, ("if-match", "W/\"1\"")], PATIENT).await;
    assert_eq!(ok.header("etag"), "W/\"2\"");
    let not_modified = |name: &'static str, value: String| {
        let place = &place;
        async move { place.send(PROVINCE, "GET", path, &[(name, &value)], "").await.status }
    };
    assert_eq!(not_modified("if-none-match", "W/\"2\"".into()).await, StatusCode::NOT_MODIFIED);
    assert_eq!(not_modified("if-none-match", "W/\"1\"".into()).await, StatusCode::OK);
    let modified = place.get(PROVINCE, path).await.header("last-modified").to_owned();
    assert_eq!(not_modified("if-modified-since", modified).await, StatusCode::NOT_MODIFIED);
    assert_eq!(not_modified("if-modified-since", "Sun, 06 Nov 1994 08:49:37 GMT".into()).await, StatusCode::OK);

    let body = r#"{"resourceType":"Patient","identifier":[{"system":"s","value":"1"}]}"#;
    let none_exist = |criteria: &'static str| {
        let place = &place;
        async move { place.send(PROVINCE, "POST", "/fhir/Patient", &[json, ("if-none-exist", criteria)], body).await }
    };
    assert_eq!(none_exist("identifier=s|1").await.status, StatusCode::CREATED);
    assert_eq!(none_exist("identifier=s|1").await.status, StatusCode::OK);
    none_exist("identifer=s|1").await.refused(400);
    none_exist("_count=1").await.refused(412);
    place.post(PROVINCE, "/fhir/Patient", body).await;
    none_exist("identifier=s|1").await.refused(412);

    let update = |query: &'static str, body: &'static str| {
        let place = &place;
        async move { place.put(PROVINCE, &format!("/fhir/Patient?{query}"), body).await }
    };
    let two = r#"{"resourceType":"Patient","identifier":[{"system":"s","value":"2"}]}"#;
    assert_eq!(update("identifier=s|2", two).await.status, StatusCode::CREATED);
    assert_eq!(update("identifier=s|2", two).await.status, StatusCode::OK);
    update("identifier=s|1", two).await.refused(412);
    let other = r#"{"resourceType":"Patient","id":"other","identifier":[{"system":"s","value":"2"}]}"#;
    update("identifier=s|2", other).await.refused(400);
    let json_patch = [("content-type", "application/json-patch+json")];
    let patch = r#"[{"op":"add","path":"/active","value":true}]"#;
    let patched = place.send(PROVINCE, "PATCH", "/fhir/Patient?identifier=s|2", &json_patch, patch).await;
    assert_eq!((patched.status, patched.json()["active"].as_bool()), (StatusCode::OK, Some(true)));
    place.send(PROVINCE, "PATCH", "/fhir/Patient?identifier=s|9", &json_patch, patch).await.refused(404);
    let one = [("if-match", "W/\"1\"")];
    place.send(PROVINCE, "DELETE", "/fhir/Patient?identifier=s|1", &one, "").await.refused(412);
    assert_eq!(place.all(PROVINCE, "/fhir/Patient?identifier=s|1").await.len(), 2);
    let both = place.send(PROVINCE, "DELETE", "/fhir/Patient?identifier=s|1", &[], "").await;
    assert_eq!(both.status, StatusCode::NO_CONTENT, "several, up to a limit");
    assert!(place.all(PROVINCE, "/fhir/Patient?identifier=s|1").await.is_empty());
    place.send(PROVINCE, "DELETE", "/fhir/Patient?identifer=s|1", &[], "").await.refused(400);
    place.send(PROVINCE, "DELETE", "/fhir/Patient?_count=5", &[], "").await.refused(412);
    let gone = place.send(PROVINCE, "DELETE", "/fhir/Patient?identifier=s|2", &[], "").await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT);
    assert!(place.all(PROVINCE, "/fhir/Patient?identifier=s|2").await.is_empty());
}

#[tokio::test]
async fn what_is_wrong_is_said() {
    let place = Place::new();
    let check = |method: &'static str, path: &'static str, body: &'static str, status: u16| {
        let place = &place;
        async move {
            let answer = place.send(PROVINCE, method, path, &[("content-type", "application/fhir+json")], body).await;
            answer.refused(status);
        }
    };
    check("POST", "/fhir/Patient", "{", 400).await;
    check("POST", "/fhir/Patient", "", 400).await;
    check("POST", "/fhir/Patient", r#"{"resourceType":"Observation"}"#, 400).await;
    check("POST", "/fhir/Patient", r#"{"a":1}"#, 400).await;
    check("POST", "/fhir/Patient", r#"{"resourceType":"Patient","meta":1}"#, 422).await;
    check("PUT", "/fhir/Patient/a", r#"{"resourceType":"Patient","id":"b"}"#, 400).await;
    check("PUT", "/fhir/Patient/a", r#"{"resourceType":"Patient"}"#, 400).await;
    check("PUT", "/fhir/Patient/a_b", r#"{"resourceType":"Patient","id":"a_b"}"#, 400).await;
    check("GET", "/fhir/Patient/none", "", 404).await;
    check("GET", "/fhir/Nothing/none", "", 404).await;
    check("GET", "/fhir/Nothing", "", 404).await;
    check("GET", "/fhir/Patient/a/_history", "", 404).await;
    check("GET", "/fhir/Patient/a/$fly", "", 404).await;
    check("DELETE", "/fhir/_history", "", 405).await;
    check("GET", "/fhir/Patient/%zz", "", 400).await;
    check("POST", "/fhir", r#"{"resourceType":"Patient"}"#, 400).await;
    let turtle = [("content-type", "text/turtle")];
    place.send(PROVINCE, "POST", "/fhir/Patient", &turtle, "x").await.refused(415);
    place.send(PROVINCE, "GET", "/fhir/Patient/none?_format=turtle", &[], "").await.refused(406);
    place.send("", "GET", "/fhir/Patient", &[], "").await.refused(401);
    place.send("wrong", "GET", "/fhir/Patient", &[], "").await.refused(401);
    place.post(READER, "/fhir/Patient", PATIENT).await.refused(403);
    assert_eq!(place.get(READER, "/fhir/Patient").await.status, StatusCode::OK);
}

#[tokio::test]
async fn answers_are_shaped_as_asked() {
    let place = Place::new();
    let json = ("content-type", "application/fhir+json");
    let minimal = place.send(PROVINCE, "PUT", "/fhir/Patient/p", &[json, ("prefer", "return=minimal")], PATIENT).await;
    assert_eq!((minimal.status, minimal.text.as_str()), (StatusCode::CREATED, ""));
    let outcome =
        place.send(PROVINCE, "PUT", "/fhir/Patient/p", &[json, ("prefer", "return=OperationOutcome")], PATIENT).await;
    assert_eq!(outcome.json()["resourceType"], "OperationOutcome");
    let pretty = place.get(PROVINCE, "/fhir/Patient/p?_pretty=true").await;
    assert!(pretty.text.contains("\n  \"id\": \"p\""), "{}", pretty.text);
    let some = place.get(PROVINCE, "/fhir/Patient/p?_elements=extension").await;
    assert!(some.text.contains("SUBSETTED") && some.text.contains("1.00") && !some.text.contains("family"));
    let added = place
        .post(PROVINCE, "/fhir/Patient/p/$meta-add", r#"{"resourceType":"Parameters","parameter":[{"name":"meta","valueMeta":{"tag":[{"system":"s","code":"t"}]}}]}"#)
        .await;
    assert_eq!(added.json()["parameter"][0]["valueMeta"]["tag"][0]["code"], "t", "{added:?}");
    assert_eq!(place.all(PROVINCE, "/fhir/Patient?_tag=s|t").await, ["p"]);
    let meta = place.get(PROVINCE, "/fhir/Patient/p/$meta").await;
    assert_eq!(meta.json()["parameter"][0]["valueMeta"]["versionId"], "3");
}

#[tokio::test]
async fn the_statement_is_open_and_true() {
    let place = Place::new();
    let statement = place.get("", "/fhir/metadata").await;
    assert_eq!(statement.status, StatusCode::OK);
    let json = statement.json();
    assert_eq!(json["fhirVersion"], "4.0.1");
    assert_eq!(json["implementation"]["url"], "http://mach.test/fhir");
    let types = json["rest"][0]["resource"].as_array().unwrap();
    assert!(types.len() > 140, "{}", types.len());
    // Every parameter it names is understood, with a value of its type.
    for of in types {
        let kind = of["type"].as_str().unwrap();
        let mut query = Vec::new();
        for param in of["searchParam"].as_array().unwrap() {
            let name = param["name"].as_str().unwrap();
            let value = match param["type"].as_str().unwrap() {
                "date" => "2026",
                "number" | "quantity" => "1",
                "composite" => continue,
                "special" if name == "near" => "16.46|107.59|10|km",
                "special" => "_id eq x",
                _ => "x",
            };
            query.push(format!("{name}={value}"));
        }
        let path = format!("/fhir/{kind}?{}", query.join("&"));
        let answer = place.send(PROVINCE, "GET", &path, &[("prefer", "handling=strict")], "").await;
        assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.text);
    }
}

#[tokio::test]
async fn histories_are_paged() {
    let place = Place::new();
    for n in 0..7 {
        place.given(PROVINCE, &format!(r#"{{"resourceType":"Patient","id":"p{n}"}}"#)).await;
        place
            .given(PROVINCE, &format!(r#"{{"resourceType":"Group","id":"g{n}","type":"person","actual":true}}"#))
            .await;
    }
    let walk = |path: &'static str| {
        let place = &place;
        async move {
            let mut seen = Vec::new();
            let mut next = Some(path.to_owned());
            while let Some(path) = next {
                let answer = place.get(PROVINCE, &path).await;
                let json = answer.json();
                for e in json["entry"].as_array().unwrap() {
                    seen.push(e["resource"]["id"].as_str().unwrap().to_owned());
                }
                next = answer.link("next");
                // A write between two pages changes none of those that follow.
                place.given(PROVINCE, r#"{"resourceType":"Patient","id":"late"}"#).await;
            }
            seen
        }
    };
    let types = walk("/fhir/Patient/_history?_count=3").await;
    assert_eq!(types, ["p6", "p5", "p4", "p3", "p2", "p1", "p0"]);
    let all = walk("/fhir/_history?_count=4").await;
    let old: Vec<&String> = all.iter().filter(|id| *id != "late").collect();
    assert_eq!(old.len(), 14);
    assert_eq!(place.get(PROVINCE, "/fhir/_history?_since=2999-01-01").await.json()["total"], 0);
    place.get(PROVINCE, "/fhir/_history?_since=yesterday").await.refused(400);
    place.get(PROVINCE, "/fhir/_history?_at=2000-01-01").await.json()["total"]
        .as_i64()
        .map(|t| assert_eq!(t, 0))
        .unwrap();
    let strict = [("prefer", "handling=strict")];
    place.send(PROVINCE, "GET", "/fhir/_history?x=1", &strict, "").await.refused(400);
}

#[tokio::test]
async fn xml_is_read_and_written() {
    let place = Place::new();
    let xml = ("content-type", "application/fhir+xml");
    let body = r#"<Patient xmlns="http://hl7.org/fhir"><id value="p"/><extension url="urn:x"><valueDecimal value="1.00"/></extension><name><family value="Nguyễn"/></name></Patient>"#;
    let made = place.send(PROVINCE, "PUT", "/fhir/Patient/p", &[xml, ("accept", "application/fhir+xml")], body).await;
    assert_eq!(
        (made.status, made.header("content-type")),
        (StatusCode::CREATED, "application/fhir+xml; charset=utf-8")
    );
    assert!(
        made.text.contains(r#"<versionId value="1"/>"#) && made.text.contains(r#"<valueDecimal value="1.00"/>"#),
        "{}",
        made.text
    );
    let json = place.get(PROVINCE, "/fhir/Patient/p").await;
    assert!(json.text.contains(r#""valueDecimal":1.00"#), "{}", json.text);
    let found = place.get(PROVINCE, "/fhir/Patient?family=nguyen&_format=xml").await;
    assert!(found.text.starts_with("<Bundle") || found.text.contains("<Bundle"), "{}", found.text);
    let missing = place.get(PROVINCE, "/fhir/Patient/none?_format=xml").await;
    assert_eq!(missing.status, StatusCode::NOT_FOUND);
    assert!(missing.text.contains("<OperationOutcome"), "{}", missing.text);
    let statement = place.get("", "/fhir/metadata?_format=xml").await;
    assert!(statement.text.contains("<CapabilityStatement"), "{}", &statement.text[..200]);
    for bad in [
        "<Patient",
        "<Nothing xmlns=\"http://hl7.org/fhir\"/>",
        "<Patient xmlns=\"http://hl7.org/fhir\"><nam value=\"x\"/></Patient>",
    ] {
        place.send(PROVINCE, "POST", "/fhir/Patient", &[xml], bad).await.refused(400);
    }
}

#[tokio::test]
async fn labels_in_use_are_told_by_type_and_for_all() {
    let place = Place::new();
    let tagged = |kind: &str, id: &str, meta: &str, rest: &str| {
        format!(r#"{{"resourceType":"{kind}","id":"{id}","meta":{{{meta}}}{rest}}}"#)
    };
    place.given(A, &tagged("Patient", "p", r#""tag":[{"system":"s","code":"a"}],"profile":["http://x/p"]"#, "")).await;
    place.given(A, &tagged("Patient", "q", r#""tag":[{"system":"s","code":"a"},{"code":"b"}]"#, "")).await;
    let security = r#""security":[{"system":"s","code":"z"}]"#;
    place.given(A, &tagged("Basic", "b", security, r#","code":{"text":"x"}"#)).await;
    let told = |who: &'static str, path: &'static str| {
        let place = &place;
        async move {
            let answer = place.get(who, path).await;
            assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
            assert_eq!(answer.json()["parameter"][0]["name"], "return");
            answer.json()["parameter"][0]["valueMeta"].clone()
        }
    };
    let of_patients = told(A, "/fhir/Patient/$meta").await;
    let expect = serde_json::json!({"profile": ["http://x/p"], "tag": [{"system": "s", "code": "a"}, {"code": "b"}]});
    let sorted = |value: &serde_json::Value| {
        let mut tags: Vec<String> = value["tag"].as_array().unwrap().iter().map(ToString::to_string).collect();
        tags.sort();
        tags
    };
    assert_eq!((sorted(&of_patients), &of_patients["profile"]), (sorted(&expect), &expect["profile"]));
    let of_all = told(A, "/fhir/$meta").await;
    assert_eq!((sorted(&of_all).len(), of_all["security"][0]["code"].as_str()), (2, Some("z")));
    // Another facility learns nothing of it; where there is nothing, no element is empty.
    for path in ["/fhir/Patient/$meta", "/fhir/$meta"] {
        let none = told(B, path).await;
        assert!(none["tag"].is_null() && none["extension"][0]["valueCode"] == "not-applicable", "{none}");
    }
    place.get(A, "/fhir/Nope/$meta").await.refused(404);
}

#[tokio::test]
async fn operations_are_asked_by_get_and_post() {
    let place = Place::new();
    place.given(PROVINCE, r#"{"resourceType":"Patient","id":"p"}"#).await;
    for method in ["PUT", "DELETE", "PATCH"] {
        for path in ["/fhir/Patient/p/$everything", "/fhir/Patient/p/$meta", "/fhir/$meta", "/fhir/Patient/p/$nope"] {
            place.send(PROVINCE, method, path, &[], "").await.refused(405);
        }
    }
    let strict = [("prefer", "handling=strict")];
    place.send(PROVINCE, "GET", "/fhir/Patient/p/$everything?nope=1", &strict, "").await.refused(400);
    let given = r#"{"resourceType":"Parameters","parameter":[{"name":"_type","valueCode":"Observation"}]}"#;
    let posted = place.post(PROVINCE, "/fhir/Patient/p/$everything", given).await;
    assert_eq!((posted.status, posted.matches()), (StatusCode::OK, vec![]), "{}", posted.text);
    place.post(PROVINCE, "/fhir/Patient/p/$everything", "{}").await.refused(400);
}
