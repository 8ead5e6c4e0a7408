//! What is no resource of R4 by its shape is refused on every way in, with its place, and nothing of it is stored.

use crate::support::{PROVINCE, Place};
use mach_access::{Act, Actor, decide};
use mach_fhir_api::load::{self, Event, Options};

/// A Patient with `member` in it, and the place and a word that the refusal has to name.
const WRONG: &[(&str, &str, &str)] = &[
    (r#""nam":"x""#, "Patient.nam", "no element"),
    (r#""active":"true""#, "Patient.active", "without quotes"),
    (r#""active":1"#, "Patient.active", "without quotes"),
    (r#""active":null"#, "Patient.active", "null"),
    (r#""birthDate":"2026-02-30""#, "Patient.birthDate", "no date"),
    (r#""birthDate":"26-1-1""#, "Patient.birthDate", "no date"),
    (r#""birthDate":20260101"#, "Patient.birthDate", "quotes"),
    (r#""birthDate":"""#, "Patient.birthDate", "empty"),
    (r#""gender":" male""#, "Patient.gender", "no code"),
    (r#""gender":["male"]"#, "Patient.gender", "one value"),
    (r#""name":{"family":"A"}"#, "Patient.name", "array"),
    (r#""name":[]"#, "Patient.name", "empty"),
    (r#""name":[{}]"#, "Patient.name[0]", "empty"),
    (r#""name":["A"]"#, "Patient.name[0]", "object"),
    (r#""name":[null]"#, "Patient.name[0]", "null"),
    (r#""name":[{"given":["A",null]}]"#, "Patient.name[0].given[1]", "companion"),
    (r#""name":[{"given":"A"}]"#, "Patient.name[0].given", "array"),
    (r#""name":[{"family":"\u0007"}]"#, "Patient.name[0].family", "control"),
    (r#""deceasedBoolean":true,"deceasedDateTime":"2020""#, "Patient.deceasedDateTime", "one type"),
    (r#""deceased":true"#, "Patient.deceased", "no element"),
    (r#""deceasedQuantity":{"value":1}"#, "Patient.deceasedQuantity", "no element"),
    (r#""multipleBirthInteger":2147483648"#, "Patient.multipleBirthInteger", "32 bits"),
    (r#""multipleBirthInteger":1.0"#, "Patient.multipleBirthInteger", "32 bits"),
    (r#""photo":[{"data":"a"}]"#, "Patient.photo[0].data", "base64"),
    (r#""communication":[{"preferred":true}]"#, "Patient.communication[0]", "missing"),
    (r#""managingOrganization":[{"reference":"Organization/o"}]"#, "Patient.managingOrganization", "one value"),
    (r#""managingOrganization":"Organization/o""#, "Patient.managingOrganization", "object"),
    (r#""extension":[{"valueString":"x"}]"#, "Patient.extension[0]", "missing"),
    (r#""extension":[{"url":"http://x","valueNothing":"x"}]"#, "Patient.extension[0].valueNothing", "no element"),
    (r#""meta":[]"#, "Patient.meta", "one value"),
    (r#""meta":{"lastUpdated":"2026"}"#, "Patient.meta.lastUpdated", "no instant"),
    (r#""meta":{"profile":["a b"]}"#, "Patient.meta.profile[0]", "URI"),
    (r#""identifier":[{"system":"urn:oid:3"}]"#, "Patient.identifier[0].system", "OID"),
    (r#""contained":[{"resourceType":"Nothing"}]"#, "Patient.contained[0]", "no resource type"),
    (r#""contained":[{"id":"a"}]"#, "Patient.contained[0]", "resourceType"),
    (r#""contained":[{"resourceType":"Observation","id":"a"}]"#, "Patient.contained[0]", "missing"),
    (r#""_name":[{"id":"a"}]"#, "Patient.name", "only primitives"),
    (r#""_birthDate":{"id":"a"}"#, "Patient.birthDate", "neither"),
    (r#""resourceTypes":"x""#, "Patient.resourceTypes", "no element"),
    (r#""text":{"status":"generated"}"#, "Patient.text", "missing"),
];

fn patient(id: &str, member: &str) -> String {
    format!(r#"{{"resourceType":"Patient","id":"{id}",{member}}}"#)
}

fn bundle(kind: &str, entries: &[String]) -> String {
    format!(r#"{{"resourceType":"Bundle","type":"{kind}","entry":[{}]}}"#, entries.join(","))
}

fn entry(resource: &str, method: &str, url: &str) -> String {
    format!(r#"{{"resource":{resource},"request":{{"method":"{method}","url":"{url}"}}}}"#)
}

async fn nothing_is_stored(place: &Place) {
    let all = place.get(PROVINCE, "/fhir/_history?_summary=count").await;
    assert_eq!(all.json()["total"], 0, "{}", all.text);
    assert_eq!(place.get(PROVINCE, "/fhir/Patient?_summary=count").await.json()["total"], 0);
}

#[tokio::test]
async fn a_wrong_shape_is_refused_with_its_place_on_every_way() {
    let place = Place::new();
    let good = entry(r#"{"resourceType":"Patient"}"#, "POST", "Patient");
    for (member, path, word) in WRONG {
        let text = patient("p", member);
        let post = place.post(PROVINCE, "/fhir/Patient", &text).await;
        let put = place.put(PROVINCE, "/fhir/Patient/p", &text).await;
        let condition = place.put(PROVINCE, "/fhir/Patient?identifier=x", &text).await;
        for answer in [post, put, condition] {
            let said = answer.refused(422);
            assert!(said.contains(word), "{member}: {said}");
            let issues = answer.json()["issue"].clone();
            let mut places = issues.as_array().unwrap().iter().map(|i| i["expression"][0].as_str().unwrap_or_default());
            assert!(places.any(|p| p == *path), "{member}: {issues}");
        }
        let whole = [good.clone(), entry(&text, "PUT", "Patient/p")];
        let transaction = place.post(PROVINCE, "/fhir", &bundle("transaction", &whole)).await;
        let said = transaction.refused(422);
        assert!(said.contains(word), "{member}: {said}");
        let at = transaction.json()["issue"][0]["expression"][0].as_str().unwrap_or_default().to_owned();
        assert!(at.starts_with("Bundle.entry[1]: Patient"), "{at}");
        let batch = place.post(PROVINCE, "/fhir", &bundle("batch", &[entry(&text, "POST", "Patient")])).await;
        assert_eq!(batch.json()["entry"][0]["response"]["status"], "422 Unprocessable Entity", "{member}");
    }
    nothing_is_stored(&place).await;
}

#[tokio::test]
async fn all_that_is_wrong_is_said() {
    let place = Place::new();
    let text = patient("p", r#""nam":1,"active":"x","birthDate":"1""#);
    let answer = place.put(PROVINCE, "/fhir/Patient/p", &text).await;
    answer.refused(422);
    let json = answer.json();
    let places: Vec<_> =
        json["issue"].as_array().unwrap().iter().map(|i| i["expression"][0].as_str().unwrap()).collect();
    assert_eq!(places, ["Patient.nam", "Patient.active", "Patient.birthDate"]);
    let codes: Vec<_> = json["issue"].as_array().unwrap().iter().map(|i| i["code"].as_str().unwrap()).collect();
    assert_eq!(codes, ["structure", "value", "value"]);
}

#[tokio::test]
async fn what_is_no_json_or_no_resource_is_a_400() {
    let place = Place::new();
    for text in [
        "",
        "null",
        "[]",
        "1",
        "{",
        r#"{"id":"p"}"#,
        r#"{"resourceType":1,"id":"p"}"#,
        r#"{"resourceType":"Patient","id":"p","active":true,"active":false}"#,
        r#"{"resourceType":"Patient","id":"p","name":[{"family":"\ud800"}]}"#,
        r#"{"resourceType":"Patient","id":"p",}"#,
        r#"{"resourceType":"Patient","id":"p"}x"#,
        r#"{"resourceType":"Observation","id":"p"}"#,
        "{\"resourceType\":\"Patient\",\"id\":\"p\",\"name\":[{\"family\":\"\u{1}\"}]}",
    ] {
        for (method, path) in [("POST", "/fhir/Patient"), ("PUT", "/fhir/Patient/p")] {
            let answer = place.send(PROVINCE, method, path, &[("content-type", "application/fhir+json")], text).await;
            answer.refused(400);
        }
    }
    let deep = format!(r#"{{"resourceType":"Patient","id":"p","name":{}{}}}"#, "[".repeat(200), "]".repeat(200));
    place.put(PROVINCE, "/fhir/Patient/p", &deep).await.refused(400);
    nothing_is_stored(&place).await;
}

#[tokio::test]
async fn an_envelope_is_looked_at_entry_by_entry() {
    let place = Place::new();
    let fine = entry(r#"{"resourceType":"Patient"}"#, "POST", "Patient");
    let odd = r#"{"resource":{"resourceType":"Patient"},"request":{"method":"POST","url":"Patient","ifNonExist":"x"}}"#;
    let batch = place.post(PROVINCE, "/fhir", &bundle("batch", &[fine.clone(), odd.to_owned()])).await;
    let json = batch.json();
    assert_eq!(json["entry"][0]["response"]["status"], "201 Created");
    assert_eq!(json["entry"][1]["response"]["status"], "422 Unprocessable Entity");
    let whole = place.post(PROVINCE, "/fhir", &bundle("transaction", &[fine.clone(), odd.to_owned()])).await;
    assert!(whole.refused(422).contains("ifNonExist"), "a condition that is misspelt must not be passed over");
    let around = r#"{"resourceType":"Bundle","type":"batch","entry":{"request":{"method":"GET","url":"Patient"}}}"#;
    assert!(place.post(PROVINCE, "/fhir", around).await.refused(422).contains("array"));
    assert_eq!(place.get(PROVINCE, "/fhir/Patient?_summary=count").await.json()["total"], 1);
    assert_eq!(place.post(PROVINCE, "/fhir", &bundle("transaction", &[])).await.status, 200, "nothing to do is done");
    // A placeholder need not be a UUID.
    let placed = fine.replacen('{', r#"{"fullUrl":"urn:uuid:first","#, 1);
    let refers = entry(
        r#"{"resourceType":"Basic","code":{"text":"x"},"subject":{"reference":"urn:uuid:first"}}"#,
        "POST",
        "Basic",
    );
    let answer = place.post(PROVINCE, "/fhir", &bundle("transaction", &[placed, refers])).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
}

#[tokio::test]
async fn loads_and_imports_refuse_it_by_line() {
    let place = Place::new();
    let lines: Vec<String> =
        WRONG.iter().enumerate().map(|(n, (member, ..))| patient(&format!("p{n}"), member)).collect();
    let file = place.folder.path().join("a.ndjson");
    std::fs::write(&file, format!("{}\n{}\n", lines.join("\n"), r#"{"resourceType":"Patient","id":"fine"}"#)).unwrap();
    let mut refused = Vec::new();
    let how = Options { workers: 1, again: false, base: String::new() };
    let decision = decide(&Actor::console(), Act::WriteFhir).unwrap();
    let summary = load::load(&place.store, &decision, &[file], &how, &mut |event| {
        if let Event::Refused { refused: one, .. } = event {
            refused.push((one.at.line, one.refusal.status.as_u16()));
        }
    });
    assert_eq!((summary.unwrap().created, refused.len()), (1, WRONG.len()));
    assert!(
        refused.iter().enumerate().all(|(n, (line, status))| *line as usize == n + 1 && *status == 422),
        "{refused:?}"
    );

    let asked = [("prefer", "respond-async"), ("content-type", "application/fhir+ndjson")];
    let begun = place.send(PROVINCE, "POST", "/fhir/$import", &asked, &lines.join("\n")).await;
    let at = begun.header("content-location").strip_prefix("http://mach.test").unwrap().to_owned();
    let done = loop {
        let answer = place.get(PROVINCE, &at).await;
        if answer.status != 202 {
            break answer;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(done.json()["error"][0]["count"], WRONG.len(), "{}", done.text);
    assert_eq!(place.all(PROVINCE, "/fhir/Patient").await, ["fine"]);
}

#[tokio::test]
async fn meta_is_looked_at_and_never_left_empty() {
    let place = Place::new();
    place.given(PROVINCE, r#"{"resourceType":"Patient","id":"p"}"#).await;
    let meta =
        |meta: &str| format!(r#"{{"resourceType":"Parameters","parameter":[{{"name":"meta","valueMeta":{meta}}}]}}"#);
    for wrong in [r#"{"tag":{"code":"a"}}"#, r#"{"tags":[]}"#, r#"{"profile":["a b"]}"#, "{}"] {
        place.post(PROVINCE, "/fhir/Patient/p/$meta-add", &meta(wrong)).await.refused(422);
    }
    let tag = meta(r#"{"tag":[{"system":"http://x","code":"a"}]}"#);
    assert_eq!(place.post(PROVINCE, "/fhir/Patient/p/$meta-add", &tag).await.status, 200);
    assert_eq!(place.post(PROVINCE, "/fhir/Patient/p/$meta-delete", &tag).await.status, 200);
    let read = place.get(PROVINCE, "/fhir/Patient/p").await;
    assert_eq!(place.put(PROVINCE, "/fhir/Patient/p", &read.text).await.status, 200, "what is read can be written");
}

#[tokio::test]
async fn what_hl7_published_so_is_taken() {
    let place = Place::new();
    for text in [
        r#"{"resourceType":"SearchParameter","id":"s","url":"http://x","name":"x","status":"draft","description":"x","code":"x","type":"string"}"#,
        r#"{"resourceType":"Library","id":"l","status":"draft","type":{"text":"x"},"dataRequirement":[{"type":"Condition","codeFilter":[{"valueSet":"urn:oid:X.Y.Z"}]}]}"#,
        r#"{"resourceType":"Questionnaire","id":"q","status":"draft","item":[{"type":"display"}]}"#,
    ] {
        place.given(PROVINCE, text).await;
    }
}
