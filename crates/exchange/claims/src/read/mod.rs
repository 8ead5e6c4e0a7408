//! Reading claim files, one claim at a time.
//!
//! A claim that cannot be read does not stop the file: it is given as [`Broken`], and reading goes on with the next
//! `HOSO`. Only where the outer XML itself breaks, or a limit of the whole file is passed, reading ends with a
//! [`ReadError`]; what was given before stands.

mod guard;
mod hoso;
mod inner;
mod item;
mod sniff;

use std::io::BufRead;

use quick_xml::events::Event;

use self::guard::{Guard, Stop};
use self::hoso::{Hoso, Scratch};
use self::inner::Token;
pub use self::item::{Broken, Item, Limits, ReadError};
use crate::raw::{Problem, trim};

/// Bytes of an element's name; the longest of any layout has 76.
const NAME_BYTES: usize = 255;
/// Bytes of a text of the envelope (`MACSKCB`, `NGAYLAP`, `SOLUONGHOSO`, `LOAIHOSO`).
const TEXT_BYTES: usize = 1024;

/// Reads a claim file one item at a time.
///
/// Memory: one claim, its decoded tables and one buffered text; nothing is kept of claims already given.
/// A file is read in the order it is written: `MACSKCB` and `NGAYLAP` must stand before the claims they are of.
pub struct Reader<R> {
    xml: quick_xml::Reader<Guard<R>>,
    limits: Limits,
    buf: Vec<u8>,
    scratch: Scratch,
    tokens: Vec<Token>,
    /// Structure elements that are open.
    open: Vec<Element>,
    depth: usize,
    begun: bool,
    root_seen: bool,
    done: bool,
    facility: String,
    written_on: String,
    count_written: Option<String>,
    claims: u64,
}

/// Elements of the two envelopes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Element {
    Root,
    Unit,
    Facility,
    Info,
    WrittenOn,
    Count,
    List,
    Hoso,
    File,
    Name,
    Content,
    CheckIns,
    CheckInList,
    CheckIn,
    Other,
}

/// What an element is, by what it stands in.
fn element(parent: Option<Element>, name: &str) -> Element {
    use Element::*;
    match (parent, name) {
        (None, "GIAMDINHHS") => Root,
        (None, "CHI_TIEU_TRANG_THAI_KCB") => CheckIns,
        (Some(Root), "THONGTINDONVI") => Unit,
        (Some(Unit), "MACSKCB") => Facility,
        (Some(Root), "THONGTINHOSO") => Info,
        (Some(Info), "NGAYLAP") => WrittenOn,
        (Some(Info), "SOLUONGHOSO") => Count,
        (Some(Info), "DANHSACHHOSO") => List,
        (Some(List), "HOSO") => Hoso,
        (Some(Hoso), "FILEHOSO") => File,
        (Some(File), "LOAIHOSO") => Name,
        (Some(File), "NOIDUNGFILE") => Content,
        (Some(CheckIns), "DSACH_TRANG_THAI_KCB") => CheckInList,
        (Some(CheckInList), "TRANG_THAI_KCB") => CheckIn,
        _ => Other,
    }
}

/// An event of the outer file, without its bytes.
enum Outer {
    Start(Element),
    End,
    Text,
    Eof,
}

impl<R: BufRead> Reader<R> {
    /// Reads `input` with the product's limits.
    pub fn new(input: R) -> Self {
        Self::with_limits(input, Limits::default())
    }

    /// Reads `input` with other limits.
    pub fn with_limits(input: R, limits: Limits) -> Self {
        let mut xml = quick_xml::Reader::from_reader(Guard::new(input, limits.file_bytes, limits.run_bytes));
        xml.config_mut().expand_empty_elements = true;
        Self {
            xml,
            limits,
            buf: Vec::new(),
            scratch: Scratch::default(),
            tokens: Vec::new(),
            open: Vec::new(),
            depth: 0,
            begun: false,
            root_seen: false,
            done: false,
            facility: String::new(),
            written_on: String::new(),
            count_written: None,
            claims: 0,
        }
    }

