//! What is sensitive is not on the page; an emergency opens a record for who says why, and for nobody else.

use crate::support::{A, B, Place, drug, person, visit};
use axum::http::StatusCode;

const ANH: &str = "A1; 046162000217; 4621234567; Trần Thị Ngọc Ánh; 1962-06-01; 2";

/// A woman of A with an ordinary visit and one for HIV.
fn woman(place: &Place) -> i64 {
    let (_, woman) = place.claim(visit(A, "LK1", person(ANH), "2025-01-10 08:00", &["I10"]));
    let mut secret = visit(A, "LK2", person(ANH), "2025-03-10 08:00", &["B20", "K29.7"]);
    secret.lines = vec![drug(1, "Efavirenz", "2025-03-10 08:30")];
    let (_, same) = place.claim(secret);
    assert_eq!(woman, same);
    woman
}

#[tokio::test]
async fn a_visit_with_a_sensitive_fact_is_not_there() {
    let place = Place::new();
    let woman = woman(&place);
    for who in ["leader", "doctor-a"] {
        let page = place.get(who, &format!("/people/{woman}")).await;
        page.shows(&["I10", "1 lần khám"]);
        page.hides(&["B20", "10/03/2025", "K29.7", "Efavirenz"]);
        let list = place.get(who, "/people?q=ngoc+anh").await;
        list.shows(&["10/01/2025"]);
        list.hides(&["10/03/2025"]);
    }
}

#[tokio::test]
async fn an_emergency_opens_a_record_for_who_says_why() {
    let place = Place::new();
    let woman = woman(&place);
    let address = format!("/people/{woman}");
    assert_eq!(place.get("doctor-b", &address).await.status, StatusCode::NOT_FOUND);
    place.get("doctor-b", "/people").await.shows(&["/people/emergency"]);
    assert_eq!(place.get("leader", "/people/emergency").await.status, StatusCode::FORBIDDEN);
    let form = "/people/emergency";
    let refused = place.post("doctor-b", form, "number=046162000217&reason=ngan").await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST, "a reason is more than a word");
    let nobody = place.post("doctor-b", form, "number=046162000299&reason=hon+me+can+biet+thuoc").await;
    assert_eq!(nobody.status, StatusCode::BAD_REQUEST);
    assert_eq!(place.get("doctor-b", &address).await.status, StatusCode::NOT_FOUND);
    let opened = place.post("doctor-b", form, "number=046162000217&reason=hon+me+can+biet+thuoc").await;
    assert_eq!(opened.to, address);
    let page = place.get("doctor-b", &address).await;
    page.shows(&["MỞ KHẨN CẤP", "I10", "B20", "2 lần khám"]);
    // It is this account's, and no facility's.
    let other = place.get("doctor-a", &address).await;
    other.hides(&["MỞ KHẨN CẤP", "B20"]);
    let looks = place.looks(woman);
    assert!(looks.iter().any(|look| look.starts_with("BS. doctor-b break-glass grant")), "{looks:?}");
    let _ = B;
}
