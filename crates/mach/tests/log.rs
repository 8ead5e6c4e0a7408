//! The transparency log as it is run: an imported province, its witness, its receipts and both their verifiers.
#![expect(clippy::unwrap_used, reason = "a broken expectation ends the test")]

mod support;

use mach_access::{Act, Actor, Decision, Scope, decide};
use mach_store::Store;
use mach_store::resources::{self, Of, Page, Resource};
use mach_store::sql::Execute;
use mach_test_engines::Home;
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use support::{digest, folder, import, mach, province, run};

/// A data folder, with its store in PostgreSQL where there is an address.
struct Node {
    data: PathBuf,
    url: Option<String>,
}

impl Node {
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = mach();
        command.arg("--data").arg(&self.data).args(arguments);
        if let Some(url) = &self.url {
            command.args(["--store", url]);
        }
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        run(&mut self.command(arguments))
    }

    fn text(&self, arguments: &[&str]) -> String {
        let out = self.run(arguments);
        assert!(out.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8(out.stdout).unwrap().trim_end().to_owned()
    }

    fn store(&self) -> Store {
        match &self.url {
            Some(url) => Store::connect(url).unwrap(),
            None => Store::open(&self.data).unwrap(),
        }
    }

    /// What `audit-log verify` finds, and its exit code.
    fn verify(&self) -> (Vec<String>, Value) {
        let out = self.run(&["audit-log", "verify", "--json"]);
        let said: Value = serde_json::from_slice(&out.stdout).unwrap();
        let found: Vec<String> =
            said["findings"].as_array().unwrap().iter().map(|f| f["text"].as_str().unwrap().to_owned()).collect();
        assert_eq!(out.status.code(), Some(if found.is_empty() { 0 } else { 2 }));
        (found, said)
    }
}

fn console() -> Decision {
    decide(&Actor::console(), Act::Administer).unwrap()
}

/// A program that serves; ended with the test.
struct Served(Child, String);

impl Served {
    fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let address = lines.find_map(|l| l.unwrap().strip_prefix("listening on http://").map(str::to_owned)).unwrap();
        Self(child, address)
    }

    fn get(&self, path: &str) -> (u16, Vec<u8>) {
        let mut stream = TcpStream::connect(&self.1).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", self.1).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let end = answer.windows(4).position(|w| w == b"\r\n\r\n").unwrap();
        let status = std::str::from_utf8(&answer[9..12]).unwrap().parse().unwrap();
        (status, answer.split_off(end + 4))
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

fn witness(data: &Path, log: &str) -> Served {
    let mut command = mach();
    command.arg("--data").arg(data).args(["witness", "--listen", "127.0.0.1:0", "--log", log]);
    Served::start(command)
}

fn newest(store: &Store, limit: usize) -> Vec<Resource> {
    let page = Page { limit, ..Page::default() };
    resources::history_page(&mut store.read(&console()).unwrap(), Scope::All, &Of::System, &page).unwrap()
}

fn a_province(name: &str, home: &Home) {
    let root = folder(name);
    let node = Node { data: root.join("data"), url: home.url().map(str::to_owned) };
    province(&root.join("files"), 120, 9);
    let mut importing = import(&node.data, &[&root.join("files")]);
    if let Some(url) = &node.url {
        importing.args(["--store", url]);
    }
    assert_eq!(run(&mut importing).status.code(), Some(2));

    let before = node.url.is_none().then(|| digest(&node.data));
    let log = node.text(&["audit-log", "key"]);
    let watching = witness(&root, &log);
    let key = String::from_utf8(watching.get("/").1).unwrap().trim().to_owned();
    std::fs::write(node.data.join("log/witnesses"), format!("# who watches\nhttp://{} {key}\n", watching.1)).unwrap();
    assert!(node.text(&["audit-log", "sign"]).ends_with("1 witnesses"));
    let (found, said) = node.verify();
    assert_eq!(found, Vec::<String>::new());
    assert!(said["leaves"].as_u64().unwrap() > 1000 && said["checkpoints"].as_u64() == Some(2), "{said}");

    receipts(&root, &node, &log, &key);
    assert_eq!(node.url.is_none().then(|| digest(&node.data)), before, "the log changes nothing of what it describes");

    // Somebody who owns the database changes an account's facility and a body's place.
    let target = newest(&node.store(), 1).remove(0);
    let (rid, expected) = (target.rid, format!("{}/{} version {}", target.kind.name(), target.id, target.version));
    let attack = move |tx: &mut mach_store::Tx<'_>| {
        tx.run("UPDATE resource SET slot = slot + 1 WHERE rid = ?1 /* every shard: whole store */", &[rid.into()])
    };
    node.store().write(&console(), attack).unwrap();
    let (found, _) = node.verify();
    assert!(found.len() == 1 && found[0].starts_with(&expected) && found[0].ends_with("was altered"), "{found:?}");
    drop(watching);
    std::fs::remove_dir_all(&root).unwrap();
}

