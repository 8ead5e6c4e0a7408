//! Files whose pieces are sealed: written piece after piece, cut off at the end of one and gone on with, read from their
//! beginning. A piece is bound to the file's name and to its place: pieces cannot be dropped from the middle, swapped or
//! taken from another file.

use crate::{Keyring, Purpose, SEALED_BYTES};
use std::fs::File;
use std::io::{Cursor, Error, ErrorKind, Read, Result, Write};
use std::path::Path;

/// Bytes of one piece, before it is sealed.
const PIECE_BYTES: usize = 64 << 10;

fn row(name: &str, at: u64) -> String {
    format!("file {at} {name}")
}

/// What the pieces of the file at `path` are bound to: the names of its folder and of itself.
pub fn name_of(path: &Path) -> String {
    let name = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    format!("{}/{}", path.parent().map(name).unwrap_or_default(), name(path))
}

/// Opens a file that may be sealed or not.
///
/// # Errors
/// Where it cannot be opened or begun.
pub fn open_file(path: &Path) -> Result<Box<dyn Read + Send>> {
    let mut file = File::open(path)?;
    // A piece's length, and the head of what is sealed: no text begins so.
    let mut head = Vec::with_capacity(4 + SEALED_BYTES);
    Read::by_ref(&mut file).take((4 + SEALED_BYTES) as u64).read_to_end(&mut head)?;
    let is_sealed = head.get(4..).is_some_and(|sealed| Keyring::number_of(sealed).is_some());
    let whole = Cursor::new(head).chain(file);
    Ok(if is_sealed { Box::new(Reader::new(whole, &name_of(path))) } else { Box::new(whole) })
}

/// Seals what is written to it, in pieces. What is not flushed is not there.
pub struct Writer<W> {
    to: W,
    name: String,
    at: u64,
    piece: Vec<u8>,
}

impl<W: Write> Writer<W> {
    /// Goes on at byte `at` of a file, where a piece ended.
    pub fn at(to: W, name: &str, at: u64) -> Self {
        Self { to, name: name.to_owned(), at, piece: Vec::new() }
    }

    /// Bytes of the file so far.
    pub fn bytes(&self) -> u64 {
        self.at
    }

    /// Ends the last piece; gives the file back, and how many bytes it has.
    ///
    /// # Errors
    /// Where the piece cannot be written.
    pub fn end(mut self) -> Result<(W, u64)> {
        self.flush()?;
        Ok((self.to, self.at))
    }

    fn close(&mut self, length: usize) -> Result<()> {
        let ring = crate::ring().map_err(Error::other)?;
        let sealed =
            ring.seal(Purpose::Body, &row(&self.name, self.at), &self.piece[..length]).map_err(Error::other)?;
        self.to.write_all(&(sealed.len() as u32).to_le_bytes())?;
        self.to.write_all(&sealed)?;
        self.at += 4 + sealed.len() as u64;
        self.piece.drain(..length);
        Ok(())
    }
}

impl<W: Write> Write for Writer<W> {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        self.piece.extend(bytes);
        while self.piece.len() >= PIECE_BYTES {
            self.close(PIECE_BYTES)?;
        }
        Ok(bytes.len())
    }

    /// Ends the piece: what was written is there.
    fn flush(&mut self) -> Result<()> {
        if !self.piece.is_empty() {
            self.close(self.piece.len())?;
        }
        self.to.flush()
    }
}

/// Opens a file of sealed pieces.
pub struct Reader<R> {
    from: R,
    name: String,
    at: u64,
    piece: Vec<u8>,
    taken: usize,
}

impl<R: Read> Reader<R> {
    /// Reads `from` its beginning.
    pub fn new(from: R, name: &str) -> Self {
        Self { from, name: name.to_owned(), at: 0, piece: Vec::new(), taken: 0 }
    }

    /// False at the end.
    fn next(&mut self) -> Result<bool> {
        let mut length = [0; 4];
        let mut filled = 0;
        while filled < 4 {
            match self.from.read(&mut length[filled..]) {
                Ok(0) if filled == 0 => return Ok(false),
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(n) => filled += n,
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        let length = u32::from_le_bytes(length) as usize;
        if !(SEALED_BYTES..=PIECE_BYTES + SEALED_BYTES).contains(&length) {
            return Err(Error::new(ErrorKind::InvalidData, "a piece has no such length"));
        }
        let mut sealed = vec![0; length];
        self.from.read_exact(&mut sealed)?;
        let row = row(&self.name, self.at);
        let opened = crate::open(&row, &sealed);
        self.piece = opened.map_err(|e| Error::new(ErrorKind::InvalidData, e))?;
        (self.taken, self.at) = (0, self.at + 4 + length as u64);
        Ok(true)
    }
}

impl<R: Read> Read for Reader<R> {
    fn read(&mut self, into: &mut [u8]) -> Result<usize> {
        while self.taken == self.piece.len() {
            if !self.next()? {
                return Ok(0);
            }
        }
        let n = into.len().min(self.piece.len() - self.taken);
        into[..n].copy_from_slice(&self.piece[self.taken..self.taken + n]);
        self.taken += n;
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealed(lines: &[&[u8]]) -> Vec<u8> {
        let mut file = Vec::new();
        let mut at = 0;
        for line in lines {
            let mut writer = Writer::at(&mut file, "job/1", at);
            writer.write_all(line).unwrap();
            writer.flush().unwrap();
            at = writer.bytes();
        }
        assert_eq!(file.len() as u64, at);
        file
    }

    fn opened(file: &[u8], name: &str) -> Result<Vec<u8>> {
        let mut out = Vec::new();
        Reader::new(file, name).read_to_end(&mut out).map(|_| out)
    }

    #[test]
    fn files_are_read_as_written_and_only_whole_and_in_order() {
        let big = vec![b'x'; 200_000];
        let file = sealed(&[b"one\n", &big, b"", b"two\n"]);
        assert_eq!(opened(&file, "job/1").unwrap(), [b"one\n", &big[..], b"two\n"].concat());
        assert!(!file.windows(3).any(|w| w == b"two" || w == b"xxx"));
        assert!(opened(&file, "job/2").is_err(), "another file's");
        let first = 4 + u32::from_le_bytes(*file.first_chunk().unwrap()) as usize;
        assert!(opened(&file[first..], "job/1").is_err(), "its beginning is gone");
        assert!(opened(&file[..file.len() - 1], "job/1").is_err(), "cut within a piece");
        assert_eq!(opened(&[], "job/1").unwrap(), b"");
    }
}
