//! The parser: one pass, one vector, no copy.

use super::{ESCAPED, KEY_DECODED, Kind, MEMBER, Node, Problem, TreeError};
use crate::limits;
use std::collections::HashSet;

/// Bounds of a document.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of the text.
    pub bytes: usize,
    /// Levels of arrays and objects.
    pub depth: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { bytes: limits::DOCUMENT_BYTES, depth: limits::TREE_DEPTH }
    }
}

/// Members from which a set finds duplicates; below it, the few names before are looked through.
const SET_FROM: usize = 48;

pub(super) fn parse(source: &str, limits: &Limits) -> Result<(Vec<Node>, String), TreeError> {
    let mut parser = Parser {
        bytes: source.as_bytes(),
        source,
        at: 0,
        // Synthea has one value per 18 bytes; a guess too low only costs one growth.
        nodes: Vec::with_capacity(source.len() / 20 + 8),
        keys: String::new(),
        depth: limits.depth,
    };
    let read = if source.len() > limits.bytes.min(limits::DOCUMENT_BYTES) {
        Err(Fault::boxed(Problem::TooLong(limits.bytes), 0))
    } else {
        parser.document()
    };
    match read {
        Ok(()) => Ok((parser.nodes, parser.keys)),
        Err(fault) => {
            let mut error = located(parser.bytes, fault.offset, fault.problem);
            error.path = shown(&fault.inside);
            Err(error)
        }
    }
}

pub(super) fn located(bytes: &[u8], offset: usize, problem: Problem) -> TreeError {
    let before = &bytes[..offset.min(bytes.len())];
    let line = before.iter().filter(|b| **b == b'\n').count() + 1;
    let column = before.len() - before.iter().rposition(|b| *b == b'\n').map_or(0, |n| n + 1) + 1;
    TreeError { problem, offset, line, column, path: String::new() }
}

/// A problem on its way out; every level it leaves adds where it was.
struct Fault {
    problem: Problem,
    offset: usize,
    inside: Vec<Step>,
}

enum Step {
    Name(String),
    Item(usize),
}

impl Fault {
    fn boxed(problem: Problem, offset: usize) -> Box<Self> {
        Box::new(Self { problem, offset, inside: Vec::new() })
    }

    fn within(mut self: Box<Self>, step: Step) -> Box<Self> {
        self.inside.push(step);
        self
    }
}

fn shown(inside: &[Step]) -> String {
    let mut path = String::new();
    for step in inside.iter().rev() {
        match step {
            Step::Name(name) if path.is_empty() => path.push_str(name),
            Step::Name(name) => path.extend([".", name]),
            Step::Item(n) => path.push_str(&format!("[{n}]")),
        }
    }
    path
}

struct Parser<'s> {
    bytes: &'s [u8],
    source: &'s str,
    at: usize,
    nodes: Vec<Node>,
    keys: String,
    depth: usize,
}

/// A member's name, as the node keeps it.
#[derive(Clone, Copy)]
struct Key {
    at: u32,
    len: u16,
    flags: u8,
}

const NO_KEY: Key = Key { at: 0, len: 0, flags: 0 };

type Read<T> = Result<T, Box<Fault>>;

impl<'s> Parser<'s> {
    fn document(&mut self) -> Read<()> {
        self.space();
        self.value(NO_KEY, 0)?;
        self.space();
        if self.at < self.bytes.len() { self.fail(Problem::Trailing) } else { Ok(()) }
    }

    #[cold]
    fn fail<T>(&self, problem: Problem) -> Read<T> {
        Err(Fault::boxed(problem, self.at))
    }

    #[inline]
    fn peek(&self) -> u8 {
        self.bytes.get(self.at).copied().unwrap_or(0)
    }

    #[inline]
    fn space(&mut self) {
        while matches!(self.peek(), b' ' | b'\n' | b'\r' | b'\t') {
            self.at += 1;
        }
    }

    fn value(&mut self, key: Key, depth: usize) -> Read<()> {
        let start = self.at;
        match self.peek() {
            b'"' => {
                let escaped = self.string()?;
                self.push(key, start, Kind::String, if escaped { ESCAPED } else { 0 });
                Ok(())
            }
            b'{' | b'[' if depth >= self.depth => self.fail(Problem::TooDeep(self.depth)),
            b'{' => self.object(key, depth),
            b'[' => self.array(key, depth),
            b't' => self.word(key, "true", Kind::Boolean),
            b'f' => self.word(key, "false", Kind::Boolean),
            b'n' => self.word(key, "null", Kind::Null),
            b'-' | b'0'..=b'9' => {
                self.digits()?;
                self.push(key, start, Kind::Number, 0);
                Ok(())
            }
            _ => self.fail(Problem::Expected("a value")),
        }
    }

    #[inline]
    fn push(&mut self, key: Key, start: usize, kind: Kind, flags: u8) {
        let next = self.nodes.len() as u32 + 1;
        self.nodes.push(Node {
            start: start as u32,
            end: self.at as u32,
            next,
            key: key.at,
            key_len: key.len,
            kind,
            flags: key.flags | flags,
        });
    }

