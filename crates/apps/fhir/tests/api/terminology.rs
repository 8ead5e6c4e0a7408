//! Terminology: operations in both formats and both ways of asking, value sets and hierarchies in searches, who sees whose
//! definitions, identifiers under every spelling.

use crate::support::{A, Answer, B, PROVINCE, Place, READER};
use axum::http::StatusCode;
use serde_json::{Value, json};

const GENDER: &str = "http://hl7.org/fhir/ValueSet/administrative-gender";
const ICD10: &str = "http://hl7.org/fhir/sid/icd-10";

const ANIMALS: &str = r#"{"resourceType":"CodeSystem","id":"animals","url":"urn:animals","version":"2","status":"active",
  "content":"complete","valueSet":"urn:animals:all","property":[{"code":"legs","type":"integer"}],"concept":[
  {"code":"animal","display":"Animal","property":[{"code":"notSelectable","valueBoolean":true}],"concept":[
    {"code":"bird","display":"Bird","definition":"It flies","designation":[{"language":"vi","value":"Chim"}],
      "property":[{"code":"legs","valueInteger":2}],"concept":[{"code":"duck","display":"Duck"}]},
    {"code":"dog","display":"Dog"},{"code":"dodo","display":"Dodo","property":[{"code":"inactive","valueBoolean":true}]}]}]}"#;
const PETS: &str = r#"{"resourceType":"ValueSet","id":"pets","url":"urn:pets","status":"active","compose":{"include":[
  {"system":"urn:animals","filter":[{"property":"concept","op":"is-a","value":"bird"}]},{"system":"urn:animals","concept":[{"code":"dog"}]}]}}"#;
const MAP: &str = r#"{"resourceType":"ConceptMap","id":"map","url":"urn:map","status":"active","sourceUri":"urn:animals:all","group":[
  {"source":"urn:animals","target":"urn:zoo","element":[{"code":"duck","target":[{"code":"d1","display":"Vịt","equivalence":"wider",
   "product":[{"property":"urn:size","system":"urn:sizes","value":"small"}]}]}]}]}"#;

async fn zoo() -> Place {
    let place = Place::new();
    for body in [ANIMALS, PETS, MAP] {
        place.given(PROVINCE, body).await;
    }
    place
}

fn codes(answer: &Answer) -> String {
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    let json = answer.json();
    let list = json["expansion"]["contains"].as_array().cloned().unwrap_or_default();
    list.iter().map(|c| c["code"].as_str().unwrap().to_owned()).collect::<Vec<_>>().join(" ")
}

/// The value of an out parameter.
fn out(answer: &Answer, name: &str) -> Value {
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    let json = answer.json();
    let found = json["parameter"].as_array().unwrap().iter().find(|p| p["name"] == name).cloned().unwrap_or_default();
    let value = found.as_object().and_then(|o| o.iter().find(|(n, _)| n.starts_with("value"))).map(|(_, v)| v.clone());
    value.unwrap_or_default()
}

