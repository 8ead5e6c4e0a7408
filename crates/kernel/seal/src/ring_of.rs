//! The keyring of this process: where it lies, made where there is none, read again where it changed.

use crate::keyring::{Keyring, Purpose, blind_by, master, random};
use crate::{Error, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use ring::aead::LessSafeKey;
use ring::hmac;
use std::fs::File;
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

/// The keyring as its files are now; `None` where there is none yet: none is made.
///
/// # Errors
/// `Keys` where it cannot be read.
pub fn existing() -> Result<Option<Keyring>> {
    read(&folder()?)
}

/// A keyed hash of 64 bits, for looking for equal values: [`Keyring::blind`] of this process's keyring, whose key for this is
/// read once.
///
/// # Errors
/// `Keys` where the keyring cannot be read.
pub fn blind(what: &[u8]) -> Result<i64> {
    static INDEX: OnceLock<hmac::Key> = OnceLock::new();
    let key = match INDEX.get() {
        Some(key) => key,
        None => {
            let ring = ring()?;
            INDEX.get_or_init(|| ring.index().clone())
        }
    };
    Ok(blind_by(key, what))
}

/// Reads the keyring again: another process may have added a key. What has fewer keys than are known is no newer one.
fn again() -> Result<Arc<Keyring>> {
    let read = Arc::new(load(&folder()?)?);
    let mut kept = RING.write().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = &*kept {
        let is_newer = read.mark() == known.mark() && read.number(Purpose::Body) >= known.number(Purpose::Body);
        if !is_newer {
            return Ok(Arc::clone(known));
        }
    }
    *kept = Some(Arc::clone(&read));
    Ok(read)
}

/// Opens what was sealed for `row`, also by a key that another process added since.
///
/// # Errors
/// `Closed`, `NoKey`, `Keys`.
pub fn open(row: &str, sealed: &[u8]) -> Result<Vec<u8>> {
    match ring()?.open(row, sealed) {
        Err(Error::NoKey { .. }) => again()?.open(row, sealed),
        opened => opened,
    }
}

/// The same of a text.
///
/// # Errors
/// `Closed`, also where it is not sealed; `NoKey`, `Keys`.
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
    rotate_in(&folder()?)?;
    again()
}

/// Two who turn the keys at once take turns: what either has sealed with its new key is lost without that key.
fn rotate_in(folder: &Path) -> Result<()> {
    let failed = |why: String| failed(folder, why);
    let _turn = turn(folder).map_err(failed)?;
    let key = read_master(&folder.join(MASTER)).map_err(failed)?.ok_or_else(|| failed("there is none".to_owned()))?;
    let old = read(folder)?.ok_or_else(|| failed("there is no keyring".to_owned()))?;
    replace(&folder.join(KEYRING), &old.rotated()?.written(&key)?).map_err(failed)
}

fn failed(folder: &Path, why: String) -> Error {
    Error::Keys { folder: folder.display().to_string(), why }
}

/// The keyring in `folder`; made where there is none.
fn load(folder: &Path) -> Result<Keyring> {
    if let Some(ring) = read(folder)? {
        return Ok(ring);
    }
    let failed = |why: String| failed(folder, why);
    make_folder(folder).map_err(failed)?;
    let _turn = turn(folder).map_err(failed)?;
    // Whoever had the turn before may have made it.
    if let Some(ring) = read(folder)? {
        return Ok(ring);
    }
    let at = folder.join(MASTER);
    if read_master(&at).map_err(failed)?.is_none() {
        replace(&at, &format!("{}\n", STANDARD_NO_PAD.encode(random::<32>()?))).map_err(failed)?;
    }
    let key = read_master(&at).map_err(failed)?.ok_or_else(|| failed(format!("`{MASTER}` went away")))?;
    replace(&folder.join(KEYRING), &Keyring::new()?.written(&key)?).map_err(failed)?;
    read(folder)?.ok_or_else(|| failed(format!("`{KEYRING}` went away")))
}

/// The keyring in `folder`; `None` where it is not made yet.
fn read(folder: &Path) -> Result<Option<Keyring>> {
    let failed = |why: String| failed(folder, why);
    // The keyring is made last: where it is there, the master key was before it.
    let text = match std::fs::read_to_string(folder.join(KEYRING)) {
        Ok(text) => text,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(failed(e.to_string())),
    };
    // Without its master key a keyring is lost: another one does not help, and would hide it.
    let key = read_master(&folder.join(MASTER)).map_err(failed)?;
    let key = key.ok_or_else(|| failed(format!("there is a keyring, but `{MASTER}` is missing: bring it back")))?;
    Keyring::read(&text, &key).map(Some).map_err(|why| failed(why.to_owned()))
}

/// The turn to write in the folder, as long as it is held; others, of other processes too, wait.
fn turn(folder: &Path) -> std::result::Result<File, String> {
    let turn = File::open(folder).map_err(|e| e.to_string())?;
    turn.lock().map_err(|e| e.to_string())?;
    Ok(turn)
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
    if folder.is_dir() {
        return Ok(());
    }
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder).map_err(|e| e.to_string())?;
    folder.parent().map_or(Ok(()), sync_folder)
}

/// Writes a file that only its owner reads, whole, in the place of one that may be there; when this returns both the file and
/// its name are on the disk: what is sealed with a key that a power failure took back is lost.
fn replace(file: &Path, text: &str) -> std::result::Result<(), String> {
    let new = write_beside(file, text)?;
    std::fs::rename(&new, file).map_err(|e| format!("`{}`: {e}", file.display()))?;
    file.parent().map_or(Ok(()), sync_folder)
}

fn sync_folder(folder: &Path) -> std::result::Result<(), String> {
    File::open(folder).and_then(|f| f.sync_all()).map_err(|e| format!("`{}`: {e}", folder.display()))
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

    #[test]
    fn many_first_starts_at_once_make_one_keyring() {
        for _ in 0..40 {
            let home = tempfile::tempdir().unwrap();
            let marks: Vec<Result<i64>> = std::thread::scope(|scope| {
                let all: Vec<_> = (0..6).map(|_| scope.spawn(|| load(home.path()).map(|ring| ring.mark()))).collect();
                all.into_iter().map(|t| t.join().unwrap()).collect()
            });
            assert!(marks.iter().all(|m| m.is_ok() && *m == marks[0]), "{marks:?}");
        }
    }

    #[test]
    fn who_turns_the_keys_at_the_same_time_loses_none() {
        let home = tempfile::tempdir().unwrap();
        load(home.path()).unwrap();
        std::thread::scope(|scope| {
            for _ in 0..6 {
                scope.spawn(|| (0..5).for_each(|_| rotate_in(home.path()).unwrap()));
            }
        });
        assert_eq!(load(home.path()).unwrap().number(Purpose::Body), 31);
        assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 2, "nothing is left beside");
    }
}
