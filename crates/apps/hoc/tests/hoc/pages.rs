//! The pages: every number that is a link opens claims that add up to it.

use crate::world::{Got, Who, World};
use axum::http::StatusCode;
use mach_hoc::indicators::list::current;
use std::collections::BTreeSet;

/// The links of a page: address and text, as a reader has them.
fn links(page: &str) -> Vec<(String, String)> {
    let mut out = Vec::new();
    for part in page.split("<a ").skip(1) {
        let Some(href) = part.split_once("href=\"").and_then(|(_, r)| r.split_once('"')).map(|(h, _)| h) else {
            continue;
        };
        let text = part.split_once('>').map_or("", |(_, r)| r.split("</a>").next().unwrap_or_default());
        let href = href.replace("&amp;", "&").replace("&#38;", "&");
        if !text.contains('<') {
            out.push((href, text.to_owned()));
        }
    }
    out
}

async fn page(world: &World, path: &str) -> String {
    let got: Got = world.get(Who::Leader, path).await;
    assert_eq!(got.status, StatusCode::OK, "{path}: {}", got.text());
    let text = got.text();
    assert!(!text.contains(" style="), "{path} has inline style");
    text
}

/// Opens every claims link of `path` and checks that the list says the number that was clicked. How many there were.
async fn check_numbers(world: &World, path: &str, opened: &mut BTreeSet<String>) -> usize {
    let mut count = 0;
    for (href, text) in links(&page(world, path).await) {
        let number = text.split('\u{a0}').next().unwrap_or_default().to_owned();
        if !href.starts_with("/hoc/claims?") || !number.starts_with(|c: char| c.is_ascii_digit()) {
            continue;
        }
        count += 1;
        if opened.insert(format!("{href} {number}")) {
            let list = page(world, &href).await;
            let says = format!("cộng lại đúng {number}");
            let at = list.find(&says).unwrap_or_else(|| panic!("{path}: {href} does not say {number}"));
            let after = list[at + says.len()..].chars().next();
            assert!(
                !after.is_some_and(|c| c.is_ascii_digit() || c == '.' || c == ','),
                "{href} says more than {number}"
            );
        }
    }
    count
}

#[tokio::test]
async fn every_number_opens_to_claims_that_add_up_to_it() {
    let world = World::filled(120);
    let mut opened = BTreeSet::new();
    for indicator in current() {
        for by in ["facility", "commune", "province"] {
            if indicator.not_by.iter().any(|n| n == by) {
                continue;
            }
            let path = format!("/hoc/indicators/{}?period=quarter&at=2025-Q2&by={by}", indicator.id);
            check_numbers(&world, &path, &mut opened).await;
        }
    }
    for (path, least) in [
        ("/hoc/indicators/CD01?period=year&at=2025&by=district", 3),
        ("/hoc/indicators/CD01?period=year&at=2025&by=commune&as_of=2026-01-01", 3),
        ("/hoc/indicators/CD12?facility=46016&period=year&at=2025", 4),
        ("/hoc/indicators/FI01?from=2025-03-10&to=2025-09-20&by=facility", 4),
        ("/hoc/indicators/CD01?commune=none&period=year&at=2025", 1),
        ("/hoc/diseases?period=year&at=2025&chapter=10", 3),
        ("/hoc/diseases?period=year&at=2025&facility=46001", 3),
        ("/hoc?period=year&at=2025", 10),
    ] {
        let count = check_numbers(&world, path, &mut opened).await;
        assert!(count >= least, "{path} has {count} numbers to open");
    }
    assert!(opened.len() > 200, "{}", opened.len());
}

#[tokio::test]
async fn lists_are_paged_without_loss() {
    let world = World::filled(400);
    let mut path = "/hoc/claims?indicator=CD06&from=2025-01-01&to=2025-12-31".to_owned();
    let (mut rows, mut pages) = (0, 0);
    let expect = world.counted.iter().filter(|c| c.measure == "bed_days" && c.day.ymd().0 == 2025).count();
    loop {
        let text = page(&world, &path).await;
        rows += text.matches("data-test=\"claim-row\"").count();
        pages += 1;
        let Some(at) = text.find("rel=\"next\" href=\"") else { break };
        let href = text[at + 17..].split('"').next().unwrap();
        path = href.replace("&#38;", "&").replace("&amp;", "&");
    }
    assert_eq!(rows, expect);
    assert!(pages > 2, "{pages}");
}

