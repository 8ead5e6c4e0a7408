//! The record page and the FHIR data behind it.

use crate::support::{A, B, Place, drug, note, paper, person, result, visit};
use axum::http::StatusCode;

const ANH: &str = "A1; 046162000217; 4621234567; Trần Thị Ngọc Ánh; 1962-06-01; 2";

/// A woman with diabetes seen at A twice and at B once, and a man of B; gives (claims, woman, man).
fn two_people(place: &Place) -> ([i64; 3], i64, i64) {
    let mut first = visit(A, "LK 1", person(ANH), "2025-01-10 08:00", &["E11.9", "I10"]);
    first.results =
        vec![result(1, "HBA1C", "8.25", "%", "2025-01-10 09:00"), result(2, "K", "4.1", "mmol/L", "2025-01-10 09:00")];
    first.lines = vec![drug(1, "Naproxen", "2025-01-10 08:30")];
    let mut stay = visit(B, "LK2", person(&ANH.replace("A1", "B9")), "2025-12-11 08:00", &["J18.9"]);
    stay.kind = "03".into();
    stay.left = crate::support::at("2025-12-15 10:00");
    let mut last = visit(A, "LK3", person(ANH), "2026-03-18 08:40", &["E11.2"]);
    last.results =
        vec![result(1, "HBA1C", "7.8", "%", "2026-03-18 09:30"), result(2, "K", "3.3", "mmol/L", "2026-03-18 09:30")];
    last.lines = vec![drug(1, "Metformin", "2026-03-18 09:00")];
    last.notes = vec![note("Tỉnh, CSST<M75_T37_HA128/79_NT18>", "2026-03-18 08:50")];
    last.papers = vec![paper()];
    let man = person("B1; 046172000002; ; Lê Văn Bình; 1972; 1");
    let (one, woman) = place.claim(first);
    let (two, same) = place.claim(stay);
    let (three, again) = place.claim(last);
    assert_eq!((woman, woman), (same, again));
    let (_, man) = place.claim(visit(B, "LKB", man, "2026-02-01 08:00", &["A09"]));
    ([one, two, three], woman, man)
}

#[tokio::test]
async fn the_record_gathers_all_facilities() {
    let place = Place::new();
    let ([_, stay, last], woman, _) = two_people(&place);
    let page = place.get("leader", &format!("/people/{woman}")).await;
    page.shows(&[
        "data-test=\"banner\"",
        "TRẦN THỊ NGỌC ÁNH",
        "046162•••217",
        "GD4 · 80 %",
        "Không lấy được thông tin dị ứng",
        "3 lần khám",
        // Conditions: both codes of one category are one line, with the first day and the visits.
        "Bệnh mạn tính, lâu dài",
        "<b>Bệnh đái tháo đường type 2</b>",
        "E11.2, E11.9 · từ 10/01/2025 · 2 lần khám · gần nhất 18/03/2026",
        // Medicines: current and past.
        "<b>Metformin 500 mg</b>",
        "2 viên/ngày — sau ăn · số lượng 60 viên · kê 18/03/2026",
        "Thuốc đã dùng (1)",
        // Results: name by the catalogue, value with unit, range, flag, change.
        "HbA1c",
        "7,8 %",
        "4,0–5,6",
        "−0,45",
        "trong 432 ngày",
        "Kali",
        "▼",
        "128/79 mmHg",
        "class=\"band\"",
        // Timeline.
        "Nội trú 5 ngày",
        "11/12 – 15/12/2025",
        "J18.9 Viêm phổi",
        &format!("href=\"/claims/{stay}\""),
        // Papers, money, numbers.
        "Giấy ra viện",
        "Số lưu trữ hồ sơ bệnh án",
        "LT-77",
        "Tổng: 750.000 đ",
        "600.000 đ",
        "046162000217",
        // Where a fact comes from.
        "Hồ sơ LK3, bảng XML4, dòng 1, lần gửi 1",
        &format!("/people/{woman}/resources/Observation/c{last}-4-1"),
    ]);
}

