//! Backups of a data folder's database: one file of one moment, while others read and write; and back again.

use crate::archive::replay::{self, Base};
use crate::archive::{self, at};
use crate::engine::{Engine, Place};
use crate::sees::Sees;
use crate::{Error, Result, Store};
use mach_access::Decision;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// A backup that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backup {
    /// Its size.
    pub bytes: u64,
    /// SHA-256 of the file, hexadecimal; also in `FILE.sha256`, as `sha256sum -c` reads it.
    pub sha256: String,
}

impl Store {
    /// Writes the store as it is now to `file`, which must not exist. Readers and writers go on meanwhile. Where the folder
    /// has an archive it is a copy page by page, and `FILE.archive` says where in the archive it stands.
    ///
    /// # Errors
    /// `Refused` for a store on PostgreSQL, whose own tools do this; `Files` where the file exists or cannot be written.
    pub fn backup(&self, decision: &Decision, file: &Path) -> Result<Backup> {
        let Place::File(_) = &self.inner.place else {
            return Err(Error::Refused(
                "a store on PostgreSQL is backed up by `pg_dump --format=custom` or `pg_basebackup`: docs/postgresql.md"
                    .to_owned(),
            ));
        };
        for taken in [file.to_path_buf(), beside(file, "part")] {
            if taken.exists() {
                return Err(Error::Files(format!("`{}` exists already", taken.display())));
            }
        }
        let part = beside(file, "part");
        let path = part.to_str().ok_or_else(|| Error::Files(format!("`{}` is no UTF-8", part.display())))?;
        let (mut connection, base) = self.snapshot(decision)?;
        let copied = match &base {
            Some(_) => connection.copy_pages(&part),
            None => connection.write_to(path),
        };
        let written = copied.and_then(|()| {
            if let Some(base) = &base {
                write(&beside(file, "archive"), &base.text())?;
            }
            let (bytes, sha256) = digest(&part)?;
            settle(&part)?;
            std::fs::rename(&part, file).map_err(|e| at(file, &e))?;
            let name = file.file_name().unwrap_or_default().to_string_lossy();
            let line = format!("{sha256}  {name}\n");
            let sum = beside(file, "sha256");
            write(&sum, &line)?;
            settle(folder_of(file))?;
            Ok(Backup { bytes, sha256 })
        });
        if written.is_err() {
            // Half a file is no backup; where even this fails its name says what it is.
            let _ = std::fs::remove_file(&part);
        }
        written
    }

    /// A connection that sees one state; with an archive, where in it that state stands.
    fn snapshot(&self, decision: &Decision) -> Result<(Engine, Option<Base>)> {
        let place = self.inner.place.clone();
        let slot: Arc<Mutex<Option<(Engine, Base)>>> = Arc::default();
        let filled = Arc::clone(&slot);
        self.inner.writer.between_commits(decision.clone(), move |engine| {
            let opened = || {
                let mut reader = place.reader()?;
                reader.begin_reading(false, Sees::Everything)?;
                // The state is fixed by the first look.
                reader.has_table("meta")?;
                Ok(reader)
            };
            let Engine::Sqlite(writer) = engine else { return Ok(()) };
            let Place::File(file) = &place else { return Ok(()) };
            if let Some((position, reader)) = writer.at_rest(opened)? {
                let archive = archive::id(&archive::folder_of(file))?;
                let base = Base { archive, lsn: position.lsn, at: position.at };
                *filled.lock().unwrap_or_else(PoisonError::into_inner) = Some((reader, base));
            }
            Ok(())
        })?;
        let found = slot.lock().unwrap_or_else(PoisonError::into_inner).take();
        match found {
            Some((reader, base)) => Ok((reader, Some(base))),
            None => Ok((self.inner.place.reader()?, None)),
        }
    }

    /// Begins to archive every commit in `archive` beside the database; make a backup next.
    ///
    /// # Errors
    /// `Refused` for a store on PostgreSQL; `Files` where there is an archive already.
    pub fn begin_archive(&self, decision: &Decision) -> Result<()> {
        let Place::File(_) = &self.inner.place else {
            return Err(Error::Refused("PostgreSQL archives its log itself: docs/postgresql.md".to_owned()));
        };
        self.inner.writer.between_commits(decision.clone(), |engine| match engine {
            Engine::Sqlite(c) => c.begin_archive(),
            Engine::Postgres(_) => Err(Error::Stopped),
        })
    }

    /// How far the archive is, everything committed so far being in it; `None` where there is none.
    ///
    /// # Errors
    /// `Files` where it cannot be written.
    pub fn archived(&self, decision: &Decision) -> Result<Option<Archived>> {
        let slot: Arc<Mutex<Option<Archived>>> = Arc::default();
        let filled = Arc::clone(&slot);
        self.inner.writer.between_commits(decision.clone(), move |engine| {
            if let Engine::Sqlite(c) = engine {
                let found =
                    c.at_rest(|| Ok(()))?.map(|(position, ())| Archived { frames: position.lsn, at: position.at });
                *filled.lock().unwrap_or_else(PoisonError::into_inner) = found;
            }
            Ok(())
        })?;
        Ok(slot.lock().unwrap_or_else(PoisonError::into_inner).take())
    }
}

