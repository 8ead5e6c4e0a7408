//! Who is trusted: certificates and revocation lists in files, so that an administrator changes them without a new program.

use mach_sign::certificate::Certificate;
use mach_sign::revocation::Crl;
use mach_sign::trust::Trust;
use std::path::{Path, PathBuf};

/// Where it lies in the data folder.
pub const FOLDER: &str = "trust";

/// What the folder `trust` holds.
#[derive(Clone, Debug, Default)]
pub struct Shelf {
    /// `roots/*.pem`, `authorities/*.pem`, `lists/*.crl` (DER).
    pub trust: Trust,
    /// `signers/*.pem`: who may sign QR codes.
    pub signers: Vec<Certificate>,
}

/// The files of a folder with this ending, in the order of their names; none where there is no folder.
fn files(folder: &Path, ending: &str) -> Result<Vec<PathBuf>, String> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(format!("`{}`: {e}", folder.display())),
    };
    let mut found: Vec<PathBuf> = entries.filter_map(|e| Some(e.ok()?.path())).collect();
    found.retain(|p| p.extension().is_some_and(|e| e == ending));
    found.sort();
    Ok(found)
}

fn certificates(folder: &Path) -> Result<Vec<Certificate>, String> {
    let mut out = Vec::new();
    for path in files(folder, "pem")? {
        let at = |e: String| format!("`{}`: {e}", path.display());
        let text = std::fs::read_to_string(&path).map_err(|e| at(e.to_string()))?;
        out.extend(Certificate::from_pem(&text).map_err(|e| at(e.to_string()))?);
    }
    Ok(out)
}

impl Shelf {
    /// Reads the folder. An absent one trusts nobody.
    ///
    /// # Errors
    /// Which file cannot be read: half a list of revoked certificates is worse than an error.
    pub fn read(folder: &Path) -> Result<Self, String> {
        let mut trust = Trust::in_anchors(certificates(&folder.join("roots"))?);
        trust.between = certificates(&folder.join("authorities"))?;
        for path in files(&folder.join("lists"), "crl")? {
            let at = |e: String| format!("`{}`: {e}", path.display());
            let bytes = std::fs::read(&path).map_err(|e| at(e.to_string()))?;
            trust.evidence.lists.push(Crl::parse(&bytes).map_err(|e| at(e.to_string()))?);
        }
        Ok(Self { trust, signers: certificates(&folder.join("signers"))? })
    }
}
