//! The transparency log against whoever owns the database: what was changed, and how, is named. On both engines.
#![expect(clippy::unwrap_used, reason = "a broken expectation ends the test")]

use mach_access::{Act, Actor, Decision, Role, decide};
use mach_base::Day;
use mach_fhir::ResourceType;
use mach_store::claims::{CheckIn, Digests, NewVersion, State, Summary};
use mach_store::log::{self, Asked, Finding, Report};
use mach_store::resources::{self, Index, Resource, Save};
use mach_store::sql::{Arg, Execute};
use mach_store::{Store, accounts, audit, claims, pack, people, schema};
use mach_test_engines::{Home, on_both_engines};
use mach_tlog::Hash;
use mach_tlog::checkpoint::Checkpoint;
use mach_tlog::cosign::Trust;
use mach_tlog::note::{Algorithm, Key};
use mach_tlog::tile::{self, FromTiles, Level, Tile, Tiles};
use mach_tlog::tree::{self, leaf_hash};
use mach_tlog::witness::{AddCheckpoint, Answer, Memory, Seen, Witness};
use std::collections::HashMap;
use std::convert::Infallible;

on_both_engines!(
    a_store_agrees_with_its_log,
    each_attack_is_named,
    a_rewritten_tree_is_told_from_its_signatures,
    yesterdays_dump_is_a_rollback_and_what_follows_a_fork,
    what_is_erased_says_nothing_and_harms_nothing,
    a_merge_is_logged_and_can_be_undone,
    receipts_are_proved_by_what_is_served,
    two_processes_write_one_log,
);

fn console() -> Decision {
    decide(&Actor::console(), Act::Administer).unwrap()
}

fn key() -> Key {
    Key::new("log.test/1", Algorithm::Ed25519, &[3; 32]).unwrap()
}

