//! Whose record is of public interest is said by who answers for it, with a reason, and ended; who may open it is named.

#![expect(clippy::unwrap_used, reason = "a test panics on a broken expectation")]
#![expect(dead_code, reason = "each test uses some of what they share")]

#[path = "support/request.rs"]
mod request;
mod support;

use axum::http::StatusCode;
use mach_access::{Act, Actor, Reach, Role, decide};
use mach_base::{Day, limits};
use mach_store::{accounts, audit, grants, resources, schema};
use request::{console, given};
use support::{CCCD, Place, RELATIVE};

const WHY: &str = "reason=Theo+de+nghi+cua+nguoi+benh";

/// Whether `doctor-a` opens the record of person 1.
fn opens(place: &Place) -> bool {
    let mut reader = place.store.read(&console()).unwrap();
    let account = accounts::by_name(&mut reader, "doctor-a").unwrap().unwrap().actor.account;
    let opened = !grants::of_account(&mut reader, account).unwrap().is_empty();
    let facility = schema::facility_of_code(&mut reader, "46001").unwrap();
    drop(reader);
    let reach = Reach { opened, ..Reach::default() };
    let actor = Actor { account, role: Role::Clinician, facility, reach, ..Actor::console() };
    let mut reader = place.store.read(&decide(&actor, Act::ReadRecord).unwrap()).unwrap();
    resources::may_open(&mut reader, 1).unwrap()
}

fn day(ahead: i32) -> String {
    Day(Day::today().0 + ahead).to_string()
}

