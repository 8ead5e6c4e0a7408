//! Shapes of single values (claims format §4). Pure functions over text; none allocates.

use mach_base::{Day, Minute};

/// How a date field is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DateForm {
    /// `yyyyMMdd`.
    Day,
    /// `yyyyMMddHHmm`.
    Minute,
    /// Either.
    DayOrMinute,
    /// Birth in the 130 family: `yyyyMMddHHmm`, unknown day and month `0000`, unknown time `0000`.
    Birth,
    /// Birth in 4210: `yyyyMMdd`, unknown day and month `0000`, or only the year.
    Birth4210,
}

impl DateForm {
    /// Whether `text` is one, and a real one.
    pub(super) fn fits(self, text: &str) -> bool {
        match self {
            Self::Day => Day::parse_compact(text).is_some(),
            Self::Minute => Minute::parse_compact(text).is_some(),
            Self::DayOrMinute => Self::Day.fits(text) || Self::Minute.fits(text),
            Self::Birth => Self::Minute.fits(text) || text.len() == 12 && year_only(text),
            Self::Birth4210 => Self::Day.fits(text) || year_only(text),
        }
    }

    /// As the message names it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Day => "yyyyMMdd",
            Self::Minute | Self::Birth => "yyyyMMddHHmm",
            Self::DayOrMinute => "yyyyMMdd / yyyyMMddHHmm",
            Self::Birth4210 => "yyyyMMdd / yyyy",
        }
    }
}

/// A year and zeros: the rest is not known.
fn year_only(text: &str) -> bool {
    let (Some(year), Some(rest)) = (text.get(..4), text.get(4..)) else { return false };
    digits(year)
        && ("1800".."2200").contains(&year)
        && rest.bytes().all(|b| b == b'0')
        && [0, 4, 8].contains(&rest.len())
}

/// Shapes that are not numbers, dates or codes of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// `MA_CSKCB` and its kind: five characters.
    Facility,
    /// `MA_GIUONG`.
    Bed,
    /// `GOI_VTYT`.
    Package,
    /// `TT_THAU` of a drug.
    TenderDrug,
    /// `TT_THAU` of a supply.
    TenderSupply,
    /// `SO_DANG_KY`.
    Registration,
    /// `MA_MAY`.
    Machine,
    /// `TUOI_THAI`.
    Gestation,
    /// `MA_KHOA`.
    Department,
    /// `SO_CCCD`.
    NationalId,
    /// `MA_BHXH`.
    SocialId,
    /// `MA_TTDV`.
    HeadId,
    /// Percentages.
    Rate,
}

impl Form {
    /// The rule that speaks where the form is broken.
    pub(super) fn rule(self) -> &'static str {
        match self {
            Self::Facility => "FMT-FACILITY",
            Self::Bed => "FMT-BED",
            Self::Package => "FMT-PACKAGE",
            Self::TenderDrug => "FMT-TENDER-DRUG",
            Self::TenderSupply => "FMT-TENDER-SUPPLY",
            Self::Registration => "FMT-REGISTRATION",
            Self::Machine => "FMT-MACHINE",
            Self::Gestation => "FMT-GESTATION",
            Self::Department => "FMT-DEPARTMENT",
            Self::NationalId => "ID-CCCD",
            Self::SocialId => "ID-BHXH",
            Self::HeadId => "ID-TTDV",
            Self::Rate => "RATE-RANGE",
        }
    }

    /// Whether one value has this form.
    pub(super) fn fits(self, text: &str) -> bool {
        match self {
            Self::Facility => mach_base::text::is_facility_code(text),
            Self::Bed => text.strip_prefix(['H', 'T', 'C', 'K']).is_some_and(|n| n.len() == 3 && digits(n)),
            Self::Package => numbered(text, 'G', 1, 999),
            Self::TenderDrug => tender(text, 1, true),
            Self::TenderSupply => tender(text, 0, false),
            Self::Registration => !text.contains(char::is_whitespace),
            Self::Machine => machine(text),
            // What is no number is the number rule's to say.
            Self::Gestation => text.parse::<i64>().map_or(true, |weeks| (1..=42).contains(&weeks)),
            Self::Department => {
                text.strip_prefix('K').and_then(|rest| rest.get(..2)).is_some_and(digits)
                    && text.bytes().skip(3).all(|b| b.is_ascii_alphanumeric() || b == b'.')
            }
            Self::NationalId => national_id(text),
            Self::SocialId => text.len() == 10 && digits(text) && text != "0000000000",
            Self::HeadId => text.len() == 10 && digits(text),
            Self::Rate => text.parse::<mach_base::Decimal>().map_or(true, |d| {
                // A negative is the sign rule's to say.
                d.units <= 100_i64.saturating_mul(10_i64.checked_pow(d.scale).unwrap_or(i64::MAX))
            }),
        }
    }
}

fn digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

/// `letter` and a number without leading zero (but `0` itself).
fn numbered(text: &str, letter: char, from: u32, to: u32) -> bool {
    let Some(number) = text.strip_prefix(letter) else { return false };
    digits(number)
        && (number == "0" || !number.starts_with('0'))
        && number.parse().is_ok_and(|n| (from..=to).contains(&n))
}

/// 12 or 9 digits, or one capital letter and 7 digits.
pub(super) fn national_id(text: &str) -> bool {
    match text.len() {
        9 | 12 => digits(text),
        8 => text.starts_with(|c: char| c.is_ascii_uppercase()) && text.get(1..).is_some_and(digits),
        _ => false,
    }
}

