//! The queue of doubts: what is shown, decided, taken back.

use crate::support::{A, B, Place, person, visit};
use axum::http::StatusCode;

/// Two records of one woman (by CCCD at A, by card at B) and the claim that puts them in doubt.
fn doubt(place: &Place) -> (i64, i64) {
    let (_, one) = place.claim(visit(
        A,
        "LK1",
        person("A1; 046185000001; ; Nguyễn Thị Hoa; 1985-03-12; 2"),
        "2026-01-01 08:00",
        &["I10"],
    ));
    let (_, other) = place.claim(visit(
        B,
        "LK2",
        person("B1; ; 4620000001; Nguyễn Thị Hoa; 1985; 2"),
        "2026-02-01 08:00",
        &["E11.9"],
    ));
    let both = person("A9; 046185000001; 4620000001; Nguyễn Thị Hoa; 1985-03-12; 2");
    let (_, same) = place.claim(visit(A, "LK3", both, "2026-03-01 08:00", &["I10"]));
    assert_eq!((one, same, one == other), (one, one, false));
    (one, other)
}

#[tokio::test]
async fn a_pair_stands_side_by_side_with_its_reason() {
    let place = Place::new();
    place.get("leader", "/people/review").await.shows(&["Không còn trường hợp nào chờ đối chiếu"]);
    let (one, other) = doubt(&place);
    let page = place.get("leader", "/people/review").await;
    page.shows(&[
        "1 trường hợp đang chờ",
        &format!("Hồ sơ số {one}"),
        &format!("Hồ sơ số {other}"),
        "046185000001",
        "4620000001",
        "12/03/1985",
        "Khớp",
        "action=\"/people/review/1\"",
        &format!("name=\"keep\" value=\"{other}\""),
    ]);
    assert_eq!(place.looks(other), ["BS. leader review-people review 1 granted"]);
}

#[tokio::test]
async fn a_merge_moves_the_record_and_can_be_taken_back() {
    let place = Place::new();
    let (one, other) = doubt(&place);
    assert_eq!(place.get("doctor-a", &format!("/people/{other}")).await.status, StatusCode::NOT_FOUND);
    let done = place
        .post("leader", "/people/review/1", &format!("verdict=merge&keep={one}&why=%C4%91%C3%A3%20g%E1%BB%8Di"))
        .await;
    assert_eq!((done.status, done.to.as_str()), (StatusCode::SEE_OTHER, "/people/review?done=merged&merge=1"));
    place.get("leader", &done.to).await.shows(&["Đã gộp hai hồ sơ làm một", "action=\"/people/merges/1/undo\""]);

    // The merged record leads on; what B knew is in the one that stayed.
    let moved = place.get("leader", &format!("/people/{other}")).await;
    assert_eq!((moved.status, moved.to), (StatusCode::SEE_OTHER, format!("/people/{one}?moved={other}")));
    let page = place.get("doctor-b", &format!("/people/{one}?moved={other}")).await;
    page.shows(&["3 lần khám", "E11.9", "Lý do: đã gọi", &format!("Hồ sơ số {other} đã gộp vào đây")]);
    page.hides(&["/undo\""]);
    place.get("leader", &format!("/people/{one}")).await.shows(&["action=\"/people/merges/1/undo\""]);

    // Both Patient resources tell it, at once.
    let patient = |id: i64| format!("/people/{one}/resources/Patient/p{id}?raw=1");
    place
        .get("leader", &patient(one))
        .await
        .shows(&[&format!(r#""reference":"Patient/p{other}"}},"type":"replaces""#), "4620000001"]);
    place.get("leader", &patient(other)).await.shows(&[r#""active":false"#, r#""type":"replaced-by""#]);

    let again = place.post("leader", "/people/review/1", &format!("verdict=merge&keep={one}&why=x")).await;
    assert_eq!(again.status, StatusCode::CONFLICT);
    assert!(again.body.contains("đã được quyết định"), "{}", again.body);

    let undone = place.post("leader", "/people/merges/1/undo", "").await;
    assert_eq!((undone.status, undone.to), (StatusCode::SEE_OTHER, format!("/people/{one}?undone={other}")));
    place.get("leader", &format!("/people/{one}?undone={other}")).await.shows(&["Đã tách hồ sơ số", "2 lần khám"]);
    place.get("doctor-b", &format!("/people/{other}")).await.shows(&["1 lần khám", "E11.9"]);
    assert_eq!(place.get("doctor-b", &format!("/people/{one}")).await.status, StatusCode::NOT_FOUND);
    let patient = place.get("leader", &format!("/people/{other}/resources/Patient/p{other}?raw=1")).await;
    patient.shows(&[r#""active":true"#]);
    patient.hides(&["replaced-by"]);
    place.get("leader", "/people/review").await.shows(&["1 trường hợp đang chờ"]);
    assert_eq!(place.post("leader", "/people/merges/1/undo", "").await.status, StatusCode::CONFLICT);

    let looks = place.looks(other);
    for look in ["BS. leader review-people review 1 granted", "BS. leader review-people undo merge 1 granted"] {
        assert!(looks.iter().any(|l| l == look), "{look} in {looks:?}");
    }
}

#[tokio::test]
async fn two_kept_apart_are_not_asked_again() {
    let place = Place::new();
    let (one, other) = doubt(&place);
    let done = place.post("leader", "/people/review/1", "verdict=apart&why=hai+ch%E1%BB%8B+em").await;
    assert_eq!((done.status, done.to.as_str()), (StatusCode::SEE_OTHER, "/people/review?done=apart"));
    place.get("leader", &done.to).await.shows(&["Đã giữ riêng", "Không còn trường hợp nào"]);
    for id in [one, other] {
        place.get("leader", &format!("/people/{id}")).await.shows(&["Chưa gộp hồ sơ nào"]);
    }
}

#[tokio::test]
async fn what_is_missing_is_said_and_nothing_is_done() {
    let place = Place::new();
    let (one, _) = doubt(&place);
    let long = format!("verdict=apart&why={}", "x".repeat(256));
    for (path, form, status, says) in [
        ("/people/review/1", "", StatusCode::BAD_REQUEST, "gộp hay giữ riêng"),
        ("/people/review/1", "verdict=merge&why=x", StatusCode::BAD_REQUEST, "hồ sơ được giữ lại"),
        ("/people/review/1", "verdict=merge&keep=77&why=x", StatusCode::BAD_REQUEST, "hồ sơ được giữ lại"),
        ("/people/review/1", "verdict=apart&why=+", StatusCode::BAD_REQUEST, "Hãy ghi lý do"),
        ("/people/review/1", long.as_str(), StatusCode::BAD_REQUEST, "Hãy ghi lý do"),
        ("/people/review/9", "verdict=apart&why=x", StatusCode::NOT_FOUND, "Không có trang này"),
        ("/people/review/x", "verdict=apart&why=x", StatusCode::NOT_FOUND, "Không có trang này"),
        ("/people/merges/9/undo", "", StatusCode::NOT_FOUND, "Không có trang này"),
    ] {
        let answer = place.post("leader", path, form).await;
        assert_eq!(answer.status, status, "{path} {form}");
        assert!(answer.body.contains(says), "{says} in {}", answer.body);
    }
    place.get("leader", "/people/review").await.shows(&["1 trường hợp đang chờ"]);
    assert!(place.looks(one).iter().all(|l| l.ends_with("granted")));
}
