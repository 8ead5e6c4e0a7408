//! MySign and the state's desktop signer: delays, refusals, repetitions and wrong answers.

use mach_sign::Error;
use mach_sign::pades::{self, Request};
use mach_sign::remote::vgca::simulator::{Desktop, Fault as Desk};
use mach_sign::remote::vgca::{Given, Wrong};
use mach_sign::remote::{Fault, Flight, MySign, MySignSimulator, Service, Settings, Stage};
use mach_sign::trust::Trust;
use mach_test_sign::Family;
use mach_test_sign::paper::rendered;

const LIST: &str = include_str!("../../../../content/signing/mysign.csv");

fn client(provider: &MySignSimulator) -> MySign<&MySignSimulator> {
    MySign {
        base: "https://provider.invalid".to_owned(),
        client_id: "mach".to_owned(),
        client_secret: "secret".to_owned(),
        settings: Settings::of(LIST, "2026-11-27").expect("settings"),
        transport: provider,
    }
}

fn scene() -> (Family, MySignSimulator, Flight, Trust) {
    let family = Family::new();
    let doctor = family.doctor("Bác sĩ");
    let chain = doctor.chain.clone();
    let provider = MySignSimulator::new(doctor.key, doctor.chain).expect("a provider");
    let request = Request { chain: &chain, at: family.now, ..Request::default() };
    let prepared = pades::prepare(&rendered().pdf, &request).expect("prepared");
    let flight = Flight::new(prepared, "046090000001", "Giấy khám sức khỏe 00001").expect("a flight");
    let trust = family.trust(&[]);
    (family, provider, flight, trust)
}

fn restarted(flight: &Flight) -> Flight {
    let kept = Flight::from_bytes(&flight.to_bytes()).expect("what was kept");
    assert_eq!(&kept, flight);
    kept
}

#[test]
fn mysign_signs_once_over_every_restart() {
    let (family, provider, flight, trust) = scene();
    let service = client(&provider);
    assert_eq!(service.certificates("046090000001").expect("certificates")[0].len(), 2);
    let mut flight = restarted(&flight);
    for fault in [Fault::LostAnswer, Fault::Down, Fault::Broken, Fault::Garbage] {
        *provider.fault.borrow_mut() = fault;
        assert!(flight.step(&service, &trust, family.now).is_err(), "{fault:?}");
        assert_eq!(flight.stage, Stage::Ready, "{fault:?}");
        flight = restarted(&flight);
    }
    *provider.fault.borrow_mut() = Fault::None;
    assert_eq!(flight.step(&service, &trust, family.now), Ok(None));
    for _ in 0..3 {
        flight = restarted(&flight);
        assert_eq!(flight.step(&service, &trust, family.now), Ok(None), "nobody has confirmed yet");
    }
    *provider.confirmed.borrow_mut() = true;
    for fault in [Fault::OtherBytes, Fault::OtherKey] {
        *provider.fault.borrow_mut() = fault;
        assert!(matches!(flight.step(&service, &trust, family.now), Err(Error::False(_))), "{fault:?}");
    }
    *provider.fault.borrow_mut() = Fault::None;
    for _ in 0..2 {
        // The power went before the file was kept: asked again, it is given again.
        let signed = restarted(&flight).step(&service, &trust, family.now).expect("an answer").expect("a file");
        assert!(pades::verify(&signed, &trust, family.now).expect("a report").is_good());
    }
    assert_eq!(provider.count(), 1, "the phone showed it once");
    let kept = String::from_utf8_lossy(&flight.to_bytes()).into_owned();
    assert!(!kept.contains("secret") && !kept.contains("ticket") && !kept.contains("sad-1"), "nothing secret is kept");
}

