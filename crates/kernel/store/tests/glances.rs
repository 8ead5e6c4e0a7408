//! Glances: what many ask at one moment, each hears their own answer, and nobody another's mistake.
#![expect(clippy::unwrap_used, reason = "tests may panic on a broken expectation, also outside their own functions")]

mod common;

use common::{console, digests, fill};
use mach_access::Scope;
use mach_fhir::ResourceType;
use mach_store::resources::Put;
use mach_store::sql::{Query, first, int, list};
use mach_store::{Error, Store, resources};
use mach_test_engines::{Home, Server, on_both_engines};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};

on_both_engines!(
    each_asker_hears_their_own_answer,
    a_mistake_is_told_to_its_asker_alone,
    a_second_question_may_follow_from_the_first,
    a_glance_sees_what_was_written_before_it_began,
    what_is_told_ahead_is_of_the_same_state,
);

/// A glance, or where none can be had at once, a reader of its own: as the house does.
fn look<T>(store: &Store, look: impl Fn(&mut dyn Query) -> Result<T, Error>) -> Result<T, Error> {
    let glanced = block_on(store.glance(&console(), &look));
    glanced.unwrap_or_else(|| look(&mut store.read_one(&console()).unwrap()))
}

/// Waits for a future without a runtime.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    struct Wakes(std::thread::Thread);
    impl std::task::Wake for Wakes {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Arc::new(Wakes(std::thread::current())).into();
    let mut context = std::task::Context::from_waker(&waker);
    let mut future = std::pin::pin!(future);
    loop {
        match future.as_mut().poll(&mut context) {
            std::task::Poll::Ready(value) => return value,
            std::task::Poll::Pending => std::thread::park(),
        }
    }
}

fn each_asker_hears_their_own_answer(home: &Home) {
    let store = home.open();
    fill(&store);
    let before = digests(&store);
    let together = Barrier::new(16);
    std::thread::scope(|threads| {
        for thread in 0..16_i64 {
            let (store, together) = (&store, &together);
            threads.spawn(move || {
                together.wait();
                for round in 0..40 {
                    let (batch, n) = (thread % 30, round % 40);
                    let id = format!("o-{batch}-{n}");
                    let found = look(store, |on| resources::current(on, Scope::All, ResourceType::OBSERVATION, &id));
                    let found = found.unwrap().unwrap();
                    assert_eq!(found.id, id);
                    assert!(found.body.contains(&format!("giá trị {}\"", batch * n)), "{id}: {}", found.body.as_str());
                    let none = look(store, |on| resources::current(on, Scope::All, ResourceType::PATIENT, &id));
                    assert!(none.unwrap().is_none());
                }
            });
        }
    });
    assert_eq!(digests(&store), before);
}

fn a_mistake_is_told_to_its_asker_alone(home: &Home) {
    let store = home.open();
    fill(&store);
    let together = Barrier::new(8);
    std::thread::scope(|threads| {
        for thread in 0..8 {
            let (store, together) = (&store, &together);
            threads.spawn(move || {
                together.wait();
                for _ in 0..20 {
                    if thread % 4 == 0 {
                        // No engine divides so; facility is named for the guard of distribution.
                        let wrong =
                            look(store, |on| int(on, "SELECT no_such_column FROM resource WHERE facility = 1", &[]));
                        assert!(matches!(wrong, Err(Error::Engine(_) | Error::Postgres(_))), "{wrong:?}");
                    } else {
                        let sql = "SELECT count(*) FROM resource WHERE facility = ?1 AND until = 0";
                        assert_eq!(look(store, |on| int(on, sql, &[1.into()])).unwrap(), 1200);
                    }
                }
            });
        }
    });
}

