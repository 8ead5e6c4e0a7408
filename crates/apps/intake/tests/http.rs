//! The inbox and its API as programs and browsers ask them: keys, senders, resends, refusals, pages, scope.

#![expect(clippy::unwrap_used, reason = "a broken expectation ends the test")]

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use mach_access::{Act, Actor, Decision, Role, decide, secret};
use mach_house::{House, SESSION_COOKIE, Settings};
use mach_store::{Store, accounts, schema};
use std::path::{Path, PathBuf};
use tower::ServiceExt;

struct World {
    app: Router,
    store: Store,
    root: PathBuf,
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.root);
    }
}

fn console() -> Decision {
    decide(&Actor::console(), Act::Administer).unwrap()
}

impl World {
    fn new(name: &str) -> Self {
        let root = std::env::temp_dir().join(format!("mach-intake-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&root);
        let store = Store::open(&root.join("data")).unwrap();
        let house = House::new(store.clone(), Settings::default());
        let app = mach_ui::http::serve(mach_intake::router().with_state(house));
        Self { app, store, root }
    }

    /// Valid claim files, by facility.
    fn files(&self, dossiers: u64, defects: f64) -> Vec<(String, Vec<u8>)> {
        let out = self.root.join("files");
        let options = mach_synth::Options {
            out: out.clone(),
            dossiers,
            seed: 3,
            from: "2025-01-05".parse().unwrap(),
            to: "2025-06-20".parse().unwrap(),
            defects,
            replace: 0.0,
        };
        mach_synth::generate(&options, &mut |_| {}).unwrap();
        mach_intake::files::below(std::slice::from_ref(&out))
            .unwrap()
            .into_iter()
            .map(|p| (facility_of(&p, &out), std::fs::read(p).unwrap()))
            .collect()
    }

    fn key(&self, facility: &str) -> String {
        let key = secret::new_token("mach_").unwrap();
        let (hash, facility) = (secret::token_hash(&key), facility.to_owned());
        let made = self.store.write(&console(), move |tx| {
            let facility = schema::facility_id(tx, &facility)?;
            tx.add_api_key(&hash, facility, "HIS")
        });
        made.unwrap();
        format!("Bearer {key}")
    }

    fn cookie(&self, role: Role, facility: Option<&str>) -> String {
        let token = secret::new_token("").unwrap();
        let (hash, facility) = (secret::token_hash(&token), facility.map(str::to_owned));
        let name = format!("{role:?}-{facility:?}");
        self.store
            .write(&console(), move |tx| {
                let facility = facility.map(|f| schema::facility_id(tx, &f)).transpose()?;
                let new =
                    accounts::NewAccount { name: name.clone(), display: name, role, facility, password: "x".into() };
                let id = tx.set_account(&new)?;
                tx.begin_session(&hash, id, mach_store::sessions::State::Open, "test")
            })
            .unwrap();
        format!("{SESSION_COOKIE}={token}")
    }

    fn ask(&self, request: Request<Body>) -> (StatusCode, String) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let response = self.app.clone().oneshot(request).await.unwrap();
            let status = response.status();
            let bytes = to_bytes(response.into_body(), usize::MAX).await.unwrap();
            (status, String::from_utf8_lossy(&bytes).into_owned())
        })
    }

    fn post(&self, key: &str, headers: &[(&str, &str)], body: &[u8]) -> (StatusCode, serde_json::Value) {
        let mut request = Request::post("/api/claims").header("authorization", key);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (status, text) = self.ask(request.body(Body::from(body.to_vec())).unwrap());
        (status, serde_json::from_str(&text).unwrap_or_else(|_| panic!("{status}: {text}")))
    }

    fn get(&self, cookie: &str, path: &str) -> (StatusCode, String) {
        self.ask(Request::get(path).header("cookie", cookie).body(Body::empty()).unwrap())
    }
}

fn facility_of(path: &Path, out: &Path) -> String {
    path.strip_prefix(out).unwrap().iter().next().unwrap().to_str().unwrap().to_owned()
}

