//! Who is examined confirms what they declared by a code on their telephone or by a reader of fingerprints: over HTTP, with everything
//! that may be wrong with either.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode, header};
use mach_access::{Act, Actor, Decision, Role, decide, secret};
use mach_base::Day;
use mach_certificates::bodies::By;
use mach_certificates::case::{self, Case};
use mach_certificates::declared::text;
use mach_certificates::work::{self, Arrival, Posted};
use mach_forms::fields;
use mach_house::sms::Simulator;
use mach_house::{House, SESSION_COOKIE, Settings};
use mach_sign::authority::Profile;
use mach_sign::key::SoftKey;
use mach_sign::{hex, jws, sha256};
use mach_signing::confirm::{READERS, STATEMENT_BYTES};
use mach_signing::desk::Desk;
use mach_signing::patient::Way;
use mach_store::accounts::NewAccount;
use mach_store::{Store, schema, sessions};
use mach_test_sign::{Family, Person};
use serde_json::{Value, json};
use std::sync::Arc;
use tower::ServiceExt;

const NUMBER: &str = "046085000081";

struct World {
    app: Router,
    store: Store,
    doctor: Decision,
    facility: i64,
    messages: Simulator,
    cookies: [String; 2],
    folder: tempfile::TempDir,
}

impl World {
    fn new(messages: Simulator) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path()).expect("a store");
        let console = decide(&Actor::console(), Act::Administer).expect("the console may all");
        let session = |name: &str, code: &str| {
            let token = secret::new_token("").expect("a token");
            let (hash, name, code) = (secret::token_hash(&token), name.to_owned(), code.to_owned());
            let made = store.write(&console, move |tx| {
                let facility = Some(schema::facility_id(tx, &code)?);
                let (display, password) = (name.clone(), "x".into());
                let id = tx.set_account(&NewAccount { name, display, role: Role::Clinician, facility, password })?;
                tx.begin_session(&hash, id, sessions::State::Open, "test")
            });
            made.expect("a session");
            format!("{SESSION_COOKIE}={token}")
        };
        let cookies = [session("doctor", "46001"), session("far", "46002")];
        let facility = store.write(&console, |tx| schema::facility_id(tx, "46001")).expect("a facility");
        let (name, role, at) = ("doctor".to_owned(), Role::Clinician, Some(facility));
        let actor = Actor { account: 1, name, role, facility: at, ..Actor::console() };
        let doctor = decide(&actor, Act::Certify).expect("clinicians certify");
        let desk = Desk::upon(folder.path(), "https://mach.test").sending(Arc::new(messages.clone()));
        let house = House::new(store.clone(), Settings::default());
        let app = mach_ui::http::serve(mach_certificates::router(Arc::new(desk)).with_state(house));
        Self { app, store, doctor, facility, messages, cookies, folder }
    }

    /// A case whose history is declared.
    fn declared(&self, phone: &str) -> String {
        let arrival = Arrival {
            number: NUMBER.into(),
            name: "Nguyễn Văn Thử".into(),
            born: Day::from_ymd(1985, 3, 9),
            sex: 1,
            class: "C".into(),
            phone: phone.into(),
            ..Arrival::default()
        };
        let facility = self.facility;
        let code = self.store.write(&self.doctor, move |tx| work::open(tx, facility, &arrival)).expect("opened").code;
        self.says(&code, "false");
        code
    }

    /// Declares, or declares otherwise.
    fn says(&self, code: &str, heart: &str) {
        let case = self.case(code);
        let mut posted = fields::Posted::default();
        posted.text("hx-true", "true");
        posted.text("hx-heart", heart);
        let answers = case.form.read_posted(&posted, &case.answers, None);
        let part = case.parts.iter().find(|p| p.link == "history").expect("there").clone();
        let kept = Posted { part: part.link, answers, version: part.version, finish: true, quiet: false };
        let (at, by) = (code.to_owned(), By { account: 1, name: "doctor".into() });
        let done = self.store.write(&self.doctor, move |tx| work::keep(tx, &at, &by, kept)).expect("written");
        assert!(done.is_ok(), "{done:?}");
    }

    fn case(&self, code: &str) -> Case {
        let mut reader = self.store.read(&self.doctor).expect("a reader");
        case::load(&mut reader, code).expect("read").expect("there")
    }

    /// The hash of what is shown now.
    fn seen(&self, code: &str) -> String {
        let case = self.case(code);
        hex(&sha256(text(&case, &case.answers).as_bytes()))
    }

    fn ask(&self, who: usize, method: &str, path: &str, form: &str) -> (StatusCode, header::HeaderMap, String) {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("cookie", &self.cookies[who])
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Body::from(form.to_owned()))
            .expect("a request");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let response = self.app.clone().oneshot(request).await.expect("an answer");
            let (status, headers) = (response.status(), response.headers().clone());
            let bytes = to_bytes(response.into_body(), usize::MAX).await.expect("a body");
            (status, headers, String::from_utf8(bytes.to_vec()).expect("text"))
        })
    }

    fn post(&self, code: &str, form: &str) -> (StatusCode, String) {
        let (status, _, text) = self.ask(0, "POST", &format!("/certificates/case/{code}/declare"), form);
        (status, text)
    }

    fn question(&self, code: &str) -> Value {
        let (status, _, text) = self.ask(0, "POST", &format!("/certificates/case/{code}/declare/question"), "");
        assert_eq!(status, StatusCode::OK, "{text}");
        serde_json::from_str(&text).expect("JSON")
    }

    fn way(&self, code: &str) -> Option<Way> {
        self.case(code).declared.map(|signed| signed.way)
    }
}

