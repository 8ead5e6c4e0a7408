//! The small words every other crate speaks: days and minutes, money, Vietnamese text, limits, shipped content.
//!
//! Nothing here does network I/O and nothing here knows a format. See `ARCHITECTURE.md` for who may use what.

pub mod content;
pub mod decimal;
pub mod limits;
pub mod text;
pub mod time;

pub use decimal::Decimal;
pub use time::{Day, Grain, Minute};
