//! `mach store …`, `mach backup`, `mach restore`: what the store holds, whether it is whole, copies of it.

use crate::{Outcome, console, open, open_at, output};
use clap::{Args, Subcommand};
use mach_access::Act;
use mach_base::time::{instant_text, parse_instant};
use mach_store::{Damage, Store, digest};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// The store.
#[derive(Subcommand)]
pub enum Command {
    /// Print one digest a table: equal stores print equal lines
    Digest,
    /// Read everything; name what is damaged. Exit code 0 all is well, 2 something is damaged, 1 could not run
    Check,
    /// Save what can be read of a damaged store into a new folder, and name what is lost. Exit code 0 nothing is lost, 2
    /// something is, 1 could not run
    Repair(Repair),
    /// Copy a whole store into an empty one: folders or postgres://… addresses
    Copy(Copy),
}

/// To where.
#[derive(Args)]
pub struct Repair {
    /// A data folder without a store
    #[arg(long)]
    to: PathBuf,
}

/// From where to where.
#[derive(Args)]
pub struct Copy {
    /// A data folder, or postgres://…
    #[arg(long)]
    from: String,
    /// A data folder without a store, or postgres://… of an empty database
    #[arg(long)]
    to: String,
}

/// What to write.
#[derive(Args)]
pub struct Backup {
    /// The file to write; FILE.sha256 is written beside it
    #[arg(long)]
    to: PathBuf,
}

/// What to read.
#[derive(Args)]
pub struct Restore {
    /// A file that `mach backup` wrote
    #[arg(long)]
    from: PathBuf,
    /// The folder `archive` of the store that was backed up: everything committed since is restored too
    #[arg(long)]
    archive: Option<PathBuf>,
    /// The moment to restore to, as 2026-03-09T08:40:00+07:00; without it to the end of the archive
    #[arg(long, requires = "archive")]
    to: Option<String>,
}

/// The archive of a data folder: every commit, copied as it is made.
#[derive(Subcommand)]
pub enum Archive {
    /// Begin to archive every commit into `archive` in the data folder (which may be a link to another disk)
    Start,
    /// Say how far it is
    Status,
}

/// Runs `mach store`.
pub fn run(data: &Path, command: Command) -> Outcome {
    match command {
        Command::Digest => {
            for (name, rows, digest) in digests(&open(data)?)? {
                println!("{name:<16} {rows:>10} {digest}");
            }
            Ok(ExitCode::SUCCESS)
        }
        Command::Check => check(data),
        Command::Repair(options) => repair(data, &options.to),
        Command::Copy(options) => copy(&options),
    }
}

fn digests(store: &Store) -> Result<Vec<(&'static str, u64, String)>, String> {
    let mut reader = store.read(&console(Act::Administer)?).map_err(|e| e.to_string())?;
    digest::tables(&mut reader).map_err(|e| e.to_string())
}

fn check(data: &Path) -> Outcome {
    let store = open(data)?;
    let bar = output::bar(0, "dòng");
    let damages = store
        .check(&console(Act::Administer)?, &mut |c| {
            bar.set_position(c.rows);
            bar.set_message(c.table);
        })
        .map_err(|e| e.to_string())?;
    bar.finish_and_clear();
    if damages.is_empty() {
        println!("Kho dữ liệu nguyên vẹn: {}\nThe store is whole.", store.shown());
        return Ok(ExitCode::SUCCESS);
    }
    print_damages(&damages);
    println!("Kho dữ liệu bị hỏng: {} chỗ. Khôi phục từ bản sao lưu: mach restore.", damages.len());
    println!("The store is damaged in {} places. Restore a backup: mach restore.", damages.len());
    Ok(ExitCode::from(2))
}

fn repair(data: &Path, to: &Path) -> Outcome {
    if to.join("mach.db").exists() {
        return Err(format!("`{}` holds a store already\nhint: name a new folder", to.display()));
    }
    let decision = console(Act::Administer)?;
    let saved = Store::open(to).map_err(|e| e.to_string())?;
    let done = open(data)?.repair_to(&saved, &decision).map_err(|e| e.to_string())?;
    let left = saved.check(&decision, &mut |_| ()).map_err(|e| e.to_string())?;
    if !left.is_empty() {
        print_damages(&left);
        return Err(format!("`{}` is not whole: do not use it", to.display()));
    }
    print_damages(&done.lost);
    let (rows, dropped, lost) = (done.rows, done.dropped, done.lost.len());
    println!("Đã cứu {rows} dòng vào {}; bỏ {dropped} dòng; {lost} chỗ hỏng nêu trên.", to.display());
    println!("{rows} rows were saved, {dropped} were left out; what is lost stands above ({lost} places).");
    println!(
        "Next: mach fhir reindex, mach audit-log verify (it names what the log still knows and the store has lost)."
    );
    Ok(if done.lost.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(2) })
}

