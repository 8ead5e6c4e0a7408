//! Packs: the bodies written together, compressed together.
//!
//! Resources of one claim or one bundle repeat each other (patient, encounter, systems), so they shrink to a tenth when
//! compressed as one block and to a third one by one. A body is read by unpacking its block: 32 KB take about 30 µs.

use crate::sealed::{self, row};
use crate::sql::{self, Execute, Query};
use crate::{Error, Result};
use mach_seal::Purpose;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

/// Bytes of bodies gathered into one pack before the next begins, until it shows how far they shrink.
pub const PACK_BYTES: usize = 30 << 10;
/// Bytes gathered at least and at most once that shows: the more there are, the longer one of them takes to be read.
const GATHERED: std::ops::RangeInclusive<usize> = (4 << 10)..=(44 << 10);
/// Bytes of a page of SQLite that packs can fill.
const PAGE: usize = crate::sqlite::PAGE_BYTES as usize - 8;
/// Bytes of a page that a pack takes besides its block: its seal, its row.
const BESIDE: usize = mach_seal::SEALED_BYTES + 20;
/// A rest of a page too small for a pack.
const REST: usize = 1_200;
/// zstd level: 3 takes 10 µs for a resource and leaves packs a tenth smaller than 1.
const LEVEL: i32 = 3;
/// Bytes a pack may have when unpacked: one body past `PACK_BYTES` makes a pack of its own.
const UNPACKED_BYTES: usize = 64 << 20;

/// Where a body lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The facility whose bodies lie there; 0 is the province.
    pub facility: i64,
    /// The pack; 0 where there is no body.
    pub pack: i64,
    /// Its position in the pack, from 0.
    pub slot: i64,
}

/// Packs being filled, one for each facility: their bodies have places before they are written.
#[derive(Debug, Default)]
pub struct Open {
    packs: BTreeMap<i64, Filling>,
}

#[derive(Debug)]
struct Filling {
    id: i64,
    bodies: Vec<Vec<u8>>,
    bytes: usize,
}

impl Open {
    /// Adds bodies of `facility` that belong together, in slots one after another; gives the place of the first. `close`
    /// must follow in the same transaction.
    pub fn add(&mut self, tx: &mut dyn Execute, facility: i64, together: &[&[u8]]) -> Result<Place> {
        let bytes = together.iter().map(|b| b.len()).sum::<usize>();
        if self.packs.get(&facility).is_some_and(|p| p.bytes > 0 && p.bytes + bytes > PACK_BYTES)
            && let Some(full) = self.packs.remove(&facility)
        {
            full.write(tx, facility)?;
        }
        let pack = match self.packs.entry(facility) {
            Entry::Occupied(open) => open.into_mut(),
            Entry::Vacant(none) => {
                let insert = "INSERT INTO pack(facility, body) VALUES (?1, ?2)";
                let id = tx.insert(insert, &[facility.into(), [].as_slice().into()])?;
                none.insert(Filling { id, bodies: Vec::new(), bytes: 0 })
            }
        };
        let place = Place { facility, pack: pack.id, slot: pack.bodies.len() as i64 };
        pack.bodies.extend(together.iter().map(|b| b.to_vec()));
        pack.bytes += bytes;
        Ok(place)
    }

    /// Writes the packs. Places given before can be read from now on.
    pub fn close(&mut self, tx: &mut dyn Execute) -> Result<()> {
        std::mem::take(&mut self.packs).into_iter().try_for_each(|(facility, pack)| pack.write(tx, facility))
    }
}

/// Destroys the body at `place`: it is empty from now on. Those beside it stay.
pub(crate) fn empty(tx: &mut dyn Execute, place: Place) -> Result<()> {
    let mut bodies: Vec<Vec<u8>> = read(tx, place.facility, place.pack)?.iter().map(<[u8]>::to_vec).collect();
    let slot = usize::try_from(place.slot).map_err(|_| Error::Damaged(place.pack))?;
    bodies.get_mut(slot).ok_or(Error::Damaged(place.pack))?.clear();
    Filling { id: place.pack, bodies, bytes: 0 }.write(tx, place.facility)
}

/// Bodies as one block, compressed.
fn packed<B: AsRef<[u8]>>(bodies: &[B]) -> Result<Vec<u8>> {
    let bytes = 4 + 4 * bodies.len() + bodies.iter().map(|b| b.as_ref().len()).sum::<usize>();
    if bytes > UNPACKED_BYTES {
        // What could not be unpacked again is not stored.
        let text =
            format!("a resource takes {bytes} bytes with what it is found by, at most {UNPACKED_BYTES} are kept");
        return Err(Error::Refused(text));
    }
    let mut plain = Vec::with_capacity(bytes);
    plain.extend((bodies.len() as u32).to_le_bytes());
    for body in bodies {
        plain.extend((body.as_ref().len() as u32).to_le_bytes());
    }
    bodies.iter().for_each(|body| plain.extend(body.as_ref()));
    let mut packed = (plain.len() as u32).to_le_bytes().to_vec();
    packed.extend(compress(&plain).map_err(|e| Error::Files(e.to_string()))?);
    Ok(packed)
}

