//! `/work`, `/notices`, `/look`: what is a person's own.

use crate::world::{World, both, certificate, prescription};
use axum::http::StatusCode;
use mach_access::{Act, Actor, Role, decide};
use mach_base::limits;
use mach_base::time::now_seconds;
use mach_house::waiting::Queue;
use mach_store::certificates::{Certificate, State};
use mach_store::notices::{self, Kind};
use mach_store::signing::Delegation;
use mach_store::{accounts, schema, waiting};
use mach_ui::components::Icon;
use mach_ui::msg;

const WORK: &[Queue] = &[
    Queue {
        act: Act::Prescribe,
        label: msg::WORK_PRESCRIPTIONS_SIGN,
        icon: Icon::Medicine,
        href: "/prescriptions?state=draft",
        page: "/prescriptions",
        ask: |r, who| waiting::drafts_of(r, who.account),
    },
    Queue {
        act: Act::Certify,
        label: msg::WORK_CERTIFICATES_SIGN,
        icon: Icon::Check,
        href: "/certificates/sign",
        page: "/certificates",
        ask: |r, _| waiting::certificates(r, State::Concluded),
    },
    Queue {
        act: Act::SendClaims,
        label: msg::WORK_CLAIMS_REFUSED,
        icon: Icon::Claims,
        href: "/claims?state=refused",
        page: "/claims",
        ask: |r, _| waiting::claims_refused(r),
    },
];

impl World {
    fn account_of(&self, name: &str) -> i64 {
        let decision = decide(&Actor::console(), Act::Administer).unwrap();
        let found = accounts::by_name(&mut self.store.read(&decision).unwrap(), name).unwrap();
        found.unwrap().actor.account
    }

    fn notify(&self, name: &str, kind: Kind, at: i64, href: &'static str) {
        let account = self.account_of(name);
        self.write(move |tx| tx.notify(account, kind, at, href));
    }
}

/// Concludes certificates of a facility that are due then.
fn concluded(world: &World, facility: &'static str, dues: Vec<i64>) {
    world.write(move |tx| {
        let id = schema::facility_id(tx, facility)?;
        for (n, due) in dues.into_iter().enumerate() {
            let code = format!("BBBBB{n:02}{facility}");
            let one = certificate(id, &code, "", "Người Lái");
            let one = Certificate { state: State::Concluded, due: Some(due), serial: 50 + n as i64, ..one };
            tx.keep_certificate(&one)?;
        }
        Ok(())
    });
}

#[tokio::test]
async fn work_is_what_waits_for_this_person_what_is_due_first_on_top() {
    both(|world| async move {
        world.house.list_work(WORK.to_vec());
        let empty = world.get("leader", "/work").await;
        assert!(empty.body.contains("Không có việc nào đang chờ bạn") && empty.body.contains("href=\"/search\""));
        let now = now_seconds();
        concluded(&world, "46001", vec![now + 7_200, now - 60]);
        concluded(&world, "46002", vec![now - 60; 3]);
        let page = world.get("writer-46001", "/work").await;
        assert_eq!(page.status, StatusCode::OK);
        let main = page.body.split("<main").nth(1).unwrap();
        let at = |href: &str| main.find(&format!("<a href=\"{href}\"")).unwrap();
        assert!(at("/certificates/sign") < at("/prescriptions?state=draft"), "what is due first");
        assert!(main.contains("Quá hạn từ") && main.contains(">2</span>"), "{main}");
        assert!(!main.contains("/claims"), "claims are no doctor's");
        // The numbers of the rail are of the same moment: two certificates and two drafts.
        let rail = page.body.split("<main").next().unwrap();
        let badge = |href: &str| {
            let item = rail.split(&format!("<a href=\"{href}\"")).nth(1).unwrap().split("</a>").next().unwrap();
            item.split("<b class=\"n\">").nth(1).map(|n| n.split('<').next().unwrap().to_owned())
        };
        assert_eq!(badge("/work").as_deref(), Some("4"));
        assert_eq!(badge("/certificates").as_deref(), Some("2"));
        // Who wrote no prescription has none to sign; another facility's certificates are not counted.
        let other = world.get("doctor-46001", "/work").await;
        assert!(!other.body.split("<main").nth(1).unwrap().contains("/prescriptions?state=draft"));
        let claims = world.get("operator-46002", "/work").await;
        assert!(claims.body.split("<main").nth(1).unwrap().contains("/claims?state=refused"));
        // Nothing to do by role: no link to it.
        assert!(!world.get("citizen", "/notices").await.body.contains("href=\"/work\""));
    })
    .await;
}

