//! The digital signatures of a certificate: two on one file, who may, what stops one, what a restart and a bad provider do.

use crate::world::{World, by};
use mach_base::Day;
use mach_base::time::now_seconds;
use mach_certificates::desk::Keys as _;
use mach_certificates::signing as under;
use mach_certificates::work::{self, No};
use mach_sign::pades::{self, Coverage};
use mach_sign::remote::{Fault, Flight, Simulator, SmartCa, Stage};
use mach_sign::trust::Standing;
use mach_sign::verdict;
use mach_store::certificates::State;
use mach_store::signing::{self, Act, Delegation, Provider};

fn paper(world: &World, code: &str) -> Option<Vec<u8>> {
    let case = world.case(code);
    under::signed_paper(&mut world.store.read(&world.doctor).expect("a reader"), &case).expect("read")
}

/// What the house knows of a file, as anybody hands it in.
fn issued(world: &World, file: &[u8]) -> Option<signing::Paper> {
    let verdict = verdict::examine(file, &world.keys.trust().expect("trust"), &[], now_seconds()).expect("a verdict");
    let marks: Vec<String> = verdict.marks().collect();
    assert_eq!(marks.len(), pades::marks(file).expect("marks").len());
    signing::paper(&mut world.store.read(&world.doctor).expect("a reader"), &marks).expect("read")
}

/// The file as it was after its first signature.
fn pades_first(file: &[u8]) -> Vec<u8> {
    let ends: Vec<usize> = file.windows(5).enumerate().filter(|(_, w)| w == b"%%EOF").map(|(at, _)| at + 6).collect();
    let found = ends.iter().map(|end| file[..*end].to_vec());
    let one = |cut: &Vec<u8>| pades::marks(cut).is_ok_and(|marks| marks.len() == 1);
    found.rev().find(one).expect("a file with one signature")
}

fn two_on_one_file(home: mach_test_engines::Home) {
    let world = World::new(home);
    let code = world.open("046085000031");
    world.examine(&code, "");
    assert_eq!(world.act(&code, |tx, at| work::conclude(tx, at, &by(1), None)), Ok(()));
    assert!(paper(&world, &code).is_none());
    world.digitally();
    let first = paper(&world, &code).expect("the doctor's");
    assert_eq!(world.act_as_head(&code, |tx, at| work::sign(tx, at, &by(2), None, None)), Ok(()));
    world.digitally();
    let both = paper(&world, &code).expect("both");
    assert!(both.starts_with(&first), "nothing of what the doctor signed is touched");
    let (trust, now) = (world.keys.trust().expect("trust"), now_seconds());
    let report = pades::verify(&both, &trust, now).expect("a report");
    assert!(report.is_good());
    let [doctor, head] = report.signatures.as_slice() else { panic!("two signatures") };
    for (signature, name) in [(doctor, "Bs 1"), (head, "Bs 2")] {
        assert_eq!(signature.certificate.as_ref().expect("a certificate").subject.common(), name);
        assert_eq!((&signature.then, &signature.now), (&Standing::Valid, &Standing::Valid));
        assert!(signature.proved.is_some(), "B-T");
        assert_eq!(signature.coverage, Coverage::ThenSigned, "and validation data: B-LT");
    }
    // With the data in the file alone, without lists at hand, it says as much.
    let alone = mach_sign::trust::Trust::in_anchors(trust.anchors.clone());
    let report = pades::verify(&both, &alone, now).expect("a report");
    assert!(report.signatures.iter().all(|s| s.then == Standing::Valid), "{report:?}");
    assert_eq!(issued(&world, &both).map(|p| p.ended), Some(None));
    let why = |file: &[u8]| issued(&world, file).map(|p| p.why);
    let longer = |file: &[u8]| [file, b"\n".as_slice()].concat();
    assert_eq!(why(&first).as_deref(), Some(signing::UNFINISHED), "what only the doctor signed was never given out");
    assert_eq!(why(&longer(&both)).as_deref(), Some(""));
    // Opened again: the file is no longer valid, and its signatures are given anew.
    assert_eq!(world.act_as_head(&code, |tx, at| work::correct(tx, at, &by(2), "sai")), Ok(()));
    assert_eq!(issued(&world, &both).map(|p| p.why), Some("replaced".to_owned()));
    world.issue(&code, "conclusion-illness=nhẹ");
    let again = paper(&world, &code).expect("both");
    assert!(again != both && verdict::examine(&again, &trust, &[], now_seconds()).expect("a verdict").is_good());
    assert_eq!(world.act_as_head(&code, |tx, at| work::revoke(tx, at, &by(2), "x")), Ok(()));
    assert_eq!(issued(&world, &again).map(|p| p.why), Some("revoked".to_owned()));
    let ended = signing::ended_papers(&mut world.store.read(&world.doctor).expect("a reader")).expect("read");
    assert_eq!(ended.len(), 6, "both signatures and the code of both papers");
    // However it is cut or goes on, it is the paper that was taken back.
    for file in [&both, &first, &longer(&both)] {
        assert_eq!(why(file).as_deref(), Some("replaced"));
    }
    assert_eq!(why(&longer(&again)).as_deref(), Some("revoked"));
    let cut = pades_first(&again);
    assert_eq!(why(&cut).as_deref(), Some("revoked"));
    let stranger = world.keys.family.doctor("Người khác");
    let request = pades::Request { chain: &stranger.chain, at: now_seconds(), ..pades::Request::default() };
    let more = pades::sign(&again, &request, &stranger.key, None).expect("signed");
    assert_eq!(why(&more).as_deref(), Some("revoked"), "with one more signature, too");
}

