//! What happens between the door and the way out: the kind of visit, its days, how it ends.

use crate::calendar::{DAY_MINUTES, Day, Minute, at, day_number, day_of};
use crate::claim::{Claim, Identity, Kind, Layout, Money};
use crate::lists::{Diagnosis, lists};
use crate::province::{Facility, FacilityKind, Province};
use crate::random::Chance;

/// Where and when a claim is made.
#[derive(Clone, Copy, Debug)]
pub struct Setting<'a> {
    /// The province.
    pub province: &'a Province,
    /// The facility's place in it.
    pub facility: usize,
    /// Layout of the day.
    pub layout: Layout,
    /// First day any claim may begin.
    pub earliest: Day,
    /// Day of `NGAY_RA`.
    pub left: Day,
}

impl<'a> Setting<'a> {
    /// The facility.
    pub fn here(&self) -> &'a Facility {
        &self.province.facilities[self.facility]
    }

    /// Whether it is a commune station.
    pub fn station(&self) -> bool {
        self.here().kind == FacilityKind::Station
    }
}

/// The shape of a visit, before its lines.
#[derive(Clone, Copy, Debug)]
pub struct Course {
    /// Kind.
    pub kind: Kind,
    /// Day of arrival.
    pub arrived: Day,
    /// Emergency.
    pub emergency: bool,
    /// A planned return of a long-term patient.
    pub chronic: bool,
}

/// Chooses kind and days for a diagnosis.
pub fn course(setting: &Setting, diagnosis: &Diagnosis, chronic: bool, chance: &mut Chance) -> Course {
    let (kind, days) = kind(setting, diagnosis, chronic, chance);
    let room = i64::from(setting.left - setting.earliest);
    let (kind, days) = match kind {
        Kind::Inpatient | Kind::DayInpatient | Kind::Observation => (kind, days.min(room)),
        _ if days > room => (Kind::Visit, 0),
        _ => (kind, days),
    };
    let arrived = setting.left - days as Day;
    let holiday = lists().holiday(arrived);
    let rush = if kind.inpatient() { diagnosis.emergency } else { diagnosis.emergency / 6 };
    let planned = matches!(kind, Kind::LongTerm | Kind::PickUp | Kind::Treatment | Kind::Sessions);
    Course { kind, arrived, emergency: !planned && (holiday || chance.percent(rush)), chronic }
}

/// The kind, and the days between arrival and leaving.
fn kind(setting: &Setting, diagnosis: &Diagnosis, chronic: bool, chance: &mut Chance) -> (Kind, i64) {
    let new = setting.layout != Layout::L4210;
    let here = setting.here();
    let admitted = diagnosis.inpatient > 0 && chance.percent(diagnosis.inpatient);
    let stay = chance.between(diagnosis.stay.0, diagnosis.stay.1) - 1;
    match here.letter {
        'S' if new && diagnosis.inpatient > 3 && chance.percent(4) => (Kind::Observation, chance.between(0, 1)),
        'S' | 'C' if new && chronic && chance.percent(20) => (Kind::LongTerm, 27),
        'S' | 'C' => (Kind::Visit, 0),
        _ if diagnosis.chronic == b'K' && chronic => (if new { Kind::Sessions } else { Kind::Treatment }, 27),
        // Kind 9 came into the old layout with official letter 3788/BYT-BH of 2022.
        _ if admitted
            && setting.left >= day_number(2022, 6, 1)
            && diagnosis.deaths < 50
            && chance.in_ten_thousand(120) =>
        {
            (Kind::Short, 0)
        }
        'T' | 'R' if admitted && new && chance.percent(55) => (Kind::DayInpatient, stay),
        _ if admitted => (Kind::Inpatient, stay),
        _ if new && chronic && chance.percent(30) => (Kind::LongTerm, 27),
        _ if new && chronic && chance.percent(4) => (Kind::PickUp, 27),
        'T' | 'R' if chance.percent(24) => (Kind::Treatment, chance.between(4, 9)),
        _ => (Kind::Visit, 0),
    }
}

/// The minute of arrival on a day.
///
/// Who leaves the same day from a bed came early enough for everything to be done by the evening.
pub fn arrival(course: Course, left: Day, chance: &mut Chance) -> Minute {
    let minute = match course.kind {
        kind if kind.inpatient() && course.arrived == left => chance.between(6 * 60 + 40, 9 * 60 + 30),
        Kind::Inpatient if course.emergency => chance.between(30, 18 * 60),
        _ if course.emergency => chance.between(5 * 60, 20 * 60),
        _ if chance.percent(64) => chance.between(6 * 60 + 50, 10 * 60 + 20),
        _ => chance.between(13 * 60 + 10, 15 * 60 + 30),
    };
    at(course.arrived, minute)
}

