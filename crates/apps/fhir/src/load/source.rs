//! Files as pieces: lines of NDJSON, or one document.

use mach_access::secret;
use mach_base::limits;
use mach_fhir::{Tree, definitions, xml};
use sha2::{Digest, Sha256};
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes read from disk at once.
const BUFFER_BYTES: usize = 256 << 10;
/// Lines of one piece: written in one transaction, so few enough that others get their turn.
const CHUNK_LINES: usize = 300;
/// Bytes of one piece, but for a single longer line.
const CHUNK_BYTES: usize = 1 << 20;
/// What a folder is searched for.
const ENDINGS: [&str; 4] = [".json", ".xml", ".ndjson", ".jsonl"];

/// A piece of a file.
#[derive(Debug)]
pub struct Chunk {
    /// Lines with their numbers, from 1; one with number 0 where the file is a document.
    pub lines: Vec<(u64, Vec<u8>)>,
    /// Lines of the file up to here.
    pub upto: u64,
}

/// The files below `paths`: a file stands for itself, a folder for every JSON, XML and NDJSON file in and below it, gzipped
/// or not; sorted by path.
///
/// # Errors
/// The first path that is not there or cannot be listed.
pub fn below(paths: &[PathBuf]) -> io::Result<Vec<PathBuf>> {
    let mut out = Vec::new();
    for path in paths {
        let named = |e: io::Error| io::Error::new(e.kind(), format!("`{}`: {e}", path.display()));
        if std::fs::metadata(path).map_err(named)?.is_dir() {
            let start = out.len();
            walk(path, &mut out).map_err(named)?;
            out[start..].sort();
        } else {
            out.push(path.clone());
        }
    }
    Ok(out)
}

fn walk(folder: &Path, out: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
        if path.is_dir() {
            walk(&path, out)?;
        } else if ENDINGS.iter().any(|e| name.strip_suffix(".gz").unwrap_or(&name).ends_with(e)) {
            out.push(path);
        }
    }
    Ok(())
}

/// The name by which the store knows a file: its content, wherever it lies.
///
/// # Errors
/// Where it cannot be read.
pub fn key_of(path: &Path) -> Result<String, String> {
    let mut file = mach_seal::open_file(path).map_err(|e| e.to_string())?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        match file.read(&mut buffer).map_err(|e| e.to_string())? {
            0 => return Ok(format!("file {}", secret::hex(&hash.finalize()))),
            n => hash.update(&buffer[..n]),
        }
    }
}

/// Counts what is read from the disk.
struct Counted<R> {
    inner: R,
    bytes: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buffer)?;
        self.bytes.fetch_add(n as u64, Ordering::Relaxed);
        Ok(n)
    }
}

/// A file being read.
pub struct Source {
    reader: Box<dyn BufRead + Send>,
    bytes: Arc<AtomicU64>,
    line: u64,
    /// A line or document read ahead.
    ahead: Option<Vec<u8>>,
    is_document: bool,
}

impl Source {
    /// Opens a file and looks whether it is lines or a document. A file whose first line is JSON by itself is lines.
    ///
    /// # Errors
    /// Where it cannot be read, or is larger than one document may be.
    pub fn open(path: &Path) -> Result<Self, String> {
        let bytes = Arc::<AtomicU64>::default();
        let file = mach_seal::open_file(path).map_err(|e| e.to_string())?;
        let mut plain = BufReader::with_capacity(BUFFER_BYTES, Counted { inner: file, bytes: Arc::clone(&bytes) });
        let is_gzip = plain.fill_buf().map_err(|e| e.to_string())?.starts_with(&[0x1f, 0x8b]);
        let reader: Box<dyn BufRead + Send> = match is_gzip {
            true => Box::new(BufReader::with_capacity(BUFFER_BYTES, flate2::bufread::MultiGzDecoder::new(plain))),
            false => Box::new(plain),
        };
        let mut source = Self { reader, bytes, line: 0, ahead: None, is_document: false };
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
        source.look([".ndjson", ".jsonl"].iter().any(|e| name.strip_suffix(".gz").unwrap_or(&name).ends_with(e)))?;
        Ok(source)
    }

