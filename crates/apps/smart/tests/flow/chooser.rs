//! Who is offered on the page of consent where an app needs a patient.

use crate::world::{World, console};
use axum::http::StatusCode;
use mach_fhir::ResourceType;
use mach_store::people::{self, NumberRow, PersonRow};
use mach_store::resources::{Index, Save};
use mach_store::schema;

/// More than are offered at a time.
const HIDDEN: i64 = 25;

#[tokio::test]
async fn who_is_hidden_takes_nobodys_place() {
    let world = World::new().await;
    let phone = "0905123456";
    world
        .store
        .write(&console(), move |tx| {
            let a = schema::facility_id(tx, "46001")?;
            // A telephone of a house; those who come first are marked, the last is not.
            for id in 101..=101 + HIDDEN {
                let name = format!("Người Nhà {id}");
                people::insert_person(tx, &PersonRow { id, name, ..PersonRow::default() })?;
                people::insert_facility(tx, id, a)?;
                let key = phone.chars().rev().collect();
                people::insert_number(tx, &NumberRow { kind: 4, scope: id, key, person: id })?;
                let patient = format!("home-{id}");
                let body = Some(format!(r#"{{"resourceType":"Patient","id":"{patient}"}}"#));
                let kind = ResourceType::PATIENT;
                let index = Index::default();
                let save =
                    Save { kind, id: patient, body, patient: Some(id), date: None, facility: a, fresh: false, index };
                tx.save(&mut [save])?;
                if id < 101 + HIDDEN {
                    tx.mark_person(id, "theo đề nghị")?;
                }
            }
            Ok(())
        })
        .unwrap();
    let request = World::request("public", "launch/patient patient/Observation.rs", &[]);
    let path = format!("/oauth/authorize?{request}&find={phone}");
    let page = world.page("doctor-a", "GET", &path, "").await;
    assert_eq!(page.status, StatusCode::OK, "{page:?}");
    assert!(page.text.contains(&format!("value=\"home-{}\"", 101 + HIDDEN)), "{}", page.text);
    assert_eq!(page.text.matches("value=\"home-").count(), 1, "{}", page.text);
    // Of another facility nobody is known by it.
    let none = world.page("doctor-b", "GET", &path, "").await;
    assert!(!none.text.contains("value=\"home-"), "{}", none.text);
}
