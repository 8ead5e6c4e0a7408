//! What a subscription tells, and to whom: topics, scope, operations, limits.

use crate::receiver::{Came, Receiver, administrator, events, hook, observation, of_topic, parameter, plain};
use crate::support::{A, B, PROVINCE, Place};
use mach_base::limits;
use mach_store::subscriptions::{self, State};

fn told(came: &[Came]) -> Vec<String> {
    came.iter().filter(|c| c.taken).flat_map(Came::events).map(|(_, id)| id).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn topics_tell_what_happens() {
    let place = Place::new();
    let (starts, changes) = (Receiver::start().await, Receiver::start().await);
    place.allow(starts.address);
    place.allow(changes.address);
    let _delivery = place.deliver();
    place
        .given(
            A,
            &of_topic("starts", "encounter-start", "Encounter?patient=Patient/p", &hook(starts.address), "id-only"),
        )
        .await;
    place.given(A, &of_topic("changes", "patient-change", "", &hook(changes.address), "full-resource")).await;
    place.status_is(A, "starts", "active").await;
    place.status_is(A, "changes", "active").await;
    place.given(A, r#"{"resourceType":"Patient","id":"p","active":true}"#).await;
    let encounter = |id: &str, status: &str, patient: &str| {
        format!(
            r#"{{"resourceType":"Encounter","id":"{id}","status":"{status}","class":{{"code":"AMB"}},"subject":{{"reference":"Patient/{patient}"}}}}"#
        )
    };
    place.given(A, &encounter("planned", "planned", "p")).await;
    place.given(A, &encounter("straight", "in-progress", "p")).await;
    place.given(A, &encounter("another", "in-progress", "q")).await;
    place.given(A, &encounter("planned", "in-progress", "p")).await;
    // It is in progress still: nothing starts.
    place.given(A, &encounter("planned", "in-progress", "p")).await;
    place.given(A, &encounter("planned", "finished", "p")).await;
    place.given(A, &encounter("end", "in-progress", "p")).await;
    let came = starts.until(|came| told(came).contains(&"end".to_owned())).await;
    assert_eq!(told(&came), ["straight", "planned", "end"]);
    let note = came.iter().find(|c| c.kind() == "event-notification").unwrap().json();
    assert_eq!(note["type"], "history");
    assert_eq!(note["entry"][0]["request"]["url"], "http://mach.test/fhir/Subscription/starts/$status");
    assert_eq!(note["entry"][1]["fullUrl"], "http://mach.test/fhir/Encounter/straight");
    assert!(note["entry"][1]["resource"].is_null(), "id-only");
    assert_eq!(parameter(&note["entry"][0]["resource"], "topic"), "urn:mach:topic:encounter-start");

    place.send(A, "DELETE", "/fhir/Patient/p", &[], "").await;
    place.given(A, r#"{"resourceType":"Patient","id":"p","active":false}"#).await;
    let came = changes.until(|came| told(came).len() == 3).await;
    let entries: Vec<_> = came
        .iter()
        .filter(|c| c.kind() == "event-notification")
        .flat_map(|c| c.json()["entry"].as_array().unwrap()[1..].to_vec())
        .collect();
    let methods: Vec<&str> = entries.iter().map(|e| e["request"]["method"].as_str().unwrap()).collect();
    assert_eq!(methods, ["PUT", "DELETE", "PUT"]);
    assert_eq!(entries[0]["resource"]["active"], true);
    assert!(entries[1]["resource"].is_null());
    assert_eq!(entries[2]["resource"]["meta"]["versionId"], "3");
    // All topics are listed, and every one can be subscribed to.
    let list = place.get(A, "/fhir/SubscriptionTopic").await.json();
    assert_eq!(list["total"], 6);
    let metadata = place.get("", "/fhir/metadata").await.text;
    for entry in list["entry"].as_array().unwrap() {
        let basic = &entry["resource"];
        let id = basic["id"].as_str().unwrap();
        assert_eq!(&place.get(A, &format!("/fhir/SubscriptionTopic/{id}")).await.json(), basic);
        place.given(A, &of_topic(id, id, "", r#""type":"websocket""#, "empty")).await;
        place.status_is(A, id, "active").await;
        assert!(metadata.contains(&format!("urn:mach:topic:{id}")), "{id}");
    }
    place.get(A, "/fhir/SubscriptionTopic/none").await.refused(404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_sees_what_its_author_sees() {
    let place = Place::new();
    let (of_a, of_all) = (Receiver::start().await, Receiver::start().await);
    place.allow(of_a.address);
    place.allow(of_all.address);
    let _delivery = place.deliver();
    place.given(A, &of_topic("a", "observation-of-patient", "", &hook(of_a.address), "full-resource")).await;
    place.given(PROVINCE, &of_topic("all", "observation-of-patient", "", &hook(of_all.address), "id-only")).await;
    place.status_is(A, "a", "active").await;
    place.status_is(PROVINCE, "all", "active").await;
    place.given(B, &observation("same", "p", "b")).await;
    place.given(A, &observation("same", "p", "a")).await;
    place.given(PROVINCE, &observation("prov", "p", "x")).await;
    place.send(B, "DELETE", "/fhir/Observation/same", &[], "").await;
    place.given(B, &observation("b", "p", "b")).await;
    place.given(A, &observation("end", "p", "a")).await;
    of_all.until(|came| told(came).len() == 6).await;
    let came = of_a.until(|came| told(came).contains(&"end".to_owned())).await;
    assert_eq!(told(&came), ["same", "end"]);
    assert!(came.iter().all(|c| !c.body.contains("\"code\":\"b\"") && !c.body.contains("prov")));
    // Numbers have no gap: what others write cannot be counted.
    let numbers: Vec<i64> = came.iter().flat_map(Came::events).map(|(n, _)| n).collect();
    assert_eq!(numbers, [1, 2]);
    place.get(B, "/fhir/Subscription/a/$events").await.refused(404);
    place.get(B, "/fhir/Subscription/a/$status").await.refused(404);
    assert_eq!(place.get(B, "/fhir/Subscription/$status").await.json()["total"], 0);
    assert_eq!(place.get(A, "/fhir/Subscription/$status").await.json()["total"], 1);
    // Each disclosure is written down, in the author's name.
    let mut reader = place.store.read(&administrator()).unwrap();
    let mut told = mach_store::audit::of_target(&mut reader, "Subscription/a tells Observation/same").unwrap();
    told.extend(mach_store::audit::of_target(&mut reader, "Subscription/a tells Observation/end").unwrap());
    drop(reader);
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told.iter().all(|e| e.name == A && e.outcome == "granted"));
    // The token is revoked: nothing more is told.
    let token = 2;
    place.store.write(&administrator(), move |tx| tx.revoke_system_token(token)).unwrap();
    place.status_is(PROVINCE, "a", "off").await;
    place.given(PROVINCE, &observation("later", "p", "a")).await;
    of_all.until(|came| self::told(came).contains(&"later".to_owned())).await;
    assert_eq!(self::told(&of_a.came()), ["same", "end"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_told_again_by_number() {
    let place = Place::new();
    let receiver = Receiver::start().await;
    place.allow(receiver.address);
    let _delivery = place.deliver();
    place.given(A, &of_topic("s", "patient-change", "", &hook(receiver.address), "empty")).await;
    place.status_is(A, "s", "active").await;
    for n in 1..=5 {
        place.given(A, &format!(r#"{{"resourceType":"Patient","id":"p{n}"}}"#)).await;
    }
    let came = receiver.until(|came| told(came).len() == 5).await;
    assert!(came.iter().all(|c| !c.body.contains("Patient/p")), "an empty notification names nothing");
    let again =
        place.get(A, "/fhir/Subscription/s/$events?eventsSinceNumber=2&eventsUntilNumber=4&content=id-only").await;
    let bundle = again.json();
    assert_eq!(parameter(&bundle["entry"][0]["resource"], "type"), "query-event");
    let expect: Vec<(i64, String)> = (2..=4).map(|n| (n, format!("p{n}"))).collect();
    assert_eq!(events(&bundle), expect);
    let posted = r#"{"resourceType":"Parameters","parameter":[{"name":"eventsSinceNumber","valueString":"5"},{"name":"content","valueCode":"full-resource"}]}"#;
    let bundle = place.post(A, "/fhir/Subscription/s/$events", posted).await.json();
    assert_eq!(bundle["entry"][1]["resource"]["id"], "p5");
    place.get(A, "/fhir/Subscription/s/$events?eventsSinceNumber=x").await.refused(400);
    place.get(A, "/fhir/Subscription/none/$events").await.refused(404);
    // A new version goes on counting; a deleted one is gone.
    let text = of_topic("s", "patient-change", "Patient?_id=p9", &hook(receiver.address), "id-only");
    place.given(A, &text).await;
    place.status_is(A, "s", "active").await;
    place.given(A, r#"{"resourceType":"Patient","id":"p8"}"#).await;
    place.given(A, r#"{"resourceType":"Patient","id":"p9"}"#).await;
    let came = receiver.until(|came| came.iter().any(|c| c.body.contains("Patient/p9"))).await;
    assert_eq!(came.last().unwrap().events(), [(6, "p9".to_owned())]);
    place.send(A, "DELETE", "/fhir/Subscription/s", &[], "").await;
    place.get(A, "/fhir/Subscription/s/$status").await.refused(410);
}

#[tokio::test(flavor = "multi_thread")]
async fn silence_is_broken_by_a_heartbeat_and_an_end_ends() {
    let place = Place::new();
    let receiver = Receiver::start().await;
    place.allow(receiver.address);
    let _delivery = place.deliver();
    let channel = format!(
        r#"{},"extension":[{{"url":"URLbackport-heartbeat-period","valueUnsignedInt":1}}]"#,
        hook(receiver.address)
    );
    place.given(A, &of_topic("s", "patient-change", "", &channel, "empty")).await;
    let came = receiver.until(|came| came.len() >= 3).await;
    assert_eq!(came.iter().map(Came::kind).collect::<Vec<_>>()[..3], ["handshake", "heartbeat", "heartbeat"]);
    let ended = of_topic("s", "patient-change", "", &channel, "empty")
        .replace(r#""reason":"test""#, r#""reason":"test","end":"2020-01-01T00:00:00Z""#);
    let count = receiver.came().len();
    place.given(A, &ended).await;
    place.given(A, &plain("ws", "Patient", r#""type":"websocket""#)).await;
    place.status_is(A, "ws", "active").await;
    assert_eq!(place.get(A, "/fhir/Subscription/s").await.json()["status"], "requested");
    assert!(receiver.came().len() <= count + 1, "what has ended is not told");
    // XML where it is asked for.
    let xml = of_topic("x", "patient-change", "", &hook(receiver.address), "empty").replace("fhir+json", "fhir+xml");
    place.given(A, &xml).await;
    let came = receiver.until(|came| came.iter().any(|c| c.body.contains("<Bundle"))).await;
    assert!(came.last().unwrap().headers["content-type"].to_str().unwrap().starts_with("application/fhir+xml"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_has_so_many_subscriptions_and_no_more() {
    let place = Place::new();
    let _delivery = place.deliver();
    let entry = |n: i64| {
        let text = plain(&format!("s{n}"), "Patient", r#""type":"websocket""#);
        format!(r#"{{"resource":{text},"request":{{"method":"PUT","url":"Subscription/s{n}"}}}}"#)
    };
    let all: Vec<String> = (1..=limits::SUBSCRIPTIONS).map(entry).collect();
    let body = format!(r#"{{"resourceType":"Bundle","type":"transaction","entry":[{}]}}"#, all.join(","));
    assert!(place.post(A, "/fhir", &body).await.status.is_success());
    for n in [1, limits::SUBSCRIPTIONS] {
        place.status_is(A, &format!("s{n}"), "active").await;
    }
    let more = plain("more", "Patient", r#""type":"websocket""#);
    place.put(A, "/fhir/Subscription/more", &more).await.refused(422);
    place.given(B, &more).await;
    place.status_is(B, "more", "active").await;
    let mut reader = place.store.read(&administrator()).unwrap();
    let live = subscriptions::all(&mut reader).unwrap().into_iter().filter(|s| s.state == State::Active).count();
    assert_eq!(live as i64, limits::SUBSCRIPTIONS + 1);
}
