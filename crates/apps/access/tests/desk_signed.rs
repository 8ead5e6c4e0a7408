//! Certified copies carry the facility's digital seal where it has one, and say that they do not where it has none; the papers that
//! came with a request are kept as they came.

#![expect(clippy::unwrap_used, reason = "a test panics on a broken expectation")]
#![expect(dead_code, reason = "each test uses some of what they share")]

#[path = "support/request.rs"]
mod request;
mod support;

use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode, header};
use mach_base::time::now_seconds;
use mach_base::{Day, limits};
use mach_house::{House, SESSION_COOKIE, Settings};
use mach_sign::key::SoftKey;
use mach_sign::pades;
use mach_sign::remote::Service;
use mach_sign::trust::Trust;
use mach_signing::desk::Keys;
use mach_store::signing::{Act, Provider, Signer};
use mach_store::{desk, schema};
use mach_test_sign::{Family, Folder, Person, python, said};
use request::{asked, console, given, status_of};
use std::sync::Arc;
use support::{CCCD, Place};
use tower::ServiceExt;

/// A facility's seal in memory, and trust in those who issued it.
struct Seal {
    family: Family,
    seal: Person,
}

impl Keys for Seal {
    fn trust(&self) -> Result<Arc<Trust>, String> {
        Ok(Arc::new(self.family.trust(&[])))
    }

    fn soft(&self, _: &Signer) -> Result<SoftKey, String> {
        SoftKey::from_pem(&self.seal.key.to_pem()).map_err(|e| e.to_string())
    }

    fn service(&self, _: Provider) -> Result<Option<Box<dyn Service + '_>>, String> {
        Ok(None)
    }

    fn has_time(&self) -> bool {
        true
    }

    fn time(&self, signature: &[u8]) -> mach_sign::Result<Vec<u8>> {
        Ok(self.family.timestamp(signature, now_seconds()))
    }

    fn base(&self) -> &str {
        "https://mach.test"
    }
}

/// A place whose facility A has a certificate for its seal, and what it registered of its rules is still to come.
fn sealing() -> (Place, Arc<Seal>) {
    sealing_of("Con dấu cơ sở A", Some("46001"))
}

/// The same of a facility by its code, or of the department.
fn sealing_of(name: &str, code: Option<&'static str>) -> (Place, Arc<Seal>) {
    let family = Family::new();
    let seal = Arc::new(Seal { seal: family.doctor(name), family });
    let place = Place::with(Arc::<Seal>::clone(&seal));
    given(&place);
    let chain = seal.seal.chain.iter().map(mach_sign::certificate::Certificate::to_pem).collect();
    place.write(move |tx| {
        let signer = Signer {
            id: 0,
            facility: code.map_or(Ok(0), |code| schema::facility_id(tx, code))?,
            account: 0,
            licence: String::new(),
            acts: Act::Seal.code().into(),
            from: Day::today(),
            to: Day(Day::today().0 + 3),
            provider: Provider::Soft,
            subscriber: String::new(),
            chain,
            ended: None,
        };
        tx.add_signer(&signer).map(drop)
    });
    (place, seal)
}

async fn approved(place: &Place, id: i64) {
    assert_eq!(
        place.ask("clerk-a", "POST", "/access/desk", &asked("LEGAL", CCCD, "3")).await.to,
        "/access/desk?done=written"
    );
    place.ask("head-a", "POST", &format!("/access/desk/{id}"), "verdict=approve").await;
}

