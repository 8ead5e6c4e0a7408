//! kill -9 of the program while it exports, imports, and deletes by a condition: a job goes on after the start, nothing is
//! lost, nothing is there twice, nothing by half.
//!
//! 200 rounds with `MACH_TEST_FULL=1`; else some of them.

#![expect(clippy::unwrap_used, reason = "a broken expectation ends the test")]
#![expect(dead_code, reason = "each test uses some of what they share")]

#[path = "support/server.rs"]
mod server;
mod support;

use server::{Answer, Client, Serving, store_of, token};
use std::collections::BTreeMap;
use std::sync::mpsc::channel;
use std::time::Duration;
use support::{folder, mach, run};

const FULL: u32 = 200;

fn rounds(sampled: u32) -> u32 {
    if std::env::var("MACH_TEST_FULL").is_ok_and(|v| v == "1") { FULL } else { sampled }
}

/// Lets `time` pass: the moment of the kill is what the test varies, nothing waits for a result by it.
fn wait(time: Duration) {
    let (_hold, nothing) = channel::<()>();
    assert!(nothing.recv_timeout(time).is_err());
}

/// A part of `most` that visits all of it, out of order.
fn moment(round: u32, most: Duration) -> Duration {
    most.mul_f64(f64::from(round) * 0.618_033_988_75 % 1.0)
}

fn is_whole(store: &[String]) {
    let out = run(mach().args(store).args(["store", "check"]));
    assert_eq!(out.status.code(), Some(0), "{}", String::from_utf8_lossy(&out.stdout));
}

fn basic(id: &str, group: &str) -> String {
    format!(
        r#"{{"resourceType":"Basic","id":"{id}","identifier":[{{"system":"urn:group","value":"{group}"}}],"code":{{"text":"x"}}}}"#
    )
}

fn path_of(url: &str) -> String {
    let at = url.find("/fhir/").unwrap();
    url[at..].to_owned()
}

const ASYNC: (&str, &str) = ("prefer", "respond-async");

/// Asks a job's status until it is done.
fn done(client: &mut Client, status: &str) -> Answer {
    loop {
        let answer = client.send("GET", status, &[], "").unwrap();
        match answer.status {
            202 => wait(Duration::from_millis(2)),
            200 => return answer,
            _ => panic!("{answer:?}"),
        }
    }
}

/// Number of versions of each Basic of a group, by id, from the history of the type.
fn versions(client: &mut Client, group: &str) -> BTreeMap<String, u32> {
    let mut found: BTreeMap<String, u32> = BTreeMap::new();
    let mut next = Some("/fhir/Basic/_history?_count=1000".to_owned());
    while let Some(path) = next {
        let answer = client.send("GET", &path, &[], "").unwrap();
        assert_eq!(answer.status, 200, "{answer:?}");
        let json = answer.json();
        for entry in json["entry"].as_array().into_iter().flatten() {
            let of = entry["resource"]["identifier"][0]["value"].as_str();
            if of == Some(group) {
                *found.entry(entry["resource"]["id"].as_str().unwrap().to_owned()).or_default() += 1;
            }
        }
        let links = json["link"].as_array().unwrap();
        next = links.iter().find(|l| l["relation"] == "next").map(|l| path_of(l["url"].as_str().unwrap()));
    }
    found
}

#[test]
fn an_import_goes_on() {
    const LINES: usize = 2_000;
    let root = folder("kill-import");
    let store = store_of(&root.join("data"), None);
    let token = token(&store);
    let mut cut = 0;
    let all = rounds(4);
    for round in 0..all {
        let group = format!("i{round}");
        let mut serving = Serving::start(&store);
        let mut client = serving.client(&token);
        let lines: Vec<String> = (0..LINES).map(|n| basic(&format!("{group}-{n}"), &group)).collect();
        let headers = [ASYNC, ("content-type", "application/fhir+ndjson")];
        let asked = client.send("POST", "/fhir/$import", &headers, &lines.join("\n")).unwrap();
        assert_eq!(asked.status, 202, "{asked:?}");
        let status = path_of(asked.header("content-location").unwrap().trim());
        wait(moment(round, Duration::from_millis(400)));
        serving.kill();
        is_whole(&store);
        let serving = Serving::start(&store);
        let mut client = serving.client(&token);
        let first = client.send("GET", &status, &[], "").unwrap();
        cut += u32::from(first.status == 202);
        let manifest = done(&mut client, &status).json();
        assert!(manifest["error"].as_array().is_none_or(Vec::is_empty), "{manifest}");
        let found = versions(&mut client, &group);
        assert_eq!(found.len(), LINES, "round {round}");
        assert!(found.values().all(|n| *n == 1), "round {round}: a line was taken twice");
    }
    assert!(cut > 0, "no import was cut in {all} rounds");
    std::fs::remove_dir_all(&root).unwrap();
}

