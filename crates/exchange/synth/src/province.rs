//! Where care is given and where people live: the real facilities, and communes in the three eras of their names.

use std::collections::HashMap;

use crate::calendar::{Date, Day, day_number};
use crate::lists::rows;
use crate::random::mix;

/// What a facility is, as far as it changes what comes through its door.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FacilityKind {
    /// General hospital.
    Hospital,
    /// Hospital of one speciality.
    Specialised,
    /// District health centre.
    HealthCentre,
    /// Polyclinic without beds.
    Clinic,
    /// Commune station.
    Station,
    /// Offices and units that send no claims.
    Silent,
}

/// A facility.
#[derive(Debug)]
pub struct Facility {
    /// Five characters.
    pub code: &'static str,
    /// Its kind.
    pub kind: FacilityKind,
    /// Letter by which diagnoses name it.
    pub letter: char,
    /// Hospital grade I or II.
    pub high_grade: bool,
    /// Actual beds.
    pub beds: i64,
    /// Commune it stands in (a place in [`Province::communes`]).
    pub commune: usize,
    /// District of 2024.
    pub district: &'static str,
    /// Share of the province's claims, in no unit.
    pub weight: u64,
}

/// A commune under one of its names.
#[derive(Clone, Debug, Default)]
pub struct PlaceName {
    /// `MAXA_CU_TRU`.
    pub commune: &'static str,
    /// `MAHUYEN_CU_TRU`, empty from 2025-07-01.
    pub district: &'static str,
    /// The end of an address: commune, district, province.
    pub address: String,
}

/// A commune as of 2024-12-31, with its names by era.
#[derive(Debug)]
pub struct Commune {
    /// Code on 2024-12-31.
    pub code: &'static str,
    /// District on 2024-12-31.
    pub district: &'static str,
    /// Until 2024-12-31; until 2025-06-30; since.
    pub names: [PlaceName; 3],
}

impl Commune {
    /// Its name and codes on a day.
    pub fn on(&self, day: Day) -> &PlaceName {
        let era = usize::from(day >= day_number(2025, 1, 1)) + usize::from(day >= day_number(2025, 7, 1));
        &self.names[era]
    }
}

/// Facilities and communes.
#[derive(Debug)]
pub struct Province {
    /// In the order of `facilities.csv`.
    pub facilities: Vec<Facility>,
    /// In order of code.
    pub communes: Vec<Commune>,
}

impl Province {
    /// Reads the embedded lists.
    pub fn read() -> Self {
        let communes = communes();
        let places: HashMap<&str, usize> = communes.iter().enumerate().map(|(at, c)| (c.code, at)).collect();
        let facilities = rows(include_str!("../../../../content/facilities.csv"))
            .into_iter()
            .map(|row| facility(&row, places.get(row[6]).copied().unwrap_or(0)))
            .collect();
        Province { facilities, communes }
    }

    /// Where `facility` sends what it cannot treat: a station to its district's centre, others to a provincial hospital.
    pub fn above(&self, facility: usize) -> usize {
        let here = &self.facilities[facility];
        let found = match here.kind {
            FacilityKind::Station | FacilityKind::Clinic => {
                self.facilities.iter().position(|f| f.kind == FacilityKind::HealthCentre && f.district == here.district)
            }
            _ => self.facilities.iter().position(|f| f.kind == FacilityKind::Hospital && f.code != here.code),
        };
        found.unwrap_or(0)
    }
}

fn facility(row: &[&'static str], commune: usize) -> Facility {
    let name = row[1];
    let (kind, letter) = match row[2] {
        "hospital" => (FacilityKind::Hospital, 'G'),
        "health_centre" => (FacilityKind::HealthCentre, 'G'),
        "clinic" => (FacilityKind::Clinic, 'C'),
        "station" => (FacilityKind::Station, 'S'),
        "specialised_hospital" => (FacilityKind::Specialised, speciality(name)),
        _ => (FacilityKind::Silent, '-'),
    };
    let beds = row[5].parse().unwrap_or(0);
    let spread = mix(row[0].bytes().fold(0, |sum, b| sum * 31 + u64::from(b)), 1);
    let weight = match kind {
        FacilityKind::Hospital | FacilityKind::HealthCentre => beds as u64 * 10,
        FacilityKind::Specialised => beds as u64 * 7,
        FacilityKind::Clinic => 160,
        FacilityKind::Station => 45 + spread % 45,
        FacilityKind::Silent => 0,
    };
    Facility {
        code: row[0],
        kind,
        letter,
        high_grade: matches!(row[4], "1" | "2"),
        beds,
        commune,
        district: row[8],
        weight,
    }
}

fn speciality(name: &str) -> char {
    const NAMES: [(&str, char); 7] = [
        ("Răng", 'D'),
        ("cổ truyền", 'T'),
        ("Da liễu", 'L'),
        ("Phục hồi", 'R'),
        ("Phổi", 'P'),
        ("Mắt", 'E'),
        ("Tâm thần", 'M'),
    ];
    NAMES.iter().find(|(part, _)| name.contains(part)).map_or('G', |&(_, letter)| letter)
}

/// One row of `places.csv`.
struct Place {
    name: &'static str,
    kind: &'static str,
    parent: &'static str,
    from: Day,
    to: Option<Day>,
}

fn read_places() -> HashMap<&'static str, Vec<Place>> {
    let day = |text: &str| text.parse::<Date>().ok().map(Date::number);
    let mut places: HashMap<&'static str, Vec<Place>> = HashMap::new();
    // Most of the country's rows are left unread: Huế's codes are 46, 474–483 and 19750–20191.
    for row in rows(include_str!("../../../../content/places.csv")) {
        let here = row[0] == "46" || row[5] == "46" || (row[0].len() == 5 && ("474"..="483").contains(&row[5]));
        if here {
            let from = day(row[6]).unwrap_or(Day::MIN);
            let place = Place { name: row[2], kind: row[4], parent: row[5], from, to: day(row[7]) };
            places.entry(row[0]).or_default().push(place);
        }
    }
    places
}

