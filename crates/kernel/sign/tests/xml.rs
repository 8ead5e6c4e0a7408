//! XML signatures: what xmlsec1 and signxml say of ours, what we say of changed ones, and signature wrapping.

use mach_sign::authority::Profile;
use mach_sign::key::{Hash, Scheme, Signer};
use mach_sign::xml::{self, Covered, Method, Options, Reference, canonicalize, of_text};
use mach_test_sign::{Family, Folder, Person, python, rsa_key, said};

/// The envelope of claim files (decision 130/QĐ-BYT).
const CLAIM: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n<GIAMDINHHS xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\">\n  \
    <THONGTINDONVI><MACSKCB>46001</MACSKCB></THONGTINDONVI>\n  <THONGTINHOSO Id=\"hoso\" a='1' xmlns:b=\"urn:b\" b:c=\"&lt;&#10;\">\
    <NGAYLAP>20261126</NGAYLAP><TEN><![CDATA[Nguyễn & Hường]]></TEN></THONGTINHOSO>\n  <CHUKYDONVI/>\n</GIAMDINHHS>\n";

fn options<'a>(who: &'a Person, scheme: Scheme) -> Options<'a> {
    Options {
        chain: &who.chain,
        scheme,
        reference: Reference::Whole,
        into: Some("CHUKYDONVI"),
        method: Method::inclusive(),
    }
}

/// What others say of a signed document; signxml is told whose certificate it must be.
fn others_agree(family: &Family, who: &Person, text: &str, exclusive: bool, what: &str) {
    let folder = Folder::new();
    let file = folder.write("signed.xml", text);
    let root = folder.write("root.pem", family.root.certificate().to_pem());
    let own = folder.write("own.pem", who.certificate().to_pem());
    // Debian's xmlsec1 1.2 does not know RSASSA-PSS.
    if !text.contains("sha256-rsa-MGF1")
        && let Some((good, text)) =
            said("xmlsec1", &["--verify", "--id-attr:Id", "THONGTINHOSO", "--trusted-pem", &root, &file])
    {
        assert!(good, "{what}, xmlsec1: {text}");
    }
    // lxml, beneath signxml, loses namespaces of the surroundings in the inclusive form of an element.
    if exclusive && let Some((good, text)) = python(&["xml", &file, &own]) {
        assert!(good, "{what}, signxml: {text}");
    }
}

#[test]
fn claim_envelopes_are_signed_and_others_agree() {
    let family = Family::new();
    let mut people = vec![family.doctor("Con dấu")];
    for scheme in [Scheme::RsaPss(Hash::Sha256), Scheme::RsaPkcs1(Hash::Sha256)] {
        let key = rsa_key(2048).map(|k| k.with_scheme(scheme).expect("a scheme of RSA's"));
        people.extend(key.map(|k| family.person("Con dấu", k, Profile::Document, (-1, 100))));
    }
    for who in &people {
        for (exclusive, reference) in
            [(false, Reference::Whole), (true, Reference::Whole), (true, Reference::Id("hoso".to_owned()))]
        {
            let method = if exclusive { Method::exclusive() } else { Method::inclusive() };
            let whole = reference == Reference::Whole;
            let options = Options { reference, method, ..options(who, who.key.scheme()) };
            let signed = xml::sign(CLAIM, &options, &who.key).expect("a signature");
            let what = format!("{}, exclusive {exclusive}, whole {whole}", who.key.scheme().name());
            others_agree(&family, who, &signed, exclusive, &what);
            let found = xml::verify(&signed, &family.trust(&[]), family.now).expect("XML");
            let [one] = found.as_slice() else { panic!("{what}: {} signatures", found.len()) };
            assert!(one.is_good(), "{what}: {one:?}");
            let path = Covered::Element("GIAMDINHHS/THONGTINHOSO".to_owned());
            assert_eq!(one.covered, [if whole { Covered::Whole } else { path }], "{what}");
            // A changed digit.
            let changed = signed.replace("20261126", "20261127");
            let found = xml::verify(&changed, &family.trust(&[]), family.now).expect("XML");
            assert!(matches!(found[0].integrity, Err(mach_sign::Error::False(_))), "{what}");
        }
    }
}

