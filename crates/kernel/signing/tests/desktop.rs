//! Papers handed to the state's desktop signer by addresses: who may open them, what is fetched and brought, and what is refused.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode, header};
use mach_access::{Act as May, Actor, Role, decide, secret};
use mach_base::Day;
use mach_base::time::now_seconds;
use mach_documents::Rendered;
use mach_house::{House, SESSION_COOKIE, Settings};
use mach_sign::remote::vgca::simulator::{Desktop, Fault};
use mach_signing::ask::{self, Wanted};
use mach_signing::desk::{Desk, Keys};
use mach_signing::desktop::{self, SIGNATURE_BYTES};
use mach_signing::flights::{self, Papers, Ready, Taken};
use mach_signing::words::Halt;
use mach_store::accounts::NewAccount;
use mach_store::signing::{self, Act, Flight, Provider, Signer};
use mach_store::sql::Query;
use mach_store::{Reader, Result, Store, Tx, schema, sessions};
use mach_test_sign::paper::rendered;
use mach_test_sign::{Family, Person};
use serde_json::Value;
use std::sync::{Arc, LazyLock};
use tower::ServiceExt;

static PAPER: LazyLock<Rendered> = LazyLock::new(rendered);

/// A paper that is always the same, and wanted for as long as the house signs.
struct One;

impl Papers for One {
    fn what(&self) -> &'static str {
        "paper"
    }

    fn page(&self, code: &str) -> String {
        format!("/papers/{code}")
    }

    fn acts(&self) -> &'static [Act] {
        &[Act::Conclude]
    }

    fn may(&self) -> May {
        May::Certify
    }

    fn revision(&self, on: &mut dyn Query, flight: &Flight) -> Result<Option<String>> {
        let policy = signing::policy(on, flight.facility, Day::today())?;
        Ok(policy.map(|policy| policy.document))
    }

    fn prepare(&self, _on: &mut Reader, _flight: &Flight, _keys: &dyn Keys) -> std::result::Result<Ready, Halt> {
        Ok(Ready {
            file: PAPER.pdf.clone(),
            seal: PAPER.seal("doctor").cloned().expect("a place"),
            role: "Bác sĩ".into(),
            reason: "Kết luận".into(),
            location: "Huế".into(),
            shown: "Giấy".into(),
        })
    }

    fn take(&self, _tx: &mut Tx<'_>, _flight: &Flight, _file: &[u8], _now: i64) -> Result<Taken> {
        Ok(Taken::Whole)
    }
}

static ALL: [&dyn Papers; 1] = [&One];

struct World {
    app: Router,
    store: Store,
    desk: Arc<Desk>,
    desktop: Desktop,
    facility: i64,
    /// The signer, somebody else of the facility, somebody of another.
    cookies: [String; 3],
    _folder: tempfile::TempDir,
}

