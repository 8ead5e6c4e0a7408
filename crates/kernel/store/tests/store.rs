//! The store as its users see it: versions, group commit, refusals, one state per reader.
#![expect(clippy::unwrap_used, reason = "a broken expectation ends the test")]

use mach_access::{Act, Actor, Decision, decide};
use mach_base::limits;
use mach_fhir::index::Param;
use mach_fhir::{IndexValue, ResourceType};
use mach_store::resources::{self, Put, Written};
use mach_store::sql::Execute;
use mach_store::{Error, Store, Tx, accounts, factors, schema, sessions};
use mach_test_engines::{Home, Server, on_both_engines};

on_both_engines!(
    nothing_of_a_sender_comes_after_what_was_lost,
    versions_are_kept_and_index_follows,
    a_failed_work_leaves_nothing_and_harms_no_other,
    a_reader_sees_one_state,
    codes_have_one_number_each,
    sessions_end,
    sessions_end_by_themselves_and_by_what_their_account_becomes,
    codes_that_open_and_wishes_to_get_back_in,
    a_newer_store_is_left_alone,
    no_text_holds_the_character_that_one_engine_cannot_keep,
);

fn no_text_holds_the_character_that_one_engine_cannot_keep(home: &Home) {
    use mach_store::sql::{self, Query};
    let store = home.open();
    let is_refused = |done: mach_store::Result<()>, what: &str| {
        assert!(matches!(done, Err(Error::Nul)), "{what}: {done:?}");
    };
    let sql = "SELECT id FROM account WHERE name = ?1";
    let ask = |on: &mut dyn Query| sql::first(on, sql, &["a\0".into()], |r| r.int(0)).map(drop);
    is_refused(ask(&mut store.read(&console()).unwrap()), "read");
    is_refused(ask(&mut store.read_one(&console()).unwrap()), "read one");
    is_refused(store.write(&console(), move |tx| ask(tx)), "asked while writing");
    let look = "INSERT INTO look(account, chosen) VALUES (?1, ?2)";
    is_refused(store.write(&console(), move |tx| tx.run(look, &[1.into(), "\0".into()]).map(drop)), "run");
    is_refused(store.write(&console(), move |tx| tx.push(look, &[1.into(), "\0".into()])), "push");
    let notice = "INSERT INTO notice(account, at, kind, href) VALUES (?1, ?2, ?3, ?4)";
    let row = [1.into(), 1.into(), 1.into(), "/\0".into()];
    is_refused(store.write(&console(), move |tx| tx.insert(notice, &row).map(drop)), "insert");
    is_refused(store.write(&console(), |tx| tx.audit(None, "a\0b", "granted")), "the trail");
    // The pieces beside it are kept, and nothing of it is.
    store.write(&console(), |tx| tx.keep_look(7, "dark.normal")).unwrap();
    let looks = |account| mach_store::notices::look(&mut store.read(&console()).unwrap(), account).unwrap();
    assert_eq!((looks(1), looks(7).as_deref()), (None, Some("dark.normal")));
}

