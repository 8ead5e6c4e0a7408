//! Care with a bed: admissions, operations, births, observation at a station.

use crate::calendar::{Minute, at, day_of};
use crate::care::{Course, Setting};
use crate::claim::{Claim, Item, Kind, Layout};
use crate::lists::{Given, lists};
use crate::orders::{drug, note, service, some, supply, test};
use crate::random::Chance;
use crate::visit::{Patient, examined};

/// Fills a claim of inpatient kind and sets when it ends.
pub fn fill(claim: &mut Claim, setting: &Setting, course: Course, patient: Patient, chance: &mut Chance) {
    let seen = examined(claim, setting, course.emergency, chance);
    let last = *claim.departments.last().unwrap_or(&1);
    // A bed's patient was examined for that ward.
    claim.services[0].department = last;
    if claim.kind != Kind::Observation {
        claim.admitted = Some(seen + chance.between(5, 40));
    }
    let begun = claim.admitted.unwrap_or(seen);
    claim.left = leaving(claim, setting, begun, chance);
    let tested = tests(claim, setting, begun, chance);
    bed(claim, setting, begun, chance);
    let operated = operation(claim, begun.max(tested) + 20, patient, chance);
    medicines(claim, setting, begun, chance);
    if claim.kind != Kind::Short && !setting.station() {
        supply(claim, "kim", 1, begun + 10, last);
        if chance.percent(60) {
            supply(claim, "bom", chance.between(3, 15), begun + 10, last);
        }
        if chance.percent(45) {
            service(claim, lists().service("IVL"), begun + 15, (5, 60));
        }
    }
    notes(claim, begun, patient, chance);
    let latest = claim.services.iter().filter_map(|line| line.resulted).max().unwrap_or(begun);
    claim.left = claim.left.max(latest + 15).max(operated + 30);
}

fn leaving(claim: &Claim, setting: &Setting, begun: Minute, chance: &mut Chance) -> Minute {
    match claim.kind {
        Kind::Short => claim.arrived + chance.between(150, 225),
        _ => at(setting.left, chance.between(8 * 60, 16 * 60)).max(begun + 240),
    }
}

fn tests(claim: &mut Claim, setting: &Setting, begun: Minute, chance: &mut Chance) -> Minute {
    if setting.station() || claim.kind == Kind::Short {
        return begun;
    }
    let wanted = claim.diagnosis.tests.clone();
    let ordered = begun + 5;
    let mut known = begun;
    for place in wanted {
        if chance.percent(90) {
            known = known.max(test(claim, place, ordered, chance));
        }
    }
    again(claim, chance);
    known
}

/// Blood is counted again while the stay lasts: every morning in dengue, else every third.
fn again(claim: &mut Claim, chance: &mut Chance) {
    let (first, last) = (day_of(claim.arrived), day_of(claim.left));
    let every = if claim.diagnosis.code.starts_with("A97") { 1 } else { 3 };
    let mut day = first + every.max(2);
    let mut times = 0;
    while day < last && times < 4 {
        let morning = at(day, 6 * 60 + chance.between(10, 50));
        if morning > claim.admitted.unwrap_or(claim.arrived) && chance.percent(85) {
            test(claim, lists().service("CBC"), morning, chance);
            if chance.percent(45) {
                for id in ["URE", "CRE", "ION"] {
                    test(claim, lists().service(id), morning, chance);
                }
            }
        }
        day += every;
        times += 1;
    }
}

fn bed(claim: &mut Claim, setting: &Setting, begun: Minute, chance: &mut Chance) {
    let operated = claim.diagnosis.operation.is_some();
    let nights = i64::from(day_of(claim.left) - day_of(claim.arrived));
    let (id, quantity) = match claim.kind {
        Kind::Short => return,
        Kind::DayInpatient => ("BDD", nights + 1),
        Kind::Observation => ("BDS", nights.max(1)),
        _ if claim.diagnosis.department == 2 => ("BD1", nights.max(1)),
        _ if operated => ("BD2", nights.max(1)),
        _ if matches!(setting.here().letter, 'T' | 'R' | 'M' | 'L') => ("BD3", nights.max(1)),
        _ => ("BD15", nights.max(1)),
    };
    let place = service(claim, lists().service(id), begun, (0, 0));
    let shared = matches!(claim.layout, Layout::L4750 | Layout::L3176) && claim.kind == Kind::Inpatient;
    let line = &mut claim.services[place];
    line.quantity = quantity * 1000;
    line.department = *claim.departments.last().unwrap_or(&1);
    line.bed = Some(chance.between(1, 60) as u16);
    line.done = None;
    line.resulted = None;
    if shared && chance.percent(3) {
        line.share = 50;
    }
}

