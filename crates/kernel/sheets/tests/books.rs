//! Books as writers make them, as the standard lets others make them, and as nobody should.

use mach_sheets::{Book, Kind, Limits, ROW_BYTES, Table, Wrong};
use std::io::{Cursor, Write};

const LIMITS: Limits = Limits { parts: 50, unpacked: 8 << 20, strings: 1 << 20 };
const LINKS: &str = r#"<Relationships xmlns="x"><Relationship Id="r1" Type="http://x/worksheet" Target="worksheets/sheet1.xml"/><Relationship Id="r2" Type="http://x/sharedStrings" Target="sharedStrings.xml"/><Relationship Id="r3" Type="http://x/styles" Target="styles.xml"/></Relationships>"#;
const STYLES: &str = r#"<styleSheet><numFmts><numFmt numFmtId="165" formatCode="dd/mm/yyyy"/><numFmt numFmtId="166" formatCode="0.0"/></numFmts><cellStyleXfs><xf numFmtId="14"/></cellStyleXfs><cellXfs><xf numFmtId="0"/><xf numFmtId="165"/><xf numFmtId="14"/><xf numFmtId="166"/></cellXfs></styleSheet>"#;

fn archive(parts: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in parts {
        zip.start_file(*name, zip::write::SimpleFileOptions::default()).expect("a part");
        zip.write_all(bytes).expect("written");
    }
    zip.finish().expect("an archive").into_inner()
}

/// A book of one sheet with these rows and shared texts.
fn book(properties: &str, strings: &str, rows: &str) -> Vec<u8> {
    let workbook = format!(
        "<workbook xmlns:r=\"r\"><workbookPr {properties}/><sheets><sheet name=\"Tiêm &amp; chủng\" sheetId=\"1\" r:id=\"r1\"/></sheets></workbook>"
    );
    let strings = format!("<sst count=\"4000000000\" uniqueCount=\"4000000000\">{strings}</sst>");
    let sheet = format!("<worksheet><dimension ref=\"A1:XFD1048576\"/><sheetData>{rows}</sheetData></worksheet>");
    archive(&[
        ("[Content_Types].xml", b"<Types/>"),
        ("xl/workbook.xml", workbook.as_bytes()),
        ("xl/_rels/workbook.xml.rels", LINKS.as_bytes()),
        ("xl/SharedStrings.xml", strings.as_bytes()),
        ("xl/styles.xml", STYLES.as_bytes()),
        ("xl/worksheets/sheet1.xml", sheet.as_bytes()),
    ])
}

type Read = Result<Vec<(u32, Vec<(u32, String, Kind)>)>, Wrong>;

fn read_with(bytes: &[u8], limits: &Limits) -> Read {
    let mut book = Book::open(Cursor::new(bytes), limits)?;
    let owned = |row: mach_sheets::Row<'_>| {
        (row.number, row.cells.into_iter().map(|(c, cell)| (c, cell.text.into_owned(), cell.kind)).collect())
    };
    book.rows(0)?.map(|row| row.map(owned)).collect()
}

fn read(bytes: &[u8]) -> Read {
    read_with(bytes, &LIMITS)
}

#[test]
fn every_kind_of_cell_is_read() {
    let strings = "<si><t>một</t></si><si><r><t>hai </t></r><r><t>ba</t></r></si>";
    let rows = r#"<row r="2"><c r="B2" t="s"><v>1</v></c><c r="D2"><v>46085000001</v></c><c r="E2" t="n"><v>4.6085E+10</v></c></row>
        <row><c t="inlineStr"><is><t>bốn</t></is></c><c t="str"><f>A1</f><v>n&#259;m</v></c><c t="b"><v>1</v></c><c t="e"><v>#N/A</v></c><c/></row>
        <row r="9"><c r="A9" s="1"><v>46023.5</v></c><c r="B9" s="2" t="n"><v>46023</v></c><c r="C9" s="3"><v>2.50</v></c><c r="D9" s="0"><v>2.0</v></c><c r="E9" t="d"><v>2026-01-01</v></c><c r="F9" t="s"/></row>"#;
    let one = |column, text: &str, kind| (column, text.to_owned(), kind);
    let wanted = vec![
        (
            2,
            vec![
                one(1, "hai ba", Kind::Text),
                one(3, "46085000001", Kind::Number),
                one(4, "46085000000", Kind::Number),
            ],
        ),
        (
            3,
            vec![
                one(0, "bốn", Kind::Text),
                one(1, "năm", Kind::Text),
                one(2, "TRUE", Kind::Bool),
                one(3, "#N/A", Kind::Error),
            ],
        ),
        (
            9,
            vec![
                one(0, "2026-01-01", Kind::Day),
                one(1, "2026-01-01", Kind::Day),
                one(2, "2.5", Kind::Number),
                one(3, "2", Kind::Number),
                one(4, "2026-01-01", Kind::Text),
            ],
        ),
    ];
    assert_eq!(read(&book("", strings, rows)), Ok(wanted));
    let days = r#"<row r="1"><c r="A1" s="1"><v>44561</v></c></row>"#;
    let found = read(&book("date1904=\"1\"", "", days)).expect("read");
    assert_eq!(found[0].1, [one(0, "2026-01-01", Kind::Day)], "days of the Macintosh");
    assert_eq!(
        Book::open(Cursor::new(book("", "", "")), &LIMITS).expect("a book").sheets().collect::<Vec<_>>(),
        ["Tiêm & chủng"]
    );
}

