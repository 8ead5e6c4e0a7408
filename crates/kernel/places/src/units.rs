//! The units themselves, by code and day, and their successors.

use std::collections::{BTreeSet, HashMap};
use std::sync::OnceLock;

use mach_base::{Day, content};

use crate::{Era, Error, Level, PlaceKey, usable};

const UNITS_FILE: &str = "places.csv";
const UNITS_HEADER: &str = "code,level,name_vi,name_en,type,parent_code,valid_from,valid_to";
const SUCCESSORS_FILE: &str = "place-successors.csv";
const SUCCESSORS_HEADER: &str = "old_code,old_level,new_code,share_note,is_main,lists_agreeing,effective";

/// One version of a unit, in force from `valid_from` to `valid_to`, both included.
#[derive(Debug)]
pub struct Unit {
    /// Official statistics code.
    pub code: Box<str>,
    /// Its level.
    pub level: Level,
    /// Vietnamese name without the type word: `Kim Long`, `5`.
    pub name_vi: Box<str>,
    /// The name without marks.
    pub name_en: Box<str>,
    /// Type word, lower case: `phường`, `thị trấn`, `đặc khu`.
    pub kind: Box<str>,
    /// Code of the district (communes until 2025-06-30) or province it belongs to; empty for a province.
    pub parent_code: Box<str>,
    /// First day. 2021-11-01, where the list begins, means "on or before".
    pub valid_from: Day,
    /// Last day; open where `None`.
    pub valid_to: Option<Day>,
    /// Its key.
    pub key: PlaceKey,
}

impl Unit {
    /// Type and name: `Phường Kim Long`, `Quận 5`, `Thành phố Huế`.
    pub fn full_name(&self) -> String {
        let mut kind = self.kind.chars();
        let first: String = kind.next().into_iter().flat_map(char::to_uppercase).collect();
        format!("{first}{} {}", kind.as_str(), self.name_vi)
    }

    /// Whether this version is in force on `on`.
    pub fn holds(&self, on: Day) -> bool {
        self.valid_from <= on.max(Places::FIRST_DAY) && self.valid_to.is_none_or(|d| on.max(Places::FIRST_DAY) <= d)
    }
}

/// What became of a unit on a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Successor {
    /// The unit before.
    pub old: PlaceKey,
    /// The unit after. An island district without communes became a commune.
    pub new: PlaceKey,
    /// Whether all of `old` went to `new`; else a part of it.
    pub whole: bool,
    /// The target for an address without a street; one per `old` and day.
    pub is_main: bool,
    /// First day of the change.
    pub effective: Day,
}

/// All units and successors.
#[derive(Debug, Default)]
pub struct Places {
    units: Vec<Unit>,
    /// Versions of each key, oldest first.
    by_key: HashMap<PlaceKey, Vec<u32>>,
    /// By the old unit.
    successors: HashMap<PlaceKey, Vec<Successor>>,
    /// By the new unit.
    predecessors: HashMap<PlaceKey, Vec<Successor>>,
    /// Days on which any unit begins or ends.
    changes: BTreeSet<Day>,
}

impl Places {
    /// The first day the list knows; earlier days are answered as this one.
    pub const FIRST_DAY: Day = Day(18_932);

