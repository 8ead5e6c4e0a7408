//! CSV, as a stream of any length: comma, semicolon or tab, UTF-8 with or without its mark.

use crate::Wrong;
use std::io::{self, BufRead, BufReader, Read};

/// What files in UTF-8 may begin with.
const MARK: &[u8] = b"\xef\xbb\xbf";
/// Bytes of one row: a quote that is never closed would make a row of the rest of the file.
const ROW: usize = 1 << 20;
/// Bytes that are read at a time.
const BUFFER: usize = 64 << 10;
/// Follows the file: where it is no row of its own, a quote was left open.
const END: &str = "\u{1}end of the file\u{1}";
/// What a row with such a quote is told.
const OPEN: &str = "a quote that opens in this row is not closed: the rows after it were not read";

/// Counts what is read of a row, and keeps it as it stood, so that lines can be counted.
struct Counted<R> {
    inner: R,
    since: usize,
    over: bool,
    /// What was read and is not yet done with, from byte `base` of the file.
    recent: Vec<u8>,
    base: u64,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        // What is in the reader's buffer already may be of the row before.
        if self.since > ROW + BUFFER {
            self.over = true;
            return Err(io::Error::other(OPEN));
        }
        let n = self.inner.read(out)?;
        self.since += n;
        self.recent.extend_from_slice(&out[..n]);
        Ok(n)
    }
}

impl<R> Counted<R> {
    /// Empty lines from byte `at` on, where a row was looked for.
    fn empty_lines(&mut self, at: u64) -> u64 {
        let from = usize::try_from(at.saturating_sub(self.base)).unwrap_or(usize::MAX).min(self.recent.len());
        let blank = self.recent[from..].iter().take_while(|b| matches!(b, b'\n' | b'\r'));
        let lines = blank.filter(|b| **b == b'\n').count();
        if from > 4 * BUFFER {
            self.recent.drain(..from);
            self.base += u64::try_from(from).unwrap_or(0);
        }
        u64::try_from(lines).unwrap_or(0)
    }
}

type Input<R> = Counted<io::Chain<BufReader<R>, io::Cursor<String>>>;

/// The line a row begins on, its cells as they stand or why they cannot be read.
type Raw = (u64, Result<csv::ByteRecord, String>);

/// The rows of a CSV file, each with the line it begins on. After a row that is not closed there are none.
pub struct Separated<R: Read> {
    reader: csv::Reader<Input<R>>,
    ahead: Option<Raw>,
    done: bool,
}

impl<R: Read> Separated<R> {
    /// Begins a file: its separator is the one that stands most often in its first line.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub fn open(input: R) -> Result<Self, Wrong> {
        let mut input = BufReader::with_capacity(BUFFER, input);
        let head = input.fill_buf().map_err(Wrong::unreadable)?;
        let marked = head.starts_with(MARK);
        let head = if marked { &head[MARK.len()..] } else { head };
        let first = head.split(|b| matches!(b, b'\n' | b'\r')).next().unwrap_or_default();
        let count = |d: u8| first.iter().filter(|b| **b == d).count();
        let delimiter = [b';', b'\t', b','].into_iter().max_by_key(|d| count(*d)).unwrap_or(b',');
        if marked {
            input.consume(MARK.len());
        }
        let inner = input.chain(io::Cursor::new(format!("\n{END}")));
        let input = Counted { inner, since: 0, over: false, recent: Vec::new(), base: 0 };
        let mut builder = csv::ReaderBuilder::new();
        builder.delimiter(delimiter).has_headers(false).flexible(true).buffer_capacity(BUFFER);
        Ok(Self { reader: builder.from_reader(input), ahead: None, done: false })
    }

    fn raw(&mut self) -> Option<Raw> {
        self.reader.get_mut().since = 0;
        let mut record = csv::ByteRecord::new();
        let (begun, at) = (self.reader.position().line(), self.reader.position().byte());
        match self.reader.read_byte_record(&mut record) {
            Ok(false) => None,
            Ok(true) => Some((begun + self.reader.get_mut().empty_lines(at), Ok(record))),
            Err(e) => {
                self.done = true;
                let line = begun + self.reader.get_mut().empty_lines(at);
                Some((line, Err(if self.reader.get_ref().over { OPEN.to_owned() } else { e.to_string() })))
            }
        }
    }

    fn read(&mut self) -> Option<Row> {
        let (line, record) = self.ahead.take().or_else(|| self.raw())?;
        let record = match record {
            Ok(record) => record,
            Err(why) => return Some((line, Err(why))),
        };
        if record.iter().next_back().is_some_and(|c| c.ends_with(END.as_bytes())) {
            self.ahead = self.raw();
            if self.ahead.is_none() {
                return (record.len() > 1 || record.get(0) != Some(END.as_bytes()))
                    .then(|| (line, Err(OPEN.to_owned())));
            }
        }
        let cells = record.iter().map(|c| std::str::from_utf8(c).map(str::to_owned)).collect::<Result<Vec<_>, _>>();
        Some((line, cells.map_err(|_| "the row is not in UTF-8: save the file as CSV UTF-8".to_owned())))
    }
}

