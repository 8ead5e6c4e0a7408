//! What the examined person signs: bound to what they declared, and to nothing else.

use crate::world::{World, by};
use mach_certificates::declared::text;
use mach_certificates::work::{self, Posted};
use mach_fhir::ResourceType;
use mach_signing::patient::{Signed, Way};
use mach_test_engines::Home;

/// A drawing as the page posts it.
fn drawn(n: u8) -> String {
    let bytes = [&[0x89, b'P', b'N', b'G', 0x0d, 0x0a, 0x1a, 0x0a], [n; 40].as_slice()].concat();
    format!("hx-signature=data:image/png;base64,{}", mach_sign::base64(&bytes))
}

/// The history, finished by account 1.
fn declares(world: &World, code: &str, changes: &str) -> Option<Signed> {
    let case = world.case(code);
    let part = case.parts.iter().find(|p| p.link == "history").expect("there").clone();
    let answers = world.answers(code, changes);
    let kept = Posted { part: part.link, answers, version: part.version, finish: true, quiet: false };
    let at = code.to_owned();
    let done = world.store.write(&world.doctor, move |tx| work::keep(tx, &at, &by(1), kept)).expect("written");
    assert!(done.is_ok(), "{done:?}");
    world.case(code).declared
}

fn holds(world: &World, code: &str) -> bool {
    let case = world.case(code);
    case.declared.as_ref().is_some_and(|s| s.is_of(text(&case, &case.answers).as_bytes()))
}

fn bound_to_what_was_shown(home: Home) {
    let world = World::new(home);
    let code = world.open("046085000071");
    assert_eq!(declares(&world, &code, "hx-heart=false"), None, "nobody signed");
    let first = declares(&world, &code, &format!("hx-heart=false {}", drawn(1))).expect("signed");
    assert_eq!((first.way, first.witness.as_str()), (Way::Pad, "Bs 1"));
    assert!(holds(&world, &code));
    let case = world.case(&code);
    let shown = text(&case, &case.answers);
    assert!(shown.contains("Nguyễn Văn Thử 046085000071") && shown.contains(": Không"), "{shown}");
    // Exactly what was shown is kept.
    let id = format!("{}-declared", mach_certificates::bodies::id(&code));
    let mut reader = world.store.read(&world.doctor).expect("a reader");
    let scope = world.doctor.scope();
    let kept =
        mach_store::resources::current(&mut reader, scope, ResourceType::BINARY, &id).expect("read").expect("there");
    assert!(kept.body.contains(&mach_sign::base64(shown.as_bytes())));
    drop(reader);
    // An answer changed under the drawing that is there, or under the same drawing posted again: nobody signed that.
    for again in ["hx-heart=true".to_owned(), format!("hx-heart=true {}", drawn(1))] {
        assert_eq!(declares(&world, &code, &again), Some(first.clone()), "{again}");
        assert!(!holds(&world, &code), "{again}");
    }
    // Put back as it was, it is what they signed; changed and signed anew, it is signed.
    assert_eq!(declares(&world, &code, "hx-heart=false"), Some(first.clone()));
    assert!(holds(&world, &code));
    let second = declares(&world, &code, &format!("hx-heart=true {}", drawn(2))).expect("signed");
    assert!(second.shown != first.shown && second.mark != first.mark && holds(&world, &code));
    // It is no digital signature: the queue of those does not know it.
    world.digitally();
    assert!(world.case(&code).flights.is_empty());
}

#[test]
fn a_patients_signature_is_of_what_was_shown() {
    bound_to_what_was_shown(Home::folder());
    bound_to_what_was_shown(Home::postgres());
}