fn save(store: &Store, id: &str, body: Option<&str>) {
    let save = Save {
        kind: ResourceType::OBSERVATION,
        id: id.to_owned(),
        body: body.map(|b| format!(r#"{{"resourceType":"Observation","id":"{id}","valueString":"{b}"}}"#)),
        patient: Some(7),
        date: Some(100),
        facility: 1,
        fresh: false,
        index: Index::default(),
    };
    store.write(&console(), move |tx| tx.save(&mut [save])).unwrap();
}

fn version(state: State, hash: u8, place: pack::Place, digests: Digests) -> NewVersion {
    NewVersion {
        facility: 1,
        link: "HS 1\\".to_owned(),
        keyed: true,
        hash: vec![hash; 32],
        state,
        person: Some(7),
        file: 1,
        position: 1,
        layout: "130".to_owned(),
        place,
        digests,
        refusals: 0,
        warnings: 2,
        counted_day: i64::from(Day(20_000).0),
        summary: Summary { kind: "01".to_owned(), arrived: Some(5), cost: 1000, ..Summary::default() },
    }
}

fn claim(store: &Store, state: State, hash: u8) {
    store
        .write(&console(), move |tx| {
            let known = claims::known(tx, 1, "HS 1\\")?;
            let (source, findings) = (vec![hash; 50], "[]".to_owned());
            let mut open = pack::Open::default();
            let place = open.add(tx, 1, &[&source, findings.as_bytes()])?;
            open.close(tx)?;
            let digests = Digests::of(&source, findings.as_bytes());
            tx.add_claim_version(known.as_ref(), &version(state, hash, place, digests))
        })
        .unwrap();
}

/// One of everything that is logged, some of it in several versions, and more leaves than a tile holds.
fn world(home: &Home) -> Store {
    let store = home.open();
    store
        .write(&console(), |tx| {
            let facility = Some(schema::facility_id(tx, "46001")?);
            schema::facility_id(tx, "46002")?;
            schema::department_id(tx, "KX")?;
            let (name, display, password) = ("lan".to_owned(), "Lan".to_owned(), "$argon2id$x".to_owned());
            tx.set_account(&accounts::NewAccount { name, display, role: Role::Operator, facility, password })?;
            tx.add_api_key(&[1; 32], 1, "HIS")?;
            tx.add_system_token(&[2; 32], None, Role::SystemReader, "LIS")?;
            tx.receive_file("tệp.xml", 10, facility)?;
            let message = CheckIn { arrived: 5, kind: "01", body: "{}" };
            tx.check_in(1, "LK", 1, &message)?;
            tx.check_in(1, "LK", 1, &CheckIn { body: "{\"a\":1}", ..message })?;
            tx.log_event("backup", "x.db")
        })
        .unwrap();
    for (id, body) in [("a", "1"), ("a", "2"), ("b", "1"), ("c", "1"), ("a", "3"), ("d", "1")] {
        save(&store, id, Some(body));
    }
    save(&store, "d", None);
    claim(&store, State::Accepted, 1);
    claim(&store, State::Disputed, 2);
    claim(&store, State::Accepted, 3);
    store.write(&console(), |tx| tx.revoke_system_token(1)).unwrap();
    store
        .write(&console(), |tx| {
            let look = |n: i64| audit::Look {
                at: n,
                actor: Actor {
                    account: 5,
                    name: "Lan\n".to_owned(),
                    role: Role::Clinician,
                    facility: Some(1),
                    ..Actor::console()
                },
                act: Act::ReadFhir,
                person: (n % 2 == 0).then_some(n),
                target: format!("Observation/{n}"),
                outcome: "granted",
            };
            tx.audit_looks(&(0..300).map(look).collect::<Vec<_>>())?;
            tx.audit(None, "x", "denied")
        })
        .unwrap();
    store
}

fn sign(store: &Store) -> String {
    let mut reader = store.read(&console()).unwrap();
    let size = log::size(&mut reader).unwrap();
    let root = log::root(&mut reader, size).unwrap();
    drop(reader);
    let origin = key().verifier().name().to_owned();
    let note = Checkpoint { origin, size, root, extensions: Vec::new() }.sign(&key()).to_string();
    let kept =
        log::Checkpointed { size, at: size as i64 * 3600, note: note.clone(), key: key().verifier().to_string() };
    store.write(&console(), move |tx| log::keep_checkpoint(tx, &kept)).unwrap();
    note
}

fn verify_with(store: &Store, checkpoints: &[&str]) -> Report {
    let checkpoints = checkpoints.iter().map(|c| ("a witness".to_owned(), (*c).to_owned())).collect();
    let asked = Asked { key: Some(key().verifier().clone()), checkpoints };
    log::verify(&mut store.read(&console()).unwrap(), &asked, &mut |_| {}).unwrap()
}

fn found(report: &Report) -> Vec<String> {
    let mut found: Vec<String> = report.findings.iter().map(|f| format!("{}: {f}", f.code())).collect();
    found.sort();
    found
}

/// What a superuser does on a connection of its own.
fn attack(home: &Home, statements: &[&str]) {
    let statements: Vec<String> = statements.iter().map(|s| format!("{s} /* every shard: whole store */")).collect();
    let work = move |tx: &mut mach_store::Tx<'_>| statements.iter().try_for_each(|sql| tx.run(sql, &[]).map(drop));
    home.open().write(&console(), work).unwrap();
}

fn a_store_agrees_with_its_log(home: &Home) {
    let store = world(home);
    sign(&store);
    save(&store, "e", Some("1"));
    let note = sign(&store);
    let report = verify_with(&store, &[&note]);
    assert_eq!(found(&report), Vec::<String>::new());
    assert_eq!((report.checkpoints, report.leaves > 300), (3, true));
    // Leaves of facts that were described again have no row of their own.
    assert!(report.rows < report.leaves, "{report:?}");
    // A failed piece leaves no leaf.
    let failed = store.write(&console(), |tx| {
        tx.log_event("backup", "y")?;
        Err::<(), _>(mach_store::Error::Refused("no".to_owned()))
    });
    assert!(failed.is_err());
    assert_eq!(verify_with(&store, &[]).leaves, report.leaves);
    // Opened again the writer goes on where the log ends.
    let again = home.open();
    save(&again, "f", Some("1"));
    save(&again, "f", Some("2"));
    assert_eq!(found(&verify_with(&again, &[&note])), Vec::<String>::new());
}

fn each_attack_is_named(home: &Home) {
    // The pack of a resource's first version, by the order of the writes of `world`.
    let pack = |id: &str| format!("(SELECT min(pack) FROM resource WHERE id = '{id}')");
    let body =
        format!("UPDATE pack SET body = (SELECT body FROM pack WHERE id = {}) WHERE id = {}", pack("b"), pack("c"));
    let forged = "INSERT INTO resource(rid, type, key, id, facility, version, seq, at, pack, slot)
        SELECT 99999, type, key + 1, 'forged', facility, version, seq, at, pack, slot FROM resource WHERE id = 'b'";
    let swap =
        "UPDATE resource SET pack = (SELECT CAST(sum(pack) AS BIGINT) FROM resource WHERE id IN ('b', 'c')) - pack
        WHERE id IN ('b', 'c')";
    let a = |v: i64| format!("Observation/a version {v} (facility 1)");
    let cases: Vec<(Vec<&str>, Vec<String>)> = vec![
        (vec![&body], vec!["altered: Observation/c version 1 (facility 1) was altered".to_owned()]),
        (
            vec!["UPDATE resource SET date = 99 WHERE id = 'a' AND version = 2"],
            vec![format!("altered: {} was altered", a(2))],
        ),
        (
            vec!["UPDATE resource SET patient = 8 WHERE id = 'a' AND version = 3"],
            vec![format!("altered: {} was altered", a(3))],
        ),
        (
            vec!["UPDATE resource SET id = 'z' WHERE id = 'c'"],
            vec!["altered: Observation/c version 1 (facility 1) was altered".to_owned()],
        ),
        (
            vec!["UPDATE commit_log SET account = 9 WHERE seq = (SELECT seq FROM resource WHERE id = 'b')"],
            vec!["altered: Observation/b version 1 (facility 1) was altered".to_owned()],
        ),
        (
            vec![swap],
            ["b", "c"].map(|id| format!("altered: Observation/{id} version 1 (facility 1) was altered")).to_vec(),
        ),
        (
            vec![
                "DELETE FROM resource WHERE id = 'a' AND version = 3",
                "UPDATE resource SET until = 0 WHERE id = 'a' AND version = 2",
            ],
            vec![format!("deleted: {} was deleted", a(3))],
        ),
        (
            vec!["UPDATE resource SET until = 99999 WHERE id = 'b'"],
            vec![
                "hidden: Observation/b version 1 (facility 1) was made to look current, or ended, and is not"
                    .to_owned(),
            ],
        ),
        (
            vec![forged],
            vec![
                "inserted: Observation/forged version 1 (facility 1) was inserted, the log has no leaf of it"
                    .to_owned(),
            ],
        ),
        (vec!["UPDATE account SET role = 'leader'"], vec!["altered: account lan was altered".to_owned()]),
        (vec!["UPDATE account SET password = 'x'"], vec!["altered: account lan was altered".to_owned()]),
        (vec!["UPDATE api_key SET facility = 2"], vec!["altered: api-key 1 was altered".to_owned()]),
        (vec!["UPDATE system_token SET revoked = NULL"], vec!["altered: system-token 1 was altered".to_owned()]),
        (
            vec!["UPDATE facility SET code = '99999' WHERE id = 2"],
            vec!["altered: facility 46002 was altered".to_owned()],
        ),
        (vec!["DELETE FROM department"], vec!["deleted: department KX was deleted".to_owned()]),
        (vec!["DELETE FROM audit WHERE id = 5"], vec!["deleted: audit 5 was deleted".to_owned()]),
        (
            vec!["UPDATE audit SET outcome = 'granted' WHERE id = 301"],
            vec!["altered: audit 301 was altered".to_owned()],
        ),
        (
            vec![
                "INSERT INTO audit(id, at, account, name, role, act, facility, target, outcome)
                VALUES (999, 1, 1, 'x', 'x', 'x', 0, 'x', 'x')",
            ],
            vec!["inserted: audit 999 was inserted, the log has no leaf of it".to_owned()],
        ),
        (vec!["UPDATE claim SET cost = 1"], vec!["altered: claim 1 was altered".to_owned()]),
        (
            vec!["DELETE FROM claim_version WHERE version = 2"],
            vec!["deleted: claim 1 version 2 was deleted".to_owned()],
        ),
        (vec!["UPDATE claim_version SET accepted = 1"], vec!["altered: claim 1 version 2 was altered".to_owned()]),
        (vec!["UPDATE check_in SET body = '{}'"], vec!["altered: check-in LK (facility 1) was altered".to_owned()]),
        (vec!["UPDATE log_event SET act = 'x'"], vec!["altered: event 1 was altered".to_owned()]),
        (
            vec!["UPDATE log_node SET hash = (SELECT hash FROM api_key)"],
            vec!["tile-rewritten: tile 0 of level 0 was rewritten".to_owned()],
        ),
        (
            vec!["UPDATE log_checkpoint SET note = 'x'"],
            vec![
                "bad-checkpoint: stored checkpoint of size SIZE: signed note: no empty line before the signatures"
                    .to_owned(),
            ],
        ),
    ];
    let store = world(home);
    let note = sign(&store);
    let size = verify_with(&store, &[]).leaves;
    for (statements, expected) in cases {
        let copy = if home.url().is_some() { Home::postgres() } else { Home::folder() };
        store.copy_to(&copy.open(), &console(), &mut |_| {}).unwrap();
        attack(&copy, &statements);
        let expected: Vec<String> = expected.into_iter().map(|e| e.replace("SIZE", &size.to_string())).collect();
        assert_eq!(found(&verify_with(&copy.open(), &[&note])), expected, "{statements:?}");
    }
}

fn a_rewritten_tree_is_told_from_its_signatures(home: &Home) {
    let store = world(home);
    let note = sign(&store);
    // Another log of the same length, made by the program itself, in place of this one.
    let other = if home.url().is_some() { Home::postgres() } else { Home::folder() };
    let size = verify_with(&store, &[]).leaves;
    let fork = world(&other);
    assert_eq!(verify_with(&fork, &[]).leaves, size);
    let report = verify_with(&fork, &[&note]);
    let expected = Finding::Forked { found: "a witness".to_owned(), size, agrees: 0 };
    assert_eq!(report.findings, [expected]);
    // Entries changed within the stored log: the tile, the signature and the record are named.
    let copy = if home.url().is_some() { Home::postgres() } else { Home::folder() };
    store.copy_to(&copy.open(), &console(), &mut |_| {}).unwrap();
    attack(
        &copy,
        &["UPDATE log_batch SET entries = (SELECT entries FROM log_batch WHERE first = 14) WHERE first = 13"],
    );
    let codes: Vec<&str> = verify_with(&copy.open(), &[]).findings.iter().map(Finding::code).collect();
    assert!(codes.contains(&"tile-rewritten") && codes.contains(&"forked"), "{codes:?}");
    assert!(codes.iter().any(|c| ["altered", "deleted", "leaves-damaged"].contains(c)), "{codes:?}");
    // A piece of the log cut out.
    attack(&copy, &["DELETE FROM log_batch WHERE first = 12"]);
    assert!(verify_with(&copy.open(), &[]).findings.iter().any(|f| f.code() == "leaves-damaged"));
    // A salt destroyed without an act.
    let copy = if home.url().is_some() { Home::postgres() } else { Home::folder() };
    store.copy_to(&copy.open(), &console(), &mut |_| {}).unwrap();
    let blank = "UPDATE log_batch SET salts = ?1 WHERE first = (SELECT min(first) FROM log_batch WHERE count = 1)";
    copy.open().write(&console(), move |tx| tx.run(blank, &[Arg::Blob(&[0; 16])])).unwrap();
    assert_eq!(verify_with(&copy.open(), &[]).findings[0].code(), "erased-unseen");
}

#[derive(Default)]
struct Remembered(HashMap<String, Seen>);

impl Memory for Remembered {
    type Error = Infallible;
    fn seen(&mut self, origin: &str) -> Result<Option<Seen>, Infallible> {
        Ok(self.0.get(origin).copied())
    }
    fn keep(&mut self, origin: &str, seen: Seen) -> Result<(), Infallible> {
        self.0.insert(origin.to_owned(), seen);
        Ok(())
    }
}

fn yesterdays_dump_is_a_rollback_and_what_follows_a_fork(home: &Home) {
    let store = world(home);
    let yesterday = if home.url().is_some() { Home::postgres() } else { Home::folder() };
    store.copy_to(&yesterday.open(), &console(), &mut |_| {}).unwrap();
    let before = verify_with(&store, &[]).leaves;
    let witness_key = Key::new("witness.test/1", Algorithm::Cosignature, &[4; 32]).unwrap();
    let witness = Witness { key: witness_key, logs: vec![key().verifier().clone()] };
    let mut memory = Remembered::default();
    let mut ask = |store: &Store, old: u64| {
        let note = mach_tlog::note::Note::parse(&sign(store)).unwrap();
        let mut reader = store.read(&console()).unwrap();
        let size = Checkpoint::parse(note.text()).unwrap().size;
        let proof = log::consistency(&mut reader, old.min(size), size).unwrap();
        let request = AddCheckpoint { old, proof, note: note.clone() }.encode();
        (witness.add_checkpoint(&mut memory, request.as_bytes(), 1).unwrap(), note.to_string())
    };
    save(&store, "today", Some("1"));
    let (answer, today) = ask(&store, 0);
    assert_eq!(answer.status(), 200);
    let dump = yesterday.open();
    let expected = Finding::RolledBack { found: "a witness".to_owned(), had: before + 1, has: before };
    assert_eq!(verify_with(&dump, &[&today]).findings, [expected]);
    // The log's key does not help: the witness remembers.
    assert_eq!(ask(&dump, 0).0, Answer::Conflict(before + 1));
    save(&dump, "another", Some("1"));
    assert_eq!(ask(&dump, before + 1).0, Answer::Conflict(before + 1));
    save(&dump, "more", Some("1"));
    assert_eq!(ask(&dump, before + 1).0, Answer::BadProof);
    let report = verify_with(&dump, &[&today]);
    let expected = Finding::Forked { found: "a witness".to_owned(), size: before + 1, agrees: before + 1 };
    assert!(
        matches!(&report.findings[..], [Finding::Forked { size, .. }] if *size == before + 1),
        "{expected:?} {report:?}"
    );
    // The tail cut off, rows and leaves and stored checkpoints: only who kept one elsewhere knows.
    attack(
        home,
        &[
            "DELETE FROM resource WHERE id = 'today'",
            "DELETE FROM log_checkpoint",
            "DELETE FROM log_batch WHERE first = (SELECT max(first) FROM log_batch)",
        ],
    );
    assert_eq!(found(&verify_with(&home.open(), &[])), Vec::<String>::new());
    assert_eq!(verify_with(&home.open(), &[&today]).findings[0].code(), "rolled-back");
}

fn observation(store: &Store, id: &str, number: i64) -> Resource {
    let mut reader = store.read(&console()).unwrap();
    let scope = mach_access::Scope::Facility(1);
    resources::version(&mut reader, scope, ResourceType::OBSERVATION, id, number).unwrap().unwrap()
}

fn what_is_erased_says_nothing_and_harms_nothing(home: &Home) {
    let store = world(home);
    let note = sign(&store);
    let erase = |id: &str, number: i64| {
        let version = observation(&store, id, number);
        store.write(&console(), move |tx| tx.erase(&version, "decision 5/2026"))
    };
    assert!(matches!(erase("a", 3), Err(mach_store::Error::Refused(_))), "a current version stays");
    erase("a", 1).unwrap();
    erase("d", 1).unwrap();
    assert!(matches!(erase("a", 1), Err(mach_store::Error::Refused(_))), "once");
    let gone = observation(&store, "a", 1);
    assert_eq!((gone.deleted, gone.body.as_str()), (true, ""));
    assert!(observation(&store, "a", 2).body.contains("\"2\""));
    let report = verify_with(&store, &[&note]);
    assert_eq!(found(&report), Vec::<String>::new());
    assert_eq!(report.erased.len(), 2);
    assert!(report.erased.iter().all(|f| f.name.is_empty()));
    // Nothing can be shown of it any more.
    let mut reader = store.read(&console()).unwrap();
    assert!(log::receipt(&mut reader, &gone).is_err());
}

fn a_merge_is_logged_and_can_be_undone(home: &Home) {
    let store = world(home);
    let merged = store.write(&console(), |tx| people::move_record(tx, 1, 7, 8, 0)).map(drop);
    merged.unwrap();
    assert_eq!(observation(&store, "a", 1).patient, Some(8));
    let note = sign(&store);
    assert_eq!(found(&verify_with(&store, &[&note])), Vec::<String>::new());
    let version = observation(&store, "a", 2);
    let receipt = log::receipt(&mut store.read(&console()).unwrap(), &version).unwrap().unwrap();
    assert!(receipt.description.contains("\npatient 8\n"));
    let trust = Trust { log: key().verifier().clone(), witnesses: Vec::new(), quorum: 0 };
    receipt.verify(&trust).unwrap();
    store.write(&console(), |tx| people::return_record(tx, 1, 8, 7)).unwrap();
    assert_eq!(observation(&store, "a", 1).patient, Some(7));
    assert_eq!(found(&verify_with(&store, &[&note])), Vec::<String>::new());
}

/// The log as another program sees it: nothing but tiles.
struct Served<'a>(&'a Store);

impl Served<'_> {
    fn get(&self, level: Level, index: u64, width: u64) -> Option<Vec<u8>> {
        let asked = Tile { level, index, width: width as u16 };
        log::tile(&mut self.0.read(&console()).unwrap(), Tile::parse(&asked.path()).unwrap()).unwrap()
    }
}

