//! Rest-hooks: everything arrives, in order, once by number, through faults and restarts.

use crate::receiver::{Came, Fault, Receiver, administrator, hook, observation, of_topic, parameter, plain};
use crate::support::{A, B, PROVINCE, Place};
use axum::http::{Method, StatusCode};
use mach_fhir::ResourceType;
use mach_store::resources::Put;
use mach_store::subscriptions;
use tokio::net::TcpListener;

fn events_of(came: &[Came], kind: &str) -> usize {
    came.iter().filter(|c| c.taken && !c.body.is_empty() && c.kind() == kind).map(|c| c.events().len()).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_changes_arrive_in_order_through_faults_and_restarts() {
    let mut place = Place::new();
    let receiver = Receiver::start().await;
    place.allow(receiver.address);
    let mut delivery = Some(place.deliver());
    let channel = format!(
        r#"{},"extension":[{{"url":"URLbackport-timeout","valueUnsignedInt":1}},{{"url":"URLbackport-max-count","valuePositiveInt":7}}]"#,
        hook(receiver.address)
    );
    place.given(A, &of_topic("s", "observation-of-patient", "", &channel, "full-resource")).await;
    place.status_is(A, "s", "active").await;
    let mut expect = Vec::new();
    for round in 0..10 {
        // Some by transaction, some one by one; some change what is there.
        let entries: Vec<String> = (0..60)
            .map(|n| {
                let id = format!("r{round}n{n}");
                expect.push(id.clone());
                format!(
                    r#"{{"resource":{},"request":{{"method":"PUT","url":"Observation/{id}"}}}}"#,
                    observation(&id, "p", "c")
                )
            })
            .collect();
        let body = format!(r#"{{"resourceType":"Bundle","type":"transaction","entry":[{}]}}"#, entries.join(","));
        assert_eq!(place.post(A, "/fhir", &body).await.status, StatusCode::OK);
        match round {
            1 => receiver.misbehave(&[Fault::Status(500), Fault::Status(503), Fault::Hang]),
            3 => receiver.misbehave(&[Fault::Redirect, Fault::Status(404)]),
            // A flood of an answer is an answer: its head says 200, the rest is not read.
            5 => receiver.misbehave(&[Fault::Flood]),
            4 | 7 => {
                // The program ends in the midst of it and begins again on the same store.
                delivery.take().unwrap().stop().await;
                place = place.again();
                delivery = Some(place.deliver());
            }
            _ => {}
        }
        for n in 0..40 {
            let id = format!("r{round}n{n}");
            place.given(A, &observation(&id, "p", "d")).await;
            expect.push(id);
        }
    }
    let last = |came: &[Came]| {
        came.iter().filter(|c| c.taken || c.body.len() > 30_000_000).flat_map(Came::events).map(|(n, _)| n).max()
    };
    let came = receiver.until(|came| last(came) == Some(1_000)).await;
    // What was sent twice was sent with the same number; by number it is exactly what was written, in its order.
    let mut got: Vec<(i64, String)> = Vec::new();
    for one in came.iter().filter(|c| c.kind() == "event-notification") {
        let events = one.events();
        assert!((1..=7).contains(&events.len()), "{} events in one notification", events.len());
        let known = got.len() as i64;
        assert!(events[0].0 <= known + 1, "event {} came after {known}", events[0].0);
        for (n, focus) in events {
            match usize::try_from(n - 1).ok().and_then(|at| got.get(at)) {
                Some(before) => assert_eq!(before.1, focus, "event {n} is told differently"),
                None => got.push((n, focus)),
            }
        }
    }
    assert_eq!(got.iter().map(|(n, _)| *n).collect::<Vec<_>>(), (1..=1_000).collect::<Vec<_>>());
    assert_eq!(got.into_iter().map(|(_, id)| id).collect::<Vec<_>>(), expect);
    let status = place.get(A, "/fhir/Subscription/s/$status").await.json();
    assert_eq!(parameter(&status["entry"][0]["resource"], "events-since-subscription-start"), "1000");
}

#[tokio::test(flavor = "multi_thread")]
async fn plain_criteria_post_nothing_or_put_the_resource() {
    let place = Place::new();
    let (receiver, other) = (Receiver::start().await, Receiver::start().await);
    place.allow(receiver.address);
    place.allow(other.address);
    let _delivery = place.deliver();
    place.given(A, r#"{"resourceType":"Patient","id":"p","name":[{"family":"Lê"}]}"#).await;
    let channel = format!(r#"{},"header":["Authorization: Bearer s3cret","X-From: mach"]"#, hook(receiver.address));
    place.given(A, &plain("empty", "Observation?code=s|c&patient.family=le", &channel)).await;
    place
        .given(
            A,
            &plain(
                "full",
                "Observation?code=s|c",
                &format!(r#"{},"payload":"application/fhir+json""#, hook(other.address)),
            ),
        )
        .await;
    place.status_is(A, "empty", "active").await;
    place.status_is(A, "full", "active").await;
    place.given(A, &observation("other", "p", "x")).await;
    place
        .given(A, &observation("o", "p", "c").replace("\"final\"", "\"final\",\"valueQuantity\":{\"value\":1.00}"))
        .await;
    // It no longer meets the criteria, then it does, then it is gone: only the second is told.
    place.given(A, &observation("o", "p", "x")).await;
    place.given(A, &observation("o", "p", "c")).await;
    place.send(A, "DELETE", "/fhir/Observation/o", &[], "").await;
    place.given(A, &observation("end", "p", "c")).await;
    let came = receiver.until(|came| came.len() == 3).await;
    for one in &came {
        assert_eq!((&one.method, one.path.as_str(), one.body.as_str()), (&Method::POST, "/hook", ""));
        assert_eq!(one.headers["authorization"], "Bearer s3cret");
        assert_eq!(one.headers["x-from"], "mach");
    }
    let came = other.until(|came| came.len() == 3).await;
    let paths: Vec<&str> = came.iter().map(|c| c.path.as_str()).collect();
    assert_eq!(paths, ["/hook/Observation/o", "/hook/Observation/o", "/hook/Observation/end"]);
    assert!(
        came.iter()
            .all(|c| c.method == Method::PUT && c.headers["content-type"].to_str().unwrap().contains("fhir+json"))
    );
    assert!(came[0].body.contains("\"value\":1.00"), "{}", came[0].body);
    assert_eq!(came[0].json()["meta"]["versionId"], "1");
    assert_eq!(came[1].json()["meta"]["versionId"], "3");
    assert!(!came[0].headers.contains_key("authorization"), "a header of another subscription");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_is_for_its_author_alone() {
    let place = Place::new();
    let receiver = Receiver::start().await;
    let channel = format!(r#"{},"header":["Authorization: Bearer s3cret"]"#, hook(receiver.address));
    let text = plain("s", "Patient", &channel);
    place.given(A, &text).await;
    let own = place.get(A, "/fhir/Subscription/s").await;
    assert_eq!(own.json()["channel"], serde_json::from_str::<serde_json::Value>(&text).unwrap()["channel"]);
    // Even to the one who sees everything it is not told, and not in lists, histories, versions.
    for (who, path) in [
        (PROVINCE, "/fhir/Subscription/s"),
        (PROVINCE, "/fhir/Subscription"),
        (PROVINCE, "/fhir/Subscription/s/_history"),
        (PROVINCE, "/fhir/_history"),
        (PROVINCE, "/fhir/Subscription/s/_history/1"),
        (A, "/fhir/Subscription/s/_history"),
    ] {
        let answer = place.get(who, path).await;
        assert!(answer.status.is_success() && !answer.text.contains("s3cret"), "{who} {path}: {}", answer.text);
    }
    assert!(place.get(PROVINCE, "/fhir/Subscription/s").await.text.contains("Authorization: ***"));
    assert_eq!(place.get(PROVINCE, "/fhir/Subscription?_content=s3cret").await.json()["total"], 0);
    place.get(B, "/fhir/Subscription/s").await.refused(404);
    // What was read can be written back: the value stays. Somebody else has to give one.
    let read = place.get(PROVINCE, "/fhir/Subscription/s").await.text;
    place.put(PROVINCE, "/fhir/Subscription/s", &read).await.refused(422);
    let masked = read.replace("\"reason\":\"test\"", "\"reason\":\"again\"");
    assert!(place.put(A, "/fhir/Subscription/s", &masked).await.status.is_success());
    let own = place.get(A, "/fhir/Subscription/s").await.text;
    assert!(own.contains("s3cret") && own.contains("again"), "{own}");
    // A header must not carry another one.
    let bad = plain("t", "Patient", &format!(r#"{},"header":["X: a\r\nHost: evil"]"#, hook(receiver.address)));
    assert!(!place.put(A, "/fhir/Subscription/t", &bad).await.refused(422).contains("evil"));
    place.get(A, "/fhir/Subscription/t").await.refused(404);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_address_is_called_that_is_not_allowed() {
    let place = Place::new();
    let receiver = Receiver::start().await;
    let _delivery = place.deliver();
    place.given(A, &of_topic("s", "patient-change", "", &hook(receiver.address), "id-only")).await;
    let said = async || {
        let status = place.get(A, "/fhir/Subscription/s/$status").await.json();
        parameter(&status["entry"][0]["resource"], "error")["text"].as_str().unwrap_or_default().to_owned()
    };
    // Another subscription's way through the same loop shows that this one was looked at.
    place.given(A, &plain("ws", "Patient", r#""type":"websocket""#)).await;
    place.status_is(A, "ws", "active").await;
    place.given(A, r#"{"resourceType":"Patient","id":"before"}"#).await;
    assert_eq!(place.get(A, "/fhir/Subscription/s").await.json()["status"], "requested");
    assert!(receiver.came().is_empty(), "nothing was allowed");
    // A name that leads to this machine is not followed for a public address.
    place.allow(receiver.address);
    place.status_is(A, "s", "active").await;
    assert_eq!(said().await, "");
    let came = receiver.until(|came| !came.is_empty()).await;
    assert_eq!(came[0].kind(), "handshake");
    place.given(A, r#"{"resourceType":"Patient","id":"after"}"#).await;
    // What happened since it was asked for is told, in order; perhaps already behind the handshake.
    let came = receiver.until(|came| events_of(came, "event-notification") == 2).await;
    let told = ["Patient/before", "Patient/after"].map(|who| came.iter().position(|c| c.body.contains(who)));
    assert!(told[0].is_some() && told[0] <= told[1] && told[1].is_some(), "{told:?}");
    let address = receiver.address;
    place.store.write(&administrator(), move |tx| tx.disallow_prefix(&format!("http://{address}/"))).unwrap();
    place.given(A, r#"{"resourceType":"Patient","id":"late"}"#).await;
    let failed = place.status_is(A, "s", "error").await;
    assert!(failed.json()["error"].as_str().unwrap().contains("not allowed"), "{}", failed.text);
    assert!(receiver.came().iter().all(|c| !c.body.contains("late")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_is_gone_is_given_up_and_misses_nothing() {
    let place = Place::new();
    // An address where nobody listens.
    let address = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    place.allow(address);
    let _delivery = place.deliver();
    place.given(A, &plain("s", "Patient", &hook(address))).await;
    place.status_is(A, "s", "active").await;
    for n in 0..5 {
        place.given(A, &format!(r#"{{"resourceType":"Patient","id":"p{n}"}}"#)).await;
    }
    let failed = place.status_is(A, "s", "error").await;
    assert!(failed.json()["error"].as_str().unwrap().contains("cannot be reached"), "{}", failed.text);
    let mut reader = place.store.read(&administrator()).unwrap();
    let row = subscriptions::all(&mut reader).unwrap().remove(0);
    drop(reader);
    assert_eq!((row.attempts, row.delivered), (6, 0), "six tries");
    assert!(row.events >= 1 && row.said.contains("cannot be reached"));
    place.given(A, r#"{"resourceType":"Patient","id":"meanwhile"}"#).await;
    let receiver = Receiver::at(address).await;
    mach_fhir_api::subscription::retry(&place.store, row.id).unwrap();
    receiver.until(|came| came.len() == 6).await;
    place.status_is(A, "s", "active").await;
    assert!(mach_fhir_api::subscription::retry(&place.store, row.id).is_err(), "it was not given up");
}

#[tokio::test(flavor = "multi_thread")]
async fn versions_that_were_never_indexed_are_asked_all_the_same() {
    let place = Place::new();
    let receiver = Receiver::start().await;
    place.allow(receiver.address);
    let delivery = place.deliver();
    place
        .given(
            PROVINCE,
            &of_topic("s", "observation-of-patient", "Observation?code=s|c", &hook(receiver.address), "id-only"),
        )
        .await;
    place.status_is(PROVINCE, "s", "active").await;
    delivery.stop().await;
    // As an import writes: without the rows of a search; the first version is ended before anybody indexes it.
    for code in ["c", "x", "c", "x"] {
        let put = Put {
            kind: ResourceType::OBSERVATION,
            id: "i".to_owned(),
            body: observation("i", "p", code),
            patient: None,
            date: None,
            facility: None,
            index: Vec::new(),
        };
        place.store.write(&administrator(), move |tx| tx.put(&[put])).unwrap();
    }
    place.given(PROVINCE, &observation("last", "p", "c")).await;
    let _delivery = place.deliver();
    receiver.until(|came| events_of(came, "event-notification") == 3).await;
    let foci: Vec<String> = receiver.taken().into_iter().map(|(_, id)| id).collect();
    assert_eq!(foci, ["i", "i", "last"]);
}
