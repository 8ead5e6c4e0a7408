//! Who sees what: an account of one facility sees that one, and nothing says that others exist.

use crate::world::{FACILITIES, OWN, Who, World, day};
use axum::http::StatusCode;
use mach_terms::Facilities;

/// Every route, in a form that shows much.
const ROUTES: [&str; 13] = [
    "/hoc?period=year&at=2025",
    "/hoc?period=year&at=2025&format=csv",
    "/hoc/indicators?period=year&at=2025",
    "/hoc/indicators/CD01?period=year&at=2025&by=none",
    "/hoc/indicators/CD01?period=year&at=2025&by=facility",
    "/hoc/indicators/CD01?period=year&at=2025&by=department&format=csv",
    "/hoc/indicators/BH04?period=year&at=2025&by=commune",
    "/hoc/claims?indicator=CD01&from=2025-01-01&to=2025-12-31",
    "/hoc/claims?measure=cases&item=I10&from=2025-01-01&to=2025-12-31&format=csv",
    "/hoc/diseases?period=year&at=2025",
    "/hoc/freshness",
    "/hoc/freshness?format=csv",
    "/api/indicators/CD01?from=2025-01&to=2025-12&by=facility",
];

#[tokio::test]
async fn nobody_gets_nothing() {
    let world = World::filled(20);
    for route in ROUTES {
        let got = world.get(Who::Nobody, route).await;
        let expect = if route.starts_with("/api/") { StatusCode::UNAUTHORIZED } else { StatusCode::SEE_OTHER };
        assert_eq!(got.status, expect, "{route}");
    }
}

#[tokio::test]
async fn a_facility_sees_its_own_and_no_other() {
    let world = World::filled(500);
    let others: Vec<String> = FACILITIES
        .iter()
        .filter(|c| **c != OWN)
        .flat_map(|c| [(*c).to_owned(), Facilities::shared().get(c).unwrap().name.clone()])
        .collect();
    for who in [Who::Operator, Who::Clinician, Who::Key] {
        for route in ROUTES {
            let got = world.get(who, route).await;
            assert_eq!(got.status, StatusCode::OK, "{who:?} {route}: {}", got.text());
            let text = got.text();
            for other in &others {
                assert!(!text.contains(other.as_str()), "{who:?} {route} names {other}");
            }
        }
        // The same without another's name: asked by name, others are not found, whether they exist or not.
        for route in ROUTES {
            let glue = if route.contains('?') { '&' } else { '?' };
            for other in ["46017", "46999", "nowhere"] {
                let got = world.get(who, &format!("{route}{glue}facility={other}")).await;
                assert_eq!(got.status, StatusCode::NOT_FOUND, "{who:?} {route} {other}");
            }
        }
    }
}

#[tokio::test]
async fn totals_of_a_facility_are_its_own() {
    let world = World::filled(500);
    let year = (day("2025-01-01"), day("2025-12-31"));
    let (own, all) = (world.sum("op_visits", year, Some(OWN)), world.sum("op_visits", year, None));
    assert!(0 < own && own < all);
    for (who, want) in [(Who::Leader, all), (Who::Operator, own), (Who::Key, own)] {
        let rows = world.get(who, "/api/indicators/CD01?from=2025-01&to=2025-12&period=year").await.json();
        assert_eq!(rows["rows"][0]["value"].as_i64(), Some(want), "{who:?}");
        let page = world.get(who, "/hoc?period=year&at=2025").await.text();
        let tile = &page[page.find("tile-CD01").unwrap()..];
        let shown = &tile[tile.find("class=\"v\">").unwrap() + 10..];
        assert!(shown.starts_with(&want.to_string()), "{who:?}: {}", &shown[..30]);
    }
    // The claims listed are those of the facility.
    let csv =
        world.get(Who::Operator, "/hoc/claims?indicator=CD01&from=2025-01-01&to=2025-12-31&format=csv").await.text();
    let rows: Vec<&str> = csv.lines().skip(1).collect();
    assert_eq!(rows.len() as i64, own);
    assert!(rows.iter().all(|r| r.contains(&format!(",{OWN},"))));
}

#[tokio::test]
async fn a_clinician_reads_figures_but_opens_no_claim() {
    let world = World::filled(200);
    let path = "/hoc/claims?indicator=CD01&from=2025-01-01&to=2025-12-31";
    let (clinician, operator) =
        (world.get(Who::Clinician, path).await.text(), world.get(Who::Operator, path).await.text());
    assert!(!clinician.contains("href=\"/claims/") && clinician.contains("href=\"/people/"));
    assert!(operator.contains("href=\"/claims/") && !operator.contains("href=\"/people/"));
}
