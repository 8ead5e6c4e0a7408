//! Doubts are queued, merges join whole records, and undoing restores exactly what was.

use super::support::{Claim, Folder, dump};
use mach_base::Minute;
use mach_people::{By, Page, Verdict, merge, open_reviews, search, settle, undo_merge};
use mach_store::people::STATE_TABLES;
use mach_store::resources::id_key;
use mach_store::sql::Execute;

const BY: By = By { account: 7, at: Minute(29_000_000) };

/// A claim of `person`, with one Encounter, and the person's Patient.
fn record(folder: &Folder, claim: i64, person: i64) {
    folder
        .write(move |tx| {
            tx.run(
                "INSERT INTO claim(id, facility, link, keyed, version, hash, state, person, file, at, layout, kind, counted_day,
                    main_dx, cost, insurer, lines, refusals, warnings)
                 VALUES (?1, 1, ?2, 1, 1, ?3, 1, ?4, 1, 0, '130', '01', 0, '', 0, 0, 0, 0, 0)",
                &[claim.into(), (&format!("LK{claim}")).into(), [0_u8; 4].as_slice().into(), person.into()],
            )?;
            for (kind, id) in [(3, format!("c{claim}-1")), (1, format!("p{person}"))] {
                tx.run(
                    "INSERT INTO resource(type, key, id, facility, version, seq, at, pack, slot, patient)
                     VALUES (?1, ?4, ?2, 1, 1, 1, 1, 1, 1, ?3) ON CONFLICT(type, key, facility, until) DO NOTHING",
                    &[i64::from(kind).into(), (&id).into(), person.into(), id_key(&id).into()],
                )?;
            }
            Ok(())
        })
        .unwrap();
}

fn state(folder: &Folder) -> Vec<String> {
    let tables: Vec<&str> = STATE_TABLES.into_iter().chain(["claim"]).collect();
    folder.read(|on| dump(on, &tables))
}

fn owners(folder: &Folder) -> Vec<String> {
    let mut rows = state(folder);
    rows.retain(|r| r.starts_with("claim|"));
    rows.iter().map(|r| format!("{:?}", r.split('|').nth(9))).collect()
}

/// Two records of one woman: one by CCCD, one by card; then a claim with both.
fn two_records(folder: &Folder) -> (i64, i64, i64) {
    let by_cccd = folder.resolve(&Claim::of("1; A1; 046185000001; ; Nguyễn Thị Hoa; 1985-03-12; 2")).person;
    let by_card = folder.resolve(&Claim::of("2; B1; ; 4620000001; Nguyễn Thị Hoa; 1985; 2")).person;
    let both = folder.resolve(&Claim::of("3; C1; 046185000001; 4620000001; Nguyễn Thị Hoa; 1985-03-12; 2"));
    assert_eq!((both.person, both.reviews.len()), (by_cccd, 1));
    for (claim, person) in [(1, by_cccd), (2, by_card), (3, by_cccd)] {
        record(folder, claim, person);
    }
    (by_cccd, by_card, both.reviews[0])
}

#[test]
fn conflicting_evidence_queues_and_never_merges() {
    let folder = Folder::new();
    let (one, other, item) = two_records(&folder);
    assert_ne!(one, other);
    let open = folder.read(|on| open_reviews(on, 0, 10)).unwrap();
    let pairs: Vec<_> = open.iter().map(|r| (r.id, r.one.id, r.other.id)).collect();
    assert_eq!(pairs, [(item, one, other)]);
    let again = folder.resolve(&Claim::of("3; C1; 046185000001; 4620000001; Nguyễn Thị Hoa; 1985-03-12; 2"));
    assert_eq!(again.reviews, Vec::<i64>::new(), "a pair is queued once");
}

#[test]
fn a_conflict_that_comes_again_is_the_same_person() {
    let folder = Folder::new();
    let owner = folder.resolve(&Claim::of("1; A1; 046172000002; ; Trần Văn Bình; 1972; 1")).person;
    let wrong = Claim::of("1; A1; 046172000002; ; Nguyễn Thị Hoa; 1985; 2");
    let first = folder.resolve(&wrong);
    let second = folder.resolve(&wrong);
    assert!(first.created && first.person != owner && first.reviews.len() == 1, "{first:?}");
    assert_eq!((second.person, second.created, second.reviews.len()), (first.person, false, 0));
}

