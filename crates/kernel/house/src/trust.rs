//! Who is trusted, in files of the data folder's `trust/`, so that an administrator changes it without a new program; and which
//! papers of this house are no longer valid, so that they are known where the house cannot be asked.

use mach_sign::certificate::Certificate;
use mach_sign::hc1;
use mach_sign::jws;
use mach_sign::revocation::Crl;
use mach_sign::trust::Trust;
use mach_sign::verdict::{Verdict, examine};
use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

/// Where it lies in the data folder.
pub const FOLDER: &str = "trust";

/// What the folder `trust` holds.
#[derive(Clone, Debug)]
pub struct Shelf {
    /// `roots/*.pem`, `authorities/*.pem`, `lists/*.crl` (DER).
    pub trust: Trust,
    /// `signers/*.pem`: who may sign QR codes.
    pub signers: Vec<Certificate>,
    /// `revoked/*.jws`: marks of QR certificates that were taken back, each list signed by one of the signers; or which list
    /// cannot be used: then no QR certificate can be said to count, and everything else is examined as ever.
    pub revoked: Result<HashSet<String>, String>,
    /// `papers.tsv`: papers that were taken back, by the marks of their signatures (SHA-256 of what each covers): since when
    /// (seconds), and why (`revoked`, `replaced`). Older lines have the SHA-256 of the whole file.
    pub ended: BTreeMap<String, (i64, String)>,
}

/// The list of papers that are no longer valid.
pub const PAPERS: &str = "papers.tsv";

/// That list as its file has it.
pub fn papers_text(papers: &[mach_store::signing::Paper]) -> String {
    let line = |p: &mach_store::signing::Paper| format!("{}\t{}\t{}\n", p.mark, p.ended.unwrap_or(0), p.why);
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

/// A shelf in memory, with what its files were when it was read.
struct Kept {
    files: Vec<Stamp>,
    minute: i64,
    shelf: Arc<Shelf>,
}

/// A file: its name, when it was written, its bytes.
type Stamp = (PathBuf, SystemTime, u64);

/// The folders that say whom to trust, and the rest, with the endings of their files.
const OF_TRUST: [(&str, &str); 3] = [("roots", "pem"), ("authorities", "pem"), ("lists", "crl")];
const OF_CODES: [(&str, &str); 2] = [("signers", "pem"), ("revoked", "jws")];

fn stamps(folder: &Path, mut paths: Vec<PathBuf>, within: &[(&str, &str)]) -> Result<Vec<Stamp>, String> {
    for (name, ending) in within {
        paths.extend(files(&folder.join(name), ending)?);
    }
    let stamp = |path: PathBuf| {
        let found = std::fs::metadata(&path).ok()?;
        Some((path, found.modified().ok()?, found.len()))
    };
    Ok(paths.into_iter().filter_map(stamp).collect())
}

/// Whom a folder trusts. An absent one trusts nobody.
fn trusted(folder: &Path) -> Result<Trust, String> {
    let mut trust = Trust::in_anchors(certificates(&folder.join("roots"))?);
    trust.between = certificates(&folder.join("authorities"))?;
    for path in files(&folder.join("lists"), "crl")? {
        let at = |e: String| format!("`{}`: {e}", path.display());
        let bytes = std::fs::read(&path).map_err(|e| at(e.to_string()))?;
        trust.evidence.lists.push(Crl::parse(&bytes).map_err(|e| at(e.to_string()))?);
    }
    Ok(trust)
}

/// Whom a folder trusts now, without what it says of papers and QR codes, which grows with the years: kept in memory, and read
/// again where one of its files changed.
///
/// # Errors
/// Which file cannot be read: half a list of revoked certificates is worse than an error.
pub fn kept(folder: &Path) -> Result<Arc<Trust>, String> {
    type Kept = (Vec<Stamp>, Arc<Trust>);
    static KEPT: Mutex<BTreeMap<PathBuf, Kept>> = Mutex::new(BTreeMap::new());
    // Before the files are read: what changes while they are is seen the next time.
    let files = stamps(folder, Vec::new(), &OF_TRUST)?;
    let lock = || KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, trust)) = lock().get(folder).filter(|(of, _)| *of == files) {
        return Ok(Arc::clone(trust));
    }
    let trust = Arc::new(trusted(folder)?);
    lock().insert(folder.to_owned(), (files, Arc::clone(&trust)));
    Ok(trust)
}

impl Shelf {
    /// Reads the folder. An absent one trusts nobody.
    ///
    /// # Errors
    /// Which file cannot be read: half a list of revoked certificates is worse than an error. Lists of `revoked/` are not
    /// among them: see [`Shelf::revoked`].
    pub fn read(folder: &Path) -> Result<Self, String> {
        let trust = trusted(folder)?;
        let signers = certificates(&folder.join("signers"))?;
        let mut shelf = Self { trust, signers, revoked: Ok(HashSet::new()), ended: papers(folder)? };
        shelf.revoked = shelf.all_marks(&folder.join("revoked"));
        Ok(shelf)
    }

