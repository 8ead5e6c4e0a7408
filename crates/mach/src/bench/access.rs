//! What access and audit cost a request: the same reads and searches by who sees everything and by one facility, one after the other in
//! one run, and the entry of the trail that each leaves.

use crate::{Outcome, console, open, serve};
use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::http::{Method, Request, StatusCode};
use mach_access::policy::{Purpose, Relation};
use mach_access::{Act, Actor, Role, decide, secret};
use mach_base::time::now_seconds;
use mach_house::{House, Settings};
use mach_store::audit::Look;
use mach_store::grants::{NewGrant, Review};
use mach_store::schema;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;
use tower::ServiceExt;

/// Looks of one commit, about as the interface writes them.
const LOOKS: usize = 256;
const FACILITY: &str = "46001";

async fn ask(app: &Router, token: &str, method: Method, path: &str, body: String) -> Result<Bytes, String> {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("authorization", format!("Bearer {token}"))
        .header("content-type", "application/fhir+json")
        .body(Body::from(body))
        .map_err(|e| e.to_string())?;
    let answer = app.clone().oneshot(request).await.map_err(|e| e.to_string())?;
    let status = answer.status();
    let bytes = to_bytes(answer.into_body(), usize::MAX).await.map_err(|e| e.to_string())?;
    match status {
        StatusCode::OK | StatusCode::CREATED => Ok(bytes),
        _ => Err(format!("{path} answered {status}: {}", String::from_utf8_lossy(&bytes))),
    }
}

fn median(times: &mut [Duration]) -> f64 {
    times.sort_unstable();
    times.get(times.len() / 2).map_or(0.0, |time| time.as_secs_f64() * 1e6)
}

/// Tokens of who sees everything, of one facility, and of the same while a record was opened to it.
fn tokens(store: &mach_store::Store) -> Result<[String; 3], String> {
    let mut made = Vec::new();
    for (name, facility) in [("bench-all", None), ("bench-one", Some(FACILITY)), ("bench-opened", Some("46002"))] {
        let token = secret::new_token("").map_err(|e| e.to_string())?;
        let hash = secret::token_hash(&token);
        store
            .write(&console(Act::Administer)?, move |tx| {
                let facility = facility.map(|code| schema::facility_id(tx, code)).transpose()?;
                tx.add_system_token(&hash, facility, Role::SystemWriter, name)
            })
            .map_err(|e| e.to_string())?;
        made.push(token);
    }
    <[String; 3]>::try_from(made).map_err(|_| "three tokens".to_owned())
}

/// Fills the store with patients of both facilities and what was observed of them.
fn load(runtime: &Runtime, app: &Router, [_, one, other]: &[String; 3], people: usize) -> Result<(), String> {
    for (token, ends) in [(one, "a"), (other, "b")] {
        for n in 0..people {
            let id = format!("{n}{ends}");
            let patient = format!(
                r#"{{"resourceType":"Patient","id":"p{id}","active":true,"name":[{{"family":"Nguyễn","given":["{n}"]}}]}}"#
            );
            let put = |path: String, body| runtime.block_on(ask(app, token, Method::PUT, &path, body));
            put(format!("/fhir/Patient/p{id}"), patient)?;
            for of in 0..5 {
                let observation = format!(
                    r#"{{"resourceType":"Observation","id":"o{of}-{id}","status":"final","code":{{"coding":[{{"system":"http://loinc.org","code":"{of}-1"}}]}},"subject":{{"reference":"Patient/p{id}"}},"effectiveDateTime":"2026-03-0{}","valueQuantity":{{"value":{n}}}}}"#,
                    of + 1
                );
                put(format!("/fhir/Observation/o{of}-{id}"), observation)?;
            }
        }
    }
    Ok(())
}

