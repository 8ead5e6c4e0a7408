//! Papers: a document of blocks becomes a PDF/A-2b file, with embedded fonts and text that can be taken out again.
//!
//! ```text
//! let mut paper = Paper::a4("Giấy khám sức khỏe");
//! paper.add(Block::title("GIẤY KHÁM SỨC KHỎE CỦA NGƯỜI LÁI XE"));
//! paper.add(Block::fields(vec![("Họ và tên", "NGUYỄN VĂN AN")]));
//! paper.add(Block::seal("doctor", 220.0, 60.0));
//! let rendered = paper.render()?;          // bytes, pages, where the seals go
//! ```
//!
//! The layout is our own and small: what a statutory form needs (text, fields, tables, columns, boxes to tick, QR codes,
//! pictures, places for signatures), in one pass, the same bytes each time.

mod block;
mod canvas;
mod driver;
mod file;
mod font;
mod layout;
mod paper;
mod seal;

pub use block::{Align, Block, Cell, Style, Text};
pub use driver::{DriverCertificate, Specialty};
pub use font::Face;
pub use paper::{Paper, Rendered, Seal, Sheet};
pub use seal::{SealText, draw_seal};

/// What is refused past it.
pub mod limits {
    /// Pages of one document.
    pub const PAGES: usize = 2_000;
    /// Bytes of one picture.
    pub const PICTURE_BYTES: usize = 8 << 20;
    /// Depth of columns within columns.
    pub const DEPTH: usize = 8;
}

/// Why a document could not be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A block that does not fit onto an empty page.
    #[error("a block is taller than a page")]
    TooTall,
    /// Larger than its limit.
    #[error("{what} is larger than {limit}")]
    TooLarge {
        /// What.
        what: &'static str,
        /// How many.
        limit: usize,
    },
    /// A picture that is not a JPEG file of grey or colour.
    #[error("a picture: {0}")]
    Picture(&'static str),
    /// A text that does not fit into a QR code.
    #[error("a QR code cannot hold this text")]
    Qr,
}

/// The result of making a document.
pub type Result<T> = std::result::Result<T, Error>;