fn pem(person: &Person) -> String {
    person.chain.iter().map(mach_sign::certificate::Certificate::to_pem).collect()
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path()).expect("a store");
        let family = Family::new();
        let trust = folder.path().join("trust");
        for (place, bytes) in [
            ("roots/root.pem", family.root.certificate().to_pem().into_bytes()),
            ("authorities/own.pem", family.issuing.certificate().to_pem().into_bytes()),
            ("lists/0.crl", family.evidence(&[]).lists[0].raw().to_vec()),
            ("lists/1.crl", family.evidence(&[]).lists[1].raw().to_vec()),
        ] {
            let path = trust.join(place);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            std::fs::write(path, bytes).expect("written");
        }
        let console = decide(&Actor::console(), May::Administer).expect("the console may all");
        let facility = store.write(&console, |tx| schema::facility_id(tx, "46001")).expect("a facility");
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
        let cookies = [session("signer", "46001"), session("other", "46001"), session("far", "46002")];
        let (own, other) = (family.doctor("Bác sĩ"), family.doctor("Người khác"));
        let signer = Signer {
            id: 0,
            facility,
            account: 1,
            licence: "1".into(),
            acts: Act::Conclude.code().into(),
            from: Day::today(),
            to: Day(Day::today().0 + 3),
            provider: Provider::Vgca,
            subscriber: String::new(),
            chain: pem(&own),
            ended: None,
        };
        store
            .write(&console, move |tx| {
                tx.register_signing_policy(facility, "01/QĐ", Day::today())?;
                tx.add_signer(&signer)
            })
            .expect("a signer");
        let desktop = Desktop {
            token: (own.key, own.chain),
            other: (other.key, other.chain),
            file: mach_test_sign::paper::rendered().pdf,
            fault: Fault::None,
        };
        let desk = Arc::new(Desk::upon(folder.path(), "https://mach.test"));
        let house = House::new(store.clone(), Settings::default());
        let app = mach_ui::http::serve(desktop::router(Arc::clone(&desk), &ALL).with_state(house));
        Self { app, store, desk, desktop, facility, cookies, _folder: folder }
    }

    /// A signature is asked for, and its file made.
    fn asked(&self, code: &str) {
        let console = decide(&Actor::console(), May::Certify).expect("the console may all");
        let wanted =
            Wanted { facility: self.facility, code: code.into(), act: Act::Conclude, account: 1, name: "Bs".into() };
        self.store
            .write(&console, move |tx| {
                let signer = ask::signs_with(tx, &wanted, None, now_seconds())?.expect("may sign");
                ask::begin(tx, wanted, signer, now_seconds())
            })
            .expect("asked");
        flights::once(&self.store, self.desk.as_ref(), &One, now_seconds()).expect("a step");
    }

    fn flight(&self, code: &str) -> Flight {
        let console = decide(&Actor::console(), May::Certify).expect("the console may all");
        let mut reader = self.store.read(&console).expect("a reader");
        signing::flight_of(&mut reader, self.facility, code, Act::Conclude).expect("read").expect("there")
    }

    fn send(&self, request: Request<Body>) -> (StatusCode, header::HeaderMap, Vec<u8>) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let response = self.app.clone().oneshot(request).await.expect("an answer");
            let (status, headers) = (response.status(), response.headers().clone());
            (status, headers, to_bytes(response.into_body(), usize::MAX).await.expect("a body").to_vec())
        })
    }

    fn page(&self, who: usize, path: &str) -> (StatusCode, header::HeaderMap, String) {
        let request = Request::get(path).header("cookie", &self.cookies[who]).body(Body::empty()).expect("a request");
        let (status, headers, body) = self.send(request);
        (status, headers, String::from_utf8(body).expect("text"))
    }

    fn open(&self, who: usize, path: &str) -> (StatusCode, Value) {
        let request = Request::post(path).header("cookie", &self.cookies[who]).body(Body::empty()).expect("a request");
        let (status, _, body) = self.send(request);
        (status, serde_json::from_slice(&body).unwrap_or_default())
    }

    /// The addresses of a file that its signer asked for.
    fn handed(&self, code: &str) -> [String; 3] {
        let (status, said) = self.open(0, &format!("/signing/desktop/conclude/{code}"));
        assert_eq!(status, StatusCode::OK, "{said}");
        ["fetch", "bring", "session"].map(|name| said[name].as_str().expect(name).to_owned())
    }

    fn fetch(&self, path: &str) -> (StatusCode, Vec<u8>) {
        let (status, _, body) = self.send(Request::get(path).body(Body::empty()).expect("a request"));
        (status, body)
    }

    fn bring(&self, path: &str, name: &str, file: &[u8]) -> (StatusCode, Value) {
        let head = format!("--x\r\ncontent-disposition: form-data; name=\"{name}\"; filename=\"a.pdf\"\r\n\r\n");
        let body = [head.as_bytes(), file, b"\r\n--x--\r\n"].concat();
        let request = Request::post(path).header("content-type", "multipart/form-data; boundary=x");
        let (status, _, body) = self.send(request.body(Body::from(body)).expect("a request"));
        (status, serde_json::from_slice(&body).unwrap_or_default())
    }

    fn told(&self, code: &str, session: &str) -> (String, String) {
        let (status, _, text) = self.page(0, &format!("/signing/desktop/conclude/{code}?session={session}"));
        assert_eq!(status, StatusCode::OK, "{text}");
        let said: Value = serde_json::from_str(&text).expect("JSON");
        (said["state"].as_str().expect("a state").to_owned(), said["why"].as_str().expect("why").to_owned())
    }

    fn signed(&self, file: &[u8]) -> Vec<u8> {
        self.desktop.sign(file, now_seconds()).expect("signed")
    }
}

