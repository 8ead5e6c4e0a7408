//! A facility from its making to its end.

use crate::common::{World, by, draft, draft_of, expected, row, without_ids};
use mach_base::Day;
use mach_fhir::validate::{Validator, is_valid};
use mach_fhir::{ResourceType, Tree};
use mach_organisation::keep::{self, No};
use mach_organisation::read;
use mach_organisation::sheet::{DEPARTMENTS, Draft, FACILITY, HOURS, ROOMS, SERVICES, STAFF};
use mach_organisation::{check, drafts, limits};
use mach_store::{accounts, resources, schema};
use mach_ui::Lang;

fn a_facility_lives(home: &mach_test_engines::Home) {
    let world = World::new(home);
    let draft = draft();
    assert_eq!(check::check(Lang::Vi, &draft), []);
    let opened = world.install(&draft).expect("made");
    assert_eq!(opened.iter().map(|o| o.name.as_str()).collect::<Vec<_>>(), ["dd.binh"]);
    let facility = world.facility("46X01").expect("there");
    assert_eq!(without_ids(&facility.draft), expected(draft.clone()));

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
    let gln = mach_organisation::bodies::system("facility-gln");
    world.install(&draft_of("46X02")).expect("made");
    let wrong = |done: Result<(), No>| match done {
        Err(No::Flaws(flaws)) => flaws[0].col,
        other => panic!("{other:?}"),
    };
    assert_eq!(wrong(world.recode(system, "46X01", from)), "value", "the one in use");
    assert_eq!(wrong(world.recode(system, "46X02", from)), "value", "another's, set up here");
    assert_eq!(wrong(world.recode(system, "46001", from)), "value", "another's, of the register");
    assert_eq!(wrong(world.recode(system, "46X99", Day::from_ymd(2026, 1, 1).expect("a day"))), "from");
    assert_eq!(world.recode(system, "46X99", from), Ok(()));
    let facility = world.facility("46X01").expect("there");
    let mut codes: Vec<_> = facility
        .codes
        .iter()
        .filter(|c| c.system == system)
        .map(|c| (c.value.as_str(), c.from.as_str(), c.to.as_str()))
        .collect();
    codes.sort_unstable();
    assert_eq!(codes, [("46X01", "2026-01-01", "2026-06-30"), ("46X99", "2026-07-01", "")]);
    // It is found by the new code, and nobody else gets it.
    let mut reader = world.store.read(&world.admin).expect("a reader");
    assert_eq!(read::kept_under(&mut reader, "46X99").expect("read").as_deref(), Some("46X01"));
    assert_eq!(read::kept_under(&mut reader, "46X01").expect("read"), None);
    drop(reader);
    assert!(world.install(&draft_of("46X99")).is_err_and(|f| f[0].col == "code"));
    // An edit of the facility keeps both.
    let mut rows = facility.draft.clone();
    rows.sheets[FACILITY][0][1] = "Phòng khám Thử nghiệm".to_owned();
    assert_eq!(world.change(FACILITY, rows, &keep::mark(&facility)), Ok(()));
    assert_eq!(world.facility("46X01").expect("there").codes.len(), facility.codes.len());

    let last = Day::from_ymd(2026, 9, 30).expect("a day");
    assert_eq!(wrong(world.close(Day::from_ymd(2025, 12, 31).expect("a day"), "")), "last");
    assert_eq!(wrong(world.close(last, "46X01")), "successor");
    assert_eq!(wrong(world.close(last, "99X99")), "successor");
    assert_eq!(world.close(last, "46001"), Ok(()));
    let ended = world.facility("46X01").expect("there");
    assert_eq!((ended.until, ended.successor.as_str()), (Some(last), "46001"));
    assert_eq!(ended.draft.facility("from"), "2026-01-01");
    // Ended, it is not at work again because its telephone was corrected.
    let organization = |world: &World| world.body(ResourceType::ORGANIZATION, "f46X01");
    assert_eq!(organization(&world)["active"], false);
    assert_eq!(world.edit(FACILITY, |rows| rows[0][6] = "0235".to_owned()), Ok(()));
    assert_eq!(
        (organization(&world)["active"].clone(), world.facility("46X01").expect("there").until),
        (false.into(), Some(last))
    );
    assert_eq!(world.undo(), Ok(()));
    assert_eq!(world.undo(), Ok(()), "and done again");
    assert_eq!(organization(&world)["telecom"][0]["value"], "0235");

    // A location number is taken away, and comes back, without touching the code.
    let glns = |world: &World| {
        let codes = world.facility("46X01").expect("there").codes;
        codes.into_iter().filter(|c| c.system == gln).map(|c| c.value).collect::<Vec<_>>()
    };
    assert_eq!(glns(&world), ["8930000000002"]);
    assert_eq!(world.edit(FACILITY, |rows| rows[0][3].clear()), Ok(()));
    assert_eq!((glns(&world).len(), world.facility("46X01").expect("there").draft.facility("gln")), (0, ""));
    assert_eq!(world.edit(FACILITY, |rows| rows[0][3] = "8930000000002".to_owned()), Ok(()));
    assert_eq!(glns(&world), ["8930000000002"]);
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

    // Taken back, a new facility is as if it had never been, and its versions are there; its accounts are closed.
    drop(reader);
    world.install(&draft()).expect("made");
    assert_eq!(world.undo(), Ok(()));
    assert!(world.facility("46X01").is_none());
    let account =
        || accounts::by_name(&mut world.store.read(&world.admin).expect("a reader"), "dd.binh").expect("read");
    assert!(account().is_some_and(|a| a.closed));
    let again = world.install(&draft()).expect("the names are free again");
    assert_eq!((again.len(), account().is_some_and(|a| a.closed)), (1, false));
    assert_eq!(world.undo(), Ok(()));
    let history = resources::history(
        &mut world.store.read(&world.admin).expect("a reader"),
        ResourceType::ORGANIZATION,
        "f46X01",
    );
    assert_eq!(history.expect("read").len(), 4);
}

