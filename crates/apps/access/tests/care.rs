//! Who treats is said by an administrator, of the facility's own register, and taken back.

#![expect(clippy::unwrap_used, reason = "a test panics on a broken expectation")]
#![expect(dead_code, reason = "each test uses some of what they share")]

mod support;

use axum::http::StatusCode;
use mach_access::{Act, Actor, Role, decide, secret};
use mach_fhir::ResourceType;
use mach_store::accounts::{self, NewAccount};
use mach_store::resources::{Index, Save};
use mach_store::schema;
use mach_store::sessions::State;
use support::Place;

/// The account of `doctor-a`, and administrators of A and of the province.
fn given(place: &Place) -> i64 {
    place.write(|tx| {
        for (name, code) in [("admin-a", Some("46001")), ("admin-b", Some("46002")), ("admin", None)] {
            let facility = code.map(|code| schema::facility_id(tx, code)).transpose()?;
            let (role, password) = (Role::Administrator, String::new());
            let new = NewAccount { name: name.into(), display: name.into(), role, facility, password };
            let id = tx.set_account(&new)?;
            tx.propose_factor(id, b"12345678901234567890")?;
            tx.confirm_factor(id, 1, &[])?;
            tx.begin_session(&secret::token_hash(name), id, State::Open, "")?;
        }
        let save = |kind: ResourceType, id: &str, name: &str| Save {
            kind,
            id: id.to_owned(),
            body: Some(format!(r#"{{"resourceType":"{}","id":"{id}","name":{name}}}"#, kind.name())),
            patient: None,
            date: None,
            facility: 0,
            fresh: false,
            index: Index::default(),
        };
        tx.save(&mut [
            save(ResourceType::PRACTITIONER, "f46001-p1", r#"[{"text":"BS Nguyễn Thị Minh"}]"#),
            save(ResourceType::LOCATION, "f46001-l1", r#""Khoa Nội""#),
            save(ResourceType::PRACTITIONER, "f46002-p1", r#"[{"text":"BS của B"}]"#),
        ])?;
        Ok(accounts::by_name(tx, "doctor-a")?.unwrap().actor.account)
    })
}

#[tokio::test]
async fn an_administrator_says_who_an_account_is_of_the_facilitys_own_register() {
    let place = Place::new();
    let doctor = given(&place);
    let at = format!("/admin/care/{doctor}");
    let care = || {
        let console = decide(&Actor::console(), Act::Administer).unwrap();
        accounts::care_of(&mut place.store.read(&console).unwrap(), doctor).unwrap()
    };
    for (who, path, status) in [
        ("head-a", "/admin/care", StatusCode::FORBIDDEN),
        ("doctor-a", at.as_str(), StatusCode::FORBIDDEN),
        ("admin-b", at.as_str(), StatusCode::NOT_FOUND),
        ("admin-a", "/admin/care/999999", StatusCode::NOT_FOUND),
        ("admin-a", "/admin/care/x", StatusCode::NOT_FOUND),
    ] {
        assert_eq!(place.ask(who, "GET", path, "").await.status, status, "{who} {path}");
        if path != "/admin/care" {
            assert_eq!(place.ask(who, "POST", path, "practitioner=&ward=").await.status, status, "{who} {path}");
        }
    }
    let list = place.ask("admin-a", "GET", "/admin/care", "").await.body;
    assert!(list.contains("doctor-a") && !list.contains("admin-a</a>"), "{list}");
    assert!(!place.ask("admin-b", "GET", "/admin/care", "").await.body.contains("doctor-a"));
    let form = place.ask("admin", "GET", &at, "").await.body;
    assert!(form.contains("BS Nguyễn Thị Minh") && form.contains("Khoa Nội") && !form.contains("BS của B"), "{form}");
    // Of another facility's register, or of none, nobody is taken.
    for wrong in ["practitioner=f46002-p1&ward=", "practitioner=&ward=f46001-p1", "practitioner=zz&ward="] {
        let refused = place.ask("admin-a", "POST", &at, wrong).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{wrong}");
        assert_eq!(care(), (String::new(), String::new()));
    }
    let saved = place.ask("admin-a", "POST", &at, "practitioner=f46001-p1&ward=f46001-l1").await;
    assert_eq!(saved.to, "/admin/care?done=1", "{}", saved.body);
    assert_eq!(care(), ("f46001-p1".to_owned(), "f46001-l1".to_owned()));
    let ended = place.ask("doctor-a", "GET", "/access/desk", "").await;
    assert_ne!(ended.status, StatusCode::OK, "what they may see changed: they sign in anew");
    assert_eq!(place.ask("admin-a", "POST", &at, "practitioner=&ward=").await.to, "/admin/care?done=1");
    assert_eq!(care(), (String::new(), String::new()), "it is taken back");
}