/// How far an archive is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Archived {
    /// Pages written since it began.
    pub frames: u64,
    /// When the last commit in it was made, milliseconds since 1970 UTC.
    pub at: i64,
}

/// What was restored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    /// The backup it began from.
    pub backup: Backup,
    /// When the last commit in it was made, milliseconds since 1970 UTC; where an archive was read.
    pub at: Option<i64>,
}

/// Puts the backup `file` into `folder`, and with an archive all that was committed since, up to the moment `to`
/// (milliseconds since 1970 UTC; to its end where absent).
///
/// # Errors
/// Those of [`restore`]; `Files` where the archive is another's, has a gap or is damaged before `to`, or `to` is before the
/// backup.
pub fn restore_to(file: &Path, archive: &Path, to: Option<i64>, folder: &Path) -> Result<Restored> {
    let base = Base::beside(file)?;
    put(file, folder, |part| replay::onto(part, &base, archive, to).map(Some))
}

/// Puts the backup `file` into `folder`, which must hold no store. Where `FILE.sha256` lies beside it, it must agree.
///
/// # Errors
/// `Files` where there is a store already, the digest differs, or something cannot be read or written; what `Store::open`
/// says of the result. Nothing is left in the folder then.
pub fn restore(file: &Path, folder: &Path) -> Result<Backup> {
    put(file, folder, |_| Ok(None)).map(|done| done.backup)
}

fn put(file: &Path, folder: &Path, then: impl FnOnce(&Path) -> Result<Option<i64>>) -> Result<Restored> {
    std::fs::create_dir_all(folder).map_err(|e| at(folder, &e))?;
    for name in ["mach.db", "mach.db-wal", "mach.db-shm", "archive"] {
        if folder.join(name).exists() {
            return Err(Error::Files(format!("`{}` has a store already", folder.display())));
        }
    }
    let (bytes, sha256) = digest(file)?;
    if let Ok(said) = std::fs::read_to_string(beside(file, "sha256"))
        && said.split_whitespace().next() != Some(sha256.as_str())
    {
        return Err(Error::Files(format!("`{}` is not what its digest says", file.display())));
    }
    let (part, whole) = (folder.join("mach.db.part"), folder.join("mach.db"));
    std::fs::copy(file, &part).map_err(|e| at(&part, &e))?;
    let mut reached = None;
    let placed = then(&part)
        .map(|moment| reached = moment)
        .and_then(|()| settle(&part))
        .and_then(|()| Place::File(part.clone()).reader()?.quick_check(1))
        .and_then(|damages| match damages.first() {
            Some(damage) => Err(Error::Files(format!("`{}` is damaged: {damage}", file.display()))),
            None => std::fs::rename(&part, &whole).map_err(|e| at(&whole, &e)),
        })
        .and_then(|()| settle(folder))
        .and_then(|()| Store::open(folder).map(drop));
    // What SQLite laid beside the file while it was looked through; it is empty.
    for left in ["mach.db.part-wal", "mach.db.part-shm"] {
        let _ = std::fs::remove_file(folder.join(left));
    }
    if let Err(e) = placed {
        // Nothing but what this call wrote.
        for written in [&part, &whole] {
            let _ = std::fs::remove_file(written);
        }
        return Err(e);
    }
    Ok(Restored { backup: Backup { bytes, sha256 }, at: reached })
}

/// Writes a small file and waits until it is on the disk.
fn write(path: &Path, text: &str) -> Result<()> {
    File::create(path).and_then(|mut f| f.write_all(text.as_bytes())).map_err(|e| at(path, &e))?;
    settle(path)
}

fn beside(file: &Path, ending: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".");
    name.push(ending);
    name.into()
}

fn folder_of(file: &Path) -> &Path {
    file.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Waits until a file or a folder is on the disk.
fn settle(path: &Path) -> Result<()> {
    File::open(path).and_then(|f| f.sync_all()).map_err(|e| at(path, &e))
}

fn digest(path: &Path) -> Result<(u64, String)> {
    let mut file = File::open(path).map_err(|e| at(path, &e))?;
    let (mut hash, mut bytes, mut buffer) = (Sha256::new(), 0, vec![0; 1 << 20]);
    loop {
        let n = file.read(&mut buffer).map_err(|e| at(path, &e))?;
        if n == 0 {
            return Ok((bytes, mach_access::secret::hex(&hash.finalize())));
        }
        hash.update(&buffer[..n]);
        bytes += n as u64;
    }
}