    /// Bytes read so far: for progress.
    pub fn offset(&self) -> u64 {
        self.xml.get_ref().offset
    }

    fn refuse(&self, problem: Problem) -> ReadError {
        let guard = self.xml.get_ref();
        ReadError::Refused { problem, offset: guard.offset, line: guard.line }
    }

    fn limit(&self, what: &str, limit: impl ToString) -> ReadError {
        self.refuse(Problem::new("XML-LIMIT", [what.to_owned(), limit.to_string()]))
    }

    fn failed(&self, error: &quick_xml::Error) -> ReadError {
        let guard = self.xml.get_ref();
        match (error, guard.stopped) {
            (_, Some(Stop::Run)) => self.limit("bytes of one text", self.limits.run_bytes),
            (_, Some(Stop::File)) => self.limit("bytes of the file", self.limits.file_bytes),
            (quick_xml::Error::Io(e), None) => ReadError::Io(std::io::Error::new(e.kind(), e.to_string())),
            (e, None) => self.refuse(sniff::syntax(e, guard.offset)),
        }
    }

    /// The next event; the text of a text goes to `sink`. `self.buf` is the caller's to clear.
    fn event(&mut self, sink: Option<&mut String>) -> Result<Outer, ReadError> {
        let mut unused = String::new();
        let keep = sink.is_some();
        let sink = sink.unwrap_or(&mut unused);
        loop {
            self.xml.get_mut().next_event();
            let parent = self.open.last().copied();
            let event = match self.xml.read_event_into(&mut self.buf) {
                Ok(Event::Start(start)) if start.name().as_ref().len() > NAME_BYTES => {
                    Err(Problem::new("XML-LIMIT", ["bytes of a name".to_owned(), NAME_BYTES.to_string()]))
                }
                Ok(Event::Start(start)) => match element(parent, start.name().as_ref()) {
                    Element::Other if parent.is_none() => {
                        Err(Problem::new("XML-ROOT", [start.name().as_ref(), "GIAMDINHHS / CHI_TIEU_TRANG_THAI_KCB"]))
                    }
                    element => Ok(Some(Outer::Start(element))),
                },
                Ok(Event::End(_)) => Ok(Some(Outer::End)),
                Ok(Event::Text(text)) if keep => {
                    sink.push_str(&text);
                    Ok(Some(Outer::Text))
                }
                Ok(Event::Text(text)) if trim(&text).is_empty() => Ok(None),
                Ok(Event::Text(text)) => Err(stray(&text)),
                Ok(Event::CData(text)) if keep => {
                    sink.push_str(&text);
                    Ok(Some(Outer::Text))
                }
                Ok(Event::CData(text)) => Err(stray(&text)),
                Ok(Event::GeneralRef(reference)) => sniff::resolve(&reference).and_then(|c| {
                    sink.push(c);
                    if keep || c.is_ascii_whitespace() { Ok(Some(Outer::Text)) } else { Err(stray(&c.to_string())) }
                }),
                Ok(Event::DocType(_)) => Err(Problem::new("XML-DTD", ["<!DOCTYPE"])),
                Ok(Event::Decl(declaration)) => sniff::declared(&declaration).map(|()| None),
                Ok(Event::PI(_) | Event::Comment(_) | Event::Empty(_)) => Ok(None),
                Ok(Event::Eof) => Ok(Some(Outer::Eof)),
                Err(e) => return Err(self.failed(&e)),
            };
            match event {
                Ok(Some(Outer::Start(element))) => return self.started(element),
                Ok(Some(event)) => return Ok(event),
                Ok(None) => {}
                Err(problem) => return Err(self.refuse(problem)),
            }
        }
    }

    fn started(&mut self, element: Element) -> Result<Outer, ReadError> {
        self.depth += 1;
        if self.depth > self.limits.depth {
            return Err(self.refuse(Problem::new("XML-DEPTH", [self.limits.depth.to_string()])));
        }
        Ok(Outer::Start(element))
    }