#[test]
fn a_program_sends_and_sends_again() {
    let world = World::new("send");
    let (facility, file) = world.files(5, 0.0).remove(0);
    let key = world.key(&facility);
    let (status, first) = world.post(&key, &[("idempotency-key", "a1")], &file);
    assert_eq!(status, StatusCode::OK, "{first}");
    let accepted = first["summary"]["accepted"].as_i64().unwrap();
    assert!(accepted >= 1);
    assert_eq!(world.post(&key, &[("idempotency-key", "a1")], &file), (StatusCode::OK, first), "the same answer again");
    let (status, again) = world.post(&key, &[], &file);
    assert_eq!((status, again["summary"]["duplicate"].as_i64()), (StatusCode::OK, Some(accepted)), "{again}");
    let (status, other) = world.post(&key, &[("idempotency-key", "a1")], b"<x/>");
    assert_eq!((status, other["resourceType"].as_str()), (StatusCode::CONFLICT, Some("OperationOutcome")), "{other}");
}

#[test]
fn a_facility_cannot_send_anothers_claims() {
    let world = World::new("sender");
    let (facility, file) = world.files(5, 0.0).remove(0);
    let other = if facility == "46001" { "46002" } else { "46001" };
    let (status, answer) = world.post(&world.key(other), &[], &file);
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{answer}");
    assert_eq!(answer["summary"]["accepted"], 0);
    assert!(answer["findings"].as_array().unwrap().iter().any(|f| f["rule"] == "ENV-SENDER"), "{answer}");
    let (status, page) = world.get(&world.cookie(Role::Operator, Some(&facility)), "/claims");
    assert_eq!(status, StatusCode::OK);
    assert!(!page.contains("/claims/1\""), "the named facility sees nothing of what another sent");
}

#[test]
fn bad_requests_are_told_and_store_nothing() {
    let world = World::new("bad");
    let key = world.key("46001");
    for (body, status, says) in [
        (&b""[..], StatusCode::BAD_REQUEST, "OperationOutcome"),
        (b"PK\x03\x04", StatusCode::UNPROCESSABLE_ENTITY, "XML-NOT-XML"),
        (b"<!DOCTYPE a><a/>", StatusCode::UNPROCESSABLE_ENTITY, "XML-DTD"),
        (b"\xff\xfe<\0a\0", StatusCode::UNPROCESSABLE_ENTITY, "XML-ENCODING"),
        (b"<GIAMDINHHS>", StatusCode::UNPROCESSABLE_ENTITY, "XML-SYNTAX"),
    ] {
        let (got, answer) = world.post(&key, &[], body);
        assert_eq!(got, status, "{answer}");
        assert!(answer.to_string().contains(says), "{says} in {answer}");
    }
    for (name, value) in [("authorization", ""), ("authorization", "Bearer mach_0"), ("cookie", "mach_session=1")] {
        let request = Request::post("/api/claims").header(name, value).body(Body::from("<x/>")).unwrap();
        assert_eq!(world.ask(request).0, StatusCode::UNAUTHORIZED, "{name} {value}");
    }
    let cookie = world.cookie(Role::Operator, Some("46001"));
    let foreign = Request::post("/api/claims").header("cookie", &cookie).header("sec-fetch-site", "cross-site");
    assert_eq!(world.ask(foreign.body(Body::from("<x/>")).unwrap()).0, StatusCode::FORBIDDEN, "another site's form");
    let (_, list) = world.get(&cookie, "/claims");
    assert!(!list.contains("href=\"/claims/1\""), "nothing was stored as a claim");
}

