//! The tree against the published vectors, against the definition, and every proof of every size up to 300.

use mach_tlog::tile::{self, FromTiles, Level, Tile, Tiles};
use mach_tlog::tree::{self, Frontier, leaf_hash, node_hash};
use mach_tlog::{Hash, hex};
use std::convert::Infallible;

/// The definition, word for word (RFC 6962, 2.1).
fn by_definition(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => tree::empty_root(),
        [one] => *one,
        many => {
            let k = many.len().next_power_of_two() / 2;
            node_hash(&by_definition(&many[..k]), &by_definition(&many[k..]))
        }
    }
}

/// A log in memory that gives tiles as another program would be given them.
struct Log {
    leaves: Vec<Hash>,
}

impl Tiles for &Log {
    type Error = Infallible;

    fn tile(&mut self, level: u8, index: u64, width: u64) -> Result<Vec<Hash>, Infallible> {
        let below = 256_usize.pow(u32::from(level));
        let from = index as usize * 256 * below;
        Ok((0..width as usize).map(|i| by_definition(&self.leaves[from + i * below..from + (i + 1) * below])).collect())
    }

    fn too_short(_: u8, _: u64) -> Infallible {
        panic!("a tile is too short")
    }
}

fn log(size: usize) -> Log {
    Log { leaves: (0..size).map(|i| leaf_hash(format!("entry {i}").as_bytes())).collect() }
}