/// The QR code stands on the paper from its first signature on: until the paper is given out it is good for nothing, also offline.
fn a_code_before_its_time(home: mach_test_engines::Home) {
    let world = World::new(home);
    let code = world.open("046085000038");
    world.examine(&code, "");
    assert_eq!(world.act(&code, |tx, at| work::conclude(tx, at, &by(1), None)), Ok(()));
    world.digitally();
    let ended = || signing::ended_papers(&mut world.store.read(&world.doctor).expect("a reader")).expect("read");
    let [open] = ended().try_into().expect("one, of the code");
    assert_eq!(open.why, signing::OPEN);
    let stands = |mark: &str| {
        let found = signing::paper(&mut world.store.read(&world.doctor).expect("a reader"), &[mark.to_owned()]);
        found.expect("read").map(|p| (p.ended.is_some(), p.why))
    };
    assert_eq!(stands(&open.mark), Some((true, signing::OPEN.to_owned())));
    // Sent back, it is of a paper that was replaced; the code of the next conclusion is good with its paper.
    assert_eq!(world.act_as_head(&code, |tx, at| work::correct(tx, at, &by(2), "sai")), Ok(()));
    assert_eq!(stands(&open.mark), Some((true, "replaced".to_owned())));
    world.issue(&code, "conclusion-illness=nhẹ");
    assert!(ended().iter().all(|p| p.why == "replaced"), "what was given out is in no list: {:?}", ended());
}

