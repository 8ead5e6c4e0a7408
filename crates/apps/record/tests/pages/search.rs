//! Who finds whom, and what the page says where nobody is found.

use crate::support::{A, B, Place, person, visit};
use axum::http::StatusCode;

/// Three people: one at A only, one at B only, one at both.
fn three(place: &Place) -> [i64; 3] {
    let hoa = || person("A1; 046185000001; ; Nguyễn Thị Hoa; 1985-03-12; 2");
    let binh = || person("B1; 046172000002; ; Nguyễn Văn Bình; 1972; 1");
    let an = |local: &str| person(&format!("{local}; 046199000003; ; Lê Văn An; 1999-01-02; 1"));
    let (_, hoa) = place.claim(visit(A, "LK1", hoa(), "2026-03-18 08:40", &["I10"]));
    let (_, binh) = place.claim(visit(B, "LK2", binh(), "2026-03-19 08:40", &["J18.9"]));
    let (_, an_at_a) = place.claim(visit(A, "LK3", an("A3"), "2026-01-01 09:00", &["A09"]));
    let (_, an_at_b) = place.claim(visit(B, "LK4", an("B3"), "2026-02-01 09:00", &["A09"]));
    assert_eq!(an_at_a, an_at_b);
    [hoa, binh, an_at_a]
}

#[tokio::test]
async fn each_finds_within_their_reach() {
    let place = Place::new();
    let [hoa, binh, an] = three(&place);
    let link = |id: i64| format!("/people/{id}\"");
    for (who, q, found) in [
        ("leader", "nguyen", vec![hoa, binh]),
        ("doctor-a", "nguyen", vec![hoa]),
        ("doctor-b", "nguyen", vec![binh]),
        ("doctor-a", "0002", vec![]),
        ("doctor-a", "046172000002", vec![]),
        ("leader", "046172000002", vec![binh]),
        ("doctor-a", "an%201999", vec![an]),
        ("doctor-b", "02%2F01%2F1999", vec![an]),
        ("doctor-a", "Hoa", vec![hoa]),
        ("leader", "", vec![hoa, binh, an]),
        ("doctor-a", "", vec![hoa, an]),
    ] {
        let answer = place.get(who, &format!("/people?q={q}")).await;
        assert_eq!((answer.status, answer.rows()), (StatusCode::OK, found.len()), "{who} {q}: {}", answer.body);
        for id in found {
            assert!(answer.body.contains(&link(id)), "{who} {q} {id}");
        }
    }
}

#[tokio::test]
async fn a_row_tells_who_and_when() {
    let place = Place::new();
    three(&place);
    let answer = place.get("doctor-a", "/people?q=le+van+an").await;
    answer.shows(&["Lê Văn An", "02/01/1999", "046199•••003", "01/02/2026", "Nam", ">2</td>"]);
    answer.hides(&["046199000003"]);
}

#[tokio::test]
async fn every_state_says_what_to_do() {
    let place = Place::new();
    place.get("doctor-a", "/people").await.shows(&["Chưa nhận hồ sơ nào", "nguyen hoa 1985"]);
    three(&place);
    place.get("doctor-a", "/people").await.shows(&["Mới khám gần đây", "nguyen hoa 1985"]);
    place.get("leader", "/people?lang=en").await.shows(&["Recently received", "Searches the whole province."]);
    let none = place.get("doctor-a", "/people?q=zzzzqq").await;
    none.shows(&["Không có ai khớp “zzzzqq”", "Thử ít chữ hơn"]);
    place.get("doctor-a", "/people?q=12").await.shows(&["Cần ít nhất 4 ký tự"]);
    let markup = place.get("doctor-a", "/people?q=%22%3E%3Cimg%20src%3Dx%3E").await;
    markup.shows(&["Không có ai khớp"]);
    markup.hides(&["<img src=x"]);
}

#[tokio::test]
async fn many_are_shown_a_page_at_a_time() {
    let place = Place::new();
    for n in 0..60 {
        let someone = person(&format!("A{n}; 0461850{n:05}; ; Nguyễn Văn {}; 1985; 1", ["An", "Bình", "Cường"][n % 3]));
        place.claim(visit(A, &format!("LK{n}"), someone, "2026-03-18 08:40", &["I10"]));
    }
    let (mut path, mut seen) = ("/people?q=nguyen".to_owned(), 0);
    for _ in 0..5 {
        let answer = place.get("doctor-a", &path).await;
        seen += answer.rows();
        let Some((_, rest)) = answer.body.split_once("rel=\"next\" href=\"") else { break };
        path = rest.split('"').next().unwrap().replace("&#38;", "&").replace("&amp;", "&");
    }
    assert_eq!(seen, 60);
}

#[tokio::test]
async fn only_some_may_search() {
    let place = Place::new();
    assert_eq!(place.get("operator", "/people").await.status, StatusCode::FORBIDDEN);
    let stranger = place.get("", "/people?q=hoa").await;
    assert_eq!((stranger.status, stranger.to.as_str()), (StatusCode::SEE_OTHER, "/sign-in?next=/people%3Fq%3Dhoa"));
    assert_eq!(place.get("nobody", "/people").await.status, StatusCode::SEE_OTHER);
}
