//! Makes `tests/sign/corpus` anew: `cargo run -p mach-test-sign --example corpus`. Keys are made and thrown away, so that nobody can
//! add to it but by making all of it anew. Its moments lie so far apart that no clock of these years changes a verdict.
//!
//! `trust/` is a folder of whom to trust; `codes.tsv` has a line for each code: its name, what is to be found, its text.

use flate2::Compression;
use flate2::write::ZlibEncoder;
use mach_sign::authority::{Authority, Profile, Request};
use mach_sign::certificate::Certificate;
use mach_sign::hc1::{self, Claims, HEALTH, PAPER, Value};
use mach_sign::key::{Signer as _, SoftKey};
use mach_sign::name::Name;
use mach_sign::revocation::Revoked;
use mach_sign::time::DAY;
use mach_sign::{jws, oid};
use std::io::{Read, Write};
use std::path::Path;

/// 2020-01-01.
const FROM: i64 = 1_577_836_800;
/// 2021-06-01.
const EARLY: i64 = 1_622_505_600;
/// 2026-06-01.
const ISSUED: i64 = 1_780_272_000;
/// 2060-01-01.
const UNTIL: i64 = 2_840_140_800;

struct Who {
    key: SoftKey,
    certificate: Certificate,
}

fn request(name: &str, profile: Profile, until: i64) -> Request {
    let parts = [(oid::COUNTRY, "VN"), (oid::ORGANIZATION, "Sở Y tế mẫu"), (oid::COMMON_NAME, name)];
    Request { subject: Name::of(&parts), profile, not_before: FROM, not_after: until, ocsp: None, crl: None }
}

fn key() -> SoftKey {
    SoftKey::generate().expect("a key")
}

fn root(name: &str) -> Authority {
    Authority::root(key(), &request(name, Profile::Authority(1), UNTIL)).expect("a root")
}

fn signer(by: &Authority, key: SoftKey, named: &Request) -> Who {
    let certificate = by.issue(named, key.public()).expect("a certificate");
    Who { key, certificate }
}

fn pass(ci: &str) -> (i64, Value) {
    let dose = Value::record(vec![
        ("tg", Value::text("840539006")),
        ("dn", Value::Int(2)),
        ("dt", Value::text("2026-05-30")),
        ("ci", Value::text(ci)),
    ]);
    let name = Value::record(vec![("fn", Value::text("NGUYỄN THỊ HƯỜNG"))]);
    let whole = Value::record(vec![("ver", Value::text("1.3.0")), ("nam", name), ("v", Value::Array(vec![dose]))]);
    (HEALTH, Value::Map(vec![(Value::Int(1), whole)]))
}

fn paper(id: &str) -> (i64, Value) {
    let lines = [("id", id), ("Giấy", "Giấy khám sức khỏe lái xe"), ("Họ và tên", "ĐỖ VĂN THỬ"), ("Hạng", "C")];
    (PAPER, Value::record(lines.into_iter().map(|(name, v)| (name, Value::text(v))).collect()))
}

fn claims(content: (i64, Value)) -> Claims {
    Claims { issuer: "46001".to_owned(), issued: ISSUED, expires: UNTIL - DAY, content }
}

fn code(who: &Who, claims: &Claims) -> String {
    hc1::sign(claims, &who.key, &who.certificate).expect("a code")
}

fn unpacked(code: &str) -> Vec<u8> {
    let packed = hc1::from_base45(code.trim_start_matches("HC1:")).expect("base45");
    let mut out = Vec::new();
    flate2::read::ZlibDecoder::new(packed.as_slice()).read_to_end(&mut out).expect("unpacked");
    out
}

fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut packer = ZlibEncoder::new(Vec::new(), Compression::best());
    packer.write_all(bytes).expect("packed");
    packer.finish().expect("packed")
}

fn again(bytes: &[u8]) -> String {
    format!("HC1:{}", hc1::to_base45(&packed(bytes)))
}

/// The four parts of a message, changed.
fn changed(code: &str, change: impl Fn(&mut Vec<Value>)) -> String {
    let Value::Tag(tag, inner) = Value::decode(&unpacked(code)).expect("a message") else { panic!("no message") };
    let Value::Array(mut parts) = *inner else { panic!("no message") };
    change(&mut parts);
    again(&Value::Tag(tag, Box::new(Value::Array(parts))).encode())
}

fn swapped(bytes: &[u8], from: &str, to: &str) -> Vec<u8> {
    assert_eq!(from.len(), to.len(), "lengths stand in the message");
    let at = bytes.windows(from.len()).position(|w| w == from.as_bytes()).expect("it is there");
    [&bytes[..at], to.as_bytes(), &bytes[at + from.len()..]].concat()
}

fn flipped(value: &mut Value) {
    let Value::Bytes(bytes) = value else { panic!("no bytes") };
    if let Some(last) = bytes.last_mut() {
        *last ^= 1;
    }
}