fn who_may(home: mach_test_engines::Home) {
    let world = World::new(home);
    let code = world.open("046085000032");
    world.examine(&code, "");
    assert_eq!(world.act(&code, |tx, at| work::conclude(tx, at, &by(3), None)), Err(No::NoSigner));
    assert_eq!(world.act(&code, |tx, at| work::conclude(tx, at, &by(2), None)), Err(No::NoSigner), "for another act");
    assert_eq!(world.act(&code, |tx, at| work::conclude(tx, at, &by(1), None)), Ok(()));
    world.digitally();
    assert_eq!(
        world.act(&code, |tx, at| work::sign(tx, at, &by(2), None, None)),
        Err(No::NotHead),
        "without the head's right"
    );
    // In the head's place: by delegation, with a certificate of one's own, for as long as it lasts.
    let (facility, now) = (world.facility, now_seconds());
    world.signer(3, Act::Countersign, Provider::Soft);
    assert_eq!(world.act(&code, |tx, at| work::sign(tx, at, &by(3), None, None)), Err(No::NotHead));
    let past = Delegation {
        id: 0,
        facility,
        head: 2,
        deputy: 3,
        from: now - 100,
        to: now - 1,
        document: "02/QĐ".into(),
        ended: None,
    };
    let present = Delegation { to: now + 1_000, ..past.clone() };
    world.administer(move |tx| tx.delegate(&past).map(drop));
    assert_eq!(world.act(&code, |tx, at| work::sign(tx, at, &by(3), None, None)), Err(No::NotHead), "it is over");
    let id = world.administer(move |tx| tx.delegate(&present));
    assert_eq!(world.act(&code, |tx, at| work::sign(tx, at, &by(3), None, None)), Ok(()));
    world.digitally();
    assert_eq!((world.case(&code).row.state, world.case(&code).row.head.as_str()), (State::Issued, "Bs 3"));
    assert!(world.administer(move |tx| tx.end_delegation(facility, id)));
    assert!(!world.administer(move |tx| tx.end_delegation(facility, id)));
    // A licence that is over, rules that are not there.
    let second = world.open("046085000033");
    world.examine(&second, "");
    let mine = signing_with(&world, 1);
    assert!(world.administer(move |tx| tx.end_signer(facility, mine)));
    assert_eq!(world.act(&second, |tx, at| work::conclude(tx, at, &by(1), None)), Err(No::NoSigner));
    world.signer(1, Act::Conclude, Provider::Soft);
    let later = Day(Day::today().0 + 1);
    world.administer(move |tx| tx.register_signing_policy(facility, "03/QĐ", later).map(drop));
    assert_eq!(
        world.act(&second, |tx, at| work::conclude(tx, at, &by(1), None)),
        Ok(()),
        "the rules before hold until then"
    );
}

fn signing_with(world: &World, account: i64) -> i64 {
    let mut reader = world.store.read(&world.doctor).expect("a reader");
    let found = signing::signing_with(&mut reader, world.facility, account, Act::Conclude, Day::today()).expect("read");
    found.expect("a signer").id
}

fn without_rules(home: mach_test_engines::Home) {
    let world = World::new(home);
    let facility = world.facility;
    // Rules that begin tomorrow end those that begin today, where these were registered for later than they begin.
    let code = world.open("046085000034");
    world.examine(&code, "");
    let other = world.stranger.scope().facility().expect("a facility");
    let mut reader = world.store.read(&world.doctor).expect("a reader");
    assert!(signing::policy(&mut reader, facility, Day::today()).expect("read").is_some());
    assert!(signing::policy(&mut reader, other, Day::today()).expect("read").is_none());
    assert!(signing::policy(&mut reader, facility, Day(Day::today().0 - 1)).expect("read").is_none());
    drop(reader);
    let arrival = work::Arrival {
        number: "046085000035".into(),
        name: "Nguyễn Văn Thử".into(),
        born: Day::from_ymd(1985, 3, 9),
        sex: 1,
        class: "C".into(),
        ..work::Arrival::default()
    };
    let there = world.store.write(&world.stranger, move |tx| work::open(tx, other, &arrival)).expect("opened").code;
    let answers = world.answers(&code, "");
    let done = world.store.write(&world.stranger, move |tx| {
        let case = mach_certificates::case::load(tx, &there)?.expect("there");
        for part in case.parts {
            let kept = work::Posted {
                part: part.link,
                answers: answers.clone(),
                version: part.version,
                finish: true,
                quiet: false,
            };
            work::keep(tx, &there, &by(1), kept)?.expect("kept");
        }
        work::conclude(tx, &there, &by(1), None)
    });
    assert_eq!(done.expect("written"), Err(No::NoPolicy));
}

