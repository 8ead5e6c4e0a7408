//! Prescriptions against a real store: written, refused, signed, sent over a bad line, dispensed by two pharmacies at once.

mod national;
mod pages;
mod receipts;
mod world;

use mach_base::Day;
use mach_base::time::now_seconds;
use mach_fhir::validate::{Validator, is_valid};
use mach_fhir::{ResourceType, Tree};
use mach_prescriptions::bodies::{self, Receiver};
use mach_prescriptions::case::{self, signed_paper};
use mach_prescriptions::check::{Content, Diagnosis};
use mach_prescriptions::dispense::{Handing, too_much};
use mach_prescriptions::work::{self, By, No};
use mach_sign::{pades, verdict};
use mach_signing::desk::Keys as _;
use mach_signing::patient::Way;
use mach_store::prescriptions::{self, Filter, SaleLine, Sending, State};
use mach_store::resources::{self, Put};
use mach_store::signing;
use world::World;

fn both(test: impl Fn(World)) {
    test(World::new(mach_test_engines::Home::folder()));
    test(World::new(mach_test_engines::Home::postgres()));
}

#[test]
fn one_goes_its_way_and_its_paper_is_signed() {
    both(|world| {
        let code = world.write(&world.content("c", "AMO500", 5, 1_500)).expect("written");
        assert!(code.starts_with("46001") && code.ends_with("-c") && code.len() == 14);
        assert_eq!(
            world.sell(&code, world.facility, "H", 100).expect("asked"),
            Err(No::State),
            "a draft is no medicine"
        );
        let stranger = case::load(&mut world.store.read(&world.stranger).expect("a reader"), &code).expect("read");
        assert!(stranger.is_none(), "another facility sees nothing");
        let theirs = {
            let (code, other) = (code.clone(), By { account: world.by.account + 1, name: "Khác".into() });
            world.act(move |tx, _| work::sign(tx, &code, &other, "", None))
        };
        assert_eq!(theirs, Err(No::NotYours));
        assert_eq!(world.sign(&code, ""), Ok(()));
        assert_eq!(world.sign(&code, ""), Err(No::State));
        let case = world.case(&code);
        assert_eq!((case.row.state, case.row.sending, case.altered), (State::Signed, Sending::Due, false));
        let (signed, expires) = (case.row.signed.expect("signed"), case.row.expires.expect("an end"));
        let days = mach_base::Minute::of_seconds(expires).day().0 - mach_base::Minute::of_seconds(signed).day().0;
        assert_eq!(days, 4, "five days with that of signing");
        assert_eq!(mach_base::Minute::of_seconds(expires).clock(), (23, 59), "to the end of the day here");
        let paper = signed_paper(&mut world.reader(), &case.row).expect("read").expect("a paper");
        let (trust, now) = (world.keys.trust().expect("trust"), now_seconds());
        let verdict = verdict::examine(&paper, &trust, &[], now).expect("a verdict");
        assert!(verdict.is_good(), "{verdict:?}");
        let text = String::from_utf8_lossy(&paper).into_owned();
        assert!(text.contains(&case.row.digest), "what was written is bound to the paper");
        let known = signing::paper(&mut world.reader(), &[pades::last_mark(&paper).expect("a mark")]).expect("read");
        assert_eq!(known.map(|p| (p.code, p.ended)), Some((code.clone(), None)));
        valid_everywhere(&world, &code);
    });
}

fn valid_everywhere(world: &World, code: &str) {
    let mut reader = world.reader();
    let id = bodies::id(code);
    let provenance =
        resources::of_patient(&mut reader, world.person, ResourceType::PROVENANCE, None, 10).expect("read");
    assert!(!provenance.is_empty());
    for (kind, id) in [
        (ResourceType::LIST, id.clone()),
        (ResourceType::MEDICATION_REQUEST, format!("{id}-1")),
        (ResourceType::BINARY, format!("{id}-doc")),
        (ResourceType::BINARY, format!("{id}-paper")),
        (ResourceType::PROVENANCE, provenance[0].id.clone()),
    ] {
        let body = resources::get(&mut reader, kind, &id).expect("read").expect("there").body;
        let issues = Validator::r4().validate(&Tree::parse(body.as_str()).expect("JSON"), &[]).expect("R4");
        assert!(is_valid(&issues), "{body} {issues:?}");
    }
}

