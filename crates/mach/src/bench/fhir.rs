//! `mach bench fhir`: the FHIR interface over HTTP, client and server on the same machine, beside what the engine needs for the
//! same rows alone.
//!
//! The floor of writing is the engine's own insert of the same rows in the order of their keys, nothing asked and nothing
//! parsed (`mach store copy` of what was loaded). The floor of reading is an answer of the same server without the store.

use super::bundles::Bundles;
use super::http::{self, Client, Times};
use super::memory;
use crate::Outcome;
use clap::Args;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command as Process, ExitCode, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// What to load, and where.
#[derive(Args)]
pub struct Options {
    /// Resources to load at least, in whole bundles
    #[arg(long, default_value_t = 200_000)]
    resources: usize,
    /// Folder of transaction bundles; without it bundles are made
    #[arg(long)]
    from: Option<PathBuf>,
    /// Clients at once while loading, creating and reading
    #[arg(long, default_value_t = 8)]
    clients: usize,
    /// An empty PostgreSQL database to measure too: postgres://…
    #[arg(long)]
    postgres: Option<String>,
    /// A second empty one, for the floor
    #[arg(long)]
    postgres_floor: Option<String>,
    /// Measure PostgreSQL only
    #[arg(long)]
    only_postgres: bool,
    /// Another FHIR server to measure with the same load, by its base: http://127.0.0.1:8081
    #[arg(long)]
    other: Option<String>,
    /// Folder for the data; removed first
    #[arg(long, default_value = "target/bench-fhir")]
    work: PathBuf,
    /// Requests of each kind of search
    #[arg(long, default_value_t = 200)]
    requests: usize,
}

/// Measures both engines.
pub fn run(options: &Options) -> Outcome {
    let bundles = match &options.from {
        Some(folder) => Bundles::from_folder(folder)?,
        None => Bundles::made(),
    };
    println!("input: {} resources in {}, {} clients", options.resources, bundles.shown(), options.clients);
    println!("load of the machine before: {}", load());
    if let Some(base) = &options.other {
        let address = base.trim_start_matches("http://").split('/').next().unwrap_or_default();
        let path = base.trim_start_matches("http://").split_once('/').map_or(String::new(), |(_, p)| format!("/{p}"));
        println!("\n{base}");
        measure(options, &bundles, &Place { address, token: "", path: &path, process: None, store: "" })?;
        return Ok(ExitCode::SUCCESS);
    }
    // A folder of an earlier run would hold its resources.
    let _ = std::fs::remove_dir_all(&options.work);
    if !options.only_postgres {
        let data = options.work.join("data");
        println!("\nSQLite");
        let store = data.display().to_string();
        engine(options, &bundles, &data, None, (&store, &options.work.join("floor").display().to_string()))?;
    }
    if let Some(address) = &options.postgres {
        println!("\nPostgreSQL");
        let floor = options.postgres_floor.as_deref().unwrap_or_default();
        engine(options, &bundles, &options.work.join("content"), Some(address), (address, floor))?;
    }
    println!("\nload of the machine after: {}", load());
    Ok(ExitCode::SUCCESS)
}

/// Processor time that a process has used so far, from `/proc/PID/stat` (100 ticks a second).
fn used(process: Option<u32>) -> Duration {
    let text = process.and_then(|p| std::fs::read_to_string(format!("/proc/{p}/stat")).ok()).unwrap_or_default();
    let fields = text.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace();
    // Behind the name: state, then user and system time as the 12th and 13th.
    Duration::from_millis(fields.skip(11).take(2).filter_map(|f| f.parse::<u64>().ok()).sum::<u64>() * 10)
}

/// The server's own processor time for each of `count`: it does not depend on what else the machine does.
fn each(place: &Place<'_>, before: Duration, count: usize) -> String {
    if place.process.is_none() {
        return String::new();
    }
    let spent = used(place.process).saturating_sub(before).as_secs_f64() * 1000.0;
    format!("  (server's processor time {:.3} ms each)", spent / count.max(1) as f64)
}

fn load() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').take(3).collect::<Vec<_>>().join(" ")
}

/// A served store that ends with this value.
struct Server {
    child: Child,
    address: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        // The bench ends its own server; one that is gone already needs no end.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn own(data: &Path, store: Option<&str>) -> Result<Process, String> {
    let mut own = Process::new(std::env::current_exe().map_err(|e| e.to_string())?);
    own.arg("--data").arg(data).envs(store.map(|address| ("MACH_STORE", address)));
    Ok(own)
}

fn serve(data: &Path, store: Option<&str>) -> Result<Server, String> {
    let mut child = own(data, store)?
        .args(["serve", "--listen", "127.0.0.1:0"])
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|e| e.to_string())?;
    let mut line = String::new();
    let stdout = child.stdout.take().ok_or("no output of the server")?;
    let mut server = Server { child, address: String::new() };
    BufReader::new(stdout).read_line(&mut line).map_err(|e| e.to_string())?;
    server.address = line.trim().rsplit("http://").next().unwrap_or_default().to_owned();
    Ok(server)
}

