//! Facts of every era in the hierarchy of one day.
//!
//! A fact keeps the commune it was written with. Shown as of a day, each commune key maps to one commune of that day or
//! to none: `None` is a row of its own on pages ("chưa phân được"), so the sum over the rows is the sum over the facts.
//!
//! - Forward: along the successors, each the whole of the old commune (certain) or its main part (not certain).
//! - Backward: only where exactly one commune of that day went into it; the district too where all of them shared one.
//! - A code that lives on is itself; one that ended without a known successor maps to none.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use mach_base::Day;

use crate::{Era, Level, PlaceKey, Places, Unit};

/// How far successors are followed: codes changed at most three times between 2021 and 2025.
const STEPS_MAX: usize = 8;

/// Where a commune key lies in the hierarchy of the day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mapped {
    /// The commune of that day; `None` where it cannot be told.
    pub key: Option<PlaceKey>,
    /// Whether all facts of the commune belong there; `false` where a split commune went to its main part, where others
    /// had joined it in between, and where there is no commune.
    pub certain: bool,
}

#[derive(Clone, Copy, Debug, Default)]
struct Place {
    commune: Mapped,
    district: Option<&'static Unit>,
    province: Option<&'static Unit>,
}

/// The hierarchy of one day, with every commune key of both eras mapped into it. A look-up is one hash.
#[derive(Debug)]
pub struct AsOf {
    day: Day,
    places: HashMap<PlaceKey, Place>,
}

impl AsOf {
    /// The mapping for `day`, made on first use and kept: days between two changes of the hierarchy share one.
    pub fn at(day: Day) -> Arc<Self> {
        static KEPT: Mutex<Option<HashMap<Day, Arc<AsOf>>>> = Mutex::new(None);
        let change = Places::shared().last_change(day);
        // A panic elsewhere leaves the map whole: entries are only ever added.
        let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
        kept.get_or_insert_default().entry(change).or_insert_with(|| Arc::new(Self::new(change))).clone()
    }

    /// The mapping for `day`, made now (some 14,000 keys, milliseconds). Pages use [`AsOf::at`].
    pub fn new(day: Day) -> Self {
        let units = Places::shared();
        let keys = units.keys().filter(|k| k.level() == Level::Commune);
        Self { day, places: keys.map(|k| (k, place(units, k, day))).collect() }
    }

    /// The first day of the stretch that this hierarchy holds for, or the day it was made for.
    pub fn day(&self) -> Day {
        self.day
    }

    /// Where the commune `key` lies; nowhere for a key that no list knows.
    pub fn commune(&self, key: PlaceKey) -> Mapped {
        self.places.get(&key).map_or_else(Mapped::default, |p| p.commune)
    }

    /// The code of the district that the commune `key` lay in; `None` from 2025-07-01, when there are none, and where the
    /// communes it was made of lay in several districts.
    pub fn district(&self, key: PlaceKey) -> Option<&'static str> {
        self.district_unit(key).map(|u| &*u.code)
    }

    /// The district itself.
    pub fn district_unit(&self, key: PlaceKey) -> Option<&'static Unit> {
        self.places.get(&key)?.district
    }

    /// The code of the province that the commune `key` lies in.
    pub fn province(&self, key: PlaceKey) -> Option<&'static str> {
        self.province_unit(key).map(|u| &*u.code)
    }

    /// The province itself.
    pub fn province_unit(&self, key: PlaceKey) -> Option<&'static Unit> {
        self.places.get(&key)?.province
    }
}

fn place(units: &'static Places, key: PlaceKey, day: Day) -> Place {
    let commune =
        if key.era() == Era::TwoLevels && Era::of(day) == Era::Districts { None } else { forward(units, key, day) };
    let candidates: Vec<&Unit> = match commune {
        Some(found) => units.version(found.key.unwrap_or(key), day).into_iter().collect(),
        None => {
            let mut all = BTreeSet::new();
            backward(units, key, day, STEPS_MAX, &mut all);
            all.into_iter().filter_map(|k| units.version(k, day)).collect()
        }
    };
    let known = commune.is_some() || origins_known(units, key, day, STEPS_MAX);
    let commune = commune.unwrap_or_else(|| match candidates[..] {
        [only] if known => Mapped { key: Some(only.key), certain: true },
        _ => Mapped::default(),
    });
    let district = if known { same(candidates.iter().map(|u| units.get(&u.parent_code, day))) } else { None };
    Place {
        commune,
        district: district.filter(|d| d.level == Level::District),
        province: same(candidates.iter().map(|u| units.province_of(u, day)))
            .or_else(|| province_without_commune(units, key, day)),
    }
}

