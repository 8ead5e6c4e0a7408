//! Working hours as they are written: `T2-T6 07:00-11:30; T7 07:00-11:00`.

/// Hours of some days.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hours {
    /// Days, Monday is 0.
    pub days: Vec<usize>,
    /// From, `HH:MM`.
    pub from: String,
    /// To, `HH:MM`.
    pub to: String,
}

const VI: [&str; 7] = ["T2", "T3", "T4", "T5", "T6", "T7", "CN"];
/// Days as FHIR codes them (DaysOfWeek).
pub const FHIR: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

fn clock(text: &str) -> Option<String> {
    let (hour, minute) = text.trim().split_once([':', 'h', 'H'])?;
    let minute = if minute.is_empty() { "00" } else { minute };
    let (h, m): (u32, u32) = (hour.parse().ok()?, minute.parse().ok()?);
    (h < 24 && m < 60 && minute.len() == 2 && hour.len() <= 2).then(|| format!("{h:02}:{m:02}"))
}

fn day(text: &str) -> Option<usize> {
    let text = text.trim().to_uppercase();
    let english = FHIR.iter().position(|d| d.eq_ignore_ascii_case(&text));
    VI.iter().position(|d| *d == text).or(english)
}

/// Days: `T2-T6`, `T2, T4, CN`.
pub fn days(text: &str) -> Option<Vec<usize>> {
    let mut all = Vec::new();
    for part in text.split(',').map(str::trim).filter(|p| !p.is_empty()) {
        match part.split_once(['-', '–']) {
            Some((from, to)) => {
                let (from, to) = (day(from)?, day(to)?);
                if from > to {
                    return None;
                }
                all.extend(from..=to);
            }
            None => all.push(day(part)?),
        }
    }
    all.sort_unstable();
    let count = all.len();
    all.dedup();
    (!all.is_empty() && count == all.len()).then_some(all)
}

/// `07:00-11:30`.
fn span(text: &str) -> Option<(String, String)> {
    let (from, to) = text.split_once(['-', '–'])?;
    let (from, to) = (clock(from)?, clock(to)?);
    (from < to).then_some((from, to))
}

/// Hours of these days.
pub fn of(days_text: &str, from: &str, to: &str) -> Option<Hours> {
    let (from, to) = span(&format!("{from}-{to}"))?;
    Some(Hours { days: days(days_text)?, from, to })
}

/// Hours written in one line; `None` where a part cannot be read.
pub fn parse(text: &str) -> Option<Vec<Hours>> {
    let parts = text.split([';', '\n']).map(str::trim).filter(|p| !p.is_empty());
    let read = |part: &str| {
        let (on, at) = part.rsplit_once(' ')?;
        let (from, to) = span(at)?;
        Some(Hours { days: days(on)?, from, to })
    };
    parts.map(read).collect()
}

/// Days as they are written: runs joined.
pub fn days_text(days: &[usize]) -> String {
    let mut out: Vec<String> = Vec::new();
    let mut at = 0;
    while at < days.len() {
        let mut end = at;
        while end + 1 < days.len() && days[end + 1] == days[end] + 1 {
            end += 1;
        }
        let name = |n: usize| VI.get(days[n]).copied().unwrap_or_default();
        match end - at {
            0 => out.push(name(at).to_owned()),
            _ => out.push(format!("{}-{}", name(at), name(end))),
        }
        at = end + 1;
    }
    out.join(",")
}

/// Hours in one line.
pub fn text(hours: &[Hours]) -> String {
    let one = |h: &Hours| format!("{} {}-{}", days_text(&h.days), h.from, h.to);
    hours.iter().map(one).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_are_read_and_written() {
        for (typed, shown) in [
            ("T2-T6 07:00-11:30; t7 7h-11h", "T2-T6 07:00-11:30; T7 07:00-11:00"),
            ("T2,T4,CN 07:30-16:30", "T2,T4,CN 07:30-16:30"),
            ("mon-fri 8:00-17:00", "T2-T6 08:00-17:00"),
        ] {
            let read = parse(typed).unwrap_or_else(|| panic!("{typed}"));
            assert_eq!(text(&read), shown);
            assert_eq!(parse(shown).as_ref(), Some(&read));
        }
        for wrong in [
            "T2",
            "T8 07:00-08:00",
            "T2 08:00-07:00",
            "T2 25:00-26:00",
            "T6-T2 07:00-08:00",
            "T2,T2 7h-8h",
            "T2 7:0-8:00",
        ] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
