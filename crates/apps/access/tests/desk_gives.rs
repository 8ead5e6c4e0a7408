//! What the access desk gives out: facts and certified copies, of what was asked and approved, and what is not among them.

#![expect(clippy::unwrap_used, reason = "a test panics on a broken expectation")]
#![expect(dead_code, reason = "each test uses some of what they share")]

#[path = "support/request.rs"]
mod request;
mod support;

use axum::http::StatusCode;
use mach_access::policy::Purpose;
use mach_fhir::ResourceType;
use mach_store::resources::{Index, Save};
use mach_store::{desk, schema};
use request::{asked, asked_of, console, given, let_in, save, seen_by, status_of};
use support::{CCCD, Place};

#[tokio::test]
async fn parts_and_days_that_were_not_asked_stay_closed_and_a_copy_has_no_more() {
    let place = Place::new();
    given(&place);
    place.write(|tx| {
        let a = schema::facility_id(tx, "46001")?;
        // Days since 1970 of 4 March 2026, in minutes.
        let day = |n: i64| Some((20_516 + n) * 1_440);
        let save = |kind: ResourceType, id: &str, date, code: &str| Save {
            kind,
            id: id.to_owned(),
            body: Some(format!(
                r#"{{"resourceType":"{}","id":"{id}","effectiveDateTime":"2026-03-04","code":{{"coding":[{{"code":"{code}","display":"called {code}"}}]}}}}"#,
                kind.name()
            )),
            patient: Some(1),
            date,
            facility: a,
            fresh: false,
            index: Index::default(),
        };
        tx.save(&mut [
            save(ResourceType::OBSERVATION, "inside", day(0), "K1"),
            save(ResourceType::OBSERVATION, "before", day(-1), "K2"),
            save(ResourceType::OBSERVATION, "after", day(1), "K3"),
            save(ResourceType::OBSERVATION, "undated", None, "K4"),
        ])
        .map(drop)
    });
    let form = asked_of("8", "LEGAL", CCCD, "3") + "&first=2026-03-04&last=2026-03-04";
    assert_eq!(place.ask("clerk-a", "POST", "/access/desk", &form).await.to, "/access/desk?done=written");
    let copy = place.ask("clerk-a", "POST", "/access/desk/1/copies/1", "").await;
    assert_eq!(copy.status, StatusCode::CONFLICT, "nothing is approved yet");
    place.ask("head-a", "POST", "/access/desk/1", "verdict=approve").await;
    let account = desk::by_id(&mut place.store.read(&console()).unwrap(), 1).unwrap().unwrap().account;
    let (opens, knows, conditions) = seen_by(&place, account);
    assert!(
        opens && !knows && conditions.is_empty(),
        "the record's pages are more than what was asked: {conditions:?}"
    );
    let visitor = let_in(&place, 1).await;
    assert_eq!(place.ask(&visitor, "GET", "/desk/view", "").await.body.matches("/people/1\"").count(), 0);
    let facts = place.ask(&visitor, "GET", "/desk/facts/1", "").await;
    assert!(facts.body.contains("called K1") && facts.body.contains("Lê Thị Hoa"), "{}", facts.body);
    for hidden in ["K2", "K3", "K4", "I10", "B20", "E11"] {
        assert!(!facts.body.contains(&format!("called {hidden}")), "{hidden}: {}", facts.body);
    }
    // A copy: numbered, with its hash, as it was given out whenever it is asked for; and no more in it.
    for (who, path) in [("clerk-a", "/access/desk/1/copies/2"), ("head-b", "/access/desk/1/copies/1")] {
        assert_eq!(place.ask(who, "POST", path, "").await.status, StatusCode::NOT_FOUND, "{who} {path}");
    }
    assert_eq!(place.ask("clerk-a", "POST", "/access/desk/1/copies/1", "").await.to, "/access/desk/1");
    let (made, file) = desk::copy(&mut place.store.read(&console()).unwrap(), 1).unwrap().unwrap();
    assert!(
        file.starts_with(b"%PDF-")
            && made.hash
                == mach_access::secret::hex(&sha2::Digest::finalize(<sha2::Sha256 as sha2::Digest>::new_with_prefix(
                    &file
                )))
    );
    let page = place.ask("clerk-a", "GET", "/access/desk/1", "").await.body;
    assert!(page.contains(&made.hash), "{page}");
    let trail = mach_store::audit::of_person(&mut place.store.read(&console()).unwrap(), 1, 99).unwrap();
    assert!(trail.iter().any(|entry| entry.target.contains(&made.hash)), "its hash is a leaf of the log");
    // The trail says what a visitor looked for, and the person sees it.
    let look = trail.iter().find(|entry| entry.role == "visitor" && entry.target == "desk facts 1");
    assert_eq!(look.map(|entry| entry.account), Some(account));
    let looks = mach_store::audit::looks_at(&mut place.store.read(&console()).unwrap(), 1, (None, 99)).unwrap();
    assert!(looks.iter().any(|(_, entry)| entry.purpose == Some(Purpose::Legal)));
    for (path, status) in [
        ("/desk/copies/1", StatusCode::OK),
        ("/desk/copies/2", StatusCode::NOT_FOUND),
        ("/desk/copies/x", StatusCode::NOT_FOUND),
    ] {
        assert_eq!(status_of(&place, &visitor, path).await, status, "{path}");
    }
    assert_eq!(status_of(&place, "head-b", "/access/desk/1/copies/1").await, StatusCode::NOT_FOUND);
    assert_eq!(status_of(&place, "clerk-a", "/access/desk/1/copies/1").await, StatusCode::OK);
    place.ask("head-a", "POST", "/access/desk/1/end", "").await;
    for again in ["/access/desk/1/copies/1", "/access/desk/1/end"] {
        assert_eq!(place.ask("clerk-a", "POST", again, "").await.status, StatusCode::CONFLICT, "{again}");
    }
    for (who, status) in [("clerk-a", StatusCode::NOT_FOUND), ("head-a", StatusCode::OK)] {
        let path = "/access/desk/1/copies/1";
        assert_eq!(status_of(&place, who, path).await, status, "{who}: what was given out stays known to who answers");
    }
}

