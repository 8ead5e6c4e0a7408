//! The bytes that a stream holds packed.

use super::bad;
use super::object::{Dictionary, Object};
use crate::{Error, Result, limits};
use std::io::Read;

/// The bytes of a stream of cross references or objects.
pub(crate) fn unpack(dictionary: &Dictionary, packed: &[u8]) -> Result<Vec<u8>> {
    let filter = match dictionary.get("Filter") {
        None => return Ok(packed.to_vec()),
        Some(Object::Array(list)) if list.len() == 1 => &list[0],
        Some(other) => other,
    };
    if *filter != super::name("FlateDecode") {
        return Err(Error::Unsupported("a table or object stream under another filter than FlateDecode".to_owned()));
    }
    let mut out = Vec::new();
    let most = limits::PDF_STREAM_BYTES as u64 + 1;
    flate2::read::ZlibDecoder::new(packed)
        .take(most)
        .read_to_end(&mut out)
        .map_err(|e| bad(format!("a stream: {e}")))?;
    if out.len() > limits::PDF_STREAM_BYTES {
        return Err(Error::TooLarge { what: "a stream of a PDF file", limit: limits::PDF_STREAM_BYTES });
    }
    let parameters = match dictionary.get("DecodeParms") {
        Some(Object::Dictionary(d)) => d,
        Some(Object::Array(list)) if list.len() == 1 => match &list[0] {
            Object::Dictionary(d) => d,
            _ => return Ok(out),
        },
        _ => return Ok(out),
    };
    let n = |key: &str, default| parameters.get(key).and_then(Object::int).unwrap_or(default);
    match n("Predictor", 1) {
        1 => Ok(out),
        10..=15 => {
            let width = usize::try_from(n("Columns", 1) * n("Colors", 1) * n("BitsPerComponent", 8) / 8);
            png(&out, width.ok().filter(|w| (1..=1 << 16).contains(w)).ok_or_else(|| bad("a false predictor"))?)
        }
        _ => Err(Error::Unsupported("a stream with this predictor".to_owned())),
    }
}

/// Undoes PNG's prediction, for one byte per sample.
fn png(data: &[u8], width: usize) -> Result<Vec<u8>> {
    let mut out: Vec<u8> = Vec::with_capacity(data.len());
    let mut above = vec![0; width];
    for row in data.chunks(width + 1) {
        let (kind, row) = row.split_first().ok_or_else(|| bad("a false predictor"))?;
        let mut line = vec![0; width];
        for i in 0..row.len() {
            let (left, corner) = if i == 0 { (0, 0) } else { (line[i - 1], above[i - 1]) };
            let up: u8 = above[i];
            let guess = match kind {
                0 => 0,
                1 => left,
                2 => up,
                3 => ((u16::from(left) + u16::from(up)) / 2) as u8,
                4 => {
                    let p = i16::from(left) + i16::from(up) - i16::from(corner);
                    let far = |x: u8| (p - i16::from(x)).abs();
                    if far(left) <= far(up) && far(left) <= far(corner) {
                        left
                    } else if far(up) <= far(corner) {
                        up
                    } else {
                        corner
                    }
                }
                _ => return Err(bad("a false predictor")),
            };
            line[i] = row[i].wrapping_add(guess);
        }
        out.extend(&line[..row.len()]);
        above = line;
    }
    Ok(out)
}
