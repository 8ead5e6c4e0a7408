//! Keys in tokens, with SoftHSM in the place of one. `./dev test` installs it and sets `MACH_NEED_VERIFIERS`; without it the test
//! says loudly that it skips.
//!
//! The library reads where its tokens are from the environment of its process: the test makes a token and runs itself again.

use mach_base::Day;
use mach_sign::authority::Profile;
use mach_sign::key::{Hash, Scheme, Signer as _};
use mach_sign::pades::{self, Request};
use mach_sign::remote::Flight;
use mach_signing::desk::{Desk, Keys as _};
use mach_signing::token::{Address, Pins, sign};
use mach_signing::words::{self, Halt};
use mach_store::signing::{Act, Provider, Signer};
use mach_test_sign::{Family, Person, paper, rsa_key};
use std::path::{Path, PathBuf};
use std::process::Command;

const TOKEN: &str = "MACH 01";
const PIN: &str = "482916";

fn library() -> Option<PathBuf> {
    let found = [
        "/usr/lib/softhsm/libsofthsm2.so",
        "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
        "/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so",
        "/usr/lib64/pkcs11/libsofthsm2.so",
    ];
    let found = found.into_iter().map(PathBuf::from).find(|p| p.exists());
    if found.is_none() {
        assert!(std::env::var_os("MACH_NEED_VERIFIERS").is_none(), "SoftHSM is not here; ./dev test installs it");
        eprintln!("SKIPPED: SoftHSM is not here");
    }
    found
}

fn run(folder: &Path, arguments: &[&str]) {
    let done =
        Command::new("softhsm2-util").env("SOFTHSM2_CONF", folder.join("softhsm2.conf")).args(arguments).output();
    let done = done.expect("softhsm2-util");
    assert!(
        done.status.success(),
        "{arguments:?}: {}{}",
        String::from_utf8_lossy(&done.stdout),
        String::from_utf8_lossy(&done.stderr)
    );
}

fn import(folder: &Path, person: &Person, label: &str, id: &str) {
    let file = folder.join(format!("{label}.pem"));
    std::fs::write(&file, person.key.to_pem()).expect("written");
    run(
        folder,
        &["--import", &file.display().to_string(), "--token", TOKEN, "--label", label, "--id", id, "--pin", PIN],
    );
    std::fs::remove_file(&file).expect("removed");
}

fn people(family: &Family) -> (Person, Person) {
    let rsa = rsa_key(2048).expect("OpenSSL makes an RSA key");
    (family.doctor("Bác sĩ"), family.person("Trưởng khoa", rsa, Profile::Document, (-100, 700)))
}

#[test]
fn keys_in_a_token_sign() {
    let Some(library) = library() else { return };
    if let Some(folder) = std::env::var_os("MACH_TOKEN_FOLDER") {
        return inside(&library, Path::new(&folder));
    }
    let folder = tempfile::tempdir().expect("a folder");
    let tokens = folder.path().join("tokens");
    std::fs::create_dir(&tokens).expect("a folder");
    let text = format!("directories.tokendir = {}\nobjectstore.backend = file\nlog.level = ERROR\n", tokens.display());
    std::fs::write(folder.path().join("softhsm2.conf"), text).expect("written");
    run(folder.path(), &["--init-token", "--free", "--label", TOKEN, "--so-pin", "7777", "--pin", PIN]);
    let again = Command::new(std::env::current_exe().expect("this test"))
        .env("SOFTHSM2_CONF", folder.path().join("softhsm2.conf"))
        .env("MACH_TOKEN_FOLDER", folder.path())
        .args(["--exact", "keys_in_a_token_sign", "--nocapture"])
        .status();
    assert!(again.expect("run").success());
}