fn what_stops_one(home: mach_test_engines::Home) {
    let world = World::new(home);
    let code = world.open("046085000036");
    world.examine(&code, "");
    let mine = signing_with(&world, 1);
    world.keys.revoked.borrow_mut().push(mine);
    assert_eq!(world.act(&code, |tx, at| work::conclude(tx, at, &by(1), None)), Ok(()));
    world.digitally();
    let flight = |world: &World| world.case(&code).flight(Act::Conclude).expect("a signature").clone();
    assert!(flight(&world).next.is_none() && flight(&world).said.contains("revoked"), "{:?}", flight(&world));
    assert!(paper(&world, &code).is_none());
    assert_eq!(world.act(&code, |tx, at| work::resume(tx, at, &by(2), None)), Err(No::State), "it is not theirs");
    // Another certificate, and asked for once more.
    let facility = world.facility;
    assert!(world.administer(move |tx| tx.end_signer(facility, mine)));
    assert_eq!(world.act(&code, |tx, at| work::resume(tx, at, &by(1), None)), Err(No::NoSigner));
    world.signer(1, Act::Conclude, Provider::Soft);
    assert_eq!(world.act(&code, |tx, at| work::resume(tx, at, &by(1), None)), Ok(()));
    world.digitally();
    assert!(flight(&world).ended.is_some() && paper(&world, &code).is_some());
    // A key that is not the certificate's: nothing of it is taken.
    let second = world.open("046085000037");
    world.examine(&second, "");
    let mine = signing_with(&world, 1);
    let foreign = world.keys.family.doctor("Người khác").key;
    if let Some(person) = world.keys.people.borrow_mut().get_mut(&mine) {
        person.key = foreign;
    }
    assert_eq!(world.act(&second, |tx, at| work::conclude(tx, at, &by(1), None)), Ok(()));
    world.digitally();
    let case = world.case(&second);
    let flight = case.flight(Act::Conclude).expect("a signature");
    assert!(flight.ended.is_none() && flight.said.contains("not by this key"), "{flight:?}");
    assert!(paper(&world, &second).is_none());
}

/// Who has several certificates signs with the one they chose, and with no other person's.
fn chosen(home: mach_test_engines::Home) {
    let world = World::new(home);
    let old = signing_with(&world, 1);
    let new = world.signer(1, Act::Conclude, Provider::Soft);
    let theirs = world.signer(3, Act::Conclude, Provider::Soft);
    let other_act = world.signer(1, Act::Countersign, Provider::Soft);
    assert_eq!(signing_with(&world, 1), new, "unless they choose, the newest");
    let code = world.open("046085000056");
    world.examine(&code, "");
    for id in [theirs, other_act, 0, i64::MAX] {
        let done = world.act(&code, move |tx, at| work::conclude(tx, at, &by(1), Some(id)));
        assert_eq!(done, Err(No::NoSigner), "{id}");
    }
    assert_eq!(world.act(&code, move |tx, at| work::conclude(tx, at, &by(1), Some(old))), Ok(()));
    let with = |world: &World| world.case(&code).flight(Act::Conclude).expect("a signature").signer;
    assert_eq!(with(&world), old);
    // Stopped, it is asked for again with another, where they choose so.
    let facility = world.facility;
    assert!(world.administer(move |tx| tx.end_signer(facility, old)));
    world.digitally();
    assert!(!world.case(&code).flight(Act::Conclude).expect("a signature").is_under_way());
    let again = |id| world.act(&code, move |tx, at| work::resume(tx, at, &by(1), Some(id)));
    assert_eq!((again(old), again(theirs)), (Err(No::NoSigner), Err(No::NoSigner)));
    assert_eq!(again(new), Ok(()));
    world.digitally();
    assert_eq!(with(&world), new);
    assert!(paper(&world, &code).is_some());
}

