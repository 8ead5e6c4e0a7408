//! Who is trusted, in files of the data folder's `trust/`, so that an administrator changes it without a new program; and which
//! papers of this house are no longer valid, so that they are known where the house cannot be asked.

use mach_sign::certificate::Certificate;
use mach_sign::revocation::Crl;
use mach_sign::trust::Trust;
use std::collections::BTreeMap;
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
    /// `papers.tsv`: papers that were issued and are no longer valid, by the SHA-256 of their bytes: since when (seconds), and
    /// why (`revoked`, `replaced`).
    pub ended: BTreeMap<String, (i64, String)>,
}

/// The list of papers that are no longer valid.
pub const PAPERS: &str = "papers.tsv";

/// That list as its file has it.
pub fn papers_text(papers: &[mach_store::signing::Paper]) -> String {
    let line = |p: &mach_store::signing::Paper| format!("{}\t{}\t{}\n", p.hash, p.ended.unwrap_or(0), p.why);
    papers.iter().map(line).collect()
}

fn papers(folder: &Path) -> Result<BTreeMap<String, (i64, String)>, String> {
    let path = folder.join(PAPERS);
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        Err(e) => return Err(format!("`{}`: {e}", path.display())),
    };
    let read = |line: &str| {
        let mut parts = line.split('\t');
        let (hash, at, why) = (parts.next()?, parts.next()?.parse().ok()?, parts.next()?);
        (hash.len() == 64).then(|| (hash.to_owned(), (at, why.to_owned())))
    };
    let wrong = |line: &str| format!("`{}`: `{line}` is no hash, time and reason", path.display());
    text.lines().filter(|l| !l.is_empty()).map(|line| read(line).ok_or_else(|| wrong(line))).collect()
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
        Ok(Self { trust, signers: certificates(&folder.join("signers"))?, ended: papers(folder)? })
    }
}
