//! The lists of the synthetic province: prices, medicines, diagnoses, names; all from `content/`, read once.

use std::collections::HashMap;
use std::sync::OnceLock;

use crate::calendar::{Date, Day};
use crate::fold::plain_words;

/// How a medicine is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Given {
    /// By mouth.
    Oral,
    /// Injected or infused.
    Injected,
    /// Inhaled.
    Inhaled,
}

/// A medicine with its price.
#[derive(Debug)]
pub struct Drug {
    /// Short key of the list.
    pub id: &'static str,
    /// `MA_THUOC`.
    pub code: &'static str,
    /// `TEN_THUOC`.
    pub name: &'static str,
    /// `HAM_LUONG`.
    pub strength: &'static str,
    /// `DON_VI_TINH`.
    pub unit: &'static str,
    /// `DUONG_DUNG`.
    pub route: &'static str,
    /// `DANG_BAO_CHE`.
    pub form: &'static str,
    /// How it is given.
    pub given: Given,
    /// `SO_DANG_KY`.
    pub registration: &'static str,
    /// Price of one unit, thousandths of đồng.
    pub price: i64,
    /// Units a day, thousandths.
    pub per_day: i64,
    /// Units at a time, thousandths.
    pub take: i64,
    /// Whether its name holds a name of `antibiotics.csv` as whole words.
    pub antibiotic: bool,
}

/// What a service leaves in XML4.
#[derive(Debug)]
pub enum Shows {
    /// Nothing.
    Nothing,
    /// One result line per indicator.
    Panel(Vec<usize>),
    /// One line with a description and a conclusion.
    Reading(&'static str, &'static str),
}

/// A service with its price: examination, bed, test, image, procedure, operation.
#[derive(Debug)]
pub struct Service {
    /// Short key of the list.
    pub id: &'static str,
    /// `MA_DICH_VU`.
    pub code: &'static str,
    /// `MA_NHOM`.
    pub group: u8,
    /// `TEN_DICH_VU`.
    pub name: &'static str,
    /// `DON_VI_TINH`.
    pub unit: &'static str,
    /// Price, thousandths of đồng, in the first price era.
    pub price: i64,
    /// `MA_KHOA`: the number behind `K`.
    pub department: u8,
    /// Machine group (`MA_MAY`), empty where none is used.
    pub machine: &'static str,
    /// Its results.
    pub shows: Shows,
    /// ICD-9-CM code, operations only.
    pub icd9: &'static str,
}

/// A laboratory indicator.
#[derive(Debug)]
pub struct Indicator {
    /// `MA_CHI_SO`.
    pub code: &'static str,
    /// `TEN_CHI_SO`.
    pub name: &'static str,
    /// `DON_VI_DO`.
    pub unit: &'static str,
    /// Lowest and highest value, without the decimal point.
    pub range: (i64, i64),
    /// Decimal places of the value.
    pub decimals: u32,
    /// Words instead of numbers.
    pub choices: Vec<&'static str>,
}

/// A supply.
#[derive(Debug)]
pub struct Supply {
    /// Short key of the list.
    pub id: &'static str,
    /// `MA_VAT_TU`.
    pub code: &'static str,
    /// `TEN_VAT_TU`.
    pub name: &'static str,
    /// `DON_VI_TINH`.
    pub unit: &'static str,
    /// Price, thousandths of đồng.
    pub price: i64,
}

