//! The resource store: versioned FHIR resources, the rows that find them, and every other table of the product.
//!
//! All SQL of the product is in this crate. Rows are reached only through a [`Reader`] or a [`Tx`], and both are made only
//! from an access [`Decision`]. One writer thread commits the work of many callers together (group commit); readers work
//! on their own connections and see one state from their first row to their last.

pub mod accounts;
mod archive;
pub mod audit;
mod backup;
pub mod bulk;
pub mod cells;
pub mod certificates;
mod check;
pub mod citizens;
pub mod claims;
pub mod claims_list;
mod copy;
pub mod desk;
pub mod digest;
pub mod distribution;
mod engine;
pub mod factors;
mod glance;
pub mod grants;
pub mod log;
pub mod marks;
pub mod notices;
pub mod pack;
pub mod params;
pub mod passkeys;
pub mod people;
mod postgres;
pub mod prescriptions;
mod repair;
pub mod resources;
pub mod schema;
mod sealed;
pub mod search;
mod sees;
pub mod sending;
pub mod sessions;
pub mod sign_on;
pub mod signing;
pub mod smart;
pub mod sql;
mod sqlite;
pub mod subscriptions;
mod told;
pub mod vaccines;
pub mod views;
pub mod waiting;
mod writer;

pub use backup::{Archived, Backup, Restored, restore, restore_to};
pub use check::{Checked, Damage};
pub use copy::Copied;
use engine::{Engine, Place};
use mach_access::{Decision, Scope};
use mach_tlog::fact::Describe;
pub use postgres::Failure;
pub use repair::Repaired;
pub use sealed::Resealed;
use sees::Sees;
use sql::{Arg, Execute, Query, Row};
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock};
pub use writer::Pending;

/// What can go wrong in the store.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// The engine refused.
    #[error("database: {0}")]
    Engine(Arc<rusqlite::Error>),
    /// PostgreSQL refused.
    #[error("database: {0}")]
    Postgres(Failure),
    /// The connection to PostgreSQL was lost, or there was none to be had. What was not yet acknowledged may be stored or
    /// not: sending it again is safe.
    #[error("the database cannot be reached: {0}")]
    Lost(String),
    /// An address of a store that cannot be used.
    #[error("the address of the store is not usable: {0}")]
    Address(String),
    /// A copy into this store was cut off.
    #[error("a copy into this store did not end; empty it and copy again")]
    Unfinished,
    /// The disk is full: nothing of this write was kept.
    #[error("the disk is full; nothing was stored")]
    Full,
    /// Files of the data folder could not be used.
    #[error("data folder: {0}")]
    Files(String),
    /// A stored value has not the shape it was stored with.
    #[error("column {0} has an unexpected type")]
    Column(usize),
    /// A stored body cannot be read back.
    #[error("stored body {0} is damaged")]
    Damaged(i64),
    /// Something that must be there is not.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// The data folder was written by a newer program.
    #[error("the data folder has schema {found}; this program knows up to {known}")]
    Newer {
        /// In the folder.
        found: i64,
        /// In this program.
        known: i64,
    },
    /// The writer is gone: the program is stopping, or a write panicked in the engine.
    #[error("the store has stopped")]
    Stopped,
    /// The keys are not there, or what is sealed does not open with them.
    #[error("{0}")]
    Sealed(String),
    /// A text with U+0000 was handed in: PostgreSQL keeps none, so no engine does. The fault of who sent it.
    #[error("a text holds the character U+0000, which no text may hold; leave it out")]
    Nul,
    /// A caller's own reason to take its write back.
    #[error("{0}")]
    Refused(String),
}

/// The result of store calls.
pub type Result<T> = std::result::Result<T, Error>;

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::DiskFull) => Self::Full,
            _ => Self::Engine(Arc::new(error)),
        }
    }
}

/// Connections kept open for readers; more readers wait for one.
const READERS: usize = 4;

/// The store of one data folder. Cheap to clone; the writer stops when the last clone is dropped.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    place: Place,
    writer: writer::Writer,
    hooks: Arc<writer::Hooks>,
    idle: Mutex<Vec<Engine>>,
    out: Mutex<usize>,
    returned: Condvar,
    /// Who asks the server for those who only glance; from the first of them on.
    relay: OnceLock<postgres::Relay>,
}

impl Store {
    /// Opens the store in `folder`, creating it or moving its schema forward.
    pub fn open(folder: &Path) -> Result<Self> {
        std::fs::create_dir_all(folder).map_err(|e| Error::Files(format!("{}: {e}", folder.display())))?;
        Self::at(Place::File(folder.join("mach.db")))
    }

