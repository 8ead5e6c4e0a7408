//! kill -9 of the program, and of the database server, in the middle of every kind of FHIR write: what was acknowledged is
//! there, nothing is there by half, a search finds what a read finds, and sending again is safe.
//!
//! 200 rounds with `MACH_TEST_FULL=1`; else some of them.

#![expect(clippy::unwrap_used, reason = "a broken expectation ends the test")]
#![expect(dead_code, reason = "each test uses some of what they share")]

#[path = "support/server.rs"]
mod server;
mod support;
#[path = "support/writes.rs"]
mod writes;

use mach_test_engines::{Home, Server};
use server::{Serving, store_of, token};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::channel;
use std::time::Duration;
use support::{folder, mach, run};
use writes::Writer;

const CLIENTS: u64 = 4;
const FULL: u32 = 200;

fn rounds(sampled: u32) -> u32 {
    if std::env::var("MACH_TEST_FULL").is_ok_and(|v| v == "1") { FULL } else { sampled }
}

/// Lets `time` pass: the moment of the kill is what the test varies, nothing waits for a result by it.
fn wait(time: Duration) {
    let (_hold, nothing) = channel::<()>();
    assert!(nothing.recv_timeout(time).is_err());
}

fn is_whole(store: &[String]) {
    let out = run(mach().args(store).args(["store", "check"]));
    assert_eq!(out.status.code(), Some(0), "{}", String::from_utf8_lossy(&out.stdout));
}

