//! Prescriptions as pharmacies' programs and browsers ask for them: by key and by session, across facilities, whole or refused.

use crate::world::World;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use mach_access::{Act, Actor, Role, decide, secret};
use mach_house::{House, SESSION_COOKIE, Settings};
use mach_prescriptions::case::Case;
use mach_signing::desk::Desk;
use mach_store::prescriptions::State;
use mach_store::{accounts, audit, schema, sessions};
use serde_json::{Value, json};
use std::sync::Arc;
use tower::ServiceExt;

type Who = (&'static str, String);

struct Pages {
    world: World,
    app: Router,
    _folder: tempfile::TempDir,
}

impl Pages {
    fn new() -> Self {
        let world = World::new(mach_test_engines::Home::folder());
        let folder = tempfile::tempdir().expect("a folder");
        let house = House::new(world.store.clone(), Settings::default());
        let desk = Arc::new(Desk::upon(folder.path(), "https://mach.test"));
        let app = mach_ui::http::serve(mach_prescriptions::router(desk).with_state(house));
        Self { world, app, _folder: folder }
    }

    fn key(&self, facility: &str) -> Who {
        let key = secret::new_token("mach_").expect("a key");
        let (hash, facility) = (secret::token_hash(&key), facility.to_owned());
        let administer = decide(&Actor::console(), Act::Administer).expect("the console may all");
        let made = self.world.store.write(&administer, move |tx| {
            let facility = schema::facility_id(tx, &facility)?;
            tx.add_api_key(&hash, facility, "HIS")
        });
        made.expect("a key");
        ("authorization", format!("Bearer {key}"))
    }

    fn cookie(&self, role: Role, facility: Option<&str>) -> Who {
        let token = secret::new_token("").expect("a token");
        let (hash, facility) = (secret::token_hash(&token), facility.map(str::to_owned));
        let name = format!("{}-{}", role.code(), facility.as_deref().unwrap_or_default());
        let administer = decide(&Actor::console(), Act::Administer).expect("the console may all");
        let made = self.world.store.write(&administer, move |tx| {
            let facility = facility.map(|f| schema::facility_id(tx, &f)).transpose()?;
            let new = accounts::NewAccount { name: name.clone(), display: name, role, facility, password: "x".into() };
            let id = tx.set_account(&new)?;
            tx.begin_session(&hash, id, sessions::State::Open, "test")
        });
        made.expect("a session");
        ("cookie", format!("{SESSION_COOKIE}={token}"))
    }

    fn ask(&self, request: Request<Body>) -> (StatusCode, String) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let response = self.app.clone().oneshot(request).await.expect("an answer");
            let status = response.status();
            let bytes = to_bytes(response.into_body(), usize::MAX).await.expect("a body");
            (status, String::from_utf8_lossy(&bytes).into_owned())
        })
    }

    fn get(&self, who: &Who, path: &str) -> (StatusCode, String) {
        self.ask(Request::get(path).header(who.0, &who.1).body(Body::empty()).expect("a request"))
    }

    fn sell(&self, who: &Who, code: &str, body: &Value) -> (StatusCode, Value) {
        let request = Request::post(format!("/api/prescriptions/{code}/dispense")).header(who.0, &who.1);
        let (status, text) = self.ask(request.body(Body::from(body.to_string())).expect("a request"));
        (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    fn post(&self, who: &Who, path: &str, form: &str) -> (StatusCode, String) {
        let request =
            Request::post(path).header(who.0, &who.1).header("content-type", "application/x-www-form-urlencoded");
        self.ask(request.body(Body::from(form.to_owned())).expect("a request"))
    }

    fn case(&self, code: &str) -> Case {
        self.world.case(code)
    }
}

#[test]
fn a_pharmacys_program_looks_up_and_hands_out_each_sale_once() {
    let pages = Pages::new();
    let code = pages.world.signed("c", "PAR500", 1_000);
    let key = pages.key("46002");
    let (status, text) = pages.get(&key, &format!("/api/prescriptions/{}", code.to_uppercase()));
    let found: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(
        (status, found["open"].as_bool(), found["lines"][0]["left"].as_i64()),
        (StatusCode::OK, Some(true), Some(10))
    );
    assert!(!text.contains("046085000001"), "no more of the person than the paper needs: {text}");
    // Every field that is documented, and no other.
    let (_, document) = pages.get(&key, "/api/prescriptions/openapi.json");
    let document: Value = serde_json::from_str(&document).expect("JSON");
    for (schema, answer) in [("Prescription", &found), ("Line", &found["lines"][0])] {
        let names =
            |v: &Value| v.as_object().expect("fields").keys().cloned().collect::<std::collections::BTreeSet<_>>();
        let schema = &document["components"]["schemas"][schema];
        assert_eq!(names(answer), names(&schema["properties"]));
        assert_eq!(schema["required"].as_array().map(Vec::len), Some(names(answer).len()));
    }
    let sale = json!({"invoice": "HD1", "lines": [{"line": 1, "quantity": 2.5}]});
    for _ in 0..2 {
        let (status, said) = pages.sell(&key, &code, &sale);
        assert_eq!((status, said["lines"][0]["left"].as_str()), (StatusCode::OK, Some("7.50")), "{said}");
    }
    for (body, want) in [
        (json!({"invoice": "HD1", "lines": [{"line": 1, "quantity": 3}]}), StatusCode::CONFLICT),
        (json!({"invoice": "HD2", "lines": [{"line": 1, "quantity": "7.51"}]}), StatusCode::CONFLICT),
        (json!({"invoice": "HD2", "lines": [{"line": 2, "quantity": 1}]}), StatusCode::BAD_REQUEST),
        (
            json!({"invoice": "HD2", "lines": [{"line": 1, "quantity": 1}, {"line": 1, "quantity": 1}]}),
            StatusCode::BAD_REQUEST,
        ),
        (json!({"invoice": "HD2", "lines": [{"line": 1, "quantity": -1}]}), StatusCode::BAD_REQUEST),
        (json!({"invoice": "HD2", "lines": []}), StatusCode::BAD_REQUEST),
        (json!({"invoice": "", "lines": [{"line": 1, "quantity": 1}]}), StatusCode::BAD_REQUEST),
        (json!({"invoice": "H\nThuốc 9", "lines": [{"line": 1, "quantity": 1}]}), StatusCode::BAD_REQUEST),
        (json!({"invoice": "x".repeat(21), "lines": [{"line": 1, "quantity": 1}]}), StatusCode::BAD_REQUEST),
        (json!({"invoice": "HD2", "other": 1, "lines": []}), StatusCode::BAD_REQUEST),
        (json!("x"), StatusCode::BAD_REQUEST),
    ] {
        let (status, said) = pages.sell(&key, &code, &body);
        assert_eq!(status, want, "{body}: {said}");
    }
    assert_eq!(pages.case(&code).lines[0].dispensed, 250, "nothing of what was refused");
    let longest = json!({"invoice": "x".repeat(20), "lines": [{"line": 1, "quantity": 7.5}]});
    let (status, said) = pages.sell(&key, &code, &longest);
    assert_eq!((status, said["state"].as_str(), said["open"].as_bool()), (StatusCode::OK, Some("done"), Some(false)));
    // Drafts and what is not there look the same; both are noted.
    let draft = pages.world.write(&pages.world.content("c", "IBU400", 5, 1_000)).expect("written");
    for code in [draft.as_str(), "46001aaaaaaa-c", "x"] {
        assert_eq!(pages.get(&key, &format!("/api/prescriptions/{code}")).0, StatusCode::NOT_FOUND);
    }
    let read = decide(&Actor::console(), Act::ReadAudit).expect("the console may all");
    let mut reader = pages.world.store.read(&read).expect("a reader");
    let looks = audit::of_target(&mut reader, &format!("prescription looked up by code {draft}")).expect("read");
    assert_eq!(looks.len(), 1);
    let citizen = pages.cookie(Role::Leader, None);
    assert_eq!(pages.get(&citizen, &format!("/api/prescriptions/{code}")).0, StatusCode::FORBIDDEN);
}

#[test]
fn pages_take_any_text_and_hide_what_is_another_facilitys() {
    let pages = Pages::new();
    let code = pages.world.signed("c", "PAR500", 1_000);
    let (own, theirs) = (pages.cookie(Role::Operator, Some("46001")), pages.cookie(Role::Clinician, Some("46002")));
    assert_eq!(pages.get(&own, &format!("/prescriptions/case/{code}")).0, StatusCode::OK);
    assert_eq!(pages.get(&theirs, &format!("/prescriptions/case/{code}")).0, StatusCode::NOT_FOUND);
    let (_, list) = pages.get(&theirs, "/prescriptions");
    assert!(!list.contains(&code), "{list}");
    assert_eq!(
        pages.get(&theirs, &format!("/prescriptions/new?person={}", pages.world.person)).0,
        StatusCode::NOT_FOUND
    );
    assert_eq!(pages.get(&own, "/prescriptions?state=foo").0, StatusCode::BAD_REQUEST);
    let long = "%E1%BB%85".repeat(400);
    assert_eq!(pages.get(&theirs, &format!("/prescriptions/dispense?code={long}")).0, StatusCode::OK);
    // By the code in the patient's hand another facility's pharmacy sees it, and hands it out.
    let (status, shown) = pages.get(&theirs, &format!("/prescriptions/dispense?code={code}"));
    assert!(status == StatusCode::OK && shown.contains("Paracetamol"), "{shown}");
    let path = format!("/prescriptions/dispense/{code}");
    assert_eq!(pages.post(&theirs, &path, "invoice=H1&quantity-1=abc").0, StatusCode::BAD_REQUEST);
    assert_eq!(pages.post(&theirs, &path, "invoice=H1&quantity-1=10,01").0, StatusCode::CONFLICT);
    assert_eq!(pages.post(&theirs, &path, "invoice=H1&quantity-1=10").0, StatusCode::SEE_OTHER);
    assert_eq!(pages.case(&code).row.state, State::Done);
    assert_eq!(pages.post(&theirs, &path, "invoice=H1&quantity-1=10").0, StatusCode::SEE_OTHER, "the same sale");
}

#[test]
fn a_doctor_writes_by_the_page_and_what_is_wrong_stays_typed() {
    let pages = Pages::new();
    let doctor = pages.cookie(Role::Clinician, Some("46001"));
    let person = pages.world.person;
    let head = format!("person={person}&kind=c&course=acute&icd=J20;I10&diagnosis=ho");
    let line = "drug-1=PAR500&quantity-1=0,5&days-1=5&usage-1=x";
    for (wrong, field) in [
        ("drug-1=abc&quantity-1=1&days-1=1", "drug-1"),
        ("drug-1=PAR500&quantity-1=x&days-1=5&usage-1=x", "quantity-1"),
        ("drug-1=PAR500&quantity-1=1&days-1=0&usage-1=x", "days-1"),
        ("drug-1=MOR010&quantity-1=1&days-1=1&usage-1=x", "drug-1"),
        ("", "drug-1"),
    ] {
        let (status, page) = pages.post(&doctor, "/prescriptions/new", &format!("{head}&{wrong}"));
        assert_eq!(status, StatusCode::BAD_REQUEST, "{wrong}");
        assert!(page.contains(&format!("id=\"{field}-error\"")) && page.contains("J20;I10"), "{wrong}: {page}");
    }
    let (status, page) = pages.post(&doctor, "/prescriptions/new", &format!("{head}&{line}&do=more"));
    assert!(status == StatusCode::OK && page.contains("value=\"0,5\""), "{page}");
    let long = format!("{head}&{line}&advice={}", "a".repeat(501));
    assert_eq!(pages.post(&doctor, "/prescriptions/new", &long).0, StatusCode::BAD_REQUEST);
    let most = format!("{head}&{line}&advice={}", "a".repeat(500));
    let runtime = pages.post(&doctor, "/prescriptions/new", &most);
    assert_eq!(runtime.0, StatusCode::SEE_OTHER);
    let nobody = pages.post(&doctor, "/prescriptions/new", &head.replace(&format!("person={person}"), "person=999999"));
    assert_eq!(nobody.0, StatusCode::BAD_REQUEST);
    let operator = pages.cookie(Role::Operator, Some("46001"));
    assert_eq!(pages.post(&operator, "/prescriptions/new", &most).0, StatusCode::FORBIDDEN);
    // Without the facility's leave this account signs nothing, and is told why.
    let (_, list) = pages.get(&doctor, "/prescriptions?state=draft");
    let code = list.split("/prescriptions/case/").nth(1).and_then(|t| t.split('"').next()).expect("a code").to_owned();
    let (status, said) = pages.post(&doctor, &format!("/prescriptions/case/{code}/sign"), "reason=x");
    assert_eq!(status, StatusCode::CONFLICT, "{said}");
    assert_eq!(pages.case(&code).content.diagnoses.len(), 2);
    let pdf = pages.get(&doctor, &format!("/prescriptions/case/{code}/prescription.pdf"));
    assert!(pdf.0 == StatusCode::OK && pdf.1.starts_with("%PDF-"));
}

#[test]
fn who_takes_narcotics_signs_at_the_page_and_by_a_program() {
    let pages = Pages::new();
    let code = pages.world.signed("n", "MOR010", 2_000);
    let shop = pages.cookie(Role::Operator, Some("46002"));
    let path = format!("/prescriptions/dispense/{code}");
    let sale = "invoice=R1&quantity-1=5&receiver=L%C3%AA%20Nh%E1%BA%ADn&receiver-number=046190000009";
    let (status, page) = pages.post(&shop, &path, sale);
    assert!(status == StatusCode::OK && page.contains("05 (Năm) viên") && page.contains("Lê Nhận"), "{page}");
    let seen = page.split("name=\"seen\" value=\"").nth(1).and_then(|t| t.get(..64)).expect("a hash").to_owned();
    let drawn = "data:image/png;base64,iVBORw0KGgoAAAAN".replace('+', "%2B").replace('/', "%2F");
    // Without their name, past what is left, not drawn, by a way that is none, of another text: nothing is handed out.
    for (form, want) in [
        ("invoice=R1&quantity-1=5".to_owned(), StatusCode::BAD_REQUEST),
        (sale.replace("quantity-1=5", "quantity-1=20,01"), StatusCode::CONFLICT),
        // An invoice is one line of what is signed.
        (sale.replace("R1", "R1%0ANg%C3%A0y"), StatusCode::BAD_REQUEST),
        (format!("{sale}&do=pad&drawn=&seen={seen}"), StatusCode::BAD_REQUEST),
        (format!("{sale}&do=pad&drawn=abc&seen={seen}"), StatusCode::BAD_REQUEST),
        (format!("{sale}&do=pencil&seen={seen}"), StatusCode::BAD_REQUEST),
        (format!("{sale}&do=code&code=000000&seen={seen}"), StatusCode::BAD_REQUEST),
        (format!("{sale}&do=statement&statement=a.b.c&seen={seen}"), StatusCode::BAD_REQUEST),
        (format!("{sale}&do=pad&drawn={drawn}&seen=00"), StatusCode::BAD_REQUEST),
        (
            format!("{}&do=pad&drawn={drawn}&seen={seen}", sale.replace("quantity-1=5", "quantity-1=6")),
            StatusCode::BAD_REQUEST,
        ),
        (format!("{sale}&do=send&seen={seen}"), StatusCode::BAD_REQUEST),
    ] {
        let (status, said) = pages.post(&shop, &path, &form);
        assert_eq!(status, want, "{form}: {said}");
        assert_eq!(pages.case(&code).lines[0].dispensed, 0, "{form}");
    }
    let good = format!("{sale}&do=pad&drawn={drawn}&seen={seen}");
    assert_eq!(pages.post(&shop, &path, &good).0, StatusCode::SEE_OTHER);
    assert_eq!(pages.post(&shop, &path, &good).0, StatusCode::SEE_OTHER, "the same sale");
    let case = pages.case(&code);
    assert_eq!((case.lines[0].dispensed, case.receipts.len()), (500, 1));
    let printed = format!("{path}/receipt/{}", case.receipts[0].0);
    let (status, pdf) = pages.get(&shop, &printed);
    assert!(status == StatusCode::OK && pdf.starts_with("%PDF-"), "{status}");
    assert_eq!(pages.get(&shop, &format!("{path}/receipt/000000000000")).0, StatusCode::NOT_FOUND);
    // A program asks for the text, has it signed, and sells.
    let key = pages.key("46002");
    let mut sale = json!({"invoice": "R2", "lines": [{"line": 1, "quantity": 5}], "receiver": "Lê Nhận", "receiverNumber": "046190000009"});
    assert_eq!(pages.sell(&key, &code, &sale).0, StatusCode::BAD_REQUEST, "not signed");
    let ask = Request::post(format!("/api/prescriptions/{code}/receipt")).header(key.0, &key.1);
    let (status, text) = pages.ask(ask.body(Body::from(sale.to_string())).expect("a request"));
    let told: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!((status, told["ways"].clone()), (StatusCode::OK, json!(["pad", "paper"])));
    let text = told["text"].as_str().expect("a text");
    assert_eq!(told["sha256"], mach_sign::hex(&mach_sign::sha256(text.as_bytes())));
    for receipt in [
        json!({"sha256": "00", "way": "paper", "witness": "Dược sĩ"}),
        json!({"sha256": "0".repeat(64), "way": "paper", "witness": "Dược sĩ"}),
        json!({"sha256": told["sha256"], "way": "finger", "witness": "Dược sĩ"}),
        json!({"sha256": told["sha256"], "way": "pad", "drawn": "PHN2Zz4=", "witness": "Dược sĩ"}),
        json!({"sha256": told["sha256"], "way": "paper", "witness": " "}),
        json!({"sha256": told["sha256"], "way": "paper", "witness": "Dược sĩ", "more": 1}),
    ] {
        sale["receipt"] = receipt;
        let (status, said) = pages.sell(&key, &code, &sale);
        assert!(matches!(status, StatusCode::BAD_REQUEST | StatusCode::CONFLICT), "{sale}: {status} {said}");
    }
    assert_eq!(pages.case(&code).lines[0].dispensed, 500);
    sale["receipt"] = json!({"sha256": told["sha256"], "way": "paper", "witness": "Dược sĩ"});
    let (status, said) = pages.sell(&key, &code, &sale);
    assert_eq!((status, said["lines"][0]["left"].as_i64()), (StatusCode::OK, Some(10)), "{said}");
}