#[test]
fn what_is_written_otherwise_and_says_the_same_is_the_same() {
    let family = Family::new();
    let who = family.doctor("Con dấu");
    let signed = xml::sign(CLAIM, &options(&who, Scheme::EcdsaP256Sha256), &who.key).expect("a signature");
    let other = signed
        .replace("a='1'", "a = \"1\"")
        .replace("<![CDATA[Nguyễn & Hường]]>", "Nguyễn &amp; Hường")
        .replace("?>\r\n", "?>");
    assert_ne!(other, signed);
    let found = xml::verify(&other, &family.trust(&[]), family.now).expect("XML");
    assert!(found[0].is_good(), "{found:?}");
}

#[test]
fn canonical_forms_of_the_recommendation() {
    // W3C, Canonical XML 1.0, examples 3.1, 3.3 (without its document type), 3.4.
    let cases = [
        (
            "<?xml version=\"1.0\"?>\n\n<?xml-stylesheet   href=\"doc.xsl\"\n   type=\"text/xsl\"   ?>\n\n<doc>Hello, \
             world!<!-- Comment 1 --></doc>\n\n<?pi-without-data     ?>\n\n<!-- Comment 2 -->\n",
            "<?xml-stylesheet href=\"doc.xsl\"\n   type=\"text/xsl\"   ?>\n<doc>Hello, world!</doc>\n<?pi-without-data?>",
        ),
        (
            "<doc>\n   <e1   />\n   <e2   ></e2>\n   <e3   name = \"elem3\"   id=\"elem3\"   />\n   <e5 a:attr=\"out\" \
             b:attr=\"sorted\" attr2=\"all\" attr=\"I'm\"\n      xmlns:b=\"http://www.ietf.org\"\n      \
             xmlns:a=\"http://www.w3.org\"\n      xmlns=\"http://example.org\"/>\n   <e6 xmlns=\"\" \
             xmlns:a=\"http://www.w3.org\"><e7 xmlns=\"http://www.ietf.org\"><e8 xmlns=\"\"><e9 xmlns=\"\" \
             attr=\"default\"/></e8></e7></e6>\n</doc>",
            "<doc>\n   <e1></e1>\n   <e2></e2>\n   <e3 id=\"elem3\" name=\"elem3\"></e3>\n   <e5 \
             xmlns=\"http://example.org\" xmlns:a=\"http://www.w3.org\" xmlns:b=\"http://www.ietf.org\" attr=\"I'm\" \
             attr2=\"all\" b:attr=\"sorted\" a:attr=\"out\"></e5>\n   <e6 xmlns:a=\"http://www.w3.org\"><e7 \
             xmlns=\"http://www.ietf.org\"><e8 xmlns=\"\"><e9 attr=\"default\"></e9></e8></e7></e6>\n</doc>",
        ),
        (
            "<doc>\n   <text>First line&#x0d;&#10;Second line</text>\n   <value>&#x32;</value>\n   \
             <compute><![CDATA[value>\"0\" && value<\"10\" ?\"valid\":\"error\"]]></compute>\n   <norm attr=' &apos;   \
             &#x20;&#13;&#xa;&#9;   &apos; '/>\n</doc>",
            "<doc>\n   <text>First line&#xD;\nSecond line</text>\n   <value>2</value>\n   <compute>value&gt;\"0\" \
             &amp;&amp; value&lt;\"10\" ?\"valid\":\"error\"</compute>\n   <norm attr=\" '    &#xD;&#xA;&#x9;   ' \
             \"></norm>\n</doc>",
        ),
    ];
    for (text, wanted) in cases {
        let made = of_text(text, &Method::inclusive()).expect("XML");
        assert_eq!(String::from_utf8(made).expect("UTF-8"), wanted);
    }
    // Exclusive XML Canonicalization 1.0, §2.2: the same element in two surroundings is one text.
    let inner = "<n1:elem2 xmlns:n1=\"http://example.net\" xml:lang=\"en\"><n3:stuff xmlns:n3=\"ftp://example.org\"></n3:stuff></n1:elem2>";
    for around in [
        "<n0:pdu xmlns:n0=\"http://a.example\">",
        "<n2:pdu xmlns:n1=\"http://example.com\" xmlns:n2=\"http://foo.example\" xml:space=\"retain\">",
    ] {
        let name = &around[1..7];
        let text = format!("{around}{inner}</{name}>");
        let document = roxmltree::Document::parse(&text).expect("XML");
        let node = document.root_element().first_element_child().expect("elem2");
        let made = canonicalize(node, &Method::exclusive(), None).expect("XML");
        assert_eq!(String::from_utf8(made).expect("UTF-8"), inner);
    }
}

