//! A person as pages name them: birth and age, sex, the banner, their numbers in words.

use crate::catalogue::ADULT_YEARS;
use crate::fact::{Concept, Facts, Period, day_of};
use mach_base::{Day, decimal::Decimal};
pub(crate) use mach_house::person::{birth_and_age, birth_day, birth_year, masked_ids, sex};
use mach_people::{Number, NumberKind, PersonRow};
use mach_ui::components::{Allergies, Insurance, PatientBanner};
use mach_ui::{Lang, format, msg};
use serde::Deserialize;

/// What is read of a `Coverage`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct CoverageBody {
    subscriber_id: String,
    period: Period,
}

/// What is read of an `Encounter`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct EncounterBody {
    period: Period,
    hospitalization: Hospitalization,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Hospitalization {
    discharge_disposition: Concept,
}

/// `KET_QUA_DTRI`: died; died outside the hospital.
const DIED: [&str; 2] = ["5", "8"];
const RESULT: &str = "urn:mach:codes:KET_QUA_DTRI";

impl EncounterBody {
    /// The day of death, where this visit ended so.
    fn died(&self) -> Option<Day> {
        let codes = &self.hospitalization.discharge_disposition.coding;
        let died = codes.iter().any(|c| c.system == RESULT && DIED.contains(&c.code.as_str()));
        day_of(&self.period.end).filter(|_| died)
    }
}

/// The day from which reference ranges of adults hold for the person; the year's last day where only that is known.
pub(crate) fn adult_from(person: &PersonRow) -> Option<Day> {
    let of_year = |year: i32| Day::from_ymd(year + ADULT_YEARS, 12, 31);
    match birth_day(person) {
        // Who is born on 29 February comes of age on 1 March.
        Some(born) => {
            let (year, month, day) = born.ymd();
            Day::from_ymd(year + ADULT_YEARS, month, day).or_else(|| Day::from_ymd(year + ADULT_YEARS, 3, 1))
        }
        None => birth_year(person).and_then(of_year),
    }
}

/// The banner, with insurance and death as the newest cards and visit say.
pub(crate) fn banner(
    lang: Lang,
    person: &PersonRow,
    coverage: &Facts<CoverageBody>,
    encounter: &Facts<EncounterBody>,
    today: Day,
) -> PatientBanner {
    let mut banner = plain_banner(lang, person, today);
    banner.insurance = coverage.read.iter().map(|c| insurance(&c.body)).max_by_key(|i| i.until);
    banner.died = encounter.read.first().and_then(|e| e.body.died());
    banner
}

/// The banner of what the person's row alone says. Claims say nothing of allergies: the banner says that it cannot know.
pub(crate) fn plain_banner(lang: Lang, person: &PersonRow, today: Day) -> PatientBanner {
    let mut banner = PatientBanner::new(lang, &person.name, today);
    banner.born = birth_day(person);
    banner.birth_year = birth_year(person);
    banner.sex = sex(person);
    let ids = [(msg::ID_NATIONAL, &person.national), (msg::RECORD_NUMBER_INSURANCE, &person.insurance)];
    banner.ids = ids
        .into_iter()
        .filter_map(|(label, id)| Some((lang.t(label).to_owned(), format::masked(id.as_ref()?))))
        .collect();
    banner.allergies = Allergies::NotAvailable;
    banner
}

/// A card: `GD4` and what the fund pays; cards of ten digits carry neither.
fn insurance(coverage: &CoverageBody) -> Insurance {
    let number = coverage.subscriber_id.as_str();
    let until = day_of(&coverage.period.end);
    let old =
        number.len() == 15 && number.is_char_boundary(3) && number.as_bytes()[..2].iter().all(u8::is_ascii_alphabetic);
    if !old {
        return Insurance { code: format::masked(number), percent: None, until };
    }
    // QĐ 1351/QĐ-BHXH of 2015: the third character is the level of benefit.
    let percent = match number.as_bytes()[2] {
        b'1' | b'2' | b'5' => Some(100),
        b'3' => Some(95),
        b'4' => Some(80),
        _ => None,
    };
    Insurance { code: number[..3].to_owned(), percent, until }
}

/// What a number is, in words; `facility` names the facility that gave it.
pub(crate) fn number_label(lang: Lang, number: &Number, facility: &str) -> String {
    match number.kind {
        NumberKind::National => lang.t(msg::RECORD_NUMBER_NATIONAL).to_owned(),
        NumberKind::Insurance => lang.t(msg::RECORD_NUMBER_INSURANCE).to_owned(),
        NumberKind::Phone => lang.t(msg::RECORD_NUMBER_PHONE).to_owned(),
        NumberKind::Local | NumberKind::Alone => lang.fmt(msg::RECORD_NUMBER_LOCAL, &[("facility", facility)]),
    }
}

/// Money as a decimal, for lengths of bars.
pub(crate) fn amount(money: mach_base::decimal::Money) -> Decimal {
    Decimal { units: money.0, scale: 2 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Day {
        Day::parse_iso(text).unwrap()
    }

    #[test]
    fn cards_tell_their_level() {
        for (number, code, percent) in [
            ("GD4464621234567", "GD4", Some(80)),
            ("HN3464621234567", "HN3", Some(95)),
            ("TE1464621234567", "TE1", Some(100)),
            ("4620000001", "462•••001", None),
            ("", "", None),
        ] {
            let card = insurance(&CoverageBody { subscriber_id: number.into(), ..CoverageBody::default() });
            assert_eq!((card.code.as_str(), card.percent), (code, percent), "{number}");
        }
    }

    #[test]
    fn adults_from_their_sixteenth_birthday() {
        let born =
            |text: &str| PersonRow { birth_day: Some(day(text).0.into()), birth_year: 2010, ..PersonRow::default() };
        let year = PersonRow { birth_year: 2010, ..PersonRow::default() };
        for (person, expect) in [
            (born("2010-03-18"), Some("2026-03-18")),
            (born("2008-02-29"), Some("2024-02-29")),
            (born("1884-02-29"), Some("1900-03-01")),
            (year, Some("2026-12-31")),
            (PersonRow::default(), None),
        ] {
            assert_eq!(adult_from(&person), expect.map(day));
        }
    }

    #[test]
    fn death_is_read_from_the_visit() {
        for (system, code, expect) in
            [(RESULT, "5", Some("2026-03-18")), (RESULT, "1", None), ("urn:mach:codes:MA_LOAI_RV", "5", None)]
        {
            let json = format!(
                r#"{{"period":{{"end":"2026-03-18T10:00:00+07:00"}},"hospitalization":{{"dischargeDisposition":
                    {{"coding":[{{"system":"{system}","code":"{code}"}}]}}}}}}"#
            );
            let visit: EncounterBody = serde_json::from_str(&json).unwrap();
            assert_eq!(visit.died(), expect.map(day), "{system} {code}");
        }
    }
}
