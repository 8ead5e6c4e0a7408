//! The patient banner: the guard against the wrong patient.

use askama::Template;

use crate::components::Icon;
use crate::html::component;
use crate::{Lang, format, msg};
use mach_base::Day;

/// Administrative sex.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sex {
    /// Male (`GIOI_TINH` 1).
    Male,
    /// Female (`GIOI_TINH` 2).
    Female,
    /// Neither (`GIOI_TINH` 3 where the form says so).
    Other,
    /// Not known.
    Unknown,
}

impl Sex {
    /// In words.
    pub fn text(self, lang: Lang) -> &'static str {
        lang.t(match self {
            Self::Male => msg::SEX_MALE,
            Self::Female => msg::SEX_FEMALE,
            Self::Other => msg::SEX_OTHER,
            Self::Unknown => msg::SEX_UNKNOWN,
        })
    }
}

/// What is known of allergies. The four are never confused: silence is not safety (NHS CUI PAB-0064).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Allergies {
    /// These are known, each with reaction and year where they are known.
    Known(Vec<String>),
    /// Asked, and there is none.
    NoneKnown,
    /// Nobody asked.
    NotAsked,
    /// Asked somewhere that cannot be read now.
    NotAvailable,
}

/// Health insurance (BHYT) on the day of looking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Insurance {
    /// Code and level as on the card: `GD4`.
    pub code: String,
    /// What the fund pays, in hundredths.
    pub percent: Option<u32>,
    /// The last day it is valid.
    pub until: Option<Day>,
}

/// Who this is, in the one order of every page: name, birth and age, sex, ids, insurance, bed, weight, allergies.
#[derive(Clone, Debug, Template)]
#[template(path = "components/patient.html")]
pub struct PatientBanner {
    /// The reader's language.
    pub lang: Lang,
    /// Full name; shown in capitals.
    pub name: String,
    /// Day of birth, where it is known.
    pub born: Option<Day>,
    /// Year of birth, where only that is known.
    pub birth_year: Option<i32>,
    /// The day of looking; ages are of this day.
    pub today: Day,
    /// Administrative sex.
    pub sex: Sex,
    /// Label and number, already masked ([`format::masked`]) where the reader may not see all of it.
    pub ids: Vec<(String, String)>,
    /// Insurance in force or expired.
    pub insurance: Option<Insurance>,
    /// Ward and bed.
    pub ward_bed: Option<String>,
    /// Weight with unit; on every child's banner where it is known.
    pub weight: Option<String>,
    /// Allergies.
    pub allergies: Allergies,
    /// Weeks, in words.
    pub pregnancy: Option<String>,
    /// Isolation, in words.
    pub infection: Option<String>,
    /// The day of death.
    pub died: Option<Day>,
}
component!(PatientBanner);

impl PatientBanner {
    /// A banner with a name and nothing else known.
    pub fn new(lang: Lang, name: impl Into<String>, today: Day) -> Self {
        Self {
            lang,
            name: name.into(),
            born: None,
            birth_year: None,
            today,
            sex: Sex::Unknown,
            ids: Vec::new(),
            insurance: None,
            ward_bed: None,
            weight: None,
            allergies: Allergies::NotAsked,
            pregnancy: None,
            infection: None,
            died: None,
        }
    }

