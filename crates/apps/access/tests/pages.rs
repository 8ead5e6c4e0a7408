//! Citizens sign in without anybody learning who is known, read what is theirs, let others in; emergencies are reviewed.

#![expect(clippy::unwrap_used, reason = "a test panics on a broken expectation")]

mod support;

use axum::http::StatusCode;
use mach_access::policy::{Purpose, Relation};
use mach_access::{Act, Actor, Role, decide, secret};
use mach_base::limits;
use mach_base::time::now_seconds;
use mach_house::{House, Settings, proof};
use mach_store::grants::{self, NewGrant, Review};
use mach_store::people;
use mach_store::sessions::State;
use mach_store::{accounts, audit};
use support::{CCCD, PHONE, Place, RELATIVE};

#[tokio::test]
async fn nobody_learns_whether_a_number_is_known() {
    let place = Place::new();
    let unknown = "099999999999";
    let mut said = Vec::new();
    // Known; unknown; known but without a telephone.
    for number in [CCCD, unknown, RELATIVE] {
        let asked = place.ask("", "POST", "/me/sign-in", &format!("number={number}")).await;
        let wrong = place.ask("", "POST", "/me/sign-in/code", &format!("number={number}&code=12")).await;
        said.push([asked, wrong].map(|a| (a.status, a.to, a.cookie, a.body.replace(number, "N"))));
    }
    assert_eq!(said[0], said[1]);
    assert_eq!(said[0], said[2]);
    assert_eq!(said[0][1].0, StatusCode::UNAUTHORIZED);
    place.code(1).await;
    assert_eq!(place.sms.sent().len(), 1, "only who is known and can be reached is sent a code");
}

