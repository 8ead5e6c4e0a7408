//! `mach claims …`.

use crate::{Outcome, console, open, output};
use clap::{Args, Subcommand};
use mach_access::Act;
use mach_claims::check::{Finding, Lang, Rules, Severity};
use mach_intake::commit::{ClaimOutcome, Outcome as Became};
use mach_intake::files::{self, Input};
use mach_intake::import::{self, Progress, Summary};
use mach_intake::pipeline::{self, Event};
use mach_intake::prepare::{Bench, Body};
use serde_json::json;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Claim files.
#[derive(Subcommand)]
pub enum Command {
    /// Check files and folders; nothing is stored
    Check(Files),
    /// Import files and folders; running it again is safe
    Import(Files),
    /// Write accepted claims as claim files
    Export(Export),
    /// List the rules: id, severity, dates, messages
    Rules(Json),
    /// Write a synthetic province
    Generate(Generate),
}

/// What to read.
#[derive(Args)]
pub struct Files {
    /// Files, or folders with *.xml below them
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    json: Json,
    /// Threads that read and check
    #[arg(long, default_value_t = default_workers())]
    workers: usize,
}

/// How to answer.
#[derive(Args, Clone, Copy)]
pub struct Json {
    /// One JSON document: {"findings": […], "claims": […], "summary": {…}}
    #[arg(long)]
    json: bool,
}

/// What to write.
#[derive(Args)]
pub struct Export {
    /// Folder to write to: FACILITY/NUMBER.xml
    #[arg(long)]
    out: PathBuf,
    /// One facility's claims only
    #[arg(long)]
    facility: Option<String>,
}

/// A synthetic province.
#[derive(Args)]
pub struct Generate {
    /// Folder to write to
    #[arg(long)]
    out: PathBuf,
    /// How many claims
    #[arg(long)]
    dossiers: u64,
    /// Same seed, same bytes
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// First day, yyyy-MM-dd
    #[arg(long)]
    from: String,
    /// Last day, yyyy-MM-dd
    #[arg(long)]
    to: String,
    /// Share of claims that are damaged, 0 to 1
    #[arg(long, default_value_t = 0.0)]
    defects: f64,
    /// Share of accepted claims that get a second version in OUT/replacements, 0 to 1
    #[arg(long, default_value_t = 0.0)]
    replace: f64,
}

/// Threads that read and check: all cores; the writer is busy half of one.
pub fn default_workers() -> usize {
    std::thread::available_parallelism().map_or(2, std::num::NonZero::get)
}

/// Runs a command.
pub fn run(data: &Path, command: Command) -> Outcome {
    match command {
        Command::Check(files) => check(&files),
        Command::Import(files) => import_files(data, &files),
        Command::Export(options) => export(data, &options),
        Command::Rules(json) => rules(json),
        Command::Generate(options) => generate(&options),
    }
}

fn inputs(paths: &[PathBuf]) -> Result<(Vec<Input>, u64), String> {
    let inputs: Vec<Input> = files::below(paths).map_err(|e| e.to_string())?.into_iter().map(Input::File).collect();
    let bytes = inputs.iter().map(Input::bytes).sum();
    Ok((inputs, bytes))
}

/// Prints findings as they come, and the summary at last. With `--json` all of it is one document:
/// `{"findings": […], "claims": […], "summary": {…}}`, findings written as they come, claims kept short until the end.
struct Printer {
    json: bool,
    bar: indicatif::ProgressBar,
    file: String,
    bytes: u64,
    findings: u64,
    claims: Vec<String>,
}

impl Printer {
    fn new(json: Json, bytes: u64) -> Self {
        let printer = Self {
            json: json.json,
            bar: output::bar(bytes, "bytes"),
            file: String::new(),
            bytes: 0,
            findings: 0,
            claims: Vec::new(),
        };
        if printer.json {
            printer.line("{\"findings\":[");
        }
        printer
    }

    fn file(&mut self, name: &str, bytes: u64) {
        self.bar.inc(std::mem::replace(&mut self.bytes, bytes));
        self.file = name.to_owned();
    }

    fn finding(&mut self, file: &str, finding: &Finding) {
        if self.json {
            let comma = if std::mem::replace(&mut self.findings, 1) == 0 { "" } else { "," };
            let object = serde_json::to_value(finding.in_file(file)).unwrap_or_default();
            self.line(&format!("{comma}{object}"));
        } else if finding.severity == Severity::Refuse {
            self.line(&output::finding_line(file, finding));
        }
    }

    fn claim(&mut self, outcome: &ClaimOutcome) {
        let file = self.file.clone();
        for finding in &outcome.findings {
            self.finding(&file, finding);
        }
        if self.json {
            let claim = json!({
                "position": outcome.position, "facility": outcome.facility, "ma_lk": outcome.link,
                "outcome": outcome.outcome.code(), "refusals": outcome.refusals, "warnings": outcome.warnings,
            });
            self.claims.push(claim.to_string());
        }
    }

    fn line(&self, text: &str) {
        // A closed pipe ends the reading, not the import.
        self.bar.suspend(|| {
            let _ = writeln!(std::io::stdout(), "{text}");
        });
    }