#[tokio::test]
async fn a_copy_is_sealed_once_the_facility_has_rules_and_a_seal() {
    let (place, seal) = sealing();
    approved(&place, 1).await;
    // Without rules nothing is signed, and the page says so and what to do.
    let page = place.ask("clerk-a", "GET", "/access/desk/1", "").await.body;
    assert!(page.contains("chưa đăng ký quy chế") && page.contains("/admin/signatures"), "{page}");
    assert_eq!(place.ask("clerk-a", "POST", "/access/desk/1/copies/1", "").await.to, "/access/desk/1");
    place.write(|tx| {
        let facility = schema::facility_id(tx, "46001")?;
        tx.register_signing_policy(facility, "01/QĐ", Day::today()).map(drop)
    });
    let page = place.ask("clerk-a", "GET", "/access/desk/1", "").await.body;
    assert!(page.contains("ký bằng con dấu số") && page.contains("Chưa ký số"), "{page}");
    assert_eq!(place.ask("clerk-a", "POST", "/access/desk/1/copies/1", "").await.to, "/access/desk/1");
    let mut reader = place.store.read(&console()).unwrap();
    let made = desk::copies_of(&mut reader, 1).unwrap();
    assert_eq!(made.iter().map(|copy| (copy.id, copy.signed)).collect::<Vec<_>>(), [(2, true), (1, false)]);
    let (_, plain) = desk::copy(&mut reader, 1).unwrap().unwrap();
    assert!(pades::verify(&plain, &seal.family.trust(&[]), now_seconds()).unwrap().signatures.is_empty());
    let (copy, file) = desk::copy(&mut reader, 2).unwrap().unwrap();
    drop(reader);
    let digest = <sha2::Sha256 as sha2::Digest>::digest(&file);
    assert_eq!(copy.hash, mach_access::secret::hex(&digest), "the hash is of what is given out, with its seal");
    let report = pades::verify(&file, &seal.family.trust(&[]), now_seconds()).unwrap();
    assert!(report.is_good() && report.signatures.len() == 1, "{report:?}");
    assert!(report.signatures[0].proved.is_some(), "its time is proved");
    // What others say of it.
    let folder = Folder::new();
    let path = folder.write("copy.pdf", &file);
    let root = folder.write("root.pem", seal.family.root.certificate().to_pem());
    if let Some((_, text)) = said("pdfsig", &["-nocert", &path]) {
        assert_eq!(text.matches("Signature is Valid.").count(), 1, "pdfsig: {text}");
        assert!(text.contains("otal document signed"), "pdfsig: {text}");
    }
    if let Some((good, text)) = python(&["pdf", &path, &root]) {
        assert!(good && text.contains("True"), "pyHanko: {text}");
    }
    // Anybody checks it at `/verify`; a byte more, and it is another paper.
    let trust = tempfile::tempdir().unwrap();
    let put = |name: &str, bytes: &[u8]| {
        let path = trust.path().join("trust").join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    };
    put("roots/root.pem", seal.family.root.certificate().to_pem().as_bytes());
    for (i, list) in seal.family.evidence(&[]).lists.iter().enumerate() {
        put(&format!("lists/{i}.crl"), list.raw());
    }
    let house = House::new(place.store.clone(), Settings::default());
    let verify = async |file: &[u8]| {
        let app = mach_verify::router(trust.path()).with_state(house.clone());
        let head = "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"x\"\r\n\r\n";
        let body = [head.as_bytes(), file, b"\r\n--b--\r\n"].concat();
        let request = Request::post("/verify").header("content-type", "multipart/form-data; boundary=b");
        let answer = app.oneshot(request.body(Body::from(body)).unwrap()).await.unwrap();
        let bytes = to_bytes(answer.into_body(), 8 << 20).await.unwrap();
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        text.split("id=\"answer\"").nth(1).and_then(|t| t.split("<form action=\"/verify\"").next()).unwrap().to_owned()
    };
    let good = verify(&file).await;
    assert!(good.contains("Con dấu cơ sở A") && good.contains("Chữ ký đúng"), "{good}");
    let mut other = file.clone();
    let at = other.windows(9).position(|w| w == b"/MediaBox").unwrap();
    other[at + 12] ^= 1;
    assert!(!verify(&other).await.contains("Chữ ký đúng"), "altered");
    assert_eq!(status_of(&place, "clerk-a", "/access/desk/1/copies/2").await, StatusCode::OK);
}

