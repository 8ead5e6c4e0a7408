//! Does the log agree with itself, with its signatures, and with the tables? Whatever does not is named.
//!
//! Three walks, each a stream: the log from its beginning (tree, tiles, checkpoints); the log from its end (each fact's last
//! leaf against its row); the tables (each row has a leaf). What is remembered is a bit for each fact.

use super::tree::Growing;
use super::{BATCH, Batch, Fact, read, rows};
use crate::distribution::every;
use crate::sql::{self, Query};
use crate::{Error, Result};
use mach_tlog::checkpoint::Checkpoint;
use mach_tlog::fact::{self, Entry, Kind, Salt};
use mach_tlog::note::Verifier;
use mach_tlog::tree::leaf_hash;
use mach_tlog::{Hash, hex};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;

/// Rows of `log_batch` read at once.
const ROWS: i64 = 64;
/// Findings that are told; all are counted.
pub const TOLD: usize = 10_000;

/// Something that is not as it was logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// The row, its bytes or the change it belongs to are not those that were logged.
    Altered(Fact),
    /// The log has it and the table has not.
    Deleted(Fact),
    /// The table has it and the log has not.
    Inserted(Fact),
    /// It was made to look current, or ended, and is not.
    Hidden(Fact),
    /// Its salt was destroyed, and no erasure was logged.
    ErasedUnseen(Fact),
    /// Leaves that are missing, twice there, or not readable.
    Leaves {
        /// The first.
        from: u64,
        /// The one after the last.
        to: u64,
    },
    /// A stored hash that is not the one of what lies beneath: a tile was rewritten.
    Tile {
        /// Its level.
        level: u8,
        /// Its position in the level.
        tile: u64,
    },
    /// A checkpoint that is not signed by the log, or cannot be read.
    BadCheckpoint {
        /// Where it was found.
        found: String,
        /// What is wrong.
        why: String,
    },
    /// The log is shorter than it was when a checkpoint was signed: it was rolled back, an old dump perhaps.
    RolledBack {
        /// Where the checkpoint was found.
        found: String,
        /// How many leaves the log had then.
        had: u64,
        /// How many it has.
        has: u64,
    },
    /// The log is another one than it was when a checkpoint was signed: leaves before this size were rewritten.
    Forked {
        /// Where the checkpoint was found.
        found: String,
        /// How many leaves it covers.
        size: u64,
        /// The largest size below that at which a checkpoint does agree.
        agrees: u64,
    },
}

impl Finding {
    /// In one word.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Altered(_) => "altered",
            Self::Deleted(_) => "deleted",
            Self::Inserted(_) => "inserted",
            Self::Hidden(_) => "hidden",
            Self::ErasedUnseen(_) => "erased-unseen",
            Self::Leaves { .. } => "leaves-damaged",
            Self::Tile { .. } => "tile-rewritten",
            Self::BadCheckpoint { .. } => "bad-checkpoint",
            Self::RolledBack { .. } => "rolled-back",
            Self::Forked { .. } => "forked",
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Altered(fact) => write!(f, "{fact} was altered"),
            Self::Deleted(fact) => write!(f, "{fact} was deleted"),
            Self::Inserted(fact) => write!(f, "{fact} was inserted, the log has no leaf of it"),
            Self::Hidden(fact) => write!(f, "{fact} was made to look current, or ended, and is not"),
            Self::ErasedUnseen(fact) => write!(f, "{fact} lost its salt, and no erasure was logged"),
            Self::Leaves { from, to } => write!(f, "leaves {from} to {to} of the log are missing or damaged"),
            Self::Tile { level, tile } => write!(f, "tile {tile} of level {level} was rewritten"),
            Self::BadCheckpoint { found, why } => write!(f, "{found}: {why}"),
            Self::RolledBack { found, had, has } => {
                write!(f, "{found}: the log had {had} leaves and has {has}; it was rolled back")
            }
            Self::Forked { found, size, agrees } => {
                write!(f, "{found}: leaves {agrees} to {size} are not those that were signed; the log was rewritten")
            }
        }
    }
}

