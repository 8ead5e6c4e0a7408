//! From a backup and an archive to the state of any moment between.

use super::record::{self, Records};
use super::{at, id};
use crate::{Error, Result};
use mach_base::time::instant_text;
use std::fs::{File, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// Where a backup stands in an archive; written beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Base {
    pub(crate) archive: String,
    pub(crate) lsn: u64,
    pub(crate) at: i64,
}

impl Base {
    pub(crate) fn text(&self) -> String {
        format!("archive {}\nframes {}\nmilliseconds {}\n", self.archive, self.lsn, self.at)
    }

    /// Reads what stands beside the backup `file`.
    pub(crate) fn beside(file: &Path) -> Result<Self> {
        let mut path = file.as_os_str().to_owned();
        path.push(".archive");
        let path = PathBuf::from(path);
        let none = |_| {
            let text =
                "the backup was made without an archive, or its `.archive` is missing; it can be restored as it is";
            Error::Files(format!("{}: {text}", path.display()))
        };
        let text = std::fs::read_to_string(&path).map_err(none)?;
        let word = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        let read = || {
            Some(Self {
                archive: word("archive")?.to_owned(),
                lsn: word("frames")?.parse().ok()?,
                at: word("milliseconds")?.parse().ok()?,
            })
        };
        read().ok_or_else(|| Error::Files(format!("{}: not what `mach backup` writes", path.display())))
    }
}

/// Writes onto `database`, a copy of the backup that stands at `base`, every commit up to `to` (milliseconds since 1970;
/// all where absent). Gives when the last of them was committed.
///
/// # Errors
/// `Files` where the archive is another's, `to` is before the backup, or something between the two is missing or damaged.
pub(crate) fn onto(database: &Path, base: &Base, archive: &Path, to: Option<i64>) -> Result<i64> {
    if id(archive)? != base.archive {
        return Err(Error::Files(format!("`{}` is not the archive of this backup", archive.display())));
    }
    if to.is_some_and(|to| to < base.at) {
        let when = instant_text(base.at);
        return Err(Error::Files(format!("the backup is of {when}, later than asked for; take an older one")));
    }
    let files = record::files(archive)?;
    // The last one that begins at or before the backup; those before it hold nothing of use.
    let begins = |path: &PathBuf| path.file_stem().and_then(|s| s.to_str()).and_then(|s| s.parse::<u64>().ok());
    let first = files.iter().rposition(|path| begins(path).is_some_and(|lsn| lsn <= base.lsn)).unwrap_or(0);
    let mut target = Target::open(database)?;
    let (mut next, mut reached, mut group) = (base.lsn, base.at, Vec::new());
    for (number, path) in files.iter().enumerate().skip(first) {
        let mut records = Records::open(path)?;
        while let Some((record, packed)) = records.next()? {
            if record.end() <= base.lsn {
                continue;
            }
            if record.lsn != next {
                let why = format!("frames {next} to {} are missing before {}", record.lsn, path.display());
                // What happened between is not known: only the moment before it can be made.
                return if to == Some(reached) { target.done(reached) } else { Err(gap(&why, reached)) };
            }
            if to.is_some_and(|to| record.at > to) {
                return target.done(reached);
            }
            next = record.end();
            let (pages, when) = (record.pages, record.at);
            group.push((record, packed));
            if pages > 0 {
                target.write(&group, path)?;
                group.clear();
                reached = when;
            }
        }
        // A commit that was being copied when the program was killed may end the last file; anything else is damage.
        if !records.is_at_the_end()? && number + 1 < files.len() {
            return Err(gap(&format!("{} is damaged at byte {}", path.display(), records.offset), reached));
        }
    }
    target.done(reached)
}

fn gap(why: &str, reached: i64) -> Error {
    Error::Files(format!("the archive has a gap: {why}; restore to {} or earlier", instant_text(reached)))
}

/// The database being made.
struct Target {
    path: PathBuf,
    file: File,
}

impl Target {
    fn open(path: &Path) -> Result<Self> {
        let file = OpenOptions::new().write(true).open(path).map_err(|e| at(path, &e))?;
        Ok(Self { path: path.to_owned(), file })
    }

    fn write(&mut self, group: &[(record::Record, Vec<u8>)], from: &Path) -> Result<()> {
        for (record, packed) in group {
            let frames = record::unpack(record, packed)
                .ok_or_else(|| Error::Files(format!("{}: frames {} cannot be unpacked", from.display(), record.lsn)))?;
            let page_bytes = u64::from(record.page_bytes);
            for frame in frames.chunks_exact(record.page_bytes as usize + 4) {
                let (number, page) = frame.split_at(4);
                let number = u64::from(u32::from_le_bytes(number.try_into().map_err(|_| Error::Missing("a page"))?));
                let place = number.checked_sub(1).ok_or(Error::Missing("a page's number"))? * page_bytes;
                let written = self.file.seek(SeekFrom::Start(place)).and_then(|_| self.file.write_all(page));
                written.map_err(|e| at(&self.path, &e))?;
            }
            if record.pages > 0 {
                let length = u64::from(record.pages) * page_bytes;
                self.file.set_len(length).map_err(|e| at(&self.path, &e))?;
            }
        }
        Ok(())
    }

    fn done(self, reached: i64) -> Result<i64> {
        self.file.sync_all().map_err(|e| at(&self.path, &e))?;
        Ok(reached)
    }
}
