//! PostgreSQL ended in the middle of imports, at once or with `kill -9`: what was told stays, the rest is sent again, and
//! then everything is as if nothing had happened. And the way of a store from one engine to the other, as users go it.

#![expect(clippy::unwrap_used, reason = "a broken expectation ends the test")]

mod support;

use mach_test_engines::{Home, Server};
use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};
use support::{digest, folder, import, mach, province, run};

const KILLS: u32 = 20;
const STOPS: u32 = 6;

fn imports(data: &Path, url: &str, files: &Path) -> Command {
    let mut command = import(data, &[files]);
    command.args(["--json", "--store", url]);
    command
}

fn digest_of(url: &str) -> String {
    let out = run(mach().args(["store", "digest", "--store", url]));
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).unwrap()
}

/// Claims by place and number, of these outcomes (all where none is given).
fn claims(out: &Output, outcomes: &[&str]) -> BTreeSet<String> {
    let text = String::from_utf8_lossy(&out.stdout);
    let lines = text.lines().filter_map(|l| serde_json::from_str::<serde_json::Value>(l).ok());
    let told = lines.filter_map(|mut l| Some(l["claim"].take()).filter(|c| !c.is_null()));
    let wanted = told.filter(|c| outcomes.is_empty() || outcomes.contains(&c["outcome"].as_str().unwrap()));
    wanted.map(|c| format!("{} {} {}", c["facility"], c["ma_lk"], c["position"])).collect()
}

/// Imports again and again while the server is ended at moments all over the import.
fn ended_servers_lose_nothing(name: &str, rounds: u32, end: fn(&Server)) {
    let Some(server) = Server::start(true) else { return };
    let root = folder(name);
    let files = root.join("files");
    province(&files, 700, 5);
    let clean = server.database();
    let started = Instant::now();
    let whole = run(&mut imports(&root, &clean, &files));
    let took = started.elapsed();
    assert_eq!(whole.status.code(), Some(2), "{}", String::from_utf8_lossy(&whole.stderr));
    let expected = digest_of(&clean);
    assert_eq!(expected, digest_on_sqlite(&root, &files), "both engines hold the same");
    let mut cut = 0;
    for round in 0..rounds {
        let url = server.database();
        let child = imports(&root, &url, &files).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // A golden step visits the moments of the import out of order, evenly.
        let share = f64::from(round) * 0.618_033_988_75 % 1.0;
        let ending = std::thread::scope(|scope| {
            scope.spawn(|| {
                wait(took.mul_f64(share));
                end(&server);
                server.wait_until_ready();
            });
            child.wait_with_output().unwrap()
        });
        let said = String::from_utf8_lossy(&ending.stderr);
        match ending.status.code() {
            Some(1) => {
                assert!(said.contains("the database cannot be reached") || said.contains("cannot be opened"), "{said}")
            }
            code => assert_eq!(code, Some(2), "round {round}: {said}"),
        }
        cut += u32::from(ending.status.code() == Some(1));
        let again = run(&mut imports(&root, &url, &files));
        assert_eq!(again.status.code().map(|c| c & 1), Some(0), "{}", String::from_utf8_lossy(&again.stderr));
        let lost: Vec<_> = claims(&ending, &[]).difference(&claims(&again, &["duplicate"])).cloned().collect();
        assert!(lost.is_empty(), "round {round}: told and then lost: {lost:?}");
        assert_eq!(digest_of(&url), expected, "round {round}, ended after {share:.2} of the import");
    }
    assert!(cut > rounds / 2, "only {cut} of {rounds} imports were still running");
    std::fs::remove_dir_all(&root).unwrap();
}

fn digest_on_sqlite(root: &Path, files: &Path) -> String {
    let data = root.join("sqlite");
    run(&mut import(&data, &[files]));
    digest(&data)
}

#[test]
fn postgresql_killed_under_load() {
    ended_servers_lose_nothing("pg-kill", KILLS, Server::kill);
}

#[test]
fn postgresql_restarted_under_load() {
    ended_servers_lose_nothing("pg-restart", STOPS, Server::stop_at_once);
}

#[test]
fn a_store_moves_to_postgresql_and_back_and_is_backed_up() {
    let root = folder("move");
    let (data, back) = (root.join("data"), root.join("back"));
    province(&root.join("files"), 120, 9);
    run(&mut import(&data, &[&root.join("files")]));
    let expected = digest(&data);
    let home = Home::postgres();
    if let Some(url) = home.url() {
        for (from, to) in [(data.to_str().unwrap(), url), (url, back.to_str().unwrap())] {
            let out = run(mach().args(["store", "copy", "--from", from, "--to", to]));
            assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        }
        assert_eq!((digest_of(url), digest(&back)), (expected.clone(), expected.clone()));
        let refused = run(mach().args(["store", "copy", "--from", url, "--to", data.to_str().unwrap()]));
        assert_eq!(refused.status.code(), Some(1));
        let checked = run(mach().args(["store", "check", "--store", url]));
        assert_eq!(checked.status.code(), Some(0), "{}", String::from_utf8_lossy(&checked.stdout));
    }
    let (file, restored) = (root.join("backup.db"), root.join("restored"));
    for command in [
        mach().arg("--data").arg(&data).args(["backup", "--to"]).arg(&file),
        mach().arg("--data").arg(&restored).args(["restore", "--from"]).arg(&file),
        mach().arg("--data").arg(&restored).args(["store", "check"]),
    ] {
        let out = run(command);
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    }
    assert_eq!(digest(&restored), expected);

    // A page in the middle of the file turns to nonsense: the check says so.
    let path = restored.join("mach.db");
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2 / 8192 * 8192;
    bytes[middle..middle + 8192].iter_mut().for_each(|b| *b ^= 0x5a);
    std::fs::write(&path, bytes).unwrap();
    let checked = run(mach().arg("--data").arg(&restored).args(["store", "check"]));
    let said = String::from_utf8_lossy(&checked.stdout);
    assert_eq!(checked.status.code(), Some(2), "{said}");
    assert!(said.contains("HỎNG / DAMAGED") && said.contains("mach restore"), "{said}");
    std::fs::remove_dir_all(&root).unwrap();
}

#[test]
fn addresses_that_cannot_be_used_are_refused_in_words() {
    for (url, why) in [
        ("postgres://m@db.example/mach?sslmode=disable", "in clear"),
        ("postgres://m@/mach?host=/nonexistent", "cannot be reached"),
        ("mysql://m@localhost/mach", "begins with postgres://"),
    ] {
        let out = run(mach().args(["store", "digest", "--store", url]));
        let said = String::from_utf8_lossy(&out.stderr);
        assert_eq!(out.status.code(), Some(1), "{said}");
        assert!(said.contains(why), "{url}: {said}");
    }
}

/// Lets `time` pass: the moment of the end is what the test varies, nothing waits for a result by it.
fn wait(time: Duration) {
    let (_hold, nothing) = channel::<()>();
    assert!(nothing.recv_timeout(time).is_err());
}
