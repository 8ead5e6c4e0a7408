//! A PDF file: its revisions, each with what it says where objects are.

use super::bad;
use super::object::{Dictionary, Object};
use super::reader::{Lexer, is_space};
use super::unpack::unpack;
use crate::{Error, Result, limits};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

/// Where an object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Nowhere: there is none of this number.
    Free,
    /// At a byte of the file, with its generation.
    At(usize, u16),
    /// In an object stream, so many places down.
    In(u32, u32),
}

/// One revision: what was appended at once.
#[derive(Clone, Debug)]
pub struct Revision {
    /// Where its table of cross references is.
    pub table: usize,
    /// Where it ends: after `%%EOF`, without the end of the line.
    pub end: usize,
    /// What it says.
    pub entries: BTreeMap<u32, Place>,
    /// Its trailer.
    pub trailer: Dictionary,
    /// Whether its table is a stream.
    pub is_stream: bool,
}

type ObjectStream = Rc<(Vec<u8>, Vec<(u32, usize)>)>;

/// A file.
#[derive(Debug)]
pub struct Pdf<'a> {
    bytes: &'a [u8],
    revisions: Vec<Revision>,
    unpacked: RefCell<BTreeMap<(usize, usize), ObjectStream>>,
    /// Bytes of what was unpacked and is kept.
    kept: Cell<usize>,
    /// Objects being looked for by way of which another is.
    detours: Cell<u8>,
}

/// One section of cross references.
struct Section {
    entries: BTreeMap<u32, Place>,
    trailer: Dictionary,
    is_stream: bool,
    after: usize,
}

impl<'a> Pdf<'a> {
    /// Reads a file's revisions.
    ///
    /// # Errors
    /// `Malformed`, `TooLarge`, `Unsupported` for encrypted files.
    pub fn parse(bytes: &'a [u8]) -> Result<Self> {
        if bytes.len() > limits::PDF_BYTES {
            return Err(Error::TooLarge { what: "a PDF file", limit: limits::PDF_BYTES });
        }
        if !bytes.starts_with(b"%PDF-") {
            return Err(bad("the file does not begin with %PDF-"));
        }
        let (unpacked, kept, detours) = Default::default();
        let mut file = Self { bytes, revisions: Vec::new(), unpacked, kept, detours };
        let last = bytes.len().saturating_sub(2048);
        let at = rfind(&bytes[last..], b"startxref").ok_or_else(|| bad("no startxref at the end"))? + last;
        let (mut table, end) = file.mark(at)?;
        if bytes[end..].iter().any(|b| !is_space(*b)) {
            return Err(bad("something stands after the end"));
        }
        let mut newest_first: Vec<Revision> = Vec::new();
        let mut told = 0;
        loop {
            let section = file.section(table)?;
            let mut lexer = Lexer::new(bytes, section.after);
            lexer.skip();
            let (says, end) = file.mark(lexer.at)?;
            let previous = match section.trailer.get("Prev") {
                None => None,
                Some(n) => Some(n.int().and_then(|n| usize::try_from(n).ok()).ok_or_else(|| bad("Prev is no place"))?),
            };
            let Section { mut entries, trailer, is_stream, .. } = section;
            if let Some(hidden) = trailer.get("XRefStm") {
                let place =
                    hidden.int().and_then(|n| usize::try_from(n).ok()).ok_or_else(|| bad("XRefStm is no place"))?;
                for (number, entry) in file.section(place)?.entries {
                    entries.entry(number).or_insert(entry);
                }
            }
            told += entries.len();
            if told > limits::PDF_OBJECTS {
                return Err(Error::TooLarge { what: "the objects of a PDF file", limit: limits::PDF_OBJECTS });
            }
            // A linearised file begins with its last table: it and the one it points to are one revision.
            let linear = newest_first.last().is_some_and(|newer| newer.table < table);
            if linear {
                if previous.is_some() {
                    return Err(bad("tables of cross references are not in the order of the file"));
                }
                if let Some(newer) = newest_first.last_mut() {
                    for (number, entry) in entries {
                        newer.entries.entry(number).or_insert(entry);
                    }
                    newer.end = newer.end.max(end);
                }
            } else {
                if says != table && says != 0 {
                    return Err(bad("a revision's startxref points elsewhere"));
                }
                newest_first.push(Revision { table, end, entries, trailer, is_stream });
            }
            if newest_first.len() > limits::PDF_REVISIONS {
                return Err(Error::TooLarge { what: "the revisions of a PDF file", limit: limits::PDF_REVISIONS });
            }
            match previous {
                None => break,
                Some(previous) if previous == table => return Err(bad("a table that points to itself")),
                Some(previous) => table = previous,
            }
        }
        newest_first.reverse();
        if newest_first.windows(2).any(|pair| pair[0].end >= pair[1].end) {
            return Err(bad("revisions overlap"));
        }
        file.revisions = newest_first;
        if file.revisions.iter().any(|r| r.trailer.get("Encrypt").is_some()) {
            return Err(Error::Unsupported("an encrypted PDF file".to_owned()));
        }
        Ok(file)
    }

