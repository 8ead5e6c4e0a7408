//! A person who is marked is kept from who neither treats them nor was named: in every way in which rows are asked.
#![expect(clippy::unwrap_used, reason = "tests may panic on a broken expectation, also outside their own functions")]
#![expect(dead_code, reason = "each test uses some of what they share")]

mod common;

use common::console;
use mach_access::policy::{Purpose, Relation};
use mach_access::{Act, Actor, Reach, Role, Scope, decide};
use mach_base::time::now_seconds;
use mach_fhir::index::Param;
use mach_fhir::{IndexValue, ResourceType};
use mach_store::grants::{NewGrant, Review};
use mach_store::resources::{self, Put};
use mach_store::sql::{Arg, Hidden, Query, Row};
use mach_store::{Reader, Result, Store, claims_list, marks, people, schema};
use mach_test_engines::{Home, on_both_engines};

on_both_engines!(
    a_marked_person_is_open_to_who_treats_or_was_named,
    a_facility_learns_of_the_marks_of_people_it_knows,
    what_is_hidden_is_looked_for_once_for_a_page,
);

/// Person 1 is known to both facilities, person 2 to the second alone; each facility wrote something of the first.
fn given(store: &Store) -> (i64, i64) {
    store
        .write(&console(), |tx| {
            let (a, b) = (schema::facility_id(tx, "46001")?, schema::facility_id(tx, "46002")?);
            for id in [1, 2] {
                let row = people::PersonRow { id, name: format!("Người {id}"), ..Default::default() };
                people::insert_person(tx, &row)?;
                people::insert_facility(tx, id, b)?;
            }
            people::insert_facility(tx, 1, a)?;
            let put = |kind: ResourceType, id: &str, facility, index| Put {
                kind,
                id: id.to_owned(),
                body: format!(r#"{{"resourceType":"{}","id":"{id}"}}"#, kind.name()),
                patient: Some(1),
                date: Some(1_000),
                facility: Some(facility),
                index,
            };
            let practitioner = IndexValue::Reference {
                param: Param(mach_fhir::definitions::r4().param("Encounter", "practitioner").unwrap().number),
                target: ResourceType::PRACTITIONER,
                id: "p1".to_owned(),
            };
            tx.put(&[
                put(ResourceType::CONDITION, "of-a", a, vec![]),
                put(ResourceType::CONDITION, "of-b", b, vec![]),
                put(ResourceType::ENCOUNTER, "visit", a, vec![practitioner]),
            ])?;
            Ok((a, b))
        })
        .unwrap()
}

/// Whether a clinician of a facility opens the record of person 1, and the conditions that its pages and searches show them.
fn seen(store: &Store, (account, facility): (i64, i64), treats: bool) -> (bool, Vec<String>, Vec<String>) {
    let opened = {
        let mut reader = store.read(&console()).unwrap();
        !mach_store::grants::of_account(&mut reader, account).unwrap().is_empty()
    };
    let practitioner = if treats { resources::id_key("p1") } else { 0 };
    let reach = Reach { opened, practitioner, ..Reach::default() };
    let actor = Actor { account, role: Role::Clinician, facility: Some(facility), reach, ..Actor::console() };
    let mut reader = store.read(&decide(&actor, Act::ReadRecord).unwrap()).unwrap();
    let sorted = |found: Vec<resources::Resource>| {
        let mut ids: Vec<String> = found.into_iter().map(|r| r.id).collect();
        ids.sort();
        ids
    };
    let opens = resources::may_open(&mut reader, 1).unwrap();
    let record = sorted(resources::of_patient(&mut reader, 1, ResourceType::CONDITION, None, 9).unwrap());
    drop(reader);
    let decision = decide(&actor, Act::ReadFhir).unwrap();
    let mut reader = store.read(&decision).unwrap();
    let found = ["of-a", "of-b"]
        .into_iter()
        .filter(|id| resources::current(&mut reader, decision.scope(), ResourceType::CONDITION, id).unwrap().is_some());
    let found = found.map(str::to_owned).collect();
    (opens, record, found)
}

fn name(tx: &mut mach_store::Tx<'_>, account: i64, mark: i64, until: i64) -> mach_store::Result<i64> {
    tx.grant(&NewGrant {
        person: 1,
        account,
        facility: 0,
        relation: Relation::Named,
        purpose: Purpose::Treatment,
        from: 0,
        until,
        reason: "điều trị".to_owned(),
        source: marks::source_of(mark),
        review: Review::NotNeeded,
    })
}

fn a_marked_person_is_open_to_who_treats_or_was_named(home: &Home) {
    let store = home.open();
    let (a, b) = given(&store);
    let doctors = [(41, a), (42, a), (43, b)];
    let both = || vec!["of-a".to_owned(), "of-b".to_owned()];
    let before: Vec<_> = doctors.iter().map(|who| seen(&store, *who, false)).collect();
    assert_eq!(before[0], (true, both(), vec!["of-a".to_owned()]));
    assert_eq!(before[2], (true, both(), vec!["of-b".to_owned()]));
    let mark = store.write(&console(), |tx| tx.mark_person(1, "theo đề nghị")).unwrap().unwrap();
    assert_eq!(store.write(&console(), |tx| tx.mark_person(1, "lần nữa")).unwrap(), None, "it holds already");
    let none = (false, vec![], vec![]);
    for who in doctors {
        assert_eq!(seen(&store, who, false), none, "{who:?}");
    }
    let (opens, record, fhir) = seen(&store, doctors[0], true);
    assert!(opens && record == both() && fhir == both()[..1], "who treats them: {record:?} {fhir:?}");
    // Who was named sees what they saw before, and not a row more; another of the same facility nothing.
    let grant = store.write(&console(), move |tx| name(tx, 41, mark, now_seconds() + 600)).unwrap();
    assert_eq!(seen(&store, doctors[0], false), before[0]);
    assert_eq!(seen(&store, doctors[1], false), none);
    // Somebody of a facility that does not know the person gains nothing by it.
    let stranger = store
        .write(&console(), move |tx| {
            let c = schema::facility_id(tx, "46003")?;
            name(tx, 44, mark, now_seconds() + 600).map(|_| c)
        })
        .unwrap();
    let (opens, _, fhir) = seen(&store, (44, stranger), false);
    assert!(!opens && fhir.is_empty(), "{fhir:?}");
    assert!(store.write(&console(), move |tx| tx.end_grant(grant)).unwrap());
    assert_eq!(seen(&store, doctors[0], false), none);
    store.write(&console(), move |tx| name(tx, 41, mark, now_seconds() + 600)).unwrap();
    // What is ended is ended with all who were named.
    assert!(store.write(&console(), move |tx| tx.end_mark(mark)).unwrap());
    assert!(!store.write(&console(), move |tx| tx.end_mark(mark)).unwrap());
    let mut reader = store.read(&console()).unwrap();
    assert!(mach_store::grants::of_account(&mut reader, 41).unwrap().is_empty());
    drop(reader);
    let after: Vec<_> = doctors.iter().map(|who| seen(&store, *who, false)).collect();
    assert_eq!(after, before);
}

fn a_facility_learns_of_the_marks_of_people_it_knows(home: &Home) {
    let store = home.open();
    let (a, b) = given(&store);
    let head = |facility| {
        let actor = Actor { account: 9, role: Role::Head, facility: Some(facility), ..Actor::console() };
        decide(&actor, Act::ProtectPeople).unwrap()
    };
    store.write(&console(), |tx| tx.mark_person(1, "theo đề nghị")).unwrap().unwrap();
    store.write(&head(b), |tx| tx.mark_person(2, "theo đề nghị")).unwrap().unwrap();
    store.write(&head(b), |tx| tx.mark_person(1, "cũng vậy")).unwrap().unwrap();
    let known = |decision| -> Vec<(i64, i64)> {
        let mut reader = store.read(&decision).unwrap();
        marks::all(&mut reader, (None, 9)).unwrap().into_iter().map(|m| (m.person, m.facility)).collect()
    };
    assert_eq!(known(console()), [(1, b), (2, b), (1, 0)]);
    assert_eq!(known(head(a)), [(1, b), (1, 0)]);
    assert_eq!(known(head(b)), [(1, b), (2, b), (1, 0)]);
    assert_eq!(known(head(a + b)), []);
    let mut reader = store.read(&head(a)).unwrap();
    assert!(marks::by_id(&mut reader, 2).unwrap().is_none() && marks::by_id(&mut reader, 1).unwrap().is_some());
}

/// Counts the questions for what is hidden.
struct Counting<'a> {
    on: &'a mut Reader,
    asked: usize,
}

