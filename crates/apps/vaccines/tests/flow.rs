//! Vaccination against a real store: spreadsheets, doubts and their mending, passes one by one and in batch, who sees what.

use mach_access::{Act, Actor, Decision, Role, decide};
use mach_base::Day;
use mach_base::time::now_seconds;
use mach_fhir::validate::{Validator, is_valid};
use mach_fhir::{ResourceType, Tree};
use mach_people::Birth;
use mach_sign::hc1::{self, Code};
use mach_sign::trust::Trust;
use mach_store::vaccines::{self, File, Reason};
use mach_store::{Store, resources, schema};
use mach_vaccines::mend::{self, Card};
use mach_vaccines::{batch, import, keys, pass};
use std::panic::AssertUnwindSafe;
use std::path::PathBuf;

const HEAD: &str = "HO_TEN;NGAY_SINH;GIOI_TINH;SO_CCCD;VAC_XIN;MUI_SO;NGAY_TIEM;SO_LO;CO_SO_TIEM;MA_XA\n";

struct World {
    store: Store,
    facility: i64,
    nurse: Decision,
    stranger: Decision,
    console: Decision,
    folder: tempfile::TempDir,
    _home: mach_test_engines::Home,
}

fn of(role: Role, act: Act, facility: i64) -> Decision {
    let actor = Actor { account: 7, name: "Y sĩ".into(), role, facility: Some(facility), ..Actor::console() };
    decide(&actor, act).expect("the policy permits it")
}

impl World {
    fn new(home: mach_test_engines::Home) -> Self {
        let store = home.open();
        let console = decide(&Actor::console(), Act::Vaccinate).expect("the console may all");
        let ids =
            store.write(&console, |tx| Ok((schema::facility_id(tx, "46001")?, schema::facility_id(tx, "46002")?)));
        let (facility, other) = ids.expect("facilities");
        let (nurse, stranger) =
            (of(Role::Clinician, Act::Vaccinate, facility), of(Role::Clinician, Act::Vaccinate, other));
        let folder = tempfile::tempdir().expect("a folder");
        Self { store, facility, nurse, stranger, console, folder, _home: home }
    }

    fn file(&self, name: &str, rows: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, format!("{HEAD}{rows}")).expect("written");
        path
    }

    fn import(&self, by: &Decision, name: &str, rows: &str) -> File {
        let path = self.file(name, rows);
        import::import(&self.store, by, (&path, name), &mut |_| {}).expect("imported")
    }

    fn doubts(&self, by: &Decision) -> Vec<vaccines::Doubtful> {
        vaccines::doubts(&mut self.store.read(by).expect("a reader"), None, 0, 100).expect("read")
    }

    fn person(&self, number: &str) -> i64 {
        let mut reader = self.store.read(&self.console).expect("a reader");
        mach_people::by_exact_number(&mut reader, number).expect("read").expect("known")
    }

    fn doses(&self, by: &Decision, person: i64) -> Vec<vaccines::Dose> {
        vaccines::of_person(&mut self.store.read(by).expect("a reader"), person).expect("read")
    }

    fn body(&self, kind: ResourceType, id: &str) -> String {
        let mut reader = self.store.read(&self.console).expect("a reader");
        resources::get(&mut reader, kind, id).expect("read").expect("there").body
    }

    fn mend(&self, by: &Decision, id: i64, card: &Card) -> Result<Result<i64, mend::No>, mach_store::Error> {
        let card = card.clone();
        self.store.write(by, move |tx| mend::mend(tx, id, &card))
    }
}

fn both(test: impl Fn(World)) {
    test(World::new(mach_test_engines::Home::folder()));
    test(World::new(mach_test_engines::Home::postgres()));
}