#[test]
fn a_cell_that_cannot_be_read_is_told_with_its_place() {
    for (rows, at) in [
        (r#"<row r="1"><c r="A1" t="s"><v>7</v></c></row>"#, "A1"),
        (r#"<row r="1"><c r="A1"/><c r="C1" t="n"><v>abc</v></c></row>"#, "C1"),
        (r#"<row r="1"><c r="A1" t="b"><v>2</v></c></row>"#, "A1"),
        (r#"<row r="1"><c r="A1" t="zz"><v>2</v></c></row>"#, "A1"),
        (r#"<row r="1"><c r="A2"><v>2</v></c></row>"#, "A2"),
        (r#"<row r="1"><c r="B1"><v>2</v></c><c r="A1"><v>2</v></c></row>"#, "A1"),
        (r#"<row r="2"/><row r="2"><c><v>2</v></c></row>"#, "2"),
        (r#"<row r="1048577"><c><v>2</v></c></row>"#, "1048577"),
        (r#"<row r="x"/>"#, "x"),
        (r#"<row r="1"><c r="XFD1"><v>1</v></c><c><v>1</v></c></row>"#, "XFE1"),
    ] {
        match read(&book("", "", rows)) {
            Err(Wrong::Place { sheet, place, .. }) => {
                assert_eq!((sheet.as_str(), place.as_str()), ("Tiêm & chủng", at))
            }
            other => panic!("{rows}: {other:?}"),
        }
    }
    for rows in ["<row r=\"1\"><c r=\"A1\"><v>1", "<row r=\"1\"><c r=\"A1\"><v>&x;</v></c></row>"] {
        assert!(matches!(read(&book("", "", rows)), Err(Wrong::Unreadable(_))), "{rows}");
    }
    assert!(matches!(read(b"PK\x03\x04 no archive"), Err(Wrong::Unreadable(_))));
    assert!(matches!(read(&archive(&[("a", b"b")])), Err(Wrong::Unreadable(_))));
    let entity = b"<!DOCTYPE x [<!ENTITY a 'b'>]><workbook>&a;</workbook>".as_slice();
    assert!(matches!(read(&archive(&[("xl/workbook.xml", entity)])), Err(Wrong::Unreadable(_))));
}

#[test]
fn what_a_file_may_take_is_bounded_at_each_limit() {
    let parts = |n: usize| {
        let names: Vec<String> = (0..n).map(|n| format!("p{n}")).collect();
        let parts: Vec<(&str, &[u8])> = names.iter().map(|n| (n.as_str(), b"".as_slice())).collect();
        read(&archive(&parts))
    };
    assert!(matches!(parts(LIMITS.parts), Err(Wrong::Unreadable(_))), "at the limit it is looked at");
    assert_eq!(parts(LIMITS.parts + 1), Err(Wrong::Large("parts")));
    assert_eq!(parts(LIMITS.parts + 100), Err(Wrong::Large("parts")), "before its directory is laid out");
    // All parts together.
    let rows = "<row r=\"1\"><c><v>1</v></c></row>";
    let bytes = book("", "", rows);
    let fits = |unpacked| read_with(&bytes, &Limits { unpacked, ..LIMITS });
    let least = (0..4_000).find(|n| fits(*n).is_ok()).expect("it fits somewhere");
    assert_eq!(fits(least - 1), Err(Wrong::Large("bytes unpacked")));
    // Shared texts: each takes its bytes and four more.
    let strings = |n: usize| read(&book("", &"<si><t>0123456789ab</t></si>".repeat(n), rows)).map(|r| r.len());
    assert_eq!(
        (strings(LIMITS.strings / 16), strings(LIMITS.strings / 16 + 1)),
        (Ok(1), Err(Wrong::Large("shared texts")))
    );
    // A text of a hundred KB shown by every cell takes its hundred KB once.
    let text = format!("<si><t>{}</t></si>", "x".repeat(100_000));
    let cells: String = (1..=100_000).map(|n| format!("<row r=\"{n}\"><c t=\"s\"><v>0</v></c></row>")).collect();
    let bytes = book("", &text, &cells);
    let mut opened = Book::open(Cursor::new(&bytes), &LIMITS).expect("opened");
    let mut shown = 0_usize;
    for row in opened.rows(0).expect("rows") {
        let row = row.expect("a row");
        assert!(matches!(row.cells[0].1.text, std::borrow::Cow::Borrowed(_)), "none is copied");
        shown += row.cells[0].1.text.len();
    }
    assert_eq!(shown, 10_000_000_000);
    // A row's own texts.
    let row = |n: usize| {
        let cells = format!("<c t=\"inlineStr\"><is><t>{}</t></is></c>", "x".repeat(1 << 10)).repeat(n);
        read(&book("", "", &format!("<row>{cells}</row>"))).map(|r| r.len())
    };
    assert_eq!((row(ROW_BYTES >> 10), row((ROW_BYTES >> 10) + 1)), (Ok(1), Err(Wrong::Large("bytes of one row"))));
    // Two cells at the far corners take no more than two cells.
    let corners =
        "<row r=\"1\"><c r=\"A1\"><v>1</v></c></row><row r=\"1048576\"><c r=\"XFD1048576\"><v>2</v></c></row>";
    assert_eq!(read(&book("", "", corners)).map(|r| r.iter().map(|r| r.1.len()).sum::<usize>()), Ok(2));
}

#[test]
fn a_table_is_the_sheet_with_its_headings() {
    let made = |names: &[(&str, &str)]| {
        let mut book = rust_xlsxwriter::Workbook::new();
        for (name, head) in names {
            let sheet = book.add_worksheet();
            sheet.set_name(*name).expect("a name");
            sheet.write_string(0, 0, *head).expect("written");
            sheet.write_number(2, 1, 46_085_000_001.0).expect("written");
        }
        book.save_to_buffer().expect("written")
    };
    let open = |bytes: Vec<u8>| Table::open(Cursor::new(bytes), &LIMITS, &|head| head[0] == "HO_TEN");
    let lines = |bytes: Vec<u8>| open(bytes).expect("opened").lines().expect("lines").collect::<Vec<_>>();
    let row = |cells: &[&str]| Ok(cells.iter().map(|c| (*c).to_owned()).collect::<Vec<_>>());
    let wanted = vec![(1, row(&["HO_TEN"])), (3, row(&["", "46085000001"]))];
    assert_eq!(lines(made(&[("Hướng dẫn", "Cách điền"), ("Dữ liệu", "HO_TEN")])), wanted);
    assert_eq!(
        lines(made(&[("Một", "x")]))[0],
        (1, row(&["x"])),
        "none has them: the first, so that it is told what lacks"
    );
    match open(made(&[("Một", "HO_TEN"), ("Hai", "HO_TEN")])).err() {
        Some(Wrong::Place { sheet, why, .. }) => assert!(sheet == "Hai" && why.contains("Một")),
        other => panic!("{other:?}"),
    }
    assert_eq!(lines(b"HO_TEN;B\nAn;1\n".to_vec()), [(1, row(&["HO_TEN", "B"])), (2, row(&["An", "1"]))]);
    assert!(matches!(open(b"\xd0\xcf\x11\xe0\xa1\xb1".to_vec()).err(), Some(Wrong::Unreadable(_))));
    let broken =
        "<row r=\"1\"><c t=\"inlineStr\"><is><t>HO_TEN</t></is></c></row><row r=\"2\"><c t=\"s\"><v>9</v></c></row>";
    let told = lines(book("", "", broken));
    assert_eq!(told.len(), 2);
    assert!(
        told[1].0 == 2 && told[1].1.as_ref().is_err_and(|e| e.contains("A2") && e.contains("not read")),
        "{told:?}"
    );
    let cells = |n: usize| (0..n).map(|n| if n == 3 { "x".to_owned() } else { String::new() }).collect::<Vec<_>>();
    assert_eq!((mach_sheets::beyond(3, &cells(5)), mach_sheets::beyond(4, &cells(5))), (Some("D".to_owned()), None));
}