/// Against what the log is checked, beside itself.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// The log's key; without it signatures are not checked.
    pub key: Option<Verifier>,
    /// Checkpoints kept elsewhere, each with where it was found: by witnesses, by the node beside its store.
    pub checkpoints: Vec<(String, String)>,
}

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Leaves and rows looked at.
    pub done: u64,
    /// Of about so many.
    pub of: u64,
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Leaves of the log.
    pub leaves: u64,
    /// Its root, hexadecimal.
    pub root: String,
    /// Rows of facts.
    pub rows: u64,
    /// Checkpoints that agree.
    pub checkpoints: u64,
    /// Facts that were erased by an act that was logged.
    pub erased: Vec<Fact>,
    /// What is wrong, at most `TOLD`.
    pub findings: Vec<Finding>,
    /// How many findings there are.
    pub found: u64,
}

impl Report {
    fn find(&mut self, finding: Finding) {
        self.found += 1;
        if self.findings.len() < TOLD {
            self.findings.push(finding);
        }
    }
}

/// Checks the whole log against the whole store.
///
/// # Errors
/// Where the store cannot be read; what is damaged in it is a finding.
pub fn verify(on: &mut dyn Query, asked: &Asked, told: &mut dyn FnMut(Progress)) -> Result<Report> {
    let mut report = Report::default();
    let size = read::stored_size(on)?;
    let mut done = 0;
    let mut tell = |more: u64| {
        done += more;
        told(Progress { done, of: 3 * size.max(1) });
    };
    let points = points(on, asked, &mut report)?;
    forward(on, points, &mut report, &mut tell)?;
    let seen = backward(on, &mut report, &mut tell)?;
    for kind in Kind::ALL {
        let mut count = 0_u64;
        rows::names(on, kind, &mut |fact| {
            count += 1;
            if count.is_multiple_of(BATCH as u64) {
                tell(BATCH as u64);
            }
            if !seen.has(&fact) {
                report.find(Finding::Inserted(fact));
            }
            Ok(())
        })?;
        report.rows += count;
    }
    hidden(on, &mut report)?;
    Ok(report)
}

/// A checkpoint that the tree must pass through.
struct Point {
    found: String,
    size: u64,
    root: Hash,
}

/// All checkpoints, stored and given, in the order of their sizes.
fn points(on: &mut dyn Query, asked: &Asked, report: &mut Report) -> Result<Vec<Point>> {
    let stored =
        sql::list(on, "SELECT size, at, note, public_key FROM log_checkpoint ORDER BY hour", &[], read::checkpointed)?;
    let stored = stored.into_iter().map(|c| (format!("stored checkpoint of size {}", c.size), c.note));
    let mut points = Vec::new();
    for (found, note) in stored.chain(asked.checkpoints.iter().cloned()) {
        let opened = match &asked.key {
            Some(key) => Checkpoint::open(&note, key).map(|(checkpoint, _)| checkpoint),
            None => mach_tlog::note::Note::parse(&note).and_then(|note| Checkpoint::parse(note.text())),
        };
        match opened {
            Ok(checkpoint) => points.push(Point { found, size: checkpoint.size, root: checkpoint.root }),
            Err(e) => report.find(Finding::BadCheckpoint { found, why: e.to_string() }),
        }
    }
    points.sort_by_key(|p| p.size);
    Ok(points)
}

