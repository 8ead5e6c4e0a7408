//! Signed papers: several signers, timestamps, validation data; what pdfsig, qpdf and pyHanko say of each file.

use mach_sign::authority::Profile;
use mach_sign::key::{Hash, Scheme, Signer};
use mach_sign::pades::{self, Coverage, Prepared, Request, add_validation_data};
use mach_sign::revocation::Evidence;
use mach_sign::time::DAY;
use mach_sign::trust::{Standing, Trust};
use mach_test_sign::paper::{rendered, sign_at};
use mach_test_sign::{Family, Folder, Person, python, rsa_key, run, said};

/// That nobody finds anything wrong with a file of so many signatures: structure, each signature, what changed since.
fn everybody_is_content(family: &Family, pdf: &[u8], signatures: usize, what: &str) {
    let folder = Folder::new();
    let path = folder.write("signed.pdf", pdf);
    let root = folder.write("root.pem", family.root.certificate().to_pem());
    if let Some((good, text)) = said("qpdf", &["--check", &path]) {
        let warned = text.to_lowercase().contains("warning");
        assert!(good && !warned && text.contains("No syntax or stream encoding errors"), "{what}, qpdf: {text}");
    }
    if let Some((_, text)) = said("pdfsig", &["-nocert", &path]) {
        assert_eq!(text.matches("Signature is Valid.").count(), signatures, "{what}, pdfsig: {text}");
        assert!(!text.contains("1970"), "{what}, pdfsig: {text}");
    }
    if let Some((good, text)) = python(&["pdf", &path, &root]) {
        assert!(good && text.matches("True").count() >= signatures, "{what}, pyHanko: {text}");
    }
    let report = pades::verify(pdf, &family.trust(&[]), family.now).expect("a report");
    assert_eq!(report.signatures.len(), signatures, "{what}");
    for s in &report.signatures {
        assert!(s.is_good(), "{what}: {s:?}");
        assert_eq!(s.then, Standing::Valid, "{what}");
    }
    let (last, before) = report.signatures.split_last().expect("a signature");
    assert_eq!(last.coverage, Coverage::Whole, "{what}");
    assert!(before.iter().all(|s| s.coverage == Coverage::ThenSigned), "{what}");
}

fn rsa(family: &Family, name: &str, scheme: Scheme) -> Option<Person> {
    let key = rsa_key(2048)?.with_scheme(scheme).expect("a scheme of RSA's");
    Some(family.person(name, key, Profile::Document, (-100, 700)))
}

#[test]
fn three_signers_of_three_kinds() {
    let family = Family::new();
    let paper = rendered();
    let doctor = family.doctor("BS. Phạm Thị Ngọc Ánh");
    let pdf = sign_at(&paper.pdf, &paper, "doctor", &doctor, "Bác sĩ kết luận", family.now);
    everybody_is_content(&family, &pdf, 1, "ECDSA");
    let Some(head) = rsa(&family, "Giám đốc", Scheme::RsaPss(Hash::Sha256)) else { return };
    let pdf = sign_at(&pdf, &paper, "facility", &head, "Giám đốc", family.now);
    everybody_is_content(&family, &pdf, 2, "ECDSA, RSASSA-PSS");
    let Some(seal) = rsa(&family, "Con dấu", Scheme::RsaPkcs1(Hash::Sha256)) else { return };
    let request = Request { chain: &seal.chain, at: family.now, ..Request::default() };
    let pdf = pades::sign(&pdf, &request, &seal.key, None).expect("a signature that is not seen");
    everybody_is_content(&family, &pdf, 3, "ECDSA, RSASSA-PSS, PKCS#1");
    let report = pades::verify(&pdf, &family.trust(&[]), family.now).expect("a report");
    let in_policy: Vec<_> = report.signatures.iter().map(|s| s.scheme.expect("a scheme").is_in_policy()).collect();
    assert_eq!(in_policy, [true, true, false]);
}

