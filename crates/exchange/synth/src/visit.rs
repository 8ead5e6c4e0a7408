//! Care without a bed: examinations, long-term visits, courses of treatment, dialysis.

use crate::calendar::{Minute, at, day_of};
use crate::care::{Course, Setting, last_minute};
use crate::claim::{Claim, Kind};
use crate::lists::lists;
use crate::orders::{drug, note, service, some, supply, test};
use crate::province::FacilityKind;
use crate::random::Chance;

/// Age and long-term state that the lines depend on.
#[derive(Clone, Copy, Debug)]
pub struct Patient {
    /// Fifteen or older: blood pressure is taken.
    pub adult: bool,
    /// Hypertension.
    pub pressed: bool,
}

/// Fills a claim of outpatient kind and sets when it ends.
pub fn fill(claim: &mut Claim, setting: &Setting, course: Course, patient: Patient, chance: &mut Chance) {
    match claim.kind {
        Kind::PickUp => pick_up(claim, chance),
        Kind::Sessions => dialysis(claim, patient, chance),
        Kind::Treatment if claim.diagnosis.chronic == b'K' => dialysis(claim, patient, chance),
        Kind::Treatment => treatment(claim, setting, patient, chance),
        _ => examination(claim, setting, course, patient, chance),
    }
}

/// The examination itself, after a wait; gives when it was over.
pub fn examined(claim: &mut Claim, setting: &Setting, emergency: bool, chance: &mut Chance) -> Minute {
    let id = match setting.here().kind {
        FacilityKind::Station => "EX4",
        _ if setting.here().high_grade => "EX1",
        _ => "EX3",
    };
    let wait = if emergency { chance.between(0, 8) } else { chance.between(3, 50) + chance.between(0, 45) };
    let ordered = claim.arrived + wait.min(2);
    let line = service(claim, lists().service(id), ordered, (wait - wait.min(2), chance.between(4, 9)));
    // On-demand rooms ask for more than the insurer pays.
    if !setting.station() && claim.layout != crate::claim::Layout::L4210 && chance.percent(4) {
        claim.services[line].price.0 += 60_000_000;
    }
    claim.arrived + wait + 10
}

fn examination(claim: &mut Claim, setting: &Setting, course: Course, patient: Patient, chance: &mut Chance) {
    let mut now = examined(claim, setting, course.emergency, chance);
    let diagnosis = claim.diagnosis;
    let station = setting.station();
    let tested = if station { 9 } else { 84 };
    let count = chance.between(2, 6) as usize;
    if station && chance.percent(tested) {
        now = test(claim, lists().service("GLU"), now, chance);
    } else if !station && chance.percent(tested) {
        let ordered = now;
        for place in some(&diagnosis.tests, count, chance) {
            now = now.max(test(claim, place, ordered, chance));
        }
        let count = lists().service("CBC");
        if chance.percent(if course.chronic { 14 } else { 30 }) && !diagnosis.tests.contains(&count) {
            now = now.max(test(claim, count, ordered, chance));
        }
    }
    now = minor_procedures(claim, setting, now, chance);
    let department = claim.departments[0];
    let days = match claim.kind {
        Kind::LongTerm => 28,
        _ if course.chronic => chance.one(&[28, 28, 30]),
        _ => chance.between(3, 7),
    };
    let least = if course.chronic { 4 } else { 3 };
    if course.chronic || chance.percent(96) {
        for place in some(&diagnosis.drugs, chance.between(least, 6) as usize, chance) {
            drug(claim, place, days, now + 4, department);
        }
    }
    if claim.layout != crate::claim::Layout::L4210 && claim.insured() && !station && chance.percent(2) {
        // A medicine outside the insurer's list, at the patient's own cost.
        if let Some(line) = claim.drugs.last_mut() {
            line.in_scope = false;
        }
    }
    if course.chronic || claim.kind != Kind::Visit || chance.percent(if station { 75 } else { 90 }) {
        note(claim, now - 1, patient.adult, patient.pressed, chance);
    }
    claim.left = match claim.kind {
        Kind::LongTerm => last_minute(setting.left),
        _ => now + chance.between(6, 25),
    };
}

