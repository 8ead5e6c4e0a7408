//! Is everything still there? Every table is read to its end, every pack is unpacked, and what is lost is named.
//!
//! SQLite keeps no checksum of its pages: a page that turned to nonsense breaks the tree it belongs to and is found by
//! `integrity_check`; a changed byte within a body is found by the pack's own checksum. A changed byte within a plain
//! number of a row is found by neither: a backup with its digest is the answer to that.

use crate::distribution::every;
use crate::engine::Table;
use crate::sql::{self, Query};
use crate::{Error, Reader, Result, Store, pack};
use mach_access::Decision;
use mach_fhir::ResourceType;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// Lines of the engine's own check that are told.
const LINES: u32 = 200;
/// Lost ranges that are told of one table.
const RANGES: usize = 1000;
/// Keys read at once.
const KEYS: i64 = 1000;
/// Bytes of a database that is looked through whole when the program starts: some 50 ms.
const WHOLE_AT_START: i64 = 16 << 20;
/// Bodies of a larger one that are unpacked then, evenly spread.
const SAMPLED_AT_START: i64 = 64;

/// Something that is not as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Damage {
    /// What the engine's own check says of a table or an index of a table; an index can be built again.
    Tree {
        /// The table or the index; empty where it is not known.
        name: String,
        /// It is an index: no row is lost by it.
        index: bool,
        /// In the engine's words.
        said: String,
    },
    /// Rows that cannot be read: their integer keys, from and to.
    Rows {
        /// The table.
        table: String,
        /// First and last key that are lost; keys that never were lie between them too.
        keys: (i64, i64),
    },
    /// A table without an integer key that cannot be read to its end.
    Table {
        /// The table.
        table: String,
        /// Rows that could be read.
        readable: u64,
        /// Why not more.
        said: String,
    },
    /// A body that cannot be unpacked or is not there, with every version that lies in it.
    Pack {
        /// Its number.
        pack: i64,
        /// `Observation/a version 2`, `claim 12 version 1`.
        holds: Vec<String>,
    },
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tree { name, index: true, said } => write!(f, "index {name}: {said} (no row is lost by it)"),
            Self::Tree { name, said, .. } => write!(f, "{name}: {said}"),
            Self::Rows { table, keys: (from, to) } => write!(f, "{table}: rows {from} to {to} are lost"),
            Self::Table { table, readable, said } => write!(f, "{table}: only {readable} rows can be read: {said}"),
            Self::Pack { pack, holds } => write!(f, "pack {pack} is damaged, lost: {}", holds.join(", ")),
        }
    }
}

/// How far a check is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    /// What is being read.
    pub table: String,
    /// Rows read so far, of all tables.
    pub rows: u64,
}

impl Store {
    /// Reads everything there is; gives what is damaged, nothing where all is well.
    ///
    /// # Errors
    /// Where not even the list of tables can be read; `Sealed` where a key is missing: that is no damage.
    pub fn check(&self, decision: &Decision, told: &mut dyn FnMut(Checked)) -> Result<Vec<Damage>> {
        let mut reader = self.read(decision)?;
        let engine = reader.connection.as_mut().ok_or(Error::Stopped)?;
        let tables = engine.tables()?;
        let mut damages: Vec<Damage> = engine.own_check(LINES)?;
        let (mut rows, mut packs) = (0, BTreeMap::new());
        for table in &tables {
            told(Checked { table: table.name.clone(), rows });
            // An error ends the state of a PostgreSQL reader: each table has one of its own.
            let mut walk = Walk { store: self, decision, reader: self.read(decision)?, table, damages: Vec::new() };
            rows += match table.key.as_slice() {
                [key] if table.is_int(key) => walk.by_key(key, &mut packs)?,
                _ => walk.read_to_the_end(),
            };
            damages.append(&mut walk.damages);
        }
        told(Checked { table: "pack".to_owned(), rows });
        damages.extend(self.broken_packs(decision, &packs)?);
        Ok(damages)
    }