    /// All its bytes.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Its revisions, the first one first.
    pub fn revisions(&self) -> &[Revision] {
        &self.revisions
    }

    /// The file as it is.
    pub fn last(&self) -> View<'_, 'a> {
        self.view(self.revisions.len().saturating_sub(1))
    }

    /// The file as it was with this revision.
    pub fn view(&self, revision: usize) -> View<'_, 'a> {
        let mut places = BTreeMap::new();
        for r in self.revisions.iter().take(revision + 1) {
            places.extend(r.entries.iter().map(|(n, p)| (*n, *p)));
        }
        let revision = revision.min(self.revisions.len().saturating_sub(1));
        View { file: self, places, revision }
    }

    /// `startxref N %%EOF` at a place: N, and where it ends.
    fn mark(&self, at: usize) -> Result<(usize, usize)> {
        let mut lexer = Lexer::new(self.bytes, at);
        lexer.keyword("startxref")?;
        let table = lexer.natural()?;
        while self.bytes.get(lexer.at).is_some_and(|b| is_space(*b)) {
            lexer.at += 1;
        }
        if self.bytes.get(lexer.at..lexer.at + 5) == Some(b"%%EOF") {
            Ok((table, lexer.at + 5))
        } else {
            Err(bad("no %%EOF after startxref"))
        }
    }

    fn section(&self, at: usize) -> Result<Section> {
        let mut lexer = Lexer::new(self.bytes, at);
        if self.bytes.get(at..).is_some_and(|b| b.starts_with(b"xref")) {
            self.table(at)
        } else {
            self.stream_table(&mut lexer)
        }
    }

    fn table(&self, at: usize) -> Result<Section> {
        let mut lexer = Lexer::new(self.bytes, at);
        lexer.keyword("xref")?;
        let mut entries = BTreeMap::new();
        loop {
            let mut ahead = lexer.clone();
            if ahead.word() == b"trailer" {
                lexer = ahead;
                break;
            }
            let first: u32 = lexer.natural()?;
            let count: u32 = lexer.natural()?;
            if count as usize > limits::PDF_OBJECTS || first as usize > limits::PDF_OBJECTS {
                return Err(Error::TooLarge { what: "the objects of a PDF file", limit: limits::PDF_OBJECTS });
            }
            for number in first..first + count {
                let offset = lexer.natural()?;
                let generation = lexer.natural()?;
                let place = match lexer.word() {
                    b"n" => Place::At(offset, generation),
                    b"f" => Place::Free,
                    _ => return Err(bad("a cross reference that is neither n nor f")),
                };
                if entries.insert(number, place).is_some() {
                    return Err(bad("a cross reference twice in one table"));
                }
            }
        }
        let Object::Dictionary(trailer) = lexer.object()? else { return Err(bad("no trailer")) };
        Ok(Section { entries, trailer, is_stream: false, after: lexer.at })
    }

