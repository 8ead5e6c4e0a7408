//! Shapes of files that are read, and those that are refused.

use super::*;
use crate::sample::{base64, claim, day, envelope, file, hoso, xml1};

fn read(input: impl AsRef<[u8]>, expect: &[&str]) {
    check(input, Limits::default(), expect);
}

/// One claim whose XML1 stands in the file as `content`.
fn one(content: &str) -> String {
    envelope("1", &hoso(&[("XML1", content.to_owned())]))
}

#[test]
fn inner_xml_in_every_wrapping() {
    let xml = xml1("LK1");
    let declared = format!("<?xml version=\"1.0\" encoding=\"utf-8\" standalone=\"yes\"?>\r\n{xml}\n");
    let spaced: String =
        base64(&xml).as_bytes().chunks(19).map(|c| format!("  {}\r\n", str::from_utf8(c).unwrap())).collect();
    for content in [
        base64(&xml),
        base64(&declared),
        base64(format!("\u{feff}{xml}")),
        base64(format!("\u{feff}{declared}")),
        base64(&xml).trim_end_matches('=').to_owned(),
        base64(&xml).replacen('P', "&#x50;", 1),
        spaced.clone(),
        format!("<![CDATA[{spaced}]]>"),
        xml.clone(),
        format!("\n{declared}"),
        format!("<!-- bản tải về --> {xml}"),
        format!("<![CDATA[{declared}]]>"),
        xml.replace('<', "&lt;"),
    ] {
        read(one(&content), &["claim 46001 LK1 3176"]);
        read(format!("\u{feff}<?xml version='1.0' encoding='UTF-8'?>{}", one(&content)), &["claim 46001 LK1 3176"]);
    }
}

#[test]
fn texts_in_every_wrapping() {
    let cell = |written: &str| {
        let xml = xml1("LK1").replace("<MA_LK>", &format!("<HO_TEN loai='x'>{written}</HO_TEN><MA_LK>"));
        let items: Vec<_> = Reader::new(one(&base64(xml)).as_bytes()).collect();
        let Ok(Item::Claim(claim)) = &items[0] else { panic!("{items:?}") };
        claim.table(1).unwrap().row(1).unwrap().cell(3).map(str::to_owned)
    };
    for (written, text) in [
        ("", ""),
        (" Trần Ánh\t", " Trần Ánh\t"),
        ("<![CDATA[a<b>&c;]]>", "a<b>&c;"),
        (" <![CDATA[a]]> b<![CDATA[c]]>", " a bc"),
        ("a &lt;b&gt; &amp; &quot;c&apos;", "a <b> & \"c'"),
        ("&#7844;&#x1EA4;", "ẤẤ"),
        ("một\r\nhai\rba\nbốn", "một\nhai\nba\nbốn"),
        ("<![CDATA[một\r\nhai]]>", "một\nhai"),
        ("một&#13;&#10;hai", "một\r\nhai"),
        ("a<!-- b -->c<?d e?>f", "acf"),
        ("]]>", "]]>"),
    ] {
        assert_eq!(cell(written).as_deref(), Some(text), "{written:?}");
    }
    let claim = claim("3176", "LK1", 1);
    assert_eq!(claim.table(1).unwrap().row(1).unwrap().cell(7), None);
    assert_eq!((claim.head("NHOM_MAU"), claim.head("KHONG_CO")), ("", ""));
}

#[test]
fn tags_in_any_order_and_strange_ones() {
    let claim = |inner: &str| one(&base64(xml1("LK1").replace("<MA_LK>", &format!("{inner}<MA_LK>"))));
    read(claim("<DU_PHONG/><HO_TEN>A</HO_TEN>"), &["claim 46001 LK1 3176"]);
    read(claim("<HO_TEN>A</HO_TEN><HO_TEN/>"), &["claim 46001 LK1 3176 XML-TAG-TWICE XML1:1 HO_TEN [HO_TEN]"]);
    read(
        claim("<TU_CHON>1</TU_CHON><TU_CHON>2</TU_CHON>"),
        &["claim 46001 LK1 3176 XML-TAG-UNKNOWN XML1:1 TU_CHON [TU_CHON]"],
    );
    read(claim("<HO_TEN><B>A</B></HO_TEN>"), &["broken 1 46001   XML-INNER XML1:1 B [; B]"]);
    let items: Vec<_> = Reader::new(claim("<TU_CHON>á</TU_CHON>").as_bytes()).collect();
    let Ok(Item::Claim(claim)) = &items[0] else { panic!("{items:?}") };
    assert_eq!(claim.rows(1).next().unwrap().extra().collect::<Vec<_>>(), [("TU_CHON", "á")]);
    assert_eq!(claim.inner_xml(1).map(|xml| xml.contains("<TU_CHON>á</TU_CHON>")), Some(true));
}

