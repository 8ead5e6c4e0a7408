//! SQLite's write-ahead log, as its file format says (https://www.sqlite.org/fileformat2.html#walformat).

use super::at;
use crate::{Error, Result};
use std::fs::File;
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

const HEADER: usize = 32;
const FRAME_HEADER: usize = 24;
/// Bytes of frames given at once.
const AT_ONCE: usize = 8 << 20;

/// An open log.
pub(crate) struct Log {
    path: PathBuf,
    file: File,
    page_bytes: u32,
    salts: (u32, u32),
    big_endian: bool,
    header_sums: (u32, u32),
    next: u32,
}

/// Some frames, one behind the other: the number of the page in four bytes, little end first, and the page.
pub(crate) struct Frames {
    pub(crate) count: u32,
    /// Pages of the database after the commit that ends these frames; 0 where it goes on.
    pub(crate) pages: u32,
    pub(crate) bytes: Vec<u8>,
}

fn word(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at + 4).and_then(|b| b.try_into().ok()).map_or(0, u32::from_be_bytes)
}

/// SQLite's running checksum.
fn sum(big_endian: bool, mut sums: (u32, u32), bytes: &[u8]) -> (u32, u32) {
    for pair in bytes.chunks_exact(8) {
        let read = |at: usize| {
            let four = [pair[at], pair[at + 1], pair[at + 2], pair[at + 3]];
            if big_endian { u32::from_be_bytes(four) } else { u32::from_le_bytes(four) }
        };
        sums.0 = sums.0.wrapping_add(read(0)).wrapping_add(sums.1);
        sums.1 = sums.1.wrapping_add(read(4)).wrapping_add(sums.0);
    }
    sums
}

impl Log {
    /// The log at `path`; `None` where there is none, or nothing in it yet.
    pub(crate) fn open(path: &Path) -> Result<Option<Self>> {
        let mut file = match File::open(path) {
            Ok(file) => file,
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(at(path, &e)),
        };
        let mut header = [0; HEADER];
        match file.read_exact(&mut header) {
            Ok(()) => {}
            Err(e) if e.kind() == ErrorKind::UnexpectedEof => return Ok(None),
            Err(e) => return Err(at(path, &e)),
        }
        let magic = word(&header, 0);
        let big_endian = magic & 1 == 1;
        let header_sums = sum(big_endian, (0, 0), &header[..24]);
        if magic & !1 != 0x377f_0682 || header_sums != (word(&header, 24), word(&header, 28)) {
            return Ok(None);
        }
        let (page_bytes, salts) = (word(&header, 8), (word(&header, 16), word(&header, 20)));
        if !(512..=65_536).contains(&page_bytes) {
            return Err(Error::Files(format!("{}: no log of SQLite", path.display())));
        }
        Ok(Some(Self { path: path.to_owned(), file, page_bytes, salts, big_endian, header_sums, next: 0 }))
    }

    pub(crate) fn salts(&self) -> (u32, u32) {
        self.salts
    }

    pub(crate) fn page_bytes(&self) -> u32 {
        self.page_bytes
    }

    /// Whether this log is the one that was begun after the one with `salts`: SQLite counts the first salt up by one.
    pub(crate) fn follows(&self, salts: (u32, u32)) -> bool {
        self.salts.0 == salts.0.wrapping_add(1)
    }

    /// How many frames are committed, seen from `done` on, which were known to be.
    pub(crate) fn committed(&mut self, done: u32) -> Result<u32> {
        let mut sums = self.header_sums;
        if done > 0 {
            let mut frame = [0; FRAME_HEADER];
            self.to(done - 1)?;
            if !self.fill(&mut frame)? || self.salts_of(&frame) != self.salts {
                return Err(Error::Files(format!("{}: shorter than it was", self.path.display())));
            }
            sums = (word(&frame, 16), word(&frame, 20));
        }
        self.to(done)?;
        let mut frame = vec![0; FRAME_HEADER + self.page_bytes as usize];
        let (mut at, mut committed) = (done, done);
        while self.fill(&mut frame)? && self.salts_of(&frame) == self.salts {
            sums = sum(self.big_endian, sums, &frame[..8]);
            sums = sum(self.big_endian, sums, &frame[FRAME_HEADER..]);
            if sums != (word(&frame, 16), word(&frame, 20)) {
                break;
            }
            at += 1;
            if word(&frame, 4) != 0 {
                committed = at;
            }
        }
        self.next = done;
        self.to(done)?;
        Ok(committed)
    }

    /// The next frames up to `committed`; `None` at the end of them.
    pub(crate) fn next_frames(&mut self, committed: u32) -> Result<Option<Frames>> {
        let mut out = Frames { count: 0, pages: 0, bytes: Vec::new() };
        let mut frame = vec![0; FRAME_HEADER + self.page_bytes as usize];
        while self.next < committed && out.bytes.len() < AT_ONCE {
            if !self.fill(&mut frame)? {
                return Err(Error::Files(format!("{}: shorter than it was", self.path.display())));
            }
            self.next += 1;
            out.count += 1;
            out.bytes.extend(word(&frame, 0).to_le_bytes());
            out.bytes.extend(&frame[FRAME_HEADER..]);
            if self.next == committed {
                out.pages = word(&frame, 4);
            }
        }
        Ok((out.count > 0).then_some(out))
    }

    fn salts_of(&self, frame: &[u8]) -> (u32, u32) {
        (word(frame, 8), word(frame, 12))
    }

    fn to(&mut self, frame: u32) -> Result<()> {
        let place = HEADER as u64 + u64::from(frame) * (FRAME_HEADER as u64 + u64::from(self.page_bytes));
        self.file.seek(SeekFrom::Start(place)).map(drop).map_err(|e| at(&self.path, &e))
    }

    /// Reads a whole buffer; false at the end of the file.
    fn fill(&mut self, buffer: &mut [u8]) -> Result<bool> {
        match self.file.read_exact(buffer) {
            Ok(()) => Ok(true),
            Err(e) if e.kind() == ErrorKind::UnexpectedEof => Ok(false),
            Err(e) => Err(at(&self.path, &e)),
        }
    }
}