#[tokio::test]
async fn copies_made_at_the_same_moment_have_numbers_of_their_own() {
    let place = Place::new();
    given(&place);
    place.ask("clerk-a", "POST", "/access/desk", &asked("LEGAL", CCCD, "3")).await;
    place.ask("head-a", "POST", "/access/desk/1", "verdict=approve").await;
    let press = || place.ask("clerk-a", "POST", "/access/desk/1/copies/1", "");
    let (first, second) = tokio::join!(press(), press());
    for made in [first, second] {
        assert_eq!((made.status, made.to.as_str()), (StatusCode::SEE_OTHER, "/access/desk/1"), "{}", made.body);
    }
    let made = desk::copies_of(&mut place.store.read(&console()).unwrap(), 1).unwrap();
    assert_eq!(made.iter().map(|copy| copy.id).collect::<Vec<_>>(), [2, 1]);
    assert_ne!(made[0].hash, made[1].hash, "each says its own number");
}

#[tokio::test]
async fn what_is_not_among_the_facts_is_said_by_its_rule() {
    let place = Place::new();
    given(&place);
    save(&place, ResourceType::OBSERVATION, "undated", None, "K4");
    save(&place, ResourceType::CARE_PLAN, "plan", Some(1), "P1");
    for form in [
        asked("HPAYMT", CCCD, "3"),
        asked("LEGAL", CCCD, "3"),
        asked_of("16", "HPAYMT", CCCD, "3") + "&first=2026-03-04",
        asked("EDUC", CCCD, "3"),
    ] {
        assert_eq!(place.ask("clerk-a", "POST", "/access/desk", &form).await.to, "/access/desk?done=written");
    }
    let hidden =
        "Dữ kiện về HIV, sức khỏe tâm thần, di truyền, người được bảo vệ thông tin, và lượt khám có dữ kiện đó";
    let (here, undated, plan) = ("chỉ có những gì", "Dữ kiện không ghi ngày", "CarePlan");
    for (id, says, not) in [
        (1, vec![hidden, here, plan, "called K4", "called I10"], vec![undated, "called B20", "không có mã"]),
        (2, vec![here, plan, "called K4", "called B20"], vec![hidden, undated]),
        // Nothing is there: no more is said than that nothing of what may be seen is.
        (3, vec![hidden, here, undated, "Không có dữ kiện nào được mở"], vec!["called", plan]),
        (4, vec![hidden, here, "Dữ kiện không có mã", plan, "called K4"], vec![undated, "called B20"]),
    ] {
        place.ask("head-a", "POST", &format!("/access/desk/{id}"), "verdict=approve").await;
        let visitor = let_in(&place, id).await;
        let page = place.ask(&visitor, "GET", &format!("/desk/facts/{id}"), "").await;
        assert_eq!(page.status, StatusCode::OK, "{id}");
        for text in says {
            assert!(page.body.contains(text), "{id} says {text}: {}", page.body);
        }
        for text in not {
            assert!(!page.body.contains(text), "{id} says nothing of {text}: {}", page.body);
        }
    }
    let Ok(_) = std::process::Command::new("pdftotext").arg("-v").output() else {
        eprintln!("SKIPPED: pdftotext is not installed, the copy's own words are not read");
        return;
    };
    for (id, says) in [(1, "sức khỏe tâm thần"), (3, "Trong phạm vi được xem không có dữ kiện nào.")]
    {
        place.ask("clerk-a", "POST", &format!("/access/desk/{id}/copies/1"), "").await;
        let mut reader = place.store.read(&console()).unwrap();
        let made = desk::copies_of(&mut reader, id).unwrap();
        let (_, file) = desk::copy(&mut reader, made[0].id).unwrap().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("copy.pdf");
        std::fs::write(&path, file).unwrap();
        let read = std::process::Command::new("pdftotext").arg(&path).arg("-").output().unwrap();
        let text = String::from_utf8(read.stdout).unwrap().split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(text.contains(says) && text.contains("Không có ở đây"), "{id}: {text}");
    }
}

