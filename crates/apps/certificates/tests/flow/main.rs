//! Certificates against a real store: the way of one, what is refused, who sees what, and what becomes of a bad gateway.

mod declared;
mod hostile;
mod killed;
mod net;
mod signatures;
mod world;

use mach_access::Decision;
use mach_base::Day;
use mach_base::time::now_seconds;
use mach_certificates::bodies::Sent;
use mach_certificates::case::{self, CONCLUSION};
use mach_certificates::gateway::{Fault, Simulator};
use mach_certificates::work::{self, No, Posted};
use mach_fhir::validate::{Validator, is_valid};
use mach_fhir::{ResourceType, Tree};
use mach_forms::Form;
use mach_forms::library::{self, Added};
use mach_store::certificates::{self, Filter, Sending, State};
use mach_store::resources;
use world::{World, by};

fn goes_its_way(home: mach_test_engines::Home) {
    let world = World::new(home);
    let code = world.open("046085000001");
    assert_eq!(world.act(&code, |tx, at| work::conclude(tx, at, &by(1), None)), Err(No::Incomplete));
    world.examine(&code, "");
    assert!(world.case(&code).fitness().is_fit());
    assert_eq!(
        world.act_as_head(&code, |tx, at| work::sign(tx, at, &by(2), None, None)),
        Err(No::State),
        "not before the conclusion"
    );
    assert_eq!(world.act(&code, |tx, at| work::conclude(tx, at, &by(1), None)), Ok(()));
    assert_eq!(world.act_as_head(&code, |tx, at| work::sign(tx, at, &by(1), None, None)), Err(No::Same));
    assert_eq!(
        world.act_as_head(&code, |tx, at| work::sign(tx, at, &by(2), None, None)),
        Err(No::Unsigned),
        "not before the doctor"
    );
    world.digitally();
    assert_eq!(world.act_as_head(&code, |tx, at| work::sign(tx, at, &by(2), None, None)), Ok(()));
    assert_eq!(world.case(&code).row.state, State::Concluded, "not before the signature is there");
    world.digitally();
    assert_eq!(world.act_as_head(&code, |tx, at| work::sign(tx, at, &by(2), None, None)), Err(No::State), "not twice");
    let case = world.case(&code);
    assert_eq!((case.row.state, case.row.serial, case.row.sending), (State::Issued, 1, Sending::Due));
    assert!(case.number().starts_with("00001/GKSKLX/46001/"));
    assert_eq!(case.attesters.len(), 2);

    let gateway = Simulator::default();
    let now = now_seconds() + 1;
    assert_eq!(world.deliver(&gateway, now), 1);
    assert_eq!(world.deliver(&gateway, now), 0, "once is enough");
    assert_eq!(world.case(&code).row.sending, Sending::Sent);
    assert_eq!(gateway.taken()[0].1.get("KETLUAN"), "A0-1");

    // Corrected by the head: the number stays, the gateway gets an EDIT.
    assert_eq!(world.act(&code, |tx, at| work::correct(tx, at, &by(1), "sai")), Err(No::NotHead));
    assert_eq!(world.act_as_head(&code, |tx, at| work::correct(tx, at, &by(2), "sai")), Ok(()));
    world.issue(&code, "conclusion-illness=nhẹ");
    assert_eq!(world.case(&code).row.serial, 1);
    assert_eq!(world.deliver(&gateway, now + 1), 1);
    let last = gateway.taken().pop().expect("a message").1;
    assert_eq!((last.action, last.get("TINHTRANGBENH")), ("EDIT", "nhẹ"));

    assert_eq!(world.act_as_head(&code, |tx, at| work::revoke(tx, at, &by(2), "Cấp nhầm")), Ok(()));
    assert_eq!(world.deliver(&gateway, now + 2), 1);
    let last = gateway.taken().pop().expect("a message").1;
    assert_eq!((last.get("KETLUAN"), last.get("LYDO")), ("A0-2", "THU HỒI: Cấp nhầm"));
    let case = world.case(&code);
    assert_eq!((case.row.state, case.row.sending), (State::Revoked, Sending::Sent));
    every_resource_is_valid(&world, case.row.person);
}

