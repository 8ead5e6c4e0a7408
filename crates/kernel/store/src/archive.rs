//! A continuous archive of everything that is committed to a data folder, from which any moment can be made again.
//!
//! SQLite writes each commit as images of the pages it changed, one frame a page, behind one another into `mach.db-wal`;
//! a checkpoint folds them into the database and the file begins anew. Where the folder `archive` lies beside the database,
//! every process that writes copies its frames there right after its commit, and nothing is folded that is not archived and
//! fsynced. A copy of the database file and the frames since then make every later moment, byte for byte, all tables: there
//! is no list of what to archive that could be incomplete.
//!
//! What keeps it whole: one lock (`archive/lock`) is held from before a writing transaction until its frames are copied, so
//! that processes take turns; frames are numbered over all times (`lsn`), and a record is only read behind its predecessor;
//! frames of the log carry SQLite's own running checksum, records a SHA-256. A process that is killed between its commit and
//! its copy leaves the frames in the log: the next one copies them first.

pub(crate) mod record;
pub(crate) mod replay;
pub(crate) mod wal;

use crate::{Error, Result};
use mach_base::time::now_millis;
use record::{Record, Segment};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Frames in the log after which they are folded into the database.
const FOLD_FRAMES: u32 = 4_000;
/// How long a copied frame may wait for its fsync. It is in SQLite's own log all the while, which is fsynced.
const SYNC: Duration = Duration::from_secs(1);
/// How often it is said that the archive cannot be written.
const SAY: Duration = Duration::from_secs(60);

/// Where the archive of the database at `database` is.
pub(crate) fn folder_of(database: &Path) -> PathBuf {
    database.with_file_name("archive")
}

/// How far the archive is, and where in SQLite's log the next frame to copy stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Position {
    /// Frames archived since the archive began.
    pub(crate) lsn: u64,
    /// `lsn` of the first frame of the log as it now is: those before lie in the database.
    pub(crate) log_lsn: u64,
    /// The log it was copied from, by its salts.
    pub(crate) salts: (u32, u32),
    /// Frames of that log that are archived.
    pub(crate) frame: u32,
    /// When the last record was written, milliseconds since 1970 UTC.
    pub(crate) at: i64,
}

/// The archive of one folder, as one writing process holds it.
pub(crate) struct Archive {
    folder: PathBuf,
    log: PathBuf,
    lock: File,
    position: Position,
    segment: Option<Segment>,
    unsynced: Option<Instant>,
    said: Option<Instant>,
    broken: bool,
}

impl Archive {
    /// The archive beside `database`; `None` where it has none.
    pub(crate) fn open(database: &Path) -> Result<Option<Self>> {
        let folder = folder_of(database);
        if !folder.join("id").exists() {
            return Ok(None);
        }
        let path = folder.join("lock");
        let lock =
            OpenOptions::new().create(true).truncate(false).write(true).open(&path).map_err(|e| at(&path, &e))?;
        let mut log = database.as_os_str().to_owned();
        log.push("-wal");
        let position = Position::default();
        let (segment, unsynced, said) = (None, None, None);
        Ok(Some(Self { folder, log: log.into(), lock, position, segment, unsynced, said, broken: false }))
    }

    /// Begins an archive beside `database`. Nobody may be writing: the caller holds SQLite's own lock.
    pub(crate) fn begin(database: &Path) -> Result<()> {
        let folder = folder_of(database);
        if folder.join("id").exists() {
            return Err(Error::Files(format!("`{}` is an archive already", folder.display())));
        }
        std::fs::create_dir_all(&folder).map_err(|e| at(&folder, &e))?;
        if std::fs::read_dir(&folder).map_err(|e| at(&folder, &e))?.next().is_some() {
            return Err(Error::Files(format!("`{}` is not empty", folder.display())));
        }
        let id = mach_access::secret::new_token("").map_err(|e| Error::Files(e.to_string()))?;
        let (part, path) = (folder.join("id.part"), folder.join("id"));
        let written = File::create(&part).and_then(|mut f| {
            f.write_all(id.get(..16).unwrap_or(&id).as_bytes())?;
            f.sync_all()
        });
        written.and_then(|()| std::fs::rename(&part, &path)).map_err(|e| at(&path, &e))?;
        sync_folder(&folder)
    }

    /// Waits for the other processes' turns to end; then copies what they left.
    pub(crate) fn take_turn(&mut self) -> Result<()> {
        self.lock.lock().map_err(|e| at(&self.folder, &e))?;
        self.copy();
        Ok(())
    }

