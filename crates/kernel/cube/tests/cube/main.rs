//! The cube over a store of random claims, against sums over a plain list of the same claims.

#![expect(clippy::unwrap_used, reason = "helpers of tests may panic too")]

#[path = "../common/mod.rs"]
mod common;
mod province;

use mach_access::{Act, Actor, Role, decide};
use mach_base::{Day, Grain};
use mach_cube::{AnswerRow, By, CellChanges, ClaimFacts, Cube, CubeError, Definitions, Question, facts, item_text};
use mach_places::{AsOf, Era, Level, PlaceKey};
use mach_store::cells;
use province::{FACILITIES, Group, Placed, Province, check, console, day};
use std::collections::{BTreeMap, BTreeSet};

/// All claims, in one row without a place.
fn all() -> [Group<'static>; 1] {
    [(None, Box::new(|_| true))]
}

/// The claims of a facility, in rows with its code.
fn of(code: &str, id: i64) -> Group<'static> {
    (Some(code.to_owned()), Box::new(move |p: &Placed| p.0 == id))
}

#[test]
fn every_indicator_by_facility_and_period_equals_the_recount() {
    let (mut province, mut dice) = Province::filled(7, 900, (day("2024-01-05"), day("2025-09-20")));
    // A third is replaced with other content, some withdrawn, in the same tables.
    let changed = (1..=300).map(|id| (id * 3, Some(dice.claim((day("2024-01-05"), day("2025-09-20")))))).collect();
    province.set(&mut dice, changed);
    province.set(&mut dice, (1..=40).map(|id| (id * 20, None)).collect());
    let by_facility: Vec<Group<'_>> = FACILITIES.into_iter().zip(1..).map(|(code, id)| of(code, id)).collect();
    for indicator in Definitions::shared().indicators() {
        for (period, from, to) in [
            (Grain::Month, "2024-01-01", "2025-12-31"),
            (Grain::Month, "2024-11-17", "2025-02-11"),
            (Grain::Quarter, "2024-02-01", "2025-08-15"),
            (Grain::Year, "2024-05-31", "2025-10-01"),
            (Grain::Day, "2025-02-20", "2025-03-05"),
            (Grain::Day, "2024-02-27", "2024-03-02"),
        ] {
            let question = Question { period, ..Question::new(&indicator.id, day(from), day(to)) };
            check(&province, &question, &all());
            check(&province, &Question { by: By::Facility, ..question.clone() }, &by_facility);
            let one = Question { facility: Some(2), ..question };
            check(&province, &one, &[(None, of("", 2).1)]);
        }
    }
}

#[test]
fn quarters_and_years_are_sums_of_months() {
    let (province, _) = Province::filled(11, 300, (day("2024-01-01"), day("2025-12-20")));
    for id in ["CD01", "FI01", "CD13", "BH02"] {
        let rows = |period| {
            let question = Question { period, ..Question::new(id, day("2024-01-01"), day("2025-12-31")) };
            province.rows(&question)
        };
        for grain in [Grain::Quarter, Grain::Year] {
            let mut sums: BTreeMap<String, i64> = BTreeMap::new();
            for row in rows(Grain::Month) {
                *sums.entry(row.start.label(grain)).or_default() += row.value.0;
            }
            let direct: BTreeMap<String, i64> = rows(grain).into_iter().map(|r| (r.period, r.value.0)).collect();
            assert_eq!(sums, direct, "{id}");
        }
    }
}