/// Says what is damaged, one line each.
pub fn print_damages(damages: &[Damage]) {
    for damage in damages {
        println!("HỎNG / DAMAGED  {damage}");
    }
}

fn copy(options: &Copy) -> Outcome {
    let (from, to) = (open_at(&options.from)?, open_at(&options.to)?);
    let bar = output::bar(0, "dòng");
    let rows = from
        .copy_to(&to, &console(Act::Administer)?, &mut |c| {
            bar.set_length(c.of);
            bar.set_position(c.rows);
            bar.set_message(c.table);
        })
        .map_err(|e| e.to_string())?;
    bar.finish_and_clear();
    let (there, here) = (digests(&from)?, digests(&to)?);
    if there != here {
        return Err(format!("the copy differs from `{}`: nothing may use it", from.shown()));
    }
    println!("{rows} dòng → {}; hai bên giống nhau / both digests are equal", to.shown());
    Ok(ExitCode::SUCCESS)
}

/// Runs `mach backup`.
pub fn backup(data: &Path, options: &Backup) -> Outcome {
    let (store, decision) = (open(data)?, console(Act::Administer)?);
    let made = store.backup(&decision, &options.to).map_err(|e| e.to_string())?;
    let event = format!("sha256 {} bytes {}", made.sha256, made.bytes);
    store.write(&decision, move |tx| tx.log_event("backup", &event)).map_err(|e| e.to_string())?;
    println!("{}  {}  {} bytes", made.sha256, options.to.display(), made.bytes);
    Ok(ExitCode::SUCCESS)
}

/// Runs `mach restore`.
pub fn restore(data: &Path, options: &Restore) -> Outcome {
    let to = match &options.to {
        None => None,
        Some(text) => Some(parse_instant(text).ok_or_else(|| {
            format!("`{text}` is no moment\nhint: with date, time and offset: 2026-03-09T08:40:00+07:00")
        })?),
    };
    let Some(archive) = &options.archive else {
        let done = mach_store::restore(&options.from, data).map_err(|e| e.to_string())?;
        restored(data, &format!("sha256 {} bytes {}", done.sha256, done.bytes))?;
        println!("{}  {}  {} bytes", done.sha256, data.display(), done.bytes);
        return Ok(ExitCode::SUCCESS);
    };
    let done = mach_store::restore_to(&options.from, archive, to, data).map_err(|e| e.to_string())?;
    let reached = done.at.map(instant_text).unwrap_or_default();
    restored(data, &format!("sha256 {} up to {reached}", done.backup.sha256))?;
    println!("Đã khôi phục đến giao dịch cuối lúc {reached}: {}", data.display());
    println!("Restored up to the last commit, made at {reached}. Check it: mach store check");
    Ok(ExitCode::SUCCESS)
}

/// Writes into the restored store's transparency log that it was restored, and from what.
fn restored(data: &Path, event: &str) -> Result<(), String> {
    let (store, event) = (Store::open(data).map_err(|e| e.to_string())?, event.to_owned());
    store.write(&console(Act::Administer)?, move |tx| tx.log_event("restore", &event)).map_err(|e| e.to_string())?;
    Ok(())
}

/// Runs `mach archive`.
pub fn archive(data: &Path, command: &Archive) -> Outcome {
    let store = open(data)?;
    let decision = console(Act::Administer)?;
    if let Archive::Start = command {
        store.begin_archive(&decision).map_err(|e| e.to_string())?;
        println!("Lưu liên tục vào {}. Hãy sao lưu ngay: mach backup --to …", data.join("archive").display());
        println!("Every commit is archived from now on. Make a backup now: mach backup --to …");
        return Ok(ExitCode::SUCCESS);
    }
    match store.archived(&decision).map_err(|e| e.to_string())? {
        Some(state) => println!("{} pages, up to {}", state.frames, instant_text(state.at)),
        None => return Err("this folder has no archive\nhint: mach archive start".to_owned()),
    }
    Ok(ExitCode::SUCCESS)
}