    /// A look of bounded length, for the start of the program: a small database whole; of a larger one both ends of every
    /// table and some bodies of all its age. What it does not see is found by [`Store::quick_check`], which reads everything.
    ///
    /// # Errors
    /// Where not even the list of tables can be read.
    pub fn check_at_start(&self, decision: &Decision) -> Result<Vec<Damage>> {
        let mut reader = self.read(decision)?;
        let engine = reader.connection.as_mut().ok_or(Error::Stopped)?;
        if engine.size_bytes()? <= WHOLE_AT_START {
            return engine.quick_check(LINES);
        }
        let mut damages = Vec::new();
        for table in engine.tables()? {
            let key = table.key.join(", ");
            let backwards = table.key.iter().map(|k| format!("{k} DESC")).collect::<Vec<_>>().join(", ");
            for order in [key, backwards].iter().filter(|order| !order.is_empty()) {
                let sql = format!("SELECT * FROM {} ORDER BY {order} LIMIT 1{}", table.name, every!("whole store"));
                if let Err(e) = self.read(decision)?.each(&sql, &[], &mut |_| Ok(())) {
                    damages.push(Damage::Tree { name: table.name.clone(), index: false, said: e.to_string() });
                    break;
                }
            }
        }
        let every = every!("whole store");
        let highest = format!("SELECT coalesce(max(id), 0) FROM pack{every}");
        let last = sql::int(&mut self.read(decision)?, &highest, &[])?;
        for n in 0..SAMPLED_AT_START {
            let mut reader = self.read(decision)?;
            let from = last / SAMPLED_AT_START * n;
            let sql = format!("SELECT id, facility FROM pack WHERE id >= ?1 ORDER BY id LIMIT 1{every}");
            let found = sql::first(&mut reader, &sql, &[from.into()], |r| Ok((r.int(0)?, r.int(1)?)))?;
            let Some((pack, facility)) = found else { break };
            match pack::read(&mut reader, facility, pack) {
                Ok(_) => {}
                Err(e @ Error::Sealed(_)) => return Err(e),
                Err(_) => damages.push(Damage::Pack { pack, holds: self.held_by(decision, pack)? }),
            }
        }
        Ok(damages)
    }

    /// The versions whose bodies lie in `pack`.
    fn held_by(&self, decision: &Decision, pack: i64) -> Result<Vec<String>> {
        let mut holds = Vec::new();
        let sql = format!("SELECT type, id, version FROM resource WHERE pack = ?1{}", every!("whole store"));
        self.read(decision)?.each(&sql, &[pack.into()], &mut |r| {
            let kind =
                u16::try_from(r.int(0)?).ok().and_then(ResourceType::from_number).map_or("?", ResourceType::name);
            holds.push(format!("{kind}/{} version {}", r.text(1)?, r.int(2)?));
            Ok(())
        })?;
        Ok(holds)
    }

    /// The engine's own quick check, on a connection beside those of the readers: lines of what is wrong.
    pub fn quick_check(&self, _decision: &Decision) -> Result<Vec<Damage>> {
        self.inner.place.reader()?.quick_check(LINES)
    }

    fn broken_packs(&self, decision: &Decision, packs: &BTreeMap<i64, i64>) -> Result<Vec<Damage>> {
        let mut holds: BTreeMap<i64, Vec<String>> = BTreeMap::new();
        let mut bad = BTreeSet::new();
        let mut reader = self.read(decision)?;
        for (pack, facility) in packs {
            match pack::read(&mut reader, *facility, *pack) {
                Ok(_) => {}
                Err(Error::Damaged(_)) => {
                    bad.insert(*pack);
                }
                // What is sealed by a key that is not here is not damaged: it must not be given up.
                Err(e @ Error::Sealed(_)) => return Err(e),
                Err(_) => {
                    bad.insert(*pack);
                    reader = self.read(decision)?;
                }
            }
        }
        let every = every!("whole store");
        let mut note = |pack: i64, what: String| {
            // Pack 0 is the place of what has no body.
            if pack != 0 && (bad.contains(&pack) || !packs.contains_key(&pack)) {
                holds.entry(pack).or_default().push(what);
            }
        };
        // Where these tables are damaged themselves, that was told before; what can be read of them names what it can.
        let _ = reader.each(&format!("SELECT type, id, version, pack FROM resource{every}"), &[], &mut |r| {
            let kind =
                u16::try_from(r.int(0)?).ok().and_then(ResourceType::from_number).map_or("?", ResourceType::name);
            note(r.int(3)?, format!("{kind}/{} version {}", r.text(1)?, r.int(2)?));
            Ok(())
        });
        let mut reader = self.read(decision)?;
        let _ = reader.each(&format!("SELECT claim, version, pack FROM claim_version{every}"), &[], &mut |r| {
            note(r.int(2)?, format!("claim {} version {}", r.int(0)?, r.int(1)?));
            Ok(())
        });
        for pack in bad {
            holds.entry(pack).or_default();
        }
        Ok(holds.into_iter().map(|(pack, holds)| Damage::Pack { pack, holds }).collect())
    }
}

/// One table being read.
struct Walk<'a> {
    store: &'a Store,
    decision: &'a Decision,
    reader: Reader,
    table: &'a Table,
    damages: Vec<Damage>,
}