    fn close(&mut self, node: usize) {
        let next = self.nodes.len() as u32;
        let node = &mut self.nodes[node];
        node.end = self.at as u32;
        node.next = next;
    }

    fn word(&mut self, key: Key, word: &'static str, kind: Kind) -> Read<()> {
        let start = self.at;
        if !self.bytes[start..].starts_with(word.as_bytes()) {
            return self.fail(Problem::Expected("a value"));
        }
        self.at += word.len();
        self.push(key, start, kind, 0);
        Ok(())
    }

    fn array(&mut self, key: Key, depth: usize) -> Read<()> {
        let node = self.nodes.len();
        self.push(key, self.at, Kind::Array, 0);
        self.at += 1;
        self.space();
        if self.peek() == b']' {
            self.at += 1;
            self.close(node);
            return Ok(());
        }
        for item in 0.. {
            self.space();
            self.value(NO_KEY, depth + 1).map_err(|f| f.within(Step::Item(item)))?;
            self.space();
            match self.peek() {
                b',' => self.at += 1,
                b']' => break,
                _ => return self.fail(Problem::Expected("`,` or `]`")),
            }
        }
        self.at += 1;
        self.close(node);
        Ok(())
    }

    fn object(&mut self, key: Key, depth: usize) -> Read<()> {
        let node = self.nodes.len();
        self.push(key, self.at, Kind::Object, 0);
        self.at += 1;
        self.space();
        if self.peek() == b'}' {
            self.at += 1;
            self.close(node);
            return Ok(());
        }
        let mut seen = Seen::default();
        loop {
            self.space();
            let key = self.key()?;
            self.refuse_twice(&mut seen, node, key)?;
            self.space();
            if self.peek() != b':' {
                return self.fail(Problem::Expected("`:`"));
            }
            self.at += 1;
            self.space();
            if let Err(fault) = self.value(key, depth + 1) {
                return Err(fault.within(Step::Name(self.key_text(key).to_owned())));
            }
            self.space();
            match self.peek() {
                b',' => self.at += 1,
                b'}' => break,
                _ => return self.fail(Problem::Expected("`,` or `}`")),
            }
        }
        self.at += 1;
        self.close(node);
        Ok(())
    }

    fn key(&mut self) -> Read<Key> {
        if self.peek() != b'"' {
            return self.fail(Problem::Expected("a member's name in quotes"));
        }
        let start = self.at + 1;
        let escaped = self.string()?;
        let end = self.at - 1;
        if end - start > limits::KEY_BYTES {
            return self.fail(Problem::LongName(limits::KEY_BYTES));
        }
        if !escaped {
            return Ok(Key { at: start as u32, len: (end - start) as u16, flags: MEMBER });
        }
        let text = unescape(&self.source[start..end]);
        let at = self.keys.len();
        self.keys.push_str(&text);
        Ok(Key { at: at as u32, len: text.len() as u16, flags: MEMBER | KEY_DECODED })
    }

    fn key_text(&self, key: Key) -> &str {
        let range = key.at as usize..key.at as usize + usize::from(key.len);
        if key.flags & KEY_DECODED == 0 { &self.source[range] } else { &self.keys[range] }
    }

    /// A name that stood before in the object `holder` is refused.
    fn refuse_twice(&self, seen: &mut Seen<'s>, holder: usize, key: Key) -> Read<()> {
        let name = self.key_text(key);
        let bytes = name.as_bytes();
        let bit = match bytes {
            [] => 0,
            [first, .., last] => u32::from(*first) * 7 + u32::from(*last) + bytes.len() as u32 * 13,
            [one] => u32::from(*one),
        } & 63;
        let fresh = seen.mask & (1 << bit) == 0;
        seen.mask |= 1 << bit;
        seen.count += 1;
        let twice = match &mut seen.names {
            Some(names) => !names.insert(name.to_owned().into()),
            None if fresh => false,
            None => self.names_of(holder).any(|other| other == name),
        };
        if twice {
            return self.fail(Problem::Duplicate(name.to_owned()));
        }
        if seen.count == SET_FROM {
            let mut names: HashSet<_> = self.names_of(holder).map(|n| std::borrow::Cow::Owned(n.to_owned())).collect();
            names.insert(name.to_owned().into());
            seen.names = Some(names);
        }
        Ok(())
    }

    fn names_of(&self, holder: usize) -> impl Iterator<Item = &str> {
        let mut at = holder + 1;
        std::iter::from_fn(move || {
            let node = self.nodes.get(at)?;
            at = node.next as usize;
            Some(self.key_text(Key { at: node.key, len: node.key_len, flags: node.flags }))
        })
    }