#[test]
fn a_code_confirms_what_was_shown_and_nothing_else() {
    let world = World::new(Simulator::default());
    let code = world.declared("0912345678");
    let path = format!("/certificates/case/{code}/declare");
    let (status, headers, page) = world.ask(0, "GET", &path, "");
    assert!(status == StatusCode::OK && page.contains("Nguyễn Văn Thử 046085000081"), "{page}");
    assert!(page.contains("•••678") && !page.contains("0912345678") && !page.contains("data-reader"), "{page}");
    let policy = headers[header::CONTENT_SECURITY_POLICY].to_str().expect("text");
    assert!(policy.ends_with("; connect-src 'self' wss://127.0.0.1:8988"), "{policy}");
    for (method, form) in [("GET", ""), ("POST", "do=send")] {
        assert_eq!(world.ask(1, method, &path, form).0, StatusCode::NOT_FOUND, "another facility's");
    }
    let seen = world.seen(&code);
    assert_eq!(world.post(&code, "do=send&seen=00").0, StatusCode::CONFLICT, "of what was not shown");
    assert!(world.messages.sent().is_empty());
    assert_eq!(world.post(&code, &format!("do=send&seen={seen}")).0, StatusCode::OK);
    let sent = world.messages.sent();
    let [(to, text)] = sent.as_slice() else { panic!("{sent:?}") };
    assert!(to == "0912345678" && text.contains(&seen[..8]), "{text}");
    let secret = text.split(' ').find(|w| w.len() == 6 && w.bytes().all(|b| b.is_ascii_digit())).expect("a code");
    let (_, again) = world.post(&code, &format!("do=send&seen={seen}"));
    assert!(again.contains("Chờ thêm") && world.messages.sent().len() == 1, "{again}");
    let wrong = if secret == "111111" { "222222" } else { "111111" };
    let (status, page) = world.post(&code, &format!("do=code&code={wrong}&seen={seen}"));
    assert!(status == StatusCode::BAD_REQUEST && page.contains("Còn 4 lần thử"), "{page}");
    assert_eq!(world.way(&code), None);
    // What is declared changes after the code was sent: nobody confirmed that.
    world.says(&code, "true");
    let other = world.seen(&code);
    assert_eq!(world.post(&code, &format!("do=code&code={secret}&seen={seen}")).0, StatusCode::CONFLICT);
    assert_eq!(world.post(&code, &format!("do=code&code={secret}&seen={other}")).0, StatusCode::BAD_REQUEST);
    assert_eq!(world.way(&code), None);
    // Put back, the code is over all the same.
    world.says(&code, "false");
    assert_eq!(world.post(&code, &format!("do=code&code={secret}&seen={seen}")).0, StatusCode::BAD_REQUEST);
    assert_eq!(world.way(&code), None);
}

#[test]
fn the_right_code_signs_once() {
    let world = World::new(Simulator::default());
    let code = world.declared("0912345678");
    let seen = world.seen(&code);
    assert_eq!(world.post(&code, &format!("do=send&seen={seen}")).0, StatusCode::OK);
    let text = world.messages.sent()[0].1.clone();
    let secret = text.split(' ').find(|w| w.len() == 6 && w.bytes().all(|b| b.is_ascii_digit())).expect("a code");
    let form = format!("do=code&code={secret}&seen={seen}");
    assert_eq!(world.post(&code, &form).0, StatusCode::SEE_OTHER);
    assert_eq!(world.way(&code), Some(Way::Code));
    let (_, _, page) = world.ask(0, "GET", &format!("/certificates/case/{code}"), "");
    assert!(page.contains("Xác nhận bằng mã gửi tới điện thoại"), "{page}");
    assert_eq!(world.post(&code, &form).0, StatusCode::BAD_REQUEST, "once");
    // Changed afterwards, it is told as not confirmed.
    world.says(&code, "true");
    let (_, _, page) = world.ask(0, "GET", &format!("/certificates/case/{code}"), "");
    assert!(page.contains("Lời khai đã đổi sau khi ký"), "{page}");
}