#[test]
fn undo_restores_everything() {
    let folder = Folder::new();
    let (keep, lose, item) = two_records(&folder);
    folder.write(move |tx| {
        // A facility was let in to the one, and another kept out.
        tx.run(
            "INSERT INTO access_grant(person, account, facility, relation, purpose, since, until, made, made_by, made_name,
                at_facility, reason, source) VALUES (?1, 0, 2, 5, 1, 0, 9, 0, 0, '', 0, '', 's')",
            &[lose.into()],
        )?;
        let refusal = "INSERT INTO access_refusal(person, facility, made, source) VALUES (?1, 0, 0, 's')";
        tx.run(refusal, &[lose.into()])?;
        tx.mark_person(lose, "theo đề nghị").map(drop)
    }).unwrap();
    let access = |person: i64| {
        folder.read(|on| {
            let refused = mach_store::grants::refusals(on, person).unwrap().len();
            let marked = mach_store::resources::is_vip(on, person).unwrap();
            (mach_store::grants::of_person(on, person, 9).unwrap().len(), refused, marked)
        })
    };
    let before = state(&folder);
    let merged = folder
        .write(move |tx| Ok(settle(tx, item, Verdict::Merge { keep }, BY, "cùng người")?))
        .unwrap()
        .expect("merged");
    assert_ne!(state(&folder), before);
    assert!(
        owners(&folder).iter().all(|o| *o == format!("{:?}", Some(format!("Some({keep})")))),
        "{:?}",
        owners(&folder)
    );
    assert!(folder.read(|on| open_reviews(on, 0, 10)).unwrap().is_empty());

    assert_eq!((access(keep), access(lose)), ((1, 1, true), (0, 0, false)));

    // Her card now names the kept person, for claims and for searches alike.
    let by_card = Claim::of("2; B1; ; 4620000001; Nguyễn Thị Hoa; 1985; 2");
    assert_eq!(folder.resolve(&by_card).person, keep);
    for text in ["4620000001", "0001", "hoa 1985", "B1 hoa"] {
        for scope in [None, Some(2)] {
            let page = Page { after: None, limit: 10 };
            let found = folder.read(|on| search(on, text, scope, &page)).unwrap();
            let people: Vec<i64> = found.hits.iter().map(|h| h.person.id).collect();
            assert!(people == [keep] || (text.len() == 6 && text.starts_with('B')), "{text} {scope:?}: {people:?}");
        }
    }
    let undone = folder.write(move |tx| Ok(undo_merge(tx, merged, BY)?)).unwrap();
    assert_eq!((undone.keep, undone.lose), (keep, lose));
    assert_eq!(state(&folder), before);
    assert!(folder.write(move |tx| Ok(undo_merge(tx, merged, BY)?)).is_err(), "undone once");
}

#[test]
fn merges_upon_merges_come_apart_in_order() {
    let folder = Folder::new();
    let (a, b, _) = two_records(&folder);
    let c = folder.resolve(&Claim::of("4; D1; ; ; Nguyễn Thị Hoa; 1985; 2")).person;
    record(&folder, 4, c);
    let start = state(&folder);
    let first = folder.write(move |tx| Ok(merge(tx, a, b, BY, "")?)).unwrap();
    let middle = state(&folder);
    let second = folder.write(move |tx| Ok(merge(tx, c, a, BY, "")?)).unwrap();
    for (keep, lose) in [(c, c), (a, c), (c, b), (c, 999)] {
        assert!(folder.write(move |tx| Ok(merge(tx, keep, lose, BY, "")?)).is_err(), "{keep} {lose}");
    }
    assert!(folder.write(move |tx| Ok(undo_merge(tx, first, BY)?)).is_err(), "the later merge comes first");
    let roots = folder.read(|on| [a, b, c].map(|p| mach_people::root(on, p).unwrap()));
    assert_eq!(roots, [c, c, c]);
    let numbers = folder.read(|on| mach_people::view(on, c)).unwrap().expect("person").numbers;
    assert_eq!(numbers.len(), 6, "one CCCD, one card, four facility numbers: {numbers:?}");
    folder.write(move |tx| Ok(undo_merge(tx, second, BY)?)).unwrap();
    assert_eq!(state(&folder), middle);
    folder.write(move |tx| Ok(undo_merge(tx, first, BY)?)).unwrap();
    assert_eq!(state(&folder), start);
}

#[test]
fn pairs_kept_apart_are_never_asked_again() {
    let folder = Folder::new();
    let (one, other, item) = two_records(&folder);
    folder.write(move |tx| Ok(settle(tx, item, Verdict::Apart, BY, "hai chị em")?)).unwrap();
    let again = folder.resolve(&Claim::of("5; E1; 046185000001; 4620000001; Nguyễn Thị Hoa; 1985-03-12; 2"));
    assert_eq!((again.person, again.reviews.len()), (one, 0));
    assert!(folder.read(|on| open_reviews(on, 0, 10)).unwrap().is_empty());
    assert!(folder.write(move |tx| Ok(settle(tx, item, Verdict::Merge { keep: other }, BY, "")?)).is_err());
}
