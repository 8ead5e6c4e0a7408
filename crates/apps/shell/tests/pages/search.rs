//! `/search`: who finds what.

use crate::world::{HERE, THERE, World, both};
use axum::http::StatusCode;
use mach_access::{Act, Actor, decide};
use mach_base::{Day, Minute, limits};
use mach_fhir::ResourceType;
use mach_house::pages::says;
use mach_people::{Birth, Evidence};
use mach_store::resources::Put;
use mach_store::{audit, schema};
use mach_terms::{Facilities, Facility};

const CONFIDENTIALITY: &str = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality";

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
async fn people_who_are_hidden_hide_nobody_behind_them() {
    both(|world| async move {
        let marked = limits::FOUND_ROWS + 1;
        world.write(move |tx| {
            for n in 0..=marked {
                let national = format!("0460910{n:05}");
                let evidence = Evidence {
                    facility: 1,
                    national_id: Some(&national),
                    name: "Tạ Kín Đáo",
                    birth: Birth { year: 1950 + i32::try_from(n).unwrap(), day: None },
                    sex: 1,
                    seen: Minute::now(),
                    ..Evidence::default()
                };
                let person = mach_people::resolve(tx, &evidence).unwrap().person;
                if n < marked {
                    let body = format!(
                        r#"{{"resourceType":"Patient","id":"v{n}","meta":{{"security":[{{"system":"{CONFIDENTIALITY}","code":"V"}}]}}}}"#
                    );
                    let (kind, id) = (ResourceType::PATIENT, format!("v{n}"));
                    let (patient, facility) = (Some(person), Some(1));
                    tx.put(&[Put { kind, id, body, patient, date: None, facility, index: Vec::new() }])?;
                }
            }
            Ok(())
        });
        let found = lines(&world, "doctor-46001", "ta kin dao").await;
        let people: Vec<_> = found.iter().filter(|l| l.starts_with("/people/")).collect();
        assert_eq!(people.len(), 1, "{found:?}");
        assert!(!found.iter().any(|l| l.starts_with("/people?")), "{found:?}");
    })
    .await;
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
        for signs in [".", "- /", "!?"] {
            assert!(lines(&world, "admin", signs).await.is_empty(), "signs are no facility's name");
        }
        // One that sends is found behind however many of its name that do not.
        let name = |f: &&Facility| says(&f.name, "tram y te");
        let named: Vec<&str> = Facilities::shared().on(Day::today()).filter(name).map(|f| f.code.as_str()).collect();
        assert!(named.len() > limits::PAGE_ROWS, "{}", named.len());
        let last = named[named.len() - 1];
        world.write(move |tx| schema::facility_id(tx, last));
        assert!(has(&lines(&world, "leader", "tram y te").await, &format!("/hoc?facility={last}")));
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
            ("leader", "/search?q=abc1%00", "Không tìm thấy gì cho “abc1”"),
            ("leader", "/search?q=a1%00bc%1b%7f", "Không tìm thấy gì cho “a1 bc”"),
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
