//! What must not lie in clear: sealed with a data key that is itself sealed by a master key outside the data folder.
//!
//! Sketch. A folder of keys (`~/.config/mach`, or `MACH_KEYS`) holds the master key (`master.key`, 0600) and the keyring
//! (`keyring`): a data key for each purpose and number, each sealed by the master key. What is sealed begins with the number
//! of its key, so that old and new keys work side by side while everything is sealed anew. It is bound to its row: the same
//! bytes in another row do not open. Equality is searched by a keyed hash (a blind index), whose key is never changed.
//!
//! AES-256-GCM, HMAC-SHA-256 and the system's random numbers are those of ring.

mod file;
mod keyring;
mod ring_of;

pub use file::{Reader, Writer, name_of, open_file};
pub use keyring::{Keyring, Purpose, SEALED_BYTES};
pub use ring_of::{blind, existing, folder, open, open_text, ring, rotate, set_folder};

/// Why something is not sealed, or does not open.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The folder of keys cannot be used.
    #[error("the keys in `{folder}` cannot be used: {why}")]
    Keys {
        /// Where they were looked for.
        folder: String,
        /// Why.
        why: String,
    },
    /// Sealed for another row, or changed since: its key is here, and does not open it.
    #[error("a sealed value does not open: it was changed or moved")]
    Closed,
    /// Sealed by a key that is not in the keyring: the value may be whole, an older copy of the keyring is in use.
    #[error("a value is sealed by {purpose} key {number}, which is not in the keyring: bring its newest copy")]
    NoKey {
        /// What the key is for.
        purpose: &'static str,
        /// Its number.
        number: u16,
    },
    /// The system gives no random numbers.
    #[error("the system gives no random numbers")]
    NoChance,
}

/// The result of this crate's calls.
pub type Result<T> = std::result::Result<T, Error>;
