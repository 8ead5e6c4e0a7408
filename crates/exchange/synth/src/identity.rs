//! How a person is named on a claim: name, numbers, address and card, with the slips that real desks make.

use crate::calendar::{Day, age, civil, day_number};
use crate::claim::{Card, Identity, Layout};
use crate::fold::plain_letter;
use crate::lists::lists;
use crate::population::{Known, Person, Population, card_level};
use crate::province::{FacilityKind, Province};
use crate::random::{Chance, mix, scatter};

/// What is true of the visit that the desk writes down.
#[derive(Clone, Copy, Debug)]
pub struct Desk {
    /// Facility.
    pub facility: usize,
    /// Layout.
    pub layout: Layout,
    /// Day of arrival.
    pub arrived: Day,
    /// Day of leaving.
    pub left: Day,
    /// The papers must be complete (a birth is registered).
    pub complete: bool,
}

/// The person as this desk writes them.
pub fn identify(all: &Population, province: &Province, number: u32, desk: Desk, chance: &mut Chance) -> Identity {
    let person = &all.people[number as usize];
    let commune = match person.moved {
        Some((to, since)) if desk.left >= since => &province.communes[usize::from(to)],
        _ => &province.communes[usize::from(person.commune)],
    };
    let place = commune.on(desk.left);
    let fixed = mix(u64::from(person.household), 17);
    let years = age(person.birth, desk.arrived);
    let must_have_card = desk.layout == Layout::L4210 || years < 6 || desk.complete;
    let carries_citizen = desk.complete || !chance.percent(6);
    Identity {
        local: local_number(province, number, desk.facility),
        name: name(person, desk.facility, chance),
        citizen: if person.citizen > 0 && carries_citizen { format!("{:012}", person.citizen) } else { String::new() },
        birth: birth(person, desk.layout),
        birth_day: (person.known != Known::Year).then_some(person.birth),
        sex: person.sex,
        address: format!("Tổ {}, {}", 1 + fixed % 14, place.address),
        place: (place.district, place.commune),
        phone: if years >= 16 { format!("09{:08}", mix(u64::from(number), 23) % 100_000_000) } else { String::new() },
        ethnicity: match commune.district {
            "481" if fixed % 10 < 7 => "31",
            "483" if fixed % 10 < 5 => "26",
            _ => "01",
        },
        occupation: occupation(years, number),
        card: (must_have_card || !chance.percent(3)).then(|| card(person, number, province, desk)),
    }
}

/// The facility's own number for a person: stable, and no two people share one.
fn local_number(province: &Province, number: u32, facility: usize) -> String {
    let salt = mix(facility as u64, 29);
    let code = province.facilities[facility].code;
    match province.facilities[facility].kind {
        FacilityKind::Station => format!("{}{:06}", &code[2..], scatter(u64::from(number), 7, salt)),
        _ => format!("{:09}", 10_000_000 + scatter(u64::from(number), 8, salt)),
    }
}

/// The full name as papers have it.
pub fn full_name(person: &Person) -> String {
    let lists = lists();
    let side = usize::from(person.sex - 1);
    let [surname, middle, given] = person.names.map(usize::from);
    format!("{} {} {}", lists.surnames.texts[surname], lists.middle[side].texts[middle], lists.given[side].texts[given])
}

fn name(person: &Person, facility: usize, chance: &mut Chance) -> String {
    let mut name = full_name(person);
    if chance.in_ten_thousand(60) {
        // A slip: the marks of the given name are lost.
        let start = name.rfind(' ').map_or(0, |at| at + 1);
        let mut bare: String = name[start..].chars().map(|c| plain_letter(c).unwrap_or(c)).collect();
        if let Some(first) = bare.get_mut(0..1) {
            first.make_ascii_uppercase();
        }
        name.truncate(start);
        name.push_str(&bare);
    }
    // Half of the programs write names in capitals.
    if mix(facility as u64, 31).is_multiple_of(2) { name.to_uppercase() } else { name }
}

