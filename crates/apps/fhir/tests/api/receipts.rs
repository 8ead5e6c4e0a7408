//! `$proof`: whoever may read a version may take its receipt; nobody else learns that there is one.

use crate::support::{A, B, PROVINCE, Place};
use mach_access::{Act, Actor, Decision, decide};
use mach_store::{Store, log};
use mach_tlog::checkpoint::Checkpoint;
use mach_tlog::cosign::Trust;
use mach_tlog::note::{Algorithm, Key};
use mach_tlog::receipt::Receipt;

fn console() -> Decision {
    decide(&Actor::console(), Act::Administer).unwrap()
}

fn sign(store: &Store, key: &Key) {
    let mut reader = store.read(&console()).unwrap();
    let size = log::size(&mut reader).unwrap();
    let root = log::root(&mut reader, size).unwrap();
    drop(reader);
    let origin = key.verifier().name().to_owned();
    let note = Checkpoint { origin, size, root, extensions: Vec::new() }.sign(key).to_string();
    let kept = log::Checkpointed { size, at: 0, note, key: key.verifier().to_string() };
    store.write(&console(), move |tx| log::keep_checkpoint(tx, &kept)).unwrap();
}

#[tokio::test]
async fn a_version_and_its_receipt() {
    let place = Place::new();
    let body = r#"{"resourceType":"Observation","id":"o","status":"final","code":{"text":"đường huyết"},"valueString":"1.00"}"#;
    place.given(A, body).await;
    let path = "/fhir/Observation/o/_history/1/$proof";
    place.get(A, path).await.refused(503);
    let key = Key::new("log.test/fhir", Algorithm::Ed25519, &[5; 32]).unwrap();
    sign(&place.store, &key);
    let trust = Trust { log: key.verifier().clone(), witnesses: Vec::new(), quorum: 0 };
    for who in [A, PROVINCE] {
        let answer = place.get(who, path).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let receipt = Receipt::parse(&answer.text).unwrap();
        receipt.verify(&trust).unwrap();
        assert!(receipt.content.unwrap().contains("1.00"));
        assert!(receipt.description.contains("\ntype Observation\nid o\nversion 1\n"));
    }
    let theirs = place.get(B, path).await;
    let nobodys = place.get(B, "/fhir/Observation/x/_history/1/$proof").await;
    assert_eq!(theirs.refused(404), nobodys.refused(404).replace("Observation/x", "Observation/o"));
    place.get(A, "/fhir/Observation/o/_history/2/$proof").await.refused(404);
    place.get("", path).await.refused(401);
    place.post(A, path, "{}").await.refused(405);

    // Whatever the interface writes has its leaf.
    place.put(A, "/fhir/Observation/o", &body.replace("1.00", "1.0")).await;
    place.send(A, "DELETE", "/fhir/Observation/o", &[], "").await;
    place.get(A, "/fhir/Observation/o/_history/3/$proof").await.refused(410);
    let asked = log::Asked { key: Some(key.verifier().clone()), checkpoints: Vec::new() };
    let report = log::verify(&mut place.store.read(&console()).unwrap(), &asked, &mut |_| {}).unwrap();
    assert_eq!((report.findings, report.checkpoints), (Vec::new(), 1));
}
