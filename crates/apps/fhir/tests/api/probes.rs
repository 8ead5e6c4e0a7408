//! Where users of other servers were hurt: each probe of the issue that no other module here asks already.
//!
//! Elsewhere: unknown parameters, malformed values, totals (`searches`); twenty identical creates, 64 updates of one version,
//! pages under writes (`concurrent`); facilities (`scope`); `random_searches…` (`oracle`); `no_request…` (`fuzz`).

use crate::support::{PROVINCE, Place};
use axum::http::StatusCode;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

#[tokio::test]
async fn includes_with_a_sort_over_many_pages_lose_nothing_and_repeat_nothing() {
    let place = Place::new();
    let mut entries = Vec::new();
    for n in 0..20 {
        entries.push(format!(r#"{{"resource":{{"resourceType":"Patient","id":"p{n}"}},"request":{{"method":"PUT","url":"Patient/p{n}"}}}}"#));
    }
    for n in 0..230 {
        let (day, of) = (n * 7 % 28 + 1, n * 13 % 20);
        entries.push(format!(
            r#"{{"resource":{{"resourceType":"Observation","id":"o{n}","status":"final","code":{{"text":"x"}},"subject":{{"reference":"Patient/p{of}"}},"effectiveDateTime":"2026-03-{day:02}"}},"request":{{"method":"PUT","url":"Observation/o{n}"}}}}"#
        ));
    }
    let bundle = format!(r#"{{"resourceType":"Bundle","type":"transaction","entry":[{}]}}"#, entries.join(","));
    assert_eq!(place.post(PROVINCE, "/fhir", &bundle).await.status, StatusCode::OK);
    for sort in ["-date", "date", "patient,-date", "status", "code,_id"] {
        let mut next =
            Some(format!("/fhir/Observation?_sort={sort}&_count=17&_include=Observation:patient&_total=accurate"));
        let (mut seen, mut total, mut last) = (HashMap::new(), None, None::<String>);
        while let Some(path) = next {
            let answer = place.get(PROVINCE, &path).await;
            let json = answer.json();
            total = total.or(json["total"].as_i64());
            let included: HashSet<String> =
                answer.ids("include").into_iter().map(|id| format!("Patient/{id}")).collect();
            assert_eq!(included.len(), answer.ids("include").len(), "nobody twice on one page");
            let mut wanted = HashSet::new();
            for entry in json["entry"].as_array().unwrap().iter().filter(|e| e["search"]["mode"] == "match") {
                let resource = &entry["resource"];
                *seen.entry(resource["id"].as_str().unwrap().to_owned()).or_insert(0) += 1;
                wanted.insert(resource["subject"]["reference"].as_str().unwrap().to_owned());
                let date = resource["effectiveDateTime"].as_str().unwrap().to_owned();
                if sort == "-date" {
                    assert!(last.as_ref().is_none_or(|l| *l >= date), "{last:?} before {date}");
                    last = Some(date);
                }
            }
            assert_eq!(included, wanted, "exactly those that the page refers to");
            next = answer.link("next");
        }
        assert!(seen.values().all(|n| *n == 1), "{sort}: nothing twice");
        assert_eq!((seen.len() as i64, total), (230, Some(230)), "{sort}: nothing lost");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_conditional_puts_of_one_identity_are_one_resource() {
    let place = Arc::new(Place::new());
    for round in 0..10 {
        let mut asked = Vec::new();
        for n in 0..6 {
            let place = Arc::clone(&place);
            asked.push(tokio::spawn(async move {
                let body = format!(r#"{{"resourceType":"Patient","identifier":[{{"system":"s","value":"{round}"}}],"name":[{{"text":"n{n}"}}]}}"#);
                place.put(PROVINCE, &format!("/fhir/Patient?identifier=s|{round}"), &body).await.status
            }));
        }
        let mut created = 0;
        for one in asked {
            let status = one.await.unwrap();
            assert!(status.is_success(), "{status}");
            created += usize::from(status == StatusCode::CREATED);
        }
        assert_eq!(created, 1);
        assert_eq!(place.all(PROVINCE, &format!("/fhir/Patient?identifier=s|{round}")).await.len(), 1);
    }
}

#[tokio::test]
async fn a_transaction_that_fails_at_entry_n_stores_nothing_and_says_which() {
    let place = Place::new();
    let good = |n: usize| {
        format!(
            r#"{{"resource":{{"resourceType":"Basic","id":"b{n}","code":{{"text":"x"}}}},"request":{{"method":"PUT","url":"Basic/b{n}"}}}}"#
        )
    };
    let bad = [
        (
            r#"{"resource":{"resourceType":"Basic","id":"x","code":{"text":"x"}},"request":{"method":"PUT","url":"Basic/x","ifMatch":"W/\"7\""}}"#,
            412,
        ),
        (r#"{"resource":{"resourceType":"Patient","id":"x"},"request":{"method":"PUT","url":"Basic/x"}}"#, 400),
        (
            r#"{"resource":{"resourceType":"Basic","code":{"text":"x"},"subject":{"reference":"Patient?identifier=none"}},"request":{"method":"POST","url":"Basic"}}"#,
            412,
        ),
        (r#"{"request":{"method":"GET","url":"Basic/none"}}"#, 404),
        (r#"{"resource":{"resourceType":"Parameters"},"request":{"method":"PATCH","url":"Basic/none"}}"#, 404),
    ];
    for at in [0, 1, 7, 19] {
        for (entry, status) in bad {
            let mut entries: Vec<String> = (0..20).map(good).collect();
            entries[at] = entry.to_owned();
            let bundle = format!(r#"{{"resourceType":"Bundle","type":"transaction","entry":[{}]}}"#, entries.join(","));
            let answer = place.post(PROVINCE, "/fhir", &bundle).await;
            answer.refused(status);
            let place_told = answer.json()["issue"][0]["expression"][0].as_str().unwrap_or_default().to_owned();
            assert!(place_told.starts_with(&format!("Bundle.entry[{at}]")), "{entry}: {place_told}");
            let basics = place.get(PROVINCE, "/fhir/Basic?_summary=count").await;
            assert_eq!(basics.json()["total"], 0, "nothing is stored");
        }
    }
    let entries: Vec<String> = (0..20).map(good).collect();
    let bundle = format!(r#"{{"resourceType":"Bundle","type":"transaction","entry":[{}]}}"#, entries.join(","));
    assert_eq!(place.post(PROVINCE, "/fhir", &bundle).await.status, StatusCode::OK, "the connection goes on");
    assert_eq!(place.all(PROVINCE, "/fhir/Basic").await.len(), 20);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_search_begun_after_a_201_finds_the_resource() {
    let place = Arc::new(Place::new());
    let mut asked = Vec::new();
    for n in 0..8 {
        let place = Arc::clone(&place);
        asked.push(tokio::spawn(async move {
            for m in 0..25 {
                let value = format!("{n}-{m}");
                let body = format!(r#"{{"resourceType":"Patient","identifier":[{{"system":"r","value":"{value}"}}],"name":[{{"family":"F{n}x{m}"}}]}}"#);
                let made = place.post(PROVINCE, "/fhir/Patient", &body).await;
                assert_eq!(made.status, StatusCode::CREATED);
                let id = made.json()["id"].as_str().unwrap().to_owned();
                for query in [format!("identifier=r|{value}"), format!("family=f{n}x{m}"), format!("_id={id}")] {
                    assert_eq!(place.all(PROVINCE, &format!("/fhir/Patient?{query}")).await.join(" "), id, "{query}");
                }
            }
        }));
    }
    for one in asked {
        one.await.unwrap();
    }
}

#[tokio::test]
async fn dates_mean_the_same_in_every_zone_and_precision() {
    let place = Place::new();
    for (id, time) in [
        ("utc", r#""effectiveDateTime":"2026-03-17T20:30:00Z""#),
        ("vn", r#""effectiveDateTime":"2026-03-18T03:30:00+07:00""#),
        ("ny", r#""effectiveDateTime":"2026-03-17T16:30:00-04:00""#),
        ("day", r#""effectiveDateTime":"2026-03-18""#),
        ("month", r#""effectiveDateTime":"2026-03""#),
        ("from", r#""effectivePeriod":{"start":"2026-03-18T00:00:00+07:00"}"#),
        ("until", r#""effectivePeriod":{"end":"2026-03-18T00:00:00+07:00"}"#),
        ("instant", r#""effectiveInstant":"2026-03-17T20:30:00.250Z""#),
    ] {
        place
            .given(
                PROVINCE,
                &format!(
                    r#"{{"resourceType":"Observation","id":"{id}","status":"final","code":{{"text":"x"}},{time}}}"#
                ),
            )
            .await;
    }
    for (query, expect) in [
        ("date=2026-03-18T03:30:00%2B07:00", "utc vn ny instant"),
        ("date=2026-03-17T20:30:00Z", "utc vn ny instant"),
        ("date=2026-03-17T20:30Z", "utc vn ny instant"),
        ("date=2026-03-18", "utc vn ny day instant"),
        ("date=2026-03", "utc vn ny day month instant"),
        ("date=2026", "utc vn ny day month instant"),
        ("date=gt2026-03-18", "month from"),
        ("date=ge2026-04", "from"),
        ("date=lt2026-03-18", "month until"),
        ("date=le2026-02", "until"),
        ("date=sa2026-03-17", "utc vn ny day from instant"),
        ("date=eb2026-03-19", "utc vn ny day until instant"),
        ("date=ne2026-03-18", "month from until"),
    ] {
        let got = place.all(PROVINCE, &format!("/fhir/Observation?{query}")).await.join(" ");
        assert_eq!(got, expect, "{query}");
    }
}

#[tokio::test]
async fn decimals_keep_their_digits_by_every_way() {
    let place = Place::new();
    let body = r#"{"resourceType":"Observation","id":"d","status":"final","code":{"text":"x"},"valueQuantity":{"value":1.00},"component":[{"code":{"text":"y"},"valueQuantity":{"value":0.10e1}},{"code":{"text":"z"},"valueQuantity":{"value":-0.000}}]}"#;
    place.given(PROVINCE, body).await;
    let xml = place.get(PROVINCE, "/fhir/Observation/d?_format=xml").await;
    for path in [
        "Observation/d",
        "Observation/d/_history/1",
        "Observation?value-quantity=1",
        "Observation/_history",
        "Observation?_elements=valueQuantity,component",
        "Observation/d?_pretty=true",
    ] {
        let text = place.get(PROVINCE, &format!("/fhir/{path}")).await.text.replace(": ", ":");
        for digits in ["1.00", "0.10e1", "-0.000"] {
            assert!(text.contains(&format!("\"value\":{digits}")), "{path}: {text}");
        }
    }
    assert!(xml.text.contains("value=\"1.00\""), "{}", xml.text);
    for (query, count) in [("1", 1), ("1.0", 1), ("1.000", 1), ("1.001", 0), ("0.99", 0), ("1e0", 1)] {
        assert_eq!(
            place.all(PROVINCE, &format!("/fhir/Observation?value-quantity={query}")).await.len(),
            count,
            "{query}"
        );
    }
}

#[tokio::test]
async fn includes_twenty_deep_end() {
    let place = Place::new();
    let entries: Vec<String> = (0..40)
        .map(|n| {
            let above = if n < 39 { format!(r#","partOf":{{"reference":"Organization/o{}"}}"#, n + 1) } else { String::new() };
            format!(r#"{{"resource":{{"resourceType":"Organization","id":"o{n}","name":"o"{above}}},"request":{{"method":"PUT","url":"Organization/o{n}"}}}}"#)
        })
        .collect();
    let bundle = format!(r#"{{"resourceType":"Bundle","type":"transaction","entry":[{}]}}"#, entries.join(","));
    assert_eq!(place.post(PROVINCE, "/fhir", &bundle).await.status, StatusCode::OK);
    let depth = mach_base::limits::FHIR_INCLUDE_DEPTH;
    let up = place.get(PROVINCE, "/fhir/Organization?_id=o0&_include:iterate=Organization:partof").await;
    assert_eq!(up.ids("include").len(), depth);
    let down = place.get(PROVINCE, "/fhir/Organization?_id=o39&_revinclude:iterate=Organization:partof").await;
    assert_eq!(down.ids("include").len(), depth);
    // A circle ends by itself.
    place
        .given(
            PROVINCE,
            r#"{"resourceType":"Organization","id":"o39","name":"o","partOf":{"reference":"Organization/o38"}}"#,
        )
        .await;
    let round = place.get(PROVINCE, "/fhir/Organization?_id=o39&_include:iterate=Organization:partof").await;
    assert_eq!(round.ids("include"), ["o38"]);
}

/// The most memory this process held so far, in bytes; 0 where the system does not tell.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|l| l.starts_with("VmHWM:")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|n| n.parse::<u64>().ok()).unwrap_or(0) * 1024
}

#[tokio::test]
async fn large_bundles_and_many_hits_stay_in_bounded_memory() {
    let full = std::env::var_os("MACH_TEST_FULL").is_some();
    let (bundles, size) = if full { (50, mach_base::limits::FHIR_BUNDLE) } else { (3, 2_000) };
    let place = Place::new();
    for b in 0..bundles {
        let entries: Vec<String> = (0..size)
            .map(|n| format!(r#"{{"resource":{{"resourceType":"Basic","id":"b{b}-{n}","code":{{"coding":[{{"code":"c{}"}}]}}}},"request":{{"method":"PUT","url":"Basic/b{b}-{n}"}}}}"#, n % 7))
            .collect();
        let bundle = format!(r#"{{"resourceType":"Bundle","type":"transaction","entry":[{}]}}"#, entries.join(","));
        assert_eq!(place.post(PROVINCE, "/fhir", &bundle).await.status, StatusCode::OK);
    }
    let before = peak();
    let count = place.get(PROVINCE, "/fhir/Basic?_summary=count").await;
    assert_eq!(count.json()["total"], bundles * size);
    for path in [
        "Basic?_count=1000",
        "Basic?code=c1&_count=1000",
        "Basic?_sort=-_lastUpdated&_count=1000",
        "Basic?_sort=-_id&_count=1000",
    ] {
        let answer = place.get(PROVINCE, &format!("/fhir/{path}")).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.text);
    }
    let grown = peak().saturating_sub(before);
    assert!(grown < 200 << 20, "searching took {} MB more", grown >> 20);
    let one_more: Vec<&str> = vec!["{}"; mach_base::limits::FHIR_BUNDLE + 1];
    let bundle = format!(r#"{{"resourceType":"Bundle","type":"transaction","entry":[{}]}}"#, one_more.join(","));
    place.post(PROVINCE, "/fhir", &bundle).await.refused(400);
}
