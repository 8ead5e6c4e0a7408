//! QR codes and JWS: what independent decoders say, and what is refused.

use mach_sign::hc1::{self, Age, Claims, Code, HEALTH, Value, from_base45, to_base45};
use mach_sign::jws;
use mach_sign::time::DAY;
use mach_test_sign::{Family, Folder, python};
use proptest::prelude::*;

fn claims(now: i64) -> Claims {
    let dose = Value::record(vec![
        ("tg", Value::text("840539006")),
        ("vp", Value::text("1119349007")),
        ("mp", Value::text("EU/1/20/1528")),
        ("ma", Value::text("ORG-100030215")),
        ("dn", Value::Int(2)),
        ("sd", Value::Int(2)),
        ("dt", Value::text("2021-11-26")),
        ("co", Value::text("VN")),
        ("is", Value::text("Ministry of Health")),
        ("ci", Value::text("URN:UVCI:01:VN:46001#A")),
    ]);
    let name = Value::record(vec![
        ("fn", Value::text("Nguyễn")),
        ("gn", Value::text("Thị Hường")),
        ("fnt", Value::text("NGUYEN")),
    ]);
    let pass = Value::record(vec![
        ("ver", Value::text("1.3.0")),
        ("nam", name),
        ("dob", Value::text("1990-09-05")),
        ("v", Value::Array(vec![dose])),
    ]);
    let content = Value::Map(vec![(Value::Int(1), pass)]);
    Claims { issuer: "VN".to_owned(), issued: now - DAY, expires: now + 364 * DAY, content: (HEALTH, content) }
}

#[test]
fn an_independent_decoder_agrees() {
    let family = Family::new();
    let who = family.doctor("Bộ Y tế");
    let text = hc1::sign(&claims(family.now), &who.key, who.certificate()).expect("a code");
    let report = Code::parse(&text).expect("a code").verify(&who.chain, &family.trust(&[]), family.now);
    assert!(report.is_good(), "{report:?}");
    assert_eq!(report.claims, claims(family.now));
    let folder = Folder::new();
    let (code, own) = (folder.write("code", &text), folder.write("own.pem", who.certificate().to_pem()));
    let Some((good, said)) = python(&["hc1", &code, &own]) else { return };
    assert!(good && said.contains("Thị Hường") && said.contains("URN:UVCI:01:VN:46001#A"), "pycose: {said}");
}

#[test]
fn codes_that_do_not_count() {
    let family = Family::new();
    let (now, trust) = (family.now, family.trust(&[]));
    let (who, other) = (family.doctor("Bộ Y tế"), family.doctor("Người khác"));
    let code = |claims: &Claims| hc1::sign(claims, &who.key, who.certificate()).expect("a code");
    let good = code(&claims(now));
    let report = |text: &str, at| Code::parse(text).expect("a code").verify(&who.chain, &trust, at);
    assert!(report(&good, now).is_good());
    // Its own dates; a clock that is wrong by a day.
    assert_eq!(report(&good, now + 365 * DAY).age, Age::Over);
    let tomorrow = code(&Claims { issued: now + DAY, ..claims(now) });
    assert_eq!(report(&tomorrow, now).age, Age::ToCome);
    assert!(!report(&tomorrow, now).is_good());
    // Another issuer's key, also where it says it is this one's.
    let foreign = hc1::sign(&claims(now), &other.key, other.certificate()).expect("a code");
    assert!(matches!(report(&foreign, now).integrity, Err(mach_sign::Error::Refused(_))));
    let pretending = hc1::sign(&claims(now), &other.key, who.certificate()).expect("a code");
    assert!(matches!(report(&pretending, now).integrity, Err(mach_sign::Error::False(_))));
    // A family nobody trusts.
    let stranger = Family::new().doctor("Bộ Y tế giả");
    let text = hc1::sign(&claims(now), &stranger.key, stranger.certificate()).expect("a code");
    let untrusted = Code::parse(&text).expect("a code").verify(&stranger.chain, &trust, now);
    assert!(untrusted.integrity.is_ok() && !untrusted.is_good());
    // Revoked since.
    let revoked = family.trust(&[(&who, now - 3600)]);
    assert!(!Code::parse(&good).expect("a code").verify(&who.chain, &revoked, now).is_good());
}