fn drafts_keep_what_was_typed(home: &mach_test_engines::Home) {
    let world = World::new(home);
    let mut half = draft();
    half.sheets[STAFF].push(row(&["\"Lê, \nC\"", "", "", "", "", "", "", "", "", "", ""]));
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
        let one =
            |i: usize| row(&[&format!("Lê {i}"), "clerk", "", "", "", "", "", "", &format!("u{i}"), "operator", ""]);
        draft.sheets[STAFF] = (0..n).map(one).collect();
        check::check(Lang::Vi, &draft).len()
    };
    assert_eq!((accounts(limits::ACCOUNTS), accounts(limits::ACCOUNTS + 1)), (0, 1));
}

fn ends_on_their_day(home: &mach_test_engines::Home) {
    let world = World::new(home);
    world.install(&draft()).expect("made");
    let active = |world: &World| world.body(ResourceType::ORGANIZATION, "f46X01")["active"].clone();
    let let_end = |day: Day| {
        world.store.write(&world.admin, move |tx| mach_organisation::acts::let_end(tx, day, &by())).expect("stored")
    };
    let last = Day(Day::today().0 + 30);
    assert_eq!((world.close(last, ""), active(&world)), (Ok(()), true.into()), "it works until then");
    assert_eq!((let_end(last), active(&world)), (0, true.into()), "its last day is one of work");
    assert_eq!((let_end(Day(last.0 + 1)), active(&world)), (1, false.into()));
    assert_eq!(let_end(Day(last.0 + 2)), 0, "once");
    // A later last day opens it again.
    assert_eq!((world.close(Day(last.0 + 60), ""), active(&world)), (Ok(()), true.into()));
}

mach_test_engines::on_both_engines!(
    a_facility_lives,
    ends_on_their_day,
    codes_and_ends,
    nothing_is_stored_of_a_wrong_one,
    drafts_keep_what_was_typed
);
