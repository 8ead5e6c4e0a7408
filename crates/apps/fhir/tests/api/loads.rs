//! Files loaded into the store the interface reads: what is in them, what is refused, what a second load does.

use crate::support::{A, B, PROVINCE, Place};
use mach_access::{Act, Actor, Decision, Role, Scope, decide};
use mach_fhir_api::load::{self, At, Event, Options, Summary};
use mach_store::schema;
use std::path::{Path, PathBuf};

fn console() -> Decision {
    decide(&Actor::console(), Act::WriteFhir).unwrap()
}

fn file(folder: &Path, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, content).unwrap();
    path
}

fn run(place: &Place, decision: &Decision, files: &[PathBuf], again: bool) -> (Summary, Vec<(At, String)>) {
    let mut refused = Vec::new();
    let how = Options { workers: 2, again, base: String::new() };
    let summary = load::load(&place.store, decision, files, &how, &mut |event| match event {
        Event::Refused { refused: one, .. } => refused.push((one.at, one.refusal.text.clone())),
        Event::Unreadable { problem, .. } => refused.push((At::default(), problem.to_owned())),
        _ => {}
    });
    (summary.unwrap(), refused)
}

fn line(n: usize, value: &str) -> String {
    format!(
        r#"{{"resourceType":"Observation","id":"o{n}","status":"final","code":{{"text":"{value}"}},"valueQuantity":{{"value":1.00}}}}"#
    )
}

#[tokio::test]
async fn lines_are_stored_as_they_are_and_refused_by_number() {
    let place = Place::new();
    let folder = tempfile::tempdir().unwrap();
    let mut lines: Vec<String> = (0..1_000).map(|n| line(n, "x")).collect();
    lines[2] = "{\"resourceType\":\"Observation\",\"id\":".to_owned();
    lines[700] = r#"{"resourceType":"Nonsense","id":"q"}"#.to_owned();
    lines[701] = r#"{"resourceType":"Observation","id":"bad id","status":"final","code":{"text":"kept?"}}"#.to_owned();
    lines[702] = String::new();
    let path = file(folder.path(), "a.ndjson", lines.join("\n"));
    let (summary, refused) = run(&place, &console(), std::slice::from_ref(&path), false);
    assert_eq!((summary.created, summary.refused, summary.files), (996, 3, 1));
    let at = |n| At { line: n, entry: None };
    assert_eq!(refused.iter().map(|(at, _)| *at).collect::<Vec<_>>(), [at(3), at(701), at(702)]);
    assert!(refused[1].1.contains("Nonsense"));
    assert_eq!(place.get(PROVINCE, "/fhir/Observation?code:text=kept").await.json()["total"], 0);
    assert!(place.get(PROVINCE, "/fhir/Observation/o5").await.text.contains("1.00"));
    assert_eq!(
        place.get(PROVINCE, "/fhir/Observation?_summary=count").await.json()["total"],
        996,
        "indexed as it came"
    );
    // Again: nothing new, the same lines are named again.
    let (second, again) = run(&place, &console(), std::slice::from_ref(&path), false);
    assert_eq!((second.created, second.updated, again.len()), (0, 0, 3));
    assert_eq!(again, refused);
    // Mended: it is another file, and only what is missing comes.
    lines[2] = line(2, "x");
    let mended = file(folder.path(), "b.ndjson", lines.join("\n"));
    let (third, _) = run(&place, &console(), &[mended], false);
    assert_eq!((third.created, third.updated, third.unchanged), (1, 0, 996));
}

#[tokio::test]
async fn a_file_that_is_stored_is_known_and_does_not_undo_what_came_later() {
    let place = Place::new();
    let folder = tempfile::tempdir().unwrap();
    let lines: Vec<String> = (0..700).map(|n| line(n, "x")).collect();
    let path = [file(folder.path(), "a.ndjson", lines.join("\n"))];
    assert_eq!(run(&place, &console(), &path, false).0.created, 700);
    place.given(PROVINCE, &line(3, "later")).await;
    let (second, _) = run(&place, &console(), &path, false);
    assert_eq!((second.known, second.created, second.updated, second.unchanged), (700, 0, 0, 0));
    assert!(place.get(PROVINCE, "/fhir/Observation/o3").await.text.contains("later"));
    let (again, _) = run(&place, &console(), &path, true);
    assert_eq!((again.known, again.updated, again.unchanged), (0, 1, 699));
}