    /// The shelf of a folder as it is now, kept in memory: it is read again where one of its files changed, and each minute,
    /// for certificates end by themselves.
    ///
    /// # Errors
    /// As [`Shelf::read`].
    pub fn kept(folder: &Path) -> Result<Arc<Self>, String> {
        Self::kept_at(folder, mach_sign::time::now() / 60)
    }

    fn kept_at(folder: &Path, minute: i64) -> Result<Arc<Self>, String> {
        static KEPT: Mutex<BTreeMap<PathBuf, Kept>> = Mutex::new(BTreeMap::new());
        // Before the files are read: what changes while they are is seen the next time.
        let files = stamps(folder, vec![folder.join(PAPERS)], &[&OF_TRUST[..], &OF_CODES].concat())?;
        let lock = || KEPT.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(kept) = lock().get(folder).filter(|k| k.minute == minute && k.files == files) {
            return Ok(Arc::clone(&kept.shelf));
        }
        let shelf = Arc::new(Self::read(folder)?);
        lock().insert(folder.to_owned(), Kept { files, minute, shelf: Arc::clone(&shelf) });
        Ok(shelf)
    }

    /// The marks of all lists of a folder.
    fn all_marks(&self, folder: &Path) -> Result<HashSet<String>, String> {
        let mut out = HashSet::new();
        for path in files(folder, "jws")? {
            // Anybody may be shown this: the file, not where it lies.
            let name = path.file_name().unwrap_or_default().display();
            out.extend(self.marks(&path).map_err(|e| format!("`{name}`: {e}"))?);
        }
        Ok(out)
    }

    /// The marks of a list, where one of those who may sign QR codes has signed it.
    fn marks(&self, path: &Path) -> Result<Vec<String>, String> {
        let text = std::fs::read_to_string(path).map_err(|e| e.to_string())?;
        let list = jws::verify(&text, None, &self.trust, mach_sign::time::now()).map_err(|e| e.to_string())?;
        if !list.is_good() || !self.signers.contains(&list.certificate) {
            return Err("nobody who may sign QR codes has signed this list".to_owned());
        }
        let content: serde_json::Value = serde_json::from_slice(&list.payload).map_err(|e| e.to_string())?;
        let marks = content.get("revoked").and_then(serde_json::Value::as_array).ok_or("it holds no list `revoked`")?;
        let text = |mark: &serde_json::Value| mark.as_str().map(str::to_owned).ok_or("a mark that is no text");
        marks.iter().map(text).collect::<Result<_, _>>().map_err(str::to_owned)
    }

    /// Examines what somebody holds, by what the shelf holds.
    ///
    /// # Errors
    /// As [`examine`]; `Refused` for a QR certificate where a list of those taken back cannot be used.
    pub fn examine(&self, bytes: &[u8]) -> mach_sign::Result<Verdict> {
        let mut verdict = examine(bytes, &self.trust, &self.signers, mach_sign::time::now())?;
        if let Some((claims, _)) = &verdict.claims {
            let unusable =
                |why: &String| mach_sign::Error::Refused(format!("a list of certificates taken back, {why}"));
            let revoked = self.revoked.as_ref().map_err(unusable)?;
            let withdrawn = |identifier: &&str| revoked.contains(&hc1::mark(identifier));
            verdict.withdrawn = hc1::identifiers(claims).iter().any(withdrawn);
        }
        Ok(verdict)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_signs_reads_no_list_of_papers() {
        let folder = tempfile::tempdir().expect("a folder");
        let first = kept(folder.path()).expect("nobody is trusted");
        std::fs::write(folder.path().join(PAPERS), "no hash, time and reason").expect("written");
        assert!(Shelf::read(folder.path()).is_err());
        assert!(Arc::ptr_eq(&first, &kept(folder.path()).expect("the same")), "neither read nor stumbled over");
        std::fs::create_dir(folder.path().join("roots")).expect("a folder");
        std::fs::write(folder.path().join("roots/a.pem"), "garbage").expect("written");
        std::fs::create_dir(folder.path().join("lists")).expect("a folder");
        std::fs::write(folder.path().join("lists/a.crl"), "garbage").expect("written");
        assert!(kept(folder.path()).is_err(), "what cannot be read is not answered from memory");
    }

    #[test]
    fn a_shelf_is_read_again_only_where_it_changed() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |minute| Shelf::kept_at(folder.path(), minute);
        let first = at(1).expect("an empty shelf");
        assert!(Arc::ptr_eq(&first, &at(1).expect("the same")), "not read again");
        assert!(!Arc::ptr_eq(&first, &at(2).expect("anew")), "certificates end by themselves");
        let line = format!("{}\t5\trevoked\n", "a".repeat(64));
        std::fs::write(folder.path().join(PAPERS), line).expect("written");
        assert!(first.ended.is_empty() && at(2).expect("anew").ended.len() == 1);
        std::fs::create_dir(folder.path().join("lists")).expect("a folder");
        std::fs::write(folder.path().join("lists/a.crl"), "garbage").expect("written");
        assert!(at(2).is_err(), "what cannot be read is not answered from memory");
    }
}
