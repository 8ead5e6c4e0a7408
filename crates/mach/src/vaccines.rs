//! `mach vaccines`: doses from spreadsheets, the key, passes in batch, the list of passes taken back.

use crate::{Outcome, console, open, output, serve};
use clap::Subcommand;
use mach_access::{Act, Actor, Role, decide};
use mach_store::schema;
use mach_vaccines::{batch, import, keys, pass};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

/// What to do.
#[derive(Subcommand)]
pub enum Command {
    /// Import spreadsheets of doses (CSV, XLSX); the same file goes on where it was. Exit code 2: rows were refused
    Import {
        /// Files
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// Facility that sends them (five characters); without it each row names its own
        #[arg(long)]
        facility: Option<String>,
    },
    /// Make a key that signs passes, trusted by this data folder alone; put your own into keys/hc1.pem instead
    Key {
        /// Organisation in its certificate
        #[arg(long, default_value = "Sở Y tế")]
        organisation: String,
    },
    /// Issue passes to all who may have one, and go on with a batch that was cut off
    Issue,
    /// Sign and publish the list of passes taken back
    Revoked,
}

/// Runs it.
pub fn run(data: &Path, command: Command) -> Outcome {
    match command {
        Command::Import { files, facility } => import_all(data, &files, facility.as_deref()),
        Command::Key { organisation } => {
            let signer = keys::make(data, &organisation)?;
            println!("{}", signer.certificate.subject.common());
            Ok(ExitCode::SUCCESS)
        }
        Command::Issue => issue(data),
        Command::Revoked => {
            let signer = signer(data)?;
            println!("{}", pass::publish(&open(data)?, &signer, data)?);
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn signer(data: &Path) -> Result<keys::Signer, String> {
    keys::open(data)?.ok_or_else(|| "there is no key: run `mach vaccines key` first".to_owned())
}

fn import_all(data: &Path, files: &[PathBuf], facility: Option<&str>) -> Outcome {
    serve::load_content();
    let store = open(data)?;
    mach_organisation::register::load(&store).map_err(|e| e.to_string())?;
    let decision = match facility {
        None => console(Act::Vaccinate)?,
        Some(code) => {
            if mach_terms::Facilities::shared().get(code).is_none() {
                return Err(format!("`{code}`: no such facility in the register"));
            }
            let wanted = code.to_owned();
            let id = store.write(&console(Act::Vaccinate)?, move |tx| schema::facility_id(tx, &wanted));
            let id = id.map_err(|e| e.to_string())?;
            let actor = Actor { role: Role::Sender, facility: Some(id), ..Actor::console() };
            decide(&actor, Act::Vaccinate).map_err(|e| e.to_string())?
        }
    };
    let mut bad = false;
    for path in files {
        let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        let bar = output::bar(0, "dòng");
        let begun = Instant::now();
        let mut before = None;
        let file = import::import(&store, &decision, (path, &name), &mut |file| {
            before.get_or_insert(file.read);
            bar.set_position(file.read.unsigned_abs());
        });
        bar.finish_and_clear();
        let file = file.map_err(|e| format!("`{}`: {e}", path.display()))?;
        let read = file.read - before.unwrap_or(0);
        println!(
            "{name}: {} rows, {} doses taken ({} in doubt), {} there already, {} refused; {:.0} rows/s",
            file.read,
            file.good,
            file.doubts,
            file.same,
            file.bad,
            read as f64 / begun.elapsed().as_secs_f64()
        );
        if file.bad > 0 {
            bad = true;
            let mut reader = store.read(&decision).map_err(|e| e.to_string())?;
            for fault in mach_store::vaccines::faults(&mut reader, &file, (0, ""), 20).map_err(|e| e.to_string())? {
                println!("  line {}: {} {}", fault.line, fault.field, fault.why);
            }
        }
    }
    Ok(ExitCode::from(if bad { 2 } else { 0 }))
}

fn issue(data: &Path) -> Outcome {
    let (store, signer) = (open(data)?, signer(data)?);
    batch::begin(&store, &console(Act::RunBatches)?, 0).map_err(|e| e.to_string())?;
    let bar = output::bar(0, "chứng nhận");
    let begun = Instant::now();
    let mut before = None;
    let done = batch::run(&store, &signer, &mut |b| {
        before.get_or_insert(b.made);
        bar.set_length(b.total.unsigned_abs());
        bar.set_position((b.made + b.passed_over).unsigned_abs());
    });
    bar.finish_and_clear();
    let Some(done) = done.map_err(|e| e.to_string())? else { return Err("the batch was stopped".to_owned()) };
    let made = done.made - before.unwrap_or(0);
    println!(
        "{made} passes issued, {} people passed over; {:.0}/s",
        done.passed_over,
        made as f64 / begun.elapsed().as_secs_f64()
    );
    Ok(ExitCode::SUCCESS)
}
