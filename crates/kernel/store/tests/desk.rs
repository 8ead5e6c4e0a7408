//! What a permission of the access desk opens of what came with claims: what was asked for, and of no visit with a hidden fact.
#![expect(clippy::unwrap_used, reason = "tests may panic on a broken expectation, also outside their own functions")]
#![expect(dead_code, reason = "each test uses some of what they share")]

mod common;

use common::console;
use mach_access::policy::{Purpose, Relation};
use mach_access::{Act, Actor, Reach, Role, Scope, decide};
use mach_fhir::ResourceType;
use mach_store::desk::{self, Extent};
use mach_store::grants::{NewGrant, Review};
use mach_store::resources::{self, Index, Save};
use mach_store::sql::{Arg, Query, Row};
use mach_store::{Result, Store, audit, people, schema};
use mach_test_engines::{Home, on_both_engines};

on_both_engines!(
    what_came_with_claims_is_opened_as_far_as_it_was_asked,
    a_visitor_s_acts_are_found_among_everybody_s,
    what_visitors_looked_for_is_asked_once_for_all_of_them,
);

/// A day as resources have it, and its number.
const DAY: i64 = 20_516;

fn given(store: &Store) -> i64 {
    let work = |tx: &mut mach_store::Tx<'_>| {
        let a = schema::facility_id(tx, "46001")?;
        people::insert_person(tx, &people::PersonRow { id: 1, name: "Lê Thị Hoa".to_owned(), ..Default::default() })?;
        people::insert_facility(tx, 1, a)?;
        let save = |kind: ResourceType, id: &str, day: i64, code: &str| Save {
            kind,
            id: id.to_owned(),
            body: Some(format!(
                r#"{{"resourceType":"{}","id":"{id}","code":{{"coding":[{{"system":"http://hl7.org/fhir/sid/icd-10","code":"{code}"}}]}}}}"#,
                kind.name()
            )),
            patient: Some(1),
            date: Some(day * 1_440),
            facility: a,
            fresh: false,
            index: Index::default(),
        };
        use ResourceType as T;
        tx.save(&mut [
            save(T::CONDITION, "c12-1-1", DAY, "I10"),
            save(T::OBSERVATION, "c12-2-1", DAY, "x"),
            save(T::CLAIM, "c12-4-1", DAY, "x"),
            save(T::OBSERVATION, "c12-2-2", DAY + 1, "x"),
            // A visit with something that only a court is shown.
            save(T::CONDITION, "c13-1-1", DAY + 9, "B20"),
            save(T::OBSERVATION, "c13-2-1", DAY, "x"),
        ])?;
        Ok(a)
    };
    store.write(&console(), work).unwrap()
}

fn what_came_with_claims_is_opened_as_far_as_it_was_asked(home: &Home) {
    let store = home.open();
    given(&store);
    let whole = Extent::default();
    let results = Extent { parts: 8, ..whole };
    let day = Extent { first: Some(DAY), last: Some(DAY), ..whole };
    let (plain, every): (&[&str], &[&str]) = (&["c12-2-1", "c12-2-2"], &["c12-2-1", "c12-2-2", "c13-2-1"]);
    for (account, (purpose, extent, conditions, observations, knows)) in (90..).zip([
        (Purpose::Legal, whole, &["c12-1-1", "c13-1-1"][..], every, true),
        (Purpose::Legal, results, &[], every, false),
        (Purpose::Legal, Extent { parts: 2, ..whole }, &["c12-1-1", "c13-1-1"], &[], false),
        (Purpose::Legal, day, &["c12-1-1"], &["c12-2-1", "c13-2-1"], false),
        (Purpose::Payment, whole, &["c12-1-1"], plain, true),
        (Purpose::Payment, results, &[], plain, false),
        (Purpose::Payment, day, &["c12-1-1"], &["c12-2-1"], false),
        (Purpose::Research, whole, &["c12-1-1"], plain, false),
        (Purpose::Research, Extent { parts: 8, ..day }, &[], &["c12-2-1"], false),
        (Purpose::Education, whole, &["c12-1-1"], plain, false),
    ]) {
        let make = move |tx: &mut mach_store::Tx<'_>| {
            let grant = tx.grant(&NewGrant {
                person: 1,
                account,
                facility: 0,
                relation: Relation::Desk,
                purpose,
                from: 0,
                until: mach_base::time::now_seconds() + 86_400,
                reason: String::new(),
                source: String::new(),
                review: Review::NotNeeded,
            })?;
            tx.limit_grant(grant, extent)
        };
        store.write(&console(), make).unwrap();
        let reach = Reach { opened: true, ..Reach::default() };
        let visitor = Actor { account, role: Role::Visitor, facility: None, reach, ..Actor::console() };
        let mut reader = store.read(&decide(&visitor, Act::ViewDesk).unwrap()).unwrap();
        let mut seen = |kind| {
            let found = resources::of_patient(&mut reader, 1, kind, None, 99).unwrap();
            let mut ids: Vec<String> = found.into_iter().map(|r| r.id).collect();
            ids.sort();
            ids
        };
        let said = format!("{purpose:?} {extent:?}");
        assert_eq!(seen(ResourceType::CONDITION), conditions, "{said}");
        assert_eq!(seen(ResourceType::OBSERVATION), observations, "{said}");
        assert_eq!(resources::may_know(&mut reader, 1).unwrap(), knows, "{said}: the record's pages");
    }
}

