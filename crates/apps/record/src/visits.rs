//! Visits on the timeline: claims of all facilities, newest first.

use crate::view::Reading;
use askama::Template;
use mach_base::decimal::Fixed;
use mach_base::{Day, Minute};
use mach_house::facility_name;
use mach_store::claims_list::ClaimRow;
use mach_terms::Icd10;
use mach_ui::components::{Timeline, TimelineItem, Tone, chip};
use mach_ui::{Html, Lang, format, msg};

/// Where a page of visits ends: minute of arrival and number of the claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Before(pub(crate) i64, pub(crate) i64);

impl Before {
    /// From an address: `{arrived}.{claim}`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (arrived, claim) = text.split_once('.')?;
        Some(Self(arrived.parse().ok()?, claim.parse().ok()?))
    }

    /// As addresses write it.
    pub(crate) fn text(self) -> String {
        format!("{}.{}", self.0, self.1)
    }
}

fn arrived(visit: &ClaimRow) -> Day {
    Minute(visit.arrived.unwrap_or_default()).day()
}

fn left(visit: &ClaimRow) -> Day {
    visit.left_day.and_then(|d| i32::try_from(d).ok()).map_or_else(|| arrived(visit), Day)
}

/// What kind of visit it was, with its days where it was a stay.
fn kind(lang: Lang, visit: &ClaimRow) -> String {
    let days = left(visit).0 - arrived(visit).0 + 1;
    match visit.kind.as_str() {
        "03" | "06" if days > 0 => lang.fmt(msg::VISIT_INPATIENT_DAYS, &[("days", &days.to_string())]),
        "03" | "06" | "09" => lang.t(msg::VISIT_INPATIENT).to_owned(),
        "04" => lang.t(msg::VISIT_DAY).to_owned(),
        "07" => lang.t(msg::VISIT_MEDICINES).to_owned(),
        _ => lang.t(msg::VISIT_OUTPATIENT).to_owned(),
    }
}

/// `18/03/2026`, or both ends of a stay.
fn when(visit: &ClaimRow) -> String {
    let (from, to) = (arrived(visit), left(visit));
    match (from.ymd(), to.ymd()) {
        _ if from == to => format::date(from),
        ((year, ..), (same, ..)) if year == same => format!("{} – {}", &format::date(from)[..5], format::date(to)),
        _ => format!("{} – {}", format::date(from), format::date(to)),
    }
}

/// Code and name of a diagnosis: `E11.9 Đái tháo đường …`.
pub(crate) fn diagnosis(lang: Lang, code: &str) -> String {
    let icd = Icd10::shared();
    match icd.get(code).or_else(|| icd.category(code)) {
        Some(d) => format!("{code} {}", lang.pick(&*d.name_vi, &*d.name_en)),
        None => code.to_owned(),
    }
}

#[derive(Template)]
#[template(path = "visit.html")]
struct VisitText {
    diagnosis: String,
    cost: String,
    source: String,
}

/// The timeline of `visits`.
pub(crate) fn timeline(reading: Reading, visits: &[ClaimRow]) -> Timeline {
    let lang = reading.lang;
    let item = |visit: &ClaimRow| TimelineItem {
        day: arrived(visit).to_string(),
        when: when(visit),
        title: kind(lang, visit),
        href: reading.claim_href(Some(visit.id)),
        place: chip(Tone::Info, &facility_name(&visit.facility)),
        text: Html::template(&VisitText {
            diagnosis: diagnosis(lang, &visit.main_dx),
            cost: format::money(lang, Fixed(visit.cost)),
            source: lang.fmt(
                msg::PROVENANCE_OF,
                &[
                    ("claim", &visit.link),
                    ("table", "XML1"),
                    ("line", "1"),
                    ("version", &visit.accepted.unwrap_or(visit.version).to_string()),
                ],
            ),
        }),
    };
    Timeline { lang, items: visits.iter().map(item).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mach_store::claims::State;

    fn visit(kind: &str, from: &str, to: &str) -> ClaimRow {
        let day = |text: &str| i64::from(Day::parse_iso(text).unwrap().0);
        ClaimRow {
            id: 1,
            facility: "46001".into(),
            facility_id: 1,
            link: "LK".into(),
            keyed: true,
            version: 1,
            state: State::Accepted,
            accepted: Some(1),
            person: Some(1),
            at: 0,
            layout: "130".into(),
            kind: kind.into(),
            arrived: Some(day(from) * 1440 + 480),
            left_day: Some(day(to)),
            main_dx: "I10".into(),
            cost: 100,
            insurer: 80,
            lines: 1,
            refusals: 0,
            warnings: 0,
        }
    }

    #[test]
    fn visits_in_words() {
        for (code, from, to, title, days) in [
            ("01", "2026-03-18", "2026-03-18", "Khám ngoại trú", "18/03/2026"),
            ("03", "2025-12-11", "2025-12-15", "Nội trú 5 ngày", "11/12 – 15/12/2025"),
            ("03", "2025-12-30", "2026-01-02", "Nội trú 4 ngày", "30/12/2025 – 02/01/2026"),
            ("04", "2026-03-18", "2026-03-18", "Điều trị ban ngày", "18/03/2026"),
            ("07", "2026-03-18", "2026-03-18", "Cấp thuốc", "18/03/2026"),
            ("09", "2026-03-18", "2026-03-18", "Nội trú", "18/03/2026"),
        ] {
            let visit = visit(code, from, to);
            assert_eq!((kind(Lang::Vi, &visit).as_str(), when(&visit).as_str()), (title, days), "{code}");
        }
    }

    #[test]
    fn cursors_come_back() {
        let before = Before(29_000_000, 12);
        assert_eq!(Before::parse(&before.text()), Some(before));
        for bad in ["", "1", "1.", "a.b"] {
            assert_eq!(Before::parse(bad), None, "{bad}");
        }
    }
}
