//! What stands between a file and the XML parser: it counts bytes and lines, and stops what would not fit.
//!
//! The parser buffers one event at a time. The guard gives it at most `run_bytes` (and one more, so that the end of a
//! text of exactly that length can be seen) before the reader has seen that event: no file, however made, makes the
//! parser hold more.

use std::io::{self, BufRead, Read};

/// Bytes looked at to tell what a file is.
const HEAD_BYTES: usize = 512;

/// Which limit stopped the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// One text or markup is too long.
    Run,
    /// The file is too long.
    File,
}

pub(super) struct Guard<R> {
    input: R,
    head: Vec<u8>,
    head_at: usize,
    file_left: u64,
    run_bytes: usize,
    run_left: usize,
    /// Bytes given so far.
    pub(super) offset: u64,
    /// Line reached, from 1.
    pub(super) line: u64,
    /// Why reading was stopped, if it was.
    pub(super) stopped: Option<Stop>,
}

impl<R: BufRead> Guard<R> {
    pub(super) fn new(input: R, file_bytes: u64, run_bytes: usize) -> Self {
        let run_left = run_bytes.saturating_add(1);
        Self {
            input,
            head: Vec::new(),
            head_at: 0,
            file_left: file_bytes,
            run_bytes,
            run_left,
            offset: 0,
            line: 1,
            stopped: None,
        }
    }

    /// The first bytes of the file. Called once, before anything is read.
    pub(super) fn head(&mut self) -> io::Result<&[u8]> {
        (&mut self.input).take(HEAD_BYTES as u64).read_to_end(&mut self.head)?;
        Ok(&self.head)
    }

    /// Allows the next event its bytes.
    pub(super) fn next_event(&mut self) {
        self.run_left = self.run_bytes.saturating_add(1);
    }

    fn available(&mut self) -> io::Result<&[u8]> {
        if self.head_at < self.head.len() { Ok(&self.head[self.head_at..]) } else { self.input.fill_buf() }
    }
}

impl<R: BufRead> BufRead for Guard<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        let most = self.run_left.min(usize::try_from(self.file_left).unwrap_or(usize::MAX));
        let stop = if self.file_left == 0 { Stop::File } else { Stop::Run };
        if most == 0 && !self.available()?.is_empty() {
            self.stopped = Some(stop);
            return Err(io::Error::other("past a limit"));
        }
        let available = self.available()?;
        Ok(&available[..available.len().min(most)])
    }

    fn consume(&mut self, bytes: usize) {
        // What was just handed out is still buffered: looking at it again reads nothing.
        let lines = self.available().map_or(0, |b| memchr::memchr_iter(b'\n', &b[..bytes.min(b.len())]).count());
        self.line += lines as u64;
        self.offset += bytes as u64;
        self.file_left = self.file_left.saturating_sub(bytes as u64);
        self.run_left = self.run_left.saturating_sub(bytes);
        if self.head_at < self.head.len() {
            self.head_at += bytes;
        } else {
            self.input.consume(bytes);
        }
    }
}

impl<R: BufRead> Read for Guard<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = self.fill_buf()?.read(out)?;
        self.consume(read);
        Ok(read)
    }
}
