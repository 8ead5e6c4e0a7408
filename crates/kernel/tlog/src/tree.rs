//! The Merkle tree of RFC 6962: hashes, roots, proofs that a leaf is in a tree and that a tree only grew.
//!
//! A proof of a tree of n leaves has at most ⌈log₂ n⌉ (+1) hashes; making it reads as many nodes, whatever stores them.

use crate::{Error, Hash, Result, limits};
use sha2::{Digest, Sha256};

/// The hash of an entry.
pub fn leaf_hash(entry: &[u8]) -> Hash {
    Sha256::new().chain_update([0]).chain_update(entry).finalize().into()
}

/// The hash of two nodes together.
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    let mut both = [1_u8; 65];
    both[1..33].copy_from_slice(left);
    both[33..].copy_from_slice(right);
    Sha256::digest(both).into()
}

/// The root of a tree without leaves.
pub fn empty_root() -> Hash {
    Sha256::digest([]).into()
}

/// The hash of a whole subtree of `hashes`, which are 2^k many.
///
/// # Panics
/// Never; of none it gives the empty root, and what is past the largest power of two is hashed as the tree would.
pub fn whole(hashes: &[Hash]) -> Hash {
    let mut frontier = Frontier::default();
    hashes.iter().for_each(|h| frontier.push(*h));
    frontier.root()
}

/// The right edge of a growing tree: what its root is made of, one hash for each set bit of its size.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    peaks: Vec<Hash>,
}

impl Frontier {
    /// How many leaves.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Adds the hash of a leaf.
    pub fn push(&mut self, leaf: Hash) {
        let mut top = leaf;
        for _ in 0..self.size.trailing_ones() {
            // There is a peak for each set bit.
            if let Some(left) = self.peaks.pop() {
                top = node_hash(&left, &top);
            }
        }
        self.peaks.push(top);
        self.size += 1;
    }

    /// The root.
    pub fn root(&self) -> Hash {
        let mut peaks = self.peaks.iter().rev();
        let Some(last) = peaks.next() else { return empty_root() };
        peaks.fold(*last, |right, left| node_hash(left, &right))
    }
}

/// Where nodes are kept: whole subtrees, by height and position.
pub trait Nodes {
    /// What can go wrong there.
    type Error;
    /// The hash of the whole subtree over leaves `index << height` up to `(index + 1) << height`.
    fn node(&mut self, height: u32, index: u64) -> std::result::Result<Hash, Self::Error>;
}

/// The largest power of two smaller than `n`, which is at least 2.
fn split(n: u64) -> u64 {
    1 << (63 - (n - 1).leading_zeros())
}

/// The hash over leaves `from` to `to`, a subtree of some tree of RFC 6962.
fn range<N: Nodes>(nodes: &mut N, from: u64, to: u64) -> std::result::Result<Hash, N::Error> {
    let n = to - from;
    if n.is_power_of_two() {
        let height = n.trailing_zeros();
        return nodes.node(height, from >> height);
    }
    let middle = from + split(n);
    let left = range(nodes, from, middle)?;
    Ok(node_hash(&left, &range(nodes, middle, to)?))
}

/// The root of the tree of the first `size` leaves.
pub fn root<N: Nodes>(nodes: &mut N, size: u64) -> std::result::Result<Hash, N::Error> {
    if size == 0 { Ok(empty_root()) } else { range(nodes, 0, size) }
}

/// The proof that leaf `index` is in the tree of `size` leaves, from the leaf's sibling up; `index` is below `size`.
pub fn inclusion<N: Nodes>(nodes: &mut N, index: u64, size: u64) -> std::result::Result<Vec<Hash>, N::Error> {
    let (mut from, mut to, mut path) = (0, size, Vec::new());
    while to - from > 1 {
        let middle = from + split(to - from);
        if index < middle {
            path.push(range(nodes, middle, to)?);
            to = middle;
        } else {
            path.push(range(nodes, from, middle)?);
            from = middle;
        }
    }
    path.reverse();
    Ok(path)
}

/// The proof that the tree of `new` leaves begins with the tree of `old`, which is not larger. Empty where `old` is 0 or `new`.
pub fn consistency<N: Nodes>(nodes: &mut N, old: u64, new: u64) -> std::result::Result<Vec<Hash>, N::Error> {
    if old == 0 || old == new {
        return Ok(Vec::new());
    }
    let (mut from, mut to, mut path) = (0, new, Vec::new());
    while old != to {
        let middle = from + split(to - from);
        if old <= middle {
            path.push(range(nodes, middle, to)?);
            to = middle;
        } else {
            path.push(range(nodes, from, middle)?);
            from = middle;
        }
    }
    // The old tree's own last subtree; where it is the whole old tree, whoever checks has its root.
    if from > 0 {
        path.push(range(nodes, from, to)?);
    }
    path.reverse();
    Ok(path)
}

/// Checks that the leaf with `hash` is number `index` of the tree of `size` leaves with `root` (RFC 9162, 2.1.3.2).
pub fn verify_inclusion(hash: &Hash, index: u64, size: u64, path: &[Hash], root: &Hash) -> Result<()> {
    if index >= size || path.len() > limits::PROOF_HASHES {
        return Err(Error::BadProof);
    }
    let (mut n, mut last, mut top) = (index, size - 1, *hash);
    for sibling in path {
        if last == 0 {
            return Err(Error::BadProof);
        }
        if n & 1 == 1 || n == last {
            top = node_hash(sibling, &top);
            while n & 1 == 0 && n != 0 {
                n >>= 1;
                last >>= 1;
            }
        } else {
            top = node_hash(&top, sibling);
        }
        n >>= 1;
        last >>= 1;
    }
    if last == 0 && top == *root { Ok(()) } else { Err(Error::BadProof) }
}

/// Checks that the tree of `new` leaves begins with the tree of `old` (RFC 9162, 2.1.4.2).
pub fn verify_consistency(old: u64, old_root: &Hash, new: u64, new_root: &Hash, path: &[Hash]) -> Result<()> {
    if old > new || path.len() > limits::PROOF_HASHES + 1 {
        return Err(Error::BadProof);
    }
    if old == 0 || old == new {
        let roots = if old == new { old_root == new_root } else { *old_root == empty_root() };
        return if path.is_empty() && roots { Ok(()) } else { Err(Error::BadProof) };
    }
    let mut path = path.iter();
    let (mut n, mut last) = (old - 1, new - 1);
    while n & 1 == 1 {
        n >>= 1;
        last >>= 1;
    }
    let first = if old.is_power_of_two() { old_root } else { path.next().ok_or(Error::BadProof)? };
    let (mut before, mut after) = (*first, *first);
    for hash in path {
        if last == 0 {
            return Err(Error::BadProof);
        }
        if n & 1 == 1 || n == last {
            before = node_hash(hash, &before);
            after = node_hash(hash, &after);
            while n & 1 == 0 && n != 0 {
                n >>= 1;
                last >>= 1;
            }
        } else {
            after = node_hash(&after, hash);
        }
        n >>= 1;
        last >>= 1;
    }
    if last == 0 && before == *old_root && after == *new_root { Ok(()) } else { Err(Error::BadProof) }
}
