//! What must not be signed, and what must not keep others from signing.

use crate::world::{World, by};
use mach_access::Role;
use mach_base::time::now_seconds;
use mach_certificates::work::{self, No, Posted};
use mach_certificates::{bodies, signing as under};
use mach_fhir::ResourceType;
use mach_sign::certificate::Certificate;
use mach_sign::key::SoftKey;
use mach_sign::pades;
use mach_sign::remote::vgca::Given;
use mach_sign::remote::vgca::simulator::{Desktop, Fault};
use mach_sign::remote::{Simulator, SmartCa};
use mach_signing::flights;
use mach_signing::words::{self, Halt};
use mach_store::certificates::State;
use mach_store::signing::{self, Act, Due, Flight, Provider};
use mach_test_engines::Home;

const DAY: i64 = 86_400;

fn flight(world: &World, code: &str, act: Act) -> Flight {
    let mut reader = world.store.read(&world.doctor).expect("a reader");
    signing::flight_of(&mut reader, world.facility, code, act).expect("read").expect("a signature")
}

/// A signature in short: the paper that lies in it is long.
fn told(f: &Flight) -> String {
    format!("{} {:?}: tried {}, next {:?}, ended {:?}, {}", f.code, f.act, f.tried, f.next, f.ended, f.said)
}

fn paper(world: &World, code: &str) -> Vec<u8> {
    let case = world.case(code);
    let mut reader = world.store.read(&world.doctor).expect("a reader");
    under::signed_paper(&mut reader, &case).expect("read").expect("a paper")
}

/// Concluded and signed by the doctor.
fn concluded(world: &World, number: &str) -> String {
    let code = world.open(number);
    world.examine(&code, "");
    assert_eq!(world.act(&code, |tx, at| work::conclude(tx, at, &by(1), None)), Ok(()));
    world.digitally();
    assert!(flight(world, &code, Act::Conclude).done().is_some());
    code
}

fn signs(world: &World, code: &str) -> Result<(), No> {
    world.act_as_head(code, |tx, at| work::sign(tx, at, &by(2), None, None))
}

fn exchange(world: &World, code: &str, file: &[u8]) {
    let id = under::paper_id(code);
    let person = world.case(code).row.person;
    let body = bodies::binary(&id, "application/pdf", &mach_sign::base64(file), person);
    world.overwrite(ResourceType::BINARY, &id, |_| body);
}

fn exchanged(home: Home) {
    let world = World::new(home);
    let (code, other) = (concluded(&world, "046085000041"), concluded(&world, "046085000042"));
    let own = paper(&world, &code);
    exchange(&world, &code, &paper(&world, &other));
    assert_eq!(signs(&world, &code), Ok(()));
    world.digitally();
    let stopped = flight(&world, &code, Act::Countersign);
    assert!(!stopped.is_under_way() && stopped.said == "paper-changed", "{}", told(&stopped));
    assert_eq!(world.case(&code).row.state, State::Concluded);
    // Put back to the byte, it is signed.
    exchange(&world, &code, &own);
    assert_eq!(world.act_as_head(&code, |tx, at| work::resume(tx, at, &by(2), None)), Ok(()));
    world.digitally();
    let case = world.case(&code);
    assert_eq!(case.row.state, State::Issued);
    let both = paper(&world, &code);
    let is_whole = |file: &[u8]| {
        let mut reader = world.store.read(&world.doctor).expect("a reader");
        under::is_as_signed(&mut reader, &case, file).expect("read")
    };
    assert!(is_whole(&both) && !is_whole(&own) && !is_whole(&[both.as_slice(), b"\n"].concat()));
}

/// With whose phone account 1 signs from now on.
fn by_phone(world: &mut World) -> &'static Simulator {
    let id = signs_by(world, Provider::SmartCa);
    let (key, chain) = secret(world, id);
    let provider: &'static Simulator = Box::leak(Box::new(Simulator::new(key, chain).expect("a provider")));
    world.keys.service = Some(Box::new(SmartCa {
        base: "https://provider.invalid".to_owned(),
        sp_id: "mach".to_owned(),
        sp_password: "secret".to_owned(),
        transport: provider,
    }));
    provider
}