#[tokio::test]
async fn value_sets_expand() {
    let place = zoo().await;
    let get = |query: &'static str| place.get(READER, query);
    let gender = get("/fhir/ValueSet/$expand?url=http://hl7.org/fhir/ValueSet/administrative-gender").await;
    assert_eq!(codes(&gender), "male female other unknown");
    let json = gender.json();
    assert_eq!(json["expansion"]["total"], 4);
    assert!(json["expansion"]["identifier"].as_str().unwrap().starts_with("urn:uuid:"));
    assert!(json["expansion"]["timestamp"].is_string() && json["status"] == "active");
    assert_eq!(json["expansion"]["contains"][0]["display"], "Male");
    // The same by instance, by POST, inline, and as XML.
    assert_eq!(codes(&get("/fhir/ValueSet/$expand?url=urn:pets").await), "bird duck dog");
    assert_eq!(codes(&get("/fhir/ValueSet/pets/$expand").await), "bird duck dog");
    let named = r#"{"resourceType":"Parameters","parameter":[{"name":"url","valueUri":"urn:pets"},{"name":"filter","valueString":"d"}]}"#;
    assert_eq!(codes(&place.post(READER, "/fhir/ValueSet/$expand", named).await), "duck dog");
    let inline = format!(r#"{{"resourceType":"Parameters","parameter":[{{"name":"valueSet","resource":{PETS}}}]}}"#);
    assert_eq!(codes(&place.post(READER, "/fhir/ValueSet/$expand", &inline).await), "bird duck dog");
    assert_eq!(codes(&place.post(READER, "/fhir/ValueSet/$expand", PETS).await), "bird duck dog");
    let xml = r#"<Parameters xmlns="http://hl7.org/fhir"><parameter><name value="url"/><valueUri value="urn:pets"/></parameter></Parameters>"#;
    let headers = [("content-type", "application/fhir+xml"), ("accept", "application/fhir+xml")];
    let answer = place.send(READER, "POST", "/fhir/ValueSet/$expand", &headers, xml).await;
    assert!(answer.text.contains("<code value=\"duck\"/>"), "{}", answer.text);
    // Pages, words, use, languages.
    assert_eq!(codes(&get("/fhir/ValueSet/$expand?url=urn:animals:all").await), "animal bird duck dog dodo");
    let page = get("/fhir/ValueSet/$expand?url=urn:animals:all&count=2&offset=1").await;
    assert_eq!((codes(&page).as_str(), &page.json()["expansion"]["total"]), ("bird duck", &json!(5)));
    assert_eq!(page.json()["expansion"]["offset"], 1);
    assert_eq!(codes(&get("/fhir/ValueSet/$expand?url=urn:animals:all&count=0").await), "");
    assert_eq!(codes(&get("/fhir/ValueSet/$expand?url=urn:animals:all&activeOnly=true").await), "animal bird duck dog");
    assert_eq!(codes(&get("/fhir/ValueSet/$expand?url=urn:animals:all&filter=CHIM").await), "bird");
    let vi = get("/fhir/ValueSet/$expand?url=urn:pets&displayLanguage=vi&includeDesignations=true").await.json();
    assert_eq!(vi["expansion"]["contains"][0]["display"], "Chim");
    assert_eq!(vi["expansion"]["contains"][0]["designation"][0]["language"], "vi");
    assert_eq!(vi["expansion"]["contains"][1]["display"], "Duck", "no word in Vietnamese is known");
    let nested = get("/fhir/ValueSet/$expand?url=urn:animals:all&excludeNested=false").await.json();
    let top = &nested["expansion"]["contains"][0];
    assert_eq!(
        (&top["code"], &top["abstract"], &top["contains"][0]["contains"][0]["code"]),
        (&json!("animal"), &json!(true), &json!("duck"))
    );
    assert_eq!(top["contains"][2]["inactive"], true);
    // ICD-10 in Vietnamese, found without accents.
    let plague = get("/fhir/ValueSet/$expand?url=http://hl7.org/fhir/sid/icd-10/vs&filter=dich+hach&count=50").await;
    assert!(codes(&plague).contains("A20"), "{}", plague.text);
    let english =
        get("/fhir/ValueSet/$expand?url=http://hl7.org/fhir/sid/icd-10/vs&filter=A00&displayLanguage=en&count=1&excludeNotForUI=true").await;
    assert_eq!(english.json()["expansion"]["contains"][0]["display"], "Cholera");
}

#[tokio::test]
async fn what_cannot_be_expanded_says_why() {
    let place = zoo().await;
    let loop_a = r#"{"resourceType":"ValueSet","id":"la","url":"urn:la","status":"active","compose":{"include":[{"valueSet":["urn:lb"]}]}}"#;
    let loop_b = r#"{"resourceType":"ValueSet","id":"lb","url":"urn:lb","status":"active","compose":{"include":[{"valueSet":["urn:la"]}]}}"#;
    let circle = r#"{"resourceType":"CodeSystem","id":"c","url":"urn:c","status":"active","content":"complete","concept":[{"code":"a","property":[{"code":"parent","valueCode":"a"}]}]}"#;
    for body in [loop_a, loop_b, circle] {
        place.given(PROVINCE, body).await;
    }
    let check = |query: &'static str, status: u16, code: &'static str| {
        let place = &place;
        async move {
            let answer = place.get(READER, &format!("/fhir/{query}")).await;
            assert_eq!(answer.status.as_u16(), status, "{query}: {}", answer.text);
            assert_eq!(answer.json()["issue"][0]["code"], code, "{query}");
        }
    };
    check("ValueSet/$expand?url=urn:nothing", 404, "not-found").await;
    check("ValueSet/nothing/$expand", 404, "not-found").await;
    check("ValueSet/$expand", 400, "required").await;
    check("ValueSet/$expand?url=urn:pets&count=x", 400, "invalid").await;
    check("ValueSet/$expand?url=urn:pets&count=-1", 400, "invalid").await;
    check("ValueSet/$expand?url=urn:pets&date=soon", 400, "invalid").await;
    check("ValueSet/$expand?url=urn:pets&activeOnly=perhaps", 400, "invalid").await;
    check("ValueSet/$expand?url=urn:pets&exclude-system=urn:animals", 400, "not-supported").await;
    check("ValueSet/$expand?url=http://hl7.org/fhir/ValueSet/ucum-units", 400, "too-costly").await;
    check("ValueSet/$expand?url=http://hl7.org/fhir/ValueSet/observation-codes", 404, "not-found").await;
    check("ValueSet/$expand?url=urn:la", 422, "invalid").await;
    check("CodeSystem/$validate-code?url=urn:c&code=a", 422, "invalid").await;
    check("ValueSet/$validate-code?url=urn:nothing&code=a", 404, "not-found").await;
    check("ValueSet/$validate-code?url=urn:pets", 400, "required").await;
    check(
        "ValueSet/$validate-code?url=http://hl7.org/fhir/ValueSet/observation-codes&system=http://loinc.org&code=1",
        404,
        "not-found",
    )
    .await;
    check("CodeSystem/$validate-code?url=urn:nothing&code=a", 404, "not-found").await;
    check("CodeSystem/$validate-code?code=a", 400, "required").await;
    check("CodeSystem/$validate-code?url=http://snomed.info/sct&code=1", 404, "not-found").await;
    check("CodeSystem/$lookup?system=urn:nothing&code=a", 404, "not-found").await;
    check("CodeSystem/$lookup?system=urn:animals&code=cat", 404, "not-found").await;
    check("CodeSystem/$lookup?code=cat", 400, "required").await;
    check("CodeSystem/$lookup", 400, "required").await;
    check("CodeSystem/$subsumes?system=urn:animals&codeA=dog&codeB=cat", 404, "not-found").await;
    check("CodeSystem/$subsumes?system=urn:animals&codeA=dog", 400, "required").await;
    check("CodeSystem/$subsumes?codeA=dog&codeB=cat", 400, "required").await;
    check("ConceptMap/$translate?url=urn:nothing&system=urn:animals&code=duck", 404, "not-found").await;
    check("ConceptMap/$translate?url=urn:map", 400, "required").await;
    check("ConceptMap/$expand?url=urn:map", 404, "not-supported").await;
    place.send(READER, "DELETE", "/fhir/ValueSet/$expand", &[], "").await.refused(405);
    let strict = [("prefer", "handling=strict")];
    place.send(READER, "GET", "/fhir/ValueSet/$expand?url=urn:pets&nonsense=1", &strict, "").await.refused(400);
    place.get("", "/fhir/ValueSet/$expand?url=urn:pets").await.refused(401);
}

#[tokio::test]
async fn codes_are_validated() {
    let place = zoo().await;
    let check = |query: String, expect: bool, word: &'static str| {
        let place = &place;
        async move {
            let answer = place.get(READER, &format!("/fhir/{query}")).await;
            assert_eq!(out(&answer, "result"), expect, "{query}: {}", answer.text);
            assert!(out(&answer, "message").as_str().unwrap_or_default().contains(word), "{query}: {}", answer.text);
        }
    };
    let set = |rest: &str| format!("ValueSet/$validate-code?{rest}");
    let system = |rest: &str| format!("CodeSystem/$validate-code?{rest}");
    check(set(&format!("url={GENDER}&code=male&system=http://hl7.org/fhir/administrative-gender")), true, "").await;
    check(set(&format!("url={GENDER}&code=male")), true, "").await;
    check(set(&format!("url={GENDER}&code=man&system=http://hl7.org/fhir/administrative-gender")), false, "no code of")
        .await;
    check(set(&format!("url={GENDER}&code=male&system=urn:other")), false, "not in value set").await;
    check(set(&format!("url={GENDER}&code=male&display=Female")), false, "Male").await;
    check(set(&format!("url={GENDER}&code=male&display=MALE")), true, "").await;
    check("ValueSet/pets/$validate-code?system=urn:animals&code=duck".to_owned(), true, "").await;
    check(set("url=urn:pets&system=urn:animals&code=animal"), false, "not in value set").await;
    check(set("url=urn:animals:all&system=urn:animals&code=animal&abstract=false"), false, "groups").await;
    check(set("url=urn:animals:all&system=urn:animals&code=dodo"), true, "no longer in use").await;
    check(set("url=http://hl7.org/fhir/ValueSet/ucum-units&system=http://unitsofmeasure.org&code=mg/dL"), true, "")
        .await;
    check(set("url=http://hl7.org/fhir/ValueSet/ucum-units&system=http://unitsofmeasure.org&code=mgg"), false, "")
        .await;
    check(set("url=urn:pets&coding=urn:animals|dog"), true, "").await;
    check(system("url=urn:animals&code=dog"), true, "").await;
    check(system("url=urn:animals&version=2&code=dog"), true, "").await;
    check(system("url=urn:animals&code=cat"), false, "no code of").await;
    check(system("url=urn:animals&code=bird&display=Chim"), true, "").await;
    check("CodeSystem/animals/$validate-code?code=duck".to_owned(), true, "").await;
    check(system(&format!("url={ICD10}&code=A00.1")), true, "").await;
    check(system("url=urn:ietf:bcp:47&code=vi-VN"), true, "").await;
    check(system("url=urn:mach:codes:MA_CSKCB&code=46001"), true, "").await;
    check(system("url=urn:mach:codes:MA_CSKCB&code=46001&date=1990-01-01"), false, "may be used from").await;
    let many = r#"{"resourceType":"Parameters","parameter":[{"name":"url","valueUri":"urn:pets"},{"name":"codeableConcept","valueCodeableConcept":{"coding":[{"system":"urn:x","code":"1"},{"system":"urn:animals","code":"duck"}]}}]}"#;
    let answer = place.post(READER, "/fhir/ValueSet/$validate-code", many).await;
    assert_eq!((out(&answer, "result"), out(&answer, "display")), (json!(true), json!("Duck")));
    let vi = place.get(READER, "/fhir/CodeSystem/$validate-code?url=urn:animals&code=bird&displayLanguage=vi").await;
    assert_eq!(out(&vi, "display"), "Chim");
}