#[test]
fn a_paper_goes_out_once_and_comes_back_signed_once() {
    let world = World::new();
    world.asked("A1");
    let (status, headers, text) = world.page(0, "/signing/desktop");
    assert!(status == StatusCode::OK && text.contains("conclude/A1") && text.contains("/papers/A1"), "{text}");
    let policy = headers[header::CONTENT_SECURITY_POLICY].to_str().expect("text");
    assert!(policy.ends_with("; connect-src 'self' wss://127.0.0.1:8987"), "{policy}");
    assert!(policy.starts_with(mach_ui::http::CSP) && !mach_ui::http::CSP.contains("connect-src"));
    let [fetch, bring, session] = world.handed("A1");
    assert_eq!(world.told("A1", &session).0, "away");
    let (status, file) = world.fetch(&fetch);
    assert_eq!((status, file == PAPER.pdf), (StatusCode::OK, true));
    assert_eq!(world.fetch(&fetch).0, StatusCode::NOT_FOUND, "once");
    let (status, said) = world.bring(&bring, "uploadfile", &world.signed(&file));
    assert_eq!((status, said["Status"].as_bool()), (StatusCode::OK, Some(true)), "{said}");
    assert_eq!(world.told("A1", &session).0, "signed");
    let done = world.flight("A1").done().expect("signed");
    assert_eq!(world.bring(&bring, "uploadfile", &world.signed(&file)).0, StatusCode::NOT_FOUND, "once");
    assert_eq!(world.flight("A1").done(), Some(done));
    let (status, said) = world.open(0, "/signing/desktop/conclude/A1");
    assert_eq!(status, StatusCode::CONFLICT, "nobody wants it signed any more: {said}");
    assert!(!world.page(0, "/signing/desktop").2.contains("conclude/A1"));
}

#[test]
fn nobody_but_the_signer_opens_addresses() {
    let world = World::new();
    world.asked("A1");
    let nobody = world.send(Request::post("/signing/desktop/conclude/A1").body(Body::empty()).expect("a request"));
    assert_eq!(nobody.0, StatusCode::SEE_OTHER);
    for who in [1, 2] {
        assert_eq!(world.open(who, "/signing/desktop/conclude/A1").0, StatusCode::NOT_FOUND, "{who}");
        assert_eq!(world.page(who, "/signing/desktop/conclude/A1?session=").0, StatusCode::NOT_FOUND);
        assert!(!world.page(who, "/signing/desktop").2.contains("A1"), "{who}");
    }
    for path in ["/signing/desktop/conclude/A2", "/signing/desktop/seal/A1", "/signing/desktop/declare/A1"] {
        assert_eq!(world.open(0, path).0, StatusCode::NOT_FOUND, "{path}");
    }
    // Guessed, and the one in the place of the other.
    let [fetch, bring, session] = world.handed("A1");
    let secret = |path: &str| path.split('/').nth(3).expect("a secret").to_owned();
    for path in [format!("/signing/file/{}/a.pdf", secret(&bring)), "/signing/file/00/a.pdf".to_owned()] {
        assert_eq!(world.fetch(&path).0, StatusCode::NOT_FOUND, "{path}");
    }
    let signed = world.signed(&PAPER.pdf);
    for path in [bring.clone(), format!("/signing/file/{}", secret(&fetch)), format!("/signing/file/{session}")] {
        assert_eq!(world.bring(&path, "uploadfile", &signed).0, StatusCode::NOT_FOUND, "not fetched yet: {path}");
    }
    // Asked again, what was open before is over.
    let [again, ..] = world.handed("A1");
    assert_eq!(world.fetch(&fetch).0, StatusCode::NOT_FOUND);
    assert_eq!(world.told("A1", &session).0, "over");
    assert_eq!(world.fetch(&again).0, StatusCode::OK);
}