#[test]
fn a_file_is_taken_row_by_row_and_only_once() {
    both(|world| {
        let rows = "Nguyễn Văn An;09/03/1985;Nam;046085000001;AstraZeneca;1;01/08/2021;L1;46001;19774\n\
            Nguyễn Văn An;09/03/1985;Nam;046085000001;AstraZeneca;2;01/10/2021;L2;46001;19774\n\
            Không Ngày Sinh;;Nam;046085000009;AstraZeneca;1;01/08/2021;L1;;\n\
            Của Nơi Khác;1990-01-01;2;046190000002;Pfizer;1;2021-08-01;L1;46002;\n\
            Trần Thị Bình;1990;2;;Pfizer;1;2021-08-01;L1;;19789\n";
        let file = world.import(&world.nurse, "a.csv", rows);
        assert_eq!((file.read, file.good, file.same, file.bad, file.doubts), (5, 3, 0, 2, 1));
        let mut reader = world.store.read(&world.nurse).expect("a reader");
        let faults = vaccines::faults(&mut reader, &file, (0, ""), 10).expect("read");
        let told: Vec<_> = faults.iter().map(|f| (f.line, f.field.as_str())).collect();
        assert_eq!(told, [(4, "NGAY_SINH"), (5, "CO_SO_TIEM")]);
        let rest = vaccines::faults(&mut reader, &file, (4, "NGAY_SINH"), 10).expect("read");
        assert_eq!(rest.iter().map(|f| f.line).collect::<Vec<_>>(), [5], "page by page");
        drop(reader);
        // The same file is read again where rows of it were refused: what refused them may be mended. No dose is made again.
        let anew = world.import(&world.nurse, "a.csv", rows);
        assert_eq!((anew.good, anew.same, anew.bad, anew.id == file.id), (0, 3, 2, false));
        let whole = "Phạm Văn Đủ;1980-01-01;1;046080000005;Pfizer;1;2021-08-01;L1;;\n";
        let whole = (world.import(&world.nurse, "w.csv", whole), world.import(&world.nurse, "w.csv", whole));
        assert_eq!(whole.0, whole.1, "one that was taken whole goes on where it was: nowhere");
        let again = world.import(&world.nurse, "b.csv", &format!("{rows}\n"));
        assert_eq!((again.good, again.same, again.bad), (0, 3, 2));
        let an = world.person("046085000001");
        assert_eq!(world.doses(&world.nurse, an).iter().map(|d| d.number).collect::<Vec<_>>(), [1, 2]);
        assert!(world.doses(&world.stranger, an).is_empty(), "another facility sees nothing");
        assert!(world.doubts(&world.stranger).is_empty() && world.doubts(&world.nurse).len() == 1);
        // Of the province: rows name their facility, which must be in the register.
        let file = world.import(
            &world.console,
            "c.csv",
            "Lê Văn Chi;1970-05-05;1;046070000003;Moderna;1;2021-09-01;M;99999;\nLê Văn Chi;1970-05-05;1;046070000003;Moderna;1;2021-09-01;M;46002;\n",
        );
        assert_eq!((file.good, file.bad), (1, 1));
        for dose in world.doses(&world.nurse, an) {
            let body = world.body(ResourceType::IMMUNIZATION, &vaccines::resource_id(&dose));
            let tree = Tree::parse(body.as_str()).expect("JSON");
            assert!(is_valid(&Validator::r4().validate(&tree, &[]).expect("R4")), "{body}");
        }
        let task = world.body(ResourceType::TASK, &mach_vaccines::bodies::task_id(world.doubts(&world.nurse)[0].id));
        assert!(
            is_valid(&Validator::r4().validate(&Tree::parse(task.as_str()).expect("JSON"), &[]).expect("R4")),
            "{task}"
        );
        let no_column = world.folder.path().join("d.csv");
        std::fs::write(&no_column, "HO_TEN\nAn\n").expect("written");
        let refused = import::import(&world.store, &world.nurse, (&no_column, "d.csv"), &mut |_| {});
        assert!(refused.is_err_and(|e| e.to_string().contains("NGAY_SINH")));
    });
}

/// Three transactions and a half.
fn long(people: usize) -> String {
    let rows = (0..people).map(|n| {
        let number = if n % 9 == 4 { String::new() } else { format!("0460{:02}{n:06}", 60 + n % 30) };
        format!("Người Thử {n};01/02/{};1;{number};Vero Cell;1;2021-08-01;L;46001;\n", 1960 + n % 30)
    });
    rows.collect()
}

