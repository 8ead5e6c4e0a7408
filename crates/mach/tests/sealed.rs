//! Nothing that must not lie in clear does: every byte of the data folder, its log, archive, backup and exports, what the
//! program printed, and the files of a PostgreSQL server are searched for it.

#![expect(clippy::unwrap_used, reason = "a broken expectation ends the test")]
#![expect(dead_code, reason = "each test uses some of what they share")]

#[path = "support/server.rs"]
mod server;
mod support;

use mach_access::{Act, Actor, Decision, decide};
use mach_store::{Store, factors, people};
use mach_test_engines::Home;
use server::{Client, Serving, store_of, token};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use support::{folder, import, mach, province, run};

const CCCD: &str = "079085012345";
const CARD: &str = "GD4797912345678";
const PHONE: &str = "0905987654";
const PASSWORD_OF_OTHERS: &str = "Bearer very-secret-of-others";
const DIAGNOSIS: &str = "HIV positive, told 2026-03-04";
const NAME: &str = "Nguyễn Thị Mẫu Sealed";
const FACTOR: &[u8] = b"\x01twenty bytes secret\xfe";

fn console() -> Decision {
    decide(&Actor::console(), Act::Administer).unwrap()
}

fn files(below: &Path, into: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(below).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files(&path, into) } else { into.push(path) }
    }
}

/// Where any of `needles` lies in clear below `root`. Each has eight bytes at least, by which all are looked for at once.
fn found(root: &Path, needles: &[Vec<u8>]) -> Vec<String> {
    let mut by_begin: HashMap<[u8; 8], Vec<&[u8]>> = HashMap::new();
    needles.iter().for_each(|n| by_begin.entry(*n.first_chunk().unwrap()).or_default().push(n));
    let mut all = Vec::new();
    files(root, &mut all);
    assert!(!all.is_empty());
    let mut out = Vec::new();
    for path in all {
        // A server may take a file away meanwhile.
        let Ok(bytes) = std::fs::read(&path) else { continue };
        for at in 0..bytes.len().saturating_sub(7) {
            let Some(these) = bytes[at..].first_chunk().and_then(|begin| by_begin.get(begin)) else { continue };
            for needle in these.iter().filter(|n| bytes[at..].starts_with(n)) {
                out.push(format!("{} in {} at {at}", String::from_utf8_lossy(needle), path.display()));
            }
        }
    }
    out
}

/// Each needle as it is and backwards.
fn needles(texts: &[&str]) -> Vec<Vec<u8>> {
    let both = |t: &&str| [t.as_bytes().to_vec(), t.chars().rev().collect::<String>().into_bytes()];
    texts.iter().flat_map(both).chain([FACTOR.to_vec()]).collect()
}

fn send(client: &mut Client, method: &str, path: &str, headers: &[(&str, &str)], body: &str, status: u16) -> String {
    let answer = client.send(method, path, headers, body).unwrap();
    assert_eq!(answer.status, status, "{method} {path}: {answer:?}");
    answer.body
}

fn until(what: &str, mut done: impl FnMut() -> bool) {
    let began = Instant::now();
    while !done() {
        assert!(began.elapsed() < Duration::from_secs(60), "{what}");
        std::thread::yield_now();
    }
}