fn a_visitor_s_acts_are_found_among_everybody_s(home: &Home) {
    let store = home.open();
    let role = |role| decide(&Actor { account: 7, role, ..Actor::console() }, Act::UseAccount);
    let (visitor, other) =
        (decide(&Actor { account: 7, role: Role::Visitor, ..Actor::console() }, Act::ViewDesk), role(Role::Leader));
    for (n, decision) in [visitor, other.clone(), other].into_iter().enumerate() {
        store.write(&decision.unwrap(), move |tx| tx.audit(None, &format!("look {n}"), "granted")).unwrap();
    }
    let found = audit::of_visitor(&mut store.read(&console()).unwrap(), 7, 9).unwrap();
    assert_eq!(found.into_iter().map(|entry| entry.target).collect::<Vec<_>>(), ["look 0"]);
    if home.path().is_some() {
        let sql = "EXPLAIN QUERY PLAN SELECT id FROM audit WHERE account = 7 AND role = 'visitor' ORDER BY id DESC LIMIT 5 \
            /* every shard: person looks */";
        let mut reader = store.read(&console()).unwrap();
        let plan = mach_store::sql::list(&mut reader, sql, &[], |r| Ok(r.text(3)?.to_owned())).unwrap().join(" ");
        assert!(plan.contains("audit_visitor") && !plan.contains("TEMP B-TREE"), "{plan}");
    }
}

/// Counts what is asked.
struct Counting<'a> {
    on: &'a mut dyn Query,
    asked: usize,
}

impl Query for Counting<'_> {
    fn each(&mut self, sql: &str, args: &[Arg<'_>], row: &mut dyn FnMut(&dyn Row) -> Result<()>) -> Result<()> {
        self.asked += 1;
        self.on.each(sql, args, row)
    }

    fn scope(&self) -> Scope {
        self.on.scope()
    }
}

fn what_visitors_looked_for_is_asked_once_for_all_of_them(home: &Home) {
    let store = home.open();
    given(&store);
    let mut asked = Vec::new();
    for account in 7..10 {
        let words = desk::Words::default();
        let extent = Extent::default();
        let new = desk::NewRequest { purpose: Purpose::Legal, days: 1, extent, words, people: vec![1] };
        let make = move |tx: &mut mach_store::Tx<'_>| {
            let id = tx.add_request(&new)?;
            tx.decide_request(id, desk::State::Approved, (1, account), "").map(drop)
        };
        store.write(&console(), make).unwrap();
        let visitor = decide(&Actor { account, role: Role::Visitor, ..Actor::console() }, Act::ViewDesk).unwrap();
        store.write(&visitor, |tx| tx.audit(Some(1), "look", "granted")).unwrap();
        let mut reader = store.read(&console()).unwrap();
        let mut on = Counting { on: &mut reader, asked: 0 };
        let looks = audit::looks_at(&mut on, 1, (None, 99)).unwrap();
        let purposes = looks.iter().filter(|(_, entry)| entry.role == "visitor").map(|(_, entry)| entry.purpose);
        assert!(purposes.eq(vec![Some(Purpose::Legal); usize::try_from(account - 6).unwrap()]));
        asked.push(on.asked);
    }
    assert!(asked.iter().all(|n| *n == asked[0]), "{asked:?}");
}
