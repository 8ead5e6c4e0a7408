//! Claims out: accepted claims as claim files, one file a claim, in their layout's official order.

use crate::source::Source;
use mach_claims::read::Item;
use mach_claims::write;
use mach_store::sql::Query;
use mach_store::{claims, claims_list, schema};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

/// Claims asked for at once.
const STEP: usize = 200;

/// Why an export stopped.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The store's own.
    #[error(transparent)]
    Store(#[from] mach_store::Error),
    /// A file could not be written.
    #[error("cannot write: {0}")]
    Files(#[from] io::Error),
    /// No such facility.
    #[error("facility `{0}` has sent nothing")]
    Facility(String),
    /// Kept evidence is no claim any more.
    #[error("claim {0} cannot be read back")]
    Damaged(i64),
}

/// Writes the accepted version of every claim (of one facility, if given) below `out`, as `FACILITY/NUMBER.xml`; tells
/// `progress` how many are done. Gives their number.
pub fn write(
    on: &mut dyn Query,
    out: &Path,
    facility: Option<&str>,
    progress: &mut dyn FnMut(u64),
) -> Result<u64, ExportError> {
    let facility = match facility {
        None => None,
        Some(code) => Some(schema::facility_of_code(on, code)?.ok_or_else(|| ExportError::Facility(code.to_owned()))?),
    };
    let (mut after, mut done) = (0, 0);
    loop {
        let rows = claims_list::accepted_after(on, facility, after, STEP)?;
        let Some(last) = rows.last() else { return Ok(done) };
        after = last.id;
        for row in &rows {
            let folder = out.join(&row.facility);
            std::fs::create_dir_all(&folder)?;
            let version = row.accepted.unwrap_or(row.version);
            let mut file = BufWriter::new(File::create(folder.join(format!("{}.xml", row.id)))?);
            file.write_all(&official(on, row.facility_id, row.id, version)?)?;
            file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_data()?;
            done += 1;
            progress(done);
        }
    }
}

/// A version of a facility's claim as a claim file in official order.
pub fn official(on: &mut dyn Query, facility: i64, claim: i64, version: i64) -> Result<Vec<u8>, ExportError> {
    let damaged = || ExportError::Damaged(claim);
    let source = source(on, facility, claim, version)?.ok_or_else(damaged)?;
    match source.claim().ok_or_else(damaged)? {
        Item::Claim(raw) => Ok(write::envelope(Vec::new(), &[&raw])?),
        _ => Err(damaged()),
    }
}

/// The evidence of a version of a facility's claim; `None` where there is no such version.
pub fn source(
    on: &mut dyn Query,
    facility: i64,
    claim: i64,
    version: i64,
) -> Result<Option<Source>, mach_store::Error> {
    let Some(kept) = claims::versions(on, facility, claim)?.into_iter().find(|v| v.version == version) else {
        return Ok(None);
    };
    let (bytes, _) = claims::source_and_findings(on, kept.place)?;
    Source::decode(&bytes).map(Some).ok_or(mach_store::Error::Damaged(kept.place.pack))
}