/// The commune of `day` that `key` is or became; `None` where it neither lives on nor has successors in force by then.
fn forward(units: &Places, key: PlaceKey, day: Day) -> Option<Mapped> {
    let (mut at, mut certain) = (key, true);
    for _ in 0..STEPS_MAX {
        if units.version(at, day).is_some() {
            // Others that joined between `day` and the end of its era hide among its facts.
            let joined = units.predecessors(at).iter().any(|p| p.old.era() == at.era() && p.effective > day);
            return Some(Mapped { key: Some(at), certain: certain && !(joined && at == key) });
        }
        let next = units.successors(at).iter().find(|s| s.is_main && s.effective <= day)?;
        certain &= next.whole;
        at = next.new;
    }
    None
}

/// Adds the communes of `day` that went into `key`.
fn backward(units: &Places, key: PlaceKey, day: Day, steps: usize, into: &mut BTreeSet<PlaceKey>) {
    if units.version(key, day).is_some() {
        into.insert(key);
    }
    if steps == 0 {
        return;
    }
    for p in units.predecessors(key).iter().filter(|p| p.effective > day && p.old.level() == Level::Commune) {
        backward(units, p.old, day, steps - 1, into);
    }
}

/// Whether it is known which communes of `day` went into `key`: it existed then, or all it was made of did.
fn origins_known(units: &Places, key: PlaceKey, day: Day, steps: usize) -> bool {
    if units.version(key, day).is_some() {
        return true;
    }
    let mut before = units.predecessors(key).iter().filter(|p| p.effective > day).peekable();
    let known = |old: PlaceKey| old.level() == Level::Commune && origins_known(units, old, day, steps - 1);
    steps > 0 && before.peek().is_some() && before.all(|p| known(p.old))
}