fn communes() -> Vec<Commune> {
    let places = read_places();
    let find = |code: &str, day: Day| {
        places.get(code).and_then(|rows| rows.iter().find(|p| p.from <= day && p.to.is_none_or(|to| day <= to)))
    };
    let mut next: HashMap<(&str, &str), &'static str> = HashMap::new();
    for row in rows(include_str!("../../../../content/place-successors.csv")) {
        if row[1] == "commune" && row[4] == "Y" {
            next.insert((row[0], row[6]), row[2]);
        }
    }
    let days = [day_number(2024, 12, 31), day_number(2025, 6, 30), day_number(2025, 7, 1)];
    let name = |code: &'static str, era: usize| -> PlaceName {
        let Some(place) = find(code, days[era]) else { return PlaceName::default() };
        let province = find("46", days[era]).map_or_else(String::new, |p| format!("{} {}", p.kind, p.name));
        match find(place.parent, days[era]).filter(|_| era < 2) {
            Some(district) => PlaceName {
                commune: code,
                district: place.parent,
                address: format!("{} {}, {} {}, {province}", place.kind, place.name, district.kind, district.name),
            },
            None => {
                PlaceName { commune: code, district: "", address: format!("{} {}, {province}", place.kind, place.name) }
            }
        }
    };
    let mut codes: Vec<&'static str> = places
        .keys()
        .copied()
        .filter(|code| code.len() == 5 && find(code, days[0]).is_some_and(|p| p.parent.len() == 3))
        .collect();
    codes.sort_unstable();
    codes
        .into_iter()
        .map(|code| {
            let middle = next.get(&(code, "2025-01-01")).copied().unwrap_or(code);
            let new = next.get(&(middle, "2025-07-01")).copied().unwrap_or(middle);
            let names = [name(code, 0), name(middle, 1), name(new, 2)];
            Commune { code, district: names[0].district, names }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn communes_keep_their_successors() {
        let province = Province::read();
        assert_eq!(province.communes.len(), 141);
        for commune in &province.communes {
            assert!(commune.names.iter().all(|n| n.commune.len() == 5), "{commune:?}");
            assert!(commune.names[0].district.len() == 3 && commune.names[1].district.len() == 3, "{commune:?}");
            assert!(commune.names[2].district.is_empty(), "{commune:?}");
        }
        let closed = province.communes.iter().find(|c| c.code == "19822").unwrap();
        assert_eq!(closed.on(day_number(2025, 1, 1)).commune, "19825");
        assert!(closed.on(day_number(2024, 12, 31)).address.starts_with("xã Điền Hương, huyện Phong Điền, tỉnh"));
        assert!(closed.on(day_number(2025, 7, 1)).address.ends_with(", thành phố Huế"));
    }

    #[test]
    fn facilities_have_kinds_and_beds() {
        let province = Province::read();
        let count = |kind| province.facilities.iter().filter(|f| f.kind == kind).count();
        assert_eq!((count(FacilityKind::Station), count(FacilityKind::HealthCentre)), (141, 9));
        assert_eq!((count(FacilityKind::Hospital), count(FacilityKind::Specialised)), (2, 7));
        let letters: String = province.facilities.iter().filter(|f| f.beds > 0).map(|f| f.letter).collect();
        assert!("GDTLRPEM".chars().all(|letter| letters.contains(letter)), "{letters}");
        assert_eq!(province.facilities[province.above(26)].district, "474");
    }
}
