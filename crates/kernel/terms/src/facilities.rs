//! The register of facilities: who reports, at which level, with how many beds, in which commune.

use std::collections::HashMap;
use std::sync::{OnceLock, PoisonError, RwLock};

use mach_base::text::is_facility_code;
use mach_base::{Day, content};

use crate::table::each_row;
use crate::{Error, usable};

const FILE: &str = "facilities.csv";
const HEADER: &str = "code,name,kind,tier,grade,beds,commune_old,commune_new,district_old,valid_from,valid_to";

/// What a facility is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FacilityKind {
    /// General hospital (bệnh viện đa khoa).
    Hospital,
    /// Specialised hospital (bệnh viện chuyên khoa).
    SpecialisedHospital,
    /// Health centre of a district (trung tâm y tế).
    HealthCentre,
    /// Clinic (phòng khám).
    Clinic,
    /// Other unit of the health sector (chi cục, trung tâm).
    Unit,
    /// The health department (Sở Y tế).
    Department,
    /// Commune health station (trạm y tế).
    Station,
}

impl FacilityKind {
    const ALL: [Self; 7] = [
        Self::Hospital,
        Self::SpecialisedHospital,
        Self::HealthCentre,
        Self::Clinic,
        Self::Unit,
        Self::Department,
        Self::Station,
    ];

    /// The kind that the list writes so.
    pub fn parse(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|k| k.code() == code)
    }

    /// As the list writes it.
    pub fn code(self) -> &'static str {
        match self {
            Self::Hospital => "hospital",
            Self::SpecialisedHospital => "specialised_hospital",
            Self::HealthCentre => "health_centre",
            Self::Clinic => "clinic",
            Self::Unit => "unit",
            Self::Department => "department",
            Self::Station => "station",
        }
    }

    /// Vietnamese name of the kind.
    pub fn name_vi(self) -> &'static str {
        match self {
            Self::Hospital => "Bệnh viện đa khoa",
            Self::SpecialisedHospital => "Bệnh viện chuyên khoa",
            Self::HealthCentre => "Trung tâm y tế",
            Self::Clinic => "Phòng khám",
            Self::Unit => "Đơn vị chuyên ngành",
            Self::Department => "Sở Y tế",
            Self::Station => "Trạm y tế",
        }
    }
}

/// Technical tier (tuyến).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tier {
    /// Tỉnh.
    Province,
    /// Huyện.
    District,
    /// Xã.
    Commune,
}

impl Tier {
    const ALL: [Self; 3] = [Self::Province, Self::District, Self::Commune];

    /// The tier that the list writes so.
    pub fn parse(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|t| t.code() == code)
    }

    /// As the list writes it.
    pub fn code(self) -> &'static str {
        match self {
            Self::Province => "province",
            Self::District => "district",
            Self::Commune => "commune",
        }
    }
}

/// One version of a facility, in force from `valid_from` to `valid_to`, both included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facility {
    /// MA_CSKCB: five characters.
    pub code: String,
    /// Vietnamese name.
    pub name: String,
    /// What it is.
    pub kind: FacilityKind,
    /// Technical tier.
    pub tier: Tier,
    /// Grade (hạng) 1–4, where it has one.
    pub grade: Option<u8>,
    /// Actual beds; 0 where it has none.
    pub beds: u32,
    /// Its commune by the codes until 2025-06-30.
    pub commune_old: String,
    /// Its commune by the codes from 2025-07-01.
    pub commune_new: String,
    /// Its district until 2025-06-30.
    pub district_old: String,
    /// First day.
    pub valid_from: Day,
    /// Last day; open where `None`.
    pub valid_to: Option<Day>,
}

impl Facility {
    /// Whether this version is in force on `on`.
    pub fn holds(&self, on: Day) -> bool {
        self.valid_from <= on && self.valid_to.is_none_or(|d| on <= d)
    }

    /// Whether it is a commune health station.
    pub fn is_station(&self) -> bool {
        self.kind == FacilityKind::Station
    }

    /// The code of its commune on `on`: communes were merged on 2025-07-01.
    pub fn commune(&self, on: Day) -> &str {
        if on < COMMUNES_MERGED { &self.commune_old } else { &self.commune_new }
    }
}

/// 2025-07-01: districts end, communes are merged (Law 72/2025/QH15).
const COMMUNES_MERGED: Day = Day(20_270);

/// The register.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facilities {
    rows: Vec<Facility>,
    by_code: HashMap<String, Vec<u32>>,
}

/// The register in use; another takes its place when a facility is made.
static IN_USE: OnceLock<RwLock<&'static Facilities>> = OnceLock::new();

