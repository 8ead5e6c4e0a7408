//! Facilities against a real store: made, read back, changed, undone, ended, refused; the same from a spreadsheet.

use mach_access::{Act, Actor, Decision, Role, decide};
use mach_base::Day;
use mach_fhir::validate::{Validator, is_valid};
use mach_fhir::{ResourceType, Tree};
use mach_organisation::keep::{self, By, Keys, No};
use mach_organisation::kinds::Kinds;
use mach_organisation::read;
use mach_organisation::sheet::{DEPARTMENTS, Draft, FACILITY, HOURS, ROOMS, SERVICES, SHEETS, STAFF};
use mach_organisation::{book, check, drafts, limits};
use mach_store::{Store, accounts, resources, schema};
use mach_ui::Lang;
use std::io::Write;

struct World {
    store: Store,
    admin: Decision,
}

fn by() -> By {
    By { account: 7, name: "Quản trị".into(), lang: Lang::Vi }
}

fn row(cells: &[&str]) -> Vec<String> {
    cells.iter().map(|c| (*c).to_owned()).collect()
}

fn draft() -> Draft {
    let mut draft = Draft::default();
    draft.sheets[FACILITY].push(row(&[
        "clinic",
        "Phòng khám Thử",
        "46X01",
        "8930000000002",
        "19789",
        "1 Lê Lợi",
        "0234",
        "2026-01-01",
    ]));
    draft.install(Kinds::shared().kind("clinic").expect("a kind"));
    draft.sheets[SERVICES][0][2] = "45000".to_owned();
    draft.sheets[STAFF] = vec![
        row(&[
            "Trần Thị Bình",
            "nurse",
            "0002/H-GPHN",
            "Điều dưỡng",
            "2020-01-01",
            "2030-01-01",
            "KB",
            "T2-T6 07:00-11:30; T7 07:00-11:00",
            "dd.binh",
            "clinician",
        ]),
        row(&["Nguyễn Văn An", "doctor", "0001/H-GPHN", "Nội khoa", "2019-05-01", "", "KB", "", "", ""]),
    ];
    draft
}

/// The draft as it is read back: sorted, without what accounts were asked for.
fn expected(mut draft: Draft) -> Draft {
    for n in [DEPARTMENTS, ROOMS, SERVICES] {
        draft.sheets[n].sort();
    }
    draft.sheets[SERVICES].iter_mut().filter(|r| r[2].is_empty()).for_each(|r| r[3].clear());
    draft.sheets[STAFF].sort_by_key(|r| mach_base::text::name_key(&r[0]));
    draft.sheets[STAFF].iter_mut().for_each(|r| r[8..].iter_mut().for_each(String::clear));
    draft
}

impl World {
    fn new(home: &mach_test_engines::Home) -> Self {
        let admin = decide(&Actor { account: 7, role: Role::Administrator, ..Actor::console() }, Act::Administer);
        Self { store: home.open(), admin: admin.expect("administrators look after facilities") }
    }

    fn install(&self, draft: &Draft) -> Result<Vec<keep::Opened>, Vec<check::Flaw>> {
        let (draft, keys) = (draft.clone(), Keys::of(draft).expect("keys"));
        self.store.write(&self.admin, move |tx| keep::install(tx, &draft, &keys, &by())).expect("written")
    }

    fn facility(&self, code: &str) -> Option<read::Facility> {
        let mut reader = self.store.read(&self.admin).expect("a reader");
        let scope = reader.scope();
        read::facility(&mut reader, scope, code).expect("read")
    }

    fn change(&self, sheet: usize, rows: Draft, seen: &str) -> Result<(), No> {
        let seen = seen.to_owned();
        self.store.write(&self.admin, move |tx| keep::change(tx, "46X01", sheet, rows, &seen, &by())).expect("written")
    }

    fn undo(&self) -> Result<(), No> {
        self.store.write(&self.admin, |tx| keep::undo(tx, "46X01", &by())).expect("written")
    }
}