#[test]
fn an_operator_sees_findings_and_checks_again() {
    let world = World::new("pages");
    let files = world.files(40, 1.0);
    let facility = files[0].0.clone();
    let key = world.key(&facility);
    let (status, answer) = world.post(&key, &[], &files[0].1);
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    let claim = answer["claims"][0]["claim"].as_i64().unwrap();
    let own = world.cookie(Role::Operator, Some(&facility));
    let (status, list) = world.get(&own, "/claims?state=refused");
    assert_eq!(status, StatusCode::OK);
    assert!(list.contains(&format!("/claims/{claim}")), "listed as refused");
    let (status, page) = world.get(&own, &format!("/claims/{claim}"));
    assert_eq!(status, StatusCode::OK);
    let rule = answer["findings"][0]["rule"].as_str().unwrap();
    assert!(page.contains(rule), "{rule} is on the page");
    let recheck = Request::post(format!("/claims/{claim}/recheck")).header("cookie", &own).body(Body::empty()).unwrap();
    let (status, _) = world.ask(recheck);
    assert!(matches!(status, StatusCode::SEE_OTHER | StatusCode::CONFLICT), "{status}");

    let other = world.cookie(Role::Operator, Some(if facility == "46009" { "46010" } else { "46009" }));
    for path in [format!("/claims/{claim}"), format!("/claims/{claim}/versions/1"), "/claims/999999".to_owned()] {
        assert_eq!(world.get(&other, &path).0, StatusCode::NOT_FOUND, "{path}");
    }
    let (_, theirs) = world.get(&other, &format!("/claims/{claim}"));
    let (_, nobody) = world.get(&other, "/claims/999999");
    let own_path = format!("/claims/{claim}");
    let same = theirs.replace(&own_path, "/claims/999999") == nobody;
    assert!(same, "what is not theirs looks like what is not there");
    assert_eq!(world.get(&world.cookie(Role::Clinician, Some(&facility)), "/claims").0, StatusCode::FORBIDDEN);
    let (status, xml) = world.get(&own, &format!("/claims/{claim}/versions/1"));
    assert_eq!(status, StatusCode::OK);
    assert!(xml.contains("<GIAMDINHHS>"));
}

#[test]
fn a_check_in_is_taken_once() {
    let world = World::new("checkin");
    let xml = "<CHI_TIEU_TRANG_THAI_KCB><DSACH_TRANG_THAI_KCB><TRANG_THAI_KCB><MA_LK>V1</MA_LK><STT>1</STT><MA_BN>B1</MA_BN>\
        <HO_TEN>Lê Thị Thử</HO_TEN><SO_CCCD>046190012345</SO_CCCD><NGAY_SINH>199003040000</NGAY_SINH>\
        <GIOI_TINH>2</GIOI_TINH><MA_THE_BHYT>DN4460123456789</MA_THE_BHYT><MA_DKBD>46001</MA_DKBD>\
        <GT_THE_TU>20250101</GT_THE_TU><GT_THE_DEN>20251231</GT_THE_DEN><MA_DOITUONG_KCB>1.1</MA_DOITUONG_KCB>\
        <NGAY_VAO>202503100800</NGAY_VAO><MA_LOAI_KCB>01</MA_LOAI_KCB><MA_CSKCB>46001</MA_CSKCB>\
        <MA_DICH_VU>10.1895</MA_DICH_VU><TEN_DICH_VU>Khám Nội</TEN_DICH_VU><NGAY_YL>202503100805</NGAY_YL>\
        </TRANG_THAI_KCB></DSACH_TRANG_THAI_KCB><CHUKYDONVI/></CHI_TIEU_TRANG_THAI_KCB>";
    let key = world.key("46001");
    let (status, answer) = world.post(&key, &[], xml.as_bytes());
    assert_eq!((status, answer["summary"]["check_ins"].as_i64()), (StatusCode::OK, Some(1)), "{answer}");
    let (_, again) = world.post(&key, &[], xml.as_bytes());
    assert_eq!(again["summary"]["duplicate"].as_i64(), Some(1), "{again}");
    let wrong = xml.replace("202503100800", "202502300800");
    let (status, refused) = world.post(&key, &[], wrong.as_bytes());
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{refused}");
}

#[test]
fn files_are_sent_from_the_browser() {
    let world = World::new("multipart");
    let (facility, file) = world.files(5, 0.0).remove(0);
    let cookie = world.cookie(Role::Operator, Some(&facility));
    let mut body = b"--X\r\nContent-Disposition: form-data; name=\"files\"; filename=\"a.xml\"\r\n\r\n".to_vec();
    body.extend(&file);
    body.extend(b"\r\n--X--\r\n");
    let request = Request::post("/claims/send")
        .header("cookie", &cookie)
        .header("content-type", "multipart/form-data; boundary=X")
        .body(Body::from(body))
        .unwrap();
    let (status, page) = world.ask(request);
    assert_eq!(status, StatusCode::OK, "{page}");
    let (_, list) = world.get(&cookie, "/claims/files");
    assert!(list.contains("a.xml"));
    let nothing = Request::post("/claims/send")
        .header("cookie", &cookie)
        .header("content-type", "multipart/form-data; boundary=X")
        .body(Body::from("--X--\r\n"))
        .unwrap();
    assert_eq!(world.ask(nothing).0, StatusCode::BAD_REQUEST);
}
