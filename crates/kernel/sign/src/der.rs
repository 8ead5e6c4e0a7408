//! ASN.1 in DER (X.690): reading without copying, writing from the inside out.

use crate::{Error, Result, limits, malformed};

/// Tags used here.
pub mod tag {
    #![expect(missing_docs, reason = "each is the ASN.1 type of its name")]
    pub const BOOLEAN: u8 = 0x01;
    pub const INTEGER: u8 = 0x02;
    pub const BIT_STRING: u8 = 0x03;
    pub const OCTET_STRING: u8 = 0x04;
    pub const NULL: u8 = 0x05;
    pub const OID: u8 = 0x06;
    pub const ENUMERATED: u8 = 0x0a;
    pub const UTF8_STRING: u8 = 0x0c;
    pub const PRINTABLE_STRING: u8 = 0x13;
    pub const T61_STRING: u8 = 0x14;
    pub const IA5_STRING: u8 = 0x16;
    pub const UTC_TIME: u8 = 0x17;
    pub const GENERALIZED_TIME: u8 = 0x18;
    pub const BMP_STRING: u8 = 0x1e;
    pub const SEQUENCE: u8 = 0x30;
    pub const SET: u8 = 0x31;

    /// `[n]` around something.
    pub const fn context(n: u8) -> u8 {
        0xa0 | n
    }

    /// `[n]` instead of a simple type's own tag.
    pub const fn context_primitive(n: u8) -> u8 {
        0x80 | n
    }
}

fn bad(why: &str) -> Error {
    malformed("ASN.1", why)
}

/// One value: its tag, what is in it, and all its bytes.
#[derive(Clone, Copy, Debug)]
pub struct Value<'a> {
    /// Its tag.
    pub tag: u8,
    /// What is in it.
    pub content: &'a [u8],
    /// Tag, length and content.
    pub raw: &'a [u8],
}

impl<'a> Value<'a> {
    /// The values in it.
    pub fn reader(&self) -> Reader<'a> {
        Reader::new(self.content)
    }

    /// A small number that is not negative.
    ///
    /// # Errors
    /// `Malformed` where it is no such number.
    pub fn number(&self) -> Result<u64> {
        let bytes = self.content;
        if bytes.is_empty() || bytes[0] & 0x80 != 0 || bytes.len() > 9 || (bytes.len() == 9 && bytes[0] != 0) {
            return Err(bad("a number that is negative or too large"));
        }
        Ok(bytes.iter().fold(0, |n, b| n << 8 | u64::from(*b)))
    }

    /// The bytes of a bit string that ends at a byte.
    ///
    /// # Errors
    /// `Malformed` where it does not.
    pub fn bits(&self) -> Result<&'a [u8]> {
        match self.content.split_first() {
            Some((0, bytes)) => Ok(bytes),
            _ => Err(bad("a bit string that does not end at a byte")),
        }
    }

    /// A text of any of the string types; what is not in its type's letters is marked as such.
    pub fn text(&self) -> String {
        match self.tag {
            tag::BMP_STRING => {
                let units: Vec<u16> = self.content.chunks_exact(2).map(|c| u16::from_be_bytes([c[0], c[1]])).collect();
                String::from_utf16_lossy(&units)
            }
            tag::T61_STRING => self.content.iter().map(|b| *b as char).collect(),
            _ => String::from_utf8_lossy(self.content).into_owned(),
        }
    }

    /// A time: seconds since 1970.
    ///
    /// # Errors
    /// `Malformed` where it is none.
    pub fn time(&self) -> Result<i64> {
        match self.tag {
            tag::UTC_TIME => crate::time::parse_utc_time(self.content),
            tag::GENERALIZED_TIME => crate::time::parse_generalized(self.content),
            _ => Err(bad("a time of another type")),
        }
    }
}