/// As of any day, the rows by commune, district and province add up to the whole, and each is what its communes say.
#[test]
fn places_keep_totals_as_of_any_day() {
    let (province, _) = Province::filled(13, 600, (day("2025-03-01"), day("2025-10-20")));
    for as_of in ["2024-06-01", "2025-06-30", "2025-07-01", "2026-05-01"].map(day) {
        let hierarchy = AsOf::at(as_of);
        for by in [By::Commune, By::District, By::Province] {
            let of = |p: &Placed| {
                let key = PlaceKey(p.2);
                match by {
                    By::Commune => hierarchy.commune(key).key.map_or(String::new(), |k| k.code()),
                    By::District => hierarchy.district(key).unwrap_or("").to_owned(),
                    _ => hierarchy.province(key).unwrap_or("").to_owned(),
                }
            };
            for (id, period, from, to) in [
                ("CD01", Grain::Month, "2025-03-01", "2025-10-31"),
                ("CD12", Grain::Month, "2025-05-12", "2025-08-09"),
                ("CD18", Grain::Year, "2025-01-01", "2025-12-31"),
                ("FI01", Grain::Day, "2025-06-28", "2025-07-03"),
            ] {
                let question = Question { by, period, as_of: Some(as_of), ..Question::new(id, day(from), day(to)) };
                if by == By::District && as_of >= Era::CHANGE {
                    let mut reader = province.store.read(&console()).unwrap();
                    let error = Cube::shared().answer(&mut reader, &question).unwrap_err();
                    assert!(matches!(error, CubeError::DistrictsEnded));
                    continue;
                }
                let codes: BTreeSet<String> = province.claims.values().map(&of).collect();
                let group = |c: &String| -> Group<'_> {
                    let code = c.clone();
                    (Some(c.clone()), Box::new(move |p| of(p) == code))
                };
                let groups: Vec<Group<'_>> = codes.iter().map(group).collect();
                check(&province, &question, &groups);
                let whole = Question { by: By::None, as_of: None, ..question.clone() };
                let sum = |q: &Question| -> i64 { province.rows(q).iter().map(|r| r.numerator).sum() };
                assert_eq!(sum(&question), sum(&whole), "{question:?}");
            }
        }
    }
}

/// Filters of one kind under splits of another are read from facts, and agree with the recount.
#[test]
fn filters_and_splits_combine() {
    let (province, _) = Province::filled(17, 500, (day("2025-01-01"), day("2025-08-20")));
    let as_of = day("2025-06-30");
    let hierarchy = AsOf::at(as_of);
    let district_of = |p: &Placed| hierarchy.district(PlaceKey(p.2)).unwrap_or("").to_owned();
    let district = province.claims.values().map(district_of).find(|d| !d.is_empty()).unwrap();
    let in_district = |p: &Placed| district_of(p) == district;
    let base = |id: &str| Question { as_of: Some(as_of), ..Question::new(id, day("2025-01-10"), day("2025-07-31")) };
    for id in ["CD01", "CD06", "BH04", "DR07"] {
        let place = Some((Level::District, district.clone()));
        let question = Question { place: place.clone(), ..base(id) };
        check(&province, &question, &[(None, Box::new(in_district))]);
        let both = |n: i64| -> Group<'_> {
            let code = FACILITIES[n as usize - 1].to_owned();
            (Some(code), Box::new(move |p| p.0 == n && in_district(p)))
        };
        check(&province, &Question { by: By::Facility, ..question.clone() }, &[both(1), both(2), both(3), both(4)]);
        let department = Question { facility: Some(2), department: Some(19), ..base(id) };
        check(&province, &department, &[(None, Box::new(|p| p.0 == 2 && p.1 == 19))]);
        let in_facility = Question { facility: Some(2), place, ..base(id) };
        check(&province, &in_facility, &[(None, both(2).1)]);
        let codes: BTreeSet<String> = province.claims.values().filter(|p| p.0 == 2).map(district_of).collect();
        let group = |c: &String| -> Group<'_> {
            let code = c.clone();
            (Some(c.clone()), Box::new(move |p| p.0 == 2 && district_of(p) == code))
        };
        let groups: Vec<Group<'_>> = codes.iter().map(group).collect();
        check(&province, &Question { by: By::District, facility: Some(2), ..base(id) }, &groups);
    }
}