/// Bodies of one facility compressed together, on their way into a row.
pub(crate) struct Block {
    facility: i64,
    /// Which of those given lie in it, in order, and how many slots each takes.
    of: Vec<(usize, usize)>,
    bytes: Vec<u8>,
}

/// Makes packs of bodies that are all there already: of each facility those that lie together in `together`, slots one after
/// another. Takes no store: it can be done beside other work.
pub(crate) fn make(together: &[(i64, Vec<&[u8]>)]) -> Result<Vec<Block>> {
    let mut order: Vec<usize> = (0..together.len()).filter(|n| !together[*n].1.is_empty()).collect();
    order.sort_by_key(|n| together[*n].0);
    let (mut from, mut fill, mut blocks) = (0, Fill::default(), Vec::new());
    while from < order.len() {
        let facility = together[order[from]].0;
        let of_facility = order[from..].partition_point(|n| together[*n].0 == facility).min(*GATHERED.end());
        let next = &order[from..from + of_facility];
        let sizes: Vec<usize> = next.iter().map(|n| together[*n].1.iter().map(|b| b.len()).sum()).collect();
        let (count, bytes) = fill.next(&sizes, |count| {
            let bodies: Vec<&[u8]> = next[..count].iter().flat_map(|n| &together[*n].1).copied().collect();
            packed(&bodies)
        })?;
        let of = next[..count].iter().map(|n| (*n, together[*n].1.len())).collect();
        blocks.push(Block { facility, of, bytes });
        from += count;
    }
    Ok(blocks)
}

/// Writes what `make` made of `count` bodies. Gives the place of the first slot of each. They are readable at once.
pub(crate) fn put(tx: &mut dyn Execute, blocks: Vec<Block>, count: usize) -> Result<Vec<Place>> {
    let mut places = vec![Place { facility: 0, pack: 0, slot: 0 }; count];
    for Block { facility, of, bytes } in blocks {
        let next = tx.next_key("pack")?;
        let sealed = seal((facility, next), &bytes)?;
        let insert = "INSERT INTO pack(facility, body) VALUES (?1, ?2)";
        let pack = tx.insert(insert, &[facility.into(), sealed.as_slice().into()])?;
        if pack != next {
            return Err(Error::Missing("the pack's own number"));
        }
        let mut slot = 0;
        for (n, slots) in of {
            places[n] = Place { facility, pack, slot };
            slot += slots as i64;
        }
    }
    Ok(places)
}

/// Fills pages: two packs stand on one, and what the first leaves is as much as the second should be.
struct Fill {
    /// Bytes that the page has left.
    room: usize,
    /// How far the last ones shrank: bytes, and what they came to.
    shrank: (usize, usize),
}

impl Default for Fill {
    fn default() -> Self {
        Self { room: PAGE, shrank: (PACK_BYTES, PAGE / 2) }
    }
}

impl Fill {
    /// How many of the next bodies, whose sizes these are, make a pack; and its block.
    fn next(&mut self, sizes: &[usize], block_of: impl Fn(usize) -> Result<Vec<u8>>) -> Result<(usize, Vec<u8>)> {
        let is_second = self.room < PAGE;
        let aim = if is_second { self.room - BESIDE } else { self.room / 2 - BESIDE };
        let (mut count, bytes) = self.first_within(sizes, aim);
        let mut block = block_of(count)?;
        self.shrank = (bytes, block.len());
        // The first of a page may be what it is, where it leaves room for another; the second should fill what is left.
        let most = if is_second { aim } else { PAGE - 2 * BESIDE - REST };
        let least = if is_second { aim / 8 * 7 } else { 0 };
        if (block.len() > most && count > 1) || (block.len() < least && count < sizes.len()) {
            let (other, bytes) = self.first_within(sizes, aim);
            let made = block_of(other)?;
            if block.len() > most || made.len() <= most {
                self.shrank = (bytes, made.len());
                (count, block) = (other, made);
            }
        }
        let taken = block.len() + BESIDE;
        let left = if taken <= self.room { self.room - taken } else { PAGE.saturating_sub(taken) };
        self.room = if left < REST { PAGE } else { left };
        Ok((count, block))
    }

