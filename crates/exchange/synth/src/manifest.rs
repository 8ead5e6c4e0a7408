//! The indicators computed from the generator's own sums, and `manifest.json`.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use crate::calendar::{month_days, month_name};
use crate::province::Province;
use crate::tally::{Measure, Tally};

/// How an indicator is made of measures.
#[derive(Clone, Copy, Debug)]
enum Formula {
    /// A count.
    Count(Measure),
    /// Money, hundredths of đồng, shown in đồng.
    Dong(Measure),
    /// Numerators × scale ÷ denominators.
    Ratio(&'static [Measure], i64, &'static [Measure]),
    /// Bed days by calendar days.
    DailyPatients,
    /// Bed days by beds and calendar days, percent.
    Occupancy,
    /// Change against the same month of last year, percent.
    YearChange,
}

use Measure as M;

/// The indicators of `docs/measures.md`.
const INDICATORS: [(&str, Formula); 35] = [
    ("CD01", Formula::Count(M::OpVisits)),
    ("CD03", Formula::Ratio(&[M::WaitMinutes], 1, &[M::Waits])),
    ("CD05", Formula::Count(M::Admissions)),
    ("CD06", Formula::DailyPatients),
    ("CD08", Formula::Occupancy),
    ("CD09", Formula::Ratio(&[M::StayDays], 1, &[M::Discharges])),
    ("CD10", Formula::Count(M::Emergencies)),
    ("CD11", Formula::Count(M::ReferralsOut)),
    ("CD12", Formula::Ratio(&[M::ReferralsOut], 100, &[M::OpVisits, M::Discharges])),
    ("CD13", Formula::Count(M::Operations)),
    ("CD14", Formula::Ratio(&[M::Caesareans], 100, &[M::Deliveries])),
    ("CD15", Formula::Count(M::Deaths)),
    ("CD18", Formula::YearChange),
    ("BH02", Formula::Dong(M::Insurer)),
    // Hundredths of đồng: the scale brings them to đồng.
    ("BH04", Formula::Ratio(&[M::OpCost], -100, &[M::OpClosed])),
    ("BH05", Formula::Ratio(&[M::IpCost], -100, &[M::Discharges])),
    ("BH06", Formula::Ratio(&[M::OnTime], 100, &[M::Closed])),
    ("BH07", Formula::Ratio(&[M::Refused], 100, &[M::Received])),
    ("EH02", Formula::Ratio(&[M::WithNationalId], 100, &[M::Closed])),
    ("PC02", Formula::Count(M::StationVisits)),
    ("PC04", Formula::Ratio(&[M::HtnBpOk], 100, &[M::HtnBp])),
    ("PC06", Formula::Ratio(&[M::DmA1cOk], 100, &[M::DmA1c])),
    ("PC07", Formula::Count(M::CopdAsthma)),
    ("PC08", Formula::Count(M::MentalTreated)),
    ("PC10", Formula::Ratio(&[M::BirthsAttended], 100, &[M::Births])),
    ("PC11", Formula::Ratio(&[M::BirthsLowWeight], 100, &[M::Births])),
    ("PC13", Formula::Count(M::MaternalInfantDeaths)),
    ("PC14", Formula::Count(M::Injuries)),
    ("SV01", Formula::Count(M::Notifiable)),
    ("SV02", Formula::Count(M::NotifiableDeaths)),
    ("SV09", Formula::Count(M::Dengue)),
    ("SV10", Formula::Count(M::FoodPoisoning)),
    ("DR04", Formula::Ratio(&[M::OpWithAntibiotic], 100, &[M::OpWithDrugs])),
    ("DR07", Formula::Ratio(&[M::DrugCost], 100, &[M::Cost])),
    ("FI01", Formula::Dong(M::Cost)),
];

/// An exact value: ten-thousandths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Value(pub i64);

impl std::fmt::Display for Value {
    /// A JSON number without needless digits.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let (whole, part) = (self.0.unsigned_abs() / 10_000, self.0.unsigned_abs() % 10_000);
        if part == 0 {
            write!(f, "{sign}{whole}")
        } else {
            write!(f, "{sign}{whole}.{}", format!("{part:04}").trim_end_matches('0'))
        }
    }
}

/// `numerator ÷ denominator` in ten-thousandths, half away from zero.
fn divide(numerator: i128, denominator: i128) -> Value {
    let scaled = numerator * 10_000;
    // Twice the remainder decides, so that odd denominators round rightly too.
    let (whole, rest) = (scaled / denominator, scaled % denominator);
    let away = if rest.abs() * 2 >= denominator { scaled.signum() } else { 0 };
    Value((whole + away) as i64)
}

/// A unit of the tally: one facility, or all of them.
#[derive(Clone, Copy, Debug)]
pub enum Unit {
    /// One facility.
    Facility(usize),
    /// The province.
    Province,
}

/// Reads sums and computes indicators.
#[derive(Debug)]
pub struct Figures<'a> {
    /// Facilities and their beds.
    pub province: &'a Province,
    /// The sums.
    pub tally: &'a Tally,
}