#[test]
fn the_day_chooses_the_layout() {
    for decision in ["4210", "130", "4750", "3176"] {
        read(
            file(&[&claim(decision, "LK1", 2), &claim(decision, "LK2", 0)]),
            &[format!("claim 46001 LK1 {decision}").as_str(), format!("claim 46001 LK2 {decision}").as_str()],
        );
    }
    for (written, left, expect) in [
        ("4210", "202506301200", "claim 46001 LK1 3176/4210 XML-LAYOUT [2025-06-30; 3176; 4210]"),
        ("4210", "202306301200", "claim 46001 LK1 4210"),
        ("4210", "202406302359", "claim 46001 LK1 4210"),
        ("4210", "202407010000", "claim 46001 LK1 4750/4210 XML-LAYOUT [2024-07-01; 4750; 4210]"),
        ("3176", "202201011200", "claim 46001 LK1 4210/130 XML-LAYOUT [2022-01-01; 4210; 130] XML-TAG-UNKNOWN…"),
        ("3176", "202412312359", "claim 46001 LK1 4750"),
        // A day that does not exist is no day: NGAY_VAO chooses, and the checks name the date.
        ("3176", "202502300800", "claim 46001 LK1 3176"),
    ] {
        let mut claim = claim(written, "LK1", 1);
        claim.set(1, 1, "NGAY_RA", Some(left));
        read(file(&[&claim]), &[expect]);
    }
    let mut claim = claim("4750", "LK1", 1);
    claim.set(1, 1, "NGAY_RA", Some("hôm qua"));
    read(file(&[&claim]), &["claim 46001 LK1 4750"]);
    claim.set(1, 1, "NGAY_VAO", None);
    read(file(&[&claim]), &["claim 46001 LK1 3176 XML-DATE [hôm qua; ]"]);
    assert_eq!(day("4750"), "20240815");
}

