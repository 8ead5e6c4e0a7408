//! `mach bench …`: this machine, this input, measured beside a floor in the same run.

mod access;
mod bundles;
mod fhir;
mod http;
mod sign;
mod vaccines;

use crate::claims::default_workers;
use crate::{Outcome, accounts, console, open, serve};
use axum::body::Body;
use axum::http::{Request, StatusCode};
use clap::{Args, Subcommand};
use mach_access::{Act, Role, secret};
use mach_claims::read::Reader;
use mach_house::{House, SESSION_COOKIE, Settings};
use mach_intake::files::{self, Input};
use mach_intake::import::{self, Progress};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command as Process, ExitCode, Stdio};
use std::time::{Duration, Instant};
use tower::ServiceExt;

/// What to measure.
#[derive(Args)]
pub struct Options {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Import of a synthetic province into a new data folder, beside only decoding and parsing the same files
    Import {
        /// How many claims
        #[arg(long, default_value_t = 20_000)]
        dossiers: u64,
        /// Folder for files and data; removed first
        #[arg(long, default_value = "target/bench-import")]
        work: PathBuf,
        /// First day of the province
        #[arg(long, default_value = "2021-01-01")]
        from: String,
        /// Last day
        #[arg(long, default_value = "2025-12-31")]
        to: String,
    },
    /// The FHIR interface over HTTP, client and server on this machine, beside the engine's own insert of the same rows
    Fhir(fhir::Options),
    /// Papers and signatures: QR codes in batch, a certificate rendered, signed and kept, a file verified
    Sign {
        /// QR codes
        #[arg(long, default_value_t = 20_000)]
        codes: usize,
        /// Papers
        #[arg(long, default_value_t = 200)]
        papers: usize,
    },
    /// Vaccination: doses imported from a spreadsheet, passes issued in batch, beside the bare signature
    Vaccines {
        /// People; three doses each
        #[arg(long, default_value_t = 30_000)]
        people: usize,
        /// Folder for files and data; removed first
        #[arg(long, default_value = "target/bench-vaccines")]
        work: PathBuf,
    },
    /// What access and audit cost a read and a search: by who sees everything, by one facility, and the entry of the trail
    Access {
        /// People of each of two facilities
        #[arg(long, default_value_t = 500)]
        people: usize,
        /// Requests of each kind and asker
        #[arg(long, default_value_t = 2_000)]
        requests: usize,
        /// Folder for the data; removed first
        #[arg(long, default_value = "target/bench-access")]
        work: PathBuf,
    },
    /// Pages and searches over the data folder, beside the store's own point read
    Pages {
        /// Requests of each kind
        #[arg(long, default_value_t = 200)]
        requests: usize,
    },
}

/// Runs a bench and prints its table.
pub fn run(data: &Path, options: &Options) -> Outcome {
    println!("{}", machine());
    match &options.what {
        What::Import { dossiers, work, from, to } => import_bench(*dossiers, work, from, to),
        What::Fhir(options) => fhir::run(options),
        What::Sign { codes, papers } => sign::run(*codes, *papers),
        What::Vaccines { people, work } => vaccines::run(*people, work),
        What::Access { people, requests, work } => access::run(work, *people, *requests),
        What::Pages { requests } => pages(data, *requests),
    }
}

fn machine() -> String {
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model =
        cpu.lines().find_map(|l| l.strip_prefix("model name")).map_or("", |l| l.trim_start_matches([' ', '\t', ':']));
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    format!("machine: {model}, {cores} cores; mach {}", env!("CARGO_PKG_VERSION"))
}

/// A line `VmHWM`/`VmRSS` of a process, in MB.
fn memory(process: &str, key: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find(|l| l.starts_with(key)).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|n| n.parse::<u64>().ok()).unwrap_or(0) / 1024
}

