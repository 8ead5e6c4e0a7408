//! Consents are about people whom others treat: a facility finds its own by whatever it asks, and another's where that person opened
//! their record to it, and then that person's alone.

use crate::support::{A, B, PROVINCE, Place};
use mach_access::{Act, Actor, decide};
use mach_fhir::ResourceType;
use mach_store::resources::{Index, Save};
use mach_store::schema;

/// A consent of a Patient that lets a facility in.
fn consent(id: &str, patient: &str, to: &str) -> String {
    format!(
        r#"{{"resourceType":"Consent","id":"{id}","status":"active","scope":{{"coding":[{{"code":"patient-privacy"}}]}},
        "category":[{{"coding":[{{"code":"59284-0"}}]}}],"policyRule":{{"text":"x"}},"dateTime":"2026-03-04",
        "identifier":[{{"system":"urn:k","value":"{id}"}}],"patient":{{"reference":"Patient/{patient}"}},
        "organization":[{{"reference":"Organization/{to}"}}],
        "provision":{{"type":"permit","actor":[{{"role":{{"text":"IRCP"}},"reference":{{"reference":"Organization/{to}"}}}}]}}}}"#
    )
}

/// Ways in which a facility may ask for consents; each finds all of them where everything may be seen.
const WAYS: [&str; 12] = [
    "Consent",
    "Consent?status=active",
    "Consent?date=2026-03",
    "Consent?category=59284-0",
    "Consent?scope=patient-privacy",
    "Consent?identifier=urn:k|",
    "Consent?_sort=-date",
    "Consent?patient:missing=false",
    "Consent?organization:missing=false",
    "Consent?status:not=draft",
    "Consent?_lastUpdated=gt2000-01-01",
    "Consent?_count=1",
];

#[tokio::test]
async fn a_facility_finds_no_consent_of_another() {
    let place = Place::new();
    for (who, patient, id) in [(A, "pa", "ka"), (B, "pb", "kb"), (B, "pc", "kc")] {
        place
            .given(who, &format!(r#"{{"resourceType":"Patient","id":"{patient}","name":[{{"family":"{patient}"}}]}}"#))
            .await;
        // Each lets a third one in, so that nothing is opened to the other.
        place.given(who, &consent(id, patient, "f46009")).await;
    }
    for way in WAYS {
        for (who, own) in [(A, vec!["ka"]), (B, vec!["kb", "kc"]), (PROVINCE, vec!["ka", "kb", "kc"])] {
            let mut found = place.all(who, &format!("/fhir/{way}")).await;
            found.sort();
            assert_eq!(found, own, "{who} {way}");
        }
    }
    for way in [
        "Consent?_id=kb",
        "Consent?patient=Patient/pb",
        "Consent?patient=pb",
        "Consent?patient.name=pb",
        "Consent?identifier=urn:k|kb",
        "Consent?_content=kb",
        "Patient?_has:Consent:patient:_id=kb",
        "Patient?_has:Consent:patient:status=active&_id=pb",
    ] {
        assert_eq!(place.all(A, &format!("/fhir/{way}")).await, Vec::<String>::new(), "{way}");
        assert_eq!(place.all(B, &format!("/fhir/{way}")).await.len(), 1, "the question finds something: {way}");
    }
    for (query, of_a) in [("Consent?_summary=count", 1), ("Consent?_total=accurate&_count=0", 1)] {
        assert_eq!(place.get(A, &format!("/fhir/{query}")).await.json()["total"], of_a, "{query}");
    }
    let with = place.get(A, "/fhir/Patient?_revinclude=Consent:patient").await;
    assert_eq!(with.ids("include"), ["ka"]);
    for path in ["Consent/kb", "Consent/kb/_history", "Consent/kb/_history/1", "Patient/pb/Consent"] {
        let (there, nowhere) = (
            place.get(A, &format!("/fhir/{path}")).await,
            place.get(A, &format!("/fhir/{}", path.replace("kb", "zz").replace("pb", "zz"))).await,
        );
        assert_eq!(there.status, nowhere.status, "{path}");
        assert!(!there.text.contains("59284-0"), "{path}: {}", there.text);
    }
}

#[tokio::test]
async fn a_consent_shows_that_persons_and_nobody_elses() {
    let place = Place::new();
    let console = decide(&Actor::console(), Act::Administer).unwrap();
    place
        .store
        .write(&console, |tx| {
            let facility = schema::facility_id(tx, "46002")?;
            let save = |id: &str, person| Save {
                kind: ResourceType::PATIENT,
                id: id.to_owned(),
                body: Some(format!(r#"{{"resourceType":"Patient","id":"{id}"}}"#)),
                patient: Some(person),
                date: None,
                facility,
                fresh: false,
                index: Index::default(),
            };
            tx.save(&mut [save("pb", 7), save("pc", 8)]).map(drop)
        })
        .unwrap();
    for patient in ["pb", "pc"] {
        place.given(B, &consent(&format!("k{patient}"), patient, "f46009")).await;
    }
    assert_eq!(place.all(A, "/fhir/Consent").await, Vec::<String>::new());
    place.given(B, &consent("open", "pb", "f46001")).await;
    for way in WAYS {
        let mut found = place.all(A, &format!("/fhir/{way}")).await;
        found.sort();
        assert_eq!(found, ["kpb", "open"], "of the person who let A in: {way}");
    }
    assert!(place.all(A, "/fhir/Consent?patient=Patient/pc").await.is_empty());
    assert!(place.send(B, "DELETE", "/fhir/Consent/open", &[], "").await.status.is_success());
    assert_eq!(place.all(A, "/fhir/Consent").await, Vec::<String>::new());
}