#[test]
fn who_may_not_sign_and_what_stops_a_signature() {
    both(|world| {
        let code = world.write(&world.content("c", "AMO500", 5, 1_500)).expect("written");
        *world.keys.down.lock().expect("a lock") = true;
        assert_eq!(world.sign(&code, ""), Ok(()));
        let case = world.case(&code);
        assert_eq!((case.row.state, case.row.signed), (State::Signing, None), "not before the signature is there");
        let flight = case.flight.expect("under way");
        assert!(flight.next.is_some() && !flight.said.is_empty() && !flight.state.is_empty());
        let at = code.clone();
        assert_eq!(world.act(move |tx, by| work::resume(tx, &at, by, None)), Err(No::State), "it goes on by itself");
        // The prepared paper outlives a restart: the same one is signed once the key is back.
        *world.keys.down.lock().expect("a lock") = false;
        world.digitally(flight.next.expect("another try"));
        assert_eq!(world.case(&code).row.state, State::Signed);
        // Given up, it is a draft again, and what was asked for is nobody's.
        let second = world.write(&world.content("c", "IBU400", 5, 1_500)).expect("written");
        *world.keys.down.lock().expect("a lock") = true;
        assert_eq!(world.sign(&second, ""), Ok(()));
        let at = second.clone();
        assert_eq!(world.act(move |tx, by| work::back(tx, &at, by)), Ok(()));
        *world.keys.down.lock().expect("a lock") = false;
        world.digitally(now_seconds() + 10_000);
        assert_eq!(world.case(&second).row.state, State::Draft);
        // A right that ended stops it; who may sign again asks again.
        *world.keys.down.lock().expect("a lock") = true;
        assert_eq!(world.sign(&second, ""), Ok(()));
        let (facility, signer) = (world.facility, world.case(&second).flight.expect("under way").signer);
        let ended = world.store.write(&world.console, move |tx| tx.end_signer(facility, signer)).expect("asked");
        assert!(ended);
        *world.keys.down.lock().expect("a lock") = false;
        world.digitally(now_seconds() + 10_000);
        let stopped = world.case(&second).flight.expect("under way");
        assert_eq!((stopped.next, stopped.said.as_str()), (None, "signer-may-not"));
        let at = second.clone();
        assert_eq!(world.act(move |tx, by| work::resume(tx, &at, by, None)), Err(No::NoSigner));
        world.signer(world.by.account, signing::Act::Prescribe);
        let at = second.clone();
        assert_eq!(world.act(move |tx, by| work::resume(tx, &at, by, None)), Ok(()));
        world.digitally(now_seconds());
        assert_eq!(world.case(&second).row.state, State::Signed);
    });
}

