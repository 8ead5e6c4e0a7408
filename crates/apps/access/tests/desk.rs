//! The access desk: written down by one, approved by another, open by a code for some days, and for what was approved alone.

#![expect(clippy::unwrap_used, reason = "a test panics on a broken expectation")]
#![expect(dead_code, reason = "each test uses some of what they share")]

mod support;

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use mach_access::policy::{Purpose, Relation};
use mach_access::{Act, Actor, Decision, Reach, Role, decide};
use mach_base::limits;
use mach_fhir::ResourceType;
use mach_house::SESSION_COOKIE;
use mach_store::resources::{self, Index, Save};
use mach_store::{desk, grants, people, schema};
use support::{CCCD, Place, RELATIVE};
use tower::ServiceExt;

const WORDS: &str =
    "name=Th%E1%BA%A9m+ph%C3%A1n+A&body=TAND+Hu%E1%BA%BF&paper=12%2FGGT&ground=BLTTHS&why=V%E1%BB%A5+%C3%A1n+7";

fn console() -> Decision {
    decide(&Actor::console(), Act::Administer).unwrap()
}

fn asked(purpose: &str, number: &str, days: &str) -> String {
    format!("{WORDS}&purpose={purpose}&numbers={number}&days={days}")
}

/// Person 1 is known to A with a condition; B wrote another of them.
fn given(place: &Place) {
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
async fn let_in(place: &Place, id: i64) -> String {
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

fn seen_by(place: &Place, account: i64) -> (bool, bool, Vec<String>) {
    let reach = Reach { opened: true, ..Reach::default() };
    let visitor = Actor { account, role: Role::Visitor, facility: None, reach, ..Actor::console() };
    let mut reader = place.store.read(&decide(&visitor, Act::ViewDesk).unwrap()).unwrap();
    let found = resources::of_patient(&mut reader, 1, ResourceType::CONDITION, None, 9).unwrap();
    let mut ids: Vec<String> = found.into_iter().map(|r| r.id).collect();
    ids.sort();
    (resources::may_open(&mut reader, 1).unwrap(), resources::may_know(&mut reader, 1).unwrap(), ids)
}

#[tokio::test]
async fn a_court_sees_what_was_approved_and_nobody_approves_their_own_request() {
    let place = Place::new();
    given(&place);
    let wrong = [
        (asked("LEGAL", RELATIVE, "3"), "không tìm thấy ai"),
        (asked("LEGAL", "099999999999", "3"), "không tìm thấy ai"),
        (asked("LEGAL", CCCD, "31"), "từ 1 đến 30"),
        (asked("LEGAL", CCCD, "0"), "từ 1 đến 30"),
        (asked("TREAT", CCCD, "3"), "điền ô này"),
        (asked("LEGAL", "", "3"), "mỗi dòng một số"),
        ("name=&purpose=LEGAL".to_owned(), "điền ô này"),
        (asked("LEGAL", CCCD, "3") + "&parts=5", "điền ô này"),
        (asked("LEGAL", CCCD, "3") + "&first=2026-02-30", "ngày có thật"),
        (asked("LEGAL", CCCD, "3") + "&first=2026-03-02&last=2026-03-01", "ngày cuối đứng trước"),
    ];
    for (form, said) in wrong {
        let refused = place.ask("clerk-a", "POST", "/access/desk", &form).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{form}");
        assert!(refused.body.to_lowercase().contains(said), "{form}: {}", refused.body);
    }
    let many = vec![CCCD; limits::DESK_PEOPLE + 1].join("%0A");
    let refused = place.ask("clerk-a", "POST", "/access/desk", &asked("LEGAL", &many, "3")).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    // The head writes one down too: it is another's to decide.
    for who in ["clerk-a", "head-a"] {
        let written = place.ask(who, "POST", "/access/desk", &asked("LEGAL", CCCD, "3")).await;
        assert_eq!(written.to, "/access/desk?done=written", "{who}: {}", written.body);
    }
    assert!(place.ask("head-a", "GET", "/access/desk", "").await.body.contains("Thẩm phán A"));
    for (who, path) in [("head-b", "/access/desk/1"), ("head-a", "/access/desk/9"), ("head-a", "/access/desk/x")] {
        assert_eq!(place.ask(who, "GET", path, "").await.status, StatusCode::NOT_FOUND, "{who} {path}");
    }
    assert!(!place.ask("head-b", "GET", "/access/desk", "").await.body.contains("Thẩm phán A"));
    for (who, path, status) in [
        ("clerk-a", "/access/desk/1", StatusCode::FORBIDDEN),
        ("head-b", "/access/desk/1", StatusCode::NOT_FOUND),
        ("head-a", "/access/desk/2", StatusCode::NOT_FOUND),
        ("clerk-a", "/access/desk/1/code", StatusCode::CONFLICT),
        ("clerk-a", "/access/desk/1/end", StatusCode::CONFLICT),
    ] {
        let refused = place.ask(who, "POST", path, "verdict=approve").await;
        assert_eq!(refused.status, status, "{who} {path}");
    }
    let done = place.ask("head-a", "POST", "/access/desk/1", "verdict=approve&remark=%C4%91%E1%BB%A7").await;
    assert_eq!(done.to, "/access/desk/1", "{}", done.body);
    let twice = place.ask("head-a", "POST", "/access/desk/1", "verdict=refuse").await;
    assert_eq!(twice.status, StatusCode::CONFLICT, "decided once");
    assert!(twice.body.contains("Yêu cầu không còn ở bước này"), "{}", twice.body);
    let request = desk::by_id(&mut place.store.read(&console()).unwrap(), 1).unwrap().unwrap();
    assert!(request.is_open() && request.words.name == "Thẩm phán A" && request.remark == "đủ");
    // A facility's desk opens what the facility wrote, sensitive facts too, and nothing of another one.
    assert_eq!(seen_by(&place, request.account), (true, true, vec!["of-a".to_owned(), "of-a2".to_owned()]));

    let visitor = let_in(&place, 1).await;
    let view = place.ask(&visitor, "GET", "/desk/view", "").await;
    assert!(view.body.contains("/people/1") && view.body.contains("Lê Thị Hoa"), "{}", view.body);
    for path in ["/access/desk", "/access/reviews", "/me"] {
        assert_eq!(place.ask(&visitor, "GET", path, "").await.status, StatusCode::FORBIDDEN, "{path}");
    }
    // What they did stands on the request; a new code ends the old one and who came in by it.
    let log = place.ask("clerk-a", "GET", "/access/desk/1", "").await.body;
    assert!(log.contains("desk view"), "{log}");
    let other = let_in(&place, 1).await;
    assert_ne!(place.ask(&visitor, "GET", "/desk/view", "").await.status, StatusCode::OK);
    // Wrong codes end the right one, and tell no request from none.
    let said = |number: &str| {
        let form = format!("number={number}&code=AAAA-AAAA-AAAA");
        let (place, number) = (&place, number.to_owned());
        async move {
            let refused = place.ask("", "POST", "/desk", &form).await;
            (refused.status, refused.body.replace(&format!("value=\"{number}\""), "N"))
        }
    };
    assert_eq!(said("1").await, said("77").await);
    assert_eq!(place.ask("head-a", "POST", "/access/desk/1/end", "").await.to, "/access/desk/1");
    assert_ne!(place.ask(&other, "GET", "/desk/view", "").await.status, StatusCode::OK, "sessions end with it");
    assert!(!seen_by(&place, request.account).0);
}

#[tokio::test]
async fn codes_that_are_tried_end_and_so_do_the_days() {
    let place = Place::new();
    given(&place);
    place.ask("clerk-a", "POST", "/access/desk", &asked("HPAYMT", CCCD, "1")).await;
    place.ask("head-a", "POST", "/access/desk/1", "verdict=approve").await;
    let given = place.ask("clerk-a", "POST", "/access/desk/1/code", "").await.body;
    let at = given.find("Mã: ").unwrap() + "Mã: ".len();
    let code = given[at..at + 14].to_owned();
    for _ in 0..desk::CODE_TRIES {
        place.ask("", "POST", "/desk", "number=1&code=WRONG").await;
    }
    let spent = place.ask("clerk-a", "GET", "/access/desk/1", "").await.body;
    assert!(spent.contains("Không có mã nào dùng được"), "the desk sees that the code was tried to its end: {spent}");
    let tried = mach_store::audit::of_target(&mut place.store.read(&console()).unwrap(), "desk sign-in 1").unwrap();
    assert_eq!(tried.len() as i64, desk::CODE_TRIES, "the trail says which request was tried");
    let late = place.ask("", "POST", "/desk", &format!("number=1&code={code}")).await;
    assert_eq!(late.status, StatusCode::UNAUTHORIZED);
    let visitor = let_in(&place, 1).await;
    // The insurer sees ordinary facts.
    let account = desk::by_id(&mut place.store.read(&console()).unwrap(), 1).unwrap().unwrap().account;
    assert_eq!(seen_by(&place, account).2, ["of-a"]);
    // Its days are over.
    place.write(|tx| {
        use mach_store::sql::Execute;
        tx.run("UPDATE access_request SET until = 1", &[])?;
        tx.run("UPDATE access_grant SET until = 1", &[]).map(drop)
    });
    let over = place.ask(&visitor, "GET", "/desk/view", "").await;
    assert!(!over.body.contains("/people/1"), "{}", over.body);
    assert_eq!(place.ask("", "POST", "/desk", &format!("number=1&code={code}")).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(place.ask("clerk-a", "POST", "/access/desk/1/code", "").await.status, StatusCode::CONFLICT);
}

#[tokio::test]
async fn a_student_learns_what_was_found_and_not_of_whom() {
    let place = Place::new();
    given(&place);
    place.ask("clerk-a", "POST", "/access/desk", &asked("EDUC", CCCD, "2")).await;
    place.ask("head-a", "POST", "/access/desk/1", "verdict=approve").await;
    let visitor = let_in(&place, 1).await;
    let account = desk::by_id(&mut place.store.read(&console()).unwrap(), 1).unwrap().unwrap().account;
    assert_eq!(seen_by(&place, account), (true, false, vec!["of-a".to_owned()]), "the record's own page is not theirs");
    let view = place.ask(&visitor, "GET", "/desk/view", "").await.body;
    assert!(!view.contains("Lê Thị Hoa") && !view.contains("/people/1") && view.contains("/desk/facts/"), "{view}");
    let grant = grants::by_relation(&mut place.store.read(&console()).unwrap(), 1, Relation::Desk, (None, 1)).unwrap();
    assert_eq!(grant[0].purpose, Purpose::Education);
    let facts = place.ask(&visitor, "GET", &format!("/desk/facts/{}", grant[0].id), "").await;
    assert_eq!(facts.status, StatusCode::OK);
    assert!(facts.body.contains("called I10") && facts.body.contains("2026"), "{}", facts.body);
    for hidden in ["Hoa", "kể", "B20", "E11", CCCD, "2026-03", "04/03"] {
        assert!(!facts.body.contains(hidden), "{hidden}: {}", facts.body);
    }
    for other in ["0", "9", "x"] {
        let none = place.ask(&visitor, "GET", &format!("/desk/facts/{other}"), "").await;
        assert_eq!(none.status, StatusCode::NOT_FOUND, "{other}");
    }
    // Refused is not open.
    place.ask("clerk-a", "POST", "/access/desk", &asked("HRESCH", CCCD, "2")).await;
    assert_eq!(place.ask("head-a", "POST", "/access/desk/2", "verdict=refuse").await.to, "/access/desk/2");
    assert_eq!(place.ask("clerk-a", "POST", "/access/desk/2/code", "").await.status, StatusCode::CONFLICT);
}

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
    let form = asked("LEGAL", CCCD, "3") + "&parts=8&first=2026-03-04&last=2026-03-04";
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
async fn steps_are_taken_back() {
    let place = Place::new();
    given(&place);
    for _ in 0..2 {
        place.ask("clerk-a", "POST", "/access/desk", &asked("LEGAL", CCCD, "3")).await;
    }
    let state = |id| desk::by_id(&mut place.store.read(&console()).unwrap(), id).unwrap().unwrap().state;
    for (who, path, to) in [
        ("head-b", "/access/desk/1/withdraw", None),
        ("clerk-a", "/access/desk/1/reopen", None),
        ("clerk-a", "/access/desk/1/withdraw", Some(desk::State::Withdrawn)),
        ("clerk-a", "/access/desk/1/withdraw", None),
        ("head-a", "/access/desk/1/reopen", None),
    ] {
        let asked = place.ask(who, "POST", path, "").await;
        assert_eq!(asked.to.is_empty(), to.is_none(), "{who} {path}: {}", asked.status);
        if let Some(to) = to {
            assert_eq!(state(1), to);
        }
    }
    assert_eq!(place.ask("head-a", "POST", "/access/desk/1", "verdict=approve").await.status, StatusCode::CONFLICT);
    place.ask("head-a", "POST", "/access/desk/2", "verdict=refuse").await;
    assert_eq!(state(2), desk::State::Refused);
    assert_eq!(place.ask("head-a", "POST", "/access/desk/2/reopen", "").await.to, "/access/desk/2");
    assert_eq!(state(2), desk::State::Waits);
    place.ask("head-a", "POST", "/access/desk/2", "verdict=approve").await;
    assert_eq!(state(2), desk::State::Approved);
    assert_eq!(place.ask("clerk-a", "POST", "/access/desk/2/withdraw", "").await.status, StatusCode::CONFLICT);
}

#[tokio::test]
async fn who_answers_for_access_decides_and_reads_nothing_of_care_by_it() {
    let place = Place::new();
    given(&place);
    place.ask("leader", "POST", "/access/desk", &asked("LEGAL", CCCD, "3")).await;
    assert_eq!(place.ask("admin", "POST", "/access/desk/1", "verdict=approve").await.to, "/access/desk/1");
    for path in ["/access/desk/1/code", "/access/desk/1/copies/1"] {
        assert_eq!(place.ask("admin", "POST", path, "").await.status, StatusCode::FORBIDDEN, "{path}");
    }
    let page = place.ask("admin", "GET", "/access/desk/1", "").await;
    assert_eq!(page.status, StatusCode::OK);
    for button in ["/access/desk/1/code", "/access/desk/1/copies/1"] {
        assert!(!page.body.contains(button), "{button}: {}", page.body);
    }
    // Who hands a code out proved who they are.
    let moved = |to: i64| {
        place.write(move |tx| {
            use mach_store::sql::Execute;
            tx.run("UPDATE session SET proven = proven + ?1", &[to.into()]).map(drop)
        });
    };
    moved(-limits::PROVEN_MINUTES * 60 - 5);
    let unproven = place.ask("leader", "POST", "/access/desk/1/code", "").await;
    assert!(unproven.status != StatusCode::OK && !unproven.body.contains("Mã: "), "{}", unproven.body);
    moved(limits::PROVEN_MINUTES * 60 + 5);
    let page = place.ask("leader", "POST", "/access/desk/1/code", "").await;
    assert!(page.status == StatusCode::OK && page.body.contains("Mã: "), "{}", page.body);
    assert_eq!(place.ask("leader", "POST", "/access/desk/1/copies/1", "").await.to, "/access/desk/1");
    assert_eq!(status_of(&place, "admin", "/access/desk/1/copies/1").await, StatusCode::FORBIDDEN);
    assert!(!place.ask("admin", "GET", "/access/desk/1", "").await.body.contains("/access/desk/1/copies/1"));
    assert_eq!(status_of(&place, "leader", "/access/desk/1/copies/1").await, StatusCode::OK);
}

#[tokio::test]
async fn a_visitor_s_name_is_nobody_else_s_and_what_opened_it_before_opens_nothing() {
    let place = Place::new();
    given(&place);
    assert!(!mach_store::accounts::is_account_name("visitor-1"));
    let before = place.write(|tx| {
        let facility = Some(schema::facility_id(tx, "46001")?);
        let new = mach_store::accounts::NewAccount {
            name: "visitor-1".to_owned(),
            display: "x".to_owned(),
            role: Role::Clinician,
            facility,
            password: String::new(),
        };
        let id = tx.set_account(&new)?;
        tx.propose_factor(id, b"12345678901234567890")?;
        tx.confirm_factor(id, 1, &[])?;
        Ok(id)
    });
    place.ask("clerk-a", "POST", "/access/desk", &asked("LEGAL", CCCD, "3")).await;
    place.ask("head-a", "POST", "/access/desk/1", "verdict=approve").await;
    let mut reader = place.store.read(&console()).unwrap();
    assert_eq!(desk::by_id(&mut reader, 1).unwrap().unwrap().account, before);
    assert!(!mach_store::factors::is_guarded(&mut reader, before).unwrap());
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
async fn what_is_typed_is_kept_whole_or_refused() {
    let place = Place::new();
    given(&place);
    let filled = |field: &str, n: usize| {
        let mut form = String::new();
        for name in ["name", "body", "paper", "ground", "why"] {
            let text = if name == field { "ă".repeat(n) } else { "x".to_owned() };
            form += &format!("{name}={text}&");
        }
        form + &format!("purpose=LEGAL&numbers={CCCD}&days=3")
    };
    for (id, (field, most)) in
        (1..).zip([("name", limits::NAME_CHARS), ("paper", 255), ("ground", 2_000), ("why", limits::DESK_TEXT_CHARS)])
    {
        let refused = place.ask("clerk-a", "POST", "/access/desk", &filled(field, most + 1)).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{field}");
        assert!(refused.body.contains(&format!("Dài quá {most} ký tự")), "{field}: {}", refused.body);
        assert_eq!(
            place.ask("clerk-a", "POST", "/access/desk", &filled(field, most)).await.to,
            "/access/desk?done=written"
        );
        let words = desk::by_id(&mut place.store.read(&console()).unwrap(), id).unwrap().unwrap().words;
        let kept = [&words.name, &words.paper, &words.ground, &words.why].map(|text| text.chars().count());
        assert_eq!(kept.into_iter().max(), Some(most), "{field}");
    }
    let long = |n: usize| format!("verdict=refuse&remark={}", "ă".repeat(n));
    let refused = place.ask("head-a", "POST", "/access/desk/1", &long(limits::DESK_TEXT_CHARS + 1)).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    assert!(refused.body.contains("Dài quá 2000 ký tự"), "{}", refused.body);
    assert_eq!(
        place.ask("head-a", "POST", "/access/desk/1", &long(limits::DESK_TEXT_CHARS)).await.to,
        "/access/desk/1"
    );
    let remark = desk::by_id(&mut place.store.read(&console()).unwrap(), 1).unwrap().unwrap().remark;
    assert_eq!(remark.chars().count(), limits::DESK_TEXT_CHARS);
}

#[tokio::test]
async fn what_waits_for_a_decision_waits_for_who_may_decide_it() {
    let place = Place::new();
    given(&place);
    for who in ["clerk-a", "head-a", "leader"] {
        place.ask(who, "POST", "/access/desk", &asked("LEGAL", CCCD, "3")).await;
    }
    let waits = |name: &str| {
        let mut all = place.store.read(&console()).unwrap();
        let account = mach_store::accounts::by_name(&mut all, name).unwrap().unwrap();
        drop(all);
        let queue = mach_access_pages::WORK.iter().find(|queue| queue.page == "/access/desk").unwrap();
        let decision = decide(&account.actor, queue.act).unwrap();
        (queue.ask)(&mut place.store.read_one(&decision).unwrap(), &account.actor).unwrap().count
    };
    assert_eq!(["head-a", "head-b", "leader", "admin"].map(waits), [1, 0, 0, 1]);
    place.ask("head-a", "POST", "/access/desk/1", "verdict=refuse").await;
    assert_eq!(waits("head-a"), 0);
}

/// A plain resource of person 1, written by A.
fn save(place: &Place, kind: ResourceType, id: &'static str, date: Option<i64>, code: &'static str) {
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

#[tokio::test]
async fn what_is_not_among_the_facts_is_said_by_its_rule() {
    let place = Place::new();
    given(&place);
    save(&place, ResourceType::OBSERVATION, "undated", None, "K4");
    save(&place, ResourceType::CARE_PLAN, "plan", Some(1), "P1");
    for form in [
        asked("HPAYMT", CCCD, "3"),
        asked("LEGAL", CCCD, "3"),
        asked("HPAYMT", CCCD, "3") + "&parts=16&first=2026-03-04",
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

/// The status alone, of what is no text.
async fn status_of(place: &Place, who: &str, path: &str) -> StatusCode {
    let request = Request::builder().uri(path).header(header::COOKIE, format!("{SESSION_COOKIE}={who}"));
    place.app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap().status()
}
