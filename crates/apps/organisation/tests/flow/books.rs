//! The spreadsheet.

use crate::common::{draft, row};
use mach_organisation::kinds::Kinds;
use mach_organisation::sheet::{DEPARTMENTS, Draft, SHEETS, STAFF};
use mach_organisation::{book, check, limits};
use mach_ui::Lang;
use std::io::Write;

#[test]
fn a_spreadsheet_says_the_same() {
    let draft = draft();
    let bytes = book::write(&draft).expect("written");
    let read = book::read(Lang::Vi, &bytes).expect("read");
    assert_eq!(read.draft, draft);
    assert_eq!(
        book::read(Lang::Vi, &book::write(&Draft::default()).expect("written")).expect("read").draft,
        Draft::default()
    );

    let mut wrong = draft;
    wrong.sheets[STAFF][1][6] = "NONE".to_owned();
    let read = book::read(Lang::En, &book::write(&wrong).expect("written")).expect("read");
    let faults: Vec<_> = check::check(Lang::En, &read.draft).iter().map(|f| read.fault(Lang::En, f)).collect();
    assert_eq!(faults.len(), 1);
    assert_eq!((faults[0].sheet.as_str(), faults[0].place.as_str()), ("Nhân viên", "G3 · Department code"));
    assert_eq!(SHEETS.len(), 6);
}

#[test]
fn a_choice_with_a_comma_is_one_choice() {
    let bytes = book::write(&Draft::default()).expect("written");
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(bytes)).expect("an archive");
    let mut part = |name: &str| {
        let mut text = String::new();
        std::io::Read::read_to_string(&mut archive.by_name(name).expect(name), &mut text).expect("text");
        text
    };
    let sheet = part("xl/worksheets/sheet1.xml");
    let kinds = Kinds::shared().kinds.len();
    let rule = format!("<formula1>'Danh sách chọn'!$A$1:$A${kinds}</formula1>");
    assert!(sheet.contains(&rule), "{sheet}");
    assert!(!sheet.contains("<formula1>\""), "no list that commas part");
    assert!(part("xl/sharedStrings.xml").contains("<t>Trạm y tế xã, phường</t>"));
    assert!(part("xl/workbook.xml").contains("Danh sách chọn"));
}

/// An archive of one sheet part with these bytes, deflated.
fn archive(parts: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in parts {
        zip.start_file(*name, zip::write::SimpleFileOptions::default()).expect("a part");
        zip.write_all(bytes).expect("written");
    }
    zip.finish().expect("an archive").into_inner()
}

#[test]
fn hostile_files_are_refused() {
    let told = |bytes: &[u8]| book::read(Lang::En, bytes).expect_err("refused")[0].text.clone();
    let (large, unreadable) =
        ("The file is too large.", "The file cannot be read: an Excel .xlsx file without a password is needed.");
    assert_eq!(told(b"no archive"), unreadable);
    assert_eq!(told(&vec![0; limits::BOOK_BYTES + 1]), large);
    let names: Vec<String> = (0..=limits::BOOK_PARTS).map(|n| format!("p{n}")).collect();
    let parts: Vec<(&str, &[u8])> = names.iter().map(|n| (n.as_str(), b"".as_slice())).collect();
    assert_eq!(told(&archive(&parts)), large);
    assert_eq!(told(&archive(&parts[1..])), unreadable);
    let entity = b"<!DOCTYPE x [<!ENTITY a 'b'>]><workbook>&a;</workbook>".as_slice();
    assert_eq!(told(&archive(&[("xl/workbook.xml", entity)])), unreadable);
    // What unpacks to more than may be.
    let size = usize::try_from(limits::BOOK_UNPACKED_BYTES).expect("a size");
    let padded = |spaces: usize| {
        let rows = format!("<row r=\"1\"><c r=\"A1\" t=\"n\"><v>1</v></c></row>{}", "<a/>".repeat(spaces / 4));
        told(&filled(Lang::Vi.t(SHEETS[DEPARTMENTS].label), &rows))
    };
    assert_eq!(padded(size), large);
    assert!(padded(size - 10_000).contains("no column"), "below the limit it is looked at");
}

/// A book of one sheet with these rows.
fn filled(name: &str, rows: &str) -> Vec<u8> {
    let workbook = format!("<workbook><sheets><sheet name=\"{name}\" r:id=\"a\"/></sheets></workbook>");
    let sheet = format!("<worksheet><sheetData>{rows}</sheetData></worksheet>");
    archive(&[
        ("xl/workbook.xml", workbook.as_bytes()),
        (
            "xl/_rels/workbook.xml.rels",
            b"<r><Relationship Id=\"a\" Type=\"x/worksheet\" Target=\"worksheets/sheet1.xml\"/></r>",
        ),
        ("xl/worksheets/sheet1.xml", sheet.as_bytes()),
    ])
}

#[test]
fn nothing_of_a_file_is_left_out_in_silence() {
    let text = |t: &str| format!("<c t=\"inlineStr\"><is><t>{t}</t></is></c>");
    let head = format!("<row>{}{}</row>", text("Mã ngắn"), text("Tên khoa, bộ phận"));
    let label = |n: usize| Lang::Vi.t(SHEETS[n].label).to_owned();
    let departments = label(DEPARTMENTS);
    let read = |name: &str, rows: &str| book::read(Lang::Vi, &filled(name, &format!("{head}{rows}")));
    // Rows and cells without their places, as the standard permits.
    let good = read(&departments, &format!("<row>{}{}</row>", text("K1"), text("Khoa khám")));
    let good = good.unwrap_or_else(|e| panic!("{e:?}"));
    assert_eq!(good.draft.sheets[DEPARTMENTS], [row(&["K1", "Khoa khám"])]);
    let number =
        read(&departments, "<row r=\"2\"><c r=\"A2\" t=\"n\"><v>12</v></c><c r=\"B2\" t=\"n\"><v>3.0</v></c></row>");
    assert_eq!(number.expect("read").draft.sheets[DEPARTMENTS], [row(&["12", "3"])]);
    for (name, rows, place) in [
        (departments.as_str(), format!("<row>{}<c t=\"e\"><v>#REF!</v></c></row>", text("K1")), "B2"),
        (&departments, format!("<row>{}{}{}</row>", text("K1"), text("Khoa"), text("ghi chú")), "C2"),
        (&departments, "<row r=\"2\"><c r=\"A2\" t=\"s\"><v>5</v></c></row>".to_owned(), "A2"),
        ("Trang khác", String::new(), "1"),
    ] {
        let faults = read(name, &rows).err().unwrap_or_else(|| panic!("{rows} is taken"));
        assert_eq!((faults[0].sheet.as_str(), faults[0].place.as_str()), (name, place), "{faults:?}");
    }
    assert!(book::read(Lang::Vi, &filled("Sheet1", "")).is_ok(), "an empty sheet says nothing");
}