    fn stream_table(&self, lexer: &mut Lexer<'_>) -> Result<Section> {
        let begin = lexer.at;
        let own: u32 = lexer.natural()?;
        lexer.at = begin;
        let (object, after) = self.read_at(begin, own, None)?;
        let Object::Stream(trailer, packed) = object else { return Err(bad("no table where startxref points")) };
        if !trailer.is("Type", "XRef") {
            return Err(bad("no table where startxref points"));
        }
        let data = unpack(&trailer, &packed)?;
        let widths: Vec<usize> = match trailer.get("W").and_then(Object::array) {
            Some(list) if list.len() == 3 => list
                .iter()
                .map(|n| n.int().and_then(|n| usize::try_from(n).ok()).filter(|n| *n <= 8))
                .collect::<Option<_>>(),
            _ => None,
        }
        .ok_or_else(|| bad("a table without its widths"))?;
        let size = trailer.get("Size").and_then(Object::int).ok_or_else(|| bad("a table without its size"))?;
        let index: Vec<i64> = match trailer.get("Index").and_then(Object::array) {
            Some(list) => list.iter().map(Object::int).collect::<Option<_>>().ok_or_else(|| bad("a false index"))?,
            None => vec![0, size],
        };
        let width: usize = widths.iter().sum();
        if width == 0 || !index.len().is_multiple_of(2) {
            return Err(bad("a false index"));
        }
        let mut rows = data.chunks_exact(width);
        let mut entries = BTreeMap::new();
        for pair in index.chunks_exact(2) {
            let range = (u32::try_from(pair[0]), u32::try_from(pair[1]));
            let (Ok(first), Ok(count)) = range else { return Err(bad("a false index")) };
            if count as usize > limits::PDF_OBJECTS || first as usize > limits::PDF_OBJECTS {
                return Err(Error::TooLarge { what: "the objects of a PDF file", limit: limits::PDF_OBJECTS });
            }
            for number in first..first + count {
                let row = rows.next().ok_or_else(|| bad("a table that is too short"))?;
                let (a, rest) = row.split_at(widths[0]);
                let (b, c) = rest.split_at(widths[1]);
                let n = |bytes: &[u8]| bytes.iter().fold(0_u64, |n, b| n << 8 | u64::from(*b));
                let place = match if a.is_empty() { 1 } else { n(a) } {
                    0 => Place::Free,
                    1 => Place::At(n(b) as usize, n(c) as u16),
                    2 => Place::In(n(b) as u32, n(c) as u32),
                    _ => return Err(bad("a cross reference of an unknown kind")),
                };
                if entries.insert(number, place).is_some() {
                    return Err(bad("a cross reference twice in one table"));
                }
            }
        }
        Ok(Section { entries, trailer, is_stream: true, after })
    }

    /// The object of this number at a byte, and where it ends; `view` finds the length of a stream that stands elsewhere.
    fn read_at(&self, at: usize, number: u32, view: Option<&View<'_, 'a>>) -> Result<(Object, usize)> {
        let mut lexer = Lexer::new(self.bytes, at);
        if !self.bytes.get(at).is_some_and(u8::is_ascii_digit) || lexer.natural::<u32>()? != number {
            return Err(bad(format!("object {number} is not where its cross reference points")));
        }
        lexer.natural::<u16>()?;
        lexer.keyword("obj")?;
        let object = lexer.object()?;
        let Object::Dictionary(dictionary) = object else {
            lexer.keyword("endobj")?;
            return Ok((object, lexer.at));
        };
        let Some(begin) = lexer.stream() else {
            lexer.keyword("endobj")?;
            return Ok((Object::Dictionary(dictionary), lexer.at));
        };
        let length = match (dictionary.get("Length"), view) {
            (Some(Object::Int(n)), _) => Some(*n),
            (Some(Object::Reference(n, _)), Some(view)) => view.get(*n)?.int(),
            _ => None,
        };
        let length = length.and_then(|n| usize::try_from(n).ok()).ok_or_else(|| bad("a stream without its length"))?;
        let end = begin.checked_add(length).filter(|end| *end <= self.bytes.len());
        let end = end.ok_or_else(|| bad("a stream that is longer than the file"))?;
        lexer.at = end;
        lexer.keyword("endstream")?;
        lexer.keyword("endobj")?;
        Ok((Object::Stream(dictionary, self.bytes[begin..end].to_vec()), lexer.at))
    }
}

/// A file as it was with one of its revisions.
#[derive(Debug)]
pub struct View<'f, 'a> {
    file: &'f Pdf<'a>,
    places: BTreeMap<u32, Place>,
    /// Which.
    pub revision: usize,
}

impl View<'_, '_> {
    /// The trailer.
    pub fn trailer(&self) -> &Dictionary {
        &self.file.revisions[self.revision].trailer
    }

    /// Where an object is.
    pub fn place(&self, number: u32) -> Place {
        self.places.get(&number).copied().unwrap_or(Place::Free)
    }

    /// The numbers that are taken.
    pub fn numbers(&self) -> impl Iterator<Item = u32> {
        self.places.iter().filter(|(_, p)| **p != Place::Free).map(|(n, _)| *n)
    }

    /// An object; `Null` where there is none.
    ///
    /// # Errors
    /// `Malformed`.
    pub fn get(&self, number: u32) -> Result<Object> {
        let detours = self.file.detours.get();
        if detours == limits::PDF_DETOURS {
            return Err(bad("an object that is found by way of itself"));
        }
        self.file.detours.set(detours + 1);
        let found = self.found(number);
        self.file.detours.set(detours);
        found
    }