#[tokio::test]
async fn whole_pages_show_what_waits_and_who_has_no_pages_gets_no_box() {
    both(|world| async move {
        world.house.list_work(WORK.to_vec());
        let search = world.get("writer-46001", "/search?q=zzz").await;
        assert!(search.body.contains("<b class=\"n\">2<"), "two drafts");
        let part = world.ask("writer-46001", "GET", "/search?q=zzz", "", &[("x-part", "found")]).await;
        assert!(!part.body.contains("class=\"n\""));
        for (who, has) in [("writer-46001", true), ("visitor", false), ("", false)] {
            let page = world.get(who, "/look").await;
            assert_eq!(page.body.contains("data-find"), has, "{who}");
            assert_eq!(page.body.contains("href=\"/notices\""), has, "{who}");
            assert!(!page.body.contains("href=\"/look?next="), "{who}: it leads to itself");
        }
        assert!(world.get("leader", "/notices").await.body.contains("href=\"/look?next=/notices"));
    })
    .await;
}

#[tokio::test]
async fn broken_files_of_one_are_found_behind_those_of_everybody() {
    both(|world| async move {
        let world = &world;
        let send = |account: i64, files: i64| {
            let actor = Actor { account, ..Actor::console() };
            let sent = world.store.write(&decide(&actor, Act::SendClaims).unwrap(), move |tx| {
                (0..files).try_for_each(|_| tx.receive_file("a.xml", 9, None).map(drop))
            });
            sent.unwrap();
        };
        send(901, 2);
        send(902, limits::WAITING_ROWS + 1);
        let waits = |account| {
            let decision = decide(&Actor::console(), Act::SendClaims).unwrap();
            waiting::broken_files(&mut world.store.read(&decision).unwrap(), account, now_seconds() - 60).unwrap().count
        };
        assert_eq!((waits(901), waits(902), waits(903)), (2, limits::WAITING_ROWS, 0));
    })
    .await;
}

#[tokio::test]
async fn a_delegation_that_never_began_is_not_told() {
    both(|world| async move {
        let now = now_seconds();
        let deputy = world.account_of("doctor-46001");
        let of = |from: i64| Delegation {
            id: 0,
            facility: 1,
            head: 0,
            deputy,
            from,
            to: now + 9_000,
            document: "02/QĐ".into(),
            ended: None,
        };
        let (ahead, begun) = (of(now + 5_000), of(now - 5));
        let ended = world.write(move |tx| {
            let (ahead, other, begun) = (tx.delegate(&ahead)?, tx.delegate(&ahead)?, tx.delegate(&begun)?);
            assert!(other > 0);
            Ok(tx.end_delegation(1, ahead)? && tx.end_delegation(1, begun)?)
        });
        assert!(ended);
        // One lies ahead, and the one that began stays told.
        let told = world.write(move |tx| {
            let before = notices::unread(tx, deputy)?;
            let again = [
                tx.take_notice_back(deputy, Kind::DelegationBegins, now + 5_000)?,
                tx.take_notice_back(deputy, Kind::DelegationBegins, now + 5_000)?,
            ];
            Ok((before, again))
        });
        assert_eq!(told, (1, [true, false]));
    })
    .await;
}

#[tokio::test]
async fn counts_stop_at_their_bound() {
    both(|world| async move {
        world.write(|tx| {
            let facility = schema::facility_id(tx, "46001")?;
            for n in 0..=limits::WAITING_ROWS {
                tx.keep_prescription(&prescription(facility, 1, 999, &format!("46001{n:07}-c")))?;
            }
            Ok(())
        });
        let actor = Actor { role: Role::Clinician, facility: Some(1), ..Actor::console() };
        let decision = decide(&actor, Act::Prescribe).unwrap();
        let waits = waiting::drafts_of(&mut world.store.read(&decision).unwrap(), 999).unwrap();
        assert_eq!((waits.count, waits.oldest), (limits::WAITING_ROWS, Some(1_760_000_000)));
    })
    .await;
}

