//! What a search finds: each case is a query and the ids it must give, in order.

use crate::support::{PROVINCE, Place};
use axum::http::StatusCode;

/// A small hospital: three patients, their observations and what hangs on them.
async fn hospital() -> Place {
    let place = Place::new();
    for body in [
        r#"{"resourceType":"Organization","id":"o1","name":"Bệnh viện Huế"}"#,
        r#"{"resourceType":"Organization","id":"o2","name":"Trạm y tế","partOf":{"reference":"Organization/o1"}}"#,
        r#"{"resourceType":"Practitioner","id":"d1","name":[{"family":"Lê","given":["Thị","Hoa"]}]}"#,
        r#"{"resourceType":"Patient","id":"p1","active":true,"identifier":[{"system":"urn:cccd","value":"046001","type":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v2-0203","code":"NI"}]}}],"name":[{"family":"Nguyễn","given":["Đức"]}],"gender":"male","birthDate":"1980-05-17","managingOrganization":{"reference":"Organization/o2"},"generalPractitioner":[{"reference":"Practitioner/d1"}],"telecom":[{"system":"phone","value":"0905"}]}"#,
        r#"{"resourceType":"Patient","id":"p2","active":false,"identifier":[{"system":"urn:bhyt","value":"046001"}],"name":[{"text":"Trần Thị Ánh"}],"gender":"female","birthDate":"1990","managingOrganization":{"reference":"Organization/o1"}}"#,
        r#"{"resourceType":"Patient","id":"p3","name":[{"family":"Đặng","given":["An"]}],"birthDate":"1990-12","text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\">Bệnh nhân <b>đái tháo đường</b></div>"}}"#,
        r#"{"resourceType":"Observation","id":"b1","status":"final","code":{"coding":[{"system":"http://loinc.org","code":"8480-6","display":"Systolic blood pressure"}],"text":"Huyết áp tâm thu"},"subject":{"reference":"Patient/p1"},"effectiveDateTime":"2026-03-18T08:40:00+07:00","valueQuantity":{"value":120.0,"unit":"mmHg","system":"http://unitsofmeasure.org","code":"mm[Hg]"},"performer":[{"reference":"Practitioner/d1"}]}"#,
        r#"{"resourceType":"Observation","id":"b2","status":"final","code":{"coding":[{"system":"http://loinc.org","code":"8480-6"}]},"subject":{"reference":"Patient/p2"},"effectiveDateTime":"2026-03-18","valueQuantity":{"value":145,"unit":"mmHg","system":"http://unitsofmeasure.org","code":"mm[Hg]"}}"#,
        r#"{"resourceType":"Observation","id":"b3","status":"amended","code":{"coding":[{"system":"http://loinc.org","code":"4548-4"}]},"subject":{"reference":"Patient/p1"},"effectivePeriod":{"start":"2026-01-10"},"valueQuantity":{"value":6.40,"unit":"%","system":"http://unitsofmeasure.org","code":"%"}}"#,
        r#"{"resourceType":"Observation","id":"b4","status":"final","code":{"coding":[{"system":"http://loinc.org","code":"85354-9"}]},"subject":{"identifier":{"system":"urn:x","value":"77"}},"component":[{"code":{"coding":[{"system":"http://loinc.org","code":"8480-6"}]},"valueQuantity":{"value":131,"code":"mm[Hg]","system":"http://unitsofmeasure.org"}}]}"#,
        r#"{"resourceType":"Observation","id":"b5","status":"final","code":{"text":"Đường huyết"},"subject":{"reference":"Patient/p3"},"valueQuantity":{"value":5000,"unit":"mg","system":"http://unitsofmeasure.org","code":"mg"},"component":[{"code":{"coding":[{"code":"w"}]},"valueQuantity":{"value":2.50,"system":"http://unitsofmeasure.org","code":"kg"}}]}"#,
        r#"{"resourceType":"Location","id":"hue","position":{"latitude":16.4637,"longitude":107.5909}}"#,
        r#"{"resourceType":"Location","id":"danang","position":{"latitude":16.0544,"longitude":108.2022}}"#,
        r#"{"resourceType":"MolecularSequence","id":"m1","coordinateSystem":0,"referenceSeq":{"chromosome":{"coding":[{"system":"urn:chr","code":"1"}]}},"variant":[{"start":100,"end":200},{"start":900,"end":1000}]}"#,
        r#"{"resourceType":"DocumentReference","id":"r2","status":"current","content":[{"attachment":{"url":"u"}}],"relatesTo":[{"code":"replaces","target":{"reference":"DocumentReference/r0"}}]}"#,
        r#"{"resourceType":"Group","id":"g1","type":"person","actual":true,"characteristic":[{"code":{"coding":[{"code":"sex"}]},"valueCodeableConcept":{"coding":[{"code":"male"}]},"exclude":false},{"code":{"coding":[{"code":"age"}]},"valueCodeableConcept":{"coding":[{"code":"old"}]},"exclude":false}]}"#,
        r#"{"resourceType":"Provenance","id":"v1","target":[{"reference":"Observation/b1"}],"recorded":"2026-03-18T09:00:00Z","agent":[{"who":{"reference":"Practitioner/d1"}}]}"#,
        r#"{"resourceType":"List","id":"l1","status":"current","mode":"working","entry":[{"item":{"reference":"Patient/p1"}},{"item":{"reference":"Patient/p3"}}]}"#,
        r#"{"resourceType":"ValueSet","id":"s1","url":"http://example.org/a/b","status":"active"}"#,
        r#"{"resourceType":"ValueSet","id":"s2","url":"http://example.org/a","status":"active"}"#,
        r#"{"resourceType":"RiskAssessment","id":"r1","status":"final","subject":{"reference":"Patient/p1"},"prediction":[{"probabilityDecimal":0.20}]}"#,
    ] {
        place.given(PROVINCE, body).await;
    }
    place
}

