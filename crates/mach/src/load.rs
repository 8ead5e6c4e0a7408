//! `mach fhir load …`: files of resources into the store.

use crate::{Outcome, console, open, output};
use clap::Args;
use mach_access::{Act, Actor, Decision, Role, decide};
use mach_fhir_api::load::{self, Event, Refused, Summary};
use mach_store::{Store, schema};
use serde_json::json;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// What to load.
#[derive(Args)]
pub struct Options {
    /// Files, or folders with *.json, *.xml, *.ndjson below them, gzipped or not: Bundles (transaction, batch, collection,
    /// searchset), single resources, NDJSON
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// Code of the facility whose resources they are; without it they are the province's
    #[arg(long)]
    facility: Option<String>,
    /// One JSON document: {"refused": […], "summary": {…}}
    #[arg(long)]
    json: bool,
    /// Load files and Bundles again that were loaded before
    #[arg(long)]
    again: bool,
    /// Threads that read
    #[arg(long, default_value_t = crate::claims::default_workers())]
    workers: usize,
}

/// Runs `mach fhir load`. Exit code: 0 all stored, 2 some refused, 1 could not run.
pub fn run(data: &Path, options: &Options) -> Outcome {
    let files = load::below(&options.paths).map_err(|e| e.to_string())?;
    let store = open(data)?;
    let decision = decision(&store, options.facility.as_deref())?;
    let bytes = files.iter().map(|f| std::fs::metadata(f).map_or(0, |m| m.len())).sum();
    let mut printer = Printer { json: options.json, bar: output::bar(bytes, "bytes"), any: false };
    if printer.json {
        printer.line("{\"refused\":[");
    }
    let how = load::Options { workers: options.workers, again: options.again, base: String::new() };
    let summary = load::load(&store, &decision, &files, &how, &mut |event| printer.told(event))
        .map_err(|e| format!("the load stopped: {e}. What was stored before stays; run the same command again."))?;
    printer.end(&summary);
    Ok(ExitCode::from(if summary.is_whole() { 0 } else { 2 }))
}

/// The console writes for the province, or as a system of the facility.
fn decision(store: &Store, facility: Option<&str>) -> Result<Decision, String> {
    let Some(code) = facility else { return console(Act::WriteFhir) };
    if code.len() != 5 || !code.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return Err(format!("facility `{code}` is no code of five characters"));
    }
    let code = code.to_owned();
    let id =
        store.write(&console(Act::Administer)?, move |tx| schema::facility_id(tx, &code)).map_err(|e| e.to_string())?;
    let actor = Actor { role: Role::SystemWriter, facility: Some(id), ..Actor::console() };
    decide(&actor, Act::WriteFhir).map_err(|e| e.to_string())
}

struct Printer {
    json: bool,
    bar: indicatif::ProgressBar,
    any: bool,
}

impl Printer {
    fn told(&mut self, event: Event<'_>) {
        match event {
            Event::Bytes(bytes) => self.bar.inc(bytes),
            Event::Stored(summary) => self.bar.set_message(format!("+{} ~{}", summary.created, summary.updated)),
            Event::Unreadable { file, problem } => {
                let value = json!({ "file": file.display().to_string(), "diagnostics": problem });
                self.refused(&value, &format!("{}: {problem}", file.display()));
            }
            Event::Refused { file, refused } => {
                let Refused { at, refusal } = refused;
                let mut place = file.display().to_string();
                if at.line > 0 {
                    place.push_str(&format!(":{}", at.line));
                }
                if let Some(n) = at.entry {
                    place.push_str(&format!(" entry[{n}]"));
                }
                let value = json!({
                    "file": file.display().to_string(), "line": Some(at.line).filter(|l| *l > 0), "entry": at.entry,
                    "code": refusal.code, "diagnostics": refusal.text,
                    "expression": Some(&refusal.expression).filter(|e| !e.is_empty()),
                });
                let expression =
                    if refusal.expression.is_empty() { String::new() } else { format!("{}: ", refusal.expression) };
                self.refused(&value, &format!("{place}: {expression}{}", refusal.text));
            }
        }
    }

    fn refused(&mut self, value: &serde_json::Value, text: &str) {
        if self.json {
            let comma = if std::mem::replace(&mut self.any, true) { "," } else { "" };
            self.line(&format!("{comma}{value}"));
        } else {
            self.line(text);
        }
    }

    fn line(&self, text: &str) {
        // A closed pipe ends the reading, not the load.
        self.bar.suspend(|| {
            let _ = writeln!(std::io::stdout(), "{text}");
        });
    }

    fn end(&self, s: &Summary) {
        self.bar.finish_and_clear();
        if self.json {
            let summary = json!({
                "files": s.files, "unreadable": s.unreadable, "created": s.created, "updated": s.updated,
                "deleted": s.deleted, "unchanged": s.unchanged, "known": s.known, "refused": s.refused,
            });
            self.line(&format!("],\"summary\":{summary}}}"));
            return;
        }
        self.line(&format!(
            "files: {} (unreadable: {})\nresources created: {}  updated: {}  deleted: {}  unchanged: {}  refused: {}\nlines and Bundles loaded before: {}",
            s.files, s.unreadable, s.created, s.updated, s.deleted, s.unchanged, s.refused, s.known
        ));
    }
}