#[tokio::test]
async fn codes_are_looked_up_compared_and_translated() {
    let place = zoo().await;
    let get = |query: &'static str| place.get(READER, query);
    let bird = get("/fhir/CodeSystem/$lookup?system=urn:animals&code=bird").await;
    assert_eq!((out(&bird, "display"), out(&bird, "version")), (json!("Bird"), json!("2")));
    for part in [
        r#""valueString":"It flies""#,
        r#""valueCode":"duck""#,
        r#""valueCode":"animal""#,
        r#""valueInteger":2"#,
        "Chim",
    ] {
        assert!(bird.text.contains(part), "{part}: {}", bird.text);
    }
    let some = get("/fhir/CodeSystem/$lookup?system=urn:animals&code=bird&property=parent&displayLanguage=vi").await;
    assert_eq!(out(&some, "display"), "Chim");
    assert!(some.text.contains("animal") && !some.text.contains("duck") && !some.text.contains("designation"));
    let coding = r#"{"resourceType":"Parameters","parameter":[{"name":"coding","valueCoding":{"system":"http://hl7.org/fhir/sid/icd-10","code":"E11.9"}}]}"#;
    let diabetes = place.post(READER, "/fhir/CodeSystem/$lookup", coding).await;
    assert!(diabetes.text.contains("Đái tháo đường") || diabetes.text.contains("đái tháo đường"), "{}", diabetes.text);
    for (a, b, expect) in [
        ("animal", "duck", "subsumes"),
        ("duck", "animal", "subsumed-by"),
        ("dog", "dog", "equivalent"),
        ("dog", "duck", "not-subsumed"),
    ] {
        let path = format!("/fhir/CodeSystem/$subsumes?system=urn:animals&codeA={a}&codeB={b}");
        assert_eq!(out(&place.get(READER, &path).await, "outcome"), expect, "{a} {b}");
    }
    let instance = get("/fhir/CodeSystem/animals/$subsumes?codeA=bird&codeB=duck").await;
    assert_eq!(out(&instance, "outcome"), "subsumes");
    place.get(READER, "/fhir/CodeSystem/$subsumes?codingA=urn:a|x&codingB=urn:b|x").await.refused(404);
    place.get(READER, "/fhir/CodeSystem/$subsumes?codingA=urn:animals|dog&codingB=urn:b|x").await.refused(400);
    let there = get("/fhir/ConceptMap/$translate?url=urn:map&system=urn:animals&code=duck").await;
    assert_eq!(out(&there, "result"), true);
    for part in ["\"wider\"", "\"d1\"", "urn:size", "small", "urn:map"] {
        assert!(there.text.contains(part), "{part}: {}", there.text);
    }
    let back = get("/fhir/ConceptMap/map/$translate?system=urn:zoo&code=d1&reverse=true").await;
    assert!(back.text.contains("\"narrower\"") && back.text.contains("\"duck\""), "{}", back.text);
    let none = get("/fhir/ConceptMap/$translate?url=urn:map&system=urn:animals&code=dog").await;
    assert_eq!(out(&none, "result"), false);
    let found = get("/fhir/ConceptMap/$translate?system=urn:animals&code=duck&targetsystem=urn:zoo").await;
    assert_eq!(out(&found, "result"), true);
    let lab =
        get("/fhir/ConceptMap/$translate?system=urn:mach:codes:lab-catalogue&code=WBC&targetsystem=http://loinc.org")
            .await;
    assert!(lab.text.contains("6690-2"), "{}", lab.text);
    let r4 = get("/fhir/ConceptMap/$translate?url=http://hl7.org/fhir/ConceptMap/cm-contact-point-use-v3&system=http://hl7.org/fhir/contact-point-use&code=home").await;
    assert!(r4.text.contains("\"H\""), "{}", r4.text);
}