/// Every number opens to claims whose values sum to it, page by page.
#[test]
fn drills_sum_to_their_numbers() {
    let (mut province, mut dice) = Province::filled(19, 700, (day("2024-05-01"), day("2025-08-20")));
    let claims = (1..=100).map(|id| (id * 5, Some(dice.claim((day("2024-05-01"), day("2025-08-20")))))).collect();
    province.set(&mut dice, claims);
    let cube = Cube::shared();
    let mut reader = province.store.read(&console()).unwrap();
    let mut opened = 0;
    for indicator in Definitions::shared().indicators() {
        for (by, facility) in [
            (By::None, None),
            (By::Facility, None),
            (By::Commune, None),
            (By::Commune, Some(1)),
            (By::Department, Some(2)),
        ] {
            let question = Question {
                by,
                facility,
                period: Grain::Quarter,
                ..Question::new(&indicator.id, day("2025-04-10"), day("2025-06-20"))
            };
            let rows = match cube.answer(&mut reader, &question) {
                Err(CubeError::NotBy { .. }) => continue,
                answer => answer.unwrap().rows,
            };
            for row in rows {
                let days = (row.start, row.end);
                let drill = cube.drill(&mut reader, &question, days, row.place.as_deref()).unwrap().unwrap();
                assert_eq!(drill.row.value, row.value);
                let below = drill.denominator.map(|side| (side, row.denominator.unwrap()));
                for (side, want) in [(drill.numerator, row.numerator)].into_iter().chain(below) {
                    let (count, sum) = side.totals(&mut reader).unwrap();
                    assert_eq!(sum, want, "{question:?} {row:?}");
                    let (mut after, mut seen, mut added) = (None, BTreeSet::new(), 0);
                    loop {
                        let page = side.page(&mut reader, after, 7).unwrap();
                        let Some(last) = page.last() else { break };
                        after = Some(last.cursor());
                        for fact in &page {
                            assert!(seen.insert(fact.cursor()), "{fact:?} twice");
                            assert!(province.claims.contains_key(&fact.claim));
                            added += fact.value;
                        }
                    }
                    assert_eq!((seen.len() as i64, added), (count, sum));
                    opened += 1;
                }
            }
        }
    }
    assert!(opened > 500, "{opened}");
}

/// A claim sent again with other content moves every cell by exactly the difference; sent back, nothing has moved.
#[test]
fn replacement_moves_by_the_difference() {
    let (mut province, mut dice) = Province::filled(23, 200, (day("2025-01-01"), day("2025-03-20")));
    let all = |province: &Province| -> Vec<Vec<AnswerRow>> {
        let ask = |id: &str, by| Question { by, ..Question::new(id, day("2025-01-01"), day("2025-04-30")) };
        let ids = Definitions::shared().indicators().iter().map(|i| &*i.id).filter(|id| *id != "CD08");
        ids.flat_map(|id| [By::None, By::Facility, By::Commune].map(|by| province.rows(&ask(id, by)))).collect()
    };
    let before = all(&province);
    let (kept_facts, kept) = {
        let mut reader = province.store.read(&console()).unwrap();
        (cells::claim_facts(&mut reader, 1, 17).unwrap().unwrap(), province.claims[&17].clone())
    };
    let other = dice.claim((day("2025-01-01"), day("2025-03-20")));
    province.set(&mut dice, vec![(17, Some(other))]);
    assert_ne!(all(&province), before);
    let mut changes = CellChanges::default();
    changes.set(17, kept_facts);
    province.store.write(&console(), move |tx| cells::apply(tx, &changes)).unwrap();
    province.claims.insert(17, kept);
    assert_eq!(all(&province), before);
    // Everything withdrawn: nothing is left anywhere, and no zero stands where something was.
    let ids: Vec<_> = province.claims.keys().map(|id| (*id, None)).collect();
    province.set(&mut dice, ids);
    assert!(all(&province).iter().all(Vec::is_empty));
}