fn by_phone(home: mach_test_engines::Home) {
    let mut world = World::new(home);
    let facility = world.facility;
    let mine = signing_with(&world, 1);
    assert!(world.administer(move |tx| tx.end_signer(facility, mine)));
    let id = world.signer(1, Act::Conclude, Provider::SmartCa);
    let (key, chain) = {
        let people = world.keys.people.borrow();
        let pem = people[&id].key.to_pem();
        (mach_sign::key::SoftKey::from_pem(&pem).expect("a key"), people[&id].chain.clone())
    };
    let provider: &'static Simulator = Box::leak(Box::new(Simulator::new(key, chain).expect("a provider")));
    let client = || SmartCa {
        base: "https://provider.invalid".to_owned(),
        sp_id: "mach".to_owned(),
        sp_password: "secret".to_owned(),
        transport: provider,
    };
    world.keys.service = Some(Box::new(client()));
    let code = world.open("046085000038");
    world.examine(&code, "");
    assert_eq!(world.act(&code, |tx, at| work::conclude(tx, at, &by(1), None)), Ok(()));
    let mut now = now_seconds();
    let mut round = |world: &World| {
        world.queue(now);
        let flight = world.case(&code).flight(Act::Conclude).expect("a signature").clone();
        now = flight.next.unwrap_or(now);
        flight
    };
    // It is down, and it loses its answer: asked again under the same id, it is one signature.
    *provider.fault.borrow_mut() = Fault::Down;
    let flight = round(&world);
    assert!(
        flight.ended.is_none() && !flight.state.is_empty() && flight.said.contains("does not answer"),
        "{}",
        flight.said
    );
    *provider.fault.borrow_mut() = Fault::LostAnswer;
    let lost = round(&world);
    let kept = |state: &[u8]| Flight::from_bytes(state).expect("kept");
    assert_eq!(kept(&lost.state).transaction, kept(&flight.state).transaction);
    *provider.fault.borrow_mut() = Fault::None;
    // A restart: another program looks at the same rows.
    world.keys.service = Some(Box::new(client()));
    assert!(matches!(kept(&round(&world).state).stage, Stage::Asked(_)));
    assert!(round(&world).ended.is_none(), "nobody has confirmed");
    assert_eq!(provider.count(), 1);
    // It signs something else, or with another key: nothing of it is taken.
    *provider.confirmed.borrow_mut() = true;
    for fault in [Fault::OtherBytes, Fault::OtherKey, Fault::Garbage] {
        *provider.fault.borrow_mut() = fault;
        assert!(round(&world).ended.is_none() && paper(&world, &code).is_none(), "{fault:?}");
    }
    *provider.fault.borrow_mut() = Fault::None;
    assert!(round(&world).ended.is_some());
    let file = paper(&world, &code).expect("signed");
    assert!(pades::verify(&file, &world.keys.trust().expect("trust"), now_seconds()).expect("a report").is_good());
    // The owner says no: it ends, until it is asked for again.
    let second = world.open("046085000039");
    world.examine(&second, "");
    assert_eq!(world.act(&second, |tx, at| work::conclude(tx, at, &by(1), None)), Ok(()));
    world.digitally();
    *provider.fault.borrow_mut() = Fault::Refuses;
    world.queue(now_seconds() + 10);
    let case = world.case(&second);
    let flight = case.flight(Act::Conclude).expect("a signature");
    assert!(flight.next.is_none() && flight.said.contains("reject"), "{flight:?}");
}

#[test]
fn two_signatures_on_one_file() {
    two_on_one_file(mach_test_engines::Home::folder());
    two_on_one_file(mach_test_engines::Home::postgres());
}

#[test]
fn the_code_of_a_paper_waits_for_its_last_signature() {
    a_code_before_its_time(mach_test_engines::Home::folder());
    a_code_before_its_time(mach_test_engines::Home::postgres());
}

#[test]
fn who_may_sign() {
    who_may(mach_test_engines::Home::folder());
    who_may(mach_test_engines::Home::postgres());
}

#[test]
fn nothing_is_signed_without_rules() {
    without_rules(mach_test_engines::Home::folder());
    without_rules(mach_test_engines::Home::postgres());
}

#[test]
fn what_stops_a_signature() {
    what_stops_one(mach_test_engines::Home::folder());
    what_stops_one(mach_test_engines::Home::postgres());
}

#[test]
fn a_doctor_chooses_with_which_certificate() {
    chosen(mach_test_engines::Home::folder());
    chosen(mach_test_engines::Home::postgres());
}

#[test]
fn a_signature_by_phone() {
    by_phone(mach_test_engines::Home::folder());
    by_phone(mach_test_engines::Home::postgres());
}