fn codes_that_open_and_wishes_to_get_back_in(home: &Home) {
    let store = home.open();
    let account = |name: String| accounts::NewAccount {
        display: name.clone(),
        name,
        role: mach_access::Role::Clinician,
        facility: None,
        password: "x".to_owned(),
    };
    let made = limits::RECOVERIES + 50;
    let ids = store.write(&console(), move |tx| {
        let mut ids = Vec::new();
        for n in 0..made {
            let id = tx.set_account(&account(format!("a{n}")))?;
            tx.invite(id, 1, &[u8::try_from(n % 250).unwrap_or(0); 32])?;
            ids.push(id);
        }
        // Past what is listed: none of the codes of new accounts hides a wish of somebody.
        let wish = tx.ask_recovery(ids[made - 1], 1)?;
        Ok((ids, wish))
    });
    let (ids, wish) = ids.unwrap();
    let mut reader = store.read(&console()).unwrap();
    let scope = reader.scope();
    let listed: Vec<i64> = factors::recoveries(&mut reader, scope).unwrap().iter().map(|r| r.id).collect();
    assert_eq!(listed, [wish]);
    let unopened = |id: i64| factors::is_unopened(&mut store.read(&console()).unwrap(), id).unwrap();
    assert!(unopened(ids[0]) && !unopened(ids[made - 1]), "who asked to get back in is another's to let in");
    drop(reader);

    let (first, second, third) = (ids[0], ids[1], ids[2]);
    let opened = store.write(&console(), move |tx| {
        tx.invite(first, 2, &[251; 32])?;
        let old = tx.recover(first, &[0; 32], "new")?;
        let new = tx.recover(first, &[251; 32], "new")?;
        tx.begin_session(&[7; 32], second, sessions::State::Open, "")?;
        tx.set_account(&account("a2".to_owned()))?;
        Ok((old, new, tx.recover(third, &[2; 32], "new")?))
    });
    assert_eq!(opened.unwrap(), (None, Some(first), None), "the last code only; a new password ends it");
    assert!(!unopened(first) && !unopened(second) && !unopened(third));

    // Many wishes: those that wait come first, the last can be settled too.
    let wishes = store.write(&console(), move |tx| ids.iter().map(|id| tx.ask_recovery(*id, 1)).collect());
    let wishes: Vec<i64> = wishes.unwrap();
    let last = wishes[made - 1];
    let allow = |id: i64| store.write(&console(), move |tx| tx.allow_recovery(scope, id, 2, &[9; 32])).unwrap();
    assert_eq!(allow(wishes[0]), Ok(()));
    assert_eq!(allow(last), Ok(()), "though it is not listed");
    let mut reader = store.read(&console()).unwrap();
    let listed = factors::recoveries(&mut reader, scope).unwrap();
    assert_eq!(listed.len(), limits::RECOVERIES + 1);
    assert_eq!(listed[0].id, wishes[1], "what is settled does not stand before what waits");
}

fn console() -> Decision {
    decide(&Actor::console(), Act::Administer).unwrap()
}