/// A transaction that fails leaves facts and cells as they were.
#[test]
fn a_failed_write_counts_nothing() {
    let (province, mut dice) = Province::filled(29, 50, (day("2025-01-01"), day("2025-01-20")));
    let question = Question::new("FI01", day("2025-01-01"), day("2025-02-28"));
    let before = province.rows(&question);
    let mut changes = CellChanges::default();
    let claim = dice.claim((day("2025-01-01"), day("2025-01-20")));
    changes.set(1, ClaimFacts::new(1, 1, 0, facts(Definitions::shared(), &claim)));
    let refused = province.store.write(&console(), move |tx| {
        cells::apply(tx, &changes)?;
        Err::<(), _>(mach_store::Error::Refused("on purpose".to_owned()))
    });
    assert!(refused.is_err());
    assert_eq!(province.rows(&question), before);
}

#[test]
fn top_lists_add_up_and_open() {
    let (province, _) = Province::filled(31, 400, (day("2025-01-01"), day("2025-03-20")));
    let cube = Cube::shared();
    let mut reader = province.store.read(&console()).unwrap();
    let days = (day("2025-01-15"), day("2025-03-31"));
    for measure in ["cases", "chapter", "death_causes", "money"] {
        for facility in [None, Some(3)] {
            let question = Question { facility, ..Question::new("", days.0, days.1) };
            let keep = |p: &Placed| facility.is_none_or(|f| p.0 == f);
            let top = cube.top(&mut reader, measure, &question, 5).unwrap();
            assert_eq!(top.total, province.sum(measure, days, &keep), "{measure}");
            assert!(top.rows.len() <= 5 && top.rows.windows(2).all(|w| w[0].value >= w[1].value));
            for row in &top.rows {
                let want = province.sum(&format!("{measure}:{}", row.code), days, &keep);
                assert_eq!((row.value, row.code.clone()), (want, item_text(row.item)), "{measure}");
                let side = cube.top_drill(&mut reader, measure, Some(row.item), &question).unwrap();
                assert_eq!(side.totals(&mut reader).unwrap().1, want);
            }
            let side = cube.top_drill(&mut reader, measure, None, &question).unwrap();
            assert_eq!(side.totals(&mut reader).unwrap().1, top.total);
        }
    }
    let error = cube.top(&mut reader, "diagnoses", &Question::new("", days.0, days.1), 5).unwrap_err();
    assert!(matches!(error, CubeError::UnknownMeasure(_)));
}

#[test]
fn tiles_compare_with_the_right_days() {
    let (province, _) = Province::filled(37, 600, (day("2024-01-01"), day("2025-03-20")));
    let mut reader = province.store.read(&console()).unwrap();
    let question = Question::new("CD01", day("2025-03-01"), day("2025-03-10"));
    let tet = (day("2024-03-10"), day("2024-03-19"));
    let tile = Cube::shared().tile(&mut reader, &question, Some(tet)).unwrap();
    for (row, from, to) in [
        (tile.this, "2025-03-01", "2025-03-10"),
        (tile.previous, "2025-02-01", "2025-02-10"),
        (tile.last_year, "2024-03-01", "2024-03-10"),
        (tile.tet, "2024-03-10", "2024-03-19"),
    ] {
        let want = province.sum("op_visits", (day(from), day(to)), &|_| true);
        assert_eq!(row.map_or(0, |r| r.numerator), want, "{from}");
        assert!(want > 0);
    }
}

