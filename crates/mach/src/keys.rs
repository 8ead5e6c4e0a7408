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
    /// Say the fingerprint of the key that signs the list by which browsers check QR codes without a network
    List,
    /// Add new keys and seal everything with them, while the store is served; restart the server afterwards and run
    /// `mach keys reseal` for what it wrote meanwhile
    Rotate,
    /// Seal with the newest keys what is sealed with older ones; may be cut off and run again
    Reseal,
}

/// Runs `mach keys`.
pub fn run(data: &Path, command: Command) -> Outcome {
    match command {
        Command::Show => match mach_seal::existing().map_err(|e| e.to_string())? {
            Some(ring) => show(&ring)?,
            None => println!("{}  no keys yet: the first start of a store makes them", folder()?),
        },
        Command::List => println!("{}", mach_verify::list_fingerprint(data)?),
        Command::Rotate => {
            // The store is looked at first: new keys for a store of another keyring would be of no use.
            let store = open(data)?;
            show(&*store.turn_keys(&console(Act::Administer)?).map_err(|e| e.to_string())?)?;
            println!("Chép lại thư mục khóa ngay: bản sao cũ không mở được dữ liệu từ nay.");
            println!("Copy the folder of keys again now: older copies do not open what is sealed from here on.");
            reseal(&store)?;
        }
        Command::Reseal => reseal(&open(data)?)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn folder() -> Result<String, String> {
    mach_seal::folder().map(|folder| folder.display().to_string()).map_err(|e| e.to_string())
}

fn show(ring: &Keyring) -> Result<(), String> {
    println!("{}  keyring {:016x}", folder()?, ring.mark());
    for purpose in [Purpose::Body, Purpose::Identity, Purpose::Secret, Purpose::Index] {
        println!("{:<9} key {}", purpose.name(), ring.number(purpose));
    }
    Ok(())
}

fn reseal(store: &mach_store::Store) -> Result<(), String> {
    let bar = output::bar(0, "rows");
    let done = store.reseal(&console(Act::Administer)?, &mut |rows| bar.set_position(rows));
    bar.finish_and_clear();
    let done = done.map_err(|e| e.to_string())?;
    if done.damaged > 0 {
        println!("{} rows are damaged and stay as they are; see: mach store check", done.damaged);
    }
    println!("{} rows sealed anew", done.rows);
    Ok(())
}