/// Walks the log from its beginning: are all leaves there, are the tiles of them, do the checkpoints agree?
fn forward(on: &mut dyn Query, points: Vec<Point>, report: &mut Report, tell: &mut dyn FnMut(u64)) -> Result<()> {
    let sql = format!("SELECT {} FROM log_batch WHERE first >= ?1 ORDER BY first LIMIT {ROWS}", Batch::COLUMNS);
    let mut points = points.into_iter().peekable();
    let (mut tree, mut agrees, mut nodes, mut next) = (Growing::default(), 0, 0_u64, i64::MIN);
    let mut pass = |tree: &Growing, report: &mut Report| {
        while let Some(point) = points.next_if(|p| p.size <= tree.size()) {
            if point.size == tree.size() && point.root == tree.root() {
                agrees = point.size;
                report.checkpoints += 1;
            } else {
                report.find(Finding::Forked { found: point.found, size: point.size, agrees });
            }
        }
        points.peek().map_or(u64::MAX, |p| p.size)
    };
    let mut until = pass(&tree, report);
    loop {
        let batches = sql::list(on, &sql, &[next.into()], Batch::from_row)?;
        let Some(last) = batches.last() else { break };
        next = last.first.saturating_add(1);
        let mut full = Vec::new();
        for batch in &batches {
            let first = u64::try_from(batch.first).unwrap_or(0);
            let entries = batch.entries().unwrap_or_default();
            if first != tree.size() || batch.leaves().is_none() {
                let (from, to) = (tree.size().min(first), first.max(tree.size()).max(first + entries.len() as u64));
                report.find(Finding::Leaves { from, to });
            }
            for entry in entries {
                tree.push(leaf_hash(entry), &mut full);
                if tree.size() == until {
                    until = pass(&tree, report);
                }
            }
            tell(entries.len() as u64);
        }
        for (level, n, hash) in full {
            nodes += 1;
            let sql = "SELECT hash FROM log_node WHERE level = ?1 AND n = ?2";
            let stored =
                sql::first(on, sql, &[i64::from(level).into(), (n as i64).into()], |r| Ok(r.blob(0)?.to_vec()))?;
            if stored.as_deref() != Some(hash.as_slice()) {
                report.find(Finding::Tile { level: level - 1, tile: n });
            }
        }
    }
    if sql::int(on, "SELECT count(*) FROM log_node", &[])? > nodes as i64 {
        report.find(Finding::Leaves { from: tree.size(), to: tree.size() + 1 });
    }
    for point in points {
        report.find(Finding::RolledBack { found: point.found, had: point.size, has: tree.size() });
    }
    (report.leaves, report.root) = (tree.size(), hex(&tree.root()));
    Ok(())
}

/// Facts that were met, a bit each.
#[derive(Default)]
struct Seen {
    bits: HashMap<(Kind, i64), Box<[u64; 1024]>>,
    others: HashSet<Fact>,
}

impl Seen {
    /// Where the bit of a fact is; `None` for the few that a number does not name.
    fn place(fact: &Fact) -> Option<((Kind, i64), usize, u64)> {
        let alone = match fact.kind {
            Kind::CheckIn => false,
            Kind::ClaimVersion => fact.version == 1,
            Kind::Number => fact.of == 0,
            _ => true,
        };
        let key = u32::try_from(fact.key).ok().filter(|_| alone)?;
        Some(((fact.kind, i64::from(key >> 16)), (key >> 6 & 1023) as usize, 1 << (key & 63)))
    }

    fn bare(fact: &Fact) -> Fact {
        let (kind, key, second, third, name) = rows::identity(fact);
        Fact { kind, key, facility: second, version: third, of: 0, name: name.to_owned() }
    }

    /// Notes a fact; false where it was met before.
    fn add(&mut self, fact: &Fact) -> bool {
        let Some((page, word, bit)) = Self::place(fact) else { return self.others.insert(Self::bare(fact)) };
        let word = &mut self.bits.entry(page).or_insert_with(|| Box::new([0; 1024]))[word];
        let is_new = *word & bit == 0;
        *word |= bit;
        is_new
    }

    fn has(&self, fact: &Fact) -> bool {
        match Self::place(fact) {
            Some((page, word, bit)) => self.bits.get(&page).is_some_and(|p| p[word] & bit != 0),
            None => self.others.contains(&Self::bare(fact)),
        }
    }
}

