//! The generator's own count of everything the operations centre shows, by facility and month.

use crate::calendar::{Day, day_of, month_number};
use crate::claim::{Claim, Item, Layout};
use crate::lists::lists;
use crate::province::{FacilityKind, Province};

/// What is counted. The meaning of each is in `docs/measures.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum Measure {
    OpVisits,
    OpClosed,
    Admissions,
    Discharges,
    StayDays,
    BedDays,
    Emergencies,
    ReferralsOut,
    Operations,
    Deliveries,
    Caesareans,
    Deaths,
    MaternalInfantDeaths,
    Closed,
    Received,
    Refused,
    Insurer,
    Cost,
    OpCost,
    IpCost,
    DrugCost,
    OnTime,
    WithNationalId,
    StationVisits,
    WaitMinutes,
    Waits,
    HtnBp,
    HtnBpOk,
    DmA1c,
    DmA1cOk,
    CopdAsthma,
    MentalTreated,
    Births,
    BirthsAttended,
    BirthsLowWeight,
    Injuries,
    Notifiable,
    NotifiableDeaths,
    Dengue,
    FoodPoisoning,
    OpWithDrugs,
    OpWithAntibiotic,
}

/// How many measures there are.
pub const MEASURES: usize = Measure::OpWithAntibiotic as usize + 1;

/// Sums by facility, month and measure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tally {
    /// First month.
    pub first: i32,
    months: usize,
    sums: Vec<i64>,
}

impl Tally {
    /// Nothing counted yet, from the month of one day to that of another.
    pub fn new(facilities: usize, from: Day, to: Day) -> Self {
        let first = month_number(from);
        let months = (month_number(to) - first + 1) as usize;
        Tally { first, months, sums: vec![0; facilities * months * MEASURES] }
    }

    /// Month numbers counted.
    pub fn months(&self) -> std::ops::Range<i32> {
        self.first..self.first + self.months as i32
    }

    fn place(&self, facility: usize, month: i32, measure: Measure) -> Option<usize> {
        let month = usize::try_from(month - self.first).ok().filter(|&m| m < self.months)?;
        Some((facility * self.months + month) * MEASURES + measure as usize)
    }

    /// A sum; 0 outside the months counted.
    pub fn get(&self, facility: usize, month: i32, measure: Measure) -> i64 {
        self.place(facility, month, measure).map_or(0, |place| self.sums[place])
    }

    /// Adds to a sum.
    pub fn add(&mut self, facility: usize, day: Day, measure: Measure, value: i64) {
        if let Some(place) = self.place(facility, month_number(day), measure) {
            self.sums[place] += value;
        }
    }

    /// Counts an accepted claim written on `written`; `sign` −1 takes it back.
    pub fn accept(&mut self, province: &Province, claim: &Claim, written: Day, sign: i64) {
        let facility = claim.facility;
        each_measure(province, claim, written, &mut |measure, day, value| {
            self.add(facility, day, measure, sign * value);
        });
    }

    /// Counts a claim that will be refused.
    pub fn refuse(&mut self, facility: usize, left: Day) {
        self.add(facility, left, Measure::Received, 1);
        self.add(facility, left, Measure::Refused, 1);
    }
}

/// Gives every contribution of a claim: measure, day, value.
pub fn each_measure(province: &Province, claim: &Claim, written: Day, give: &mut dyn FnMut(Measure, Day, i64)) {
    let (arrived, left) = (day_of(claim.arrived), day_of(claim.left));
    let one = |give: &mut dyn FnMut(Measure, Day, i64), holds: bool, measure, day| {
        if holds {
            give(measure, day, 1);
        }
    };
    let main = claim.diagnosis.code;
    let died = claim.result == 5;
    let any = |prefixes: &[&str]| {
        claim.also.iter().chain([&main]).any(|code| prefixes.iter().any(|prefix| code.starts_with(prefix)))
    };
    give(Measure::Closed, left, 1);
    give(Measure::Received, left, 1);
    one(give, died, Measure::Deaths, left);
    let infant = claim.who.birth_day.is_some_and(|birth| left - birth < 365);
    one(give, died && (main.starts_with('O') || infant), Measure::MaternalInfantDeaths, left);
    one(give, claim.entry == "2", Measure::Emergencies, arrived);
    one(give, matches!(claim.leave, 2 | 5), Measure::ReferralsOut, left);
    one(give, any(&["O80", "O81", "O82", "O83", "O84"]), Measure::Deliveries, left);
    one(give, any(&["O82", "O84.2"]), Measure::Caesareans, left);
    one(give, on_time(left, written), Measure::OnTime, left);
    one(give, claim.layout != Layout::L4210 && claim.who.citizen.len() == 12, Measure::WithNationalId, left);
    one(give, any(&["J44", "J45", "J46"]), Measure::CopdAsthma, arrived);
    one(give, any(&["F"]) && !claim.drugs.is_empty(), Measure::MentalTreated, arrived);
    one(give, claim.injury > 0, Measure::Injuries, arrived);
    let notifiable = lists().notifiable.iter().any(|prefix| main.starts_with(prefix));
    one(give, notifiable, Measure::Notifiable, arrived);
    one(give, notifiable && died, Measure::NotifiableDeaths, left);
    one(give, ["A90", "A91", "A97"].iter().any(|p| main.starts_with(p)), Measure::Dengue, arrived);
    one(give, main.starts_with("A05") || main.starts_with("T62"), Measure::FoodPoisoning, arrived);
    by_kind(province, claim, give);
    money(claim, left, give);
    quality(claim, any(&["I10", "I11", "I12", "I13", "I14", "I15"]), any(&["E10", "E11", "E12", "E13", "E14"]), give);
    for child in &claim.children {
        let day = day_of(child.at);
        give(Measure::Births, day, 1);
        give(Measure::BirthsAttended, day, 1);
        one(give, child.weight < 2500, Measure::BirthsLowWeight, day);
    }
    for line in claim.services.iter().filter(|line| line.group() == 8) {
        // The old layout has no time of performance.
        let time = if claim.layout == Layout::L4210 { line.ordered } else { line.done.unwrap_or(line.ordered) };
        give(Measure::Operations, day_of(time), 1);
    }
}