/// A reason to come, with what is done about it.
#[derive(Debug)]
pub struct Diagnosis {
    /// ICD-10 code.
    pub code: &'static str,
    /// Vietnamese name.
    pub name: &'static str,
    /// What the patient says.
    pub reason: &'static str,
    /// Sex it befalls: 0 both, 1 male, 2 female.
    pub sex: u8,
    /// Youngest and oldest age in years.
    pub age: (i32, i32),
    /// Letters of the kinds of facility that treat it.
    pub places: &'static str,
    /// How common; 0 = long-term patients only.
    pub weight: u32,
    /// Percent of the usual by month, January first.
    pub season: &'static [u32; 12],
    /// Percent admitted.
    pub inpatient: u32,
    /// Shortest and longest stay in days.
    pub stay: (i64, i64),
    /// Percent of admissions that are emergencies.
    pub emergency: u32,
    /// Deaths in ten thousand admissions.
    pub deaths: u32,
    /// Department.
    pub department: u8,
    /// Medicines of a visit.
    pub drugs: Vec<usize>,
    /// Medicines of a stay.
    pub inpatient_drugs: Vec<usize>,
    /// Tests.
    pub tests: Vec<usize>,
    /// Operation and how many of a hundred stays have it.
    pub operation: Option<(usize, u32)>,
    /// Other diagnoses that come with it.
    pub also: Vec<&'static str>,
    /// `MA_TAI_NAN`.
    pub injury: u8,
    /// Letter of the long-term condition, `-` where none.
    pub chronic: u8,
}

/// Weighted words.
#[derive(Debug, Default)]
pub struct Words {
    /// The words.
    pub texts: Vec<&'static str>,
    /// Their weights.
    pub weights: Vec<u32>,
}

/// Every list.
#[derive(Debug)]
pub struct Lists {
    /// Medicines.
    pub drugs: Vec<Drug>,
    /// Services.
    pub services: Vec<Service>,
    /// Indicators.
    pub indicators: Vec<Indicator>,
    /// Supplies.
    pub supplies: Vec<Supply>,
    /// Diagnoses.
    pub diagnoses: Vec<Diagnosis>,
    /// Vietnamese name of every diagnosis code used.
    pub icd: HashMap<&'static str, &'static str>,
    /// Surnames.
    pub surnames: Words,
    /// Middle names: male, female.
    pub middle: [Words; 2],
    /// Given names: male, female.
    pub given: [Words; 2],
    /// Public holidays, in order.
    pub holidays: Vec<Day>,
    /// First days of Tết.
    pub tet: Vec<Day>,
    /// Prefixes of notifiable diagnoses.
    pub notifiable: Vec<&'static str>,
}

impl Lists {
    /// Position of a service by its key.
    pub fn service(&self, id: &str) -> usize {
        place(self.services.iter().map(|s| s.id), id)
    }

    /// Position of a supply by its key.
    pub fn supply(&self, id: &str) -> usize {
        place(self.supplies.iter().map(|s| s.id), id)
    }

    /// Monday to Friday and no public holiday.
    pub fn working(&self, day: Day) -> bool {
        crate::calendar::weekday(day) < 5 && !self.holiday(day)
    }

    /// A public holiday.
    pub fn holiday(&self, day: Day) -> bool {
        self.holidays.binary_search(&day).is_ok()
    }
}

/// The lists, read on first use.
pub fn lists() -> &'static Lists {
    static LISTS: OnceLock<Lists> = OnceLock::new();
    LISTS.get_or_init(read)
}

/// Rows of an embedded list, header apart; the text lives as long as the program.
pub fn rows(text: &'static str) -> Vec<Vec<&'static str>> {
    let mut reader = csv::ReaderBuilder::new().from_reader(text.as_bytes());
    let keep = |field: &str| -> &'static str { Box::leak(field.to_owned().into_boxed_str()) };
    reader.records().map(|row| row.expect("embedded list is well-formed CSV").iter().map(keep).collect()).collect()
}

fn place<'a>(mut ids: impl Iterator<Item = &'a str>, id: &str) -> usize {
    ids.position(|known| known == id).expect("embedded lists name only keys they hold")
}

fn number(text: &str) -> i64 {
    text.parse().expect("embedded list holds whole numbers here")
}

/// `1250.5` as thousandths.
fn thousandths(text: &str) -> i64 {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    number(whole) * 1000 + number(&format!("{part:0<3}"))
}

fn range(text: &str) -> (i64, i64) {
    let (low, high) = text.split_once('-').expect("embedded list holds ranges here");
    (number(low), number(high))
}

