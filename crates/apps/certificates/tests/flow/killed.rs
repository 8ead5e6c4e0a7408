//! The power goes between a signature and its storage: kill -9 at exactly that point, in a process of its own.

use crate::world::{World, by};
use mach_base::time::now_seconds;
use mach_certificates::signing::{self as under, Certificates};
use mach_certificates::work;
use mach_sign::certificate::Certificate;
use mach_sign::key::SoftKey;
use mach_sign::pades;
use mach_sign::remote::Service;
use mach_sign::trust::Trust;
use mach_signing::desk::{Desk, Keys};
use mach_signing::flights;
use mach_store::Store;
use mach_store::signing::{self, Act, Flight, Provider, Signer};
use mach_test_engines::Home;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

const SAID: &str = "signed and not kept";
const NAME: &str = "killed::a_power_cut_between_signature_and_storage_signs_once";

/// Keys of the data folder; whoever wants proof of time, which is when the signature is there, waits for ever.
struct Cut(Desk);

impl Keys for Cut {
    fn trust(&self) -> Result<Arc<Trust>, String> {
        self.0.trust()
    }

    fn soft(&self, signer: &Signer) -> Result<SoftKey, String> {
        self.0.soft(signer)
    }

    fn service(&self, _provider: Provider) -> Result<Option<Box<dyn Service + '_>>, String> {
        Ok(None)
    }

    fn has_time(&self) -> bool {
        true
    }

    fn time(&self, signature: &[u8]) -> mach_sign::Result<Vec<u8>> {
        assert!(!signature.is_empty());
        println!("{SAID}");
        loop {
            std::thread::park();
        }
    }

    fn base(&self) -> &str {
        "https://mach.test"
    }
}

/// What the keys of the test say, in the files of a data folder.
fn written(world: &World, folder: &Path) {
    let trust = folder.join("trust");
    let put = |path: &str, bytes: &[u8]| {
        let path = trust.join(path);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, bytes).expect("written");
    };
    put("roots/root.pem", world.keys.family.root.certificate().to_pem().as_bytes());
    for (n, list) in world.keys.family.evidence(&[]).lists.iter().enumerate() {
        put(&format!("lists/{n}.crl"), list.raw());
    }
    let desk = Desk::upon(folder, "");
    for (id, person) in world.keys.people.borrow().iter() {
        let path = desk.key_file(*id);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, person.key.to_pem()).expect("written");
    }
}

fn flight(world: &World, code: &str) -> Flight {
    let mut reader = world.store.read(&world.doctor).expect("a reader");
    signing::flight_of(&mut reader, world.facility, code, Act::Conclude).expect("read").expect("a signature")
}

fn paper(world: &World, code: &str) -> Option<Vec<u8>> {
    let case = world.case(code);
    under::signed_paper(&mut world.store.read(&world.doctor).expect("a reader"), &case).expect("read")
}

#[test]
fn a_power_cut_between_signature_and_storage_signs_once() {
    if let Some(folder) = std::env::var_os("MACH_CUT") {
        let folder = Path::new(&folder);
        let store = Store::open(folder).expect("the store");
        flights::once(&store, &Cut(Desk::upon(folder, "")), &Certificates, now_seconds()).expect("the queue");
        unreachable!("it was killed before");
    }
    let mut world = World::new(Home::folder());
    let code = world.open("046085000061");
    world.examine(&code, "");
    assert_eq!(world.act(&code, |tx, at| work::conclude(tx, at, &by(1), None)), Ok(()));
    let folder = world.folder();
    written(&world, &folder);
    world.away(|| {
        let mut child = Command::new(std::env::current_exe().expect("this test"))
            .env("MACH_CUT", &folder)
            .args(["--exact", NAME, "--nocapture"])
            .stdout(Stdio::piped())
            .spawn()
            .expect("run");
        let mut said = BufReader::new(child.stdout.take().expect("piped")).lines();
        assert!(said.any(|line| line.expect("a line").contains(SAID)), "it signed");
        child.kill().expect("killed");
        assert_eq!(child.wait().expect("gone").code(), None, "by a signal");
    });
    let cut = flight(&world, &code);
    assert!(cut.is_under_way() && !cut.state.is_empty(), "what was prepared is there, and it is asked again");
    assert!(cut.done().is_none() && paper(&world, &code).is_none(), "nothing of the signature is");
    let prepared = mach_sign::remote::Flight::from_bytes(&cut.state).expect("kept");
    world.digitally();
    let file = paper(&world, &code).expect("signed");
    assert_eq!(flight(&world, &code).done(), Some(mach_sign::sha256(&file)));
    assert_eq!(pades::marks(&file).expect("marks").len(), 1, "once");
    let own = prepared.prepared().signer().map(Certificate::to_pem);
    let report = pades::verify(&file, &world.keys.family.trust(&[]), now_seconds()).expect("a report");
    assert!(report.is_good());
    assert_eq!(report.signatures[0].certificate.as_ref().map(Certificate::to_pem), own);
    world.digitally();
    assert_eq!(paper(&world, &code), Some(file), "and that is the end of it");
}
