//! Content: the lists, rules and definitions the product ships, each replaceable by an administrator.
//!
//! A file of `content/` is embedded by the crate that owns it. Where the data folder holds a file of the same name under
//! `content/`, that one is read instead: lists marked unverified are corrected without a new program.

use std::borrow::Cow;
use std::path::PathBuf;
use std::sync::OnceLock;

static FOLDER: OnceLock<PathBuf> = OnceLock::new();

/// Names the folder whose files stand before the embedded ones. Called once, by `main`, before any list is read.
pub fn set_folder(folder: PathBuf) {
    // A second call changes nothing: lists already read would otherwise disagree with later ones.
    let _ = FOLDER.set(folder);
}

/// The text of the list `name` (for example `icd10-vn.csv`): the administrator's file, else the embedded one.
///
/// # Panics
/// Where the administrator's file exists and cannot be read as UTF-8: starting with half a rule book is worse.
pub fn text(name: &str, embedded: &'static str) -> Cow<'static, str> {
    let Some(path) = FOLDER.get().map(|f| f.join(name)).filter(|p| p.exists()) else {
        return Cow::Borrowed(embedded);
    };
    match std::fs::read_to_string(&path) {
        Ok(text) => Cow::Owned(text),
        Err(e) => panic!("content file `{}` cannot be read: {e}", path.display()),
    }
}
