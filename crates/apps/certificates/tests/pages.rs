//! Certificates as programs and browsers ask for them: what a key may say, what is refused by name, repeats, look-ups, lists.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use mach_access::{Act, Actor, Decision, Role, decide, secret};
use mach_certificates::bodies::By;
use mach_certificates::work;
use mach_house::{House, SESSION_COOKIE, Settings};
use mach_store::certificates::{self, Filter};
use mach_store::{Store, accounts, audit, schema};
use serde_json::{Value, json};
use std::sync::Arc;
use tower::ServiceExt;

struct World {
    app: Router,
    store: Store,
    _folder: tempfile::TempDir,
}

fn console(act: Act) -> Decision {
    decide(&Actor::console(), act).expect("the console may all")
}

const ANSWERS: &str = "purpose=new height=165 weight=60 mental-acute=none mental-chronic=none nervous-epilepsy=none
    nervous-paralysis=none nervous-vertigo=false eye-right-without=10 eye-left-without=10 eye-both-without=10
    eye-field-horizontal=1 eye-field-vertical=1 eye-colour=1 ent-voice-right=5 ent-voice-left=5 ent-whisper-right=5
    ent-whisper-left=5 pulse=72 systolic=120 diastolic=78 cardio-rhythm=none respiratory-dyspnoea=none limb-loss=none
    endocrine-coma=false drug-morphine=0 drug-amphetamine=0 drug-methamphetamine=0 drug-marijuana=0 mental-meets=meets
    nervous-meets=meets eye-meets=meets ent-meets=meets cardio-meets=meets respiratory-meets=meets
    musculoskeletal-meets=meets endocrine-meets=meets hx-true=true conclusion-result=A0-1 hx-heart=false hx-stroke=false
    hx-head-injury=false hx-epilepsy=false hx-psychiatric=false hx-diabetes=false hx-eye=false hx-ear=false hx-lung=false
    hx-apnea=false hx-limb=false hx-alcohol=false hx-drug=false";

