//! A claim as plain data, a random one, and a recount of it written straight from `docs/measures.md`: no shared code with
//! the crate but the types.

use mach_base::Day;
use mach_cube::subject::{Date, Int, LineDate, LineInt, LineText, List, Subject, Table, Text};

#[derive(Clone, Debug, Default)]
pub struct Claim {
    pub refused: bool,
    pub kind: String,
    pub entry: String,
    pub leave: String,
    pub result: String,
    pub accident: String,
    pub diagnoses: Vec<String>,
    pub national_id: String,
    pub arrived: Day,
    pub admitted: Option<Day>,
    pub left: Day,
    pub birth: Option<Day>,
    pub money: [i64; 4],
    pub cost: i64,
    pub drug_cost: i64,
    pub station: bool,
    pub days_to_send: Option<i64>,
    pub wait: Option<i64>,
    pub pressure: Option<(i64, i64)>,
    pub a1c: Option<i64>,
    pub notifiable: bool,
    pub chapter: Option<i64>,
    /// (group, antibiotic)
    pub drugs: Vec<(i64, bool)>,
    /// (group, day)
    pub services: Vec<(i64, Option<Day>)>,
    /// (attendant, grams, day)
    pub births: Vec<(String, Option<i64>, Option<Day>)>,
}

impl Subject for Claim {
    fn text(&self, field: Text) -> &str {
        match field {
            Text::Status if self.refused => "refused",
            Text::Status => "accepted",
            Text::Kind => &self.kind,
            Text::Entry => &self.entry,
            Text::Leave => &self.leave,
            Text::Result => &self.result,
            Text::Accident => &self.accident,
            Text::MainDiagnosis => self.main(),
            Text::NationalId => &self.national_id,
        }
    }
    fn any(&self, field: List, test: &mut dyn FnMut(&str) -> bool) -> bool {
        match field {
            List::Diagnoses => self.diagnoses.iter().any(|d| test(d)),
        }
    }
    fn int(&self, field: Int) -> Option<i64> {
        match field {
            Int::Insurer => Some(self.money[0]),
            Int::Copay => Some(self.money[1]),
            Int::Patient => Some(self.money[2]),
            Int::Other => Some(self.money[3]),
            Int::Cost => Some(self.cost),
            Int::DrugCost => Some(self.drug_cost),
            Int::Station => Some(self.station.into()),
            Int::WorkingDaysToSend => self.days_to_send,
            Int::WaitMinutes => self.wait,
            Int::AgeDays => self.birth.map(|b| i64::from(self.left.0 - b.0)),
            Int::BpSystolic => self.pressure.map(|p| p.0),
            Int::BpDiastolic => self.pressure.map(|p| p.1),
            Int::A1cThousandths => self.a1c,
            Int::Notifiable => Some(self.notifiable.into()),
            Int::Chapter => self.chapter,
        }
    }
    fn date(&self, field: Date) -> Option<Day> {
        match field {
            Date::Arrived => Some(self.arrived),
            Date::Admitted => self.admitted,
            Date::Left | Date::Counted => Some(self.left),
        }
    }
    fn lines(&self, table: Table) -> usize {
        match table {
            Table::Drugs => self.drugs.len(),
            Table::Services => self.services.len(),
            Table::Births => self.births.len(),
        }
    }
    fn line_text(&self, table: Table, line: usize, _: LineText) -> &str {
        if table == Table::Births { &self.births[line].0 } else { "" }
    }
    fn line_int(&self, table: Table, line: usize, field: LineInt) -> Option<i64> {
        match (table, field) {
            (Table::Drugs, LineInt::Group) => Some(self.drugs[line].0),
            (Table::Drugs, LineInt::Antibiotic) => Some(self.drugs[line].1.into()),
            (Table::Services, LineInt::Group) => Some(self.services[line].0),
            (Table::Births, LineInt::WeightG) => self.births[line].1,
            _ => None,
        }
    }
    fn line_date(&self, table: Table, line: usize, field: LineDate) -> Option<Day> {
        match (table, field) {
            (Table::Services, LineDate::Performed) => self.services[line].1,
            (Table::Births, LineDate::Born) => self.births[line].2,
            _ => None,
        }
    }
}