#[test]
fn a_file_that_was_cut_off_goes_on_where_it_was() {
    both(|world| {
        let people = import::TOGETHER * 7 / 2;
        let path = world.file("long.csv", &long(people));
        let mut seen = 0;
        let cut = std::panic::catch_unwind(AssertUnwindSafe(|| {
            import::import(&world.store, &world.nurse, (&path, "long.csv"), &mut |file| {
                seen = file.read;
                assert!(file.read == 0, "cut off here");
            })
        }));
        assert!(cut.is_err() && seen > 0);
        let mut first = None;
        let file = import::import(&world.store, &world.nurse, (&path, "long.csv"), &mut |file| {
            first.get_or_insert(file.read);
        });
        let file = file.expect("imported");
        assert!(first.is_some_and(|n| n >= seen), "it began after what was kept");
        let count = i64::try_from(people).expect("small");
        assert_eq!((file.read, file.good, file.same, file.bad), (count, count, 0, 0));
        let counts = vaccines::counts(&mut world.store.read(&world.nurse).expect("a reader"), 0).expect("read");
        assert_eq!((counts[0], counts[1]), (count, file.doubts));
        assert_eq!(file.doubts, i64::try_from((0..people).filter(|n| n % 9 == 4).count()).expect("small"));
    });
}

#[test]
fn a_doubt_is_mended_or_merged_and_never_given_to_another() {
    both(|world| {
        let rows = "Nguyễn Văn An;09/03/1985;Nam;046085000001;AstraZeneca;1;01/08/2021;L1;;19774\n\
            Nguyễn Văn An;09/03/1985;Nam;46085;AstraZeneca;2;01/10/2021;L2;;19774\n\
            Nguyễn Văn An;09/03/1985;Nam;46085;AstraZeneca;1;01/08/2021;L1;;19774\n\
            Trần Thị Bình;01/01/1990;Nữ;046191000009;Pfizer;1;01/08/2021;L1;;19789\n\
            Lê Văn Chi;05/05/1970;Nam;;Pfizer;1;01/08/2021;L1;;\n";
        let file = world.import(&world.nurse, "a.csv", rows);
        assert_eq!((file.good, file.doubts), (5, 4), "one dose stands twice until it is known whose it is");
        let doubts = world.doubts(&world.nurse);
        let reasons: Vec<_> = doubts.iter().map(|d| d.reason).collect();
        assert_eq!(reasons, [Reason::Malformed, Reason::Contradicts, Reason::Missing]);
        let card = |number: &str, name: &str, born: &str, sex| {
            let day = Day::parse_iso(born).expect("a day");
            Card { number: number.into(), name: name.into(), birth: Birth { year: day.ymd().0, day: Some(day) }, sex }
        };
        let an = card("046085000001", "Nguyễn Văn An", "1985-03-09", 1);
        assert_eq!(world.mend(&world.stranger, doubts[0].id, &an).expect("asked"), Err(mend::No::Unknown));
        assert_eq!(
            world.mend(&world.nurse, doubts[0].id, &card("460", "A", "1985-03-09", 1)).expect("asked"),
            Err(mend::No::Number)
        );
        let merged = world.mend(&world.nurse, doubts[0].id, &an).expect("asked").expect("mended");
        assert_eq!(merged, world.person("046085000001"));
        assert_eq!(world.doses(&world.nurse, merged).iter().map(|d| d.number).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(world.mend(&world.nurse, doubts[0].id, &an).expect("asked"), Err(mend::No::Unknown), "only once");
        // Chi is not An, whatever is typed: nothing is kept.
        let wrong = card("046085000001", "Lê Văn Chi", "1985-12-12", 1);
        assert_eq!(world.mend(&world.nurse, doubts[2].id, &wrong).expect("asked"), Err(mend::No::Anothers));
        assert_eq!(world.doubts(&world.nurse).len(), 2);
        // A number that is nobody's, on a card of somebody else.
        let binh = card("046192000077", "Võ Thị Lạ", "1992-02-02", 2);
        assert_eq!(world.mend(&world.nurse, doubts[2].id, &binh).expect("asked"), Err(mend::No::NotTheirs));
        let chi = world.mend(&world.nurse, doubts[2].id, &card("046070000003", "Lê Văn Chi", "1970-05-05", 1));
        let chi = chi.expect("asked").expect("mended");
        assert_eq!((chi, world.doses(&world.nurse, chi).len()), (world.person("046070000003"), 1));
        // A dose that comes later without the number is known to be theirs.
        let file = world.import(&world.nurse, "b.csv", "Lê Văn Chi;05/05/1970;Nam;;Pfizer;2;01/10/2021;L1;;\n");
        assert_eq!((file.good, file.doubts, world.doses(&world.nurse, chi).len()), (1, 0, 2));
        // Undone as any other merge: both have what they had, and the doubt is open again.
        let mut reader = world.store.read(&world.console).expect("a reader");
        let merge = mach_people::merges(&mut reader, merged).expect("read").remove(0);
        drop(reader);
        let by = mach_people::By { account: 7, at: mach_base::Minute(29_000_000) };
        let undo = move |tx: &mut mach_store::Tx<'_>| {
            mach_people::undo_merge(tx, merge.id, by).map_err(|e| mach_store::Error::Files(e.to_string()))
        };
        let undone = world.store.write(&world.console, undo).expect("undone");
        let numbers = |person| world.doses(&world.nurse, person).iter().map(|d| d.number).collect::<Vec<_>>();
        assert_eq!((numbers(undone.keep), numbers(undone.lose)), (vec![1], vec![1, 2]));
        let open = world.doubts(&world.nurse);
        assert!(open.iter().any(|d| d.id == doubts[0].id && d.person == undone.lose), "{open:?}");
        // And settled again.
        assert_eq!(world.mend(&world.nurse, doubts[0].id, &an).expect("asked"), Ok(merged));
        assert_eq!(numbers(merged), [1, 2]);
    });
}

