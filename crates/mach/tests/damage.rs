//! A damaged store is not served unless asked to, and then for reading; a moment before a kill can be made again.

#![expect(clippy::unwrap_used, reason = "a broken expectation ends the test")]
#![expect(dead_code, reason = "each test uses some of what they share")]

#[path = "support/server.rs"]
mod server;
mod support;

use server::{Serving, store_of, token};
use std::process::Stdio;
use std::time::{Duration, Instant};
use support::{digest, folder, import, mach, province, run};

#[test]
fn a_damaged_store_is_served_for_reading_only_and_only_if_asked() {
    let root = folder("damage");
    let data = root.join("data");
    let store = store_of(&data, None);
    let token = token(&store);
    let mut serving = Serving::start(&store);
    let mut client = serving.client(&token);
    for n in 0..400 {
        let text = format!("{n} ").repeat(300);
        let body = format!(r#"{{"resourceType":"Basic","id":"b{n}","code":{{"text":"{text}"}}}}"#);
        assert_eq!(client.send("PUT", &format!("/fhir/Basic/b{n}"), &[], &body).unwrap().status, 201);
    }
    assert_eq!(client.send("GET", "/healthz", &[], "").unwrap().body, "ok");
    assert!(serving.stop().success());
    // A page of the bodies turns to nonsense.
    let path = data.join("mach.db");
    let mut bytes = std::fs::read(&path).unwrap();
    let pages = bytes.len() / 8192;
    // Other tables have sealed values too: a pack's row begins with its number, which is the row's own, and facility 0.
    let is_pack = |w: &[u8]| w[..2] == [0, 8] && w[4..] == [1, 0, 1, 0xe5];
    let packs =
        (pages / 2..pages).find(|p| bytes[p * 8192] == 13 && bytes[p * 8192..(p + 1) * 8192].windows(8).any(is_pack));
    let at = packs.unwrap() * 8192;
    bytes[at..at + 200].iter_mut().for_each(|b| *b ^= 0x5a);
    std::fs::write(&path, bytes).unwrap();

    let began = Instant::now();
    let refused = run(mach().args(&store).args(["serve", "--listen", "127.0.0.1:0"]));
    let said = format!("{}{}", String::from_utf8_lossy(&refused.stdout), String::from_utf8_lossy(&refused.stderr));
    assert_eq!(refused.status.code(), Some(1), "{said}");
    assert!(
        said.contains("HỎNG / DAMAGED") && said.contains("--despite-damage") && said.contains("mach restore"),
        "{said}"
    );
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    let checked = run(mach().args(&store).args(["store", "check"]));
    let named = String::from_utf8_lossy(&checked.stdout).into_owned();
    assert_eq!(checked.status.code(), Some(2), "{named}");
    assert!(named.contains("pack: rows") && named.contains("Basic/b"), "what is lost is named: {named}");

    let mut options = store.clone();
    options.extend(["serve", "--despite-damage", "--listen", "127.0.0.1:0"].map(str::to_owned));
    let serving = Serving::start_with(&options);
    let mut client = serving.client(&token);
    let health = client.send("GET", "/healthz", &[], "").unwrap();
    assert_eq!(health.status, 503, "{health:?}");
    let (mut read, mut lost) = (0, 0);
    for n in 0..400 {
        let answer = client.send("GET", &format!("/fhir/Basic/b{n}"), &[], "").unwrap();
        match answer.status {
            200 => read += 1,
            500 => {
                lost += 1;
                assert!(
                    answer.body.contains(answer.header("x-request-id").unwrap()) && !answer.body.contains("pack"),
                    "{answer:?}"
                );
                // The damage is named in the log, under the same id.
                let id = answer.header("x-request-id").unwrap().to_owned();
                let began = Instant::now();
                while !serving.log.lock().unwrap().lines().any(|l| l.contains(&id)) {
                    assert!(began.elapsed() < Duration::from_secs(60), "{id} is not in the log");
                    std::thread::yield_now();
                }
            }
            _ => panic!("{answer:?}"),
        }
    }
    assert!(read > 300 && lost > 0, "{read} read, {lost} lost");
    let body = r#"{"resourceType":"Basic","id":"new","code":{"text":"x"}}"#;
    let refused = client.send("PUT", "/fhir/Basic/new", &[], body).unwrap();
    assert_eq!((refused.status, &refused.json()["resourceType"]), (503, &serde_json::json!("OperationOutcome")));
    drop(serving);
    std::fs::remove_dir_all(&root).unwrap();
}

#[test]
fn an_import_that_was_killed_is_restored_to_its_last_commit() {
    let root = folder("pitr");
    let (files, data) = (root.join("files"), root.join("data"));
    province(&files, 300, 11);
    for command in [
        mach().arg("--data").arg(&data).args(["archive", "start"]),
        mach().arg("--data").arg(&data).args(["backup", "--to"]).arg(root.join("base.db")),
    ] {
        let out = run(command);
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    }
    let began = Instant::now();
    let whole = root.join("whole");
    run(&mut import(&whole, &[&files]));
    let took = began.elapsed();
    let mut moments = Vec::new();
    for round in 0..4_u32 {
        let mut child = import(&data, &[&files]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let (_hold, nothing) = std::sync::mpsc::channel::<()>();
        assert!(nothing.recv_timeout(took.mul_f64(0.2 + 0.2 * f64::from(round))).is_err());
        child.kill().unwrap();
        child.wait().unwrap();
        // The next process copies what the killed one committed and could not copy.
        let held = digest(&data);
        moments.push((mach_base::time::now_millis(), held));
    }
    let last = run(&mut import(&data, &[&files]));
    assert!(matches!(last.status.code(), Some(0 | 2)), "{}", String::from_utf8_lossy(&last.stderr));
    let end = digest(&data);
    assert_ne!(moments[0].1, end, "the first import was cut off");
    let restore = |name: &str, to: Option<i64>| {
        let (folder, archive) = (root.join(name), data.join("archive"));
        let mut command = mach();
        command.arg("--data").arg(&folder).args(["restore", "--from"]).arg(root.join("base.db"));
        command.arg("--archive").arg(&archive);
        if let Some(to) = to {
            command.args(["--to", &mach_base::time::instant_text(to)]);
        }
        let out = run(&mut command);
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        digest(&folder)
    };
    for (n, (at, held)) in moments.iter().enumerate() {
        assert_eq!(&restore(&format!("at-{n}"), Some(*at)), held, "after kill {n}");
    }
    assert_eq!(restore("end", None), end);
    let bad = run(mach()
        .arg("--data")
        .arg(root.join("bad"))
        .args(["restore", "--from"])
        .arg(root.join("base.db"))
        .arg("--archive")
        .arg(data.join("archive"))
        .args(["--to", "gestern"]));
    assert!(String::from_utf8_lossy(&bad.stderr).contains("is no moment"), "{bad:?}");
    std::fs::remove_dir_all(&root).unwrap();
}
