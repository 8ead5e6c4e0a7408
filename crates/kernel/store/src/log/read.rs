//! Reading the log: tiles and bundles as they are served, proofs, checkpoints, the receipt of one record.

use super::{BATCH, Batch, Fact, rows, tree};
use crate::resources::Resource;
use crate::sql::{self, Query, Row};
use crate::{Error, Result, Tx};
use mach_tlog::Hash;
use mach_tlog::checkpoint::Checkpoint;
use mach_tlog::fact::{ENTRY_BYTES, Salt};
use mach_tlog::note::Note;
use mach_tlog::proof::Proof;
use mach_tlog::receipt::Receipt;
use mach_tlog::tile::{self, FromTiles, Level, Tile, Tiles, WIDTH};
use mach_tlog::tree as merkle;

/// Checkpoints are kept one for each hour.
const HOUR: i64 = 3600;

pub(super) fn hash(r: &dyn Row, column: usize) -> Result<Hash> {
    r.blob(column)?.try_into().map_err(|_| Error::Column(column))
}

/// How many leaves the stored log has.
pub(super) fn stored_size(on: &mut dyn Query) -> Result<u64> {
    let sql = "SELECT first + count FROM log_batch ORDER BY first DESC LIMIT 1";
    Ok(sql::first(on, sql, &[], |r| r.int(0))?.unwrap_or(0).unsigned_abs())
}

/// How many leaves the log has.
pub fn size(on: &mut dyn Query) -> Result<u64> {
    stored_size(on)
}

/// The entries `from` up to `to`, one after another.
pub(super) fn entries(on: &mut dyn Query, from: u64, to: u64) -> Result<Vec<u8>> {
    let (from, to) = (from as i64, to as i64);
    let mut out = Vec::with_capacity((to - from) as usize * ENTRY_BYTES);
    let sql = "SELECT first, entries FROM log_batch WHERE first > ?1 AND first < ?2 ORDER BY first";
    let mut next = from;
    on.each(sql, &[(from - BATCH as i64).into(), to.into()], &mut |r| {
        let (first, entries) = (r.int(0)?, r.blob(1)?);
        let skip = usize::try_from(next - first).unwrap_or(usize::MAX).saturating_mul(ENTRY_BYTES);
        let take = usize::try_from(to - first).unwrap_or(0).saturating_mul(ENTRY_BYTES).min(entries.len());
        if let Some(wanted) = entries.get(skip..take) {
            out.extend(wanted);
            next = first + (take / ENTRY_BYTES) as i64;
        }
        Ok(())
    })?;
    if next == to { Ok(out) } else { Err(Error::Missing("a leaf of the log")) }
}

/// The stored tiles.
struct Stored<'a>(&'a mut dyn Query);

impl Tiles for Stored<'_> {
    type Error = Error;

    fn tile(&mut self, level: u8, index: u64, width: u64) -> Result<Vec<Hash>> {
        let (from, to) = (index * WIDTH, index * WIDTH + width);
        if level == 0 {
            return tree::leaf_hashes(self.0, from, to);
        }
        let sql = "SELECT hash FROM log_node WHERE level = ?1 AND n >= ?2 AND n < ?3 ORDER BY n";
        let args = [i64::from(level).into(), (from as i64).into(), (to as i64).into()];
        sql::list(self.0, sql, &args, |r| hash(r, 0))
    }

    fn too_short(_: u8, _: u64) -> Error {
        Error::Missing("a hash of the log")
    }
}

/// The root of the log's first `size` leaves.
pub fn root(on: &mut dyn Query, size: u64) -> Result<Hash> {
    merkle::root(&mut FromTiles::new(Stored(on)), size)
}

/// The proof that the log's first `new` leaves begin with its first `old`.
pub fn consistency(on: &mut dyn Query, old: u64, new: u64) -> Result<Vec<Hash>> {
    merkle::consistency(&mut FromTiles::new(Stored(on)), old, new)
}

/// The bytes of a tile or a bundle, as the log serves it; `None` where it is not there, or not that wide yet.
pub fn tile(on: &mut dyn Query, tile: Tile) -> Result<Option<Vec<u8>>> {
    if tile.width_in(stored_size(on)?) < u64::from(tile.width) {
        return Ok(None);
    }
    let (from, to) = (tile.index * WIDTH, tile.index * WIDTH + u64::from(tile.width));
    match tile.level {
        Level::Entries => {
            let entries = entries(on, from, to)?;
            let bundle = tile::bundle(entries.as_chunks::<ENTRY_BYTES>().0.iter().map(<[u8; ENTRY_BYTES]>::as_slice));
            bundle.map(Some).map_err(|e| Error::Files(e.to_string()))
        }
        Level::Hashes(level) => {
            let hashes = Stored(on).tile(level, tile.index, u64::from(tile.width))?;
            Ok((hashes.len() == usize::from(tile.width)).then(|| tile::encode(&hashes)))
        }
    }
}

/// A stored checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpointed {
    /// How many leaves.
    pub size: u64,
    /// When it was signed, seconds since 1970 UTC.
    pub at: i64,
    /// The signed note, with the cosignatures there were.
    pub note: String,
    /// The log's public key.
    pub key: String,
}

