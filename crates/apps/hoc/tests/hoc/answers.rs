//! The API against a recount, and what it refuses.

use crate::world::{FACILITIES, Who, World, console, day, months};
use axum::http::StatusCode;
use mach_base::decimal::{Fixed, round_div};
use mach_base::{Day, Grain};
use mach_cube::{Cube, last_year};
use mach_hoc::asked::Params;
use mach_hoc::lens::Lens;
use mach_hoc::tiles::figure;
use mach_terms::Facilities;
use serde_json::Value;

/// Numerator and denominator of an indicator by `docs/measures.md`; money on one side only is in hundredths there.
fn by_hand(world: &World, id: &str, days: (Day, Day), facility: Option<&str>) -> (i64, i64) {
    let sum = |m: &str| world.sum(m, days, facility);
    let length = i64::from(days.1.0 - days.0.0 + 1);
    let beds: i64 = Facilities::shared()
        .all()
        .iter()
        .filter(|f| facility.is_none_or(|c| c == f.code))
        .map(|f| i64::from(f.beds))
        .sum();
    match id {
        "CD01" => (sum("op_visits"), 1),
        "CD03" => (sum("wait_minutes"), sum("waits")),
        "CD06" => (sum("bed_days"), length),
        "CD08" => {
            let with_beds = FACILITIES.iter().filter(|f| Facilities::shared().beds(f, days.0) > 0);
            let of = |f: &&&str| facility.is_none_or(|only| only == **f);
            let bed_days: i64 = with_beds.filter(of).map(|f| world.sum("bed_days", days, Some(f))).sum();
            (100 * bed_days, beds * length)
        }
        "CD12" => (100 * sum("referrals_out"), sum("op_visits") + sum("discharges")),
        "CD18" => {
            let before = last_year(days, Grain::Month).map_or(0, |d| world.sum("op_visits", d, facility));
            (100 * (sum("op_visits") - before), before)
        }
        "BH02" => (sum("money:1"), 100),
        "BH04" => (sum("op_cost"), 100 * sum("op_closed")),
        "DR07" => (100 * sum("drug_cost"), sum("cost")),
        _ => panic!("{id} is not recounted here"),
    }
}

/// The API's value as ten-thousandths, exactly.
fn units(value: &Value) -> i128 {
    let text = value.to_string();
    let (whole, part) = text.split_once('.').unwrap_or((&text, ""));
    assert!(part.len() <= 4 && !text.contains('e'), "{text}");
    format!("{whole}{part:0<4}").parse().unwrap()
}

/// Every month of `id`, by nothing and by facility, is what the list says; no month is missing and none too many.
async fn check(world: &World, id: &str) {
    let path = format!("/api/indicators/{id}?from=2024-01&to=2026-04&period=month");
    for by in ["none", "facility"] {
        let got = world.get(Who::Leader, &format!("{path}&by={by}")).await;
        assert_eq!(got.status, StatusCode::OK, "{}", got.text());
        let answer = got.json();
        assert_eq!((answer["indicator"].as_str(), answer["by"].as_str()), (Some(id), Some(by)));
        let rows = answer["rows"].as_array().unwrap();
        let mut seen = 0;
        for days in months() {
            let places: Vec<Option<&str>> = if by == "none" { vec![None] } else { FACILITIES.map(Some).into() };
            for place in places {
                let (above, below) = by_hand(world, id, days, place);
                let label = days.0.label(Grain::Month);
                let row = rows.iter().find(|r| r["period"] == label.as_str() && r["place"].as_str() == place);
                // A facility without beds has no occupancy; nothing counted has no row.
                let none = below == 0 || (above == 0 && matches!(id, "CD01" | "CD06" | "CD08" | "BH02"));
                assert_eq!(row.is_none(), none, "{id} {label} {place:?}: {above}/{below}");
                if let Some(row) = row {
                    seen += 1;
                    let scaled = i128::from(above) * 10_000;
                    assert_eq!(units(&row["value"]), round_div(scaled, below.into()), "{id} {label} {place:?}");
                }
            }
        }
        assert_eq!(rows.len(), seen, "{id} by {by}");
    }
}

