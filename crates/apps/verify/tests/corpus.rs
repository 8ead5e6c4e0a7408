//! The corpus of QR codes: what the shelf says, and what the page says, of each. The browser and `mach verify` are held to the
//! same by `tests/browser/journeys/verify.mjs`.

use axum::body::Body;
use axum::http::Request;
use http_body_util::BodyExt;
use mach_house::{House, Settings};
use mach_sign::jws;
use mach_store::Store;
use mach_ui::{Lang, msg};
use mach_verify::Shelf;
use std::path::{Path, PathBuf};
use tower::ServiceExt;

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../tests/sign/corpus")
}

/// Name, what is to be found, text.
fn codes() -> Vec<(String, String, String)> {
    let text = std::fs::read_to_string(corpus().join("codes.tsv")).expect("the corpus");
    let row = |line: &str| {
        let mut parts = line.splitn(3, '\t').map(str::to_owned);
        let mut next = || parts.next().expect("three columns");
        (next(), next(), next().replace("\\n", "\r\n"))
    };
    text.lines().map(row).collect()
}

/// What the sentence for a finding is.
fn sentence(found: &str) -> String {
    let when = mach_sign::time::to_vietnamese(1_780_272_000);
    match found {
        "good" => Lang::Vi.t(msg::VERIFY_GOOD).to_owned(),
        "altered" => Lang::Vi.t(msg::VERIFY_ALTERED).to_owned(),
        "other" => Lang::Vi.t(msg::VERIFY_OTHER_ISSUER).to_owned(),
        "over" => Lang::Vi.t(msg::VERIFY_CODE_OVER).to_owned(),
        "toCome" => Lang::Vi.t(msg::VERIFY_CODE_TO_COME).to_owned(),
        "withdrawn" => Lang::Vi.t(msg::VERIFY_WITHDRAWN).to_owned(),
        "bad" => Lang::Vi.t(msg::VERIFY_BAD).to_owned(),
        "paperRevoked" => Lang::Vi.fmt(msg::VERIFY_PAPER_REVOKED, &[("when", &when)]),
        "paperReplaced" => Lang::Vi.fmt(msg::VERIFY_PAPER_REPLACED, &[("when", &when)]),
        "unreadable" => Lang::Vi.fmt(msg::VERIFY_UNREADABLE, &[("why", "")]),
        other => panic!("{other} is no finding"),
    }
}

#[test]
fn the_shelf_says_of_each_code_what_is_to_be_found() {
    let shelf = Shelf::read(&corpus().join("trust")).expect("a shelf");
    let all = codes();
    assert!(all.len() >= 40);
    for (name, found, text) in all {
        let said = match shelf.examine(text.as_bytes()) {
            Err(_) => sentence("unreadable"),
            Ok(verdict) => {
                let ended = verdict.marks().find_map(|mark| shelf.ended.get(&mark).map(|e| e.1.clone()));
                match ended.as_deref() {
                    Some("revoked") => sentence("paperRevoked"),
                    Some(_) => sentence("paperReplaced"),
                    None => Lang::Vi.t(mach_verify::sentence(&verdict).1).to_owned(),
                }
            }
        };
        assert_eq!(said, sentence(&found), "{name}");
    }
}

async fn get(house: &House, data: &Path, path: &str) -> Vec<u8> {
    let app = mach_verify::router(data).with_state(house.clone());
    let answer = app.oneshot(Request::get(path).body(Body::empty()).expect("a request")).await.expect("an answer");
    assert!(answer.status().is_success(), "{path}: {}", answer.status());
    answer.into_body().collect().await.expect("a body").to_bytes().to_vec()
}

#[tokio::test]
async fn the_list_for_browsers_is_signed_by_one_key_and_says_what_the_folder_says() {
    let folder = tempfile::tempdir().expect("a folder");
    let house = House::new(Store::open(&folder.path().join("store")).expect("a store"), Settings::default());
    let trust = folder.path().join("trust");
    for name in ["roots/corpus.pem", "signers/corpus.pem", "lists/corpus.crl", "revoked/corpus.jws", "papers.tsv"] {
        let to = trust.join(name);
        std::fs::create_dir_all(to.parent().expect("a folder")).expect("a folder");
        std::fs::copy(corpus().join("trust").join(name), to).expect("copied");
    }
    let read = |bytes: Vec<u8>| {
        let text = String::from_utf8(bytes).expect("text");
        let parts: Vec<&str> = text.split('.').collect();
        let [head, body, _] = parts.as_slice() else { panic!("three parts: {text}") };
        let json = |part: &str| -> serde_json::Value {
            let text = part.replace('-', "+").replace('_', "/");
            let padded = format!("{text}{}", "=".repeat((4 - text.len() % 4) % 4));
            serde_json::from_slice(&mach_sign::from_base64(&padded).expect("base64")).expect("JSON")
        };
        (json(head), json(body))
    };
    let (head, list) = read(get(&house, folder.path(), "/verify/list").await);
    assert_eq!((&head["alg"], &head["typ"]), (&"ES256".into(), &"mach-verify-list".into()));
    let (again, _) = read(get(&house, folder.path(), "/verify/list").await);
    assert_eq!(head["jwk"], again["jwk"], "one key, however often it is asked for");
    let (made, until) = (list["made"].as_i64().expect("a moment"), list["until"].as_i64().expect("a moment"));
    assert_eq!(until - made, mach_base::limits::VERIFY_LIST_DAYS * 86_400);
    let signers = list["signers"].as_array().expect("signers");
    let stands = |name: &str| {
        let found = signers.iter().find(|s| s["name"] == name).unwrap_or_else(|| panic!("{name}"));
        (found["stands"].as_str().unwrap_or_default().to_owned(), found["revoked"].as_i64())
    };
    assert_eq!(signers.len(), 7);
    assert_eq!(stands("Ký mã QR mẫu"), ("valid".to_owned(), None));
    assert_eq!(stands("Chứng thư bị thu hồi"), ("valid".to_owned(), Some(1_577_923_200)));
    assert_eq!(stands("Không dẫn tới gốc").0, "untrusted");
    assert_eq!(stands("Máy dấu thời gian").0, "use");
    assert_eq!(list["withdrawn"].as_array().map(Vec::len), Some(1));
    assert_eq!(list["papers"].as_object().map(serde_json::Map::len), Some(2));
    // A list of those taken back that cannot be read: the browser is told so, and calls nothing valid.
    std::fs::write(trust.join("revoked/other.jws"), "garbage").expect("written");
    let (_, list) = read(get(&house, folder.path(), "/verify/list").await);
    assert!(list["withdrawn"].is_null(), "{list}");
    // It is no JWS of a certificate: nobody takes it for a list of passes that were taken back.
    let text = String::from_utf8(get(&house, folder.path(), "/verify/list").await).expect("text");
    let shelf = Shelf::read(&corpus().join("trust")).expect("a shelf");
    assert!(jws::examine(&text, None, &shelf.trust, made).is_err());
}