#[tokio::test]
async fn queries_find_what_they_ask() {
    let place = hospital().await;
    let check = |query: &'static str, expect: &'static str| {
        let place = &place;
        async move {
            let got = place.all(PROVINCE, &format!("/fhir/{query}")).await.join(" ");
            assert_eq!(got, expect, "{query}");
        }
    };
    // Tokens.
    check("Patient?identifier=046001", "p1 p2").await;
    check("Patient?identifier=urn:cccd|046001", "p1").await;
    check("Patient?identifier=urn:bhyt|", "p2").await;
    check("Patient?identifier=|046001", "").await;
    check("Patient?identifier:of-type=http://terminology.hl7.org/CodeSystem/v2-0203|NI|046001", "p1").await;
    check("Patient?gender=male,female", "p1 p2").await;
    check("Patient?gender:not=male", "p2 p3").await;
    check("Patient?gender:missing=true", "p3").await;
    check("Patient?gender:missing=false", "p1 p2").await;
    check("Patient?active=true", "p1").await;
    check("Patient?phone=0905", "p1").await;
    check("Observation?code:text=huyet+ap", "b1").await;
    check("Observation?code:text=systolic", "b1").await;
    check("Observation?status:in=http://hl7.org/fhir/ValueSet/observation-status", "b1 b2 b3 b4 b5").await;
    check("Observation?status:not-in=http://hl7.org/fhir/ValueSet/observation-status", "").await;
    // A code is not a component's code.
    check("Observation?code=8480-6", "b1 b2").await;
    check("Observation?component-code=8480-6", "b4").await;
    check("Observation?combo-code=8480-6", "b1 b2 b4").await;
    // Strings, accents aside.
    check("Patient?name=nguyen", "p1").await;
    check("Patient?name=nguyen+duc", "p1").await;
    check("Patient?name=NGUYỄN", "p1").await;
    check("Patient?family=dang", "p3").await;
    check("Patient?family:exact=Đặng", "p3").await;
    check("Patient?family:exact=dang", "").await;
    check("Patient?name:contains=anh", "p2").await;
    check("Patient?name=an,duc", "p1 p3").await;
    check("Patient?name=an&birthdate=1990-12", "p3").await;
    // Dates.
    check("Patient?birthdate=1990", "p2 p3").await;
    check("Patient?birthdate=1990-12", "p3").await;
    check("Patient?birthdate=lt1985-01-01", "p1").await;
    check("Patient?birthdate=ge1990-06", "p2 p3").await;
    check("Patient?birthdate=sa1980-05-17", "p2 p3").await;
    check("Patient?birthdate=eb1990-12", "p1").await;
    check("Patient?birthdate=ne1980-05-17", "p2 p3").await;
    check("Observation?date=2026-03-18", "b1 b2").await;
    check("Observation?date=2026-03-18T01:40:00Z", "b1").await;
    check("Observation?date=gt2026-06-01", "b3").await;
    check("Observation?date=ge2026-03-18&date=lt2026-03-19", "b1 b2 b3").await;
    check("Observation?date=le2026-02", "b3").await;
    check("Observation?date:missing=true", "b4 b5").await;
    // Quantities and numbers.
    check("Observation?value-quantity=120", "b1").await;
    check("Observation?value-quantity=gt130", "b2 b5").await;
    check("Observation?value-quantity=6.4|http://unitsofmeasure.org|%25", "b3").await;
    check("Observation?value-quantity=6.4||%25", "b3").await;
    check("Observation?value-quantity=120||mmHg", "b1").await;
    check("Observation?value-quantity=120||kg", "").await;
    check("Observation?value-quantity=ap140", "b2").await;
    check("RiskAssessment?probability=0.2", "r1").await;
    check("RiskAssessment?probability=lt0.2", "").await;
    check("RiskAssessment?probability=le0.2", "r1").await;
    // Across units: exact, by UCUM.
    check("Observation?value-quantity=5|http://unitsofmeasure.org|g", "b5").await;
    check("Observation?value-quantity=5000|http://unitsofmeasure.org|mg", "b5").await;
    check("Observation?value-quantity=0.0050|http://unitsofmeasure.org|kg", "b5").await;
    check("Observation?value-quantity=gt4.9|http://unitsofmeasure.org|g", "b5").await;
    check("Observation?value-quantity=gt5|http://unitsofmeasure.org|g", "").await;
    check("Observation?value-quantity=ge5|http://unitsofmeasure.org|g", "b5").await;
    check("Observation?value-quantity=5|http://unitsofmeasure.org|L", "").await;
    check("Observation?value-quantity=16.0|http://unitsofmeasure.org|kPa", "b1").await;
    check("Observation?value-quantity=5||g", "").await;
    check("Observation?component-code-value-quantity=w$2500|http://unitsofmeasure.org|g", "b5").await;
    check("Observation?component-code-value-quantity=w$gt2.4|http://unitsofmeasure.org|kg", "b5").await;
    // Places, by the distance along the ground.
    check("Location?near=16.46|107.59", "hue").await;
    check("Location?near=16.46|107.59|81|km", "hue danang").await;
    check("Location?near=16.4637|107.5909|1|m", "hue").await;
    check("Location?near:missing=false", "hue danang").await;
    // Composites.
    check("MolecularSequence?chromosome-variant-coordinate=urn:chr|1$100$200", "m1").await;
    check("MolecularSequence?chromosome-variant-coordinate=1$ge900$le1000", "m1").await;
    check("MolecularSequence?chromosome-variant-coordinate=1$100$1000", "").await;
    check("MolecularSequence?chromosome-variant-coordinate=2$100$200", "").await;
    check("DocumentReference?relationship=DocumentReference/r0$replaces", "r2").await;
    check("DocumentReference?relationship=DocumentReference/r0$signs", "").await;
    check("Group?characteristic-value=sex$male", "g1").await;
    check("Group?characteristic-value=sex$old", "").await;
    check("Observation?code-value-quantity=http://loinc.org|8480-6$gt130", "b2").await;
    check("Observation?code-value-quantity=4548-4$gt130", "").await;
    check("Observation?combo-code-value-quantity=8480-6$131", "b4").await;
    // References, chains, reverse chains.
    check("Observation?subject=Patient/p1", "b1 b3").await;
    check("Observation?subject=p1", "b1 b3").await;
    check("Observation?subject:Patient=p1", "b1 b3").await;
    check("Observation?patient=http://mach.test/fhir/Patient/p1", "b1 b3").await;
    check("Observation?patient=http://elsewhere/Patient/p1", "").await;
    check("Observation?subject:identifier=urn:x|77", "b4").await;
    check("Observation?subject:Patient.name=nguyen", "b1 b3").await;
    check("Observation?patient.name=tran&code=8480-6", "b2").await;
    check("Observation?patient.organization.name=tram", "b1 b3").await;
    check("Observation?patient.organization.partof.name=benh+vien", "b1 b3").await;
    check("Patient?_has:Observation:patient:code=4548-4", "p1").await;
    check("Patient?_has:Observation:patient:_has:Provenance:target:agent=Practitioner/d1", "p1").await;
    check("Organization?_has:Patient:organization:gender=female", "o1").await;
    check("Patient?general-practitioner.name=hoa", "p1").await;
    check("Patient?organization=Organization/o1,Organization/o2", "p1 p2").await;
    // URIs.
    check("ValueSet?url=http://example.org/a", "s2").await;
    check("ValueSet?url:below=http://example.org/a", "s1 s2").await;
    check("ValueSet?url:above=http://example.org/a/b/c", "s1 s2").await;
    // What stands beside the content.
    check("Patient?_id=p1,p3", "p1 p3").await;
    check("Patient?_lastUpdated=gt2020-01-01", "p1 p2 p3").await;
    check("Patient?_lastUpdated=lt2020-01-01", "").await;
    check("Patient?_list=l1", "p1 p3").await;
    check("Patient?_text=dai+thao+duong", "p3").await;
    check("Patient?_content=nguyen", "p1").await;
    check("Patient?_filter=name sw \"nguyen\" or birthdate ge 1990-06", "p1 p2 p3").await;
    check("Patient?_filter=not (gender eq male) and birthdate eq 1990", "p2 p3").await;
    check("Patient?_filter=gender pr false", "p3").await;
    check("Patient?_filter=family ew \"yễn\"", "p1").await;
    // Values are never case sensitive, behind a chain neither; a part of a name is not the name.
    check("Patient?_filter=family eq \"NGUYỄN\"", "p1").await;
    check("Patient?_filter=family eq nguyen", "p1").await;
    check("Patient?_filter=family eq nguye", "").await;
    check("Observation?_filter=patient.family eq NGUYEN", "b1 b3").await;
    check("Observation?_filter=patient.family eq NGUYE", "").await;
    check("Observation?_filter=patient._id eq p1", "b1 b3").await;
    check("Observation?_filter=patient.gender eq male", "b1 b3").await;
    check("Observation?_filter=patient.family ew YEN", "b1 b3").await;
    check("Observation?_filter=date po 2026-02", "b3").await;
    check("Observation?_filter=status ni http://hl7.org/fhir/ValueSet/observation-status", "").await;
    check("Observation?_filter=patient[gender eq male].name co guye", "b1 b3").await;
    check("Observation?_filter=patient[gender eq female].name co guye", "").await;
    check("Observation?_filter=(patient[active eq true].organization[name co tram].partof eq Organization/o1) and code eq 4548-4", "b3").await;
    check("Observation?code:missing=true", "").await;
    check("Observation?subject:missing=true", "").await;
    // Compartments and the whole system.
    check("Patient/p1/Observation", "b1 b3").await;
    check("Patient/p1/Observation?code=4548-4", "b3").await;
    check("Patient/p1/*", "p1 b1 b3 r1").await;
    check("?_type=Organization,Practitioner", "o1 o2 d1").await;
    check("?_id=p1", "p1").await;
    // Order.
    check("Patient?_sort=birthdate", "p1 p2 p3").await;
    check("Patient?_sort=-birthdate", "p3 p2 p1").await;
    check("Patient?_sort=family", "p3 p1 p2").await;
    check("Patient?_sort=gender,-_id", "p2 p1 p3").await;
    check("Patient?_sort=-_lastUpdated", "p3 p2 p1").await;
    check("Observation?_sort=-date", "b1 b2 b3 b4 b5").await;
    check("Observation?_sort=value-quantity", "b3 b1 b2 b5 b4").await;
    check("Observation?_sort=patient,-date", "b1 b3 b2 b5 b4").await;
    for pages in ["_count=1", "_count=2"] {
        for (query, expect) in [
            ("Patient?_sort=-birthdate", "p3 p2 p1"),
            ("Observation?_sort=date", "b3 b2 b1 b4 b5"),
            ("Observation?_sort=status,-date", "b3 b1 b2 b4 b5"),
            ("Patient?_content=a", ""),
        ] {
            let got = place.all(PROVINCE, &format!("/fhir/{query}&{pages}")).await.join(" ");
            assert_eq!(got, expect, "{query} {pages}");
        }
    }
}