fn every_resource_is_valid(world: &World, person: i64) {
    let mut reader = world.store.read(&world.doctor).expect("a reader");
    let kinds = [
        ResourceType::ENCOUNTER,
        ResourceType::QUESTIONNAIRE_RESPONSE,
        ResourceType::OBSERVATION,
        ResourceType::COMPOSITION,
        ResourceType::PROVENANCE,
        ResourceType::TASK,
    ];
    for kind in kinds {
        let found = resources::of_patient(&mut reader, person, kind, None, 200).expect("read");
        assert!(!found.is_empty(), "no {}", kind.name());
        for one in found {
            let tree = Tree::parse(one.body.as_str()).expect("JSON");
            let issues = Validator::r4().validate(&tree, &[]).expect("R4");
            assert!(is_valid(&issues), "{}/{}: {issues:?}\n{}", kind.name(), one.id, one.body);
        }
    }
}

fn refusals(home: mach_test_engines::Home) {
    let world = World::new(home);
    let code = world.open("046085000002");
    // The doctor may differ from the standard, with a reason.
    world.examine(&code, "eye-colour=4");
    assert_eq!(world.act(&code, |tx, at| work::conclude(tx, at, &by(1), None)), Err(No::Differs));
    world.examine(&code, "eye-colour=4 conclusion-differs=đã-hội-chẩn");
    assert_eq!(world.act(&code, |tx, at| work::conclude(tx, at, &by(1), None)), Ok(()));
    // A part written meanwhile at another screen is not overwritten; a concluded case takes no more parts.
    let second = world.open("046085000003");
    let answers = world.answers(&second, "");
    let eye = |version| Posted { part: "eye".into(), answers: answers.clone(), version, finish: false, quiet: false };
    let (first, stale, after) = (eye(0), eye(0), eye(1));
    assert_eq!(
        world.act(&second, move |tx, at| Ok(work::keep(tx, at, &by(1), first)?.map(|v| assert_eq!(v, 1)))),
        Ok(())
    );
    assert_eq!(world.act(&second, move |tx, at| Ok(work::keep(tx, at, &by(3), stale)?.map(|_| ()))), Err(No::Changed));
    assert_eq!(
        world.act(&second, move |tx, at| Ok(work::keep(tx, at, &by(3), after)?.map(|v| assert_eq!(v, 2)))),
        Ok(())
    );
    // What the page keeps by itself never undoes what its doctor concluded, be it a step behind or not.
    let (own, quiet, fresh) =
        (Posted { finish: true, ..eye(2) }, Posted { quiet: true, ..eye(2) }, Posted { quiet: true, ..eye(3) });
    assert_eq!(world.case(&second).parts.iter().filter(|p| p.done).count(), 0);
    assert_eq!(world.act(&second, move |tx, at| Ok(work::keep(tx, at, &by(3), own)?.map(|_| ()))), Ok(()));
    assert_eq!(world.act(&second, move |tx, at| Ok(work::keep(tx, at, &by(3), quiet)?.map(|_| ()))), Ok(()));
    assert_eq!(world.act(&second, move |tx, at| Ok(work::keep(tx, at, &by(3), fresh)?.map(|_| ()))), Ok(()));
    assert!(world.case(&second).parts.iter().any(|p| p.link == "eye" && p.done));
    let late = eye(9);
    assert_eq!(world.act(&code, move |tx, at| Ok(work::keep(tx, at, &by(1), late)?.map(|_| ()))), Err(No::State));
    assert_eq!(world.act_as_head("AAAAAAAAAAAA", |tx, at| work::sign(tx, at, &by(1), None, None)), Err(No::Unknown));
    assert_eq!(world.act_as_head(&second, |tx, at| work::revoke(tx, at, &by(1), "x")), Err(No::State));
    assert_eq!(world.act(&second, work::cancel), Ok(()));
    assert!(world.case(&code).parts.iter().all(|p| p.link != "maternity"), "men are not asked");
    assert!(world.case(&code).parts.iter().any(|p| p.link == CONCLUSION));
}