fn by_kind(province: &Province, claim: &Claim, give: &mut dyn FnMut(Measure, Day, i64)) {
    let (arrived, left) = (day_of(claim.arrived), day_of(claim.left));
    if claim.kind.outpatient() {
        give(Measure::OpVisits, arrived, 1);
        give(Measure::OpClosed, left, 1);
        // Every medicine of the generator is of group 4.
        if !claim.drugs.is_empty() {
            give(Measure::OpWithDrugs, arrived, 1);
            if claim.drugs.iter().any(|line| lists().drugs[line.drug].antibiotic) {
                give(Measure::OpWithAntibiotic, arrived, 1);
            }
        }
    }
    if claim.kind.inpatient() {
        let admitted = claim.admitted.filter(|_| claim.layout != Layout::L4210).unwrap_or(claim.arrived);
        give(Measure::Admissions, day_of(admitted), 1);
        give(Measure::Discharges, left, 1);
    }
    if claim.kind.stays() {
        give(Measure::StayDays, left, i64::from(left - arrived) + 1);
        for day in arrived..=left {
            give(Measure::BedDays, day, 1);
        }
    }
    let station = province.facilities[claim.facility].kind == FacilityKind::Station;
    if station && (claim.kind.outpatient() || claim.kind == crate::claim::Kind::Observation) {
        give(Measure::StationVisits, arrived, 1);
    }
}

fn money(claim: &Claim, left: Day, give: &mut dyn FnMut(Measure, Day, i64)) {
    give(Measure::Insurer, left, claim.total.insurer);
    give(Measure::Cost, left, claim.total.cost);
    give(Measure::DrugCost, left, claim.parts.0);
    if claim.kind.outpatient() {
        give(Measure::OpCost, left, claim.total.cost);
    }
    if claim.kind.inpatient() {
        give(Measure::IpCost, left, claim.total.cost);
    }
}

fn quality(claim: &Claim, hypertension: bool, diabetes: bool, give: &mut dyn FnMut(Measure, Day, i64)) {
    let (arrived, left) = (day_of(claim.arrived), day_of(claim.left));
    // `max_by_key` keeps the last of equals: the last in the file.
    let measured = claim.notes.iter().filter_map(|note| Some((note.at, note.signs.pressure?)));
    if let Some((_, (systolic, diastolic))) = measured.max_by_key(|&(at, _)| at).filter(|_| hypertension) {
        give(Measure::HtnBp, left, 1);
        give(Measure::HtnBpOk, left, i64::from(systolic < 140 && diastolic < 90));
    }
    let a1c = claim
        .results
        .iter()
        .filter(|line| line.indicator.is_some_and(|place| lists().indicators[place].code == "HBA1C"));
    if let Some(line) = a1c.max_by_key(|line| line.at).filter(|_| diabetes) {
        give(Measure::DmA1c, left, 1);
        // One decimal place: 7.0 is 70.
        give(Measure::DmA1cOk, left, i64::from(line.value < 70));
    }
    let examined = claim
        .services
        .iter()
        .find(|line| matches!(line.item, Item::Service(place) if lists().services[place].group == 13));
    // The old layout has no time of performance.
    let done = examined.and_then(|line| line.done).filter(|_| claim.layout != Layout::L4210);
    if let Some(done) = done.filter(|&done| done >= claim.arrived) {
        give(Measure::Waits, arrived, 1);
        give(Measure::WaitMinutes, arrived, done - claim.arrived);
    }
}

/// Written by the end of the seventh working day after `left`.
pub fn on_time(left: Day, written: Day) -> bool {
    let mut day = left;
    let mut count = 0;
    while count < 7 {
        day += 1;
        count += i32::from(lists().working(day));
    }
    written <= day
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calendar::day_number;

    #[test]
    fn seven_working_days_skip_weekends_and_tet() {
        for (left, last) in [
            ((2025, 3, 3), (2025, 3, 12)),
            ((2025, 3, 7), (2025, 3, 18)),
            ((2025, 3, 8), (2025, 3, 18)),
            // 25 January to 2 February 2025 were free for Tết.
            ((2025, 1, 24), (2025, 2, 11)),
        ] {
            let day = |(y, m, d)| day_number(y, m, d);
            assert!(on_time(day(left), day(last)), "{left:?}");
            assert!(!on_time(day(left), day(last) + 1), "{left:?}");
        }
    }

    #[test]
    fn sums_stay_within_their_months() {
        let mut tally = Tally::new(2, day_number(2024, 12, 5), day_number(2025, 1, 20));
        tally.add(1, day_number(2025, 1, 31), Measure::Closed, 3);
        tally.add(1, day_number(2025, 2, 1), Measure::Closed, 3);
        let month = month_number(day_number(2025, 1, 1));
        assert_eq!(tally.get(1, month, Measure::Closed), 3);
        assert_eq!(tally.get(0, month, Measure::Closed), 0);
        assert_eq!(tally.months(), month - 1..month + 1);
    }
}
