//! A second, naive count of the model: every claim is kept, every number is a filter over all of them.

use std::collections::{HashMap, HashSet};

use super::{Room, options};
use crate::calendar::{Day, age, civil, day_number, day_of, weekday};
use crate::claim::{Claim, Kind, Layout};
use crate::defects::{ALL, Damage};
use crate::lists::lists;
use crate::province::Province;
use crate::work;

struct Seen {
    claim: Claim,
    written: Day,
    damage: Option<Damage>,
}

fn month(day: Day) -> String {
    let (year, month, _) = civil(day);
    format!("{year}-{month:02}")
}

fn province_of(name: &str, dossiers: u64, from: &str, to: &str, defects: f64) -> (Room, Vec<Seen>) {
    let room = Room::new(name);
    let mut options = options(&room.0, dossiers, 21, from, to);
    options.defects = defects;
    let mut all = Vec::new();
    work::run(&options, &mut |_| {}, &mut |claim, written, damage| {
        all.push(Seen { claim: claim.clone(), written, damage });
    })
    .unwrap();
    (room, all)
}

/// Values of a manifest by indicator, facility and month; the province's under `*`.
fn values(room: &Room) -> HashMap<(String, String, String), f64> {
    let manifest = room.manifest("manifest.json");
    let text = |cell: &serde_json::Value, key: &str| cell[key].as_str().unwrap_or("*").to_owned();
    ["cells", "province"]
        .iter()
        .flat_map(|list| manifest[list].as_array().unwrap().clone())
        .map(|c| ((text(&c, "indicator"), text(&c, "facility"), text(&c, "month")), c["value"].as_f64().unwrap()))
        .collect()
}

/// Numerator and denominator of one claim's part in an indicator for a month; denominator `None` where it is a sum.
type Part = fn(&Claim, Day, &str) -> (f64, Option<f64>);

fn flag(holds: bool) -> f64 {
    f64::from(u8::from(holds))
}

fn leaves(claim: &Claim, at: &str) -> bool {
    month(day_of(claim.left)) == at
}

fn arrives(claim: &Claim, at: &str) -> bool {
    month(day_of(claim.arrived)) == at
}

fn is_op(claim: &Claim) -> bool {
    !matches!(claim.kind, Kind::Inpatient | Kind::DayInpatient | Kind::Observation | Kind::Short | Kind::PickUp)
}

fn is_ip(claim: &Claim) -> bool {
    !is_op(claim) && claim.kind != Kind::PickUp
}

fn deadline(left: Day) -> Day {
    let free: HashSet<Day> = lists().holidays.iter().copied().collect();
    (left + 1..).filter(|day| weekday(*day) < 5 && !free.contains(day)).nth(6).unwrap()
}

const PARTS: [(&str, Part); 13] = [
    ("CD01", |c, _, m| (flag(is_op(c) && arrives(c, m)), None)),
    ("CD05", |c, _, m| (flag(is_ip(c) && month(day_of(c.admitted.unwrap_or(c.arrived))) == m), None)),
    ("CD09", |c, _, m| {
        let days = if c.kind == Kind::Short { 0 } else { day_of(c.left) - day_of(c.arrived) + 1 };
        (flag(is_ip(c) && leaves(c, m)) * f64::from(days), Some(flag(is_ip(c) && leaves(c, m))))
    }),
    ("CD10", |c, _, m| (flag(c.entry == "2" && arrives(c, m)), None)),
    ("BH02", |c, _, m| {
        let lines = c.drugs.iter().map(|l| l.money).chain(c.services.iter().map(|l| l.money));
        (flag(leaves(c, m)) * lines.map(|money| money.insurer).sum::<i64>() as f64 / 100.0, None)
    }),
    ("BH05", |c, _, m| {
        let held = flag(is_ip(c) && leaves(c, m));
        (held * c.total.cost as f64 / 100.0, Some(held))
    }),
    ("BH06", |c, written, m| {
        (flag(leaves(c, m) && written <= deadline(day_of(c.left))) * 100.0, Some(flag(leaves(c, m))))
    }),
    ("EH02", |c, _, m| {
        let shown = c.who.citizen.len() == 12 && c.layout != Layout::L4210;
        (flag(leaves(c, m) && shown) * 100.0, Some(flag(leaves(c, m))))
    }),
    ("PC08", |c, _, m| {
        let codes = c.also.iter().chain([&c.diagnosis.code]).any(|code| code.starts_with('F'));
        (flag(codes && !c.drugs.is_empty() && arrives(c, m)), None)
    }),
    ("PC14", |c, _, m| (flag((1..=8).contains(&c.injury) && arrives(c, m)), None)),
    ("SV09", |c, _, m| (flag(c.diagnosis.code.starts_with("A97") && arrives(c, m)), None)),
    ("DR04", |c, _, m| {
        let held = is_op(c) && !c.drugs.is_empty() && arrives(c, m);
        let strong = c.drugs.iter().any(|line| lists().drugs[line.drug].antibiotic);
        (flag(held && strong) * 100.0, Some(flag(held)))
    }),
    ("DR07", |c, _, m| {
        let drugs: i64 = c.drugs.iter().map(|line| line.money.cost).sum();
        let held = flag(leaves(c, m));
        (held * drugs as f64 * 100.0, Some(held * c.total.cost as f64))
    }),
];