#[test]
fn files_with_tables_in_streams_are_signed_too() {
    let family = Family::new();
    let folder = Folder::new();
    let plain = folder.write("plain.pdf", rendered().pdf);
    let packed = folder.path("packed.pdf");
    let Some(output) = run("qpdf", &["--object-streams=generate", &plain, &packed]) else { return };
    assert!(output.status.success());
    let mut pdf = std::fs::read(&packed).expect("a file");
    for n in 1..=3 {
        let doctor = family.doctor(&format!("Bác sĩ {n}"));
        let request = Request { chain: &doctor.chain, at: family.now, reason: Some("Ký"), ..Request::default() };
        pdf = pades::sign(&pdf, &request, &doctor.key, None).expect("a signature");
        everybody_is_content(&family, &pdf, n, "stream");
    }
    let linear = folder.path("linear.pdf");
    let Some(output) = run("qpdf", &["--linearize", &plain, &linear]) else { return };
    assert!(output.status.success());
    let doctor = family.doctor("Bác sĩ");
    let request = Request { chain: &doctor.chain, at: family.now, ..Request::default() };
    let pdf = pades::sign(&std::fs::read(&linear).expect("a file"), &request, &doctor.key, None).expect("a signature");
    let report = pades::verify(&pdf, &family.trust(&[]), family.now).expect("a report");
    assert!(report.is_good(), "{report:?}");
}

#[test]
fn timestamps_and_validation_data() {
    let family = Family::new();
    let paper = rendered();
    let doctor = family.doctor("Bác sĩ");
    let ask = |bytes: &[u8]| Ok(family.timestamp(bytes, family.now));
    let request = Request { chain: &doctor.chain, at: family.now, ..Request::default() };
    let pdf = pades::sign(&paper.pdf, &request, &doctor.key, Some(&ask)).expect("B-T");
    everybody_is_content(&family, &pdf, 1, "B-T");
    let report = pades::verify(&pdf, &family.trust(&[]), family.now).expect("a report");
    assert_eq!(report.signatures[0].proved, Some(family.now));

    // B-LT: lists for the authorities, an answer for the signer.
    let mut evidence = family.evidence(&[]);
    let times = (family.now - 60, family.now + DAY);
    let issuing = family.issuing.certificate();
    evidence.answers.push(family.ocsp.ocsp(doctor.certificate(), issuing, None, times).expect("an answer"));
    let certificates =
        [issuing, family.root.certificate(), family.tsa.certificate(), family.ocsp.certificate()].map(Clone::clone);
    let pdf = add_validation_data(&pdf, &certificates, &evidence).expect("B-LT");
    let second = family.doctor("Trưởng khoa");
    let request = Request { chain: &second.chain, at: family.now, ..Request::default() };
    let after = pades::sign(&pdf, &request, &second.key, None).expect("a signature after validation data");
    everybody_is_content(&family, &after, 2, "signed after B-LT");
    // The file alone says that nothing was revoked: nothing is at hand but the root.
    let alone = Trust::in_anchors(vec![family.root.certificate().clone()]);
    let report = pades::verify(&pdf, &alone, family.now).expect("a report");
    assert_eq!((&report.signatures[0].then, report.is_good()), (&Standing::Valid, true));
    let folder = Folder::new();
    let path = folder.write("lt.pdf", &pdf);
    let root = folder.write("root.pem", family.root.certificate().to_pem());
    if let Some((good, text)) = python(&["ltv", &path, &root]) {
        assert!(good, "pyHanko, B-LT: {text}");
    }
    // Two years later the certificate is over and revoked since: the timestamp proves that it was not, then.
    let later = family.now + 900 * DAY;
    let mut trust = family.trust(&[(&doctor, family.now + 10 * DAY)]);
    let report = pades::verify(&pdf, &trust, later).expect("a report");
    let signature = &report.signatures[0];
    assert!(signature.is_good() && !signature.now.is_good(), "{signature:?}");
    // Without the timestamp it would not count.
    trust.evidence = Evidence::default();
    let request = Request { chain: &doctor.chain, at: family.now, ..Request::default() };
    let bare = pades::sign(&paper.pdf, &request, &doctor.key, None).expect("B-B");
    assert!(!pades::verify(&bare, &trust, later).expect("a report").is_good());
}