/// A contribution in words: (measure, item, day, value).
pub type Counted = (&'static str, String, Day, i64);

impl Claim {
    pub fn main(&self) -> &str {
        self.diagnoses.first().map_or("", String::as_str)
    }

    fn has(&self, letter: char, from: u32, to: u32) -> bool {
        self.diagnoses.iter().any(|d| group_in(d, letter, from, to))
    }

    /// What the claim counts for, by the table of `docs/measures.md`, line by line.
    pub fn recount(&self) -> Vec<Counted> {
        let mut out: Vec<Counted> = Vec::new();
        if self.entry == "8" {
            return out;
        }
        let left = self.left;
        let mut count = |measure, day, n: i64| out.push((measure, "0".to_owned(), day, n));
        count("received", left, 1);
        if self.refused {
            count("refused", left, 1);
            return out;
        }
        let outpatient = matches!(&*self.kind, "01" | "02" | "05" | "08" | "10" | "11" | "12" | "13" | "14");
        let inpatient = matches!(&*self.kind, "03" | "04" | "06" | "09");
        let in_bed = inpatient && self.kind != "09";
        count("closed", left, 1);
        count("cost", left, self.cost);
        count("drug_cost", left, self.drug_cost);
        if outpatient {
            count("op_visits", self.arrived, 1);
            count("op_closed", left, 1);
            count("op_cost", left, self.cost);
        }
        if inpatient {
            count("admissions", self.admitted.unwrap_or(self.arrived), 1);
            count("discharges", left, 1);
            count("ip_cost", left, self.cost);
        }
        if in_bed {
            let mut day = self.arrived;
            while day <= left {
                count("bed_days", day, 1);
                count("stay_days", left, 1);
                day = Day(day.0 + 1);
            }
        }
        if self.entry == "2" {
            count("emergencies", self.arrived, 1);
        }
        if self.leave == "2" || self.leave == "5" {
            count("referrals_out", left, 1);
        }
        for (group, day) in &self.services {
            if let (8, Some(day)) = (group, day) {
                count("operations", *day, 1);
            }
        }
        if self.has('O', 80, 84) {
            count("deliveries", left, 1);
        }
        if self.has('O', 82, 82) || self.diagnoses.iter().any(|d| d == "O84.2") {
            count("caesareans", left, 1);
        }
        if self.result == "5" {
            count("deaths", left, 1);
            let infant = self.birth.is_some_and(|b| left.0 - b.0 < 365);
            if self.main().starts_with('O') || infant {
                count("maternal_infant_deaths", left, 1);
            }
            if self.notifiable {
                count("notifiable_deaths", left, 1);
            }
        }
        if self.days_to_send.is_some_and(|n| n <= 7) {
            count("on_time", left, 1);
        }
        if self.national_id.chars().filter(char::is_ascii_digit).count() == 12 && self.national_id.len() == 12 {
            count("with_national_id", left, 1);
        }
        if self.station && (outpatient || self.kind == "06") {
            count("station_visits", self.arrived, 1);
        }
        if let Some(minutes) = self.wait.filter(|m| *m >= 0) {
            count("wait_minutes", self.arrived, minutes);
            count("waits", self.arrived, 1);
        }
        if let (true, Some((high, low))) = (self.has('I', 10, 15), self.pressure) {
            count("htn_bp", left, 1);
            count("htn_bp_ok", left, i64::from(high < 140 && low < 90));
        }
        if let (true, Some(a1c)) = (self.has('E', 10, 14), self.a1c) {
            count("dm_a1c", left, 1);
            count("dm_a1c_ok", left, i64::from(a1c < 7000));
        }
        if self.has('J', 44, 46) {
            count("copd_asthma", self.arrived, 1);
        }
        if self.has('F', 0, 99) && !self.drugs.is_empty() {
            count("mental_treated", self.arrived, 1);
        }
        for (attendant, grams, day) in &self.births {
            let day = day.unwrap_or(left);
            count("births", day, 1);
            count("births_attended", day, i64::from(!attendant.is_empty()));
            count("births_low_weight", day, i64::from(grams.is_some_and(|g| g < 2500)));
        }
        if matches!(self.accident.parse(), Ok(1..=8)) {
            count("injuries", self.arrived, 1);
        }
        count("notifiable", self.arrived, i64::from(self.notifiable));
        let main = self.main();
        count("dengue", self.arrived, i64::from(["A90", "A91", "A97"].iter().any(|c| main.starts_with(c))));
        count("food_poisoning", self.arrived, i64::from(["A05", "T62"].iter().any(|c| main.starts_with(c))));
        let drugs: Vec<_> = self.drugs.iter().filter(|d| (4..=6).contains(&d.0)).collect();
        if outpatient && !drugs.is_empty() {
            count("op_with_drugs", self.arrived, 1);
            count("op_with_antibiotic", self.arrived, i64::from(drugs.iter().any(|d| d.1)));
        }
        let code: String = main.chars().take(3).collect();
        if self.kind != "07" {
            out.push(("cases", code.clone(), left, 1));
            out.extend(self.chapter.map(|c| ("chapter", c.to_string(), left, 1)));
        }
        if self.result == "5" {
            out.push(("death_causes", code, left, 1));
        }
        let payers = self.money.iter().zip(1..);
        out.extend(payers.map(|(money, item)| ("money", item.to_string(), left, *money)));
        out.retain(|c| c.3 != 0);
        out
    }
}

fn group_in(code: &str, letter: char, from: u32, to: u32) -> bool {
    let mut chars = code.chars();
    chars.next() == Some(letter)
        && chars.as_str().get(..2).and_then(|n| n.parse::<u32>().ok()).is_some_and(|n| (from..=to).contains(&n))
}

/// A small generator of numbers (SplitMix64): the same seed gives the same province.
pub struct Dice(pub u64);

impl Dice {
    pub fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % n
    }

    pub fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    pub fn of<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        &list[self.below(list.len() as u64) as usize]
    }

    /// A claim of the days `from` to `to`.
    pub fn claim(&mut self, (from, to): (Day, Day)) -> Claim {
        const CODES: &[&str] = &[
            "J18.9", "I10", "I11.0", "I16", "E11.9", "E15", "E10", "J44.0", "J46", "J47", "F20", "F99", "G00", "O80",
            "O82.1", "O84.2", "O84.1", "O85", "O00", "A90", "A91", "A97.0", "A05.9", "T62", "A09", "Z00",
        ];
        let kinds = ["01", "02", "03", "04", "05", "06", "07", "08", "09", "10", "11", "12", "13", "14", "03", "01"];
        let arrived = Day(from.0 + self.below((to.0 - from.0 + 1) as u64) as i32);
        let left = Day(arrived.0 + self.below(9) as i32);
        let diagnoses = (0..=self.below(3)).map(|_| (*self.of(CODES)).to_owned()).collect();
        let money = std::array::from_fn(|_| if self.chance(30) { 0 } else { self.below(90_000_000) as i64 });
        let maybe = |dice: &mut Self, n: u64| dice.chance(60).then(|| dice.below(n) as i64);
        Claim {
            refused: self.chance(5),
            kind: (*self.of(&kinds)).to_owned(),
            entry: (*self.of(&["1.1", "2", "3.1", "1.1", "1.1", "8"])).to_owned(),
            leave: self.below(6).to_string(),
            result: (*self.of(&["1", "2", "3", "4", "5"])).to_owned(),
            accident: (*self.of(&["", "", "0", "1", "8", "9"])).to_owned(),
            diagnoses,
            national_id: (*self.of(&["046012345678", "123456789", "", "04601234567X"])).to_owned(),
            arrived,
            admitted: self.chance(50).then_some(Day(arrived.0 + self.below(2) as i32)),
            left,
            birth: self.chance(60).then(|| Day(left.0 - self.below(800) as i32)),
            money,
            cost: money.iter().sum(),
            drug_cost: money[0] / 3,
            station: self.chance(40),
            days_to_send: maybe(self, 12),
            wait: maybe(self, 90).map(|m| m - 10),
            pressure: self.chance(60).then(|| (130 + self.below(20) as i64, 80 + self.below(20) as i64)),
            a1c: maybe(self, 4000).map(|n| n + 5000),
            notifiable: self.chance(20),
            chapter: self.chance(90).then(|| 1 + self.below(22) as i64),
            drugs: (0..self.below(4)).map(|_| (self.below(8) as i64, self.chance(40))).collect(),
            services: (0..self.below(4))
                .map(|_| (self.below(4) as i64 + 5, self.chance(90).then(|| Day(arrived.0 + self.below(2) as i32))))
                .collect(),
            births: (0..self.below(6) / 4 * 2)
                .map(|_| {
                    let attendant = if self.chance(80) { "Nguyễn Thị Hoa" } else { "" };
                    (attendant.to_owned(), maybe(self, 4000), self.chance(70).then_some(left))
                })
                .collect(),
        }
    }
}