    fn truncated(&self) -> ReadError {
        self.refuse(Problem::new("XML-SYNTAX", ["EOF".to_owned(), self.offset().to_string()]))
    }

    /// The text of the element just begun, up to its end; elements inside are left out.
    fn text(&mut self) -> Result<String, ReadError> {
        let (base, mut text) = (self.depth, String::new());
        // Whatever stands inside is no structure element: its parent is not one.
        self.open.push(Element::Other);
        while self.depth >= base {
            self.buf.clear();
            match self.event(Some(&mut text))? {
                Outer::End => self.depth -= 1,
                Outer::Eof => return Err(self.truncated()),
                Outer::Start(_) | Outer::Text => {}
            }
            if text.len() > TEXT_BYTES {
                return Err(self.limit("bytes of an envelope text", TEXT_BYTES));
            }
        }
        self.open.pop();
        sniff::legal(&text).map_err(|p| self.refuse(p))?;
        Ok(trim(&text).to_owned())
    }

    /// Passes over the element just begun, with all it holds.
    fn skip(&mut self) -> Result<(), ReadError> {
        let base = self.depth;
        self.open.push(Element::Other);
        let mut text = String::new();
        while self.depth >= base {
            self.buf.clear();
            text.clear();
            match self.event(Some(&mut text))? {
                Outer::End => self.depth -= 1,
                Outer::Eof => return Err(self.truncated()),
                Outer::Start(_) | Outer::Text => {}
            }
        }
        self.open.pop();
        Ok(())
    }

    /// Puts what stands in the element just begun, markup and all, into `self.buf`.
    fn capture(&mut self) -> Result<(), ReadError> {
        let base = self.depth;
        self.buf.clear();
        while self.depth >= base {
            self.xml.get_mut().next_event();
            let before = self.buf.len();
            let event = match self.xml.read_event_into(&mut self.buf) {
                Ok(Event::Start(start)) if start.name().as_ref().len() > NAME_BYTES => {
                    return Err(self.limit("bytes of a name", NAME_BYTES));
                }
                Ok(Event::Start(_)) => Some(Outer::Start(Element::Other)),
                Ok(Event::End(_)) => Some(Outer::End),
                Ok(Event::Eof) => return Err(self.truncated()),
                Ok(Event::DocType(_)) => return Err(self.refuse(Problem::new("XML-DTD", ["<!DOCTYPE"]))),
                Ok(_) => None,
                Err(e) => return Err(self.failed(&e)),
            };
            match event {
                Some(Outer::Start(element)) => {
                    self.started(element)?;
                }
                Some(_) => {
                    self.depth -= 1;
                    if self.depth < base {
                        self.buf.truncate(before);
                    }
                }
                None => {}
            }
            if self.buf.len() > self.limits.run_bytes {
                return Err(self.limit("bytes of one text", self.limits.run_bytes));
            }
        }
        Ok(())
    }

    /// One `FILEHOSO`.
    fn file(&mut self, hoso: &mut Hoso) -> Result<(), ReadError> {
        let (mut name, mut content) = (String::new(), None);
        self.open.push(Element::File);
        loop {
            self.buf.clear();
            match self.event(None)? {
                Outer::Start(Element::Name) => name = self.text()?.to_ascii_uppercase(),
                Outer::Start(Element::Content) => {
                    self.capture()?;
                    if content.is_some() {
                        hoso.fail(Problem::new("XML-TABLE-TWICE", [sniff::shown(name.as_bytes())]));
                    }
                    // The name may stand behind the content: the bytes wait for it.
                    content = Some(std::mem::take(&mut self.buf));
                }
                Outer::Start(_) => self.skip()?,
                Outer::Text => {}
                Outer::End => break,
                Outer::Eof => return Err(self.truncated()),
            }
        }
        self.depth -= 1;
        self.open.pop();
        let bytes = content.unwrap_or_default();
        match std::str::from_utf8(&bytes) {
            Ok(raw) => hoso.add_file(&name, raw, &mut self.scratch),
            Err(e) => return Err(self.refuse(sniff::syntax(&quick_xml::Error::from(e), self.offset()))),
        }
        self.buf = bytes;
        Ok(())
    }

