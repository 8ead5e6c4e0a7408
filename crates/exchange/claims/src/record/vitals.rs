//! Vital signs written in a note of XML5: `CSST<M75_T37_HA120/70_NT18_HL2>` (convention of QĐ 4750).

use mach_base::Decimal;

/// Vital signs of one note, as far as written and possible.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Vitals {
    /// `M`: pulse, per minute.
    pub pulse: Option<u16>,
    /// `T`: temperature, degrees Celsius.
    pub temperature: Option<Decimal>,
    /// `HA`: systolic and diastolic blood pressure, mmHg.
    pub blood_pressure: Option<(u16, u16)>,
    /// `NT`: breaths per minute.
    pub breaths: Option<u16>,
}

/// The vital signs in a note's text: of the first `CSST<…>`; without one, only a blood pressure `HA120/70` in the text.
/// Values no living person has are left out.
pub fn vitals(text: &str) -> Vitals {
    let mut found = Vitals::default();
    let Some((_, rest)) = text.split_once("CSST<") else {
        found.blood_pressure = text.match_indices("HA").find_map(|(at, _)| pressure(leading(&text[at + 2..])));
        return found;
    };
    let inside = rest.split_once('>').map_or(rest, |(inside, _)| inside);
    for part in inside.split('_').map(str::trim) {
        let digits_at = part.find(|c: char| c.is_ascii_digit()).unwrap_or(part.len());
        let (name, value) = part.split_at(digits_at);
        match name.trim() {
            "M" => found.pulse = whole(value, 20..=300),
            "NT" => found.breaths = whole(value, 4..=120),
            "HA" => found.blood_pressure = pressure(value),
            "T" => found.temperature = degrees(value),
            _ => {}
        }
    }
    found
}

/// What of `text` may be a blood pressure: digits and a slash from its start.
fn leading(text: &str) -> &str {
    let text = text.trim_start_matches([' ', ':']);
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '/').unwrap_or(text.len());
    &text[..end]
}

fn whole(text: &str, possible: std::ops::RangeInclusive<u16>) -> Option<u16> {
    text.parse().ok().filter(|n| possible.contains(n))
}

fn pressure(text: &str) -> Option<(u16, u16)> {
    let (systolic, diastolic) = text.split_once('/')?;
    let (systolic, diastolic) = (whole(systolic, 30..=350)?, whole(diastolic, 10..=250)?);
    (systolic > diastolic).then_some((systolic, diastolic))
}

fn degrees(text: &str) -> Option<Decimal> {
    let decimal: Decimal = text.replace(',', ".").parse().ok()?;
    let tenths = decimal.units.checked_mul(10)?.checked_div(10_i64.checked_pow(decimal.scale)?)?;
    (250..=450).contains(&tenths).then_some(decimal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_convention() {
        let all = Vitals {
            pulse: Some(75),
            temperature: Some(Decimal { units: 37, scale: 0 }),
            blood_pressure: Some((120, 70)),
            breaths: Some(18),
        };
        let none = Vitals::default();
        let pressure = |s, d| Vitals { blood_pressure: Some((s, d)), ..none };
        let warm = |units, scale| Vitals { temperature: Some(Decimal { units, scale }), ..none };
        for (text, expect) in [
            ("CSST<M75_T37_HA120/70_NT18_HL2>", all),
            ("Tỉnh. CSST<M75_T37_HA120/70_NT18_HL2> Tim đều", all),
            ("CSST< M75 _ T37 _ HA120/70 _ NT18", all),
            ("CSST<T37.5>", warm(375, 1)),
            ("CSST<T38,2>", warm(382, 1)),
            ("CSST<T375>", none),
            ("CSST<M7500_HA70/120_NT0>", none),
            ("CSST<HA/70_M_T>", none),
            ("Mạch 80, HA 130/85 mmHg", pressure(130, 85)),
            ("HA120/70", pressure(120, 70)),
            ("KHA thi, HA: 110/60", pressure(110, 60)),
            ("HA bình thường", none),
            ("", none),
        ] {
            assert_eq!(vitals(text), expect, "{text}");
        }
    }
}
