//! Measures on Synthea bundles: bytes parsed, resources whose search values are extracted, per second and core.
//!
//! `cargo run --release -p mach-fhir --example speed -- <folder of bundles>`

use mach_fhir::search::extract;
use mach_fhir::{ResourceType, Tree, definitions, validate};
use std::time::{Duration, Instant};

/// Repeats `work` for two seconds; runs per second.
fn rate(mut work: impl FnMut()) -> f64 {
    work();
    let (start, mut runs) = (Instant::now(), 0);
    while start.elapsed() < Duration::from_secs(2) {
        work();
        runs += 1;
    }
    f64::from(runs) / start.elapsed().as_secs_f64()
}

fn main() -> Result<(), String> {
    let folder = std::env::args().nth(1).ok_or("usage: speed <folder of bundles>")?;
    let mut bundles = Vec::new();
    for file in std::fs::read_dir(&folder).map_err(|e| e.to_string())?.flatten() {
        bundles.push(std::fs::read_to_string(file.path()).map_err(|e| e.to_string())?);
    }
    let bytes: usize = bundles.iter().map(String::len).sum();
    let start = Instant::now();
    definitions::r4();
    println!("definitions read in {:?}", start.elapsed());
    let parses = rate(|| bundles.iter().for_each(|b| assert!(!Tree::parse(b.as_str()).expect("JSON").is_empty())));
    println!("tree: {:.0} MB/s", parses * bytes as f64 / 1e6);
    let floor =
        rate(|| bundles.iter().for_each(|b| assert!(std::str::from_utf8(std::hint::black_box(b.as_bytes())).is_ok())));
    println!("floor, UTF-8 check of the same bytes: {:.0} MB/s", floor * bytes as f64 / 1e6);
    let values =
        rate(|| bundles.iter().for_each(|b| drop(serde_json::from_str::<serde_json::Value>(b).expect("JSON"))));
    println!("peer, serde_json::Value: {:.0} MB/s", values * bytes as f64 / 1e6);
    let mut resources = Vec::new();
    for bundle in &bundles {
        let tree = Tree::parse(bundle.as_str()).map_err(|e| e.to_string())?;
        for entry in tree.root().get("entry").into_iter().flat_map(|e| e.items()) {
            let resource = entry.get("resource").ok_or("an entry without a resource")?;
            let kind = resource.get_text("resourceType").and_then(|k| ResourceType::parse(&k)).ok_or("no type")?;
            resources.push((kind, resource.raw().to_owned()));
        }
    }
    let trees: Vec<_> = resources.iter().map(|(k, r)| (*k, Tree::parse(r.as_str()).expect("JSON"))).collect();
    let mut found = 0;
    let runs = rate(|| found = trees.iter().map(|(k, t)| extract(*k, t).expect("valid").len()).sum());
    let (count, size) = (resources.len() as f64, resources.iter().map(|(_, r)| r.len()).sum::<usize>() as f64);
    println!("{count} resources of {:.0} bytes, {:.1} values each", size / count, found as f64 / count);
    println!("extraction: {:.0} resources/s", runs * count);
    let micros = |rate: f64| 1e6 / (rate * count);
    let shape = rate(|| assert!(trees.iter().all(|(_, t)| validate::shape(t).is_empty())));
    let fits = rate(|| assert!(trees.iter().all(|(_, t)| validate::fits(t))));
    println!("shape: {:.2} µs a resource said, {:.2} µs asked only", micros(shape), micros(fits));
    Ok(())
}
