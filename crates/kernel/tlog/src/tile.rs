//! Tiles (c2sp.org/tlog-tiles): the tree in pieces of 256 hashes, and the entries beneath in bundles of 256.

use crate::tree::{Nodes, whole};
use crate::{Error, Hash, Result, limits, malformed};

/// Hashes of a full tile, entries of a full bundle.
pub const WIDTH: u64 = 256;
/// Highest level a tile can have.
pub const MAX_LEVEL: u8 = 63;

/// What a tile holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Entries themselves.
    Entries,
    /// Hashes: of entries at 0, of full tiles of the level below above that.
    Hashes(u8),
}

/// Which tile: its level, its position in the level, and how many of its 256 places are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tile {
    /// What it holds.
    pub level: Level,
    /// Position within the level, from 0.
    pub index: u64,
    /// 1 to 256.
    pub width: u16,
}

impl Tile {
    /// The path below `tile/`: `0/x001/x234/067.p/112`, `entries/000`.
    pub fn path(&self) -> String {
        let mut groups = vec![format!("{:03}", self.index % 1000)];
        let mut rest = self.index / 1000;
        while rest > 0 {
            groups.push(format!("x{:03}", rest % 1000));
            rest /= 1000;
        }
        groups.reverse();
        let level = match self.level {
            Level::Entries => "entries".to_owned(),
            Level::Hashes(n) => n.to_string(),
        };
        let partial = if u64::from(self.width) < WIDTH { format!(".p/{}", self.width) } else { String::new() };
        format!("{level}/{}{partial}", groups.join("/"))
    }

    /// Reads a path below `tile/`; only the one way of writing it is taken.
    ///
    /// # Errors
    /// `Malformed`.
    pub fn parse(path: &str) -> Result<Self> {
        let bad = |why| malformed("path of a tile", why);
        if path.len() > 100 {
            return Err(bad("too long"));
        }
        let (level, rest) = path.split_once('/').ok_or_else(|| bad("no level"))?;
        let level = match level {
            "entries" => Level::Entries,
            _ => {
                let n = crate::decimal(level).and_then(|n| u8::try_from(n).ok()).filter(|n| *n <= MAX_LEVEL);
                Level::Hashes(n.ok_or_else(|| bad("the level is no number up to 63"))?)
            }
        };
        let (groups, width) = match rest.split_once(".p/") {
            Some((groups, width)) => {
                let width = crate::decimal(width).and_then(|w| u16::try_from(w).ok()).filter(|w| (1..256).contains(w));
                (groups, width.ok_or_else(|| bad("the width is no number from 1 to 255"))?)
            }
            None => (rest, 256),
        };
        let mut index = 0_u64;
        let mut groups = groups.split('/').peekable();
        while let Some(group) = groups.next() {
            let is_last = groups.peek().is_none();
            let digits = if is_last { Some(group) } else { group.strip_prefix('x') };
            let digits = digits.filter(|d| d.len() == 3 && d.bytes().all(|b| b.is_ascii_digit()));
            let n: u64 = digits
                .and_then(|d| d.parse().ok())
                .ok_or_else(|| bad("the position is not in groups of three digits"))?;
            index = index
                .checked_mul(1000)
                .and_then(|i| i.checked_add(n))
                .ok_or_else(|| bad("the position is too large"))?;
        }
        let tile = Self { level, index, width };
        if tile.path() == path { Ok(tile) } else { Err(bad("not the usual way of writing it")) }
    }

    /// How wide this tile is in a tree of `size` leaves: 0 where it is not there yet.
    pub fn width_in(&self, size: u64) -> u64 {
        let level = match self.level {
            Level::Entries => 0,
            Level::Hashes(n) => n,
        };
        let hashes = size.checked_shr(8 * u32::from(level)).unwrap_or(0);
        hashes.saturating_sub(self.index.saturating_mul(WIDTH)).min(WIDTH)
    }
}

