//! What can be saved from a damaged store, into a new one: every row that can be read, every version whose body can be
//! unpacked. What is lost is named by the check that is made first. What a search finds by is left behind and made again.
//!
//! Only a store in a folder: PostgreSQL has tools of its own. The transparency log comes along as far as it can be read; that
//! versions are missing is found by verifying it, as it should be.

use crate::check::Damage;
use crate::copy::{add_row, columns, decode, encode, except, in_transaction, refuse_other};
use crate::engine::{Engine, Place, Table};
use crate::schema::COPYING;
use crate::sql::{Arg, Execute, Query};
use crate::{Error, Result, Store};
use mach_access::Decision;
use std::collections::HashSet;

/// Rows read at once, and written in one transaction.
const ROWS: usize = 1_000;
/// Bytes of rows written in one transaction.
const BYTES: usize = 1 << 20;
/// What is made again from what is saved.
const MADE_AGAIN: [&str; 10] = [
    "index_token",
    "index_text",
    "index_date",
    "index_dated",
    "index_quantity",
    "index_reference",
    "index_pair",
    "index_stale",
    "search_param_done",
    "search_param_row",
];

/// What became of a repair.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repaired {
    /// Rows saved.
    pub rows: u64,
    /// Rows that could be read and not be kept: their bodies are lost, or they contradict others.
    pub dropped: u64,
    /// What is lost.
    pub lost: Vec<Damage>,
}

impl Store {
    /// Saves what can be read into `to`, a new store in a folder.
    ///
    /// # Errors
    /// `Refused` where this store is a PostgreSQL database, or `to` is not empty. After any later error `to` refuses to be
    /// opened (`Unfinished`).
    pub fn repair_to(&self, to: &Self, decision: &Decision) -> Result<Repaired> {
        let Place::File(_) = &self.inner.place else {
            return Err(Error::Refused("a PostgreSQL database is repaired by its own tools".into()));
        };
        let lost = self.check(decision, &mut |_| ())?;
        let bad = lost.iter().filter_map(|d| if let Damage::Pack { pack, .. } = d { Some(*pack) } else { None });
        let mut saving =
            Saving { place: self.inner.place.clone(), damages: lost.clone(), bad: bad.collect(), rows: 0, dropped: 0 };
        let (done, told) = std::sync::mpsc::channel();
        to.inner.writer.between_commits(decision.clone(), move |engine| {
            saving.all(engine)?;
            // Who asked waits for it.
            let _ = done.send((saving.rows, saving.dropped));
            Ok(())
        })?;
        let (rows, dropped) = told.recv().map_err(|_| Error::Stopped)?;
        let note = format!("{rows} rows saved, {dropped} dropped, {} damages", lost.len());
        to.write(decision, move |tx| tx.log_event("repair", &note))?;
        Ok(Repaired { rows, dropped, lost })
    }
}

struct Saving {
    place: Place,
    damages: Vec<Damage>,
    /// Packs that cannot be unpacked or are not there.
    bad: HashSet<i64>,
    rows: u64,
    dropped: u64,
}

impl Saving {
    fn all(&mut self, to: &mut Engine) -> Result<()> {
        let tables: Vec<Table> = self.place.reader()?.tables()?;
        in_transaction(to, |to| {
            refuse_other(to, &tables)?;
            let sql = format!("INSERT INTO meta(name, value) VALUES ('{COPYING}', 1)");
            to.run(&sql, &[]).map(drop)
        })?;
        for table in tables.iter().filter(|t| !MADE_AGAIN.contains(&t.name.as_str())) {
            match table.key.as_slice() {
                [key] if table.is_int(key) && table.name == "pack" => self.packs(table, to)?,
                [key] if table.is_int(key) => self.by_key(table, key, to)?,
                _ => self.both_ends(table, to)?,
            }
        }
        in_transaction(to, |to| {
            // What was found by rows that are not here is looked at anew.
            to.run("UPDATE resource SET indexed = 0 /* every shard: whole store */", &[])?;
            crate::log::cut(to)?;
            to.run(&format!("DELETE FROM meta WHERE name = '{COPYING}'"), &[]).map(drop)
        })?;
        to.learn_sizes()
    }