/// The line a row begins on, its cells or why they cannot be read.
type Row = (u64, Result<Vec<String>, String>);

impl<R: Read> Iterator for Separated<R> {
    type Item = Row;

    fn next(&mut self) -> Option<Row> {
        if self.done && self.ahead.is_none() {
            return None;
        }
        let row = self.read();
        self.done |= row.is_none();
        row
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(bytes: &[u8]) -> Vec<Row> {
        Separated::open(bytes).expect("opened").collect()
    }

    fn good(line: u64, cells: &[&str]) -> Row {
        (line, Ok(cells.iter().map(|c| (*c).to_owned()).collect()))
    }

    #[test]
    fn comma_semicolon_and_tab_with_empty_lines_and_broken_rows() {
        for (delimiter, end) in [(",", "\n"), (";", "\r\n"), ("\t", "\n")] {
            let text = "\u{feff}a|b\n1|\"x\ny\"\n\n\n2|z\n".replace('|', delimiter).replace('\n', end);
            let mut bytes = text.into_bytes();
            bytes.extend(b"\xff\xfe");
            let inner = format!("x{end}y");
            let found = rows(&bytes);
            assert_eq!(found[..3], [good(1, &["a", "b"]), good(2, &["1", &inner]), good(6, &["2", "z"])]);
            assert!(found[3].1.is_err() && found[3].0 == 7 && found.len() == 4);
        }
        assert!(rows(b"").is_empty() && rows(b"\n\n").is_empty());
        assert_eq!(rows(b"a"), [good(1, &["a"])]);
        assert_eq!(rows(b"a;5\" b\n"), [good(1, &["a", "5\" b"])], "a quote within a text is one");
        let end = format!("a\n{END}\nb\n");
        assert_eq!(
            rows(end.as_bytes()),
            [good(1, &["a"]), good(2, &[END]), good(3, &["b"])],
            "only the end is the end"
        );
    }

    #[test]
    fn a_quote_that_is_not_closed_is_told() {
        for text in ["a,b\n1,\"x\n2,y\n3,z\n", "a,b\n1,\"x\n2,y\n3,z", "a,b\n1,\"x"] {
            let found = rows(text.as_bytes());
            assert_eq!((found.len(), &found[1]), (2, &(2, Err(OPEN.to_owned()))), "{text}");
        }
        // Nor does the rest of a long file fill memory.
        let long = [b"a,b\n1,\"".as_slice(), &b"2,x\n".repeat(ROW)].concat();
        let mut input = Separated::open(long.as_slice()).expect("opened");
        assert!(input.next().is_some_and(|r| r.1.is_ok()));
        assert_eq!(input.next(), Some((2, Err(OPEN.to_owned()))));
        assert!(input.next().is_none() && input.reader.get_ref().recent.len() <= ROW + 3 * BUFFER);
        let row = |n: usize| rows(format!("a\n\"{}\"\nb\n", "x".repeat(n)).as_bytes());
        assert_eq!(row(ROW).len(), 3);
        assert_eq!(row(ROW + 4 * BUFFER).len(), 2, "and the third is not passed over in silence");
        assert!(row(ROW + 4 * BUFFER)[1].1.is_err());
    }

    #[test]
    fn lines_are_right_far_into_a_file() {
        let text = "a,b\n\n".repeat(BUFFER);
        let last = rows(text.as_bytes()).pop().expect("rows");
        assert_eq!(last, good(u64::try_from(2 * BUFFER - 1).expect("a line"), &["a", "b"]));
    }
}