#[test]
fn passes_are_issued_in_batch_each_once_and_taken_back() {
    both(|world| {
        let people = batch::TOGETHER * 5 / 2;
        world.import(&world.nurse, "long.csv", &long(people));
        let data = world.folder.path();
        let signer = keys::make(data, "Thử").expect("a key");
        let officer = decide(&Actor::console(), Act::RunBatches).expect("permitted");
        assert!(batch::begin(&world.store, &officer, 1).expect("begun").is_some());
        assert!(batch::begin(&world.store, &officer, 1).expect("asked").is_none(), "one at a time");
        // Killed after the first transaction, and gone on with.
        let cut = std::panic::catch_unwind(AssertUnwindSafe(|| {
            batch::run(&world.store, &signer, &mut |b| assert!(b.made == 0, "cut off here"))
        }));
        assert!(cut.is_err());
        let done = batch::run(&world.store, &signer, &mut |_| {}).expect("run").expect("under way");
        let certain = i64::try_from((0..people).filter(|n| n % 9 != 4).count()).expect("small");
        assert_eq!((done.made, done.total, done.passed_over), (certain, certain, 0), "nobody in doubt, nobody twice");
        let counts = vaccines::counts(&mut world.store.read(&world.nurse).expect("a reader"), now_seconds());
        assert_eq!(counts.expect("read")[2], certain);
        assert!(batch::run(&world.store, &signer, &mut |_| {}).expect("run").is_none());
        assert!(batch::begin(&world.store, &officer, 1).expect("begun").is_some());
        assert!(batch::stop(&world.store, &officer).expect("stopped"));
        // One of them, read and checked by the trust list of the data folder alone.
        let person = world.person("046060000000");
        let mut reader = world.store.read(&world.nurse).expect("a reader");
        let row = vaccines::passes(&mut reader, person).expect("read").remove(0);
        let text = pass::text(&mut reader, &row).expect("its code");
        drop(reader);
        let root = mach_sign::certificate::Certificate::from_pem(
            &std::fs::read_to_string(data.join("trust/roots/own.pem")).expect("a root"),
        );
        let trust = Trust::in_anchors(root.expect("a certificate"));
        let report =
            Code::parse(&text).expect("read").verify(std::slice::from_ref(&signer.certificate), &trust, now_seconds());
        assert!(report.is_good());
        let body = world.body(ResourceType::DOCUMENT_REFERENCE, &mach_vaccines::bodies::pass_id(&row.code));
        assert!(
            is_valid(&Validator::r4().validate(&Tree::parse(body.as_str()).expect("JSON"), &[]).expect("R4")),
            "{body}"
        );
        // Once more by hand: there is one. Taken back, the list says so and another may be issued.
        let again = |world: &World, data: &std::path::Path| {
            let signer = keys::open(data).expect("read").expect("a key");
            let head = of(Role::Head, Act::IssuePasses, world.facility);
            world.store.write(&head, move |tx| pass::issue(tx, &signer, person)).expect("asked")
        };
        assert_eq!(again(&world, data), Err(pass::No::There));
        // Nor does another facility issue a second one.
        world.import(
            &world.stranger,
            "s.csv",
            "Người Thử 0;01/02/1960;1;046060000000;Vero Cell;2;2021-10-01;L;46002;\n",
        );
        let (other, key) =
            (of(Role::Head, Act::IssuePasses, dose_facility(&world)), keys::open(data).expect("read").expect("a key"));
        let second = world.store.write(&other, move |tx| pass::issue(tx, &key, person)).expect("asked");
        assert_eq!(second, Err(pass::No::There));
        let (code, other) = (row.code.clone(), row.code.clone());
        let stranger = world.store.write(&world.stranger, move |tx| pass::revoke(tx, &other, "x")).expect("asked");
        assert_eq!(stranger, Err(pass::No::Unknown));
        let head = of(Role::Head, Act::IssuePasses, world.facility);
        let mine = code.clone();
        world.store.write(&head, move |tx| pass::revoke(tx, &mine, "nhầm")).expect("asked").expect("taken back");
        let twice = world.store.write(&head, move |tx| pass::revoke(tx, &code, "nhầm")).expect("asked");
        assert_eq!(twice, Ok(person), "it stays taken back, however often it is asked");
        let list = pass::publish(&world.store, &signer, data).expect("published");
        let list = mach_sign::jws::verify(&list, None, &trust, now_seconds()).expect("a signature");
        assert!(list.is_good());
        let list: serde_json::Value = serde_json::from_slice(&list.payload).expect("JSON");
        assert_eq!(list["revoked"], serde_json::json!([hc1::mark(hc1::identifiers(&report.claims)[0])]));
        assert!(again(&world, data).is_ok());
        // A list that was lost or damaged is published again, one that is right is left alone.
        let heal = || pass::heal(&world.store, &signer, data);
        assert_eq!(heal(), Ok(false));
        std::fs::write(data.join(pass::LIST), "garbage").expect("written");
        assert_eq!((heal(), heal()), (Ok(true), Ok(false)));
        std::fs::remove_file(data.join(pass::LIST)).expect("removed");
        assert_eq!((heal(), heal()), (Ok(true), Ok(false)));
        // Nobody would believe a list of a key that is not on the shelf.
        let before = std::fs::read(data.join(pass::LIST)).expect("read");
        std::fs::remove_file(data.join("trust/signers/own.pem")).expect("removed");
        assert!(pass::publish(&world.store, &signer, data).is_err_and(|e| e.contains("trust/signers")));
        assert_eq!(std::fs::read(data.join(pass::LIST)).expect("read"), before);
    });
}