/// A facility's account sees its own figures whatever it asks, and another's never.
#[test]
fn a_facility_sees_its_own() {
    let (province, _) = Province::filled(41, 300, (day("2025-01-01"), day("2025-03-20")));
    let actor = Actor { account: 9, role: Role::Operator, facility: Some(2), ..Actor::console() };
    let mut own = province.store.read(&decide(&actor, Act::ReadFigures).unwrap()).unwrap();
    let cube = Cube::shared();
    let days = (day("2025-01-01"), day("2025-03-31"));
    let question = Question::new("CD01", days.0, days.1);
    let seen = cube.answer(&mut own, &question).unwrap().rows;
    assert_eq!(seen, province.rows(&Question { facility: Some(2), ..question.clone() }));
    let by_facility = cube.answer(&mut own, &Question { by: By::Facility, ..question.clone() }).unwrap().rows;
    assert!(by_facility.iter().all(|r| r.place.as_deref() == Some("46002")) && by_facility.len() == seen.len());
    let by_commune = cube.answer(&mut own, &Question { by: By::Commune, ..question.clone() }).unwrap().rows;
    assert_eq!(by_commune.iter().map(|r| r.numerator).sum::<i64>(), seen.iter().map(|r| r.numerator).sum::<i64>());
    let other = Question { facility: Some(1), ..question.clone() };
    assert!(matches!(cube.answer(&mut own, &other), Err(CubeError::OtherFacility)));
    assert!(matches!(cube.top(&mut own, "cases", &other, 5), Err(CubeError::OtherFacility)));
    assert!(matches!(cube.drill(&mut own, &other, days, None), Err(CubeError::OtherFacility)));
    // A list made by one who sees all is closed to one who does not.
    let mut all = province.store.read(&console()).unwrap();
    let drill = cube.drill(&mut all, &question, days, None);
    let side = drill.unwrap().unwrap().numerator;
    assert!(matches!(side.totals(&mut own), Err(CubeError::OtherFacility)));
    assert!(matches!(side.page(&mut own, None, 5), Err(CubeError::OtherFacility)));
}

#[test]
fn impossible_questions_are_refused() {
    let (province, _) = Province::filled(43, 20, (day("2025-01-01"), day("2025-03-20")));
    let mut reader = province.store.read(&console()).unwrap();
    let cube = Cube::shared();
    let ask = |id: &str, by| Question { by, ..Question::new(id, day("2025-01-01"), day("2025-03-31")) };
    let unknown = cube.answer(&mut reader, &ask("CD99", By::None)).unwrap_err();
    assert!(matches!(unknown, CubeError::UnknownIndicator(_)) && unknown.vi().contains("CD99"));
    for by in [By::Commune, By::District, By::Province] {
        assert!(matches!(cube.answer(&mut reader, &ask("CD08", by)), Err(CubeError::NotBy { .. })));
    }
    assert!(matches!(cube.answer(&mut reader, &ask("CD01", By::Department)), Err(CubeError::DepartmentsOfWhom)));
    let question = ask("CD01", By::Facility);
    let drill = cube.drill(&mut reader, &question, (question.from, question.to), Some("46777")).unwrap();
    assert!(drill.is_none());
}

/// One row past the limit is refused; the limit itself is answered.
#[test]
fn an_answer_has_at_most_its_limit_of_rows() {
    let province = Province::new();
    let mut changes = CellChanges::default();
    let limit = mach_base::limits::INDICATOR_ROWS as i32;
    let number = Definitions::shared().measure("op_visits").unwrap().number;
    let half = limit / 2;
    for (claim, facility) in [(1, 1), (2, 2)] {
        let fact = |n: i32| cells::Fact { measure: number, item: 0, day: Day(n), value: 1 };
        // Facility 2 has a day more: together one past the limit.
        let days = half + i32::from(facility == 2);
        changes.set(claim, ClaimFacts::new(facility, 0, 0, (-20_000..-20_000 + days).map(fact).collect()));
    }
    province.store.write(&console(), move |tx| cells::apply(tx, &changes)).unwrap();
    let mut reader = province.store.read(&console()).unwrap();
    let last = Day(-20_000 + half);
    let question =
        |to: Day| Question { by: By::Facility, period: Grain::Day, ..Question::new("CD01", Day(-20_000), to) };
    let answer = Cube::shared().answer(&mut reader, &question(Day(last.0 - 1))).unwrap();
    assert_eq!(answer.rows.len(), limit as usize);
    let error = Cube::shared().answer(&mut reader, &question(last)).unwrap_err();
    assert!(matches!(error, CubeError::TooManyRows), "{error}");
}