/// Those who sign.
struct People {
    home: Authority,
    own: Who,
    rsa: Who,
    ended: Who,
    revoked: Who,
    late: Who,
    clock: Who,
    untrusted: Who,
    stranger: Who,
}

fn people() -> People {
    let home = root("Gốc kho mẫu");
    let own = signer(&home, key(), &request("Ký mã QR mẫu", Profile::Document, UNTIL));
    let rsa = mach_test_sign::rsa_key(2048).expect("OpenSSL");
    let rsa = signer(&home, rsa, &request("Ký mã QR mẫu, RSA", Profile::Document, UNTIL));
    let ended = signer(&home, key(), &request("Chứng thư đã hết hạn", Profile::Document, EARLY));
    let revoked = signer(&home, key(), &request("Chứng thư bị thu hồi", Profile::Document, UNTIL));
    let late = signer(&home, key(), &request("Chứng thư bị thu hồi về sau", Profile::Document, UNTIL));
    let clock = signer(&home, key(), &request("Máy dấu thời gian", Profile::Timestamp, UNTIL));
    let elsewhere = root("Gốc không ai tin");
    let untrusted = signer(&elsewhere, key(), &request("Không dẫn tới gốc", Profile::Document, UNTIL));
    let stranger = signer(&elsewhere, key(), &request("Nơi khác", Profile::Document, UNTIL));
    People { home, own, rsa, ended, revoked, late, clock, untrusted, stranger }
}

fn taken() -> Claims {
    claims(pass("URN:UVCI:01:VN:TAKEN#B"))
}

/// Each code: its name, what is to be found, its text.
fn codes(people: &People) -> Vec<(&'static str, &'static str, String)> {
    let People { own, rsa, ended, revoked, late, clock, untrusted, stranger, .. } = people;
    let good = code(own, &claims(pass("URN:UVCI:01:VN:GOOD#A")));
    let whole = unpacked(&good);
    let taken = taken();
    let behind = |who: &Who, id: &str| {
        let address = "https://mach.example.vn/certificates/check?code=ABCD2345EFGH";
        hc1::sign_behind(address, &claims(paper(id)), &who.key, &who.certificate).expect("a code")
    };
    let address = behind(own, "ABCD2345EFGH.1");
    let at = |issued, expires| Claims { issued, expires, ..claims(pass("URN:UVCI:01:VN:DATES#C")) };
    let broken: Vec<char> = good.chars().collect();
    let lines: Vec<String> = broken.chunks(60).map(|c| c.iter().collect()).collect();
    let mut bomb = packed(&vec![0; 1 << 16]);
    let bomb_code = format!("HC1:{}", hc1::to_base45(&bomb));
    bomb = packed(&whole);
    bomb.push(0);
    let junk = format!("HC1:{}", hc1::to_base45(&bomb));
    let header =
        |pairs: Vec<(Value, Value)>| changed(&good, move |p| p[0] = Value::Bytes(Value::Map(pairs.clone()).encode()));
    let kid = Value::Bytes(hc1::key_id(&own.certificate));
    vec![
        ("a pass, ES256", "good", good.clone()),
        ("a pass, PS256", "good", code(rsa, &claims(pass("URN:UVCI:01:VN:GOOD#R")))),
        ("a paper behind an address", "good", address.clone()),
        ("a paper without an address", "good", code(own, &claims(paper("ABCD2345EFGH.1")))),
        ("without the tag of the message", "good", again(&whole[1..])),
        ("signed before its certificate was revoked, and used since", "bad", code(late, &at(EARLY, UNTIL - DAY))),
        ("another name", "altered", again(&swapped(&whole, "NGUYỄN THỊ HƯỜNG", "NGUYỄN THỊ HƯỞNG"))),
        ("another last day", "altered", again(&swapped(&whole, "2026-05-30", "2026-05-31"))),
        ("another signature", "altered", changed(&good, |p| flipped(&mut p[3]))),
        (
            "a shorter signature",
            "altered",
            changed(&code(rsa, &taken), |p| {
                if let Value::Bytes(bytes) = &mut p[3] {
                    bytes.pop();
                }
            }),
        ),
        (
            "the other scheme's name",
            "altered",
            header(vec![(Value::Int(1), Value::Int(-37)), (Value::Int(4), kid.clone())]),
        ),
        (
            "another's key under this one's id",
            "altered",
            hc1::sign(&claims(pass("URN:UVCI:01:VN:GOOD#A")), &stranger.key, &own.certificate).expect("a code"),
        ),
        ("taken back and altered", "altered", changed(&code(own, &taken), |p| flipped(&mut p[3]))),
        (
            "a forged paper of a known id",
            "altered",
            hc1::sign(&claims(paper("ABCD2345EFGH.1")), &stranger.key, &own.certificate).expect("a code"),
        ),
        ("of another issuer", "other", code(stranger, &claims(pass("URN:UVCI:01:VN:GOOD#A")))),
        ("a paper of another issuer", "other", behind(stranger, "ABCD2345EFGH.1")),
        ("its last day is over", "over", code(own, &at(EARLY, EARLY + DAY))),
        ("issued in time to come", "toCome", code(own, &at(UNTIL - 3 * DAY, UNTIL - DAY))),
        ("taken back", "withdrawn", code(own, &taken)),
        (
            "taken back and over",
            "withdrawn",
            code(own, &Claims { issued: EARLY, expires: EARLY + DAY, ..taken.clone() }),
        ),
        ("a paper that was revoked", "paperRevoked", behind(own, "REVOKED.1")),
        ("a paper that was replaced", "paperReplaced", behind(own, "REPLACED.1")),
        ("a certificate that has ended", "bad", code(ended, &at(FROM + DAY, UNTIL - DAY))),
        ("a certificate that was revoked", "bad", code(revoked, &claims(pass("URN:UVCI:01:VN:GOOD#A")))),
        ("a certificate of nobody who is trusted", "bad", code(untrusted, &claims(pass("URN:UVCI:01:VN:GOOD#A")))),
        ("a certificate for another use", "bad", code(clock, &claims(pass("URN:UVCI:01:VN:GOOD#A")))),
        ("small letters", "unreadable", good.to_lowercase().replacen("hc1:", "HC1:", 1)),
        ("cut off", "unreadable", good[..good.len() - 7].to_owned()),
        ("nothing behind its beginning", "unreadable", "HC1:".to_owned()),
        ("letters of another alphabet", "unreadable", format!("{}é", &good[..good.len() - 1])),
        ("an address with other letters", "unreadable", format!("{address}!")),
        ("an address with nothing behind it", "unreadable", "https://mach.example.vn/verify#hc1=".to_owned()),
        ("a bomb", "unreadable", bomb_code),
        ("something behind its content", "unreadable", junk),
        ("something behind its message", "unreadable", again(&[whole.as_slice(), &[0]].concat())),
        ("no message", "unreadable", again(&Value::text("xin chào").encode())),
        ("a key twice", "unreadable", changed(&good, |p| p[0] = Value::Bytes(vec![0xa2, 1, 0x26, 1, 0x26]))),
        (
            "another algorithm",
            "unreadable",
            header(vec![(Value::Int(1), Value::Int(-8)), (Value::Int(4), kid.clone())]),
        ),
        ("no id of a key", "unreadable", header(vec![(Value::Int(1), Value::Int(-7))])),
        ("a header that must be understood", "unreadable", {
            let must = (Value::Int(2), Value::Array(vec![Value::Int(99)]));
            header(vec![(Value::Int(1), Value::Int(-7)), must, (Value::Int(4), kid), (Value::Int(99), Value::Int(1))])
        }),
        ("no claims", "unreadable", changed(&good, |p| p[2] = Value::Bytes(Value::Array(Vec::new()).encode()))),
        ("broken over lines as it was copied", "good", lines.join("\\n")),
        ("with blanks that must not break", "good", good.replace(' ', "\u{a0}")),
    ]
}

