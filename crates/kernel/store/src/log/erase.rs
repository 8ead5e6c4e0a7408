//! Erasure: where the law demands it, content and salt are destroyed; the leaf stays and says nothing any more.

use super::{Batch, Fact, read};
use crate::pack::{self, Place};
use crate::resources::Resource;
use crate::sql::{self, Execute};
use crate::{Error, Result, Tx};
use mach_tlog::fact::{Kind, SALT_BYTES};

/// The act under which an erasure is logged.
pub(super) const ACT: &str = "erase";
/// The value of `deleted` of a version that was erased.
const ERASED: i64 = 2;

/// What an erasure's detail names: the kind of the fact, and its number.
pub(super) fn named(detail: &str) -> Option<(String, i64)> {
    let mut words = detail.split(' ');
    Some((words.next()?.to_owned(), words.next()?.parse().ok()?))
}

impl Tx<'_> {
    /// Destroys the content and the salt of a resource version that is not current; `reason` is the act that allows it, and
    /// is logged. What the engine keeps of overwritten rows (free pages, write-ahead log, dead rows) goes as it cleans up.
    ///
    /// # Errors
    /// `Refused` for a version that is current (delete the resource first), was erased, or is a deletion.
    pub fn erase(&mut self, version: &Resource, reason: &str) -> Result<()> {
        let refused = |why: &str| Err(Error::Refused(why.to_owned()));
        let (rid, facility) = (version.rid, version.facility.unwrap_or(0));
        let sql = "SELECT until, deleted, seq, pack, slot, vpack, vslot FROM resource WHERE rid = ?1 AND facility = ?2";
        let row = sql::first(self, sql, &[rid.into(), facility.into()], |r| {
            Ok([r.int(0)?, r.int(1)?, r.int(2)?, r.int(3)?, r.int(4)?, r.int(5)?, r.int(6)?])
        })?;
        let [until, deleted, seq, body, slot, vpack, vslot] = row.ok_or(Error::Missing("a resource version"))?;
        if until == 0 {
            return refused("a current version is not erased: delete the resource first");
        }
        if deleted != 0 {
            return refused("this version has no content");
        }
        self.unindex_now(facility, rid)?;
        pack::empty(self, Place { facility, pack: body, slot })?;
        // Beside the body lies what it was found by.
        let values = if vpack == 0 { (body, slot + 1) } else { (vpack, vslot) };
        pack::empty(self, Place { facility, pack: values.0, slot: values.1 })?;
        if vpack != 0 {
            pack::empty(self, Place { facility, pack: body, slot: slot + 1 })?;
        }
        self.run(
            "UPDATE resource SET deleted = ?3, date = NULL WHERE rid = ?1 AND facility = ?2",
            &[rid.into(), facility.into(), ERASED.into()],
        )?;
        let fact = Fact::numbered(Kind::Resource, rid);
        let leaves = [read::first_leaf(self, &fact, seq)?, read::leaf_of(self, &fact, seq)?];
        if leaves.contains(&None) {
            return refused("the transparency log has no leaf of this version");
        }
        for (leaf, _) in leaves.into_iter().flatten() {
            self.destroy_salt(leaf)?;
        }
        self.log_event(ACT, &format!("{} {rid} {reason}", Kind::Resource.name()))?;
        Ok(())
    }

    /// Overwrites the salt of a leaf, and the name that lies beside it.
    fn destroy_salt(&mut self, leaf: u64) -> Result<()> {
        let sql = format!("SELECT {} FROM log_batch WHERE first <= ?1 ORDER BY first DESC LIMIT 1", Batch::COLUMNS);
        let batch = sql::first(self, &sql, &[(leaf as i64).into()], Batch::from_row)?;
        let batch = batch.ok_or(Error::Missing("a leaf of the log"))?;
        let at = usize::try_from(leaf as i64 - batch.first).unwrap_or(usize::MAX);
        let leaves = batch.leaves().filter(|l| at < l.len()).ok_or(Error::Missing("a leaf of the log"))?;
        let mut salts = batch.salts.clone();
        salts[at * SALT_BYTES..(at + 1) * SALT_BYTES].fill(0);
        let mut names = Vec::new();
        for (n, (_, _, fact)) in leaves.into_iter().enumerate() {
            let name = if n == at { String::new() } else { fact.name.clone() };
            Fact { name, ..fact }.encode(&mut names);
        }
        self.run(
            "UPDATE log_batch SET salts = ?2, names = ?3 WHERE first = ?1",
            &[
                batch.first.into(),
                super::seal_salts(batch.first, &salts)?.as_slice().into(),
                super::pack_names(names)?.as_slice().into(),
            ],
        )?;
        Ok(())
    }
}