fn inside(library: &Path, folder: &Path) {
    let family = Family::new();
    let (doctor, head) = people(&family);
    import(folder, &doctor, "bac-si", "01");
    import(folder, &head, "truong", "02");
    let at = |uri: &str| Address::parse(uri).expect("an address");
    let by_label = at("pkcs11:token=MACH%2001;object=bac-si");
    let message = b"what is signed".as_slice();
    let tried = |at: &Address, pin: Option<&str>| sign(library, at, pin, doctor.key.public(), message);
    let signature = tried(&by_label, Some(PIN)).expect("signed");
    doctor.key.public().verify(Scheme::EcdsaP256Sha256, message, &signature).expect("by this key");
    let by_id = at("pkcs11:token=MACH%2001;id=%02");
    let signature = sign(library, &by_id, Some(PIN), head.key.public(), message).expect("signed");
    head.key
        .public()
        .verify(Scheme::RsaPss(Hash::Sha256), message, &signature)
        .expect("RSASSA-PSS, as the circular asks");

    // What goes wrong is told in words, for good or for now.
    assert_eq!(tried(&by_label, None), Err(Halt::Later(words::TOKEN_PIN_MISSING.to_owned())));
    for _ in 0..20 {
        assert_eq!(tried(&by_label, Some("000000")), Err(Halt::stopped(words::TOKEN_PIN_WRONG)));
    }
    assert!(tried(&by_label, Some(PIN)).is_ok(), "a wrong PIN was tried once, and locks nothing");
    let other = at("pkcs11:token=MACH%2002;object=bac-si");
    assert_eq!(tried(&other, Some(PIN)), Err(Halt::Later(words::TOKEN_ABSENT.to_owned())), "not plugged in");
    for uri in ["pkcs11:token=MACH%2001;object=nobody", "pkcs11:token=MACH%2001;id=%09"] {
        assert_eq!(tried(&at(uri), Some(PIN)), Err(Halt::stopped(words::TOKEN_KEY_ABSENT)), "{uri}");
    }
    let nowhere = sign(Path::new("/nonexistent.so"), &by_label, Some(PIN), doctor.key.public(), message);
    assert_eq!(nowhere, Err(Halt::Later(words::FAULT.to_owned())));
    whole_papers(library, folder, &family, (&doctor, &head));
}

/// A paper signed by way of the desk, checked like any other; the PIN sealed over a restart.
fn whole_papers(library: &Path, folder: &Path, family: &Family, (doctor, head): (&Person, &Person)) {
    mach_seal::set_folder(folder.join("keys"));
    let signing = folder.join("signing");
    std::fs::create_dir(&signing).expect("a folder");
    std::fs::write(signing.join("modules.tsv"), format!("softhsm\t{}\n", library.display())).expect("written");
    let signer = |id: i64, person: &Person, key: &str| Signer {
        id,
        facility: 1,
        account: 1,
        licence: "1".into(),
        acts: Act::Conclude.code().into(),
        from: Day::today(),
        to: Day::today(),
        provider: Provider::Token,
        subscriber: format!("pkcs11:token=MACH%2001;object={key}?module-name=softhsm"),
        chain: person.chain.iter().map(mach_sign::certificate::Certificate::to_pem).collect(),
        ended: None,
    };
    let desk = Desk::upon(folder, "");
    assert!(desk.has_tokens());
    let (own, its) = (signer(1, doctor, "bac-si"), signer(2, head, "truong"));
    assert_eq!(desk.token(&own, b"x"), Err(Halt::Later(words::TOKEN_PIN_MISSING.to_owned())));
    desk.keep_pin(1, PIN, true).expect("sealed");
    desk.keep_pin(2, PIN, false).expect("held");
    let kept = std::fs::read_to_string(signing.join("pins/1")).expect("a file");
    assert!(!kept.contains(PIN) && !signing.join("pins/2").exists(), "in clear nowhere: {kept}");
    // One that is only held takes the place of one that was sealed; a signer that has ended leaves none.
    desk.keep_pin(3, PIN, true).expect("sealed");
    desk.keep_pin(3, PIN, false).expect("held");
    assert!(!signing.join("pins/3").exists());
    desk.keep_pin(3, PIN, true).expect("sealed");
    desk.forget_pin(3).expect("forgotten");
    desk.forget_pin(3).expect("nothing to forget");
    assert!(!signing.join("pins/3").exists());
    let trust = family.trust(&[]);
    let mut file = paper::rendered().pdf;
    for (person, signer) in [(doctor, &own), (head, &its)] {
        let request = Request { chain: &person.chain, at: family.now, ..Request::default() };
        let flight = Flight::new(pades::prepare(&file, &request).expect("prepared"), "", "x").expect("a flight");
        let signature = desk.token(signer, flight.prepared().to_be_signed()).expect("signed");
        file = flight.signed(&signature, &trust, family.now, None).expect("checked");
    }
    let report = pades::verify(&file, &trust, family.now).expect("a report");
    assert!(report.is_good() && report.signatures.len() == 2);
    // The certificate is another's: what the token gives is not used.
    let wrong = Signer { chain: its.chain.clone(), ..own.clone() };
    assert!(desk.token(&wrong, b"x").is_err(), "an RSA certificate, a key on P-256");
    // After a restart what was sealed is there, what was held is not; a PIN in clear is refused.
    let desk = Desk::upon(folder, "");
    assert!(desk.token(&own, b"x").is_ok());
    assert_eq!(desk.token(&its, b"x"), Err(Halt::Later(words::TOKEN_PIN_MISSING.to_owned())));
    std::fs::write(signing.join("pins/2"), PIN).expect("written");
    assert!(Pins::default().of(&signing, 2).is_err());
}