/// What a part said earlier and says no more is no finding of the person any longer.
fn old_findings(home: mach_test_engines::Home) {
    let world = World::new(home);
    let code = world.open("046085000009");
    world.issue(&code, "eye-refraction-left=-2");
    let of = |status: &str| world.observed(&code, "eye").iter().filter(|(_, s)| s == status).count();
    let (before, conclusion) = (of("final"), world.observed(&code, CONCLUSION));
    assert!(before > 5 && of("entered-in-error") == 0, "{before}");
    assert_eq!(conclusion.iter().map(|(_, s)| s.as_str()).collect::<Vec<_>>(), ["final"]);
    assert_eq!(world.act_as_head(&code, |tx, at| work::correct(tx, at, &by(2), "sai")), Ok(()));
    assert_eq!(world.observed(&code, CONCLUSION)[0].1, "entered-in-error", "nothing is concluded now");
    // Concluded anew without that one answer.
    let answers = world.answers(&code, "eye-refraction-left=");
    let version = world.case(&code).parts.iter().find(|p| p.link == "eye").expect("the part").version;
    let eye = |finish, version| Posted { part: "eye".into(), answers: answers.clone(), version, finish, quiet: false };
    let (whole, draft) = (eye(true, version), eye(false, version + 1));
    assert_eq!(world.act(&code, move |tx, at| Ok(work::keep(tx, at, &by(1), whole)?.map(|_| ()))), Ok(()));
    assert_eq!((of("final"), of("entered-in-error")), (before - 1, 1));
    // A draft says nothing yet.
    assert_eq!(world.act(&code, move |tx, at| Ok(work::keep(tx, at, &by(1), draft)?.map(|_| ()))), Ok(()));
    assert_eq!((of("final"), of("entered-in-error")), (0, before));
    world.issue(&code, "");
    assert_eq!((of("final"), of("entered-in-error")), (before - 1, 1));
    assert_eq!(world.observed(&code, CONCLUSION)[0].1, "final");
}

/// A conclusion is made whole or kept as a draft, never half.
fn conclusions(home: mach_test_engines::Home) {
    let world = World::new(home);
    let code = world.open("046085000010");
    let answers = world.answers(&code, "");
    let kept =
        move || Posted { part: CONCLUSION.into(), answers: answers.clone(), version: 0, finish: true, quiet: false };
    let (first, second) = (kept(), Posted { version: 1, ..kept() });
    let at = code.clone();
    let no = world
        .store
        .write(&world.doctor, move |tx| work::keep_conclusion(tx, &at, &by(1), first, None))
        .expect("written");
    assert_eq!(no, Ok((1, Some(No::Incomplete))));
    let part = |world: &World| world.case(&code).parts.iter().find(|p| p.link == CONCLUSION).expect("it").done;
    assert!(!part(&world) && world.case(&code).row.state == State::Examining, "kept as a draft");
    assert_eq!(world.observed(&code, CONCLUSION), []);
    let case = world.case(&code);
    for open in case.parts.iter().filter(|p| p.link != CONCLUSION) {
        let posted = Posted { part: open.link.clone(), version: 0, ..kept() };
        assert_eq!(world.act(&code, move |tx, at| Ok(work::keep(tx, at, &by(1), posted)?.map(|_| ()))), Ok(()));
    }
    let at = code.clone();
    let done = world
        .store
        .write(&world.doctor, move |tx| work::keep_conclusion(tx, &at, &by(1), second, None))
        .expect("written");
    assert_eq!(done, Ok((2, None)));
    assert!(part(&world) && world.case(&code).row.state == State::Concluded);
}

#[test]
fn findings_follow_corrections() {
    old_findings(mach_test_engines::Home::folder());
    old_findings(mach_test_engines::Home::postgres());
}

#[test]
fn conclusions_are_whole() {
    conclusions(mach_test_engines::Home::folder());
    conclusions(mach_test_engines::Home::postgres());
}

fn another_facility_sees_nothing(home: mach_test_engines::Home) {
    let world = World::new(home);
    let code = world.open("046085000004");
    world.issue(&code, "");
    let mut reader = world.store.read(&world.stranger).expect("a reader");
    assert!(case::load(&mut reader, &code).expect("read").is_none());
    assert!(certificates::list(&mut reader, &Filter::default(), None, 10).expect("read").is_empty());
    assert!(certificates::states(&mut reader).expect("read").is_empty());
    assert!(certificates::counts(&mut reader, 0, i64::MAX).expect("read").is_empty());
    drop(reader);
    let at = code.clone();
    let done = world.store.write(&world.stranger, move |tx| work::revoke(tx, &at, &by(9), "x")).expect("written");
    assert_eq!(done, Err(No::Unknown));
    // The same person there, with another result: both are told of it.
    let other = world.open("046085000004");
    world.examine(&other, "drug-morphine=1 conclusion-result=A0-2 conclusion-reason=x");
    assert_eq!(world.act(&other, |tx, at| work::conclude(tx, at, &by(1), None)), Ok(()));
    assert!(world.case(&other).clashes() && world.case(&other).row.drug);
    let mut reader = world.store.read(&world.doctor).expect("a reader");
    let counts = certificates::counts(&mut reader, 0, i64::MAX).expect("read");
    assert_eq!(counts.iter().map(|c| c.count).sum::<i64>(), 2);
    assert_eq!(counts.iter().map(|c| c.drug).sum::<i64>(), 1);
}