#[test]
fn an_export_goes_on() {
    const RESOURCES: usize = 3_000;
    let root = folder("kill-export");
    let store = store_of(&root.join("data"), None);
    let token = token(&store);
    let lines: Vec<String> = (0..RESOURCES).map(|n| basic(&format!("e-{n}"), "e")).collect();
    let file = root.join("all.ndjson");
    std::fs::write(&file, lines.join("\n")).unwrap();
    let loaded = run(mach().args(&store).args(["fhir", "load"]).arg(&file));
    assert!(loaded.status.success(), "{}", String::from_utf8_lossy(&loaded.stderr));
    let mut cut = 0;
    let all = rounds(4);
    for round in 0..all {
        let mut serving = Serving::start(&store);
        let mut client = serving.client(&token);
        let asked = client.send("GET", "/fhir/$export?_type=Basic", &[ASYNC], "").unwrap();
        assert_eq!(asked.status, 202, "{asked:?}");
        let status = path_of(asked.header("content-location").unwrap().trim());
        // What comes after is not of this export.
        let late = client.send("PUT", &format!("/fhir/Basic/late-{round}"), &[], &basic(&format!("late-{round}"), "l"));
        assert_eq!(late.unwrap().status, 201);
        wait(moment(round, Duration::from_millis(60)));
        serving.kill();
        let serving = Serving::start(&store);
        let mut client = serving.client(&token);
        let first = client.send("GET", &status, &[], "").unwrap();
        cut += u32::from(first.status == 202);
        let manifest = done(&mut client, &status).json();
        let mut found: BTreeMap<String, u32> = BTreeMap::new();
        for output in manifest["output"].as_array().unwrap() {
            let path = path_of(output["url"].as_str().unwrap());
            let answer = client.send("GET", &path, &[], "").unwrap();
            assert_eq!(answer.status, 200, "{answer:?}");
            let count = answer.body.lines().count();
            assert_eq!(output["count"].as_u64(), Some(count as u64), "what the manifest says");
            for line in answer.body.lines() {
                let resource: serde_json::Value = serde_json::from_str(line).unwrap();
                *found.entry(resource["id"].as_str().unwrap().to_owned()).or_default() += 1;
            }
        }
        assert!(found.values().all(|n| *n == 1), "round {round}: a resource stands twice");
        let of_round = RESOURCES + usize::try_from(round).unwrap();
        assert_eq!(found.len(), of_round, "round {round}: as of the moment it was asked");
        assert_eq!(client.send("DELETE", &status, &[], "").unwrap().status, 202);
    }
    assert!(cut > 0, "no export was cut in {all} rounds");
    std::fs::remove_dir_all(&root).unwrap();
}

#[test]
fn a_conditional_delete_is_all_or_nothing() {
    const MATCHES: usize = 100;
    let root = folder("kill-delete");
    let store = store_of(&root.join("data"), None);
    let token = token(&store);
    let (mut cut, mut kept) = (0, 0);
    let all = rounds(8);
    for round in 0..all {
        let group = format!("d{round}");
        let mut serving = Serving::start(&store);
        let mut client = serving.client(&token);
        let entries: Vec<String> = (0..MATCHES)
            .map(|n| {
                let id = format!("{group}-{n}");
                let body = basic(&id, &group);
                format!(r#"{{"resource":{body},"request":{{"method":"PUT","url":"Basic/{id}"}}}}"#)
            })
            .collect();
        let bundle = format!(r#"{{"resourceType":"Bundle","type":"transaction","entry":[{}]}}"#, entries.join(","));
        assert_eq!(client.send("POST", "/fhir", &[], &bundle).unwrap().status, 200);
        let path = format!("/fhir/Basic?identifier=urn:group|{group}");
        let count = |client: &mut Client| {
            let answer = client.send("GET", &format!("{path}&_summary=count"), &[], "").unwrap();
            answer.json()["total"].as_u64().unwrap()
        };
        assert_eq!(count(&mut client), MATCHES as u64);
        let answered = std::thread::scope(|scope| {
            let mut other = serving.client(&token);
            let path = &path;
            let answer = scope.spawn(move || other.send("DELETE", path, &[], ""));
            wait(moment(round, Duration::from_millis(12)));
            serving.kill();
            answer.join().unwrap()
        });
        is_whole(&store);
        let serving = Serving::start(&store);
        let mut client = serving.client(&token);
        let left = count(&mut client);
        match &answered {
            Some(answer) => assert_eq!((answer.status, left), (204, 0), "round {round}: what was acknowledged is done"),
            None => {
                cut += 1;
                assert!(left == 0 || left == MATCHES as u64, "round {round}: {left} are left");
            }
        }
        kept += u32::from(left > 0);
        assert_eq!(client.send("DELETE", &path, &[], "").unwrap().status, 204);
        assert_eq!(count(&mut client), 0);
        let found = client.send("GET", &format!("/fhir/Basic/{group}-0/_history"), &[], "").unwrap().json();
        assert_eq!(found["total"], 2, "deleted once, however often it was sent: {found}");
    }
    assert!(cut > 0 && kept > 0, "{cut} cut, {kept} kept of {all}");
    std::fs::remove_dir_all(&root).unwrap();
}