/// Every kind of verifier says the same of receipts that hold and of those that do not.
fn receipts(root: &Path, node: &Node, log: &str, key: &str) {
    let store = node.store();
    let codes: std::collections::HashMap<i64, String> =
        mach_store::schema::facilities(&mut store.read(&console()).unwrap()).unwrap().into_iter().collect();
    let all = newest(&store, 4000);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/tlog/verify.py");
    for resource in all.iter().step_by(all.len() / 5) {
        let name = format!("{}/{}", resource.kind.name(), resource.id);
        let version = resource.version.to_string();
        let mut asked = vec!["audit-log", "receipt", &name, "--version", &version];
        if let Some(facility) = resource.facility {
            asked.extend(["--facility", &codes[&facility]]);
        }
        let receipt = node.text(&asked);
        let good = root.join("receipt.json");
        std::fs::write(&good, &receipt).unwrap();
        let bad = root.join("bad.json");
        std::fs::write(&bad, receipt.replacen(&resource.id, "another", 2)).unwrap();
        for (file, holds) in [(&good, true), (&bad, false)] {
            let out = run(mach().arg("verify").arg(file).args(["--log", log, "--witness", key]));
            assert_eq!(out.status.success(), holds, "{}", String::from_utf8_lossy(&out.stdout));
            let mut python = Command::new("python3");
            match python.arg(&script).args(["--log", log, "--witness", key]).arg(file).output() {
                Ok(out) => assert_eq!(out.status.success(), holds, "{}", String::from_utf8_lossy(&out.stdout)),
                Err(_) => eprintln!("SKIPPED: python3 is not installed, the second verifier was not asked"),
            }
        }
        let stranger = run(mach().arg("verify").arg(&good).args(["--log", log, "--witness", key, "--quorum", "2"]));
        assert_eq!(stranger.status.code(), Some(2));
    }
}

#[test]
fn a_province_on_sqlite() {
    a_province("log-sqlite", &Home::folder());
}

#[test]
fn a_province_on_postgresql() {
    a_province("log-postgres", &Home::postgres());
}

#[test]
fn yesterdays_folder_is_refused_by_the_node_and_by_its_witness() {
    let root = folder("log-yesterday");
    let node = Node { data: root.join("data"), url: None };
    let mut account = node.command(&["account", "set", "lan", "--role", "leader"]);
    let set = |command: &mut Command| {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(b"correct horse battery\n").unwrap();
        assert!(child.wait().unwrap().success());
    };
    set(&mut account);
    let log = node.text(&["audit-log", "key"]);
    let mode = std::fs::metadata(node.data.join("log/key")).unwrap().permissions();
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&mode) & 0o777, 0o600);
    node.text(&["audit-log", "sign"]);
    let yesterday = Node { data: root.join("yesterday"), url: None };
    let copied = |from: &Path, to: &Path| {
        std::fs::create_dir_all(to.join("log")).unwrap();
        for name in ["mach.db", "mach.db-wal", "log/key", "log/checkpoint"] {
            if from.join(name).exists() {
                std::fs::copy(from.join(name), to.join(name)).unwrap();
            }
        }
    };
    copied(&node.data, &yesterday.data);

    let serving = Served::start(node.command(&["serve", "--listen", "127.0.0.1:0"]));
    let watching = witness(&root, &log);
    let key = String::from_utf8(watching.get("/").1).unwrap().trim().to_owned();
    set(&mut node.command(&["account", "set", "minh", "--role", "leader"]));
    let witnesses = |address: &str| format!("http://{address} {key}\n");
    std::fs::write(node.data.join("log/witnesses"), witnesses(&watching.1)).unwrap();
    node.text(&["audit-log", "sign"]);
    let (status, checkpoint) = serving.get("/log/checkpoint");
    assert_eq!((status, String::from_utf8(checkpoint).unwrap().contains("witness.mach.invalid/")), (200, true));
    let (status, tile) = serving.get("/log/tile/0/000.p/1");
    assert_eq!((status, tile.len()), (200, 32));
    assert_eq!(serving.get("/log/tile/0/001").0, 404);
    assert_eq!(serving.get("/log/tile/0/1").0, 404);
    drop(serving);

    // The witness is killed and started again; it remembers.
    drop(watching);
    let watching = witness(&root, &log);
    std::fs::write(yesterday.data.join("log/witnesses"), witnesses(&watching.1)).unwrap();
    let said = |node: &Node| {
        let out = node.run(&["audit-log", "sign"]);
        assert_ne!(out.status.code(), Some(0));
        String::from_utf8(out.stderr).unwrap()
    };
    let refused = said(&yesterday);
    assert!(refused.contains("ROLLED BACK"), "{refused}");
    for name in ["a1", "a2", "a3"] {
        set(&mut yesterday.command(&["account", "set", name, "--role", "leader"]));
    }
    let refused = said(&yesterday);
    assert!(refused.contains("REWRITTEN"), "{refused}");
    assert!(std::fs::read_to_string(root.join("witness/refused.log")).unwrap().contains("answered 422"));

    // Yesterday's store under today's own checkpoint: the node does not sign it, verify says why.
    std::fs::copy(node.data.join("log/checkpoint"), yesterday.data.join("log/checkpoint")).unwrap();
    let refused = said(&yesterday);
    assert!(refused.contains("it is not signed"), "{refused}");
    let (found, _) = yesterday.verify();
    assert!(found.iter().any(|f| f.contains("the log was rewritten") || f.contains("rolled back")), "{found:?}");
    drop(watching);
    std::fs::remove_dir_all(&root).unwrap();
}
