//! Who speaks for a child is written down at the desk, with the proof that was seen, until the child is of age at the latest.

#![expect(clippy::unwrap_used, reason = "a test panics on a broken expectation")]
#![expect(dead_code, reason = "each test uses some of what they share")]

#[path = "support/request.rs"]
mod request;
mod support;

use axum::http::StatusCode;
use mach_access::ages::birthday;
use mach_access::policy::Relation;
use mach_base::{Day, limits};
use mach_store::grants::Grant;
use mach_store::people::{self, NumberRow, PersonRow};
use mach_store::{grants, notices, schema};
use request::console;
use support::{CCCD, Place};

/// A child of `years` known to A, with the number `0460020000NN`.
fn child(place: &Place, id: i64, years: i32, known: bool) -> (String, Day) {
    let (number, today) = (format!("0460020000{id}"), Day::today());
    let born = birthday(today, -years).unwrap();
    let national = number.clone();
    place.write(move |tx| {
        let row = PersonRow {
            id,
            name: "Lê Minh Khôi".to_owned(),
            birth_day: Some(born.0.into()),
            birth_year: born.ymd().0.into(),
            national: Some(national.clone()),
            ..PersonRow::default()
        };
        people::insert_person(tx, &row)?;
        people::insert_number(tx, &NumberRow { kind: 1, scope: 0, key: national.chars().rev().collect(), person: id })?;
        if known {
            let a = schema::facility_id(tx, "46001")?;
            people::insert_facility(tx, id, a)?;
        }
        Ok(())
    });
    (number, born)
}

fn form(child: &str, until: &str) -> String {
    format!(
        "child={child}&child_name=le+minh+khoi&reader={CCCD}&reader_name=L%C3%AA+Th%E1%BB%8B+Hoa&kind=mother&proof=birth&\
         paper=12%2F2024&until={until}"
    )
}

fn held(place: &Place, child: i64) -> Vec<Grant> {
    grants::held(&mut place.store.read(&console()).unwrap(), child, &[Relation::Proxy]).unwrap()
}

#[tokio::test]
async fn a_mother_is_written_down_reads_and_is_stopped() {
    let place = Place::new();
    let (number, born) = child(&place, 31, 6, true);
    for who in ["doctor-a", "leader", "admin"] {
        assert_eq!(place.ask(who, "POST", "/access/proxies", &form(&number, "")).await.status, StatusCode::FORBIDDEN);
        assert_eq!(place.ask(who, "GET", "/access/proxies", "").await.status, StatusCode::FORBIDDEN, "{who}");
    }
    let made = place.ask("clerk-a", "POST", "/access/proxies", &form(&number, "")).await;
    assert_eq!(made.to, "/access/proxies?done=made", "{}", made.body);
    let [grant] = held(&place, 31).try_into().unwrap_or_else(|all| panic!("{all:?}"));
    let grown = birthday(born, 18).unwrap();
    assert_eq!(
        grant.until,
        i64::from(grown.0) * 86_400 - 7 * 3_600,
        "until the day begins on which the child is of age"
    );
    assert_eq!(grant.reason, "Mẹ · Giấy khai sinh: 12/2024");
    // A later day is no later; an earlier one holds; written down anew it stands once.
    let later = birthday(born, 30).unwrap().to_string();
    place.ask("clerk-a", "POST", "/access/proxies", &form(&number, &later)).await;
    assert_eq!(held(&place, 31).iter().map(|g| g.until).collect::<Vec<_>>(), [grant.until]);
    let soon = Day(Day::today().0 + 3);
    place.ask("clerk-a", "POST", "/access/proxies", &form(&number, &soon.to_string())).await;
    assert_eq!(
        held(&place, 31).iter().map(|g| g.until).collect::<Vec<_>>(),
        [i64::from(soon.0 + 1) * 86_400 - 7 * 3_600],
        "to the end of the day that was typed"
    );
    // The mother sees the child at her own page, and is told; so is the child.
    let mother = place.signed_in().await;
    let home = place.ask(&mother, "GET", "/me", "").await.body;
    assert!(home.contains("Lê Minh Khôi") && home.contains("/people/31"), "{home}");
    let told = |name: &str| {
        let mut reader = place.store.read(&console()).unwrap();
        let account = mach_store::accounts::by_name(&mut reader, name).unwrap().unwrap().actor.account;
        let all = notices::of_account(&mut reader, account, None, 9).unwrap();
        all.into_iter().filter_map(|n| n.kind).collect::<Vec<_>>()
    };
    for who in ["citizen-1", "citizen-31"] {
        assert_eq!(told(who), [notices::Kind::ProxyMade; 3], "{who}");
    }
    let list = place.ask("clerk-a", "GET", "/access/proxies", "").await.body;
    assert!(list.contains("Lê Minh Khôi") && list.contains("12/2024"), "{list}");
    assert!(!place.ask("head-b", "GET", "/access/proxies", "").await.body.contains("Lê Minh Khôi"));
    let [grant] = held(&place, 31).try_into().unwrap_or_else(|all| panic!("{all:?}"));
    let end = format!("/access/proxies/{}/end", grant.id);
    assert_eq!(place.ask("head-b", "POST", &end, "").await.status, StatusCode::NOT_FOUND);
    assert_eq!(place.ask("head-a", "POST", &end, "").await.to, "/access/proxies");
    assert_eq!(place.ask("head-a", "POST", &end, "").await.status, StatusCode::NOT_FOUND, "once");
    assert!(held(&place, 31).is_empty());
    assert!(!place.ask(&mother, "GET", "/me", "").await.body.contains("Lê Minh Khôi"));
    assert_eq!(told("citizen-1")[0], notices::Kind::ProxyEnded);
    assert_eq!(told("citizen-31")[0], notices::Kind::ProxyEnded);
    // She may give it up herself.
    place.ask("clerk-a", "POST", "/access/proxies", &form(&number, "")).await;
    let [grant] = held(&place, 31).try_into().unwrap_or_else(|all| panic!("{all:?}"));
    assert_eq!(place.ask(&mother, "POST", &format!("/me/share/{}/end", grant.id), "").await.to, "/me");
    assert!(held(&place, 31).is_empty());
}