fn a_facility_lives(home: &mach_test_engines::Home) {
    let world = World::new(home);
    let draft = draft();
    assert_eq!(check::check(Lang::Vi, &draft), []);
    let opened = world.install(&draft).expect("made");
    assert_eq!(opened.iter().map(|o| o.name.as_str()).collect::<Vec<_>>(), ["dd.binh"]);
    let facility = world.facility("46X01").expect("there");
    assert_eq!(facility.draft, expected(draft.clone()));

    // What is stored is FHIR, and the account is the practitioner.
    for part in &facility.parts {
        let text = part.body.to_string();
        let outcome = Validator::r4().validate(&Tree::parse(&text).expect("JSON"), &[]).expect("usable");
        assert!(is_valid(&outcome), "{} {}: {outcome:?}", part.kind.name(), part.id);
        assert!(part.id.len() <= 20, "{}", part.id);
    }
    let mut reader = world.store.read(&world.admin).expect("a reader");
    assert!(accounts::by_name(&mut reader, "dd.binh").expect("read").is_some());
    assert!(
        world.install(&draft).is_err_and(|f| f.iter().any(|f| f.col == "code") && f.iter().any(|f| f.col == "account"))
    );

    // A room goes, one bed more; the room's parts end and stay.
    let mut rows = facility.draft.clone();
    rows.sheets[ROOMS].retain(|r| r[0] != "XN01");
    rows.sheets[ROOMS].iter_mut().filter(|r| r[0] == "P03").for_each(|r| r[3] = "3".to_owned());
    let seen = keep::mark(&facility);
    assert_eq!(world.change(ROOMS, rows.clone(), &seen), Ok(()));
    assert_eq!(world.change(ROOMS, rows.clone(), &seen), Err(No::Changed));
    let changed = world.facility("46X01").expect("there");
    assert_eq!(changed.draft.sheets[ROOMS], rows.sheets[ROOMS]);
    assert!(changed.parts.iter().any(|p| p.id == "f46X01-r-XN01" && p.body["status"] == "inactive"));

    // Undone, and done again.
    assert_eq!(world.undo(), Ok(()));
    assert_eq!(world.facility("46X01").expect("there").draft, facility.draft);
    assert_eq!(world.undo(), Ok(()));
    assert_eq!(world.facility("46X01").expect("there").draft, changed.draft);

    // A department that staff work in cannot go.
    let now = world.facility("46X01").expect("there");
    let mut rows = now.draft.clone();
    rows.sheets[DEPARTMENTS].retain(|r| r[0] != "KB");
    assert!(
        matches!(world.change(DEPARTMENTS, rows, &keep::mark(&now)), Err(No::Flaws(f)) if f.iter().any(|f| f.sheet == STAFF))
    );
}

fn codes_and_ends(home: &mach_test_engines::Home) {
    let world = World::new(home);
    world.install(&draft()).expect("made");
    let system = mach_organisation::bodies::system("facility");
    let from = Day::from_ymd(2026, 7, 1).expect("a day");
    let recode = world.store.write(&world.admin, move |tx| keep::recode(tx, "46X01", system, "46X99", from, &by()));
    assert_eq!(recode.expect("written"), Ok(()));
    let facility = world.facility("46X01").expect("there");
    let mut codes: Vec<_> = facility
        .codes
        .iter()
        .filter(|c| c.system == system)
        .map(|c| (c.value.as_str(), c.from.as_str(), c.to.as_str()))
        .collect();
    codes.sort_unstable();
    assert_eq!(codes, [("46X01", "2026-01-01", "2026-06-30"), ("46X99", "2026-07-01", "")]);
    // An edit of the facility keeps both.
    let mut rows = facility.draft.clone();
    rows.sheets[FACILITY][0][1] = "Phòng khám Thử nghiệm".to_owned();
    assert_eq!(world.change(FACILITY, rows, &keep::mark(&facility)), Ok(()));
    assert_eq!(world.facility("46X01").expect("there").codes.len(), facility.codes.len());

    let last = Day::from_ymd(2026, 9, 30).expect("a day");
    let close = world.store.write(&world.admin, move |tx| keep::close(tx, "46X01", last, "46001", &by()));
    assert_eq!(close.expect("written"), Ok(()));
    let ended = world.facility("46X01").expect("there");
    assert_eq!((ended.until, ended.successor.as_str()), (Some(last), "46001"));
    assert_eq!(ended.draft.facility("from"), "2026-01-01");
    assert_eq!(world.undo(), Ok(()));
    assert_eq!(world.facility("46X01").expect("there").until, None);
}