impl Figures<'_> {
    fn sum(&self, unit: Unit, month: i32, measure: Measure) -> i128 {
        match unit {
            Unit::Facility(place) => i128::from(self.tally.get(place, month, measure)),
            Unit::Province => {
                (0..self.province.facilities.len()).map(|place| i128::from(self.tally.get(place, month, measure))).sum()
            }
        }
    }

    /// Bed days and beds of the facilities that have beds.
    fn bedded(&self, unit: Unit, month: i32) -> (i128, i128) {
        let all = 0..self.province.facilities.len();
        let places = match unit {
            Unit::Facility(place) => place..place + 1,
            Unit::Province => all,
        };
        places
            .filter(|&place| self.province.facilities[place].beds > 0)
            .map(|place| {
                let days = i128::from(self.tally.get(place, month, M::BedDays));
                (days, i128::from(self.province.facilities[place].beds))
            })
            .fold((0, 0), |sum, each| (sum.0 + each.0, sum.1 + each.1))
    }

    fn value(&self, formula: Formula, unit: Unit, month: i32) -> Option<Value> {
        let days = i128::from(month_days(month));
        let sums = |measures: &[Measure]| measures.iter().map(|&m| self.sum(unit, month, m)).sum::<i128>();
        let (numerator, denominator) = match formula {
            Formula::Count(measure) => (self.sum(unit, month, measure), 1),
            Formula::Dong(measure) => (self.sum(unit, month, measure), 100),
            Formula::Ratio(top, scale, below) if scale < 0 => (sums(top), sums(below) * i128::from(-scale)),
            Formula::Ratio(top, scale, below) => (sums(top) * i128::from(scale), sums(below)),
            Formula::DailyPatients => (self.sum(unit, month, M::BedDays), days),
            Formula::Occupancy => {
                let (bed_days, beds) = self.bedded(unit, month);
                (bed_days * 100, beds * days)
            }
            Formula::YearChange => {
                let before = self.sum(unit, month - 12, M::OpVisits);
                ((self.sum(unit, month, M::OpVisits) - before) * 100, before)
            }
        };
        let counted =
            matches!(formula, Formula::Count(_) | Formula::Dong(_) | Formula::DailyPatients | Formula::Occupancy);
        (denominator != 0 && !(counted && numerator == 0)).then(|| divide(numerator, denominator))
    }

    /// Every value there is: indicator, unit, month.
    pub fn each(
        &self,
        mut give: impl FnMut(&'static str, Unit, i32, Value) -> std::io::Result<()>,
    ) -> std::io::Result<()> {
        let facilities = (0..self.province.facilities.len()).map(Unit::Facility);
        for unit in facilities.chain([Unit::Province]) {
            for (id, formula) in INDICATORS {
                for month in self.tally.months() {
                    if let Some(value) = self.value(formula, unit, month) {
                        give(id, unit, month, value)?;
                    }
                }
            }
        }
        Ok(())
    }
}

/// A claim damaged on purpose.
#[derive(Clone, Debug)]
pub struct Defect {
    /// Code of the facility that sent it.
    pub facility: &'static str,
    /// `MA_LK`.
    pub link: String,
    /// What was done.
    pub kind: &'static str,
    /// Tag and rule it breaks.
    pub hint: &'static str,
}

/// The head of a manifest.
#[derive(Clone, Debug, Default)]
pub struct Head {
    /// Claims written.
    pub dossiers: u64,
    /// People named.
    pub people: u64,
    /// Seed.
    pub seed: u64,
    /// First and last day.
    pub days: (String, String),
    /// Files written.
    pub files: u64,
}

/// Writes a manifest.
///
/// # Errors
/// What the file system says.
pub fn write(path: &Path, head: &Head, figures: &Figures, defects: &[Defect]) -> std::io::Result<()> {
    let mut out = BufWriter::new(File::create(path)?);
    write!(
        out,
        "{{\n\"dossiers\":{},\n\"people\":{},\n\"seed\":{},\n\"from\":\"{}\",\n\"to\":\"{}\",\n\"files\":{},\n\"cells\":[",
        head.dossiers, head.people, head.seed, head.days.0, head.days.1, head.files
    )?;
    let mut first = true;
    let mut province = false;
    figures.each(|id, unit, month, value| {
        let name = month_name(month);
        match unit {
            Unit::Facility(place) => {
                let code = figures.province.facilities[place].code;
                let comma = if std::mem::take(&mut first) { "" } else { "," };
                write!(
                    out,
                    "{comma}\n{{\"indicator\":\"{id}\",\"facility\":\"{code}\",\"month\":\"{name}\",\"value\":{value}}}"
                )
            }
            Unit::Province => {
                let comma = if province { "," } else { "\n],\n\"province\":[" };
                province = true;
                write!(out, "{comma}\n{{\"indicator\":\"{id}\",\"month\":\"{name}\",\"value\":{value}}}")
            }
        }
    })?;
    write!(out, "{}\n],\n\"defects\":[", if province { "" } else { "\n],\n\"province\":[" })?;
    for (place, defect) in defects.iter().enumerate() {
        let comma = if place == 0 { "" } else { "," };
        write!(
            out,
            "{comma}\n{{\"facility\":\"{}\",\"ma_lk\":\"{}\",\"kind\":\"{}\",\"rule_hint\":\"{}\"}}",
            defect.facility, defect.link, defect.kind, defect.hint
        )?;
    }
    out.write_all(b"\n]\n}\n")?;
    out.into_inner().map_err(std::io::IntoInnerError::into_error)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_round_half_away_from_zero() {
        for (top, below, text) in [
            (1, 3, "0.3333"),
            (2, 3, "0.6667"),
            (-2, 3, "-0.6667"),
            (1, 20_000, "0.0001"),
            (-1, 20_000, "-0.0001"),
            (1, 20_001, "0"),
            (700, 7, "100"),
            (125, 100, "1.25"),
            (-5, 10, "-0.5"),
            (123_456_789_012_345, 100, "1234567890123.45"),
        ] {
            assert_eq!(divide(top, below).to_string(), text, "{top} ÷ {below}");
        }
    }
}