#[tokio::test]
async fn notices_are_ones_own_and_come_at_their_time() {
    both(|world| async move {
        let now = now_seconds();
        world.notify("doctor-46001", Kind::ImportFinished, now - 60, "/vaccines/import/9");
        world.notify("doctor-46001", Kind::DelegationBegins, now + 3_600, "/certificates/sign");
        world.notify("doctor-46002", Kind::PrescriptionRefused, now, "//evil.example/");
        let page = world.get("doctor-46001", "/notices").await;
        assert!(page.body.contains("đã đọc xong") && page.body.contains("class=\"new\""));
        assert!(!page.body.contains("ký thay"), "a delegation is told when it begins");
        assert!(!page.body.contains("quốc gia trả lại"), "another's");
        assert!(page.body.contains("<b class=\"n\">1<"), "the bell counts");
        // Following it reads it; another's is not there, and no notice leads away from this site.
        let theirs = world.get("doctor-46002", "/notices/1").await;
        assert_eq!(theirs.status, StatusCode::NOT_FOUND);
        let followed = world.get("doctor-46001", "/notices/1").await;
        assert_eq!((followed.status, followed.to.as_str()), (StatusCode::SEE_OTHER, "/vaccines/import/9"));
        assert_eq!(world.get("doctor-46001", "/notices/2").await.status, StatusCode::NOT_FOUND, "not yet");
        assert_eq!(world.get("doctor-46002", "/notices/3").await.to, "/");
        let read = world.get("doctor-46001", "/notices").await;
        assert!(!read.body.contains("class=\"new\"") && !read.body.contains("<b class=\"n\">"));
        // All at once, up to the one that was seen.
        for n in 0..3 {
            world.notify("doctor-46001", Kind::RecordOpened, now - n, "/me");
        }
        let done = world.ask("doctor-46001", "POST", "/notices/read", "until=5", &[]).await;
        assert_eq!(done.to, "/notices");
        let (account, decision) =
            (world.account_of("doctor-46001"), decide(&Actor::console(), Act::Administer).unwrap());
        let unread = |world: &World| notices::unread(&mut world.store.read(&decision).unwrap(), account).unwrap();
        assert_eq!(unread(&world), 1);
        // The oldest go.
        world.write(move |tx| {
            (0..=limits::NOTICES_KEPT).try_for_each(|_| tx.notify(account, Kind::ImportFinished, now, "/x"))
        });
        assert_eq!(unread(&world), limits::NOTICES_KEPT);
    })
    .await;
}

#[tokio::test]
async fn those_who_may_are_told_and_a_person_of_their_own_record() {
    both(|world| async move {
        world.write(|tx| {
            let facility = schema::facility_id(tx, "46001")?;
            tx.notify_those(facility, Act::Certify, Kind::CertificateRefused, "/certificates/case/AAAAAAA46001")?;
            tx.notify_person(1, Kind::RecordOpened, "/me")?;
            tx.notify_person(2, Kind::RecordOpened, "/me")
        });
        for (who, told) in [
            ("doctor-46001", true),
            ("head-46001", true),
            ("operator-46001", false),
            ("doctor-46002", false),
            ("leader", false),
        ] {
            let page = world.get(who, "/notices").await;
            assert_eq!(page.body.contains("Cổng trả lại"), told, "{who}");
        }
        assert!(world.get("citizen-1", "/notices").await.body.contains("trường hợp khẩn cấp"));
    })
    .await;
}

#[tokio::test]
async fn how_pages_look_is_chosen_without_script_and_kept() {
    both(|world| async move {
        let page = world.get("", "/look").await;
        assert!(page.body.contains("<html lang=\"vi\">") && page.body.contains("content=\"light dark\""));
        // Nobody signed in: the browser keeps it.
        let chosen = world.ask("", "POST", "/look", "theme=dark&size=large&next=%2Fverify", &[]).await;
        assert_eq!((chosen.status, chosen.to.as_str()), (StatusCode::SEE_OTHER, "/verify"));
        assert!(chosen.cookies.iter().any(|c| c.starts_with("look=dark.large; ") && c.contains("HttpOnly")));
        let dark = world.ask("", "GET", "/look", "", &[("cookie", "look=dark.large")]).await;
        assert!(
            dark.body.contains("data-theme=\"dark\" data-size=\"large\"") && dark.body.contains("content=\"dark\"")
        );
        let nonsense = world.ask("", "GET", "/look", "", &[("cookie", "look=<b>.x")]).await;
        assert!(nonsense.body.contains("<html lang=\"vi\">"));
        // The account's choice goes along to another browser, and takes the place of what that one has.
        world.ask("leader", "POST", "/look", "theme=contrast&size=largest", &[]).await;
        let there = world.ask("leader", "GET", "/notices", "", &[("cookie", "look=dark.normal")]).await;
        assert!(there.body.contains("data-theme=\"contrast\" data-size=\"largest\""));
        assert!(!world.get("admin", "/notices").await.body.contains("data-theme"), "another's stays");
        for wrong in ["theme=pink&size=normal", "theme=dark&size=9", "theme=dark"] {
            let answer = world.ask("leader", "POST", "/look", wrong, &[]).await;
            assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{wrong}");
        }
        let away = world.ask("", "POST", "/look", "theme=dark&size=large&next=//evil.example", &[]).await;
        assert_eq!(away.to, "/");
    })
    .await;
}
