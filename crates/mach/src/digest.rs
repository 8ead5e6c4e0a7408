//! `mach store …`: what the store holds, as one digest that does not depend on times or on how it came in.

use crate::{Outcome, console, open};
use clap::Subcommand;
use mach_access::Act;
use std::path::Path;
use std::process::ExitCode;

/// The store.
#[derive(Subcommand)]
pub enum Command {
    /// Print one digest a table: equal stores print equal lines
    Digest,
}

/// Runs `mach store`.
pub fn run(data: &Path, command: Command) -> Outcome {
    let Command::Digest = command;
    let store = open(data)?;
    let mut reader = store.read(&console(Act::Administer)?).map_err(|e| e.to_string())?;
    for (name, rows, digest) in mach_store::digest::tables(&mut reader).map_err(|e| e.to_string())? {
        println!("{name:<16} {rows:>10} {digest}");
    }
    Ok(ExitCode::SUCCESS)
}
