//! Copies between the engines lose nothing; one that was cut off is never taken for a store.
#![expect(clippy::unwrap_used, reason = "tests may panic on a broken expectation, also outside their own functions")]

mod common;

use common::{console, digests, fill};
use mach_store::sql::{Execute, Query, list};
use mach_store::{Error, Store, schema};
use mach_test_engines::Home;

/// Every row of every table but the numbers of versions, as text.
fn rows(store: &Store) -> Vec<String> {
    let mut reader = store.read(&console()).unwrap();
    let tables =
        ["pack", "resource", "index_token", "fact", "cell", "claim_facts", "received_file", "audit", "commit_log"];
    let mut out = Vec::new();
    for table in tables {
        let sql = format!("SELECT * FROM {table} /* every shard: whole store */");
        let mut of = list(&mut reader, &sql, &[], |r| {
            let mut line = table.to_owned();
            for column in 0.. {
                let Some(text) = r.shown(column)? else { break };
                line.push('|');
                line.push_str(&text);
            }
            Ok(line)
        })
        .unwrap();
        of.sort_unstable();
        out.extend(of);
    }
    out
}

#[test]
fn a_store_goes_to_the_other_engine_and_back() {
    let (folder, server, again) = (Home::folder(), Home::postgres(), Home::folder());
    let from = folder.open();
    fill(&from);
    let (through, back) = (server.open(), again.open());
    let mut told = 0;
    let rows_there = from.copy_to(&through, &console(), &mut |c| told = c.rows).unwrap();
    assert_eq!(told, rows_there);
    assert_eq!(through.copy_to(&back, &console(), &mut |_| ()).unwrap(), rows_there);
    assert_eq!(rows(&from), rows(&through));
    assert_eq!(rows(&from), rows(&back));
    assert_eq!(digests(&from), digests(&through));
    // The next keys follow those that were copied, on every one of them.
    let next = [&from, &through, &back]
        .map(|store| store.write(&console(), |tx| Ok((tx.seq(), schema::facility_id(tx, "46002")?))).unwrap());
    assert_eq!((next[0], next[0]), (next[1], next[2]));
    // What is opened again is whole.
    drop((through, back));
    assert_eq!(digests(&server.open()).len(), digests(&again.open()).len());
}

#[test]
fn a_target_with_rows_is_refused() {
    for target in [Home::folder(), Home::postgres()] {
        let source = Home::folder();
        let (from, to) = (source.open(), target.open());
        fill(&from);
        to.write(&console(), |tx| schema::facility_id(tx, "46009")).unwrap();
        let refused = from.copy_to(&to, &console(), &mut |_| ()).unwrap_err();
        assert!(matches!(&refused, Error::Refused(why) if why.contains("commit_log")), "{refused}");
        assert_eq!(schema::facilities(&mut to.read(&console()).unwrap()).unwrap().len(), 1, "it is as it was");
        drop(to);
        target.open();
    }
}

#[test]
fn a_copy_that_was_cut_off_cannot_be_opened() {
    for target in [Home::folder(), Home::postgres()] {
        let source = Home::folder();
        let from = source.open();
        fill(&from);
        // A value that its column cannot have: reading it ends the copy after some tables were written.
        let spoil = |tx: &mut mach_store::Tx<'_>| {
            tx.run("UPDATE resource SET id = ?1 WHERE facility = 1", &[[1_u8].as_slice().into()])
        };
        from.write(&console(), spoil).unwrap();
        let to = target.open();
        let error = from.copy_to(&to, &console(), &mut |_| ()).unwrap_err();
        assert!(error.to_string().contains("table resource: column id"), "{error}");
        drop(to);
        assert!(matches!(target.try_open(), Err(Error::Unfinished)));
    }
}

#[test]
fn a_reader_of_postgresql_keeps_its_state_while_rows_come() {
    let home = Home::postgres();
    let store = home.open();
    fill(&store);
    let mut before = store.read(&console()).unwrap();
    let count =
        |on: &mut dyn Query| mach_store::sql::int(on, "SELECT count(*) FROM resource WHERE facility = 1", &[]).unwrap();
    let first = count(&mut before);
    fill(&store);
    store.write(&console(), |tx| schema::facility_id(tx, "46003")).unwrap();
    assert_eq!(count(&mut before), first);
}