    /// The list in use.
    pub fn shared() -> &'static Self {
        static PLACES: OnceLock<Places> = OnceLock::new();
        PLACES.get_or_init(|| {
            let units = content::text(UNITS_FILE, include_str!("../../../../content/places.csv"));
            let successors = content::text(SUCCESSORS_FILE, include_str!("../../../../content/place-successors.csv"));
            usable(Self::read(&units, &successors))
        })
    }

    /// Reads the units and their successors.
    ///
    /// # Errors
    /// A wrong header, code, level or day; a version that crosses 2025-07-01 or overlaps another; a successor of or to a
    /// unit that is not listed.
    pub fn read(units: &str, successors: &str) -> Result<Self, Error> {
        let mut places = Self { units: Vec::with_capacity(16_000), ..Self::default() };
        each_row(UNITS_FILE, UNITS_HEADER, units, |cell| places.add_unit(read_unit(cell)?))?;
        each_row(SUCCESSORS_FILE, SUCCESSORS_HEADER, successors, |cell| places.add_successor(read_successor(cell)?))?;
        // Most units have one version and one successor; a growing Vec reserves four.
        places.by_key.values_mut().for_each(Vec::shrink_to_fit);
        places.successors.values_mut().chain(places.predecessors.values_mut()).for_each(Vec::shrink_to_fit);
        Ok(places)
    }

    fn add_unit(&mut self, unit: Unit) -> Result<(), String> {
        let era_ends = unit.key.era() == Era::Districts && unit.valid_to.is_none_or(|d| d >= Era::CHANGE);
        if era_ends || unit.valid_to.is_some_and(|d| d < unit.valid_from) {
            return Err(format!("`{}` does not end in its era", unit.code));
        }
        let versions = self.by_key.entry(unit.key).or_default();
        if let Some(last) = versions.last().map(|&i| &self.units[i as usize])
            && last.valid_to.is_none_or(|d| d >= unit.valid_from)
        {
            return Err(format!("`{}` from {} overlaps its row before", unit.code, unit.valid_from));
        }
        versions.push(self.units.len() as u32);
        self.changes.insert(unit.valid_from);
        self.changes.extend(unit.valid_to.map(|d| Day(d.0 + 1)));
        self.units.push(unit);
        Ok(())
    }

    fn add_successor(&mut self, s: Successor) -> Result<(), String> {
        for key in [s.old, s.new] {
            if !self.by_key.contains_key(&key) {
                return Err(format!("`{}` is not in {UNITS_FILE}", key.code()));
            }
        }
        // A change of type under the same code (2026-04-30) is a new version of one unit, not a successor.
        if s.old == s.new {
            return Ok(());
        }
        self.successors.entry(s.old).or_default().push(s);
        self.predecessors.entry(s.new).or_default().push(s);
        Ok(())
    }

    /// Every version of every unit, in file order.
    pub fn all(&self) -> &[Unit] {
        &self.units
    }

    /// Every key, in no order.
    pub fn keys(&self) -> impl Iterator<Item = PlaceKey> {
        self.by_key.keys().copied()
    }

    /// The key of `code` (2, 3 or 5 digits) as written on `on`. A code that the era of `on` does not have is looked for
    /// in the other one: claims keep old codes for a while.
    pub fn key(&self, code: &str, on: Day) -> Option<PlaceKey> {
        let era = Era::of(on);
        [era, era.other()].into_iter().filter_map(|e| PlaceKey::new(code, e)).find(|k| self.by_key.contains_key(k))
    }

    /// The version of `code` in force on `on`.
    pub fn get(&self, code: &str, on: Day) -> Option<&Unit> {
        self.version(PlaceKey::new(code, Era::of(on))?, on)
    }

    /// The newest version of `key`: for names.
    pub fn unit(&self, key: PlaceKey) -> Option<&Unit> {
        self.versions(key).last()
    }

    /// The version of `key` in force on `on`.
    pub fn version(&self, key: PlaceKey, on: Day) -> Option<&Unit> {
        self.versions(key).find(|u| u.holds(on))
    }

    /// All versions of `key`, oldest first.
    pub fn versions(&self, key: PlaceKey) -> impl DoubleEndedIterator<Item = &Unit> {
        self.by_key.get(&key).into_iter().flatten().map(|&i| &self.units[i as usize])
    }

    /// The provinces on `on`, by code.
    pub fn provinces(&self, on: Day) -> Vec<&Unit> {
        self.sorted(on, |u| u.level == Level::Province)
    }

    /// The districts of `province` on `on`, by code; none from 2025-07-01.
    pub fn districts(&self, province: &str, on: Day) -> Vec<&Unit> {
        self.sorted(on, |u| u.level == Level::District && &*u.parent_code == province)
    }

    /// The communes of `province` on `on`, by code.
    pub fn communes(&self, province: &str, on: Day) -> Vec<&Unit> {
        let mut parents: Vec<&str> = self.districts(province, on).iter().map(|d| &*d.code).collect();
        parents.push(province);
        self.sorted(on, |u| u.level == Level::Commune && parents.contains(&&*u.parent_code))
    }

    /// The communes of `district` on `on`, by code; none from 2025-07-01.
    pub fn communes_of_district(&self, district: &str, on: Day) -> Vec<&Unit> {
        self.sorted(on, |u| u.level == Level::Commune && &*u.parent_code == district)
    }

    /// The province that `unit` belongs to, by the hierarchy of `on`.
    pub fn province_of(&self, unit: &Unit, on: Day) -> Option<&Unit> {
        let mut code = &*unit.code;
        let mut found = self.get(code, on)?;
        while found.level != Level::Province {
            code = &found.parent_code;
            found = self.get(code, on)?;
        }
        Some(found)
    }

    /// What became of `key`.
    pub fn successors(&self, key: PlaceKey) -> &[Successor] {
        self.successors.get(&key).map_or(&[], Vec::as_slice)
    }

    /// What `key` was made of.
    pub fn predecessors(&self, key: PlaceKey) -> &[Successor] {
        self.predecessors.get(&key).map_or(&[], Vec::as_slice)
    }

    /// The last day on or before `on` on which any unit changed: hierarchies are the same from there to `on`.
    pub fn last_change(&self, on: Day) -> Day {
        self.changes.range(..=on.max(Self::FIRST_DAY)).next_back().copied().unwrap_or(Self::FIRST_DAY)
    }

    fn sorted(&self, on: Day, keep: impl Fn(&Unit) -> bool) -> Vec<&Unit> {
        let mut found: Vec<&Unit> = self.units.iter().filter(|u| u.holds(on) && keep(u)).collect();
        found.sort_unstable_by(|a, b| a.code.cmp(&b.code));
        found
    }
}