/// A claim with everything but its lines and its end.
pub fn begin(
    setting: &Setting,
    course: Course,
    person: u32,
    who: Identity,
    diagnosis: &'static Diagnosis,
    chance: &mut Chance,
) -> Claim {
    let arrived = arrival(course, setting.left, chance);
    let department = if course.kind.inpatient() && !setting.station() { diagnosis.department } else { 1 };
    let mut departments = vec![department];
    if course.kind == Kind::Inpatient && course.emergency && department != 2 {
        departments.insert(0, 2);
    }
    let injury = match diagnosis.injury {
        0 => 0,
        _ if chance.percent(20) => 8,
        usual => usual,
    };
    let mut claim = Claim {
        facility: setting.facility,
        layout: setting.layout,
        person,
        who,
        link: String::new(),
        kind: course.kind,
        entry: "",
        arrived,
        admitted: None,
        left: arrived,
        days: 0,
        result: 2,
        leave: 1,
        departments,
        diagnosis,
        also: diagnosis.also.iter().copied().filter(|_| chance.percent(55)).collect(),
        injury,
        referred_from: None,
        referred_to: None,
        weight: 0,
        revisit: None,
        drugs: Vec::new(),
        services: Vec::new(),
        results: Vec::new(),
        notes: Vec::new(),
        children: Vec::new(),
        rate: 100,
        total: Money::default(),
        parts: (0, 0),
    };
    enter(&mut claim, setting, course, chance);
    claim
}

/// `MA_DOITUONG_KCB` and where the patient was sent from. Only codes that mean the same in both lists (824 and 3276).
fn enter(claim: &mut Claim, setting: &Setting, course: Course, chance: &mut Chance) {
    let registered_here = claim.who.card.as_ref().is_some_and(|card| card.registered_at == setting.here().code);
    claim.entry = match course.kind {
        _ if !claim.insured() => "9",
        Kind::PickUp => "7.2",
        _ if course.emergency => "2",
        _ if claim.diagnosis.code.starts_with('P') => "1.7",
        _ if setting.station() => {
            if registered_here {
                "1.1"
            } else {
                "1.2"
            }
        }
        _ if registered_here => "1.1",
        _ if course.chronic && chance.percent(35) => "1.5",
        _ if chance.percent(22) => "1.3",
        _ => "3.3",
    };
    if claim.entry == "1.3" {
        let station = setting.province.facilities.iter().position(|f| {
            f.kind == FacilityKind::Station
                && claim.who.card.as_ref().is_none_or(|c| c.registered_at == f.code)
                && f.code != setting.here().code
        });
        claim.referred_from = Some(station.unwrap_or_else(|| setting.province.above(setting.facility)));
    }
}

/// How it ends: result, leaving, days, re-examination; the last step before the arithmetic.
pub fn end(claim: &mut Claim, setting: &Setting, course: Course, may_die: bool, chance: &mut Chance) {
    let inpatient = claim.kind.inpatient();
    let refer = match setting.here().kind {
        FacilityKind::Station => 35,
        FacilityKind::HealthCentre if inpatient => 28,
        FacilityKind::HealthCentre | FacilityKind::Clinic => 14,
        _ => 9,
    };
    let referable =
        matches!(claim.kind, Kind::Visit | Kind::Inpatient | Kind::Observation) && claim.children.is_empty();
    claim.result = if inpatient { chance.one(&[1, 1, 2, 2, 2, 2, 3]) } else { chance.one(&[2, 2, 2, 2, 1, 7]) };
    if claim.layout == Layout::L4210 && claim.result == 7 {
        claim.result = 3;
    }
    if inpatient && may_die && chance.in_ten_thousand(claim.diagnosis.deaths) {
        claim.result = 5;
    } else if referable && chance.below(1000) < refer {
        claim.leave = if chance.percent(8) && claim.layout != Layout::L4210 { 5 } else { 2 };
        claim.result = if inpatient { 4 } else { 3 };
        claim.referred_to = Some(setting.province.above(setting.facility));
    } else if claim.kind == Kind::Inpatient && chance.in_ten_thousand(160) {
        claim.leave = if chance.percent(15) { 3 } else { 4 };
    }
    claim.days = match claim.kind {
        Kind::Visit | Kind::PickUp | Kind::Short => 0,
        Kind::Sessions => session_days(claim),
        _ => i64::from(day_of(claim.left) - day_of(claim.arrived)) + 1,
    };
    let booked = matches!(claim.layout, Layout::L4750 | Layout::L3176) && claim.leave == 1 && claim.result != 5;
    let after = match claim.kind {
        Kind::LongTerm | Kind::Sessions => 1,
        Kind::PickUp => return,
        _ if course.chronic => 28,
        _ if inpatient => 14,
        _ => 7,
    };
    let wanted = course.chronic || chance.percent(if inpatient { 30 } else { 6 });
    if booked && wanted && !setting.station() {
        let mut day = day_of(claim.left) + after;
        while !lists().working(day) {
            day += 1;
        }
        claim.revisit = Some(day);
    }
}

/// Days on which something was done.
fn session_days(claim: &Claim) -> i64 {
    let mut days: Vec<Day> = claim.services.iter().map(|line| day_of(line.ordered)).collect();
    days.sort_unstable();
    days.dedup();
    days.len() as i64
}

/// Body weight in hundredths of a kilogram, by age.
pub fn body_weight(years: i32, days: i64, sex: u8, steady: u64) -> i64 {
    let spread = (steady % 1_600) as i64;
    match years {
        0 => 320 + (days * 170 / 100).min(560) + spread / 20,
        1..6 => 900 + i64::from(years) * 210 + spread / 8,
        6..15 => 1_800 + i64::from(years - 6) * 340 + spread / 3,
        _ if sex == 1 => 5_200 + spread,
        _ => 4_500 + spread,
    }
}

/// The last minute of a day, with which outpatient treatment ends.
pub fn last_minute(day: Day) -> Minute {
    at(day, DAY_MINUTES - 1)
}