#[tokio::test]
async fn the_department_seals_the_copies_of_its_own_desk_and_no_facility_s() {
    let (place, seal) = sealing_of("Con dấu Sở Y tế", None);
    place.write(|tx| tx.register_signing_policy(0, "02/QĐ-SYT", Day::today()).map(drop));
    place.ask("leader", "POST", "/access/desk", &asked("LEGAL", CCCD, "3")).await;
    assert_eq!(place.ask("admin", "POST", "/access/desk/1", "verdict=approve").await.to, "/access/desk/1");
    let page = place.ask("leader", "GET", "/access/desk/1", "").await.body;
    assert!(page.contains("ký bằng con dấu số"), "{page}");
    assert_eq!(place.ask("leader", "POST", "/access/desk/1/copies/1", "").await.to, "/access/desk/1");
    // A facility without a seal of its own does not borrow the department's.
    approved(&place, 2).await;
    assert!(place.ask("clerk-a", "GET", "/access/desk/2", "").await.body.contains("chưa đăng ký quy chế"));
    place.ask("clerk-a", "POST", "/access/desk/2/copies/1", "").await;
    let mut reader = place.store.read(&console()).unwrap();
    let copies = |request, reader: &mut mach_store::Reader| {
        desk::copies_of(reader, request).unwrap().into_iter().map(|copy| copy.signed).collect::<Vec<_>>()
    };
    assert_eq!((copies(1, &mut reader), copies(2, &mut reader)), (vec![true], vec![false]));
    let (_, file) = desk::copy(&mut reader, 1).unwrap().unwrap();
    let report = pades::verify(&file, &seal.family.trust(&[]), now_seconds()).unwrap();
    assert!(report.is_good() && report.signatures.len() == 1, "{report:?}");
    let folder = Folder::new();
    let path = folder.write("copy.pdf", &file);
    if let Some((_, text)) = said("pdftotext", &["-layout", &path, "-"]) {
        assert!(text.contains("SỞ Y TẾ") && text.contains("chữ ký số của Sở Y tế"), "{text}");
    }
}

impl Place {
    /// Sends files as the page does: each with a name.
    async fn send(&self, who: &str, path: &str, files: &[(&str, &[u8])]) -> (StatusCode, String, String) {
        let mut body = Vec::new();
        for (name, bytes) in files {
            let head = format!(
                "--b\r\nContent-Disposition: form-data; name=\"files\"; filename=\"{name}\"\r\nContent-Type: text/html\r\n\r\n"
            );
            body.extend(head.as_bytes());
            body.extend(*bytes);
            body.extend(b"\r\n");
        }
        body.extend(b"--b--\r\n");
        let request = Request::post(path)
            .header(header::COOKIE, format!("{SESSION_COOKIE}={who}"))
            .header("content-type", "multipart/form-data; boundary=b");
        let answer = self.app.clone().oneshot(request.body(Body::from(body)).unwrap()).await.unwrap();
        let to = answer.headers().get(header::LOCATION).map(|v| v.to_str().unwrap().to_owned()).unwrap_or_default();
        let status = answer.status();
        let bytes = to_bytes(answer.into_body(), 8 << 20).await.unwrap();
        (status, to, String::from_utf8_lossy(&bytes).into_owned())
    }
}

