//! The transparency log of this node: every fact that is stored becomes a leaf, in the same transaction.
//!
//! A module that writes a fact hands its description to [`Execute::log`](crate::sql::Execute::log); the writer appends the
//! leaves of all pieces of a commit at its end, in one row, and a row for each 256 leaves that became full. What a leaf says
//! is in `mach_tlog::fact`: a salted commitment. Salt (sealed) and name of the fact lie beside the entry and never leave the
//! store but with the record itself.
//!
//! The last leaf of a fact describes it as it must be now; earlier leaves of the same fact are its history. `verify` walks
//! log and tables both ways and names what does not agree. What is and is not proved: `docs/transparency.md`.

mod erase;
mod facts;
mod read;
mod rows;
mod tree;
mod verify;

use crate::sealed::{self, row};
use crate::sql::{Execute, Query};
use crate::{Error, Result, Tx};
use mach_base::time::now_seconds;
use mach_fhir::ResourceType;
use mach_seal::Purpose;
use mach_tlog::fact::{Describe, ENTRY_BYTES, Entry, Kind, SALT_BYTES, Salt};
use mach_tlog::tree::leaf_hash;
use std::cell::RefCell;

pub(crate) use facts::{ClaimVersionFact, ResourceFact, audit, claim, number};
pub use read::{Checkpointed, checkpoint, consistency, keep_checkpoint, receipt, root, size, tile};
pub(crate) use tree::{Growing, cut};
pub use verify::{Asked, Finding, Progress, Report, verify};

/// Tables of the log.
pub const DDL: &[&str] = &[
    "CREATE TABLE log_batch(first INTEGER PRIMARY KEY, count INTEGER NOT NULL, seq INTEGER NOT NULL, entries BLOB NOT NULL,
        salts BLOB NOT NULL, names BLOB NOT NULL)",
    "CREATE INDEX log_batch_seq ON log_batch(seq)",
    // Hashes of full subtrees of 256^level leaves: what tiles above the lowest are made of.
    "CREATE TABLE log_node(level INTEGER NOT NULL, n INTEGER NOT NULL, hash BLOB NOT NULL, PRIMARY KEY(level, n)) {clustered}",
    // The last checkpoint of each hour.
    "CREATE TABLE log_checkpoint(hour INTEGER PRIMARY KEY, size INTEGER NOT NULL, at INTEGER NOT NULL, note TEXT NOT NULL,
        public_key TEXT NOT NULL)",
    // The last leaf of facts that were described more than once.
    "CREATE TABLE log_again(kind INTEGER NOT NULL, key INTEGER NOT NULL, leaf INTEGER NOT NULL, PRIMARY KEY(kind, key))
        {clustered}",
    "CREATE TABLE log_event(id INTEGER PRIMARY KEY, at INTEGER NOT NULL, account INTEGER NOT NULL, name TEXT NOT NULL,
        act TEXT NOT NULL, detail TEXT NOT NULL)",
];

/// Leaves of one row of `log_batch`, at most.
pub(crate) const BATCH: usize = 4096;

/// Which fact: what names it in a report and finds its row.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fact {
    /// Of which kind.
    pub kind: Kind,
    /// Its number: `rid` of a resource version, number of a claim, an account…; 0 where the name is the key.
    pub key: i64,
    /// The facility whose fact it is; 0 is the province.
    pub facility: i64,
    /// Version of a resource or a claim.
    pub version: i64,
    /// Number of the resource type; of a number, 1 where it is a department's.
    pub of: i64,
    /// Id of a resource, name of an account, `MA_LK`, code.
    pub name: String,
}

impl Fact {
    /// A fact that is known by its number alone.
    pub(crate) fn numbered(kind: Kind, key: i64) -> Self {
        Self { kind, key, facility: 0, version: 0, of: 0, name: String::new() }
    }

    fn encode(&self, out: &mut Vec<u8>) {
        for n in [self.key, self.facility, self.version, self.of, self.name.len() as i64] {
            let mut rest = (n << 1 ^ n >> 63) as u64;
            while rest >= 0x80 {
                out.push(rest as u8 | 0x80);
                rest >>= 7;
            }
            out.push(rest as u8);
        }
        out.extend(self.name.as_bytes());
    }

