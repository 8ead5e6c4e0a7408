//! `$export` and `$import`: asked, waited for, fetched; whose, since when, cancelled, expired, gone on with.

use crate::support::{A, Answer, B, PROVINCE, Place, READER};
use mach_base::{limits, time::now_seconds};
use std::collections::BTreeMap;

const ASYNC: (&str, &str) = ("prefer", "respond-async");

async fn kick_off(place: &Place, who: &str, path: &str) -> String {
    let answer = place.send(who, "GET", path, &[ASYNC, ("accept", "application/fhir+json")], "").await;
    assert_eq!(answer.status, 202, "{path}: {}", answer.text);
    location(&answer)
}

fn location(answer: &Answer) -> String {
    answer.header("content-location").strip_prefix("http://mach.test").expect("our own base").to_owned()
}

/// Asks until the job has ended.
async fn ended(place: &Place, who: &str, path: &str) -> Answer {
    loop {
        let answer = place.get(who, path).await;
        if answer.status != 202 {
            return answer;
        }
        assert!(!answer.header("x-progress").is_empty() && answer.header("retry-after") == "1", "{answer:?}");
        tokio::task::yield_now().await;
    }
}

/// Lines of all files of a list of the manifest, by type.
async fn lines(place: &Place, who: &str, manifest: &serde_json::Value, list: &str) -> BTreeMap<String, Vec<String>> {
    let mut out: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for file in manifest[list].as_array().expect("a list") {
        let path = file["url"].as_str().unwrap().strip_prefix("http://mach.test").unwrap();
        let answer = place.get(who, path).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert_eq!(answer.header("content-type"), "application/fhir+ndjson");
        assert_eq!(answer.text.lines().count() as i64, file["count"].as_i64().unwrap());
        let kind = file["type"].as_str().unwrap().to_owned();
        out.entry(kind).or_default().extend(answer.text.lines().map(str::to_owned));
    }
    out
}

async fn exported(place: &Place, who: &str, path: &str) -> (serde_json::Value, BTreeMap<String, Vec<String>>) {
    let at = kick_off(place, who, path).await;
    let done = ended(place, who, &at).await;
    assert_eq!(done.status, 200, "{}", done.text);
    let manifest = done.json();
    let output = lines(place, who, &manifest, "output").await;
    (manifest, output)
}

fn ids(lines: &BTreeMap<String, Vec<String>>) -> String {
    let id = |line: &String| {
        let json: serde_json::Value = serde_json::from_str(line).unwrap();
        format!("{}/{}", json["resourceType"].as_str().unwrap(), json["id"].as_str().unwrap())
    };
    let mut all: Vec<String> = lines.values().flatten().map(id).collect();
    all.sort();
    all.join(" ")
}