fn dose_facility(world: &World) -> i64 {
    world.stranger.scope().facility().expect("of a facility")
}

#[test]
fn many_who_take_passes_back_at_once_lose_none() {
    both(|world| {
        const PEOPLE: usize = 8;
        let rows: String = (0..PEOPLE)
            .map(|n| format!("Người Thử {n};01/02/1970;1;04607000000{n};Pfizer;1;2021-08-01;L;;\n"))
            .collect();
        world.import(&world.nurse, "a.csv", &rows);
        let data = world.folder.path();
        let signer = keys::make(data, "Thử").expect("a key");
        let officer = decide(&Actor::console(), Act::RunBatches).expect("permitted");
        batch::begin(&world.store, &officer, 1).expect("begun");
        batch::run(&world.store, &signer, &mut |_| {}).expect("run");
        let codes: Vec<String> = (0..PEOPLE)
            .map(|n| {
                let person = world.person(&format!("04607000000{n}"));
                vaccines::passes(&mut world.store.read(&world.console).expect("a reader"), person)
                    .expect("read")
                    .remove(0)
                    .code
            })
            .collect();
        let head = of(Role::Head, Act::IssuePasses, world.facility);
        std::thread::scope(|scope| {
            for code in codes.clone() {
                let (store, head, signer) = (&world.store, &head, &signer);
                scope.spawn(move || {
                    store.write(head, move |tx| pass::revoke(tx, &code, "x")).expect("asked").expect("taken back");
                    pass::publish(store, signer, data).expect("published");
                });
            }
        });
        let shelf = mach_house::trust::Shelf::read(&data.join("trust")).expect("a shelf");
        let known = shelf.revoked.expect("a list");
        assert!(codes.iter().all(|code| known.contains(&hc1::mark(&pass::identifier(code)))), "{known:?}");
        assert_eq!(std::fs::read_dir(data.join("trust/revoked")).expect("a folder").count(), 2, "a list and its lock");
    });
}