#[tokio::test]
async fn bad_queries_are_refused_never_guessed() {
    let place = hospital().await;
    for query in [
        "Patient?birthdate=yesterday",
        "Patient?birthdate=2026-13",
        "Patient?birthdate=",
        "Patient?birthdate:exact=1990",
        "Patient?name:fuzzy=a",
        "Patient?name=---",
        "Patient?gender:contains=m",
        "Patient?gender:missing=perhaps",
        "Patient?identifier=a|b|c",
        "Patient?identifier=|",
        "Patient?identifier:of-type=a|b",
        "Patient?gender:in=http://nowhere/vs",
        "Patient?name=a,,b",
        "Patient?general-practitioner:Nothing=1",
        "Patient?name.given=a",
        "Patient?_has:Observation:code=x",
        "Patient?_has:Observation:encounter:code=x",
        "Patient?_has:Nothing:patient:code=x",
        "Observation?value-quantity=many",
        "Observation?value-quantity=1|a",
        "Observation?code-value-quantity=a",
        "Observation?code-value-quantity=a$b",
        "Observation?subject:Patient.birthdate=x",
        "Observation?subject:Organization.name=x",
        "Patient?_count=many",
        "Patient?_count=-1",
        "Patient?_total=some",
        "Patient?_summary=bits",
        "Patient?_sort=",
        "Patient?_include=Patient",
        "Patient?_include=Nothing:x",
        "Patient?_include=Patient:name",
        "Patient?_include:sometimes=Patient:organization",
        "Patient?_page=abc",
        "Patient?_filter=name",
        "Patient?_filter=name xx a",
        "Patient?_filter=(name eq a",
        "Patient?_contained=true",
        "Patient?_query=x",
        "Patient?_score=x",
        "Patient?_sort=_score",
        "Patient?_filter=name[a eq b].x eq y",
        "Patient?_filter=organization[name eq b] eq y",
        "Patient?_filter=name po 2026",
        "MolecularSequence?chromosome-variant-coordinate=1$2",
        "Patient?name=%ff",
        "Location?near=91|2",
        "?_type=Nothing",
    ] {
        let answer = place.get(PROVINCE, &format!("/fhir/{query}")).await;
        let text = answer.refused(400);
        assert!(!text.is_empty(), "{query}");
    }
    let deep = format!("/fhir/Organization?{}name=x", "partof.".repeat(40));
    place.get(PROVINCE, &deep).await.refused(400);
    let wide = format!("/fhir/Patient?_id={}", vec!["a"; 5_000].join(","));
    place.get(PROVINCE, &wide).await.refused(400);
}