    fn decode(kind: Kind, bytes: &mut &[u8]) -> Option<Self> {
        let mut next = || {
            let (mut n, mut shift) = (0_u64, 0);
            loop {
                let (byte, rest) = bytes.split_first()?;
                *bytes = rest;
                n |= u64::from(byte & 0x7f).checked_shl(shift)?;
                if byte & 0x80 == 0 {
                    return Some((n >> 1) as i64 ^ -((n & 1) as i64));
                }
                shift += 7;
            }
        };
        let (key, facility, version, of, length) = (next()?, next()?, next()?, next()?, next()?);
        let (name, rest) = bytes.split_at_checked(usize::try_from(length).ok()?)?;
        *bytes = rest;
        Some(Self { kind, key, facility, version, of, name: std::str::from_utf8(name).ok()?.to_owned() })
    }
}

impl std::fmt::Display for Fact {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { kind, key, facility, version, of, name } = self;
        match kind {
            Kind::Resource => {
                let of = u16::try_from(*of).ok().and_then(ResourceType::from_number).map_or("?", ResourceType::name);
                // Ids are a facility's own.
                let whose = if *facility == 0 { String::new() } else { format!(" (facility {facility})") };
                write!(f, "{of}/{name} version {version}{whose}")
            }
            Kind::ClaimVersion => write!(f, "claim {key} version {version}"),
            Kind::CheckIn => write!(f, "check-in {name} (facility {facility})"),
            Kind::Account => write!(f, "account {name}"),
            Kind::Number if *of == 1 => write!(f, "department {name}"),
            Kind::Number => write!(f, "facility {name}"),
            kind => write!(f, "{} {key}", kind.name()),
        }
    }
}

/// A leaf on its way into the log.
#[derive(Clone, Debug)]
pub(crate) struct Leaf {
    entry: Entry,
    salt: Salt,
    fact: Fact,
    /// The fact has leaves already.
    again: bool,
}

impl Leaf {
    pub(crate) fn new(fact: Fact, describe: &Describe, again: bool) -> Result<Self> {
        let salt = new_salt()?;
        Ok(Self { entry: describe.entry(&salt), salt, fact, again })
    }
}

/// Random bytes are fetched for this many salts at once.
const SALTS: usize = 64;

thread_local! {
    static SALT: RefCell<Vec<Salt>> = const { RefCell::new(Vec::new()) };
}

fn new_salt() -> Result<Salt> {
    SALT.with_borrow_mut(|salts| {
        if let Some(salt) = salts.pop() {
            return Ok(salt);
        }
        let mut bytes = [0; SALTS * SALT_BYTES];
        getrandom::fill(&mut bytes).map_err(|e| Error::Files(format!("no random numbers: {e}")))?;
        salts.extend(bytes.as_chunks::<SALT_BYTES>().0);
        salts.pop().ok_or(Error::Missing("a random number"))
    })
}

/// What the pieces of one commit add to the log.
#[derive(Debug, Default)]
pub(crate) struct Group {
    /// First and last number in the commit log.
    seqs: Option<(i64, i64)>,
    leaves: Vec<Leaf>,
}

impl Group {
    /// Takes what a piece that is kept has logged.
    pub(crate) fn take(&mut self, seq: i64, leaves: Vec<Leaf>) {
        self.seqs = Some((self.seqs.map_or(seq, |(first, _)| first), seq));
        if self.leaves.is_empty() {
            self.leaves = leaves;
        } else {
            self.leaves.extend(leaves);
        }
    }
}

/// The log as the writer knows it between commits.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// The tree, and the last number of the commit log that it holds; none where it must be read again.
    known: Option<(Growing, i64)>,
    /// The tree after the commit under way.
    next: Option<(Growing, i64)>,
}

impl Ledger {
    /// Appends what a commit adds; to be called last before it is made durable.
    pub(crate) fn append(&mut self, on: &mut dyn Execute, group: Group) -> Result<()> {
        let Some((first, last)) = group.seqs else { return Ok(()) };
        // Commits are numbered without a gap: where one is missing another process has written.
        let known = self.known.take().filter(|(_, seq)| seq + 1 == first).map(|(tree, _)| tree);
        let mut tree = match known {
            Some(tree) => tree,
            None if group.leaves.is_empty() => return Ok(()),
            None => Growing::load(on)?,
        };
        for leaves in group.leaves.chunks(BATCH) {
            append(on, &mut tree, leaves, last)?;
        }
        self.next = Some((tree, last));
        Ok(())
    }

    /// What was appended is durable, or not.
    pub(crate) fn committed(&mut self, done: bool) {
        self.known = self.next.take().filter(|_| done);
    }
}