fn a_bad_gateway(home: mach_test_engines::Home) {
    let world = World::new(home);
    let code = world.open("046085000005");
    world.issue(&code, "");
    let gateway = Simulator::default();
    gateway.fail([Fault::Silent, Fault::Garbage, Fault::Lost]);
    let mut now = now_seconds() + 1;
    for tried in 1..=3 {
        assert_eq!(world.deliver(&gateway, now), 1);
        let row = world.case(&code).row;
        assert_eq!((row.sending, row.tried), (Sending::Due, tried));
        assert_eq!(world.deliver(&gateway, now), 0, "later, not at once");
        now = row.next.expect("another try");
        assert!(now < row.due.expect("a deadline"));
    }
    assert_eq!(world.deliver(&gateway, now), 1);
    assert_eq!(world.case(&code).row.sending, Sending::Sent, "the same again is the same certificate");
    // Refused: somebody must look; sent again when they say so.
    let second = world.open("046085000006");
    world.issue(&second, "");
    gateway.fail([Fault::Refuses]);
    assert_eq!(world.deliver(&gateway, now), 1);
    let case = world.case(&second);
    assert_eq!((case.row.sending, case.sent.said.as_str()), (Sending::Refused, "Từ chối theo kịch bản"));
    assert_eq!(world.deliver(&gateway, now + 100_000), 0);
    assert_eq!(world.act(&second, work::send_again), Ok(()));
    assert_eq!(world.deliver(&gateway, now + 1), 1);
    assert_eq!(world.case(&second).row.sending, Sending::Sent);
    // Never sent, then revoked: the gateway need not hear of it.
    let third = world.open("046085000007");
    world.issue(&third, "");
    assert_eq!(world.act_as_head(&third, |tx, at| work::revoke(tx, at, &by(2), "x")), Ok(()));
    assert_eq!(world.deliver(&gateway, now + 2), 0);
}

/// A gateway that does something while a message is with it.
fn what_happens_meanwhile(home: mach_test_engines::Home) {
    let world = World::new(home);
    let gateway = Simulator::default();
    let now = now_seconds() + 1;
    // Taken, the answer lost, then corrected: the gateway has it, so it gets an EDIT.
    let code = world.open("046085000021");
    world.issue(&code, "");
    gateway.fail([Fault::Lost]);
    assert_eq!(world.deliver(&gateway, now), 1);
    assert_eq!(world.act_as_head(&code, |tx, at| work::correct(tx, at, &by(2), "sai")), Ok(()));
    world.issue(&code, "conclusion-illness=nhẹ");
    assert_eq!(world.deliver(&gateway, now + 1), 1);
    assert_eq!(world.case(&code).row.sending, Sending::Sent);
    assert_eq!(gateway.taken().last().map(|(_, m)| m.action), Some("EDIT"));
    // Revoked while a message is on its way: the receipt is kept, the revocation goes out too.
    let code = world.open("046085000022");
    world.issue(&code, "");
    let row = world.case(&code).row;
    let begun = {
        let row = row.clone();
        world.store.write(&world.doctor, move |tx| work::begin_sending(tx, &row, "ADD")).expect("written")
    };
    assert!(begun);
    assert_eq!(world.act_as_head(&code, |tx, at| work::revoke(tx, at, &by(2), "Cấp nhầm")), Ok(()));
    assert_eq!(world.case(&code).row.sending, Sending::Due, "the gateway may have it");
    let receipt = Sent { receipt: "uuid".into(), said: String::new(), action: "ADD".into() };
    let late = row.clone();
    world.store.write(&world.doctor, move |tx| work::sent(tx, &late, receipt, Sending::Sent, None)).expect("written");
    let case = world.case(&code);
    assert_eq!((case.row.sending, case.sent.receipt.as_str()), (Sending::Due, "uuid"));
    assert!(!world.store.write(&world.doctor, move |tx| work::begin_sending(tx, &row, "ADD")).expect("written"));
    // One that cannot be read stands aside; those behind it go out.
    let (bad, good) = (world.open("046085000023"), world.open("046085000024"));
    world.issue(&bad, "");
    let mut broken = world.case(&bad).row;
    broken.form = "urn:nothing|1".into();
    world.store.write(&world.doctor, move |tx| tx.keep_certificate(&broken)).expect("written");
    world.issue(&good, "");
    world.deliver(&Simulator::trusting(), now + 2);
    assert_eq!(world.case(&good).row.sending, Sending::Sent);
    let mut reader = world.store.read(&world.doctor).expect("a reader");
    let row = certificates::by_code(&mut reader, &bad).expect("read").expect("there");
    assert!(row.sending == Sending::Due && row.next.is_some_and(|n| n > now + 2), "{row:?}");
    assert_eq!(certificates::next_due(&mut reader).expect("read"), row.next);
}

