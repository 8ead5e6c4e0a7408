//! How fast resources are validated: `cargo run --release -p mach-fhir --example validate -- FOLDER`, of JSON files. One
//! thread; parsing counted apart.

use mach_fhir::Tree;
use mach_fhir::validate::{Validator, shape};
use std::path::Path;
use std::time::Instant;

fn main() -> Result<(), String> {
    let folder = std::env::args().nth(1).ok_or("usage: validate FOLDER")?;
    let mut texts = Vec::new();
    for file in std::fs::read_dir(Path::new(&folder)).map_err(|e| e.to_string())?.filter_map(Result::ok) {
        let text = std::fs::read_to_string(file.path()).map_err(|e| e.to_string())?;
        let tree = Tree::parse(text.as_str()).map_err(|e| e.to_string())?;
        let entries = tree.root().get("entry").into_iter().flat_map(mach_fhir::tree::Value::items);
        texts.extend(entries.filter_map(|e| e.get("resource")).map(|r| r.raw().to_owned()));
    }
    let bytes: usize = texts.iter().map(String::len).sum();
    println!("{} resources, {} bytes each", texts.len(), bytes / texts.len().max(1));
    let rate = |what: &str, each: &mut dyn FnMut(&str) -> usize| {
        let (started, mut found) = (Instant::now(), 0);
        texts.iter().for_each(|text| found += each(text));
        println!("{what}: {:.0}/s ({found} issues)", texts.len() as f64 / started.elapsed().as_secs_f64());
    };
    let parse = |text: &str| Tree::parse(text.to_owned()).map_err(|e| e.to_string());
    rate("parse", &mut |text| parse(text).map_or(0, |t| usize::from(t.is_empty())));
    rate("parse and shape", &mut |text| parse(text).map_or(0, |t| shape(&t).len()));
    let full = |text: &str| Validator::r4().validate(&parse(text)?, &[]).map(|i| i.len()).map_err(|e| e.to_string());
    rate("first of its kind", &mut |text| full(text).unwrap_or(0));
    rate("all", &mut |text| full(text).unwrap_or(0));
    Ok(())
}