fn import_bench(dossiers: u64, work: &Path, from: &str, to: &str) -> Outcome {
    // A folder of an earlier run would make every claim a duplicate.
    let _ = std::fs::remove_dir_all(work);
    let files_at = work.join("files");
    let own = std::env::current_exe().map_err(|e| e.to_string())?;
    let dossiers_text = dossiers.to_string();
    let status = Process::new(own)
        .args(["claims", "generate", "--dossiers", &dossiers_text, "--from", from, "--to", to, "--seed", "11", "--out"])
        .arg(&files_at)
        .stdout(Stdio::null())
        .status()
        .map_err(|e| e.to_string())?;
    if !status.success() {
        return Err("the synthetic province could not be written".to_owned());
    }
    serve::load_content();
    let paths = files::below(&[files_at]).map_err(|e| e.to_string())?;
    let bytes: u64 = paths.iter().map(|p| std::fs::metadata(p).map_or(0, |m| m.len())).sum();
    println!("input: {dossiers} claims, {} files, {} MB of XML", paths.len(), bytes >> 20);

    let (floor, read) = parse_only(&paths)?;
    let floor_rate = read as f64 / floor.as_secs_f64();
    println!("floor (decode and parse only, {} threads): {floor_rate:.0} claims/s", default_workers());

    let store = open(&work.join("data"))?;
    let inputs: Vec<Input> = paths.into_iter().map(Input::File).collect();
    let started = Instant::now();
    let mut done = 0_u64;
    let mut marks = Vec::new();
    let fifth = (read / 5).max(1);
    let summary = import::import(&store, &console(Act::SendClaims)?, inputs, default_workers(), &mut |progress| {
        if let Progress::Claim(_) = progress {
            done += 1;
            if done.is_multiple_of(fifth) {
                marks.push(started.elapsed());
            }
        }
    })
    .map_err(|e| e.to_string())?;
    let took = started.elapsed();
    let rate = done as f64 / took.as_secs_f64();
    println!("import (all checks, record, cube, fsync): {rate:.0} claims/s, {:.1} s", took.as_secs_f64());
    println!("ratio to the floor: {:.2}", rate / floor_rate);
    let spans: Vec<f64> = marks
        .iter()
        .scan(Duration::ZERO, |last, mark| {
            let span = *mark - *last;
            *last = *mark;
            Some(fifth as f64 / span.as_secs_f64())
        })
        .take(5)
        .collect();
    println!("by fifths: {}", spans.iter().map(|r| format!("{r:.0}")).collect::<Vec<_>>().join(" "));
    if let (Some(first), Some(last)) = (spans.first(), spans.get(4)) {
        println!("last fifth / first fifth: {:.2}", last / first);
    }
    println!("peak memory: {} MB", memory("self", "VmHWM"));
    let size = store.size_bytes(&console(Act::Administer)?).map_err(|e| e.to_string())?;
    drop(store);
    println!("database: {} MB, {:.1} KB a claim", size >> 20, size as f64 / 1024.0 / done.max(1) as f64);
    println!("accepted {}, refused {}", summary.claims.accepted, summary.claims.refused);
    Ok(ExitCode::SUCCESS)
}

/// Decodes and parses every claim on as many threads as the import uses, and does nothing with them.
fn parse_only(paths: &[PathBuf]) -> Result<(Duration, u64), String> {
    let next = std::sync::atomic::AtomicUsize::new(0);
    let started = Instant::now();
    let counts: Vec<Result<u64, String>> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..default_workers())
            .map(|_| {
                scope.spawn(|| {
                    let mut count = 0;
                    while let Some(path) = paths.get(next.fetch_add(1, std::sync::atomic::Ordering::Relaxed)) {
                        let file = std::fs::File::open(path).map_err(|e| e.to_string())?;
                        for item in Reader::new(BufReader::with_capacity(256 << 10, file)) {
                            item.map_err(|e| e.to_string())?;
                            count += 1;
                        }
                    }
                    Ok(count)
                })
            })
            .collect();
        workers.into_iter().map(|w| w.join().unwrap_or_else(|_| Err("a thread failed".to_owned()))).collect()
    });
    let total = counts.into_iter().sum::<Result<u64, String>>()?;
    Ok((started.elapsed(), total))
}

/// The path of the n-th request of a kind.
type PathOf = Box<dyn Fn(usize) -> String>;

/// Times of one kind of request.
struct Times {
    name: String,
    times: Vec<Duration>,
}

impl Times {
    fn line(&mut self) -> String {
        self.times.sort_unstable();
        let at = |share: f64| {
            let index = ((self.times.len() as f64 - 1.0) * share).round() as usize;
            self.times.get(index).map_or(0.0, |d| d.as_secs_f64() * 1000.0)
        };
        format!("{:<34} p50 {:>7.2} ms   p95 {:>7.2} ms   p99 {:>7.2} ms", self.name, at(0.5), at(0.95), at(0.99))
    }
}