/// The operation or the delivery, if there is one; gives when it was over.
fn operation(claim: &mut Claim, earliest: Minute, patient: Patient, chance: &mut Chance) -> Minute {
    let code = claim.diagnosis.code;
    if code.starts_with("O80") {
        let place = service(claim, lists().service("DEL"), earliest + 60, (10, 40));
        return claim.services[place].resulted.unwrap_or(earliest);
    }
    let Some((place, share)) = claim.diagnosis.operation else { return earliest };
    if claim.kind == Kind::Short || !chance.percent(share) {
        return earliest;
    }
    let list = &lists().services[place];
    let next_morning = at(day_of(earliest) + 1, chance.between(8 * 60, 10 * 60));
    let ordered = if next_morning + 300 < claim.left && chance.percent(45) { next_morning } else { earliest + 30 };
    let line = service(claim, place, ordered, (chance.between(20, 50), chance.between(35, 110)));
    let done = claim.services[line].resulted.unwrap_or(ordered);
    if list.group == 8 {
        claim.services[line].anaesthesia = if matches!(list.id, "PHA" | "PTE" | "TOO" | "CES") { 2 } else { 1 };
        anaesthesia(claim, ordered, list.id);
        note(claim, done + 20, patient.adult, patient.pressed, chance);
    }
    done
}

fn anaesthesia(claim: &mut Claim, ordered: Minute, operation: &str) {
    let place = |id: &str| lists().drugs.iter().position(|d| d.id == id).unwrap_or(0);
    let regional = matches!(operation, "PHA" | "PTE" | "TOO" | "CES");
    let drugs: &[&str] = match operation {
        "CES" => &["bupi", "fent"],
        _ if regional => &["lido"],
        _ => &["prop", "fent", "midz"],
    };
    for id in drugs {
        drug(claim, place(id), 1, ordered, 26);
    }
    supply(claim, "gac", 10, ordered, 26);
    match operation {
        "PHA" => supply(claim, "iol", 1, ordered, 30),
        "ORI" => supply(claim, "nep", 1, ordered, 26),
        "PTE" | "TOO" => {}
        _ => supply(claim, "chi", 3, ordered, 26),
    }
}

fn medicines(claim: &mut Claim, setting: &Setting, begun: Minute, chance: &mut Chance) {
    let days = (i64::from(day_of(claim.left) - day_of(claim.arrived)) + 1).min(30);
    let department = *claim.departments.last().unwrap_or(&1);
    if claim.kind == Kind::Short || setting.station() {
        for place in some(&claim.diagnosis.drugs, 3, chance) {
            drug(claim, place, days, begun + 15, department);
        }
        return;
    }
    let wanted = some(&claim.diagnosis.inpatient_drugs, chance.between(3, 6) as usize, chance);
    for place in wanted {
        let injected = lists().drugs[place].given != Given::Oral;
        if injected && days > 3 {
            // Injections are ordered anew every two or three days.
            let mut given = 0;
            while given < days.min(15) {
                let part = chance.between(2, 3).min(days - given);
                let ordered = if given == 0 { begun + 15 } else { order_day(claim, given) };
                drug(claim, place, part, ordered, department);
                given += part;
            }
        } else {
            drug(claim, place, days, begun + 15, department);
        }
    }
    for place in some(&claim.diagnosis.drugs, chance.between(1, 3) as usize, chance) {
        drug(claim, place, chance.between(3, 7), (claim.left - 30).max(begun + 16), department);
    }
}

/// Eight in the morning `days` after arrival, or the working day before it; never before the admission.
fn order_day(claim: &Claim, days: i64) -> Minute {
    let begun = claim.admitted.unwrap_or(claim.arrived) + 15;
    let mut day = day_of(claim.arrived) + days as i32;
    while lists().holiday(day) && at(day, 480) > begun {
        day -= 1;
    }
    at(day, 8 * 60).max(begun).min(claim.left - 30)
}

fn notes(claim: &mut Claim, begun: Minute, patient: Patient, chance: &mut Chance) {
    note(claim, begun + 2, patient.adult, patient.pressed, chance);
    let (first, last) = (day_of(claim.arrived), day_of(claim.left));
    for day in first + 1..=last {
        if claim.notes.len() < 12 && chance.percent(if day == last { 90 } else { 80 }) {
            let time = at(day, 7 * 60 + chance.between(10, 45));
            if time > begun && time < claim.left {
                note(claim, time, patient.adult, patient.pressed, chance);
            }
        }
    }
    claim.notes.sort_by_key(|note| note.at);
}

/// When the children of a delivery were born: with the operation or the delivery line.
pub fn born_at(claim: &Claim) -> Minute {
    let line = claim
        .services
        .iter()
        .find(|line| matches!(line.item, Item::Service(place) if matches!(lists().services[place].id, "DEL" | "CES")));
    line.and_then(|line| line.done).unwrap_or(claim.arrived + 120)
}
