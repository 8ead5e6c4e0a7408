//! Many askers at once.

use crate::support::{PROVINCE, Place};
use axum::http::StatusCode;
use std::collections::HashSet;
use std::sync::Arc;

const JSON: (&str, &str) = ("content-type", "application/fhir+json");

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn twenty_identical_conditional_creates_are_one_resource() {
    let place = Arc::new(Place::new());
    let mut asked = Vec::new();
    for _ in 0..20 {
        let place = Arc::clone(&place);
        asked.push(tokio::spawn(async move {
            let body = r#"{"resourceType":"Patient","identifier":[{"system":"s","value":"1"}]}"#;
            place.send(PROVINCE, "POST", "/fhir/Patient", &[JSON, ("if-none-exist", "identifier=s|1")], body).await
        }));
    }
    let (mut created, mut ids) = (0, HashSet::new());
    for one in asked {
        let answer = one.await.unwrap();
        assert!(answer.status.is_success(), "{answer:?}");
        created += usize::from(answer.status == StatusCode::CREATED);
        ids.insert(answer.json()["id"].as_str().unwrap().to_owned());
    }
    assert_eq!((created, ids.len()), (1, 1));
    assert_eq!(place.all(PROVINCE, "/fhir/Patient").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_64_updates_of_one_version_one_wins() {
    let place = Arc::new(Place::new());
    place.given(PROVINCE, r#"{"resourceType":"Patient","id":"p"}"#).await;
    for round in 1..=5 {
        let mut asked = Vec::new();
        for n in 0..64 {
            let place = Arc::clone(&place);
            asked.push(tokio::spawn(async move {
                let body = format!(r#"{{"resourceType":"Patient","id":"p","name":[{{"text":"{round}-{n}"}}]}}"#);
                let version = format!("W/\"{round}\"");
                place.send(PROVINCE, "PUT", "/fhir/Patient/p", &[JSON, ("if-match", &version)], &body).await.status
            }));
        }
        let mut won = 0;
        for one in asked {
            match one.await.unwrap() {
                StatusCode::OK => won += 1,
                status => assert_eq!(status, StatusCode::PRECONDITION_FAILED),
            }
        }
        assert_eq!(won, 1, "round {round}");
    }
    assert_eq!(place.get(PROVINCE, "/fhir/Patient/p").await.json()["meta"]["versionId"], "6");
}

/// 10,000 resources in bundles; every tenth is of the group that updates move.
async fn many(place: &Place, count: usize) {
    let mut n = 0;
    while n < count {
        let entries: Vec<String> = (n..(n + 2_000).min(count))
            .map(|i| {
                let day = format!("20{:02}-{:02}-{:02}", i % 20, i % 12 + 1, i % 28 + 1);
                format!(
                    r#"{{"resource":{{"resourceType":"Observation","id":"o{i:05}","status":"final","code":{{"coding":[{{"code":"c"}}]}},"effectiveDateTime":"{day}"}},"request":{{"method":"PUT","url":"Observation/o{i:05}"}}}}"#
                )
            })
            .collect();
        let body = format!(r#"{{"resourceType":"Bundle","type":"transaction","entry":[{}]}}"#, entries.join(","));
        let answer = place.post(PROVINCE, "/fhir", &body).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", &answer.text[..answer.text.len().min(400)]);
        n += 2_000;
    }
}

/// Pages through while others change what is paged: out of the search, to another place in its order, away, and in.
async fn paged_under_writes(query: &str) {
    let place = Arc::new(Place::new());
    many(&place, 10_000).await;
    let writer = {
        let place = Arc::clone(&place);
        tokio::spawn(async move {
            for i in 0..1_000 {
                let n = (i * 7_919) % 10_000;
                let path = format!("/fhir/Observation/o{n:05}");
                let body = |id: String, code: &str| {
                    format!(
                        r#"{{"resourceType":"Observation","id":"{id}","status":"final","code":{{"coding":[{{"code":"{code}"}}]}},"effectiveDateTime":"1999-01-01"}}"#
                    )
                };
                let answer = match i % 4 {
                    0 => place.put(PROVINCE, &path, &body(format!("o{n:05}"), "other")).await,
                    1 => place.put(PROVINCE, &path, &body(format!("o{n:05}"), "c")).await,
                    2 => place.send(PROVINCE, "DELETE", &path, &[], "").await,
                    _ => place.put(PROVINCE, &format!("/fhir/Observation/new{i}"), &body(format!("new{i}"), "c")).await,
                };
                assert!(answer.status.is_success(), "{answer:?}");
            }
        })
    };
    let first = place.get(PROVINCE, &format!("/fhir/Observation?code=c{query}&_count=250&_total=accurate")).await;
    let total = first.json()["total"].as_u64().unwrap();
    let mut seen = first.matches();
    let mut next = first.link("next");
    while let Some(path) = next {
        let answer = place.get(PROVINCE, &path).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        assert_eq!(answer.json()["total"].as_u64(), Some(total));
        seen.extend(answer.matches());
        next = answer.link("next");
    }
    writer.await.unwrap();
    let distinct: HashSet<&String> = seen.iter().collect();
    assert_eq!(distinct.len(), seen.len(), "nothing twice");
    assert_eq!(seen.len() as u64, total, "no holes: the state of the first page to the last");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn ten_thousand_hits_paged_under_a_thousand_updates() {
    paged_under_writes("").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sorted_pages_are_as_stable() {
    paged_under_writes("&_sort=-date").await;
}

#[tokio::test]
async fn many_matches_stand_in_the_order_of_their_dates_on_every_page() {
    let place = Place::new();
    let day = |i: usize| format!("20{:02}-{:02}-{:02}", i * 37 % 30, i % 12 + 1, i * 7 % 28 + 1);
    let is_undated = |i: usize| i % 101 == 7;
    let entries: Vec<String> = (0..1_700)
        .map(|i| {
            // Those of the other code are the newest; some are found by two codings, some have no date.
            let (code, date) = if i % 4 == 3 { ("d", "2031-01-01".to_owned()) } else { ("c", day(i)) };
            let second = if i % 10 == 0 { r#",{"system":"http://example.org/b","code":"c"}"# } else { "" };
            let date = if is_undated(i) { String::new() } else { format!(r#","effectiveDateTime":"{date}""#) };
            format!(
                r#"{{"resource":{{"resourceType":"Observation","id":"o{i}","status":"final","code":{{"coding":[{{"code":"{code}"}}{second}]}}{date}}},"request":{{"method":"PUT","url":"Observation/o{i}"}}}}"#
            )
        })
        .collect();
    let body = format!(r#"{{"resourceType":"Bundle","type":"transaction","entry":[{}]}}"#, entries.join(","));
    assert_eq!(place.post(PROVINCE, "/fhir", &body).await.status, StatusCode::OK);
    let gone: Vec<usize> = (0..1_700).filter(|i| i % 61 == 0).collect();
    for i in &gone {
        let answer = place.send(PROVINCE, "DELETE", &format!("/fhir/Observation/o{i}"), &[], "").await;
        assert!(answer.status.is_success());
    }
    let matches = |i: &usize| i % 4 != 3 && !gone.contains(i);
    let undated = || (0..1_700).filter(matches).filter(|i| is_undated(*i));
    let mut dated: Vec<usize> = (0..1_700).filter(matches).filter(|i| !is_undated(*i)).collect();
    assert!(dated.len() > 1_000);
    for (sort, descending) in [("date", false), ("-date", true)] {
        dated.sort_by_key(|i| (day(*i), *i));
        if descending {
            dated.reverse();
        }
        let expected: Vec<String> = dated.iter().copied().chain(undated()).map(|i| format!("o{i}")).collect();
        for count in [40, 500] {
            let got = place.all(PROVINCE, &format!("/fhir/Observation?code=c&_sort={sort}&_count={count}")).await;
            assert_eq!(got, expected, "{sort} by {count}");
        }
    }
}
