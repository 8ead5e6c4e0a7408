//! Rows as they lie in the read buffer, in the protocol's binary format.

use crate::sql::{Row, hexadecimal};
use crate::{Error, Result};

/// Object identifiers of types (`pg_type.oid`), the same on every server.
pub(super) mod oid {
    pub const BOOL: u32 = 16;
    pub const BYTEA: u32 = 17;
    pub const NAME: u32 = 19;
    pub const INT8: u32 = 20;
    pub const INT2: u32 = 21;
    pub const INT4: u32 = 23;
    pub const TEXT: u32 = 25;
    pub const UNKNOWN: u32 = 705;
    pub const VARCHAR: u32 = 1043;
    pub const NUMERIC: u32 = 1700;
}

/// One row: its bytes, where its columns lie, their types.
pub(super) struct PgRow<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) cells: &'a [Option<(usize, usize)>],
    pub(super) types: &'a [u32],
}

/// Finds the columns of a DataRow.
pub(super) fn cells(bytes: &[u8], into: &mut Vec<Option<(usize, usize)>>) -> Option<()> {
    into.clear();
    let count = i16::from_be_bytes(*bytes.first_chunk()?);
    let mut at = 2;
    for _ in 0..count {
        let length = i32::from_be_bytes(*bytes.get(at..)?.first_chunk()?);
        at += 4;
        into.push(match usize::try_from(length) {
            Ok(length) => {
                bytes.get(at..at + length)?;
                at += length;
                Some((at - length, at))
            }
            Err(_) => None,
        });
    }
    Some(())
}

impl PgRow<'_> {
    fn cell(&self, column: usize) -> Result<Option<(u32, &[u8])>> {
        let (cell, kind) = self.cells.get(column).zip(self.types.get(column)).ok_or(Error::Column(column))?;
        Ok(cell.and_then(|(from, to)| Some((*kind, self.bytes.get(from..to)?))))
    }
}

impl Row for PgRow<'_> {
    fn int(&self, column: usize) -> Result<i64> {
        self.opt_int(column)?.ok_or(Error::Column(column))
    }

    fn opt_int(&self, column: usize) -> Result<Option<i64>> {
        let Some((kind, bytes)) = self.cell(column)? else { return Ok(None) };
        integer(kind, bytes).map(Some).ok_or(Error::Column(column))
    }

    fn text(&self, column: usize) -> Result<&str> {
        self.opt_text(column)?.ok_or(Error::Column(column))
    }

    fn opt_text(&self, column: usize) -> Result<Option<&str>> {
        match self.cell(column)? {
            None => Ok(None),
            Some((oid::TEXT | oid::VARCHAR | oid::NAME | oid::UNKNOWN, bytes)) => {
                std::str::from_utf8(bytes).map(Some).map_err(|_| Error::Column(column))
            }
            Some(_) => Err(Error::Column(column)),
        }
    }

    fn opt_blob(&self, column: usize) -> Result<Option<&[u8]>> {
        match self.cell(column)? {
            None => Ok(None),
            Some((oid::BYTEA, bytes)) => Ok(Some(bytes)),
            Some(_) => Err(Error::Column(column)),
        }
    }

    fn shown(&self, column: usize) -> Result<Option<String>> {
        if column >= self.cells.len() {
            return Ok(None);
        }
        Ok(Some(match self.cell(column)? {
            None => String::new(),
            Some((oid::BYTEA, bytes)) => hexadecimal(bytes),
            Some((kind, bytes)) => match integer(kind, bytes) {
                Some(n) => n.to_string(),
                None => self.text(column)?.to_owned(),
            },
        }))
    }
}

fn integer(kind: u32, bytes: &[u8]) -> Option<i64> {
    match kind {
        oid::INT8 => Some(i64::from_be_bytes(bytes.try_into().ok()?)),
        oid::INT4 => Some(i32::from_be_bytes(bytes.try_into().ok()?).into()),
        oid::INT2 => Some(i16::from_be_bytes(bytes.try_into().ok()?).into()),
        oid::BOOL => Some(i64::from(*bytes.first()? != 0)),
        oid::NUMERIC => whole(bytes),
        _ => None,
    }
}

/// A whole number among NUMERIC, as `sum(bigint)` gives it: digits to the base of 10,000, the first with its weight.
fn whole(bytes: &[u8]) -> Option<i64> {
    let word = |i: usize| Some(i16::from_be_bytes(*bytes.get(2 * i..)?.first_chunk()?));
    let (digits, weight, sign) = (word(0)?, word(1)?, word(2)?);
    // A digit past the weight would be a fraction.
    if digits > weight.checked_add(1)? || !matches!(sign, 0 | 0x4000) {
        return None;
    }
    let mut value = 0_i128;
    for i in 0..=usize::try_from(weight).unwrap_or(0) {
        let digit = if i < usize::try_from(digits).ok()? { word(4 + i)? } else { 0 };
        value = value.checked_mul(10_000)?.checked_add(digit.into())?;
    }
    i64::try_from(if sign == 0 { value } else { -value }).ok()
}

#[cfg(test)]
mod tests {
    use super::whole;

    #[test]
    fn whole_numerics_are_read_and_others_are_not() {
        // (digits, weight, sign, digits of base 10,000) as NUMERIC is sent; scale is 0.
        let cases: [(&[i16], Option<i64>); 7] = [
            (&[0, 0, 0, 0], Some(0)),
            (&[1, 0, 0, 0, 7], Some(7)),
            (&[1, 1, 0, 0, 5], Some(50_000)),
            (&[2, 1, 0x4000, 0, 12, 34], Some(-120_034)),
            (&[5, 4, 0, 0, 922, 3372, 368, 5477, 5807], Some(9_223_372_036_854_775_807)),
            (&[5, 4, 0, 0, 922, 3372, 368, 5477, 5808], None),
            (&[1, -1, 0, 1, 5000], None),
        ];
        for (words, value) in cases {
            let bytes: Vec<u8> = words.iter().flat_map(|w| w.to_be_bytes()).collect();
            assert_eq!(whole(&bytes), value, "{words:?}");
        }
    }
}