fn nothing_is_stored_of_a_wrong_one(home: &mach_test_engines::Home) {
    let world = World::new(home);
    let mut wrong = draft();
    wrong.sheets[STAFF][0][2].clear();
    wrong.sheets[STAFF][1][6] = "NONE".to_owned();
    wrong.sheets[FACILITY][0][3] = "8930000000003".to_owned();
    wrong.sheets[HOURS][0][2] = "06:00".to_owned();
    let places: Vec<_> = world.install(&wrong).expect_err("refused").iter().map(|f| (f.sheet, f.row, f.col)).collect();
    assert_eq!(places, [(FACILITY, 0, "gln"), (STAFF, 0, "licence"), (STAFF, 1, "department"), (HOURS, 0, "from")]);
    assert!(world.facility("46X01").is_none());
    let mut reader = world.store.read(&world.admin).expect("a reader");
    assert!(accounts::by_name(&mut reader, "dd.binh").expect("read").is_none());
    assert_eq!(schema::facility_of_code(&mut reader, "46X01").expect("read"), None);

    // Taken back, a new facility is as if it had never been, and its versions are there.
    world.install(&draft()).expect("made");
    assert_eq!(world.undo(), Ok(()));
    assert!(world.facility("46X01").is_none());
    let history = resources::history(
        &mut world.store.read(&world.admin).expect("a reader"),
        ResourceType::ORGANIZATION,
        "f46X01",
    );
    assert_eq!(history.expect("read").len(), 2);
}

fn drafts_keep_what_was_typed(home: &mach_test_engines::Home) {
    let world = World::new(home);
    let mut half = draft();
    half.sheets[STAFF].push(row(&["\"Lê, \nC\"", "", "", "", "", "", "", "", "", ""]));
    let kept = half.clone();
    let id = drafts::new_id().expect("random");
    let name = id.clone();
    assert!(world.store.write(&world.admin, move |tx| drafts::keep(tx, &name, &kept, "A")).expect("written"));
    let mut reader = world.store.read(&world.admin).expect("a reader");
    assert_eq!(drafts::load(&mut reader, &id).expect("read"), Some(half));
    drop(reader);
    let many = world.store.write(&world.admin, move |tx| {
        for _ in 1..limits::DRAFTS {
            assert!(drafts::keep(tx, &drafts::new_id()?, &Draft::default(), "A")?);
        }
        Ok((drafts::keep(tx, &drafts::new_id()?, &Draft::default(), "A")?, drafts::keep(tx, &id, &draft(), "A")?))
    });
    assert_eq!(many.expect("written"), (false, true), "no more, but those that are there go on");
}

#[test]
fn limits_of_rows_and_cells() {
    let with = |n: usize| {
        let mut draft = draft();
        draft.sheets[SERVICES] = (0..n).map(|i| row(&[&format!("S{i}"), "Dịch vụ", "1", ""])).collect();
        check::check(Lang::En, &draft).len()
    };
    assert_eq!((with(limits::ROWS), with(limits::ROWS + 1)), (0, 1));
    for (sheet, at, fits, over) in [
        (ROOMS, 3, limits::BEDS.to_string(), (limits::BEDS + 1).to_string()),
        (ROOMS, 1, "x".repeat(limits::CELL_CHARS), "x".repeat(limits::CELL_CHARS + 1)),
        (SERVICES, 2, limits::PRICE.to_string(), (limits::PRICE + 1).to_string()),
        (ROOMS, 1, "a=b".to_owned(), "=1+1".to_owned()),
    ] {
        for (text, flaws) in [(fits, 0), (over, 1)] {
            let mut draft = draft();
            draft.sheets[sheet][0][at] = text.clone();
            assert_eq!(check::check(Lang::Vi, &draft).len(), flaws, "{text}");
        }
    }
    let accounts = |n: usize| {
        let mut draft = draft();
        let one = |i: usize| row(&[&format!("Lê {i}"), "clerk", "", "", "", "", "", "", &format!("u{i}"), "operator"]);
        draft.sheets[STAFF] = (0..n).map(one).collect();
        check::check(Lang::Vi, &draft).len()
    };
    assert_eq!((accounts(limits::ACCOUNTS), accounts(limits::ACCOUNTS + 1)), (0, 1));
}

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

mach_test_engines::on_both_engines!(
    a_facility_lives,
    codes_and_ends,
    nothing_is_stored_of_a_wrong_one,
    drafts_keep_what_was_typed
);
