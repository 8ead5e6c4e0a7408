//! Exact decimals: money in hundredths of a đồng, quantities in thousandths. No float touches either.

use std::fmt;
use std::str::FromStr;

/// A decimal with `S` digits after the point, kept as an integer. Sums are exact; products round half away from zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fixed<const S: u32>(pub i64);

/// Money: claim files carry at most two decimals (QĐ 3176: `T_*`, `THANH_TIEN*`), so the unit is 1/100 đồng.
pub type Money = Fixed<2>;
/// Quantities and unit prices: at most three decimals (`SO_LUONG`, `DON_GIA*`).
pub type Quantity = Fixed<3>;

/// A decimal as written: its digits and how many stand after the point. Used where the file's own scale matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decimal {
    /// All digits as one integer, with sign.
    pub units: i64,
    /// Digits after the point.
    pub scale: u32,
}

/// Why a text is not a decimal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecimalError {
    /// Empty, or a character that is no digit, or more than one point, or a point without digits around it.
    #[error("not a decimal number")]
    NotANumber,
    /// More digits after the point than the field allows.
    #[error("more than {0} digits after the point")]
    TooFine(u32),
    /// Past what 64 bits hold.
    #[error("number too large")]
    TooLarge,
}

impl FromStr for Decimal {
    type Err = DecimalError;

    /// Reads `-?[0-9]+(\.[0-9]+)?`; nothing else, no exponent, no comma.
    fn from_str(text: &str) -> Result<Self, DecimalError> {
        let (sign, digits) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
        let (whole, part) = digits.split_once('.').map_or((digits, None), |(w, p)| (w, Some(p)));
        let all_digits = |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit());
        if !all_digits(whole) || part.is_some_and(|p| !all_digits(p)) {
            return Err(DecimalError::NotANumber);
        }
        let mut units: i64 = 0;
        for b in whole.bytes().chain(part.unwrap_or_default().bytes()) {
            units =
                units.checked_mul(10).and_then(|u| u.checked_add(i64::from(b - b'0'))).ok_or(DecimalError::TooLarge)?;
        }
        Ok(Self { units: sign * units, scale: part.map_or(0, str::len) as u32 })
    }
}

impl Decimal {
    /// The same number without trailing zeros after the point.
    pub fn trimmed(mut self) -> Self {
        while self.scale > 0 && self.units % 10 == 0 {
            self.units /= 10;
            self.scale -= 1;
        }
        self
    }
}

impl<const S: u32> Fixed<S> {
    /// Zero.
    pub const ZERO: Self = Self(0);

    /// Takes a decimal whose significant digits fit in `S` places (`1.500` fits in one).
    pub fn from_decimal(decimal: Decimal) -> Result<Self, DecimalError> {
        let d = decimal.trimmed();
        if d.scale > S {
            return Err(DecimalError::TooFine(S));
        }
        let factor = 10_i64.pow(S - d.scale);
        d.units.checked_mul(factor).map(Self).ok_or(DecimalError::TooLarge)
    }

    /// Reads a text as `Decimal` does, and takes it if it fits.
    pub fn parse(text: &str) -> Result<Self, DecimalError> {
        Self::from_decimal(text.parse()?)
    }

    /// The whole part, rounded half away from zero.
    pub fn rounded(self) -> i64 {
        round_div(i128::from(self.0), 10_i128.pow(S)) as i64
    }
}

impl<const S: u32> fmt::Display for Fixed<S> {
    /// Plain digits with `.`; no trailing zeros: `1234.5`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Decimal { units, scale } = Decimal { units: self.0, scale: S }.trimmed();
        let unit = 10_u64.pow(scale);
        let abs = units.unsigned_abs();
        if units < 0 {
            f.write_str("-")?;
        }
        write!(f, "{}", abs / unit)?;
        if scale > 0 {
            write!(f, ".{:0width$}", abs % unit, width = scale as usize)?;
        }
        Ok(())
    }
}

impl<const S: u32> std::ops::Add for Fixed<S> {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}
impl<const S: u32> std::ops::Sub for Fixed<S> {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}
impl<const S: u32> std::ops::AddAssign for Fixed<S> {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}
impl<const S: u32> std::iter::Sum for Fixed<S> {
    fn sum<I: Iterator<Item = Self>>(items: I) -> Self {
        items.fold(Self::ZERO, |a, b| a + b)
    }
}

/// `quantity × price × percent/100 × percent/100 …`, rounded half away from zero to two decimals: r2 of the claim rules.
pub fn amount(quantity: Quantity, price: Quantity, percents: &[i64]) -> Money {
    let mut units = i128::from(quantity.0) * i128::from(price.0);
    let mut scale = 10_i128.pow(4);
    for p in percents {
        units *= i128::from(*p);
        scale *= 100;
    }
    Money::from_i128(round_div(units, scale))
}

impl Money {
    fn from_i128(units: i128) -> Self {
        Self(i64::try_from(units).unwrap_or(if units < 0 { i64::MIN } else { i64::MAX }))
    }

    /// This amount × `percent`/100, rounded half away from zero.
    pub fn percent(self, percent: i64) -> Self {
        Self::from_i128(round_div(i128::from(self.0) * i128::from(percent), 100))
    }
}

/// `units / by`, rounded half away from zero. `by` is positive.
pub fn round_div(units: i128, by: i128) -> i128 {
    let half = by / 2;
    if units >= 0 { (units + half) / by } else { (units - half) / by }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_writes() {
        for (text, shown) in
            [("0", "0"), ("12", "12"), ("12.50", "12.5"), ("-0.05", "-0.05"), ("1000000.10", "1000000.1")]
        {
            assert_eq!(Money::parse(text).unwrap().to_string(), shown);
        }
        for bad in ["", "-", ".5", "5.", "1,5", "1e3", "+1", " 1", "１"] {
            assert_eq!(Money::parse(bad), Err(DecimalError::NotANumber), "{bad:?}");
        }
        assert_eq!(Money::parse("1.234"), Err(DecimalError::TooFine(2)));
        assert_eq!(Money::parse("1.230").unwrap().to_string(), "1.23");
        assert_eq!(Money::parse("99999999999999999999"), Err(DecimalError::TooLarge));
    }

    #[test]
    fn rounds_half_away_from_zero() {
        let q = |t| Quantity::parse(t).unwrap();
        assert_eq!(amount(q("3"), q("1.335"), &[]).to_string(), "4.01");
        assert_eq!(amount(q("0.333"), q("1000.005"), &[]).to_string(), "333");
        assert_eq!(amount(q("2"), q("15000"), &[50]).to_string(), "15000");
        assert_eq!(Money::parse("0.05").unwrap().percent(50).to_string(), "0.03");
        assert_eq!(Fixed::<2>(250).rounded(), 3);
        assert_eq!(Fixed::<2>(-250).rounded(), -3);
    }
}