    fn sex_text(&self) -> &'static str {
        self.sex.text(self.lang)
    }

    fn capitals(&self) -> String {
        self.name.to_uppercase()
    }

    /// Year, or the whole day under 72 months, where the year says too little.
    fn birth(&self) -> String {
        match (self.born, self.birth_year) {
            (Some(day), _) if self.today.0 - day.0 < 6 * 366 => day.vi(),
            (Some(day), _) => day.ymd().0.to_string(),
            (None, Some(year)) => year.to_string(),
            (None, None) => self.lang.t(msg::BIRTH_UNKNOWN).to_owned(),
        }
    }

    fn age(&self) -> String {
        let on = self.died.unwrap_or(self.today);
        match (self.born, self.birth_year) {
            (Some(day), _) => format::age(self.lang, day, on),
            (None, Some(year)) => format::age_of_year(self.lang, year, on),
            (None, None) => String::new(),
        }
    }

    fn insurance_level(&self, card: &Insurance) -> String {
        match card.percent {
            Some(p) => self.lang.fmt(msg::INSURANCE_LEVEL, &[("code", &card.code), ("percent", &p.to_string())]),
            None => card.code.clone(),
        }
    }

    fn insurance_until(&self, card: &Insurance) -> String {
        card.until.map_or(String::new(), |day| {
            let message = if day < self.today { msg::INSURANCE_EXPIRED } else { msg::INSURANCE_UNTIL };
            self.lang.fmt(message, &[("date", &day.vi())])
        })
    }

    fn allergy_text(&self) -> String {
        match &self.allergies {
            Allergies::Known(list) => self.lang.fmt(msg::ALLERGY_KNOWN, &[("list", &list.join("; "))]),
            Allergies::NoneKnown => self.lang.t(msg::ALLERGY_NONE).to_owned(),
            Allergies::NotAsked => self.lang.t(msg::ALLERGY_NOT_ASKED).to_owned(),
            Allergies::NotAvailable => self.lang.t(msg::ALLERGY_UNAVAILABLE).to_owned(),
        }
    }

    fn allergy_class(&self) -> &'static str {
        match self.allergies {
            Allergies::Known(_) => "known",
            Allergies::NoneKnown => "none",
            Allergies::NotAsked => "not-asked",
            Allergies::NotAvailable => "unavailable",
        }
    }

    fn died_text(&self) -> Option<String> {
        self.died.map(|day| self.lang.fmt(msg::DECEASED, &[("date", &day.vi())]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Html;

    fn day(text: &str) -> Day {
        Day::parse_iso(text).unwrap()
    }

    fn banner() -> PatientBanner {
        let mut b = PatientBanner::new(Lang::Vi, "Trần Thị Ngọc <Ánh>", day("2026-03-18"));
        b.born = Some(day("1962-06-01"));
        b.sex = Sex::Female;
        b.ids = vec![("CCCD".into(), format::masked("046162000217"))];
        b.insurance = Some(Insurance { code: "GD4".into(), percent: Some(80), until: Some(day("2026-12-31")) });
        b
    }

    #[test]
    fn the_order_is_always_the_same() {
        let html = Html::from(banner()).to_string();
        let parts = [
            "TRẦN THỊ NGỌC &#60;ÁNH&#62;",
            "1962",
            "63\u{a0}tuổi",
            "Nữ",
            "046162•••217",
            "GD4 · 80 %",
            "31/12/2026",
            "Chưa hỏi dị ứng",
        ];
        let found: Vec<_> = parts.iter().map(|p| html.find(p).unwrap_or_else(|| panic!("{p} in {html}"))).collect();
        assert!(found.is_sorted(), "{found:?}");
    }

    #[test]
    fn four_states_of_allergy_differ() {
        for (state, class, text) in [
            (
                Allergies::Known(vec!["penicillin (phản vệ, 2019)".into(), "<x>".into()]),
                "known",
                "penicillin (phản vệ, 2019); &#60;x&#62;",
            ),
            (Allergies::NoneKnown, "none", "Không có dị ứng đã biết"),
            (Allergies::NotAsked, "not-asked", "Chưa hỏi dị ứng"),
            (Allergies::NotAvailable, "unavailable", "Không lấy được"),
        ] {
            let html = Html::from(PatientBanner { allergies: state, ..banner() }).to_string();
            assert!(html.contains(&format!("allergy {class}\"")) && html.contains(text), "{html}");
        }
    }

    #[test]
    fn little_ones_and_unknowns() {
        let child = PatientBanner { born: Some(day("2025-10-01")), weight: Some("7,2 kg".into()), ..banner() };
        let html = Html::from(child).to_string();
        assert!(html.contains("01/10/2025") && html.contains("5\u{a0}tháng") && html.contains("7,2 kg"), "{html}");
        let unknown = Html::from(PatientBanner::new(Lang::Vi, "A", day("2026-01-01"))).to_string();
        assert!(unknown.contains("Chưa rõ năm sinh") && unknown.contains("Chưa rõ giới tính"), "{unknown}");
        let expired = PatientBanner { today: day("2027-01-01"), ..banner() };
        assert!(Html::from(expired).as_str().contains("hết hạn 31/12/2026"));
    }
}