#[tokio::test]
async fn unknown_parameters_are_left_out_or_refused() {
    let place = hospital().await;
    let path = "/fhir/Patient?nmae=x&gender=male&_sort=nothing&_include=Patient:nothing";
    let lenient = place.get(PROVINCE, path).await;
    assert_eq!(lenient.matches(), ["p1"]);
    let own = lenient.link("self").unwrap();
    assert_eq!(own, "/fhir/Patient?gender=male", "what was ignored is absent");
    for path in ["/fhir/Patient?nmae=x", "/fhir/Patient?_sort=nothing", "/fhir/Patient?organization.nothing=x"] {
        place.send(PROVINCE, "GET", path, &[("prefer", "handling=strict")], "").await.refused(400);
    }
}

#[tokio::test]
async fn totals_agree() {
    let place = hospital().await;
    for query in ["Patient", "Patient?gender=male", "Observation?patient=p1", "Patient?_text=dai"] {
        let mark = if query.contains('?') { '&' } else { '?' };
        let all = place.all(PROVINCE, &format!("/fhir/{query}{mark}_count=1&_total=accurate")).await.len();
        let count = place.get(PROVINCE, &format!("/fhir/{query}{mark}_summary=count")).await;
        assert_eq!(count.json()["total"], all, "{query}");
        assert!(count.json()["entry"].is_null(), "{query}");
        let none = place.get(PROVINCE, &format!("/fhir/{query}{mark}_total=none")).await;
        assert!(query.contains("_text") || none.json()["total"].is_null(), "{query}");
    }
}

