//! `/search`: who finds what.

use crate::world::{HERE, THERE, World, both};
use axum::http::StatusCode;
use mach_access::{Act, Actor, decide};
use mach_base::limits;
use mach_store::audit;

/// The addresses of the lines that `who` gets for `text`.
async fn lines(world: &World, who: &str, text: &str) -> Vec<String> {
    let query: String = text.bytes().map(|b| format!("%{b:02x}")).collect();
    let answer = world.ask(who, "GET", &format!("/search?q={query}"), "", &[("x-part", "found")]).await;
    assert_eq!(answer.status, StatusCode::OK, "{who} {text}");
    assert!(!answer.body.contains("<main"), "the lines alone");
    let links = answer.body.split("<a href=\"").skip(1).map(|rest| rest.split('"').next().unwrap().to_owned());
    links.collect()
}

#[tokio::test]
async fn each_role_finds_its_own_kinds_and_no_other_facilitys() {
    both(|world| async move {
        let has = |lines: &[String], start: &str| lines.iter().any(|l| l.starts_with(start));
        for (who, text, found) in [
            // People, without accents, by number, and within the facility.
            ("doctor-46001", "nguyen duc", vec!["/people/1"]),
            ("doctor-46002", "NGUYỄN ĐỨC 1985", vec!["/people/2"]),
            ("doctor-46001", HERE, vec!["/people/1", "/certificates/case/AAAAAAA46001"]),
            ("doctor-46001", THERE, vec![]),
            ("leader", THERE, vec!["/people/2", "/certificates/case/AAAAAAA46002"]),
            // Numbers of papers.
            ("doctor-46001", "aaaaaaa46001", vec!["/certificates/case/AAAAAAA46001"]),
            ("doctor-46001", "AAAAAAA46002", vec![]),
            ("head-46002", "00012/GKSKLX/46002/26", vec!["/certificates/case/AAAAAAA46002"]),
            ("head-46002", "00012/GKSKLX/46001/26", vec![]),
            ("head-46002", "00013/GKSKLX/46002/26", vec![]),
            ("doctor-46001", "46001AAAAAAA-C", vec!["/prescriptions/case/46001aaaaaaa-c"]),
            ("doctor-46001", "46002aaaaaaa-c", vec![]),
            // A sensitive prescription is found by who wrote it.
            ("doctor-46001", "46001bbbbbbb-c", vec![]),
            ("writer-46001", "46001bbbbbbb-c", vec!["/prescriptions/case/46001bbbbbbb-c"]),
            ("operator-46001", "LK46001", vec!["/claims/1"]),
            ("operator-46001", "LK46002", vec![]),
            ("doctor-46001", "LK46001", vec![]),
            ("leader", "LK46002", vec!["/claims/2"]),
            // No people to who may not search them, whatever is typed.
            ("operator-46001", "nguyen duc", vec![]),
            ("citizen", HERE, vec![]),
            ("admin", "nguyen duc an", vec![]),
        ] {
            let given = lines(&world, who, text).await;
            let rows: Vec<&String> = given
                .iter()
                .filter(|l| {
                    ["/people/1", "/people/2", "/claims/", "/certificates/case", "/prescriptions/case"]
                        .iter()
                        .any(|s| l.starts_with(s))
                })
                .collect();
            assert_eq!(rows, found, "{who} {text}");
        }
        assert!(has(&lines(&world, "doctor-46001", "ke don").await, "/prescriptions/new"));
        assert!(has(&lines(&world, "admin", "lai xe").await, "/admin/forms/preview?form="), "forms");
        assert!(has(&lines(&world, "leader", "46001").await, "/hoc?facility=46001"), "a facility that sends");
        assert!(!has(&lines(&world, "doctor-46001", "46002").await, "/hoc"), "facilities are no clinician's");
        assert!(has(&lines(&world, "admin", "46001").await, "/admin/facilities/46001"));
    })
    .await;
}

#[tokio::test]
async fn searches_are_audited_without_the_text_and_counted() {
    both(|world| async move {
        lines(&world, "doctor-46001", HERE).await;
        let decision = decide(&Actor::console(), Act::ReadAudit).unwrap();
        let trail = audit::events(&mut world.store.read(&decision).unwrap(), &audit::Asked::default(), 50).unwrap();
        let said: Vec<String> = trail.iter().map(|e| format!("{} {}", e.act, e.target)).collect();
        assert!(said.contains(&"search-people search 12 chars".to_owned()), "{said:?}");
        assert!(said.contains(&"read-certificates search certificates: 1".to_owned()), "{said:?}");
        assert!(!said.iter().any(|s| s.contains(HERE)));
        // One was taken above; the last of the burst still finds.
        for _ in 1..limits::PEOPLE_SEARCH_BURST {
            lines(&world, "doctor-46001", "an").await;
        }
        let past = world.get("doctor-46001", "/search?q=an").await;
        assert_eq!(past.status, StatusCode::TOO_MANY_REQUESTS);
        lines(&world, "doctor-46001", "").await;
        lines(&world, "doctor-46002", "an").await;
    })
    .await;
}

#[tokio::test]
async fn the_page_says_what_to_do_and_what_was_opened() {
    both(|world| async move {
        assert_eq!(world.get("", "/search").await.to, "/sign-in?next=/search");
        for (who, path, said) in [
            ("doctor-46001", "/search", "Gõ để tìm"),
            ("doctor-46001", "/search?q=zzzzq", "Không tìm thấy gì cho"),
            ("doctor-46001", "/search?q=12", "bốn chữ số"),
            ("operator-46001", "/search?q=zzzzq", "Vai trò của bạn không tìm người bệnh"),
            ("doctor-46001", "/search?q=%3Cscript%3E", "&lt;script&gt;"),
            ("doctor-46001", "/search?q=%00%ff", "Không tìm thấy gì cho"),
            ("doctor-46001", "/search?lang=en&q=zzzzq", "Nothing found for"),
        ] {
            let answer = world.get(who, path).await;
            assert_eq!(answer.status, StatusCode::OK, "{path}");
            let escaped = answer.body.replace("&#60;", "&lt;").replace("&#62;", "&gt;");
            assert!(escaped.contains(said), "{who} {path}: {said}");
            assert!(answer.body.contains("action=\"/search\"") && !answer.body.contains("<script>"));
        }
    })
    .await;
}
