//! The people of the province: households in communes, their numbers and cards, their long-term conditions.

use crate::calendar::{Day, age, civil, day_number};
use crate::lists::{Words, lists};
use crate::province::{FacilityKind, Province};
use crate::random::{Chance, mix, scatter};

/// How much of a birth date is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// The year alone.
    Year,
    /// The day.
    Day,
    /// The minute.
    Minute,
}

/// A person, small enough that a million fit in memory.
#[derive(Clone, Debug)]
pub struct Person {
    /// Day of birth.
    pub birth: Day,
    /// Minute of the day of birth.
    pub birth_minute: u16,
    /// How much of it papers say.
    pub known: Known,
    /// 1 male, 2 female.
    pub sex: u8,
    /// Places in the lists of names.
    pub names: [u8; 3],
    /// Household.
    pub household: u32,
    /// Commune of residence.
    pub commune: u8,
    /// Commune moved to, and when.
    pub moved: Option<(u8, Day)>,
    /// Citizen number (CCCD), 0 where none was issued.
    pub citizen: u64,
    /// Ten digits of social insurance.
    pub insurance: u64,
    /// First letters of an adult's card, and of the card changed to.
    pub cards: [&'static str; 2],
    /// When the card changes.
    pub card_change: Day,
    /// Letter of the long-term condition, `-` where none.
    pub chronic: u8,
    /// First and last day of the visits of the month worked on.
    pub seen_from: Day,
    /// See `seen_from`.
    pub seen_to: Day,
    /// Day of the last admission for a delivery.
    pub gave_birth: Day,
    /// Died in care.
    pub dead: bool,
    /// Named by at least one claim.
    pub seen: bool,
}

/// Everyone, with the lists by which a facility finds its patients.
#[derive(Debug, Default)]
pub struct Population {
    /// All people; a person's number is the place in this list.
    pub people: Vec<Person>,
    by_commune: Vec<Vec<u32>>,
    by_district: Vec<Vec<u32>>,
    /// Long-term patients by facility.
    pub chronic: Vec<Vec<u32>>,
    households: u32,
    /// Citizen numbers given out, by century digit and year.
    issued: std::collections::HashMap<(u64, u64), u64>,
}

/// District codes of 2024 as places.
fn district(code: &str) -> usize {
    code.parse::<usize>().map_or(0, |n| n.saturating_sub(474)).min(9)
}

impl Population {
    /// People enough for `size`, living on `day`.
    pub fn settle(province: &Province, size: usize, seed: u64, day: Day) -> Self {
        let mut all = Population {
            by_commune: vec![Vec::new(); province.communes.len()],
            by_district: vec![Vec::new(); 10],
            chronic: vec![Vec::new(); province.facilities.len()],
            ..Population::default()
        };
        let mut chance = Chance::new(seed, 11, 0);
        // Town wards hold more people than hill communes.
        let weights: Vec<u32> =
            province.communes.iter().map(|c| if matches!(c.district, "481" | "483") { 4 } else { 10 }).collect();
        while all.people.len() < size {
            let commune = chance.weighted(&weights);
            all.household(province, commune, &mut chance, day);
        }
        all
    }

    /// People in the catchment of a facility.
    pub fn catchment(&self, province: &Province, facility: usize, chance: &mut Chance) -> &[u32] {
        let here = &province.facilities[facility];
        let commune = &self.by_commune[here.commune];
        let near = &self.by_district[district(here.district)];
        match here.kind {
            FacilityKind::Station if !commune.is_empty() && chance.percent(92) => commune,
            FacilityKind::Station | FacilityKind::HealthCentre if !near.is_empty() && chance.percent(95) => near,
            _ => &[],
        }
    }