#[tokio::test]
async fn posted_searches_are_the_same() {
    let place = hospital().await;
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let posted = place.send(PROVINCE, "POST", "/fhir/Patient/_search?gender=male", &form, "name=nguyen").await;
    assert_eq!(posted.matches(), ["p1"]);
    let posted = place.send(PROVINCE, "POST", "/fhir/_search", &form, "_id=p2&_type=Patient").await;
    assert_eq!(posted.matches(), ["p2"]);
    let posted = place.send(PROVINCE, "POST", "/fhir/Patient/p1/Observation/_search", &form, "code=4548-4").await;
    assert_eq!(posted.matches(), ["b3"]);
    let json = [("content-type", "application/json")];
    place.send(PROVINCE, "POST", "/fhir/Patient/_search", &json, "{}").await.refused(415);
}

#[tokio::test]
async fn what_comes_along() {
    let place = hospital().await;
    let check = |query: &'static str, matches: &'static str, included: &'static str| {
        let place = &place;
        async move {
            let answer = place.get(PROVINCE, &format!("/fhir/{query}")).await;
            assert_eq!(answer.status, StatusCode::OK, "{query}: {}", answer.text);
            assert_eq!(answer.matches().join(" "), matches, "{query}");
            let mut along = answer.ids("include");
            along.sort();
            assert_eq!(along.join(" "), included, "{query}");
        }
    };
    check("Observation?code=8480-6&_include=Observation:subject", "b1 b2", "p1 p2").await;
    check("Observation?code=8480-6&_include=Observation:subject:Group", "b1 b2", "").await;
    check("Observation?_id=b1&_include=*", "b1", "d1 p1").await;
    check("Observation?_id=b1&_include=Observation:subject&_include:iterate=Patient:organization&_include:iterate=Organization:partof", "b1", "o1 o2 p1").await;
    check("Observation?_id=b1&_include=Observation:subject&_include=Patient:organization", "b1", "p1").await;
    check("Patient?_id=p1&_revinclude=Observation:patient", "p1", "b1 b3").await;
    check("Patient?_id=p1&_revinclude=Observation:patient&_revinclude:iterate=Provenance:target", "p1", "b1 b3 v1")
        .await;
    check("Observation?_id=b1&_revinclude=*", "b1", "v1").await;
    check("Organization?_id=o1&_revinclude:iterate=Organization:partof", "o1", "o2").await;
    // Pages carry their own.
    let mut seen = Vec::new();
    let mut next = Some("/fhir/Observation?_sort=-date&_count=1&_include=Observation:patient".to_owned());
    while let Some(path) = next {
        let answer = place.get(PROVINCE, &path).await;
        seen.push(format!("{} {}", answer.matches().join(","), answer.ids("include").join(",")));
        next = answer.link("next");
    }
    assert_eq!(seen, ["b1 p1", "b2 p2", "b3 p1", "b4 ", "b5 p3"]);
    let everything = place.get(PROVINCE, "/fhir/Patient/p1/$everything").await;
    let mut ids = everything.matches();
    ids.extend(everything.ids("include"));
    ids.sort();
    assert_eq!(ids.join(" "), "b1 b3 d1 o2 p1 r1");
    place.get(PROVINCE, "/fhir/Patient/none/$everything").await.refused(404);
}

