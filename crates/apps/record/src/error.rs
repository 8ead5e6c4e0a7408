//! What can go wrong while a record is read, and how the reader is told.

use mach_house::Failure;
use mach_ui::http::Problem;

/// Why a record could not be read or changed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] mach_store::Error),
    /// The rows of people contradict each other, or what was asked is not there.
    #[error(transparent)]
    People(#[from] mach_people::Error),
}

/// The result of reading a record.
pub(crate) type Result<T> = std::result::Result<T, Error>;

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::Store(e) | Error::People(mach_people::Error::Store(e)) => e.into(),
            Error::People(e) => Self(Problem::internal(e)),
        }
    }
}