#[test]
fn without_a_telephone_or_a_gateway_nothing_is_sent() {
    let mut broken = Simulator::default();
    broken.broken = true;
    let world = World::new(broken);
    let code = world.declared("0912345678");
    let (status, page) = world.post(&code, &format!("do=send&seen={}", world.seen(&code)));
    assert!(
        status == StatusCode::OK && page.contains("Chưa gửi được tin nhắn") && !page.contains("name=\"code\""),
        "{page}"
    );
    let world = World::new(Simulator::default());
    let code = world.declared("");
    let (_, _, page) = world.ask(0, "GET", &format!("/certificates/case/{code}/declare"), "");
    assert!(page.contains("chưa có số điện thoại") && !page.contains("value=\"send\""), "{page}");
}

/// A statement as a reader signs it.
fn stated(reader: &Person, said: &Value) -> String {
    let text = jws::sign(said.to_string().as_bytes(), &reader.key, &reader.chain[..1], mach_sign::time::now());
    text.expect("signed")
}

#[test]
fn a_reader_that_is_registered_confirms_and_nothing_of_a_finger_comes_along() {
    let world = World::new(Simulator::default());
    let family = Family::new();
    let made = |name: &str| family.person(name, SoftKey::generate().expect("a key"), Profile::Document, (-1, 100));
    let (own, foreign) = (made("Máy đọc 1"), made("Máy đọc lạ"));
    let readers = world.folder.path().join(READERS);
    std::fs::create_dir_all(&readers).expect("made");
    std::fs::write(readers.join("1.pem"), own.chain[0].to_pem()).expect("written");
    let code = world.declared("");
    let (_, _, page) = world.ask(0, "GET", &format!("/certificates/case/{code}/declare"), "");
    assert!(page.contains("data-reader=\"wss://127.0.0.1:8988\""), "{page}");
    let (seen, now) = (world.seen(&code), mach_sign::time::now());
    let say = |question: &Value| {
        json!({
            "document": question["document"], "nonce": question["nonce"], "at": now, "number": NUMBER, "matched": true,
        })
    };
    let bring = |statement: &str| world.post(&code, &format!("do=statement&seen={seen}&statement={statement}"));
    let wrong = [
        ("another paper", &own, "document", json!(hex(&[0; 32]))),
        ("another question", &own, "nonce", json!("x")),
        ("another time", &own, "at", json!(now - 3_600)),
        ("another person", &own, "number", json!("046085000082")),
        ("no match", &own, "matched", json!(false)),
        ("a template comes along", &own, "template", json!("AAAA")),
        ("an unknown reader", &foreign, "matched", json!(true)),
    ];
    for (what, reader, name, value) in wrong {
        let mut said = say(&world.question(&code));
        said[name] = value;
        let (status, page) = bring(&stated(reader, &said));
        assert_eq!(status, StatusCode::BAD_REQUEST, "{what}");
        assert!(page.contains("không được chấp nhận"), "{what}: {page}");
        assert_eq!(world.way(&code), None, "{what}");
    }
    let signed = stated(&own, &say(&world.question(&code)));
    let (head, _) = signed.rsplit_once('.').expect("a JWS");
    for statement in ["", "x.y.z", head, &format!("{head}.AAAA"), &"a".repeat(STATEMENT_BYTES + 1)] {
        world.question(&code);
        assert_eq!(bring(statement).0, StatusCode::BAD_REQUEST, "{statement:.20}");
        assert_eq!(world.way(&code), None);
    }
    // A wrong statement used the question up.
    let question = world.question(&code);
    let good = stated(&own, &say(&question));
    assert_eq!(bring("x").0, StatusCode::BAD_REQUEST);
    assert_eq!(bring(&good).0, StatusCode::BAD_REQUEST);
    assert_eq!(world.way(&code), None);
    let good = stated(&own, &say(&world.question(&code)));
    assert_eq!(bring(&good).0, StatusCode::SEE_OTHER);
    assert_eq!(world.way(&code), Some(Way::Finger));
    assert_eq!(bring(&good).0, StatusCode::BAD_REQUEST, "once");
    let (_, _, page) = world.ask(0, "GET", &format!("/certificates/case/{code}"), "");
    assert!(page.contains("Xác nhận bằng vân tay"), "{page}");
}
