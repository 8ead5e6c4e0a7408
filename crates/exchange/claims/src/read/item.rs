//! What reading gives, and what it holds to.

use mach_base::limits;

use crate::raw::{Problem, RawClaim};

/// What the reader holds to. Defaults are those of `mach_base::limits`.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of the file.
    pub file_bytes: u64,
    /// Bytes of one claim after decoding.
    pub decoded_bytes: usize,
    /// Bytes of one text in the file.
    pub run_bytes: usize,
    /// Rows of one table.
    pub rows: usize,
    /// Claims in the file.
    pub claims: u64,
    /// Depth of elements.
    pub depth: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            file_bytes: limits::CLAIM_FILE_BYTES,
            decoded_bytes: limits::CLAIM_DECODED_BYTES,
            run_bytes: limits::CLAIM_TEXT_RUN_BYTES,
            rows: limits::CLAIM_ROWS,
            claims: limits::CLAIMS_IN_FILE,
            depth: limits::XML_DEPTH,
        }
    }
}

/// What a file holds.
#[derive(Debug)]
pub enum Item {
    /// A claim whose tables could be read; its `problems` may still refuse it.
    Claim(Box<RawClaim>),
    /// A check-in message (XML0): a claim with table 0 only.
    CheckIn(Box<RawClaim>),
    /// A claim that could not be read.
    Broken(Box<Broken>),
    /// Something wrong with the file as a whole (`XML-COUNT`), after its claims.
    File(Problem),
}

/// A claim that could not be read; what could be is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Broken {
    /// Place in the file, from 1.
    pub index: u64,
    /// `MACSKCB` of the envelope, else `MA_CSKCB` where XML1 could be read.
    pub facility: String,
    /// `NGAYLAP` of the envelope.
    pub written_on: String,
    /// `MA_LK` where XML1 could be read, else empty.
    pub link: String,
    /// `NGAY_RA` where XML1 could be read, else empty.
    pub left: String,
    /// Why; at least one.
    pub problems: Vec<Problem>,
    /// Tables as far as they could be decoded: `LOAIHOSO` and bytes.
    pub sources: Vec<(String, Vec<u8>)>,
}

/// The file cannot be read on; claims before stay read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It is not what a claim file is, or goes past a limit.
    #[error("byte {offset}, line {line}: {problem}")]
    Refused {
        /// What is wrong.
        problem: Problem,
        /// Bytes before it.
        offset: u64,
        /// Line of the file, from 1.
        line: u64,
    },
    /// The system could not read it.
    #[error("cannot read: {0}")]
    Io(#[from] std::io::Error),
}
