//! Attacks on signed papers: each is found, and each changed file is one that some viewer would show as if nothing were.

use mach_sign::authority::Profile;
use mach_sign::key::SoftKey;
use mach_sign::pades::{self, Coverage, Report, Request};
use mach_sign::pdf::{Dictionary, Object, Pdf, Update, name};
use mach_sign::time::DAY;
use mach_sign::trust::Standing;
use mach_test_sign::paper::{rendered, sign_at};
use mach_test_sign::{Family, Person};

struct Scene {
    family: Family,
    doctor: Person,
    pdf: Vec<u8>,
}

fn scene() -> Scene {
    let family = Family::new();
    let doctor = family.doctor("Bác sĩ");
    let paper = rendered();
    let pdf = sign_at(&paper.pdf, &paper, "doctor", &doctor, "Bác sĩ", family.now);
    Scene { family, doctor, pdf }
}

impl Scene {
    fn report(&self, pdf: &[u8]) -> Report {
        pades::verify(pdf, &self.family.trust(&[]), self.family.now).expect("a report")
    }

    /// That a file is read, and its signature found not to count because of an edit.
    fn is_edited(&self, pdf: &[u8], what: &str) {
        let report = self.report(pdf);
        assert!(!report.is_good(), "{what}: passes");
        assert!(matches!(report.signatures[0].coverage, Coverage::Edited(_)), "{what}: {report:?}");
    }
}

/// A file with one more revision.
fn edited(pdf: &[u8], edit: impl FnOnce(&mut Update<'_, '_>)) -> Vec<u8> {
    let file = Pdf::parse(pdf).expect("a file");
    let mut update = Update::new(&file).expect("an update");
    edit(&mut update);
    update.finish()
}

fn page(update: &Update<'_, '_>) -> (u32, Dictionary) {
    // The page that the signature is seen on.
    let number = *update.view().pages().expect("pages").last().expect("a page");
    (number, update.get(number).expect("a page").dictionary().expect("a dictionary").clone())
}

#[test]
fn a_byte_changed_anywhere_is_found() {
    let s = scene();
    assert!(s.report(&s.pdf).is_good());
    let step = s.pdf.len() / 97;
    for at in (0..s.pdf.len()).step_by(step.max(1)) {
        let mut changed = s.pdf.clone();
        changed[at] ^= 0x01;
        // Zeros behind the container are room, not content: there a changed digit is refused as well.
        let good = pades::verify(&changed, &s.family.trust(&[]), s.family.now).is_ok_and(|r| r.is_good());
        assert!(!good, "byte {at} of {}", s.pdf.len());
    }
}