/// Reads values one after another.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Over bytes.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Whether nothing is left.
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// What is left.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// The tag of the next value.
    pub fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    /// The next value.
    ///
    /// # Errors
    /// `Malformed` where there is none, or its length is not in DER's one way of writing it.
    pub fn any(&mut self) -> Result<Value<'a>> {
        let data = self.rest;
        let [tag, first, ..] = *data else { return Err(bad("ends too early")) };
        if tag & 0x1f == 0x1f {
            return Err(bad("a tag of several bytes"));
        }
        let (length, header) = match first {
            0..=0x7f => (usize::from(first), 2),
            0x81..=0x84 => {
                let count = usize::from(first & 0x7f);
                let digits = data.get(2..2 + count).ok_or_else(|| bad("ends too early"))?;
                let length = digits.iter().fold(0_usize, |n, b| n << 8 | usize::from(*b));
                if length < 0x80 || digits[0] == 0 {
                    return Err(bad("a length that is not written the shortest way"));
                }
                (length, 2 + count)
            }
            0x80 => return Err(bad("a length that is left open (BER)")),
            _ => return Err(bad("a length past four bytes")),
        };
        if length > limits::DER_BYTES {
            return Err(Error::TooLarge { what: "an ASN.1 value", limit: limits::DER_BYTES });
        }
        let raw = data.get(..header + length).ok_or_else(|| bad("ends too early"))?;
        self.rest = &data[header + length..];
        Ok(Value { tag, content: &raw[header..], raw })
    }

    /// The next value, which must have this tag.
    ///
    /// # Errors
    /// `Malformed` where it has not.
    pub fn expect(&mut self, tag: u8) -> Result<Value<'a>> {
        let value = self.any()?;
        if value.tag == tag {
            Ok(value)
        } else {
            Err(malformed("ASN.1", format!("tag {:#04x} where {tag:#04x} is expected", value.tag)))
        }
    }

    /// The values of the next sequence.
    ///
    /// # Errors
    /// `Malformed` where there is none.
    pub fn sequence(&mut self) -> Result<Reader<'a>> {
        Ok(self.expect(tag::SEQUENCE)?.reader())
    }

    /// The next value if it has this tag.
    ///
    /// # Errors
    /// `Malformed` where it has, and is none.
    pub fn optional(&mut self, tag: u8) -> Result<Option<Value<'a>>> {
        if self.peek() == Some(tag) { self.any().map(Some) } else { Ok(None) }
    }

    /// That nothing is left.
    ///
    /// # Errors
    /// `Malformed` where something is.
    pub fn end(&self) -> Result<()> {
        if self.rest.is_empty() { Ok(()) } else { Err(bad("something stands after the end")) }
    }
}

/// The one value that `bytes` are.
///
/// # Errors
/// `Malformed` where they are not one value.
pub fn single(bytes: &[u8]) -> Result<Value<'_>> {
    let mut reader = Reader::new(bytes);
    let value = reader.any()?;
    reader.end()?;
    Ok(value)
}

/// A value of tag and content.
pub fn value(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(content.len() + 6);
    out.push(tag);
    let length = content.len();
    if length < 0x80 {
        out.push(length as u8);
    } else {
        let bytes = length.to_be_bytes();
        let skip = bytes.iter().take_while(|b| **b == 0).count();
        out.push(0x80 | (bytes.len() - skip) as u8);
        out.extend(&bytes[skip..]);
    }
    out.extend(content);
    out
}

/// A sequence of values.
pub fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    value(tag::SEQUENCE, &parts.concat())
}

/// A set of values, in DER's order.
pub fn set(mut parts: Vec<Vec<u8>>) -> Vec<u8> {
    parts.sort();
    value(tag::SET, &parts.concat())
}

/// `[n]` around content.
pub fn context(n: u8, content: &[u8]) -> Vec<u8> {
    value(tag::context(n), content)
}

/// An object identifier from its content bytes.
pub fn oid(content: &[u8]) -> Vec<u8> {
    value(tag::OID, content)
}

/// A number that is not negative.
pub fn number(n: u64) -> Vec<u8> {
    unsigned(&n.to_be_bytes())
}

/// A number that is not negative, from its bytes.
pub fn unsigned(bytes: &[u8]) -> Vec<u8> {
    let skip = bytes.iter().take_while(|b| **b == 0).count().min(bytes.len().saturating_sub(1));
    let mut content = Vec::with_capacity(bytes.len() + 1);
    if bytes.get(skip).is_none_or(|b| b & 0x80 != 0) {
        content.push(0);
    }
    content.extend(&bytes[skip..]);
    value(tag::INTEGER, &content)
}

/// Bytes.
pub fn octets(bytes: &[u8]) -> Vec<u8> {
    value(tag::OCTET_STRING, bytes)
}

/// A bit string that ends at a byte.
pub fn bits(bytes: &[u8]) -> Vec<u8> {
    value(tag::BIT_STRING, &[&[0], bytes].concat())
}

/// A text.
pub fn utf8(text: &str) -> Vec<u8> {
    value(tag::UTF8_STRING, text.as_bytes())
}

/// True.
pub fn yes() -> Vec<u8> {
    value(tag::BOOLEAN, &[0xff])
}

/// Nothing.
pub fn null() -> Vec<u8> {
    value(tag::NULL, &[])
}

/// An algorithm without parameters.
pub fn algorithm(id: &[u8]) -> Vec<u8> {
    sequence(&[&oid(id)])
}