#[test]
fn openssl_agrees_with_a_timestamp() {
    let family = Family::new();
    let folder = Folder::new();
    let query = mach_sign::timestamp::Query::new(b"these bytes").expect("a query");
    let chain = [family.issuing.certificate().clone()];
    let answer = mach_sign::timestamp::answer(&query.to_der(), &family.tsa, &chain, family.now).expect("an answer");
    let (data, reply) = (folder.write("data", b"these bytes"), folder.write("reply.tsr", answer));
    let (asked, root) =
        (folder.write("q.tsq", query.to_der()), folder.write("root.pem", family.root.certificate().to_pem()));
    let verify = ["ts", "-verify", "-in", &reply, "-CAfile", &root];
    for more in [["-data", &data], ["-queryfile", &asked]] {
        let Some((good, text)) = said("openssl", &[&verify[..], &more[..]].concat()) else { return };
        assert!(good, "openssl: {text}");
    }
}

#[test]
fn a_signature_by_others_on_top_is_understood() {
    let family = Family::new();
    let paper = rendered();
    let folder = Folder::new();
    let doctor = family.doctor("Bác sĩ");
    let pdf = sign_at(&paper.pdf, &paper, "doctor", &doctor, "Bác sĩ", family.now);
    let other = family.doctor("Người khác");
    let source = folder.write("one.pdf", &pdf);
    let target = folder.path("two.pdf");
    let key = folder.write("key.pem", other.key.to_pem());
    let certificate = folder.write("cert.pem", other.certificate().to_pem());
    let chain = folder.write("chain.pem", family.issuing.certificate().to_pem());
    let Some((good, text)) = python(&["sign", &source, &target, &key, &certificate, &chain]) else { return };
    assert!(good, "pyHanko: {text}");
    let two = std::fs::read(&target).expect("a file");
    let report = pades::verify(&two, &family.trust(&[]), family.now).expect("a report");
    assert_eq!(report.signatures.len(), 2);
    assert!(report.is_good(), "{report:?}");
    // And one of ours on top of that.
    let third = sign_at(&two, &paper, "facility", &family.doctor("Giám đốc"), "Giám đốc", family.now);
    everybody_is_content(&family, &third, 3, "ours, pyHanko's, ours");
}

#[test]
fn a_signature_under_way_is_kept_and_checked_when_it_comes_back() {
    let family = Family::new();
    let doctor = family.doctor("Bác sĩ");
    let request = Request { chain: &doctor.chain, at: family.now, ..Request::default() };
    let prepared = pades::prepare(&rendered().pdf, &request).expect("prepared");
    let kept = Prepared::from_bytes(&prepared.to_bytes()).expect("what was kept");
    assert_eq!(kept, prepared);
    let stranger = family.doctor("Người lạ");
    let false_one = stranger.key.sign(kept.to_be_signed()).expect("a signature");
    let other_bytes = doctor.key.sign(b"something else").expect("a signature");
    for wrong in [false_one.as_slice(), &other_bytes, b"garbage", b""] {
        assert!(matches!(kept.clone().finish(wrong, None), Err(mach_sign::Error::False(_))));
    }
    let good = doctor.key.sign(kept.to_be_signed()).expect("a signature");
    let pdf = kept.finish(&good, None).expect("a signed file");
    everybody_is_content(&family, &pdf, 1, "kept");
    let bytes = prepared.to_bytes();
    for cut in [0, 10, 100, bytes.len() - 1] {
        assert!(Prepared::from_bytes(&bytes[..cut]).is_err());
    }
}