#[test]
fn what_is_changed_by_another_way_is_neither_signed_nor_handed_out() {
    both(|world| {
        let forge = |code: &str| {
            let (code, facility, person) = (code.to_owned(), world.facility, world.person);
            let id = format!("{}-doc", bodies::id(&code));
            let case = world.case(&code);
            let mut content = case.content;
            content.items[0].quantity = 99_900;
            let data = mach_sign::base64(&serde_json::to_vec(&content).expect("JSON"));
            let body =
                format!(r#"{{"resourceType":"Binary","id":"{id}","contentType":"application/json","data":"{data}"}}"#);
            let put = Put {
                kind: ResourceType::BINARY,
                id,
                body,
                patient: Some(person),
                date: None,
                facility: Some(facility),
                index: Vec::new(),
            };
            world.store.write(&world.console, move |tx| tx.put(&[put])).expect("written");
        };
        let draft = world.write(&world.content("c", "AMO500", 5, 1_500)).expect("written");
        forge(&draft);
        assert!(world.case(&draft).altered);
        assert_eq!(world.sign(&draft, ""), Err(No::Altered));
        let code = world.signed("c", "IBU400", 1_000);
        forge(&code);
        assert!(!world.case(&code).is_open(now_seconds()));
        assert_eq!(world.sell(&code, world.other, "A", 100).expect("asked"), Err(No::Altered));
    });
}

#[test]
fn rules_forbid_and_warnings_want_a_reason() {
    both(|world| {
        let refused = |content: &Content| matches!(world.write(content), Err(No::Rules(_)));
        assert!(refused(&world.content("c", "MOR010", 5, 1_000)), "narcotics have their own kind");
        let nobody = Content { person: 999_999, ..world.content("c", "AMO500", 5, 1_000) };
        assert_eq!(world.write(&nobody), Err(No::Unknown));
        let long = world.write(&world.content("c", "IBU400", 31, 1_000)).expect("kept as a draft");
        assert!(matches!(world.sign(&long, "vẫn kê"), Err(No::Rules(_))), "no reason passes a limit over");
        let (facility, person) = (world.facility, world.person);
        world
            .store
            .write(&world.doctor, move |tx| {
                let body = format!(
                    r#"{{"resourceType":"AllergyIntolerance","id":"a1","code":{{"text":"Dị ứng penicilin"}},"patient":{{"reference":"Patient/p{person}"}}}}"#
                );
                tx.put(&[Put {
                    kind: ResourceType::ALLERGY_INTOLERANCE,
                    id: "a1".into(),
                    body,
                    patient: Some(person),
                    date: None,
                    facility: Some(facility),
                    index: Vec::new(),
                }])
            })
            .expect("written");
        let code = world.write(&world.content("c", "AMO500", 5, 1_000)).expect("a draft");
        assert!(matches!(world.sign(&code, "  "), Err(No::Rules(found)) if found.iter().all(|f| !f.forbids)));
        assert_eq!(world.sign(&code, "đã dùng được"), Ok(()));
        assert_eq!(world.case(&code).content.reason, "đã dùng được");
        let again = world.write(&world.content("c", "AMC625", 5, 1_000)).expect("a draft");
        assert!(matches!(world.sign(&again, ""), Err(No::Rules(_))));
        let months = |n: i32| Day(Day::today().0 - 30 * n);
        let child = world.someone("046222000001", Some(months(60)));
        let small = world.write(&Content { person: child, ..world.content("c", "IBU400", 5, 1_000) }).expect("a draft");
        let Err(No::Rules(found)) = world.sign(&small, "x") else { panic!("weight and companion are wanted") };
        assert_eq!(found.iter().map(|f| f.rule.as_str()).collect::<Vec<_>>(), ["weight", "companion"]);
    });
}

#[test]
fn narcotics_come_in_parts_signed_together_and_fetched_in_turn() {
    both(|world| {
        let month = Content {
            diagnoses: vec![Diagnosis { code: "C34".into(), name: "U ác phế quản".into() }],
            ..world.content("n", "MOR030", 30, 6_000)
        };
        let first = world.write(&month).expect("written");
        let series = |world: &World| prescriptions::series(&mut world.reader(), world.facility, &first).expect("read");
        assert_eq!(series(&world).iter().map(|p| p.part).collect::<Vec<_>>(), [1, 2, 3]);
        assert_eq!(world.sign(&first, ""), Ok(()), "what is in use of the same treatment is no duplicate");
        let all = series(&world);
        assert!(all.iter().all(|p| p.state == State::Signed), "{all:?}");
        let day =
            |seconds: Option<i64>| mach_base::Minute::of_seconds(seconds.expect("a time")).day().0 - Day::today().0;
        let spans: Vec<_> = all.iter().map(|p| (day(p.opens), day(p.expires))).collect();
        assert_eq!(spans, [(0, 4), (7, 14), (17, 24)], "three days before the part, five days from it");
        // Who takes it is named; later parts wait for their time.
        assert_eq!(world.sell(&first, world.other, "A", 100).expect("asked"), Err(No::NoReceiver));
        let lines = vec![SaleLine { line: 1, quantity: 2_000 }];
        let receiver = Receiver { name: "Lê Thị Nhận".into(), number: "046190000009".into() };
        let handing = Handing { pharmacy: world.other, invoice: "A".into(), lines, receiver, ..Handing::default() };
        assert_eq!(world.hand(&all[1].code, handing.clone()).expect("asked"), Err(No::Early));
        let handing = receipts::signed(&world, &first, &handing, Way::Pad, b"\x89PNG\r\n\x1a\n");
        assert_eq!(world.hand(&first, handing).expect("asked"), Ok(()));
        assert_eq!(world.case(&first).row.state, State::Done);
        let found =
            resources::of_patient(&mut world.reader(), world.person, ResourceType::MEDICATION_DISPENSE, None, 10);
        let body = found.expect("read").pop().expect("a dispense").body;
        assert!(body.contains("Lê Thị Nhận") && body.contains("046190000009"), "{body}");
        let issues = Validator::r4().validate(&Tree::parse(body.as_str()).expect("JSON"), &[]).expect("R4");
        assert!(is_valid(&issues), "{body} {issues:?}");
        // Taken back: what was not fetched yet goes too.
        let at = all[1].code.clone();
        assert_eq!(world.act(move |tx, by| work::cancel(tx, &at, by, "đổi thuốc")), Ok(()));
        let states: Vec<_> = series(&world).iter().map(|p| p.state).collect();
        assert_eq!(states, [State::Done, State::Cancelled, State::Cancelled]);
        let odd = Content { items: world.content("n", "MOR030", 30, 5_000).items, ..month };
        assert!(matches!(world.write(&odd), Err(No::Rules(found)) if found.iter().any(|f| f.rule == "divided")));
    });
}

#[test]
fn two_pharmacies_at_once_never_hand_out_more_than_was_prescribed() {
    both(|world| {
        let code = world.signed("c", "PAR500", 1_000);
        let sold = std::thread::scope(|scope| {
            let (world, code) = (&world, &code);
            let sell = |n: usize| {
                let pharmacy = if n.is_multiple_of(2) { world.facility } else { world.other };
                scope.spawn(move || matches!(world.sell(code, pharmacy, &format!("HD{n}"), 300), Ok(Ok(()))))
            };
            let threads: Vec<_> = (0..8).map(sell).collect();
            threads.into_iter().map(|t| t.join().expect("a thread")).filter(|sold| *sold).count()
        });
        assert_eq!(sold, 3, "three times three of ten");
        let case = world.case(&code);
        assert_eq!((case.lines[0].dispensed, case.row.state, case.sales.len()), (900, State::Partly, 3));
        let refused = world.sell(&code, world.other, "X", 101).expect_err("too much").to_string();
        assert_eq!(too_much(&refused), Some(1), "{refused}");
        // The same sale told again is the same; with another quantity it is none.
        let done = case.sales[0].clone();
        assert_eq!(world.sell(&code, done.pharmacy, &done.invoice, 300).expect("asked"), Ok(()));
        assert_eq!(world.sell(&code, done.pharmacy, &done.invoice, 50).expect("asked"), Err(No::OtherSale));
        assert_eq!(world.sell(&code, world.other, "N", 0).expect("asked"), Err(No::Nothing));
        assert_eq!(world.case(&code).lines[0].dispensed, 900);
        assert_eq!(world.sell(&code, world.other, "Y", 100).expect("asked"), Ok(()));
        assert_eq!(world.case(&code).row.state, State::Done);
        assert_eq!(world.sell(&code, world.other, "Z", 1).expect("asked"), Err(No::State));
        // Past its last day nothing is handed out.
        let late = world.signed("c", "IBU400", 1_000);
        let mut row = world.case(&late).row;
        row.expires = Some(now_seconds() - 1);
        world.store.write(&world.doctor, move |tx| tx.keep_prescription(&row)).expect("written");
        assert_eq!(world.sell(&late, world.other, "Q", 100).expect("asked"), Err(No::Expired));
    });
}

#[test]
fn another_takes_its_place_and_what_was_handed_out_is_not_cancelled() {
    both(|world| {
        let old = world.signed("c", "LOS050", 500);
        let new = Content { replaces: old.clone(), ..world.content("c", "LOS050", 5, 600) };
        let new = world.write(&new).expect("written");
        assert_eq!(world.case(&old).row.state, State::Signed, "until the new one is signed");
        assert_eq!(world.sign(&new, ""), Ok(()), "what it replaces is no duplicate");
        assert_eq!(world.case(&old).row.state, State::Replaced);
        // Whatever is added behind it, it is the same paper.
        let known = |code: &str| {
            let file = signed_paper(&mut world.reader(), &world.case(code).row).expect("read").expect("a paper");
            let mark = pades::last_mark(&[file.as_slice(), b"\n"].concat()).expect("a mark");
            signing::paper(&mut world.reader(), &[mark]).expect("read").expect("known")
        };
        let paper = known(&old);
        assert_eq!((paper.ended.is_some(), paper.why.as_str()), (true, "replaced"));
        assert_eq!(world.sell(&old, world.other, "A", 100).expect("asked"), Err(No::State));
        let cancel = |code: &str| {
            let code = code.to_owned();
            world.act(move |tx, by| work::cancel(tx, &code, by, "nhầm"))
        };
        assert_eq!(cancel(&old), Err(No::State));
        world.sell(&new, world.other, "B", 100).expect("asked").expect("handed out");
        assert_eq!(cancel(&new), Err(No::State));
        let third = world.signed("c", "ATO020", 500);
        assert_eq!(cancel(&third), Ok(()));
        let row = world.case(&third).row;
        assert_eq!((row.state, row.sending), (State::Cancelled, Sending::None));
        assert_eq!(known(&third).why, "revoked");
        assert_eq!(prescriptions::states(&mut world.reader(), world.by.account).expect("read").len(), 3);
    });
}

#[test]
fn what_stays_with_who_treats_is_in_nobody_elses_list() {
    both(|world| {
        let hiv = Diagnosis { code: "B20".into(), name: "Bệnh do HIV".into() };
        let secret = world.write(&Content { diagnoses: vec![hiv], ..world.content("c", "PAR500", 5, 1_000) });
        let secret = secret.expect("written");
        world.write(&world.content("c", "IBU400", 5, 1_000)).expect("written");
        let list = |account: i64| {
            let filter = Filter { account, ..Filter::default() };
            let found = prescriptions::list(&mut world.reader(), filter, 10).expect("read");
            let counted: i64 =
                prescriptions::states(&mut world.reader(), account).expect("read").iter().map(|s| s.1).sum();
            (found.len(), counted)
        };
        assert_eq!((list(world.by.account), list(world.by.account + 1)), ((2, 2), (1, 1)));
        let case = world.case(&secret);
        assert!(case.is_open_to(world.by.account) && !case.is_open_to(world.by.account + 1));
        // Everything that tells of it has the label of the diagnosis.
        let mut reader = world.reader();
        for (kind, name) in [(ResourceType::BINARY, "doc"), (ResourceType::MEDICATION_REQUEST, "1")] {
            let id = format!("{}-{name}", bodies::id(&secret));
            let body = resources::get(&mut reader, kind, &id).expect("read").expect("there").body;
            assert!(body.contains(r#""code":"B20""#), "{body}");
        }
    });
}

#[test]
fn prescriptions_go_with_a_merged_person_and_come_back() {
    both(|world| {
        let code = world.signed("c", "PAR500", 1_000);
        let keep = world.someone("046085000077", Day::from_ymd(1985, 3, 9));
        let lose = world.person;
        let by = || mach_people::By { account: 1, at: mach_base::Minute::now() };
        let merge = world.store.write(&world.console, move |tx| {
            Ok(mach_people::merge(tx, keep, lose, by(), "one person").expect("merged"))
        });
        let merge = merge.expect("written");
        assert_eq!(world.case(&code).row.person, keep);
        assert_eq!(prescriptions::in_use(&mut world.reader(), keep, i64::from(Day::today().0)).expect("read").len(), 1);
        world
            .store
            .write(&world.console, move |tx| {
                mach_people::undo_merge(tx, merge, by()).expect("undone");
                Ok(())
            })
            .expect("written");
        assert_eq!(world.case(&code).row.person, lose);
    });
}
