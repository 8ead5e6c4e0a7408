//! Stores that an earlier program sealed in its own way, and what is left of what lay in clear.

use super::{NEWEST, REVISION_NAME, SCRUB, meta};
use crate::engine::{Engine, Place};
use crate::people::{self, NumberRow};
use crate::sql::{self, Execute};
use crate::{Error, Store, bulk, log};
use mach_access::{Act, Actor, Decision, decide};
use std::path::Path;

fn console() -> Decision {
    decide(&Actor::console(), Act::Administer).unwrap()
}

fn engine(folder: &Path) -> Engine {
    Place::File(folder.join("mach.db")).writer().unwrap()
}

fn run(folder: &Path, statements: &[&str]) {
    let mut engine = engine(folder);
    engine.begin().unwrap();
    for sql in statements {
        engine.run(sql, &[]).unwrap();
    }
    engine.commit().unwrap();
}

/// As the first program that sealed left its stores.
fn forget_revision(folder: &Path) {
    let mut engine = engine(folder);
    engine.run("DELETE FROM meta WHERE name = ?1", &[REVISION_NAME.into()]).unwrap();
}

fn lies(folder: &Path, needle: &str) -> bool {
    let mut files = std::fs::read_dir(folder).unwrap().map(|e| std::fs::read(e.unwrap().path()).unwrap_or_default());
    files.any(|f| f.windows(needle.len()).any(|w| w == needle.as_bytes()))
}

#[test]
fn every_ending_of_a_number_has_a_hash_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let key = |n: i64| format!("{:04}00580970", n * 7);
    let add = move |tx: &mut crate::Tx<'_>| {
        for n in 0..40 {
            people::insert_number(tx, &NumberRow { kind: 1, scope: 0, key: key(n), person: n + 1 })?;
        }
        Ok(())
    };
    store.write(&console(), add).unwrap();
    let endings = |store: &Store| {
        let sql = "SELECT count(DISTINCT ending) FROM person_number /* every shard: whole store */";
        sql::int(&mut store.read(&console()).unwrap(), sql, &[]).unwrap()
    };
    assert_eq!(endings(&store), 40);
    drop(store);
    // What the program before made of every hash below zero.
    run(folder.path(), &["UPDATE person_number SET ending = 1 WHERE ending < 0"]);
    forget_revision(folder.path());
    let store = Store::open(folder.path()).unwrap();
    assert_eq!(endings(&store), 40);
    let mut reader = store.read(&console()).unwrap();
    for n in 0..40 {
        let found = people::numbers_ending(&mut reader, &key(n)[..4], 9).unwrap();
        assert_eq!(found.iter().map(|row| row.person).collect::<Vec<_>>(), [n + 1]);
    }
}

#[test]
fn salts_of_the_log_and_what_jobs_were_asked_for_are_sealed_also_later() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let asked = "filter identifier=079085012345";
    store.write(&console(), move |tx| tx.add_job("t", "export", "r", asked, 1)).unwrap();
    store.write(&console(), |tx| tx.audit(None, "something", "granted")).unwrap();
    let salts = |store: &Store| {
        let rows = log::salts_after(&mut store.read(&console()).unwrap(), -1).unwrap().0;
        let open = |(first, count, salts): &(i64, i64, Vec<u8>)| {
            let plain = mach_seal::open(&format!("log_batch {first}"), salts).unwrap();
            assert_eq!(plain.len() as i64, 16 * count);
            (*first, plain)
        };
        rows.iter().map(open).collect::<Vec<_>>()
    };
    let known = salts(&store);
    assert!(!known.is_empty());
    drop(store);
    assert!(!lies(folder.path(), asked));
    // As it was before.
    let mut before = engine(folder.path());
    for (first, plain) in &known {
        let sql = "UPDATE log_batch SET salts = ?2 WHERE first = ?1";
        before.run(sql, &[(*first).into(), plain.as_slice().into()]).unwrap();
    }
    before.run("UPDATE bulk_job SET asked = ?1", &[asked.into()]).unwrap();
    drop(before);
    forget_revision(folder.path());
    assert!(lies(folder.path(), asked));
    let store = Store::open(folder.path()).unwrap();
    assert_eq!(salts(&store), known);
    assert_eq!(bulk::next(&mut store.read(&console()).unwrap()).unwrap().unwrap().asked, asked);
    drop(store);
    assert!(!lies(folder.path(), asked), "nothing is left of it");
}

#[test]
fn what_lay_in_clear_is_written_over_also_by_a_later_start() {
    let folder = tempfile::tempdir().unwrap();
    drop(Store::open(folder.path()).unwrap());
    let secret = "lay-in-clear-".repeat(40);
    // It was sealed, and the program ended before the file was written anew.
    run(
        folder.path(),
        &[
            &format!("INSERT INTO facility(code) VALUES ('{secret}')"),
            "DELETE FROM facility",
            &format!("INSERT INTO meta(name, value) VALUES ('{SCRUB}', 1)"),
        ],
    );
    assert!(lies(folder.path(), &secret));
    let asked = |engine: &mut Engine| meta(engine, SCRUB).unwrap().is_some();
    // Somebody reads: the store opens, and the next start has it to do still.
    let mut reader = Place::File(folder.path().join("mach.db")).reader().unwrap();
    reader.begin_reading(false, crate::sees::Sees::Everything).unwrap();
    assert!(asked(&mut reader));
    drop(Store::open(folder.path()).unwrap());
    assert!(reader.end_reading());
    drop(reader);
    assert!(asked(&mut engine(folder.path())));
    let store = Store::open(folder.path()).unwrap();
    assert!(!asked(&mut engine(folder.path())));
    assert!(!lies(folder.path(), &secret), "nothing is left of it, in the log neither");
    drop(store);
}

#[test]
fn a_store_that_knows_of_newer_keys_refuses_an_older_copy_of_the_keyring() {
    let folder = tempfile::tempdir().unwrap();
    drop(Store::open(folder.path()).unwrap());
    let number = mach_seal::ring().unwrap().number(mach_seal::Purpose::Body);
    assert_eq!(meta(&mut engine(folder.path()), NEWEST).unwrap(), Some(number.into()));
    run(folder.path(), &[&format!("UPDATE meta SET value = value + 1 WHERE name = '{NEWEST}'")]);
    let Err(Error::Sealed(said)) = Store::open(folder.path()) else { unreachable!("it was opened") };
    assert!(said.contains("an older copy"), "{said}");
    run(folder.path(), &[&format!("UPDATE meta SET value = value - 1 WHERE name = '{NEWEST}'")]);
    drop(Store::open(folder.path()).unwrap());
}

#[test]
fn what_is_sealed_by_a_key_that_is_missing_is_not_called_damaged() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let mut sealed = crate::pack::seal((0, 1), b"anything").unwrap();
    let damaged = {
        let mut damaged = sealed.clone();
        *damaged.last_mut().unwrap() ^= 1;
        damaged
    };
    assert!(matches!(crate::pack::opened((0, 1), &damaged), Err(Error::Damaged(1))));
    // A key of a keyring yet to come.
    sealed[..2].copy_from_slice(&u16::MAX.to_le_bytes());
    assert!(matches!(crate::pack::opened((0, 1), &sealed), Err(Error::Sealed(_))));
    store
        .write(&console(), move |tx| {
            tx.run("INSERT INTO pack(id, facility, body) VALUES (1, 0, ?1)", &[sealed.as_slice().into()])
        })
        .unwrap();
    assert!(matches!(store.check(&console(), &mut |_| ()), Err(Error::Sealed(_))), "a check gives nothing up");
}
