//! `mach fhir load`: killed at random moments and run again, exit codes, what it prints.

#![expect(clippy::unwrap_used, reason = "a broken expectation ends the test")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

const ROUNDS: u32 = 20;

fn mach() -> Command {
    Command::new(env!("CARGO_BIN_EXE_mach"))
}

fn run(command: &mut Command) -> Output {
    command.output().unwrap()
}

fn folder(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("mach-{name}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&path);
    std::fs::create_dir_all(&path).unwrap();
    path
}

fn digest(data: &Path) -> String {
    let out = run(mach().arg("--data").arg(data).args(["store", "digest"]));
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).unwrap()
}

fn load(data: &Path, path: &Path) -> Command {
    let mut command = mach();
    command.arg("--data").arg(data).args(["fhir", "load", "--json"]).arg(path);
    command
}

/// Lines with ids, and transactions that create without: both must come once.
fn files(root: &Path) {
    let files = root.join("files");
    std::fs::create_dir_all(&files).unwrap();
    for file in 0..4 {
        let lines: Vec<String> = (0..1_500)
            .map(|n| match n % 100 {
                50 => format!(
                    r#"{{"resourceType":"Bundle","type":"transaction","entry":[{{"resource":{{"resourceType":"Basic","code":{{"text":"{file}-{n}"}}}},"request":{{"method":"POST","url":"Basic"}}}}]}}"#
                ),
                _ => format!(
                    r#"{{"resourceType":"Observation","id":"f{file}-{n}","status":"final","code":{{"coding":[{{"system":"http://loinc.org","code":"{n}"}}]}},"valueQuantity":{{"value":{n}.50}}}}"#
                ),
            })
            .collect();
        std::fs::write(files.join(format!("{file}.ndjson")), lines.join("\n")).unwrap();
    }
}

#[test]
fn a_killed_load_goes_on_and_stores_nothing_twice() {
    let root = folder("load-kill");
    files(&root);
    let clean = root.join("clean");
    let started = Instant::now();
    let whole = run(&mut load(&clean, &root.join("files")));
    let took = started.elapsed();
    assert_eq!(whole.status.code(), Some(0), "{}", String::from_utf8_lossy(&whole.stderr));
    // Ids that the server gives differ from load to load: what is counted is how many there are.
    let counts = |data: &Path| {
        let rows: Vec<String> = digest(data)
            .lines()
            .map(|line| {
                let words: Vec<&str> = line.split_whitespace().collect();
                words.iter().take(2).copied().collect::<Vec<_>>().join(" ")
            })
            .collect();
        rows.join("\n")
    };
    let expected = counts(&clean);
    let mut cut = 0;
    for round in 0..ROUNDS {
        let data = root.join(format!("round-{round}"));
        let mut child = load(&data, &root.join("files")).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let share = f64::from(round) * 0.618_033_988_75 % 1.0;
        wait(took.mul_f64(share * 1.1));
        child.kill().unwrap();
        cut += u32::from(child.wait().unwrap().code().is_none());
        let again = run(&mut load(&data, &root.join("files")));
        assert_eq!(again.status.code(), Some(0), "round {round}: {}", String::from_utf8_lossy(&again.stderr));
        assert_eq!(counts(&data), expected, "round {round}, killed after {share:.2} of the load");
        std::fs::remove_dir_all(&data).unwrap();
    }
    assert!(cut > ROUNDS / 2, "only {cut} of {ROUNDS} loads were still running when killed");
    std::fs::remove_dir_all(&root).unwrap();
}

#[test]
fn exit_codes_and_places() {
    let root = folder("load-codes");
    let data = root.join("data");
    let path = root.join("x.ndjson");
    std::fs::write(&path, "{\"resourceType\":\"Basic\",\"id\":\"a\",\"code\":{\"text\":\"x\"}}\n{oops\n").unwrap();
    let some = run(&mut load(&data, &path));
    assert_eq!(some.status.code(), Some(2));
    let text = String::from_utf8(some.stdout).unwrap();
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(json["refused"][0]["line"], 2, "{text}");
    assert_eq!((&json["summary"]["created"], &json["summary"]["refused"]), (&1.into(), &1.into()));
    assert_eq!(run(&mut load(&data, &root.join("none"))).status.code(), Some(1));
    let mut other = mach();
    other.arg("--data").arg(&data).args(["fhir", "load", "--facility", "4"]).arg(&path);
    assert_eq!(run(&mut other).status.code(), Some(1));
    std::fs::remove_dir_all(&root).unwrap();
}

/// Lets `time` pass: the moment of the kill is what the test varies, nothing waits for a result by it.
fn wait(time: Duration) {
    let (_hold, nothing) = channel::<()>();
    assert!(nothing.recv_timeout(time).is_err());
}