    fn look(&mut self, is_named_lines: bool) -> Result<(), String> {
        if self.reader.fill_buf().map_err(|e| e.to_string())?.starts_with("\u{feff}".as_bytes()) {
            self.reader.consume(3);
        }
        let mut first = Vec::new();
        let mut blank = 0;
        loop {
            first.clear();
            if !self.raw_line(&mut first, limits::LOAD_LINE_BYTES)? {
                return Ok(());
            }
            if !first.iter().all(u8::is_ascii_whitespace) {
                break;
            }
            blank += 1;
        }
        let is_xml = first.iter().find(|b| !b.is_ascii_whitespace()) == Some(&b'<');
        if !is_xml && (is_named_lines || Tree::parse_bytes(&first).is_ok() || self.is_damaged_line(&first)?) {
            self.line = blank;
            without_end(&mut first);
            self.ahead = Some(first);
            return Ok(());
        }
        self.is_document = true;
        let most = limits::LOAD_LINE_BYTES.saturating_sub(first.len());
        let read = self.reader.by_ref().take(most as u64 + 1).read_to_end(&mut first).map_err(|e| e.to_string())?;
        if read > most {
            return Err(too_long());
        }
        if is_xml {
            let text = String::from_utf8(first).map_err(|_| "it is not UTF-8".to_owned())?;
            let tree = xml::parse(&text, definitions::r4()).map_err(|e| format!("it is no FHIR XML: {e}"))?;
            first = tree.source().as_bytes().to_vec();
        }
        self.ahead = Some(first);
        Ok(())
    }

    /// Whether a first line that is no JSON is a damaged line before sound ones, rather than the beginning of a document:
    /// then the next line begins an object too.
    fn is_damaged_line(&mut self, first: &[u8]) -> Result<bool, String> {
        let opens = self.reader.fill_buf().map_err(|e| e.to_string())?.first() == Some(&b'{');
        Ok(opens && first.trim_ascii_end().ends_with(b"}"))
    }

    /// Reads a line with its end; false where there is none.
    fn raw_line(&mut self, line: &mut Vec<u8>, most: usize) -> Result<bool, String> {
        let read = self.reader.by_ref().take(most as u64 + 1).read_until(b'\n', line).map_err(|e| e.to_string())?;
        if read == 0 {
            return Ok(false);
        }
        if line.last() != Some(&b'\n') && read > most {
            return Err(format!("line {}: {}", self.line + 1, too_long()));
        }
        Ok(true)
    }

    /// The next line that is not blank, with its number.
    fn line(&mut self) -> Result<Option<(u64, Vec<u8>)>, String> {
        if let Some(ahead) = self.ahead.take() {
            self.line += 1;
            return Ok(Some((if self.is_document { 0 } else { self.line }, ahead)));
        }
        if self.is_document {
            return Ok(None);
        }
        loop {
            let mut line = Vec::new();
            if !self.raw_line(&mut line, limits::LOAD_LINE_BYTES)? {
                return Ok(None);
            }
            self.line += 1;
            if !line.iter().all(u8::is_ascii_whitespace) {
                without_end(&mut line);
                return Ok(Some((self.line, line)));
            }
        }
    }

