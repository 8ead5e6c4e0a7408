//! Charts drawn by the server as SVG: they print in black and white, work without script and have a table twin.
//!
//! Positions are computed in `f64`; the numbers that people read never are: those come from [`Decimal`]s and finished texts.

mod bars;
mod map;
mod scale;
mod spark;
mod stack;
mod trend;

pub use bars::{BarRow, Bars};
pub use map::{Map, MapValue, Shape};
pub use spark::spark;
pub use stack::{Stack, StackPart};
pub use trend::{Trend, TrendNote, TrendPoint};

use mach_base::Decimal;

/// Where a number lies, for drawing only.
pub(crate) fn place(n: Decimal) -> f64 {
    n.units as f64 / 10_f64.powi(n.scale as i32)
}

/// A coordinate with one digit after the point: a tenth of a pixel.
pub(crate) fn px(x: f64) -> String {
    let text = format!("{x:.1}");
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}