    /// How many of the first bodies come to about `aim`, at least one, if they shrink like the last; and how many bytes they are.
    fn first_within(&self, sizes: &[usize], aim: usize) -> (usize, usize) {
        let most = (self.shrank.0 * aim / self.shrank.1.max(1) / 32 * 31).clamp(*GATHERED.start(), *GATHERED.end());
        let mut bytes = sizes[0];
        let more = sizes[1..].iter().take_while(|size| {
            let fits = bytes + **size <= most;
            bytes += if fits { **size } else { 0 };
            fits
        });
        (1 + more.count(), bytes)
    }
}

impl Filling {
    fn write(self, tx: &mut dyn Execute, facility: i64) -> Result<()> {
        let packed = seal((facility, self.id), &packed(&self.bodies)?)?;
        let update = "UPDATE pack SET body = ?3 WHERE id = ?1 AND facility = ?2";
        tx.push(update, &[self.id.into(), facility.into(), packed.as_slice().into()])
    }
}

/// Seals a block for its row.
pub(crate) fn seal((facility, pack): (i64, i64), block: &[u8]) -> Result<Vec<u8>> {
    Ok(sealed::ring()?.seal(Purpose::Body, &row!("pack", facility, pack), block)?)
}

/// Opens a block that was sealed for this row.
fn unsealed((facility, pack): (i64, i64), block: &[u8]) -> Result<Vec<u8>> {
    match mach_seal::open(&row!("pack", facility, pack), block) {
        Err(mach_seal::Error::Closed) => Err(Error::Damaged(pack)),
        // Without its key nobody can say whether it is whole.
        opened => Ok(opened?),
    }
}

/// Compressed, with a checksum at its end: a byte that the disk changed is found, not believed.
fn compress(plain: &[u8]) -> std::io::Result<Vec<u8>> {
    // Its tables are larger than most packs: made once a thread.
    thread_local! {
        static COMPRESSOR: RefCell<Option<zstd::bulk::Compressor<'static>>> = const { RefCell::new(None) };
    }
    COMPRESSOR.with_borrow_mut(|kept| {
        let compressor = match kept {
            Some(compressor) => compressor,
            none => {
                let mut new = zstd::bulk::Compressor::new(LEVEL)?;
                new.include_checksum(true)?;
                none.insert(new)
            }
        };
        compressor.compress(plain)
    })
}

/// The bodies of a pack, in order, in one piece of memory.
#[derive(Debug, Default)]
pub struct Bodies {
    plain: Vec<u8>,
    /// Where each ends; the first begins at `begin`.
    ends: Vec<usize>,
    begin: usize,
}

impl Bodies {
    /// The body in `slot`.
    pub fn get(&self, slot: usize) -> Option<&[u8]> {
        let end = *self.ends.get(slot)?;
        let begin = slot.checked_sub(1).map_or(self.begin, |before| self.ends[before]);
        self.plain.get(begin..end)
    }

    /// The same as text.
    pub(crate) fn text(&self, slot: usize) -> Option<&str> {
        std::str::from_utf8(self.get(slot)?).ok()
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.ends.len()).filter_map(|slot| self.get(slot))
    }

    fn read(plain: Vec<u8>) -> Option<Self> {
        let word = |at: usize| plain.get(at..at + 4)?.try_into().ok().map(u32::from_le_bytes).map(|n| n as usize);
        let count = word(0)?;
        let begin = count.checked_mul(4)?.checked_add(4).filter(|begin| *begin <= plain.len())?;
        let mut end = begin;
        let mut ends = Vec::with_capacity(count);
        for slot in 0..count {
            end = end.checked_add(word(4 + 4 * slot)?).filter(|end| *end <= plain.len())?;
            ends.push(end);
        }
        Some(Self { plain, ends, begin })
    }
}

/// Packs asked for in one statement.
const TOGETHER: usize = 32;

/// Hands each of a facility's packs on, in any order, one at a time. `packs` names each once.
pub(crate) fn read_each(
    on: &mut dyn Query,
    facility: i64,
    packs: &[i64],
    then: &mut dyn FnMut(i64, &Bodies) -> Result<()>,
) -> Result<()> {
    for some in packs.chunks(TOGETHER) {
        if let [pack] = some {
            then(*pack, &read(on, facility, *pack)?)?;
            continue;
        }
        let (marks, mut args) = sql::padded(some, 2);
        args.insert(0, facility.into());
        let sql = format!("SELECT id, body FROM pack WHERE facility = ?1 AND id IN ({marks})");
        let mut left: Vec<i64> = some.to_vec();
        on.each(&sql, &args, &mut |r| {
            let pack = r.int(0)?;
            left.retain(|p| *p != pack);
            then(pack, &opened((facility, pack), r.blob(1)?)?)
        })?;
        if let Some(missing) = left.first() {
            return Err(Error::Damaged(*missing));
        }
    }
    Ok(())
}

