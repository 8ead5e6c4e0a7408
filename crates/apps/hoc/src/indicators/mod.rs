//! The indicators: all of them, and one in every way it can be split.

pub mod breakdown;
pub mod list;
pub mod one;
