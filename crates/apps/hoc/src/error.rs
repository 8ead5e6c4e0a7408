//! Why a page or an answer cannot be given, and the one mapping to what the reader is told.

use mach_cube::CubeError;
use mach_ui::http::Problem;
use mach_ui::{Lang, msg};

/// Why a page or an answer cannot be given.
#[derive(Debug, thiserror::Error)]
pub enum HocError {
    /// The cube has no answer.
    #[error(transparent)]
    Cube(#[from] CubeError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] mach_store::Error),
    /// A query parameter that no one knows.
    #[error("unknown parameter `{0}`")]
    UnknownParameter(String),
    /// A query parameter that stands twice.
    #[error("parameter `{0}` stands twice")]
    Repeated(String),
    /// Nothing the reader may see is there: the same answer whether it exists elsewhere or not.
    #[error("not found")]
    NotFound,
    /// An export could not be written.
    #[error("export: {0}")]
    Export(String),
}

impl HocError {
    /// A value that a parameter does not take.
    pub fn parameter(parameter: &'static str, value: &str, takes: &'static str) -> Self {
        CubeError::Parameter { parameter, value: value.to_owned(), takes }.into()
    }

    /// What the reader is told, in `lang`.
    pub fn problem(self, lang: Lang) -> Problem {
        match self {
            Self::Cube(CubeError::UnknownIndicator(_) | CubeError::OtherFacility | CubeError::UnknownPlace(_))
            | Self::NotFound => Problem::NotFound,
            Self::Cube(CubeError::Store(e)) | Self::Store(e) => mach_house::Failure::from(e).0,
            Self::Cube(e) if e.is_asker_s() => Problem::BadRequest(lang.pick(e.vi(), e.to_string())),
            Self::Cube(e) => Problem::internal(e),
            Self::UnknownParameter(name) => {
                Problem::BadRequest(lang.fmt(msg::HOC_UNKNOWN_PARAMETER, &[("name", &name)]))
            }
            Self::Repeated(name) => Problem::BadRequest(lang.fmt(msg::HOC_REPEATED_PARAMETER, &[("name", &name)])),
            Self::Export(e) => Problem::internal(e),
        }
    }
}

impl From<rust_xlsxwriter::XlsxError> for HocError {
    fn from(error: rust_xlsxwriter::XlsxError) -> Self {
        Self::Export(error.to_string())
    }
}

impl From<csv::Error> for HocError {
    fn from(error: csv::Error) -> Self {
        Self::Export(error.to_string())
    }
}