#[tokio::test]
async fn what_the_policy_closes_altogether_is_no_link_and_no_copy() {
    let place = Place::new();
    given(&place);
    place.write(|tx| {
        let label =
            r#""meta":{"security":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"CEL"}]}"#;
        let facility = schema::facility_id(tx, "46001")?;
        let body = format!(r#"{{"resourceType":"Patient","id":"p1",{label}}}"#);
        let (kind, id, index) = (ResourceType::PATIENT, "p1".to_owned(), Index::default());
        let save = Save { kind, id, body: Some(body), patient: Some(1), date: None, facility, fresh: false, index };
        tx.save(&mut [save]).map(drop)
    });
    place.ask("clerk-a", "POST", "/access/desk", &asked("HPAYMT", CCCD, "3")).await;
    place.ask("head-a", "POST", "/access/desk/1", "verdict=approve").await;
    let visitor = let_in(&place, 1).await;
    let view = place.ask(&visitor, "GET", "/desk/view", "").await;
    assert!(view.body.contains("Không có dữ kiện nào được mở"), "{}", view.body);
    for link in ["href=\"/people/1\"", "href=\"/desk/facts/1\""] {
        assert!(!view.body.contains(link), "{link}: {}", view.body);
    }
    let copy = place.ask("clerk-a", "POST", "/access/desk/1/copies/1", "").await;
    assert_eq!(copy.status, StatusCode::CONFLICT, "{}", copy.body);
    assert!(copy.body.contains("hồ sơ không mở gì để sao"), "{}", copy.body);
}