/// The province of a key without commune: its own on its last day, or what that province became.
fn province_without_commune(units: &'static Places, key: PlaceKey, day: Day) -> Option<&'static Unit> {
    let last = units.unit(key)?;
    let then = last.valid_to.unwrap_or(last.valid_from);
    let province = units.province_of(last, then)?;
    match (key.era(), Era::of(day)) {
        (a, b) if a == b => units.get(&province.code, day),
        (Era::Districts, _) => units.successors(province.key).first().and_then(|s| units.version(s.new, day)),
        // Which of the merged provinces a new commune was in is not known without its communes.
        (Era::TwoLevels, _) => match units.predecessors(province.key) {
            [only] => units.version(only.old, day),
            _ => None,
        },
    }
}

/// The one unit that all of `units` are; `None` where there are several, or none.
fn same(mut units: impl Iterator<Item = Option<&'static Unit>>) -> Option<&'static Unit> {
    let first = units.next()??;
    units.all(|u| u.is_some_and(|u| u.key == first.key)).then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Day {
        Day::parse_iso(text).unwrap()
    }

    #[test]
    fn communes_lie_where_they_did() {
        let no = (None, false);
        for (key, on, commune, expect_district, why) in [
            (197_500, "2024-06-01", (Some(197_500), true), Some("474"), "itself"),
            (197_500, "2025-03-01", (Some(197_500), true), Some("475"), "same code, new district"),
            (197_500, "2025-07-01", (Some(197_531), true), None, "joined Phú Xuân; no districts"),
            (197_500, "2026-12-31", (Some(197_531), true), None, "and is there still"),
            (197_531, "2025-07-01", (Some(197_531), true), None, "itself"),
            (197_531, "2025-06-30", no, Some("475"), "six wards of one district"),
            (197_531, "2024-06-01", no, Some("474"), "and of one district before that"),
            (198_910, "2025-07-01", (Some(200_141), true), None, "Quảng Thành to Hóa Châu"),
            (200_141, "2024-06-01", no, None, "Hóa Châu from two districts"),
            (198_220, "2025-03-01", (Some(198_250), true), Some("476"), "Điền Hương joined Phong Thạnh"),
            (198_220, "2025-07-01", (Some(198_281), true), None, "and with it Phong Phú"),
            (198_250, "2024-06-01", (Some(198_250), false), Some("476"), "facts of 2025 may be Điền Hương's"),
            (198_250, "2025-03-01", (Some(198_250), true), Some("476"), "nothing joins after"),
            (199_091, "2025-06-30", (Some(199_090), true), Some("474"), "one commune before, the same land"),
            (199_091, "2024-12-31", no, Some("474"), "three communes before that"),
            (201_610, "2025-03-01", (Some(201_610), true), Some("482"), "Khe Tre moved to Phú Lộc"),
            (201_610, "2024-06-01", (Some(201_610), true), Some("483"), "from Nam Đông"),
            (0, "2025-07-01", no, None, "no such commune"),
        ] {
            let as_of = AsOf::at(day(on));
            let got = as_of.commune(PlaceKey(key));
            let district = as_of.district(PlaceKey(key));
            assert_eq!(
                ((got.key.map(|k| k.0), got.certain), district),
                (commune, expect_district),
                "{key} {on}: {why}"
            );
            let province = (key != 0).then_some("46");
            assert_eq!(as_of.province(PlaceKey(key)), province, "{key} {on}");
        }
    }

    #[test]
    fn a_split_commune_goes_to_its_main_part_uncertain() {
        let units = Places::shared();
        let as_of = AsOf::at(Era::CHANGE);
        let mut split = 0;
        for u in units.all().iter().filter(|u| u.level == Level::Commune && u.valid_to == Some(Day(Era::CHANGE.0 - 1)))
        {
            let next = units.successors(u.key);
            let main = next.iter().find(|s| s.is_main).unwrap();
            let got = as_of.commune(u.key);
            assert_eq!((got.key, got.certain), (Some(main.new), main.whole), "{}", u.code);
            split += usize::from(next.len() > 1);
        }
        assert_eq!(split, 442);
    }

    /// Every fact is counted once in every hierarchy: each key has one row, which exists on that day, or the row "none".
    #[test]
    fn totals_are_preserved_on_any_day() {
        let units = Places::shared();
        let facts: Vec<(PlaceKey, i64)> = units
            .keys()
            .filter(|k| k.level() == Level::Commune)
            .map(|k| (k, k.0 * 7 % 1_001))
            .chain([(PlaceKey(999_991), 5)])
            .collect();
        let total: i64 = facts.iter().map(|f| f.1).sum();
        for on in ["2018-01-01", "2023-06-01", "2024-12-31", "2025-01-01", "2025-06-30", "2025-07-01", "2026-06-01"] {
            let on = day(on);
            let as_of = AsOf::at(on);
            let (mut communes, mut districts) = (HashMap::<_, i64>::new(), HashMap::<_, i64>::new());
            for (key, n) in &facts {
                let mapped = as_of.commune(*key);
                assert!(mapped.key.is_some() || !mapped.certain, "{key}");
                assert!(mapped.key.is_none_or(|k| units.version(k, on).is_some()), "{key} on {on}");
                *communes.entry(mapped.key).or_default() += n;
                *districts.entry(as_of.district(*key)).or_default() += n;
                if let (Some(k), Some(d)) = (mapped.key, as_of.district(*key)) {
                    assert_eq!(units.version(k, on).map(|u| &*u.parent_code), Some(d), "{key} on {on}");
                }
            }
            assert_eq!((communes.values().sum::<i64>(), districts.values().sum::<i64>()), (total, total), "{on}");
            // A commune in force maps to itself, so all of that day have a row.
            let own = units.all().iter().filter(|u| u.level == Level::Commune && u.holds(on));
            assert!(own.into_iter().all(|u| as_of.commune(u.key).key == Some(u.key)), "{on}");
        }
    }

    /// In the province of the demo nothing is lost going forward: what began in any commune has a commune today.
    #[test]
    fn the_demo_province_is_whole_today() {
        let units = Places::shared();
        let today = AsOf::at(day("2025-12-31"));
        for on in ["2021-11-01", "2024-12-31", "2025-06-30", "2025-07-01"] {
            for u in units.communes("46", day(on)) {
                let mapped = today.commune(u.key);
                assert!(mapped.certain && mapped.key.is_some_and(|k| units.unit(k).is_some()), "{}", u.code);
            }
        }
    }

    #[test]
    fn days_between_changes_share_a_mapping() {
        let (a, b) = (AsOf::at(day("2025-07-01")), AsOf::at(day("2025-12-31")));
        assert!(Arc::ptr_eq(&a, &b));
        assert_eq!(a.day(), Era::CHANGE);
        assert!(!Arc::ptr_eq(&a, &AsOf::at(day("2025-06-30"))));
    }
}
