//! A store of random claims with the same claims as a plain list, and the check of an answer against the list.

use super::common::{Claim, Counted, Dice};
use mach_access::{Act, Actor, Decision, decide};
use mach_base::Day;
use mach_base::decimal::Fixed;
use mach_cube::{AnswerRow, By, CellChanges, ClaimFacts, Cube, Definitions, Question, facts, last_year};
use mach_places::{Era, PlaceKey};
use mach_store::{Store, cells, schema};
use std::collections::BTreeMap;

pub const FACILITIES: [&str; 4] = ["46001", "46002", "46150", "46999"];

pub fn day(text: &str) -> Day {
    Day::parse_iso(text).unwrap()
}

pub fn console() -> Decision {
    decide(&Actor::console(), Act::ReadFigures).unwrap()
}

/// A claim where it stands: (facility, department, commune, what it counts for).
pub type Placed = (i64, i64, i64, Vec<Counted>);

/// Which claims a row is of.
pub type Keep<'a> = Box<dyn Fn(&Placed) -> bool + 'a>;

/// A place that a row may have, and its claims.
pub type Group<'a> = (Option<String>, Keep<'a>);

/// A store and the same claims as a plain list.
pub struct Province {
    pub store: Store,
    _home: mach_test_engines::Home,
    pub claims: BTreeMap<i64, Placed>,
    communes: Vec<i64>,
}

impl Province {
    pub fn new() -> Self {
        let home = mach_test_engines::home!();
        let store = home.open();
        store
            .write(&console(), |tx| {
                for (code, want) in FACILITIES.into_iter().zip(1..) {
                    assert_eq!(schema::facility_id(tx, code)?, want);
                }
                assert_eq!(schema::department_id(tx, "KHTH")?, 1001);
                Ok(())
            })
            .unwrap();
        // Old communes of Huế, two that were merged into one, new ones, one far away, one nobody knows, and none.
        let old = ["19774", "19777", "19780", "19783", "20035", "20029"].map(|c| PlaceKey::new(c, Era::Districts));
        let new = ["19774", "19789", "20035", "00004"].map(|c| PlaceKey::new(c, Era::TwoLevels));
        let known = old.into_iter().chain(new).flatten().map(|k| k.0);
        let communes = known.chain([999_990, 0]).collect();
        Self { store, _home: home, claims: BTreeMap::new(), communes }
    }

    /// Sets claims in one write, in the store and in the list.
    pub fn set(&mut self, dice: &mut Dice, claims: Vec<(i64, Option<Claim>)>) {
        let mut changes = CellChanges::default();
        for (id, claim) in claims {
            // A claim stays with the facility that sent it.
            let facility = 1 + (id - 1) % 4;
            let Some(claim) = claim else {
                changes.clear(facility, id);
                self.claims.remove(&id);
                continue;
            };
            let (department, commune) = (*dice.of(&[0, 19, 2, 1001]), *dice.of(&self.communes));
            changes.set(id, ClaimFacts::new(facility, department, commune, facts(Definitions::shared(), &claim)));
            self.claims.insert(id, (facility, department, commune, claim.recount()));
        }
        self.store.write(&console(), move |tx| cells::apply(tx, &changes)).unwrap();
    }

    pub fn filled(seed: u64, count: i64, days: (Day, Day)) -> (Self, Dice) {
        let (mut dice, mut province) = (Dice(seed), Self::new());
        for batch in (1..=count).collect::<Vec<_>>().chunks(64) {
            let claims = batch.iter().map(|id| (*id, Some(dice.claim(days)))).collect();
            province.set(&mut dice, claims);
        }
        (province, dice)
    }

    pub fn rows(&self, question: &Question) -> Vec<AnswerRow> {
        Cube::shared().answer(&mut self.store.read(&console()).unwrap(), question).unwrap().rows
    }

    /// Sum of a measure over the list, of the claims that `keep` takes.
    pub fn sum(&self, measure: &str, (from, to): (Day, Day), keep: &dyn Fn(&Placed) -> bool) -> i64 {
        let counted = self.claims.values().filter(|p| keep(p)).flat_map(|p| &p.3);
        let (id, item) = measure.split_once(':').unwrap_or((measure, ""));
        counted.filter(|c| c.0 == id && (item.is_empty() || c.1 == item) && from <= c.2 && c.2 <= to).map(|c| c.3).sum()
    }
}

/// Beds of the facilities of the tests, by the register: 46001 has 150, 46002 has 65; 46150 and 46999 none.
const BEDS: [i64; 4] = [150, 65, 0, 0];