#[test]
fn a_batch_looks_again_before_it_keeps() {
    both(|world| {
        let people = batch::TOGETHER * 5 / 2;
        world.import(&world.nurse, "long.csv", &long(people));
        let signer = keys::make(world.folder.path(), "Thử").expect("a key");
        let officer = decide(&Actor::console(), Act::RunBatches).expect("permitted");
        batch::begin(&world.store, &officer, 1).expect("begun").expect("a batch");
        // The second few hundred are signed when the first are kept: meanwhile one of them gets a pass by hand.
        let person = world.person("046080000800");
        let (head, key) = (of(Role::Head, Act::IssuePasses, world.facility), keys::open(world.folder.path()));
        let mut key = key.expect("read");
        let done = batch::run(&world.store, &signer, &mut |b| {
            if b.made > 0
                && let Some(key) = key.take()
            {
                world.store.write(&head, move |tx| pass::issue(tx, &key, person)).expect("asked").expect("issued");
            }
        });
        let done = done.expect("run").expect("under way");
        let certain = i64::try_from((0..people).filter(|n| n % 9 != 4).count()).expect("small");
        assert_eq!((key.is_none(), done.made), (true, certain - 1));
        let passes = vaccines::passes(&mut world.store.read(&world.console).expect("a reader"), person).expect("read");
        assert_eq!(passes.len(), 1);
    });
}

#[test]
fn a_file_that_is_read_twice_at_once_is_read_once() {
    both(|world| {
        let path = world.file("a.csv", &long(10));
        let mut inner = None;
        let outer = import::import(&world.store, &world.nurse, (&path, "a.csv"), &mut |_| {
            if inner.is_none() {
                inner = Some(import::import(&world.store, &world.nurse, (&path, "a.csv"), &mut |_| {}));
            }
        });
        assert!(inner.is_some_and(|i| i.is_ok_and(|f| f.good == 10)));
        assert!(matches!(outer, Err(import::Refusal::Busy)), "{outer:?}");
        let counts = vaccines::counts(&mut world.store.read(&world.nurse).expect("a reader"), 0).expect("read");
        assert_eq!(counts[0], 10);
    });
}