fn killed_writes_lose_nothing(root: &Path, url: Option<&str>, rounds: u32) {
    let store = store_of(&root.join("data"), url);
    let token = token(&store);
    let mut cut = 0;
    let mut acknowledged = 0;
    for round in 0..rounds {
        let mut serving = Serving::start(&store);
        let mut writers: Vec<Writer> =
            (0..CLIENTS).map(|n| Writer::new(&format!("k{round}-{n}"), u64::from(round) * CLIENTS + n + 1)).collect();
        let done = AtomicU64::new(0);
        // Moments all over the writing, by the number of writes answered; a golden step visits them out of order.
        let share = f64::from(round) * 0.618_033_988_75 % 1.0;
        std::thread::scope(|scope| {
            for writer in &mut writers {
                let (mut client, done) = (serving.client(&token), &done);
                scope.spawn(move || {
                    while writer.write(&mut client) {
                        done.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
            let after = (20.0 + share * 150.0) as u64;
            while done.load(Ordering::Relaxed) < after {
                wait(Duration::from_micros(200));
            }
            wait(Duration::from_micros((share * 7919.0 % 1.0 * 3000.0) as u64));
            serving.kill();
        });
        is_whole(&store);
        let serving = Serving::start(&store);
        let mut client = serving.client(&token);
        for writer in &mut writers {
            cut += u32::from(writer.is_in_doubt());
            acknowledged += writer.acknowledged;
            writer.verify(&mut client);
        }
    }
    assert!(cut >= rounds, "only {cut} writes were cut in {rounds} rounds");
    println!("{rounds} kills, {acknowledged} writes acknowledged, {cut} cut off");
    std::fs::remove_dir_all(root).unwrap();
}

#[test]
fn the_program_killed_on_sqlite() {
    killed_writes_lose_nothing(&folder("kill-fhir"), None, rounds(10));
}

#[test]
fn the_program_killed_with_an_archive() {
    let root = folder("kill-archive");
    let started = run(mach().arg("--data").arg(root.join("data")).args(["archive", "start"]));
    assert!(started.status.success(), "{}", String::from_utf8_lossy(&started.stderr));
    killed_writes_lose_nothing(&root, None, rounds(5));
}

#[test]
fn the_program_killed_on_postgresql() {
    let home = Home::postgres();
    let Some(url) = home.url() else { return };
    killed_writes_lose_nothing(&folder("kill-fhir-pg"), Some(url), rounds(6));
}

#[test]
fn the_database_server_killed_under_fhir_writes() {
    let Some(server) = Server::start(true) else { return };
    let root = folder("pg-fhir");
    let url = server.database();
    let store = store_of(&root.join("data"), Some(&url));
    let token = token(&store);
    let serving = Serving::start(&store);
    for round in 0..rounds(6) / 2 {
        let mut writers: Vec<Writer> =
            (0..CLIENTS).map(|n| Writer::new(&format!("s{round}-{n}"), u64::from(round) * CLIENTS + n + 1)).collect();
        let done = AtomicU64::new(0);
        std::thread::scope(|scope| {
            for writer in &mut writers {
                let (mut client, done) = (serving.client(&token), &done);
                scope.spawn(move || {
                    while writer.write(&mut client) {
                        done.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
            while done.load(Ordering::Relaxed) < 40 {
                wait(Duration::from_micros(200));
            }
            if round % 2 == 0 {
                server.kill()
            } else {
                server.stop_at_once()
            }
            server.wait_until_ready();
        });
        // The program stayed; it finds the server again by itself.
        let mut client = serving.client(&token);
        for writer in &mut writers {
            assert!(writer.refused > 0 || writer.is_in_doubt(), "the end of the server was not noticed");
            writer.verify(&mut client);
        }
    }
    drop(serving);
    is_whole(&store);
    std::fs::remove_dir_all(&root).unwrap();
}

#[test]
fn a_full_disk_refuses_writes_in_words_and_goes_on() {
    let root = folder("full-fhir");
    let data = root.join("data");
    std::fs::create_dir_all(&data).unwrap();
    let (mounted, how) = small_disk(&data);
    if !mounted {
        // Not `eprintln!`: a passing test's output would be swallowed.
        let said = format!("NOT TESTED: a full disk under FHIR writes; a small disk needs root to be mounted: {how}\n");
        let _ = std::io::Write::write_all(&mut std::io::stderr(), said.as_bytes());
        return;
    }
    let store = store_of(&data, None);
    let token = token(&store);
    let mut serving = Serving::start(&store);
    let mut client = serving.client(&token);
    let mut writer = Writer::new("full", 7);
    for _ in 0..50 {
        assert!(writer.write(&mut client));
    }
    // Somebody else fills the disk.
    let ballast = data.join("ballast");
    let mut file = std::fs::File::create(&ballast).unwrap();
    let block = vec![1_u8; 1 << 16];
    while std::io::Write::write_all(&mut file, &block).is_ok() {}
    let mut tries = 0;
    while writer.write(&mut client) {
        tries += 1;
        assert!(tries < 20_000, "the disk never was full");
    }
    assert!(writer.refused > 0, "a full disk is said, not a lost connection");
    // Reading goes on, and so do all other clients.
    let read = serving.client(&token).send("GET", "/fhir/Basic?_count=5", &[], "").unwrap();
    assert_eq!(read.status, 200, "{read:?}");
    for _ in 0..20 {
        let refused =
            client.send("PUT", "/fhir/Basic/x", &[], r#"{"resourceType":"Basic","id":"x","code":{"text":"y"}}"#);
        let refused = refused.unwrap();
        assert!(
            matches!(refused.status, 503 | 507) && refused.json()["resourceType"] == "OperationOutcome",
            "{refused:?}"
        );
    }
    drop(file);
    std::fs::remove_file(&ballast).unwrap();
    writer.verify(&mut client);
    for _ in 0..50 {
        assert!(writer.write(&mut client), "writes work again without a restart");
    }
    writer.verify(&mut client);
    serving.kill();
    is_whole(&store);
    drop(serving);
    assert!(run(std::process::Command::new("umount").arg(&data)).status.success());
    std::fs::remove_dir_all(&root).unwrap();
}

/// A disk of some megabytes at `at`; why not, where that is not allowed.
fn small_disk(at: &Path) -> (bool, String) {
    let mount = std::process::Command::new("mount").args(["-t", "tmpfs", "-o", "size=64m", "tmpfs"]).arg(at).output();
    match mount {
        Ok(out) => (out.status.success(), String::from_utf8_lossy(&out.stderr).into_owned()),
        Err(e) => (false, e.to_string()),
    }
}
