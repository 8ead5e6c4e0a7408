//! `mach audit-log …` and `mach verify`: is the store what was logged, what is the log's key, one record's receipt, erasure.

use super::{at, folder, own_key, own_verifier, signer};
use crate::{Outcome, console, open, output};
use clap::{Args, Subcommand};
use mach_access::{Act, Scope};
use mach_fhir::ResourceType;
use mach_store::resources::{self, Resource};
use mach_store::{Reader, Store, log};
use mach_tlog::cosign::Trust;
use mach_tlog::note::Verifier;
use mach_tlog::receipt::Receipt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// The transparency log.
#[derive(Subcommand)]
pub enum Command {
    /// Walk tables and log both ways; name what was altered, inserted, deleted or rolled back. Exit code 0 nothing, 2
    /// something, 1 could not run
    Verify(Verify),
    /// Print the log's public key, made where there is none: for witnesses, and for whoever checks receipts
    Key {
        /// Name of the log, taken when its key is made: a domain of yours with a path
        #[arg(long)]
        name: Option<String>,
    },
    /// Sign the log as it is now and ask the witnesses, without serving
    Sign,
    /// Print the receipt of one resource version: the record, and the proof that it is in the log
    Receipt(Which),
    /// Destroy content and salt of an ended version: nothing brings them back
    Erase {
        #[command(flatten)]
        which: Which,
        /// The act that allows it: number and date of the decision
        #[arg(long)]
        reason: String,
    },
}