async fn filled() -> Place {
    let place = Place::new();
    place.given(PROVINCE, r#"{"resourceType":"Organization","id":"o","name":"Sở Y tế"}"#).await;
    for (who, patient) in [(A, "a"), (A, "a2"), (B, "b")] {
        place.given(who, &format!("{{\n  \"resourceType\":\"Patient\",\n \"id\":\"{patient}\"}}")).await;
        let observation = format!(
            r#"{{"resourceType":"Observation","id":"o-{patient}","status":"final","code":{{"text":"{patient}"}},"subject":{{"reference":"Patient/{patient}"}},"valueQuantity":{{"value":1.00}}}}"#
        );
        place.given(who, &observation).await;
    }
    place.given(A, r#"{"resourceType":"Group","id":"g","type":"person","actual":true,"member":[{"entity":{"reference":"Patient/a2"}}]}"#).await;
    place
}

#[tokio::test]
async fn an_export_has_what_the_asker_may_see_and_nothing_else() {
    let place = filled().await;
    let check = |who: &'static str, path: &'static str, expect: &'static str| {
        let place = &place;
        async move { assert_eq!(ids(&exported(place, who, path).await.1), expect, "{who} {path}") }
    };
    check(A, "/fhir/$export", "Group/g Observation/o-a Observation/o-a2 Organization/o Patient/a Patient/a2").await;
    check(B, "/fhir/$export", "Observation/o-b Organization/o Patient/b").await;
    check(A, "/fhir/Patient/$export", "Group/g Observation/o-a Observation/o-a2 Patient/a Patient/a2").await;
    check(A, "/fhir/Group/g/$export", "Group/g Observation/o-a2 Patient/a2").await;
    check(A, "/fhir/$export?_type=Patient,Group", "Group/g Patient/a Patient/a2").await;
    check(PROVINCE, "/fhir/$export?_type=Patient", "Patient/a Patient/a2 Patient/b").await;
    check(A, "/fhir/$export?_type=Observation&_typeFilter=Observation?subject=Patient/a", "Observation/o-a").await;
    check(
        A,
        "/fhir/$export?_type=Observation&_typeFilter=Observation?_id=o-a,o-a2",
        "Observation/o-a Observation/o-a2",
    )
    .await;
    check(A, "/fhir/$export?_since=2999-01-01T00:00:00Z", "").await;
    check(
        A,
        "/fhir/$export?_type=Observation&_outputFormat=application/fhir+ndjson",
        "Observation/o-a Observation/o-a2",
    )
    .await;
    let (manifest, output) = exported(&place, A, "/fhir/$export?_type=Observation").await;
    assert!(output["Observation"][0].contains("\"value\":1.00"), "digits are kept");
    assert_eq!((&manifest["requiresAccessToken"], &manifest["error"]), (&true.into(), &serde_json::json!([])));
    assert_eq!(manifest["request"], "http://mach.test/fhir/$export?_type=Observation");
    let (_, short) = exported(&place, A, "/fhir/$export?_type=Observation&_elements=Observation.status").await;
    assert!(!short["Observation"][0].contains("valueQuantity") && short["Observation"][0].contains("SUBSETTED"));
    // Some Patients only, posted.
    let body = r#"{"resourceType":"Parameters","parameter":[{"name":"patient","valueReference":{"reference":"Patient/a"}},{"name":"_type","valueString":"Observation"}]}"#;
    let headers = [ASYNC, ("content-type", "application/fhir+json")];
    let posted = place.send(A, "POST", "/fhir/Patient/$export", &headers, body).await;
    let manifest = ended(&place, A, &location(&posted)).await.json();
    assert_eq!(ids(&lines(&place, A, &manifest, "output").await), "Observation/o-a");
    place
        .send(A, "POST", "/fhir/Patient/$export", &headers, &body.replace("Patient/a", "Patient/b"))
        .await
        .refused(404);
    place.send(A, "POST", "/fhir/Group/g/$export", &headers, body).await.refused(400);
}

#[tokio::test]
async fn filters_ask_by_parameters_of_one_s_own() {
    let place = filled().await;
    let sex = r#"{"resourceType":"SearchParameter","id":"sex","url":"http://x.example/sex","name":"Sex","status":"active","description":"x","code":"sex","base":["Patient"],"type":"token","expression":"Patient.gender"}"#;
    place.given(A, sex).await;
    place.given(A, r#"{"resourceType":"Patient","id":"f","gender":"female"}"#).await;
    place.given(A, r#"{"resourceType":"Patient","id":"m","gender":"male"}"#).await;
    let (_, found) = exported(&place, A, "/fhir/$export?_type=Patient&_typeFilter=Patient?sex=female").await;
    assert_eq!(ids(&found), "Patient/f");
    // Whose it is not knows nothing of it.
    let path = "/fhir/$export?_type=Patient&_typeFilter=Patient?sex=female";
    place.send(B, "GET", path, &[ASYNC], "").await.refused(400);
}

#[tokio::test]
async fn what_is_not_supported_is_refused_or_ignored_as_asked() {
    let place = filled().await;
    place.get(A, "/fhir/$export").await.refused(400);
    for query in [
        "_outputFormat=text/csv",
        "_since=yesterday",
        "_type=Nonsense",
        "includeAssociatedData=LatestProvenanceResources",
        "nonsense=1",
        "patient=Patient/a",
        "_type=Patient&_typeFilter=Observation?status=final",
        "_typeFilter=Observation?nonsense=1",
        "_typeFilter=Observation?_sort=date",
        "_typeFilter=status=final",
    ] {
        place.send(A, "GET", &format!("/fhir/$export?{query}"), &[ASYNC], "").await.refused(400);
    }
    place.send(A, "GET", "/fhir/Patient/$export?_type=Organization", &[ASYNC], "").await.refused(400);
    place.send(A, "GET", "/fhir/Group/none/$export", &[ASYNC], "").await.refused(404);
    place.send(A, "GET", "/fhir/Observation/$export", &[ASYNC], "").await.refused(404);
    place.send("", "GET", "/fhir/$export", &[ASYNC], "").await.refused(401);
    let lenient = [("prefer", "respond-async, handling=lenient")];
    let answer = place.send(A, "GET", "/fhir/$export?nonsense=1&_type=Nonsense,Patient", &lenient, "").await;
    assert_eq!(answer.status, 202, "{}", answer.text);
    let manifest = ended(&place, A, &location(&answer)).await.json();
    assert_eq!(ids(&lines(&place, A, &manifest, "output").await), "Patient/a Patient/a2");
}

#[tokio::test]
async fn since_tells_what_changed_and_what_is_gone() {
    let place = filled().await;
    let since = now_seconds() + 2;
    // The next second but one has come.
    while now_seconds() < since {
        tokio::task::yield_now().await;
    }
    place.given(A, r#"{"resourceType":"Patient","id":"a","active":true}"#).await;
    place.send(A, "DELETE", "/fhir/Observation/o-a", &[], "").await;
    place.send(B, "DELETE", "/fhir/Observation/o-b", &[], "").await;
    let instant = "1970-01-01T00:00:00Z".to_owned();
    let (_, all) = exported(&place, A, &format!("/fhir/$export?_since={instant}&_type=Patient")).await;
    assert_eq!(ids(&all), "Patient/a Patient/a2");
    let at = {
        let (y, m, d) = mach_base::time::Day(i32::try_from(since / 86_400).unwrap()).ymd();
        let s = since % 86_400;
        format!("{y:04}-{m:02}-{d:02}T{:02}:{:02}:{:02}Z", s / 3600, s / 60 % 60, s % 60)
    };
    for level in ["", "/Patient"] {
        let (manifest, changed) = exported(&place, A, &format!("/fhir{level}/$export?_since={at}")).await;
        assert_eq!(ids(&changed), "Patient/a");
        let gone = lines(&place, A, &manifest, "deleted").await;
        assert_eq!(gone["Bundle"].len(), 1);
        let bundle: serde_json::Value = serde_json::from_str(&gone["Bundle"][0]).unwrap();
        let entries = bundle["entry"].as_array().unwrap();
        assert_eq!(entries.len(), 1, "B's deletion is B's");
        assert_eq!(entries[0]["request"], serde_json::json!({"method": "DELETE", "url": "Observation/o-a"}));
    }
    let (manifest, _) = exported(&place, A, &format!("/fhir/Group/g/$export?_since={at}")).await;
    assert_eq!(manifest["deleted"], serde_json::json!([]), "it belonged to no member");
}

#[tokio::test]
async fn a_job_is_its_asker_s_until_it_is_cancelled_or_expires() {
    let place = filled().await;
    let at = kick_off(&place, A, "/fhir/$export").await;
    let manifest = ended(&place, A, &at).await.json();
    let file = manifest["output"][0]["url"].as_str().unwrap().strip_prefix("http://mach.test").unwrap().to_owned();
    for who in [B, PROVINCE, READER] {
        place.get(who, &at).await.refused(404);
        place.get(who, &file).await.refused(404);
        place.send(who, "DELETE", &at, &[], "").await.refused(404);
    }
    place.get("", &file).await.refused(401);
    for name in ["../../mach.db", "..%2F..%2Fmach.db", "none.ndjson", "/etc/passwd", ".", ""] {
        let answer = place.get(A, &format!("{at}/{name}")).await;
        assert!(!answer.text.contains("SQLite") && !answer.text.contains("root:"), "{name}");
        assert!(matches!(answer.status.as_u16(), 200 | 404 | 405), "{name}: {}", answer.status);
        assert!(answer.status != 200 || name.is_empty() || name == ".", "{name}");
    }
    let folder = place.folder.path().join("exports");
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1);
    assert_eq!(place.send(A, "DELETE", &at, &[], "").await.status, 202);
    place.get(A, &at).await.refused(404);
    place.get(A, &file).await.refused(404);
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0, "the files are gone");
    // Expired.
    let at = kick_off(&place, A, "/fhir/$export").await;
    ended(&place, A, &at).await;
    let expire = |now| mach_fhir_api::expire(&place.store, place.folder.path(), now).unwrap();
    assert_eq!(expire(now_seconds() + limits::BULK_KEEP_SECONDS - 60), 0);
    assert_eq!(place.get(A, &at).await.status, 200);
    assert_eq!(expire(now_seconds() + limits::BULK_KEEP_SECONDS + 1), 1);
    place.get(A, &at).await.refused(404);
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0);
}

/// NDJSON of many observations.
fn many(count: usize, value: &str) -> String {
    (0..count)
        .map(|n| format!("{{\"resourceType\":\"Observation\",\"id\":\"n{n}\",\"status\":\"final\",\"code\":{{\"text\":\"{value}\"}},\"valueQuantity\":{{\"value\":{n}.50}}}}\n"))
        .collect()
}

async fn import(place: &Place, who: &str, kind: &str, body: &str) -> Answer {
    place.send(who, "POST", "/fhir/$import", &[ASYNC, ("content-type", kind)], body).await
}

#[tokio::test]
async fn an_export_goes_on_after_a_restart_and_is_of_the_moment_it_was_asked() {
    let mut place = Place::new();
    let sent = import(&place, A, "application/fhir+ndjson", &many(3_000, "first")).await;
    assert_eq!(sent.status, 202, "{}", sent.text);
    assert_eq!(ended(&place, A, &location(&sent)).await.json()["output"][0]["count"], 3_000);
    let at = kick_off(&place, A, "/fhir/$export?_type=Observation").await;
    // Restarted wherever it is just now, more than once.
    for _ in 0..3 {
        place = place.again();
        tokio::task::yield_now().await;
    }
    place.given(A, r#"{"resourceType":"Observation","id":"n7","status":"final","code":{"text":"later"}}"#).await;
    place.given(A, r#"{"resourceType":"Observation","id":"new","status":"final","code":{"text":"later"}}"#).await;
    place = place.again();
    let manifest = ended(&place, A, &at).await.json();
    let output = lines(&place, A, &manifest, "output").await;
    let mut found: Vec<&String> = output["Observation"].iter().collect();
    found.sort();
    found.dedup();
    assert_eq!(found.len(), 3_000, "none lost, none twice");
    assert!(found.iter().all(|line| line.contains("first")), "the state it was asked of");
}

#[tokio::test]
async fn what_was_exported_can_be_imported_elsewhere() {
    let place = filled().await;
    let at = kick_off(&place, A, "/fhir/$export").await;
    let manifest = ended(&place, A, &at).await.json();
    let inputs: Vec<serde_json::Value> = manifest["output"]
        .as_array()
        .unwrap()
        .iter()
        .map(|f| serde_json::json!({"type": f["type"], "url": f["url"]}))
        .collect();
    let body = |inputs: &[serde_json::Value]| {
        serde_json::json!({"inputFormat": "application/fhir+ndjson", "inputSource": "http://mach.test", "storageDetail": {"type": "https"}, "input": inputs}).to_string()
    };
    // B may not take A's files; A may, and changes nothing but the times in them.
    import(&place, B, "application/json", &body(&inputs)).await.refused(400);
    let before = lines(&place, A, &manifest, "output").await;
    let other = Place::new();
    let text: String = before.values().flatten().map(|l| format!("{l}\n")).collect();
    let sent = import(&other, A, "application/fhir+ndjson", &text).await;
    let done = ended(&other, A, &location(&sent)).await.json();
    assert_eq!(done["error"], serde_json::json!([]), "{done}");
    let (_, after) = exported(&other, A, "/fhir/$export").await;
    let plain = |lines: &BTreeMap<String, Vec<String>>| -> Vec<String> {
        let cut = |line: &String| {
            let from = line.find("\"versionId\"").unwrap();
            let to = from + line[from..].find('}').unwrap();
            format!("{}{}", &line[..from], &line[to..])
        };
        let mut all: Vec<String> = lines.values().flatten().map(cut).collect();
        all.sort();
        all
    };
    assert_eq!(plain(&after), plain(&before));
    // The same through the manifest of files of an own export; the province's register is not A's to write.
    let sent = import(&place, A, "application/json", &body(&inputs)).await;
    let done = ended(&place, A, &location(&sent)).await.json();
    let refused = lines(&place, A, &done, "error").await;
    assert_eq!(refused["OperationOutcome"].len(), 1, "{done}");
    assert!(refused["OperationOutcome"][0].contains("kept by the province"));
}

#[tokio::test]
async fn an_import_names_what_it_refuses_and_takes_from_nowhere_else() {
    let place = Place::new();
    let mut text = many(10, "x");
    text.push_str(
        "{broken\n{\"resourceType\":\"Observation\",\"id\":\"last\",\"status\":\"final\",\"code\":{\"text\":\"y\"}}\n",
    );
    let sent = import(&place, A, "application/fhir+ndjson", &text).await;
    let done = ended(&place, A, &location(&sent)).await.json();
    assert_eq!(done["output"][0]["count"], 11);
    let refused = lines(&place, A, &done, "error").await;
    assert!(refused["OperationOutcome"][0].contains("line 11"), "{refused:?}");
    assert_eq!(place.get(A, "/fhir/Observation?_summary=count").await.json()["total"], 11);
    place.get(B, "/fhir/Observation/last").await.refused(404);
    import(&place, READER, "application/fhir+ndjson", &text).await.refused(403);
    import(&place, A, "text/csv", &text).await.refused(415);
    place.send(A, "POST", "/fhir/$import", &[("content-type", "application/fhir+ndjson")], &text).await.refused(400);
    // Files: below imports/, for a facility below its own folder there.
    let root = place.folder.path();
    std::fs::create_dir_all(root.join("imports/46001/more")).unwrap();
    std::fs::write(root.join("imports/46001/more/x.ndjson"), many(5, "file")).unwrap();
    std::fs::write(root.join("imports/of-the-province.ndjson"), many(5, "file")).unwrap();
    std::fs::write(root.join("secret.ndjson"), many(5, "secret")).unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink(root.join("secret.ndjson"), root.join("imports/46001/link.ndjson")).unwrap();
    let manifest = |url: &str| {
        serde_json::json!({"resourceType": "Parameters", "parameter": [
            {"name": "inputSource", "valueUri": "x"},
            {"name": "input", "part": [{"name": "type", "valueCode": "Observation"}, {"name": "url", "valueUrl": url}]},
        ]})
        .to_string()
    };
    for url in [
        "file:../../secret.ndjson",
        "file:../of-the-province.ndjson",
        "file:/etc/passwd",
        "file:///etc/passwd",
        "file:link.ndjson",
        "file:",
        "file:more",
        "file:.hidden",
        "file:none.ndjson",
        "http://169.254.169.254/latest/meta-data",
        "http://mach.test/fhir/bulk/none/x.ndjson",
        "http://mach.test/fhir/Patient",
        "gopher://x",
    ] {
        import(&place, A, "application/fhir+json", &manifest(url)).await.refused(400);
    }
    let sent = import(&place, A, "application/fhir+json", &manifest("file:more/x.ndjson")).await;
    let done = ended(&place, A, &location(&sent)).await.json();
    assert_eq!(
        (&done["output"][0]["count"], &done["output"][0]["inputUrl"]),
        (&5.into(), &"file:more/x.ndjson".into())
    );
    let sent = import(&place, PROVINCE, "application/fhir+json", &manifest("file:of-the-province.ndjson")).await;
    assert_eq!(ended(&place, PROVINCE, &location(&sent)).await.status, 200);
    import(&place, A, "application/fhir+json", "{\"input\":[]}").await.refused(400);
    import(&place, A, "application/fhir+json", "{").await.refused(400);
}