fn list(text: &'static str) -> impl Iterator<Item = &'static str> {
    text.split('|').filter(|part| !part.is_empty())
}

fn date(text: &str) -> Day {
    text.parse::<Date>().expect("embedded list holds dates here").number()
}

fn read() -> Lists {
    let indicators = read_indicators();
    let services = read_services(&indicators);
    let drugs = read_drugs();
    let diagnoses = read_diagnoses(&drugs, &services);
    let mut names: HashMap<&str, Words> = HashMap::new();
    for row in rows(include_str!("../../../../content/synth/names.csv")) {
        let words = names.entry(row[0]).or_default();
        words.texts.push(row[1]);
        words.weights.push(number(row[2]) as u32);
    }
    let mut take = |kind: &str| names.remove(kind).unwrap_or_default();
    let mut holidays: Vec<Day> =
        rows(include_str!("../../../../content/holidays.csv")).iter().map(|row| date(row[0])).collect();
    holidays.sort_unstable();
    let wanted: Vec<&str> = diagnoses.iter().flat_map(|d| d.also.iter().copied().chain([d.code])).collect();
    let icd = rows(include_str!("../../../../content/icd10-vn.csv"))
        .into_iter()
        .filter(|row| wanted.contains(&row[0]))
        .map(|row| (row[0], row[1]))
        .collect();
    Lists {
        surnames: take("surname"),
        middle: [take("middle_m"), take("middle_f")],
        given: [take("given_m"), take("given_f")],
        tet: rows(include_str!("../../../../content/tet.csv")).iter().map(|row| date(row[1])).collect(),
        notifiable: rows(include_str!("../../../../content/notifiable.csv")).iter().map(|row| row[0]).collect(),
        supplies: read_supplies(),
        drugs,
        services,
        indicators,
        diagnoses,
        icd,
        holidays,
    }
}

fn read_drugs() -> Vec<Drug> {
    let antibiotics: Vec<String> =
        rows(include_str!("../../../../content/antibiotics.csv")).iter().map(|row| plain_words(row[0])).collect();
    rows(include_str!("../../../../content/synth/drugs.csv"))
        .into_iter()
        .map(|row| Drug {
            id: row[0],
            code: row[1],
            name: row[2],
            strength: row[3],
            unit: row[4],
            route: row[5],
            form: row[6],
            given: match row[7] {
                "oral" => Given::Oral,
                "inhaled" => Given::Inhaled,
                _ => Given::Injected,
            },
            registration: row[8],
            price: thousandths(row[9]),
            per_day: thousandths(row[10]),
            take: thousandths(row[11]),
            antibiotic: {
                let name = plain_words(row[2]);
                antibiotics.iter().any(|known| name.contains(known.as_str()))
            },
        })
        .collect()
}

fn read_indicators() -> Vec<Indicator> {
    rows(include_str!("../../../../content/synth/indicators.csv"))
        .into_iter()
        .map(|row| Indicator {
            code: row[0],
            name: row[1],
            unit: row[2],
            range: if row[3].is_empty() { (0, 0) } else { (number(row[3]), number(row[4])) },
            decimals: row[5].parse().unwrap_or(0),
            choices: list(row[6]).collect(),
        })
        .collect()
}

fn read_services(indicators: &[Indicator]) -> Vec<Service> {
    rows(include_str!("../../../../content/synth/services.csv"))
        .into_iter()
        .map(|row| Service {
            id: row[0],
            code: row[1],
            group: number(row[2]) as u8,
            name: row[3],
            unit: row[4],
            price: thousandths(row[5]),
            department: number(&row[6][1..]) as u8,
            machine: row[7],
            shows: match row[8].strip_prefix('=').and_then(|reading| reading.split_once('=')) {
                Some((description, conclusion)) => Shows::Reading(description, conclusion),
                None if row[8].is_empty() => Shows::Nothing,
                None => Shows::Panel(list(row[8]).map(|code| place(indicators.iter().map(|i| i.code), code)).collect()),
            },
            icd9: row[9],
        })
        .collect()
}

fn read_supplies() -> Vec<Supply> {
    rows(include_str!("../../../../content/synth/supplies.csv"))
        .into_iter()
        .map(|row| Supply { id: row[0], code: row[1], name: row[2], unit: row[3], price: thousandths(row[4]) })
        .collect()
}

fn read_diagnoses(drugs: &[Drug], services: &[Service]) -> Vec<Diagnosis> {
    let drug = |id: &str| place(drugs.iter().map(|d| d.id), id);
    let service = |id: &str| place(services.iter().map(|s| s.id), id);
    // The basic blood chemistry of a first visit is five services.
    let tests = |id: &'static str| match id {
        "BIO" => ["GLU", "URE", "CRE", "AST", "ALT"].map(service).to_vec(),
        other => vec![service(other)],
    };
    rows(include_str!("../../../../content/synth/diagnoses.csv"))
        .into_iter()
        .map(|row| Diagnosis {
            code: row[0],
            name: row[1],
            reason: row[2],
            sex: match row[3] {
                "M" => 1,
                "F" => 2,
                _ => 0,
            },
            age: (range(row[4]).0 as i32, range(row[4]).1 as i32),
            places: row[5],
            weight: number(row[6]) as u32,
            season: season(row[7]),
            inpatient: number(row[8]) as u32,
            stay: range(row[9]),
            emergency: number(row[10]) as u32,
            deaths: number(row[11]) as u32,
            department: number(&row[12][1..]) as u8,
            drugs: list(row[13]).map(drug).collect(),
            inpatient_drugs: list(row[14]).map(drug).collect(),
            tests: list(row[15]).flat_map(tests).collect(),
            operation: row[16].split_once(':').map(|(id, share)| (service(id), number(share) as u32)),
            also: list(row[17]).collect(),
            injury: number(row[18]) as u8,
            chronic: row[19].as_bytes()[0],
        })
        .collect()
}