fn secret(world: &World, signer: i64) -> (SoftKey, Vec<Certificate>) {
    let people = world.keys.people.borrow();
    (SoftKey::from_pem(&people[&signer].key.to_pem()).expect("a key"), people[&signer].chain.clone())
}

/// Account 1 signs with a key that is elsewhere from now on.
fn signs_by(world: &World, provider: Provider) -> i64 {
    let facility = world.facility;
    let mine = {
        let mut reader = world.store.read(&world.doctor).expect("a reader");
        let today = mach_base::Day::today();
        signing::signing_with(&mut reader, facility, 1, Act::Conclude, today).expect("read").expect("a signer")
    };
    assert!(world.administer(move |tx| tx.end_signer(facility, mine.id)));
    world.signer(1, Act::Conclude, provider)
}

fn by_token(home: Home) {
    let world = World::new(home);
    signs_by(&world, Provider::Token);
    let code = world.open("046085000053");
    world.examine(&code, "");
    *world.keys.token.borrow_mut() = Some(Halt::Later(words::TOKEN_ABSENT.to_owned()));
    assert_eq!(world.act(&code, |tx, at| work::conclude(tx, at, &by(1), None)), Ok(()));
    world.digitally();
    let waits = flight(&world, &code, Act::Conclude);
    assert!(waits.is_under_way() && waits.said == "token-absent", "it waits to be plugged in: {}", told(&waits));
    // A wrong PIN is not tried again by the queue: it would lock the token.
    *world.keys.token.borrow_mut() = Some(Halt::stopped(words::TOKEN_PIN_WRONG));
    world.queue(waits.next.expect("a time"));
    let stopped = flight(&world, &code, Act::Conclude);
    assert!(!stopped.is_under_way() && stopped.said == "token-pin-wrong", "{}", told(&stopped));
    *world.keys.token.borrow_mut() = None;
    assert_eq!(world.act(&code, |tx, at| work::resume(tx, at, &by(1), None)), Ok(()));
    world.digitally();
    let file = paper(&world, &code);
    assert!(pades::verify(&file, &world.keys.family.trust(&[]), now_seconds()).expect("a report").is_good());
}

fn by_desktop(home: Home) {
    let world = World::new(home);
    let id = signs_by(&world, Provider::Vgca);
    let stranger = world.keys.family.doctor("Người khác");
    let mut desktop = Desktop {
        token: secret(&world, id),
        other: (stranger.key, stranger.chain),
        file: mach_test_sign::paper::rendered().pdf,
        fault: Fault::None,
    };
    let code = world.open("046085000054");
    world.examine(&code, "");
    assert_eq!(world.act(&code, |tx, at| work::conclude(tx, at, &by(1), None)), Ok(()));
    world.digitally();
    let waits = flight(&world, &code, Act::Conclude);
    let given = Given::from_bytes(&waits.state).expect("kept, so that a restart gives the same").file;
    let due = Due { id: waits.id, facility: world.facility, code: code.clone(), act: waits.act, tried: waits.tried };
    let now = now_seconds();
    let bring = |file: &[u8]| {
        let brought = flights::brought(&world.store, &world.keys, &under::Certificates, &due, (file, now));
        brought.expect("the store")
    };
    for fault in [Fault::Garbage, Fault::Unsigned, Fault::OtherFile, Fault::OtherToken, Fault::Twice, Fault::Changed] {
        desktop.fault = fault;
        assert!(bring(&desktop.sign(&given, now).expect("brought")).is_err(), "{fault:?}");
        assert!(flight(&world, &code, Act::Conclude).is_under_way(), "{fault:?}: the right one may still come");
    }
    desktop.fault = Fault::None;
    let signed = desktop.sign(&given, now).expect("brought");
    assert_eq!(bring(&signed), Ok(()));
    assert_eq!(paper(&world, &code), signed);
    assert_eq!(flight(&world, &code, Act::Conclude).done(), Some(mach_sign::sha256(&signed)));
    // Brought again, by whoever, it changes nothing.
    assert!(bring(&desktop.sign(&given, now + 1).expect("brought")).is_err());
    assert_eq!(paper(&world, &code), signed);
    assert_eq!(signs(&world, &code), Ok(()), "and the head signs upon it");
    world.digitally();
    assert_eq!(world.case(&code).row.state, State::Issued);
}

