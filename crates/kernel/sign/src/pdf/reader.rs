//! Reading PDF objects out of bytes.

use super::bad;
use super::object::{Dictionary, Object};
use crate::{Error, Result, limits};

/// Reads objects from a place in the bytes on.
#[derive(Clone, Debug)]
pub(crate) struct Lexer<'a> {
    bytes: &'a [u8],
    /// Where it stands.
    pub at: usize,
}

pub(crate) fn is_space(b: u8) -> bool {
    matches!(b, 0 | 9 | 10 | 12 | 13 | 32)
}

fn is_delimiter(b: u8) -> bool {
    b"()<>[]{}/%".contains(&b)
}

impl<'a> Lexer<'a> {
    pub fn new(bytes: &'a [u8], at: usize) -> Self {
        Self { bytes, at }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    /// Passes spaces and comments.
    pub fn skip(&mut self) {
        while let Some(b) = self.peek() {
            if b == b'%' {
                while self.peek().is_some_and(|b| b != b'\n' && b != b'\r') {
                    self.at += 1;
                }
            } else if is_space(b) {
                self.at += 1;
            } else {
                break;
            }
        }
    }

    /// The next word: what stands up to a space or delimiter.
    pub fn word(&mut self) -> &'a [u8] {
        self.skip();
        let rest = self.rest();
        let length = rest.iter().position(|b| is_space(*b) || is_delimiter(*b)).unwrap_or(rest.len());
        self.at += length;
        &rest[..length]
    }

    /// That the next word is this one.
    pub fn keyword(&mut self, wanted: &str) -> Result<()> {
        if self.word() == wanted.as_bytes() { Ok(()) } else { Err(bad(format!("no `{wanted}` where one must be"))) }
    }

    /// A number that is not negative.
    pub fn natural<T: std::str::FromStr>(&mut self) -> Result<T> {
        let word = self.word();
        let digits = !word.is_empty() && word.iter().all(u8::is_ascii_digit);
        let text = std::str::from_utf8(word).ok().filter(|_| digits);
        text.and_then(|t| t.parse().ok()).ok_or_else(|| bad("no number where one must be"))
    }

    /// The next object; streams are not read here.
    pub fn object(&mut self) -> Result<Object> {
        self.nested(0)
    }

    fn nested(&mut self, depth: usize) -> Result<Object> {
        if depth > limits::PDF_DEPTH {
            return Err(Error::TooLarge { what: "the depth of a PDF object", limit: limits::PDF_DEPTH });
        }
        self.skip();
        match self.peek().ok_or_else(|| bad("ends within an object"))? {
            b'/' => self.name().map(Object::Name),
            b'(' => self.literal().map(Object::String),
            b'<' if self.rest().starts_with(b"<<") => self.dictionary(depth).map(Object::Dictionary),
            b'<' => self.hexadecimal().map(Object::String),
            b'[' => {
                self.at += 1;
                let mut list = Vec::new();
                loop {
                    self.skip();
                    if self.peek() == Some(b']') {
                        self.at += 1;
                        return Ok(Object::Array(list));
                    }
                    list.push(self.nested(depth + 1)?);
                }
            }
            b'+' | b'-' | b'.' | b'0'..=b'9' => self.number(),
            _ => match self.word() {
                b"true" => Ok(Object::Bool(true)),
                b"false" => Ok(Object::Bool(false)),
                b"null" => Ok(Object::Null),
                _ => Err(bad(format!("no object at byte {}", self.at))),
            },
        }
    }

    /// A number, or a reference if two more words make it one.
    fn number(&mut self) -> Result<Object> {
        let word = self.word();
        let text = std::str::from_utf8(word).map_err(|_| bad("a number of other letters"))?;
        if word.iter().all(u8::is_ascii_digit)
            && let Ok(n) = text.parse::<u32>()
        {
            let mut ahead = self.clone();
            if let Ok(generation) = ahead.natural::<u16>()
                && ahead.word() == b"R"
            {
                self.at = ahead.at;
                return Ok(Object::Reference(n, generation));
            }
        }
        if let Ok(n) = text.strip_prefix('+').unwrap_or(text).parse::<i64>() {
            return Ok(Object::Int(n));
        }
        let shape = text.strip_prefix(['+', '-']).unwrap_or(text);
        let dots = shape.bytes().filter(|b| *b == b'.').count();
        if dots == 1 && shape.len() > 1 && shape.bytes().all(|b| b == b'.' || b.is_ascii_digit()) {
            Ok(Object::Real(text.to_owned()))
        } else {
            Err(bad(format!("no number: `{text}`")))
        }
    }

