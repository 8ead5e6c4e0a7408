//! Search parameters that others define: found by, told, kept apart, ended, refused with the reason.

use crate::support::{A, B, PROVINCE, Place};
use axum::http::StatusCode;

fn parameter(id: &str, code: &str, kind: &str, base: &str, expression: &str) -> String {
    format!(
        r#"{{"resourceType":"SearchParameter","id":"{id}","url":"http://x.example/{id}","name":"X","status":"active","description":"x","code":"{code}","base":["{base}"],"type":"{kind}","expression":"{expression}"}}"#
    )
}

fn patient(id: &str, rest: &str) -> String {
    format!(r#"{{"resourceType":"Patient","id":"{id}","active":true{rest}}}"#)
}

fn nation(code: &str) -> String {
    format!(
        r#","extension":[{{"url":"http://x.example/nation","valueCodeableConcept":{{"coding":[{{"system":"http://x.example/nations","code":"{code}"}}]}}}}]"#
    )
}

const NATION: &str = "Patient.extension('http://x.example/nation').value";

#[tokio::test]
async fn what_was_stored_before_and_after_is_found() {
    let place = Place::new();
    place.given(PROVINCE, &patient("old", &nation("01"))).await;
    place.given(PROVINCE, &patient("other", &nation("02"))).await;
    let unknown = place.send(PROVINCE, "GET", "/fhir/Patient?nation=01", &[("prefer", "handling=strict")], "").await;
    unknown.refused(400);
    place.given(PROVINCE, &parameter("nation", "nation", "token", "Patient", NATION)).await;
    let find = |query: &'static str| {
        let place = &place;
        async move { place.all(PROVINCE, &format!("/fhir/{query}")).await.join(" ") }
    };
    assert_eq!(find("Patient?nation=01").await, "old");
    place.given(PROVINCE, &patient("new", &nation("01"))).await;
    assert_eq!(find("Patient?nation=http://x.example/nations|01").await, "old new");
    assert_eq!(find("Patient?nation:not=01").await, "other");
    assert_eq!(find("Patient?_sort=-nation").await, "other old new");
    assert_eq!(find("Patient?nation:missing=true").await, "");
    place.given(PROVINCE, &patient("none", "")).await;
    assert_eq!(find("Patient?nation:missing=true").await, "none");
    assert_eq!(find("Patient?active=true&nation=01,02").await, "old other new");
    place.given(PROVINCE, r#"{"resourceType":"Observation","id":"o","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/new"}}"#).await;
    assert_eq!(find("Observation?subject:Patient.nation=01").await, "o");
    // The name stands in `self`; what a version says counts, not what it said.
    let page = place.get(PROVINCE, "/fhir/Patient?nation=01").await;
    assert!(page.link("self").unwrap().contains("nation=01"));
    place.given(PROVINCE, &patient("old", &nation("02"))).await;
    assert_eq!(find("Patient?nation=01").await, "new");
    place.send(PROVINCE, "DELETE", "/fhir/Patient/new", &[], "").await;
    assert_eq!(find("Patient?nation=01").await, "");
    // A condition of a write asks by it, too.
    let body = patient("x", &nation("03")).replace(r#""id":"x","#, "");
    for status in [StatusCode::CREATED, StatusCode::OK] {
        let headers = [("content-type", "application/fhir+json"), ("if-none-exist", "nation=03")];
        assert_eq!(place.send(PROVINCE, "POST", "/fhir/Patient", &headers, &body).await.status, status);
    }
    let batch = r#"{"resourceType":"Bundle","type":"transaction","entry":[{"request":{"method":"GET","url":"Patient?nation=03"}},{"request":{"method":"POST","url":"Patient","ifNoneExist":"nation=03"},"resource":{"resourceType":"Patient"}}]}"#;
    let answer = place.post(PROVINCE, "/fhir", batch).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    assert_eq!(answer.json()["entry"][0]["resource"]["total"], 1, "{}", answer.text);
    assert!(answer.json()["entry"][1]["response"]["status"].as_str().unwrap().starts_with("200"));
}

#[tokio::test]
async fn each_type_of_parameter_finds() {
    let place = Place::new();
    place.given(PROVINCE, r#"{"resourceType":"Encounter","id":"e","status":"finished","class":{"code":"AMB"},"length":{"value":90,"unit":"min","system":"http://unitsofmeasure.org","code":"min"},"statusHistory":[{"status":"arrived","period":{"start":"2024-05-01","end":"2024-05-02"}}],"diagnosis":[{"condition":{"reference":"Condition/c"},"rank":3}],"hospitalization":{"destination":{"reference":"Location/l"},"specialCourtesy":[{"text":"Ưu tiên"}]},"implicitRules":"http://x.example/rules"}"#).await;
    for (id, code, kind, expression, hit, miss) in [
        ("n", "rank", "number", "Encounter.diagnosis.rank", "3", "4"),
        ("d", "arrived", "date", "Encounter.statusHistory.where(status='arrived').period", "2024-05", "2023"),
        ("s", "courtesy", "string", "Encounter.hospitalization.specialCourtesy.text", "uu tien", "vip"),
        (
            "q",
            "lasts",
            "quantity",
            "Encounter.length",
            "90|http://unitsofmeasure.org|min",
            "gt3|http://unitsofmeasure.org|h",
        ),
        ("r", "destination", "reference", "Encounter.hospitalization.destination", "Location/l", "Location/m"),
        ("u", "rules", "uri", "Encounter.implicitRules", "http://x.example/rules", "http://x.example"),
    ] {
        place.given(PROVINCE, &parameter(id, code, kind, "Encounter", expression)).await;
        assert_eq!(place.all(PROVINCE, &format!("/fhir/Encounter?{code}={hit}")).await, ["e"], "{code}");
        assert!(place.all(PROVINCE, &format!("/fhir/Encounter?{code}={miss}")).await.is_empty(), "{code}");
    }
    let along = place.get(PROVINCE, "/fhir/Encounter?_include=Encounter:destination").await;
    assert_eq!(along.status, StatusCode::OK);
    place.given(PROVINCE, r#"{"resourceType":"Location","id":"l","name":"Huế"}"#).await;
    let along = place.get(PROVINCE, "/fhir/Encounter?_include=Encounter:destination").await;
    assert_eq!(along.ids("include"), ["l"]);
    assert_eq!(place.all(PROVINCE, "/fhir/Encounter?destination.name=hue").await, ["e"]);
    // With everything that is referred to, too, and with what refers to it.
    for path in ["Encounter?_include=*", "Encounter?_include=Encounter:*", "Encounter/e/$everything"] {
        assert!(place.get(PROVINCE, &format!("/fhir/{path}")).await.ids("include").contains(&"l".to_owned()), "{path}");
    }
    for path in ["Location?_revinclude=*", "Location?_revinclude=Encounter:*"] {
        assert_eq!(place.get(PROVINCE, &format!("/fhir/{path}")).await.ids("include"), ["e"], "{path}");
    }
    // Of all types at once.
    place.given(PROVINCE, &parameter("all", "rulesOf", "uri", "Resource", "Resource.implicitRules")).await;
    assert_eq!(place.all(PROVINCE, "/fhir/Encounter?rulesOf=http://x.example/rules").await, ["e"]);
    assert!(place.all(PROVINCE, "/fhir/Location?rulesOf=http://x.example/rules").await.is_empty());
}

#[tokio::test]
async fn a_facilitys_parameter_is_its_own() {
    let place = Place::new();
    place.given(A, &patient("a", &nation("01"))).await;
    place.given(B, &patient("b", &nation("01"))).await;
    place.given(A, &parameter("nation", "nation", "token", "Patient", NATION)).await;
    assert_eq!(place.all(A, "/fhir/Patient?nation=01").await, ["a"]);
    let strict = [("prefer", "handling=strict")];
    for other in [B, PROVINCE] {
        place.send(other, "GET", "/fhir/Patient?nation=01", &strict, "").await.refused(400);
        assert!(!place.get(other, "/fhir/metadata").await.text.contains("http://x.example/nation"));
    }
    assert!(place.get(A, "/fhir/metadata").await.text.contains("http://x.example/nation"));
    assert!(!place.get("", "/fhir/metadata").await.text.contains("http://x.example/nation"));
    // The same code may mean something else elsewhere; the province's is everybody's.
    place.given(B, &parameter("nation", "nation", "token", "Patient", "Patient.active")).await;
    assert_eq!(place.all(B, "/fhir/Patient?nation=true").await, ["b"]);
    assert!(place.all(A, "/fhir/Patient?nation=true").await.is_empty());
    place.given(PROVINCE, &parameter("lives", "lives", "token", "Patient", "Patient.active")).await;
    for (who, id) in [(A, "a"), (B, "b")] {
        assert_eq!(place.all(who, "/fhir/Patient?lives=true").await, [id]);
    }
}

#[tokio::test]
async fn one_that_changes_or_ends_stops() {
    let place = Place::new();
    place.given(PROVINCE, &patient("a", r#","gender":"female""#)).await;
    let strict = [("prefer", "handling=strict")];
    place.given(PROVINCE, &parameter("x", "x", "token", "Patient", "Patient.gender")).await;
    assert_eq!(place.all(PROVINCE, "/fhir/Patient?x=female").await, ["a"]);
    // Changed: what it finds now, not what it found.
    place.given(PROVINCE, &parameter("x", "x", "token", "Patient", "Patient.active")).await;
    assert!(place.all(PROVINCE, "/fhir/Patient?x=female").await.is_empty());
    assert_eq!(place.all(PROVINCE, "/fhir/Patient?x=true").await, ["a"]);
    // Another code for the same, and back.
    place.given(PROVINCE, &parameter("x", "y", "token", "Patient", "Patient.active")).await;
    place.send(PROVINCE, "GET", "/fhir/Patient?x=true", &strict, "").await.refused(400);
    assert_eq!(place.all(PROVINCE, "/fhir/Patient?y=true").await, ["a"]);
    place.given(PROVINCE, &patient("b", "")).await;
    place.given(PROVINCE, &parameter("x", "x", "token", "Patient", "Patient.active")).await;
    assert_eq!(place.all(PROVINCE, "/fhir/Patient?x=true").await, ["a", "b"]);
    // Retired, deleted.
    let retired = parameter("x", "x", "token", "Patient", "Patient.active").replace("\"active\"", "\"retired\"");
    place.given(PROVINCE, &retired).await;
    place.send(PROVINCE, "GET", "/fhir/Patient?x=true", &strict, "").await.refused(400);
    place.given(PROVINCE, &parameter("x", "x", "token", "Patient", "Patient.active")).await;
    assert_eq!(place.all(PROVINCE, "/fhir/Patient?x=true").await, ["a", "b"]);
    assert_eq!(place.send(PROVINCE, "DELETE", "/fhir/SearchParameter/x", &[], "").await.status, StatusCode::NO_CONTENT);
    place.send(PROVINCE, "GET", "/fhir/Patient?x=true", &strict, "").await.refused(400);
    // They are kept over a restart.
    place.given(PROVINCE, &parameter("x", "x", "token", "Patient", "Patient.active")).await;
    let place = place.again();
    assert_eq!(place.all(PROVINCE, "/fhir/Patient?x=true").await, ["a", "b"]);
}

#[tokio::test]
async fn what_cannot_be_searched_by_says_why() {
    let place = Place::new();
    let right = parameter("x", "x", "token", "Patient", "Patient.gender");
    for (from, to, about) in [
        (r#""type":"token""#, r#""type":"composite""#, "composites"),
        (r#""type":"token""#, r#""type":"special""#, "no expression"),
        (r#","expression":"Patient.gender""#, "", "no expression"),
        (r#""expression":"Patient.gender""#, r#""expression":"Patient.gender.""#, "no FHIRPath"),
        (r#""expression":"Patient.gender""#, r#""expression":"Observation.code""#, "finds nothing"),
        (r#""base":["Patient"]"#, r#""base":["Quantity"]"#, "no resource type"),
        (r#","base":["Patient"]"#, "", "names no type"),
        (r#""code":"x""#, r#""code":"gender""#, "by R4"),
        (r#""code":"x""#, r#""code":"_x""#, "letters"),
        (r#""code":"x""#, r#""code":"x:y""#, "letters"),
        (r#""type":"token""#, r#""type":"token","target":["Nobody"]"#, "Nobody"),
    ] {
        let body = right.replace(from, to);
        assert_ne!(body, right);
        let why = place.put(PROVINCE, "/fhir/SearchParameter/x", &body).await.refused(422);
        assert!(why.contains(about), "{body}: {why}");
        // What is no more than a draft may be anything.
        place.given(PROVINCE, &body.replace("\"active\"", "\"draft\"").replace(r#"["Nobody"]"#, r#"["Group"]"#)).await;
    }
    place.given(PROVINCE, &right).await;
    let other = right.replace(r#""id":"x""#, r#""id":"y""#);
    let why = place.put(PROVINCE, "/fhir/SearchParameter/y", &other).await.refused(422);
    assert!(why.contains("SearchParameter/x"), "{why}");
    // R4's own may be stored as they are.
    let own = right
        .replace("http://x.example/x", "http://hl7.org/fhir/SearchParameter/individual-gender")
        .replace(r#""code":"x""#, r#""code":"gender""#);
    place.given(PROVINCE, &own.replace(r#""id":"x""#, r#""id":"z""#)).await;
}

#[tokio::test]
async fn there_is_a_limit() {
    let place = Place::new();
    let of = |n: usize| parameter(&format!("p{n}"), &format!("p{n}"), "token", "Patient", "Patient.gender");
    for n in 0..mach_base::limits::FHIR_CUSTOM_PARAMS {
        place.given(A, &of(n)).await;
    }
    let why = place.put(A, "/fhir/SearchParameter/p99", &of(99)).await.refused(422);
    assert!(why.contains("at most"), "{why}");
    place.given(B, &of(99)).await;
    // They stay in memory: one says no more than it should. Its URL, its type and its expression count.
    let long = |n: usize| {
        let own = "http://x.example/p0".len() + "Patient".len();
        of(0).replace("Patient.gender", &format!("Patient.gender{}", " ".repeat(n - own - "Patient.gender".len())))
    };
    place.given(A, &long(mach_base::limits::FHIR_CUSTOM_CHARS)).await;
    let why =
        place.put(A, "/fhir/SearchParameter/p0", &long(mach_base::limits::FHIR_CUSTOM_CHARS + 1)).await.refused(422);
    assert!(why.contains("characters"), "{why}");
    // One that is there already may change.
    place.given(A, &of(0).replace("Patient.gender", "Patient.active")).await;
}

#[tokio::test]
async fn an_expression_without_an_answer_finds_nothing_and_stops_nobody() {
    let place = Place::new();
    place.given(PROVINCE, &patient("a", r#","name":[{"given":["x","y"]}]"#)).await;
    // `single()` of two is an error.
    place.given(PROVINCE, &parameter("x", "x", "string", "Patient", "Patient.name.given.single()")).await;
    place.given(PROVINCE, &patient("b", r#","name":[{"given":["x"]}]"#)).await;
    assert_eq!(place.all(PROVINCE, "/fhir/Patient?x=x").await, ["b"]);
    // One that takes long is cut.
    let long =
        "Patient.descendants().select(%resource.descendants().select(%resource.descendants().count())).toString()";
    place.given(PROVINCE, &parameter("y", "y", "string", "Patient", long)).await;
    assert_eq!(place.get(PROVINCE, "/fhir/Patient?y=1").await.status, StatusCode::OK);
}