fn a_clock_that_is_wrong(home: Home) {
    let world = World::new(home);
    let asked = |number: &str| {
        let code = world.open(number);
        world.examine(&code, "");
        assert_eq!(world.act(&code, |tx, at| work::conclude(tx, at, &by(1), None)), Ok(()));
        code
    };
    // A day behind, who may sign from today on may not yet: that is told, and nothing says yesterday's date.
    let behind = asked("046085000055");
    world.queue(now_seconds() - DAY);
    assert!(flight(&world, &behind, Act::Conclude).is_under_way(), "not due by that clock");
    let mut early = flight(&world, &behind, Act::Conclude);
    early.next = Some(now_seconds() - 2 * DAY);
    world.administer(move |tx| tx.keep_flight(&early));
    world.queue(now_seconds() - DAY);
    let stopped = flight(&world, &behind, Act::Conclude);
    assert!(!stopped.is_under_way() && stopped.said == "signer-may-not", "{}", told(&stopped));
    // A day ahead, the time that counts is the service's, not ours.
    let ahead = asked("046085000056");
    world.queue(now_seconds() + DAY);
    assert!(flight(&world, &ahead, Act::Conclude).done().is_some(), "{}", told(&flight(&world, &ahead, Act::Conclude)));
    let report = pades::verify(&paper(&world, &ahead), &world.keys.family.trust(&[]), now_seconds()).expect("a report");
    let near = |at: i64| (at - now_seconds()).abs() < 600;
    assert!(report.is_good() && report.signatures.iter().all(|s| s.proved.is_some_and(near)), "{report:?}");
    // Without such a service it says a time that is to come, and does not count.
    let person = world.keys.family.doctor("Bác sĩ");
    let request = pades::Request { chain: &person.chain, at: now_seconds() + DAY, ..pades::Request::default() };
    let file = pades::sign(&mach_test_sign::paper::rendered().pdf, &request, &person.key, None).expect("signed");
    assert!(!pades::verify(&file, &world.keys.family.trust(&[]), now_seconds()).expect("a report").is_good());
}

fn secrets_among_certificates(home: Home) {
    let world = World::new(home);
    let (facility, id) = (world.facility, world.signer(3, Act::Conclude, Provider::Soft));
    let (key, chain) = secret(&world, id);
    let pem: String = chain.iter().map(Certificate::to_pem).collect();
    let mixed = format!("{}{pem}", key.to_pem());
    let signer = |world: &World| {
        let mut reader = world.store.read(&world.doctor).expect("a reader");
        signing::signer_of(&mut reader, facility, id).expect("read").expect("a signer")
    };
    let refused = signing::Signer { chain: mixed.clone(), ..signer(&world) };
    let administrator = mach_access::decide(&mach_access::Actor::console(), mach_access::Act::Administer).expect("may");
    assert!(world.store.write(&administrator, move |tx| tx.add_signer(&refused)).is_err());
    // As an older program kept it.
    world.administer(move |tx| tx.clean_chain(facility, id, &mixed));
    assert!(signer(&world).chain.contains("PRIVATE KEY"));
    assert_eq!(mach_signing::desk::clean(&world.store).expect("cleaned"), 1);
    assert_eq!(signer(&world).chain, pem, "the certificates stay");
    assert_eq!(mach_signing::desk::clean(&world.store).expect("cleaned"), 0);
}