/// The bytes of a tile of hashes.
pub fn encode(hashes: &[Hash]) -> Vec<u8> {
    hashes.concat()
}

/// Reads a tile of hashes.
///
/// # Errors
/// `Malformed` where it is no whole number of hashes, or not 1 to 256 of them.
pub fn decode(bytes: &[u8]) -> Result<Vec<Hash>> {
    let (hashes, rest) = bytes.as_chunks::<32>();
    if !rest.is_empty() || hashes.is_empty() || hashes.len() as u64 > WIDTH {
        return Err(malformed("tile", "not 1 to 256 hashes"));
    }
    Ok(hashes.to_vec())
}

/// The bytes of a bundle of entries: each with its length before it.
///
/// # Errors
/// `TooLarge` for an entry past `limits::ENTRY_BYTES`.
pub fn bundle<'a>(entries: impl IntoIterator<Item = &'a [u8]>) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    for entry in entries {
        let length = u16::try_from(entry.len())
            .map_err(|_| Error::TooLarge { what: "an entry of the log", limit: limits::ENTRY_BYTES })?;
        out.extend(length.to_be_bytes());
        out.extend(entry);
    }
    Ok(out)
}

/// Reads a bundle of entries.
///
/// # Errors
/// `Malformed` where it ends within an entry, or has not 1 to 256 of them.
pub fn unbundle(mut bytes: &[u8]) -> Result<Vec<&[u8]>> {
    let mut out = Vec::new();
    while !bytes.is_empty() {
        let (length, rest) =
            bytes.split_first_chunk::<2>().ok_or_else(|| malformed("bundle", "ends within a length"))?;
        let (entry, rest) = rest
            .split_at_checked(usize::from(u16::from_be_bytes(*length)))
            .ok_or_else(|| malformed("bundle", "ends within an entry"))?;
        out.push(entry);
        bytes = rest;
    }
    if out.is_empty() || out.len() as u64 > WIDTH {
        return Err(malformed("bundle", "not 1 to 256 entries"));
    }
    Ok(out)
}

/// Where tiles of hashes are read from.
pub trait Tiles {
    /// What can go wrong there.
    type Error;
    /// The hashes of tile `index` of `level`: at least the first `width`.
    fn tile(&mut self, level: u8, index: u64, width: u64) -> std::result::Result<Vec<Hash>, Self::Error>;
    /// What to say of a tile that has fewer.
    fn too_short(level: u8, index: u64) -> Self::Error;
}

/// Nodes of the tree, taken from tiles; the last tile of each level is kept, because proofs ask it several times.
pub struct FromTiles<T> {
    tiles: T,
    last: Vec<Option<(u64, Vec<Hash>)>>,
}

impl<T: Tiles> FromTiles<T> {
    /// Nodes of what `tiles` reads.
    pub fn new(tiles: T) -> Self {
        Self { tiles, last: Vec::new() }
    }
}

impl<T: Tiles> Nodes for FromTiles<T> {
    type Error = T::Error;

    fn node(&mut self, height: u32, index: u64) -> std::result::Result<Hash, T::Error> {
        let (level, within) = ((height / 8) as u8, height % 8);
        // A subtree of height 8 × level + within is 2^within neighbours of one tile.
        let first = index << within;
        let (tile, at, count) = (first / WIDTH, (first % WIDTH) as usize, 1_usize << within);
        if self.last.len() <= usize::from(level) {
            self.last.resize(usize::from(level) + 1, None);
        }
        let kept = &mut self.last[usize::from(level)];
        if kept.as_ref().is_none_or(|(n, hashes)| *n != tile || hashes.len() < at + count) {
            *kept = Some((tile, self.tiles.tile(level, tile, (at + count) as u64)?));
        }
        let hashes = kept.as_ref().and_then(|(_, hashes)| hashes.get(at..at + count));
        hashes.map(whole).ok_or_else(|| T::too_short(level, tile))
    }
}