fn append(on: &mut dyn Execute, tree: &mut Growing, leaves: &[Leaf], seq: i64) -> Result<()> {
    let first = tree.size();
    let (mut entries, mut salts) = (Vec::with_capacity(leaves.len() * ENTRY_BYTES), Vec::new());
    let mut names = Vec::new();
    let mut full = Vec::new();
    for (n, leaf) in leaves.iter().enumerate() {
        entries.extend(leaf.entry);
        salts.extend(leaf.salt);
        leaf.fact.encode(&mut names);
        tree.push(leaf_hash(&leaf.entry), &mut full);
        if leaf.again && leaf.fact.key != 0 {
            on.push(
                "INSERT INTO log_again(kind, key, leaf) VALUES (?1, ?2, ?3)
                    ON CONFLICT(kind, key) DO UPDATE SET leaf = excluded.leaf",
                &[(leaf.fact.kind as i64).into(), leaf.fact.key.into(), (first as i64 + n as i64).into()],
            )?;
        }
    }
    on.push(
        "INSERT INTO log_batch(first, count, seq, entries, salts, names) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        &[
            (first as i64).into(),
            (leaves.len() as i64).into(),
            seq.into(),
            entries.as_slice().into(),
            seal_salts(first as i64, &salts)?.as_slice().into(),
            pack_names(names)?.as_slice().into(),
        ],
    )?;
    for (level, n, hash) in full {
        on.push(
            "INSERT INTO log_node(level, n, hash) VALUES (?1, ?2, ?3)",
            &[i64::from(level).into(), (n as i64).into(), hash.as_slice().into()],
        )?;
    }
    Ok(())
}

/// Salts as their row keeps them: who has the disk must not learn what a leaf says by trying what it may say.
fn seal_salts(first: i64, plain: &[u8]) -> Result<Vec<u8>> {
    sealed::bytes(Purpose::Body, &row!("log_batch", first), plain)
}

/// Rows of the log looked at in one statement.
const ROWS: usize = 500;

/// Salts as a row keeps them: its first leaf, how many leaves it has, the salts.
pub(crate) type Salts = (i64, i64, Vec<u8>);

/// The salts of rows of the log past `after`, and whether there may be more.
pub(crate) fn salts_after(on: &mut dyn Query, after: i64) -> Result<(Vec<Salts>, bool)> {
    let sql = format!("SELECT first, count, salts FROM log_batch WHERE first > ?1 ORDER BY first LIMIT {ROWS}");
    let rows = crate::sql::list(on, &sql, &[after.into()], |r| Ok((r.int(0)?, r.int(1)?, r.blob(2)?.to_vec())))?;
    let more = rows.len() == ROWS;
    Ok((rows, more))
}

/// Puts salts in the place of those of the row whose first leaf is `first`, sealed.
pub(crate) fn put_salts(tx: &mut dyn Execute, first: i64, plain: &[u8]) -> Result<()> {
    let sealed = seal_salts(first, plain)?;
    tx.push("UPDATE log_batch SET salts = ?2 WHERE first = ?1", &[first.into(), sealed.as_slice().into()])
}

/// The salts of a row, sealed; one that an earlier program wrote is as long as its leaves' salts are.
pub(crate) fn seal_old_salts(tx: &mut dyn Execute) -> Result<()> {
    let (mut after, mut more) = (-1, true);
    while more {
        let (rows, on) = salts_after(tx, after)?;
        for (first, count, salts) in rows {
            if usize::try_from(count).is_ok_and(|n| n * SALT_BYTES == salts.len()) {
                put_salts(tx, first, &salts)?;
            }
            after = first;
        }
        more = on;
    }
    Ok(())
}

/// Names longer than this are compressed: those of one commit repeat each other.
const PLAIN_NAMES: usize = 256;
/// Bytes of a batch's names, at most.
const NAMES_BYTES: usize = 16 << 20;

fn pack_names(plain: Vec<u8>) -> Result<Vec<u8>> {
    if plain.len() <= PLAIN_NAMES {
        return Ok([&[0], plain.as_slice()].concat());
    }
    let packed = zstd::bulk::compress(&plain, 1).map_err(|e| Error::Files(e.to_string()))?;
    Ok([&[1], packed.as_slice()].concat())
}

fn unpack_names(packed: &[u8]) -> Option<Vec<u8>> {
    match packed.split_first()? {
        (0, plain) => Some(plain.to_vec()),
        (1, packed) => zstd::bulk::decompress(packed, NAMES_BYTES).ok(),
        _ => None,
    }
}

