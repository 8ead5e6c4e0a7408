//! The page against files: good, altered, revoked, of nobody known; nothing past what the paper shows.

use axum::body::Body;
use axum::http::{Request, StatusCode};
use http_body_util::BodyExt;
use mach_access::{Act, Actor, decide};
use mach_base::limits;
use mach_house::{House, Settings};
use mach_sign::hc1::{self, Claims, Value};
use mach_sign::jws;
use mach_store::Store;
use mach_test_sign::paper::{certificate, rendered, sign_at};
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

    async fn get(&self, path: &str) -> String {
        let app = mach_verify::router(self.folder.path()).with_state(self.house.clone());
        let response =
            app.oneshot(Request::get(path).body(Body::empty()).expect("a request")).await.expect("an answer");
        let bytes = response.into_body().collect().await.expect("a body").to_bytes();
        String::from_utf8_lossy(&bytes).into_owned()
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
        let text = String::from_utf8_lossy(&bytes).into_owned();
        // What was found; the page has words for its script, too.
        let found = text.split("id=\"answer\"").nth(1).and_then(|t| t.split("<form action=\"/verify\"").next());
        (status, found.map_or_else(|| text.clone(), str::to_owned))
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
    // The field takes a whole code; a file beside it is one thing too many.
    let page = s.get("/verify").await;
    let field = page.split("<textarea").nth(1).and_then(|f| f.split('>').next()).expect("a field");
    assert!(!field.contains("maxlength"), "{field}");
    let both = [code.as_bytes(), b"\r\n--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"x\"\r\n\r\nx"]
        .concat();
    assert_eq!(s.post("code", &both).await.0, StatusCode::BAD_REQUEST);
    // A browser sends the field that was left empty, too.
    let empty =
        [code.as_bytes(), b"\r\n--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"\"\r\n\r\n"].concat();
    assert!(s.post("code", &empty).await.1.contains("Chữ ký đúng"));
    assert_eq!(s.post("file", &vec![b'x'; limits::VERIFY_BYTES]).await.0, StatusCode::OK);
    assert_eq!(s.post("file", &vec![b'x'; limits::VERIFY_BYTES + 1]).await.0, StatusCode::PAYLOAD_TOO_LARGE);
    // A list of codes taken back that cannot be used: no code is said to be valid, a paper is examined as ever.
    s.put("revoked/other.jws", b"garbage");
    let (status, text) = s.post("code", code.as_bytes()).await;
    assert_eq!(status, StatusCode::OK);
    assert!(text.contains("Không kiểm tra được") && !text.contains("Chữ ký đúng"), "{text}");
    let paper = rendered();
    let pdf = sign_at(&paper.pdf, &paper, "doctor", &s.doctor, "Bác sĩ", s.family.now);
    let (status, text) = s.post("file", &pdf).await;
    assert!(status == StatusCode::OK && text.contains("Chữ ký đúng"), "{text}");
    // A list that cannot be read: nothing is said to be valid.
    s.put("lists/0.crl", b"garbage");
    assert_eq!(s.post("code", code.as_bytes()).await.0, StatusCode::INTERNAL_SERVER_ERROR);
}

#[tokio::test]
async fn false_content_is_told_as_false_and_shown_as_text() {
    let s = scene();
    let payload = r#"{"resourceType":"Bundle","note":"<b>giả</b>\u202e"}"#;
    let detached = jws::sign_detached(payload.as_bytes(), &s.doctor.key, &s.doctor.chain, s.family.now).expect("a JWS");
    let with = |payload: &str| {
        let text = mach_sign::base64(payload.as_bytes()).replace('+', "-").replace('/', "_");
        detached.replace("..", &format!(".{}.", text.trim_end_matches('=')))
    };
    let (_, text) = s.post("code", with(payload).as_bytes()).await;
    assert!(text.contains("Chữ ký đúng") && text.contains("Nội dung được ký"), "{text}");
    assert!(text.contains("&#60;b&#62;giả") || text.contains("&lt;b&gt;giả"), "as text: {text}");
    let altered = with(&payload.replace("giả", "thật"));
    let (status, text) = s.post("code", altered.as_bytes()).await;
    assert_eq!(status, StatusCode::OK);
    assert!(!text.contains("Chữ ký đúng") && text.contains("chữ ký không phải của nội dung này"), "{text}");
    assert!(
        text.contains("thật") && text.contains("BS. Phạm Thị Ngọc Ánh"),
        "what it says, and whose it claims to be: {text}"
    );
}