impl Query for Counting<'_> {
    fn each(&mut self, sql: &str, args: &[Arg<'_>], row: &mut dyn FnMut(&dyn Row) -> Result<()>) -> Result<()> {
        self.asked += usize::from(sql.starts_with("SELECT r.id FROM resource r WHERE r.patient = ?1"));
        self.on.each(sql, args, row)
    }

    fn scope(&self) -> Scope {
        self.on.scope()
    }

    fn hidden(&mut self) -> Option<&mut Hidden> {
        self.on.hidden()
    }
}

fn what_is_hidden_is_looked_for_once_for_a_page(home: &Home) {
    let store = home.open();
    let (a, _) = given(&store);
    let put = |id: &str, code: &str, security: &str| Put {
        kind: ResourceType::CONDITION,
        id: id.to_owned(),
        body: format!(
            r#"{{"resourceType":"Condition","id":"{id}","meta":{{"security":[{security}]}},"code":{{"text":"{code}"}}}}"#
        ),
        patient: Some(1),
        date: Some(1_000),
        facility: Some(a),
        index: vec![],
    };
    let hiv = r#"{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"HIV"}"#;
    let puts = [put("c12-1-1", "shown by itself", ""), put("c12-1-2", "hidden", hiv), put("c13-1-1", "shown", "")];
    store.write(&console(), move |tx| tx.put(&puts).map(drop)).unwrap();
    let actor = Actor { account: 41, role: Role::Clinician, facility: Some(a), ..Actor::console() };
    let decision = decide(&actor, Act::ReadRecord).unwrap();
    let read = |reader: &mut Reader| {
        let mut on = Counting { on: reader, asked: 0 };
        for _ in 0..4 {
            let found = resources::of_patient(&mut on, 1, ResourceType::CONDITION, None, 9).unwrap();
            let mut ids: Vec<String> = found.into_iter().map(|r| r.id).collect();
            ids.sort();
            assert_eq!(ids, ["c13-1-1", "of-a", "of-b"]);
            assert_eq!(resources::kinds_of_patient(&mut on, 1).unwrap().len(), 2);
            claims_list::visit_count(&mut on, 1).unwrap();
            claims_list::visits_of_person(&mut on, 1, None, 9).unwrap();
        }
        on.asked
    };
    // What is hidden beside what is, and what is no visit of theirs: two questions, whatever is shown.
    assert_eq!(read(&mut store.read(&decision).unwrap()), 2);
    // What changed is seen by the next reader, and by this one once it reads another state.
    let mut reader = store.read(&decision).unwrap();
    assert_eq!(read(&mut reader), 2);
    let one = [put("c13-1-2", "hidden", hiv)];
    let again = reader.aside(|| store.write(&console(), move |tx| tx.put(&one).map(drop)));
    again.unwrap().unwrap();
    let found = resources::of_patient(&mut reader, 1, ResourceType::CONDITION, None, 9).unwrap();
    assert_eq!(found.len(), 2, "nothing that came with what is hidden now");
}