/// A row of `log_batch`.
#[derive(Clone, Debug)]
struct Batch {
    first: i64,
    entries: Vec<u8>,
    salts: Vec<u8>,
    names: Vec<u8>,
}

impl Batch {
    const COLUMNS: &str = "first, entries, salts, names";

    fn from_row(r: &dyn crate::sql::Row) -> Result<Self> {
        let blob = |n| Ok::<_, Error>(r.blob(n)?.to_vec());
        let first = r.int(0)?;
        let salts = match mach_seal::open(&row!("log_batch", first), r.blob(2)?) {
            // What does not open was changed: it is none of the leaves' salts.
            Err(mach_seal::Error::Closed) => blob(2)?,
            opened => opened?,
        };
        Ok(Self { first, entries: blob(1)?, salts, names: blob(3)? })
    }

    fn entries(&self) -> Option<&[Entry]> {
        let (entries, rest) = self.entries.as_chunks::<ENTRY_BYTES>();
        rest.is_empty().then_some(entries)
    }

    /// Each leaf: its entry, its salt, and which fact it is of; `None` where the row is not what was written.
    fn leaves(&self) -> Option<Vec<(Entry, Salt, Fact)>> {
        let entries = self.entries()?;
        let (salts, rest) = self.salts.as_chunks::<SALT_BYTES>();
        if salts.len() != entries.len() || !rest.is_empty() {
            return None;
        }
        let names = unpack_names(&self.names)?;
        let mut names = names.as_slice();
        let leaves = entries.iter().zip(salts).map(|(entry, salt)| {
            let kind = mach_tlog::fact::kind_of(entry).ok()?;
            Some((*entry, *salt, Fact::decode(kind, &mut names)?))
        });
        let leaves: Vec<_> = leaves.collect::<Option<_>>()?;
        names.is_empty().then_some(leaves)
    }
}

impl Tx<'_> {
    /// Notes what was done to the node itself, as a row and a leaf: `backup`, `restore`, `content`, `erase`.
    pub fn log_event(&mut self, act: &str, detail: &str) -> Result<i64> {
        let actor = self.decision().actor().clone();
        let at = now_seconds();
        let id = self.insert(
            "INSERT INTO log_event(at, account, name, act, detail) VALUES (?1, ?2, ?3, ?4, ?5)",
            &[at.into(), actor.account.into(), (&actor.name).into(), act.into(), detail.into()],
        )?;
        let describe = facts::event(id, at, (actor.account, &actor.name), act, detail);
        self.log(Fact::numbered(Kind::Event, id), &describe, false)?;
        Ok(id)
    }

    /// Notes the digest of the rules and lists in force, where it is another than the last one noted. True where it was.
    pub fn log_content(&mut self, digest: &str) -> Result<bool> {
        let last = "SELECT detail FROM log_event WHERE act = 'content' ORDER BY id DESC LIMIT 1";
        if crate::sql::first(self, last, &[], |r| Ok(r.text(0)?.to_owned()))?.as_deref() == Some(digest) {
            return Ok(false);
        }
        self.log_event("content", digest).map(|_| true)
    }
}

/// Describes facts again as they are now, after their rows were changed.
pub(crate) fn again(tx: &mut dyn Execute, facts: &[Fact]) -> Result<()> {
    for facts in facts.chunks(BATCH) {
        for (_, found) in rows::load(tx, facts)? {
            let (fact, describe) = found.ok_or(Error::Missing("a fact that was changed"))?;
            tx.log(fact, &describe, true)?;
        }
    }
    Ok(())
}

/// Logs every fact that an older program stored: from now on they cannot be changed unseen.
pub(crate) fn adopt(engine: &mut crate::engine::Engine) -> Result<()> {
    let seq = crate::sql::int(engine, "SELECT coalesce(max(seq), 0) FROM commit_log", &[])?;
    let mut tree = Growing::load(engine)?;
    for kind in Kind::ALL {
        let mut all = Vec::new();
        rows::names(engine, kind, &mut |fact| {
            all.push(fact);
            Ok(())
        })?;
        for some in all.chunks(BATCH) {
            let found = rows::load(engine, some)?.into_iter().filter_map(|(_, found)| found);
            let leaves = found.map(|(fact, describe)| Leaf::new(fact, &describe, false)).collect::<Result<Vec<_>>>()?;
            append(engine, &mut tree, &leaves, seq)?;
        }
    }
    Ok(())
}