#[tokio::test]
async fn what_is_outside_its_range_stands_first() {
    let place = Place::new();
    let (_, woman, _) = two_people(&place);
    let page = place.get("leader", &format!("/people/{woman}?lang=en")).await;
    page.shows(&["Health record", "Chronic, long-term", "Current medicines", "Who has seen this record"]);
    let at = |text: &str| page.body.find(text).unwrap_or_else(|| panic!("{text}"));
    assert!(at("Chronic, long-term") < at("Within 12 months"));
}

#[tokio::test]
async fn a_clinician_has_no_links_to_claims() {
    let place = Place::new();
    let (_, woman, _) = two_people(&place);
    let page = place.get("doctor-a", &format!("/people/{woman}")).await;
    page.shows(&["Nội trú 5 ngày", "Hồ sơ LK2, bảng XML1, dòng 1, lần gửi 1"]);
    page.hides(&["href=\"/claims/", "/undo\""]);
}

#[tokio::test]
async fn another_facility_s_person_is_not_there_on_any_route() {
    let place = Place::new();
    let (_, woman, man) = two_people(&place);
    let nobody = 999;
    for path in [
        "",
        "?before=1.1",
        "/resources/Patient/p{}",
        "/resources/Condition/c4-1-1",
        "/resources/Nothing/x",
        "/resources/Patient/p{}?raw=1",
    ] {
        let path = |id: i64| format!("/people/{id}{}", path.replace("{}", &id.to_string()));
        let hidden = place.get("doctor-a", &path(man)).await;
        let missing = place.get("doctor-a", &path(nobody)).await;
        assert_eq!(hidden.status, StatusCode::NOT_FOUND, "{}", path(man));
        assert_eq!(missing.status, StatusCode::NOT_FOUND);
        let plain = |text: &str, id: i64| {
            text.replace(&format!("/people/{id}"), "/people/N").replace(&format!("Patient/p{id}"), "Patient/pN")
        };
        let (hidden_text, missing_text) = (plain(&hidden.body, man), plain(&missing.body, nobody));
        assert_eq!(hidden_text, missing_text, "the answer tells nothing");
        hidden.hides(&["Bình", "046172"]);
    }
    assert_eq!(place.get("doctor-b", &format!("/people/{man}")).await.status, StatusCode::OK);
    for wrong in ["0", "01", "abc", "-1", "99999999999999999999"] {
        assert_eq!(place.get("leader", &format!("/people/{wrong}")).await.status, StatusCode::NOT_FOUND, "{wrong}");
    }
    // One's own record does not open another's resources.
    let through = format!("/people/{woman}/resources/Patient/p{man}");
    assert_eq!(place.get("doctor-a", &through).await.status, StatusCode::NOT_FOUND);
    assert_eq!(place.get("leader", &through).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn roles_without_records_are_refused() {
    let place = Place::new();
    let ([one, ..], woman, _) = two_people(&place);
    for path in [format!("/people/{woman}"), format!("/people/{woman}/resources/Encounter/c{one}-1-1")] {
        assert_eq!(place.get("operator", &path).await.status, StatusCode::FORBIDDEN, "{path}");
        assert_eq!(place.get("", &path).await.status, StatusCode::SEE_OTHER, "{path}");
    }
    for path in ["/people/review", "/people/review?done=apart"] {
        assert_eq!(place.get("doctor-a", path).await.status, StatusCode::FORBIDDEN, "{path}");
    }
    for path in ["/people/review/1", "/people/merges/1/undo"] {
        assert_eq!(place.post("doctor-a", path, "verdict=apart&why=x").await.status, StatusCode::FORBIDDEN, "{path}");
    }
}

#[tokio::test]
async fn every_look_is_written_down_and_shown() {
    let place = Place::new();
    let ([one, ..], woman, man) = two_people(&place);
    place.get("doctor-a", &format!("/people/{woman}")).await.shows(&["Chưa ai mở hồ sơ này"]);
    place.get("doctor-a", &format!("/people/{woman}/resources/Encounter/c{one}-1-1?raw=1")).await;
    place.get("doctor-a", &format!("/people/{man}")).await;
    place.get("doctor-a", "/people?q=nguyen").await;
    assert_eq!(
        place.looks(woman),
        [
            format!("BS. doctor-a read-record person {woman} Encounter/c{one}-1-1 granted"),
            format!("BS. doctor-a read-record person {woman} granted"),
        ]
    );
    assert_eq!(place.looks(man), [format!("BS. doctor-a read-record person {man} denied")]);
    let page = place.get("leader", &format!("/people/{man}")).await;
    page.shows(&["BS. doctor-a · Bác sĩ, điều dưỡng", "Bị từ chối"]);
}

#[tokio::test]
async fn resources_have_their_exact_bytes_and_versions() {
    let place = Place::new();
    let ([one, ..], woman, _) = two_people(&place);
    let path = format!("/people/{woman}/resources/Condition/c{one}-1-1");
    let page = place.get("doctor-a", &path).await;
    page.shows(&[
        "Condition/",
        "Nguồn dữ liệu",
        "Hồ sơ LK 1, bảng XML1, dòng 1, lần gửi 1",
        "hiện hành",
        "data-test=\"banner\"",
    ]);
    let raw = place.get("doctor-a", &format!("{path}?raw=1")).await;
    assert_eq!((raw.status, raw.kind.as_str()), (StatusCode::OK, "application/fhir+json; charset=utf-8"));
    assert!(raw.body.starts_with(r#"{"resourceType":"Condition","id":"c"#), "{}", raw.body);
    // The claim comes again with another diagnosis: a new version of the same resource.
    place.claim(visit(A, "LK 1", person(ANH), "2025-01-10 08:00", &["E10.9", "I10"]));
    place.get("doctor-a", &path).await.shows(&["lần gửi 2", "E10.9", "?version=1\""]);
    let before = place.get("doctor-a", &format!("{path}?version=1&raw=1")).await;
    assert_eq!(before.body, raw.body);
    assert_eq!(place.get("doctor-a", &format!("{path}?version=9")).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn many_visits_go_on_with_older_ones() {
    let place = Place::new();
    let mut woman = 0;
    for n in 0..55_i64 {
        let day = mach_base::Day::parse_iso("2024-01-01").unwrap().0 + 7 * n as i32;
        let arrived = format!("{} 08:00", mach_base::Day(day));
        (_, woman) = place.claim(visit(A, &format!("LK{n}"), person(ANH), &arrived, &["I10"]));
    }
    let page = place.get("leader", &format!("/people/{woman}")).await;
    assert_eq!(page.body.matches("<time datetime").count(), 50);
    page.shows(&["55 lần khám", "Các đợt trước đó"]);
    let older = page.body.split_once("?before=").unwrap().1.split('#').next().unwrap();
    let page = place.get("leader", &format!("/people/{woman}?before={older}")).await;
    assert_eq!(page.body.matches("<time datetime").count(), 5);
    page.shows(&["01/01/2024", "Về các đợt mới nhất"]);
    page.hides(&["Các đợt trước đó"]);
}

#[tokio::test]
async fn a_withdrawn_visit_is_nowhere() {
    let place = Place::new();
    let ([.., last], woman, _) = two_people(&place);
    let mut taken_back = visit(A, "LK3", person(ANH), "2026-03-18 08:40", &["E11.2"]);
    taken_back.entry = "8".into();
    assert_eq!(place.claim(taken_back), (last, woman));
    let page = place.get("leader", &format!("/people/{woman}")).await;
    page.shows(&["2 lần khám"]);
    page.hides(&[&format!("/claims/{last}\"><")]);
}