    /// One `HOSO`, whose start was just read.
    fn hoso(&mut self) -> Result<Item, ReadError> {
        let mut hoso = self.next_claim()?;
        self.open.push(Element::Hoso);
        loop {
            self.buf.clear();
            match self.event(None)? {
                Outer::Start(Element::File) => self.file(&mut hoso)?,
                Outer::Start(_) => self.skip()?,
                Outer::Text => {}
                Outer::End => break,
                Outer::Eof => return Err(self.truncated()),
            }
        }
        self.depth -= 1;
        self.open.pop();
        Ok(hoso.finish(&mut self.tokens))
    }

    fn check_in(&mut self) -> Result<Item, ReadError> {
        let mut hoso = self.next_claim()?;
        self.capture()?;
        match std::str::from_utf8(&self.buf) {
            Ok(row) => {
                hoso.add_check_in(row);
                if let Err(problem) = sniff::legal(row) {
                    hoso.fail(problem.in_table(0));
                }
            }
            Err(e) => return Err(self.refuse(sniff::syntax(&quick_xml::Error::from(e), self.offset()))),
        }
        Ok(hoso.finish(&mut self.tokens))
    }

    fn next_claim(&mut self) -> Result<Hoso, ReadError> {
        self.claims += 1;
        if self.claims > self.limits.claims {
            return Err(self.limit("HOSO", self.limits.claims));
        }
        Ok(Hoso::new(self.claims, &self.facility, &self.written_on, self.limits))
    }

    /// Reads up to the next item.
    fn item(&mut self) -> Result<Option<Item>, ReadError> {
        if !self.begun {
            self.begun = true;
            let skip = sniff::head(self.xml.get_mut().head()?).map_err(|p| self.refuse(p))?;
            self.xml.get_mut().consume(skip);
        }
        loop {
            self.buf.clear();
            match self.event(None)? {
                Outer::Start(Element::Hoso) => return self.hoso().map(Some),
                Outer::Start(Element::CheckIn) => return self.check_in().map(Some),
                Outer::Start(Element::Facility) => self.facility = self.text()?,
                Outer::Start(Element::WrittenOn) => self.written_on = self.text()?,
                Outer::Start(Element::Count) => self.count_written = Some(self.text()?),
                Outer::Start(Element::Other) => self.skip()?,
                Outer::Start(element) => self.enter(element)?,
                Outer::Text => {}
                Outer::End => {
                    self.depth -= 1;
                    self.open.pop();
                }
                Outer::Eof if self.depth > 0 || !self.root_seen => return Err(self.truncated()),
                Outer::Eof => return Ok(self.end_of_file()),
            }
        }
    }

    fn enter(&mut self, element: Element) -> Result<(), ReadError> {
        if self.open.is_empty() {
            if self.root_seen {
                return Err(
                    self.refuse(Problem::new("XML-SYNTAX", ["second root".to_owned(), self.offset().to_string()]))
                );
            }
            self.root_seen = true;
            if element == Element::CheckIns {
                self.count_written = None;
            } else {
                self.count_written = Some(String::new());
            }
        }
        self.open.push(element);
        Ok(())
    }

    /// Compares the number of claims with what the envelope says.
    fn end_of_file(&mut self) -> Option<Item> {
        self.done = true;
        let written = self.count_written.take()?;
        if written.parse() == Ok(self.claims) {
            return None;
        }
        let at =
            Problem { tag: "SOLUONGHOSO".to_owned(), ..Problem::new("XML-COUNT", [written, self.claims.to_string()]) };
        Some(Item::File(at))
    }
}

fn stray(text: &str) -> Problem {
    Problem::new("XML-SYNTAX", [sniff::shown(trim(text).as_bytes())])
}

impl<R: BufRead> Iterator for Reader<R> {
    type Item = Result<Item, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let item = self.item();
        // After an error nothing in the file can be trusted to be where it seems.
        self.done |= item.is_err();
        item.transpose()
    }
}

#[cfg(test)]
mod tests;