fn a_second_question_may_follow_from_the_first(home: &Home) {
    let store = home.open();
    fill(&store);
    let asked = AtomicUsize::new(0);
    let found = look(&store, |on| {
        asked.fetch_add(1, Ordering::Relaxed);
        let code = first(on, "SELECT code FROM facility WHERE id = ?1", &[1.into()], |r| Ok(r.text(0)?.to_owned()))?;
        let id = first(on, "SELECT id FROM facility WHERE code = ?1", &[(&code.unwrap()).into()], |r| r.int(0))?;
        let nothing = list(on, "SELECT id FROM facility WHERE code = ?1", &["none".into()], |r| r.int(0))?;
        Ok((id, nothing))
    });
    assert_eq!(found.unwrap(), (Some(1), Vec::new()));
    // Once where the rows lie in this process; where they do not, once for each answer and once with all of them.
    assert_eq!(asked.into_inner(), if home.url().is_some() { 4 } else { 1 });
    // Who asks more than a glance may is given no answer, and no wrong one.
    let many = look(&store, |on| {
        (0..20).map(|n| int(on, "SELECT count(*) FROM facility WHERE id = ?1", &[n.into()])).sum::<Result<i64, Error>>()
    });
    assert_eq!(many.unwrap(), 1);
}

fn a_glance_sees_what_was_written_before_it_began(home: &Home) {
    let store = home.open();
    let sql = "SELECT count(*) FROM facility WHERE code = ?1";
    for n in 0..30 {
        let code = format!("4600{n}");
        let written = code.clone();
        assert_eq!(look(&store, |on| int(on, sql, &[(&code).into()])).unwrap(), 0);
        store.write(&console(), move |tx| mach_store::schema::facility_id(tx, &written)).unwrap();
        assert_eq!(look(&store, |on| int(on, sql, &[(&code).into()])).unwrap(), 1);
    }
}

/// After the server was gone the next glance finds it again; one that was under way is told, or answered.
#[test]
fn a_server_that_was_gone_answers_again() {
    let Some(server) = Server::start(true) else { return };
    let store = Store::connect(&server.database()).unwrap();
    let sql = "SELECT count(*) FROM facility WHERE id = ?1";
    for _ in 0..3 {
        assert_eq!(look(&store, |on| int(on, sql, &[7.into()])).unwrap(), 0);
        server.kill();
        server.wait_until_ready();
        assert_eq!(look(&store, |on| int(on, sql, &[7.into()])).unwrap(), 0);
    }
}

/// What comes along with another's answer is what would have been asked: of the reader's one state, and asked once.
fn what_is_told_ahead_is_of_the_same_state(home: &Home) {
    let store = home.open();
    fill(&store);
    let all = "SELECT count(*) FROM resource WHERE facility = ?1 AND until = 0";
    let mut reader = store.read(&console()).unwrap();
    let comes = reader.ahead(all, &[1.into()]);
    assert_eq!(comes, home.url().is_some());
    // Whoever tells something ahead may ask other things before, or never ask it.
    reader.ahead("SELECT code FROM facility WHERE id = ?1", &[1.into()]);
    assert_eq!(int(&mut reader, "SELECT count(*) FROM facility WHERE id = ?1", &[1.into()]).unwrap(), 1);
    fill_one_more(&store);
    assert_eq!(int(&mut reader, all, &[1.into()]).unwrap(), 1200);
    assert_eq!(int(&mut reader, all, &[1.into()]).unwrap(), 1200);
    assert_eq!(int(&mut reader, all, &[2.into()]).unwrap(), 0);
    reader.ahead(all, &[1.into()]);
    drop(reader);
    // The next one has a state of its own.
    assert_eq!(int(&mut store.read(&console()).unwrap(), all, &[1.into()]).unwrap(), 1201);
    let rids: Vec<i64> = (1..=40).rev().collect();
    let found = resources::of_rids(&mut store.read(&console()).unwrap(), &rids).unwrap();
    assert_eq!(found.iter().map(|r| r.rid).collect::<Vec<_>>(), rids);
    for resource in found {
        let n: i64 = resource.id.rsplit('-').next().unwrap().parse().unwrap();
        assert!(resource.body.contains("giá trị 0\""), "{n}: {}", resource.body.as_str());
    }
}

fn fill_one_more(store: &Store) {
    let put = Put {
        kind: ResourceType::OBSERVATION,
        id: "one-more".to_owned(),
        body: r#"{"resourceType":"Observation"}"#.to_owned(),
        patient: None,
        date: None,
        facility: Some(1),
        index: Vec::new(),
    };
    store.write(&console(), move |tx| tx.put(&[put])).unwrap();
}
