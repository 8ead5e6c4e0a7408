//! What is damaged is found and named; what is backed up comes back.
#![expect(clippy::unwrap_used, reason = "tests may panic on a broken expectation, also outside their own functions")]

mod common;

use common::{console, digests, fill};
use mach_store::sql::{Execute, Query, first};
use mach_store::{Damage, Error, Store, restore, schema};
use mach_test_engines::{Home, on_both_engines};
use std::path::Path;

on_both_engines!(a_sound_store_has_no_damage, a_lost_body_is_named);

fn check(store: &Store) -> Vec<Damage> {
    store.check(&console(), &mut |_| ()).unwrap()
}

fn a_sound_store_has_no_damage(home: &Home) {
    let store = home.open();
    assert_eq!(check(&store), []);
    fill(&store);
    assert_eq!(check(&store), []);
    assert_eq!(store.quick_check(&console()).unwrap(), []);
}

fn a_lost_body_is_named(home: &Home) {
    let store = home.open();
    fill(&store);
    store
        .write(&console(), |tx| {
            tx.run("UPDATE pack SET body = ?1 WHERE id = 3 AND facility = 1", &[[9_u8; 40].as_slice().into()])?;
            tx.run("DELETE FROM pack WHERE id = 5 AND facility = 1", &[])
        })
        .unwrap();
    let damages = check(&store);
    let packs: Vec<i64> = damages.iter().map(|d| if let Damage::Pack { pack, .. } = d { *pack } else { 0 }).collect();
    assert_eq!(packs, [3, 5], "{damages:?}");
    let said = damages[0].to_string();
    assert!(said.contains("Observation/o-2-7 version 1") && !said.contains("o-3-7"), "{said}");
}

/// A store in a folder, closed, and its file.
fn closed() -> (Home, std::path::PathBuf) {
    let home = Home::folder();
    let store = home.open();
    fill(&store);
    drop(store);
    let file = home.path().unwrap().join("mach.db");
    assert_eq!(
        std::fs::metadata(home.path().unwrap().join("mach.db-wal")).map_or(0, |m| m.len()),
        0,
        "all is in the file"
    );
    (home, file)
}

/// Opens a file with these bytes as a store; what it says is damaged, or why it cannot be opened.
fn damages_of(bytes: &[u8], folder: &Path) -> Result<Vec<Damage>, Error> {
    std::fs::create_dir_all(folder).unwrap();
    std::fs::write(folder.join("mach.db"), bytes).unwrap();
    let found = Store::open(folder).and_then(|store| store.check(&console(), &mut |_| ()));
    std::fs::remove_dir_all(folder).unwrap();
    found
}

#[test]
fn a_page_of_nonsense_is_found_wherever_it_is() {
    let (home, file) = closed();
    let sound = std::fs::read(file).unwrap();
    let page = usize::from(u16::from_be_bytes([sound[16], sound[17]]));
    let pages = sound.len() / page;
    assert!(pages > 40, "{pages} pages");
    let folder = home.path().unwrap().join("copy");
    assert_eq!(damages_of(&sound, &folder).unwrap(), []);
    let (mut named, mut unopened) = (0, 0);
    for number in 0..pages {
        let mut bytes = sound.clone();
        for (i, byte) in bytes[number * page..(number + 1) * page].iter_mut().enumerate() {
            *byte ^= 0x5a ^ (i % 251) as u8;
        }
        match damages_of(&bytes, &folder) {
            Ok(found) => {
                assert!(!found.is_empty(), "page {number} of {pages} is nonsense and was not noticed");
                named += usize::from(found.iter().any(|d| !matches!(d, Damage::Tree { .. })));
            }
            // A page of the list of tables, or of what the store reads first: it does not start at all.
            Err(_) => unopened += 1,
        }
    }
    assert!(unopened < pages / 8, "{unopened} of {pages} pages keep the store from starting");
    assert!(named > pages / 3, "what is lost was named for {named} of {pages} pages only");
}

#[test]
fn what_can_be_saved_from_a_damaged_store_is_saved() {
    let (home, file) = closed();
    let sound = std::fs::read(file).unwrap();
    let page = usize::from(u16::from_be_bytes([sound[16], sound[17]]));
    let pages = sound.len() / page;
    let count = |store: &Store| {
        let sql = "SELECT count(*) FROM resource WHERE until = 0 /* every shard: whole store */";
        first(&mut store.read(&console()).unwrap(), sql, &[], |r| r.int(0)).unwrap().unwrap()
    };
    let (from, to) = (home.path().unwrap().join("from"), home.path().unwrap().join("to"));
    let all = count(&home.open());
    let (mut saved_some, mut repaired) = (0, 0);
    // Every third page, and the sound store.
    for number in std::iter::once(None).chain((0..pages).step_by(3).map(Some)) {
        let mut bytes = sound.clone();
        if let Some(number) = number {
            for (i, byte) in bytes[number * page..(number + 1) * page].iter_mut().enumerate() {
                *byte ^= 0x5a ^ (i % 251) as u8;
            }
        }
        std::fs::create_dir_all(&from).unwrap();
        std::fs::write(from.join("mach.db"), &bytes).unwrap();
        if let Ok(damaged) = Store::open(&from) {
            let new = Store::open(&to).unwrap();
            match damaged.repair_to(&new, &console()) {
                Ok(done) => {
                    repaired += 1;
                    assert_eq!(check(&new), [], "page {number:?}: what was saved is whole");
                    assert_eq!(done.lost.is_empty(), number.is_none(), "page {number:?}: what is lost is named");
                    let here = count(&new);
                    assert!(here <= all && (number.is_some() || here == all), "page {number:?}: {here} of {all}");
                    saved_some += u32::from(here > all / 2);
                    // It can be written to again.
                    new.write(&console(), |tx| schema::facility_id(tx, "46099")).unwrap();
                }
                Err(e) => assert!(number.is_some_and(|n| n < pages / 8), "page {number:?}: {e}"),
            }
        }
        std::fs::remove_dir_all(&from).unwrap();
        let _ = std::fs::remove_dir_all(&to);
    }
    assert!(repaired * 10 > pages / 3 * 8, "{repaired} of {} were repaired", pages / 3);
    assert!(f64::from(saved_some) > f64::from(u32::try_from(repaired).unwrap()) * 0.8, "{saved_some} of {repaired}");
}

