//! Exact decimals with the digits they were written with: FHIR's `decimal` keeps `1.00` apart from `1.0` as text, and
//! FHIRPath computes with both as the same number. 38 significant digits; no float.

use std::cmp::Ordering;
use std::fmt;

/// `units × 10^-scale`.
#[derive(Clone, Copy, Debug)]
pub struct Decimal {
    units: i128,
    scale: u32,
}

/// Digits after the point of a quotient, a root or a logarithm.
const QUOTIENT_SCALE: u32 = 20;
/// Most digits after the point.
pub const MAX_SCALE: u32 = 38;

const fn ten_to(power: u32) -> Option<i128> {
    10_i128.checked_pow(power)
}

impl Decimal {
    /// Zero.
    pub const ZERO: Self = Self { units: 0, scale: 0 };
    /// One.
    pub const ONE: Self = Self { units: 1, scale: 0 };

    /// `units × 10^-scale`; `None` past 38 digits.
    pub fn new(units: i128, scale: u32) -> Option<Self> {
        (scale <= MAX_SCALE).then_some(Self { units, scale })
    }

    /// A whole number.
    pub fn whole(value: i64) -> Self {
        Self { units: i128::from(value), scale: 0 }
    }

    /// Reads `-?digits(.digits)?([eE][+-]?digits)?`, also with a leading `+`; `None` for anything else or past 38 digits.
    pub fn parse(text: &str) -> Option<Self> {
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
            None => (text, 0),
        };
        let (negative, digits) = match mantissa.as_bytes().first()? {
            b'-' => (true, &mantissa[1..]),
            b'+' => (false, &mantissa[1..]),
            _ => (false, mantissa),
        };
        let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
        let all_digits = |t: &str| t.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty() || !all_digits(whole) || !all_digits(part) || (digits.contains('.') && part.is_empty()) {
            return None;
        }
        let mut units: i128 = 0;
        for b in whole.bytes().chain(part.bytes()) {
            units = units.checked_mul(10)?.checked_add(i128::from(b - b'0'))?;
        }
        let units = if negative { -units } else { units };
        let scale = i32::try_from(part.len()).ok()?.checked_sub(exponent)?;
        if scale < 0 {
            return Some(Self { units: units.checked_mul(ten_to(scale.unsigned_abs())?)?, scale: 0 });
        }
        Self::new(units, scale.unsigned_abs())
    }

    /// The digits as one integer.
    pub fn units(self) -> i128 {
        self.units
    }

    /// Digits after the point, as written.
    pub fn scale(self) -> u32 {
        self.scale
    }

    /// Whether it is zero, however written.
    pub fn is_zero(self) -> bool {
        self.units == 0
    }

    /// Whether it is below zero.
    pub fn is_negative(self) -> bool {
        self.units < 0
    }

    /// Without zeros at the end.
    pub fn trimmed(mut self) -> Self {
        while self.scale > 0 && self.units % 10 == 0 {
            self.units /= 10;
            self.scale -= 1;
        }
        self
    }

    /// The same number with `scale` digits after the point, where it has no more.
    fn widened(self, scale: u32) -> Option<i128> {
        self.units.checked_mul(ten_to(scale.checked_sub(self.scale)?)?)
    }

    /// The whole part as an integer, toward zero.
    pub fn truncated(self) -> i128 {
        ten_to(self.scale).map_or(0, |t| self.units / t)
    }

    /// As a 64-bit integer, where it is one.
    pub fn as_integer(self) -> Option<i64> {
        let t = self.trimmed();
        if t.scale == 0 { i64::try_from(t.units).ok() } else { None }
    }

    /// With at most `scale` digits: rounded half away from zero, or cut toward `toward`.
    pub fn with_scale(self, scale: u32, rounding: Rounding) -> Option<Self> {
        if scale >= self.scale {
            return Self::new(self.widened(scale)?, scale);
        }
        let Some(unit) = ten_to(self.scale - scale) else { return Self::new(0, scale) };
        let (whole, rest) = (self.units / unit, self.units % unit);
        let up = match rounding {
            Rounding::Nearest => rest.unsigned_abs() >= unit.unsigned_abs().div_ceil(2),
            Rounding::Cut => false,
            Rounding::Floor => rest < 0,
            Rounding::Ceiling => rest > 0,
        };
        let step = if up { if self.units < 0 { -1 } else { 1 } } else { 0 };
        Self::new(whole + step, scale)
    }

    /// Sum; `None` past 38 digits.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        let scale = self.scale.max(other.scale);
        match (self.widened(scale), other.widened(scale)) {
            (Some(a), Some(b)) => Self::new(a.checked_add(b)?, scale),
            _ if self.trimmed().scale < self.scale || other.trimmed().scale < other.scale => {
                self.trimmed().checked_add(other.trimmed())
            }
            _ => None,
        }
    }

    /// The other sign.
    pub fn negated(self) -> Self {
        Self { units: -self.units, ..self }
    }

    /// Without its sign.
    pub fn abs(self) -> Self {
        Self { units: self.units.abs(), ..self }
    }

    /// Difference; `None` past 38 digits.
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        self.checked_add(other.negated())
    }

    /// Product; digits past the 38th are rounded away; `None` where the whole part passes them.
    pub fn checked_mul(self, other: Self) -> Option<Self> {
        let (mut a, mut b) = (self, other);
        loop {
            if let Some(units) = a.units.checked_mul(b.units)
                && a.scale + b.scale <= MAX_SCALE
            {
                return Self::new(units, a.scale + b.scale);
            }
            let longer = if a.scale >= b.scale { &mut a } else { &mut b };
            *longer = longer.with_scale(longer.scale.checked_sub(1)?, Rounding::Nearest)?;
        }
    }

    /// Quotient to 20 digits after the point, without zeros at the end; `None` by zero or past 38 digits.
    pub fn checked_div(self, other: Self) -> Option<Self> {
        if other.units == 0 {
            return None;
        }
        let (a, b) = (self.trimmed(), other.trimmed());
        let mut scale = QUOTIENT_SCALE;
        loop {
            // a/10^sa ÷ b/10^sb with `scale` digits: a × 10^(scale - sa + sb) ÷ b, and one digit more to round by.
            let power = i64::from(scale) + 1 - i64::from(a.scale) + i64::from(b.scale);
            let shifted = u32::try_from(power.max(0)).ok().and_then(ten_to).and_then(|t| a.units.checked_mul(t));
            let divisor = u32::try_from((-power).max(0)).ok().and_then(ten_to).and_then(|t| b.units.checked_mul(t));
            if let (Some(shifted), Some(divisor)) = (shifted, divisor) {
                let quotient = Self::new(shifted / divisor, scale + 1)?;
                return quotient.with_scale(scale, Rounding::Nearest).map(Self::trimmed);
            }
            scale = scale.checked_sub(1)?;
        }
    }

    /// How often `other` goes into it, toward zero.
    pub fn int_div(self, other: Self) -> Option<i128> {
        let scale = self.scale.max(other.scale);
        self.widened(scale)?.checked_div(other.widened(scale)?)
    }

    /// What is left of `int_div`, with the sign of `self`.
    pub fn checked_rem(self, other: Self) -> Option<Self> {
        let scale = self.scale.max(other.scale);
        Self::new(self.widened(scale)?.checked_rem(other.widened(scale)?)?, scale)
    }

    /// A whole power by multiplication.
    pub fn power(self, exponent: i64) -> Option<Self> {
        if exponent < 0 {
            return Self::ONE.checked_div(self.power(exponent.checked_neg()?)?);
        }
        let (mut result, mut base, mut left) = (Self::ONE, self, exponent);
        while left > 0 {
            if left & 1 == 1 {
                result = result.checked_mul(base)?;
            }
            left >>= 1;
            if left > 0 {
                base = base.checked_mul(base)?;
            }
        }
        Some(result)
    }

    /// Square root to 15 digits after the point; `None` below zero.
    pub fn sqrt(self) -> Option<Self> {
        if self.units < 0 {
            return None;
        }
        let mut scale = 15;
        loop {
            if let Some(wide) = self.with_scale(scale * 2, Rounding::Nearest) {
                return Self::new(wide.units.isqrt(), scale).map(Self::trimmed);
            }
            scale -= 1;
            if scale == 0 {
                return Self::new(self.truncated().isqrt(), 0);
            }
        }
    }

    /// `e` to this power, to about 15 significant digits; `None` past the range.
    pub fn exp(self) -> Option<Self> {
        use rust_decimal::MathematicalOps;
        let power = self.outside()?.checked_exp_with_tolerance(rust_decimal::Decimal::new(1, 24))?;
        Self::from_outside(power)
    }

    /// Natural logarithm to about 15 digits; `None` at zero and below.
    pub fn ln(self) -> Option<Self> {
        use rust_decimal::MathematicalOps;
        Self::from_outside(self.outside()?.checked_ln()?)
    }

    /// A power that is no whole number: `None` of a negative base.
    pub fn power_of(self, exponent: Self) -> Option<Self> {
        if let Some(whole) = exponent.as_integer() {
            return self.power(whole);
        }
        if self.units < 0 {
            return None;
        }
        if exponent.compare(Self { units: 5, scale: 1 }) == Ordering::Equal {
            return self.sqrt();
        }
        if self.is_zero() {
            return Some(Self::ZERO);
        }
        self.ln()?.checked_mul(exponent)?.exp()
    }

    /// Logarithm to a base.
    pub fn log(self, base: Self) -> Option<Self> {
        self.ln()?.checked_div(base.ln()?)?.with_scale(12, Rounding::Nearest).map(Self::trimmed)
    }

    fn outside(self) -> Option<rust_decimal::Decimal> {
        let fits = self.trimmed().with_scale(self.trimmed().scale.min(27), Rounding::Nearest)?;
        rust_decimal::Decimal::try_from_i128_with_scale(fits.units, fits.scale).ok()
    }

    fn from_outside(value: rust_decimal::Decimal) -> Option<Self> {
        let exact = Self::new(value.mantissa(), value.scale())?;
        exact.with_scale(exact.scale.min(15), Rounding::Nearest).map(Self::trimmed)
    }

    /// Order by value.
    pub fn compare(self, other: Self) -> Ordering {
        if self.scale == other.scale {
            return self.units.cmp(&other.units);
        }
        let scale = self.scale.max(other.scale);
        match (self.widened(scale), other.widened(scale)) {
            (Some(a), Some(b)) => a.cmp(&b),
            _ => {
                let parts = |d: Self| {
                    (d.truncated(), d.checked_rem(Self::ONE).map_or(0, |r| r.widened(MAX_SCALE).unwrap_or(0)))
                };
                parts(self).cmp(&parts(other))
            }
        }
    }

    /// Half of the last digit written: what an implicit precision leaves open (`1.0` is within 0.05).
    pub fn half_step(self) -> Option<Self> {
        Self::new(5, self.scale + 1)
    }
}

