//! Decimals as integers that sort as the decimals do.

/// Digits kept: 17 significant ones, more than any measurement and any unit conversion has.
const DIGITS: u32 = 17;
/// Powers of ten from 10⁻³² to 10³¹ are told apart; beyond, values meet the ends.
const LOWEST: i32 = -32;
const HIGHEST: i32 = 31;

/// `units` × 10⁻`scale` as an integer: order is kept, equal values are equal, 17 significant digits.
pub fn sortable(units: i128, scale: u32) -> i64 {
    if units == 0 {
        return 0;
    }
    let mut mantissa = units.unsigned_abs();
    let digits = mantissa.ilog10() + 1;
    if digits > DIGITS {
        mantissa /= 10_u128.pow(digits - DIGITS);
    } else {
        mantissa *= 10_u128.pow(DIGITS - digits);
    }
    let exponent = digits as i32 - 1 - i32::try_from(scale).unwrap_or(i32::MAX / 2);
    if exponent < LOWEST {
        return units.signum() as i64;
    }
    let code = match exponent {
        e if e > HIGHEST => i64::MAX - 1,
        // 17 digits fit 57 bits, 64 exponents 6.
        e => (i64::from(e - LOWEST) << 57) | i64::try_from(mantissa).unwrap_or(i64::MAX),
    };
    if units < 0 { -code } else { code }
}

#[cfg(test)]
mod tests {
    use super::sortable;

    #[test]
    fn order_is_kept() {
        let rising: [(i128, u32); 13] = [
            (-(10_i128.pow(38)), 0),
            (-1000, 0),
            (-10, 1),
            (-1, 9),
            (0, 3),
            (1, 38),
            (1, 9),
            (999, 3),
            (1, 0),
            (10_001, 4),
            (72, 0),
            (250_000_000_000, 0),
            (i128::MAX, 0),
        ];
        let codes: Vec<i64> = rising.iter().map(|(u, s)| sortable(*u, *s)).collect();
        assert!(codes.windows(2).all(|w| w[0] < w[1]), "{codes:?}");
        for (a, b) in [((100, 2), (1, 0)), ((-50, 1), (-5, 0)), ((0, 0), (0, 9)), ((1200, 3), (12, 1))] {
            assert_eq!(sortable(a.0, a.1), sortable(b.0, b.1), "{a:?} {b:?}");
        }
    }
}