/// A server to ask.
struct Place<'a> {
    address: &'a str,
    token: &'a str,
    path: &'a str,
    /// Its process, where it is ours.
    process: Option<u32>,
    /// Its store, where it is ours.
    store: &'a str,
}

fn engine(
    options: &Options,
    bundles: &Bundles,
    data: &Path,
    store: Option<&str>,
    (from, floor): (&str, &str),
) -> Result<(), String> {
    std::fs::create_dir_all(data).map_err(|e| e.to_string())?;
    let started = Instant::now();
    let server = serve(data, store)?;
    Client::new(&server.address, "").get("/fhir/metadata")?;
    println!("first start to first answer          {:>9.2} s", started.elapsed().as_secs_f64());
    let process = server.child.id();
    println!("memory, idle                         {:>9} MB", memory(&process.to_string(), "VmRSS"));
    let made = own(data, store)?
        .args(["token", "new", "--scope", "write", "--name", "bench"])
        .output()
        .map_err(|e| e.to_string())?;
    let token = String::from_utf8_lossy(&made.stdout).trim().to_owned();
    let place = Place { address: &server.address, token: &token, path: "/fhir", process: Some(process), store: from };
    let (rate, resources) = measure(options, bundles, &place)?;
    drop(server);
    if floor.is_empty() {
        return Ok(());
    }
    let began = Instant::now();
    let status = own(data, None)?
        .args(["store", "copy", "--from", from, "--to", floor])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .map_err(|e| e.to_string())?;
    if !status.success() {
        return Err("the floor could not be measured".to_owned());
    }
    let bare = resources as f64 / began.elapsed().as_secs_f64();
    println!("floor (the same rows into the engine){bare:>9.0} resources/s; loading is {:.2} of it", rate / bare);
    Ok(())
}

fn size(store: &str) -> Result<i64, String> {
    let store = crate::open_at(store)?;
    store.checkpoint(&crate::console(mach_access::Act::Administer)?).map_err(|e| e.to_string())?;
    store.size_bytes(&crate::console(mach_access::Act::Administer)?).map_err(|e| e.to_string())
}

/// Ids that the server gave, by type: `Patient/abc`.
fn names(answer: &str, kind: &str, into: &mut Vec<String>) {
    for (at, _) in answer.match_indices(&format!("{kind}/")) {
        let id: String =
            answer[at + kind.len() + 1..].chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
        if !id.is_empty() {
            into.push(id);
        }
    }
}

/// Loads and asks; gives the rate of loading and how many resources there are.
fn measure(options: &Options, bundles: &Bundles, place: &Place<'_>) -> Result<(f64, usize), String> {
    let at = (place.address, place.token);
    let path = place.path;
    let (mut count, mut resources) = (0, 0);
    while resources < options.resources {
        resources += bundles.bundle(count).1;
        count += 1;
    }
    // Of so many bundles one tells the ids that are asked for later.
    let each_of = (count / 256).max(1);
    let marks: Mutex<Vec<(Duration, usize)>> = Mutex::default();
    let ids: Mutex<(Vec<String>, Vec<String>)> = Mutex::default();
    let (began, before) = (Instant::now(), used(place.process));
    let peak = std::sync::atomic::AtomicU64::new(0);
    http::together(at, options.clients, count, |client, n| {
        let (text, size) = bundles.bundle(n);
        let answer = client.post(if path.is_empty() { "/" } else { path }, text.as_bytes())?;
        marks.lock().map_err(|e| e.to_string())?.push((began.elapsed(), size));
        if n % each_of == 0 {
            let answer = String::from_utf8_lossy(&answer);
            let mut ids = ids.lock().map_err(|e| e.to_string())?;
            names(&answer, "Patient", &mut ids.0);
            names(&answer, "Observation", &mut ids.1);
            if let Some(process) = place.process {
                peak.fetch_max(memory(&process.to_string(), "VmRSS"), std::sync::atomic::Ordering::Relaxed);
            }
        }
        Ok(())
    })?;
    let rate = resources as f64 / began.elapsed().as_secs_f64();
    println!(
        "transaction bundles                  {rate:>9.0} resources/s  ({resources} resources){}",
        each(place, before, resources)
    );
    tenths(marks.into_inner().map_err(|e| e.to_string())?, resources);
    if place.process.is_some() {
        println!("memory, most while loading           {:>9} MB", peak.into_inner());
    }
    if !place.store.is_empty() {
        let size = size(place.store)?;
        println!("disk per resource, index and history {:>9.0} B  ({} MB)", size as f64 / resources as f64, size >> 20);
    }
    let (mut patients, mut observations) = ids.into_inner().map_err(|e| e.to_string())?;
    patients.dedup();
    observations.dedup();
    if patients.is_empty() || observations.is_empty() {
        return Err("the server told no ids".to_owned());
    }
    let floor = match place.process {
        Some(_) => Some(http::together(at, options.clients, 40_000, |c, _| c.get("/healthz").map(drop))?),
        None => None,
    };
    let before = used(place.process);
    let read = http::together(at, options.clients, 40_000, |client, n| {
        client.get(&format!("{path}/Observation/{}", observations[n % observations.len()])).map(drop)
    })?;
    println!(
        "read by id, {} clients                {:>9.0} /s  p50 {:.2} ms  p99 {:.2} ms{}",
        options.clients,
        read.rate(),
        read.at(0.5),
        read.at(0.99),
        each(place, before, 40_000)
    );
    if let Some(floor) = floor {
        println!(
            "  floor (an answer without the store){:>9.0} /s; reading is {:.2} of it",
            floor.rate(),
            read.rate() / floor.rate()
        );
    }
    let before = used(place.process);
    let created = http::together(at, options.clients, 20_000, |client, n| {
        let body = format!(
            r#"{{"resourceType":"Observation","status":"final","code":{{"coding":[{{"system":"http://loinc.org","code":"8867-4","display":"Heart rate"}}],"text":"Heart rate"}},"subject":{{"reference":"Patient/{}"}},"effectiveDateTime":"2026-01-0{}T08:{:02}:00+07:00","valueQuantity":{{"value":{},"unit":"/min","system":"http://unitsofmeasure.org","code":"/min"}}}}"#,
            patients[n % patients.len()],
            1 + n % 9,
            n % 60,
            50 + n % 70
        );
        client.post(&format!("{path}/Observation"), body.as_bytes()).map(drop)
    })?;
    println!(
        "single create, {} clients             {:>9.0} /s  p50 {:.2} ms  p99 {:.2} ms{}",
        options.clients,
        created.rate(),
        created.at(0.5),
        created.at(0.99),
        each(place, before, 20_000)
    );
    searches(options, place, &patients)?;
    if let Some(process) = place.process {
        println!("memory, after                        {:>9} MB", memory(&process.to_string(), "VmRSS"));
    }
    Ok((rate, resources + 20_000))
}