#[test]
fn no_dose_is_another_persons() {
    both(|world| {
        let rows = "Nguyễn Văn An;09/03/1985;Nam;046085000001;AstraZeneca;1;01/08/2021;L1;;19774\n\
            John Smith;1980-01-01;1;B1234567;Pfizer;1;2021-08-01;L1;;\n";
        world.import(&world.nurse, "a.csv", rows);
        let (an, john) = (world.person("046085000001"), {
            let mut reader = world.store.read(&world.console).expect("a reader");
            mach_people::by_national(&mut reader, "B1234567").expect("read").expect("known")
        });
        // A corrected file corrects, and makes nothing twice.
        let file = world.import(&world.nurse, "b.csv", &rows.replace("01/08/2021;L1", "01/08/2021;L9"));
        assert_eq!((file.good, file.same), (1, 1));
        let doses = world.doses(&world.nurse, an);
        assert_eq!((doses.len(), doses[0].lot.as_str()), (1, "L9"));
        let body = world.body(ResourceType::IMMUNIZATION, &vaccines::resource_id(&doses[0]));
        assert!(body.contains("\"L9\"") && body.contains(&format!("dose-{}\"", doses[0].id)), "{body}");
        // Somebody else's number, of a citizen or on a passport: the row's person is in doubt, its owner as they were.
        let file = world.import(
            &world.nurse,
            "c.csv",
            "Trần Quốc Toản;09/03/1985;Nam;046085000001;AstraZeneca;2;01/10/2021;L1;;\n\
             Mary Major;1980-01-01;1;B1234567;Pfizer;2;2021-10-01;L1;;\n",
        );
        assert_eq!((file.good, file.doubts), (2, 2));
        assert!(world.doubts(&world.nurse).iter().all(|d| d.reason == Reason::Anothers));
        assert_eq!((world.doses(&world.nurse, an).len(), world.doses(&world.nurse, john).len()), (1, 1));
        let name = |person| {
            let mut reader = world.store.read(&world.console).expect("a reader");
            mach_store::people::person(&mut reader, person).expect("read").expect("there").name
        };
        assert_eq!((name(an), name(john)), ("Nguyễn Văn An".to_owned(), "John Smith".to_owned()));
        // Namesakes without numbers: who lives elsewhere is another; of whom nothing tells them apart it is said.
        let file = world.import(
            &world.nurse,
            "d.csv",
            "Lê Thị Hoa;1970;Nữ;;Pfizer;1;2021-08-01;L1;;19774\nLê Thị Hoa;1970;Nữ;;Pfizer;1;2021-08-01;L1;;19789\n\
             Lê Thị Hoa;1970;Nữ;;Pfizer;1;2021-08-01;L2;;19789\nLê Thị Hoa;1970;Nữ;;Pfizer;1;2021-08-01;L1;;19789\n",
        );
        assert_eq!((file.good, file.bad, file.same), (2, 1, 1));
        let faults = vaccines::faults(&mut world.store.read(&world.nurse).expect("a reader"), &file, (0, ""), 10);
        assert_eq!(faults.expect("read")[0].field, "SO_LO");
    });
}

#[test]
fn spreadsheets_and_broken_csv() {
    let world = World::new(mach_test_engines::Home::folder());
    let path = world.file("a.csv", "An;1985;1;;Pfizer;1;2021-08-01;L;;\nBình;\"1986;1;;Pfizer;1;2021-08-01;L;;\nChi;1987;1;;Pfizer;1;2021-08-01;L;;\n");
    let file = import::import(&world.store, &world.nurse, (&path, "a.csv"), &mut |_| {}).expect("imported");
    assert_eq!((file.good, file.bad), (1, 1));
    let faults =
        vaccines::faults(&mut world.store.read(&world.nurse).expect("a reader"), &file, (0, ""), 10).expect("read");
    assert!(faults[0].line == 3 && faults[0].why.contains("not closed"), "{faults:?}");
    let slid = world.import(&world.nurse, "b.csv", "An;1985;1;;Pfizer;1;2021-08-01;L;;;19774\n");
    assert_eq!((slid.good, slid.bad), (0, 1), "cells that slid beyond the headings");
}