#[test]
fn edits_in_later_revisions_are_found() {
    let s = scene();
    let contents =
        |update: &Update<'_, '_>| page(update).1.get("Contents").and_then(Object::reference).expect("content");
    let other = |update: &mut Update<'_, '_>| {
        let words = b"BT 1 0 0 1 0 0 Tm ET".to_vec();
        let d = Dictionary::new().with("Length", Object::Int(words.len() as i64));
        update.add(Object::Stream(d, words))
    };
    let cases: Vec<(&str, Vec<u8>)> = vec![
        (
            "the page's content is another object",
            edited(&s.pdf, |u| {
                let (number, mut d) = page(u);
                let other = other(u);
                d.set("Contents", Object::Reference(other, 0));
                u.set(number, Object::Dictionary(d));
            }),
        ),
        (
            "the page's content is overwritten (shadow: replace)",
            edited(&s.pdf, |u| {
                let number = contents(u);
                u.set(number, Object::Stream(Dictionary::new().with("Length", Object::Int(0)), Vec::new()));
            }),
        ),
        (
            "the page's content is gone (shadow: hide)",
            edited(&s.pdf, |u| {
                let number = contents(u);
                u.set(number, Object::Null);
            }),
        ),
        (
            "a page is added",
            edited(&s.pdf, |u| {
                let (first, d) = page(u);
                let copy = u.add(Object::Dictionary(d));
                let (_, catalog) = u.view().catalog().expect("a catalogue");
                let tree = catalog.get("Pages").and_then(Object::reference).expect("pages");
                let mut pages = u.get(tree).expect("pages").dictionary().expect("pages").clone();
                pages.set("Kids", Object::Array(vec![Object::Reference(copy, 0), Object::Reference(first, 0)]));
                pages.set("Count", Object::Int(2));
                u.set(tree, Object::Dictionary(pages));
            }),
        ),
        (
            "a note covers the page",
            edited(&s.pdf, |u| {
                let (number, mut d) = page(u);
                let note = Dictionary::new().with("Type", name("Annot")).with("Subtype", name("FreeText"));
                let note = u.add(Object::Dictionary(note));
                let mut list = d.get("Annots").and_then(Object::array).expect("notes").to_vec();
                list.push(Object::Reference(note, 0));
                d.set("Annots", Object::Array(list));
                u.set(number, Object::Dictionary(d));
            }),
        ),
        (
            "a stamp calls itself a field of a signature",
            edited(&s.pdf, |u| {
                let (number, mut d) = page(u);
                let drawn = other(u);
                let looks = Dictionary::new().with("N", Object::Reference(drawn, 0));
                let stamp = Dictionary::new().with("FT", name("Sig")).with("Subtype", name("Stamp"));
                let stamp = u.add(Object::Dictionary(stamp.with("AP", Object::Dictionary(looks))));
                let mut list = d.get("Annots").and_then(Object::array).expect("notes").to_vec();
                list.push(Object::Reference(stamp, 0));
                d.set("Annots", Object::Array(list));
                u.set(number, Object::Dictionary(d));
            }),
        ),
        (
            "a new field draws what an old signature signed",
            edited(&s.pdf, |u| {
                let (root, mut catalog) = u.view().catalog().expect("a catalogue");
                let form = u.view().entry(&catalog, "AcroForm").expect("a form");
                let mut form = form.dictionary().expect("a form").clone();
                let mut fields = u.view().entry(&form, "Fields").expect("fields").array().expect("fields").to_vec();
                let first = u.view().resolve(&fields[0]).expect("a field");
                let value = first.dictionary().and_then(|d| d.get("V")).expect("a signature").clone();
                let again = Dictionary::new().with("FT", name("Sig")).with("Subtype", name("Widget")).with("V", value);
                let again = Object::Reference(u.add(Object::Dictionary(again)), 0);
                fields.push(again.clone());
                form.set("Fields", Object::Array(fields));
                let (number, mut d) = page(u);
                let mut list = d.get("Annots").and_then(Object::array).expect("notes").to_vec();
                list.push(again);
                d.set("Annots", Object::Array(list));
                u.set(number, Object::Dictionary(d));
                catalog.set("AcroForm", Object::Dictionary(form));
                u.set(root, Object::Dictionary(catalog));
            }),
        ),
        (
            "the signature's widget is taken off",
            edited(&s.pdf, |u| {
                let (number, mut d) = page(u);
                d.set("Annots", Object::Array(Vec::new()));
                u.set(number, Object::Dictionary(d));
            }),
        ),
        (
            "the fonts are others",
            edited(&s.pdf, |u| {
                let (_, d) = page(u);
                let resources = d.get("Resources").and_then(Object::dictionary).expect("resources").clone();
                let fonts = resources.get("Font").and_then(Object::reference).expect("fonts");
                u.set(fonts, Object::Dictionary(Dictionary::new()));
            }),
        ),
        (
            "something runs when the file is opened",
            edited(&s.pdf, |u| {
                let (root, mut catalog) = u.view().catalog().expect("a catalogue");
                let action = Dictionary::new().with("S", name("JavaScript")).with("JS", Object::String(b"x".to_vec()));
                catalog.set("OpenAction", Object::Dictionary(action));
                u.set(root, Object::Dictionary(catalog));
            }),
        ),
        (
            "a form field is added",
            edited(&s.pdf, |u| {
                let (_, catalog) = u.view().catalog().expect("a catalogue");
                let form = catalog.get("AcroForm").and_then(Object::reference).expect("a form");
                let mut d = u.get(form).expect("a form").dictionary().expect("a form").clone();
                let field = u.add(Object::Dictionary(Dictionary::new().with("FT", name("Tx"))));
                let mut fields = d.get("Fields").and_then(Object::array).expect("fields").to_vec();
                fields.push(Object::Reference(field, 0));
                d.set("Fields", Object::Array(fields));
                u.set(form, Object::Dictionary(d));
            }),
        ),
        (
            "the signed dictionary says another name",
            edited(&s.pdf, |u| {
                let found = u
                    .view()
                    .numbers()
                    .find(|n| u.get(*n).is_ok_and(|o| o.dictionary().is_some_and(|d| d.is("Type", "Sig"))));
                let number = found.expect("a signature");
                let mut d = u.get(number).expect("it").dictionary().expect("it").clone();
                d.set("Name", Object::String(b"Somebody else".to_vec()));
                u.set(number, Object::Dictionary(d));
            }),
        ),
    ];
    for (what, pdf) in cases {
        let report = s.report(&pdf);
        assert!(!report.is_good(), "{what}: passes");
    }
    // An honest signature on top of an edit does not heal what was signed before.
    let edit = edited(&s.pdf, |u| {
        let number = contents(u);
        u.set(number, Object::Stream(Dictionary::new().with("Length", Object::Int(0)), Vec::new()));
    });
    let request = Request { chain: &s.doctor.chain, at: s.family.now, ..Request::default() };
    let signed = pades::sign(&edit, &request, &s.doctor.key, None).expect("a signature");
    s.is_edited(&signed, "edited, then signed by another");
    let report = s.report(&signed);
    assert!(report.signatures[1].is_good());
}