pub(super) fn checkpointed(r: &dyn Row) -> Result<Checkpointed> {
    Ok(Checkpointed {
        size: r.int(0)?.unsigned_abs(),
        at: r.int(1)?,
        note: r.text(2)?.to_owned(),
        key: r.text(3)?.to_owned(),
    })
}

/// The last checkpoint.
pub fn checkpoint(on: &mut dyn Query) -> Result<Option<Checkpointed>> {
    sql::first(
        on,
        "SELECT size, at, note, public_key FROM log_checkpoint ORDER BY hour DESC LIMIT 1",
        &[],
        checkpointed,
    )
}

/// Keeps a checkpoint in place of an earlier one of the same hour.
pub fn keep_checkpoint(tx: &mut Tx<'_>, new: &Checkpointed) -> Result<()> {
    use sql::Execute;
    tx.push(
        "INSERT INTO log_checkpoint(hour, size, at, note, public_key) VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT(hour) DO UPDATE
            SET size = excluded.size, at = excluded.at, note = excluded.note, public_key = excluded.public_key",
        &[(new.at / HOUR).into(), (new.size as i64).into(), new.at.into(), (&new.note).into(), (&new.key).into()],
    )
}

/// Where the last leaf of a fact is, with its salt: `None` where the log has none. `seq` is the change that stored it.
pub(super) fn leaf_of(on: &mut dyn Query, fact: &Fact, seq: i64) -> Result<Option<(u64, Salt)>> {
    let again = "SELECT leaf FROM log_again WHERE kind = ?1 AND key = ?2";
    let again = sql::first(on, again, &[(fact.kind as i64).into(), fact.key.into()], |r| r.int(0))?;
    let found = match again {
        Some(leaf) => {
            let sql = format!("SELECT {} FROM log_batch WHERE first <= ?1 ORDER BY first DESC LIMIT 1", Batch::COLUMNS);
            let batch = sql::first(on, &sql, &[leaf.into()], Batch::from_row)?;
            batch.and_then(|b| at(&b, fact))
        }
        None => first_leaf(on, fact, seq)?,
    };
    Ok(found)
}

/// Where the first leaf of a fact is.
pub(super) fn first_leaf(on: &mut dyn Query, fact: &Fact, seq: i64) -> Result<Option<(u64, Salt)>> {
    // The rows of one commit carry its last number; all of them, and nothing after them, can hold the leaf.
    let sql = "SELECT min(seq) FROM log_batch WHERE seq >= ?1";
    let Some(last) = sql::first(on, sql, &[seq.into()], |r| r.opt_int(0))?.flatten() else { return Ok(None) };
    let rows =
        sql::list(on, "SELECT first FROM log_batch WHERE seq = ?1 ORDER BY first", &[last.into()], |r| r.int(0))?;
    let sql = format!("SELECT {} FROM log_batch WHERE first = ?1", Batch::COLUMNS);
    for first in rows {
        let batch = sql::first(on, &sql, &[first.into()], Batch::from_row)?;
        if let Some(found) = batch.and_then(|b| at(&b, fact)) {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// The last leaf of `fact` in a batch.
fn at(batch: &Batch, fact: &Fact) -> Option<(u64, Salt)> {
    let leaves = batch.leaves()?;
    let (n, (_, salt, _)) =
        leaves.iter().enumerate().rev().find(|(_, (_, _, f))| rows::identity(f) == rows::identity(fact))?;
    Some((batch.first.unsigned_abs() + n as u64, *salt))
}

/// The receipt of a resource version. `None` where the last checkpoint does not hold it yet:
/// that takes some seconds.
///
/// # Errors
/// `Refused` where the record is not the one that was logged, or was erased.
pub fn receipt(on: &mut dyn Query, resource: &Resource) -> Result<Option<Receipt>> {
    let asked = Fact::numbered(mach_tlog::fact::Kind::Resource, resource.rid);
    let seq = sql::int(
        on,
        "SELECT seq FROM resource WHERE rid = ?1 AND facility = ?2",
        &[resource.rid.into(), resource.facility.unwrap_or(0).into()],
    )?;
    let refused = |why: &str| Error::Refused(why.to_owned());
    let Some((index, salt)) = leaf_of(on, &asked, seq)? else {
        return Err(refused("the transparency log has no leaf of this version"));
    };
    if salt == Salt::default() {
        return Err(refused("this version was erased"));
    }
    let Some(kept) = checkpoint(on)? else { return Ok(None) };
    let note = Note::parse(&kept.note).map_err(|e| Error::Files(e.to_string()))?;
    let size = Checkpoint::parse(note.text()).map_err(|e| Error::Files(e.to_string()))?.size;
    if index >= size {
        return Ok(None);
    }
    let found = rows::load(on, &[asked])?.pop().and_then(|(_, found)| found);
    let (_, described) = found.ok_or(Error::Missing("a resource version"))?;
    if described.entry(&salt).as_slice() != entries(on, index, index + 1)? {
        return Err(refused("this version is not the one that was logged; run: mach audit-log verify"));
    }
    let path = merkle::inclusion(&mut FromTiles::new(Stored(on)), index, size)?;
    let description = String::from_utf8(described.as_bytes().to_vec()).map_err(|_| Error::Missing("a description"))?;
    let content = (!resource.deleted).then(|| resource.body.clone());
    Ok(Some(Receipt {
        description,
        salt,
        content,
        log: kept.key,
        proof: Proof { extra: None, index, path, checkpoint: note },
    }))
}