impl Walk<'_> {
    /// Reads all rows in key order, past those that cannot be read; gives how many there are. Keys of packs are noted,
    /// with their facilities.
    fn by_key(&mut self, key: &str, packs: &mut BTreeMap<i64, i64>) -> Result<u64> {
        let name = &self.table.name;
        let columns: Vec<&str> = self.table.columns.iter().map(|(n, _)| n.as_str()).collect();
        // Bodies are read one by one later.
        let columns =
            if name == "pack" { format!("{key}, facility") } else { format!("{key}, {}", columns.join(", ")) };
        let sql = format!(
            "SELECT {columns} FROM {name} WHERE {key} >= ?1 ORDER BY {key} LIMIT {KEYS}{}",
            every!("whole store")
        );
        let (mut from, mut rows) = (i64::MIN, 0);
        loop {
            let (mut last, mut count) = (None, 0);
            let read = self.reader.each(&sql, &[from.into()], &mut |r| {
                last = Some(r.int(0)?);
                if name == "pack" {
                    packs.insert(r.int(0)?, r.int(1)?);
                }
                count += 1;
                Ok(())
            });
            rows += count;
            // On a broken page keys stand in any order: what does not lead on is not followed, or this would never end.
            if self.damages.len() >= RANGES || last.is_some_and(|last| last < from) {
                let said = "its keys are in disorder".to_owned();
                self.damages.push(Damage::Table { table: name.clone(), readable: rows, said });
                return Ok(rows);
            }
            let next = last.map_or(Some(from), |last| last.checked_add(1));
            match (read, next) {
                (Ok(()), Some(next)) if count == KEYS.unsigned_abs() => from = next,
                (Ok(()), _) | (Err(_), None) => return Ok(rows),
                (Err(_), Some(lost)) => {
                    self.reader = self.store.read(self.decision)?;
                    let Some(readable) = self.next_readable(key, lost)? else { return Ok(rows) };
                    from = readable;
                }
            }
        }
    }

    /// The first key past `lost` from which on rows can be read again; notes what lies between as lost.
    fn next_readable(&mut self, key: &str, lost: i64) -> Result<Option<i64>> {
        // Keys count from 1.
        let lost = lost.max(1);
        let (mut bad, mut step) = (lost, 1_i64);
        let mut good = loop {
            let Some(at) = lost.checked_add(step) else { break None };
            match self.first_from(key, at)? {
                Some(found) => break found.map(|found| (at, found)),
                None => bad = at,
            }
            let Some(twice) = step.checked_mul(2) else { break None };
            step = twice;
        };
        while let Some((at, _)) = good
            && at - bad > 1
        {
            let middle = bad + (at - bad) / 2;
            match self.first_from(key, middle)? {
                Some(Some(found)) => good = Some((middle, found)),
                Some(None) => break,
                None => bad = middle,
            }
        }
        let end = match good {
            Some((_, found)) => found - 1,
            None => self.highest(key)?.unwrap_or(lost).max(lost),
        };
        self.damages.push(Damage::Rows { table: self.table.name.clone(), keys: (lost, end.max(lost)) });
        Ok(good.map(|(_, found)| found))
    }

    /// The first key from `at` on; `Some(None)` where there is none, `None` where it cannot be read.
    fn first_from(&mut self, key: &str, at: i64) -> Result<Option<Option<i64>>> {
        let sql = format!(
            "SELECT {key} FROM {} WHERE {key} >= ?1 ORDER BY {key} LIMIT 1{}",
            self.table.name,
            every!("whole store")
        );
        Ok(self.or_unreadable(&sql, at)?.filter(|found| found.is_none_or(|found| found >= at)))
    }

    fn highest(&mut self, key: &str) -> Result<Option<i64>> {
        let sql = format!(
            "SELECT {key} FROM {} WHERE {key} >= ?1 ORDER BY {key} DESC LIMIT 1{}",
            self.table.name,
            every!("whole store")
        );
        Ok(self.or_unreadable(&sql, i64::MIN)?.flatten())
    }

    fn or_unreadable(&mut self, sql: &str, at: i64) -> Result<Option<Option<i64>>> {
        match sql::first(&mut self.reader, sql, &[at.into()], |r| r.int(0)) {
            Ok(found) => Ok(Some(found)),
            Err(_) => {
                self.reader = self.store.read(self.decision)?;
                Ok(None)
            }
        }
    }

    /// Reads all rows; gives how many there are.
    fn read_to_the_end(&mut self) -> u64 {
        let mut rows = 0;
        let read =
            self.reader.each(&format!("SELECT * FROM {}{}", self.table.name, every!("whole store")), &[], &mut |_| {
                rows += 1;
                Ok(())
            });
        if let Err(e) = read {
            let (table, said) = (self.table.name.clone(), e.to_string());
            self.damages.push(Damage::Table { table, readable: rows, said });
        }
        rows
    }
}