#[tokio::test]
async fn a_head_marks_and_names_and_takes_both_back() {
    let place = Place::new();
    given(&place);
    assert!(opens(&place));
    for who in ["doctor-a", "clerk-a", "admin"] {
        assert_eq!(place.ask(who, "GET", "/access/protected", "").await.status, StatusCode::FORBIDDEN, "{who}");
        let form = format!("number={CCCD}&{WHY}");
        assert_eq!(place.ask(who, "POST", "/access/protected", &form).await.status, StatusCode::FORBIDDEN, "{who}");
    }
    // A number of nobody, of somebody the facility does not know: one answer; a reason of a word.
    let mut answers = Vec::new();
    for number in ["099999999999", RELATIVE] {
        let refused = place.ask("head-a", "POST", "/access/protected", &format!("number={number}&{WHY}")).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{number}");
        answers.push(refused.body.replace(number, "N"));
    }
    assert_eq!(answers[0], answers[1]);
    let long = "x".repeat(limits::DESK_TEXT_CHARS + 1);
    for reason in ["ngan", long.as_str()] {
        let form = format!("number={CCCD}&reason={reason}");
        assert_eq!(place.ask("head-a", "POST", "/access/protected", &form).await.status, StatusCode::BAD_REQUEST);
    }
    assert!(opens(&place));
    let form = format!("number={CCCD}&{WHY}");
    assert_eq!(place.ask("head-a", "POST", "/access/protected", &form).await.to, "/access/protected?done=marked");
    assert!(!opens(&place));
    assert_eq!(place.ask("head-a", "POST", "/access/protected", &form).await.status, StatusCode::BAD_REQUEST, "twice");
    let list = place.ask("head-a", "GET", "/access/protected", "").await.body;
    assert!(list.contains("Lê Thị Hoa") && list.contains("/access/protected/1"), "{list}");
    assert!(!place.ask("head-b", "GET", "/access/protected", "").await.body.contains("Lê Thị Hoa"));
    for what in ["", "/end", "/names", "/names/1/end"] {
        let (method, path) = (if what.is_empty() { "GET" } else { "POST" }, format!("/access/protected/1{what}"));
        let refused = place.ask("head-b", method, &path, "account=doctor-a").await;
        assert_eq!(refused.status, StatusCode::NOT_FOUND, "of another facility there is none: {path}");
    }
    let page = place.ask("head-a", "GET", "/access/protected/1", "").await.body;
    assert!(page.contains("Theo de nghi") && page.contains("doctor-a") && !page.contains("clerk-a"), "{page}");
    assert!(page.contains("<option value=\"\" selected>"), "nobody is named by the first of a list: {page}");
    let name = |account: &str, until: &str| format!("account={account}&until={until}&{WHY}");
    let unchosen = place.ask("head-a", "POST", "/access/protected/1/names", &name("", &day(9))).await.body;
    assert!(unchosen.contains("id=\"account-error\"") && unchosen.contains("Theo de nghi"), "{unchosen}");
    for wrong in [
        // Not oneself, nobody who does not treat, nobody of elsewhere; not in the past, not for ever.
        name("head-a", &day(9)),
        name("clerk-a", &day(9)),
        name("head-b", &day(9)),
        name("", &day(9)),
        name("doctor-a", &day(-1)),
        name("doctor-a", &day(limits::NAMED_DAYS + 1)),
        name("doctor-a", "x"),
        format!("account=doctor-a&until={}&reason=ngan", day(9)),
    ] {
        let refused = place.ask("head-a", "POST", "/access/protected/1/names", &wrong).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{wrong}");
        assert!(!opens(&place), "{wrong}");
    }
    let named =
        place.ask("head-a", "POST", "/access/protected/1/names", &name("doctor-a", &day(limits::NAMED_DAYS))).await;
    assert_eq!(named.to, "/access/protected/1", "{}", named.body);
    assert!(opens(&place));
    // Named anew is named once, until the day said last.
    place.ask("head-a", "POST", "/access/protected/1/names", &name("doctor-a", &day(0))).await;
    let held = |place: &Place| {
        let mut reader = place.store.read(&console()).unwrap();
        grants::held(&mut reader, 1, &[mach_access::policy::Relation::Named]).unwrap()
    };
    let [grant] = held(&place).try_into().unwrap_or_else(|all| panic!("{all:?}"));
    for (who, path, status) in [
        ("head-a", "/access/protected/1/names/999/end".to_owned(), StatusCode::NOT_FOUND),
        ("head-a", format!("/access/protected/1/names/{}/end", grant.id), StatusCode::SEE_OTHER),
        ("head-a", format!("/access/protected/1/names/{}/end", grant.id), StatusCode::NOT_FOUND),
    ] {
        assert_eq!(place.ask(who, "POST", &path, "").await.status, status, "{path}");
    }
    assert!(!opens(&place));
    // The department names and ends too; what it ends takes who was named with it.
    place.ask("leader", "POST", "/access/protected/1/names", &name("doctor-a", &day(9))).await;
    assert!(opens(&place));
    assert_eq!(place.ask("leader", "POST", "/access/protected/1/end", "").await.to, "/access/protected/1");
    assert!(opens(&place) && held(&place).is_empty(), "it opens as before");
    for (what, form) in [("end", String::new()), ("names", name("doctor-a", &day(9)))] {
        let late = place.ask("head-a", "POST", &format!("/access/protected/1/{what}"), &form).await;
        assert_eq!(late.status, StatusCode::CONFLICT, "{what}");
    }
    let trail = audit::of_person(&mut place.store.read(&console()).unwrap(), 1, 99).unwrap();
    for told in ["mark 1", "mark 1 ended", "grant 1 named", "grant 1 ended"] {
        assert!(trail.iter().any(|entry| entry.target == told && entry.outcome == "granted"), "{told}");
    }
}

#[tokio::test]
async fn the_department_s_mark_is_not_a_facility_s_to_end() {
    let place = Place::new();
    given(&place);
    let form = format!("number={CCCD}&reason=Nguoi+cua+cong+chung");
    assert_eq!(place.ask("leader", "POST", "/access/protected", &form).await.to, "/access/protected?done=marked");
    let page = place.ask("head-a", "GET", "/access/protected/1", "").await.body;
    assert!(page.contains("Lê Thị Hoa") && page.contains("Nơi khác đánh dấu"), "{page}");
    assert!(!page.contains("Nguoi cua cong chung") && !page.contains("/access/protected/1/end"), "{page}");
    assert_eq!(place.ask("head-a", "POST", "/access/protected/1/end", "").await.status, StatusCode::NOT_FOUND);
    assert!(!opens(&place));
    // A facility names its own for it.
    let name = format!("account=doctor-a&until={}&{WHY}", day(1));
    assert_eq!(place.ask("head-a", "POST", "/access/protected/1/names", &name).await.to, "/access/protected/1");
    assert!(opens(&place));
}
