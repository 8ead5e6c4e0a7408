//! Requests to the access desk, and whose record they are about.

use crate::support::Place;
use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use mach_access::{Act, Actor, Decision, Reach, Role, decide};
use mach_fhir::ResourceType;
use mach_house::SESSION_COOKIE;
use mach_store::resources::{self, Index, Save};
use mach_store::{people, schema};
use tower::ServiceExt;

pub const WORDS: &str =
    "name=Th%E1%BA%A9m+ph%C3%A1n+A&body=TAND+Hu%E1%BA%BF&paper=12%2FGGT&ground=BLTTHS&why=V%E1%BB%A5+%C3%A1n+7";

pub fn console() -> Decision {
    decide(&Actor::console(), Act::Administer).unwrap()
}

pub fn asked(purpose: &str, number: &str, days: &str) -> String {
    asked_of("0", purpose, number, days)
}

/// The same of a part of the record.
pub fn asked_of(parts: &str, purpose: &str, number: &str, days: &str) -> String {
    format!("{WORDS}&parts={parts}&purpose={purpose}&numbers={number}&days={days}")
}

/// Person 1 is known to A with a condition; B wrote another of them.
pub fn given(place: &Place) {
    place.write(|tx| {
        let (a, b) = (schema::facility_id(tx, "46001")?, schema::facility_id(tx, "46002")?);
        people::insert_facility(tx, 1, a)?;
        let save = |id: &str, facility, body: String| Save {
            kind: ResourceType::CONDITION,
            id: id.to_owned(),
            body: Some(body),
            patient: Some(1),
            date: Some(1),
            facility,
            fresh: false,
            index: Index::default(),
        };
        let body = |id: &str, code: &str| {
            format!(
                r#"{{"resourceType":"Condition","id":"{id}","subject":{{"display":"Lê Thị Hoa"}},"recordedDate":"2026-03-04","note":[{{"text":"Lê Thị Hoa kể"}}],"code":{{"coding":[{{"system":"http://hl7.org/fhir/sid/icd-10","code":"{code}","display":"called {code}"}}],"text":"Hoa"}}}}"#
            )
        };
        tx.save(&mut [
            save("of-a", a, body("of-a", "I10")),
            save("of-a2", a, body("of-a2", "B20")),
            save("of-b", b, body("of-b", "E11")),
        ])
        .map(drop)
    });
}

/// Requests are numbered from 1; gives the cookie of who was let in by request `id`.
pub async fn let_in(place: &Place, id: i64) -> String {
    let given = place.ask("clerk-a", "POST", &format!("/access/desk/{id}/code"), "").await;
    assert_eq!(given.status, StatusCode::OK, "{}", given.body);
    let at = given.body.find("Mã: ").unwrap() + "Mã: ".len();
    let code = &given.body[at..at + 14];
    let again = place.ask("clerk-a", "GET", &format!("/access/desk/{id}"), "").await.body;
    assert!(!again.contains(code), "it is shown once");
    let entered = place.ask("", "POST", "/desk", &format!("number={id}&code={code}")).await;
    assert_eq!((entered.status, entered.to.as_str()), (StatusCode::SEE_OTHER, "/desk/view"));
    entered.cookie
}

pub fn seen_by(place: &Place, account: i64) -> (bool, bool, Vec<String>) {
    let reach = Reach { opened: true, ..Reach::default() };
    let visitor = Actor { account, role: Role::Visitor, facility: None, reach, ..Actor::console() };
    let mut reader = place.store.read(&decide(&visitor, Act::ViewDesk).unwrap()).unwrap();
    let found = resources::of_patient(&mut reader, 1, ResourceType::CONDITION, None, 9).unwrap();
    let mut ids: Vec<String> = found.into_iter().map(|r| r.id).collect();
    ids.sort();
    (resources::may_open(&mut reader, 1).unwrap(), resources::may_know(&mut reader, 1).unwrap(), ids)
}

/// A plain resource of person 1, written by A.
pub fn save(place: &Place, kind: ResourceType, id: &'static str, date: Option<i64>, code: &'static str) {
    place.write(move |tx| {
        let facility = schema::facility_id(tx, "46001")?;
        let body = format!(
            r#"{{"resourceType":"{}","id":"{id}","code":{{"coding":[{{"code":"{code}","display":"called {code}"}}]}}}}"#,
            kind.name()
        );
        let index = Index::default();
        let patient = Some(1);
        let save = Save { kind, id: id.to_owned(), body: Some(body), patient, date, facility, fresh: false, index };
        tx.save(&mut [save]).map(drop)
    });
}

/// The status alone, of what is no text.
pub async fn status_of(place: &Place, who: &str, path: &str) -> StatusCode {
    let request = Request::builder().uri(path).header(header::COOKIE, format!("{SESSION_COOKIE}={who}"));
    place.app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap().status()
}
