//! Who comes with what: picks a person and a reason for a day at a facility, and makes the whole claim.

use crate::calendar::{Day, age, at, civil, day_of, month_start};
use crate::care::{Course, Setting, begin, body_weight, course, end};
use crate::claim::{Child, Claim, Layout};
use crate::identity::{Desk, identify};
use crate::lists::{Diagnosis, lists};
use crate::population::{Known, Population};
use crate::random::{Chance, mix};
use crate::visit::Patient;
use crate::{stay, visit};

/// How often the search for a fitting person is repeated before a simpler visit is taken.
const TRIES: usize = 200;

/// Makes a claim that closes on `setting.left`; `chronic` is a long-term patient due for a return.
pub fn serve(people: &mut Population, setting: &Setting, mut chronic: Option<u32>, chance: &mut Chance) -> Claim {
    for attempt in 0..TRIES {
        let planned = chronic.take();
        let number = planned.unwrap_or_else(|| anyone(people, setting, chance));
        // The longer nobody fits, the shorter the visit: an overlap of two days' work is always avoided.
        if let Some(claim) = attempt_visit(people, setting, number, planned.is_some(), attempt, chance) {
            return claim;
        }
    }
    // A province of a few people can be all in bed at once: a child is born into it.
    let mother = anyone(people, setting, chance);
    let infant = people.newborn(setting.province, mother, setting.left, 1, chance);
    let course = Course { kind: crate::claim::Kind::Visit, arrived: setting.left, emergency: false, chronic: false };
    let cold = lists().diagnoses.iter().find(|d| d.code == "J06.9").unwrap_or(&lists().diagnoses[0]);
    make(people, setting, course, infant, cold, chance)
}

fn anyone(people: &Population, setting: &Setting, chance: &mut Chance) -> u32 {
    let near = people.catchment(setting.province, setting.facility, chance);
    if near.is_empty() { chance.below(people.people.len()) as u32 } else { chance.one(near) }
}

fn attempt_visit(
    people: &mut Population,
    setting: &Setting,
    number: u32,
    planned: bool,
    attempt: usize,
    chance: &mut Chance,
) -> Option<Claim> {
    let person = &people.people[number as usize];
    let years = age(person.birth, setting.left);
    if person.dead || person.birth > setting.left || (!planned && !comes(years, chance)) {
        return None;
    }
    let diagnosis =
        if planned { return_reason(person.chronic, setting)? } else { reason(setting, person.sex, years, chance)? };
    let newborn = diagnosis.code.starts_with('P');
    let birth = diagnosis.code.starts_with("O8");
    let course = course(setting, diagnosis, planned, chance);
    let bed = course.kind.inpatient();
    let until = if bed { setting.left } else { course.arrived };
    if attempt > TRIES / 2 && course.arrived < setting.left {
        return None;
    }
    if birth {
        let papers = person.citizen > 0 && person.known == Known::Day;
        if !papers || !bed || course.arrived < person.gave_birth + 300 {
            return None;
        }
    }
    if !newborn && (person.birth > course.arrived || overlaps(person.seen_from, person.seen_to, course.arrived, until))
    {
        return None;
    }
    let number = if newborn {
        let day = (course.arrived - chance.between(0, 3) as Day).max(setting.earliest);
        let sex = 1 + u8::from(chance.percent(48));
        people.newborn(setting.province, number, day, sex, chance)
    } else {
        number
    };
    Some(make(people, setting, course, number, diagnosis, chance))
}

fn overlaps(from: Day, to: Day, arrived: Day, until: Day) -> bool {
    arrived <= to && until >= from
}

/// The young and the old come more often.
fn comes(years: i32, chance: &mut Chance) -> bool {
    chance.percent(match years {
        ..6 => 100,
        6..18 => 45,
        18..40 => 52,
        40..60 => 70,
        _ => 100,
    })
}

/// A long-term patient's condition, where this facility treats it.
fn return_reason(condition: u8, setting: &Setting) -> Option<&'static Diagnosis> {
    lists().diagnoses.iter().find(|d| d.chronic == condition && d.places.contains(setting.here().letter))
}