/// A whole examination, with some answers changed.
fn exam(number: &str, changes: &[(&str, Value)]) -> Value {
    let mut answers = serde_json::Map::new();
    for (name, value) in ANSWERS.split_whitespace().filter_map(|f| f.split_once('=')) {
        answers.insert(name.to_owned(), json!(value));
    }
    answers.insert("alcohol".to_owned(), json!({"value": 0, "unit": "mg/L"}));
    for (name, value) in changes {
        match value {
            Value::Null => drop(answers.remove(*name)),
            value => drop(answers.insert((*name).to_owned(), value.clone())),
        }
    }
    let person = json!({"number": number, "name": "Nguyễn Văn Thử", "born": "1985-03-09", "sex": "1"});
    json!({"person": person, "class": "C", "answers": answers, "doctor": "Bs. Ngoài"})
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path()).expect("a store");
        let house = House::new(store.clone(), Settings::default());
        let desk = Arc::new(mach_certificates::desk::Desk::upon(folder.path(), "https://mach.test"));
        let app = mach_ui::http::serve(mach_certificates::router(desk).with_state(house));
        Self { app, store, _folder: folder }
    }

    fn key(&self, facility: &str) -> (&'static str, String) {
        let key = secret::new_token("mach_").expect("a key");
        let (hash, facility) = (secret::token_hash(&key), facility.to_owned());
        let made = self.store.write(&console(Act::Administer), move |tx| {
            let facility = schema::facility_id(tx, &facility)?;
            tx.add_api_key(&hash, facility, "HIS")
        });
        made.expect("a key");
        ("authorization", format!("Bearer {key}"))
    }

    fn cookie(&self, role: Role, facility: Option<&str>) -> (&'static str, String) {
        let token = secret::new_token("").expect("a token");
        let (hash, facility) = (secret::token_hash(&token), facility.map(str::to_owned));
        let name = format!("{role:?}-{facility:?}");
        let made = self.store.write(&console(Act::Administer), move |tx| {
            let facility = facility.map(|f| schema::facility_id(tx, &f)).transpose()?;
            let new = accounts::NewAccount { name: name.clone(), display: name, role, facility, password: "x".into() };
            let id = tx.set_account(&new)?;
            if role == Role::Administrator {
                tx.propose_factor(id, b"12345678901234567890")?;
                tx.confirm_factor(id, 1, &[])?;
            }
            tx.begin_session(&hash, id, mach_store::sessions::State::Open, "test")
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

    fn get(&self, who: &(&'static str, String), path: &str) -> (StatusCode, String) {
        self.ask(Request::get(path).header(who.0, &who.1).body(Body::empty()).expect("a request"))
    }

    fn post(&self, who: &(&'static str, String), body: &Value) -> (StatusCode, Value) {
        let request = Request::post("/api/certificates").header(who.0, &who.1);
        let (status, text) = self.ask(request.body(Body::from(body.to_string())).expect("a request"));
        (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    /// Posts a form; gives the status, where it leads and the page.
    fn form(&self, who: &(&'static str, String), path: &str, form: &str) -> (StatusCode, String, String) {
        let request = Request::post(path)
            .header(who.0, &who.1)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Body::from(form.to_owned()))
            .expect("a request");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let response = self.app.clone().oneshot(request).await.expect("an answer");
            let (status, headers) = (response.status(), response.headers().clone());
            let to = headers.get("location").and_then(|l| l.to_str().ok()).unwrap_or_default().to_owned();
            let bytes = to_bytes(response.into_body(), usize::MAX).await.expect("a body");
            (status, to, String::from_utf8_lossy(&bytes).into_owned())
        })
    }

    fn import(&self, who: &(&'static str, String), csv: &str) -> (StatusCode, String) {
        let head = "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"x.csv\"\r\n\r\n";
        let request = Request::post("/certificates/import")
            .header(who.0, &who.1)
            .header("content-type", "multipart/form-data; boundary=b");
        self.ask(request.body(Body::from(format!("{head}{csv}\r\n--b--\r\n"))).expect("a request"))
    }

    fn count(&self) -> usize {
        let mut reader = self.store.read(&console(Act::ReadCertificates)).expect("a reader");
        certificates::list(&mut reader, &Filter::default(), None, 100).expect("read").len()
    }
}

/// Where something is wrong, in the order told.
fn places(outcome: &Value) -> Vec<String> {
    let issues = outcome["issue"].as_array().cloned().unwrap_or_default();
    issues.iter().map(|i| i["expression"][0].as_str().unwrap_or_default().to_owned()).collect()
}

#[test]
fn only_the_facilitys_program_says_that_the_head_signed() {
    let world = World::new();
    let mut signed = exam("046085000011", &[]);
    signed["head"] = json!("Ths. Trưởng");
    let clinician = world.cookie(Role::Clinician, Some("46001"));
    let (status, said) = world.post(&clinician, &signed);
    assert_eq!((status, places(&said)), (StatusCode::UNPROCESSABLE_ENTITY, vec!["head".to_owned()]), "{said}");
    assert_eq!(world.count(), 0, "nothing is stored");
    let (status, said) = world.post(&world.key("46001"), &signed);
    assert_eq!(
        (status, said["state"].as_str(), said["head"].as_str()),
        (StatusCode::CREATED, Some("issued"), Some("Ths. Trưởng"))
    );
    let (status, said) = world.post(&clinician, &exam("046085000012", &[]));
    assert_eq!((status, said["state"].as_str()), (StatusCode::CREATED, Some("concluded")), "{said}");
}

#[test]
fn answers_that_the_form_does_not_take_are_refused_by_name() {
    let world = World::new();
    let key = world.key("46001");
    for (name, value, why) in [
        ("alcohol", json!(0), "a number without its unit"),
        ("alcohol", json!({"value": 0, "unit": "g/L"}), "a unit that is none of the question's"),
        ("alcohol", json!({"value": 0}), "no unit"),
        ("alcohol~strength", json!("x"), "a suffix that nothing has"),
        ("height~unit", json!("m"), "another unit than the question's own"),
        ("eye-colour~unit", json!("mg/L"), "a unit where there is none"),
        ("n~hx-which", json!("1"), "how many there are is counted, not told"),
        ("bmi", json!("20"), "computed"),
        ("sex", json!("female"), "known of the person"),
        ("eye", json!("x"), "a group"),
        ("alcohol-help", json!("x"), "a text"),
        ("nothing", json!("x"), "no such question"),
        ("class", json!("B"), "another class than the examination's"),
        ("eye-colour", json!({"value": 1}), "no amount"),
        ("eye-colour", json!([1]), "one answer, not several"),
        ("photo", json!("C:\\photo.jpg"), "no picture"),
        ("hx-name~0", json!("Hen"), "not asked: no disease was told"),
        ("hx-pregnant", json!("true"), "not asked of men"),
        ("maternity-late", json!("true"), "a part that men have not"),
    ] {
        let (status, said) = world.post(&key, &exam("046085000013", &[(name, value)]));
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{name} ({why}): {said}");
        assert!(places(&said).iter().any(|p| p.starts_with(&format!("answers.{name}"))), "{name} ({why}): {said}");
    }
    let mut long = exam("046085000013", &[]);
    long["doctor"] = json!("x".repeat(mach_base::limits::NAME_CHARS + 1));
    assert_eq!(places(&world.post(&key, &long).1), ["doctor"]);
    assert_eq!(world.count(), 0, "nothing is stored");
    long["doctor"] = json!("x".repeat(mach_base::limits::NAME_CHARS));
    assert_eq!(world.post(&key, &long).0, StatusCode::CREATED);
    // What repeats is named with its numbers.
    let diseases = [
        ("hx-lung", json!(true)),
        ("hx-name~0", json!("Hen")),
        ("hx-name~1", json!("Lao")),
        ("hx-year~1", json!(2001)),
    ];
    let (status, said) = world.post(&key, &exam("046085000014", &diseases));
    assert_eq!(status, StatusCode::CREATED, "{said}");
    let code = said["code"].as_str().expect("a code").to_owned();
    let mut reader = world.store.read(&console(Act::ReadCertificates)).expect("a reader");
    let case = mach_certificates::case::load(&mut reader, &code).expect("read").expect("there");
    assert_eq!(case.answers.values(&case.form, "hx-name").len(), 2);
    assert_eq!(case.answers.text(&case.form, "hx-year"), "2001");
}

#[test]
fn the_same_again_is_no_second_certificate() {
    let world = World::new();
    let (key, clinician) = (world.key("46001"), world.cookie(Role::Clinician, Some("46001")));
    let (status, first) = world.post(&key, &exam("046085000015", &[]));
    assert_eq!(status, StatusCode::CREATED, "{first}");
    let code = first["code"].as_str().expect("a code").to_owned();
    let (status, said) = world.post(&key, &exam("046085000015", &[]));
    assert_eq!((status, places(&said)), (StatusCode::CONFLICT, vec![format!("/api/certificates/{code}")]), "{said}");
    let names: Vec<&str> = ANSWERS.split_whitespace().filter_map(|f| Some(f.split_once('=')?.0)).collect();
    let values: Vec<&str> = ANSWERS.split_whitespace().filter_map(|f| Some(f.split_once('=')?.1)).collect();
    let row = |number: &str| format!("{number},Nguyễn Văn Thử,1985-03-09,1,C,Bs,0,mg/L,{}\n", values.join(","));
    let head = format!("number,name,born,sex,class,doctor,alcohol,alcohol~unit,{}\n", names.join(","));
    let (status, page) = world.import(&clinician, &format!("{head}{}{}", row("046085000015"), row("046085000016")));
    assert_eq!(status, StatusCode::OK);
    assert!(page.contains(&code), "the row says which one is there: {page}");
    assert_eq!(world.count(), 2);
    // Another facility's are its own, as is another class.
    assert_eq!(world.post(&world.key("46002"), &exam("046085000015", &[])).0, StatusCode::CREATED);
    let mut other = exam("046085000015", &[]);
    other["class"] = json!("B");
    assert_eq!(world.post(&key, &other).0, StatusCode::CREATED);
}

#[test]
fn an_agency_sees_what_was_issued_and_everybody_shown_is_noted() {
    let world = World::new();
    let key = world.key("46001");
    let mut issued = exam("B1234567", &[]);
    issued["head"] = json!("Ths. Trưởng");
    let (status, first) = world.post(&key, &issued);
    assert_eq!(status, StatusCode::CREATED, "{first}");
    // Twenty and more newer ones that were never issued do not hide it.
    for class in ["A1", "A", "B1", "B", "C1", "D1", "D2", "D", "BE", "C1E", "CE", "D1E", "D2E", "DE"] {
        for facility in ["46001", "46002"] {
            let mut open = exam("B1234567", &[]);
            open["class"] = json!(class);
            let (status, said) = world.post(&world.key(facility), &open);
            assert_eq!(status, StatusCode::CREATED, "{said}");
        }
    }
    let leader = world.cookie(Role::Leader, None);
    let (status, text) = world.get(&leader, "/api/certificates/look-up?national=b1234567&purpose=renewal");
    let found: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(status, StatusCode::OK);
    let codes: Vec<_> = found["certificates"].as_array().expect("a list").iter().map(|c| c["code"].clone()).collect();
    assert_eq!(codes, [first["code"].clone()]);
    let lower = first["code"].as_str().expect("a code").to_lowercase();
    let (_, text) = world.get(&leader, &format!("/api/certificates/look-up?code={lower}&purpose=renewal"));
    assert!(text.contains("issued"), "{text}");
    let mut reader = world.store.read(&console(Act::ReadAudit)).expect("a reader");
    let looks = audit::of_target(&mut reader, "driver certificate looked up for: renewal").expect("read");
    assert_eq!(looks.len(), 2, "one for each look and person shown");
    assert_eq!(world.get(&leader, "/api/certificates/look-up?national=x&purpose=x").0, StatusCode::BAD_REQUEST);
}

#[test]
fn lists_take_any_text_and_keep_what_was_asked() {
    let world = World::new();
    let clinician = world.cookie(Role::Clinician, Some("46001"));
    let number = "046085000017";
    let facility =
        world.store.write(&console(Act::Administer), |tx| schema::facility_id(tx, "46001")).expect("a facility");
    let arrival = work::Arrival {
        number: number.into(),
        name: "Nguyễn Văn Thử".into(),
        born: mach_base::Day::from_ymd(1985, 3, 9),
        sex: 1,
        class: "C".into(),
        ..work::Arrival::default()
    };
    for _ in 0..51 {
        let arrival = arrival.clone();
        world.store.write(&console(Act::Certify), move |tx| work::open(tx, facility, &arrival)).expect("opened");
    }
    assert_eq!(world.get(&clinician, "/certificates?state=foo").0, StatusCode::BAD_REQUEST);
    let long = "%E1%BB%85".repeat(200);
    assert_eq!(world.get(&clinician, &format!("/certificates?national={long}")).0, StatusCode::OK);
    let (status, page) = world.get(&clinician, &format!("/certificates?national={number}"));
    assert_eq!(status, StatusCode::OK);
    assert!(
        page.contains(&format!("state=examining&amp;national={number}&amp;before="))
            || page.contains(&format!("state=examining&#38;national={number}&#38;before=")),
        "{page}"
    );
    let (_, page) = world.get(&clinician, "/certificates/new");
    let field = page.split("<input").find(|i| i.contains("name=\"number\"")).expect("the field");
    assert!(!field.contains("inputmode=\"numeric\""), "passports have letters: {field}");
}

#[test]
fn what_the_head_issued_the_head_opens_again() {
    let world = World::new();
    let mut issued = exam("046085000018", &[]);
    issued["head"] = json!("Ths. Trưởng");
    let (_, said) = world.post(&world.key("46001"), &issued);
    let code = said["code"].as_str().expect("a code").to_owned();
    let act = |who: &(&'static str, String)| {
        let request = Request::post(format!("/certificates/case/{code}/correct"))
            .header(who.0, &who.1)
            .header("content-type", "application/x-www-form-urlencoded");
        world.ask(request.body(Body::from("why-correct=sai")).expect("a request")).0
    };
    assert_eq!(act(&world.cookie(Role::Clinician, Some("46001"))), StatusCode::FORBIDDEN);
    assert_eq!(act(&world.cookie(Role::Head, Some("46001"))), StatusCode::SEE_OTHER);
    let by = By { account: 1, name: "Bs".into() };
    let done =
        world.store.write(&console(Act::Certify), move |tx| work::correct(tx, &code, &by, "x")).expect("written");
    assert_eq!(done, Err(work::No::State), "it is open already");
}

fn encoded(text: &str) -> String {
    text.bytes().map(|b| format!("%{b:02X}")).collect()
}

#[test]
fn a_private_key_is_neither_kept_nor_shown() {
    let world = World::new();
    let admin = world.cookie(Role::Administrator, None);
    world.cookie(Role::Clinician, Some("46001"));
    let key = mach_sign::key::SoftKey::generate().expect("a key");
    let family = mach_test_sign::Family::new();
    let chain: String = family.doctor("Bs").chain.iter().map(mach_sign::certificate::Certificate::to_pem).collect();
    let signer = |chain: &str| {
        let name = encoded("Clinician-Some(\"46001\")");
        let form = format!(
            "facility=46001&act=conclude&account={name}&licence=1&from=2026-01-01&to=2030-01-01&provider=soft&chain={}",
            encoded(chain)
        );
        world.form(&admin, "/admin/signatures/signer", &form)
    };
    let kept = || {
        let mut reader = world.store.read(&console(Act::Administer)).expect("a reader");
        mach_store::signing::signers(&mut reader, None, 10).expect("read")
    };
    let secret = key.to_pem();
    let inside = secret.lines().nth(1).expect("a line").to_owned();
    let (status, _, text) = signer(&format!("{secret}{chain}"));
    assert_eq!(status, StatusCode::BAD_REQUEST, "{text}");
    assert!(text.contains("khóa bí mật") && !text.contains(&inside), "{text}");
    assert!(kept().is_empty());
    // Of what is taken the certificates alone are kept, as they were read.
    let (status, to, text) = signer(&format!("Ghi chú của tôi\n{chain}\nmật khẩu: 123456\n"));
    assert_eq!((status, to.as_str()), (StatusCode::SEE_OTHER, "/admin/signatures?done=signer"), "{text}");
    assert_eq!(kept().into_iter().map(|s| s.chain).collect::<Vec<_>>(), [chain]);
}

#[test]
fn the_head_signs_what_the_page_showed_and_nobody_is_given_another_file() {
    let world = World::new();
    let (clinician, head) = (world.cookie(Role::Clinician, Some("46001")), world.cookie(Role::Head, Some("46001")));
    let desk = mach_certificates::desk::Desk::upon(world._folder.path(), "https://mach.test");
    mach_certificates::demo_keys::make(&world.store, &desk, "46001").expect("keys");
    let (_, said) = world.post(&clinician, &exam("046085000061", &[]));
    let code = said["code"].as_str().expect("a code").to_owned();
    let case = || {
        let mut reader = world.store.read(&console(Act::ReadCertificates)).expect("a reader");
        mach_certificates::case::load(&mut reader, &code).expect("read").expect("there")
    };
    let seen = case().row.concluded.expect("concluded");
    let (_, page) = world.get(&head, "/certificates/sign");
    assert!(page.contains(&format!("value=\"{code}~{seen}\"")) && !page.contains(" checked"), "{page}");
    let sign = |value: &str| world.form(&head, "/certificates/sign", &format!("code={value}")).1;
    assert_eq!(sign(&format!("{code}~{}", seen - 1)), "/certificates/sign?done=sign&signed=0&waiting=0&refused=1");
    assert_eq!(world.form(&head, "/certificates/sign", &format!("code={code}")).0, StatusCode::BAD_REQUEST);
    assert_eq!(sign(&format!("{code}%7E{seen}")), "/certificates/sign?done=sign&signed=1&waiting=0&refused=0");
    let pdf = format!("/certificates/case/{code}/certificate.pdf");
    let as_file = format!("/certificates/files/{}", mach_certificates::signing::paper_id(&code));
    assert_eq!(world.get(&head, &as_file).0, StatusCode::NOT_FOUND, "not past the check of what was signed");
    assert_eq!(world.get(&head, &pdf).0, StatusCode::OK);
    let (id, person) = (mach_certificates::signing::paper_id(&code), case().row.person);
    let body = mach_certificates::bodies::binary(&id, "application/pdf", &mach_sign::base64(b"%PDF-1.7 x"), person);
    let facility = Some(case().row.facility);
    let (kind, patient) = (mach_fhir::ResourceType::BINARY, Some(person));
    let put = mach_store::resources::Put { kind, id, body, patient, date: None, facility, index: Vec::new() };
    world.store.write(&console(Act::Certify), move |tx| tx.put(&[put])).expect("written");
    let (status, text) = world.get(&head, &pdf);
    assert_eq!(status, StatusCode::CONFLICT, "{text}");
}

#[test]
fn lists_of_signing_go_on_past_their_first_page() {
    let world = World::new();
    let (clinician, head) = (world.cookie(Role::Clinician, Some("46001")), world.cookie(Role::Head, Some("46001")));
    let admin = world.cookie(Role::Administrator, None);
    let (status, page) = world.get(&admin, "/admin/signatures/signer");
    assert!(status == StatusCode::OK && !page.contains("smartca"), "what cannot be used here is not offered: {page}");
    for n in 0..51 {
        let number = format!("0460850010{n:02}");
        assert_eq!(world.post(&clinician, &exam(&number, &[])).0, StatusCode::CREATED);
    }
    let (_, page) = world.get(&head, "/certificates/sign");
    assert_eq!(page.matches("name=\"code\"").count(), 50);
    let next = page.split("/certificates/sign?before=").nth(1).and_then(|t| t.split('"').next()).expect("a next page");
    let (_, page) = world.get(&head, &format!("/certificates/sign?before={next}"));
    assert_eq!(page.matches("name=\"code\"").count(), 1);
    let made = world.store.write(&console(Act::Administer), |tx| {
        let facility = schema::facility_id(tx, "46001")?;
        let day = mach_base::Day::today();
        for n in 0..201 {
            let signer = mach_store::signing::Signer {
                id: 0,
                facility,
                account: 0,
                licence: format!("giấy-{n}-phép"),
                acts: "seal".into(),
                from: day,
                to: day,
                provider: mach_store::signing::Provider::Soft,
                subscriber: String::new(),
                chain: String::new(),
                ended: None,
            };
            tx.add_signer(&signer)?;
        }
        Ok(())
    });
    made.expect("signers");
    let (_, page) = world.get(&admin, "/admin/signatures");
    assert_eq!(page.matches("-phép").count(), 200);
    let next = page.split("/admin/signatures?before=").nth(1).and_then(|t| t.split('"').next()).expect("a next page");
    let (_, page) = world.get(&admin, &format!("/admin/signatures?before={next}"));
    assert_eq!(page.matches("-phép").count(), 1);
}

#[test]
fn a_delegation_stands_in_the_audit_trail() {
    let world = World::new();
    world.cookie(Role::Clinician, Some("46001"));
    let head = world.cookie(Role::Head, Some("46001"));
    let today = mach_base::Day::today();
    let name = encoded("Clinician-Some(\"46001\")");
    let form = format!("deputy={name}&from={today}&to={today}&document=02");
    let (status, to, text) = world.form(&head, "/certificates/delegate", &form);
    assert_eq!((status, to.as_str()), (StatusCode::SEE_OTHER, "/certificates/sign?done=delegate"), "{text}");
    assert_eq!(world.form(&head, "/certificates/delegate/end", "id=1").0, StatusCode::SEE_OTHER);
    assert_eq!(world.form(&head, "/certificates/delegate/end", "id=1").0, StatusCode::NOT_FOUND);
    let told = |target: &str| {
        let mut reader = world.store.read(&console(Act::Administer)).expect("a reader");
        audit::of_target(&mut reader, target).expect("read").len()
    };
    assert_eq!((told("delegation 1 to account 1"), told("delegation 1 ended")), (1, 2));
}

#[test]
fn the_certificate_of_a_subscriber_is_fetched_from_the_service_that_is_set_up() {
    use mach_house::gateway::{Gateway, SMARTCA};
    let world = World::new();
    let admin = world.cookie(Role::Administrator, None);
    world.cookie(Role::Clinician, Some("46001"));
    let doctor = mach_test_sign::Family::new().doctor("Bs");
    let chain: String = doctor.chain.iter().map(mach_sign::certificate::Certificate::to_pem).collect();
    let simulator = mach_sign::remote::Simulator::new(doctor.key, doctor.chain).expect("a provider");
    let simulator = Arc::new(std::sync::Mutex::new(simulator));
    let its = Arc::clone(&simulator);
    let door = move |uri: axum::http::Uri, body: axum::Json<Value>| async move {
        let its = its.lock().expect("a lock");
        let answer = mach_sign::remote::Transport::post(&&*its, uri.path(), None, &body.0);
        answer.map_err(|e| (StatusCode::BAD_GATEWAY, e.to_string())).map(|(_, text)| text)
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).expect("a port");
    let base = format!("http://{}/sca", listener.local_addr().expect("an address"));
    runtime.spawn(async move { axum::serve(listener, Router::new().fallback(door)).await });
    let set_up = |password: &str| {
        let account = [("sp-id", "mach"), ("sp-password", password)].map(|(n, v)| (n.to_owned(), v.to_owned()));
        let accounts = [(String::new(), account.into())].into();
        let gateway = Gateway { base: base.clone(), private: true, accounts };
        gateway.keep(world._folder.path(), SMARTCA).expect("kept");
    };
    set_up("sai");
    let (_, page) = world.get(&admin, "/admin/signatures/signer");
    assert!(page.contains("smartca") && !page.contains("mysign"), "what is set up is offered: {page}");
    let name = encoded("Clinician-Some(\"46001\")");
    let form = format!(
        "facility=46001&act=conclude&account={name}&licence=1&from=2026-01-01&to=2030-01-01&provider=smartca\
         &subscriber=046090000001&chain="
    );
    let kept = || {
        let mut reader = world.store.read(&console(Act::Administer)).expect("a reader");
        mach_store::signing::signers(&mut reader, None, 10).expect("read")
    };
    let (status, _, text) = world.form(&admin, "/admin/signatures/signer", &form);
    assert!(status == StatusCode::BAD_REQUEST && text.contains("hãy dán chứng thư"), "{text}");
    assert!(kept().is_empty());
    set_up("secret");
    let (status, to, text) = world.form(&admin, "/admin/signatures/signer", &form);
    assert_eq!((status, to.as_str()), (StatusCode::SEE_OTHER, "/admin/signatures?done=signer"), "{text}");
    assert_eq!(kept().into_iter().map(|s| s.chain).collect::<Vec<_>>(), [chain]);
}