type Cells<'a> = &'a csv::StringRecord;

fn read_unit(cell: Cells<'_>) -> Result<Unit, String> {
    let level = Level::parse(&cell[1]).ok_or_else(|| format!("`{}` is no level", &cell[1]))?;
    let valid_from = day(&cell[6])?;
    let valid_to = if cell[7].is_empty() { None } else { Some(day(&cell[7])?) };
    let key = PlaceKey::new(&cell[0], Era::of(valid_from))
        .filter(|k| k.level() == level)
        .ok_or_else(|| format!("`{}` is no code of a {}", &cell[0], level.code()))?;
    if cell[2].is_empty() || cell[4].is_empty() || cell[5].is_empty() != (level == Level::Province) {
        return Err(format!("`{}` lacks a name, a type or a parent", &cell[0]));
    }
    let text = |i: usize| Box::from(&cell[i]);
    Ok(Unit {
        code: text(0),
        level,
        name_vi: text(2),
        name_en: text(3),
        kind: text(4),
        parent_code: text(5),
        valid_from,
        valid_to,
        key,
    })
}

fn read_successor(cell: Cells<'_>) -> Result<Successor, String> {
    let effective = day(&cell[6])?;
    let key = |code: &str, on: Day| PlaceKey::new(code, Era::of(on)).ok_or_else(|| format!("`{code}` is no code"));
    let flag = |i: usize, yes: &str, no: &str| match &cell[i] {
        t if t == yes => Ok(true),
        t if t == no => Ok(false),
        t => Err(format!("`{t}` is neither `{yes}` nor `{no}`")),
    };
    let old = key(&cell[0], Day(effective.0 - 1))?;
    if Level::parse(&cell[1]) != Some(old.level()) {
        return Err(format!("`{}` is no {}", &cell[0], &cell[1]));
    }
    let (whole, is_main) = (flag(3, "whole", "split")?, flag(4, "Y", "N")?);
    Ok(Successor { old, new: key(&cell[2], effective)?, whole, is_main, effective })
}

fn day(text: &str) -> Result<Day, String> {
    Day::parse_iso(text).ok_or_else(|| format!("`{text}` is not a day (yyyy-MM-dd)"))
}