/// `[A-Z]{2}[1-5]\d{12}`; temporary cards of children (`TE1…`) have the same form.
pub(super) fn card(text: &str) -> bool {
    let b = text.as_bytes();
    b.len() == 15
        && b[..2].iter().all(u8::is_ascii_uppercase)
        && (b'1'..=b'5').contains(&b[2])
        && b[3..].iter().all(u8::is_ascii_digit)
}

/// `decision;G;N;yyyy[;more]`, `document;yyyy` (self-made drug), `decision;G;yyyy` (supply tendered before groups).
fn tender(text: &str, lowest: u32, drug: bool) -> bool {
    let mut parts = [""; 6];
    let mut count = 0;
    for part in text.split(';') {
        if count == parts.len() {
            return false;
        }
        parts[count] = part.trim();
        count += 1;
    }
    let year = |p: &str| p.len() == 4 && digits(p);
    let package = |p: &str| numbered(p, 'G', lowest, 99);
    let group = |p: &str| numbered(p, 'N', lowest, 99);
    let rest = match (count, drug) {
        (2, true) => year(parts[1]),
        (3, false) => package(parts[1]) && year(parts[2]),
        (4, _) => package(parts[1]) && group(parts[2]) && year(parts[3]),
        (5, true) => package(parts[1]) && group(parts[2]) && year(parts[3]) && !parts[4].is_empty(),
        _ => false,
    };
    rest && !parts[0].is_empty()
}

/// `XX.n.YYYYY.Z` or `XX.n.Z`.
fn machine(text: &str) -> bool {
    let mut parts = text.splitn(3, '.');
    let (Some(group), Some(funding), Some(rest)) = (parts.next(), parts.next(), parts.next()) else { return false };
    let name = (1..=4).contains(&group.chars().count()) && group.chars().all(char::is_alphabetic);
    name && matches!(funding, "1" | "2" | "3") && rest.split('.').all(|p| !p.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates() {
        use DateForm::*;
        for (form, good, bad) in [
            (Day, &["20240229"][..], &["20250230", "202501", "2025-1-1", "20250101ab", "202501010000"][..]),
            (Minute, &["202501012359"], &["20250101", "202501012400", "202502300000", "202501010060"]),
            (DayOrMinute, &["20250101", "202501010000"], &["2025010100", "20251301"]),
            (
                Birth,
                &["199001010000", "199000000000", "198512311530"],
                &["1990", "19900101", "199000010000", "000000000000", "19900000000é"],
            ),
            (
                Birth4210,
                &["19900101", "1990", "19900000"],
                &["199001", "19901301", "0000", "199001010000", "199000000000x"],
            ),
        ] {
            for text in good {
                assert!(form.fits(text), "{form:?} {text}");
            }
            for text in bad {
                assert!(!form.fits(text), "{form:?} {text}");
            }
        }
    }

    #[test]
    fn forms() {
        use Form::*;
        for (form, good, bad) in [
            (Facility, &["46001", "46A01", "46000"][..], &["4600", "460011", "4600é", "46 01"][..]),
            (Bed, &["H001", "T012", "C999", "K100"], &["A001", "H01", "H0001", "h001", "H00a"]),
            (Package, &["G1", "G999"], &["G0", "G1000", "1", "G", "g1", "G01"]),
            (
                TenderDrug,
                &["12/QĐ-SYT;G1;N2;2024", "12;G1;N4;2024;46001", "3/VB;2024", "1;G99;N99;2024;G1.23"],
                &[
                    "12;G0;N1;2024",
                    "12;G1;N0;2024",
                    "12;G1;N1;24",
                    ";G1;N1;2024",
                    "12;G1;N1",
                    "a;b;c;d;e;f;g",
                    "12;N1;G1;2024",
                ],
            ),
            (
                TenderSupply,
                &["12.46001;G1;N0;2024", "12;G0;N3;2023", "12;G1;2019"],
                &["12;2024", "12;G1;N1;2024;46001", "12;G100;N1;2024"],
            ),
            (Registration, &["VD-12345-20"], &["VD 12345"]),
            (Machine, &["SH.1.46001.A1", "ĐT.3.5", "MRI.2.46001.SN.1"], &["SH", "SH.4.1", "1.1.1", "SH.1.", "SH.1..1"]),
            (Gestation, &["1", "42"], &["0", "43", "-1"]),
            (Department, &["K01", "K03.1", "K2601"], &["01", "K1", "KHOA", "K01;", "K01 "]),
            (
                NationalId,
                &["012345678901", "123456789", "B1234567"],
                &["12345678", "b1234567", "BB234567", "01234567890a", "C123456é"],
            ),
            (SocialId, &["4620000001"], &["0000000000", "462000001", "46200000012", "462000000a"]),
            (HeadId, &["4620000001", "0000000000"], &["1", "462000000a"]),
            (Rate, &["0", "100", "47.5"], &["101", "100.01"]),
        ] {
            for text in good {
                assert!(form.fits(text), "{form:?} {text}");
            }
            for text in bad {
                assert!(!form.fits(text), "{form:?} {text}");
            }
        }
    }

    #[test]
    fn cards() {
        for (text, good) in [
            ("DN4460012345678", true),
            ("TE1460000000001", true),
            ("DN6460012345678", false),
            ("dn4460012345678", false),
            ("DN446001234567", false),
            ("DN44600123456789", false),
            ("DN446001234567x", false),
        ] {
            assert_eq!(card(text), good, "{text}");
        }
    }
}