#[tokio::test]
async fn values_are_what_the_claims_say() {
    let world = World::filled(600);
    for id in ["CD01", "CD03", "CD06", "CD08", "CD12", "CD18", "BH02", "BH04", "DR07"] {
        check(&world, id).await;
    }
}

#[test]
fn tiles_compare_like_with_like() {
    let world = World::filled(600);
    let mut reader = world.store.read(&console()).unwrap();
    // Tết 2026 is on 17 February, that of 2025 on 29 January: February 2026 lies as 13 January to 9 February 2025.
    for (query, previous, year, tet) in [
        ("at=2026-02", "2026-01-01 2026-01-31", "2025-01-13 2025-02-09", true),
        ("at=2025-10", "2025-09-01 2025-09-30", "2024-10-01 2024-10-31", false),
        ("at=2026-02-17&period=day", "2026-02-16 2026-02-16", "2025-01-29 2025-01-29", true),
        ("at=2025-Q2&period=quarter", "2025-01-01 2025-03-31", "2024-04-01 2024-06-30", false),
        ("at=2025&period=year", "2024-01-01 2024-12-31", "2024-01-01 2024-12-31", false),
        ("from=2025-05-03&to=2025-05-20", "2025-04-03 2025-04-20", "2024-05-03 2024-05-20", false),
    ] {
        let pairs = query.split('&').filter_map(|p| p.split_once('=')).map(|(n, v)| (n.to_owned(), v.to_owned()));
        let lens = Lens::read(&mut reader, &Params::new(pairs.collect()).unwrap()).unwrap();
        let found = figure(&Cube::shared(), &mut reader, &lens.question("CD01"), &lens.bases()).unwrap();
        let sum = |text: &str| {
            let (from, to) = text.split_once(' ').unwrap();
            match world.sum("op_visits", (day(from), day(to)), None) {
                0 => None,
                n => Some(Fixed(n * 10_000)),
            }
        };
        let this = sum(&format!("{} {}", lens.days.0, lens.days.1));
        // A count of nothing is a zero where anything at all came in those days.
        assert_eq!(found.value.filter(|v| v.0 != 0), this, "{query}");
        assert_eq!((found.previous, found.year, found.by_tet), (sum(previous), sum(year), tet), "{query}");
        assert!(found.line.is_empty() || (found.line.len() == 13 && found.line[12] == this), "{query}");
    }
}

#[tokio::test]
async fn every_split_adds_up() {
    let world = World::filled(400);
    let total =
        |answer: &Value| -> i128 { answer["rows"].as_array().unwrap().iter().map(|r| units(&r["value"])).sum() };
    for days in ["from=2024-01&to=2026-04", "from=2025-06-20&to=2025-07-10", "from=2025-03&to=2025-03"] {
        for period in ["day", "month", "quarter", "year"] {
            let mut sums = Vec::new();
            for by in ["none", "facility", "commune", "district", "province"] {
                for as_of in ["", "&as_of=2024-06-30", "&as_of=2025-06-30", "&as_of=2026-01-01"] {
                    if by == "district" && as_of.ends_with("2026-01-01") {
                        continue;
                    }
                    let path = format!("/api/indicators/CD01?{days}&period={period}&by={by}{as_of}");
                    sums.push(total(&world.get(Who::Leader, &path).await.json()));
                }
            }
            assert!(sums[0] > 0 && sums.iter().all(|s| *s == sums[0]), "{days} {period}: {sums:?}");
        }
    }
}

#[tokio::test]
async fn defaults_are_the_newest_twelve_months() {
    let world = World::filled(300);
    let answer = world.get(Who::Leader, "/api/indicators/CD01").await.json();
    let periods: Vec<&str> = answer["rows"].as_array().unwrap().iter().map(|r| r["period"].as_str().unwrap()).collect();
    let newest = world.counted.iter().filter(|c| c.measure == "closed").map(|c| c.day).max().unwrap();
    assert_eq!(periods.last(), Some(&newest.label(Grain::Month).as_str()));
    assert!(periods.len() <= 12 && periods[0] >= newest.step(Grain::Month, -11).label(Grain::Month).as_str());
    assert_eq!((answer["period"].as_str(), answer["unit"].as_str()), (Some("month"), Some("lượt")));
    assert!(answer["rows"][0]["place"].is_null());
    // From a month to a day: first of the one, that day of the other.
    let days = "from=2025-03&to=2025-03-09&period=day";
    let rows = world.get(Who::Leader, &format!("/api/indicators/FI01?{days}")).await.json();
    let all = rows["rows"].as_array().unwrap();
    assert!(all.iter().all(|r| ("2025-03-01"..="2025-03-09").contains(&r["period"].as_str().unwrap())));
    let sum = world.sum("cost", (day("2025-03-01"), day("2025-03-09")), None);
    assert_eq!(all.iter().map(|r| units(&r["value"])).sum::<i128>(), i128::from(sum) * 100);
}