#[test]
fn what_is_not_the_given_file_with_one_signature_more_is_refused_and_the_paper_waits_on() {
    let mut world = World::new();
    world.asked("A1");
    // Within the note behind the first line, which says nothing.
    world.desktop.file[12] ^= 1;
    let faults = [
        (Fault::Garbage, "không phải tệp PDF"),
        (Fault::Unsigned, "đúng một chữ ký mới"),
        (Fault::OtherFile, "không phải tệp đã giao"),
        (Fault::OtherToken, "chứng thư khác"),
        (Fault::Twice, "đúng một chữ ký mới"),
        (Fault::Changed, "không đúng"),
        (Fault::Edits, "bị sửa ngoài chữ ký"),
    ];
    for (fault, words) in faults {
        world.desktop.fault = fault;
        let [fetch, bring, session] = world.handed("A1");
        let (_, file) = world.fetch(&fetch);
        let (status, said) = world.bring(&bring, "uploadfile", &world.signed(&file));
        assert_eq!((status, said["Status"].as_bool()), (StatusCode::UNPROCESSABLE_ENTITY, Some(false)), "{fault:?}");
        assert!(said["Message"].as_str().is_some_and(|said| said.contains(words)), "{fault:?}: {said}");
        let (state, why) = world.told("A1", &session);
        assert!(state == "refused" && why.contains(words), "{fault:?}: {state} {why}");
        assert!(world.flight("A1").is_under_way(), "{fault:?}");
        // The address is used up: the right file does not come by it either.
        world.desktop.fault = Fault::None;
        assert_eq!(world.bring(&bring, "uploadfile", &world.signed(&file)).0, StatusCode::NOT_FOUND, "{fault:?}");
    }
    // No file in the form, no form at all, and one byte more than a signature may add.
    let most = PAPER.pdf.len() + SIGNATURE_BYTES;
    let large = |len: usize| [PAPER.pdf.as_slice(), &vec![b' '; len - PAPER.pdf.len()]].concat();
    for (name, file, wanted) in [
        ("file", PAPER.pdf.clone(), StatusCode::UNPROCESSABLE_ENTITY),
        ("uploadfile", large(most), StatusCode::UNPROCESSABLE_ENTITY),
        ("uploadfile", large(most + 1), StatusCode::PAYLOAD_TOO_LARGE),
    ] {
        let [fetch, bring, _] = world.handed("A1");
        assert_eq!(world.fetch(&fetch).0, StatusCode::OK);
        assert_eq!(world.bring(&bring, name, &file).0, wanted, "{name} {}", file.len());
    }
    let [fetch, bring, session] = world.handed("A1");
    assert_eq!(world.fetch(&fetch).0, StatusCode::OK);
    let (status, _, _) = world.send(Request::post(&bring).body(Body::from("x")).expect("a request"));
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(world.told("A1", &session).0, "refused");
    // And at last it is signed.
    let [fetch, bring, session] = world.handed("A1");
    let (_, file) = world.fetch(&fetch);
    assert_eq!(world.bring(&bring, "uploadfile", &world.signed(&file)).0, StatusCode::OK);
    assert_eq!(world.told("A1", &session).0, "signed");
}

#[test]
fn what_changed_meanwhile_is_neither_given_nor_taken() {
    let world = World::new();
    world.asked("A1");
    let [fetch, bring, session] = world.handed("A1");
    let (_, file) = world.fetch(&fetch);
    // A restart forgets the addresses and nothing of the paper.
    let house = House::new(world.store.clone(), Settings::default());
    let desk = Arc::new(Desk::upon(world._folder.path(), "https://mach.test"));
    let restarted = World { app: mach_ui::http::serve(desktop::router(desk, &ALL).with_state(house)), ..world };
    assert_eq!(restarted.bring(&bring, "uploadfile", &restarted.signed(&file)).0, StatusCode::NOT_FOUND);
    assert_eq!(restarted.told("A1", &session).0, "over");
    let [fetch, bring, session] = restarted.handed("A1");
    assert_eq!(restarted.fetch(&fetch).1, file, "the same file to the byte");
    let console = decide(&Actor::console(), May::Administer).expect("the console may all");
    let facility = restarted.facility;
    restarted
        .store
        .write(&console, move |tx| tx.register_signing_policy(facility, "02/QĐ", Day::today()))
        .expect("another revision");
    assert_eq!(restarted.bring(&bring, "uploadfile", &restarted.signed(&file)).0, StatusCode::CONFLICT);
    assert_eq!(restarted.told("A1", &session).0, "refused");
    assert!(restarted.flight("A1").done().is_none());
    assert_eq!(restarted.open(0, "/signing/desktop/conclude/A1").0, StatusCode::CONFLICT);
}
