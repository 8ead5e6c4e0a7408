//! The growing tree: what the writer keeps of it in memory, and how it is read back.

use crate::Result;
use crate::sql::{self, Execute, Query};
use mach_tlog::Hash;
use mach_tlog::fact::ENTRY_BYTES;
use mach_tlog::tile::WIDTH;
use mach_tlog::tree::{empty_root, leaf_hash, node_hash, whole};

/// The right edge of the tree: the unfinished tile of each level.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Growing {
    size: u64,
    levels: Vec<Vec<Hash>>,
}

impl Growing {
    /// How many leaves.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// Adds the hash of a leaf; nodes of tiles that are full now go to `full`: level, position, hash.
    pub(crate) fn push(&mut self, leaf: Hash, full: &mut Vec<(u8, u64, Hash)>) {
        self.size += 1;
        let (mut level, mut hash) = (0, leaf);
        let mut position = self.size;
        loop {
            if self.levels.len() <= level {
                self.levels.push(Vec::with_capacity(WIDTH as usize));
            }
            let tile = &mut self.levels[level];
            tile.push(hash);
            if (tile.len() as u64) < WIDTH {
                return;
            }
            hash = whole(tile);
            tile.clear();
            level += 1;
            position /= WIDTH;
            full.push((level as u8, position - 1, hash));
        }
    }

    /// The root.
    pub(crate) fn root(&self) -> Hash {
        let mut right: Option<Hash> = None;
        // From the lowest level up, each level's whole subtrees from the smallest to the largest.
        for tile in &self.levels {
            let (mut rest, mut width) = (tile.as_slice(), 1);
            while !rest.is_empty() {
                if rest.len() & width != 0 {
                    let (left, peak) = rest.split_at(rest.len() - width);
                    let peak = whole(peak);
                    right = Some(right.map_or(peak, |right| node_hash(&peak, &right)));
                    rest = left;
                }
                width <<= 1;
            }
        }
        right.unwrap_or_else(empty_root)
    }

    /// Reads the edge of the stored tree.
    pub(crate) fn load(on: &mut dyn Query) -> Result<Self> {
        let size = super::read::stored_size(on)?;
        let mut levels = vec![leaf_hashes(on, size - size % WIDTH, size)?];
        let mut above = size / WIDTH;
        while above > 0 {
            let level = levels.len() as i64;
            let sql = "SELECT hash FROM log_node WHERE level = ?1 AND n >= ?2 ORDER BY n";
            let from = (above - above % WIDTH) as i64;
            levels.push(sql::list(on, sql, &[level.into(), from.into()], |r| super::read::hash(r, 0))?);
            above /= WIDTH;
        }
        Ok(Self { size, levels })
    }
}

/// The hashes of leaves `from` up to `to`.
pub(crate) fn leaf_hashes(on: &mut dyn Query, from: u64, to: u64) -> Result<Vec<Hash>> {
    let entries = super::read::entries(on, from, to)?;
    Ok(entries.as_chunks::<ENTRY_BYTES>().0.iter().map(|e| leaf_hash(e)).collect())
}

/// Ends a log that has lost leaves of its edge at the first of them: what comes next is added there. Leaves lost before the edge
/// stay lost where they were, and `verify` names them.
pub(crate) fn cut(on: &mut dyn Execute) -> Result<()> {
    loop {
        let size = super::read::stored_size(on)?;
        let mut next = size - size % WIDTH;
        let sql = "SELECT first, first + count FROM log_batch WHERE first + count > ?1 ORDER BY first";
        for (first, end) in sql::list(on, sql, &[(next as i64).into()], |r| Ok((r.int(0)? as u64, r.int(1)? as u64)))? {
            if first > next {
                break;
            }
            next = next.max(end);
        }
        if next == size {
            break;
        }
        on.run("DELETE FROM log_batch WHERE first >= ?1", &[(next as i64).into()])?;
        // Nor are there subtrees of leaves that are not there.
        let mut above = super::read::stored_size(on)?;
        on.run("DELETE FROM log_again WHERE leaf >= ?1", &[(above as i64).into()])?;
        for level in 1..=8_i64 {
            above /= WIDTH;
            on.run("DELETE FROM log_node WHERE level = ?1 AND n >= ?2", &[level.into(), (above as i64).into()])?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use mach_tlog::tree::Frontier;

    #[test]
    fn the_growing_tree_is_the_tree() {
        let (mut growing, mut frontier, mut full) = (Growing::default(), Frontier::default(), Vec::new());
        assert_eq!(growing.root(), frontier.root());
        for i in 0..66_000_u32 {
            let leaf = leaf_hash(&i.to_be_bytes());
            growing.push(leaf, &mut full);
            frontier.push(leaf);
            if i < 1200 || i % 997 == 0 || i > 65_500 {
                assert_eq!(growing.root(), frontier.root(), "{i}");
            }
        }
        assert_eq!(full.len(), 257 + 1);
        assert_eq!((full[255].0, full[255].1, full[256].0, full[256].1), (1, 255, 2, 0));
    }
}