#[test]
fn signature_wrapping_is_seen() {
    let family = Family::new();
    let who = family.doctor("Con dấu");
    let part = Options { reference: Reference::Id("hoso".to_owned()), ..options(&who, Scheme::EcdsaP256Sha256) };
    let signed = xml::sign(CLAIM, &part, &who.key).expect("a signature");
    let begin = signed.find("<THONGTINHOSO").expect("it");
    let end = signed.find("</THONGTINHOSO>").expect("it") + "</THONGTINHOSO>".len();
    let original = &signed[begin..end];
    let trust = family.trust(&[]);
    // The signed part is moved aside, and another stands in its place.
    let forged = original.replace("20261126", "20200101").replace(" Id=\"hoso\"", "");
    let moved = format!("{}{forged}{}", &signed[..begin], &signed[end..])
        .replace("</GIAMDINHHS>", &format!("<X>{original}</X></GIAMDINHHS>"));
    let found = xml::verify(&moved, &trust, family.now).expect("XML");
    assert!(found[0].integrity.is_ok(), "the digest still fits");
    assert_eq!(found[0].covered, [Covered::Element("GIAMDINHHS/X/THONGTINHOSO".to_owned())], "and it is told of what");
    assert!(!found[0].is_whole());
    // The same Id twice.
    let twice = signed.replacen("<THONGTINDONVI>", "<THONGTINDONVI Id=\"hoso\">", 1);
    let found = xml::verify(&twice, &trust, family.now).expect("XML");
    assert!(matches!(found[0].integrity, Err(mach_sign::Error::False(_))));
    // A signature of itself only covers nothing.
    let foreign = signed.replacen("URI=\"#hoso\"", "URI=\"http://example.org/\"", 1);
    let found = xml::verify(&foreign, &trust, family.now).expect("XML");
    assert!(found[0].integrity.is_err());
}

#[test]
fn hostile_documents_are_refused() {
    let trust = Family::new().trust(&[]);
    let deep = format!("{}{}", "<a>".repeat(300), "</a>".repeat(300));
    let dtd = "<!DOCTYPE a [<!ENTITY b \"x\">]><a>&b;</a>";
    for text in [deep.as_str(), dtd, "<a>", "", "not XML", "<a b='>'"] {
        assert!(xml::verify(text, &trust, 0).is_err(), "{text:.40}");
    }
    let at = format!("{}{}", "<a>".repeat(256), "</a>".repeat(256));
    assert!(xml::verify(&at, &trust, 0).expect("XML").is_empty());
    // Transforms that run programs are not run.
    let family = Family::new();
    let who = family.doctor("Con dấu");
    let signed = xml::sign(CLAIM, &options(&who, Scheme::EcdsaP256Sha256), &who.key).expect("a signature");
    for address in ["http://www.w3.org/TR/1999/REC-xslt-19991116", "http://www.w3.org/TR/1999/REC-xpath-19991116"] {
        let changed = signed.replacen("http://www.w3.org/2000/09/xmldsig#enveloped-signature", address, 1);
        let found = xml::verify(&changed, &family.trust(&[]), family.now).expect("XML");
        assert!(found[0].integrity.is_err(), "{address}");
    }
}
