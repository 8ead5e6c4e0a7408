//! Sensitive facts are not there for those whom the policy does not open them, by whatever way they ask; and a facility gets
//! nothing of another one of any type by any interaction.

use crate::support::{A, Answer, B, PROVINCE, Place};
use axum::http::StatusCode;
use mach_access::policy::{Purpose, Relation};
use mach_access::{Act, Actor, Decision, Role, decide, secret};
use mach_fhir::ResourceType;
use mach_store::grants::{NewGrant, Review};
use mach_store::resources::{Index, Save};
use mach_store::{accounts, grants, schema};

/// A clinician of A, a leader, and a clinician of A who treats.
const DOCTOR: &str = "doctor";
const LEADER: &str = "leader";

fn console() -> Decision {
    decide(&Actor::console(), Act::Administer).unwrap()
}

/// Facility A has a person with an ordinary and a sensitive condition, and what hangs on it.
async fn place() -> Place {
    let place = Place::new();
    place
        .store
        .write(&console(), |tx| {
            let a = schema::facility_id(tx, "46001")?;
            tx.add_system_token(&secret::token_hash(DOCTOR), Some(a), Role::Clinician, DOCTOR)?;
            tx.add_system_token(&secret::token_hash(LEADER), None, Role::Leader, LEADER).map(drop)
        })
        .unwrap();
    let condition = |id: &str, code: &str| {
        format!(
            r#"{{"resourceType":"Condition","id":"{id}","subject":{{"reference":"Patient/p"}},"encounter":{{"reference":"Encounter/e"}},
            "code":{{"coding":[{{"system":"http://hl7.org/fhir/sid/icd-10","code":"{code}"}}],"text":"{id} text"}}}}"#
        )
    };
    place.given(A, r#"{"resourceType":"Patient","id":"p","name":[{"family":"Lê"}]}"#).await;
    place.given(A, r#"{"resourceType":"Encounter","id":"e","status":"finished","class":{"code":"AMB"},"subject":{"reference":"Patient/p"}}"#).await;
    place.given(A, &condition("plain", "I10")).await;
    place.given(A, &condition("secret", "B20")).await;
    // It was labelled once; what it is now is not.
    place.given(A, r#"{"resourceType":"Observation","id":"was","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/p"},"meta":{"security":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"PSY"}]},"note":[{"text":"oldsecret"}]}"#).await;
    place.given(A, r#"{"resourceType":"Observation","id":"was","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/p"}}"#).await;
    place
}

#[tokio::test]
async fn what_is_sensitive_is_not_there_by_any_way_of_asking() {
    let place = place().await;
    for who in [DOCTOR, LEADER] {
        let check = |query: &'static str, expect: &'static str| {
            let place = &place;
            async move { assert_eq!(place.all(who, &format!("/fhir/{query}")).await.join(" "), expect, "{who} {query}") }
        };
        check("Condition", "plain").await;
        check("Condition?code=B20", "").await;
        check("Condition?code:text=secret", "").await;
        check("Condition?code:not=I10", "").await;
        check("Condition?_sort=-_lastUpdated", "plain").await;
        check("Condition?_id=secret", "").await;
        check("Condition?subject=Patient/p", "plain").await;
        check("Condition?_text=secret", "").await;
        check("Condition?_content=secret", "").await;
        check("Patient?_has:Condition:subject:code=B20", "").await;
        check("Patient?_has:Condition:subject:code=I10", "p").await;
        check("Encounter?_has:Condition:encounter:_id=secret", "").await;
        check("Patient/p/Condition", "plain").await;
        for query in ["Condition?_summary=count", "Condition?_total=accurate&_count=0"] {
            assert_eq!(place.get(who, &format!("/fhir/{query}")).await.json()["total"], 1, "{who} {query}");
        }
        let back = place.get(who, "/fhir/Patient?_revinclude=Condition:subject").await;
        assert_eq!(back.ids("include"), ["plain"], "{who}");
        for path in [
            "_history",
            "Condition/_history",
            "Patient/p/$everything",
            "Observation/was/_history",
            "?_type=Condition,Observation",
        ] {
            let text = place.get(who, &format!("/fhir/{path}")).await.text;
            assert!(!text.contains("secret") && !text.contains("B20"), "{who} {path}: {text}");
        }
        assert_eq!(place.get(who, "/fhir/Condition/_history").await.json()["total"], 1);
        place.get(who, "/fhir/Observation/was").await.refused_not();
        same(&place, who, "GET", ("Observation/was/_history/1", "Observation/absent/_history/1"), "").await;
        for (hidden, none) in [
            ("Condition/secret", "Condition/absent"),
            ("Condition/secret/_history", "Condition/absent/_history"),
            ("Condition/secret/_history/1", "Condition/absent/_history/1"),
            ("Condition/secret/$meta", "Condition/absent/$meta"),
        ] {
            same(&place, who, "GET", (hidden, none), "").await;
        }
    }
    let body = r#"{"resourceType":"Condition","id":"ID","subject":{"reference":"Patient/p"}}"#;
    same(&place, DOCTOR, "PUT", ("Condition/secret", "Condition/absent"), body).await;
    same(&place, DOCTOR, "DELETE", ("Condition/secret", "Condition/absent"), "").await;
    let patch = r#"[{"op":"add","path":"/recordedDate","value":"2026-01-01"}]"#;
    same(&place, DOCTOR, "PATCH", ("Condition/secret", "Condition/absent"), patch).await;
    // The system that wrote them sees both, before and after a deletion; who did not see it sees no deletion either.
    assert_eq!(place.all(A, "/fhir/Condition").await, ["plain", "secret"]);
    assert_eq!(place.send(A, "DELETE", "/fhir/Condition/secret", &[], "").await.status, StatusCode::NO_CONTENT);
    assert_eq!(place.get(A, "/fhir/Condition/secret").await.status, StatusCode::GONE);
    same(&place, DOCTOR, "GET", ("Condition/secret", "Condition/absent"), "").await;
    assert!(!place.get(DOCTOR, "/fhir/_history").await.text.contains("secret"));
}

impl Answer {
    #[track_caller]
    fn refused_not(&self) {
        assert!(self.status.is_success(), "{self:?}");
    }
}

/// Both answers are the same but for the id asked for.
#[track_caller]
fn same<'p>(
    place: &'p Place,
    who: &'p str,
    method: &'p str,
    (hidden, none): (&'p str, &'p str),
    body: &'p str,
) -> impl Future<Output = ()> + 'p {
    let caller = std::panic::Location::caller();
    async move {
        let kind = if method == "PATCH" { "application/json-patch+json" } else { "application/fhir+json" };
        let mut said = Vec::new();
        for path in [hidden, none] {
            let id = path.split('/').nth(1).unwrap();
            let answer = place
                .send(who, method, &format!("/fhir/{path}"), &[("content-type", kind)], &body.replace("ID", id))
                .await;
            assert!(!answer.status.is_server_error(), "{caller}: {method} {path}: {answer:?}");
            let headers: Vec<(String, String)> =
                answer.headers.iter().filter(|(n, _)| n != "x-request-id").cloned().collect();
            // A search tells when it was answered.
            let text = answer.text.replace(id, "ID");
            let text = match text.split_once("\"lastUpdated\":\"") {
                Some((before, after)) => format!("{before}{}", after.split_once('"').map_or("", |(_, rest)| rest)),
                None => text,
            };
            let lengths = |(name, value): &(String, String)| (name.clone(), value.replace(id, "ID"));
            let headers: Vec<(String, String)> =
                headers.iter().filter(|(n, _)| n != "content-length").map(lengths).collect();
            said.push((answer.status, headers, text));
        }
        assert_eq!(said[0], said[1], "{caller}: {who} {method} {hidden}");
    }
}

#[tokio::test]
async fn who_treats_sees_what_is_needed() {
    let place = place().await;
    place
        .store
        .write(&console(), |tx| {
            let a = schema::facility_of_code(tx, "46001")?;
            let new = accounts::NewAccount {
                name: "treats".to_owned(),
                display: "BS. Điều Trị".to_owned(),
                role: Role::Clinician,
                facility: a,
                password: String::new(),
            };
            let id = tx.set_account(&new)?;
            tx.set_care(id, Some("dr"), None)?;
            tx.begin_session(&secret::token_hash("session"), id, mach_store::sessions::State::Open, "")
        })
        .unwrap();
    let ask = |path: &'static str| {
        let place = &place;
        async move { place.send("", "GET", path, &[("cookie", "mach_session=session")], "").await }
    };
    ask("/fhir/Condition/secret").await.refused(404);
    place.given(A, r#"{"resourceType":"Practitioner","id":"dr"}"#).await;
    place.given(A, r#"{"resourceType":"Encounter","id":"mine","status":"in-progress","class":{"code":"AMB"},"subject":{"reference":"Patient/p"},"participant":[{"individual":{"reference":"Practitioner/dr"}}]}"#).await;
    // A person is the Patient's number here: none is known, so nobody is treated.
    ask("/fhir/Condition/secret").await.refused(404);
}

/// Everything B has, of every type; A asks for it in every way that names it.
#[tokio::test]
async fn a_facility_gets_nothing_of_another_of_any_type() {
    let place = Place::new();
    let types: Vec<ResourceType> = ResourceType::all().collect();
    let made = types.clone();
    place
        .store
        .write(&console(), move |tx| {
            let b = schema::facility_of_code(tx, "46002")?.unwrap_or_default();
            let mut saves: Vec<Save> = made
                .iter()
                .map(|kind| Save {
                    kind: *kind,
                    id: "theirs".to_owned(),
                    body: Some(format!(r#"{{"resourceType":"{}","id":"theirs","language":"secretly"}}"#, kind.name())),
                    patient: None,
                    date: None,
                    facility: b,
                    fresh: false,
                    index: Index::default(),
                })
                .collect();
            tx.save(&mut saves).map(drop)
        })
        .unwrap();
    for kind in &types {
        let name = kind.name();
        for (method, rest) in [
            ("GET", ""),
            ("GET", "/_history"),
            ("GET", "/_history/1"),
            ("GET", "/$meta"),
            ("GET", "/$everything"),
            ("GET", "/$validate"),
            ("GET", "/$document"),
            ("GET", "/Observation"),
            ("GET", "/*"),
            ("DELETE", ""),
        ] {
            let (hidden, none) = (format!("{name}/theirs{rest}"), format!("{name}/absent{rest}"));
            same(&place, A, method, (&hidden, &none), "").await;
        }
        same(
            &place,
            A,
            "PATCH",
            (&format!("{name}/theirs"), &format!("{name}/absent")),
            r#"[{"op":"test","path":"/language","value":"secretly"}]"#,
        )
        .await;
        for query in
            ["", "?_id=theirs", "?_summary=count", "?_sort=-_lastUpdated", "?_lastUpdated=gt2000-01-01", "/_history"]
        {
            let path = format!("/fhir/{name}{query}");
            let answer = place.get(A, &path).await;
            assert!(!answer.text.contains("secretly") && !answer.text.contains("/theirs\""), "{path}: {}", answer.text);
            if answer.status.is_success() {
                assert!(answer.json()["total"].as_i64().unwrap_or(0) == 0, "{path}: {}", answer.text);
            }
        }
    }
    for path in ["/fhir", "/fhir/_history", "/fhir?_type=Patient,Observation,Condition"] {
        assert!(!place.get(A, path).await.text.contains("secretly"), "{path}");
    }
    let mine = place.get(B, "/fhir/_history?_count=500").await.text.matches("secretly").count();
    assert_eq!(mine, types.len(), "B has them all");
}

/// The number of the person that a Patient stands for is the record's; a consent opens that record, a refusal closes it.
#[tokio::test]
async fn a_grant_opens_and_ends_and_a_consent_is_read() {
    let place = place().await;
    let of_b = |body: &str| body.to_owned();
    let store = &place.store;
    // Facts of B about person 7.
    let (a, b) = store
        .write(&console(), |tx| {
            let (a, b) = (schema::facility_of_code(tx, "46001")?, schema::facility_of_code(tx, "46002")?);
            let (a, b) = (a.unwrap_or_default(), b.unwrap_or_default());
            let save = |kind, id: &str, body: &str| Save {
                kind,
                id: id.to_owned(),
                body: Some(body.to_owned()),
                patient: Some(7),
                date: None,
                facility: b,
                fresh: false,
                index: Index::default(),
            };
            tx.save(&mut [
                save(ResourceType::PATIENT, "seven", r#"{"resourceType":"Patient","id":"seven"}"#),
                save(ResourceType::OBSERVATION, "o7", r#"{"resourceType":"Observation","id":"o7","status":"final","code":{"text":"x"}}"#),
                save(ResourceType::CONDITION, "c7", r#"{"resourceType":"Condition","id":"c7","code":{"coding":[{"system":"http://hl7.org/fhir/sid/icd-10","code":"B20"}]},"subject":{"reference":"Patient/seven"}}"#),
            ])?;
            Ok((a, b))
        })
        .unwrap();
    place.get(DOCTOR, "/fhir/Observation/o7").await.refused(404);
    place.get(A, "/fhir/Observation/o7").await.refused(404);
    let grant = move |relation, purpose, until| NewGrant {
        person: 7,
        account: 0,
        facility: a,
        relation,
        purpose,
        until,
        reason: "x".to_owned(),
        source: String::new(),
        from: 0,
        review: Review::NotNeeded,
    };
    let now = mach_base::time::now_seconds();
    let make = |new: NewGrant| store.write(&console(), move |tx| tx.grant(&new)).unwrap();
    let end = |id: i64| assert!(store.write(&console(), move |tx| tx.end_grant(id)).unwrap());
    // A purpose the policy does not name opens nothing; an ended time neither.
    let wrong = make(grant(Relation::BreakGlass, Purpose::Research, now + 3_600));
    let over = make(grant(Relation::BreakGlass, Purpose::Emergency, now - 1));
    place.get(DOCTOR, "/fhir/Observation/o7").await.refused(404);
    end(wrong);
    let _ = over;
    let id = make(grant(Relation::BreakGlass, Purpose::Emergency, now + 3_600));
    for path in ["/fhir/Observation/o7", "/fhir/Condition/c7", "/fhir/Patient/seven"] {
        place.get(DOCTOR, path).await.refused_not();
        place.get(A, path).await.refused(404);
    }
    assert_eq!(place.all(DOCTOR, "/fhir/Observation?_id=o7").await, ["o7"]);
    // Open to read is not open to change: a deletion finds nothing, as where there is nothing.
    assert_eq!(place.send(DOCTOR, "DELETE", "/fhir/Observation/o7", &[], "").await.status, StatusCode::NO_CONTENT);
    place.get(B, "/fhir/Observation/o7").await.refused_not();
    end(id);
    place.get(DOCTOR, "/fhir/Observation/o7").await.refused(404);
    // What B writes opens the record to A; what A writes opens nothing to A.
    let consent = |status: &str, kind: &str| {
        format!(
            r#"{{"resourceType":"Consent","id":"k","status":"{status}","scope":{{"text":"privacy"}},"category":[{{"text":"privacy"}}],"policyRule":{{"text":"x"}},"patient":{{"reference":"Patient/seven"}},"provision":{{"type":"{kind}","actor":[{{"role":{{"text":"IRCP"}},"reference":{{"reference":"Organization/f46001"}}}}]}}}}"#
        )
    };
    place.put(A, "/fhir/Consent/k", &of_b(&consent("active", "permit"))).await;
    place.get(A, "/fhir/Observation/o7").await.refused(404);
    place.put(B, "/fhir/Consent/k", &consent("active", "permit")).await.refused_not();
    assert_eq!(store.read(&console()).map(|mut r| grants::of_person(&mut r, 7, 10).unwrap()[0].facility).unwrap(), a);
    place.get(A, "/fhir/Observation/o7").await.refused_not();
    place.get(DOCTOR, "/fhir/Condition/c7").await.refused_not();
    place.put(B, "/fhir/Consent/k", &consent("inactive", "permit")).await.refused_not();
    place.get(A, "/fhir/Observation/o7").await.refused(404);
    place.put(B, "/fhir/Consent/k", &consent("active", "deny")).await.refused_not();
    let id = make(grant(Relation::Referred, Purpose::Treatment, now + 3_600));
    place.get(A, "/fhir/Observation/o7").await.refused(404);
    place.send(B, "DELETE", "/fhir/Consent/k", &[], "").await.refused_not();
    place.get(A, "/fhir/Observation/o7").await.refused_not();
    end(id);
    let _ = (b, PROVINCE);
}

/// Facts of B about person 7; gives the numbers of A and B.
fn seven(place: &Place, marked: bool) -> (i64, i64) {
    let patient = match marked {
        false => r#"{"resourceType":"Patient","id":"seven"}"#.to_owned(),
        true => r#"{"resourceType":"Patient","id":"seven","meta":{"security":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"CEL"}]}}"#.to_owned(),
    };
    let work = move |tx: &mut mach_store::Tx<'_>| {
        let numbers = (schema::facility_of_code(tx, "46001")?, schema::facility_of_code(tx, "46002")?);
        let (a, b) = (numbers.0.unwrap_or_default(), numbers.1.unwrap_or_default());
        let save = |kind, id: &str, body: &str| Save {
            kind,
            id: id.to_owned(),
            body: Some(body.to_owned()),
            patient: Some(7),
            date: None,
            facility: b,
            fresh: false,
            index: Index::default(),
        };
        let observation = r#"{"resourceType":"Observation","id":"o7","status":"final","code":{"text":"x"}}"#;
        tx.save(&mut [
            save(ResourceType::PATIENT, "seven", &patient),
            save(ResourceType::OBSERVATION, "o7", observation),
        ])?;
        Ok((a, b))
    };
    place.store.write(&console(), work).unwrap()
}

fn opening(facility: i64, relation: Relation, purpose: Purpose) -> NewGrant {
    NewGrant {
        person: 7,
        account: 0,
        facility,
        relation,
        purpose,
        until: mach_base::time::now_seconds() + 3_600,
        reason: "x".to_owned(),
        source: String::new(),
        from: 0,
        review: Review::NotNeeded,
    }
}

/// A person of public interest is opened by what names them too, an emergency, and by nothing that does not.
#[tokio::test]
async fn a_person_of_public_interest_is_opened_by_an_emergency_only() {
    let place = place().await;
    let (a, _) = seven(&place, false);
    let store = &place.store;
    let make = |new: NewGrant| store.write(&console(), move |tx| tx.grant(&new)).unwrap();
    for relation in [Relation::Consented, Relation::Referred] {
        make(opening(a, relation, Purpose::Treatment));
    }
    place.get(DOCTOR, "/fhir/Observation/o7").await.refused_not();
    // From the moment they are marked on, what was opened before shows nothing of them.
    seven(&place, true);
    let doctor = |act| {
        let actor = Actor { account: -1, role: Role::Clinician, facility: Some(a), ..Actor::console() };
        let reach = mach_access::Reach { opened: true, ..mach_access::Reach::default() };
        decide(&Actor { reach, ..actor }, act).unwrap()
    };
    let may_open = || {
        let mut reader = store.read(&doctor(Act::ReadRecord)).unwrap();
        mach_store::resources::may_open(&mut reader, 7).unwrap()
    };
    for path in ["/fhir/Observation/o7", "/fhir/Patient/seven"] {
        place.get(DOCTOR, path).await.refused(404);
        place.get(A, path).await.refused(404);
    }
    assert!(place.all(DOCTOR, "/fhir/Observation?_id=o7").await.is_empty());
    assert!(!may_open());
    let id = make(opening(a, Relation::BreakGlass, Purpose::Emergency));
    for path in ["/fhir/Observation/o7", "/fhir/Patient/seven"] {
        place.get(DOCTOR, path).await.refused_not();
        place.get(A, path).await.refused(404);
    }
    assert!(may_open());
    assert!(store.write(&console(), move |tx| tx.end_grant(id)).unwrap());
    place.get(DOCTOR, "/fhir/Observation/o7").await.refused(404);
    assert!(!may_open());
}

/// A consent opens from its first minute until its last, however short its dates are written, and nothing less than a record.
#[tokio::test]
async fn a_consent_opens_for_its_period_and_no_longer() {
    let place = place().await;
    seven(&place, false);
    let day = |days: i32| mach_base::Day(mach_base::Day::today().0 + days).to_string();
    let year = |years: i32| (mach_base::Day::today().ymd().0 + years).to_string();
    let month = |years: i32| format!("{}-01", year(years));
    for (period, more, opens) in [
        (String::new(), "", true),
        (format!(r#""start":"{}""#, day(0)), "", true),
        (format!(r#""start":"{}""#, day(1)), "", false),
        (format!(r#""start":"{}""#, year(0)), "", true),
        (format!(r#""start":"{}""#, year(1)), "", false),
        (format!(r#""start":"{}""#, month(1)), "", false),
        (format!(r#""end":"{}""#, day(0)), "", true),
        (format!(r#""end":"{}""#, day(-1)), "", false),
        (format!(r#""end":"{}""#, year(0)), "", true),
        (format!(r#""end":"{}""#, year(-1)), "", false),
        (format!(r#""end":"{}""#, month(-1)), "", false),
        (format!(r#""start":"{}","end":"{}""#, year(-1), month(1)), "", true),
        (format!(r#""start":"{}T08:00:00+07:00""#, day(2)), "", false),
        (String::new(), r#","class":[{"code":"x"}]"#, false),
        (String::new(), r#","provision":[{"type":"deny"}]"#, false),
    ] {
        let period = if period.is_empty() { period } else { format!(r#","period":{{{period}}}"#) };
        let body = format!(
            r#"{{"resourceType":"Consent","id":"k","status":"active","scope":{{"text":"privacy"}},"category":[{{"text":"privacy"}}],"policyRule":{{"text":"x"}},"patient":{{"reference":"Patient/seven"}},"provision":{{"type":"permit"{period}{more},"actor":[{{"role":{{"text":"IRCP"}},"reference":{{"reference":"Organization/f46001"}}}}]}}}}"#
        );
        place.put(B, "/fhir/Consent/k", &body).await.refused_not();
        let seen = place.get(A, "/fhir/Observation/o7").await;
        if opens { seen.refused_not() } else { drop(seen.refused(404)) }
    }
}