#[test]
fn a_validation_datum_that_is_also_content_may_not_change() {
    // Shadow attack through what verifiers overlook: the page's content is prepared as validation data before signing.
    let family = Family::new();
    let doctor = family.doctor("Bác sĩ");
    let shadow = edited(&rendered().pdf, |u| {
        let (_, d) = page(u);
        let content = d.get("Contents").cloned().expect("content");
        let dss = u.add(Object::Dictionary(Dictionary::new().with("Certs", Object::Array(vec![content]))));
        let (root, mut catalog) = u.view().catalog().expect("a catalogue");
        catalog.set("DSS", Object::Reference(dss, 0));
        u.set(root, Object::Dictionary(catalog));
    });
    let request = Request { chain: &doctor.chain, at: family.now, ..Request::default() };
    let pdf = pades::sign(&shadow, &request, &doctor.key, None).expect("a signature");
    let s = Scene { family, doctor, pdf };
    assert!(s.report(&s.pdf).is_good());
    let changed = edited(&s.pdf, |u| {
        let number = page(u).1.get("Contents").and_then(Object::reference).expect("content");
        u.set(number, Object::Stream(Dictionary::new().with("Length", Object::Int(0)), Vec::new()));
    });
    s.is_edited(&changed, "content that is validation data too");
}

#[test]
fn a_later_signature_may_not_cover_the_page() {
    let s = scene();
    let draw = |u: &mut Update<'_, '_>| {
        let words = b"1 g 0 0 595 842 re f".to_vec();
        let d = Dictionary::new()
            .with("Type", name("XObject"))
            .with("Subtype", name("Form"))
            .with("BBox", Object::Array([0, 0, 595, 842].map(Object::Int).to_vec()))
            .with("Length", Object::Int(words.len() as i64));
        Ok(u.add(Object::Stream(d, words)))
    };
    let appearance = pades::Appearance { page: 0, rectangle: [0.0, 0.0, 595.0, 842.0], draw: &draw };
    let request =
        Request { chain: &s.doctor.chain, at: s.family.now, appearance: Some(appearance), ..Request::default() };
    let covered = pades::sign(&s.pdf, &request, &s.doctor.key, None).expect("a signature");
    s.is_edited(&covered, "a white sheet over the page");
}