    fn found(&self, number: u32) -> Result<Object> {
        match self.place(number) {
            Place::Free => Ok(Object::Null),
            Place::At(at, _) => self.file.read_at(at, number, Some(self)).map(|(object, _)| object),
            Place::In(stream, index) => {
                let unpacked = self.object_stream(stream)?;
                let (bytes, places) = &*unpacked;
                let found = places.get(index as usize).filter(|(n, _)| *n == number);
                let (_, at) = found.ok_or_else(|| bad("an object stream without its object"))?;
                Lexer::new(bytes, *at).object()
            }
        }
    }

    /// Where an object that is not packed begins and ends.
    ///
    /// # Errors
    /// `Malformed`.
    pub fn extent(&self, number: u32) -> Result<Option<(usize, usize)>> {
        match self.place(number) {
            Place::At(at, _) => Ok(Some((at, self.file.read_at(at, number, Some(self))?.1))),
            _ => Ok(None),
        }
    }

    /// What a value is, where it may be a reference.
    ///
    /// # Errors
    /// `Malformed`.
    pub fn resolve(&self, value: &Object) -> Result<Object> {
        match value {
            Object::Reference(n, _) => {
                let object = self.get(*n)?;
                if object.reference().is_some() { Err(bad("a reference to a reference")) } else { Ok(object) }
            }
            other => Ok(other.clone()),
        }
    }

    /// The value of a key, resolved; `Null` where there is none.
    ///
    /// # Errors
    /// `Malformed`.
    pub fn entry(&self, dictionary: &Dictionary, key: &str) -> Result<Object> {
        dictionary.get(key).map_or(Ok(Object::Null), |v| self.resolve(v))
    }

    /// The number of the catalogue, and the catalogue.
    ///
    /// # Errors
    /// `Malformed`.
    pub fn catalog(&self) -> Result<(u32, Dictionary)> {
        let number = self.trailer().get("Root").and_then(Object::reference).ok_or_else(|| bad("no Root"))?;
        match self.get(number)? {
            Object::Dictionary(d) => Ok((number, d)),
            _ => Err(bad("the catalogue is no dictionary")),
        }
    }

    /// The numbers of all pages, in order.
    ///
    /// # Errors
    /// `Malformed`.
    pub fn pages(&self) -> Result<Vec<u32>> {
        let (_, catalog) = self.catalog()?;
        let root = catalog.get("Pages").and_then(Object::reference).ok_or_else(|| bad("no Pages"))?;
        let mut out = Vec::new();
        let mut seen = std::collections::BTreeSet::new();
        let mut todo = vec![root];
        while let Some(number) = todo.pop() {
            if !seen.insert(number) {
                return Err(bad("a page stands in the tree twice"));
            }
            let object = self.get(number)?;
            let node = object.dictionary().ok_or_else(|| bad("a page that is no dictionary"))?;
            match self.entry(node, "Kids")? {
                Object::Array(kids) => {
                    for kid in kids.iter().rev() {
                        todo.push(kid.reference().ok_or_else(|| bad("a page that is no reference"))?);
                    }
                }
                _ => out.push(number),
            }
        }
        Ok(out)
    }

    fn object_stream(&self, number: u32) -> Result<ObjectStream> {
        let Place::At(at, _) = self.place(number) else { return Err(bad("no object stream")) };
        // The same stream may be asked for by views of several revisions.
        if let Some(found) = self.file.unpacked.borrow().get(&(at, number as usize)) {
            return Ok(Rc::clone(found));
        }
        let Object::Stream(dictionary, packed) = self.file.read_at(at, number, Some(self))?.0 else {
            return Err(bad("no object stream"));
        };
        let n = |key| dictionary.get(key).and_then(Object::int).and_then(|n| usize::try_from(n).ok());
        let (Some(count), Some(first)) = (n("N"), n("First")) else { return Err(bad("no object stream")) };
        if !dictionary.is("Type", "ObjStm") || count > limits::PDF_OBJECTS {
            return Err(bad("no object stream"));
        }
        let bytes = unpack(&dictionary, &packed)?;
        self.file.kept.set(self.file.kept.get() + bytes.len());
        if self.file.kept.get() > limits::PDF_UNPACKED_BYTES {
            return Err(Error::TooLarge { what: "the streams of a PDF file", limit: limits::PDF_UNPACKED_BYTES });
        }
        let mut lexer = Lexer::new(&bytes, 0);
        let mut places = Vec::new();
        for _ in 0..count {
            let number = lexer.natural()?;
            let at: usize = lexer.natural()?;
            places.push((number, first + at));
        }
        let out = Rc::new((bytes, places));
        self.file.unpacked.borrow_mut().insert((at, number as usize), Rc::clone(&out));
        Ok(out)
    }
}

fn rfind(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).rposition(|w| w == wanted)
}
