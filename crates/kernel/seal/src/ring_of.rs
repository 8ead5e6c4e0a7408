//! The keyring of this process: where it lies, made where there is none, read again where it changed.

use crate::keyring::{Keyring, master, random};
use crate::{Error, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use ring::aead::LessSafeKey;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

static FOLDER: OnceLock<PathBuf> = OnceLock::new();
static RING: RwLock<Option<Arc<Keyring>>> = RwLock::new(None);

const MASTER: &str = "master.key";
const KEYRING: &str = "keyring";

/// Says where the keys are; to be called before anything is sealed, and once.
pub fn set_folder(folder: PathBuf) {
    // A second call would not change what is sealed already.
    let _ = FOLDER.set(folder);
}

/// Where the keys are: as `set_folder` said, else `MACH_KEYS`, else `mach` in the user's folder of configuration.
///
/// # Errors
/// `Keys` where there is no such folder to know of.
pub fn folder() -> Result<PathBuf> {
    if let Some(folder) = FOLDER.get() {
        return Ok(folder.clone());
    }
    let named = |name: &str| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    let folder = named("MACH_KEYS")
        .or_else(|| Some(named("XDG_CONFIG_HOME")?.join("mach")))
        .or_else(|| Some(named("HOME")?.join(".config/mach")));
    folder.ok_or_else(|| Error::Keys {
        folder: "~/.config/mach".to_owned(),
        why: "HOME is not set; --keys FOLDER".to_owned(),
    })
}

/// The keyring of this process; made, with its master key, where the folder has none.
///
/// # Errors
/// `Keys` where it cannot be read or made.
pub fn ring() -> Result<Arc<Keyring>> {
    if let Some(ring) = &*RING.read().unwrap_or_else(PoisonError::into_inner) {
        return Ok(Arc::clone(ring));
    }
    let mut kept = RING.write().unwrap_or_else(PoisonError::into_inner);
    if let Some(ring) = &*kept {
        return Ok(Arc::clone(ring));
    }
    let read = Arc::new(load(&folder()?)?);
    *kept = Some(Arc::clone(&read));
    Ok(read)
}

/// Reads the keyring again: another process may have added a key.
fn again() -> Result<Arc<Keyring>> {
    let read = Arc::new(load(&folder()?)?);
    *RING.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&read));
    Ok(read)
}

/// Opens what was sealed for `row`, also by a key that another process added since.
///
/// # Errors
/// `Closed`, `Keys`.
pub fn open(row: &str, sealed: &[u8]) -> Result<Vec<u8>> {
    match ring()?.open(row, sealed) {
        Err(Error::Closed) if Keyring::number_of(sealed).is_some_and(|n| n > 1) => again()?.open(row, sealed),
        opened => opened,
    }
}

/// The same of a text.
///
/// # Errors
/// `Closed`, also where it is not sealed; `Keys`.
pub fn open_text(row: &str, sealed: &str) -> Result<String> {
    let bytes = Keyring::text_bytes(sealed).ok_or(Error::Closed)?;
    String::from_utf8(open(row, &bytes)?).map_err(|_| Error::Closed)
}

/// Adds a new key for each purpose but the index; everything is sealed with it from now on, by other processes from when they
/// first meet it, or start.
///
/// # Errors
/// `Keys` where the keyring cannot be written.
pub fn rotate() -> Result<Arc<Keyring>> {
    let folder = folder()?;
    let failed = |why: String| Error::Keys { folder: folder.display().to_string(), why };
    let key = read_master(&folder.join(MASTER)).map_err(&failed)?.ok_or_else(|| failed("there is none".to_owned()))?;
    let new = load(&folder)?.rotated()?;
    replace(&folder.join(KEYRING), &new.written(&key)?).map_err(&failed)?;
    again()
}