fn moved(home: Home) {
    let mut world = World::new(home);
    let provider = by_phone(&mut world);
    let code = world.open("046085000052");
    world.examine(&code, "");
    assert_eq!(world.act(&code, |tx, at| work::conclude(tx, at, &by(1), None)), Ok(()));
    world.digitally();
    let asked = flight(&world, &code, Act::Conclude);
    assert!(asked.is_under_way() && !asked.state.is_empty(), "{}", told(&asked));
    // While the phone is waited for, a finding is written over by another way.
    let eye = mach_certificates::case::response_id(&code, "eye");
    world.overwrite(ResourceType::QUESTIONNAIRE_RESPONSE, &eye, |old| {
        assert!(old.contains("\"completed\""), "{old}");
        old.replace("\"completed\"", "\"amended\"")
    });
    *provider.confirmed.borrow_mut() = true;
    world.queue(asked.next.expect("a time"));
    let stopped = flight(&world, &code, Act::Conclude);
    assert!(!stopped.is_under_way() && stopped.said == "paper-changed", "{}", told(&stopped));
    // Nor is it taken where it was written over after its last step was begun.
    let (signed, now) = (Flight { next: asked.next, ..stopped.clone() }, now_seconds());
    let taken = world.administer(move |tx| flights::taken(tx, &under::Certificates, (&signed, "before"), b"%PDF", now));
    assert_eq!(taken, flights::Taken::Nobodys);
    assert_eq!(flight(&world, &code, Act::Conclude).said, "paper-changed");
    // Who signed looks again, and signs what it says now.
    assert_eq!(world.act(&code, |tx, at| work::resume(tx, at, &by(1), None)), Ok(()));
    world.digitally();
    let again = flight(&world, &code, Act::Conclude);
    assert!(again.is_under_way() && again.id != asked.id, "{}", told(&again));
}

fn not_the_same_twice(home: Home) {
    let world = World::new(home);
    let code = concluded(&world, "046085000043");
    world.signer(1, Act::Countersign, Provider::Soft);
    world.delegate(1);
    let sign = |world: &World| world.act(&code, |tx, at| work::sign(tx, at, &by(1), None, None));
    assert_eq!(sign(&world), Err(No::Same));
    let id = bodies::id(&code);
    world.overwrite(ResourceType::COMPOSITION, &id, |old| {
        assert!(old.contains("Practitioner/account-1"), "{old}");
        old.replace("Practitioner/account-1", "Practitioner/account-9")
    });
    assert_eq!(sign(&world), Err(No::Same), "whatever a resource says now");
}

fn given_up(home: Home) {
    let world = World::new(home);
    let code = concluded(&world, "046085000044");
    assert_eq!(signs(&world, &code), Ok(()));
    let before = flight(&world, &code, Act::Countersign);
    // Opened again while its step was taken elsewhere, which writes what came of it only now.
    assert_eq!(world.act(&code, |tx, at| work::correct(tx, at, &by(1), "sai")), Ok(()));
    let late = Flight { said: "late".to_owned(), state: b"old paper".to_vec(), ..before.clone() };
    assert!(!world.administer(move |tx| tx.keep_flight(&late)), "it ended for ever");
    let ended = flight(&world, &code, Act::Countersign);
    assert!(ended.ended.is_some() && ended.next.is_none() && ended.state.is_empty() && ended.done().is_none());
    world.examine(&code, "conclusion-illness=nhẹ");
    assert_eq!(world.act(&code, |tx, at| work::conclude(tx, at, &by(1), None)), Ok(()));
    let file = b"%PDF-old".to_vec();
    let now = now_seconds();
    let taken = world.administer(move |tx| flights::taken(tx, &under::Certificates, (&before, ""), &file, now));
    assert_eq!(taken, flights::Taken::Nobodys);
    world.digitally();
    let case = world.case(&code);
    assert_eq!((case.row.state, case.row.head.as_str()), (State::Concluded, ""));
    // Nobody's any more: its case is no longer concluded, however that came.
    assert_eq!(signs(&world, &code), Ok(()));
    let mut row = world.case(&code).row;
    row.state = State::Cancelled;
    world.administer(move |tx| tx.keep_certificate(&row));
    world.digitally();
    let ended = flight(&world, &code, Act::Countersign);
    assert!(ended.ended.is_some() && ended.done().is_none(), "{}", told(&ended));
}