#[tokio::test]
async fn what_was_written_is_found_and_what_was_changed_is_not() {
    let place = hospital().await;
    place.given(PROVINCE, r#"{"resourceType":"Patient","id":"p1","gender":"other","name":[{"family":"Mới"}]}"#).await;
    assert!(place.all(PROVINCE, "/fhir/Patient?gender=male").await.is_empty());
    assert!(place.all(PROVINCE, "/fhir/Observation?patient.name=nguyen").await.is_empty());
    assert_eq!(place.all(PROVINCE, "/fhir/Observation?patient.name=moi").await, ["b1", "b3"]);
    assert_eq!(place.all(PROVINCE, "/fhir/Patient?_has:Observation:patient:code=4548-4").await, ["p1"]);
    place.send(PROVINCE, "DELETE", "/fhir/Patient/p1", &[], "").await;
    assert!(place.all(PROVINCE, "/fhir/Observation?patient.name=moi").await.is_empty());
    let answer = place.get(PROVINCE, "/fhir/Observation?_id=b1&_include=Observation:subject").await;
    assert!(answer.ids("include").is_empty());
}

#[tokio::test]
async fn what_an_import_wrote_is_indexed_before_it_is_counted() {
    use mach_access::{Act, Actor, decide};
    use mach_fhir::ResourceType;
    use mach_store::resources::{Put, pending};
    let place = Place::new();
    let decision = decide(&Actor::console(), Act::SendClaims).unwrap();
    let put = |n: usize| Put {
        kind: ResourceType::OBSERVATION,
        id: format!("c1-{n}"),
        body: format!(r#"{{"resourceType":"Observation","id":"c1-{n}","status":"final","code":{{"text":"x"}}}}"#),
        patient: None,
        date: None,
        facility: None,
        index: Vec::new(),
    };
    let puts: Vec<Put> = (0..1_200).map(put).collect();
    place.store.write(&decision, move |tx| tx.put(&puts)).unwrap();
    let waiting = || pending(&mut place.store.read(&decision).unwrap(), Some(ResourceType::OBSERVATION)).unwrap();
    assert_eq!(waiting(), 1_000, "counted to a thousand");
    assert_eq!(place.all(PROVINCE, "/fhir/Observation?_id=c1-7").await, ["c1-7"], "an id needs no index");
    assert_eq!(waiting(), 1_000);
    for beside in ["_count=2", "_include=Observation:subject", "_elements=status"] {
        for query in [format!("_summary=count&{beside}"), format!("{beside}&_summary=count")] {
            let counted = place.get(PROVINCE, &format!("/fhir/Observation?status=final&{query}")).await.json();
            assert!(counted["entry"].is_null() && counted["total"].is_i64(), "{query}: {counted}");
        }
    }
    let count = place.get(PROVINCE, "/fhir/Observation?status=final&_summary=count").await;
    assert_eq!((count.json()["total"].as_i64(), waiting()), (Some(1_200), 0));
    assert_eq!(mach_fhir_api::reindex(&place.store, false, &mut |_| {}), Ok(0));
    assert_eq!(mach_fhir_api::reindex(&place.store, true, &mut |_| {}), Ok(1_200));
    assert_eq!(place.all(PROVINCE, "/fhir/Observation?status=final&_count=500").await.len(), 1_200);
}

/// A device as an import writes it: without the rows of the index.
fn import(place: &Place, id: &str) {
    use mach_access::{Act, Actor, decide};
    let put = mach_store::resources::Put {
        kind: mach_fhir::ResourceType::parse("Device").unwrap(),
        id: id.to_owned(),
        body: format!(r#"{{"resourceType":"Device","id":"{id}","identifier":[{{"system":"urn:x","value":"1"}}]}}"#),
        patient: None,
        date: None,
        facility: None,
        index: Vec::new(),
    };
    let decision = decide(&Actor::console(), Act::SendClaims).unwrap();
    place.store.write(&decision, move |tx| tx.put(&[put])).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_import_wrote_is_indexed_without_a_question() {
    use mach_access::{Act, Actor, decide};
    let place = Place::new();
    let changed = std::sync::Arc::new(tokio::sync::Notify::new());
    let notify = std::sync::Arc::clone(&changed);
    place.store.on_commit(move || {
        notify.notify_one();
        true
    });
    import(&place, "c1-1");
    let indexing = mach_fhir_api::Interface::new(&place.store).index();
    let decision = decide(&Actor::console(), Act::SendClaims).unwrap();
    let waiting = || mach_store::resources::pending(&mut place.store.read(&decision).unwrap(), None).unwrap();
    while waiting() > 0 {
        changed.notified().await;
    }
    import(&place, "c1-2");
    while waiting() > 0 {
        changed.notified().await;
    }
    indexing.abort();
    assert_eq!(place.all(PROVINCE, "/fhir/Device?identifier=urn:x|1").await, ["c1-1", "c1-2"]);
}

#[tokio::test]
async fn a_condition_sees_what_an_import_wrote() {
    let place = Place::new();
    let device = r#"{"resourceType":"Device","identifier":[{"system":"urn:x","value":"1"}]}"#;
    let import = |id| import(&place, id);
    import("c1-1");
    let none = [("if-none-exist", "identifier=urn:x|1")];
    let first = place.send(PROVINCE, "POST", "/fhir/Device", &none, device).await;
    assert_eq!(first.status, 200, "what is there is given: {}", first.text);
    import("c1-2");
    let entry = serde_json::json!({"resource": serde_json::from_str::<serde_json::Value>(device).unwrap(),
        "request": {"method": "POST", "url": "Device", "ifNoneExist": "identifier=urn:x|1"}});
    let bundle = serde_json::json!({"resourceType": "Bundle", "type": "transaction", "entry": [entry]}).to_string();
    assert_eq!(place.post(PROVINCE, "/fhir", &bundle).await.status, 412, "and twice is too often");
}

#[tokio::test]
async fn a_period_that_began_before_1970_and_is_open_is_stored_and_found() {
    let place = Place::new();
    let body = r#"{"resourceType":"Procedure","id":"p","status":"in-progress","subject":{"display":"x"},"performedPeriod":{"start":"1931-05-01"}}"#;
    let answer = place.put(PROVINCE, "/fhir/Procedure/p", body).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
    for (date, found) in
        [("gt2024-01-01", true), ("lt1931-05-02", true), ("lt1931-05-01", false), ("eq1931-05-01", false)]
    {
        let ids = place.all(PROVINCE, &format!("/fhir/Procedure?date={date}")).await;
        assert_eq!(ids == ["p"], found, "{date}: {ids:?}");
    }
}
