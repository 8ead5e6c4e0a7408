//! The program among hostile clients: five thousand connections, heads and bodies without end; others are served.

#![expect(clippy::unwrap_used, reason = "a broken expectation ends the test")]
#![expect(dead_code, reason = "each test uses some of what they share")]

#[path = "support/server.rs"]
mod server;
mod support;

use server::{Serving, store_of, token};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};
use support::{folder, mach, run};

const CONNECTIONS: usize = 5_000;
/// Resident memory of a server that all these lean on, MB.
const MEMORY_MB: u64 = 300;

/// Resident memory and open files of a process.
fn weight(pid: u32) -> (u64, usize) {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:")).unwrap();
    let kib: u64 = line.split_whitespace().next().unwrap().parse().unwrap();
    (kib / 1024, std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count())
}

/// As many sockets as this process may open, at most `CONNECTIONS`.
fn as_many_as_allowed() -> usize {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap();
    let line = limits.lines().find_map(|l| l.strip_prefix("Max open files")).unwrap();
    let allowed = line.split_whitespace().next().unwrap().parse().unwrap_or(usize::MAX).saturating_sub(200);
    if allowed < CONNECTIONS {
        let said = format!("ONLY {allowed} of {CONNECTIONS} hostile connections: raise `ulimit -n`\n");
        let _ = std::io::stderr().write_all(said.as_bytes());
    }
    allowed.min(CONNECTIONS)
}