#[tokio::test]
async fn exports_are_harmless_and_whole() {
    let world = World::filled(300);
    for (path, least) in [
        ("/hoc?period=year&at=2025", 40),
        ("/hoc/indicators", 30),
        ("/hoc/indicators/CD01?period=year&at=2025", 4),
        ("/hoc/diseases?period=year&at=2025", 4),
        ("/hoc/claims?indicator=CD01&from=2025-01-01&to=2025-12-31", 50),
        ("/hoc/freshness", 4),
    ] {
        let glue = if path.contains('?') { '&' } else { '?' };
        let csv = world.get(Who::Leader, &format!("{path}{glue}format=csv")).await;
        assert_eq!(csv.headers["content-type"], "text/csv; charset=utf-8", "{path}");
        let text = csv.text();
        assert!(text.lines().count() > least, "{path}: {}", text.lines().count());
        for field in text.trim_start_matches('\u{feff}').lines().flat_map(|l| l.split(',')) {
            let field = field.trim_matches('"');
            let number = field.strip_prefix('-').is_some_and(|f| f.starts_with(|c: char| c.is_ascii_digit()));
            assert!(number || !field.starts_with(['=', '+', '-', '@']), "{path}: {field}");
        }
        let xlsx = world.get(Who::Leader, &format!("{path}{glue}format=xlsx")).await;
        assert_eq!(&xlsx.body[..2], b"PK", "{path}");
        assert_eq!(world.get(Who::Leader, &format!("{path}{glue}format=pdf")).await.status, StatusCode::BAD_REQUEST);
    }
    // MA_LK of these claims begin with `=`.
    let claims =
        world.get(Who::Leader, "/hoc/claims?indicator=CD01&from=2025-01-01&to=2025-12-31&format=csv").await.text();
    assert!(claims.contains(",'=LK"));
}

#[tokio::test]
async fn an_empty_store_says_what_to_do() {
    let world = World::empty();
    for path in ["/hoc", "/hoc/indicators/CD01", "/hoc/diseases"] {
        let text = page(&world, path).await;
        assert!(text.contains("mach claims import"), "{path}");
        assert_eq!(text.matches("<h1>").count(), 1, "{path}");
    }
    for path in ["/hoc/indicators", "/hoc/freshness", "/hoc/claims?indicator=CD01", "/hoc?lang=en"] {
        page(&world, path).await;
    }
}

#[tokio::test]
async fn wrong_addresses_are_told() {
    let world = World::filled(20);
    for (path, status) in [
        ("/hoc?period=week", 400),
        ("/hoc?at=2025-02-30", 400),
        ("/hoc?compare=none", 400),
        ("/hoc?indicator=ZZ99", 400),
        ("/hoc?facility=99999", 404),
        ("/hoc/indicators/ZZ99", 404),
        ("/hoc/indicators/CD01?by=district&as_of=2025-07-01", 400),
        ("/hoc/indicators/CD01?by=department", 400),
        ("/hoc/indicators/CD01?commune=19", 400),
        ("/hoc/indicators/CD01?department=1", 400),
        ("/hoc/claims", 404),
        ("/hoc/claims?indicator=ZZ99", 404),
        ("/hoc/claims?indicator=CD01&side=both", 400),
        ("/hoc/claims?indicator=CD06&side=den", 400),
        ("/hoc/claims?indicator=CD01&after=1.2", 400),
        ("/hoc/claims?measure=deaths", 400),
        ("/hoc/claims?measure=money&item=x", 400),
        ("/hoc/diseases?chapter=23", 400),
    ] {
        let got = world.get(Who::Leader, path).await;
        assert_eq!(got.status.as_u16(), status, "{path}");
        assert!(got.text().contains("<h1>"), "{path}");
    }
}

#[tokio::test]
async fn the_overview_shows_its_parts() {
    let world = World::filled(400);
    let text = page(&world, "/hoc?at=2026-02").await;
    for id in ["CD01", "CD05", "CD08", "FI01", "CD10", "CD15", "BH02", "BH07", "PC02", "SV01"] {
        assert!(text.contains(&format!("data-test=\"tile-{id}\"")), "{id}");
    }
    for part in [
        "dời theo Tết",
        "so cùng kỳ theo Tết",
        "01/07/2025",
        "class=\"map\"",
        "Quỹ BHYT",
        "J18 ",
        "Trung tâm Y tế huyện Phú Lộc",
    ] {
        assert!(text.contains(part), "{part}");
    }
    // Both languages, every page without a key or a placeable shown.
    for path in [
        "/hoc?lang=en",
        "/hoc/indicators?lang=en",
        "/hoc/indicators/CD12?lang=en&facility=46016",
        "/hoc/diseases?lang=en",
    ] {
        let text = page(&world, path).await;
        assert!(!text.contains("{ $") && text.contains("lang=\"en\""), "{path}");
    }
}