/// How digits are dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rounding {
    /// Half away from zero.
    Nearest,
    /// Toward zero.
    Cut,
    /// Down.
    Floor,
    /// Up.
    Ceiling,
}

impl PartialEq for Decimal {
    fn eq(&self, other: &Self) -> bool {
        self.compare(*other) == Ordering::Equal
    }
}
impl Eq for Decimal {}
impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        self.compare(*other)
    }
}
impl std::hash::Hash for Decimal {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        let t = self.trimmed();
        (t.units, t.scale).hash(state);
    }
}

impl fmt::Display for Decimal {
    /// The digits as written: `1.00`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.units.unsigned_abs().to_string();
        let scale = self.scale as usize;
        if self.units < 0 {
            f.write_str("-")?;
        }
        if scale == 0 {
            return f.write_str(&digits);
        }
        let padded = format!("{digits:0>width$}", width = scale + 1);
        let (whole, part) = padded.split_at(padded.len() - scale);
        write!(f, "{whole}.{part}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn d(text: &str) -> Decimal {
        Decimal::parse(text).unwrap_or_else(|| panic!("{text}"))
    }

    #[test]
    fn reads_and_writes_digits_as_written() {
        for (text, shown) in [
            ("1.00", "1.00"),
            ("-0.5", "-0.5"),
            ("0", "0"),
            ("1e3", "1000"),
            ("1.5e-3", "0.0015"),
            ("+7", "7"),
            ("-0.00", "0.00"),
            ("12345678901234567890.123456789012345678", "12345678901234567890.123456789012345678"),
        ] {
            assert_eq!(d(text).to_string(), shown);
        }
        for text in
            ["", "-", ".5", "5.", "1.2.3", "1,5", "abc", "1e", "1e99", "999999999999999999999999999999999999999"]
        {
            assert_eq!(Decimal::parse(text), None, "{text}");
        }
    }

