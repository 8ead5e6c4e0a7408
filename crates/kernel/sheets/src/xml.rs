//! A part of the archive as events, one at a time, none larger than may be.

use crate::{DEPTH, RUN_BYTES, Wrong};
use quick_xml::XmlVersion;
use quick_xml::events::{BytesRef, BytesStart, Event};
use std::io::{self, BufRead, BufReader, Read};

/// Counts what is read of a part: in all, and since the last event.
pub(crate) struct Guard<'a, R> {
    inner: BufReader<R>,
    /// Bytes that may still be unpacked of the whole file.
    left: &'a mut u64,
    run: usize,
    stopped: Option<&'static str>,
}

impl<R: Read> Read for Guard<'_, R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let available = self.fill_buf()?;
        let n = available.len().min(out.len());
        out[..n].copy_from_slice(&available[..n]);
        self.consume(n);
        Ok(n)
    }
}

impl<R: Read> BufRead for Guard<'_, R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        let most = usize::try_from(*self.left).unwrap_or(usize::MAX).min(self.run);
        let what = if *self.left == 0 { "bytes unpacked" } else { "bytes of one text" };
        let available = self.inner.fill_buf()?;
        if most == 0 && !available.is_empty() {
            self.stopped = Some(what);
            return Err(io::Error::other(what));
        }
        Ok(&available[..available.len().min(most)])
    }

    fn consume(&mut self, n: usize) {
        *self.left = self.left.saturating_sub(u64::try_from(n).unwrap_or(u64::MAX));
        self.run = self.run.saturating_sub(n);
        self.inner.consume(n);
    }
}

/// The events of a part.
pub(crate) struct Xml<'a, R: Read> {
    reader: quick_xml::Reader<Guard<'a, R>>,
    buffer: Vec<u8>,
    depth: usize,
}

impl<'a, R: Read> Xml<'a, R> {
    /// Begins a part, of which `left` bytes may be unpacked.
    pub(crate) fn new(part: R, left: &'a mut u64) -> Self {
        let guard = Guard { inner: BufReader::with_capacity(64 << 10, part), left, run: RUN_BYTES, stopped: None };
        let mut reader = quick_xml::Reader::from_reader(guard);
        reader.config_mut().expand_empty_elements = true;
        Self { reader, buffer: Vec::new(), depth: 0 }
    }

    /// The next event; an empty element is its beginning and its end. No document types, so no entities either.
    pub(crate) fn next(&mut self) -> Result<Event<'_>, Wrong> {
        self.buffer.clear();
        // One more, so that the end of a text of exactly that length is seen.
        self.reader.get_mut().run = RUN_BYTES + 1;
        match self.reader.read_event_into(&mut self.buffer) {
            Ok(Event::DocType(_)) => Err(Wrong::unreadable("a document type")),
            Ok(event) => {
                match &event {
                    Event::Start(_) if self.depth == DEPTH => return Err(Wrong::Large("elements within elements")),
                    Event::Start(_) => self.depth += 1,
                    Event::End(_) => self.depth = self.depth.saturating_sub(1),
                    Event::Eof if self.depth > 0 => return Err(Wrong::unreadable("a part ends too early")),
                    _ => {}
                }
                Ok(event)
            }
            Err(e) => Err(self.reader.get_ref().stopped.map_or_else(|| Wrong::unreadable(e), Wrong::Large)),
        }
    }
}

/// The value of an attribute, by its local name.
pub(crate) fn attribute(start: &BytesStart<'_>, name: &str) -> Result<Option<String>, Wrong> {
    for attribute in start.attributes().with_checks(false) {
        let attribute = attribute.map_err(Wrong::unreadable)?;
        if attribute.key.local_name().into_inner() == name {
            let value = attribute.normalized_value(XmlVersion::Implicit1_0).map_err(Wrong::unreadable)?;
            return Ok(Some(value.into_owned()));
        }
    }
    Ok(None)
}

/// What a reference within a text stands for.
pub(crate) fn resolved(reference: &BytesRef<'_>) -> Result<char, Wrong> {
    if let Some(c) = reference.resolve_char_ref().map_err(Wrong::unreadable)? {
        return Ok(c);
    }
    match reference.xml10_content().as_ref() {
        "lt" => Ok('<'),
        "gt" => Ok('>'),
        "amp" => Ok('&'),
        "apos" => Ok('\''),
        "quot" => Ok('"'),
        other => Err(Wrong::unreadable(format!("the entity `{other}`"))),
    }
}

/// A text of a spreadsheet without its own escapes: `_x000D_` is one character (ST_Xstring).
pub(crate) fn unescaped(text: &str) -> String {
    let (mut out, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(at) = rest.find("_x") {
        let (before, from) = rest.split_at(at);
        out.push_str(before);
        let code = from
            .get(2..6)
            .filter(|c| from.as_bytes().get(6) == Some(&b'_') && c.bytes().all(|b| b.is_ascii_hexdigit()));
        match code.and_then(|c| u32::from_str_radix(c, 16).ok()).and_then(char::from_u32) {
            Some(c) => {
                out.push(c);
                rest = &from[7..];
            }
            None => {
                out.push_str("_x");
                rest = &from[2..];
            }
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str, mut left: u64) -> Result<usize, Wrong> {
        let mut xml = Xml::new(text.as_bytes(), &mut left);
        let mut n = 0;
        loop {
            if matches!(xml.next()?, Event::Eof) {
                return Ok(n);
            }
            n += 1;
        }
    }

    #[test]
    fn parts_are_bounded() {
        assert_eq!(all("<a><b/></a>", 11), Ok(4));
        assert_eq!(all("<a><b/></a>", 10), Err(Wrong::Large("bytes unpacked")));
        let deep = |n: usize| format!("{}{}", "<a>".repeat(n), "</a>".repeat(n));
        assert_eq!(all(&deep(DEPTH), u64::MAX), Ok(2 * DEPTH));
        assert_eq!(all(&deep(DEPTH + 1), u64::MAX), Err(Wrong::Large("elements within elements")));
        let long = |n: usize| format!("<a>{}</a>", "x".repeat(n));
        assert_eq!(all(&long(RUN_BYTES), u64::MAX), Ok(3));
        assert_eq!(all(&long(RUN_BYTES + 2), u64::MAX), Err(Wrong::Large("bytes of one text")));
        for broken in ["<a>", "<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", "<a></b>"] {
            assert!(matches!(all(broken, u64::MAX), Err(Wrong::Unreadable(_))), "{broken}");
        }
    }

    #[test]
    fn escapes_of_spreadsheets_are_undone() {
        for (text, wanted) in
            [("a_x000D_b", "a\rb"), ("_x005F_x000D_", "_x000D_"), ("_xyz", "_xyz"), ("_x00", "_x00"), ("ế_xế", "ế_xế")]
        {
            assert_eq!(unescaped(text), wanted);
        }
    }
}