/// `20010` digits of a day: yyyyMMdd.
pub fn compact(day: Day) -> String {
    let (y, m, d) = civil(day);
    format!("{y:04}{m:02}{d:02}")
}

fn birth(person: &Person, layout: Layout) -> String {
    let year = civil(person.birth).0;
    match (layout, person.known) {
        (Layout::L4210, Known::Year) => format!("{year:04}"),
        (Layout::L4210, _) => compact(person.birth),
        (_, Known::Year) => format!("{year:04}00000000"),
        (_, Known::Day) => format!("{}0000", compact(person.birth)),
        (_, Known::Minute) => {
            format!("{}{:02}{:02}", compact(person.birth), person.birth_minute / 60, person.birth_minute % 60)
        }
    }
}

fn occupation(years: i32, number: u32) -> &'static str {
    match years {
        ..6 => "00000",
        6..23 => "00010",
        60.. => "00020",
        _ => ["00030", "00040", "00050", "00060", "00090"][(mix(u64::from(number), 37) % 5) as usize],
    }
}

/// The card shown: children's groups by age, adults' by their standing, the last ten digits always the same.
fn card(person: &Person, number: u32, province: &Province, desk: Desk) -> Card {
    let years = age(person.birth, desk.left);
    let poor = matches!(person.cards[0], "HN" | "CN" | "DT");
    let changed = usize::from(desk.arrived >= person.card_change);
    let group = match years {
        ..6 => "TE",
        6..18 if !poor => "HS",
        18..23 if !poor && person.names[2].is_multiple_of(3) => "SV",
        _ => person.cards[changed],
    };
    let level = card_level(group);
    let (year, ..) = civil(desk.left);
    let (from, to) = if years < 6 {
        (person.birth, day_number(civil(person.birth).0 + 6, 12, 31))
    } else {
        (day_number(civil(desk.arrived).0, 1, 1), day_number(year, 12, 31))
    };
    Card {
        number: format!("{group}{level}46{:010}", person.insurance),
        registered_at: registered_at(person, number, province),
        from,
        to,
        rate: match level {
            3 => 95,
            4 => 80,
            _ => 100,
        },
    }
}

/// `MA_DKBD`: the station or the district's centre.
fn registered_at(person: &Person, number: u32, province: &Province) -> &'static str {
    let commune = usize::from(person.commune);
    let wanted = if number % 10 < 6 { FacilityKind::Station } else { FacilityKind::HealthCentre };
    province
        .facilities
        .iter()
        .find(|f| {
            f.kind == wanted
                && if wanted == FacilityKind::Station {
                    f.commune == commune
                } else {
                    f.district == province.communes[commune].district
                }
        })
        .map_or("46013", |f| f.code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_are_named_the_same_everywhere() {
        let province = Province::read();
        let day = day_number(2025, 3, 3);
        let all = Population::settle(&province, 3_000, 7, day);
        let mut citizens = std::collections::HashSet::new();
        for number in 0..all.people.len() as u32 {
            let person = &all.people[number as usize];
            let desk = |facility, layout| Desk { facility, layout, arrived: day, left: day, complete: true };
            let mut chance = Chance::new(1, u64::from(number), 0);
            let new = identify(&all, &province, number, desk(3, Layout::L3176), &mut chance);
            let old = identify(&all, &province, number, desk(30, Layout::L4210), &mut chance);
            let (new_card, old_card) = (new.card.unwrap(), old.card.unwrap());
            assert_eq!(new_card, old_card);
            assert_eq!(new_card.number.len(), 15, "{}", new_card.number);
            assert_eq!(new_card.number[5..].parse::<u64>().unwrap(), person.insurance);
            assert!(new.birth.len() == 12 && matches!(old.birth.len(), 4 | 8));
            assert_ne!(new.local, old.local);
            if person.citizen > 0 {
                assert!(citizens.insert(person.citizen), "{}", person.citizen);
                assert_eq!(new.citizen.len(), 12);
                let year = civil(person.birth).0;
                assert_eq!(new.citizen[4..6].parse::<i32>().unwrap(), year % 100);
            }
        }
        assert!(citizens.len() > 2_000);
    }
}
