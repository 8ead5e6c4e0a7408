//! The page against files: good, altered, revoked, of nobody known; nothing past what the paper shows.

use axum::body::Body;
use axum::http::{Request, StatusCode};
use http_body_util::BodyExt;
use mach_base::limits;
use mach_house::{House, Settings};
use mach_sign::hc1::{self, Claims, Value};
use mach_store::Store;
use mach_test_sign::paper::{rendered, sign_at};
use mach_test_sign::{Family, Person};
use tower::ServiceExt;

struct Scene {
    house: House,
    folder: tempfile::TempDir,
    family: Family,
    doctor: Person,
}

fn scene() -> Scene {
    let folder = tempfile::tempdir().expect("a folder");
    let family = Family::new();
    let doctor = family.doctor("BS. Phạm Thị Ngọc Ánh");
    let store = Store::open(&folder.path().join("store")).expect("a store");
    let house = House::new(store, Settings::default());
    let scene = Scene { house, folder, family, doctor };
    scene.put("roots/root.pem", scene.family.root.certificate().to_pem().as_bytes());
    scene.put("signers/doctor.pem", doctor_chain(&scene.doctor).as_bytes());
    scene.revoke(&[]);
    scene
}

fn doctor_chain(doctor: &Person) -> String {
    doctor.chain.iter().map(mach_sign::certificate::Certificate::to_pem).collect()
}

impl Scene {
    fn put(&self, name: &str, bytes: &[u8]) {
        let path = self.folder.path().join("trust").join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, bytes).expect("a file");
    }

    fn revoke(&self, who: &[(&Person, i64)]) {
        for (i, list) in self.family.evidence(who).lists.iter().enumerate() {
            self.put(&format!("lists/{i}.crl"), list.raw());
        }
    }

    async fn post(&self, field: &str, bytes: &[u8]) -> (StatusCode, String) {
        let app = mach_verify::router(self.folder.path()).with_state(self.house.clone());
        let name = if field == "file" { "; filename=\"x\"" } else { "" };
        let head = format!("--b\r\nContent-Disposition: form-data; name=\"{field}\"{name}\r\n\r\n");
        let body = [head.as_bytes(), bytes, b"\r\n--b--\r\n"].concat();
        let request = Request::post("/verify")
            .header("content-type", "multipart/form-data; boundary=b")
            .body(Body::from(body))
            .expect("a request");
        let response = app.oneshot(request).await.expect("an answer");
        let status = response.status();
        let bytes = response.into_body().collect().await.expect("a body").to_bytes();
        (status, String::from_utf8_lossy(&bytes).into_owned())
    }
}

#[tokio::test]
async fn papers_and_what_is_said_of_them() {
    let s = scene();
    let paper = rendered();
    let pdf = sign_at(&paper.pdf, &paper, "doctor", &s.doctor, "Bác sĩ", s.family.now);
    let (status, text) = s.post("file", &pdf).await;
    assert_eq!(status, StatusCode::OK);
    for wanted in ["Chữ ký đúng", "BS. Phạm Thị Ngọc Ánh", "CA thử nghiệm"] {
        assert!(text.contains(wanted), "{wanted}: {text}");
    }
    // The certificate holds the signer's citizen number, and the file the patient's name: neither is shown.
    assert!(!text.contains("046090000001") && !text.contains("NGUYỄN THỊ HƯỜNG"));
    let mut altered = pdf.clone();
    altered[2000] ^= 1;
    for (what, bytes) in [("altered", altered), ("never signed", paper.pdf.clone()), ("no file", b"x".to_vec())] {
        let (status, text) = s.post("file", &bytes).await;
        assert_eq!(status, StatusCode::OK, "{what}");
        assert!(!text.contains("Chữ ký đúng"), "{what}: {text}");
    }
    s.revoke(&[(&s.doctor, s.family.now - 60)]);
    let (_, text) = s.post("file", &pdf).await;
    assert!(!text.contains("Chữ ký đúng") && text.contains("đã bị thu hồi"), "{text}");
}

#[tokio::test]
async fn codes_and_limits() {
    let s = scene();
    let content = Value::Map(vec![(Value::Int(1), Value::record(vec![("so", Value::text("00001/GKSKLX/46001/26"))]))]);
    let claims = Claims {
        issuer: "46001".to_owned(),
        issued: s.family.now,
        expires: s.family.now + 86_400,
        content: (hc1::HEALTH, content),
    };
    let code = hc1::sign(&claims, &s.doctor.key, s.doctor.certificate()).expect("a code");
    let (status, text) = s.post("code", code.as_bytes()).await;
    assert_eq!(status, StatusCode::OK);
    assert!(text.contains("Chữ ký đúng") && text.contains("00001/GKSKLX/46001/26"), "{text}");
    let stranger = s.family.doctor("Người khác");
    let foreign = hc1::sign(&claims, &stranger.key, stranger.certificate()).expect("a code");
    let (_, text) = s.post("code", foreign.as_bytes()).await;
    assert!(!text.contains("Chữ ký đúng"), "{text}");
    assert_eq!(s.post("code", b"").await.0, StatusCode::BAD_REQUEST);
    assert_eq!(s.post("file", &vec![b'x'; limits::VERIFY_BYTES]).await.0, StatusCode::OK);
    assert_eq!(s.post("file", &vec![b'x'; limits::VERIFY_BYTES + 1]).await.0, StatusCode::PAYLOAD_TOO_LARGE);
    // A list that cannot be read: nothing is said to be valid.
    s.put("lists/0.crl", b"garbage");
    assert_eq!(s.post("code", code.as_bytes()).await.0, StatusCode::INTERNAL_SERVER_ERROR);
}
