//! How fast the interface is on this machine: bundles in, reads and searches out, by the router without a network.
//! `cargo run --release -p mach-fhir-api --example speed -- FOLDER_OF_BUNDLES [COPIES]`

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::Request;
use mach_access::{Act, Actor, Role, decide, secret};
use mach_house::{House, Settings};
use mach_store::Store;
use std::time::Instant;
use tower::ServiceExt;

const TOKEN: &str = "speed";

async fn ask(app: &Router, method: &str, path: &str, body: String) -> (u16, String) {
    let request = Request::builder().method(method).uri(path).header("host", "localhost");
    let request =
        request.header("authorization", format!("Bearer {TOKEN}")).header("content-type", "application/fhir+json");
    let answer = app.clone().oneshot(request.body(Body::from(body)).expect("a request")).await.expect("an answer");
    let status = answer.status().as_u16();
    let bytes = to_bytes(answer.into_body(), usize::MAX).await.expect("a body");
    (status, String::from_utf8_lossy(&bytes).into_owned())
}

async fn timed(app: &Router, name: &str, paths: &[String]) {
    let mut times = Vec::new();
    let began = Instant::now();
    for path in paths {
        let one = Instant::now();
        let (status, text) = ask(app, "GET", path, String::new()).await;
        assert_eq!(status, 200, "{path}: {text}");
        times.push(one.elapsed().as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);
    let rate = paths.len() as f64 / began.elapsed().as_secs_f64();
    println!(
        "{name:<28} p50 {:.2} ms  p99 {:.2} ms  {rate:.0}/s",
        times[times.len() / 2],
        times[times.len() * 99 / 100]
    );
}

#[tokio::main]
async fn main() {
    let mut args = std::env::args().skip(1);
    let folder = args.next().expect("a folder of bundles");
    let copies: usize = args.next().map_or(1, |n| n.parse().expect("a number"));
    let path = std::env::temp_dir().join("mach-fhir-speed");
    let _ = std::fs::remove_dir_all(&path);
    let store = Store::open(&path).expect("a store");
    let decision = decide(&Actor::console(), Act::Administer).expect("the console");
    store
        .write(&decision, |tx| tx.add_system_token(&secret::token_hash(TOKEN), None, Role::SystemWriter, TOKEN))
        .expect("a token");
    let app = mach_fhir_api::router(&store).with_state(House::new(store.clone(), Settings::default()));
    let mut files: Vec<_> = std::fs::read_dir(folder).expect("the folder").map(|f| f.expect("a file").path()).collect();
    files.sort();
    let bundles: Vec<String> = files
        .iter()
        .filter(|f| f.extension().is_some_and(|e| e == "json"))
        .map(|f| std::fs::read_to_string(f).expect("a file"))
        .collect();
    let (mut resources, mut bytes) = (0, 0);
    let began = Instant::now();
    for _ in 0..copies {
        for bundle in &bundles {
            let (status, text) = ask(&app, "POST", "/fhir", bundle.clone()).await;
            assert_eq!(status, 200, "{}", &text[..text.len().min(500)]);
            resources += text.matches("\"status\":\"20").count();
            bytes += bundle.len();
        }
    }
    let seconds = began.elapsed().as_secs_f64();
    println!("{resources} resources, {} MB in {seconds:.1} s: {:.0}/s", bytes >> 20, resources as f64 / seconds);
    store.checkpoint(&decision).expect("a checkpoint");
    let size = std::fs::metadata(path.join("mach.db")).expect("the file").len();
    println!("{} bytes stored per resource", size / resources as u64);
    let (_, text) = ask(&app, "GET", "/fhir/Patient?_count=500&_elements=id", String::new()).await;
    let patients: Vec<&str> = text.split("\"id\":\"").skip(1).filter_map(|t| t.split('"').next()).take(500).collect();
    let paths =
        |make: &dyn Fn(&str) -> String| patients.iter().cycle().take(1_000).map(|p| make(p)).collect::<Vec<_>>();
    timed(&app, "read", &paths(&|p| format!("/fhir/Patient/{p}"))).await;
    timed(&app, "patient & code", &paths(&|p| format!("/fhir/Observation?patient={p}&code=http://loinc.org|8302-2")))
        .await;
    timed(&app, "chain", &paths(&|_| "/fhir/Observation?patient.birthdate=1975&code=8302-2".to_owned())).await;
    timed(&app, "_has", &paths(&|_| "/fhir/Patient?_has:Observation:patient:code=8302-2".to_owned())).await;
    timed(&app, "_sort=-date", &paths(&|_| "/fhir/Observation?_sort=-date".to_owned())).await;
    timed(&app, "code&_sort=-date", &paths(&|_| "/fhir/Observation?code=8302-2&_sort=-date".to_owned())).await;
    timed(&app, "$everything", &paths(&|p| format!("/fhir/Patient/{p}/$everything"))[..100]).await;
    let code = "/fhir/CodeSystem/$validate-code?url=http://hl7.org/fhir/sid/icd-10&code=E11.9";
    timed(&app, "$validate-code", &paths(&|_| code.to_owned())).await;
    let words = "/fhir/ValueSet/$expand?url=http://hl7.org/fhir/sid/icd-10/vs&filter=dai+thao+duong&count=10";
    timed(&app, "$expand by words", &paths(&|_| words.to_owned())[..100]).await;
    timed(&app, "metadata", &paths(&|_| "/fhir/metadata".to_owned())).await;
    let began = Instant::now();
    let mut asked = Vec::new();
    for client in 0..8 {
        let app = app.clone();
        asked.push(tokio::spawn(async move {
            for n in 0..250 {
                let body = format!(r#"{{"resourceType":"Patient","name":[{{"family":"N{client}","given":["{n}"]}}]}}"#);
                assert_eq!(ask(&app, "POST", "/fhir/Patient", body).await.0, 201);
            }
        }));
    }
    for one in asked {
        one.await.expect("a client");
    }
    let creates = 2_000.0 / began.elapsed().as_secs_f64();
    let began = Instant::now();
    let indexed = mach_fhir_api::reindex(&store, true, &mut |_| {}).expect("an index");
    println!("indexed anew                   {:.0}/s", indexed as f64 / began.elapsed().as_secs_f64());
    println!("single creates, 8 clients      {creates:.0}/s");
}