/// How to verify.
#[derive(Args)]
pub struct Verify {
    /// A checkpoint of this log that was kept elsewhere: a witness's, yesterday's; as often as there are
    #[arg(long, value_name = "FILE")]
    witness_checkpoint: Vec<PathBuf>,
    /// The log's public key, where this data folder has not its secret key
    #[arg(long, value_name = "KEY")]
    log: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Which version.
#[derive(Args)]
pub struct Which {
    /// Type/id
    resource: String,
    /// Version
    #[arg(long)]
    version: i64,
    /// Code of the facility whose resource it is; without it the province's
    #[arg(long)]
    facility: Option<String>,
}

/// What to check, and against what.
#[derive(Args)]
pub struct Offline {
    /// A receipt (with --log); a signed PDF or XML file, a JWS, the text of a QR code (with --trust)
    file: PathBuf,
    /// Public key of the log, known from elsewhere than the file
    #[arg(long, value_name = "KEY")]
    log: Option<String>,
    /// Folder of trusted certificates: roots/*.pem, authorities/*.pem, signers/*.pem, lists/*.crl. Without it that of the data
    #[arg(long, value_name = "FOLDER", conflicts_with = "log")]
    trust: Option<PathBuf>,
    /// Public key of a witness; as often as there are
    #[arg(long = "witness", value_name = "KEY")]
    witnesses: Vec<String>,
    /// How many of them must have signed; without it all
    #[arg(long)]
    quorum: Option<usize>,
}

/// Runs `mach audit-log`.
pub fn run(data: &Path, command: Command) -> Outcome {
    match command {
        Command::Verify(options) => verify(data, &options),
        Command::Key { name } => {
            let key = match name {
                Some(name) => super::key(&folder(data).join("key"), mach_tlog::note::Algorithm::Ed25519, |_| name)?,
                None => own_key(data)?,
            };
            println!("{}", key.verifier());
            Ok(ExitCode::SUCCESS)
        }
        Command::Sign => {
            let round = signer::Signer::open(data)?.round(&open(data)?)?;
            round.troubles.iter().for_each(|t| eprintln!("mach: {t}"));
            match round.size {
                Some(size) => println!("{size} leaves signed, {} witnesses", round.cosigned),
                None => println!("nothing new, {} witnesses signed now", round.cosigned),
            }
            Ok(ExitCode::from(if round.troubles.is_empty() { 0 } else { 2 }))
        }
        Command::Receipt(which) => {
            let store = open(data)?;
            let mut reader = reader(&store)?;
            let found = find(&mut reader, &which)?;
            let receipt = log::receipt(&mut reader, &found).map_err(|e| e.to_string())?;
            let receipt = receipt.ok_or("no checkpoint holds this version yet\nhint: mach audit-log sign")?;
            println!("{}", receipt.encode());
            Ok(ExitCode::SUCCESS)
        }
        Command::Erase { which, reason } => {
            let store = open(data)?;
            let found = find(&mut reader(&store)?, &which)?;
            let said = format!("{}/{} version {}", found.kind.name(), found.id, found.version);
            let target = format!("erase {said}");
            store
                .write(&console(Act::Administer)?, move |tx| {
                    tx.erase(&found, &reason)?;
                    tx.audit(found.patient, &target, "granted")
                })
                .map_err(|e| e.to_string())?;
            println!("{said}: đã hủy nội dung / erased");
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn reader(store: &Store) -> Result<Reader, String> {
    store.read(&console(Act::Administer)?).map_err(|e| e.to_string())
}

fn find(reader: &mut Reader, which: &Which) -> Result<Resource, String> {
    let said = |e: mach_store::Error| e.to_string();
    let (kind, id) = which.resource.split_once('/').ok_or("a resource is named Type/id")?;
    let kind = ResourceType::parse(kind).ok_or_else(|| format!("`{kind}` is no resource type of FHIR R4"))?;
    let scope = match &which.facility {
        None => Scope::All,
        Some(code) => {
            let number = mach_store::schema::facility_of_code(reader, code).map_err(said)?;
            Scope::Facility(number.ok_or_else(|| format!("there is no facility `{code}`"))?)
        }
    };
    let found = resources::version(reader, scope, kind, id, which.version).map_err(said)?;
    found.ok_or_else(|| format!("there is no {} version {}", which.resource, which.version))
}

fn verify(data: &Path, options: &Verify) -> Outcome {
    let key = match &options.log {
        Some(text) => Some(Verifier::parse(text).map_err(|e| format!("--log `{text}`: {e}"))?),
        None => own_verifier(data)?,
    };
    if key.is_none() {
        eprintln!("mach: no key of this log is known: signatures are not checked\nhint: --log KEY");
    }
    let mut checkpoints = Vec::new();
    for file in &options.witness_checkpoint {
        checkpoints.push((file.display().to_string(), std::fs::read_to_string(file).map_err(|e| at(file, &e))?));
    }
    let own = folder(data).join("checkpoint");
    if options.log.is_none()
        && let Ok(text) = std::fs::read_to_string(&own)
    {
        checkpoints.push(("the node's own last checkpoint".to_owned(), text));
    }
    let bar = output::bar(0, "bản ghi");
    let store = open(data)?;
    let started = std::time::Instant::now();
    let asked = log::Asked { key, checkpoints };
    let report = log::verify(&mut reader(&store)?, &asked, &mut |progress| {
        bar.set_length(progress.of);
        bar.set_position(progress.done);
    })
    .map_err(|e| e.to_string())?;
    bar.finish_and_clear();
    if options.json {
        let findings: Vec<_> = report.findings.iter().map(finding_json).collect();
        let json = serde_json::json!({
            "leaves": report.leaves, "root": report.root, "rows": report.rows, "checkpoints": report.checkpoints,
            "erased": report.erased.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "found": report.found, "findings": findings,
            "milliseconds": started.elapsed().as_millis() as u64,
        });
        println!("{json}");
    } else {
        report.findings.iter().for_each(|f| println!("SAI LỆCH / {}: {f}", f.code().to_uppercase()));
        report.erased.iter().for_each(|f| println!("ĐÃ HỦY / ERASED: {f}"));
        let (leaves, rows) = (report.leaves, report.rows);
        println!(
            "{leaves} lá, {rows} bản ghi, {} checkpoint, gốc / root {}, {:.1} s",
            report.checkpoints,
            report.root,
            started.elapsed().as_secs_f64()
        );
        match report.found {
            0 => println!("Nhật ký và dữ liệu khớp nhau.\nLog and data agree."),
            n => println!("{n} chỗ không khớp.\n{n} findings."),
        }
    }
    Ok(ExitCode::from(if report.found == 0 { 0 } else { 2 }))
}

fn finding_json(finding: &log::Finding) -> serde_json::Value {
    use log::Finding::{Altered, Deleted, ErasedUnseen, Hidden, Inserted};
    let what = match finding {
        Altered(fact) | Deleted(fact) | Inserted(fact) | Hidden(fact) | ErasedUnseen(fact) => Some(fact.to_string()),
        _ => None,
    };
    serde_json::json!({ "kind": finding.code(), "what": what, "text": finding.to_string() })
}

/// Runs `mach verify`: a receipt, without a network and without a store.
pub fn offline(data: &Path, options: &Offline) -> Outcome {
    let Some(log) = &options.log else { return paper(data, options) };
    let key = |name: &str, text: &str| Verifier::parse(text).map_err(|e| format!("--{name} `{text}`: {e}"));
    let witnesses = options.witnesses.iter().map(|w| key("witness", w)).collect::<Result<Vec<_>, _>>()?;
    let quorum = options.quorum.unwrap_or(witnesses.len());
    let trust = Trust { log: key("log", log)?, witnesses, quorum };
    let text = std::fs::read_to_string(&options.file).map_err(|e| at(&options.file, &e))?;
    match Receipt::parse(&text).and_then(|r| r.verify(&trust).map(|shown| (r, shown))) {
        Ok((receipt, shown)) => {
            println!("ĐÚNG / VALID");
            print!("{}", receipt.description);
            let checkpoint = &shown.checkpoint;
            println!("leaf {} of {} in {}", receipt.proof.index, checkpoint.size, checkpoint.origin);
            for (name, time) in &shown.witnesses {
                println!("seen by {name} at {time} (seconds since 1970 UTC)");
            }
            if shown.witnesses.is_empty() {
                println!("no witness was asked for: the log alone vouches for this");
            }
            Ok(ExitCode::SUCCESS)
        }
        Err(why) => {
            println!("SAI / NOT VALID: {why}");
            Ok(ExitCode::from(2))
        }
    }
}

/// A signed paper, in the words of the page `/verify`.
fn paper(data: &Path, options: &Offline) -> Outcome {
    let bytes = std::fs::read(&options.file).map_err(|e| at(&options.file, &e))?;
    if bytes.trim_ascii_start().starts_with(b"{") {
        return Err("a receipt is checked against its log: --log KEY".to_owned());
    }
    let folder = options.trust.clone().unwrap_or_else(|| data.join("trust"));
    let shelf = mach_verify::Shelf::read(&folder)?;
    match shelf.examine(&bytes) {
        Ok(verdict) => {
            let hash = mach_sign::hex(&mach_sign::sha256(&bytes));
            let known = verdict.marks().chain([hash]).find_map(|mark| shelf.ended.get(&mark));
            let ended = known.map(|(at, why)| (*at, why.as_str()));
            let good = verdict.is_good() && ended.is_none();
            println!("{}", if good { "ĐÚNG / VALID" } else { "SAI / NOT VALID" });
            if !verdict.is_good() {
                println!("{}", mach_ui::Lang::Vi.t(mach_verify::sentence(&verdict).1));
            }
            if ended.is_some() {
                let (name, said) = mach_verify::paper(mach_ui::Lang::Vi, ended);
                println!("{name}: {said}");
            }
            for finding in &verdict.findings {
                println!();
                for (name, value) in mach_verify::lines(mach_ui::Lang::Vi, finding) {
                    println!("{name}: {value}");
                }
            }
            let lang = mach_ui::Lang::Vi;
            let more: Vec<_> = mach_verify::claims(lang, &verdict)
                .into_iter()
                .chain(mach_verify::payload(lang, &verdict))
                .chain(mach_verify::patients(lang, &verdict))
                .collect();
            if !more.is_empty() {
                println!();
            }
            for (name, value) in more {
                println!("{name}: {value}");
            }
            Ok(ExitCode::from(if good { 0 } else { 2 }))
        }
        Err(why) => {
            let said = mach_ui::Lang::ALL.map(|lang| mach_verify::reason(lang, &why));
            println!("SAI / NOT VALID: {}", said.join(" / "));
            Ok(ExitCode::from(2))
        }
    }
}