    /// Ends the turn.
    pub(crate) fn end_turn(&mut self) {
        // Where it cannot be given back it is given back when the file is closed.
        let _ = self.lock.unlock();
    }

    /// Copies what was committed since. True where the log should be folded now: all of it is archived and fsynced.
    pub(crate) fn copy(&mut self) -> bool {
        match self.copied() {
            Ok(frames) => {
                self.said = None;
                let due = self.unsynced.is_some_and(|since| since.elapsed() >= SYNC);
                if due || frames >= FOLD_FRAMES {
                    return self.sync() && frames >= FOLD_FRAMES;
                }
                false
            }
            Err(e) => {
                self.say(&e);
                false
            }
        }
    }

    /// Puts what was copied on the disk; false where that failed, or where something could not be copied before.
    pub(crate) fn sync(&mut self) -> bool {
        match self.segment.as_mut().map_or(Ok(()), Segment::sync) {
            Ok(()) => {
                self.unsynced = None;
                self.said.is_none()
            }
            Err(e) => {
                self.say(&e);
                false
            }
        }
    }

    /// Whether something was copied and is not yet on the disk.
    pub(crate) fn is_unsynced(&self) -> bool {
        self.unsynced.is_some()
    }

    /// The commit itself is durable whatever becomes of its copy; so this is said and the log grows until it can be copied.
    fn say(&mut self, error: &Error) {
        // The next try reads anew how far the archive is.
        self.segment = None;
        if self.said.is_none_or(|since| since.elapsed() >= SAY) {
            self.said = Some(Instant::now());
            tracing::error!(
                "the archive `{}` cannot be written ({error}); nothing is lost, and {} grows until it can",
                self.folder.display(),
                self.log.display()
            );
        }
    }

    /// Copies; gives how many frames the log has.
    fn copied(&mut self) -> Result<u32> {
        let newest = record::newest(&self.folder)?;
        let mut segment = match self.segment.take() {
            // Another process may have written since, and begun the next file.
            Some(segment) if segment.is(newest.as_deref()) && segment.is_at_its_end()? => segment,
            _ => {
                let (segment, position) = record::end_of(&self.folder, newest)?;
                self.position = position;
                segment
            }
        };
        let Some(mut log) = wal::Log::open(&self.log)? else {
            self.segment = Some(segment);
            return Ok(0);
        };
        let mut position = self.position;
        if log.salts() != position.salts {
            let followed = position.salts == (0, 0) || log.follows(position.salts);
            if !followed && !self.broken {
                // Restoring past this needs a backup made after it; `replay` refuses, because the record says so.
                self.broken = true;
                tracing::error!(
                    "`{}` was changed by another program: the archive has a gap; make a new backup now",
                    self.log.display()
                );
            }
            position.lsn += u64::from(!followed);
            (position.salts, position.frame, position.log_lsn) = (log.salts(), 0, position.lsn);
        }
        let committed = log.committed(position.frame)?;
        let now = now_millis().max(position.at);
        while let Some(frames) = log.next_frames(committed)? {
            let record = Record {
                page_bytes: log.page_bytes(),
                frames: frames.count,
                lsn: position.lsn,
                at: now,
                pages: frames.pages,
                salts: position.salts,
                frame_end: position.frame + frames.count,
                log_lsn: position.log_lsn,
            };
            segment = segment.append(&self.folder, &record, &frames.bytes)?;
            self.unsynced.get_or_insert_with(Instant::now);
            position.lsn += u64::from(frames.count);
            position.frame += frames.count;
            position.at = now;
        }
        self.position = position;
        self.segment = Some(segment);
        Ok(committed)
    }

    /// How far it is.
    pub(crate) fn position(&self) -> Position {
        self.position
    }

    /// Whether everything that was committed is archived.
    pub(crate) fn is_well(&self) -> bool {
        self.said.is_none()
    }
}

impl Drop for Archive {
    fn drop(&mut self) {
        self.sync();
    }
}

/// The name an archive was given when it began.
pub(crate) fn id(folder: &Path) -> Result<String> {
    let path = folder.join("id");
    std::fs::read_to_string(&path).map(|text| text.trim().to_owned()).map_err(|e| at(&path, &e))
}

pub(crate) fn sync_folder(folder: &Path) -> Result<()> {
    File::open(folder).and_then(|f| f.sync_all()).map_err(|e| at(folder, &e))
}

pub(crate) fn at(path: &Path, error: &std::io::Error) -> Error {
    if error.kind() == std::io::ErrorKind::StorageFull {
        return Error::Full;
    }
    Error::Files(format!("{}: {error}", path.display()))
}
