//! Base45 (RFC 9285): bytes in the letters that a QR code packs densely.

use crate::{Result, malformed};

const LETTERS: &[u8; 45] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:";

/// Bytes as text.
pub fn encode(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() / 2 * 3 + 2);
    let mut put = |n: u16| out.push(LETTERS[usize::from(n % 45)] as char);
    for pair in bytes.chunks(2) {
        let n = pair.iter().fold(0_u16, |n, b| n << 8 | u16::from(*b));
        put(n);
        put(n / 45);
        if pair.len() == 2 {
            put(n / 2025);
        }
    }
    out
}

/// Text as bytes.
///
/// # Errors
/// `Malformed`.
pub fn decode(text: &str) -> Result<Vec<u8>> {
    let bad = || malformed("base45", "not its letters, or a number that is too large");
    let digit = |b: &u8| LETTERS.iter().position(|l| l == b).map(|n| n as u32).ok_or_else(bad);
    let mut out = Vec::with_capacity(text.len() / 3 * 2 + 1);
    for chunk in text.as_bytes().chunks(3) {
        let mut n = 0;
        for (i, b) in chunk.iter().enumerate() {
            n += digit(b)? * 45_u32.pow(i as u32);
        }
        match chunk.len() {
            3 => out.extend(u16::try_from(n).map_err(|_| bad())?.to_be_bytes()),
            2 => out.push(u8::try_from(n).map_err(|_| bad())?),
            _ => return Err(bad()),
        }
    }
    Ok(out)
}