/// All bodies of a facility's pack.
pub fn read(on: &mut dyn Query, facility: i64, pack: i64) -> Result<Bodies> {
    let sql = "SELECT body FROM pack WHERE id = ?1 AND facility = ?2";
    // Opened from where the engine holds it.
    let bodies = sql::first(on, sql, &[pack.into(), facility.into()], |r| opened((facility, pack), r.blob(0)?))?;
    bodies.ok_or(Error::Damaged(pack))
}

/// The bodies of the block in the row of this facility and pack.
///
/// # Errors
/// `Damaged`; `Sealed` where the key is not here.
pub(crate) fn opened(row: (i64, i64), block: &[u8]) -> Result<Bodies> {
    let block = unsealed(row, block)?;
    unpacked(&block).and_then(Bodies::read).ok_or(Error::Damaged(row.1))
}

fn unpacked(packed: &[u8]) -> Option<Vec<u8>> {
    let (length, packed) = packed.split_first_chunk::<4>()?;
    let length = u32::from_le_bytes(*length) as usize;
    if length > UNPACKED_BYTES {
        return None;
    }
    // Its tables are made once a thread.
    thread_local! {
        static DECOMPRESSOR: RefCell<Option<zstd::bulk::Decompressor<'static>>> = const { RefCell::new(None) };
    }
    DECOMPRESSOR.with_borrow_mut(|kept| {
        let decompressor = match kept {
            Some(decompressor) => decompressor,
            none => none.insert(zstd::bulk::Decompressor::new().ok()?),
        };
        decompressor.decompress(packed, length).ok()
    })
}

/// The text at `place` of the block in its row.
pub(crate) fn body_in(block: &[u8], place: Place) -> Result<String> {
    let bodies = opened((place.facility, place.pack), block)?;
    let body = usize::try_from(place.slot).ok().and_then(|slot| bodies.text(slot));
    body.map(str::to_owned).ok_or(Error::Damaged(place.pack))
}

/// The body at `place`.
pub fn body(on: &mut dyn Query, place: Place) -> Result<Vec<u8>> {
    let bodies = read(on, place.facility, place.pack)?;
    let slot = usize::try_from(place.slot).ok();
    slot.and_then(|slot| bodies.get(slot)).map(<[u8]>::to_vec).ok_or(Error::Damaged(place.pack))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bodies of one facility, their sizes and how far they shrink drawn anew each; told in packs, set on pages as SQLite
    /// does it, how many hundredths of the pages are filled. `shrink` says how many thousandths of a body are left.
    fn filled(shrink: impl Fn(usize) -> usize) -> usize {
        let mut random = 1_u64;
        let mut below = |n: u64| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (random >> 33) % n
        };
        let bodies: Vec<(usize, usize)> =
            (0..3_000).map(|n| (300 + below(2_000) as usize, shrink(n) * (80 + below(40) as usize) / 100)).collect();
        let (mut fill, mut from) = (Fill::default(), 0);
        let (mut pages, mut left, mut bytes) = (0, 0, 0);
        while from < bodies.len() {
            let sizes: Vec<usize> = bodies[from..].iter().map(|b| b.0).collect();
            let block = |count: usize| {
                let bytes = bodies[from..from + count].iter().map(|(size, by)| size * by / 1_000).sum();
                Ok(vec![0; bytes])
            };
            let (count, block) = fill.next(&sizes, block).unwrap();
            assert!(count > 0);
            from += count;
            let taken = block.len() + BESIDE;
            assert!(taken <= PAGE, "{taken}");
            if taken > left {
                (pages, left) = (pages + 1, PAGE);
            }
            left -= taken;
            bytes += taken;
        }
        bytes * 100 / (pages * PAGE)
    }

    #[test]
    fn packs_fill_their_pages() {
        for (name, filled) in [
            ("alike", filled(|_| 110)),
            ("hardly shrinking", filled(|_| 400)),
            ("now these, now those", filled(|n| if n / 200 % 2 == 0 { 80 } else { 200 })),
        ] {
            assert!(filled >= 90, "{name}: {filled}");
        }
    }

    #[test]
    fn a_body_larger_than_a_page_is_a_pack_of_its_own() {
        let mut fill = Fill::default();
        for large in [20_000, 500, 90_000, 3] {
            let (count, block) = fill.next(&[large, 100_000], |count| Ok(vec![0; large * count])).unwrap();
            assert_eq!((count, block.len()), (1, large));
            assert!(fill.room <= PAGE && fill.room >= REST);
        }
    }
}