fn load(folder: &Path) -> Result<Keyring> {
    let failed = |why: String| Error::Keys { folder: folder.display().to_string(), why };
    make_folder(folder).map_err(&failed)?;
    let at = folder.join(MASTER);
    if read_master(&at).map_err(&failed)?.is_none() {
        // Without its master key a keyring is lost: another one does not help, and would hide it.
        if folder.join(KEYRING).exists() {
            return Err(failed(format!("there is a keyring, but `{MASTER}` is missing: bring it back")));
        }
        create(&at, &format!("{}\n", STANDARD_NO_PAD.encode(random::<32>()?))).map_err(&failed)?;
    }
    let key = read_master(&at).map_err(&failed)?.ok_or_else(|| failed(format!("`{MASTER}` went away")))?;
    let ring = folder.join(KEYRING);
    if !ring.exists() {
        create(&ring, &Keyring::new()?.written(&key)?).map_err(&failed)?;
    }
    let text = std::fs::read_to_string(&ring).map_err(|e| failed(e.to_string()))?;
    Keyring::read(&text, &key).map_err(|why| failed(why.to_owned()))
}

/// The master key of a file; `None` where there is none.
fn read_master(file: &Path) -> std::result::Result<Option<LessSafeKey>, String> {
    let text = match std::fs::read_to_string(file) {
        Ok(text) => text,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(format!("`{}`: {e}", file.display())),
    };
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let open = std::fs::metadata(file).map_err(|e| e.to_string())?.permissions().mode() & 0o077;
        if open != 0 {
            return Err(format!("`{0}` can be read by others: chmod 600 {0}", file.display()));
        }
    }
    let key = STANDARD_NO_PAD.decode(text.trim()).ok().and_then(|bytes| master(&bytes));
    key.map(Some).ok_or_else(|| format!("`{}` is no master key", file.display()))
}

fn make_folder(folder: &Path) -> std::result::Result<(), String> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder).map_err(|e| e.to_string())
}

/// Writes a file that only its owner reads, whole and durable under its name; leaves one alone that is there already.
fn create(file: &Path, text: &str) -> std::result::Result<(), String> {
    let new = write_beside(file, text)?;
    // Two programs may start at once: who is first makes it, the other takes it.
    let linked = std::fs::hard_link(&new, file);
    let _ = std::fs::remove_file(&new);
    match linked {
        Err(e) if e.kind() != ErrorKind::AlreadyExists => Err(format!("`{}`: {e}", file.display())),
        _ => Ok(()),
    }
}

/// The same in the place of one that is there.
fn replace(file: &Path, text: &str) -> std::result::Result<(), String> {
    let new = write_beside(file, text)?;
    std::fs::rename(&new, file).map_err(|e| format!("`{}`: {e}", file.display()))
}

fn write_beside(file: &Path, text: &str) -> std::result::Result<PathBuf, String> {
    let chance = random::<8>().map_err(|e| e.to_string())?;
    let new = file.with_extension(format!("new-{:016x}", u64::from_le_bytes(chance)));
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options.open(&new).and_then(|mut f| f.write_all(text.as_bytes()).and_then(|()| f.sync_all()));
    written.map(|()| new.clone()).map_err(|e| format!("`{}`: {e}", new.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_made_once_and_for_their_owner() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("a/keys");
        let marks: Vec<i64> = std::thread::scope(|scope| {
            let all: Vec<_> = (0..8).map(|_| scope.spawn(|| load(&folder).unwrap().mark())).collect();
            all.into_iter().map(|t| t.join().unwrap()).collect()
        });
        assert!(marks.iter().all(|m| *m == marks[0]), "{marks:?}");
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 2, "nothing is left beside");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = |p: &Path| std::fs::metadata(p).unwrap().permissions().mode() & 0o777;
            let files = [MASTER, KEYRING].map(|f| mode(&folder.join(f)));
            assert_eq!((mode(&folder), files), (0o700, [0o600, 0o600]));
            std::fs::set_permissions(folder.join(MASTER), std::fs::Permissions::from_mode(0o640)).unwrap();
            assert!(load(&folder).unwrap_err().to_string().contains("chmod 600"));
            std::fs::set_permissions(folder.join(MASTER), std::fs::Permissions::from_mode(0o600)).unwrap();
        }
        // No keys are made in the place of lost ones.
        std::fs::rename(folder.join(MASTER), home.path().join("away")).unwrap();
        assert!(load(&folder).unwrap_err().to_string().contains("bring it back"));
        std::fs::rename(home.path().join("away"), folder.join(MASTER)).unwrap();
        std::fs::write(folder.join(KEYRING), "mach keyring 1\n").unwrap();
        assert!(load(&folder).unwrap_err().to_string().contains("lacks a key"));
    }
}