/// How a kind of illness moves through the year in Huế: percent of its yearly mean, January first.
fn season(name: &str) -> &'static [u32; 12] {
    match name {
        "dengue" => &[20, 15, 15, 20, 30, 45, 70, 120, 190, 260, 250, 160],
        "flu" => &[220, 200, 140, 80, 60, 60, 60, 60, 70, 90, 140, 200],
        "resp" => &[150, 140, 125, 105, 90, 80, 80, 85, 100, 115, 135, 150],
        "hfmd" => &[60, 80, 170, 210, 190, 120, 80, 80, 110, 130, 90, 60],
        "food" => &[50, 50, 70, 110, 160, 190, 190, 170, 120, 90, 60, 50],
        "diarr" => &[80, 85, 100, 115, 125, 125, 120, 110, 100, 95, 90, 80],
        _ => &[100; 12],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_list_is_read_and_its_keys_meet() {
        let lists = lists();
        assert!(lists.drugs.len() > 100 && lists.services.len() > 60 && lists.diagnoses.len() > 100);
        for diagnosis in &lists.diagnoses {
            assert_eq!(lists.icd.get(diagnosis.code), Some(&diagnosis.name), "{}", diagnosis.code);
            assert!(diagnosis.also.iter().all(|code| lists.icd.contains_key(code)), "{}", diagnosis.code);
            assert!(!diagnosis.drugs.is_empty() && !diagnosis.inpatient_drugs.is_empty(), "{}", diagnosis.code);
        }
        assert!(lists.surnames.texts.len() > 30 && lists.given[1].texts.len() > 100);
        assert!(lists.drugs.iter().filter(|d| d.antibiotic).count() > 15);
        assert!(lists.drugs.iter().all(|d| d.code != "40.17" && d.code != "40.573"));
    }

    #[test]
    fn antibiotics_are_found_as_whole_words() {
        for (id, antibiotic) in [("amcl", true), ("metn", true), ("para", false), ("nacl", false), ("amog", true)] {
            let drug = lists().drugs.iter().find(|d| d.id == id).unwrap();
            assert_eq!(drug.antibiotic, antibiotic, "{}", drug.name);
        }
    }
}
