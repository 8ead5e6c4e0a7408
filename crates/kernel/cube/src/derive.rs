//! The rules of measures that are algorithms: what implementers of [`crate::subject::Subject`] compute with.

use mach_base::{Day, Decimal};

/// The smallest n for which `written` is not after the n-th working day after `left`; 0 where it is not after `left`.
///
/// `works` tells working days: Monday to Friday that are no public holiday. A claim is on time where n ≤ 7.
pub fn working_days_to_send(left: Day, written: Day, works: impl Fn(Day) -> bool) -> i64 {
    if written <= left {
        return 0;
    }
    // Past ten weeks the exact number tells nothing more and the loop must end.
    let last = written.0.min(left.0.saturating_add(70));
    1 + (left.0 + 1..last).filter(|d| works(Day(*d))).count() as i64
}

/// Systolic and diastolic pressure in mmHg of a note: the first `HA` followed by `nnn/nn` (`HA120/70`, `HA: 120/70`).
pub fn blood_pressure(note: &str) -> Option<(i64, i64)> {
    let mut rest = note;
    while let Some(at) = rest.find("HA") {
        rest = &rest[at + 2..];
        let text = rest.trim_start_matches([' ', ':', '=']);
        if let Some((systolic, after)) = number(text)
            && let Some((diastolic, _)) = after.trim_start().strip_prefix('/').and_then(|t| number(t.trim_start()))
        {
            return Some((systolic, diastolic));
        }
    }
    None
}

/// A number of two or three digits at the start of `text`, and what follows it.
fn number(text: &str) -> Option<(i64, &str)> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    (2..=3).contains(&digits).then(|| text[..digits].parse().ok().map(|n| (n, &text[digits..])))?
}

/// A decimal as thousandths, cut towards zero past the third digit, so that it is below a bound of whole thousandths
/// exactly where the number is; `None` where it is no decimal.
pub fn thousandths(text: &str) -> Option<i64> {
    let Decimal { units, scale } = text.trim().parse().ok()?;
    match scale {
        0..=3 => units.checked_mul(10_i64.pow(3 - scale)),
        _ => 10_i64.checked_pow(scale - 3).map(|by| units.div_euclid(by)),
    }
}

/// The last of `items` by time, the last in order where times are equal; items without a time come first.
pub fn last_by_time<T, K: Ord>(items: impl Iterator<Item = T>, at: impl Fn(&T) -> Option<K>) -> Option<T> {
    items.max_by_key(|item| at(item))
}

/// Whether `folded` holds `name` as whole words; both folded by `mach_base::text::fold`.
pub fn holds_name(folded: &str, name: &str) -> bool {
    if name.is_empty() {
        return false;
    }
    folded.match_indices(name).any(|(at, _)| {
        let starts = at == 0 || folded.as_bytes()[at - 1] == b' ';
        let end = at + name.len();
        starts && (end == folded.len() || folded.as_bytes()[end] == b' ')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Day {
        Day::parse_iso(text).unwrap()
    }

    #[test]
    fn counts_working_days() {
        // 2025-03-10 is a Monday; 2025-03-18 is taken as a holiday.
        let works = |d: Day| d.weekday() < 5 && d != day("2025-03-18");
        for (left, written, want) in [
            ("2025-03-10", "2025-03-09", 0),
            ("2025-03-10", "2025-03-10", 0),
            ("2025-03-10", "2025-03-11", 1),
            ("2025-03-10", "2025-03-20", 7),
            ("2025-03-10", "2025-03-21", 8),
            ("2025-03-14", "2025-03-15", 1),
            ("2025-03-14", "2025-03-17", 1),
            ("2025-03-14", "2025-03-26", 7),
            // Seven working days after Tuesday 25 February end on Thursday 6 March.
            ("2025-02-25", "2025-03-06", 7),
            // Saturday after the seventh working day is late, although no working day passed.
            ("2025-02-26", "2025-03-07", 7),
            ("2025-02-26", "2025-03-08", 8),
        ] {
            assert_eq!(working_days_to_send(day(left), day(written), works), want, "{left} {written}");
        }
        assert!(working_days_to_send(Day(0), Day(i32::MAX), works) > 7);
    }

    #[test]
    fn reads_blood_pressure() {
        for (note, want) in [
            ("M80 HA120/70 T37", Some((120, 70))),
            ("HA: 145 / 95 mmHg", Some((145, 95))),
            ("NHAN XET: HA130/80", Some((130, 80))),
            ("HA 90/60, sau 30 phút HA 110/70", Some((90, 60))),
            ("HA không đo được", None),
            ("120/70", None),
            ("HA1200/70", None),
            ("HA120", None),
            ("", None),
        ] {
            assert_eq!(blood_pressure(note), want, "{note}");
        }
    }

    #[test]
    fn reads_thousandths() {
        for (text, want) in [
            ("6.9", Some(6900)),
            (" 7 ", Some(7000)),
            ("6.99999", Some(6999)),
            ("7,1", None),
            ("cao", None),
            ("", None),
        ] {
            assert_eq!(thousandths(text), want, "{text}");
        }
    }

    #[test]
    fn finds_whole_words() {
        for (folded, name, want) in [
            ("amoxicilin 500mg", "amoxicilin", true),
            ("co amoxicilin", "amoxicilin", true),
            ("amoxicilina 500", "amoxicilin", false),
            ("acid clavulanic amoxicilin 250", "amoxicilin", true),
            ("xamoxicilin amoxicilin", "amoxicilin", true),
            ("thuoc", "", false),
        ] {
            assert_eq!(holds_name(folded, name), want, "{folded}");
        }
    }

    #[test]
    fn takes_the_last_by_time() {
        let notes = [(Some(3), 'a'), (None, 'b'), (Some(5), 'c'), (Some(5), 'd'), (Some(1), 'e')];
        assert_eq!(last_by_time(notes.iter(), |n| n.0).map(|n| n.1), Some('d'));
        assert_eq!(last_by_time([(None::<i32>, 'x'), (None, 'y')].iter(), |n| n.0).map(|n| n.1), Some('y'));
    }
}