impl Tiles for Served<'_> {
    type Error = Infallible;
    fn tile(&mut self, level: u8, index: u64, width: u64) -> Result<Vec<Hash>, Infallible> {
        Ok(tile::decode(&self.get(Level::Hashes(level), index, width).unwrap()).unwrap())
    }
    fn too_short(_: u8, _: u64) -> Infallible {
        panic!("a tile is too short")
    }
}

fn receipts_are_proved_by_what_is_served(home: &Home) {
    let store = world(home);
    let receipt = |id: &str, number: i64| {
        log::receipt(&mut store.read(&console()).unwrap(), &observation(&store, id, number)).unwrap()
    };
    assert_eq!(receipt("a", 1), None, "nothing is signed yet");
    let note = sign(&store);
    let (checkpoint, _) = Checkpoint::open(&note, key().verifier()).unwrap();
    assert_eq!(tree::root(&mut FromTiles::new(Served(&store)), checkpoint.size).unwrap(), checkpoint.root);
    let served = Served(&store);
    let bundle = served.get(Level::Entries, 0, 256).unwrap();
    let leaves: Vec<Hash> = tile::unbundle(&bundle).unwrap().into_iter().map(leaf_hash).collect();
    assert_eq!(tile::encode(&leaves), served.get(Level::Hashes(0), 0, 256).unwrap());
    assert!(served.get(Level::Hashes(0), 1, checkpoint.size - 256).is_some());
    assert!(served.get(Level::Hashes(0), 1, checkpoint.size - 255).is_none());
    assert!(served.get(Level::Hashes(1), 0, 2).is_none() && served.get(Level::Hashes(9), 0, 1).is_none());
    let trust = Trust { log: key().verifier().clone(), witnesses: Vec::new(), quorum: 0 };
    for (id, number) in [("a", 1), ("a", 2), ("a", 3), ("b", 1), ("d", 1), ("d", 2)] {
        let receipt = receipt(id, number).unwrap();
        receipt.verify(&trust).unwrap();
        assert_eq!(receipt.content.is_none(), (id, number) == ("d", 2));
        let fields = format!("\ntype Observation\nid {id}\nversion {number}\n");
        assert!(receipt.description.contains(&fields), "{}", receipt.description);
    }
    attack(home, &["UPDATE resource SET date = 1 WHERE id = 'b'"]);
    let altered = observation(&store, "b", 1);
    assert!(log::receipt(&mut store.read(&console()).unwrap(), &altered).is_err(), "no receipt of what was not logged");
}

fn two_processes_write_one_log(home: &Home) {
    let (one, two) = (home.open(), home.open());
    std::thread::scope(|scope| {
        for (n, store) in [&one, &two].into_iter().enumerate() {
            scope.spawn(move || (0..40).for_each(|i| save(store, &format!("s{n}-{i}"), Some("1"))));
        }
    });
    sign(&one);
    save(&two, "last", Some("1"));
    let report = verify_with(&one, &[]);
    assert_eq!((found(&report), report.leaves), (Vec::new(), 81));
}