impl Facilities {
    /// The register in use: the administrator's, or the synthetic province of the demo, and what is made here besides.
    pub fn shared() -> &'static Self {
        let list = IN_USE.get_or_init(|| RwLock::new(Self::of_content()));
        *list.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The administrator's, or that of the demo.
    fn of_content() -> &'static Self {
        static LIST: OnceLock<Facilities> = OnceLock::new();
        LIST.get_or_init(|| {
            usable(Self::read(&content::text(FILE, include_str!("../../../../content/facilities.csv"))))
        })
    }

    /// Makes facilities known that are made here, in the place of those made known before. A code that stands in the content
    /// stays what it is there; of two versions of one code that overlap the first counts.
    ///
    /// A register that was in use stays in memory, for who still reads it: they change as seldom as facilities are made.
    pub fn know(made: Vec<Facility>) {
        let content = Self::of_content();
        let mut list = content.clone();
        for f in made.into_iter().filter(|f| !content.by_code.contains_key(&f.code)) {
            let same = list.by_code.entry(f.code.clone()).or_default();
            if same
                .iter()
                .any(|&i| f.holds(list.rows[i as usize].valid_from) || list.rows[i as usize].holds(f.valid_from))
            {
                continue;
            }
            same.push(list.rows.len() as u32);
            list.rows.push(f);
        }
        let mut in_use = IN_USE.get_or_init(|| RwLock::new(content)).write().unwrap_or_else(PoisonError::into_inner);
        if **in_use != list {
            *in_use = Box::leak(Box::new(list));
        }
    }

    /// Reads the register.
    ///
    /// # Errors
    /// A wrong header, a code that is not five letters or digits, an unknown kind or tier, a wrong grade, bed count or
    /// day, or two versions of one code that overlap.
    pub fn read(text: &str) -> Result<Self, Error> {
        let mut list = Self::default();
        each_row(FILE, text, HEADER, |row| {
            let five = |t: &str| is_facility_code(t).then(|| t.to_owned());
            let f = Facility {
                code: row.read(0, "a code of five letters or digits", five)?,
                name: row.required(1, "name")?.to_owned(),
                kind: row.read(2, "a kind", FacilityKind::parse)?,
                tier: row.read(3, "province, district or commune", Tier::parse)?,
                grade: row.read_opt(4, "a grade 1–4", |t| t.parse().ok().filter(|g| (1..=4).contains(g)))?,
                beds: row.read_opt(5, "a number of beds", |t| t.parse().ok())?.unwrap_or(0),
                commune_old: row.text(6).to_owned(),
                commune_new: row.text(7).to_owned(),
                district_old: row.text(8).to_owned(),
                valid_from: row.day(9)?,
                valid_to: row.day_opt(10)?,
            };
            let same = list.by_code.entry(f.code.clone()).or_default();
            let clash = |o: &Facility| f.holds(o.valid_from) || o.holds(f.valid_from);
            if f.valid_to.is_some_and(|to| to < f.valid_from) || same.iter().any(|&i| clash(&list.rows[i as usize])) {
                return Err(row.error(format!("`{}`: its days overlap another row's or end before they begin", f.code)));
            }
            same.push(list.rows.len() as u32);
            list.rows.push(f);
            Ok(())
        })?;
        Ok(list)
    }

    /// Every version, in file order.
    pub fn all(&self) -> &[Facility] {
        &self.rows
    }

    /// The version of `code` in force on `on`.
    pub fn by_code(&self, code: &str, on: Day) -> Option<&Facility> {
        self.versions(code).find(|f| f.holds(on))
    }

    /// The newest version of `code`, whatever the day: for names on pages.
    pub fn get(&self, code: &str) -> Option<&Facility> {
        self.versions(code).max_by_key(|f| f.valid_from)
    }

    /// The facilities in force on `on`, in file order.
    pub fn on(&self, on: Day) -> impl Iterator<Item = &Facility> {
        self.rows.iter().filter(move |f| f.holds(on))
    }

    /// The commune health stations in force on `on`.
    pub fn stations(&self, on: Day) -> impl Iterator<Item = &Facility> {
        self.on(on).filter(|f| f.is_station())
    }

    /// Actual beds of `code` on `on`; 0 where it has none or is not known.
    pub fn beds(&self, code: &str, on: Day) -> u32 {
        self.by_code(code, on).map_or(0, |f| f.beds)
    }

    /// The facilities a fair ranking sets beside `facility` on `on`: same kind, tier and grade; itself among them.
    pub fn peers<'a>(&'a self, facility: &'a Facility, on: Day) -> impl Iterator<Item = &'a Facility> {
        self.on(on).filter(|f| (f.kind, f.tier, f.grade) == (facility.kind, facility.tier, facility.grade))
    }

    fn versions(&self, code: &str) -> impl Iterator<Item = &Facility> {
        self.by_code.get(code).into_iter().flatten().map(|&i| &self.rows[i as usize])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Day {
        Day::parse_iso(text).unwrap()
    }

    #[test]
    fn the_demo_register_is_whole() {
        let list = Facilities::shared();
        let on = day("2024-12-31");
        assert_eq!(COMMUNES_MERGED, day("2025-07-01"));
        assert_eq!((list.all().len(), list.stations(on).count()), (167, 141));
        assert_eq!(list.all().iter().map(|f| f.beds).sum::<u32>(), 2_335);
        let count = |k| list.on(on).filter(|f| f.kind == k).count();
        assert_eq!(FacilityKind::ALL.map(count), [2, 7, 9, 1, 6, 1, 141]);
        for f in list.all() {
            assert!(f.code.starts_with("46") && !f.name.contains("  "), "{f:?}");
            assert_eq!(f.is_station(), f.tier == Tier::Commune, "{}", f.code);
            assert_eq!(f.beds > 0, f.grade.is_some(), "{}", f.code);
            assert!(list.peers(f, on).any(|p| p == f));
        }
        let centre = list.by_code("46016", on).unwrap();
        assert_eq!((centre.name.as_str(), centre.beds), ("Trung tâm Y tế huyện Phú Lộc", 296));
        assert_eq!(list.peers(centre, on).count(), 6);
        assert_eq!(
            (list.beds("46016", on), list.beds("99999", on), list.beds("46016", day("2014-12-31"))),
            (296, 0, 0)
        );
    }

    #[test]
    fn a_facility_is_asked_by_day() {
        let text = format!(
            "{HEADER}\n46001,Cũ,hospital,province,3,50,19780,19789,474,2015-01-01,2024-12-31\n\
             46001,Mới,hospital,province,2,90,19780,19789,474,2025-01-01,\n"
        );
        let list = Facilities::read(&text).unwrap();
        for (on, name, commune) in
            [("2024-12-31", "Cũ", "19780"), ("2025-06-30", "Mới", "19780"), ("2025-07-01", "Mới", "19789")]
        {
            let f = list.by_code("46001", day(on)).unwrap();
            assert_eq!((f.name.as_str(), f.commune(day(on))), (name, commune), "{on}");
        }
        assert_eq!(list.get("46001").map(|f| f.beds), Some(90));
        assert!(list.by_code("46001", day("2014-12-31")).is_none());
    }

    #[test]
    fn what_is_made_here_is_known_beside_the_content() {
        let made = |code: &str, name: &str, from: &str, to: Option<&str>| Facility {
            code: code.to_owned(),
            name: name.to_owned(),
            valid_from: day(from),
            valid_to: to.map(day),
            ..Facilities::of_content().rows[0].clone()
        };
        let before = Facilities::shared();
        let one = || {
            vec![
                made("46X01", "Phòng khám Thử", "2026-01-01", None),
                made("46X01", "Cùng lúc", "2026-05-01", None),
                made("46X02", "Mã sau", "2027-01-01", None),
                made("46001", "Tên khác", "2030-01-01", None),
            ]
        };
        Facilities::know(one());
        let list = Facilities::shared();
        assert_eq!(list.all().len(), before.all().len() + 2);
        assert_eq!(list.by_code("46X01", day("2026-06-01")).map(|f| f.name.as_str()), Some("Phòng khám Thử"));
        assert_eq!(list.get("46001"), before.get("46001"));
        Facilities::know(one());
        assert!(std::ptr::eq(list, Facilities::shared()), "the same again changes nothing");
        Facilities::know(Vec::new());
        assert_eq!(Facilities::shared(), before);
    }

    #[test]
    fn bad_rows_are_refused() {
        for row in [
            "4600,A,hospital,province,3,50,,,,2015-01-01,",
            "46001,,hospital,province,3,50,,,,2015-01-01,",
            "46001,A,shop,province,3,50,,,,2015-01-01,",
            "46001,A,hospital,country,3,50,,,,2015-01-01,",
            "46001,A,hospital,province,5,50,,,,2015-01-01,",
            "46001,A,hospital,province,3,-5,,,,2015-01-01,",
            "46001,A,hospital,province,3,50,,,,,",
            "46001,A,hospital,province,3,50,,,,2015-01-01,2014-12-31",
            "46001,A,unit,province,,,,,,2015-01-01,\n46001,B,unit,province,,,,,,2020-01-01,",
        ] {
            assert!(Facilities::read(&format!("{HEADER}\n{row}\n")).is_err(), "{row}");
        }
    }
}