#[test]
fn what_happens_while_a_message_is_on_its_way() {
    what_happens_meanwhile(mach_test_engines::Home::folder());
    what_happens_meanwhile(mach_test_engines::Home::postgres());
}

#[test]
fn a_certificate_goes_its_way() {
    goes_its_way(mach_test_engines::Home::folder());
    goes_its_way(mach_test_engines::Home::postgres());
}

#[test]
fn what_may_not_be_is_refused() {
    refusals(mach_test_engines::Home::folder());
    refusals(mach_test_engines::Home::postgres());
}

#[test]
fn facilities_are_apart() {
    another_facility_sees_nothing(mach_test_engines::Home::folder());
    another_facility_sees_nothing(mach_test_engines::Home::postgres());
}

#[test]
fn the_queue_outlives_a_bad_gateway() {
    a_bad_gateway(mach_test_engines::Home::folder());
    a_bad_gateway(mach_test_engines::Home::postgres());
}

fn a_facility_varies(home: mach_test_engines::Home) {
    let world = World::new(home);
    let today = Day::today();
    let current = |decision: &Decision| {
        let mut reader = world.store.read(decision).expect("a reader");
        let scope = decision.scope();
        library::current(&mut reader, scope, case::FORM, today).expect("read").expect("a form").version.clone()
    };
    let add = |body: String| {
        let form = Form::compile(&body).expect("a form");
        world.store.write(&world.doctor, move |tx| library::add(tx, form)).expect("written")
    };
    let shipped = library::shipped().iter().find(|f| f.holds_on(today)).expect("a form of today");
    let own = shipped.body.replace("\"version\": \"2024.1\"", "\"version\": \"2024.2\"");
    assert_ne!(own, shipped.body);
    assert!(matches!(add(own.clone()), Added::New(_)));
    assert!(matches!(add(own.clone()), Added::Known(_)), "the same again changes nothing");
    assert!(matches!(add(own.replace("Hạng giấy phép lái xe", "Hạng xe")), Added::Taken), "a version never changes");
    assert_eq!((current(&world.doctor), current(&world.stranger)), ("2024.2".into(), "2024.1".into()));
    // A case opened with it is read by it for ever, also when the facility goes back.
    let code = world.open("046085000008");
    let retired = world
        .store
        .write(&world.doctor, |tx| library::set_status(tx, "urn:mach:forms:driver-health|2024.2", "retired"));
    assert!(retired.expect("written"));
    assert_eq!(current(&world.doctor), "2024.1");
    assert_eq!(world.case(&code).form.version, "2024.2");
    // The console, which sends, reads it by that facility's form too.
    world.issue(&code, "");
    assert_eq!(world.deliver(&Simulator::default(), now_seconds() + 1), 1);
    assert_eq!(world.case(&code).row.sending, Sending::Sent);
    let not_its_own = world
        .store
        .write(&world.stranger, |tx| library::set_status(tx, "urn:mach:forms:driver-health|2024.2", "active"));
    assert!(!not_its_own.expect("written"), "another facility's form is not theirs to change");
}

#[test]
fn a_facility_varies_a_form() {
    a_facility_varies(mach_test_engines::Home::folder());
    a_facility_varies(mach_test_engines::Home::postgres());
}
