//! Files of the data folder.

use std::fs::File;
use std::io::Write;
use std::path::Path;

/// Writes a file whole or not at all; `secret`: for its owner only.
///
/// # Errors
/// Of files.
pub fn keep(path: &Path, text: &str, secret: bool) -> Result<(), String> {
    let at = |e: std::io::Error| format!("`{}`: {e}", path.display());
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(at)?;
    }
    // A part of its own: two that write the same file do not write into one another's.
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    let mode = std::os::unix::fs::PermissionsExt::from_mode(if secret { 0o600 } else { 0o644 });
    #[cfg(unix)]
    builder.permissions(mode);
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut part = builder.suffix(".part").tempfile_in(folder).map_err(at)?;
    part.write_all(text.as_bytes()).and_then(|()| part.as_file().sync_all()).map_err(at)?;
    part.persist(path).map_err(|e| at(e.error))?;
    // The name lasts where its folder does.
    File::open(folder).and_then(|f| f.sync_all()).map_err(at)
}
