//! Where claims come from: files, folders, and bodies of requests.

use std::io::{self, BufRead, BufReader, Cursor};
use std::path::{Path, PathBuf};

/// Bytes read from disk at once.
const BUFFER_BYTES: usize = 256 << 10;

/// Something to import.
#[derive(Clone, Debug)]
pub enum Input {
    /// A file on disk.
    File(PathBuf),
    /// A body already in memory, with the name it came under.
    Body {
        /// Its name.
        name: String,
        /// Its bytes.
        bytes: Vec<u8>,
    },
}

impl Input {
    /// The name it is known by in the ledger and in findings.
    pub fn name(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::Body { name, .. } => name.clone(),
        }
    }

    /// Its size in bytes; 0 where it cannot be told.
    pub fn bytes(&self) -> u64 {
        match self {
            Self::File(path) => std::fs::metadata(path).map_or(0, |m| m.len()),
            Self::Body { bytes, .. } => bytes.len() as u64,
        }
    }

    /// Opens it for reading.
    pub fn open(self) -> io::Result<Box<dyn BufRead + Send>> {
        Ok(match self {
            Self::File(path) => Box::new(BufReader::with_capacity(BUFFER_BYTES, std::fs::File::open(path)?)),
            Self::Body { bytes, .. } => Box::new(Cursor::new(bytes)),
        })
    }
}

/// The files below `paths`: a file stands for itself, a folder for every `*.xml` in and below it; sorted by path, so that an
/// import that is run again goes the same way.
///
/// # Errors
/// The first path that is not there or cannot be listed.
pub fn below(paths: &[PathBuf]) -> io::Result<Vec<PathBuf>> {
    let mut out = Vec::new();
    for path in paths {
        if path.is_dir() {
            let start = out.len();
            walk(path, &mut out)?;
            out[start..].sort();
        } else {
            std::fs::metadata(path).map_err(|e| io::Error::new(e.kind(), format!("{}: {e}", path.display())))?;
            out.push(path.clone());
        }
    }
    Ok(out)
}

fn walk(folder: &Path, out: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let path = entry.path();
        if entry.file_type()?.is_dir() {
            walk(&path, out)?;
        } else if path.extension().is_some_and(|e| e.eq_ignore_ascii_case("xml")) {
            out.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_walked_in_order() {
        let root = std::env::temp_dir().join(format!("mach-intake-files-{}", std::process::id()));
        std::fs::create_dir_all(root.join("b")).unwrap();
        for name in ["c.xml", "b/a.XML", "b/skip.txt", "a.xml"] {
            std::fs::write(root.join(name), "x").unwrap();
        }
        let names: Vec<String> = below(std::slice::from_ref(&root))
            .unwrap()
            .iter()
            .map(|p| p.strip_prefix(&root).unwrap().display().to_string())
            .collect();
        assert_eq!(names, ["a.xml", "b/a.XML", "c.xml"]);
        assert!(below(&[root.join("none.xml")]).is_err());
    }
}
