//! CBOR (RFC 8949), as much as signed claims need.

use crate::{Error, Result, limits, malformed};

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A whole number.
    Int(i64),
    /// Bytes.
    Bytes(Vec<u8>),
    /// Text.
    Text(String),
    /// A list.
    Array(Vec<Value>),
    /// Keys with values, in their order.
    Map(Vec<(Value, Value)>),
    /// A value of a kind that a number names.
    Tag(u64, Box<Value>),
    /// Yes or no.
    Bool(bool),
    /// Nothing.
    Null,
    /// A number with a fraction: only read.
    Float(f64),
}

fn bad(why: &str) -> Error {
    malformed("CBOR", why)
}

fn head(major: u8, n: u64, out: &mut Vec<u8>) {
    let major = major << 5;
    match n {
        0..=23 => out.push(major | n as u8),
        24..=0xff => out.extend([major | 24, n as u8]),
        0x100..=0xffff => {
            out.push(major | 25);
            out.extend((n as u16).to_be_bytes());
        }
        0x1_0000..=0xffff_ffff => {
            out.push(major | 26);
            out.extend((n as u32).to_be_bytes());
        }
        _ => {
            out.push(major | 27);
            out.extend(n.to_be_bytes());
        }
    }
}

impl Value {
    /// A map with names as keys.
    pub fn record(pairs: Vec<(&str, Value)>) -> Self {
        Self::Map(pairs.into_iter().map(|(key, value)| (Self::Text(key.to_owned()), value)).collect())
    }

    /// A text.
    pub fn text(text: &str) -> Self {
        Self::Text(text.to_owned())
    }

    /// The value of a number in a map.
    pub fn get(&self, key: i64) -> Option<&Self> {
        let Self::Map(pairs) = self else { return None };
        pairs.iter().find(|(k, _)| *k == Self::Int(key)).map(|(_, v)| v)
    }

    /// The value of a name in a map.
    pub fn named(&self, key: &str) -> Option<&Self> {
        let Self::Map(pairs) = self else { return None };
        pairs.iter().find(|(k, _)| matches!(k, Self::Text(k) if k == key)).map(|(_, v)| v)
    }

    /// The text that it is.
    pub fn as_text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    /// As bytes, numbers and lengths the shortest way.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.write(&mut out);
        out
    }

    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Int(n) if *n >= 0 => head(0, n.unsigned_abs(), out),
            Self::Int(n) => head(1, n.unsigned_abs() - 1, out),
            Self::Bytes(bytes) => {
                head(2, bytes.len() as u64, out);
                out.extend(bytes);
            }
            Self::Text(text) => {
                head(3, text.len() as u64, out);
                out.extend(text.as_bytes());
            }
            Self::Array(list) => {
                head(4, list.len() as u64, out);
                list.iter().for_each(|v| v.write(out));
            }
            Self::Map(pairs) => {
                head(5, pairs.len() as u64, out);
                for (key, value) in pairs {
                    key.write(out);
                    value.write(out);
                }
            }
            Self::Tag(n, value) => {
                head(6, *n, out);
                value.write(out);
            }
            Self::Bool(yes) => out.push(if *yes { 0xf5 } else { 0xf4 }),
            Self::Null => out.push(0xf6),
            Self::Float(n) => {
                out.push(0xfb);
                out.extend(n.to_be_bytes());
            }
        }
    }

    /// Reads one value.
    ///
    /// # Errors
    /// `Malformed`, `TooLarge`.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        let (value, rest) = Self::decode_first(bytes)?;
        if rest.is_empty() { Ok(value) } else { Err(bad("something stands after the end")) }
    }

    /// Reads the first value; gives what stands behind it, too.
    ///
    /// # Errors
    /// `Malformed`, `TooLarge`.
    pub fn decode_first(bytes: &[u8]) -> Result<(Self, &[u8])> {
        let mut rest = bytes;
        let value = read(&mut rest, 0)?;
        Ok((value, rest))
    }
}

fn take<'a>(rest: &mut &'a [u8], n: u64) -> Result<&'a [u8]> {
    let n = usize::try_from(n).ok().filter(|n| *n <= rest.len()).ok_or_else(|| bad("ends too early"))?;
    let (taken, after) = rest.split_at(n);
    *rest = after;
    Ok(taken)
}

fn read(rest: &mut &[u8], depth: usize) -> Result<Value> {
    if depth > limits::CBOR_DEPTH {
        return Err(Error::TooLarge { what: "the depth of a CBOR value", limit: limits::CBOR_DEPTH });
    }
    let first = take(rest, 1)?[0];
    let (major, low) = (first >> 5, first & 31);
    let n = match low {
        0..=23 => u64::from(low),
        24..=27 => take(rest, 1 << (low - 24))?.iter().fold(0, |n, b| n << 8 | u64::from(*b)),
        _ => return Err(bad("a length that is left open")),
    };
    let integer = || i64::try_from(n).map_err(|_| bad("a number that is too large"));
    Ok(match major {
        0 => Value::Int(integer()?),
        1 => Value::Int(-1 - integer()?),
        2 => Value::Bytes(take(rest, n)?.to_vec()),
        3 => Value::Text(std::str::from_utf8(take(rest, n)?).map_err(|_| bad("a text that is not UTF-8"))?.to_owned()),
        4 => {
            let mut list = Vec::new();
            for _ in 0..n {
                list.push(read(rest, depth + 1)?);
            }
            Value::Array(list)
        }
        5 => {
            let mut pairs: Vec<(Value, Value)> = Vec::new();
            for _ in 0..n {
                let key = read(rest, depth + 1)?;
                if pairs.iter().any(|(k, _)| *k == key) {
                    return Err(bad("a key twice"));
                }
                pairs.push((key, read(rest, depth + 1)?));
            }
            Value::Map(pairs)
        }
        6 => Value::Tag(n, Box::new(read(rest, depth + 1)?)),
        _ => match low {
            20 => Value::Bool(false),
            21 => Value::Bool(true),
            22 => Value::Null,
            25 => Value::Float(half(n as u16)),
            26 => Value::Float(f64::from(f32::from_bits(n as u32))),
            27 => Value::Float(f64::from_bits(n)),
            _ => return Err(bad("a simple value that is not known here")),
        },
    })
}

fn half(bits: u16) -> f64 {
    let (sign, exponent, fraction) = (bits >> 15, i32::from(bits >> 10 & 31), f64::from(bits & 1023));
    let size = match exponent {
        0 => fraction * 2_f64.powi(-24),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        _ => (1024.0 + fraction) * 2_f64.powi(exponent - 25),
    };
    if sign == 1 { -size } else { size }
}
