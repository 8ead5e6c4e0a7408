//! PDF objects and how they are written.

use std::io::Write;

/// An object. Streams keep their bytes as they stand in the file, filters and all. Numbers are equal however written.
#[derive(Clone, Debug)]
pub enum Object {
    /// Nothing.
    Null,
    /// Yes or no.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number with a fraction, its digits kept.
    Real(String),
    /// Bytes or text.
    String(Vec<u8>),
    /// A name, without its stroke.
    Name(Vec<u8>),
    /// A list.
    Array(Vec<Object>),
    /// Names with values.
    Dictionary(Dictionary),
    /// A dictionary and its bytes.
    Stream(Dictionary, Vec<u8>),
    /// Another object, by number and generation.
    Reference(u32, u16),
}

impl PartialEq for Object {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Null, Self::Null) => true,
            (Self::Bool(a), Self::Bool(b)) => a == b,
            (Self::Int(a), Self::Int(b)) => a == b,
            (Self::Int(_) | Self::Real(_), Self::Int(_) | Self::Real(_)) => self.number() == other.number(),
            (Self::String(a), Self::String(b)) | (Self::Name(a), Self::Name(b)) => a == b,
            (Self::Array(a), Self::Array(b)) => a == b,
            (Self::Dictionary(a), Self::Dictionary(b)) => a == b,
            (Self::Stream(a, b), Self::Stream(c, d)) => a == c && b == d,
            (Self::Reference(a, b), Self::Reference(c, d)) => (a, b) == (c, d),
            _ => false,
        }
    }
}

/// Names with values, in their order.
#[derive(Clone, Debug, Default)]
pub struct Dictionary {
    pairs: Vec<(Vec<u8>, Object)>,
}

impl PartialEq for Dictionary {
    fn eq(&self, other: &Self) -> bool {
        self.pairs.len() == other.pairs.len() && self.pairs.iter().all(|(k, v)| other.get(k) == Some(v))
    }
}

impl Dictionary {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// With one more value, or another one in its place.
    #[must_use]
    pub fn with(mut self, key: &str, value: Object) -> Self {
        self.set(key, value);
        self
    }

    /// Sets a value.
    pub fn set(&mut self, key: &str, value: Object) {
        match self.pairs.iter_mut().find(|(k, _)| k == key.as_bytes()) {
            Some((_, old)) => *old = value,
            None => self.pairs.push((key.as_bytes().to_vec(), value)),
        }
    }

    /// Takes a value out.
    pub fn remove(&mut self, key: &str) {
        self.pairs.retain(|(k, _)| k != key.as_bytes());
    }

    /// A value.
    pub fn get(&self, key: impl AsRef<[u8]>) -> Option<&Object> {
        self.pairs.iter().find(|(k, _)| k == key.as_ref()).map(|(_, v)| v)
    }

    /// Names and values.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &Object)> {
        self.pairs.iter().map(|(k, v)| (k.as_slice(), v))
    }

    /// Adds a value at the end; `false` where there is one already.
    pub(crate) fn push_new(&mut self, key: Vec<u8>, value: Object) -> bool {
        let new = self.get(&key).is_none();
        self.pairs.push((key, value));
        new
    }

    /// Whether `Type` or another key has this name.
    pub fn is(&self, key: &str, wanted: &str) -> bool {
        matches!(self.get(key), Some(Object::Name(n)) if n == wanted.as_bytes())
    }
}

/// A name.
pub fn name(text: &str) -> Object {
    Object::Name(text.as_bytes().to_vec())
}

/// A text that people read: ASCII as it is, else UTF-16 with its mark, which every viewer knows.
pub fn text(text: &str) -> Object {
    if text.bytes().all(|b| (0x20..0x7f).contains(&b)) {
        return Object::String(text.as_bytes().to_vec());
    }
    let mut bytes = vec![0xfe, 0xff];
    text.encode_utf16().for_each(|unit| bytes.extend(unit.to_be_bytes()));
    Object::String(bytes)
}

