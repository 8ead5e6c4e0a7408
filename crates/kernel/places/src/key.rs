//! The key under which the database keeps a place.

use std::fmt;

use mach_base::Day;

/// Which set of codes a place belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Era {
    /// Until 2025-06-30: provinces, districts, communes.
    Districts,
    /// From 2025-07-01 (Law 72/2025/QH15): provinces and communes.
    TwoLevels,
}

impl Era {
    /// 2025-07-01.
    pub const CHANGE: Day = Day(20_270);

    /// The era that `day` lies in.
    pub fn of(day: Day) -> Self {
        if day < Self::CHANGE { Self::Districts } else { Self::TwoLevels }
    }

    /// The other one.
    pub fn other(self) -> Self {
        match self {
            Self::Districts => Self::TwoLevels,
            Self::TwoLevels => Self::Districts,
        }
    }
}

/// Level of an administrative unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Tỉnh, thành phố trực thuộc trung ương: two digits.
    Province,
    /// Huyện, quận, thị xã, thành phố thuộc tỉnh: three digits, until 2025-06-30.
    District,
    /// Xã, phường, thị trấn, đặc khu: five digits.
    Commune,
}

impl Level {
    const ALL: [Self; 3] = [Self::Province, Self::District, Self::Commune];

    /// As the lists write it.
    pub fn code(self) -> &'static str {
        match self {
            Self::Province => "province",
            Self::District => "district",
            Self::Commune => "commune",
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|l| l.code() == text)
    }

    pub(crate) fn digits(self) -> usize {
        match self {
            Self::Province => 2,
            Self::District => 3,
            Self::Commune => 5,
        }
    }

    /// What sets the keys of this level apart from the others'.
    fn offset(self) -> i64 {
        match self {
            Self::Commune => 0,
            Self::District => 10_000_000,
            Self::Province => 20_000_000,
        }
    }
}

/// A place as the database keeps it: the code as a number × 10 + era (0 until 2025-06-30, 1 from 2025-07-01), plus
/// 10,000,000 for a district and 20,000,000 for a province. Commune 19774 of today is 197741.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PlaceKey(pub i64);

impl PlaceKey {
    /// The key of `code` (2, 3 or 5 digits) in `era`, whether or not such a unit exists.
    pub fn new(code: &str, era: Era) -> Option<Self> {
        let level = Level::ALL.into_iter().find(|l| l.digits() == code.len())?;
        if !code.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let number: i64 = code.parse().ok()?;
        Some(Self(level.offset() + number * 10 + era as i64))
    }

    /// Its level.
    pub fn level(self) -> Level {
        match self.0 / 10_000_000 {
            2 => Level::Province,
            1 => Level::District,
            _ => Level::Commune,
        }
    }

    /// Its era.
    pub fn era(self) -> Era {
        if self.0 % 10 == 0 { Era::Districts } else { Era::TwoLevels }
    }

    /// Its code, with leading zeros.
    pub fn code(self) -> String {
        let level = self.level();
        format!("{:0width$}", (self.0 - level.offset()) / 10, width = level.digits())
    }
}

/// The number that the database keeps.
impl fmt::Display for PlaceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_codes_agree() {
        assert_eq!(Era::CHANGE, Day::from_ymd(2025, 7, 1).unwrap());
        for (code, era, key, level) in [
            ("19774", Era::Districts, 197_740, Level::Commune),
            ("19774", Era::TwoLevels, 197_741, Level::Commune),
            ("00001", Era::Districts, 10, Level::Commune),
            ("001", Era::Districts, 10_000_010, Level::District),
            ("01", Era::TwoLevels, 20_000_011, Level::Province),
            ("46", Era::Districts, 20_000_460, Level::Province),
        ] {
            let made = PlaceKey::new(code, era).unwrap();
            assert_eq!((made.0, made.level(), made.era(), made.code().as_str()), (key, level, era, code));
        }
        for bad in ["", "1", "1234", "123456", "1977a", "+9774", "١٢"] {
            assert_eq!(PlaceKey::new(bad, Era::Districts), None, "{bad}");
        }
    }
}