#[test]
fn the_manifest_equals_a_naive_recount() {
    let (room, all) = province_of("recount", 2_500, "2024-05-01", "2025-02-28", 0.04);
    let values = values(&room);
    let province = Province::read();
    let months: HashSet<String> = all.iter().map(|seen| month(day_of(seen.claim.left))).collect();
    let mut compared = 0;
    for at in &months {
        let codes = province.facilities.iter().enumerate().map(|(place, f)| (Some(place), f.code));
        for (place, code) in codes.chain([(None, "*")]) {
            let here: Vec<&Seen> =
                all.iter().filter(|seen| place.is_none_or(|place| seen.claim.facility == place)).collect();
            let value = |id: &str| values.get(&(id.to_owned(), code.to_owned(), at.clone())).copied();
            for (id, part) in PARTS {
                let parts = here.iter().filter(|s| s.damage.is_none()).map(|s| part(&s.claim, s.written, at));
                let (top, below) = parts.fold((0.0, None), |sum: (f64, Option<f64>), (top, below)| {
                    (sum.0 + top, below.map(|b| b + sum.1.unwrap_or(0.0)).or(sum.1))
                });
                let expected = match below {
                    Some(below) => (below != 0.0).then(|| top / below),
                    None => (top != 0.0).then_some(top),
                };
                let near = |a: f64, b: f64| (a - b).abs() < 0.000_06;
                let same = match (expected, value(id)) {
                    (Some(a), Some(b)) => near(a, b),
                    (a, b) => a.is_none() && b.is_none(),
                };
                assert!(same, "{id} {code} {at}: {expected:?} {:?}", value(id));
                compared += usize::from(expected.is_some());
            }
            let received = here.iter().filter(|s| leaves(&s.claim, at)).count();
            let refused = here.iter().filter(|s| leaves(&s.claim, at) && s.damage.is_some()).count();
            let share = (received > 0).then(|| refused as f64 * 100.0 / received as f64);
            assert_eq!(share.is_some(), value("BH07").is_some(), "BH07 {code} {at}");
            assert!((share.unwrap_or(0.0) - value("BH07").unwrap_or(0.0)).abs() < 0.000_06, "BH07 {code} {at}");
        }
    }
    assert!(compared > 3_000, "{compared}");
    let manifest = room.manifest("manifest.json");
    let damaged = all.iter().filter(|seen| seen.damage.is_some()).count();
    assert_eq!(manifest["defects"].as_array().unwrap().len(), damaged);
    assert!((60..150).contains(&damaged), "{damaged}");
    let people: HashSet<u32> = all.iter().map(|seen| seen.claim.person).collect();
    assert_eq!(manifest["people"], people.len());
}

