//! The files of an archive: records behind one another, each some frames of one or more commits.

use super::{Position, at, sync_folder};
use crate::{Error, Result};
use sha2::{Digest, Sha256};
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

const MAGIC: &[u8; 8] = b"MACHWAL1";
/// Bytes before the packed frames.
pub(crate) const HEADER: usize = 92;
/// Bytes of the header that its checksum covers.
const COVERED: usize = 60;
/// Bytes after which the next file begins.
const SEGMENT_BYTES: u64 = 64 << 20;
/// Packed bytes that one record may have: twice what is ever written.
const PACKED_BYTES: u64 = 64 << 20;
const LEVEL: i32 = 1;

/// What stands before the frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) page_bytes: u32,
    pub(crate) frames: u32,
    /// Number of the first frame.
    pub(crate) lsn: u64,
    /// When it was committed, milliseconds since 1970 UTC; never before the record before.
    pub(crate) at: i64,
    /// Pages of the database afterwards; 0 where the commit goes on in the next record.
    pub(crate) pages: u32,
    pub(crate) salts: (u32, u32),
    pub(crate) frame_end: u32,
    pub(crate) log_lsn: u64,
}

impl Record {
    fn encode(&self, packed: &[u8]) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        out.extend(self.page_bytes.to_le_bytes());
        out.extend(self.frames.to_le_bytes());
        out.extend(self.lsn.to_le_bytes());
        out.extend(self.at.to_le_bytes());
        out.extend(self.pages.to_le_bytes());
        out.extend(self.salts.0.to_le_bytes());
        out.extend(self.salts.1.to_le_bytes());
        out.extend(self.frame_end.to_le_bytes());
        out.extend(self.log_lsn.to_le_bytes());
        out.extend((packed.len() as u32).to_le_bytes());
        let sum = checksum(&out, packed);
        out.extend(sum);
        out.extend(packed);
        out
    }

    /// The end of the frames of this record.
    pub(crate) fn end(&self) -> u64 {
        self.lsn + u64::from(self.frames)
    }

    fn position(&self) -> Position {
        Position { lsn: self.end(), log_lsn: self.log_lsn, salts: self.salts, frame: self.frame_end, at: self.at }
    }
}

fn checksum(header: &[u8], packed: &[u8]) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(&header[..COVERED.min(header.len())]);
    hash.update(packed);
    hash.finalize().into()
}

fn four(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at + 4).and_then(|b| b.try_into().ok()).map_or(0, u32::from_le_bytes)
}

fn eight(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..at + 8).and_then(|b| b.try_into().ok()).map_or(0, u64::from_le_bytes)
}

/// Reads the records of one file.
pub(crate) struct Records {
    path: PathBuf,
    file: File,
    /// Where the next record begins.
    pub(crate) offset: u64,
}

impl Records {
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(|e| at(path, &e))?;
        Ok(Self { path: path.to_owned(), file, offset: 0 })
    }

    /// The next record with its packed frames; `None` at the end, and where what follows is no whole record.
    pub(crate) fn next(&mut self) -> Result<Option<(Record, Vec<u8>)>> {
        let mut header = [0; HEADER];
        if !fill(&mut self.file, &mut header).map_err(|e| at(&self.path, &e))? || &header[..8] != MAGIC {
            return Ok(None);
        }
        let length = u64::from(four(&header, 56));
        if length > PACKED_BYTES {
            return Ok(None);
        }
        let mut packed = vec![0; length as usize];
        if !fill(&mut self.file, &mut packed).map_err(|e| at(&self.path, &e))?
            || checksum(&header, &packed) != header[COVERED..]
        {
            return Ok(None);
        }
        self.offset += HEADER as u64 + length;
        let record = Record {
            page_bytes: four(&header, 8),
            frames: four(&header, 12),
            lsn: eight(&header, 16),
            at: i64::from_le_bytes(eight(&header, 24).to_le_bytes()),
            pages: four(&header, 32),
            salts: (four(&header, 36), four(&header, 40)),
            frame_end: four(&header, 44),
            log_lsn: eight(&header, 48),
        };
        Ok(Some((record, packed)))
    }

    /// Whether nothing follows: false where bytes follow that are no whole record.
    pub(crate) fn is_at_the_end(&self) -> Result<bool> {
        Ok(self.file.metadata().map_err(|e| at(&self.path, &e))?.len() == self.offset)
    }
}

