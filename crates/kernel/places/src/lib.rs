//! Places: the administrative units of Viet Nam by day, what became of each, and the map of the province's communes.
//!
//! Until 2025-06-30 there were 63 provinces with districts; since 2025-07-01 there are 34 and no districts. A code may
//! name another unit after that day, so a unit is asked for by code **and** day ([`Places::get`]) or by the stable
//! [`PlaceKey`] that the database keeps. [`AsOf`] shows facts of both eras in the hierarchy of any one day; what cannot
//! be told apart stays a row of its own, so that totals never change. Own memory: about 10 MB, and 2 MB per as-of date in use.

mod as_of;
mod key;
mod shapes;
mod units;

pub use as_of::{AsOf, Mapped};
pub use key::{Era, Level, PlaceKey};
pub use shapes::{Map, Shape, province_map};
pub use units::{Places, Successor, Unit};

/// Why a list of places cannot be used. The program does not start with one.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum Error {
    /// A row of a list does not have its shape.
    #[error("`{file}` line {line}: {what}")]
    Row {
        /// Name of the content file.
        file: &'static str,
        /// Line, from 1, the header being line 1.
        line: u64,
        /// What is wrong with it.
        what: String,
    },
    /// The boundaries are no GeoJSON of polygons with a `code`.
    #[error("`{file}`: {what}")]
    Shapes {
        /// Name of the content file.
        file: &'static str,
        /// What is wrong with it.
        what: String,
    },
}

/// Reads every list now, so that a broken one is met at start and not at the first page.
///
/// # Panics
/// Where a list (an administrator's, usually) does not have its shape; the message names file and line.
pub fn load() {
    Places::shared();
    province_map("46");
}

/// Stops the program on a list that cannot be used.
fn usable<T>(list: Result<T, Error>) -> T {
    match list {
        Ok(list) => list,
        Err(e) => panic!("{e}"),
    }
}