#[test]
fn one_link_one_table_each() {
    let drugs = |link: &str| {
        base64(format!(
            "<CHITIEU_CHITIET_THUOC><DSACH_CHI_TIET_THUOC><CHI_TIET_THUOC><MA_LK>{link}</MA_LK></CHI_TIET_THUOC>\
             <CHI_TIET_THUOC/></DSACH_CHI_TIET_THUOC></CHITIEU_CHITIET_THUOC>"
        ))
    };
    let head = |link: &str| ("XML1", base64(xml1(link)));
    for (tables, expect) in [
        (vec![head("A"), ("XML2", drugs("A"))], "claim 46001 A 3176"),
        (vec![("XML2", drugs("A")), head("A")], "claim 46001 A 3176"),
        (vec![head("A"), (" xml2\n", drugs(""))], "claim 46001 A 3176"),
        (vec![head("A"), ("XML2", drugs("B"))], "claim 46001 A 3176 XML-LINK-DIFFERS XML2:1 MA_LK [A; B]"),
        (vec![head(""), ("XML2", drugs("B"))], "claim 46001  3176 XML-LINK-MISSING XML1:1 MA_LK [MA_LK]"),
        (vec![head("A"), head("A")], "claim 46001 A 3176 XML-TABLE-TWICE XML1 [XML1]"),
        (vec![head("A"), ("XML12", drugs("A"))], "claim 46001 A 3176 XML-TABLE-UNKNOWN XML12 [XML12]"),
        (vec![head("A"), ("MAU_09", drugs("A"))], "claim 46001 A 3176 XML-TABLE-UNKNOWN [MAU_09]"),
        (vec![head("A"), ("XML02", drugs("A"))], "claim 46001 A 3176 XML-TABLE-UNKNOWN [XML02]"),
        (vec![("XML2", drugs("A"))], "broken 1 46001   XML-NO-XML1 [XML1]"),
        (vec![], "broken 1 46001   XML-NO-XML1 [XML1]"),
        (
            vec![head("A"), ("XML3", drugs("A"))],
            "broken 1 46001 A 202503091630 XML-INNER XML3 [DSACH_CHI_TIET_DVKT / CHITIEU_CHITIET_DVKT_VTYT; CHITIEU_CHITIET_THUOC]",
        ),
        (vec![head("A"), ("XML2", String::new())], "broken 1 46001 A 202503091630 XML-NOT-XML XML2 [0 byte]"),
        (vec![head("A"), ("XML2", "không phải".into())], "broken 1 46001 A 202503091630 XML-BASE64 XML2 […"),
    ] {
        read(envelope("1", &hoso(&tables)), &[expect]);
    }
    // A broken claim does not stop the file.
    let hosos = [hoso(&[head("A")]), hoso(&[("XML1", "@".into())]), hoso(&[head("C")])].concat();
    read(envelope("3", &hosos), &["claim 46001 A 3176", "broken 2 46001   XML-BASE64 XML1 […", "claim 46001 C 3176"]);
    let wrapped = "<DSACH_CHI_TIET_THUOC><CHI_TIET_THUOC/></DSACH_CHI_TIET_THUOC>";
    read(
        envelope("1", &hoso(&[head("A"), ("XML2", wrapped.into())])),
        &["claim 46001 A 3176 XML-INNER XML2 [CHITIEU_CHITIET_THUOC/DSACH_CHI_TIET_THUOC/CHI_TIET_THUOC; 3176]"],
    );
}

#[test]
fn evidence_is_kept() {
    let junk = base64(b"\xFF\xFEb\x00");
    let hosos = hoso(&[("XML1", base64(xml1("A"))), ("XML2", junk), ("XML3", "!!".into())]);
    let items: Vec<_> = Reader::new(envelope("1", &hosos).as_bytes()).map(Result::unwrap).collect();
    let Item::Broken(broken) = &items[0] else { panic!("{items:?}") };
    let expect = [("XML1", xml1("A").into_bytes()), ("XML2", b"\xFF\xFEb\x00".to_vec()), ("XML3", b"!!".to_vec())];
    assert_eq!(broken.sources, expect.map(|(name, bytes)| (name.to_owned(), bytes)));
    assert_eq!(
        (broken.link.as_str(), broken.left.as_str(), broken.written_on.as_str()),
        ("A", "202503091630", "20250310")
    );
}

#[test]
fn counts_and_envelope() {
    let hosos = [hoso(&[("XML1", base64(xml1("A")))]), hoso(&[("XML1", base64(xml1("B")))])].concat();
    let claims = ["claim 46001 A 3176", "claim 46001 B 3176"];
    read(envelope(" 2\n", &hosos), &claims);
    for (count, shown) in [("1", "1"), ("3", "3"), ("", ""), ("hai", "hai"), ("-2", "-2")] {
        read(envelope(count, &hosos), &[claims[0], claims[1], &format!("file XML-COUNT SOLUONGHOSO [{shown}; 2]")]);
    }
    read(envelope("0", ""), &[]);
    let without = envelope("2", &hosos).replace("<SOLUONGHOSO>2</SOLUONGHOSO>", "");
    read(without, &[claims[0], claims[1], "file XML-COUNT SOLUONGHOSO [; 2]"]);
    let nobody = envelope("1", &hoso(&[("XML1", base64(xml1("A")))])).replace("46001", " ");
    read(nobody, &["claim  A 3176 XML-FACILITY-MISSING [MACSKCB]"]);
    let signed = envelope("0", "")
        .replace("<CHUKYDONVI/>", "<CHUKYDONVI><Signature xmlns='x'><V>a</V>b</Signature></CHUKYDONVI>");
    read(signed, &[]);
    let renamed =
        "<FILEHOSO><NOIDUNGFILE>%</NOIDUNGFILE><LOAIHOSO>XML1</LOAIHOSO></FILEHOSO>".replace('%', &base64(xml1("A")));
    read(envelope("1", &format!("<HOSO><GHICHU>x</GHICHU>{renamed}</HOSO>")), &[claims[0]]);
}