#[test]
fn shares_are_those_of_a_province() {
    let (_room, all) = province_of("shares", 6_000, "2024-07-01", "2025-12-31", 0.5);
    let share = |part: &dyn Fn(&Seen) -> bool, of: &dyn Fn(&Seen) -> bool| {
        let of: Vec<&Seen> = all.iter().filter(|seen| of(seen)).collect();
        of.iter().filter(|seen| part(seen)).count() * 1_000 / of.len().max(1)
    };
    let any = |_: &Seen| true;
    let born = |seen: &Seen| seen.claim.who.birth[..4].parse::<i32>().unwrap();
    let adult = |seen: &Seen| born(seen) < 2005;
    for (what, thousandths, range) in [
        ("without a card", share(&|s| s.claim.who.card.is_none(), &any), 10..45),
        ("adults without a citizen number", share(&|s| s.claim.who.citizen.is_empty(), &adult), 50..130),
        ("birth year only", share(&|s| s.claim.who.birth_day.is_none(), &any), 20..90),
        ("inpatient", share(&|s| is_ip(&s.claim), &any), 60..180),
        ("damaged", share(&|s| s.damage.is_some(), &any), 470..530),
        ("referred", share(&|s| matches!(s.claim.leave, 2 | 5), &any), 8..40),
    ] {
        assert!(range.contains(&thousandths), "{what}: {thousandths}");
    }
    for damage in ALL {
        assert!(all.iter().any(|seen| seen.damage == Some(damage)), "{damage:?} never done");
    }
    let dengue = |from: u32, to: u32| {
        all.iter()
            .filter(|s| s.claim.diagnosis.code.starts_with("A97"))
            .filter(|s| (from..=to).contains(&civil(day_of(s.claim.arrived)).1))
            .count()
    };
    assert!(dengue(8, 12) > 3 * dengue(1, 5), "{} {}", dengue(8, 12), dengue(1, 5));
}

#[test]
fn claims_keep_to_time_and_sums() {
    let (_room, all) = province_of("sense", 3_000, "2023-05-01", "2025-09-30", 0.0);
    let mut links = HashSet::new();
    let mut stays: HashMap<u32, Vec<(Day, Day)>> = HashMap::new();
    let mut died: HashMap<u32, Day> = HashMap::new();
    for Seen { claim, written, .. } in &all {
        assert!(links.insert((claim.facility, claim.link.clone())), "{}", claim.link);
        assert!(claim.arrived <= claim.left && day_of(claim.left) <= *written);
        assert!(claim.admitted.is_none_or(|at| claim.arrived <= at && at <= claim.left), "{}", claim.link);
        let drugs = claim.drugs.iter().map(|line| (line.ordered, None, None));
        for (ordered, done, known) in
            drugs.chain(claim.services.iter().map(|line| (line.ordered, line.done, line.resulted)))
        {
            let times = [Some(claim.arrived), Some(ordered), done, known, Some(claim.left)];
            assert!(times.iter().flatten().is_sorted(), "{} {times:?}", claim.link);
        }
        assert_eq!(claim.total.cost, claim.total.insurer + claim.total.copay + claim.total.patient);
        assert!(matches!(claim.rate, 80 | 95 | 100));
        if is_ip(claim) {
            stays.entry(claim.person).or_default().push((day_of(claim.arrived), day_of(claim.left)));
        }
        if claim.result == 5 {
            assert!(died.insert(claim.person, day_of(claim.left)).is_none());
        }
        let years = claim.who.birth_day.map(|birth| age(birth, day_of(claim.left)));
        if claim.diagnosis.code.starts_with("O8") {
            assert!(claim.who.sex == 2 && years.is_some_and(|years| (16..46).contains(&years)), "{}", claim.link);
            assert_eq!(claim.children.is_empty(), claim.layout == Layout::L4210);
        }
    }
    for (person, mut all) in stays {
        all.sort_unstable();
        assert!(all.windows(2).all(|pair| pair[0].1 < pair[1].0), "person {person} lies in two beds: {all:?}");
    }
    for Seen { claim, .. } in &all {
        assert!(died.get(&claim.person).is_none_or(|&day| day_of(claim.arrived) <= day), "{} came dead", claim.link);
    }
    assert!(all.iter().any(|s| s.claim.layout == Layout::L130) && all.iter().any(|s| s.claim.layout == Layout::L4210));
    let before = day_number(2025, 7, 1);
    for Seen { claim, .. } in all.iter().filter(|s| s.claim.layout != Layout::L4210) {
        assert_eq!(claim.who.place.0.is_empty(), day_of(claim.left) >= before, "{}", claim.link);
    }
}