    /// Passes over the first `lines` lines; gives how many of them were not blank.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub fn skip(&mut self, lines: u64) -> Result<u64, String> {
        let mut skipped = 0;
        while self.line < lines {
            match self.line()? {
                None => break,
                Some((n, line)) if n > lines => {
                    // Blank lines lay between: this one is not done.
                    self.ahead = Some(line);
                    self.line -= 1;
                    break;
                }
                Some(_) => skipped += 1,
            }
        }
        Ok(skipped)
    }

    /// The next piece.
    ///
    /// # Errors
    /// Where the file cannot be read, or a line is too long.
    pub fn next(&mut self) -> Result<Option<Chunk>, String> {
        let (mut lines, mut bytes) = (Vec::new(), 0);
        while lines.len() < CHUNK_LINES && bytes < CHUNK_BYTES {
            match self.line() {
                Ok(None) => break,
                Ok(Some((n, line))) => {
                    bytes += line.len();
                    lines.push((n, line));
                }
                // What was read before is not lost by it; asked again, it says so again.
                Err(_) if !lines.is_empty() => break,
                Err(problem) => return Err(problem),
            }
        }
        Ok((!lines.is_empty()).then_some(Chunk { lines, upto: self.line }))
    }

    /// Bytes read from the disk so far.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }
}

fn without_end(line: &mut Vec<u8>) {
    for end in [b'\n', b'\r'] {
        if line.last() == Some(&end) {
            line.pop();
        }
    }
}

fn too_long() -> String {
    format!("longer than {} bytes; send it as NDJSON, one resource a line", limits::LOAD_LINE_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbered(content: &[u8], known: u64) -> Result<Vec<(u64, String)>, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        std::fs::write(&path, content).unwrap();
        let mut source = Source::open(&path)?;
        source.skip(known)?;
        let mut out = Vec::new();
        while let Some(chunk) = source.next()? {
            out.extend(chunk.lines.into_iter().map(|(n, line)| (n, String::from_utf8(line).unwrap())));
        }
        Ok(out)
    }

    #[test]
    fn lines_have_their_numbers_and_documents_have_none() {
        let of = |text: &str, known| numbered(text.as_bytes(), known).unwrap();
        let line = |n: u64, text: &str| (n, text.to_owned());
        assert_eq!(of("{\"a\":1}\n\n{\"b\":2}\r\n", 0), [line(1, "{\"a\":1}"), line(3, "{\"b\":2}")]);
        assert_eq!(of("\u{feff}\n{\"a\":1}", 0), [line(2, "{\"a\":1}")]);
        assert_eq!(of("{\"a\":1}\n\n{\"b\":2}\n{}", 1), [line(3, "{\"b\":2}"), line(4, "{}")]);
        assert_eq!(of("{\"a\":1}\n\n{\"b\":2}\n{}", 2), [line(3, "{\"b\":2}"), line(4, "{}")]);
        assert_eq!(of("{\"a\":1}\n{}", 9), []);
        assert_eq!(of("{\n \"a\":1\n}\n", 0), [line(0, "{\n \"a\":1\n}\n")]);
        assert_eq!(of("{\n \"a\":1\n}\n", 1), [], "a document that is known");
        assert_eq!(of("{broken}\n{\"a\":1}\n", 0), [line(1, "{broken}"), line(2, "{\"a\":1}")]);
        assert_eq!(of("", 0), []);
        assert!(
            of("<Patient xmlns=\"http://hl7.org/fhir\"><id value=\"x\"/></Patient>", 0)[0].1.contains("\"id\":\"x\"")
        );
        assert!(numbered(b"<Patient", 0).is_err());
    }

    #[test]
    fn gzip_is_read_by_its_content() {
        use std::io::Write;
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(b"{\"a\":1}\n{\"b\":2}\n").unwrap();
        let packed = packed.finish().unwrap();
        assert_eq!(numbered(&packed, 0).unwrap().len(), 2);
        assert!(numbered(&packed[..packed.len() - 9], 0).is_err(), "a gzip that is cut off");
    }

    #[test]
    fn a_line_is_read_at_the_limit_and_refused_past_it() {
        let line = |n: usize| {
            let mut text = vec![b' '; n];
            text[0] = b'{';
            text[n - 1] = b'}';
            text
        };
        assert_eq!(numbered(&line(limits::LOAD_LINE_BYTES), 0).unwrap().len(), 1);
        assert!(numbered(&line(limits::LOAD_LINE_BYTES + 1), 0).unwrap_err().contains("longer than"));
    }
}