/// A reason to come, by season, place, sex and age.
fn reason(setting: &Setting, sex: u8, years: i32, chance: &mut Chance) -> Option<&'static Diagnosis> {
    let month = civil(setting.left).1 as usize - 1;
    let letter = setting.here().letter;
    let weights: Vec<u32> = lists()
        .diagnoses
        .iter()
        .map(|d| {
            // A newborn is brought by its mother.
            let fits = if d.code.starts_with('P') {
                sex == 2 && (18..43).contains(&years)
            } else {
                (d.sex == 0 || d.sex == sex) && (d.age.0..=d.age.1).contains(&years)
            };
            if fits && d.weight > 0 && d.places.contains(letter) { d.weight * d.season[month] } else { 0 }
        })
        .collect();
    let chosen = chance.weighted(&weights);
    (weights[chosen] > 0).then(|| &lists().diagnoses[chosen])
}

/// The whole claim of a chosen person, course and diagnosis.
fn make(
    people: &mut Population,
    setting: &Setting,
    course: Course,
    number: u32,
    diagnosis: &'static Diagnosis,
    chance: &mut Chance,
) -> Claim {
    let delivery = diagnosis.code.starts_with("O8");
    let desk = Desk {
        facility: setting.facility,
        layout: setting.layout,
        arrived: course.arrived,
        left: setting.left,
        complete: delivery,
    };
    let who = identify(people, setting.province, number, desk, chance);
    let mut claim = begin(setting, course, number, who, diagnosis, chance);
    let person = &people.people[number as usize];
    let years = age(person.birth, course.arrived);
    claim.weight = body_weight(years, i64::from(course.arrived - person.birth), person.sex, mix(u64::from(number), 71));
    let pressed = diagnosis.code == "I10" || claim.also.contains(&"I10") || person.chronic == b'H';
    let patient = Patient { adult: years >= 15, pressed };
    if claim.kind.inpatient() {
        stay::fill(&mut claim, setting, course, patient, chance);
    } else {
        visit::fill(&mut claim, setting, course, patient, chance);
    }
    if delivery && setting.layout != Layout::L4210 {
        deliver(people, &mut claim, setting, chance);
    }
    let may_die = setting.left >= people.people[number as usize].seen_to;
    end(&mut claim, setting, course, may_die, chance);
    claim.settle(setting.station());
    remember(people, &claim, setting, delivery);
    claim
}

fn deliver(people: &mut Population, claim: &mut Claim, setting: &Setting, chance: &mut Chance) {
    let born = stay::born_at(claim);
    let children = if claim.diagnosis.code == "O84.2" { 2 } else { 1 };
    for child in 0..children {
        let sex = 1 + u8::from(chance.percent(48));
        let time = born + 4 * child;
        let person = people.newborn(setting.province, claim.person, day_of(time), sex, chance);
        people.people[person as usize].birth_minute = time.rem_euclid(1440) as u16;
        let low = chance.percent(if children == 2 { 45 } else { 6 });
        let weight = if low { chance.between(170, 248) } else { chance.between(250, 395) };
        claim.children.push(Child { person, at: time, weight: weight * 10 });
    }
}

/// What the next visit must know of this one.
fn remember(people: &mut Population, claim: &Claim, setting: &Setting, delivery: bool) {
    let person = &mut people.people[claim.person as usize];
    let arrived = day_of(claim.arrived);
    let until = if claim.kind.inpatient() { day_of(claim.left) } else { arrived };
    let month = month_start(crate::calendar::month_number(setting.left));
    if person.seen_to >= month {
        person.seen_from = person.seen_from.min(arrived);
        person.seen_to = person.seen_to.max(until);
    } else {
        person.seen_from = arrived;
        person.seen_to = until.max(person.seen_to);
    }
    person.seen = true;
    person.dead |= claim.result == 5;
    if delivery {
        person.gave_birth = arrived;
    }
    debug_assert_eq!(day_of(claim.left), setting.left, "a claim closes on its day: {claim:?}");
    debug_assert!(claim.left < at(setting.left + 1, 0));
}
