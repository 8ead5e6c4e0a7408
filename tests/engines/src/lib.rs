//! A store of its own for each test, on either engine.
//!
//! A test takes a [`Home`] and does not ask where it is. Where PostgreSQL (15 or newer) is installed a private server is
//! started for the test process, in a folder of its own, reached by a Unix socket only, and gone with the process. Where it
//! is not, the test says so loudly and runs on SQLite again.

#![expect(clippy::unwrap_used, reason = "used by tests only, which may panic on a broken expectation")]

mod fill;
mod server;

pub use fill::fill;
use mach_store::Store;
pub use server::{Paused, Server};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where one test's store lives; removed with it.
pub struct Home {
    place: Place,
}

enum Place {
    Folder(tempfile::TempDir),
    Database { _server: Arc<Server>, url: String },
}

impl Home {
    /// A new folder.
    ///
    /// # Panics
    /// Where no temporary folder can be made.
    pub fn folder() -> Self {
        Self { place: Place::Folder(tempfile::tempdir().unwrap()) }
    }

    /// A new database of this process's server; a folder where PostgreSQL is not installed.
    pub fn postgres() -> Self {
        match Server::shared() {
            Some(server) => {
                let url = server.database();
                Self { place: Place::Database { _server: server, url } }
            }
            None => Self::folder(),
        }
    }

    /// Opens the store; again as often as asked.
    pub fn open(&self) -> Store {
        self.try_open().unwrap()
    }

    /// Opens the store, or says why not.
    pub fn try_open(&self) -> mach_store::Result<Store> {
        match &self.place {
            Place::Folder(folder) => Store::open(folder.path()),
            Place::Database { url, .. } => Store::connect(url),
        }
    }

    /// The folder, where it is one.
    pub fn path(&self) -> Option<&Path> {
        match &self.place {
            Place::Folder(folder) => Some(folder.path()),
            Place::Database { .. } => None,
        }
    }

    /// The database's address, where it is one.
    pub fn url(&self) -> Option<&str> {
        match &self.place {
            Place::Folder(_) => None,
            Place::Database { url, .. } => Some(url),
        }
    }
}

/// The newest PostgreSQL programs on this machine, 15 or newer.
pub fn programs() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?;
    let found =
        versions.filter_map(|v| Some((v.as_ref().ok()?.file_name().to_str()?.parse::<u32>().ok()?, v.ok()?.path())));
    let newest = found.filter(|(version, path)| *version >= 15 && path.join("bin/initdb").exists()).max();
    newest.map(|(_, path)| path.join("bin"))
}

/// The home of a test whose target is built twice: on PostgreSQL where the target is named `postgres`, else in a folder.
#[macro_export]
macro_rules! home {
    () => {
        if env!("CARGO_CRATE_NAME") == "postgres" { $crate::Home::postgres() } else { $crate::Home::folder() }
    };
}

/// Makes each named function `fn name(home: &Home)` a test on SQLite and one on PostgreSQL.
#[macro_export]
macro_rules! on_both_engines {
    ($($name:ident),+ $(,)?) => {
        mod sqlite {
            $(#[test] fn $name() { super::$name(&$crate::Home::folder()); })+
        }
        mod postgres {
            $(#[test] fn $name() { super::$name(&$crate::Home::postgres()); })+
        }
    };
}