    fn household(&mut self, province: &Province, commune: usize, chance: &mut Chance, day: Day) {
        let lists = lists();
        let household = self.households;
        self.households += 1;
        let surname = chance.weighted(&lists.surnames.weights) as u8;
        let head_age = chance.between(24, 88);
        let mut ages = vec![(head_age, 1u8)];
        if chance.percent(82) {
            ages.push(((head_age + chance.between(-6, 4)).max(20), 2));
        }
        let children = if head_age < 58 { chance.between(0, 3) } else { 0 };
        for _ in 0..children {
            let oldest = (head_age - 20).clamp(0, 30);
            ages.push((chance.between(0, oldest), 1 + u8::from(chance.percent(49))));
        }
        if head_age < 50 && chance.percent(35) {
            ages.push((head_age + chance.between(22, 34), 1 + u8::from(chance.percent(60))));
        }
        for (place, (years, sex)) in ages.into_iter().enumerate() {
            let birth = day - (years * 365 + years / 4) as Day - chance.between(0, 364) as Day;
            // A wife keeps the name she was born with.
            let own = if place == 1 || place > 4 { chance.weighted(&lists.surnames.weights) as u8 } else { surname };
            let person = self.person(province, commune, household, own, birth, sex, chance, day);
            self.add(province, person, chance);
        }
    }

    #[expect(clippy::too_many_arguments, reason = "a person is made of independent facts")]
    fn person(
        &mut self,
        province: &Province,
        commune: usize,
        household: u32,
        surname: u8,
        birth: Day,
        sex: u8,
        chance: &mut Chance,
        day: Day,
    ) -> Person {
        let lists = lists();
        let pick = |words: &Words, chance: &mut Chance| chance.weighted(&words.weights) as u8;
        let side = usize::from(sex - 1);
        let years = age(birth, day);
        let serial = self.people.len() as u64;
        let has_citizen = chance.percent(if years >= 14 { 97 } else { 40 });
        let cards = [card_group(province, commune, household, years, chance), chance.one(&["GD", "DN", "HN", "TC"])];
        let change = if chance.percent(3) { day + chance.between(20, 900) as Day } else { Day::MAX };
        let away = chance
            .percent(2)
            .then(|| (chance.below(province.communes.len()) as u8, day + chance.between(20, 900) as Day));
        Person {
            birth,
            birth_minute: chance.between(0, 1439) as u16,
            known: if years > 55 && chance.percent(12) { Known::Year } else { Known::Day },
            sex,
            names: [surname, pick(&lists.middle[side], chance), pick(&lists.given[side], chance)],
            household,
            commune: commune as u8,
            moved: away,
            citizen: if has_citizen { self.citizen_number(birth, sex, chance) } else { 0 },
            insurance: 46_0000_0000 + scatter(serial, 8, 4_611_971),
            cards,
            card_change: change,
            chronic: chronic_condition(years, chance),
            seen_from: Day::MIN / 2,
            seen_to: Day::MIN / 2,
            gave_birth: Day::MIN / 2,
            dead: false,
            seen: false,
        }
    }

    /// Twelve digits: province of registration, century and sex, year, a number within them.
    fn citizen_number(&mut self, birth: Day, sex: u8, chance: &mut Chance) -> u64 {
        let year = civil(birth).0;
        let century = u64::from(sex - 1) + if year >= 2000 { 2 } else { 0 };
        let short = (year % 100) as u64;
        let issued = self.issued.entry((century, short)).or_default();
        *issued += 1;
        let serial = scatter(*issued, 6, century * 100 + short);
        let province = if chance.percent(93) { 46 } else { chance.one(&[1u64, 38, 40, 44, 45, 48, 49, 79]) };
        province * 1_000_000_000 + century * 100_000_000 + short * 1_000_000 + serial
    }

    fn add(&mut self, province: &Province, person: Person, chance: &mut Chance) -> u32 {
        let number = self.people.len() as u32;
        let commune = usize::from(person.commune);
        self.by_commune[commune].push(number);
        self.by_district[district(province.communes[commune].district)].push(number);
        if person.chronic != b'-' {
            let facility = chronic_home(province, commune, person.chronic, chance);
            self.chronic[facility].push(number);
        }
        self.people.push(person);
        number
    }

    /// A child born in care: its mother's household, named after a man of it where there is one.
    pub fn newborn(&mut self, province: &Province, mother: u32, birth: Day, sex: u8, chance: &mut Chance) -> u32 {
        let (commune, household) = (self.people[mother as usize].commune, self.people[mother as usize].household);
        let surname = self.father(mother).map_or(self.people[mother as usize].names[0], |p| p.names[0]);
        let mut child = self.person(province, usize::from(commune), household, surname, birth, sex, chance, birth);
        child.known = Known::Minute;
        child.citizen = 0;
        self.add(province, child, chance)
    }

