//! Who speaks for a grown person is written down from a paper, until it ends or is looked at anew; the person sees it, and it ends at the desk.

#![expect(clippy::unwrap_used, reason = "a test panics on a broken expectation")]
#![expect(dead_code, reason = "each test uses some of what they share")]

#[path = "support/request.rs"]
mod request;
mod support;

use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode, header};
use mach_access::ages::birthday;
use mach_access::policy::Relation;
use mach_base::{Day, limits};
use mach_house::SESSION_COOKIE;
use mach_store::grants::{self, Grant};
use mach_store::notices::Kind;
use mach_store::people::{self, NumberRow, PersonRow};
use mach_store::{accounts, audit, notices, schema};
use request::console;
use support::{CCCD, Place};
use tower::ServiceExt;

const SCAN: &[u8] = b"%PDF-1.7\nQuyet dinh\n%%EOF";
const WARD: &str = "046040000041";

fn day(ahead: i32) -> String {
    Day(Day::today().0 + ahead).to_string()
}

/// A person of `years`, known to A where `known`.
fn person(place: &Place, id: i64, number: &'static str, years: i32, known: bool) {
    let born = birthday(Day::today(), -years).unwrap();
    place.write(move |tx| {
        let row = PersonRow {
            id,
            name: "Phan Văn Đức".to_owned(),
            birth_day: Some(born.0.into()),
            birth_year: born.ymd().0.into(),
            national: Some(number.to_owned()),
            ..PersonRow::default()
        };
        people::insert_person(tx, &row)?;
        people::insert_number(tx, &NumberRow { kind: 1, scope: 0, key: number.chars().rev().collect(), person: id })?;
        if known {
            let a = schema::facility_id(tx, "46001")?;
            people::insert_facility(tx, id, a)?;
        }
        Ok(())
    });
}