#[tokio::test]
async fn bundles_keep_their_meaning() {
    let place = Place::new();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let transaction = r#"{"resourceType":"Bundle","type":"transaction","entry":[
        {"fullUrl":"urn:uuid:p","resource":{"resourceType":"Patient","name":[{"family":"Lê"}]},"request":{"method":"POST","url":"Patient"}},
        {"resource":{"resourceType":"Observation","id":"t","status":"final","code":{"text":"x"},"subject":{"reference":"urn:uuid:p"}},"request":{"method":"PUT","url":"Observation/t"}}]}"#;
    let refused = transaction.replace("Observation/t", "Observation/other").replace("Lê", "Hỏng");
    let batch = r#"{"resourceType":"Bundle","type":"batch","entry":[
        {"resource":{"resourceType":"Basic","code":{"text":"b"}},"request":{"method":"POST","url":"Basic"}},
        {"resource":{"resourceType":"Basic","id":"w","code":{"text":"b"}},"request":{"method":"PUT","url":"Basic/v"}},
        {"request":{"method":"GET","url":"Basic"}}]}"#;
    let collection = r#"{"resourceType":"Bundle","type":"collection","entry":[
        {"fullUrl":"urn:uuid:0b7c9a9e-0000-4000-8000-000000000001","resource":{"resourceType":"Group","type":"person","actual":true}},
        {"resource":{"resourceType":"List","id":"l","status":"current","mode":"working","subject":{"reference":"urn:uuid:0b7c9a9e-0000-4000-8000-000000000001"}}},
        {"fullUrl":"x"}]}"#;
    let searchset = r#"{"resourceType":"Bundle","type":"searchset","entry":[
        {"resource":{"resourceType":"Basic","id":"s","code":{"text":"b"}},"search":{"mode":"match"}},
        {"resource":{"resourceType":"OperationOutcome","id":"oo","issue":[]},"search":{"mode":"outcome"}}]}"#;
    let history = r#"{"resourceType":"Bundle","type":"history","entry":[]}"#;
    let xml = "<?xml version=\"1.0\"?>\n<Basic xmlns=\"http://hl7.org/fhir\"><id value=\"x1\"/><code><text value=\"ờ\"/></code></Basic>";
    let files = [
        file(path, "1.json", transaction),
        file(path, "2.json", &refused),
        file(path, "3.json", batch),
        file(path, "4.json", collection),
        file(path, "5.json", searchset),
        file(path, "6.json", history),
        file(path, "7.xml", xml),
        file(path, "8.json", "{\n"),
    ];
    let (summary, told) = run(&place, &console(), &files, false);
    assert_eq!((summary.created, summary.refused, summary.unreadable), (7, 6, 0), "{told:?}");
    let entries: Vec<Option<usize>> = told.iter().map(|(at, _)| at.entry).collect();
    assert_eq!(entries, [None, Some(1), Some(2), Some(2), None, None]);
    let patients = place.get(PROVINCE, "/fhir/Patient").await;
    assert!(patients.text.contains("Lê") && !patients.text.contains("Hỏng"), "all or nothing");
    let observation = place.get(PROVINCE, "/fhir/Observation/t").await.json();
    assert_eq!(observation["subject"]["reference"], format!("Patient/{}", patients.matches()[0]));
    let list = place.get(PROVINCE, "/fhir/List/l").await.json();
    assert_eq!(list["subject"]["reference"], "Group/0b7c9a9e-0000-4000-8000-000000000001");
    assert!(place.get(PROVINCE, "/fhir/Basic/x1").await.text.contains('ờ'));
    assert_eq!(place.get(PROVINCE, "/fhir/OperationOutcome/oo").await.status, 404);
    // Again: the transaction is known, the batch's POST finds its resource.
    let (second, _) = run(&place, &console(), &files, false);
    assert_eq!((second.created, second.updated, second.refused), (0, 0, 6));
    assert_eq!(place.get(PROVINCE, "/fhir/Patient?_summary=count").await.json()["total"], 1);
    assert_eq!(place.get(PROVINCE, "/fhir/Basic?_summary=count").await.json()["total"], 3);
}

#[tokio::test]
async fn a_facility_s_load_is_the_facility_s() {
    let place = Place::new();
    let folder = tempfile::tempdir().unwrap();
    let code = |code: &str| {
        let mut reader = place.store.read(&console()).unwrap();
        schema::facility_of_code(&mut reader, code).unwrap()
    };
    let of = |facility| {
        let actor = Actor { role: Role::SystemWriter, facility, ..Actor::console() };
        decide(&actor, Act::WriteFhir).unwrap()
    };
    let (a, b) = (of(code("46001")), of(code("46002")));
    assert!(matches!(a.scope(), Scope::Facility(_)));
    place.given(PROVINCE, r#"{"resourceType":"Organization","id":"org","name":"Sở Y tế"}"#).await;
    let text = format!("{}\n{}", line(1, "of A"), r#"{"resourceType":"Organization","id":"org","name":"mine"}"#);
    let path = [file(folder.path(), "a.ndjson", text)];
    let (summary, told) = run(&place, &a, &path, false);
    assert_eq!((summary.created, summary.refused), (1, 1));
    assert_eq!(told[0].0.line, 2, "the province's register is not a facility's to write");
    assert_eq!(place.get(A, "/fhir/Observation/o1").await.status, 200);
    place.get(B, "/fhir/Observation/o1").await.refused(404);
    // The same file of another facility is not known.
    let (other, _) = run(&place, &b, &path, false);
    assert_eq!((other.created, other.known), (1, 0));
    assert_eq!(place.get(B, "/fhir/Observation/o1").await.status, 200);
}
