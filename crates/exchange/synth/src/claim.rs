//! One claim as the generator thinks of it, and its arithmetic. Files and totals are both made from this.

use crate::calendar::{Day, Minute, day_number, day_of};
use crate::lists::{Diagnosis, lists};

/// The layout a claim is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// Decision 4210 (2017).
    L4210,
    /// Decision 130 (2023), pilot.
    L130,
    /// Decision 4750 (2023).
    L4750,
    /// Decision 3176 (2024).
    L3176,
}

impl Layout {
    /// The layout by the day of `NGAY_RA`; `pilot` facilities sent 130 beside 4210 from 2023-02.
    pub fn on(day: Day, pilot: bool) -> Self {
        if day >= day_number(2025, 1, 1) {
            Layout::L3176
        } else if day >= day_number(2024, 7, 1) {
            Layout::L4750
        } else if pilot && day >= day_number(2023, 2, 1) {
            Layout::L130
        } else {
            Layout::L4210
        }
    }
}

/// `MA_LOAI_KCB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// 01 examination.
    Visit = 1,
    /// 02 outpatient treatment.
    Treatment = 2,
    /// 03 inpatient.
    Inpatient = 3,
    /// 04 day-inpatient.
    DayInpatient = 4,
    /// 05 long-term: examination and drugs.
    LongTerm = 5,
    /// 06 observation at a station.
    Observation = 6,
    /// 07 drugs by appointment.
    PickUp = 7,
    /// 08 long-term with services (dialysis).
    Sessions = 8,
    /// 09 inpatient under four hours.
    Short = 9,
}

impl Kind {
    /// Kinds counted as outpatient.
    pub fn outpatient(self) -> bool {
        matches!(self, Kind::Visit | Kind::Treatment | Kind::LongTerm | Kind::Sessions)
    }

    /// Kinds counted as inpatient.
    pub fn inpatient(self) -> bool {
        matches!(self, Kind::Inpatient | Kind::DayInpatient | Kind::Observation | Kind::Short)
    }

    /// Kinds with days in a bed.
    pub fn stays(self) -> bool {
        matches!(self, Kind::Inpatient | Kind::DayInpatient | Kind::Observation)
    }
}

/// Money of a line or a claim, hundredths of đồng.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Money {
    /// At the hospital's price.
    pub cost: i64,
    /// Within the insurer's scope.
    pub covered: i64,
    /// Asked of the insurer.
    pub insurer: i64,
    /// Co-payment.
    pub copay: i64,
    /// Paid by the patient outside the scope.
    pub patient: i64,
}

impl std::ops::AddAssign for Money {
    fn add_assign(&mut self, other: Money) {
        self.cost += other.cost;
        self.covered += other.covered;
        self.insurer += other.insurer;
        self.copay += other.copay;
        self.patient += other.patient;
    }
}

/// A line of XML2.
#[derive(Clone, Debug)]
pub struct DrugLine {
    /// Place in the list of drugs.
    pub drug: usize,
    /// Quantity, thousandths.
    pub quantity: i64,
    /// Days it is meant for.
    pub days: i64,
    /// Whether the insurer pays for it.
    pub in_scope: bool,
    /// Ordered.
    pub ordered: Minute,
    /// Department.
    pub department: u8,
    /// Its money.
    pub money: Money,
}

/// What a line of XML3 is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Item {
    /// A service of the list.
    Service(usize),
    /// A supply of the list.
    Supply(usize),
}

/// A line of XML3.
#[derive(Clone, Debug)]
pub struct ServiceLine {
    /// What it is.
    pub item: Item,
    /// Quantity, thousandths.
    pub quantity: i64,
    /// Price of the facility and price the insurer pays, thousandths of đồng.
    pub price: (i64, i64),
    /// `TYLE_TT_DV`.
    pub share: i64,
    /// Ordered, done, resulted.
    pub ordered: Minute,
    /// Done, where it has a time.
    pub done: Option<Minute>,
    /// Result or end, where it has one.
    pub resulted: Option<Minute>,
    /// Department.
    pub department: u8,
    /// Bed number.
    pub bed: Option<u16>,
    /// `PP_VO_CAM`, operations only.
    pub anaesthesia: u8,
    /// Its money.
    pub money: Money,
}

impl ServiceLine {
    /// `MA_NHOM`.
    pub fn group(&self) -> u8 {
        match self.item {
            Item::Service(place) => lists().services[place].group,
            Item::Supply(_) => 10,
        }
    }
}