fn pages(data: &Path, requests: usize) -> Outcome {
    cold_start(data)?;
    let store = open(data)?;
    serve::load_content();
    let password = secret::new_token("").map_err(|e| e.to_string())?;
    accounts::set(&store, "bench", "Bench", Role::Leader, None, &password)?;
    let token = secret::new_token("").map_err(|e| e.to_string())?;
    let hash = secret::token_hash(&token);
    store
        .write(&console(Act::Administer)?, move |tx| {
            let account =
                mach_store::accounts::by_name(tx, "bench")?.ok_or(mach_store::Error::Missing("an account"))?;
            tx.begin_session(&hash, account.actor.account, mach_store::sessions::State::Open, "bench")
        })
        .map_err(|e| e.to_string())?;
    let people = sample(&store)?;
    let app = serve::application(House::new(store, Settings::default()), data);
    let runtime = tokio::runtime::Runtime::new().map_err(|e| e.to_string())?;
    let names =
        ["nguyen", "tran thi", "le van hung", "pham minh", "ngoc anh", "hoang 1985", "nguyen duc", "vo thi lan"];
    let days = ["2025-03", "2024-11", "2025-07", "2023-08", "2025-10"];
    let mut kinds: Vec<(&str, PathOf)> = vec![
        ("/healthz (floor)", Box::new(|_| "/healthz".to_owned())),
        ("/hoc (month)", Box::new(move |i| format!("/hoc?period=month&at={}", days[i % days.len()]))),
        ("/hoc (year)", Box::new(|i| format!("/hoc?period=year&at={}", 2022 + i % 4))),
        (
            "/hoc/indicators/CD01 by facility",
            Box::new(move |i| format!("/hoc/indicators/CD01?at={}&by=facility", days[i % days.len()])),
        ),
        (
            "/hoc/claims (drill)",
            Box::new(move |i| format!("/hoc/claims?indicator=CD01&side=num&from={d}&to={d}", d = days[i % days.len()])),
        ),
        (
            "/api/indicators/FI01 5 years",
            Box::new(|_| "/api/indicators/FI01?from=2021-01&to=2025-12&period=month&by=facility".to_owned()),
        ),
        ("/people?q= (search)", Box::new(move |i| format!("/people?q={}", names[i % names.len()].replace(' ', "+")))),
        ("/claims", Box::new(|_| "/claims".to_owned())),
    ];
    if !people.is_empty() {
        kinds.push(("/people/{id} (record)", Box::new(move |i| format!("/people/{}", people[i % people.len()]))));
    }
    for (name, path) in kinds {
        let mut times = Times { name: name.to_owned(), times: Vec::with_capacity(requests) };
        for i in 0..requests {
            let request = Request::get(path(i))
                .header("cookie", format!("{SESSION_COOKIE}={token}"))
                .body(Body::empty())
                .map_err(|e| e.to_string())?;
            let started = Instant::now();
            let response = runtime.block_on(app.clone().oneshot(request)).map_err(|e| e.to_string())?;
            let status = response.status();
            runtime.block_on(axum::body::to_bytes(response.into_body(), usize::MAX)).map_err(|e| e.to_string())?;
            times.times.push(started.elapsed());
            if status != StatusCode::OK {
                return Err(format!("{} answered {status}", path(i)));
            }
        }
        println!("{}", times.line());
    }
    println!("memory after: {} MB", memory("self", "VmRSS"));
    Ok(ExitCode::SUCCESS)
}

/// People of claims spread over the store.
fn sample(store: &mach_store::Store) -> Result<Vec<i64>, String> {
    let mut reader = store.read(&console(Act::ReadClaims)?).map_err(|e| e.to_string())?;
    let newest = mach_store::claims_list::page(&mut reader, None, None, None, 1).map_err(|e| e.to_string())?;
    let last = newest.first().map_or(0, |r| r.id);
    let mut people = Vec::new();
    for step in 1..=100 {
        let before = Some(last * step / 100 + 1);
        let rows = mach_store::claims_list::page(&mut reader, None, None, before, 1).map_err(|e| e.to_string())?;
        people.extend(rows.first().and_then(|r| r.person));
    }
    Ok(people)
}

/// Starts the program as a user would and asks it once: time to the first answer, memory while idle.
fn cold_start(data: &Path) -> Result<(), String> {
    let own = std::env::current_exe().map_err(|e| e.to_string())?;
    let started = Instant::now();
    let mut child = Process::new(own)
        .envs(crate::STORE.get().and_then(Option::as_ref).map(|address| ("MACH_STORE", address)))
        .arg("--data")
        .arg(data)
        .args(["serve", "--listen", "127.0.0.1:0"])
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|e| e.to_string())?;
    let mut line = String::new();
    let stdout = child.stdout.take().ok_or("no output of the server")?;
    BufReader::new(stdout).read_line(&mut line).map_err(|e| e.to_string())?;
    let address = line.trim().rsplit("http://").next().unwrap_or_default().to_owned();
    let mut answer = String::new();
    let asked = std::net::TcpStream::connect(&address).and_then(|mut stream| {
        stream.write_all(b"GET /sign-in HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
        stream.read_to_string(&mut answer)
    });
    let took = started.elapsed();
    let idle = memory(&child.id().to_string(), "VmRSS");
    // The bench ends its own server; one that is gone already needs no end.
    let _ = child.kill();
    let _ = child.wait();
    asked.map_err(|e| e.to_string())?;
    println!("start to first answer: {:.2} s; idle memory {idle} MB", took.as_secs_f64());
    Ok(())
}