#[tokio::test]
async fn searches_ask_value_sets_and_hierarchies() {
    let place = zoo().await;
    let condition = |id: &str, system: &str, code: &str| {
        format!(
            r#"{{"resourceType":"Condition","id":"{id}","subject":{{"reference":"Patient/p"}},"code":{{"coding":[{{"system":"{system}","code":"{code}"}}]}}}}"#
        )
    };
    place.given(PROVINCE, r#"{"resourceType":"Patient","id":"p","gender":"male"}"#).await;
    for (id, system, code) in [
        ("c1", "urn:animals", "duck"),
        ("c2", "urn:animals", "dog"),
        ("c3", "urn:animals", "animal"),
        ("c4", "urn:other", "duck"),
        ("c5", ICD10, "A00.1"),
        ("c6", ICD10, "I10"),
        ("c7", "http://loinc.org", "1-1"),
    ] {
        place.given(PROVINCE, &condition(id, system, code)).await;
    }
    let check = |query: &'static str, expect: &'static str| {
        let place = &place;
        async move {
            assert_eq!(place.all(PROVINCE, &format!("/fhir/{query}")).await.join(" "), expect, "{query}");
        }
    };
    check("Condition?code:in=urn:pets", "c1 c2").await;
    check("Condition?code:in=ValueSet/pets", "c1 c2").await;
    check("Condition?code:in=http://mach.test/fhir/ValueSet/pets", "c1 c2").await;
    check("Condition?code:not-in=urn:pets", "c3 c4 c5 c6 c7").await;
    check("Condition?code:in=http://hl7.org/fhir/sid/icd-10/vs", "c5 c6").await;
    check("Condition?code:in=urn:mach:value-set:notifiable", "c5").await;
    check("Condition?code:in=http://hl7.org/fhir/ValueSet/observation-codes", "c7").await;
    check("Condition?code:below=urn:animals|bird", "c1").await;
    check("Condition?code:below=urn:animals|animal", "c1 c2 c3").await;
    check("Condition?code:above=urn:animals|duck", "c1 c3").await;
    check("Condition?code:below=http://hl7.org/fhir/sid/icd-10|A00-A09", "c5").await;
    check("Condition?code:below=http://hl7.org/fhir/sid/icd-10|IX", "c6").await;
    check("Patient?gender:in=http://hl7.org/fhir/ValueSet/administrative-gender", "p").await;
    check("Patient?_has:Condition:patient:code:in=urn:pets", "p").await;
    check("Condition?_filter=code in urn:pets", "c1 c2").await;
    check("Condition?code:in=urn:pets&code:below=urn:animals|bird", "c1").await;
    // Unknown is never everything.
    for query in [
        "code:in=urn:nothing",
        "code:not-in=urn:nothing",
        "code:in=ValueSet/nothing",
        "code:below=bird",
        "code:below=urn:nothing|x",
        "code:below=urn:animals|cat",
        "code:above=http://snomed.info/sct|1",
        "code:in=http://hl7.org/fhir/ValueSet/doc-typecodes",
    ] {
        place.get(PROVINCE, &format!("/fhir/Condition?{query}")).await.refused(400);
    }
    // In a bundle and in a condition, too.
    let bundle = r#"{"resourceType":"Bundle","type":"batch","entry":[{"request":{"method":"GET","url":"Condition?code:in=urn:pets"}}]}"#;
    assert_eq!(place.post(PROVINCE, "/fhir", bundle).await.json()["entry"][0]["resource"]["total"], 2);
    let headers = [("content-type", "application/fhir+json"), ("if-none-exist", "code:below=urn:animals|bird")];
    let body = condition("x", "urn:animals", "duck");
    assert_eq!(place.send(PROVINCE, "POST", "/fhir/Condition", &headers, &body).await.status, StatusCode::OK);
    // What changes is seen at once.
    place.given(PROVINCE, &PETS.replace("\"dog\"", "\"animal\"")).await;
    check("Condition?code:in=urn:pets", "c1 c3").await;
    assert_eq!(codes(&place.get(READER, "/fhir/ValueSet/$expand?url=urn:pets").await), "bird duck animal");
    assert!(place.send(PROVINCE, "DELETE", "/fhir/ValueSet/pets", &[], "").await.status.is_success());
    place.get(PROVINCE, "/fhir/Condition?code:in=urn:pets").await.refused(400);
    place.get(READER, "/fhir/ValueSet/$expand?url=urn:pets").await.refused(404);
}

#[tokio::test]
async fn a_large_value_set_is_searched_up_to_its_limit() {
    let place = Place::new();
    let many = |id: &str, count: usize| {
        let concepts: Vec<String> = (0..count).map(|n| format!(r#"{{"code":"k{n}"}}"#)).collect();
        format!(
            r#"{{"resourceType":"ValueSet","id":"{id}","url":"urn:{id}","status":"active","compose":{{"include":[{{"system":"urn:k","concept":[{}]}}]}}}}"#,
            concepts.join(",")
        )
    };
    let most = mach_base::limits::FHIR_SET_CODES;
    place.given(PROVINCE, &many("most", most)).await;
    place.given(PROVINCE, &many("more", most + 1)).await;
    let last = format!(
        r#"{{"resourceType":"Basic","id":"b","code":{{"coding":[{{"system":"urn:k","code":"k{}"}}]}}}}"#,
        most - 1
    );
    place.given(PROVINCE, &last).await;
    assert_eq!(place.all(PROVINCE, "/fhir/Basic?code:in=urn:most").await, ["b"]);
    assert_eq!(place.all(PROVINCE, "/fhir/Basic?code:not-in=urn:most").await.len(), 0);
    let refused = place.get(PROVINCE, "/fhir/Basic?code:in=urn:more").await;
    refused.refused(400);
    // An answer without pages has its limit, too.
    let most = mach_base::limits::EXPANSION_CODES;
    place.given(PROVINCE, &many("full", most)).await;
    place.given(PROVINCE, &many("over", most + 1)).await;
    assert_eq!(place.get(READER, "/fhir/ValueSet/$expand?url=urn:full").await.json()["expansion"]["total"], most);
    place.get(READER, "/fhir/ValueSet/$expand?url=urn:over").await.refused(400);
    let page = place.get(READER, "/fhir/ValueSet/$expand?url=urn:over&count=2&offset=20000").await;
    assert_eq!(codes(&page), "k20000");
}

#[tokio::test]
async fn a_facility_s_definitions_are_its_own() {
    let place = zoo().await;
    let own = PETS.replace("pets", "secret").replace("bird", "dog");
    place.given(A, &own).await;
    // Another facility's look is that at nothing.
    let both = |path: &'static str| {
        let place = &place;
        async move {
            let hidden = place.get(B, &format!("/fhir/{path}")).await;
            let none = place.get(B, &format!("/fhir/{}", path.replace("secret", "nothing"))).await;
            assert!(hidden.status.is_client_error(), "{path}: {}", hidden.text);
            assert_eq!(hidden.status, none.status, "{path}");
            assert_eq!(hidden.text.replace("secret", "nothing"), none.text, "{path}");
        }
    };
    both("ValueSet/$expand?url=urn:secret").await;
    both("ValueSet/secret/$expand").await;
    both("ValueSet/$validate-code?url=urn:secret&code=dog").await;
    both("ValueSet/secret/$validate-code?code=dog").await;
    both("Condition?code:in=urn:secret").await;
    both("Condition?code:in=ValueSet/secret").await;
    assert_eq!(codes(&place.get(A, "/fhir/ValueSet/$expand?url=urn:secret").await), "dog");
    assert_eq!(place.get(A, "/fhir/Condition?code:in=ValueSet/secret").await.status, StatusCode::OK);
    // The province's are everybody's; a facility's own goes before them, for itself.
    assert_eq!(codes(&place.get(B, "/fhir/ValueSet/$expand?url=urn:pets").await), "bird duck dog");
    place.given(A, &own.replace("urn:secret", "urn:pets")).await;
    assert_eq!(codes(&place.get(A, "/fhir/ValueSet/$expand?url=urn:pets").await), "dog");
    assert_eq!(codes(&place.get(B, "/fhir/ValueSet/$expand?url=urn:pets").await), "bird duck dog");
    assert_eq!(codes(&place.get(PROVINCE, "/fhir/ValueSet/$expand?url=urn:pets").await), "bird duck dog");
    // A map of A's is none of B's, also where none is named.
    place
        .given(
            A,
            &MAP.replace("\"id\":\"map\"", "\"id\":\"a-map\"")
                .replace("urn:zoo", "urn:a-zoo")
                .replace("urn:map", "urn:a-map"),
        )
        .await;
    let path = "/fhir/ConceptMap/$translate?system=urn:animals&code=duck&targetsystem=urn:a-zoo";
    assert_eq!(out(&place.get(A, path).await, "result"), true);
    assert_eq!(out(&place.get(B, path).await, "result"), false);
}

#[tokio::test]
async fn identifiers_are_found_under_every_spelling() {
    let place = Place::new();
    let patient = |id: &str, system: &str| {
        format!(
            r#"{{"resourceType":"Patient","id":"{id}","identifier":[{{"system":"{system}","value":"046099001234"}}]}}"#
        )
    };
    place.given(PROVINCE, &patient("a", "http://fhir.ehealth.gov.vn/core/sid/national_id")).await;
    place.given(PROVINCE, &patient("b", "http://fhir.hl7.org.vn/core/sid/cccd")).await;
    place.given(PROVINCE, &patient("c", "http://fhir.hl7.org.vn/core/sid/passport")).await;
    place.given(PROVINCE, &patient("d", "urn:other")).await;
    for system in [
        "cccd",
        "CCCD",
        "national_id",
        "http://fhir.hl7.org.vn/core/sid/cccd",
        "http://fhir.ehealth.gov.vn/core/sid/national_id",
    ] {
        let found = place.all(PROVINCE, &format!("/fhir/Patient?identifier={system}|046099001234")).await;
        assert_eq!(found.join(" "), "a b", "{system}");
        let found = place.all(PROVINCE, &format!("/fhir/Patient?identifier={system}|")).await;
        assert_eq!(found.join(" "), "a b", "{system}");
    }
    assert_eq!(place.all(PROVINCE, "/fhir/Patient?identifier:not=cccd|046099001234").await.join(" "), "c d");
    assert_eq!(place.all(PROVINCE, "/fhir/Patient?identifier=urn:other|046099001234").await.join(" "), "d");
    let reference = r#"{"resourceType":"Observation","id":"o","status":"final","code":{"text":"x"},"subject":{"identifier":{"system":"http://fhir.hl7.org.vn/core/sid/cccd","value":"1"}}}"#;
    place.given(PROVINCE, reference).await;
    assert_eq!(place.all(PROVINCE, "/fhir/Observation?subject:identifier=national_id|1").await, ["o"]);
    // The stored spelling stays what it was, and a condition finds it.
    let headers = [("content-type", "application/fhir+json"), ("if-none-exist", "identifier=cccd|046099001234")];
    place.send(PROVINCE, "POST", "/fhir/Patient", &headers, &patient("x", "urn:x")).await.refused(412);
    assert!(place.get(PROVINCE, "/fhir/Patient/a").await.text.contains("national_id"));
}

#[tokio::test]
async fn the_statements_say_what_is_mounted() {
    let place = Place::new();
    let terms = place.get("", "/fhir/metadata?mode=terminology").await.json();
    assert_eq!(terms["resourceType"], "TerminologyCapabilities");
    let systems = terms["codeSystem"].as_array().unwrap();
    for url in [
        ICD10,
        "http://unitsofmeasure.org",
        "urn:mach:codes:MA_KHOA",
        "http://terminology.hl7.org/CodeSystem/v3-ActCode",
    ] {
        assert!(systems.iter().any(|s| s["uri"] == url), "{url}");
    }
    assert!(
        place
            .send("", "GET", "/fhir/metadata?mode=terminology&_format=xml", &[], "")
            .await
            .text
            .contains("<TerminologyCapabilities")
    );
    place.get("", "/fhir/metadata?mode=other").await.refused(400);
    let full = place.get("", "/fhir/metadata").await.json();
    let of = |kind: &str| {
        let all = full["rest"][0]["resource"].as_array().unwrap();
        let found = all.iter().find(|r| r["type"] == kind).unwrap()["operation"].as_array().unwrap().clone();
        found.iter().map(|o| o["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    for (kind, name) in [("ValueSet", "expand"), ("CodeSystem", "subsumes"), ("ConceptMap", "translate")] {
        assert!(of(kind).contains(&name.to_owned()), "{kind} {name}");
    }
}
