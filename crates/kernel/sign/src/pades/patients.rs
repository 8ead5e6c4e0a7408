//! What a paper says of the signatures of patients on it: those are drawings, codes and fingers, no keys, so a paper names their kind
//! among its identifiers (XMP), which the digital signatures cover.

use crate::pdf::{Object, Pdf};

/// What stands before the kind.
pub const PATIENT: &str = "urn:mach:patient-signature:";
/// The kinds there are.
const KINDS: [&str; 4] = ["pad", "code", "finger", "paper"];
/// Bytes of metadata that are read.
const MOST: usize = 64 << 10;

/// The identifier that a paper bears for a kind of signature.
pub fn patient(kind: &str) -> String {
    format!("{PATIENT}{kind}")
}

/// The kinds that the last revision of a file names, each once; none where it cannot be read. Whoever asks has verified it.
pub fn patients(bytes: &[u8]) -> Vec<String> {
    let metadata = || -> crate::Result<Vec<u8>> {
        let file = Pdf::parse(bytes)?;
        let view = file.last();
        let (_, catalog) = view.catalog()?;
        match view.entry(&catalog, "Metadata")? {
            Object::Stream(about, data) if about.get("Filter").is_none() && data.len() <= MOST => Ok(data),
            _ => Ok(Vec::new()),
        }
    };
    let metadata = metadata().unwrap_or_default();
    let text = String::from_utf8_lossy(&metadata);
    let stands = |kind: &&str| text.contains(&format!("<rdf:li>{PATIENT}{kind}</rdf:li>"));
    KINDS.into_iter().filter(stands).map(str::to_owned).collect()
}