/// The frames of a record, unpacked.
pub(crate) fn unpack(record: &Record, packed: &[u8]) -> Option<Vec<u8>> {
    let length = record.frames as usize * (record.page_bytes as usize + 4);
    let plain = zstd::bulk::decompress(packed, length).ok()?;
    (plain.len() == length).then_some(plain)
}

fn fill(file: &mut File, buffer: &mut [u8]) -> std::io::Result<bool> {
    match file.read_exact(buffer) {
        Ok(()) => Ok(true),
        Err(e) if e.kind() == ErrorKind::UnexpectedEof => Ok(false),
        Err(e) => Err(e),
    }
}

/// The files of an archive, in their order.
pub(crate) fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(|e| at(folder, &e))? {
        let path = entry.map_err(|e| at(folder, &e))?.path();
        if path.extension().is_some_and(|e| e == "frames") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// The newest file.
pub(crate) fn newest(folder: &Path) -> Result<Option<PathBuf>> {
    Ok(files(folder)?.pop())
}

/// A file that is written to.
pub(crate) struct Segment {
    /// None before the first record.
    path: Option<PathBuf>,
    file: Option<File>,
    bytes: u64,
}

/// The end of the archive: where to write on, and how far it is. What was cut off by a kill is taken away.
pub(crate) fn end_of(folder: &Path, newest: Option<PathBuf>) -> Result<(Segment, Position)> {
    let Some(path) = newest else { return Ok((Segment { path: None, file: None, bytes: 0 }, Position::default())) };
    let mut records = Records::open(&path)?;
    let (mut end, mut position) = (0, None);
    while let Some((record, _)) = records.next()? {
        // A commit that did not get its last record is copied again as a whole.
        if record.pages > 0 {
            (end, position) = (records.offset, Some(record.position()));
        }
    }
    let file = OpenOptions::new().read(true).append(true).open(&path).map_err(|e| at(&path, &e))?;
    file.set_len(end).and_then(|()| file.sync_all()).map_err(|e| at(&path, &e))?;
    match position {
        Some(position) => Ok((Segment { path: Some(path), file: Some(file), bytes: end }, position)),
        None => {
            // Nothing whole in it: the one before is the newest.
            std::fs::remove_file(&path).map_err(|e| at(&path, &e))?;
            let before = self::newest(folder)?;
            end_of(folder, before)
        }
    }
}

impl Segment {
    /// Whether it is the file at `path`.
    pub(crate) fn is(&self, path: Option<&Path>) -> bool {
        self.path.as_deref() == path
    }

    /// Whether nobody else wrote to it.
    pub(crate) fn is_at_its_end(&self) -> Result<bool> {
        let Some((file, path)) = self.file.as_ref().zip(self.path.as_ref()) else { return Ok(true) };
        Ok(file.metadata().map_err(|e| at(path, &e))?.len() == self.bytes)
    }

    /// Writes a record, into the next file where this one is full.
    pub(crate) fn append(mut self, folder: &Path, record: &Record, frames: &[u8]) -> Result<Self> {
        let packed = zstd::bulk::compress(frames, LEVEL).map_err(|e| Error::Files(e.to_string()))?;
        let bytes = record.encode(&packed);
        let full = self.bytes >= SEGMENT_BYTES && record.frame_end > 0;
        if full || self.file.is_none() {
            self.sync()?;
            let path = folder.join(format!("{:020}.frames", record.lsn));
            let file = OpenOptions::new().create_new(true).append(true).open(&path).map_err(|e| at(&path, &e))?;
            sync_folder(folder)?;
            self = Self { path: Some(path), file: Some(file), bytes: 0 };
        }
        if let (Some(file), Some(path)) = (&mut self.file, &self.path) {
            file.seek(SeekFrom::End(0)).and_then(|_| file.write_all(&bytes)).map_err(|e| at(path, &e))?;
        }
        self.bytes += bytes.len() as u64;
        Ok(self)
    }

    /// Waits until it is on the disk.
    pub(crate) fn sync(&mut self) -> Result<()> {
        match (&self.file, &self.path) {
            (Some(file), Some(path)) => file.sync_data().map_err(|e| at(path, &e)),
            _ => Ok(()),
        }
    }
}
