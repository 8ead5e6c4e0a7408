//! Every limit at its value and one past it, and files made to break a reader.

use std::io::BufReader;

use super::*;
use crate::sample::{base64, envelope, hoso, xml1};

fn limits() -> Limits {
    Limits { file_bytes: 1 << 20, decoded_bytes: 1 << 20, run_bytes: 1 << 20, rows: 100, claims: 100, depth: 32 }
}

fn drugs(rows: usize) -> String {
    let rows = "<CHI_TIET_THUOC/>".repeat(rows);
    format!("<CHITIEU_CHITIET_THUOC><DSACH_CHI_TIET_THUOC>{rows}</DSACH_CHI_TIET_THUOC></CHITIEU_CHITIET_THUOC>")
}

fn file(tables: &[(&str, String)]) -> String {
    envelope("1", &hoso(tables))
}

const OK: &str = "claim 46001 A 3176";

#[test]
fn file_bytes() {
    let xml = file(&[("XML1", base64(xml1("A")))]);
    let at = |by| Limits { file_bytes: xml.len() as u64 - by, ..limits() };
    check(&xml, at(0), &[OK]);
    check(&xml, at(1), &[OK, &format!("refused XML-LIMIT [bytes of the file; {}]", xml.len() - 1)]);
}

#[test]
fn run_bytes() {
    for content in [base64(xml1("A")), xml1("A")] {
        let xml = file(&[("XML1", content.clone())]);
        let at = |by| Limits { run_bytes: content.len() - by, ..limits() };
        check(&xml, at(0), &[OK]);
        check(&xml, at(1), &[&format!("refused XML-LIMIT [bytes of one text; {}]", content.len() - 1)]);
    }
    // Markup that never ends, and markup characters that end nothing.
    for long in ["<!--> > >", "<![CDATA[> < >", "<?x > < ", "<HOSO a='> < ", "<HOSO "] {
        let xml = envelope("1", &format!("{long}{}", "> ".repeat(2000)));
        let items: Vec<_> = Reader::with_limits(xml.as_bytes(), Limits { run_bytes: 3000, ..limits() }).collect();
        assert!(items[0].is_err() && line(&items[0]).starts_with("refused XML-"), "{long} {items:?}");
    }
}

#[test]
fn decoded_bytes() {
    let (head, lines) = (xml1("A"), drugs(3));
    for tables in
        [[("XML1", base64(&head)), ("XML2", base64(&lines))], [("XML1", head.clone()), ("XML2", lines.clone())]]
    {
        let at = |by| Limits { decoded_bytes: head.len() + lines.len() - by, ..limits() };
        check(file(&tables), at(0), &[OK]);
        let refused = format!("broken 1 46001 A 202503091630 XML-LIMIT XML2 [HOSO; {}]", head.len() + lines.len() - 1);
        check(file(&tables), at(1), &[&refused]);
    }
}