    #[test]
    fn computes_exactly() {
        for (got, expect) in [
            (d("1.2").checked_add(d("1.80")), "3.00"),
            (d("1.8").checked_sub(d("1.2")), "0.6"),
            (d("2.5").checked_mul(d("0.4")), "1.00"),
            (d("1").checked_div(d("8")), "0.125"),
            (d("-2").checked_div(d("3")), "-0.66666666666666666667"),
            (d("2.2").checked_rem(d("1.8")), "0.4"),
            (d("2.5").power(2), "6.25"),
            (d("2").power(-2), "0.25"),
            (d("81").sqrt(), "9"),
            (d("2").sqrt(), "1.414213562373095"),
            (d("100.0").log(d("10.0")), "2"),
            (d("16").log(d("2")), "4"),
            (d("1").ln(), "0"),
            (d("0").exp(), "1"),
            (d("1").exp(), "2.718281828459045"),
            (d("1.2345").with_scale(2, Rounding::Nearest), "1.23"),
            (d("-1.235").with_scale(2, Rounding::Nearest), "-1.24"),
            (d("-1.231").with_scale(2, Rounding::Floor), "-1.24"),
            (d("1.231").with_scale(2, Rounding::Ceiling), "1.24"),
        ] {
            assert_eq!(got.map(|d| d.to_string()).as_deref(), Some(expect));
        }
        assert_eq!(d("1").checked_div(d("0.0")), None);
        assert_eq!(d("-1").sqrt(), None);
        assert_eq!(d("-1").power_of(d("0.5")), None);
        assert!(d("1.10") == d("1.1") && d("2") > d("1.9999999999999999999999999999999999999"));
    }

    proptest::proptest! {
        #[test]
        fn sums_undo_and_order_agrees_with_integers(a in -1_000_000_i64..1_000_000, b in -1_000_000_i64..1_000_000, s in 0_u32..6, t in 0_u32..6) {
            let (x, y) = (Decimal::new(a.into(), s).unwrap(), Decimal::new(b.into(), t).unwrap());
            assert_eq!(x.checked_add(y).unwrap().checked_sub(y).unwrap(), x);
            let wide = |v: i64, scale: u32| i128::from(v) * 10_i128.pow(6 - scale);
            assert_eq!(x.compare(y), wide(a, s).cmp(&wide(b, t)));
            assert_eq!(Decimal::parse(&x.to_string()), Some(x));
        }
    }
}