/// Microseconds for one entry of the trail, written as many together.
fn trail(store: &mach_store::Store, rounds: usize) -> Result<f64, String> {
    let actor = Actor { account: -1, name: "bench".to_owned(), role: Role::SystemReader, ..Actor::console() };
    let looks: Vec<Look> = (0..LOOKS)
        .map(|n| Look {
            at: now_seconds(),
            actor: actor.clone(),
            act: Act::ReadFhir,
            person: None,
            target: format!("Observation/o{n}"),
            outcome: "granted",
        })
        .collect();
    let mut times = Vec::new();
    for _ in 0..rounds {
        let these = looks.clone();
        let began = Instant::now();
        store.write(&console(Act::ReadAudit)?, move |tx| tx.audit_looks(&these)).map_err(|e| e.to_string())?;
        times.push(began.elapsed());
    }
    Ok(median(&mut times) / LOOKS as f64)
}

/// Nanoseconds of one decision.
fn decision() -> Result<f64, String> {
    let actor = Actor { account: -1, role: Role::SystemReader, facility: Some(7), ..Actor::console() };
    let began = Instant::now();
    for _ in 0..100_000 {
        std::hint::black_box(decide(std::hint::black_box(&actor), Act::ReadFhir).map_err(|e| e.to_string())?);
    }
    Ok(began.elapsed().as_secs_f64() * 1e9 / 100_000.0)
}

/// Loads, measures, prints.
pub fn run(work: &Path, people: usize, requests: usize) -> Outcome {
    let _ = std::fs::remove_dir_all(work);
    let store = open(work)?;
    serve::load_content();
    let runtime = Runtime::new().map_err(|e| e.to_string())?;
    let tokens = tokens(&store)?;
    let app = {
        let _in = runtime.enter();
        serve::application(House::new(store.clone(), Settings::default()), work)
    };
    load(&runtime, &app, &tokens, people)?;
    // A record that is opened makes the asker of the second facility one whose rows are looked at one by one.
    store
        .write(&console(Act::Administer)?, |tx| {
            let facility = schema::facility_id(tx, "46002")?;
            tx.grant(&NewGrant {
                person: 1,
                account: 0,
                facility,
                relation: Relation::Consented,
                purpose: Purpose::Treatment,
                from: 0,
                until: now_seconds() + 86_400,
                reason: String::new(),
                source: "bench".to_owned(),
                review: Review::NotNeeded,
            })
        })
        .map_err(|e| e.to_string())?;
    let trail_us = trail(&store, 40)?;
    println!(
        "a decision {:.0} ns; an entry of the trail with its leaf, {LOOKS} to a commit, {trail_us:.1} µs",
        decision()?
    );
    println!(
        "{:<34} {:>10} {:>12} {:>12} {:>10} {:>16}",
        "µs, p50", "everything", "one facility", "and opened", "audit", "access + audit"
    );
    // Who sees everything is asked for rows of the same facility: the same work but for whose they may be.
    type Path = fn(usize, &str) -> String;
    let kinds: [(&str, Path); 3] = [
        ("read by id", |n, ends| format!("/fhir/Patient/p{n}{ends}")),
        ("Observation?patient&code", |n, ends| format!("/fhir/Observation?patient=p{n}{ends}&code=2-1")),
        ("Observation?code&_count=50", |_, _| {
            "/fhir/Observation?code=http://loinc.org|3-1&_count=50&_total=none".to_owned()
        }),
    ];
    for (name, path) in kinds {
        let mut times: [Vec<Duration>; 3] = Default::default();
        for n in 0..requests {
            for way in 0..3 {
                let path = path(n * 7 % people, if way == 2 { "b" } else { "a" });
                let began = Instant::now();
                runtime.block_on(ask(&app, &tokens[way], Method::GET, &path, String::new()))?;
                times[way].push(began.elapsed());
            }
        }
        let [all, one, opened] = times.each_mut().map(|times| median(times));
        let share = ((one - all).max(0.0) + trail_us) / (one + trail_us) * 100.0;
        println!("{name:<34} {all:>10.1} {one:>12.1} {opened:>12.1} {trail_us:>10.1} {share:>14.1} %");
    }
    println!(
        "access: one facility over everything; audit: the entry, which is written beside the answer by the one writer"
    );
    Ok(ExitCode::SUCCESS)
}