#[tokio::test]
async fn who_is_not_the_one_on_the_paper_is_not_taken() {
    let place = Place::new();
    let (number, _) = child(&place, 31, 6, true);
    let (elsewhere, _) = child(&place, 32, 6, false);
    let (grown, _) = child(&place, 33, 18, true);
    let good = form(&number, "");
    let mut answers = Vec::new();
    for wrong in [
        good.replace(CCCD, "099999999999"),
        good.replace("L%C3%AA+Th%E1%BB%8B+Hoa", "Nguyen+Van+Nam"),
        good.replace(CCCD, &number).replace("L%C3%AA+Th%E1%BB%8B+Hoa", "le+minh+khoi"),
    ] {
        let refused = place.ask("clerk-a", "POST", "/access/proxies", &wrong).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{wrong}");
        assert!(refused.body.contains("Không tìm thấy ai có số và họ tên này"), "{}", refused.body);
        answers.push(refused.body.contains("Lê Thị Hoa"));
    }
    assert_eq!(answers, [true, false, false], "no name is shown but what was typed");
    let yesterday = Day(Day::today().0 - 1).to_string();
    for wrong in [
        good.replace("le+minh+khoi", "tran+thi+lan"),
        form(&elsewhere, ""),
        form(&grown, ""),
        form(&number, &yesterday),
        form(&number, "x"),
        good.replace("kind=mother", "kind="),
        good.replace("kind=mother", "kind=aunt"),
        good.replace("proof=birth", "proof="),
        good.replace("12%2F2024", ""),
        good.replace("12%2F2024", &"x".repeat(limits::NAME_CHARS + 1)),
    ] {
        let refused = place.ask("clerk-a", "POST", "/access/proxies", &wrong).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{wrong}");
    }
    for person in [31, 32, 33] {
        assert!(held(&place, person).is_empty(), "{person}");
    }
    let most = good.replace("12%2F2024", &"x".repeat(limits::NAME_CHARS));
    assert_eq!(place.ask("clerk-a", "POST", "/access/proxies", &most).await.to, "/access/proxies?done=made");
}

#[tokio::test]
async fn from_their_fifteenth_birthday_a_child_is_asked() {
    let place = Place::new();
    let (young, _) = child(&place, 31, 14, true);
    let (old, born) = child(&place, 32, 15, true);
    assert_eq!(
        place.ask("clerk-a", "POST", "/access/proxies", &form(&young, "")).await.to,
        "/access/proxies?done=made"
    );
    for unasked in [form(&old, ""), form(&old, "") + "&agrees=no"] {
        let asked = place.ask("clerk-a", "POST", "/access/proxies", &unasked).await;
        assert_eq!(asked.status, StatusCode::BAD_REQUEST);
        assert!(asked.body.contains("name=\"agrees\""), "{}", asked.body);
    }
    assert!(held(&place, 32).is_empty());
    let agreed = form(&old, "") + "&agrees=yes";
    assert_eq!(place.ask("clerk-a", "POST", "/access/proxies", &agreed).await.to, "/access/proxies?done=made");
    let until = birthday(born, 18).unwrap();
    assert_eq!(held(&place, 32)[0].until, i64::from(until.0) * 86_400 - 7 * 3_600);
}