fn who_may_no_longer(home: Home) {
    let world = World::new(home);
    let code = concluded(&world, "046085000045");
    world.signer(3, Act::Countersign, Provider::Soft);
    let given = world.delegate(3);
    let sign = |world: &World| world.act(&code, |tx, at| work::sign(tx, at, &by(3), None, None));
    assert_eq!(sign(&world), Ok(()));
    // The right is taken back before the signature is given.
    let facility = world.facility;
    assert!(world.administer(move |tx| tx.end_delegation(facility, given)));
    world.digitally();
    let stopped = flight(&world, &code, Act::Countersign);
    assert!(!stopped.is_under_way() && stopped.said == "signer-may-not", "{}", told(&stopped));
    let again = |world: &World| world.act(&code, |tx, at| work::resume(tx, at, &by(3), None));
    assert_eq!(again(&world), Err(No::NotHead));
    // A right outlives neither the head's office nor the head's account.
    world.delegate(3);
    let is_deputy = || {
        let mut reader = world.store.read(&world.doctor).expect("a reader");
        signing::is_deputy(&mut reader, facility, 3, now_seconds()).expect("read")
    };
    assert!(is_deputy());
    world.becomes(2, Role::Clinician, false);
    assert!(!is_deputy());
    world.becomes(2, Role::Head, true);
    assert!(!is_deputy());
    assert_eq!(again(&world), Err(No::NotHead));
    world.becomes(2, Role::Head, false);
    assert!(is_deputy());
    // Whoever signs is still there when it is signed.
    assert_eq!(again(&world), Ok(()));
    world.becomes(3, Role::Clinician, true);
    world.digitally();
    assert_eq!(flight(&world, &code, Act::Countersign).said, "signer-may-not");
    // What stopped locks nobody out: the head signs, and the old one is over.
    assert_eq!(signs(&world, &code), Ok(()));
    world.digitally();
    let case = world.case(&code);
    assert_eq!((case.row.state, case.row.head.as_str()), (State::Issued, "Bs 2"));
}

fn one_that_cannot_be_written(home: Home) {
    let world = World::new(home);
    let (bad, good) = (concluded(&world, "046085000046"), concluded(&world, "046085000047"));
    assert_eq!((signs(&world, &bad), signs(&world, &good)), (Ok(()), Ok(())));
    // Without its first signature in the Composition it cannot be issued.
    let id = bodies::id(&bad);
    world.overwrite(ResourceType::COMPOSITION, &id, |old| old.replace("\"professional\"", "\"legal\""));
    world.digitally();
    assert_eq!(world.case(&good).row.state, State::Issued, "those behind it are signed");
    let stuck = flight(&world, &bad, Act::Countersign);
    assert!(stuck.is_under_way() && stuck.tried == 1 && stuck.next > Some(now_seconds()), "{}", told(&stuck));
}