    fn name(&mut self) -> Result<Vec<u8>> {
        self.at += 1;
        let rest = self.rest();
        let length = rest.iter().position(|b| is_space(*b) || is_delimiter(*b)).unwrap_or(rest.len());
        self.at += length;
        let mut out = Vec::with_capacity(length);
        let mut bytes = rest[..length].iter();
        while let Some(b) = bytes.next() {
            if *b == b'#' {
                let digit = |b: Option<&u8>| b.and_then(|b| (*b as char).to_digit(16));
                match (digit(bytes.next()), digit(bytes.next())) {
                    (Some(a), Some(b)) => out.push((a * 16 + b) as u8),
                    _ => return Err(bad("a name with `#` and no two digits")),
                }
            } else {
                out.push(*b);
            }
        }
        Ok(out)
    }

    fn hexadecimal(&mut self) -> Result<Vec<u8>> {
        self.at += 1;
        let rest = self.rest();
        let length = rest.iter().position(|b| *b == b'>').ok_or_else(|| bad("a string without its end"))?;
        self.at += length + 1;
        let mut digits = Vec::with_capacity(length);
        for b in rest[..length].iter().filter(|b| !is_space(**b)) {
            digits.push((*b as char).to_digit(16).ok_or_else(|| bad("a hexadecimal string of other letters"))? as u8);
        }
        if digits.len() % 2 == 1 {
            digits.push(0);
        }
        Ok(digits.chunks_exact(2).map(|c| c[0] << 4 | c[1]).collect())
    }

    fn literal(&mut self) -> Result<Vec<u8>> {
        self.at += 1;
        let mut out = Vec::new();
        let mut depth = 1;
        loop {
            let b = self.peek().ok_or_else(|| bad("a string without its end"))?;
            self.at += 1;
            match b {
                b'(' => depth += 1,
                b')' => {
                    depth -= 1;
                    if depth == 0 {
                        return Ok(out);
                    }
                }
                b'\\' => {
                    self.escape(&mut out)?;
                    continue;
                }
                b'\r' => {
                    if self.peek() == Some(b'\n') {
                        self.at += 1;
                    }
                    out.push(b'\n');
                    continue;
                }
                _ => {}
            }
            out.push(b);
        }
    }

    fn escape(&mut self, out: &mut Vec<u8>) -> Result<()> {
        let b = self.peek().ok_or_else(|| bad("a string without its end"))?;
        self.at += 1;
        match b {
            b'n' => out.push(b'\n'),
            b'r' => out.push(b'\r'),
            b't' => out.push(b'\t'),
            b'b' => out.push(8),
            b'f' => out.push(12),
            b'0'..=b'7' => {
                let mut code = u32::from(b - b'0');
                for _ in 0..2 {
                    let Some(d @ b'0'..=b'7') = self.peek() else { break };
                    code = code * 8 + u32::from(d - b'0');
                    self.at += 1;
                }
                out.push(code as u8);
            }
            b'\r' => {
                if self.peek() == Some(b'\n') {
                    self.at += 1;
                }
            }
            b'\n' => {}
            other => out.push(other),
        }
        Ok(())
    }

    fn dictionary(&mut self, depth: usize) -> Result<Dictionary> {
        self.at += 2;
        let (mut out, mut keys) = (Dictionary::new(), 0);
        loop {
            self.skip();
            match self.peek() {
                Some(b'>') if self.rest().starts_with(b">>") => {
                    self.at += 2;
                    return Ok(out);
                }
                Some(b'/') => {
                    let key = self.name()?;
                    let value = self.nested(depth + 1)?;
                    // Each key is compared with those before it.
                    keys += 1;
                    if keys > limits::PDF_KEYS {
                        return Err(Error::TooLarge { what: "a dictionary of a PDF file", limit: limits::PDF_KEYS });
                    }
                    if !out.push_new(key, value) {
                        return Err(bad("a dictionary with a key twice"));
                    }
                }
                _ => return Err(bad("a dictionary without its end")),
            }
        }
    }

    /// Where the bytes of a stream begin, if the next word says that there are some.
    pub fn stream(&mut self) -> Option<usize> {
        let mut ahead = self.clone();
        if ahead.word() != b"stream" {
            return None;
        }
        let begin = match ahead.rest() {
            [b'\r', b'\n', ..] => ahead.at + 2,
            [b'\n', ..] => ahead.at + 1,
            _ => return None,
        };
        self.at = begin;
        Some(begin)
    }
}