/// Calls `each` for every row behind `header`; what it says is wrong gets the line.
fn each_row(
    file: &'static str,
    header: &str,
    text: &str,
    mut each: impl FnMut(Cells<'_>) -> Result<(), String>,
) -> Result<(), Error> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(text.as_bytes());
    let mut record = csv::StringRecord::new();
    let mut line = 0;
    loop {
        line += 1;
        let failed = |what: String| Error::Row { file, line, what };
        match reader.read_record(&mut record) {
            Ok(false) if line > 1 => return Ok(()),
            Ok(true) if line > 1 => each(&record).map_err(failed)?,
            Ok(_) if record.iter().eq(header.split(',')) => {}
            Ok(_) => return Err(failed(format!("the first line must be `{header}`"))),
            Err(e) => return Err(failed(e.to_string())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Day {
        Day::parse_iso(text).unwrap()
    }

    #[test]
    fn counts_by_day_are_those_published() {
        let places = Places::shared();
        assert_eq!(places.all().len(), 15_349);
        for (on, provinces, districts, communes) in [
            ("2015-01-01", 63, 705, 10_599),
            ("2021-11-01", 63, 705, 10_599),
            ("2024-06-01", 63, 705, 10_595),
            ("2024-12-01", 63, 704, 10_472),
            ("2025-01-15", 63, 696, 10_039),
            ("2025-06-30", 63, 696, 10_035),
            ("2025-07-01", 34, 0, 3_321),
            ("2026-04-30", 34, 0, 3_321),
        ] {
            let on = day(on);
            let count = |level| places.all().iter().filter(|u| u.level == level && u.holds(on)).count();
            let all = [Level::Province, Level::District, Level::Commune].map(count);
            assert_eq!(all, [provinces, districts, communes], "{on}");
            assert_eq!(places.provinces(on).len(), provinces);
        }
        assert_eq!(Places::FIRST_DAY, day("2021-11-01"));
    }

    #[test]
    fn every_unit_has_its_parent_on_all_its_days() {
        let places = Places::shared();
        for u in places.all().iter().filter(|u| u.level != Level::Province) {
            for on in [u.valid_from, u.valid_to.unwrap_or(day("2026-12-31"))] {
                let parent = places.get(&u.parent_code, on).map(|p| p.level);
                let expect = match (u.level, u.key.era()) {
                    (Level::Commune, Era::Districts) => Level::District,
                    _ => Level::Province,
                };
                assert_eq!(parent, Some(expect), "{} on {on}", u.code);
                assert!(places.province_of(u, on).is_some(), "{} on {on}", u.code);
            }
        }
    }

    #[test]
    fn units_are_asked_by_code_and_day() {
        let places = Places::shared();
        for (code, on, expect) in [
            ("46", "2024-12-31", Some("Tỉnh Thừa Thiên Huế")),
            ("46", "2025-01-01", Some("Thành phố Huế")),
            ("474", "2024-12-31", Some("Thành phố Huế")),
            ("474", "2025-06-30", Some("Quận Thuận Hóa")),
            ("474", "2025-07-01", None),
            ("19753", "2018-05-05", Some("Phường Thuận Lộc")),
            ("19753", "2025-07-01", Some("Phường Phú Xuân")),
            ("19750", "2025-07-01", None),
            ("760", "2024-01-01", Some("Quận 1")),
            ("4", "2024-01-01", None),
        ] {
            assert_eq!(places.get(code, day(on)).map(Unit::full_name).as_deref(), expect, "{code} {on}");
        }
        // An old code written after the change still finds its old commune; a new one written before it, the new one.
        for (code, on, key) in [
            ("19753", "2025-06-30", Some(197_530)),
            ("19753", "2025-07-01", Some(197_531)),
            ("19750", "2025-08-01", Some(197_500)),
            ("99999", "2025-08-01", None),
            ("", "2025-08-01", None),
        ] {
            assert_eq!(places.key(code, day(on)).map(|k| k.0), key, "{code} {on}");
        }
        assert_eq!(places.communes("46", day("2024-12-31")).len(), 141);
        assert_eq!(places.communes("46", day("2025-06-30")).len(), 133);
        assert_eq!(places.communes("46", day("2025-07-01")).len(), 40);
        assert_eq!(places.districts("46", day("2024-12-31")).len(), 9);
        assert_eq!(places.districts("46", day("2025-07-01")).len(), 0);
        assert_eq!(places.communes_of_district("483", day("2024-12-31")).len(), 10);
    }

    #[test]
    fn every_successor_begins_where_the_old_unit_ends() {
        let places = Places::shared();
        let all: Vec<&Successor> = places.successors.values().flatten().collect();
        for s in &all {
            assert!(places.version(s.old, Day(s.effective.0 - 1)).is_some(), "{s:?}");
            assert!(places.version(s.new, s.effective).is_some(), "{s:?}");
            let of = places.successors(s.old).iter().filter(|o| o.effective == s.effective);
            assert_eq!(of.clone().filter(|o| o.is_main).count(), 1, "{s:?}");
            assert_eq!(s.whole, of.count() == 1, "{s:?}");
        }
        let count = |level| all.iter().filter(|s| s.old.level() == level && s.effective == Era::CHANGE).count();
        let counts = [Level::Province, Level::District, Level::Commune].map(count);
        assert_eq!(counts, [63, 696, 9_593 + 973]);
        assert_eq!(all.iter().filter(|s| s.effective < Era::CHANGE).count(), 9, "Huế on 2025-01-01");
        let ended = places.all().iter().filter(|u| u.valid_to == Some(Day(Era::CHANGE.0 - 1)));
        assert!(ended.into_iter().all(|u| !places.successors(u.key).is_empty()));
        let began = places.all().iter().filter(|u| u.level == Level::Commune && u.valid_from == Era::CHANGE);
        assert!(began.into_iter().all(|u| !places.predecessors(u.key).is_empty()));
    }

    #[test]
    fn every_facility_lies_in_communes_of_its_day() {
        let places = Places::shared();
        let text = include_str!("../../../../content/facilities.csv");
        let mut stations = BTreeSet::new();
        for cell in csv::Reader::from_reader(text.as_bytes()).records().map(Result::unwrap) {
            let old = places.get(&cell[6], day("2024-12-31")).unwrap();
            let new = places.get(&cell[7], Era::CHANGE).unwrap();
            assert_eq!(&*old.parent_code, &cell[8], "{}", &cell[0]);
            assert!(crate::AsOf::at(Era::CHANGE).commune(old.key).key == Some(new.key), "{}", &cell[0]);
            if &cell[2] == "station" {
                assert_eq!(&cell[1], &format!("Trạm Y tế {} {}", old.kind, old.name_vi));
                assert!(stations.insert(old.code.to_string()), "{}", old.code);
            }
        }
        let communes = places.communes("46", day("2024-12-31"));
        assert!(communes.into_iter().map(|u| u.code.to_string()).eq(stations), "one station per commune");
    }

    #[test]
    fn provinces_of_2025_join() {
        let text = include_str!("../../../../content/provinces-2025.csv");
        let rows: Vec<_> = csv::Reader::from_reader(text.as_bytes()).records().map(Result::unwrap).collect();
        let provinces = Places::shared().provinces(Era::CHANGE);
        assert!(
            rows.iter()
                .map(|r| (r[0].to_owned(), r[1].to_owned()))
                .eq(provinces.iter().map(|u| (u.code.to_string(), u.name_vi.to_string())))
        );
    }

    #[test]
    fn bad_lists_name_file_and_line() {
        let unit = |row: &str| Places::read(&format!("{UNITS_HEADER}\n{row}\n"), &format!("{SUCCESSORS_HEADER}\n"));
        for (row, good) in [
            ("46,province,Huế,Hue,tỉnh,,2021-11-01,2025-06-30", true),
            ("46,province,Huế,Hue,tỉnh,,2021-11-01,2025-06-30\n46,province,Huế,Hue,tỉnh,,2025-06-30,2025-06-30", false),
            ("46,province,Huế,Hue,tỉnh,,2021-11-01,", false),
            ("46,province,Huế,Hue,tỉnh,,2021-11-01,2021-10-31", false),
            ("46,district,Huế,Hue,tỉnh,,2021-11-01,2025-06-30", false),
            ("46,state,Huế,Hue,tỉnh,,2021-11-01,2025-06-30", false),
            ("46,province,,Hue,tỉnh,,2021-11-01,2025-06-30", false),
            ("474,district,Huế,Hue,quận,,2021-11-01,2025-06-30", false),
            ("46,province,Huế,Hue,tỉnh,,2021-11-31,2025-06-30", false),
            ("46,province,Huế,Hue,tỉnh", false),
        ] {
            let read = unit(row);
            assert_eq!(read.is_ok(), good, "{row}");
            let line = row.lines().count() as u64 + 1;
            assert!(good || matches!(read, Err(Error::Row { file: UNITS_FILE, line: l, .. }) if l == line), "{row}");
        }
        let one = format!("{UNITS_HEADER}\n46,province,Huế,Hue,thành phố,,2025-07-01,\n");
        let unknown = format!("{SUCCESSORS_HEADER}\n46,province,46,whole,Y,1,2025-07-01\n");
        assert!(matches!(Places::read(&one, &unknown), Err(Error::Row { file: SUCCESSORS_FILE, line: 2, .. })));
        assert!(matches!(Places::read("", ""), Err(Error::Row { line: 1, .. })));
    }
}