fn main() {
    let people = people();
    let People { home, own, rsa, ended, revoked, late, clock, untrusted, .. } = &people;
    let codes = codes(&people);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let put = |name: &str, bytes: &[u8]| {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, bytes).expect("a file");
    };
    put("trust/roots/corpus.pem", home.certificate().to_pem().as_bytes());
    let signers = [own, rsa, ended, revoked, late, clock, untrusted].map(|w| w.certificate.to_pem());
    put("trust/signers/corpus.pem", signers.concat().as_bytes());
    let entries = [(&revoked.certificate, FROM + DAY), (&late.certificate, EARLY + DAY)]
        .map(|(c, at)| (c, Revoked { at, reason: Some(1) }));
    put("trust/lists/corpus.crl", home.crl(&entries, ISSUED, UNTIL).expect("a list").raw());
    let list = format!(r#"{{"revoked":["{}"]}}"#, hc1::mark("URN:UVCI:01:VN:TAKEN#B"));
    let chain = [own.certificate.clone(), home.certificate().clone()];
    let signed = jws::sign(list.as_bytes(), &own.key, &chain, ISSUED).expect("a list");
    put("trust/revoked/corpus.jws", signed.as_bytes());
    let ended = [("REVOKED.1", "revoked"), ("REPLACED.1", "replaced")]
        .map(|(id, why)| format!("{}\t{ISSUED}\t{why}\n", mach_sign::hex(&hc1::paper_mark("46001", id))));
    put("trust/papers.tsv", ended.concat().as_bytes());
    let rows: Vec<String> = codes.iter().map(|(name, found, text)| format!("{name}\t{found}\t{text}\n")).collect();
    put("codes.tsv", rows.concat().as_bytes());
    println!("{} codes in {}", codes.len(), folder.display());
}