/// Numerator and denominator of an indicator by the text of `docs/measures.md`; money in đồng hundredths on both sides.
fn by_contract(id: &str, sum: &dyn Fn(&str) -> i64, last: i64, days: i64, beds: i64) -> (i128, Option<i128>) {
    let (above, below) = match id {
        "CD01" => (sum("op_visits"), None),
        "CD03" => (sum("wait_minutes"), Some(sum("waits"))),
        "CD05" => (sum("admissions"), None),
        "CD06" => (sum("bed_days"), Some(days)),
        "CD08" => (100 * sum("bed_days"), Some(beds * days)),
        "CD09" => (sum("stay_days"), Some(sum("discharges"))),
        "CD10" => (sum("emergencies"), None),
        "CD11" => (sum("referrals_out"), None),
        "CD12" => (100 * sum("referrals_out"), Some(sum("op_visits") + sum("discharges"))),
        "CD13" => (sum("operations"), None),
        "CD14" => (100 * sum("caesareans"), Some(sum("deliveries"))),
        "CD15" => (sum("deaths"), None),
        "CD18" => (100 * (sum("op_visits") - last), Some(last)),
        "BH02" => (sum("money:1"), Some(100)),
        "BH04" => (sum("op_cost"), Some(100 * sum("op_closed"))),
        "BH05" => (sum("ip_cost"), Some(100 * sum("discharges"))),
        "BH06" => (100 * sum("on_time"), Some(sum("closed"))),
        "BH07" => (100 * sum("refused"), Some(sum("received"))),
        "EH02" => (100 * sum("with_national_id"), Some(sum("closed"))),
        "PC02" => (sum("station_visits"), None),
        "PC04" => (100 * sum("htn_bp_ok"), Some(sum("htn_bp"))),
        "PC06" => (100 * sum("dm_a1c_ok"), Some(sum("dm_a1c"))),
        "PC07" => (sum("copd_asthma"), None),
        "PC08" => (sum("mental_treated"), None),
        "PC10" => (100 * sum("births_attended"), Some(sum("births"))),
        "PC11" => (100 * sum("births_low_weight"), Some(sum("births"))),
        "PC13" => (sum("maternal_infant_deaths"), None),
        "PC14" => (sum("injuries"), None),
        "SV01" => (sum("notifiable"), None),
        "SV02" => (sum("notifiable_deaths"), None),
        "SV09" => (sum("dengue"), None),
        "SV10" => (sum("food_poisoning"), None),
        "DR04" => (100 * sum("op_with_antibiotic"), Some(sum("op_with_drugs"))),
        "DR07" => (100 * sum("drug_cost"), Some(sum("cost"))),
        "FI01" => (sum("cost"), Some(100)),
        _ => panic!("{id} is not in the contract"),
    };
    (above.into(), below.map(i128::from))
}

/// Whether `value` is above ÷ below, rounded half away from zero to four decimals: no nearer number has four.
fn is_rounded(value: Fixed<4>, above: i128, below: i128) -> bool {
    let twice_off = 2 * (i128::from(value.0) * below - 10_000 * above);
    twice_off.abs() < below || (twice_off.abs() == below && (twice_off > 0) == (above > 0))
}

/// Checks the answer to `question` against the list: every row right, and no row missing or more.
/// `groups` gives the places that rows may have and which claims belong to each.
pub fn check(province: &Province, question: &Question, groups: &[Group<'_>]) {
    let mut rows = province.rows(question).into_iter();
    let id = &*question.indicator;
    let mut start = question.from.start_of(question.period);
    while start <= question.to {
        let next = start.step(question.period, 1);
        let (from, to) = (start.max(question.from), Day(next.0 - 1).min(question.to));
        for (place, keep) in groups {
            let sum = |measure: &str| {
                let bedded = |p: &Placed| keep(p) && (id != "CD08" || BEDS[p.0 as usize - 1] > 0);
                province.sum(measure, (from, to), &bedded)
            };
            let last = last_year((from, to), question.period).map_or(0, |d| province.sum("op_visits", d, keep));
            let beds = match (question.by, question.facility) {
                (By::Facility, _) => BEDS[FACILITIES.iter().position(|f| Some(*f) == place.as_deref()).unwrap()],
                (_, Some(own)) => BEDS[own as usize - 1],
                _ => mach_terms::Facilities::shared().all().iter().map(|f| i64::from(f.beds)).sum(),
            };
            let (above, below) = by_contract(id, &sum, last, i64::from(to.0 - from.0 + 1), beds);
            let counts = matches!(id, "CD06" | "CD08" | "BH02" | "FI01") || below.is_none();
            if below == Some(0) || (counts && above == 0) {
                continue;
            }
            let row = rows.next().unwrap_or_else(|| panic!("{id} {from} {place:?}: no row for {above}/{below:?}"));
            assert_eq!((row.start, row.end, &row.place), (from, to, place), "{question:?}");
            assert_eq!(row.period, start.label(question.period));
            assert!(is_rounded(row.value, above, below.unwrap_or(1)), "{id} {row:?}: {above}/{below:?}");
        }
        start = next;
    }
    assert_eq!(rows.next(), None, "{question:?}");
}
