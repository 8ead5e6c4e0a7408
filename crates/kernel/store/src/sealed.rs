//! What of the store does not lie in clear, and how a store made before this is converted.
//!
//! Sealed (`mach-seal`): bodies in packs, rows of views, check-in messages, remembered answers; national, insurance and
//! telephone numbers of people; second factors, and headers that receivers are called with. Tokens, which find resources by
//! identifier, telephone or code, are keyed hashes. Each is bound to its row by [`row`].

mod adopt;
mod cells;
mod renew;

use crate::engine::Engine;
use crate::sql::{self, Execute};
use crate::{Error, Result};
pub(crate) use adopt::adopt;
use mach_seal::{Keyring, Purpose};
use std::sync::Arc;

/// The name in `meta` of the keyring that a store is sealed with.
pub(crate) const KEYRING: &str = "keyring";
/// The version whose step seals what lay in clear.
pub(crate) const SEALED: i64 = 16;

/// Columns that people's numbers need besides, in stores made before.
pub(crate) const STEP: &[&str] = &[
    "ALTER TABLE person_number ADD COLUMN ending INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE person_number ADD COLUMN sealed TEXT NOT NULL DEFAULT ''",
    "CREATE INDEX person_number_ending ON person_number(ending) WHERE ending <> 0",
];

impl From<mach_seal::Error> for Error {
    fn from(error: mach_seal::Error) -> Self {
        Self::Sealed(error.to_string())
    }
}

/// The keyring. It was read when the store was opened.
pub(crate) fn ring() -> Result<Arc<Keyring>> {
    Ok(mach_seal::ring()?)
}

/// Names a row: its table (and column), and its key.
macro_rules! row {
    ($table:literal $(, $key:expr)* $(,)?) => {{
        let mut row = String::from($table);
        $( row.push(' '); row.push_str(&$key.to_string()); )*
        row
    }};
}
pub(crate) use row;

/// The keyed hash by which an equal token is found; `code` as its 64-bit hash.
pub(crate) fn keyed(hash: i64) -> i64 {
    match mach_seal::ring() {
        Ok(ring) => ring.blind(&hash.to_le_bytes()),
        // A store cannot be open without its keyring.
        Err(e) => unreachable!("{e}"),
    }
}

/// Seals a text for its row; an empty one stays empty.
pub(crate) fn text(purpose: Purpose, row: &str, plain: &str) -> Result<String> {
    if plain.is_empty() {
        return Ok(String::new());
    }
    Ok(ring()?.seal_text(purpose, row, plain)?)
}

/// Opens a text that [`text`] sealed.
pub(crate) fn opened(row: &str, sealed: &str) -> Result<String> {
    if sealed.is_empty() {
        return Ok(String::new());
    }
    Ok(mach_seal::open_text(row, sealed)?)
}

/// Seals bytes for their row; none stay none.
pub(crate) fn bytes(purpose: Purpose, row: &str, plain: &[u8]) -> Result<Vec<u8>> {
    if plain.is_empty() {
        return Ok(Vec::new());
    }
    Ok(ring()?.seal(purpose, row, plain)?)
}

/// Opens bytes that [`bytes`] sealed.
pub(crate) fn bytes_opened(row: &str, sealed: &[u8]) -> Result<Vec<u8>> {
    if sealed.is_empty() {
        return Ok(Vec::new());
    }
    Ok(mach_seal::open(row, sealed)?)
}

/// Looks whether the store is sealed with this process's keyring; a new one notes that it is.
pub(crate) fn claim(engine: &mut Engine) -> Result<()> {
    let mark = ring()?.mark();
    // Asked first: a store is opened on a full disk, too.
    let ask = "SELECT value FROM meta WHERE name = ?1";
    let mut found = sql::first(engine, ask, &[KEYRING.into()], |r| r.int(0))?;
    if found.is_none() {
        let insert = format!("INSERT INTO meta(name, value) VALUES ('{KEYRING}', ?1) ON CONFLICT(name) DO NOTHING");
        engine.run(&insert, &[mark.into()])?;
        found = sql::first(engine, ask, &[KEYRING.into()], |r| r.int(0))?;
    }
    if found == Some(mark) {
        return Ok(());
    }
    let folder = mach_seal::folder()?;
    Err(Error::Sealed(format!(
        "the store is sealed with another keyring than the one in `{}`: bring back its own, or say where it is (--keys FOLDER)",
        folder.display()
    )))
}