#[test]
fn rows_claims_depth_files() {
    let tables = |rows| file(&[("XML1", base64(xml1("A"))), ("XML2", base64(drugs(rows)))]);
    check(tables(100), limits(), &[OK]);
    check(tables(101), limits(), &["broken 1 46001 A 202503091630 XML-LIMIT XML2 [rows; 100]"]);

    let hosos = |n: usize| envelope(&n.to_string(), &hoso(&[("XML1", base64(xml1("A")))]).repeat(n));
    check(hosos(3), Limits { claims: 3, ..limits() }, &[OK, OK, OK]);
    check(hosos(4), Limits { claims: 3, ..limits() }, &[OK, OK, OK, "refused XML-LIMIT [HOSO; 3]"]);

    // `CHUKYDONVI` stands at depth 2; a table's field at 2, its children deeper.
    let nested = |n| {
        envelope("0", "")
            .replace("<CHUKYDONVI/>", &format!("<CHUKYDONVI>{}{}</CHUKYDONVI>", "<a>".repeat(n), "</a>".repeat(n)))
    };
    check(nested(30), limits(), &[]);
    check(nested(31), limits(), &["refused XML-DEPTH [32]"]);
    let inner = |n| format!("<CHITIEU_CHITIET_THUOC>{}{}</CHITIEU_CHITIET_THUOC>", "<a>".repeat(n), "</a>".repeat(n));
    let deep = |n| file(&[("XML1", base64(xml1("A"))), ("XML2", base64(inner(n)))]);
    check(deep(31), limits(), &[&format!("{OK} XML-TAG-UNKNOWN XML2 a [a]")]);
    check(deep(32), limits(), &["broken 1 46001 A 202503091630 XML-DEPTH XML2 [32]"]);

    let many = |n: usize| file(&vec![("XML1", base64(xml1("A"))); n]);
    let items: Vec<_> = Reader::new(many(32).as_bytes()).collect();
    assert!(matches!(&items[0], Ok(Item::Claim(c)) if c.sources().count() == 32 && c.problems.len() == 31));
    let items: Vec<_> = Reader::new(many(33).as_bytes()).collect();
    assert!(line(&items[0]).contains("XML-LIMIT [FILEHOSO; 32]"), "{}", line(&items[0]));
}

#[test]
fn names_and_envelope_texts() {
    let named = |n: usize| envelope("0", &format!("<{}/>", "a".repeat(n)));
    check(named(255), limits(), &[]);
    check(named(256), limits(), &["refused XML-LIMIT [bytes of a name; 255]"]);
    let facility = |n: usize| envelope("0", "").replace("46001", &"4".repeat(n));
    check(facility(1024), limits(), &[]);
    check(facility(1025), limits(), &["refused XML-LIMIT [bytes of an envelope text; 1024]"]);
}

#[test]
fn findings_stop_growing() {
    let tags: String = (0..5000).map(|n| format!("<T{n}/>")).collect();
    let xml = file(&[("XML1", base64(xml1("A").replace("</TONG_HOP>", &format!("{tags}</TONG_HOP>"))))]);
    let items: Vec<_> = Reader::new(xml.as_bytes()).collect();
    let Ok(Item::Claim(claim)) = &items[0] else { panic!("{items:?}") };
    assert_eq!(claim.problems.len(), mach_base::limits::FINDINGS_PER_CLAIM);
}

/// A gigabyte of base64 zeros behind a good claim, made as it is read.
struct Zeros {
    before: io::Cursor<Vec<u8>>,
    left: u64,
    given: u64,
}

impl Read for Zeros {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let mut read = self.before.read(out)?;
        if read == 0 {
            read = out.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
            out[..read].fill(b'A');
            self.left -= read as u64;
        }
        self.given += read as u64;
        Ok(read)
    }
}

#[test]
fn a_gigabyte_of_zeros() {
    let good = hoso(&[("XML1", base64(xml1("A")))]);
    let open = "<HOSO><FILEHOSO><LOAIHOSO>XML1</LOAIHOSO><NOIDUNGFILE>";
    let xml = envelope("2", &format!("{good}{open}"));
    let before = xml.as_bytes()[..xml.find("</DANHSACHHOSO>").unwrap()].to_vec();
    let mut zeros = Zeros { before: io::Cursor::new(before), left: 1 << 30, given: 0 };
    let items: Vec<_> = Reader::new(BufReader::new(&mut zeros)).map(|i| line(&i)).collect();
    assert_eq!(items, [OK, "refused XML-LIMIT [bytes of one text; 33554432]"]);
    assert!(zeros.given < 34 << 20, "read {} bytes", zeros.given);
}

#[test]
fn an_unreadable_disk_is_no_verdict_on_the_file() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("đĩa hỏng"))
        }
    }
    let xml = file(&[("XML1", base64(xml1("A")))]);
    let half = &xml.as_bytes()[..600.min(xml.len() / 2)];
    let items: Vec<_> = Reader::new(BufReader::new(half.chain(Broken))).collect();
    assert!(matches!(&items[..], [Err(ReadError::Io(_))]), "{items:?}");
}