    /// Opens the store in a PostgreSQL database (15 or newer, on this machine, encoded in UTF-8), creating its tables or
    /// moving them forward: `postgres://user:password@host:port/database`, or with `?host=/folder` of a socket.
    ///
    /// # Errors
    /// `Address` where `url` cannot be used, `Lost` where the server does not answer or refuses the account.
    pub fn connect(url: &str) -> Result<Self> {
        Self::at(Place::Server(Arc::new(postgres::Target::parse(url)?)))
    }

    fn at(place: Place) -> Result<Self> {
        let mut connection = place.writer()?;
        schema::bring_up_to_date(&mut connection)?;
        let hooks = Arc::new(writer::Hooks::default());
        let writer = writer::Writer::start(connection, Arc::clone(&hooks))?;
        let (idle, out, returned, relay) = (Mutex::default(), Mutex::new(0), Condvar::new(), OnceLock::new());
        let inner = Inner { place, writer, hooks, idle, out, returned, relay };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// A reader on the state as it is now. Waits while all reader connections are in use.
    pub fn read(&self, decision: &Decision) -> Result<Reader> {
        self.reader(decision, false)
    }

    /// A reader for one statement, or for several that need not see the same state: on PostgreSQL it costs no transaction.
    pub fn read_one(&self, decision: &Decision) -> Result<Reader> {
        self.reader(decision, true)
    }

    fn reader(&self, decision: &Decision, alone: bool) -> Result<Reader> {
        let mut out = lock(&self.inner.out);
        while *out >= READERS {
            out = self.inner.returned.wait(out).unwrap_or_else(std::sync::PoisonError::into_inner);
        }
        *out += 1;
        drop(out);
        let reused = idle(&self.inner, Sees::of(decision));
        self.begin_reading(decision, reused.map_or_else(|| self.inner.place.reader(), Ok), alone)
    }

    /// A reader that waits for nobody: where one is open and idle, and what it reads lies in this process. For a look of some
    /// microseconds that is not worth another thread.
    pub fn try_read(&self, decision: &Decision) -> Option<Reader> {
        let mut out = lock(&self.inner.out);
        if !matches!(self.inner.place, Place::File(_)) || *out >= READERS {
            return None;
        }
        let idle = idle(&self.inner, Sees::of(decision))?;
        *out += 1;
        drop(out);
        self.begin_reading(decision, Ok(idle), false).ok()
    }

    /// Where the store lies behind a wire: who asks there for those who only glance.
    fn relay(&self) -> Option<&postgres::Relay> {
        match &self.inner.place {
            Place::File(_) => None,
            Place::Server(target) => Some(self.inner.relay.get_or_init(|| postgres::Relay::open(Arc::clone(target)))),
        }
    }

    fn begin_reading(&self, decision: &Decision, opened: Result<Engine>, alone: bool) -> Result<Reader> {
        match opened.and_then(|mut c| c.begin_reading(alone, Sees::of(decision)).map(|()| c)) {
            Ok(connection) => {
                let (inner, hidden) = (Arc::clone(&self.inner), (!alone).then(sql::Hidden::new));
                Ok(Reader { connection: Some(connection), decision: decision.clone(), inner, hidden })
            }
            Err(e) => {
                *lock(&self.inner.out) -= 1;
                self.inner.returned.notify_one();
                Err(e)
            }
        }
    }

    /// Runs `work` in a transaction and waits until it is durable. Where `work` fails, nothing of it is kept.
    ///
    /// `work` may share its commit with other callers' work; it is all or nothing by itself.
    pub fn write<T: Send + 'static>(
        &self,
        decision: &Decision,
        work: impl FnOnce(&mut Tx<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.begin_write(decision, work)?.wait()
    }

    /// Hands `work` to the writer without waiting: the next piece can be prepared while this one becomes durable.
    /// Pieces handed in by one thread run in their order.
    pub fn begin_write<T: Send + 'static>(
        &self,
        decision: &Decision,
        work: impl FnOnce(&mut Tx<'_>) -> Result<T> + Send + 'static,
    ) -> Result<Pending<T>> {
        self.inner.writer.submit(decision.clone(), work)
    }

    /// Calls `hook` after each commit of this process, on the writer's own thread: it must return at once. It is forgotten
    /// once it gives false.
    pub fn on_commit(&self, hook: impl Fn() -> bool + Send + 'static) {
        lock(&self.inner.hooks.0).push(Box::new(hook));
    }

    /// Where it is kept, for messages: a file, or an address without its password.
    pub fn shown(&self) -> String {
        self.inner.place.shown()
    }

    /// Bytes of the database.
    pub fn size_bytes(&self, decision: &Decision) -> Result<i64> {
        self.read(decision)?.connection.as_mut().ok_or(Error::Stopped)?.size_bytes()
    }

    /// Folds the write-ahead log into the database file, as far as no reader holds it.
    pub fn checkpoint(&self, decision: &Decision) -> Result<()> {
        self.inner.writer.between_commits(decision.clone(), Engine::checkpoint)
    }
}

/// An open connection: one that saw the same before, where there is one.
fn idle(inner: &Inner, sees: Sees) -> Option<Engine> {
    let mut idle = lock(&inner.idle);
    let at = idle.iter().rposition(|engine| engine.saw(sees)).or(idle.len().checked_sub(1))?;
    Some(idle.swap_remove(at))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// A reader: one consistent state, opened by a decision.
pub struct Reader {
    connection: Option<Engine>,
    decision: Decision,
    inner: Arc<Inner>,
    /// What was found hidden in its state; none where each statement has a state of its own.
    hidden: Option<sql::Hidden>,
}

impl Reader {
    /// Whose rows may be given out.
    pub fn scope(&self) -> Scope {
        self.decision.scope()
    }

    /// The decision it was opened with.
    pub fn decision(&self) -> &Decision {
        &self.decision
    }

    /// Runs `work`, which may need readers itself, while others may have the place of this one: whoever holds a reader and
    /// waits for another would in the end wait for itself. Afterwards this reads the state as it is then.
    pub fn aside<T>(&mut self, work: impl FnOnce() -> T) -> Result<T> {
        self.give_back();
        let done = work();
        let mut fresh = Store { inner: Arc::clone(&self.inner) }.read(&self.decision)?;
        self.connection = fresh.connection.take();
        self.hidden = fresh.hidden.take();
        Ok(done)
    }

    fn give_back(&mut self) {
        let Some(mut connection) = self.connection.take() else { return };
        if connection.end_reading() {
            lock(&self.inner.idle).push(connection);
        }
        *lock(&self.inner.out) -= 1;
        self.inner.returned.notify_one();
    }
}

impl Query for Reader {
    fn each(&mut self, sql: &str, args: &[Arg<'_>], row: &mut dyn FnMut(&dyn Row) -> Result<()>) -> Result<()> {
        #[cfg(debug_assertions)]
        distribution::guard(sql);
        self.connection.as_mut().ok_or(Error::Stopped)?.each(sql, args, row)
    }

    fn ahead(&mut self, sql: &str, args: &[Arg<'_>]) -> bool {
        #[cfg(debug_assertions)]
        distribution::guard(sql);
        self.connection.as_mut().is_some_and(|connection| connection.ahead(sql, args))
    }

    fn scope(&self) -> Scope {
        self.decision.scope()
    }

    fn hidden(&mut self) -> Option<&mut sql::Hidden> {
        self.hidden.as_mut()
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.give_back();
    }
}

/// A transaction: what a caller's work writes through, and reads its own writes from.
pub struct Tx<'a> {
    connection: &'a mut Engine,
    decision: &'a Decision,
    seq: i64,
    at: i64,
    /// What this piece adds to the transparency log.
    logged: Vec<log::Leaf>,
}

impl Tx<'_> {
    /// Whose rows may be written.
    pub fn scope(&self) -> Scope {
        self.decision.scope()
    }

    /// The decision it was opened with.
    pub fn decision(&self) -> &Decision {
        self.decision
    }

    /// The number of this change in the commit log.
    pub fn seq(&self) -> i64 {
        self.seq
    }

    /// When this change is made, seconds since 1970 UTC; never before the change before it, whatever the clock says.
    pub fn at(&self) -> i64 {
        self.at
    }
}

impl Query for Tx<'_> {
    fn each(&mut self, sql: &str, args: &[Arg<'_>], row: &mut dyn FnMut(&dyn Row) -> Result<()>) -> Result<()> {
        #[cfg(debug_assertions)]
        distribution::guard(sql);
        self.connection.each(sql, args, row)
    }

    fn scope(&self) -> Scope {
        self.decision.scope()
    }
}

impl Execute for Tx<'_> {
    fn log(&mut self, fact: log::Fact, describe: &Describe, again: bool) -> Result<()> {
        self.logged.push(log::Leaf::new(fact, describe, again)?);
        Ok(())
    }

    fn run(&mut self, sql: &str, args: &[Arg<'_>]) -> Result<usize> {
        #[cfg(debug_assertions)]
        distribution::guard(sql);
        self.connection.run(sql, args)
    }

    fn push(&mut self, sql: &str, args: &[Arg<'_>]) -> Result<()> {
        #[cfg(debug_assertions)]
        distribution::guard(sql);
        self.connection.push(sql, args)
    }

    fn add(&mut self, into: &sql::Into, values: &[Arg<'_>]) -> Result<()> {
        #[cfg(debug_assertions)]
        distribution::guard(into.insert);
        self.connection.add(into, values)
    }

    fn next_key(&mut self, table: &'static str) -> Result<i64> {
        self.connection.next_key(table)
    }

    fn insert(&mut self, sql: &str, args: &[Arg<'_>]) -> Result<i64> {
        #[cfg(debug_assertions)]
        distribution::guard(sql);
        self.connection.insert(sql, args)
    }
}