/// A line of XML4.
#[derive(Clone, Debug)]
pub struct ResultLine {
    /// The service it belongs to.
    pub service: usize,
    /// Indicator, or none for a reading of an image.
    pub indicator: Option<usize>,
    /// The value without its point, or the place of the word.
    pub value: i64,
    /// When.
    pub at: Minute,
}

impl ResultLine {
    /// `GIA_TRI`, empty for a reading.
    pub fn value_text(&self) -> String {
        let Some(indicator) = self.indicator.map(|place| &lists().indicators[place]) else { return String::new() };
        if let Some(word) = indicator.choices.get(self.value as usize) {
            return (*word).to_owned();
        }
        let size = 10i64.pow(indicator.decimals);
        match indicator.decimals {
            0 => self.value.to_string(),
            places => format!("{}.{:0width$}", self.value / size, self.value % size, width = places as usize),
        }
    }
}

/// Vital signs of a note.
#[derive(Clone, Copy, Debug)]
pub struct Signs {
    /// Pulse.
    pub pulse: i64,
    /// Temperature, tenths of a degree.
    pub temperature: i64,
    /// Systolic and diastolic, where measured.
    pub pressure: Option<(i64, i64)>,
    /// Breaths a minute.
    pub breaths: i64,
}

/// A line of XML5.
#[derive(Clone, Debug)]
pub struct NoteLine {
    /// Signs.
    pub signs: Signs,
    /// What was seen.
    pub text: &'static str,
    /// When.
    pub at: Minute,
}

/// A child of XML9.
#[derive(Clone, Debug)]
pub struct Child {
    /// Person number.
    pub person: u32,
    /// Born at.
    pub at: Minute,
    /// Grams.
    pub weight: i64,
}

/// A card shown at the desk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Card {
    /// Fifteen characters.
    pub number: String,
    /// `MA_DKBD`.
    pub registered_at: &'static str,
    /// First day.
    pub from: Day,
    /// Last day.
    pub to: Day,
    /// Percent of its level.
    pub rate: i64,
}

/// What the claim says of the person.
#[derive(Clone, Debug, Default)]
pub struct Identity {
    /// `MA_BN`.
    pub local: String,
    /// `HO_TEN`.
    pub name: String,
    /// Twelve digits, or empty.
    pub citizen: String,
    /// Birth, four digits or eight, with the time (130 family) where known.
    pub birth: String,
    /// Day of birth, where the claim says it.
    pub birth_day: Option<Day>,
    /// 1, 2.
    pub sex: u8,
    /// `DIA_CHI`.
    pub address: String,
    /// District and commune code.
    pub place: (&'static str, &'static str),
    /// Phone.
    pub phone: String,
    /// `MA_DANTOC`.
    pub ethnicity: &'static str,
    /// `MA_NGHE_NGHIEP`.
    pub occupation: &'static str,
    /// The card.
    pub card: Option<Card>,
}

/// A claim.
#[derive(Clone, Debug)]
pub struct Claim {
    /// Facility, a place in the province's list.
    pub facility: usize,
    /// Layout.
    pub layout: Layout,
    /// Person number.
    pub person: u32,
    /// The person as named.
    pub who: Identity,
    /// `MA_LK`.
    pub link: String,
    /// Kind.
    pub kind: Kind,
    /// `MA_DOITUONG_KCB`.
    pub entry: &'static str,
    /// `NGAY_VAO`.
    pub arrived: Minute,
    /// `NGAY_VAO_NOI_TRU`.
    pub admitted: Option<Minute>,
    /// `NGAY_RA`.
    pub left: Minute,
    /// `SO_NGAY_DTRI`.
    pub days: i64,
    /// `KET_QUA_DTRI`.
    pub result: u8,
    /// `MA_LOAI_RV`.
    pub leave: u8,
    /// Departments in order.
    pub departments: Vec<u8>,
    /// Main diagnosis.
    pub diagnosis: &'static Diagnosis,
    /// Other diagnoses.
    pub also: Vec<&'static str>,
    /// `MA_TAI_NAN`.
    pub injury: u8,
    /// `MA_NOI_DI`, with the paper's number.
    pub referred_from: Option<usize>,
    /// `MA_NOI_DEN`.
    pub referred_to: Option<usize>,
    /// Weight, hundredths of a kilogram.
    pub weight: i64,
    /// Re-examination day.
    pub revisit: Option<Day>,
    /// XML2.
    pub drugs: Vec<DrugLine>,
    /// XML3.
    pub services: Vec<ServiceLine>,
    /// XML4.
    pub results: Vec<ResultLine>,
    /// XML5.
    pub notes: Vec<NoteLine>,
    /// XML9.
    pub children: Vec<Child>,
    /// `MUC_HUONG` of its lines.
    pub rate: i64,
    /// XML1 totals.
    pub total: Money,
    /// `T_THUOC`, `T_VTYT`.
    pub parts: (i64, i64),
}