#[test]
fn bytes_outside_of_revisions_are_refused() {
    let s = scene();
    let trust = s.family.trust(&[]);
    for (what, tail) in [("garbage", &b"garbage\n"[..]), ("half a revision", b"9 0 obj\n<<>>\nendobj\n")] {
        let pdf = [s.pdf.as_slice(), tail].concat();
        assert!(pades::verify(&pdf, &trust, s.family.now).is_err(), "{what}");
    }
    let before = [b"GIF89a\n", s.pdf.as_slice()].concat();
    assert!(pades::verify(&before, &trust, s.family.now).is_err(), "something before the file");
}

#[test]
fn containers_and_ranges_that_were_exchanged() {
    let s = scene();
    let other = scene();
    // The container of another file's signature.
    let hole = |pdf: &[u8]| pdf.windows(11).position(|w| w == b"/Contents <").expect("a container") + 11;
    let (a, b) = (hole(&s.pdf), hole(&other.pdf));
    let mut pdf = s.pdf.clone();
    let length = 2 * mach_sign::limits::CONTAINER_BYTES;
    pdf[a..a + length].copy_from_slice(&other.pdf[b..b + length]);
    assert!(!s.report(&pdf).is_good(), "another file's container");
    // A range that leaves more out than the container, to hide a change there.
    let range = s.pdf.windows(14).position(|w| w == b"/ByteRange [0 ").expect("a range");
    let mut pdf = s.pdf.clone();
    let begin = range + 14;
    let moved: usize = std::str::from_utf8(&pdf[begin..begin + 10]).expect("digits").parse().expect("a number");
    pdf[begin..begin + 10].copy_from_slice(format!("{:010}", moved - 20).as_bytes());
    let report = s.report(&pdf);
    assert!(!report.is_good() && report.signatures[0].integrity.is_err(), "a wider hole");
    // All zeros: no signature at all.
    let mut pdf = s.pdf.clone();
    pdf[a..a + length].fill(b'0');
    assert!(!s.report(&pdf).is_good(), "an empty container");
}

#[test]
fn certificates_that_do_not_count() {
    let s = scene();
    let paper = rendered();
    let sign = |who: &Person, at: i64| sign_at(&paper.pdf, &paper, "doctor", who, "Bác sĩ", at);
    let now = s.family.now;
    let key = || SoftKey::generate().expect("a key");
    let expired = s.family.person("Hết hạn", key(), Profile::Document, (-700, -10));
    let early = s.family.person("Chưa đến hạn", key(), Profile::Document, (10, 700));
    let server = s.family.person("Máy chủ", key(), Profile::Server, (-10, 700));
    let authority = s.family.person("CA giả", key(), Profile::Authority(0), (-10, 700));
    let cases = [
        (&expired, now, "expired"),
        (&expired, now - 20 * DAY, "expired, and dated back"),
        (&early, now, "not yet valid"),
        (&server, now, "a web server's"),
        (&authority, now, "an authority's own"),
    ];
    for (who, at, what) in cases {
        let report = s.report(&sign(who, at));
        assert!(!report.is_good(), "{what} passes");
        assert!(report.signatures[0].integrity.is_ok(), "{what}: only the certificate is wrong");
    }
    // Nobody here knows this root.
    let stranger = Family::new();
    let report = s.report(&sign(&stranger.doctor("Người lạ"), now));
    assert!(matches!(report.signatures[0].then, Standing::Untrusted(_)) && !report.is_good());
    // Revoked before, and revoked after without proof of when it was signed.
    for at in [now - 5 * DAY, now - DAY] {
        let trust = s.family.trust(&[(&s.doctor, at)]);
        let report = pades::verify(&sign(&s.doctor, now - 3 * DAY), &trust, now).expect("a report");
        assert!(!report.is_good());
        assert!(matches!(report.signatures[0].now, Standing::Revoked(_)));
    }
    // A clock that is wrong by a day, either way.
    let ahead = s.report(&sign(&s.doctor, now + DAY));
    assert!(ahead.signatures[0].is_ahead && !ahead.is_good());
    assert!(s.report(&sign(&s.doctor, now - DAY)).is_good());
}