    fn end(&self, summary: &Summary) -> ExitCode {
        self.bar.finish_and_clear();
        if self.json {
            let summary = output::summary_json(summary);
            self.line(&format!("],\"claims\":[\n{}\n],\"summary\":{summary}}}", self.claims.join(",\n")));
        } else {
            self.line(&output::summary_lines(summary));
        }
        output::exit_code(summary)
    }
}

fn check(options: &Files) -> Outcome {
    let (inputs, bytes) = inputs(&options.paths)?;
    let mut printer = Printer::new(options.json, bytes);
    let mut summary = Summary::default();
    let mut broken = false;
    pipeline::run(inputs, Bench::shared(), options.workers, |event| -> Result<(), String> {
        match event {
            Event::Begin { name, bytes } => {
                printer.file(&name, bytes);
                summary.files += 1;
                broken = false;
            }
            Event::Claim(prepared) => {
                let outcome = match prepared.body {
                    Body::Sound(_) => Became::Accepted,
                    Body::Refused { .. } => Became::Refused,
                    Body::CheckIn { .. } => Became::CheckIn,
                };
                let outcome = ClaimOutcome {
                    position: prepared.position,
                    facility: prepared.facility,
                    link: prepared.link,
                    claim: None,
                    outcome,
                    refusals: prepared.report.refusals as i64,
                    warnings: prepared.report.warnings as i64,
                    findings: prepared.report.findings,
                };
                summary.count(&outcome);
                printer.claim(&outcome);
            }
            Event::File(finding) => {
                let file = printer.file.clone();
                printer.finding(&file, &finding);
                summary.count_file_finding(&finding, &mut broken);
            }
            Event::End => {}
        }
        Ok(())
    })?;
    Ok(printer.end(&summary))
}

fn import_files(data: &Path, options: &Files) -> Outcome {
    let (inputs, bytes) = inputs(&options.paths)?;
    let store = open(data)?;
    mach_organisation::register::load(&store).map_err(|e| e.to_string())?;
    crate::log::signer::note_content(data, &store)?;
    let decision = console(Act::SendClaims)?;
    let mut printer = Printer::new(options.json, bytes);
    let summary = import::import(&store, &decision, inputs, options.workers, &mut |progress| match progress {
        Progress::File { name, bytes } => printer.file(name, bytes),
        Progress::Finding { file, finding } => printer.finding(file, finding),
        Progress::Claim(outcome) => printer.claim(outcome),
    })
    .map_err(|e| format!("import stopped: {e}. What was told before is stored; run the same command again."))?;
    Ok(printer.end(&summary))
}

fn export(data: &Path, options: &Export) -> Outcome {
    let store = open(data)?;
    let mut reader = store.read(&console(Act::ReadClaims)?).map_err(|e| e.to_string())?;
    let bar = output::bar(0, "hồ sơ");
    let written = mach_intake::export::write(&mut reader, &options.out, options.facility.as_deref(), &mut |n| {
        bar.set_position(n)
    })
    .map_err(|e| e.to_string())?;
    bar.finish_and_clear();
    println!("{written} hồ sơ → {}", options.out.display());
    Ok(ExitCode::SUCCESS)
}

fn rules(json: Json) -> Outcome {
    let mut out = String::new();
    let mut list = Vec::new();
    for rule in Rules::shared().list() {
        let day = |d: Option<mach_base::Day>| d.map(|d| d.to_string()).unwrap_or_default();
        if json.json {
            let value = json!({
                "id": rule.id(), "severity": rule.severity.code(), "since": day(rule.since), "until": day(rule.until),
                "layouts": rule.layouts, "tables": rule.tables,
                "message_vi": rule.message(Lang::Vi), "message_en": rule.message(Lang::En),
                "hint_vi": rule.hint(Lang::Vi), "hint_en": rule.hint(Lang::En),
            });
            list.push(value.to_string());
        } else {
            let layouts = if rule.layouts.is_empty() { "*".to_owned() } else { rule.layouts.join(",") };
            out.push_str(&format!(
                "{:<18} {:<6} {:<10} {:<10} {layouts:<14} {}\n",
                rule.id(),
                rule.severity.code(),
                day(rule.since),
                day(rule.until),
                rule.message(Lang::Vi)
            ));
        }
    }
    if json.json {
        out = format!("[\n{}\n]\n", list.join(",\n"));
    }
    // A closed pipe (`| head`) is no failure.
    let _ = std::io::stdout().write_all(out.as_bytes());
    Ok(ExitCode::SUCCESS)
}

fn generate(options: &Generate) -> Outcome {
    let bar = output::bar(options.dossiers, "hồ sơ");
    let synth = mach_synth::Options {
        out: options.out.clone(),
        dossiers: options.dossiers,
        seed: options.seed,
        from: options.from.parse().map_err(|e| format!("--from `{}`: {e}", options.from))?,
        to: options.to.parse().map_err(|e| format!("--to `{}`: {e}", options.to))?,
        defects: options.defects,
        replace: options.replace,
    };
    let summary = mach_synth::generate(&synth, &mut |n| bar.set_position(n)).map_err(|e| e.to_string())?;
    bar.finish_and_clear();
    let told = json!({
        "dossiers": summary.dossiers, "people": summary.people, "files": summary.files, "lines": summary.lines,
        "defects": summary.defects, "replaced": summary.replaced,
    });
    println!("{told}");
    Ok(ExitCode::SUCCESS)
}