#[test]
fn five_thousand_hostile_connections_and_others_are_served() {
    let root = folder("crowd");
    let store = store_of(&root.join("data"), None);
    let token = token(&store);
    let server = Serving::start_after("ulimit -n 1024", &store);
    let mut honest = server.client(&token);
    let patient = r#"{"resourceType":"Patient","id":"p","active":true}"#;
    assert_eq!(honest.send("PUT", "/fhir/Patient/p", &[], patient).unwrap().status, 201);
    let openings: [&[u8]; 6] = [
        b"",
        b"G",
        b"POST /fhir/Patient HTTP/1.1\r\nhost: m\r\ncontent-length: 60000000\r\n\r\n{",
        b"POST /fhir/Patient HTTP/1.1\r\nhost: m\r\ntransfer-encoding: chunked\r\n\r\n5\r\naaaaa\r\n",
        b"GET /fhir/metadata HTTP/1.1\r\nhost: m\r\n\r\nGET /fhir/metadata HTTP/1.1\r\nhost: m\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ];
    let mut held = Vec::new();
    let mut slowest = Duration::ZERO;
    let count = as_many_as_allowed();
    for n in 0..count {
        let mut stream = TcpStream::connect(server.at).unwrap();
        // The server may have ended it already.
        let _ = stream.write_all(openings[n % openings.len()]);
        held.push(stream);
        if n % 250 == 0 {
            let began = Instant::now();
            // A kept connection may be among those that had to go; a new one is served.
            let read = honest.send("GET", "/fhir/Patient/p", &[], "");
            let read = read.or_else(|| honest.send("GET", "/fhir/Patient/p", &[], "")).unwrap();
            assert_eq!(read.status, 200, "{read:?}");
            let written = server.client(&token).send(
                "PUT",
                &format!("/fhir/Patient/p{n}"),
                &[],
                &patient.replace("\"p\"", &format!("\"p{n}\"")),
            );
            assert_eq!(written.unwrap().status, 201);
            slowest = slowest.max(began.elapsed());
        }
    }
    // A head of 100 MB.
    let mut endless = TcpStream::connect(server.at).unwrap();
    let line = format!("x: {}\r\n", "a".repeat(60_000));
    let mut sent = endless.write(b"GET /healthz HTTP/1.1\r\n").unwrap();
    while sent < 100 << 20 {
        match endless.write(line.as_bytes()) {
            Ok(bytes) => sent += bytes,
            Err(_) => break,
        }
    }
    assert!(sent < 100 << 20, "all of it was taken");
    let (mb, files) = weight(server.child.id());
    assert!(mb < MEMORY_MB, "{mb} MB");
    assert!(files < 1024, "{files} open files");
    assert!(slowest < Duration::from_secs(20), "{slowest:?}");
    assert_eq!(server.client(&token).send("GET", "/healthz", &[], "").unwrap().status, 200);
    let said = server.log.lock().unwrap().clone();
    assert!(!said.contains("panicked") && !said.contains("no connection can be taken"), "{said}");
    println!("{count} connections: {mb} MB at most, {files} files, slowest read and write {slowest:?}");
    drop(held);
    drop(server);
    std::fs::remove_dir_all(&root).unwrap();
}

#[test]
fn what_runs_is_finished_when_told_to_stop() {
    let root = folder("finish");
    let store = store_of(&root.join("data"), None);
    let token = token(&store);
    let mut server = Serving::start(&store);
    let bundle = |n: usize| {
        let entries: Vec<String> = (0..400)
            .map(|i| format!(
                r#"{{"resource":{{"resourceType":"Basic","id":"b{n}-{i}","code":{{"text":"x"}}}},"request":{{"method":"PUT","url":"Basic/b{n}-{i}"}}}}"#
            ))
            .collect();
        format!(r#"{{"resourceType":"Bundle","type":"transaction","entry":[{}]}}"#, entries.join(","))
    };
    let senders: Vec<_> = (0..4)
        .map(|n| {
            let (mut client, body) = (server.client(&token), bundle(n));
            // The request is on its way before the server is told.
            assert_eq!(client.send("GET", "/healthz", &[], "").unwrap().status, 200);
            std::thread::spawn(move || client.send("POST", "/fhir", &[], &body))
        })
        .collect();
    assert!(server.stop().success());
    let answers: Vec<_> = senders.into_iter().map(|s| s.join().unwrap()).collect();
    // What was not taken any more heard nothing; what was taken was answered, and is there.
    let server = Serving::start(&store);
    let mut client = server.client(&token);
    for (n, answer) in answers.iter().enumerate() {
        let there = client.send("GET", &format!("/fhir/Basic/b{n}-399"), &[], "").unwrap().status;
        match answer {
            Some(answer) => assert_eq!((answer.status, there), (200, 200)),
            None => assert!(there == 200 || there == 404, "{there}"),
        }
    }
    drop(server);
    std::fs::remove_dir_all(&root).unwrap();
}

#[test]
fn an_open_address_without_tls_is_refused() {
    let root = folder("open");
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:8080"] {
        let out = run(mach().args(store_of(&root, None)).args(["serve", "--listen", address]));
        let said = String::from_utf8_lossy(&out.stderr);
        assert_eq!(out.status.code(), Some(1), "{address}: {said}");
        assert!(said.contains("reachable from other machines") && said.contains("TLS"), "{said}");
    }
    std::fs::remove_dir_all(&root).unwrap();
}

#[test]
fn garbage_is_answered_or_cut_and_never_breaks() {
    let root = folder("garbage");
    let store = store_of(&root.join("data"), None);
    let server = Serving::start(&store);
    let long = format!("GET /{} HTTP/1.1\r\nhost: m\r\n\r\n", "a".repeat(200_000));
    let requests: [&[u8]; 9] = [
        b"\0\0\0\0\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /fhir/Patient/%00%ff HTTP/1.1\r\nhost: m\r\nconnection: close\r\n\r\n",
        b"POST /fhir HTTP/1.1\r\nhost: m\r\ncontent-length: -1\r\n\r\n",
        b"POST /fhir HTTP/1.1\r\nhost: m\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nabcdef",
        b"POST /fhir HTTP/1.1\r\nhost: m\r\ntransfer-encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
        b"GET http://[::1 HTTP/1.1\r\nhost: m\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        long.as_bytes(),
    ];
    for request in requests {
        let mut stream = TcpStream::connect(server.at).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let _ = stream.write_all(request);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let shown = String::from_utf8_lossy(&request[..request.len().min(60)]).into_owned();
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{shown}: {answer}");
    }
    let said = server.log.lock().unwrap().clone();
    assert!(!said.contains("panicked"), "{said}");
    drop(server);
    std::fs::remove_dir_all(&root).unwrap();
}