type Fields = Vec<(&'static str, String)>;

fn good() -> Fields {
    [
        ("ward", WARD),
        ("ward_name", "phan van duc"),
        ("reader", CCCD),
        ("reader_name", "Lê Thị Hoa"),
        ("ground", "lost"),
        ("paper", "court"),
        ("number", "15/2026/QĐST-DS"),
        ("day", "2026-01-05"),
        ("issuer", "TAND khu vực 1"),
        ("last", ""),
    ]
    .map(|(name, value)| (name, value.to_owned()))
    .into_iter()
    .chain([("review", day(300))])
    .collect()
}

fn with(changes: &[(&'static str, &str)]) -> Fields {
    let change = |(name, value): (&'static str, String)| {
        let other = changes.iter().find(|(changed, _)| *changed == name).map(|(_, other)| (*other).to_owned());
        (name, other.unwrap_or(value))
    };
    good().into_iter().map(change).collect()
}

impl Place {
    async fn writes(&self, who: &str, fields: &[(&'static str, String)], scan: &[u8]) -> (StatusCode, String, String) {
        let mut body = Vec::new();
        for (name, value) in fields {
            body.extend(
                format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n").as_bytes(),
            );
        }
        body.extend(b"--b\r\nContent-Disposition: form-data; name=\"scan\"; filename=\"<x>.exe\"\r\n\r\n");
        body.extend(scan);
        body.extend(b"\r\n--b--\r\n");
        let request = Request::post("/access/proxies/guardians")
            .header(header::COOKIE, format!("{SESSION_COOKIE}={who}"))
            .header(header::CONTENT_TYPE, "multipart/form-data; boundary=b");
        let answer = self.app.clone().oneshot(request.body(Body::from(body)).unwrap()).await.unwrap();
        let to = answer.headers().get(header::LOCATION).map(|v| v.to_str().unwrap().to_owned()).unwrap_or_default();
        let status = answer.status();
        let bytes = to_bytes(answer.into_body(), 8 << 20).await.unwrap();
        (status, to, String::from_utf8_lossy(&bytes).into_owned())
    }

    fn held(&self, person: i64) -> Vec<Grant> {
        grants::held(&mut self.store.read(&console()).unwrap(), person, &[Relation::Proxy]).unwrap()
    }

    fn told(&self, name: &str) -> Vec<Kind> {
        let mut reader = self.store.read(&console()).unwrap();
        let account = accounts::by_name(&mut reader, name).unwrap().unwrap().actor.account;
        let all = notices::of_account(&mut reader, account, None, 9).unwrap();
        all.into_iter().filter_map(|n| n.kind).collect()
    }

    /// Somebody signed in as the citizen of a person.
    fn citizen(&self, person: i64, token: &'static str) -> &'static str {
        self.write(move |tx| {
            let account = tx.citizen_account(person)?.unwrap();
            let hash = mach_access::secret::token_hash(token);
            tx.begin_session(&hash, account, mach_store::sessions::State::Open, "")
        });
        token
    }
}

#[tokio::test]
async fn a_guardian_is_written_down_from_a_decision_reads_and_is_stopped_by_the_desk() {
    let place = Place::new();
    person(&place, 41, WARD, 45, true);
    for who in ["doctor-a", "leader", "admin", ""] {
        let (status, to, _) = place.writes(who, &good(), SCAN).await;
        assert!(status == StatusCode::FORBIDDEN || to.starts_with("/sign-in"), "{who}: {status}");
    }
    let (status, to, page) = place.writes("clerk-a", &good(), SCAN).await;
    assert_eq!((status, to.as_str()), (StatusCode::SEE_OTHER, "/access/proxies?done=made"), "{page}");
    let [grant] = place.held(41).try_into().unwrap_or_else(|all| panic!("{all:?}"));
    let review = Day(Day::today().0 + 300);
    assert_eq!(grant.until, i64::from(review.0 + 1) * 86_400 - 7 * 3_600, "until it is looked at anew");
    assert_eq!(
        grant.reason,
        "Người giám hộ · Mất năng lực hành vi dân sự · Quyết định của Toà án số 15/2026/QĐST-DS ngày 05/01/2026, TAND khu vực 1"
    );
    // Kept as it was seen: what the paper says and its scan, sealed; its hash in the person's trail.
    let mut reader = place.store.read(&console()).unwrap();
    let (kept, file) = grants::guardian_scan(&mut reader, grant.id).unwrap().unwrap();
    assert_eq!(
        (file.as_slice(), kept.number.as_str(), kept.kind.as_str()),
        (SCAN, "15/2026/QĐST-DS", "application/pdf")
    );
    assert_eq!((kept.ground.as_str(), kept.last, kept.review), ("lost", None, Some(i64::from(review.0))));
    let trail = audit::of_person(&mut reader, 41, 99).unwrap();
    let target = format!("guardian's paper of grant {} sha256 {}", grant.id, kept.hash);
    assert!(trail.iter().any(|entry| entry.target == target), "{trail:?}");
    let sealed = mach_store::sql::list(
        &mut reader,
        "SELECT number, issuer, file, ground FROM access_guardian /* every shard: whole store */",
        &[],
        |r| {
            assert_ne!(r.text(3)?, "lost", "why is not in clear either");
            Ok(format!("{} {} {}", r.text(0)?, r.text(1)?, r.text(2)?))
        },
    );
    let clear = ["QĐST", "TAND", &mach_sign::base64(SCAN)];
    assert!(sealed.unwrap().iter().all(|row| clear.iter().all(|text| !row.contains(text))), "nothing lies in clear");
    drop(reader);
    // The guardian reads, is told, and sees until when; the person sees by what, and cannot end a court's decision here.
    let guardian = place.signed_in().await;
    assert!(place.ask(&guardian, "GET", "/me", "").await.body.contains("Phan Văn Đức"));
    let ward = place.citizen(41, "the ward");
    let home = place.ask(ward, "GET", "/me", "").await.body;
    assert!(home.contains("15/2026/QĐST-DS") && home.contains("Ghi theo giấy tờ giám hộ"), "{home}");
    let own_end = format!("/me/share/{}/end", grant.id);
    assert!(!home.contains(&own_end), "{home}");
    assert_eq!(place.ask(ward, "POST", &own_end, "").await.status, StatusCode::NOT_FOUND);
    assert_eq!((place.told("citizen-1"), place.told("citizen-41")), (vec![Kind::ProxyMade], vec![Kind::ProxyMade]));
    // The scan is the desk's, as it came, and never a page of ours.
    let at = format!("/access/proxies/{}/scan", grant.id);
    let list = place.ask("clerk-a", "GET", "/access/proxies", "").await.body;
    assert!(list.contains(&at), "{list}");
    let request = Request::builder().uri(&at).header(header::COOKIE, format!("{SESSION_COOKIE}=clerk-a"));
    let answer = place.app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    let given = |name| answer.headers()[name].to_str().unwrap().to_owned();
    assert_eq!(given(header::CONTENT_DISPOSITION), format!("attachment; filename=\"giam-ho-{}.pdf\"", grant.id));
    assert_eq!(given(header::X_CONTENT_TYPE_OPTIONS), "nosniff");
    assert_eq!(to_bytes(answer.into_body(), 1 << 20).await.unwrap(), SCAN);
    for (who, status) in
        [("head-b", StatusCode::NOT_FOUND), ("leader", StatusCode::FORBIDDEN), ("doctor-a", StatusCode::FORBIDDEN)]
    {
        assert_eq!(place.ask(who, "GET", &at, "").await.status, status, "{who}");
    }
    // Written down again by a paper that ends sooner: one holds, until the earlier of both days.
    let (last, later) = (day(10), day(200));
    assert_eq!(
        place.writes("clerk-a", &with(&[("last", &last), ("review", &later)]), SCAN).await.0,
        StatusCode::SEE_OTHER
    );
    let [grant] = place.held(41).try_into().unwrap_or_else(|all| panic!("{all:?}"));
    assert_eq!(grant.until, i64::from(Day::today().0 + 11) * 86_400 - 7 * 3_600);
    assert!(place.told("citizen-1").contains(&Kind::ProxyReview), "it ends within a month");
    // The decision is revoked: the desk ends it, once.
    let end = format!("/access/proxies/{}/end", grant.id);
    assert_eq!(place.ask("head-b", "POST", &end, "").await.status, StatusCode::NOT_FOUND);
    assert_eq!(place.ask("clerk-a", "POST", &end, "").await.to, "/access/proxies");
    assert!(place.held(41).is_empty());
    assert!(!place.ask(&guardian, "GET", "/me", "").await.body.contains("Phan Văn Đức"));
    // Who speaks for somebody may give it up.
    place.writes("clerk-a", &good(), SCAN).await;
    let [grant] = place.held(41).try_into().unwrap_or_else(|all| panic!("{all:?}"));
    assert_eq!(place.ask(&guardian, "POST", &format!("/me/share/{}/end", grant.id), "").await.to, "/me");
    assert!(place.held(41).is_empty());
}

#[tokio::test]
async fn what_is_wrong_is_told_at_its_field_and_nothing_is_kept() {
    let place = Place::new();
    person(&place, 41, WARD, 45, true);
    person(&place, 42, "046040000042", 17, true);
    person(&place, 43, "046040000043", 45, false);
    let far = day(800);
    let long = "x".repeat(limits::NAME_CHARS + 1);
    let (tomorrow, yesterday) = (day(1), day(-1));
    for (changes, scan, field) in [
        (vec![("ward", "")], SCAN, "ward"),
        (vec![("ward", "099999999999")], SCAN, "ward"),
        // A letter or two make another of a short name.
        (vec![("ward_name", "Phan Văn Đạt")], SCAN, "ward"),
        (vec![("ward_name", "Phan Văn")], SCAN, "ward"),
        (vec![("ward", "046040000042")], SCAN, "ward"),
        (vec![("ward", "046040000043")], SCAN, "ward"),
        (vec![("reader", "099999999999")], SCAN, "reader"),
        (vec![("reader_name", "Trần Văn Nam")], SCAN, "reader"),
        (vec![("reader", WARD), ("reader_name", "Phan Văn Đức")], SCAN, "reader"),
        (vec![("ground", "")], SCAN, "ground"),
        (vec![("ground", "court")], SCAN, "ground"),
        (vec![("paper", "")], SCAN, "paper"),
        (vec![("number", "")], SCAN, "number"),
        (vec![("number", long.as_str())], SCAN, "number"),
        (vec![("day", "")], SCAN, "day"),
        (vec![("day", tomorrow.as_str())], SCAN, "day"),
        (vec![("issuer", "")], SCAN, "issuer"),
        (vec![("last", yesterday.as_str())], SCAN, "last"),
        (vec![("last", "2026-02-30")], SCAN, "last"),
        (vec![("review", "")], SCAN, "review"),
        (vec![("review", far.as_str())], SCAN, "review"),
        (vec![], b"", "scan"),
        (vec![], b"<html><script>alert(1)</script>", "scan"),
    ] {
        let (status, _, page) = place.writes("clerk-a", &with(&changes), scan).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{changes:?}");
        // The form of a child on the same page has fields of the same names, and nothing is wrong with them.
        assert!(page.contains(&format!("id=\"{field}-2-error\"")), "{field}: {page}");
        assert!(!page.contains(&format!("id=\"{field}-error\"")), "{field}");
        assert!(changes.iter().any(|(name, _)| *name == "issuer") || page.contains("value=\"TAND khu vực 1\""), "kept");
        assert!(page.contains("id=\"scan-2-error\""), "a file must be chosen again: that is said");
    }
    let mut large = SCAN.to_vec();
    large.resize(limits::DESK_PAPER_BYTES + 1, b' ');
    let (status, _, page) = place.writes("clerk-a", &good(), &large).await;
    assert!(status == StatusCode::BAD_REQUEST && page.contains("id=\"scan-2-error\""), "a byte more: {status}");
    large.resize(limits::GUARDIAN_BYTES + 1, b' ');
    assert_eq!(place.writes("clerk-a", &good(), &large).await.0, StatusCode::PAYLOAD_TOO_LARGE);
    for person in [41, 42, 43] {
        assert!(place.held(person).is_empty(), "{person}");
    }
    large.truncate(limits::DESK_PAPER_BYTES);
    assert_eq!(place.writes("clerk-a", &good(), &large).await.0, StatusCode::SEE_OTHER);
}