    /// Reads rows of `sql` as far as it goes; whether that was to its end.
    fn read(&self, table: &Table, sql: &str, args: &[Arg<'_>], bytes: &mut Vec<u8>, keys: &mut Vec<i64>) -> bool {
        let Ok(mut reader) = self.place.reader() else { return false };
        let key = match table.key.as_slice() {
            [key] => table.columns.iter().position(|(name, _)| name == key),
            _ => None,
        };
        let read = reader.each(sql, args, &mut |row| {
            let before = bytes.len();
            if let Err(e) = encode(table, row, bytes) {
                // A value that its column cannot have: the row is nonsense.
                bytes.truncate(before);
                return if matches!(e, Error::Column(_)) { Ok(()) } else { Err(e) };
            }
            keys.push(key.map_or(Ok(0), |at| row.int(at))?);
            Ok(())
        });
        read.is_ok()
    }

    /// Past ranges of keys that are lost.
    fn by_key(&mut self, table: &Table, key: &str, to: &mut Engine) -> Result<()> {
        let other = except(table).replace(" WHERE ", " AND ");
        let sql = format!(
            "SELECT {} FROM {} WHERE {key} >= ?1{other} ORDER BY {key} LIMIT {ROWS} /* every shard: whole store */",
            columns(table),
            table.name
        );
        let mut from = i64::MIN;
        loop {
            let (mut bytes, mut keys) = (Vec::new(), Vec::new());
            let whole = self.read(table, &sql, &[from.into()], &mut bytes, &mut keys);
            self.write(table, &bytes, to)?;
            let last = keys.iter().copied().max();
            // On a broken page keys stand in any order: what does not lead on is not followed.
            let next = last.filter(|last| *last >= from).and_then(|last| last.checked_add(1));
            from = match (whole, next) {
                (true, Some(next)) if keys.len() == ROWS => next,
                (true, _) => return Ok(()),
                (false, next) => match self.past(&table.name, next.unwrap_or(from).max(1)) {
                    Some(past) if past > from => past,
                    _ => return Ok(()),
                },
            };
        }
    }

    /// The first key after the lost range that holds `key`.
    fn past(&self, name: &str, key: i64) -> Option<i64> {
        self.damages.iter().find_map(|damage| match damage {
            Damage::Rows { table, keys: (first, last) } if table == name && (*first..=*last).contains(&key) => {
                last.checked_add(1)
            }
            _ => None,
        })
    }

    /// Bodies one by one: one that cannot be read takes no other with it.
    fn packs(&mut self, table: &Table, to: &mut Engine) -> Result<()> {
        let narrow = Table {
            name: table.name.clone(),
            columns: table.columns.iter().filter(|(n, _)| n != "body").cloned().collect(),
            key: table.key.clone(),
        };
        let list = format!(
            "SELECT {} FROM pack WHERE id >= ?1 ORDER BY id LIMIT {ROWS} /* every shard: whole store */",
            columns(&narrow)
        );
        let one = format!("SELECT {} FROM pack WHERE id = ?1 /* every shard: whole store */", columns(table));
        let mut from = i64::MIN;
        loop {
            let mut keys = Vec::new();
            let whole = self.read(&narrow, &list, &[from.into()], &mut Vec::new(), &mut keys);
            let mut bytes = Vec::new();
            for id in keys.iter().filter(|id| !self.bad.contains(id)) {
                self.read(table, &one, &[(*id).into()], &mut bytes, &mut Vec::new());
            }
            self.write(table, &bytes, to)?;
            let next = keys.iter().copied().max().filter(|last| *last >= from).and_then(|last| last.checked_add(1));
            from = match (whole, next) {
                (true, Some(next)) if keys.len() == ROWS => next,
                (true, _) => return Ok(()),
                (false, next) => match self.past("pack", next.unwrap_or(from).max(1)) {
                    Some(past) if past > from => past,
                    _ => return Ok(()),
                },
            };
        }
    }

    /// A table without an integer key: from its beginning, and where that breaks off, from its end.
    fn both_ends(&mut self, table: &Table, to: &mut Engine) -> Result<()> {
        let order = |word: &str| table.key.iter().map(|k| format!("{k}{word}")).collect::<Vec<_>>().join(", ");
        for word in ["", " DESC"] {
            let by = if table.key.is_empty() { String::new() } else { format!(" ORDER BY {}", order(word)) };
            let sql = format!(
                "SELECT {} FROM {}{}{by} /* every shard: whole store */",
                columns(table),
                table.name,
                except(table)
            );
            let (mut bytes, mut failed) = (Vec::new(), None);
            let whole = self.place.reader()?.each(&sql, &[], &mut |row| {
                let before = bytes.len();
                if encode(table, row, &mut bytes).is_err() {
                    // A value that its column cannot have: the row is nonsense.
                    bytes.truncate(before);
                }
                if bytes.len() < BYTES {
                    return Ok(());
                }
                self.write(table, &std::mem::take(&mut bytes), to).map_err(|e| {
                    failed = Some(e);
                    Error::Stopped
                })
            });
            if let Some(e) = failed {
                return Err(e);
            }
            self.write(table, &bytes, to)?;
            if whole.is_ok() {
                break;
            }
        }
        Ok(())
    }

    fn write(&mut self, table: &Table, bytes: &[u8], to: &mut Engine) -> Result<()> {
        let at = |name: &str| table.columns.iter().position(|(n, _)| n == name);
        let has_body = matches!(table.name.as_str(), "resource" | "claim_version");
        let (pack, values) = (at("pack").filter(|_| has_body), at("vpack").zip(at("vslot")).filter(|_| has_body));
        let is_bad = |arg: &Arg<'_>| matches!(arg, Arg::Int(pack) if self.bad.contains(pack));
        let (mut rows, mut dropped) = (0, 0);
        in_transaction(to, |to| {
            let mut rest = bytes;
            let mut args = Vec::with_capacity(table.columns.len());
            while !rest.is_empty() {
                decode(table, &mut rest, &mut args).ok_or(Error::Missing("a whole row"))?;
                if pack.is_some_and(|at| is_bad(&args[at])) {
                    dropped += 1;
                    continue;
                }
                if let Some((place, slot)) = values.filter(|(at, _)| is_bad(&args[*at])) {
                    // What it is found by lies beside the body as it was first.
                    (args[place], args[slot]) = (Arg::Int(0), Arg::Int(0));
                }
                match add_row(to, table, &args) {
                    Ok(added) => {
                        rows += u64::from(added);
                        dropped += u64::from(!added);
                    }
                    // Nonsense that no table takes: a number where a text is needed.
                    Err(Error::Stopped) => return Err(Error::Stopped),
                    Err(_) => dropped += 1,
                }
            }
            Ok(())
        })?;
        self.rows += rows;
        // A table read from both ends gives the same row twice, where the two meet.
        self.dropped += if has_body || table.key.len() == 1 { dropped } else { 0 };
        Ok(())
    }
}