#[test]
fn roots_are_those_of_certificate_transparency() {
    // The entries and roots with which all implementations of RFC 6962 are tested.
    let entries: [&[u8]; 8] = [
        b"",
        &[0],
        &[0x10],
        &[0x20, 0x21],
        &[0x30, 0x31],
        &[0x40, 0x41, 0x42, 0x43],
        &[0x50, 0x51, 0x52, 0x53, 0x54, 0x55, 0x56, 0x57],
        &[0x60, 0x61, 0x62, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6a, 0x6b, 0x6c, 0x6d, 0x6e, 0x6f],
    ];
    let roots = [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];
    let mut frontier = Frontier::default();
    assert_eq!(hex(&frontier.root()), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    for (entry, root) in entries.iter().zip(roots) {
        frontier.push(leaf_hash(entry));
        assert_eq!(hex(&frontier.root()), root);
    }
}

#[test]
fn every_proof_of_every_size_up_to_300() {
    let log = log(300);
    let mut nodes = FromTiles::new(&log);
    let mut frontier = Frontier::default();
    let mut roots = vec![frontier.root()];
    for size in 1..=300_u64 {
        frontier.push(log.leaves[size as usize - 1]);
        let root = frontier.root();
        assert_eq!(root, by_definition(&log.leaves[..size as usize]));
        assert_eq!(root, tree::root(&mut nodes, size).unwrap());
        roots.push(root);
        for index in 0..size {
            let leaf = log.leaves[index as usize];
            let path = tree::inclusion(&mut nodes, index, size).unwrap();
            let check = |index, size, path: &[Hash]| tree::verify_inclusion(&leaf, index, size, path, &root);
            check(index, size, &path).unwrap();
            // Neither for another place, nor shorter, nor longer, nor with a hash changed.
            assert!(check(index + 1, size, &path).is_err());
            assert!(check(index ^ 1, size, &path).is_err() || size == 1);
            assert!(check(index, size, &[path.as_slice(), &[root]].concat()).is_err());
            if let Some((_, shorter)) = path.split_last() {
                assert!(check(index, size, shorter).is_err());
            }
            let mut changed = path.clone();
            if let Some(hash) = changed.get_mut((index % 9) as usize) {
                hash[7] ^= 1;
                assert!(check(index, size, &changed).is_err());
            }
        }
        for old in 0..=size {
            let path = tree::consistency(&mut nodes, old, size).unwrap();
            let check = |old_root: &Hash, path: &[Hash]| tree::verify_consistency(old, old_root, size, &root, path);
            check(&roots[old as usize], &path).unwrap();
            assert!(check(&leaf_hash(b"another"), &path).is_err());
            assert!(check(&roots[old as usize], &[path.as_slice(), &[root]].concat()).is_err());
            let mut changed = path.clone();
            if let Some(hash) = changed.get_mut((old % 9) as usize) {
                hash[7] ^= 1;
                assert!(check(&roots[old as usize], &changed).is_err());
            }
            if old > 0 {
                assert!(tree::verify_consistency(size + 1, &root, size, &root, &path).is_err());
            }
        }
    }
}

#[test]
fn proofs_cross_the_levels_of_tiles() {
    let log = log(66_000);
    let mut nodes = FromTiles::new(&log);
    let root = tree::root(&mut nodes, 66_000).unwrap();
    assert_eq!(root, by_definition(&log.leaves));
    for index in [0, 255, 256, 65_535, 65_536, 65_999] {
        let path = tree::inclusion(&mut nodes, index, 66_000).unwrap();
        tree::verify_inclusion(&log.leaves[index as usize], index, 66_000, &path, &root).unwrap();
    }
    for old in [1, 256, 257, 65_535, 65_536, 65_537] {
        let path = tree::consistency(&mut nodes, old, 66_000).unwrap();
        let before = by_definition(&log.leaves[..old as usize]);
        tree::verify_consistency(old, &before, 66_000, &root, &path).unwrap();
    }
}

#[test]
fn tiles_have_the_paths_of_the_specification() {
    let tile = |level, index, width| Tile { level, index, width };
    for (path, tile) in [
        ("0/x001/x234/067", tile(Level::Hashes(0), 1_234_067, 256)),
        ("1/000.p/17", tile(Level::Hashes(1), 0, 17)),
        ("entries/x273/000.p/112", tile(Level::Entries, 273_000, 112)),
        ("63/999", tile(Level::Hashes(63), 999, 256)),
    ] {
        assert_eq!(tile.path(), path);
        assert_eq!(Tile::parse(path).unwrap(), tile);
    }
    for bad in [
        "",
        "0",
        "0/",
        "0/1",
        "0/0001",
        "00/001",
        "64/001",
        "-1/001",
        "0/x000/001",
        "0/001/x002",
        "0/x001/2",
        "0/001.p/0",
        "0/001.p/256",
        "0/001.p/01",
        "0/001.p/",
        "entry/001",
        "0/001.p/1.p/1",
        "0/+01",
        "0/x999/x999/x999/x999/x999/x999/x999/999",
    ] {
        assert!(Tile::parse(bad).is_err(), "{bad}");
    }
    // A tree of 70,000, as in the specification.
    let width = |level, index| tile(Level::Hashes(level), index, 256).width_in(70_000);
    assert_eq!((width(0, 272), width(0, 273), width(0, 274)), (256, 112, 0));
    assert_eq!((width(1, 0), width(1, 1), width(2, 0), width(3, 0), width(9, 0)), (256, 17, 1, 0, 0));
}

#[test]
fn bundles_and_tiles_are_read_back_or_refused() {
    let entries: Vec<Vec<u8>> = (0..256_u32).map(|i| vec![i as u8; i as usize * 3]).collect();
    let bytes = tile::bundle(entries.iter().map(Vec::as_slice)).unwrap();
    assert_eq!(tile::unbundle(&bytes).unwrap(), entries);
    let longest = vec![0_u8; mach_tlog::limits::ENTRY_BYTES];
    assert!(tile::bundle([longest.as_slice()]).is_ok());
    assert!(tile::bundle([[longest.as_slice(), &[0]].concat().as_slice()]).is_err());
    for bad in [&bytes[..bytes.len() - 1], &[], &[0], &[bytes.as_slice(), &[0, 0]].concat()] {
        assert!(tile::unbundle(bad).is_err());
    }
    let hashes = log(256).leaves;
    assert_eq!(tile::decode(&tile::encode(&hashes)).unwrap(), hashes);
    for bad in [vec![], vec![0; 31], vec![0; 33], vec![0; 32 * 257]] {
        assert!(tile::decode(&bad).is_err());
    }
}