#[tokio::test]
async fn what_cannot_be_asked_is_said() {
    let world = World::filled(20);
    for (query, status, says) in [
        ("CD01?from=2025-02-30", 400, "2025-02-30"),
        ("CD01?to=2025", 400, "`to`"),
        ("CD01?from=2025-Q1", 400, "`from`"),
        ("CD01?from=2025-03&to=2025-02", 400, "2025-02-28"),
        ("CD01?period=week", 400, "week"),
        ("CD01?by=ward", 400, "ward"),
        ("CD01?by=department", 400, "cơ sở"),
        ("CD01?by=district&as_of=2025-07-01", 400, "2025-06-30"),
        ("CD08?by=commune", 400, "commune"),
        ("CD01?as_of=today", 400, "today"),
        ("CD01?fro=2025-03", 400, "`fro`"),
        ("CD01?by=none&by=none", 400, "`by`"),
        ("CD01?facility=99999", 404, ""),
        ("ZZ99", 404, ""),
        ("ZZ99?from=x", 404, ""),
        ("%20", 404, ""),
    ] {
        let got = world.get(Who::Leader, &format!("/api/indicators/{query}")).await;
        assert_eq!(got.status.as_u16(), status, "{query}: {}", got.text());
        let outcome = got.json();
        assert_eq!(outcome["resourceType"], "OperationOutcome", "{query}");
        let text = outcome["issue"][0]["details"]["text"].as_str().unwrap();
        assert!(text.contains(says), "{query}: {text}");
    }
    let english = world.get(Who::Leader, "/api/indicators/CD01?by=ward&lang=en").await.json();
    assert!(english["issue"][0]["details"]["text"].as_str().unwrap().contains("does not take"));
    assert_eq!(world.get(Who::Leader, "/api/indicators?x=1").await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn csv_says_the_same_as_json() {
    let world = World::filled(200);
    let path = "/api/indicators/CD12?from=2024-01&to=2026-04&by=facility";
    let json = world.get(Who::Leader, path).await.json();
    let csv = world.ask(Who::Leader, path, "text/csv").await;
    assert_eq!(csv.headers["content-type"], "text/csv; charset=utf-8");
    let text = csv.text();
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("period,place,value,numerator,denominator"));
    let rows = json["rows"].as_array().unwrap();
    assert!(rows.len() > 50);
    for (row, line) in rows.iter().zip(lines.by_ref()) {
        let text = |k: &str| row[k].as_str().map_or_else(|| row[k].to_string(), str::to_owned);
        let fields = ["period", "place", "value", "numerator", "denominator"].map(text);
        assert_eq!(line, fields.join(","));
    }
    assert_eq!(lines.next(), None);
}

#[tokio::test]
async fn the_list_has_every_definition() {
    let world = World::empty();
    let list = world.get(Who::Leader, "/api/indicators").await.json();
    let all = list["indicators"].as_array().unwrap();
    assert!(all.len() >= 30);
    for i in all {
        for key in
            ["id", "name_vi", "name_en", "formula_vi", "source", "unit", "direction", "owner", "basis", "valid_from"]
        {
            assert!(i[key].as_str().is_some_and(|t| !t.is_empty()), "{key} of {i}");
        }
        assert!(!i["period"].as_array().unwrap().is_empty());
    }
    let empty = world.get(Who::Leader, "/api/indicators/CD01").await;
    assert_eq!((empty.status, empty.json()["rows"].as_array().map(Vec::len)), (StatusCode::OK, Some(0)));
}
