//! The access desk: written down by one, approved by another, open by a code for some days, and for what was approved alone.

#![expect(clippy::unwrap_used, reason = "a test panics on a broken expectation")]
#![expect(dead_code, reason = "each test uses some of what they share")]

#[path = "support/request.rs"]
mod request;
mod support;

use axum::http::StatusCode;
use mach_access::policy::{Purpose, Relation};
use mach_access::{Role, decide};
use mach_base::limits;
use mach_store::{desk, grants, schema};
use request::{asked, asked_of, console, given, let_in, seen_by, status_of};
use support::{CCCD, Place, RELATIVE};

#[tokio::test]
async fn a_court_sees_what_was_approved_and_nobody_approves_their_own_request() {
    let place = Place::new();
    given(&place);
    let wrong = [
        (asked("LEGAL", RELATIVE, "3"), "không tìm thấy ai"),
        (asked("LEGAL", "099999999999", "3"), "không tìm thấy ai"),
        (asked("LEGAL", CCCD, "31"), "từ 1 đến 30"),
        (asked("LEGAL", CCCD, "0"), "từ 1 đến 30"),
        (asked("TREAT", CCCD, "3"), "id=\"purpose-error\""),
        (asked("", CCCD, "3"), "id=\"purpose-error\""),
        (asked_of("", "LEGAL", CCCD, "3"), "id=\"parts-error\""),
        (asked("LEGAL", "", "3"), "mỗi dòng một số"),
        ("name=&purpose=LEGAL".to_owned(), "điền ô này"),
        (asked_of("5", "LEGAL", CCCD, "3"), "id=\"parts-error\""),
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
    // Nothing is decided by the first of a list: who chose nothing is told so, and what was typed is kept.
    let asks = place.ask("head-a", "GET", "/access/desk/1", "").await.body;
    assert!(asks.contains("<option value=\"\" selected>"), "{asks}");
    for chosen in ["", "yes"] {
        let form = format!("verdict={chosen}&remark=ch%C6%B0a+r%C3%B5");
        let refused = place.ask("head-a", "POST", "/access/desk/1", &form).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{chosen}");
        assert!(refused.body.contains("id=\"verdict-error\"") && refused.body.contains("chưa rõ"), "{}", refused.body);
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
async fn what_is_typed_is_kept_whole_or_refused() {
    let place = Place::new();
    given(&place);
    let filled = |field: &str, n: usize| {
        let mut form = String::new();
        for name in ["name", "body", "paper", "ground", "why"] {
            let text = if name == field { "ă".repeat(n) } else { "x".to_owned() };
            form += &format!("{name}={text}&");
        }
        form + &format!("parts=0&purpose=LEGAL&numbers={CCCD}&days=3")
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