fn what_waits(home: Home) {
    let mut world = World::new(home);
    let code = world.open("046085000048");
    world.examine(&code, "");
    world.keys.without_lists.set(true);
    assert_eq!(world.act(&code, |tx, at| work::conclude(tx, at, &by(1), None)), Ok(()));
    world.digitally();
    let waits = flight(&world, &code, Act::Conclude);
    assert!(waits.is_under_way() && waits.said == "certificate-unchecked", "{}", told(&waits));
    // A day without lists is nobody's fault: it goes on when they come.
    world.queue(now_seconds() + DAY + 60);
    let waits = flight(&world, &code, Act::Conclude);
    assert!(waits.is_under_way() && waits.tried == 2, "{}", told(&waits));
    let next = waits.next.expect("a time");
    world.keys.without_lists.set(false);
    world.queue(next);
    assert!(flight(&world, &code, Act::Conclude).done().is_some(), "{}", told(&flight(&world, &code, Act::Conclude)));
    assert!(pades::verify(&paper(&world, &code), &world.keys.family.trust(&[]), next).expect("a report").is_good());

    // A phone that nobody takes up is waited for one day.
    by_phone(&mut world);
    let second = world.open("046085000049");
    world.examine(&second, "");
    assert_eq!(world.act(&second, |tx, at| work::conclude(tx, at, &by(1), None)), Ok(()));
    let began = flight(&world, &second, Act::Conclude).began;
    for at in [began, began + 10, began + DAY] {
        world.queue(at);
        assert!(
            flight(&world, &second, Act::Conclude).is_under_way(),
            "{}",
            told(&flight(&world, &second, Act::Conclude))
        );
    }
    world.queue(began + DAY + 10);
    let over = flight(&world, &second, Act::Conclude);
    assert!(!over.is_under_way() && over.said == "not-confirmed", "{}", told(&over));
}

fn a_conclusion_without_a_certificate(home: Home) {
    let world = World::new(home);
    let code = world.open("046085000050");
    world.examine(&code, "");
    let answers = world.answers(&code, "conclusion-illness=nhẹ");
    let case = world.case(&code);
    let part = case.parts.iter().find(|p| p.link == "conclusion").expect("there").version;
    let kept = Posted { part: "conclusion".into(), answers, version: part, finish: true, quiet: false };
    let at = code.clone();
    let done = world.store.write(&world.doctor, move |tx| work::keep_conclusion(tx, &at, &by(3), kept, None));
    let (version, no) = done.expect("written").expect("kept");
    assert_eq!((version, no), (part + 1, Some(No::NoSigner)));
    let case = world.case(&code);
    assert_eq!(
        (case.row.state, case.answers.text(&case.form, "conclusion-illness").as_str()),
        (State::Examining, "nhẹ")
    );
}

fn what_was_shown(home: Home) {
    let world = World::new(home);
    let code = concluded(&world, "046085000051");
    let seen = world.case(&code).row.concluded.expect("concluded");
    let sign =
        |world: &World, seen| world.act_as_head(&code, move |tx, at| work::sign(tx, at, &by(2), Some(seen), None));
    assert_eq!(sign(&world, seen - 1), Err(No::Changed));
    assert_eq!(sign(&world, seen), Ok(()));
}

macro_rules! on_both {
    ($($name:ident: $what:ident;)*) => {$(
        #[test]
        fn $name() {
            $what(Home::folder());
            $what(Home::postgres());
        }
    )*};
}

on_both! {
    a_paper_that_was_exchanged_is_not_signed: exchanged;
    a_paper_that_moved_meanwhile_is_not_signed: moved;
    a_token_is_waited_for_and_its_pin_is_not_guessed: by_token;
    what_the_signers_own_machine_brings_is_looked_at: by_desktop;
    a_clock_wrong_by_a_day_signs_nothing_that_counts: a_clock_that_is_wrong;
    a_secret_key_among_certificates_goes: secrets_among_certificates;
    who_concluded_does_not_sign_for_the_head: not_the_same_twice;
    a_signature_given_up_stays_so: given_up;
    who_may_no_longer_sign_does_not: who_may_no_longer;
    a_signature_that_cannot_be_written_keeps_no_other: one_that_cannot_be_written;
    what_may_be_otherwise_later_waits: what_waits;
    a_conclusion_that_cannot_be_signed_is_kept: a_conclusion_without_a_certificate;
    only_what_was_shown_is_signed: what_was_shown;
}
