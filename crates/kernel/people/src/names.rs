//! Whether two names, births, sexes or national numbers may be the same person's.

use mach_base::Day;
use mach_base::text::fold;

/// How far two values of one kind agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Agreement {
    /// The same, as far as both are known.
    Same,
    /// Not known on one side: says nothing.
    Unknown,
    /// Different.
    Different,
}

/// A birth date as far as it is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Birth {
    /// The year; 0 where unknown.
    pub year: i32,
    /// The day, where month and day are known.
    pub day: Option<Day>,
}

/// Names shorter than this many letters may differ in one letter, longer ones in two: "Lê An" and "Lê Hà" are two people.
const SHORT_NAME: usize = 9;

/// Compares names without case, marks and punctuation. The same words in another order are the same name, and so is a
/// name with a slip of the pen: one letter wrong, missing or added, in a longer name two.
pub fn compare_names(one: &str, other: &str) -> Agreement {
    let (one, other) = (fold(one), fold(other));
    if one.is_empty() || other.is_empty() {
        return Agreement::Unknown;
    }
    let allowed = if one.len().max(other.len()) < SHORT_NAME { 1 } else { 2 };
    if one == other || same_words(&one, &other) || distance_within(one.as_bytes(), other.as_bytes(), allowed) {
        Agreement::Same
    } else {
        Agreement::Different
    }
}

fn same_words(one: &str, other: &str) -> bool {
    let sorted = |text: &str| {
        let mut words: Vec<String> = text.split(' ').map(str::to_owned).collect();
        words.sort_unstable();
        words
    };
    one.len() == other.len() && sorted(one) == sorted(other)
}

/// Whether at most `allowed` letters must be replaced, added or taken away. Folded Vietnamese is ASCII: bytes are letters.
fn distance_within(one: &[u8], other: &[u8], allowed: usize) -> bool {
    if one.len().abs_diff(other.len()) > allowed {
        return false;
    }
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in other.iter().enumerate() {
            let replaced = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
        if row.iter().all(|d| *d > allowed) {
            return false;
        }
    }
    row[other.len()] <= allowed
}

/// Compares births: by day where both know it, else by year.
pub fn compare_births(one: Birth, other: Birth) -> Agreement {
    match (one.day, other.day) {
        (Some(a), Some(b)) if a == b => Agreement::Same,
        (Some(_), Some(_)) => Agreement::Different,
        _ => compare_years(one, other),
    }
}

/// Compares only the years of two births.
pub fn compare_years(one: Birth, other: Birth) -> Agreement {
    match (one.year, other.year) {
        (0, _) | (_, 0) => Agreement::Unknown,
        (a, b) if a == b => Agreement::Same,
        _ => Agreement::Different,
    }
}

/// Compares sexes (1 male, 2 female; anything else says nothing).
pub fn compare_sexes(one: i64, other: i64) -> Agreement {
    match (one, other) {
        (1 | 2, 1 | 2) if one == other => Agreement::Same,
        (1 | 2, 1 | 2) => Agreement::Different,
        _ => Agreement::Unknown,
    }
}

/// Whether two numbers given out for life (CCCD of 12 digits, CMND of 9, social insurance of 10) name two people: the
/// same kind of number and not the same one. A CMND beside a CCCD, or a passport, contradicts nothing.
pub fn numbers_conflict(one: &str, other: &str) -> bool {
    let digits = |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit());
    one != other && one.len() == other.len() && digits(one) && digits(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_agree_within_a_slip() {
        use Agreement::{Different, Same, Unknown};
        for (one, other, expect) in [
            ("Nguyễn Thị Hoa", "NGUYEN THI HOA", Same),
            ("Nguyễn Thị Hoa", "Nguyễn Thị Hoà", Same),
            ("Nguyễn Thị Hoa", "Hoa Nguyễn Thị", Same),
            ("Nguyễn Thị Hoa", "Nguyễn Thị Hòang", Same),
            ("Nguyễn Thị Hoa", "Nguyễn Thị Hường", Different),
            ("Trần Văn Bình", "Trần Van  Bình.", Same),
            ("Trần Văn Bình", "Trần Bình", Different),
            ("Lê An", "Lê Hà", Different),
            ("Lê An", "Lê Anh", Same),
            ("Lê An", "Lê Ân", Same),
            ("", "Lê An", Unknown),
            ("...", "Lê An", Unknown),
            ("Hồ Đắc Đức", "Ho Dac Duc", Same),
        ] {
            assert_eq!(compare_names(one, other), expect, "{one} / {other}");
            assert_eq!(compare_names(other, one), expect, "{other} / {one}");
        }
    }

    #[test]
    fn births_compare_as_far_as_known() {
        use Agreement::{Different, Same, Unknown};
        let year = |year| Birth { year, day: None };
        let full = |text| {
            let day = Day::parse_iso(text).unwrap();
            Birth { year: day.ymd().0, day: Some(day) }
        };
        for (one, other, expect) in [
            (year(1980), year(1980), Same),
            (year(1980), year(1981), Different),
            (year(1980), full("1980-05-01"), Same),
            (full("1980-05-01"), full("1980-05-01"), Same),
            (full("1980-05-01"), full("1980-01-05"), Different),
            (year(0), full("1980-05-01"), Unknown),
        ] {
            assert_eq!(compare_births(one, other), expect, "{one:?} / {other:?}");
            assert_eq!(compare_births(other, one), expect, "{other:?} / {one:?}");
        }
    }

    #[test]
    fn only_numbers_of_one_kind_conflict() {
        for (one, other, expect) in [
            ("046190000001", "046190000002", true),
            ("046190000001", "046190000001", false),
            ("046190000001", "190000001", false),
            ("C1234567", "B7654321", false),
            ("", "046190000001", false),
        ] {
            assert_eq!(numbers_conflict(one, other), expect, "{one} / {other}");
        }
    }
}