fn observation(id: &str, text: &str, date: i64, code: &str) -> Put {
    Put {
        kind: ResourceType::OBSERVATION,
        id: id.to_owned(),
        body: format!(r#"{{"resourceType":"Observation","id":"{id}","valueString":"{text}"}}"#),
        patient: Some(7),
        date: Some(date),
        facility: Some(1),
        index: vec![IndexValue::Token { param: Param::CODE, system: "s".to_owned(), code: code.to_owned() }],
    }
}

fn versions_are_kept_and_index_follows(home: &Home) {
    let store = home.open();
    let put = |p: Put| store.write(&console(), move |tx| Ok(tx.put(&[p])?[0])).unwrap();
    let found = |code: &str| {
        let mut reader = store.read(&console()).unwrap();
        resources::with_token(&mut reader, ResourceType::OBSERVATION, Param::CODE, None, code, 10).unwrap()
    };
    assert_eq!(put(observation("a", "1.00", 5, "x")), Written::Created);
    assert_eq!(put(observation("a", "1.00", 5, "x")), Written::Unchanged);
    assert_eq!(found("x"), ["a"]);
    assert_eq!(put(observation("a", "2.00", 5, "y")), Written::Updated);
    assert_eq!((found("x"), found("y")), (vec![], vec!["a".to_owned()]));
    assert!(store.write(&console(), |tx| tx.delete(ResourceType::OBSERVATION, "a")).unwrap());
    assert_eq!(found("y"), Vec::<String>::new());
    let mut reader = store.read(&console()).unwrap();
    assert_eq!(resources::get(&mut reader, ResourceType::OBSERVATION, "a").unwrap(), None);
    let history = resources::history(&mut reader, ResourceType::OBSERVATION, "a").unwrap();
    let seen: Vec<(i64, bool, bool)> = history.iter().map(|(v, _, d, b)| (*v, *d, b.contains("2.00"))).collect();
    assert_eq!(seen, [(3, true, false), (2, false, true), (1, false, false)]);
}

fn a_failed_work_leaves_nothing_and_harms_no_other(home: &Home) {
    let store = home.open();
    std::thread::scope(|scope| {
        for i in 0..40 {
            let store = &store;
            scope.spawn(move || {
                let outcome = store.write(&console(), move |tx| {
                    tx.put(&[observation(&format!("r{i}"), "v", i, "c")])?;
                    match i % 4 {
                        0 => Err(Error::Refused("no".to_owned())),
                        1 => panic!("a caller's mistake"),
                        _ => Ok(()),
                    }
                });
                assert_eq!(outcome.is_ok(), i % 4 > 1);
            });
        }
    });
    let mut reader = store.read(&console()).unwrap();
    let kept = resources::of_patient(&mut reader, 7, ResourceType::OBSERVATION, None, 100).unwrap();
    assert_eq!(kept.len(), 20);
    assert!(kept.windows(2).all(|w| w[0].date > w[1].date));
}

fn a_reader_sees_one_state(home: &Home) {
    let store = home.open();
    let mut before = store.read(&console()).unwrap();
    let count =
        |r: &mut mach_store::Reader| resources::of_patient(r, 7, ResourceType::OBSERVATION, None, 100).unwrap().len();
    assert_eq!(count(&mut before), 0);
    store.write(&console(), |tx| tx.put(&[observation("a", "v", 1, "c")])).unwrap();
    assert_eq!(count(&mut before), 0, "the old reader keeps its state");
    assert_eq!(count(&mut store.read(&console()).unwrap()), 1, "a new reader sees the commit at once");
}

fn codes_have_one_number_each(home: &Home) {
    let store = home.open();
    let ids = store
        .write(&console(), |tx| {
            Ok((
                schema::facility_id(tx, "46001")?,
                schema::facility_id(tx, "46002")?,
                schema::facility_id(tx, "46001")?,
                schema::department_id(tx, "K19")?,
                schema::department_id(tx, "KX")?,
            ))
        })
        .unwrap();
    assert_eq!((ids.0, ids.3), (ids.2, 19));
    assert_ne!(ids.0, ids.1);
    let mut reader = store.read(&console()).unwrap();
    assert_eq!(schema::department_code(&mut reader, ids.4).unwrap().as_deref(), Some("KX"));
    assert_eq!(schema::department_code(&mut reader, 19).unwrap().as_deref(), Some("K19"));
}

fn sessions_end(home: &Home) {
    let store = home.open();
    let new = accounts::NewAccount {
        name: "a".to_owned(),
        display: "A".to_owned(),
        role: mach_access::Role::Leader,
        facility: None,
        password: "p".to_owned(),
    };
    let again = new.clone();
    let id = store.write(&console(), move |tx| tx.set_account(&new)).unwrap();
    store
        .write(&console(), move |tx| tx.begin_session(&[1; 32], id, mach_store::sessions::State::Open, "test"))
        .unwrap();
    let live = || mach_store::sessions::live(&mut store.read(&console()).unwrap(), &[1; 32]).unwrap().is_some();
    assert!(live());
    store.write(&console(), move |tx| tx.set_account(&again)).unwrap();
    assert!(!live(), "a new password ends the sessions");
}

fn sessions_end_by_themselves_and_by_what_their_account_becomes(home: &Home) {
    use mach_base::limits;
    let store = home.open();
    for (n, role, minutes) in [
        (1_u8, mach_access::Role::Leader, limits::SESSION_IDLE_MINUTES),
        (2, mach_access::Role::Clinician, limits::SESSION_IDLE_CLINICAL_MINUTES),
    ] {
        let new = accounts::NewAccount {
            name: format!("a{n}"),
            display: "A".to_owned(),
            role,
            facility: None,
            password: "p".to_owned(),
        };
        let id = store.write(&console(), move |tx| tx.set_account(&new)).unwrap();
        let token = [n; 32];
        let begin = || {
            let open = mach_store::sessions::State::Open;
            store.write(&console(), move |tx| tx.begin_session(&token, id, open, "test")).unwrap();
        };
        let live = || mach_store::sessions::live(&mut store.read(&console()).unwrap(), &token).unwrap().is_some();
        let ago = |column: &'static str, seconds: i64| {
            let at = mach_base::time::now_seconds() - seconds;
            let sql = format!("UPDATE session SET {column} = ?2 WHERE token = ?1");
            store.write(&console(), move |tx| tx.run(&sql, &[token.as_slice().into(), at.into()])).unwrap();
        };
        begin();
        // A minute on either side: the clock goes on while the test runs.
        ago("seen", minutes * 60 - 60);
        assert!(live(), "{role:?}: not yet idle for too long");
        ago("seen", minutes * 60 + 1);
        assert!(!live(), "{role:?}: idle for too long");
        ago("seen", 0);
        ago("began", limits::SESSION_MINUTES * 60 - 60);
        assert!(live(), "{role:?}: in use, and not yet too old");
        ago("began", limits::SESSION_MINUTES * 60 + 1);
        assert!(!live(), "{role:?}: too old, however it is used");
        ago("began", 0);
        let becomes = |display: &str, role, closed| {
            let change = accounts::Change { display: display.to_owned(), role, facility: None, closed };
            store.write(&console(), move |tx| tx.change_account(id, &change)).unwrap();
        };
        becomes("B", role, false);
        assert!(live(), "{role:?}: another name is nothing");
        becomes("B", mach_access::Role::Administrator, false);
        assert!(!live(), "{role:?}: another role ends it");
        begin();
        store.write(&console(), move |tx| tx.set_password(id, "q")).unwrap();
        assert!(!live(), "{role:?}: another password ends it");
        begin();
        becomes("B", mach_access::Role::Administrator, true);
        assert!(!live(), "{role:?}: a closed account has none");
    }
}

