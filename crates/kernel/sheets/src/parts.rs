//! The archive: its parts by name, and how many there are before its directory is read.

use crate::xml::Xml;
use crate::{Limits, Wrong};
use std::collections::HashMap;
use std::io::{Read, Seek};
use zip::ZipArchive;
use zip::read::ZipFile;

/// What begins each entry of an archive's directory.
const ENTRY: &[u8] = b"PK\x01\x02";

/// The parts of a file, and how much of them may still be unpacked.
pub(crate) struct Parts<R> {
    archive: ZipArchive<R>,
    names: HashMap<String, usize>,
    left: u64,
}

/// The events of a part.
pub(crate) type Part<'a, R> = Xml<'a, ZipFile<'a, R>>;

/// Counts the entries of the directory by reading the file once: the directory itself would be laid out in memory whole.
fn entries<R: Read>(input: &mut R, most: usize) -> std::io::Result<usize> {
    let (mut buffer, mut kept, mut found) = (vec![0; 64 << 10], 0, 0);
    loop {
        let n = input.read(&mut buffer[kept..])?;
        if n == 0 || found > most {
            return Ok(found);
        }
        let all = kept + n;
        found += memchr::memmem::find_iter(&buffer[..all], ENTRY).count();
        // An entry that begins at the end of what was read is counted with what follows.
        kept = all.min(ENTRY.len() - 1);
        buffer.copy_within(all - kept..all, 0);
    }
}

impl<R: Read + Seek> Parts<R> {
    pub(crate) fn open(mut input: R, limits: &Limits) -> Result<Self, Wrong> {
        // Packed bytes look like an entry once in four thousand million.
        let found = entries(&mut input, limits.parts + 8).map_err(Wrong::unreadable)?;
        if found > limits.parts + 8 {
            return Err(Wrong::Large("parts"));
        }
        let archive = ZipArchive::new(input).map_err(Wrong::unreadable)?;
        if archive.len() > limits.parts {
            return Err(Wrong::Large("parts"));
        }
        let mut names = HashMap::new();
        for n in 0..archive.len() {
            let name =
                archive.name_for_index(n).and_then(Result::ok).ok_or_else(|| Wrong::unreadable("a part's name"))?;
            let name = name.replace('\\', "/").trim_start_matches('/').to_ascii_lowercase();
            if names.insert(name, n).is_some() {
                return Err(Wrong::unreadable("two parts of one name"));
            }
        }
        Ok(Self { archive, names, left: limits.unpacked })
    }

    /// A part's events; `None`: there is no such part.
    pub(crate) fn part(&mut self, name: &str) -> Result<Option<Part<'_, R>>, Wrong> {
        let Some(n) = self.names.get(&name.to_ascii_lowercase()) else { return Ok(None) };
        let file = self.archive.by_index(*n).map_err(Wrong::unreadable)?;
        Ok(Some(Xml::new(file, &mut self.left)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A reader that gives as little as it may.
    struct Slow<'a>(&'a [u8]);

    impl Read for Slow<'_> {
        fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
            let n = self.0.len().min(3).min(out.len());
            out[..n].copy_from_slice(&self.0[..n]);
            self.0 = &self.0[n..];
            Ok(n)
        }
    }

    #[test]
    fn entries_are_counted_wherever_they_lie() {
        let bytes: Vec<u8> = (0..100).flat_map(|n| [vec![b'x'; n % 7], ENTRY.to_vec()].concat()).collect();
        assert_eq!(entries(&mut Slow(&bytes), 1_000).expect("read"), 100);
        assert_eq!(entries(&mut bytes.as_slice(), 1_000).expect("read"), 100);
        assert!(entries(&mut Slow(&bytes), 10).expect("read") > 10);
    }
}