#[test]
fn check_ins() {
    let row = |link: &str, day: &str| {
        format!(
            "<TRANG_THAI_KCB><MA_LK>{link}</MA_LK><NGAY_VAO>{day}0800</NGAY_VAO><HO_TEN><![CDATA[Lê Văn Bình]]></HO_TEN><MA_CSKCB>46003</MA_CSKCB></TRANG_THAI_KCB>"
        )
    };
    let rows =
        [row("A", "20250309"), row("B", "20240801"), row("C", "20230301"), row("D", "20200301"), row("", "20250309")]
            .concat();
    let xml = format!(
        "<CHI_TIEU_TRANG_THAI_KCB><DSACH_TRANG_THAI_KCB>{rows}</DSACH_TRANG_THAI_KCB><CHUKYDONVI/></CHI_TIEU_TRANG_THAI_KCB>"
    );
    read(
        &xml,
        &[
            "check-in 46003 A 3176",
            "check-in 46003 B 4750",
            "check-in 46003 C 130",
            "check-in 46003 D 4210/130 XML-LAYOUT [2020-03-01; 4210; 130]",
            "check-in 46003  3176 XML-LINK-MISSING XML0:1 MA_LK [MA_LK]",
        ],
    );
    let read_back: Vec<_> = Reader::new(xml.as_bytes()).map(Result::unwrap).collect();
    let Item::CheckIn(first) = &read_back[0] else { panic!("{read_back:?}") };
    assert_eq!(first.head("HO_TEN"), "Lê Văn Bình");
    let written = crate::write::check_ins(Vec::new(), &[first]).unwrap();
    let again: Vec<_> = Reader::new(&written[..]).map(Result::unwrap).collect();
    assert!(matches!(&again[..], [Item::CheckIn(c)] if c.same_fields(first)));
    read(
        xml.replace("<MA_LK>A</MA_LK>", "x"),
        &["broken 1    XML-SYNTAX XML0 […", "check-in 46003 B 4750", "check-in…", "check-in…", "check-in…"],
    );
}