fn a_newer_store_is_left_alone(home: &Home) {
    let store = home.open();
    let later = |tx: &mut Tx<'_>| tx.run("UPDATE meta SET value = 99 WHERE name = 'schema'", &[]);
    store.write(&console(), later).unwrap();
    drop(store);
    assert!(matches!(home.try_open(), Err(Error::Newer { found: 99, .. })));
}

fn nothing_of_a_sender_comes_after_what_was_lost(home: &Home) {
    let store = home.open();
    let put = |tx: &mut Tx<'_>, id: &str| tx.put(&[observation(id, "v", 1, "c")]);
    let lost = store.begin_write(&console(), move |tx| {
        put(tx, "a")?;
        tx.run("INSERT INTO no_such_table(x) VALUES (1)", &[])
    });
    let after = store.begin_write(&console(), move |tx| put(tx, "b")).unwrap();
    let other = std::thread::scope(|s| s.spawn(|| store.write(&console(), move |tx| put(tx, "c"))).join().unwrap());
    assert!(other.is_ok(), "another sender is not concerned");
    assert!(matches!(lost.unwrap().wait(), Err(Error::Engine(_) | Error::Postgres(_))));
    assert!(matches!(after.wait(), Err(Error::Refused(_))), "handed in before the loss was heard of");
    store.write(&console(), move |tx| put(tx, "d")).unwrap();
    let mut reader = store.read(&console()).unwrap();
    let kept = resources::of_patient(&mut reader, 7, ResourceType::OBSERVATION, None, 10).unwrap();
    let mut ids: Vec<&str> = kept.iter().map(|r| r.id.as_str()).collect();
    ids.sort_unstable();
    assert_eq!(ids, ["c", "d"]);
}

#[test]
fn a_server_that_comes_back_is_found_again() {
    let Some(server) = Server::start(true) else { return };
    let store = Store::connect(&server.database()).unwrap();
    let put = |id: &'static str| store.write(&console(), move |tx| tx.put(&[observation(id, "v", 1, "c")]));
    let count = || {
        let mut reader = store.read(&console()).unwrap();
        resources::of_patient(&mut reader, 7, ResourceType::OBSERVATION, None, 10).map(|found| found.len())
    };
    put("a").unwrap();
    assert_eq!(count().unwrap(), 1);
    let mut cut = store.read(&console()).unwrap();
    assert_eq!(resources::of_patient(&mut cut, 7, ResourceType::OBSERVATION, None, 10).unwrap().len(), 1);
    server.kill();
    server.wait_until_ready();
    // What was being read is over, and says so; whoever begins after it notices nothing.
    let late = resources::of_patient(&mut cut, 7, ResourceType::OBSERVATION, None, 10);
    assert!(matches!(late, Err(Error::Lost(_))), "{late:?}");
    drop(cut);
    assert_eq!(count().unwrap(), 1);
    put("b").unwrap();
    assert_eq!(count().unwrap(), 2);
    server.stop_at_once();
    server.wait_until_ready();
    put("c").unwrap();
    assert_eq!(count().unwrap(), 3);
}