/// Stores, finds, exports and asks wrongly for what must not lie in clear.
fn use_it(client: &mut Client) {
    let patient = format!(
        r#"{{"resourceType":"Patient","id":"p","name":[{{"text":"{NAME}"}}],"identifier":[
        {{"system":"http://moh.gov.vn/cccd","value":"{CCCD}"}},{{"system":"urn:bhyt","value":"{CARD}"}}],
        "telecom":[{{"system":"phone","value":"{PHONE}"}}],"birthDate":"1985-03-04"}}"#
    );
    send(client, "PUT", "/fhir/Patient/p", &[], &patient, 201);
    let condition = format!(
        r#"{{"resourceType":"Condition","id":"c","subject":{{"reference":"Patient/p"}},"note":[{{"text":"{DIAGNOSIS}"}}]}}"#
    );
    send(client, "PUT", "/fhir/Condition/c", &[], &condition, 201);
    let subscription = format!(
        r#"{{"resourceType":"Subscription","id":"s","status":"requested","reason":"t","criteria":"Patient?active=true",
        "channel":{{"type":"rest-hook","endpoint":"https://receiver.example/in","header":["Authorization: {PASSWORD_OF_OTHERS}"]}}}}"#
    );
    send(client, "PUT", "/fhir/Subscription/s", &[], &subscription, 201);
    for query in [
        format!("identifier={CCCD}"),
        format!("identifier=http://moh.gov.vn/cccd%7C{CCCD}"),
        format!("identifier=urn:bhyt%7C{CARD}"),
        format!("phone={PHONE}"),
        format!("telecom={PHONE}"),
    ] {
        let body = send(client, "GET", &format!("/fhir/Patient?{query}"), &[], "", 200);
        assert!(body.contains(CCCD), "{query} finds: {body}");
    }
    let none = send(client, "GET", "/fhir/Patient?identifier=079085012346", &[], "", 200);
    assert!(!none.contains(CCCD));
    // What is wrong is told, and not written down.
    send(client, "GET", &format!("/fhir/Patient?birthdate={CCCD}"), &[], "", 400);
    send(client, "GET", &format!("/fhir/Patient/{CCCD}"), &[], "", 404);
    let bad = format!(r#"{{"resourceType":"Patient","identifier":[{{"value":"{CCCD}"}}"#);
    let refused = client.send("POST", "/fhir/Patient", &[], &bad).unwrap();
    assert!((400..500).contains(&refused.status), "{refused:?}");
    // An export lies on the disk until it is fetched.
    let job = client.send("GET", "/fhir/$export", &[("prefer", "respond-async")], "").unwrap();
    assert_eq!(job.status, 202, "{job:?}");
    let at = job.header("content-location").unwrap();
    let at = at[at.find("/fhir/").unwrap()..].trim().to_owned();
    let mut manifest = String::new();
    until("the export ends", || {
        let answer = client.send("GET", &at, &[], "").unwrap();
        manifest = answer.body;
        answer.status == 200
    });
    let manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap();
    let urls = manifest["output"].as_array().unwrap().iter().map(|o| o["url"].as_str().unwrap());
    let mut lines = String::new();
    for url in urls {
        lines += &send(client, "GET", &url[url.find("/fhir/").unwrap()..], &[], "", 200);
    }
    assert!(lines.contains(CCCD) && lines.contains(DIAGNOSIS), "{lines}");
    // What was asked for names people too.
    let filter = format!("/fhir/Patient/$export?_typeFilter=Patient%3Fidentifier%3D{CCCD}");
    let job = client.send("GET", &filter, &[("prefer", "respond-async")], "").unwrap();
    assert_eq!(job.status, 202, "{job:?}");
    // And goes in again from a body, which lies there too.
    let again = lines.lines().filter(|l| l.contains(CCCD)).map(|l| l.replace("\"id\":\"p\"", "\"id\":\"p2\""));
    let body: String = again.map(|l| l + "\n").collect();
    let kind = [("prefer", "respond-async"), ("content-type", "application/fhir+ndjson")];
    let job = client.send("POST", "/fhir/$import", &kind, &body).unwrap();
    assert_eq!(job.status, 202, "{job:?}");
    until("the import ends", || {
        client.send("GET", "/fhir/Patient/p2", &[], "").is_some_and(|answer| answer.status == 200)
    });
}

/// Numbers of imported people, and the second factor of an account.
fn known(store: &Store) -> Vec<String> {
    store.write(&console(), |tx| tx.propose_factor(7, FACTOR)).unwrap();
    let mut reader = store.read(&console()).unwrap();
    assert_eq!(factors::factor(&mut reader, 7).unwrap().unwrap().secret, FACTOR);
    let mut out = Vec::new();
    for id in 1..people::next_person(&mut reader).unwrap() {
        let person = people::person(&mut reader, id).unwrap().unwrap();
        out.extend([person.national, person.insurance, person.phone].into_iter().flatten());
    }
    // Short ones stand in other numbers by chance.
    out.retain(|n| n.len() >= 9);
    out.sort_unstable();
    out.dedup();
    assert!(out.len() > 60, "{}", out.len());
    out
}

fn nothing_in_clear(name: &str, home: &Home) {
    let root = folder(name);
    let data = root.join("data");
    let store = store_of(&data, home.url());
    province(&root.join("files"), 120, 4);
    let mut importing = import(&data, &[&root.join("files")]);
    if let Some(url) = home.url() {
        importing.args(["--store", url]);
    }
    let out = run(&mut importing);
    assert_eq!(out.status.code(), Some(2), "{}", String::from_utf8_lossy(&out.stderr));
    std::fs::remove_dir_all(root.join("files")).unwrap();
    let token = token(&store);
    if home.url().is_none() {
        assert!(run(mach().args(&store).args(["archive", "start"])).status.success());
    }
    let mut command = mach();
    command.args(&store).args(["serve", "--listen", "127.0.0.1:0"]).env("MACH_LOG", "debug");
    let mut serving = Serving::started(command);
    let mut client = serving.client(&token);
    use_it(&mut client);
    let opened = match home.url() {
        Some(url) => Store::connect(url).unwrap(),
        None => Store::open(&data).unwrap(),
    };
    let numbers = known(&opened);
    let mut texts: Vec<&str> = vec![CCCD, CARD, PHONE, PASSWORD_OF_OTHERS, "very-secret-of-others", DIAGNOSIS];
    texts.extend(numbers.iter().map(String::as_str));
    let needles = needles(&texts);
    if home.url().is_none() {
        let backup = root.join("backup.db").display().to_string();
        let out = run(mach().args(&store).args(["backup", "--to", &backup]));
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    }
    // With the log of the database as it lies there while others write, and after a kill.
    assert_eq!(found(&root, &needles), Vec::<String>::new());
    let folded = b"nguyen thi mau sealed".to_vec();
    if let Some(url) = home.url() {
        let files = PathBuf::from(url.split_once("host=").unwrap().1.split('&').next().unwrap());
        drop(opened);
        run(std::process::Command::new("psql").args(["-d", url, "-c", "CHECKPOINT"]));
        assert_eq!(found(&files, &needles), Vec::<String>::new());
        assert!(!found(&files, &[folded]).is_empty(), "a name is found: the search would find the others");
    } else {
        drop(opened);
        assert!(!found(&data, &[folded]).is_empty(), "a name is found: the search would find the others");
    }
    serving.kill();
    assert_eq!(found(&root, &needles), Vec::<String>::new());
    let said = serving.log.lock().unwrap().clone();
    for text in texts {
        assert!(!said.contains(text), "the log says {text}");
    }
    std::fs::remove_dir_all(&root).unwrap();
}

