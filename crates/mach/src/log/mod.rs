//! The transparency log as this program runs it: the node's key, signed checkpoints, witnesses, what is served and checked.
//!
//! Key and last checkpoint lie in `log/` of the data folder, beside the store and never in it: whoever can write the database
//! can then neither sign nor make the program sign a log that is not the continuation of the last one.

pub mod command;
mod peer;
pub mod routes;
pub mod signer;
pub mod witness;

use mach_access::secret;
use mach_tlog::note::{Algorithm, Key, Verifier};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

/// The folder of the log within the data folder.
pub fn folder(data: &Path) -> PathBuf {
    data.join("log")
}

fn at(path: &Path, error: &std::io::Error) -> String {
    format!("`{}`: {error}", path.display())
}

/// The key in `file`, made there where there is none; only its owner can read the file.
pub fn key(file: &Path, algorithm: Algorithm, name: impl FnOnce(&str) -> String) -> Result<Key, String> {
    if let Some(key) = existing_key(file)? {
        return Ok(key);
    }
    let random = secret::new_token("").map_err(|e| e.to_string())?;
    let seed = mach_tlog::from_hex(&random).and_then(|s| <[u8; 32]>::try_from(s).ok());
    let seed = seed.ok_or("no random numbers")?;
    let own = secret::new_token("").map_err(|e| e.to_string())?;
    let key = Key::new(&name(&own[..12]), algorithm, &seed).map_err(|e| e.to_string())?;
    write_durably(file, &format!("{}\n", key.to_secret()), true)?;
    // Another process may have been first: what lies in the file is the key.
    existing_key(file)?.ok_or_else(|| format!("`{}` could not be written", file.display()))
}

/// The key in `file`, if there is one.
pub fn existing_key(file: &Path) -> Result<Option<Key>, String> {
    match std::fs::read_to_string(file) {
        Ok(text) => Key::parse(&text).map(Some).map_err(|e| format!("`{}`: {e}", file.display())),
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
        Err(e) => Err(at(file, &e)),
    }
}

/// The log's own key of a data folder, made where there is none. Its name, the origin of the log, is random: it names no
/// place, and two nodes never have the same.
pub fn own_key(data: &Path) -> Result<Key, String> {
    key(&folder(data).join("key"), Algorithm::Ed25519, |own| format!("log.mach.invalid/{own}"))
}

/// The public key of the log of a data folder, if it has one.
pub fn own_verifier(data: &Path) -> Result<Option<Verifier>, String> {
    Ok(existing_key(&folder(data).join("key"))?.map(|k| k.verifier().clone()))
}

/// Writes a file so that after a power cut either the old or the new one is there; `private`: only its owner can read it,
/// and an existing one is left alone.
pub fn write_durably(file: &Path, text: &str, private: bool) -> Result<(), String> {
    let folder = file.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(|e| at(folder, &e))?;
    let part = file.with_extension(format!("part{}", std::process::id()));
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    if private {
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    }
    let written = options.open(&part).and_then(|mut f| f.write_all(text.as_bytes()).and_then(|()| f.sync_all()));
    let placed = written.and_then(|()| match private {
        true => std::fs::hard_link(&part, file).or_else(|e| if file.exists() { Ok(()) } else { Err(e) }),
        false => std::fs::rename(&part, file),
    });
    if private || placed.is_err() {
        // A part that cannot be removed is overwritten by the next one.
        let _ = std::fs::remove_file(&part);
    }
    placed.map_err(|e| at(file, &e))?;
    std::fs::File::open(folder).and_then(|f| f.sync_all()).map_err(|e| at(folder, &e))
}

/// Seconds since 1970 UTC.
fn now() -> i64 {
    mach_base::time::now_seconds()
}