#[tokio::test]
async fn reasons_are_in_the_readers_language() {
    let s = scene();
    let paper = rendered();
    let mut altered = sign_at(&paper.pdf, &paper, "doctor", &s.doctor, "Bác sĩ", s.family.now);
    altered[2000] ^= 1;
    let (_, text) = s.post("file", &altered).await;
    for english in ["not by this key", "the content", "signature is", "malformed"] {
        assert!(!text.contains(english), "{english}: {text}");
    }
    let (_, text) = s.post("file", b"%PDF-1.7 nothing").await;
    assert!(text.contains("không đúng định dạng") && !text.contains("PDF:"), "{text}");
}

type Work = Box<dyn FnOnce(&mut mach_store::Tx<'_>) -> mach_store::Result<()> + Send>;

#[tokio::test]
async fn a_paper_that_was_taken_back_is_told_by_the_marks_of_its_signatures() {
    let s = scene();
    let paper = rendered();
    let pdf = sign_at(&paper.pdf, &paper, "doctor", &s.doctor, "Bác sĩ", s.family.now);
    let mark = mach_sign::hex(mach_sign::pades::marks(&pdf).expect("marks").last().expect("a signature"));
    let write = |work: Work| {
        let decision = decide(&Actor::console(), Act::Certify).expect("the console may all");
        s.house.store().write(&decision, work).expect("written");
    };
    let (_, text) = s.post("file", &pdf).await;
    assert!(text.contains("Chữ ký đúng") && !text.contains("Giấy do hệ thống này cấp"), "not of this house: {text}");
    let kept = mark.clone();
    write(Box::new(move |tx| tx.keep_paper(1, "AAAA", &kept, true)));
    let (_, text) = s.post("file", &pdf).await;
    assert!(text.contains("Giấy do hệ thống này cấp"), "{text}");
    write(Box::new(|tx| tx.end_papers(1, "AAAA", "revoked")));
    let (_, text) = s.post("file", &pdf).await;
    assert!(text.contains("Giấy đã bị thu hồi từ"), "{text}");
    // Nor does it come back by what is written behind it.
    let longer = [pdf.as_slice(), b"\n"].concat();
    let (_, text) = s.post("file", &longer).await;
    assert!(text.contains("Giấy đã bị thu hồi từ") && text.contains("Chữ ký đúng"), "{text}");
    let app = mach_verify::router(s.folder.path()).with_state(s.house.clone());
    let response = app.oneshot(Request::get("/verify/papers.tsv").body(Body::empty()).expect("a request")).await;
    let bytes = response.expect("an answer").into_body().collect().await.expect("a body").to_bytes();
    let list = String::from_utf8_lossy(&bytes).into_owned();
    assert!(list.starts_with(&mark) && list.ends_with("\trevoked\n"), "{list}");
    // The same list beside the trusted certificates tells those who cannot ask the house.
    s.put("papers.tsv", list.as_bytes());
    let shelf = mach_verify::Shelf::read(&s.folder.path().join("trust")).expect("a shelf");
    assert_eq!(shelf.ended.get(&mark).map(|(_, why)| why.as_str()), Some("revoked"));
    s.put("papers.tsv", b"no list");
    assert!(mach_verify::Shelf::read(&s.folder.path().join("trust")).is_err_and(|e| e.contains("papers.tsv")));
}

#[tokio::test]
async fn which_kind_of_patients_signature_a_paper_names() {
    let s = scene();
    for (kind, word) in [
        ("pad", "ký tay trên màn hình"),
        ("code", "xác nhận bằng mã gửi tới điện thoại"),
        ("finger", "xác nhận bằng vân tay"),
        ("", ""),
        ("pencil", ""),
    ] {
        let mut written = certificate();
        written.signed_by = kind.to_owned();
        let paper = written.paper().render().expect("a paper");
        let pdf = sign_at(&paper.pdf, &paper, "doctor", &s.doctor, "Bác sĩ", s.family.now);
        let (status, text) = s.post("file", &pdf).await;
        assert!(status == StatusCode::OK && text.contains("Chữ ký đúng"), "{text}");
        let said = text.contains("Chữ ký của người được khám");
        assert!(said != word.is_empty() && text.contains(word), "{kind}: {text}");
        // What nobody signed for, or what was changed, says nothing of it.
        let (_, text) = s.post("file", &paper.pdf).await;
        assert!(!text.contains("Chữ ký của người được khám"), "{kind}: {text}");
        let edited: Vec<u8> = pdf.iter().map(|b| if *b == b'K' { b'k' } else { *b }).collect();
        let (_, text) = s.post("file", &edited).await;
        assert!(!text.contains("Chữ ký của người được khám"), "{kind}: {text}");
    }
}
