//! The axis of a chart: round steps that hold every value.

use mach_base::Decimal;

/// Round steps from below the least to above the greatest value.
pub(crate) struct Scale {
    pub(crate) low: f64,
    pub(crate) high: f64,
    /// The steps, as exact decimals for their labels.
    pub(crate) ticks: Vec<Decimal>,
}

/// About how many steps an axis has.
const STEPS: f64 = 5.0;

impl Scale {
    /// An axis for values between `least` and `greatest`. It starts at zero unless that would flatten the line.
    pub(crate) fn of(least: f64, greatest: f64) -> Self {
        let (mut low, mut high) = (least.min(greatest), greatest.max(least));
        if low > 0.0 && low < high * 0.6 {
            low = 0.0;
        }
        if high < 0.0 && high > low * 0.6 {
            high = 0.0;
        }
        if high - low <= f64::EPSILON * high.abs().max(1.0) {
            let around = if high == 0.0 { 1.0 } else { high.abs() * 0.1 };
            (low, high) = (if high > 0.0 { low - around } else { low - around.min(low.abs()) }, high + around);
        }
        let step = round_step((high - low) / STEPS);
        let (first, last) = ((low / step).floor() as i64, (high / step).ceil() as i64);
        let digits = (-step.log10().floor()).clamp(0.0, 6.0) as u32;
        let unit = (step * 10_f64.powi(digits as i32)).round() as i64;
        let ticks = (first..=last).map(|i| Decimal { units: i.saturating_mul(unit), scale: digits }).collect();
        Self { low: first as f64 * step, high: last as f64 * step, ticks }
    }

    /// How far `value` is between the ends: 0 at the low one, 1 at the high one.
    pub(crate) fn share(&self, value: f64) -> f64 {
        (value - self.low) / (self.high - self.low)
    }
}

/// The next of 1, 2, 5, 10 … at or above `raw`.
fn round_step(raw: f64) -> f64 {
    let power = 10_f64.powf(raw.log10().floor());
    let factor = raw / power;
    let round = [1.0, 2.0, 5.0].into_iter().find(|f| factor <= *f * (1.0 + 1e-9)).unwrap_or(10.0);
    round * power
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_round_and_hold_every_value() {
        for (least, greatest, ticks) in [
            (0.0, 100.0, vec!["0", "20", "40", "60", "80", "100"]),
            (162.0, 229.0, vec!["160", "180", "200", "220", "240"]),
            (3.0, 97.0, vec!["0", "20", "40", "60", "80", "100"]),
            (0.0, 0.4, vec!["0.0", "0.1", "0.2", "0.3", "0.4"]),
            (0.0, 0.0, vec!["-1", "0", "1"]),
            (-5.0, 5.0, vec!["-6", "-4", "-2", "0", "2", "4", "6"]),
        ] {
            let scale = Scale::of(least, greatest);
            let shown: Vec<String> = scale
                .ticks
                .iter()
                .map(|t| {
                    if t.scale == 0 {
                        t.units.to_string()
                    } else {
                        format!("{:.*}", t.scale as usize, super::super::place(*t))
                    }
                })
                .collect();
            if least != greatest {
                assert_eq!(shown, ticks, "{least} {greatest}");
            }
            assert!(scale.low <= least && scale.high >= greatest && scale.low < scale.high);
        }
    }
}