/// Walks the log from its end: the last leaf of each fact must describe its row.
fn backward(on: &mut dyn Query, report: &mut Report, tell: &mut dyn FnMut(u64)) -> Result<Seen> {
    let sql = format!("SELECT {} FROM log_batch WHERE first < ?1 ORDER BY first DESC LIMIT {ROWS}", Batch::COLUMNS);
    let (mut seen, mut erasures, mut next) = (Seen::default(), HashSet::new(), i64::MAX);
    loop {
        let batches = sql::list(on, &sql, &[next.into()], Batch::from_row)?;
        let Some(last) = batches.last() else { return Ok(seen) };
        next = last.first;
        let mut waiting = Vec::new();
        for batch in batches {
            // A row that cannot be read was told by the other walk.
            let leaves = batch.leaves().unwrap_or_default();
            tell(leaves.len() as u64);
            waiting.extend(leaves.into_iter().rev().filter(|(_, _, fact)| seen.add(fact)));
            if waiting.len() >= BATCH {
                compare(on, &mut waiting, &mut erasures, report)?;
            }
        }
        compare(on, &mut waiting, &mut erasures, report)?;
    }
}

/// Compares the last leaves of facts with their rows.
fn compare(
    on: &mut dyn Query,
    leaves: &mut Vec<(Entry, Salt, Fact)>,
    erasures: &mut HashSet<(String, i64)>,
    report: &mut Report,
) -> Result<()> {
    let mut open = BTreeMap::new();
    let mut erased = Vec::new();
    for (entry, salt, fact) in leaves.drain(..) {
        if salt == Salt::default() {
            erased.push(fact);
        } else {
            open.insert(fact, (entry, salt));
        }
    }
    let names: Vec<Fact> = open.keys().cloned().collect();
    for (fact, described) in rows::load(on, &names)? {
        let Some((entry, salt)) = open.get(&fact) else { return Err(Error::Missing("a fact that was asked for")) };
        // The name told is the one in the log: that of the row may be what was changed.
        let Some((_, described)) = described else {
            report.find(Finding::Deleted(fact));
            continue;
        };
        if described.entry(salt) != *entry {
            report.find(Finding::Altered(fact));
        } else if fact.kind == Kind::Event
            && let Ok(text) = std::str::from_utf8(described.as_bytes())
            && fact::field(text, "act") == Some(super::erase::ACT)
            && let Some(what) = fact::field(text, "detail").and_then(super::erase::named)
        {
            erasures.insert(what);
        }
    }
    for fact in erased {
        if erasures.contains(&(fact.kind.name().to_owned(), fact.key)) {
            report.erased.push(fact);
        } else {
            report.find(Finding::ErasedUnseen(fact));
        }
    }
    Ok(())
}

/// Versions whose end does not agree with their successor: the last version that was taken back would show an older one.
fn hidden(on: &mut dyn Query, report: &mut Report) -> Result<()> {
    const ENTITY: &str = "CASE WHEN r.eid = 0 THEN r.rid ELSE r.eid END";
    const NAMES: &str = "SELECT r.rid, r.facility, r.version, r.type, r.id FROM resource r";
    let next = |more: &str| {
        format!(
            "EXISTS (SELECT 1 FROM resource n WHERE n.eid = {ENTITY} AND n.eid <> 0 AND n.facility = r.facility
                AND n.version = r.version + 1{more})"
        )
    };
    for sql in [
        format!("{NAMES} WHERE r.until <> 0 AND NOT {}", next(" AND (r.until = n.seq OR r.until = -r.rid)")),
        format!("{NAMES} WHERE r.until = 0 AND {}", next("")),
    ] {
        on.each(&format!("{sql}{}", every!("whole store")), &[], &mut |r| {
            let [key, facility, version, of] = [r.int(0)?, r.int(1)?, r.int(2)?, r.int(3)?];
            let name = r.text(4)?.to_owned();
            report.find(Finding::Hidden(Fact { kind: Kind::Resource, key, facility, version, of, name }));
            Ok(())
        })?;
    }
    Ok(())
}