#[tokio::test]
async fn a_code_works_once_and_few_are_sent() {
    let place = Place::new();
    let cookie = place.signed_in().await;
    assert_eq!(place.ask(&cookie, "GET", "/me", "").await.status, StatusCode::OK);
    let code = place.code(1).await;
    let again = place.ask("", "POST", "/me/sign-in/code", &format!("number={CCCD}&code={code}")).await;
    assert_eq!(again.status, StatusCode::UNAUTHORIZED, "a second time");
    for _ in 0..5 {
        // By telephone as well as by number: it is the person who is sent few.
        place.ask("", "POST", "/me/sign-in", &format!("number={PHONE}")).await;
    }
    let last = place.code(3).await;
    assert_eq!(place.sms.sent().len(), 3);
    // Wrong ones use the right one up.
    for guess in 0..5 {
        let wrong = if last == format!("{guess:06}") { "999999".to_owned() } else { format!("{guess:06}") };
        place.ask("", "POST", "/me/sign-in/code", &format!("number={CCCD}&code={wrong}")).await;
    }
    let late = place.ask("", "POST", "/me/sign-in/code", &format!("number={CCCD}&code={last}")).await;
    assert_eq!(late.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_citizen_sees_who_looked_and_lets_others_in() {
    let place = Place::new();
    let me = place.signed_in().await;
    let home = place.ask(&me, "GET", "/me", "").await;
    assert!(home.body.contains("Lê Thị Hoa") && home.body.contains("/people/1"), "{}", home.body);
    // Passkeys ask for a fresh proof, which nobody without a password gives but by coming in anew.
    assert!(home.body.contains("href=\"/account/passkeys\""), "{}", home.body);
    let moved = |to: i64| {
        place.write(move |tx| {
            use mach_store::sql::Execute;
            tx.run("UPDATE session SET proven = proven + ?1", &[to.into()]).map(drop)
        });
    };
    moved(-mach_base::limits::PROVEN_MINUTES * 60 - 5);
    let late = place.ask(&me, "GET", "/me", "").await.body;
    assert!(!late.contains("/account/passkeys") && late.contains("href=\"/me/sign-in\""), "{late}");
    moved(mach_base::limits::PROVEN_MINUTES * 60 + 5);
    place.write(|tx| {
        tx.grant(&NewGrant {
            person: 1,
            account: 99,
            facility: 0,
            relation: Relation::BreakGlass,
            purpose: Purpose::Emergency,
            until: now_seconds() + 60,
            reason: "Hôn mê <b>".to_owned(),
            source: String::new(),
            from: 0,
            review: Review::Waits,
        })
        .map(drop)
    });
    let looks = place.ask(&me, "GET", "/me/looks/1", "").await;
    assert!(looks.body.contains("Mở khẩn cấp") && looks.body.contains("Hôn mê &lt;b&gt;"), "{}", looks.body);
    // Another's is not there, whether it exists or not.
    let (other, none) =
        (place.ask(&me, "GET", "/me/looks/2", "").await, place.ask(&me, "GET", "/me/looks/3", "").await);
    let plain = |body: String| body.replace("/me/looks/2", "P").replace("/me/looks/3", "P");
    assert_eq!((other.status, plain(other.body.clone())), (none.status, plain(none.body)));
    assert_eq!(other.status, StatusCode::NOT_FOUND);
    // A relative is let in until a day; a number nobody has is answered the same.
    let day = mach_base::Day(mach_base::Day::today().0 + 30).to_string();
    for number in [RELATIVE, "099999999999"] {
        let done = place.ask(&me, "POST", "/me/share", &format!("number={number}&until={day}")).await;
        assert_eq!(done.to, "/me?done=shared", "{number}");
    }
    assert_eq!(place.ask("", "GET", "/me/sign-in/code", "").await.to, "/me/sign-in");
    for wrong in ["2020-01-01", "2999-01-01", "x"] {
        let refused = place.ask(&me, "POST", "/me/share", &format!("number={RELATIVE}&until={wrong}")).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{wrong}");
        assert!(refused.body.contains("id=\"until-error\""), "at its field: {wrong}");
        assert!(refused.body.contains(RELATIVE), "what was typed is kept: {wrong}");
    }
    let decision = decide(&Actor::console(), Act::Administer).unwrap();
    let shared = || {
        let all = grants::of_person(&mut place.store.read(&decision).unwrap(), 1, 10).unwrap();
        all.into_iter().filter(|g| g.relation == Relation::Proxy).collect::<Vec<_>>()
    };
    let [nobody, one]: [grants::Grant; 2] = shared().try_into().unwrap();
    // Who typed a number learns neither a name nor whether there is one.
    let home = place.ask(&me, "GET", "/me", "").await.body;
    assert!(!home.contains("Trần Văn Bình"), "{home}");
    for number in [RELATIVE, "099999999999"] {
        assert!(home.contains(&format!("•••{} · ", &number[9..])), "{number}: {home}");
    }
    assert!(nobody.holds() && nobody.account < 0 && one.account > 0);
    // The relative sees that there was an emergency, not why.
    let relative = mach_store::Store::write(&place.store, &decision, move |tx| {
        tx.begin_session(&secret::token_hash("relative"), one.account, State::Open, "")
    });
    relative.unwrap();
    let seen = place.ask("relative", "GET", "/me/looks/1", "").await.body;
    assert!(seen.contains("Mở khẩn cấp") && !seen.contains("Hôn mê"), "{seen}");
    assert!(one.holds());
    assert_eq!(place.ask(&me, "POST", &format!("/me/share/{}/end", one.id), "").await.to, "/me");
    assert!(!shared()[1].holds() && shared()[0].holds());
    let gone = place.ask(&me, "POST", &format!("/me/share/{}/end", one.id), "").await;
    assert_eq!(gone.status, StatusCode::NOT_FOUND);
    // Refused, and let in again.
    for (say, want) in [("1", vec![0]), ("0", vec![])] {
        place.ask(&me, "POST", "/me/refusal", &format!("refuse={say}")).await;
        assert_eq!(grants::refusals(&mut place.store.read(&decision).unwrap(), 1).unwrap(), want);
    }
    let trail = audit::of_person(&mut place.store.read(&decision).unwrap(), 1, 50).unwrap();
    assert!(trail.iter().any(|e| e.target == "looks 1"), "their own look too");
}

fn opening(relation: Relation, reason: &str) -> NewGrant {
    NewGrant {
        person: 1,
        account: 99,
        facility: 0,
        relation,
        purpose: if relation == Relation::BreakGlass { Purpose::Emergency } else { Purpose::Treatment },
        until: now_seconds() + 3_600,
        reason: reason.to_owned(),
        source: String::new(),
        from: 0,
        review: Review::NotNeeded,
    }
}

#[tokio::test]
async fn nothing_pushes_an_emergency_a_look_or_who_was_let_in_out_of_sight() {
    let place = Place::new();
    let me = place.signed_in().await;
    let day = mach_base::Day(mach_base::Day::today().0 + 30).to_string();
    place.ask(&me, "POST", "/me/share", &format!("number={RELATIVE}&until={day}")).await;
    place.write(|tx| {
        tx.grant(&opening(Relation::BreakGlass, "the first of all"))?;
        tx.audit(Some(1), "a look of long ago", "denied")?;
        (0..210).try_for_each(|_| tx.grant(&opening(Relation::Consented, "")).map(drop))?;
        (0..55).try_for_each(|n| tx.grant(&opening(Relation::BreakGlass, &format!("later {n}"))).map(drop))
    });
    let home = place.ask(&me, "GET", "/me", "").await.body;
    assert!(home.contains(&format!("•••{} · ", &RELATIVE[9..])), "whom one let in is there to be stopped: {home}");
    // Page by page everything is reached.
    let link = |body: &str, what: &str| {
        let mark = format!("class=\"btn\" href=\"/me/looks/1?{what}=");
        let at = body.find(&mark).map(|at| &body[at + "class=\"btn\" href=\"".len()..]);
        at.map(|rest| rest[..rest.find('"').unwrap()].to_owned())
    };
    for (what, last, shown) in [("emergency", "the first of all", 50), ("look", "Bị từ chối", 200)] {
        let mut path = Some("/me/looks/1".to_owned());
        let mut pages = 0;
        let mut found = false;
        while let Some(at) = path.filter(|_| pages < 9) {
            let body = place.ask(&me, "GET", &at, "").await.body;
            (pages, found) = (pages + 1, found || body.contains(last));
            path = link(&body, what);
        }
        assert!(found && pages > 1, "{what}: {pages} pages of {shown}");
    }
    // Many are let in, one more is not.
    for n in 1..limits::SHARES {
        let done = place.ask(&me, "POST", "/me/share", &format!("number=0461720001{n:02}&until={day}")).await;
        assert_eq!(done.to, "/me?done=shared", "{n}");
    }
    let more = place.ask(&me, "POST", "/me/share", &format!("number=046172000999&until={day}")).await;
    assert_eq!(more.status, StatusCode::BAD_REQUEST);
    for part in ["id=\"number-error\"", "Dừng một người trước", "046172000999", &*day] {
        assert!(more.body.contains(part), "{part}: {}", more.body);
    }
}

#[tokio::test]
async fn a_refusal_is_lifted_also_after_a_merge_and_what_a_facility_wrote_is_told_apart() {
    let place = Place::new();
    let me = place.signed_in().await;
    let decision = decide(&Actor::console(), Act::Administer).unwrap();
    let refusals = || grants::refusals(&mut place.store.read(&decision).unwrap(), 1).unwrap();
    // They refused as somebody who is now one with them.
    place.write(|tx| {
        tx.refuse(2, 0, "me/2")?;
        people::move_record(tx, 1, 2, 1, 0)
    });
    assert_eq!(refusals(), [0]);
    let home = place.ask(&me, "GET", "/me", "").await.body;
    assert!(home.contains("Cho xem lại"), "{home}");
    place.ask(&me, "POST", "/me/refusal", "refuse=0").await;
    assert_eq!(refusals(), Vec::<i64>::new());
    // Twice is once.
    for _ in 0..2 {
        place.ask(&me, "POST", "/me/refusal", "refuse=1").await;
    }
    place.ask(&me, "POST", "/me/refusal", "refuse=0").await;
    assert_eq!(refusals(), Vec::<i64>::new());
    // What a facility wrote down is not theirs to end here, and the page says so.
    place.write(|tx| tx.refuse(1, 0, "Consent/1/k"));
    let home = place.ask(&me, "GET", "/me", "").await.body;
    assert!(home.contains("ghi nhận thay bạn") && home.contains("Không cho xem"), "{home}");
    place.ask(&me, "POST", "/me/refusal", "refuse=0").await;
    assert_eq!(refusals(), [0]);
}

#[tokio::test]
async fn an_emergency_is_reviewed_by_who_answers_for_the_facility() {
    let place = Place::new();
    let made = place.store.write(
        &{
            let actor = Actor {
                account: 3,
                name: "BS. Khám".into(),
                role: Role::Clinician,
                facility: Some(1),
                ..Actor::console()
            };
            decide(&actor, Act::BreakGlass).unwrap()
        },
        |tx| {
            tx.grant(&NewGrant {
                person: 1,
                account: 3,
                facility: 0,
                relation: Relation::BreakGlass,
                purpose: Purpose::Emergency,
                until: now_seconds() + 3_600,
                reason: "Tai nạn giao thông".to_owned(),
                source: String::new(),
                from: 0,
                review: Review::Waits,
            })
        },
    );
    let id = made.unwrap();
    let page = place.ask("head-a", "GET", "/access/reviews", "").await;
    for part in ["BS. Khám", "Lê Thị Hoa", "Tai nạn giao thông"] {
        assert!(page.body.contains(part), "{part}: {}", page.body);
    }
    let other = place.ask("head-b", "GET", "/access/reviews", "").await;
    assert!(!other.body.contains("Tai nạn"), "another facility's");
    assert_eq!(place.ask("doctor-a", "GET", "/access/reviews", "").await.status, StatusCode::FORBIDDEN);
    let address = format!("/access/reviews/{id}");
    for who in ["head-b", "doctor-a"] {
        let refused = place.ask(who, "POST", &address, "verdict=order").await;
        assert!(refused.status.is_client_error(), "{who}");
    }
    // Ids of fields are of one field each.
    assert!(page.body.contains(&format!("id=\"verdict-{id}\" name=\"verdict\"")), "{}", page.body);
    let refused = place.ask("head-a", "POST", &address, "verdict=&remark=ch%C6%B0a+r%C3%B5").await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST, "nothing was chosen");
    for part in [format!("id=\"verdict-{id}-error\""), "chưa rõ".to_owned()] {
        assert!(refused.body.contains(&part), "{part}: {}", refused.body);
    }
    let done = place.ask("head-a", "POST", &address, "verdict=misuse&remark=Kh%C3%B4ng+c%E1%BA%A5p+c%E1%BB%A9u").await;
    assert_eq!(done.to, "/access/reviews?done=1");
    assert_eq!(place.ask("head-a", "POST", &address, "verdict=order").await.status, StatusCode::NOT_FOUND, "once");
    let decision = decide(&Actor::console(), Act::Administer).unwrap();
    let kept = grants::by_id(&mut place.store.read(&decision).unwrap(), id).unwrap().unwrap();
    assert_eq!((kept.review, kept.holds(), kept.remark.as_deref()), (Review::Misuse, false, Some("Không cấp cứu")));
    assert!(place.ask("head-a", "GET", "/access/reviews", "").await.body.contains("Không cấp cứu"));
}

/// A name that rests costs the store the same, whether it is somebody's or not: what is written can be measured from outside.
#[tokio::test]
async fn a_resting_name_costs_as_much_as_a_resting_account() {
    let place = Place::new();
    let house = House::new(place.store.clone(), Settings::default());
    let decision = decide(&Actor::console(), Act::Administer).unwrap();
    let account = accounts::by_name(&mut place.store.read(&decision).unwrap(), "doctor-a").unwrap();
    // Each commit has its number, before who asked for it hears of it.
    let commits = || {
        let last = "SELECT max(seq) FROM commit_log";
        mach_store::sql::int(&mut place.store.read(&decision).unwrap(), last, &[]).unwrap()
    };
    let mut seen = Vec::new();
    for _ in 0..limits::SIGN_IN_FAILURES + 2 {
        let before = commits();
        let somebody = proof::password(&house, account.as_ref(), "wrong".to_owned()).await.unwrap();
        let between = commits();
        let nobody = proof::nobody(&house, "nobody").await.unwrap();
        seen.push(((somebody, between - before), (nobody, commits() - between)));
    }
    assert!(seen.iter().all(|(somebody, nobody)| somebody == nobody), "{seen:?}");
    assert_eq!(seen.last().unwrap().0, (proof::Verdict::Rests, 1));
}