/// `quantity × price × percent`, rounded half up to hundredths of đồng; the inputs in thousandths.
fn product(quantity: i64, price: i64, percent: i64) -> i64 {
    let exact = i128::from(quantity) * i128::from(price) * i128::from(percent);
    // Millionths of đồng times a hundred, to hundredths of đồng.
    ((exact + 500_000) / 1_000_000) as i64
}

impl Claim {
    /// Rows of XML2 to XML5.
    pub fn lines(&self) -> usize {
        self.drugs.len() + self.services.len() + self.results.len() + self.notes.len()
    }

    /// Whether somebody pays for it by a card.
    pub fn insured(&self) -> bool {
        self.who.card.is_some()
    }

    /// Computes every line and total from quantities and prices.
    ///
    /// The rate is the card's, and 100 where the law waives the co-payment: at a commune station, and where the part
    /// within scope is under 15 % of the base salary of the day.
    pub fn settle(&mut self, at_station: bool) {
        let insured = self.insured();
        let old = self.layout == Layout::L4210;
        let covered = |quantity, price: i64, share, in_scope: bool| {
            if insured && in_scope { product(quantity, price, share) } else { 0 }
        };
        let mut scope = 0;
        for line in &mut self.drugs {
            let price = lists().drugs[line.drug].price;
            let cost = product(line.quantity, price, 100);
            let covered = covered(line.quantity, price, 100, line.in_scope);
            line.money = Money { cost, covered, ..Money::default() };
            scope += covered;
        }
        for line in &mut self.services {
            let covered = covered(line.quantity, line.price.1, line.share, true);
            let cost = if old { covered } else { product(line.quantity, line.price.0, line.share) };
            line.money = Money { cost, covered, ..Money::default() };
            scope += covered;
        }
        self.rate = match &self.who.card {
            None => 100,
            Some(_) if at_station || scope * 100 < base_salary(day_of(self.left)) * 100 * 15 => 100,
            Some(card) => card.rate,
        };
        self.share_out();
    }

    fn share_out(&mut self) {
        let rate = self.rate;
        let split = |money: &mut Money| {
            money.insurer = (money.covered * rate + 50) / 100;
            money.copay = money.covered - money.insurer;
            money.patient = money.cost - money.covered;
        };
        self.total = Money::default();
        self.parts = (0, 0);
        for line in &mut self.drugs {
            split(&mut line.money);
            self.total += line.money;
            self.parts.0 += line.money.cost;
        }
        for line in &mut self.services {
            split(&mut line.money);
            self.total += line.money;
            if line.group() == 10 {
                self.parts.1 += line.money.cost;
            }
        }
    }
}

/// Base salary, đồng: the ground of the 15 % rule.
fn base_salary(day: Day) -> i64 {
    match day {
        _ if day < day_number(2023, 7, 1) => 1_490_000,
        _ if day < day_number(2024, 7, 1) => 1_800_000,
        _ => 2_340_000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_round_half_up() {
        for (quantity, price, percent, cents) in [
            (1_000, 1_250_500, 100, 125_050),
            (3_000, 31_500, 100, 9_450),
            (500, 31_510, 100, 1_576),
            (1_000, 100_005, 50, 5_000),
            (1_000, 100_010, 50, 5_001),
            (330, 212_600_000, 100, 7_015_800),
        ] {
            assert_eq!(product(quantity, price, percent), cents, "{quantity} × {price} × {percent}");
        }
    }

    #[test]
    fn layouts_follow_the_day() {
        for (day, pilot, layout) in [
            ((2024, 6, 30), false, Layout::L4210),
            ((2024, 6, 30), true, Layout::L130),
            ((2023, 1, 31), true, Layout::L4210),
            ((2024, 7, 1), false, Layout::L4750),
            ((2024, 12, 31), true, Layout::L4750),
            ((2025, 1, 1), false, Layout::L3176),
        ] {
            assert_eq!(Layout::on(day_number(day.0, day.1, day.2), pilot), layout, "{day:?}");
        }
    }
}
