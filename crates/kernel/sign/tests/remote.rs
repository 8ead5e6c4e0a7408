//! Signatures by a service: a restart at every step, and a provider that is down, slow, repeating, refusing and wrong.

use mach_sign::Error;
use mach_sign::pades::{self, Request};
use mach_sign::remote::{Fault, Flight, Service, Simulator, SmartCa, Stage};
use mach_sign::time::DAY;
use mach_sign::trust::Trust;
use mach_test_sign::Family;
use mach_test_sign::paper::rendered;

fn client(provider: &Simulator) -> SmartCa<&Simulator> {
    SmartCa {
        base: "https://provider.invalid/sca/sp769".to_owned(),
        sp_id: "mach".to_owned(),
        sp_password: "secret".to_owned(),
        transport: provider,
    }
}

/// A provider, a flight to it, whom to trust.
fn scene() -> (Family, Simulator, Flight, Trust) {
    let family = Family::new();
    let doctor = family.doctor("Bác sĩ");
    let chain = doctor.chain.clone();
    let provider = Simulator::new(doctor.key, doctor.chain).expect("a provider");
    let request = Request { chain: &chain, at: family.now, ..Request::default() };
    let prepared = pades::prepare(&rendered().pdf, &request).expect("prepared");
    let flight = Flight::new(prepared, "046090000001", "Giấy khám sức khỏe 00001").expect("a flight");
    let trust = family.trust(&[]);
    (family, provider, flight, trust)
}

/// What comes back after a power cut.
fn restarted(flight: &Flight) -> Flight {
    let kept = Flight::from_bytes(&flight.to_bytes()).expect("what was kept");
    assert_eq!(&kept, flight);
    kept
}

#[test]
fn a_restart_at_every_step() {
    let (family, provider, flight, trust) = scene();
    let service = client(&provider);
    assert_eq!(service.certificates("046090000001").expect("certificates")[0].len(), 2);
    let mut flight = restarted(&flight);
    assert_eq!(flight.step(&service, &trust, family.now), Ok(None));
    let mut flight = restarted(&flight);
    for _ in 0..3 {
        assert_eq!(flight.step(&service, &trust, family.now), Ok(None), "nobody has confirmed yet");
    }
    *provider.confirmed.borrow_mut() = true;
    let mut flight = restarted(&flight);
    let signed = flight.step(&service, &trust, family.now).expect("an answer").expect("a file");
    assert!(pades::verify(&signed, &trust, family.now).expect("a report").is_good());
    // The power went before the file was kept: asked again, it is given again.
    let again = restarted(&flight).step(&service, &trust, family.now).expect("an answer").expect("a file");
    assert!(pades::verify(&again, &trust, family.now).expect("a report").is_good());
    assert_eq!(provider.count(), 1);
}

#[test]
fn a_lost_answer_asks_for_nothing_twice() {
    let (family, provider, mut flight, trust) = scene();
    let service = client(&provider);
    for fault in [Fault::LostAnswer, Fault::Down, Fault::Broken, Fault::Garbage] {
        *provider.fault.borrow_mut() = fault;
        assert!(flight.step(&service, &trust, family.now).is_err(), "{fault:?}");
        assert_eq!(flight.stage, Stage::Ready, "{fault:?}");
        flight = restarted(&flight);
    }
    *provider.fault.borrow_mut() = Fault::None;
    assert_eq!(flight.step(&service, &trust, family.now), Ok(None));
    assert_eq!(provider.count(), 1, "the first request was taken, its answer lost");
}

#[test]
fn wrong_answers_are_not_used() {
    let (family, provider, mut flight, trust) = scene();
    let service = client(&provider);
    assert_eq!(flight.step(&service, &trust, family.now), Ok(None));
    *provider.confirmed.borrow_mut() = true;
    for fault in [Fault::OtherBytes, Fault::OtherKey] {
        *provider.fault.borrow_mut() = fault;
        assert!(matches!(flight.step(&service, &trust, family.now), Err(Error::False(_))), "{fault:?}");
    }
    *provider.fault.borrow_mut() = Fault::Refuses;
    assert_eq!(flight.step(&service, &trust, family.now), Ok(None));
    assert!(matches!(restarted(&flight).stage, Stage::Refused(_)));
    let wrong = SmartCa { sp_password: "guess".to_owned(), ..client(&provider) };
    assert!(matches!(wrong.certificates("1"), Err(Error::Refused(_))));
}

#[test]
fn a_certificate_that_does_not_stand_is_not_sent() {
    let (family, provider, flight, trust) = scene();
    let service = client(&provider);
    let unchecked = Trust::in_anchors(vec![family.root.certificate().clone()]);
    let cases = [(&trust, family.now + 800 * DAY, "expired"), (&unchecked, family.now, "revocation not known")];
    for (trust, at, what) in cases {
        assert!(matches!(flight.clone().step(&service, trust, at), Err(Error::Refused(_))), "{what}");
    }
    assert_eq!(provider.count(), 0);
}

#[test]
fn who_signed_is_not_asked_again_where_proof_of_time_is_missing() {
    let (family, provider, mut flight, trust) = scene();
    let service = client(&provider);
    let now = family.now;
    assert_eq!(flight.step(&service, &trust, now), Ok(None));
    *provider.confirmed.borrow_mut() = true;
    let down = |_: &[u8]| Err(Error::Refused("no timestamp".to_owned()));
    let mut flight = restarted(&flight);
    assert_eq!(flight.step_timed(&service, &trust, now, Some(&down)), Err(Error::Refused("no timestamp".to_owned())));
    let mut flight = restarted(&flight);
    assert!(matches!(flight.stage, Stage::Signed(_)));
    // The provider is not needed any more.
    *provider.fault.borrow_mut() = Fault::Down;
    let stamp = |bytes: &[u8]| Ok(family.timestamp(bytes, now));
    let signed = flight.step_timed(&service, &trust, now, Some(&stamp)).expect("an answer").expect("a file");
    assert!(pades::verify(&signed, &trust, now).expect("a report").is_good());
}
