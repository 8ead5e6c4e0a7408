//! Backups of a data folder's database: one file of one moment, while others read and write; and back again.

use crate::engine::Place;
use crate::{Error, Result, Store};
use mach_access::Decision;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

/// A backup that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backup {
    /// Its size.
    pub bytes: u64,
    /// SHA-256 of the file, hexadecimal; also in `FILE.sha256`, as `sha256sum -c` reads it.
    pub sha256: String,
}

impl Store {
    /// Writes the store as it is now to `file`, which must not exist. Readers and writers go on meanwhile.
    ///
    /// # Errors
    /// `Refused` for a store on PostgreSQL, whose own tools do this; `Files` where the file exists or cannot be written.
    pub fn backup(&self, _decision: &Decision, file: &Path) -> Result<Backup> {
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
        let mut connection = self.inner.place.reader()?;
        let written = connection.write_to(path).and_then(|()| {
            let (bytes, sha256) = digest(&part)?;
            settle(&part)?;
            std::fs::rename(&part, file).map_err(|e| at(file, &e))?;
            let name = file.file_name().unwrap_or_default().to_string_lossy();
            let line = format!("{sha256}  {name}\n");
            let sum = beside(file, "sha256");
            File::create(&sum).and_then(|mut f| f.write_all(line.as_bytes())).map_err(|e| at(&sum, &e))?;
            settle(&sum)?;
            settle(folder_of(file))?;
            Ok(Backup { bytes, sha256 })
        });
        if written.is_err() {
            // Half a file is no backup; where even this fails its name says what it is.
            let _ = std::fs::remove_file(&part);
        }
        written
    }
}

/// Puts the backup `file` into `folder`, which must hold no store. Where `FILE.sha256` lies beside it, it must agree.
///
/// # Errors
/// `Files` where there is a store already, the digest differs, or something cannot be read or written; what `Store::open`
/// says of the result. Nothing is left in the folder then.
pub fn restore(file: &Path, folder: &Path) -> Result<Backup> {
    std::fs::create_dir_all(folder).map_err(|e| at(folder, &e))?;
    for name in ["mach.db", "mach.db-wal", "mach.db-shm"] {
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
    let placed = settle(&part)
        .and_then(|()| Place::File(part.clone()).reader()?.quick_check(1))
        .and_then(|damages| match damages.first() {
            Some(damage) => Err(Error::Files(format!("`{}` is damaged: {damage}", file.display()))),
            None => std::fs::rename(&part, &whole).map_err(|e| at(&whole, &e)),
        })
        .and_then(|()| settle(folder))
        .and_then(|()| Store::open(folder).map(drop));
    if let Err(e) = placed {
        // Nothing but what this call wrote.
        for written in [&part, &whole] {
            let _ = std::fs::remove_file(written);
        }
        return Err(e);
    }
    Ok(Backup { bytes, sha256 })
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

fn at(path: &Path, error: &std::io::Error) -> Error {
    if error.kind() == std::io::ErrorKind::StorageFull {
        return Error::Full;
    }
    Error::Files(format!("{}: {error}", path.display()))
}