impl Object {
    /// The dictionary that it is, or whose stream it is.
    pub fn dictionary(&self) -> Option<&Dictionary> {
        match self {
            Self::Dictionary(d) | Self::Stream(d, _) => Some(d),
            _ => None,
        }
    }

    /// The list that it is.
    pub fn array(&self) -> Option<&[Object]> {
        if let Self::Array(list) = self { Some(list) } else { None }
    }

    /// The whole number that it is.
    pub fn int(&self) -> Option<i64> {
        if let Self::Int(n) = self { Some(*n) } else { None }
    }

    /// The number that it is.
    pub fn number(&self) -> Option<f64> {
        match self {
            Self::Int(n) => Some(*n as f64),
            Self::Real(digits) => digits.parse().ok(),
            _ => None,
        }
    }

    /// The number of the object it points to.
    pub fn reference(&self) -> Option<u32> {
        if let Self::Reference(n, _) = self { Some(*n) } else { None }
    }

    /// The text that it is, however it is written.
    pub fn to_text(&self) -> Option<String> {
        let Self::String(bytes) = self else { return None };
        Some(match bytes.as_slice() {
            [0xfe, 0xff, rest @ ..] => {
                let units: Vec<u16> = rest.chunks_exact(2).map(|c| u16::from_be_bytes([c[0], c[1]])).collect();
                String::from_utf16_lossy(&units)
            }
            [0xef, 0xbb, 0xbf, rest @ ..] => String::from_utf8_lossy(rest).into_owned(),
            other => other.iter().map(|b| *b as char).collect(),
        })
    }

    /// Writes it.
    pub fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Null => out.extend(b"null"),
            Self::Bool(yes) => out.extend(if *yes { &b"true"[..] } else { b"false" }),
            Self::Int(n) => put(out, format_args!("{n}")),
            Self::Real(digits) => out.extend(digits.as_bytes()),
            Self::String(bytes) => write_string(bytes, out),
            Self::Name(n) => write_name(n, out),
            Self::Array(list) => {
                out.push(b'[');
                for (i, one) in list.iter().enumerate() {
                    if i > 0 {
                        out.push(b' ');
                    }
                    one.write(out);
                }
                out.push(b']');
            }
            Self::Dictionary(d) => write_dictionary(d, out),
            Self::Stream(d, bytes) => {
                write_dictionary(d, out);
                out.extend(b"\nstream\n");
                out.extend(bytes);
                out.extend(b"\nendstream");
            }
            Self::Reference(n, generation) => put(out, format_args!("{n} {generation} R")),
        }
    }
}

/// Writing to a vector does not fail.
pub(crate) fn put(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    let _ = out.write_fmt(text);
}

fn write_dictionary(d: &Dictionary, out: &mut Vec<u8>) {
    out.extend(b"<<");
    for (key, value) in d.iter() {
        write_name(key, out);
        out.push(b' ');
        value.write(out);
        out.push(b'\n');
    }
    out.extend(b">>");
}

fn write_name(name: &[u8], out: &mut Vec<u8>) {
    out.push(b'/');
    for b in name {
        if b.is_ascii_graphic() && !b"()<>[]{}/%#".contains(b) {
            out.push(*b);
        } else {
            put(out, format_args!("#{b:02X}"));
        }
    }
}

fn write_string(bytes: &[u8], out: &mut Vec<u8>) {
    if bytes.iter().all(|b| (0x20..0x7f).contains(b)) {
        out.push(b'(');
        for b in bytes {
            if b"()\\".contains(b) {
                out.push(b'\\');
            }
            out.push(*b);
        }
        out.push(b')');
    } else {
        out.push(b'<');
        bytes.iter().for_each(|b| put(out, format_args!("{b:02X}")));
        out.push(b'>');
    }
}