#[test]
fn what_is_no_claim_file() {
    let utf16 = |s: &str| s.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    let xml = one(&base64(xml1("A")));
    for (bytes, expect) in [
        (vec![], "XML-NOT-XML [0 byte]"),
        (b" \r\n\t".to_vec(), "XML-NOT-XML [0 byte]"),
        (b"PK\x03\x04\x14\0\0\0".to_vec(), "XML-NOT-XML [ZIP (.zip, .xlsx, .docx)]"),
        (b"\x1F\x8B\x08\0".to_vec(), "XML-NOT-XML [gzip]"),
        (b"%PDF-1.7".to_vec(), "XML-NOT-XML [PDF]"),
        (b"{\"maKetQua\":200}".to_vec(), "XML-NOT-XML [JSON]"),
        (b"<!DOCTYPE html><html>".to_vec(), "XML-NOT-XML [HTML]"),
        (b"MA_LK,STT\n".to_vec(), "XML-NOT-XML [MA_LK,STT ]"),
        (utf16(&format!("\u{feff}{xml}")), "XML-ENCODING [UTF-16]"),
        (utf16(&xml), "XML-ENCODING [UTF-16]"),
        (format!("<?xml version='1.0' encoding='windows-1258'?>{xml}").into_bytes(), "XML-ENCODING [windows-1258]"),
        (format!("<?xml version='1.0' encoding='utf-16'?>{xml}").into_bytes(), "XML-ENCODING [utf-16]"),
        (xml1("A").into_bytes(), "XML-ROOT [TONG_HOP; GIAMDINHHS / CHI_TIEU_TRANG_THAI_KCB]"),
        (format!("<!DOCTYPE GIAMDINHHS [<!ENTITY a 'b'>]>{xml}").into_bytes(), "XML-DTD [<!DOCTYPE]"),
        (format!("<!DOCTYPE GIAMDINHHS SYSTEM 'file:///etc/passwd'>{xml}").into_bytes(), "XML-DTD [<!DOCTYPE]"),
        (xml.replace("46001", "&a;").into_bytes(), "XML-ENTITY [a]"),
        (xml.replace("46001", "&#0;").into_bytes(), "XML-ENTITY [#0]"),
        (xml.replace("46001", "a & b").into_bytes(), "XML-SYNTAX […"),
        (xml.replace("<HOSO>", "<HOSO>chữ").into_bytes(), "XML-SYNTAX [chữ]"),
        (xml.replace("</MACSKCB>", "</MACSKB>").into_bytes(), "XML-SYNTAX […"),
        ([xml.replace("46001", "").as_bytes(), b"<a"].concat(), "XML-SYNTAX […"),
        (xml.replace("46001", "\u{e1}\u{1}").into_bytes(), "XML-SYNTAX [U+0001; 2]"),
    ] {
        let items: Vec<_> = Reader::new(&bytes[..]).collect();
        let last = items.last().map(line).unwrap_or_default();
        match expect.strip_suffix('…') {
            Some(start) => assert!(last.starts_with(&format!("refused {start}")), "{last}"),
            None => assert_eq!(last, format!("refused {expect}")),
        }
    }
    let cp1258 = [&xml.as_bytes()[..40], b"\xCC", &xml.as_bytes()[40..]].concat();
    let items: Vec<_> = Reader::new(&cp1258[..]).collect();
    assert!(line(&items[0]).starts_with("refused XML-ENCODING"), "{items:?}");
}

#[test]
fn what_is_no_table() {
    let head = xml1("A");
    let utf16: Vec<u8> = head.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let bomb = "<!DOCTYPE l [<!ENTITY a 'ha'><!ENTITY b '&a;&a;&a;&a;&a;&a;&a;&a;&a;'>]>";
    for (xml, expect) in [
        (utf16, "XML-ENCODING XML1 [UTF-16]"),
        (head.replace("A<", "\u{e1}<").replace("é", "").into_bytes(), ""),
        (head.replace("A<", "A\u{b}<").into_bytes(), "XML-SYNTAX XML1 [U+000B; 18]"),
        ([head.as_bytes(), b"\xE1"].concat(), "XML-ENCODING XML1 [0xE1 (byte 115)]"),
        (
            format!("<?xml version='1.0' encoding='windows-1258'?>{head}").into_bytes(),
            "XML-ENCODING XML1 [windows-1258]",
        ),
        (format!("{bomb}{head}").into_bytes(), "XML-DTD XML1 [<!DOCTYPE]"),
        (head.replace("A<", "&b;<").into_bytes(), "XML-ENTITY XML1 [b]"),
        (head.replace("A<", "&#x1F;<").into_bytes(), "XML-ENTITY XML1 [#x1F]"),
        (head.replace("</TONG_HOP>", "").into_bytes(), "XML-SYNTAX XML1 [EOF; 104]"),
        (format!("{head}<TONG_HOP/>").into_bytes(), "XML-SYNTAX XML1 [<TONG_HOP>; 115]"),
        (head.replace("<MA_LK>", "x<MA_LK>").into_bytes(), "XML-SYNTAX XML1 [x; 10]"),
        (head.replace("</MA_LK>", "</MALK>").into_bytes(), "XML-SYNTAX XML1 […"),
        (b"PK\x03\x04".to_vec(), "XML-NOT-XML XML1 [ZIP (.zip, .xlsx, .docx)]"),
        (b"<GIAMDINHHS/>".to_vec(), "XML-INNER XML1 [TONG_HOP; GIAMDINHHS]"),
    ] {
        let expect =
            if expect.is_empty() { "claim 46001 á 3176".to_owned() } else { format!("broken 1 46001   {expect}") };
        read(one(&base64(&xml)), &[&expect]);
    }
}