#[test]
fn a_changed_byte_of_a_body_is_found_and_what_is_lost_is_named() {
    let (home, file) = closed();
    let store = home.open();
    let body = "SELECT body FROM pack WHERE id = 7 AND facility = 1";
    let body = first(&mut store.read(&console()).unwrap(), body, &[], |r| Ok(r.blob(0)?.to_vec())).unwrap().unwrap();
    drop(store);
    let sound = std::fs::read(file).unwrap();
    // It may lie there twice: once where it was before its page was written again.
    let places: Vec<usize> = (0..sound.len() - 64).filter(|i| sound[*i..i + 64] == body[..64]).collect();
    assert!(!places.is_empty(), "the body lies in the file");
    for flipped in [8, 20, 40, 60] {
        let mut bytes = sound.clone();
        places.iter().for_each(|at| bytes[at + flipped] ^= 1);
        let found = damages_of(&bytes, &home.path().unwrap().join("copy")).unwrap();
        assert!(
            matches!(&found[..], [Damage::Pack { pack: 7, holds }] if holds.len() > 20),
            "byte {flipped}: {found:?}"
        );
    }
}

#[test]
fn a_backup_is_one_moment_and_comes_back_whole() {
    let home = Home::folder();
    let store = home.open();
    fill(&store);
    let before = digests(&store);
    let file = home.path().unwrap().join("backup.db");
    let mut reader = store.read(&console()).unwrap();
    reader.each("SELECT 1 FROM resource WHERE facility = 1 LIMIT 1", &[], &mut |_| Ok(())).unwrap();
    let made = store.backup(&console(), &file).unwrap();
    drop(reader);
    store.write(&console(), |tx| schema::facility_id(tx, "46077")).unwrap();
    assert!(matches!(store.backup(&console(), &file), Err(Error::Files(why)) if why.contains("exists")));

    let folder = home.path().unwrap().join("restored");
    assert_eq!(restore(&file, &folder).unwrap(), made);
    let back = Store::open(&folder).unwrap();
    assert_eq!((digests(&back), check(&back)), (before, vec![]));
    drop(back);
    assert!(matches!(restore(&file, &folder), Err(Error::Files(why)) if why.contains("already")));

    let mut bytes = std::fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&file, &bytes).unwrap();
    let other = home.path().unwrap().join("other");
    assert!(matches!(restore(&file, &other), Err(Error::Files(why)) if why.contains("digest")));
    assert!(!other.join("mach.db").exists() && !other.join("mach.db.part").exists());
}

#[test]
fn postgresql_is_backed_up_by_its_own_tools() {
    let home = Home::postgres();
    if home.url().is_none() {
        return;
    }
    let refused = home.open().backup(&console(), Path::new("/nowhere/x")).unwrap_err();
    assert!(refused.to_string().contains("pg_dump"), "{refused}");
}

#[test]
fn a_large_store_is_looked_at_quickly_when_it_is_opened() {
    let home = Home::folder();
    let store = home.open();
    fill(&store);
    // Bodies that do not pack, until the whole look of small stores no longer applies.
    store
        .write(&console(), |tx| {
            for n in 0..1_500_u64 {
                let mut x = n.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
                let body: Vec<u8> = std::iter::repeat_with(|| {
                    x ^= x << 13;
                    x ^= x >> 7;
                    x ^= x << 17;
                    format!("{x:016x}").into_bytes()
                })
                .take(2_000)
                .flatten()
                .collect();
                let mut open = mach_store::pack::Open::default();
                open.add(tx, 1, &[&body])?;
                open.close(tx)?;
            }
            Ok(())
        })
        .unwrap();
    store.checkpoint(&console()).unwrap();
    assert!(store.size_bytes(&console()).unwrap() > 16 << 20);
    assert_eq!(store.check_at_start(&console()).unwrap(), []);
    store
        .write(&console(), |tx| {
            let sql = "UPDATE pack SET body = ?1 WHERE id % 10 = 1 AND facility = 1";
            tx.run(sql, &[[9_u8; 40].as_slice().into()])
        })
        .unwrap();
    let damages = store.check_at_start(&console()).unwrap();
    assert!(!damages.is_empty() && damages.len() < 64, "{damages:?}");
    assert!(damages.iter().any(|d| d.to_string().contains("Observation/o-0-")), "what is lost is named: {damages:?}");
}