#[tokio::test]
async fn papers_are_laid_to_a_request_and_seen_by_who_decides() {
    let place = Place::new();
    given(&place);
    place.ask("clerk-a", "POST", "/access/desk", &asked("LEGAL", CCCD, "3")).await;
    let at = "/access/desk/1/papers";
    let pdf: &[u8] = b"%PDF-1.4\nletter\n%%EOF";
    let png: &[u8] = b"\x89PNG\r\n\x1a\nscan";
    let refused = [
        // Whatever it is called, or says it is.
        vec![("giay.pdf", &b"<html><script>alert(1)</script>"[..])],
        vec![("giay.pdf", pdf), ("anh.png", b"GIF89a")],
        vec![],
    ];
    for files in refused {
        let (status, _, page) = place.send("clerk-a", at, &files).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{page}");
        assert!(!page.contains("/access/desk/1/papers/1"), "none of them is kept: {page}");
    }
    let mut large = pdf.to_vec();
    large.resize(limits::DESK_PAPER_BYTES, b' ');
    let past = [large.as_slice(), b" "].concat();
    assert_eq!(place.send("clerk-a", at, &[("lon.pdf", &past)]).await.0, StatusCode::BAD_REQUEST, "a byte more");
    for (who, status) in
        [("head-b", StatusCode::NOT_FOUND), ("admin", StatusCode::FORBIDDEN), ("leader", StatusCode::NOT_FOUND)]
    {
        assert_eq!(place.send(who, at, &[("giay.pdf", pdf)]).await.0, status, "{who}");
    }
    let (status, to, page) = place.send("clerk-a", at, &[("công văn <12>.pdf", pdf), ("scan.png", png)]).await;
    assert_eq!((status, to.as_str()), (StatusCode::SEE_OTHER, "/access/desk/1"), "{page}");
    // Who approves sees them before deciding, byte for byte; nobody of another house does.
    let page = place.ask("head-a", "GET", "/access/desk/1", "").await.body;
    assert!(page.contains("công văn &#60;12&#62;.pdf") || page.contains("công văn &lt;12&gt;.pdf"), "{page}");
    for (n, (bytes, kind)) in (1..).zip([(pdf, "application/pdf"), (png, "image/png")]) {
        let request =
            Request::builder().uri(format!("{at}/{n}")).header(header::COOKIE, format!("{SESSION_COOKIE}=head-a"));
        let answer = place.app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        let header = |name| answer.headers()[name].to_str().unwrap().to_owned();
        assert_eq!(header(header::CONTENT_TYPE), kind);
        assert!(header(header::CONTENT_DISPOSITION).starts_with("attachment; filename=\"giay-to-"));
        assert_eq!(header(header::X_CONTENT_TYPE_OPTIONS), "nosniff");
        assert_eq!(to_bytes(answer.into_body(), 1 << 20).await.unwrap(), bytes);
        for other in ["head-b", "leader"] {
            assert_eq!(status_of(&place, other, &format!("{at}/{n}")).await, StatusCode::NOT_FOUND, "{other}");
        }
        assert_eq!(status_of(&place, "doctor-a", &format!("/access/desk/2/papers/{n}")).await, StatusCode::NOT_FOUND);
    }
    // As many as may be, and one past it; what is largest is kept.
    let many: Vec<(&str, &[u8])> = vec![("x.pdf", pdf); limits::DESK_PAPERS - 2];
    let more = [many.as_slice(), &[("x.pdf", pdf)]].concat();
    assert_eq!(place.send("clerk-a", at, &more).await.0, StatusCode::BAD_REQUEST);
    let mut last = many.clone();
    last[0] = ("lon.pdf", &large);
    assert_eq!(place.send("clerk-a", at, &last).await.0, StatusCode::SEE_OTHER);
    assert_eq!(desk::papers_of(&mut place.store.read(&console()).unwrap(), 1).unwrap().len(), limits::DESK_PAPERS);
    assert_eq!(place.send("clerk-a", at, &[("x.pdf", pdf)]).await.0, StatusCode::BAD_REQUEST);
    // Decided: what it was decided by stays as it was.
    place.ask("head-a", "POST", "/access/desk/1", "verdict=approve").await;
    assert_eq!(place.send("clerk-a", at, &[("x.pdf", pdf)]).await.0, StatusCode::CONFLICT);
    let sealed = mach_store::sql::list(
        &mut place.store.read(&console()).unwrap(),
        "SELECT file, name FROM access_paper /* every shard: whole store */",
        &[],
        |r| Ok(format!("{} {}", r.text(0)?, r.text(1)?)),
    );
    let letter = mach_sign::base64(pdf);
    assert!(
        sealed.unwrap().iter().all(|row| !row.contains("công văn") && !row.contains(&letter)),
        "nothing lies in clear"
    );
}