#[test]
fn nothing_in_clear_on_sqlite() {
    nothing_in_clear("sealed", &Home::folder());
}

#[test]
fn nothing_in_clear_on_postgresql() {
    nothing_in_clear("sealed-postgres", &Home::postgres());
}

#[test]
fn keys_are_turned_and_a_store_opens_with_its_own_only() {
    let root = folder("sealed-keys");
    let data = root.join("data");
    let store = store_of(&data, None);
    let with = |keys: &str, args: &[&str]| {
        let mut command = mach();
        command.args(&store).arg("--keys").arg(root.join(keys)).args(args);
        let out = run(&mut command);
        (out.status.code(), String::from_utf8_lossy(&[out.stdout, out.stderr].concat()).into_owned())
    };
    province(&root.join("files"), 80, 4);
    let files = root.join("files").display().to_string();
    assert_eq!(with("keys", &["claims", "import", &files]).0, Some(2), "some are defective");
    let before = with("keys", &["store", "digest"]);
    assert_eq!(before.0, Some(0), "{}", before.1);

    // Other keys: refused in words, nothing written.
    let (code, said) = with("other", &["store", "digest"]);
    assert!(code == Some(1) && said.contains("sealed with another keyring") && said.contains("--keys"), "{said}");
    // Without its master key: refused, and no new one is made in its place.
    std::fs::rename(root.join("keys/master.key"), root.join("away")).unwrap();
    let (code, said) = with("keys", &["store", "digest"]);
    assert!(code == Some(1) && said.contains("bring it back"), "{said}");
    std::fs::rename(root.join("away"), root.join("keys/master.key")).unwrap();

    // Looking makes none.
    let (code, said) = with("none", &["keys", "show"]);
    assert!(code == Some(0) && said.contains("no keys yet") && !root.join("none").exists(), "{said}");

    // New keys: everything is sealed anew, once, and is what it was.
    std::fs::create_dir(root.join("old")).unwrap();
    for file in ["master.key", "keyring"] {
        std::fs::copy(root.join("keys").join(file), root.join("old").join(file)).unwrap();
    }
    let (code, said) = with("keys", &["keys", "rotate"]);
    assert!(said.contains("Copy the folder of keys again now"), "{said}");
    assert!(code == Some(0) && said.contains("body      key 2") && said.contains("index     key 1"), "{said}");
    let rows: u64 = said.lines().last().unwrap().split(' ').next().unwrap().parse().unwrap();
    assert!(rows > 100, "{said}");
    assert_eq!(with("keys", &["keys", "reseal"]).1.trim(), "0 rows sealed anew");
    assert_eq!(with("keys", &["store", "digest"]), before);
    let (code, said) = with("keys", &["store", "check"]);
    assert_eq!(code, Some(0), "{said}");
    let (code, said) = with("keys", &["audit-log", "verify"]);
    assert_eq!(code, Some(0), "{said}");

    // A copy of the keys from before is refused in words: nothing is called damaged, nothing is written with old keys.
    for args in [&["store", "check"][..], &["keys", "rotate"], &["store", "digest"]] {
        let (code, said) = with("old", args);
        assert!(code == Some(1) && said.contains("an older copy") && !said.contains("HỎNG"), "{said}");
    }
    // A value that was changed keeps no other from being sealed anew.
    let path = data.join("mach.db");
    let mut bytes = std::fs::read(&path).unwrap();
    let at = bytes.windows(4).position(|w| w == [2, 0, 1, 0xe5]).unwrap();
    bytes[at + 20] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let (code, said) = with("keys", &["keys", "rotate"]);
    assert!(code == Some(0) && said.contains("1 rows are damaged") && said.contains("body      key 3"), "{said}");
    assert_eq!(with("keys", &["keys", "reseal"]).1.lines().last().unwrap(), "0 rows sealed anew");
    std::fs::remove_dir_all(&root).unwrap();
}
