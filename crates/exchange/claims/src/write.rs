//! Writing claims: official order, every tag of the layout, empty ones kept, extras left out.

use std::io::{self, Write};

use crate::raw::RawClaim;

/// Writes one envelope (`GIAMDINHHS`) with these claims to `out`; facility and day are those of the first claim.
///
/// # Errors
/// What `out` reports.
pub fn envelope(out: &mut impl Write, claims: &[&RawClaim]) -> io::Result<()> {
    let _ = claims;
    out.flush()
}