#[test]
fn mysign_may_refuse_at_once_and_later() {
    for late in [false, true] {
        let (family, provider, mut flight, trust) = scene();
        let service = client(&provider);
        if !late {
            *provider.fault.borrow_mut() = Fault::Refuses;
        }
        assert_eq!(flight.step(&service, &trust, family.now), Ok(None));
        *provider.fault.borrow_mut() = Fault::Refuses;
        assert_eq!(restarted(&flight).step(&service, &trust, family.now), Ok(None));
        assert_eq!(flight.step(&service, &trust, family.now), Ok(None));
        assert!(matches!(&flight.stage, Stage::Refused(why) if why.contains("access_denied")), "{:?}", flight.stage);
    }
    let (_, provider, ..) = scene();
    let wrong = MySign { client_secret: "guess".to_owned(), ..client(&provider) };
    assert!(matches!(wrong.certificates("1"), Err(Error::Refused(_))));
}

#[test]
fn settings_hold_from_their_day() {
    let later = format!("{LIST}2027-01-01,login,/new/login,a test\n");
    assert_eq!(Settings::of(&later, "2026-12-31").expect("settings").login, "/vtss/service/ras/v1/login");
    assert_eq!(Settings::of(&later, "2027-01-01").expect("settings").login, "/new/login");
    assert!(Settings::of(LIST, "2025-12-31").is_err(), "nothing was known then");
}

/// Another PDF file.
fn other_file() -> Vec<u8> {
    let mut file = rendered().pdf;
    // Within the note behind the first line, which says nothing.
    file[12] ^= 1;
    file
}

#[test]
fn what_the_desktop_signer_brings_is_looked_at() {
    let family = Family::new();
    let (doctor, stranger) = (family.doctor("Bác sĩ"), family.doctor("Người khác"));
    let (own, trust) = (doctor.chain[0].clone(), family.trust(&[]));
    let first = family.doctor("Người ký trước");
    let request = Request { chain: &first.chain, at: family.now, ..Request::default() };
    let signed_before = pades::sign(&rendered().pdf, &request, &first.key, None).expect("signed");
    let mut desktop = Desktop {
        token: (doctor.key, doctor.chain),
        other: (stranger.key, stranger.chain),
        file: other_file(),
        fault: Desk::None,
    };
    for file in [rendered().pdf, signed_before] {
        let given = Given { revision: "1".to_owned(), file };
        let given = Given::from_bytes(&given.to_bytes()).expect("kept over a restart");
        for fault in [Desk::Down, Desk::Refuses] {
            desktop.fault = fault;
            assert!(desktop.sign(&given.file, family.now).is_err(), "{fault:?}");
        }
        for (fault, wrong) in [
            (Desk::Garbage, Wrong::NoPdf),
            (Desk::Unsigned, Wrong::NotOneMore),
            (Desk::OtherFile, Wrong::OtherFile),
            (Desk::OtherToken, Wrong::OtherCertificate),
            (Desk::Twice, Wrong::NotOneMore),
            (Desk::Changed, Wrong::DoesNotCount),
            (Desk::Edits, Wrong::Edited),
        ] {
            desktop.fault = fault;
            let brought = desktop.sign(&given.file, family.now).expect("brought");
            assert_eq!(given.check(&brought, &own, &trust, family.now), Err(wrong), "{fault:?}");
        }
        desktop.fault = Desk::Edits;
        let edited = desktop.sign(&given.file, family.now).expect("brought");
        let report = pades::verify(&edited, &trust, family.now).expect("a report");
        let alone = report.signatures.len() == 1;
        assert_eq!(
            report.is_good(),
            alone,
            "the first signature of a file covers what came with it: only the comparison tells"
        );
        desktop.fault = Desk::None;
        let brought = desktop.sign(&given.file, family.now).expect("brought");
        assert_eq!(given.check(&brought, &own, &trust, family.now), Ok(()));
        // By a certificate that is over, or was revoked.
        let late = family.now + 800 * mach_sign::time::DAY;
        assert!(given.check(&brought, &own, &trust, late).is_err());
    }
}
