//! `mach keys …`: the keys that the store is sealed with.

use crate::{Outcome, console, open, output};
use clap::Subcommand;
use mach_access::Act;
use mach_seal::{Keyring, Purpose};
use std::path::Path;
use std::process::ExitCode;

/// Keys.
#[derive(Subcommand)]
pub enum Command {
    /// Say where the keys are, which keyring it is, and how many keys each purpose has had
    Show,
    /// Add new keys and seal everything with them, while the store is served; restart the server afterwards and run
    /// `mach keys reseal` for what it wrote meanwhile
    Rotate,
    /// Seal with the newest keys what is sealed with older ones; may be cut off and run again
    Reseal,
}

/// Runs `mach keys`.
pub fn run(data: &Path, command: Command) -> Outcome {
    match command {
        Command::Show => show(&*mach_seal::ring().map_err(|e| e.to_string())?)?,
        Command::Rotate => {
            // The store is looked at first: new keys for a store of another keyring would be of no use.
            let store = open(data)?;
            let ring = mach_seal::rotate().map_err(|e| e.to_string())?;
            store
                .write(&console(Act::Administer)?, |tx| tx.audit(None, "keys rotated", "granted"))
                .map_err(|e| e.to_string())?;
            show(&ring)?;
            reseal(&store)?;
        }
        Command::Reseal => reseal(&open(data)?)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn show(ring: &Keyring) -> Result<(), String> {
    println!("{}  keyring {:016x}", mach_seal::folder().map_err(|e| e.to_string())?.display(), ring.mark());
    for purpose in [Purpose::Body, Purpose::Identity, Purpose::Secret, Purpose::Index] {
        println!("{:<9} key {}", purpose.name(), ring.number(purpose));
    }
    Ok(())
}

fn reseal(store: &mach_store::Store) -> Result<(), String> {
    let bar = output::bar(0, "rows");
    let done = store.reseal(&console(Act::Administer)?, &mut |rows| bar.set_position(rows));
    bar.finish_and_clear();
    println!("{} rows sealed anew", done.map_err(|e| e.to_string())?);
    Ok(())
}