#[test]
fn garbage_is_refused() {
    for text in ["", "HC1:", "HC1:A", "HC1:::::", "HC2:6BF", "HC1:6BFOXN*TS0BI$ZD", "hc1:abc"] {
        assert!(Code::parse(text).is_err(), "{text}");
    }
    // A bomb: 64 KB of zeros in a few letters.
    use std::io::Write;
    let mut packer = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    packer.write_all(&vec![0; 1 << 16]).expect("packed");
    let bomb = format!("HC1:{}", to_base45(&packer.finish().expect("packed")));
    assert!(matches!(Code::parse(&bomb), Err(mach_sign::Error::TooLarge { .. })));
    let deep = [vec![0x81; 33], vec![0x00]].concat();
    assert!(matches!(Value::decode(&deep), Err(mach_sign::Error::TooLarge { .. })));
    assert!(Value::decode(&deep[1..]).is_ok(), "at the limit");
    for bytes in
        [&[0x9f][..], &[0x5b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], &[0xa2, 0, 0, 0, 0], &[0x62, 0xff, 0xff]]
    {
        assert!(Value::decode(bytes).is_err());
    }
}

#[test]
fn numbers_of_the_specification() {
    // RFC 9285 §4.3, RFC 8949 appendix A.
    for (bytes, text) in [("AB", "BB8"), ("Hello!!", "%69 VD92EX0"), ("base-45", "UJCLQE7W581"), ("ietf!", "QED8WEX0")]
    {
        assert_eq!(to_base45(bytes.as_bytes()), text);
        assert_eq!(from_base45(text).as_deref(), Ok(bytes.as_bytes()));
    }
    assert!(from_base45("FGW").is_ok() && from_base45("GGW").is_err() && from_base45("::::").is_err());
    for (n, hex) in [
        (0, "00"),
        (23, "17"),
        (24, "1818"),
        (1000, "1903e8"),
        (1_000_000_000_000, "1b000000e8d4a51000"),
        (-1, "20"),
        (-1000, "3903e7"),
        (i64::MIN, "3b7fffffffffffffff"),
    ] {
        let bytes = Value::Int(n).encode();
        assert_eq!((mach_sign::hex(&bytes).as_str(), Value::decode(&bytes)), (hex, Ok(Value::Int(n))));
    }
    assert_eq!(Value::decode(&[0xf9, 0x3c, 0x00]), Ok(Value::Float(1.0)));
    assert_eq!(Value::decode(&[0xf9, 0x00, 0x01]), Ok(Value::Float(5.960_464_477_539_063e-8)));
}

#[test]
fn jws_over_exact_bytes() {
    let family = Family::new();
    let who = family.doctor("Bác sĩ");
    let payload = "{\"resourceType\":\"Bundle\", \"value\": 1.50}".as_bytes();
    let text = jws::sign_detached(payload, &who.key, &who.chain, family.now).expect("a signature");
    let trust = family.trust(&[]);
    assert!(jws::verify(&text, Some(payload), &trust, family.now).expect("a signature").is_good());
    let changed = "{\"resourceType\":\"Bundle\", \"value\": 1.5}".as_bytes();
    assert!(matches!(jws::verify(&text, Some(changed), &trust, family.now), Err(mach_sign::Error::False(_))));
    assert!(jws::verify(&text, None, &trust, family.now).is_err());
    // Told that nothing is signed, and by which algorithm not.
    let none = text.replacen(text.split('.').next().expect("a header"), "eyJhbGciOiJub25lIn0", 1);
    assert!(matches!(jws::verify(&none, Some(payload), &trust, family.now), Err(mach_sign::Error::Unsupported(_))));
    assert!(jws::verify(&text, Some(payload), &trust, family.now - DAY).is_err(), "a clock that is wrong by a day");
    let folder = Folder::new();
    let (signature, bytes) = (folder.write("jws", &text), folder.write("payload", payload));
    let Some((good, said)) = python(&["jws", &signature, &bytes]) else { return };
    assert!(good, "{said}");
}

proptest! {
    #[test]
    fn base45_comes_back(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
        prop_assert_eq!(from_base45(&to_base45(&bytes)), Ok(bytes));
    }

    #[test]
    fn nothing_read_panics(bytes in proptest::collection::vec(any::<u8>(), 0..300), text in "\\PC{0,100}") {
        let _ = Value::decode(&bytes);
        let _ = Code::parse(&format!("HC1:{}", to_base45(&bytes)));
        let _ = mach_sign::certificate::Certificate::parse(&bytes);
        let _ = mach_sign::cms::SignedData::parse(&bytes, true);
        let _ = mach_sign::revocation::Crl::parse(&bytes);
        let _ = mach_sign::revocation::Ocsp::parse(&bytes);
        let _ = mach_sign::pdf::Pdf::parse(&[b"%PDF-1.7\n", bytes.as_slice(), b"\nstartxref\n9\n%%EOF"].concat());
        let _ = from_base45(&text);
        let _ = mach_sign::key::pem(&text);
        let _ = mach_sign::xml::of_text(&text, &mach_sign::xml::Method::inclusive());
    }
}