    /// Passes a string; whether it holds escapes.
    fn string(&mut self) -> Read<bool> {
        self.at += 1;
        let mut escaped = false;
        loop {
            self.plain();
            match self.peek() {
                b'"' => {
                    self.at += 1;
                    return Ok(escaped);
                }
                b'\\' => {
                    escaped = true;
                    self.escape()?;
                }
                _ if self.at >= self.bytes.len() => return self.fail(Problem::Expected("`\"` at the end of a text")),
                _ => return self.fail(Problem::Text("a control character in a text must be escaped")),
            }
        }
    }

    /// Passes everything up to a quote, a backslash or a control character: eight bytes at a time.
    #[inline]
    fn plain(&mut self) {
        const ONES: u64 = 0x0101_0101_0101_0101;
        const HIGHS: u64 = 0x8080_8080_8080_8080;
        let zero_in = |v: u64| v.wrapping_sub(ONES) & !v;
        while let Some(chunk) = self.bytes[self.at..].first_chunk::<8>() {
            let word = u64::from_le_bytes(*chunk);
            let quote = zero_in(word ^ (ONES * u64::from(b'"')));
            let back = zero_in(word ^ (ONES * u64::from(b'\\')));
            let control = word.wrapping_sub(ONES * 0x20) & !word;
            let found = (quote | back | control) & HIGHS;
            if found != 0 {
                self.at += found.trailing_zeros() as usize / 8;
                return;
            }
            self.at += 8;
        }
        while !matches!(self.peek(), b'"' | b'\\' | 0..0x20) {
            self.at += 1;
        }
    }

    fn escape(&mut self) -> Read<()> {
        self.at += 1;
        match self.peek() {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => self.at += 1,
            b'u' => {
                let high = self.hex()?;
                if (0xDC00..0xE000).contains(&high) {
                    return self.fail(Problem::Text("the second half of a surrogate pair stands alone"));
                }
                if (0xD800..0xDC00).contains(&high) {
                    let pair = self.peek() == b'\\' && self.bytes.get(self.at + 1) == Some(&b'u');
                    self.at += usize::from(pair);
                    if !pair || !(0xDC00..0xE000).contains(&self.hex()?) {
                        return self.fail(Problem::Text("the first half of a surrogate pair stands alone"));
                    }
                }
            }
            _ => return self.fail(Problem::Text("a `\\` that starts no escape of JSON")),
        }
        Ok(())
    }

    /// At the `u` of `\uXXXX`: passes it and its digits.
    fn hex(&mut self) -> Read<u32> {
        let digits = self.bytes.get(self.at + 1..self.at + 5).filter(|d| d.iter().all(u8::is_ascii_hexdigit));
        let Some(digits) = digits else { return self.fail(Problem::Text("`\\u` wants four hexadecimal digits")) };
        let value = digits.iter().fold(0, |v, d| v * 16 + (*d as char).to_digit(16).unwrap_or(0));
        self.at += 5;
        Ok(value)
    }

    fn digits(&mut self) -> Read<()> {
        self.at += usize::from(self.peek() == b'-');
        if self.peek() == b'0' {
            self.at += 1;
        } else {
            self.some_digits()?;
        }
        if self.peek() == b'.' {
            self.at += 1;
            self.some_digits()?;
        }
        if matches!(self.peek(), b'e' | b'E') {
            self.at += 1;
            self.at += usize::from(matches!(self.peek(), b'+' | b'-'));
            self.some_digits()?;
        }
        Ok(())
    }

    fn some_digits(&mut self) -> Read<()> {
        let start = self.at;
        while self.peek().is_ascii_digit() {
            self.at += 1;
        }
        if self.at == start { self.fail(Problem::Expected("a digit")) } else { Ok(()) }
    }
}

/// Names of one object met so far.
#[derive(Default)]
struct Seen<'s> {
    /// One bit per small hash of a name: a clear bit proves a new name.
    mask: u64,
    count: usize,
    names: Option<HashSet<std::borrow::Cow<'s, str>>>,
}

/// The text of a string's inside; its escapes were checked by the parser.
pub(super) fn unescape(inner: &str) -> String {
    let mut out = String::with_capacity(inner.len());
    let mut rest = inner;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        let mut used = 1;
        match after.as_bytes().first() {
            Some(b'n') => out.push('\n'),
            Some(b't') => out.push('\t'),
            Some(b'r') => out.push('\r'),
            Some(b'b') => out.push('\u{8}'),
            Some(b'f') => out.push('\u{c}'),
            Some(b'u') => {
                let unit = |at: usize| after.get(at..at + 4).and_then(|h| u16::from_str_radix(h, 16).ok()).unwrap_or(0);
                let first = unit(1);
                let pair = (0xD800..0xDC00).contains(&first);
                let units = [first, if pair { unit(7) } else { 0 }];
                let taken = if pair { 2 } else { 1 };
                out.extend(char::decode_utf16(units[..taken].iter().copied()).map(|c| c.unwrap_or('\u{FFFD}')));
                used = if pair { 11 } else { 5 };
            }
            Some(b) => out.push(*b as char),
            None => {}
        }
        rest = after.get(used..).unwrap_or_default();
    }
    out.push_str(rest);
    out
}
