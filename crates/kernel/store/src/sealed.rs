//! What of the store does not lie in clear, and how a store made before this is converted.
//!
//! Sealed (`mach-seal`): bodies in packs, rows of views, check-in messages, remembered answers; national, insurance and
//! telephone numbers of people; second factors, headers that receivers are called with, salts of the log. Tokens, which find resources by
//! identifier, telephone or code, are keyed hashes. Each is bound to its row by [`row`].

mod adopt;
mod cells;
mod renew;
#[cfg(test)]
mod tests;

use crate::engine::Engine;
use crate::sql::{self, Execute, Query};
use crate::{Error, Result};
pub(crate) use adopt::adopt;
use mach_seal::{Keyring, Purpose};
pub use renew::Resealed;
use std::sync::Arc;

/// The name in `meta` of the keyring that a store is sealed with.
pub(crate) const KEYRING: &str = "keyring";
/// The name in `meta` of the highest number of its keys.
pub(crate) const NEWEST: &str = "newest key";
/// The name in `meta` that stays until the database was written anew after what lay in clear was sealed.
pub(crate) const SCRUB: &str = "scrub";
/// The name in `meta` of how the store is sealed.
pub(crate) const REVISION_NAME: &str = "sealing";
/// How it is done now: 2 gives every ending of a number its own hash, seals salts of the log and what bulk jobs were asked for.
const REVISION: i64 = 2;
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
    match mach_seal::blind(&hash.to_le_bytes()) {
        Ok(blind) => blind,
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

/// Looks whether the store is sealed with this process's keyring, and with none of its keys that is not there; a new one notes
/// with which it is.
pub(crate) fn claim(engine: &mut Engine) -> Result<()> {
    let ring = ring()?;
    let mark = ring.mark();
    // Asked first: a store is opened on a full disk, too.
    let mut found = meta(engine, KEYRING)?;
    if found.is_none() {
        let insert = format!("INSERT INTO meta(name, value) VALUES ('{KEYRING}', ?1) ON CONFLICT(name) DO NOTHING");
        engine.run(&insert, &[mark.into()])?;
        found = meta(engine, KEYRING)?;
    }
    let folder = || Ok::<_, Error>(mach_seal::folder()?.display().to_string());
    if found != Some(mark) {
        return Err(Error::Sealed(format!(
            "the store is sealed with another keyring than the one in `{}`: bring back its own, or say where it is (--keys FOLDER)",
            folder()?
        )));
    }
    let (number, known) = (i64::from(ring.number(Purpose::Body)), meta(engine, NEWEST)?.unwrap_or(0));
    if number < known {
        return Err(Error::Sealed(format!(
            "the keyring in `{}` is an older copy: it has keys up to {number}, the store is sealed with key {known}: bring its newest copy",
            folder()?
        )));
    }
    if number > known { note_newest(engine, number) } else { Ok(()) }
}

/// Notes the highest number of a key that something may be sealed with.
fn note_newest(on: &mut dyn Execute, number: i64) -> Result<()> {
    let sql = format!(
        "INSERT INTO meta(name, value) VALUES ('{NEWEST}', ?1) ON CONFLICT(name) DO UPDATE SET value = excluded.value"
    );
    on.run(&sql, &[number.into()]).map(drop)
}

fn meta(on: &mut dyn Query, name: &str) -> Result<Option<i64>> {
    sql::first(on, "SELECT value FROM meta WHERE name = ?1", &[name.into()], |r| r.int(0))
}

/// Brings a store that is sealed, but as an earlier program did it, to how it is done now; a new one is so already.
pub(crate) fn mend(engine: &mut Engine, is_new: bool) -> Result<()> {
    if meta(engine, REVISION_NAME)? == Some(REVISION) {
        return Ok(());
    }
    if !is_new {
        crate::people::mend_endings(engine)?;
        adopt::late(engine)?;
        ask_for_scrub(engine)?;
    }
    let sql = format!(
        "INSERT INTO meta(name, value) VALUES ('{REVISION_NAME}', ?1) ON CONFLICT(name) DO UPDATE SET value = excluded.value"
    );
    engine.run(&sql, &[REVISION.into()]).map(drop)
}

/// Notes, in the transaction that seals what lay in clear, that the database has to be written anew after it.
fn ask_for_scrub(engine: &mut Engine) -> Result<()> {
    let sql = format!("INSERT INTO meta(name, value) VALUES ('{SCRUB}', 1) ON CONFLICT(name) DO NOTHING");
    engine.run(&sql, &[]).map(drop)
}

/// Writes the database anew where that was asked for and not done to its end: also by a process that ended in between. Where
/// it cannot be done now, that is said, and the next start tries again: the store is of use meanwhile.
pub(crate) fn scrub(engine: &mut Engine) -> Result<()> {
    if meta(engine, SCRUB)?.is_none() {
        return Ok(());
    }
    match engine.scrub() {
        Ok(true) => crate::copy::in_transaction(engine, |engine| {
            engine.run("DELETE FROM meta WHERE name = ?1", &[SCRUB.into()]).map(drop)
        }),
        Ok(false) => Ok(()),
        Err(e) => {
            tracing::error!("the database still holds what lay in clear before; the next start writes it anew: {e}");
            Ok(())
        }
    }
}