#[test]
fn an_authority_below_its_limit_issues_nothing() {
    // The issuing authority may have none below it; a doctor's certificate may issue nothing at all.
    let family = Family::new();
    let doctor = family.doctor("Bác sĩ");
    let below = family.person("CA con", SoftKey::generate().expect("a key"), Profile::Authority(0), (-10, 700));
    let paper = rendered();
    for issuer in [below, doctor] {
        let chain = issuer.chain.clone();
        let authority = mach_sign::authority::Authority::of(issuer.key, issuer.chain[0].clone()).expect("it");
        let key = SoftKey::generate().expect("a key");
        let request = mach_sign::authority::Request {
            subject: mach_sign::name::Name::of(&[(mach_sign::oid::COMMON_NAME, "Giả")]),
            profile: Profile::Document,
            not_before: family.now - DAY,
            not_after: family.now + DAY,
            ocsp: None,
            crl: None,
        };
        let certificate = authority.issue(&request, mach_sign::key::Signer::public(&key)).expect("a certificate");
        let forged = Person { key, chain: [vec![certificate], chain].concat() };
        let pdf = sign_at(&paper.pdf, &paper, "doctor", &forged, "Bác sĩ", family.now);
        let report = pades::verify(&pdf, &family.trust(&[]), family.now).expect("a report");
        assert!(matches!(report.signatures[0].then, Standing::Untrusted(_)), "{report:?}");
    }
}

/// A file whose author left a gap that somebody fills once it is signed.
#[test]
fn a_gap_in_what_was_signed_is_not_filled() {
    let family = Family::new();
    let doctor = family.doctor("Bác sĩ");
    let mut paper = rendered();
    let size = Pdf::parse(&paper.pdf).expect("a file").last().trailer().get("Size").and_then(Object::int);
    let gap = u32::try_from(size.expect("a size")).expect("a number") + 400;
    paper.pdf = edited(&paper.pdf, |u| {
        let (number, mut d) = page(u);
        let first = d.get("Contents").cloned().expect("content");
        d.set("Contents", Object::Array(vec![first, Object::Reference(gap, 0)]));
        u.set(number, Object::Dictionary(d));
    });
    let pdf = sign_at(&paper.pdf, &paper, "doctor", &doctor, "Bác sĩ", family.now);
    let report = |pdf: &[u8]| pades::verify(pdf, &family.trust(&[]), family.now).expect("a report");
    assert!(report(&pdf).is_good());
    let filled = edited(&pdf, |u| {
        let words = b"BT 1 0 0 1 0 0 Tm ET".to_vec();
        u.set(gap, Object::Stream(Dictionary::new().with("Length", Object::Int(words.len() as i64)), words));
    });
    assert!(!report(&filled).is_good(), "{:?}", report(&filled));
}

#[test]
fn an_object_found_by_way_of_itself_is_told() {
    let mut pdf = b"%PDF-1.7\n".to_vec();
    let at = pdf.len();
    pdf.extend(b"1 0 obj <</Type/Catalog /Length 1 0 R>> stream\n");
    let table = pdf.len();
    pdf.extend(format!("xref\n0 2\n0000000000 65535 f \n{at:010} 00000 n \ntrailer <</Size 2/Root 1 0 R>>\nstartxref\n{table}\n%%EOF\n").bytes());
    let found = pades::verify(&pdf, &mach_sign::trust::Trust::default(), 0);
    assert!(matches!(found, Err(mach_sign::Error::Malformed { .. })), "{found:?}");
}