fn minor_procedures(claim: &mut Claim, setting: &Setting, now: Minute, chance: &mut Chance) -> Minute {
    let lists = lists();
    let code = claim.diagnosis.code;
    let place = match code {
        "K02.1" if chance.percent(60) => Some("FIL"),
        "S01.0" | "S61.0" if chance.percent(70) => Some("SUT"),
        "J44.9" | "J45.9" | "J20.9" if chance.percent(25) => Some("NEB"),
        "F41.2" | "F32.1" if setting.here().letter == 'M' && chance.percent(30) => Some("PSY"),
        _ if setting.here().letter == 'T' && chance.percent(45) => Some("ACU"),
        _ if setting.here().letter == 'R' && chance.percent(60) => Some("PHY"),
        _ => None,
    };
    let Some(id) = place else { return now };
    service(claim, lists.service(id), now, (4, 15));
    if id == "SUT" {
        supply(claim, "chi", 1, now, claim.departments[0]);
        supply(claim, "gac", chance.between(2, 6), now, claim.departments[0]);
    }
    now + 20
}

/// Drugs by appointment, no examination.
fn pick_up(claim: &mut Claim, chance: &mut Chance) {
    let now = claim.arrived + chance.between(10, 30);
    for place in some(&claim.diagnosis.drugs, chance.between(3, 5) as usize, chance) {
        drug(claim, place, 28, now, 1);
    }
    claim.left = last_minute(day_of(claim.arrived) + 27);
}

/// Needles and massage day by day; ends with the last day.
fn treatment(claim: &mut Claim, setting: &Setting, patient: Patient, chance: &mut Chance) {
    let lists = lists();
    let now = examined(claim, setting, false, chance);
    let methods = if setting.here().letter == 'T' { ["ACU", "MAS"] } else { ["PHY", "EXE"] };
    let first = day_of(claim.arrived);
    for day in first..=setting.left {
        let start = if day == first { now + 10 } else { at(day, chance.between(8 * 60, 15 * 60)) };
        if day == first || day == setting.left || crate::calendar::weekday(day) < 6 {
            service(claim, lists.service(methods[0]), start, (5, 20));
            if chance.percent(60) {
                service(claim, lists.service(methods[1]), start + 2, (30, 20));
            }
        }
    }
    for place in some(&claim.diagnosis.drugs, 2, chance) {
        drug(claim, place, i64::from(setting.left - first) + 1, now + 5, claim.departments[0]);
    }
    note(claim, now + 8, patient.adult, patient.pressed, chance);
    claim.left = last_minute(setting.left);
}

/// Three sessions a week for four weeks.
fn dialysis(claim: &mut Claim, patient: Patient, chance: &mut Chance) {
    let lists = lists();
    let first = day_of(claim.arrived);
    let start = claim.arrived + 15;
    service(claim, lists.service("EX1"), claim.arrived + 2, (8, 5));
    for (session, offset) in [0, 2, 4, 7, 9, 11, 14, 16, 18, 21, 23, 27].into_iter().enumerate() {
        let begun = start + offset * crate::calendar::DAY_MINUTES + 20;
        service(claim, lists.service("HDL"), begun, (10, 230));
        supply(claim, "qua", 1, begun, 7);
        if session % 3 == 0 {
            note(claim, begun + 5, patient.adult, true, chance);
        }
    }
    for id in ["CBC2", "URE", "CRE", "ION"] {
        test(claim, lists.service(id), start + 5, chance);
    }
    for place in some(&claim.diagnosis.drugs, 3, chance) {
        drug(claim, place, 28, start + 90, 7);
    }
    let ended = claim.services.iter().filter_map(|line| line.resulted).max().unwrap_or(start);
    // Outpatient treatment of the old layout ends with the day.
    claim.left = if claim.kind == Kind::Treatment { last_minute(first + 27) } else { ended + 20 };
}