fn tenths(mut marks: Vec<(Duration, usize)>, resources: usize) {
    marks.sort_unstable();
    let (mut rates, mut sum, mut last) = (Vec::new(), 0, (Duration::ZERO, 0));
    for (at, size) in marks {
        sum += size;
        if sum * 10 >= resources * (rates.len() + 1) {
            rates.push((sum - last.1) as f64 / (at - last.0).as_secs_f64());
            last = (at, sum);
        }
    }
    let shown: Vec<String> = rates.iter().map(|r| format!("{r:.0}")).collect();
    println!("  by tenths: {}", shown.join(" "));
    if let (Some(first), Some(end)) = (rates.first(), rates.last()) {
        println!("  last tenth / first tenth: {:.2}", end / first);
    }
}

fn searches(options: &Options, place: &Place<'_>, patients: &[String]) -> Result<(), String> {
    let (at, path) = ((place.address, place.token), place.path);
    type PathOf<'a> = Box<dyn Fn(usize) -> String + Sync + 'a>;
    let patient = |n: usize| patients[n % patients.len()].as_str();
    let codes = ["8302-2", "29463-7", "2339-0", "85354-9"];
    let kinds: [(&str, PathOf<'_>); 6] = [
        ("/metadata", Box::new(|_| format!("{path}/metadata"))),
        (
            "Observation?patient&code",
            Box::new(move |n| format!("{path}/Observation?patient={}&code={}", patient(n), codes[n % 4])),
        ),
        (
            "Observation?subject:Patient.name (chain)",
            Box::new(move |n| {
                format!(
                    "{path}/Observation?subject:Patient.name={}&code={}",
                    ["nguyen%20duc", "nguyen", "smith", "tran"][n % 4],
                    codes[n / 4 % 4]
                )
            }),
        ),
        (
            "Patient?_has:Observation:patient:code",
            Box::new(move |n| format!("{path}/Patient?_has:Observation:patient:code={}", codes[n % 4])),
        ),
        (
            "Observation?code&_sort=-date",
            Box::new(move |n| format!("{path}/Observation?code={}&_sort=-date&_count=20", codes[n % 4])),
        ),
        (
            "Patient/$everything?_count=100",
            Box::new(move |n| format!("{path}/Patient/{}/$everything?_count=100", patient(n))),
        ),
    ];
    for (name, path_of) in kinds {
        let before = used(place.process);
        let times: Times = match http::together(at, 1, options.requests, |client, n| client.get(&path_of(n)).map(drop))
        {
            Ok(times) => times,
            // Another server need not know everything that is asked.
            Err(why) if place.process.is_none() => {
                println!("{name:<43} {why}");
                continue;
            }
            Err(why) => return Err(why),
        };
        println!(
            "{name:<43} p50 {:>7.2} ms   p95 {:>7.2} ms   p99 {:>7.2} ms{}",
            times.at(0.5),
            times.at(0.95),
            times.at(0.99),
            each(place, before, options.requests)
        );
    }
    Ok(())
}