    /// A grown man of the same household, standing next to her in the list.
    pub fn father(&self, mother: u32) -> Option<&Person> {
        let place = mother as usize;
        let household = self.people[place].household;
        let near = place.saturating_sub(6)..(place + 6).min(self.people.len());
        self.people[near].iter().find(|p| p.household == household && p.sex == 1 && p.birth < day_number(2006, 1, 1))
    }
}

/// First two letters of the card of an adult; children's follow from their age.
fn card_group(province: &Province, commune: usize, household: u32, years: i32, chance: &mut Chance) -> &'static str {
    let hills = matches!(province.communes[commune].district, "481" | "483");
    // Poverty and minority are a household's, not a person's.
    let lot = mix(u64::from(household), 3) % 100;
    match lot {
        _ if hills && lot < 60 => "DT",
        0..5 => "HN",
        5..11 => "CN",
        11..14 => "GB",
        _ if years >= 80 => chance.one(&["BT", "HT", "CT"]),
        _ if years >= 60 => chance.one(&["HT", "HT", "GD", "CB", "KC", "TS", "CC"]),
        _ => chance.one(&["DN", "DN", "GD", "GD", "GD", "HC", "CH", "TC", "TQ"]),
    }
}

/// Digit of the card's level: what the law gives the group.
pub fn card_level(group: &str) -> u8 {
    match group {
        "TE" | "CC" => 1,
        "HN" | "DT" | "CB" | "KC" | "TS" | "BT" | "CK" => 2,
        "HT" | "TC" | "CN" => 3,
        _ => 4,
    }
}

/// A long-term condition, likelier with age.
fn chronic_condition(years: i32, chance: &mut Chance) -> u8 {
    let table: &[(u8, u32)] = match years {
        ..5 => &[],
        5..18 => &[(b'A', 90), (b'P', 40)],
        18..40 => &[(b'H', 120), (b'D', 50), (b'M', 70), (b'N', 70), (b'P', 40), (b'V', 70), (b'A', 60), (b'K', 15)],
        40..60 => &[
            (b'H', 900),
            (b'D', 420),
            (b'B', 120),
            (b'C', 90),
            (b'A', 70),
            (b'M', 70),
            (b'N', 90),
            (b'V', 90),
            (b'I', 80),
            (b'K', 40),
        ],
        _ => &[
            (b'H', 2100),
            (b'D', 700),
            (b'B', 380),
            (b'C', 330),
            (b'I', 320),
            (b'N', 110),
            (b'M', 60),
            (b'K', 70),
            (b'A', 90),
        ],
    };
    let mut lot = chance.below(17_000) as u32;
    for &(letter, share) in table {
        if lot < share {
            return letter;
        }
        lot -= share;
    }
    b'-'
}

/// Where a long-term patient is cared for.
fn chronic_home(province: &Province, commune: usize, condition: u8, chance: &mut Chance) -> usize {
    let find = |kind: FacilityKind, letter: char, near: bool| {
        province.facilities.iter().position(|f| {
            f.kind == kind
                && f.letter == letter
                && (!near || f.district == province.communes[commune].district)
                && (kind != FacilityKind::Station || f.commune == commune)
        })
    };
    let centre = find(FacilityKind::HealthCentre, 'G', true);
    let hospital = find(FacilityKind::Hospital, 'G', false);
    let home = match condition {
        b'H' | b'D' if chance.percent(42) => find(FacilityKind::Station, 'S', true),
        b'H' | b'D' | b'I' if chance.percent(6) => find(FacilityKind::Clinic, 'C', false),
        b'M' | b'N' | b'P' if chance.percent(62) => find(FacilityKind::Specialised, 'M', false),
        b'C' | b'A' if chance.percent(45) => find(FacilityKind::Specialised, 'P', false),
        _ if chance.percent(14) => hospital,
        _ => centre,
    };
    home.or(centre).or(hospital).unwrap_or(0)
}
